//! What is under the cursor, and so what is offered there.
//!
//! Pure: the line, and what is known of configuration and catalog.

use crate::catalog::Tool;

use crate::cli::args::{self, Options, Token, Wants};
use crate::cli::commands::{self, BuiltIn};
use crate::cli::flags::{self, Flag, Takes};
use crate::cli::tree::{self, Found};
use crate::cli::{bind, value};

use super::Known;
use super::arguments::{self, Values};
use super::offers::Offers;
use super::read::Read;
use super::words;

/// Everything that fits at the cursor.
pub fn offers(read: &Read, known: &dyn Known) -> Offers {
    let place = Place { read, known };
    if let Some(flag) = read.waiting.filter(|_| !read.is_flag() || read.current == "-") {
        let mut offers = Offers::default();
        place.values(&mut offers, flag, &Options::default());
        return offers;
    }
    let mut names = read.line.words();
    let mut tokens = read.line.tokens.as_slice();
    let help = names.first() == Some(&"help");
    if help {
        names.remove(0);
        tokens = &tokens[1..];
    }
    if let Some(command) = commands::BUILT_IN.iter().find(|command| names.starts_with(command.words)) {
        return place.built_in(command, &tokens[command.words.len()..], help);
    }
    // An option in between: only a tool's words can have ended before it.
    let whole = names.len() == tokens.len();
    if names.first().is_some_and(|&first| !words::is_built_in(first)) {
        return place.of_catalog(&names, tokens, help);
    }
    place.global_or(|offers| {
        if whole {
            words::built_in(offers, &names);
        }
        if names.is_empty() && whole {
            words::services(offers, known.index());
            match help {
                true => words::topics(offers),
                false => words::help(offers),
            }
        }
    })
}

struct Place<'a> {
    read: &'a Read,
    known: &'a dyn Known,
}

/// What stands behind a command's words.
struct Behind {
    options: Options,
    /// The option that the word at the cursor may be a value of.
    waiting: Option<(String, Wants)>,
}

impl Behind {
    /// `None` when it is wrong already.
    fn of(tokens: &[Token], wants: impl Fn(&str) -> Option<Wants>, closed: bool) -> Option<Self> {
        let told = |name: &str| wants(name).ok_or_else(|| args::UsageError::new("no such flag"));
        let waiting = match tokens.last() {
            Some(Token::Option { name, value: None }) if !closed => {
                Some((name.clone(), wants(name)?)).filter(|(_, wants)| *wants != Wants::Nothing)
            }
            _ => None,
        };
        let whole = &tokens[..tokens.len() - usize::from(waiting.is_some())];
        Some(Self { options: args::options(whole, told).ok()?, waiting })
    }

    fn has(&self, name: &str) -> bool {
        let mut names =
            self.options.options.iter().map(|(name, _)| name).chain(self.waiting.iter().map(|(name, _)| name));
        names.any(|given| given == name)
    }
}

