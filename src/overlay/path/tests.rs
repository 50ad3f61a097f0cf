//! Tables of what expressions select, and of those that are refused.

use serde_json::{Value, json};

use super::*;

/// Steps of the tables below; one of them takes a few hundred.
const ENOUGH: usize = 20_000;

fn book() -> Value {
    json!({
        "store": {
            "book": [
                {"category": "reference", "author": "Nigel Rees", "title": "Sayings of the Century", "price": 8.95},
                {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword of Honour", "price": 12.99},
                {"category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553-21311-3", "price": 8.99},
                {"category": "fiction", "author": "J. R. R. Tolkien", "title": "The Lord of the Rings", "isbn": "0-395-19395-8",
                 "price": 22.99},
            ],
            "bicycle": {"color": "red", "price": 399},
        },
        "o": {"a b": 1, "it's": 2, "é": 3, "1": 4},
        "list": [0, 1, 2, 3, 4, 5],
        "mixed": ["a", 1, null, true, {"k": 1}, [1, 2], 1.0, "ab\nc"],
        "patterns": {"one": "[b-d]"},
    })
}

fn written(place: &Place) -> String {
    let step = |step: &Step| match step {
        Step::Member(name) => format!("/{name}"),
        Step::Item(at) => format!("/{at}"),
    };
    place.iter().map(step).collect()
}

fn found(document: &Value, expression: &str) -> Vec<String> {
    let path = Path::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    path.find(document, &mut Budget::new(ENOUGH)).unwrap().iter().map(written).collect()
}

#[track_caller]
fn check(expression: &str, expected: &[&str]) {
    assert_eq!(found(&book(), expression), expected, "{expression}");
}

#[test]
fn names_indices_slices_and_wildcards_select_as_the_rfc_says() {
    check("$", &[""]);
    check("$.store.bicycle.color", &["/store/bicycle/color"]);
    check("$['store']['book'][0]['title']", &["/store/book/0/title"]);
    check("$.o['a b']", &["/o/a b"]);
    check(r#"$.o["it's"]"#, &["/o/it's"]);
    check(r"$.o['it\'s']", &["/o/it's"]);
    check(r"$.o['\u00e9']", &["/o/é"]);
    check("$.o.é", &["/o/é"]);
    check("$.o[1]", &[]);
    check("$.o['1']", &["/o/1"]);
    check("$.list[-1]", &["/list/5"]);
    check("$.list[6]", &[]);
    check("$.list[-7]", &[]);
    check("$.list[1:3]", &["/list/1", "/list/2"]);
    check("$.list[4:]", &["/list/4", "/list/5"]);
    check("$.list[1:5:2]", &["/list/1", "/list/3"]);
    check("$.list[5:1:-2]", &["/list/5", "/list/3"]);
    check("$.list[::-1]", &["/list/5", "/list/4", "/list/3", "/list/2", "/list/1", "/list/0"]);
    check("$.list[-2:]", &["/list/4", "/list/5"]);
    check("$.list[::0]", &[]);
    check("$.list[:-9007199254740991:-9007199254740991]", &["/list/5"]);
    check("$.list[9007199254740991:]", &[]);
    check("$.list[0, -6, 'x', 0:2]", &["/list/0", "/list/1"]);
    check("$.store.bicycle.*", &["/store/bicycle/color", "/store/bicycle/price"]);
    check("$.missing.x", &[]);
}

#[test]
fn descendants_are_found_at_every_depth_each_once() {
    check("$..color", &["/store/bicycle/color"]);
    let prices = ["/store/book/0/price", "/store/book/1/price", "/store/book/2/price", "/store/book/3/price"];
    check("$.store.book..price", &prices);
    check("$.store..['price', 'color'][?@]", &[]);
    check("$..book[2]", &["/store/book/2"]);
    check(
        "$.mixed..*",
        &[
            "/mixed/0",
            "/mixed/1",
            "/mixed/2",
            "/mixed/3",
            "/mixed/4",
            "/mixed/5",
            "/mixed/6",
            "/mixed/7",
            "/mixed/4/k",
            "/mixed/5/0",
            "/mixed/5/1",
        ],
    );
    check("$.store..['color', 'color']", &["/store/bicycle/color"]);
    check("$..mixed..k", &["/mixed/4/k"]);
}

#[test]
fn filters_test_compare_and_call_functions() {
    check("$..book[?@.isbn]", &["/store/book/2", "/store/book/3"]);
    check("$..book[?(@.price < 9)]", &["/store/book/0", "/store/book/2"]);
    check("$..book[?@.price<10 && @.category=='fiction']", &["/store/book/2"]);
    check("$..book[?@.price>20||!@.isbn && !(@.price > 9)]", &["/store/book/0", "/store/book/3"]);
    check("$.mixed[?@ == 1]", &["/mixed/1", "/mixed/6"]);
    check("$.mixed[?@ == null]", &["/mixed/2"]);
    check(
        "$.mixed[?@.missing == $.missing]",
        &["/mixed/0", "/mixed/1", "/mixed/2", "/mixed/3", "/mixed/4", "/mixed/5", "/mixed/6", "/mixed/7"],
    );
    check("$.mixed[?@ <= null]", &["/mixed/2"]);
    check("$.mixed[?@ < 2]", &["/mixed/1", "/mixed/6"]);
    check("$.mixed[?@ >= 'a']", &["/mixed/0", "/mixed/7"]);
    check("$.mixed[?@ == $.mixed[5]]", &["/mixed/5"]);
    check("$.mixed[?length(@) == 1]", &["/mixed/0", "/mixed/4"]);
    check("$.mixed[?count(@.*) == 2]", &["/mixed/5"]);
    check("$.mixed[?count(@.*) == 0]", &["/mixed/0", "/mixed/1", "/mixed/2", "/mixed/3", "/mixed/6", "/mixed/7"]);
    check("$.mixed[?value(@..k) == 1]", &["/mixed/4"]);
    check(
        "$..book[?match(@.author, '[A-Z].* [A-Z][a-z]+')]",
        &["/store/book/0", "/store/book/1", "/store/book/2", "/store/book/3"],
    );
    check("$..book[?search(@.title, 'of')]", &["/store/book/0", "/store/book/1", "/store/book/3"]);
    check("$.mixed[?match(@, 'ab.c')]", &[]);
    check("$.mixed[?match(@, 'ab\\nc')]", &["/mixed/7"]);
    check("$.mixed[?search(@, $.patterns.one)]", &["/mixed/7"]);
    check("$.mixed[?match(@, 1)]", &[]);
    check("$.store[?@[?@.isbn]]", &["/store/book"]);
    check("$.store[?@[?(@.isbn == '0-395-19395-8')]]", &["/store/book"]);
    check("$[?@.bicycle]", &["/store"]);
}

#[track_caller]
fn check_refused(expression: &str, expected: &str) {
    let error = Path::parse(expression).expect_err(expression);
    assert!(error.contains(expected), "{expression}: {error}");
}

#[test]
fn what_is_no_expression_of_the_rfc_is_refused_with_the_reason() {
    check_refused("", "column 1");
    check_refused("paths", "column 1");
    check_refused("$.paths[", "column");
    check_refused("$ ", "column");
    check_refused(" $", "column");
    check_refused("$.", "column");
    check_refused("$.a b", "a name with blanks");
    check_refused("$.a\tb", "a name with blanks");
    check_refused("$[01]", "column");
    check_refused("$[9007199254740992]", "column");
    check_refused("$[?@.*==1]", "column");
    check_refused("$[?true]", "column");
    check_refused("$[?length(@.a)]", "compare them");
    check_refused("$[?length(@.*) < 3]", "several nodes");
    check_refused("$[?count(1) < 3]", "expected a node");
    check_refused("$[?match(@.a, 'x') == true]", "not comparable");
    check_refused("$[?in(@.a, @.b)]", "no function of RFC 9535");
    check_refused("$[?foo(@.a)]", "column");
    check_refused("$[?match(@.a, '[')]", "pattern");
    check_refused(r"$[?match(@.a, '(a{1000}){1000}')]", "pattern");
    check_refused(&format!("$.{}", "a".repeat(MAX_BYTES)), "more than 1000 bytes");
    check_refused(&format!("$[?{}@.a", "(".repeat(200)), "more than 10 brackets");
}

#[test]
fn the_one_place_of_an_expression_is_known_without_a_document() {
    let single = |text: &str| Path::parse(text).unwrap().single().as_ref().map(written);
    assert_eq!(single("$").as_deref(), Some(""));
    assert_eq!(single("$.paths['/a'].servers[0]").as_deref(), Some("/paths//a/servers/0"));
    for several in ["$.a.*", "$..a", "$.a[-1]", "$.a['b', 'c']", "$.a[?@.b]", "$.a[0:1]"] {
        assert_eq!(single(several), None, "{several}");
    }
}

/// Objects within each other, each with a few members.
fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |below, _| json!({"a": below, "b": 1, "c": [1, 2]}))
}

