//! Requests from arguments: what is sent, and what never is.

use serde_json::json;

use super::*;
use crate::catalog::{BodyContent, RequestBody, Schema, Style};

fn parameter(name: &str, location: Place, schema: &Value) -> Parameter {
    Parameter {
        name: name.to_lowercase().replace('_', "-"),
        original_name: name.into(),
        location,
        required: false,
        schema: Some(Schema::new(schema)),
        description: String::new(),
        style: if matches!(location, Place::Query | Place::Cookie) { Style::Form } else { Style::Simple },
        explode: matches!(location, Place::Query | Place::Cookie),
        allow_reserved: false,
        content_type: None,
        deprecated: false,
        example: None,
    }
}

fn tool(method: &str, path: &str) -> Tool {
    Tool { method: method.into(), path: path.into(), ..Tool::default() }
}

fn with_flags(flags: Vec<Parameter>) -> Tool {
    Tool { flags, ..tool("GET", "/x") }
}

fn request(flags: &Value) -> ExecuteRequest {
    ExecuteRequest { flags: flags.as_object().unwrap().clone(), ..ExecuteRequest::default() }
}

fn send(tool: &Tool, request: &ExecuteRequest, base: &str) -> Result<Request, RequestError> {
    build(tool, request, &Url::parse(base).unwrap(), &Checks::new()).map(|(_, bare)| bare)
}

#[test]
fn h20_bases_join() {
    let flagged = Tool { path: "/b".into(), ..with_flags(vec![parameter("q", Place::Query, &json!(true))]) };
    for (base, expected) in [
        ("https://h", "https://h/b?q=1"),
        ("https://h/", "https://h/b?q=1"),
        ("https://h/v1", "https://h/v1/b?q=1"),
        ("https://h/v1/", "https://h/v1/b?q=1"),
        ("https://h/v1?key=k", "https://h/v1/b?key=k&q=1"),
        ("https://h/v1/?key=k#f", "https://h/v1/b?key=k&q=1"),
        ("http://h:8080/a%20b", "http://h:8080/a%20b/b?q=1"),
    ] {
        let sent = send(&flagged, &request(&json!({"q": "1"})), base).unwrap();
        assert_eq!(sent.url.as_str(), expected);
    }
}

#[test]
fn flags_go_where_they_belong() {
    let any = json!(true);
    let tool = with_flags(vec![
        parameter("per_page", Place::Query, &json!({"type": "integer"})),
        parameter("tags", Place::Query, &json!({"type": "array"})),
        parameter("X-Trace", Place::Header, &any),
        parameter("session", Place::Cookie, &any),
        parameter("theme", Place::Cookie, &any),
    ]);
    let flags =
        json!({"per_page": "5", "tags": ["a", "b"], "x-trace": "t", "session": "1; admin=1", "theme": "dark", });
    let sent = send(&tool, &request(&flags), "https://h").unwrap();
    assert_eq!(sent.url.as_str(), "https://h/x?per_page=5&tags=a&tags=b");
    assert_eq!(sent.headers.get("x-trace"), Some("t"));
    assert_eq!(sent.headers.get("cookie"), Some("session=1%3B%20admin%3D1; theme=dark"));
    assert_eq!(sent.headers.get("accept"), Some("application/json, */*;q=0.8"));
    assert_eq!(sent.headers.get("user-agent"), Some(format!("open-cli-toolbox/{}", crate::VERSION).as_str()));
    let accept = with_flags(vec![parameter("Accept", Place::Header, &any)]);
    let sent = send(&accept, &request(&json!({"accept": "text/csv"})), "https://h").unwrap();
    assert_eq!(sent.headers.all("accept").collect::<Vec<_>>(), ["text/csv"]);
}

