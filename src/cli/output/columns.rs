//! Which columns a table has: those that were asked for, else those that the API names, else chosen from the data. Pure.

use std::collections::{BTreeSet, HashMap};

use crate::cli::args::UsageError;

use super::Unfit;
use super::node::Node;

/// Columns that one table may be asked for.
const MOST: usize = 64;

/// How many items are looked at, and how many names are kept, to say which columns there are.
const LOOKED_AT: usize = 100;
const MOST_KNOWN: usize = 500;

/// Columns that one table has of its own accord, and cells that it has before it has fewer columns than that.
const MOST_CHOSEN: usize = 200;
const MOST_CELLS: usize = 4 << 20;

/// Members that say which thing an item is, in this order, by their letters alone.
const FIRST: [&str; 12] =
    ["id", "number", "key", "code", "name", "login", "title", "subject", "state", "status", "type", "kind"];

/// Reads `--columns`: names and dotted paths, joined by commas.
pub fn read(text: &str) -> Result<Vec<String>, UsageError> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.len() > MOST || names.iter().any(String::is_empty) {
        return Err(UsageError::new(format!("--columns: {} is no list of columns", text.escape_debug()))
            .hint(format!("write it like id,title,author.name; {MOST} at most")));
    }
    Ok(names)
}

/// The columns asked for, each as the data spells it. Data of no items have every column, and all have those that the API names.
pub fn asked(items: &[&Node], names: &[String], usual: &[String]) -> Result<Vec<String>, Unfit> {
    if items.is_empty() {
        return Ok(names.to_vec());
    }
    let named = |name: &String| if usual.contains(name) { Ok(name.clone()) } else { spelled(items, name) };
    names.iter().map(named).collect()
}

/// The columns of items that nobody said anything about: what the API names and is there, else all members, those first that say which
/// thing it is, then scalars, addresses, lists and objects, and at last those that hold nothing. There is an end to them: items that have
/// no name in common would otherwise make a table whose size is the square of theirs.
pub fn chosen(items: &[&Node], usual: &[String]) -> Vec<String> {
    let most = (MOST_CELLS / items.len().max(1)).clamp(MOST_CHOSEN / 10, MOST_CHOSEN);
    let is_there = |name: &&String| items.iter().any(|item| find(item, name).is_some());
    let there: Vec<String> = usual.iter().take(MOST_CHOSEN).filter(is_there).take(most).cloned().collect();
    if !there.is_empty() {
        return there;
    }
    let mut members = members(items);
    members.sort_by_cached_key(Member::rank);
    members.into_iter().take(most).map(|member| member.name.to_owned()).collect()
}

/// A member by its whole name, else by the names between dots.
pub fn find<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    if let Some(found) = node.member(name) {
        return Some(found);
    }
    let (first, rest) = name.split_once('.')?;
    find(node.member(first)?, rest)
}

struct Member<'a> {
    name: &'a str,
    is_scalar: bool,
    is_empty: bool,
}

impl Member<'_> {
    /// Columns of a lower rank come first.
    fn rank(&self) -> (u8, usize) {
        let plain: String = self.name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let first = FIRST.iter().position(|name| *name == plain);
        match first {
            _ if self.is_empty => (4, 0),
            _ if !self.is_scalar => (3, 0),
            Some(at) => (0, at),
            None if ["url", "uri", "href"].iter().any(|end| plain.ends_with(end)) => (2, 0),
            None => (1, 0),
        }
    }
}

/// In the order of their first appearance.
fn members<'a>(items: &[&'a Node]) -> Vec<Member<'a>> {
    let mut found: Vec<Member<'a>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for item in items {
        let Node::Object(members) = item else { continue };
        for (name, value) in members {
            let at = *places.entry(name.as_str()).or_insert_with(|| {
                found.push(Member { name, is_scalar: true, is_empty: true });
                found.len() - 1
            });
            found[at].is_scalar &= value.is_scalar();
            found[at].is_empty &= *value == Node::Null;
        }
    }
    found
}

