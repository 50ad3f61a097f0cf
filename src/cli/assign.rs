//! Values at places of a JSON document: what flags and words say of a body, put together and laid over one that is there. Pure.
//!
//! Values stay the JSON text they are, and so does what nobody said anything about: no digit is lost. Two values for one place, or a
//! place that would have to be two kinds of thing, are an error; what is said wins over what is laid under it.

use std::collections::BTreeMap;
use std::fmt;

use crate::base::members::{self, Members};

/// One step on the way to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Member(String),
    /// An item of a list, counted from 0.
    Item(usize),
    /// One more item of a list.
    Append,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// JSON text.
    Json(String),
    /// What is in a file.
    File(FileLeaf),
}

/// A value that is read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLeaf {
    /// Where; `None` for standard input.
    pub path: Option<String>,
    /// Whether its content is JSON already, and not a text.
    pub is_json: bool,
}

/// Everything that was said of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    root: Node,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Node {
    #[default]
    Nothing,
    Leaf(Leaf),
    Object(Vec<(String, Self)>),
    /// Items by their index, and those that come behind all.
    List(BTreeMap<usize, Self>, Vec<Self>),
}

/// Why a value cannot be said beside what was said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The place where the two meet.
    pub place: String,
    /// What it is already.
    pub is: &'static str,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is given already, as {}", self.place, self.is)
    }
}

/// A list with an item that nobody gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The list.
    pub place: String,
    /// The first item that is missing.
    pub missing: usize,
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no item {} and gets a later one", self.place, self.missing)
    }
}

/// A place as it is typed.
pub fn place(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Member(name) if out.is_empty() => out.push_str(name),
            Step::Member(name) => out.push_str(&format!(".{name}")),
            Step::Item(index) => out.push_str(&format!("[{index}]")),
            Step::Append => out.push_str("[]"),
        }
    }
    if out.is_empty() { "the body".to_owned() } else { format!("`{out}`") }
}

impl Assigned {
    /// Says a value of a place.
    pub fn set(&mut self, path: &[Step], leaf: Leaf) -> Result<(), Clash> {
        let clash = |(depth, is): (usize, &'static str)| Clash { place: place(&path[..depth]), is };
        self.root.set(path, 0, leaf).map_err(clash)
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.root == Node::Nothing
    }

    /// Whether anything was said of a member of the document.
    pub fn has(&self, name: &str) -> bool {
        matches!(&self.root, Node::Object(members) if members.iter().any(|(other, _)| other == name))
    }

    /// Whether the document is an object, as far as is known.
    pub fn is_object(&self) -> bool {
        matches!(self.root, Node::Object(_) | Node::Nothing)
    }

    /// Puts the content of each file in its place, as the JSON text that `read` gives.
    pub fn fill<E>(&mut self, mut read: impl FnMut(&FileLeaf) -> Result<String, E>) -> Result<(), E> {
        self.root.fill(&mut read)
    }

    /// How many values are read from standard input.
    pub fn reads_of_stdin(&self) -> usize {
        let mut count = 0;
        self.root.leaves(&mut |leaf| {
            count += usize::from(matches!(leaf, Leaf::File(FileLeaf { path: None, .. })));
        });
        count
    }

    /// The document: `base` with everything that was said. Files must be filled in.
    pub fn over(&self, base: Option<&str>) -> Result<String, Hole> {
        let mut out = String::new();
        self.root.write(base, &mut Vec::new(), &mut out)?;
        Ok(out)
    }
}

impl Node {
    /// The error is how deep the two meet, and as what.
    fn set(&mut self, path: &[Step], depth: usize, leaf: Leaf) -> Result<(), (usize, &'static str)> {
        let Some(step) = path.get(depth) else {
            return match self {
                Self::Nothing => {
                    *self = Self::Leaf(leaf);
                    Ok(())
                }
                other => Err((depth, other.kind())),
            };
        };
        if *self == Self::Nothing {
            *self = match step {
                Step::Member(_) => Self::Object(Vec::new()),
                Step::Item(_) | Step::Append => Self::List(BTreeMap::new(), Vec::new()),
            };
        }
        let next = match (&mut *self, step) {
            (Self::Object(members), Step::Member(name)) => {
                let at = members.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
                    members.push((name.clone(), Self::Nothing));
                    members.len() - 1
                });
                &mut members[at].1
            }
            (Self::List(items, _), Step::Item(index)) => items.entry(*index).or_default(),
            (Self::List(_, more), Step::Append) => {
                more.push(Self::Nothing);
                let last = more.len() - 1;
                &mut more[last]
            }
            (other, _) => return Err((depth, other.kind())),
        };
        next.set(path, depth + 1, leaf)
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Leaf(_) => "a value",
            Self::Object(_) => "an object",
            Self::List(..) => "a list",
        }
    }

    fn fill<E>(&mut self, read: &mut impl FnMut(&FileLeaf) -> Result<String, E>) -> Result<(), E> {
        match self {
            Self::Leaf(Leaf::File(file)) => *self = Self::Leaf(Leaf::Json(read(file)?)),
            Self::Nothing | Self::Leaf(Leaf::Json(_)) => {}
            Self::Object(members) => members.iter_mut().try_for_each(|(_, node)| node.fill(read))?,
            Self::List(items, more) => items.values_mut().chain(more).try_for_each(|node| node.fill(read))?,
        }
        Ok(())
    }

    fn leaves(&self, see: &mut impl FnMut(&Leaf)) {
        match self {
            Self::Nothing => {}
            Self::Leaf(leaf) => see(leaf),
            Self::Object(members) => members.iter().for_each(|(_, node)| node.leaves(see)),
            Self::List(items, more) => items.values().chain(more).for_each(|node| node.leaves(see)),
        }
    }

    fn write(&self, base: Option<&str>, path: &mut Vec<Step>, out: &mut String) -> Result<(), Hole> {
        match self {
            Self::Leaf(Leaf::Json(text)) => out.push_str(text),
            // A file that nobody read says nothing.
            Self::Nothing | Self::Leaf(Leaf::File(_)) => out.push_str(base.unwrap_or("null")),
            Self::Object(members) => write_object(members, base, path, out)?,
            Self::List(items, more) => write_list(items, more, base, path, out)?,
        }
        Ok(())
    }
}

