//! A small catalog, and what questions find in it.

use serde_json::{Value, json};

use super::*;

fn tool(id: &str, group: &str, command: &str, summary: &str, more: &Value) -> Value {
    let mut tool = json!({
        "id": id, "serviceId": "github", "method": "GET", "path": "/x", "group": group, "command": command, "summary": summary,
    });
    tool.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tool
}

fn searchable() -> Searchable {
    let none = json!({});
    let tools = [
        tool("github:issues/get", "issues", "get", "Get an issue", &none),
        tool("github:issues/list", "issues", "list", "List issues assigned to the user", &none),
        tool("github:issues/list-for-repo", "issues", "list-for-repo", "List repository issues", &none),
        tool("github:issues/list-labels", "issues", "list-labels-for-repo", "List labels for a repository", &none),
        tool("github:repos/delete", "repos", "delete", "Delete a repository", &json!({"hidden": true})),
        tool(
            "github:search/code",
            "search",
            "code",
            "Search code",
            &json!({"description": "Looks for issues too, in passing."}),
        ),
        tool("github:secret", "vault", "reveal", "Out of the view", &none),
        tool(
            "github:users/list",
            "users",
            "list",
            "List users",
            &json!({"flags": [{"name": "per-page", "description": "How many results a page has"}],
                "pathParams": [{"name": "enterprise"}], "aliases": ["everybody"]}),
        ),
    ];
    let shown: Vec<Value> =
        tools.iter().filter(|tool| tool["id"] != "github:secret").map(|tool| json!({"id": tool["id"]})).collect();
    let answer = json!({
        "catalog": {"services": [{"id": "github"}], "tools": tools},
        "view": {"name": "discover", "mode": "discover", "tools": shown},
    });
    Searchable::from_bytes(&encode(answer.to_string().as_bytes(), Some("\"e\"")).unwrap()).unwrap()
}

fn found(text: &str) -> (Vec<String>, Answer) {
    let searchable = searchable();
    let rows: Vec<_> = searchable.index.all_rows().collect();
    let answer = searchable.find(text, |row| !rows[row].hidden());
    (answer.hits.iter().map(|(row, _)| rows[*row].id.to_owned()).collect(), answer)
}

#[track_caller]
fn check(text: &str, first: &[&str]) {
    let (ids, answer) = found(text);
    assert!(ids.iter().map(String::as_str).take(first.len()).eq(first.iter().copied()), "{text}: {ids:?} {answer:?}");
}

#[test]
fn what_a_tool_is_called_comes_before_what_its_description_mentions() {
    check("list issues", &["github:issues/list", "github:issues/list-for-repo"]);
    check("issues", &["github:issues/get"]);
    let (ids, _) = found("issues");
    assert_eq!(ids.last().map(String::as_str), Some("github:search/code"));
}

#[test]
fn a_tool_that_has_all_words_comes_first() {
    check("list issues for repo", &["github:issues/list-for-repo"]);
    check("labels repository", &["github:issues/list-labels"]);
}

#[test]
fn forms_beginnings_and_slips_are_found() {
    check("listing issue", &["github:issues/list"]);
    check("lab", &["github:issues/list-labels"]);
    check("isuses", &["github:issues/get"]);
    check("repositry labels", &["github:issues/list-labels"]);
    let (_, answer) = found("isuses");
    assert_eq!(answer.words[0].meaning, Meaning::Slip(vec!["issue".to_owned()]));
}

#[test]
fn every_field_is_searched() {
    for text in ["everybody", "enterprise", "per page", "results", "users list"] {
        check(text, &["github:users/list"]);
    }
    check("passing", &["github:search/code"]);
    check("github", &["github:issues/get"]);
}

#[test]
fn what_the_view_leaves_out_is_neither_found_nor_suggested() {
    for text in ["reveal", "vault", "out of the view", "reveel"] {
        let (ids, answer) = found(text);
        assert!(!ids.contains(&"github:secret".to_owned()), "{text}: {answer:?}");
        assert!(!format!("{answer:?}").contains("\"vault\"]"), "{answer:?}");
    }
    let (ids, answer) = found("delete");
    assert!(ids.is_empty(), "hidden tools are found only where they are asked for: {answer:?}");
}

#[test]
fn words_that_nothing_has_are_told_with_the_nearest() {
    let (ids, answer) = found("zzzzzz");
    assert!(ids.is_empty());
    assert_eq!(answer.words[0].meaning, Meaning::Unknown(None));
    let (ids, answer) = found("serhc");
    assert!(ids.is_empty(), "{answer:?}");
    assert_eq!(answer.words[0].meaning, Meaning::Unknown(Some("search".to_owned())));
    assert_eq!(found("...").1, Answer::default());
}

#[test]
fn what_is_damaged_is_absent() {
    let whole = encode(br#"{"catalog":{"tools":[]},"view":{"name":"discover"}}"#, None).unwrap();
    assert!(Searchable::from_bytes(&whole).is_some());
    let mut many = b"open-cli-search-1 ".to_vec();
    let index = &whole[whole.iter().position(|&byte| byte == b'\n').unwrap() + 1..whole.len() - 2];
    many.extend_from_slice(format!("{} 6\n", index.len()).as_bytes());
    many.extend_from_slice(&[index, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0]].concat());
    assert!(Searchable::from_bytes(&many).is_none(), "more documents than there can be rows");
    for damaged in [&whole[..whole.len() - 1], &whole[1..], b"", b"open-cli-search-1 9 9\n"] {
        assert!(Searchable::from_bytes(damaged).is_none());
    }
    assert!(encode(br#"{"catalog":{"tools":[{"id":"a"}]},"view":{"name":"discover"}}"#, None).is_err());
}

#[test]
fn equal_questions_have_equal_answers() {
    assert_eq!(found("list repo"), found("list repo"));
    let (_, answer) = found("list");
    assert!(answer.hits.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{answer:?}");
}
