//! `open-cli-eval broker`, and a whole stack from `setup` to `down`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::program::Program;
use crate::world::World;

const EVAL: &str = env!("CARGO_BIN_EXE_open-cli-eval");

/// Ports are picked at setup and used later: on an address of their own nobody's connections take them in between. Linux alone has more
/// than one on loopback from the start.
const PICKED: &str = if cfg!(target_os = "linux") { "127.0.0.77:0" } else { "127.0.0.1:0" };

/// Flags for ports that are picked.
fn picked() -> String {
    format!("--broker-addr {PICKED} --demo-addr {PICKED} --toolbox-addr {PICKED}")
}

/// A world whose stack in `stack` is stopped at the end, also when the test fails.
struct Stacked(World);

impl Drop for Stacked {
    fn drop(&mut self) {
        self.0.command(EVAL).args(["down", "--dir", "stack"]).output().ok();
    }
}

impl Stacked {
    fn new() -> Self {
        let world = World::new();
        world
            .run(&format!("open-cli-eval setup --dir stack {}", picked()))
            .stdout("set up in stack; start it with: open-cli-eval up --dir stack\n");
        Self(world)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path("stack").join(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// `http://` and the address of one of the three.
    fn origin(&self, name: &str) -> String {
        format!("http://{}", self.json("broker.json")[name].as_str().unwrap())
    }
}

/// What stands behind a text on its line.
#[track_caller]
fn after(text: &str, name: &str) -> String {
    let (_, rest) = text.split_once(name).unwrap_or_else(|| panic!("{name} is not in {text}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_broker_alone_prints_what_is_needed_and_stops_when_asked() {
    let world = World::new().file("secret", "hunter2\n");
    let mut command = world.command(EVAL);
    let mut broker = Program::start(command.args([
        "broker",
        "--alg",
        "EdDSA",
        "--port-file",
        "port",
        "--client-secret-file",
        "secret",
    ]));
    let url = broker.url();
    broker.line_after(0, &["login code: "]);
    let control = after(&broker.line_after(0, &["control secret: "]), "secret: ");
    assert!(url.ends_with(&format!(":{}", fs::read_to_string(world.path("port")).unwrap().trim())));
    let basic = ("Authorization", "Basic b3Blbi1jbGktYWdlbnQ6aHVudGVyMg==");
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let answer = world.http("POST", &format!("{url}/token"), &[basic, form], "grant_type=client_credentials");
    assert_eq!(answer.status, 200);
    let keys = world.http("GET", &format!("{url}/jwks"), &[], "");
    assert_eq!(serde_json::from_slice::<Value>(&keys.body).unwrap()["keys"][0]["alg"], "EdDSA");
    let foreign = world.http("GET", &format!("{url}/jwks"), &[("Origin", "http://evil.example")], "");
    assert_eq!(foreign.status, 403);
    let bearer = ("Authorization", &*format!("Bearer {control}"));
    assert_eq!(world.http("POST", &format!("{url}/control/stop"), &[bearer], "").status, 200);
    assert!(broker.wait().success());
    assert!(!broker.printed().contains("hunter2"));
}

#[test]
fn h38_a_setup_makes_private_files_with_new_secrets() {
    let stack = Stacked::new();
    let mode = |name: &str| fs::metadata(stack.0.path("stack").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    let names =
        ["broker.json", "runtime.cli.json", "client.cli.json", "delegated.cli.json", "browser.cli.json", "client.env"];
    let before = names.map(|name| stack.read(name));
    assert_eq!(names.map(mode), [0o600; 6]);
    stack.0.run("open-cli-eval setup --dir stack").stdout_has(&["set up in stack"]);
    let after = names.map(|name| stack.read(name));
    let changed: Vec<_> =
        names.iter().zip(before.iter().zip(&after)).filter(|(_, (a, b))| a != b).map(|(name, _)| *name).collect();
    assert_eq!(changed, ["broker.json", "client.env"]);
}

#[test]
fn what_does_not_run_is_said() {
    let stack = Stacked::new();
    let nothing = "open-cli-eval: nothing is running in stack; start it with open-cli-eval up\n";
    stack.0.run("open-cli-eval status --dir stack").stderr(nothing).status(1);
    stack.0.run("open-cli-eval rotate --dir stack").stderr(nothing).status(1);
    stack.0.run("open-cli-eval down --dir stack").stdout("nothing is running\n");
    stack.0.run("open-cli-eval status").stderr_has(&["nothing is running in .open-cli-local/evaluation"]).status(1);
    stack.0.write("stack/broker.json", "{}");
    stack
        .0
        .run("open-cli-eval up --dir stack")
        .stderr_has(&["is no plan of this version", "open-cli-eval setup"])
        .status(1);
    let same = "open-cli-eval setup --dir twice --broker-addr 127.0.0.1:1 --demo-addr 127.0.0.1:1";
    stack.0.run(same).stderr_has(&["127.0.0.1:1 is named for two"]).status(1);
}

#[test]
fn a_taken_port_is_named_with_what_chooses_another() {
    let stack = Stacked::new();
    let taken = stack.json("broker.json")["demo"].as_str().unwrap().to_owned();
    let mut command = stack.0.command(EVAL);
    let other = Program::start(command.args(["demo-api", "--addr", &taken]));
    other.url();
    stack
        .0
        .run(&format!("open-cli-eval demo-api --addr {taken}"))
        .stderr_has(&["another program does; choose another address with --addr"])
        .status(1);
    stack
        .0
        .run("open-cli-eval up --dir stack")
        .stderr_has(&[
            "the stack did not start",
            &format!("the demo API cannot listen on {taken}: another program does"),
            "--demo-addr or OPEN_CLI_EVAL_DEMO_ADDR",
        ])
        .status(1);
    stack.0.run("open-cli-eval down --dir stack").stdout("nothing is running\n");
}

/// The lock alone says nothing of who has the broker's address: it is held before there is a broker.
#[test]
fn h39_the_control_secret_goes_to_nobody_but_the_broker() {
    let stack = Stacked::new();
    let broker = std::net::TcpListener::bind(stack.json("broker.json")["broker"].as_str().unwrap()).unwrap();
    broker.set_nonblocking(true).unwrap();
    let lock = fs::File::create(stack.0.path("stack/lock")).unwrap();
    lock.lock().unwrap();
    for command in ["up", "status", "rotate", "down"] {
        stack
            .0
            .run(&format!("open-cli-eval {command} --dir stack"))
            .stderr_has(&["somebody holds the stack in stack, but its broker does not answer"])
            .status(1);
        let called = broker.accept().map(drop).map_err(|error| error.kind());
        assert_eq!(called, Err(std::io::ErrorKind::WouldBlock), "{command}");
    }
    drop(lock);
    // As after a stack that was killed.
    stack.0.write("stack/serving", "");
    stack.0.run("open-cli-eval status --dir stack").stderr_has(&["nothing is running"]).status(1);
    stack
        .0
        .run("open-cli-eval up --dir stack")
        .stderr_has(&["the stack did not start", "the broker cannot listen on"])
        .status(1);
    let called = broker.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(called, Err(std::io::ErrorKind::WouldBlock), "up beside a stranger");
}

#[test]
fn h36_a_stack_goes_up_once_and_comes_down_when_asked() {
    let stack = Stacked::new();
    let up = stack.0.run("open-cli-eval up --dir stack").into_stdout();
    let up = String::from_utf8(up).unwrap();
    for name in ["broker", "demo", "toolbox"] {
        assert!(up.contains(&stack.origin(name)), "{name} in {up}");
    }
    assert!(up.contains("source stack/client.env\n"), "{up}");
    let code = after(&up, "login code  ");
    stack.0.run("open-cli-eval up --dir stack").stdout(&format!("it is running\n{up}"));
    let running = ["running since 20", "answers, signs with key ", &format!("{code} (5 tries left)")];
    stack.0.run("open-cli-eval status --dir stack").stdout_has(&running);
    let rotated = String::from_utf8(stack.0.run("open-cli-eval rotate --dir stack").into_stdout()).unwrap();
    assert_ne!(after(&rotated, "login code  "), code);
    stack.0.run("open-cli-eval setup --dir stack").stderr_has(&["is running; stop it first"]).status(1);
    stack.0.run("open-cli-eval up --dir stack --alg RS256").stderr_has(&["is running; stop it first"]).status(1);
    assert!(!stack.read("eval.log").contains(&code), "the login code is in no file");
    let info = stack.0.http("GET", &format!("{}/v1/runtime/info", stack.origin("toolbox")), &[], "");
    let info: Value = serde_json::from_slice(&info.body).unwrap();
    assert_eq!((&info["instanceId"], &info["auth"]["required"]), (&json!("evaluation"), &json!(true)));
    stack.0.run("open-cli-eval down --dir stack").stdout("stopped\n");
    stack.0.run("open-cli-eval down --dir stack").stdout("nothing is running\n");
    assert!(!stack.0.path("stack/state/instances/evaluation/runtime.json").exists());
}

#[test]
fn a_stack_in_the_foreground_ends_with_a_signal() {
    let stack = Stacked::new();
    let mut command = stack.0.command(EVAL);
    let mut program = Program::start(command.args(["up", "--foreground", "--dir", "stack"]));
    program.line_after(0, &["next:"]);
    stack.0.run("open-cli-eval status --dir stack").stdout_has(&["running since "]);
    program.signal("TERM");
    assert!(program.wait().success(), "{}", program.printed());
    stack.0.run("open-cli-eval status --dir stack").stderr_has(&["nothing is running"]).status(1);
}

/// The commands of the example's page, run as they are written, in a copy of the scripts that has nothing else beside it.
#[test]
fn the_four_commands_of_the_example_work_as_written() {
    const COMMANDS: [&str; 4] = [
        "./examples/local-authentik/setup.sh",
        "./examples/local-authentik/up.sh",
        "source ./.open-cli-local/authentik/client.env",
        "open-cli --config ./.open-cli-local/authentik/client.cli.json catalog list --format pretty",
    ];
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/local-authentik");
    let page = fs::read_to_string(example.join("README.md")).unwrap();
    let mut at = 0;
    for command in COMMANDS {
        at += page[at..].find(command).unwrap_or_else(|| panic!("the page says `{command}`, after those before it"));
    }
    let world = World::new();
    let copy = world.path("examples/local-authentik");
    fs::create_dir_all(&copy).unwrap();
    for script in ["common.sh", "setup.sh", "up.sh", "down.sh"] {
        fs::copy(example.join(script), copy.join(script)).unwrap();
    }
    let programs = Path::new(EVAL).parent().unwrap();
    let mut shell = world.command("bash");
    for name in ["BROKER", "DEMO", "TOOLBOX"] {
        shell.env(format!("OPEN_CLI_EVAL_{name}_ADDR"), PICKED);
    }
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let lines = format!("trap ./examples/local-authentik/down.sh EXIT\n{}\n", COMMANDS.join("\n"));
    let output = shell.env("PATH", path).args(["-euo", "pipefail", "-c", &lines]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    for text in ["login code", "\"id\": \"demo:listItems\"", "stopped"] {
        assert!(out.contains(text), "{text} in {out}{err}");
    }
    assert!(!out.contains("demo:replaceItem"), "what policy denies is not listed: {out}");
}
