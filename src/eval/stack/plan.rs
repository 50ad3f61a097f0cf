//! What an evaluation stack consists of, as a value: addresses, secrets, and the files that come of them.
//!
//! Key type: [`Plan`], kept in `broker.json`. Pure: `files` writes what is said here.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{AGENT_DEFAULT, AGENT_SCOPES, AUDIENCE, BROWSER_SCOPES, origin};
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::eval::broker::{AGENT, BROWSER, Client, Settings, User};
use crate::eval::flags::StackWish;
use crate::oauth::keys::Algorithm;

/// The plan itself.
pub(super) const PLAN: &str = "broker.json";
/// The configuration of the toolbox.
pub(super) const RUNTIME: &str = "runtime.cli.json";
/// That of a program with a client id and secret.
pub(super) const CLIENT: &str = "client.cli.json";
/// That of a person with a browser.
pub(super) const BROWSER_LOGIN: &str = "browser.cli.json";
/// As [`CLIENT`], with a token that is exchanged for a narrower one.
pub(super) const DELEGATED: &str = "delegated.cli.json";
/// The client's id and secret, for a shell to source.
pub(super) const CLIENT_ENV: &str = "client.env";

/// Where the three programs listen when nothing is said.
const PORTS: Addrs = Addrs { broker: loopback(9100), demo: loopback(9000), toolbox: loopback(8765) };
const TOKEN_SECONDS: u64 = 300;
/// What `broker.json` is written as.
const VERSION: u64 = 1;

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// Where the three programs listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addrs {
    pub(super) broker: SocketAddr,
    pub(super) demo: SocketAddr,
    pub(super) toolbox: SocketAddr,
}

/// What is random at each setup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secrets {
    pub(super) agent: Redacted<String>,
    pub(super) toolbox: Redacted<String>,
    pub(super) control: Redacted<String>,
}

/// A stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) addrs: Addrs,
    algorithm: Algorithm,
    token_seconds: u64,
    pub(super) secrets: Secrets,
}

impl Plan {
    /// What is wished, else as it was set up before, else the default. Port 0 stays for whoever can pick one.
    pub(super) fn new(wish: &StackWish, before: Option<&Self>, secrets: Secrets) -> Self {
        let old = before.map_or(PORTS, |plan| plan.addrs);
        Self {
            addrs: Addrs {
                broker: wish.broker.unwrap_or(old.broker),
                demo: wish.demo.unwrap_or(old.demo),
                toolbox: wish.toolbox.unwrap_or(old.toolbox),
            },
            algorithm: wish.algorithm.or(before.map(|plan| plan.algorithm)).unwrap_or(Algorithm::Es256),
            token_seconds: wish.token_seconds.or(before.map(|plan| plan.token_seconds)).unwrap_or(TOKEN_SECONDS),
            secrets,
        }
    }

    /// Whether this is what is wished; port 0 is any.
    pub(super) fn fits(&self, wish: &StackWish) -> bool {
        let fits = |wished: Option<SocketAddr>, addr: SocketAddr| {
            wished.is_none_or(|wished| wished == addr || (wished.port() == 0 && wished.ip() == addr.ip()))
        };
        fits(wish.broker, self.addrs.broker)
            && fits(wish.demo, self.addrs.demo)
            && fits(wish.toolbox, self.addrs.toolbox)
            && wish.algorithm.is_none_or(|algorithm| algorithm == self.algorithm)
            && wish.token_seconds.is_none_or(|seconds| seconds == self.token_seconds)
    }

