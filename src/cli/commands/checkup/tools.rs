//! The catalog and its sources, as this caller sees them.

use std::time::SystemTime;

use super::report::Check;
use crate::base::name::counted;
use crate::base::time::rfc3339;
use crate::cli::commands::doctor;
use crate::cli::report::{self, Failure};
use crate::cli::world::Connection;
use crate::client::index::Index;
use crate::client::session::Session;
use crate::contract::SourceStatus;
use crate::oauth::scope::{BUNDLE, PROFILE, Scopes, TOOL};

/// Lists the tools as any command does. `scopes` are those of the token, where one is needed.
pub fn catalog(session: &Session<'_>, scopes: Option<&Scopes>) -> Check {
    let kept = session.kept_at();
    match session.index() {
        Ok(index) => listed(&index, scopes, kept),
        Err(error) => Check::failure("catalog", &Failure::from(error)),
    }
}

fn listed(index: &Index, scopes: Option<&Scopes>, kept: Option<SystemTime>) -> Check {
    let (header, tools) = (index.header(), index.rows().count());
    let found = format!(
        "{} of {} in the view {}",
        counted(tools, "tool"),
        counted(header.services.len(), "service"),
        header.view.0
    );
    let sees_nothing = scopes
        .is_some_and(|scopes| [BUNDLE, PROFILE, TOOL].into_iter().all(|prefix| scopes.named(prefix).next().is_none()));
    let check = match tools {
        0 if sees_nothing => {
            Check::failed("catalog", report::DENIED, "no_scope", format!("{found}: no scope of the token shows a tool"))
        }
        0 => Check::warning("catalog", "no_tools", found),
        _ => Check::ok("catalog", found),
    };
    check
        .with("view", header.view.0.as_str())
        .with("services", header.services.len())
        .with("tools", tools)
        .with("fingerprint", header.fingerprint.as_str())
        .with("generatedAt", header.generated_at.as_str())
        .with("keptAt", kept.map(rfc3339))
}

/// How the sources fare, where the runtime tells.
pub fn sources(connection: &Connection<'_>) -> Check {
    match doctor::sources(connection) {
        Ok(Some(sources)) => states(&sources),
        Ok(None) => Check::skipped("sources", "this runtime does not tell how its sources fare"),
        Err(error) => Check::failure("sources", &Failure::from(error)),
    }
}

fn states(sources: &[SourceStatus]) -> Check {
    let in_state = |state: &str| sources.iter().filter(|source| source.state == state).collect::<Vec<_>>();
    let [ok, stale, failed] = ["ok", "stale", "failed"].map(in_state);
    let told = |unwell: &[&SourceStatus]| {
        let told = unwell.iter().map(|source| {
            let reason = source.reason.as_deref().map_or_else(String::new, |reason| format!(" ({reason})"));
            format!("{} is {}{reason}", source.id, source.state)
        });
        told.collect::<Vec<_>>().join(", ")
    };
    let check = if !failed.is_empty() {
        let unwell = [failed.as_slice(), &stale].concat();
        Check::failed("sources", report::DIFFERENCES, "sources_failed", told(&unwell))
    } else if !stale.is_empty() {
        Check::warning("sources", "sources_stale", told(&stale))
    } else {
        Check::ok(
            "sources",
            format!("{} {} well", counted(ok.len(), "source"), if ok.len() == 1 { "is" } else { "are" }),
        )
    };
    check.with("ok", ok.len()).with("stale", stale.len()).with("failed", failed.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::checkup::report::Verdict;
    use crate::client::index;

    #[test]
    fn no_tools_are_told_from_no_scopes() {
        let empty = br#"{"catalog":{"tools":[]},"view":{"name":"discover"}}"#;
        let empty = Index::from_bytes(index::encode(empty, None).unwrap()).unwrap();
        let code = |scopes: Option<&str>| listed(&empty, scopes.map(Scopes::parse).as_ref(), None).code.unwrap();
        assert_eq!([None, Some("bundle:a"), Some("runtime:admin")].map(code), ["no_tools", "no_tools", "no_scope"]);
        let some = crate::cli::tests::index();
        assert_eq!(listed(&some, Some(&Scopes::default()), None).verdict, Verdict::Ok);
    }

    #[test]
    fn the_worst_source_decides() {
        let source = |id: &str, state: &str| SourceStatus {
            id: id.to_owned(),
            state: state.to_owned(),
            reason: Some("it is so".to_owned()),
            ..SourceStatus::default()
        };
        let all = [source("a", "ok"), source("b", "stale"), source("c", "failed"), source("d", "disabled")];
        assert_eq!(states(&all[..1]).found, "1 source is well");
        assert_eq!(states(&all[..2]).code.as_deref(), Some("sources_stale"));
        let worst = states(&all);
        assert_eq!((worst.code.as_deref(), worst.verdict), (Some("sources_failed"), Verdict::Failed));
        assert_eq!(worst.found, "c is failed (it is so), b is stale (it is so)");
    }
}
