//! Tokens of the command line, end to end: real commands against a small issuer and a small runtime in this process.
//!
//! Both are one listener that counts what it is asked, so that a test can say how often.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use open_cli::base::form::Form;
use serde_json::{Value, json};

use crate::heard::Heard;
use crate::program::eventually;
use crate::world::World;

/// What both sides know.
#[derive(Default)]
struct Scene {
    /// Requests in order: method and path, headers, form or body.
    seen: Vec<Seen>,
    /// How many tokens were given.
    given: usize,
    /// Tokens that the runtime refuses.
    revoked: Vec<String>,
    /// What the token endpoint says instead of a token.
    refusal: Option<(u16, Value)>,
    /// Whether the runtime says how to log in at a browser.
    browser: bool,
    /// Merged into each answer with a token.
    more: BTreeMap<String, Value>,
    /// Merged into each answer of an exchange.
    exchanged: BTreeMap<String, Value>,
    /// Written when the runtime refuses a token: somebody renews it.
    on_refusal: Option<(PathBuf, String)>,
    /// How many executions each token is good for, when there is a limit.
    good_for: BTreeMap<String, usize>,
}

struct Seen {
    line: String,
    authorization: Option<String>,
    etag: Option<String>,
    body: String,
}

/// An issuer and a runtime at one address.
struct Broker {
    url: String,
    scene: Arc<Mutex<Scene>>,
}

impl Broker {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let scene = Arc::new(Mutex::new(Scene::default()));
        let (shared, own) = (Arc::clone(&scene), url.clone());
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (scene, own) = (Arc::clone(&shared), own.clone());
                std::thread::spawn(move || serve(stream, &scene, &own));
            }
        });
        Self { url, scene }
    }

    fn scene(&self) -> std::sync::MutexGuard<'_, Scene> {
        self.scene.lock().unwrap()
    }

    /// How many requests there were whose line has this text.
    fn count(&self, text: &str) -> usize {
        self.scene().seen.iter().filter(|seen| seen.line.contains(text)).count()
    }

    /// The last form that the token endpoint got.
    fn form(&self) -> Form {
        let scene = self.scene();
        let last = scene.seen.iter().rev().find(|seen| seen.line.starts_with("POST /token"));
        Form::parse(&last.expect("a token was asked for").body)
    }

    /// A world whose config names this runtime and `oauth`.
    fn world(&self, oauth: &Value) -> World {
        let config = json!({"runtime": {"remote": {"url": self.url, "oauth": oauth}}});
        let world = World::new().file(".cli.json", &config.to_string()).env("CLIENT_SECRET", "s3cret&");
        world.run("open-cli trust").stdout_has(&["sha256"]);
        world
    }

    fn client(&self, more: &Value) -> World {
        let mut oauth = json!({
            "mode": "oauthClient",
            "scopes": ["bundle:demo", "runtime:admin"],
            "client": {
                "tokenURL": format!("{}/token", self.url),
                "clientId": {"type": "literal", "value": "agent"},
                "clientSecret": {"type": "env", "value": "CLIENT_SECRET"},
            },
        });
        oauth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.world(&oauth)
    }
}

fn serve(stream: TcpStream, scene: &Mutex<Scene>, own: &str) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let heard = Heard::read(&mut reader)?;
        let field = |name: &str| heard.header(name).map(str::to_owned);
        let (authorization, etag) = (field("authorization"), field("if-none-match"));
        let seen = Seen { line: heard.line().to_owned(), authorization, etag, body: heard.text() };
        let (status, media, text) = answer(&seen, &mut scene.lock().unwrap(), own);
        scene.lock().unwrap().seen.push(seen);
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {media}\r\nETag: \"e1\"\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        stream.write_all(format!("{head}{text}").as_bytes()).ok()?;
    }
}

