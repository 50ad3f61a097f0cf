//! Walks a value along a compiled schema. Pure, and bounded: in steps, in depth and in what is told.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

use super::compile::{ArrayRules, Compiled, Id, Node, NumberRules, ObjectRules, Pattern, TextRules, Type};
use super::decimal::Decimal;
use super::{MAX_PROBLEMS, Problem};
use crate::base::name::nearest;

/// Nodes looked at in one check, about 50 ns each. A check that needs more finds nothing.
const MAX_STEPS: usize = 2_000_000;

/// Nodes below one another; what lies deeper is accepted.
const MAX_DEPTH: usize = 300;

/// Allowed values named in a message, and characters of one of them.
const MAX_NAMED: usize = 20;
const MAX_CHARS: usize = 60;

/// Of more members than these, none is looked for that was meant.
const MAX_COMPARED: usize = 1_000;

/// What is wrong with a value.
pub(super) fn problems(compiled: &Compiled, value: &Value, texts: bool) -> Vec<Problem> {
    found_in_time(compiled, value, texts).unwrap_or_default()
}

/// The same; `None` when it takes more steps than there are.
pub(super) fn found_in_time(compiled: &Compiled, value: &Value, texts: bool) -> Option<Vec<Problem>> {
    let walk =
        Walk { nodes: &compiled.nodes, texts, steps: Cell::new(0), loose: Cell::new(0), quiet: Cell::new(false) };
    let mut found = Vec::new();
    walk.node(compiled.root, value, &Place::Root, 0, &mut found);
    (!walk.is_spent()).then_some(found)
}

/// Where a value stands, told only when something is wrong there.
enum Place<'a> {
    Root,
    Member(&'a Self, &'a str),
    Item(&'a Self, usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Root => {}
            Self::Member(parent, name) => {
                parent.write(out);
                out.push('/');
                for c in name.chars().take(MAX_CHARS) {
                    match c {
                        '~' => out.push_str("~0"),
                        '/' => out.push_str("~1"),
                        plain if !plain.is_control() => out.push(plain),
                        control => out.extend(control.escape_default()),
                    }
                }
            }
            Self::Item(parent, at) => {
                parent.write(out);
                out.push_str(&format!("/{at}"));
            }
        }
    }
}

struct Walk<'a> {
    nodes: &'a [Node],
    /// Whether numbers may stand as texts.
    texts: bool,
    steps: Cell<usize>,
    /// How many nodes were met that may accept too much.
    loose: Cell<usize>,
    /// Whether it only matters that something is wrong: alternatives are tried so, and told of only when none fits.
    quiet: Cell<bool>,
}

impl<'a> Walk<'a> {
    fn is_spent(&self) -> bool {
        self.steps.get() > MAX_STEPS
    }

    fn spend(&self, steps: usize) {
        self.steps.set(self.steps.get().saturating_add(steps));
    }

    fn node(&self, id: Id, value: &Value, place: &Place<'_>, depth: usize, out: &mut Vec<Problem>) {
        self.spend(1);
        if depth > MAX_DEPTH || self.is_spent() || out.len() >= self.most() {
            return;
        }
        let node = &self.nodes[id];
        if node.never {
            return self.tell(place, "is not taken", out);
        }
        if node.nullable && value.is_null() {
            return;
        }
        if node.loose {
            self.loose.set(self.loose.get() + 1);
        }
        let number = self.number(node, value);
        if !self.has_type(node, value, number) {
            let said = if self.quiet.get() { String::new() } else { named_types(&node.types) };
            return self.tell(place, format_args!("must be {said}"), out);
        }
        if let Some(allowed) = &node.allowed {
            self.allowed(allowed, value, place, out);
        }
        if let (Some(rules), Some(number)) = (&node.number, number) {
            self.number_rules(rules, number, place, out);
        }
        match value {
            Value::String(text) => {
                if let Some(rules) = node.text.as_ref().filter(|_| number.is_none()) {
                    self.text_rules(rules, text, place, out);
                }
            }
            Value::Array(items) => {
                if let Some(rules) = &node.array {
                    self.array_rules(rules, items, place, depth, out);
                }
            }
            Value::Object(_) => {
                if let Some(rules) = &node.object {
                    self.object_rules(rules, value, place, depth, out);
                }
            }
            _ => {}
        }
        self.combined(node, value, place, depth + 1, out);
    }

