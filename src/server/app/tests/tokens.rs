//! The API with auth on: who is let in, what is shown, what is refused, what is recorded (H02, H03, H09, H10).

use std::collections::BTreeMap;

use super::*;
use crate::access::validator::Tools;
use crate::base::form::Form;
use crate::base::url::Url;
use crate::config::{ServerAuth, ValidationProfile};
use crate::oauth::jwt::tests as jwt;
use crate::server::router::Token;

/// Answers introspection: the token's text is the scopes, `-` for a space; `bad` is nobody, `down` is silence.
pub(super) struct Issuer(pub(super) Mutex<usize>);

impl Transport for Issuer {
    fn send(&self, request: &Request, _: Limits) -> Result<Response, TransportError> {
        *self.0.lock().unwrap() += 1;
        let form = Form::parse(std::str::from_utf8(&request.body).unwrap());
        let token = form.get("token").unwrap();
        if token == "down" {
            return Err(TransportError {
                kind: crate::http::TransportErrorKind::Connect,
                may_have_been_sent: false,
                message: "10.1.2.3 refused the connection".to_owned(),
            });
        }
        let (who, scopes) = token.split_once('.').unwrap_or(("ada", token));
        let body = json!({
            "active": token != "bad", "sub": who, "aud": "tools", "scope": scopes.replace('~', ":").replace('-', " "),
            "act": {"sub": "robot"}, "delegated_by": "boss", "delegation_id": "d-1",
        });
        let headers = Headers::new().with("Content-Type", "application/json");
        Ok(Response { status: 200, headers, body: body.to_string().into_bytes(), truncated: false })
    }
}

fn auth() -> ServerAuth {
    auth_remembering(Duration::ZERO)
}

fn auth_remembering(cache: Duration) -> ServerAuth {
    let url = |text: &str| Some(Url::parse(text).unwrap());
    ServerAuth {
        profile: ValidationProfile::OAuth2Introspection {
            introspection_url: Url::parse("https://issuer.internal/introspect").unwrap(),
            issuer: Some("https://issuer.example".to_owned()),
            client_id: None,
            client_secret: None,
            client_authentication: crate::config::ClientAuthentication::Basic,
            cache,
        },
        audience: "tools".to_owned(),
        authorization_url: url("https://issuer.example/authorize"),
        token_url: url("https://issuer.example/token"),
        browser_client_id: Some("people".to_owned()),
        algorithms: vec![],
        clock_skew: Duration::ZERO,
    }
}

pub(super) fn world_of(config: Config) -> (World, Arc<Issuer>) {
    remembering(config, Duration::ZERO)
}

/// With an issuer whose answers are remembered for a while.
pub(super) fn remembering(mut config: Config, remember: Duration) -> (World, Arc<Issuer>) {
    let issuer = Arc::new(Issuer(Mutex::new(0)));
    let auth = auth_remembering(remember);
    config.server.auth = Some(auth.clone());
    let tools = Tools {
        transport: Arc::clone(&issuer) as Arc<dyn Transport>,
        clock: Clock::from_fn(|| UNIX_EPOCH),
        env: Env::default(),
        log: Log::silent(),
    };
    let validator = Validator::new(auth, tools).unwrap();
    (World::guarded(config, validator), issuer)
}

pub(super) fn world() -> World {
    world_of(config()).0
}

impl World {
    pub(super) fn as_token(&self, token: &str, method: &str, target: &str, body: &str) -> Reply {
        self.ask(method, target, &[("Authorization", &format!("Bearer {token}"))], body)
    }

    pub(super) fn execute_as(&self, token: &str, tool: &str) -> Reply {
        self.as_token(token, "POST", path::EXECUTE, &json!({ "toolId": tool }).to_string())
    }

