//! `batch`: many calls in one run, JSON lines in and JSON lines out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::program::eventually;
use crate::world::World;

fn input(lines: &[Value]) -> Vec<u8> {
    lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

fn results(out: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(out).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The result of a line, by its id.
#[track_caller]
fn of<'r>(results: &'r [Value], id: &str) -> &'r Value {
    results.iter().find(|result| result["id"] == id).unwrap_or_else(|| panic!("{id}: {results:?}"))
}

#[test]
fn every_line_gets_a_line_and_the_run_goes_on() {
    let world = World::serving(&json!({}));
    let mut lines = input(&[
        json!({"id": "json", "tool": "demo:getItem", "args": {"item-id": "item-1"}}),
        json!({"id": "words", "tool": "demo items list", "args": {"limit": 2}}),
        json!({"id": "contract", "toolId": "demo:getItem", "pathArgs": ["item-2"], "flags": {}}),
        json!({"id": "body", "tool": "demo:createItem", "body": {"name": "lamp", "quantity": 1}}),
        json!({"id": "text", "tool": "demo:readReport", "args": {"format": "csv"}}),
        json!({"id": "binary", "tool": "demo:readPicture"}),
        json!({"id": "missing", "tool": "demo:getItem", "args": {"itemId": "item-none"}}),
        json!({"id": "broken", "tool": "demo:failError"}),
        json!({"id": "unknown", "tool": "demo:getItems"}),
        json!({"id": "wrong", "tool": "demo:listItems", "args": {"limit": "many"}}),
        json!({"id": "field", "tool": "demo:listItems", "argz": {}}),
        json!({"tool": "demo:getItem", "args": {"itemId": "item-3"}}),
    ]);
    lines.extend_from_slice(b"\n{\"id\": \"cut\", \n");
    let ran = world.run_with_input("open-cli batch - --parallel 3", &lines);
    let ran =
        ran.status(1).stderr_has(&["13 calls: 7 ok, 6 failed", "6 of 13 calls failed", "\"code\":\"batch_failed\""]);
    let found = results(&ran.into_stdout());
    assert_eq!(found.len(), 13);
    for (id, status, exit) in
        [("json", 200, 0), ("contract", 200, 0), ("body", 201, 0), ("missing", 404, 8), ("broken", 500, 9)]
    {
        let result = of(&found, id);
        assert_eq!((&result["status"], &result["exit"]), (&json!(status), &json!(exit)), "{result}");
        assert_eq!(result["ok"], json!(exit == 0), "{result}");
        assert!(result["requestId"].is_string() && result["durationMs"].is_number(), "{result}");
    }
    assert_eq!(of(&found, "json")["body"]["id"], "item-1");
    assert_eq!(of(&found, "words")["body"]["items"].as_array().unwrap().len(), 2);
    assert_eq!(of(&found, "body")["body"]["name"], "lamp");
    assert!(of(&found, "text")["text"].as_str().unwrap().contains("\n"));
    assert!(of(&found, "binary")["bodyBase64"].as_str().unwrap().starts_with("iVBOR"));
    assert_eq!(of(&found, "missing")["error"]["code"], "upstream_client_error");
    for (id, part) in
        [("unknown", "there is no tool"), ("wrong", "limit: is not a whole number"), ("field", "unknown field `argz`")]
    {
        let result = of(&found, id);
        assert!(result["error"]["message"].as_str().unwrap().contains(part), "{result}");
        assert_eq!((&result["exit"], result.get("status")), (&json!(2), None), "{result}");
    }
    let unnamed: Vec<_> = found.iter().filter(|result| result["id"].is_null()).map(|result| &result["line"]).collect();
    assert!(unnamed.contains(&&json!(12)) && unnamed.contains(&&json!(14)), "{unnamed:?}");
}

