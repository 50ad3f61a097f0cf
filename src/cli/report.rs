//! Errors for people and programs: what happened, why, what to do next, and the exit code. The one place that decides hints and
//! exit codes.

use serde_json::{Value, json};

use crate::base::name::nearest;
use crate::client::auth::AuthError;
use crate::client::runtime::{ClientError, Refusal};
use crate::client::target::{TargetError, VARIABLE};
use crate::config::Diagnostic;
use crate::contract::ErrorCode;
use crate::oauth::answer::GrantError;

use super::args::UsageError;
use super::console::Console;
use super::output::{Format, Unfit};
use super::prompt::foreign;

/// Done.
pub const OK: u8 = 0;
/// Failures without a number of their own.
pub const OTHER: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// The configuration is wrong.
pub const CONFIG: u8 = 3;
/// The runtime cannot be reached or used.
pub const UNREACHABLE: u8 = 4;
/// Authentication.
pub const AUTH: u8 = 5;
/// Policy or scope.
pub const DENIED: u8 = 6;
/// Approval.
pub const APPROVAL: u8 = 7;
/// The upstream answered 4xx.
pub const UPSTREAM_CLIENT: u8 = 8;
/// The upstream answered 5xx, or not at all.
pub const UPSTREAM_SERVER: u8 = 9;
/// A comparison found differences.
pub const DIFFERENCES: u8 = 10;

/// Every exit code with its meaning; help and documentation read it.
pub const EXITS: &[(u8, &str)] = &[
    (OK, "done"),
    (OTHER, "another failure"),
    (USAGE, "the command line is wrong, or names something that does not exist"),
    (CONFIG, "the configuration is wrong, or the runtime serves another one"),
    (UNREACHABLE, "the runtime cannot be reached, is overloaded or speaks another contract"),
    (AUTH, "authentication failed or is missing"),
    (DENIED, "denied by policy or scope"),
    (APPROVAL, "needs approval"),
    (UPSTREAM_CLIENT, "the upstream answered 4xx"),
    (UPSTREAM_SERVER, "the upstream answered 5xx, or could not be reached"),
    (DIFFERENCES, "a comparison found differences"),
];

/// Columns that a hint lists.
const LISTED: usize = 30;

/// A run that ends with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// See [`EXITS`].
    pub exit: u8,
    /// Stable: a code of the contract, or one of this program.
    pub code: String,
    /// What failed and why; may be several lines.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The runtime's id of the exchange.
    pub request_id: Option<String>,
}

impl Failure {
    /// Any failure.
    pub fn new(exit: u8, code: &str, message: impl Into<String>) -> Self {
        Self { exit, code: code.to_owned(), message: message.into(), hint: None, request_id: None }
    }

    /// A failure without a number of its own.
    pub fn other(code: &str, message: impl Into<String>) -> Self {
        Self::new(OTHER, code, message)
    }

    /// Whether it says that the upstream answered an error.
    pub fn is_upstreams(&self) -> bool {
        matches!(self.code.as_str(), "upstream_client_error" | "upstream_server_error")
    }

    /// With what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the help of the command that `words` name as what to do next, when nothing better is known of a wrong command line.
    #[must_use]
    pub fn explained_by(self, words: &str) -> Self {
        match self.hint {
            None if matches!(self.code.as_str(), "usage" | "bad_request") => {
                self.hint(format!("`open-cli {words} --help` says what it takes"))
            }
            _ => self,
        }
    }

    /// What to do next: its own hint, or what helps with failures of its kind.
    pub fn next_step(&self) -> &str {
        self.hint.as_deref().unwrap_or_else(|| next_step(&self.code, self.exit))
    }

    /// Something of the contract that this version does not have.
    pub fn not_supported(what: &str) -> Self {
        Self::new(USAGE, "not_supported", format!("{what} is not supported by this version"))
            .hint("`open-cli --help` lists what is there")
    }

