//! `audit list`, `audit tail`, `audit verify`.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;

use crate::audit::chain::{self, Head};
use crate::audit::segments::trail_of;
use crate::audit::verify::{Broken, Report, verify};
use crate::base::time::{parse_rfc3339, parse_span, rfc3339};
use crate::base::{disk, host};
use crate::cli::args::{Options, UsageError};
use crate::cli::flags::{Flag, Takes, option};
use crate::cli::output::{self, Format, Shape, sanitize};
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::client::session::Session;
use crate::contract::CAPABILITY_AUDIT_QUERY;

/// What `audit list` and `audit tail` show when nothing is said.
const LISTED: usize = 50;
const TAILED: usize = 10;
/// How often `audit tail --follow` asks for more. It asks instead of listening to a stream, since a stream holds one of the runtime's
/// workers, and ends when the token is renewed.
const PAUSE: Duration = Duration::from_secs(1);
/// How many records it asks for at once.
const PAGE: usize = 1000;

/// The columns of a table.
const COLUMNS: [&str; 8] =
    ["timestamp", "eventType", "principal", "toolId", "decision", "reasonCode", "statusCode", "latencyMs"];

const SINCE: Flag = option("since", Takes::Value("TIME"), "At or after: 2026-01-31T12:00:00Z, or 15m, 24h, 7d ago");
const EVENT: Flag = option("event-type", Takes::Value("TYPE"), "Only this type, like authz_denial");
const PRINCIPAL: Flag = option("principal", Takes::Value("NAME"), "Only by this principal");
const TOOL: Flag = option("tool", Takes::Value("ID"), "Only about this tool");
const DECISION: Flag = option("decision", Takes::OneOf(&["allowed", "denied", "error"]), "Only with this decision");

/// The flags of `audit list`.
pub const LIST: &[Flag] = &[
    option("limit", Takes::Value("N"), "How many, 50 by default"),
    SINCE,
    option("until", Takes::Value("TIME"), "Before, written as for --since"),
    EVENT,
    PRINCIPAL,
    TOOL,
    DECISION,
];

/// The flags of `audit tail`.
pub const TAIL: &[Flag] = &[
    option("limit", Takes::Value("N"), "How many to begin with, 10 by default"),
    option("after", Takes::Value("SEQ"), "Begin behind this record, with all that follow"),
    option("follow", Takes::Nothing, "Go on with new ones until interrupted"),
    EVENT,
    PRINCIPAL,
    TOOL,
    DECISION,
];

/// The flags of `audit verify`.
pub const VERIFY: &[Flag] =
    &[option("head", Takes::Value("SEQ:HASH"), "Compare with a head that was kept elsewhere, as the toolbox logs it")];

/// Flags that the runtime's filters have other names for.
const FILTERS: [(&str, &str); 4] =
    [("event-type", "eventType"), ("principal", "principal"), ("tool", "toolId"), ("decision", "decision")];

/// Lists the newest records that fit, the oldest of them first.
pub fn list(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let limit = limit(options, LISTED)?;
    let mut query = filters(options);
    for name in ["since", "until"] {
        if let Some(text) = options.value(name) {
            query.push((name, moment(world, name, text)?));
        }
    }
    let connection = world.connect()?;
    let session = connection.session();
    let mut found: Vec<Box<RawValue>> = Vec::new();
    if filterable(&session, &query)? {
        let mut before = None;
        while found.len() < limit {
            let wanted = (limit - found.len()).min(PAGE);
            let (mut page, next) = page(&session, &query, wanted, before.map(|number| ("before", number)))?;
            page.append(&mut found);
            found = page;
            match next {
                None => break,
                next => before = next,
            }
        }
    } else {
        found = events(&session.runtime.audit_events(&[])?.0)?;
    }
    world.print(&json!(&found[found.len().saturating_sub(limit)..]), &COLUMNS)
}

