//! Whole toolboxes in this process: configuration on disk, a socket on loopback, an ordered end.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::*;
use crate::audit::chain::Verifier;
use crate::base::host::{Clock, Env, Terminal};
use crate::catalog::view::Detail;

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A machine with one project of one local description.
struct World {
    dir: PathBuf,
    stdout: Text,
    stderr: Text,
}

impl Drop for World {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).ok();
    }
}

fn config() -> Value {
    json!({
        "cli": "1.0.0",
        "mode": {"default": "discover"},
        "sources": {"shop": {"type": "openapi", "uri": "shop.json"}},
        "services": {"shop": {"source": "shop"}},
    })
}

fn description(operation: &str) -> Value {
    let get = json!({"operationId": operation, "responses": {"200": {"description": "ok"}}});
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "servers": [{"url": "http://127.0.0.1:9"}],
        "paths": {"/items": {"get": get}},
    })
}

impl World {
    fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("open-cli-toolbox-{}", host::random_id().unwrap()));
        disk::create_private_dir(&dir).unwrap();
        let world = Self { dir, stdout: Text::default(), stderr: Text::default() };
        world.write(".cli.json", &config());
        world.write("shop.json", &description("listItems"));
        world
    }

    fn write(&self, name: &str, value: &Value) {
        let path = self.dir.join(name);
        fs::write(&path, value.to_string()).unwrap();
        // Another moment than the last time, however coarse the file system's clock is.
        let moment = SystemTime::now() + Duration::from_secs(host::random::<1>().unwrap()[0].into());
        fs::File::options().write(true).open(&path).unwrap().set_modified(moment).unwrap();
    }

    fn host(&self, args: &[&str]) -> Host {
        let home = self.dir.to_str().unwrap().to_owned();
        Host {
            args: args.iter().map(OsString::from).collect(),
            env: Env::new([("HOME".to_owned(), home)]),
            cwd: self.dir.clone(),
            stdin: Box::new(std::io::empty()),
            stdout: Box::new(self.stdout.clone()),
            stderr: Box::new(self.stderr.clone()),
            terminal: Terminal::default(),
            clock: Clock::system(),
            managed_dir: self.dir.join("managed"),
        }
    }

    fn start(&self, args: &[&str]) -> Result<Toolbox, StartError> {
        let mut all = vec!["--config", ".cli.json"];
        all.extend_from_slice(args);
        let host = self.host(&all);
        let Ok(Wish::Serve(flags)) = flags::parse(&host.args) else { panic!("flags that serve") };
        let log = Log::new(Box::new(self.stderr.clone()), flags.log_format, host.clock.clone());
        Toolbox::start(&host, &flags, log)
    }

    #[track_caller]
    fn runs(&self, args: &[&str], exit: u8, part: &str) {
        let code = run(self.host(args));
        let said = format!("{}{}", self.stdout.take(), self.stderr.take());
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(exit)), "{said}");
        assert!(said.contains(part), "{said}");
    }
}

fn tools(toolbox: &Toolbox) -> Vec<String> {
    let snapshot = toolbox.app.snapshot().unwrap();
    snapshot.shelf.catalog.catalog().tools.iter().map(|tool| tool.id.to_string()).collect()
}

#[test]
fn a_toolbox_serves_and_ends_in_good_order() {
    let world = World::new();
    let toolbox = world.start(&["--addr", "127.0.0.1:0"]).unwrap();
    let record = toolbox.app.instance.runtime_file();
    let (audit, instance) = (toolbox.app.audit.path().to_owned(), toolbox.app.instance.id.clone());
    let published: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    assert_eq!(published["url"], format!("http://{}", toolbox.addr()));
    assert_eq!(published["instanceId"], instance);
    for file in [&record, &audit] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut stream = TcpStream::connect(toolbox.addr()).unwrap();
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", toolbox.addr()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("{\"status\":\"ready\"}"), "{answer}");
    toolbox.stop();
    assert!(!record.exists());
    let mut chain = Verifier::default();
    let written = fs::read_to_string(&audit).unwrap();
    written.lines().for_each(|line| chain.take(line.as_bytes()));
    let (head, broken) = chain.finish();
    assert_eq!((head.seq, broken), (2, None), "{written}");
    assert!(world.stderr.take().contains(&format!("auditHead={head}")));
}

