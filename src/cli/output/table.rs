//! Tables for people: a list of objects as columns, one object as rows of name and value.
//!
//! Cells never hold control characters, also not in a pipe: a table is lines. Values too wide for the terminal end in `…`, and
//! columns that do not fit are left out from the right.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::node::Node;
use super::sanitize;

/// Between two columns.
const GAP: usize = 2;

/// A column is never made narrower than this.
const NARROW: usize = 8;

/// The widest column while others compete for the width.
const WIDE: usize = 48;

/// Members that hold the items of a page.
const ITEMS: [&str; 10] =
    ["items", "data", "results", "values", "records", "entries", "nodes", "value", "resources", "rows"];

/// Parts of names that only say something about a page.
const PAGE: [&str; 12] =
    ["total", "count", "next", "prev", "page", "cursor", "more", "limit", "offset", "size", "incomplete", "kind"];

/// Writes a table; `fields` are the columns to show (dots lead into objects), all scalar ones when empty. `width` is the
/// terminal's, `None` for no limit.
pub fn write(node: &Node, fields: &[String], width: Option<usize>) -> String {
    match unwrapped(node) {
        Some((items, rest)) => {
            let mut out = list(items, fields, width);
            if !rest.is_empty() {
                out.push('\n');
                out.push_str(&pairs(&rest, width));
            }
            out
        }
        None => match node {
            Node::List(items) => list(items, fields, width),
            Node::Object(members) => {
                let shown: Vec<_> = match fields.is_empty() {
                    true => members.iter().map(|(name, value)| (name.as_str(), value)).collect(),
                    false => fields.iter().filter_map(|name| Some((name.as_str(), find(node, name)?))).collect(),
                };
                pairs(&shown, width)
            }
            scalar => format!("{}\n", cell(scalar)),
        },
    }
}

type Pairs<'a> = Vec<(&'a str, &'a Node)>;

/// The items of `{"items": [..], "next": ..}`, and what stands beside them: when the array is the only one, and it is alone, or
/// it is named like a page's items or all beside it speaks of the page.
fn unwrapped(node: &Node) -> Option<(&[Node], Pairs<'_>)> {
    let Node::Object(members) = node else { return None };
    let mut arrays = members.iter().filter_map(|(name, value)| match value {
        Node::List(items) => Some((name, items)),
        _ => None,
    });
    let (name, items) = arrays.next()?;
    if arrays.next().is_some() {
        return None;
    }
    let rest: Pairs<'_> =
        members.iter().filter(|(other, _)| other != name).map(|(name, value)| (name.as_str(), value)).collect();
    let of_the_page = |name: &str| {
        let name = name.to_lowercase();
        PAGE.iter().any(|part| name.contains(part))
    };
    let named = ITEMS.contains(&name.as_str()) && rest.iter().all(|(_, value)| value.is_scalar());
    let objects = items.iter().all(|item| matches!(item, Node::Object(_)));
    let beside = objects && rest.iter().all(|(name, value)| value.is_scalar() && of_the_page(name));
    (rest.is_empty() || named || beside).then_some((items, rest))
}

fn list(items: &[Node], fields: &[String], width: Option<usize>) -> String {
    if items.is_empty() {
        return "(none)\n".to_owned();
    }
    if !items.iter().all(|item| matches!(item, Node::Object(_))) {
        return items.iter().map(|item| format!("{}\n", fit(&cell(item), width.unwrap_or(usize::MAX)))).collect();
    }
    let columns = columns(items, fields);
    if columns.is_empty() {
        return items.iter().map(|item| format!("{}\n", fit(&cell(item), width.unwrap_or(usize::MAX)))).collect();
    }
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| columns.iter().map(|name| find(item, name).map_or_else(String::new, cell)).collect())
        .collect();
    let heads: Vec<String> = columns.iter().map(|name| sanitize::line(name).to_uppercase()).collect();
    grid(&heads, &rows, width)
}

/// The fields asked for, else every member that is scalar wherever it is, in the order of first appearance.
fn columns(items: &[Node], fields: &[String]) -> Vec<String> {
    let asked: Vec<String> =
        fields.iter().filter(|name| items.iter().any(|item| find(item, name).is_some())).cloned().collect();
    if !asked.is_empty() {
        return asked;
    }
    let mut names: Vec<(String, bool)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for item in items {
        let Node::Object(members) = item else { continue };
        for (name, value) in members {
            let at = *places.entry(name.as_str()).or_insert_with(|| {
                names.push((name.clone(), true));
                names.len() - 1
            });
            names[at].1 &= value.is_scalar();
        }
    }
    names.into_iter().filter(|(_, scalar)| *scalar).map(|(name, _)| name).collect()
}

