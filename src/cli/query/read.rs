//! Text to steps: the crate's tree to ours. The only file that names the crate.
//!
//! What the crate leaves to the search is looked at here too: whether there is such a function, how many arguments it takes, and slices
//! by 0. It reads by recursion, so that nesting is bounded before it is asked.

use std::fmt;

use jmespath::ast::{Ast, Comparator};
use jmespath::{ErrorReason, JmespathError, Variable};
use serde_json::Value;

use super::functions::{FUNCTIONS, Function};
use super::{Comparison, MAX_BYTES, MAX_DEPTH, Step};
use crate::base::name::{counted, nearest};
use crate::cli::output::node::Node;

/// What is wrong with an expression, and where.
#[derive(Debug)]
pub(super) struct Wrong {
    /// From 1; `None` when it is the whole.
    column: Option<usize>,
    what: String,
    pub(super) hint: Option<String>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "column {column}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Reads an expression.
pub(super) fn step(text: &str) -> Result<Step, Wrong> {
    if text.len() > MAX_BYTES {
        return Err(Wrong { column: None, what: format!("it has more than {MAX_BYTES} bytes"), hint: None });
    }
    check_depth(text)?;
    let tree = jmespath::parse(text).map_err(|error| refused(text, &error))?;
    Reader { text }.step(&tree)
}

/// The column of a byte.
fn column(text: &str, at: usize) -> usize {
    text.char_indices().take_while(|(start, _)| *start < at).count() + 1
}

/// Where the crate stopped, in words of ours.
fn refused(text: &str, error: &JmespathError) -> Wrong {
    let said = match &error.reason {
        ErrorReason::Parse(said) => said.clone(),
        ErrorReason::Runtime(reason) => reason.to_string(),
    };
    let rest = text.get(error.offset..).unwrap_or_default().trim_start();
    let at = text.len() - rest.len();
    let what = match rest.chars().next() {
        None => "the expression ends too early".to_owned(),
        // What is said of a token shows the crate's own names.
        Some(_) if said.contains(" -- found ") => format!("`{}` cannot stand here", token(rest).escape_debug()),
        Some(c) if said.starts_with("Invalid character") => format!("`{}` cannot stand here", c.escape_debug()),
        Some(c) if said.starts_with("Unclosed") => format!("what begins with {c} has no end"),
        Some('`') => "between ` has to stand JSON; a string is written 'like this'".to_owned(),
        Some('=') => "`=` is no comparison; equality is ==".to_owned(),
        Some('"') => "between \" has to stand a name, with escapes as in JSON".to_owned(),
        Some(_) => "it cannot be read".to_owned(),
    };
    Wrong { column: Some(column(text, at)), what, hint: None }
}

/// The piece that a text begins with.
fn token(text: &str) -> &str {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let first = text.chars().next().map_or(0, char::len_utf8);
    match text.starts_with(is_word) {
        true => &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())],
        false => &text[..first],
    }
}

/// Bounds how deep a tree of this text can be: by its brackets, and by the operators that stand in a row.
fn check_depth(text: &str) -> Result<(), Wrong> {
    let mut levels = vec![0_usize];
    let mut depth = 0;
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        if let Some(open) = quote {
            (quote, escaped) = if !escaped && c == open { (None, false) } else { (quote, !escaped && c == '\\') };
            continue;
        }
        let level = levels.last_mut().map_or(0, |level| *level);
        match c {
            '"' | '\'' | '`' => quote = Some(c),
            '(' | '[' | '{' => {
                levels.push(1);
                depth += 1;
            }
            ')' | ']' | '}' if levels.len() > 1 => {
                levels.pop();
                depth -= level;
                grow(&mut levels, &mut depth);
            }
            ',' => {
                let keeps = usize::from(levels.len() > 1);
                depth -= level - keeps.min(level);
                if let Some(level) = levels.last_mut() {
                    *level = keeps.min(*level);
                }
            }
            '.' | '|' | '&' | '!' | '*' | '<' | '>' | '=' => grow(&mut levels, &mut depth),
            _ => {}
        }
        if depth > MAX_DEPTH {
            let what = format!("it nests more than {MAX_DEPTH} deep");
            return Err(Wrong { column: Some(column(text, at)), what, hint: None });
        }
    }
    Ok(())
}

