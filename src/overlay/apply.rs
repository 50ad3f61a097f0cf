//! Carrying out the actions of an overlay on a document, with bounds on what it may grow by and what looking for targets may take.

use std::collections::HashMap;

use serde_json::Value;

use super::merge::{Kind, count, depth, into_target, weight};
use super::path::{Budget, MAX_NODES, Path, Place, Refused, Step, value_at};
use super::{Change, MAX_GROWTH, Note, Overlay, OverlayError, Version};
use crate::base::document::MAX_DEPTH;

/// Steps that an overlay may take whatever the document, and those for each value in it: a hundred actions that look through all of it.
const STEPS: usize = 2_000_000;
const STEPS_A_VALUE: usize = 100;

pub(super) fn overlay(overlay: &Overlay, document: &mut Value, growth: &mut usize) -> Result<Vec<Note>, OverlayError> {
    let steps = STEPS.saturating_add(count(document).saturating_mul(STEPS_A_VALUE));
    let mut run = Run { overlay, document, budget: Budget::new(steps), growth, notes: overlay.notes.clone() };
    for action in 0..overlay.actions.len() {
        run.action(action).map_err(|reason| overlay.error(action, reason))?;
    }
    Ok(run.notes)
}

struct Run<'a> {
    overlay: &'a Overlay,
    document: &'a mut Value,
    budget: Budget,
    /// Bytes that may still be added.
    growth: &'a mut usize,
    notes: Vec<Note>,
}

