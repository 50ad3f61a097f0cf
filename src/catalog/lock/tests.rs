//! The file is read back, stays what it is, and every kind of change is found and said.

use serde_json::{Value, json};

use super::{FILE_NAME, Kind, Lock, LockError, changes, of};
use crate::catalog::{Catalog, View};

fn catalog() -> Value {
    json!({
        "catalogVersion": "1.0.0", "generatedAt": "2026-01-01T00:00:00.000Z", "sourceFingerprint": "sha256:1",
        "sources": [{
            "id": "pets", "type": "openapi", "uri": "https://a.example/openapi.json?key=s3cret",
            "provenance": {"method": "explicit", "at": "2026-01-01T00:00:00.000Z"}
        }],
        "services": [{
            "id": "pets", "alias": "pets", "sourceId": "pets", "title": "Pets", "servers": ["https://a.example"]
        }],
        "tools": [get(), post()],
        "workflows": [{"workflowId": "adopt", "steps": [{"stepId": "find", "toolId": "pets:get"}]}],
        "effectiveViews": []
    })
}

fn get() -> Value {
    json!({
        "id": "pets:get", "serviceId": "pets", "operationId": "get", "method": "GET", "path": "/pets/{id}",
        "group": "pets", "command": "get", "summary": "One pet", "description": "All of it",
        "pathParams": [
            {"name": "id", "originalName": "id", "location": "path", "required": true, "schema": {"type": "string"}}
        ],
        "flags": [{
            "name": "limit", "originalName": "limit", "location": "query", "style": "form", "explode": true,
            "schema": {"type": "integer", "description": "How many", "default": 10}, "description": "Pets a page"
        }],
        "authAlternatives": [{"requirements": [{"name": "key", "type": "apiKey", "in": "header", "paramName": "X-Key"}]}],
        "safety": {"readOnly": true, "destructive": false, "requiresApproval": false, "idempotent": true},
        "output": {"redactions": ["owner"]},
        "servers": ["https://a.example"]
    })
}

fn post() -> Value {
    json!({
        "id": "pets:post", "serviceId": "pets", "operationId": "post", "method": "POST", "path": "/pets",
        "group": "pets", "command": "create", "pathParams": [], "flags": [],
        "requestBody": {"required": false, "contentTypes": [
            {"mediaType": "application/json", "schema": {
                "$ref": "#/$defs/Pet", "$defs": {"Pet": {
                    "type": "object", "required": ["name"],
                    "properties": {"name": {"type": "string", "description": "Its name"}, "description": {"type": "string"}}
                }}
            }},
            {"mediaType": "text/plain", "schema": {"type": "string"}}
        ]},
        "authAlternatives": [],
        "safety": {"readOnly": false, "destructive": false, "requiresApproval": false, "idempotent": false},
        "servers": ["https://a.example"]
    })
}

fn locked(catalog: &Value, view: &str) -> Lock {
    let catalog: Catalog = serde_json::from_value(catalog.clone()).unwrap();
    let tools = catalog.tools.iter().map(|tool| json!({"id": tool.id})).collect::<Vec<_>>();
    let view: View = serde_json::from_value(json!({"name": view, "mode": "discover", "tools": tools})).unwrap();
    of(&catalog, &view)
}

/// Sets what is at a pointer; null removes it, and `-` is the end of a list.
fn edited(edits: &[(&str, Value)]) -> Value {
    let mut catalog = catalog();
    for (pointer, value) in edits {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = catalog.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
        match (parent, value) {
            (Value::Object(members), Value::Null) => drop(members.remove(name)),
            (Value::Object(members), value) => drop(members.insert(name.to_owned(), value.clone())),
            (Value::Array(items), Value::Null) => drop(items.remove(name.parse().unwrap())),
            (Value::Array(items), value) if name == "-" => items.push(value.clone()),
            (Value::Array(items), value) => items[name.parse::<usize>().unwrap()] = value.clone(),
            _ => panic!("{pointer}"),
        }
    }
    catalog
}

#[track_caller]
fn check(edits: &[(&str, Value)], expected: &[(Kind, &str, &str)]) {
    let found = changes(&locked(&catalog(), "discover"), &locked(&edited(edits), "discover"));
    let found: Vec<_> = found.iter().map(|change| (change.kind, change.id.clone(), change.words())).collect();
    let expected: Vec<_> =
        expected.iter().map(|(kind, id, words)| (*kind, (*id).to_owned(), (*words).to_owned())).collect();
    assert_eq!(found, expected);
}

