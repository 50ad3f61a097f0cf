//! The manual pages of `open-cli`: all that its help says without a catalog, from the same tables.

use crate::base::page::Page;
use crate::base::page::manual::{self, Title};
use crate::cli::commands::BUILT_IN;
use crate::cli::flags;

use super::topic::{self, TOPICS};
use super::{flag_rows, root};

/// File names and their texts: the program's page, and one for each topic.
pub fn pages() -> Vec<(String, String)> {
    let version = format!("open-cli {}", crate::VERSION);
    let written = |name: &str, section, what: &str, page: &Page| {
        let title = Title { name, section, what, version: &version };
        (title.file_name(), manual::write(&title, page))
    };
    let mut pages = vec![written("open-cli", 1, "run the tools of a toolbox as commands", &program())];
    for topic in TOPICS {
        let page = topic::page(topic.name).unwrap_or_default();
        pages.push(written(&format!("open-cli-{}", topic.name), 7, topic.help, &page));
    }
    pages
}

fn program() -> Page {
    let mut page = root(None);
    for command in BUILT_IN.iter().filter(|command| !command.options.is_empty()) {
        page.section(format!("Flags of {}", command.words.join(" ")), flag_rows(command.options));
    }
    page.section("Flags of every tool", flag_rows(flags::CALL));
    let see = TOPICS.iter().map(|topic| format!("open-cli-{}(7)", topic.name));
    page.heading("See also");
    page.text(see.chain(["open-cli-toolbox(1)".to_owned()]).collect::<Vec<_>>().join(", "));
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::page::Block;
    use crate::cli::commands::BuiltIn;

    #[test]
    fn the_pages_have_every_command_and_flag() {
        let pages = pages();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(&names[..2], ["open-cli.1", "open-cli-calling.7"]);
        let program = pages[0].1.replace("\\-", "-");
        let rows = BUILT_IN.iter().map(BuiltIn::usage);
        let options = BUILT_IN.iter().flat_map(|command| command.options);
        let flags = flags::GLOBAL.iter().chain(flags::CALL).chain(options).map(flags::Flag::usage);
        for row in rows.chain(flags) {
            assert!(program.contains(&format!("\\fB{row}\\fR")), "open-cli.1 lacks {row}");
        }
        for (name, text) in &pages {
            assert!(text.is_ascii(), "{name}");
            assert!(text.lines().all(|line| !line.ends_with(' ')), "{name}");
        }
        assert!(root(None).0.iter().all(|block| !matches!(block, Block::Heading(text) if text == "Services")));
    }
}