    /// All problems of the configuration.
    pub fn config(problems: &[Diagnostic]) -> Self {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self::new(CONFIG, "config_invalid", lines.join("\n"))
            .hint("`open-cli config check` lists all problems; a discovered file is trusted with `open-cli trust`")
    }

    /// The upstream's own status; its answer was printed in that place.
    pub fn upstream(status: u16, tool: &str, place: &str) -> Option<Self> {
        let (exit, code) = match status {
            0..=399 => return None,
            400..=499 => (UPSTREAM_CLIENT, "upstream_client_error"),
            _ => (UPSTREAM_SERVER, "upstream_server_error"),
        };
        let failure = Self::new(exit, code, format!("{tool}: the upstream answered {status}"));
        Some(match status {
            401 | 403 => failure.hint(format!("look at the credentials configured for it: `open-cli explain {tool}`")),
            404 => failure.hint(format!("its answer is on {place}; check the arguments")),
            400 | 422 => {
                failure.hint(format!("its answer is on {place}; `open-cli tool schema {tool}` shows what it takes"))
            }
            429 => failure.hint("wait and try again"),
            _ => failure,
        })
    }

    /// Writes it to standard error: as text, and with `--format json` and `jsonl` also as one JSON object.
    pub fn tell(&self, console: &Console, format: Format) {
        console.error_line("error", "31", &self.message);
        console.error_line("hint", "36", self.next_step());
        // The toolbox's operator finds the call by it; the JSON object has it too.
        if let (Some(id), false) = (&self.request_id, format.is_for_programs()) {
            console.error_line("request", "36", id);
        }
        if format.is_for_programs() {
            console.error_json(&json!({ "error": self.as_json() }).to_string());
        }
    }

    /// For programs.
    pub fn as_json(&self) -> Value {
        json!({
            "code": self.code, "message": self.message, "hint": self.next_step(), "requestId": self.request_id, "exit": self.exit
        })
    }
}

/// What helps with a failure that brings no hint of its own: by its code, else by its exit code.
fn next_step(code: &str, exit: u8) -> &'static str {
    match code {
        "config_invalid" => "each problem stands on standard output with its place",
        "cancelled" => "what is asked for can stand on the command line; --help says how",
        "config_unreadable" => "check the path, and who may read and write there",
        "page_loop" => "--max-pages N stops before; x-cli-pagination in an overlay says how the next page is found",
        "forbidden_origin" => "a page in a browser may not call a toolbox; call it from a program",
        "workflow_not_found" => {
            "`services.<id>.workflows` in the toolbox's configuration names the documents it has workflows of"
        }
        "output_failed" => "make room, or write elsewhere: --output FILE",
        "truncated" => "ask for less: a smaller page, or fewer fields",
        "sources_unwell" | "source_failed" => {
            "what to do stands beside each source; `open-cli catalog doctor` lists them"
        }
        "not_supported" => "`open-cli runtime info` lists what the runtime can do; a newer one may know it",
        "upstream_client_error" => {
            "the upstream's answer says what it did not take; `open-cli explain` says what the tool needs"
        }
        "upstream_server_error" => {
            "try again later; if it lasts, tell whoever runs the upstream, with the time of the call"
        }
        "withheld" => "ask for less, so that the toolbox can look into the answer for what is redacted",
        "internal" => "this should not happen: tell whoever gave you this program, with what you typed",
        _ => by_exit(exit),
    }
}

