//! What a check comes to, the remedies, and how all of it is shown.
//!
//! Pure. Every check and every remedy is one row of a table, which the documentation is held to. Key types: [`Check`], [`Report`].

use serde_json::{Map, Value, json};

use crate::cli::report::{self, Failure};

/// The checks in their order, with what each looks at.
pub const CHECKS: &[(&str, &str)] = &[
    ("config", "the configuration files that are found, and their problems"),
    ("environment", "variables whose names are nearly those that are read"),
    ("runtime", "which runtime is meant, and who named it"),
    ("dns", "whether the host's name has addresses"),
    ("tcp", "whether something takes connections there"),
    ("tls", "whether the connection can be secured, and when the certificate ends"),
    ("contract", "whether a toolbox answers, its version and capabilities"),
    ("clock", "whether this machine's clock and the runtime's agree"),
    ("token", "whether a token is needed, can be obtained and is accepted, with which scopes, and until when"),
    ("catalog", "whether the tools can be listed, and how old what is kept of them is"),
    ("sources", "how the runtime's sources fare"),
];

/// One remedy: a stable code, the check that names it, and what to do.
pub struct Remedy {
    /// Stable.
    pub code: &'static str,
    /// Its check.
    pub check: &'static str,
    /// What to do.
    pub text: &'static str,
}

const fn remedy(check: &'static str, code: &'static str, text: &'static str) -> Remedy {
    Remedy { code, check, text }
}

/// Every remedy of this command's own; failures that other commands know bring their code and hint along.
pub const REMEDIES: &[Remedy] = &[
    remedy("config", "config_warnings", "read the warnings of `open-cli config check`; nothing stops for them"),
    remedy(
        "config",
        "config_invalid",
        "correct what `open-cli config check` lists; a file that was merely found is trusted with `open-cli trust`",
    ),
    remedy("environment", "environment_slip", "set the variable by the name that is read, or unset it"),
    remedy(
        "dns",
        "dns_failed",
        "check the spelling of the host, and that this machine's name servers know it (a VPN, /etc/hosts)",
    ),
    remedy(
        "tcp",
        "tcp_failed",
        "start the toolbox with `open-cli-toolbox --config .cli.json`, or check host and port; from another machine, also firewalls and \
         the address it listens on (--addr)",
    ),
    remedy(
        "tls",
        "tls_untrusted",
        "name the authority that signed the certificate: --ca-cert FILE or SSL_CERT_FILE, in PEM form",
    ),
    remedy("tls", "tls_dated", "let the certificate be renewed; if it is in force, set this machine's clock"),
    remedy("tls", "tls_other_name", "use the host name that the certificate is for, or let it be issued for this one"),
    remedy(
        "tls",
        "tls_not_spoken",
        "write http:// instead of https://, or put a proxy that speaks TLS in front: a toolbox itself speaks http",
    ),
    remedy("tls", "tls_failed", "look at what stands in front of the toolbox: its log says why the handshake failed"),
    remedy("tls", "tls_ends_soon", "let the certificate be renewed before it ends"),
    remedy("contract", "https_spoken", "write https:// instead of http://"),
    remedy("contract", "no_toolbox", "check host, port and path of the URL: something else answers there"),
    remedy("contract", "no_answer", "look at the toolbox's log; --timeout gives it longer"),
    remedy(
        "clock",
        "clock_skew",
        "set the clock of the machine that is wrong (NTP): tokens are refused before and after their time",
    ),
    remedy("token", "token_missing", "say in runtime.remote.oauth where a token comes from (docs/login.md)"),
    remedy(
        "token",
        "token_withheld",
        "set runtime.remote.url to this runtime: a token is sent to the origin it is configured for, and nowhere else",
    ),
    remedy(
        "token",
        "token_expired",
        "give a new token, or log in again with `open-cli auth login`; if it is not over yet, set the clock",
    ),
    remedy("token", "token_audience", "ask the issuer for the runtime's audience: runtime.remote.oauth.audience"),
    remedy(
        "token",
        "token_refused",
        "check that the token is of the issuer that the toolbox trusts (runtime.server.auth); its log and audit trail say why it was refused",
    ),
    remedy(
        "token",
        "token_scopes",
        "let the issuer grant this client the missing scopes, or take them out of runtime.remote.oauth.scopes",
    ),
    remedy("token", "token_ends_soon", "give a new token soon: this one is not renewed by itself"),
    remedy(
        "catalog",
        "no_scope",
        "ask for a scope that shows tools: bundle:<service>, profile:<name> or tool:<id> in runtime.remote.oauth.scopes",
    ),
    remedy(
        "catalog",
        "no_tools",
        "look at the sources with `open-cli catalog doctor`, and at the profile in force (--agent-profile, --mode)",
    ),
    remedy(
        "sources",
        "sources_stale",
        "`open-cli catalog doctor` says why and what to do; an earlier description is served meanwhile",
    ),
    remedy(
        "sources",
        "sources_failed",
        "`open-cli catalog doctor` says why and what to do; their tools are missing meanwhile",
    ),
    remedy("runtime", "no_time", "give all checks more time with --timeout"),
];

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and something should be looked at.
    Warning,
    /// It does not work.
    Failed,
    /// It was not looked at.
    Skipped,
}

impl Verdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One check that was made, or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// One of [`CHECKS`].
    pub name: &'static str,
    /// What it came to.
    pub verdict: Verdict,
    /// What was found, or why it was not looked at.
    pub found: String,
    /// Which remedy; stable.
    pub code: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
    /// The exit code of its failure.
    exit: u8,
    details: Map<String, Value>,
}

