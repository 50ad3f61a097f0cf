//! Whole command lines in process: a host with captured streams, and a runtime behind a transport of values.
#![expect(clippy::disallowed_methods, reason = "tests put files where a command finds them")]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::*;
use crate::base::host::{Clock, Env, Terminal};
use crate::base::keyboard::{Keyboard, Quiet};
use crate::client::index::{self, Index};
use crate::contract::path;
use crate::http::client::{ClientOptions, ProxyChoice};
use crate::http::{Headers, Limits, Method, Request, Response, TransportError, TransportErrorKind};

mod answers;
mod input;
mod shown;

pub(super) const SUMMARY: &[u8] = include_bytes!("../../testdata/cli/summary.json");

/// The canned catalog.
pub(super) fn index() -> Index {
    Index::from_bytes(index::encode(SUMMARY, Some("\"e1\"")).unwrap()).unwrap()
}

/// A runtime of values.
#[derive(Default)]
struct Fake {
    /// What executions answer, in order: status, media type, body.
    executions: Mutex<VecDeque<(u16, String, String)>>,
    seen: Mutex<Vec<Request>>,
    away: bool,
    contract: Option<&'static str>,
    capabilities: Vec<&'static str>,
    /// What it tells of a single tool.
    tool: Option<Value>,
}

impl Keyboard for World {
    fn quiet(&self) -> io::Result<Quiet> {
        self.hushed.fetch_add(1, Ordering::Relaxed);
        Ok(Quiet::nothing())
    }

    fn forget(&self) {
        self.forgot.fetch_add(1, Ordering::Relaxed);
    }
}

