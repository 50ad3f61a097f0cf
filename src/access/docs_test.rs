//! Holds `docs/auth.md` to the code: its table of scopes says what an envelope shows, its table of children what a subset is. The
//! examples of clients fit those of their toolboxes.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::envelope;
use super::tests::token;
use crate::base::id::ToolId;
use crate::base::pattern::Pattern;
use crate::catalog::view::ReadyCatalog;
use crate::catalog::{Catalog, Tool, View, ViewTool};
use crate::config::Policy;
use crate::oauth::jwks::KeySet;
use crate::oauth::jwt::{Checked, Rejection, Rules, Unverified};
use crate::oauth::keys::{Algorithm, SigningKey};
use crate::oauth::scope::Scopes;

const PAGE: &str = include_str!("../../docs/auth.md");

/// The rows of the table under a header, cell by cell.
fn table(header: &str) -> Vec<Vec<&'static str>> {
    let rest = PAGE.split_once(header).unwrap_or_else(|| panic!("no table `{header}`")).1;
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn words(cell: &'static str) -> Vec<&'static str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The tools and the profile of the page.
fn catalog() -> ReadyCatalog {
    let ids = words(PAGE.lines().find(|line| line.starts_with("`helpdesk:listTickets`")).unwrap());
    let allowed: Vec<Pattern> =
        ["helpdesk:list*", "helpdesk:get*", "billing:get*"].iter().map(|text| Pattern::parse(text).unwrap()).collect();
    let view = |name: &str, fits: &dyn Fn(&str) -> bool| View {
        name: name.to_owned(),
        mode: "curated".to_owned(),
        tools: ids.iter().filter(|id| fits(id)).map(|id| ViewTool { id: ToolId::from(*id) }).collect(),
    };
    let tool =
        |id: &&str| Tool { id: (*id).into(), service_id: id.split_once(':').unwrap().0.into(), ..Tool::default() };
    let mut tools: Vec<Tool> = ids.iter().map(tool).collect();
    tools.sort_by(|a, b| a.id.cmp(&b.id));
    ReadyCatalog::new(Catalog {
        tools,
        effective_views: vec![
            view("discover", &|_| true),
            view("support", &|id| allowed.iter().any(|pattern| pattern.matches(id))),
        ],
        ..Catalog::default()
    })
}

#[test]
fn the_table_of_scopes_says_what_an_envelope_shows() {
    let catalog = catalog();
    let rows = table("| scopes | `policy.deny` | sees and runs |");
    assert!(rows.len() >= 15);
    for row in rows {
        let [scopes, deny, seen] = row[..] else { panic!("{row:?}") };
        let deny = words(deny).iter().map(|text| Pattern::parse(text).unwrap()).collect();
        let mask = envelope::of(&token(&words(scopes)), &catalog, &Policy { deny, ..Policy::default() });
        let found: Vec<&str> = mask.indexes().map(|index| catalog.tool(index).id.as_str()).collect();
        let mut expected = words(seen);
        expected.sort_unstable();
        assert_eq!(found, expected, "{row:?}");
        assert_eq!(expected.is_empty(), seen == "nothing", "{row:?}");
    }
}

#[test]
fn h44_the_table_of_children_says_what_a_subset_is() {
    let rows = table("| parent | child | subset | why |");
    assert!(rows.len() >= 15);
    for row in rows {
        let [parent, child, subset, _] = row[..] else { panic!("{row:?}") };
        let scopes = |cell: &'static str| words(cell).into_iter().collect::<Scopes>();
        let expected = match subset {
            "yes" => true,
            "no" => false,
            other => panic!("{other}"),
        };
        assert_eq!(scopes(child).is_subset_of(&scopes(parent)), expected, "{row:?}");
    }
}

/// Configurations of a toolbox and of a client of it, from `examples`.
const PAIRS: [(&str, &str); 5] = [
    (
        include_str!("../../examples/hosting/loopback-toolbox.cli.json"),
        include_str!("../../examples/hosting/loopback-client.cli.json"),
    ),
    (
        include_str!("../../examples/hosting/shared-toolbox.cli.json"),
        include_str!("../../examples/hosting/shared-client.cli.json"),
    ),
    (
        include_str!("../../examples/hosting/brokered-toolbox.cli.json"),
        include_str!("../../examples/hosting/brokered-client.cli.json"),
    ),
    (
        include_str!("../../examples/local-authentik/compose/runtime.cli.json"),
        include_str!("../../examples/local-authentik/compose/client.cli.json"),
    ),
    (
        include_str!("../../examples/local-authentik/compose/runtime.cli.json"),
        include_str!("../../examples/local-authentik/compose/browser.cli.json"),
    ),
];

fn scopes_of(value: &Value) -> Scopes {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn a_client_of_an_example_fits_its_toolbox() {
    for (toolbox, client) in PAIRS {
        let toolbox: Value = serde_json::from_str(toolbox).unwrap();
        let client: Value = serde_json::from_str(client).unwrap();
        let (server, remote) = (&toolbox["runtime"]["server"], &client["runtime"]["remote"]);
        let url = server["publicURL"].as_str().unwrap_or("http://127.0.0.1:8765");
        assert_eq!(remote["url"], url);
        let oauth = &remote["oauth"];
        assert_eq!(oauth["audience"], server["auth"]["audience"], "{url}");
        let scopes = scopes_of(&oauth["scopes"]);
        for service in scopes.named("bundle:") {
            assert!(toolbox["services"].get(service).is_some(), "{url}: {service}");
        }
        for profile in scopes.named("profile:") {
            assert!(toolbox["agents"]["profiles"].get(profile).is_some(), "{url}: {profile}");
        }
        if oauth["mode"] == "browserLogin" {
            assert!(server["auth"]["browserClientId"].is_string(), "{url}");
        }
        if oauth["delegation"]["enabled"] == true {
            assert!(scopes_of(&oauth["delegation"]["scopes"]).is_subset_of(&scopes), "{url}");
        }
    }
}

/// What Authentik puts into an access token and a key set, with the claims of the blueprint's mappings.
#[test]
fn a_token_as_authentik_makes_it_is_let_in() {
    let runtime: Value = serde_json::from_str(PAIRS[3].0).unwrap();
    let auth = &runtime["runtime"]["server"]["auth"];
    let key = SigningKey::generate(Algorithm::Rs256, "a1b2").unwrap();
    let mut jwk = key.public_jwk();
    jwk["x5c"] = json!(["MIIB"]);
    jwk["x5t"] = json!("c2hhMQ");
    jwk["x5t#S256"] = json!("c2hhMjU2");
    let keys = KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap().0;
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let claims = json!({
        "iss": "http://127.0.0.1:9100/", "sub": "ak-open-cli-agent-client_credentials", "aud": "open-cli-toolbox",
        "exp": 1_800_000_600, "iat": 1_800_000_000, "auth_time": 1_800_000_000, "acr": "goauthentik.io/providers/oauth2/default",
        "amr": ["pwd"], "sid": "5f", "scope": "bundle:demo", "azp": "open-cli-agent", "uid": "x7",
    });
    let rules = Rules {
        issuer: auth["issuer"].as_str().unwrap().to_owned(),
        audience: auth["audience"].as_str().unwrap().to_owned(),
        algorithms: vec![Algorithm::Rs256],
        skew: Duration::ZERO,
    };
    let judge = |claims: &Value| {
        let token = key.sign(claims.as_object().unwrap(), "JWT").unwrap();
        let read = Unverified::read(&token, &rules, now)?;
        assert!(matches!(read.check(&keys), Checked::Good(_)));
        Ok(read.into_claims().scopes.to_string())
    };
    assert_eq!(judge(&claims), Ok("bundle:demo".to_owned()));
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    // Without a mapping the client is the audience; an id token of a login with a nonce is no access token.
    assert_eq!(judge(&with("aud", json!("open-cli-agent"))), Err(Rejection::Audience));
    assert_eq!(judge(&with("nonce", json!("n"))), Err(Rejection::IdToken));
    // The issuer of mode `per_provider`.
    assert_eq!(
        judge(&with("iss", json!("http://127.0.0.1:9100/application/o/open-cli-agent/"))),
        Err(Rejection::Issuer)
    );
}
