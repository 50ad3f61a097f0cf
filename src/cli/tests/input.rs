//! Bodies by flags and words, and a person who is asked for what is missing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const OK: &str = r#"{"statusCode":200}"#;

fn schema() -> Value {
    json!({
        "type": "object", "required": ["title", "state"],
        "properties": {
            "title": {"type": "string", "description": "What it is about"}, "state": {"enum": ["open", "closed"], "default": "open"},
            "count": {"type": "integer", "minimum": 1}, "priority": {"type": "integer"},
            "urgent": {"type": "boolean"}, "labels": {"type": "array", "items": {"type": "string"}},
            "owner": {"type": "object", "properties": {"id": {"type": "integer"}}}, "id": {"type": "string", "readOnly": true}
        }
    })
}

/// A runtime whose catalog says little of the body of `helpdesk tickets create`, and which tells all when it is asked.
fn world(name: &str, more: &Value) -> World {
    let mut tool = json!({
        "id": "hd:createTicket", "serviceId": "hd", "method": "POST", "path": "/tickets", "group": "tickets", "command": "create",
        "requestBody": {"required": true, "contentTypes": [{"mediaType": "application/json", "schema": schema()}]},
        "safety": {"readOnly": false, "destructive": false, "requiresApproval": false, "idempotent": false}
    });
    more.as_object().unwrap().iter().for_each(|(key, value)| tool[key] = value.clone());
    let capabilities = [&CAPABILITIES[..], &["tool-detail", "request-forms"]].concat();
    World::with(name, Fake { capabilities, tool: Some(tool), ..Fake::default() })
}

/// With somebody at the terminal who types this.
fn asked(name: &str, more: &Value, typed: &'static str) -> World {
    let mut world = world(name, more);
    (world.somebody, world.stdin) = (true, typed);
    world
}

impl World {
    fn sent(&self) -> String {
        let body = self.executed()["body"].as_str().unwrap_or_default().to_owned();
        String::from_utf8(STANDARD.decode(body).unwrap()).unwrap()
    }

    fn has_executed(&self) -> bool {
        self.calls().iter().any(|call| call.starts_with("POST"))
    }
}

#[track_caller]
fn check(world: &World, words: &[&str], body: &str) {
    world.fake.executions.lock().unwrap().push_back((200, "application/json".to_owned(), OK.to_owned()));
    world.run_words(&[&["hd", "tickets", "create"], words].concat()).is(0, "", "");
    assert_eq!(world.sent(), body, "{words:?}");
}

