//! Holds `docs/security.md` to the code: each number has its row, what a row names is there, and a test with its number holds it.
#![expect(clippy::disallowed_methods, reason = "reads the sources that a page names")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../docs/security.md");

/// The numbers of the page, in order.
fn numbers() -> Vec<String> {
    (1..=31).chain([44, 45, 46]).map(|number| format!("H{number:02}")).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The texts of files, read once.
#[derive(Default)]
struct Sources(BTreeMap<String, String>);

impl Sources {
    #[track_caller]
    fn text(&mut self, file: &str) -> &str {
        let read = || fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("there is no file {file}"));
        self.0.entry(file.to_owned()).or_insert_with(read)
    }
}

/// What stands between backticks: a file, and a name in it.
#[track_caller]
fn named(cell: &str) -> Vec<(&str, &str)> {
    let words: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    assert!(!words.is_empty(), "{cell}");
    words.into_iter().map(|word| word.split_once(' ').unwrap_or_else(|| panic!("{word} is no file and name"))).collect()
}

/// Whether a function or a constant of this name is declared in a text.
fn declares(text: &str, name: &str) -> bool {
    ["fn ", "const "].into_iter().any(|lead| {
        let mut declared = text.split(lead).skip(1).filter_map(|rest| rest.strip_prefix(name));
        declared.any(|rest| rest.starts_with(['(', '<', ':']))
    })
}

fn is_test(text: &str, name: &str) -> bool {
    ["", "    "].iter().any(|margin| text.contains(&format!("#[test]\n{margin}fn {name}()")))
}

#[test]
fn every_promise_has_its_row_and_what_a_row_names_is_there() {
    let mut sources = Sources::default();
    let mut found = Vec::new();
    for row in PAGE.lines().filter(|line| line.starts_with("| H")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, holds, places, tests] = cells[..] else { panic!("{row}") };
        assert!(!holds.is_empty(), "{number}");
        for (file, name) in named(places) {
            assert!(declares(sources.text(file), name), "{number}: {file} has no {name}");
        }
        let tests = named(tests);
        for (file, name) in &tests {
            assert!(is_test(sources.text(file), name), "{number}: {file} has no test {name}");
        }
        let own = number.to_lowercase();
        let says = |name: &str| name.split('_').any(|word| word == own);
        assert!(tests.iter().any(|(_, name)| says(name)), "{number}: no test has its number");
        found.push(number.to_owned());
    }
    assert_eq!(found, numbers());
}

#[test]
fn a_name_is_found_where_it_is_declared_and_nowhere_else() {
    let text = "/// fn other(\npub(super) fn wanted<T>(it: T) {}\nconst LIMIT: usize = 1;\nlet called = wanted_too(1);";
    assert!(declares(text, "wanted") && declares(text, "LIMIT"));
    assert!(!declares(text, "wanted_too") && !declares(text, "called") && !declares(text, "LIM"));
    assert!(is_test("#[test]\n    fn a()", "a") && !is_test("fn a()", "a"));
}

/// All sources below a directory.
fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn h18_only_the_client_opens_a_browser() {
    let mut all = Vec::new();
    files(&root().join("src"), &mut all);
    let on_this_side = ["src/cli", "src/client", "src/oauth"].map(|folder| root().join(folder));
    let callers: Vec<_> = all.iter().filter(|path| !path.ends_with("security_test.rs")).collect();
    let opens = |path: &&&PathBuf| fs::read_to_string(path).unwrap().contains("browser::open");
    let opening: Vec<_> = callers.iter().filter(opens).collect();
    assert!(!opening.is_empty());
    for path in opening {
        assert!(on_this_side.iter().any(|folder| path.starts_with(folder)), "{}", path.display());
    }
}
