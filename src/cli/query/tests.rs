//! The language's own compliance tests, what is ours beyond them, and what hostile expressions cost.

use serde_json::Value;

use super::*;

const SUITES: [&str; 15] = [
    include_str!("../../../testdata/jmespath/basic.json"),
    include_str!("../../../testdata/jmespath/boolean.json"),
    include_str!("../../../testdata/jmespath/current.json"),
    include_str!("../../../testdata/jmespath/escape.json"),
    include_str!("../../../testdata/jmespath/filters.json"),
    include_str!("../../../testdata/jmespath/functions.json"),
    include_str!("../../../testdata/jmespath/identifiers.json"),
    include_str!("../../../testdata/jmespath/indices.json"),
    include_str!("../../../testdata/jmespath/literal.json"),
    include_str!("../../../testdata/jmespath/multiselect.json"),
    include_str!("../../../testdata/jmespath/pipe.json"),
    include_str!("../../../testdata/jmespath/slice.json"),
    include_str!("../../../testdata/jmespath/syntax.json"),
    include_str!("../../../testdata/jmespath/unicode.json"),
    include_str!("../../../testdata/jmespath/wildcard.json"),
];

#[track_caller]
fn find(expression: &str, answer: &str) -> Result<String, QueryError> {
    let query = Query::read(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    query.find(&Node::parse(answer).unwrap())
}

#[track_caller]
fn check(expression: &str, answer: &str, expected: &str) {
    assert_eq!(find(expression, answer).as_deref(), Ok(expected), "{expression}");
}

#[track_caller]
fn refused(expression: &str, part: &str) {
    let error = Query::read(expression).expect_err(expression);
    let whole = format!("{error} ({})", error.hint.as_deref().unwrap_or_default());
    assert!(whole.contains(part), "{expression}: {whole}");
}

/// Numbers compared as numbers: `3.0` is 3.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}

/// What a case comes to: a problem, if it is not what it should be.
fn problem(given: &Node, case: &Value) -> Option<String> {
    let expression = case["expression"].as_str().unwrap();
    let found = Query::read(expression).map(|query| query.find(given));
    let expected = case.get("result").filter(|_| case.get("error").is_none());
    match (expected, found) {
        (None, Ok(Ok(text))) => Some(format!("{expression} is an error, and gave {text}")),
        (None, _) => None,
        (Some(expected), Ok(Ok(text))) => {
            let found: Value = serde_json::from_str(&text).unwrap();
            (!same(&found, expected)).then(|| format!("{expression} gave {text}, not {expected}"))
        }
        (Some(_), Ok(Err(error))) => Some(format!("{expression}: {error}")),
        (Some(_), Err(error)) => Some(format!("{expression}: {error}")),
    }
}

#[test]
fn every_compliance_test_of_the_language_holds() {
    let (mut count, mut problems) = (0, Vec::new());
    for suite in SUITES {
        for group in serde_json::from_str::<Vec<Value>>(suite).unwrap() {
            let given = Node::from_value(&group["given"]);
            for case in group["cases"].as_array().unwrap() {
                count += 1;
                problems.extend(problem(&given, case));
            }
        }
    }
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
    assert!(count > 800, "{count}");
}

#[test]
fn numbers_and_order_are_kept() {
    let answer = r#"{"z": 12345678901234567890123, "a": [1.50, 2e400], "m": {"y": 1, "x": 2}, "m2": {"x": 3}}"#;
    check("@", answer, r#"{"z":12345678901234567890123,"a":[1.50,2e400],"m":{"y":1,"x":2},"m2":{"x":3}}"#);
    check("{b: z, a: a[0]}", answer, r#"{"b":12345678901234567890123,"a":1.50}"#);
    check("keys(@)", answer, r#"["z","a","m","m2"]"#);
    check("m.*", answer, "[1,2]");
    check("merge(m, m2, `{\"w\": 1.0}`)", answer, r#"{"y":1,"x":3,"w":1.0}"#);
    check("abs(`-12345678901234567890123`)", "1", "12345678901234567890123");
    check("to_number('1.50')", "1", "1.50");
    check(
        "[sum(@), avg(@), max(@)]",
        "[9007199254740993, 2, 1]",
        "[9007199254740996,3002399751580332,9007199254740993]",
    );
    check("[sum(@), avg(@)]", "[1, 0.5]", "[1.5,0.75]");
    check("[ceil(`1.2`), floor(`-1.2`), ceil(`3`), avg(`[]`)]", "1", "[2,-2,3,null]");
    check("sort(@)", "[9007199254740993, 9007199254740992, 1e2]", "[1e2,9007199254740992,9007199254740993]");
    check("a == `1.0`", r#"{"a":1}"#, "true");
    check("`[1, {\"b\": \"\\`\", \"a\": 2.0}]`", "1", r#"[1,{"b":"`","a":2.0}]"#);
}

#[test]
fn of_members_with_one_name_the_last_counts() {
    check("[a, length(@), keys(@)]", r#"{"a":1,"b":2,"a":3}"#, r#"[3,2,["b","a"]]"#);
    check("@ == `{\"a\":3,\"b\":2}`", r#"{"a":1,"b":2,"a":3}"#, "true");
}

#[test]
fn what_is_nested_too_deeply_is_a_closed_box() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
    check("type(a)", &deep, "\"array\"");
    check("@", &deep, &deep);
}

#[test]
fn an_expression_that_cannot_be_is_refused_with_its_place() {
    for (expression, part) in [
        ("", "column 1: the expression ends too early"),
        ("a.", "column 3: the expression ends too early"),
        ("items[?]", "column 8: `]` cannot stand here"),
        ("é.ü", "column 1: `é` cannot stand here"),
        ("'é'.ü", "column 5: `ü` cannot stand here"),
        ("a | 'é' b", "column 9: `b` cannot stand here"),
        (".items[]", "JMESPath begins without a dot"),
        ("a = b", "column 3: `=` is no comparison; equality is =="),
        ("'abc", "column 1: what begins with ' has no end"),
        ("a[?b == `open`]", "column 9: between ` has to stand JSON; a string is written 'like this'"),
        ("a[::0]", "a slice cannot go by 0"),
        ("lenght(a)", "column 1: there is no function lenght (did you mean length?)"),
        ("[a, xyzzy(a)]", "column 5: there is no function xyzzy (known: abs, avg"),
        ("length()", "column 1: length takes 1 argument, and has 0"),
        ("length(a, b)", "length takes 1 argument, and has 2"),
        ("merge()", "merge takes at least 1 argument, and has 0"),
        ("sort_by(a, b)", "argument 2 of sort_by is an expression, as in &name"),
        ("length(&a)", "argument 1 of length cannot be an expression with &"),
        ("a\u{1b}", "column 2: `\\u{1b}` cannot stand here"),
        ("a[99999999999]", "column 3"),
    ] {
        refused(expression, part);
    }
    refused(&"a".repeat(5000), "more than 4096 bytes");
}

#[test]
fn what_does_not_fit_the_answer_is_said_with_its_place() {
    let shown = |expression: &str| find(expression, r#"{"a":null,"l":[1,"x"]}"#).unwrap_err().to_string();
    assert_eq!(
        shown("[l, length(a)]"),
        "column 5: length takes a string, an array or an object as argument 1, and gets null here"
    );
    assert_eq!(
        shown("sort(l)"),
        "column 1: sort takes an array of numbers or of strings as argument 1, and gets array here"
    );
    assert_eq!(
        shown("sort_by(l, &@)"),
        "column 1: sort_by needs all numbers or all strings of its expression, and gets string here"
    );
    assert_eq!(shown("sum(`[1e308, 1e308]`)"), "column 1: the number that sum gives is too large");
}

#[test]
fn hostile_expressions_end() {
    let within = |expression: &str, answer: &str, limits: Limits| {
        walk::find(&read::step(expression).unwrap(), &Node::parse(answer).unwrap(), limits)
    };
    let small = Limits { steps: 100_000, bytes: 1 << 20 };
    let doubled = |step: &str, times: usize| vec![step; times].join("|");
    for (expression, answer, expected) in [
        (doubled("[@,@]", 40), "1", QueryError::TooLong),
        (doubled("[@,@][]", 40), "[1]", QueryError::TooLarge),
        (doubled("join('',[@,@])", 30), "\"aaaaaaaa\"", QueryError::TooLarge),
        (doubled("to_string([@,@])", 30), "1", QueryError::TooLarge),
        (format!("{}|@==@", doubled("[@,@]", 30)), "1", QueryError::TooLong),
        (
            "[].{a: @, b: @, c: @}".to_owned(),
            &*format!("[{}]", vec!["\"0123456789\""; 50_000].join(",")),
            QueryError::TooLong,
        ),
    ] {
        assert_eq!(within(&expression, answer, small), Err(expected), "{expression}");
    }
    let list = format!("[{}]", vec!["1"; 10_000].join(","));
    assert!(
        within("[?@ > `0`].[@][] | sum(@)", &list, Limits { steps: 200_000, bytes: 4 << 20 }).is_ok(),
        "ordinary ones are well within"
    );
}

#[test]
fn nesting_is_bounded_before_anything_is_read() {
    for (open, inner, close) in [
        ("(", "a", ")"),
        ("[", "a", "]"),
        ("{a:", "a", "}"),
        ("!", "a", ""),
        ("a[?", "a", "]"),
        ("not_null(", "a", ")"),
        ("map(&", "a", ",b)"),
        ("a.", "a", ""),
        ("", "a", "[*]"),
        ("", "a", "[0]"),
        ("", "a", "[]"),
        ("", "a", "[?a]"),
        ("", "a", ".*"),
        ("", "a", "|a"),
        ("", "a", "||a"),
        ("", "a", "&&a"),
    ] {
        let nested = |times: usize| format!("{}{inner}{}", open.repeat(times), close.repeat(times));
        refused(&nested(300), "nests more than 128 deep");
        let most = (1..=130).rev().map(nested).find_map(|text| Query::read(&text).ok());
        let query = most.unwrap_or_else(|| panic!("{open}{inner}{close} is not read at all"));
        query.find(&Node::parse(r#"{"a":{"a":[[1]]}}"#).unwrap()).ok();
    }
    let flat: Vec<String> = (0..200).map(|nth| format!("a{nth}: a.b")).collect();
    assert!(Query::read(&format!("{{{}}}", flat.join(","))).is_ok(), "what stands side by side is not deep");
}
