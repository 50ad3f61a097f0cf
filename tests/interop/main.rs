//! The programs against what nobody here wrote: npm's `oidc-provider` as the issuer, and Chromium as the browser of a login.
//!
//! `issuer.mjs` and `browser.mjs` are run by Node.js; `scripts/interop.sh` brings what they need and runs these tests. `scene` puts
//! issuer, demo API and toolbox together with the world of `tests/it`. A test waits for what it expects and never sleeps; what
//! is not installed is a failure that says what to install, never a test passed over.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests that start processes and read their files")]

#[path = "../it/program.rs"]
#[expect(dead_code, reason = "shared with tests/it, which uses all of it")]
mod program;
#[path = "../it/ran.rs"]
#[expect(dead_code, reason = "shared with tests/it, which uses all of it")]
mod ran;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "shared with tests/it, which uses all of it")]
mod world;

mod browser;
mod issuer;
mod scene;

mod clients;
mod evaluation;
mod introspection;
mod keys;
mod people;
