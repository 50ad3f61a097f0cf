//! Tokens that the toolbox checks itself: algorithms, audience, expiry, rotation, and an issuer that is gone.

use std::time::Duration;

use serde_json::json;

use crate::program::eventually;
use crate::scene::{READER, Scene, tools};

const TOOLBOX: &str = "urn:open-cli:toolbox";
const REFUSED: (u16, &str) = (401, "authn_failed");

#[track_caller]
fn refused(scene: &Scene, token: &str) {
    let (status, code) = scene.verdict(token);
    assert_eq!((status, code.as_str()), REFUSED);
}

/// Until the toolbox lets this token in; it asks for keys at most once in ten seconds (H04).
#[track_caller]
fn let_in(scene: &Scene, token: &str) {
    eventually("the toolbox knows the new key", || {
        std::thread::park_timeout(Duration::from_millis(100));
        (scene.verdict(token).0 == 200).then_some(())
    });
}

#[test]
fn each_algorithm_of_the_provider_is_let_in() {
    let scene = Scene::checking_signatures(&json!({}));
    for algorithm in ["rs256", "ps256", "es384", "eddsa"] {
        let token = scene.token(&format!("{TOOLBOX}:{algorithm}"), "profile:reader");
        assert_eq!(tools(&scene.catalog(&token)), READER, "{algorithm}");
    }
    let token = scene.token(TOOLBOX, "profile:reader");
    assert_eq!(tools(&scene.catalog(&token)), READER, "es256");
    assert_eq!(scene.count("/jwks"), 1, "H04: keys are fetched once");
}

#[test]
fn an_algorithm_that_is_not_allowed_is_401() {
    let scene = Scene::checking_signatures(&json!({ "algorithms": ["ES256"] }));
    refused(&scene, &scene.token(&format!("{TOOLBOX}:rs256"), "bundle:demo"));
    assert_eq!(scene.verdict(&scene.token(TOOLBOX, "bundle:demo")).0, 200);
}

#[test]
fn scopes_say_what_is_seen_and_run() {
    let scene = Scene::checking_signatures(&json!({}));
    let reader = scene.token(TOOLBOX, "profile:reader");
    assert_eq!(scene.execute(&reader, "demo:getItem", "item-1").0, 200);
    assert_eq!(scene.execute(&reader, "demo:deleteItem", "item-1"), (403, "authz_denied".to_owned()));
    assert_eq!(scene.execute(&reader, "demo:noSuchTool", "item-1"), (403, "authz_denied".to_owned()), "H09");
    let bundle = scene.token(TOOLBOX, "bundle:demo");
    assert_eq!(scene.execute(&bundle, "demo:deleteItem", "item-1").0, 200);
    let one = scene.token(TOOLBOX, "bundle:demo tool:demo:listItems");
    assert_eq!(tools(&scene.catalog(&one)), ["demo:listItems"]);
    let none = scene.token(TOOLBOX, "");
    assert_eq!(tools(&scene.catalog(&none)), Vec::<String>::new(), "H06: without a scope nothing is seen");
}

#[test]
fn another_audience_is_401() {
    let scene = Scene::checking_signatures(&json!({}));
    refused(&scene, &scene.token("urn:open-cli:elsewhere", "bundle:demo"));
}

#[test]
fn an_expired_token_is_401() {
    let scene = Scene::checking_signatures(&json!({ "clockSkewSeconds": 0 }));
    let token = scene.token(&format!("{TOOLBOX}:brief"), "bundle:demo");
    assert_eq!(scene.verdict(&token).0, 200);
    let answer = eventually("the token expires", || Some(scene.catalog(&token)).filter(|answer| answer.status == 401));
    let challenge = answer.headers.get("WWW-Authenticate").unwrap();
    assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{challenge}");
}

/// What becomes of a token when the issuer signs with a new key, and the old one is kept beside it or dropped.
#[track_caller]
fn rotated(old: &str, verdict: u16) {
    let scene = Scene::checking_signatures(&json!({}));
    let before = scene.token(TOOLBOX, "bundle:demo");
    assert_eq!(scene.verdict(&before).0, 200);
    scene.rotate(old);
    let_in(&scene, &scene.token(TOOLBOX, "bundle:demo"));
    assert_eq!(scene.verdict(&before).0, verdict);
    assert_eq!(scene.count("/jwks"), 2, "H04: one request for the unknown key");
}

#[test]
fn h04_a_new_key_needs_no_restart() {
    rotated("keep", 200);
}

#[test]
fn h04_a_dropped_key_ends_its_tokens() {
    rotated("drop", 401);
}

#[test]
fn h04_an_outage_locks_out_nobody_whose_key_is_known() {
    let mut scene = Scene::checking_signatures(&json!({}));
    let seen = scene.token(TOOLBOX, "bundle:demo");
    let unseen = scene.token(TOOLBOX, "bundle:demo");
    assert_eq!(scene.verdict(&seen).0, 200);
    scene.stop_issuer();
    assert_eq!(scene.verdict(&seen).0, 200);
    assert_eq!(scene.verdict(&unseen).0, 200);
}