/// The base's members in their order, then those that are new.
fn write_object(
    members: &[(String, Node)],
    base: Option<&str>,
    path: &mut Vec<Step>,
    out: &mut String,
) -> Result<(), Hole> {
    let there = base.and_then(Members::of).unwrap_or_default();
    let mut separator = '{';
    for (name, value) in there.iter() {
        begin(name, &mut separator, out);
        match members.iter().find(|(other, _)| other == name) {
            Some((_, node)) => within(node, Some(value.get()), Step::Member(name.to_owned()), path, out)?,
            None => out.push_str(value.get()),
        }
    }
    for (name, node) in members.iter().filter(|(name, _)| there.get(name).is_none()) {
        begin(name, &mut separator, out);
        within(node, None, Step::Member(name.clone()), path, out)?;
    }
    out.push_str(if separator == '{' { "{}" } else { "}" });
    Ok(())
}

fn begin(name: &str, separator: &mut char, out: &mut String) {
    out.push(*separator);
    *separator = ',';
    out.push_str(&quoted(name));
    out.push(':');
}

fn write_list(
    items: &BTreeMap<usize, Node>,
    more: &[Node],
    base: Option<&str>,
    path: &mut Vec<Step>,
    out: &mut String,
) -> Result<(), Hole> {
    let there = base.and_then(members::items).unwrap_or_default();
    let known = (there.len()..).take_while(|at| items.contains_key(at)).count() + there.len();
    if let Some((_, _)) = items.range(known..).next() {
        return Err(Hole { place: place(path), missing: known });
    }
    out.push('[');
    for at in 0..known + more.len() {
        if at > 0 {
            out.push(',');
        }
        let base = there.get(at).map(|item| item.get());
        match items.get(&at).or_else(|| at.checked_sub(known).and_then(|at| more.get(at))) {
            Some(node) => within(node, base, Step::Item(at), path, out)?,
            None => out.push_str(base.unwrap_or("null")),
        }
    }
    out.push(']');
    Ok(())
}

