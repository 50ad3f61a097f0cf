//! What concerns many commands: `open-cli help <topic>`. What there is a table of comes from the table.

use crate::base::name::nearest;
use crate::base::page::Page;
use crate::cli::commands::{BUILT_IN, BuiltIn};
use crate::cli::flags::{self, Flag, Takes};
use crate::cli::report::EXITS;

use super::{command_rows, flag_rows, global_rows};

/// One topic.
#[derive(Debug)]
pub struct Topic {
    /// The word.
    pub name: &'static str,
    /// One line.
    pub help: &'static str,
    write: fn(&mut Page),
}

/// Every topic.
pub const TOPICS: &[Topic] = &[
    Topic { name: "calling", help: "Arguments, flags, bodies and files of a call", write: calling },
    Topic { name: "output", help: "Formats, files, streams, and what goes where", write: output },
    Topic {
        name: "config",
        help: "The configuration: which files, in which order, and how to change it",
        write: config,
    },
    Topic { name: "auth", help: "How a token for the toolbox is obtained, and where it goes", write: auth },
    Topic { name: "environment", help: "Variables that are read", write: environment },
    Topic { name: "exit-codes", help: "How a run can end", write: exit_codes },
];

/// The word that lists the topics.
pub const LIST: &str = "topics";

/// What each format does.
const FORMATS: &[(&str, &str)] = &[
    ("json", "The upstream's JSON, byte for byte, and nothing else"),
    ("jsonl", "One JSON value a line: the items of a list, else the whole"),
    ("yaml", "YAML 1.2"),
    ("pretty", "Indented JSON, numbers as they were written"),
    ("table", "A list as columns, one object as rows of name and value"),
    ("raw", "Texts without quotes, one a line; other answers byte for byte"),
];

/// The page of a word; `None` when it is no topic.
pub fn page(word: &str) -> Option<Page> {
    let mut page = Page::default();
    if word == LIST {
        page.section("Topics", rows());
        page.closing("`open-cli help <topic>` explains one.");
        return Some(page);
    }
    let topic = TOPICS.iter().find(|topic| topic.name == word)?;
    page.text(format!("{}.", topic.help));
    (topic.write)(&mut page);
    Some(page)
}

/// The topic that a wrong word may have meant.
pub fn near(word: &str) -> Option<&'static str> {
    nearest(word, TOPICS.iter().map(|topic| topic.name).chain([LIST]))
}

pub(super) fn rows() -> Vec<(String, String)> {
    TOPICS.iter().map(|topic| (topic.name.to_owned(), topic.help.to_owned())).collect()
}

fn calling(page: &mut Page) {
    page.heading("Usage");
    page.fixed(["open-cli [global flags] <service> <group> <command> [arguments] [flags]"]);
    page.text(
        "Path parameters are arguments, in the order of the path. Query, header and cookie parameters are flags, which stand behind \
         the command's words. --name VALUE and --name=VALUE are the same; a value that begins with - is joined by =. A flag that is only \
         true or false may stand alone. A list is given by repeating the flag, an object as JSON or member by member: --filter \
         state=open. What stands behind -- is an argument, whatever it looks like.",
    );
    page.text(
        "A body is made of its members by flags, --title 'Printer on fire', or by words, title='Printer on fire' labels[]=fire \
         owner.name=ben priority:=2, or given whole by --body; flags and words win over it. NAME=@FILE takes a text from a file, \
         NAME:=JSON is JSON. At a terminal, what is missing is asked for, unless --no-input says no.",
    );
    page.section("Flags of every tool", flag_rows(flags::CALL));
    page.heading("Examples");
    page.fixed([
        "open-cli helpdesk tickets list --state open --label printer --label urgent",
        "open-cli helpdesk tickets create --body '{\"title\": \"Printer on fire\"}'",
        "open-cli helpdesk tickets create --body @ticket.json --dry-run=curl",
        "open-cli files upload --file report=q3.pdf",
    ]);
}

fn output(page: &mut Page) {
    page.text(
        "Answers go to standard output, everything else to standard error. Without --format a terminal gets a table, everything else \
         JSON. Text answers are printed as they are; binary ones go to pipes and files, and are refused on a terminal. On a terminal, \
         control characters of an answer are shown as escapes.",
    );
    let values = flags::find(flags::GLOBAL, "format").map(|flag| flag.takes);
    let Some(Takes::OneOf(names)) = values else { return };
    let help = |name: &str| FORMATS.iter().find(|(known, _)| *known == name).map_or("", |(_, help)| help);
    page.section("Formats", names.iter().map(|name| ((*name).to_owned(), help(name).to_owned())).collect());
    page.section(
        "Flags",
        flag_rows(named(flags::GLOBAL, &["format", "query", "columns", "quiet", "verbose", "no-color"])),
    );
    page.section(
        "Flags of every tool",
        flag_rows(named(flags::CALL, &["output", "include", "stream", "accept", "all", "max-pages"])),
    );
}

