//! The evaluation stack as a person uses it: the broker's page in Chromium, and the files that `open-cli-eval` writes.

use serde_json::json;

use crate::browser::{last_page, with_browser};
use crate::program::Program;
use crate::world::World;

const EVAL: &str = env!("CARGO_BIN_EXE_open-cli-eval");

/// A running stack in `stack`, where this user logs in.
struct Stack {
    // Before the world: it ends before its files go.
    _program: Program,
    world: World,
}

impl Stack {
    #[track_caller]
    fn with(user: &str) -> Self {
        let world = with_browser(World::new(), user);
        let mut command = world.command(EVAL);
        command.args(["up", "--foreground", "--dir", "stack"]);
        for address in ["--broker-addr", "--demo-addr", "--toolbox-addr"] {
            command.args([address, "127.0.0.1:0"]);
        }
        let program = Program::start(&mut command);
        program.line_after(0, &["login code"]);
        let status = String::from_utf8(world.run("open-cli-eval status --dir stack").into_stdout()).unwrap();
        let (_, code) = status.split_once("login code").unwrap();
        let world = world.env("OPEN_CLI_TEST_LOGIN_CODE", code.split_whitespace().next().unwrap());
        Self { _program: program, world }
    }

    #[track_caller]
    fn log_in(&self, principal: &str, scopes: &[&str]) {
        let ran = self.world.run("open-cli --config stack/browser.cli.json auth login --format json");
        let page = last_page(&self.world);
        assert!(page.contains("Done"), "{page}");
        ran.stdout_json(&[("/principal", json!(principal)), ("/scopes", json!(scopes))]).stderr_has(&["browser"]);
    }

    #[track_caller]
    fn listed(&self) -> Vec<String> {
        let listing = self.world.run("open-cli --config stack/browser.cli.json catalog list --format json").into_json();
        listing.as_array().unwrap().iter().map(|tool| tool["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn ada_logs_in_at_the_page_of_the_broker() {
    let stack = Stack::with("ada");
    stack.log_in("ada", &["bundle:demo", "openid", "runtime:admin"]);
    assert!(stack.listed().contains(&"demo:createItem".to_owned()));
    stack
        .world
        .run("open-cli --config stack/browser.cli.json demo items get item-1 --format json")
        .stdout_json(&[("/id", json!("item-1"))]);
}

#[test]
fn ben_sees_what_his_profile_shows() {
    let stack = Stack::with("ben");
    stack.log_in("ben", &["openid", "profile:reader"]);
    assert_eq!(stack.listed(), crate::scene::READER);
}
