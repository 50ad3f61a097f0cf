//! The next page of a list, and where the items of one stand. Pure.
//!
//! Key types: [`Page`], an answer as far as it matters here; [`Lead`], how the next one is asked for. A `Link` field comes first, then what
//! the body says (`said`), then numbers that are counted up (`count`). `x-cli-pagination` says it all where names are unusual; without, only
//! names that are usual count, and only those for which the tool has the parameter, or which hold a URL.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::base::json::unescape_token;
use crate::base::members::{self, Members};
use crate::catalog::{Pagination, Parameter, Place, Tool};
use crate::http::link;

mod count;
mod said;
#[cfg(test)]
mod tests;

use said::said;

/// Members that hold the items beside others that are lists too, in this order, by [`plain`] name.
const ITEMS: [&str; 7] = ["data", "value", "items", "results", "entries", "records", "resources"];

/// Members whose object may hold the items, by [`plain`] name.
const AROUND_ITEMS: [&str; 6] = ["embedded", "data", "result", "results", "response", "list"];

/// An answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    /// Its `Link` fields, joined by commas.
    pub link: Option<&'a str>,
    /// Its body, when that is JSON.
    pub body: Option<&'a str>,
}

/// How the next page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// At this address, which may be relative to the one that was asked.
    Address(String),
    /// By the same call with this flag. A cursor comes from the answer, a number is counted up and may lead behind the last page.
    Flag {
        /// The parameter.
        name: String,
        /// Its value as text.
        value: String,
        /// Whether it was counted up.
        counted: bool,
    },
    /// There is none, as far as the answer says.
    End,
}

/// What is known of the pages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// How many there are; 1 for the first.
    pub pages: usize,
    /// How many items the first had.
    pub first_items: usize,
    /// How many items the last had.
    pub last_items: usize,
    /// Whether each but the first was found by counting.
    pub counting: bool,
}

/// The address of the next page, when an answer names one.
pub fn address(tool: &Tool, page: Page<'_>) -> Option<String> {
    if let Some(target) = page.link.and_then(|field| link::target(field, "next")) {
        return Some(target.to_owned());
    }
    let hinted = tool.pagination.as_ref().is_some_and(|hints| !hints.next_path.is_empty());
    // Every usual name has it; bodies are long, and most of them are no pages.
    let may = |body: &&str| hinted || memchr::memmem::find(body.as_bytes(), b"ext").is_some();
    let said = said(tool, page.body.filter(may)?);
    if said.is_last { None } else { said.address }
}

/// How to ask for the page behind this one, which `flags` led to. `continues`: an address can be followed.
pub fn next(tool: &Tool, flags: &Map<String, Value>, page: Page<'_>, before: Before, continues: bool) -> Lead {
    let said = page.body.map(|body| said(tool, body)).unwrap_or_default();
    let linked = page.link.and_then(|field| link::target(field, "next")).map(str::to_owned);
    let address = linked.or_else(|| said.address.filter(|_| !said.is_last)).map(Lead::Address);
    if let (true, Some(lead)) = (continues, &address) {
        return lead.clone();
    }
    if said.is_last {
        return Lead::End;
    }
    if let Some((name, value)) = said.flag {
        return Lead::Flag { name, value, counted: false };
    }
    if let Some(address) = address {
        // The next page may have a number too. That there is one is said already: a short page is no end.
        let counted = count::next(tool, flags, before);
        return if counted == Lead::End { address } else { counted };
    }
    if said.has_more == Some(true)
        && let Some(lead) = page.body.and_then(|body| behind_last_item(tool, body))
    {
        return lead;
    }
    // Pages that were found otherwise end when nothing is said any more.
    if said.is_end || (before.pages > 1 && !before.counting) {
        return Lead::End;
    }
    count::next(tool, flags, before)
}

/// Where an answer says whether there are more pages: paths of members.
pub fn places(tool: &Tool, body: &str) -> Vec<Vec<String>> {
    said(tool, body).places
}

/// The id of the last item, where the tool has a parameter for that and the answer says no more than that there are more.
fn behind_last_item(tool: &Tool, body: &str) -> Option<Lead> {
    let parameter = parameter(tool, &["startingafter", "afterid", "sinceid"])?;
    let (_, raw) = items(tool, body)?;
    let last = members::items(raw.get())?.pop()?;
    let value = scalar(Members::of(last.get())?.get("id")?)?;
    Some(Lead::Flag { name: parameter.name.clone(), value, counted: false })
}

