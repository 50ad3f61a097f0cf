//! The request to where an earlier answer led: a GET to that URL, with the tool's header and cookie arguments. Pure.
//!
//! The URL says the path and the query, so that path arguments, query flags and bodies are not looked at; a caller may repeat its call
//! as it was.

use super::{Draft, Findings, Request, RequestError, flags, headers, missing, pairs};
use crate::base::url::Url;
use crate::catalog::{Parameter, Place, Tool};
use crate::contract::ExecuteRequest;
use crate::execute::check::Checks;
use crate::execute::idempotency;
use crate::http::Method;

/// Builds it, and as it is without credentials.
pub fn follow(
    tool: &Tool,
    request: &ExecuteRequest,
    url: &Url,
    checks: &Checks,
) -> Result<(Draft, Request), RequestError> {
    let findings = Findings::new(checks, !request.no_validate);
    let key = idempotency::parameter(tool);
    let goes_along = |flag: &Parameter| {
        let is_header = flag.location == Place::Header && !flag.original_name.eq_ignore_ascii_case("content-type");
        // Asking is no repetition of what was begun.
        (is_header || flag.location == Place::Cookie) && !key.is_some_and(|key| std::ptr::eq(key, flag))
    };
    let mut draft = Draft {
        method: Method::Get,
        address: url.public().to_owned(),
        query: url.query().into_iter().flat_map(pairs).collect(),
        headers: headers(request)?,
        cookies: Vec::new(),
        body: None,
    };
    let mut given = flags(tool, request)?;
    given.retain(|(flag, _)| goes_along(flag));
    for (flag, value) in &given {
        draft.add(flag, value, &findings)?;
    }
    missing(tool.flags.iter().filter(|flag| goes_along(flag)), &given, false)?;
    let problems = findings.finish();
    if !problems.is_empty() {
        return Err(RequestError::Invalid(problems));
    }
    let bare = draft.finish(&[])?;
    Ok((draft, bare))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tool() -> Tool {
        let flag = |name: &str, place: &str, required: bool| -> Parameter {
            serde_json::from_value(json!({"name": name, "originalName": name, "location": place, "required": required}))
                .unwrap()
        };
        Tool {
            method: "POST".into(),
            path: "/things/{id}".into(),
            flags: vec![
                flag("q", "query", true),
                flag("X-Tenant", "header", true),
                flag("Content-Type", "header", true),
                flag("Idempotency-Key", "header", true),
                flag("region", "cookie", false),
            ],
            ..Tool::default()
        }
    }

    fn followed(flags: &serde_json::Value) -> Result<Request, RequestError> {
        let request = ExecuteRequest {
            flags: flags.as_object().unwrap().clone(),
            body_text: Some("not sent".into()),
            ..ExecuteRequest::default()
        };
        let url = Url::parse("https://h/other/path?cursor=a%2Fb&cursor=2#x").unwrap();
        follow(&tool(), &request, &url, &Checks::new()).map(|(_, request)| request)
    }

    #[test]
    fn the_url_stands_and_headers_and_cookies_go_along() {
        let flags = json!({"X-Tenant": "t", "region": "eu", "q": "x", "Content-Type": "a/b", "Idempotency-Key": "k"});
        let request = followed(&flags).unwrap();
        assert_eq!((request.method, request.url.as_str()), (Method::Get, "https://h/other/path?cursor=a%2Fb&cursor=2"));
        let headers: Vec<_> = request.headers.iter().map(|(name, _)| name).collect();
        assert_eq!(headers, ["Accept", "Accept-Encoding", "User-Agent", "X-Tenant", "Cookie"]);
        assert!(request.body.is_empty());
    }

    #[test]
    fn h20_a_required_header_is_still_required() {
        assert_eq!(followed(&json!({"q": "x"})).unwrap_err(), RequestError::Missing(vec!["X-Tenant".into()]));
        assert!(followed(&json!({"X-Tenant": "a\r\nb"})).is_err());
    }
}