#[test]
fn flags_and_words_make_the_body() {
    let mut world = world("made", &json!({}));
    std::fs::write(world.home.join("note.txt"), "a \"note\"\n").unwrap();
    std::fs::write(world.home.join("raw.json"), " {\"n\": 1.0}\n").unwrap();
    std::fs::write(world.home.join("body.json"), "{\"state\":\"open\", \"x\": 1.50}").unwrap();
    check(&world, &["--title", "Printer", "--state", "open"], r#"{"title":"Printer","state":"open"}"#);
    check(
        &world,
        &["--title=5", "--state=open", "--count", "5", "--urgent", "--labels", "a", "--labels", "b"],
        r#"{"title":"5","state":"open","count":5,"urgent":true,"labels":["a","b"]}"#,
    );
    check(
        &world,
        &["title=x", "state=open", "owner.id=7", "owner.name=ben", "labels[]=a", "--", "d:={\"raw\":true}"],
        r#"{"title":"x","state":"open","owner":{"id":7,"name":"ben"},"labels":["a"],"d":{"raw":true}}"#,
    );
    check(
        &world,
        &["title=@note.txt", "state=open", "e:=@raw.json"],
        r#"{"title":"a \"note\"\n","state":"open","e":{"n": 1.0}}"#,
    );
    check(
        &world,
        &["--body", "@body.json", "--title", "x", "state=closed", "--owner", "id=1"],
        r#"{"state":"closed","x":1.50,"title":"x","owner":{"id":1}}"#,
    );
    world.stdin = "from input";
    check(&world, &["title=@-", "--state", "open"], r#"{"state":"open","title":"from input"}"#);
    world.stdin = "{ \"a\":1 }";
    check(&world, &["--body", "-", "title=x"], r#"{"a":1,"title":"x"}"#);
    check(&world, &["--body", "-"], "{ \"a\":1 }");
    check(&world, &["--count=x", "--no-validate"], r#"{"count":"x"}"#);
    let told = world.calls().into_iter().filter(|call| call == "GET /v1/tools").count();
    assert_eq!(told, 1, "a catalog that is the same has the same tool");
}

#[test]
fn h20_what_is_wrong_with_a_body_is_never_sent() {
    let mut world = world("unsent-body", &json!({}));
    world.stdin = "x";
    std::fs::write(world.home.join("bytes"), b"\xff").unwrap();
    for (line, part) in [
        ("--titel x", "did you mean --title?"),
        ("--id x", "has no flag --id"),
        ("--count x", "--count: \"x\" is not a whole number"),
        ("--count 0 title=x", "is less than 1"),
        ("--state opne", "did you mean open?"),
        ("title=x", "needs --state open|closed in its body"),
        ("title", "members of the body are given as NAME=VALUE"),
        ("title=x state=open a[1]=x", "`a` has no item 0"),
        ("title=x state=open a=1 a.b=2", "`a` is given already, as a value"),
        ("title=x --title y state=open", "`title` is given already"),
        ("title=x state=open c[999999999]=x", "at character 3, an index is at most 9999"),
        ("title=x state=open count=many", "`count`: the value is not a whole number"),
        ("title=@none.txt state=open", "@none.txt: it cannot be read"),
        ("title=@bytes state=open", "@bytes: it is not UTF-8"),
        ("title=x state=open a:=@bytes", "@bytes: it is not UTF-8"),
        ("title=@- state=open --body -", "cannot share standard input"),
        ("title=x --body [1]", "--body is no JSON object"),
        ("title=x --body {", "--body is not valid JSON"),
        ("--content-type text/html title=x", "does not take \"text/html\""),
        ("", "give it by its members, --title --state at least, or as --body"),
    ] {
        world.run(&format!("hd tickets create {line}")).has(2, "", part);
    }
    assert!(!world.has_executed(), "{:?}", world.calls());
}

#[test]
fn path_arguments_come_first_and_are_counted() {
    let path = json!({
        "path": "/tickets/{ticketId}",
        "pathParams": [{"name": "ticket-id", "originalName": "ticketId", "location": "path", "required": true}]
    });
    let world = world("counted", &path);
    let summary = String::from_utf8(SUMMARY.to_vec()).unwrap();
    assert!(summary.contains("hd:createTicket"));
    let tool: crate::catalog::Tool = serde_json::from_value(world.fake.tool.clone().unwrap()).unwrap();
    let tokens = |words: &[&str]| words.iter().map(|word| args::Token::Word((*word).to_owned())).collect::<Vec<_>>();
    let bound = bind::bind(&tool, &tokens(&["a=b", "title=x", "state=open"])).unwrap();
    assert_eq!((bound.request.path_args, bound.members.has("title")), (vec!["a=b".to_owned()], true));
    let error = bind::bind(&tool, &tokens(&["title=x"])).unwrap_err();
    assert!(error.hint.unwrap().contains("\"title=x\" was taken for one of its arguments, <ticket-id>"));
}

#[test]
fn a_person_is_asked_for_what_is_missing() {
    let world = asked("asked", &json!({}), "Printer on fire\n2\n").answers(OK);
    world.run("hd tickets create --count 2").is(
        0,
        "",
        "hd:createTicket needs 2 more values; Ctrl-D ends this, and nothing is sent\n\
         --title (TEXT)  What it is about\n> \
         --state (one of these, or its number)\n  1) open\n  2) closed\n[open] > ",
    );
    assert_eq!(world.sent(), r#"{"count":2,"title":"Printer on fire","state":"closed"}"#);
}

#[test]
fn the_documented_conversation_goes_as_it_is_written() {
    let page = include_str!("../../../docs/calling.md");
    let (_, rest) = page.split_once("\n## Being asked\n").unwrap();
    let (block, _) = rest.split_once("```console\n$ open-cli ").unwrap().1.split_once("\n```").unwrap();
    let (line, talk) = block.split_once('\n').unwrap();
    let (mut said, mut typed) = (String::new(), String::new());
    for spoken in talk.lines() {
        match spoken.split_once("> ") {
            Some((before, answer)) => {
                said.push_str(&format!("{before}> "));
                typed.push_str(&format!("{answer}\n"));
            }
            None => said.push_str(&format!("{spoken}\n")),
        }
    }
    let world = asked("documented", &json!({"id": "helpdesk:createTicket"}), typed.leak()).answers(OK);
    // The service of these tests is called otherwise.
    world.run(line).is(0, "", &said.replace("helpdesk:", "hd:"));
    assert_eq!(world.sent(), r#"{"priority":2,"title":"Printer on fire","state":"open"}"#);
}

#[test]
fn every_kind_of_value_can_be_answered() {
    let properties = json!({
        "urgent": {"type": "boolean"}, "labels": {"type": "array", "items": {"enum": ["a", "b"]}}, "owner": {"type": "object"},
        "size": {"enum": [1, 2, 3]}, "n": {"type": "integer", "default": 7}
    });
    let names: Vec<String> = properties.as_object().unwrap().keys().cloned().collect();
    let body = json!({"required": true, "contentTypes": [{"mediaType": "application/json", "schema": {"required": names, "properties": properties}}]});
    let more = json!({"requestBody": body});
    let world = asked("kinds", &more, "Y\nb\n1\n\nid=5\n3\n\n").answers(OK);
    world.run("hd tickets create").has(
        0,
        "",
        "--urgent (y/n)\n> --labels (one of these, or its number, one a line, an empty line ends them)",
    );
    assert_eq!(world.sent(), r#"{"urgent":true,"labels":["b","a"],"owner":{"id":"5"},"size":3,"n":7}"#);
}

#[test]
fn wrong_answers_are_asked_for_again_a_few_times() {
    let world = asked("again", &json!({}), "\n\nx\nopne\n3\n1\n").answers(OK);
    let ran = world.run("hd tickets create");
    ran.has(0, "", ">   that is no answer\n> ");
    ran.has(
        0,
        "",
        "  that is not one of open, closed; did you mean open?\n[open] >   that is no number from 1 to 2\n[open] > ",
    );
    assert_eq!(world.sent(), r#"{"title":"x","state":"open"}"#);
    let world = asked("never", &json!({}), "\n\n\nx\n");
    world.run("hd tickets create").has(2, "", "--title: no answer was right in 3 tries; nothing was sent");
    assert!(!world.has_executed());
}

#[test]
fn h24_secrets_are_read_without_echo_and_never_shown() {
    let secret = json!({"type": "string", "format": "password", "minLength": 3});
    let schema = json!({"required": ["pass", "api_key"], "properties": {"pass": secret, "api_key": {"type": "string", "enum": ["s3cret-2"]}}});
    let more = json!({"requestBody": {"required": true, "contentTypes": [{"mediaType": "application/json", "schema": schema}]}});
    let world = asked("secret", &more, "wrongs3cret\x7f\x7f\x15s3cret-1\rx\r\ns3cret-2\n").answers(OK);
    let ran = world.run("hd tickets create --verbose");
    assert_eq!(world.sent(), r#"{"pass":"s3cret-1","api_key":"s3cret-2"}"#, "{}", ran.err);
    assert!(!ran.err.contains("s3cret-1"), "{}", ran.err);
    assert!(world.hushed.load(Ordering::Relaxed) >= 2);
    let world = asked("interrupted", &more, "s3cr\x03et\n");
    world.run("hd tickets create").has(2, "", "ended without an answer; nothing was sent");
    world.run("hd tickets create").has(2, "", "can stand on the command line");
    assert!(!world.has_executed());
}

#[test]
fn nobody_is_asked_in_a_script() {
    let ended = asked("ended", &json!({}), "Printer\n");
    ended.run("hd tickets create --format json").has(2, "", r#""code":"cancelled""#);
    for (line, somebody, stdin) in [
        ("hd tickets create", false, "x\n1\n"),
        ("hd tickets create --no-input", true, "x\n1\n"),
        ("hd tickets create --quiet", true, "x\n1\n"),
        ("hd tickets create title=@-", true, "x"),
    ] {
        let mut world = asked("script", &json!({}), stdin);
        world.somebody = somebody;
        let ran = world.run(line);
        assert!(ran.exit == 2 && !ran.err.contains("> ") && !world.has_executed(), "{line}: {}", ran.err);
    }
}

#[test]
fn the_person_at_the_terminal_may_approve() {
    let refused = |world: World| world.says(403, "text/plain", "approval_required");
    let world = refused(asked("approve", &json!({}), "y\n")).answers(r#"{"statusCode":200,"body":1}"#);
    world.run("hd tickets delete T-9").is(
        0,
        "1",
        "hd:deleteTicket needs approval: DELETE /tickets/{ticketId}\n  ticketId: T-9\nApprove? [y/N] ",
    );
    assert_eq!((world.executed()["approval"].clone(), world.forgot.load(Ordering::Relaxed)), (json!(true), 1));
    for (line, told) in [
        ("hd tickets list --state open", "GET /tickets\n  --state: \"open\"\nApprove?"),
        ("hd tickets create --body {\"title\":\"x\"}", "\n  a body of about 15 bytes; --dry-run shows it\nApprove?"),
    ] {
        let world = refused(asked("approve-all", &json!({}), "y\n")).answers(r#"{"statusCode":200,"body":1}"#);
        world.run(line).has(0, "1", told);
    }
    for typed in ["\n", "n\n", "", "maybe\n"] {
        let world = refused(asked("refuse", &json!({}), typed));
        world.run("hd tickets delete T-9").has(7, "", "approval_required");
    }
    let world = refused(asked("unasked", &json!({}), "y\n"));
    let ran = world.run("hd tickets delete T-9 --no-input");
    assert!(ran.exit == 7 && !ran.err.contains("Approve?"), "{}", ran.err);
    assert_eq!(world.executed()["approval"], false);
}

#[test]
fn h42_what_an_api_says_of_its_values_moves_no_cursor() {
    let schema = json!({"required": ["a\u{1b}[2J"], "properties": {"a\u{1b}[2J": {"description": "x\u{1b}]0;t\u{7}", "enum": ["\u{9b}1m"]}}});
    let more = json!({"requestBody": {"required": true, "contentTypes": [{"mediaType": "application/json", "schema": schema}]}});
    let world = asked("controls", &more, "1\n").answers(OK);
    let ran = world.run("hd tickets create");
    assert!(ran.exit == 0 && !ran.err.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{:?}", ran.err);
}

#[test]
fn arguments_and_flags_are_asked_for_as_well() {
    let of = |name: &str, place: &str, schema: Value| json!({"name": name, "originalName": name, "location": place, "required": true, "schema": schema});
    let more = json!({
        "path": "/tickets/{id}", "pathParams": [of("id", "path", json!({"type": "string"}))], "requestBody": null,
        "flags": [of("size", "query", json!({"type": "integer", "minimum": 2})), of("label", "query", json!({"type": "array", "items": {"type": "string"}}))]
    });
    let world = asked("arguments", &more, "\nT-1\n1\n2\na\nb\n\n").answers(OK);
    world.run("hd tickets get").has(
        0,
        "",
        "<id> (TEXT)\n>   that is no answer\n> --size (INTEGER)\n>   that is less than 2\n> --label",
    );
    let sent = world.executed();
    assert_eq!((&sent["pathArgs"], &sent["flags"]), (&json!(["T-1"]), &json!({"size": "2", "label": ["a", "b"]})));
}