    /// Every record, whole.
    pub(super) fn whole_records(&self) -> Vec<Value> {
        self.app.audit.flush().unwrap();
        let found = find(self.app.audit.path(), &Filter { limit: 1000, ..Filter::default() }).unwrap();
        found.lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}

const SEES_API: &str = "bundle~api";

#[test]
fn h02_nothing_is_looked_at_before_the_caller_is_known() {
    let world = world();
    for route in ROUTES.iter().filter(|route| route.token == Token::Needed) {
        for method in route.methods() {
            let body = if method == "POST" { "{" } else { "" };
            let reply = world.ask(method, &format!("{}?config=/etc/passwd&mode=x", route.path), &[], body);
            reply.is(401, "authn_failed");
            let challenge = reply.headers.get("WWW-Authenticate").unwrap();
            assert!(!challenge.contains("error"), "RFC 6750 section 3.1: {challenge}");
            assert!(
                challenge.contains("resource_metadata=\"http://127.0.0.1:8765/.well-known/oauth-protected-resource\""),
                "{challenge}"
            );
        }
    }
    assert!(world.sent().is_empty());
}

#[test]
fn h03_every_failed_authentication_is_recorded() {
    let world = world();
    for (authorization, status, code, reason) in [
        ("Bearer bad", 401, "authn_failed", "token_inactive"),
        ("Bearer a b", 401, "authn_failed", "token_malformed"),
        ("Basic YTpi", 401, "authn_failed", "token_malformed"),
        ("Bearer down", 503, "authn_unavailable", "authn_unavailable"),
    ] {
        for at in [path::CATALOG, path::INFO, path::AUDIT, "/v1/tools?id=x"] {
            let reply = world.ask("GET", at, &[("Authorization", authorization)], "");
            reply.is(status, code);
            let challenge = reply.headers.get("WWW-Authenticate");
            assert_eq!(challenge.is_some_and(|text| text.contains("error=\"invalid_token\"")), status == 401);
        }
        let counted = world.whole_records().into_iter().rfind(|record| record["reasonCode"] == reason).unwrap();
        assert_eq!(counted["eventType"], "authn_failure");
        assert_eq!(counted["clientAddr"], "127.0.0.1");
    }
    let failures = world.whole_records().iter().map(|record| record["count"].as_u64().unwrap_or(1)).sum::<u64>();
    assert_eq!(failures, 16);
}

#[test]
fn h02_trouble_tells_an_anonymous_caller_no_cause() {
    let world = world();
    let headers = [("Authorization", "Bearer down"), ("Accept", "application/json")];
    let reply = world.ask("GET", path::CATALOG, &headers, "");
    assert_eq!(reply.status, 503);
    for hidden in ["10.1.2.3", "issuer.internal", "introspect"] {
        assert!(!reply.text.contains(hidden), "{}", reply.text);
    }
    let info = world.get(path::INFO).json();
    for hidden in ["auditPath", "stateDir", "cacheDir"] {
        assert!(info.get(hidden).is_none(), "{info}");
    }
    let known = world.as_token(SEES_API, "GET", path::INFO, "").json();
    assert!(known["auditPath"].is_string(), "{known}");
    assert_eq!((&known["auth"]["principal"], &known["auth"]["required"]), (&json!("ada"), &json!(true)));
}

#[test]
fn endpoints_without_a_token_stay_open_and_look_at_none() {
    let (world, issuer) = world_of(config());
    for at in [path::HEALTH, path::READY, path::BROWSER_CONFIG, path::PROTECTED_RESOURCE] {
        assert_eq!(world.as_token("bad", "GET", at, "").status, 200, "{at}");
    }
    assert_eq!(*issuer.0.lock().unwrap(), 0);
    let login = world.get(path::BROWSER_CONFIG).json();
    let expected = json!({
        "authorizationURL": "https://issuer.example/authorize", "tokenURL": "https://issuer.example/token",
        "clientId": "people", "audience": "tools", "required": true, "scopePrefixes": ["bundle:", "profile:", "tool:"],
        "tokenValidationProfiles": ["oauth2_introspection"],
        "authorizationEnvelope": {"version": "1.0", "scopePrefixes": ["bundle:", "profile:", "tool:"]},
        "issuer": "https://issuer.example",
    });
    assert_eq!(login, expected);
    let resource = world.get(path::PROTECTED_RESOURCE).json();
    assert_eq!(resource["resource"], "http://127.0.0.1:8765");
    assert_eq!(resource["authorization_servers"], json!(["https://issuer.example"]));
    assert_eq!(World::new().get(path::PROTECTED_RESOURCE).status, 404);
}

#[test]
fn h09_what_the_envelope_hides_is_hidden_everywhere() {
    let world = world();
    let seen = |token: &str| world.as_token(token, "GET", path::CATALOG, "").json();
    let narrow = seen("tool~api~get");
    assert_eq!(tool_ids(&narrow["catalog"]["tools"]), ["api:get"]);
    for view in narrow["catalog"]["effectiveViews"].as_array().unwrap() {
        assert!(tool_ids(&view["tools"]).iter().all(|id| *id == "api:get"), "{view}");
    }
    let nothing = seen("openid");
    for list in ["tools", "services", "sources", "workflows"] {
        assert_eq!(nothing["catalog"][list], json!([]), "{list}");
    }
    let put_only = seen("tool~api~put");
    let views: Vec<&str> = put_only["catalog"]["effectiveViews"]
        .as_array()
        .unwrap()
        .iter()
        .map(|view| view["name"].as_str().unwrap())
        .collect();
    assert_eq!(views, ["discover"], "a profile of which nothing may be seen is not named");
    assert_eq!(tool_ids(&seen(SEES_API)["catalog"]["tools"]), ["api:ask", "api:get", "api:put"], "H15");
    let refreshed = world.as_token("openid", "POST", path::REFRESH, "").json();
    assert_eq!(refreshed["sources"], json!([]));
}

#[test]
fn h09_hidden_and_unknown_answer_alike() {
    let world = world();
    let mut answers = BTreeMap::new();
    for tool in ["api:put", "api:drop", "api:managed", "api:none", "none"] {
        let executed = world.execute_as("tool~api~get", tool);
        let shown = world.as_token("tool~api~get", "GET", &format!("/v1/tools?id={tool}"), "");
        for reply in [executed, shown] {
            let challenge = reply.headers.get("WWW-Authenticate").unwrap_or("").to_owned();
            answers.entry((reply.status, reply.text, challenge)).or_insert_with(Vec::new).push(tool);
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    let ((status, text, challenge), _) = answers.first_key_value().unwrap();
    assert_eq!((*status, text.as_str()), (403, "authz_denied"));
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(world.sent().is_empty());
    let own = world.as_token("tool~api~get", "GET", &format!("{}?decision=denied", path::AUDIT), "").json();
    let members: std::collections::BTreeSet<Vec<&String>> =
        own.as_array().unwrap().iter().map(|record| record.as_object().unwrap().keys().collect()).collect();
    assert_eq!(
        (own.as_array().unwrap().len(), members.len()),
        (5, 1),
        "records tell no more of one than of the other: {own}"
    );
    assert_eq!(world.execute_as("tool~api~get", "api:get").status, 200);
}

#[test]
fn h09_own_records_do_not_tell_hidden_from_unknown() {
    let world = world();
    for tool in ["api:put", "api:none"] {
        world.execute_as("tool~api~get", tool).is(403, "authz_denied");
    }
    let denials = world.as_token("tool~api~get", "GET", &format!("{}?eventType=authz_denial", path::AUDIT), "").json();
    let members = |at: usize| denials[at].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((members(0), &denials[0]["toolId"]), (members(1), &json!("api:put")), "{denials}");
}

#[test]
fn h09_a_narrower_token_does_not_read_of_tools_it_may_not_see() {
    let world = world();
    world.execute_as("bundle~api", "api:put");
    world.execute_as("bundle~api", "api:get");
    let tools = |token: &str| {
        let events = world.as_token(token, "GET", &format!("{}?eventType=tool_execution", path::AUDIT), "").json();
        let ids = events.as_array().unwrap().iter().map(|event| event["toolId"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(tools("bundle~api"), ["api:put", "api:get"]);
    assert_eq!(tools("tool~api~get"), ["api:get"], "a child token stands for the same person");
    assert_eq!(tools("runtime~admin"), ["api:put", "api:get"]);
}

#[test]
fn h09_a_hidden_profile_answers_as_an_unknown_one() {
    let world = world();
    for token in ["tool~api~put", "openid"] {
        for profile in ["readers", "nobody"] {
            let query = format!("{}?agentProfile={profile}", path::CATALOG);
            world.as_token(token, "GET", &query, "").is(400, "bad_request");
            let body = json!({"toolId": "api:put", "agentProfile": profile}).to_string();
            world.as_token(token, "POST", path::EXECUTE, &body).is(400, "bad_request");
        }
    }
    for token in ["tool~api~get", "profile~readers"] {
        let reply = world.as_token(token, "GET", &format!("{}?agentProfile=readers", path::CATALOG), "");
        assert_eq!(reply.status, 200, "{token}");
    }
    let mut curated = config();
    curated.mode = Some(Mode::Curated);
    curated.default_profile = Some("readers".to_owned());
    curated.profiles.insert("all".into(), Profile { mode: Some(Mode::Discover), tool_set: None });
    let (world, _) = world_of(curated);
    for profile in ["all", "nobody"] {
        let query = format!("{}?agentProfile={profile}", path::CATALOG);
        world.as_token(SEES_API, "GET", &query, "").is(403, "curated_deny");
    }
    assert_eq!(world.as_token("openid", "GET", path::CATALOG, "").status, 200, "the default is no secret");
}

#[test]
fn envelopes_make_their_own_catalogs_with_their_own_validators() {
    let world = world();
    let etag = |token: &str| world.as_token(token, "GET", path::CATALOG, "").headers.get("ETag").unwrap().to_owned();
    assert_eq!(etag("eve.bundle~api"), etag("ada.bundle~api"), "it depends on the scopes, not on the person");
    assert_ne!(etag("tool~api~get"), etag(SEES_API));
    let known = etag("tool~api~get");
    let headers = [("Authorization", "Bearer tool~api~get"), ("If-None-Match", known.as_str())];
    world.ask("GET", path::CATALOG, &headers, "").is(304, "");
    let headers = [("Authorization", "Bearer bundle~api"), ("If-None-Match", known.as_str())];
    assert_eq!(world.ask("GET", path::CATALOG, &headers, "").status, 200);
}

#[test]
fn h10_stopping_and_reading_others_events_need_admin() {
    let world = world();
    world.as_token(SEES_API, "POST", path::STOP, "").is(403, "authz_denied");
    assert!(world.orders.try_recv().is_err());
    assert_eq!(world.records().last().unwrap(), &("authz_denial".to_owned(), "authz_denied".to_owned()));
    world.execute_as("eve.bundle~api", "api:get");
    world.execute_as("ada.bundle~api", "api:get");
    let principals = |token: &str, query: &str| {
        let events = world.as_token(token, "GET", &format!("{}{query}", path::AUDIT), "").json();
        let mut names: Vec<String> =
            events.as_array().unwrap().iter().map(|event| event["principal"].to_string()).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(principals("ada.openid", ""), ["\"ada\""]);
    assert_eq!(principals("ada.openid", "?principal=eve"), Vec::<String>::new());
    assert_eq!(principals("root.runtime~admin", "?eventType=tool_execution"), ["\"ada\"", "\"eve\""]);
    assert_eq!(world.as_token("runtime~admin", "POST", path::STOP, "").status, 200);
    assert_eq!(world.orders.try_recv(), Ok(Order::Stop));
}

#[test]
fn h12_under_auth_a_curated_runtime_stays_curated() {
    let mut curated = config();
    curated.mode = Some(Mode::Curated);
    curated.default_profile = Some("readers".to_owned());
    curated.profiles.insert("all".into(), Profile { mode: Some(Mode::Discover), tool_set: None });
    let (world, _) = world_of(curated);
    let view = |query: &str, token: &str| world.as_token(token, "GET", &format!("{}{query}", path::CATALOG), "");
    assert_eq!(tool_ids(&view("", SEES_API).json()["view"]["tools"]), ["api:get"]);
    view("?mode=discover", SEES_API).is(403, "curated_deny");
    view("?agentProfile=all", SEES_API).is(403, "curated_deny");
    world.execute_as(SEES_API, "api:put").is(403, "curated_deny");
}

#[test]
fn records_name_the_principal_and_its_lineage() {
    let world = world();
    world.execute_as(SEES_API, "api:put");
    let records = world.whole_records();
    let done = records.iter().find(|record| record["eventType"] == "tool_execution").unwrap();
    assert_eq!((&done["principal"], &done["principalKind"]), (&json!("ada"), &json!("sub")));
    assert_eq!(done["issuer"], "https://issuer.example");
    assert_eq!(done["lineage"], json!({"delegatedBy": "boss", "delegationId": "d-1", "actor": "robot"}));
    let connects = records.iter().filter(|record| record["eventType"] == "authenticated_connect").count();
    assert_eq!(connects, 1);
    world.as_token("tool~api~get", "GET", path::CATALOG, "");
    world.as_token(SEES_API, "GET", path::CATALOG, "");
    let filtered = world.whole_records().iter().filter(|record| record["eventType"] == "catalog_filtered").count();
    assert_eq!(filtered, 1, "only what left something out");
}

#[test]
fn a_refresh_that_hangs_holds_few_callers() {
    let world = world();
    let state = &world.app.state;
    let gate = state.hold_builds();
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..20).map(|_| scope.spawn(|| state.refresh().is_some())).collect();
        // Everybody but the few who wait has been turned away by now.
        while callers.iter().filter(|caller| caller.is_finished()).count() < 16 {
            host::sleep(Duration::from_millis(1));
        }
        let reply = world.as_token(SEES_API, "POST", path::REFRESH, "");
        reply.is(503, "overloaded");
        assert!(reply.headers.get("Retry-After").is_some());
        drop(gate);
        let waited = callers.into_iter().map(|caller| caller.join().unwrap());
        assert_eq!(waited.filter(|refreshed| *refreshed).count(), 4);
    });
}

#[test]
fn h24_no_token_ends_up_in_the_audit_file() {
    let world = world();
    for token in ["hunter2.bundle~api-secretscope", "bad", "down"] {
        world.execute_as(token, "api:get");
    }
    let written = String::from_utf8(disk::read(world.app.audit.path(), 1 << 20).unwrap()).unwrap();
    assert!(!written.contains("secretscope") && !written.contains("bundle~api"), "{written}");
}

/// The issuer of the table of hostile tokens, which answers every request with its keys.
struct Keys(Vec<u8>);

impl Transport for Keys {
    fn send(&self, _: &Request, _: Limits) -> Result<Response, TransportError> {
        Ok(Response { status: 200, headers: Headers::new(), body: self.0.clone(), truncated: false })
    }
}

#[test]
fn h05_every_hostile_token_is_401_and_recorded_with_its_own_reason() {
    let issuer = jwt::Issuer::new();
    let mut auth = auth();
    auth.profile = ValidationProfile::OidcJwks {
        issuer: jwt::ISSUER.to_owned(),
        jwks_url: Some(Url::parse("https://issuer.example/keys").unwrap()),
    };
    let rules = jwt::rules();
    auth.audience.clone_from(&rules.audience);
    auth.clock_skew = rules.skew;
    auth.algorithms = rules.algorithms.iter().map(|algorithm| algorithm.as_str().to_owned()).collect();
    let tools = Tools {
        transport: Arc::new(Keys(issuer.document().to_string().into_bytes())),
        clock: Clock::from_fn(|| UNIX_EPOCH + Duration::from_secs(jwt::NOW)),
        env: Env::default(),
        log: Log::silent(),
    };
    let mut config = config();
    config.server.auth = Some(auth.clone());
    let world = World::guarded(config, Validator::new(auth, tools).unwrap());
    assert_eq!(world.as_token(&issuer.good(), "GET", path::CATALOG, "").status, 200);
    world.whole_records();
    let mut sent = 0;
    for (name, token, reason) in jwt::hostile(&issuer) {
        // What no header can carry cannot be sent.
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            continue;
        }
        sent += 1;
        let reply = world.as_token(&token, "GET", path::CATALOG, "");
        assert_eq!((reply.status, reply.text.as_str()), (401, "authn_failed"), "{name}");
        let record = world.whole_records().pop().unwrap();
        assert_eq!(record["eventType"], "authn_failure", "{name}");
        // Where there is no token at all, the header is what is wrong.
        let expected = if token.is_empty() { "token_malformed" } else { reason.word() };
        assert_eq!(record["reasonCode"], expected, "{name}");
    }
    assert!(sent >= 60, "{sent}");
}
