//! What the audit trail costs: on a disk beside a build that writes none, for one client beside the bare upstream, and read at length.
//!
//! `scripts/bench.sh` puts the build without a trail into `bin/without-audit`. The state directory is on the disk of this directory's
//! file system (`target`), since `/tmp` is often in memory.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use open_cli::audit::{AuditLog, Rotation, chain, segments};
use open_cli::base::host::Clock;

use crate::client::Client;
use crate::measure::{Row, Samples, interleaved, millis};
use crate::nginx::{Nginx, PATH};
use crate::proxy::{self, EXECUTE};
use crate::scene::Scene;
use crate::toolbox::{Toolbox, number};
use crate::wrk;

const SLICE: Duration = Duration::from_secs(2);
const SLICES: usize = 7;
const CONNECTIONS: usize = 16;
/// The least part of the rate without a trail.
const PART: f64 = 0.85;
/// Milliseconds that one execution may take beside the upstream and one sync.
const OVERHEAD: f64 = 0.35;
const RECORDS: u64 = 1_000_000;
/// MB a second, and milliseconds of a page.
const VERIFIED: f64 = 200.0;
const PAGE: f64 = 50.0;

/// All of it.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    let disk = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(format!("bench-audit-{}", std::process::id()));
    fs::create_dir_all(&disk).unwrap();
    // Before the long trail: the system writes that to the disk for a while after it was made, and syncs would wait for it.
    let mut rows = if proxy::can_be_measured() { costs(scene, &disk) } else { Vec::new() };
    rows.extend(long_trail(scene, &disk));
    fs::remove_dir_all(&disk).ok();
    rows
}

fn costs(scene: &Scene, disk: &Path) -> Vec<Row> {
    let upstream = Nginx::upstream(&scene.scratch);
    let start = |program: &str, state: &str| {
        let mut command = scene.item_command_of(program, upstream.addr);
        command.arg("--state-dir").arg(disk.join(state));
        let toolbox = Toolbox::start(command);
        toolbox.until_ready();
        toolbox
    };
    let (with, without) = (start("open-cli-toolbox", "with"), start("without-audit/open-cli-toolbox", "without"));
    let script = proxy::script(scene, &with);
    let rate = |toolbox: &Toolbox| {
        let run = wrk::run(CONNECTIONS, SLICE, Some(script.as_os_str()), &format!("{}{EXECUTE}", toolbox.url));
        assert!(run.complaints.is_empty(), "{:?}", run.complaints);
        run.per_second
    };
    let [audited, bare] = interleaved(SLICES, [&mut || rate(&with), &mut || rate(&without)]);
    let row = Row::new("execute of 1 kB, 16 connections, trail on disk", "/s", audited)
        .peer("a build that writes no trail", bare);
    let ratio = row.ratio();
    vec![row.at_least("ratio", ratio, PART), alone("without auth", &with, "", &upstream, disk)]
}

