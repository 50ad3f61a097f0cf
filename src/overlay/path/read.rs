//! Text to the tree of an expression: the crate's tree to ours. The only file that names the crate.
//!
//! What the crate takes beyond RFC 9535 is refused here: its own functions, functions whose arguments have the wrong type (section
//! 2.4.3), and blanks within names.

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, Literal, Segment as Found, Selector as FoundSelector,
    SingularQuery, SingularQuerySegment, Test as FoundTest, TestFunction,
};
use jsonpath_rust::parser::parse_json_path;
use serde_json::Value;

use super::pattern::Pattern;
use super::{MAX_BYTES, MAX_NESTING, Operand, Operator, Query, Rule, Segment, Selector, Test};

/// An expression that begins with `$`.
pub(super) fn query(text: &str) -> Result<Query, String> {
    check_shape(text)?;
    let found = parse_json_path(text).map_err(|error| reason(&error.to_string()))?;
    Ok(Query { absolute: true, segments: segments(&found.segments)? })
}

/// Where the crate stopped, without the picture that it draws of it.
fn reason(said: &str) -> String {
    let line = said.lines().map(str::trim).rfind(|line| line.starts_with("= ")).map(|line| &line[2..]);
    let place = said.lines().next().and_then(|line| line.rsplit_once("1:")).map(|(_, column)| column);
    match (line, place) {
        (Some(expected), Some(column)) => format!("column {column}: {}", expected.replace('_', " ")),
        _ => said.lines().next().unwrap_or("it cannot be read").to_owned(),
    }
}

/// Bounds what the grammar is asked to read, and refuses blanks within names, which it would take for a part of them.
fn check_shape(text: &str) -> Result<(), String> {
    if text.len() > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    let (mut last, mut blank) = (' ', false);
    for c in text.chars() {
        if let Some(open) = quote {
            (quote, escaped) = if !escaped && c == open { (None, false) } else { (quote, !escaped && c == '\\') };
            last = '"';
            continue;
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(format!("it nests more than {MAX_NESTING} brackets"));
        }
        if c.is_whitespace() {
            blank = true;
            continue;
        }
        if blank && is_name(last) && is_name(c) {
            return Err("a name with blanks is written in brackets and quotes".to_owned());
        }
        (last, blank) = (c, false);
    }
    Ok(())
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric() || !c.is_ascii()
}

fn segments(found: &[Found]) -> Result<Vec<Segment>, String> {
    found.iter().map(|segment| self::segment(segment, false)).collect()
}

fn segment(found: &Found, descend: bool) -> Result<Segment, String> {
    let selectors = match found {
        Found::Descendant(below) => return segment(below, true),
        Found::Selector(one) => vec![selector(one)?],
        Found::Selectors(several) => several.iter().map(selector).collect::<Result<_, _>>()?,
    };
    Ok(Segment { descend, selectors })
}

fn selector(found: &FoundSelector) -> Result<Selector, String> {
    Ok(match found {
        FoundSelector::Name(name) => Selector::Name(name.clone()),
        FoundSelector::Wildcard => Selector::All,
        FoundSelector::Index(at) => Selector::Index(*at),
        FoundSelector::Slice(start, end, step) => Selector::Slice { start: *start, end: *end, step: step.unwrap_or(1) },
        FoundSelector::Filter(filter) => Selector::Filter(test(filter)?),
    })
}

fn test(filter: &Filter) -> Result<Test, String> {
    Ok(match filter {
        Filter::Or(several) => Test::Any(several.iter().map(test).collect::<Result<_, _>>()?),
        Filter::And(several) => Test::Every(several.iter().map(test).collect::<Result<_, _>>()?),
        Filter::Atom(FilterAtom::Filter { expr, not }) => negated(test(expr)?, *not),
        Filter::Atom(FilterAtom::Test { expr, not }) => negated(plain_test(expr)?, *not),
        Filter::Atom(FilterAtom::Comparison(comparison)) => compared(comparison)?,
    })
}

fn negated(test: Test, not: bool) -> Test {
    if not { Test::Not(Box::new(test)) } else { test }
}

fn plain_test(found: &FoundTest) -> Result<Test, String> {
    if let Some(query) = node_list(found)? {
        return Ok(Test::Exists(query));
    }
    match found {
        FoundTest::Function(function) => match &**function {
            TestFunction::Match(value, pattern) => matches(value, pattern, true),
            TestFunction::Search(value, pattern) => matches(value, pattern, false),
            TestFunction::Custom(name, _) => Err(unknown(name)),
            _ => Err("`length`, `count` and `value` give values: compare them with something".to_owned()),
        },
        _ => Err("it tests what is no query".to_owned()),
    }
}

