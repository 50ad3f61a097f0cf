//! Reads records back for `/v1/audit/events`: from the newest on, without a lock, in bounded memory.
//!
//! A line that is torn, overlong or no JSON object is counted and left out; it never hides the others (H37). The records are
//! given as the bytes of their lines, so that their hashes can be checked by whoever gets them.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

use super::event::EventType;
use super::tail::LinesBackward;
use crate::base::disk;
use crate::base::time::rfc3339;

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

/// Records found.
#[derive(Debug, Default)]
pub struct Found {
    /// Oldest first, each one line.
    pub lines: Vec<Vec<u8>>,
    /// How many lines could not be read on the way.
    pub unreadable: u64,
}

/// The members a filter looks at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow, default)]
    timestamp: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    event_type: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    principal: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    principal_kind: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    issuer: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    tool_id: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    decision: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    reason_code: std::borrow::Cow<'a, str>,
    #[serde(default)]
    seq: u64,
}

/// Reads the file at `path`; one that does not exist holds nothing.
pub fn find(path: &Path, filter: &Filter) -> io::Result<Found> {
    let file = match disk::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::default()),
        Err(error) => return Err(error),
    };
    // Time stamps have one form and length, so they compare as text.
    let (since, until) = (filter.since.map(rfc3339), filter.until.map(rfc3339));
    let mut backward = LinesBackward::new(file)?;
    let mut kept = VecDeque::new();
    let mut unreadable = 0;
    while let Some(line) = backward.next()? {
        let Some(line) = line else {
            unreadable += 1;
            continue;
        };
        let Ok(members) = serde_json::from_slice::<Members<'_>>(&line) else {
            unreadable += 1;
            continue;
        };
        if filter.after.is_some_and(|after| members.seq <= after) {
            break;
        }
        if fits(filter, since.as_deref(), until.as_deref(), &members) {
            kept.push_front(line);
            if kept.len() > filter.limit {
                kept.pop_back();
            }
        }
        if filter.after.is_none() && kept.len() == filter.limit {
            break;
        }
    }
    Ok(Found { lines: kept.into(), unreadable })
}

fn fits(filter: &Filter, since: Option<&str>, until: Option<&str>, members: &Members<'_>) -> bool {
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
    since.is_none_or(|since| &*members.timestamp >= since)
        && until.is_none_or(|until| &*members.timestamp < until)
        && filter.event_type.is_none_or(|wanted| wanted.as_str() == members.event_type)
        && is(&filter.principal, &members.principal)
        && filter.own.as_ref().is_none_or(|own| own.sees(members))
        && is(&filter.tool_id, &members.tool_id)
        && is(&filter.decision, &members.decision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::host;
    use crate::base::time::parse_rfc3339;

    /// Not more than one record is this one's, whatever others are called.
    #[test]
    fn h10_own_records_are_told_from_those_of_namesakes() {
        let path = std::env::temp_dir().join(format!("open-cli-audit-own-{}", host::random_id().unwrap()));
        let line = |seq: u32, kind: &str, issuer: &str| {
            format!(
                r#"{{"eventType":"tool_execution","principal":"x","principalKind":"{kind}","issuer":"{issuer}","seq":{seq}}}"#
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

    const LINES: &[&str] = &[
        r#"{"timestamp":"2026-01-01T00:00:01.000Z","eventType":"runtime_start","seq":1}"#,
        r#"{"timestamp":"2026-01-01T00:00:02.000Z","eventType":"tool_execution","toolId":"a:x","decision":"allowed","seq":2}"#,
        "not json at all",
        r#"{"timestamp":"2026-01-01T00:00:03.000Z","eventType":"authz_denial","toolId":"a:y","decision":"denied","seq":3}"#,
        r#"{"timestamp":"2026-01-01T00:00:04.000Z","eventType":"tool_execution","toolId":"a:y","decision":"allowed","seq":4}"#,
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
        check(&Filter { event_type: Some(EventType::ToolExecution), ..any.clone() }, &[2, 4]);
        check(&Filter { tool_id: Some("a:y".into()), ..any.clone() }, &[3, 4]);
        check(&Filter { decision: Some("denied".into()), ..any.clone() }, &[3]);
        check(&Filter { since: at("2026-01-01T00:00:02Z"), until: at("2026-01-01T00:00:04Z"), ..any.clone() }, &[2, 3]);
        check(&Filter { principal: Some("p".into()), ..any }, &[]);
        let missing = find(Path::new("/nonexistent/audit.log"), &Filter::default()).unwrap();
        assert!(missing.lines.is_empty());
    }
}
