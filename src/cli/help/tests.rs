//! Pages of tools that say much, and lines that work.
#![expect(clippy::needless_pass_by_value, reason = "the rows below read better without references")]

use serde_json::{Value, json};

use super::*;
use crate::catalog::Tool;

fn tool_of(value: Value) -> Tool {
    let mut whole = json!({
        "id": "s:t", "serviceId": "s", "method": "POST", "path": "/t", "group": "g", "command": "t", "summary": "Does it",
        "safety": {"readOnly": false, "destructive": false, "requiresApproval": false, "idempotent": false}
    });
    whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn parameter(name: &str, place: &str, more: Value) -> Value {
    let mut parameter = json!({"name": name, "originalName": name, "location": place, "required": place == "path"});
    parameter.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parameter
}

fn body(schema: &Value, media: &str) -> Value {
    json!({"requestBody": {"required": true, "contentTypes": [{"mediaType": media, "schema": schema}]}})
}

#[track_caller]
fn shows(told: Value, parts: &[&str]) {
    let text = tool(&tool_of(told), "s g t", true).plain(100);
    parts.iter().for_each(|part| assert!(text.contains(part), "{part:?} is not in\n{text}"));
}

#[test]
fn a_command_says_what_it_takes() {
    let many: Vec<String> = (0..30).map(|i| format!("v{i}")).collect();
    shows(
        json!({
            "deprecated": true,
            "pathParams": [parameter("id", "path", json!({"schema": {"type": "integer", "minimum": 1}, "description": "Which"}))],
            "flags": [
                parameter("limit", "query", json!({"schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 30}})),
                parameter("state", "query", json!({"schema": {"enum": ["open", "closed"]}, "required": true, "deprecated": true})),
                parameter("since", "query", json!({"schema": {"type": "string", "format": "date-time"}})),
                parameter("kind", "query", json!({"schema": {"type": "string", "enum": many}})),
                parameter("q", "query", json!({"schema": {"type": "string", "minLength": 2, "maxLength": 9}})),
            ],
            "guidance": {"whenToUse": ["to do it"], "avoidWhen": ["it is done"]},
            "safety": {"readOnly": false, "destructive": true, "requiresApproval": true, "idempotent": true},
        }),
        &[
            "Deprecated: its publisher advises against using it.",
            "  open-cli s g t <id> [flags]",
            "  <id> INTEGER  Which (at least 1)",
            "  --limit INTEGER      (default 30, 1 to 100)",
            "  --state open|closed  (required, deprecated)\n",
            "  --since TEXT         (date-time)",
            "(one of v0, v1",
            ".. 30 in all)",
            "(2 to 9 characters)",
            "When to use it:\n  - to do it",
            "When not:\n  - it is done",
            "What it may change:\n  It may destroy something; it needs --approval,",
            "Example:\n  open-cli s g t 1 --state open --approval\n",
            "Tool:\n  s:t  POST /t\n",
        ],
    );
}

#[test]
fn h42_what_a_publisher_writes_is_bounded_and_harmless() {
    let long = "word ".repeat(5_000);
    let bad = "a\u{1b}[31mb\u{202e}c";
    let told = tool_of(json!({
        "summary": bad, "description": format!("{bad}\n\n{long}"), "operationId": bad,
        "flags": [parameter(bad, "query", json!({"description": long, "schema": {"type": "string", "default": bad, "enum": [bad]}}))],
        "guidance": {"whenToUse": vec![bad; 500], "examples": [{"goal": bad, "command": "open-cli s g t"}]},
    }));
    let text = tool(&told, "s g t", true).plain(80);
    assert!(!text.chars().any(|c| c != '\n' && sanitize::is_unsafe(c)), "{text:?}");
    assert!(text.len() < 6_000, "{} bytes", text.len());
    assert!(text.contains("`open-cli explain` has all of it."));
    let many: Vec<Value> = (0..1_000).map(|i| parameter(&format!("f{i}"), "query", json!({}))).collect();
    let text = tool(&tool_of(json!({"flags": many})), "s g t", true).plain(80);
    assert!(text.contains("And 900 more; `open-cli tool schema s:t` has them all."), "{text}");
}

#[track_caller]
fn example(told: Value, expected: &str) {
    let told = tool_of(told);
    let lines = example::lines(&told, "s g t", true);
    assert_eq!(lines.last().map(String::as_str), Some(expected));
    assert!(lines.iter().any(|line| example::is_taken(&told, line)), "{lines:?} is not taken");
}

#[test]
fn an_example_is_made_of_what_the_schemas_say() {
    let path = |schema: Value| json!({"pathParams": [parameter("id", "path", json!({"schema": schema}))]});
    example(json!({}), "open-cli s g t");
    example(path(json!({"type": "string"})), "open-cli s g t id");
    example(path(json!({"type": "string", "example": "T-1"})), "open-cli s g t T-1");
    example(
        path(json!({"type": "string", "pattern": "^[0-9a-f]{40}$"})),
        "open-cli s g t 0123456789abcdef0123456789abcdef01234567",
    );
    example(path(json!({"type": "string", "default": "it's"})), "open-cli s g t 'it'\\''s'");
    example(path(json!({"type": "integer", "maximum": -5})), "open-cli s g t -- -5");
    example(path(json!({"type": "integer", "exclusiveMinimum": 5, "multipleOf": 4})), "open-cli s g t 8");
    let given = parameter("id", "path", json!({"schema": {"type": "integer"}, "example": 42}));
    example(json!({"pathParams": [given]}), "open-cli s g t 42");
    let wrong = parameter("id", "path", json!({"schema": {"type": "integer"}, "example": "many"}));
    example(json!({"pathParams": [wrong]}), "open-cli s g t 1");
    let flags =
        |schema: Value| json!({"flags": [parameter("f", "query", json!({"required": true, "schema": schema}))]});
    example(flags(json!({"type": "boolean"})), "open-cli s g t --f=true");
    example(flags(json!({"type": "number", "maximum": -1.5})), "open-cli s g t --f=-1.5");
    example(
        flags(json!({"type": "array", "items": {"enum": ["a b"]}, "minItems": 2})),
        "open-cli s g t --f 'a b' --f 'a b'",
    );
    example(
        flags(json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}})),
        "open-cli s g t --f '{\"a\":1}'",
    );
    example(flags(json!({"type": ["string", "null"], "format": "date"})), "open-cli s g t --f 2024-02-29");
    example(
        flags(json!({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/A"}], "$defs": {"A": {"const": "x"}}})),
        "open-cli s g t --f x",
    );
}

#[test]
fn an_example_has_the_body_that_must_be() {
    let object = json!({"type": "object", "required": ["title", "id"], "properties": {
        "id": {"type": "integer", "readOnly": true}, "title": {"type": "string"}, "more": {"type": "string"}}});
    example(body(&object, "application/json"), "open-cli s g t --body '{\"title\":\"title\"}'");
    let optional =
        json!({"type": "object", "properties": {"list": {"type": "array"}, "n": {"type": "integer", "default": 7}}});
    example(body(&optional, "application/json"), "open-cli s g t --body '{\"n\":7}'");
    example(body(&json!(true), "application/x-www-form-urlencoded"), "open-cli s g t --body name=value");
    example(body(&object, "application/x-www-form-urlencoded"), "open-cli s g t --body '{\"title\":\"title\"}'");
    example(body(&json!({"type": "string"}), "text/plain"), "open-cli s g t --body 'some text'");
    example(body(&json!({}), "image/*"), "open-cli s g t --body @data.bin --content-type image/png");
    let circle = json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/A"}}}}});
    example(body(&circle, "application/json"), "open-cli s g t --body @body.json");
    let form = json!({"type": "object", "required": ["photo", "title"], "properties": {
        "photo": {"type": "string", "format": "binary"}, "title": {"type": "string"}}});
    example(body(&form, "multipart/form-data"), "open-cli s g t --file photo=file.bin --body '{\"title\":\"title\"}'");
}

#[test]
fn worked_lines_are_shown_when_they_work() {
    let with = |commands: &[&str]| {
        let examples: Vec<Value> =
            commands.iter().map(|command| json!({"goal": "See it", "command": command})).collect();
        let told = tool_of(json!({
            "pathParams": [parameter("id", "path", json!({"schema": {"type": "integer"}}))],
            "guidance": {"examples": examples}
        }));
        example::lines(&told, "s g t", true)
    };
    let works = "open-cli s g t 7 --format json | jq .";
    assert_eq!(with(&[works]), ["# See it", works]);
    for broken in [
        "open-cli s g t",
        "open-cli s g t x",
        "open-cli s g u 7",
        "curl x",
        "open-cli s g t $ID",
        "open-cli s g t 'x",
        "",
    ] {
        assert_eq!(with(&[broken]), ["open-cli s g t 1"], "{broken}");
    }
    assert_eq!(with(&["open-cli s g t", works]), ["# See it", works]);
}

fn index_of(tools: &[Value]) -> crate::client::index::Index {
    let ids: Vec<Value> = tools.iter().map(|tool| json!({"id": tool["id"]})).collect();
    let services = json!([{"id": "s", "alias": "shop", "title": "Shop\u{1b}[2J"}, {"id": "empty"}]);
    let answer = json!({"catalog": {"services": services, "tools": tools}, "view": {"name": "discover", "tools": ids}});
    let bytes = crate::client::index::encode(answer.to_string().as_bytes(), None).unwrap();
    crate::client::index::Index::from_bytes(bytes).unwrap()
}

#[test]
fn a_group_marks_what_has_to_be_known_before() {
    let old = tool_of(json!({"id": "s:old", "command": "old", "deprecated": true, "summary": "\u{202e}Old"}));
    let safety = json!({"readOnly": false, "destructive": true, "requiresApproval": true, "idempotent": false});
    let burn = tool_of(json!({"id": "s:burn", "command": "burn", "safety": safety}));
    let index = index_of(&[burn, old].map(|tool| serde_json::to_value(crate::catalog::slim::tool(&tool)).unwrap()));
    let told = |words: &[&str]| match crate::cli::tree::find(&index, words) {
        Ok(crate::cli::tree::Found::Level(found)) => level(&found).plain(80),
        other => panic!("{other:?}"),
    };
    let group = told(&["shop", "g"]);
    assert!(group.contains("  burn  Does it (destructive, needs approval)\n"), "{group}");
    assert!(group.contains("  old   \\u{202e}Old (deprecated)\n"), "{group}");
    assert!(group.ends_with("\n`open-cli shop g <command> --help` explains a command.\n"), "{group}");
    assert!(told(&["shop"]).contains("  g  2 commands: burn, old\n"));
    let first = root(Some(&index)).plain(80);
    assert!(first.contains("Services:\n  shop   Shop\\x1b[2J; 2 tools\n  empty  0 tools\n"), "{first}");
}