#[test]
fn h39_an_instance_has_one_toolbox() {
    let world = World::new();
    let first = world.start(&["--addr", "127.0.0.1:0"]).unwrap();
    let second = world.start(&["--addr", "127.0.0.1:0"]).unwrap_err();
    assert_eq!(second.exit, 1);
    assert!(second.messages[0].contains("in use by another toolbox"), "{second:?}");
    let audit = first.app.audit.path().to_str().unwrap().to_owned();
    let shared = world.start(&["--addr", "127.0.0.1:0", "--instance-id", "b", "--audit-path", &audit]).unwrap_err();
    assert!(shared.messages[0].contains("another process writes the audit file"), "{shared:?}");
    first.stop();
    world.start(&["--addr", "127.0.0.1:0"]).unwrap().stop();
}

#[test]
fn a_named_instance_finds_a_free_port() {
    let world = World::new();
    // Whoever has the default port, it is taken.
    let _taken = TcpListener::bind(DEFAULT_ADDR);
    let toolbox = world.start(&["--instance-id", "team-b"]).unwrap();
    assert_ne!(toolbox.addr(), DEFAULT_ADDR);
    let taken = toolbox.addr().to_string();
    let error = world.start(&["--instance-id", "team-c", "--addr", &taken]).unwrap_err();
    assert!(error.messages[0].contains("choose another --addr"), "{error:?}");
    toolbox.stop();
}

#[test]
fn files_that_change_are_seen_and_bad_ones_keep_the_old() {
    let world = World::new();
    let toolbox = world.start(&["--addr", "127.0.0.1:0"]).unwrap();
    let state = &toolbox.app.state;
    assert_eq!(tools(&toolbox), ["shop:listItems"]);
    world.write("shop.json", &description("showItems"));
    look(&toolbox.app);
    assert_eq!(tools(&toolbox), ["shop:showItems"]);
    assert_eq!(state.due(), Due::Nothing);

    let mut open = config();
    open["policy"] = json!({"deny": ["shop:*"]});
    world.write(".cli.json", &open);
    look(&toolbox.app);
    assert_eq!(toolbox.app.snapshot().unwrap().shelf.listed.count(), 0);

    for bad in [json!({"cli": 1}), closed(&json!({"type": "env", "value": "NOT_SET"}))] {
        world.write(".cli.json", &bad);
        assert_eq!(state.due(), Due::Reload);
        look(&toolbox.app);
        assert_eq!(toolbox.app.snapshot().unwrap().shelf.listed.count(), 0, "the old one stays in force");
        assert_eq!(state.due(), Due::Nothing, "a bad file is not read again and again");
    }
    assert!(world.stderr.take().contains("the old one stays in force"));
    toolbox.stop();
}

/// The world's configuration with token validation, as whom the issuer is asked.
fn closed(client_id: &Value) -> Value {
    let mut closed = config();
    closed["runtime"] = json!({"server": {"auth": {
        "validationProfile": "oauth2_introspection", "audience": "a", "introspectionURL": "https://i.example/",
        "clientId": client_id,
    }}});
    closed
}

#[test]
fn h05_a_reload_may_turn_auth_on_and_change_it_but_not_off() {
    let world = World::new();
    let toolbox = world.start(&["--addr", "127.0.0.1:0"]).unwrap();
    let validator = || toolbox.app.state.served().validator.clone();
    let reload = |config: &Value| {
        world.write(".cli.json", config);
        look(&toolbox.app);
    };
    assert!(world.stderr.take().contains("runtime auth is off"));
    let by_name = |name: &str| closed(&json!({"type": "literal", "value": name}));
    reload(&by_name("one"));
    let first = validator().expect("auth is on");
    let mut same = by_name("one");
    same["policy"] = json!({"deny": ["shop:*"]});
    reload(&same);
    assert!(Arc::ptr_eq(&first, &validator().unwrap()), "the same settings keep what is remembered");
    reload(&by_name("two"));
    assert!(!Arc::ptr_eq(&first, &validator().unwrap()), "other settings forget it");
    reload(&config());
    assert!(validator().is_some(), "turning it off takes a restart");
    assert!(world.stderr.take().contains("takes a restart"));
    toolbox.stop();
}

