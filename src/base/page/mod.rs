//! Text for people as blocks, which know neither how wide a terminal is nor how a manual page is written.
//!
//! Key type: [`Page`]. [`Page::lines`] lays it out for a terminal, `manual` writes it as roff. What is foreign in it is made safe by
//! whoever writes the lines.

use unicode_width::UnicodeWidthStr;

pub mod manual;

/// Columns that no text is wrapped beyond: longer lines are hard to read.
const WIDEST: usize = 110;

/// Columns that are used at least.
const NARROWEST: usize = 24;

/// Before everything below a heading.
const INDENT: usize = 2;

/// Between names and what they are.
const GAP: usize = 2;

/// The widest column of names; what is longer has its text on the next line.
const MOST_NAME: usize = 36;

/// One part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// What follows is about this.
    Heading(String),
    /// A paragraph; a line feed in it stays.
    Text(String),
    /// Lines that are never wrapped: commands.
    Lines(Vec<String>),
    /// Names, and what they are.
    Rows(Vec<(String, String)>),
    /// A list.
    Items(Vec<String>),
    /// A paragraph that is not about the heading before it.
    Closing(String),
}

/// A text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page(pub Vec<Block>);

/// A line as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The text; empty between blocks.
    pub text: String,
    /// Whether it is a heading.
    pub heading: bool,
}

impl Page {
    /// Adds a heading.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.0.push(Block::Heading(text.into()));
    }

    /// Adds a paragraph, unless it is empty.
    pub fn text(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !text.trim().is_empty() {
            self.0.push(Block::Text(text));
        }
    }

    /// Adds a paragraph that is about the page, below its last section.
    pub fn closing(&mut self, text: impl Into<String>) {
        self.0.push(Block::Closing(text.into()));
    }

    /// Adds lines that are not wrapped.
    pub fn fixed<T: Into<String>>(&mut self, lines: impl IntoIterator<Item = T>) {
        self.0.push(Block::Lines(lines.into_iter().map(Into::into).collect()));
    }

    /// Adds names below a heading, unless there are none.
    pub fn section(&mut self, heading: impl Into<String>, rows: Vec<(String, String)>) {
        if !rows.is_empty() {
            self.heading(heading);
            self.0.push(Block::Rows(rows));
        }
    }

    /// Adds a list below a heading, unless it is empty.
    pub fn list(&mut self, heading: impl Into<String>, items: Vec<String>) {
        if !items.is_empty() {
            self.heading(heading);
            self.0.push(Block::Items(items));
        }
    }

    /// The page on a terminal of so many columns.
    pub fn lines(&self, columns: usize) -> Vec<Line> {
        let width = columns.clamp(NARROWEST, WIDEST);
        let mut out: Vec<Line> = Vec::new();
        let mut below = 0;
        for (at, block) in self.0.iter().enumerate() {
            let after_heading = at > 0 && matches!(self.0[at - 1], Block::Heading(_));
            if at > 0 && !after_heading {
                out.push(Line { text: String::new(), heading: false });
            }
            match block {
                Block::Heading(text) => {
                    below = INDENT;
                    out.push(Line { text: format!("{text}:"), heading: true });
                }
                block => {
                    out.extend(laid_out(block, below, width).into_iter().map(|text| Line { text, heading: false }))
                }
            }
        }
        out
    }

    /// The lines as text, for what has no terminal.
    pub fn plain(&self, columns: usize) -> String {
        self.lines(columns).into_iter().map(|line| line.text + "\n").collect()
    }
}

