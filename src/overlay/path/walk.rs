//! Walking over a document: what an expression selects (RFC 9535 sections 2.3 to 2.5), with counted steps.

use std::borrow::Cow;
use std::collections::HashSet;
use std::rc::Rc;

use serde_json::Value;

use super::compare::holds;
use super::pattern::Pattern;
use super::{Budget, MAX_NODES, Operand, Place, Query, Refused, Rule, Segment, Selector, Step, Test};

/// Steps that compiling a pattern takes that stands in the document.
const COMPILING: usize = 2_000;

/// Bytes of a text whose characters are counted in a step.
const BYTES: usize = 64;

/// Nodes between two segments, repetitions counted.
const MAX_LIST: usize = 1_000_000;

/// The places of what a query selects, each once.
pub(super) fn places(query: &Query, document: &Value, budget: &mut Budget) -> Result<Vec<Place>, Refused> {
    let mut found = Walk { root: document, budget }.nodes(query, (document, None::<Rc<Link<'_>>>))?;
    let mut seen = HashSet::new();
    found.retain(|(value, _)| seen.insert(std::ptr::from_ref(*value)));
    if found.len() > MAX_NODES {
        return Err(Refused::Nodes);
    }
    Ok(found.iter().map(|(_, trail)| place(trail.as_deref())).collect())
}

fn place(trail: Option<&Link<'_>>) -> Place {
    let mut steps: Place =
        std::iter::successors(trail, |link| link.above.as_deref()).map(|link| link.step.into()).collect();
    steps.reverse();
    steps
}

/// How a node was come to. It is kept where places are asked for; within filters it is `()`.
trait Trail<'a>: Clone {
    fn then(&self, step: Name<'a>) -> Self;
}

impl<'a> Trail<'a> for () {
    fn then(&self, _: Name<'a>) -> Self {}
}

impl<'a> Trail<'a> for Option<Rc<Link<'a>>> {
    fn then(&self, step: Name<'a>) -> Self {
        Some(Rc::new(Link { step, above: self.clone() }))
    }
}

/// A step, and those above it, which nodes share.
struct Link<'a> {
    step: Name<'a>,
    above: Option<Rc<Self>>,
}

#[derive(Clone, Copy)]
enum Name<'a> {
    Member(&'a str),
    Item(usize),
}

impl From<Name<'_>> for Step {
    fn from(name: Name<'_>) -> Self {
        match name {
            Name::Member(name) => Self::Member(name.to_owned()),
            Name::Item(at) => Self::Item(at),
        }
    }
}

type Node<'a, T> = (&'a Value, T);

struct Walk<'a, 'b> {
    root: &'a Value,
    budget: &'b mut Budget,
}

