//! Whole executions through a transport that answers from a list.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::base::redacted::Redacted;
use crate::catalog::{AuthAlternative, AuthRequirement, Backend, BodyContent, Parameter, RequestBody, Retry, Safety};
use crate::config::{
    HostPattern, Location, OAuthMode, OAuthSecret, Refresh, Secret, SecretKind, SecretRef, Service, Source, SourceKind,
};

const SECRET: &str = "s3cret-value";

#[derive(Default)]
struct Upstream {
    answers: Mutex<VecDeque<Result<Response, TransportError>>>,
    seen: Mutex<Vec<(Request, Limits)>>,
}

impl Transport for Upstream {
    fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        self.seen.lock().unwrap().push((request.clone(), limits));
        self.answers.lock().unwrap().pop_front().expect("an answer was prepared")
    }
}

/// One service `s` with a remote description, a bearer secret, and an upstream.
struct World {
    config: Config,
    tool: Tool,
    upstream: Arc<Upstream>,
}

impl World {
    fn new(method: &str) -> Self {
        let location = Location::Remote(Url::parse("https://api.example/openapi.json").unwrap());
        let kind = SourceKind::OpenApi(location);
        let mut config = Config::default();
        config
            .sources
            .insert("src".into(), Source { enabled: true, refresh: Refresh::default(), uri: String::new(), kind });
        let service = Service::of("src".into());
        config.services.insert("s".into(), service);
        let literal = SecretKind::Value(SecretRef::Literal(Redacted::new(SECRET.to_owned())));
        config.secrets.insert("s.token".into(), Secret { services: Vec::new(), kind: literal });
        let tool = Tool {
            id: "s:run".into(),
            service_id: "s".into(),
            method: method.into(),
            path: "/things/{id}".into(),
            servers: vec!["https://api.example/v1".into()],
            safety: Safety { idempotent: method != "POST", ..Safety::default() },
            ..Tool::default()
        };
        Self { config, tool, upstream: Arc::new(Upstream::default()) }
    }

    /// Lets the tool need the secret, in this place.
    fn auth(mut self, kind: &str, place: &str) -> Self {
        let requirement = AuthRequirement {
            name: "token".into(),
            kind: kind.into(),
            scheme: "bearer".into(),
            place: place.into(),
            param_name: "X-Key".into(),
            ..AuthRequirement::default()
        };
        self.tool.auth_alternatives = vec![AuthAlternative { requirements: vec![requirement] }];
        self
    }

    fn answer(self, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.append(name, value).unwrap();
        }
        let response = Response { status, headers: all, body: body.into(), truncated: false };
        self.upstream.answers.lock().unwrap().push_back(Ok(response));
        self
    }

    fn fail(self, kind: TransportErrorKind, may_have_been_sent: bool) -> Self {
        let error = TransportError { kind, may_have_been_sent, message: "api.example is broken".into() };
        self.upstream.answers.lock().unwrap().push_back(Err(error));
        self
    }

    fn executor(&self) -> Executor {
        let transport = Arc::clone(&self.upstream) as Arc<dyn Transport>;
        Executor { wait: |_| {}, ..Executor::new(transport, Env::default(), Clock::system()) }
    }

    fn prepare(&self) -> Result<Prepared<'_>, ExecuteError> {
        let request = ExecuteRequest { path_args: vec!["1".into()], ..ExecuteRequest::default() };
        self.executor().prepare(&self.config, &self.tool, &request)
    }

    fn run(&self) -> Result<Outcome, ExecuteError> {
        self.executor().send(&self.prepare()?)
    }

    /// Method, URL, and whether the secret was in it, of all that was sent.
    fn seen(&self) -> Vec<(String, bool, Reach)> {
        let seen = self.upstream.seen.lock().unwrap();
        seen.iter()
            .map(|(request, limits)| {
                let headers: String = request.headers.iter().map(|(_, value)| value.to_owned() + "\n").collect();
                let has_secret = format!("{}{headers}", request.url.as_str()).contains(SECRET);
                (format!("{} {}", request.method, request.url.as_str()), has_secret, limits.reach)
            })
            .collect()
    }
}

