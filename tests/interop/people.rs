//! People who log in at the provider's own pages with Chromium (`browserLogin`).

use serde_json::{Value, json};

use crate::browser::{last_page, with_browser};
use crate::program::eventually;
use crate::scene::{AUDIENCE, READER, Scene};

const TOOLBOX: &str = "urn:open-cli:toolbox";

/// Somebody called grace, and a CLI that asks for `profile:reader` for this resource.
#[track_caller]
fn at_browser(resource: &str) -> Scene {
    let scene = Scene::checking_signatures(&json!({ "clockSkewSeconds": 0 })).map(|world| with_browser(world, "grace"));
    scene.client(&json!({
        "mode": "browserLogin",
        "audience": AUDIENCE,
        "resource": resource,
        "scopes": ["profile:reader"],
    }));
    scene
}

/// Logs in and looks at the page that says so.
#[track_caller]
fn log_in(scene: &Scene) {
    let ran = scene.run("auth login --format json");
    let page = last_page(&scene.world);
    assert!(page.contains("Done"), "{page}");
    ran.stdout_json(&[("/principal", json!("grace")), ("/scopes", json!(["profile:reader"]))]).stderr_has(&["browser"]);
}

#[test]
fn h43_a_person_logs_in_works_and_logs_out() {
    let scene = at_browser(TOOLBOX);
    log_in(&scene);
    scene.run("auth status --format json").stdout_json(&[
        ("/loggedIn", json!(true)),
        ("/principal", json!("grace")),
        ("/renewable", json!(true)),
    ]);
    assert_eq!(scene.listed(), READER);
    scene.run("demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    assert_eq!(scene.execute(&scene.kept_token(), "demo:deleteItem", "item-1"), (403, "authz_denied".to_owned()));
    let denial = scene.world.audit().pop().unwrap();
    assert_eq!((&denial["eventType"], &denial["principal"]), (&json!("authz_denial"), &json!("grace")));
    assert_eq!((scene.count("authorization_code"), scene.count("refresh_token")), (1, 0));
    scene.run("auth logout --format json").stdout_json(&[("/removed", json!(1))]);
    scene.run("demo items get item-1").stderr_has(&["open-cli auth login"]).status(5);
}

// The provider ends the whole grant when a refresh token comes a second time.

#[test]
fn an_expired_token_is_renewed_each_time_with_the_newest_refresh_token() {
    let scene = at_browser("urn:open-cli:toolbox:brief");
    log_in(&scene);
    let mut token = scene.kept_token();
    for _ in 0..3 {
        let renewed = || Some(scene.kept_token()).filter(|found| *found != token);
        token = eventually("the token is renewed", renewed);
        assert_eq!(scene.verdict(&token).0, 200);
    }
    assert_eq!((scene.count("authorization_code"), scene.count("refresh_token")), (1, 3));
}

#[test]
fn commands_at_once_use_no_refresh_token_twice() {
    let scene = at_browser("urn:open-cli:toolbox:brief");
    log_in(&scene);
    let token = scene.kept_token();
    eventually("the token expires", || (scene.verdict(&token).0 == 401).then_some(()));
    scene.at_once(8, |scene| {
        scene.run("demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    });
    assert!(scene.count("refresh_token") > 0);
    assert_eq!(scene.count("authorization_code"), 1);
}

#[test]
fn a_person_who_refuses_is_not_logged_in() {
    let scene = at_browser(TOOLBOX).map(|world| world.env("OPEN_CLI_TEST_REFUSE", "yes"));
    let ran = scene.run("auth login");
    let page = last_page(&scene.world);
    assert!(page.contains("access_denied"), "{page}");
    ran.stderr_has(&["access_denied"]).status(5);
    assert_eq!(scene.count("authorization_code"), 0);
    scene.run("auth status --format json").stdout_json(&[("/loggedIn", Value::Bool(false))]).stderr_has(&[]).status(5);
}
