//! The arguments of `open-cli-eval`, as a value: one table of options that parsing, help and the environment read.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::base::host::Env;
use crate::base::name::nearest;
use crate::oauth::keys::Algorithm;

/// Algorithms that the broker signs with.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// Longest life of a token, in seconds.
const MAX_TOKEN_SECONDS: u64 = 24 * 3600;

/// One option.
struct Flag {
    name: &'static str,
    kind: Kind,
    /// The placeholder of its value; `None` takes none.
    value: Option<&'static str>,
    /// A variable that stands for it when it is not given.
    variable: Option<&'static str>,
    commands: &'static [&'static str],
    help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Addr,
    PortFile,
    Dir,
    BrokerAddr,
    DemoAddr,
    ToolboxAddr,
    Algorithm,
    TokenSeconds,
    ClientSecretFile,
    ToolboxSecretFile,
    ControlSecretFile,
    AgentScopes,
    Audience,
    Foreground,
}

const STACK: &[&str] = &["setup", "up"];
const SIGNING: &[&str] = &["broker", "setup", "up"];

const fn flag(
    name: &'static str,
    kind: Kind,
    value: &'static str,
    commands: &'static [&'static str],
    help: &'static str,
) -> Flag {
    Flag { name, kind, value: Some(value), variable: None, commands, help }
}

/// In the order of the help.
const FLAGS: &[Flag] = &[
    flag(
        "--addr",
        Kind::Addr,
        "ADDRESS:PORT",
        &["demo-api", "broker"],
        "where to listen; loopback only, port 0 picks a free one [127.0.0.1:0]",
    ),
    flag("--port-file", Kind::PortFile, "PATH", &["demo-api", "broker"], "write the port to this file once it is open"),
    Flag {
        variable: Some("OPEN_CLI_EVAL_ALG"),
        ..flag("--alg", Kind::Algorithm, "ES256|EdDSA|RS256", SIGNING, "what the broker signs with [ES256]")
    },
    Flag {
        variable: Some("OPEN_CLI_EVAL_TOKEN_SECONDS"),
        ..flag("--token-seconds", Kind::TokenSeconds, "N", SIGNING, "how long an access token works [300]")
    },
    flag(
        "--client-secret-file",
        Kind::ClientSecretFile,
        "PATH",
        &["broker"],
        "the secret of open-cli-agent; made and printed when not given",
    ),
    flag(
        "--toolbox-secret-file",
        Kind::ToolboxSecretFile,
        "PATH",
        &["broker"],
        "the secret of open-cli-toolbox; made and printed when not given",
    ),
    flag(
        "--control-secret-file",
        Kind::ControlSecretFile,
        "PATH",
        &["broker"],
        "the bearer token of /control; made and printed when not given",
    ),
    flag(
        "--agent-scopes",
        Kind::AgentScopes,
        "SCOPES",
        &["broker"],
        "the most open-cli-agent may ask for [bundle:demo profile:reader runtime:admin]",
    ),
    flag("--audience", Kind::Audience, "NAME", &["broker"], "an audience, once or several times [open-cli-toolbox]"),
    Flag {
        variable: Some("OPEN_CLI_EVAL_DIR"),
        ..flag(
            "--dir",
            Kind::Dir,
            "DIR",
            &["setup", "up", "down", "status", "rotate"],
            "where the stack keeps its files [.open-cli-local/evaluation]",
        )
    },
    Flag {
        variable: Some("OPEN_CLI_EVAL_BROKER_ADDR"),
        ..flag("--broker-addr", Kind::BrokerAddr, "ADDRESS:PORT", STACK, "of the broker [127.0.0.1:9100]")
    },
    Flag {
        variable: Some("OPEN_CLI_EVAL_DEMO_ADDR"),
        ..flag("--demo-addr", Kind::DemoAddr, "ADDRESS:PORT", STACK, "of the demo API [127.0.0.1:9000]")
    },
    Flag {
        variable: Some("OPEN_CLI_EVAL_TOOLBOX_ADDR"),
        ..flag("--toolbox-addr", Kind::ToolboxAddr, "ADDRESS:PORT", STACK, "of the toolbox [127.0.0.1:8765]")
    },
    Flag {
        value: None,
        ..flag(
            "--foreground",
            Kind::Foreground,
            "",
            &["up"],
            "stay, and log to standard error, until SIGTERM or SIGINT",
        )
    },
];

