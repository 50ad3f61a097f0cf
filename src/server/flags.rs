//! The flags of the toolbox: one table that parsing, help and the documentation test read.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, ValueExt};

use super::access_log::Requests;
use crate::base::log::Format;
use crate::base::url::Url;
use crate::http::server;
use crate::instance::Choice;

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
    InsecureBind,
    LogFormat,
    LogRequests,
    MetricsAddr,
    PublicUrl,
    CaCert,
    Proxy,
    Version,
    Help,
    /// Part of the contract, but not of this version; naming it is an error.
    Later,
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
    flag("check", None, Kind::Check, "load everything, print what is wrong, and exit"),
    flag("workers", Some("N"), Kind::Workers, "how many requests are handled at once at most, 1 to 512 [64]"),
    flag("max-connections", Some("N"), Kind::MaxConnections, "how many clients may be connected at once [10000]"),
    flag("max-body", Some("BYTES"), Kind::MaxBody, "how large a request's body may be; K, M stand for KiB, MiB [16M]"),
    flag("request-timeout", Some("SECONDS"), Kind::RequestTimeout, "how long a request may take to be answered [120]"),
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
    flag("heartbeat-seconds", Some("N"), Kind::Later, "how often sessions renew their lease"),
    flag("missed-heartbeat-limit", Some("N"), Kind::Later, "how many renewals a session may miss"),
    flag("shutdown", Some("when-owner-exits|manual"), Kind::Later, "when the runtime stops by itself"),
    flag("session-scope", Some("SCOPE"), Kind::Later, "what a session covers"),
    flag("share", Some("exclusive|group"), Kind::Later, "who may attach"),
    flag("share-key-present", None, Kind::Later, "says that a share key exists"),
    flag("config-fingerprint", Some("TEXT"), Kind::Later, "what attaching sessions must repeat"),
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
    /// `--request-timeout`
    pub request_timeout: Duration,
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
            request_timeout: server::DEFAULT_REQUEST_TIMEOUT,
            log_format: Format::Text,
            log_requests: Requests::default(),
            metrics_addr: None,
            public_url: None,
            ca_cert: None,
            proxy: None,
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
            return Err(format!("there is no flag `--{name}`"));
        };
        match row.kind {
            Kind::Help => return Ok(Wish::Help),
            Kind::Version => return Ok(Wish::Version),
            Kind::Check => flags.check = true,
            Kind::InsecureBind => flags.insecure_bind = true,
            Kind::Later => return Err(format!("`--{name}` is not supported by this version")),
            kind => {
                let value = parser.value().map_err(|_| format!("`--{name}` needs a value"))?;
                if value.is_empty() {
                    return Err(format!("`--{name}` needs a value that is not empty"));
                }
                take(&mut flags, kind, value).map_err(|message| format!("`--{name}`: {message}"))?;
            }
        }
    }
    Ok(Wish::Serve(Box::new(flags)))
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
        Kind::MaxBody => flags.max_body = bytes(&text)?,
        Kind::RequestTimeout => flags.request_timeout = Duration::from_secs(number(&text, 1, 86_400)? as u64),
        Kind::LogFormat => {
            flags.log_format = match text.as_str() {
                "text" => Format::Text,
                "json" => Format::Json,
                _ => return Err("`text` or `json` is needed".to_owned()),
            }
        }
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

/// Largest `--max-body`.
const MOST_BODY: usize = 1 << 30;

fn bytes(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    bytes
        .filter(|bytes| (1024..=MOST_BODY).contains(bytes))
        .ok_or_else(|| "a number of bytes from 1K to 1024M is needed, like 16M".to_owned())
}

fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if url.is_bare_origin() {
        Ok(url)
    } else {
        Err("an http or https origin is needed, like https://tools.example.com".to_owned())
    }
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "Serves the tools that API descriptions describe: one catalog, one policy, one audit trail.\n\n\
         Usage:\n  open-cli-toolbox [--config FILE] [flags]\n\nFlags:\n",
    );
    for row in FLAGS.iter().filter(|row| row.kind != Kind::Later) {
        let left = match row.value {
            Some(value) => format!("--{} {value}", row.name),
            None => format!("--{}", row.name),
        };
        writeln!(text, "  {left:<26} {}", row.help).expect("writing to a String does not fail");
    }
    let later: Vec<String> =
        FLAGS.iter().filter(|row| row.kind == Kind::Later).map(|row| format!("--{}", row.name)).collect();
    text.push_str("\nNot supported by this version:\n");
    for few in later.chunks(4) {
        writeln!(text, "  {}", few.join(" ")).expect("writing to a String does not fail");
    }
    if !server::SERVES_ANY_ADDRESS {
        text.push_str("\nThis build has no front, so it serves loopback addresses only.\n");
    }
    text.push_str(
        "\nSIGTERM and SIGINT stop it, SIGHUP reloads the configuration.\n\
         Exit codes: 0 ok, 1 other failure, 2 usage, 3 configuration.\n",
    );
    text
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
        assert_eq!(flags.request_timeout, Duration::from_secs(7));
        assert!(matches!(parsed(&["-h"]), Ok(Wish::Help)));
        assert!(matches!(parsed(&["--version"]), Ok(Wish::Version)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        refused(&["--adr", "x"], "no flag `--adr`");
        refused(&["serve"], "takes flags only");
        refused(&["--addr"], "needs a value");
        refused(&["--config", ""], "not empty");
        refused(&["--max-body", "16G"], "from 1K to 1024M");
        refused(&["--max-body", "9"], "from 1K to 1024M");
        refused(&["--request-timeout", "0"], "from 1 to 86400");
        refused(&["--addr", "8765"], "an address with a port");
        refused(&["--log-requests", "some"], "`executions` or `all`");
        refused(&["--metrics-addr", "9100"], "an address with a port");
        refused(&["--workers", "0"], "from 1 to 512");
        refused(&["--public-url", "https://h/path"], "origin");
        refused(&["--heartbeat-seconds", "5"], "not supported by this version");
        refused(&["--check=yes"], "check");
    }

    #[test]
    fn h24_a_proxy_password_is_not_printed() {
        let Wish::Serve(flags) = parsed(&["--proxy", "http://u:hunter2@h:1"]).unwrap() else { panic!("serve") };
        assert!(!format!("{flags:?}").contains("hunter2"));
    }

    #[test]
    fn help_names_every_flag() {
        let help = help();
        assert!(FLAGS.iter().all(|row| help.contains(&format!("--{}", row.name))), "{help}");
    }
}
