//! Two locks: what changed, the most dangerous first, and how it is said.
//!
//! Key types: [`Change`], its [`Kind`]. A change is data; [`Change::words`] says it to people.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Lock, LockedContent, LockedParameter, LockedService, LockedTool};
use crate::catalog::{AuthRequirement, Safety};

/// The longest value that is put into words; the whole is in [`Change::before`] and [`Change::after`].
const MAX_SHOWN: usize = 200;

/// How closely a change should be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Where requests go, with which credentials, and what they may do.
    Danger,
    /// What is there, what is sent, and what agents read.
    Review,
    /// How it is used.
    Info,
}

impl Severity {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Danger => "danger",
            Self::Review => "review",
            Self::Info => "info",
        }
    }
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The lock was made for another view.
    Catalog,
    /// A service.
    Service,
    /// A tool.
    Tool,
    /// A workflow.
    Workflow,
}

impl Subject {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Service => "service",
            Self::Tool => "tool",
            Self::Workflow => "workflow",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $code:literal $severity:ident,)+) => {
        /// Which change, the most dangerous first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($(#[$doc])* $name,)+ }

        impl Kind {
            /// Every kind, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Stable, for programs.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// How closely to look.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }
        }
    };
}

kinds! {
    /// Requests go elsewhere.
    Servers "servers_changed" Danger,
    /// The description comes from elsewhere.
    Source "source_changed" Danger,
    /// Another method, another path.
    Request "request_changed" Danger,
    /// What people and scripts type was another tool's.
    CommandTaken "command_taken" Danger,
    /// Another MCP tool stands behind it.
    Backend "backend_changed" Danger,
    /// No credentials are needed any more, or need not be sent.
    AuthDropped "auth_dropped" Danger,
    /// Other credentials, or other scopes.
    Auth "auth_changed" Danger,
    /// It is said to do more, or less.
    Safety "safety_changed" Danger,
    /// What was hidden in answers is shown.
    Redaction "redaction_dropped" Danger,
    /// The lock says what another view shows.
    View "view_changed" Review,
    /// A new service.
    ServiceAdded "service_added" Review,
    /// A service less.
    ServiceRemoved "service_removed" Review,
    /// A new tool.
    ToolAdded "tool_added" Review,
    /// A tool less.
    ToolRemoved "tool_removed" Review,
    /// What agents read.
    Words "words_changed" Review,
    /// A new parameter.
    ParameterAdded "parameter_added" Review,
    /// A parameter less.
    ParameterRemoved "parameter_removed" Review,
    /// Its type, whether it is required, how it is written, its schema.
    Parameter "parameter_changed" Review,
    /// A body, or a media type, more.
    BodyAdded "body_added" Review,
    /// A body, or a media type, less.
    BodyRemoved "body_removed" Review,
    /// Whether it is required, its members, its schema, how it is written.
    Body "body_changed" Review,
    /// A new workflow.
    WorkflowAdded "workflow_added" Review,
    /// A workflow less.
    WorkflowRemoved "workflow_removed" Review,
    /// Other steps.
    Workflow "workflow_changed" Review,
    /// What people type.
    Command "command_changed" Info,
    /// Whether listings show it.
    Hidden "hidden_changed" Info,
    /// Which fields are shown, how more is asked for, whether it is tried again.
    Handling "handling_changed" Info,
}

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which.
    pub kind: Kind,
    /// What changed.
    pub subject: Subject,
    /// Its id.
    pub id: String,
    /// Which part of it: a parameter, a member of the lock; may be empty.
    pub part: String,
    /// As the lock has it; null when it was not there, or only its hash is known.
    pub before: Value,
    /// As it is.
    pub after: Value,
}

