//! The first pass over the arguments: global flags are taken out, the rest is kept in order.
//!
//! A long option that is no global is kept as it was written: whether the next word is its value is known only once the words
//! before it have named a tool ("parse once, bind late"). Key types: [`Line`], [`Token`]; [`options`] is the second pass.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::host::Env;
use crate::base::name::nearest;

use super::flags::{self, Flag, Takes};
use super::output::{Format, columns};
use super::query::Query;

/// The values of the global flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globals {
    /// `--runtime`
    pub runtime: Option<String>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--mode`
    pub mode: Option<String>,
    /// `--agent-profile`
    pub agent_profile: Option<String>,
    /// `--format`
    pub format: Option<Format>,
    /// `--query`
    pub query: Option<Query>,
    /// `--columns`; none when it is empty.
    pub columns: Vec<String>,
    /// `--approval`
    pub approval: bool,
    /// `--instance-id`
    pub instance_id: Option<String>,
    /// `--state-dir`
    pub state_dir: Option<PathBuf>,
    /// `--timeout`
    pub timeout: Option<Duration>,
    /// `--no-browser`
    pub no_browser: bool,
    /// `--no-input`
    pub no_input: bool,
    /// `--ca-cert`
    pub ca_cert: Option<PathBuf>,
    /// `--quiet`
    pub quiet: bool,
    /// `--verbose`
    pub verbose: bool,
    /// `--no-color`
    pub no_color: bool,
    /// `--help`
    pub help: bool,
    /// `--version`
    pub version: bool,
}

/// What is left when the globals are out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word: of a command, an argument, or the value of the option before it.
    Word(String),
    /// A word after `--`: an argument, whatever it looks like.
    Literal(String),
    /// `--name` or `--name=value`
    Option {
        /// Without dashes.
        name: String,
        /// What is joined by `=`.
        value: Option<String>,
    },
}

/// The arguments after the first pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Global flags.
    pub globals: Globals,
    /// Names of the global flags that were given.
    pub given: Vec<&'static str>,
    /// The rest, in order.
    pub tokens: Vec<Token>,
}

impl Line {
    /// The words before the first option and before `--`: those that name a command.
    pub fn words(&self) -> Vec<&str> {
        let words = self.tokens.iter().map_while(|token| match token {
            Token::Word(word) => Some(word.as_str()),
            _ => None,
        });
        words.collect()
    }
}

/// What is wrong with the arguments, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl UsageError {
    /// Without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UsageError {}

const JOIN: &str = "a value that begins with - is joined by =";

/// The first pass. What was understood before an error stands in `line`, so that the error can be told in the format asked for.
pub fn parse(args: &[OsString], line: &mut Line) -> Result<(), UsageError> {
    let mut parser = lexopt::Parser::from_args(args.iter().cloned());
    let mut literal = false;
    loop {
        literal |= parser.try_raw_args().is_some_and(|rest| rest.peek() == Some(OsStr::new("--")));
        let Some(argument) = parser.next().map_err(|error| UsageError::new(error.to_string()))? else { return Ok(()) };
        match argument {
            lexopt::Arg::Value(word) => {
                let word = text(word)?;
                line.tokens.push(if literal { Token::Literal(word) } else { Token::Word(word) });
            }
            lexopt::Arg::Short(letter) => match flags::GLOBAL.iter().find(|flag| flag.short == Some(letter)) {
                Some(flag) => line.set(flag, None)?,
                None => line.tokens.push(call_letter(letter).ok_or_else(|| unknown_letter(letter))?),
            },
            lexopt::Arg::Long(name) => {
                let name = name.to_owned();
                match flags::find(flags::GLOBAL, &name) {
                    Some(flag) => {
                        let value = global_value(flag, &mut parser)?;
                        line.set(flag, value)?;
                    }
                    None => {
                        let value = parser.optional_value().map(text).transpose()?;
                        line.tokens.push(Token::Option { name, value });
                    }
                }
            }
        }
    }
}

/// The format that is asked for anywhere in the arguments, also behind a place where reading them came to nothing.
pub fn wanted_format(args: &[OsString]) -> Option<Format> {
    let words: Vec<&str> =
        args.iter().map_while(|arg| arg.to_str().or(Some("")).filter(|word| *word != "--")).collect();
    let joined = |word: &&str| word.strip_prefix("--format=").and_then(Format::parse);
    let apart = |at: usize| Format::parse(words.get(at + 1).filter(|_| words[at] == "--format")?);
    (0..words.len()).rev().find_map(|at| joined(&words[at]).or_else(|| apart(at)))
}

/// What the environment says of flags that are not given. Those with a name of their own are read where they count. Everything that is
/// right is taken; the error is the first that is not.
pub fn environment(env: &Env, line: &mut Line) -> Result<(), UsageError> {
    let mut result = Ok(());
    for flag in flags::GLOBAL.iter().filter(|flag| flag.env.is_none() && !line.given.contains(&flag.name)) {
        let Some(variable) = flags::variable(flag) else { continue };
        let Some(value) = env.var(&variable) else { continue };
        let value = match (flag.takes, value) {
            (Takes::Nothing, "1") => "true",
            (Takes::Nothing, "0") => "false",
            (_, value) => value,
        };
        let set = line.globals.set(flag, Some(value.into()));
        result = result.and(set.map_err(|error| of_variable(error, flag, &variable)));
    }
    result
}

/// The same error, told of the variable.
fn of_variable(error: UsageError, flag: &Flag, variable: &str) -> UsageError {
    let flag_name = format!("--{}", flag.name);
    let cause = error.message.strip_prefix(&flag_name).unwrap_or(&error.message);
    let error = UsageError { message: format!("{variable}{cause}"), ..error };
    match flag.takes {
        Takes::Nothing => UsageError::new(format!("{variable}: the value is neither true nor false"))
            .hint("known: true, false, 1, 0; empty is as if it were not set"),
        _ => error,
    }
}

/// The letter of a switch that every tool has, as if it were written out.
fn call_letter(letter: char) -> Option<Token> {
    let flag = flags::CALL.iter().find(|flag| flag.short == Some(letter))?;
    Some(Token::Option { name: flag.name.to_owned(), value: None })
}

fn unknown_letter(letter: char) -> UsageError {
    let error = UsageError::new(format!("there is no option -{}", letter.escape_debug()));
    if letter.is_ascii_digit() || letter == '.' {
        error.hint(format!("{JOIN}, as in --offset=-1; arguments that begin with - stand after --"))
    } else {
        error.hint("a tool's own options are long ones; `--help` after a command lists them")
    }
}

fn global_value(flag: &Flag, parser: &mut lexopt::Parser) -> Result<Option<OsString>, UsageError> {
    if let Some(joined) = parser.optional_value() {
        return Ok(Some(joined));
    }
    if flag.takes == Takes::Nothing {
        return Ok(None);
    }
    let next = parser.try_raw_args().and_then(|rest| rest.peek().map(OsStr::to_owned));
    match next {
        None => Err(UsageError::new(format!("--{} needs a value", flag.name)).hint(flag.usage())),
        Some(next) if next.to_string_lossy().starts_with('-') && next != "-" => {
            Err(UsageError::new(format!("--{} needs a value", flag.name))
                .hint(format!("{JOIN}: --{}=VALUE", flag.name)))
        }
        Some(_) => parser.value().map(Some).map_err(|error| UsageError::new(error.to_string())),
    }
}

fn text(word: OsString) -> Result<String, UsageError> {
    word.into_string().map_err(|word| {
        let shown = word.to_string_lossy().escape_debug().to_string();
        UsageError::new(format!("the argument {shown} is not UTF-8")).hint("bytes go into a file: --body @FILE")
    })
}

impl Line {
    fn set(&mut self, flag: &'static Flag, value: Option<OsString>) -> Result<(), UsageError> {
        self.given.push(flag.name);
        self.globals.set(flag, value)
    }
}

impl Globals {
    /// Whether the flags go together.
    pub fn check(&self) -> Result<(), UsageError> {
        match self.format {
            Some(format) if format != Format::Table && !self.columns.is_empty() => {
                Err(UsageError::new("--columns are those of a table, and --format asks for something else")
                    .hint("leave one of them out; --query chooses members in every format"))
            }
            _ => Ok(()),
        }
    }

    /// Takes one flag in; the last one counts.
    fn set(&mut self, flag: &'static Flag, value: Option<OsString>) -> Result<(), UsageError> {
        match (flag.takes, value) {
            (Takes::Nothing, value) => self.set_switch(flag.name, is_on(flag, value)?),
            (_, Some(value)) if value.is_empty() => {
                return Err(UsageError::new(format!("--{} has an empty value", flag.name)).hint(flag.usage()));
            }
            (Takes::OneOf(values) | Takes::MaybeOneOf(values), Some(value)) => {
                let value = text(value)?;
                if !values.contains(&value.as_str()) {
                    return Err(not_one_of(flag, values, &value));
                }
                self.set_text(flag.name, value)?;
            }
            (Takes::Value(_), Some(value)) => match flag.name {
                "config" => self.config = Some(value.into()),
                "state-dir" => self.state_dir = Some(value.into()),
                "ca-cert" => self.ca_cert = Some(value.into()),
                name => self.set_text(name, text(value)?)?,
            },
            (_, None) => return Err(UsageError::new(format!("--{} needs a value", flag.name))),
        }
        Ok(())
    }

    fn set_switch(&mut self, name: &str, on: bool) {
        let field = match name {
            "approval" => &mut self.approval,
            "no-browser" => &mut self.no_browser,
            "no-input" => &mut self.no_input,
            "quiet" => &mut self.quiet,
            "verbose" => &mut self.verbose,
            "no-color" => &mut self.no_color,
            "help" => &mut self.help,
            _ => &mut self.version,
        };
        *field = on;
    }

    fn set_text(&mut self, name: &str, value: String) -> Result<(), UsageError> {
        match name {
            "runtime" => self.runtime = Some(value),
            "mode" => self.mode = Some(value),
            "agent-profile" => self.agent_profile = Some(value),
            "format" => self.format = Format::parse(&value),
            "query" => self.query = Some(Query::read(&value)?),
            "columns" => self.columns = columns::read(&value)?,
            "instance-id" => self.instance_id = Some(value),
            _ => self.timeout = Some(duration(&value)?),
        }
        Ok(())
    }
}

fn is_on(flag: &Flag, value: Option<OsString>) -> Result<bool, UsageError> {
    match value {
        None => Ok(true),
        Some(value) if value == "true" => Ok(true),
        Some(value) if value == "false" => Ok(false),
        Some(_) => Err(UsageError::new(format!("--{} takes no value but true or false", flag.name))),
    }
}

fn not_one_of(flag: &Flag, values: &[&str], value: &str) -> UsageError {
    let error = UsageError::new(format!("--{}: the value {} is unknown", flag.name, value.escape_debug()));
    match nearest(value, values.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near}? known: {}", values.join(", "))),
        None => error.hint(format!("known: {}", values.join(", "))),
    }
}

/// `30`, `30s`, `500ms`, `2m`, more than zero, at most a day.
fn duration(text: &str) -> Result<Duration, UsageError> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "" | "s" => Some(1.0),
        "ms" => Some(0.001),
        "m" => Some(60.0),
        _ => None,
    };
    let seconds = number.parse::<f64>().ok().zip(scale).map(|(number, scale)| number * scale);
    match seconds {
        Some(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(UsageError::new(format!("--timeout: {} is no time", text.escape_debug()))
            .hint("write it like 30, 30s, 500ms or 2m, up to a day")),
    }
}

/// What an option does with the word after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// It takes it.
    Value,
    /// It takes it when it is `true` or `false`, and else means `true`.
    MaybeBool,
    /// It takes nothing but `=true` and `=false`.
    Nothing,
}

/// Arguments and options with their values, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Words that belong to no option.
    pub words: Vec<String>,
    /// Names and values.
    pub options: Vec<(String, String)>,
}

impl Options {
    /// The last value of an option.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// The second pass: `wants` says what each option does with the word after it, or why there is no such option.
pub fn options(
    tokens: &[Token],
    mut wants: impl FnMut(&str) -> Result<Wants, UsageError>,
) -> Result<Options, UsageError> {
    let mut found = Options::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let (name, joined) = match token {
            Token::Word(word) | Token::Literal(word) => {
                found.words.push(word.clone());
                continue;
            }
            Token::Option { name, value } => (name, value),
        };
        let next = match tokens.get(at) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        };
        let value = match (wants(name)?, joined, next) {
            (_, Some(joined), _) => joined.clone(),
            (Wants::Value, None, Some(word)) => {
                at += 1;
                word.clone()
            }
            (Wants::MaybeBool, None, Some(word)) if word == "true" || word == "false" => {
                at += 1;
                word.clone()
            }
            (Wants::MaybeBool | Wants::Nothing, None, _) => "true".to_owned(),
            (Wants::Value, None, None) => {
                return Err(UsageError::new(format!("--{name} needs a value")).hint(format!("{JOIN}: --{name}=VALUE")));
            }
        };
        found.options.push((name.clone(), value));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(text: &str) -> (Line, Result<(), UsageError>) {
        let args: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
        let mut line = Line::default();
        let result = parse(&args, &mut line);
        (line, result)
    }

    fn word(text: &str) -> Token {
        Token::Word(text.to_owned())
    }

    fn option(name: &str, value: Option<&str>) -> Token {
        Token::Option { name: name.to_owned(), value: value.map(str::to_owned) }
    }

    #[track_caller]
    fn check(text: &str, tokens: &[Token], globals: Globals) {
        let (line, result) = pass(text);
        assert_eq!((line.tokens.as_slice(), line.globals, result), (tokens, globals, Ok(())), "{text}");
    }

    #[track_caller]
    fn wrong(text: &str, part: &str) {
        let error = pass(text).1.unwrap_err();
        let whole = format!("{error} ({})", error.hint.as_deref().unwrap_or(""));
        assert!(whole.contains(part), "{text}: {whole}");
    }

    #[test]
    fn h40_a_format_is_found_behind_what_is_wrong() {
        let wanted = |text: &str| wanted_format(&text.split_whitespace().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(wanted("-5 --format json"), Some(Format::Json));
        assert_eq!(wanted("--timeout x --format=yaml a"), Some(Format::Yaml));
        assert_eq!(wanted("--format json --format=yaml -x"), Some(Format::Yaml));
        for text in ["", "--format", "--format jsno", "a -- --format json", "--formats json"] {
            assert_eq!(wanted(text), None, "{text}");
        }
    }

    #[test]
    fn h32_globals_stand_anywhere_and_both_spellings_work() {
        let json = Globals { format: Some(Format::Json), ..Globals::default() };
        let words = [word("a"), word("b"), option("x", None), word("1")];
        for text in
            ["--format=json a b --x 1", "a --format json b --x 1", "a b --x 1 --format=json", "a b --x 1 --format json"]
        {
            check(text, &words, json.clone());
        }
        check(
            "a -- --format=json -x --",
            &[
                word("a"),
                Token::Literal("--format=json".into()),
                Token::Literal("-x".into()),
                Token::Literal("--".into()),
            ],
            Globals::default(),
        );
        check(
            "a --x=--format=json --y= -",
            &[word("a"), option("x", Some("--format=json")), option("y", Some("")), word("-")],
            Globals::default(),
        );
        check("--format json --format=yaml", &[], Globals { format: Some(Format::Yaml), ..Globals::default() });
        check("-qv --approval=false", &[], Globals { quiet: true, verbose: true, ..Globals::default() });
    }

    #[test]
    fn what_is_wrong_is_said() {
        wrong("--format", "--format needs a value");
        wrong("--format --x", "joined by =");
        wrong("--format= a", "empty value");
        wrong("--format jsno", "did you mean json?");
        wrong("--query a..b", "column 3");
        wrong("--columns a,,b", "no list of columns");
        wrong("--quiet=maybe", "takes no value");
        wrong("a --x -5", "--offset=-1");
        wrong("-z", "no option -z");
        for time in ["0", "x", "5h", "1e9", "-1", "99999m", "."] {
            wrong(&format!("--timeout={time}"), "is no time");
        }
    }

    #[test]
    fn every_global_of_the_table_has_its_place() {
        for flag in flags::GLOBAL {
            let value = match flag.takes {
                Takes::Nothing => None,
                Takes::OneOf(values) | Takes::MaybeOneOf(values) => Some(values[0]),
                Takes::Value(_) if flag.name == "timeout" => Some("1.5s"),
                Takes::Value(_) if flag.name == "query" => Some("v"),
                Takes::Value(_) => Some("/v"),
            };
            let mut globals = Globals::default();
            globals.set(flag, value.map(OsString::from)).unwrap();
            assert_ne!(globals, Globals::default(), "--{} is taken in nowhere", flag.name);
            assert!(!globals.version || flag.name == "version", "--{}", flag.name);
            assert!(globals.timeout.is_none() || flag.name == "timeout", "--{}", flag.name);
        }
    }

    fn with_environment(text: &str, variables: &[(&str, &str)]) -> (Line, Result<(), UsageError>) {
        let (mut line, parsed) = pass(text);
        parsed.unwrap();
        let pairs = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let result = environment(&Env::new(pairs), &mut line);
        (line, result)
    }

    #[test]
    fn every_global_of_the_table_has_its_variable() {
        for flag in flags::GLOBAL {
            let Some(variable) = flags::variable(flag) else {
                let (line, result) = with_environment("", &[(&format!("OPEN_CLI_{}", flag.name.to_uppercase()), "1")]);
                assert_eq!((line.globals, result), (Globals::default(), Ok(())), "--{}", flag.name);
                continue;
            };
            assert!(variable.starts_with("OPEN_CLI_"), "{variable}");
            // Read by the target and the instance, which tell them from flags.
            if flag.env.is_some() {
                continue;
            }
            let value = match flag.takes {
                Takes::Nothing => "1",
                Takes::OneOf(values) | Takes::MaybeOneOf(values) => values[0],
                Takes::Value(_) if flag.name == "timeout" => "1.5s",
                Takes::Value(_) if flag.name == "query" => "a.b",
                Takes::Value(_) => "/v",
            };
            let (line, result) = with_environment("", &[(&variable, value)]);
            assert_eq!(result, Ok(()));
            let mut by_flag = Globals::default();
            let given = if flag.takes == Takes::Nothing { "true" } else { value };
            by_flag.set(flag, Some(given.into())).unwrap();
            assert_eq!(line.globals, by_flag, "{variable}");
            assert_ne!(line.globals, Globals::default(), "{variable} says nothing");
            let (line, result) = with_environment("", &[(&variable, "")]);
            assert_eq!((line.globals, result), (Globals::default(), Ok(())), "empty is not set: {variable}");
        }
    }

    #[test]
    fn a_flag_wins_over_its_variable() {
        for (text, variables, expected) in [
            (
                "--format yaml",
                [("OPEN_CLI_FORMAT", "json")],
                Globals { format: Some(Format::Yaml), ..Globals::default() },
            ),
            (
                "--format yaml",
                [("OPEN_CLI_FORMAT", "jsno")],
                Globals { format: Some(Format::Yaml), ..Globals::default() },
            ),
            ("--quiet=false", [("OPEN_CLI_QUIET", "1")], Globals::default()),
            ("", [("OPEN_CLI_QUIET", "true")], Globals { quiet: true, ..Globals::default() }),
            ("", [("OPEN_CLI_QUIET", "0")], Globals::default()),
            ("", [("OPEN_CLI_APPROVAL", "1")], Globals::default()),
        ] {
            let (line, result) = with_environment(text, &variables);
            assert_eq!((line.globals, result), (expected, Ok(())), "{text} {variables:?}");
        }
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (variable, value, part) in [
            ("OPEN_CLI_FORMAT", "jsno", "OPEN_CLI_FORMAT: the value jsno is unknown (did you mean json?"),
            ("OPEN_CLI_TIMEOUT", "soon", "OPEN_CLI_TIMEOUT: soon is no time"),
            ("OPEN_CLI_MODE", "all", "OPEN_CLI_MODE: the value all is unknown"),
            (
                "OPEN_CLI_VERBOSE",
                "yes",
                "OPEN_CLI_VERBOSE: the value is neither true nor false (known: true, false, 1, 0",
            ),
        ] {
            let (_, result) = with_environment("", &[(variable, value)]);
            let error = result.unwrap_err();
            let whole = format!("{error} ({})", error.hint.as_deref().unwrap_or(""));
            assert!(whole.contains(part), "{whole}");
        }
    }

    #[test]
    fn the_second_pass_binds_late() {
        let (line, _) = pass("x --flag true a --flag b --name v --name=-w --list 1 -- --name");
        let wants = |name: &str| match name {
            "flag" => Ok(Wants::MaybeBool),
            "name" | "list" => Ok(Wants::Value),
            _ => Err(UsageError::new("unknown")),
        };
        let found = options(&line.tokens, wants).unwrap();
        assert_eq!(found.words, ["x", "a", "b", "--name"]);
        let pairs: Vec<_> = found.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["flag=true", "flag=true", "name=v", "name=-w", "list=1"]);
        for (text, part) in [
            ("--name", "needs a value"),
            ("--name --list 1", "needs a value"),
            ("--name -- v", "needs a value"),
            ("--what", "unknown"),
        ] {
            let error = options(&pass(text).0.tokens, wants).unwrap_err();
            assert!(error.message.contains(part), "{text}: {error}");
        }
    }
}
