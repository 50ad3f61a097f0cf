//! The functions of JMESPath, one row each. Whole numbers stay whole and exact; only what has a fraction is counted in fractions.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::walk::{Number, View, Walk};
use super::{QueryError, Step};
use crate::cli::output::node::Node;

/// What an argument has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Number,
    Text,
    List,
    Object,
    Numbers,
    Texts,
    NumbersOrTexts,
    TextOrList,
    Countable,
    Expression,
}

/// One function.
#[derive(Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    /// Its arguments.
    pub(super) takes: &'static [Kind],
    /// What all further ones have to be, when there may be any.
    pub(super) more: Option<Kind>,
    run: Run,
}

type Found<'a> = Result<View<'a>, QueryError>;
type Run = for<'a> fn(&mut Walk, &Call<'a, '_>) -> Found<'a>;

/// One call; the arguments are of their kinds.
struct Call<'a, 'c> {
    name: &'static str,
    arguments: &'c [View<'a>],
    column: usize,
}

const fn function(name: &'static str, takes: &'static [Kind], run: Run) -> Function {
    Function { name, takes, more: None, run }
}

const fn more(kind: Kind, function: Function) -> Function {
    Function { more: Some(kind), ..function }
}

/// All of them.
pub(super) static FUNCTIONS: [Function; 26] = [
    function("abs", &[Kind::Number], abs),
    function("avg", &[Kind::Numbers], avg),
    function("ceil", &[Kind::Number], |walk, call| rounded(walk, call, f64::ceil)),
    function("contains", &[Kind::TextOrList, Kind::Any], contains),
    function("ends_with", &[Kind::Text, Kind::Text], |_, call| Ok(View::truth(call.text(0).ends_with(call.text(1))))),
    function("floor", &[Kind::Number], |walk, call| rounded(walk, call, f64::floor)),
    function("join", &[Kind::Text, Kind::Texts], join),
    function("keys", &[Kind::Object], keys),
    function("length", &[Kind::Countable], length),
    function("map", &[Kind::Expression, Kind::List], map),
    function("max", &[Kind::NumbersOrTexts], |walk, call| best(walk, call, Ordering::Greater)),
    function("max_by", &[Kind::List, Kind::Expression], |walk, call| best(walk, call, Ordering::Greater)),
    more(Kind::Object, function("merge", &[Kind::Object], merge)),
    function("min", &[Kind::NumbersOrTexts], |walk, call| best(walk, call, Ordering::Less)),
    function("min_by", &[Kind::List, Kind::Expression], |walk, call| best(walk, call, Ordering::Less)),
    more(Kind::Any, function("not_null", &[Kind::Any], not_null)),
    function("reverse", &[Kind::TextOrList], reverse),
    function("sort", &[Kind::NumbersOrTexts], sort),
    function("sort_by", &[Kind::List, Kind::Expression], sort),
    function("starts_with", &[Kind::Text, Kind::Text], |_, call| {
        Ok(View::truth(call.text(0).starts_with(call.text(1))))
    }),
    function("sum", &[Kind::Numbers], sum),
    function("to_array", &[Kind::Any], to_array),
    function("to_number", &[Kind::Any], to_number),
    function("to_string", &[Kind::Any], to_string),
    function("type", &[Kind::Any], |walk, call| walk.made_text(Cow::Borrowed(call.arguments[0].kind()))),
    function("values", &[Kind::Object], |walk, call| walk.values(&call.arguments[0])),
];

impl Function {
    /// The kind of an argument, from 0.
    pub(super) fn wants(&self, nth: usize) -> Kind {
        self.takes.get(nth).copied().or(self.more).unwrap_or(Kind::Any)
    }

