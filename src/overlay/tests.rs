//! The compliant sets, tables of both versions, and overlays that mean harm.

use serde_json::json;

use super::*;

const SETS: &str = "../shared/specs/overlay-compliant-sets";

/// An overlay of this version with these actions.
fn overlay(version: &str, actions: &Value) -> Result<Overlay, OverlayError> {
    Overlay::parse(&json!({"overlay": version, "info": {"title": "T", "version": "1"}, "actions": actions}))
}

/// What the actions make of a document, or the error.
fn applied(version: &str, document: &Value, actions: &Value) -> (Result<Value, String>, Vec<String>) {
    let mut document = document.clone();
    match overlay(version, actions).and_then(|overlay| overlay.apply(&mut document)) {
        Ok(notes) => (Ok(document), notes.iter().map(Note::to_string).collect()),
        Err(error) => (Err(error.to_string()), Vec::new()),
    }
}

#[track_caller]
fn check(version: &str, document: &Value, actions: &Value, expected: &Value) {
    let (found, notes) = applied(version, document, actions);
    assert_eq!((found.as_ref(), notes), (Ok(expected), Vec::new()), "{actions}");
    assert_eq!(found.unwrap().to_string(), expected.to_string(), "the order is another");
}

/// The document is as expected, and there is one note that says so.
#[track_caller]
fn check_noted(version: &str, document: &Value, actions: &Value, expected: &Value, said: &str) {
    let (found, notes) = applied(version, document, actions);
    assert_eq!(found.as_ref(), Ok(expected), "{actions}");
    assert!(matches!(notes.as_slice(), [note] if note.contains(said)), "{notes:?}");
}

#[track_caller]
fn check_error(version: &str, document: &Value, actions: &Value, said: &str) {
    let error = applied(version, document, actions).0.expect_err(said);
    assert!(error.contains(said), "{error}");
}

#[expect(clippy::disallowed_methods, reason = "the sets are files")]
#[test]
fn h30_results_equal_the_compliant_sets() {
    let mut sets = 0;
    for entry in std::fs::read_dir(SETS).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let read = |name: &str| std::fs::read(entry.join(name)).unwrap();
        let mut document = document::parse(&read("openapi.yaml")).unwrap();
        let notes = Overlay::read(&read("overlay.yaml")).unwrap().apply(&mut document).unwrap();
        assert_eq!(document, document::parse(&read("output.yaml")).unwrap(), "{}", entry.display());
        assert_eq!(notes, [], "{}", entry.display());
        sets += 1;
    }
    assert_eq!(sets, 8);
}

#[test]
fn h30_objects_merge_deeply_and_arrays_in_them_are_joined() {
    let document = json!({"info": {"title": "a", "x": {"k": 1, "l": [1]}}, "tags": ["t"]});
    let update = json!({"info": {"title": "b", "x": {"l": [2, 3], "m": null}, "new": {}}, "tags": ["u"]});
    let expected =
        json!({"info": {"title": "b", "x": {"k": 1, "l": [1, 2, 3], "m": null}, "new": {}}, "tags": ["t", "u"]});
    for version in ["1.0.0", "1.1.0"] {
        check(version, &document, &json!([{"target": "$", "update": update}]), &expected);
    }
}

#[test]
fn h30_one_action_changes_every_node_that_wildcards_and_descendants_select() {
    let document = json!({"paths": {"/a": {"get": {}}, "/b": {"get": {"x": 1}, "put": {}}}});
    let actions =
        json!([{"target": "$.paths.*.get", "update": {"safe": true}}, {"target": "$..put", "update": {"safe": false}}]);
    let expected = json!({"paths": {"/a": {"get": {"safe": true}}, "/b": {"get": {"x": 1, "safe": true}, "put": {"safe": false}}}});
    check("1.0.0", &document, &actions, &expected);
    let twice = json!([{"target": "$.paths['/a', '/a'].tags", "update": "t"}]);
    check("1.1.0", &json!({"paths": {"/a": {"tags": []}}}), &twice, &json!({"paths": {"/a": {"tags": ["t"]}}}));
}

