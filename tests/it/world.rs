//! A scene for one test: a scratch directory with its own home, a demo API, toolboxes, and commands run inside.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use open_cli::base::host::{self, Deadline};
use open_cli::base::url::Url;
use open_cli::http::client::{ClientOptions, HttpClient};
use open_cli::http::{Headers, Limits, Method, Reach, Request, Response, Transport};
use serde_json::{Value, json};

use crate::program::{PATIENCE, Program};
use crate::ran::Ran;

const CLI: &str = env!("CARGO_BIN_EXE_open-cli");
const TOOLBOX: &str = env!("CARGO_BIN_EXE_open-cli-toolbox");
const EVAL: &str = env!("CARGO_BIN_EXE_open-cli-eval");

/// The scene. Everything in it ends and is removed when it is dropped.
pub(crate) struct World {
    // Before `dir`: programs end before their files go.
    pub(crate) toolbox: Option<Program>,
    demo: Option<Program>,
    dir: Scratch,
    /// Variables besides those that every command gets.
    env: Vec<(String, String)>,
    /// `[DEMO]` and `[RUNTIME]` in texts.
    names: Vec<(&'static str, String)>,
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

impl World {
    /// An empty project directory, with no API and no runtime.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("open-cli-it-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        fs::remove_dir_all(&root).ok();
        fs::create_dir_all(root.join("project")).unwrap();
        Self { toolbox: None, demo: None, dir: Scratch(root), env: Vec::new(), names: Vec::new() }
    }

    /// With a demo API; `[DEMO]` in config and commands is its origin.
    #[track_caller]
    pub(crate) fn with_demo() -> Self {
        let mut world = Self::new();
        let program = Program::start(world.command(EVAL).arg("demo-api"));
        world.names.push(("[DEMO]", program.url()));
        world.demo = Some(program);
        world
    }

    /// With a demo API and a toolbox that serves it as service `demo`, and what `more` merges into that config.
    #[track_caller]
    pub(crate) fn serving(more: &Value) -> Self {
        let mut world = Self::with_demo().config(more);
        world.start_toolbox(&[]);
        world
    }

    /// Lets a name in texts stand for something.
    pub(crate) fn named(mut self, name: &'static str, value: &str) -> Self {
        self.names.push((name, value.to_owned()));
        self
    }

    /// Sets a variable for everything started from now on.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.set_env(name, value);
        self
    }

    /// As [`World::env`], later in a test.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Writes `.cli.json`: the demo API as service `demo`, merged with `more`.
    pub(crate) fn config(self, more: &Value) -> Self {
        let mut config = json!({
            "cli": "1.0.0",
            "mode": { "default": "discover" },
            "sources": { "demo": { "type": "openapi", "uri": "[DEMO]/openapi.json" } },
            "services": { "demo": { "source": "demo" } },
        });
        merge(&mut config, more);
        self.file(".cli.json", &config.to_string())
    }

