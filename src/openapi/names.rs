//! The names that schemas give themselves: `$id`, `$anchor` and `$dynamicAnchor` of JSON Schema 2020-12.
//!
//! A document without such keywords, which is nearly every one, costs one search through its text.

use std::collections::{BTreeMap, HashMap};

use crate::base::json;
use crate::base::members::{Members, items};
use crate::base::url::Url;

/// Nesting beyond this is not searched.
const MAX_DEPTH: usize = 128;

/// What one document names.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Pointer of a schema with `$id`, and the base it gives.
    bases: BTreeMap<String, Url>,
    /// The base, and the pointer of its schema.
    resources: HashMap<Url, String>,
    /// Resource pointer and anchor, and the pointer it stands for.
    anchors: HashMap<(String, String), String>,
}

impl Names {
    /// Whether any schema has an `$id`.
    pub(super) fn has_resources(&self) -> bool {
        !self.bases.is_empty()
    }

    /// The base that the schema at `pointer` gives itself.
    pub(super) fn base_at(&self, pointer: &str) -> Option<Url> {
        self.bases.get(pointer).cloned()
    }

    /// Where the schema resource called `url` stands.
    pub(super) fn resource(&self, url: &Url) -> Option<String> {
        self.resources.get(url).cloned()
    }

    /// Where an anchor of the resource at `root` stands.
    pub(super) fn anchor(&self, root: &str, anchor: &str) -> Option<String> {
        self.anchors.get(&(root.to_owned(), anchor.to_owned())).cloned()
    }
}

/// Whether a text holds any of these keywords, which begin with `$`, in quotes. One fast pass; most documents hold none.
pub(super) fn mentions(text: &str, keywords: &[&str]) -> bool {
    text.match_indices('$').any(|(at, _)| {
        let quoted = |keyword: &&str| text[at..].strip_prefix(*keyword).is_some_and(|rest| rest.starts_with('"'));
        text[..at].ends_with('"') && keywords.iter().any(quoted)
    })
}

/// Searches a document.
pub(super) fn names(text: &str, base: &Url) -> Names {
    let mut names = Names::default();
    if mentions(text, &["$id", "$anchor", "$dynamicAnchor"]) {
        search(text, base, "", "", &mut names, 0);
    }
    names
}

fn search(text: &str, base: &Url, root: &str, pointer: &str, names: &mut Names, depth: usize) {
    // Most branches name nothing; `$` with a quote before it is rare enough to tell.
    if depth > MAX_DEPTH || !text.contains("\"$") {
        return;
    }
    if let Some(members) = Members::of(text) {
        let own = members.string("$id").and_then(|id| base.join(&id).ok()).map(|url| url.document());
        let own = own.filter(|own| own != base && !pointer.is_empty());
        let (base, root) = own.as_ref().map_or((base, root), |own| (own, pointer));
        if let Some(own) = &own {
            names.bases.insert(pointer.to_owned(), own.clone());
            names.resources.entry(own.clone()).or_insert_with(|| pointer.to_owned());
        }
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(anchor) = members.string(keyword) {
                names.anchors.entry((root.to_owned(), anchor)).or_insert_with(|| pointer.to_owned());
            }
        }
        for (name, raw) in members.iter() {
            search(raw.get(), base, root, &json::child(pointer, name), names, depth + 1);
        }
    } else {
        for (nth, raw) in items(text).unwrap_or_default().into_iter().enumerate() {
            search(raw.get(), base, root, &json::child(pointer, &nth.to_string()), names, depth + 1);
        }
    }
}
