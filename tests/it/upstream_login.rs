//! Tokens of upstreams, end to end: a toolbox between two people and an API whose issuer wants to know them.
//!
//! API, its issuer and the toolbox's own are one listener in this process that counts what it is asked.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};

use open_cli::base::form::Form;
use serde_json::{Value, json};

use crate::heard::Heard;
use crate::program::eventually;
use crate::world::{World, free_address};

/// What the other side knows.
#[derive(Default)]
struct Scene {
    /// Forms that the token endpoint got.
    forms: Vec<Form>,
    /// Tokens that the API takes no more.
    revoked: Vec<String>,
    /// Whether the token endpoint is broken.
    down: bool,
    /// Seconds that tokens live.
    life: u64,
}

struct Other {
    url: String,
    scene: Arc<Mutex<Scene>>,
}

impl Other {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let scene = Arc::new(Mutex::new(Scene { life: 3600, ..Scene::default() }));
        let shared = Arc::clone(&scene);
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let scene = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &scene));
            }
        });
        Self { url, scene }
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap()
    }

    fn grants(&self) -> Vec<String> {
        self.scene().forms.iter().map(|form| form.get("grant_type").unwrap().to_owned()).collect()
    }

    /// As [`Other::world_with`], nothing more said of the login.
    fn world(&self, variables: &[(&str, &str)]) -> World {
        self.world_with(variables, &json!({}))
    }

    /// A world with a toolbox that serves the API to whoever the issuer knows, and a browser that leaves the address in a file.
    fn world_with(&self, variables: &[(&str, &str)], login: &Value) -> World {
        let oauth = |mode: &str, more: &Value| {
            let mut secret = json!({"type": "oauth2", "mode": mode, "clientId": {"type": "literal", "value": mode}});
            secret.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            secret
        };
        let config = json!({
            "cli": "1.0.0",
            "mode": {"default": "discover"},
            "sources": {"api": {"type": "openapi", "uri": format!("{}/openapi.json", self.url)}},
            "services": {"api": {"source": "api"}},
            "secrets": {
                "api.login": oauth("authorizationCode", login),
                "api.client": oauth("clientCredentials", &json!({"clientSecret": {"type": "env", "value": "CLIENT_SECRET"}})),
            },
            "runtime": {
                "remote": {"oauth": {"mode": "providedToken", "tokenRef": "file:who.txt"}},
                "server": {"auth": {
                    "validationProfile": "oauth2_introspection",
                    "audience": "toolbox",
                    "introspectionURL": format!("{}/introspect", self.url),
                }},
            },
        });
        let world = World::new().file(".cli.json", &config.to_string()).env("CLIENT_SECRET", "s3cret-client");
        world.write("browser", "#!/bin/sh\nprintf '%s' \"$1\" > \"$0.tmp\" && mv \"$0.tmp\" \"$0.url\"\n");
        fs::set_permissions(world.path("browser"), fs::Permissions::from_mode(0o700)).unwrap();
        let browser = world.path("browser").display().to_string();
        let mut world = variables.iter().fold(world, |world, (name, value)| world.env(name, value));
        world = world.env("BROWSER", &browser);
        world.run("open-cli trust").stdout_has(&["sha256"]);
        world.start_toolbox(&[]);
        world
    }
}

fn serve(stream: TcpStream, scene: &Mutex<Scene>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let heard = Heard::read(&mut reader)?;
        let token = heard.header("authorization").unwrap_or_default().trim_start_matches("Bearer ");
        let (status, answer) = answer(heard.target(), token, &heard.text(), &mut scene.lock().unwrap());
        let answer = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(format!("{head}{answer}").as_bytes()).ok()?;
    }
}

fn answer(path: &str, token: &str, body: &str, scene: &mut Scene) -> (u16, Value) {
    match path {
        "/openapi.json" => (200, description()),
        "/introspect" => {
            let form = Form::parse(body);
            let who = form.get("token").unwrap();
            let active = ["ada", "ben"].contains(&who);
            (
                200,
                json!({"active": active, "sub": who, "aud": "toolbox", "scope": "bundle:api", "exp": 4_102_444_800_u64}),
            )
        }
        "/token" if scene.down => (503, json!({})),
        "/token" => {
            let form = Form::parse(body);
            let number = scene.forms.len() + 1;
            let whose = form.get("code").or(form.get("refresh_token")).unwrap_or("client").to_owned();
            scene.forms.push(form);
            let token = format!("t{number}-{whose}");
            (
                200,
                json!({"access_token": token, "token_type": "Bearer", "expires_in": scene.life, "refresh_token": whose}),
            )
        }
        "/mine" | "/ours" if token.starts_with('t') && !scene.revoked.iter().any(|revoked| revoked == token) => {
            (200, json!({"heard": token.split_once('-').unwrap().1}))
        }
        "/mine" | "/ours" => (401, json!({"error": "invalid_token"})),
        _ => (404, json!({})),
    }
}

