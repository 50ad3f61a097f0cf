//! `doctor`, end to end: each kind of failure is provoked, and found where it is.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::program::Program;
use crate::world::{World, free_address};

const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/tls/ca.pem");

/// A check of a report.
#[track_caller]
fn found<'r>(report: &'r Value, name: &str) -> &'r Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// Runs `doctor`, and compares the checks that are named: their verdicts, and codes where there are some.
#[track_caller]
fn check(world: &World, arguments: &str, exit: i32, expected: &[(&str, &str, Option<&str>)]) -> Value {
    let ran = world.run(&format!("open-cli doctor --format json {arguments}")).status(exit);
    let ran = if exit == 0 { ran } else { ran.stderr_has(&["error: failed: ", "\"code\":\"checks_failed\""]) };
    let report = ran.into_json();
    assert_eq!((&report["ok"], &report["exit"]), (&json!(exit == 0), &json!(exit)), "{report}");
    for (name, verdict, code) in expected {
        let check = found(&report, name);
        assert_eq!((check["verdict"].as_str(), check["code"].as_str()), (Some(*verdict), *code), "{check}");
        assert_eq!(check["remedy"].is_string(), code.is_some(), "{check}");
    }
    report
}

/// Answers over TLS with the test certificate, for as long as the tests last: what it says is no toolbox's.
fn tls_server() -> u16 {
    let file = |name: &str| std::fs::read(format!("{}/testdata/tls/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&file("leaf.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&file("leaf.key")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            // A client that wants no handshake, or trusts nobody, is none of its business.
            if stream.read(&mut [0; 2000]).is_ok_and(|read| read > 0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").ok();
            }
        }
    });
    port
}

#[test]
fn all_is_well_where_all_is_well() {
    let world = World::serving(&json!({}));
    let report = check(
        &world,
        "",
        0,
        &[
            ("config", "ok", None),
            ("environment", "ok", None),
            ("runtime", "ok", None),
            ("dns", "ok", None),
            ("tcp", "ok", None),
            ("tls", "skipped", None),
            ("contract", "ok", None),
            ("clock", "ok", None),
            ("token", "ok", None),
            ("catalog", "ok", None),
            ("sources", "ok", None),
        ],
    );
    assert_eq!(found(&report, "runtime")["details"]["namedBy"], "OPEN_CLI_RUNTIME_URL");
    assert_eq!(found(&report, "catalog")["details"]["keptAt"], Value::Null, "nothing was kept before");
    let again = check(&world, "", 0, &[("catalog", "ok", None)]);
    assert!(found(&again, "catalog")["details"]["keptAt"].is_string(), "{again}");
    world.run("open-cli doctor --format table").stdout_has(&[
        "CHECK",
        "tcp          ok       127.0.0.1:",
        "1 source is well",
    ]);
}

#[test]
fn nothing_that_listens_is_found_at_the_connection() {
    let world = World::new();
    let line = format!("--runtime http://{}", free_address());
    let down = [("dns", "ok", None), ("tcp", "failed", Some("tcp_failed")), ("contract", "skipped", None)];
    check(&world, &line, 4, &down);
    // No label is that long, so nobody is asked for it.
    let nobody = format!("--runtime http://{}.test:1", "x".repeat(70));
    check(&world, &nobody, 4, &[("dns", "failed", Some("dns_failed")), ("tcp", "skipped", None)]);
    world
        .run(&format!("open-cli doctor --format table {line}"))
        .stdout_has(&["tcp          failed", "\ntcp: ", "  to do: start the toolbox with"])
        .stderr_has(&["error: failed: tcp", "hint: start the toolbox with"])
        .status(4);
}

#[test]
fn what_is_no_toolbox_is_found_by_its_answer() {
    let world = World::with_demo();
    let expected = [("tcp", "ok", None), ("contract", "failed", Some("no_toolbox")), ("token", "skipped", None)];
    check(&world, "--runtime [DEMO]", 4, &expected);
}