#[test]
fn h30_several_removed_items_of_one_array_all_go() {
    let document = json!({"l": [0, 1, 2, 3, 4, 5], "p": [{"n": "a"}, {"n": "b"}, {"n": "a"}], "keep": 1, "z": {"l": [{"n": "a"}]}});
    let remove = |target: &str| json!([{"target": target, "remove": true}]);
    let with = |l: Value, p: Value| json!({"l": l, "p": p, "keep": 1, "z": {"l": [{"n": "a"}]}});
    let (l, p) = (document["l"].clone(), document["p"].clone());
    check("1.0.0", &document, &remove("$.l[1, 3, 5]"), &with(json!([0, 2, 4]), p.clone()));
    check("1.0.0", &document, &remove("$.l[5, 0, -6, 1:3]"), &with(json!([3, 4]), p.clone()));
    check("1.0.0", &document, &remove("$.l[*]"), &with(json!([]), p));
    check("1.0.0", &document, &remove("$.p[?@.n == 'a']"), &with(l, json!([{"n": "b"}])));
    let all = json!({"l": [0, 1, 2, 3, 4, 5], "p": [{"n": "b"}], "keep": 1, "z": {"l": []}});
    check("1.1.0", &document, &remove("$..[?@.n == 'a']"), &all);
    check("1.1.0", &document, &remove("$..*"), &json!({}));
    check("1.1.0", &document, &json!([{"target": "$.keep", "remove": true, "update": 2, "copy": "$.l"}]), &{
        let mut without = document.clone();
        without.as_object_mut().unwrap().shift_remove("keep");
        without
    });
}

#[test]
fn what_an_action_leaves_is_what_the_next_one_finds() {
    let document = json!({"servers": [{"url": "a"}], "info": {}});
    let actions = json!([{"target": "$.servers", "remove": true}, {"target": "$", "update": {"servers": [{"url": "b"}]}},
        {"target": "$.servers", "update": {"url": "c"}}]);
    check("1.0.0", &document, &actions, &json!({"info": {}, "servers": [{"url": "b"}, {"url": "c"}]}));
}

#[test]
fn arrays_and_primitives_are_updated_as_each_version_says() {
    let document = json!({"tags": ["a"], "title": "t", "n": null});
    let update = |target: &str, value: Value| json!([{"target": target, "update": value}]);
    let with = |tags: Value, title: &str, n: Value| json!({"tags": tags, "title": title, "n": n});
    let null = Value::Null;
    check("1.1.0", &document, &update("$.tags", json!(["b", "c"])), &with(json!(["a", "b", "c"]), "t", null.clone()));
    check("1.1.0", &document, &update("$.tags", json!("b")), &with(json!(["a", "b"]), "t", null.clone()));
    check("1.1.0", &document, &update("$.tags", json!({"b": 1})), &with(json!(["a", {"b": 1}]), "t", null.clone()));
    check("1.1.0", &document, &update("$.title", json!("u")), &with(json!(["a"]), "u", null.clone()));
    check("1.1.0", &document, &update("$.title", null.clone()), &json!({"tags": ["a"], "title": null, "n": null}));
    check("1.1.0", &document, &update("$.n", json!({"x": 1})), &with(json!(["a"]), "t", json!({"x": 1})));
    check("1.1.7", &document, &update("$.tags[0]", json!(5)), &with(json!([5]), "t", null.clone()));
    check("1.0.0", &document, &update("$.tags", json!("b")), &with(json!(["a", "b"]), "t", null.clone()));
    let nested = with(json!(["a", ["b", "c"]]), "t", null.clone());
    check_noted("1.0.0", &document, &update("$.tags", json!(["b", "c"])), &nested, "appends an array as one item");
    check_noted(
        "1.0.0",
        &document,
        &update("$.title", json!("u")),
        &with(json!(["a"]), "u", null),
        "replaced as in 1.1",
    );
}

#[test]
fn what_does_not_fit_together_is_an_error_that_names_the_place() {
    let document = json!({"o": {"a/b": {"s": "x"}}, "l": [], "s": "x"});
    let update = |target: &str, value: Value| json!([{"target": target, "update": value}]);
    for version in ["1.0.0", "1.1.0"] {
        let object = "overlay `T`: `actions[0]` (target `$.o`) cannot merge a primitive value into an object";
        check_error(version, &document, &update("$.o", json!(1)), object);
        check_error(version, &document, &update("$.o", json!([])), "cannot merge an array into an object");
        check_error(
            version,
            &document,
            &update("$.o", json!({"a/b": {"s": {}}})),
            "a primitive value at `/a~1b/s` below it",
        );
        check_error(version, &document, &update("$", json!({"l": {}})), "cannot merge an object into an array at `/l`");
        check_error(version, &document, &update("$.s", json!({})), "cannot merge an object into a primitive value");
        check_error(version, &document, &json!([{"target": "$", "remove": true}]), "the document itself");
    }
    check_error("1.1.0", &document, &update("$[*]", json!({})), "several kinds (an object, an array)");
    check_noted(
        "1.0.0",
        &json!({"o": {}, "l": [], "n": null}),
        &update("$[*]", json!({"x": 1})),
        &json!({"o": {"x": 1}, "l": [{"x": 1}], "n": {"x": 1}}),
        "primitive",
    );
    let empty = json!([{"target": "$", "update": {"o": null, "l": null}}]);
    check("1.0.0", &document, &empty, &document);
}

