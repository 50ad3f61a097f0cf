//! `explain`: one tool in words.

use serde_json::{Value, json};

use crate::catalog::{AuthAlternative, AuthRequirement, Tool};
use crate::cli::args::Options;
use crate::cli::commands::{catalog, explained};
use crate::cli::help::example;
use crate::cli::report::Failure;
use crate::cli::tree;
use crate::cli::world::World;

/// Says what a tool does, needs and may change.
pub fn explain(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let session = connection.session();
    let index = session.index()?;
    let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
    let row = tree::tool(&index, &words)?;
    let (tool, whole) = explained::whole(&session, &index, &row)?;
    let words = tree::words_in(&index, &row);
    let example = example::made(&tool, &words, whole);
    world.print_text_or(&text(&tool, &example), &document(&tool, &words, &example))
}

fn text(tool: &Tool, example: &str) -> String {
    let mut out = format!("{}\n", tool.id);
    let mut say = |label: &str, what: String| {
        if !what.trim().is_empty() {
            out.push_str(&format!("\n{label}: {}\n", what.trim()));
        }
    };
    say("What it does", if tool.summary.is_empty() { tool.operation_id.clone() } else { tool.summary.clone() });
    say("More", tool.description.clone());
    say("What it may change", safety(tool).to_owned());
    say("Approval", if tool.safety.requires_approval { "needs --approval".to_owned() } else { String::new() });
    say("Request", format!("{} {}{}", tool.method, server(tool), tool.path));
    say("Credentials", auth(&tool.auth_alternatives));
    if let Some(guidance) = &tool.guidance {
        say("When to use it", guidance.when_to_use.join("; "));
        say("When not", guidance.avoid_when.join("; "));
        for example in &guidance.examples {
            say(&format!("Example, {}", example.goal), example.command.clone());
        }
    }
    say("Command", example.to_owned());
    out
}

fn document(tool: &Tool, words: &str, example: &str) -> Value {
    json!({
        "id": tool.id,
        "command": format!("open-cli {words}"),
        "example": example,
        "summary": tool.summary,
        "description": tool.description,
        "method": tool.method,
        "path": tool.path,
        "server": server(tool),
        "safety": tool.safety,
        "safetyWords": catalog::safety_words(tool.safety),
        "credentials": auth(&tool.auth_alternatives),
        "guidance": tool.guidance,
    })
}

fn server(tool: &Tool) -> &str {
    tool.servers.first().map_or("", |server| server.trim_end_matches('/'))
}

/// What calling it may change.
pub fn safety(tool: &Tool) -> &'static str {
    match tool.safety {
        safety if safety.read_only => "nothing: it only reads",
        safety if safety.destructive => "it may destroy something",
        safety if safety.idempotent => "it changes something; repeating it has no further effect",
        _ => "it changes something; repeating it may change more",
    }
}

/// `bearerAuth (bearer), or apiKey (key in header X-Key) and oauth (OAuth 2: read, write)`
fn auth(alternatives: &[AuthAlternative]) -> String {
    if alternatives.is_empty() {
        return "none".to_owned();
    }
    let alternatives = alternatives.iter().map(|alternative| match alternative.requirements.as_slice() {
        [] => "none".to_owned(),
        requirements => requirements.iter().map(requirement).collect::<Vec<_>>().join(" and "),
    });
    alternatives.collect::<Vec<_>>().join(", or ")
}

fn requirement(requirement: &AuthRequirement) -> String {
    let how = match requirement.kind.as_str() {
        "http" => requirement.scheme.clone(),
        "apiKey" => format!("key in {} {}", requirement.place, requirement.param_name),
        "oauth2" => "OAuth 2".to_owned(),
        "openIdConnect" => "OpenID Connect".to_owned(),
        other => other.to_owned(),
    };
    match requirement.scopes.as_slice() {
        [] => format!("{} ({how})", requirement.name),
        scopes => format!("{} ({how}: {})", requirement.name, scopes.join(", ")),
    }
}
