//! Tables for people: a list of objects as columns, one object as rows of name and value.
//!
//! Cells never hold control characters, also not in a pipe: a table is lines. Values too wide for the terminal end in `…`, and
//! columns that do not fit are left out from the right. Columns of numbers stand at the right of their width.

use super::node::Node;
use super::{Shape, Unfit, colour, columns, sanitize, width};

/// What stands in place of no items and no members.
const NOTHING: &str = "(none)\n";

/// Between two columns.
const GAP: usize = 2;

/// A column is never made narrower than this.
const NARROW: usize = 8;

/// The widest column while others compete for the width.
const WIDE: usize = 48;

/// Where no terminal bounds a column, its cells are filled up to so much; longer ones stay whole. One long text would otherwise be paid for in
/// every row.
const FILLED: usize = 200;

/// Members that hold the items of a page.
const ITEMS: [&str; 10] =
    ["items", "data", "results", "values", "records", "entries", "nodes", "value", "resources", "rows"];

/// Parts of names that only say something about a page.
const PAGE: [&str; 12] =
    ["total", "count", "next", "prev", "page", "cursor", "more", "limit", "offset", "size", "incomplete", "kind"];

/// How a table looks.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The columns that were asked for; dots lead into objects.
    pub asked: &'a [String],
    /// The columns when none were asked for; chosen from the data when empty.
    pub usual: &'a [String],
    /// The way to the list, where it is known.
    pub list: &'a [String],
    /// The terminal's columns, `None` for no limit.
    pub width: Option<usize>,
    /// Whether heads are coloured.
    pub colour: bool,
}

impl<'a> Look<'a> {
    /// As an answer is shown.
    pub fn of(shape: &'a Shape) -> Self {
        let Shape { columns, fields, list, terminal, colour, .. } = shape;
        Self { asked: columns, usual: fields, list, width: *terminal, colour: *colour }
    }

    fn head(&self, text: String) -> String {
        if self.colour { colour::head(&text) } else { text }
    }
}

/// Writes a table.
pub fn write(node: &Node, look: &Look<'_>) -> Result<String, Unfit> {
    if let Some((items, rest)) = unwrapped(node, look) {
        let mut out = list(items, look)?;
        // Whoever names the columns wants nothing else.
        if !rest.is_empty() && look.asked.is_empty() {
            out.push('\n');
            out.push_str(&pairs(&rest, look));
        }
        return Ok(out);
    }
    match node {
        Node::List(items) => list(items, look),
        Node::Object(members) => {
            let names = match look.asked {
                [] => look.usual.iter().filter(|name| columns::find(node, name).is_some()).cloned().collect(),
                asked => columns::asked(&[node], asked, look.usual)?,
            };
            let shown: Pairs<'_> = match names.as_slice() {
                [] => members.iter().map(|(name, value)| (name.as_str(), value)).collect(),
                names => names.iter().filter_map(|name| Some((name.as_str(), columns::find(node, name)?))).collect(),
            };
            Ok(if shown.is_empty() { NOTHING.to_owned() } else { pairs(&shown, look) })
        }
        scalar if look.asked.is_empty() => Ok(format!("{}\n", cell(scalar))),
        _ => Err(Unfit::Column { name: look.asked[0].clone(), known: Vec::new() }),
    }
}

type Pairs<'a> = Vec<(&'a str, &'a Node)>;

/// The items of `{"items": [..], "next": ..}`, and what stands beside them: when it is known where they are, or when the array is the only
/// one, and it is alone, or it is named like a page's items or all beside it speaks of the page.
fn unwrapped<'a>(node: &'a Node, look: &Look<'_>) -> Option<(&'a [Node], Pairs<'a>)> {
    let Node::Object(members) = node else { return None };
    if let [first, more @ ..] = look.list {
        let found = more.iter().try_fold(node.member(first)?, |inner, name| inner.member(name));
        if let Some(Node::List(items)) = found {
            return Some((items, beside(members, first)));
        }
    }
    let mut arrays = members.iter().filter_map(|(name, value)| match value {
        Node::List(items) => Some((name, items)),
        _ => None,
    });
    let (name, items) = arrays.next()?;
    if arrays.next().is_some() {
        return None;
    }
    let rest = beside(members, name);
    let named = ITEMS.contains(&name.as_str()) && rest.iter().all(|(_, value)| value.is_scalar());
    let objects = items.iter().all(|item| matches!(item, Node::Object(_)));
    let is_page = objects && rest.iter().all(|(name, value)| value.is_scalar() && is_of_page(name));
    (rest.is_empty() || named || is_page).then_some((items, rest))
}

