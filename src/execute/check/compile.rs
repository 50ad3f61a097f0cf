//! A JSON Schema (2020-12, and what OpenAPI 3.0 writes otherwise) as a list of nodes to be walked. Pure.
//!
//! A keyword that has not the shape the specification gives it says nothing. Each place of a schema becomes one node, references
//! lead to nodes, so that the result is as large as the text, cycles or not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use regex_lite::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::decimal::Decimal;

/// Bytes of a pattern, and of the program that it becomes.
const MAX_PATTERN: usize = 2_000;
const MIN_PROGRAM: usize = 1 << 10;
const MAX_PROGRAM: usize = 64 << 10;

/// References looked through for `readOnly`.
const MAX_HOPS: usize = 8;

/// Parts of a schema that are looked through for it.
const MAX_PARTS: usize = 32;

/// The place of a node.
pub(super) type Id = usize;

/// The node that accepts everything.
pub(super) const ANYTHING: Id = 0;

/// A schema, ready to be walked.
#[derive(Debug)]
pub(in super::super) struct Compiled {
    /// The schema itself.
    pub(in super::super) schema: Value,
    pub(super) nodes: Vec<Node>,
    pub(super) root: Id,
}

/// One place of a schema; by default everything is accepted.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// `false`.
    pub(super) never: bool,
    /// `nullable` of OpenAPI 3.0: `null` is accepted whatever else is said.
    pub(super) nullable: bool,
    /// Empty for any.
    pub(super) types: Vec<Type>,
    /// `enum`, `const`.
    pub(super) allowed: Option<Vec<Value>>,
    pub(super) number: Option<Box<NumberRules>>,
    pub(super) text: Option<Box<TextRules>>,
    pub(super) array: Option<Box<ArrayRules>>,
    pub(super) object: Option<Box<ObjectRules>>,
    /// `allOf`, `$ref` and `dependentSchemas` without a condition.
    pub(super) all: Vec<Id>,
    pub(super) any: Option<Vec<Id>>,
    pub(super) one: Option<Vec<Id>>,
    pub(super) not: Option<Id>,
    /// `if`, `then`, `else`.
    pub(super) choice: Option<(Id, Id, Id)>,
    /// Something in it is not enforced (a format, a pattern), so that it may accept too much.
    pub(super) loose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

#[derive(Debug, Default)]
pub(super) struct NumberRules {
    pub(super) minimum: Option<(Decimal, String)>,
    pub(super) above: Option<(Decimal, String)>,
    pub(super) maximum: Option<(Decimal, String)>,
    pub(super) below: Option<(Decimal, String)>,
    pub(super) multiple: Option<(Decimal, String)>,
}

#[derive(Debug, Default)]
pub(super) struct TextRules {
    pub(super) min: Option<usize>,
    pub(super) max: Option<usize>,
    pub(super) pattern: Option<Pattern>,
}

/// A pattern and what matching costs.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) regex: Regex,
    /// Steps for a byte of text at most; the engine's time grows with the program and the text, never faster.
    pub(super) cost: usize,
}

#[derive(Debug, Default)]
pub(super) struct ArrayRules {
    pub(super) min: Option<usize>,
    pub(super) max: Option<usize>,
    pub(super) unique: bool,
    pub(super) first: Vec<Id>,
    pub(super) rest: Option<Id>,
    /// Schema, least and most.
    pub(super) contains: Option<(Id, usize, Option<usize>)>,
}

#[derive(Debug, Default)]
pub(super) struct ObjectRules {
    pub(super) min: Option<usize>,
    pub(super) max: Option<usize>,
    pub(super) required: Vec<String>,
    pub(super) properties: BTreeMap<String, Id>,
    pub(super) patterns: Vec<(Pattern, Id)>,
    /// Of what neither names nor patterns cover.
    pub(super) rest: Option<Id>,
    pub(super) names: Option<Id>,
    pub(super) needs: Vec<(String, Vec<String>)>,
    pub(super) implies: Vec<(String, Id)>,
}

impl Compiled {
    /// Compiles a schema.
    pub(super) fn new(schema: Value) -> Self {
        let mut compiler =
            Compiler { root: &schema, nodes: vec![Node::default()], known: HashMap::new(), read_only: HashMap::new() };
        let root = compiler.node(&schema, &Hidden::default());
        let nodes = compiler.nodes;
        Self { nodes, root, schema }
    }
}