#[test]
fn an_answer_of_any_status_is_an_outcome() {
    for status in [200, 201, 204, 302, 400, 401, 404, 500] {
        let world = World::new("POST").answer(status, &[("Content-Type", "application/json")], "{\"a\":1}");
        let outcome = world.run().unwrap();
        assert_eq!((outcome.response.status_code, outcome.retries), (status, 0));
        assert_eq!(outcome.response.body.unwrap().get(), "{\"a\":1}");
    }
}

#[test]
fn what_is_prepared_is_known_before_it_is_sent() {
    let mut world = World::new("POST").auth("http", "");
    world.tool.request_body = Some(RequestBody {
        required: true,
        content_types: vec![BodyContent { media_type: "application/json".into(), ..BodyContent::default() }],
    });
    let request =
        ExecuteRequest { path_args: vec!["1".into()], body_json: Some(json!({"a": 1})), ..ExecuteRequest::default() };
    let prepared = world.executor().prepare(&world.config, &world.tool, &request).unwrap();
    assert_eq!(
        (prepared.request_size, prepared.auth_scheme.as_str(), prepared.target.as_str()),
        (7, "token", "https://api.example/v1")
    );
    assert!(world.seen().is_empty());
}

#[test]
fn h21_idempotent_requests_are_repeated_up_to_three_attempts() {
    let world = World::new("GET").answer(503, &[], "").answer(429, &[("Retry-After", "0")], "").answer(200, &[], "1");
    let outcome = world.run().unwrap();
    assert_eq!((outcome.response.status_code, outcome.retries, outcome.response.retries), (200, 2, 2));
    let world = World::new("GET").answer(502, &[], "").answer(504, &[], "").answer(503, &[], "last");
    let outcome = world.run().unwrap();
    assert_eq!((outcome.response.status_code, outcome.response.text.as_deref()), (503, Some("last")));
}

#[test]
fn h21_other_requests_are_repeated_only_when_nothing_was_sent() {
    let world = World::new("POST").answer(503, &[], "");
    assert_eq!(world.run().unwrap().retries, 0);
    let world = World::new("POST").fail(TransportErrorKind::Protocol, true);
    assert_eq!(world.run().unwrap_err().retries, 0);
    let world = World::new("POST").fail(TransportErrorKind::Connect, false).answer(201, &[], "");
    assert_eq!(world.run().unwrap().retries, 1);
    let mut world = World::new("POST").answer(503, &[], "").answer(201, &[], "");
    world.tool.retry = Some(Retry { recommended: true, ..Retry::default() });
    assert_eq!(world.run().unwrap().retries, 1);
    let mut world = World::new("PUT").answer(503, &[], "");
    world.tool.safety.idempotent = false;
    assert_eq!(world.run().unwrap().retries, 0, "a publisher may take idempotence away");
}

#[test]
fn h21_a_wait_past_the_deadline_is_not_begun() {
    let mut world = World::new("GET").answer(429, &[("Retry-After", "31")], "slow down");
    assert_eq!(world.run().unwrap().response.status_code, 429);
    world.config.services.get_mut("s").unwrap().timeout = Some(Duration::from_secs(60));
    world.upstream.answers.lock().unwrap().clear();
    let world = world.answer(429, &[("Retry-After", "31")], "").answer(200, &[], "");
    assert_eq!(world.run().unwrap().retries, 1);
}

#[test]
fn h22_deadline_and_limit_go_with_every_request() {
    let mut world = World::new("GET").answer(302, &[("Location", "/v1/other")], "").answer(200, &[], "");
    world.config.services.get_mut("s").unwrap().timeout = Some(Duration::from_secs(5));
    world.run().unwrap();
    for (_, limits) in world.upstream.seen.lock().unwrap().iter() {
        assert!(limits.deadline.left() <= Duration::from_secs(5));
        assert_eq!(limits.max_body, MAX_ANSWER);
    }
}

#[test]
fn failures_have_their_code() {
    for (kind, sent, code, retries) in [
        (TransportErrorKind::Timeout, true, ErrorCode::ExecutionTimeout, 0),
        (TransportErrorKind::Resolve, false, ErrorCode::ExecutionError, 0),
        (TransportErrorKind::Forbidden, false, ErrorCode::ExecutionError, 0),
        (TransportErrorKind::Tls, false, ErrorCode::ExecutionError, 0),
        (TransportErrorKind::Connect, false, ErrorCode::ExecutionError, 2),
    ] {
        let world = World::new("GET").fail(kind, sent).fail(kind, sent).fail(kind, sent);
        let error = world.run().unwrap_err();
        assert_eq!((error.code, error.retries), (code, retries), "{kind:?}");
        assert_eq!(error.detail, "api.example is broken");
    }
}