    /// Calls it; how many arguments there are was looked at before.
    pub(super) fn call<'a>(&'static self, walk: &mut Walk, arguments: &[View<'a>], column: usize) -> Found<'a> {
        for (nth, argument) in arguments.iter().enumerate() {
            let wants = self.wants(nth);
            if !wants.fits(walk, argument)? {
                let (function, nth) = (self.name, nth + 1);
                let error = QueryError::Argument { column, function, nth, wants: wants.name(), found: argument.kind() };
                return Err(error);
            }
        }
        (self.run)(walk, &Call { name: self.name, arguments, column })
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Kind {
    pub(super) fn is_expression(self) -> bool {
        self == Self::Expression
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::List => "an array",
            Self::Object => "an object",
            Self::Numbers => "an array of numbers",
            Self::Texts => "an array of strings",
            Self::NumbersOrTexts => "an array of numbers or of strings",
            Self::TextOrList => "a string or an array",
            Self::Countable => "a string, an array or an object",
            Self::Expression => "an expression",
        }
    }

    fn fits(self, walk: &mut Walk, view: &View<'_>) -> Result<bool, QueryError> {
        Ok(match self {
            Self::Any => true,
            Self::Number => view.number().is_some(),
            Self::Text => view.as_text().is_some(),
            Self::List => walk.items(view)?.is_some(),
            Self::Object => walk.members(view)?.is_some(),
            Self::Numbers => walk.items(view)?.is_some_and(|items| items.iter().all(|item| item.number().is_some())),
            Self::Texts => walk.items(view)?.is_some_and(|items| items.iter().all(|item| item.as_text().is_some())),
            Self::NumbersOrTexts => Self::Numbers.fits(walk, view)? || Self::Texts.fits(walk, view)?,
            Self::TextOrList => view.as_text().is_some() || walk.items(view)?.is_some(),
            Self::Countable => Self::TextOrList.fits(walk, view)? || walk.members(view)?.is_some(),
            Self::Expression => matches!(view, View::Expression(_)),
        })
    }
}

impl<'a> Call<'a, '_> {
    /// A text argument.
    fn text(&self, nth: usize) -> &str {
        self.arguments[nth].as_text().unwrap_or_default()
    }

    /// The items of the argument that is a list.
    fn items(&self, walk: &mut Walk, nth: usize) -> Result<Rc<Vec<View<'a>>>, QueryError> {
        Ok(walk.items(&self.arguments[nth])?.unwrap_or_default())
    }

    /// The expression among the arguments.
    fn expression(&self) -> Option<&'a Step> {
        self.arguments.iter().find_map(|argument| match argument {
            View::Expression(step) => Some(*step),
            _ => None,
        })
    }

    fn number(&self, walk: &mut Walk, number: Number) -> Found<'a> {
        let text = match number {
            Number::Whole(whole) => whole.to_string(),
            Number::Real(real) => {
                written(real).ok_or(QueryError::Number { column: self.column, function: self.name })?
            }
        };
        walk.make(text.len())?;
        Ok(View::Made(Rc::new(Node::Number(text))))
    }
}

/// A number as JSON; one without a fraction as a whole one. `None` when it is infinite.
fn written(real: f64) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if real.fract() == 0.0 && real.abs() < EXACT {
        return Some(format!("{real:.0}"));
    }
    serde_json::Number::from_f64(real).map(|number| number.to_string())
}

/// As it is written, without its sign.
fn abs<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    match call.arguments[0].node() {
        Some(Node::Number(text)) if text.starts_with('-') => {
            walk.make(text.len())?;
            Ok(View::Made(Rc::new(Node::Number(text[1..].to_owned()))))
        }
        _ => Ok(call.arguments[0].clone()),
    }
}

fn rounded<'a>(walk: &mut Walk, call: &Call<'a, '_>, round: fn(f64) -> f64) -> Found<'a> {
    match call.arguments[0].number() {
        Some(Number::Real(real)) => call.number(walk, Number::Real(round(real))),
        _ => Ok(call.arguments[0].clone()),
    }
}

fn total(items: &[View<'_>]) -> Number {
    items.iter().filter_map(View::number).fold(Number::Whole(0), |sum, number| match (sum, number) {
        (Number::Whole(sum), Number::Whole(whole)) => sum
            .checked_add(whole)
            .map_or_else(|| Number::Real(Number::Whole(sum).real() + number.real()), Number::Whole),
        (sum, number) => Number::Real(sum.real() + number.real()),
    })
}

fn sum<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let items = call.items(walk, 0)?;
    call.number(walk, total(&items))
}

fn avg<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let items = call.items(walk, 0)?;
    let count = i128::try_from(items.len()).unwrap_or(i128::MAX);
    match total(&items) {
        _ if count == 0 => Ok(View::null()),
        Number::Whole(whole) if whole % count == 0 => call.number(walk, Number::Whole(whole / count)),
        sum => call.number(walk, Number::Real(sum.real() / Number::Whole(count).real())),
    }
}

fn contains<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let [hay, needle] = call.arguments else { return Ok(View::null()) };
    if let Some(text) = hay.as_text() {
        walk.look(text.len())?;
        return Ok(View::truth(needle.as_text().is_some_and(|part| text.contains(part))));
    }
    for item in call.items(walk, 0)?.iter() {
        if walk.equal(item, needle)? {
            return Ok(View::truth(true));
        }
    }
    Ok(View::truth(false))
}

fn join<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let (glue, items) = (call.text(0), call.items(walk, 1)?);
    let texts: usize = items.iter().filter_map(View::as_text).map(str::len).sum();
    // Before it is made.
    walk.make(texts.saturating_add(glue.len().saturating_mul(items.len())))?;
    let texts: Vec<&str> = items.iter().filter_map(View::as_text).collect();
    Ok(View::Made(Rc::new(Node::Text(texts.join(glue)))))
}

