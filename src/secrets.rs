//! A secret reference to its value: environment, file, literal, the system's keychain, a program that prints it.
//!
//! A secret that is missing or empty is an error that names where it was looked for, never what was found. Programs run within
//! `base::program`, in an environment that has none of the toolbox's own secrets.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::disk;
use crate::base::host::Env;
use crate::base::program::{Program, ProgramError};
use crate::base::redacted::Redacted;
use crate::config::SecretRef;

/// Largest secret, of a file or a program.
const MAX_SECRET: usize = 64 << 10;

/// How long a program may take to print one.
const LIMIT: Duration = Duration::from_secs(10);

/// Where programs are when the environment does not say.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a program gets to know of the toolbox's environment.
const PASSED_ON: [&str; 10] = [
    "HOME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NUMERIC",
    "LC_TIME",
];

/// Where the program that asks the keychain finds it.
const SESSION: [&str; 2] = ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"];

/// Why there is no value. Holds names and paths only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// The environment variable is not set, or empty.
    Env(String),
    /// The file cannot be read.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The file is there but empty.
    EmptyFile(PathBuf),
    /// The config has an empty text.
    EmptyLiteral,
    /// `policy.allowExecSecrets` is not true.
    ExecNotAllowed,
    /// The program gave none. Its arguments are not named: they may hold what leads to secrets.
    Program {
        /// The program's name.
        program: String,
        /// Why.
        cause: ProgramError,
    },
    /// The program printed nothing.
    PrintedNothing(String),
    /// What the program printed is no text.
    PrintedNoText(String),
    /// The keychain gave none.
    Keychain {
        /// The config's `value`.
        entry: String,
        /// Why.
        cause: Box<Self>,
    },
    /// There is no keychain that is known on this system.
    NoKeychain,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name} is not set or empty"),
            Self::File { path, cause } => write!(f, "the secret file {} cannot be read: {cause}", path.display()),
            Self::EmptyFile(path) => write!(f, "the secret file {} is empty", path.display()),
            Self::EmptyLiteral => f.write_str("the literal secret is empty"),
            Self::ExecNotAllowed => f.write_str("secrets of type `exec` need policy.allowExecSecrets: true"),
            Self::Program { program, cause } => write!(f, "the program {program} gave no secret: {cause}"),
            Self::PrintedNothing(program) => write!(f, "the program {program} printed no secret"),
            Self::PrintedNoText(program) => write!(f, "what the program {program} printed is not UTF-8 text"),
            Self::Keychain { entry, cause } => {
                write!(f, "the keychain gave no secret for `{}`: {cause}", entry.escape_debug())
            }
            Self::NoKeychain => f.write_str("secrets of type `osKeychain` are read on Linux and macOS only"),
        }
    }
}

impl std::error::Error for SecretError {}

/// The value a reference stands for, never empty.
pub fn resolve(secret: &SecretRef, env: &Env, allow_exec: bool) -> Result<Redacted<String>, SecretError> {
    match secret {
        SecretRef::Env(name) => {
            env.var(name).map(|value| Redacted::new(value.to_owned())).ok_or_else(|| SecretError::Env(name.clone()))
        }
        SecretRef::File(path) => from_file(path),
        SecretRef::Literal(value) if value.expose().is_empty() => Err(SecretError::EmptyLiteral),
        SecretRef::Literal(value) => Ok(value.clone()),
        SecretRef::OsKeychain(entry) => from_keychain(entry, env),
        SecretRef::Exec(_) if !allow_exec => Err(SecretError::ExecNotAllowed),
        SecretRef::Exec(argv) => printed(argv, &passed_on(env, &PASSED_ON)),
    }
}

fn from_keychain(entry: &str, env: &Env) -> Result<Redacted<String>, SecretError> {
    let argv = keychain_command(entry, std::env::consts::OS).ok_or(SecretError::NoKeychain)?;
    let names: Vec<&str> = PASSED_ON.iter().chain(&SESSION).copied().collect();
    let failed = |cause| SecretError::Keychain { entry: entry.to_owned(), cause: Box::new(cause) };
    printed(&argv, &passed_on(env, &names)).map_err(failed)
}