fn within(node: &Node, base: Option<&str>, step: Step, path: &mut Vec<Step>, out: &mut String) -> Result<(), Hole> {
    path.push(step);
    let written = node.write(base, path, out);
    path.pop();
    written
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shorthand;

    /// Each word is shorthand whose value is JSON.
    fn assigned(words: &[&str]) -> Result<Assigned, Clash> {
        let mut all = Assigned::default();
        for word in words {
            let parsed = shorthand::parse(word).unwrap_or_else(|error| panic!("{word}: {error}"));
            all.set(&parsed.path, Leaf::Json(parsed.value))?;
        }
        Ok(all)
    }

    #[track_caller]
    fn check(words: &[&str], base: Option<&str>, expected: &str) {
        let written = assigned(words).unwrap().over(base).unwrap_or_else(|hole| panic!("{words:?}: {hole}"));
        assert_eq!(written, expected, "{words:?} over {base:?}");
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&written).is_ok(), "{written}");
    }

    #[test]
    fn places_become_objects_and_lists() {
        check(&["a=1"], None, r#"{"a":1}"#);
        check(&["b.c=1.50", "a=2", "b.d=3"], None, r#"{"b":{"c":1.50,"d":3},"a":2}"#);
        check(&["c[1]=1", "c[0]=2", "c[]=3", "c[]=4"], None, r#"{"c":[2,1,3,4]}"#);
        check(&["c[0].a=1", "c[0].b=2", "c[].a=3", "c[].a=4"], None, r#"{"c":[{"a":1,"b":2},{"a":3},{"a":4}]}"#);
        check(&["[]=1", "[]=2"], None, "[1,2]");
        check(&["c[0][1]=1", "c[0][0]=2"], None, r#"{"c":[[2,1]]}"#);
        check(&[r#"a"b=1"#], None, r#"{"a\"b":1}"#);
    }

    #[test]
    fn what_is_there_keeps_its_bytes_and_what_is_said_wins() {
        let base = Some("{ \"a\": 1.0, \"b\": {\"x\": [1e400 , 2]}, \"c\": \"\\u00e9\" }");
        check(&["d=1"], base, "{\"a\":1.0,\"b\":{\"x\": [1e400 , 2]},\"c\":\"\\u00e9\",\"d\":1}");
        check(&["a=2", "b.y=3"], base, "{\"a\":2,\"b\":{\"x\":[1e400 , 2],\"y\":3},\"c\":\"\\u00e9\"}");
        check(&["b.x[0]=5", "b.x[]=6"], base, "{\"a\":1.0,\"b\":{\"x\":[5,2,6]},\"c\":\"\\u00e9\"}");
        check(&["b.x[2]=7"], base, "{\"a\":1.0,\"b\":{\"x\":[1e400,2,7]},\"c\":\"\\u00e9\"}");
        check(&["a.z=1", "c[]=2"], base, "{\"a\":{\"z\":1},\"b\":{\"x\": [1e400 , 2]},\"c\":[2]}");
        check(&["[1].a=1"], Some("[ {}, {\"b\":2} ]"), "[{},{\"b\":2,\"a\":1}]");
    }

    #[track_caller]
    fn clash(words: &[&str], expected: &str) {
        assert_eq!(assigned(words).unwrap_err().to_string(), expected, "{words:?}");
    }

    #[test]
    fn one_place_is_one_thing() {
        clash(&["a=1", "a=2"], "`a` is given already, as a value");
        clash(&["a=1", "a.b=2"], "`a` is given already, as a value");
        clash(&["a.b=1", "a=2"], "`a` is given already, as an object");
        clash(&["a.b=1", "a[]=2"], "`a` is given already, as an object");
        clash(&["a.b[0]=1", "a.b.c=2"], "`a.b` is given already, as a list");
        clash(&["a[0]=1", "a[0]=2"], "`a[0]` is given already, as a value");
        clash(&["[]=1", "a=2"], "the body is given already, as a list");
    }

    #[test]
    fn lists_have_no_holes() {
        for (words, base, expected) in [
            (&["c[2]=1"][..], None, "`c` has no item 0 and gets a later one"),
            (&["c[0]=1", "c[2]=1"], None, "`c` has no item 1 and gets a later one"),
            (&["a.c[9999]=1"], Some(r#"{"a":{"c":[1]}}"#), "`a.c` has no item 1 and gets a later one"),
            (&["[1]=1"], None, "the body has no item 0 and gets a later one"),
        ] {
            assert_eq!(assigned(words).unwrap().over(base).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn files_are_filled_in_once() {
        let mut all = Assigned::default();
        let file = |path: Option<&str>| Leaf::File(FileLeaf { path: path.map(str::to_owned), is_json: false });
        all.set(&[Step::Member("a".into())], file(Some("x"))).unwrap();
        all.set(&[Step::Member("b".into()), Step::Append], file(None)).unwrap();
        assert_eq!(all.reads_of_stdin(), 1);
        let read = |file: &FileLeaf| Ok::<_, ()>(quoted(file.path.as_deref().unwrap_or("-")));
        all.fill(read).unwrap();
        assert_eq!(all.over(None).unwrap(), r#"{"a":"x","b":["-"]}"#);
        assert_eq!(all.reads_of_stdin(), 0);
    }
}