/// Every difference, in the order of kinds, then of ids.
pub fn changes(old: &Lock, new: &Lock) -> Vec<Change> {
    let mut found = Vec::new();
    if old.view != new.view {
        let mut on = On { subject: Subject::Catalog, id: "", found: &mut found };
        on.note(Kind::View, "", json!(old.view), json!(new.view));
    }
    pairs(&old.services, &new.services, |id, pair| {
        let mut on = On { subject: Subject::Service, id, found: &mut found };
        match pair {
            (Some(old), Some(new)) => service(&mut on, old, new),
            (Some(old), None) => on.note(Kind::ServiceRemoved, "", json!(old.servers), Value::Null),
            (None, new) => on.note(Kind::ServiceAdded, "", Value::Null, json!(new.map(|new| &new.servers))),
        }
    });
    let commands = commands(old);
    pairs(&old.tools, &new.tools, |id, pair| {
        let mut on = On { subject: Subject::Tool, id, found: &mut found };
        if let (before, Some(after)) = pair
            && before.is_none_or(|before| before.command != after.command)
        {
            taken(&mut on, &commands, after);
        }
        match pair {
            (Some(before), Some(after)) => {
                servers(&mut on, (old, before), (new, after));
                tool(&mut on, before, after);
            }
            (Some(before), None) => on.note(Kind::ToolRemoved, "", json!(brief(before)), Value::Null),
            (None, after) => on.note(Kind::ToolAdded, "", Value::Null, json!(after.map(brief))),
        }
    });
    pairs(&old.workflows, &new.workflows, |id, pair| {
        let mut on = On { subject: Subject::Workflow, id, found: &mut found };
        match pair {
            (Some(old), Some(new)) => on.compare(Kind::Workflow, "", &steps(old), &steps(new)),
            (Some(old), None) => on.note(Kind::WorkflowRemoved, "", json!(steps(old)), Value::Null),
            (None, new) => on.note(Kind::WorkflowAdded, "", Value::Null, json!(new.map(|new| steps(new)))),
        }
    });
    // Stable: what was found first about one thing stays first.
    found.sort_by(|a, b| (a.kind, a.subject, &a.id).cmp(&(b.kind, b.subject, &b.id)));
    found
}

/// Which tool each command of a service calls.
fn commands(lock: &Lock) -> BTreeMap<(&str, &str), &str> {
    lock.tools.iter().map(|(id, tool)| ((tool.service.as_str(), tool.command.as_str()), id.as_str())).collect()
}

/// A script that listed tickets would delete them, while each tool by itself only has another command.
fn taken(on: &mut On<'_>, commands: &BTreeMap<(&str, &str), &str>, new: &LockedTool) {
    let word = new.command.as_str();
    if let Some(other) = commands.get(&(new.service.as_str(), word)).filter(|other| **other != on.id) {
        on.note(Kind::CommandTaken, word, json!(other), json!(on.id));
    }
}

/// Every key of either, with what both have there.
fn pairs<V>(old: &BTreeMap<String, V>, new: &BTreeMap<String, V>, mut see: impl FnMut(&str, (Option<&V>, Option<&V>))) {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter().for_each(|key| see(key, (old.get(key), new.get(key))));
}

/// Where changes of one thing are noted.
struct On<'a> {
    subject: Subject,
    id: &'a str,
    found: &'a mut Vec<Change>,
}

impl On<'_> {
    fn note(&mut self, kind: Kind, part: &str, before: Value, after: Value) {
        let (id, part) = (self.id.to_owned(), part.to_owned());
        self.found.push(Change { kind, subject: self.subject, id, part, before, after });
    }

    fn compare<T: serde::Serialize + PartialEq>(&mut self, kind: Kind, part: &str, old: &T, new: &T) {
        if old != new {
            self.note(kind, part, json!(old), json!(new));
        }
    }

    /// Only that they differ is known.
    fn hashes(&mut self, kind: Kind, part: &str, old: &str, new: &str) {
        if old != new {
            let there = |hash: &str| if hash.is_empty() { json!(false) } else { Value::Null };
            self.note(kind, part, there(old), there(new));
        }
    }
}

fn service(on: &mut On<'_>, old: &LockedService, new: &LockedService) {
    on.compare(Kind::Servers, "", &old.servers, &new.servers);
    on.compare(Kind::Source, "source", &old.source, &new.source);
    on.compare(Kind::Source, "type", &old.kind, &new.kind);
    on.compare(Kind::Source, "uri", &old.uri, &new.uri);
    on.compare(Kind::Words, "title", &old.title, &new.title);
    on.compare(Kind::Command, "alias", &old.alias, &new.alias);
}

/// What follows its service in both is told of the service alone.
fn servers(on: &mut On<'_>, (old, before): (&Lock, &LockedTool), (new, after): (&Lock, &LockedTool)) {
    if before.servers.is_none() && after.servers.is_none() {
        return;
    }
    let of = |lock: &Lock, tool: &LockedTool| match &tool.servers {
        Some(own) => own.clone(),
        None => lock.services.get(&tool.service).map(|service| service.servers.clone()).unwrap_or_default(),
    };
    on.compare(Kind::Servers, "", &of(old, before), &of(new, after));
}

