//! Operations of one description to the tools of one service: ids, words, safety and the `x-cli-*` extensions (contract 6).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::naming::{self, FlagWish, Wish};
use super::safety::{self, Granted};
use super::{AuthRequirement, BodyContent, Output, Pagination, Parameter, Place, RequestBody, Retry, Safety, Tool};
use crate::base::id::{ServiceId, ToolId};
use crate::base::name::{Unique, kebab};
use crate::base::url::Url;
use crate::http::Method;
use crate::openapi::operations::template_names;
use crate::openapi::{self, Description, Operation, Problem, Severity};

/// Characters of a summary that was taken from a description.
const SUMMARY_CHARS: usize = 120;

/// The service that tools are made for.
#[derive(Debug)]
pub struct Target<'a> {
    /// Its id.
    pub id: &'a ServiceId,
    /// `services.<id>.server`, which replaces all of the publisher's.
    pub server: Option<&'a Url>,
    /// What the config says of the safety of its operations.
    pub granted: &'a Granted,
}

/// All tools of a service, in document order, and what had to be changed.
pub fn tools(target: &Target<'_>, description: &Description) -> (Vec<Tool>, Vec<Problem>) {
    let mut drafts = Drafts {
        target,
        problems: Vec::new(),
        found: Vec::new(),
        ids: published_ids(target, description),
        seen: BTreeSet::new(),
    };
    for operation in description.operations.iter().filter(|operation| !is_ignored(operation)) {
        drafts.add(operation);
    }
    drafts.settle_commands();
    drafts.settle_aliases();
    (drafts.found.into_iter().map(|draft| draft.tool).collect(), drafts.problems)
}

fn is_ignored(operation: &Operation) -> bool {
    operation.extensions.get("x-cli-ignore") == Some(&Value::Bool(true))
}

/// Ids that are published as such, so that a numbered one never takes them.
fn published_ids(target: &Target<'_>, description: &Description) -> Unique {
    let mut ids = Unique::default();
    for operation in description.operations.iter().filter(|operation| !is_ignored(operation)) {
        ids.reserve(&plain_id(target, operation));
    }
    ids
}

fn plain_id(target: &Target<'_>, operation: &Operation) -> String {
    match &operation.operation_id {
        Some(id) => format!("{}:{id}", target.id),
        None => format!("{}:{}:{}", target.id, operation.method.as_str().to_ascii_lowercase(), operation.path),
    }
}

struct Draft<'a> {
    tool: Tool,
    chosen: bool,
    operation: &'a Operation,
}

struct Drafts<'a> {
    target: &'a Target<'a>,
    problems: Vec<Problem>,
    found: Vec<Draft<'a>>,
    /// Those published, and those given.
    ids: Unique,
    /// Those published that an operation has already.
    seen: BTreeSet<String>,
}

impl<'a> Drafts<'a> {
    fn add(&mut self, operation: &'a Operation) {
        let plain = plain_id(self.target, operation);
        let id = self.unique_id(&plain, operation);
        let (command, chosen) = naming::command(operation);
        let mut extensions = Extensions { operation, problems: &mut self.problems };
        let tool = Tool {
            id: ToolId::new(id),
            service_id: self.target.id.clone(),
            operation_id: operation.operation_id.clone().unwrap_or_default(),
            method: operation.method.as_str().to_owned(),
            path: operation.path.clone(),
            group: naming::group(operation),
            command,
            aliases: extensions.aliases(),
            hidden: extensions.boolean("x-cli-hidden") || matches!(operation.method, Method::Head | Method::Options),
            deprecated: operation.deprecated,
            safety: extensions.safety(self.target.granted),
            output: extensions.output(),
            pagination: extensions.pagination(),
            retry: extensions.retry(),
            description: extensions.text("x-cli-description").unwrap_or_else(|| operation.description.clone()),
            summary: String::new(),
            path_params: path_params(operation),
            flags: flags(operation, &mut self.problems),
            request_body: operation.body.as_ref().map(body),
            auth: flattened(operation),
            auth_alternatives: operation.security.clone(),
            servers: self.target.server.map_or_else(|| operation.servers.clone(), |url| vec![url.as_str().to_owned()]),
            guidance: None,
            backend: None,
        };
        let tool = Tool { summary: summary(&operation.summary, &tool.description), ..tool };
        self.found.push(Draft { tool, chosen, operation });
    }