#[test]
fn a_stop_is_heard_while_a_build_hangs() {
    let world = World::new();
    let toolbox = world.start(&["--addr", "127.0.0.1:0"]).unwrap();
    let app = Arc::clone(toolbox.app());
    let hanging = app.state.hold_builds();
    app.orders.send(Order::Reload).unwrap();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        toolbox.stop();
        ended.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(60)).expect("the stop waits for nobody's build");
    drop(hanging);
    // The build lets go of the application last.
    let deadline = Deadline::after(Duration::from_secs(60));
    while Arc::strong_count(&app) > 1 && !deadline.passed() {
        host::sleep(Duration::from_millis(10));
    }
    assert!(world.stderr.take().contains("configuration reloaded"));
    let written = fs::read_to_string(app.audit.path()).unwrap();
    let last = written.lines().last().unwrap();
    assert!(last.contains("\"runtime_stop\"") && !written.contains("config_reload"), "{written}");
}

#[test]
fn a_refresh_is_done_once_and_keeps_bytes_that_did_not_change() {
    let world = World::new();
    let toolbox = world.start(&["--addr", "127.0.0.1:0"]).unwrap();
    let etag = |toolbox: &Toolbox| {
        let shelf = Arc::clone(&toolbox.app.snapshot().unwrap().shelf);
        shelf.effective(&shelf.listed, "discover", Detail::Full).unwrap().etag
    };
    let before = (etag(&toolbox), toolbox.app.snapshot().unwrap());
    let first = toolbox.app.state.refresh().unwrap();
    assert!(!Arc::ptr_eq(&before.1, &first));
    assert!(Arc::ptr_eq(&first, &toolbox.app.state.refresh().unwrap()), "the second gets the first one's result");
    assert_eq!(etag(&toolbox), before.0);
    assert_eq!(first.report.len(), 1);
    toolbox.stop();
}

#[test]
fn h25_a_source_that_fails_costs_only_itself() {
    let world = World::new();
    let mut config = config();
    config["sources"]["gone"] = json!({"type": "openapi", "uri": "gone.json"});
    world.write(".cli.json", &config);
    world.runs(&["--check", "--config", ".cli.json"], 3, "source `gone`");
    let toolbox = world.start(&["--addr", "127.0.0.1:0"]).unwrap();
    assert_eq!(tools(&toolbox), ["shop:listItems"]);
    toolbox.stop();
    assert!(world.stderr.take().contains("source=gone"));
}

#[test]
fn the_program_says_what_is_wrong_and_how_it_ends() {
    let world = World::new();
    world.runs(&["--version"], 0, &format!("open-cli-toolbox {}\n", crate::VERSION));
    world.runs(&["--help"], 0, "--config FILE");
    world.runs(&["--nonsense"], 2, "no flag `--nonsense`");
    world.runs(&["--config", "none.json"], 3, "none.json");
    world.runs(&["--check", "--config", ".cli.json"], 0, "ok: 1 tool from 1 source");
    let mut slip = config();
    slip["policy"] = json!({"deny": ["shop:lsitItems"]});
    world.write(".cli.json", &slip);
    world.runs(&["--check", "--config", ".cli.json"], 0, "`shop:lsitItems` of policy.deny matches no tool");
    world.runs(&["--check"], 3, "trust");
    let mut away = closed(&json!({"type": "literal", "value": "x"}));
    away["runtime"]["server"]["auth"]["introspectionURL"] = json!("http://127.0.0.1:1/");
    world.write(".cli.json", &away);
    world.runs(&["--check", "--config", ".cli.json"], 3, "runtime.server.auth: ");
    let keys = json!({"validationProfile": "oidc_jwks", "audience": "a", "issuer": "http://127.0.0.1:1"});
    away["runtime"]["server"]["auth"] = keys;
    world.write(".cli.json", &away);
    world.runs(&["--check", "--config", ".cli.json"], 3, "keys could not be fetched");
    world.write(".cli.json", &closed(&json!({"type": "env", "value": "NOT_SET"})));
    world.runs(&["--config", ".cli.json", "--addr", "127.0.0.1:0"], 3, "NOT_SET");
}