#[test]
fn h28_hostile_expressions_end_when_their_steps_are_spent() {
    let document = nested(120);
    for hostile in [
        "$..*..*..*..*..*..*..*..*",
        "$..[*, *, *, *][*, *, *, *]..*..*",
        "$..[?count($..*) > 0 && count($..[?count($..*) > 0]) > 0]",
        "$..[?@..[?@..[?@..[?@..[?@..z]]]]]",
        "$..[?$..[?$..[?$..[?$..[?$..z]]]]]",
        "$..[?$ == $ && $ == $ && $ == $ && $ == $ && $ == $ && $ == $ && $ == $ && $ == $ && $ == $]",
    ] {
        let path = Path::parse(hostile).unwrap();
        let refused = path.find(&document, &mut Budget::new(100_000)).unwrap_err();
        assert_eq!(refused, Refused::Steps, "{hostile}");
    }
    let wide = json!({"t": "a".repeat(100_000), "l": vec![1; 100]});
    let slow = Path::parse("$.l[?search($.t, '(a|aa){1,50}b')]").unwrap();
    assert_eq!(slow.find(&wide, &mut Budget::new(1_000_000)), Err(Refused::Steps));
}

#[test]
fn h28_more_nodes_than_are_kept_are_an_error() {
    let wide = json!(vec![0; MAX_NODES + 1]);
    let all = Path::parse("$[*]").unwrap();
    assert_eq!(all.find(&wide, &mut Budget::new(usize::MAX)), Err(Refused::Nodes));
    let twice = Path::parse(&format!("$[{}]", ["*"; 9].join(","))).unwrap();
    assert_eq!(twice.find(&json!(vec![0; MAX_NODES]), &mut Budget::new(usize::MAX)), Err(Refused::Nodes));
}
