//! JSONPath (RFC 9535): an expression as a tree, and the nodes that it selects in a document.
//!
//! Key types: [`Path`], [`Place`], [`Budget`]. Reading is `read`'s, which alone knows the crate that knows the grammar; walking is
//! `walk`'s and counts its steps, because an expression is a publisher's (H28): `$..*..*..*` selects more nodes than there are bytes in
//! memory. Knows no function but the five of the RFC.

mod compare;
mod pattern;
mod read;
mod walk;

use serde_json::Value;

use pattern::Pattern;

/// Bytes of an expression.
pub(super) const MAX_BYTES: usize = 1_000;

/// Brackets and parentheses within each other. The grammar is read with backtracking, twice as long for each level at worst.
pub(super) const MAX_NESTING: usize = 10;

/// Nodes that one expression may select.
pub(super) const MAX_NODES: usize = 200_000;

/// An expression that begins at the document (`$`).
#[derive(Clone, Debug)]
pub(super) struct Path(Query);

/// Where a node is, from the document down.
pub(super) type Place = Vec<Step>;

/// One step of a place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Step {
    /// Of an object.
    Member(String),
    /// Of an array.
    Item(usize),
}

/// Steps that may still be taken.
#[derive(Debug)]
pub(super) struct Budget(usize);

/// Why an expression gives no nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The budget is spent.
    Steps,
    /// More than [`MAX_NODES`].
    Nodes,
}

impl Path {
    /// Reads an expression; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        read::query(text).map(Self)
    }

    /// The places of all nodes that it selects, each once, in the order they are found.
    pub(super) fn find(&self, document: &Value, budget: &mut Budget) -> Result<Vec<Place>, Refused> {
        walk::places(&self.0, document, budget)
    }

    /// The one place that it can lead to, whether or not something is there: names and indices alone.
    pub(super) fn single(&self) -> Option<Place> {
        let step = |segment: &Segment| match segment.selectors.as_slice() {
            [Selector::Name(name)] if !segment.descend => Some(Step::Member(name.clone())),
            [Selector::Index(at)] if !segment.descend => usize::try_from(*at).ok().map(Step::Item),
            _ => None,
        };
        self.0.segments.iter().map(step).collect()
    }
}

impl Budget {
    /// So many steps.
    pub(super) fn new(steps: usize) -> Self {
        Self(steps)
    }

    fn spend(&mut self, steps: usize) -> Result<(), Refused> {
        self.0 = self.0.checked_sub(steps).ok_or(Refused::Steps)?;
        Ok(())
    }
}

/// What is at a place, to be changed.
pub(super) fn value_at<'a>(document: &'a mut Value, place: &[Step]) -> Option<&'a mut Value> {
    place.iter().try_fold(document, |value, step| match step {
        Step::Member(name) => value.as_object_mut()?.get_mut(name),
        Step::Item(at) => value.as_array_mut()?.get_mut(*at),
    })
}

/// Segments from `$` or `@`.
#[derive(Clone, Debug)]
struct Query {
    absolute: bool,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
struct Segment {
    /// `..`
    descend: bool,
    selectors: Vec<Selector>,
}

#[derive(Clone, Debug)]
enum Selector {
    Name(String),
    All,
    Index(i64),
    Slice { start: Option<i64>, end: Option<i64>, step: i64 },
    Filter(Test),
}

#[derive(Clone, Debug)]
enum Test {
    Any(Vec<Self>),
    Every(Vec<Self>),
    Not(Box<Self>),
    Exists(Query),
    Compare(Operand, Operator, Operand),
    /// `match` when it is `whole`, else `search`.
    Matches {
        value: Operand,
        pattern: Rule,
        whole: bool,
    },
}

/// A pattern of `match` or `search`.
#[derive(Clone, Debug)]
enum Rule {
    /// Written in the expression.
    Fixed(Pattern),
    /// Found in the document.
    Found(Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What has one value or none.
#[derive(Clone, Debug)]
enum Operand {
    Literal(Value),
    /// Of one node at most.
    Single(Query),
    Length(Box<Self>),
    Count(Query),
    ValueOf(Query),
}

#[cfg(test)]
mod tests;