impl Place<'_> {
    /// Global flags where a flag stands, else what `words` offers.
    fn global_or(&self, words: impl FnOnce(&mut Offers)) -> Offers {
        let mut offers = Offers::default();
        match (self.read.is_flag(), self.joined()) {
            (true, Some((name, _))) => match flags::find(flags::GLOBAL, name) {
                Some(flag) => return self.joined_values(flag, &Options::default()),
                None => return offers,
            },
            (true, None) => self.global_flags(&mut offers),
            (false, _) => words(&mut offers),
        }
        offers
    }

    /// Name and value of `--name=value`.
    fn joined(&self) -> Option<(&str, &str)> {
        self.read.current.strip_prefix("--")?.split_once('=')
    }

    fn joined_values(&self, flag: &Flag, options: &Options) -> Offers {
        let mut offers = Offers::behind(&format!("--{}=", flag.name));
        self.values(&mut offers, flag, options);
        offers
    }

    fn global_flags(&self, offers: &mut Offers) {
        let free = |flag: &&Flag| !self.read.given.contains(flag.name);
        flags::GLOBAL.iter().filter(free).for_each(|flag| self.flag(offers, flag));
    }

    fn flag(&self, offers: &mut Offers, flag: &Flag) {
        let name = format!("--{}", flag.name);
        offers.flag(name.clone(), flag.help);
        if let Takes::MaybeOneOf(values) = flag.takes
            && self.read.current == name
        {
            values.iter().for_each(|value| offers.flag(format!("{name}={value}"), flag.help));
        }
    }

    /// The value at the cursor, without `--name=`.
    fn value(&self) -> &str {
        match self.joined() {
            Some((_, value)) if self.read.is_flag() => value,
            _ => &self.read.current,
        }
    }

    /// The values of a flag of the tables.
    fn values(&self, offers: &mut Offers, flag: &Flag, options: &Options) {
        match flag.takes {
            Takes::Nothing => ["true", "false"].iter().for_each(|value| offers.word(value, "")),
            Takes::OneOf(values) | Takes::MaybeOneOf(values) => values.iter().for_each(|value| offers.word(value, "")),
            Takes::Value(placeholder) => {
                Values::of_flag(flag.name, placeholder).offer(offers, self.known, options);
            }
        }
    }

    fn built_in(&self, command: &BuiltIn, tokens: &[Token], help: bool) -> Offers {
        let own = |name: &str| command.options.iter().find(|flag| flag.name == name);
        let wants =
            |name: &str| own(name).map(|flag| if flag.takes == Takes::Nothing { Wants::Nothing } else { Wants::Value });
        let Some(behind) = Behind::of(tokens, wants, self.read.closed) else { return Offers::default() };
        let mut offers = Offers::default();
        if self.read.is_flag() && !(self.read.current == "-" && behind.waiting.is_some()) {
            return match self.joined() {
                Some((name, _)) => match own(name).or_else(|| flags::find(flags::GLOBAL, name)) {
                    Some(flag) => self.joined_values(flag, &behind.options),
                    None => offers,
                },
                None => {
                    let free = |flag: &&Flag| flag.repeats || !behind.has(flag.name);
                    command.options.iter().filter(free).for_each(|flag| self.flag(&mut offers, flag));
                    self.global_flags(&mut offers);
                    offers
                }
            };
        }
        match behind.waiting.as_ref().and_then(|(name, _)| own(name)) {
            Some(flag) => self.values(&mut offers, flag, &behind.options),
            None if !help && behind.options.words.len() < command.takes.1 => {
                arguments::of_built_in(&mut offers, command, &behind.options.words, self.known);
            }
            None => {}
        }
        offers
    }

    fn of_catalog(&self, names: &[&str], tokens: &[Token], help: bool) -> Offers {
        let Some(index) = self.known.index() else { return self.global_or(|_| {}) };
        match tree::find(index, names) {
            Ok(Found::Level(level)) if names.len() == tokens.len() => {
                self.global_or(|offers| words::level(offers, &level))
            }
            Ok(Found::Tool { row, used }) => match index.tool(&row) {
                Ok(tool) => self.tool(&tool, &tokens[used..], help),
                Err(_) => Offers::default(),
            },
            _ => self.global_or(|_| {}),
        }
    }

    fn tool(&self, tool: &Tool, tokens: &[Token], help: bool) -> Offers {
        let Some(behind) = Behind::of(tokens, |name| bind::wants(tool, name).ok(), self.read.closed) else {
            return Offers::default();
        };
        let mut offers = Offers::default();
        if self.read.is_flag() && !(self.read.current == "-" && behind.waiting.is_some()) {
            let Some((name, _)) = self.joined() else {
                self.flags_of(&mut offers, tool, &behind);
                return offers;
            };
            if let Some(flag) = flags::find(flags::GLOBAL, name) {
                return self.joined_values(flag, &behind.options);
            }
            offers = Offers::behind(&format!("--{name}="));
            self.tool_values(&mut offers, tool, name);
            return offers;
        }
        match &behind.waiting {
            Some((name, wants)) => {
                self.tool_values(&mut offers, tool, name);
                if *wants == Wants::Value {
                    return offers;
                }
            }
            None if help => return offers,
            None => {}
        }
        let at = behind.options.words.len();
        match tool.path_params.get(at) {
            Some(parameter) => arguments::of_schema(&mut offers, parameter.schema.as_ref(), &parameter.description),
            None => arguments::of_member(&mut offers, tool, &self.read.current),
        }
        offers
    }

    /// The tool's own flags, those of every tool, and the global ones, without those that are there and are given once.
    fn flags_of(&self, offers: &mut Offers, tool: &Tool, behind: &Behind) {
        for (name, parameter) in bind::flags_of(tool) {
            let there = behind.has(&name) || behind.has(&parameter.original_name);
            if !there || value::repeats(parameter.schema.as_ref()) {
                let about = match parameter.description.trim() {
                    "" => value::flag_label(parameter.schema.as_ref()),
                    said => said.to_owned(),
                };
                let needed = if bind::is_needed(tool, parameter) { "required: " } else { "" };
                offers.flag(format!("--{name}"), &format!("{needed}{about}"));
            }
        }
        for flag in bind::body_of(tool).iter().flat_map(|shape| &shape.flags) {
            let member = &flag.member;
            if !behind.has(&flag.name) && !behind.has(&member.name) || member.label.ends_with("..") {
                let about = if member.description.is_empty() { &member.label } else { &member.description };
                let needed = if member.required { "required: " } else { "" };
                offers.flag(format!("--{}", flag.name), &format!("{needed}{about}"));
            }
        }
        for flag in flags::CALL.iter().filter(|flag| bind::has_use(tool, flag)) {
            if flag.repeats || !behind.has(flag.name) {
                self.flag(offers, flag);
            }
        }
        self.global_flags(offers);
    }

    fn tool_values(&self, offers: &mut Offers, tool: &Tool, name: &str) {
        if let Some(flag) = flags::find(flags::CALL, name) {
            return match name {
                "body" => arguments::body(offers, self.value()),
                "file" => arguments::file(offers, tool, self.value()),
                "content-type" => tool.body_types().iter().for_each(|media| offers.word(media, "")),
                _ => self.values(offers, flag, &Options::default()),
            };
        }
        if let Some(parameter) = bind::flag_of(tool, name) {
            return arguments::of_schema(offers, parameter.schema.as_ref(), "");
        }
        if let Some(shape) = bind::body_of(tool) {
            shape.choices(name).iter().for_each(|choice| offers.word(choice, ""));
        }
    }
}