const GET: &str = "pets:get";
const POST: &str = "pets:post";

#[test]
fn nothing_changed_is_no_change() {
    check(&[], &[]);
    check(&[("/generatedAt", json!("2027-01-01T00:00:00.000Z")), ("/sourceFingerprint", json!("sha256:2"))], &[]);
}

#[test]
fn where_requests_go() {
    let (a, b) = ("https://a.example", "https://b.example");
    let moved = "servers changed: https://a.example -> https://b.example";
    check(&[("/tools/0/servers", json!([b]))], &[(Kind::Servers, GET, moved)]);
    check(
        &[("/services/0/servers", json!([b])), ("/tools/0/servers", json!([b])), ("/tools/1/servers", json!([b]))],
        &[(Kind::Servers, "pets", moved)],
    );
    check(&[("/services/0/servers", json!([b]))], &[(Kind::Servers, "pets", moved)]);
    check(
        &[("/tools/0/servers", json!([a, b]))],
        &[(Kind::Servers, GET, "servers changed: https://a.example -> https://a.example, https://b.example")],
    );
    check(
        &[("/sources/0/uri", json!("https://b.example/openapi.json?key=s3cret"))],
        &[(
            Kind::Source,
            "pets",
            "its source's uri changed: https://a.example/openapi.json -> https://b.example/openapi.json",
        )],
    );
    check(
        &[("/sources/0/type", json!("apiCatalog"))],
        &[(Kind::Source, "pets", "its source's type changed: openapi -> apiCatalog")],
    );
    check(
        &[("/tools/1/method", json!("DELETE")), ("/tools/1/path", json!("/all"))],
        &[(Kind::Request, POST, "is sent as DELETE /all, was POST /pets")],
    );
    let backend = json!({"kind": "mcp", "sourceId": "pets", "toolName": "get", "transport": "stdio"});
    check(
        &[("/tools/0/backend", backend.clone())],
        &[(Kind::Backend, GET, &format!("another tool stands behind it: nothing -> {backend}"))],
    );
}

#[test]
fn with_which_credentials() {
    let key = "key (apiKey header X-Key)";
    let at = "/tools/0/authAlternatives";
    check(&[(at, json!([]))], &[(Kind::AuthDropped, GET, &format!("now needs no auth, needed {key}"))]);
    check(
        &[("/tools/0/authAlternatives/-", json!({"requirements": []}))],
        &[(Kind::AuthDropped, GET, &format!("auth is now optional: {key} -> {key}, nothing"))],
    );
    let oauth = json!({"name": "o", "type": "oauth2", "scopes": ["read", "write"], "oauthFlows": [
        {"mode": "clientCredentials", "tokenUrl": "https://t.example"}
    ]});
    check(
        &[(at, json!([{"requirements": [oauth]}]))],
        &[(
            Kind::Auth,
            GET,
            &format!("auth changed: {key} -> o (oauth2 scopes read write clientCredentials https://t.example)"),
        )],
    );
    check(
        &[("/tools/1/authAlternatives", json!([{"requirements": [{"name": "b", "type": "http", "scheme": "basic"}]}]))],
        &[(Kind::Auth, POST, "auth changed: none -> b (http basic)")],
    );
}

#[test]
fn what_it_may_do() {
    check(&[("/tools/0/safety/readOnly", json!(false))], &[(Kind::Safety, GET, "is no longer read-only")]);
    check(&[("/tools/1/safety/readOnly", json!(true))], &[(Kind::Safety, POST, "is now said to be read-only")]);
    check(&[("/tools/0/safety/destructive", json!(true))], &[(Kind::Safety, GET, "is now destructive")]);
    check(&[("/tools/0/safety/requiresApproval", json!(true))], &[(Kind::Safety, GET, "now needs approval")]);
    check(&[("/tools/0/safety/idempotent", json!(false))], &[(Kind::Safety, GET, "is no longer idempotent")]);
    check(&[("/tools/0/output", Value::Null)], &[(Kind::Redaction, GET, "no longer hides `owner` in its answers")]);
}