/// Members that a schema and those around it call read-only. What is outside is not copied: it may be long, and there may be many inside.
#[derive(Default)]
struct Hidden<'h> {
    names: Vec<Rc<BTreeSet<String>>>,
    outer: Option<&'h Self>,
}

impl Hidden<'_> {
    fn contains(&self, name: &str) -> bool {
        let mut all = std::iter::successors(Some(self), |hidden| hidden.outer);
        all.any(|hidden| hidden.names.iter().any(|names| names.contains(name)))
    }
}

struct Compiler<'a> {
    root: &'a Value,
    nodes: Vec<Node>,
    /// By the address of what a reference leads to.
    known: HashMap<usize, Id>,
    /// The read-only members of a schema's own, by its address: many others may lead to it.
    read_only: HashMap<usize, Rc<BTreeSet<String>>>,
}

impl<'a> Compiler<'a> {
    /// `hidden`: members that an enclosing `allOf` calls read-only. Nesting is bounded by the depth of JSON that is read.
    fn node(&mut self, schema: &'a Value, hidden: &Hidden<'_>) -> Id {
        let address = std::ptr::from_ref(schema).addr();
        if let Some(known) = self.known.get(&address) {
            return *known;
        }
        let keywords = match schema {
            Value::Object(keywords) if !keywords.is_empty() => keywords,
            Value::Bool(false) => {
                self.nodes.push(Node { never: true, ..Node::default() });
                return self.nodes.len() - 1;
            }
            _ => return ANYTHING,
        };
        let id = self.nodes.len();
        // Taken before what is below is looked at, so that a cycle comes back here.
        self.nodes.push(Node::default());
        self.known.insert(address, id);
        let node = self.described(keywords, hidden);
        self.nodes[id] = node;
        id
    }

    fn described(&mut self, keywords: &'a Map<String, Value>, hidden: &Hidden<'_>) -> Node {
        let mut hidden = Hidden { names: Vec::new(), outer: Some(hidden) };
        self.read_only(keywords, &mut Vec::new(), &mut hidden.names);
        let nullable = keywords.get("nullable") == Some(&Value::Bool(true));
        let mut node = Node { types: types(keywords), nullable, ..Node::default() };
        node.allowed = match (keywords.get("enum"), keywords.get("const")) {
            (_, Some(value)) => Some(vec![value.clone()]),
            (Some(Value::Array(values)), None) if !values.is_empty() => Some(values.clone()),
            _ => None,
        };
        node.number = number_rules(keywords).map(Box::new);
        let text = text_rules(keywords);
        node.loose |= keywords.contains_key("pattern") && text.as_ref().is_none_or(|text| text.pattern.is_none());
        node.loose |= keywords.keys().any(|keyword| {
            matches!(keyword.as_str(), "format" | "unevaluatedProperties" | "unevaluatedItems" | "contentMediaType")
        });
        node.text = text.map(Box::new);
        node.array = self.array_rules(keywords).map(Box::new);
        let (object, all_patterns) = self.object_rules(keywords, &hidden);
        node.object = object.map(Box::new);
        node.loose |= !all_patterns;
        self.combined(keywords, &hidden, &mut node);
        node
    }

    fn combined(&mut self, keywords: &'a Map<String, Value>, hidden: &Hidden<'_>, node: &mut Node) {
        if let Some(target) = keywords.get("$ref").and_then(Value::as_str).and_then(|text| target(self.root, text)) {
            let id = self.node(target, &Hidden::default());
            node.all.push(id);
        }
        if let Some(Value::Array(parts)) = keywords.get("allOf") {
            node.all.extend(parts.iter().map(|part| self.node(part, hidden)).collect::<Vec<_>>());
        }
        let mut list = |keyword: &str| match keywords.get(keyword) {
            Some(Value::Array(parts)) if !parts.is_empty() => {
                Some(parts.iter().map(|part| self.node(part, hidden)).collect::<Vec<_>>())
            }
            _ => None,
        };
        (node.any, node.one) = (list("anyOf"), list("oneOf"));
        node.not = keywords.get("not").filter(|not| is_schema(not)).map(|not| self.node(not, hidden));
        if let Some(condition) = keywords.get("if").filter(|condition| is_schema(condition)) {
            let condition = self.node(condition, hidden);
            let mut branch = |keyword: &str| keywords.get(keyword).map_or(ANYTHING, |then| self.node(then, hidden));
            node.choice = Some((condition, branch("then"), branch("else")));
        }
    }