fn description() -> Value {
    let operation = |id: &str, scheme: &str| json!({"operationId": id, "tags": ["api"], "security": [{scheme: []}], "responses": {"200": {"description": "ok"}}});
    let scheme = |flow: &str| json!({"type": "oauth2", "flows": {flow: {"authorizationUrl": "/authorize", "tokenUrl": "/token", "scopes": {}}}});
    json!({
        "openapi": "3.1.0",
        "info": {"title": "api", "version": "1"},
        "servers": [{"url": "/"}],
        "paths": {"/mine": {"get": operation("getMine", "login")}, "/ours": {"post": operation("addOurs", "client")}},
        "components": {"securitySchemes": {"login": scheme("authorizationCode"), "client": scheme("clientCredentials")}},
    })
}

/// Asks the runtime as somebody: path, body, and what it answers.
#[track_caller]
fn ask(world: &World, who: &str, path: &str, body: &Value) -> (u16, Value) {
    let bearer = format!("Bearer {who}");
    let headers =
        [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), ("Accept", "application/json")];
    let answer = world.http("POST", &format!("[RUNTIME]{path}"), &headers, &body.to_string());
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn call(world: &World, who: &str, tool: &str) -> (u16, Value) {
    ask(world, who, "/v1/tools/execute", &json!({"toolId": tool}))
}

/// Logs in over HTTP.
#[track_caller]
fn log_in(world: &World, who: &str) {
    let (status, started) = ask(world, who, "/v1/auth/upstream/start", &json!({"service": "api", "callbackPort": 5}));
    assert_eq!(status, 200, "{started}");
    let (status, done) = ask(world, who, "/v1/auth/upstream/finish", &json!({"state": started["state"], "code": who}));
    assert_eq!((status, &done["loggedIn"]), (200, &json!(true)), "{done}");
}

/// Comes back from the issuer as a browser does, once it is opened.
fn come_back(world: &World, code: &str) {
    let url = eventually("a browser is opened", || fs::read_to_string(world.path("browser.url")).ok());
    let form = Form::parse(url.split_once('?').unwrap().1);
    let back = format!("{}?state={}&code={code}", form.get("redirect_uri").unwrap(), form.get("state").unwrap());
    assert!(world.http("GET", &back, &[], "").body.starts_with(b"<!doctype html>"));
}

#[test]
fn h18_a_person_logs_in_at_an_upstream_for_itself() {
    let other = Other::start();
    let world = other.world(&[]);
    world.write("who.txt", "ada");
    let needs_login = ["upstream_login_required", "secrets[\"api.login\"]", "`open-cli auth upstream login api`"];
    world.run("open-cli api get-mine").stderr_has(&needs_login).status(5);
    let status = "open-cli auth upstream status";
    world.run(status).stdout_json(&[
        ("/logins/0/service", json!("api")),
        ("/logins/0/secret", json!("api.login")),
        ("/logins/0/loggedIn", json!(false)),
    ]);
    std::thread::scope(|scope| {
        scope.spawn(|| come_back(&world, "code-ada"));
        world
            .run("open-cli auth upstream login api")
            .stdout_json(&[("/service", json!("api")), ("/loggedIn", json!(true)), ("/renewable", json!(true))])
            .stderr_has(&[
                "open this address in a browser:",
                "/authorize?response_type=code&client_id=authorizationCode",
            ]);
    });
    world.run("open-cli api get-mine").stdout("{\"heard\":\"code-ada\"}");
    world.run(status).stdout_json(&[("/logins/0/loggedIn", json!(true))]);
    world.write("who.txt", "ben");
    world.run("open-cli api get-mine").stderr_has(&needs_login).status(5);
    world.run(status).stdout_json(&[("/logins/0/loggedIn", json!(false))]);
    world.run("open-cli auth upstream logout api").stdout_json(&[("/loggedOut", json!(0))]);
    world.write("who.txt", "ada");
    world.run("open-cli auth upstream logout api").stdout_json(&[("/loggedOut", json!(1))]);
    world.run("open-cli api get-mine").stderr_has(&needs_login).status(5);
    world.run("open-cli auth upstream login nothing").stderr_has(&["needs a login"]).status(2);
    assert_eq!(other.grants(), ["authorization_code"]);
    let audit = world.audit();
    let logged_in = audit.iter().find(|record| record["eventType"] == "token_refresh").unwrap();
    assert_eq!(
        [&logged_in["principal"], &logged_in["reasonCode"], &logged_in["authScheme"], &logged_in["decision"]],
        ["ada", "logged_in", "api.login", "allowed"]
    );
    let told = format!("{audit:?} {}", world.running().printed());
    assert!(!told.contains("code-ada") && !told.contains("t1-"), "H24: {told}");
}

