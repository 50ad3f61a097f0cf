//! The flags of the toolbox: one table that parsing, help and the documentation test read.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, ValueExt};

use super::access_log::Requests;
use crate::audit::Rotation;
use crate::base::log::Format;
use crate::base::name::nearest;
use crate::base::page::Page;
use crate::base::page::manual::{self, Title};
use crate::base::time::parse_span;
use crate::base::url::Url;
use crate::http::server;
use crate::instance::Choice;

use super::lease::{self, Share, Shutdown, Terms};

/// One flag.
#[derive(Debug)]
pub struct Flag {
    /// Without its dashes.
    pub name: &'static str,
    /// The placeholder of its value; `None` takes none.
    pub value: Option<&'static str>,
    /// One line.
    pub help: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Addr,
    Config,
    InstanceId,
    StateDir,
    AuditPath,
    CacheDir,
    Check,
    Workers,
    MaxConnections,
    MaxBody,
    RequestTimeout,
    StopDelay,
    AuditFileSize,
    AuditFileAge,
    AuditKeep,
    AuditKeepSize,
    InsecureBind,
    LogFormat,
    LogRequests,
    MetricsAddr,
    PublicUrl,
    CaCert,
    Proxy,
    HeartbeatSeconds,
    MissedHeartbeatLimit,
    Shutdown,
    SessionScope,
    Share,
    ShareKeyPresent,
    ConfigFingerprint,
    Version,
    Help,
}

const fn flag(name: &'static str, value: Option<&'static str>, kind: Kind, help: &'static str) -> Flag {
    Flag { name, value, help, kind }
}

/// The table, in the order of the help.
pub const FLAGS: &[Flag] = &[
    flag("addr", Some("ADDRESS:PORT"), Kind::Addr, "where to listen; port 0 picks one [127.0.0.1:8765]"),
    flag(
        "insecure-bind",
        None,
        Kind::InsecureBind,
        "listen on other addresses than loopback although runtime auth is off",
    ),
    flag("config", Some("FILE"), Kind::Config, "the project's configuration file [.cli.json, which must be trusted]"),
    flag(
        "instance-id",
        Some("ID"),
        Kind::InstanceId,
        "names the instance; with it a taken default port is replaced by a free one",
    ),
    flag("state-dir", Some("DIR"), Kind::StateDir, "root of state"),
    flag("cache-dir", Some("DIR"), Kind::CacheDir, "root of the cache of fetched documents"),
    flag("audit-path", Some("FILE"), Kind::AuditPath, "the audit file [audit.log of the instance]"),
    flag("audit-file-size", Some("BYTES"), Kind::AuditFileSize, "an audit file that is so large is closed [64M]"),
    flag(
        "audit-file-age",
        Some("TIME"),
        Kind::AuditFileAge,
        "an audit file that is so old is closed, like 24h or 7d [never]",
    ),
    flag(
        "audit-keep",
        Some("TIME"),
        Kind::AuditKeep,
        "closed audit files older than this are removed, like 400d [never]",
    ),
    flag(
        "audit-keep-size",
        Some("BYTES"),
        Kind::AuditKeepSize,
        "closed audit files take so much together at most [all kept]",
    ),
    flag("check", None, Kind::Check, "load everything, print what is wrong, and exit"),
    flag("workers", Some("N"), Kind::Workers, "how many requests are handled at once at most, 1 to 512 [64]"),
    flag("max-connections", Some("N"), Kind::MaxConnections, "how many clients may be connected at once [10000]"),
    flag("max-body", Some("BYTES"), Kind::MaxBody, "how large a request's body may be; K, M stand for KiB, MiB [16M]"),
    flag("request-timeout", Some("SECONDS"), Kind::RequestTimeout, "how long a request may take to be answered [120]"),
    flag(
        "stop-delay",
        Some("SECONDS"),
        Kind::StopDelay,
        "how long a stop serves on, not ready, so that a proxy goes elsewhere [0]",
    ),
    flag("log-format", Some("text|json"), Kind::LogFormat, "how log lines on standard error look [text]"),
    flag(
        "log-requests",
        Some("off|failures|executions|all"),
        Kind::LogRequests,
        "which requests get a log line each [failures]",
    ),
    flag(
        "metrics-addr",
        Some("ADDRESS:PORT"),
        Kind::MetricsAddr,
        "serve /metrics, /healthz and /readyz here too, to whoever asks, without a token",
    ),
    flag("public-url", Some("URL"), Kind::PublicUrl, "the origin clients use, when something stands in front"),
    flag("ca-cert", Some("FILE"), Kind::CaCert, "further certificate authorities for outgoing TLS, PEM"),
    flag("proxy", Some("URL"), Kind::Proxy, "go out through this HTTP proxy"),
    flag("heartbeat-seconds", Some("N"), Kind::HeartbeatSeconds, "how often a session renews its lease [15]"),
    flag(
        "missed-heartbeat-limit",
        Some("N"),
        Kind::MissedHeartbeatLimit,
        "after how many missed renewals a session has run out [3]",
    ),
    flag(
        "shutdown",
        Some("when-owner-exits|manual"),
        Kind::Shutdown,
        "whether the runtime stops by itself when its last session has ended [manual]",
    ),
    flag("session-scope", Some("SCOPE"), Kind::SessionScope, "tell clients what a session covers"),
    flag("share", Some("exclusive|group"), Kind::Share, "whether one session may attach at a time, or several [group]"),
    flag("share-key-present", None, Kind::ShareKeyPresent, "tell clients that a share key exists"),
    flag(
        "config-fingerprint",
        Some("TEXT"),
        Kind::ConfigFingerprint,
        "refuse sessions that name another fingerprint of the configuration",
    ),
    flag("version", None, Kind::Version, "print the version"),
    flag("help", None, Kind::Help, "print this"),
];

