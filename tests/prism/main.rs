//! Requests of every tool of eight descriptions, judged by Prism, which checks them against the description by its own lights.
//!
//! `scripts/integration/prism.sh` installs Prism and runs this; `PRISM` names the program. Each tool is asked twice: with the least
//! that it takes, and with everything.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that starts processes")]

#[path = "../it/program.rs"]
#[expect(dead_code, reason = "shared with tests/it, which uses all of it")]
mod program;
#[path = "../sample/mod.rs"]
mod sample;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use open_cli::base::host::{Clock, Env};
use open_cli::base::redacted::Redacted;
use open_cli::base::url::Url;
use open_cli::catalog::Tool;
use open_cli::catalog::gather::gather;
use open_cli::config::{Config, Location, Refresh, Secret, SecretKind, SecretRef, Service, Source, SourceKind};
use open_cli::contract::ExecuteRequest;
use open_cli::execute::run::Executor;
use open_cli::fetch::run::Fetcher;
use open_cli::http::client::{ClientOptions, HttpClient};
use open_cli::http::{Limits, Request, Response, Transport, TransportError};

use crate::program::Program;
use crate::sample::Size;

const BOTH: &[Size] = &[Size::Minimal, Size::Maximal];

/// Each with how many tools it has at least, and how they are asked.
const DESCRIPTIONS: [(&str, usize, &[Size]); 8] = [
    ("readme-train-travel.yaml", 7, BOTH),
    ("readme-file-uploads.json", 3, BOTH),
    ("oai-pet-coupons.openapi.yaml", 11, BOTH),
    ("readme-security-31.json", 15, BOTH),
    ("readme-server-path-level.json", 7, BOTH),
    ("readme-callbacks.json", 1, BOTH),
    ("readme-circular.yaml", 1, BOTH),
    // Prism ends when a list that may stand in a header does not.
    ("readme-parameters-style.yaml", 25, &[Size::Maximal]),
];

/// What Prism cannot judge: on objects in the first seven of these places it ends with an error of its own; in the next six it reads
/// objects in parts of a body as forms, where OpenAPI 3.0 has them as JSON; in the last it takes no list of files.
const NOT_JUDGED: [&str; 14] = [
    "it:paths_label_nonExploded",
    "it:paths_matrix_nonExploded",
    "it:paths_simple_exploded",
    "it:paths_simple_nonExploded",
    "it:paths_standard",
    "it:query_pipeDelimited_nonExploded",
    "it:query_spaceDelimited_nonExploded",
    "it:formData_form_nonExploded",
    "it:formData_spaceDelimited_nonExploded",
    "it:formData_standard",
    "it:form_data_deepObject_exploded",
    "it:form_data_form_exploded",
    "it:form_data_pipeDelimited_nonExploded",
    "it:put:/anything/multipart-formdata",
];

/// The one tool that cannot be sent, and why.
const NOT_SENT: (&str, &str) = ("it:post:/anything/mutualTLS", "mutual TLS is not supported by this version");

/// Sends, and keeps the last exchange.
struct Watched {
    client: HttpClient,
    last: Mutex<Option<(Request, Response)>>,
}

impl Transport for Watched {
    fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        let response = self.client.send(request, limits)?;
        *self.last.lock().unwrap() = Some((request.clone(), response.clone()));
        Ok(response)
    }
}

/// A description with Prism in front of it.
struct Scene {
    config: Config,
    tools: Vec<Tool>,
    watched: Arc<Watched>,
    executor: Executor,
    _prism: Program,
}