    /// Reads `broker.json`; `None` when it is something else.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let plan: Value = serde_json::from_slice(bytes).ok()?;
        let secret = |name: &str| Some(Redacted::new(plan["secrets"][name].as_str()?.to_owned()));
        // The control secret goes to this address, so it must be on this machine whatever the file says.
        let addr = |name: &str| plan[name].as_str()?.parse().ok().filter(|addr: &SocketAddr| addr.ip().is_loopback());
        (plan["version"] == VERSION).then_some(())?;
        Some(Self {
            addrs: Addrs { broker: addr("broker")?, demo: addr("demo")?, toolbox: addr("toolbox")? },
            algorithm: Algorithm::parse(plan["algorithm"].as_str()?)?,
            token_seconds: plan["tokenSeconds"].as_u64()?,
            secrets: Secrets { agent: secret("agent")?, toolbox: secret("toolbox")?, control: secret("control")? },
        })
    }

    /// Names and contents of all files.
    pub(super) fn files(&self) -> Vec<(&'static str, String)> {
        let json = |value: &Value| format!("{value:#}\n");
        vec![
            (PLAN, json(&self.own())),
            (RUNTIME, json(&self.runtime())),
            (CLIENT, json(&self.client(false))),
            (DELEGATED, json(&self.client(true))),
            (BROWSER_LOGIN, json(&self.browser())),
            (CLIENT_ENV, self.client_env()),
        ]
    }

    /// What the broker of this stack is set up with.
    pub(super) fn settings(&self, issuer: Url, started: SystemTime) -> Settings {
        let toolbox = origin(self.addrs.toolbox);
        Settings {
            issuer,
            algorithm: self.algorithm,
            token_lifetime: std::time::Duration::from_secs(self.token_seconds),
            audiences: vec![AUDIENCE.to_owned()],
            resources: vec![toolbox.as_str().to_owned(), format!("{toolbox}/")],
            clients: vec![
                Client::agent(self.secrets.agent.expose(), AGENT_SCOPES, AGENT_DEFAULT),
                Client::browser(BROWSER_SCOPES),
                Client::toolbox(self.secrets.toolbox.expose()),
            ],
            users: User::of_evaluation(),
            control_secret: self.secrets.control.clone(),
            started,
        }
    }

    fn own(&self) -> Value {
        json!({
            "version": VERSION,
            "broker": self.addrs.broker.to_string(),
            "demo": self.addrs.demo.to_string(),
            "toolbox": self.addrs.toolbox.to_string(),
            "algorithm": self.algorithm.as_str(),
            "tokenSeconds": self.token_seconds,
            "secrets": {
                "agent": self.secrets.agent.expose(),
                "toolbox": self.secrets.toolbox.expose(),
                "control": self.secrets.control.expose(),
            },
        })
    }

    fn runtime(&self) -> Value {
        let broker = origin(self.addrs.broker);
        json!({
            "cli": "1.0.0",
            "mode": { "default": "discover" },
            "sources": { "demo": { "type": "openapi", "uri": format!("{}/openapi.json", origin(self.addrs.demo)) } },
            "services": { "demo": { "source": "demo" } },
            "policy": { "deny": ["demo:replaceItem"], "approvalRequired": ["demo:deleteItem"] },
            "curation": { "toolSets": { "reading": { "allow": ["demo:list*", "demo:get*"], "deny": ["**"] } } },
            "agents": { "profiles": { "reader": { "mode": "curated", "toolSet": "reading" } } },
            "runtime": {
                "server": {
                    "auth": {
                        "validationProfile": "oidc_jwks",
                        "issuer": broker.as_str(),
                        "audience": AUDIENCE,
                        "authorizationURL": format!("{broker}/authorize"),
                        "tokenURL": self.token_url(),
                        "browserClientId": BROWSER,
                    },
                },
            },
        })
    }

    fn client(&self, delegated: bool) -> Value {
        let mut oauth = json!({
            "mode": "oauthClient",
            "client": {
                "tokenURL": self.token_url(),
                "clientId": { "type": "env", "value": "OPEN_CLI_CLIENT_ID" },
                "clientSecret": { "type": "env", "value": "OPEN_CLI_CLIENT_SECRET" },
            },
            "audience": AUDIENCE,
            "scopes": ["bundle:demo"],
        });
        if delegated {
            oauth["delegation"] =
                json!({ "enabled": true, "tokenExchangeURL": self.token_url(), "scopes": ["tool:demo:listItems"] });
        }
        self.remote(&oauth)
    }

    fn browser(&self) -> Value {
        // Without scopes a login gets all that the person has.
        self.remote(&json!({ "mode": "browserLogin", "audience": AUDIENCE }))
    }

    fn remote(&self, oauth: &Value) -> Value {
        json!({
            "cli": "1.0.0",
            "mode": { "default": "discover" },
            "runtime": { "mode": "remote", "remote": { "url": origin(self.addrs.toolbox).as_str(), "oauth": oauth } },
        })
    }

    fn token_url(&self) -> String {
        format!("{}/token", origin(self.addrs.broker))
    }

    fn client_env(&self) -> String {
        let secret = quoted(self.secrets.agent.expose());
        format!(
            "# For a shell to source: the client of {CLIENT} and {DELEGATED}.\n\
             export OPEN_CLI_CLIENT_ID={}\nexport OPEN_CLI_CLIENT_SECRET={secret}\n",
            quoted(AGENT)
        )
    }
}

