//! Dynamic commands: what is typed becomes one request, and its answer comes back as it was.

use serde_json::{Value, json};

use crate::world::World;

fn serving() -> World {
    World::serving(&json!({}))
}

/// What the echo operation saw.
#[track_caller]
fn echoed(world: &World, line: &str) -> Value {
    world.run(line).into_json()
}

fn sent_header(seen: &Value, name: &str) -> Option<String> {
    let headers = seen["headers"].as_array().unwrap();
    let found = headers.iter().find(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name))?;
    Some(found[1].as_str().unwrap().to_owned())
}

#[test]
fn a_page_leads_to_the_next() {
    let world = serving();
    let first = world.run("open-cli demo items list --limit 2 --format json").into_json();
    assert_eq!((&first["items"][1]["id"], &first["nextCursor"]), (&json!("item-2"), &json!("item-2")));
    world
        .run("open-cli demo items list --limit=4 --cursor item-2 --format json")
        .stdout_json(&[("/items/0/id", json!("item-3")), ("/nextCursor", Value::Null)]);
}

#[test]
fn json_comes_back_byte_for_byte() {
    let world = serving();
    let direct = world.http("GET", "[DEMO]/items/item-1", &[], "").body;
    world.run("open-cli demo items get item-1 --format json").stdout(&String::from_utf8(direct).unwrap());
}

#[test]
fn formats_show_one_answer_in_their_way() {
    let world = serving();
    world.run("open-cli demo items get item-4 --format pretty").stdout_has(&["\n  \"name\": \"compass\""]);
    world.run("open-cli demo items get item-4 --format yaml").stdout_has(&["name: compass", "quantity: 7"]);
    let table = world.run("open-cli demo items list --format table").into_stdout();
    let table = String::from_utf8(table).unwrap();
    for text in ["sailcloth", "reserved", "12"] {
        assert!(table.contains(text), "{table}");
    }
    assert!(!table.contains("flammable"), "only the fields that the publisher names: {table}");
}

