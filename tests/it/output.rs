//! Formats, queries and columns, through a toolbox.

use serde_json::json;

use crate::world::World;

#[test]
fn lines_and_raw_texts_are_for_other_programs() {
    let world = World::serving(&json!({}));
    let direct = world.http("GET", "[DEMO]/items/item-1", &[], "").body;
    let direct = String::from_utf8(direct).unwrap();
    world.run("open-cli demo items get item-1 --format raw").stdout(&direct);
    world.run("open-cli demo items get item-4 --format raw --query name").stdout("compass\n");
    world
        .run("open-cli demo items list --limit 2 --format raw --query items[].[id,name][]")
        .stdout("item-1\nanvil\nitem-2\nlamp oil\n");
    let lines = String::from_utf8(world.run("open-cli demo items list --limit 2 --all --format jsonl").into_stdout());
    let lines = lines.unwrap();
    let ids: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, ["item-1", "item-2", "item-3", "item-4", "item-5"]);
    world
        .run("open-cli catalog list --service demo --format jsonl --query [?method==`\"DELETE\"`].id")
        .stdout("\"demo:deleteItem\"\n");
}

#[test]
fn a_query_sees_all_pages_and_is_checked_before_anything_is_sent() {
    let world = World::serving(&json!({}));
    world
        .run("open-cli demo items delete item-1 --query a[ --format pretty")
        .stderr_has(&["error: --query: column 3: the expression ends too early", "hint: "])
        .status(2);
    world
        .run("open-cli demo items delete item-1 --query lenght(@)")
        .stderr_has(&["\"code\":\"usage\"", "column 1: there is no function lenght", "did you mean length?"])
        .status(2);
    assert!(!world.audit().iter().any(|record| record["eventType"] == "tool_execution"), "nothing was executed");
    world.run("open-cli demo items list --limit 2 --all --query length(items)").stdout("5\n");
    world
        .run("open-cli demo items get item-1 --query sum(name)")
        .stderr_has(&["\"code\":\"query_failed\"", "sum takes an array of numbers as argument 1, and gets string here"])
        .status(1);
    world
        .run("open-cli demo items get item-99 --query name")
        .stdout_has(&["there is no such item"])
        .stderr_has(&["answered 404"])
        .status(8);
}

#[test]
fn columns_are_chosen_by_who_asks() {
    let world = World::serving(&json!({}));
    world
        .run("open-cli demo items list --limit 2 --columns name,id")
        .stdout("NAME      ID\nanvil     item-1\nlamp oil  item-2\n");
    world
        .run("open-cli demo items list --columns nmae")
        .stderr_has(&["error: --columns: the answer has no `nmae`", "did you mean `name`?"])
        .status(2);
    world
        .run("open-cli catalog list --service demo --query [?method==`\"DELETE\"`] --columns id,method")
        .stdout("ID               METHOD\ndemo:deleteItem  DELETE\n");
}

/// The commands of the page's examples, each with what is shown of it.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let blocks = page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    for line in blocks.flat_map(str::lines) {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command.to_owned(), String::new())),
            (None, Some((_, shown))) => shown.push_str(&format!("{line}\n")),
            (None, None) => panic!("{line} belongs to no command"),
        }
    }
    found
}

#[test]
fn every_example_of_the_page_shows_what_it_says() {
    let world = World::serving(&json!({}));
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_open-cli")).parent().unwrap().display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
    let examples = examples(include_str!("../../docs/output.md"));
    assert!(examples.len() > 8, "{}", examples.len());
    for (command, shown) in examples {
        let output = world.command("sh").env("PATH", &path).args(["-c", &command]).output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        match output.status.success() {
            true => assert_eq!((out.as_str(), err.as_str()), (shown.as_str(), ""), "{command}"),
            false => assert!(err.starts_with(&shown) && out.is_empty(), "{command}: {err}"),
        }
    }
}
