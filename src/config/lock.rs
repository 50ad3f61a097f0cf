//! What the managed scope set and later scopes may not change or widen (contract 2, H16).
//!
//! [`LOCKS`] is the table. A locked place is taken out of the later file whether it breaks the lock or repeats the managed
//! value: even an identical relative path must keep meaning the managed file's directory.

use serde_json::Value;

use super::merge::{Rule, place_fits, rule};
use super::node::{Content, Node, Origin, Problems};

/// What a later scope may still do where the managed scope set something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// Repeat it.
    Unchanged,
    /// Repeat it, when the managed value is this one.
    UnchangedIf(&'static str),
    /// Repeat it, when the managed scope sets `mode.default: curated`: another default profile would be another curation.
    UnchangedIfCurated,
    /// Repeat it, when the managed value is `false`.
    StaysFalse,
    /// Repeat `allow` or a part of it; add to the rest.
    AllowsNoMore,
}

/// Place (`*` stands for one key) and lock.
pub(super) const LOCKS: &[(&str, Lock)] = &[
    ("sources/*", Lock::Unchanged),
    ("services/*", Lock::Unchanged),
    ("secrets/*", Lock::Unchanged),
    ("agents/profiles/*", Lock::Unchanged),
    ("agents/defaultProfile", Lock::UnchangedIfCurated),
    ("curation/toolSets/*", Lock::AllowsNoMore),
    ("mode/default", Lock::UnchangedIf("curated")),
    ("runtime/server", Lock::Unchanged),
    ("policy/allowExecSecrets", Lock::StaysFalse),
];

/// Takes every locked place out of `later` and reports those that would change something.
pub(super) fn enforce(managed: &Node, later: &mut Node, problems: &mut Problems<'_>) {
    Enforcer { root: managed, problems }.walk(managed, later, &mut Vec::new());
}

struct Enforcer<'a, 'p> {
    root: &'a Node,
    problems: &'a mut Problems<'p>,
}

impl Enforcer<'_, '_> {
    /// Only places that the managed file has can be locked, so the walk follows both.
    fn walk(&mut self, managed: &Node, later: &mut Node, path: &mut Vec<String>) {
        let Some(members) = later.members_mut() else { return };
        members.retain(|key, value| {
            let Some(managed) = managed.get(key) else { return true };
            path.push(key.clone());
            let lock = LOCKS.iter().find(|(place, _)| place_fits(place, path)).map(|(_, lock)| *lock);
            let keep = match lock {
                Some(lock) if self.holds(lock, managed) => self.apply(lock, managed, value, path),
                _ => {
                    self.walk(managed, value, path);
                    true
                }
            };
            path.pop();
            keep
        });
    }

    fn holds(&self, lock: Lock, managed: &Node) -> bool {
        match lock {
            Lock::Unchanged | Lock::AllowsNoMore => true,
            Lock::UnchangedIf(text) => managed.text() == Some(text),
            Lock::UnchangedIfCurated => {
                managed.text() != Some("") && self.root.at(&["mode", "default"]).and_then(Node::text) == Some("curated")
            }
            Lock::StaysFalse => matches!(managed.content, Content::Scalar(Value::Bool(false))),
        }
    }

    /// Reports what the lock forbids; whether something is left of the later value.
    fn apply(&mut self, lock: Lock, managed: &Node, later: &mut Node, path: &mut Vec<String>) -> bool {
        if lock != Lock::AllowsNoMore {
            if let Some(origin) = first_change(managed, later, path) {
                self.violation(&managed.origin, &origin, path);
            }
            return false;
        }
        let allow = later.members_mut().and_then(|members| members.remove("allow"));
        let allowed = managed.get("allow").and_then(Node::items).unwrap_or_default();
        let wider =
            allow.as_ref().and_then(Node::items).and_then(|items| items.iter().find(|item| !allowed.contains(item)));
        if let Some(item) = wider {
            self.violation(&managed.origin, &item.origin, path);
        }
        true
    }

    fn violation(&mut self, managed: &Origin, later: &Origin, path: &[String]) {
        let (owner, offender) = (self.problems.file(managed), self.problems.file(later));
        let place: Vec<_> = path.iter().map(|key| key.escape_debug().to_string()).collect();
        let message = format!(
            "`{}` is set by the managed scope in {} and may not be changed by the {} scope in {}",
            place.join("."),
            owner.path.display(),
            offender.scope.as_str(),
            offender.path.display()
        );
        self.problems.error_with(later, message, "remove it here, or ask whoever manages this machine");
    }
}

/// Where `later` would first change the managed value, `None` when joining it changes nothing.
fn first_change(managed: &Node, later: &Node, path: &mut Vec<String>) -> Option<Origin> {
    let rule = rule(path);
    if matches!(rule, Some(Rule::LastNonEmpty)) && later.text() == Some("") {
        return None;
    }
    let by_key = !matches!(rule, Some(Rule::Whole));
    let (true, Some(earlier), Some(members)) = (by_key, managed.members(), later.members()) else {
        return (managed != later).then(|| later.origin.clone());
    };
    for (key, value) in members {
        path.push(key.clone());
        let change = match earlier.get(key) {
            Some(earlier) => first_change(earlier, value, path),
            None if is_default(value, path) => None,
            None => Some(value.origin.clone()),
        };
        path.pop();
        if change.is_some() {
            return change;
        }
    }
    None
}

/// `enabled: true` is what a source without it has.
fn is_default(value: &Node, path: &[String]) -> bool {
    place_fits("sources/*/enabled", path) && matches!(value.content, Content::Scalar(Value::Bool(true)))
}

#[cfg(test)]
mod tests;