impl Fake {
    fn answer(&self, request: &Request) -> (u16, String, String) {
        let json = |body: String| (200, "application/json".to_owned(), body);
        match (request.method, request.url.path()) {
            (Method::Get, path::INFO) => json(
                json!({
                    "contractVersion": self.contract.unwrap_or("1.1"), "capabilities": self.capabilities,
                    "instanceId": "t", "runtimeMode": "remote", "version": "0.1.0", "auth": {"required": false}
                })
                .to_string(),
            ),
            (Method::Get, path::CATALOG) if request.headers.get("if-none-match") == Some("\"e1\"") => {
                (304, String::new(), String::new())
            }
            (Method::Get, path::CATALOG) => json(String::from_utf8(SUMMARY.to_vec()).unwrap()),
            (Method::Get, path::TOOL) if self.tool.is_none() && self.capabilities.contains(&"catalog-summary") => {
                let mut tool = index().tool(&index().rows().nth(2).unwrap()).unwrap();
                tool.description = "The whole ticket.".to_owned();
                json(serde_json::to_string(&tool).unwrap())
            }
            (Method::Get, path::TOOL) => {
                json(self.tool.as_ref().map_or_else(|| r#"{"id": "whole"}"#.to_owned(), Value::to_string))
            }
            (Method::Get, path::AUDIT) => json(r#"[{"seq":1,"eventType":"a"},{"seq":2,"eventType":"b"}]"#.to_owned()),
            (Method::Post, path::REFRESH) => json(
                r#"{"refreshedAt":"x","sources":[{"id":"hd","uri":"u","cacheOutcome":"miss","statusCode":500,"stale":true,"error":"it broke"}]}"#
                    .to_owned(),
            ),
            (Method::Post, path::STOP) => json(r#"{"stopped":true}"#.to_owned()),
            (Method::Post, path::SESSION_CLOSE) => json(r#"{"closed":true,"activeSessions":0}"#.to_owned()),
            _ => self.executions.lock().unwrap().pop_front().expect("an execution was expected"),
        }
    }
}

impl Transport for Fake {
    fn send(&self, request: &Request, _: Limits) -> Result<Response, TransportError> {
        if self.away {
            let message = "connection refused".to_owned();
            return Err(TransportError { kind: TransportErrorKind::Connect, may_have_been_sent: false, message });
        }
        let (status, media, body) = self.answer(request);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let mut headers = Headers::new().with("X-Request-ID", "r-1").with("ETag", "\"e1\"");
        headers.set("Content-Type", &media).unwrap();
        Ok(Response { status, headers, body: body.into_bytes(), truncated: false })
    }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that went away.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct World {
    fake: Arc<Fake>,
    home: PathBuf,
    env: Vec<(String, String)>,
    terminal: bool,
    /// Whether somebody is at standard input and error.
    somebody: bool,
    /// How often the echo was turned off.
    hushed: AtomicUsize,
    /// How often what was typed was dropped.
    forgot: AtomicUsize,
    closed: bool,
    stdin: &'static str,
    options: Arc<Mutex<Vec<ClientOptions>>>,
}

struct Ran {
    out: String,
    err: String,
    exit: u8,
}

const CAPABILITIES: [&str; 4] = ["catalog", "execute", "catalog-summary", "dry-run"];

impl World {
    fn new(name: &str) -> Self {
        Self::with(name, Fake { capabilities: CAPABILITIES.to_vec(), ..Fake::default() })
    }

    fn with(name: &str, fake: Fake) -> Self {
        let home = std::env::temp_dir().join(format!("open-cli-run-{}-{name}", std::process::id()));
        std::fs::remove_dir_all(&home).ok();
        crate::base::disk::create_private_dir(&home).unwrap();
        let env = vec![
            ("HOME".to_owned(), home.display().to_string()),
            ("OPEN_CLI_RUNTIME_URL".to_owned(), "http://runtime.test".to_owned()),
        ];
        Self {
            fake: Arc::new(fake),
            home,
            env,
            terminal: false,
            somebody: false,
            hushed: AtomicUsize::new(0),
            forgot: AtomicUsize::new(0),
            closed: false,
            stdin: "",
            options: Arc::default(),
        }
    }

    fn answers(self, body: &str) -> Self {
        self.says(200, "application/json", body)
    }

    fn says(self, status: u16, media: &str, body: &str) -> Self {
        self.fake.executions.lock().unwrap().push_back((status, media.to_owned(), body.to_owned()));
        self
    }

    fn terminal(mut self) -> Self {
        self.terminal = true;
        self.env.push(("NO_COLOR".to_owned(), "1".to_owned()));
        self
    }

    fn run(&self, line: &str) -> Ran {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>())
    }

    fn run_words(&self, words: &[&str]) -> Ran {
        let (out, err) = (Captured::default(), Captured::default());
        let stdin: Box<dyn Read + Send> = Box::new(self.stdin.as_bytes());
        let stdout: Box<dyn Write + Send> = if self.closed { Box::new(Closed) } else { Box::new(out.clone()) };
        let mut host = Host {
            args: words.iter().map(Into::into).collect(),
            env: Env::new(self.env.clone()),
            cwd: self.home.clone(),
            stdin,
            stdout,
            stderr: Box::new(err.clone()),
            terminal: Terminal {
                stdin: self.somebody,
                stdout: self.terminal,
                stderr: self.somebody,
                columns: Some(60),
            },
            clock: Clock::from_fn(|| UNIX_EPOCH + Duration::from_secs(1_790_000_000)),
            managed_dir: self.home.join("etc"),
        };
        let fake = Arc::clone(&self.fake);
        let options = Arc::clone(&self.options);
        let transports = move |asked| {
            options.lock().unwrap().push(asked);
            Ok(Arc::clone(&fake) as Arc<dyn Transport>)
        };
        let exit = run_with(&mut host, &transports, self);
        Ran { out: out.text(), err: err.text(), exit }
    }

    fn calls(&self) -> Vec<String> {
        let seen = self.fake.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect()
    }

    fn executed(&self) -> Value {
        let seen = self.fake.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let request =
            seen.iter().rev().find(|request| request.url.path() == path::EXECUTE).expect("nothing was executed");
        serde_json::from_slice(&request.body).unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.home).ok();
    }
}

impl Ran {
    #[track_caller]
    fn is(&self, exit: u8, out: &str, err: &str) {
        assert_eq!((self.exit, self.out.as_str(), self.err.as_str()), (exit, out, err));
    }

    #[track_caller]
    fn has(&self, exit: u8, out: &str, err: &str) {
        assert_eq!(self.exit, exit, "{}{}", self.out, self.err);
        assert!(self.out.contains(out), "{out:?} is not in {}", self.out);
        assert!(self.err.contains(err), "{err:?} is not in {}", self.err);
    }
}

#[test]
fn h40_a_json_answer_is_byte_for_byte() {
    let body = "{ \"b\":1.0,\n\"a\":[ ] }";
    let world =
        World::new("bytes").answers(&format!(r#"{{"statusCode":200,"body":{body},"contentType":"text/plain"}}"#));
    world.run("helpdesk tickets list --format json").is(0, body, "");
    assert_eq!(world.executed(), json!({"toolId": "hd:listTickets", "pathArgs": [], "flags": {}, "approval": false}));
}

#[test]
fn a_command_costs_one_question_and_one_execution() {
    let ok = r#"{"statusCode":200,"body":1}"#;
    let world = World::new("calls").answers(ok).answers(ok);
    world.run("helpdesk status").is(0, "1", "");
    assert_eq!(
        world.calls(),
        ["GET /v1/runtime/info", "GET /v1/catalog/effective", "POST /v1/tools/execute"],
        "the first time"
    );
    world.run("helpdesk hd status").is(0, "1", "");
    assert_eq!(world.calls()[3..], ["GET /v1/catalog/effective", "POST /v1/tools/execute"], "ever after");
    let seen = world.fake.seen.lock().unwrap();
    assert_eq!(seen[3].headers.get("if-none-match"), Some("\"e1\""));
    assert_eq!(seen[3].url.query(), Some("detail=summary"));
}

#[test]
fn flags_and_bodies_travel() {
    let ok = r#"{"statusCode":200}"#;
    let world = World::new("flags").answers(ok);
    world.run("--quiet hd tickets list --state open --archived --label a --label b --per_page=5 --format-param x --format=json --approval --mode curated --agent-profile p").is(0, "", "");
    let sent = world.executed();
    let flags = json!({"state": "open", "archived": "true", "label": ["a", "b"], "per-page": "5", "format": "x"});
    assert_eq!(
        (&sent["flags"], &sent["approval"], &sent["mode"], &sent["agentProfile"]),
        (&flags, &json!(true), &json!("curated"), &json!("p"))
    );

    let mut world = World::new("bodies").answers(ok).answers(ok).answers(ok);
    world.stdin = "{\"a\":3}";
    std::fs::write(world.home.join("b.json"), "{\"a\":2}").unwrap();
    for (body, encoded) in [("{\"a\":1}", "eyJhIjoxfQ=="), ("@b.json", "eyJhIjoyfQ=="), ("-", "eyJhIjozfQ==")] {
        world.run_words(&["hd", "tickets", "create", "--body", body]).is(0, "", "");
        assert_eq!(world.executed()["body"], encoded, "{body}");
    }
    world.run("hd tickets create --body {").has(2, "", "--body is not valid JSON");
    world.run("hd tickets create --body @none.json").has(2, "", "cannot be read");
    world.run("hd tickets create --body @none.json").has(
        2,
        "",
        "hint: `open-cli hd tickets create --help` says what it takes",
    );
    world.run("completion tcsh").has(2, "", "known: bash, zsh, fish");
    world.run("batch none.jsonl").has(2, "", "hint: `open-cli batch --help` says what it takes");
    world.run("hd tickets create").has(2, "", "needs a body");
}

#[test]
fn h32_what_is_wrong_is_never_sent() {
    let world = World::new("unsent");
    for (line, part) in [
        ("hd tickets list --state opne", "did you mean open?"),
        ("hd tickets list --per-page 0", "is less than 1"),
        ("hd tickets list --nothing", "has no flag --nothing"),
        ("hd tickets list extra", "no place for the argument"),
        ("hd tickets get", "needs the argument ticketId"),
        ("hd tickets gte T-1", "did you mean"),
        ("hepldesk", "did you mean helpdesk?"),
        ("hd --state open tickets list", "flags stand after"),
        ("--state open", "no global flag --state"),
        ("hd tickets list -5", "no option -5"),
    ] {
        world.run(line).has(2, "", part);
    }
    assert!(!world.calls().iter().any(|call| call.starts_with("POST")));
}

#[test]
fn h40_exit_codes_tell_what_happened() {
    let world = World::new("exits")
        .answers(r#"{"statusCode":404,"body":{"message":"no such ticket"}}"#)
        .answers(r#"{"statusCode":503,"text":"later"}"#)
        .says(403, "text/plain", "approval_required")
        .says(403, "application/problem+json", r#"{"type":"about:blank","title":"t","status":403,"detail":"pattern hd:* denies it","code":"policy_deny","requestId":"r-7"}"#)
        .says(401, "text/plain", "authn_failed")
        .says(504, "text/plain", "execution_timeout")
        .answers(r#"{"statusCode":200,"text":"half","truncated":true}"#);
    world.run("hd tickets get T-9 --format pretty").has(8, "no such ticket", "the upstream answered 404");
    world.run("hd tickets get T-9").has(9, "later", "answered 503");
    world.run("hd tickets delete T-9").has(7, "", "--approval");
    let denied = world.run("hd tickets delete T-9 --format json");
    denied.has(6, "", "policy_deny: pattern hd:* denies it");
    let error: Value = serde_json::from_str(denied.err.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&error["error"]["code"], &error["error"]["requestId"], &error["error"]["exit"]),
        (&json!("policy_deny"), &json!("r-7"), &json!(6))
    );
    world.run("hd tickets delete T-9").has(5, "", "authn_failed");
    world.run("hd tickets delete T-9").has(9, "", "execution_timeout");
    world.run("hd tickets get T-9").has(1, "half", "was cut");
    assert!(!world.run("status --format pretty").err.contains("{\"error\""), "only json gets the object");
}

#[test]
fn a_trace_of_the_environment_goes_along_and_the_answer_s_id_is_told() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut world = World::new("trace").says(403, "text/plain", "policy_deny").says(403, "text/plain", "policy_deny");
    for (name, value) in [("TRACEPARENT", parent), ("TRACESTATE", "a=1")] {
        world.env.push((name.to_owned(), value.to_owned()));
    }
    let sent = |world: &World| {
        let seen = world.fake.seen.lock().unwrap();
        let header = |name: &str| seen.last().unwrap().headers.get(name).map(str::to_owned);
        assert_eq!(header("x-request-id").map(|id| id.len()), Some(32));
        (header("traceparent"), header("tracestate"))
    };
    let denied = world.run("hd tickets delete T-9 --format pretty --verbose");
    denied.has(6, "", "\nrequest: r-1\n");
    assert!(denied.err.contains("POST http://runtime.test/v1/tools/execute -> 403, 11 bytes"), "{}", denied.err);
    assert!(denied.err.contains(" ms, request r-1\n"), "{}", denied.err);
    assert_eq!(sent(&world), (Some(parent.to_owned()), Some("a=1".to_owned())));
    world.env.retain(|(name, _)| name != "TRACEPARENT");
    world.env.push(("TRACEPARENT".to_owned(), "00-x".to_owned()));
    let denied = world.run("hd tickets delete T-9 --format json");
    denied.has(6, "", "\"requestId\":\"r-1\"");
    assert!(!denied.err.contains("request: "), "the object has it: {}", denied.err);
    assert_eq!(sent(&world), (None, None));
}

#[test]
fn h40_a_runtime_that_is_away_or_other_is_told_apart() {
    let away = World::with("away", Fake { away: true, ..Fake::default() });
    away.run("hd tickets list").has(4, "", "cannot be reached");
    away.run("status").has(4, "\"reachable\":false", "cannot be reached");
    let other = World::with("other", Fake { contract: Some("2.0"), capabilities: vec!["catalog"], ..Fake::default() });
    other.run("hd tickets list").has(4, "", "contract_mismatch");
    let mut nowhere = World::new("nowhere");
    nowhere.env.truncate(1);
    nowhere.run("hd tickets list").has(3, "", "neither --runtime, nor OPEN_CLI_RUNTIME_URL, nor runtime.remote.url");
    nowhere.run("--runtime ftp://x hd").has(3, "", "--runtime is not a runtime's URL");
}

#[test]
fn the_environment_says_what_flags_say() {
    let mut world = World::new("environment");
    world.env.push(("OPEN_CLI_FORMAT".to_owned(), "yaml".to_owned()));
    world.run("status").has(0, "reachable: true", "");
    world.run("status --format json").has(0, "\"reachable\":true", "");
    world.env.push(("OPEN_CLI_TIMEOUT".to_owned(), "soon".to_owned()));
    world.run("status").has(2, "", "OPEN_CLI_TIMEOUT: soon is no time");
    world.run("status --timeout 3").has(0, "reachable: true", "");
    world.env.push(("OPEN_CLI_FORMAT".to_owned(), "json".to_owned()));
    world.run("status --no-such").has(2, "", "\"exit\":2");
}

#[test]
fn quiet_leaves_errors_only() {
    let world = World::new("quiet").answers("{}");
    assert!(!world.run("catalog list --text nope").err.is_empty(), "there is something to leave out");
    world.run("catalog list --text nope --quiet --verbose").is(0, "[]\n", "");
    world.run("catalog list --text nope -q --service x").has(2, "", "error: ");
}

#[test]
fn h41_help_and_version_need_no_runtime() {
    let world = World::with("help", Fake { away: true, ..Fake::default() });
    world.run("--version").is(0, &format!("open-cli {}\n", crate::VERSION), "");
    for line in ["", "--help", "help", "-h"] {
        world.run(line).has(0, "Flags for calls:", "");
    }
    world.run("catalog list --help").has(0, "--safety read-only|destructive", "");
    world.run("help config").has(0, "config schema", "");
    world.run("help config").has(0, ".cli.local.json beside it", "");
    world.run("config").has(0, "config show", "");
    world.run("help topics").has(0, "exit-codes", "");
    world.run("help exit-codes").has(0, "  7   needs approval", "");
    world.run("help environment").has(0, "OPEN_CLI_FORMAT", "");
    world.run("config schema").has(0, "$schema", "");
    assert!(world.calls().is_empty());
}

#[test]
fn help_is_there_at_every_level() {
    let world = World::new("levels").terminal();
    world.run("helpdesk").has(0, "tickets  4 commands: create, delete, get, list", "");
    world.run("helpdesk").has(0, "status  Says how it goes", "");
    world.run("help hd tickets").has(0, "list    Lists tickets", "");
    let tool = world.run("helpdesk tickets list --help");
    tool.has(0, "--per-page INTEGER", "");
    tool.has(0, "--format-param TEXT", "");
    world.run("hd tickets delete T-1 -h").has(0, "needs --approval", "");
    let away = World {
        fake: Arc::new(Fake { away: true, ..Fake::default() }),
        home: world.home.clone(),
        env: world.env.clone(),
        terminal: false,
        somebody: false,
        hushed: AtomicUsize::new(0),
        forgot: AtomicUsize::new(0),
        closed: false,
        stdin: "",
        options: Arc::default(),
    };
    away.run("hd tickets --help").has(0, "Lists tickets", "");
    assert!(away.run("hd tickets --help").err.is_empty(), "nobody was waited for");
    away.run("help outptu").has(2, "", "did you mean `open-cli help output`?");
    away.run("hd tikets --help").has(2, "", "did you mean tickets?");
    let first = away.run("--help").out;
    assert!(first.find("  helpdesk  Help Desk; 5 tools\n") < first.find("  catalog list"), "{first}");
}

/// A runtime that tells its tools whole.
fn telling(name: &str) -> World {
    World::with(name, Fake { capabilities: vec!["catalog", "catalog-summary", "tool-detail"], ..Fake::default() })
}

#[test]
fn h41_help_comes_from_what_was_last_seen() {
    let world = telling("at-once");
    world.run("hd tickets get --help").has(0, "The whole ticket.", "");
    let asked = world.calls();
    assert_eq!(asked.iter().filter(|call| call.contains(path::TOOL)).count(), 1, "{asked:?}");
    for line in ["hd tickets get --help", "help hd tickets get", "hd tickets --help", "help hd", "--help", ""] {
        world.run(line).has(0, "", "");
        assert_eq!(world.calls(), asked, "{line} asked the runtime");
    }
    world.run("hd nothing --help").has(2, "", "hd has no group or command `nothing`".trim_start_matches("hd "));
    assert!(world.calls().len() > asked.len(), "the catalog may have something new");
}

#[test]
fn h42_help_is_bold_on_a_terminal_and_nowhere_else() {
    let mut world = World::new("bold").terminal();
    world.env.retain(|(name, _)| name != "NO_COLOR");
    let first = world.run("--help").out;
    assert!(first.contains("\u{1b}[1mUsage:\u{1b}[0m\n"), "{first}");
    assert!(first.lines().all(|line| line.chars().count() <= 80), "{first}");
    for line in ["--help --no-color", "help output --no-color"] {
        assert!(!world.run(line).out.contains('\u{1b}'));
    }
    world.env.push(("NO_COLOR".to_owned(), "1".to_owned()));
    assert!(!world.run("--help").out.contains('\u{1b}'));
    assert!(!World::new("not-bold").run("--help").out.contains('\u{1b}'));
}

#[test]
fn what_comes_later_is_never_a_service() {
    let world = World::new("later");
    for line in ["workflow run y", "workflow list"] {
        world.run(line).has(2, "", "is not supported by this version");
    }
    assert!(world.calls().is_empty());
    world.run("config chekc").has(2, "", "did you mean `open-cli config check`?");
    world.run("catalog list --servce x").has(2, "", "did you mean --service?");
    world.run("status now").has(2, "", "one word too many");
}

#[test]
fn the_catalog_is_listed_and_filtered() {
    let world = World::new("list");
    let ids = |line: &str| {
        let list: Vec<Value> = serde_json::from_str(&world.run(line).out).unwrap();
        list.iter().map(|tool| tool["command"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        ids("catalog list --safety read-only"),
        ["helpdesk status", "helpdesk tickets get", "helpdesk tickets list"]
    );
    assert_eq!(ids("catalog list --safety approval --service hd"), ["helpdesk tickets delete"]);
    assert_eq!(ids("catalog list --group hd"), ["helpdesk status"]);
    assert_eq!(ids("catalog list --hidden --safety=read-only").len(), 4);
    world.run("catalog list --group nope").has(2, "", "groups: hd, tickets");
    world.run("catalog list --service nope").has(2, "", "services: helpdesk");
    world.run("catalog list --safety none").has(2, "", "known: read-only");
    world.run("tool schema hd:status").has(0, "\"id\": \"hd:status\"", "");
    world.run("explain helpdesk tickets delete").has(0, "open-cli helpdesk tickets delete ticketId --approval", "");
    let detailed = World::with("detail", Fake { capabilities: vec!["catalog", "tool-detail"], ..Fake::default() });
    detailed.run("tool schema hd tickets show").is(0, "{\"id\": \"whole\"}\n", "");
}

fn at(world: &World, name: &str) -> Option<Vec<u8>> {
    crate::base::disk::read(&world.home.join(name), 1 << 20).ok()
}

#[test]
fn an_answer_goes_to_a_file_byte_for_byte() {
    for (answer, expected) in [
        (json!({"statusCode":200,"bodyBase64":"AP8K","retries":0}).to_string(), b"\0\xff\n".to_vec()),
        (json!({"statusCode":200,"text":"a\u{1b}","retries":0}).to_string(), b"a\x1b".to_vec()),
        (
            r#"{"statusCode":200,"body":{"b" :1.0},"around":[" ","\n"],"retries":0}"#.to_owned(),
            b" {\"b\" :1.0}\n".to_vec(),
        ),
        (r#"{"statusCode":204,"retries":0}"#.to_owned(), Vec::new()),
    ] {
        let world = World::new("to-a-file").terminal().answers(&answer).answers(&answer);
        world.run("hd tickets list --output got").is(0, "", "");
        assert_eq!(at(&world, "got"), Some(expected.clone()));
        if let Ok(text) = String::from_utf8(expected) {
            world.run("hd tickets list --output - --format table").is(0, &text, "");
        }
    }
}

#[test]
fn a_file_is_left_alone_when_the_answer_is_none() {
    let world = World::new("no-file")
        .answers(&json!({"statusCode":404,"body":{"why":"gone"},"retries":0}).to_string())
        .answers(&json!({"statusCode":200,"text":"half","truncated":true,"retries":0}).to_string());
    crate::base::disk::write_whole(&world.home.join("kept"), b"old").unwrap();
    world.run("hd tickets get T-1 --output kept").has(8, "", "{\"why\":\"gone\"}\nerror: ");
    world.run("hd tickets get T-1 --output kept").has(1, "", "no file was written");
    assert_eq!(at(&world, "kept").as_deref(), Some(&b"old"[..]));
    world.run("hd tickets get T-1 --output none/got").has(2, "", "cannot be written");
    let sent = world.calls().iter().filter(|call| call.contains("execute")).count();
    assert_eq!(sent, 2, "it was said before anything was sent");
}

fn streaming(name: &str, lines: &[Value]) -> World {
    let fake = Fake { capabilities: [&CAPABILITIES[..], &["streams"]].concat(), ..Fake::default() };
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    World::with(name, fake).says(200, "application/x-ndjson", &text).says(200, "application/x-ndjson", &text)
}

fn end(more: &Value) -> Value {
    let mut end = json!({"end": true, "pieces": 1, "bytes": 1, "truncated": false});
    end.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    end
}

#[test]
fn a_stream_is_written_as_it_comes() {
    let head = json!({"statusCode":200,"contentType":"text/event-stream","retries":0});
    let lines = [
        head,
        json!({"line":"data: \u{1b}"}),
        json!({"data":"w6k="}),
        json!({"line":"b","partial":true}),
        end(&json!({})),
    ];
    let world = streaming("stream", &lines);
    world.run("hd tickets list --stream").is(0, "data: \u{1b}\n\u{e9}b", "");
    assert_eq!(world.executed()["stream"], true);
    world.run("hd tickets list --stream --output got -i --format table").is(
        0,
        "HTTP 200\ncontent-type: text/event-stream\n\n",
        "",
    );
    assert_eq!(at(&world, "got").unwrap(), "data: \u{1b}\n\u{e9}b".as_bytes());
    streaming("stream-shown", &lines).terminal().run("hd tickets list --stream").is(0, "data: \\x1b\n\u{e9}b", "");
    let mut gone = streaming("stream-gone", &lines);
    gone.closed = true;
    gone.run("hd tickets list --stream").is(0, "", "");
    World::new("no-streams").run("hd tickets list --stream").has(1, "", "nothing was sent");
}

#[test]
fn h40_how_a_stream_ended_decides_the_exit_code() {
    let head = |status: u16| json!({"statusCode":status,"contentType":"text/plain","retries":0});
    let said = json!({"line":"why"});
    for (status, last, exit, told) in [
        (404, end(&json!({})), 8, "the upstream answered 404"),
        (200, end(&json!({"truncated": true})), 1, "was cut"),
        (200, end(&json!({"withheld": 2})), 0, "cannot be applied to them: 2"),
        (200, end(&json!({"error": {"code": "execution_timeout", "detail": "h was silent"}})), 9, "h was silent"),
        (200, json!({"line": "no end"}), 4, "the stream broke off"),
    ] {
        let world = streaming("stream-end", &[head(status), said.clone(), last]);
        world.run("hd tickets list --stream").has(exit, "why\n", told);
        if status == 404 {
            world.run("hd tickets list --stream --output got").has(exit, "", "why\nerror");
            assert_eq!(at(&world, "got"), None);
        }
    }
    let binary = [head(200), json!({"data": "AP8="}), end(&json!({}))];
    streaming("stream-binary", &binary).terminal().run("hd tickets list --stream").has(1, "", "--output FILE");
}

#[test]
fn status_and_headers_come_before_the_answer() {
    let answer = r#"{"statusCode":200,"body":{"a":1.0},"contentType":"application/json","headers":{"etag":"\"1\""},"retries":0}"#;
    let mut world = World::new("include");
    for _ in 0..6 {
        world = world.answers(answer);
    }
    let object = "{\"statusCode\":200,\"contentType\":\"application/json\",\"headers\":{\"etag\":\"\\\"1\\\"\"},\"body\":{\"a\":1.0}}\n";
    world.run("hd tickets get T-1 --include").is(0, object, "");
    world.run("hd tickets get T-1 -i --format json").is(0, object, "");
    let head = "HTTP 200\ncontent-type: application/json\netag: \"1\"\n\n";
    world.run("hd tickets get T-1 -i --format table").is(0, &format!("{head}a  1.0\n"), "");
    world.run("hd tickets get T-1 -i --output -").is(0, &format!("{head}{{\"a\":1.0}}"), "");
    world.run("hd tickets get T-1 -i --output got --format table").is(0, head, "");
    world.run("hd tickets get T-1 -i --format yaml").has(0, "statusCode: 200\n", "");
    assert_eq!(at(&world, "got").as_deref(), Some(&b"{\"a\":1.0}"[..]));
}

#[test]
fn a_dry_run_is_only_asked_of_who_knows_it() {
    let answer = r#"{"dryRun":true,"toolId":"hd:getTicket","method":"GET","url":"http://api.test/tickets/T-1","headers":[["Authorization","Bearer <bearerAuth>"]]}"#;
    let world = World::new("dry").answers(answer).answers(answer);
    world.run("hd tickets get T-1 --dry-run").is(0, &format!("{answer}\n"), "");
    assert_eq!(world.executed()["dryRun"], true);
    world.run("hd tickets get T-1 --dry-run --format table").has(
        0,
        "curl --globoff \\\n  --header 'Authorization: Bearer <bearerAuth>'",
        "",
    );
    let hidden = format!("{},\"withheld\":\"none of JSON\"}}", answer.trim_end_matches('}'));
    let world = World::new("dry-hidden").answers(&hidden);
    world.run("hd tickets get T-1 --dry-run=curl").has(0, "curl --globoff", "a body that is not shown: none of JSON");
    let other = World::with("dry-other", Fake { capabilities: vec!["catalog"], ..Fake::default() });
    other.run("hd tickets get T-1 --dry-run").has(1, "", "nothing was sent");
    assert!(!other.calls().iter().any(|call| call.starts_with("POST")));
}

#[test]
fn h42_terminals_and_pipes_get_what_they_can_bear() {
    let hostile = r#"{"statusCode":200,"text":"a\u001b[2Jb"}"#;
    let binary = r#"{"statusCode":200,"bodyBase64":"AP8=","contentType":"image/png"}"#;
    let world = World::new("terminal").terminal().answers(hostile).answers(binary);
    world.run("hd status").is(0, "a\\x1b[2Jb\n", "");
    world.run("hd status").has(1, "", "2 bytes of image/png, not shown on a terminal");
    let pipe = World::new("pipe").answers(hostile);
    pipe.run("hd status").is(0, "a\u{1b}[2Jb", "");
    let mut closed = World::new("closed").answers(r#"{"statusCode":200,"body":1}"#);
    closed.closed = true;
    closed.run("hd status").is(0, "", "");
}

#[test]
fn tables_show_the_fields_that_the_api_names() {
    let list = r#"{"statusCode":200,"body":{"items":[{"title":"Printer","id":1,"noise":true}],"next":null}}"#;
    let secret = r#"{"statusCode":200,"body":{"id":1,"secret":"hunter2"}}"#;
    let world = World::new("table").terminal().answers(list).answers(secret).answers(secret);
    world.run("hd tickets list").is(0, "ID  TITLE\n 1  Printer\n\nnext\n", "");
    world.run("hd tickets get 1").is(0, "id      1\nsecret  [redacted]\n", "");
    world.run("hd tickets get 1 --format json").is(0, "{\"id\":1,\"secret\":\"[redacted]\"}\n", "");
}

#[test]
fn the_other_calls_answer() {
    let world = World::new("others");
    world.run("runtime info").has(0, "\"contractVersion\":\"1.1\"", "");
    world.run("runtime stop").is(0, "{\"stopped\":true}\n", "");
    for (line, body) in [("runtime session-close", "{}"), ("runtime session-close a:1", r#"{"sessionId":"a:1"}"#)] {
        world.run(line).is(0, "{\"closed\":true,\"activeSessions\":0}\n", "");
        assert_eq!(world.fake.seen.lock().unwrap().last().unwrap().body, body.as_bytes());
    }
    world.run("runtime session-close a b").has(2, "", "one word too many");
    world.run("refresh").has(1, "\"cacheOutcome\":\"miss\"", "hd: it broke");
    world.run("audit list --limit 1").is(0, "[{\"seq\":2,\"eventType\":\"b\"}]\n", "");
    world.run("audit list --limit x").has(2, "", "no number");
    let status: Value = serde_json::from_str(&world.run("status").out).unwrap();
    assert_eq!((&status["ok"], &status["tools"], &status["token"]), (&json!(true), &json!(6), &json!("none")));
}

#[test]
fn h24_verbose_tells_requests_without_queries_and_headers() {
    let world = World::new("verbose").answers(r#"{"statusCode":200,"body":1}"#);
    let ran = world.run("hd tickets list --state open -v");
    ran.has(0, "1", "GET http://runtime.test/v1/catalog/effective -> 200");
    assert!(!ran.err.contains("detail=") && ran.err.lines().count() == 3, "{}", ran.err);
}

#[test]
fn loopback_is_never_proxied_and_plain_http_reads_no_authorities() {
    let mut world = World::new("options");
    world.env.push(("HTTPS_PROXY".to_owned(), "http://proxy.test:3128".to_owned()));
    world.env.push(("SSL_CERT_FILE".to_owned(), "/ca.pem".to_owned()));
    for (runtime, proxied, authorities) in
        [("http://127.0.0.1:1", false, false), ("https://localhost:1", false, true), ("https://r.test", true, true)]
    {
        world.run(&format!("runtime info --runtime {runtime} --ca-cert my.pem"));
        let options = world.options.lock().unwrap().pop().unwrap();
        assert_eq!((options.proxy != ProxyChoice::None, options.env_ca.is_some()), (proxied, authorities), "{runtime}");
        assert_eq!(options.ca_file, Some(world.home.join("my.pem")));
    }
}

#[test]
fn trust_records_what_is_there() {
    let world = World::new("trust");
    world.run("trust").has(2, "", "there is nothing to trust");
    std::fs::write(world.home.join(".cli.json"), "{}").unwrap();
    world.run("trust").has(0, "\"sha256\":\"44136fa3", "");
    let list = Path::new(&world.home).join(".local/state/open-cli/trust.json");
    assert!(list.exists());
    world.run("config check").has(0, "\"ok\":true", "");
}

#[test]
fn a_policy_is_asked_about_as_a_file_says_and_only_where_it_is_explained() {
    const CASES: &str = r#"{"cases": [
        {"tool": "a:x", "expect": "allowed"}, {"tool": "a:y", "expect": "allowed", "mode": "discover", "scopes": "s t"},
        {"tool": "a:z", "expect": "allowed"}]}"#;
    let explained = |ids: &[&str]| {
        let one = |id: &&str| json!({"toolId": id, "verdict": "allowed", "rules": []});
        json!({"approval": false, "explanations": ids.iter().map(one).collect::<Vec<_>>(), "leftOut": 0}).to_string()
    };
    let explaining = |name: &str, stdin: &'static str| {
        let fake = Fake { capabilities: vec!["catalog", "policy-explain"], ..Fake::default() };
        let mut world = World::with(name, fake);
        world.stdin = stdin;
        world
    };
    let world = explaining("cases", CASES).answers(&explained(&["a:x", "a:z"])).answers(&explained(&["a:y"]));
    world.run("policy test - --mode curated --agent-profile p").has(0, "\"differing\":0", "");
    let seen = world.fake.seen.lock().unwrap();
    let asked: Vec<Value> = seen
        .iter()
        .filter(|request| request.url.path() == path::POLICY_EXPLAIN)
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    let first = json!({"toolIds": ["a:x", "a:z"], "mode": "curated", "agentProfile": "p", "approval": false});
    let second = json!({
        "toolIds": ["a:y"], "mode": "discover", "agentProfile": "p", "scopes": ["s", "t"], "approval": false
    });
    assert_eq!(asked, [first, second], "what differs in the tool alone is one question");
    let short = explaining("cases-short", CASES).answers(&explained(&["a:x"]));
    short.run("policy test -").has(4, "", "did not explain every tool");
    let mut mute = World::new("cases-mute");
    mute.stdin = CASES;
    for line in ["policy test -", "policy explain a:x"] {
        mute.run(line).has(4, "", "does not explain its policy");
    }
    assert!(mute.calls().iter().all(|call| !call.starts_with("POST")));
    explaining("cases-bad", "{}").run("policy test -").has(2, "", "standard input:1:1: `cases` is missing");
}

#[test]
fn tools_are_searched_and_what_was_searched_is_kept() {
    let mut world = World::new("search");
    let found: Value = serde_json::from_str(&world.run("search tickets list").out).unwrap();
    assert_eq!((&found[0]["id"], &found[0]["command"]), (&json!("hd:listTickets"), &json!("helpdesk tickets list")));
    assert!(found[0]["score"].as_f64() > found[1]["score"].as_f64(), "{found}");
    assert_eq!(world.calls(), ["GET /v1/runtime/info", "GET /v1/catalog/effective"]);
    world.run("search tikcet --safety destructive").has(
        0,
        "hd:deleteTicket",
        "note: nothing has `tikcet`; taken for ticket",
    );
    let asked = world.fake.seen.lock().unwrap()[2].clone();
    assert_eq!(
        (asked.headers.get("if-none-match"), asked.url.query()),
        (Some("\"e1\""), None),
        "only whether it changed"
    );
    world.run("search zzzzzz").is(
        0,
        "[]\n",
        "note: nothing has `zzzzzz`\nnote: no tool fits; try other words, or `open-cli catalog list --text`\n",
    );
    world.run("search hidden").has(0, "[]", "no tool fits");
    world.run("search hidden --hidden").has(0, "hd:hidden", "");
    world.run("search ticket --limit 1").has(0, "", "note: the first 1 of ");
    for (line, part) in [
        ("search", "search needs <words>"),
        ("search ticket --limit 0", "from 1 to 10000"),
        ("search ticket --service helpdsk", "did you mean helpdesk?"),
        ("search ticket --safty x", "did you mean --safety?"),
        ("search ticket --safety distructive", "did you mean destructive?"),
    ] {
        world.run(line).has(2, "", part);
    }
    world.fake = Arc::new(Fake { away: true, ..Fake::default() });
    world.run("search ticket").has(0, "hd:getTicket", "note: the runtime cannot be reached");
}

#[test]
fn filters_of_a_list_say_what_they_leave() {
    let world = World::new("filters");
    world.run("catalog list --method delete").has(0, "hd:deleteTicket", "");
    world.run("catalog list --text nothing-at-all").has(0, "[]", "--text leaves 0");
    world.run("catalog list --method delet").has(2, "", "did you mean DELETE?");
    world.run("catalog list --group tikets").has(2, "", "did you mean tickets?");
}

/// The last line of standard error as the documented object, and nothing in it that is not documented.
#[track_caller]
fn told_as_json(ran: &Ran, line: &str, code: &str, exit: u8) {
    let last = ran.err.lines().last().unwrap_or_default();
    let object: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{line}: {error}: {}", ran.err));
    let error = object["error"].as_object().expect("there is an error");
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message", "hint", "requestId", "exit"], "{line}");
    assert_eq!((&error["code"], &error["exit"], ran.exit), (&json!(code), &json!(exit), exit), "{line}: {}", ran.err);
    for text in ["message", "hint"] {
        assert!(error[text].as_str().is_some_and(|text| !text.is_empty()), "{line}: {last}");
    }
    assert!(ran.err.starts_with("error: ") || ran.err.starts_with("note: "), "{line}: {}", ran.err);
    assert_eq!(ran.err.matches("\nhint: ").count(), 1, "{line}: {}", ran.err);
}

#[test]
fn h40_every_failure_is_told_in_one_shape_and_as_json_where_that_is_asked_for() {
    let mut world = World::new("shape")
        .answers(r#"{"statusCode":404,"body":{}}"#)
        .answers(r#"{"statusCode":500,"body":{}}"#)
        .answers(r#"{"statusCode":200,"text":"half","truncated":true}"#)
        .says(403, "text/plain", "approval_required")
        .says(418, "text/html", "<p>")
        .answers("no JSON");
    // On a terminal only `--format json` asks for it, wherever it stands and whatever is wrong before it.
    world.terminal = true;
    for (line, code, exit) in [
        ("-5 --format json", "usage", 2),
        ("--timeout soon --format=json status", "usage", 2),
        ("--nothing --format json", "usage", 2),
        ("--mode=curatd status --format json", "usage", 2),
        ("catalgo list --format json", "usage", 2),
        ("catalog lsit --format json", "usage", 2),
        ("search --format json", "usage", 2),
        ("hd tickets get --format json", "usage", 2),
        ("hd tickets create --body @none.json --format json", "usage", 2),
        ("workflow list --format json", "not_supported", 2),
        ("--config none.json status --format json", "config_invalid", 3),
        ("--config none.json doctor --format json", "checks_failed", 3),
        ("config check --config none.json --format json", "config_invalid", 3),
        ("auth login --format json", "auth_not_configured", 3),
        ("--runtime nowhere status --format json", "runtime_not_named", 3),
        ("hd tickets get T-1 --format json", "upstream_client_error", 8),
        ("hd tickets get T-1 --format json", "upstream_server_error", 9),
        ("hd tickets get T-1 --format json", "truncated", 1),
        ("hd tickets delete T-1 --format json", "approval_required", 7),
        ("hd tickets delete T-1 --format json", "runtime_refused", 2),
        ("hd tickets delete T-1 --format json", "runtime_answer", 4),
        ("refresh --format json", "source_failed", 1),
        ("catalog doctor --format json", "not_supported", 1),
    ] {
        told_as_json(&world.run(line), line, code, exit);
    }
    let contract = World::with("shape-contract", Fake { contract: Some("2.0"), ..Fake::default() });
    told_as_json(&contract.run("status"), "status", "contract_mismatch", 4);
    let away = World::with("shape-away", Fake { away: true, ..Fake::default() });
    told_as_json(&away.run("hd tickets"), "hd tickets", "runtime_unreachable", 4);
    told_as_json(&away.run("-5"), "-5", "usage", 2);
    let table = world.run("-5 --format table");
    assert!(!table.err.contains("{\"error\""), "{}", table.err);
}

#[test]
fn words_that_are_nearly_right_are_told_what_is_right() {
    let mut world = World::new("slips");
    for (line, part) in [
        ("--fromat json", "did you mean --format?"),
        ("--format jsno status", "did you mean json?"),
        ("--mode curatd status", "did you mean curated?"),
        ("catalgo list", "did you mean catalog?"),
        ("catalog lst", "did you mean `open-cli catalog list`?"),
        ("auth upstream lgoin x", "did you mean `open-cli auth upstream login`?"),
        ("catalog list --safty x", "did you mean --safety?"),
        ("catalog list --safety readonly", "did you mean read-only?"),
        ("audit list --decision alowed", "did you mean allowed?"),
        ("helpdsk", "did you mean helpdesk?"),
        ("helpdesk tikets", "did you mean tickets?"),
        ("helpdesk tickets lits", "did you mean `open-cli helpdesk tickets list`?"),
        ("helpdesk tickets list --sate open", "did you mean --state?"),
        ("helpdesk tickets list --state opne", "did you mean open?"),
        ("helpdesk tickets list --dry-run=crul", "did you mean --dry-run=curl?"),
        ("helpdesk --runtme x", "did you mean --runtime?"),
        ("explain hd:getTickt", "did you mean hd:getTicket?"),
        ("tool schema helpdesk tickets gte", "did you mean `open-cli helpdesk tickets get`?"),
        ("search x --group tikets", "did you mean tickets?"),
    ] {
        world.run(line).has(2, "", part);
    }
    std::fs::write(world.home.join("slip.json"), r#"{"runtim": {}}"#).unwrap();
    world.run("--config slip.json status").has(3, "", "did you mean `runtime`?");
    world.env = vec![
        ("HOME".to_owned(), world.home.display().to_string()),
        ("OPEN_CLI_RUNTIME".to_owned(), "http://runtime.test".to_owned()),
    ];
    world.run("status").has(3, "", "did you mean OPEN_CLI_RUNTIME_URL?");
    world.run("catalgo list").has(3, "", "did you mean `open-cli catalog`? else ");
    world.run("helpdesk tickets").has(3, "", "hint: did you mean OPEN_CLI_RUNTIME_URL?");
}

#[test]
fn a_check_up_says_what_it_found_also_when_it_fails() {
    let world = World::new("check-up");
    let report: Value = serde_json::from_str(&world.run("doctor").out).unwrap();
    let verdict = |report: &Value, name: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!((&report["ok"], &report["exit"]), (&json!(true), &json!(0)), "{report}");
    for (name, expected) in
        [("config", "ok"), ("tcp", "skipped"), ("contract", "ok"), ("token", "ok"), ("catalog", "ok")]
    {
        assert_eq!(verdict(&report, name), expected, "{report}");
    }
    let away = World::with("check-up-away", Fake { away: true, ..Fake::default() });
    let ran = away.run("doctor --format table");
    ran.has(4, "contract     failed   connection refused", "error: failed: contract");
    assert!(ran.out.contains("catalog      skipped  no toolbox answers"), "{}", ran.out);
}

#[test]
fn h41_completion_scripts_need_nothing() {
    let mut world = World::with("scripts", Fake { away: true, ..Fake::default() });
    world.env.clear();
    for shell in ["bash", "zsh", "fish"] {
        let ran = world.run(&format!("completion {shell}"));
        ran.has(0, &format!("open-cli __complete {shell} "), "");
        assert_eq!(ran.err, "");
    }
    world.run("completion").has(2, "", "completion needs <bash|zsh|fish>");
    world.run("completion fihs").has(2, "", "did you mean fish?");
    world.run("completion powershell").has(2, "", "known: bash, zsh, fish");
    assert!(!world.run("help").out.contains(complete::COMMAND));
    assert!(world.options.lock().unwrap().is_empty(), "a way out was made");
}

#[test]
fn completion_reads_the_cached_catalog_and_asks_nobody() {
    let world = World::new("complete");
    world.run_words(&["__complete", "fish", "hd", ""]).is(0, "", "");
    world.run("catalog list --quiet").has(0, "helpdesk", "");
    let calls = world.calls().len();
    world.run_words(&["__complete", "fish", "hd", "tickets", "--state", ""]).is(0, "", "");
    world.run_words(&["__complete", "fish", "hd", "tickets", "list", "--state", ""]).is(0, "wopen\t\nwclosed\t\n", "");
    world.run_words(&["__complete", "bash", ":=", "open-cli hd tickets list --state=o"]).is(0, "\nopen\n", "");
    // Another caller's, another view's and another runtime's catalog is none of this one's.
    for flags in [&["--mode", "curated"][..], &["--agent-profile", "p"], &["--runtime", "http://other.test"]] {
        let words = [&["__complete", "fish"], flags, &["hd", ""]].concat();
        world.run_words(&words).is(0, "", "");
    }
    assert_eq!(world.calls().len(), calls);
}

#[test]
fn completion_is_quiet_whatever_is_wrong() {
    let world = World::new("quiet");
    world.run("catalog list --quiet").has(0, "", "");
    for words in [
        &["__complete"][..],
        &["__complete", "tcsh", "a"],
        &["__complete", "bash", ":"],
        &["__complete", "fish", "--format", "wrong", ""],
        &["__complete", "fish", "-z", "hd", ""],
        &["__complete", "fish", "--runtime", "nonsense", "hd", ""],
        &["__complete", "fish", "--instance-id", "!", "hd", ""],
    ] {
        world.run_words(words).is(0, "", "");
    }
    std::fs::write(world.home.join(".cli.json"), "{").unwrap();
    world.run_words(&["__complete", "fish", "hd", ""]).is(0, "", "");
    world.run_words(&["__complete", "fish", "completion", "b"]).has(0, "wbash", "");
}

#[test]
fn h09_completion_shows_a_catalog_to_the_caller_who_saw_it() {
    let mut world = World::new("whose");
    let config = |variable: &str| {
        json!({"runtime": {"remote": {"url": "http://runtime.test", "oauth": {
            "mode": "providedToken", "tokenRef": format!("env:{variable}")
        }}}})
        .to_string()
    };
    for name in ["ADA", "BEN"] {
        std::fs::write(world.home.join(name), config(name)).unwrap();
        world.env.push((name.to_owned(), format!("token-of-{name}")));
    }
    let path = |world: &World, name: &str| world.home.join(name).display().to_string();
    let complete =
        |world: &World, name: &str| world.run_words(&["__complete", "fish", "--config", &path(world, name), "hd", ""]);
    world.run_words(&["--config", &path(&world, "ADA"), "catalog", "list", "--quiet"]).has(0, "", "");
    complete(&world, "ADA").has(0, "wtickets", "");
    complete(&world, "BEN").is(0, "", "");
    world.env.retain(|(name, _)| name != "ADA");
    complete(&world, "ADA").is(0, "", "");
}

#[test]
fn completion_obtains_no_token_and_runs_no_program() {
    let token = r#"{"access_token":"s3cret-token","token_type":"Bearer","expires_in":3600}"#;
    let mut world = World::new("tokenless").answers(token);
    let mark = world.home.join("ran");
    let write = |client: Value| {
        let client = json!({
            "tokenURL": "http://issuer.test/token", "clientId": client, "clientSecret": {"type": "env", "value": "SECRET"}
        });
        let oauth = json!({"mode": "oauthClient", "client": client});
        let config = json!({
            "policy": {"allowExecSecrets": true}, "runtime": {"remote": {"url": "http://runtime.test", "oauth": oauth}}
        });
        std::fs::write(world.home.join("c.json"), config.to_string()).unwrap();
    };
    let program = json!({"type": "exec", "command": ["/bin/sh", "-c", format!("echo me; : > '{}'", mark.display())]});
    write(json!({"type": "literal", "value": "me"}));
    world.env.push(("SECRET".to_owned(), "s3cret".to_owned()));
    world.run("--config c.json --quiet catalog list").has(0, "helpdesk", "");
    world.env.retain(|(name, _)| name != "SECRET");
    std::fs::remove_dir_all(world.home.join(".local/state/open-cli")).unwrap();
    let calls = world.calls().len();
    let complete = || world.run_words(&["__complete", "fish", "--config", "c.json", "hd", ""]);
    complete().has(0, "wtickets", "");
    write(program);
    complete().is(0, "", "");
    assert!(!mark.exists(), "a program was run");
    assert_eq!(world.calls().len(), calls);
}

#[test]
fn completion_lists_files_for_bash_alone() {
    let world = World::new("paths");
    std::fs::create_dir_all(world.home.join("a b/c")).unwrap();
    std::fs::write(world.home.join("a b/f'1"), "").unwrap();
    std::fs::write(world.home.join("a b/f\n2"), "").unwrap();
    let ask = |line: &str| world.run_words(&["__complete", "bash", " \t\n\"'@><=;|&(:", line]).out;
    assert_eq!(ask("open-cli --config a"), "nospace filenames\na\\ b/\n");
    assert_eq!(ask("open-cli --config a\\ b/"), "filenames\na\\ b/c/\na\\ b/f\\'1\n");
    assert_eq!(ask("open-cli --config=~/a"), "\n", "no shell expands it there");
    assert_eq!(ask("open-cli --config ~/a"), "nospace filenames\n~/a\\ b/\n");
    assert_eq!(ask("open-cli --state-dir 'a b/"), "nospace filenames\na b/c/\n");
    world.run_words(&["__complete", "zsh", "--config", "a"]).is(0, "f\n", "");
    world.run_words(&["__complete", "fish", "--state-dir=a"]).is(0, "d--state-dir=\n", "");
}