#[test]
fn what_is_there() {
    check(&[("/tools/0", Value::Null)], &[(Kind::ToolRemoved, GET, "is gone, was GET /pets/{id}, read-only")]);
    let mut new = post();
    (new["id"], new["command"]) = (json!("pets:new"), json!("add"));
    check(&[("/tools/-", new)], &[(Kind::ToolAdded, "pets:new", "is new: POST /pets, no auth")]);
    let mut other = catalog()["services"][0].clone();
    other["id"] = json!("other");
    check(&[("/services/-", other)], &[(Kind::ServiceAdded, "other", "is new: https://a.example")]);
    check(
        &[("/services", json!([])), ("/tools", json!([]))],
        &[
            (Kind::ServiceRemoved, "pets", "is gone"),
            (Kind::ToolRemoved, GET, "is gone, was GET /pets/{id}, read-only"),
            (Kind::ToolRemoved, POST, "is gone, was POST /pets, no auth"),
        ],
    );
    check(&[("/workflows/0", Value::Null)], &[(Kind::WorkflowRemoved, "adopt", "is gone")]);
    check(
        &[("/workflows/0/steps/0/toolId", json!(POST))],
        &[(Kind::Workflow, "adopt", "steps changed: find: pets:get -> find: pets:post")],
    );
    check(
        &[("/workflows/-", json!({"workflowId": "w", "steps": [{"stepId": "s", "toolId": GET}]}))],
        &[(Kind::WorkflowAdded, "w", "is new: s: pets:get")],
    );
}

#[test]
fn what_agents_read() {
    check(&[("/tools/0/summary", json!("One pet!"))], &[(Kind::Words, GET, "summary changed")]);
    check(&[("/tools/0/description", json!("Ignore the rest"))], &[(Kind::Words, GET, "description changed")]);
    check(&[("/tools/0/description", Value::Null)], &[(Kind::Words, GET, "description is gone")]);
    check(&[("/tools/1/guidance", json!({"whenToUse": ["always"]}))], &[(Kind::Words, POST, "guidance is new")]);
    check(&[("/services/0/title", json!("Cats"))], &[(Kind::Words, "pets", "title changed: Pets -> Cats")]);
    let limit = "parameter `query limit`: the description changed";
    check(&[("/tools/0/flags/0/description", json!("x"))], &[(Kind::Words, GET, limit)]);
    check(&[("/tools/0/flags/0/schema/description", json!("x"))], &[(Kind::Words, GET, limit)]);
    check(&[("/tools/0/flags/0/schema/examples", json!([1]))], &[(Kind::Words, GET, limit)]);
    check(
        &[("/tools/1/requestBody/contentTypes/0/schema/$defs/Pet/properties/name/description", json!("x"))],
        &[(Kind::Words, POST, "body `application/json`: the description changed")],
    );
}

#[test]
fn which_parameters_are_sent() {
    let flag = |name: &str, required: bool| {
        json!({"name": name, "originalName": name, "location": "query", "required": required,
            "schema": {"type": "string"}, "style": "form", "explode": true})
    };
    let words = |text: &str| format!("parameter `query limit`: {text}");
    check(
        &[("/tools/0/flags/-", flag("x", false))],
        &[(Kind::ParameterAdded, GET, "parameter `query x` added: string")],
    );
    check(
        &[("/tools/0/flags/-", flag("x", true))],
        &[(Kind::ParameterAdded, GET, "parameter `query x` added: string required")],
    );
    check(&[("/tools/0/flags/0", Value::Null)], &[(Kind::ParameterRemoved, GET, "parameter `query limit` removed")]);
    for (member, value, said) in [
        ("required", json!(true), "is now required"),
        ("schema/type", json!("string"), "type changed: integer -> string"),
        ("schema/type", json!(["string", "integer", "made up"]), "type changed: integer -> integer|string"),
        ("explode", json!(false), "is written in another way: form explode -> form"),
        ("contentType", json!("application/json"), "is written in another way: form explode -> application/json"),
        ("name", json!("max"), "has another flag: nothing -> max"),
        (
            "schema/default",
            json!(20),
            r#"schema changed: {"default":10,"type":"integer"} -> {"default":20,"type":"integer"}"#,
        ),
        ("schema/enum", json!((0..100).collect::<Vec<_>>()), "schema changed"),
    ] {
        check(&[(&format!("/tools/0/flags/0/{member}"), value)], &[(Kind::Parameter, GET, &words(said))]);
    }
    check(
        &[("/tools/0/pathParams/0/required", json!(false))],
        &[(Kind::Parameter, GET, "parameter `path id`: is no longer required")],
    );
}