    /// Writes a file of the project, with the scene's names filled in.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    /// As [`World::file`], later in a test.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.fill(text)).unwrap();
    }

    /// A path inside the project directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join("project").join(name)
    }

    /// The scratch directory: `home`, `config`, `state`, `cache` and `project` lie in it.
    pub(crate) fn root(&self) -> &Path {
        &self.dir.0
    }

    /// The instance directory of the toolbox that [`World::start_toolbox`] started.
    pub(crate) fn instance(&self) -> PathBuf {
        self.root().join("state/open-cli/instances/world")
    }

    /// The lines of that instance's audit log.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.instance().join("audit.log")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Starts the world's toolbox on a free port; commands run from now on find it.
    #[track_caller]
    pub(crate) fn start_toolbox(&mut self, args: &[&str]) {
        self.start_toolbox_with(&[&["--instance-id", "world"], args].concat());
    }

    /// As [`World::start_toolbox`], as the instance that its configuration leads to.
    #[track_caller]
    pub(crate) fn start_toolbox_with(&mut self, args: &[&str]) {
        let program = self.toolbox_with(args);
        let url = program.url();
        self.names.retain(|(name, _)| *name != "[RUNTIME]");
        self.names.push(("[RUNTIME]", url));
        self.toolbox = Some(program);
    }

    /// Starts a toolbox with `.cli.json` on a free port.
    #[track_caller]
    pub(crate) fn toolbox_with(&self, args: &[&str]) -> Program {
        let mut command = self.command(TOOLBOX);
        command.args(["--config", ".cli.json", "--addr", "127.0.0.1:0"]).args(args);
        Program::start(&mut command)
    }

    /// The world's toolbox.
    pub(crate) fn running(&self) -> &Program {
        self.toolbox.as_ref().expect("this world has a toolbox")
    }

    /// What a name like `[RUNTIME]` stands for.
    pub(crate) fn name(&self, name: &str) -> &str {
        &self.names.iter().find(|(n, _)| *n == name).expect("the name is known").1
    }

    /// A command in the project directory, with the scene's environment and nothing of the machine's.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path("")).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.root().join("home"));
        for (name, place) in [("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state"), ("XDG_CACHE_HOME", "cache")] {
            command.env(name, self.root().join(place));
        }
        if let Some((_, url)) = self.names.iter().find(|(name, _)| *name == "[RUNTIME]") {
            command.env("OPEN_CLI_RUNTIME_URL", url);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a line as a person types it (single quotes group).
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_with_input(line, b"")
    }

    /// Runs a line with something on standard input.
    #[track_caller]
    pub(crate) fn run_with_input(&self, line: &str, input: &[u8]) -> Ran {
        let words = words(&self.fill(line));
        let program = match words[0].as_str() {
            "open-cli" => CLI,
            "open-cli-toolbox" => TOOLBOX,
            "open-cli-eval" => EVAL,
            other => panic!("{other} is none of the programs"),
        };
        let mut child = self
            .command(program)
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input closes it.
        child.stdin.take().unwrap().write_all(input).ok();
        let output = child.wait_with_output().unwrap();
        let err = self.unfill(&String::from_utf8_lossy(&output.stderr));
        let out = match String::from_utf8(output.stdout) {
            Ok(text) => self.unfill(&text).into_bytes(),
            Err(bytes) => bytes.into_bytes(),
        };
        Ran::new(line, out, err, output.status.code())
    }

    /// Asks over HTTP, without the CLI: method, URL with names, headers, body.
    #[track_caller]
    pub(crate) fn http(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut sent = Headers::new();
        for (name, value) in headers {
            sent.append(name, value).unwrap();
        }
        let request = Request {
            method: Method::parse(method).unwrap(),
            url: Url::parse(&self.fill(url)).unwrap(),
            headers: sent,
            body: self.fill(body).into_bytes(),
        };
        let limits = Limits { deadline: Deadline::after(PATIENCE), max_body: 64 << 20, reach: Reach::Named };
        HttpClient::new(ClientOptions::default()).unwrap().send(&request, limits).unwrap()
    }

    /// Sends bytes to the runtime as they are, and reads until it closes.
    pub(crate) fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.name("[RUNTIME]").trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A text with the scene's names filled in.
    pub(crate) fn fill(&self, text: &str) -> String {
        let text = self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        text.replace("[DIR]", &self.root().to_string_lossy())
    }

    fn unfill(&self, text: &str) -> String {
        let text = self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(value, name));
        text.replace(&*self.root().to_string_lossy(), "[DIR]")
    }
}

/// An address on a port that is free and, while nobody listens there, is not picked for a connection that goes out.
pub(crate) fn free_address() -> String {
    let free = |_: usize| {
        let address = format!("127.0.0.1:{}", 10_000 + u16::from_ne_bytes(host::random().unwrap()) % 20_000);
        TcpListener::bind(&address).ok().map(|_| address)
    };
    (0..100).find_map(free).expect("some port is free")
}

/// Objects join, everything else is replaced.
fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}

/// Splits at spaces; single quotes group, and nothing else is special.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, piece) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.last_mut().unwrap().push_str(piece);
            continue;
        }
        for (index, part) in piece.split(' ').enumerate() {
            if index > 0 {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(part);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