impl<'a> Walk<'a, '_> {
    /// The node list of a query; `start` is where it begins.
    fn nodes<T: Trail<'a>>(&mut self, query: &Query, start: Node<'a, T>) -> Result<Vec<Node<'a, T>>, Refused> {
        let mut list = vec![start];
        for segment in &query.segments {
            let mut next = Vec::new();
            for node in &list {
                self.segment(segment, node, &mut next)?;
            }
            list = next;
        }
        Ok(list)
    }

    /// The children that a segment selects, of a node and, when it descends, of all below it (section 2.5.2).
    fn segment<T: Trail<'a>>(
        &mut self,
        segment: &Segment,
        node: &Node<'a, T>,
        out: &mut Vec<Node<'a, T>>,
    ) -> Result<(), Refused> {
        self.budget.spend(1)?;
        for selector in &segment.selectors {
            self.select(selector, node, out)?;
        }
        if out.len() > MAX_LIST {
            return Err(Refused::Nodes);
        }
        if segment.descend {
            for child in children(node) {
                self.segment(segment, &child, out)?;
            }
        }
        Ok(())
    }

    fn select<T: Trail<'a>>(
        &mut self,
        selector: &Selector,
        node: &Node<'a, T>,
        out: &mut Vec<Node<'a, T>>,
    ) -> Result<(), Refused> {
        let (value, trail) = node;
        match (selector, value) {
            (Selector::Name(name), Value::Object(members)) => {
                self.budget.spend(1)?;
                out.extend(members.get_key_value(name).map(|(name, value)| (value, trail.then(Name::Member(name)))));
            }
            (Selector::Index(at), Value::Array(items)) => {
                self.budget.spend(1)?;
                let at = counted(*at, items.len()).filter(|at| *at < items.len());
                out.extend(at.map(|at| (&items[at], trail.then(Name::Item(at)))));
            }
            (Selector::Slice { start, end, step }, Value::Array(items)) => {
                let taken = slice(*start, *end, *step, items.len());
                self.budget.spend(taken.len())?;
                out.extend(taken.into_iter().map(|at| (&items[at], trail.then(Name::Item(at)))));
            }
            (Selector::All, _) => {
                self.budget.spend(breadth(value))?;
                out.extend(children(node));
            }
            (Selector::Filter(test), _) => {
                for child in children(node) {
                    self.budget.spend(1)?;
                    if self.passes(test, child.0)? {
                        out.push(child);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn passes(&mut self, test: &Test, current: &'a Value) -> Result<bool, Refused> {
        self.budget.spend(1)?;
        match test {
            Test::Any(tests) => self.first(tests, current, true),
            Test::Every(tests) => Ok(!self.first(tests, current, false)?),
            Test::Not(test) => Ok(!self.passes(test, current)?),
            Test::Exists(query) => Ok(!self.list(query, current)?.is_empty()),
            Test::Compare(left, operator, right) => {
                let (left, right) = (self.operand(left, current)?, self.operand(right, current)?);
                holds(left.as_deref(), *operator, right.as_deref(), self.budget)
            }
            Test::Matches { value, pattern, whole } => self.matches(value, pattern, *whole, current),
        }
    }

    /// Whether one of the tests comes out as this.
    fn first(&mut self, tests: &[Test], current: &'a Value, wanted: bool) -> Result<bool, Refused> {
        for test in tests {
            if self.passes(test, current)? == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn list(&mut self, query: &Query, current: &'a Value) -> Result<Vec<Node<'a, ()>>, Refused> {
        let start = if query.absolute { self.root } else { current };
        self.nodes(query, (start, ()))
    }

    fn operand<'v>(&mut self, operand: &'v Operand, current: &'a Value) -> Result<Option<Cow<'v, Value>>, Refused>
    where
        'a: 'v,
    {
        Ok(match operand {
            Operand::Literal(value) => Some(Cow::Borrowed(value)),
            Operand::Single(query) => self.list(query, current)?.pop().map(|(value, ())| Cow::Borrowed(value)),
            Operand::ValueOf(query) => match self.list(query, current)?.as_slice() {
                [(value, ())] => Some(Cow::Borrowed(*value)),
                _ => None,
            },
            Operand::Count(query) => Some(Cow::Owned(self.list(query, current)?.len().into())),
            Operand::Length(of) => match self.operand(of, current)?.as_deref() {
                Some(Value::String(text)) => {
                    self.budget.spend(text.len() / BYTES)?;
                    Some(Cow::Owned(text.chars().count().into()))
                }
                Some(value @ (Value::Array(_) | Value::Object(_))) => Some(Cow::Owned(breadth(value).into())),
                _ => None,
            },
        })
    }

    fn matches(&mut self, value: &Operand, rule: &Rule, whole: bool, current: &'a Value) -> Result<bool, Refused> {
        let value = self.operand(value, current)?;
        let Some(Value::String(text)) = value.as_deref() else { return Ok(false) };
        let found;
        let pattern = match rule {
            Rule::Fixed(pattern) => pattern,
            Rule::Found(operand) => {
                let written = self.operand(operand, current)?;
                let Some(Value::String(written)) = written.as_deref() else { return Ok(false) };
                self.budget.spend(COMPILING)?;
                let Some(compiled) = Pattern::new(written, whole) else { return Ok(false) };
                found = compiled;
                &found
            }
        };
        self.budget.spend(pattern.cost(text.len()))?;
        Ok(pattern.is_match(text))
    }
}

fn breadth(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    }
}

fn children<'a, T: Trail<'a>>(node: &Node<'a, T>) -> impl Iterator<Item = Node<'a, T>> {
    let (value, trail) = node;
    let (members, items) = match value {
        Value::Object(members) => (Some(members), None),
        Value::Array(items) => (None, Some(items)),
        _ => (None, None),
    };
    let members = members.into_iter().flatten().map(|(name, value)| (value, trail.then(Name::Member(name))));
    let items = items.into_iter().flatten().enumerate().map(|(at, value)| (value, trail.then(Name::Item(at))));
    members.chain(items)
}

/// An index that counts from the end when it is negative.
fn counted(at: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).ok()?;
    usize::try_from(if at < 0 { len.checked_add(at)? } else { at }).ok()
}

/// The items of a slice (section 2.3.4.2.2), in its order.
fn slice(start: Option<i64>, end: Option<i64>, step: i64, len: usize) -> Vec<usize> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let normal = |at: i64| if at < 0 { len.saturating_add(at) } else { at };
    let (first, last) = match step {
        0 => return Vec::new(),
        1.. => (normal(start.unwrap_or(0)).clamp(0, len), normal(end.unwrap_or(len)).clamp(0, len)),
        _ => {
            let first = normal(start.unwrap_or(len - 1)).clamp(-1, len - 1);
            (first, end.map_or(-1, |end| normal(end).clamp(-1, len - 1)))
        }
    };
    let inside = |at: &i64| if step > 0 { *at < last } else { *at > last };
    let taken = std::iter::successors(Some(first), |at| at.checked_add(step)).take_while(inside);
    taken.filter_map(|at| usize::try_from(at).ok()).collect()
}
