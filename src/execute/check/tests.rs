//! What is enforced of a schema, what is let pass, and what it costs at most.

use super::*;
use serde_json::json;

impl Compiled {
    fn problems(&self, value: &Value) -> Vec<Problem> {
        walk::problems(self, value, false)
    }

    fn problems_of_texts(&self, value: &Value) -> Vec<Problem> {
        walk::problems(self, value, true)
    }
}

/// `expected`: places and words, one line each.
#[expect(clippy::needless_pass_by_value, reason = "the rows below read better without references")]
#[track_caller]
fn check(schema: Value, value: Value, expected: &[&str]) {
    let (said, shown) = (format!("{value} of {schema}"), Compiled::new(schema));
    let found: Vec<String> = shown.problems(&value).iter().map(Problem::to_string).collect();
    assert_eq!(found, expected, "{said}");
}

#[test]
fn values_are_held_to_every_keyword() {
    for (schema, good, bad, expected) in [
        (json!({"type": "integer"}), json!(2.0), json!(2.5), " must be an integer"),
        (json!({"type": ["string", "null"]}), json!(null), json!(1), " must be a string or null"),
        (json!({"enum": ["a", 1]}), json!(1.0), json!("b"), " must be one of a, 1"),
        (json!({"const": {"a": 1}}), json!({"a": 1}), json!({}), " must be {\"a\":1}"),
        (json!({"minimum": 1}), json!("x"), json!(0), " must be at least 1"),
        (json!({"exclusiveMinimum": 1}), json!(1.1), json!(1), " must be more than 1"),
        (json!({"maximum": 1.5}), json!(1.5), json!(1.6), " must be at most 1.5"),
        (json!({"exclusiveMaximum": 1}), json!(0), json!(1), " must be less than 1"),
        (json!({"multipleOf": 0.01}), json!(19.99), json!(19.995), " must be a multiple of 0.01"),
        (json!({"minLength": 2}), json!("\u{e4}\u{f6}"), json!("x"), " must have at least 2 characters"),
        (json!({"maxLength": 1}), json!("\u{1f600}"), json!("xy"), " must have at most 1 character"),
        (json!({"pattern": "^[a-z]+$"}), json!("abc"), json!("ab1"), " must match ^[a-z]+$"),
        (json!({"minItems": 1}), json!([1]), json!([]), " must have at least 1 item"),
        (json!({"maxItems": 1}), json!([1]), json!([1, 2]), " must have at most 1 item"),
        (
            json!({"uniqueItems": true}),
            json!([1, "1"]),
            json!([{"a": 1, "b": 2}, {"b": 2, "a": 1.0}]),
            " must have no item twice",
        ),
        (json!({"items": {"type": "string"}}), json!(["a"]), json!(["a", 1]), "/1 must be a string"),
        (
            json!({"prefixItems": [{"type": "string"}], "items": false}),
            json!(["a"]),
            json!(["a", 1]),
            "/1 is not taken",
        ),
        (
            json!({"contains": {"const": 1}}),
            json!([2, 1]),
            json!([2]),
            " must contain certain items, or not so many of them",
        ),
        (json!({"required": ["a"]}), json!({"a": null}), json!({}), "/a is missing"),
        (
            json!({"properties": {"a/b": {"type": "string"}}}),
            json!({"c": 1}),
            json!({"a/b": 1}),
            "/a~1b must be a string",
        ),
        (
            json!({"additionalProperties": false, "properties": {"name": {}}}),
            json!({"name": 1}),
            json!({"nmae": 1}),
            "/nmae is no member that is taken; did you mean `name`?",
        ),
        (
            json!({"additionalProperties": {"type": "integer"}}),
            json!({"a": 1}),
            json!({"a": "x"}),
            "/a must be an integer",
        ),
        (
            json!({"patternProperties": {"^x-": true}, "additionalProperties": false}),
            json!({"x-a": 1}),
            json!({"qqq": 1}),
            "/qqq is no member that is taken",
        ),
        (json!({"minProperties": 1}), json!({"a": 1}), json!({}), " must have at least 1 member"),
        (
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"a": 1}),
            json!({"ab": 1}),
            "/ab has a name that is not taken",
        ),
        (json!({"dependentRequired": {"a": ["b"]}}), json!({"b": 1}), json!({"a": 1}), "/b is missing beside `a`"),
        (json!({"dependentSchemas": {"a": {"required": ["c"]}}}), json!({}), json!({"a": 1}), "/c is missing"),
        (json!({"not": {"type": "string"}}), json!(1), json!("x"), " must not be what it is"),
        (
            json!({"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 5}}),
            json!("ab"),
            json!(1),
            " must be at least 5",
        ),
        (
            json!({"allOf": [{"type": "string"}, {"minLength": 2}]}),
            json!("ab"),
            json!("a"),
            " must have at least 2 characters",
        ),
        (json!(false), json!(1), json!(1), " is not taken"),
        (json!({"exclusiveMinimum": true, "minimum": 1}), json!(2), json!(1), " must be more than 1"),
        (json!({"type": "string", "enum": ["a"], "nullable": true}), json!(null), json!("b"), " must be a"),
    ] {
        if schema != json!(false) {
            check(schema.clone(), good, &[]);
        }
        check(schema, bad, &[expected]);
    }
}

