//! Overlays (`overlay`): an overlay, and behind a separator the document that it is applied to.

use serde_json::Value;

use super::SEPARATOR;
use crate::base::document;
use crate::overlay::{MAX_GROWTH, Note, Overlay, OverlayError};

pub(super) fn overlay(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == SEPARATOR as u8);
    let (written, target) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let read = Overlay::read(written);
    check_spelling(written, &read);
    let (Ok(overlay), Ok(target)) = (read, document::parse(target)) else { return };
    assert!(!overlay.title().contains(char::is_control) && !overlay.title().is_empty(), "{:?}", overlay.title());
    let result = applied(&overlay, &target);
    assert_eq!(applied(&overlay, &target), result, "the same overlay makes another document");
    match result {
        Ok((changed, notes)) => check(&target, &changed, &notes),
        Err(error) => assert!(matches!(error, OverlayError::Action { .. }), "{error}"),
    }
}

fn applied(overlay: &Overlay, target: &Value) -> Result<(Value, Vec<Note>), OverlayError> {
    let mut changed = target.clone();
    overlay.apply(&mut changed).map(|notes| (changed, notes))
}

fn check(target: &Value, changed: &Value, notes: &[Note]) {
    let (before, after) = (target.to_string(), changed.to_string());
    // An escape takes six bytes for one.
    assert!(after.len() <= before.len() + 6 * MAX_GROWTH, "{} bytes became {}", before.len(), after.len());
    if serde_json::from_str::<Value>(&before).is_ok() {
        assert_eq!(
            serde_json::from_str::<Value>(&after).ok().as_ref(),
            Some(changed),
            "what was readable is not any more"
        );
    }
    for note in notes {
        assert!(note.message.starts_with("overlay `") && !note.message.contains(char::is_control), "{note}");
    }
}

/// An overlay means the same as a tree and in JSON, whatever it was written in.
fn check_spelling(written: &[u8], read: &Result<Overlay, OverlayError>) {
    let Ok(tree) = document::parse(written) else { return };
    let (said, again) = (format!("{read:?}"), format!("{:?}", Overlay::parse(&tree)));
    if !matches!(read, Err(OverlayError::TooLarge)) {
        assert_eq!(again, said, "a tree is another overlay");
    }
}