#[test]
fn a_copy_is_merged_into_its_targets_as_an_update_would_be() {
    let document = json!({"paths": {"/a": {"get": {"x": 1}}, "/b": {"put": {}}}, "l": [1], "s": "x"});
    let with = |b: Value| json!({"paths": {"/a": {"get": {"x": 1}}, "/b": b}, "l": [1], "s": "x"});
    let copy = |target: &str, from: &str| json!([{"target": target, "copy": from}]);
    check("1.1.0", &document, &copy("$.paths['/b']", "$.paths['/a']"), &with(json!({"put": {}, "get": {"x": 1}})));
    check("1.1.0", &document, &copy("$.l", "$.l"), &json!({"paths": document["paths"], "l": [1, 1], "s": "x"}));
    check("1.1.0", &document, &copy("$.l", "$.s"), &json!({"paths": document["paths"], "l": [1, "x"], "s": "x"}));
    let moved = json!([{"target": "$.paths", "update": {"/c": {}}}, {"target": "$.paths['/c']", "copy": "$.paths['/b']"},
        {"target": "$.paths['/b']", "remove": true}]);
    check(
        "1.1.0",
        &document,
        &moved,
        &json!({"paths": {"/a": {"get": {"x": 1}}, "/c": {"put": {}}}, "l": [1], "s": "x"}),
    );
    check_noted("1.1.0", &document, &copy("$.l", "$.none"), &document, "copies from where nothing is");
    check_error("1.1.0", &document, &copy("$.l", "$.paths.*"), "copies from 2 nodes");
    check_error("1.1.0", &document, &copy("$.paths", "$.s"), "cannot merge a primitive value into an object");
}

#[test]
fn the_older_copy_puts_its_target_at_a_place() {
    let document = json!({"paths": {"/a": {"get": {"x": 1}}, "/b": {"put": {}}}});
    let copy = |target: &str, to: &str| json!([{"target": target, "copy": {"to": to}}]);
    for version in ["1.0.0", "1.1.0"] {
        check(
            version,
            &document,
            &copy("$.paths['/a']", "$.paths['/c']"),
            &json!({"paths": {"/a": {"get": {"x": 1}}, "/b": {"put": {}}, "/c": {"get": {"x": 1}}}}),
        );
        check(
            version,
            &document,
            &copy("$.paths['/a']", "$.paths['/b']"),
            &json!({"paths": {"/a": {"get": {"x": 1}}, "/b": {"put": {}, "get": {"x": 1}}}}),
        );
        check_noted(version, &document, &copy("$.none", "$.c"), &document, "matches nothing");
        check_error(version, &document, &copy("$.paths.*", "$.c"), "selects 2 nodes");
        check_error(version, &document, &copy("$.paths['/a']", "$.none.c"), "a place in nothing");
        check_error(version, &document, &copy("$.paths['/a']", "$.paths.*"), "one place");
    }
}

#[test]
fn an_action_that_matches_nothing_is_a_warning_that_names_it() {
    let (found, notes) =
        applied("1.0.0", &json!({}), &json!([{"target": "$.a", "update": {}}, {"target": "$.b", "remove": true}]));
    assert_eq!(found, Ok(json!({})));
    let said = |at: usize, target: &str| {
        format!("overlay `T`: `actions[{at}]` (target `{target}`) matches nothing; nothing is changed")
    };
    assert_eq!(notes, [said(0, "$.a"), said(1, "$.b")]);
    check_noted("1.0.0", &json!({}), &json!([{"target": "$", "remove": false}]), &json!({}), "does nothing");
    check_noted(
        "1.0.0",
        &json!({}),
        &json!([{"target": "$", "update": {}, "updat": 1, "x-ok": 1}]),
        &json!({}),
        "`updat`",
    );
}