fn config(page: &mut Page) {
    page.text(
        "The configuration is JSON in up to four files, merged in this order; what comes later wins, but for what the managed file \
         holds fast. For calls it says where the toolbox is and how a token for it is had; a toolbox takes its sources, services, \
         policy and secrets from it.",
    );
    let rows = [
        ("/etc/open-cli/.cli.json", "managed"),
        ("~/.config/open-cli/.cli.json", "your own"),
        ("./.cli.json", "the project's, or the file that --config names"),
        (".cli.local.json beside it", "the project's, on this machine alone"),
    ];
    page.section("Files", rows.map(|(name, help)| (name.to_owned(), help.to_owned())).to_vec());
    page.text(
        "A project's file that was merely found may say where tokens are sent only once it is trusted: `open-cli trust`, or name it with \
         --config.",
    );
    page.section("Commands", command_rows(&family(&["config", "init", "trust"])));
    page.section("Flags", global_rows(named(flags::GLOBAL, &["config"])));
}

fn auth(page: &mut Page) {
    page.text(
        "runtime.remote.oauth in the configuration says how a token for the toolbox is obtained. It belongs to the origin of \
         runtime.remote.url and is sent nowhere else. Tokens are kept in files that only you can read, and renewed without a word.",
    );
    let rows = [
        ("providedToken", "is in an environment variable or a file: \"tokenRef\": \"env:NAME\" or \"file:PATH\""),
        ("oauthClient", "comes from client.tokenURL by client credentials"),
        ("browserLogin", "comes from a login at a browser; where to log in is the toolbox's to say"),
    ];
    page.section("Modes", rows.map(|(name, help)| (name.to_owned(), help.to_owned())).to_vec());
    page.section("Commands", command_rows(&family(&["auth"])));
    page.section("Flags", global_rows(named(flags::GLOBAL, &["no-browser", "runtime", "state-dir"])));
}

fn environment(page: &mut Page) {
    page.text(
        "A variable stands for each global flag. The flag wins; an empty variable is as if it were not set; a switch is true or 1, false \
         or 0.",
    );
    let row = |flag: &Flag| Some((flags::variable(flag)?, format!("--{}: {}", flag.name, flag.help)));
    page.section("Flags", flags::GLOBAL.iter().filter_map(row).collect());
    let row = |(name, why): &(&str, &str)| (format!("--{name}"), format!("has no variable: {why}"));
    page.section("Not in the environment", flags::NOT_IN_THE_ENVIRONMENT.iter().map(row).collect());
    let row = |(name, help): &(&str, &str)| ((*name).to_owned(), (*help).to_owned());
    page.section("Other variables", flags::VARIABLES.iter().map(row).collect());
}

fn exit_codes(page: &mut Page) {
    page.text("They say whose turn it is: retry on 4 and 9, ask a person on 7, stop on 2, 3 and 6.");
    page.section("Exit codes", EXITS.iter().map(|(exit, meaning)| (exit.to_string(), (*meaning).to_owned())).collect());
    page.text(
        "With 8 and 9 the upstream's own answer still goes to standard output. When the format is json, the last line of standard error \
         is the error as one JSON object, with its stable code.",
    );
}

fn named<'f>(table: &'f [Flag], names: &'f [&str]) -> impl Iterator<Item = &'f Flag> {
    table.iter().filter(|flag| names.contains(&flag.name))
}

fn family(words: &[&str]) -> Vec<&'static BuiltIn> {
    BUILT_IN.iter().filter(|command| words.contains(&command.words[0])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_says_something() {
        for word in TOPICS.iter().map(|topic| topic.name).chain([LIST]) {
            let text = page(word).unwrap().plain(80);
            assert!(text.lines().count() > 5, "{word}: {text}");
            assert_eq!(near(word), Some(word));
        }
        assert_eq!(page("nothing").map(|page| page.plain(80)), None);
        for (word, expected) in [("outptu", Some("output")), ("exitcodes", Some("exit-codes")), ("xyzzy", None)] {
            assert_eq!(near(word), expected);
        }
    }

    #[test]
    fn topics_have_what_the_tables_have() {
        let check = |word: &str, parts: Vec<String>| {
            let text = page(word).unwrap().plain(200);
            parts.into_iter().for_each(|part| assert!(text.contains(&part), "{word} lacks {part}: {text}"));
        };
        check("exit-codes", EXITS.iter().map(|(exit, meaning)| format!("  {exit:<2}  {meaning}\n")).collect());
        check("environment", flags::GLOBAL.iter().filter_map(flags::variable).collect());
        check("environment", flags::VARIABLES.iter().map(|(name, _)| (*name).to_owned()).collect());
        check("environment", vec!["CLICOLOR_FORCE".to_owned()]);
        let words = ["labels[]=fire", "--title 'Printer on fire'", "NAME:=JSON", "--no-input"];
        check("calling", words.map(str::to_owned).to_vec());
        check("calling", flags::CALL.iter().map(Flag::usage).collect());
        let Some(Takes::OneOf(formats)) = flags::find(flags::GLOBAL, "format").map(|flag| flag.takes) else { panic!() };
        for format in formats {
            assert!(FORMATS.iter().any(|(name, _)| name == format), "`help output` does not say what {format} does");
        }
    }

    #[test]
    fn no_topic_is_hidden_by_a_command() {
        for topic in TOPICS {
            let family = BUILT_IN.iter().filter(|command| command.words[0] == topic.name);
            let text = page(topic.name).unwrap().plain(200);
            family.for_each(|command| assert!(text.contains(&command.usage()), "{}: {text}", topic.name));
        }
    }
}
