//! A login at a browser as values: the address that a person is sent to, and what comes back with them (RFC 6749 section 4.1).
//!
//! Pure. Whatever arrives without this login's `state` is somebody else's and changes nothing. Key types: [`Request`], [`Verdict`].

use crate::base::form::Form;
use crate::base::redacted::Redacted;
use crate::base::url::{Url, UrlError};

use super::answer::shown;
use super::grant::Asked;

/// The longest text of an issuer that is shown.
const MAX_SHOWN: usize = 300;

/// Parameters that say what is asked for, by whom, and where the answer goes.
const ASKING: [&str; 13] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "audience",
    "resource",
    "authorization_details",
    "request",
    "request_uri",
];

/// A parameter in an endpoint's own query that is for the client to set, and stands once (RFC 6749 section 3.1). Whoever named the
/// endpoint would ask for more in the client's name.
pub fn asks_by_itself(endpoint: &Url) -> Option<&'static str> {
    let form = Form::parse(endpoint.query().unwrap_or_default());
    ASKING.into_iter().find(|name| form.pairs().any(|(found, _)| found == *name))
}

/// An authorization request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The authorization endpoint; its own query is kept.
    pub endpoint: &'a Url,
    /// A public client.
    pub client_id: &'a str,
    /// Where the answer goes.
    pub redirect_uri: &'a str,
    /// Random, known to this login alone.
    pub state: &'a str,
    /// PKCE with S256.
    pub challenge: &'a str,
    /// For what.
    pub asked: &'a Asked,
}

impl Request<'_> {
    /// The address to open. It holds no secret: `state` and challenge are of no use without what stays here.
    pub fn url(&self) -> Result<Url, UrlError> {
        let mut form = Form::new()
            .with("response_type", "code")
            .with("client_id", self.client_id)
            .with("redirect_uri", self.redirect_uri)
            .with("state", self.state)
            .with("code_challenge", self.challenge)
            .with("code_challenge_method", "S256");
        if !self.asked.scopes.is_empty() {
            form.push("scope", &self.asked.scopes.to_string());
        }
        self.asked.place(&mut form);
        let base = self.endpoint.without_fragment();
        let joint = match self.endpoint.query() {
            None => "?",
            Some("") => "",
            Some(_) => "&",
        };
        Url::parse(&format!("{base}{joint}{}", form.encode()))
    }
}

/// What a redirect means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does not belong to this login, or means nothing.
    Foreign(&'static str),
    /// The issuer, or the person, said no.
    Denied(String),
    /// The answer of another issuer than the one that was asked (RFC 9207).
    WrongIssuer(String),
    /// A code.
    Code(Redacted<String>),
}

/// Judges the query of a redirect. `issuer` is who was asked, when that is known.
pub fn judge(query: &str, state: &str, issuer: Option<&str>) -> Verdict {
    let form = Form::parse(query);
    let (Ok(found), Ok(code), Ok(error), Ok(from)) =
        (form.one("state"), form.one("code"), form.one("error"), form.one("iss"))
    else {
        return Verdict::Foreign("a parameter stands twice");
    };
    if found != Some(state) {
        return Verdict::Foreign("its state is not that of this login");
    }
    if let (Some(issuer), Some(from)) = (issuer, from)
        && issuer != from
    {
        return Verdict::WrongIssuer(shown(from, MAX_SHOWN, &[]));
    }
    match (error, code) {
        (Some(error), _) => {
            let description = form.get("error_description").map(|text| format!(": {}", shown(text, MAX_SHOWN, &[])));
            Verdict::Denied(format!("{}{}", shown(error, MAX_SHOWN, &[]), description.unwrap_or_default()))
        }
        (None, Some(code)) => Verdict::Code(Redacted::new(code.to_owned())),
        (None, None) => Verdict::Foreign("it has neither a code nor an error"),
    }
}

