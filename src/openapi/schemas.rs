//! Schemas that stand alone: what a schema refers to, cycles included, goes under its own `$defs` (contract 6).
//!
//! Every schema that something refers to is read once into a template: text with gaps where references stand. A schema
//! is then put together by copying templates and filling the gaps with names, so that a thousand operations that share
//! schemas cost a thousand copies and no trees. Only places where JSON Schema or OpenAPI expect a schema are looked into:
//! a property called `$ref`, or an example that holds one, is data. Unknown keywords pass through (H26).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Severity;
use super::document::Version;
use super::refs::{Node, Reading, Scope};
use crate::base::json;
use crate::base::name::Unique;

/// Bytes of one schema with all it refers to; what would go beyond accepts any value.
pub const MAX_SCHEMA_BYTES: usize = 1 << 20;

/// Bytes of all schemas of one description, each counted as often as it is used; later ones accept any value.
pub const MAX_ALL_SCHEMAS_BYTES: usize = 64 << 20;

/// Keywords whose value is a schema.
const ONE: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "items", "oneOf", "prefixItems"];

/// Keywords whose value has schemas as members.
const NAMED: &[&str] = &["dependencies", "dependentSchemas", "patternProperties", "properties"];

/// Keywords that name or hold schemas for references; references point to our own `$defs` instead.
const DROPPED: &[&str] =
    &["$anchor", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$ref", "$schema", "$vocabulary", "definitions"];

/// What may stand beside `$ref` in OpenAPI 3.0 without changing what is valid; the rest is ignored there.
const ANNOTATIONS: &[&str] = &["deprecated", "description", "example", "summary", "title"];

/// The schemas of one pass.
pub(super) struct Schemas<'r> {
    reading: &'r Reading<'r>,
    targets: RefCell<Vec<Target<'r>>>,
    by_address: RefCell<HashMap<usize, usize>>,
    finished: RefCell<HashMap<usize, Arc<RawValue>>>,
    spent: Cell<usize>,
}

/// A schema that something refers to.
struct Target<'r> {
    node: Node<'r>,
    template: Option<Rc<Template>>,
}

/// A schema's text with gaps.
#[derive(Default)]
struct Template {
    parts: Vec<Part>,
    size: usize,
}

enum Part {
    Text(String),
    /// `"#/$defs/<name of this target>"`.
    Reference(usize),
}

impl<'r> Schemas<'r> {
    pub(super) fn new(reading: &'r Reading<'r>) -> Self {
        Self {
            reading,
            targets: RefCell::default(),
            by_address: RefCell::default(),
            finished: RefCell::default(),
            spent: Cell::new(0),
        }
    }

    /// The schema at `node`, standing alone. What cannot be resolved accepts any value and is reported.
    pub(super) fn standalone(&self, node: &Node<'r>) -> Arc<RawValue> {
        let root = self.behind_references(node);
        let known = self.finished.borrow().get(&root.address()).cloned();
        let schema = known.unwrap_or_else(|| {
            let schema = self.put_together(&root);
            self.finished.borrow_mut().insert(root.address(), schema.clone());
            schema
        });
        let spent = self.spent.get() + schema.get().len();
        if spent > MAX_ALL_SCHEMAS_BYTES {
            self.warn(node, "all schemas together are larger than 64 MiB; from here on any value is accepted");
            return anything();
        }
        self.spent.set(spent);
        schema
    }

