//! What calling a tool may do: what its method promises, tightened by what the publisher says, and set by what the config says (contract 6).
//!
//! Key types: [`Safety`], the outcome; [`Granted`], what overlays of the config say. A publisher may only tighten: nobody who
//! writes a description decides that his own call is harmless.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Safety;
use crate::base::json::child;
use crate::http::Method;
use crate::overlay::Overlay;

/// The extension.
pub const NAME: &str = "x-cli-safety";

/// Operations that are looked at for what an overlay says of them.
const MAX_OPERATIONS: usize = crate::openapi::operations::MAX_OPERATIONS;

/// What a method promises by itself (RFC 9110).
pub fn default(method: Method) -> Safety {
    let read_only = matches!(method, Method::Get | Method::Head | Method::Options);
    let destructive = method == Method::Delete;
    Safety { read_only, destructive, requires_approval: false, idempotent: method.is_idempotent() }
}

/// What overlays of the config say of operations, by the operations' pointers: for each member its value, or that nothing is to be
/// said of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted(BTreeMap<String, Members>);

type Members = BTreeMap<String, Option<bool>>;

impl Granted {
    /// What overlays say that make `present` of `published`. They are heard on a document of which the publisher says nothing, so that
    /// they may say what he says too, and so that what they copy from him is not their word.
    pub fn by(overlays: &[Overlay], published: &Value, present: &Value) -> Self {
        let Some(unsaid) = unsaid(published) else { return Self::between(published, present) };
        let mut after = unsaid.clone();
        for overlay in overlays {
            let mut next = after.clone();
            // One that cannot do without the publisher's word says nothing by itself.
            if overlay.apply(&mut next).is_ok() {
                after = next;
            }
        }
        Self::between(&unsaid, &after)
    }

    /// What differs between a document and the same with overlays.
    fn between(published: &Value, overlaid: &Value) -> Self {
        let before = said(published);
        let after = said(overlaid);
        let mut granted = BTreeMap::new();
        let none = Value::Null;
        for pointer in before.keys().chain(after.keys()) {
            let (old, new) = (before.get(pointer).unwrap_or(&none), after.get(pointer).unwrap_or(&none));
            let names = [old, new].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
            let changed: Members = names
                .filter(|name| old.get(*name) != new.get(*name))
                .map(|name| (name.clone(), new[name].as_bool()))
                .collect();
            if !changed.is_empty() {
                granted.insert(pointer.clone(), changed);
            }
        }
        Self(granted)
    }
}

/// Where path items are.
const PLACES: [&str; 2] = ["/paths", "/components/pathItems"];

/// The document with `null` for each value that its operations say; `None` where they say nothing.
fn unsaid(document: &Value) -> Option<Value> {
    let said = said(document);
    if said.is_empty() {
        return None;
    }
    let mut unsaid = document.clone();
    for pointer in said.keys() {
        let operation = unsaid.pointer_mut(pointer).and_then(|operation| operation.get_mut(NAME));
        let members = operation.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
        members.for_each(|value| *value = Value::Null);
    }
    Some(unsaid)
}

/// What each operation of a document says, by pointer.
fn said(document: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for pointer in PLACES {
        let items = document.pointer(pointer);
        for (path, item) in items.and_then(Value::as_object).into_iter().flatten().take(MAX_OPERATIONS) {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if let Some(words) = operation.get(NAME).filter(|words| words.is_object()) {
                    found.insert(child(&child(pointer, path), method), words.clone());
                }
            }
        }
    }
    found
}

/// The safety of one operation, and what was ignored of what is said.
pub fn of(
    method: Method,
    pointer: &str,
    said: Option<&Map<String, Value>>,
    granted: &Granted,
) -> (Safety, Vec<String>) {
    let mut safety = default(method);
    let mut ignored = Vec::new();
    let none = Members::new();
    let granted = granted.0.get(pointer).unwrap_or(&none);
    for (name, value) in granted {
        // What was taken out, or is no boolean, leaves what the method promises.
        if let (Some((field, _)), Some(value)) = (field(&mut safety, name), value) {
            *field = *value;
        }
    }
    for (name, value) in said.into_iter().flatten() {
        let Value::Bool(value) = value else {
            ignored.push(format!("`{NAME}.{}` is neither true nor false; it is ignored", name.escape_debug()));
            continue;
        };
        let Some((field, tight)) = field(&mut safety, name) else {
            ignored.push(format!("`{NAME}.{}` is not known; it is ignored", name.escape_debug()));
            continue;
        };
        if *value == tight {
            *field = tight;
        } else if *field != *value {
            ignored.push(format!("`{NAME}.{name}: {value}` would loosen what {method} is taken for; it is ignored"));
        }
    }
    if safety.destructive && granted.get("readOnly") == Some(&Some(true)) && safety.read_only {
        ignored.push(format!(
            "`{NAME}.readOnly: true` is ignored: {method} is taken for destructive, unless `destructive: false` is said too"
        ));
    }
    safety.read_only &= !safety.destructive;
    (safety, ignored)
}