/// What was asked for.
#[derive(Debug)]
pub enum Wish {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// Serve, or check.
    Serve(Box<Flags>),
}

/// The values of the flags.
#[derive(Clone, Debug)]
pub struct Flags {
    /// `--addr`
    pub addr: Option<SocketAddr>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--instance-id`, `--state-dir`, `--cache-dir`, `--audit-path`
    pub choice: Choice,
    /// `--check`
    pub check: bool,
    /// `--insecure-bind`
    pub insecure_bind: bool,
    /// `--workers`
    pub workers: usize,
    /// `--max-connections`
    pub max_connections: usize,
    /// `--max-body`, in bytes.
    pub max_body: usize,
    /// `--audit-file-size`, `--audit-file-age`, `--audit-keep`, `--audit-keep-size`
    pub audit: Rotation,
    /// `--request-timeout`
    pub request_timeout: Duration,
    /// `--stop-delay`
    pub stop_delay: Duration,
    /// `--log-format`
    pub log_format: Format,
    /// `--log-requests`
    pub log_requests: Requests,
    /// `--metrics-addr`
    pub metrics_addr: Option<SocketAddr>,
    /// `--public-url`
    pub public_url: Option<Url>,
    /// `--ca-cert`
    pub ca_cert: Option<PathBuf>,
    /// `--proxy`, which may hold a password.
    pub proxy: Option<crate::base::redacted::Redacted<String>>,
    /// The lease flags, when there is any.
    pub lease: Option<Terms>,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            addr: None,
            config: None,
            choice: Choice::default(),
            check: false,
            insecure_bind: false,
            workers: server::DEFAULT_WORKERS,
            max_connections: server::DEFAULT_CONNECTIONS,
            max_body: server::DEFAULT_MAX_BODY,
            audit: Rotation::default(),
            request_timeout: server::DEFAULT_REQUEST_TIMEOUT,
            stop_delay: Duration::ZERO,
            log_format: Format::Text,
            log_requests: Requests::default(),
            metrics_addr: None,
            public_url: None,
            ca_cert: None,
            proxy: None,
            lease: None,
        }
    }
}

/// Where the toolbox listens when nothing is said.
pub const DEFAULT_ADDR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8765);

/// Reads the arguments; the error is one line that says what is wrong.
pub fn parse(args: &[OsString]) -> Result<Wish, String> {
    let mut flags = Flags::default();
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        let name = match arg {
            Arg::Long(name) => name.to_owned(),
            Arg::Short('h') => "help".to_owned(),
            Arg::Short('V') => "version".to_owned(),
            Arg::Short(letter) => return Err(format!("there is no flag `-{letter}`")),
            Arg::Value(value) => {
                return Err(format!(
                    "the argument `{}` is not expected; the toolbox takes flags only",
                    value.to_string_lossy()
                ));
            }
        };
        let Some(row) = FLAGS.iter().find(|row| row.name == name) else {
            let near = nearest(&name, FLAGS.iter().map(|row| row.name));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `--{near}`?"));
            return Err(format!("there is no flag `--{name}`{near}"));
        };
        match row.kind {
            Kind::Help => return Ok(Wish::Help),
            Kind::Version => return Ok(Wish::Version),
            Kind::Check => flags.check = true,
            Kind::InsecureBind => flags.insecure_bind = true,
            Kind::ShareKeyPresent => {
                let value = parser.optional_value();
                let present = switched(value.as_deref()).ok_or_else(|| format!("`--{name}` is true or false"))?;
                flags.lease.get_or_insert_default().share_key_present = present;
            }
            kind => {
                let value = parser.value().map_err(|_| format!("`--{name}` needs a value"))?;
                if value.is_empty() {
                    return Err(format!("`--{name}` needs a value that is not empty"));
                }
                take(&mut flags, kind, value).map_err(|message| format!("`--{name}`: {message}"))?;
            }
        }
    }
    match &flags.lease {
        Some(Terms { share: Share::Exclusive, share_key_present: true, .. }) => {
            Err("`--share-key-present` and `--share exclusive` do not go together: a share key is for a group"
                .to_owned())
        }
        _ => Ok(Wish::Serve(Box::new(flags))),
    }
}

/// What a switch says that may be written with `=true` and `=false`, as launchers of other runtimes do.
fn switched(value: Option<&OsStr>) -> Option<bool> {
    match value.map(OsStr::to_str) {
        None | Some(Some("true")) => Some(true),
        Some(Some("false")) => Some(false),
        Some(_) => None,
    }
}

fn take(flags: &mut Flags, kind: Kind, value: OsString) -> Result<(), String> {
    match kind {
        Kind::Config => flags.config = Some(value.into()),
        Kind::StateDir => flags.choice.state_dir = Some(value.into()),
        Kind::AuditPath => flags.choice.audit_path = Some(value.into()),
        Kind::CacheDir => flags.choice.cache_dir = Some(value.into()),
        Kind::CaCert => flags.ca_cert = Some(value.into()),
        kind => {
            let text = value.string().map_err(|_| "is not UTF-8".to_owned())?;
            take_text(flags, kind, text)?;
        }
    }
    Ok(())
}

fn take_text(flags: &mut Flags, kind: Kind, text: String) -> Result<(), String> {
    match kind {
        Kind::Addr => flags.addr = Some(addr(&text)?),
        Kind::MetricsAddr => flags.metrics_addr = Some(addr(&text)?),
        Kind::LogRequests => {
            let needed = || "`off`, `failures`, `executions` or `all` is needed".to_owned();
            flags.log_requests = Requests::parse(&text).ok_or_else(needed)?;
        }
        Kind::InstanceId => flags.choice.instance_id = Some(text),
        Kind::Proxy => flags.proxy = Some(crate::base::redacted::Redacted::new(text)),
        Kind::PublicUrl => flags.public_url = Some(public_url(&text)?),
        Kind::Workers => flags.workers = number(&text, 1, 512)?,
        Kind::MaxConnections => flags.max_connections = number(&text, 1, 1_000_000)?,
        Kind::MaxBody => {
            flags.max_body = usize::try_from(bytes(&text, MOST_BODY)?).map_err(|_| "is too large for this machine")?
        }
        Kind::AuditFileSize => flags.audit.file_bytes = bytes(&text, MOST_FILE)?,
        Kind::AuditFileAge => flags.audit.file_age = Some(time(&text)?),
        Kind::AuditKeep => flags.audit.keep_for = Some(time(&text)?),
        Kind::AuditKeepSize => flags.audit.keep_bytes = Some(bytes(&text, MOST_KEPT)?),
        Kind::RequestTimeout => flags.request_timeout = Duration::from_secs(number(&text, 1, 86_400)? as u64),
        Kind::StopDelay => flags.stop_delay = Duration::from_secs(number(&text, 0, 300)? as u64),
        Kind::LogFormat => {
            flags.log_format = match text.as_str() {
                "text" => Format::Text,
                "json" => Format::Json,
                _ => return Err("`text` or `json` is needed".to_owned()),
            }
        }
        kind => take_term(flags.lease.get_or_insert_default(), kind, &text)?,
    }
    Ok(())
}

fn take_term(terms: &mut Terms, kind: Kind, text: &str) -> Result<(), String> {
    let count = |most| u32::try_from(number(text, 1, most)?).map_err(|error| error.to_string());
    let words = || {
        let needs = || format!("1 to {} printable ASCII characters are needed", lease::MOST_TEXT);
        lease::text(text).map(str::to_owned).ok_or_else(needs)
    };
    match kind {
        Kind::HeartbeatSeconds => terms.heartbeat_seconds = count(86_400)?,
        Kind::MissedHeartbeatLimit => terms.missed_heartbeat_limit = count(1_000)?,
        Kind::Shutdown => {
            terms.shutdown = Shutdown::parse(text).ok_or("`when-owner-exits` or `manual` is needed")?;
        }
        Kind::Share => terms.share = Share::parse(text).ok_or("`exclusive` or `group` is needed")?,
        Kind::SessionScope => terms.session_scope = words()?,
        Kind::ConfigFingerprint => terms.config_fingerprint = words()?,
        _ => unreachable!("flags without a text were handled before"),
    }
    Ok(())
}

fn addr(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.rsplit_once(':') {
        Some(("" | "localhost", port)) => format!("127.0.0.1:{port}"),
        _ => text.to_owned(),
    };
    let addr: SocketAddr = numeric.parse().map_err(|_| "an address with a port is needed, like 127.0.0.1:8765")?;
    if addr.ip().is_loopback() || server::SERVES_ANY_ADDRESS {
        Ok(addr)
    } else {
        Err(format!("{} is no loopback address, and this build serves loopback only", addr.ip()))
    }
}

fn number(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("a number from {least} to {most} is needed"))
}

/// Largest `--max-body`, `--audit-file-size` and `--audit-keep-size`.
const MOST_BODY: u64 = 1 << 30;
const MOST_FILE: u64 = 16 << 30;
const MOST_KEPT: u64 = 1 << 50;

fn bytes(text: &str, most: u64) -> Result<u64, String> {
    let units = [('K', 10), ('M', 20), ('G', 30)];
    let unit = units.into_iter().find(|(name, _)| text.ends_with([*name, name.to_ascii_lowercase()]));
    let digits = if unit.is_some() { &text[..text.len() - 1] } else { text };
    let bytes =
        digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << unit.map_or(0, |(_, shift)| shift)));
    let most_text = if most > 1 << 30 { format!("{}G", most >> 30) } else { format!("{}M", most >> 20) };
    bytes
        .filter(|bytes| (1024..=most).contains(bytes))
        .ok_or_else(|| format!("a number of bytes from 1K to {most_text} is needed, like 16M"))
}

/// A span from a second to a hundred years.
fn time(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(36_525 * 86_400);
    parse_span(text)
        .filter(|span| !span.is_zero() && *span <= MOST)
        .ok_or_else(|| "a time with its unit (s, m, h, d) is needed, like 24h or 7d".to_owned())
}

fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if url.is_bare_origin() {
        Ok(url)
    } else {
        Err("an http or https origin is needed, like https://tools.example.com".to_owned())
    }
}

/// What `--help` and the manual page say.
pub fn page() -> Page {
    let mut page = Page::default();
    page.text("Serves the tools that API descriptions describe: one catalog, one policy, one audit trail.");
    page.heading("Usage");
    page.fixed(["open-cli-toolbox [--config FILE] [flags]"]);
    let row = |row: &Flag| {
        let value = row.value.map_or_else(String::new, |value| format!(" {value}"));
        (format!("--{}{value}", row.name), row.help.to_owned())
    };
    page.section("Flags", FLAGS.iter().map(row).collect());
    if !server::SERVES_ANY_ADDRESS {
        page.text("This build has no front, so it serves loopback addresses only.");
    }
    page.text("SIGTERM and SIGINT stop it, SIGHUP reloads the configuration.");
    let exits = [("0", "ok"), ("1", "other failure"), ("2", "usage"), ("3", "configuration")];
    page.section("Exit codes", exits.map(|(code, meaning)| (code.to_owned(), meaning.to_owned())).to_vec());
    page
}

/// The manual page: its file's name, and its text.
pub fn manual() -> (String, String) {
    let version = format!("open-cli-toolbox {}", crate::VERSION);
    let title =
        Title { name: "open-cli-toolbox", section: 1, what: "serve the tools of API descriptions", version: &version };
    let mut page = page();
    page.heading("See also");
    page.text("open-cli(1)");
    (title.file_name(), manual::write(&title, &page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Wish, String> {
        parse(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[track_caller]
    fn refused(args: &[&str], part: &str) {
        let message = parsed(args).unwrap_err();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn flags_are_read_once() {
        let args = [
            "--addr",
            "localhost:0",
            "--config=c.json",
            "--instance-id",
            "a",
            "--workers",
            "4",
            "--max-connections=50",
            "--max-body=2M",
            "--request-timeout=7",
            "--stop-delay=5",
            "--audit-file-size=2G",
            "--audit-file-age=24h",
            "--audit-keep=400d",
            "--audit-keep-size=1024G",
            "--insecure-bind",
            "--log-format",
            "json",
            "--log-requests=executions",
            "--metrics-addr=:9100",
        ];
        let Wish::Serve(flags) = parsed(&args).unwrap() else { panic!("serve") };
        assert_eq!(flags.addr, Some(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert_eq!((flags.config, flags.choice.instance_id), (Some(PathBuf::from("c.json")), Some("a".to_owned())));
        assert_eq!((flags.workers, flags.log_format), (4, Format::Json));
        assert_eq!(flags.metrics_addr, Some(SocketAddr::from(([127, 0, 0, 1], 9100))));
        assert_eq!(flags.log_requests, Requests::Executions);
        assert_eq!((flags.max_connections, flags.max_body, flags.insecure_bind), (50, 2 << 20, true));
        assert_eq!((flags.request_timeout, flags.stop_delay), (Duration::from_secs(7), Duration::from_secs(5)));
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        let rotation =
            Rotation { file_bytes: 2 << 30, file_age: days(1), keep_for: days(400), keep_bytes: Some(1 << 40) };
        assert_eq!(flags.audit, rotation);
        assert!(matches!(parsed(&["-h"]), Ok(Wish::Help)));
        assert!(matches!(parsed(&["--version"]), Ok(Wish::Version)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        refused(&["--adr", "x"], "no flag `--adr`; did you mean `--addr`?");
        refused(&["serve"], "takes flags only");
        refused(&["--addr"], "needs a value");
        refused(&["--config", ""], "not empty");
        refused(&["--max-body", "16G"], "from 1K to 1024M");
        refused(&["--max-body", "9"], "from 1K to 1024M");
        refused(&["--audit-file-size", "17G"], "from 1K to 16G");
        refused(&["--audit-keep", "5"], "with its unit");
        refused(&["--audit-keep", "0d"], "with its unit");
        refused(&["--audit-file-age", "ud"], "with its unit");
        refused(&["--request-timeout", "0"], "from 1 to 86400");
        refused(&["--addr", "8765"], "an address with a port");
        refused(&["--log-requests", "some"], "`executions` or `all`");
        refused(&["--metrics-addr", "9100"], "an address with a port");
        refused(&["--workers", "0"], "from 1 to 512");
        refused(&["--public-url", "https://h/path"], "origin");
        refused(&["--heartbeat-seconds", "0"], "from 1 to 86400");
        refused(&["--missed-heartbeat-limit", "many"], "from 1 to 1000");
        refused(&["--shutdown", "now"], "`when-owner-exits` or `manual`");
        refused(&["--share", "all"], "`exclusive` or `group`");
        refused(&["--session-scope", "\n"], "printable");
        refused(&["--config-fingerprint", &"x".repeat(129)], "1 to 128");
        refused(&["--share", "exclusive", "--share-key-present"], "do not go together");
        refused(&["--share-key-present=perhaps"], "true or false");
        refused(&["--check=yes"], "check");
    }

    #[test]
    fn any_lease_flag_makes_terms() {
        let lease = |args: &[&str]| match parsed(args).unwrap() {
            Wish::Serve(flags) => flags.lease,
            other => panic!("{other:?}"),
        };
        assert_eq!(lease(&[]), None);
        assert_eq!(lease(&["--share", "group"]), Some(Terms::default()));
        assert_eq!(lease(&["--share-key-present=false", "--share=exclusive"]).unwrap().share, Share::Exclusive);
        let all = "--heartbeat-seconds=5 --missed-heartbeat-limit=2 --shutdown=when-owner-exits --session-scope=agent \
                   --share=group --share-key-present --config-fingerprint=sha256:1";
        let all: Vec<&str> = all.split_whitespace().collect();
        let expected = Terms {
            heartbeat_seconds: 5,
            missed_heartbeat_limit: 2,
            shutdown: Shutdown::WhenOwnerExits,
            session_scope: "agent".to_owned(),
            share: Share::Group,
            share_key_present: true,
            config_fingerprint: "sha256:1".to_owned(),
        };
        assert_eq!(lease(&all), Some(expected));
    }

    #[test]
    fn h24_a_proxy_password_is_not_printed() {
        let Wish::Serve(flags) = parsed(&["--proxy", "http://u:hunter2@h:1"]).unwrap() else { panic!("serve") };
        assert!(!format!("{flags:?}").contains("hunter2"));
    }

    #[test]
    fn help_names_every_flag() {
        let (name, text) = manual();
        assert_eq!(name, "open-cli-toolbox.1");
        let text = text.replace("\\-", "-");
        assert!(FLAGS.iter().all(|row| text.contains(&format!("--{}", row.name))), "{text}");
        let help = page().plain(80);
        assert!(FLAGS.iter().all(|row| help.contains(&format!("--{}", row.name))), "{help}");
    }
}
