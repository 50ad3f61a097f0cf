//! `POST /v1/policy/explain`: who may ask about what, and that it agrees with what is then done.

use super::tokens::world as guarded;
use super::*;

const ALL: [&str; 6] = ["api:ask", "api:drop", "api:get", "api:managed", "api:none", "api:put"];

impl World {
    fn explain(&self, token: Option<&str>, body: &Value) -> Reply {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
        self.ask("POST", path::POLICY_EXPLAIN, &headers, &body.to_string())
    }
}

/// Ids with their verdicts.
fn verdicts(answer: &Value) -> Vec<(&str, &str)> {
    let all = answer["explanations"].as_array().unwrap().iter();
    all.map(|one| (one["toolId"].as_str().unwrap(), one["verdict"].as_str().unwrap())).collect()
}

/// Every tool, mode, profile and approval, explained and then executed.
#[track_caller]
fn agree(world: &World, token: Option<&str>) {
    for mode in [json!(null), json!("discover"), json!("curated"), json!("all")] {
        for profile in [json!(null), json!("readers"), json!("nobody")] {
            for approval in [true, false] {
                let ask = json!({"toolIds": ALL, "mode": mode, "agentProfile": profile, "approval": approval});
                let answer = world.explain(token, &ask).json();
                for (id, verdict) in verdicts(&answer) {
                    let call = json!({"toolId": id, "mode": mode, "agentProfile": profile, "approval": approval});
                    let reply = match token {
                        None => world.execute(&call),
                        Some(token) => world.as_token(token, "POST", path::EXECUTE, &call.to_string()),
                    };
                    let done = if reply.status == 200 { "allowed" } else { reply.text.as_str() };
                    assert_eq!(verdict, done, "{token:?} {call}");
                }
            }
        }
    }
}

#[test]
fn h12_an_explanation_says_what_an_execution_does() {
    agree(&World::new(), None);
    let world = guarded();
    for token in ["bundle~api", "profile~readers", "tool~api~put", "bundle~api-tool~api~get", "openid", "runtime~admin"]
    {
        agree(&world, Some(token));
    }
}

#[test]
fn h12_a_curated_default_is_explained_as_it_is_enforced() {
    let mut config = config();
    config.mode = Some(Mode::Curated);
    config.default_profile = Some("readers".to_owned());
    agree(&World::with(config.clone()), None);
    let world = tokens::world_of(config).0;
    agree(&world, Some("bundle~api"));
    let answer = world.explain(Some("bundle~api"), &json!({"toolId": "api:get", "mode": "discover"})).json();
    assert_eq!(verdicts(&answer), [("api:get", "curated_deny")]);
    assert_eq!(answer["explanations"][0]["decidedBy"], "selection");
    assert_eq!(answer.get("mode"), None);
}

#[test]
fn a_caller_asks_about_itself_and_about_less() {
    let world = guarded();
    let own = "bundle~api-profile~readers";
    for (scopes, expected) in [
        (json!(null), "allowed"),
        (json!("bundle:api"), "allowed"),
        (json!(["profile:readers"]), "authz_denied"),
        (json!("bundle:api tool:api:put"), "allowed"),
        (json!(""), "authz_denied"),
        (json!([]), "authz_denied"),
    ] {
        let answer = world.explain(Some(own), &json!({"toolId": "api:put", "scopes": scopes})).json();
        assert_eq!(verdicts(&answer), [("api:put", expected)], "{scopes}");
    }
    let answer = world.explain(Some(own), &json!({"toolId": "api:put", "scopes": "tool:api:put"})).json();
    assert_eq!(answer["scopes"], json!(["tool:api:put"]));
    assert!(world.whole_records().iter().all(|record| record["eventType"] != "authz_denial"), "asking is no execution");
}

