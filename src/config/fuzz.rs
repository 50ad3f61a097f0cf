//! What fuzz targets call: what the reading and the merging of scope files promise, held against any bytes.
//!
//! Key items: [`config`], one file; [`merge()`], up to four. They panic where a promise is broken. No program calls them: `fuzz/` does
//! with bytes that libFuzzer makes up, and the tests of `crate::fuzz` with the corpora of `testdata/fuzz`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::load::{Consumer, check_file, join, scope_nodes};
use super::merge::{Rule, merge as join_into, rule};
use super::node::{Content, Document, Node, Origin, Problems};
use super::parse::{self, Extent};
use super::scope::{Scope, ScopeFile};
use super::variant::{REMOTE_AUTH, SERVER_AUTH, SOURCE, TRANSPORT, Variant};
use super::{HostPattern, show, validate};
use crate::base::json::{child, position};
use crate::base::url::Url;

/// Stands between the files of one input, weakest scope first; an empty text is no file.
const SEPARATOR: u8 = 0x1e;
/// Stands in what must not be shown.
const MARK: &str = "hunter2";
/// Sections whose entries belong to whoever managed the machine, when they are in the managed file.
const OWNED: [&[&str]; 4] = [&["sources"], &["services"], &["secrets"], &["agents", "profiles"]];
const SCOPES: [Scope; 4] = [Scope::Managed, Scope::User, Scope::Project, Scope::Local];

/// Reads these bytes as one scope file.
///
/// # Panics
///
/// When there are endless problems, one of them is outside the file, or would send control characters to a terminal; when a file
/// without problems changes by being merged with itself or with nothing.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let end = position(&text, text.len());
    let problems = check_file(Path::new("/w/.cli.json"), bytes, Scope::Project);
    assert!(problems.len() <= 200, "{} problems", problems.len());
    for problem in &problems {
        assert!(problem.position.is_none_or(|at| at <= end), "{problem} is outside the file");
        let words = format!("{}{}", problem.message, problem.hint.as_deref().unwrap_or_default());
        assert!(!words.chars().any(char::is_control), "{words:?}");
    }
    let documents = documents(&[b"", b"", bytes]);
    let Some(nodes) = sound(&documents) else { return assert!(!problems.is_empty() || documents.is_empty()) };
    assert_eq!(problems, [], "two readings differ");
    for node in &nodes {
        check_pair(node, node);
        check_shown(node, &documents);
    }
}

/// Reads these bytes as the files of up to four scopes.
///
/// # Panics
///
/// When files that are sound each alone are merged otherwise than the contract says: above all, when a later file changes or widens
/// what the managed one set (H16).
pub fn merge(bytes: &[u8]) {
    let parts: Vec<&[u8]> = bytes.splitn(SCOPES.len(), |byte| *byte == SEPARATOR).collect();
    let documents = documents(&parts);
    let Some(nodes) = sound(&documents) else { return };
    for (at, earlier) in nodes.iter().enumerate() {
        nodes[at..].iter().for_each(|later| check_pair(earlier, later));
    }
    let Some(root) = join(nodes.clone(), &mut Problems::new(&documents)) else { return };
    if documents[0].file.scope == Scope::Managed {
        check_locks(&nodes[0], &root);
    }
    for node in &nodes {
        check_denied(node, &root);
        check_egress(node, &root);
    }
    let again = join(nodes, &mut Problems::new(&documents)).expect("there are files");
    assert_eq!(again.to_value().to_string(), root.to_value().to_string(), "the same files are merged in two ways");
    check_shown(&root, &documents);
}

fn documents(parts: &[&[u8]]) -> Vec<Document> {
    let files = parts.iter().zip(SCOPES).filter(|(bytes, _)| !bytes.is_empty());
    let document = |(bytes, scope): (&&[u8], Scope)| Document {
        file: ScopeFile { scope, path: PathBuf::from(format!("/{}/.cli.json", scope.as_str())) },
        discovered: false,
        bytes: bytes.to_vec(),
    };
    files.map(document).collect()
}

/// The content of the files, when there are some and nothing is wrong with any of them alone.
fn sound(documents: &[Document]) -> Option<Vec<Node>> {
    let mut problems = Problems::new(documents);
    let nodes = scope_nodes(documents, &mut problems);
    let (errors, _) = problems.split();
    (errors.is_empty() && !nodes.is_empty()).then_some(nodes)
}

