//! Reads records back for `/v1/audit/events`: page by page over all files of the trail, without a lock, in bounded memory and time.
//!
//! A line that is torn, overlong or no record of the chain's form is counted and left out; it never hides the others (H37). The records
//! are given as the bytes of their lines, so that their hashes can be checked by whoever gets them.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use memchr::memmem;
use serde::Deserialize;

use super::chain;
use super::event::EventType;
use super::lines::{LinesBackward, LinesForward, place_after};
use super::segments::{self, Entry, Fate, Manifest, Part};
use crate::base::time::rfc3339;

/// Bytes of records that one page holds, and that are looked at for it. A page may end before its limit; the next one goes on.
const MOST_GIVEN: usize = 4 << 20;
const MOST_LOOKED_AT: u64 = 32 << 20;

/// Which records are wanted; `None` means any.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// At or after.
    pub since: Option<SystemTime>,
    /// Before.
    pub until: Option<SystemTime>,
    /// Of this type.
    pub event_type: Option<EventType>,
    /// By this principal.
    pub principal: Option<String>,
    /// Only what this one may know. For callers who may not see what others did (H10).
    pub own: Option<Own>,
    /// About this tool.
    pub tool_id: Option<String>,
    /// `allowed`, `denied` or `error`.
    pub decision: Option<String>,
    /// With a greater number: the oldest ones of these are given, else the newest.
    pub after: Option<u64>,
    /// With a smaller number.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// Whose records a caller sees, and about which tools.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// As records have it.
    pub principal: String,
    /// `sub` or `client_id`.
    pub kind: String,
    /// As records have it.
    pub issuer: String,
    /// The tools of its envelope. Several tokens may stand for one principal, and what one of them may do is hidden from a
    /// narrower one (H09).
    pub tools: BTreeSet<String>,
    /// A `reasonCode` whose records say no more about a tool than its caller did.
    pub harmless_reason: &'static str,
}

impl Own {
    fn sees(&self, members: &Members<'_>) -> bool {
        let by_it =
            self.principal == members.principal && self.kind == members.principal_kind && self.issuer == members.issuer;
        let says_nothing = members.tool_id.is_empty() || members.reason_code == self.harmless_reason;
        by_it && (says_nothing || self.tools.contains(&*members.tool_id))
    }
}

/// A page.
#[derive(Debug, Default)]
pub struct Found {
    /// Oldest first, each one line.
    pub lines: Vec<Vec<u8>>,
    /// How many lines could not be read on the way.
    pub unreadable: u64,
    /// Where the next page begins, when there may be one.
    pub next: Option<Next>,
    /// The greatest number among all records that were looked at, wanted or not.
    pub reached: u64,
}

/// Where the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// After this number, going on to newer ones.
    After(u64),
    /// Before this number, going back to older ones.
    Before(u64),
}

/// The members a filter looks at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow, default)]
    principal: Cow<'a, str>,
    #[serde(borrow, default)]
    principal_kind: Cow<'a, str>,
    #[serde(borrow, default)]
    issuer: Cow<'a, str>,
    #[serde(borrow, default)]
    tool_id: Cow<'a, str>,
    #[serde(borrow, default)]
    decision: Cow<'a, str>,
    #[serde(borrow, default)]
    reason_code: Cow<'a, str>,
    seq: u64,
}

/// Reads a page of the trail at `path`; one that does not exist holds nothing.
pub fn find(path: &Path, filter: &Filter) -> io::Result<Found> {
    let parts = segments::parts(path)?;
    // It tells which closed files need not be looked at; the newest page needs none of them.
    let is_bounded =
        filter.since.is_some() || filter.until.is_some() || filter.after.is_some() || filter.before.is_some();
    let manifest = if is_bounded && parts.len() > 1 { Manifest::read(path)? } else { Manifest::default() };
    let search = Search::new(filter);
    let wanted = |part: &Part| {
        let entry = manifest.entry(&segments::file_name(&part.path), Fate::Closed);
        entry.is_none_or(|entry| search.may_be_in(entry))
    };
    let parts = parts.into_iter().filter(wanted);
    let mut page = Page { limit: filter.limit, ..Page::default() };
    match filter.after {
        Some(after) => forward(parts, &search, after, &mut page)?,
        None => backward(parts.rev(), &search, filter.before, &mut page)?,
    }
    Ok(Found { lines: page.lines.into(), unreadable: page.unreadable, next: page.next, reached: page.reached })
}