#[test]
fn the_alternative_that_was_meant_is_told() {
    let by_kind = |kind: &str, member: &str| json!({"type": "object", "required": ["kind", member], "properties": {"kind": {"const": kind}, member: {"type": "string"}}});
    let either = json!({"anyOf": [{"type": "null"}, {"type": "object", "properties": {"n": {"type": "integer"}}}]});
    check(either.clone(), json!({"n": "x"}), &["/n must be an integer"]);
    check(either, json!("x"), &[" must be an object"]);
    check(
        json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        json!(true),
        &[" must be a string or an integer"],
    );
    let kinds = json!({"oneOf": [by_kind("a", "x"), by_kind("b", "y")]});
    check(kinds.clone(), json!({"kind": "a", "x": "1"}), &[]);
    check(kinds, json!({"kind": "c"}), &[" must fit one of its 2 alternatives"]);
    let same = json!({"oneOf": [{"required": ["kind"]}, {"required": ["kind"], "type": "object"}]});
    check(json!({"properties": {"a": same}}), json!({"a": {}}), &["/a/kind is missing"]);
    let both = json!({"oneOf": [{"type": "string"}, {"maxLength": 5}]});
    check(both, json!("x"), &[" must fit only one of its alternatives, and fits several"]);
    // Formats are not enforced, so nobody can say that both fit.
    let formats = json!({"oneOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "uri"}]});
    check(formats, json!("2020-01-01"), &[]);
}

#[test]
fn what_the_server_fills_in_is_not_demanded_and_passes() {
    let schema = json!({
        "type": "object", "required": ["id", "name"],
        "properties": {"id": {"type": "integer", "readOnly": true}, "name": {"type": "string"}, "at": {"$ref": "#/$defs/at"}},
        "$defs": {"at": {"type": "string", "readOnly": true}}
    });
    check(schema.clone(), json!({"name": "x"}), &[]);
    check(schema.clone(), json!({"name": "x", "id": "no number", "at": 5}), &[]);
    check(schema, json!({}), &["/name is missing"]);
    let parts = json!({"allOf": [{"$ref": "#/$defs/base"}, {"required": ["id"]}],
        "$defs": {"base": {"properties": {"id": {"readOnly": true}}}}});
    check(parts, json!({}), &[]);
}

#[test]
fn what_cannot_be_enforced_does_not_stand_in_the_way() {
    for schema in [
        json!({"pattern": "("}),
        json!({"pattern": "^(?=x)"}),
        json!({"pattern": "\\p{Lu}"}),
        json!({"pattern": "x".repeat(5_000)}),
        json!({"pattern": "((a{1,999}){1,999}){1,999}"}),
        json!({"type": "file"}),
        json!({"type": ["string", "what"]}),
        json!({"required": true, "properties": [], "enum": [], "minimum": "5", "items": 7, "anyOf": {}, "$ref": 5}),
        json!({"$ref": "https://elsewhere.example/schema"}),
        json!({"$ref": "#/$defs/none"}),
        json!({"format": "date-time", "unevaluatedProperties": false, "madeUp": 1}),
        json!({"patternProperties": {"(?!x)": true}, "additionalProperties": false}),
        json!({"if": {"pattern": "(?!x)"}, "then": false}),
        json!({"if": {"format": "date"}, "then": false, "else": false}),
    ] {
        check(schema.clone(), json!("x"), &[]);
        check(schema, json!({"a": 1}), &[]);
    }
    check(json!({"contains": {"pattern": "(?!x)"}, "maxContains": 0}), json!(["x"]), &[]);
}

#[test]
fn h28_hostile_schemas_end() {
    let own = json!({"$ref": "#/$defs/a"});
    for a in [
        json!({"$ref": "#/$defs/a"}),
        json!({"anyOf": vec![own.clone(); 50], "type": "integer"}),
        json!({"allOf": vec![own.clone(); 50]}),
        json!({"anyOf": [{"properties": {"a": own}, "required": ["a"]}, {"properties": {"a": own}, "required": ["b"]}]}),
        json!({"not": own, "properties": {"a": own}}),
    ] {
        let deep = (0..100).fold(json!({}), |value, _| json!({"a": value}));
        let schema = Compiled::new(json!({"$ref": "#/$defs/a", "$defs": {"a": a}}));
        drop(schema.problems(&deep));
        drop(schema.problems(&json!("x")));
    }
    let slow = Compiled::new(json!({"items": {"pattern": "^(a+)+$"}}));
    assert_eq!(slow.problems(&json!(["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"])).len(), 1);
    // More steps than there are: nothing is found, and the rest is not looked at.
    let mut many = vec!["a".repeat(2_000); 500];
    many.push("!".to_owned());
    assert_eq!(slow.problems(&json!(many)), []);
}

/// What a keyword costs is counted by how much it looks at, so that many of them together end soon, too.
#[test]
fn h28_every_keyword_costs_what_it_looks_at() {
    let repeated = |part: Value| json!({"allOf": vec![json!({"$ref": "#/$defs/a"}); 20_000], "$defs": {"a": part}});
    let names: Vec<String> = (0..2_000).map(|at| format!("a_name_of_some_length_{at}")).collect();
    let properties = |count| names[..count].iter().map(|name| (name.clone(), json!({}))).collect::<Value>();
    let members: Value = (0..30_000).map(|at| (format!("another_name_{at}"), json!(1))).collect();
    let (numbers, long) = (json!((0..50_000).collect::<Vec<_>>()), "x".repeat(200_000));
    let cases = [
        (json!({"properties": properties(1_000), "additionalProperties": false}), members.clone()),
        (repeated(json!({"properties": properties(2_000)})), members),
        (repeated(json!({"required": names})), json!({})),
        (repeated(json!({"uniqueItems": true})), json!([long, "x"])),
        (repeated(json!({"enum": [numbers]})), numbers.clone()),
        (repeated(json!({"items": {}})), numbers.clone()),
    ];
    for (at, (schema, value)) in cases.into_iter().enumerate() {
        // It ends because it is over its steps, or because enough was found.
        let found = walk::found_in_time(&Compiled::new(schema), &value, false);
        assert!(found.is_none_or(|found| found.len() == MAX_PROBLEMS), "{at}");
    }
    let digits = json!(format!("0.{}", "1".repeat(200_000)));
    assert_eq!(walk::found_in_time(&Compiled::new(repeated(json!({"type": "number"}))), &digits, true), None);
    let choice = Compiled::new(json!({"enum": vec!["v"; 20_000]}));
    assert_eq!(choice.problems_of_texts(&numbers).len(), 1);
}

#[test]
fn h28_schemas_with_many_read_only_members_are_read() {
    let members: Value = (0..5_000).map(|at| (format!("r{at}"), json!({"readOnly": true}))).collect();
    let inside = json!({"properties": members, "allOf": vec![json!({"required": ["x"]}); 20_000]});
    let referred = json!({"allOf": vec![json!({"$ref": "#/$defs/a", "required": ["x"]}); 20_000], "$defs": {"a": {"properties": members}}});
    for schema in [inside, referred] {
        assert_eq!(Compiled::new(schema).problems(&json!({})).len(), 1);
    }
}

#[test]
fn h28_parts_that_share_their_members_do_not_multiply() {
    let members: serde_json::Map<String, Value> =
        (0..10_000).map(|at| (format!("m{at}"), json!({"readOnly": true}))).collect();
    let part = json!({"$ref": "#/$defs/big", "required": ["m1", "x"]});
    let shared = json!({"anyOf": vec![part; 10_000], "$defs": {"big": {"properties": members}}});
    check(shared, json!({}), &["/x is missing"]);
    let inside = json!({"properties": members, "allOf": vec![json!({"required": ["m1", "x"]}); 10_000]});
    check(inside, json!({}), &["/x is missing"]);
}

#[test]
fn problems_are_few_and_never_hold_the_value() {
    let schema = json!({"items": {"type": "integer"}});
    let compiled = Compiled::new(schema);
    let found = compiled.problems(&json!(vec!["s3cret"; 50]));
    assert_eq!(found.len(), MAX_PROBLEMS);
    assert!(!format!("{found:?}").contains("s3cret"));
    let long = Compiled::new(json!({"enum": vec!["x".repeat(500); 100]})).problems(&json!("s3cret"));
    assert!(long[0].what.len() < 2_000 && !long[0].what.contains("s3cret"));
}

#[test]
fn numbers_may_stand_as_texts_in_forms() {
    let schema =
        Compiled::new(json!({"properties": {"n": {"type": "integer", "maximum": 10}, "t": {"type": "string"}}}));
    assert_eq!(schema.problems_of_texts(&json!({"n": "7", "t": "8"})), []);
    let place = |value| schema.problems_of_texts(&value)[0].to_string();
    assert_eq!(place(json!({"n": "123456789012345678901234567890"})), "/n must be at most 10");
    assert_eq!(place(json!({"n": "x"})), "/n must be an integer");
    assert_eq!(schema.problems(&json!({"n": "7"})).len(), 1);
}

#[test]
fn schemas_are_compiled_once_and_forgotten_in_time() {
    let checks = Checks::new();
    let schema = Schema::new(&json!({"type": "string"}));
    let first = checks.compiled(&schema);
    let again = schema.clone();
    assert!(Arc::ptr_eq(&first, &checks.compiled(&again)) && schema == again);
    for _ in 0..MAX_SCHEMAS + 5 {
        checks.compiled(&Schema::new(&json!({"type": "string"})));
    }
    assert!(checks.lock().by_address.len() <= MAX_SCHEMAS);
}
