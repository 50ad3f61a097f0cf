//! A secret reference to its value: environment, file, literal.
//!
//! A secret that is missing or empty is an error that names where it was looked for, never what was found. The system's
//! keychain and programs that print secrets are not supported by this version, and saying so is done here.

use std::fmt;
use std::path::PathBuf;

use crate::base::disk;
use crate::base::host::Env;
use crate::base::redacted::Redacted;
use crate::config::SecretRef;

/// Largest secret file.
const MAX_FILE: usize = 64 << 10;

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
    /// The kind of secret is not supported by this version.
    Unsupported(&'static str),
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name} is not set or empty"),
            Self::File { path, cause } => write!(f, "the secret file {} cannot be read: {cause}", path.display()),
            Self::EmptyFile(path) => write!(f, "the secret file {} is empty", path.display()),
            Self::EmptyLiteral => f.write_str("the literal secret is empty"),
            Self::ExecNotAllowed => f.write_str("secrets of type `exec` need policy.allowExecSecrets: true"),
            Self::Unsupported(kind) => {
                write!(f, "secrets of type `{kind}` are not supported by this version; use `env` or `file`")
            }
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
        SecretRef::OsKeychain(_) => Err(SecretError::Unsupported("osKeychain")),
        SecretRef::Exec(_) if !allow_exec => Err(SecretError::ExecNotAllowed),
        SecretRef::Exec(_) => Err(SecretError::Unsupported("exec")),
    }
}

/// One newline at the end belongs to the editor, not to the secret.
fn from_file(path: &std::path::Path) -> Result<Redacted<String>, SecretError> {
    let failed = |cause: String| SecretError::File { path: path.to_owned(), cause };
    let bytes = disk::read(path, MAX_FILE).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))?;
    let value = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    match value.is_empty() {
        true => Err(SecretError::EmptyFile(path.to_owned())),
        false => Ok(Redacted::new(value.to_owned())),
    }
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
        check(&SecretRef::File(file("binary", b"s3cret\xFF")), Err("not UTF-8"));
        check(&SecretRef::File(file("large", &vec![b'x'; MAX_FILE + 1])), Err("larger than"));
        check(&SecretRef::OsKeychain("s3cret".into()), Err("`osKeychain` are not supported by this version"));
        check(&SecretRef::Exec(vec!["s3cret".into()]), Err("policy.allowExecSecrets"));
        let allowed = resolve(&SecretRef::Exec(vec!["x".into()]), &env(), true).unwrap_err();
        assert_eq!(allowed, SecretError::Unsupported("exec"));
    }
}
