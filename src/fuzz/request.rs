//! Arguments of an execution to a request (`execute::request`): lines that begin with `/` are path arguments, `name=value` is a flag,
//! with the value as JSON when it is some, and `<` begins a body.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use crate::base::form::Form;
use crate::base::id::ServiceId;
use crate::base::url::{Url, decode};
use crate::catalog::safety::Granted;
use crate::catalog::tool::{self, Target};
use crate::catalog::{Place, Style, Tool};
use crate::contract::ExecuteRequest;
use crate::execute::check::Checks;
use crate::execute::request::build;
use crate::http::Request;
use crate::openapi::{self, Document, Resolver};

const BASE: &str = "https://up.example/base";

/// Every style in every place, but exploded objects in the query, whose names are the caller's.
static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    let document = Document::parse(include_bytes!("request.yaml").to_vec()).expect("request.yaml is YAML");
    let resolver = Resolver::new(&Url::parse(BASE).expect("this is a URL"), document);
    let description = openapi::read(&resolver, true).expect("request.yaml is a description");
    assert_eq!(description.problems, [], "request.yaml");
    tool::tools(&Target { id: &ServiceId::new("s"), server: None, granted: &Granted::default() }, &description).0
});

pub(super) fn request(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut given = ExecuteRequest::default();
    for line in text.lines() {
        if let Some(argument) = line.strip_prefix('/') {
            given.path_args.push(argument.to_owned());
        } else if let Some(body) = line.strip_prefix('<') {
            given.body_text = Some(body.to_owned());
        } else if let Some((name, value)) = line.split_once('=') {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            given.flags.insert(name.to_owned(), value);
        }
    }
    TOOLS.iter().for_each(|tool| check(tool, &given));
}

/// As much of it as the tool takes.
fn check(tool: &Tool, given: &ExecuteRequest) {
    let mut given = given.clone();
    given.path_args.truncate(tool.path_params.len());
    given.flags.retain(|name, _| tool.flags.iter().any(|flag| flag.name == *name));
    if tool.request_body.is_none() {
        given.body_text = None;
    }
    let base = Url::parse(BASE).expect("this is a URL");
    match build(tool, &given, &base, &Checks::new()) {
        Ok((draft, request)) => {
            assert_eq!(draft.finish(&[]).map(|again| again.url), Ok(request.url.clone()));
            check_path(tool, &request.url);
            check_query(tool, &request.url);
            check_fields(tool, &request);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// No argument adds a segment, removes one, or leads to another host (H19).
fn check_path(tool: &Tool, url: &Url) {
    assert!(url.shares_origin(&Url::parse(BASE).expect("this is a URL")), "{url}");
    assert_eq!(url.fragment(), None, "{url}");
    let template = format!("/base{}", tool.path);
    let segments: Vec<&str> = url.path().split('/').collect();
    let expected: Vec<&str> = template.split('/').collect();
    assert_eq!(segments.len(), expected.len(), "{url} for {template}");
    for (segment, expected) in segments.iter().zip(expected) {
        match expected.contains('{') {
            true => assert!(!matches!(decode(segment).as_str(), "" | "." | ".."), "{url} for {template}"),
            false => assert_eq!(*segment, expected, "{url} for {template}"),
        }
    }
}

/// No value adds a parameter.
fn check_query(tool: &Tool, url: &Url) {
    let form = Form::parse(url.query().unwrap_or_default());
    for (name, _) in form.pairs() {
        let declared = tool.flags.iter().filter(|flag| flag.location == Place::Query).any(|flag| {
            let own = &flag.original_name;
            name == own || (flag.style == Style::DeepObject && name.starts_with(&format!("{own}[")))
        });
        assert!(declared, "{url} has the parameter {name:?}");
    }
}

/// No value adds a header or a cookie (H20).
fn check_fields(tool: &Tool, request: &Request) {
    let of =
        |place: Place| tool.flags.iter().filter(move |flag| flag.location == place).map(|flag| &*flag.original_name);
    let mut seen = BTreeSet::new();
    for (name, value) in request.headers.iter() {
        let own = ["Accept", "Accept-Encoding", "User-Agent", "Content-Type", "Cookie"].contains(&name);
        assert!(own || of(Place::Header).any(|known| known == name), "the header {name:?}");
        assert!(seen.insert(name.to_ascii_lowercase()), "the header {name:?} twice");
        assert!(!value.contains(['\r', '\n', '\0']), "{value:?}");
    }
    for cookie in request.headers.get("Cookie").into_iter().flat_map(|all| all.split("; ")) {
        let name = cookie.split('=').next().unwrap_or_default();
        assert!(of(Place::Cookie).any(|known| known == name), "the cookie {cookie:?}");
    }
    let sent = tool.request_body.iter().flat_map(|body| &body.content_types).map(|body| body.media_type.as_str());
    let content_type = request.headers.get("Content-Type");
    assert!(
        content_type.is_none_or(|sends| sent.into_iter().any(|known| sends.starts_with(known))),
        "{content_type:?}"
    );
}