fn by_exit(exit: u8) -> &'static str {
    match exit {
        USAGE => "--help after the words of a command says what it takes; `open-cli --help` lists all commands",
        CONFIG => "`open-cli config check` lists every problem with its place",
        UNREACHABLE => "`open-cli doctor` looks at every step on the way to the runtime",
        AUTH => "`open-cli auth status` says as whom the runtime knows you; `open-cli doctor` looks at the token",
        DENIED => "`open-cli policy explain` says which rule decides",
        APPROVAL => "repeat the command with --approval once a person has approved it",
        UPSTREAM_CLIENT => "`open-cli explain` says what the tool needs",
        UPSTREAM_SERVER => "try again later; the toolbox's log tells more",
        DIFFERENCES => "what differs stands on standard output",
        _ => "run it again with --verbose to see each request; `open-cli doctor` looks at every step on the way",
    }
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Self { hint: error.hint, ..Self::new(USAGE, "usage", error.message) }
    }
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        let message = unfit.to_string();
        match unfit {
            Unfit::Column { name, known } => {
                let failure = Self::new(USAGE, "unknown_column", message);
                // Whoever answered made them up, and a line of an error is ours.
                let whole = known.iter().filter(|name| !name.contains('.')).take(LISTED);
                let listed = || whole.map(|name| foreign(name)).collect::<Vec<_>>();
                match nearest(&name, known.iter().map(String::as_str)).map(foreign) {
                    Some(near) => failure.hint(format!("did you mean `{near}`? it has {}", listed().join(", "))),
                    None if known.is_empty() => failure.hint("it is no object and no list of objects"),
                    None => failure.hint(format!("it has {}", listed().join(", "))),
                }
            }
            Unfit::Query(_) => Self::other("query_failed", message).hint(
                "the command was carried out; a missing field is null: not_null(field, `[]`) puts an empty list in its place",
            ),
            Unfit::NoJson => Self::other("query_failed", message)
                .hint("the command was carried out; without --query its answer is shown as it came"),
        }
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        let failure = Self::new(CONFIG, "runtime_not_named", error.to_string());
        match error {
            TargetError::Nowhere => failure.hint(format!(
                "start a toolbox with `open-cli-toolbox --config .cli.json` and pass its URL: --runtime http://127.0.0.1:8765, or {VARIABLE}"
            )),
            TargetError::Wrong { .. } => failure.hint("write it like http://127.0.0.1:8765"),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Unreachable { timeout: true, may_have_been_sent, runtime, request_id, .. } => {
                let failure = Self { request_id, ..Self::new(UNREACHABLE, "runtime_timeout", message) };
                match may_have_been_sent {
                    true => {
                        failure.hint("it may still be at work: `open-cli audit list` tells; --timeout gives it longer")
                    }
                    // A toolbox waits for the end of what it takes for a request, and TLS waits for an answer.
                    false if runtime.starts_with("https:") => failure
                        .hint("--timeout gives it longer; https needs a proxy in front, a toolbox itself speaks http"),
                    false => failure.hint("--timeout gives it longer"),
                }
            }
            ClientError::Unreachable { may_have_been_sent: true, request_id, .. } => {
                Self { request_id, ..Self::new(UNREACHABLE, "runtime_unreachable", message) }
                    .hint("the request may have arrived: `open-cli audit list` tells what was done")
            }
            ClientError::Unreachable { cause, .. } if cause.starts_with("no secure connection") => {
                Self::new(UNREACHABLE, "runtime_unreachable", message).hint(
                    "a toolbox itself speaks http, and https needs a proxy in front; `open-cli doctor` says what TLS lacks",
                )
            }
            ClientError::Unreachable { .. } => Self::new(UNREACHABLE, "runtime_unreachable", message).hint(format!(
                "start it with `open-cli-toolbox --config .cli.json`, or name another one with --runtime or {VARIABLE}; \
                 `open-cli doctor` looks at every step on the way"
            )),
            ClientError::Mismatch(_) => Self::new(UNREACHABLE, "contract_mismatch", message)
                .hint("check the URL; client and toolbox of the same major contract version work together"),
            ClientError::Garbled { .. } => Self::new(UNREACHABLE, "runtime_answer", message)
                .hint("check the URL: something between here and the toolbox may have answered"),
            ClientError::Auth(error) => Self::from(error),
            ClientError::Refused(refusal) => Self::refused(&refusal, message),
        }
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        let failure = |code: &str| Self::new(AUTH, code, error.to_string());
        match &error {
            AuthError::Missing(_) | AuthError::Unusable => failure("authn_failed")
                .hint("runtime.remote.oauth in the configuration says where the token or the client's secret is"),
            AuthError::Grant(GrantError::Refused { error, status: 400..=499, .. }) => {
                failure("issuer_refused").hint(hint_of_refusal(error))
            }
            AuthError::Grant(error) if error.is_transient() => failure("issuer_unreachable")
                .hint("check that the issuer runs and that its URL is right, then try again; --timeout gives it longer"),
            AuthError::Grant(_) => failure("issuer_answer").hint("check the token URL: what answered may be no token endpoint"),
            AuthError::NotASubset { .. } | AuthError::NotNarrowed { .. } => failure("not_a_subset").hint(
                "ask for fewer scopes in runtime.remote.oauth.delegation.scopes, or let the issuer narrow what it exchanges",
            ),
            AuthError::Busy => failure("token_busy").hint("try again"),
            AuthError::LoginNeeded(_) => failure("login_required")
                .hint("log in with `open-cli auth login`, and the same --config or --runtime if there was one"),
            AuthError::NoBrowserLogin(_) => failure("login_unavailable").hint(
                "the toolbox needs runtime.server.auth.authorizationURL, tokenURL and browserClientId for mode browserLogin",
            ),
            AuthError::Login(_) => {
                failure("login_failed").hint("check runtime.remote.oauth, then try again with `open-cli auth login`")
            }
            AuthError::Runtime(inner) => Self::from(ClientError::clone(inner)),
        }
    }
}