/// Prints the last records, one a line, and with `--follow` those that come.
pub fn tail(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let limit = limit(options, TAILED)?;
    let query = filters(options);
    let follows = options.value("follow").is_some_and(|value| value != "false");
    let connection = world.connect()?;
    let session = connection.session();
    if !filterable(&session, &query)? {
        return Err(Failure::new(
            report::UNREACHABLE,
            "not_supported",
            "the runtime has no filters on its audit trail",
        )
        .hint("`open-cli audit list` shows what it has"));
    }
    let last = match options.value("after") {
        Some(text) => {
            let after = text
                .parse()
                .map_err(|_| UsageError::new(format!("--after: {} is no record's number", text.escape_debug())))?;
            catch_up(world, &session, &query, after)?
        }
        None => {
            // What comes is counted from the newest record of all, which need not be one that fits.
            let (newest, _) = page(&session, &[], 1, None)?;
            let last = newest.last().and_then(|record| number(record)).unwrap_or(0);
            let (records, _) = page(&session, &query, limit, Some(("before", last + 1)))?;
            show(world, &records)?;
            last
        }
    };
    if follows {
        follow(world, &session, &query, last)?;
    }
    Ok(())
}

/// Prints everything behind a record; the number up to which that is.
fn catch_up(world: &World<'_>, session: &Session<'_>, query: &[(&str, String)], mut last: u64) -> Result<u64, Failure> {
    loop {
        let (records, next) = page(session, query, PAGE, Some(("after", last)))?;
        show(world, &records)?;
        last = records.last().and_then(|record| number(record)).unwrap_or(last).max(next.unwrap_or(0));
        if next.is_none() || world.console.gone.get() {
            return Ok(last);
        }
    }
}

/// Prints what comes, until nobody reads it any more or the runtime cannot be asked.
fn follow(world: &World<'_>, session: &Session<'_>, query: &[(&str, String)], mut last: u64) -> Result<(), Failure> {
    while !world.console.gone.get() {
        host::sleep(PAUSE);
        last = catch_up(world, session, query, last)?;
    }
    Ok(())
}

/// Checks a trail where it lies; needs no runtime.
pub fn check(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let head = options.value("head").map(read_head).transpose()?;
    let path = match options.words.first() {
        Some(path) => world.host.absolute(Path::new(path)),
        None => world.audit_path()?,
    };
    if let Some(trail) = trail_of(&path).filter(|trail| disk::exists(trail)) {
        let error = UsageError::new(format!("{} is one of the closed files of a trail", path.display()));
        return Err(error.hint(format!("check all of it: `open-cli audit verify {}`", trail.display())).into());
    }
    let report = verify(&path, head.as_ref()).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "check it as the toolbox's user: `sudo -u open-cli open-cli audit verify ..`"
            }
            _ => "name the file that is written, without a number: `open-cli audit verify /path/to/audit.log`",
        };
        Failure::other("audit_unreadable", format!("the audit trail {} cannot be read: {error}", path.display()))
            .hint(hint)
    })?;
    let broken = report.broken.as_ref().map(ToString::to_string);
    let answer = json!({
        "ok": broken.is_none(),
        "path": path.display().to_string(),
        "files": report.files,
        "records": report.records,
        "bytes": report.bytes,
        "firstSeq": report.first,
        "journaled": report.journaled,
        "head": report.head.to_string(),
        "broken": broken,
        "firstBad": report.broken.as_ref().map(place),
    });
    world.print_text_or(&in_words(&path, &report), &answer)?;
    match broken {
        None => Ok(()),
        Some(broken) => {
            Err(Failure::new(report::DIFFERENCES, "audit_broken", format!("the audit trail is not whole: {broken}"))
                .hint(match report.journaled {
                    0 => "compare with a backup; docs/audit.md says what the chain shows and what it does not",
                    _ => "its journal holds the records that are missing there: keep both files, the next start of the toolbox puts them back",
                }))
        }
    }
}

/// Where the first bad thing is, for programs.
fn place(broken: &Broken) -> serde_json::Value {
    match broken {
        Broken::Line { file, line, seq, .. } => json!({"file": file, "line": line, "seq": seq}),
        Broken::Missing { file } | Broken::Unlike { file } => json!({"file": file}),
        Broken::Manifest { line } => json!({"file": "manifest", "line": line}),
        Broken::Cut { last } => json!({"seq": last}),
        Broken::Other { seq } => json!({"seq": seq}),
    }
}

fn in_words(path: &Path, report: &Report) -> String {
    let Report { files, records, first, head, .. } = report;
    let verdict = if report.broken.is_none() { "whole" } else { "NOT whole" };
    let journaled = match report.journaled {
        0 => String::new(),
        more => format!("{more} more in its journal, which the next start of the toolbox puts back\n"),
    };
    let from = if *first > 0 { format!(", from {first} on") } else { String::new() };
    format!("{}: {verdict}\n{records} records in {files} files{from}\n{journaled}head {head}\n", path.display())
}

