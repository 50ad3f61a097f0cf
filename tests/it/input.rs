//! Bodies by flags and words as the upstream gets them, which echoes what came; the examples of `docs/calling.md` among them.

use serde_json::{Value, json};

use crate::world::World;

/// `tickets create` is the one of the documentation, `tickets update` has an argument, `tickets form` and `tickets upload` take forms.
const DESCRIPTION: &str = r"
openapi: 3.1.0
info: {title: Help Desk, version: '1'}
servers: [{url: '[DEMO]'}]
paths:
  /echo:
    post:
      operationId: createTicket
      x-cli-name: create
      tags: [tickets]
      parameters: [{name: state, in: query, schema: {type: string}}]
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Ticket'}}}}
  /echo?kind=form:
    post:
      operationId: formTicket
      x-cli-name: form
      tags: [tickets]
      requestBody:
        content:
          text/plain: {}
          application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Ticket'}}
  /echo?kind=upload:
    post:
      operationId: uploadTicket
      x-cli-name: upload
      tags: [tickets]
      requestBody:
        content:
          multipart/form-data:
            schema:
              required: [report, title]
              properties: {report: {type: string, format: binary}, title: {type: string}, pages: {type: integer}}
  /{place}:
    post:
      operationId: updateTicket
      x-cli-name: update
      tags: [tickets]
      parameters: [{name: place, in: path, required: true, schema: {type: string}}]
      requestBody: {required: true, content: {application/json: {schema: {}}}}
components:
  schemas:
    Ticket:
      allOf: [{$ref: '#/components/schemas/Base'}]
      required: [title]
      properties:
        title: {type: string, description: What it is about}
        priority: {type: integer, minimum: 1, maximum: 5}
        labels: {type: array, items: {type: string}}
        state: {enum: [open, closed]}
        format: {type: string}
        ownerName: {type: string}
        owner: {type: object, properties: {address: {type: object, properties: {zip: {type: integer}}}}}
        urgent: {type: boolean}
    Base:
      properties: {id: {type: string, readOnly: true}, size: {type: number}}
";

fn serving() -> World {
    let mut world = World::with_demo().file("tickets.yaml", DESCRIPTION).config(&json!({
        "sources": {"helpdesk": {"type": "openapi", "uri": "tickets.yaml"}},
        "services": {"helpdesk": {"source": "helpdesk"}},
    }));
    world.start_toolbox(&[]);
    world
}

/// The body that the upstream got.
#[track_caller]
fn check(world: &World, line: &str, input: &str, expected: &str) {
    let seen = world.run_with_input(&format!("open-cli helpdesk tickets {line} --format json"), input.as_bytes());
    assert_eq!(seen.into_json()["body"].as_str().unwrap(), expected, "{line}");
}

/// Lines of the documentation that make a body.
fn documented(section: &str) -> Vec<&'static str> {
    let page = include_str!("../../docs/calling.md");
    let (_, rest) = page.split_once(section).expect("the section is there");
    let part = rest.split("\n#").next().unwrap();
    part.lines().filter_map(|line| line.strip_prefix("$ ")).filter(|line| line.contains("tickets create")).collect()
}

