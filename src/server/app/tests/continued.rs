//! Continuations: where an answer led, asked by whoever may (H17, H18).

use super::*;

impl World {
    /// The next answer of the upstream.
    fn answers(&self, status: u16, name: &str, value: &str) {
        let headers = Headers::new().with("Content-Type", "application/json").with(name, value);
        let answer = Response { status, headers, body: b"[1]".to_vec(), truncated: false };
        self.upstream.answers.lock().unwrap().push(answer);
    }

    /// `next` of an answer of this tool with this `Link`.
    fn next(&self, tool: &str, link: &str) -> Value {
        self.answers(200, "Link", &format!("<{link}>; rel=\"next\""));
        self.execute(&json!({ "toolId": tool })).json()["next"].clone()
    }
}

#[test]
fn an_answer_leads_to_its_next_page() {
    let world = World::new();
    let next = world.next("api:get", "/elsewhere?page=2");
    world.answers(200, "Link", "</elsewhere?page=3>; rel=next");
    let second = world.execute(&json!({"toolId": "api:get", "continue": next, "flags": {}, "pathArgs": ["x"]})).json();
    assert!(second["next"].is_string() && second["next"] != next);
    assert_eq!(world.sent(), ["GET http://127.0.0.1:1/v1/items", "GET http://127.0.0.1:1/elsewhere?page=2"]);
    let records = world.whole_records();
    let last = records.last().unwrap();
    assert_eq!((&last["path"], &last["continuation"]), (&json!("/items"), &json!("next")));
    assert!(!last.to_string().contains("elsewhere"), "H24: no filled path is recorded");
}

#[test]
fn h17_no_answer_leads_to_another_origin() {
    let world = World::new();
    for link in [
        "http://127.0.0.1:2/v1/items",
        "https://127.0.0.1:1/v1/items",
        "//evil.example/",
        "http://u:p@127.0.0.1:1/",
        "file:///etc/passwd",
    ] {
        assert_eq!(world.next("api:get", link), Value::Null, "{link}");
        world.answers(202, "Operation-Location", link);
        assert_eq!(world.execute(&json!({"toolId": "api:put"})).json()["operation"], Value::Null, "{link}");
    }
    assert_eq!(world.next("api:put", "/v1/items?page=2"), Value::Null, "only what changes nothing has pages");
}

#[test]
fn h17_what_was_not_made_here_is_refused_and_nothing_is_sent() {
    let mut world = World::new();
    let next = world.next("api:get", "/v1/items?page=2");
    let text = next.as_str().unwrap();
    let changed = format!("{}{}", &text[..text.len() - 1], if text.ends_with('A') { "B" } else { "A" });
    for forged in ["", "x", "http://127.0.0.1:1/v1/items", &text[1..], &changed] {
        world.execute(&json!({"toolId": "api:get", "continue": forged})).is(400, "bad_request");
    }
    world.execute(&json!({"toolId": "api:put", "continue": next})).is(400, "bad_request");
    world.execute(&json!({"toolId": "api:get", "continue": next, "dryRun": true})).is(400, "bad_request");
    world.app_mut().clock = Clock::from_fn(|| UNIX_EPOCH + Duration::from_secs(3600));
    world.execute(&json!({"toolId": "api:get", "continue": next})).is(400, "bad_request");
    let other = World::new();
    other.execute(&json!({"toolId": "api:get", "continue": next})).is(400, "bad_request");
    assert_eq!((world.sent().len(), other.sent().len()), (1, 0));
}

#[test]
fn h17_the_origin_is_that_of_the_present_config() {
    let mut world = World::new();
    let next = world.next("api:get", "/v1/items?page=2");
    let mut config = config();
    let server = Url::parse("http://127.0.0.1:2/v1").unwrap();
    config.services.insert(
        "api".into(),
        crate::config::Service { server: Some(server), ..crate::config::Service::of("src".into()) },
    );
    let mut moved = World::with(config);
    std::mem::swap(&mut moved.app_mut().continuations, &mut world.app_mut().continuations);
    moved.execute(&json!({"toolId": "api:get", "continue": next})).is(400, "bad_request");
    assert!(moved.sent().is_empty());
}

#[test]
fn h18_nobody_else_goes_on_with_it() {
    let world = tokens::world();
    world.answers(200, "Link", "</v1/items?page=2>; rel=next");
    let next = world.execute_as("ada.bundle~api", "api:get").json()["next"].clone();
    let ask = json!({"toolId": "api:get", "continue": next}).to_string();
    let go_on = |token: &str| world.as_token(token, "POST", path::EXECUTE, &ask);
    go_on("bob.bundle~api").is(403, "authz_denied");
    let records = world.whole_records();
    let denied = records.iter().find(|record| record["eventType"] == "authz_denial").unwrap();
    assert_eq!((&denied["toolId"], &denied["principal"]), (&json!("api:get"), &json!("bob")));
    go_on("ada.bundle~other").is(403, "authz_denied");
    assert_eq!(world.sent().len(), 1);
    assert_eq!(go_on("ada.tool~api~get").status, 200, "another token of the same caller");
}

#[test]
fn h15_every_step_of_the_policy_stands_before_it() {
    let world = World::new();
    world.answers(202, "Location", "/jobs/1");
    let operation = world.execute(&json!({"toolId": "api:ask", "approval": true})).json()["operation"].clone();
    world.execute(&json!({"toolId": "api:ask", "continue": operation})).is(403, "approval_required");
    world.answers(202, "Retry-After", "1");
    let again = world.execute(&json!({"toolId": "api:ask", "continue": operation, "approval": true})).json();
    assert!(again["operation"].is_string(), "it goes on");
    let last = world.execute(&json!({"toolId": "api:ask", "continue": again["operation"], "approval": true})).json();
    assert_eq!(last["operation"], Value::Null);
    let job = "GET http://127.0.0.1:1/jobs/1";
    assert_eq!(world.sent(), ["PUT http://127.0.0.1:1/v1/items", job, job]);
    let started = world.records().iter().filter(|(event, _)| event == "execution_started").count();
    assert_eq!(started, 1, "what asks how far it is only reads");
}
