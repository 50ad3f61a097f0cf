//! An issuer, a demo API, and a toolbox that lets in whom the issuer says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use open_cli::base::form::Form;
use open_cli::base::url::encode_query;
use open_cli::http::Response;
use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::ran::Ran;
use crate::world::World;

/// What the toolbox wants as `aud`.
pub(crate) const AUDIENCE: &str = "open-cli-toolbox";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// The tools that `profile:reader` leads to.
pub(crate) const READER: [&str; 3] = ["demo:getExport", "demo:getItem", "demo:listItems"];

/// The scene; dropping it ends all of it.
pub(crate) struct Scene {
    pub(crate) world: World,
    /// `None` once it was stopped.
    issuer: Option<Issuer>,
}

impl Scene {
    /// A toolbox that checks signatures itself, with this merged into its `runtime.server.auth`.
    #[track_caller]
    pub(crate) fn checking_signatures(more: &Value) -> Self {
        Self::with(|issuer| {
            json!({
                "validationProfile": "oidc_jwks",
                "issuer": issuer.url,
                "audience": AUDIENCE,
                "authorizationURL": format!("{}/auth", issuer.url),
                "tokenURL": format!("{}/token", issuer.url),
                "browserClientId": "open-cli-browser",
            })
            .merged(more)
        })
    }

    /// A toolbox that asks the issuer about each token, as this client with this way to say who it is.
    #[track_caller]
    pub(crate) fn introspecting(client: &str, method: &str) -> Self {
        Self::with(|issuer| {
            json!({
                "validationProfile": "oauth2_introspection",
                "introspectionURL": format!("{}/token/introspection", issuer.url),
                "audience": AUDIENCE,
                "clientId": { "type": "literal", "value": client },
                "clientSecret": { "type": "env", "value": "ISSUER_SECRET" },
                "introspectionAuthMethod": method,
            })
        })
    }

    #[track_caller]
    fn with(auth: impl Fn(&Issuer) -> Value) -> Self {
        let issuer = Issuer::start();
        let mut world = World::with_demo().env("ISSUER_SECRET", &issuer.secret).config(&json!({
            "curation": { "toolSets": { "reading": { "allow": ["demo:get*", "demo:list*"], "deny": ["**"] } } },
            "agents": { "profiles": { "reader": { "mode": "curated", "toolSet": "reading" } } },
            "runtime": { "server": { "auth": auth(&issuer) } },
        }));
        world.start_toolbox(&[]);
        Self { world, issuer: Some(issuer) }
    }

    /// Writes `client.cli.json` for the CLI: how it comes to tokens for this runtime.
    pub(crate) fn client(&self, oauth: &Value) {
        let remote = json!({ "url": "[RUNTIME]", "oauth": oauth });
        self.world.write("client.cli.json", &json!({ "runtime": { "mode": "remote", "remote": remote } }).to_string());
    }

    /// Runs the CLI with that configuration.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.world.run(&format!("open-cli --config client.cli.json {line}"))
    }

    /// With a world of other variables.
    pub(crate) fn map(self, change: impl FnOnce(World) -> World) -> Self {
        Self { world: change(self.world), ..self }
    }

    /// The token that the CLI would send now.
    #[track_caller]
    pub(crate) fn kept_token(&self) -> String {
        String::from_utf8(self.run("auth token").into_stdout()).unwrap().trim_end().to_owned()
    }

    /// Does this as often at the same time.
    pub(crate) fn at_once(&self, times: usize, work: impl Fn(&Self) + Sync) {
        std::thread::scope(|scope| {
            for _ in 0..times {
                scope.spawn(|| work(self));
            }
        });
    }

    /// The ids of the tools that the CLI lists.
    #[track_caller]
    pub(crate) fn listed(&self) -> Vec<String> {
        let listing = self.run("catalog list --format json").into_json();
        listing.as_array().unwrap().iter().map(|tool| tool["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        self.issuer.as_ref().expect("the issuer still runs")
    }

    /// Ends the issuer, as an outage does.
    pub(crate) fn stop_issuer(&mut self) {
        self.issuer = None;
    }

    /// An access token for a resource of `issuer.mjs`, asked for without the CLI.
    #[track_caller]
    pub(crate) fn token(&self, resource: &str, scope: &str) -> String {
        let form = Form::new().with("grant_type", "client_credentials").with("resource", resource).with("scope", scope);
        let answer = self.at_issuer("urn:agent:basic", "/token", &form);
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token but {answer}")).to_owned()
    }

    /// Ends a token before its time (RFC 7009).
    #[track_caller]
    pub(crate) fn revoke(&self, token: &str) {
        self.at_issuer("urn:agent:basic", "/token/revocation", &Form::new().with("token", token));
    }

    /// New signing keys at the issuer; the old ones are kept beside them or dropped.
    #[track_caller]
    pub(crate) fn rotate(&self, old: &str) {
        let answer = self.world.http("POST", &format!("{}/rotate?old={old}", self.issuer().control), &[], "");
        assert_eq!(answer.status, 200);
    }

    /// How often the issuer granted this type, or was asked for this path.
    pub(crate) fn count(&self, what: &str) -> u64 {
        let answer = self.world.http("GET", &format!("{}/counts", self.issuer().control), &[], "");
        json(&answer)[what].as_u64().unwrap_or(0)
    }

    /// The effective catalog as the toolbox gives it to this token.
    pub(crate) fn catalog(&self, token: &str) -> Response {
        let bearer = format!("Bearer {token}");
        self.world.http("GET", "[RUNTIME]/v1/catalog/effective", &[("Authorization", &bearer)], "")
    }

    /// Status and code of that answer; a catalog has no code.
    pub(crate) fn verdict(&self, token: &str) -> (u16, String) {
        let answer = self.catalog(token);
        let code = if answer.status == 200 { String::new() } else { String::from_utf8(answer.body).unwrap() };
        (answer.status, code)
    }

    /// Runs a tool without the CLI: status and code or body.
    pub(crate) fn execute(&self, token: &str, tool: &str, argument: &str) -> (u16, String) {
        let headers = [("Authorization", &*format!("Bearer {token}")), ("Content-Type", "application/json")];
        let body = json!({ "toolId": tool, "pathArgs": [argument] }).to_string();
        let answer = self.world.http("POST", "[RUNTIME]/v1/tools/execute", &headers, &body);
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    /// RFC 6749 section 2.3.1: id and secret are form-encoded before they become Basic.
    #[track_caller]
    fn at_issuer(&self, client: &str, path: &str, form: &Form) -> Value {
        let issuer = self.issuer();
        let pair = format!("{}:{}", encode_query(client), encode_query(&issuer.secret));
        let basic = format!("Basic {}", STANDARD.encode(pair));
        let headers = [FORM, ("Authorization", &basic)];
        let answer = self.world.http("POST", &format!("{}{path}", issuer.url), &headers, &form.encode());
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        if answer.body.is_empty() { Value::Null } else { json(&answer) }
    }
}

/// The ids of the tools in an effective catalog.
#[track_caller]
pub(crate) fn tools(answer: &Response) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let found = json(answer);
    found["catalog"]["tools"].as_array().unwrap().iter().map(|tool| tool["id"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn json(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&answer.body)))
}

/// With the keys of another object over one's own.
trait Merged {
    fn merged(self, more: &Value) -> Self;
}

impl Merged for Value {
    fn merged(mut self, more: &Value) -> Self {
        for (key, value) in more.as_object().expect("an object is merged") {
            self[key] = value.clone();
        }
        self
    }
}
