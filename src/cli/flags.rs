//! Every flag of the command line, once: parsing, help and the check of the documentation read these tables.
//!
//! A tool's own flags come from the catalog; the names here are the ones they cannot have.

use crate::catalog::naming::RESERVED_FLAGS;

use super::output::Format;

/// What stands behind a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: it is a switch.
    Nothing,
    /// A value, called so in help.
    Value(&'static str),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Nothing, or one of these behind `=`.
    MaybeOneOf(&'static [&'static str]),
}

/// One flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Without dashes.
    pub name: &'static str,
    /// One letter.
    pub short: Option<char>,
    /// Its value.
    pub takes: Takes,
    /// One line.
    pub help: &'static str,
    /// The environment variable that says the same, where it is not called as [`variable`] says.
    pub env: Option<&'static str>,
    /// Whether it says more when it is given again; of any other flag the last one counts, or a second one is an error.
    pub repeats: bool,
}

/// A flag of a table.
pub const fn option(name: &'static str, takes: Takes, help: &'static str) -> Flag {
    Flag { name, short: None, takes, help, env: None, repeats: false }
}

/// The same, as often as there are values.
pub const fn repeated(flag: Flag) -> Flag {
    Flag { repeats: true, ..flag }
}

const fn short(letter: char, flag: Flag) -> Flag {
    Flag { short: Some(letter), ..flag }
}

const fn env(variable: &'static str, flag: Flag) -> Flag {
    Flag { env: Some(variable), ..flag }
}

/// Flags that stand anywhere.
pub const GLOBAL: &[Flag] = &[
    env("OPEN_CLI_RUNTIME_URL", option("runtime", Takes::Value("URL"), "The toolbox to talk to")),
    option("config", Takes::Value("FILE"), "The project's configuration, instead of ./.cli.json"),
    option("mode", Takes::OneOf(&["discover", "curated"]), "See every tool, or those of a tool set"),
    option("agent-profile", Takes::Value("NAME"), "See and run what this profile may"),
    option("format", Takes::OneOf(Format::NAMES), "How answers are written"),
    option("query", Takes::Value("EXPR"), "Show only this of the answer (JMESPath)"),
    option("columns", Takes::Value("LIST"), "Show a table of these columns: id,author.name"),
    option("approval", Takes::Nothing, "Say that a person approved this call"),
    env("OPEN_CLI_INSTANCE_ID", option("instance-id", Takes::Value("ID"), "Keep the cache apart under this name")),
    env("OPEN_CLI_STATE_DIR", option("state-dir", Takes::Value("DIR"), "Keep state and cache here")),
    option("timeout", Takes::Value("TIME"), "Give up after this long: 30, 30s, 500ms, 2m"),
    option(
        "no-browser",
        Takes::Nothing,
        "Log in without opening a browser: print the address, take the redirected one back",
    ),
    option("no-input", Takes::Nothing, "Ask nothing: what is missing is an error, also at a terminal"),
    option("ca-cert", Takes::Value("FILE"), "Accept these certificate authorities too (PEM)"),
    short('q', option("quiet", Takes::Nothing, "Write nothing to standard error but errors")),
    short('v', option("verbose", Takes::Nothing, "Tell each request and how long it took")),
    option("no-color", Takes::Nothing, "Write without colours"),
    short('h', option("help", Takes::Nothing, "Explain what the words before it do")),
    short('V', option("version", Takes::Nothing, "Print the version")),
];

/// Global flags that no environment variable stands for, and why.
pub const NOT_IN_THE_ENVIRONMENT: &[(&str, &str)] = &[
    ("approval", "a person approves one call; a variable would go on approving whatever is called after it"),
    ("help", "it asks for something else than what the words ask for"),
    ("version", "it asks for something else than what the words ask for"),
];

/// The environment variable that stands for a global flag: `OPEN_CLI_` and its name, but for the few that had another one before.
pub fn variable(flag: &Flag) -> Option<String> {
    if NOT_IN_THE_ENVIRONMENT.iter().any(|(name, _)| *name == flag.name) {
        return None;
    }
    let derived = || format!("OPEN_CLI_{}", flag.name.replace('-', "_").to_ascii_uppercase());
    Some(flag.env.map_or_else(derived, str::to_owned))
}

/// Variables that are no flag's own, with what they do.
pub const VARIABLES: &[(&str, &str)] = &[
    ("NO_COLOR", "Write without colours, whatever its value, unless it is empty"),
    ("CLICOLOR_FORCE", "Write with colours also where no terminal is, unless it is `0`"),
    ("CLICOLOR", "`0` means no colours"),
    ("TERM", "`dumb` means no colours either"),
    ("COLUMNS", "How wide the terminal is, where it does not say so itself"),
    ("SSL_CERT_FILE", "Accept these certificate authorities too (PEM), beside those of --ca-cert"),
    ("HTTPS_PROXY", "The proxy to go through; loopback addresses never are"),
    ("NO_PROXY", "Hosts that are reached without the proxy"),
    ("BROWSER", "The program that `auth login` opens an address with"),
    ("TRACEPARENT", "The trace that the calls belong to, with TRACESTATE (W3C Trace Context)"),
    ("TRACESTATE", "See TRACEPARENT"),
    ("XDG_CONFIG_HOME", "Where your own configuration is, else ~/.config"),
    ("XDG_STATE_HOME", "Where state is kept without --state-dir, else ~/.local/state"),
    ("XDG_CACHE_HOME", "Where the catalog is kept without --state-dir, else ~/.cache"),
];

