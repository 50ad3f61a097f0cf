//! `catalog doctor`: how the runtime's sources fare, why, and what to do about it.

use serde_json::{Value, json};

use crate::cli::args::Options;
use crate::cli::report::{self, Failure};
use crate::cli::world::{Connection, World};
use crate::client::runtime::ClientError;
use crate::contract::{CAPABILITY_SOURCES, SourceProblem, SourceStatus};

/// Problems of one source that are shown to people.
const SHOWN: usize = 20;

/// Prints a row for each source, then what is wrong; ends with 10 when a source is stale or failed.
pub fn doctor(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let Some(sources) = sources(&connection)? else {
        return Err(Failure::new(report::OTHER, "not_supported", "this runtime does not tell how its sources fare").hint(
            format!("it lacks the capability `{CAPABILITY_SOURCES}`; `open-cli refresh` fetches its sources and says what came of it"),
        ));
    };
    let unwell: Vec<&SourceStatus> = sources.iter().filter(|source| !is_well(source)).collect();
    if world.in_words() {
        let rows: Vec<Value> = sources.iter().map(table_row).collect();
        let columns = ["id", "state", "since", "services", "tools", "checked", "next check", "problems"];
        world.print(&rows, &columns)?;
        world.console.text(&in_words(&sources))?;
    } else {
        let listed: Vec<Value> = sources.iter().map(document).collect();
        world.print(&json!({"ok": unwell.is_empty(), "sources": listed}), &[])?;
    }
    if unwell.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = unwell.iter().map(|source| format!("{} is {}", source.id, source.state)).collect();
    Err(Failure::new(report::DIFFERENCES, "sources_unwell", names.join(", ")))
}

/// The sources that the caller may see; `None` when the runtime does not tell.
pub fn sources(connection: &Connection<'_>) -> Result<Option<Vec<SourceStatus>>, ClientError> {
    let session = connection.session();
    match session.contract_now()?.has(CAPABILITY_SOURCES) {
        true => session.runtime.sources(session.ask.config.as_deref()).map(|answer| Some(answer.sources)),
        false => Ok(None),
    }
}

fn is_well(source: &SourceStatus) -> bool {
    matches!(source.state.as_str(), "ok" | "disabled")
}

/// A row of the table, with heads for people.
fn table_row(source: &SourceStatus) -> Value {
    json!({
        "id": source.id,
        "state": source.state,
        "since": source.since,
        "services": source.services.join(", "),
        "tools": source.tools,
        "checked": source.checked_at,
        "next check": source.next_check_at,
        "problems": source.problems.len(),
    })
}

/// A source for programs; `warnings` is how many problems there are.
fn document(source: &SourceStatus) -> Value {
    json!({
        "id": source.id,
        "state": source.state,
        "since": source.since,
        "services": source.services,
        "tools": source.tools,
        "checkedAt": source.checked_at,
        "nextCheckAt": source.next_check_at,
        "warnings": source.problems.len(),
        "type": source.kind,
        "uri": source.uri,
        "reason": source.reason,
        "reasonCode": source.reason_code,
        "remedy": remedy(source),
        "problems": source.problems,
    })
}

/// What is wrong with each source, in words; nothing when all is well.
fn in_words(sources: &[SourceStatus]) -> String {
    let mut text = String::new();
    for source in sources {
        if let Some(reason) = source.reason.as_ref().filter(|_| !is_well(source)) {
            text.push_str(&format!("\n{} is {} since {}: {reason}\n", source.id, source.state, source.since));
        } else if !source.problems.is_empty() {
            text.push_str(&format!("\n{}:\n", source.id));
        }
        if let Some(remedy) = remedy(source) {
            text.push_str(&format!("  to do: {remedy}\n"));
        }
        for problem in source.problems.iter().take(SHOWN) {
            text.push_str(&format!("  {}\n", problem_line(problem)));
        }
        if source.problems.len() > SHOWN {
            text.push_str(&format!("  and {} more; --format json has all\n", source.problems.len() - SHOWN));
        }
    }
    text
}

