//! Parts as they are written, to the byte.

use super::*;
use crate::catalog::Schema;
use serde_json::json;

/// The body with `BOUNDARY` for its boundary and plain line ends.
fn shown(content: &BodyContent, members: &Value, files: &Value) -> String {
    let files: Vec<RequestFile> = serde_json::from_value(files.clone()).unwrap();
    let schema = content.schema.as_ref().unwrap().value();
    let body = encode(&content.media_type, Some(content), &schema, members.as_object().unwrap(), &files).unwrap();
    let (media, boundary) = body.content_type.split_once("; boundary=").unwrap();
    assert_eq!(media, content.media_type);
    let text = String::from_utf8(body.bytes).unwrap();
    text.replace(boundary, "BOUNDARY").replace("\r\n", "\n")
}

#[expect(clippy::needless_pass_by_value, reason = "the rows below read better without references")]
fn content(media: &str, schema: Value, encoding: Value) -> BodyContent {
    BodyContent {
        media_type: media.to_owned(),
        schema: Some(Schema::new(&schema)),
        encoding: serde_json::from_value(encoding).unwrap(),
        ..BodyContent::default()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the rows below read better without references")]
#[track_caller]
fn check(schema: Value, encoding: Value, members: Value, files: Value, parts: &[&str]) {
    let expected: String = parts.iter().map(|part| format!("--BOUNDARY\n{part}\n")).collect();
    let found = shown(&content("multipart/form-data", schema, encoding), &members, &files);
    assert_eq!(found, format!("{expected}--BOUNDARY--\n"));
}

const NAMED: &str = "Content-Disposition: form-data; name=";

#[test]
fn members_are_written_by_their_type() {
    check(
        json!({}),
        json!({}),
        json!({"t": "x y", "n": 1.5, "b": true, "z": null, "l": ["a", "b"], "o": {"k": 1}, "e": ""}),
        json!([]),
        &[
            &format!("{NAMED}\"t\"\n\nx y"),
            &format!("{NAMED}\"n\"\n\n1.5"),
            &format!("{NAMED}\"b\"\n\ntrue"),
            &format!("{NAMED}\"l\"\n\na"),
            &format!("{NAMED}\"l\"\n\nb"),
            &format!("{NAMED}\"o\"\nContent-Type: application/json\n\n{{\"k\":1}}"),
            &format!("{NAMED}\"e\"\n\n"),
        ],
    );
}

#[test]
fn encodings_and_schemas_say_types_and_headers() {
    check(
        json!({"properties": {"b": {"$ref": "#/$defs/b"}, "m": {"type": "string", "contentMediaType": "image/svg+xml"}},
            "$defs": {"b": {"type": "string", "format": "binary"}}}),
        json!({"x": {"contentType": "text/xml, text/plain", "headers": {"X-Kind": "a"}}, "j": {"contentType": "application/json"},
            "s": {"style": "form", "explode": false}, "d": {"style": "deepObject", "explode": true}}),
        json!({"b": "bytes", "m": "<svg/>", "x": "<a/>", "j": "t", "s": [1, 2], "d": {"a": {"b": "c"}}}),
        json!([]),
        &[
            &format!("{NAMED}\"b\"\nContent-Type: application/octet-stream\n\nbytes"),
            &format!("{NAMED}\"m\"\nContent-Type: image/svg+xml\n\n<svg/>"),
            &format!("{NAMED}\"x\"\nContent-Type: text/xml\nX-Kind: a\n\n<a/>"),
            &format!("{NAMED}\"j\"\nContent-Type: application/json\n\n\"t\""),
            &format!("{NAMED}\"s\"\n\n1,2"),
            &format!("{NAMED}\"d[a][b]\"\n\nc"),
        ],
    );
}

#[test]
fn files_follow_the_members() {
    check(
        json!({}),
        json!({"img": {"contentType": "image/*, image/png"}}),
        json!({"t": "x"}),
        json!([
            {"name": "f", "content": "aGk="},
            {"name": "img", "fileName": "a.png", "content": "aGk="},
            {"name": "img", "fileName": "b.gif", "contentType": "image/gif", "content": ""},
        ]),
        &[
            &format!("{NAMED}\"t\"\n\nx"),
            &format!("{NAMED}\"f\"; filename=\"f\"\nContent-Type: application/octet-stream\n\nhi"),
            &format!("{NAMED}\"img\"; filename=\"a.png\"\nContent-Type: image/png\n\nhi"),
            &format!("{NAMED}\"img\"; filename=\"b.gif\"\nContent-Type: image/gif\n\n"),
        ],
    );
}

#[test]
fn h20_names_cannot_end_their_header() {
    check(
        json!({}),
        json!({}),
        json!({"a\"\r\nX: y": "v"}),
        json!([{"name": "f", "fileName": "\u{fc} \"b\"\n.txt", "content": ""}]),
        &[
            &format!("{NAMED}\"a%22%0D%0AX: y\"\n\nv"),
            &format!("{NAMED}\"f\"; filename=\"\u{fc} %22b%22%0A.txt\"\nContent-Type: application/octet-stream\n\n"),
        ],
    );
    let content = content("multipart/form-data", json!({}), json!({}));
    let refused = |file: Value| {
        let file: RequestFile = serde_json::from_value(file).unwrap();
        encode("multipart/form-data", Some(&content), &Value::Null, &Map::new(), &[file]).unwrap_err()
    };
    for media in ["text/plain\r\nX: y", "text", "te\u{fc}xt/plain"] {
        let file = json!({"name": "f", "contentType": media, "content": ""});
        assert_eq!(refused(file), BodyError::FileType("f".into()));
    }
    assert_eq!(refused(json!({"name": "f", "content": "%"})), BodyError::FileBase64("f".into()));
}

#[test]
fn other_kinds_have_parts_without_names() {
    let found = shown(
        &content("multipart/mixed", json!({}), json!({})),
        &json!({"meta": {"a": 1}}),
        &json!([{"name": "f", "fileName": "x.bin", "content": "aGk="}]),
    );
    assert_eq!(
        found,
        "--BOUNDARY\nContent-Type: application/json\n\n{\"a\":1}\n--BOUNDARY\nContent-Disposition: attachment; filename=\"x.bin\"\n\
         Content-Type: application/octet-stream\n\nhi\n--BOUNDARY--\n"
    );
}

#[test]
fn the_boundary_is_the_same_again_and_never_in_the_data() {
    let of = |text: &str| boundary(&[plain("n".into(), text.into())]);
    assert_eq!(of("a"), of("a"));
    assert_ne!(of("a"), of("b"));
    assert!(of("a").len() <= 70, "RFC 2046 section 5.1.1");
    // The boundary of a text that holds another's: each part is searched for the one chosen.
    let both = [plain("n".into(), "a".into()), plain("n".into(), format!("x{}y", of("a")))];
    let chosen = boundary(&both);
    assert!(both.iter().all(|part| !String::from_utf8_lossy(&part.bytes).contains(&chosen)));
}