#[test]
fn h17_redirects_carry_no_credential_to_another_origin() {
    for (kind, place) in [("http", ""), ("apiKey", "header"), ("apiKey", "query"), ("apiKey", "cookie")] {
        for (to, keeps) in [
            ("https://other.example/", false),
            ("https://api.example:8443/", false),
            ("//api.example.evil/", false),
            // A key in the query is not added again: the redirect says what the query is.
            ("/v2/x", place != "query"),
        ] {
            let world = World::new("GET").auth(kind, place).answer(307, &[("Location", to)], "").answer(200, &[], "");
            world.run().unwrap();
            let seen = world.seen();
            assert!(seen[0].1, "{seen:?}");
            assert_eq!(seen[1].1, keeps, "{kind} {place} {seen:?}");
        }
    }
}

#[test]
fn h17_credentials_do_not_come_back_after_a_detour() {
    let world = World::new("GET")
        .auth("http", "")
        .answer(302, &[("Location", "https://other.example/")], "")
        .answer(302, &[("Location", "https://api.example/v1/things/2")], "")
        .answer(200, &[], "");
    world.run().unwrap();
    let carried: Vec<_> = world.seen().into_iter().map(|(_, secret, _)| secret).collect();
    assert_eq!(carried, [true, false, false]);
}

#[test]
fn redirects_are_followed_within_bounds() {
    let mut world = World::new("GET");
    for _ in 0..=MAX_REDIRECTS {
        world = world.answer(302, &[("Location", "/again")], "");
    }
    assert_eq!(world.run().unwrap().response.status_code, 302);
    assert_eq!(world.seen().len(), MAX_REDIRECTS + 1);
    for (method, to) in [
        ("POST", "/x"),
        ("PUT", "/x"),
        ("DELETE", "/x"),
        ("GET", "http://api.example/"),
        ("GET", "file:///etc/passwd"),
        ("GET", "ftp://h/"),
    ] {
        let world = World::new(method).answer(307, &[("Location", to)], "");
        let outcome = world.run().unwrap();
        assert_eq!(outcome.response.status_code, 307);
        assert_eq!(outcome.response.headers["location"], to);
        assert_eq!(world.seen().len(), 1);
    }
}

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn trail(id: &str) -> Trail<'_> {
    Trail { request_id: id, trace: Trace::read([TRACEPARENT], ["a=1"]) }
}

impl World {
    /// What was sent under these names, of each request.
    fn headers(&self, names: [&str; 3]) -> Vec<Vec<Option<String>>> {
        let seen = self.upstream.seen.lock().unwrap();
        let headers = |request: &Request| names.map(|name| request.headers.get(name).map(str::to_owned)).to_vec();
        seen.iter().map(|(request, _)| headers(request)).collect()
    }
}

const TRAIL: [&str; 3] = ["x-request-id", "traceparent", "tracestate"];

#[test]
fn every_attempt_carries_the_same_trail() {
    let world = World::new("GET").answer(503, &[("Retry-After", "0")], "").answer(200, &[], "");
    let mut prepared = world.prepare().unwrap();
    prepared.carry(&trail("r-1"));
    assert_eq!(world.executor().send(&prepared).unwrap().retries, 1);
    let sent = vec![Some("r-1".to_owned()), Some(TRACEPARENT.to_owned()), Some("a=1".to_owned())];
    assert_eq!(world.headers(TRAIL), [sent.clone(), sent]);
    let shown = serde_json::to_string(&prepared.dry_run()).unwrap();
    assert!(!shown.contains("r-1"), "what is of one call alone is in no dry run: {shown}");
}

#[test]
fn without_a_trace_only_the_id_goes_along() {
    let world = World::new("GET").answer(200, &[], "");
    let mut prepared = world.prepare().unwrap();
    prepared.carry(&Trail { request_id: "r-1", trace: None });
    world.executor().send(&prepared).unwrap();
    assert_eq!(world.headers(TRAIL), [vec![Some("r-1".to_owned()), None, None]]);
}

