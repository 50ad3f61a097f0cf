//! Linksets (RFC 9264): the JSON form, the flat form that some publishers write instead, and the text form. Pure.
//!
//! Key types: [`Linkset`], [`TypedLink`]. References are resolved against the address of the document, targets and anchors alike
//! (RFC 8288 section 3). What is no link is passed over and told. What the links mean is not here.

use serde_json::value::RawValue;

use crate::base::members::{Members, items, string};
use crate::base::url::Url;
use crate::http::link;

/// Links read of one document.
pub const MAX_LINKS: usize = 10_000;

/// Bytes of what is kept of the links of one document. An anchor, a title or a long address of its own is there once for each link,
/// so a document may say more than it is long (H28).
const MAX_TEXT: usize = 8 << 20;

/// Bytes of a relation, or of what links speak of.
const MAX_NAME: usize = 8 << 10;

/// Characters of a hint: media types and titles are compared and shown, nothing else.
const MAX_HINT: usize = 200;

/// Notes kept of one document.
const MAX_NOTES: usize = 20;

/// Members of a link that say something about it and are no relations.
const ATTRIBUTES: [&str; 8] = ["anchor", "href", "rel", "type", "title", "title*", "hreflang", "media"];

/// The links of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linkset {
    /// In order; a link with several relations is there once for each.
    pub links: Vec<TypedLink>,
    /// What was passed over and why.
    pub notes: Vec<String>,
    /// Bytes of the links, each counted with the address of the document.
    pub size: usize,
}

/// One link: *context* has *relation* to *target*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedLink {
    /// Absolute; as it is written when it is no URL (`urn:..`).
    pub context: String,
    /// A registered name, or a URI.
    pub relation: String,
    /// Absolute.
    pub target: Url,
    /// The hint `type`; empty for none.
    pub media_type: String,
    /// Empty for none.
    pub title: String,
}

impl TypedLink {
    /// Whether it has this relation.
    pub fn is(&self, relation: &str) -> bool {
        self.relation.eq_ignore_ascii_case(relation)
    }
}

/// Reads JSON text: `{"linkset": [..]}`, in both shapes, also under `links`. `None` when it has neither.
pub fn from_json(text: &str, base: &Url) -> Option<Linkset> {
    let root = Members::of(text)?;
    let lists: Vec<&RawValue> = ["linkset", "links"].iter().filter_map(|name| root.get(name)).collect();
    if lists.is_empty() {
        return None;
    }
    let mut reading = Reading { base, found: Linkset::default(), cut: false };
    for list in lists {
        // The list may be missing its brackets when it has one entry.
        let entries = items(list.get()).unwrap_or_else(|| vec![list]);
        entries.into_iter().for_each(|entry| reading.entry(entry));
    }
    Some(reading.found)
}

/// Reads the text form (section 4.1), or the value of `Link` fields: then `base` is the address of the answer.
pub fn from_text(text: &str, base: &Url) -> Linkset {
    let mut reading = Reading { base, found: Linkset::default(), cut: false };
    for link in link::links(text) {
        let context = reading.context(link.anchor.as_deref());
        let (media_type, title) = (link.media_type.unwrap_or_default(), link.title.unwrap_or_default());
        if link.relations.is_empty() {
            reading.note("a link without a relation is passed over");
        }
        let relations: Vec<&str> = link.relations.iter().map(String::as_str).collect();
        reading.link(&context, &relations, link.target, &media_type, &title);
        if reading.cut {
            break;
        }
    }
    reading.found
}

/// One pass over a document.
struct Reading<'a> {
    base: &'a Url,
    found: Linkset,
    /// Whether there are more links than are read.
    cut: bool,
}

