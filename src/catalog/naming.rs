//! What people type: groups, commands, aliases, flags, and service ids that nobody configured (contract 6).
//!
//! Where two things would get one name, both stay callable: one gets a suffix, by rules that do not depend on the order in
//! which a publisher's editor wrote things down, and the change is reported (H32).

use std::collections::BTreeMap;

use super::Place;
use crate::base::name::{Unique, kebab, slug};
use crate::http::Method;
use crate::openapi::Operation;

/// Names of flags that the command line keeps for itself. A tool's flag of that name is called `<name>-param`.
pub const RESERVED_FLAGS: &[&str] = &[
    "accept",
    "agent-profile",
    "all",
    "approval",
    "body",
    "ca-cert",
    "columns",
    "config",
    "content-type",
    "dry-run",
    "file",
    "format",
    "help",
    "idempotency-key",
    "include",
    "instance-id",
    "max-pages",
    "mode",
    "no-browser",
    "no-color",
    "no-input",
    "no-validate",
    "output",
    "query",
    "quiet",
    "runtime",
    "state-dir",
    "stream",
    "timeout",
    "verbose",
    "version",
    "wait",
];

/// The second command word: `x-cli-group`, the first tag, the first path segment that is no parameter, `misc`.
pub fn group(operation: &Operation) -> String {
    let wished = extension(operation, "x-cli-group").map(slug);
    let tag = || operation.tags.first().map(|tag| slug(tag));
    let segment = || literal_segments(without_query(&operation.path)).next().map(slug);
    let filled = |name: &String| !name.is_empty();
    let found = wished.filter(filled).or_else(|| tag().filter(filled)).or_else(|| segment().filter(filled));
    found.unwrap_or_else(|| "misc".to_owned())
}

/// The third command word before collisions, and whether the publisher chose it: `x-cli-name`, the operation id in kebab-case, a
/// verb from method and path.
pub fn command(operation: &Operation) -> (String, bool) {
    if let Some(wished) = extension(operation, "x-cli-name").map(kebab).filter(|name| !name.is_empty()) {
        return (wished, true);
    }
    let named = operation.operation_id.as_deref().map(kebab).filter(|name| !name.is_empty());
    (named.unwrap_or_else(|| verb(operation.method, &operation.path).to_owned()), false)
}

fn verb(method: Method, path: &str) -> &'static str {
    let one = path.trim_end_matches('/').rsplit('/').next().is_some_and(|segment| segment.contains('{'));
    match method {
        Method::Get if one => "get",
        Method::Get => "list",
        Method::Post => "create",
        Method::Put => "update",
        Method::Patch => "patch",
        Method::Delete => "delete",
        Method::Head => "head",
        Method::Options => "options",
    }
}

/// The id of a service that nobody configured: the first path segment of the smallest path that is no parameter, else the
/// title, else the file's name.
pub fn service_id(first_path: Option<&str>, title: &str, file: &str) -> Option<String> {
    service_words(first_path, title, file).into_iter().find(|id| !id.is_empty())
}

/// What a service id may be, best first; empty where the description has no such word.
pub fn service_words(first_path: Option<&str>, title: &str, file: &str) -> [String; 3] {
    let segment = first_path.and_then(|path| literal_segments(without_query(path)).next().map(slug));
    let stem = file.split('.').find(|part| !part.is_empty()).unwrap_or("");
    [segment.unwrap_or_default(), slug(title), slug(stem)]
}

fn literal_segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty() && !segment.contains('{'))
}

/// Publishers tell operations on one path apart by a query or a fragment behind it.
fn without_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or(path)
}

fn extension<'a>(operation: &'a Operation, name: &str) -> Option<&'a str> {
    operation.extensions.get(name)?.as_str()
}

/// A command that wants a word within its group.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// Breaks ties: the tool's id.
    pub id: &'a str,
    /// The group.
    pub group: &'a str,
    /// The word.
    pub command: &'a str,
    /// Whether the publisher chose it.
    pub chosen: bool,
    /// Upper case.
    pub method: &'a str,
    /// The template.
    pub path: &'a str,
}

