//! `--query`: a part of an answer, chosen by an expression of JMESPath.
//!
//! Key types: [`Query`], [`QueryError`]. An expression is read, with its functions and the number of their arguments, before anything is
//! sent. Numbers keep their text and members their order, as everywhere in what is printed. Neither the expression nor the answer can
//! make a search last or grow: both are counted (`Limits`).

use std::fmt;

use super::args::UsageError;
use super::output::node::Node;

mod functions;
mod read;
#[cfg(test)]
mod tests;
mod walk;

use functions::Function;

/// The longest expression, and how deep it may nest.
const MAX_BYTES: usize = 4096;
const MAX_DEPTH: usize = 128;

/// How an expression is written, for hints.
const EXAMPLE: &str =
    "an expression of JMESPath is written like items[].id, or \"items[?state=='open'].{id: id, who: author.name}\"";

/// An expression that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query(Step);

/// What a search may cost.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Values looked at.
    steps: usize,
    /// Bytes of all texts and lists that are made, what is printed among them.
    bytes: usize,
}

const LIMITS: Limits = Limits { steps: 200_000_000, bytes: 512 << 20 };

/// One step of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Current,
    Field(String),
    Index(i64),
    Slice {
        start: Option<i64>,
        stop: Option<i64>,
        by: i64,
    },
    Literal(Node),
    /// The second, of what the first gives.
    Then(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Not(Box<Self>),
    /// The second where the first holds, else null.
    When(Box<Self>, Box<Self>),
    Compare(Comparison, Box<Self>, Box<Self>),
    /// The values of an object.
    Values(Box<Self>),
    Flatten(Box<Self>),
    /// The second, of each item that the first gives, without nulls.
    Each(Box<Self>, Box<Self>),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
    Call {
        function: &'static Function,
        arguments: Vec<Self>,
        /// Where its name begins, for messages.
        column: usize,
    },
    /// `&expression`, for a function to use.
    Expression(Box<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why an expression comes to nothing with this answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// An argument of another type.
    Argument {
        /// Of the function's name, from 1.
        column: usize,
        /// Its name.
        function: &'static str,
        /// Which argument, from 1.
        nth: usize,
        /// The type that it has to have.
        wants: &'static str,
        /// The type that it has.
        found: &'static str,
    },
    /// An expression that has to give numbers, or texts, gives something else.
    Keys {
        /// Of the function's name, from 1.
        column: usize,
        /// Its name.
        function: &'static str,
        /// The type that it gave.
        found: &'static str,
    },
    /// A number that is too large to be written.
    Number {
        /// Of the function's name, from 1.
        column: usize,
        /// Its name.
        function: &'static str,
    },
    /// It takes too many steps.
    TooLong,
    /// What it makes is too large.
    TooLarge,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument { column, function, nth, wants, found } => {
                write!(f, "column {column}: {function} takes {wants} as argument {nth}, and gets {found} here")
            }
            Self::Keys { column, function, found } => {
                write!(
                    f,
                    "column {column}: {function} needs all numbers or all strings of its expression, and gets {found} here"
                )
            }
            Self::Number { column, function } => {
                write!(f, "column {column}: the number that {function} gives is too large")
            }
            Self::TooLong => write!(f, "it takes more than {} million steps", LIMITS.steps / 1_000_000),
            Self::TooLarge => write!(f, "what it makes is longer than {} MiB", LIMITS.bytes >> 20),
        }
    }
}

impl std::error::Error for QueryError {}

impl Query {
    /// Reads an expression.
    pub fn read(text: &str) -> Result<Self, UsageError> {
        read::step(text).map(Self).map_err(|wrong| {
            let hint = match text.trim_start().starts_with('.') {
                true => "JMESPath begins without a dot: items[].id",
                false => EXAMPLE,
            };
            UsageError::new(format!("--query: {wrong}")).hint(wrong.hint.unwrap_or_else(|| hint.to_owned()))
        })
    }

    /// What it finds in an answer, as JSON text on one line.
    pub fn find(&self, answer: &Node) -> Result<String, QueryError> {
        walk::find(&self.0, answer, LIMITS)
    }
}