fn forward(parts: impl Iterator<Item = Part>, search: &Search<'_>, after: u64, page: &mut Page) -> io::Result<()> {
    for part in parts {
        let Some(file) = part.open()? else { continue };
        let start = place_after(&file, after, chain::number)?;
        let mut lines = LinesForward::new(file, start)?;
        while let Some(line) = lines.next()? {
            let Some(number) = page.look(search, line, VecDeque::push_back) else { continue };
            if search.filter.before.is_some_and(|before| number >= before) {
                return Ok(());
            }
            if page.is_full() {
                page.next = Some(Next::After(number));
                return Ok(());
            }
        }
    }
    Ok(())
}

fn backward(
    parts: impl Iterator<Item = Part>,
    search: &Search<'_>,
    before: Option<u64>,
    page: &mut Page,
) -> io::Result<()> {
    for part in parts {
        let Some(file) = part.open()? else { continue };
        let mut lines = match before {
            None => LinesBackward::new(file)?,
            Some(before) => {
                let end = place_after(&file, before.saturating_sub(1), chain::number)?;
                LinesBackward::before(file, end)
            }
        };
        while let Some(line) = lines.next()? {
            let Some(line) = line else {
                page.unreadable += 1;
                continue;
            };
            let Some(number) = page.look(search, &line, VecDeque::push_front) else { continue };
            if page.is_full() {
                page.next = (number > 1).then_some(Next::Before(number));
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What a page holds so far.
#[derive(Default)]
struct Page {
    lines: VecDeque<Vec<u8>>,
    limit: usize,
    given: usize,
    looked_at: u64,
    unreadable: u64,
    next: Option<Next>,
    reached: u64,
}

impl Page {
    /// Takes a line if it is wanted; the number it has as a record.
    fn look(&mut self, search: &Search<'_>, line: &[u8], put: fn(&mut VecDeque<Vec<u8>>, Vec<u8>)) -> Option<u64> {
        self.looked_at += line.len() as u64 + 1;
        let number = chain::number(line);
        match number.map(|_| search.finds(line)) {
            Some(Some(false)) => {}
            Some(Some(true)) => {
                self.given += line.len();
                put(&mut self.lines, line.to_vec());
            }
            Some(None) | None => {
                self.unreadable += 1;
                return None;
            }
        }
        self.reached = self.reached.max(number.unwrap_or(0));
        number
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= self.limit || self.given >= MOST_GIVEN || self.looked_at >= MOST_LOOKED_AT
    }
}

/// A filter, made ready.
struct Search<'a> {
    filter: &'a Filter,
    since: Option<String>,
    until: Option<String>,
    /// What the line of every record that is wanted has in it, in the form in which the log writes it.
    needles: Vec<memmem::Finder<'static>>,
}

impl<'a> Search<'a> {
    fn new(filter: &'a Filter) -> Self {
        let wanted = [
            ("eventType", filter.event_type.map(EventType::as_str)),
            ("principal", filter.principal.as_deref()),
            ("principal", filter.own.as_ref().map(|own| own.principal.as_str())),
            ("toolId", filter.tool_id.as_deref()),
            ("decision", filter.decision.as_deref()),
        ];
        let needle = |(name, value): (&str, Option<&str>)| {
            let value = serde_json::Value::from(value?);
            Some(memmem::Finder::new(&format!("\"{name}\":{value}")).into_owned())
        };
        let (since, until) = (filter.since.map(rfc3339), filter.until.map(rfc3339));
        Self { filter, since, until, needles: wanted.into_iter().filter_map(needle).collect() }
    }

    /// Whether a closed file can hold what is wanted.
    fn may_be_in(&self, entry: &Entry) -> bool {
        self.filter.after.is_none_or(|after| entry.last_seq > after)
            && self.filter.before.is_none_or(|before| entry.first_seq < before)
            && self.since.as_ref().is_none_or(|since| entry.to >= *since)
            && self.until.as_ref().is_none_or(|until| entry.from < *until)
    }

    /// Whether the record of this line is wanted; `None` when it is no record.
    fn finds(&self, line: &[u8]) -> Option<bool> {
        let in_time = |at: &str| {
            // Time stamps have one form and length, so they compare as text.
            self.since.as_ref().is_none_or(|since| at >= since.as_str())
                && self.until.as_ref().is_none_or(|until| at < until.as_str())
        };
        if !segments::time_stamp(line).is_none_or(in_time)
            || !self.needles.iter().all(|needle| needle.find(line).is_some())
        {
            return Some(false);
        }
        let members: Members<'_> = serde_json::from_slice(line).ok()?;
        let Self { filter, .. } = self;
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        Some(
            in_time(&members.timestamp)
                && filter.event_type.is_none_or(|wanted| wanted.as_str() == members.event_type)
                && is(&filter.principal, &members.principal)
                && filter.own.as_ref().is_none_or(|own| own.sees(&members))
                && is(&filter.tool_id, &members.tool_id)
                && is(&filter.decision, &members.decision)
                && filter.after.is_none_or(|after| members.seq > after)
                && filter.before.is_none_or(|before| members.seq < before),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::parse_rfc3339;
    use crate::base::{disk, host};

    /// Not more than one record is this one's, whatever others are called.
    #[test]
    fn h10_own_records_are_told_from_those_of_namesakes() {
        let path = std::env::temp_dir().join(format!("open-cli-audit-own-{}", host::random_id().unwrap()));
        let line = |seq: u32, kind: &str, issuer: &str| {
            format!(
                r#"{{"timestamp":"t","eventType":"tool_execution","principal":"x","principalKind":"{kind}","issuer":"{issuer}","seq":{seq},"prev":"p","hash":"h"}}"#
            )
        };
        let lines = [line(1, "sub", "i"), line(2, "client_id", "i"), line(3, "sub", "j")].join("\n") + "\n";
        disk::write_private(&path, lines.as_bytes()).unwrap();
        let own = |kind: &str, issuer: &str| {
            let [principal, kind, issuer] = ["x", kind, issuer].map(str::to_owned);
            Some(Own { principal, kind, issuer, tools: BTreeSet::new(), harmless_reason: "authz_denied" })
        };
        let count = |own| find(&path, &Filter { own, limit: 100, ..Filter::default() }).unwrap().lines.len();
        assert_eq!((count(None), count(own("sub", "i")), count(own("client_id", "j"))), (3, 1, 0));
        disk::remove(&path).unwrap();
    }

    fn lines(numbers: std::ops::RangeInclusive<u64>) -> String {
        let line = |seq| {
            let at = rfc3339(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seq));
            let tool = if seq % 1000 == 7 { "rare" } else { "usual" };
            format!(
                r#"{{"timestamp":"{at}","eventType":"tool_execution","toolId":"{tool}","seq":{seq},"prev":"p","hash":"h"}}"#
            )
        };
        numbers.map(|seq| line(seq) + "\n").collect()
    }

    fn numbers(found: &Found) -> Vec<u64> {
        found.lines.iter().map(|line| chain::number(line).unwrap()).collect()
    }

    /// A trail of three files with 3,000 records.
    fn trail() -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("open-cli-audit-pages-{}", host::random_id().unwrap()));
        disk::create_private_dir(&dir).unwrap();
        let log = dir.join("audit.log");
        disk::write_private(&segments::closed_path(&log, 1), lines(1..=1000).as_bytes()).unwrap();
        disk::write_private(&segments::closed_path(&log, 1001), lines(1001..=2000).as_bytes()).unwrap();
        disk::write_private(&log, lines(2001..=3000).as_bytes()).unwrap();
        log
    }

    #[test]
    fn pages_go_through_all_files_both_ways_without_gaps() {
        let log = trail();
        for limit in [1, 7, 300, 1000, 2999, 3000, 5000] {
            let (mut forward, mut after) = (Vec::new(), Some(0));
            while let Some(number) = after {
                let found = find(&log, &Filter { after: Some(number), limit, ..Filter::default() }).unwrap();
                forward.extend(numbers(&found));
                after = found.next.map(|next| match next {
                    Next::After(number) => number,
                    Next::Before(_) => panic!("pages go on as they began"),
                });
            }
            assert!(forward.iter().copied().eq(1..=3000), "{limit}");
            let (mut backward, mut before) = (VecDeque::new(), None);
            loop {
                let found = find(&log, &Filter { before, limit, ..Filter::default() }).unwrap();
                numbers(&found).into_iter().rev().for_each(|number| backward.push_front(number));
                match found.next {
                    None => break,
                    Some(Next::Before(number)) => before = Some(number),
                    Some(Next::After(_)) => panic!("pages go on as they began"),
                }
            }
            assert!(backward.iter().copied().eq(1..=3000), "{limit}");
        }
        let rare = Filter { tool_id: Some("rare".to_owned()), limit: 2, ..Filter::default() };
        assert_eq!(numbers(&find(&log, &rare).unwrap()), [1007, 2007]);
    }

    #[test]
    fn h37_a_line_by_hand_hides_nothing_from_a_page() {
        let log = trail();
        for line in ["{}\n", "[]\n", "{\"note\":1}\n", "x\n"] {
            let mut file = disk::open_append(&log).unwrap();
            io::Write::write_all(&mut file, line.as_bytes()).unwrap();
        }
        let found = find(&log, &Filter { after: Some(2990), limit: 100, ..Filter::default() }).unwrap();
        assert_eq!((found.lines.len(), found.unreadable), (10, 4));
        let found = find(&log, &Filter { limit: 5, ..Filter::default() }).unwrap();
        assert_eq!((numbers(&found), found.unreadable), ((2996..=3000).collect(), 4));
    }

    const LINES: &[&str] = &[
        r#"{"timestamp":"2026-01-01T00:00:01.000Z","eventType":"runtime_start","seq":1,"prev":"p","hash":"h"}"#,
        r#"{"timestamp":"2026-01-01T00:00:02.000Z","eventType":"tool_execution","toolId":"a:x","decision":"allowed","seq":2,"prev":"p","hash":"h"}"#,
        "not json at all",
        "{}",
        r#"{"note":"by hand","seq":0,"prev":"p","hash":"h"}"#,
        r#"{"timestamp":"2026-01-01T00:00:03.000Z","eventType":"authz_denial","toolId":"a:y","decision":"denied","seq":3,"prev":"p","hash":"h"}"#,
        r#"{"timestamp":"2026-01-01T00:00:04.000Z","eventType":"tool_execution","toolId":"a:y","decision":"allowed","seq":4,"prev":"p","hash":"h"}"#,
        r#"{"timestamp":"2026-01-01T00:00:05"#,
    ];

    #[track_caller]
    fn check(filter: &Filter, expected: &[u64]) {
        let path = std::env::temp_dir().join(format!("open-cli-audit-read-{}", host::random_id().unwrap()));
        disk::write_private(&path, LINES.join("\n").as_bytes()).unwrap();
        let found = find(&path, filter).unwrap();
        disk::remove(&path).unwrap();
        let numbers: Vec<u64> =
            found.lines.iter().map(|line| serde_json::from_slice::<Members<'_>>(line).unwrap().seq).collect();
        assert_eq!(numbers, expected, "{filter:?}");
    }

    #[test]
    fn h37_filters_find_what_is_readable() {
        let any = Filter { limit: 100, ..Filter::default() };
        let at = |text: &str| parse_rfc3339(text);
        check(&any, &[1, 2, 3, 4]);
        check(&Filter { limit: 2, ..any.clone() }, &[3, 4]);
        check(&Filter { after: Some(1), limit: 2, ..any.clone() }, &[2, 3]);
        check(&Filter { after: Some(9), ..any.clone() }, &[]);
        check(&Filter { before: Some(4), limit: 2, ..any.clone() }, &[2, 3]);
        check(&Filter { after: Some(1), before: Some(3), ..any.clone() }, &[2]);
        check(&Filter { before: Some(1), ..any.clone() }, &[]);
        check(&Filter { event_type: Some(EventType::ToolExecution), ..any.clone() }, &[2, 4]);
        check(&Filter { tool_id: Some("a:y".into()), ..any.clone() }, &[3, 4]);
        check(&Filter { decision: Some("denied".into()), ..any.clone() }, &[3]);
        check(&Filter { since: at("2026-01-01T00:00:02Z"), until: at("2026-01-01T00:00:04Z"), ..any.clone() }, &[2, 3]);
        check(&Filter { principal: Some("p".into()), ..any }, &[]);
        let missing = find(Path::new("/nonexistent/audit.log"), &Filter::default()).unwrap();
        assert!(missing.lines.is_empty());
    }
}
