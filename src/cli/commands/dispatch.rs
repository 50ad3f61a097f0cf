//! The way from the words of a command line to a built-in command or to a tool.

use super::{BUILT_IN, BuiltIn, call, explained};
use crate::base::name::nearest;
use crate::cli::args::{self, Line, Options, Token, UsageError, Wants};
use crate::cli::flags::{self, Takes};
use crate::cli::help;
use crate::cli::report::Failure;
use crate::cli::world::World;

/// Commands of the contract that this version does not have: never taken for services.
const LATER: &[&[&str]] = &[&["workflow"]];

/// Runs one command line.
pub fn run(world: &mut World<'_>, line: &Line) -> Result<(), Failure> {
    if line.globals.version {
        return world.console.text(&format!("open-cli {}\n", crate::VERSION));
    }
    let mut words = line.words();
    let mut tokens = line.tokens.as_slice();
    let by_word = words.first() == Some(&"help");
    let help = line.globals.help || by_word;
    if by_word {
        words.remove(0);
        tokens = &tokens[1..];
        let topic = if let [word] = words[..] { help::topic::page(word) } else { None };
        if let Some(page) = topic {
            return world.console.page(&page);
        }
    }
    let Some(&first) = words.first() else { return nothing(world, tokens) };
    if LATER.iter().any(|later| words.starts_with(later)) {
        return Err(Failure::not_supported(&format!("`open-cli {}`", words[..words.len().min(2)].join(" "))));
    }
    let family: Vec<&BuiltIn> = BUILT_IN.iter().filter(|command| command.words[0] == first).collect();
    if family.is_empty() {
        return match (help, &words[..]) {
            (true, [word]) if by_word => explained::word(world, word),
            (true, words) => explained::words(world, words),
            (false, words) => call::run(world, words, tokens),
        };
    }
    let command = family.iter().find(|command| words.starts_with(command.words)).copied();
    match command {
        Some(command) if help => world.console.page(&help::built_in(&[command])),
        None if help || words.len() == 1 => world.console.page(&help::built_in(&family)),
        Some(command) => {
            let options = bind(command, &tokens[command.words.len()..])?;
            (command.run)(world, &options).map_err(|failure| failure.explained_by(&command.words.join(" ")))
        }
        None => {
            let below: Vec<&BuiltIn> =
                family.iter().filter(|one| one.words.len() > 2 && one.words[1] == words[1]).copied().collect();
            match words.get(2) {
                None if !below.is_empty() => world.console.page(&help::built_in(&below)),
                Some(word) if !below.is_empty() => Err(no_command(&below, 2, word).into()),
                _ => Err(no_command(&family, 1, words[1]).into()),
            }
        }
    }
}

/// No words: help, unless flags stand where words should.
fn nothing(world: &mut World<'_>, tokens: &[Token]) -> Result<(), Failure> {
    match tokens.first() {
        Some(Token::Option { name, .. }) => {
            let shown = name.escape_debug();
            let error = UsageError::new(format!("there is no global flag --{shown}"));
            let near = nearest(name, flags::GLOBAL.iter().map(|flag| flag.name));
            Err(match near {
                Some(near) => error.hint(format!("did you mean --{near}?")).into(),
                None => error.hint("a tool's flags stand after its command words").into(),
            })
        }
        Some(_) => Err(UsageError::new("a command begins with a word, not with --").into()),
        None => explained::root(world),
    }
}

/// The commands share the words before the one at `at`.
fn no_command(family: &[&BuiltIn], at: usize, word: &str) -> UsageError {
    let first = family[0].words[..at].join(" ");
    let error = UsageError::new(format!("{first} has no command `{}`", word.escape_debug()));
    let mut known: Vec<&str> = family.iter().filter_map(|command| command.words.get(at).copied()).collect();
    known.dedup();
    match nearest(word, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `open-cli {first} {near}`?")),
        None => error.hint(format!("known: {}", known.join(", "))),
    }
}

/// The second pass for a built-in command.
fn bind(command: &BuiltIn, tokens: &[Token]) -> Result<Options, UsageError> {
    let usage = || format!("usage: open-cli {}", command.usage());
    let found = args::options(tokens, |name| match command.options.iter().find(|flag| flag.name == name) {
        Some(flag) if flag.takes == Takes::Nothing => Ok(Wants::Nothing),
        Some(_) => Ok(Wants::Value),
        None => {
            let error = UsageError::new(format!("{} has no flag --{}", command.words.join(" "), name.escape_debug()));
            let known = command.options.iter().chain(flags::GLOBAL).map(|flag| flag.name);
            Err(match nearest(name, known) {
                Some(near) => error.hint(format!("did you mean --{near}?")),
                None => error.hint(usage()),
            })
        }
    })?;
    for (name, value) in &found.options {
        let takes = command.options.iter().find(|flag| flag.name == name).map(|flag| flag.takes);
        let wrong = match takes {
            Some(Takes::OneOf(values)) if !values.contains(&value.as_str()) => {
                let near = nearest(value, values.iter().copied()).map(|near| format!("did you mean {near}? "));
                format!("{}known: {}", near.unwrap_or_default(), values.join(", "))
            }
            Some(Takes::Nothing) if value != "true" && value != "false" => "it takes no value".to_owned(),
            _ => continue,
        };
        return Err(UsageError::new(format!("--{name}: {} is not a value of it", value.escape_debug())).hint(wrong));
    }
    let (least, most) = command.takes;
    if found.words.len() < least {
        return Err(UsageError::new(format!("{} needs {}", command.words.join(" "), command.arguments)).hint(usage()));
    }
    match found.words.get(most) {
        Some(extra) => Err(UsageError::new(format!("{} is one word too many", extra.escape_debug())).hint(usage())),
        None => Ok(found),
    }
}
