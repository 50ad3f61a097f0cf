//! The provider of `issuer.mjs` as a running program.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::Program;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/issuer.mjs");
const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/node_modules/oidc-provider");

/// It runs until it is dropped.
pub(crate) struct Issuer {
    _program: Program,
    /// Its issuer identifier, which is also its origin.
    pub(crate) url: String,
    /// The origin of what steers it.
    pub(crate) control: String,
    /// The secret of each of its confidential clients; all of it needs encoding somewhere.
    pub(crate) secret: String,
}

impl Issuer {
    /// On a free port.
    #[track_caller]
    pub(crate) fn start() -> Self {
        assert!(Path::new(MODULES).exists(), "oidc-provider is not installed: run `npm ci --prefix tests/interop`");
        let mut command = Command::new("node");
        command.arg(SCRIPT).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let program = Program::start(&mut command);
        let said: Value = serde_json::from_str(&program.line_after(0, &["\"issuer\""])).unwrap();
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        Self { url: text("issuer"), control: text("control"), secret: text("secret"), _program: program }
    }
}