/// A member by its whole name, else by the names between dots.
fn find<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    if let Some(found) = node.member(name) {
        return Some(found);
    }
    let (first, rest) = name.split_once('.')?;
    find(node.member(first)?, rest)
}

fn pairs(members: &[(&str, &Node)], width: Option<usize>) -> String {
    let names: Vec<String> = members.iter().map(|(name, _)| sanitize::line(name)).collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let left = width.map_or(usize::MAX, |width| width.saturating_sub(widest + GAP).max(NARROW));
    names
        .iter()
        .zip(members)
        .map(|(name, (_, value))| {
            format!("{}{}", pad(name, widest + GAP), fit(&cell(value), left)).trim_end().to_owned() + "\n"
        })
        .collect()
}

fn grid(heads: &[String], rows: &[Vec<String>], width: Option<usize>) -> String {
    let natural: Vec<usize> = (0..heads.len())
        .map(|at| rows.iter().map(|row| row[at].width()).chain([heads[at].width()]).max().unwrap_or(0))
        .collect();
    let widths = widths(&natural, width);
    let mut out = String::new();
    for row in std::iter::once(heads).chain(rows.iter().map(Vec::as_slice)) {
        let line: String = row.iter().zip(&widths).map(|(text, &width)| pad(&fit(text, width), width + GAP)).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// How wide each column is; fewer columns than there are when they do not fit.
fn widths(natural: &[usize], width: Option<usize>) -> Vec<usize> {
    let Some(width) = width else { return natural.to_vec() };
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

/// The text in at most `width` columns.
fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = 0;
    let mut out = String::new();
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken + 1 > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

fn pad(text: &str, width: usize) -> String {
    let mut out = text.to_owned();
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(text.width())));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, fields: &[&str], width: Option<usize>, expected: &str) {
        let fields: Vec<String> = fields.iter().map(|&field| field.to_owned()).collect();
        assert_eq!(write(&Node::parse(json).unwrap(), &fields, width), expected);
    }

    #[test]
    fn lists_become_columns() {
        let list = r#"[{"id":1,"name":"漢字","o":{"k":"deep"},"tags":[]},{"id":22,"name":"b\u001b[0m","more":true}]"#;
        check(list, &[], None, "ID  NAME      MORE\n1   漢字\n22  b\\x1b[0m  true\n");
        check(list, &["name", "o.k", "nothing"], None, "NAME      O.K\n漢字      deep\nb\\x1b[0m\n");
        check("[1,\"two\",[3]]", &[], None, "1\ntwo\n[3]\n");
        check("[]", &[], None, "(none)\n");
    }

    #[test]
    fn pages_are_unwrapped_and_things_are_not() {
        check(r#"{"items":[{"id":1}],"nextCursor":"c"}"#, &[], None, "ID\n1\n\nnextCursor  c\n");
        check(r#"{"total_count":1,"workflows":[{"id":1}]}"#, &[], None, "ID\n1\n\ntotal_count  1\n");
        check(r#"{"id":1,"labels":["a"]}"#, &[], None, "id      1\nlabels  [\"a\"]\n");
        check(r#"{"id":1,"labels":[{"n":1}]}"#, &[], None, "id      1\nlabels  [{\"n\":1}]\n");
        check(r#"{"id":1,"secret":2,"x":{"y":3}}"#, &["x.y", "id"], None, "x.y  3\nid   1\n");
        check("\"a\\nb\"", &[], None, "a\\nb\n");
    }

    #[test]
    fn the_terminal_bounds_every_line() {
        let row =
            |i: usize| format!(r#"{{"id":{i},"text":"{}","more":"{}","last":"z"}}"#, "x".repeat(60), "y".repeat(60));
        let list = Node::parse(&format!("[{},{}]", row(1), row(2))).unwrap();
        for width in [1, 10, 20, 40, 80, 200] {
            let table = write(&list, &[], Some(width));
            let widest = table.lines().map(UnicodeWidthStr::width).max().unwrap();
            assert!(widest <= width.max(2), "{width}: {widest}\n{table}");
        }
        let wide = write(&Node::parse(r#"{"k":"漢字漢字漢字漢字漢字"}"#).unwrap(), &[], Some(12));
        assert_eq!(wide, "k  漢字漢字…\n");
    }
}
