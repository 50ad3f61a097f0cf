//! Every row of the table "Style Examples" of OpenAPI 3.1 and 3.2, with its exact bytes.
//!
//! Differences from the table, all on purpose: a path argument that is the empty text never comes so far (H19), `null` and `undefined`
//! are not sent at all (RFC 6570 section 2.3), and where the table says n/a the value is written by the style's nearest neighbour.

use super::*;
use serde_json::json;

/// The columns of the table: the empty text, a text, an array, an object.
fn values() -> [Value; 4] {
    [json!(""), json!("blue"), json!(["blue", "black", "brown"]), json!({"R": 100, "G": 200, "B": 150})]
}

#[track_caller]
fn check_path(style: Style, explode: bool, expected: [&str; 4]) {
    for (value, expected) in values().iter().zip(expected) {
        assert_eq!(in_path("color", style, explode, &Datum::from_json(value)), expected);
    }
}

#[test]
fn path_styles() {
    check_path(Style::Matrix, false, [";color", ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"]);
    let exploded = ";color=blue;color=black;color=brown";
    check_path(Style::Matrix, true, [";color", ";color=blue", exploded, ";R=100;G=200;B=150"]);
    check_path(Style::Label, false, [".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"]);
    check_path(Style::Label, true, [".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"]);
    check_path(Style::Simple, false, ["", "blue", "blue,black,brown", "R,100,G,200,B,150"]);
    check_path(Style::Simple, true, ["", "blue", "blue,black,brown", "R=100,G=200,B=150"]);
}

fn query(style: Style, explode: bool, allow_reserved: bool, value: &Value) -> String {
    let pairs = in_query("color", style, explode, allow_reserved, value);
    pairs.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("&")
}

#[track_caller]
fn check_query(style: Style, explode: bool, expected: [&str; 4]) {
    for (value, expected) in values().iter().zip(expected) {
        assert_eq!(query(style, explode, false, value), expected);
    }
}

#[test]
fn query_styles() {
    let (flat, form) = ("color=blue,black,brown", "color=blue&color=black&color=brown");
    check_query(Style::Form, false, ["color=", "color=blue", flat, "color=R,100,G,200,B,150"]);
    check_query(Style::Form, true, ["color=", "color=blue", form, "R=100&G=200&B=150"]);
    let (spaces, members) = ("color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150");
    check_query(Style::SpaceDelimited, false, ["color=", "color=blue", spaces, members]);
    check_query(Style::SpaceDelimited, true, ["color=", "color=blue", form, "R=100&G=200&B=150"]);
    let (pipes, members) = ("color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150");
    check_query(Style::PipeDelimited, false, ["color=", "color=blue", pipes, members]);
    check_query(Style::PipeDelimited, true, ["color=", "color=blue", form, "R=100&G=200&B=150"]);
    let (items, members) = (
        "color%5B0%5D=blue&color%5B1%5D=black&color%5B2%5D=brown",
        "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
    );
    for explode in [true, false] {
        check_query(Style::DeepObject, explode, ["color=", "color=blue", items, members]);
    }
}

#[test]
fn header_styles() {
    let flat = ["", "blue", "blue,black,brown", "R,100,G,200,B,150"];
    let exploded = ["", "blue", "blue,black,brown", "R=100,G=200,B=150"];
    for ((value, flat), exploded) in values().iter().zip(flat).zip(exploded) {
        let datum = Datum::from_json(value);
        assert_eq!(
            (in_header(Style::Simple, false, &datum).as_str(), in_header(Style::Simple, true, &datum).as_str()),
            (flat, exploded)
        );
    }
}

#[test]
fn cookie_styles() {
    for style in [Style::Form, Style::Cookie] {
        let joined = |explode, value: &Value| {
            let pairs = in_cookie("color", style, explode, &Datum::from_json(value)).unwrap();
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
        };
        let flat = ["color=", "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"];
        let exploded = ["color=", "color=blue", "color=blue; color=black; color=brown", "R=100; G=200; B=150"];
        for ((value, flat), exploded) in values().iter().zip(flat).zip(exploded) {
            assert_eq!((joined(false, value).as_str(), joined(true, value).as_str()), (flat, exploded));
        }
    }
}

#[test]
fn nothing_is_not_sent() {
    for (style, explode) in [
        (Style::Form, true),
        (Style::Form, false),
        (Style::SpaceDelimited, false),
        (Style::PipeDelimited, false),
        (Style::DeepObject, true),
    ] {
        for nothing in [json!([]), json!({}), json!([null]), json!({"a": null})] {
            assert_eq!(query(style, explode, false, &nothing), "", "{style:?} {nothing}");
        }
    }
    assert_eq!(query(Style::Form, false, false, &json!(["a", null, "b"])), "color=a,b");
    assert_eq!(query(Style::Form, true, false, &json!({"a": 1, "b": null})), "a=1");
    assert_eq!(in_header(Style::Simple, false, &Datum::from_json(&json!([null, true, 1.5]))), "true,1.5");
}

#[test]
fn deep_objects_nest() {
    let value = json!({"a": {"b": {"c": "x y"}}, "l": [1, {"k": 2}], "n": null, "e&": ""});
    assert_eq!(
        query(Style::DeepObject, true, false, &value),
        "color%5Ba%5D%5Bb%5D%5Bc%5D=x%20y&color%5Bl%5D%5B0%5D=1&color%5Bl%5D%5B1%5D%5Bk%5D=2&color%5Be%26%5D="
    );
    let nested = json!({"a": {"b": 1}, "l": [1]});
    assert_eq!(query(Style::Form, true, false, &nested), "a=%7B%22b%22%3A1%7D&l=%5B1%5D");
}

#[test]
fn query_values_stay_in_their_pair() {
    let one = |text: &str, allow| query(Style::Form, true, allow, &json!(text));
    assert_eq!(one("a b&c=d#e+f/g\u{fc}", false), "color=a%20b%26c%3Dd%23e%2Bf%2Fg%C3%BC");
    assert_eq!(one("a/b:c?d=e&f#g+h[i]%20 j", true), "color=a/b:c?d=e%26f%23g%2Bh%5Bi%5D%20%20j");
    assert_eq!(query(Style::Form, false, true, &json!(["a/b", "c&d"])), "color=a/b,c%26d");
    assert_eq!(query(Style::DeepObject, true, true, &json!({"p": "a/b"})), "color%5Bp%5D=a/b");
    assert_eq!(in_query("a[b]&", Style::Form, true, false, &json!("x"))[0].1, "a%5Bb%5D%26=x");
}

#[test]
fn parts_are_written_as_they_are() {
    let plain = |style, explode, value| pairs("c", style, explode, &value, Coding::Plain);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(plain(Style::Form, true, json!(["a b", "&"])), [pair("c", "a b"), pair("c", "&")]);
    assert_eq!(plain(Style::SpaceDelimited, false, json!(["a", "b"])), [pair("c", "a b")]);
    assert_eq!(plain(Style::PipeDelimited, false, json!(["a", "b"])), [pair("c", "a|b")]);
    assert_eq!(plain(Style::TabDelimited, false, json!(["a", "b"])), [pair("c", "a\tb")]);
    assert_eq!(plain(Style::DeepObject, true, json!({"a": {"b": 1}})), [pair("c[a][b]", "1")]);
}

#[test]
fn delimiters_of_swagger_2_stand_anywhere() {
    let list = Datum::from_json(&json!(["a b", "c|d"]));
    for (style, path, header) in [
        (Style::Simple, "a%20b,c%7Cd", "a b,c|d"),
        (Style::SpaceDelimited, "a%20b%20c%7Cd", "a b c|d"),
        (Style::TabDelimited, "a%20b%09c%7Cd", "a b\tc|d"),
        (Style::PipeDelimited, "a%20b%7Cc%7Cd", "a b|c|d"),
    ] {
        assert_eq!(
            (in_path("c", style, false, &list), in_header(style, false, &list)),
            (path.to_owned(), header.to_owned())
        );
    }
    assert_eq!(query(Style::TabDelimited, false, false, &json!(["a", "b"])), "color=a%09b");
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
