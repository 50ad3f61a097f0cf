//! Swagger 2.0: each of its own ways of saying something, and what becomes of it.

use serde_json::to_value;

use super::*;

/// An operation `o` of `PUT /x/{p}` in a 2.0 document, with these members of the document and of the operation.
#[track_caller]
fn with_members(root: &Value, members: &Value) -> Description {
    let mut operation = json!({"operationId": "o"});
    operation.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let mut document = json!({"swagger": "2.0", "host": "h.example.com", "info": {"title": "T"}, "paths": {"/x/{p}": {
        "parameters": [{"name": "p", "in": "path", "type": "string", "required": true}], "put": operation}}});
    document.as_object_mut().unwrap().extend(root.as_object().unwrap().clone());
    read_one(&document.to_string())
}

fn with_parameters(parameters: &Value) -> Description {
    with_members(&json!({}), &json!({"parameters": parameters}))
}

#[track_caller]
fn check_servers(address: &str, root: &Value, expected: &[&str], problem: &str) {
    let mut document = json!({"swagger": "2.0", "paths": {"/a": {"get": {"operationId": "o"}}}});
    document.as_object_mut().unwrap().extend(root.as_object().unwrap().clone());
    let (description, _) = read_with(&url(address), &document.to_string(), &BTreeMap::new());
    assert_eq!(operation(&description, "o").servers, expected, "{root} at {address}");
    assert_eq!(description.servers, expected);
    match problem {
        "" => assert!(description.problems.is_empty(), "{:?}", description.problems),
        words => check_problem(&description, "", words),
    }
}

#[test]
fn servers_come_from_schemes_host_and_base_path() {
    let (https, file) = ("https://docs.example.com:8443/v1/swagger.json", "file:///srv/swagger.json");
    let full = json!({"schemes": ["http", "wss", "https"], "host": "api.example.com:8080", "basePath": "/v1"});
    check_servers(https, &full, &["https://api.example.com:8080/v1", "http://api.example.com:8080/v1"], "");
    check_servers(https, &json!({"host": "api.example.com"}), &["https://api.example.com/"], "");
    check_servers(https, &json!({"host": "api.example.com", "basePath": "v1/"}), &["https://api.example.com/v1/"], "");
    check_servers("http://h/s.json", &json!({"host": "api.example.com"}), &["http://api.example.com/"], "");
    check_servers(https, &json!({"basePath": "/v1"}), &["https://docs.example.com:8443/v1"], "");
    check_servers(https, &json!({}), &["https://docs.example.com:8443/"], "");
    check_servers(https, &json!({"schemes": ["http"]}), &["http://docs.example.com:8443/"], "");
    check_servers(
        https,
        &json!({"host": "http://api.example.com/", "basePath": "/v1"}),
        &["http://api.example.com/v1"],
        "",
    );
    check_servers(https, &json!({"host": "h", "schemes": "https"}), &["https://h/"], "");
    check_servers(https, &json!({"host": "h", "schemes": ["ws"]}), &[], "neither http nor https");
    check_servers(https, &json!({"host": "u:p@h"}), &[], "put credentials into `secrets`");
    check_servers(file, &json!({"host": "h", "schemes": ["http"]}), &["http://h/"], "");
    check_servers(file, &json!({"host": "h"}), &["https://h/"], "https is used");
    check_servers(file, &json!({"basePath": "/v1"}), &[], "nothing to send requests to");
    check_servers(file, &json!({"schemes": ["https"]}), &[], "nothing to send requests to");
}

#[test]
fn schemes_of_an_operation_count_for_it() {
    let description = with_members(&json!({"schemes": ["http"], "basePath": "/b"}), &json!({"schemes": ["https"]}));
    assert_eq!(operation(&description, "o").servers, ["https://h.example.com/b"]);
    assert_eq!(description.servers, ["http://h.example.com/b"]);
}

