//! Tokens of the command line, end to end: real commands against a small issuer and a small runtime in this process.
//!
//! Both are one listener that counts what it is asked, so that a test can say how often.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use open_cli::base::form::Form;
use serde_json::{Value, json};

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
    /// Merged into each answer with a token.
    more: BTreeMap<String, Value>,
}

struct Seen {
    line: String,
    authorization: Option<String>,
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
        World::new().file(".cli.json", &config.to_string()).env("CLIENT_SECRET", "s3cret&")
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
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let (mut length, mut authorization) = (0, None);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "authorization" => authorization = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        let seen = Seen { line, authorization, body: String::from_utf8_lossy(&body).into_owned() };
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
    if seen.line.contains("/exchange") {
        answer["issued_token_type"] = json!("urn:ietf:params:oauth:token-type:access_token");
    }
    if let Some(scope) = form.get("scope") {
        answer["scope"] = json!(scope);
    }
    answer.as_object_mut().unwrap().extend(scene.more.clone());
    (200, "application/json", answer.to_string())
}

#[test]
fn a_client_gets_a_token_once() {
    let broker = Broker::start();
    let world = broker.client(&json!({"audience": "toolbox", "resource": "https://t/"}));
    let world = {
        world.run("open-cli trust").stdout_has(&["sha256"]);
        world
    };
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
    world.run("open-cli trust").stdout_has(&["sha256"]);
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
