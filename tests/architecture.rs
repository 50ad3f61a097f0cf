//! Data flows one way: a module names only modules of lower layers (`src/lib.rs`).
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads the sources it checks")]

use std::fs;
use std::path::{Path, PathBuf};

/// The layer of every room. A room missing here fails the test.
const LAYERS: &[(&str, u8)] = &[
    ("base", 0),
    ("http", 1),
    ("config", 1),
    ("secrets", 2),
    ("fetch", 2),
    ("overlay", 2),
    ("instance", 3),
    ("oauth", 3),
    ("openapi", 3),
    ("discovery", 3),
    ("skills", 3),
    ("arazzo", 3),
    ("catalog", 5),
    ("contract", 6),
    ("upstream", 6),
    ("access", 7),
    ("audit", 6),
    ("execute", 7),
    ("server", 8),
    ("client", 8),
    ("cli", 9),
    ("eval", 9),
    ("fuzz", 10),
];

/// Crates that one file or folder alone may name; a crate with two rows has two homes.
const SEAMS: &[(&str, &str)] = &[
    ("ureq::", "src/http/client"),
    ("flate2::", "src/http/client"),
    ("tiny_http::", "src/http/server"),
    ("mio::", "src/http/front"),
    ("rustix::", "src/http/front"),
    ("rustix::", "src/base/disk.rs"),
    ("rustix::", "src/base/program.rs"),
    ("rustix::", "src/base/host.rs"),
    ("httparse::", "src/http/front"),
    ("serde_saphyr::", "src/base/document.rs"),
    ("lexopt::", "src/cli/args.rs"),
    ("lexopt::", "src/server/flags.rs"),
    ("getrandom::", "src/base/host.rs"),
    ("signal_hook::", "src/server/signals.rs"),
    ("regex_lite::", "src/execute/check/compile.rs"),
    ("regex_lite::", "src/overlay/path/pattern.rs"),
    ("jsonpath_rust::", "src/overlay/path/read.rs"),
    ("jwt_simple::", "src/oauth/keys.rs"),
    ("ring::aead", "src/base/seal.rs"),
    ("ring::hkdf", "src/base/seal.rs"),
];

fn layer(room: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == room).map(|(_, layer)| *layer)
}

fn room(path: &Path) -> String {
    let inside = path.strip_prefix("src").expect("only files of src are walked");
    let first = inside.components().next().expect("a file has a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn library() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    sources(Path::new("src"), &mut paths);
    paths.sort();
    assert!(paths.len() > 20, "the sources were found");
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// The rooms that one line names as `crate::room`, also inside `use crate::{a::.., b::..}`.
fn named_rooms(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or("");
    let mut rooms = Vec::new();
    for (at, marker) in code.match_indices("crate::") {
        let rest = &code[at + marker.len()..];
        let list = rest.strip_prefix('{').unwrap_or(rest);
        let pieces: Vec<&str> = if rest.starts_with('{') { list.split(',').collect() } else { vec![list] };
        for piece in pieces {
            let name: String = piece
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_' || c.is_ascii_digit())
                .collect();
            if layer(&name).is_some() {
                rooms.push(name);
            }
        }
    }
    rooms
}

#[test]
fn modules_name_only_lower_layers() {
    let mut wrong = Vec::new();
    for (path, text) in library() {
        let own = room(&path);
        if own == "lib" || own == "bin" {
            continue;
        }
        let own_layer = layer(&own).unwrap_or_else(|| panic!("{} is in no layer", path.display()));
        for (number, line) in text.lines().enumerate() {
            for other in named_rooms(line) {
                if other != own && layer(&other).unwrap() >= own_layer {
                    wrong.push(format!("{}:{}: {own} names {other}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "layers are broken:\n{}", wrong.join("\n"));
}

#[test]
fn foreign_crates_have_one_seam() {
    let mut wrong = Vec::new();
    for (path, text) in library() {
        for (needle, _) in SEAMS {
            let at_home = SEAMS.iter().any(|(other, home)| other == needle && path.starts_with(home));
            if !at_home && path != Path::new("src/base/disk.rs") {
                for (number, line) in text.lines().enumerate().filter(|(_, line)| line.contains(needle)) {
                    wrong.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "a seam is broken:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_says_what_it_is() {
    for (path, text) in library() {
        assert!(text.starts_with("//! "), "{} opens without a module comment", path.display());
    }
}

#[test]
fn the_layer_check_sees_what_it_should() {
    assert_eq!(named_rooms("use crate::server::state;"), ["server"]);
    assert_eq!(named_rooms("use crate::{base::url::Url, cli::args};"), ["base", "cli"]);
    assert_eq!(named_rooms("// crate::server is not named"), Vec::<String>::new());
}