    /// A schema that is nothing but a reference is replaced by what it leads to.
    fn behind_references(&self, node: &Node<'r>) -> Node<'r> {
        let mut node = node.clone();
        for _ in 0..super::refs::MAX_CHAIN {
            let Some(object) = node.object() else { return node };
            let Some(reference) = object.string("$ref") else { return node };
            if self.reading.version > Version::V30 && object.iter().count() > 1 {
                return node;
            }
            match self.reading.follow(&node.scope, &reference) {
                Ok(target) => node = target,
                Err(_) => return node,
            }
        }
        node
    }

    fn put_together(&self, root: &Node<'r>) -> Arc<RawValue> {
        let template = self.read(root);
        let (kept, cut) = self.closure(&template);
        if template.size > MAX_SCHEMA_BYTES {
            self.warn(root, "the schema is larger than 1 MiB; any value is accepted");
            return anything();
        }
        if !cut.is_empty() {
            self.warn(
                root,
                "the schema refers to more than 1 MiB of others; in the farthest of them any value is accepted",
            );
        }
        let names = self.names(kept.iter().chain(&cut).copied());
        let mut text = String::with_capacity(template.size + 64);
        template.write(&names, &mut text);
        let object = text.ends_with('}');
        if !names.is_empty() && object {
            text.pop();
            text.push_str(if text.len() > 1 { ",\"$defs\":{" } else { "\"$defs\":{" });
            let by_name: BTreeMap<&str, usize> = names.iter().map(|(target, name)| (name.as_str(), *target)).collect();
            for (nth, (name, target)) in by_name.into_iter().enumerate() {
                text.push_str(if nth > 0 { ",\"" } else { "\"" });
                text.push_str(name);
                text.push_str("\":");
                match kept.contains(&target) {
                    true => self.template(target).write(&names, &mut text),
                    false => text.push_str("{\"$comment\":\"left out: too large\"}"),
                }
            }
            text.push_str("}}");
        }
        RawValue::from_string(text).map_or_else(|_| anything(), Arc::from)
    }

    /// All targets that can be reached, nearest first until the bound; then those that are cut.
    fn closure(&self, root: &Template) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let (mut kept, mut cut) = (BTreeSet::new(), BTreeSet::new());
        let mut size = root.size;
        let mut level: BTreeSet<usize> = root.references().collect();
        while !level.is_empty() {
            let mut next = BTreeSet::new();
            for target in self.in_order(level) {
                let template = self.template(target);
                if size + template.size > MAX_SCHEMA_BYTES {
                    cut.insert(target);
                    continue;
                }
                size += template.size;
                kept.insert(target);
                next.extend(template.references());
            }
            level = next.into_iter().filter(|target| !kept.contains(target) && !cut.contains(target)).collect();
        }
        (kept, cut)
    }

    /// By place, not by the order in which they were met: what a publisher's editor reorders stays the same.
    fn in_order(&self, targets: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let known = self.targets.borrow();
        let mut sorted: Vec<usize> = targets.into_iter().collect();
        sorted.sort_by_cached_key(|target| {
            let node = &known[*target].node;
            (node.scope.document != 0, self.reading.document_url(node).as_str(), node.pointer.as_str())
        });
        sorted
    }

    /// A name for each target: its own, with a number when it is taken.
    fn names(&self, targets: impl Iterator<Item = usize>) -> HashMap<usize, String> {
        let mut taken = Unique::default();
        let mut names = HashMap::new();
        for target in self.in_order(targets.collect::<Vec<_>>()) {
            let own = self.own_name(&self.targets.borrow()[target].node);
            names.insert(target, taken.take(&own, '_'));
        }
        names
    }

    /// The last word of the place, with the one before it when that word says nothing; the file's name for a whole document.
    fn own_name(&self, node: &Node<'r>) -> String {
        let tokens: Vec<String> = node.pointer.split('/').skip(1).map(json::unescape_token).collect();
        let file = || {
            let path = self.reading.document_url(node).path().to_owned();
            let name = path.rsplit('/').next().unwrap_or("").to_owned();
            name.split('.').next().unwrap_or("").to_owned()
        };
        let named = match tokens.as_slice() {
            [] => file(),
            [.., before, last] if is_keyword(last) => format!("{before}_{last}"),
            [.., last] => last.clone(),
        };
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let name: String = named.chars().take(80).map(plain).collect();
        if name.is_empty() { "schema".to_owned() } else { name }
    }

