//! A running toolbox: how it is started, asked, watched and ended.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What no log line may hold: a panic of some thread, and a request that a panic ended.
const ALARMS: [&str; 2] = ["panic", "failed unexpectedly"];

/// A running toolbox, killed when dropped.
pub(crate) struct Toolbox {
    child: Child,
    pub(crate) url: String,
    pub(crate) addr: SocketAddr,
    alarms: Arc<Mutex<Vec<String>>>,
}

impl Drop for Toolbox {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Toolbox {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let alarms = Arc::default();
        let (kept, log) = (Arc::clone(&alarms), child.stderr.take().unwrap());
        std::thread::spawn(move || keep_alarms(log, &kept));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line =
            lines.find_map(|line| line.ok().filter(|line| line.contains("http://"))).expect("it says where it is");
        let url = line[line.find("http://").unwrap()..].split_whitespace().next().unwrap().to_owned();
        // Its further lines must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        let addr = url["http://".len()..].parse().unwrap();
        Self { child, url, addr, alarms }
    }

    /// Waits until it serves a catalog.
    pub(crate) fn until_ready(&self) {
        self.until("/readyz", |head, _| head.starts_with("HTTP/1.1 200"));
    }

    /// A field of `/proc/<pid>/status` in MiB: `VmHWM`, `VmRSS`.
    pub(crate) fn memory(&self, field: &str) -> f64 {
        self.status(field).expect("the kernel tells it") / 1024.0
    }

    /// A number of `/proc/<pid>/status`, in the unit that stands there; nothing when the process is gone.
    fn status(&self, field: &str) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        number(&status, field)
    }

    /// What it holds now; nothing when the process is gone.
    pub(crate) fn held(&self) -> Option<Held> {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count);
        Some(Held {
            resident: self.status("VmRSS")? / 1024.0,
            threads: self.status("Threads")?,
            descriptors: descriptors as f64,
        })
    }

    /// How often its threads gave up the processor of their own will so far; threads that have ended are not counted.
    pub(crate) fn switches(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        tasks
            .filter_map(|task| number(&fs::read_to_string(task.path().join("status")).ok()?, "voluntary_ctxt_switches"))
            .sum()
    }

    /// The log lines so far that should not be there.
    pub(crate) fn alarms(&self) -> Vec<String> {
        self.alarms.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success(), "the toolbox takes signals");
    }

    /// Head and body of one answer, on a connection of its own.
    pub(crate) fn ask(&self, method: &str, target: &str) -> (String, Vec<u8>) {
        self.send(method, target, "")
    }

    /// The same with a JSON body.
    pub(crate) fn send(&self, method: &str, target: &str, body: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        let (host, length) = (self.addr, body.len());
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        write!(stream, "{head}{kind}Content-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head") + 4;
        let body = answer.split_off(end);
        (String::from_utf8(answer).unwrap(), body)
    }

    /// Waits until a question is answered as wished.
    pub(crate) fn until(&self, target: &str, wished: impl Fn(&str, &[u8]) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (head, body) = self.ask("GET", target);
            if wished(&head, &body) {
                return;
            }
            assert!(Instant::now() < deadline, "{target} did not become what it should: {head}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What a toolbox holds.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    /// MiB.
    pub(crate) resident: f64,
    pub(crate) threads: f64,
    pub(crate) descriptors: f64,
}

impl Held {
    /// The larger of each.
    pub(crate) fn or_more(self, other: Self) -> Self {
        Self {
            resident: self.resident.max(other.resident),
            threads: self.threads.max(other.threads),
            descriptors: self.descriptors.max(other.descriptors),
        }
    }
}

/// Reads the log to its end, so that it never blocks its writer, and keeps the lines that should not be there.
fn keep_alarms(log: impl Read, kept: &Mutex<Vec<String>>) {
    for line in BufReader::new(log).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if ALARMS.iter().any(|alarm| line.contains(alarm)) {
            kept.lock().unwrap().push(line.into_owned());
        }
    }
}

/// The number after `field:` in a status file of the kernel.
pub(crate) fn number(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
