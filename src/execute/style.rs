//! How OpenAPI writes values into paths, queries, headers and cookies (OpenAPI 3.1 section 4.8.12, RFC 6570). Pure.
//!
//! Every name and value is encoded for its place here, so that none can end its place: a segment stays a segment, a query pair a
//! pair, a cookie a cookie (H19, H20).

use serde_json::Value;

use crate::base::url::{encode_query, encode_reserved, encode_segment};
use crate::catalog::Style;

/// A value as the styles see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datum {
    /// One text.
    Scalar(String),
    /// Several, in order.
    List(Vec<String>),
    /// Named ones, in order.
    Map(Vec<(String, String)>),
}

impl Datum {
    /// From a JSON value; what is nested deeper is written as JSON. A `null` inside is undefined (RFC 6570 section 2.3): left out.
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().filter(|item| !item.is_null()).map(text).collect()),
            Value::Object(members) => {
                let defined = members.iter().filter(|(_, value)| !value.is_null());
                Self::Map(defined.map(|(key, value)| (key.clone(), text(value))).collect())
            }
            scalar => Self::Scalar(text(scalar)),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(_) => false,
            Self::List(items) => items.is_empty(),
            Self::Map(members) => members.is_empty(),
        }
    }

    /// Items side by side: `a,b` or `k,v,k,v`.
    fn flat(&self, encode: impl Fn(&str) -> String) -> Vec<String> {
        match self {
            Self::Scalar(text) => vec![encode(text)],
            Self::List(items) => items.iter().map(|item| encode(item)).collect(),
            Self::Map(members) => members.iter().flat_map(|(key, value)| [encode(key), encode(value)]).collect(),
        }
    }

    /// Exploded items: `a` or `k=v`.
    fn exploded(&self, encode: impl Fn(&str) -> String) -> Vec<String> {
        match self {
            Self::Map(members) => members.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect(),
            other => other.flat(encode),
        }
    }
}

/// How texts are written where pairs stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Percent-encoded: queries and urlencoded forms.
    Encoded,
    /// `allowReserved`.
    Reserved,
    /// As they are: parts of a multipart form.
    Plain,
}

impl Coding {
    /// Of a query or urlencoded form.
    pub fn of(allow_reserved: bool) -> Self {
        if allow_reserved { Self::Reserved } else { Self::Encoded }
    }

    fn write(self, text: &str) -> String {
        match self {
            Self::Encoded => encode_query(text),
            Self::Reserved => reserved(text),
            Self::Plain => text.to_owned(),
        }
    }
}

/// A scalar as people write it, anything else as JSON.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// What replaces `{name}` in a path template.
pub fn in_path(name: &str, style: Style, explode: bool, datum: &Datum) -> String {
    let name = encode_segment(name);
    let items = if explode { datum.exploded(encode_segment) } else { datum.flat(encode_segment) };
    match (style, explode, datum) {
        (Style::Label, true, _) => format!(".{}", items.join(".")),
        (Style::Label, false, _) => format!(".{}", items.join(",")),
        (Style::Matrix, true, Datum::Map(_)) => items.iter().map(|item| format!(";{item}")).collect(),
        (Style::Matrix, true, _) => items.iter().map(|item| matrix(&name, item)).collect(),
        (Style::Matrix, false, _) => matrix(&name, &items.join(",")),
        _ => items.join(delimiter(style, true)),
    }
}

/// What stands between items that are not exploded.
fn delimiter(style: Style, encoded: bool) -> &'static str {
    match (style, encoded) {
        (Style::SpaceDelimited, true) => "%20",
        (Style::SpaceDelimited, false) => " ",
        (Style::TabDelimited, true) => "%09",
        (Style::TabDelimited, false) => "\t",
        (Style::PipeDelimited, true) => "%7C",
        (Style::PipeDelimited, false) => "|",
        _ => ",",
    }
}

