//! Descriptions small and nasty, read whole.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::refs::Want;
use super::*;
use crate::base::document::DocumentError;
use crate::base::url::Url;
use crate::http::Method;

mod swagger2;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/openapi");

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// Reads `root`, answering what it wants from `others`; also what was wanted in all.
pub(super) fn read_with(root: &Url, text: &str, others: &BTreeMap<Url, String>) -> (Description, Vec<Want>) {
    let mut resolver = Resolver::new(root, Document::parse(text.as_bytes().to_vec()).unwrap());
    let mut wanted = Vec::new();
    loop {
        let description = read(&resolver, true).unwrap();
        if description.wants.is_empty() {
            return (description, wanted);
        }
        for want in description.wants {
            let found = others.get(&want.url).ok_or_else(|| "not found".to_owned());
            let found = found.and_then(|text| parse(text).map_err(|error| error.to_string()));
            resolver.supply(&want.url, found.map(|document| (want.url.clone(), document)));
            wanted.push(want);
        }
    }
}

fn parse(text: &str) -> Result<Document, DocumentError> {
    Document::parse(text.as_bytes().to_vec())
}

fn read_one(text: &str) -> Description {
    read_with(&url("https://api.example.com/docs/openapi.yaml"), text, &BTreeMap::new()).0
}

/// A description of `testdata/openapi`, with the files beside it.
fn read_file(name: &str) -> Description {
    let mut others = BTreeMap::new();
    for file in ["parameters.yaml", "paths/orders.yaml", "schemas/order.yaml", "schemas/item.yaml"] {
        let path = Path::new(FILES).join(file);
        let text = crate::base::disk::read(&path, 1 << 20).unwrap();
        others.insert(Url::from_file_path(&path).unwrap(), String::from_utf8(text).unwrap());
    }
    let path = Path::new(FILES).join(name);
    let text = String::from_utf8(crate::base::disk::read(&path, 1 << 20).unwrap()).unwrap();
    read_with(&Url::from_file_path(&path).unwrap(), &text, &others).0
}

fn operation<'a>(description: &'a Description, id: &str) -> &'a Operation {
    let found = description.operations.iter().find(|operation| operation.operation_id.as_deref() == Some(id));
    found.unwrap_or_else(|| panic!("{id} is not there: {:?}", description.problems))
}

fn body_schema(operation: &Operation) -> Value {
    serde_json::from_str(operation.body.as_ref().unwrap().contents[0].schema.as_ref().unwrap().as_json()).unwrap()
}

fn parameter_schema(operation: &Operation, name: &str) -> Value {
    let parameter = operation.parameters.iter().find(|parameter| parameter.name == name).unwrap();
    serde_json::from_str(parameter.schema.as_ref().unwrap().as_json()).unwrap()
}

#[track_caller]
fn check_problem(description: &Description, place: &str, words: &str) {
    let found = description.problems.iter().any(|p| p.place.contains(place) && p.message.contains(words));
    assert!(found, "no problem at {place} with `{words}`: {:#?}", description.problems);
}

/// With these paths and components in a 3.1 document.
fn with(paths: &Value, components: &Value) -> Description {
    let document = json!({
        "openapi": "3.1.0", "info": {"title": "T"}, "servers": [{"url": "https://s.example.com"}],
        "paths": paths, "components": components,
    });
    read_one(&document.to_string())
}

fn posting(schema: &Value) -> Value {
    json!({"/x": {"post": {"operationId": "x", "requestBody": {"content": {"application/json": {"schema": schema}}}}}})
}

#[test]
fn descriptions_in_several_files() {
    let description = read_file("files.yaml");
    let order = operation(&description, "getOrder");
    assert_eq!((order.path.as_str(), parameter_schema(order, "id")), ("/orders/{id}", json!({"type": "integer"})));
    let schema = body_schema(operation(&description, "createOrder"));
    assert_eq!(schema["properties"]["item"], json!({"$ref": "#/$defs/item"}));
    assert_eq!(schema["properties"]["replaces"], json!({"$ref": "#/$defs/order"}));
    assert_eq!(schema["$defs"]["item"]["properties"]["order"], json!({"$ref": "#/$defs/order"}));
    assert_eq!(schema["$defs"]["order"]["required"], json!(["id"]));
    let ids: Vec<_> = description.operations.iter().map(|o| o.operation_id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["getOrder", "createOrder", "brokenSchema"], "in document order, without the broken one");
}

