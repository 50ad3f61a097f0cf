//! Opaque tokens, about which the toolbox asks the issuer (RFC 7662).

use serde_json::json;

use crate::scene::{READER, Scene, tools};

const OPAQUE: &str = "urn:open-cli:toolbox:opaque";

/// A client with reserved characters in id and secret says who it is in this way (H07).
#[track_caller]
fn check(client: &str, method: &str, by: &str) {
    let scene = Scene::introspecting(client, method);
    let token = scene.token(OPAQUE, "profile:reader");
    assert!(!token.contains('.'), "the token is opaque");
    assert_eq!(tools(&scene.catalog(&token)), READER);
    assert_eq!(scene.execute(&token, "demo:getItem", "item-1").0, 200);
    assert_eq!(scene.execute(&token, "demo:deleteItem", "item-1"), (403, "authz_denied".to_owned()));
    let denial = scene.world.audit().pop().unwrap();
    assert_eq!((&denial["eventType"], &denial["principal"]), (&json!("authz_denial"), &json!("urn:agent:basic")));
    assert_eq!(scene.verdict("made-up").0, 401);
    let asked = scene.count("/token/introspection");
    assert!(asked >= 4 && asked == scene.count(&format!("/token/introspection {by}")), "{asked} questions by {by}");
}

#[test]
fn h07_a_client_introspects_with_basic() {
    check("urn:toolbox:basic", "client_secret_basic", "basic");
}

#[test]
fn h07_a_client_introspects_with_a_form() {
    check("urn:toolbox:post", "client_secret_post", "form");
}

#[test]
fn a_revoked_token_is_401() {
    let scene = Scene::introspecting("urn:toolbox:basic", "client_secret_basic");
    let token = scene.token(OPAQUE, "bundle:demo");
    assert_eq!(scene.verdict(&token).0, 200);
    scene.revoke(&token);
    assert_eq!(scene.verdict(&token), (401, "authn_failed".to_owned()));
}

#[test]
fn another_audience_is_401() {
    let scene = Scene::introspecting("urn:toolbox:basic", "client_secret_basic");
    let token = scene.token("urn:open-cli:elsewhere:opaque", "bundle:demo");
    assert_eq!(scene.verdict(&token), (401, "authn_failed".to_owned()));
}

#[test]
fn h07_without_the_issuer_nobody_is_let_in_and_nobody_denied() {
    let mut scene = Scene::introspecting("urn:toolbox:basic", "client_secret_basic");
    let token = scene.token(OPAQUE, "bundle:demo");
    assert_eq!(scene.verdict(&token).0, 200);
    scene.stop_issuer();
    assert_eq!(scene.verdict(&token), (503, "authn_unavailable".to_owned()));
}

#[test]
fn h07_a_toolbox_that_the_issuer_does_not_know_lets_nobody_in() {
    let scene = Scene::introspecting("urn:toolbox:nobody", "client_secret_basic");
    let token = scene.token(OPAQUE, "bundle:demo");
    assert_eq!(scene.verdict(&token), (503, "authn_unavailable".to_owned()));
}
