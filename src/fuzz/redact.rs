//! Answers of tools with redactions (`execute::redact`, `execute::stream`): paths, one a line, then behind a record separator the answer.
//!
//! Promises: valid JSON and nothing else is looked into; what comes out is the same document but for the hidden values, and stays as it is
//! when it is redacted again; what a stream passes on, put together, is what came, wherever it was cut.

use serde_json::Value;
use serde_json::de::IoRead;

use super::SEPARATOR;
use crate::contract::StreamPiece;
use crate::execute::redact::Redactions;
use crate::execute::stream::Teller;

pub(super) fn redact(bytes: &[u8]) {
    check_stream(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (paths, json) = text.split_once(SEPARATOR).unwrap_or(("token", text));
    let paths: Vec<String> = paths.lines().map(str::to_owned).collect();
    let redactions = Redactions::of(&paths);
    let shown = redactions.of_json(json);
    assert_eq!(shown.is_some(), serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok());
    let Some(shown) = shown else { return };
    assert_eq!(redactions.of_json(&shown).as_ref(), Some(&shown), "again");
    // Paths of several names are for the tests beside the code.
    let is_plain = |path: &String| path.bytes().all(|byte| byte.is_ascii_alphabetic());
    let (true, Ok(mut expected)) = (paths.iter().all(is_plain), serde_json::from_str::<Value>(json)) else { return };
    hide(&mut expected, &paths);
    assert_eq!(serde_json::from_str::<Value>(&shown).ok(), Some(expected));
}

fn hide(value: &mut Value, names: &[String]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, names)),
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| match names.contains(name) {
            true => *value = "[redacted]".into(),
            false => hide(value, names),
        }),
        _ => {}
    }
}

fn check_stream(bytes: &[u8]) {
    for (media, size) in [("text/plain", 1), ("text/event-stream", 7), ("application/x-ndjson", 4096), ("image/png", 5)]
    {
        let (mut teller, mut out) = (Teller::new(media, Redactions::default()), Vec::new());
        assert!(bytes.chunks(size).all(|piece| teller.take(piece, &mut out)), "it is shorter than the limit");
        teller.end(None, &mut out);
        assert_eq!(put_together(&out), bytes, "{media} in pieces of {size}");
    }
}

fn put_together(told: &[u8]) -> Vec<u8> {
    use base64::Engine;
    let mut all = Vec::new();
    let lines = serde_json::StreamDeserializer::<_, StreamPiece>::new(IoRead::new(told));
    for piece in lines.map(|piece| piece.expect("each line is an object")) {
        if let Some(line) = piece.line {
            all.extend_from_slice(line.as_bytes());
            all.extend((!piece.partial).then_some(b'\n'));
        }
        let data = piece.data.map(|data| base64::prelude::BASE64_STANDARD.decode(data).expect("it was encoded here"));
        all.extend(data.unwrap_or_default());
    }
    all
}
