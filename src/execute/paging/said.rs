//! What the body of an answer says about the next page.

use serde_json::value::RawValue;

use super::{hints, named, parameter, plain, resolve, scalar};
use crate::base::members::{self, Members};
use crate::catalog::Tool;

/// How deep below the top such members stand.
const DEPTH: usize = 3;

/// How a member is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A URL.
    Address,
    /// A URL, or a cursor.
    Either,
    /// A cursor; a whole URL is one too.
    Cursor,
    /// Whether there are more.
    More,
}

use Kind::{Address, Cursor, Either, More};

/// Members by [`plain`] name, the surest first, and the parameters that take them.
const MEMBERS: &[(&str, Kind, &[&str])] = &[
    ("odatanextlink", Address, &[]),
    ("nextlink", Address, &[]),
    ("nexturl", Address, &[]),
    ("nextpageurl", Address, &[]),
    ("nexturi", Address, &[]),
    ("nextpageuri", Address, &[]),
    ("nextpagelink", Address, &[]),
    ("nexthref", Address, &[]),
    ("nextcursor", Cursor, &["cursor", "nextcursor", "after", "startcursor", "pagecursor", "pageafter"]),
    ("nextpagecursor", Cursor, &["pagecursor", "cursor"]),
    ("nextpagetoken", Cursor, &["pagetoken", "nextpagetoken", "token"]),
    ("nexttoken", Cursor, &["nexttoken", "token", "startingtoken", "pagetoken"]),
    ("nextcontinuationtoken", Cursor, &["continuationtoken"]),
    ("continuationtoken", Cursor, &["continuationtoken", "continuation"]),
    ("nextmarker", Cursor, &["marker"]),
    ("nextoffset", Cursor, &["offset", "start", "skip"]),
    ("next", Either, &["cursor", "after", "next", "pagetoken", "page", "offset", "start"]),
    ("nextpage", Either, &["page", "pagenumber", "pagetoken", "cursor"]),
    ("endcursor", Cursor, &["after", "cursor"]),
    ("after", Cursor, &["after"]),
    ("cursor", Cursor, &["cursor"]),
    ("links", Address, &[]),
    ("hasmore", More, &[]),
    ("hasnext", More, &[]),
    ("hasnextpage", More, &[]),
];

/// Members whose object is looked into, by [`plain`] name.
const AROUND: &[&str] = &[
    "links",
    "paging",
    "pagination",
    "meta",
    "metadata",
    "responsemetadata",
    "pageinfo",
    "resultinfo",
    "cursors",
    "data",
    "result",
    "response",
];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Where the next page is.
    pub(super) address: Option<String>,
    /// The flag that leads to it, and its value.
    pub(super) flag: Option<(String, String)>,
    /// Whether a member for it is there and empty.
    pub(super) is_end: bool,
    /// Whether it says that there are no more, whatever else it holds.
    pub(super) is_last: bool,
    /// As it says itself.
    pub(super) has_more: Option<bool>,
    /// Where all this stands.
    pub(super) places: Vec<Vec<String>>,
}

/// One member.
struct Found<'a> {
    row: usize,
    path: Vec<String>,
    raw: &'a RawValue,
}