/// A word for each wish, in the same order. Of several that want one word, the one whose publisher chose it keeps it, then the
/// one with the shorter path, then the smaller id; the others get the last literal segment of their path, else their method,
/// then a number behind it.
pub fn commands(wishes: &[Wish<'_>]) -> Vec<String> {
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|&at| {
        let wish = &wishes[at];
        (!wish.chosen, wish.path.matches('/').count(), wish.id)
    });
    let mut groups: BTreeMap<&str, Unique> = BTreeMap::new();
    let mut words: Vec<Option<String>> = vec![None; wishes.len()];
    for &at in &order {
        let Wish { group, command, .. } = wishes[at];
        if groups.entry(group).or_default().reserve(command) {
            words[at] = Some(command.to_owned());
        }
    }
    for at in order {
        let wish = &wishes[at];
        let taken = groups.entry(wish.group).or_default();
        words[at].get_or_insert_with(|| other_word(wish, taken));
    }
    words.into_iter().flatten().collect()
}

fn other_word(wish: &Wish<'_>, taken: &mut Unique) -> String {
    let segment = wish.path.split('/').rfind(|segment| !segment.is_empty() && !segment.contains('{')).map(kebab);
    let telling = segment.filter(|segment| !segment.is_empty() && segment != wish.group && segment != wish.command);
    if let Some(word) = telling.map(|segment| format!("{}-{segment}", wish.command))
        && taken.reserve(&word)
    {
        return word;
    }
    taken.take(&format!("{}-{}", wish.command, wish.method.to_ascii_lowercase()), '-')
}

/// A parameter that wants a flag's name.
#[derive(Clone, Debug)]
pub struct FlagWish<'a> {
    /// As published.
    pub original: &'a str,
    /// `x-cli-name`.
    pub chosen: Option<&'a str>,
    /// Where it goes.
    pub place: Place,
}

/// A flag name for each wish, in the same order: kebab-case; `-<place>` when parameters of different places want one name,
/// `-param` when the command line has a flag of that name, a number when that is not enough.
pub fn flags(wishes: &[FlagWish<'_>]) -> Vec<String> {
    let plain: Vec<String> = wishes.iter().map(plain_flag).collect();
    let mut wanted = plain.clone();
    for (at, wish) in wishes.iter().enumerate() {
        let elsewhere = (0..wishes.len()).any(|other| plain[other] == plain[at] && wishes[other].place != wish.place);
        if elsewhere {
            wanted[at] = format!("{}-{}", plain[at], wish.place.as_str());
        }
        if RESERVED_FLAGS.contains(&wanted[at].as_str()) {
            wanted[at].push_str("-param");
        }
    }
    // Who keeps the name it was born with goes first.
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|&at| wanted[at] != plain[at]);
    let mut taken = Unique::default();
    let mut names = wanted.clone();
    for at in order {
        names[at] = taken.take(&wanted[at], '-');
    }
    names
}

/// A flag name for each member of a body, in the same order: kebab-case; `-body` when a parameter's flag or one of the command line
/// has that name, a number when that is not enough.
pub fn body_flags(members: &[&str], parameters: &[&str]) -> Vec<String> {
    let mut taken = Unique::default();
    for name in RESERVED_FLAGS.iter().chain(parameters) {
        taken.reserve(name);
    }
    let plain: Vec<String> = members.iter().map(|name| word(name)).collect();
    let is_taken = |name: &str| RESERVED_FLAGS.contains(&name) || parameters.contains(&name);
    let suffixed: Vec<bool> = plain.iter().map(|name| is_taken(name)).collect();
    // Who keeps the name it was born with goes first, and the order of the description does not matter.
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&at| (suffixed[at], members[at]));
    let mut names = plain.clone();
    for at in order {
        let wanted = if suffixed[at] { format!("{}-body", plain[at]) } else { plain[at].clone() };
        names[at] = taken.take(&wanted, '-');
    }
    names
}

/// Before collisions.
pub fn plain_flag(wish: &FlagWish<'_>) -> String {
    let chosen = wish.chosen.map(kebab).filter(|name| !name.is_empty());
    chosen.unwrap_or_else(|| word(wish.original))
}