fn beside<'a>(members: &'a [(String, Node)], list: &str) -> Pairs<'a> {
    members.iter().filter(|(name, _)| name != list).map(|(name, value)| (name.as_str(), value)).collect()
}

/// Whether a member only says something about a page.
pub fn is_of_page(name: &str) -> bool {
    let name = name.to_lowercase();
    PAGE.iter().any(|part| name.contains(part))
}

fn list(items: &[Node], look: &Look<'_>) -> Result<String, Unfit> {
    if items.is_empty() {
        return Ok(NOTHING.to_owned());
    }
    let objects: Vec<&Node> = items.iter().filter(|item| matches!(item, Node::Object(_))).collect();
    let columns = match look.asked {
        [] if objects.len() < items.len() => Vec::new(),
        [] => columns::chosen(&objects, look.usual),
        asked if objects.is_empty() => {
            return Err(Unfit::Column { name: asked[0].clone(), known: Vec::new() });
        }
        asked => columns::asked(&objects, asked, look.usual)?,
    };
    if columns.is_empty() {
        let width = look.width.unwrap_or(usize::MAX);
        return Ok(items.iter().map(|item| format!("{}\n", width::fit(&cell(item), width))).collect());
    }
    Ok(grid(&columns.iter().map(|name| Column::of(name, items)).collect::<Vec<_>>(), look))
}

/// One column, its cells made safe.
struct Column {
    head: String,
    cells: Vec<String>,
    /// Whether every cell is a number or empty.
    is_numeric: bool,
}

impl Column {
    fn of(name: &str, items: &[Node]) -> Self {
        let found: Vec<Option<&Node>> = items.iter().map(|item| columns::find(item, name)).collect();
        let is_number = |node: &Option<&Node>| matches!(node, None | Some(Node::Null | Node::Number(_)));
        Self {
            head: sanitize::line(name).to_uppercase(),
            is_numeric: found.iter().all(is_number),
            cells: found.into_iter().map(|node| node.map_or_else(String::new, cell)).collect(),
        }
    }

    /// The columns of the terminal that it would like.
    fn natural(&self) -> usize {
        self.cells.iter().chain([&self.head]).map(|cell| width::of(cell)).max().unwrap_or(0)
    }

    fn cell(&self, text: &str, width: usize, is_bounded: bool) -> String {
        let text = if is_bounded { &width::fit(text, width) } else { text };
        if self.is_numeric { width::right(text, width) } else { width::left(text, width) }
    }
}