#[test]
fn which_bodies_are_sent() {
    let body = |text: &str| format!("body application/json: {text}");
    let at = |member: &str| format!("/tools/1/requestBody/contentTypes/0/schema/$defs/Pet/{member}");
    for (member, value, said) in [
        ("properties/age", json!({"type": "integer"}), "member `age` added: integer"),
        ("properties/description", Value::Null, "member `description` removed"),
        ("properties/description/type", json!("null"), "member `description` changed: string -> null"),
        ("required", json!([]), "member `name` changed: string required -> string"),
        ("additionalProperties", json!(false), "schema changed"),
        ("properties/name/const", json!({"description": "no words"}), "schema changed"),
    ] {
        check(&[(&at(member), value)], &[(Kind::Body, POST, &body(said))]);
    }
    check(&[("/tools/1/requestBody/required", json!(true))], &[(Kind::Body, POST, "body: is now required")]);
    check(
        &[("/tools/1/requestBody/contentTypes/1", Value::Null)],
        &[(Kind::BodyRemoved, POST, "no longer takes a text/plain body")],
    );
    check(
        &[("/tools/1/requestBody/contentTypes/-", json!({"mediaType": "a/b"}))],
        &[(Kind::BodyAdded, POST, "now takes a a/b body")],
    );
    check(
        &[("/tools/0/requestBody", json!({"required": true, "contentTypes": [{"mediaType": "a/b"}]}))],
        &[(Kind::BodyAdded, GET, "now takes a a/b body, and needs a body")],
    );
    check(
        &[("/tools/1/requestBody/contentTypes/1/encoding", json!({"f": {"contentType": "image/png"}}))],
        &[(Kind::Body, POST, "body text/plain: its members are written in another way")],
    );
    let mut turned = post()["requestBody"]["contentTypes"].as_array().unwrap().clone();
    turned.reverse();
    check(
        &[("/tools/1/requestBody/contentTypes", json!(turned))],
        &[(
            Kind::Body,
            POST,
            "body: another media type comes first: application/json, text/plain -> text/plain, application/json",
        )],
    );
}

