//! Descriptions as they really are: odd bytes, odd names, odd paths, keywords that nobody knows.

use super::*;

/// Every document is this one.
struct One {
    content_type: &'static str,
    body: Vec<u8>,
}

impl Transport for One {
    fn send(&self, _: &Request, _: Limits) -> Result<Response, TransportError> {
        let headers = Headers::new().with("Content-Type", self.content_type);
        Ok(Response { status: 200, headers, body: self.body.clone(), truncated: false })
    }
}

fn served(content_type: &'static str, body: impl Into<Vec<u8>>) -> Gathered {
    let web = Arc::new(One { content_type, body: body.into() });
    let clock = Clock::from_fn(|| UNIX_EPOCH);
    let world = World::new().source("s", &json!({})).service("s", "s", |_| ());
    gather(&world.config, &Fetcher::new(web, None, clock.clone()), None, true, &clock)
}

fn built(paths: &Value) -> Gathered {
    World::new().source("s", &described(paths)).service("s", "s", |_| ()).gather(None)
}

#[test]
fn the_bytes_count_and_no_label() {
    let (json, yaml) =
        ("{\"openapi\": \"3.0.0\", \"paths\": {\"/a\": {\"get\": {}}}}", "openapi: 3.0.0\npaths: {/a: {get: {}}}\n");
    for label in ["application/json", "application/yaml", "text/html; charset=latin1", "image/png", ""] {
        for text in [json, yaml] {
            for mark in ["", "\u{feff}"] {
                let gathered = served(label, format!("{mark}{text}"));
                check_state(&gathered, "s", SourceState::Ok, "");
                assert_eq!(ids(&gathered.catalog), ["s:get:/a"], "{label} {text}");
            }
        }
    }
}

#[test]
fn a_page_given_by_mistake_says_what_to_name() {
    let gathered = served("text/html", "<!doctype html><redoc spec-url=\"/v1/openapi.yaml\"></redoc>");
    check_state(
        &gathered,
        "s",
        SourceState::Failed,
        "name the description that it shows: https://s.example.com/v1/openapi.yaml",
    );
    let gathered = served("application/json", "<html><title>Sign in</title>");
    check_state(&gathered, "s", SourceState::Failed, "an HTML page, not an API description");
}

#[test]
fn what_nobody_has_to_understand_passes() {
    let gathered = built(&json!({"/a": {
        "x-any": [], "unknown": {"a": 1}, "summary": 5,
        "get": {"operationId": "a", "unknown": null, "deprecated": "yes", "externalDocs": 1, "callbacks": 2, "responses": "none",
            "parameters": [
                {"name": "when", "in": "query", "example": 5, "examples": [], "unknown": 1,
                    "schema": {"type": "string", "format": "no-such-format", "default": 5, "example": {"$ref": "x"}, "made-up": true}},
                {"name": "n", "in": "query", "schema": {"type": "integer", "default": "many", "enum": [], "minimum": "1", "pattern": "("}}]}}}));
    check_state(&gathered, "s", SourceState::Ok, "");
    let schema = find(&gathered.catalog, "s:a").flags[0].schema.as_ref().unwrap().value();
    assert_eq!(
        (&schema["format"], &schema["default"], &schema["made-up"]),
        (&json!("no-such-format"), &json!(5), &json!(true))
    );
    let problems: Vec<String> = gathered.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    check_problem(&gathered, "`unknown` operations are not supported");
}

#[test]
fn names_of_200_characters_are_names() {
    let long = "Name".repeat(50);
    let path = format!("/{long}/{{{long}}}");
    let operation = json!({"operationId": long, "tags": [long], "parameters": [
        {"name": long, "in": "path", "required": true}, {"name": long, "in": "query"}, {"name": format!("{long}-"), "in": "query"}]});
    let gathered = built(&json!({path.as_str(): {"get": operation, "post": {"tags": [long]}}}));
    let tool = find(&gathered.catalog, &format!("s:{long}"));
    assert_eq!((tool.group.len(), tool.command.len()), (200, 249), "{} {}", tool.group, tool.command);
    assert_eq!(tool.path_params[0].original_name, long);
    let flags: Vec<&str> = tool.flags.iter().map(|flag| flag.name.as_str()).collect();
    assert_eq!(flags, [tool.command.clone(), format!("{}-2", tool.command)]);
    find(&gathered.catalog, &format!("s:post:{path}"));
}

