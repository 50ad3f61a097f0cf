//! Where the patterns of `policy` and `curation` stand: for explanations of what the policy decides.
//!
//! Key types: [`List`], one list of patterns; [`Place`], one entry of one file; [`Written`], all of them. Merging keeps a pattern
//! that several files have once; here each of them counts, as taking it out of one changes nothing while another has it. What a
//! pattern means is decided elsewhere, from the merged lists.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::node::{Document, Node};
use super::scope::ScopeFile;
use crate::base::json::{Position, locate_items};

/// A list of patterns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// `policy.deny`
    Deny,
    /// `policy.approvalRequired`
    ApprovalRequired,
    /// `curation.toolSets.<id>.allow`
    Allow(String),
    /// `curation.toolSets.<id>.deny`
    Remove(String),
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deny => f.write_str("policy.deny"),
            Self::ApprovalRequired => f.write_str("policy.approvalRequired"),
            Self::Allow(set) => write!(f, "curation.toolSets.{set}.allow"),
            Self::Remove(set) => write!(f, "curation.toolSets.{set}.deny"),
        }
    }
}

/// One entry of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which file of which scope.
    pub file: Arc<ScopeFile>,
    /// RFC 6901 pointer into the file.
    pub pointer: String,
    /// Line and column.
    pub position: Position,
}

/// Every place of every pattern.
#[derive(Clone, Debug, Default)]
pub struct Written(BTreeMap<List, BTreeMap<String, Vec<Place>>>);

impl Written {
    /// Reads them from the scopes' documents, weakest first, before these are joined.
    pub(super) fn collect(nodes: &[Node], documents: &[Document]) -> Self {
        let mut written = Self::default();
        for node in nodes {
            let document = &documents[node.origin.file];
            let file = Arc::new(document.file.clone());
            for (list, place) in lists(node) {
                written.add(&list, place, document, &file);
            }
        }
        written
    }

    /// Where a pattern of a list stands, weakest scope first; nowhere when nobody wrote it.
    pub fn places(&self, list: &List, pattern: &str) -> &[Place] {
        self.0.get(list).and_then(|patterns| patterns.get(pattern)).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, list: &List, node: &Node, document: &Document, file: &Arc<ScopeFile>) {
        let positions = locate_items(document.text(), &node.origin.pointer);
        let patterns = self.0.entry(list.clone()).or_default();
        for (item, position) in node.items().unwrap_or_default().iter().zip(positions) {
            let Some(text) = item.text() else { continue };
            let place = Place { file: Arc::clone(file), pointer: item.origin.pointer.clone(), position };
            patterns.entry(text.to_owned()).or_default().push(place);
        }
    }
}

/// The lists of one document.
fn lists(node: &Node) -> Vec<(List, &Node)> {
    let mut all = vec![
        (List::Deny, node.at(&["policy", "deny"])),
        (List::ApprovalRequired, node.at(&["policy", "approvalRequired"])),
    ];
    let sets = node.at(&["curation", "toolSets"]).and_then(Node::members);
    for (id, set) in sets.into_iter().flatten() {
        all.push((List::Allow(id.clone()), set.get("allow")));
        all.push((List::Remove(id.clone()), set.get("deny")));
    }
    all.into_iter().filter_map(|(list, node)| Some((list, node?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::world::World;
    use super::*;

    #[track_caller]
    fn check(world: &World, list: &List, pattern: &str, expected: &[(&str, &str, usize, usize)]) {
        let loaded = world.loaded();
        let found: Vec<_> = loaded.config.written.places(list, pattern).iter().collect();
        let found: Vec<_> = found
            .iter()
            .map(|place| {
                let Position { line, column } = place.position;
                (place.file.scope.as_str(), place.pointer.as_str(), line, column)
            })
            .collect();
        assert_eq!(found, expected, "{list} {pattern}");
    }

    #[test]
    fn h15_every_place_of_a_pattern_is_known() {
        let world = World::new()
            .managed("{\"policy\": {\"deny\": [\n  \"a:*\"]}}")
            .user("{\"policy\": {\"deny\": [\"b:x\", \"a:*\"], \"approvalRequired\": [\"b:*\"]}}")
            .project("{\"curation\": {\"toolSets\": {\"s\": {\"allow\": [\"a:*\"], \"deny\": [\"**\"]}}}}");
        check(&world, &List::Deny, "a:*", &[("managed", "/policy/deny/0", 2, 3), ("user", "/policy/deny/1", 1, 29)]);
        check(&world, &List::Deny, "b:x", &[("user", "/policy/deny/0", 1, 22)]);
        check(&world, &List::ApprovalRequired, "b:*", &[("user", "/policy/approvalRequired/0", 1, 58)]);
        let set = "s".to_owned();
        check(&world, &List::Allow(set.clone()), "a:*", &[("project", "/curation/toolSets/s/allow/0", 1, 44)]);
        check(&world, &List::Remove(set), "**", &[("project", "/curation/toolSets/s/deny/0", 1, 61)]);
        check(&world, &List::Deny, "c:*", &[]);
    }
}