#[test]
fn a_trail_takes_no_parameters_and_no_credentials_place() {
    let parameter = |name: &str| -> Parameter {
        let described = json!({"name": name.to_lowercase(), "originalName": name, "location": "header"});
        serde_json::from_value(described).unwrap()
    };
    let mut world = World::new("GET").answer(200, &[], "");
    world.tool.flags = vec![parameter("Traceparent"), parameter("X-Request-Id")];
    let flags = json!({"traceparent": "mine", "x-request-id": "own"}).as_object().unwrap().clone();
    let request = ExecuteRequest { path_args: vec!["1".into()], flags, ..ExecuteRequest::default() };
    let mut prepared = world.executor().prepare(&world.config, &world.tool, &request).unwrap();
    prepared.carry(&trail("r-1"));
    world.executor().send(&prepared).unwrap();
    assert_eq!(world.headers(TRAIL), [vec![Some("own".to_owned()), Some("mine".to_owned()), None]]);

    let mut world = World::new("GET").auth("apiKey", "header").answer(200, &[], "");
    world.tool.auth_alternatives[0].requirements[0].param_name = "traceparent".into();
    let mut prepared = world.prepare().unwrap();
    prepared.carry(&trail("r-1"));
    world.executor().send(&prepared).unwrap();
    assert_eq!(world.headers(TRAIL), [vec![Some("r-1".to_owned()), Some(SECRET.to_owned()), None]]);
}

#[test]
fn h17_a_trail_leaves_for_no_other_origin() {
    let world = World::new("GET").answer(302, &[("Location", "https://other.example/")], "").answer(200, &[], "");
    let mut prepared = world.prepare().unwrap();
    prepared.carry(&trail("r-1"));
    world.executor().send(&prepared).unwrap();
    assert_eq!(world.headers(TRAIL)[1], [None, None, None]);
}

#[test]
fn h27_redirects_reach_only_public_addresses() {
    let mut world = World::new("GET")
        .answer(302, &[("Location", "https://api.example/b")], "")
        .answer(302, &[("Location", "https://169.254.169.254/")], "")
        .answer(302, &[("Location", "https://named.example/")], "")
        .answer(200, &[], "");
    world.config.policy.egress_allow = Some(vec![HostPattern { host: "named.example".into(), port: None }]);
    world.run().unwrap();
    let reaches: Vec<_> = world.seen().into_iter().map(|(_, _, reach)| reach).collect();
    assert_eq!(reaches, [Reach::Named, Reach::Named, Reach::PublicOnly, Reach::Named]);
}

#[test]
fn h17_a_server_of_a_remote_document_gets_no_credentials() {
    let mut world = World::new("GET").auth("http", "");
    world.tool.servers = vec!["https://elsewhere.example".into()];
    let error = world.run().unwrap_err();
    assert_eq!(error.code, ErrorCode::ExecutionError);
    assert!(error.detail.contains("set services.s.server"), "{error}");
    assert!(world.seen().is_empty(), "nothing is sent");
    world.config.services.get_mut("s").unwrap().server = Some(Url::parse("https://elsewhere.example/v3").unwrap());
    let world = world.answer(200, &[], "");
    world.run().unwrap();
    assert_eq!(world.seen(), [("GET https://elsewhere.example/v3/things/1".to_owned(), true, Reach::Named)]);
}

#[test]
fn h20_nothing_is_sent_when_the_arguments_are_wrong() {
    let world = World::new("GET").auth("http", "");
    let wrong = [
        ExecuteRequest::default(),
        ExecuteRequest { path_args: vec!["..".into()], ..ExecuteRequest::default() },
        ExecuteRequest { path_args: vec!["1".into()], body_json: Some(json!(1)), ..ExecuteRequest::default() },
    ];
    for request in wrong {
        let error = world.executor().prepare(&world.config, &world.tool, &request).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadRequest, "{error}");
    }
    assert!(world.seen().is_empty());
}

#[test]
fn what_is_not_supported_says_so() {
    let mut world = World::new("POST");
    world.tool.backend = Some(Backend { kind: "mcp".into(), ..Backend::default() });
    let error = world.prepare().unwrap_err();
    assert_eq!(error.detail, "tools behind `mcp` are not supported by this version");
}