#[test]
fn parameters_of_a_media_type_are_json() {
    let mut filter = parameter("filter", Place::Query, &json!({"type": "object"}));
    filter.content_type = Some("application/json".into());
    let mut word = parameter("word", Place::Query, &json!({"type": "string"}));
    word.content_type = Some("application/json".into());
    let tool = with_flags(vec![filter, word]);
    let sent = send(&tool, &request(&json!({"filter": {"a": [1]}, "word": "x"})), "https://h").unwrap();
    assert_eq!(sent.url.query(), Some("filter=%7B%22a%22%3A%5B1%5D%7D&word=%22x%22"));
    let sent = send(&tool, &request(&json!({"filter": "{\"a\":1}"})), "https://h").unwrap();
    assert_eq!(sent.url.query(), Some("filter=%7B%22a%22%3A1%7D"));
}

#[track_caller]
fn check_refused(flags: Vec<Parameter>, given: &Value, message: &str) {
    let refused = send(&with_flags(flags), &request(given), "https://h").unwrap_err();
    assert_eq!(refused.to_string(), message);
}

#[test]
fn h20_flags_are_checked_before_anything_is_sent() {
    let any = json!(true);
    let query = |name| parameter(name, Place::Query, &json!(true));
    let required = |name| Parameter { required: true, ..query(name) };
    check_refused(vec![query("limit")], &json!({"limt": 1}), "there is no flag `limt`; did you mean `limit`?");
    check_refused(vec![query("limit")], &json!({"elephant": 1}), "there is no flag `elephant`");
    check_refused(
        vec![query("per_page")],
        &json!({"per_page": 1, "per-page": 1}),
        "the flag `per-page` is given twice, by its own and by its original name",
    );
    check_refused(vec![required("a"), query("b"), required("c")], &json!({"b": 1}), "required flags are missing: a, c");
    check_refused(vec![required("a")], &json!({"a": null}), "required flags are missing: a");
    check_refused(
        vec![parameter("n", Place::Query, &json!({"type": "integer"}))],
        &json!({"n": "many"}),
        "`n` must be an integer",
    );
    for value in ["a\r\nX: y", "a\nb", "a\0b"] {
        let unsendable = "the value of `x` has characters that may not be sent there";
        check_refused(vec![parameter("X", Place::Header, &any)], &json!({"x": value}), unsendable);
        let mut raw = parameter("x", Place::Cookie, &any);
        raw.style = Style::Cookie;
        check_refused(vec![raw], &json!({"x": value}), unsendable);
    }
    for name in ["Host", "content-length", "Transfer-Encoding", "Connection"] {
        let message = format!("the header `{name}` belongs to the connection and cannot be set");
        check_refused(vec![parameter(name, Place::Header, &any)], &json!({name: "x"}), &message);
    }
}

#[test]
fn h32_one_name_in_two_places() {
    let mut header = parameter("id", Place::Header, &json!(true));
    header.name = "id-header".into();
    let mut query = parameter("id", Place::Query, &json!(true));
    query.name = "id-query".into();
    let tool = with_flags(vec![query, header]);
    let sent = send(&tool, &request(&json!({"id-query": "q", "id-header": "h"})), "https://h").unwrap();
    assert_eq!((sent.url.query(), sent.headers.get("id")), (Some("id=q"), Some("h")));
    let refused = send(&tool, &request(&json!({"id": "x"})), "https://h").unwrap_err();
    assert_eq!(refused.to_string(), "`id` is the original name of several flags; use one of id-query, id-header");
}

#[test]
fn h23_bodies_carry_their_content_type() {
    let content_types = vec![BodyContent { media_type: "application/json".into(), ..BodyContent::default() }];
    let mut tool = tool("POST", "/x");
    tool.request_body = Some(RequestBody { required: true, content_types });
    tool.flags = vec![Parameter { required: true, ..parameter("Content-Type", Place::Header, &json!(true)) }];
    let given = ExecuteRequest { body_json: Some(json!({"a": 1})), ..request(&json!({})) };
    let sent = send(&tool, &given, "https://h").unwrap();
    assert_eq!((sent.headers.get("content-type"), sent.body.as_slice()), (Some("application/json"), &b"{\"a\":1}"[..]));
    let named = ExecuteRequest {
        flags: json!({"content-type": "application/json; v=2"}).as_object().unwrap().clone(),
        ..given
    };
    assert_eq!(send(&tool, &named, "https://h").unwrap().headers.get("content-type"), Some("application/json; v=2"));
    let refused = send(&tool, &request(&json!({})), "https://h").unwrap_err();
    assert_eq!(refused, RequestError::Body(BodyError::Missing));
}