/// Heads of tables are upper case, so that a column may be asked for like that too.
fn spelled(items: &[&Node], name: &str) -> Result<String, Unfit> {
    if items.iter().any(|item| find(item, name).is_some()) {
        return Ok(name.to_owned());
    }
    let known = known(items);
    let same = known.iter().find(|known| known.eq_ignore_ascii_case(name)).cloned();
    same.ok_or_else(|| Unfit::Column { name: name.to_owned(), known })
}

/// Names of members, and dotted ones of members of members.
fn known(items: &[&Node]) -> Vec<String> {
    let mut names = Vec::new();
    let mut seen = BTreeSet::new();
    let mut take = |name: String| {
        if names.len() < MOST_KNOWN && seen.insert(name.clone()) {
            names.push(name);
        }
    };
    for item in items.iter().take(LOOKED_AT) {
        let Node::Object(members) = item else { continue };
        for (name, value) in members {
            take(name.clone());
            if let Node::Object(inner) = value {
                inner.iter().for_each(|(below, _)| take(format!("{name}.{below}")));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(items: &str, usual: &[&str], expected: &[&str]) {
        let Some(Node::List(items)) = Node::parse(items) else { panic!("{items} is no list") };
        let usual: Vec<String> = usual.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(chosen(&items.iter().collect::<Vec<_>>(), &usual), expected);
    }

    #[test]
    fn what_says_which_thing_it_is_comes_first() {
        let item =
            r#"{"url":"u","labels":[1],"closed":null,"State":"open","comments":0,"title":"t","user":{"id":1},"id":7}"#;
        check(&format!("[{item}]"), &[], &["id", "title", "State", "comments", "url", "labels", "user", "closed"]);
        check(&format!("[{item}]"), &["user.id", "nothing", "title"], &["user.id", "title"]);
        check(
            &format!("[{item},{{\"comments\":[],\"closed\":1}}]"),
            &["nothing"],
            &["id", "title", "State", "closed", "url", "labels", "comments", "user"],
        );
        check("[{}]", &[], &[]);
    }

    #[test]
    fn h28_items_without_a_name_in_common_make_no_endless_table() {
        let items: Vec<Node> = (0..30_000).map(|at| Node::Object(vec![(format!("k{at}"), Node::Null)])).collect();
        let items: Vec<&Node> = items.iter().collect();
        let names: Vec<String> = (0..30_000).map(|at| format!("k{at}")).collect();
        for usual in [&[][..], &names] {
            let chosen = chosen(&items, usual);
            assert!(chosen.len() * items.len() <= MOST_CELLS && chosen[0] == "k0", "{}", chosen.len());
        }
        let wide = Node::Object((0..500).map(|at| (format!("k{at}"), Node::Null)).collect());
        assert_eq!(chosen(&[&wide], &[]).len(), MOST_CHOSEN);
    }

    #[test]
    fn a_column_that_is_asked_for_must_be_there() {
        let Some(Node::List(items)) = Node::parse(r#"[{"id":1},{"user":{"Name":"a","x.y":2},"a.b":3}]"#) else {
            panic!()
        };
        let items: Vec<&Node> = items.iter().collect();
        let asked = |name: &str| asked(&items, &[name.to_owned()], &["absent".to_owned()]);
        for (name, expected) in
            [("id", "id"), ("ID", "id"), ("USER.NAME", "user.Name"), ("user.x.y", "user.x.y"), ("a.b", "a.b")]
        {
            assert_eq!(asked(name), Ok(vec![expected.to_owned()]));
        }
        let known = ["id", "user", "user.Name", "user.x.y", "a.b"].map(str::to_owned).into();
        assert_eq!(asked("user.nmae"), Err(Unfit::Column { name: "user.nmae".to_owned(), known }));
        assert_eq!(asked("absent"), Ok(vec!["absent".to_owned()]), "the API names it");
        assert_eq!(super::asked(&[], &["x".to_owned()], &[]), Ok(vec!["x".to_owned()]));
    }

    #[test]
    fn a_list_of_columns_is_read_whole() {
        assert_eq!(read(" id, a.b ").unwrap(), ["id", "a.b"]);
        for wrong in ["", "id,", ",", &"a,".repeat(64)] {
            assert!(read(wrong).unwrap_err().message.contains("no list of columns"), "{wrong}");
        }
    }
}