#[test]
fn the_documented_ways_to_a_body_send_the_same() {
    let ticket = r#"{"title":"Printer on fire","priority":2,"labels":["printer","fire"]}"#;
    let world = serving().file("ticket.json", ticket).file("template.json", r#"{"title": "?", "size": 1.50}"#);
    let lines = documented("\n## Bodies\n");
    assert_eq!(lines.len(), 6, "{lines:?}");
    for line in &lines[..5] {
        let (line, input) = match line.split_once(" | ") {
            Some((_, line)) => (line, ticket),
            None => (*line, ""),
        };
        check(&world, line.strip_prefix("open-cli helpdesk tickets ").unwrap(), input, ticket);
    }
    let laid_over = r#"{"title":"Printer on fire","size":1.50,"owner":{"name":"ben"}}"#;
    check(&world, lines[5].strip_prefix("open-cli helpdesk tickets ").unwrap(), "", laid_over);
}

#[test]
fn the_documented_words_do_what_they_say() {
    let world = serving().file("note.txt", "two\nlines").file("extra.json", r#"{"n": 1.0}"#);
    for (words, expected) in [
        ("title=Printer", r#"{"title":"Printer"}"#),
        ("title=x owner.address.city=Ulm", r#"{"title":"x","owner":{"address":{"city":"Ulm"}}}"#),
        ("title=x owner.address.zip=89073", r#"{"title":"x","owner":{"address":{"zip":89073}}}"#),
        ("title=x labels[]=fire labels[]=9", r#"{"title":"x","labels":["fire","9"]}"#),
        ("title=x steps[0].name=look steps[0].n:=1", r#"{"title":"x","steps":[{"name":"look","n":1}]}"#),
        (r#"title=x priority:=2 'extra:={"raw":true}'"#, r#"{"title":"x","priority":2,"extra":{"raw":true}}"#),
        ("title=x text=@note.txt", r#"{"title":"x","text":"two\nlines"}"#),
        ("title=x text=@-", r#"{"title":"x","text":"piped"}"#),
        (r"title=x a\.b=1", r#"{"title":"x","a.b":"1"}"#),
        (r"title=x author=\@ben", r#"{"title":"x","author":"@ben"}"#),
        (
            "--title 5 --size 1.50 --urgent --state-body open --state shut",
            r#"{"title":"5","size":1.50,"urgent":true,"state":"open"}"#,
        ),
        ("--title x --format-body y --owner-name z", r#"{"title":"x","format":"y","ownerName":"z"}"#),
        (
            "--title x --ownerName z --owner name=ben --owner address.city=Ulm",
            r#"{"title":"x","ownerName":"z","owner":{"name":"ben","address":{"city":"Ulm"}}}"#,
        ),
        (r#"--title x --owner '{"name":"ben"}'"#, r#"{"title":"x","owner":{"name":"ben"}}"#),
    ] {
        check(&world, &format!("create {words}"), "piped", expected);
    }
    let raw = world.run("open-cli helpdesk tickets create title=x extra:=@extra.json --dry-run=http --no-validate");
    assert!(String::from_utf8(raw.into_stdout()).unwrap().ends_with(r#"{"title":"x","extra":{"n": 1.0}}"#));
}

#[test]
fn words_behind_arguments_and_lists_as_bodies() {
    let world = serving();
    check(&world, "update echo a=1 b.c:=[2]", "", r#"{"a":"1","b":{"c":[2]}}"#);
    check(&world, "update echo [0]=x []=y", "", r#"["x","y"]"#);
    check(&world, "update echo [1].n:=2 --body -", "[1, {\"m\": 1.0}]", r#"[1,{"m":1.0,"n":2}]"#);
    let shown = world.run("open-cli helpdesk tickets update a=b title=x --dry-run --format json").into_json();
    assert_eq!(
        (shown["url"].as_str().unwrap().rsplit('/').next(), &shown["body"]),
        (Some("a%3Db"), &json!(r#"{"title":"x"}"#))
    );
    world
        .run("open-cli helpdesk tickets update title=x")
        .stderr_has(&["\"title=x\" was taken for one of its arguments, <place>"])
        .status(2);
}

#[test]
fn members_of_forms_are_flags_and_words_too() {
    let world = serving().file("q3.pdf", "%PDF");
    check(
        &world,
        "form --title 'a b' --labels x --labels y priority=2",
        "",
        "title=a%20b&labels=x&labels=y&priority=2",
    );
    let seen = world
        .run("open-cli helpdesk tickets upload --file report=q3.pdf --title 'Third quarter' pages=3 --format json")
        .into_json();
    let body = seen["body"].as_str().unwrap();
    for part in ["name=\"title\"\r\n\r\nThird quarter\r\n", "name=\"pages\"\r\n\r\n3\r\n", "filename=\"q3.pdf\""] {
        assert!(body.contains(part), "{part}: {body}");
    }
    world
        .run("open-cli helpdesk tickets upload --report q3.pdf")
        .stderr_has(&["it is a file: --file report=PATH"])
        .status(2);
    world
        .run("open-cli helpdesk tickets upload --pages 1 --file q3.pdf")
        .stderr_has(&["needs --title TEXT in its body"])
        .status(2);
}

#[test]
fn help_lists_the_flags_of_a_body() {
    let world = serving();
    world.run("open-cli helpdesk tickets create --help").stdout_has(&[
        "open-cli helpdesk tickets create [member=value..] [flags]",
        "Members of a JSON body:\n",
        "--size NUMBER\n",
        "--title TEXT  ",
        "What it is about (required)",
        "--labels TEXT..\n",
        "--state-body open|closed  ",
        "(`state` of the API)",
        "--format-body TEXT  ",
        "--owner-name TEXT  ",
        "(`ownerName` of the API)",
        "--owner JSON|NAME=VALUE..\n",
    ]);
    let help = String::from_utf8(world.run("open-cli helpdesk tickets create --help").into_stdout()).unwrap();
    assert!(!help.contains("--id"), "{help}");
    world.run("open-cli helpdesk tickets upload --help").stdout_has(&[
        "Members of a form:\n",
        "--file report=PATH  ",
        "(required)",
        "--pages INTEGER\n",
    ]);
}

#[test]
fn h20_what_a_member_cannot_be_is_never_sent() {
    let world = serving();
    for (line, part) in [
        ("create --title x --priority 9", "--priority: \"9\" is more than 5"),
        ("create title=x priority=many", "`priority`: the value is not a whole number"),
        ("create --priority 1", "needs --title TEXT in its body"),
        ("create", "give it by its members, --title at least"),
        ("create --titel x", "did you mean --title?"),
        ("create title=x a=1 a=2", "`a` is given already, as a value"),
        ("create title=x c[999999999]=1", "`c[999999999]=..`: at character 3, an index is at most 9999"),
        ("form title", "has no place for the argument \"title\""),
    ] {
        world.run(&format!("open-cli helpdesk tickets {line} --format table")).stderr_has(&[part]).status(2);
    }
    let tools: Vec<Value> =
        world.audit().into_iter().filter(|record| record["eventType"] == "tool_execution").collect();
    assert!(tools.is_empty(), "{tools:?}");
}