fn tool(on: &mut On<'_>, old: &LockedTool, new: &LockedTool) {
    on.compare(Kind::Request, "", &request(old), &request(new));
    on.compare(Kind::Backend, "", &old.backend, &new.backend);
    auth(on, &old.auth, &new.auth);
    safety(on, old.safety, new.safety);
    for redaction in old.output.redactions.iter().filter(|one| !new.output.redactions.contains(one)) {
        on.note(Kind::Redaction, redaction, json!(true), json!(false));
    }
    on.hashes(Kind::Words, "summary", &old.summary, &new.summary);
    on.hashes(Kind::Words, "description", &old.description, &new.description);
    on.hashes(Kind::Words, "guidance", &old.guidance, &new.guidance);
    pairs(&old.parameters, &new.parameters, |name, pair| match pair {
        (Some(old), Some(new)) => parameter(on, name, old, new),
        (Some(old), None) => on.note(Kind::ParameterRemoved, name, json!(old.kind), Value::Null),
        (None, new) => {
            let about = new.map(|new| format!("{}{}", new.kind, if new.required { " required" } else { "" }));
            on.note(Kind::ParameterAdded, name, Value::Null, json!(about));
        }
    });
    body(on, old, new);
    on.compare(Kind::Command, "command", &old.command, &new.command);
    on.compare(Kind::Command, "aliases", &old.aliases, &new.aliases);
    on.compare(Kind::Hidden, "", &old.hidden, &new.hidden);
    on.compare(Kind::Handling, "fields shown", &old.output.default_fields, &new.output.default_fields);
    let added = |tool: &LockedTool, other: &LockedTool| -> Vec<String> {
        let known = &other.output.redactions;
        tool.output.redactions.iter().filter(|one| !known.contains(one)).cloned().collect()
    };
    if !added(new, old).is_empty() {
        on.note(Kind::Handling, "redactions", json!(old.output.redactions), json!(new.output.redactions));
    }
    on.compare(Kind::Handling, "pagination", &old.pagination, &new.pagination);
    on.compare(Kind::Handling, "retry", &old.retry, &new.retry);
}

fn auth(on: &mut On<'_>, old: &[Vec<AuthRequirement>], new: &[Vec<AuthRequirement>]) {
    if old == new {
        return;
    }
    let optional = |alternatives: &[Vec<AuthRequirement>]| alternatives.iter().any(Vec::is_empty);
    let needed = !old.is_empty() && !optional(old);
    let kind = if needed && (new.is_empty() || optional(new)) { Kind::AuthDropped } else { Kind::Auth };
    let part = if new.is_empty() { "none" } else { "" };
    on.note(kind, part, said(old), said(new));
}

/// Each alternative as people read it.
fn said(alternatives: &[Vec<AuthRequirement>]) -> Value {
    let said = alternatives.iter().map(|alternative| match alternative.as_slice() {
        [] => "nothing".to_owned(),
        all => all.iter().map(requirement).collect::<Vec<_>>().join(" and "),
    });
    said.collect()
}

fn requirement(one: &AuthRequirement) -> String {
    let mut about = vec![one.kind.clone()];
    about.extend([&one.scheme, &one.place, &one.param_name].into_iter().filter(|text| !text.is_empty()).cloned());
    if !one.scopes.is_empty() {
        about.push(format!("scopes {}", one.scopes.join(" ")));
    }
    for flow in &one.oauth_flows {
        about.push(flow.mode.clone());
        let urls = [&flow.authorization_url, &flow.token_url, &flow.refresh_url];
        about.extend(urls.into_iter().filter(|url| !url.is_empty()).cloned());
    }
    about.extend(Some(one.open_id_connect_url.clone()).filter(|url| !url.is_empty()));
    format!("{} ({})", one.name, about.join(" "))
}

fn safety(on: &mut On<'_>, old: Safety, new: Safety) {
    let marks = [
        ("readOnly", old.read_only, new.read_only),
        ("destructive", old.destructive, new.destructive),
        ("requiresApproval", old.requires_approval, new.requires_approval),
        ("idempotent", old.idempotent, new.idempotent),
    ];
    for (name, before, after) in marks {
        on.compare(Kind::Safety, name, &before, &after);
    }
}