#[test]
fn h24_a_dry_run_shows_no_credential() {
    for (kind, place, expected) in [
        ("http", "", "Bearer <token>"),
        ("apiKey", "header", "<token>"),
        ("apiKey", "query", "X-Key=<token>"),
        ("apiKey", "cookie", "X-Key=<token>"),
    ] {
        let world = World::new("GET").auth(kind, place);
        let shown = serde_json::to_string(&world.prepare().unwrap().dry_run()).unwrap();
        assert!(shown.contains(expected) && shown.contains("https://api.example/v1/things/1"), "{shown}");
        assert!(!shown.contains(SECRET) && world.seen().is_empty(), "{shown}");
    }
}

#[test]
fn h24_a_failed_execution_tells_no_secret() {
    for (kind, place) in [("http", ""), ("apiKey", "header"), ("apiKey", "query"), ("apiKey", "cookie")] {
        let failed = || TransportErrorKind::Connect;
        let world =
            World::new("GET").auth(kind, place).fail(failed(), false).fail(failed(), false).fail(failed(), false);
        let prepared = world.prepare().unwrap();
        let error = world.executor().send(&prepared).unwrap_err();
        let sent = format!("{:?}", world.upstream.seen.lock().unwrap());
        let mut texts = format!("{error} {error:?} {prepared:?} {:?} {:?} {sent}", world.executor(), world.config);
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            texts.push_str(&format!("{inner} {inner:?}"));
            cause = inner.source();
        }
        assert!(!texts.contains("s3cret"), "{texts}");
        assert!(world.seen().iter().all(|(_, secret, _)| *secret), "the secret was really in use");
    }
}

/// Lets the secret be the toolbox's own client at an issuer that the config names.
fn with_client(mut world: World) -> World {
    let url = |text: &str| Url::parse(text).ok();
    let settings = OAuthSecret {
        token_url: url("https://login.example/t"),
        client_id: Some(SecretRef::Literal(Redacted::new("me".to_owned()))),
        ..OAuthSecret::new(OAuthMode::ClientCredentials)
    };
    let kind = SecretKind::OAuth2(Box::new(settings));
    world.config.secrets.insert("s.token".into(), Secret { services: Vec::new(), kind });
    world.auth("oauth2", "")
}

