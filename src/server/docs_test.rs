//! Holds pages and examples for operators to the code: every message that the log may tell as `warn` or `error` has its row in
//! `docs/operations.md`; every command line of a toolbox in units and pages is one that the flags take; the numbers of the nginx example fit
//! the toolbox's own.
#![expect(clippy::disallowed_methods, reason = "reads the sources for the messages that they tell")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::flags::{self, Flags, Wish};
use super::{GRACE, MOMENT};
use crate::http::server::{DEFAULT_CONNECTIONS, DEFAULT_MAX_BODY, DEFAULT_REQUEST_TIMEOUT, Spans};

const OPERATIONS: &str = include_str!("../../docs/operations.md");
const INSTALLING: &str = include_str!("../../docs/installing.md");
const REPLICAS: &str = include_str!("../../examples/replicas/README.md");
const NGINX: &str = include_str!("../../examples/replicas/nginx.conf");
const UNITS: [&str; 2] = [
    include_str!("../../examples/systemd/open-cli-toolbox.service"),
    include_str!("../../examples/systemd/open-cli-toolbox@.service"),
];

/// Level and text of what is told in the sources of a directory, but for tests.
fn told(dir: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            told(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" && name != "docs_test.rs" {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(calls(text.split("\n#[cfg(test)]\nmod").next().unwrap()));
        }
    }
}

/// The calls of a log's `warn` and `error` in a source.
fn calls(source: &str) -> Vec<(String, String)> {
    let of_level = |level: &str| {
        let pieces = source.split(&format!("log.{level}(")).skip(1).map(str::trim_start).collect::<Vec<_>>();
        let text = |piece: &str| piece.strip_prefix('"').and_then(|rest| rest.split('"').next()).map(str::to_owned);
        let texts = pieces.into_iter().map(|piece| text(piece).expect("a message is a literal"));
        texts.map(|text| (level.to_owned(), text)).collect::<Vec<_>>()
    };
    ["warn", "error"].into_iter().flat_map(of_level).collect()
}

#[test]
fn every_message_that_asks_for_action_has_its_row() {
    let mut in_code = BTreeSet::new();
    told(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut in_code);
    let section = OPERATIONS.split("\n## Messages\n").nth(1).expect("a section").split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
        let message = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((cells.next()?.to_owned(), message.to_owned()))
    });
    let on_page: BTreeSet<_> = rows.collect();
    let missing: Vec<_> = in_code.difference(&on_page).collect();
    let unknown: Vec<_> = on_page.difference(&in_code).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "no row: {missing:#?}; no such message: {unknown:#?}");
}

/// The command lines of a toolbox in a text, with the lines that go on.
fn command_lines(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(|line| {
        let line = line.trim().trim_start_matches("ExecStart=").trim_start_matches("sudo -u open-cli ");
        line.trim_start_matches("/usr/local/bin/")
    });
    let flags = lines.filter_map(|line| line.strip_prefix("open-cli-toolbox ")).map(str::trim_start);
    flags.filter(|flags| flags.starts_with("--") && *flags != "--version").map(str::to_owned).collect()
}

/// What a command line asks for, with what a service manager fills in.
#[track_caller]
fn parsed(line: &str) -> Flags {
    let names = [("%i", "one"), ("${CONFIG}", "c.json"), ("${ADDR}", "[::1]:1"), ("${METRICS_ADDR}", "[::1]:2")];
    let line = names.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
    let args: Vec<OsString> = line.split_whitespace().take_while(|word| *word != "#").map(OsString::from).collect();
    match flags::parse(&args) {
        Ok(Wish::Serve(flags)) => *flags,
        Ok(wish) => panic!("{line}: {wish:?}"),
        Err(message) => panic!("{line}: {message}"),
    }
}

#[test]
fn every_command_line_is_one_that_the_flags_take() {
    for (page, least) in [(REPLICAS, 3), (INSTALLING, 1)] {
        let lines = command_lines(page);
        assert!(lines.len() >= least, "{lines:?}");
        lines.iter().for_each(|line| drop(parsed(line)));
    }
}

/// The value of a setting in a unit, or of a directive of nginx.
#[track_caller]
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(['=', ' ']));
    found.unwrap_or_else(|| panic!("no {name}")).trim().trim_end_matches(';')
}

#[track_caller]
fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.trim_end_matches('s').parse().unwrap())
}

#[test]
fn units_give_the_toolbox_what_it_needs() {
    for unit in UNITS {
        let lines = command_lines(unit);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let flags = parsed(&lines[0]);
        assert!(seconds(value(unit, "TimeoutStopSec")) > flags.stop_delay + GRACE + MOMENT);
        assert!(value(unit, "LimitNOFILE").parse::<usize>().unwrap() >= DEFAULT_CONNECTIONS + 1000);
        for (setting, flag) in
            [("StateDirectory", "--state-dir /var/lib/"), ("CacheDirectory", "--cache-dir /var/cache/")]
        {
            assert!(lines[0].contains(&format!("{flag}{} ", value(unit, setting))), "{setting}");
        }
    }
}

#[test]
fn the_numbers_of_the_nginx_example_fit_the_toolbox() {
    let silent = seconds(value(NGINX, "keepalive_timeout"));
    for line in command_lines(REPLICAS).iter().filter(|line| line.contains("--addr")) {
        assert!(silent < parsed(line).stop_delay, "{line}");
    }
    assert!(silent < Spans::default().idle);
    assert!(seconds(value(NGINX, "proxy_read_timeout")) > DEFAULT_REQUEST_TIMEOUT);
    assert_eq!(value(NGINX, "client_max_body_size"), format!("{}m", DEFAULT_MAX_BODY >> 20));
    assert!(NGINX.lines().all(|line| line.trim_start().starts_with('#') || !line.contains("non_idempotent")));
}