fn parameter(on: &mut On<'_>, name: &str, old: &LockedParameter, new: &LockedParameter) {
    if old.required != new.required {
        on.note(Kind::Parameter, name, json!({"required": old.required}), json!({"required": new.required}));
    }
    if old.kind != new.kind {
        on.note(Kind::Parameter, name, json!({"type": old.kind}), json!({"type": new.kind}));
    } else if old.schema != new.schema {
        // Another type is another schema: told once.
        on.note(Kind::Parameter, name, json!({"schema": old.schema}), json!({"schema": new.schema}));
    }
    if old.style != new.style {
        on.note(Kind::Parameter, name, json!({"style": old.style}), json!({"style": new.style}));
    }
    if old.flag != new.flag {
        on.note(Kind::Parameter, name, json!({"flag": old.flag}), json!({"flag": new.flag}));
    }
    on.hashes(Kind::Words, &format!("parameter {name}"), &old.words, &new.words);
}

fn body(on: &mut On<'_>, old: &LockedTool, new: &LockedTool) {
    if !old.body.is_empty() && !new.body.is_empty() {
        if old.body_required != new.body_required {
            let required = |tool: &LockedTool| json!({"required": tool.body_required});
            on.note(Kind::Body, "", required(old), required(new));
        }
        let types = |tool: &LockedTool| -> Vec<String> { tool.body.iter().map(|one| one.media_type.clone()).collect() };
        let (before, after) = (types(old), types(new));
        let moved = before != after && before.iter().collect::<BTreeSet<_>>() == after.iter().collect();
        if moved {
            on.note(Kind::Body, "", json!({"order": before}), json!({"order": after}));
        }
    }
    let by_type = |tool: &LockedTool| -> BTreeMap<String, LockedContent> {
        tool.body.iter().map(|one| (one.media_type.clone(), one.clone())).collect()
    };
    pairs(&by_type(old), &by_type(new), |media, pair| match pair {
        (Some(old), Some(new)) => content(on, media, old, new),
        (Some(_), None) => on.note(Kind::BodyRemoved, media, json!(true), Value::Null),
        (None, _) => on.note(Kind::BodyAdded, media, Value::Null, json!({"required": new.body_required})),
    });
}

fn content(on: &mut On<'_>, media: &str, old: &LockedContent, new: &LockedContent) {
    pairs(&old.members, &new.members, |name, (before, after)| {
        if before != after {
            let about = |about: Option<&String>| json!({"member": name, "about": about});
            on.note(Kind::Body, media, about(before), about(after));
        }
    });
    if old.schema != new.schema && old.members == new.members {
        // Members that changed are another schema already.
        on.note(Kind::Body, media, json!({"schema": old.schema}), json!({"schema": new.schema}));
    }
    if old.encoding != new.encoding {
        on.note(Kind::Body, media, json!({"encoding": old.encoding}), json!({"encoding": new.encoding}));
    }
    on.hashes(Kind::Words, &format!("body {media}"), &old.words, &new.words);
}

fn request(tool: &LockedTool) -> String {
    format!("{} {}", tool.method, tool.path)
}

/// What a reviewer wants to know first of a tool.
fn brief(tool: &LockedTool) -> String {
    let marks = [
        (tool.safety.read_only, ", read-only"),
        (tool.safety.destructive, ", destructive"),
        (tool.safety.requires_approval, ", needs approval"),
        (tool.auth.is_empty(), ", no auth"),
    ];
    let marks: String = marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| mark).collect();
    format!("{}{marks}", request(tool))
}

fn steps(steps: &[crate::catalog::WorkflowStep]) -> Vec<String> {
    steps.iter().map(|step| format!("{}: {}", step.step_id, step.tool_id)).collect()
}

