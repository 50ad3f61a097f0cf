//! What built-in commands print as JSON is what `docs/answers.md` says of it.

use serde_json::Value;

use super::World;
use crate::cli::commands::BUILT_IN;

/// The command of each row, with the members that it names.
fn documented() -> Vec<(&'static str, Vec<&'static str>)> {
    let rows = include_str!("../../../docs/answers.md").lines().filter(|line| line.starts_with("| `"));
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let members = cells[3].split('`').skip(1).step_by(2).collect();
        (cells[1].trim_matches('`'), members)
    };
    rows.map(row).collect()
}

#[test]
fn every_command_has_a_row() {
    let rows: Vec<&str> = documented().into_iter().map(|(command, _)| command).collect();
    let commands: Vec<String> = BUILT_IN.iter().map(|command| command.words.join(" ")).collect();
    assert_eq!(rows, commands);
}

#[test]
fn h40_answers_have_the_members_that_are_documented() {
    let world = World::new("answers");
    std::fs::write(world.home.join(".cli.json"), "{}").unwrap();
    for line in [
        "catalog list",
        "catalog lock",
        "catalog diff",
        "explain hd:getTicket",
        "doctor",
        "status",
        "refresh",
        "runtime stop",
        "runtime session-close x",
        "auth status",
        "config show",
        "config check",
        "config add-source pets --uri pets.json",
        "trust",
    ] {
        let ran = world.run(line);
        let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{line}: {}{}", ran.out, ran.err));
        let object = answer.as_array().map_or(&answer, |list| &list[0]).as_object().unwrap();
        let (_, members) =
            documented().into_iter().find(|(command, _)| line.starts_with(command)).expect("each has a row");
        assert!(!object.is_empty(), "{line}");
        for name in object.keys() {
            assert!(members.contains(&name.as_str()), "docs/answers.md does not name `{name}` of `{line}`");
        }
    }
}