    fn target(&self, node: Node<'r>) -> usize {
        let address = node.address();
        if let Some(known) = self.by_address.borrow().get(&address) {
            return *known;
        }
        let mut targets = self.targets.borrow_mut();
        targets.push(Target { node, template: None });
        self.by_address.borrow_mut().insert(address, targets.len() - 1);
        targets.len() - 1
    }

    fn template(&self, target: usize) -> Rc<Template> {
        let (node, known) = {
            let targets = self.targets.borrow();
            (targets[target].node.clone(), targets[target].template.clone())
        };
        known.unwrap_or_else(|| {
            let template = Rc::new(self.read(&node));
            self.targets.borrow_mut()[target].template = Some(template.clone());
            template
        })
    }

    fn read(&self, node: &Node<'r>) -> Template {
        let mut writer = Writer { schemas: self, node, pointer: node.pointer.clone(), template: Template::default() };
        if self.circular(node) {
            self.warn(node, "the schema refers only to itself; any value is accepted");
            writer.push("{}");
        } else {
            match node.value() {
                Some(value) => writer.schema(&value, &node.scope),
                None => {
                    self.warn(
                        node,
                        "the schema cannot be read (nested too deeply, or not Unicode); any value is accepted",
                    );
                    writer.push("{}");
                }
            }
        }
        writer.template
    }

    /// Whether following plain references from here never ends.
    fn circular(&self, node: &Node<'r>) -> bool {
        node.object().is_some_and(|object| object.string("$ref").is_some())
            && self.behind_references(node).object().is_some_and(|last| {
                last.string("$ref").is_some_and(|reference| {
                    let plain = self.reading.version == Version::V30 || last.iter().count() == 1;
                    plain && self.reading.follow(&last.node.scope, &reference).is_ok()
                })
            })
    }

    fn warn(&self, node: &Node<'r>, message: &str) {
        self.reading.report(Severity::Warning, node, message.to_owned());
    }
}

impl Template {
    fn references(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(target) => Some(*target),
            Part::Text(_) => None,
        })
    }

    fn write(&self, names: &HashMap<usize, String>, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Reference(target) => {
                    out.push_str("\"#/$defs/");
                    out.push_str(names.get(target).map_or("", String::as_str));
                    out.push('"');
                }
            }
        }
    }
}

/// Writes one schema into a template.
struct Writer<'w, 'r> {
    schemas: &'w Schemas<'r>,
    node: &'w Node<'r>,
    /// Where the present subschema stands.
    pointer: String,
    template: Template,
}