#[test]
fn https_to_a_port_of_http_is_found() {
    let world = World::serving(&json!({}));
    let address = world.name("[RUNTIME]").replace("http://", "https://");
    let expected = [("tcp", "ok", None), ("tls", "failed", Some("tls_not_spoken")), ("contract", "skipped", None)];
    let report = check(&world, &format!("--runtime {address} --timeout 4"), 4, &expected);
    assert!(found(&report, "tls")["found"].as_str().unwrap().contains("speaks http"), "{report}");
}

#[test]
fn http_to_a_port_of_https_is_found() {
    let world = World::new();
    let line = format!("--runtime http://localhost:{}", tls_server());
    check(&world, &line, 4, &[("tls", "skipped", None), ("contract", "failed", Some("https_spoken"))]);
}

#[test]
fn certificates_are_judged_by_name_and_by_who_signed_them() {
    let world = World::new();
    let port = tls_server();
    let strange = format!("--runtime https://localhost:{port}");
    check(&world, &strange, 4, &[("tls", "failed", Some("tls_untrusted"))]);
    let other = format!("--runtime https://other.localhost:{port} --ca-cert {CA}");
    check(&world, &other, 4, &[("tls", "failed", Some("tls_other_name"))]);
    let known = format!("--runtime https://localhost:{port} --ca-cert {CA}");
    let report = check(&world, &known, 4, &[("tls", "ok", None), ("contract", "failed", Some("no_toolbox"))]);
    let details = &found(&report, "tls")["details"];
    assert_eq!(details["certificateEnds"], "2126-10-31T00:15:40.000Z");
    assert!(details["version"].as_str().unwrap().starts_with("TLSv1."), "{details}");
    world
        .run("open-cli doctor --runtime https://localhost:1 --ca-cert none.pem")
        .stdout_has(&["\"code\":\"client\"", "no runtime is known"])
        .stderr_has(&["failed: runtime"])
        .status(2);
}

#[test]
fn a_broken_config_is_told_and_the_runtime_of_the_environment_is_looked_at_all_the_same() {
    let world = World::serving(&json!({}));
    world.write("broken.json", "{\"cli\": \"1.0.0\", \"polcy\": {}}");
    let expected = [("config", "failed", Some("config_invalid")), ("contract", "ok", None), ("catalog", "ok", None)];
    let report = check(&world, "--config broken.json", 3, &expected);
    let problem = &found(&report, "config")["details"]["problems"][0];
    assert_eq!((&problem["line"], problem["hint"].as_str()), (&json!(1), Some("did you mean `policy`?")), "{report}");
    let alone = World::new().file("broken.json", "{");
    let expected =
        [("config", "failed", Some("config_invalid")), ("runtime", "skipped", None), ("sources", "skipped", None)];
    check(&alone, "--config broken.json", 3, &expected);
    check(&World::new(), "", 3, &[("config", "ok", None), ("runtime", "failed", Some("runtime_not_named"))]);
}

#[test]
fn a_slip_in_a_variable_is_told() {
    let world = World::new().env("OPEN_CLI_RUNTME_URL", "http://user:hunter2@nowhere");
    let report = check(&world, "", 3, &[("environment", "warning", Some("environment_slip"))]);
    let told = found(&report, "environment")["found"].as_str().unwrap();
    assert_eq!(told, "OPEN_CLI_RUNTME_URL is not read; did you mean OPEN_CLI_RUNTIME_URL?");
    assert!(!report.to_string().contains("hunter2"), "{report}");
}

#[test]
fn a_source_that_failed_is_told() {
    let gone = json!({"sources": {"gone": {"type": "openapi", "uri": "[DEMO]/no-such.json"}}});
    let world = World::serving(&gone);
    let report = check(&world, "", 10, &[("catalog", "ok", None), ("sources", "failed", Some("sources_failed"))]);
    assert!(found(&report, "sources")["found"].as_str().unwrap().contains("gone is failed"), "{report}");
}

/// A broker, a toolbox that takes its tokens for `audience`, and a client whose token is in a file.
struct Guarded {
    world: World,
    issuer: String,
    _broker: Program,
}