fn credential(scheme: &str, place: CredentialPlace, value: &str) -> Credential {
    Credential { scheme: scheme.into(), place, value: Redacted::new(value.into()) }
}

#[test]
fn credentials_take_the_place_of_what_callers_put_there() {
    let any = json!(true);
    let tool = with_flags(vec![
        parameter("api_key", Place::Query, &any),
        parameter("q", Place::Query, &any),
        parameter("Authorization", Place::Header, &any),
        parameter("sid", Place::Cookie, &any),
        parameter("theme", Place::Cookie, &any),
    ]);
    let flags = json!({"api_key": "mine", "q": "1", "authorization": "mine", "sid": "mine", "theme": "dark"});
    let (draft, _) =
        build(&tool, &request(&flags), &Url::parse("https://h?api_key=base").unwrap(), &Checks::new()).unwrap();
    let header = CredentialPlace::Header { name: "authorization".into(), prefix: "Bearer " };
    let credentials = [
        credential("bearer", header, "s3cret-a"),
        credential("query key", CredentialPlace::Query("api_key".into()), "s3cret&b"),
        credential("cookie", CredentialPlace::Cookie("sid".into()), "s3cret-c"),
    ];
    let sent = draft.finish(&credentials).unwrap();
    assert_eq!(sent.url.query(), Some("q=1&api_key=s3cret%26b"));
    assert_eq!(sent.headers.all("authorization").collect::<Vec<_>>(), ["Bearer s3cret-a"]);
    assert_eq!(sent.headers.get("cookie"), Some("theme=dark; sid=s3cret-c"));
    let (url, headers) = draft.shown(&credentials).unwrap();
    assert_eq!(url, "https://h/x?q=1&api_key=<query_key>");
    assert_eq!(headers.get("authorization"), Some("Bearer <bearer>"));
    assert_eq!(headers.get("cookie"), Some("theme=dark; sid=<cookie>"));
    assert!(!format!("{draft:?}{credentials:?}{sent:?}").contains("s3cret"));
}

#[test]
fn h17_a_cookie_header_of_the_caller_cannot_stand_before_a_credential() {
    let tool = with_flags(vec![parameter("Cookie", Place::Header, &json!(true))]);
    let built = build(
        &tool,
        &request(&json!({"cookie": "sid=mine; theme=dark"})),
        &Url::parse("https://h").unwrap(),
        &Checks::new(),
    );
    let credentials = [credential("cookie", CredentialPlace::Cookie("sid".into()), "s3cret")];
    let sent = built.unwrap().0.finish(&credentials).unwrap();
    assert_eq!(sent.headers.all("cookie").collect::<Vec<_>>(), ["theme=dark; sid=s3cret"]);
}

fn create() -> Tool {
    let schema = json!({
        "type": "object", "required": ["name", "id"], "additionalProperties": false,
        "properties": {
            "id": {"type": "integer", "readOnly": true}, "name": {"type": "string", "minLength": 2},
            "age": {"type": "integer", "minimum": 0}, "list": {"type": "array", "items": {"enum": ["a", "b"]}},
            "photo": {"type": "string", "format": "binary"}
        }
    });
    let content = |media: &str| BodyContent {
        media_type: media.into(),
        schema: Some(Schema::new(&schema)),
        ..BodyContent::default()
    };
    let kinds = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"];
    let content_types = kinds.into_iter().map(content).collect();
    let flags = vec![parameter("limit", Place::Query, &json!({"type": "integer", "maximum": 100}))];
    Tool { request_body: Some(RequestBody { required: true, content_types }), flags, ..tool("POST", "/x") }
}