#[test]
fn paths_with_a_query_or_a_fragment_are_told_apart() {
    let gathered = built(&json!({
        "/search?type=one": {"get": {}}, "/search?type={kind}": {"get": {}}, "/search#two": {"get": {}}, "/search": {"get": {}, "post": {}}}));
    let rows: Vec<_> = gathered
        .catalog
        .tools
        .iter()
        .map(|t| (t.id.as_str(), t.group.as_str(), t.command.as_str(), t.path_params.len()))
        .collect();
    assert_eq!(
        rows,
        [
            ("s:get:/search", "search", "list", 0),
            ("s:get:/search#two", "search", "list-search-two", 0),
            ("s:get:/search?type=one", "search", "list-search-type-one", 0),
            ("s:get:/search?type={kind}", "search", "get", 1),
            ("s:post:/search", "search", "create", 0),
        ]
    );
    let derived = World::new().source("s", &described(&json!({"/search?q=1": {"get": {}}}))).gather(None);
    assert_eq!(ids(&derived.catalog), ["search:get:/search?q=1"]);
}

#[test]
fn what_openapi_3_2_adds_is_read_or_reported() {
    let mut document = described(&json!({"/a": {
        "query": {}, "additionalOperations": {"COPY": {}},
        "post": {"operationId": "a", "tags": ["child"], "security": [{"#/components/securitySchemes/Key": []}],
            "parameters": [{"name": "q", "in": "querystring", "content": {"application/x-www-form-urlencoded": {}}},
                {"name": "c", "in": "cookie", "style": "cookie"},
                {"name": "j", "in": "query", "content": {"application/json": {"$ref": "#/components/mediaTypes/Json"}}}],
            "requestBody": {"content": {
                "application/jsonl": {"itemSchema": {"type": "object"}}, "application/json": {"$ref": "#/components/mediaTypes/Json"}}}}}}));
    document["openapi"] = "3.2.0".into();
    document["$self"] = "https://elsewhere.example.com/api".into();
    document["tags"] = json!([{"name": "child", "parent": "top", "kind": "nav", "summary": "Children"}]);
    document["servers"] = json!([{"name": "main", "url": "/v2"}]);
    document["components"] = json!({
        "mediaTypes": {"Json": {"schema": {"type": "array"}}},
        "securitySchemes": {"Key": {"type": "apiKey", "in": "header", "name": "X-Key", "deprecated": true}}});
    let gathered = World::new().source("s", &document).service("s", "s", |_| ()).gather(None);
    let tool = find(&gathered.catalog, "s:a");
    assert_eq!(tool.servers, ["https://elsewhere.example.com/v2"]);
    assert_eq!(tool.auth[0].param_name, "X-Key");
    assert_eq!(tool.flags[1].schema.as_ref().unwrap().value(), json!({"type": "array"}));
    let contents = &tool.request_body.as_ref().unwrap().content_types;
    assert_eq!(
        (contents[1].media_type.as_str(), contents[1].schema.as_ref().unwrap().value()),
        ("application/json", json!({"type": "array"}))
    );
    for words in ["`query` operations", "`additionalOperations` operations", "whole query string"] {
        check_problem(&gathered, words);
    }
    assert_eq!(gathered.problems.len(), 3, "{:?}", gathered.problems);
}

#[test]
fn a_description_of_swagger_2_makes_tools() {
    let document = json!({"swagger": "2.0", "info": {"title": "Old"}, "host": "up.example.com", "basePath": "/v1", "schemes": ["https"],
        "securityDefinitions": {"basic": {"type": "basic"}}, "security": [{"basic": []}],
        "paths": {"/pets": {"post": {"operationId": "addPet", "x-cli-name": "add", "tags": ["pets"], "parameters": [
            {"name": "tags", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "tsv"},
            {"name": "photo", "in": "formData", "type": "file", "required": true, "description": "A picture."}]}}}});
    let gathered = World::new().source("old", &document).gather(None);
    assert!(gathered.problems.is_empty(), "{:?}", gathered.problems);
    let tool = find(&gathered.catalog, "pets:addPet");
    assert_eq!(
        (tool.group.as_str(), tool.command.as_str(), &tool.servers[..]),
        ("pets", "add", &["https://up.example.com/v1".to_owned()][..])
    );
    let files = files::members(files::multipart(tool).unwrap());
    assert_eq!(
        (files[0].name.as_str(), files[0].required, files[0].description.as_str()),
        ("photo", true, "A picture.")
    );
    assert_eq!(serde_json::to_value(tool.flags[0].style).unwrap(), "tabDelimited");
}