impl Check {
    /// All is well.
    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        let (verdict, found) = (Verdict::Ok, found.into());
        Self { name, verdict, found, code: None, remedy: None, exit: report::OK, details: Map::new() }
    }

    /// Not looked at.
    pub fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, ..Self::ok(name, why) }
    }

    /// Works, with something to look at.
    pub fn warning(name: &'static str, code: &'static str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, ..Self::ok(name, found).with_remedy(code) }
    }

    /// Does not work.
    pub fn failed(name: &'static str, exit: u8, code: &'static str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed, exit, ..Self::ok(name, found).with_remedy(code) }
    }

    /// Does not work, as other commands say it.
    pub fn failure(name: &'static str, failure: &Failure) -> Self {
        let Failure { exit, code, message, .. } = failure;
        let (code, remedy) = (Some(code.clone()), Some(failure.next_step().to_owned()));
        Self { verdict: Verdict::Failed, exit: *exit, code, remedy, ..Self::ok(name, message.as_str()) }
    }

    fn with_remedy(self, code: &'static str) -> Self {
        let remedy = REMEDIES.iter().find(|remedy| remedy.code == code).map(|remedy| remedy.text.to_owned());
        Self { code: Some(code.to_owned()), remedy, ..self }
    }

    /// With something for programs.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    fn document(&self) -> Value {
        json!({
            "name": self.name, "verdict": self.verdict.as_str(), "found": self.found, "code": self.code,
            "remedy": self.remedy, "details": self.details,
        })
    }
}

/// All checks, in the order of [`CHECKS`].
#[derive(Debug, Default)]
pub struct Report {
    checks: Vec<Check>,
}

impl Report {
    /// Adds one.
    pub fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Marks those of [`CHECKS`] that are not there yet.
    pub fn skip_the_rest(&mut self, why: &str) {
        for (name, _) in CHECKS {
            if self.checks.iter().all(|check| check.name != *name) {
                self.add(Check::skipped(name, why));
            }
        }
    }

    /// Whether a check failed.
    pub fn has_failed(&self, name: &str) -> bool {
        self.checks.iter().any(|check| check.name == name && check.verdict == Verdict::Failed)
    }

    /// One object for programs.
    pub fn document(&self) -> Value {
        let exit = self.first_failure().map_or(report::OK, |check| check.exit);
        let checks: Vec<Value> = self.checks.iter().map(Check::document).collect();
        json!({"ok": exit == report::OK, "exit": exit, "checks": checks})
    }

    /// Rows of the table for people.
    pub fn rows(&self) -> Vec<Value> {
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        let row = |check: &Check| json!({"check": check.name, "verdict": check.verdict.as_str(), "found": first(&check.found)});
        self.checks.iter().map(row).collect()
    }

    /// What is to be done, below the table; empty when there is nothing.
    pub fn in_words(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let Some(remedy) = &check.remedy else { continue };
            text.push_str(&format!("\n{}: {}\n  to do: {remedy}\n", check.name, check.found));
        }
        text
    }

    /// The failure that the command ends with.
    pub fn outcome(&self) -> Result<(), Failure> {
        let Some(first) = self.first_failure() else { return Ok(()) };
        let failed = self.checks.iter().filter(|check| check.verdict == Verdict::Failed);
        let names: Vec<&str> = failed.map(|check| check.name).collect();
        let failure = Failure::new(first.exit, "checks_failed", format!("failed: {}", names.join(", ")));
        Err(failure.hint(first.remedy.clone().unwrap_or_default()))
    }

    fn first_failure(&self) -> Option<&Check> {
        self.checks.iter().find(|check| check.verdict == Verdict::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_every_check_and_every_remedy() {
        let page = include_str!("../../../../docs/troubleshooting.md");
        for (name, what) in CHECKS {
            assert!(page.contains(&format!("| `{name}` | {what} |")), "{name}");
        }
        for Remedy { code, check, text } in REMEDIES {
            assert!(page.contains(&format!("| `{check}` | `{code}` | {text} |")), "| `{check}` | `{code}` | {text} |");
            assert!(CHECKS.iter().any(|(name, _)| name == check), "{check}");
        }
    }

    #[test]
    fn the_first_failure_decides() {
        let mut report = Report::default();
        report.add(Check::warning("config", "config_warnings", "1 warning"));
        report.skip_the_rest("nothing else is looked at");
        assert_eq!(
            report.checks.iter().map(|check| check.name).collect::<Vec<_>>(),
            CHECKS.iter().map(|(n, _)| *n).collect::<Vec<_>>()
        );
        assert_eq!((report.outcome(), &report.document()["ok"]), (Ok(()), &json!(true)));
        let mut report = Report::default();
        report.add(Check::failed("tcp", report::UNREACHABLE, "tcp_failed", "refused"));
        report.add(Check::failed("token", report::AUTH, "token_expired", "over"));
        let failure = report.outcome().unwrap_err();
        assert_eq!((failure.exit, failure.message.as_str()), (4, "failed: tcp, token"));
        assert_eq!(report.document()["exit"], 4);
        assert!(report.in_words().contains("\ntcp: refused\n  to do: start the toolbox"), "{}", report.in_words());
        assert!(report.has_failed("token") && !report.has_failed("dns"));
    }
}
