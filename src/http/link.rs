//! `Link` fields (RFC 8288), and the text form of a linkset, which has the same grammar (RFC 9264 section 4.1). Pure.

use crate::base::url::decode;

/// One link, as it is written: nothing is resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link<'a> {
    /// A URI reference.
    pub target: &'a str,
    /// Names or URIs; empty when there are none.
    pub relations: Vec<String>,
    /// The hint `type`.
    pub media_type: Option<String>,
    /// Of what the link speaks, a URI reference; `None` for the resource that was asked for.
    pub anchor: Option<String>,
    /// `title*`, else `title`.
    pub title: Option<String>,
}

impl Link<'_> {
    /// Whether it has this relation.
    pub fn is(&self, relation: &str) -> bool {
        self.relations.iter().any(|name| name.eq_ignore_ascii_case(relation))
    }
}

/// All links of a field, in order. Several fields may be joined by commas; what cannot be a link is passed over.
pub fn links(field: &str) -> impl Iterator<Item = Link<'_>> {
    let mut reader = Reader(field);
    std::iter::from_fn(move || reader.link())
}

/// The target of the first link with this relation, as it is written. Several fields may be joined by commas. A link with an `anchor`
/// speaks of another resource than the one that was asked for, and does not count.
pub fn target<'a>(field: &'a str, relation: &str) -> Option<&'a str> {
    links(field).find(|link| link.is(relation) && link.anchor.is_none()).map(|link| link.target)
}

/// A field has no line ends; the text form of a linkset does.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A value like `UTF-8'en'a%20b` (RFC 8187). Other character sets are not read.
fn extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    charset.eq_ignore_ascii_case("utf-8").then(|| decode(text))
}

/// What is not read yet.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    /// The next link; what cannot be a link is passed over up to the next `<` (RFC 8288, appendix B.2).
    fn link(&mut self) -> Option<Link<'a>> {
        let rest = &self.0[self.0.find('<')? + 1..];
        let (target, rest) = rest.split_once('>')?;
        self.0 = rest;
        let mut link = Link { target: target.trim(), ..Link::default() };
        let (mut relations, mut wide_title) = (None, None);
        while self.takes(';') {
            let name = self.token().to_ascii_lowercase();
            let value = if self.takes('=') { self.value() } else { String::new() };
            // Of several only the first counts (section 3.3).
            match name.as_str() {
                "rel" => relations = relations.or(Some(value)),
                "anchor" => link.anchor = link.anchor.or(Some(value)),
                "type" => link.media_type = link.media_type.or(Some(value)),
                "title" => link.title = link.title.or(Some(value)),
                "title*" => wide_title = wide_title.or_else(|| extended(&value)),
                _ => {}
            }
        }
        link.relations = relations.unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
        link.title = wide_title.or(link.title);
        Some(link)
    }

    fn takes(&mut self, sign: char) -> bool {
        let rest = self.0.trim_start_matches(SPACE);
        let found = rest.strip_prefix(sign);
        self.0 = found.unwrap_or(rest);
        found.is_some()
    }

    fn token(&mut self) -> &'a str {
        let rest = self.0.trim_start_matches(SPACE);
        let end = rest.find([' ', '\t', '\r', '\n', ';', ',', '=', '"', '<']).unwrap_or(rest.len());
        let (token, rest) = rest.split_at(end);
        self.0 = rest;
        token
    }

    /// A token or a quoted string.
    fn value(&mut self) -> String {
        if !self.takes('"') {
            return self.token().to_owned();
        }
        let mut value = String::new();
        let mut signs = self.0.char_indices();
        while let Some((at, sign)) = signs.next() {
            match sign {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return value;
                }
                '\\' => value.extend(signs.next().map(|(_, sign)| sign)),
                _ => value.push(sign),
            }
        }
        self.0 = "";
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: &str, expected: Option<&str>) {
        assert_eq!(target(field, "next"), expected, "{field}");
    }

    #[test]
    fn a_relation_is_found_among_links() {
        check(r#"<https://a/x?page=2>; rel="next", <https://a/x?page=9>; rel="last""#, Some("https://a/x?page=2"));
        check(r#"<a,b;c>; rel="prev", <d,e;f?x="y">; rel=next"#, Some(r#"d,e;f?x="y""#));
        check(r#"<2>; rel="last NEXT""#, Some("2"));
        check("< 2 > ; REL = Next", Some("2"));
        check(r#"<2>; title="a \"; rel=prev, <3>\""; rel=next"#, Some("2"));
        check("<2>;;rel=next", Some("2"));
        check("<>; rel=next", Some(""));
    }

    #[test]
    fn what_says_something_else_is_no_next_link() {
        check(r#"<2>; rel="prev"; rel="next""#, None);
        check(r#"<2>; rel="next"; anchor="/other""#, None);
        check(r#"<2>; rel="nextpage""#, None);
        check(r#"<2>; title="rel=next""#, None);
        check("<2; rel=next", None);
        check("2; rel=next", None);
        check("", None);
        check("<2>; rel", None);
        check("<2>; rel=\"next", Some("2"));
    }

    #[test]
    fn all_links_of_a_field_are_read_with_what_is_said_of_them() {
        let field = r#"</d.json>; rel="service-desc https://x/rel"; type="application/json"; TITLE="Pets",
            </m>; rel=service-meta; title*=UTF-8'en'%e2%82%ac%20rates; title=rates; anchor="/pets"; anchor="/second", <x>"#;
        let found: Vec<Link<'_>> = links(field).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found.len(), 3);
        assert!(found[0].is("SERVICE-DESC") && found[0].is("https://x/rel") && !found[0].is("service"));
        assert_eq!(
            (found[0].target, &found[0].media_type, &found[0].title),
            ("/d.json", &text("application/json"), &text("Pets"))
        );
        assert_eq!((&found[1].anchor, &found[1].title), (&text("/pets"), &text("€ rates")));
        assert_eq!(found[2], Link { target: "x", ..Link::default() });
        assert_eq!(links(r"<a>; title*=latin1'en'x; title=y").next().unwrap().title, text("y"));
        assert_eq!(links("no link, <open").count(), 0);
    }
}
