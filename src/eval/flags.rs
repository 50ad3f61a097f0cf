//! The arguments of `open-cli-eval`, as a value.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What `--help` prints.
pub(super) const HELP: &str = "\
Programs to try open-cli with, on loopback only.

Usage:
  open-cli-eval demo-api [--addr ADDRESS:PORT] [--port-file PATH]

Commands:
  demo-api            a small API with items, searches, failures on purpose, long work, text and binary answers, and one
                      operation per kind of credential; its description is at /openapi.json and /openapi.yaml

Options:
  --addr ADDRESS:PORT where to listen; loopback only, port 0 picks a free one [default: 127.0.0.1:0]
  --port-file PATH    write the port to this file once it is open
  --help, -h          print this
  --version, -V       print the version

It prints one line, `demo API on http://ADDRESS:PORT`, and runs until SIGTERM or SIGINT.
";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Help,
    Version,
    DemoApi { addr: SocketAddr, port_file: Option<PathBuf> },
}

/// Reads the arguments; the error says what is wrong.
pub(super) fn parse(args: &[OsString]) -> Result<Wish, String> {
    let words = args
        .iter()
        .map(|arg| arg.to_str().ok_or_else(|| format!("the argument `{}` is not UTF-8", arg.to_string_lossy())))
        .collect::<Result<Vec<_>, _>>()?;
    if words.iter().any(|word| matches!(*word, "--help" | "-h")) {
        return Ok(Wish::Help);
    }
    match words.split_first() {
        None => Err("a command is missing".to_owned()),
        Some((&("--version" | "-V"), [])) => Ok(Wish::Version),
        Some((&"demo-api", rest)) => demo_api(rest),
        Some((word, _)) => Err(format!("`{word}` is no command")),
    }
}

fn demo_api(words: &[&str]) -> Result<Wish, String> {
    let mut addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut port_file = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (flag, joined) = word.split_once('=').map_or((*word, None), |(flag, value)| (flag, Some(value)));
        let mut value = || joined.or_else(|| words.next().copied()).ok_or_else(|| format!("`{flag}` needs a value"));
        match flag {
            "--addr" => addr = loopback(value()?)?,
            "--port-file" => port_file = Some(PathBuf::from(value()?)),
            _ => return Err(format!("`{word}` is no option of demo-api")),
        }
    }
    Ok(Wish::DemoApi { addr, port_file })
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let addr: SocketAddr = text.parse().map_err(|_| format!("`{text}` is no address like 127.0.0.1:0"))?;
    if addr.ip().is_loopback() { Ok(addr) } else { Err(format!("`{text}` is not loopback; evaluation stays there")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Wish, &str>) {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match (parse(&args), expected) {
            (Ok(wish), Ok(expected)) => assert_eq!(wish, expected, "{line}"),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{line}: {error}"),
            (found, expected) => panic!("{line}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn arguments_are_read_or_refused() {
        let addr = |text: &str| text.parse().unwrap();
        check("--help", Ok(Wish::Help));
        check("demo-api --help", Ok(Wish::Help));
        check("-V", Ok(Wish::Version));
        check("demo-api", Ok(Wish::DemoApi { addr: addr("127.0.0.1:0"), port_file: None }));
        check(
            "demo-api --addr=[::1]:8080 --port-file p",
            Ok(Wish::DemoApi { addr: addr("[::1]:8080"), port_file: Some("p".into()) }),
        );
        check("", Err("a command is missing"));
        check("serve", Err("`serve` is no command"));
        check("demo-api --addr", Err("`--addr` needs a value"));
        check("demo-api --addr 0.0.0.0:1", Err("is not loopback"));
        check("demo-api --addr here", Err("is no address"));
        check("demo-api --verbose", Err("`--verbose` is no option"));
    }
}
