//! What an execution costs: building its request, and the whole with everything on: a caller with a token, and a trail on a disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use open_cli::base::host::{Clock, Env};
use open_cli::base::url::Url;
use open_cli::catalog::Tool;
use open_cli::config::{Config, Service};
use open_cli::contract::ExecuteRequest;
use open_cli::execute::run::Executor;
use open_cli::http::client::{ClientOptions, HttpClient};
use open_cli::oauth::keys::{Algorithm, SigningKey};
use serde_json::json;

use crate::auth::{ISSUER, token};
use crate::catalog::github;
use crate::measure::{Row, Samples, as_millis};
use crate::nginx::Nginx;
use crate::sample::{self, Size};
use crate::scene::{Scene, plain_server};
use crate::toolbox::Toolbox;
use crate::{audit, proxy};

/// Times that a request is built for one value.
const CALLS: u32 = 50;
/// Microseconds that building any request may take.
const BUILT: f64 = 20.0;

/// All of it.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    let mut rows = vec![built(scene, Size::Minimal), built(scene, Size::Maximal)];
    if proxy::can_be_measured() {
        rows.push(guarded(scene));
    }
    rows
}

/// From the arguments of an operation to the request that would be sent, checked, for all operations of GitHub.
fn built(scene: &Scene, size: Size) -> Row {
    let tools = github(scene).tools;
    let config = serving(&tools);
    let client = HttpClient::new(ClientOptions::default()).unwrap();
    let executor = Executor::new(Arc::new(client), Env::default(), Clock::system());
    let medians: Vec<(f64, String)> =
        tools.iter().map(|tool| (micros(&executor, &config, tool, size), tool.id.to_string())).collect();
    let (most, slowest) = medians.iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    println!("  slowest to build with {size:?} of its arguments: {slowest}, {most:.1} us");
    Row::new(
        &format!("building a request, {} operations, {size:?}", medians.len()),
        "us",
        Samples::new(medians.iter().map(|one| one.0)),
    )
    .at_most("the slowest, us:", *most, BUILT)
}

/// The median of some.
fn micros(executor: &Executor, config: &Config, tool: &Tool, size: Size) -> f64 {
    let mut request: ExecuteRequest = serde_json::from_value(sample::request(tool, size)).unwrap();
    // A sample follows the first alternative of a schema, and may fit others as well.
    if executor.prepare(config, tool, &request).is_err_and(|error| error.to_string().ends_with("and fits several")) {
        request.no_validate = true;
    }
    let build = || {
        let start = Instant::now();
        let prepared = std::hint::black_box(executor.prepare(config, tool, &request));
        let taken = as_millis(start.elapsed()) * 1e3;
        assert!(prepared.is_ok(), "{}: {:?}", tool.id, prepared.err());
        taken
    };
    build();
    Samples::new((0..CALLS).map(|_| build())).median()
}

/// Nothing but a server for the one service.
fn serving(tools: &[Tool]) -> Config {
    let mut config = Config::default();
    let service =
        Service { server: Some(Url::parse("https://api.example/v1").unwrap()), ..Service::of("github".into()) };
    config.services.insert(tools[0].service_id.clone(), service);
    config
}

/// One client with a token beside the upstream and one sync.
fn guarded(scene: &Scene) -> Row {
    let disk =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(format!("bench-execute-{}", std::process::id()));
    fs::create_dir_all(&disk).unwrap();
    let key = SigningKey::generate(Algorithm::Rs256, "bench").unwrap();
    let keys = json!({ "keys": [key.public_jwk()] }).to_string();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{keys}", keys.len());
    // It is there until the program ends.
    let issuer = plain_server(Box::leak(answer.into_bytes().into_boxed_slice()));
    let auth = json!({
        "validationProfile": "oidc_jwks", "issuer": ISSUER, "jwksURL": format!("http://{issuer}/keys"), "audience": "open-cli-toolbox",
    });
    let upstream = Nginx::upstream(&scene.scratch);
    let mut command = scene.guarded_item_command(upstream.addr, &auth);
    command.arg("--state-dir").arg(disk.join("state"));
    let toolbox = Toolbox::start(command);
    toolbox.until_ready();
    let fields = format!("Authorization: Bearer {}\r\n", token(&key, "bundle:item", 1));
    let row = audit::alone("auth on", &toolbox, &fields, &upstream, &disk);
    drop(toolbox);
    fs::remove_dir_all(&disk).ok();
    row
}
