//! What a service says of itself at its root (RFC 8631), and which of its descriptions are one. Pure.
//!
//! Key items: [`read`], the links of an answer to HEAD or GET; [`choose`], one description of each API. A description may be
//! published in several forms; only one is read.

use std::collections::{BTreeMap, BTreeSet};

use super::api_catalog::Api;
use super::{Hint, linkset};
use crate::base::url::Url;
use crate::http::media_type;

/// What the links of an answer say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Root {
    /// The service.
    pub api: Api,
    /// Catalogs that it is in.
    pub catalogs: Vec<Url>,
}

/// Reads the `Link` fields of an answer, joined by commas. `at` is where it was found, `asked` where it was asked for. Links that
/// speak of another resource do not count (RFC 8288 section 3.2). With the bytes of all.
pub fn read(fields: &str, asked: &Url, at: &Url) -> (Root, usize) {
    let mut root =
        Root { api: Api { context: asked.without_fragment().to_owned(), ..Api::default() }, ..Root::default() };
    let linkset = linkset::from_text(fields, at);
    for link in &linkset.links {
        if link.context != at.without_fragment() && link.context != asked.without_fragment() {
            continue;
        }
        match link.is("api-catalog") {
            true => root.catalogs.push(link.target.document()),
            false => root.api.take(link, at),
        }
    }
    (root, linkset.size)
}

/// What is left of the descriptions of one API, and what was left out and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// One of each description.
    pub taken: Vec<Hint>,
    /// A sentence for each that is left out.
    pub notes: Vec<String>,
}

/// Of several forms of one description the best is taken: JSON before YAML, a type that says OpenAPI before one that does not. What a
/// type says is no OpenAPI is left out. `one_api` tells that all are of one API, so that types tell them apart.
pub fn choose(descriptions: &[Hint], one_api: bool) -> Choice {
    let mut choice = Choice::default();
    let (mut known, mut seen): (Vec<&Hint>, BTreeSet<&Url>) = (Vec::new(), BTreeSet::new());
    for hint in descriptions {
        if seen.contains(&hint.url) {
            continue;
        }
        if form(&hint.media_type) == Form::Foreign {
            choice.notes.push(format!("{} is left out: it is `{}`", hint.url.public(), shown(&hint.media_type)));
            continue;
        }
        seen.insert(&hint.url);
        known.push(hint);
    }
    let types_differ = one_api && differ(&known);
    let mut groups: Vec<Vec<&Hint>> = Vec::new();
    // Forms of one description have one stem: no two others are compared.
    let mut by_stem: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for hint in known {
        let near = by_stem.entry(if types_differ { "" } else { stem(&hint.url) }).or_default();
        let same = |nth: &&usize| types_differ || groups[**nth].iter().all(|other| is_form_of(other, hint));
        match near.iter().find(same) {
            Some(&nth) => groups[nth].push(hint),
            None => {
                near.push(groups.len());
                groups.push(vec![hint]);
            }
        }
    }
    for group in groups {
        let Some(best) = group.iter().min_by_key(|hint| form(&hint.media_type)) else { continue };
        let others = group.iter().filter(|hint| hint.url != best.url);
        let left = others
            .map(|other| format!("{} is left out: it is another form of {}", other.url.public(), best.url.public()));
        choice.notes.extend(left);
        choice.taken.push((*best).clone());
    }
    choice
}

/// By preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    OpenApiJson,
    Json,
    /// No type is given: it is seen when it is fetched.
    Unknown,
    OpenApiYaml,
    Yaml,
    /// A type that is no OpenAPI.
    Foreign,
}

fn form(written: &str) -> Form {
    let media = media_type(written);
    let (openapi, json) = (media.contains("openapi") || media.contains("oai."), media.ends_with("json"));
    let yaml = media.ends_with("yaml") || media.ends_with("yml");
    let foreign = [
        "asyncapi", "graphql", "raml", "wsdl", "wadl", "html", "xml", "protobuf", "postman", "schema", "markdown",
        "pdf",
    ];
    match media.as_str() {
        "" | "application/octet-stream" | "text/plain" | "*/*" => Form::Unknown,
        _ if openapi && json => Form::OpenApiJson,
        // `application/vnd.oai.openapi` is YAML.
        _ if openapi => Form::OpenApiYaml,
        _ if foreign.iter().any(|word| media.contains(word)) => Form::Foreign,
        _ if json => Form::Json,
        _ if yaml => Form::Yaml,
        _ => Form::Unknown,
    }
}

/// Whether a type says by itself that this is a description.
pub fn says_openapi(media_type: &str) -> bool {
    matches!(form(media_type), Form::OpenApiJson | Form::OpenApiYaml)
}

/// Whether every one has a type, no two the same, and titles tell no two apart.
fn differ(hints: &[&Hint]) -> bool {
    let typed = hints.iter().all(|hint| form(&hint.media_type) != Form::Unknown);
    let distinct = |a: &&Hint, b: &&Hint| syntax(a) != syntax(b) && !titles_differ(a, b);
    typed && hints.iter().enumerate().all(|(nth, one)| hints[nth + 1..].iter().all(|other| distinct(one, other)))
}