/// The list in an answer, and the way to it: what `itemsPath` says, else the body itself, a member of a usual name, the only one that is a
/// list, or one of these inside a member of a usual name.
pub fn items<'a>(tool: &Tool, body: &'a str) -> Option<(Vec<String>, &'a RawValue)> {
    let whole: &RawValue = serde_json::from_str(body).ok()?;
    if let Some(hint) = hints(tool).map(|hints| hints.items_path.as_str()).filter(|hint| !hint.is_empty()) {
        return resolve(whole, hint).filter(|(_, raw)| is_list(raw));
    }
    if is_list(whole) {
        return Some((Vec::new(), whole));
    }
    let members = Members::of(whole.get())?;
    let found = list_among(&members);
    found.map(|(name, raw)| (vec![name], raw)).or_else(|| {
        AROUND_ITEMS.iter().find_map(|around| {
            let (outer, raw) = members.iter().find(|(name, _)| plain(name) == *around)?;
            let (inner, list) = list_among(&Members::of(raw.get())?)?;
            Some((vec![outer.to_owned(), inner], list))
        })
    })
}

/// Whether a member that is a list usually holds the items.
pub fn is_usual(name: &str) -> bool {
    ITEMS.contains(&plain(name).as_str())
}

fn list_among<'a>(members: &Members<'a>) -> Option<(String, &'a RawValue)> {
    let lists: Vec<_> = members.iter().filter(|(_, raw)| is_list(raw)).collect();
    let named = ITEMS.iter().find_map(|name| lists.iter().find(|(other, _)| plain(other) == *name));
    let only = || lists.first().filter(|_| lists.len() == 1);
    let (name, raw) = named.or_else(only)?;
    Some(((*name).to_owned(), raw))
}

/// What stands at a path of members.
pub fn lookup<'a>(body: &'a str, path: &[String]) -> Option<&'a RawValue> {
    let whole: &RawValue = serde_json::from_str(body).ok()?;
    path.iter().try_fold(whole, |raw, name| Members::of(raw.get())?.get(name))
}

/// Follows a publisher's path: a member's name, names joined by dots, the same behind `$.`, or a JSON pointer.
fn resolve<'a>(whole: &'a RawValue, hint: &str) -> Option<(Vec<String>, &'a RawValue)> {
    let hint = hint.strip_prefix("$.").unwrap_or(hint);
    if hint.is_empty() || hint == "$" || hint == "/" {
        return Some((Vec::new(), whole));
    }
    let names: Vec<String> = match hint.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(unescape_token).collect(),
        None if Members::of(whole.get())?.get(hint).is_some() => vec![hint.to_owned()],
        None => hint.split('.').map(str::to_owned).collect(),
    };
    let found = names.iter().try_fold(whole, |raw, name| Members::of(raw.get())?.get(name))?;
    Some((names, found))
}

fn hints(tool: &Tool) -> Option<&Pagination> {
    tool.pagination.as_ref()
}

/// The query parameter with one of these [`plain`] names, the first of them that there is.
fn parameter<'a>(tool: &'a Tool, names: &[&str]) -> Option<&'a Parameter> {
    let query = || tool.flags.iter().filter(|flag| flag.location == Place::Query);
    names.iter().find_map(|name| query().find(|flag| plain(&flag.original_name) == *name))
}

/// The parameter that a publisher names.
fn named<'a>(tool: &'a Tool, name: &str) -> Option<&'a Parameter> {
    let is_named = |flag: &&Parameter| flag.original_name == name || flag.name == name;
    tool.flags.iter().find(is_named).filter(|_| !name.is_empty())
}

fn is_list(raw: &RawValue) -> bool {
    raw.get().starts_with('[')
}

/// A text or a number as text; `None` for others and for what is empty.
fn scalar(raw: &RawValue) -> Option<String> {
    let text = match raw.get().as_bytes().first()? {
        b'"' => members::string(raw)?,
        b'0'..=b'9' | b'-' => raw.get().to_owned(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// A name without its spelling: lower-case letters and digits.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