impl Scene {
    fn start(file: &Path) -> Self {
        let prism = std::env::var_os("PRISM").expect("PRISM names the program; scripts/integration/prism.sh sets it");
        let prism = Program::start(Command::new(prism).args(["mock", "--port", "0", "--host", "127.0.0.1"]).arg(file));
        let watched =
            Arc::new(Watched { client: HttpClient::new(ClientOptions::default()).unwrap(), last: Mutex::default() });
        let clock = Clock::system();
        let mut config = config(file, &prism.url(), &[]);
        let fetcher = Fetcher::new(Arc::clone(&watched) as Arc<dyn Transport>, None, Clock::from_fn(|| UNIX_EPOCH));
        let tools = gather(&config, &fetcher, None, false, &clock).catalog.tools;
        let schemes: Vec<(String, String)> = tools
            .iter()
            .flat_map(|tool| &tool.auth)
            .map(|requirement| (requirement.name.clone(), requirement.scheme.clone()))
            .collect();
        config.secrets = self::config(file, &prism.url(), &schemes).secrets;
        let executor = Executor::new(Arc::clone(&watched) as Arc<dyn Transport>, Env::default(), clock);
        Self { config, tools, watched, executor, _prism: prism }
    }

    /// What Prism has against a request; nothing when it takes it.
    fn complaint(&self, tool: &Tool, size: Size) -> Option<String> {
        let request: ExecuteRequest = serde_json::from_value(sample::request(tool, size)).unwrap();
        let shown = format!("{} {size:?} {}", tool.id, serde_json::to_string(&request).unwrap());
        let prepared = match self.executor.prepare(&self.config, tool, &request) {
            Ok(prepared) => prepared,
            Err(error) if tool.id.as_str() == NOT_SENT.0 && error.to_string().contains(NOT_SENT.1) => return None,
            Err(error) => return Some(format!("{shown}: not sent: {error}")),
        };
        if let Err(error) = self.executor.send(&prepared) {
            return Some(format!("{shown}: {error}"));
        }
        let (sent, response) = self.watched.last.lock().unwrap().take().expect("something was sent");
        let violations = response.headers.get("sl-violations").map(str::to_owned);
        let of_the_request = violations.filter(|violations| violations.contains("\"request\""));
        let body = String::from_utf8_lossy(&response.body).into_owned();
        let refused = body.contains("stoplight.io/prism/errors");
        (of_the_request.is_some() || refused).then(|| {
            format!(
                "{shown}\n  {} {:?}\n  {}: {}",
                sent.method,
                sent.url,
                response.status,
                of_the_request.unwrap_or(body)
            )
        })
    }
}

/// The description as service `it` at `server`, with a secret for each scheme.
fn config(file: &Path, server: &str, schemes: &[(String, String)]) -> Config {
    let mut config = Config::default();
    let source = Source {
        enabled: true,
        refresh: Refresh::default(),
        uri: file.display().to_string(),
        kind: SourceKind::OpenApi(Location::File(file.to_owned())),
    };
    let service = Service { server: Some(Url::parse(server).unwrap()), ..Service::of("it".into()) };
    config.sources.insert("it".into(), source);
    config.services.insert("it".into(), service);
    for (name, scheme) in schemes {
        let value = if scheme.eq_ignore_ascii_case("basic") { "user:password" } else { "sample-token" };
        let kind = SecretKind::Value(SecretRef::Literal(Redacted::new(value.to_owned())));
        config.secrets.insert(format!("it.{name}"), Secret { kind, services: Vec::new() });
    }
    config
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus").join(name).canonicalize().unwrap()
}

#[test]
fn h23_prism_takes_every_request() {
    let mut complaints = Vec::new();
    for (name, least, sizes) in DESCRIPTIONS {
        let scene = Scene::start(&corpus(name));
        assert!(scene.tools.len() >= least, "{name} has only {} tools", scene.tools.len());
        let tools: Vec<&Tool> = scene.tools.iter().filter(|tool| !NOT_JUDGED.contains(&tool.id.as_str())).collect();
        let asked = tools.iter().flat_map(|tool| sizes.iter().map(move |size| (tool, *size)));
        let found: Vec<String> = asked.filter_map(|(tool, size)| scene.complaint(tool, size)).collect();
        println!("{name}: {} requests, {} complaints", tools.len() * sizes.len(), found.len());
        complaints.extend(found);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