#[test]
fn h18_a_stolen_state_is_of_no_use() {
    let other = Other::start();
    let world = other.world(&[]);
    let (status, _) = ask(&world, "ada", "/v1/auth/upstream/start", &json!({"service": "api"}));
    assert_eq!(status, 400, "no port is known");
    let begin = |body: Value| ask(&world, "ada", "/v1/auth/upstream/start", &body);
    let (_, hidden) = begin(json!({"service": "none", "callbackPort": 5}));
    assert_eq!(begin(json!({"toolId": "api:addOurs", "callbackPort": 5})).1["detail"], hidden["detail"]);
    let (status, started) = begin(json!({"toolId": "api:getMine", "callbackPort": 5}));
    assert_eq!((status, &started["redirectURI"]), (200, &json!("http://127.0.0.1:5/callback")));
    let finish = json!({"state": started["state"], "code": "c"});
    let (status, problem) = ask(&world, "ben", "/v1/auth/upstream/finish", &finish);
    assert_eq!((status, &problem["code"]), (403, &json!("authz_denied")));
    assert!(other.grants().is_empty(), "the code was not used");
    let denial = world.audit().into_iter().find(|record| record["eventType"] == "authz_denial").unwrap();
    assert_eq!(denial["principal"], "ben");
    assert_eq!(ask(&world, "ada", "/v1/auth/upstream/finish", &finish).0, 200);
    assert_eq!(ask(&world, "ada", "/v1/auth/upstream/finish", &finish).0, 400, "replayed");
    assert_eq!((call(&world, "ada", "api:getMine").0, call(&world, "ben", "api:getMine").0), (200, 409));
    assert_eq!(other.grants().len(), 1);
}

#[test]
fn a_login_outlives_a_restart_with_its_key_alone() {
    let other = Other::start();
    let (one, two) = ("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=");
    let mut world = other.world(&[("OPEN_CLI_STATE_KEY", one)]);
    log_in(&world, "ada");
    let stop = |world: &mut World| {
        let mut toolbox = world.toolbox.take().unwrap();
        toolbox.signal("TERM");
        assert!(toolbox.wait().success());
    };
    stop(&mut world);
    world.start_toolbox(&[]);
    let (status, answer) = call(&world, "ada", "api:getMine");
    assert_eq!((status, &answer["body"]["heard"]), (200, &json!("ada")));
    assert_eq!((call(&world, "ben", "api:getMine").0, other.grants().len()), (409, 1));

    stop(&mut world);
    world = world.env("OPEN_CLI_STATE_KEY", two);
    world.start_toolbox(&[]);
    assert_eq!(call(&world, "ada", "api:getMine").0, 409);
    world.running().line_after(0, &["an upstream token at rest is ignored"]);

    stop(&mut world);
    world = world.env("OPEN_CLI_STATE_KEY", "short");
    let refused = world.run("open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id world");
    refused.stdout("").stderr_has(&["OPEN_CLI_STATE_KEY must hold 32 bytes as base64"]).status(3);

    world = world.env("OPEN_CLI_STATE_KEY", "");
    world.start_toolbox(&[]);
    world.running().line_after(0, &["logins at upstreams end with this process"]);
    log_in(&world, "ada");
    assert_eq!(call(&world, "ada", "api:getMine").0, 200);
    stop(&mut world);
    world.start_toolbox(&[]);
    assert_eq!(call(&world, "ada", "api:getMine").0, 409, "it was in memory alone");
}

#[test]
fn h34_many_calls_ask_for_one_token_and_a_refused_one_is_replaced() {
    let other = Other::start();
    let world = other.world(&[]);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..20).map(|_| scope.spawn(|| call(&world, "ada", "api:addOurs").0)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!((statuses, other.grants()), (vec![200; 20], vec!["client_credentials".to_owned()]));
    assert_eq!(other.scene().forms[0].get("client_secret"), Some("s3cret-client"));

    other.scene().revoked.push("t1-client".to_owned());
    let (_, answer) = call(&world, "ada", "api:addOurs");
    assert_eq!((&answer["statusCode"], &answer["retries"], other.grants().len()), (&json!(200), &json!(1), 2));

    other.scene().revoked.push("t2-client".to_owned());
    other.scene().down = true;
    assert_eq!(call(&world, "ada", "api:addOurs").1["statusCode"], 401, "the upstream's own answer");
    other.scene().down = false;
    assert_eq!(call(&world, "ada", "api:addOurs").1["statusCode"], 200, "one failure locks nothing out");
}