impl Run<'_> {
    fn action(&mut self, at: usize) -> Result<(), String> {
        let action = &self.overlay.actions[at];
        if matches!(action.change, Change::Nothing) {
            return Ok(());
        }
        let places = self.find(&action.path)?;
        if places.is_empty() {
            self.note(at, "matches nothing; nothing is changed");
            return Ok(());
        }
        match &action.change {
            Change::Nothing => Ok(()),
            Change::Remove => self.remove(&places),
            Change::Update(update) => self.merge(at, &places, update),
            Change::Copy(from) => self.copy(at, &places, from),
            Change::CopyTo(to) => self.copy_to(at, &places, to),
        }
    }

    fn note(&mut self, at: usize, said: &str) {
        self.notes.push(self.overlay.note(at, said));
    }

    fn find(&mut self, path: &Path) -> Result<Vec<Place>, String> {
        path.find(self.document, &mut self.budget).map_err(|refused| match refused {
            Refused::Steps => "takes too many steps to find what it selects".to_owned(),
            Refused::Nodes => format!("selects more than {MAX_NODES} nodes"),
        })
    }

    /// All that are selected go, whatever was selected inside of them, and however many items of one array they are.
    fn remove(&mut self, places: &[Place]) -> Result<(), String> {
        let mut marks = Marks::default();
        for place in places {
            if place.is_empty() {
                return Err("would remove the document itself".to_owned());
            }
            marks.add(place);
        }
        marks.prune(self.document);
        Ok(())
    }

    fn merge(&mut self, at: usize, places: &[Place], update: &Value) -> Result<(), String> {
        self.check_kinds(at, places, update)?;
        self.charge(places, update)?;
        for place in places {
            if let Some(target) = value_at(self.document, place) {
                into_target(target, update, self.overlay.version)?;
            }
        }
        Ok(())
    }

    /// From 1.1 on, targets are of one kind. What 1.0 does not know, or takes otherwise, is noted.
    fn check_kinds(&mut self, at: usize, places: &[Place], update: &Value) -> Result<(), String> {
        let mut found = [None; 3];
        for place in places {
            let kind = value_at(self.document, place).map(|value| Kind::of(value));
            found[kind.map_or(0, |kind| kind as usize)] = kind;
        }
        let kinds: Vec<Kind> = found.into_iter().flatten().collect();
        match (self.overlay.version, kinds.as_slice()) {
            (Version::One, [one, other, ..]) => {
                let (one, other) = (one.as_str(), other.as_str());
                return Err(format!("selects nodes of several kinds ({one}, {other}); select those of one kind"));
            }
            (Version::Zero, kinds) if kinds.contains(&Kind::Primitive) => {
                self.note(
                    at,
                    "selects primitive values, which Overlay 1.0 does not update; they are replaced as in 1.1",
                );
            }
            (Version::Zero, kinds) if kinds.contains(&Kind::Array) && update.is_array() => {
                self.note(
                    at,
                    "appends an array as one item, as Overlay 1.0 says; with `overlay: 1.1.0` its items are appended",
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// What is added counts before it is added, so that no action can double a document again and again.
    fn charge(&mut self, places: &[Place], added: &Value) -> Result<(), String> {
        let weight = weight(added).saturating_mul(places.len());
        let left = self.growth.checked_sub(weight);
        *self.growth =
            left.ok_or_else(|| format!("would make the document grow by more than {} MiB", MAX_GROWTH >> 20))?;
        let deepest = places.iter().map(Vec::len).max().unwrap_or(0);
        if deepest + depth(added) >= MAX_DEPTH {
            return Err(format!("would nest the document {MAX_DEPTH} levels or deeper"));
        }
        Ok(())
    }

    fn copy(&mut self, at: usize, places: &[Place], from: &Path) -> Result<(), String> {
        let sources = self.find(from)?;
        match sources.as_slice() {
            [] => self.note(at, "copies from where nothing is; nothing is changed"),
            [source] => {
                let value = self.taken(source, places.len())?;
                self.merge(at, places, &value)?;
            }
            several => return Err(format!("copies from {} nodes; `copy` has to select one", several.len())),
        }
        Ok(())
    }

    /// A value of the document, when what so many copies of it weigh may be added.
    fn taken(&mut self, source: &Place, copies: usize) -> Result<Value, String> {
        let value = value_at(self.document, source).ok_or("copies from where nothing is")?;
        if weight(value).saturating_mul(copies) > *self.growth {
            return Err(format!("would make the document grow by more than {} MiB", MAX_GROWTH >> 20));
        }
        Ok(value.clone())
    }

    /// The older form: the target is the source, and its copy is merged into what is at the place, or put there.
    fn copy_to(&mut self, action: usize, sources: &[Place], to: &Place) -> Result<(), String> {
        let [source] = sources else {
            return Err(format!("selects {} nodes; with `copy.to` it has to select one", sources.len()));
        };
        let value = self.taken(source, 1)?;
        if value_at(self.document, to).is_some() {
            return self.merge(action, std::slice::from_ref(to), &value);
        }
        self.charge(std::slice::from_ref(to), &value)?;
        let container = to.split_last().and_then(|(last, above)| Some((last, value_at(self.document, above)?)));
        match container {
            Some((Step::Member(name), Value::Object(members))) => {
                members.insert(name.clone(), value);
                Ok(())
            }
            _ => Err("copies to a place in nothing: an `update` before it can make what is missing".to_owned()),
        }
    }
}

/// Nodes to be removed, as the part of the document's tree that leads to them.
#[derive(Default)]
struct Marks {
    all: bool,
    members: HashMap<String, Self>,
    items: HashMap<usize, Self>,
}

impl Marks {
    fn add(&mut self, place: &Place) {
        let mut mark = self;
        for step in place {
            mark = match step {
                Step::Member(name) => mark.members.entry(name.clone()).or_default(),
                Step::Item(at) => mark.items.entry(*at).or_default(),
            };
        }
        mark.all = true;
    }

    fn prune(&self, value: &mut Value) {
        match value {
            Value::Object(members) => members.retain(|name, value| keep(self.members.get(name), value)),
            Value::Array(items) => {
                let mut number = 0..;
                items.retain_mut(|value| keep(number.next().and_then(|at: usize| self.items.get(&at)), value));
            }
            _ => {}
        }
    }
}

fn keep(mark: Option<&Marks>, value: &mut Value) -> bool {
    match mark {
        None => true,
        Some(mark) if mark.all => false,
        Some(mark) => {
            mark.prune(value);
            true
        }
    }
}