#[test]
fn h25_a_missing_reference_costs_only_what_needs_it() {
    let description = read_file("files.yaml");
    check_problem(
        &description,
        "/paths/~1broken/get",
        "`parameters.yaml#/Gone` leads nowhere; the operation is left out",
    );
    check_problem(&description, "/properties/missing", "cannot be used: not found");
    let schema = body_schema(operation(&description, "brokenSchema"));
    assert_eq!(schema["properties"], json!({"missing": {}, "name": {"type": "string"}}));
}

#[test]
fn only_what_an_operation_needs_is_wanted() {
    let text = r##"{"openapi": "3.0.0", "paths": {"/a": {"get": {
        "parameters": [{"$ref": "p.json#/P"}, {"$ref": "https://other.example.org/q.json?key=1#/Q"}],
        "responses": {"200": {"$ref": "responses.json#/Ok"}}}}},
        "components": {"schemas": {"Unused": {"$ref": "unused.json"}}}}"##;
    let others = BTreeMap::from([(
        url("https://api.example.com/docs/p.json"),
        r##"{"P": {"name": "p", "in": "query", "schema": {"$ref": "s.json"}}}"##.to_owned(),
    )]);
    let (description, wanted) = read_with(&url("https://api.example.com/docs/openapi.json"), text, &others);
    let asked: Vec<&str> = wanted.iter().map(|want| want.url.as_str()).collect();
    let expected = ["docs/p.json", "docs/s.json"].map(|path| format!("https://api.example.com/{path}"));
    assert_eq!(asked[..2], expected);
    assert_eq!(asked[2..], ["https://other.example.org/q.json?key=1"]);
    assert_eq!(wanted[0].from.as_str(), "https://api.example.com/docs/openapi.json");
    assert!(!format!("{:?}", description.problems).contains("key=1"), "{:?}", description.problems);
}

#[test]
fn h27_a_remote_document_never_leads_to_a_file() {
    let remote = url("https://api.example.com/openapi.json");
    for reference in ["file:///etc/passwd", "file:/etc/passwd#/x", "FILE:///etc/passwd"] {
        let paths = json!({"openapi": "3.1.0", "paths": {
            "/a": {"get": {"operationId": "a", "parameters": [{"$ref": reference}]}},
            "/b": posting(&json!({"$ref": reference}))["/x"].clone()}});
        let (description, wanted) = read_with(&remote, &paths.to_string(), &BTreeMap::new());
        assert!(wanted.is_empty(), "{wanted:?}");
        check_problem(&description, "/paths/~1a/get", "local file, which is refused");
        check_problem(&description, "/paths/~1b/post", "local file, which is refused");
        assert_eq!(body_schema(operation(&description, "x")), json!({}));
    }
    // Nor by way of a remote document that a local one refers to, nor to a local document that is there already.
    let local = url("file:///srv/openapi.json");
    let text = json!({"openapi": "3.1.0", "paths": posting(&json!({"$ref": "https://evil.example.org/s.json"})),
        "components": {"schemas": {"Secret": {"const": "hidden"}}}});
    for reference in ["file:///srv/openapi.json#/components/schemas/Secret", "file:///etc/shadow"] {
        let evil = json!({"type": "object", "properties": {"x": {"$ref": reference}}}).to_string();
        let others = BTreeMap::from([(url("https://evil.example.org/s.json"), evil)]);
        let (description, wanted) = read_with(&local, &text.to_string(), &others);
        assert_eq!(wanted.len(), 1, "{wanted:?}");
        check_problem(&description, "https://evil.example.org/s.json#", "local file, which is refused");
        assert!(!body_schema(operation(&description, "x")).to_string().contains("hidden"));
    }
    // A document that calls itself local is not believed.
    let text = json!({"openapi": "3.2.0", "$self": "file:///etc/openapi.json",
        "paths": posting(&json!({"$ref": "passwd"}))});
    let (_, wanted) = read_with(&remote, &text.to_string(), &BTreeMap::new());
    assert_eq!(wanted[0].url.as_str(), "https://api.example.com/passwd");
}