fn matrix(name: &str, value: &str) -> String {
    if value.is_empty() { format!(";{name}") } else { format!(";{name}={value}") }
}

/// The pairs that a query parameter becomes, each with its name unencoded and its whole text encoded.
pub fn in_query(name: &str, style: Style, explode: bool, allow_reserved: bool, value: &Value) -> Vec<(String, String)> {
    let whole = |(key, value): (String, String)| {
        let pair = format!("{}={value}", encode_query(&key));
        (key, pair)
    };
    pairs(name, style, explode, value, Coding::of(allow_reserved)).into_iter().map(whole).collect()
}

/// Names, never encoded, and values, written by `coding`. Empty arrays and objects make none.
pub fn pairs(name: &str, style: Style, explode: bool, value: &Value, coding: Coding) -> Vec<(String, String)> {
    if style == Style::DeepObject && (value.is_object() || value.is_array()) {
        let mut found = Vec::new();
        deep(name, value, &mut |key, text| found.push((key, coding.write(text))));
        return found;
    }
    let datum = Datum::from_json(value);
    if datum.is_empty() {
        return Vec::new();
    }
    let encode = |text: &str| coding.write(text);
    let pair = |key: &str, text: String| (key.to_owned(), text);
    match (style, &datum) {
        (_, Datum::Map(members)) if explode => members.iter().map(|(key, value)| pair(key, encode(value))).collect(),
        (_, Datum::List(items)) if explode => items.iter().map(|item| pair(name, encode(item))).collect(),
        _ => vec![pair(name, datum.flat(encode).join(delimiter(style, coding != Coding::Plain)))],
    }
}

/// `a[b][c]` for nested objects and `a[0]` for items, as servers read it that know more than the specification says. Recursion
/// is bounded by the depth of JSON that is read.
fn deep(name: &str, value: &Value, add: &mut impl FnMut(String, &str)) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| deep(&format!("{name}[{key}]"), value, add)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| deep(&format!("{name}[{at}]"), value, add));
        }
        Value::Null => {}
        scalar => add(name.to_owned(), &text(scalar)),
    }
}

/// `allowReserved`: but what would end the pair or the query, or be read as a space, is encoded still.
fn reserved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in encode_reserved(text).chars() {
        match c {
            '&' | '#' | '+' | '[' | ']' => out.push_str(&encode_query(&c.to_string())),
            other => out.push(other),
        }
    }
    out
}

/// The value of a header. OpenAPI 3 has only style `simple` there; Swagger 2.0 has delimiters as well.
pub fn in_header(style: Style, explode: bool, datum: &Datum) -> String {
    let items = if explode { datum.exploded(str::to_owned) } else { datum.flat(str::to_owned) };
    items.join(delimiter(style, false))
}

/// The cookies that a parameter becomes. `None` when style `cookie`, which does not encode, meets what no cookie may hold.
pub fn in_cookie(name: &str, style: Style, explode: bool, datum: &Datum) -> Option<Vec<(String, String)>> {
    let raw = style == Style::Cookie;
    let encode = |text: &str| if raw { text.to_owned() } else { encode_query(text) };
    let pairs: Vec<(String, String)> = match datum {
        Datum::Map(members) if explode => members.iter().map(|(key, value)| (key.clone(), encode(value))).collect(),
        Datum::List(items) if explode => items.iter().map(|item| (name.to_owned(), encode(item))).collect(),
        other if other.is_empty() => Vec::new(),
        other => vec![(name.to_owned(), other.flat(encode).join(","))],
    };
    pairs.iter().all(|(name, value)| is_token(name) && value.split(',').all(is_cookie_value)).then_some(pairs)
}

/// RFC 9110 section 5.6.2: the name of a header or cookie.
pub fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// RFC 6265 section 4.1.1: no white space, quote, comma, semicolon or backslash.
pub fn is_cookie_value(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_graphic() && !b"\",;\\".contains(&b))
}

#[cfg(test)]
mod tests;