fn word(original: &str) -> String {
    let name = kebab(original);
    if name.is_empty() { "value".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_flags(wishes: &[(&str, Place)], expected: &[&str]) {
        let wishes: Vec<_> =
            wishes.iter().map(|(original, place)| FlagWish { original, chosen: None, place: *place }).collect();
        assert_eq!(flags(&wishes), expected);
    }

    #[test]
    fn h32_flags_never_swallow_each_other() {
        check_flags(&[("per_page", Place::Query), ("X-Request-ID", Place::Header)], &["per-page", "x-request-id"]);
        check_flags(&[("id", Place::Query), ("id", Place::Header)], &["id-query", "id-header"]);
        check_flags(&[("body", Place::Query), ("format", Place::Query)], &["body-param", "format-param"]);
        check_flags(&[("user_id", Place::Query), ("userId", Place::Query)], &["user-id", "user-id-2"]);
        check_flags(&[("body", Place::Query), ("body-param", Place::Query)], &["body-param-2", "body-param"]);
        check_flags(&[("body", Place::Query), ("body", Place::Cookie)], &["body-query", "body-cookie"]);
        check_flags(
            &[("page", Place::Query), ("page", Place::Header), ("page-query", Place::Query)],
            &["page-query-2", "page-header", "page-query"],
        );
        check_flags(&[("$", Place::Query), ("日本", Place::Query)], &["value", "value-2"]);
        for reserved in RESERVED_FLAGS {
            check_flags(&[(reserved, Place::Query)], &[&format!("{reserved}-param")]);
        }
    }

    #[track_caller]
    fn check_body(members: &[&str], parameters: &[&str], expected: &[&str]) {
        assert_eq!(body_flags(members, parameters), expected);
        let backwards: Vec<&str> = members.iter().rev().copied().collect();
        let mut names = body_flags(&backwards, parameters);
        names.reverse();
        assert_eq!(names, expected, "the order of the document does not matter");
    }

    #[test]
    fn h32_members_of_a_body_never_take_the_flag_of_another() {
        check_body(&["title", "ownerName", "x y"], &[], &["title", "owner-name", "x-y"]);
        check_body(&["state", "title"], &["state"], &["state-body", "title"]);
        check_body(
            &["body", "file", "format", "no-input"],
            &[],
            &["body-body", "file-body", "format-body", "no-input-body"],
        );
        check_body(&["user_id", "userId"], &[], &["user-id-2", "user-id"]);
        check_body(&["state", "state-body"], &["state"], &["state-body-2", "state-body"]);
        check_body(&["state"], &["state", "state-body"], &["state-body-2"]);
        check_body(&["日本", "$"], &[], &["value-2", "value"]);
    }

    #[test]
    fn h32_the_names_that_are_taken_are_documented() {
        let docs = include_str!("../../docs/catalog.md");
        let (_, list) = docs.split_once("The command line's own flags are").expect("there is such a list");
        let list = list.split('.').next().expect("it ends in a full stop");
        let named: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
        assert_eq!(named, RESERVED_FLAGS);
    }

    fn wish<'a>(id: &'a str, command: &'a str, chosen: bool, method: &'a str, path: &'a str) -> Wish<'a> {
        Wish { id, group: "g", command, chosen, method, path }
    }

    #[track_caller]
    fn check_commands(wishes: &[Wish<'_>], expected: &[&str]) {
        assert_eq!(commands(wishes), expected);
        let backwards: Vec<_> = wishes.iter().rev().cloned().collect();
        let mut words = commands(&backwards);
        words.reverse();
        assert_eq!(words, expected, "the order of the document does not matter");
    }

    #[test]
    fn h32_colliding_commands_stay_apart() {
        check_commands(
            &[
                wish("s:get:/pets", "list", false, "GET", "/pets"),
                wish("s:get:/pets/{id}/toys", "list", false, "GET", "/pets/{id}/toys"),
                wish("s:get:/pets/{id}/{x}/toys", "list", false, "GET", "/pets/{id}/{x}/toys"),
            ],
            &["list", "list-toys", "list-get"],
        );
        check_commands(
            &[wish("s:a", "go", false, "GET", "/g"), wish("s:b", "go", true, "POST", "/g/{x}/g")],
            &["go-get", "go"],
        );
        check_commands(
            &[
                wish("s:a", "go", false, "GET", "/g"),
                wish("s:b", "go", false, "GET", "/g"),
                wish("s:c", "go", false, "GET", "/g"),
                wish("s:d", "go-get", false, "GET", "/g"),
            ],
            &["go", "go-get-2", "go-get-3", "go-get"],
        );
    }

    #[test]
    fn h45_derived_service_ids_do_not_depend_on_order() {
        for (path, title, file, expected) in [
            (Some("/v1/pets/{id}"), "Pets", "x.json", Some("v1")),
            (Some("/{id}/Pets_A"), "", "x.json", Some("pets-a")),
            (Some("/"), "My API v2", "x.json", Some("my-api-v2")),
            (None, "", "stock.openapi.yaml", Some("stock")),
            (None, "日本", "日本.yaml", None),
        ] {
            assert_eq!(service_id(path, title, file).as_deref(), expected, "{path:?}");
        }
    }
}
