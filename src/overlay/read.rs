//! The document of an overlay to its actions: every fault at once, unknown members as notes.

use serde_json::{Map, Value};

use super::merge::weight;
use super::path::Path;
use super::{Action, Change, Fault, MAX_ACTIONS, MAX_BYTES, Note, Overlay, OverlayError, Version, note};

/// Characters of a title.
const TITLE_CHARS: usize = 80;

/// Faults that are reported; more help nobody.
const MAX_FAULTS: usize = 20;

pub(super) fn overlay(document: &Value) -> Result<Overlay, OverlayError> {
    let Value::Object(members) = document else { return Err(OverlayError::Version(None)) };
    let version = version(members.get("overlay"))?;
    if weight(document) > MAX_BYTES * 4 {
        return Err(OverlayError::TooLarge);
    }
    let mut reader = Reader { title: "untitled".to_owned(), faults: Vec::new(), notes: Vec::new() };
    reader.info(members.get("info"));
    let extends = reader.text(members, "extends", "").map(str::to_owned);
    reader.unknown(members, &["overlay", "info", "extends", "actions"], None);
    let actions = reader.actions(members.get("actions"));
    let Reader { title, mut faults, notes } = reader;
    if !faults.is_empty() {
        faults.truncate(MAX_FAULTS);
        return Err(OverlayError::Malformed(faults));
    }
    Ok(Overlay { title, version, extends, actions, notes })
}

fn version(said: Option<&Value>) -> Result<Version, OverlayError> {
    let wrong = |said: &Value| {
        let kind = if said.is_array() || said.is_object() { "no text".to_owned() } else { shown(&said.to_string()) };
        OverlayError::Version(Some(kind))
    };
    let said = said.filter(|said| !said.is_null()).ok_or(OverlayError::Version(None))?;
    let mut parts = said.as_str().ok_or_else(|| wrong(said))?.splitn(3, '.');
    match (parts.next(), parts.next()) {
        (Some("1"), Some("0")) => Ok(Version::Zero),
        (Some("1"), Some("1")) => Ok(Version::One),
        _ => Err(wrong(said)),
    }
}

/// A publisher's text in a message: short and without control characters (H42).
fn shown(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TITLE_CHARS).collect();
    line.trim().to_owned()
}

struct Reader {
    title: String,
    faults: Vec<Fault>,
    notes: Vec<Note>,
}

impl Reader {
    fn fault(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Fault { place: place.into(), message: message.into() });
    }

    /// Title and version are required, but what they say changes nothing.
    fn info(&mut self, info: Option<&Value>) {
        let empty = Map::new();
        let members = match info {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(members)) => members,
            Some(_) => return self.fault("/info", "it is no object"),
        };
        if let Some(title) = self.text(members, "title", "/info").map(shown).filter(|title| !title.is_empty()) {
            self.title = title;
        }
        self.unknown(members, &["title", "version", "description"], None);
        for name in ["title", "version"] {
            if !members.contains_key(name) {
                let message = format!("overlay `{}`: `info.{name}` is missing", self.title);
                self.notes.push(Note { place: "/info".to_owned(), message });
            }
        }
    }

    fn text<'a>(&mut self, members: &'a Map<String, Value>, name: &str, place: &str) -> Option<&'a str> {
        match members.get(name) {
            None => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => {
                self.fault(format!("{place}/{name}"), "it is no text");
                None
            }
        }
    }

    /// Members that are no part of the specification are passed over; one note names them.
    fn unknown(&mut self, members: &Map<String, Value>, known: &[&str], action: Option<(usize, &str)>) {
        let odd = members.keys().filter(|name| !known.contains(&name.as_str()) && !name.starts_with("x-"));
        let names: Vec<String> = odd.take(5).map(|name| format!("`{}`", shown(name))).collect();
        if names.is_empty() {
            return;
        }
        let said = format!("has members that are not known and are passed over: {}", names.join(", "));
        self.notes.push(match action {
            Some((at, target)) => note(&self.title, at, target, &said),
            None => Note { place: String::new(), message: format!("overlay `{}` {said}", self.title) },
        });
    }

    fn actions(&mut self, actions: Option<&Value>) -> Vec<Action> {
        match actions {
            Some(Value::Array(list)) if list.is_empty() => self.fault("/actions", "it is empty"),
            Some(Value::Array(list)) if list.len() > MAX_ACTIONS => {
                self.fault("/actions", format!("it has {} actions, more than {MAX_ACTIONS}", list.len()));
            }
            Some(Value::Array(list)) => {
                return list.iter().enumerate().filter_map(|(at, action)| self.action(at, action)).collect();
            }
            None => self.fault("", "`actions` is missing"),
            Some(_) => self.fault("/actions", "it is no list"),
        }
        Vec::new()
    }

    fn action(&mut self, at: usize, action: &Value) -> Option<Action> {
        if self.faults.len() > MAX_FAULTS {
            return None;
        }
        let place = format!("/actions/{at}");
        let Value::Object(members) = action else {
            self.fault(place, "it is no object");
            return None;
        };
        let Some(target) = members.get("target") else {
            self.fault(place, "`target` is missing");
            return None;
        };
        let path = self.path(target, &format!("{place}/target"));
        let change = self.change(members, &place);
        let target = shown(target.as_str().unwrap_or_default());
        self.unknown(members, &["target", "description", "update", "remove", "copy"], Some((at, &target)));
        let action = Action { target, path: path?, change: change? };
        if matches!(action.change, Change::Nothing) {
            self.notes.push(note(
                &self.title,
                at,
                &action.target,
                "has no `update`, `copy` or `remove: true` and does nothing",
            ));
        }
        Some(action)
    }

    fn path(&mut self, expression: &Value, place: &str) -> Option<Path> {
        let Value::String(text) = expression else {
            self.fault(place, "it is no text");
            return None;
        };
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(reason) => {
                self.fault(place, format!("`{}` is no JSONPath of RFC 9535: {reason}", shown(text)));
                None
            }
        }
    }

    /// `remove: true` makes the others have no effect.
    fn change(&mut self, members: &Map<String, Value>, place: &str) -> Option<Change> {
        let remove = match members.get("remove") {
            None => false,
            Some(Value::Bool(remove)) => *remove,
            Some(_) => {
                self.fault(format!("{place}/remove"), "it is neither true nor false");
                return None;
            }
        };
        match (remove, members.get("update"), members.get("copy")) {
            (true, _, _) => Some(Change::Remove),
            (false, None, None) => Some(Change::Nothing),
            (false, Some(update), None) => Some(Change::Update(update.clone())),
            (false, None, Some(copy)) => self.copy(copy, &format!("{place}/copy")),
            (false, Some(_), Some(_)) => {
                self.fault(place, "it has both `update` and `copy`, each of which has no effect beside the other");
                None
            }
        }
    }

    fn copy(&mut self, copy: &Value, place: &str) -> Option<Change> {
        let Value::Object(members) = copy else { return self.path(copy, place).map(Change::Copy) };
        let place = format!("{place}/to");
        let Some(to) = members.get("to") else {
            self.fault(place, "it is missing; `copy` is a JSONPath, or an object with `to`");
            return None;
        };
        let single = self.path(to, &place)?.single();
        if single.is_none() {
            self.fault(place, "it has to lead to one place: names and indices from 0 alone");
        }
        single.map(Change::CopyTo)
    }
}
