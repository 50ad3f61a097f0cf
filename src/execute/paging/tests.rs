//! What publishers answer, and what is asked then.

use serde_json::json;

use super::*;

/// A tool with query parameters: `name`, or `name:schema`.
fn tool(parameters: &[&str]) -> Tool {
    let parameter = |text: &&str| -> Parameter {
        let (name, schema) = text.split_once(':').unwrap_or((text, r#"{"type":"string"}"#));
        let schema: Value = serde_json::from_str(schema).unwrap();
        let name = name.to_owned();
        serde_json::from_value(json!({"name": name, "originalName": name, "location": "query", "schema": schema}))
            .unwrap()
    };
    Tool { flags: parameters.iter().map(parameter).collect(), ..Tool::default() }
}

fn hinted(parameters: &[&str], hints: Value) -> Tool {
    Tool { pagination: Some(serde_json::from_value(hints).unwrap()), ..tool(parameters) }
}

const FIRST: Before = Before { pages: 1, first_items: 2, last_items: 2, counting: false };

const INTEGER: &str = r#"{"type":"integer"}"#;

fn at(address: &str) -> Lead {
    Lead::Address(address.to_owned())
}

fn by(name: &str, value: &str) -> Lead {
    Lead::Flag { name: name.to_owned(), value: value.to_owned(), counted: false }
}

fn counted(name: &str, value: &str) -> Lead {
    Lead::Flag { name: name.to_owned(), value: value.to_owned(), counted: true }
}

#[track_caller]
fn check(tool: &Tool, body: &str, expected: &Lead) {
    let page = Page { link: None, body: Some(body) };
    assert_eq!(next(tool, &Map::new(), page, FIRST, true), *expected, "{body}");
    let address = match expected {
        Lead::Address(address) => Some(address.clone()),
        _ => None,
    };
    assert_eq!(super::address(tool, page), address, "{body}");
}

#[test]
fn a_link_field_comes_first() {
    let page = Page { link: Some(r#"</b>; rel="next""#), body: Some(r#"{"items":[1],"next_cursor":"c"}"#) };
    let tool = tool(&["cursor"]);
    assert_eq!(next(&tool, &Map::new(), page, FIRST, true), at("/b"));
    assert_eq!(address(&tool, page).as_deref(), Some("/b"));
    assert_eq!(next(&tool, &Map::new(), page, FIRST, false), by("cursor", "c"), "no address can be followed");
    let page = Page { body: None, ..page };
    assert_eq!(next(&tool, &Map::new(), page, FIRST, false), at("/b"));
}

#[test]
fn a_page_whose_address_cannot_be_followed_may_have_a_number() {
    let page = Page { link: Some(r#"<https://other/?page=2>; rel="next""#), body: Some("[1,2]") };
    let ask = |tool: &Tool, before| next(tool, &Map::new(), page, before, false);
    let numbered = tool(&[&format!("page:{INTEGER}"), r#"per_page:{"type":"integer","default":30}"#]);
    assert_eq!(ask(&numbered, FIRST), at("https://other/?page=2"), "a short page would be the end, which it is not");
    let numbered = tool(&[&format!("page:{INTEGER}")]);
    assert_eq!(ask(&numbered, FIRST), counted("page", "2"));
    assert_eq!(next(&numbered, &Map::new(), page, FIRST, true), at("https://other/?page=2"));
}

#[test]
fn urls_in_the_body_are_addresses() {
    let tool = tool(&["cursor", "page"]);
    for body in [
        r#"{"value":[1],"@odata.nextLink":"https://h/b"}"#,
        r#"{"items":[1],"next":"https://h/b"}"#,
        r#"{"items":[1],"next_page_url":"https://h/b"}"#,
        r#"{"items":[1],"next_cursor":"https://h/b"}"#,
        r#"{"data":[1],"links":{"next":"https://h/b","prev":null}}"#,
        r#"{"data":[1],"links":{"next":{"href":"https://h/b"}}}"#,
        r#"{"_embedded":{"x":[1]},"_links":{"self":{"href":"/a"},"next":{"href":"https://h/b"}}}"#,
        r#"{"data":[1],"links":[{"rel":"self","href":"/a"},{"rel":"next","href":"https://h/b"}]}"#,
        r#"{"data":[1],"paging":{"next":"https://h/b","cursors":{"after":"x"}}}"#,
        r#"{"data":[1],"meta":{"pagination":{"next_url":"https://h/b"}}}"#,
    ] {
        check(&tool, body, &at("https://h/b"));
    }
    check(&tool, r#"{"items":[1],"next":"/v1/b?x=1"}"#, &at("/v1/b?x=1"));
    check(&tool, r#"{"items":[1],"next":"?x=1"}"#, &at("?x=1"));
    check(&tool, r#"{"items":[1],"next_cursor":"/9j4AAQ="}"#, &by("cursor", "/9j4AAQ="));
}

#[test]
fn cursors_need_their_parameter() {
    for (body, parameter) in [
        (r#"{"items":[1],"next_cursor":"c"}"#, "cursor"),
        (r#"{"items":[1],"nextCursor":"c"}"#, "after"),
        (r#"{"items":[1],"nextPageToken":"c"}"#, "page_token"),
        (r#"{"items":[1],"nextPageToken":"c"}"#, "pageToken"),
        (r#"{"items":[1],"NextToken":"c"}"#, "NextToken"),
        (r#"{"items":[1],"next_marker":"c"}"#, "marker"),
        (r#"{"items":[1],"continuationToken":"c"}"#, "continuation-token"),
        (r#"{"ok":true,"channels":[1],"response_metadata":{"next_cursor":"c"}}"#, "cursor"),
        (r#"{"results":[1],"paging":{"next":{"after":"c","link":""}}}"#, "after"),
        (r#"{"data":[1],"paging":{"cursors":{"before":"b","after":"c"}}}"#, "after"),
        (r#"{"nodes":[1],"pageInfo":{"endCursor":"c","hasNextPage":true}}"#, "after"),
        (r#"{"data":{"children":[1],"after":"c"}}"#, "after"),
        (r#"{"data":[1],"links":{"next":"c"}}"#, "page[after]"),
    ] {
        let expected = if parameter == "page[after]" { Lead::End } else { by(parameter, "c") };
        check(&tool(&["filter", parameter]), body, &expected);
        check(&tool(&["filter"]), body, &Lead::End);
    }
    check(&tool(&["page"]), r#"{"items":[1],"next_page":3}"#, &by("page", "3"));
    check(&tool(&["offset"]), r#"{"items":[1],"next_offset":100}"#, &by("offset", "100"));
}

#[test]
fn an_empty_member_is_the_end() {
    let tool = tool(&["cursor", &format!("page:{INTEGER}")]);
    for body in [
        r#"{"items":[1,2],"next_cursor":null}"#,
        r#"{"items":[1,2],"next_cursor":""}"#,
        r#"{"items":[1,2],"next":null}"#,
        r#"{"items":[1,2],"links":{"next":null}}"#,
        r#"{"items":[1,2],"next_cursor":"c","has_more":false}"#,
        r#"{"items":[1,2],"next":"https://h/b","has_more":false}"#,
        r#"{"items":[1,2],"pageInfo":{"endCursor":"c","hasNextPage":false}}"#,
    ] {
        check(&tool, body, &Lead::End);
    }
}

#[test]
fn the_last_item_leads_on_where_the_tool_says_so() {
    let body = r#"{"object":"list","data":[{"id":"a"},{"id":"b"}],"has_more":true}"#;
    check(&tool(&["starting_after"]), body, &by("starting_after", "b"));
    check(&tool(&["limit"]), body, &Lead::End);
}

#[track_caller]
fn check_count(tool: &Tool, flags: &Value, before: Before, expected: &Lead) {
    let flags = flags.as_object().unwrap().clone();
    assert_eq!(next(tool, &flags, Page { link: None, body: Some("[1,2]") }, before, true), *expected, "{flags:?}");
}

#[test]
fn pages_are_counted_until_one_is_empty_or_short() {
    let integer = |name: &str| format!("{name}:{INTEGER}");
    let page = tool(&[&integer("page"), &integer("per_page")]);
    check_count(&page, &json!({}), FIRST, &counted("page", "2"));
    check_count(&page, &json!({"page": 4}), FIRST, &counted("page", "5"));
    check_count(&page, &json!({"page": "4"}), FIRST, &counted("page", "5"));
    let second = |items| Before { pages: 2, first_items: 2, last_items: items, counting: true };
    check_count(&page, &json!({"page": "2"}), second(2), &counted("page", "3"));
    check_count(&page, &json!({"page": "2"}), second(1), &Lead::End);
    check_count(&page, &json!({"page": "2"}), second(0), &Lead::End);
    check_count(&page, &json!({}), Before { last_items: 0, first_items: 0, ..FIRST }, &Lead::End);
    // The upstream may have given fewer than were asked for.
    check_count(&page, &json!({"per_page": 1000}), FIRST, &counted("page", "2"));
    let bounded = tool(&[&integer("page"), r#"per_page:{"type":"integer","default":30,"maximum":100}"#]);
    check_count(&bounded, &json!({}), FIRST, &Lead::End);
    check_count(&bounded, &json!({"per_page": 2}), FIRST, &counted("page", "2"));
    check_count(&bounded, &json!({"per_page": 50}), FIRST, &Lead::End);
    check_count(&bounded, &json!({"per_page": 1000}), FIRST, &counted("page", "2"));
    check_count(&tool(&[r#"page:{"type":"integer","minimum":0}"#]), &json!({}), FIRST, &counted("page", "1"));
    check_count(&tool(&["page"]), &json!({}), FIRST, &Lead::End);
    check_count(&tool(&["q"]), &json!({}), FIRST, &Lead::End);
    let linked = Before { pages: 2, counting: false, ..FIRST };
    check_count(&page, &json!({}), linked, &Lead::End);
}

#[test]
fn offsets_grow_by_what_came() {
    let integer = |name: &str| format!("{name}:{INTEGER}");
    check_count(&tool(&[&integer("offset")]), &json!({}), FIRST, &counted("offset", "2"));
    check_count(&tool(&[&integer("$skip")]), &json!({"$skip": 10}), FIRST, &counted("$skip", "12"));
    check_count(&tool(&[&integer("startIndex")]), &json!({}), FIRST, &counted("startIndex", "3"));
    check_count(&tool(&[&integer("startAt")]), &json!({"startAt": u64::MAX}), FIRST, &Lead::End);
}

#[test]
fn hints_say_it_where_names_are_unusual() {
    let tool = hinted(&["from", "q"], json!({"cursorParam": "from", "nextPath": "page.onwards"}));
    check(&tool, r#"{"list":[1],"page":{"onwards":"c"}}"#, &by("from", "c"));
    check(&tool, r#"{"list":[1],"page":{"onwards":"https://h/b"}}"#, &at("https://h/b"));
    check(&tool, r#"{"list":[1],"page":{}}"#, &Lead::End);
    check(&tool, r#"{"list":[1],"page":{"onwards":null},"next":"https://h/b"}"#, &Lead::End);
    let tool = hinted(&["from"], json!({"cursorParam": "from"}));
    check(&tool, r#"{"list":[1],"nextCursor":"c"}"#, &by("from", "c"));
    let tool = hinted(&[], json!({"nextPath": "@odata.nextLink"}));
    check(&tool, r#"{"list":[1],"@odata.nextLink":"/b"}"#, &at("/b"));
    let tool = hinted(&[], json!({"nextPath": "/a~1b/0c"}));
    check(&tool, r#"{"list":[1],"a/b":{"0c":"/b"}}"#, &at("/b"));
    let tool = hinted(&["cursor"], json!({"style": "none"}));
    check(&tool, r#"{"list":[1],"next_cursor":"c"}"#, &Lead::End);
    let tool = hinted(&["seite"], json!({"style": "page", "pageParam": "seite"}));
    check(&tool, r#"{"list":[1]}"#, &counted("seite", "2"));
    let tool = hinted(&["ab"], json!({"style": "offset", "pageParam": "ab"}));
    check(&tool, r#"{"list":[1]}"#, &counted("ab", "3"));
}

#[track_caller]
fn check_items(tool: &Tool, body: &str, expected: Option<(&[&str], &str)>) {
    let found = items(tool, body);
    let found = found.as_ref().map(|(path, raw)| (path.iter().map(String::as_str).collect::<Vec<_>>(), raw.get()));
    assert_eq!(found, expected.map(|(path, raw)| (path.to_vec(), raw)), "{body}");
}

#[test]
fn items_are_found_where_lists_keep_them() {
    let tool = tool(&[]);
    check_items(&tool, " [1, 2] ", Some((&[], "[1, 2]")));
    check_items(&tool, r#"{"total":2,"members":[1]}"#, Some((&["members"], "[1]")));
    check_items(&tool, r#"{"data":[1],"included":[2]}"#, Some((&["data"], "[1]")));
    check_items(&tool, r#"{"value":[1],"@odata.context":"x","notes":[2]}"#, Some((&["value"], "[1]")));
    check_items(&tool, r#"{"_embedded":{"orders":[1]},"_links":{}}"#, Some((&["_embedded", "orders"], "[1]")));
    check_items(&tool, r#"{"data":{"items":[1],"tags":[2]}}"#, Some((&["data", "items"], "[1]")));
    check_items(&tool, r#"{"a":[1],"b":[2]}"#, None);
    check_items(&tool, r#"{"a":1}"#, None);
    check_items(&tool, "3", None);
    check_items(&tool, "no", None);
    let tool = hinted(&[], json!({"itemsPath": "b"}));
    check_items(&tool, r#"{"data":[1],"b":[2]}"#, Some((&["b"], "[2]")));
    check_items(&tool, r#"{"data":[1]}"#, None);
    check_items(&hinted(&[], json!({"itemsPath": "$.x.y"})), r#"{"x":{"y":[2]}}"#, Some((&["x", "y"], "[2]")));
    check_items(&hinted(&[], json!({"itemsPath": "/x/y"})), r#"{"x":{"y":[2]}}"#, Some((&["x", "y"], "[2]")));
}

#[test]
fn h28_deep_answers_cost_nothing() {
    let deep = format!("{{\"links\":{}1{}}}", "{\"links\":".repeat(50_000), "}".repeat(50_000));
    assert_eq!(address(&tool(&["cursor"]), Page { link: None, body: Some(&deep) }), None);
}