fn answer(seen: &Seen, scene: &mut Scene, own: &str) -> (u16, &'static str, String) {
    let json = |value: &Value| (200, "application/json", value.to_string());
    let path = seen.line.split_whitespace().nth(1).unwrap_or("").split('?').next().unwrap_or("");
    match path {
        "/token" | "/exchange" => token(seen, scene),
        "/v1/runtime/info" | "/v1/catalog/effective" => {
            let token = seen.authorization.as_deref().unwrap_or("").trim_start_matches("Bearer ");
            if scene.revoked.iter().any(|revoked| revoked == token) || !token.starts_with("t-") {
                if let Some((path, text)) = scene.on_refusal.take() {
                    fs::write(path, text).unwrap();
                }
                return (401, "text/plain", "authn_failed".to_owned());
            }
            if path == "/v1/catalog/effective" {
                return (200, "application/json", include_str!("../../testdata/cli/summary.json").to_owned());
            }
            json(&json!({
                "contractVersion": "1.1", "capabilities": ["catalog", "catalog-summary"], "instanceId": "fake", "url": own,
                "auth": {"required": true, "principal": "agent"},
            }))
        }
        "/v1/tools/execute" => {
            let token = seen.authorization.as_deref().unwrap_or("").trim_start_matches("Bearer ").to_owned();
            match scene.good_for.get_mut(&token) {
                Some(0) => return (401, "text/plain", "authn_failed".to_owned()),
                Some(left) => *left -= 1,
                None => {}
            }
            json(&json!({"statusCode": 200, "body": {"as": token}}))
        }
        "/v1/auth/browser-config" if scene.browser => json(&json!({
            "authorizationURL": format!("{own}/authorize"), "tokenURL": format!("{own}/token"), "clientId": "people",
            "audience": "toolbox", "issuer": own,
        })),
        _ => (404, "text/plain", "not_found".to_owned()),
    }
}

fn token(seen: &Seen, scene: &mut Scene) -> (u16, &'static str, String) {
    if let Some((status, refusal)) = &scene.refusal {
        return (*status, "application/json", refusal.to_string());
    }
    scene.given += 1;
    let form = Form::parse(&seen.body);
    let mut answer = json!({"access_token": format!("t-{}", scene.given), "token_type": "Bearer", "expires_in": 3600});
    if let Some(scope) = form.get("scope") {
        answer["scope"] = json!(scope);
    }
    let more = if seen.line.contains("/exchange") {
        answer["issued_token_type"] = json!("urn:ietf:params:oauth:token-type:access_token");
        &scene.exchanged
    } else {
        &scene.more
    };
    answer.as_object_mut().unwrap().extend(more.clone());
    (200, "application/json", answer.to_string())
}

#[test]
fn a_client_gets_a_token_once() {
    let broker = Broker::start();
    let world = broker.client(&json!({"audience": "toolbox", "resource": "https://t/"}));
    world.run("open-cli auth token").stdout("t-1\n");
    world.run("open-cli auth token").stdout("t-1\n");
    assert_eq!(broker.count("POST /token"), 1);
    let form = broker.form();
    for (name, value) in [
        ("grant_type", "client_credentials"),
        ("scope", "bundle:demo runtime:admin"),
        ("audience", "toolbox"),
        ("resource", "https://t/"),
        ("client_id", "agent"),
        ("client_secret", "s3cret&"),
    ] {
        assert_eq!(form.get(name), Some(value), "{name}");
    }
}