fn unknown(name: &str) -> String {
    format!("`{name}` is no function of RFC 9535; there are `length`, `count`, `match`, `search` and `value`")
}

fn node_list(found: &FoundTest) -> Result<Option<Query>, String> {
    Ok(match found {
        FoundTest::RelQuery(found) => Some(Query { absolute: false, segments: segments(found)? }),
        FoundTest::AbsQuery(found) => Some(Query { absolute: true, segments: segments(&found.segments)? }),
        FoundTest::Function(_) => None,
    })
}

fn matches(value: &FnArg, pattern: &FnArg, whole: bool) -> Result<Test, String> {
    let pattern = match operand_of(pattern)? {
        Operand::Literal(Value::String(text)) => {
            let compiled = Pattern::new(&text, whole);
            Rule::Fixed(compiled.ok_or_else(|| format!("the pattern `{text}` is wrong, too large, or not supported"))?)
        }
        other => Rule::Found(other),
    };
    Ok(Test::Matches { value: operand_of(value)?, pattern, whole })
}

fn compared(found: &Comparison) -> Result<Test, String> {
    let operator = match found {
        Comparison::Eq(..) => Operator::Equal,
        Comparison::Ne(..) => Operator::NotEqual,
        Comparison::Gt(..) => Operator::Greater,
        Comparison::Gte(..) => Operator::GreaterOrEqual,
        Comparison::Lt(..) => Operator::Less,
        Comparison::Lte(..) => Operator::LessOrEqual,
    };
    let (left, right) = found.vals();
    Ok(Test::Compare(comparable(left)?, operator, comparable(right)?))
}

fn comparable(found: &Comparable) -> Result<Operand, String> {
    match found {
        Comparable::Literal(literal) => Ok(Operand::Literal(self::literal(literal))),
        Comparable::Function(function) => self::function(function),
        Comparable::SingularQuery(SingularQuery::Current(found)) => Ok(single(found, false)),
        Comparable::SingularQuery(SingularQuery::Root(found)) => Ok(single(found, true)),
    }
}

fn single(found: &[SingularQuerySegment], absolute: bool) -> Operand {
    let selector = |segment: &SingularQuerySegment| match segment {
        SingularQuerySegment::Index(at) => Selector::Index(*at),
        SingularQuerySegment::Name(name) => Selector::Name(name.clone()),
    };
    let segments = found.iter().map(|segment| Segment { descend: false, selectors: vec![selector(segment)] });
    Operand::Single(Query { absolute, segments: segments.collect() })
}

/// What gives one value (`ValueType` of section 2.4.1).
fn function(found: &TestFunction) -> Result<Operand, String> {
    match found {
        TestFunction::Length(argument) => Ok(Operand::Length(Box::new(operand_of(argument)?))),
        TestFunction::Count(argument) => Ok(Operand::Count(query_of(argument, "count")?)),
        TestFunction::Value(argument) => Ok(Operand::ValueOf(query_of(argument, "value")?)),
        TestFunction::Custom(name, _) => Err(unknown(name)),
        TestFunction::Match(..) | TestFunction::Search(..) => Err("`match` and `search` are true or false".to_owned()),
    }
}

fn operand_of(argument: &FnArg) -> Result<Operand, String> {
    match argument {
        FnArg::Literal(literal) => Ok(Operand::Literal(self::literal(literal))),
        FnArg::Test(test) => match node_list(test)? {
            Some(query) if is_singular(&query) => Ok(Operand::Single(query)),
            Some(_) => Err("a function that takes a value is given a query of several nodes".to_owned()),
            None => match &**test {
                FoundTest::Function(function) => self::function(function),
                _ => Err("a function is given no value".to_owned()),
            },
        },
        FnArg::Filter(_) => Err("a function is given a condition".to_owned()),
    }
}

fn query_of(argument: &FnArg, function: &str) -> Result<Query, String> {
    let found = match argument {
        FnArg::Test(test) => node_list(test)?,
        FnArg::Literal(_) | FnArg::Filter(_) => None,
    };
    found.ok_or_else(|| format!("`{function}` takes a query"))
}

fn is_singular(query: &Query) -> bool {
    let one = |segment: &Segment| matches!(segment.selectors.as_slice(), [Selector::Name(_) | Selector::Index(_)]);
    query.segments.iter().all(|segment| !segment.descend && one(segment))
}

fn literal(found: &Literal) -> Value {
    match found {
        Literal::Int(number) => Value::from(*number),
        Literal::Float(number) => Value::from(*number),
        Literal::String(text) => Value::from(text.as_str()),
        Literal::Bool(value) => Value::from(*value),
        Literal::Null => Value::Null,
    }
}
