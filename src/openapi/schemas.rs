//! Schemas that stand alone: what a schema refers to, cycles included, goes under its own `$defs` (contract 6).
//!
//! Every schema that something refers to is read once into a template: text with gaps where references stand. A schema
//! is then put together by copying templates and filling the gaps with names, so that a thousand operations that share
//! schemas cost a thousand copies and no trees. Only places where JSON Schema or OpenAPI expect a schema are looked into:
//! a property called `$ref`, or an example that holds one, is data. Unknown keywords pass through (H26).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::json;
use serde_json::value::RawValue;

use super::Severity;
use super::document::Version;
use super::refs::{Node, Reading};
use super::template::{Template, is_keyword};
use crate::base::json;
use crate::base::name::Unique;
use crate::base::schema::{self, Schema, Sum};

/// Bytes of one schema with all it refers to; what would go beyond accepts any value.
pub const MAX_SCHEMA_BYTES: usize = 1 << 20;

/// Bytes of all schemas of one description, each counted as often as it is used; later ones accept any value.
pub const MAX_ALL_SCHEMAS_BYTES: usize = 64 << 20;

/// In the place of a definition that is too far away.
const LEFT_OUT: &str = "{\"$comment\":\"left out: too large\"}";

const TOO_MUCH: &str = "all schemas together are larger than 64 MiB; from here on any value is accepted";

/// The schemas of one pass.
pub(super) struct Schemas<'r> {
    pub(super) reading: &'r Reading<'r>,
    targets: RefCell<Vec<Target<'r>>>,
    by_address: RefCell<HashMap<usize, usize>>,
    finished: RefCell<HashMap<usize, Schema>>,
    spent: Cell<usize>,
}

