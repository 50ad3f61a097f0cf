//! The search: steps over an answer, every one counted. Pure.
//!
//! Key types: [`View`], a value that mostly is a part of the answer itself; [`Walk`], what is left to spend. What is used twice is shared, so
//! that it costs once; only writing it down costs each time, and that is counted too.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Comparison, Limits, QueryError, Step};
use crate::cli::output::json;
use crate::cli::output::node::Node;

static NULL: Node = Node::Null;
static TRUE: Node = Node::Bool(true);
static FALSE: Node = Node::Bool(false);

/// A value.
#[derive(Clone, Debug)]
pub(super) enum View<'a> {
    /// A part of the answer, or of the expression.
    Of(&'a Node),
    /// A text or a number made here.
    Made(Rc<Node>),
    /// A list made here.
    List(Rc<Vec<Self>>),
    /// An object made here.
    Object(Rc<Vec<(&'a str, Self)>>),
    /// `&expression`
    Expression(&'a Step),
}

/// What is left to spend.
pub(super) struct Walk(Limits);

/// What `step` finds in `answer`, as JSON text.
pub(super) fn find(step: &Step, answer: &Node, limits: Limits) -> Result<String, QueryError> {
    let mut walk = Walk(limits);
    let found = walk.step(step, &View::Of(answer))?;
    walk.text(&found)
}

/// A number, exact when it is whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    pub(super) fn of(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Real(text.parse().unwrap_or(f64::NAN)), Self::Whole)
    }

    #[expect(clippy::cast_precision_loss, reason = "a fraction is no more precise")]
    pub(super) fn real(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one.cmp(&other),
            (one, other) => one.real().partial_cmp(&other.real()).unwrap_or(Ordering::Equal),
        }
    }
}

impl<'a> View<'a> {
    pub(super) fn null() -> Self {
        Self::Of(&NULL)
    }

    pub(super) fn truth(value: bool) -> Self {
        Self::Of(if value { &TRUE } else { &FALSE })
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(items))
    }

    /// The node behind a value that was not put together here.
    pub(super) fn node(&self) -> Option<&Node> {
        match self {
            Self::Of(node) => Some(node),
            Self::Made(node) => Some(node),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.node() == Some(&Node::Null)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self.node() {
            Some(Node::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<Number> {
        match self.node() {
            Some(Node::Number(text)) => Some(Number::of(text)),
            _ => None,
        }
    }

    /// The name of its type, as JMESPath has them.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::List(_) => "array",
            Self::Object(_) => "object",
            Self::Expression(_) => "expression",
            Self::Of(node) => kind(node),
            Self::Made(node) => kind(node),
        }
    }

    /// How many items or members it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::List(items) => items.len(),
            Self::Object(members) => members.len(),
            _ => match self.node() {
                Some(Node::List(items)) => items.len(),
                Some(Node::Object(members)) => members.len(),
                _ => 0,
            },
        }
    }

    fn is_true(&self) -> bool {
        match self.node() {
            Some(Node::Null | Node::Bool(false)) => false,
            Some(Node::Text(text)) => !text.is_empty(),
            Some(Node::Bool(true) | Node::Number(_) | Node::Raw(_)) => true,
            _ => self.len() > 0,
        }
    }
}

/// What is nested too deeply, or holds what no text can, keeps its type and is a closed box.
fn kind(node: &Node) -> &'static str {
    match node {
        Node::Null => "null",
        Node::Bool(_) => "boolean",
        Node::Number(_) => "number",
        Node::Text(_) => "string",
        Node::List(_) => "array",
        Node::Object(_) => "object",
        Node::Raw(text) if text.starts_with('"') => "string",
        Node::Raw(text) if text.starts_with('[') => "array",
        Node::Raw(_) => "object",
    }
}

impl Walk {
    /// Values that are looked at.
    pub(super) fn look(&mut self, count: usize) -> Result<(), QueryError> {
        self.0.steps = self.0.steps.checked_sub(count).ok_or(QueryError::TooLong)?;
        Ok(())
    }