fn grid(columns: &[Column], look: &Look<'_>) -> String {
    let natural: Vec<usize> = columns.iter().map(Column::natural).collect();
    let widths = widths(&natural, look.width);
    let line = |text: &dyn Fn(&Column) -> String| {
        let cells =
            columns.iter().zip(&widths).map(|(column, &width)| column.cell(&text(column), width, look.width.is_some()));
        cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    let mut out = look.head(line(&|column| column.head.clone()));
    out.push('\n');
    for at in 0..columns.first().map_or(0, |column| column.cells.len()) {
        out.push_str(&line(&|column| column.cells[at].clone()));
        out.push('\n');
    }
    out
}

fn pairs(members: &[(&str, &Node)], look: &Look<'_>) -> String {
    let names: Vec<String> = members.iter().map(|(name, _)| sanitize::line(name)).collect();
    let widest = names.iter().map(|name| width::of(name)).max().unwrap_or(0);
    // A name that leaves no room for values is cut.
    let widest = look.width.map_or(widest, |width| widest.min(width.saturating_sub(GAP + NARROW).max(1)));
    let left = look.width.map_or(usize::MAX, |width| width.saturating_sub(widest + GAP).max(1));
    let mut out = String::new();
    for (name, (_, value)) in names.iter().zip(members) {
        let value = width::fit(&cell(value), left);
        let name = width::fit(name, widest);
        let gap = if value.is_empty() { 0 } else { widest + GAP - width::of(&name) };
        out.push_str(&format!("{}{}{value}\n", look.head(name), " ".repeat(gap)));
    }
    out
}

/// How wide each column is; fewer columns than there are when they do not fit.
fn widths(natural: &[usize], width: Option<usize>) -> Vec<usize> {
    let Some(width) = width else { return natural.iter().map(|&wanted| wanted.min(FILLED)).collect() };
    let mut taken = 0;
    let mut widths = Vec::new();
    for &wanted in natural {
        let wanted = wanted.min(WIDE);
        let left = width.saturating_sub(taken);
        if left < wanted && (left < NARROW || wanted <= NARROW) && !widths.is_empty() {
            break;
        }
        let given = wanted.min(left.max(1));
        taken += given + GAP;
        widths.push(given);
    }
    // What is left over goes to the columns that were cut, from the left.
    let mut spare = width.saturating_sub(taken.saturating_sub(GAP));
    for (given, &wanted) in widths.iter_mut().zip(natural) {
        let more = wanted.saturating_sub(*given).min(spare);
        *given += more;
        spare -= more;
    }
    widths
}

fn cell(node: &Node) -> String {
    match node {
        Node::Null => String::new(),
        Node::Text(text) => sanitize::line(text),
        other => sanitize::line(&other.compact()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(json: &str, asked: &[&str], usual: &[&str], width: Option<usize>) -> Result<String, Unfit> {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let (asked, usual) = (own(asked), own(usual));
        let look = Look { asked: &asked, usual: &usual, list: &[], width, colour: false };
        write(&Node::parse(json).unwrap(), &look)
    }

    #[track_caller]
    fn check(json: &str, usual: &[&str], width: Option<usize>, expected: &str) {
        assert_eq!(table(json, &[], usual, width).as_deref(), Ok(expected));
    }

    #[test]
    fn lists_become_columns() {
        let list = r#"[{"id":1,"o":{"k":"deep"},"name":"漢字","tags":[]},{"id":22,"name":"b\u001b[0m","more":true}]"#;
        let expected =
            "ID  NAME      MORE  O             TAGS\n 1  漢字            {\"k\":\"deep\"}  []\n22  b\\x1b[0m  true\n";
        check(list, &[], None, expected);
        check(list, &["name", "o.k", "nothing"], None, "NAME      O.K\n漢字      deep\nb\\x1b[0m\n");
        check("[1,\"two\",[3]]", &[], None, "1\ntwo\n[3]\n");
        check("[{\"a\":1},2]", &[], None, "{\"a\":1}\n2\n");
        check("[{},{}]", &[], None, "{}\n{}\n");
        check("[]", &[], None, "(none)\n");
        check("{\"items\":[]}", &[], None, "(none)\n");
        check("{}", &[], None, "(none)\n");
    }

    #[test]
    fn numbers_stand_at_the_right() {
        check(r#"[{"n":1.50,"m":1},{"n":12},{"n":null,"m":"x"}]"#, &[], None, "   N  M\n1.50  1\n  12\n      x\n");
    }

    #[test]
    fn pages_are_unwrapped_and_things_are_not() {
        check(r#"{"items":[{"id":1}],"nextCursor":"c"}"#, &[], None, "ID\n 1\n\nnextCursor  c\n");
        check(r#"{"total_count":1,"workflows":[{"id":1}]}"#, &[], None, "ID\n 1\n\ntotal_count  1\n");
        check(r#"{"id":1,"labels":["a"]}"#, &[], None, "id      1\nlabels  [\"a\"]\n");
        check(r#"{"id":1,"labels":[{"n":1}]}"#, &[], None, "id      1\nlabels  [{\"n\":1}]\n");
        check(r#"{"id":1,"secret":2,"x":{"y":3}}"#, &["x.y", "id"], None, "x.y  3\nid   1\n");
        check(r#"{"message":"gone"}"#, &["id"], None, "message  gone\n");
        check("\"a\\nb\"", &[], None, "a\\nb\n");
        let list = ["data".to_owned(), "rows".to_owned()];
        let look = Look { asked: &[], usual: &[], list: &list, width: None, colour: false };
        let page = Node::parse(r#"{"data":{"rows":[{"id":1}],"x":[]},"n":2}"#).unwrap();
        assert_eq!(write(&page, &look).as_deref(), Ok("ID\n 1\n\nn  2\n"));
    }

    #[test]
    fn columns_that_are_asked_for_are_all_that_is_shown() {
        let page = r#"{"items":[{"id":1,"user":{"name":"ann"}},{"id":20}],"next":"c"}"#;
        assert_eq!(
            table(page, &["user.name", "ID"], &["id"], None).as_deref(),
            Ok("USER.NAME  ID\nann         1\n           20\n")
        );
        assert_eq!(table(r#"{"id":1,"n":2}"#, &["n"], &[], None).as_deref(), Ok("n  2\n"));
        assert_eq!(table("[]", &["n"], &[], None).as_deref(), Ok("(none)\n"));
        for (json, known) in [(page, 3), (r#"{"id":1}"#, 1), ("[1]", 0), ("1", 0)] {
            match table(json, &["user.nmae"], &[], None) {
                Err(Unfit::Column { name, known: names }) => {
                    assert_eq!((name.as_str(), names.len()), ("user.nmae", known))
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn h28_one_long_text_is_not_paid_for_in_every_row() {
        let long = "x".repeat(100_000);
        let rows = ",{\"a\":\"\",\"b\":1}".repeat(1000);
        let written = table(&format!("[{{\"a\":\"{long}\",\"b\":1}}{rows}]"), &[], &[], None).unwrap();
        assert!(written.contains(&format!("\n{long}  1\n")), "a long text stays whole");
        assert!(written.len() < 500_000, "{}", written.len());
    }

    #[test]
    fn heads_may_be_coloured_and_nothing_else_changes() {
        for json in [r#"[{"id":1,"name":"a"}]"#, r#"{"id":1,"none":null}"#] {
            let look = Look { asked: &[], usual: &[], list: &[], width: Some(40), colour: true };
            let coloured = write(&Node::parse(json).unwrap(), &look).unwrap();
            assert!(coloured.starts_with("\u{1b}[1m"), "{coloured:?}");
            assert_eq!(colour::stripped(&coloured), table(json, &[], &[], Some(40)).unwrap());
        }
    }

    #[test]
    fn the_terminal_bounds_every_line() {
        let row = |i: usize| {
            let (x, y, z) = ("x".repeat(60), "漢字".repeat(20), "e\u{301}".repeat(30));
            format!(
                r#"{{"id":{i},"text":"{x}","more":"{y}","marks":"{z}","last":"z","a very long name of a member":[{{}}]}}"#
            )
        };
        let list = format!("[{},{}]", row(1), row(2));
        for width in [1, 2, 10, 20, 40, 80, 200, 1000] {
            for json in [&list, &row(1)] {
                let table = table(json, &[], &[], Some(width)).unwrap();
                let widest = table.lines().map(width::of).max().unwrap();
                // A name and a value need a column each, and two between them.
                let least = if json.starts_with('{') { 4 } else { 1 };
                assert!(widest <= width.max(least), "{width}: {widest}\n{table}");
            }
        }
        check(r#"{"k":"漢字漢字漢字漢字漢字"}"#, &[], Some(12), "k  漢字漢字…\n");
    }
}
