//! Arazzo documents (`arazzo`): the first is `https://api.example/flows/0`, those behind separators are `1`, `2` .. beside it. They are
//! bound to two services with a few operations each.

use std::collections::BTreeSet;

use super::SEPARATOR;
use crate::arazzo::{Bound, Description, Located, MAX_STEPS, Operation, Service, bind};
use crate::base::document;
use crate::base::id::ToolId;
use crate::base::url::Url;

/// Documents of one input.
const MAX_DOCUMENTS: usize = 4;

/// Service, method, path, operation id.
const OPERATIONS: [[&str; 4]; 7] = [
    ["pets", "GET", "/pets", "listPets"],
    ["pets", "POST", "/pets", "createPet"],
    ["pets", "GET", "/pets/{id}", ""],
    ["pets", "GET", "/status", "status"],
    ["orders", "GET", "/orders", "orders.list"],
    ["orders", "GET", "/status", "status"],
    ["orders", "DELETE", "/orders/{id}", "url"],
];

pub(super) fn arazzo(bytes: &[u8]) {
    let parts: Vec<&[u8]> = bytes.split(|byte| *byte == SEPARATOR as u8).take(MAX_DOCUMENTS).collect();
    let described: Vec<Description> = parts.iter().filter_map(|part| Description::read(part).ok()).collect();
    let Some(first) = described.first() else { return };
    let bound = bound(&described, false);
    check(&described, &bound);
    assert_eq!(self::bound(&described, true).workflows, bound.workflows, "the order of services matters");
    let alone = self::bound(std::slice::from_ref(first), false);
    assert!(
        alone.workflows.iter().all(|workflow| bound.workflows.contains(workflow)),
        "a later document takes a workflow away"
    );
    check_spelling(&parts, &bound);
}

fn bound(described: &[Description], reversed: bool) -> Bound {
    let url = |text: String| Url::parse(&text).expect("this is a URL");
    let urls: Vec<Url> = (0..described.len()).map(|at| url(format!("https://api.example/flows/{at}"))).collect();
    let located =
        described.iter().zip(&urls).map(|(description, url)| Located { url, service: Some("pets"), description });
    let [pets, orders] = ["pets", "orders"].map(|id| url(format!("https://api.example/{id}.json")));
    let tools = OPERATIONS.map(|[service, method, path, _]| ToolId::new(format!("{service}:{method}:{path}")));
    let operations = |wanted: &str| {
        let all = OPERATIONS.iter().zip(&tools).filter(|([service, ..], _)| *service == wanted);
        all.map(|([_, method, path, operation_id], tool)| Operation { method, path, operation_id, tool }).collect()
    };
    let service =
        |id, document| Service { id, alias: id, source: id, documents: vec![document], operations: operations(id) };
    let mut services = [service("pets", &pets), service("orders", &orders)];
    if reversed {
        services.reverse();
    }
    bind(&located.collect::<Vec<_>>(), &services)
}

fn check(described: &[Description], bound: &Bound) {
    let known: BTreeSet<String> =
        OPERATIONS.iter().map(|[service, method, path, _]| format!("{service}:{method}:{path}")).collect();
    let mut ids = BTreeSet::new();
    for workflow in &bound.workflows {
        assert!(ids.insert(&workflow.workflow_id), "{} is two workflows", workflow.workflow_id);
        assert!(!workflow.steps.is_empty() && workflow.steps.len() <= MAX_STEPS, "{}", workflow.workflow_id);
        for step in &workflow.steps {
            assert!(known.contains(step.tool_id.as_str()) && !step.step_id.is_empty(), "{step:?}");
        }
    }
    for problem in &bound.problems {
        assert!(problem.document < described.len() && problem.place.starts_with("/workflows/"), "{problem:?}");
    }
}

/// Documents mean the same in JSON, whatever they were written in.
fn check_spelling(parts: &[&[u8]], expected: &Bound) {
    let trees = parts.iter().filter(|part| Description::read(part).is_ok()).map(|part| document::parse(part));
    let trees: Vec<String> = trees.map(|tree| tree.expect("what is described is a document").to_string()).collect();
    let described: Vec<Description> = trees.iter().filter_map(|tree| Description::read(tree.as_bytes()).ok()).collect();
    assert_eq!(bound(&described, false), *expected, "written as JSON, the documents bind otherwise");
}