/// What prints an entry: `service/account`, or a service alone.
fn keychain_command(entry: &str, system: &str) -> Option<Vec<String>> {
    let (service, account) = entry.split_once('/').map_or((entry, None), |(service, account)| (service, Some(account)));
    let (begin, account_is) = match system {
        "linux" => (["secret-tool", "lookup", "service"].as_slice(), "account"),
        "macos" => (["security", "find-generic-password", "-w", "-s"].as_slice(), "-a"),
        _ => return None,
    };
    let account = account.into_iter().flat_map(|account| [account_is, account]);
    Some(begin.iter().copied().chain([service]).chain(account).map(str::to_owned).collect())
}

fn passed_on(env: &Env, names: &[&str]) -> Vec<(String, String)> {
    let path = ("PATH".to_owned(), env.var("PATH").unwrap_or(DEFAULT_PATH).to_owned());
    let named = names.iter().filter_map(|&name| Some((name.to_owned(), env.var(name)?.to_owned())));
    named.chain([path]).collect()
}

/// What a program prints, without one line break at its end.
fn printed(argv: &[String], env: &[(String, String)]) -> Result<Redacted<String>, SecretError> {
    let program = argv.first().cloned().unwrap_or_default();
    let bytes = match (Program { argv, env, limit: LIMIT, max_output: MAX_SECRET }).output() {
        Ok(bytes) => bytes,
        Err(cause) => return Err(SecretError::Program { program, cause }),
    };
    match String::from_utf8(bytes) {
        Err(_) => Err(SecretError::PrintedNoText(program)),
        Ok(text) if without_line_break(&text).is_empty() => Err(SecretError::PrintedNothing(program)),
        Ok(text) => Ok(Redacted::new(without_line_break(&text).to_owned())),
    }
}

fn from_file(path: &std::path::Path) -> Result<Redacted<String>, SecretError> {
    let failed = |cause: String| SecretError::File { path: path.to_owned(), cause };
    // A pipe that nobody writes to would hold the call for ever.
    let bytes = disk::read_regular(path, MAX_SECRET).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))?;
    let value = without_line_break(&text);
    match value.is_empty() {
        true => Err(SecretError::EmptyFile(path.to_owned())),
        false => Ok(Redacted::new(value.to_owned())),
    }
}

