//! Changes one value of a JSON text and leaves every other byte as it was: order, indentation, line ends, byte order mark, final newline.
//!
//! Pure. [`set`] and [`remove`] take a text, an RFC 6901 pointer and give the new text; what is new is written the way its neighbours are:
//! on lines of their own or on one line, with their indentation and their space behind colons. Of a member that stands twice in its
//! object the last one counts, as for every reader; setting it leaves one, removing it none. Nothing here knows a field by name, and
//! what a change means is for others to check.

use std::fmt;
use std::ops::Range;

use serde_json::Value;

use crate::base::json::{self, Container, Piece, Position};

mod style;
#[cfg(test)]
mod tests;

use style::{Around, Layout};

/// The token that stands for the place behind an array's last item (RFC 6901 section 4).
pub const APPEND: &str = "-";

/// Why a text is not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// It is no JSON.
    Syntax {
        /// Where.
        position: Position,
        /// Why.
        reason: String,
    },
    /// Something stands in the way that has no members and no items.
    NotAContainer {
        /// What.
        pointer: String,
    },
    /// An array has no such item, and it would not be the next one.
    NoItem {
        /// The array.
        pointer: String,
        /// Which item.
        token: String,
        /// How many there are.
        length: usize,
    },
    /// A member stands twice in its object, so that what a reader passes over would have to be looked at.
    Twice {
        /// Which.
        pointer: String,
    },
    /// There is nothing to remove.
    NotThere {
        /// Where.
        pointer: String,
    },
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { position, reason } => {
                write!(f, "the file is not valid JSON: {reason} at line {} column {}", position.line, position.column)
            }
            Self::NotAContainer { pointer } => {
                write!(f, "what stands at {pointer:?} is neither an object nor an array, so nothing can stand below it")
            }
            Self::NoItem { pointer, token, length } => {
                write!(f, "the array at {pointer:?} has {length} items and no place {token:?}; - stands for its end")
            }
            Self::Twice { pointer } => write!(f, "the member at {pointer:?} stands twice in its object"),
            Self::NotThere { pointer } => write!(f, "nothing stands at {pointer:?}"),
        }
    }
}

impl std::error::Error for EditError {}

/// The text with `value` at `pointer`. Objects that are missing on the way are made, and arrays for a `-`; the index behind an array's
/// last item, or `-`, appends. A value that is there already leaves the text as it is.
pub fn set(text: &str, pointer: &str, value: &Value) -> Result<String, EditError> {
    let (mark, text) = without_mark(text)?;
    let place = find(text, pointer)?;
    let layout = Layout::of(text);
    let splices = match &place {
        Place::Root(range) => vec![(range.clone(), layout.lined(value, ""))],
        Place::Piece { around, container, token, at } => replaced(&layout, around, container, token, *at, value),
        Place::Missing { around, container, token, rest } => {
            let value = rest.iter().rev().fold(value.clone(), |inner, key| match key.as_str() {
                APPEND => Value::Array(vec![inner]),
                _ => Value::Object(std::iter::once((key.clone(), inner)).collect()),
            });
            vec![layout.inserted(around, container, token, &value)]
        }
    };
    let unchanged = value_at(text, &place).is_some_and(|(old, alone)| alone && old == *value);
    Ok(if unchanged { format!("{mark}{text}") } else { spliced(mark, text, splices) })
}

/// The text without what stands at `pointer`; what is left is closed up, an emptied object stays.
pub fn remove(text: &str, pointer: &str) -> Result<String, EditError> {
    let (mark, text) = without_mark(text)?;
    match find(text, pointer)? {
        Place::Piece { container, token, at, .. } => {
            let twins = twins(&container, &token, at);
            Ok(spliced(
                mark,
                text,
                without(&container, &twins).into_iter().map(|range| (range, String::new())).collect(),
            ))
        }
        _ => Err(EditError::NotThere { pointer: pointer.to_owned() }),
    }
}

/// The value at `pointer` as it is written.
pub fn raw<'t>(text: &'t str, pointer: &str) -> Result<&'t str, EditError> {
    let (_, text) = without_mark(text)?;
    match find(text, pointer)? {
        Place::Root(range) => Ok(&text[range]),
        Place::Piece { container, at, .. } => Ok(&text[container.pieces[at].value.clone()]),
        Place::Missing { .. } => Err(EditError::NotThere { pointer: pointer.to_owned() }),
    }
}

/// Where a pointer leads.
enum Place {
    /// The whole value.
    Root(Range<usize>),
    /// A member or an item.
    Piece { around: Vec<Container>, container: Container, token: String, at: usize },
    /// Nowhere: `token` is missing in the last container that is there, and `rest` would stand below it.
    Missing { around: Vec<Container>, container: Container, token: String, rest: Vec<String> },
}

