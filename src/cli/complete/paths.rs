//! Names of files for bash.

use std::path::{Path, PathBuf};

use crate::base::disk;
use crate::base::host::Host;
use crate::cli::output::sanitize;

use super::offers::Files;
use super::shells::NamedPath;
use super::typed::Typed;

/// Most entries of a directory that are looked at.
const MOST: usize = 10_000;

/// The files and directories whose names begin as the word at the cursor does, sorted.
pub fn matching(host: &Host, files: &Files, typed: &Typed) -> Vec<NamedPath> {
    let Some(begun) = typed.current.strip_prefix(files.after.as_str()) else { return Vec::new() };
    let (folder, name) = begun.rfind('/').map_or(("", begun), |at| begun.split_at(at + 1));
    let tilde = typed.tilde && files.after.is_empty() && begun.starts_with("~/");
    let Some(place) = place(host, folder, tilde) else { return Vec::new() };
    let mut found: Vec<NamedPath> = disk::names(&place, MOST)
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| entry.name.starts_with(name) && !entry.name.contains(sanitize::is_unsafe))
        .filter(|entry| entry.is_directory || !files.directories)
        .map(|entry| {
            let end = if entry.is_directory { "/" } else { "" };
            NamedPath { text: format!("{}{folder}{}{end}", files.after, entry.name), tilde }
        })
        .collect();
    found.sort_by(|a, b| a.text.cmp(&b.text));
    found
}

fn place(host: &Host, folder: &str, tilde: bool) -> Option<PathBuf> {
    match folder.strip_prefix("~/").filter(|_| tilde) {
        Some(below) => Some(Path::new(host.env.var("HOME")?).join(below)),
        None => Some(host.absolute(Path::new(folder))),
    }
}