/// One line break at the end belongs to the editor or the terminal, not to the secret.
fn without_line_break(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        Env::new([("TOKEN".to_owned(), "s3cret-value".to_owned()), ("EMPTY".to_owned(), String::new())])
    }

    fn file(name: &str, content: &[u8]) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("open-cli-secrets-{}", std::process::id()));
        disk::create_private_dir(&dir).unwrap();
        let path = dir.join(name);
        disk::write_private(&path, content).unwrap();
        path
    }

    #[track_caller]
    fn check(secret: &SecretRef, expected: Result<&str, &str>) {
        match (resolve(secret, &env(), false), expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value.expose(), expected),
            (Err(error), Err(expected)) => {
                let text = error.to_string();
                assert!(text.contains(expected), "{text}");
                assert!(!format!("{text} {error:?}").contains("s3cret"), "{text}");
            }
            (got, _) => panic!("{got:?}"),
        }
    }

    #[test]
    fn values_come_from_env_file_and_literal() {
        check(&SecretRef::Env("TOKEN".into()), Ok("s3cret-value"));
        check(&SecretRef::Literal(Redacted::new("x y".into())), Ok("x y"));
        check(&SecretRef::File(file("plain", b"s3cret-file")), Ok("s3cret-file"));
        check(&SecretRef::File(file("newline", b"s3cret-file\n")), Ok("s3cret-file"));
        check(&SecretRef::File(file("crlf", b"s3cret-file\r\n")), Ok("s3cret-file"));
        check(&SecretRef::File(file("two", b"a\n\n")), Ok("a\n"));
    }

    #[test]
    fn h24_missing_secrets_are_errors_without_values() {
        check(&SecretRef::Env("NOT_SET".into()), Err("NOT_SET is not set or empty"));
        check(&SecretRef::Env("EMPTY".into()), Err("EMPTY is not set or empty"));
        check(&SecretRef::Literal(Redacted::new(String::new())), Err("literal secret is empty"));
        check(&SecretRef::File(file("empty", b"\n")), Err("is empty"));
        check(&SecretRef::File("/nonexistent/x".into()), Err("/nonexistent/x cannot be read"));
        check(&SecretRef::File("/dev/zero".into()), Err("is not a regular file"));
        check(&SecretRef::File(file("binary", b"s3cret\xFF")), Err("not UTF-8"));
        check(&SecretRef::File(file("large", &vec![b'x'; MAX_SECRET + 1])), Err("larger than"));
        check(&SecretRef::Exec(vec!["s3cret".into()]), Err("policy.allowExecSecrets"));
    }

    /// What a line of `sh` gives where it is allowed.
    #[track_caller]
    fn check_exec(line: &str, expected: Result<&str, &str>) {
        let env = Env::new(
            [("TOKEN", "s3cret-value"), ("PATH", "/usr/bin:/bin"), ("HOME", "/home/x"), ("LC_ALL", "C")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let argv = ["/bin/sh", "-c", line].map(str::to_owned).to_vec();
        match (resolve(&SecretRef::Exec(argv), &env, true), expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value.expose(), expected, "{line}"),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
                assert!(!format!("{error} {error:?}").contains("s3cret"), "H24: {error:?}");
            }
            (got, _) => panic!("{line}: {got:?}"),
        }
    }

    #[test]
    fn h24_a_program_prints_a_secret_and_learns_none() {
        check_exec("echo s3cret-x", Ok("s3cret-x"));
        check_exec("printf 'a\\n\\n'", Ok("a\n"));
        check_exec("echo ${TOKEN-unknown} $HOME $LC_ALL $PATH", Ok("unknown /home/x C /usr/bin:/bin"));
        check_exec("echo s3cret-y >&2; exit 4", Err("/bin/sh gave no secret: it ended with status 4"));
        check_exec("echo s3cret-y; exit 4", Err("ended with status 4"));
        check_exec("echo", Err("printed no secret"));
        check_exec("printf 's3cret\\377'", Err("not UTF-8"));
        check_exec("head -c 65537 /dev/zero", Err("more than 65536 bytes"));
    }

    #[test]
    fn keychains_are_asked_by_service_and_account() {
        for (entry, system, expected) in [
            ("open-cli", "linux", "secret-tool lookup service open-cli"),
            ("open-cli/a/b", "linux", "secret-tool lookup service open-cli account a/b"),
            ("open-cli", "macos", "security find-generic-password -w -s open-cli"),
            ("open-cli/me", "macos", "security find-generic-password -w -s open-cli -a me"),
        ] {
            assert_eq!(keychain_command(entry, system).unwrap().join(" "), expected);
        }
        assert_eq!(keychain_command("x", "windows"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_keychains_program_is_found_by_the_path_and_finds_its_session() {
        let dir = std::env::temp_dir().join(format!("open-cli-keychain-{}", std::process::id()));
        disk::create_private_dir(&dir).unwrap();
        // Written by another process: while this one has it open for writing, no thread's child may run it.
        let script =
            "printf '#!/bin/sh\\necho \"$XDG_RUNTIME_DIR:$TOKEN:$*\"\\n' > \"$0\" && chmod +x \"$0\" && echo ok";
        let tool = dir.join("secret-tool").to_string_lossy().into_owned();
        let write = ["/bin/sh", "-c", script, &tool].map(str::to_owned).to_vec();
        resolve(&SecretRef::Exec(write), &Env::default(), true).unwrap();
        let path = format!("{}:/usr/bin:/bin", dir.display());
        let pairs = [("PATH", path.as_str()), ("XDG_RUNTIME_DIR", "/run/me"), ("TOKEN", "s3cret-value")];
        let env = Env::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let found = resolve(&SecretRef::OsKeychain("open-cli/me".to_owned()), &env, false).unwrap();
        assert_eq!(found.expose(), "/run/me::lookup service open-cli account me");
        let nowhere = Env::new([("PATH".to_owned(), "/nonexistent".to_owned())]);
        let error = resolve(&SecretRef::OsKeychain("open-cli/me".to_owned()), &nowhere, false).unwrap_err();
        assert!(error.to_string().contains("no secret for `open-cli/me`: the program secret-tool"), "{error}");
    }
}
