//! What is offered where, from a catalog of values.

use serde_json::{Value, json};

use super::offers::{Files, Offers};
use super::read::Read;
use super::typed::Typed;
use super::{Known, place};
use crate::cli::commands::BUILT_IN;
use crate::client::index::{self, Index};

struct Canned {
    index: Option<Index>,
}

impl Known for Canned {
    fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    fn profiles(&self) -> Vec<String> {
        vec!["clerk".to_owned()]
    }
}

fn tool(id: &str, group: &str, command: &str, more: &Value) -> Value {
    let mut tool = json!({
        "id": id, "serviceId": "hd", "operationId": command, "method": "GET", "path": "/x", "group": group, "command": command,
        "aliases": [], "summary": format!("Does {command}"), "hidden": false, "pathParams": [], "flags": [],
        "authAlternatives": [], "auth": [], "servers": ["http://api.test"],
        "safety": {"readOnly": true, "destructive": false, "requiresApproval": false, "idempotent": true}
    });
    let members = tool.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    tool
}

fn parameter(name: &str, place: &str, schema: &Value) -> Value {
    json!({
        "name": name, "originalName": name.replace('-', "_"), "location": place, "required": name == "state" || place == "path",
        "schema": schema, "style": "form", "explode": true, "description": ""
    })
}

fn catalog() -> Index {
    let list = json!({
        "aliases": ["ls"],
        "flags": [
            parameter("state", "query", &json!({"enum": ["open", "closed", "-x", "a\nb", null]})),
            parameter("archived", "query", &json!({"type": "boolean"})),
            parameter("per-page", "query", &json!({"type": "integer"})),
            parameter("label", "query", &json!({"type": "array", "items": {"anyOf": [{"const": "urgent"}, {"enum": ["late"]}]}})),
            parameter("filter", "query", &json!({"type": "object", "properties": {"author": {"type": "string"}}})),
            parameter("format", "query", &json!({"type": "string"})),
        ]
    });
    let kind = json!({"pathParams": [parameter("kind", "path", &json!({"enum": ["small", "large"]}))]});
    let create = json!({"requestBody": {"required": true, "contentTypes": [{"mediaType": "application/json"}]}});
    let files = json!({"type": "object", "properties": {
        "front": {"type": "string", "format": "binary"}, "back": {"type": "string", "format": "binary"}
    }});
    let upload = json!({"requestBody": {"required": true, "contentTypes": [
        {"mediaType": "multipart/form-data", "schema": files}, {"mediaType": "text/csv"}
    ]}});
    let tools = [
        tool("hd:create", "tickets", "create", &create),
        tool("hd:hidden", "secret", "hidden", &json!({"hidden": true})),
        tool("hd:list", "tickets", "list", &list),
        tool("hd:outside", "outside", "beyond", &json!({})),
        tool("hd:picture", "tickets", "picture", &kind),
        tool("hd:status", "hd", "now", &json!({})),
        tool("hd:upload", "tickets", "upload", &upload),
        tool("hd:x", "tickets", "--version", &json!({"summary": "\u{1b}[31m"})),
    ];
    let shown: Vec<Value> = ["create", "hidden", "list", "picture", "status", "upload", "x"]
        .map(|name| json!({"id": format!("hd:{name}")}))
        .to_vec();
    let answer = json!({
        "catalog": {
            "catalogVersion": "1.0.0", "generatedAt": "", "sourceFingerprint": "", "sources": [], "tools": tools,
            "services": [{"id": "hd", "alias": "helpdesk", "title": "Help Desk"}, {"id": "catalog", "alias": "cat"}],
            "workflows": [{"workflowId": "triage", "steps": []}],
            "effectiveViews": [{"name": "clerk", "mode": "curated"}, {"name": "discover", "mode": "discover"}, {"name": "lead"}]
        },
        "view": {"name": "discover", "mode": "discover", "tools": shown}
    });
    Index::from_bytes(index::encode(answer.to_string().as_bytes(), None).unwrap()).unwrap()
}

fn offers(line: &str, known: &Canned) -> Offers {
    let read = Read::of(&Typed::of_line(&format!("open-cli {line}"), "")).unwrap();
    place::offers(&read, known)
}

fn texts(offers: &Offers) -> Vec<&str> {
    offers.candidates.iter().map(|candidate| candidate.text.as_str()).collect()
}

/// Exactly these.
#[track_caller]
fn check(line: &str, expected: &[&str]) {
    assert_eq!(texts(&offers(line, &Canned { index: Some(catalog()) })), expected, "{line}");
}

