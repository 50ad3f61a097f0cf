//! A call of which something may be missing: what was typed, checked, and what a person can be asked for. Pure.
//!
//! [`Draft::read`] takes what is there; [`Draft::missing`], [`Draft::question`] and [`Draft::answer`] are for whoever asks;
//! [`Draft::finish`] says what is still missing, or gives the whole call.

use serde_json::{Map, Value};

use crate::catalog::files::multipart;
use crate::catalog::{Parameter, Tool};
use crate::cli::args::{self, Token, UsageError, Wants};
use crate::cli::assign::Assigned;
use crate::cli::body::{BodyFlag, Shape};
use crate::cli::files::{self, FileSource};
use crate::cli::{flags, shorthand, value};
use crate::contract::ExecuteRequest;

use super::{
    BodySource, Bound, CallOptions, as_typed, content_type, flags_of, give_key, is_needed, lookup, wants_of, wrong,
};

/// A call as it was typed: what is there is right, and something may be missing.
pub struct Draft<'t> {
    tool: &'t Tool,
    known: Vec<(String, &'t Parameter)>,
    call: CallOptions,
    path_args: Vec<String>,
    flags: Map<String, Value>,
    shape: Option<Shape<'t>>,
    members: Assigned,
    content_type: Option<String>,
    files: Vec<FileSource>,
}

/// What a draft lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// An argument, counted from 0.
    Argument(usize),
    /// A parameter's flag, by the name typed.
    Flag(String),
    /// A member of the body, by its flag's name.
    Member(String),
    /// A file of the body, by its member's name.
    File(String),
}

impl<'t> Draft<'t> {
    /// Reads and checks what was typed.
    pub fn read(tool: &'t Tool, tokens: &[Token]) -> Result<Self, UsageError> {
        let known = flags_of(tool);
        let shape = shape_of(tool, &known, tokens);
        let found = args::options(tokens, |name| wants_of(tool, &known, shape.as_ref(), name))?;
        let mut given: Vec<(&Parameter, String, Vec<String>)> = Vec::new();
        let mut of_body: Vec<(String, Vec<String>)> = Vec::new();
        let mut call = CallOptions::default();
        for (name, text) in found.options {
            if flags::find(flags::CALL, &name).is_some() {
                call.take(&name, text)?;
            } else if let Some((typed, flag)) = lookup(&known, &name) {
                match given.iter_mut().find(|(other, _, _)| std::ptr::eq(*other, flag)) {
                    Some((_, _, values)) => values.push(text),
                    None => given.push((flag, typed.to_owned(), vec![text])),
                }
            } else if let Some(flag) = shape.as_ref().and_then(|shape| shape.flag(&name)) {
                match of_body.iter_mut().find(|(other, _)| *other == flag.name) {
                    Some((_, values)) => values.push(text),
                    None => of_body.push((flag.name.clone(), vec![text])),
                }
            }
        }
        let mut flags = Map::new();
        for (flag, typed, values) in &given {
            let value = match value::read(flag.schema.as_ref(), values) {
                Err(_) if call.no_validate => as_typed(values),
                read => read.map_err(|cause| wrong(tool, &format!("--{typed}"), values.last(), &cause))?,
            };
            flags.insert(flag.name.clone(), value);
        }
        if let Some(key) = &call.idempotency_key {
            give_key(tool, &mut flags, key)?;
        }
        let content_type = content_type(tool, &call)?;
        let files = files::sources(tool, &call.files)?;
        let mut words = found.words;
        let rest = words.split_off(words.len().min(tool.path_params.len()));
        let path_args = path_arguments(tool, words, call.no_validate)?;
        let mut draft =
            Self { tool, known, call, path_args, flags, shape, members: Assigned::default(), content_type, files };
        draft.take_members(&of_body, &rest)?;
        Ok(draft)
    }

