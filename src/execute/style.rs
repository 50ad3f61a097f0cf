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
    /// From a JSON value; what is nested deeper is written as JSON.
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(text).collect()),
            Value::Object(members) => {
                Self::Map(members.iter().map(|(key, value)| (key.clone(), text(value))).collect())
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
        _ => items.join(","),
    }
}

fn matrix(name: &str, value: &str) -> String {
    if value.is_empty() { format!(";{name}") } else { format!(";{name}={value}") }
}

/// The pairs that a query parameter becomes, each with its name unencoded and its whole text encoded.
pub fn in_query(name: &str, style: Style, explode: bool, allow_reserved: bool, datum: &Datum) -> Vec<(String, String)> {
    let encode = |text: &str| if allow_reserved { reserved(text) } else { encode_query(text) };
    let pair = |key: &str, encoded: String| (key.to_owned(), format!("{}={encoded}", encode_query(key)));
    if datum.is_empty() {
        return Vec::new();
    }
    match (style, datum) {
        (Style::DeepObject, Datum::Map(members)) => {
            members.iter().map(|(key, value)| pair(&format!("{name}[{key}]"), encode(value))).collect()
        }
        (Style::SpaceDelimited, _) if !explode => vec![pair(name, datum.flat(encode).join("%20"))],
        (Style::PipeDelimited, _) if !explode => vec![pair(name, datum.flat(encode).join("%7C"))],
        (_, Datum::Map(members)) if explode => members.iter().map(|(key, value)| pair(key, encode(value))).collect(),
        (_, Datum::List(items)) if explode => items.iter().map(|item| pair(name, encode(item))).collect(),
        _ => vec![pair(name, datum.flat(encode).join(","))],
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

/// The value of a header; style `simple` is the only one there is.
pub fn in_header(explode: bool, datum: &Datum) -> String {
    let items = if explode { datum.exploded(str::to_owned) } else { datum.flat(str::to_owned) };
    items.join(",")
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
mod tests {
    use super::*;
    use serde_json::json;

    fn values() -> [Datum; 3] {
        [json!("blue"), json!(["blue", "black", "brown"]), json!({"R": 100, "G": 200, "B": 150})]
            .map(|value| Datum::from_json(&value))
    }

    /// The table of OpenAPI: one string, an array, an object.
    #[track_caller]
    fn check_path(style: Style, explode: bool, expected: [&str; 3]) {
        for (datum, expected) in values().iter().zip(expected) {
            assert_eq!(in_path("color", style, explode, datum), expected);
        }
    }

    #[test]
    fn path_styles() {
        check_path(Style::Simple, false, ["blue", "blue,black,brown", "R,100,G,200,B,150"]);
        check_path(Style::Simple, true, ["blue", "blue,black,brown", "R=100,G=200,B=150"]);
        check_path(Style::Label, false, [".blue", ".blue,black,brown", ".R,100,G,200,B,150"]);
        check_path(Style::Label, true, [".blue", ".blue.black.brown", ".R=100.G=200.B=150"]);
        check_path(Style::Matrix, false, [";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"]);
        check_path(Style::Matrix, true, [";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"]);
        assert_eq!(in_path("color", Style::Matrix, false, &Datum::Scalar(String::new())), ";color");
    }

    #[track_caller]
    fn check_query(style: Style, explode: bool, expected: [&str; 3]) {
        for (datum, expected) in values().iter().zip(expected) {
            let pairs = in_query("color", style, explode, false, datum);
            let texts: Vec<_> = pairs.into_iter().map(|(_, text)| text).collect();
            assert_eq!(texts.join("&"), expected);
        }
    }

    #[test]
    fn query_styles() {
        check_query(Style::Form, false, ["color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"]);
        check_query(Style::Form, true, ["color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"]);
        let (spaces, form) = ("color=blue%20black%20brown", "color=blue&color=black&color=brown");
        check_query(Style::SpaceDelimited, false, ["color=blue", spaces, "color=R%20100%20G%20200%20B%20150"]);
        check_query(Style::SpaceDelimited, true, ["color=blue", form, "R=100&G=200&B=150"]);
        let pipes = "color=blue%7Cblack%7Cbrown";
        check_query(Style::PipeDelimited, false, ["color=blue", pipes, "color=R%7C100%7CG%7C200%7CB%7C150"]);
        check_query(Style::PipeDelimited, true, ["color=blue", form, "R=100&G=200&B=150"]);
        let deep = "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150";
        check_query(Style::DeepObject, true, ["color=blue", form, deep]);
    }

    #[test]
    fn query_values_stay_in_their_pair() {
        let one = |text: &str, allow| in_query("q", Style::Form, true, allow, &Datum::Scalar(text.into()))[0].1.clone();
        assert_eq!(one("a b&c=d#e+f/g\u{fc}", false), "q=a%20b%26c%3Dd%23e%2Bf%2Fg%C3%BC");
        assert_eq!(one("a/b:c?d=e&f#g+h[i]%20 j", true), "q=a/b:c?d=e%26f%23g%2Bh%5Bi%5D%20%20j");
        assert_eq!(one("", false), "q=");
        assert_eq!(in_query("q", Style::Form, true, false, &Datum::List(Vec::new())), Vec::new());
        assert_eq!(in_query("a[b]&", Style::Form, true, false, &Datum::Scalar("x".into()))[0].1, "a%5Bb%5D%26=x");
    }

    #[test]
    fn header_styles() {
        for (datum, flat, exploded) in [
            (&values()[0], "blue", "blue"),
            (&values()[1], "blue,black,brown", "blue,black,brown"),
            (&values()[2], "R,100,G,200,B,150", "R=100,G=200,B=150"),
        ] {
            assert_eq!((in_header(false, datum).as_str(), in_header(true, datum).as_str()), (flat, exploded));
        }
    }

    #[track_caller]
    fn check_cookie(style: Style, explode: bool, value: &Value, expected: Option<&[(&str, &str)]>) {
        let found = in_cookie("color", style, explode, &Datum::from_json(value));
        let expected = expected.map(|pairs| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect::<Vec<_>>());
        assert_eq!(found, expected);
    }

    #[test]
    fn h20_cookies_cannot_add_cookies() {
        check_cookie(Style::Form, true, &json!("a; b=c, d"), Some(&[("color", "a%3B%20b%3Dc%2C%20d")]));
        check_cookie(Style::Form, true, &json!(["a", "b"]), Some(&[("color", "a"), ("color", "b")]));
        check_cookie(Style::Form, false, &json!(["a", "b,c"]), Some(&[("color", "a,b%2Cc")]));
        check_cookie(Style::Form, true, &json!({"R": 1}), Some(&[("R", "1")]));
        check_cookie(Style::Form, true, &json!({"R=1; x": 1}), None);
        check_cookie(Style::Cookie, true, &json!("a=b/c"), Some(&[("color", "a=b/c")]));
        check_cookie(Style::Cookie, true, &json!("a; b=c"), None);
        check_cookie(Style::Cookie, true, &json!("a\r\nb"), None);
    }

    #[test]
    fn h19_a_value_cannot_leave_its_segment() {
        let datum = Datum::from_json(&json!(["../x", "a/b?c#d"]));
        assert_eq!(in_path("p", Style::Simple, false, &datum), "..%2Fx,a%2Fb%3Fc%23d");
        assert_eq!(in_path("p", Style::Label, true, &datum), "...%2Fx.a%2Fb%3Fc%23d");
    }
}
