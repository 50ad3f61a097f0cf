//! Whether a value is what a JSON Schema allows, said before anything is sent. Pure but for the memory of compiled schemas.
//!
//! Key types: [`Checks`], which compiles each schema once; [`Problem`], one thing that is wrong. `compile` turns a schema into what
//! `walk` enforces, `decimal` compares numbers exactly. Formats are annotations. What is not enforced here (`unevaluated*`,
//! patterns that are no plain regular expression, schemas of a dialect that is not known) is the upstream's to judge.
//!
//! Time and memory are bounded whatever a schema says: a check has so many steps, and one that needs more finds nothing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::base::json::unescape_token;
use crate::catalog::Schema;
use crate::contract::RequestFile;

mod compile;
mod decimal;
mod walk;

pub(super) use compile::Compiled;

/// Problems that are told at once.
pub const MAX_PROBLEMS: usize = 10;

/// Compiled schemas that are remembered.
const MAX_SCHEMAS: usize = 512;

/// Bytes of their texts; compiled they are a few times that.
const MAX_BYTES: usize = 8 << 20;

/// Largest JSON body that is checked; of a larger one the toolbox would have to keep a tree.
pub(super) const MAX_CHECKED: usize = 1 << 20;

/// Whether a schema allows a value. Compiles it anew: for a value that is looked at once.
pub fn allows(schema: Value, value: &Value) -> bool {
    walk::problems(&Compiled::new(schema), value, false).is_empty()
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which parameter, or a JSON pointer and what it points into.
    pub place: String,
    /// Completes the place: `must be a string`, `is missing`. Never holds the value, which may be private.
    pub what: String,
}

/// Schemas that are compiled already.
#[derive(Default)]
pub struct Checks {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By the address of the text, which the entry keeps alive, so that it stands for nothing else.
    by_address: HashMap<usize, (Schema, Arc<Compiled>)>,
    bytes: usize,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.what)
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checks")
    }
}

impl Checks {
    /// Nothing compiled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The compiled form of a schema.
    pub(super) fn compiled(&self, schema: &Schema) -> Arc<Compiled> {
        let address = schema.as_json().as_ptr().addr();
        if let Some((_, compiled)) = self.lock().by_address.get(&address) {
            return compiled.clone();
        }
        // Not under the lock: others need not wait for a large schema.
        let compiled = Arc::new(Compiled::new(schema.value()));
        let mut known = self.lock();
        let size = schema.as_json().len();
        if known.by_address.len() >= MAX_SCHEMAS || known.bytes + size > MAX_BYTES {
            *known = Known::default();
        }
        if known.by_address.insert(address, (schema.clone(), compiled.clone())).is_none() {
            known.bytes += size;
        }
        compiled
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is found in one call, parameters and body together.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    checks: &'a Checks,
    /// Not with `noValidate`.
    wanted: bool,
    found: RefCell<Vec<Problem>>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(checks: &'a Checks, wanted: bool) -> Self {
        Self { checks, wanted, found: RefCell::default() }
    }

    pub(super) fn compiled(&self, schema: &Schema) -> Arc<Compiled> {
        self.checks.compiled(schema)
    }

    /// A parameter cannot be what its schema wants.
    pub(super) fn unfit(&self, name: &str, must_be: &str) {
        self.add(Problem { place: format!("`{name}`"), what: format!("must be {must_be}") });
    }

    /// Checks a parameter as it is written.
    pub(super) fn parameter(&self, name: &str, schema: &Compiled, value: &Value) {
        if self.wanted {
            for Problem { place, what } in walk::problems(schema, value, true) {
                let place = if place.is_empty() { format!("`{name}`") } else { format!("`{name}` at `{place}`") };
                self.add(Problem { place, what });
            }
        }
    }

    /// Checks a body; `texts`: as a form has it, where numbers may stand as texts. Members of `files` are there and not looked at.
    pub(super) fn body(&self, schema: &Compiled, value: &Value, texts: bool, files: &[RequestFile]) {
        if !self.wanted {
            return;
        }
        let is_file = |place: &str| {
            let name = place.trim_start_matches('/').split('/').next().map(unescape_token).unwrap_or_default();
            files.iter().any(|file| file.name == name)
        };
        for Problem { place, what } in walk::problems(schema, value, texts) {
            if !is_file(&place) {
                let place = if place.is_empty() { "the body".to_owned() } else { format!("`{place}` of the body") };
                self.add(Problem { place, what });
            }
        }
    }

    fn add(&self, problem: Problem) {
        let mut found = self.found.borrow_mut();
        if self.wanted && found.len() < MAX_PROBLEMS {
            found.push(problem);
        }
    }

    /// All that was found.
    pub(super) fn finish(self) -> Vec<Problem> {
        self.found.into_inner()
    }
}

#[cfg(test)]
mod tests;