#[test]
fn h27_servers_of_any_document_are_http_only() {
    let description =
        with(&json!({"/a": {"get": {"operationId": "a", "servers": [{"url": "file:///etc"}]}}}), &json!({}));
    assert!(operation(&description, "a").servers.is_empty());
    check_problem(&description, "/paths/~1a/get/servers/0", "no http or https address");
}

#[test]
fn pointers_with_escapes_find_their_place() {
    let schema = |reference: &str| {
        let components = json!({"schemas": {"a/b~c d%": {"const": 1}, "List": {"oneOf": [{}, {"const": 2}]}}});
        let description = with(&posting(&json!({"$ref": reference})), &components);
        body_schema(operation(&description, "x"))
    };
    assert_eq!(schema("#/components/schemas/a~1b~0c%20d%25"), json!({"const": 1}));
    assert_eq!(schema("#/components/schemas/List/oneOf/1"), json!({"const": 2}));
    for nowhere in
        ["#/components/schemas/List/oneOf/9", "#/components/schemas/Nope", "#nope", "#/components/schemas/List/oneOf/x"]
    {
        assert_eq!(schema(nowhere), json!({}), "{nowhere}");
    }
}

#[test]
fn h28_circles_end() {
    let description = read_file("cycles.yaml");
    let a = operation(&description, "a");
    for schema in [body_schema(a), parameter_schema(a, "q")] {
        assert_eq!(schema["properties"]["next"], json!({"$ref": "#/$defs/Node"}));
        assert_eq!(schema["$defs"]["Other"]["items"], json!({"$ref": "#/$defs/Node"}));
        assert_eq!(schema["$defs"]["Node"]["properties"]["other"], json!({"$ref": "#/$defs/Other"}));
    }
    check_problem(&description, "/paths/~1loop/get", "leads in a circle");
    assert_eq!(body_schema(operation(&description, "loopSchema")), json!({}));
    let deep = body_schema(operation(&description, "deepLoop"));
    assert_eq!(deep["$defs"]["S1"], json!({}), "{deep}");
    check_problem(&description, "/components/schemas/S1", "refers only to itself");
}

#[test]
fn h26_every_keyword_of_3_1_is_kept() {
    let description = read_file("keywords-31.yaml");
    let schema = body_schema(operation(&description, "k"));
    let leaf = json!({"$ref": "#/$defs/Leaf"});
    for pointer in [
        "/dependentSchemas/a",
        "/patternProperties/^x-",
        "/unevaluatedProperties",
        "/then",
        "/properties/tuple/prefixItems/1",
        "/properties/encoded/contentSchema",
        "/properties/choice/oneOf/0",
    ] {
        assert_eq!(schema.pointer(pointer), Some(&leaf), "{pointer}");
    }
    for (pointer, kept) in [
        ("/type", json!(["object", "null"])),
        ("/$comment", json!("kept")),
        ("/dependentRequired", json!({"a": ["b"]})),
        ("/propertyNames/pattern", json!("^.*$")),
        ("/else", json!(false)),
        ("/not/const", json!({"$ref": "not-a-reference"})),
        ("/properties/$ref/type", json!("string")),
        ("/properties/local", json!({"$ref": "#/$defs/Local"})),
        ("/properties/tuple/contains", json!({"const": 1})),
        ("/properties/anchored", json!({"$ref": "#/$defs/Leaf", "description": "beside the reference"})),
        ("/properties/choice/discriminator/mapping", json!({"leaf": "#/$defs/Leaf", "tree": "#/$defs/Tree"})),
        ("/properties/unknown", json!({"x-made-up": {"$ref": "data"}, "frobnicate": [1, 2.50]})),
        ("/examples/0", json!({"$ref": "data", "a": 1})),
        ("/$defs/Leaf/exclusiveMinimum", json!(3)),
        ("/$defs/Named/properties/inner", json!({"$ref": "#/$defs/inner"})),
        ("/$defs/inner", json!({"type": "boolean"})),
        ("/$defs/Tree/properties/children/items", json!({"$ref": "#/$defs/Tree"})),
        ("/$defs/Tree/properties/parent", json!({"$ref": "#/$defs/Tree"})),
    ] {
        assert_eq!(schema.pointer(pointer), Some(&kept), "{pointer} in {schema:#}");
    }
    assert!(description.problems.is_empty(), "{:?}", description.problems);
}