/// What a toolbox answers to a POST.
fn post(toolbox: &Toolbox, path: &str, body: &Value) -> (u16, String) {
    let (mut stream, body) = (TcpStream::connect(toolbox.addr()).unwrap(), body.to_string());
    let lines = ["Content-Type: application/json".to_owned(), format!("Content-Length: {}", body.len())].join("\r\n");
    let addr = toolbox.addr();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: {addr}\r\n{lines}\r\nConnection: close\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn h15_the_managed_file_denies_and_is_named() {
    let world = World::new();
    fs::create_dir(world.dir.join("managed")).unwrap();
    world.write("managed/.cli.json", &json!({"policy": {"deny": ["shop:list*"]}}));
    let mut config = config();
    config["policy"] = json!({"deny": ["shop:list*", "*:listItems"]});
    world.write(".cli.json", &config);
    let toolbox = world.start(&["--addr", "127.0.0.1:0"]).unwrap();
    let call = json!({"toolId": "shop:listItems", "approval": true});
    assert_eq!(post(&toolbox, contract::path::EXECUTE, &call), (403, "managed_deny".to_owned()));
    let (status, answer) = post(&toolbox, contract::path::POLICY_EXPLAIN, &call);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let explained = &answer["explanations"][0];
    assert_eq!(
        (status, &explained["verdict"], &explained["decidedBy"]),
        (200, &json!("managed_deny"), &json!("managed_deny"))
    );
    let managed = json!({
        "scope": "managed", "file": world.dir.join("managed/.cli.json").to_str().unwrap(), "pointer": "/policy/deny/0",
        "line": 1, "column": 20,
    });
    let [by_managed, by_all] = [2, 3].map(|at| &explained["rules"][at]);
    assert_eq!(by_managed["patterns"], json!([{"pattern": "shop:list*", "list": "policy.deny", "places": [managed]}]));
    assert!(by_managed["change"].as_str().unwrap().starts_with("only whoever administers the toolbox's machine"));
    // The other files' patterns stand in the way too, and the managed one is still nobody else's to lift.
    assert_eq!(by_all["patterns"][0]["places"].as_array().unwrap().len(), 2);
    let change = by_all["change"].as_str().unwrap();
    assert!(
        change.contains("only whoever administers") && change.contains("can take `*:listItems` out of it"),
        "{change}"
    );
    toolbox.stop();
}

#[test]
fn h16_a_managed_tool_set_is_its_administrators_to_widen() {
    let world = World::new();
    fs::create_dir(world.dir.join("managed")).unwrap();
    let sets = json!({"toolSets": {"some": {"allow": ["shop:get*"], "deny": ["**"]}}});
    world.write("managed/.cli.json", &json!({"curation": sets}));
    let mut config = config();
    config["agents"] = json!({"profiles": {"p": {"toolSet": "some"}}});
    world.write(".cli.json", &config);
    let toolbox = world.start(&["--addr", "127.0.0.1:0"]).unwrap();
    let ask = json!({"toolId": "shop:listItems", "agentProfile": "p"});
    let answer: Value = serde_json::from_str(&post(&toolbox, contract::path::POLICY_EXPLAIN, &ask).1).unwrap();
    let rule = &answer["explanations"][0]["rules"][4];
    assert_eq!((&rule["rule"], &rule["result"]), (&json!("curated_deny"), &json!("denied")));
    let change = rule["change"].as_str().unwrap();
    assert!(change.starts_with("only whoever administers the toolbox's machine can add a pattern"), "{change}");
    toolbox.stop();
}
