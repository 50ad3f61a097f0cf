//! Documents in JSON and YAML (`base::document`), and what walks over JSON text (`base::json`, `base::members`).

use std::collections::BTreeSet;

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::base::document::{json_text, parse};
use crate::base::json::{canonical, child, duplicate_members, locate, position};
use crate::base::members::{Members, items};

/// Pointers of one input that are looked for; finding one reads the text from its start.
const MAX_POINTERS: usize = 64;

pub(super) fn document(bytes: &[u8]) {
    let text = json_text(bytes.to_vec());
    let tree = parse(bytes);
    if let Ok(text) = &text {
        check_text(text);
    }
    let Ok(tree) = tree else { return };
    let text = text.expect("what is read as a tree is read as text");
    if let Ok(again) = serde_json::from_str::<Value>(&text) {
        assert_eq!(canonical(&again), canonical(&tree), "text and tree differ");
    }
    check_tree(&tree);
}

fn check_tree(tree: &Value) {
    let form = canonical(tree);
    let again: Value = serde_json::from_str(&form).expect("the canonical form is JSON");
    assert_eq!(again, *tree, "the canonical form is another document");
    assert_eq!(canonical(&again), form);
    assert!(duplicate_members(&form).is_empty(), "a canonical form has each member once");
    // JSON is YAML: where both readers take a document, they take it for the same.
    if let Ok(yaml) = parse(format!("# JSON\n{form}").as_bytes()) {
        assert_eq!(canonical(&yaml), form, "JSON and YAML differ");
    }
}

/// Any text that passes for a document.
fn check_text(text: &str) {
    assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text:?} is no JSON");
    assert!(text.trim_start().starts_with(['{', '[']), "{text:?} is a scalar");
    let last = position(text, text.len());
    let mut pointers = vec![String::new()];
    pointers.extend(duplicate_members(text).into_iter().take(MAX_POINTERS));
    let members = Members::of(text);
    let value: Option<Value> = serde_json::from_str(text).ok();
    if let Some(members) = &members {
        let names: BTreeSet<&str> = members.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), members.len(), "a member is given twice");
        if let Some(Value::Object(known)) = &value {
            assert!(known.iter().all(|(name, value)| members.value(name).as_ref() == Some(value)), "members differ");
            assert_eq!(names.len(), known.len());
        }
        pointers.extend(names.iter().take(MAX_POINTERS).map(|name| child("", name)));
    }
    if let Some(Value::Array(known)) = &value {
        let found = items(text).expect("an array has items");
        let found: Vec<Value> = found.iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect();
        assert_eq!(found, *known, "items differ");
        pointers.extend((0..known.len().min(MAX_POINTERS)).map(|at| child("", &at.to_string())));
    }
    for pointer in pointers {
        let found = locate(text, &pointer);
        assert!(found.line >= 1 && found.column >= 1 && found <= last, "{pointer:?} is at {found:?} of {last:?}");
    }
}