    fn take_members(&mut self, of_body: &[(String, Vec<String>)], words: &[String]) -> Result<(), UsageError> {
        let (tool, as_typed) = (self.tool, self.call.no_validate);
        let stray = words.iter().find(|word| self.shape.is_none() || !shorthand::looks_like(word));
        if let Some(word) = stray {
            return Err(no_place(tool, word, self.shape.is_some()));
        }
        let Some(shape) = &self.shape else { return Ok(()) };
        for (name, values) in of_body {
            let Some(flag) = shape.flag(name) else { continue };
            shape
                .set_flag(&mut self.members, flag, values, as_typed)
                .map_err(|cause| wrong(tool, &format!("--{name}"), values.last(), &cause))?;
        }
        shape
            .set_words(&mut self.members, words, as_typed)
            .map_err(|error| UsageError { message: format!("{}: {}", tool.id, error.message), hint: error.hint })
    }

    /// What must be given and is not, in the order in which a person is asked.
    pub fn missing(&self) -> Vec<Missing> {
        let mut missing: Vec<Missing> =
            (self.path_args.len()..self.tool.path_params.len()).map(Missing::Argument).collect();
        missing.extend(self.missing_flags().map(|(name, _)| Missing::Flag(name.clone())));
        let begun = !self.members.is_empty() || !self.files.is_empty();
        let needed = self.tool.request_body.as_ref().is_some_and(|body| body.required);
        if self.call.body.is_none()
            && !self.call.no_validate
            && (begun || needed)
            && let Some(shape) = &self.shape
        {
            missing.extend(self.missing_members().into_iter().map(|flag| Missing::Member(flag.name.clone())));
            let files = shape
                .files
                .iter()
                .filter(|file| file.required && !self.has_file(&file.name) && !self.members.has(&file.name));
            missing.extend(files.map(|file| Missing::File(file.name.clone())));
        }
        missing
    }

    fn missing_flags(&self) -> impl Iterator<Item = &(String, &'t Parameter)> {
        self.known.iter().filter(|(_, flag)| is_needed(self.tool, flag) && !self.flags.contains_key(&flag.name))
    }

    fn missing_members(&self) -> Vec<&BodyFlag> {
        self.shape.as_ref().map_or_else(Vec::new, |shape| shape.missing(&self.members, |name| self.has_file(name)))
    }