#[test]
fn h39_twenty_commands_at_once_make_one_token_request() {
    let broker = Broker::start();
    let world = broker.client(&json!({}));
    let start = || {
        let mut command = world.command(env!("CARGO_BIN_EXE_open-cli"));
        command.args(["auth", "token"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let commands: Vec<_> = (0..20).map(|_| start()).collect();
    for command in commands {
        let output = command.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "t-1\n");
    }
    assert_eq!(broker.count("POST /token"), 1);
}

#[test]
fn basic_authentication_encodes_the_secret() {
    let broker = Broker::start();
    let world = broker.client(&json!({}));
    let config = fs::read_to_string(world.path(".cli.json")).unwrap();
    let config = config.replace("\"tokenURL\"", "\"tokenEndpointAuthMethod\":\"client_secret_basic\",\"tokenURL\"");
    world.write(".cli.json", &config);
    world.run("open-cli trust").stdout_has(&["sha256"]);
    world.run("open-cli auth token").stdout("t-1\n");
    assert_eq!(broker.form().get("client_secret"), None);
    // agent:s3cret%26
    assert_eq!(broker.scene().seen[0].authorization.as_deref(), Some("Basic YWdlbnQ6czNjcmV0JTI2"));
}

#[test]
fn a_refused_token_is_replaced_once_and_silently() {
    let broker = Broker::start();
    let world = broker.client(&json!({}));
    world.run("open-cli catalog list --format yaml").stdout_has(&["tickets"]);
    broker.scene().revoked.push("t-1".to_owned());
    world.run("open-cli catalog list --format yaml").stdout_has(&["tickets"]);
    assert_eq!(broker.count("/token"), 2);
    broker.scene().revoked.extend(["t-2".to_owned(), "t-3".to_owned()]);
    world.run("open-cli catalog list").stderr_has(&["authn_failed", "auth status"]).status(5);
    assert_eq!(broker.count("/token"), 3);
    world.run("open-cli catalog list --format yaml").stdout_has(&["tickets"]);
    assert_eq!(broker.count("/token"), 4, "a refused token is replaced by the next command");
}

#[test]
fn a_batch_renews_its_token_once_for_all_its_calls_and_as_often_as_it_ends() {
    let broker = Broker::start();
    let lines = "{\"tool\": \"hd:status\"}\n".repeat(40);
    broker.scene().good_for.insert("t-1".to_owned(), 10);
    let world = broker.client(&json!({}));
    let line = "open-cli batch - --parallel 8";
    let out = world.run_with_input(line, lines.as_bytes()).stderr_has(&["40 calls: 40 ok, 0 failed"]).into_stdout();
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out.matches("{\"as\":\"t-1\"}").count(), 10, "{out}");
    assert_eq!(out.matches("{\"as\":\"t-2\"}").count(), 30, "{out}");
    assert_eq!(broker.count("POST /token"), 2);
    assert_eq!(broker.count("/effective"), 1, "the catalog is asked for once");
    broker.scene().good_for.extend((2..=4).map(|n| (format!("t-{n}"), 10)));
    let line = "open-cli batch - --parallel 1";
    world
        .run_with_input(line, lines.as_bytes())
        .stderr_has(&["40 calls: 40 ok"])
        .stdout_has(&["t-2", "t-3", "t-4", "t-5"]);
    // What the runtime never takes is not renewed over and over.
    broker.scene().good_for.extend((5..=50).map(|n| (format!("t-{n}"), 0)));
    let before = broker.count("POST /token");
    world
        .run_with_input("open-cli batch - --parallel 4", lines.as_bytes())
        .stdout_has(&["\"code\":\"authn_failed\""])
        .stderr_has(&["40 of 40 calls failed"])
        .status(5);
    assert_eq!(broker.count("POST /token"), before + 1);
}

#[test]
fn a_new_token_does_not_fetch_the_catalog_anew() {
    let broker = Broker::start();
    broker.scene().more.insert("expires_in".to_owned(), json!(0));
    let world = broker.client(&json!({}));
    for _ in 0..2 {
        world.run("open-cli catalog list --format yaml").stdout_has(&["tickets"]);
    }
    assert!(broker.count("/token") >= 2);
    let scene = broker.scene();
    let asked = scene.seen.iter().filter(|seen| seen.line.contains("/effective"));
    assert_eq!(asked.map(|seen| seen.etag.as_deref()).collect::<Vec<_>>(), [None, Some("\"e1\"")]);
}

#[test]
fn a_spoiled_cache_is_no_cache() {
    let broker = Broker::start();
    let world = broker.client(&json!({}));
    world.run("open-cli auth token --instance-id one").stdout("t-1\n");
    let directory = world.root().join("state/open-cli/instances/one/oauth");
    for entry in fs::read_dir(directory).unwrap() {
        fs::write(entry.unwrap().path(), "{").unwrap();
    }
    world.run("open-cli auth token --instance-id one").stdout("t-2\n");
    world.run("open-cli auth token --instance-id two").stdout("t-3\n");
}

#[test]
fn without_a_place_for_state_there_is_no_cache() {
    let broker = Broker::start();
    let world = broker.client(&json!({}));
    let nowhere = || {
        let mut command = world.command(env!("CARGO_BIN_EXE_open-cli"));
        command.args(["--config", ".cli.json", "auth", "token"]);
        for name in ["HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!((nowhere().as_str(), nowhere().as_str()), ("t-1\n", "t-2\n"));
}

#[test]
fn a_narrower_grant_is_used_and_told() {
    let broker = Broker::start();
    broker.scene().more.insert("scope".to_owned(), json!("bundle:demo"));
    let world = broker.client(&json!({}));
    world.run("open-cli auth token").stdout("t-1\n").stderr_has(&["did not grant", ": runtime:admin"]);
    world.run("open-cli auth token").stdout("t-1\n");
    world.run("open-cli auth status").stdout_json(&[
        ("/loggedIn", json!(true)),
        ("/mode", json!("oauthClient")),
        ("/principal", json!("agent")),
        ("/scopes", json!(["bundle:demo"])),
        ("/notGranted", json!(["runtime:admin"])),
    ]);
}

#[test]
fn h24_what_an_issuer_refuses_is_told_without_secrets() {
    let broker = Broker::start();
    let refusal = json!({"error": "invalid_client", "error_description": "not s3cret&, \u{1b}[2J"});
    broker.scene().refusal = Some((401, refusal));
    let world = broker.client(&json!({}));
    let texts = ["refused: invalid_client: not [redacted],", "tokenEndpointAuthMethod", "\"code\":\"issuer_refused\""];
    world.run("open-cli catalog list -v").stderr_has(&texts).status(5);
    let nobody = [("/loggedIn", json!(false))];
    world.run("open-cli auth status").stdout_json(&nobody).stderr_has(&["invalid_client"]).status(5);
    broker.scene().refusal = Some((503, json!({})));
    world.run("open-cli catalog list").stderr_has(&["HTTP 503", "issuer_unreachable"]).status(5);
}

#[test]
fn h41_help_needs_no_issuer() {
    let broker = Broker::start();
    broker.scene().more.insert("expires_in".to_owned(), json!(0));
    let world = broker.client(&json!({}));
    world.run("open-cli helpdesk --help").stdout_has(&["tickets"]);
    broker.scene().refusal = Some((503, json!({})));
    world.run("open-cli helpdesk --help").stdout_has(&["tickets"]).stderr("");
    world.run("open-cli --help").stdout_has(&["helpdesk", "catalog list"]).stderr("");
}

#[test]
fn h18_a_token_for_one_origin_is_not_obtained_for_another() {
    let (broker, other) = (Broker::start(), Broker::start());
    let world = broker.client(&json!({}));
    let elsewhere = format!("--runtime {}", other.url);
    world
        .run(&format!("open-cli catalog list {elsewhere}"))
        .stderr_has(&["authn_failed", "was not sent here"])
        .status(5);
    world.run(&format!("open-cli auth token {elsewhere}")).stderr_has(&["belongs to"]).status(5);
    assert_eq!(broker.count("/token"), 0);
    assert!(!other.scene().seen.iter().any(|seen| seen.authorization.is_some()));
}

#[test]
fn a_provided_token_is_read_again_when_it_is_refused() {
    let broker = Broker::start();
    let world = broker.world(&json!({"mode": "providedToken", "tokenRef": "file:token"}));
    world.write("token", "t-old\n");
    broker.scene().revoked.push("t-old".to_owned());
    broker.scene().on_refusal = Some((world.path("token"), "t-new\n".to_owned()));
    world.run("open-cli catalog list --format yaml").stdout_has(&["tickets"]);
    world.write("token", "t-old\n");
    let nobody = [("/loggedIn", json!(false))];
    world.run("open-cli auth status").stdout_json(&nobody).stderr_has(&["authn_failed"]).status(5);
    world.run("open-cli auth token").stdout("t-old\n");
    world.run("open-cli auth logout").stdout_json(&[("/removed", json!(0))]).stderr_has(&["stays there"]);
}

#[test]
fn h43_logging_in_proves_it_and_logging_out_forgets_it() {
    let broker = Broker::start();
    let world = broker.client(&json!({}));
    world.run("open-cli auth login").stdout_json(&[
        ("/principal", json!("agent")),
        ("/scopes", json!(["bundle:demo", "runtime:admin"])),
        ("/notGranted", json!([])),
        ("/renewable", json!(true)),
    ]);
    world.run("open-cli auth token").stdout("t-1\n");
    world.run("open-cli auth login").stdout_has(&["agent", &broker.url]);
    world.run("open-cli auth token").stdout("t-2\n");
    // Somebody else's token for the same runtime.
    world.run("open-cli auth token --instance-id other").stdout("t-3\n");
    world.run("open-cli auth logout").stdout_json(&[("/removed", json!(1)), ("/removedDelegated", json!(0))]);
    world.run("open-cli auth logout").stdout_json(&[("/removed", json!(0))]);
    world.run("open-cli auth token --instance-id other").stdout("t-3\n");
    broker.scene().revoked.push("t-4".to_owned());
    world.run("open-cli auth login").stderr_has(&["authn_failed"]).status(5);
    world.run("open-cli auth token").stdout("t-5\n");
}

#[test]
fn an_open_runtime_needs_no_token() {
    let world = World::serving(&json!({}));
    world.run("open-cli auth status").stdout_json(&[("/mode", json!(null)), ("/tokenNeeded", json!(false))]);
    world.run("open-cli auth login").stderr_has(&["runtime.remote.oauth", "auth_not_configured"]).status(3);
    world.run("open-cli auth logout").stderr_has(&["auth_not_configured"]).status(3);
}

fn delegating(broker: &Broker, scopes: &[&str]) -> World {
    broker.client(&json!({"delegation": {
        "enabled": true, "tokenExchangeURL": format!("{}/exchange", broker.url), "scopes": scopes,
    }}))
}

#[test]
fn h44_a_delegated_token_is_used_instead() {
    let broker = Broker::start();
    let world = delegating(&broker, &["bundle:demo"]);
    world.run("open-cli auth token --agent-profile reader --instance-id bot").stdout("t-2\n");
    let form = Form::parse(&broker.scene().seen[1].body);
    for (name, value) in [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", "t-1"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("actor_id", "bot"),
        ("agent_profile", "reader"),
        ("scope", "bundle:demo"),
        ("client_id", "agent"),
    ] {
        assert_eq!(form.get(name), Some(value), "{name}");
    }
    world.run("open-cli auth token --agent-profile reader --instance-id bot").stdout("t-2\n");
    world.run("open-cli auth token --instance-id bot").stdout("t-3\n");
    world.run("open-cli catalog list --instance-id bot --format yaml").stdout_has(&["tickets"]);
    assert_eq!(broker.scene().seen.last().unwrap().authorization.as_deref(), Some("Bearer t-3"));
    broker.scene().revoked.push("t-3".to_owned());
    world.run("open-cli catalog list --instance-id bot --format yaml").stdout_has(&["tickets"]);
    assert_eq!((broker.count("POST /token"), broker.count("POST /exchange")), (1, 3));
    let removed = [("/removed", json!(1)), ("/removedDelegated", json!(2))];
    world.run("open-cli auth logout --instance-id bot").stdout_json(&removed);
}

#[test]
fn h44_a_token_that_was_not_narrowed_is_never_used() {
    let broker = Broker::start();
    let world = delegating(&broker, &["bundle:demo"]);
    broker.scene().exchanged.insert("scope".to_owned(), json!("bundle:demo bundle:other"));
    let told = ["no subset", "delegated bundle:demo bundle:other", "parent bundle:demo runtime:admin", "not_a_subset"];
    world.run("open-cli catalog list").stderr_has(&told).status(5);
    world.run("open-cli auth token").stderr_has(&["not_a_subset"]).status(5);
    assert_eq!(broker.count("/v1/"), 0);
    broker.scene().exchanged.insert("issued_token_type".to_owned(), json!("urn:ietf:params:oauth:token-type:id_token"));
    world.run("open-cli auth token").stderr_has(&["issued_token_type", "issuer_answer"]).status(5);
}

/// A world whose browser is a program that leaves the address in a file.
fn at_a_browser(broker: &Broker) -> World {
    broker.scene().browser = true;
    broker.scene().more.insert("refresh_token".to_owned(), json!("r-1"));
    let world = broker.world(&json!({"mode": "browserLogin", "scopes": ["bundle:demo"]}));
    world.write("browser", "#!/bin/sh\nprintf '%s' \"$1\" > \"$0.tmp\" && mv \"$0.tmp\" \"$0.url\"\n");
    fs::set_permissions(world.path("browser"), fs::Permissions::from_mode(0o700)).unwrap();
    let browser = world.path("browser").display().to_string();
    world.env("BROWSER", &browser)
}

/// Comes back from the issuer as a browser does, once the address is there; the answer is that address.
fn come_back(world: &World, answer: &str) -> String {
    let url = eventually("a browser is opened", || fs::read_to_string(world.path("browser.url")).ok());
    fs::remove_file(world.path("browser.url")).unwrap();
    let form = Form::parse(url.split_once('?').unwrap().1);
    let back = format!("{}?state={}&{answer}", form.get("redirect_uri").unwrap(), form.get("state").unwrap());
    assert!(world.http("GET", &back, &[], "").body.starts_with(b"<!doctype html>"));
    url
}

#[test]
fn h43_a_person_logs_in_at_a_browser() {
    let broker = Broker::start();
    let world = at_a_browser(&broker);
    let nobody = ["nobody is logged in", "open-cli auth login", "login_required"];
    world.run("open-cli catalog list").stderr_has(&nobody).status(5);
    let url = std::thread::scope(|scope| {
        let back = scope.spawn(|| come_back(&world, &format!("code=c-1&iss={}", broker.url)));
        world
            .run("open-cli auth login")
            .stdout_json(&[
                ("/mode", json!("browserLogin")),
                ("/scopes", json!(["bundle:demo"])),
                ("/renewable", json!(true)),
            ])
            .stderr_has(&["open this address in a browser:", "/authorize?response_type=code&client_id=people"]);
        back.join().unwrap()
    });
    let (asked, form) = (Form::parse(url.split_once('?').unwrap().1), broker.form());
    assert_eq!((asked.get("audience"), asked.get("scope")), (Some("toolbox"), Some("bundle:demo")));
    assert_eq!((form.get("grant_type"), form.get("code")), (Some("authorization_code"), Some("c-1")));
    assert_eq!((form.get("client_id"), form.get("client_secret")), (Some("people"), None));
    assert_eq!(form.get("redirect_uri"), asked.get("redirect_uri"));
    let challenge = open_cli::oauth::pkce::challenge(form.get("code_verifier").unwrap());
    assert_eq!(asked.get("code_challenge"), Some(challenge.as_str()));
    world.run("open-cli auth token").stdout("t-1\n");
    world.run("open-cli auth logout").stdout_json(&[("/removed", json!(1))]);
    world.run("open-cli auth token").stderr_has(&["login_required"]).status(5);
}

#[test]
fn a_login_is_renewed_until_the_issuer_ends_it() {
    let broker = Broker::start();
    let world = at_a_browser(&broker);
    broker.scene().more.insert("expires_in".to_owned(), json!(0));
    std::thread::scope(|scope| {
        scope.spawn(|| come_back(&world, "code=c-1"));
        world.run("open-cli auth login").stdout_has(&["agent"]).stderr_has(&["open this"]);
    });
    broker.scene().more.insert("refresh_token".to_owned(), json!("r-2"));
    world.run("open-cli auth token").stdout("t-2\n");
    assert_eq!(broker.form().get("refresh_token"), Some("r-1"));
    broker.scene().more.remove("refresh_token");
    world.run("open-cli auth token").stdout("t-3\n");
    broker.scene().refusal = Some((503, json!({})));
    world.run("open-cli auth token").stderr_has(&["issuer_unreachable"]).status(5);
    broker.scene().refusal = None;
    world.run("open-cli auth token").stdout("t-4\n");
    assert_eq!(broker.form().get("refresh_token"), Some("r-2"), "neither trouble nor silence costs a login");
    broker.scene().refusal = Some((400, json!({"error": "invalid_grant"})));
    world.run("open-cli auth token").stderr_has(&["has ended", "open-cli auth login"]).status(5);
    broker.scene().refusal = None;
    world.run("open-cli auth token").stderr_has(&["nobody is logged in"]).status(5);
}

#[test]
fn refused_and_mixed_up_logins_are_told() {
    let broker = Broker::start();
    let world = at_a_browser(&broker);
    for (answer, told) in [
        ("error=access_denied&error_description=not+today", "access_denied: not today"),
        ("code=c&iss=https%3A%2F%2Fother.example", "https://other.example answered"),
    ] {
        std::thread::scope(|scope| {
            scope.spawn(|| come_back(&world, answer));
            world.run("open-cli auth login").stderr_has(&[told, "login_failed"]).status(5);
        });
    }
    assert_eq!(broker.count("/token"), 0);
    broker.scene().browser = false;
    world.run("open-cli auth login").stderr_has(&["not set up", "runtime.server.auth"]).status(5);
    let browser = [("/token", json!("browser login")), ("/ok", json!(false))];
    world.run("open-cli status").stdout_json(&browser).stderr_has(&["authn_failed"]).status(5);
}

#[test]
fn without_a_browser_the_address_is_pasted() {
    let broker = Broker::start();
    let world = at_a_browser(&broker);
    let mut command = world.command(env!("CARGO_BIN_EXE_open-cli"));
    command.args(["auth", "login", "--no-browser"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut login = command.spawn().unwrap();
    let mut lines = BufReader::new(login.stderr.take().unwrap()).lines().map_while(Result::ok);
    let url = lines.find(|line| line.contains("/authorize?")).unwrap();
    let form = Form::parse(url.split_once('?').unwrap().1);
    let back = format!("{}?code=c-1&state={}\n", form.get("redirect_uri").unwrap(), form.get("state").unwrap());
    login.stdin.take().unwrap().write_all(back.as_bytes()).unwrap();
    assert!(login.wait_with_output().unwrap().status.success());
    assert!(!world.path("browser.url").exists());
    assert_eq!(broker.form().get("code"), Some("c-1"));
}

#[test]
fn a_runtime_without_logins_at_upstreams_is_told_from_one_with() {
    let broker = Broker::start();
    let world = broker.client(&json!({}));
    let unknown = ["does not know logins at upstreams", "open-cli runtime info"];
    world.run("open-cli auth upstream status").stderr_has(&unknown).status(1);
    assert_eq!(broker.count("/v1/auth/upstream"), 0);
}

#[test]
fn h24_nothing_that_is_told_holds_a_token_or_secret() {
    let broker = Broker::start();
    broker.scene().more.insert("refresh_token".to_owned(), json!("refresh-hunter2"));
    broker.scene().more.insert("access_token".to_owned(), json!("t-hunter2"));
    broker.scene().exchanged.insert("access_token".to_owned(), json!("t-hunter2"));
    let world = delegating(&broker, &["bundle:demo"]);
    for line in ["auth login -v", "auth status -v", "status -v", "catalog list -v", "auth logout -v", "config show"] {
        let mut command = world.command(env!("CARGO_BIN_EXE_open-cli"));
        let output = command.args(line.split(' ')).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{line}: {text}");
        for secret in ["s3cret", "hunter2"] {
            assert!(!text.contains(secret), "{line}: {secret} is in {text}");
        }
    }
}