#[test]
fn a_body_comes_from_the_line_a_file_or_standard_input() {
    let world = serving().file("new.json", r#"{"name":"from a file"}"#);
    world
        .run(r#"open-cli demo items create --body '{"name":"from the line"}' --format json"#)
        .stdout_json(&[("/id", json!("item-6")), ("/name", json!("from the line"))]);
    world
        .run("open-cli demo items create --body @new.json --format json")
        .stdout_json(&[("/id", json!("item-7")), ("/name", json!("from a file"))]);
    world
        .run_with_input("open-cli demo items create --body - --format json", br#"{"name":"from input"}"#)
        .stdout_json(&[("/id", json!("item-8")), ("/name", json!("from input"))]);
}

#[test]
fn h20_what_is_required_is_checked_before_anything_is_sent() {
    let world = serving();
    world.run("open-cli demo exports wait").stderr_has(&["needs --seconds"]).status(2);
    world.run("open-cli demo items create").stderr_has(&["--body"]).status(2);
    world.run("open-cli demo items get").stderr_has(&["needs the argument item-id"]).status(2);
    world.run("open-cli demo items get item-1 item-2").stderr_has(&["item-2"]).status(2);
    assert!(!world.audit().iter().any(|record| record["eventType"] == "tool_execution"), "nothing was executed");
}

#[test]
fn values_are_checked_against_their_types() {
    let world = serving();
    world.run("open-cli demo search items --state lost").stderr_has(&["lost", "available", "retired"]).status(2);
    world.run("open-cli demo items list --limit many").stderr_has(&["--limit", "many"]).status(2);
    world.run("open-cli demo echo request x --loud=perhaps").stderr_has(&["--loud", "perhaps"]).status(2);
}

#[test]
fn arrays_repeat_and_take_their_style() {
    let world = serving();
    world
        .run("open-cli demo search items --tag brass --tag light --format json")
        .stdout_json(&[("/items/0/id", json!("item-4")), ("/items/1", Value::Null)]);
    let seen = echoed(&world, "open-cli demo echo request x --ids 1 --ids 2 --names a --names b --format json");
    assert_eq!(seen["query"], "ids=1&ids=2&names=a,b");
}

#[test]
fn headers_cookies_and_booleans_arrive() {
    let world = serving();
    let seen = echoed(&world, "open-cli demo echo request x --x-trace t-1 --flavor sour --loud --format json");
    assert_eq!(sent_header(&seen, "X-Trace").as_deref(), Some("t-1"));
    assert_eq!(sent_header(&seen, "Cookie").as_deref(), Some("flavor=sour"));
    assert_eq!(seen["query"], "loud=true");
}

/// A path argument, and the path that arrives.
#[track_caller]
fn check_segment(world: &World, argument: &str, path: &str) {
    let seen = echoed(world, &format!("open-cli demo echo request {argument} --format json"));
    assert_eq!(seen["path"], path, "{argument}");
}

#[test]
fn h19_a_path_argument_stays_one_segment() {
    let world = serving();
    check_segment(&world, "../x", "/echo/..%2Fx");
    check_segment(&world, "a/b", "/echo/a%2Fb");
    check_segment(&world, "a?b=c#d", "/echo/a%3Fb%3Dc%23d");
    check_segment(&world, "%2f", "/echo/%252f");
    check_segment(&world, "'a b'", "/echo/a%20b");
    world.run("open-cli demo echo request ..").stderr_has(&["segment"]).status(2);
    world.run("open-cli demo echo request .").stderr_has(&["segment"]).status(2);
}

#[test]
fn h23_answers_go_to_files_byte_for_byte() {
    let world = serving();
    let direct = world.http("GET", "[DEMO]/files/picture", &[], "").body;
    world.run("open-cli demo files picture --output picture.png").stdout("");
    assert_eq!(std::fs::read(world.path("picture.png")).unwrap(), direct);
    assert_eq!(world.run("open-cli demo files picture --output -").into_stdout(), direct);
}

#[test]
fn h23_text_and_binary_answers_come_as_they_are() {
    let world = serving();
    world.run("open-cli demo files report").stdout_has(&["3 of anvil\n"]);
    let direct = world.http("GET", "[DEMO]/files/picture", &[], "").body;
    assert_eq!(world.run("open-cli demo files picture").into_stdout(), direct);
}

#[test]
fn h32_a_parameter_named_like_a_global_flag_gets_a_suffix() {
    let world = serving();
    world.run("open-cli demo files report --format-param csv").stdout_has(&["anvil,3"]);
    world.run("open-cli demo files report --format=json --format-param=text").stdout_has(&["3 of anvil\n"]);
}

#[test]
fn what_the_upstream_says_decides_the_exit_code() {
    let world = serving();
    world.run("open-cli demo items get item-99").stdout_has(&["no such item"]).stderr_has(&["404"]).status(8);
    world.run("open-cli demo faults unauthorized").stdout_has(&["lets nobody in"]).stderr_has(&["401"]).status(8);
    world.run("open-cli demo faults forbidden").stdout_has(&["closed"]).stderr_has(&["403"]).status(8);
    world.run("open-cli demo faults error").stdout_has(&["always fails"]).stderr_has(&["500"]).status(9);
    world
        .run("open-cli demo faults too-many-requests --retry-after 0")
        .stdout_has(&["busy"])
        .stderr_has(&["429"])
        .status(8);
}

#[test]
fn h21_what_recovers_is_asked_again() {
    let world = serving();
    world.run("open-cli demo faults flaky --key a --failures 2 --format json").stdout_json(&[("/attempts", json!(3))]);
}

#[test]
fn long_work_is_accepted_and_asked_about() {
    let world = serving();
    world.run("open-cli demo exports start --format json").stdout_json(&[("/id", json!("export-1"))]);
    world.run("open-cli demo exports get export-1 --format json").stdout_json(&[("/state", json!("running"))]);
    world.run("open-cli demo exports get export-1 --format json").stdout_json(&[("/itemCount", json!(5))]);
}

#[test]
fn an_answer_that_does_not_come_in_time_is_a_timeout() {
    let world = World::serving(&json!({ "services": { "demo": { "timeoutSeconds": 1 } } }));
    world.run("open-cli demo exports wait --seconds 50").stderr_has(&["in time"]).status(9);
}

#[test]
fn a_dry_run_sends_nothing() {
    let world = serving();
    world.run("open-cli demo items delete item-1 --dry-run").stdout_has(&["DELETE", "/items/item-1"]);
    world.run("open-cli demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
}

#[test]
fn the_tool_runs_without_its_group_when_that_is_named_like_the_service() {
    let mut world = World::with_demo().config(&json!({
        "sources": { "items": { "type": "openapi", "uri": "[DEMO]/openapi.json" } },
        "services": { "items": { "source": "items" } },
    }));
    world.start_toolbox(&[]);
    world.run("open-cli items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    world.run("open-cli items items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
}
