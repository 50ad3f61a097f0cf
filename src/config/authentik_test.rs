//! Holds `examples/local-authentik/compose` together: what the blueprint makes is what the configurations ask for, and what it and Compose
//! read from the environment is what `setup.sh` writes. Nothing here starts a container.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::base::document;

const BLUEPRINT: &str = include_str!("../../examples/local-authentik/compose/blueprints/open-cli.yaml");
const COMPOSE: &str = include_str!("../../examples/local-authentik/compose/compose.yaml");
const SETUP: &str = include_str!("../../examples/local-authentik/compose/setup.sh");
const RUNTIME: &str = include_str!("../../examples/local-authentik/compose/runtime.cli.json");
const CLIENT: &str = include_str!("../../examples/local-authentik/compose/client.cli.json");
const BROWSER: &str = include_str!("../../examples/local-authentik/compose/browser.cli.json");
const DOCKERFILE: &str = include_str!("../../Dockerfile");

/// Authentik's own YAML tags, as text that says what they were.
fn blueprint() -> Vec<Value> {
    let plain = BLUEPRINT.replace("!KeyOf ", "KeyOf:").replace("!Env ", "Env:").replace("!Find [", "[Find, ");
    let other = plain.split(" !").skip(1).find(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    assert_eq!(other, None, "another tag");
    let document = document::parse(plain.as_bytes()).unwrap();
    assert_eq!(document["version"], 1);
    document["entries"].as_array().unwrap().clone()
}

fn of_model<'a>(entries: &'a [Value], model: &'a str) -> impl Iterator<Item = &'a Value> {
    entries.iter().filter(move |entry| entry["model"] == model)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap_or_default()).collect()
}

/// All texts anywhere in a value.
fn all_texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| all_texts(item, found)),
        Value::Object(members) => members.values().for_each(|item| all_texts(item, found)),
        _ => {}
    }
}

/// A provider by its client id.
fn provider<'a>(entries: &'a [Value], client_id: &str) -> &'a Value {
    let mut fitting =
        of_model(entries, "authentik_providers_oauth2.oauth2provider").filter(|e| e["attrs"]["client_id"] == client_id);
    let found = fitting.next().unwrap_or_else(|| panic!("no provider {client_id}"));
    assert!(fitting.next().is_none());
    found
}

/// The scopes that a provider's mappings grant.
fn scopes(entries: &[Value], provider: &Value) -> BTreeSet<String> {
    let mappings = provider["attrs"]["property_mappings"].as_array().unwrap();
    let name = |mapping: &Value| match mapping {
        Value::String(key) => {
            let id = key.strip_prefix("KeyOf:").unwrap();
            let entry = entries.iter().find(|entry| entry["id"] == id).unwrap();
            assert_eq!(entry["model"], "authentik_providers_oauth2.scopemapping", "{id}");
            entry["attrs"]["scope_name"].as_str().unwrap().to_owned()
        }
        // One of Authentik's own: `[Find, model, [managed, goauthentik.io/providers/oauth2/scope-<name>]]`.
        find => find[2][1].as_str().unwrap().rsplit("scope-").next().unwrap().to_owned(),
    };
    mappings.iter().map(name).collect()
}

#[test]
fn every_reference_of_the_blueprint_leads_to_an_earlier_entry() {
    let entries = blueprint();
    let mut seen = BTreeSet::new();
    for entry in &entries {
        let mut found = Vec::new();
        all_texts(entry, &mut found);
        for id in found.iter().filter_map(|text| text.strip_prefix("KeyOf:")) {
            assert!(seen.contains(id), "{id}");
        }
        if let Some(id) = entry["id"].as_str() {
            assert!(seen.insert(id.to_owned()), "{id} stands twice");
        }
        let has_name = entry["identifiers"].as_object().is_some_and(|names| !names.is_empty());
        assert!(has_name || entry["model"] == "authentik_blueprints.metaapplyblueprint", "{entry}");
    }
}