/// Flags of every tool, beside those of its parameters.
pub const CALL: &[Flag] = &[
    option("body", Takes::Value("BODY"), "The request's body: text, @FILE, or - for standard input"),
    option("content-type", Takes::Value("TYPE"), "Which of the tool's media types the body is"),
    repeated(option(
        "file",
        Takes::Value("[NAME=]PATH"),
        "A file of a multipart body; ;type=TYPE and ;filename=NAME may follow",
    )),
    option("accept", Takes::Value("TYPE"), "The media type to ask for, instead of JSON first"),
    option("no-validate", Takes::Nothing, "Send what the tool's schemas do not allow"),
    option(
        "dry-run",
        Takes::MaybeOneOf(&["curl", "http", "json"]),
        "Show the request that would be sent, and send nothing",
    ),
    option("output", Takes::Value("FILE"), "Write the answer's bytes to this file; - is standard output"),
    option("stream", Takes::Nothing, "Write the answer as it comes, piece by piece"),
    short('i', option("include", Takes::Nothing, "Show the answer's status and headers too")),
    option("all", Takes::Nothing, "Fetch every page, and join them into one answer"),
    option("max-pages", Takes::Value("N"), "As --all, but no more pages than this"),
    option("wait", Takes::Nothing, "Wait until what the call began has come to an end"),
    option("idempotency-key", Takes::Value("KEY"), "The key by which the upstream knows a repeated call"),
];

/// What a tool's flag gets behind its name when the name is taken here.
pub const SUFFIX: &str = "-param";

/// Whether a tool's flag cannot have this name. Our own toolbox never sends such a name; others may.
pub fn is_reserved(name: &str) -> bool {
    RESERVED_FLAGS.contains(&name)
}

/// A flag of a table.
pub fn find(table: &'static [Flag], name: &str) -> Option<&'static Flag> {
    table.iter().find(|flag| flag.name == name)
}

impl Flag {
    /// `--format json|yaml`, `-q, --quiet`
    pub fn usage(&self) -> String {
        let value = match self.takes {
            Takes::Nothing => String::new(),
            Takes::Value(name) => format!(" {name}"),
            Takes::OneOf(values) => format!(" {}", values.join("|")),
            Takes::MaybeOneOf(values) => format!("[={}]", values.join("|")),
        };
        match self.short {
            Some(letter) => format!("-{letter}, --{}{value}", self.name),
            None => format!("--{}{value}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_letters_are_unique() {
        let names: std::collections::BTreeSet<_> = GLOBAL.iter().chain(CALL).map(|flag| flag.name).collect();
        assert_eq!(names.len(), GLOBAL.len() + CALL.len());
        let letters: Vec<_> = GLOBAL.iter().chain(CALL).filter_map(|flag| flag.short).collect();
        assert_eq!(letters.iter().collect::<std::collections::BTreeSet<_>>().len(), letters.len());
    }

    #[test]
    fn h32_the_catalog_reserves_exactly_these_names() {
        let mut names: Vec<_> = GLOBAL.iter().chain(CALL).map(|flag| flag.name).collect();
        names.sort_unstable();
        assert_eq!(names, RESERVED_FLAGS);
    }

    #[test]
    fn the_table_names_every_format() {
        let names: Vec<_> = Format::ALL.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, Format::NAMES);
    }

    #[test]
    fn the_documentation_lists_every_flag() {
        let page = include_str!("../../docs/cli.md");
        for flag in GLOBAL.iter().chain(CALL) {
            assert!(page.contains(&format!("| `{}` |", flag.usage().replace('|', "\\|"))), "{}", flag.usage());
        }
    }

    #[test]
    fn the_documentation_lists_every_variable() {
        let page = include_str!("../../docs/cli.md");
        for flag in GLOBAL {
            if let Some(variable) = variable(flag) {
                let row = format!("| `{variable}` | `--{}` |", flag.name);
                assert!(page.contains(&row), "docs/cli.md has no row {row}");
            }
        }
        let rows =
            page.split("Other variables that are honoured:").nth(1).and_then(|rest| rest.split("\n\n").nth(1)).unwrap();
        assert_eq!(rows.lines().count() - 2, VARIABLES.len(), "docs/cli.md has a variable that help does not know");
        for (name, help) in VARIABLES {
            assert!(page.contains(&format!("| `{name}` | {help} |")), "docs/cli.md has no row for {name}");
        }
        let (_, table) = page.split_once("Other variables that are honoured:").unwrap();
        let rows = table.trim_start().lines().take_while(|line| line.starts_with('|')).skip(2);
        let named: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        let known: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
        assert_eq!(named, known, "help and manual pages tell what docs/cli.md tells");
        for (name, why) in NOT_IN_THE_ENVIRONMENT {
            assert!(find(GLOBAL, name).is_some(), "--{name} is a flag");
            assert!(page.contains(&format!("| `--{name}` | {why} |")), "docs/cli.md does not say why not --{name}");
        }
    }
}
