//! `policy explain` and `policy test`: what the runtime's policy decides, and whether it is what somebody expects.
//!
//! The runtime decides; nothing here knows a rule. `cases` reads the file of `policy test`, `told` says explanations in words.

mod cases;
mod told;

use std::collections::BTreeMap;
use std::io::ErrorKind;

use serde_json::{Value, json};

use crate::cli::args::{Options, UsageError};
use crate::cli::flags::{Flag, Takes, option};
use crate::cli::report::{self, Failure};
use crate::cli::tree;
use crate::cli::world::World;
use crate::client::runtime::CatalogAsk;
use crate::client::session::Session;
use crate::contract::CAPABILITY_POLICY_EXPLAIN;
use crate::contract::policy::{MAX_EXPLAINED, PolicyExplainRequest, PolicyExplanation};

use cases::{Asked, Case};

/// The flags of `policy explain`.
pub const EXPLAIN: &[Flag] =
    &[option("scopes", Takes::Value("SCOPES"), "For a token with these scopes, separated by spaces, instead of yours")];

/// Explains one tool, or all that a pattern matches.
pub fn explain(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let session = connection.session();
    let explains = session.contract()?.has(CAPABILITY_POLICY_EXPLAIN);
    if !explains {
        return Err(cannot_explain());
    }
    let mut request = PolicyExplainRequest {
        scopes: options.value("scopes").map(Value::from),
        ..asking(&session, world.globals.approval)
    };
    match Named::of(&options.words) {
        Named::Id(id) => request.tool_id = Some(id.to_owned()),
        Named::Pattern(pattern) => request.pattern = Some(pattern.to_owned()),
        Named::Words => request.tool_id = Some(id_of(&session, &options.words)?),
    }
    let (answer, bytes) = session.runtime.explain_policy(&request)?;
    if answer.explanations.is_empty() {
        world.console.note("no tool that may be known matches; `open-cli catalog list` lists what you may see");
    }
    let as_it_came: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(report::UNREACHABLE, "runtime_answer", error.to_string()))?;
    world.print_text_or(&told::answer(&answer), &as_it_came)
}

/// Asks for every case of a file, and compares.
pub fn test(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let (name, bytes) = file(world, &options.words[0])?;
    let cases = cases::read(&bytes).map_err(|problems| malformed(&name, &problems))?;
    let connection = world.connect()?;
    let session = connection.session();
    let explains = session.contract()?.has(CAPABILITY_POLICY_EXPLAIN);
    if !explains {
        return Err(cannot_explain());
    }
    let verdicts = verdicts(&session, &cases)?;
    let results: Vec<_> = cases.iter().zip(&verdicts).collect();
    let differing = results.iter().filter(|(case, found)| case.expect != found.verdict).count();
    let listed: Vec<Value> = results.iter().map(|(case, found)| result(case, found)).collect();
    let answer = json!({
        "ok": differing == 0, "cases": results.len(), "differing": differing, "results": listed,
    });
    world.print_text_or(&told::results(&results, differing), &answer)?;
    match differing {
        0 => Ok(()),
        _ => {
            let message = format!("{differing} of {} cases in {name} differ from what the policy decides", cases.len());
            Err(Failure::new(report::DIFFERENCES, "policy_differs", message)
                .hint("`open-cli policy explain` says for a tool which rule decides, and what would change it"))
        }
    }
}

fn result(case: &Case, found: &PolicyExplanation) -> Value {
    json!({
        "ok": case.expect == found.verdict,
        "name": case.name,
        "tool": case.tool,
        "expect": case.expect,
        "verdict": found.verdict,
        "decidedBy": found.decided_by,
        "line": case.position.line,
    })
}

fn cannot_explain() -> Failure {
    Failure::new(report::UNREACHABLE, "not_supported", "the runtime does not explain its policy")
        .hint("it needs the capability policy-explain; `open-cli runtime info` lists what it has")
}

/// What every question begins with.
fn asking(session: &Session<'_>, approval: bool) -> PolicyExplainRequest {
    let CatalogAsk { config, mode, agent_profile, .. } = session.ask.clone();
    PolicyExplainRequest { config_path: config, mode, agent_profile, approval, ..PolicyExplainRequest::default() }
}

/// What the words of a command name.
enum Named<'a> {
    Id(&'a str),
    Pattern(&'a str),
    Words,
}

impl<'a> Named<'a> {
    /// A tool that one may not see has no words, but an id.
    fn of(words: &'a [String]) -> Self {
        match words {
            [word] if word.contains(['*', '?', '[']) => Self::Pattern(word),
            [word] if word.contains(':') => Self::Id(word),
            _ => Self::Words,
        }
    }
}

/// Looked up in the whole catalog: the mode and profile that are asked about may hide the tool.
fn id_of(session: &Session<'_>, words: &[String]) -> Result<String, Failure> {
    let ask = CatalogAsk { mode: None, agent_profile: None, ..session.ask.clone() };
    let whole = Session { runtime: session.runtime.clone(), cache: session.cache.clone(), ask, now: session.now };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(tree::tool(&whole.index()?, &words)?.id.to_owned())
}

/// The file's name for messages, and what is in it.
fn file(world: &mut World<'_>, word: &str) -> Result<(String, Vec<u8>), Failure> {
    let wrong = |message: String| Failure::from(UsageError::new(message));
    let path = (word != "-").then_some(word);
    let name = path.unwrap_or("standard input").to_owned();
    match world.bytes_of(path, cases::MAX_BYTES) {
        Ok(bytes) => Ok((name, bytes)),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            Err(wrong(format!("{name} is larger than {} MiB", cases::MAX_BYTES >> 20)))
        }
        Err(error) => Err(wrong(format!("{name} cannot be read: {error}"))),
    }
}

fn malformed(name: &str, problems: &[cases::Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(|problem| format!("{name}:{problem}")).collect();
    Failure::new(report::USAGE, "cases_invalid", lines.join("\n"))
        .hint("docs/policy.md has the form of a file of cases; nothing was asked")
}

/// One question for all cases that differ in the tool alone.
fn verdicts(session: &Session<'_>, cases: &[Case]) -> Result<Vec<PolicyExplanation>, Failure> {
    let mut alike: BTreeMap<&Asked, Vec<usize>> = BTreeMap::new();
    for (at, case) in cases.iter().enumerate() {
        alike.entry(&case.asked).or_default().push(at);
    }
    let mut found = vec![PolicyExplanation::default(); cases.len()];
    for (asked, places) in alike {
        for places in places.chunks(MAX_EXPLAINED) {
            let request = PolicyExplainRequest {
                tool_ids: Some(places.iter().map(|at| cases[*at].tool.clone()).collect()),
                scopes: asked.scopes.clone().map(Value::from),
                ..asking(session, asked.approval)
            };
            let request = PolicyExplainRequest {
                mode: asked.mode.clone().or(request.mode),
                agent_profile: asked.agent_profile.clone().or(request.agent_profile),
                ..request
            };
            let (answer, _) = session.runtime.explain_policy(&request)?;
            if answer.explanations.len() != places.len() {
                let cause = "the runtime did not explain every tool that it was asked about";
                return Err(Failure::new(report::UNREACHABLE, "runtime_answer", cause));
            }
            places.iter().zip(answer.explanations).for_each(|(at, explanation)| found[*at] = explanation);
        }
    }
    Ok(found)
}