#[test]
fn siblings_of_a_reference_count_since_3_1() {
    let schema = |version: &str| {
        let document = json!({"openapi": version, "servers": [{"url": "https://s.example.com"}],
            "paths": posting(&json!({"properties": {"a": {"$ref": "#/components/schemas/A", "minLength": 3, "description": "d"}}})),
            "components": {"schemas": {"A": {"type": "string"}}}});
        let description = read_one(&document.to_string());
        body_schema(operation(&description, "x"))["properties"]["a"].clone()
    };
    assert_eq!(schema("3.0.3"), json!({"$ref": "#/$defs/A", "description": "d"}));
    assert_eq!(schema("3.1.0"), json!({"$ref": "#/$defs/A", "minLength": 3, "description": "d"}));
}

#[test]
fn definitions_of_one_name_are_numbered() {
    let text = json!({"openapi": "3.1.0", "servers": [{"url": "https://s.example.com"}], "paths": posting(&json!({"properties": {
        "b": {"$ref": "other.json#/Pet"}, "a": {"$ref": "#/components/schemas/Pet"}, "c": {"$ref": "#/components/schemas/A%20B"}}})),
        "components": {"schemas": {"Pet": {"const": 1}, "A B": {"const": 3}}}});
    let others =
        BTreeMap::from([(url("https://api.example.com/other.json"), json!({"Pet": {"const": 2}}).to_string())]);
    let (description, _) = read_with(&url("https://api.example.com/o.json"), &text.to_string(), &others);
    let defs = body_schema(operation(&description, "x"))["$defs"].clone();
    assert_eq!(defs, json!({"A_B": {"const": 3}, "Pet": {"const": 1}, "Pet_2": {"const": 2}}));
}

#[test]
fn the_sum_of_a_schema_is_that_of_its_text_also_where_names_differ_from_operation_to_operation() {
    let body = |member: &str| {
        json!({"requestBody": {"content": {"application/json": {"schema": {"properties": {
        "w": {"$ref": "other.json#/Wrap"}, "p": {"$ref": member}}}}}}})
    };
    let text = json!({"openapi": "3.1.0", "servers": [{"url": "https://s.example.com"}],
        "paths": {"/a": {"post": body("other.json#/Pet")}, "/b": {"post": body("#/components/schemas/Pet")}},
        "components": {"schemas": {"Pet": {"const": 1}}}});
    let other = json!({"Pet": {"const": 2}, "Wrap": {"not": {"$ref": "#/Pet"}}});
    let others = BTreeMap::from([(url("https://api.example.com/other.json"), other.to_string())]);
    let (description, _) = read_with(&url("https://api.example.com/o.json"), &text.to_string(), &others);
    let schemas: Vec<_> = description
        .operations
        .iter()
        .map(|one| one.body.as_ref().unwrap().contents[0].schema.as_ref().unwrap())
        .collect();
    let wraps: Vec<Value> = schemas.iter().map(|schema| schema.value()["$defs"]["Wrap"].clone()).collect();
    assert_ne!(wraps[0], wraps[1], "one target, two texts");
    for schema in schemas {
        let read = crate::base::schema::Schema::new(&schema.value());
        assert_eq!(schema.sum(), read.sum(), "{schema:?}");
    }
}

#[test]
fn h28_schemas_are_bounded() {
    let large: serde_json::Map<String, Value> =
        (0..40).map(|n| (format!("S{n}"), json!({"description": "x".repeat(50_000)}))).collect();
    let all: Vec<Value> = (0..40).map(|n| json!({"$ref": format!("#/components/schemas/S{n}")})).collect();
    let description = with(&posting(&json!({"anyOf": all})), &json!({"schemas": large}));
    let schema = body_schema(operation(&description, "x"));
    assert!(schema.to_string().len() < (1 << 20) + 10_000);
    assert_eq!(schema["$defs"].as_object().unwrap().len(), 40, "every reference has its target");
    check_problem(&description, "/schema", "more than 1 MiB of others");
    let deep = format!("{}true{}", "{\"not\":".repeat(200), "}".repeat(200));
    let text = format!(
        r#"{{"openapi":"3.1.0","paths":{{"/x":{{"post":{{"operationId":"x","requestBody":{{"content":{{"a/b":{{"schema":{deep}}}}}}}}}}}}}}}"#
    );
    let description = read_one(&text);
    assert_eq!(body_schema(operation(&description, "x")), json!({}));
    check_problem(&description, "/schema", "nested too deeply");
}

