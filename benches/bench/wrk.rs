//! The load generator `wrk`: one run, and what it says of it.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What one run measured.
pub(crate) struct Run {
    pub(crate) per_second: f64,
    /// Latencies in milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Lines about answers that were no success and sockets that failed.
    pub(crate) complaints: Vec<String>,
}

/// Asks `url` on that many connections from one thread, each with one request under way at a time.
pub(crate) fn run(connections: usize, slice: Duration, script: Option<&OsStr>, url: &str) -> Run {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "--latency"]).arg(format!("-c{connections}")).arg(format!("-d{}s", slice.as_secs()));
    if let Some(script) = script {
        wrk.arg("-s").arg(script);
    }
    let output = wrk.arg(url).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    read(&text).unwrap_or_else(|| panic!("wrk says: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

fn read(text: &str) -> Option<Run> {
    // The latency of a percentile stands alone on its line; the summary lines have more columns.
    let percentile = |name: &str| {
        text.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [first, value] if first == name => millis(value),
            _ => None,
        })
    };
    let complains = |line: &&str| line.contains("Non-2xx") || line.contains("Socket errors");
    Some(Run {
        per_second: text.lines().find_map(|line| line.strip_prefix("Requests/sec:"))?.trim().parse().ok()?,
        p50: percentile("50%")?,
        p99: percentile("99%")?,
        complaints: text.lines().filter(complains).map(|line| line.trim().to_owned()).collect(),
    })
}

/// `25.00us`, `3.91ms`, `1.20s` in milliseconds.
fn millis(text: &str) -> Option<f64> {
    let (value, factor) = if let Some(value) = text.strip_suffix("us") {
        (value, 1e-3)
    } else if let Some(value) = text.strip_suffix("ms") {
        (value, 1.0)
    } else {
        (text.strip_suffix('s')?, 1e3)
    };
    value.parse::<f64>().ok().map(|value| value * factor)
}
