//! `open-cli batch` of a thousand calls as a whole process, beside `wrk` that asks the same toolbox for the same on as many connections.
//!
//! No auth; the audit file is in memory. Both are asked in turn, so that what disturbs the machine disturbs both alike.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::measure::{Row, Samples, millis};
use crate::nginx::Nginx;
use crate::proxy::{self, EXECUTE, State};
use crate::scene::Scene;
use crate::toolbox::Toolbox;
use crate::wrk;

/// Lines of one run.
const CALLS: usize = 1000;
/// Calls under way, and connections of the peer.
const PARALLEL: [usize; 2] = [4, 16];
const SLICE: Duration = Duration::from_secs(1);
const ROUNDS: usize = 9;
/// The least part of the peer's requests per second.
const LEAST: f64 = 0.6;

/// One row for each number of connections.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    if !proxy::can_be_measured() {
        return Vec::new();
    }
    let state = State::new();
    let upstream = Nginx::upstream(&scene.scratch);
    let mut command = scene.item_command(upstream.addr);
    command.arg("--state-dir").arg(&state.0);
    let toolbox = Toolbox::start(command);
    toolbox.until_ready();
    let script = proxy::script(scene, &toolbox);
    let calls = scene.scratch.join("calls.jsonl");
    fs::write(&calls, "{\"tool\":\"item:getItem\"}\n".repeat(CALLS)).unwrap();
    PARALLEL.iter().map(|&parallel| row(scene, &toolbox, parallel, (&calls, script.as_os_str()))).collect()
}

fn row(scene: &Scene, toolbox: &Toolbox, parallel: usize, (calls, script): (&Path, &OsStr)) -> Row {
    let url = format!("{}{EXECUTE}", toolbox.url);
    let mut batch = scene.program("open-cli");
    batch.args(["--runtime", &toolbox.url, "--quiet", "batch", "--parallel", &parallel.to_string()]).arg(calls);
    let mut rounds: Vec<_> =
        (0..=ROUNDS).map(|_| (rate(&mut batch), wrk::run(parallel, SLICE, Some(script), &url))).collect();
    // The first round warms caches and opens connections to the upstream.
    rounds.remove(0);
    let complaints: Vec<_> = rounds.iter().flat_map(|(_, run)| run.complaints.clone()).collect();
    let row = Row::new(
        &format!("batch of {CALLS} calls, {parallel} at a time"),
        "/s",
        Samples::new(rounds.iter().map(|(ours, _)| *ours)),
    )
    .peer("wrk, as many connections", Samples::new(rounds.iter().map(|(_, run)| run.per_second)));
    let ratio = row.ratio();
    let row = row.at_least("ratio", ratio, LEAST);
    if complaints.is_empty() {
        row
    } else {
        row.judged(&format!("EVERY answer is a success; wrk: {complaints:?}"), false)
    }
}

/// Calls per second from the process's start to its end.
fn rate(batch: &mut Command) -> f64 {
    let mut output = None;
    let took = millis(|| output = Some(batch.output().unwrap()));
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    assert_eq!(lines, CALLS);
    CALLS as f64 / took * 1e3
}