impl Change {
    /// The change in words, without its subject. May hold any character that a publisher wrote.
    pub fn words(&self) -> String {
        let (part, before, after) = (&self.part, shown(&self.before), shown(&self.after));
        let to = format!("{before} -> {after}");
        match self.kind {
            Kind::Servers => format!("servers changed: {to}"),
            Kind::Source if part == "source" => format!("comes from another source: {to}"),
            Kind::Source => format!("its source's {part} changed: {to}"),
            Kind::Request => format!("is sent as {after}, was {before}"),
            Kind::CommandTaken => format!("is called by `{part}`, which called {before}"),
            Kind::Backend => format!("another tool stands behind it: {to}"),
            Kind::AuthDropped if part == "none" => format!("now needs no auth, needed {before}"),
            Kind::AuthDropped => format!("auth is now optional: {to}"),
            Kind::Auth => format!("auth changed: {to}"),
            Kind::Safety => safety_words(part, self.after == Value::Bool(true)).to_owned(),
            Kind::Redaction => format!("no longer hides `{part}` in its answers"),
            Kind::View => format!("the lock was made for the view {before}, this is the view {after}"),
            Kind::ServiceAdded => format!("is new: {after}"),
            Kind::ServiceRemoved => "is gone".to_owned(),
            Kind::ToolAdded => format!("is new: {after}"),
            Kind::ToolRemoved => format!("is gone, was {before}"),
            Kind::Words => self.words_of_words(&to),
            Kind::ParameterAdded => format!("parameter `{part}` added: {after}"),
            Kind::ParameterRemoved => format!("parameter `{part}` removed"),
            Kind::Parameter => format!("parameter `{part}`: {}", self.detail()),
            Kind::BodyAdded if self.after.get("required") == Some(&Value::Bool(true)) => {
                format!("now takes a {part} body, and needs a body")
            }
            Kind::BodyAdded => format!("now takes a {part} body"),
            Kind::BodyRemoved => format!("no longer takes a {part} body"),
            Kind::Body if part.is_empty() => format!("body: {}", self.detail()),
            Kind::Body => format!("body {part}: {}", self.detail()),
            Kind::WorkflowAdded => format!("is new: {after}"),
            Kind::WorkflowRemoved => "is gone".to_owned(),
            Kind::Workflow => format!("steps changed: {to}"),
            Kind::Command => format!("{part} changed: {to}"),
            Kind::Hidden => {
                (if self.after == Value::Bool(true) { "is now hidden" } else { "is no longer hidden" }).to_owned()
            }
            Kind::Handling => format!("{part} changed: {to}"),
        }
    }

    fn words_of_words(&self, to: &str) -> String {
        let what = match self.part.split_once(' ') {
            Some((what, name)) => format!("{what} `{name}`: the description"),
            None => self.part.clone(),
        };
        match (&self.before, &self.after) {
            (Value::Bool(false), _) => format!("{what} is new"),
            (_, Value::Bool(false)) => format!("{what} is gone"),
            (Value::Null, _) => format!("{what} changed"),
            _ => format!("{what} changed: {to}"),
        }
    }

    /// The one member in which `before` and `after` differ.
    fn detail(&self) -> String {
        let of = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
        let (old, new) = (|name: &str| of(&self.before, name), |name: &str| of(&self.after, name));
        let to = |name: &str| format!("{} -> {}", shown(&old(name)), shown(&new(name)));
        let has = |name: &str| self.after.get(name).is_some();
        if has("member") {
            let name = shown(&new("member"));
            return match (old("about"), new("about")) {
                (Value::Null, about) => format!("member `{name}` added: {}", shown(&about)),
                (_, Value::Null) => format!("member `{name}` removed"),
                _ => format!("member `{name}` changed: {}", to("about")),
            };
        }
        match () {
            () if has("required") && new("required") == Value::Bool(true) => "is now required".to_owned(),
            () if has("required") => "is no longer required".to_owned(),
            () if has("type") => format!("type changed: {}", to("type")),
            () if has("style") => format!("is written in another way: {}", to("style")),
            () if has("flag") => format!("has another flag: {}", to("flag")),
            () if has("order") => format!("another media type comes first: {}", to("order")),
            () if has("encoding") => "its members are written in another way".to_owned(),
            () => {
                let is_clear = |value: Value| value.is_object() || value.is_boolean();
                let clear = is_clear(old("schema")) && is_clear(new("schema"));
                if clear { format!("schema changed: {}", to("schema")) } else { "schema changed".to_owned() }
            }
        }
    }
}

fn safety_words(name: &str, now: bool) -> &'static str {
    match (name, now) {
        ("readOnly", true) => "is now said to be read-only",
        ("readOnly", false) => "is no longer read-only",
        ("destructive", true) => "is now destructive",
        ("destructive", false) => "is no longer said to be destructive",
        ("requiresApproval", true) => "now needs approval",
        ("requiresApproval", false) => "no longer needs approval",
        (_, true) => "is now said to be idempotent",
        (_, false) => "is no longer idempotent",
    }
}

/// A value for people: texts as they are, lists joined, never long.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) if text.is_empty() => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}..", &text[..at]),
        None => text,
    }
}
