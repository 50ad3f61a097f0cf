//! In which form answers are shown: formats, queries, columns, colours.

use super::{Fake, World, at};

const PAGE: &str = r#"{"statusCode":200,"body":{ "items": [ {"title":"Printer","id":1.0,"by":{"name":"ann"}}, {"title":"VPN","id":20} ], "next":null },"retries":0}"#;
const FAILED: &str = r#"{"statusCode":404,"body":{"message":"gone"},"retries":0}"#;
const TEXT: &str = r#"{"statusCode":200,"text":"a,b\n","contentType":"text/csv","retries":0}"#;

fn shows(answer: &str, more: &str) -> super::Ran {
    World::new("shown").answers(answer).run(&format!("hd tickets list {more}"))
}

#[test]
fn lines_are_the_items_of_the_list_that_the_answer_holds() {
    let lines = "{\"title\":\"Printer\",\"id\":1.0,\"by\":{\"name\":\"ann\"}}\n{\"title\":\"VPN\",\"id\":20}\n";
    shows(PAGE, "--format jsonl").is(0, lines, "");
    shows(PAGE, "--format jsonl --all").is(0, lines, "");
    let thing = r#"{"statusCode":200,"body":{"id": 1, "labels": ["a", "b"]},"retries":0}"#;
    shows(thing, "--format jsonl").is(0, "{\"id\":1,\"labels\":[\"a\",\"b\"]}\n", "");
    let counted = r#"{"statusCode":200,"body":{"total_count": 1, "tickets": [{"id": 1}]},"retries":0}"#;
    shows(counted, "--format jsonl").is(0, "{\"id\":1}\n", "");
    shows(r#"{"statusCode":200,"body":[],"retries":0}"#, "--format jsonl").is(0, "", "");
    shows(TEXT, "--format jsonl").is(0, "a,b\n", "");
    let world = World::new("shown-own");
    world.run("audit list --format jsonl").is(
        0,
        "{\"seq\":1,\"eventType\":\"a\"}\n{\"seq\":2,\"eventType\":\"b\"}\n",
        "",
    );
    let status = world.run("status --format jsonl");
    assert_eq!((status.exit, status.out.lines().count()), (0, 1), "an object with a list in it is one document");
}

#[test]
fn raw_is_bare_and_else_byte_for_byte() {
    let text = r#"{"statusCode":200,"body":"a\u001b\"é\n","retries":0}"#;
    shows(text, "--format raw").is(0, "a\u{1b}\"é\n\n", "");
    World::new("raw").terminal().answers(text).run("hd status --format raw").is(0, "a\\x1b\"é\n\n", "");
    shows(r#"{"statusCode":200,"body":["a", 1.50, null],"retries":0}"#, "--format raw").is(0, "a\n1.50\nnull\n", "");
    let around = r#"{"statusCode":200,"body":{"b" :1.0},"around":[" ","\n"],"retries":0}"#;
    shows(around, "--format raw").is(0, " {\"b\" :1.0}\n", "");
    shows(TEXT, "--format raw").is(0, "a,b\n", "");
    shows(TEXT, "--format raw -i").is(0, "HTTP 200\ncontent-type: text/csv\n\na,b\n", "");
    World::new("raw-own").run("runtime info --format raw --query version").is(0, "0.1.0\n", "");
}

#[test]
fn a_query_says_what_is_shown() {
    shows(PAGE, "--query items[].id").is(0, "[1.0,20]\n", "");
    shows(PAGE, "--query items[].id --format raw").is(0, "1.0\n20\n", "");
    shows(PAGE, "--all --query length(items)").is(0, "2\n", "");
    shows(PAGE, "--query items --format jsonl --max-pages 1").has(0, "\n{\"title\":\"VPN\",\"id\":20}\n", "");
    shows(PAGE, "--query items[0] --format table").is(0, "title  Printer\nid     1.0\nby     {\"name\":\"ann\"}\n", "");
    shows(PAGE, "-i --query items[1].title").is(0, "{\"statusCode\":200,\"headers\":{},\"body\":\"VPN\"}\n", "");
    let world = World::new("query-own");
    world.run("audit list --query [].seq").is(0, "[1,2]\n", "");
    world.run("config check --query ok --format table").is(0, "true\n", "");
    world.run("doctor --query ok --format table").is(0, "true\n", "");
    world.run("batch - --query ok").has(2, "", "--query is for one answer, and a batch has many");
    world.run("tool schema hd:status --query id --format raw").is(0, "hd:status\n", "");
    world.run("explain hd:status --query id").is(0, "\"hd:status\"\n", "");
    world.run("refresh --query sources[].id --format raw").has(1, "hd\n", "it broke");
}

#[test]
fn a_query_that_cannot_be_is_told_before_anything_is_sent() {
    let world = World::new("query-wrong");
    world.run("hd tickets list --query items[?]").has(2, "", "--query: column 8: `]` cannot stand here");
    world.run("hd tickets list --query lenght(@)").has(2, "", "did you mean length?");
    assert!(world.calls().is_empty());
    let fake = Fake { capabilities: vec!["catalog", "streams"], ..Fake::default() };
    let streams = World::with("query-stream", fake);
    streams.run("hd tickets list --stream --query a").has(2, "", "--query needs the whole answer");
    assert!(!streams.calls().iter().any(|call| call.starts_with("POST")));
}

#[test]
fn a_query_that_does_not_fit_fails_and_an_upstream_that_failed_is_heard() {
    shows(PAGE, "--query length(nothing)").has(1, "", "gets null here");
    shows(PAGE, "--query length(nothing) --format jsonl").has(1, "", "{\"error\":{\"code\":\"query_failed\"");
    shows(TEXT, "--query a").has(1, "", "the answer is no JSON");
    shows(TEXT, "--query a -i").has(1, "", "the answer is no JSON");
    shows(FAILED, "--query items[].id").has(8, "{\"message\":\"gone\"}", "answered 404");
    shows(FAILED, "--columns id").is(
        8,
        "message  gone\n",
        "error: hd:listTickets: the upstream answered 404\nhint: its answer is on standard output; check the arguments\nrequest: r-1\n",
    );
    shows(r#"{"statusCode":204,"retries":0}"#, "--query a").is(0, "", "");
}

#[test]
fn a_file_gets_what_the_query_finds() {
    for (more, expected) in [("", "[\"Printer\",\"VPN\"]\n"), ("--format raw", "Printer\nVPN\n")] {
        let world = World::new("query-file").terminal().answers(PAGE).answers(PAGE).answers(TEXT);
        let line = format!("hd tickets list --query items[].title {more} --output");
        world.run(&format!("{line} got")).is(0, "", "");
        assert_eq!(at(&world, "got").as_deref(), Some(expected.as_bytes()));
        world.run(&format!("{line} -")).is(0, expected, "");
        world.run(&format!("{line} none")).has(1, "", "the answer is no JSON");
        assert_eq!(at(&world, "none"), None);
    }
}

#[test]
fn columns_make_a_table_of_what_is_asked_for() {
    shows(PAGE, "--columns by.name,ID").is(0, "BY.NAME   ID\nann      1.0\n          20\n", "");
    shows(PAGE, "--columns titel").has(2, "", "did you mean `title`? it has title, id, by");
    shows(PAGE, "--columns x,,y").has(2, "", "no list of columns");
    shows(PAGE, "--columns id --format json").has(2, "", "--columns are those of a table");
    shows(PAGE, "--columns id --query items[1:]").is(0, "ID\n20\n", "");
    let world = World::new("columns-own");
    world.run("audit list --columns seq").is(0, "SEQ\n  1\n  2\n", "");
    world.run("config check --columns ok").is(0, "ok  true\n", "");
}

#[test]
fn colours_are_for_terminals_and_for_who_forces_them() {
    let coloured = |env: &[(&str, &str)], line: &str| {
        let mut world = World::new("colours").answers(PAGE);
        world.terminal = env.is_empty();
        world.env.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        world.run(&format!("hd tickets list {line}")).out
    };
    let forced = [("CLICOLOR_FORCE", "1")];
    assert!(coloured(&[], "").starts_with("\u{1b}[1m ID  TITLE\u{1b}[0m\n1.0"), "{:?}", coloured(&[], ""));
    assert!(coloured(&[], "--format json").contains("\u{1b}[34;1m\"title\"\u{1b}[0m:\u{1b}[32m\"Printer\"\u{1b}[0m"));
    assert!(coloured(&forced, "--format pretty").contains("\u{1b}[36m20\u{1b}[0m"));
    assert!(!coloured(&forced, "--format json").contains('\u{1b}'), "json in a pipe is byte for byte");
    assert!(!coloured(&[], "--format pretty --no-color").contains('\u{1b}'));
}