fn merged(earlier: &Node, later: &Node) -> Node {
    let mut into = earlier.clone();
    join_into(&mut into, later.clone());
    into
}

fn check_pair(earlier: &Node, later: &Node) {
    let nothing = Node::empty_object(Origin { file: 0, pointer: String::new() });
    let both = merged(earlier, later);
    assert_eq!(merged(earlier, &nothing), *earlier, "merging with nothing changes something");
    assert_eq!(merged(&nothing, later), *later, "merging into nothing changes something");
    assert_eq!(merged(&both, later), both, "merging twice changes something");
    check_leaves(earlier, later, &both);
    check_origin(earlier, later, &both);
    for section in ["sources"] {
        for (id, after) in both.entries(&[section]) {
            check_variant(&SOURCE, &[section, id], [earlier, later], after);
            if let Some(transport) = after.get("transport") {
                check_variant(&TRANSPORT, &[section, id, "transport"], [earlier, later], transport);
            }
        }
    }
    for (variant, path) in
        [(&REMOTE_AUTH, ["runtime", "remote", "oauth"]), (&SERVER_AUTH, ["runtime", "server", "auth"])]
    {
        if let Some(after) = both.at(&path) {
            check_variant(variant, &path, [earlier, later], after);
        }
    }
}

/// All that is in the result comes from one of the two, and the later one has its say.
fn check_leaves(earlier: &Node, later: &Node, both: &Node) {
    let (before, after, found) = (leaves(earlier), leaves(later), leaves(both));
    for (pointer, value) in &found {
        let known = after.get(pointer).is_some_and(|said| said == value) || before.get(pointer) == Some(value);
        assert!(known, "{pointer} is {value}, which neither says");
    }
    for (pointer, value) in &after {
        let stands = found.get(pointer) == Some(value);
        assert!(stands || value == "", "{pointer} should be {value} and is {:?}", found.get(pointer));
    }
}

/// Values that are no objects, by place, but the lists that are joined item by item.
fn leaves(node: &Node) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    collect(node, &mut Vec::new(), "", &mut found);
    found
}

fn collect(node: &Node, path: &mut Vec<String>, pointer: &str, found: &mut BTreeMap<String, Value>) {
    match (rule(path), node.members()) {
        (Some(Rule::Append | Rule::IntersectHosts), _) => {}
        (Some(Rule::Whole), _) | (_, None) => {
            found.insert(pointer.to_owned(), node.to_value());
        }
        (_, Some(members)) => {
            for (key, member) in members {
                path.push(key.clone());
                collect(member, path, &child(pointer, key), found);
                path.pop();
            }
        }
    }
}

/// Credentials for one runtime are never taken to another.
fn check_origin(earlier: &Node, later: &Node, both: &Node) {
    let remote = |node: &Node| node.at(&["runtime", "remote"]).cloned();
    let (Some(before), Some(after), Some(found)) = (remote(earlier), remote(later), remote(both)) else { return };
    let origin = |node: &Node| node.get("url").and_then(Node::text).map(|url| Url::parse(url).ok()?.origin());
    if let (Some(old), Some(new)) = (origin(&before), origin(&after))
        && old != new
    {
        assert_eq!(found.get("oauth"), after.get("oauth"), "credentials move from {old:?} to {new:?}");
    }
}

/// Fields that another tag cannot have do not outlive the change of it.
fn check_variant(variant: &Variant, path: &[&str], [earlier, later]: [&Node; 2], both: &Node) {
    let tag =
        |node: &Node| node.at(path).and_then(|node| node.get(variant.tag)).and_then(Node::text).map(str::to_owned);
    let (Some(old), Some(new)) = (tag(earlier), tag(later)) else { return };
    for (field, owners) in variant.owned {
        if old != new && !owners.contains(&new.as_str()) {
            assert_eq!(both.get(field), later.at(path).and_then(|node| node.get(field)), "{field} of {old} in {new}");
        }
    }
}

