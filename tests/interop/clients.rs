//! The CLI as a client with id and secret (`oauthClient`).

use serde_json::{Value, json};

use crate::program::eventually;
use crate::scene::{AUDIENCE, READER, Scene};

const TOOLBOX: &str = "urn:open-cli:toolbox";

/// `runtime.remote.oauth` for one of the issuer's confidential clients.
fn oauth(scene: &Scene, client: &str, method: &str, resource: &str, scopes: &[&str]) -> Value {
    json!({
        "mode": "oauthClient",
        "client": {
            "tokenURL": format!("{}/token", scene.issuer().url),
            "clientId": { "type": "literal", "value": client },
            "clientSecret": { "type": "env", "value": "ISSUER_SECRET" },
            "tokenEndpointAuthMethod": method,
        },
        "audience": AUDIENCE,
        "resource": resource,
        "scopes": scopes,
    })
}

fn with_basic(resource: &str, scopes: &[&str]) -> Scene {
    let scene = Scene::checking_signatures(&json!({}));
    scene.client(&oauth(&scene, "urn:agent:basic", "client_secret_basic", resource, scopes));
    scene
}

/// Several commands with one token: the filtered catalog, a call inside it, one outside.
#[track_caller]
fn check(client: &str, method: &str, by: &str) {
    let scene = Scene::checking_signatures(&json!({}));
    scene.client(&oauth(&scene, client, method, TOOLBOX, &["profile:reader"]));
    assert_eq!(scene.listed(), READER);
    scene.run("demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    scene.run("demo items delete item-1").stderr_has(&["no command `delete`"]).status(2);
    scene.run("runtime stop").stderr_has(&["authz_denied"]).status(6);
    assert_eq!(scene.execute(&scene.kept_token(), "demo:deleteItem", "item-1"), (403, "authz_denied".to_owned()));
    assert_eq!(scene.world.http("GET", "[DEMO]/items/item-1", &[], "").status, 200, "nothing was deleted");
    assert_eq!(scene.count("client_credentials"), 1, "one token served all commands");
    assert_eq!(scene.count(&format!("/token {by}")), 1, "the client said who it is by {by}");
    let denial = scene.world.audit().pop().unwrap();
    assert_eq!((&denial["eventType"], &denial["principal"]), (&json!("authz_denial"), &json!(client)));
}

#[test]
fn a_client_says_who_it_is_with_basic() {
    check("urn:agent:basic", "client_secret_basic", "basic");
}

#[test]
fn a_client_says_who_it_is_in_the_form() {
    check("urn:agent:post", "client_secret_post", "form");
}

#[test]
fn twenty_commands_at_once_make_one_token_request() {
    let scene = with_basic(TOOLBOX, &["bundle:demo"]);
    scene.at_once(20, |scene| {
        scene.run("demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    });
    assert_eq!(scene.count("client_credentials"), 1);
}

#[test]
fn a_narrower_grant_is_used_and_reported() {
    let scene = with_basic("urn:open-cli:toolbox:narrow", &["bundle:demo", "profile:reader"]);
    scene
        .run("auth login --format json")
        .stdout_json(&[("/scopes", json!(["profile:reader"])), ("/notGranted", json!(["bundle:demo"]))])
        .stderr_has(&["did not grant every scope", "bundle:demo"]);
    assert_eq!(scene.listed(), READER);
}

#[test]
fn h34_an_expired_token_is_obtained_again() {
    let scene = with_basic("urn:open-cli:toolbox:brief", &["bundle:demo"]);
    let first = scene.kept_token();
    eventually("the token is renewed", || Some(scene.kept_token()).filter(|token| *token != first));
    scene.run("demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
}

#[test]
fn what_the_issuer_refuses_is_told() {
    let scene = with_basic("urn:open-cli:nowhere", &["bundle:demo"]);
    scene.run("demo items get item-1").stderr_has(&["invalid_target"]).status(5);
    scene.client(&oauth(&scene, "urn:agent:nobody", "client_secret_basic", TOOLBOX, &["bundle:demo"]));
    scene.run("demo items get item-1").stderr_has(&["invalid_client"]).status(5);
}

#[test]
fn without_the_issuer_a_kept_token_still_works() {
    let mut scene = with_basic(TOOLBOX, &["bundle:demo"]);
    scene.run("demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    scene.stop_issuer();
    scene.run("demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    scene.run("auth logout").stdout_has(&[]);
    scene.run("demo items get item-1").stderr_has(&["/token"]).status(5);
}
