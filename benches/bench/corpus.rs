//! All descriptions of the corpus at once, one, two, four and eight times: time and memory by bytes.
//!
//! Each size has a process of its own, this program started again, since a heap that was larger before says nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::catalog::gathered;
use crate::measure::{Row, Samples, millis};
use crate::scene::Scene;

/// How often the corpus is taken.
const TIMES: [usize; 4] = [1, 2, 4, 8];

const ROUNDS: usize = 3;

/// How much more a byte may cost in the largest set than in the smallest.
const MOST: f64 = 1.25;

/// Tells the process that it is to build one catalog: the folder, and how often its files are taken.
const CHILD: &str = "OPEN_CLI_BENCH_CORPUS";

/// Builds one catalog when this process was started for that, and prints what it took.
#[expect(clippy::print_stdout, reason = "what the parent reads")]
pub(crate) fn child() -> bool {
    let Ok(wish) = std::env::var(CHILD) else { return false };
    let (times, folder) = wish.split_once(' ').expect("the parent says both");
    let once = descriptions(Path::new(folder));
    let paths: Vec<PathBuf> = (0..times.parse().unwrap()).flat_map(|_: usize| once.clone()).collect();
    let before = peak();
    let mut catalog = None;
    let taken = millis(|| catalog = Some(gathered(&paths)));
    println!("{taken} {}", peak() - before);
    drop(catalog);
    true
}

/// Milliseconds and megabytes of each set, and what a byte costs in the largest beside the smallest.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    let folder = scene.github.parent().unwrap();
    let bytes: u64 = descriptions(folder).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    let mut rows = Vec::new();
    let mut per_byte: Vec<(f64, f64)> = Vec::new();
    for times in TIMES {
        let megabytes = (bytes * times as u64) as f64 / 1e6;
        let runs: Vec<(f64, f64)> = (0..ROUNDS).map(|_| run(folder, times)).collect();
        let time = Samples::new(runs.iter().map(|run| run.0));
        let memory = Samples::new(runs.iter().map(|run| run.1));
        per_byte.push((time.median() / megabytes, memory.median() / megabytes));
        rows.push(Row::new(&format!("{megabytes:.0} MB of descriptions, built"), "ms", time));
        rows.push(Row::new("  its peak memory", "MB", memory));
    }
    let (first, last) = (per_byte[0], per_byte[TIMES.len() - 1]);
    let ratios = [("time", last.0 / first.0), ("memory", last.1 / first.1)];
    rows.extend(ratios.map(|(what, ratio)| {
        Row::new(&format!("a byte's {what}, largest beside smallest"), "times", Samples::new([ratio]))
            .at_most(what, ratio, MOST)
    }));
    rows
}

fn run(folder: &Path, times: usize) -> (f64, f64) {
    let mut again = Command::new(std::env::current_exe().unwrap());
    let output = again.env(CHILD, format!("{times} {}", folder.display())).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = text.trim().split_once(' ').unwrap_or_else(|| panic!("{text} {output:?}"));
    (numbers.0.parse().unwrap(), numbers.1.parse().unwrap())
}

fn descriptions(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        listed.filter(|path| path.extension().is_some_and(|kind| kind == "json" || kind == "yaml")).collect();
    found.sort();
    found
}

/// The most memory this process has held, in megabytes.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux says so");
    let kibibytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1024.0 / 1e6
}