impl Writer<'_, '_> {
    fn push(&mut self, text: &str) {
        self.template.size += text.len();
        match self.template.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.template.parts.push(Part::Text(text.to_owned())),
        }
    }

    fn data(&mut self, value: &Value) {
        let text = value.to_string();
        self.push(&text);
    }

    fn name(&mut self, first: &mut bool, name: &str) {
        if !std::mem::take(first) {
            self.push(",");
        }
        self.data(&Value::from(name));
        self.push(":");
    }

    /// Does `write` at a place below this one.
    fn at(&mut self, token: &str, write: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&json::escape_token(token));
        write(self);
        self.pointer.truncate(length);
    }

    fn schema(&mut self, value: &Value, scope: &Scope) {
        match value {
            Value::Object(keywords) => self.object(keywords, scope),
            Value::Bool(_) => self.data(value),
            // `null` and other slips say nothing.
            _ => self.push("{}"),
        }
    }

    fn object(&mut self, keywords: &Map<String, Value>, outer: &Scope) {
        let inner = self.own_scope(keywords, outer);
        let scope = inner.as_ref().unwrap_or(outer);
        let mut first = true;
        self.push("{");
        let reference = self.reference(keywords, scope);
        if let Some(target) = reference {
            self.name(&mut first, "$ref");
            self.refer(target);
        }
        let annotations_only = reference.is_some() && self.schemas.reading.version == Version::V30;
        for (keyword, value) in keywords {
            let dropped =
                DROPPED.contains(&keyword.as_str()) && !matches!((keyword.as_str(), value), ("$ref", Value::Object(_)));
            if dropped || (annotations_only && !ANNOTATIONS.contains(&keyword.as_str())) {
                continue;
            }
            self.name(&mut first, keyword);
            self.at(keyword, |writer| writer.keyword(keyword, value, scope));
        }
        self.push("}");
    }

    /// A schema with an `$id` of its own is a resource of its own.
    fn own_scope(&self, keywords: &Map<String, Value>, outer: &Scope) -> Option<Scope> {
        let id = keywords.get("$id")?.as_str()?;
        let base = outer.base.join(id).ok()?.document();
        let named = base != *outer.base && !self.pointer.is_empty();
        named.then(|| Scope { document: outer.document, base: Rc::new(base), root: self.pointer.as_str().into() })
    }

    fn reference(&mut self, keywords: &Map<String, Value>, scope: &Scope) -> Option<usize> {
        let reference = ["$ref", "$dynamicRef"].into_iter().find_map(|keyword| keywords.get(keyword)?.as_str())?;
        match self.schemas.reading.follow(scope, reference) {
            Ok(node) => Some(self.schemas.target(node)),
            Err(error) => {
                let mut here = self.node.clone();
                here.pointer.clone_from(&self.pointer);
                self.schemas.warn(&here, &format!("{error}; any value is accepted there"));
                None
            }
        }
    }

    fn refer(&mut self, target: usize) {
        self.template.size += 24;
        self.template.parts.push(Part::Reference(target));
    }

    fn keyword(&mut self, keyword: &str, value: &Value, scope: &Scope) {
        match value {
            Value::Array(list) if LIST.contains(&keyword) => {
                self.push("[");
                for (nth, item) in list.iter().enumerate() {
                    if nth > 0 {
                        self.push(",");
                    }
                    self.at(&nth.to_string(), |writer| writer.schema(item, scope));
                }
                self.push("]");
            }
            Value::Object(_) | Value::Bool(_) if ONE.contains(&keyword) => self.schema(value, scope),
            Value::Object(members) if NAMED.contains(&keyword) => self.named(keyword, members, scope),
            Value::Object(members) if keyword == "discriminator" => self.discriminator(members, scope),
            data => self.data(data),
        }
    }

    fn named(&mut self, keyword: &str, members: &Map<String, Value>, scope: &Scope) {
        let mut first = true;
        self.push("{");
        for (name, value) in members {
            self.name(&mut first, name);
            match value {
                // The older form of `dependentRequired`.
                Value::Array(_) if keyword == "dependencies" => self.data(value),
                value => self.at(name, |writer| writer.schema(value, scope)),
            }
        }
        self.push("}");
    }

    /// OpenAPI's hint which branch applies: its mapping names components or refers to schemas.
    fn discriminator(&mut self, members: &Map<String, Value>, scope: &Scope) {
        let mut first = true;
        self.push("{");
        for (name, value) in members {
            self.name(&mut first, name);
            match value {
                Value::Object(mapping) if name == "mapping" => self.mapping(mapping, scope),
                data => self.data(data),
            }
        }
        self.push("}");
    }

    fn mapping(&mut self, mapping: &Map<String, Value>, scope: &Scope) {
        let reading = self.schemas.reading;
        let mut first = true;
        self.push("{");
        for (value, target) in mapping {
            let Some(written) = target.as_str() else { continue };
            let component = format!("#/components/schemas/{}", json::escape_token(written));
            let named = if written.contains(['/', '#']) { None } else { reading.follow(scope, &component).ok() };
            let Some(node) = named.or_else(|| reading.follow(scope, written).ok()) else { continue };
            let target = self.schemas.target(node);
            self.name(&mut first, value);
            self.refer(target);
        }
        self.push("}");
    }
}

fn is_keyword(token: &str) -> bool {
    token == "schema"
        || ONE.contains(&token)
        || LIST.contains(&token)
        || NAMED.contains(&token)
        || token.bytes().all(|byte| byte.is_ascii_digit())
}

/// The schema that accepts everything.
fn anything() -> Arc<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("an empty object is JSON").into()
}