    fn has_file(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.name == name)
    }

    /// Whether something of the call comes from standard input, so that no answers can.
    pub fn reads_stdin(&self) -> bool {
        self.reads_of_stdin() > 0
    }

    fn reads_of_stdin(&self) -> usize {
        let files = self.files.iter().filter(|file| file.path.is_none()).count();
        files + self.members.reads_of_stdin() + usize::from(self.call.body == Some(BodySource::Stdin))
    }

    /// The question for something that is missing.
    pub fn question(&self, missing: &Missing) -> Question {
        let of_parameter = |label: String, parameter: &Parameter| Question {
            label,
            name: parameter.original_name.clone(),
            value: value::flag_label(parameter.schema.as_ref()),
            description: parameter.description.trim().lines().next().unwrap_or("").to_owned(),
            asked: parameter.schema.as_ref().map(|schema| value::asked(&schema.value(), &[])).unwrap_or_default(),
        };
        match missing {
            Missing::Argument(at) => {
                let parameter = &self.tool.path_params[*at];
                of_parameter(format!("<{}>", parameter.name), parameter)
            }
            Missing::Flag(name) => match lookup(&self.known, name) {
                Some((typed, parameter)) => of_parameter(format!("--{typed}"), parameter),
                None => Question::default(),
            },
            Missing::Member(name) => {
                let shape = self.shape.as_ref();
                let found = shape.and_then(|shape| shape.flag(name).map(|flag| (flag, shape.asked(flag))));
                found.map_or_else(Question::default, |(flag, asked)| Question {
                    label: format!("--{name}"),
                    name: flag.member.name.clone(),
                    value: flag.member.label.clone(),
                    description: flag.member.description.clone(),
                    asked,
                })
            }
            Missing::File(name) => {
                let found = self.shape.iter().flat_map(|shape| &shape.files).find(|file| file.name == *name);
                let description = found.map(|file| file.description.clone()).unwrap_or_default();
                let label = format!("--file {name}=PATH");
                Question {
                    label,
                    name: name.clone(),
                    value: String::new(),
                    description,
                    asked: value::Asked::default(),
                }
            }
        }
    }

    /// Takes an answer in; the error says what is wrong with it.
    pub fn answer(&mut self, missing: &Missing, values: &[String]) -> Result<(), String> {
        let (tool, as_typed) = (self.tool, self.call.no_validate);
        match missing {
            Missing::Argument(at) => {
                let text = values.first().map_or("", String::as_str);
                check_argument(&tool.path_params[*at], text, as_typed)?;
                self.path_args.push(text.to_owned());
            }
            Missing::Flag(name) => {
                if let Some((_, parameter)) = lookup(&self.known, name) {
                    let value = value::read(parameter.schema.as_ref(), values)?;
                    self.flags.insert(parameter.name.clone(), value);
                }
            }
            Missing::Member(name) => {
                if let Some((shape, flag)) = self.shape.as_ref().and_then(|shape| Some((shape, shape.flag(name)?))) {
                    // What is wrong in the middle of an object leaves nothing of it behind.
                    let mut members = self.members.clone();
                    shape.set_flag(&mut members, flag, values, as_typed)?;
                    self.members = members;
                }
            }
            Missing::File(name) => {
                let text = format!("{name}={}", values.first().map_or("", String::as_str));
                self.files.extend(files::sources(tool, &[text]).map_err(|error| error.message)?);
            }
        }
        Ok(())
    }

    /// The call, if nothing is missing.
    pub fn finish(self) -> Result<Bound, UsageError> {
        self.check_missing()?;
        if self.reads_of_stdin() > 1 {
            let error = UsageError::new("--body, --file and members cannot share standard input");
            return Err(error.hint("one of them may be `-`"));
        }
        let pages = self.call.pages()?;
        let made = self.shape.as_ref().filter(|_| !self.members.is_empty() && self.files.is_empty());
        let request = ExecuteRequest {
            tool_id: self.tool.id.clone(),
            path_args: self.path_args,
            flags: self.flags,
            content_type: self.content_type.or_else(|| made.and_then(Shape::media_type)),
            accept: self.call.accept.clone(),
            no_validate: self.call.no_validate,
            ..ExecuteRequest::default()
        };
        let (dry_run, wait) = (self.call.dry_run, self.call.wait);
        let (body, members, files) = (self.call.body, self.members, self.files);
        Ok(Bound { request, body, members, files, dry_run, answer: self.call.answer, pages, wait })
    }

    fn check_missing(&self) -> Result<(), UsageError> {
        let tool = self.tool;
        let flags: Vec<String> = self
            .missing_flags()
            .map(|(name, flag)| format!("--{name} {}", value::flag_label(flag.schema.as_ref())))
            .collect();
        if !flags.is_empty() {
            let error = UsageError::new(format!("{} needs {}", tool.id, flags.join(", ")));
            return Err(error.hint("--help explains its flags"));
        }
        if let Some(missing) = tool.path_params.get(self.path_args.len()..).filter(|missing| !missing.is_empty()) {
            let names: Vec<&str> = missing.iter().map(|param| param.name.as_str()).collect();
            return Err(UsageError::new(format!("{} needs the argument {}", tool.id, names.join(", ")))
                .hint(format!("its arguments: {}", arguments(tool))));
        }
        if self.members.is_empty() {
            return self.check_body();
        }
        let members: Vec<String> =
            self.missing_members().iter().map(|flag| format!("--{} {}", flag.name, flag.member.label)).collect();
        if members.is_empty() || self.call.body.is_some() || self.call.no_validate {
            return Ok(());
        }
        Err(UsageError::new(format!("{} needs {} in its body", tool.id, members.join(", ")))
            .hint("--help explains the members; --no-validate sends a body without them"))
    }

    fn check_body(&self) -> Result<(), UsageError> {
        let tool = self.tool;
        match (&tool.request_body, &self.call.body) {
            (None, Some(_)) => Err(UsageError::new(format!("{} takes no body", tool.id))),
            (Some(body), None) if body.required && self.files.is_empty() => {
                let error = UsageError::new(format!("{} needs a body", tool.id));
                Err(error.hint(self.ways_to_a_body()))
            }
            _ => Ok(()),
        }
    }

    fn ways_to_a_body(&self) -> String {
        let tool = self.tool;
        // The last argument was counted as one.
        if let Some(word) = self.path_args.last().filter(|word| self.shape.is_some() && shorthand::looks_like(word)) {
            let names = arguments(tool);
            return format!(
                "{word:?} was taken for one of its arguments, {names}; members of the body stand behind them"
            );
        }
        let needed: Vec<String> = self.missing_members().iter().map(|flag| format!("--{}", flag.name)).collect();
        let flags = match (needed.is_empty(), self.shape.as_ref().is_some_and(|shape| !shape.flags.is_empty())) {
            (false, _) => format!("by its members, {} at least, or ", needed.join(" ")),
            (true, true) => "by its members, or ".to_owned(),
            (true, false) => String::new(),
        };
        let files = if multipart(tool).is_some() { ", its files as --file NAME=PATH" } else { "" };
        format!(
            "give it {flags}as --body '{{..}}', --body @FILE or --body -{files}; `open-cli tool schema {}` shows its form",
            tool.id
        )
    }
}

