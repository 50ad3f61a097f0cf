//! Fills a path template with arguments (H19). Pure.
//!
//! Each value stays one segment: it is encoded for its place, and what would be read as `.` or `..`, alone or together with what
//! stands beside it, is refused.

use super::check::Findings;
use super::request::{RequestError, fitted};
use super::style::{self, Datum};
use crate::base::url::{decode, encode_segment};
use crate::catalog::Tool;

/// Fills the template; gives the path, and the query if the template has one.
pub(super) fn fill(
    tool: &Tool,
    arguments: &[String],
    findings: &Findings<'_>,
) -> Result<(String, Option<String>), RequestError> {
    let pieces = template(&tool.path)?;
    let mut names: Vec<&str> = Vec::new();
    for piece in &pieces {
        if let Piece::Name(name) = piece
            && !names.contains(name)
        {
            names.push(name);
        }
    }
    if arguments.len() > names.len() {
        let takes = names.into_iter().map(str::to_owned).collect();
        return Err(RequestError::PathTooMany { given: arguments.len(), takes });
    }
    if let Some(missing) = names.get(arguments.len()) {
        return Err(RequestError::PathMissing((*missing).to_owned()));
    }
    let mut filled = String::from(if tool.path.starts_with('/') { "" } else { "/" });
    for piece in &pieces {
        match piece {
            Piece::Text(text) => filled.push_str(&text.replace('#', "%23")),
            Piece::Name(name) => {
                let at = names.iter().position(|other| other == name).expect("every name was collected above");
                filled.push_str(&argument(tool, name, &arguments[at], findings)?);
            }
        }
    }
    let (path, query) = match filled.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (filled, None),
    };
    // Values beside each other could make dots together.
    match path.split('/').any(|segment| is_dots(&decode(segment))) {
        true => Err(RequestError::PathSegment(names.join("`, `"))),
        false => Ok((path, query)),
    }
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn template(path: &str) -> Result<Vec<Piece<'_>>, RequestError> {
    let mut pieces = Vec::new();
    let mut rest = path;
    while let Some(open) = rest.find(['{', '}']) {
        let (text, tail) = rest.split_at(open);
        let (name, after) =
            tail.strip_prefix('{').and_then(|tail| tail.split_once('}')).ok_or(RequestError::Template)?;
        if name.is_empty() || name.contains('{') {
            return Err(RequestError::Template);
        }
        pieces.extend([Piece::Text(text), Piece::Name(name)]);
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// One argument, encoded for its place in the path (H19).
fn argument(tool: &Tool, name: &str, argument: &str, findings: &Findings<'_>) -> Result<String, RequestError> {
    if argument.is_empty() || is_dots(argument) {
        return Err(RequestError::PathSegment(name.to_owned()));
    }
    let Some(parameter) = tool.path_params.iter().find(|parameter| parameter.original_name == name) else {
        return Ok(encode_segment(argument));
    };
    let fitted = fitted(name, parameter, &argument.into(), findings);
    let written = match &parameter.content_type {
        Some(_) => encode_segment(&fitted.to_string()),
        None => style::in_path(name, parameter.style, parameter.explode, &Datum::from_json(&fitted)),
    };
    match written.is_empty() {
        true => Err(RequestError::PathSegment(name.to_owned())),
        false => Ok(written),
    }
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::url::Url;
    use crate::catalog::{Parameter, Schema, Style};
    use crate::contract::ExecuteRequest;
    use crate::execute::check::Checks;
    use crate::execute::request::build;
    use serde_json::json;

    fn tool(path: &str) -> Tool {
        Tool { method: "GET".into(), path: path.into(), ..Tool::default() }
    }

    fn parameter(name: &str, schema: &serde_json::Value) -> Parameter {
        let whole = json!({"name": name, "originalName": name, "location": "path", "required": true});
        let parameter: Parameter = serde_json::from_value(whole).unwrap();
        Parameter { schema: Some(Schema::new(schema)), ..parameter }
    }

    /// The URL that is really sent.
    fn url(tool: &Tool, arguments: &[&str]) -> Result<String, RequestError> {
        let path_args = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let request = ExecuteRequest { path_args, ..ExecuteRequest::default() };
        Ok(build(tool, &request, &Url::parse("https://h").unwrap(), &Checks::new())?.1.url.to_string())
    }

    #[track_caller]
    fn check_path(template: &str, arguments: &[&str], expected: Result<&str, RequestError>) {
        assert_eq!(url(&tool(template), arguments), expected.map(|path| format!("https://h{path}")), "{template}");
    }

    #[test]
    fn h19_an_argument_cannot_become_another_path() {
        check_path("/a/{x}/b", &["1"], Ok("/a/1/b"));
        for (argument, encoded) in [
            ("a/b", "a%2Fb"),
            ("a?b=c", "a%3Fb%3Dc"),
            ("a#b", "a%23b"),
            ("%2f", "%252f"),
            ("..%2f..", "..%252f.."),
            ("%2e%2e", "%252e%252e"),
            ("../..", "..%2F.."),
            ("..\\..", "..%5C.."),
            ("a;b", "a%3Bb"),
            (" ", "%20"),
            ("...", "..."),
            ("{y}", "%7By%7D"),
            ("\r\n", "%0D%0A"),
            ("@evil.example", "@evil.example"),
        ] {
            check_path("/a/{x}/b", &[argument], Ok(&format!("/a/{encoded}/b")));
        }
        for argument in ["", ".", ".."] {
            check_path("/a/{x}/b", &[argument], Err(RequestError::PathSegment("x".into())));
        }
        check_path("/a/{x}{y}", &["..", "b"], Err(RequestError::PathSegment("x".into())));
        check_path("/a/.{x}", &["."], Err(RequestError::PathSegment("x".into())));
        check_path("/a/{x}.{y}/b", &["1", "2"], Ok("/a/1.2/b"));
    }

    #[test]
    fn h19_dots_that_meet_are_refused() {
        let mut tool = tool("/a/{x}/b");
        let mut label = parameter("x", &json!({"type": "array", "items": {"type": "string"}}));
        label.style = Style::Label;
        tool.path_params = vec![label];
        let refused = url(&tool, &["[\"\"]"]).unwrap_err();
        assert_eq!(refused, RequestError::PathSegment("x".into()));
        let refused = url(&tool, &["[\".\"]"]).unwrap_err();
        assert_eq!(refused, RequestError::PathSegment("x".into()));
    }

    #[test]
    fn h19_too_few_and_too_many_are_errors_and_no_brace_is_sent() {
        check_path("/a/{x}/{y}", &["1"], Err(RequestError::PathMissing("y".into())));
        check_path("/a/{x}", &["1", "2"], Err(RequestError::PathTooMany { given: 2, takes: vec!["x".into()] }));
        check_path("/a", &["1"], Err(RequestError::PathTooMany { given: 1, takes: Vec::new() }));
        check_path("/a/{x}/{x}", &["1"], Ok("/a/1/1"));
        for template in ["/a/{x", "/a/x}", "/a/{}", "/a/{{x}}"] {
            check_path(template, &["1"], Err(RequestError::Template));
        }
        check_path("/a?q={x}&r=1#f", &["b&c=d"], Ok("/a?q=b%26c%3Dd&r=1%23f"));
    }

    #[test]
    fn path_arguments_follow_their_schema() {
        let mut tool = tool("/a/{id}");
        tool.path_params = vec![parameter("id", &json!({"type": "integer"}))];
        let refused = url(&tool, &["x"]).unwrap_err();
        assert_eq!(refused.to_string(), "`id` must be an integer");
        assert_eq!(url(&tool, &["7"]).unwrap(), "https://h/a/7");
    }
}
