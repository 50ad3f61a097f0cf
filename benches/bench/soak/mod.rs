//! Whether a toolbox under mixed load for a long time holds no more at the end than it did early on.
//!
//! Decent clients of several kinds and a crowd of slow, rude and senseless ones stay for `SOAK` seconds (1,800). What the toolbox
//! holds is sampled; a quantity is flat when its median of the last quarter is near that of the second one. The first quarter is
//! for warming up.

mod decent;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use self::decent::Ends;
use crate::attacks::kinds;
use crate::client::header;
use crate::crowd::{self, Leave, Manner, Tally};
use crate::measure::{Row, Samples};
use crate::scene::{Scene, plain_server};
use crate::toolbox::{Held, Toolbox};

/// An operation of GitHub's description that needs no arguments, and its answer.
const TOOL: &str = "github:rate-limit/get";
const UPSTREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"rate\":{\"remaining\":4999}}";
const CROWD: usize = 200;
/// How often it is looked at, and how many looks are wanted at least.
const EVERY: Duration = Duration::from_secs(10);
const LOOKS: u32 = 60;
/// How many values show how a quantity went.
const SHOWN: usize = 36;

/// One row for each quantity, and one for the answers.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    crowd::raise_descriptors();
    let seconds = std::env::var("SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(1800);
    let span = Duration::from_secs(seconds);
    let every = EVERY.min(span / LOOKS);
    let mut command = scene.github_command(plain_server(UPSTREAM));
    command.arg("--state-dir").arg(scene.scratch.join("state-soak"));
    let toolbox = Toolbox::start(command);
    toolbox.until_ready();
    let (head, _) = toolbox.ask("GET", "/v1/catalog/effective");
    let kinds = decent::kinds(TOOL, header(&head, "etag").expect("the catalog has an ETag"));
    println!("  mixed load for {seconds} s, a look every {:.1} s", every.as_secs_f64());
    let stop = AtomicBool::new(false);
    let (looks, ends, tally) = std::thread::scope(|scope| {
        let crowd = scope.spawn(|| crowd::run(toolbox.addr, CROWD, unkind, &stop));
        let clients: Vec<_> =
            kinds.iter().map(|kind| scope.spawn(|| decent::ask_on(kind, toolbox.addr, &stop))).collect();
        let looks = look(&toolbox, span, every);
        stop.store(true, Ordering::Relaxed);
        let ends: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        (looks, ends, crowd.join().unwrap().unwrap())
    });
    let names: Vec<_> = kinds.iter().map(|kind| kind.name).collect();
    tell(&names, &ends, &tally);
    rows(&toolbox, &looks, span, &ends)
}

/// What each of the crowd does: all kinds in turn, each for a few seconds.
fn unkind(number: u64) -> Manner {
    let (seconds, manner) = match number % 6 {
        0 => (6, kinds::slow_head(number)),
        1 => (7, kinds::idle(number)),
        2 => return Manner { pause: Duration::from_millis(500), ..kinds::garbage(number) },
        3 => return Manner { pause: Duration::from_millis(500), ..kinds::reset(number) },
        4 => (5, kinds::stalled_body(number)),
        _ => (3, kinds::slow_reader(number)),
    };
    let after = Duration::from_secs(seconds);
    let leave = if number.is_multiple_of(4) { Leave::Reset(after) } else { Leave::Close(after) };
    Manner { leave, pause: Duration::from_millis(500), ..manner }
}

/// What it held, from the first to the last look; ends early when it died.
fn look(toolbox: &Toolbox, span: Duration, every: Duration) -> Vec<Held> {
    let end = Instant::now() + span;
    let mut looks: Vec<_> = toolbox.held().into_iter().collect();
    while Instant::now() < end {
        std::thread::sleep(every);
        match toolbox.held() {
            Some(held) => looks.push(held),
            None => break,
        }
    }
    looks
}

fn tell(names: &[&str], ends: &[Ends], tally: &Tally) {
    for (name, ends) in names.iter().zip(ends) {
        let seen: Vec<_> = ends.seen.iter().map(|(end, count)| format!("{count} x {end}")).collect();
        println!("    {name:<24} {}", seen.join(", "));
    }
    println!("    {:<24} {} connections, {} MiB sent", "the others", tally.connections, tally.sent >> 20);
}

fn rows(toolbox: &Toolbox, looks: &[Held], span: Duration, ends: &[Ends]) -> Vec<Row> {
    let hours = span.as_secs_f64() / 3600.0;
    let mut rows = vec![
        flat("resident", "MiB", looks, hours, 4.0, |held| held.resident),
        flat("descriptors", "", looks, hours, 16.0, |held| held.descriptors),
        flat("threads", "", looks, hours, 8.0, |held| held.threads),
    ];
    let count: usize = ends.iter().flat_map(|ends| ends.seen.values()).sum();
    let (wrong, alarms) = (ends.iter().map(|ends| ends.wrong).sum::<usize>(), toolbox.alarms());
    for alarm in alarms.iter().take(3) {
        println!("    in its log: {alarm}");
    }
    rows.push(
        Row::new("soak: answers to decent clients", "", Samples::new([count as f64]))
            .judged(&format!("{wrong} of them wrong or missing, budget 0"), wrong == 0)
            .judged(&format!("panics in its log {}, budget 0", alarms.len()), alarms.is_empty())
            .judged("it still runs", toolbox.held().is_some()),
    );
    rows
}

/// The last quarter beside the second one. It may be a tenth and `more` above it.
fn flat(name: &str, unit: &'static str, looks: &[Held], hours: f64, more: f64, of: fn(&Held) -> f64) -> Row {
    let values: Vec<f64> = looks.iter().map(of).collect();
    let quarters: Vec<Samples> =
        values.chunks(values.len().div_ceil(4).max(1)).map(|quarter| Samples::new(quarter.iter().copied())).collect();
    let [first, second, _, last] = &quarters[..] else {
        return Row::new(&format!("soak: {name}"), unit, Samples::new(values)).judged("enough looks", false);
    };
    let (start, early, late) = (first.median(), second.median(), last.median());
    let slope = slope(&values[values.len() / 4..]) / (hours / values.len() as f64);
    println!("    {name:<24} first quarter {start:.1}, second {early:.1}, last {late:.1}, {slope:+.1} an hour");
    println!("      {}", course(&values));
    let most = early * 1.1 + more;
    Row::new(&format!("soak: {name}, last quarter"), unit, last.clone())
        .peer("second quarter", second.clone())
        .judged(&format!("flat: {late:.1}, budget <= {most:.1}"), late <= most)
}

/// How the values went: the median of each of `SHOWN` parts.
fn course(values: &[f64]) -> String {
    let parts = values.chunks(values.len().div_ceil(SHOWN).max(1));
    let medians: Vec<_> = parts.map(|part| format!("{:.0}", Samples::new(part.iter().copied()).median())).collect();
    medians.join(" ")
}

/// By how much the values grow from one to the next, by least squares.
fn slope(values: &[f64]) -> f64 {
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let pairs = values.iter().enumerate().map(|(at, value)| (at as f64 - middle, value - mean));
    let (product, square) = pairs.fold((0.0, 0.0), |(xy, xx), (x, y)| (xy + x * y, xx + x * x));
    if square > 0.0 { product / square } else { 0.0 }
}