/// The byte order mark, and the text behind it, which is JSON.
fn without_mark(text: &str) -> Result<(&str, &str), EditError> {
    let (mark, text) = text.split_at(if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 });
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok((mark, text)),
        Err(error) => {
            let (position, reason) = json::syntax_error(text, &error);
            Err(EditError::Syntax { position, reason })
        }
    }
}

fn find(text: &str, pointer: &str) -> Result<Place, EditError> {
    let start = text.len() - text.trim_start_matches([' ', '\t', '\r', '\n']).len();
    let tokens: Vec<String> = pointer.split('/').skip(1).map(json::unescape_token).collect();
    let mut around = Vec::new();
    let (mut at, mut here) = (start, String::new());
    for (depth, token) in tokens.iter().enumerate() {
        let Some(container) = json::container(text, at) else {
            return Err(EditError::NotAContainer { pointer: here });
        };
        let Some(index) = piece(&container, token, &here)? else {
            let rest = tokens[depth + 1..].to_vec();
            return Ok(Place::Missing { around, container, token: token.clone(), rest });
        };
        if depth + 1 == tokens.len() {
            return Ok(Place::Piece { around, container, token: token.clone(), at: index });
        }
        at = container.pieces[index].value.start;
        here = json::child(&here, token);
        around.push(container);
    }
    Ok(Place::Root(start..text.trim_end_matches([' ', '\t', '\r', '\n']).len()))
}

/// Which piece of a container a token means; `None` for one that can be added.
fn piece(container: &Container, token: &str, pointer: &str) -> Result<Option<usize>, EditError> {
    if container.is_object {
        return Ok(container.pieces.iter().rposition(|piece| piece.key.as_deref() == Some(token)));
    }
    let length = container.pieces.len();
    match token.parse::<usize>() {
        _ if token == APPEND => Ok(None),
        Ok(index) if index < length => Ok(Some(index)),
        Ok(index) if index == length => Ok(None),
        _ => Err(EditError::NoItem { pointer: pointer.to_owned(), token: token.to_owned(), length }),
    }
}

/// The value that a place has, and whether it stands there once.
fn value_at(text: &str, place: &Place) -> Option<(Value, bool)> {
    let (range, alone) = match place {
        Place::Root(range) => (range.clone(), true),
        Place::Piece { container, token, at, .. } => {
            (container.pieces[*at].value.clone(), twins(container, token, *at).len() == 1)
        }
        Place::Missing { .. } => return None,
    };
    Some((serde_json::from_str(&text[range]).ok()?, alone))
}

/// All pieces that the same token names, the one that counts among them.
fn twins(container: &Container, token: &str, at: usize) -> Vec<usize> {
    let same = |index: usize, piece: &Piece| index == at || piece.key.as_deref() == Some(token);
    container.pieces.iter().enumerate().filter(|(index, piece)| same(*index, piece)).map(|(index, _)| index).collect()
}

type Splice = (Range<usize>, String);

fn replaced(
    layout: &Layout<'_>,
    around: &[Container],
    container: &Container,
    token: &str,
    at: usize,
    value: &Value,
) -> Vec<Splice> {
    let others: Vec<usize> = twins(container, token, at).into_iter().filter(|&index| index != at).collect();
    let mut splices: Vec<Splice> =
        without(container, &others).into_iter().map(|range| (range, String::new())).collect();
    let around = Around { containers: around, container };
    splices.push((container.pieces[at].value.clone(), layout.in_place_of(&around, &container.pieces[at], value)));
    splices
}

/// What is to be cut out, so that these pieces and the commas that belong to them are gone.
fn without(container: &Container, gone: &[usize]) -> Vec<Range<usize>> {
    let pieces = &container.pieces;
    let kept = (0..pieces.len()).rev().find(|index| !gone.contains(index));
    let Some(last) = kept else {
        let all = container.open + 1..container.close;
        return std::iter::once(all).filter(|_| !gone.is_empty()).collect();
    };
    let mut ranges: Vec<Range<usize>> =
        gone.iter().filter(|&&index| index < last).map(|&index| pieces[index].start..pieces[index + 1].start).collect();
    if let Some(end) = pieces.last().map(|piece| piece.value.end).filter(|_| last + 1 < pieces.len()) {
        ranges.push(pieces[last].value.end..end);
    }
    ranges
}

/// The text with these parts replaced; they do not overlap.
fn spliced(mark: &str, text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|(range, _)| range.start);
    let (mut out, mut from) = (mark.to_owned(), 0);
    for (range, new) in splices {
        out.push_str(&text[from..range.start]);
        out.push_str(&new);
        from = range.end;
    }
    out.push_str(&text[from..]);
    out
}