fn keys<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let members = walk.members(&call.arguments[0])?.unwrap_or_default();
    let names = members.into_iter().map(|(name, _)| walk.made_text(Cow::Borrowed(name)));
    names.collect::<Result<_, _>>().map(View::list)
}

/// Characters of a text, not bytes.
fn length<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let view = &call.arguments[0];
    let count = match view.as_text() {
        Some(text) => {
            walk.look(text.len())?;
            text.chars().count()
        }
        None => walk.members(view)?.map_or(view.len(), |members| members.len()),
    };
    call.number(walk, Number::Whole(i128::try_from(count).unwrap_or(i128::MAX)))
}

fn map<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let (items, Some(step)) = (call.items(walk, 1)?, call.expression()) else { return Ok(View::null()) };
    items.iter().map(|item| walk.step(step, item)).collect::<Result<_, _>>().map(View::list)
}

/// What a value is sorted by.
enum Key {
    Number(Number),
    Text(Rc<str>),
}

impl Key {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.compare(*other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

/// The items with their keys, which are all numbers or all texts: what the expression gives of each, else the items themselves.
fn keyed<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Result<Vec<(Key, View<'a>)>, QueryError> {
    let items = call.items(walk, 0)?;
    let mut keyed = Vec::with_capacity(items.len());
    for item in items.iter() {
        let value = call.expression().map_or_else(|| Ok(item.clone()), |step| walk.step(step, item))?;
        let key = match (value.number(), value.as_text()) {
            (Some(number), _) => Some(Key::Number(number)),
            (None, Some(text)) => {
                walk.make(text.len())?;
                Some(Key::Text(text.into()))
            }
            (None, None) => None,
        };
        let alike = |key: &Key| {
            keyed.first().is_none_or(|(first, _): &(Key, View<'a>)| {
                matches!((first, key), (Key::Number(_), Key::Number(_)) | (Key::Text(_), Key::Text(_)))
            })
        };
        match key.filter(alike) {
            Some(key) => keyed.push((key, item.clone())),
            None => {
                return Err(QueryError::Keys { column: call.column, function: call.name, found: value.kind() });
            }
        }
    }
    Ok(keyed)
}

fn sort<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let mut keyed = keyed(walk, call)?;
    let rounds = usize::BITS - keyed.len().leading_zeros();
    walk.look(keyed.len().saturating_mul(rounds as usize))?;
    keyed.sort_by(|(one, _), (other, _)| one.compare(other));
    Ok(View::list(keyed.into_iter().map(|(_, item)| item).collect()))
}

/// The first of the items whose key stands before or behind all others.
fn best<'a>(walk: &mut Walk, call: &Call<'a, '_>, wanted: Ordering) -> Found<'a> {
    let found =
        keyed(walk, call)?.into_iter().reduce(|best, next| if next.0.compare(&best.0) == wanted { next } else { best });
    Ok(found.map_or_else(View::null, |(_, item)| item))
}

fn merge<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let mut merged: Vec<(&'a str, View<'a>)> = Vec::new();
    let mut places: BTreeMap<&'a str, usize> = BTreeMap::new();
    for argument in call.arguments {
        for (name, value) in walk.members(argument)?.unwrap_or_default() {
            match places.get(name) {
                Some(&at) => merged[at].1 = value,
                None => {
                    places.insert(name, merged.len());
                    merged.push((name, value));
                }
            }
        }
    }
    Ok(View::Object(Rc::new(merged)))
}

fn not_null<'a>(_: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    Ok(call.arguments.iter().find(|argument| !argument.is_null()).cloned().unwrap_or_else(View::null))
}

fn reverse<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    match call.arguments[0].as_text() {
        Some(text) => walk.made_text(Cow::Owned(text.chars().rev().collect())),
        None => Ok(View::list(call.items(walk, 0)?.iter().rev().cloned().collect())),
    }
}

fn to_array<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let view = &call.arguments[0];
    Ok(if walk.items(view)?.is_some() { view.clone() } else { View::list(vec![view.clone()]) })
}

/// The text as it is written, when that is a number of JSON.
fn to_number<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let view = &call.arguments[0];
    if view.number().is_some() {
        return Ok(view.clone());
    }
    match view.as_text().and_then(Node::parse) {
        Some(Node::Number(text)) => {
            walk.make(text.len())?;
            Ok(View::Made(Rc::new(Node::Number(text))))
        }
        _ => Ok(View::null()),
    }
}

fn to_string<'a>(walk: &mut Walk, call: &Call<'a, '_>) -> Found<'a> {
    let view = &call.arguments[0];
    if view.as_text().is_some() {
        return Ok(view.clone());
    }
    let text = walk.text(view)?;
    Ok(View::Made(Rc::new(Node::Text(text))))
}
