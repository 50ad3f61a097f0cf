//! References of every form, workflows within workflows, and what leaves a workflow out.

use serde_json::{Value, json};

use super::*;

/// A service that owns what its operations and documents borrow.
struct Made {
    id: &'static str,
    alias: &'static str,
    source: &'static str,
    documents: Vec<Url>,
    operations: Vec<(&'static str, &'static str, &'static str, ToolId)>,
}

fn made(
    id: &'static str,
    alias: &'static str,
    source: &'static str,
    url: &str,
    operations: &[[&'static str; 3]],
) -> Made {
    let tool = |[method, path, operation]: [&'static str; 3]| {
        let tool = match operation {
            "" => format!("{id}:{}:{path}", method.to_ascii_lowercase()),
            operation => format!("{id}:{operation}"),
        };
        (method, path, operation, ToolId::new(tool))
    };
    let operations = operations.iter().map(|operation| tool(*operation)).collect();
    Made { id, alias, source, documents: vec![Url::parse(url).unwrap()], operations }
}

fn services(made: &[Made]) -> Vec<Service<'_>> {
    made.iter()
        .map(|made| Service {
            id: made.id,
            alias: made.alias,
            source: made.source,
            documents: made.documents.iter().collect(),
            operations: made
                .operations
                .iter()
                .map(|(method, path, operation_id, tool)| Operation { method, path, operation_id, tool })
                .collect(),
        })
        .collect()
}

fn pets() -> Made {
    made(
        "pets",
        "zoo",
        "petstore",
        "https://h/apis/pets.yaml",
        &[
            ["GET", "/pets", "listPets"],
            ["POST", "/pets", "createPet"],
            ["GET", "/pets/{id}", ""],
            ["GET", "/status", "status"],
            ["GET", "/only", "url"],
        ],
    )
}

fn orders() -> Made {
    made(
        "orders",
        "orders",
        "shop",
        "https://h/apis/orders.yaml",
        &[["GET", "/orders", "listOrders"], ["POST", "/orders", "orders.create"], ["GET", "/status", "status"]],
    )
}

/// An Arazzo document with these sources (name, url, type) and workflows.
fn described(sources: &[[&str; 3]], workflows: &Value) -> Description {
    let sources: Vec<Value> =
        sources.iter().map(|[name, url, kind]| json!({"name": name, "url": url, "type": kind})).collect();
    let document = json!({"arazzo": "1.0.1", "info": {}, "sourceDescriptions": sources, "workflows": workflows});
    Description::read(document.to_string().as_bytes()).unwrap()
}

const PETS: [&str; 3] = ["pets-api", "../apis/pets.yaml", "openapi"];
const ORDERS: [&str; 3] = ["orders-api", "https://h/apis/orders.yaml", "openapi"];
const OWN: &str = "https://h/flows/arazzo.yaml";

fn bound(documents: &[(&str, Option<&str>, &Description)], made: &[Made]) -> Bound {
    let urls: Vec<Url> = documents.iter().map(|(url, _, _)| Url::parse(url).unwrap()).collect();
    let located = documents.iter().zip(&urls).map(|((_, service, description), url)| Located {
        url,
        service: *service,
        description,
    });
    bind(&located.collect::<Vec<_>>(), &services(made))
}

/// What one step becomes, or the problem.
fn step_of(sources: &[[&str; 3]], made: &[Made], owner: Option<&str>, step: &Value) -> Result<String, String> {
    let mut step = step.clone();
    step["stepId"] = json!("s");
    let description = described(sources, &json!([{"workflowId": "w", "steps": [step]}]));
    let found = bound(&[(OWN, owner, &description)], made);
    match (found.workflows.as_slice(), found.problems.as_slice()) {
        ([workflow], []) => Ok(workflow.steps[0].tool_id.to_string()),
        ([], [problem]) => Err(problem.to_string()),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(step: &Value, expected: &str) {
    assert_eq!(step_of(&[PETS, ORDERS], &[pets(), orders()], None, step), Ok(expected.to_owned()), "{step}");
}

#[track_caller]
fn check_left_out(step: &Value, expected: &str) {
    let problem = step_of(&[PETS, ORDERS], &[pets(), orders()], None, step).expect_err(expected);
    assert!(problem.starts_with("the workflow `w` is left out: step `s`: "), "{problem}");
    assert!(problem.contains(expected), "{problem}");
}

fn by_id(id: &str) -> Value {
    json!({"operationId": id})
}

fn by_path(path: &str) -> Value {
    json!({"operationPath": path})
}

#[test]
fn references_of_every_form_lead_to_tools() {
    check(&by_id("listPets"), "pets:listPets");
    check(&by_id("orders.create"), "orders:orders.create");
    check(&by_id("$sourceDescriptions.pets-api.status"), "pets:status");
    check(&by_id("{$sourceDescriptions.orders-api.status}"), "orders:status");
    check(&by_id("$sourceDescriptions.orders-api.orders.create"), "orders:orders.create");
    check(&by_id("$sourceDescriptions.pets-api.url"), "pets:url");
    check(&by_id("GET /pets/{id}"), "pets:get:/pets/{id}");
    check(&by_path("{$sourceDescriptions.pets-api.url}#/paths/~1pets/get"), "pets:listPets");
    check(&by_path("$sourceDescriptions.pets-api.url#/paths/~1pets/post"), "pets:createPet");
    check(&by_path("{$sourceDescriptions.pets-api}#/paths/~1pets~1{id}/get"), "pets:get:/pets/{id}");
    check(&by_path("{$sourceDescriptions.pets-api.url}#/paths/~1pets~1%7Bid%7D/GET"), "pets:get:/pets/{id}");
    check(&by_path("{$sourceDescriptions.pets-api.url}#/paths/~1pets~1{id}"), "pets:get:/pets/{id}");
    check(&by_path("https://h/apis/orders.yaml#/paths/~1status/get"), "orders:status");
    check(&by_path("../apis/pets.yaml#/paths/~1status/get"), "pets:status");
    check(&by_path("#/paths/~1orders/post"), "orders:orders.create");
    check(&by_path("post /orders"), "orders:orders.create");
    check(&by_path("GET  /pets"), "pets:listPets");
    check(&by_path("$sourceDescriptions.orders-api.listOrders"), "orders:listOrders");
}

#[test]
fn what_cannot_be_bound_says_why_and_what_may_be_meant() {
    check_left_out(&by_id("listPet"), "`listPet` is no operation of `pets`, `orders`; is `listPets` meant");
    check_left_out(&by_id("zzz"), "`zzz` is no operation of `pets`, `orders`");
    check_left_out(
        &by_id("status"),
        "the operation id `status` means several operations: `orders:status`, `pets:status`",
    );
    check_left_out(&by_id("$sourceDescriptions.pets-api.listOrders"), "`listOrders` is no operation of `pets`");
    check_left_out(
        &by_id("$sourceDescriptions.pets.x"),
        "names no source description; there are `pets-api`, `orders-api`",
    );
    check_left_out(&by_id("$sourceDescriptions.pets-api"), "names a source and no operation");
    check_left_out(&by_path("GET /status"), "`GET /status` means several operations");
    check_left_out(&by_path("GET /pet"), "is `GET /pets` meant");
    check_left_out(&by_path("{$sourceDescriptions.pets-api.url}#/paths/~1pets"), "`/pets` means several operations");
    check_left_out(
        &by_path("{$sourceDescriptions.pets-api.url}#/paths/~1pets/put"),
        "`PUT /pets` is no operation of `pets`",
    );
    check_left_out(&by_path("{$sourceDescriptions.pets-api.url}#/paths/~1pets/fetch"), "`fetch` is no method");
    check_left_out(&by_path("{$sourceDescriptions.pets-api.url}#/components"), "names no operation");
    check_left_out(&by_path("{$sourceDescriptions.pets-api.type}#/paths/~1pets/get"), "`type` is no document");
    check_left_out(&by_path("{$sourceDescriptions.pets-api.url}"), "has no `#/paths/..`");
    check_left_out(
        &by_path("https://elsewhere/x.yaml#/paths/~1pets/get"),
        "no service is made from `https://elsewhere/x.yaml`",
    );
    check_left_out(&by_path("/paths/~1pets/get"), "has no `#/paths/..`");
    check_left_out(&json!({"workflowId": "v"}), "there is no workflow `v`; is `w` meant");
    check_left_out(&json!({"workflowId": "$sourceDescriptions.pets-api.v"}), "is of another type than `arazzo`");
    check_left_out(&json!({}), "it has no `operationId`");
    check_left_out(&json!({"operationId": "a", "workflowId": "b"}), "`operationId` and `workflowId`");
    check_left_out(&json!({"channelPath": "x"}), "AsyncAPI");
    check_left_out(&json!({"operationId": 1}), "`operationId` is no text");
    check_left_out(&json!({"operationId": "x".repeat(MAX_CHARS + 1)}), "more than 500 characters");
}

#[track_caller]
fn check_source(sources: &[[&str; 3]], made: &[Made], owner: Option<&str>, expected: Result<&str, &str>) {
    match (step_of(sources, made, owner, &by_id("status")), expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
        (found, expected) => panic!("{found:?} is not {expected:?}"),
    }
}

#[test]
fn a_source_description_means_a_service_by_url_by_name_by_its_lister_or_because_there_is_one() {
    let both = || [pets(), orders()];
    check_source(&[PETS], &both(), Some("orders"), Ok("pets:status"));
    check_source(&[["x", "https://h:443/apis/./pets.yaml#frag", "openapi"]], &both(), None, Ok("pets:status"));
    for name in ["pets", "zoo", "petstore"] {
        check_source(&[[name, "https://mirror/pets.yaml", "openapi"]], &both(), Some("orders"), Ok("pets:status"));
    }
    let unknown = ["x", "https://mirror/pets.yaml", "openapi"];
    check_source(&[unknown], &both(), Some("orders"), Ok("orders:status"));
    check_source(&[unknown], &[pets()], None, Ok("pets:status"));
    check_source(&[unknown], &both(), None, Err("`x` means no service: none is made from `https://mirror/pets.yaml`"));
    check_source(
        &[unknown, ["y", "./y.yaml", "openapi"]],
        &both(),
        Some("orders"),
        Err("services are `pets`, `orders`"),
    );
    check_source(&[unknown, PETS], &both(), None, Ok("pets:status"));
    let twice = || {
        [pets(), made("animals", "animals", "petstore", "https://h/apis/pets.yaml", &[["GET", "/status", "status"]])]
    };
    check_source(&[PETS], &twice(), None, Err("`pets-api` means several services: `pets`, `animals`"));
    check_source(&[PETS], &twice(), Some("animals"), Ok("animals:status"));
    check_source(&[["petstore", "./x", "openapi"]], &twice(), None, Err("means several services"));
    check_source(&[["x", "./x", "asyncapi"]], &both(), None, Err("no source description of type `openapi`"));
    let event = step_of(&[["x", "./x", "asyncapi"]], &both(), None, &by_id("$sourceDescriptions.x.status"));
    assert!(event.unwrap_err().contains("AsyncAPI"));
}

#[test]
fn h24_no_problem_shows_what_a_url_may_hold() {
    let secret = "https://user:hunter2@h/x.yaml?key=hunter2";
    for path in [
        secret.to_owned(),
        format!("{secret}#/paths/~1pets/get"),
        "https://h/x?key=hunter2#/paths/~1pets/get".to_owned(),
    ] {
        let problem = step_of(&[PETS, ORDERS], &[pets(), orders()], None, &by_path(&path)).unwrap_err();
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    for url in [secret, "https://h/x?key=hunter2"] {
        let sources = [["x", url, "openapi"], ["y", url, "arazzo"], PETS];
        for step in [by_id("$sourceDescriptions.x.status"), json!({"workflowId": "$sourceDescriptions.y.w"})] {
            let problem = step_of(&sources, &[pets(), orders()], None, &step).unwrap_err();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}

#[test]
fn one_operation_id_twice_in_a_description_is_ambiguous() {
    let mut twice = pets();
    twice.operations.push(("PUT", "/status", "status", "pets:status-2".into()));
    let problem = step_of(&[PETS], &[twice], None, &by_id("status")).unwrap_err();
    assert!(problem.contains("several operations: `pets:status`, `pets:status-2`"), "{problem}");
}

/// Workflows in one document: their steps as `step:operation`, or `step>workflow`.
fn flows(workflows: &[(&str, &[&str])]) -> Value {
    let step = |text: &&str| match text.split_once('>') {
        Some((step, workflow)) => json!({"stepId": step, "workflowId": workflow}),
        None => text.split_once(':').map(|(step, id)| json!({"stepId": step, "operationId": id})).unwrap(),
    };
    let workflow = |(id, steps): &(&str, &[&str])| {
        let steps: Vec<Value> = steps.iter().map(step).collect();
        json!({"workflowId": id, "steps": steps})
    };
    workflows.iter().map(workflow).collect()
}

fn written(bound: &Bound) -> Vec<String> {
    let steps = |workflow: &Workflow| {
        let steps: Vec<String> =
            workflow.steps.iter().map(|step| format!("{}={}", step.step_id, step.tool_id)).collect();
        format!("{}: {}", workflow.workflow_id, steps.join(" "))
    };
    bound.workflows.iter().map(steps).collect()
}

fn problems(bound: &Bound) -> Vec<String> {
    bound.problems.iter().map(Problem::to_string).collect()
}

#[test]
fn a_nested_workflow_stands_in_place_of_its_step() {
    let workflows = flows(&[
        ("outer", &["a:status", "b>middle", "c>inner"]),
        ("middle", &["m>inner", "n:createPet"]),
        ("inner", &["i:listPets"]),
    ]);
    let found = bound(&[(OWN, None, &described(&[PETS], &workflows))], &[pets()]);
    assert_eq!(problems(&found), Vec::<String>::new());
    assert_eq!(
        written(&found),
        [
            "outer: a=pets:status b.m.i=pets:listPets b.n=pets:createPet c.i=pets:listPets",
            "middle: m.i=pets:listPets n=pets:createPet",
            "inner: i=pets:listPets",
        ]
    );
}

#[test]
fn workflows_of_other_documents_are_named_by_their_source_description() {
    let here = described(
        &[PETS, ["there", "./there.yaml", "arazzo"]],
        &flows(&[
            ("a", &["s>$sourceDescriptions.there.b"]),
            ("c", &["s>$sourceDescriptions.there.missing"]),
            ("d", &["s>b"]),
        ]),
    );
    let there = described(&[PETS], &flows(&[("b", &["t:status"])]));
    let found = bound(&[(OWN, None, &here), ("https://h/flows/there.yaml", None, &there)], &[pets()]);
    assert_eq!(written(&found), ["a: s.t=pets:status", "b: t=pets:status"]);
    assert_eq!(
        problems(&found),
        [
            "the workflow `c` is left out: step `s`: there is no workflow `missing`",
            "the workflow `d` is left out: step `s`: there is no workflow `b`; is `a` meant",
        ]
    );
    let alone = bound(&[(OWN, None, &here)], &[pets()]);
    assert!(
        problems(&alone)[0].contains("`https://h/flows/there.yaml` of the source description `there` is not among")
    );
}

#[test]
fn a_document_may_say_what_its_references_are_relative_to() {
    let document = json!({"arazzo": "1.1.0", "$self": "https://h/flows/x.yaml",
        "sourceDescriptions": [{"name": "x", "url": "../apis/pets.yaml"}, {"name": "y", "url": "./y"}],
        "workflows": [{"workflowId": "w", "steps": [{"stepId": "s", "operationId": "$sourceDescriptions.x.status"}]}]});
    let description = Description::read(document.to_string().as_bytes()).unwrap();
    let found = bound(&[("https://cdn/blob", None, &description)], &[pets(), orders()]);
    assert_eq!(written(&found), ["w: s=pets:status"]);
}

#[test]
fn workflows_that_call_each_other_in_a_circle_are_left_out() {
    let workflows = flows(&[
        ("a", &["x:status", "s>b"]),
        ("b", &["s>c"]),
        ("c", &["s>b"]),
        ("self", &["s>self"]),
        ("good", &["s:status"]),
        ("calls", &["s>good"]),
    ]);
    let found = bound(&[(OWN, None, &described(&[PETS], &workflows))], &[pets()]);
    assert_eq!(written(&found), ["good: s=pets:status", "calls: s.s=pets:status"]);
    let circle = |id: &str, names: &str| {
        format!("the workflow `{id}` is left out: step `s`: it calls workflows in a circle: {names}")
    };
    assert_eq!(
        problems(&found),
        [
            circle("a", "`b` -> `c` -> `b`"),
            circle("b", "`b` -> `c` -> `b`"),
            circle("c", "`c` -> `b` -> `c`"),
            circle("self", "`self` -> `self`"),
        ]
    );
}

#[test]
fn a_workflow_that_cannot_be_bound_takes_its_callers_with_it_and_leaves_the_others() {
    let workflows =
        flows(&[("caller", &["s>broken"]), ("broken", &["p:nothing", "q:status", "r:none"]), ("good", &["s:status"])]);
    let found = bound(&[(OWN, None, &described(&[PETS], &workflows))], &[pets()]);
    assert_eq!(written(&found), ["good: s=pets:status"]);
    let said: Vec<(&str, Option<&str>, &str)> = found
        .problems
        .iter()
        .map(|problem| (problem.workflow.as_str(), problem.step.as_deref(), problem.place.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("broken", Some("p"), "/workflows/1/steps/0"),
            ("broken", Some("r"), "/workflows/1/steps/2"),
            ("caller", Some("s"), "/workflows/0/steps/0"),
        ]
    );
}

#[test]
fn of_two_workflows_with_one_id_the_earlier_stays() {
    let first = described(&[PETS], &flows(&[("w", &["s:status"]), ("w", &["s:listPets"])]));
    let second = described(&[PETS], &flows(&[("w", &["s:createPet"]), ("v", &["s:status"])]));
    let found = bound(&[(OWN, None, &first), ("https://h/flows/2.yaml", None, &second)], &[pets()]);
    assert_eq!(written(&found), ["w: s=pets:status", "v: s=pets:status"]);
    assert_eq!(
        problems(&found),
        [
            "the workflow `w` is left out: its id is taken by an earlier workflow of the document",
            "the workflow `w` is left out: its id is taken by a workflow of `https://h/flows/arazzo.yaml`",
        ]
    );
    assert_eq!(found.problems.iter().map(|problem| problem.document).collect::<Vec<_>>(), [0, 1]);
}

#[track_caller]
fn check_refused(document: &Value, expected: &str) {
    let error = Description::read(document.to_string().as_bytes()).expect_err(expected).to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_is_no_arazzo_document_says_why() {
    let source = json!([{"name": "a", "url": "u"}]);
    check_refused(&json!([]), "is no Arazzo document");
    check_refused(&json!({"openapi": "3.1.0"}), "no `arazzo: 1.0.1`");
    check_refused(&json!({"arazzo": "2.0.0"}), "`arazzo` is \"2.0.0\"");
    check_refused(&json!({"arazzo": 1.0}), "`arazzo` is 1.0");
    check_refused(&json!({"arazzo": "1.0.0"}), "`sourceDescriptions` is missing; `workflows` is missing");
    check_refused(&json!({"arazzo": "1.0.0", "sourceDescriptions": [], "workflows": []}), "/workflows: it is empty");
    check_refused(&json!({"arazzo": "1.0.0", "sourceDescriptions": {}, "workflows": 1}), "/workflows: it is no list");
    let odd = json!([1, {"name": "a"}, {"name": "b", "url": "u", "type": "soap"}, {"name": "c", "url": "u"}, {"name": "c", "url": "u"}]);
    for said in
        ["/sourceDescriptions/0: it is no object", "`url` is missing", "`type` is neither", "name: `c` is taken"]
    {
        check_refused(&json!({"arazzo": "1.0.0", "sourceDescriptions": odd, "workflows": [{}]}), said);
    }
    check_refused(
        &json!({"arazzo": "1.0.0", "sourceDescriptions": source, "workflows": vec![1; MAX_WORKFLOWS + 1]}),
        "more than 1000",
    );
    assert_eq!(Description::read(b"<html>").unwrap_err().to_string(), DocumentError::Html.to_string());
}

#[test]
fn a_malformed_workflow_is_left_out_alone() {
    let workflows = json!([1, {"steps": []}, {"workflowId": "a"}, {"workflowId": "b", "steps": []},
        {"workflowId": "c", "steps": [{"operationId": "x"}]},
        {"workflowId": "d", "steps": [{"stepId": "s", "operationId": "status"}, {"stepId": "s", "operationId": "status"}]},
        {"workflowId": "good", "steps": [{"stepId": "s", "operationId": "status"}]},
        {"workflowId": "caller", "steps": [{"stepId": "s", "workflowId": "d"}]}]);
    let found = bound(&[(OWN, None, &described(&[PETS], &workflows))], &[pets()]);
    assert_eq!(written(&found), ["good: s=pets:status"]);
    assert_eq!(
        problems(&found),
        [
            "the workflow `workflows[0]` is left out: it is no object",
            "the workflow `workflows[1]` is left out: `workflowId` is missing",
            "the workflow `a` is left out: `steps` is missing",
            "the workflow `b` is left out: `steps` is empty",
            "the workflow `c` is left out: step `steps[0]`: `stepId` is missing",
            "the workflow `d` is left out: step `s`: its id is taken by an earlier step",
            "the workflow `caller` is left out: step `s`: it calls the workflow `d`, which is left out",
        ]
    );
}

#[test]
fn h28_workflows_that_multiply_each_other_are_bounded() {
    let ids: Vec<String> = (0..40).map(|number| format!("w{number}")).collect();
    let steps: Vec<[String; 2]> =
        (0..40).map(|number| [format!("a>w{}", number + 1), format!("b>w{}", number + 1)]).collect();
    let steps: Vec<Vec<&str>> = steps.iter().map(|steps| steps.iter().map(String::as_str).collect()).collect();
    let mut workflows: Vec<(&str, &[&str])> =
        ids.iter().map(String::as_str).zip(steps.iter().map(Vec::as_slice)).collect();
    workflows.push(("w40", &["s:status"]));
    let found = bound(&[(OWN, None, &described(&[PETS], &flows(&workflows)))], &[pets()]);
    assert_eq!(found.workflows.len(), 9, "500 steps are more than two to the eighth");
    assert_eq!(found.problems.len(), 32);
    assert!(found.workflows.iter().all(|workflow| workflow.steps.len() <= MAX_STEPS));
    let many: Vec<Value> = (0..MAX_WORKFLOWS)
        .map(|number| {
            let steps: Vec<Value> =
                (0..60).map(|step| json!({"stepId": format!("{step}"), "operationId": "status"})).collect();
            json!({"workflowId": format!("{number}"), "steps": steps})
        })
        .collect();
    let found = bound(&[(OWN, None, &described(&[PETS], &json!(many)))], &[pets()]);
    assert_eq!(found.workflows.len(), MAX_BOUND / 60);
    assert!(problems(&found)[0].contains("more than 50000 steps"));
}

#[test]
fn h28_a_circle_of_many_workflows_ends() {
    let ids: Vec<String> = (0..MAX_WORKFLOWS).map(|number| format!("w{number}")).collect();
    let steps: Vec<String> = (0..MAX_WORKFLOWS).map(|number| format!("s>w{}", (number + 1) % MAX_WORKFLOWS)).collect();
    let steps: Vec<[&str; 1]> = steps.iter().map(|step| [step.as_str()]).collect();
    let workflows: Vec<(&str, &[&str])> =
        ids.iter().map(String::as_str).zip(steps.iter().map(|step| &step[..])).collect();
    let found = bound(&[(OWN, None, &described(&[PETS], &flows(&workflows)))], &[pets()]);
    assert_eq!((found.workflows.len(), found.problems.len()), (0, MAX_WORKFLOWS));
    assert!(problems(&found)[0].contains("in a circle: longer than 100 calls"));
}

const EXAMPLES: &str = "../shared/specs/arazzo-examples";

/// The operations of an OpenAPI document, as a service.
fn example(id: &'static str, file: &str, url: &str) -> Made {
    let document = document::parse(&read(file)).unwrap();
    let kept = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let paths = document["paths"].as_object().unwrap();
    let operations =
        paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(m, o)| (path, m, o)));
    let operations: Vec<[&'static str; 3]> = operations
        .filter(|(_, _, operation)| operation.is_object())
        .map(|(path, method, operation)| {
            [
                kept(&method.to_ascii_uppercase()),
                kept(path),
                kept(operation["operationId"].as_str().unwrap_or_default()),
            ]
        })
        .collect();
    made(id, id, id, url, &operations)
}

#[expect(clippy::disallowed_methods, reason = "the examples are files")]
fn read(file: &str) -> Vec<u8> {
    std::fs::read(format!("{EXAMPLES}/{file}")).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[track_caller]
fn check_example(name: &str, service: &str, workflows: usize, expected: &[&str]) {
    let url = format!("https://examples/{name}");
    let service_url = format!("https://examples/{service}");
    let description = Description::read(&read(name)).unwrap();
    let found = bound(&[(&url, Some("it"), &description)], &[example("it", service, &service_url), orders()]);
    assert_eq!(problems(&found), expected, "{name}");
    assert_eq!(found.workflows.len(), workflows, "{name}: {:?}", written(&found));
}

#[test]
fn the_examples_of_the_specification_bind() {
    check_example("oauth.arazzo.yaml", "oauth.openapi.yaml", 3, &[]);
    check_example("bnpl-arazzo.yaml", "bnpl-openapi.yaml", 1, &[]);
    check_example("pet-coupons.arazzo.yaml", "pet-coupons.openapi.yaml", 3, &[]);
    let slip =
        "the workflow `OIDC-PAR-AuthzCode` is left out: step `PARStep`: `PAR` is no operation of `it`; is `Par` meant";
    check_example("FAPI-PAR.arazzo.yaml", "FAPI-PAR.openapi.yaml", 0, &[slip]);
}
