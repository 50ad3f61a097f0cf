//! An Arazzo document as a tree to what binding needs of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    ArazzoError, Call, Description, Fault, Kind, MAX_CHARS, MAX_SOURCES, MAX_STEPS, MAX_WORKFLOWS, Plan, Source, Step,
};

/// Faults of the whole document that are reported.
const MAX_FAULTS: usize = 20;

pub(super) fn description(document: &Value) -> Result<Description, ArazzoError> {
    let Value::Object(members) = document else { return Err(ArazzoError::Version(None)) };
    check_version(members.get("arazzo"))?;
    let mut wrong = Vec::new();
    let sources = sources(members.get("sourceDescriptions"), &mut wrong);
    let (plans, faults) = plans(members.get("workflows"), &mut wrong);
    if !wrong.is_empty() {
        wrong.truncate(MAX_FAULTS);
        return Err(ArazzoError::Malformed(wrong));
    }
    let own = members.get("$self").and_then(Value::as_str).map(str::to_owned);
    Ok(Description { own, sources, plans, faults })
}

fn check_version(said: Option<&Value>) -> Result<(), ArazzoError> {
    let said = said.filter(|said| !said.is_null()).ok_or(ArazzoError::Version(None))?;
    let known = |version: &str| version.starts_with("1.0.") || version.starts_with("1.1.");
    if said.as_str().is_some_and(known) {
        return Ok(());
    }
    let shown = if said.is_array() || said.is_object() { "no text".to_owned() } else { said.to_string() };
    Err(ArazzoError::Version(Some(shown.chars().take(40).collect())))
}

/// Names are unique. Without any, a step can still say `METHOD /path`.
fn sources(list: Option<&Value>, wrong: &mut Vec<String>) -> Vec<Source> {
    let list = match list {
        Some(Value::Array(list)) if !list.is_empty() && list.len() <= MAX_SOURCES => list,
        Some(Value::Array(list)) if list.is_empty() => {
            return fault(wrong, "/sourceDescriptions: it is empty".to_owned());
        }
        Some(Value::Array(_)) => {
            return fault(wrong, format!("/sourceDescriptions: it has more than {MAX_SOURCES} entries"));
        }
        Some(_) => return fault(wrong, "/sourceDescriptions: it is no list".to_owned()),
        None => return fault(wrong, "`sourceDescriptions` is missing".to_owned()),
    };
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    for (at, value) in list.iter().enumerate() {
        match source(value) {
            Ok(source) if names.insert(source.name.clone()) => found.push(source),
            Ok(source) => wrong.push(format!("/sourceDescriptions/{at}/name: `{}` is taken", source.name)),
            Err(reason) => wrong.push(format!("/sourceDescriptions/{at}: {reason}")),
        }
    }
    found
}

fn fault<T>(wrong: &mut Vec<String>, said: String) -> Vec<T> {
    wrong.push(said);
    Vec::new()
}

fn source(value: &Value) -> Result<Source, String> {
    let members = value.as_object().ok_or("it is no object")?;
    let kind = match members.get("type").map(Value::as_str) {
        None | Some(Some("openapi")) => Kind::OpenApi,
        Some(Some("arazzo")) => Kind::Arazzo,
        Some(Some("asyncapi")) => Kind::AsyncApi,
        Some(_) => return Err("`type` is neither `openapi` nor `arazzo` nor `asyncapi`".to_owned()),
    };
    Ok(Source { name: text(members, "name")?, url: text(members, "url")?, kind })
}

/// A text that has to be there, without control characters, so that messages can show it.
fn text(members: &Map<String, Value>, name: &str) -> Result<String, String> {
    match members.get(name) {
        Some(Value::String(text)) if text.is_empty() => Err(format!("`{name}` is empty")),
        Some(Value::String(text)) if text.len() > MAX_CHARS => {
            Err(format!("`{name}` has more than {MAX_CHARS} characters"))
        }
        Some(Value::String(text)) if text.contains(char::is_control) => Err(format!("`{name}` has control characters")),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("`{name}` is no text")),
        None => Err(format!("`{name}` is missing")),
    }
}