    fn array_rules(&mut self, keywords: &'a Map<String, Value>) -> Option<ArrayRules> {
        let none = Hidden::default();
        let mut rules = ArrayRules {
            min: count(keywords, "minItems"),
            max: count(keywords, "maxItems"),
            unique: keywords.get("uniqueItems") == Some(&Value::Bool(true)),
            ..ArrayRules::default()
        };
        // `items` as a list is what `prefixItems` was before 2020-12.
        let (first, rest) = match (keywords.get("prefixItems"), keywords.get("items")) {
            (None, Some(Value::Array(first))) => (first.as_slice(), keywords.get("additionalItems")),
            (first, rest) => (first.and_then(Value::as_array).map_or(&[][..], Vec::as_slice), rest),
        };
        rules.first = first.iter().map(|item| self.node(item, &none)).collect();
        rules.rest = rest.filter(|rest| is_schema(rest)).map(|rest| self.node(rest, &none));
        if let Some(contains) = keywords.get("contains").filter(|contains| is_schema(contains)) {
            let least = count(keywords, "minContains").unwrap_or(1);
            rules.contains = Some((self.node(contains, &none), least, count(keywords, "maxContains")));
        }
        let ArrayRules { min, max, unique, first, rest, contains } = &rules;
        let says =
            min.is_some() || max.is_some() || *unique || !first.is_empty() || rest.is_some() || contains.is_some();
        says.then_some(rules)
    }

    /// Also whether all patterns of names can be enforced.
    fn object_rules(&mut self, keywords: &'a Map<String, Value>, hidden: &Hidden<'_>) -> (Option<ObjectRules>, bool) {
        let none = Hidden::default();
        let members = |keyword: &str| keywords.get(keyword).and_then(Value::as_object).into_iter().flatten();
        let names = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut rules = ObjectRules {
            min: count(keywords, "minProperties"),
            max: count(keywords, "maxProperties"),
            required: keywords.get("required").map(names).unwrap_or_default(),
            needs: members("dependentRequired").map(|(name, needed)| (name.clone(), names(needed))).collect(),
            ..ObjectRules::default()
        };
        // What the server alone fills in is required of answers only (OpenAPI 3.0 section 4.7.24.2).
        rules.required.retain(|name| !hidden.contains(name));
        for (name, property) in members("properties") {
            let id = if self.is_read_only(property, MAX_HOPS) { ANYTHING } else { self.node(property, &none) };
            rules.properties.insert(name.clone(), id);
        }
        rules.implies =
            members("dependentSchemas").map(|(name, part)| (name.clone(), self.node(part, hidden))).collect();
        let patterns = members("patternProperties").count();
        for (text, property) in members("patternProperties") {
            if let Some(pattern) = pattern(text) {
                rules.patterns.push((pattern, self.node(property, &none)));
            }
        }
        let all_patterns = rules.patterns.len() == patterns;
        // Without all patterns nobody can say what is left over.
        let rest = keywords.get("additionalProperties").filter(|rest| all_patterns && is_schema(rest));
        rules.rest = rest.map(|rest| self.node(rest, &none));
        rules.names =
            keywords.get("propertyNames").filter(|names| is_schema(names)).map(|names| self.node(names, &none));
        let ObjectRules { min, max, required, properties, patterns, rest, names, needs, implies } = &rules;
        let says = min.is_some() || max.is_some() || rest.is_some() || names.is_some();
        let lists = required.is_empty() && properties.is_empty() && patterns.is_empty() && needs.is_empty();
        ((says || !lists || !implies.is_empty()).then_some(rules), all_patterns)
    }