/// Among others, all of the first and none of the second.
#[track_caller]
fn among(line: &str, there: &[&str], not_there: &[&str]) {
    let offers = offers(line, &Canned { index: Some(catalog()) });
    let texts = texts(&offers);
    for text in there {
        assert!(texts.contains(text), "{line}: {text} is not among {texts:?}");
    }
    for text in not_there {
        assert!(!texts.contains(text), "{line}: {text} is among {texts:?}");
    }
}

#[track_caller]
fn files(line: &str, expected: Option<(&str, bool)>) {
    let expected = expected.map(|(after, directories)| Files { after: after.to_owned(), directories });
    assert_eq!(offers(line, &Canned { index: Some(catalog()) }).files, expected, "{line}");
}

#[test]
fn flags_that_say_more_when_given_again_are_offered_again() {
    for line in ["init x --command c --arg a", "config add-service x --overlay a", "config add-source x --header A=b"] {
        let again = line.split(' ').find(|word| word.starts_with("--") && *word != "--command").unwrap();
        among(&format!("{line} --"), &[again], &[]);
    }
    among("config add-service x --alias a --", &["--overlay"], &["--alias"]);
    for command in BUILT_IN {
        for flag in command.options {
            assert_eq!(
                flag.repeats,
                flag.help.ends_with("as often as there are"),
                "{} --{}",
                command.usage(),
                flag.name
            );
        }
    }
    files("config add-service x --skill ", Some(("", false)));
}

#[test]
fn words_are_offered_level_by_level() {
    among(
        "",
        &["helpdesk", "hd", "cat", "catalog", "config", "help", "completion"],
        &["__complete", "tickets", "--format"],
    );
    among("--format json ", &["helpdesk", "config"], &[]);
    check("helpdesk ", &["tickets", "now"]);
    check("helpdesk tickets ", &["create", "list", "ls", "picture", "upload"]);
    check("hd --quiet tickets ", &["create", "list", "ls", "picture", "upload"]);
    check("hd tickets list ", &[]);
    check("hd outside ", &[]);
    check("nothing ", &[]);
    check("auth upstream ", &["login", "logout", "status"]);
    among("auth ", &["login", "upstream", "token"], &["status list"]);
    among("help ", &["helpdesk", "catalog"], &["help"]);
    check("help hd ", &["tickets", "now"]);
    check("help tool ", &["schema"]);
    check("help tool schema ", &[]);
    check("completion ", &["bash", "zsh", "fish"]);
    check("completion bash ", &[]);
}

#[test]
fn words_are_explained() {
    let offers = offers("hd tickets ", &Canned { index: Some(catalog()) });
    let about = |text: &str| offers.candidates.iter().find(|one| one.text == text).map(|one| one.about.clone());
    assert_eq!((about("list"), about("ls")), (Some("Does list".to_owned()), Some("Does list".to_owned())));
    let offers = self::offers("hd ", &Canned { index: Some(catalog()) });
    assert_eq!(offers.candidates[0].about, "5 commands: create, list, picture, upload, --version");
}

#[test]
fn flags_are_explained() {
    let offers = offers("hd tickets list --", &Canned { index: Some(catalog()) });
    let about = |text: &str| offers.candidates.iter().find(|one| one.text == text).map(|one| one.about.clone());
    assert_eq!(about("--state").as_deref(), Some("required: open|closed|-x|a"));
    assert_eq!(about("--archived").as_deref(), Some("true|false"));
    assert_eq!(about("--quiet").as_deref(), Some("Write nothing to standard error but errors"));
}

#[test]
fn a_service_with_the_name_of_a_command_goes_by_its_other_name() {
    let offers = offers("", &Canned { index: Some(catalog()) });
    let about: Vec<&str> =
        offers.candidates.iter().filter(|one| one.text == "catalog").map(|one| one.about.as_str()).collect();
    assert_eq!(about, ["list, doctor, lock, diff"]);
}

#[test]
fn flags_are_offered_while_they_can_still_be_given() {
    among(
        "hd tickets list -",
        &[
            "--state",
            "--archived",
            "--per-page",
            "--label",
            "--format-param",
            "--dry-run",
            "--format",
            "--quiet",
            "--all",
        ],
        &["--body", "--file", "--content-type", "--idempotency-key", "--dry-run=curl"],
    );
    among(
        "hd tickets list --state open --per_page 5 --label a --all -q --format json --",
        &["--label", "--filter"],
        &["--state", "--per-page", "--all", "--quiet", "--format"],
    );
    among("hd tickets create --", &["--body"], &["--file", "--content-type"]);
    among("hd tickets upload --file a --", &["--body", "--file", "--content-type"], &[]);
    among("hd tickets list --dry-run", &["--dry-run", "--dry-run=curl"], &[]);
    among("catalog list --hidden --", &["--service", "--format"], &["--hidden", "--body"]);
    among("catalog list --service hd --", &["--group"], &["--service"]);
    among("init x --arg a --type mcp --", &["--arg", "--url"], &["--type"]);
    among("--quiet --", &["--format", "--version"], &["--quiet", "--body", "--state"]);
    among("hd --", &["--format"], &["--state"]);
    check("hd tickets list -- --", &[]);
    check("catalog list --nothing --", &[]);
}