    /// Bytes that are made.
    pub(super) fn make(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.0.bytes = self.0.bytes.checked_sub(bytes).ok_or(QueryError::TooLarge)?;
        Ok(())
    }

    fn make_items(&mut self, count: usize) -> Result<(), QueryError> {
        self.look(count)?;
        self.make(count * size_of::<View<'_>>())
    }

    pub(super) fn step<'a>(&mut self, step: &'a Step, at: &View<'a>) -> Result<View<'a>, QueryError> {
        self.look(1)?;
        match step {
            Step::Current => Ok(at.clone()),
            Step::Field(name) => self.field(at, name),
            Step::Index(index) => self.index(at, *index),
            Step::Slice { start, stop, by } => self.slice(at, (*start, *stop, *by)),
            Step::Literal(node) => Ok(View::Of(node)),
            Step::Then(first, then) => {
                let found = self.step(first, at)?;
                self.step(then, &found)
            }
            Step::Or(one, other) => {
                let found = self.step(one, at)?;
                if found.is_true() { Ok(found) } else { self.step(other, at) }
            }
            Step::And(one, other) => {
                let found = self.step(one, at)?;
                if found.is_true() { self.step(other, at) } else { Ok(found) }
            }
            Step::Not(inner) => Ok(View::truth(!self.step(inner, at)?.is_true())),
            Step::When(holds, then) => {
                if self.step(holds, at)?.is_true() {
                    self.step(then, at)
                } else {
                    Ok(View::null())
                }
            }
            Step::Compare(comparison, one, other) => {
                let (one, other) = (self.step(one, at)?, self.step(other, at)?);
                self.compare(*comparison, &one, &other)
            }
            Step::Values(inner) => {
                let found = self.step(inner, at)?;
                self.values(&found)
            }
            Step::Flatten(inner) => {
                let found = self.step(inner, at)?;
                self.flatten(&found)
            }
            Step::Each(list, then) => {
                let found = self.step(list, at)?;
                self.each(&found, then)
            }
            Step::List(steps) => self.make_list(steps, at),
            Step::Object(members) => self.make_object(members, at),
            Step::Call { function, arguments, column } => {
                let arguments =
                    arguments.iter().map(|argument| self.step(argument, at)).collect::<Result<Vec<_>, _>>()?;
                function.call(self, &arguments, *column)
            }
            Step::Expression(inner) => Ok(View::Expression(inner)),
        }
    }

    /// The items of a list; `None` for anything else.
    pub(super) fn items<'a>(&mut self, view: &View<'a>) -> Result<Option<Rc<Vec<View<'a>>>>, QueryError> {
        Ok(match view {
            View::List(items) => Some(Rc::clone(items)),
            View::Of(Node::List(items)) => {
                self.make_items(items.len())?;
                Some(Rc::new(items.iter().map(View::Of).collect()))
            }
            _ => None,
        })
    }

    /// The members of an object; of those with one name the last counts.
    pub(super) fn members<'a>(&mut self, view: &View<'a>) -> Result<Option<Vec<(&'a str, View<'a>)>>, QueryError> {
        let all: Vec<(&'a str, View<'a>)> = match view {
            View::Object(members) => {
                self.make_items(2 * members.len())?;
                return Ok(Some(members.to_vec()));
            }
            View::Of(Node::Object(members)) => {
                self.make_items(4 * members.len())?;
                members.iter().map(|(name, value)| (name.as_str(), View::Of(value))).collect()
            }
            _ => return Ok(None),
        };
        let last: BTreeMap<&str, usize> = all.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
        let kept = all.into_iter().enumerate().filter(|(at, (name, _))| last.get(name) == Some(at));
        Ok(Some(kept.map(|(_, member)| member).collect()))
    }

    fn field<'a>(&mut self, view: &View<'a>, name: &str) -> Result<View<'a>, QueryError> {
        self.look(view.len())?;
        let found = match view {
            View::Of(Node::Object(members)) => {
                members.iter().rfind(|(other, _)| other == name).map(|(_, value)| View::Of(value))
            }
            View::Object(members) => members.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone()),
            _ => None,
        };
        Ok(found.unwrap_or_else(View::null))
    }

    fn index<'a>(&mut self, view: &View<'a>, index: i64) -> Result<View<'a>, QueryError> {
        let count = i64::try_from(view.len()).unwrap_or(i64::MAX);
        let index = usize::try_from(if index < 0 { index + count } else { index }).ok();
        let found = match view {
            View::Of(Node::List(items)) => index.and_then(|at| items.get(at)).map(View::Of),
            View::List(items) => index.and_then(|at| items.get(at)).cloned(),
            _ => None,
        };
        Ok(found.unwrap_or_else(View::null))
    }

    fn slice<'a>(
        &mut self,
        view: &View<'a>,
        (start, stop, by): (Option<i64>, Option<i64>, i64),
    ) -> Result<View<'a>, QueryError> {
        let Some(items) = self.items(view)? else { return Ok(View::null()) };
        let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
        // The first and the last place that there is in this direction.
        let (least, most) = if by > 0 { (0, count) } else { (-1, count - 1) };
        let place = |given: Option<i64>, usual| {
            given.map_or(usual, |at| if at < 0 { at + count } else { at }.clamp(least, most))
        };
        let (start, stop) =
            if by > 0 { (place(start, 0), place(stop, count)) } else { (place(start, count - 1), place(stop, -1)) };
        let mut found = Vec::new();
        let mut at = start;
        while if by > 0 { at < stop } else { at > stop } {
            found.extend(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned());
            at += by;
        }
        self.make_items(found.len())?;
        Ok(View::list(found))
    }

    pub(super) fn values<'a>(&mut self, view: &View<'a>) -> Result<View<'a>, QueryError> {
        let members = self.members(view)?;
        Ok(members.map_or_else(View::null, |members| View::list(members.into_iter().map(|(_, value)| value).collect())))
    }

    fn flatten<'a>(&mut self, view: &View<'a>) -> Result<View<'a>, QueryError> {
        let Some(items) = self.items(view)? else { return Ok(View::null()) };
        let mut flat = Vec::new();
        for item in items.iter() {
            match self.items(item)? {
                Some(inner) => {
                    self.make_items(inner.len())?;
                    flat.extend(inner.iter().cloned());
                }
                None => flat.push(item.clone()),
            }
        }
        self.make_items(flat.len())?;
        Ok(View::list(flat))
    }

    fn each<'a>(&mut self, view: &View<'a>, then: &'a Step) -> Result<View<'a>, QueryError> {
        let Some(items) = self.items(view)? else { return Ok(View::null()) };
        let mut found = Vec::new();
        for item in items.iter() {
            let one = self.step(then, item)?;
            if !one.is_null() {
                found.push(one);
            }
        }
        self.make_items(found.len())?;
        Ok(View::list(found))
    }

    fn make_list<'a>(&mut self, steps: &'a [Step], at: &View<'a>) -> Result<View<'a>, QueryError> {
        if at.is_null() {
            return Ok(View::null());
        }
        self.make_items(steps.len())?;
        Ok(View::list(steps.iter().map(|step| self.step(step, at)).collect::<Result<_, _>>()?))
    }

    fn make_object<'a>(&mut self, members: &'a [(String, Step)], at: &View<'a>) -> Result<View<'a>, QueryError> {
        if at.is_null() {
            return Ok(View::null());
        }
        self.make_items(2 * members.len())?;
        let mut made: Vec<(&'a str, View<'a>)> = Vec::with_capacity(members.len());
        for (name, step) in members {
            let value = self.step(step, at)?;
            put(&mut made, name, value);
        }
        Ok(View::Object(Rc::new(made)))
    }

    fn compare<'a>(
        &mut self,
        comparison: Comparison,
        one: &View<'a>,
        other: &View<'a>,
    ) -> Result<View<'a>, QueryError> {
        let order = || Some(one.number()?.compare(other.number()?));
        let is = |wanted: fn(Ordering) -> bool| order().map_or_else(View::null, |order| View::truth(wanted(order)));
        Ok(match comparison {
            Comparison::Equal => View::truth(self.equal(one, other)?),
            Comparison::Unequal => View::truth(!self.equal(one, other)?),
            Comparison::Less => is(Ordering::is_lt),
            Comparison::LessOrEqual => is(Ordering::is_le),
            Comparison::Greater => is(Ordering::is_gt),
            Comparison::GreaterOrEqual => is(Ordering::is_ge),
        })
    }

    /// The order of members is no difference, and neither is how a number is written.
    pub(super) fn equal(&mut self, one: &View<'_>, other: &View<'_>) -> Result<bool, QueryError> {
        self.look(1)?;
        if one.kind() != other.kind() {
            return Ok(false);
        }
        if let (Some(one), Some(other)) = (one.number(), other.number()) {
            return Ok(one.compare(other).is_eq());
        }
        if let (Some(ours), Some(theirs)) = (self.items(one)?, self.items(other)?) {
            if ours.len() != theirs.len() {
                return Ok(false);
            }
            for (one, other) in ours.iter().zip(theirs.iter()) {
                if !self.equal(one, other)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if let (Some(ours), Some(theirs)) = (self.members(one)?, self.members(other)?) {
            let theirs: BTreeMap<&str, View<'_>> = theirs.into_iter().collect();
            if ours.len() != theirs.len() {
                return Ok(false);
            }
            for (name, value) in &ours {
                match theirs.get(name) {
                    Some(other) if self.equal(value, other)? => {}
                    _ => return Ok(false),
                }
            }
            return Ok(true);
        }
        Ok(one.node().is_some() && one.node() == other.node())
    }

    /// JSON text on one line.
    pub(super) fn text(&mut self, view: &View<'_>) -> Result<String, QueryError> {
        let mut out = String::new();
        self.write(view, &mut out)?;
        Ok(out)
    }

    fn write(&mut self, view: &View<'_>, out: &mut String) -> Result<(), QueryError> {
        self.look(1)?;
        let before = out.len();
        match view {
            View::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    out.push(if at == 0 { '[' } else { ',' });
                    self.write(item, out)?;
                }
                out.push_str(if items.is_empty() { "[]" } else { "]" });
                self.make(items.len() + 1)
            }
            View::Object(members) => {
                for (at, (name, value)) in members.iter().enumerate() {
                    let quoted = json::quote(name);
                    self.make(quoted.len() + 2)?;
                    out.push(if at == 0 { '{' } else { ',' });
                    out.push_str(&quoted);
                    out.push(':');
                    self.write(value, out)?;
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
                self.make(1)
            }
            // The language has no text for it.
            View::Expression(_) => {
                out.push_str("null");
                self.make(4)
            }
            View::Of(node) => {
                json::write(node, None, out);
                self.make(out.len() - before)
            }
            View::Made(node) => {
                json::write(node, None, out);
                self.make(out.len() - before)
            }
        }
    }

    /// A text of its own.
    pub(super) fn made_text<'a>(&mut self, text: Cow<'_, str>) -> Result<View<'a>, QueryError> {
        self.make(text.len())?;
        Ok(View::Made(Rc::new(Node::Text(text.into_owned()))))
    }
}

/// Sets a member where it stands, else behind the others.
pub(super) fn put<'a>(members: &mut Vec<(&'a str, View<'a>)>, name: &'a str, value: View<'a>) {
    match members.iter_mut().find(|(other, _)| *other == name) {
        Some((_, old)) => *old = value,
        None => members.push((name, value)),
    }
}
