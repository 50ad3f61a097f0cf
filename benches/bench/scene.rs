//! What all subjects stand on: the machine's description, the programs, the corpus, a scratch directory, toolboxes on the
//! GitHub description and on a tiny one, and a plain upstream.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::toolbox::Toolbox;

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
        Toolbox::start(self.github_command(upstream))
    }

    /// A toolbox of one service with so many tools, each with a name, a description and parameters of its own.
    pub(crate) fn toolbox_of_many(&self, upstream: SocketAddr, tools: usize) -> Toolbox {
        const THINGS: [&str; 10] =
            ["invoice", "customer", "payment", "order", "ticket", "device", "report", "contract", "shipment", "policy"];
        const DEEDS: [(&str, &str); 5] =
            [("list", "get"), ("create", "post"), ("show", "get"), ("update", "put"), ("remove", "delete")];
        let mut paths = serde_json::Map::new();
        for number in 0..tools {
            let (thing, of) = (THINGS[number % 10], THINGS[number / 10 % 10]);
            let (deed, method) = DEEDS[number / 100 % 5];
            let parameter = |name: String, of: &str| json!({"name": name, "in": "query", "schema": {"type": "string"}, "description": format!("Only what belongs to this {of}")});
            let operation = json!({
                "operationId": format!("{deed}-{thing}s-of-{of}-{number}"), "tags": [thing],
                "summary": format!("{deed} the {thing}s of a {of}"),
                "description": format!("Region {number} keeps {thing}s apart. They are shown to whoever may see the {of}, in the order in which \
                    they were made, with amounts in the currency of their account, number{number}."),
                "parameters": [parameter(format!("{of}_id"), of), parameter("page".to_owned(), thing), parameter(format!("filter{}", number % 50), of)],
                "responses": {"200": {"description": "done"}},
            });
            paths.insert(format!("/v{number}/{thing}s"), json!({ method: operation }));
        }
        let description = json!({"openapi": "3.0.3", "info": {"title": "Many", "version": "1"}, "paths": paths});
        fs::write(self.scratch.join("many.json"), description.to_string()).unwrap();
        Toolbox::start(self.serving("open-cli-toolbox", "many", upstream, None))
    }

    /// How that toolbox is started.
    pub(crate) fn github_command(&self, upstream: SocketAddr) -> Command {
        fs::copy(&self.github, self.scratch.join("github.json")).unwrap();
        self.serving("open-cli-toolbox", "github", upstream, None)
    }

    /// How a toolbox is started that serves one tool, `item:getItem`: `GET /item.json` of `upstream`.
    pub(crate) fn item_command(&self, upstream: SocketAddr) -> Command {
        self.item_command_of("open-cli-toolbox", upstream)
    }

    /// The same with another program of ./bin.
    pub(crate) fn item_command_of(&self, program: &str, upstream: SocketAddr) -> Command {
        self.describe_item();
        self.serving(program, "item", upstream, None)
    }

    /// The same for callers with a token, as `auth` wants it.
    pub(crate) fn guarded_item_command(&self, upstream: SocketAddr, auth: &Value) -> Command {
        self.describe_item();
        self.serving("open-cli-toolbox", "item", upstream, Some(auth))
    }

    fn describe_item(&self) {
        let description = json!({
            "openapi": "3.0.3",
            "info": { "title": "Items", "version": "1" },
            "paths": { "/item.json": { "get": { "operationId": "getItem", "responses": { "200": { "description": "An item" } } } } },
        });
        fs::write(self.scratch.join("item.json"), description.to_string()).unwrap();
    }

    /// A toolbox whose only service has this name and is described by the scratch file of that name.
    fn serving(&self, program: &str, name: &str, upstream: SocketAddr, auth: Option<&Value>) -> Command {
        let mut config = json!({
            "cli": "1.0.0",
            "mode": { "default": "discover" },
            "sources": { name: { "type": "openapi", "uri": format!("{name}.json") } },
            "services": { name: { "source": name, "server": format!("http://{upstream}") } },
        });
        if let Some(auth) = auth {
            config["runtime"] = json!({ "server": { "auth": auth } });
        }
        let file = self.scratch.join(format!("{name}.config.json"));
        fs::write(&file, config.to_string()).unwrap();
        let mut command = self.program(program);
        command.arg("--config").arg(file).args(["--addr", "127.0.0.1:0", "--instance-id", "bench"]);
        command
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