fn grow(levels: &mut [usize], depth: &mut usize) {
    if let Some(level) = levels.last_mut() {
        *level += 1;
        *depth += 1;
    }
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn step(&self, tree: &Ast) -> Result<Step, Wrong> {
        let one = |tree: &Ast| self.step(tree).map(Box::new);
        Ok(match tree {
            Ast::Identity { .. } => Step::Current,
            Ast::Field { name, .. } => Step::Field(name.clone()),
            Ast::Index { idx, .. } => Step::Index((*idx).into()),
            Ast::Slice { offset, start, stop, step } => {
                if *step == 0 {
                    return Err(self.wrong(*offset, "a slice cannot go by 0"));
                }
                Step::Slice { start: start.map(i64::from), stop: stop.map(i64::from), by: (*step).into() }
            }
            Ast::Literal { offset, value } => Step::Literal(self.literal(*offset, value)),
            Ast::Subexpr { lhs, rhs, .. } => Step::Then(one(lhs)?, one(rhs)?),
            Ast::Or { lhs, rhs, .. } => Step::Or(one(lhs)?, one(rhs)?),
            Ast::And { lhs, rhs, .. } => Step::And(one(lhs)?, one(rhs)?),
            Ast::Not { node, .. } => Step::Not(one(node)?),
            Ast::Condition { predicate, then, .. } => Step::When(one(predicate)?, one(then)?),
            Ast::Comparison { comparator, lhs, rhs, .. } => Step::Compare(comparison(comparator), one(lhs)?, one(rhs)?),
            Ast::ObjectValues { node, .. } => Step::Values(one(node)?),
            Ast::Flatten { node, .. } => Step::Flatten(one(node)?),
            Ast::Projection { lhs, rhs, .. } => Step::Each(one(lhs)?, one(rhs)?),
            Ast::MultiList { elements, .. } => Step::List(self.steps(elements)?),
            Ast::MultiHash { elements, .. } => {
                let member = |pair: &jmespath::ast::KeyValuePair| Ok((pair.key.clone(), self.step(&pair.value)?));
                Step::Object(elements.iter().map(member).collect::<Result<_, _>>()?)
            }
            Ast::Function { offset, name, args } => self.call(*offset, name, args)?,
            Ast::Expref { ast, .. } => Step::Expression(one(ast)?),
        })
    }

    fn steps(&self, trees: &[Ast]) -> Result<Vec<Step>, Wrong> {
        trees.iter().map(|tree| self.step(tree)).collect()
    }

    /// A literal as it was written, so that numbers and the order of members are kept.
    fn literal(&self, offset: usize, value: &Variable) -> Node {
        let written = || {
            let rest = self.text.get(offset..)?.strip_prefix('`')?;
            let mut escaped = false;
            let end = rest.find(|c| {
                let is_end = c == '`' && !escaped;
                escaped = !escaped && c == '\\';
                is_end
            });
            Node::parse(&rest[..end?].replace("\\`", "`"))
        };
        written().unwrap_or_else(|| Node::from_value(&serde_json::to_value(value).unwrap_or(Value::Null)))
    }

    /// `bracket` is where the arguments begin.
    fn call(&self, bracket: usize, name: &str, trees: &[Ast]) -> Result<Step, Wrong> {
        let before = self.text.get(..bracket).unwrap_or_default().trim_end();
        let at = before.len().saturating_sub(name.len());
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
            let near = nearest(name, FUNCTIONS.iter().map(|function| function.name));
            let known: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
            let hint =
                near.map_or_else(|| format!("known: {}", known.join(", ")), |near| format!("did you mean {near}?"));
            return Err(Wrong { hint: Some(hint), ..self.wrong(at, &format!("there is no function {name}")) });
        };
        let arguments = self.steps(trees)?;
        self.check_arguments(at, function, &arguments)?;
        Ok(Step::Call { function, arguments, column: column(self.text, at) })
    }

    fn check_arguments(&self, at: usize, function: &Function, arguments: &[Step]) -> Result<(), Wrong> {
        let (least, given) = (function.takes.len(), arguments.len());
        if given < least || (given > least && function.more.is_none()) {
            let at_least = if function.more.is_some() { "at least " } else { "" };
            let what = format!("{} takes {at_least}{}, and has {given}", function.name, counted(least, "argument"));
            return Err(self.wrong(at, &what));
        }
        for (nth, argument) in arguments.iter().enumerate() {
            let wants = function.wants(nth).is_expression();
            if wants != matches!(argument, Step::Expression(_)) {
                let what = match wants {
                    true => format!("argument {} of {} is an expression, as in &name", nth + 1, function.name),
                    false => format!("argument {} of {} cannot be an expression with &", nth + 1, function.name),
                };
                return Err(self.wrong(at, &what));
            }
        }
        Ok(())
    }

    fn wrong(&self, at: usize, what: &str) -> Wrong {
        Wrong { column: Some(column(self.text, at)), what: what.to_owned(), hint: None }
    }
}

fn comparison(found: &Comparator) -> Comparison {
    match found {
        Comparator::Equal => Comparison::Equal,
        Comparator::NotEqual => Comparison::Unequal,
        Comparator::LessThan => Comparison::Less,
        Comparator::LessThanEqual => Comparison::LessOrEqual,
        Comparator::GreaterThan => Comparison::Greater,
        Comparator::GreaterThanEqual => Comparison::GreaterOrEqual,
    }
}