#[test]
fn h28_many_operations_on_one_ring_of_schemas_are_bounded() {
    let count = 300;
    let next = |n: usize| format!("#/components/schemas/S{}", (n + 1) % count);
    let ring: serde_json::Map<String, Value> = (0..count)
        .map(|n| (format!("S{n}"), json!({"description": "x".repeat(2_000), "properties": {"n": {"$ref": next(n)}}})))
        .collect();
    let content = |n: usize| json!({"content": {"application/json": {"schema": {"$ref": next(n)}}}});
    let paths: serde_json::Map<String, Value> = (0..count)
        .map(|n| (format!("/p{n}"), json!({"post": {"operationId": format!("o{n}"), "requestBody": content(n)}})))
        .collect();
    let description = with(&Value::Object(paths), &json!({"schemas": ring}));
    let sizes = description.operations.iter().map(|operation| body_schema(operation).to_string().len());
    assert!(sizes.sum::<usize>() < 66 << 20, "one schema may pass the bound, no more");
    check_problem(&description, "/schema", "larger than 64 MiB");
}

#[test]
fn h28_hostile_documents_end() {
    for text in [
        "{\"openapi\":\"3.0.0\",\"paths\":".to_owned() + &"[".repeat(100_000),
        "{".repeat(100_000),
        "{\"openapi\": \"3.0.0\", \"paths\": {\"/a\": {\"get\": {\"oper".to_owned(),
        "openapi: 3.0.0\npaths:\n  /a: {get: ".to_owned(),
    ] {
        assert!(parse(&text).is_err());
    }
    // Brackets where nobody looks cost nothing; where somebody does, they cost that place.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!(
        r#"{{"openapi":"3.0.0","x-deep":{deep},"paths":{{"/a":{{"get":{{"operationId":"a","tags":{deep},"parameters":{deep}}}}}}}}}"#
    );
    assert_eq!(read_with(&url("https://h/o"), &text, &BTreeMap::new()).0.operations.len(), 0);
    let text = format!(
        "\u{feff}{{\"openapi\":\"3.0.0\",\"paths\":{{\"/a\":{{\"get\":{{\"operationId\":\"a\",\"tags\":{deep}}}}}}}}}"
    );
    assert_eq!(operation(&read_one(&text), "a").tags, Vec::<String>::new());
    // A chain of references that is too long.
    let chain: serde_json::Map<String, Value> =
        (0..100).map(|n| (format!("P{n}"), json!({"$ref": format!("#/components/parameters/P{}", n + 1)}))).collect();
    let paths = json!({"/a": {"get": {"operationId": "a", "parameters": [{"$ref": "#/components/parameters/P0"}]}}});
    check_problem(&with(&paths, &json!({"parameters": chain})), "/paths/~1a/get", "more than 64 references");
}

#[test]
fn h28_large_documents_are_read_in_bounded_memory() {
    let padding = "x".repeat(1000);
    let schemas: Vec<String> = (0..50_000).map(|n| format!("\"S{n}\":{{\"description\":\"{padding}\"}}")).collect();
    let text = format!(
        "{{\"openapi\":\"3.0.0\",\"servers\":[{{\"url\":\"https://h\"}}],\"paths\":{},\"components\":{{\"schemas\":{{{}}}}}}}",
        posting(&json!({"$ref": "#/components/schemas/S49999"})),
        schemas.join(",")
    );
    assert!(text.len() > 50_000_000);
    assert_eq!(body_schema(operation(&read_one(&text), "x"))["description"], padding);
    assert_eq!(parse(&" ".repeat(70_000_000)).unwrap_err(), DocumentError::TooLarge);
}

#[test]
fn h28_at_most_a_hundred_documents_are_wanted() {
    let all: Vec<Value> = (0..300).map(|n| json!({"$ref": format!("d{n}.json")})).collect();
    let text = json!({"openapi": "3.1.0", "paths": posting(&json!({"anyOf": all}))});
    let (description, wanted) = read_with(&url("https://h/o.json"), &text.to_string(), &BTreeMap::new());
    assert_eq!(wanted.len(), 99);
    check_problem(&description, "/anyOf/299", "one document too many");
}