pub(super) fn said(tool: &Tool, body: &str) -> Said {
    let mut said = Said::default();
    let hints = hints(tool);
    if hints.is_some_and(|hints| hints.style.eq_ignore_ascii_case("none")) {
        return said;
    }
    if let Some(hints) = hints.filter(|hints| !hints.next_path.is_empty()) {
        let whole: Option<&RawValue> = serde_json::from_str(body).ok();
        let found = whole.and_then(|whole| resolve(whole, &hints.next_path));
        let takes = named(tool, &hints.cursor_param).or_else(|| named(tool, &hints.page_param));
        match found {
            Some((path, raw)) => said.take(path, raw, Either, takes.map(|parameter| parameter.name.as_str())),
            None => said.is_end = true,
        }
        return said;
    }
    let mut found = Vec::new();
    look(body, &mut Vec::new(), &mut found);
    found.sort_by_key(|found: &Found<'_>| found.row);
    for Found { row, path, raw } in found {
        let (_, kind, takes) = MEMBERS[row];
        let hinted = hints.and_then(|hints| named(tool, &hints.cursor_param));
        let takes = hinted.filter(|_| kind != Address).or_else(|| parameter(tool, takes));
        said.take(path, raw, kind, takes.map(|parameter| parameter.name.as_str()));
    }
    said
}

/// Collects members of usual names, those nearer to the top first.
fn look<'a>(text: &'a str, path: &mut Vec<String>, found: &mut Vec<Found<'a>>) {
    let Some(members) = Members::of(text) else { return };
    let mut inner = Vec::new();
    for (name, raw) in members.iter() {
        let plain = plain(name);
        let is_around = AROUND.contains(&plain.as_str()) && raw.get().starts_with('{');
        if is_around {
            inner.push((name.to_owned(), raw));
        } else if let Some(row) = MEMBERS.iter().position(|(known, ..)| *known == plain) {
            found.push(Found { row, path: path.iter().cloned().chain([name.to_owned()]).collect(), raw });
        }
    }
    let inner = if path.len() + 1 < DEPTH { inner } else { Vec::new() };
    for (name, raw) in inner {
        path.push(name);
        look(raw.get(), path, found);
        path.pop();
    }
}

impl Said {
    /// Takes one member into account; what was found before stays.
    fn take(&mut self, path: Vec<String>, raw: &RawValue, kind: Kind, takes: Option<&str>) {
        let text = raw.get();
        if kind == More {
            let Ok(more) = serde_json::from_str::<bool>(text) else { return };
            self.has_more = self.has_more.or(Some(more));
            self.is_last |= !more;
            self.places.push(path);
            return;
        }
        if text == "null" || text == "\"\"" || text == "false" {
            self.is_end = true;
            self.places.push(path);
            return;
        }
        let (address, flag) = match text.as_bytes().first() {
            Some(b'{') => inside(text, takes),
            Some(b'[') => (linked(text), None),
            _ => match scalar(raw) {
                Some(value) if is_address(&value, kind) => (Some(value), None),
                Some(value) if kind != Address => (None, takes.map(|name| (name.to_owned(), value))),
                _ => (None, None),
            },
        };
        // A cursor speaks of the next page also where no parameter takes it.
        if address.is_some() || flag.is_some() || scalar(raw).is_some() {
            self.places.push(path);
        }
        self.address = self.address.take().or(address);
        self.flag = self.flag.take().or(flag);
    }
}

/// `{"href": ..}` and the like, or `{"after": ..}`.
fn inside(text: &str, takes: Option<&str>) -> (Option<String>, Option<(String, String)>) {
    let Some(members) = Members::of(text) else { return (None, None) };
    let first = |names: [&str; 3]| names.into_iter().find_map(|name| scalar(members.get(name)?));
    let flag = || takes.zip(first(["after", "cursor", "token"])).map(|(name, value)| (name.to_owned(), value));
    match first(["href", "url", "link"]) {
        Some(address) => (Some(address), None),
        None => (None, flag()),
    }
}

/// `[{"rel": "next", "href": ..}, ..]`
fn linked(text: &str) -> Option<String> {
    members::items(text)?.into_iter().find_map(|item| {
        let members = Members::of(item.get())?;
        let is_next = members.string("rel")?.eq_ignore_ascii_case("next");
        members.string("href").filter(|href| is_next && !href.is_empty())
    })
}

/// A cursor may begin with a slash, as base64 does; a URL that stands where cursors do is whole.
fn is_address(value: &str, kind: Kind) -> bool {
    let lower = value.get(..8).unwrap_or(value).to_ascii_lowercase();
    let is_whole = lower.starts_with("http://") || lower.starts_with("https://");
    is_whole || (kind != Cursor && (value.starts_with(['/', '?'])))
}