fn plans(list: Option<&Value>, wrong: &mut Vec<String>) -> (Vec<Plan>, Vec<Fault>) {
    let list = match list {
        Some(Value::Array(list)) if list.is_empty() => Err("/workflows: it is empty".to_owned()),
        Some(Value::Array(list)) if list.len() > MAX_WORKFLOWS => {
            Err(format!("/workflows: it has more than {MAX_WORKFLOWS} workflows"))
        }
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err("/workflows: it is no list".to_owned()),
        None => Err("`workflows` is missing".to_owned()),
    };
    let (mut plans, mut faults, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
    match list {
        Err(reason) => wrong.push(reason),
        Ok(list) => {
            for (at, value) in list.iter().enumerate() {
                match plan(value, at, &mut ids) {
                    Ok(plan) => plans.push(plan),
                    Err(fault) => faults.push(fault),
                }
            }
        }
    }
    (plans, faults)
}

fn plan(value: &Value, at: usize, ids: &mut BTreeSet<String>) -> Result<Plan, Fault> {
    let place = format!("/workflows/{at}");
    let nameless =
        |reason: String| Fault { workflow: format!("workflows[{at}]"), step: None, place: place.clone(), reason };
    let members = value.as_object().ok_or_else(|| nameless("it is no object".to_owned()))?;
    let id = text(members, "workflowId").map_err(nameless)?;
    let fault = |step: Option<String>, place: &str, reason: String| Fault {
        workflow: id.clone(),
        step,
        place: place.to_owned(),
        reason,
    };
    if !ids.insert(id.clone()) {
        return Err(fault(None, &place, "its id is taken by an earlier workflow of the document".to_owned()));
    }
    let list = match members.get("steps") {
        Some(Value::Array(list)) if list.is_empty() => Err("`steps` is empty".to_owned()),
        Some(Value::Array(list)) if list.len() > MAX_STEPS => Err(format!("it has more than {MAX_STEPS} steps")),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err("`steps` is no list".to_owned()),
        None => Err("`steps` is missing".to_owned()),
    };
    let list = list.map_err(|reason| fault(None, &place, reason))?;
    let mut taken = BTreeSet::new();
    let mut steps = Vec::new();
    for (number, value) in list.iter().enumerate() {
        let place = format!("{place}/steps/{number}");
        let step = step(value).map_err(|(step, reason)| {
            let step = step.unwrap_or_else(|| format!("steps[{number}]"));
            fault(Some(step), &place, reason)
        })?;
        if !taken.insert(step.id.clone()) {
            return Err(fault(Some(step.id), &place, "its id is taken by an earlier step".to_owned()));
        }
        steps.push(step);
    }
    Ok(Plan { id, place, steps })
}

/// The error has the step's id, where there is one.
fn step(value: &Value) -> Result<Step, (Option<String>, String)> {
    let members = value.as_object().ok_or_else(|| (None, "it is no object".to_owned()))?;
    let id = text(members, "stepId").map_err(|reason| (None, reason))?;
    match call(members) {
        Ok(call) => Ok(Step { id, call }),
        Err(reason) => Err((Some(id), reason)),
    }
}

/// The three are mutually exclusive (Step Object).
fn call(members: &Map<String, Value>) -> Result<Call, String> {
    const CALLS: [&str; 4] = ["operationId", "operationPath", "workflowId", "channelPath"];
    let given: Vec<&str> = CALLS.into_iter().filter(|name| members.contains_key(*name)).collect();
    match given.as_slice() {
        ["operationId"] => Ok(Call::OperationId(text(members, "operationId")?)),
        ["operationPath"] => Ok(Call::OperationPath(text(members, "operationPath")?)),
        ["workflowId"] => Ok(Call::WorkflowId(text(members, "workflowId")?)),
        ["channelPath"] => Err("`channelPath` leads to AsyncAPI, which has no tools".to_owned()),
        [] => Err("it has no `operationId`, `operationPath` or `workflowId`".to_owned()),
        several => Err(format!("it has `{}`, of which only one may stand", several.join("` and `"))),
    }
}
