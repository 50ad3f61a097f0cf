//! What `init` says: what was found and written, which secrets are to be set, what comes next.

use serde_json::{Value, json};

use super::Outcome;
use crate::base::name::counted;
use crate::cli::output::sanitize;
use crate::cli::report::Failure;
use crate::cli::world::World;
use crate::config::load::{self, Consumer};
use crate::config::scope::Scope;

/// Problems of a description that are told one by one.
const MAX_PROBLEMS: usize = 5;

/// Services that are told one by one.
const MAX_SERVICES: usize = 20;

/// Prints the outcome, and notes what else a person should know.
pub(super) fn outcome(world: &World<'_>, outcome: &Outcome) -> Result<(), Failure> {
    world.print_text_or(&text(outcome), &answer(outcome))?;
    notes(world, outcome);
    // Other scopes are merged with what was written, and may not go with it.
    if let Err(problems) = load::load(&world.surroundings(), Consumer::Cli) {
        world.console.note("the configuration as a whole has problems now; `open-cli config check` lists them:");
        problems.iter().for_each(|problem| world.console.note(&problem.to_string()));
    }
    Ok(())
}

/// What is not quite right, beside the answer.
pub(super) fn notes(world: &World<'_>, outcome: &Outcome) {
    let chosen = &outcome.chosen;
    let note = |text: &str| world.console.note(&sanitize::line(text));
    chosen.problems.iter().take(MAX_PROBLEMS).for_each(|problem| note(problem));
    if chosen.problems.len() > MAX_PROBLEMS {
        note(&format!("{} more problems of the description", chosen.problems.len() - MAX_PROBLEMS));
    }
    chosen.secrets.others.iter().for_each(|other| note(other));
    if chosen.catalog.is_none() {
        note("an MCP server is not started here: its tools and secrets are not known yet");
        note(
            "the toolbox of this version does not load MCP servers: the source is one that failed until a version that does",
        );
    }
}

fn answer(outcome: &Outcome) -> Value {
    let chosen = &outcome.chosen;
    let secrets: Vec<Value> = chosen
        .secrets
        .needed
        .iter()
        .map(|one| {
            let variables: Vec<Value> =
                one.variables.iter().map(|(name, holds)| json!({"name": name, "holds": holds})).collect();
            json!({"secret": one.key, "variables": variables, "use": one.use_of_it})
        })
        .collect();
    json!({
        "file": outcome.path.display().to_string(),
        "scope": outcome.scope.as_str(),
        "source": {"id": chosen.id, "type": chosen.kind, "uri": chosen.uri},
        "services": services(outcome),
        "secrets": secrets,
        "notCovered": chosen.secrets.others,
        "problems": chosen.problems.len(),
        "next": outcome.next,
    })
}

fn services(outcome: &Outcome) -> Vec<Value> {
    let Some(catalog) = &outcome.chosen.catalog else { return Vec::new() };
    let described = catalog.services.iter().map(|service| {
        let tools = catalog.tools.iter().filter(|tool| tool.service_id == service.id).count();
        json!({"id": service.id, "title": service.title, "tools": tools, "servers": service.servers})
    });
    described.collect()
}

fn text(outcome: &Outcome) -> String {
    let chosen = &outcome.chosen;
    let mut out = format!("wrote {}\n", outcome.path.display());
    if outcome.scope == Scope::Project {
        out = format!("wrote and trusted {}\n", outcome.path.display());
    }
    line(&mut out, &format!("source {}: {}, {}", chosen.id, chosen.kind, chosen.uri));
    let services = services(outcome);
    for service in services.iter().take(MAX_SERVICES) {
        let word = |key: &str| service[key].as_str().unwrap_or_default().to_owned();
        let servers: Vec<&str> =
            service["servers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let to = servers.first().map(|server| format!(", at {server}")).unwrap_or_default();
        let tools = counted(service["tools"].as_u64().and_then(|tools| tools.try_into().ok()).unwrap_or(0), "tool");
        line(&mut out, &format!("service {}: {}, {tools}{to}", word("id"), word("title")));
    }
    if services.len() > MAX_SERVICES {
        line(&mut out, &format!("and {} more services", services.len() - MAX_SERVICES));
    }
    if !chosen.secrets.needed.is_empty() {
        out.push_str("\nto be set where the toolbox runs:\n");
    }
    for one in &chosen.secrets.needed {
        for (name, holds) in &one.variables {
            line(&mut out, &format!("  {name}: {holds}, {} ({})", one.use_of_it, one.key));
        }
    }
    out.push_str("\nnext:\n");
    outcome.next.iter().for_each(|command| line(&mut out, &format!("  {command}")));
    out
}

/// Texts of a publisher stay on their line.
fn line(out: &mut String, text: &str) {
    out.push_str(&sanitize::line(text));
    out.push('\n');
}