/// What to do about an error of RFC 6749 section 5.2.
fn hint_of_refusal(error: &str) -> &'static str {
    match error {
        "invalid_client" | "unauthorized_client" => {
            "check runtime.remote.oauth.client: id, secret and tokenEndpointAuthMethod, and what the issuer lets it do"
        }
        "invalid_scope" => {
            "check runtime.remote.oauth.scopes, and delegation.scopes if set, against what the issuer gives this client"
        }
        "invalid_target" => "check runtime.remote.oauth.audience and resource against what the issuer knows",
        "invalid_grant" => "the issuer no longer takes what was presented: `open-cli auth login` begins anew",
        _ => "check the token URL; the issuer's log tells more",
    }
}

impl Failure {
    fn refused(refusal: &Refusal, message: String) -> Self {
        let exit = refusal.code.map_or_else(|| exit_of_status(refusal.status), |code| code.row().exit);
        let code = if refusal.code_text.is_empty() { "runtime_refused" } else { &refusal.code_text };
        let hint = match (&refusal.withheld, refusal.code.and_then(hint_of)) {
            (Some(origin), _) if exit == AUTH => {
                Some(format!("the configured token belongs to {origin} and was not sent here; set runtime.remote.url"))
            }
            (_, Some(hint)) => Some(hint.to_owned()),
            (_, None) if exit == AUTH => Some("set runtime.remote.oauth in the configuration".to_owned()),
            (_, None) if refusal.code_text.is_empty() => {
                Some("check the URL: what answered may be no toolbox".to_owned())
            }
            _ => None,
        };
        Self { hint, request_id: refusal.request_id.clone(), ..Self::new(exit, code, message) }
    }
}

fn exit_of_status(status: u16) -> u8 {
    match status {
        401 => AUTH,
        403 => DENIED,
        // A toolbox gives a code with everything it refuses; this is something else.
        404 | 405 | 500..=599 => UNREACHABLE,
        400..=499 => USAGE,
        _ => OTHER,
    }
}