/// A schema that something refers to.
struct Target<'r> {
    node: Node<'r>,
    template: Option<Rc<Template>>,
    /// What a definition of it is called where nothing else has that name.
    name: Option<Rc<str>>,
    /// Of its text where all definitions are called so.
    sum: Option<Sum>,
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
    pub(super) fn standalone(&self, node: &Node<'r>) -> Schema {
        let root = self.behind_references(node);
        // Asked before the work is done: beyond the bound nothing is put together and nothing kept.
        if self.spent.get() > MAX_ALL_SCHEMAS_BYTES {
            self.warn(node, TOO_MUCH);
            return anything();
        }
        let known = self.finished.borrow().get(&root.address()).cloned();
        let schema = known.unwrap_or_else(|| {
            let schema = self.put_together(&root, &self.read(&root));
            self.finished.borrow_mut().insert(root.address(), schema.clone());
            schema
        });
        self.spent.set(self.spent.get() + schema.as_json().len());
        schema
    }

    /// The schema that a template makes, standing alone; `node` is the place it is told of in problems.
    pub(super) fn of_template(&self, node: &Node<'r>, template: &Template) -> Schema {
        if self.spent.get() > MAX_ALL_SCHEMAS_BYTES {
            self.warn(node, TOO_MUCH);
            return anything();
        }
        let schema = self.put_together(node, template);
        self.spent.set(self.spent.get() + schema.as_json().len());
        schema
    }

    /// A schema that is nothing but a reference is replaced by what it leads to.
    fn behind_references(&self, node: &Node<'r>) -> Node<'r> {
        let mut node = node.clone();
        for _ in 0..super::refs::MAX_CHAIN {
            let Some(object) = node.object() else { return node };
            let Some(reference) = object.string("$ref") else { return node };
            if self.reading.version(&node) > Version::V30 && object.iter().count() > 1 {
                return node;
            }
            match self.reading.follow(&node.scope, &reference) {
                Ok(target) => node = target,
                Err(_) => return node,
            }
        }
        node
    }

    fn put_together(&self, root: &Node<'r>, template: &Template) -> Schema {
        let (kept, cut) = self.closure(template);
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
        let (names, usual) = self.names(kept.iter().chain(&cut).copied());
        let size: usize = kept.iter().map(|target| self.template(*target).size + 64).sum();
        let mut text = String::with_capacity(template.size + 64 + size);
        template.write(&names, &mut text);
        if names.is_empty() || !text.ends_with('}') {
            return RawValue::from_string(text).map_or_else(|_| anything(), Schema::from_text);
        }
        let sum_of_root = schema::of_part(&text);
        text.pop();
        text.push_str(if text.len() > 1 { ",\"$defs\":{" } else { "\"$defs\":{" });
        let by_name: BTreeMap<&str, usize> = names.iter().map(|(target, name)| (&**name, *target)).collect();
        let mut sums = Vec::with_capacity(by_name.len());
        for (nth, (name, target)) in by_name.into_iter().enumerate() {
            text.push_str(if nth > 0 { ",\"" } else { "\"" });
            text.push_str(name);
            text.push_str("\":");
            let begin = text.len();
            match kept.contains(&target) {
                true => self.template(target).write(&names, &mut text),
                false => text.push_str(LEFT_OUT),
            }
            let known = usual && kept.contains(&target);
            sums.push((name, self.sum(target, known, &text[begin..])));
        }
        text.push_str("}}");
        let sum = schema::sum(sum_of_root, sums);
        RawValue::from_string(text).map_or_else(|_| anything(), |text| Schema::summed(text, sum))
    }

    /// Of the text of a definition; computed once for each target when it is the `usual` one.
    fn sum(&self, target: usize, usual: bool, text: &str) -> Sum {
        let known = self.targets.borrow()[target].sum.filter(|_| usual);
        known.unwrap_or_else(|| {
            let sum = schema::of_part(text);
            if usual {
                self.targets.borrow_mut()[target].sum = Some(sum);
            }
            sum
        })
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

    /// A name for each target: its own, with a number when it is taken. Also whether all have their own.
    fn names(&self, targets: impl Iterator<Item = usize>) -> (HashMap<usize, Rc<str>>, bool) {
        let mut taken = Unique::default();
        let (mut names, mut usual) = (HashMap::new(), true);
        for target in self.in_order(targets) {
            let own = self.own_name(target);
            let name = match taken.reserve(&own) {
                true => own,
                false => {
                    usual = false;
                    taken.number(&own, '_').into()
                }
            };
            names.insert(target, name);
        }
        (names, usual)
    }

    fn own_name(&self, target: usize) -> Rc<str> {
        let known = self.targets.borrow()[target].name.clone();
        known.unwrap_or_else(|| {
            let name: Rc<str> = self.name_of(&self.targets.borrow()[target].node).into();
            self.targets.borrow_mut()[target].name = Some(name.clone());
            name
        })
    }

    /// The last word of the place, with the one before it when that word says nothing; the file's name for a whole document.
    fn name_of(&self, node: &Node<'r>) -> String {
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

    /// The number of the schema at `node` among those that something refers to.
    pub(super) fn target(&self, node: Node<'r>) -> usize {
        let address = node.address();
        if let Some(known) = self.by_address.borrow().get(&address) {
            return *known;
        }
        let mut targets = self.targets.borrow_mut();
        targets.push(Target { node, template: None, name: None, sum: None });
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

    /// The template of the schema at `node`.
    pub(super) fn read(&self, node: &Node<'r>) -> Template {
        if self.circular(node) {
            self.warn(node, "the schema refers only to itself; any value is accepted");
            return Template::anything();
        }
        let Some(value) = node.value() else {
            self.warn(node, "the schema cannot be read (nested too deeply, or not Unicode); any value is accepted");
            return Template::anything();
        };
        Template::of(self, node, &value)
    }

    /// Whether following plain references from here never ends.
    fn circular(&self, node: &Node<'r>) -> bool {
        node.object().is_some_and(|object| object.string("$ref").is_some())
            && self.behind_references(node).object().is_some_and(|last| {
                last.string("$ref").is_some_and(|reference| {
                    let plain = self.reading.version(&last.node) <= Version::V30 || last.iter().count() == 1;
                    plain && self.reading.follow(&last.node.scope, &reference).is_ok()
                })
            })
    }

    pub(super) fn warn(&self, node: &Node<'r>, message: &str) {
        self.reading.report(Severity::Warning, node, message.to_owned());
    }
}

/// The schema that accepts everything.
fn anything() -> Schema {
    Schema::new(&json!({}))
}
