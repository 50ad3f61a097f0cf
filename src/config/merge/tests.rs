//! The merge table of contract 2, rule by rule: what the project file says, what the local file says, what comes out.

use super::super::world::World;
use super::*;
use serde_json::{Value, json};

/// Merges user, project and local file and compares the value at a pointer.
#[track_caller]
fn check(files: &[Value], pointer: &str, expected: &Value) {
    let mut world = World::new();
    for (i, file) in files.iter().enumerate() {
        let text = file.to_string();
        world = match files.len() - i {
            1 => world.local(&text),
            2 => world.project(&text),
            _ => world.user(&text),
        };
    }
    let merged = world.merged();
    assert_eq!(merged.pointer(pointer).unwrap_or(&Value::Null), expected, "{pointer} of {merged}");
}

#[test]
fn last_non_empty_wins() {
    check(&[json!({"cli": "1.0.0"}), json!({"cli": "1.1.0"})], "/cli", &json!("1.1.0"));
    check(&[json!({"cli": "1.0.0"}), json!({"cli": ""})], "/cli", &json!("1.0.0"));
    check(
        &[json!({"mode": {"default": "discover"}}), json!({"mode": {"default": ""}})],
        "/mode/default",
        &json!("discover"),
    );
    let profiles = json!({"a": {}, "b": {}});
    check(
        &[json!({"agents": {"defaultProfile": "a", "profiles": profiles}}), json!({"agents": {"defaultProfile": "b"}})],
        "/agents/defaultProfile",
        &json!("b"),
    );
}

#[test]
fn entries_join_by_key_and_field() {
    let first =
        json!({"sources": {"a": {"type": "openapi", "uri": "a.json"}, "b": {"type": "openapi", "uri": "b.json"}}});
    let second = json!({"sources": {"a": {"enabled": false}, "c": {"type": "openapi", "uri": "c.json"}}});
    let files = [first, second];
    check(&files, "/sources/a", &json!({"type": "openapi", "uri": "a.json", "enabled": false}));
    check(&files, "/sources/b/uri", &json!("b.json"));
    check(&files, "/sources/c/uri", &json!("c.json"));
    let source = json!({"a": {"type": "openapi", "uri": "a.json"}});
    check(
        &[
            json!({"sources": source, "services": {"s": {"source": "a", "alias": "one"}}}),
            json!({"services": {"s": {"alias": "two", "timeoutSeconds": 5}}}),
        ],
        "/services/s",
        &json!({"source": "a", "alias": "two", "timeoutSeconds": 5}),
    );
    check(
        &[
            json!({"agents": {"profiles": {"p": {"mode": "discover"}}}, "curation": {"toolSets": {"t": {}}}}),
            json!({"agents": {"profiles": {"p": {"toolSet": "t"}}}}),
        ],
        "/agents/profiles/p",
        &json!({"mode": "discover", "toolSet": "t"}),
    );
}

#[test]
fn refresh_and_document_lists_are_replaced_whole() {
    check(
        &[
            json!({"sources": {"a": {"type": "openapi", "uri": "a", "refresh": {"maxAgeSeconds": 5, "manualOnly": true}}}}),
            json!({"sources": {"a": {"refresh": {"maxAgeSeconds": 9}}}}),
        ],
        "/sources/a/refresh",
        &json!({"maxAgeSeconds": 9}),
    );
    for field in ["overlays", "skills", "workflows"] {
        let first = json!({"sources": {"a": {"type": "openapi", "uri": "a"}}, "services": {"s": {"source": "a", field: ["x", "y"]}}});
        let pointer = format!("/services/s/{field}");
        check(&[first.clone(), json!({"services": {"s": {field: ["z"]}}})], &pointer, &json!(["z"]));
        check(&[first.clone(), json!({"services": {"s": {field: []}}})], &pointer, &json!([]));
        check(&[first, json!({"services": {"s": {}}})], &pointer, &json!(["x", "y"]));
    }
}

#[test]
fn a_changed_tag_drops_what_only_the_old_one_could_have() {
    let mcp = json!({"type": "mcp", "transport": {"type": "stdio", "command": "x"}, "disabledTools": ["y"], "enabled": false});
    check(
        &[json!({"sources": {"a": mcp}}), json!({"sources": {"a": {"type": "openapi", "uri": "z"}}})],
        "/sources/a",
        &json!({"type": "openapi", "enabled": false, "uri": "z"}),
    );
    check(
        &[
            json!({"sources": {"a": {"type": "openapi", "uri": "z"}}}),
            json!({"sources": {"a": {"type": "serviceRoot"}}}),
        ],
        "/sources/a",
        &json!({"type": "serviceRoot", "uri": "z"}),
    );
    check(
        &[
            json!({"mcpServers": {"a": {"command": "x", "env": {"K": "v"}}}}),
            json!({"mcpServers": {"a": {"url": "https://h/mcp"}}}),
        ],
        "/sources/a/transport",
        &json!({"type": "streamable-http", "url": "https://h/mcp"}),
    );
    check(
        &[
            json!({"runtime": {"remote": {"oauth": {"mode": "providedToken", "tokenRef": "env:A", "audience": "x"}}}}),
            json!({"runtime": {"remote": {"oauth": {"mode": "browserLogin"}}}}),
        ],
        "/runtime/remote/oauth",
        &json!({"mode": "browserLogin", "audience": "x"}),
    );
    check(
        &[
            json!({"runtime": {"server": {"auth": {"validationProfile": "oidc_jwks", "issuer": "https://i/", "jwksURL": "https://i/k", "audience": "x"}}}}),
            json!({"runtime": {"server": {"auth": {"mode": "oauth2Introspection", "introspectionURL": "https://i/i"}}}}),
        ],
        "/runtime/server/auth",
        &json!({"validationProfile": "oauth2_introspection", "issuer": "https://i/", "audience": "x", "introspectionURL": "https://i/i"}),
    );
}

