//! Pages of a list joined into one document. Pure.
//!
//! The document is the first page's, byte for byte, with the items of all pages as they came. Members that speak of the next page are as
//! the last page has them, and `null` where it has none, so that nobody follows them twice. Only the list's text is kept of other pages.

use std::ops::Range;

use crate::catalog::Tool;
use crate::execute::paging;

/// The longest document.
pub const MOST_BYTES: usize = 256 << 20;

/// The pages so far.
#[derive(Debug)]
pub struct Merged {
    first: String,
    /// Inside the brackets of the first page's list.
    list: Range<usize>,
    /// The way to the list.
    path: Vec<String>,
    /// The ways to what speaks of the next page.
    places: Vec<Vec<String>>,
    /// The other pages' items, behind a comma each.
    more: String,
}

/// Why a page cannot be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeError {
    /// It has no list where the first page has one.
    NoList,
    /// The whole would be longer than [`MOST_BYTES`].
    TooLong,
}

impl Merged {
    /// Begins with a first page; `None` when no list is found in it.
    pub fn new(tool: &Tool, first: String) -> Option<Self> {
        let (path, raw) = paging::items(tool, &first)?;
        let list = range(&first, raw.get());
        let list = list.start + 1..list.end - 1;
        let mut places = paging::places(tool, &first);
        places.retain(|place| !path.starts_with(place));
        Some(Self { list, path, places, first, more: String::new() })
    }

    /// Adds a page.
    pub fn add(&mut self, page: &str) -> Result<(), MergeError> {
        let inner = match paging::lookup(page, &self.path).map(|raw| raw.get()) {
            None | Some("null") => return Ok(()),
            Some(list) => list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).ok_or(MergeError::NoList)?,
        };
        if inner.trim().is_empty() {
            return Ok(());
        }
        if self.first.len() + self.more.len() + inner.len() >= MOST_BYTES {
            return Err(MergeError::TooLong);
        }
        self.more.push(',');
        self.more.push_str(inner);
        Ok(())
    }

    /// The document; `last` is the last page.
    pub fn finish(&self, last: &str) -> String {
        let is_empty = self.first[self.list.clone()].trim().is_empty();
        let more = if is_empty { self.more.strip_prefix(',').unwrap_or_default() } else { &self.more };
        let mut edits = vec![(self.list.end..self.list.end, more)];
        for place in &self.places {
            if let Some(here) = paging::lookup(&self.first, place) {
                let there = paging::lookup(last, place).map_or("null", |raw| raw.get());
                edits.push((range(&self.first, here.get()), there));
            }
        }
        edits.sort_by_key(|(range, _)| range.start);
        let mut whole = String::with_capacity(self.first.len() + self.more.len());
        let mut at = 0;
        for (range, text) in edits {
            whole.push_str(&self.first[at..range.start]);
            whole.push_str(text);
            at = range.end;
        }
        whole.push_str(&self.first[at..]);
        whole
    }
}

/// Where a part of a text stands in it.
fn range(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pages: &[&str], expected: &str) {
        let mut merged = Merged::new(&Tool::default(), pages[0].to_owned()).expect("a list is found");
        pages[1..].iter().for_each(|page| merged.add(page).unwrap());
        assert_eq!(merged.finish(pages[pages.len() - 1]), expected);
    }

    #[test]
    fn arrays_are_joined_with_their_bytes() {
        check(&["[1.0, 2e400]", "[ \"\\u00e9\" ]", "[]", " [3]\n"], "[1.0, 2e400, \"\\u00e9\" ,3]");
        check(&["[ ]", "[1]"], "[ 1]");
        check(&["[]", "[ ]"], "[]");
    }

    #[test]
    fn objects_keep_the_first_pages_members_and_the_last_ones_cursor() {
        check(
            &[
                r#"{ "total":3, "next_cursor" : "a", "items": [ {"id":1} ], "has_more":true, "z":1 }"#,
                r#"{"total":4,"next_cursor":"b","items":[{"id":2}],"has_more":true}"#,
                r#"{"items":[{"id":3}],"has_more":false}"#,
            ],
            r#"{ "total":3, "next_cursor" : null, "items": [ {"id":1} ,{"id":2},{"id":3}], "has_more":false, "z":1 }"#,
        );
        check(
            &[
                r#"{"data":{"items":[1]},"links":{"self":"/a","next":"/b"}}"#,
                r#"{"data":{"items":[2]},"links":{"self":"/b","next":null}}"#,
            ],
            r#"{"data":{"items":[1,2]},"links":{"self":"/a","next":null}}"#,
        );
        check(&[r#"{"data":[1],"next":"/b"}"#, r#"{"data":null}"#], r#"{"data":[1],"next":null}"#);
    }

    #[test]
    fn what_is_no_list_is_told() {
        assert!(Merged::new(&Tool::default(), "{}".to_owned()).is_none());
        let mut merged = Merged::new(&Tool::default(), r#"{"data":[1]}"#.to_owned()).unwrap();
        assert_eq!(merged.add(r#"{"data":{"a":1}}"#), Err(MergeError::NoList));
    }
}