/// The query of an address that a person pasted.
pub fn query_of(pasted: &str) -> &str {
    let text = pasted.trim();
    let text = text.split_once('#').map_or(text, |(text, _)| text);
    text.split_once('?').map_or(text, |(_, query)| query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::scope::Scopes;

    #[test]
    fn the_address_has_all_that_is_asked() {
        let asked = Asked {
            scopes: Scopes::parse("b a"),
            audience: Some("t".to_owned()),
            resource: Some("https://t/".to_owned()),
        };
        let url = |endpoint: &str, asked: &Asked| {
            let endpoint = Url::parse(endpoint).unwrap();
            let redirect_uri = "http://127.0.0.1:5/callback";
            Request { endpoint: &endpoint, client_id: "c 1", redirect_uri, state: "s", challenge: "ch", asked }
                .url()
                .unwrap()
        };
        let begin = "response_type=code&client_id=c%201&redirect_uri=http%3A%2F%2F127.0.0.1%3A5%2Fcallback&state=s&code_challenge=ch&code_challenge_method=S256";
        assert_eq!(url("https://i/auth", &Asked::default()).as_str(), format!("https://i/auth?{begin}"));
        let all = format!("https://i/auth?tenant=x&{begin}&scope=a%20b&audience=t&resource=https%3A%2F%2Ft%2F");
        assert_eq!(url("https://i/auth?tenant=x#f", &asked).as_str(), all);
        let long = Asked { audience: Some("a".repeat(9000)), ..Asked::default() };
        let endpoint = Url::parse("https://i/").unwrap();
        let request = Request {
            endpoint: &endpoint,
            client_id: "c",
            redirect_uri: "r",
            state: "s",
            challenge: "c",
            asked: &long,
        };
        assert!(request.url().is_err());
    }

    #[track_caller]
    fn check(query: &str, issuer: Option<&str>, expected: &Verdict) {
        assert_eq!(judge(query, "s-1", issuer), *expected, "{query}");
    }

    #[test]
    fn only_this_logins_answer_counts() {
        let code = Verdict::Code(Redacted::new("c/1".to_owned()));
        check("code=c%2F1&state=s-1", None, &code);
        check("code=c%2F1&state=s-1&iss=https%3A%2F%2Fi", Some("https://i"), &code);
        check("code=c%2F1&state=s-1", Some("https://i"), &code);
        check("code=c%2F1&state=s-1&iss=https%3A%2F%2Fj", None, &code);
        check(
            "code=c&state=s-1&iss=https%3A%2F%2Fi%2F",
            Some("https://i"),
            &Verdict::WrongIssuer("https://i/".to_owned()),
        );
        check("error=x&state=s-1&iss=j", Some("https://i"), &Verdict::WrongIssuer("j".to_owned()));
        let denied = "access_denied: no  [2J way";
        check(
            "error=access_denied&error_description=no+%1b[2J+way&state=s-1&code=c",
            None,
            &Verdict::Denied(denied.to_owned()),
        );
        let wrong = Verdict::Foreign("its state is not that of this login");
        for query in ["code=c&state=s-2", "code=c", "error=access_denied", "error=x&state=", ""] {
            check(query, None, &wrong);
        }
        check("code=c&code=d&state=s-1", None, &Verdict::Foreign("a parameter stands twice"));
        check("state=s-1", None, &Verdict::Foreign("it has neither a code nor an error"));
    }

    #[test]
    fn pasted_addresses_are_found_in_what_was_pasted() {
        for (pasted, query) in [
            (" http://127.0.0.1:5/callback?code=a&state=b#x\n", "code=a&state=b"),
            ("?code=a", "code=a"),
            ("code=a&state=b", "code=a&state=b"),
            ("", ""),
        ] {
            assert_eq!(query_of(pasted), query);
        }
    }

    #[test]
    fn h24_a_code_is_not_shown() {
        assert!(!format!("{:?}", judge("code=hunter2&state=s", "s", None)).contains("hunter2"));
    }
}