fn grants(world: World, token: &str) -> World {
    world.answer(200, &[], &format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":600}}"#))
}

/// What was sent: the token endpoint, or the token that went upstream.
fn tokens(world: &World) -> Vec<String> {
    let seen = world.upstream.seen.lock().unwrap();
    let told = |request: &Request| match request.headers.get("Authorization") {
        Some(value) => format!("{value} {}", request.headers.get("X-Request-ID").unwrap_or_default()),
        None => request.url.as_str().to_owned(),
    };
    seen.iter().map(|(request, _)| told(request)).collect()
}

#[test]
fn h21_a_kept_token_that_is_refused_is_replaced_once() {
    let world = with_client(World::new("POST"));
    let world = grants(world, "a").answer(200, &[], "").answer(401, &[], "");
    let world = grants(world, "b").answer(401, &[], "");
    let executor = world.executor();
    let arguments = ExecuteRequest { path_args: vec!["1".into()], ..ExecuteRequest::default() };
    let call = || {
        let mut prepared = executor.prepare(&world.config, &world.tool, &arguments).unwrap();
        prepared.carry(&Trail { request_id: "r-1", trace: None });
        let outcome = executor.send(&prepared).unwrap();
        (outcome.response.status_code, outcome.retries)
    };
    assert_eq!((call(), call()), ((200, 0), (401, 1)));
    let issuer = "https://login.example/t";
    assert_eq!(tokens(&world), [issuer, "Bearer a r-1", "Bearer a r-1", issuer, "Bearer b r-1"]);
}

#[test]
fn a_brand_new_token_that_is_refused_is_the_answer() {
    let world = grants(with_client(World::new("GET")), "a").answer(401, &[], "");
    let outcome = world.run().unwrap();
    assert_eq!((outcome.response.status_code, outcome.retries), (401, 0));
}

#[test]
fn without_its_token_nothing_is_sent_and_a_dry_run_needs_none() {
    let world = with_client(World::new("GET")).fail(TransportErrorKind::Connect, false);
    let error = world.prepare().unwrap_err();
    assert_eq!(error.code, ErrorCode::ExecutionError);
    assert!(error.detail.contains("token: the token endpoint https://login.example/t gave no answer"), "{error}");
    let dry = ExecuteRequest { path_args: vec!["1".into()], dry_run: true, ..ExecuteRequest::default() };
    let executor = world.executor();
    let shown = executor.prepare(&world.config, &world.tool, &dry).unwrap().dry_run();
    let authorization = shown.headers.iter().find(|(name, _)| name == "Authorization");
    assert_eq!(authorization.unwrap().1, "Bearer <token>");
    assert_eq!(tokens(&world).len(), 1);
}

/// A tool that takes a login or, as its second choice, the key of another secret.
fn with_login(mut world: World, optional: bool) -> World {
    let url = |text: &str| Url::parse(text).ok();
    let settings = OAuthSecret {
        token_url: url("https://login.example/t"),
        authorization_url: url("https://login.example/a"),
        client_id: Some(SecretRef::Literal(Redacted::new("me".to_owned()))),
        ..OAuthSecret::new(OAuthMode::AuthorizationCode)
    };
    let kind = SecretKind::OAuth2(Box::new(settings));
    world.config.secrets.insert("s.login".into(), Secret { services: Vec::new(), kind });
    world = world.auth("http", "");
    let login = AuthRequirement { name: "login".into(), kind: "oauth2".into(), ..AuthRequirement::default() };
    world.tool.auth_alternatives.insert(0, AuthAlternative { requirements: vec![login] });
    if optional {
        world.tool.auth_alternatives.push(AuthAlternative::default());
    }
    world
}

#[test]
fn what_needs_no_person_comes_first_and_a_login_is_asked_for_last() {
    let world = with_login(World::new("GET"), false);
    assert_eq!(world.prepare().unwrap().auth_scheme, "token");
    let without_key = |optional| {
        let mut world = with_login(World::new("GET"), optional);
        world.config.secrets.remove("s.token");
        world
    };
    let world = without_key(false);
    let error = world.prepare().unwrap_err();
    assert_eq!(error.code, ErrorCode::UpstreamLoginRequired);
    assert!(error.detail.contains("run `open-cli auth upstream login s`"), "{error}");
    let world = without_key(true);
    assert_eq!(world.prepare().unwrap().auth_scheme, "", "auth is optional there");
}

impl World {
    /// What the next answer leads to.
    fn leads(&self, prepared: &Prepared<'_>) -> Vec<(Kind, String)> {
        let outcome = self.executor().send(prepared).unwrap();
        outcome.leads.into_iter().map(|(kind, url)| (kind, url.as_str().to_owned())).collect()
    }

    fn continued(&self, kind: Kind, url: &str) -> Result<Prepared<'_>, ExecuteError> {
        let url = Url::parse(url).unwrap();
        self.executor().prepare_from(
            &self.config,
            None,
            &self.tool,
            &ExecuteRequest::default(),
            Caller::NOBODY,
            Some((kind, &url)),
        )
    }
}

#[test]
fn a_next_page_is_resolved_against_what_answered() {
    let next = ("Link", "<?page=2>; rel=next");
    let mut world = World::new("GET").answer(302, &[("Location", "/v2/x/")], "").answer(200, &[next], "[1]");
    world.tool.safety.read_only = true;
    let leads = world.leads(&world.prepare().unwrap());
    assert_eq!(leads, [(Kind::Next, "https://api.example/v2/x/?page=2".to_owned())]);
    let moved = world.answer(302, &[("Location", "https://other.example/")], "").answer(200, &[next], "[1]");
    assert_eq!(moved.leads(&moved.prepare().unwrap()), [], "H17: that page would be at another origin");
    let body = r#"{"items":[1],"next":"/v1/things?cursor=c#x"}"#;
    let said = moved.answer(200, &[], body);
    let leads = said.leads(&said.prepare().unwrap());
    assert_eq!(leads, [(Kind::Next, "https://api.example/v1/things?cursor=c".to_owned())]);
}

