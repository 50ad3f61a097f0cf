//! Two texts as a unified diff.
//!
//! Pure. The smallest difference is looked for where that is cheap; beyond [`MAX_CELLS`] what lies between the first and the last
//! difference is one change.

/// Lines around a change.
const CONTEXT: usize = 3;

/// Most pairs of lines that are compared: both texts without what they begin and end with alike.
const MAX_CELLS: usize = 4 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    Gone,
    New,
}

/// What `diff -u` would say; empty when there is no difference. An absent text is `/dev/null`.
pub(super) fn unified(name: &str, old: Option<&str>, new: &str) -> String {
    let (before, after) = (lines(old.unwrap_or("")), lines(new));
    let script = script(&before, &after);
    let hunks = hunks(&script);
    if hunks.is_empty() {
        return String::new();
    }
    let old_name = if old.is_some() { name } else { "/dev/null" };
    let mut out = format!("--- {old_name}\n+++ {name}\n");
    for (from, to) in hunks {
        let start = |kind: Kind| script[..from].iter().filter(|(other, _)| *other != kind).count();
        let count = |kind: Kind| script[from..to].iter().filter(|(other, _)| *other != kind).count();
        let range = |other: Kind| match count(other) {
            0 => format!("{},0", start(other)),
            count => format!("{},{count}", start(other) + 1),
        };
        out.push_str(&format!("@@ -{} +{} @@\n", range(Kind::New), range(Kind::Gone)));
        for (kind, line) in &script[from..to] {
            out.push(match kind {
                Kind::Same => ' ',
                Kind::Gone => '-',
                Kind::New => '+',
            });
            out.push_str(line);
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Every line of both, in order.
fn script<'t>(before: &[&'t str], after: &[&'t str]) -> Vec<(Kind, &'t str)> {
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (a, b) = (&before[head..], &after[head..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    let mut script: Vec<_> = before[..head].iter().map(|line| (Kind::Same, *line)).collect();
    script.extend(middle(a, b));
    script.extend(before[before.len() - tail..].iter().map(|line| (Kind::Same, *line)));
    script
}

/// By the longest common subsequence.
fn middle<'t>(a: &[&'t str], b: &[&'t str]) -> Vec<(Kind, &'t str)> {
    let gone = |line: &&'t str| (Kind::Gone, *line);
    let new = |line: &&'t str| (Kind::New, *line);
    if a.is_empty() || b.is_empty() || a.len().saturating_mul(b.len()) > MAX_CELLS {
        return a.iter().map(gone).chain(b.iter().map(new)).collect();
    }
    let width = b.len() + 1;
    let mut longest = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = match a[i] == b[j] {
                true => longest[(i + 1) * width + j + 1] + 1,
                false => longest[(i + 1) * width + j].max(longest[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut script) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            script.push((Kind::Same, a[i]));
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            script.push((Kind::Gone, a[i]));
            i += 1;
        } else {
            script.push((Kind::New, b[j]));
            j += 1;
        }
    }
    script.extend(a[i..].iter().map(gone));
    script.extend(b[j..].iter().map(new));
    script
}

/// Where the script changes something, with its context; hunks that would touch are one.
fn hunks(script: &[(Kind, &str)]) -> Vec<(usize, usize)> {
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for at in (0..script.len()).filter(|&at| script[at].0 != Kind::Same) {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + 1 + CONTEXT).min(script.len()));
        match hunks.last_mut() {
            Some((_, end)) if *end >= from => *end = to,
            _ => hunks.push((from, to)),
        }
    }
    hunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_with_its_surroundings() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n";
        let new = "a\nb\nc\nd\nE\nf\ng\nh\ni\nj\nk\nl\nm";
        assert_eq!(
            unified("f", Some(old), new),
            "--- f\n+++ f\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n@@ -10,3 +10,4 @@\n j\n k\n l\n+m\n\\ No newline at end of file\n"
        );
        let far = format!("0\n{}9\n", "x\n".repeat(20));
        let shown = unified("f", Some(&far), &far.replace('0', "1").replace('9', "8"));
        assert_eq!(shown.matches("@@ -").count(), 2, "{shown}");
        assert!(shown.contains("@@ -1,4 +1,4 @@\n-0\n+1\n x") && shown.contains("@@ -19,4 +19,4 @@"), "{shown}");
    }

    #[test]
    fn a_file_that_is_new_begins_nowhere() {
        assert_eq!(unified("f", None, "a\n"), "--- /dev/null\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
        assert_eq!(unified("f", Some("a\n"), "a\n"), "");
    }
}