    /// The number that a value is, also one written as text where a number is wanted.
    fn number(&self, node: &Node, value: &Value) -> Option<Decimal> {
        match value {
            Value::Number(number) => {
                let wanted = node.number.is_some() || !node.types.is_empty();
                wanted.then(|| self.decimal(&number.to_string())).flatten()
            }
            Value::String(text) if self.texts && !node.types.contains(&Type::String) => {
                let numeric = node.types.contains(&Type::Integer) || node.types.contains(&Type::Number);
                numeric.then(|| self.decimal(text)).flatten()
            }
            _ => None,
        }
    }

    fn decimal(&self, text: &str) -> Option<Decimal> {
        self.spend(text.len() / 32);
        Decimal::parse(text)
    }

    fn has_type(&self, node: &Node, value: &Value, number: Option<Decimal>) -> bool {
        node.types.is_empty()
            || node.types.iter().any(|kind| match kind {
                Type::Null => value.is_null(),
                Type::Boolean => value.is_boolean(),
                Type::Integer => number.is_some_and(Decimal::is_integer),
                Type::Number => number.is_some(),
                Type::String => value.is_string(),
                Type::Array => value.is_array(),
                Type::Object => value.is_object(),
            })
    }

    fn allowed(&self, allowed: &[Value], value: &Value, place: &Place<'_>, out: &mut Vec<Problem>) {
        self.spend(allowed.len() / 8);
        let text = Some(value).filter(|value| self.texts && is_scalar(value)).map(written);
        let is_it = |other: &Value| {
            self.same(other, value) || text.as_ref().is_some_and(|text| is_scalar(other) && written(other) == *text)
        };
        if allowed.iter().any(is_it) {
            return;
        }
        if self.quiet.get() {
            return self.tell(place, "", out);
        }
        let mut names: Vec<String> = allowed.iter().take(MAX_NAMED).map(|value| short(&written(value))).collect();
        if allowed.len() > MAX_NAMED {
            names.push("..".to_owned());
        }
        match names.as_slice() {
            [one] => self.tell(place, format_args!("must be {one}"), out),
            several => self.tell(place, format_args!("must be one of {}", several.join(", ")), out),
        }
    }

