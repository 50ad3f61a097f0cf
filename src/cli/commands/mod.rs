//! The built-in commands, one row each.

pub mod answer;
pub mod audit;
pub mod auth;
pub mod batch;
pub mod call;
pub mod catalog;
pub mod checkup;
pub mod completion;
pub mod config;
pub mod dispatch;
pub mod doctor;
pub mod dry_run;
pub mod edit;
pub mod explain;
pub mod explained;
pub mod filter;
pub mod follow;
pub mod init;
pub mod lock;
pub mod made;
pub mod pages;
pub mod policy;
pub mod runtime;
pub mod search;
pub mod upstream;
pub mod wait;

use super::args::Options;
use super::flags::Flag;
use super::report::Failure;
use super::world::World;

/// One built-in command.
pub struct BuiltIn {
    /// The words that name it.
    pub words: &'static [&'static str],
    /// Its arguments as shown.
    pub arguments: &'static str,
    /// How many arguments it takes at least and at most.
    pub takes: (usize, usize),
    /// One line.
    pub help: &'static str,
    /// Its own flags.
    pub options: &'static [Flag],
    run: fn(&mut World<'_>, &Options) -> Result<(), Failure>,
}

impl BuiltIn {
    /// Words and arguments.
    pub fn usage(&self) -> String {
        format!("{} {}", self.words.join(" "), self.arguments).trim_end().to_owned()
    }
}

const MANY: usize = 64;