#[test]
fn pattern_lists_are_appended_without_repetition() {
    for (section, field) in [("policy", "deny"), ("policy", "approvalRequired")] {
        check(
            &[
                json!({section: {field: ["a:*", "b:*"]}}),
                json!({section: {field: ["b:*", "c:*"]}}),
                json!({section: {field: ["a:*"]}}),
            ],
            &format!("/{section}/{field}"),
            &json!(["a:*", "b:*", "c:*"]),
        );
    }
    for field in ["allow", "deny"] {
        check(
            &[
                json!({"curation": {"toolSets": {"t": {field: ["a:*"]}}}}),
                json!({"curation": {"toolSets": {"t": {field: ["b:*", "a:*"]}}}}),
            ],
            &format!("/curation/toolSets/t/{field}"),
            &json!(["a:*", "b:*"]),
        );
    }
}

#[test]
fn secrets_are_replaced_whole() {
    check(
        &[
            json!({"secrets": {"s": {"type": "exec", "command": ["a"]}, "t": {"type": "env", "value": "T"}}}),
            json!({"secrets": {"s": {"type": "env", "value": "S"}}}),
        ],
        "/secrets",
        &json!({"s": {"type": "env", "value": "S"}, "t": {"type": "env", "value": "T"}}),
    );
    check(
        &[
            json!({"runtime": {"remote": {"oauth": {"mode": "oauthClient", "client": {"tokenURL": "https://i/t",
                "clientId": {"type": "env", "value": "A"}, "clientSecret": {"type": "literal", "value": "b"}}}}}}),
            json!({"runtime": {"remote": {"oauth": {"client": {"clientSecret": {"type": "file", "value": "c"}}}}}}),
        ],
        "/runtime/remote/oauth/client/clientSecret",
        &json!({"type": "file", "value": "c"}),
    );
}

#[test]
fn the_last_explicit_boolean_wins() {
    check(
        &[
            json!({"policy": {"allowExecSecrets": true}}),
            json!({"policy": {"allowExecSecrets": false}}),
            json!({"policy": {}}),
        ],
        "/policy/allowExecSecrets",
        &json!(false),
    );
}

#[test]
fn h16_another_origin_drops_earlier_oauth() {
    let oauth = json!({"mode": "providedToken", "tokenRef": "env:TOKEN"});
    let first = json!({"runtime": {"remote": {"url": "https://a.example.com/", "oauth": oauth}}});
    let moved = |url: &str| json!({"runtime": {"remote": {"url": url}}});
    let pointer = "/runtime/remote/oauth";
    check(&[first.clone(), moved("https://a.example.com:443/other")], pointer, &oauth);
    for elsewhere in ["https://b.example.com/", "http://a.example.com/", "https://a.example.com:8443/"] {
        check(&[first.clone(), moved(elsewhere)], pointer, &Value::Null);
    }
    // What the moving file says itself stays, and nothing of the earlier one mixes in.
    let own = json!({"runtime": {"remote": {"url": "https://b.example.com/", "oauth": {"mode": "browserLogin"}}}});
    check(&[first, own], pointer, &json!({"mode": "browserLogin"}));
}

#[test]
fn egress_is_intersected() {
    let allow = |hosts: &[&str]| json!({"policy": {"egress": {"allow": hosts}}});
    let pointer = "/policy/egress/allow";
    check(
        &[allow(&["a.example.com", "b.example.com"]), allow(&["b.example.com", "c"])],
        pointer,
        &json!(["b.example.com"]),
    );
    check(
        &[allow(&["*.example.com"]), allow(&["API.example.com:443", "other"])],
        pointer,
        &json!(["api.example.com:443"]),
    );
    check(&[allow(&["x.example.com:80"]), allow(&["*.example.com"])], pointer, &json!(["x.example.com:80"]));
    check(&[allow(&["h:80"]), allow(&["h:81"])], pointer, &json!([]));
    check(&[allow(&["h"]), json!({"policy": {}})], pointer, &json!(["h"]));
    check(&[allow(&[]), allow(&["h"])], pointer, &json!([]));
}

#[test]
fn every_rule_names_a_place_that_the_schema_knows() {
    let schema: Value = serde_json::from_str(crate::config::schema::json()).unwrap();
    for (place, _) in RULES {
        let mut node = &schema;
        for key in place.split('/') {
            if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
                node = schema.pointer(&reference[1..]).unwrap();
            }
            let next =
                if key == "*" { node.get("additionalProperties") } else { node.pointer(&format!("/properties/{key}")) };
            node = next.unwrap_or_else(|| panic!("{place}: no {key}"));
        }
    }
}
