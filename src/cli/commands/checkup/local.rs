//! The checks that need nobody: configuration, environment, and which runtime is meant.

use serde_json::Value;

use super::report::Check;
use crate::base::host::Env;
use crate::base::name::counted;
use crate::cli::commands::config::listed;
use crate::cli::environment;
use crate::cli::report;
use crate::client::target::Target;
use crate::config::load::Loaded;
use crate::config::{Diagnostic, Severity};

/// Problems that are shown to people.
const SHOWN: usize = 10;

/// What loading came to; `looked` are the places where files may lie.
pub fn config(result: &Result<Loaded, Vec<Diagnostic>>, looked: &[String]) -> Check {
    let (problems, files) = match result {
        Ok(loaded) => {
            let files = loaded.config.files.iter().map(|file| file.path.display().to_string()).collect();
            (&loaded.warnings, files)
        }
        Err(problems) => (problems, Vec::new()),
    };
    let check = match result {
        Err(_) => {
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
            let found = format!("{}\n{}", counted(errors, "error"), lines(problems));
            Check::failed("config", report::CONFIG, "config_invalid", found)
        }
        Ok(_) if !problems.is_empty() => {
            let found = format!("{}\n{}", counted(problems.len(), "warning"), lines(problems));
            Check::warning("config", "config_warnings", found)
        }
        Ok(_) if files.is_empty() => Check::ok("config", "no file is there, and none is needed"),
        Ok(_) => Check::ok("config", files.join(", ")),
    };
    let problems: Vec<Value> = problems.iter().map(listed).collect();
    check.with("files", files).with("looked", looked).with("problems", problems)
}

fn lines(problems: &[Diagnostic]) -> String {
    let mut lines: Vec<String> = problems.iter().take(SHOWN).map(|problem| format!("  {problem}")).collect();
    if problems.len() > SHOWN {
        lines.push(format!("  and {} more", problems.len() - SHOWN));
    }
    lines.join("\n")
}

/// Variables that are nearly ours.
pub fn environment(env: &Env) -> Check {
    let slips = environment::slips(env);
    if slips.is_empty() {
        return Check::ok("environment", "no variable looks like a slip");
    }
    let told = slips.iter().map(|(name, known)| format!("{} is not read; did you mean {known}?", name.escape_debug()));
    Check::warning("environment", "environment_slip", told.collect::<Vec<_>>().join("; "))
        .with("variables", slips.iter().map(|(name, _)| Value::from(*name)).collect::<Vec<_>>())
}

/// Which runtime is meant.
pub fn runtime(target: &Target) -> Check {
    Check::ok("runtime", format!("{target}, named by {}", target.named.as_str()))
        .with("url", target.as_str())
        .with("namedBy", target.named.as_str())
}
