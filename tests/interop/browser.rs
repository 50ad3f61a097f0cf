//! `browser.mjs` as the program in `BROWSER`: Chromium, and somebody in front of it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::eventually;
use crate::world::World;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/browser.mjs");
const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/node_modules/playwright-core");
const VARIABLE: &str = "OPEN_CLI_TEST_CHROMIUM";

/// Commands of this world open Chromium, where this user logs in.
#[track_caller]
pub(crate) fn with_browser(world: World, user: &str) -> World {
    let chromium = std::env::var(VARIABLE).unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    assert!(Path::new(MODULES).exists(), "playwright-core is not installed: run `npm ci --prefix tests/interop`");
    assert!(Path::new(&chromium).exists(), "{chromium} is missing: install Chromium, or name it in {VARIABLE}");
    let pages = pages(&world).display().to_string();
    world
        .env("BROWSER", SCRIPT)
        .env(VARIABLE, &chromium)
        .env("OPEN_CLI_TEST_USER", user)
        .env("OPEN_CLI_TEST_PAGES", &pages)
}

/// The text of the page that the CLI's callback showed, once the browser has seen it.
#[track_caller]
pub(crate) fn last_page(world: &World) -> String {
    let read = |name: &str| fs::read_to_string(pages(world).join(name)).ok();
    eventually("the browser comes back to the CLI", || {
        if let Some(stuck) = read("stuck.txt") {
            panic!("the browser is stuck: {stuck}");
        }
        read("callback.txt").filter(|text| !text.is_empty())
    })
}

fn pages(world: &World) -> PathBuf {
    world.root().join("pages")
}
