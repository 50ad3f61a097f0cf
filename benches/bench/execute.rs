//! What an execution costs with everything on: a caller with a token, and a trail on a disk.

use std::fs;
use std::path::Path;

use open_cli::oauth::keys::{Algorithm, SigningKey};
use serde_json::json;

use crate::auth::{ISSUER, token};
use crate::measure::Row;
use crate::nginx::Nginx;
use crate::scene::{Scene, plain_server};
use crate::toolbox::Toolbox;
use crate::{audit, proxy};

/// All of it.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    if proxy::can_be_measured() { vec![guarded(scene)] } else { Vec::new() }
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