/// What the managed scope set stands as it set it, whatever the others say.
fn check_locks(managed: &Node, root: &Node) {
    for section in OWNED {
        for (id, entry) in managed.entries(section) {
            assert_eq!(root.at(section).and_then(|all| all.get(id)), Some(entry), "{section:?} {id} is another");
        }
    }
    let same = |path: &[&str]| assert_eq!(root.at(path), managed.at(path), "{path:?} is another");
    let curated = managed.at(&["mode", "default"]).and_then(Node::text) == Some("curated");
    let profile = managed.at(&["agents", "defaultProfile"]).and_then(Node::text);
    if managed.at(&["runtime", "server"]).is_some() {
        same(&["runtime", "server"]);
    }
    if curated {
        same(&["mode", "default"]);
    }
    if curated && profile.is_some_and(|name| !name.is_empty()) {
        same(&["agents", "defaultProfile"]);
    }
    let exec = managed.at(&["policy", "allowExecSecrets"]);
    if exec.is_some_and(|node| matches!(node.content, Content::Scalar(Value::Bool(false)))) {
        same(&["policy", "allowExecSecrets"]);
    }
    for (id, set) in managed.entries(&["curation", "toolSets"]) {
        let path = ["curation", "toolSets", id, "allow"];
        assert_eq!(root.at(&path), set.get("allow"), "the tool set {id} allows something else");
    }
}

/// Whatever one file denies, or wants approved, stays so.
fn check_denied(node: &Node, root: &Node) {
    let mut lists = vec![vec!["policy", "deny"], vec!["policy", "approvalRequired"]];
    let sets = node.entries(&["curation", "toolSets"]).map(|(id, _)| vec!["curation", "toolSets", id, "deny"]);
    lists.extend(sets);
    for path in lists {
        let found = root.at(&path).and_then(Node::items).unwrap_or_default();
        let wanted = node.at(&path).and_then(Node::items).unwrap_or_default();
        assert!(wanted.iter().all(|item| found.contains(item)), "{path:?} lost something");
        let texts: Vec<_> = found.iter().map(Node::text).collect();
        let again = (1..texts.len()).find(|at| texts[..*at].contains(&texts[*at]) && !wanted_twice(node, &path));
        assert!(again.is_none() || root == node, "{path:?} has an item twice");
    }
}

fn wanted_twice(node: &Node, path: &[&str]) -> bool {
    let items = node.at(path).and_then(Node::items).unwrap_or_default();
    (1..items.len()).any(|at| items[..at].contains(&items[at]))
}

/// Hosts that may be reached are those that every scope allows which says something about it.
fn check_egress(node: &Node, root: &Node) {
    let path = ["policy", "egress", "allow"];
    let Some(allowed) = node.at(&path).and_then(Node::items) else { return };
    let allowed: Vec<HostPattern> = allowed.iter().filter_map(|item| HostPattern::parse(item.text()?)).collect();
    for item in root.at(&path).and_then(Node::items).unwrap_or_default() {
        let host = HostPattern::parse(item.text().unwrap_or_default()).expect("what is merged is read again");
        let inside = allowed.iter().any(|wide| wide.intersection(&host).as_ref() == Some(&host));
        assert!(inside, "{host} is in none of {allowed:?}");
        let name = host.host.replace('*', "x");
        let port = host.port.unwrap_or(443);
        assert!(host.matches(&name, port), "{host} does not match {name}");
        assert!(allowed.iter().any(|wide| wide.matches(&name, port)), "{name}:{port} is in none of {allowed:?}");
    }
}

/// The parsed config, and what people see of the file, show no secret that stands in the file as one (H24).
fn check_shown(root: &Node, documents: &[Document]) {
    let mut problems = Problems::new(documents);
    let config = parse::config(root, Extent::Whole, &mut problems);
    for consumer in [Consumer::Cli, Consumer::Toolbox] {
        validate::check(root, &config, consumer, &mut problems);
    }
    let (raw, origins) = show::show(root, documents);
    root.leaves("", &mut |pointer, _| assert!(origins.contains_key(pointer), "{pointer} comes from nowhere"));
    let mut public = root.to_value();
    hide(&mut public);
    if !public.to_string().contains(MARK) {
        let (errors, warnings) = problems.split();
        let told: Vec<String> = errors.iter().chain(&warnings).map(ToString::to_string).collect();
        assert!(!format!("{config:?} {raw} {}", told.join("\n")).contains(MARK), "a secret is shown");
    }
}

/// Takes out what is secret: literals, and what transports are given.
fn hide(value: &mut Value) {
    if let Some(members) = value.as_object_mut() {
        let literal = members.get("type").and_then(Value::as_str) == Some("literal");
        let secret = |name: &str| (literal && name == "value") || matches!(name, "env" | "headers");
        members.iter_mut().filter(|(name, _)| secret(name)).for_each(|(_, value)| *value = Value::Null);
        members.values_mut().for_each(hide);
    }
}