/// What a person is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// How it would have been given: `--title`, `<id>`.
    pub label: String,
    /// The API's own name of it.
    pub name: String,
    /// What help calls the value.
    pub value: String,
    /// One line.
    pub description: String,
    /// What may be answered.
    pub asked: value::Asked,
}

/// Whether the summary of a tool is not enough to bind these tokens: it leaves out most of what a body holds.
pub fn needs_whole(tool: &Tool, tokens: &[Token]) -> bool {
    let Some(body) = &tool.request_body else { return false };
    let known = flags_of(tool);
    let is_call = |name: &str| flags::find(flags::CALL, name).is_some();
    let mut unknown = false;
    let found = args::options(tokens, |name| {
        unknown |= !is_call(name) && lookup(&known, name).is_none();
        wants_of(tool, &known, None, name).or(Ok(Wants::Value))
    });
    let Ok(found) = found else { return true };
    let has = |wanted: &str| found.options.iter().any(|(name, _)| name == wanted);
    unknown || found.words.len() > tool.path_params.len() || (body.required && !has("body") && !has("file"))
}

/// The body that members make here. Which media type that is, two flags say, wherever they stand.
pub(super) fn shape_of<'t>(tool: &'t Tool, known: &[(String, &Parameter)], tokens: &[Token]) -> Option<Shape<'t>> {
    tool.request_body.as_ref()?;
    let at =
        |wanted: &str| tokens.iter().position(|token| matches!(token, Token::Option { name, .. } if name == wanted));
    let asked = at("content-type").and_then(|at| match (&tokens[at], tokens.get(at + 1)) {
        (Token::Option { value: Some(joined), .. }, _) => Some(joined.as_str()),
        (_, Some(Token::Word(word))) => Some(word.as_str()),
        _ => None,
    });
    let parameters: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    Shape::of(tool, asked, at("file").is_some(), &parameters)
}

/// Those that are given, checked.
fn path_arguments(tool: &Tool, words: Vec<String>, no_validate: bool) -> Result<Vec<String>, UsageError> {
    for (param, word) in tool.path_params.iter().zip(&words) {
        check_argument(param, word, no_validate).map_err(|cause| wrong(tool, &param.name, Some(word), &cause))?;
    }
    Ok(words)
}

fn check_argument(param: &Parameter, word: &str, no_validate: bool) -> Result<(), String> {
    match word {
        "" => Err("is empty".to_owned()),
        _ if no_validate => Ok(()),
        word => value::check(param.schema.as_ref(), word),
    }
}

fn arguments(tool: &Tool) -> String {
    tool.path_params.iter().map(|param| format!("<{}>", param.name)).collect::<Vec<_>>().join(" ")
}

fn no_place(tool: &Tool, word: &str, takes_members: bool) -> UsageError {
    let error = UsageError::new(format!("{} has no place for the argument {word:?}", tool.id));
    match (takes_members, tool.path_params.is_empty()) {
        (true, _) => {
            error.hint("members of the body are given as NAME=VALUE; a flag's value stands right behind its flag")
        }
        (false, true) => error.hint("it takes no arguments; a flag's value stands right behind its flag"),
        (false, false) => error.hint(format!("its arguments: {}", arguments(tool))),
    }
}
