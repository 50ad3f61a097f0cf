//! A node tree to the strict types, by the fields of contract 2.
//!
//! One set of readers serves two questions: is one scope file well formed ([`Extent::Partial`]: what another file may still say
//! is not missed), and what does the merged document mean ([`Extent::Whole`]). What refers to what is `validate`'s.

use std::collections::BTreeMap;

use super::node::{Node, Problems};
use super::written::Written;
use super::{Config, Mode};
use crate::base::id::{ServiceId, SourceId};
use reader::Fields;
pub(super) use reader::{Extent, Reader};

mod policy;
pub(super) mod reader;
mod runtime;
mod secrets;
mod sources;

/// Most sources, and most services.
const MAX_ENTRIES: usize = 1000;

/// `mode.default` and `agents.profiles.<id>.mode`
const MODES: &[(&str, Mode)] = &[("discover", Mode::Discover), ("curated", Mode::Curated)];

/// Reads a document; what could not be read is noted and left out.
pub(super) fn config(root: &Node, extent: Extent, problems: &mut Problems<'_>) -> Config {
    Reader { problems, extent }.config(root)
}

impl Reader<'_, '_> {
    fn config(&mut self, root: &Node) -> Config {
        const KNOWN: &[&str] = &[
            "$schema",
            "cli",
            "mode",
            "sources",
            "mcpServers",
            "services",
            "curation",
            "agents",
            "policy",
            "secrets",
            "runtime",
        ];
        let Some(fields) = self.fields(root, KNOWN) else { return Config::default() };
        if let Some(schema) = fields.get("$schema") {
            self.any_text(schema);
        }
        let (default_profile, profiles) = self.agents(fields);
        let (remote, server) = self.runtime(fields);
        Config {
            cli: fields.get("cli").and_then(|node| self.any_text(node)).filter(|version| !version.is_empty()),
            mode: self.default_mode(fields),
            sources: self.sources(fields),
            services: self.services(fields),
            tool_sets: self.tool_sets(fields),
            default_profile,
            profiles,
            policy: self.policy(fields),
            secrets: self.secrets(fields),
            remote,
            server,
            files: self.problems.documents().iter().map(|document| document.file.clone()).collect(),
            written: Written::default(),
        }
    }

    fn default_mode(&mut self, root: Fields<'_>) -> Option<Mode> {
        let mode = self.fields(root.get("mode")?, &["default"])?;
        // An empty text says nothing: the last non-empty one wins.
        let words = [("discover", Some(Mode::Discover)), ("curated", Some(Mode::Curated)), ("", None)];
        self.choice(mode.get("default")?, &words).flatten()
    }

    fn sources(&mut self, root: Fields<'_>) -> BTreeMap<SourceId, super::Source> {
        let Some(node) = root.get("sources") else { return BTreeMap::new() };
        self.at_most(node, MAX_ENTRIES);
        let sources = self.map(node, reader::id_error, |reader, _, node| reader.source(node)).unwrap_or_default();
        sources.into_iter().map(|(id, source)| (SourceId::new(id), source)).collect()
    }

    fn services(&mut self, root: Fields<'_>) -> BTreeMap<ServiceId, super::Service> {
        let Some(node) = root.get("services") else { return BTreeMap::new() };
        self.at_most(node, MAX_ENTRIES);
        let services = self.map(node, reader::id_error, |reader, _, node| reader.service(node)).unwrap_or_default();
        services.into_iter().map(|(id, service)| (ServiceId::new(id), service)).collect()
    }
}

#[cfg(test)]
mod tests;