#[test]
fn sloppy_documents_are_read_as_meant() {
    let description = read_file("sloppy.yaml");
    let pets = &description.operations[0];
    assert_eq!(
        (pets.path.as_str(), pets.operation_id.as_deref(), &pets.tags[..]),
        ("/pets", None, &["pets".to_owned()][..])
    );
    let names: Vec<_> = pets.parameters.iter().map(|p| (p.name.as_str(), p.style, p.explode)).collect();
    assert_eq!(names, [("limit", Style::Form, true)]);
    check_problem(&description, "/paths/pets/get/parameters/0", "`matrix` does not fit");
    check_problem(&description, "/parameters/1", "listed twice");
    check_problem(&description, "/parameters/4", "does not know");
    check_problem(&description, "", "nothing to send requests to");
    assert_eq!(description.title, "");
    let methods: Vec<Method> = description.operations.iter().map(|o| o.method).collect();
    assert_eq!(methods, [Method::Get, Method::Get, Method::Put]);
}

#[test]
fn h19_every_name_of_a_template_has_a_parameter() {
    let description = read_file("sloppy.yaml");
    let toys = &description.operations[1];
    let found: Vec<_> = toys.parameters.iter().map(|p| (p.name.as_str(), p.place, p.required)).collect();
    assert_eq!(found, [("petId", Place::Path, true), ("toyId", Place::Path, true)]);
    check_problem(&description, "toyId}/get", "`toyId` of the path is not described");
    check_problem(&description, "toyId}/get", "no `{other}`");
    check_problem(&description, "/paths/~1open{brace/get", "without its partner");
    check_problem(&description, "/trace", "`trace` operations are not supported");
    check_problem(&description, "/query", "`query` operations are not supported");
}

#[test]
fn template_names_are_found() {
    for (path, names) in [
        ("/a/{b}/{c}.{d}/{b}", Some(vec!["b", "c", "d"])),
        ("/a", Some(vec![])),
        ("/{a", None),
        ("/a}", None),
        ("/{}", None),
        ("/{a{b}}", None),
    ] {
        assert_eq!(operations::template_names(path), names, "{path}");
    }
}