fn read_head(text: &str) -> Result<Head, UsageError> {
    Head::parse(text).ok_or_else(|| {
        UsageError::new(format!("--head: {} is no head", text.escape_debug()))
            .hint("it is SEQ:HASH, as the toolbox logs it at a stop (auditHead) and `audit verify` prints it")
    })
}

fn limit(options: &Options, usual: usize) -> Result<usize, UsageError> {
    let Some(text) = options.value("limit") else { return Ok(usual) };
    let limit = text.parse().ok().filter(|&limit| limit > 0);
    limit.ok_or_else(|| UsageError::new(format!("--limit: {} is no number above 0", text.escape_debug())))
}

fn filters(options: &Options) -> Vec<(&'static str, String)> {
    let given = |(flag, name): (&str, &'static str)| Some((name, options.value(flag)?.to_owned()));
    FILTERS.into_iter().filter_map(given).collect()
}

/// A moment, or a span before now, as the runtime wants it.
fn moment(world: &World<'_>, name: &str, text: &str) -> Result<String, UsageError> {
    let ago = || parse_span(text).and_then(|span| world.host.clock.now().checked_sub(span));
    parse_rfc3339(text).or_else(ago).map(rfc3339).ok_or_else(|| {
        UsageError::new(format!("--{name}: {} is no time", text.escape_debug()))
            .hint("write it like 2026-01-31T12:00:00Z, or as a span before now: 15m, 24h, 7d")
    })
}

/// Whether the runtime has filters; one that has none refuses what it does not know, or gives everything.
fn filterable(session: &Session<'_>, query: &[(&str, String)]) -> Result<bool, Failure> {
    let can = session.contract()?.has(CAPABILITY_AUDIT_QUERY);
    if !can && !query.is_empty() {
        return Err(Failure::new(
            report::UNREACHABLE,
            "not_supported",
            "the runtime has no filters on its audit trail",
        ));
    }
    Ok(can)
}

type Page = (Vec<Box<RawValue>>, Option<u64>);

/// One page, and the number from which the next one goes on.
fn page(
    session: &Session<'_>,
    query: &[(&str, String)],
    limit: usize,
    cursor: Option<(&str, u64)>,
) -> Result<Page, Failure> {
    let mut all: Vec<(&str, String)> = query.to_vec();
    all.push(("limit", limit.to_string()));
    all.extend(cursor.map(|(name, number)| (name, number.to_string())));
    let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (bytes, next) = session.runtime.audit_events(&all)?;
    Ok((events(&bytes)?, next))
}

fn events(bytes: &[u8]) -> Result<Vec<Box<RawValue>>, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        Failure::new(report::UNREACHABLE, "runtime_answer", format!("the audit events cannot be read: {error}"))
    })
}

fn number(record: &RawValue) -> Option<u64> {
    chain::number(record.get().as_bytes())
}

/// One record a line: for people the columns that are there, else the record as it is, or what the query finds in it.
fn show(world: &World<'_>, records: &[Box<RawValue>]) -> Result<(), Failure> {
    let mut text = String::new();
    let format = if world.format() == Format::Raw { Format::Raw } else { Format::Jsonl };
    let shape = Shape { format, terminal: None, colour: false, ..world.shape(&COLUMNS) };
    let columns = if shape.columns.is_empty() { &shape.fields } else { &shape.columns };
    for record in records {
        if shape.query.is_some() {
            text.push_str(&String::from_utf8_lossy(&output::json_answer(record.get(), &shape)?));
            continue;
        }
        if world.format() != Format::Table {
            text.push_str(record.get());
        } else if let Ok(serde_json::Value::Object(members)) = serde_json::from_str(record.get()) {
            let shown = columns.iter().filter_map(|column| members.get(column)).map(|value| match value {
                // Some of it is a caller's word, which must not look like lines of its own.
                serde_json::Value::String(text) => sanitize::line(text),
                other => other.to_string(),
            });
            text.push_str(&shown.collect::<Vec<_>>().join("  "));
        }
        text.push('\n');
    }
    world.console.text(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_in_words_names_only_records_that_are_there() {
        let words = |first, journaled| in_words(Path::new("a.log"), &Report { first, journaled, ..Report::default() });
        assert!(words(0, 0).starts_with("a.log: whole\n0 records in 0 files\nhead 0:"), "{}", words(0, 0));
        assert!(words(7, 2).contains("0 records in 0 files, from 7 on\n2 more in its journal"), "{}", words(7, 2));
    }
}