impl Reading<'_> {
    /// One member of the list: a context with its links, or one flat link.
    fn entry(&mut self, entry: &RawValue) {
        let Some(members) = Members::of(entry.get()) else {
            return self.note("an entry that is no object is passed over");
        };
        let context = self.context(members.string("anchor").as_deref());
        if members.get("href").is_some() {
            let relations = members.get("rel").map(relations).unwrap_or_default();
            if relations.is_empty() {
                self.note("a link without a relation is passed over");
            }
            let relations: Vec<&str> = relations.iter().map(String::as_str).collect();
            return self.target(&context, &relations, entry);
        }
        for (relation, targets) in members.iter().filter(|(name, _)| !ATTRIBUTES.contains(name)) {
            if self.cut {
                return;
            }
            match items(targets.get()) {
                Some(targets) => {
                    targets.into_iter().for_each(|target| self.target(&context, &[relation], target));
                }
                None if Members::of(targets.get()).is_some() => {
                    self.target(&context, &[relation], targets);
                }
                // Other members are none of the link's business (section 4.2.4).
                None => {}
            }
        }
    }

    /// One target: an object with `href`, or only its reference. It is read once, however many relations it has.
    fn target(&mut self, context: &str, relations: &[&str], target: &RawValue) {
        if self.cut {
            return;
        }
        let members = Members::of(target.get()).unwrap_or_default();
        let Some(href) = members.string("href").or_else(|| string(target)) else {
            return self.note("a link without `href` is passed over");
        };
        let title = members.string("title").or_else(|| wide_title(&members)).unwrap_or_default();
        let media_type = members.string("type").unwrap_or_default();
        self.link(context, relations, &href, &media_type, &title);
    }

    fn link(&mut self, context: &str, relations: &[&str], href: &str, media_type: &str, title: &str) {
        let target = match self.base.join(href) {
            Ok(target) => target,
            Err(error) => return self.note(&format!("a link is passed over: {error}")),
        };
        let hint = |text: &str| text.chars().take(MAX_HINT).collect::<String>();
        let (media_type, title) = (hint(media_type), hint(title));
        let shared = [context, target.as_str(), &media_type, &title, self.base.as_str()];
        let shared = shared.iter().map(|text| text.len()).sum::<usize>();
        for relation in relations {
            if context.len().max(relation.len()) > MAX_NAME {
                self.note("a link is passed over: its anchor or its relation is too long");
                continue;
            }
            let size = self.found.size + shared + relation.len();
            if self.found.links.len() == MAX_LINKS || size > MAX_TEXT {
                self.found.notes.push(format!("only its first {} links are read", self.found.links.len()));
                self.cut = true;
                return;
            }
            self.found.size = size;
            self.found.links.push(TypedLink {
                context: context.to_owned(),
                relation: (*relation).to_owned(),
                target: target.clone(),
                media_type: media_type.clone(),
                title: title.clone(),
            });
        }
    }

    /// Without an anchor a link speaks of the document it stands in.
    fn context(&self, anchor: Option<&str>) -> String {
        match anchor {
            None => self.base.without_fragment().to_owned(),
            Some(anchor) => {
                self.base.join(anchor).map_or_else(|_| anchor.trim().to_owned(), |url| url.as_str().to_owned())
            }
        }
    }

    fn note(&mut self, note: &str) {
        if self.found.notes.len() < MAX_NOTES && !self.found.notes.iter().any(|known| known == note) {
            self.found.notes.push(note.to_owned());
        }
    }
}

/// `"item"`, `"item service-desc"` or `["item", "service-desc"]`.
fn relations(rel: &RawValue) -> Vec<String> {
    let texts = match items(rel.get()) {
        Some(list) => list.into_iter().filter_map(string).collect(),
        None => string(rel).into_iter().collect::<Vec<_>>(),
    };
    texts.iter().flat_map(|text| text.split_ascii_whitespace()).map(str::to_owned).collect()
}