/// A list parameter: what is made of its collection format.
#[track_caller]
fn check_format(place: &str, format: &str, expected: (Style, bool), problem: &str) {
    let mut list = json!({"name": "p", "in": place, "type": "array", "items": {"type": "integer"}});
    if !format.is_empty() {
        list["collectionFormat"] = format.into();
    }
    let description = with_parameters(&json!([list]));
    let found = operation(&description, "o").parameters.iter().find(|p| p.place.as_str() == place).unwrap().clone();
    assert_eq!((found.style, found.explode), expected, "{place} {format}");
    assert_eq!(
        parameter_schema(operation(&description, "o"), "p"),
        json!({"type": "array", "items": {"type": "integer"}})
    );
    match problem {
        "" => assert!(description.problems.is_empty(), "{:?}", description.problems),
        words => check_problem(&description, "/paths/~1x~1{p}/put/parameters/0", words),
    }
}

#[test]
fn collection_formats_become_styles() {
    check_format("path", "", (Style::Simple, false), "");
    check_format("path", "csv", (Style::Simple, false), "");
    check_format("path", "pipes", (Style::PipeDelimited, false), "");
    check_format("path", "multi", (Style::Simple, false), "`multi` does not fit a path parameter");
    let description = with_parameters(&json!([
        {"name": "none", "in": "query", "type": "array", "items": {"type": "string"}},
        {"name": "csv", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "csv"},
        {"name": "ssv", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "ssv"},
        {"name": "tsv", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "tsv"},
        {"name": "pipes", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "pipes"},
        {"name": "multi", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"},
        {"name": "odd", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "json"},
        {"name": "one", "in": "query", "type": "string", "collectionFormat": "ssv"},
        {"name": "X-List", "in": "header", "type": "array", "items": {"type": "string"}, "collectionFormat": "tsv"},
        {"name": "X-Multi", "in": "header", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"},
        {"name": "deep", "in": "query", "type": "array", "items": {"type": "array", "items": {}, "collectionFormat": "ssv"}},
    ]));
    let found: Vec<_> =
        operation(&description, "o").parameters.iter().map(|p| (p.name.as_str(), p.style, p.explode)).collect();
    assert_eq!(
        found[1..],
        [
            ("none", Style::Form, false),
            ("csv", Style::Form, false),
            ("ssv", Style::SpaceDelimited, false),
            ("tsv", Style::TabDelimited, false),
            ("pipes", Style::PipeDelimited, false),
            ("multi", Style::Form, true),
            ("odd", Style::Form, false),
            ("one", Style::Form, true),
            ("X-List", Style::TabDelimited, false),
            ("X-Multi", Style::Simple, false),
            ("deep", Style::Form, false),
        ]
    );
    check_problem(&description, "/parameters/6", "`json` does not fit a query parameter");
    check_problem(&description, "/parameters/9", "`multi` does not fit a header parameter");
    check_problem(&description, "/parameters/10", "lists within a list");
    assert_eq!(description.problems.len(), 3, "{:?}", description.problems);
}

#[test]
fn keywords_of_a_parameter_are_its_schema() {
    let description = with_parameters(&json!([
        {"name": "n", "in": "query", "description": "d", "required": true, "allowEmptyValue": true, "type": "integer", "format": "int32",
            "minimum": 1, "exclusiveMinimum": true, "default": "invalid", "enum": [1, 2], "x-nullable": true, "x-unknown": 1, "x-cli-name": "num"},
        {"name": "s", "in": "query", "schema": {"$ref": "#/definitions/S"}},
        {"name": "any", "in": "query"},
    ]));
    let o = operation(&description, "o");
    assert_eq!(
        parameter_schema(o, "n"),
        json!({"type": ["integer", "null"], "format": "int32", "exclusiveMinimum": 1, "default": "invalid", "enum": [1, 2, null]})
    );
    assert_eq!((o.parameters[1].cli_name.as_deref(), o.parameters[1].required), (Some("num"), true));
    assert_eq!(o.parameters[1].description, "d");
    assert_eq!(parameter_schema(o, "s"), json!({}));
    assert!(o.parameters[3].schema.is_none());
    check_problem(&description, "/parameters/1/schema", "`#/definitions/S` leads nowhere");
}

/// The body of `o` with these parameters: its media types, whether it is required, its first schema and encoding.
#[track_caller]
fn check_body(root: &Value, members: &Value, media: &[&str], required: bool, schema: &Value, encoding: &Value) {
    let description = with_members(root, members);
    let body = operation(&description, "o").body.as_ref().unwrap();
    let found: Vec<&str> = body.contents.iter().map(|content| content.media_type.as_str()).collect();
    assert_eq!((found.as_slice(), body.required), (media, required), "{members}");
    assert_eq!(body_schema(operation(&description, "o")), *schema, "{members}");
    assert_eq!(to_value(&body.contents[0].encoding).unwrap(), *encoding, "{members}");
}

#[test]
fn body_parameters_are_the_body() {
    let body = json!([{"name": "b", "in": "body", "required": true, "schema": {"type": "object"}}]);
    let object = json!({"type": "object"});
    let check = |root: Value, consumes: Value, media: &[&str]| {
        let mut members = json!({"parameters": body});
        if !consumes.is_null() {
            members["consumes"] = consumes;
        }
        check_body(&root, &members, media, true, &object, &json!({}));
    };
    let root = || json!({"consumes": ["application/xml", "application/json"]});
    check(json!({}), json!(null), &["application/json"]);
    check(root(), json!(null), &["application/xml", "application/json"]);
    check(root(), json!(["text/plain", " text/plain "]), &["text/plain"]);
    check(root(), json!([]), &["application/json"]);
    check(json!({"consumes": "text/csv"}), json!(null), &["text/csv"]);
    check(json!({}), json!(["application/x-www-form-urlencoded"]), &["application/x-www-form-urlencoded"]);
    let file = json!({"type": "string", "format": "binary"});
    let parameter = json!({"name": "b", "in": "body", "schema": {"type": "file", "format": "x"}});
    check_body(
        &json!({}),
        &json!({"parameters": [parameter]}),
        &["application/octet-stream"],
        false,
        &file,
        &json!({}),
    );
    let sloppy = json!({"name": "b", "in": "body", "type": "string", "required": true});
    check_body(
        &json!({}),
        &json!({"parameters": [sloppy]}),
        &["application/json"],
        true,
        &json!({"type": "string"}),
        &json!({}),
    );
}

#[test]
fn members_of_a_form_are_its_body() {
    let (form, multipart) = ("application/x-www-form-urlencoded", "multipart/form-data");
    let text = json!({"name": "a b", "in": "formData", "type": "string", "required": true, "description": "d"});
    let schema =
        json!({"type": "object", "properties": {"a b": {"type": "string", "description": "d"}}, "required": ["a b"]});
    for (consumes, media) in [
        (json!([]), vec![form]),
        (json!(["application/json"]), vec![form]),
        (json!([multipart]), vec![multipart]),
        (json!([form, "application/json", multipart]), vec![form, multipart]),
    ] {
        let members = json!({"parameters": [text], "consumes": consumes});
        check_body(&json!({}), &members, &media, true, &schema, &json!({}));
    }
    let file = json!({"name": "f", "in": "formData", "type": "file"});
    let schema = json!({"type": "object", "properties": {"f": {"type": "string", "format": "binary"}}});
    for consumes in [json!([]), json!([form]), json!([form, multipart])] {
        let members = json!({"parameters": [file], "consumes": consumes});
        check_body(&json!({}), &members, &[multipart], false, &schema, &json!({}));
    }
}

#[test]
fn lists_in_forms_are_written_by_their_format() {
    let list = |name: &str, format: &str| json!({"name": name, "in": "formData", "type": "array", "items": {"type": "string"}, "collectionFormat": format});
    let mut parameters = json!([list("c", "csv"), list("p", "pipes"), list("t", "tsv"), list("m", "multi")]);
    parameters[0].as_object_mut().unwrap().remove("collectionFormat");
    let strings = json!({"type": "array", "items": {"type": "string"}});
    let schema = json!({"type": "object", "properties": {"c": strings, "p": strings, "t": strings, "m": strings}});
    let encoding = json!({"c": {"style": "form", "explode": false}, "p": {"style": "pipeDelimited", "explode": false},
        "t": {"style": "tabDelimited", "explode": false}});
    for media in ["application/x-www-form-urlencoded", "multipart/form-data"] {
        let members = json!({"parameters": parameters, "consumes": [media]});
        check_body(&json!({}), &members, &[media], false, &schema, &encoding);
    }
    let files = json!([{"name": "f", "in": "formData", "type": "array", "items": {"type": "file"}}]);
    let schema = json!({"type": "object", "properties": {"f": {"type": "array", "items": {"type": "string", "format": "binary"}}}});
    check_body(&json!({}), &json!({"parameters": files}), &["multipart/form-data"], false, &schema, &json!({}));
}

#[test]
fn parameters_of_the_body_by_reference_and_of_the_path() {
    let text = json!({"swagger": "2.0", "host": "h", "parameters": {
        "Body": {"name": "b", "in": "body", "schema": {"$ref": "#/definitions/Pet"}},
        "Name": {"name": "name", "in": "formData", "type": "string"},
        "Limit": {"name": "limit", "in": "query", "type": "integer"}},
        "definitions": {"Pet": {"type": "object", "discriminator": "kind", "properties": {
            "discriminator": {"type": "string", "x-nullable": true}, "next": {"$ref": "#/definitions/Pet"}}}},
        "paths": {
            "/a": {"parameters": [{"$ref": "#/parameters/Body"}, {"$ref": "#/parameters/Limit"}],
                "put": {"operationId": "inherited"},
                "post": {"operationId": "own", "parameters": [{"name": "other", "in": "body", "schema": {"type": "array"}}]}},
            "/b": {"parameters": [{"$ref": "#/parameters/Name"}],
                "put": {"operationId": "form", "parameters": [{"name": "more", "in": "formData", "type": "file"}]},
                "post": {"operationId": "both", "parameters": [{"$ref": "#/parameters/Body"}]}}}});
    let description = read_one(&text.to_string());
    let inherited = operation(&description, "inherited");
    assert_eq!(inherited.parameters.len(), 1);
    let schema = body_schema(inherited);
    assert_eq!(schema["discriminator"], json!({"propertyName": "kind"}));
    assert_eq!(schema["properties"]["discriminator"], json!({"type": ["string", "null"]}));
    assert_eq!(schema["properties"]["next"], json!({"$ref": "#/$defs/Pet"}));
    assert_eq!(body_schema(operation(&description, "own")), json!({"type": "array"}));
    let form = body_schema(operation(&description, "form"));
    let names: Vec<&String> = form["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["name", "more"]);
    assert_eq!(body_schema(operation(&description, "both"))["type"], "object");
    check_problem(&description, "/parameters/Name", "the body counts");
}

#[test]
fn descriptions_of_2_0_in_several_files() {
    let text = json!({"swagger": "2.0", "host": "h", "paths": {
        "/a": {"$ref": "paths.json#/a"},
        "/b": {"post": {"operationId": "b", "parameters": [
            {"$ref": "other.json#/parameters/Body"}, {"$ref": "fragments.yaml#/Token"}]}}}});
    let others = BTreeMap::from(
        [
            ("paths.json", json!({"a": {"put": {"operationId": "a", "parameters": [{"$ref": "fragments.yaml#/Upload"}]}}}).to_string()),
            ("fragments.yaml", "Upload: {name: f, in: formData, type: file}\nToken: {name: t, in: query, type: array, items: {type: string}}".to_owned()),
            ("other.json", json!({"swagger": "2.0", "parameters": {"Body": {"name": "b", "in": "body", "schema": {"$ref": "#/definitions/X"}}},
                "definitions": {"X": {"type": "string", "x-nullable": true}}}).to_string()),
        ]
        .map(|(name, text)| (url(&format!("https://api.example.com/docs/{name}")), text)),
    );
    let (description, _) = read_with(&url("https://api.example.com/docs/swagger.json"), &text.to_string(), &others);
    assert!(description.problems.is_empty(), "{:?}", description.problems);
    let a = operation(&description, "a").body.as_ref().unwrap();
    assert_eq!(a.contents[0].media_type, "multipart/form-data");
    let b = operation(&description, "b");
    assert_eq!(body_schema(b), json!({"type": ["string", "null"]}));
    assert_eq!((b.parameters[0].style, b.parameters[0].explode), (Style::Form, false));
}

#[test]
fn each_document_is_read_by_its_own_version() {
    let schema = json!({"type": "string", "x-nullable": true, "nullable": true});
    let text = json!({"openapi": "3.1.0", "paths": {
        "/a": {"$ref": "old.json#/paths/~1a"}, "/x": posting(&json!({"$ref": "old.json#/definitions/S"}))["/x"]}});
    let old = json!({"swagger": "2.0", "definitions": {"S": schema}, "paths": {"/a": {"post": {"operationId": "a",
        "parameters": [{"name": "n", "in": "formData", "type": "string"}]}}}});
    let others = BTreeMap::from([(url("https://api.example.com/old.json"), old.to_string())]);
    let (description, _) = read_with(&url("https://api.example.com/o.json"), &text.to_string(), &others);
    assert_eq!(body_schema(operation(&description, "a"))["properties"], json!({"n": {"type": "string"}}));
    assert_eq!(body_schema(operation(&description, "x")), json!({"type": ["string", "null"]}));
    let back = json!({"swagger": "2.0", "host": "h", "paths": {"/a": {"put": {"operationId": "b",
        "parameters": [{"name": "b", "in": "body", "schema": {"$ref": "new.json#/components/schemas/S"}}]}}}});
    let new = json!({"openapi": "3.1.0", "components": {"schemas": {"S": schema}}});
    let others = BTreeMap::from([(url("https://api.example.com/new.json"), new.to_string())]);
    let (description, _) = read_with(&url("https://api.example.com/o.json"), &back.to_string(), &others);
    assert_eq!(body_schema(operation(&description, "b")), schema);
}

#[test]
fn security_definitions_become_schemes() {
    let root = json!({"securityDefinitions": {
        "basic": {"type": "basic"},
        "key": {"type": "apiKey", "in": "query", "name": "api_key"},
        "implicit": {"type": "oauth2", "flow": "implicit", "authorizationUrl": "/authorize", "scopes": {"r": ""}},
        "password": {"type": "oauth2", "flow": "password", "tokenUrl": "https://id.example.com/t"},
        "application": {"type": "oauth2", "flow": "application", "tokenUrl": "https://id.example.com/t"},
        "code": {"type": "oauth2", "flow": "accessCode", "authorizationUrl": "https://id.example.com/a", "tokenUrl": "https://id.example.com/t"},
        "odd": {"type": "oauth2", "flow": "magic"}},
        "security": [{"basic": [], "key": []}]});
    let flows =
        json!({"security": [{"implicit": ["r"]}, {"password": []}, {"application": []}, {"code": []}, {"odd": []}]});
    let description = with_members(&root, &flows);
    let found: Vec<_> = operation(&description, "o").security.iter().map(|one| &one.requirements[0]).collect();
    let modes: Vec<_> = found.iter().flat_map(|one| &one.oauth_flows).map(|flow| flow.mode.as_str()).collect();
    assert_eq!(modes, ["implicit", "password", "clientCredentials", "authorizationCode"]);
    assert_eq!(found[0].oauth_flows[0].authorization_url, "https://api.example.com/authorize");
    assert_eq!(
        (&found[0].scopes[..], found[3].oauth_flows[0].token_url.as_str()),
        (&["r".to_owned()][..], "https://id.example.com/t")
    );
    check_problem(&description, "/securityDefinitions/odd", "is incomplete");
    let description = with_members(&root, &json!({}));
    let both = &operation(&description, "o").security[0].requirements;
    assert_eq!((both[0].kind.as_str(), both[0].scheme.as_str()), ("http", "basic"));
    assert_eq!(
        (both[1].kind.as_str(), both[1].place.as_str(), both[1].param_name.as_str()),
        ("apiKey", "query", "api_key")
    );
    let open = with_members(&root, &json!({"security": []}));
    assert!(operation(&open, "o").security.is_empty());
}

#[test]
fn slips_and_extensions_of_2_0() {
    let description = with_members(
        &json!({"x-any": {"$ref": "nowhere.json"}}),
        &json!({"x-cli-name": "put-it", "x-other": 1, "tags": "t", "produces": ["a/b"], "parameters": [
            {"name": "a", "in": "formData", "type": "string"}, {"name": "a", "in": "formData", "type": "integer"}, null,
            {"name": "", "in": "formData", "type": "integer"}, {"name": "c", "in": "cookies"}, {"in": "query", "type": "string"}]}),
    );
    let o = operation(&description, "o");
    assert_eq!((o.extensions.len(), &o.extensions["x-cli-name"]), (1, &json!("put-it")));
    assert_eq!(body_schema(o)["properties"], json!({"a": {"type": "string"}}));
    check_problem(&description, "/parameters/1", "`a` is listed twice");
    check_problem(&description, "/parameters/4", "does not know");
    check_problem(&description, "/parameters/5", "no `name`");
}