#[test]
fn h17_a_continuation_carries_credentials_to_its_own_origin_alone() {
    for (kind, place) in [("http", ""), ("apiKey", "header"), ("apiKey", "query"), ("apiKey", "cookie")] {
        let world = World::new("POST").auth(kind, place).answer(503, &[("Retry-After", "0")], "").answer(200, &[], "1");
        let prepared = world.continued(Kind::Operation, "https://api.example/jobs/1?X-Key=echoed&a=b").unwrap();
        assert_eq!(world.executor().send(&prepared).unwrap().retries, 1, "a GET is repeated");
        for (sent, secret, _) in world.seen() {
            assert!(sent.starts_with("GET https://api.example/jobs/1?") && secret, "{sent}");
            assert!(place != "query" || !sent.contains("echoed"), "the credential takes its place: {sent}");
        }
    }
    let world = World::new("GET").auth("http", "");
    for other in ["https://other.example/", "https://api.example:8443/", "http://api.example/"] {
        assert_eq!(world.continued(Kind::Next, other).unwrap_err().code, ErrorCode::BadRequest, "{other}");
    }
}

#[test]
fn what_is_hidden_leads_on_all_the_same() {
    let mut world = World::new("POST").answer(202, &[("Operation-Location", "/operations/1")], "{}").answer(
        200,
        &[],
        "{\"status\":\"running\"}",
    );
    world.tool.output.redactions = vec!["status".into(), "next".into()];
    assert_eq!(world.leads(&world.prepare().unwrap()).len(), 1);
    let asked = Url::parse("https://api.example/operations/1").unwrap();
    let request = ExecuteRequest::default();
    let executor = world.executor();
    let prepared = executor.prepare_from(
        &world.config,
        None,
        &world.tool,
        &request,
        Caller::NOBODY,
        Some((Kind::Operation, &asked)),
    );
    let outcome = executor.send(&prepared.unwrap()).unwrap();
    assert_eq!(outcome.leads, [(Kind::Operation, asked)], "it runs, though callers are not shown so");
    assert_eq!(outcome.response.body.unwrap().get(), "{\"status\":\"[redacted]\"}");
}

#[test]
fn h21_a_call_with_an_idempotency_key_is_repeated_with_the_same_key() {
    let schema = json!({"type": "string", "minLength": 36, "pattern": "^[0-9a-f-]+$"});
    let key = json!({
        "name": "key", "originalName": "Idempotency-Key", "location": "header", "required": true, "schema": schema,
    });
    let keyed = |world: World| -> World {
        let mut world = world;
        world.tool.flags = vec![serde_json::from_value(key.clone()).unwrap()];
        world
    };
    let world =
        keyed(World::new("POST").fail(TransportErrorKind::Protocol, true).answer(502, &[], "").answer(201, &[], ""));
    assert_eq!(world.run().unwrap().retries, 2);
    let keys: Vec<_> =
        world.headers(["Idempotency-Key", "a", "b"]).into_iter().map(|mut all| all.swap_remove(0)).collect();
    assert!(keys[0].as_ref().is_some_and(|key| key.len() == 36) && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let world = keyed(World::new("POST").answer(504, &[], "").answer(201, &[], ""));
    let request = ExecuteRequest {
        path_args: vec!["1".into()],
        idempotency_key: Some("mine".into()),
        no_validate: true,
        ..ExecuteRequest::default()
    };
    let prepared = world.executor().prepare(&world.config, &world.tool, &request).unwrap();
    assert_eq!(world.executor().send(&prepared).unwrap().retries, 1);
    assert_eq!(world.headers(["Idempotency-Key", "a", "b"])[1][0].as_deref(), Some("mine"));
    let dry = ExecuteRequest { idempotency_key: None, dry_run: true, no_validate: false, ..request };
    let shown = world.executor().prepare(&world.config, &world.tool, &dry).unwrap().dry_run();
    assert!(shown.headers.contains(&("Idempotency-Key".to_owned(), "<idempotency-key>".to_owned())), "{shown:?}");
}

#[test]
fn h24_a_key_in_the_address_of_the_next_page_stays_in_the_toolbox() {
    let link = format!("</v1/things?X-Key={SECRET}&page=2>; rel=next");
    let mut world = World::new("GET").auth("apiKey", "query").answer(200, &[("Link", &link)], "[1]");
    world.tool.safety.read_only = true;
    let outcome = world.run().unwrap();
    assert_eq!(outcome.response.headers["link"], "</v1/things?X-Key=%3Ctoken%3E&page=2>; rel=next");
    assert_eq!(outcome.leads.len(), 1);
}