#[test]
fn h40_failures_of_one_kind_give_the_run_their_exit_code() {
    let world = World::serving(&json!({"policy": {"approvalRequired": ["demo:deleteItem"]}}));
    let delete = input(&[json!({"id": "a", "tool": "demo:deleteItem", "args": {"itemId": "item-1"}})]);
    let ran = world.run_with_input("open-cli batch -", &delete).status(7).stderr_has(&["1 of 1 call failed"]);
    assert_eq!(results(&ran.into_stdout())[0]["error"]["code"], "approval_required");
    let approved = json!({"id": "b", "tool": "demo:deleteItem", "args": {"itemId": "item-1"}, "approval": true});
    let ran = world.run_with_input("open-cli batch -", &input(&[approved])).stderr_has(&["1 call: 1 ok"]);
    assert_eq!(results(&ran.into_stdout())[0]["status"], 204);
    world.write("calls.jsonl", &String::from_utf8(delete).unwrap());
    world
        .run("open-cli batch calls.jsonl --approval --quiet")
        .stdout_has(&["\"status\":404"])
        .stderr_has(&["error:"])
        .status(8);
    world.run("open-cli batch /dev/null").stderr_has(&["0 calls"]);
    world.run("open-cli batch - --parallel 0").status(2).stderr_has(&["no number from 1 to 64"]);
    world.run("open-cli batch none.jsonl").status(2).stderr_has(&["none.jsonl cannot be read"]);
    world.run("open-cli batch .").status(2).stderr_has(&["it is a directory"]);
}

#[test]
fn answers_come_as_they_are_done_or_in_the_order_of_the_lines() {
    let world = World::serving(&json!({}));
    let mut lines = vec![json!({"id": 0, "tool": "demo:waitAWhile", "args": {"seconds": 1.5}})];
    lines.extend((1..30).map(|id| json!({"id": id, "tool": "demo:getItem", "args": {"itemId": "item-1"}})));
    let ids = |line: &str| {
        let ran = world.run_with_input(line, &input(&lines)).stderr_has(&["30 calls: 30 ok"]);
        results(&ran.into_stdout()).iter().map(|result| result["id"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids("open-cli batch - --parallel 2 --ordered"), (0..30).collect::<Vec<_>>());
    let as_done = ids("open-cli batch - --parallel 2");
    assert!(as_done[0] != 0, "{as_done:?}");
}

#[test]
fn no_call_begins_after_one_that_failed_when_that_is_asked_for() {
    let world = World::serving(&json!({}));
    let mut lines = vec![
        json!({"id": 0, "tool": "demo:getItem", "args": {"itemId": "item-1"}}),
        json!({"id": 1, "tool": "demo:none"}),
    ];
    lines.extend((2..20).map(|id| json!({"id": id, "tool": "demo:getItem", "args": {"itemId": "item-1"}})));
    let line = "open-cli batch - --parallel 1 --fail-fast";
    let ran = world.run_with_input(line, &input(&lines)).status(2).stderr_has(&["1 of 2 calls failed"]);
    assert_eq!(results(&ran.into_stdout()).len(), 2);
}

fn start(world: &World) -> Child {
    let mut command = world.command(env!("CARGO_BIN_EXE_open-cli"));
    command.args(["batch", "-", "--ordered"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn a_line_is_answered_while_the_input_goes_on() {
    let world = World::serving(&json!({}));
    let mut child = start(&world);
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for id in 0..3 {
        stdin.write_all(&input(&[json!({"id": id, "tool": "demo:getItem", "args": {"itemId": "item-1"}})])).unwrap();
        let mut answer = String::new();
        stdout.read_line(&mut answer).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["id"], id);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn h42_a_reader_that_goes_away_ends_the_run_while_the_input_stays_open() {
    let world = World::serving(&json!({}));
    let mut child = start(&world);
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    drop(stdout);
    stdin.write_all(&input(&[json!({"id": 1, "tool": "demo:getItem", "args": {"itemId": "item-1"}})])).unwrap();
    let status = eventually("the run ends", || child.try_wait().unwrap());
    assert!(status.success(), "{status}");
    drop(stdin);
}