    /// Collects the read-only members of a schema and of its parts; `seen` keeps parts that refer to each other from multiplying.
    fn read_only(
        &mut self,
        keywords: &Map<String, Value>,
        seen: &mut Vec<usize>,
        found: &mut Vec<Rc<BTreeSet<String>>>,
    ) {
        let address = std::ptr::from_ref(keywords).addr();
        if seen.len() >= MAX_PARTS || seen.contains(&address) {
            return;
        }
        seen.push(address);
        if let Some(Value::Object(properties)) = keywords.get("properties") {
            let known = self.read_only.get(&address).cloned();
            let own = known.unwrap_or_else(|| {
                let names = properties.iter().filter(|(_, property)| self.is_read_only(property, MAX_HOPS));
                Rc::new(names.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>())
            });
            self.read_only.insert(address, Rc::clone(&own));
            found.extend(Some(own).filter(|own| !own.is_empty()));
        }
        let root = self.root;
        let parts = keywords.get("allOf").and_then(Value::as_array).into_iter().flatten();
        let reference = keywords.get("$ref").and_then(Value::as_str).and_then(|text| target(root, text));
        for part in parts.chain(reference).filter_map(Value::as_object) {
            self.read_only(part, seen, found);
        }
    }

    fn is_read_only(&self, schema: &Value, hops: usize) -> bool {
        let Some(hops) = hops.checked_sub(1) else { return false };
        let reference = schema["$ref"].as_str().and_then(|text| target(self.root, text));
        schema["readOnly"] == true || reference.is_some_and(|target| self.is_read_only(target, hops))
    }
}

fn types(keywords: &Map<String, Value>) -> Vec<Type> {
    let one = |name: &Value| {
        Some(match name.as_str()? {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "string" => Type::String,
            "array" => Type::Array,
            "object" => Type::Object,
            _ => return None,
        })
    };
    match keywords.get("type") {
        Some(Value::Array(names)) => {
            let known: Vec<_> = names.iter().filter_map(one).collect();
            if known.len() == names.len() { known } else { Vec::new() }
        }
        Some(name) => one(name).into_iter().collect(),
        None => Vec::new(),
    }
}

fn number_rules(keywords: &Map<String, Value>) -> Option<NumberRules> {
    let bound = |keyword: &str| {
        let text = keywords.get(keyword).filter(|value| value.is_number())?.to_string();
        Some((Decimal::parse(&text)?, text))
    };
    // OpenAPI 3.0 says by `true` that the bound beside it is exclusive.
    let is_exclusive = |keyword: &str| keywords.get(keyword) == Some(&Value::Bool(true));
    let (mut minimum, mut above) = (bound("minimum"), bound("exclusiveMinimum"));
    if is_exclusive("exclusiveMinimum") {
        above = minimum.take();
    }
    let (mut maximum, mut below) = (bound("maximum"), bound("exclusiveMaximum"));
    if is_exclusive("exclusiveMaximum") {
        below = maximum.take();
    }
    let multiple = bound("multipleOf");
    let says = [&minimum, &above, &maximum, &below, &multiple].into_iter().any(Option::is_some);
    says.then_some(NumberRules { minimum, above, maximum, below, multiple })
}

fn text_rules(keywords: &Map<String, Value>) -> Option<TextRules> {
    let pattern = keywords.get("pattern").and_then(Value::as_str).and_then(pattern);
    let rules = TextRules { min: count(keywords, "minLength"), max: count(keywords, "maxLength"), pattern };
    let says = rules.min.is_some() || rules.max.is_some() || rules.pattern.is_some();
    says.then_some(rules)
}

/// `None` for what this engine does not know (look-around, Unicode properties), or what would be too large.
fn pattern(text: &str) -> Option<Pattern> {
    if text.len() > MAX_PATTERN {
        return None;
    }
    // The smallest size that suffices is how large the program is, which nothing else tells.
    let sizes = std::iter::successors(Some(MIN_PROGRAM), |size| Some(size * 2)).take_while(|size| *size <= MAX_PROGRAM);
    let build = |size| Some((RegexBuilder::new(text).size_limit(size).nest_limit(50).build().ok()?, size));
    let (regex, size) = sizes.into_iter().find_map(build)?;
    Some(Pattern { text: text.to_owned(), regex, cost: size / 100 })
}

/// A count; `2.0` is one too.
fn count(keywords: &Map<String, Value>, keyword: &str) -> Option<usize> {
    let number = keywords.get(keyword)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number that is small enough")]
    let rounded = || number.as_f64().filter(|n| n.fract() == 0.0 && (0.0..1e9).contains(n)).map(|n| n as usize);
    number.as_u64().and_then(|n| usize::try_from(n).ok()).or_else(rounded)
}

fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}

fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}
