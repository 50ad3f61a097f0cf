//! What fuzz targets call: what the readers of foreign bytes promise, held against any bytes.
//!
//! Key item: [`TARGETS`]. Each function takes bytes and panics where a promise is broken. No program calls them: `fuzz/` does, with
//! bytes that libFuzzer makes up, and the test below with the corpora of `testdata/fuzz`. A promise is held against a second, plainer
//! reading wherever there is one, so that it is not only what the reader takes it for. What is private to a room has its functions
//! there: [`crate::config::fuzz`], and `http::fuzz`, which replays its corpus itself.

mod answer;
mod audit;
mod cache;
mod description;
mod document;
mod form;
mod jwks;
mod linkset;
mod pages;
mod pattern;
mod redact;
mod request;
mod time;
mod token;
mod url;

use crate::config;

/// A name, which is also that of the corpus and of the program in `fuzz/`, and what it calls.
pub type Target = (&'static str, fn(&[u8]));

/// Everything that reads foreign bytes but the front.
pub const TARGETS: &[Target] = &[
    ("answer", answer::answer),
    ("audit", audit::audit),
    ("cache", cache::cache),
    ("config", config::fuzz::config),
    ("description", description::description),
    ("document", document::document),
    ("form", form::form),
    ("jwks", jwks::jwks),
    ("linkset", linkset::linkset),
    ("merge", config::fuzz::merge),
    ("pages", pages::pages),
    ("pattern", pattern::pattern),
    ("redact", redact::redact),
    ("request", request::request),
    ("time", time::time),
    ("token", token::token),
    ("url", url::url),
];

/// Calls the target of this name.
///
/// # Panics
///
/// When there is none, or when it finds a promise broken.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target has a row in TARGETS");
    target(bytes);
}

/// Ends a part of an input that is several texts: the record separator of RFC 7464, which stands in no JSON text.
const SEPARATOR: char = '\u{1e}';

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the corpora are files")]

    use std::collections::BTreeSet;
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// The files of one corpus; what is told about them is none of them.
    fn corpus(name: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(format!("testdata/fuzz/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"));
        let files = entries.map(|entry| entry.unwrap().path());
        files.filter(|path| !path.ends_with("README.md")).collect()
    }

    /// What is wrong with a corpus, a line each.
    fn check(&(name, target): &Target) -> Vec<String> {
        let (files, mut size, mut broken) = (corpus(name), 0, Vec::new());
        for file in &files {
            let bytes = fs::read(file).unwrap();
            size += bytes.len();
            if let Err(panic) = std::panic::catch_unwind(|| target(&bytes)) {
                broken.push(format!("{}: {:?}", file.display(), panic.downcast_ref::<String>()));
            }
        }
        if !(5..=200).contains(&files.len()) || size > 300_000 {
            broken.push(format!("{name} has {} files of {size} bytes", files.len()));
        }
        broken
    }

    #[test]
    fn every_corpus_keeps_every_promise() {
        let broken: Vec<String> = TARGETS.iter().flat_map(check).collect();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    #[test]
    fn every_target_has_its_program_and_every_program_its_target() {
        let manifest = fs::read_to_string("fuzz/Cargo.toml").unwrap();
        let listed: BTreeSet<&str> =
            manifest.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).skip(1).collect();
        let known: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).chain(["framing"]).collect();
        assert_eq!(listed, known);
        for (name, _) in TARGETS {
            let program = fs::read_to_string(format!("fuzz/fuzz_targets/{name}.rs")).unwrap();
            assert!(program.contains(&format!("open_cli::fuzz::run(\"{name}\", bytes)")), "{name}");
        }
    }
}
