//! The whole load: places in messages, trust, what each consumer needs, what is shown.

use super::super::world::World;
use super::super::{Location, SecretKind, SecretRef, SourceKind};
use super::*;
use serde_json::json;

const COMPLETE: &str =
    r#"{"cli": "1.0.0", "mode": {"default": "discover"}, "sources": {"a": {"type": "openapi", "uri": "a.json"}}}"#;

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let text = "{\n  \"cli\": \"1.0.0\",\n  \"souces\": {},\n  \"mode\": {\"default\": \"discovr\"},\n  \"policy\": {\"deny\": [\"ok\", \"a:**\"]},\n  \"services\": {\"ü\": {}, \"s\": {\"source\": \"tikets\"}},\n  \"sources\": {\"tickets\": {\"type\": \"openapi\", \"url\": \"x\"}}\n}";
    let world = World::new().project(text).local("{\"policy\": {\"allowExecSecrets\": 1}}");
    let expected = "\
project/.cli.json:3:3: error: unknown key `souces` (at /souces); did you mean `sources`?
project/.cli.json:4:12: error: must be one of `discover`, `curated` (at /mode/default); did you mean `discover`?
project/.cli.json:5:29: error: `**` stands only alone; inside a pattern use `*` (at /policy/deny/1)
project/.cli.json:6:16: error: `ü` must begin with a letter, digit or `_`, go on with letters, digits, `_`, `.` and `-`, and have at most 128 (at /services/ü)
project/.cli.json:6:31: error: there is no source `tikets` (at /services/s/source); did you mean `tickets`?
project/.cli.json:7:15: error: `uri` is missing (at /sources/tickets)
project/.cli.json:7:46: error: unknown key `url` (at /sources/tickets/url); did you mean `uri`?
project/.cli.local.json:1:13: error: must be true or false, not a number (at /policy/allowExecSecrets)";
    assert_eq!(world.errors(Consumer::Cli), expected);
}

#[track_caller]
fn check_refused(bytes: &[u8], words: &str) {
    let found = check_file(Path::new("/w/.cli.json"), bytes, Scope::Project);
    assert!(found.len() == 1 && found[0].to_string().contains(words), "{found:?}");
}

#[test]
fn h28_files_that_are_no_document_are_one_clear_error() {
    check_refused(b"", "/w/.cli.json:1:1: error: the file is not valid JSON: EOF while parsing a value");
    check_refused(
        "{\"ü\": 1,\n \"ü\" 2}".as_bytes(),
        "/w/.cli.json:2:6: error: the file is not valid JSON: expected `:`",
    );
    check_refused(b"{\"cli\": \"1\"} x", "1:14: error: the file is not valid JSON: trailing characters");
    check_refused(b"[1]", "one JSON object");
    check_refused(b"\xFF\xFE{", "not UTF-8");
    check_refused(b"{\"a\": {\"b\": 1, \"b\": 2}}", "stands twice in its object (at /a/b)");
    check_refused("[".repeat(100_000).as_bytes(), "recursion limit");
    check_refused(format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100)).as_bytes(), "nested deeper than 12 levels");
    check_refused(format!("{{\"{}\": 1}}", "k".repeat(300)).as_bytes(), "longer than 256 characters");
    check_refused(
        format!("{{\"policy\": {{\"deny\": [{}1]}}}}", "1,".repeat(60_000)).as_bytes(),
        "more than 50000 values",
    );
    assert!(
        check_file(Path::new("/w/.cli.json"), b"\xEF\xBB\xBF{}", Scope::Project).is_empty(),
        "a byte order mark is fine"
    );
}

#[test]
fn h28_a_file_over_the_limit_and_a_directory_are_refused() {
    let world = World::new().project(&" ".repeat(MAX_BYTES + 1));
    assert!(
        world
            .errors(Consumer::Cli)
            .contains("project/.cli.json: error: the file cannot be read: larger than 1048576 bytes")
    );
    let world = World::new().project("{}");
    let mut surroundings = world.surroundings();
    surroundings.config = Some(world.path("project"));
    let errors = load(&surroundings, Consumer::Cli).unwrap_err();
    assert!(world.shown(&errors).contains("project: error: the file cannot be read: is a directory"), "{errors:?}");
}