/// A member, and the value that makes it stricter.
fn field<'s>(safety: &'s mut Safety, name: &str) -> Option<(&'s mut bool, bool)> {
    match name {
        "readOnly" => Some((&mut safety.read_only, false)),
        "destructive" => Some((&mut safety.destructive, true)),
        "requiresApproval" => Some((&mut safety.requires_approval, true)),
        "idempotent" => Some((&mut safety.idempotent, false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(words: &Value) -> Value {
        json!({"paths": {"/a/b": {"parameters": [], "post": {NAME: words}, "get": {}}}})
    }

    /// `published`, then with the config's overlay, then with the publisher's own.
    #[track_caller]
    fn check(published: &Value, overlaid: &Value, finally: &Value, expected: [bool; 4], ignored: usize) {
        let granted = Granted::between(&document(published), &document(overlaid));
        let (safety, told) = of(Method::Post, "/paths/~1a~1b/post", finally.as_object(), &granted);
        let Safety { read_only, destructive, requires_approval, idempotent } = safety;
        assert_eq!(
            [read_only, destructive, requires_approval, idempotent],
            expected,
            "{published} {overlaid} {finally}"
        );
        assert_eq!(told.len(), ignored, "{told:?}");
    }

    #[test]
    fn the_config_may_loosen_and_the_publisher_only_tighten() {
        let (nothing, loose) = (json!({}), json!({"readOnly": true, "idempotent": true}));
        check(&nothing, &nothing, &nothing, [false, false, false, false], 0);
        check(&loose, &loose, &loose, [false, false, false, false], 2);
        check(&nothing, &loose, &loose, [true, false, false, true], 0);
        check(&nothing, &nothing, &loose, [false, false, false, false], 2);
        // Nothing is read-only and destructive, and whoever says so is told.
        let both = json!({"readOnly": true, "destructive": true});
        check(&nothing, &both, &both, [false, true, false, false], 1);
        // The publisher's overlays come after the config's.
        let tightened = json!({"readOnly": false, "idempotent": true});
        check(&nothing, &loose, &tightened, [false, false, false, true], 0);
        let (asking, loosened) = (json!({"requiresApproval": true}), json!({"requiresApproval": false}));
        check(&nothing, &asking, &loosened, [false, false, true, false], 1);
    }

    #[test]
    fn the_config_may_say_what_the_publisher_says_and_what_it_copies_is_not_its_word() {
        let published = document(&json!({"readOnly": true, "idempotent": true}));
        let granted = |actions: Value| {
            let overlay = json!({"overlay": "1.1.0", "info": {"title": "O", "version": "1"}, "actions": actions});
            let overlays = [Overlay::read(overlay.to_string().as_bytes()).unwrap()];
            let mut present = published.clone();
            overlays[0].apply(&mut present).unwrap();
            (Granted::by(&overlays, &published, &present), present)
        };
        let (same, present) = granted(json!([{"target": "$.paths.*.post", "update": {NAME: {"readOnly": true}}}]));
        let said = present["paths"]["/a/b"]["post"][NAME].as_object();
        let (safety, told) = of(Method::Post, "/paths/~1a~1b/post", said, &same);
        assert_eq!((safety.read_only, safety.idempotent, told.len()), (true, false, 1), "{told:?}");
        let (copied, present) = granted(json!([{"target": "$.paths.*.get", "copy": "$.paths.*.post"}]));
        let said = present["paths"]["/a/b"]["get"][NAME].as_object();
        assert!(said.is_some() && !of(Method::Patch, "/paths/~1a~1b/get", said, &copied).0.read_only);
        let (silent, _) = granted(json!([{"target": "$.paths.*.post", "update": {"summary": "s"}}]));
        assert_eq!(silent, Granted::default());
    }

    #[test]
    fn the_config_may_take_back_what_is_published() {
        let strict = json!({"requiresApproval": true, "destructive": true});
        let without = json!({"requiresApproval": false, "destructive": true});
        check(&strict, &without, &without, [false, true, false, false], 0);
        check(&strict, &json!({}), &json!({}), [false, false, false, false], 0);
        check(&strict, &json!(null), &json!(null), [false, false, false, false], 0);
    }

    #[test]
    fn operations_are_told_apart_by_where_they_stand() {
        let shared = |words: Value| json!({"components": {"pathItems": {"a": {"put": {NAME: words}}}}});
        let granted = Granted::between(&shared(json!({})), &shared(json!({"readOnly": true})));
        assert!(of(Method::Put, "/components/pathItems/a/put", None, &granted).0.read_only);
        assert!(!of(Method::Put, "/paths/~1a/put", None, &granted).0.read_only);
    }
}
