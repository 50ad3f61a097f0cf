//! Pages of lists (`execute::paging`, `http::link`, `cli::merge`): a `Link` field, then the pages that are joined.

use serde_json::Value;
use serde_json::value::RawValue;

use super::SEPARATOR;
use crate::catalog::Tool;
use crate::cli::merge::Merged;
use crate::execute::paging::{self, Page};
use crate::http::link;

pub(super) fn pages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut parts = text.split(SEPARATOR);
    let field = parts.next().unwrap_or_default();
    if let Some(target) = link::target(field, "next") {
        assert!(field.contains(target), "the target of a link is text of its field");
    }
    let pages: Vec<&str> = parts.filter(|page| serde_json::from_str::<&RawValue>(page).is_ok()).collect();
    for page in &pages {
        let address = paging::address(&Tool::default(), Page { link: None, body: Some(page) });
        assert!(address.is_none_or(|address| !address.is_empty()), "an address is no empty text: {page}");
    }
    join(&pages);
}

/// The joined document is JSON, and its list has the items of all pages.
fn join(pages: &[&str]) {
    let Some((&first, more)) = pages.split_first() else { return };
    let tool = Tool::default();
    let Some((path, _)) = paging::items(&tool, first) else { return };
    let mut merged = Merged::new(&tool, first.to_owned()).expect("a list was found");
    let mut joined = vec![first];
    joined.extend(more.iter().filter(|page| merged.add(page).is_ok()));
    let whole = merged.finish(pages[pages.len() - 1]);
    assert!(serde_json::from_str::<&RawValue>(&whole).is_ok(), "the joined pages are no JSON: {whole}");
    // Deeper than this reader goes, the pages are not compared.
    let items = |text: &str| -> Option<Vec<Value>> {
        let page: Value = serde_json::from_str(text).ok()?;
        let list = path.iter().try_fold(&page, |value, name| value.get(name));
        Some(list.and_then(Value::as_array).cloned().unwrap_or_default())
    };
    let all: Option<Vec<Value>> =
        joined.iter().map(|page| items(page)).collect::<Option<Vec<_>>>().map(|all| all.concat());
    if let (Some(all), Some(found)) = (all, items(&whole)) {
        assert_eq!(all, found, "every item is there once, in its place: {whole}");
    }
}
