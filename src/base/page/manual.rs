//! A page as a manual page: the macros of `man(7)` that groff and mandoc read alike, and nothing but ASCII.

use super::{Block, Page};

/// What stands at the top and bottom of a manual page.
#[derive(Clone, Copy, Debug)]
pub struct Title<'a> {
    /// Its name, as in `man NAME`.
    pub name: &'a str,
    /// 1 for programs, 7 for everything around them.
    pub section: u8,
    /// What it is, in a few words.
    pub what: &'a str,
    /// The program and its version.
    pub version: &'a str,
}

impl Title<'_> {
    /// The file that it is looked for in.
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }
}

/// The page as roff. It has no date, so that one version has one page.
pub fn write(title: &Title<'_>, page: &Page) -> String {
    let Title { name, section, what, version } = *title;
    let mut out = format!(
        ".TH {} {section} \"\" \"{}\" \"{}\"\n.SH NAME\n{} \\- {}\n",
        escaped(&name.to_uppercase()),
        escaped(version),
        "open\\-cli",
        escaped(name),
        escaped(what)
    );
    if !matches!(page.0.first(), Some(Block::Heading(_))) {
        out.push_str(".SH DESCRIPTION\n");
    }
    let mut fresh = true;
    for block in &page.0 {
        // A section begins with a paragraph of its own.
        if !fresh && matches!(block, Block::Text(_) | Block::Closing(_) | Block::Lines(_)) {
            out.push_str(".PP\n");
        }
        fresh = matches!(block, Block::Heading(_));
        write_block(block, &mut out);
    }
    out
}

fn write_block(block: &Block, out: &mut String) {
    match block {
        Block::Heading(text) => out.push_str(&format!(".SH {}\n", escaped(&text.to_uppercase()))),
        Block::Text(text) | Block::Closing(text) => {
            for (at, line) in text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
                out.push_str(if at > 0 { ".br\n" } else { "" });
                out.push_str(&format!("{}\n", line_of(line)));
            }
        }
        Block::Lines(lines) => {
            out.push_str(".nf\n");
            lines.iter().for_each(|line| out.push_str(&format!("{}\n", line_of(line))));
            out.push_str(".fi\n");
        }
        Block::Rows(rows) => {
            for (name, text) in rows {
                let text = if text.trim().is_empty() { "\\&".to_owned() } else { line_of(text) };
                out.push_str(&format!(".TP\n\\fB{}\\fR\n{text}\n", escaped(name)));
            }
        }
        Block::Items(items) => {
            items.iter().for_each(|item| out.push_str(&format!(".IP \\(bu 2\n{}\n", line_of(item))));
        }
    }
}

/// Text that begins a line: a dot or a quote there would be a request.
fn line_of(text: &str) -> String {
    let text = escaped(text.trim());
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// Hyphens that can be copied, and no character that a device of few glyphs lacks.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\(rs"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '"' => out.push_str("\\(dq"),
            '`' => out.push_str("\\(ga"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            '…' => out.push_str("..."),
            '\n' | '\t' => out.push(' '),
            c if c.is_ascii_graphic() || c == ' ' => out.push(c),
            c => out.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_roff() {
        let mut page = Page::default();
        page.text(".cli.json, C:\\x and `a`\nnext");
        page.heading("Flags");
        page.text("'quoted' ü");
        page.text("more");
        page.section("Rows", vec![("--a-b".to_owned(), "what".to_owned()), ("--c".to_owned(), String::new())]);
        page.list("Items", vec!["one".to_owned()]);
        page.heading("Usage");
        page.fixed(["open-cli x", ".y"]);
        let title = Title { name: "open-cli", section: 1, what: "runs tools", version: "open-cli 0.1.0" };
        let expected = r#".TH OPEN\-CLI 1 "" "open\-cli 0.1.0" "open\-cli"
.SH NAME
open\-cli \- runs tools
.SH DESCRIPTION
\&.cli.json, C:\(rsx and \(gaa\(ga
.br
next
.SH FLAGS
\(aqquoted\(aq \[u00FC]
.PP
more
.SH ROWS
.TP
\fB\-\-a\-b\fR
what
.TP
\fB\-\-c\fR
\&
.SH ITEMS
.IP \(bu 2
one
.SH USAGE
.nf
open\-cli x
\&.y
.fi
"#;
        assert_eq!(write(&title, &page), expected);
        assert_eq!(title.file_name(), "open-cli.1");
    }
}