/// Whether two are one description: the same address but for the ending and the query, in two syntaxes.
fn is_form_of(one: &Hint, other: &Hint) -> bool {
    stem(&one.url) == stem(&other.url) && syntax(one) != syntax(other) && !titles_differ(one, other)
}

fn titles_differ(one: &Hint, other: &Hint) -> bool {
    !one.title.is_empty() && !other.title.is_empty() && one.title != other.title
}

/// What a description is written in: by its type, else by its ending.
fn syntax(hint: &Hint) -> &'static str {
    let ending = hint.url.path().rsplit_once('.').map_or("", |(_, ending)| ending);
    match form(&hint.media_type) {
        Form::OpenApiJson | Form::Json => "json",
        Form::OpenApiYaml | Form::Yaml => "yaml",
        _ if ending.eq_ignore_ascii_case("yaml") || ending.eq_ignore_ascii_case("yml") => "yaml",
        _ if ending.eq_ignore_ascii_case("json") => "json",
        _ => "",
    }
}

fn stem(url: &Url) -> &str {
    let path = url.public();
    [".json", ".yaml", ".yml"].iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path)
}

fn shown(media_type: &str) -> String {
    media_type.chars().take(60).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(rows: &[(&str, &str, &str)]) -> Vec<Hint> {
        let hint = |&(url, media_type, title): &(&str, &str, &str)| Hint {
            url: Url::parse(&format!("https://h/{url}")).unwrap(),
            media_type: media_type.to_owned(),
            title: title.to_owned(),
            from: None,
        };
        rows.iter().map(hint).collect()
    }

    #[track_caller]
    fn check(rows: &[(&str, &str, &str)], taken: &[&str]) {
        let choice = choose(&hints(rows), true);
        let found: Vec<&str> = choice.taken.iter().map(|hint| &hint.url.as_str()["https://h/".len()..]).collect();
        assert_eq!(found, taken, "{rows:?} {:?}", choice.notes);
    }

    const JSON: &str = "application/vnd.oai.openapi+json;version=3.1";
    const YAML: &str = "application/vnd.oai.openapi";

    #[test]
    fn of_several_forms_of_one_description_one_is_taken() {
        check(&[("d.yaml", YAML, ""), ("d.json", JSON, "")], &["d.json"]);
        check(&[("d?f=yaml", "application/yaml", ""), ("d?f=json", "application/json", "")], &["d?f=json"]);
        check(&[("d.yaml", "", ""), ("d.json", "", "")], &["d.yaml"]);
        check(&[("yaml", "text/yaml", ""), ("json", "application/json", "")], &["json"]);
        check(&[("a.json", "", ""), ("a.json", "", "")], &["a.json"]);
        check(&[("a", "application/wsdl+xml", ""), ("b", "text/html", ""), ("c", "", "")], &["c"]);
        check(&[("a", "application/wsdl+xml", "")], &[]);
        check(&[("a", "application/json", ""), ("a", "application/graphql", "")], &["a"]);
    }

    #[test]
    fn several_descriptions_are_several() {
        check(&[("a.json", JSON, ""), ("b.json", JSON, "")], &["a.json", "b.json"]);
        check(&[("a", "", ""), ("b", "", "")], &["a", "b"]);
        check(&[("a.json", "application/json", "A"), ("b.yaml", "text/yaml", "B")], &["a.json", "b.yaml"]);
        check(
            &[("a.json", JSON, ""), ("a.yaml", YAML, ""), ("b.json", JSON, ""), ("b.yaml", YAML, "")],
            &["a.json", "b.json"],
        );
        let of_a_catalog = choose(&hints(&[("a", JSON, ""), ("b", YAML, "")]), false);
        assert_eq!(of_a_catalog.taken.len(), 2, "nothing says that they are one API");
    }

    #[test]
    fn what_is_left_out_is_told() {
        let choice = choose(&hints(&[("d.yaml", YAML, ""), ("d.json?k=1", JSON, ""), ("x", "text/html", "")]), true);
        assert_eq!(
            choice.notes,
            [
                "https://h/x is left out: it is `text/html`",
                "https://h/d.yaml is left out: it is another form of https://h/d.json",
            ]
        );
    }

    #[test]
    fn the_links_of_an_answer_are_read() {
        let (asked, at) = (Url::parse("https://h/api").unwrap(), Url::parse("https://h/v1/api/").unwrap());
        let fields = r#"<d.json>; rel="service-desc"; type="application/json"; title="D", </meta>; rel=service-meta,
            </c>; rel="api-catalog", <e.json>; rel="service-desc"; anchor="https://h/other", <f.json>; rel=SERVICE-DESC; anchor="/api",
            </o>; rel="https://x/schema-overlay""#;
        let (root, ..) = read(fields, &asked, &at);
        let urls: Vec<&str> = root.api.descriptions.iter().map(|hint| hint.url.as_str()).collect();
        assert_eq!(urls, ["https://h/v1/api/d.json", "https://h/v1/api/f.json"]);
        assert_eq!((root.api.metadata[0].url.as_str(), root.catalogs[0].as_str()), ("https://h/meta", "https://h/c"));
        assert_eq!(root.api.guides.overlays[0].url.as_str(), "https://h/o");
        assert_eq!(read("", &asked, &at).0.api.descriptions, []);
    }
}
