//! Where the runtime is: `--runtime`, then `OPEN_CLI_RUNTIME_URL`, then `runtime.remote.url` (contract 1).
//!
//! Pure. There is no fourth place: no file and no process is looked for.

use std::fmt;

use crate::base::url::{Origin, Url, UrlError, encode_query};

/// The environment variable that names the runtime.
pub const VARIABLE: &str = "OPEN_CLI_RUNTIME_URL";

/// Which of the three named the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// `--runtime`
    Flag,
    /// [`VARIABLE`]
    Variable,
    /// `runtime.remote.url`
    Config,
}

impl Named {
    /// As people know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "--runtime",
            Self::Variable => VARIABLE,
            Self::Config => "runtime.remote.url",
        }
    }
}

/// A runtime's base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Without query, fragment and closing slash; a path before the contract's own is kept.
    base: String,
    /// What tokens are bound to.
    pub origin: Origin,
    /// Who named it.
    pub named: Named,
}

/// Why there is no runtime to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// None of the three says anything.
    Nowhere,
    /// One of them says something that is no runtime's URL.
    Wrong {
        /// Which.
        named: Named,
        /// Why.
        cause: String,
    },
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => write!(
                f,
                "no runtime is named: neither --runtime, nor {VARIABLE}, nor runtime.remote.url in the configuration"
            ),
            Self::Wrong { named, cause } => write!(f, "{} is not a runtime's URL: {cause}", named.as_str()),
        }
    }
}

impl std::error::Error for TargetError {}

/// Takes the first of the three that is there; one that is wrong is an error, never passed over.
pub fn resolve(flag: Option<&str>, variable: Option<&str>, config: Option<&Url>) -> Result<Target, TargetError> {
    if let Some(text) = flag {
        return parse(text, Named::Flag);
    }
    if let Some(text) = variable {
        return parse(text, Named::Variable);
    }
    config.map_or(Err(TargetError::Nowhere), |url| target(url, Named::Config))
}

fn parse(text: &str, named: Named) -> Result<Target, TargetError> {
    let url = Url::parse(text).map_err(|error| {
        let cause = match error {
            UrlError::UserInfo => {
                "it holds a user name or password; tokens come from runtime.remote.oauth instead".to_owned()
            }
            error => error.to_string(),
        };
        TargetError::Wrong { named, cause }
    })?;
    target(&url, named)
}

fn target(url: &Url, named: Named) -> Result<Target, TargetError> {
    let wrong = |cause: &str| TargetError::Wrong { named, cause: cause.to_owned() };
    let origin = url.origin().ok_or_else(|| wrong("only http and https URLs name a runtime"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has a query or a fragment"));
    }
    Ok(Target { base: url.as_str().trim_end_matches('/').to_owned(), origin, named })
}

impl Target {
    /// The base URL as shown to people.
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// The URL of one of the contract's paths, which begin with `/`.
    pub fn endpoint(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut text = format!("{}{path}", self.base);
        for (i, (name, value)) in query.iter().enumerate() {
            text.push(if i == 0 { '?' } else { '&' });
            text.push_str(&format!("{name}={}", encode_query(value)));
        }
        // Only a query beyond the length of a URL fails here; without it the runtime answers what is missing.
        Url::parse(&text)
            .or_else(|_| Url::parse(&format!("{}{path}", self.base)))
            .expect("a runtime's base URL with a path of the contract is a URL")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(flag: Option<&str>, variable: Option<&str>, config: Option<&str>, expected: Result<(&str, Named), &str>) {
        let config = config.map(|text| Url::parse(text).unwrap());
        match (resolve(flag, variable, config.as_ref()), expected) {
            (Ok(target), Ok((base, named))) => assert_eq!((target.as_str(), target.named), (base, named)),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn the_first_that_is_there_counts() {
        let (a, b, c) = ("http://a:1", "http://b:2/", "https://c/team/x/");
        check(Some(a), Some(b), Some(c), Ok(("http://a:1", Named::Flag)));
        check(None, Some(b), Some(c), Ok(("http://b:2", Named::Variable)));
        check(None, None, Some(c), Ok(("https://c/team/x", Named::Config)));
        check(None, None, None, Err("neither --runtime, nor OPEN_CLI_RUNTIME_URL, nor runtime.remote.url"));
    }

    #[test]
    fn what_is_wrong_is_not_passed_over() {
        let good = Some("http://a:1");
        check(Some("localhost:8765"), good, None, Err("--runtime is not a runtime's URL"));
        check(Some(""), good, None, Err("--runtime"));
        check(None, Some("file:///x"), good, Err("only http and https"));
        check(Some("http://a/?x=1"), None, None, Err("a query"));
        check(Some("http://user:secret@a/"), None, None, Err("user name or password"));
    }

    #[test]
    fn h24_errors_do_not_repeat_credentials() {
        let error = resolve(Some("http://user:hunter2@a/"), None, None).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn a_path_prefix_is_kept() {
        let target = resolve(Some("https://h/team/x/"), None, None).unwrap();
        let url = target.endpoint("/v1/tools", &[("id", "a:b/c d&e")]);
        assert_eq!(url.as_str(), "https://h/team/x/v1/tools?id=a%3Ab%2Fc%20d%26e");
    }
}
