//! A catalog as text that people can review: one line a tool, then what was wrong with the description.

use std::collections::BTreeSet;
use std::fmt::Write;

use open_cli::catalog::gather::Gathered;
use open_cli::catalog::{AuthAlternative, BodyContent, Parameter, Place, Safety, Style, Tool};
use sha2::{Digest, Sha256};

/// ```text
/// it:getPet GET /pets/{id} = pets get <id> --limit! --tag(pipeDelimited) | body application/json! | auth key+oauth(read) | read | 1a2b3c4d
/// ```
///
/// `!` marks what is required. The last word stands for the schemas of all parameters and bodies.
pub(crate) fn text(gathered: &Gathered) -> String {
    let mut out = String::new();
    let servers: BTreeSet<&[String]> = gathered.catalog.tools.iter().map(|tool| tool.servers.as_slice()).collect();
    for servers in &servers {
        writeln!(out, "# server {}", servers.join(" ")).unwrap();
    }
    for tool in &gathered.catalog.tools {
        let more = if servers.len() > 1 { format!(" | {}", tool.servers.join(" ")) } else { String::new() };
        writeln!(out, "{}{more}", line(tool)).unwrap();
    }
    for problem in &gathered.problems {
        let level = problem.severity.as_str();
        writeln!(out, "# {level}: {} (at {})", problem.message, problem.place).unwrap();
    }
    out
}

fn line(tool: &Tool) -> String {
    let mut words = vec![format!("{} {} {} = {} {}", tool.id, tool.method, tool.path, tool.group, tool.command)];
    words.extend(tool.path_params.iter().map(|parameter| format!("<{}>{}", parameter.name, style(parameter))));
    words.extend(tool.flags.iter().map(|flag| format!("--{}{}{}", flag.name, mark(flag.required), style(flag))));
    let body = tool.request_body.as_ref().map_or_else(String::new, |body| {
        let types: Vec<String> = body.content_types.iter().map(content).collect();
        format!(" | body{} {}", mark(body.required), types.join(", "))
    });
    let auth: Vec<String> = tool.auth_alternatives.iter().map(alternative).collect();
    let auth = if auth.is_empty() { "no auth".to_owned() } else { format!("auth {}", auth.join(" or ")) };
    format!("{}{body} | {auth} | {} | {}", words.join(" "), safety(tool.safety), schemas(tool))
}

fn mark(required: bool) -> &'static str {
    if required { "!" } else { "" }
}

/// What is not the default of its place, and places other than path and query.
fn style(parameter: &Parameter) -> String {
    let mut said = Vec::new();
    if !matches!(parameter.location, Place::Path | Place::Query) {
        said.push(parameter.location.as_str().to_owned());
    }
    let by_default = match parameter.location {
        Place::Path | Place::Header => (Style::Simple, false),
        Place::Query | Place::Cookie => (Style::Form, true),
    };
    if (parameter.style, parameter.explode) != by_default {
        let exploded = if parameter.explode { "*" } else { "" };
        said.push(format!("{}{exploded}", serde_json::to_value(parameter.style).unwrap().as_str().unwrap()));
    }
    said.extend(parameter.content_type.clone());
    if said.is_empty() { String::new() } else { format!("({})", said.join(" ")) }
}

fn content(content: &BodyContent) -> String {
    match content.encoding.is_empty() {
        true => content.media_type.clone(),
        false => format!("{} {}", content.media_type, serde_json::to_string(&content.encoding).unwrap()),
    }
}

fn alternative(alternative: &AuthAlternative) -> String {
    let requirements = alternative.requirements.iter().map(|one| {
        let kind = [&one.kind, &one.scheme, &one.place, &one.param_name].map(String::as_str).join(" ");
        let kind = kind.split_whitespace().collect::<Vec<_>>().join(" ");
        let flows: Vec<&str> = one.oauth_flows.iter().map(|flow| flow.mode.as_str()).collect();
        format!(
            "{}[{}]",
            one.name,
            [&[kind.as_str()], &flows[..], &one.scopes.iter().map(String::as_str).collect::<Vec<_>>()]
                .concat()
                .join(" ")
        )
    });
    let all: Vec<String> = requirements.collect();
    if all.is_empty() { "none".to_owned() } else { all.join("+") }
}

fn safety(safety: Safety) -> String {
    let words = [
        (safety.read_only, "read"),
        (safety.destructive, "destroy"),
        (safety.idempotent, "idempotent"),
        (safety.requires_approval, "approval"),
    ];
    let said: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    if said.is_empty() { "change".to_owned() } else { said.join(" ") }
}

fn schemas(tool: &Tool) -> String {
    let parameters = tool.path_params.iter().chain(&tool.flags).map(|parameter| parameter.schema.as_ref());
    let bodies = tool.request_body.iter().flat_map(|body| &body.content_types).map(|content| content.schema.as_ref());
    let mut hash = Sha256::new();
    for schema in parameters.chain(bodies) {
        hash.update(schema.map_or("", |schema| schema.as_json()));
        hash.update(b"\n");
    }
    hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