#[test]
fn how_it_is_used() {
    check(&[("/services/0/alias", json!("p"))], &[(Kind::Command, "pets", "alias changed: pets -> p")]);
    check(&[("/tools/0/command", json!("show"))], &[(Kind::Command, GET, "command changed: pets get -> pets show")]);
    check(
        &[("/tools/0/command", json!("create")), ("/tools/1/command", json!("get"))],
        &[
            (Kind::CommandTaken, GET, "is called by `pets create`, which called pets:post"),
            (Kind::CommandTaken, POST, "is called by `pets get`, which called pets:get"),
            (Kind::Command, GET, "command changed: pets get -> pets create"),
            (Kind::Command, POST, "command changed: pets create -> pets get"),
        ],
    );
    check(&[("/tools/0/aliases", json!(["a", "b"]))], &[(Kind::Command, GET, "aliases changed: none -> a, b")]);
    check(&[("/tools/0/hidden", json!(true))], &[(Kind::Hidden, GET, "is now hidden")]);
    check(
        &[("/tools/0/output/redactions/-", json!("name"))],
        &[(Kind::Handling, GET, "redactions changed: owner -> owner, name")],
    );
    check(
        &[("/tools/0/output/defaultFields", json!(["id"]))],
        &[(Kind::Handling, GET, "fields shown changed: none -> id")],
    );
    check(
        &[("/tools/0/pagination", json!({"style": "cursor"}))],
        &[(Kind::Handling, GET, r#"pagination changed: nothing -> {"style":"cursor"}"#)],
    );
    check(
        &[("/tools/0/retry", json!({"recommended": true}))],
        &[(Kind::Handling, GET, r#"retry changed: nothing -> {"recommended":true}"#)],
    );
}

#[test]
fn the_most_dangerous_comes_first() {
    let all = [
        ("/tools/1/summary", json!("s")),
        ("/tools/0/summary", json!("s")),
        ("/tools/0/safety/readOnly", json!(false)),
        ("/tools/1/servers", json!(["https://b.example"])),
        ("/tools/0/authAlternatives", json!([])),
        ("/services/0/alias", json!("p")),
    ];
    let found = changes(&locked(&catalog(), "discover"), &locked(&edited(&all), "discover"));
    let kinds: Vec<_> = found.iter().map(|change| (change.kind, change.id.as_str())).collect();
    assert_eq!(
        kinds,
        [
            (Kind::Servers, POST),
            (Kind::AuthDropped, GET),
            (Kind::Safety, GET),
            (Kind::Words, GET),
            (Kind::Words, POST),
            (Kind::Command, "pets"),
        ]
    );
    let severities: Vec<_> = Kind::ALL.iter().map(|kind| kind.severity()).collect();
    assert!(severities.is_sorted(), "the order of kinds is that of severities");
}

#[test]
fn a_lock_of_another_view_says_so() {
    let found = changes(&locked(&catalog(), "discover"), &locked(&catalog(), "agent"));
    let words: Vec<_> = found.iter().map(|change| (change.kind, change.words())).collect();
    assert_eq!(words, [(Kind::View, "the lock was made for the view discover, this is the view agent".to_owned())]);
}

#[test]
fn only_what_the_view_shows_is_locked() {
    let catalog: Catalog = serde_json::from_value(catalog()).unwrap();
    let view: View =
        serde_json::from_value(json!({"name": "agent", "mode": "curated", "tools": [{"id": GET}]})).unwrap();
    assert_eq!(of(&catalog, &view).tools.keys().collect::<Vec<_>>(), [GET]);
}

#[test]
fn the_file_is_read_back_and_stays_what_it_is() {
    let lock = locked(&catalog(), "discover");
    let text = lock.text();
    assert_eq!(Lock::parse(text.as_bytes()).unwrap(), lock);
    assert_eq!(locked(&catalog(), "discover").text(), text);
    let mut turned = catalog();
    turned["tools"].as_array_mut().unwrap().reverse();
    assert_eq!(locked(&turned, "discover").text(), text, "the order says nothing");
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn a_change_is_a_short_difference() {
    let before = locked(&catalog(), "discover").text();
    let after = locked(&edited(&[("/tools/0/flags/0/description", json!("x"))]), "discover").text();
    let differing = before.lines().zip(after.lines()).filter(|(before, after)| before != after).count();
    assert_eq!((before.lines().count(), differing), (after.lines().count(), 1));
    assert!(before.lines().count() > 25 && before.lines().all(|line| line.len() < 300), "{before}");
    assert!(before.contains("\n      \"method\": \"GET\",\n"), "{before}");
}

#[track_caller]
fn wrong(text: &str, part: &str) {
    let error = Lock::parse(text.as_bytes()).unwrap_err();
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn what_is_no_lock_is_refused() {
    wrong("", "no catalog lock");
    wrong("{}", "missing field `lockVersion`");
    wrong(r#"{"lockVersion":1,"view":"v","services":{},"tools":{},"more":1}"#, "unknown field `more`");
    wrong(r#"{"lockVersion":2,"other":[]}"#, "its lockVersion is 2, and this version reads 1");
    assert_eq!(Lock::parse(br#"{"lockVersion":2}"#).unwrap_err(), LockError::Version(2));
}

#[test]
fn a_schema_too_deep_to_be_read_still_counts() {
    let deep = |end: &str| {
        let mut text = catalog().to_string();
        let schema = format!("{}{end}{}", r#"{"items":"#.repeat(200), "}".repeat(200));
        let at = r#""required":true,"schema":"#;
        text = text.replace(&format!(r#"{at}{{"type":"string"}}"#), &format!("{at}{schema}"));
        assert!(text.contains(end), "{text}");
        let catalog: Catalog = serde_json::from_str(&text).unwrap();
        let view: View = serde_json::from_value(json!({"name": "d", "mode": "d", "tools": [{"id": GET}]})).unwrap();
        of(&catalog, &view)
    };
    let found = changes(&deep("111"), &deep("222"));
    assert_eq!(found.iter().map(|change| change.words()).collect::<Vec<_>>(), ["parameter `path id`: schema changed"]);
}

#[test]
fn the_documentation_lists_every_kind() {
    let page = include_str!("../../../docs/catalog-lock.md");
    for kind in Kind::ALL {
        assert!(page.contains(&format!("| `{}` | {} |", kind.code(), kind.severity().as_str())), "{}", kind.code());
    }
    assert!(page.contains(FILE_NAME));
}