fn problem_line(problem: &SourceProblem) -> String {
    let SourceProblem { severity, place, message } = problem;
    if place.is_empty() { format!("{severity}: {message}") } else { format!("{severity}: {message} (at {place})") }
}

/// What a person can do about a source that is not well.
fn remedy(source: &SourceStatus) -> Option<String> {
    let id = &source.id;
    let code = source.reason_code.as_deref().filter(|_| !is_well(source))?;
    Some(match code {
        "unreachable" => format!(
            "see from the toolbox's machine whether {} answers, or correct `sources.{id}.uri`; a private address that a \
             fetched document leads to has to be named under `policy.egress.allow`",
            source.uri
        ),
        "refused" => format!(
            "descriptions are fetched without credentials: ask the publisher for one that needs none, or name a copy in a \
             file as `sources.{id}.uri`"
        ),
        "gone" => format!("ask the publisher where it is now, and correct `sources.{id}.uri`"),
        "bad_answer" => "wait: it is asked again by itself; if it lasts, tell the publisher".to_owned(),
        "unreadable" => format!(
            "see that {} is there, and is what `sources.{id}.type` says; a page for people is not the description \
             behind it",
            source.uri
        ),
        "overlay" => "correct the overlay that the reason names, or take it out of the service's `overlays`".to_owned(),
        "id_conflict" => format!("name a service of your own choice with `\"source\": \"{id}\"` under `services`"),
        "not_supported" => "take out of the configuration what the reason names".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(state: &str, code: Option<&str>) -> SourceStatus {
        SourceStatus {
            id: "pets".to_owned(),
            uri: "https://pets.example/api".to_owned(),
            state: state.to_owned(),
            since: "2026-01-01T00:00:00.000Z".to_owned(),
            reason: code.map(|_| "it is so".to_owned()),
            reason_code: code.map(str::to_owned),
            ..SourceStatus::default()
        }
    }

    #[track_caller]
    fn check(source: &SourceStatus, parts: &[&str]) {
        let text = in_words(std::slice::from_ref(source));
        assert_eq!(text.is_empty(), parts.is_empty(), "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(document(source)["remedy"].is_string(), text.contains("to do: "), "{text}");
    }

    #[test]
    fn each_reason_has_its_remedy() {
        check(&source("ok", None), &[]);
        check(&source("disabled", None), &[]);
        let head = "pets is failed since 2026-01-01T00:00:00.000Z: it is so\n  to do: ";
        check(&source("failed", Some("unreachable")), &[head, "https://pets.example/api answers", "egress.allow"]);
        check(&source("failed", Some("refused")), &[head, "without credentials"]);
        check(&source("failed", Some("gone")), &[head, "sources.pets.uri"]);
        check(&source("failed", Some("bad_answer")), &[head, "wait"]);
        check(&source("failed", Some("unreadable")), &[head, "sources.pets.type"]);
        check(&source("failed", Some("overlay")), &[head, "correct the overlay"]);
        check(&source("failed", Some("id_conflict")), &[head, "under `services`"]);
        check(&source("failed", Some("not_supported")), &[head, "the reason names"]);
        check(&source("stale", Some("of another version")), &["pets is stale since", "it is so\n"]);
    }

    #[test]
    fn people_are_shown_the_first_problems_and_told_how_many_more_there_are() {
        let problem = |nth: usize| SourceProblem {
            severity: "warning".to_owned(),
            place: if nth == 0 { "/paths/~1a".to_owned() } else { String::new() },
            message: format!("number {nth}"),
        };
        let source = SourceStatus { problems: (0..22).map(problem).collect(), ..source("ok", None) };
        check(&source, &["\npets:\n", "  warning: number 0 (at /paths/~1a)\n", "number 19\n", "and 2 more"]);
        assert!(!in_words(std::slice::from_ref(&source)).contains("number 20"));
        assert_eq!(document(&source)["problems"].as_array().map(Vec::len), Some(22));
        assert_eq!(document(&source)["warnings"], 22);
    }
}