/// Commands and what they do.
const COMMANDS: &[(&str, &str)] = &[
    ("setup", "make random secrets, and write the configuration of broker, demo API, toolbox and clients"),
    ("up", "set up when that was not done, and start all three in the background"),
    ("status", "say what runs where, and the login code; exit code 1 when nothing runs"),
    ("rotate", "let the broker sign with a new key, and make a new login code"),
    ("down", "stop what `up` started"),
    ("broker", "only the broker: a small OpenID provider with clients and users of the evaluation"),
    (
        "demo-api",
        "only the demo API: items, searches, failures on purpose, long work, text and binary answers, and one operation per \
         kind of credential; its description is at /openapi.json and /openapi.yaml",
    ),
];

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Help,
    Version,
    DemoApi { addr: SocketAddr, port_file: Option<PathBuf> },
    Broker(BrokerWish),
    Setup(StackWish),
    Up { stack: StackWish, foreground: bool },
    Status { dir: Option<PathBuf> },
    Rotate { dir: Option<PathBuf> },
    Down { dir: Option<PathBuf> },
}

/// `broker`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BrokerWish {
    pub(super) addr: SocketAddr,
    pub(super) port_file: Option<PathBuf>,
    pub(super) algorithm: Algorithm,
    pub(super) token_lifetime: Duration,
    pub(super) client_secret: Option<PathBuf>,
    pub(super) toolbox_secret: Option<PathBuf>,
    pub(super) control_secret: Option<PathBuf>,
    pub(super) agent_scopes: Option<String>,
    pub(super) audiences: Vec<String>,
}

/// `setup` and `up`; what is not said is as it was set up, else the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StackWish {
    pub(super) dir: Option<PathBuf>,
    pub(super) broker: Option<SocketAddr>,
    pub(super) demo: Option<SocketAddr>,
    pub(super) toolbox: Option<SocketAddr>,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) token_seconds: Option<u64>,
}

/// Reads the arguments; the error says what is wrong.
pub(super) fn parse(args: &[OsString], env: &Env) -> Result<Wish, String> {
    let words = args
        .iter()
        .map(|arg| arg.to_str().ok_or_else(|| format!("the argument `{}` is not UTF-8", arg.to_string_lossy())))
        .collect::<Result<Vec<_>, _>>()?;
    if words.iter().any(|word| matches!(*word, "--help" | "-h")) {
        return Ok(Wish::Help);
    }
    let (command, rest) = match words.split_first() {
        None => return Err("a command is missing".to_owned()),
        Some((&("--version" | "-V"), [])) => return Ok(Wish::Version),
        Some((command, rest)) => (*command, rest),
    };
    if !COMMANDS.iter().any(|(name, _)| *name == command) {
        return Err(format!("`{command}` is no command"));
    }
    wish(command, &Given::read(command, rest, env)?)
}

fn wish(command: &str, given: &Given) -> Result<Wish, String> {
    let dir = given.path(Kind::Dir);
    Ok(match command {
        "demo-api" => Wish::DemoApi { addr: given.own_addr()?, port_file: given.path(Kind::PortFile) },
        "broker" => Wish::Broker(BrokerWish {
            addr: given.own_addr()?,
            port_file: given.path(Kind::PortFile),
            algorithm: given.algorithm()?.unwrap_or(Algorithm::Es256),
            token_lifetime: Duration::from_secs(given.token_seconds()?.unwrap_or(300)),
            client_secret: given.path(Kind::ClientSecretFile),
            toolbox_secret: given.path(Kind::ToolboxSecretFile),
            control_secret: given.path(Kind::ControlSecretFile),
            agent_scopes: given.last(Kind::AgentScopes).map(|found| found.value.clone()),
            audiences: given.all(Kind::Audience).map(|found| found.value.clone()).collect(),
        }),
        "setup" => Wish::Setup(given.stack()?),
        "up" => Wish::Up { stack: given.stack()?, foreground: given.last(Kind::Foreground).is_some() },
        "status" => Wish::Status { dir },
        "rotate" => Wish::Rotate { dir },
        _ => Wish::Down { dir },
    })
}

/// Options with their values, those of the environment first.
struct Given(Vec<Found>);

