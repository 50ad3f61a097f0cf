//! Service ids of a source with several descriptions (pure).
//!
//! Each description offers words, best first. Which one it gets depends on what the others offer and never on their order, so that a
//! catalog may be sorted anew without renaming anybody's tools.

use std::collections::BTreeMap;

use super::naming;
use crate::base::id::{ServiceId, SourceId};
use crate::base::name::slug;
use crate::base::url::Url;
use crate::openapi::Description;

/// How many words a description offers: path segment, title, file name, folder, host.
const LEVELS: usize = 5;

/// What a description may be called, best first; empty where it has no such word.
pub type Words = [String; LEVELS];

/// Which description a service was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its service.
    pub service: ServiceId,
    /// Where it is, as the source leads to it.
    pub url: Url,
    /// What it offered.
    pub words: Words,
    /// RFC 3339: when it was last known to be so.
    pub at: String,
}

/// Why a description has no id: another has each of its words too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The best word it has, if any.
    word: Option<String>,
    own: usize,
    other: Option<usize>,
}

impl Clash {
    /// Names both descriptions by their addresses.
    pub fn message(&self, addresses: &[&str]) -> String {
        let own = addresses.get(self.own).copied().unwrap_or_default();
        let Some(word) = &self.word else {
            return format!("{own} is left out: no service id can be derived from its paths, title or address");
        };
        let other = self.other.and_then(|other| addresses.get(other)).copied().unwrap_or_default();
        format!(
            "{own} is left out: its service id would be `{word}`, and {other} would have the same; a source of type `openapi` \
             and an entry under `services` give it one"
        )
    }
}

/// What a description at `url` offers.
pub fn words(description: &Description, url: &Url) -> Words {
    let mut segments = url.path().rsplit('/').filter(|segment| !segment.is_empty());
    let file = segments.next().unwrap_or("");
    let folder = segments.next().unwrap_or("");
    let [segment, title, stem] = naming::service_words(description.first_path.as_deref(), &description.title, file);
    [segment, title, stem, slug(folder), slug(url.host())]
}

/// Gives each description the first of its words that no other offers at the same place. Where a better word of another is the same,
/// the other keeps it. The result is in the order of `all`, and does not depend on it otherwise.
pub fn assign(all: &[Words]) -> Vec<Result<String, Clash>> {
    let mut given: Vec<Option<String>> = vec![None; all.len()];
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    for level in 0..LEVELS {
        let mut offers: BTreeMap<&str, usize> = BTreeMap::new();
        all.iter().for_each(|words| *offers.entry(&words[level]).or_default() += 1);
        for (nth, words) in all.iter().enumerate().filter(|(_, words)| offers[words[level].as_str()] == 1) {
            let word = words[level].as_str();
            if !word.is_empty() && given[nth].is_none() && !owners.contains_key(word) {
                given[nth] = Some(word.to_owned());
                owners.insert(word, nth);
            }
        }
    }
    let clash = |nth: usize| {
        let word = all[nth].iter().find(|word| !word.is_empty());
        let same = |other: &usize| *other != nth && word.is_some_and(|word| all[*other].contains(word));
        Clash { word: word.cloned(), own: nth, other: (0..all.len()).find(same) }
    };
    given.into_iter().enumerate().map(|(nth, id)| id.ok_or_else(|| clash(nth))).collect()
}

/// Why a configured service of a source with several descriptions is none of them.
pub fn unmatched(service: &ServiceId, source: &SourceId, known: &[ServiceId]) -> String {
    const SHOWN: usize = 20;
    let mut names: Vec<String> = known.iter().map(|id| format!("`{id}`")).collect();
    names.sort();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!(
        "`services.{service}` applies to nothing: source `{source}` has several descriptions, and none of them has that id; it has {}{more}",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(words: [&str; LEVELS]) -> Words {
        words.map(str::to_owned)
    }

    /// In every order of the rows.
    #[track_caller]
    fn check(rows: &[[&str; LEVELS]], expected: &[Option<&str>]) {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        for _ in 0..rows.len() {
            order.rotate_left(1);
            let all: Vec<Words> = order.iter().map(|&nth| row(rows[nth])).collect();
            let found = assign(&all);
            for (at, &nth) in order.iter().enumerate() {
                assert_eq!(found[at].as_deref().ok(), expected[nth], "{:?} among {order:?}", rows[nth]);
            }
        }
    }

    #[test]
    fn each_description_gets_the_first_word_that_is_its_own() {
        check(
            &[["pets", "P", "openapi", "", "h"], ["orders", "O", "openapi", "", "h"]],
            &[Some("pets"), Some("orders")],
        );
        check(
            &[["v1", "pets", "openapi", "", "h"], ["v1", "orders", "openapi", "", "h"], ["x", "y", "z", "", "h"]],
            &[Some("pets"), Some("orders"), Some("x")],
        );
        check(&[["v1", "api", "pets", "", "h"], ["v1", "api", "orders", "", "h"]], &[Some("pets"), Some("orders")]);
        check(&[["v1", "api", "openapi", "a", "h"], ["v1", "api", "openapi", "b", "h"]], &[Some("a"), Some("b")]);
        check(&[["v1", "api", "openapi", "", "a-h"], ["v1", "api", "openapi", "", "b-h"]], &[Some("a-h"), Some("b-h")]);
        check(&[["", "pets", "", "", ""]], &[Some("pets")]);
    }

    #[test]
    fn a_better_word_keeps_an_id_and_what_has_none_left_is_left_out() {
        check(
            &[["pets", "a", "", "", ""], ["v1", "pets", "file", "", ""], ["v1", "b", "", "", ""]],
            &[Some("pets"), Some("file"), Some("b")],
        );
        check(
            &[["v1", "api", "d", "", "h"], ["v1", "api", "d", "", "h"], ["x", "", "", "", "h"]],
            &[None, None, Some("x")],
        );
        check(&[["", "", "", "", ""], ["x", "", "", "", ""]], &[None, Some("x")]);
    }

    #[test]
    fn h45_who_is_left_out_is_told_with_the_other() {
        let all = [row(["v1", "", "", "", ""]), row(["v1", "", "", "", ""]), row(["", "", "", "", ""])];
        let found = assign(&all);
        let message =
            |nth: usize| found[nth].clone().unwrap_err().message(&["https://h/a", "https://h/b", "https://h/c"]);
        assert!(message(0).starts_with("https://h/a is left out: its service id would be `v1`, and https://h/b would"));
        assert!(message(1).starts_with("https://h/b is left out: its service id would be `v1`, and https://h/a would"));
        assert!(message(2).contains("no service id can be derived"));
        let known: Vec<ServiceId> = ["b", "a"].map(ServiceId::new).to_vec();
        let message = unmatched(&"x".into(), &"s".into(), &known);
        assert!(message.ends_with("none of them has that id; it has `a`, `b`"), "{message}");
    }
}