#[test]
fn the_operations_parameters_win_over_the_paths() {
    let paths = json!({"/a": {
        "parameters": [{"name": "p", "in": "query", "description": "path"}, {"name": "X-Q", "in": "header"},
            {"name": "p", "in": "cookie"}],
        "get": {"operationId": "a", "parameters": [{"name": "p", "in": "query", "description": "own"}, {"name": "x-q", "in": "header"},
            {"name": "c", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
            {"name": "all", "in": "querystring", "content": {}}]},
    }});
    let description = with(&paths, &json!({}));
    let a = operation(&description, "a");
    let found: Vec<_> = a.parameters.iter().map(|p| (p.name.as_str(), p.place, p.description.as_str())).collect();
    assert_eq!(
        found,
        [("p", Place::Cookie, ""), ("p", Place::Query, "own"), ("x-q", Place::Header, ""), ("c", Place::Query, "")]
    );
    assert_eq!(a.parameters[3].content_type.as_deref(), Some("application/json"));
    check_problem(&description, "/parameters/3", "whole query string, which is not supported by this version");
}

#[test]
fn the_nearest_servers_count_with_their_variables() {
    let text = r#"
openapi: 3.0.3
servers: [{url: 'https://{host}.example.com:{port}/{base}/', variables: {host: {default: api}, port: {default: 8443}, base: {enum: [v1, v2]}}}, {url: '/rel'}, {url: '//other.example.org/x'}]
paths:
  /a: {get: {operationId: document}, servers: []}
  /b: {servers: [{url: ../up}], get: {operationId: path}, put: {operationId: own, servers: [{url: 'https://own.example.com'}]}}
  /c: {servers: [{url: 'https://{gone}.example.com'}, {url: 'https://u:p@h/'}, {url: 'ws://h'}], get: {operationId: unusable}}
"#;
    let description = read_one(text);
    let all = ["https://api.example.com:8443/v1/", "https://api.example.com/rel", "https://other.example.org/x"];
    assert_eq!(operation(&description, "document").servers, all);
    assert_eq!(operation(&description, "path").servers, ["https://api.example.com/up"]);
    assert_eq!(operation(&description, "own").servers, ["https://own.example.com"]);
    assert!(operation(&description, "unusable").servers.is_empty(), "the document's servers are not what was meant");
    check_problem(&description, "/paths/~1c/servers/0", "`gone` has no default");
    check_problem(&description, "/paths/~1c/servers/1", "put credentials into `secrets`");
    let none = read_one("openapi: 3.0.3\npaths: {/a: {get: {operationId: a}}}");
    assert_eq!(operation(&none, "a").servers, ["https://api.example.com/"]);
}

#[test]
fn a_file_without_absolute_servers_says_what_to_set() {
    let text = "openapi: 3.0.3\nservers: [{url: /v1}]\npaths: {/a: {get: {operationId: a}}}";
    let (description, _) = read_with(&url("file:///srv/o.yaml"), text, &BTreeMap::new());
    assert!(operation(&description, "a").servers.is_empty());
    check_problem(&description, "/servers/0", "set `services.<id>.server`");
    let resolver = Resolver::new(&url("file:///srv/o.yaml"), parse(text).unwrap());
    assert!(read(&resolver, false).unwrap().problems.is_empty(), "the config's server makes it pointless to say");
}

#[test]
fn security_comes_in_full_shape() {
    let paths = json!({
        "/default": {"get": {"operationId": "default"}},
        "/none": {"get": {"operationId": "none", "security": []}},
        "/optional": {"get": {"operationId": "optional", "security": [{}, {"both": [], "alone": ["r"]}, {"undefined": []}]}},
    });
    let schemes = json!({
        "alone": {"type": "http", "scheme": "Bearer"},
        "both": {"$ref": "#/components/securitySchemes/key"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "flows": {"type": "oauth2", "flows": {
            "implicit": {"authorizationUrl": "https://id.example.com/a"},
            "clientCredentials": {"tokenUrl": "/token", "refreshUrl": "file:///etc", "scopes": {"r": ""}}}},
        "oidc": {"type": "openIdConnect", "openIdConnectUrl": ".well-known/openid-configuration"},
        "half": {"type": "apiKey"},
    });
    let document = json!({"openapi": "3.1.0", "paths": paths, "components": {"securitySchemes": schemes},
        "security": [{"flows": ["r", "w"]}, {"oidc": []}, {"half": []}]});
    let description = read_one(&document.to_string());
    let named = |id: &str| {
        let alternatives = &operation(&description, id).security;
        alternatives.iter().map(|a| a.requirements.iter().map(|r| r.name.as_str()).collect()).collect::<Vec<Vec<_>>>()
    };
    assert_eq!(named("none"), Vec::<Vec<&str>>::new());
    assert_eq!(named("optional"), [vec![], vec!["alone", "both"], vec!["undefined"]]);
    assert_eq!(named("default"), [["flows"], ["oidc"], ["half"]]);
    let optional = &operation(&description, "optional").security[1].requirements;
    assert_eq!(
        (optional[0].kind.as_str(), optional[0].scheme.as_str(), &optional[0].scopes[..]),
        ("http", "bearer", &["r".to_owned()][..])
    );
    assert_eq!(
        (optional[1].kind.as_str(), optional[1].place.as_str(), optional[1].param_name.as_str()),
        ("apiKey", "header", "X-Key")
    );
    let flows = &operation(&description, "default").security[0].requirements[0].oauth_flows;
    assert_eq!(flows[0].mode, "clientCredentials");
    assert_eq!((flows[0].token_url.as_str(), flows[0].refresh_url.as_str()), ("https://api.example.com/token", ""));
    assert_eq!(flows[1].mode, "implicit");
    let oidc = &operation(&description, "default").security[1].requirements[0];
    assert_eq!(oidc.open_id_connect_url, "https://api.example.com/docs/.well-known/openid-configuration");
    check_problem(&description, "", "`undefined` is not defined");
    check_problem(&description, "/components/securitySchemes/half", "`half` is incomplete");
    check_problem(&description, "", "`refreshUrl` is no usable");
}

/// The encodings of a body, as the catalog has them.
#[track_caller]
fn check_encoding(version: &str, media: &str, encoding: &str, expected: &Value) {
    let text = format!(
        "openapi: {version}\ninfo: {{title: t, version: '1'}}\npaths:\n  /a:\n    post:\n      operationId: o\n      requestBody:\n        \
         content:\n          {media}:\n            schema: {{type: object}}\n            encoding: {encoding}\n"
    );
    let description = read_one(&text);
    let found = &operation(&description, "o").body.as_ref().unwrap().contents[0].encoding;
    assert_eq!(serde_json::to_value(found).unwrap(), *expected, "{version} {media} {encoding}");
}

#[test]
fn encodings_are_kept_where_they_say_something() {
    let (form, multipart) = ("application/x-www-form-urlencoded", "multipart/form-data");
    let styled = json!({"a": {"style": "deepObject", "explode": false}});
    check_encoding("3.0.3", form, "{a: {style: deepObject}}", &styled);
    check_encoding("3.0.3", multipart, "{a: {style: deepObject}}", &json!({}));
    check_encoding("3.1.0", multipart, "{a: {style: deepObject}}", &styled);
    check_encoding(
        "3.1.0",
        form,
        "{a: {allowReserved: true}, b: {}, c: 5}",
        &json!({"a": {"style": "form", "explode": true, "allowReserved": true}}),
    );
    check_encoding("3.1.0", "application/json", "{a: {style: form}}", &json!({}));
    let headers = "{a: {contentType: 'image/png, image/jpeg', headers: {X-A: {schema: {const: 1}}, X-B: {schema: {enum: [b]}}, X-C: {schema: {default: c}}, X-D: {schema: {}}, 'X E: f': {schema: {const: x}}, X-\u{fc}: {schema: {const: x}}, Content-Type: {schema: {const: x}}}}}";
    check_encoding(
        "3.0.0",
        multipart,
        headers,
        &json!({"a": {"contentType": "image/png, image/jpeg", "headers": {"X-A": "1", "X-B": "b", "X-C": "c"}}}),
    );
    check_encoding("3.0.0", multipart, "{a: {contentType: \"a\\r\\nb\"}}", &json!({}));
}

#[test]
fn what_openapi_3_0_writes_otherwise_becomes_json_schema() {
    let of = |version: &str, schema: &str| {
        let text = format!(
            "openapi: {version}\ninfo: {{title: t, version: '1'}}\npaths:\n  /a:\n    get:\n      operationId: o\n      parameters:\n        \
             - {{name: p, in: query, schema: {schema}}}\n"
        );
        parameter_schema(operation(&read_one(&text), "o"), "p")
    };
    let old = "{type: string, nullable: true, enum: [a], items: {type: number, minimum: 1, exclusiveMinimum: true, maximum: 2, exclusiveMaximum: false}}";
    let modern = json!({"type": ["string", "null"], "enum": ["a", null], "items": {"type": "number", "exclusiveMinimum": 1, "maximum": 2}});
    assert_eq!(of("3.0.3", old), modern);
    assert_eq!(of("3.0.3", "{nullable: true}"), json!({"nullable": true}));
    assert_eq!(of("3.1.0", "{type: string, nullable: true}"), json!({"type": "string", "nullable": true}));
}

#[test]
fn equal_parameters_are_read_once_and_each_place_has_its_problems() {
    let plain = json!({"name": "a", "in": "query", "schema": {"type": "string"}});
    let odd = json!({"name": "b", "in": "query", "style": "matrix"});
    let path = json!({"get": {"parameters": [plain, odd]}});
    let document = json!({"openapi": "3.1.0", "paths": {"/one": path, "/two": path}});
    let description = read_one(&document.to_string());
    let of = |nth: usize| &description.operations[nth].parameters;
    assert!(std::sync::Arc::ptr_eq(&of(0)[0], &of(1)[0]), "equal texts that mean the same anywhere");
    assert_eq!(of(0)[1].name, "b");
    for place in ["/paths/~1one/get/parameters/1", "/paths/~1two/get/parameters/1"] {
        check_problem(&description, place, "does not fit a query parameter");
    }
    // What refers to something means what its own document says.
    let other = json!({"name": "a", "in": "query", "schema": {"$ref": "#/components/schemas/A"}});
    let document = json!({"openapi": "3.1.0", "components": {"schemas": {"A": {"type": "string"}}},
        "paths": {"/one": {"get": {"parameters": [other]}}, "/two": {"get": {"parameters": [other]}}}});
    let description = read_one(&document.to_string());
    let schema = |nth: usize| description.operations[nth].parameters[0].schema.as_ref().unwrap().as_json().to_owned();
    assert_eq!((schema(0), schema(1)), (r#"{"type":"string"}"#.to_owned(), r#"{"type":"string"}"#.to_owned()));
}