impl Guarded {
    fn start(audience: &str) -> Self {
        let world = World::with_demo().file("secret", "hunter2\n");
        let mut command = world.command(env!("CARGO_BIN_EXE_open-cli-eval"));
        let broker = Program::start(command.args(["broker", "--alg", "EdDSA", "--client-secret-file", "secret"]));
        let issuer = broker.url();
        let auth = json!({
            "validationProfile": "oidc_jwks", "issuer": issuer, "jwksURL": format!("{issuer}/jwks"), "audience": audience,
        });
        let mut world = world.config(&json!({"runtime": {"server": {"auth": auth}}}));
        let oauth = json!({"mode": "providedToken", "tokenRef": "file:token", "scopes": ["bundle:demo"]});
        world.write("client.json", &json!({"runtime": {"remote": {"oauth": oauth}}}).to_string());
        world.start_toolbox(&[]);
        Self { world, issuer, _broker: broker }
    }

    /// The client's token from now on, with these scopes.
    fn hold(&self, scope: &str) -> String {
        let headers = [
            ("Authorization", "Basic b3Blbi1jbGktYWdlbnQ6aHVudGVyMg=="),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        let form = format!("grant_type=client_credentials&scope={scope}");
        let answer = self.world.http("POST", &format!("{}/token", self.issuer), &headers, &form);
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        self.world.write("token", &token);
        token
    }

    #[track_caller]
    fn check(&self, exit: i32, expected: &[(&str, &str, Option<&str>)]) -> Value {
        check(&self.world, "--config client.json", exit, expected)
    }
}

#[test]
fn h24_a_token_is_judged_and_never_shown() {
    let guarded = Guarded::start("open-cli-toolbox");
    let token = guarded.hold("bundle:demo");
    let report = guarded.check(0, &[("token", "ok", None), ("catalog", "ok", None)]);
    let details = &found(&report, "token")["details"];
    assert_eq!((&details["principal"], &details["scopes"]), (&json!("open-cli-agent"), &json!(["bundle:demo"])));
    assert_eq!((&details["issuer"], &details["audience"]), (&json!(guarded.issuer), &json!(["open-cli-toolbox"])));
    let signature = token.rsplit('.').next().unwrap();
    assert!(!report.to_string().contains(signature), "{report}");

    guarded.hold("runtime:admin");
    let expected = [("token", "warning", Some("token_scopes")), ("catalog", "failed", Some("no_scope"))];
    let report = guarded.check(6, &expected);
    assert_eq!(found(&report, "token")["details"]["notGranted"], json!(["bundle:demo"]));

    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": guarded.issuer, "aud": "open-cli-toolbox", "exp": 1_700_000_000, "sub": "ada"});
    guarded.world.write("token", &format!("{}.{}.AAAA", part(&json!({"alg": "EdDSA"})), part(&claims)));
    let expected = [("token", "failed", Some("token_expired")), ("catalog", "skipped", None)];
    let report = guarded.check(5, &expected);
    assert!(found(&report, "token")["found"].as_str().unwrap().contains("2023-11-14T22:13:20.000Z"), "{report}");

    guarded.world.write("token", "opaque");
    guarded.check(5, &[("token", "failed", Some("token_refused"))]);
    std::fs::remove_file(guarded.world.path("token")).unwrap();
    guarded
        .check(5, &[("contract", "ok", None), ("token", "failed", Some("authn_failed")), ("catalog", "skipped", None)]);
    check(&guarded.world, "--config .cli.json", 5, &[("token", "failed", Some("token_missing"))]);
}

#[test]
fn a_token_for_somebody_else_is_told_from_a_bad_one() {
    let guarded = Guarded::start("another-toolbox");
    guarded.hold("bundle:demo");
    let report = guarded.check(5, &[("token", "failed", Some("token_audience"))]);
    let found = found(&report, "token")["found"].as_str().unwrap();
    assert_eq!(found, "it is refused: it is for open-cli-toolbox, and the runtime is another-toolbox");
}