fn laid_out(block: &Block, below: usize, width: usize) -> Vec<String> {
    let margin = " ".repeat(below);
    match block {
        Block::Heading(_) => Vec::new(),
        Block::Closing(text) => wrapped(text, width),
        Block::Text(text) => {
            let lines = text.lines().flat_map(|line| wrapped(line, width - below));
            lines.map(|line| format!("{margin}{line}").trim_end().to_owned()).collect()
        }
        Block::Lines(lines) => lines.iter().map(|line| format!("{margin}{line}")).collect(),
        Block::Items(items) => items
            .iter()
            .flat_map(|item| {
                let lines = wrapped(item, width - below - 2);
                lines.into_iter().enumerate().map(|(at, line)| format!("{}{line}", if at == 0 { "- " } else { "  " }))
            })
            .map(|line| format!("{margin}{line}"))
            .collect(),
        Block::Rows(rows) => columns(rows, width),
    }
}

/// Two columns, the first as wide as its widest short name.
fn columns(rows: &[(String, String)], width: usize) -> Vec<String> {
    let most = MOST_NAME.min(width * 2 / 5);
    let names = rows.iter().map(|(name, _)| name.width()).filter(|width| *width <= most).max().unwrap_or(most.min(8));
    let at = INDENT + names + GAP;
    let mut out = Vec::new();
    for (name, text) in rows {
        let mut lines = wrapped(text, width.saturating_sub(at).max(NARROWEST / 2)).into_iter();
        let mut first = format!("{}{name}", " ".repeat(INDENT));
        if name.width() <= names
            && let Some(line) = lines.next()
        {
            first.push_str(&" ".repeat(at - INDENT - name.width()));
            first.push_str(&line);
        }
        out.push(first.trim_end().to_owned());
        out.extend(lines.filter(|line| !line.is_empty()).map(|line| format!("{}{line}", " ".repeat(at))));
    }
    out
}

/// A line as lines of so many columns, broken at spaces; a longer word stays whole. What continues an item of a list stands below its text.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let hanging = if text.starts_with("- ") || text.starts_with("* ") { "  " } else { "" };
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let wide = word.width();
        if used > hanging.len() && used + 1 + wide > width {
            lines.push(std::mem::replace(&mut line, hanging.to_owned()));
            used = hanging.len();
        }
        if used > 0 && !line.ends_with(' ') {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += wide;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let mut page = Page::default();
        page.text("Runs the tools of a toolbox as commands.");
        page.heading("Usage");
        page.fixed(["open-cli <service> <group> <command>"]);
        page.section(
            "Flags",
            vec![
                ("--a".to_owned(), "one two three four five six seven eight".to_owned()),
                ("--long-name VALUE".to_owned(), String::new()),
                ("漢字".to_owned(), "wide".to_owned()),
            ],
        );
        page.section("Nothing", Vec::new());
        page.list("Items", vec!["first of the list, which is long".to_owned(), "second".to_owned()]);
        page.closing("That is all there is to say.");
        page
    }

    #[test]
    fn a_page_fits_its_terminal() {
        let expected = "\
Runs the tools of a toolbox as
commands.

Usage:
  open-cli <service> <group> <command>

Flags:
  --a   one two three four five
        six seven eight
  --long-name VALUE
  漢字  wide

Items:
  - first of the list, which is
    long
  - second

That is all there is to say.
";
        assert_eq!(page().plain(31), expected);
        let wide = page().plain(500);
        assert!(wide.contains("  --a                one two three four five six seven eight\n"), "{wide}");
        for columns in [0, 1, 24, 40, 79, 80, 300] {
            for line in page().lines(columns).iter().filter(|line| !line.text.contains("open-cli <")) {
                assert!(line.text.width() <= columns.clamp(NARROWEST, WIDEST), "{columns}: {}", line.text);
                assert_eq!(line.text, line.text.trim_end());
            }
        }
    }

    #[test]
    fn long_words_stay_whole() {
        let mut page = Page::default();
        page.text("see https://example.com/a/very/long/address for more\n- an item that goes on and on");
        let expected = "see\nhttps://example.com/a/very/long/address\nfor more\n- an item that goes on\n  and on\n";
        assert_eq!(page.plain(24), expected);
    }
}