#[test]
fn h28_what_nobody_named_is_not_waited_for() {
    let world = World::new().discovered().project(COMPLETE);
    std::os::unix::fs::symlink("/dev/null", world.path("project/.cli.local.json")).unwrap();
    let errors = load(&world.surroundings(), Consumer::Cli).unwrap_err();
    assert!(world.shown(&errors).contains("the file cannot be read: is not a regular file"), "{errors:?}");
}

#[test]
fn a_flood_of_problems_is_cut_and_counted() {
    let keys: Vec<String> = (0..5000).map(|i| format!("\"unknown{i}\": 1")).collect();
    let found = check_file(Path::new("/w/.cli.json"), format!("{{{}}}", keys.join(",")).as_bytes(), Scope::Project);
    assert_eq!(found.len(), 100);
    assert!(found[99].to_string().ends_with("4900 more problems are not shown"), "{}", found[99]);
}

#[test]
fn no_message_shows_a_value() {
    let secret = "sk-very-secret";
    let text = json!({
        "cli": {"x": secret},
        "mode": {"default": secret},
        "sources": {"a": {"type": secret, "uri": format!("https://u:{secret}@h/")}},
        "secrets": {"s": {"type": "env", "value": secret, "command": secret}, "t": secret, "o": {"type": "oauth2", "mode": secret}},
        "runtime": {"remote": {"url": secret, "oauth": {"mode": "providedToken", "tokenRef": secret}}},
        "policy": {"deny": [format!("{secret}**")]}
    });
    let errors = World::new().project(&text.to_string()).errors(Consumer::Cli);
    assert!(errors.lines().count() >= 8 && !errors.contains(secret), "{errors}");
}

#[test]
fn h42_keys_are_shown_without_control_characters() {
    let errors = World::new().project("{\"\\u001b[31mx\\n\": 1}").errors(Consumer::Cli);
    let message = errors.split(" (at ").next().unwrap();
    assert!(message.contains("unknown key `\\u{1b}[31mx\\n`"), "{errors}");
}

#[test]
fn a_missing_named_file_is_an_error() {
    let world = World::new();
    let mut surroundings = world.surroundings();
    surroundings.config = Some(world.path("project/none.json"));
    let errors = load(&surroundings, Consumer::Cli).unwrap_err();
    assert_eq!(
        world.shown(&errors),
        "project/none.json: error: the file named by --config does not exist; check the path"
    );
}

#[test]
fn the_cli_needs_nothing_and_the_toolbox_needs_a_whole() {
    let empty = World::new().loaded();
    assert!(empty.path.is_none() && empty.config.files.is_empty() && empty.raw == json!({}));
    assert!(World::new().errors(Consumer::Toolbox).contains("no configuration was found"));
    let errors = World::new().project("{}").errors(Consumer::Toolbox);
    for words in ["`cli` is missing", "`mode.default` is missing", "there is no source"] {
        assert!(errors.contains(words), "{errors}");
    }
    let world = World::new().project(COMPLETE);
    let loaded = world.load(Consumer::Toolbox).unwrap();
    assert_eq!(loaded.path, Some(world.path("project/.cli.json")));
    let mcp = r#"{"cli": "1.0.0", "mode": {"default": "discover"}, "mcpServers": {"a": {"command": "x"}}}"#;
    World::new().project(mcp).load(Consumer::Toolbox).unwrap();
}