/// One client beside the upstream and one sync; `fields` are more lines of its requests' heads.
pub(crate) fn alone(how: &str, toolbox: &Toolbox, fields: &str, upstream: &Nginx, disk: &Path) -> Row {
    let body = proxy::body();
    let execute = format!(
        "POST {EXECUTE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let get = format!("GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut ours = Client::open(toolbox.addr).unwrap();
    let mut direct = Client::open(upstream.addr).unwrap();
    let mut file = fs::OpenOptions::new().append(true).create(true).open(disk.join("synced")).unwrap();
    let record = [b'x'; 700];
    let [ours, direct, sync] = interleaved(
        2000,
        [
            &mut || millis(|| assert_eq!(ours.ask(execute.as_bytes()).unwrap(), 200)),
            &mut || millis(|| assert_eq!(direct.ask(get.as_bytes()).unwrap(), 200)),
            &mut || {
                file.write_all(&record).unwrap();
                millis(|| file.sync_data().unwrap())
            },
        ],
    );
    let (more, sync_median) = (ours.median() - direct.median(), sync.median());
    println!("  one client: the upstream alone {:.3} ms", direct.median());
    Row::new(&format!("execute of 1 kB, one client, {how}"), "ms", ours)
        .peer("one fdatasync of a record", sync)
        .at_most("beside upstream and one sync, ms:", more - sync_median, OVERHEAD)
}

/// Checking and reading a trail of a million records.
fn long_trail(scene: &Scene, disk: &Path) -> Vec<Row> {
    let log = disk.join("audit.log");
    let short = disk.join("short").join("audit.log");
    fs::create_dir_all(short.parent().unwrap()).unwrap();
    let bytes = write_trail(&log, RECORDS);
    write_trail(&short, RECORDS / 10);
    println!("  {RECORDS} records, {} MiB", bytes >> 20);
    let speeds = (0..5).map(|_| bytes as f64 / 1e3 / check(scene, &log));
    let verified = Row::new("audit verify", "MB/s", Samples::new(speeds));
    let small = peak(scene, &short);
    let peak = Samples::new((0..5).map(|_| peak(scene, &log)));
    let speed = verified.median();
    let mut rows = vec![
        verified.at_least("MB/s", speed, VERIFIED),
        Row::new("audit verify, peak memory", "MiB", peak.clone()).at_most(
            "more than for a tenth of the records, MiB:",
            peak.median() - small,
            4.0,
        ),
    ];
    rows.extend(pages(scene, disk, &log));
    rows
}

/// Pages of it over HTTP.
fn pages(scene: &Scene, disk: &Path, log: &Path) -> Vec<Row> {
    let mut command = scene.item_command(std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
    command.arg("--audit-path").arg(log).arg("--state-dir").arg(disk.join("pages"));
    let toolbox = Toolbox::start(command);
    toolbox.until_ready();
    let queries = [
        ("the newest 1,000", String::new()),
        ("by a tool in a hundred, 100", "toolId=item%3Atool7&limit=100".to_owned()),
        ("from the middle, 1,000", format!("after={}", RECORDS / 2)),
        ("of an hour long ago", "since=2026-01-01T00:01:00Z&until=2026-01-01T00:02:00Z&limit=100".to_owned()),
        ("by a principal that is nowhere", "principal=nobody".to_owned()),
    ];
    let ask = |query: &str| {
        millis(|| assert!(toolbox.ask("GET", &format!("/v1/audit/events?{query}")).0.starts_with("HTTP/1.1 200")))
    };
    let before = toolbox.held().unwrap().resident;
    let rows: Vec<_> = queries
        .iter()
        .map(|(name, query)| {
            ask(query);
            let samples = Samples::new((0..15).map(|_| ask(query)));
            let median = samples.median();
            Row::new(&format!("audit page: {name}"), "ms", samples).at_most("ms", median, PAGE)
        })
        .collect();
    println!("  the toolbox holds {before:.1} MiB before the pages, {:.1} after", toolbox.held().unwrap().resident);
    rows
}

fn verifying(scene: &Scene, log: &Path) -> Child {
    scene.program("open-cli").args(["audit", "verify"]).arg(log).stdout(Stdio::null()).spawn().unwrap()
}

/// Milliseconds that `open-cli audit verify` takes.
fn check(scene: &Scene, log: &Path) -> f64 {
    millis(|| assert!(verifying(scene, log).wait().unwrap().success(), "the trail is whole"))
}

/// MiB that it holds at most. The kernel keeps the mark itself, but nobody can read it once the process has ended, so it is read until then,
/// apart from what takes time.
fn peak(scene: &Scene, log: &Path) -> f64 {
    let (mut child, mut peak) = (verifying(scene, log), 0.0);
    let status = format!("/proc/{}/status", child.id());
    loop {
        let told = fs::read_to_string(&status).unwrap_or_default();
        peak = number(&told, "VmHWM").map_or(peak, |kib| kib / 1024.0);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the trail is whole");
            return peak;
        }
    }
}

/// Writes a trail as a toolbox would, without waiting for a disk; its bytes.
fn write_trail(log: &PathBuf, records: u64) -> u64 {
    let rotation = Rotation::default();
    let (mut head, mut text, mut first, mut bytes) = (chain::Head::default(), String::new(), 1, 0);
    for number in 1..=records {
        let at = stamp(number);
        let record = format!(
            "{{\"eventType\":\"tool_execution\",\"principal\":\"somebody-{}\",\"principalKind\":\"sub\",\"issuer\":\"https://login.example.com/\",\
             \"toolId\":\"item:tool{}\",\"serviceId\":\"item\",\"targetBaseUrl\":\"https://api.example.com\",\"decision\":\"allowed\",\
             \"method\":\"GET\",\"path\":\"/items/{{id}}\",\"requestSize\":0,\"statusCode\":200,\"latencyMs\":12,\"retryCount\":0,\
             \"clientAddr\":\"10.0.0.1\",\"requestId\":\"{number:032x}\"}}",
            number % 50,
            number % 100
        );
        chain::seal(&mut text, &at, &record, &mut head);
        if text.len() as u64 >= rotation.file_bytes && number < records {
            bytes += text.len() as u64;
            fs::write(segments::closed_path(log, first), std::mem::take(&mut text)).unwrap();
            first = number + 1;
        }
    }
    fs::write(log, &text).unwrap();
    // The manifest.
    AuditLog::open(log, rotation, Clock::system()).unwrap().0.tend();
    bytes + text.len() as u64
}

/// A record a millisecond from 2026 on.
fn stamp(number: u64) -> String {
    let start = open_cli::base::time::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
    open_cli::base::time::rfc3339(start + Duration::from_millis(number))
}