/// Every built-in command; help, parsing and documentation read it.
pub const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        words: &["catalog", "list"],
        arguments: "",
        takes: (0, 0),
        help: "List the tools you may see",
        options: filter::LIST,
        run: catalog::list,
    },
    BuiltIn {
        words: &["catalog", "doctor"],
        arguments: "",
        takes: (0, 0),
        help: "Show how each source fares, why, and what to do; ends with 10 when one is stale or failed",
        options: &[],
        run: doctor::doctor,
    },
    BuiltIn {
        words: &["catalog", "lock"],
        arguments: "",
        takes: (0, 0),
        help: "Write what the catalog says into a file for review, .cli.lock.json",
        options: lock::FILE,
        run: lock::lock,
    },
    BuiltIn {
        words: &["catalog", "diff"],
        arguments: "",
        takes: (0, 0),
        help: "Say what changed since the catalog was locked; ends with 10 when something did",
        options: lock::FILE,
        run: lock::diff,
    },
    BuiltIn {
        words: &["search"],
        arguments: "<words>",
        takes: (1, MANY),
        help: "Find tools by what they are about, the best first",
        options: search::FLAGS,
        run: search::search,
    },
    BuiltIn {
        words: &["tool", "schema"],
        arguments: "<tool id or command words>",
        takes: (1, MANY),
        help: "Print one tool whole: parameters, body, answers, authentication",
        options: &[],
        run: catalog::schema,
    },
    BuiltIn {
        words: &["explain"],
        arguments: "<tool id or command words>",
        takes: (1, MANY),
        help: "Say in words what a tool does, needs and may change",
        options: &[],
        run: explain::explain,
    },
    BuiltIn {
        words: &["policy", "explain"],
        arguments: "<tool id, pattern or command words>",
        takes: (1, MANY),
        help: "Say whether a tool would run, which rules decide, and what would change it",
        options: policy::EXPLAIN,
        run: policy::explain,
    },
    BuiltIn {
        words: &["policy", "test"],
        arguments: "<file, or ->",
        takes: (1, 1),
        help: "Compare what the policy decides with the cases of a file; ends with 10 when one differs",
        options: &[],
        run: policy::test,
    },
    BuiltIn {
        words: &["batch"],
        arguments: "<file, or ->",
        takes: (1, 1),
        help: "Carry out many calls, one JSON object a line, and print what came of each on a line",
        options: batch::FLAGS,
        run: batch::batch,
    },
    BuiltIn {
        words: &["init"],
        arguments: "<URL, file or name>",
        takes: (1, MANY),
        help: "Look at an API's description, or a catalog of APIs, and write a configuration for it",
        options: init::FLAGS,
        run: init::init,
    },
    BuiltIn {
        words: &["doctor"],
        arguments: "",
        takes: (0, 0),
        help: "Look at everything between here and the tools, with a verdict and a remedy for each step",
        options: &[],
        run: checkup::checkup,
    },
    BuiltIn {
        words: &["status"],
        arguments: "",
        takes: (0, 0),
        help: "Show which runtime is used, as whom, and what it offers",
        options: &[],
        run: runtime::status,
    },
    BuiltIn {
        words: &["runtime", "info"],
        arguments: "",
        takes: (0, 0),
        help: "Print what the runtime says about itself",
        options: &[],
        run: runtime::info,
    },
    BuiltIn {
        words: &["runtime", "stop"],
        arguments: "",
        takes: (0, 0),
        help: "Stop the runtime gracefully",
        options: &[],
        run: runtime::stop,
    },
    BuiltIn {
        words: &["runtime", "session-close"],
        arguments: "[session id]",
        takes: (0, 1),
        help: "End a session and forget its tokens; without an id, the only one you have",
        options: &[],
        run: runtime::session_close,
    },
    BuiltIn {
        words: &["refresh"],
        arguments: "",
        takes: (0, 0),
        help: "Let the runtime fetch its sources again",
        options: &[],
        run: runtime::refresh,
    },
    BuiltIn {
        words: &["audit", "list"],
        arguments: "",
        takes: (0, 0),
        help: "List the runtime's last audit events",
        options: audit::LIST,
        run: audit::list,
    },
    BuiltIn {
        words: &["audit", "tail"],
        arguments: "",
        takes: (0, 0),
        help: "Print the runtime's newest audit events, one a line, and with --follow those that come",
        options: audit::TAIL,
        run: audit::tail,
    },
    BuiltIn {
        words: &["audit", "verify"],
        arguments: "[file]",
        takes: (0, 1),
        help: "Check an audit trail on this machine, record by record; without a file, the instance's",
        options: audit::VERIFY,
        run: audit::check,
    },
    BuiltIn {
        words: &["auth", "login"],
        arguments: "",
        takes: (0, 0),
        help: "Obtain a new token and show it to the runtime; with browserLogin at a browser, or --no-browser",
        options: &[],
        run: auth::login,
    },
    BuiltIn {
        words: &["auth", "logout"],
        arguments: "",
        takes: (0, 0),
        help: "Forget your tokens for the runtime",
        options: &[],
        run: auth::logout,
    },
    BuiltIn {
        words: &["auth", "status"],
        arguments: "",
        takes: (0, 0),
        help: "Show as whom the runtime knows you, with which scopes, and until when",
        options: &[],
        run: auth::status,
    },
    BuiltIn {
        words: &["auth", "token"],
        arguments: "",
        takes: (0, 0),
        help: "Print your access token for the runtime, and nothing else",
        options: &[],
        run: auth::token,
    },
    BuiltIn {
        words: &["auth", "upstream", "login"],
        arguments: "<service>",
        takes: (1, 1),
        help: "Log in at a service's own issuer, at a browser or with --no-browser; the runtime keeps the token",
        options: upstream::SECRET,
        run: upstream::login,
    },
    BuiltIn {
        words: &["auth", "upstream", "logout"],
        arguments: "<service>",
        takes: (1, 1),
        help: "Let the runtime forget your tokens for a service",
        options: upstream::SECRET,
        run: upstream::logout,
    },
    BuiltIn {
        words: &["auth", "upstream", "status"],
        arguments: "",
        takes: (0, 0),
        help: "List the services that need a login of yours, and where you are logged in",
        options: &[],
        run: upstream::status,
    },
    BuiltIn {
        words: &["config", "show"],
        arguments: "",
        takes: (0, 0),
        help: "Print the merged configuration and where each value comes from",
        options: &[],
        run: config::show,
    },
    BuiltIn {
        words: &["config", "check"],
        arguments: "",
        takes: (0, 0),
        help: "List every problem of the configuration with its place",
        options: &[],
        run: config::check,
    },
    BuiltIn {
        words: &["config", "schema"],
        arguments: "",
        takes: (0, 0),
        help: "Print the JSON Schema of .cli.json",
        options: &[],
        run: config::schema,
    },
    BuiltIn {
        words: &["config", "add-source"],
        arguments: "<id>",
        takes: (1, 1),
        help: "Add a source to a configuration file, and leave the rest of it as it is",
        options: edit::SOURCE,
        run: edit::add_source,
    },
    BuiltIn {
        words: &["config", "remove-source"],
        arguments: "<id>",
        takes: (1, 1),
        help: "Remove a source; with --cascade its services and their secrets too",
        options: edit::REMOVE,
        run: edit::remove_source,
    },
    BuiltIn {
        words: &["config", "add-service"],
        arguments: "<id>",
        takes: (1, 1),
        help: "Add a service that a source describes",
        options: edit::SERVICE,
        run: edit::add_service,
    },
    BuiltIn {
        words: &["config", "add-secret"],
        arguments: "<key> [value, or -]",
        takes: (1, MANY),
        help: "Say where a secret is; a literal one is read from standard input",
        options: edit::SECRET,
        run: edit::add_secret,
    },
    BuiltIn {
        words: &["config", "set"],
        arguments: "<path> <value, or ->",
        takes: (2, 2),
        help: "Set one value of a configuration file, by a path like sources.demo.uri",
        options: edit::SET,
        run: edit::set,
    },
    BuiltIn {
        words: &["config", "unset"],
        arguments: "<path>",
        takes: (1, 1),
        help: "Take one value out of a configuration file",
        options: edit::SET,
        run: edit::unset,
    },
    BuiltIn {
        words: &["config", "get"],
        arguments: "<path>",
        takes: (1, 1),
        help: "Print one value of a configuration file, or with --effective of all of them; secrets are not shown",
        options: edit::GET,
        run: edit::get,
    },
    BuiltIn {
        words: &["trust"],
        arguments: "[directory or file]",
        takes: (0, 1),
        help: "Trust the discovered configuration as it is now",
        options: &[],
        run: config::trust,
    },
    BuiltIn {
        words: &["completion"],
        arguments: "<bash|zsh|fish>",
        takes: (1, 1),
        help: "Print the script that completes commands in your shell",
        options: &[],
        run: completion::print,
    },
];