#[test]
fn a_complete_whole_may_come_from_several_partial_files() {
    let world = World::new()
        .managed(r#"{"cli": "1.0.0"}"#)
        .user(r#"{"mode": {"default": "discover"}}"#)
        .project(r#"{"sources": {"a": {"type": "openapi"}}}"#)
        .local(r#"{"sources": {"a": {"uri": "a.json"}}}"#);
    let loaded = world.load(Consumer::Toolbox).unwrap();
    let scopes: Vec<_> = loaded.config.files.iter().map(|file| file.scope).collect();
    assert_eq!(scopes, [Scope::Managed, Scope::User, Scope::Project, Scope::Local]);
}

#[test]
fn h16_a_discovered_file_says_where_tokens_go_only_when_trusted() {
    let remote = r#"{"runtime": {"remote": {"url": "https://collector.example.net"}}}"#;
    for (name, world) in [
        ("project/.cli.json", World::new().discovered().project(remote)),
        ("project/.cli.local.json", World::new().discovered().local(remote)),
    ] {
        let errors = world.errors(Consumer::Cli);
        assert!(errors.starts_with(&format!("{name}:1:14: error: this file was only found here")), "{errors}");
        assert!(errors.contains("`open-cli trust`") && errors.contains("--config project/.cli.json"), "{errors}");
        let world = world.trust(name);
        world.loaded();
        let world = world.file(name, &remote.replace("collector", "collector2"));
        assert!(world.errors(Consumer::Cli).contains("not trusted"), "trust is for one content");
    }
    // Named, managed and user files need none, nor does a discovered file that says nothing about the runtime.
    World::new().project(remote).local(remote).loaded();
    World::new().managed(remote).loaded();
    World::new().discovered().user(remote).loaded();
    World::new().discovered().project(COMPLETE).loaded();
}

#[test]
fn h16_a_toolbox_trusts_nothing_it_only_found() {
    let world = World::new().discovered().project(COMPLETE).local("{}");
    let errors = world.errors(Consumer::Toolbox);
    assert!(errors.contains("project/.cli.json:1:1: error: this file was only found here"), "{errors}");
    assert!(errors.contains("project/.cli.local.json:1:1: error"), "{errors}");
    let world = world.trust("project/.cli.json").trust("project/.cli.local.json");
    world.load(Consumer::Toolbox).unwrap();
    World::new().project(COMPLETE).load(Consumer::Toolbox).unwrap();
    World::new().user(COMPLETE).load(Consumer::Toolbox).unwrap();
}

#[test]
fn h16_without_or_with_a_damaged_trust_list_nothing_is_trusted() {
    let world = World::new().discovered().project(COMPLETE).trust("project/.cli.json");
    let mut surroundings = world.surroundings();
    surroundings.trust_file = None;
    assert!(load(&surroundings, Consumer::Toolbox).is_err());
    let world = world.file("trust.json", "no list");
    assert!(world.errors(Consumer::Toolbox).contains("is damaged"));
}

#[test]
fn relative_references_lie_beside_the_file_that_says_them() {
    let service = |name: &str| format!(r#"{{"source": "{name}", "overlays": ["o/{name}.json"]}}"#);
    let file = |name: &str| {
        format!(
            r#"{{"sources": {{"{name}": {{"type": "openapi", "uri": "../{name}.json"}}}}, "services": {{"{name}": {}}},
                "secrets": {{"{name}": {{"type": "file", "value": "{name}.key"}}}}}}"#,
            service(name)
        )
    };
    let world = World::new().managed(&file("m")).user(&file("u")).project(&file("p")).local(&file("l"));
    let config = world.loaded().config;
    for (name, directory) in [("m", "managed"), ("u", "user"), ("p", "project"), ("l", "project")] {
        let SourceKind::OpenApi(location) = &config.sources[name].kind else { panic!() };
        assert_eq!(*location, Location::File(world.path(&format!("{name}.json"))));
        assert_eq!(config.sources[name].uri, format!("../{name}.json"), "shown as written");
        let overlay = Location::File(world.path(&format!("{directory}/o/{name}.json")));
        assert_eq!(config.services[name].overlays, [overlay]);
        let SecretKind::Value(SecretRef::File(path)) = &config.secrets[name].kind else { panic!() };
        assert_eq!(*path, world.path(&format!("{directory}/{name}.key")));
    }
    // The file that said a field last is the one it lies beside.
    let world = World::new()
        .user(r#"{"sources": {"a": {"type": "openapi", "uri": "a.json"}}}"#)
        .project(r#"{"sources": {"a": {"refresh": {"manualOnly": true}}}}"#);
    let SourceKind::OpenApi(location) = &world.loaded().config.sources["a"].kind else { panic!() };
    assert_eq!(*location, Location::File(world.path("user/a.json")));
}

#[test]
fn literals_outside_the_local_file_warn() {
    let literal = r#"{"secrets": {"s": {"type": "literal", "value": "sk-very-secret"}}}"#;
    let world = World::new().project(literal);
    let shown = world.shown(&world.loaded().warnings);
    assert!(shown.starts_with("project/.cli.json:1:39: warning: a literal secret"), "{shown}");
    assert!(!shown.contains("sk-very-secret"));
    assert!(World::new().project("{}").local(literal).loaded().warnings.is_empty());
    let client = r#"{"secrets": {"s": {"type": "oauth2", "mode": "clientCredentials",
        "clientId": {"type": "literal", "value": "public"}, "clientSecret": {"type": "literal", "value": "hidden"}}}}"#;
    let world = World::new().project(client);
    let shown = world.shown(&world.loaded().warnings);
    assert!(shown.contains("at /secrets/s/clientSecret/value") && !shown.contains("clientId"), "{shown}");
}

#[test]
fn h24_what_is_shown_holds_no_secret_and_says_where_it_came_from() {
    let secret = "sk-very-secret";
    let text = json!({
        "sources": {
            "env": {"type": "mcp", "transport": {"type": "stdio", "command": "x", "env": {"KEY": secret}}},
            "headers": {"type": "mcp", "transport": {"type": "sse", "url": format!("https://h/?key={secret}"), "headers": {"X": secret}}}
        },
        "secrets": {
            "env": {"type": "oauth2", "mode": "clientCredentials", "clientSecret": {"type": "literal", "value": secret}},
            "headers": {"type": "literal", "value": secret}
        }
    });
    let world = World::new().user(r#"{"cli": "1.0.0"}"#).project(&text.to_string());
    let loaded = world.loaded();
    let shown = loaded.raw.to_string();
    assert!(!shown.contains(secret), "{shown}");
    assert!(!format!("{:?}", loaded.config).contains(secret));
    assert_eq!(loaded.raw["secrets"]["env"]["mode"], "clientCredentials");
    assert_eq!(loaded.raw["sources"]["env"]["transport"]["env"]["KEY"], "[redacted]");
    assert_eq!(loaded.origins["/cli"], world.path("user/.cli.json"));
    assert_eq!(loaded.origins["/secrets/headers/value"], world.path("project/.cli.json"));
    assert!(loaded.config.sources["headers"].uri == "https://h/");
}

#[test]
fn a_persons_order_of_keys_is_kept() {
    let world = World::new()
        .project(r#"{"sources": {"z": {"uri": "z", "type": "openapi"}}, "cli": "1"}"#)
        .local(r#"{"cli": "2", "sources": {"a": {"type": "openapi", "uri": "a"}}}"#);
    assert_eq!(
        world.merged().to_string(),
        r#"{"sources":{"z":{"uri":"z","type":"openapi"},"a":{"type":"openapi","uri":"a"}},"cli":"2"}"#
    );
}

#[test]
fn one_broken_file_does_not_silence_the_others() {
    let errors = World::new().user("{").project(r#"{"clii": 1}"#).errors(Consumer::Cli);
    assert!(
        errors.contains("user/.cli.json:1:1: error: the file is not valid JSON") && errors.contains("`clii`"),
        "{errors}"
    );
}
