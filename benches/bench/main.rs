//! `make bench`: the numbers that are promised, measured beside a peer of the same run.
//!
//! Each module measures one subject and gives back [`Row`]s; `measure` holds samples and the table. Names on the command line
//! choose subjects; without any, all but `refresh` and `soak` run. It needs the programs in ./bin and the GitHub description of the
//! corpus; a subject whose needs are not met says so and is left out. Sockets by the thousand, nginx and what the kernel tells of
//! a process are for Linux alone.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program that starts processes, reads clocks and prints"
)]

#[cfg(target_os = "linux")]
mod attacks;
#[cfg(target_os = "linux")]
mod audit;
mod auth;
#[cfg(target_os = "linux")]
mod batch;
mod catalog;
mod client;
#[cfg(target_os = "linux")]
mod corpus;
#[cfg(target_os = "linux")]
mod crowd;
mod discovery;
#[cfg(target_os = "linux")]
mod execute;
mod load;
mod measure;
mod memory;
#[cfg(target_os = "linux")]
mod nginx;
mod processes;
#[cfg(target_os = "linux")]
mod proxy;
mod rebuild;
#[cfg(target_os = "linux")]
#[path = "../../tests/sample/mod.rs"]
mod sample;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "some subjects are for Linux"))]
mod scene;
#[cfg(target_os = "linux")]
mod soak;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "some subjects are for Linux"))]
mod toolbox;
#[cfg(target_os = "linux")]
mod wrk;

use measure::Row;
use scene::Scene;

type Subject = fn(&Scene) -> Vec<Row>;

/// Name, what it measures, and whether it runs when nothing is chosen.
const SUBJECTS: &[(&str, Subject, bool)] = &[
    ("catalog", catalog::measure, true),
    ("discovery", discovery::measure, true),
    #[cfg(target_os = "linux")]
    ("corpus", corpus::measure, true),
    ("auth", auth::measure, true),
    ("memory", memory::after_reloads, true),
    ("refresh", memory::after_refreshes, false),
    ("load", load::measure, true),
    ("processes", processes::measure, true),
    ("rebuild", rebuild::measure, true),
    #[cfg(target_os = "linux")]
    ("proxy", proxy::measure, true),
    #[cfg(target_os = "linux")]
    ("audit", audit::measure, true),
    #[cfg(target_os = "linux")]
    ("execute", execute::measure, true),
    #[cfg(target_os = "linux")]
    ("batch", batch::measure, true),
    #[cfg(target_os = "linux")]
    ("attacks", attacks::measure, true),
    #[cfg(target_os = "linux")]
    ("soak", soak::measure, false),
];

fn main() {
    #[cfg(target_os = "linux")]
    if corpus::child() {
        return;
    }
    // Cargo hands `--bench` to every benchmark.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let Some(unknown) = chosen.iter().find(|name| SUBJECTS.iter().all(|subject| subject.0 != name.as_str())) {
        let names: Vec<_> = SUBJECTS.iter().map(|subject| subject.0).collect();
        return println!("`{unknown}` is none of the subjects {}", names.join(", "));
    }
    println!("{}\n", scene::machine());
    let scene = match Scene::find() {
        Ok(scene) => scene,
        Err(missing) => return println!("nothing was measured: {missing}"),
    };
    for (name, subject, by_default) in SUBJECTS {
        if chosen.iter().any(|c| c == name) || (chosen.is_empty() && *by_default) {
            for row in subject(&scene) {
                println!("{row}");
            }
        }
    }
}
