//! Whether others are served while somebody means harm.
//!
//! Each attack meets a fresh toolbox and lasts for `ATTACK` seconds (20); `ATTACKS` names some of them instead of all. During it 200
//! fresh connections ask for `/healthz`. What the toolbox holds is sampled the while, and afterwards it has 15 seconds to become
//! what it was. Client and attackers run on the same processors as the toolbox.

pub(crate) mod kinds;
mod probe;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use self::kinds::{ATTACKS, Attack};
use crate::crowd::{self, Tally};
use crate::measure::{Row, Samples, as_millis};
use crate::scene::{Scene, plain_server};
use crate::toolbox::{Held, Toolbox};

const QUESTIONS: u32 = 200;
/// The promises: milliseconds of the 99th percentile, MiB above idle, and threads: a worker and a thread of the server for each
/// of 64 workers, and a spare half of that.
const TAIL: f64 = 50.0;
const MEMORY: f64 = 96.0;
const THREADS: f64 = 192.0;
/// How long it may take to recover, and what may remain: workers that stay for a while, with two descriptors each.
const RECOVERY: Duration = Duration::from_secs(15);
const REMAINING_THREADS: f64 = 16.0;
const REMAINING_DESCRIPTORS: f64 = 32.0;

/// One row for each attack.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    crowd::raise_descriptors();
    let seconds = std::env::var("ATTACK").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let chosen = std::env::var("ATTACKS").unwrap_or_default();
    let is_chosen = |attack: &&Attack| chosen.is_empty() || chosen.split(',').any(|word| word == attack.word);
    let rows = ATTACKS.iter().filter(is_chosen).map(|attack| {
        println!("  for {seconds} s: {} ({})", attack.name, attack.word);
        under(scene, attack, Duration::from_secs(seconds))
    });
    rows.collect()
}

fn under(scene: &Scene, attack: &Attack, span: Duration) -> Row {
    let toolbox = start(scene, attack);
    let idle = toolbox.held().expect("it runs");
    let stop = AtomicBool::new(false);
    let (answers, most, tally) = std::thread::scope(|scope| {
        let crowd = scope.spawn(|| crowd::run(toolbox.addr, attack.clients, attack.manner, &stop));
        let watch = scope.spawn(|| watch(&toolbox, &stop));
        let answers = probe::spread(toolbox.addr, QUESTIONS, span);
        stop.store(true, Ordering::Relaxed);
        (answers, watch.join().unwrap(), crowd.join().unwrap().unwrap())
    });
    let recovery = recover(&toolbox, idle);
    println!("    {}", told(&tally, &answers, most));
    for alarm in toolbox.alarms().iter().take(3) {
        println!("    in its log: {alarm}");
    }
    let outcome = Outcome { idle, most, recovery, alarms: toolbox.alarms().len() };
    outcome.judge(attack.name, &answers)
}

/// A toolbox that was asked a few times and then left in peace, under a limit of descriptors.
fn start(scene: &Scene, attack: &Attack) -> Toolbox {
    let upstream = plain_server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut command = if attack.large { scene.github_command(upstream) } else { scene.item_command(upstream) };
    command.arg("--state-dir").arg(scene.scratch.join(format!("state-{}", attack.word)));
    let mut limited = Command::new("/bin/sh");
    limited.env_clear().env("HOME", &scene.scratch);
    limited.arg("-c").arg(format!("ulimit {}; exec \"$0\" \"$@\"", attack.descriptors));
    limited.arg(command.get_program()).args(command.get_args());
    let toolbox = Toolbox::start(limited);
    toolbox.until_ready();
    for _ in 0..10 {
        toolbox.ask("GET", "/healthz");
    }
    std::thread::sleep(Duration::from_secs(1));
    toolbox
}

/// The most of each that it held until `stop`, or nothing when it died.
fn watch(toolbox: &Toolbox, stop: &AtomicBool) -> Option<Held> {
    let mut most = toolbox.held()?;
    while !stop.load(Ordering::Relaxed) {
        most = most.or_more(toolbox.held()?);
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(most)
}

/// How long it took until nearly nothing of the attack was left and a question was answered, or what was left.
fn recover(toolbox: &Toolbox, idle: Held) -> Result<Duration, String> {
    let start = Instant::now();
    loop {
        let Some(held) = toolbox.held() else {
            return Err("it died".to_owned());
        };
        let is_idle = held.threads <= idle.threads + REMAINING_THREADS
            && held.descriptors <= idle.descriptors + REMAINING_DESCRIPTORS;
        if is_idle && probe::ask(toolbox.addr).is_ok() {
            return Ok(start.elapsed());
        }
        if start.elapsed() > RECOVERY {
            let (threads, descriptors) = (held.threads, held.descriptors);
            let answers = if is_idle { ", and no answer" } else { "" };
            return Err(format!("{threads} threads, {descriptors} descriptors left{answers}"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What the attackers did, what the toolbox held at most, and why questions went without an answer.
fn told(tally: &Tally, answers: &[Result<f64, String>], most: Option<Held>) -> String {
    let mut causes = BTreeMap::<&str, usize>::new();
    for cause in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        *causes.entry(cause).or_default() += 1;
    }
    let causes: String = causes.iter().map(|(cause, count)| format!("; {count} x {cause}")).collect();
    let descriptors = most.map_or(0.0, |most| most.descriptors);
    let Tally { connections, sent, read } = tally;
    let (sent, read) = (sent >> 10, read >> 10);
    format!("{connections} connections, {sent} KiB sent, {read} KiB read, up to {descriptors} descriptors{causes}")
}

/// What is judged beside the answers.
struct Outcome {
    idle: Held,
    most: Option<Held>,
    recovery: Result<Duration, String>,
    alarms: usize,
}

impl Outcome {
    fn judge(&self, name: &str, answers: &[Result<f64, String>]) -> Row {
        let answered = answers.iter().filter(|answer| answer.is_ok()).count();
        // An answer that did not come took at least as long as was waited.
        let times = Samples::new(answers.iter().map(|answer| *answer.as_ref().unwrap_or(&as_millis(probe::LIMIT))));
        let (p99, longest) = (times.at(0.99), times.at(1.0));
        let row = Row::new(name, "ms", times)
            .judged(&format!("{answered} of {QUESTIONS} answered"), answered == QUESTIONS as usize)
            .judged(&format!("99 % within {p99:.1} ms, all within {longest:.1}, budget <= {TAIL}"), p99 <= TAIL);
        let Some(most) = self.most else {
            return row.judged("the toolbox DIED", false);
        };
        let more = most.resident - self.idle.resident;
        let (threads, before) = (most.threads, self.idle.threads);
        let row = row
            .at_most("MiB above idle:", more, MEMORY)
            .judged(&format!("threads {threads}, idle {before}, budget <= {THREADS}"), threads <= THREADS)
            .judged(&format!("panics in its log {}, budget 0", self.alarms), self.alarms == 0);
        match &self.recovery {
            Ok(after) => row.judged(&format!("recovered after {:.1} s", after.as_secs_f64()), true),
            Err(left) => row.judged(&format!("recovered within {} s: {left}", RECOVERY.as_secs()), false),
        }
    }
}