    /// `1` and `1.0` are the same number.
    fn same(&self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => a == b || (a.as_f64() == b.as_f64() && (a.is_f64() || b.is_f64())),
            (Value::Array(a), Value::Array(b)) => {
                self.spend(1);
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.item_is_same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                self.spend(1);
                a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| self.item_is_same(a, b)))
            }
            (Value::String(a), Value::String(b)) => {
                self.spend(a.len().min(b.len()) / 1024);
                a == b
            }
            _ => a == b,
        }
    }

    /// What is within a list or an object costs a step, and when there are none left, nothing is the same.
    fn item_is_same(&self, a: &Value, b: &Value) -> bool {
        self.spend(1);
        !self.is_spent() && self.same(a, b)
    }

    fn text_rules(&self, rules: &TextRules, text: &str, place: &Place<'_>, out: &mut Vec<Problem>) {
        if rules.min.is_some() || rules.max.is_some() {
            self.spend(text.len() / 256);
            let length = text.chars().count();
            if let Some(min) = rules.min.filter(|min| length < *min) {
                self.tell(place, format_args!("must have at least {min} {}", plural(min, "character")), out);
            }
            if let Some(max) = rules.max.filter(|max| length > *max) {
                self.tell(place, format_args!("must have at most {max} {}", plural(max, "character")), out);
            }
        }
        if let Some(pattern) = rules.pattern.as_ref().filter(|pattern| !self.matches(pattern, text)) {
            self.tell(place, format_args!("must match {}", short(&pattern.text)), out);
        }
    }

    /// What would take too long matches.
    fn matches(&self, pattern: &Pattern, text: &str) -> bool {
        self.spend(pattern.cost.saturating_mul(text.len()));
        self.is_spent() || pattern.regex.is_match(text)
    }

    fn array_rules(
        &self,
        rules: &ArrayRules,
        items: &[Value],
        place: &Place<'_>,
        depth: usize,
        out: &mut Vec<Problem>,
    ) {
        self.count_rules(rules.min, rules.max, items.len(), "item", place, out);
        if rules.unique && self.repeats(items) {
            self.tell(place, "must have no item twice", out);
        }
        self.spend(items.len() / 8);
        for (at, item) in items.iter().enumerate() {
            if let Some(id) = rules.first.get(at).copied().or(rules.rest) {
                self.node(id, item, &Place::Item(place, at), depth + 1, out);
            }
        }
        if let Some((id, least, most)) = rules.contains {
            let found: Vec<Sure> = items.iter().filter_map(|item| self.fits(id, item, depth + 1).ok()).collect();
            let sure = found.iter().filter(|sure| **sure == Sure::Yes).count();
            if found.len() < least || most.is_some_and(|most| sure > most) {
                self.tell(place, "must contain certain items, or not so many of them", out);
            }
        }
    }

    fn repeats(&self, items: &[Value]) -> bool {
        self.spend(items.iter().map(weight).sum());
        if self.is_spent() {
            return false;
        }
        let mut written: Vec<Cow<'_, str>> = items.iter().map(sortable).collect();
        written.sort_unstable();
        written.windows(2).any(|pair| pair[0] == pair[1])
    }

    fn object_rules(
        &self,
        rules: &ObjectRules,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
        out: &mut Vec<Problem>,
    ) {
        let Some(members) = value.as_object() else { return };
        self.count_rules(rules.min, rules.max, members.len(), "member", place, out);
        self.spend((members.len() + rules.required.len() + rules.needs.len() + rules.implies.len()) / 2);
        if self.is_spent() {
            return;
        }
        let missing = |name: &String, out: &mut Vec<Problem>| self.tell(&Place::Member(place, name), "is missing", out);
        rules.required.iter().filter(|name| !members.contains_key(*name)).for_each(|name| missing(name, out));
        for (name, needed) in rules.needs.iter().filter(|(name, _)| members.contains_key(name)) {
            self.spend(needed.len() / 2);
            for needed in needed.iter().filter(|needed| !members.contains_key(*needed)) {
                self.tell(&Place::Member(place, needed), format_args!("is missing beside `{}`", short(name)), out);
            }
        }
        for (name, member) in members {
            if out.len() >= self.most() || self.is_spent() {
                return;
            }
            let here = Place::Member(place, name);
            let property = rules.properties.get(name);
            if let Some(id) = property {
                self.node(*id, member, &here, depth + 1, out);
            }
            let mut covered = property.is_some();
            for (pattern, id) in &rules.patterns {
                if self.matches(pattern, name) {
                    covered = true;
                    self.node(*id, member, &here, depth + 1, out);
                }
            }
            if let Some(id) = rules.rest.filter(|_| !covered) {
                match self.nodes[id].never {
                    true => self.unknown(rules, name, &here, out),
                    false => self.node(id, member, &here, depth + 1, out),
                }
            }
            if let Some(id) = rules.names
                && self.fits(id, &name.as_str().into(), depth + 1).is_err()
            {
                self.tell(&here, "has a name that is not taken", out);
            }
        }
        for (_, id) in rules.implies.iter().filter(|(name, _)| members.contains_key(name)) {
            self.node(*id, value, place, depth + 1, out);
        }
    }

    fn combined(&self, node: &Node, value: &Value, place: &Place<'_>, depth: usize, out: &mut Vec<Problem>) {
        for id in &node.all {
            self.node(*id, value, place, depth, out);
        }
        if let Some(any) = &node.any {
            self.any(any, value, place, depth, out);
        }
        if let Some(one) = &node.one {
            self.one(one, value, place, depth, out);
        }
        if node.not.is_some_and(|id| self.fits(id, value, depth) == Ok(Sure::Yes)) {
            self.tell(place, "must not be what it is", out);
        }
        if let Some((condition, then, otherwise)) = node.choice {
            match self.fits(condition, value, depth) {
                Ok(Sure::Yes) => self.node(then, value, place, depth, out),
                Err(_) => self.node(otherwise, value, place, depth, out),
                // Which one holds, nobody here can tell.
                Ok(Sure::No) => {}
            }
        }
    }

    fn any(&self, any: &[Id], value: &Value, place: &Place<'_>, depth: usize, out: &mut Vec<Problem>) {
        if !self.quietly(|| any.iter().any(|id| self.fits(*id, value, depth).is_ok())) {
            self.none_fits(any, value, place, depth, out);
        }
    }

    /// Several may fit only where one of them may accept too much.
    fn one(&self, one: &[Id], value: &Value, place: &Place<'_>, depth: usize, out: &mut Vec<Problem>) {
        let (mut sure, mut unsure) = (0, 0);
        self.quietly(|| {
            for id in one {
                match self.fits(*id, value, depth) {
                    Ok(Sure::Yes) => sure += 1,
                    Ok(Sure::No) => unsure += 1,
                    Err(_) => {}
                }
            }
        });
        match sure + unsure {
            0 => self.none_fits(one, value, place, depth, out),
            _ if sure > 1 => self.tell(place, "must fit only one of its alternatives, and fits several", out),
            _ => {}
        }
    }

    fn none_fits(&self, all: &[Id], value: &Value, place: &Place<'_>, depth: usize, out: &mut Vec<Problem>) {
        if self.quiet.get() {
            return self.tell(place, "", out);
        }
        let failures = all.iter().filter_map(|id| self.fits_at(*id, value, place, depth).err()).collect();
        self.likely(failures, place, out);
    }

    fn most(&self) -> usize {
        if self.quiet.get() { 1 } else { MAX_PROBLEMS }
    }

    fn quietly<T>(&self, act: impl FnOnce() -> T) -> T {
        let before = self.quiet.replace(true);
        let done = act();
        self.quiet.set(before);
        done
    }

    fn fits(&self, id: Id, value: &Value, depth: usize) -> Result<Sure, Vec<Problem>> {
        self.quietly(|| self.fits_at(id, value, &Place::Root, depth))
    }

    fn fits_at(&self, id: Id, value: &Value, place: &Place<'_>, depth: usize) -> Result<Sure, Vec<Problem>> {
        let (mut found, before) = (Vec::new(), self.loose.get());
        self.node(id, value, place, depth + 1, &mut found);
        match found.is_empty() {
            true if self.loose.get() == before && depth < MAX_DEPTH => Ok(Sure::Yes),
            true => Ok(Sure::No),
            false => Err(found),
        }
    }

    /// Writing a message costs more than looking at a node.
    fn tell(&self, place: &Place<'_>, what: impl fmt::Display, out: &mut Vec<Problem>) {
        if self.quiet.get() {
            return out.push(Problem { place: String::new(), what: String::new() });
        }
        let problem = Problem { place: place.pointer(), what: what.to_string() };
        self.spend(32 + problem.place.len());
        if out.len() < MAX_PROBLEMS && !out.contains(&problem) {
            out.push(problem);
        }
    }

    /// Of alternatives that all failed, the one that was meant: the only one that fails below the place and not at it.
    fn likely(&self, mut failures: Vec<Vec<Problem>>, place: &Place<'_>, out: &mut Vec<Problem>) {
        let here = place.pointer();
        self.spend(32 + here.len());
        let count = failures.len();
        // Who gives a value did not mean the alternative that is nothing.
        let is_null = |problems: &Vec<Problem>| matches!(problems.as_slice(), [one] if one.place == here && one.what == "must be null");
        if failures.iter().any(|problems| !is_null(problems)) {
            failures.retain(|problems| !is_null(problems));
        }
        let is_near = |problems: &Vec<Problem>| problems.iter().all(|problem| problem.place.len() > here.len());
        let mut near = failures.iter().filter(|problems| is_near(problems));
        let meant = match (near.next(), near.next(), failures.as_slice()) {
            (Some(one), None, _) | (None, None, [one]) => Some(one.clone()),
            _ => None,
        };
        if let Some(problems) = meant {
            problems.into_iter().for_each(|problem| {
                if out.len() < MAX_PROBLEMS {
                    out.push(problem);
                }
            });
            return;
        }
        // When they all want the same, that is what is wrong.
        let all: Vec<&Problem> = failures.iter().flatten().collect();
        match all.as_slice() {
            [first, rest @ ..] if rest.iter().all(|other| other == first) => {
                if out.len() < MAX_PROBLEMS && !out.contains(first) {
                    out.push((*first).clone());
                }
            }
            _ => {
                let types: Vec<&str> = all.iter().filter_map(|problem| problem.what.strip_prefix("must be ")).collect();
                if types.len() == failures.len()
                    && all.len() == failures.len()
                    && all.iter().all(|problem| problem.place == here)
                {
                    self.tell(place, format_args!("must be {}", types.join(" or ")), out);
                } else {
                    self.tell(place, format_args!("must fit one of its {count} alternatives"), out);
                }
            }
        }
    }

    fn unknown(&self, rules: &ObjectRules, name: &str, here: &Place<'_>, out: &mut Vec<Problem>) {
        if self.quiet.get() {
            return self.tell(here, "", out);
        }
        // Each comparison costs as much as a few tens of nodes.
        let known = Some(&rules.properties).filter(|known| known.len() <= MAX_COMPARED);
        self.spend(known.map_or(0, |known| known.len() * 32));
        let what = match known.and_then(|known| nearest(name, known.keys().map(String::as_str))) {
            Some(near) => format!("is no member that is taken; did you mean `{}`?", short(near)),
            None => "is no member that is taken".to_owned(),
        };
        self.tell(here, what, out);
    }

    fn number_rules(&self, rules: &NumberRules, number: Decimal, place: &Place<'_>, out: &mut Vec<Problem>) {
        let rows = [
            (&rules.minimum, "must be at least", &[Ordering::Less][..]),
            (&rules.above, "must be more than", &[Ordering::Less, Ordering::Equal]),
            (&rules.maximum, "must be at most", &[Ordering::Greater]),
            (&rules.below, "must be less than", &[Ordering::Greater, Ordering::Equal]),
        ];
        for (bound, words, wrong) in rows {
            if let Some((bound, text)) = bound
                && number.compare(*bound).is_some_and(|ordering| wrong.contains(&ordering))
            {
                self.tell(place, format_args!("{words} {text}"), out);
            }
        }
        if let Some((multiple, text)) = &rules.multiple
            && !number.is_multiple_of(*multiple)
        {
            self.tell(place, format_args!("must be a multiple of {text}"), out);
        }
    }

    fn count_rules(
        &self,
        min: Option<usize>,
        max: Option<usize>,
        count: usize,
        noun: &str,
        place: &Place<'_>,
        out: &mut Vec<Problem>,
    ) {
        if let Some(min) = min.filter(|min| count < *min) {
            self.tell(place, format_args!("must have at least {min} {}", plural(min, noun)), out);
        }
        if let Some(max) = max.filter(|max| count > *max) {
            self.tell(place, format_args!("must have at most {max} {}", plural(max, noun)), out);
        }
    }
}