#[test]
fn every_scope_makes_the_toolbox_the_audience() {
    let audience = json(RUNTIME)["runtime"]["server"]["auth"]["audience"].as_str().unwrap().to_owned();
    let entries = blueprint();
    let mappings: Vec<_> = of_model(&entries, "authentik_providers_oauth2.scopemapping").collect();
    assert!(!mappings.is_empty());
    for mapping in mappings {
        let expression = mapping["attrs"]["expression"].as_str().unwrap().trim();
        assert_eq!(expression, format!(r#"return {{"aud": "{audience}", "scope": " ".join(token.scope)}}"#));
        let name = mapping["attrs"]["scope_name"].as_str().unwrap();
        assert_eq!(mapping["identifiers"]["name"], format!("open-cli scope {name}"));
    }
    for config in [CLIENT, BROWSER] {
        assert_eq!(json(config)["runtime"]["remote"]["oauth"]["audience"], *audience);
    }
}

#[test]
fn the_clients_may_ask_for_what_their_configurations_ask_for() {
    let entries = blueprint();
    let auth = &json(RUNTIME)["runtime"]["server"]["auth"];
    let check = |client_id: &str, config: &str, kind: &str, grants: &[&str]| {
        let provider = provider(&entries, client_id);
        assert_eq!(provider["attrs"]["client_type"], kind);
        assert_eq!(texts(&provider["attrs"]["grant_types"]), grants);
        // One issuer and one key for both, which is what one toolbox can check.
        assert_eq!(provider["attrs"]["issuer_mode"], "global");
        assert_eq!(provider["attrs"]["signing_key"][2][1], "authentik Self-signed Certificate");
        assert_eq!(provider["attrs"]["include_claims_in_id_token"], true);
        let granted = scopes(&entries, provider);
        for scope in texts(&json(config)["runtime"]["remote"]["oauth"]["scopes"]) {
            assert!(granted.contains(scope), "{client_id}: {scope}");
        }
    };
    check("open-cli-agent", CLIENT, "confidential", &["client_credentials"]);
    check("open-cli-browser", BROWSER, "public", &["authorization_code", "refresh_token"]);
    assert_eq!(auth["browserClientId"], "open-cli-browser");
    assert!(SETUP.contains("export OPEN_CLI_CLIENT_ID=open-cli-agent\n"));
    let redirects = &provider(&entries, "open-cli-browser")["attrs"]["redirect_uris"];
    let expected = serde_json::json!([{"matching_mode": "regex", "url": r"http://127\.0\.0\.1:[0-9]{1,5}/callback"}]);
    assert_eq!(*redirects, expected);
    assert_eq!(provider(&entries, "open-cli-agent")["attrs"]["redirect_uris"], serde_json::json!([]));
}

#[test]
fn addresses_are_those_of_authentik() {
    let runtime = json(RUNTIME);
    let auth = &runtime["runtime"]["server"]["auth"];
    let port = "http://127.0.0.1:9100";
    // The issuer of mode `global` is the root, slash included; keys lie below an application.
    assert_eq!(auth["issuer"], format!("{port}/"));
    let entries = blueprint();
    let slugs: Vec<_> = of_model(&entries, "authentik_core.application").map(|e| &e["identifiers"]["slug"]).collect();
    assert!(
        slugs.iter().any(|slug| auth["jwksURL"] == format!("{port}/application/o/{}/jwks/", slug.as_str().unwrap()))
    );
    assert_eq!(auth["authorizationURL"], format!("{port}/application/o/authorize/"));
    assert_eq!(auth["tokenURL"], format!("{port}/application/o/token/"));
    assert_eq!(json(CLIENT)["runtime"]["remote"]["oauth"]["client"]["tokenURL"], auth["tokenURL"]);
    assert!(COMPOSE.contains(r#""127.0.0.1:${OPEN_CLI_LOCAL_BROKER_PORT:-9100}:9000""#));
}

#[test]
fn scopes_name_services_and_profiles_that_are_there() {
    let runtime = json(RUNTIME);
    let entries = blueprint();
    for mapping in of_model(&entries, "authentik_providers_oauth2.scopemapping") {
        let name = mapping["attrs"]["scope_name"].as_str().unwrap();
        let there = match name.split_once(':').unwrap() {
            ("bundle", service) => runtime["services"].get(service).is_some(),
            ("profile", profile) => runtime["agents"]["profiles"].get(profile).is_some(),
            ("tool", tool) => runtime["services"].get(tool.split_once(':').unwrap().0).is_some(),
            other => other == ("runtime", "admin"),
        };
        assert!(there, "{name}");
    }
}

/// Names in `${NAME:?..}` and `${NAME:-..}`.
fn variables(text: &str, mark: &str) -> BTreeSet<String> {
    let names = text.split("${").skip(1).filter_map(|rest| rest.split('}').next()?.split_once(mark));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn the_environment_is_what_setup_writes() {
    let needed = variables(COMPOSE, ":?");
    assert!(needed.len() >= 6, "{needed:?}");
    for name in &needed {
        assert!(SETUP.contains(&format!("\n{name}=")), "{name}");
    }
    // The worker applies the blueprint, so what that reads must be in the worker's environment.
    let entries = blueprint();
    let mut found = Vec::new();
    entries.iter().for_each(|entry| all_texts(entry, &mut found));
    let read: BTreeSet<_> = found.iter().filter_map(|text| text.strip_prefix("Env:")).collect();
    assert!(read.contains("OPEN_CLI_AGENT_SECRET"));
    let worker = COMPOSE.split("\n  worker:").nth(1).unwrap().split("\n  demo-api:").next().unwrap();
    for name in read {
        assert!(worker.contains(&format!("\n      {name}: ${{{name}:?")), "{name}");
    }
}

#[test]
fn no_secret_and_no_default_password_is_in_the_files() {
    for line in COMPOSE.lines().chain(BLUEPRINT.lines()).map(str::trim) {
        let Some((key, value)) = line.split_once(": ").filter(|_| !line.starts_with('#')) else { continue };
        let names_secret = ["PASSWORD", "SECRET", "password", "client_secret"].iter().any(|word| key.ends_with(word));
        let comes_from_setup = value.starts_with("!Env ") || value.contains(":?run setup.sh first}");
        assert!(!names_secret || comes_from_setup || value == "\"\"", "{line}");
    }
}

#[test]
fn images_are_pinned_ports_are_loopback_and_services_recover() {
    let document = document::parse(COMPOSE.as_bytes()).unwrap();
    let services = document["services"].as_object().unwrap();
    assert_eq!(
        services.keys().collect::<Vec<_>>(),
        ["postgresql", "server", "worker", "demo-api", "toolbox"],
        "no Redis: the pinned Authentik needs none"
    );
    for (name, service) in services {
        let image = service["image"].as_str().unwrap();
        let (_, tag) = image.trim_end_matches('}').rsplit_once(':').unwrap();
        assert!(tag != "latest" && !tag.is_empty(), "{name}: {image}");
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
        for port in service.get("ports").map(texts).unwrap_or_default() {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
    for name in ["demo-api", "toolbox"] {
        assert_eq!(services[name]["network_mode"], "host", "the toolbox listens on loopback");
        assert_eq!(services[name]["read_only"], true);
    }
}

#[test]
fn the_image_has_nothing_but_the_programs_and_runs_as_nobody() {
    let last = DOCKERFILE.rsplit("\nFROM ").next().unwrap();
    assert!(last.starts_with("scratch\n"));
    assert!(last.contains("\nUSER 65532:65532\n"));
    assert!(last.contains("ENTRYPOINT [\"/open-cli-toolbox\"]"));
    assert!(!last.contains("RUN "));
}