struct Found {
    kind: Kind,
    /// The option or variable, for messages.
    name: &'static str,
    value: String,
}

impl Given {
    fn read(command: &str, words: &[&str], env: &Env) -> Result<Self, String> {
        let known: Vec<&Flag> = FLAGS.iter().filter(|flag| flag.commands.contains(&command)).collect();
        let from_env = |flag: &&Flag| {
            let name = flag.variable?;
            Some(Found { kind: flag.kind, name, value: env.var(name)?.to_owned() })
        };
        let mut found: Vec<Found> = known.iter().filter_map(from_env).collect();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (name, joined) = word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
            let flag = known.iter().find(|flag| flag.name == name && (flag.value.is_some() || joined.is_none()));
            let flag = flag.ok_or_else(|| {
                let near = nearest(name, known.iter().map(|flag| flag.name)).filter(|near| *near != name);
                let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                format!("`{word}` is no option of {command}{near}")
            })?;
            let value = match flag.value {
                None => "",
                Some(_) => joined
                    .or_else(|| words.next().copied())
                    .filter(|value| !value.is_empty())
                    .ok_or_else(|| format!("`{name}` needs a value"))?,
            };
            found.push(Found { kind: flag.kind, name: flag.name, value: value.to_owned() });
        }
        Ok(Self(found))
    }

    fn all(&self, kind: Kind) -> impl Iterator<Item = &Found> {
        self.0.iter().filter(move |found| found.kind == kind)
    }

    fn last(&self, kind: Kind) -> Option<&Found> {
        self.all(kind).last()
    }

    fn path(&self, kind: Kind) -> Option<PathBuf> {
        self.last(kind).map(|found| PathBuf::from(&found.value))
    }

    fn addr(&self, kind: Kind) -> Result<Option<SocketAddr>, String> {
        let Some(Found { name, value, .. }) = self.last(kind) else { return Ok(None) };
        let addr: SocketAddr =
            value.parse().map_err(|_| format!("{name}: `{value}` is no address like 127.0.0.1:0"))?;
        if addr.ip().is_loopback() {
            Ok(Some(addr))
        } else {
            Err(format!("{name}: `{value}` is not loopback; evaluation stays there"))
        }
    }

    fn own_addr(&self) -> Result<SocketAddr, String> {
        Ok(self.addr(Kind::Addr)?.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
    }

    fn algorithm(&self) -> Result<Option<Algorithm>, String> {
        let Some(Found { name, value, .. }) = self.last(Kind::Algorithm) else { return Ok(None) };
        match Algorithm::parse(value).filter(|algorithm| ALGORITHMS.contains(algorithm)) {
            Some(algorithm) => Ok(Some(algorithm)),
            None => Err(format!("{name}: `{value}` is none of {}", ALGORITHMS.map(Algorithm::as_str).join(", "))),
        }
    }

    fn token_seconds(&self) -> Result<Option<u64>, String> {
        let Some(Found { name, value, .. }) = self.last(Kind::TokenSeconds) else { return Ok(None) };
        match value.parse() {
            Ok(seconds @ 1..=MAX_TOKEN_SECONDS) => Ok(Some(seconds)),
            _ => Err(format!("{name}: `{value}` is no number from 1 to {MAX_TOKEN_SECONDS}")),
        }
    }

    fn stack(&self) -> Result<StackWish, String> {
        Ok(StackWish {
            dir: self.path(Kind::Dir),
            broker: self.addr(Kind::BrokerAddr)?,
            demo: self.addr(Kind::DemoAddr)?,
            toolbox: self.addr(Kind::ToolboxAddr)?,
            algorithm: self.algorithm()?,
            token_seconds: self.token_seconds()?,
        })
    }
}

/// The variables that stand for options.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    FLAGS.iter().filter_map(|flag| flag.variable)
}

/// What `--help` prints.
pub(super) fn help() -> String {
    let mut out = "Programs to try open-cli with, on loopback only. Not for production.\n\nUsage:\n".to_owned();
    for (command, _) in COMMANDS {
        writeln!(out, "  open-cli-eval {command} [options]").expect("writing to a string never fails");
    }
    out.push_str("\nCommands:\n");
    for (command, help) in COMMANDS {
        entry(&mut out, command, help);
    }
    out.push_str("\nOptions:\n");
    for flag in FLAGS {
        let name = format!("{} {}", flag.name, flag.value.unwrap_or_default());
        let variable = flag.variable.map(|name| format!("; also {name}")).unwrap_or_default();
        entry(&mut out, name.trim_end(), &format!("{}: {}{variable}", flag.commands.join(", "), flag.help));
    }
    entry(&mut out, "--help, -h", "print this");
    entry(&mut out, "--version, -V", "print the version");
    out
}

