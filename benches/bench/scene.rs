//! What all subjects stand on: the machine's description, the programs, the corpus, a scratch directory, a toolbox on the
//! GitHub description, and a plain upstream.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

/// Where the programs, the corpus and the scratch files are.
pub(crate) struct Scene {
    bin: PathBuf,
    pub(crate) github: PathBuf,
    pub(crate) scratch: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.scratch).ok();
    }
}

impl Scene {
    /// Finds what is needed, or says what is missing.
    pub(crate) fn find() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let bin = root.join("bin");
        let github = root.join("../shared/corpus/github.json");
        if !bin.join("open-cli").is_file() {
            return Err("the programs are not in ./bin; run `make build` first".to_owned());
        }
        if !github.is_file() {
            return Err(format!("the corpus is not there: {}", github.display()));
        }
        let scratch = std::env::temp_dir().join(format!("open-cli-bench-{}", std::process::id()));
        fs::create_dir_all(&scratch).map_err(|error| error.to_string())?;
        Ok(Self { bin, github, scratch })
    }

    /// A program of ./bin, with nothing of the person's own configuration.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        // No working directory: with one, this process is forked instead of spawned, and its size would be measured too.
        command.env_clear().env("HOME", &self.scratch).stdin(Stdio::null());
        command
    }

    /// Replaces the description that the toolbox serves, whole.
    pub(crate) fn describe(&self, text: &str) {
        let new = self.scratch.join("github.new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.scratch.join("github.json")).unwrap();
    }

    /// A toolbox that serves the GitHub description as service `github`, whose upstream is `upstream`.
    pub(crate) fn toolbox(&self, upstream: SocketAddr) -> Toolbox {
        let config = json!({
            "cli": "1.0.0",
            "mode": { "default": "discover" },
            "sources": { "github": { "type": "openapi", "uri": "github.json" } },
            "services": { "github": { "source": "github", "server": format!("http://{upstream}") } },
        });
        fs::write(self.scratch.join(".cli.json"), config.to_string()).unwrap();
        fs::copy(&self.github, self.scratch.join("github.json")).unwrap();
        let mut command = self.program("open-cli-toolbox");
        command.arg("--config").arg(self.scratch.join(".cli.json"));
        command.args(["--addr", "127.0.0.1:0", "--instance-id", "bench"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line =
            lines.find_map(|line| line.ok().filter(|line| line.contains("http://"))).expect("it says where it is");
        let url = line[line.find("http://").unwrap()..].split_whitespace().next().unwrap().to_owned();
        // Its further lines must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        let addr = url["http://".len()..].parse().unwrap();
        Toolbox { child, url, addr }
    }
}

/// A running toolbox, killed when dropped.
pub(crate) struct Toolbox {
    child: Child,
    pub(crate) url: String,
    pub(crate) addr: SocketAddr,
}

impl Drop for Toolbox {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Toolbox {
    /// A field of `/proc/<pid>/status` in MiB: `VmHWM`, `VmRSS`.
    pub(crate) fn memory(&self, field: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the kernel tells it");
        let kib: f64 = line.trim_matches([':', '\t', ' ']).trim_end_matches(" kB").parse().unwrap();
        kib / 1024.0
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success(), "the toolbox takes signals");
    }

    /// Head and body of one answer, on a connection of its own.
    pub(crate) fn ask(&self, method: &str, target: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        let host = self.addr;
        write!(stream, "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
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

/// A server that gives each request on each connection the same bytes; as little as a server can do.
pub(crate) fn plain_server(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer_all(stream, answer));
        }
    });
    addr
}

fn answer_all(mut stream: TcpStream, answer: &[u8]) {
    stream.set_nodelay(true).ok();
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        head.extend_from_slice(&buffer[..n]);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}

/// One line about where this runs.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let memory = read("/proc/meminfo").split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{} ({cores} cores), {} GiB, {} {}",
        model.unwrap_or("an unknown processor"),
        memory >> 20,
        std::env::consts::OS,
        kernel.trim()
    )
}