/// `"title*": [{"value": ..}]` (section 4.2.4.2).
fn wide_title(members: &Members<'_>) -> Option<String> {
    let list = items(members.get("title*")?.get())?;
    Members::of(list.first()?.get())?.string("value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://h/a/catalog?x=1").unwrap()
    }

    fn rows(linkset: &Linkset) -> Vec<String> {
        let row = |link: &TypedLink| {
            let said = [&link.media_type, &link.title].map(|text| if text.is_empty() { "-" } else { text });
            format!("{} {} {} {} {}", link.context, link.relation, link.target, said[0], said[1])
        };
        linkset.links.iter().map(row).collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let linkset = from_json(text, &base()).unwrap();
        assert_eq!(rows(&linkset), expected, "{text} {:?}", linkset.notes);
    }

    #[test]
    fn h29_the_standard_shape_is_read() {
        check(
            r#"{"linkset": [
                {"anchor": "https://h/apis/foo", "service-desc": [{"href": "https://h/foo.json", "type": "application/json", "title": "Foo"}],
                 "https://x/rel": [{"href": "b"}, {"href": "/c", "title*": [{"value": "Wide", "language": "en"}]}]},
                {"anchor": "/bar", "item": [{"href": "../d"}]},
                {"item": [{"href": "e", "hreflang": ["en"]}]}
            ]}"#,
            &[
                "https://h/apis/foo service-desc https://h/foo.json application/json Foo",
                "https://h/apis/foo https://x/rel https://h/a/b - -",
                "https://h/apis/foo https://x/rel https://h/c - Wide",
                "https://h/bar item https://h/d - -",
                "https://h/a/catalog?x=1 item https://h/a/e - -",
            ],
        );
    }

    #[test]
    fn h29_the_flat_shape_is_read_also_under_links() {
        let flat = r#"[{"href": "b", "rel": "item", "type": "t", "title": "B"}, {"href": "c", "rel": ["item", "x y"], "anchor": "/r"}]"#;
        let expected = [
            "https://h/a/catalog?x=1 item https://h/a/b t B",
            "https://h/r item https://h/a/c - -",
            "https://h/r x https://h/a/c - -",
            "https://h/r y https://h/a/c - -",
        ];
        check(&format!(r#"{{"linkset": {flat}}}"#), &expected);
        check(&format!(r#"{{"links": {flat}}}"#), &expected);
        check(
            r#"{"links": [{"anchor": "/x", "item": [{"href": "/y"}]}], "linkset": [{"href": "/z", "rel": "item"}]}"#,
            &["https://h/a/catalog?x=1 item https://h/z - -", "https://h/x item https://h/y - -"],
        );
    }

    #[test]
    fn odd_shapes_are_read_as_meant() {
        check(r#"{"linkset": {"item": {"href": "b"}}}"#, &["https://h/a/catalog?x=1 item https://h/a/b - -"]);
        check(
            r#"{"linkset": [{"item": ["b", {"href": "c"}]}]}"#,
            &["https://h/a/catalog?x=1 item https://h/a/b - -", "https://h/a/catalog?x=1 item https://h/a/c - -"],
        );
        check(
            r#"{"linkset": [{"anchor": "urn:api:1", "item": [{"href": "b"}]}]}"#,
            &["urn:api:1 item https://h/a/b - -"],
        );
        check(r#"{"linkset": [{"anchor": "/x", "name": "Foo", "count": 3}]}"#, &[]);
    }

    #[test]
    fn h29_what_is_no_link_is_passed_over_and_told() {
        for (text, note) in [
            (r#"{"linkset": [{"href": "b"}]}"#, "without a relation"),
            (r#"{"linkset": [{"item": [{"title": "b"}]}]}"#, "without `href`"),
            (r#"{"linkset": ["b"]}"#, "no object"),
            (r#"{"linkset": 1}"#, "no object"),
            (r#"{"linkset": [{"item": [{"href": "mailto:a@b"}]}]}"#, "the scheme `mailto`"),
        ] {
            let linkset = from_json(text, &base()).unwrap();
            assert!(linkset.links.is_empty(), "{text}");
            assert!(linkset.notes[0].contains(note), "{text}: {:?}", linkset.notes);
        }
        for text in ["{}", "[]", r#"{"openapi": "3.1.0"}"#, "nonsense"] {
            assert_eq!(from_json(text, &base()), None, "{text}");
        }
    }

    #[test]
    fn h28_links_have_a_bound() {
        let many = vec![r#"{"href":"b","rel":"item"}"#; MAX_LINKS + 5].join(",");
        let linkset = from_json(&format!(r#"{{"linkset":[{many}]}}"#), &base()).unwrap();
        assert_eq!((linkset.links.len(), linkset.notes.len()), (MAX_LINKS, 1));
        let text = vec!["<b>; rel=item"; MAX_LINKS + 5].join(",\n");
        assert_eq!(from_text(&text, &base()).links.len(), MAX_LINKS);
    }

    #[test]
    fn h28_what_many_links_share_is_not_kept_without_bound() {
        let long = "a".repeat(1 << 20);
        let targets = vec![r#"{"href":"b"}"#; 5000].join(",");
        for text in [
            format!(r#"{{"linkset":[{{"anchor":"urn:{long}","item":[{targets}]}}]}}"#),
            format!(r#"{{"linkset":[{{"{long}":[{targets}]}}]}}"#),
            format!(
                r#"{{"linkset":[{{"href":"b","rel":"{}","title":"{long}","type":"{long}"}}]}}"#,
                "item ".repeat(5000)
            ),
            format!(r#"{{"linkset":[{{"anchor":"/{}","item":[{targets}]}}]}}"#, &long[..8000]),
        ] {
            let linkset = from_json(&text, &base()).unwrap();
            assert!(linkset.size <= MAX_TEXT, "{}", linkset.size);
            let kept = |link: &TypedLink| link.context.len() + link.relation.len() + link.title.len();
            assert!(linkset.links.iter().map(kept).sum::<usize>() <= MAX_TEXT);
            assert!(linkset.links.len() == 5000 || linkset.notes.len() == 1, "{:?}", linkset.notes);
        }
    }

    #[test]
    fn the_text_form_is_read() {
        let text = "<b>; rel=\"item x\"; anchor=\"/r\",\r\n  <https://g/c>\r\n ; rel=service-desc\n ; type=\"t\"; title=\"C\"\n, <d>";
        let linkset = from_text(text, &base());
        assert_eq!(
            rows(&linkset),
            [
                "https://h/r item https://h/a/b - -",
                "https://h/r x https://h/a/b - -",
                "https://h/a/catalog?x=1 service-desc https://g/c t C",
            ]
        );
        assert_eq!(linkset.notes, ["a link without a relation is passed over"]);
    }
}