/// A name, and beside it what it means, wrapped.
fn entry(out: &mut String, name: &str, help: &str) {
    const INDENT: usize = 32;
    const WIDTH: usize = 110;
    let mut line = format!("  {name:<0$}", INDENT - 2);
    if line.len() > INDENT {
        line.push(' ');
    }
    for word in help.split_whitespace() {
        if line.len() + word.len() > WIDTH {
            writeln!(out, "{}", line.trim_end()).expect("writing to a string never fails");
            line = " ".repeat(INDENT);
        }
        line.push_str(word);
        line.push(' ');
    }
    writeln!(out, "{}", line.trim_end()).expect("writing to a string never fails");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, env: &[(&str, &str)]) -> Result<Wish, String> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let env = Env::new(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        parse(&args, &env)
    }

    #[track_caller]
    fn check(line: &str, expected: Result<Wish, &str>) {
        match (read(line, &[]), expected) {
            (Ok(wish), Ok(expected)) => assert_eq!(wish, expected, "{line}"),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{line}: {error}"),
            (found, expected) => panic!("{line}: {found:?}, not {expected:?}"),
        }
    }

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn arguments_are_read_or_refused() {
        check("--help", Ok(Wish::Help));
        check("demo-api --help", Ok(Wish::Help));
        check("-V", Ok(Wish::Version));
        check("demo-api", Ok(Wish::DemoApi { addr: addr("127.0.0.1:0"), port_file: None }));
        check(
            "demo-api --addr=[::1]:8080 --port-file p",
            Ok(Wish::DemoApi { addr: addr("[::1]:8080"), port_file: Some("p".into()) }),
        );
        check("up --foreground", Ok(Wish::Up { stack: StackWish::default(), foreground: true }));
        check("down --dir d", Ok(Wish::Down { dir: Some("d".into()) }));
        check("", Err("a command is missing"));
        check("serve", Err("`serve` is no command"));
        check("demo-api --addr", Err("`--addr` needs a value"));
        check("demo-api --addr 0.0.0.0:1", Err("is not loopback"));
        check("demo-api --addr here", Err("is no address"));
        check("demo-api --verbose", Err("`--verbose` is no option"));
        check("status --alg ES256", Err("`--alg` is no option of status"));
        check("up --foreground=yes", Err("`--foreground=yes` is no option"));
        check("broker --alg HS256", Err("`HS256` is none of ES256, EdDSA, RS256"));
        check("broker --token-seconds 0", Err("`0` is no number from 1 to 86400"));
    }

    #[test]
    fn an_option_comes_before_its_variable() {
        let env = [("OPEN_CLI_EVAL_BROKER_ADDR", "127.0.0.1:1"), ("OPEN_CLI_EVAL_DEMO_ADDR", "127.0.0.1:2")];
        let stack = StackWish {
            broker: Some(addr("127.0.0.1:3")),
            demo: Some(addr("127.0.0.1:2")),
            algorithm: Some(Algorithm::EdDsa),
            ..StackWish::default()
        };
        assert_eq!(read("setup --broker-addr 127.0.0.1:3 --alg EdDSA", &env), Ok(Wish::Setup(stack)));
        let error = read("setup", &[("OPEN_CLI_EVAL_DEMO_ADDR", "10.0.0.1:1")]).unwrap_err();
        assert!(error.starts_with("OPEN_CLI_EVAL_DEMO_ADDR: "), "{error}");
    }

    #[test]
    fn help_and_page_name_every_command_option_and_variable() {
        let (help, page) = (help(), include_str!("../../docs/evaluation.md"));
        let names = COMMANDS.iter().map(|(name, _)| *name).chain(FLAGS.iter().map(|flag| flag.name)).chain(variables());
        for name in names {
            assert!(help.contains(name) && page.contains(&format!("`{name}")), "{name}");
        }
        assert!(help.lines().all(|line| line.len() <= 110), "{help}");
    }
}