#[test]
fn h34_a_token_endpoint_that_is_down_is_told_and_asked_again() {
    let other = Other::start();
    let world = other.world(&[]);
    other.scene().down = true;
    let (status, problem) = call(&world, "ada", "api:addOurs");
    assert_eq!((status, &problem["code"]), (502, &json!("execution_error")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("/token answered HTTP 503") && !detail.contains("s3cret"), "{detail}");
    let failed = world.audit().into_iter().find(|record| record["eventType"] == "token_refresh").unwrap();
    assert_eq!((&failed["decision"], &failed["toolId"]), (&json!("error"), &json!("api:addOurs")));
    other.scene().down = false;
    assert_eq!(call(&world, "ada", "api:addOurs").0, 200);
}

#[test]
fn a_login_is_refreshed_without_a_word_and_ends_with_its_session() {
    let other = Other::start();
    let world = other.world(&[]);
    other.scene().life = 0;
    log_in(&world, "ada");
    assert_eq!(call(&world, "ada", "api:getMine").1["body"]["heard"], "ada");
    assert_eq!(other.grants(), ["authorization_code", "refresh_token"]);
    other.scene().life = 3600;
    let beat = |who: &str, id: &str| ask(&world, who, "/v1/runtime/heartbeat", &json!({"sessionId": id})).0;
    assert_eq!((beat("ben", "desk"), beat("ben", "lap")), (200, 200));
    let body = json!({"service": "api", "callbackPort": 5, "sessionId": "desk"});
    let (_, started) = ask(&world, "ben", "/v1/auth/upstream/start", &body);
    ask(&world, "ben", "/v1/auth/upstream/finish", &json!({"state": started["state"], "code": "ben"}));
    let close = |id: &str| ask(&world, "ben", "/v1/runtime/session-close", &json!({"sessionId": id})).0;
    assert_eq!((close("lap"), call(&world, "ben", "api:getMine").0), (200, 200));
    assert_eq!((close("desk"), call(&world, "ben", "api:getMine").0), (200, 409));
    assert_eq!(call(&world, "ada", "api:getMine").0, 200, "H10: nobody else's");
}

#[test]
fn the_way_back_is_where_the_configuration_says() {
    let other = Other::start();
    let back = format!("http://localhost:{}/back", free_address().rsplit_once(':').unwrap().1);
    let world = other.world_with(&[], &json!({"redirectURI": back}));
    world.write("who.txt", "ada");
    std::thread::scope(|scope| {
        scope.spawn(|| come_back(&world, "code-ada"));
        let login = world.run("open-cli auth upstream login api");
        login.stdout_json(&[("/loggedIn", json!(true))]).stderr_has(&["open this address"]);
    });
    assert_eq!(other.scene().forms[0].get("redirect_uri"), Some(back.as_str()));
}

#[test]
fn without_a_browser_the_address_is_pasted() {
    let other = Other::start();
    let world = other.world(&[]);
    world.write("who.txt", "ada");
    let mut command = world.command(env!("CARGO_BIN_EXE_open-cli"));
    command.args(["auth", "upstream", "login", "api", "--no-browser"]);
    let mut login = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(login.stderr.take().unwrap()).lines().map_while(Result::ok);
    let url = lines.find(|line| line.contains("/authorize?")).unwrap();
    let form = Form::parse(url.split_once('?').unwrap().1);
    let back = format!("{}?code=c-1&state={}\n", form.get("redirect_uri").unwrap(), form.get("state").unwrap());
    login.stdin.take().unwrap().write_all(back.as_bytes()).unwrap();
    assert!(login.wait_with_output().unwrap().status.success());
    assert!(!world.path("browser.url").exists());
    world.run("open-cli api get-mine").stdout("{\"heard\":\"c-1\"}");
}

#[test]
fn the_commands_are_found_by_their_words() {
    let world = World::new();
    world.run("open-cli auth upstream").stdout_has(&["auth upstream login <service>", "auth upstream status"]);
    let slip = ["auth upstream has no command `logn`", "did you mean `open-cli auth upstream login`?"];
    world.run("open-cli auth upstream logn").stderr_has(&slip).status(2);
    world.run("open-cli auth upstream login").stderr_has(&["needs <service>"]).status(2);
}