    /// The first of a document keeps an id, later ones get a number.
    fn unique_id(&mut self, plain: &str, operation: &Operation) -> String {
        if self.seen.insert(plain.to_owned()) {
            return plain.to_owned();
        }
        let id = self.ids.number(plain, '-');
        warn(
            &mut self.problems,
            operation,
            format!("the id `{plain}` is taken by an earlier operation; this one is `{id}`"),
        );
        id
    }

    fn settle_commands(&mut self) {
        let wishes: Vec<Wish<'_>> = self
            .found
            .iter()
            .map(|draft| Wish {
                id: draft.tool.id.as_str(),
                group: &draft.tool.group,
                command: &draft.tool.command,
                chosen: draft.chosen,
                method: &draft.tool.method,
                path: &draft.tool.path,
            })
            .collect();
        let words = naming::commands(&wishes);
        for (draft, word) in self.found.iter_mut().zip(words) {
            if draft.tool.command != word {
                let Tool { group, command, .. } = &draft.tool;
                let message = format!("the command `{group} {command}` is taken; this operation is `{group} {word}`");
                warn(&mut self.problems, draft.operation, message);
                draft.tool.command = word;
            }
        }
    }

    /// An alias that is a command, or another's alias, is dropped.
    fn settle_aliases(&mut self) {
        let word = |tool: &Tool, word: &str| (tool.group.clone(), word.to_owned());
        let mut taken: BTreeSet<_> = self.found.iter().map(|draft| word(&draft.tool, &draft.tool.command)).collect();
        let mut order: Vec<usize> = (0..self.found.len()).collect();
        order.sort_by(|&a, &b| self.found[a].tool.id.cmp(&self.found[b].tool.id));
        for at in order {
            let draft = &mut self.found[at];
            for alias in std::mem::take(&mut draft.tool.aliases) {
                if taken.insert(word(&draft.tool, &alias)) {
                    draft.tool.aliases.push(alias);
                } else {
                    let message = format!("the alias `{} {alias}` is taken; it is left out", draft.tool.group);
                    warn(&mut self.problems, draft.operation, message);
                }
            }
        }
    }
}

fn warn(problems: &mut Vec<Problem>, operation: &Operation, message: String) {
    problems.push(Problem { severity: Severity::Warning, place: operation.pointer.clone(), message });
}

/// The publisher's, else the first line of the description, cut at a word.
fn summary(published: &str, description: &str) -> String {
    let line = if published.trim().is_empty() { description.trim().lines().next().unwrap_or("") } else { published };
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if !published.trim().is_empty() || line.chars().count() <= SUMMARY_CHARS {
        return line;
    }
    let cut: String = line.chars().take(SUMMARY_CHARS).collect();
    let words = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    format!("{words}…")
}

/// In the order of the template; their names are unique among themselves.
fn path_params(operation: &Operation) -> Vec<Parameter> {
    let names = template_names(&operation.path).unwrap_or_default();
    let find = |name: &str| {
        operation.parameters.iter().find(|parameter| parameter.place == Place::Path && parameter.name == name)
    };
    let found: Vec<&openapi::Parameter> = names.into_iter().filter_map(find).map(|parameter| &**parameter).collect();
    let mut taken = Unique::default();
    let named = found.into_iter().map(|parameter| {
        let name = taken.take(&naming::plain_flag(&wish(parameter)), '-');
        as_parameter(parameter, name)
    });
    named.collect()
}

fn flags(operation: &Operation, problems: &mut Vec<Problem>) -> Vec<Parameter> {
    let found: Vec<&openapi::Parameter> =
        operation.parameters.iter().map(|parameter| &**parameter).filter(|p| p.place != Place::Path).collect();
    let wishes: Vec<FlagWish<'_>> = found.iter().map(|parameter| wish(parameter)).collect();
    let names = naming::flags(&wishes);
    for (wish, name) in wishes.iter().zip(&names) {
        let plain = naming::plain_flag(wish);
        if plain != *name {
            let place = wish.place.as_str();
            let message =
                format!("the flag `--{plain}` is taken; the {place} parameter `{}` is `--{name}`", wish.original);
            warn(problems, operation, message);
        }
    }
    found.into_iter().zip(names).map(|(parameter, name)| as_parameter(parameter, name)).collect()
}

