//! Whole processes, as a shell would start them: the start alone, a command, a search.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::measure::{Row, interleaved, millis};
use crate::scene::{Scene, plain_server};

const RUNS: usize = 200;

/// Tools of the catalog that is searched.
const MANY: usize = 5000;

/// An operation of GitHub's description that needs no arguments.
const TOOL: &str = "github:rate-limit/get";
const PATH: &str = "/rate_limit";
const UPSTREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"rate\":{\"remaining\":4999}}";

/// A tool with a body, whose help is longer than most.
const EXPLAINED: &str = "github:issues/create";

/// Help is there before anybody notices that it was waited for.
const HELP_MS: f64 = 8.0;

/// The start alone, help, what the tab key costs, one dynamic command, and a search.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    let mut rows = vec![start(scene), completion(scene)];
    rows.extend(help(scene));
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        rows.push(dynamic(scene));
    } else {
        println!("a dynamic command was not measured: curl, its peer, is not installed");
    }
    rows.push(search(scene));
    rows
}

fn start(scene: &Scene) -> Row {
    let mut version = scene.program("open-cli");
    version.arg("--version");
    let [ours, bare] = interleaved(RUNS, [&mut || run(&mut version), &mut || run(&mut Command::new("/bin/true"))]);
    let row = Row::new("open-cli --version", "ms", ours).peer("/bin/true", bare);
    let ratio = row.ratio();
    row.at_most("ratio", ratio, 1.3)
}

/// What bash runs for `open-cli github <TAB>`, from the catalog that a command has cached; the toolbox is not asked.
fn completion(scene: &Scene) -> Row {
    let toolbox = scene.toolbox(plain_server(UPSTREAM));
    toolbox.until_ready();
    let listed = scene.program("open-cli").args(["--runtime", &toolbox.url, "catalog", "list"]).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let line = format!("open-cli --runtime {} github ", toolbox.url);
    let mut completion = scene.program("open-cli");
    completion.args(["__complete", "bash", " \t\n\"'@><=;|&(:", &line]);
    let answer = completion.output().unwrap();
    assert!(String::from_utf8_lossy(&answer.stdout).contains("\nrepos\n"), "{answer:?}");
    let [ours, bare] = interleaved(RUNS, [&mut || run(&mut completion), &mut || run(&mut Command::new("/bin/true"))]);
    let median = ours.median();
    Row::new("completion of open-cli github <TAB>", "ms", ours).peer("/bin/true", bare).at_most("ms:", median, 12.0)
}

/// Help with the GitHub catalog in the cache. The toolbox is gone by then, so that nothing can be asked.
fn help(scene: &Scene) -> [Row; 2] {
    let toolbox = scene.toolbox(plain_server(UPSTREAM));
    toolbox.until_ready();
    let words = command_words(&toolbox.ask("GET", "/v1/tools?id=github%3Aissues%2Fcreate").1, EXPLAINED);
    let asking = |arguments: &[&str]| {
        let mut command = scene.program("open-cli");
        command.args(["--runtime", &toolbox.url]).args(arguments);
        command
    };
    let mut root = asking(&["--help"]);
    let mut one = asking(&["github", &words[0], &words[1], "--help"]);
    for (command, shown) in [(&mut one, "--body BODY"), (&mut root, "github")] {
        let answer = command.output().unwrap();
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(answer.status.success() && text.contains(shown), "{text}{}", String::from_utf8_lossy(&answer.stderr));
    }
    drop(toolbox);
    let [first, second, bare] =
        interleaved(RUNS, [&mut || run(&mut root), &mut || run(&mut one), &mut || run(&mut Command::new("/bin/true"))]);
    [("open-cli --help, GitHub catalog cached", first), ("a command's help, GitHub catalog cached", second)].map(
        |(name, ours)| {
            let row = Row::new(name, "ms", ours).peer("/bin/true", bare.clone());
            let median = row.median();
            row.at_most("ms:", median, HELP_MS)
        },
    )
}

/// The command's time, less what asking the upstream itself takes: curl's time less curl's own start-up.
fn dynamic(scene: &Scene) -> Row {
    let upstream = plain_server(UPSTREAM);
    let toolbox = scene.toolbox(upstream);
    toolbox.until_ready();
    let words = command_words(&toolbox.ask("GET", "/v1/tools?id=github%3Arate-limit%2Fget").1, TOOL);
    let mut command = scene.program("open-cli");
    command.args(["--runtime", &toolbox.url, "github"]).args(words);
    let answer = command.output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let mut curl = Command::new("curl");
    curl.args(["--silent", &format!("http://{upstream}{PATH}")]);
    let mut curl_start = Command::new("curl");
    curl_start.arg("--version");
    let [ours, curl, curl_start] =
        interleaved(RUNS, [&mut || run(&mut command), &mut || run(&mut curl), &mut || run(&mut curl_start)]);
    let upstream_alone = curl.median() - curl_start.median();
    let more = ours.median() - upstream_alone;
    println!("{}", Row::new("curl --version", "ms", curl_start));
    Row::new("dynamic command, GitHub catalog, cached summary", "ms", ours).peer("curl of the upstream", curl).at_most(
        "more than the upstream alone, ms:",
        more,
        6.0,
    )
}

/// A search over five thousand tools whose index is there: one question to the toolbox, then everything is here.
fn search(scene: &Scene) -> Row {
    let toolbox = scene.toolbox_of_many(plain_server(UPSTREAM), MANY);
    toolbox.until_ready();
    let mut command = scene.program("open-cli");
    command.args(["--runtime", &toolbox.url, "search", "list", "invoices", "of", "a", "custmer"]);
    let first = command.output().unwrap();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(String::from_utf8_lossy(&first.stdout).contains("invoices"), "it finds something");
    let [ours, bare] = interleaved(RUNS, [&mut || run(&mut command), &mut || run(&mut Command::new("/bin/true"))]);
    let row = Row::new("search over 5,000 tools, index there", "ms", ours).peer("/bin/true", bare);
    let median = row.median();
    row.at_most("ms:", median, 30.0)
}

/// Group and command of the tool, from its description.
fn command_words(body: &[u8], id: &str) -> [String; 2] {
    let tool: Value = serde_json::from_slice(body).unwrap();
    let tool = tool.get("tool").unwrap_or(&tool);
    assert_eq!(tool["id"], id);
    ["group", "command"].map(|key| tool[key].as_str().unwrap().to_owned())
}

/// From start to end, in milliseconds.
fn run(command: &mut Command) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    millis(|| assert!(command.status().unwrap().success(), "{command:?}"))
}
