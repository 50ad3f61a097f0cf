//! One execute of a small answer, beside nginx as a plain reverse proxy to the same upstream.
//!
//! No auth; the audit file is in memory, since what a disk costs is a figure of its own. `wrk` asks each in turn, so that what
//! disturbs the machine disturbs all alike. The upstream asked directly is the third of each round, as context.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::measure::{Row, Samples};
use crate::nginx::{Nginx, PATH};
use crate::scene::Scene;
use crate::toolbox::Toolbox;
use crate::wrk::{self, Run};

const SLICE: Duration = Duration::from_secs(2);
const SLICES: usize = 5;
/// Connections, and the least part of nginx's requests per second.
const BUDGETS: [(usize, f64); 3] = [(1, 0.5), (16, 0.5), (64, 0.4)];
/// How many times nginx's latency the 99th percentile may be.
const TAIL: f64 = 3.0;
pub(crate) const EXECUTE: &str = "/v1/tools/execute";
const MEMORY: &str = "/dev/shm";

/// One row of throughput and one of latency for each number of connections.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    if !can_be_measured() {
        return Vec::new();
    }
    let state = State::new();
    let upstream = Nginx::upstream(&scene.scratch);
    let proxy = Nginx::proxy(&scene.scratch, &upstream);
    let mut command = scene.item_command(upstream.addr);
    command.arg("--state-dir").arg(&state.0);
    let toolbox = Toolbox::start(command);
    toolbox.until_ready();
    let script = script(scene, &toolbox);
    let measured = Measured { toolbox: &toolbox, proxy: &proxy, upstream: &upstream, script: script.as_os_str() };
    BUDGETS.iter().flat_map(|&(connections, least)| measured.rows(connections, least)).collect()
}

/// Says what is missing, if anything is.
pub(crate) fn can_be_measured() -> bool {
    let missing = [("nginx", "-v"), ("wrk", "-v")].into_iter().filter(|(name, flag)| !is_there(name, flag));
    let missing: Vec<_> = missing.map(|(name, _)| name).collect();
    let can = missing.is_empty() && Path::new(MEMORY).is_dir();
    if !can {
        println!(
            "executions were not measured: it needs {MEMORY}, nginx and wrk; not installed: {}",
            missing.join(", ")
        );
    }
    can
}

fn is_there(program: &str, flag: &str) -> bool {
    Command::new(program).arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A directory in memory, removed when dropped.
pub(crate) struct State(pub(crate) PathBuf);

impl State {
    pub(crate) fn new() -> Self {
        let path = Path::new(MEMORY).join(format!("open-cli-bench-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// What an execute asks for.
pub(crate) fn body() -> String {
    json!({ "toolId": "item:getItem" }).to_string()
}

/// What makes wrk send executes, once one was seen to give what the upstream has.
pub(crate) fn script(scene: &Scene, toolbox: &Toolbox) -> PathBuf {
    let body = body();
    let (head, answer) = toolbox.send("POST", EXECUTE, &body);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((&answer["statusCode"], &answer["body"]["name"]), (&json!(200), &json!("item")));
    let file = scene.scratch.join("execute.lua");
    let headers = "wrk.headers[\"Content-Type\"] = \"application/json\"";
    fs::write(&file, format!("wrk.method = \"POST\"\n{headers}\nwrk.body = '{body}'\n")).unwrap();
    file
}

/// The three that are asked.
struct Measured<'a> {
    toolbox: &'a Toolbox,
    proxy: &'a Nginx,
    upstream: &'a Nginx,
    script: &'a OsStr,
}

impl Measured<'_> {
    fn rows(&self, connections: usize, least: f64) -> [Row; 2] {
        let mut switches = Vec::new();
        let mut ours = || {
            let before = self.toolbox.switches();
            let run = wrk::run(connections, SLICE, Some(self.script), &format!("{}{EXECUTE}", self.toolbox.url));
            switches.push((self.toolbox.switches() - before) / (run.per_second * SLICE.as_secs_f64()));
            run
        };
        let get = |server: &Nginx| wrk::run(connections, SLICE, None, &format!("http://{}{PATH}", server.addr));
        let mut rounds: Vec<_> = (0..=SLICES).map(|_| [ours(), get(self.proxy), get(self.upstream)]).collect();
        // The first round warms caches and opens connections to the upstream.
        rounds.remove(0);
        switches.remove(0);
        println!(
            "  {connections} connections: the upstream alone {:.0}/s, the toolbox's threads wait {:.1} times a request",
            samples(&rounds, |[_, _, direct]| direct.per_second).median(),
            Samples::new(switches).median()
        );
        let complaints = complaints(&rounds);
        let throughput = Row::new(
            &format!("execute of 1 kB, {connections} connections"),
            "/s",
            samples(&rounds, |[ours, _, _]| ours.per_second),
        )
        .peer("nginx as reverse proxy", samples(&rounds, |[_, nginx, _]| nginx.per_second));
        let tail = Row::new("  99 % of them within", "ms", samples(&rounds, |[ours, _, _]| ours.p99))
            .peer("nginx as reverse proxy", samples(&rounds, |[_, nginx, _]| nginx.p99));
        let (ratio, tail_ratio) = (throughput.ratio(), tail.ratio());
        let half = [0, 1].map(|which| samples(&rounds, |runs| runs[which].p50).median());
        println!("  half of them within {:.2} ms, nginx {:.2} ms", half[0], half[1]);
        let mut throughput = throughput.at_least("ratio", ratio, least);
        if !complaints.is_empty() {
            throughput =
                throughput.judged(&format!("EVERY answer is a success; wrk: {}", complaints.join("; ")), false);
        }
        [throughput, tail.at_most("ratio", tail_ratio, TAIL)]
    }
}

fn samples(rounds: &[[Run; 3]], of: impl Fn(&[Run; 3]) -> f64) -> Samples {
    Samples::new(rounds.iter().map(of))
}

/// What went wrong in any run, and where.
fn complaints(rounds: &[[Run; 3]]) -> Vec<String> {
    let names = ["the toolbox", "nginx as proxy", "the upstream"];
    let all = rounds.iter().flat_map(|runs| runs.iter().zip(names));
    all.flat_map(|(run, name)| run.complaints.iter().map(move |line| format!("{name}: {line}"))).collect()
}