fn wish(parameter: &openapi::Parameter) -> FlagWish<'_> {
    FlagWish { original: &parameter.name, chosen: parameter.cli_name.as_deref(), place: parameter.place }
}

fn as_parameter(parameter: &openapi::Parameter, name: String) -> Parameter {
    Parameter {
        name,
        original_name: parameter.name.clone(),
        location: parameter.place,
        required: parameter.required,
        schema: parameter.schema.clone(),
        description: parameter.description.clone(),
        style: parameter.style,
        explode: parameter.explode,
        allow_reserved: parameter.allow_reserved,
        content_type: parameter.content_type.clone(),
        deprecated: parameter.deprecated,
        example: parameter.example.clone(),
    }
}

fn body(body: &openapi::operations::Body) -> RequestBody {
    let contents = body.contents.iter().map(|content| BodyContent {
        media_type: content.media_type.clone(),
        schema: content.schema.clone(),
        encoding: content.encoding.clone(),
        example: content.example.clone(),
    });
    RequestBody { required: body.required, content_types: contents.collect() }
}

fn flattened(operation: &Operation) -> Vec<AuthRequirement> {
    let mut all: Vec<AuthRequirement> = Vec::new();
    for requirement in operation.security.iter().flat_map(|alternative| &alternative.requirements) {
        if !all.contains(requirement) {
            all.push(requirement.clone());
        }
    }
    all
}

/// The `x-cli-*` extensions of one operation.
struct Extensions<'a> {
    operation: &'a Operation,
    problems: &'a mut Vec<Problem>,
}

impl Extensions<'_> {
    fn warn(&mut self, message: String) {
        warn(self.problems, self.operation, message);
    }

    fn boolean(&mut self, name: &str) -> bool {
        match self.operation.extensions.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(_) => {
                self.warn(format!("`{name}` is neither true nor false; it is ignored"));
                false
            }
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.operation.extensions.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                self.warn(format!("`{name}` is no text; it is ignored"));
                None
            }
        }
    }

    fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.operation.extensions.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::Object(members)) => Some(members.clone()),
            Some(_) => {
                self.warn(format!("`{name}` is no object; it is ignored"));
                None
            }
        }
    }

    fn aliases(&mut self) -> Vec<String> {
        match self.operation.extensions.get("x-cli-aliases") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(alias)) => Some(kebab(alias)).filter(|alias| !alias.is_empty()).into_iter().collect(),
            Some(Value::Array(list)) => {
                let words = list.iter().filter_map(Value::as_str).map(kebab);
                words.filter(|alias| !alias.is_empty()).collect()
            }
            Some(_) => {
                self.warn("`x-cli-aliases` is no list of words; it is ignored".to_owned());
                Vec::new()
            }
        }
    }

    fn safety(&mut self, granted: &Granted) -> Safety {
        let said = self.object(safety::NAME);
        let (safety, ignored) = safety::of(self.operation.method, &self.operation.pointer, said.as_ref(), granted);
        ignored.into_iter().for_each(|message| self.warn(message));
        safety
    }

    fn output(&mut self) -> Output {
        let said = self.object("x-cli-output").unwrap_or_default();
        let list = |name: &str| match said.get(name) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Output { default_fields: list("defaultFields"), redactions: list("redactions") }
    }

    fn pagination(&mut self) -> Option<Pagination> {
        let said = self.object("x-cli-pagination")?;
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Pagination {
            style: text("style"),
            cursor_param: text("cursorParam"),
            page_param: text("pageParam"),
            limit_param: text("limitParam"),
            items_path: text("itemsPath"),
            next_path: text("nextPath"),
        })
    }

    /// `true` is short for `{"recommended": true}`.
    fn retry(&mut self) -> Option<Retry> {
        if let Some(Value::Bool(recommended)) = self.operation.extensions.get("x-cli-retry") {
            return Some(Retry { recommended: *recommended, location_header: String::new() });
        }
        let said = self.object("x-cli-retry")?;
        Some(Retry {
            recommended: said.get("recommended") == Some(&Value::Bool(true)),
            location_header: said.get("locationHeader").and_then(Value::as_str).unwrap_or_default().to_owned(),
        })
    }
}