#[test]
fn values_are_offered_joined_and_apart() {
    check("hd tickets list --state ", &["open", "closed"]);
    check("hd tickets list --state=", &["--state=open", "--state=closed", "--state=-x"]);
    check("hd tickets list --archived ", &["true", "false"]);
    check("hd tickets list --archived=", &["--archived=true", "--archived=false"]);
    check("hd tickets list --label a --label ", &["urgent", "late"]);
    check("hd tickets list --filter ", &["author="]);
    check("hd tickets list --per-page ", &[]);
    check("hd tickets list --dry-run=", &["--dry-run=curl", "--dry-run=http", "--dry-run=json"]);
    check("hd tickets picture ", &["small", "large"]);
    check("hd tickets picture -- ", &["small", "large"]);
    check("hd tickets upload --content-type ", &["multipart/form-data", "text/csv"]);
    check("--mode ", &["discover", "curated"]);
    check("hd tickets list --state --quiet ", &["open", "closed"]);
    check("hd tickets list --mode=", &["--mode=discover", "--mode=curated"]);
    check("--agent-profile ", &["clerk", "lead"]);
    check("catalog list --safety ", &["read-only", "destructive", "approval", "idempotent"]);
    check("catalog list --service ", &["helpdesk", "hd", "cat", "catalog"]);
    check("catalog list --service hd --group ", &["hd", "tickets"]);
    check("catalog list --service=", &["--service=helpdesk", "--service=hd", "--service=cat", "--service=catalog"]);
    check("auth upstream login ", &["helpdesk", "hd", "cat", "catalog"]);
}

#[test]
fn tools_are_offered_by_id_and_by_words() {
    for command in ["tool schema", "explain", "policy explain"] {
        among(&format!("{command} "), &["hd:list", "hd:create", "helpdesk"], &["hd:hidden", "hd:outside"]);
        check(&format!("{command} hd tickets "), &["create", "list", "ls", "picture", "upload"]);
        check(&format!("{command} hd:list "), &[]);
    }
    among("audit list --tool ", &["hd:list"], &["hd:hidden", "helpdesk"]);
}

#[test]
fn names_of_files_are_wanted_where_files_are() {
    files("--config ", Some(("", false)));
    files("--config=x", Some(("--config=", false)));
    files("--state-dir ", Some(("", true)));
    files("hd tickets create --output ", Some(("", false)));
    files("hd tickets create --body @x", Some(("@", false)));
    files("hd tickets create --body=@x", Some(("--body=@", false)));
    files("hd tickets create --body ", None);
    check("hd tickets create --body ", &["@", "-"]);
    check("hd tickets create --body -", &["@", "-"]);
    files("hd tickets create title=@x", Some(("title=@", false)));
    files("hd tickets list title=@x", None);
    files("hd tickets upload --file front=x", Some(("front=", false)));
    check("hd tickets upload --file ", &["front=", "back="]);
    files("policy test ", Some(("", false)));
    files("audit verify x ", None);
    files("trust ", Some(("", false)));
    files("catalog diff --lock-file ", Some(("", false)));
    files("hd tickets list ", None);
}

#[test]
fn workflows_are_known_where_something_takes_one() {
    let known = Canned { index: Some(catalog()) };
    let mut offers = Offers::default();
    super::arguments::Values::of_flag("workflow", "ID").offer(
        &mut offers,
        &known,
        &crate::cli::args::Options::default(),
    );
    assert_eq!(texts(&offers), ["triage"]);
}

#[test]
fn without_a_catalog_everything_of_our_own_is_there() {
    let known = Canned { index: None };
    assert!(texts(&offers("", &known)).contains(&"catalog"));
    assert_eq!(texts(&offers("completion ", &known)), ["bash", "zsh", "fish"]);
    assert_eq!(texts(&offers("--mode ", &known)), ["discover", "curated"]);
    assert!(texts(&offers("hd --", &known)).contains(&"--format"));
    for line in ["hd ", "hd tickets ", "tool schema ", "catalog list --service "] {
        assert_eq!(texts(&offers(line, &known)), [""; 0], "{line}");
    }
}
