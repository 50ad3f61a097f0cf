//! The rule table that joins scope files (contract 2), weakest scope first.
//!
//! [`RULES`] says how a value of a later file meets the earlier one; what no row names is joined by key when both are objects
//! and replaced otherwise. What the managed scope locked is taken out of later files before (`lock`), so the rules here need
//! not know about scopes.

use super::HostPattern;
use super::node::{Content, Node};
use super::variant::{self, Variant};
use crate::base::url::Url;

/// How two values of one place are joined.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// The later one wins unless it is the empty string.
    LastNonEmpty,
    /// The later one replaces the earlier one as a whole.
    Whole,
    /// The later items follow the earlier ones; what is there already is not repeated.
    Append,
    /// Field by field; a changed tag drops the fields that only the old variant could have.
    Fields(&'static Variant),
    /// Only what both allow.
    IntersectHosts,
    /// Field by field, but another origin of `url` drops the earlier `oauth`.
    BoundToOrigin,
}

/// Place (`*` stands for one key) and rule.
pub(super) const RULES: &[(&str, Rule)] = &[
    ("cli", Rule::LastNonEmpty),
    ("mode/default", Rule::LastNonEmpty),
    ("agents/defaultProfile", Rule::LastNonEmpty),
    ("sources/*", Rule::Fields(&variant::SOURCE)),
    ("sources/*/refresh", Rule::Whole),
    ("sources/*/transport", Rule::Fields(&variant::TRANSPORT)),
    ("sources/*/oauth", Rule::Fields(&variant::OAUTH)),
    ("sources/*/oauth/clientId", Rule::Whole),
    ("sources/*/oauth/clientSecret", Rule::Whole),
    ("services/*/overlays", Rule::Whole),
    ("services/*/skills", Rule::Whole),
    ("services/*/workflows", Rule::Whole),
    ("curation/toolSets/*/allow", Rule::Append),
    ("curation/toolSets/*/deny", Rule::Append),
    ("policy/deny", Rule::Append),
    ("policy/approvalRequired", Rule::Append),
    ("policy/egress/allow", Rule::IntersectHosts),
    ("secrets/*", Rule::Whole),
    ("runtime/remote", Rule::BoundToOrigin),
    ("runtime/remote/oauth", Rule::Fields(&variant::REMOTE_AUTH)),
    ("runtime/remote/oauth/client/clientId", Rule::Whole),
    ("runtime/remote/oauth/client/clientSecret", Rule::Whole),
    ("runtime/server/auth", Rule::Fields(&variant::SERVER_AUTH)),
    ("runtime/server/auth/clientId", Rule::Whole),
    ("runtime/server/auth/clientSecret", Rule::Whole),
];

/// Joins a later file into what the earlier ones gave.
pub(super) fn merge(into: &mut Node, later: Node) {
    join(into, later, &mut Vec::new());
}

/// The rule of a place, when the table has one.
pub(super) fn rule(path: &[String]) -> Option<Rule> {
    RULES.iter().find(|(place, _)| place_fits(place, path)).map(|(_, rule)| *rule)
}

/// Whether `sources/*/uri` fits the path `sources`, `x`, `uri`.
pub(super) fn place_fits(place: &str, path: &[String]) -> bool {
    let mut keys = path.iter();
    place.split('/').all(|part| keys.next().is_some_and(|key| part == "*" || part == key)) && keys.next().is_none()
}

fn join(into: &mut Node, later: Node, path: &mut Vec<String>) {
    match rule(path) {
        Some(Rule::LastNonEmpty) if later.text() == Some("") => {}
        Some(Rule::LastNonEmpty | Rule::Whole) => into.replace(later),
        Some(Rule::Append) => append(into, later),
        Some(Rule::IntersectHosts) => intersect(into, later),
        Some(Rule::Fields(variant)) => {
            variant.drop_left_behind(into, &later);
            join_members(into, later, path);
        }
        Some(Rule::BoundToOrigin) => {
            if moves_to_another_origin(into, &later)
                && let Some(members) = into.members_mut()
            {
                members.remove("oauth");
            }
            join_members(into, later, path);
        }
        None => join_members(into, later, path),
    }
}

fn join_members(into: &mut Node, later: Node, path: &mut Vec<String>) {
    if into.members().is_none() || later.members().is_none() {
        into.replace(later);
        return;
    }
    into.origin = later.origin;
    let (Content::Object(members), Content::Object(later)) = (&mut into.content, later.content) else { return };
    for (key, value) in later {
        match members.get_mut(&key) {
            Some(earlier) => {
                path.push(key);
                join(earlier, value, path);
                path.pop();
            }
            None => {
                members.insert(key, value);
            }
        }
    }
}

fn append(into: &mut Node, later: Node) {
    match (&mut into.content, later.content) {
        (Content::List(items), Content::List(later)) => {
            let mut seen: std::collections::BTreeSet<String> =
                items.iter().filter_map(|item| item.text().map(str::to_owned)).collect();
            for item in later {
                if item.text().is_none_or(|text| seen.insert(text.to_owned())) {
                    items.push(item);
                }
            }
        }
        (_, content) => {
            into.content = content;
            into.origin = later.origin;
        }
    }
}

fn intersect(into: &mut Node, later: Node) {
    let (Some(earlier), Some(items)) = (into.items(), later.items()) else {
        into.replace(later);
        return;
    };
    let hosts = |nodes: &[Node]| -> Vec<HostPattern> {
        nodes.iter().filter_map(Node::text).filter_map(HostPattern::parse).collect()
    };
    let mut both: Vec<HostPattern> = Vec::new();
    let later_hosts = hosts(items);
    for one in hosts(earlier) {
        for other in &later_hosts {
            if let Some(host) = one.intersection(other)
                && !both.contains(&host)
            {
                both.push(host);
            }
        }
    }
    let items = both.iter().map(|host| Node::implied(&host.to_string(), later.origin.clone())).collect();
    into.content = Content::List(items);
    into.origin = later.origin;
}

fn moves_to_another_origin(earlier: &Node, later: &Node) -> bool {
    let origin =
        |node: &Node| node.get("url").and_then(Node::text).map(|url| Url::parse(url).ok().and_then(|url| url.origin()));
    match (origin(earlier), origin(later)) {
        // A URL that cannot be read has no origin and equals nothing.
        (Some(earlier), Some(later)) => earlier.is_none() || earlier != later,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