/// What to do about a code of the contract.
fn hint_of(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::AuthnFailed => {
            "give a valid token: runtime.remote.oauth in the configuration; `open-cli auth status` shows how it is obtained"
        }
        ErrorCode::AuthnUnavailable => "the toolbox cannot reach its token issuer; try again",
        ErrorCode::AuthzDenied => {
            "`open-cli catalog list` shows what your token may see; another scope is the issuer's to give"
        }
        ErrorCode::ManagedDeny => {
            "the administrator's policy on the toolbox's machine decides this, nothing here lifts it; `open-cli policy explain` says why"
        }
        ErrorCode::PolicyDeny => {
            "policy.deny in the toolbox's configuration decides this; `open-cli policy explain` says which pattern"
        }
        ErrorCode::CuratedDeny => {
            "the tool set of the profile in force does not include it; see --agent-profile and --mode"
        }
        ErrorCode::ApprovalRequired => "repeat the command with --approval once a person has approved it",
        ErrorCode::ToolNotFound => "`open-cli catalog list` lists what there is",
        ErrorCode::RuntimeAttachMismatch => {
            "leave out runtime.remote.requestConfigPath, or name the toolbox that serves this configuration"
        }
        ErrorCode::RuntimeAttachConflict => {
            "wait until the other session ends, or end it with `open-cli runtime session-close` and its id"
        }
        ErrorCode::UpstreamLoginRequired => {
            "log in with `open-cli auth upstream login` and the service; `open-cli auth upstream status` lists what needs one"
        }
        ErrorCode::Overloaded | ErrorCode::AuditUnavailable | ErrorCode::CatalogUnavailable => {
            "try again; the toolbox's log tells more"
        }
        ErrorCode::ExecutionError => {
            "see whether the upstream runs; its address, secrets and timeouts are in the toolbox's configuration"
        }
        ErrorCode::ExecutionTimeout => {
            "services.<id>.timeoutSeconds in the toolbox's configuration gives the upstream longer"
        }
        ErrorCode::BodyTooLarge => "send a smaller body",
        ErrorCode::NotFound | ErrorCode::MethodNotAllowed => {
            "the runtime does not offer this; `open-cli runtime info` lists its capabilities"
        }
        ErrorCode::Internal => "the toolbox's log tells more, under the request id",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::CODES;

    #[test]
    fn h40_every_code_has_the_exit_of_the_contract() {
        for row in CODES {
            let refusal = Refusal {
                status: row.status,
                code: Some(row.code),
                code_text: row.text.to_owned(),
                detail: String::new(),
                request_id: Some("r".to_owned()),
                withheld: None,
            };
            let failure = Failure::from(ClientError::Refused(Box::new(refusal)));
            assert_eq!((failure.exit, failure.code.as_str()), (row.exit, row.text));
            assert!(EXITS.iter().any(|(exit, _)| *exit == row.exit));
        }
    }

    #[track_caller]
    fn check(failure: &Failure, part: &str) {
        let next = failure.next_step();
        assert!(next.contains(part), "{}: {next}", failure.code);
        let is_well_formed = !next.is_empty() && !next.ends_with('.') && !next.starts_with(|c: char| c.is_uppercase());
        assert!(is_well_formed && next != failure.message, "{}: {next}", failure.code);
    }

    #[test]
    fn h40_every_failure_says_what_to_do_next() {
        for row in CODES {
            let refusal = Refusal {
                status: row.status,
                code: Some(row.code),
                code_text: row.text.to_owned(),
                detail: String::new(),
                request_id: None,
                withheld: None,
            };
            check(&Failure::from(ClientError::Refused(Box::new(refusal))), "");
        }
        for (exit, _) in EXITS.iter().filter(|(exit, _)| *exit != OK) {
            check(&Failure::new(*exit, "a_code_of_its_own", "it failed"), "");
        }
        for (exit, code, part) in [
            (USAGE, "usage", "--help after the words"),
            (CONFIG, "config_invalid", "with its place"),
            (CONFIG, "config_unreadable", "check the path"),
            (CONFIG, "anything", "`open-cli config check`"),
            (UNREACHABLE, "runtime_answer", "`open-cli doctor`"),
            (AUTH, "anything", "`open-cli auth status`"),
            (DENIED, "anything", "`open-cli policy explain`"),
            (DENIED, "forbidden_origin", "from a program"),
            (APPROVAL, "anything", "--approval"),
            (OTHER, "output_failed", "--output FILE"),
            (OTHER, "page_loop", "--max-pages N"),
            (OTHER, "internal", "should not happen"),
            (DIFFERENCES, "sources_unwell", "`open-cli catalog doctor`"),
        ] {
            check(&Failure::new(exit, code, "it failed"), part);
        }
        let own = Failure::new(USAGE, "usage", "it failed").hint("do it otherwise");
        assert_eq!(own.next_step(), "do it otherwise");
    }

    #[test]
    fn a_handshake_that_nobody_answers_is_told_from_a_slow_runtime() {
        let hint = |runtime: &str, may_have_been_sent| {
            let (runtime, cause, request_id) = (runtime.to_owned(), String::new(), None);
            let error = ClientError::Unreachable { runtime, timeout: true, may_have_been_sent, cause, request_id };
            Failure::from(error).hint.unwrap()
        };
        assert!(hint("https://127.0.0.1:8765", false).contains("a toolbox itself speaks http"));
        assert_eq!(hint("http://127.0.0.1:8765", false), "--timeout gives it longer");
        assert!(hint("https://127.0.0.1:8765", true).contains("audit list"));
        let refused = |cause: &str| {
            let (runtime, cause, request_id) = ("https://127.0.0.1:8765".to_owned(), cause.to_owned(), None);
            let error =
                ClientError::Unreachable { runtime, timeout: false, may_have_been_sent: false, cause, request_id };
            Failure::from(error).hint.unwrap()
        };
        assert!(refused("no secure connection to 127.0.0.1: it is no TLS").contains("a toolbox itself speaks http"));
        assert!(refused("no connection to 127.0.0.1: connection refused").contains("`open-cli doctor`"));
    }

    #[test]
    fn h40_an_upstream_status_has_an_exit() {
        for (status, exit) in [(200, None), (302, None), (404, Some(8)), (429, Some(8)), (500, Some(9)), (503, Some(9))]
        {
            assert_eq!(Failure::upstream(status, "t", "standard output").map(|failure| failure.exit), exit, "{status}");
        }
    }

    #[test]
    fn the_documentation_lists_every_exit_and_code() {
        let page = include_str!("../../docs/exit-codes.md");
        for (exit, meaning) in EXITS {
            assert!(page.contains(&format!("| {exit} | {meaning}")), "{exit}: {meaning}");
        }
        for row in CODES {
            assert!(page.contains(&format!("| `{}` | {} | {} |", row.text, row.status, row.exit)), "{}", row.text);
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "reads the sources for the codes that they give")]
    fn the_documentation_lists_every_code_of_the_command_line() {
        let page = include_str!("../../docs/exit-codes.md");
        let mut seen = 0;
        let mut places = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli")];
        while let Some(place) = places.pop() {
            if place.is_dir() {
                places.extend(std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let source = std::fs::read_to_string(&place).unwrap();
            for call in source.split("::new(").skip(1) {
                // An exit code of this module, then the code as text.
                let Some((exit, rest)) = call.split_once(',') else { continue };
                let exit = exit.trim().trim_start_matches("report::");
                let Some(code) = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                    continue;
                };
                if !exit.is_empty() && exit.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
                    seen += 1;
                    assert!(page.contains(&format!("| `{code}` |")), "{code} of {}", place.display());
                }
            }
        }
        assert!(seen > 30, "{seen}");
    }

    #[test]
    fn h42_names_of_an_answer_make_no_line_of_an_error() {
        let known = vec!["ok".to_owned(), "a\nhint: run this".to_owned(), "x".repeat(1 << 20)];
        for name in ["zzzzzz", "a\nhint: run thi"] {
            let hint = Failure::from(Unfit::Column { name: name.to_owned(), known: known.clone() }).hint.unwrap();
            assert!(!hint.contains('\n') && hint.len() < 2000, "{hint}");
        }
    }
}