#[track_caller]
fn check_malformed(document: &Value, expected: &[&str]) {
    let error = Overlay::parse(document).expect_err("it is malformed").to_string();
    for said in expected {
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn all_faults_of_an_overlay_are_reported_at_once() {
    check_malformed(&json!([]), &["is no overlay"]);
    check_malformed(&json!({"openapi": "3.1.0"}), &["no `overlay: 1.0.0`"]);
    check_malformed(&json!({"overlay": "2.0.0", "actions": []}), &["`overlay` is \"2.0.0\""]);
    check_malformed(&json!({"overlay": 1.0}), &["`overlay` is 1.0"]);
    check_malformed(&json!({"overlay": {}}), &["`overlay` is no text"]);
    check_malformed(&json!({"overlay": "1.0.0"}), &["`actions` is missing"]);
    check_malformed(&json!({"overlay": "1.0.0", "actions": []}), &["/actions: it is empty"]);
    check_malformed(&json!({"overlay": "1.0.0", "actions": vec![json!({}); MAX_ACTIONS + 1]}), &["more than 1000"]);
    let actions = json!([1, {}, {"target": 1}, {"target": "$.a["}, {"target": "$", "remove": "yes"},
        {"target": "$", "update": 1, "copy": "$"}, {"target": "$", "copy": {}}, {"target": "$", "copy": {"to": "$.*"}}]);
    check_malformed(
        &json!({"overlay": "1.0.0", "info": 1, "extends": 1, "actions": actions}),
        &[
            "/info: it is no object",
            "/extends: it is no text",
            "/actions/0: it is no object",
            "/actions/1: `target` is missing",
            "/actions/2/target: it is no text",
            "/actions/3/target: `$.a[` is no JSONPath",
            "/actions/4/remove: it is neither",
            "/actions/5: it has both",
            "/actions/6/copy/to: it is missing",
            "/actions/7/copy/to: it has to lead to one place",
        ],
    );
    let nothing_known = Overlay::parse(&json!({"overlay": "1.0.0", "actions": [{"target": "$"}], "odd": 1})).unwrap();
    assert_eq!(nothing_known.notes.len(), 4, "{:?}", nothing_known.notes);
    assert_eq!(nothing_known.title(), "untitled");
}

#[test]
fn extends_is_resolved_against_the_overlay() {
    let own = Url::parse("https://h/overlays/o.yaml").unwrap();
    let with = |extends: Value| {
        let mut document = json!({"overlay": "1.1.0", "actions": [{"target": "$"}]});
        document["extends"] = extends;
        Overlay::parse(&document).unwrap()
    };
    let document = |url: &str| Url::parse(url).unwrap();
    let relative = with(json!("../openapi.yaml"));
    assert_eq!(relative.extends(), Some("../openapi.yaml"));
    assert!(relative.is_for(&document("https://h/openapi.yaml"), &own));
    assert!(!relative.is_for(&document("https://h/other.yaml"), &own));
    assert!(with(json!("https://h/other.yaml")).is_for(&document("https://h/other.yaml#x"), &own));
    let silent = overlay("1.0.0", &json!([{"target": "$"}])).unwrap();
    assert!(silent.is_for(&document("https://h/other.yaml"), &own));
}

#[test]
fn h28_what_would_grow_without_end_is_refused() {
    let document = json!({"a": {"b": {}}, "l": vec![json!({}); 1_000]});
    let doubling: Vec<Value> = (0..200).map(|_| json!({"target": "$.l", "copy": "$.l"})).collect();
    check_error("1.1.0", &document, &json!(doubling), "grow by more than 32 MiB");
    let nesting: Vec<Value> = (0..200).map(|_| json!({"target": "$.a", "copy": "$"})).collect();
    check_error("1.1.0", &json!({"a": {}}), &json!(nesting), "actions[");
    let wide = json!([{"target": "$.l[*]", "update": {"text": "x".repeat(100_000)}}]);
    check_error("1.1.0", &document, &wide, "grow by more than 32 MiB");
    let older: Vec<Value> = (0..200).map(|_| json!({"target": "$", "copy": {"to": "$.a"}})).collect();
    check_error("1.1.0", &json!({"a": {}}), &json!(older), "actions[");
    let deep = (0..100).fold(json!({}), |below, _| json!({"a": below}));
    let path = format!("${}", ".a".repeat(100));
    check_error("1.1.0", &deep, &json!([{"target": path, "update": deep}]), "128 levels or deeper");
}

#[test]
fn h28_looking_for_targets_is_bounded_over_all_actions() {
    let document = (0..100).fold(json!(1), |below, _| json!({"a": below, "b": [1, 2, 3]}));
    let hostile: Vec<Value> = (0..3).map(|_| json!({"target": "$..*..*..*..*..z", "update": {}})).collect();
    check_error("1.1.0", &document, &json!(hostile), "too many steps");
}