/// What is up, and what to type next. Without the login code it says who tells it, for what may end in a log.
pub(super) fn introduction(addrs: &Addrs, dir: &Path, code: Option<&str>) -> String {
    let asked = || format!("open-cli-eval status --dir {} tells it", word(dir));
    let code = code.map_or_else(asked, str::to_owned);
    let file = |name: &str| word(&dir.join(name));
    let listing = "catalog list --format pretty";
    format!(
        "evaluation stack, not for production\n  \
           broker      {}\n  demo API    {}\n  toolbox     {}\n  login code  {code}\n\nnext:\n  \
           source {}\n  open-cli --config {} {listing}\n  open-cli --config {} auth login\n  open-cli-eval down --dir {}\n",
        origin(addrs.broker),
        origin(addrs.demo),
        origin(addrs.toolbox),
        sourced(&file(CLIENT_ENV)),
        file(CLIENT),
        file(BROWSER_LOGIN),
        word(dir),
    )
}

/// `source` looks a name without slash up in `PATH`.
fn sourced(word: &str) -> String {
    if word.contains('/') { word.to_owned() } else { format!("./{word}") }
}

/// A path as one word of a shell.
pub(super) fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        text.into_owned()
    } else {
        quoted(&text)
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let secret = |text: &str| Redacted::new(text.to_owned());
        Secrets { agent: secret("a'gent"), toolbox: secret("box"), control: secret("control") }
    }

    fn wish(port: u16) -> StackWish {
        StackWish { broker: Some(loopback(port)), token_seconds: Some(60), ..StackWish::default() }
    }

    #[test]
    fn a_plan_survives_its_file_and_knows_what_fits() {
        let plan = Plan::new(&wish(7), None, secrets());
        let files = plan.files();
        assert_eq!(Plan::read(files[0].1.as_bytes()), Some(plan.clone()));
        assert_eq!(plan.addrs, Addrs { broker: loopback(7), ..PORTS });
        assert!(plan.fits(&wish(7)) && plan.fits(&wish(0)) && plan.fits(&StackWish::default()));
        assert!(!plan.fits(&wish(8)));
        assert!(!plan.fits(&StackWish { algorithm: Some(Algorithm::EdDsa), ..StackWish::default() }));
        assert_eq!(Plan::new(&StackWish::default(), Some(&plan), secrets()), plan);
        let elsewhere = files[0].1.replace("127.0.0.1:7", "10.0.0.1:7");
        assert_eq!(Plan::read(elsewhere.as_bytes()), None, "secrets stay on this machine");
        assert_eq!(Plan::read(b"{}"), None);
    }

    #[test]
    fn the_shell_gets_the_secret_as_it_is_and_nothing_else_does() {
        let files = Plan::new(&StackWish::default(), None, secrets()).files();
        for (name, text) in &files[1..] {
            assert_eq!(text.contains("a'\\''gent"), *name == CLIENT_ENV, "{name}");
            assert!(!text.contains("a'gent") && !text.contains("control"), "{name}");
        }
        assert!(files.last().unwrap().1.ends_with("export OPEN_CLI_CLIENT_SECRET='a'\\''gent'\n"));
    }

    #[test]
    fn paths_become_one_word() {
        for (path, expected) in
            [("a/b.c", "a/b.c"), ("a b", "'a b'"), ("-x", "'-x'"), ("it's", "'it'\\''s'"), ("", "''")]
        {
            assert_eq!(word(Path::new(path)), expected);
        }
        assert!(introduction(&PORTS, Path::new(""), Some("X")).contains("source ./client.env\n"));
    }
}