/// Whether a value that fits surely does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sure {
    Yes,
    No,
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

fn named_types(types: &[Type]) -> String {
    let name = |kind: &Type| match kind {
        Type::Null => "null",
        Type::Boolean => "a boolean",
        Type::Integer => "an integer",
        Type::Number => "a number",
        Type::String => "a string",
        Type::Array => "an array",
        Type::Object => "an object",
    };
    types.iter().map(name).collect::<Vec<_>>().join(" or ")
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// Steps for going through all of a value.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + 1,
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() / 64 + 1 + weight(value)).sum::<usize>() + 1
        }
        Value::String(text) => text.len() / 64 + 1,
        _ => 1,
    }
}

/// A text for each value, the same for the same; order of members does not count.
fn sortable(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Number(number) => match number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15) {
            Some(float) => format!("{float}").into(),
            None => number.to_string().into(),
        },
        Value::Array(items) => format!("[{}]", items.iter().map(sortable).collect::<Vec<_>>().join(",")).into(),
        Value::Object(members) => {
            let mut pairs: Vec<String> =
                members.iter().map(|(name, value)| format!("{name:?}:{}", sortable(value))).collect();
            pairs.sort_unstable();
            format!("{{{}}}", pairs.join(",")).into()
        }
        other => other.to_string().into(),
    }
}

fn written(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| value.to_string().into(), Into::into)
}

/// What a publisher wrote, short and without control characters.
fn short(text: &str) -> String {
    let cut: String = text.chars().take(MAX_CHARS).collect();
    let more = if cut.len() < text.len() { ".." } else { "" };
    format!("{}{more}", cut.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'").replace("\\\\", "\\"))
}