#[test]
fn h09_asking_about_foreign_scopes_is_for_administrators_and_recorded() {
    let world = guarded();
    for (own, foreign) in [
        ("bundle~api", "bundle:other"),
        ("bundle~api", "runtime:admin"),
        ("bundle~api", "bundle:api openid"),
        ("bundle~api-tool~api~get", "bundle:api"),
        ("openid", "tool:api:get"),
    ] {
        world.explain(Some(own), &json!({"toolId": "api:get", "scopes": foreign})).is(403, "authz_denied");
        let record = world.whole_records().into_iter().rfind(|record| record["eventType"] == "authz_denial").unwrap();
        assert_eq!(record["reasonCode"], "authz_denied");
        assert_eq!(record.get("toolId"), None);
    }
    let ask = json!({"toolId": "api:get", "scopes": "bundle:api"});
    assert_eq!(verdicts(&world.explain(Some("runtime~admin"), &ask).json()), [("api:get", "allowed")]);
    world.app.audit.break_for_tests();
    let foreign = json!({"toolId": "api:get", "scopes": "bundle:other"});
    world.explain(Some("bundle~api"), &foreign).is(503, "audit_unavailable");
}

#[test]
fn h09_hidden_and_unknown_tools_answer_alike() {
    let world = guarded();
    let hidden = |token: &str, id: &str| {
        let mut answer = world.explain(Some(token), &json!({"toolId": id, "approval": true})).json();
        answer["explanations"][0]["toolId"] = json!("");
        answer
    };
    for token in ["bundle~api", "tool~api~get", "openid"] {
        let unknown = hidden(token, "api:none");
        for id in ["api:drop", "api:managed"] {
            assert_eq!(hidden(token, id), unknown, "{token} {id}");
        }
        assert!(!unknown.to_string().contains("drop"), "{unknown}");
    }
    assert_eq!(hidden("tool~api~get", "api:put"), hidden("tool~api~get", "api:none"));
    // Narrowing the question shows no more.
    let ask = |id: &str| json!({"toolId": id, "scopes": "tool:api:get"});
    let mut answers = ["api:managed", "api:none"].map(|id| world.explain(Some("bundle~api"), &ask(id)).json());
    answers.iter_mut().for_each(|answer| answer["explanations"][0]["toolId"] = json!(""));
    assert_eq!(answers[0], answers[1]);
    let matching = world.explain(Some("bundle~api"), &json!({"pattern": "**"})).json();
    let ids: Vec<_> = verdicts(&matching).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["api:ask", "api:get", "api:put"]);
    let all = world.explain(Some("runtime~admin"), &json!({"pattern": "**", "scopes": "bundle:api"})).json();
    assert_eq!(verdicts(&all).len(), 5);
    assert!(all["explanations"][1]["rules"][1]["reason"].as_str().unwrap().contains("deny pattern"), "{all}");
}

#[test]
fn questions_that_cannot_be_answered_are_400() {
    let world = World::new();
    for (ask, part) in [
        (json!({}), "exactly one of"),
        (json!({"toolId": "a:b", "pattern": "a:*"}), "exactly one of"),
        (json!({"toolIds": []}), "1 to 250"),
        (json!({"toolIds": vec!["a:b"; 251]}), "1 to 250"),
        (json!({"pattern": "a:**"}), "`pattern`"),
        (json!({"toolId": "a:b", "scopes": 1}), "`scopes`"),
        (json!({"toolId": "a:b", "scopes": ["a", 1]}), "`scopes`"),
        (json!({"toolId": "a:b", "scopes": "x".repeat(20_000)}), "longer than a token"),
        (json!({"toolId": "a:b", "scope": ""}), "unknown field `scope`"),
    ] {
        let reply = world.ask("POST", path::POLICY_EXPLAIN, &[("Accept", "application/json")], &ask.to_string());
        assert!(reply.status == 400 && reply.text.contains(part), "{ask}: {}", reply.text);
    }
    world.explain(None, &json!({"toolId": "api:get", "configPath": "/etc/passwd"})).is(409, "runtime_attach_mismatch");
    let answer = world.explain(None, &json!({"toolId": "api:put", "scopes": "bundle:none"})).json();
    assert_eq!(verdicts(&answer), [("api:put", "authz_denied")], "without runtime auth anything may be asked");
    assert!(World::unbuilt(config(), None).explain(None, &json!({"toolId": "a"})).text.contains("catalog_unavailable"));
}
