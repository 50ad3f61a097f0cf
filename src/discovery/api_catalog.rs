//! What the links of an API catalog mean (RFC 9727). Pure.
//!
//! Key types: [`Page`], what one document of links tells; [`Api`], one API of it. A catalog says `item` for each API, and may say in
//! the same document what describes it (`service-desc`), what else there is to know (`service-meta`) and which catalogs there are
//! besides (`api-catalog`). Following all that is `walk`'s.

use std::collections::{BTreeMap, BTreeSet};

use super::linkset::{Linkset, TypedLink};
use super::{Guides, Hint};
use crate::base::url::Url;

/// Where a host keeps its catalog (RFC 9727 section 2).
pub const WELL_KNOWN: &str = "/.well-known/api-catalog";

/// What one document of links tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// APIs of which the document itself says something, in its order.
    pub apis: Vec<Api>,
    /// Items of which it says nothing more.
    pub items: Vec<Hint>,
    /// Other catalogs.
    pub catalogs: Vec<Url>,
}

/// One API, as far as links tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Api {
    /// What the links speak of: the API's address, mostly.
    pub context: String,
    /// Whether the links speak of the catalog itself: then its descriptions are not forms of one API.
    pub is_catalog: bool,
    /// Its descriptions.
    pub descriptions: Vec<Hint>,
    /// Its metadata.
    pub metadata: Vec<Hint>,
    /// What changes and explains its descriptions.
    pub guides: Guides,
}

/// Sorts the links of a document. `at` are the addresses it has: as asked for, and where it was found.
pub fn read(linkset: &Linkset, at: [&Url; 2]) -> Page {
    let from = at[1];
    let mut page = Page::default();
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let mut items: Vec<Hint> = Vec::new();
    for link in &linkset.links {
        if link.is("item") {
            items.push(Hint::of(link, from));
            continue;
        }
        if link.is("api-catalog") {
            page.catalogs.push(link.target.document());
            continue;
        }
        if !speaks_of_an_api(link, from) {
            continue;
        }
        let nth = *found.entry(&link.context).or_insert_with(|| {
            let is_catalog = at.iter().any(|url| url.without_fragment() == link.context);
            page.apis.push(Api { context: link.context.clone(), is_catalog, ..Api::default() });
            page.apis.len() - 1
        });
        page.apis[nth].take(link, from);
    }
    // An item that links are told of is that API, not one more.
    let mut seen: BTreeSet<&str> = found.into_keys().collect();
    for item in &items {
        if seen.insert(item.url.as_str()) {
            page.items.push(item.clone());
        }
    }
    page
}

impl Api {
    /// Takes what a link says.
    pub fn take(&mut self, link: &TypedLink, from: &Url) {
        if link.is("service-desc") {
            self.descriptions.push(Hint::of(link, from));
        } else if link.is("service-meta") {
            self.metadata.push(Hint::of(link, from));
        } else {
            self.guides.take(link, from);
        }
    }
}

/// `service-doc` and `status` are for people, but tell that what they speak of is an API (RFC 8631).
fn speaks_of_an_api(link: &TypedLink, from: &Url) -> bool {
    let relations = ["service-desc", "service-meta", "service-doc", "status"];
    relations.iter().any(|relation| link.is(relation)) || Guides::default().take(link, from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::linkset;

    fn page(text: &str) -> Page {
        let at = Url::parse("https://h/.well-known/api-catalog").unwrap();
        read(&linkset::from_json(text, &at).unwrap(), [&at, &at])
    }

    fn urls(hints: &[Hint]) -> Vec<&str> {
        hints.iter().map(|hint| hint.url.as_str()).collect()
    }

    #[test]
    fn items_of_which_nothing_more_is_said_are_left_to_be_looked_at() {
        let page = page(
            r#"{"linkset": [{"anchor": "https://h/.well-known/api-catalog", "item": [
            {"href": "/apis/foo", "type": "text/html"}, {"href": "/apis/bar"}, {"href": "/apis/foo"}]}]}"#,
        );
        assert_eq!(urls(&page.items), ["https://h/apis/foo", "https://h/apis/bar"]);
        assert_eq!((page.items[0].media_type.as_str(), page.apis.len()), ("text/html", 0));
    }

    #[test]
    fn what_a_catalog_says_of_an_api_is_gathered_by_its_address() {
        let page = page(
            r#"{"linkset": [
            {"anchor": "https://h/foo", "service-desc": [{"href": "/foo.json"}], "service-doc": [{"href": "/foo.html"}]},
            {"anchor": "https://h/foo", "service-meta": [{"href": "/foo.meta"}], "https://x/rel/schema-overlay": [{"href": "/o"}]},
            {"anchor": "https://h/bar", "status": [{"href": "/status"}]},
            {"service-desc": [{"href": "/own.json"}]},
            {"item": [{"href": "/foo"}, {"href": "/bar"}, {"href": "/baz"}]},
            {"api-catalog": [{"href": "/more"}], "license": [{"href": "/l"}]}
        ]}"#,
        );
        assert_eq!(urls(&page.items), ["https://h/baz"]);
        assert_eq!(page.catalogs[0].as_str(), "https://h/more");
        let foo = &page.apis[0];
        assert_eq!((foo.context.as_str(), urls(&foo.descriptions)), ("https://h/foo", vec!["https://h/foo.json"]));
        assert_eq!(
            (foo.metadata[0].url.as_str(), foo.guides.overlays[0].url.as_str()),
            ("https://h/foo.meta", "https://h/o")
        );
        assert_eq!((page.apis[1].context.as_str(), page.apis[1].descriptions.len()), ("https://h/bar", 0));
        assert!(page.apis[2].is_catalog && page.apis.len() == 3);
    }
}
