//! `application/x-www-form-urlencoded`: names and values as text, in queries and in bodies.
//!
//! Written with `%20` for a space, which every reader takes; read with `+` and `%20` alike.

use std::fmt;

use super::url::{decode, encode_query};

/// Names and values in order; a name may stand several times.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// A parameter that stands twice where it may stand once (RFC 6749 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated;

impl Form {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a query or body.
    pub fn parse(text: &str) -> Self {
        let read = |part: &str| decode(&part.replace('+', " "));
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let split = |pair: &'_ str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (read(name), read(value))
        };
        Self(pairs.map(split).collect())
    }

    /// With one more pair.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a pair.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// All values of one name that are not empty.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs().filter(move |(found, value)| *found == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// The first value of a name; `None` when it is not there or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs().find(|(found, _)| *found == name)?;
        Some(value).filter(|value| !value.is_empty())
    }

    /// The only value of a name; an empty one counts as absent (RFC 6749 section 3.1).
    pub fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut found = self.pairs().filter(|(other, _)| *other == name);
        let first = found.next();
        match found.next() {
            Some(_) => Err(Repeated),
            None => Ok(first.map(|(_, value)| value).filter(|value| !value.is_empty())),
        }
    }

    /// Names and values in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// As it is sent.
    pub fn encode(&self) -> String {
        let pairs = self.pairs().map(|(name, value)| format!("{}={}", encode_query(name), encode_query(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

impl fmt::Debug for Form {
    /// Names only: values may be credentials (H24).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_written() {
        let form = Form::parse("mode=curated&config=%2Fa%20b+c&&x&mode=discover&empty=&a%3Db=%26");
        assert_eq!((form.get("mode"), form.get("config")), (Some("curated"), Some("/a b c")));
        assert_eq!((form.get("x"), form.get("empty"), form.get("none")), (None, None, None));
        assert_eq!(form.all("mode").collect::<Vec<_>>(), ["curated", "discover"]);
        assert_eq!(
            (form.one("mode"), form.one("config"), form.one("x")),
            (Err(Repeated), Ok(Some("/a b c")), Ok(None))
        );
        assert_eq!(Form::parse(&form.encode()), form);
        assert_eq!(Form::new().with("a b", "c+d&ü").encode(), "a%20b=c%2Bd%26%C3%BC");
    }

    #[test]
    fn h24_debug_shows_names_only() {
        assert_eq!(format!("{:?}", Form::new().with("client_secret", "hunter2")), "[\"client_secret\"]");
    }
}