#[track_caller]
fn check_invalid(given: &Value, expected: Result<(), &str>) {
    let mut whole = json!({"toolId": "t"});
    whole.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
    let request: ExecuteRequest = serde_json::from_value(whole).unwrap();
    let found = send(&create(), &request, "https://h").map(drop).map_err(|error| error.to_string());
    assert_eq!(found, expected.map_err(str::to_owned), "{given}");
}

#[test]
fn values_are_held_to_their_schemas_and_all_problems_told() {
    check_invalid(&json!({"bodyJson": {"name": "ab", "id": 7}, "flags": {"limit": "100"}}), Ok(()));
    let several = "`limit` must be at most 100; `/name` of the body must have at least 2 characters; `/age` of the body must be an \
                   integer; `/list/1` of the body must be one of a, b";
    let given = json!({"name": "a", "age": "s3cret", "list": ["a", "s3cret"]});
    check_invalid(&json!({"bodyJson": given, "flags": {"limit": 101}}), Err(several));
    check_invalid(&json!({"bodyText": given.to_string(), "flags": {"limit": "101"}}), Err(several));
    check_invalid(&json!({"bodyJson": given, "flags": {"limit": "many"}, "noValidate": true}), Ok(()));
    check_invalid(&json!({"bodyJson": []}), Err("the body must be an object"));
    check_invalid(
        &json!({"bodyJson": {"name": "ab", "nmae": 1}}),
        Err("`/nmae` of the body is no member that is taken; did you mean `name`?"),
    );
}

#[test]
fn forms_are_held_to_their_schemas_as_texts() {
    let form = "application/x-www-form-urlencoded";
    check_invalid(&json!({"bodyJson": {"name": "ab", "age": "5"}, "contentType": form}), Ok(()));
    let wrong = json!({"bodyJson": {"name": "ab", "age": "-5"}, "contentType": form});
    check_invalid(&wrong, Err("`/age` of the body must be at least 0"));
    let file = json!([{"name": "photo", "content": "aGk="}]);
    check_invalid(&json!({"bodyJson": {"name": "ab"}, "files": file}), Ok(()));
    check_invalid(&json!({"files": file}), Err("`/name` of the body is missing"));
    let unknown = json!([{"name": "foto", "content": "aGk="}]);
    check_invalid(&json!({"bodyJson": {"name": "ab"}, "files": unknown}), Ok(()));
}

#[test]
fn h20_what_is_unsafe_is_refused_without_validation_too() {
    let header = with_flags(vec![parameter("X", Place::Header, &json!({"type": "integer"}))]);
    let given = ExecuteRequest { no_validate: true, ..request(&json!({"x": "a\r\nY: z"})) };
    assert!(matches!(send(&header, &given, "https://h"), Err(RequestError::Unsendable(_))));
    let given = ExecuteRequest { no_validate: true, ..request(&json!({"x": "a"})) };
    assert_eq!(send(&header, &given, "https://h").unwrap().headers.get("x"), Some("a"));
}

#[test]
fn what_is_null_is_not_sent() {
    let tool = with_flags(vec![parameter("n", Place::Query, &json!({"type": ["integer", "null"]}))]);
    for null in [json!({"n": null}), json!({"n": "null"})] {
        assert_eq!(send(&tool, &request(&null), "https://h").unwrap().url.as_str(), "https://h/x");
    }
}

#[test]
fn accept_is_what_the_caller_wants() {
    let tool = with_flags(Vec::new());
    let given = ExecuteRequest { accept: Some("text/csv".into()), ..request(&json!({})) };
    assert_eq!(send(&tool, &given, "https://h").unwrap().headers.get("accept"), Some("text/csv"));
    let given = ExecuteRequest { accept: Some("a\nb".into()), ..request(&json!({})) };
    assert_eq!(send(&tool, &given, "https://h").unwrap_err(), RequestError::Unsendable("accept".into()));
}
