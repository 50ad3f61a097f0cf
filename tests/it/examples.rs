//! Every command line of the pages of `docs`, and of the pages beside the examples, is run, and shows what its page shows.
//!
//! What cannot be run here is listed with its reason, and its words are still read by the program. `README.md` and `docs/tour.md`
//! are not here: `page` runs them as one story.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::helpdesk;
use crate::program::{PATIENCE, Program};
use crate::shell::{Line, filled, fits, lines};
use crate::world::World;

/// A page with command lines.
struct Page {
    name: &'static str,
    /// What stands here for what the page says, in lines and in what they show.
    names: &'static [(&'static str, &'static str)],
    /// Lines by how they begin, what becomes of them, and why.
    apart: &'static [(&'static str, Apart, &'static str)],
    world: fn() -> World,
}

#[derive(Clone, Copy)]
enum Apart {
    /// It is run where no runtime is: that it is understood is all that is looked at.
    Understood,
    /// It is a server; that it comes up is looked at.
    Serves,
    /// It ends with this, which the page says in words.
    Ends(i32),
    /// Something comes before it.
    After(fn(&World)),
}

use Apart::{After, Ends, Serves, Understood};

/// No runtime, and no configuration.
fn bare() -> World {
    World::new().named("[SITE]", &helpdesk::start()).env("OPEN_CLI_FORMAT", "table")
}

/// A toolbox with the helpdesk and the other APIs that pages call.
fn desk() -> World {
    serving(&json!({}))
}

/// The same, where deleting a ticket takes a person.
fn guarded() -> World {
    let world = serving(&json!({ "approvalRequired": ["helpdesk:deleteTicket"] }));
    let config = fs::read_to_string(world.path(".cli.json")).unwrap();
    world.file("a/.cli.json", &config).file("b/.cli.json", &config)
}

fn serving(policy: &Value) -> World {
    let origin = helpdesk::start();
    let source = |name: &str| json!({ "type": "openapi", "uri": format!("{origin}/{name}.json") });
    let service = |name: &str| json!({ "source": name, "server": origin });
    let config = json!({
        "sources": { "helpdesk": source("helpdesk"), "files": source("files"), "github": source("github") },
        "services": { "helpdesk": service("helpdesk"), "files": service("files"), "github": service("github") },
        "secrets": { "helpdesk.bearerAuth": { "type": "env", "value": "HELPDESK_TOKEN" } },
        "policy": policy,
    });
    let ticket = r#"{"title":"Printer on fire","priority":2,"labels":["printer","fire"]}"#;
    let mut world = World::with_demo().env("HELPDESK_TOKEN", "secret").env("OPEN_CLI_FORMAT", "table").config(&config);
    world = world.file("ticket.json", ticket).file("report.json", ticket).file("template.json", r#"{"title":"?"}"#);
    world = world.file("prompt.json", "{}").file("q3.pdf", "%PDF").named("[SITE]", &origin);
    world.start_toolbox(&[]);
    world
}

/// A toolbox with the helpdesk alone, as it was before `change`.
fn earlier() -> World {
    let source = json!({ "type": "openapi", "uri": "helpdesk.json" });
    let config = json!({
        "cli": "1.0.0",
        "mode": { "default": "discover" },
        "sources": { "helpdesk": source },
        "services": { "helpdesk": { "source": "helpdesk" } },
    });
    let mut description: Value = serde_json::from_str(include_str!("../../testdata/docs/helpdesk.json")).unwrap();
    description["servers"][0]["url"] = json!("https://api.example.com");
    description["paths"].as_object_mut().unwrap().remove("/tickets/{id}/close");
    description["paths"]["/tickets"]["get"]["parameters"].as_array_mut().unwrap().remove(0);
    description["paths"]["/tickets"]["get"]["description"] = json!("Those of your team.");
    let mut world = World::new().env("OPEN_CLI_FORMAT", "table").file(".cli.json", &config.to_string());
    world = world.file("helpdesk.json", &description.to_string());
    world.start_toolbox(&[]);
    world
}

/// What the page on locks says that a publisher changed.
fn change(world: &World) {
    let mut description: Value = serde_json::from_str(include_str!("../../testdata/docs/helpdesk.json")).unwrap();
    description["servers"][0]["url"] = json!("https://api.example.com");
    description["paths"]["/tickets"]["get"]["servers"] = json!([{ "url": "https://api.example.net" }]);
    description["paths"]["/tickets"]["get"]["description"] = json!("Those of all people.");
    description["paths"]["/tickets/{id}"]["get"]["x-cli-safety"] = json!({ "readOnly": false });
    world.write("helpdesk.json", &description.to_string());
    world.run("open-cli refresh").into_stdout();
}

/// Somebody looked, and all of it is right.
fn relock(world: &World) {
    world.run("open-cli catalog lock").into_stdout();
}

/// A toolbox with the demo API alone.
fn demo() -> World {
    World::serving(&json!({}))
}

/// One with a policy, and two cases for it.
fn policed() -> World {
    let policy = include_str!("../../examples/policy/policy.cli.json").replace("http://127.0.0.1:9000", "[DEMO]");
    let cases = r#"{"cases": [

  {"name": "everybody reads", "tool": "demo:getItem", "expect": "allowed"},
  {"name": "nobody deletes", "tool": "demo:deleteItem", "expect": "policy_deny"}]}"#;
    let mut world = World::with_demo().env("OPEN_CLI_FORMAT", "table").file(".cli.json", &policy);
    world = world.file("cases.json", cases);
    world.start_toolbox(&[]);
    world
}

/// Free ports for a stack with an issuer.
fn ports() -> World {
    let free = ["BROKER", "DEMO", "TOOLBOX"].map(|name| format!("OPEN_CLI_EVAL_{name}_ADDR"));
    free.iter().fold(World::new(), |world, name| world.env(name, "127.0.0.1:0"))
}

/// A stack with an issuer, and the configuration of its client.
fn stack() -> World {
    let world = ports();
    world.run("open-cli-eval up").into_stdout();
    let variables = fs::read_to_string(world.path(".open-cli-local/evaluation/client.env")).unwrap();
    let variables = variables.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    variables
        .fold(world.env("OPEN_CLI_CONFIG", ".open-cli-local/evaluation/client.cli.json"), |world, (name, value)| {
            world.env(name, value.trim_matches(['\'', '"']))
        })
}

/// A toolbox with the demo API, and configurations where pages say that they are.
fn configured() -> World {
    let mut world = World::with_demo().env("DEMO_TOKEN", "demo-bearer-token");
    let places = [".cli.json", "a/.cli.json", "b/.cli.json", "examples/demo.cli.json"];
    let text = include_str!("../../examples/demo.cli.json").replace("http://127.0.0.1:9000", "[DEMO]");
    for place in places {
        world = world.file(place, &text);
    }
    world.start_toolbox(&[]);
    world
}

/// Places of servers that pages name.
const PLACES: &[(&str, &str)] = &[
    ("path/to/", "a/"),
    ("/srv/toolbox/", "a/"),
    ("/srv/team-a/", "a/"),
    ("/srv/team-b/", "b/"),
    ("/etc/open-cli/toolbox/", "a/"),
    ("/var/lib/open-cli", "[DIR]/state"),
    ("/var/lib/ocli", "[DIR]/state"),
    ("/var/cache/open-cli", "[DIR]/cache"),
];

const SERVER: &str = "it runs until it is stopped";

const PAGES: &[Page] = &[
    Page {
        name: "docs/audit.md",
        names: &[
            ("/backup/audit.log", "[DIR]/state/open-cli/instances/world/audit.log"),
            ("/var/lib/open-cli", "[DIR]/state/open-cli"),
            ("--instance-id shared", "--instance-id world"),
            (
                "--head 4711:9f86d0...",
                "--instance-id world --head 1:0000000000000000000000000000000000000000000000000000000000000000",
            ),
        ],
        apart: &[("open-cli audit verify --head", Ends(10), "another trail has another head")],
        world: demo,
    },
    Page { name: "docs/auth.md", names: &[], apart: &[], world: stack },
    Page {
        name: "docs/authentik.md",
        names: &[("/authentik/", "/evaluation/"), (" | base64 -d", "")],
        apart: &[],
        world: stack,
    },
    Page {
        name: "docs/batch.md",
        names: &[
            ("open-cli batch calls.jsonl", "open-cli batch calls.jsonl --ordered"),
            ("\"durationMs\":1.9", "\"durationMs\":.."),
            ("in 0.1 s", "in .."),
            ("5f..", ".."),
        ],
        apart: &[("generate | open-cli batch", Ends(8), "one of its calls fails")],
        world: demo,
    },
    Page {
        name: "docs/catalog-lock.md",
        names: &[("/home/me/", "[DIR]/"), ("http://127.0.0.1:8765", "[RUNTIME]")],
        apart: &[
            ("open-cli catalog diff\ndanger", After(change), "a publisher changes the description"),
            ("open-cli-toolbox", Serves, SERVER),
            ("until open-cli status", After(relock), "the job runs in a project with a new lock"),
        ],
        world: earlier,
    },
    Page {
        name: "docs/cli.md",
        names: &[
            ("http://127.0.0.1:8765", "[RUNTIME]"),
            ("https://helpdesk.example", "[SITE]"),
            ("config       []", "config       .."),
            ("5b0c..", ".."),
            ("instance     demo", "instance     world"),
            ("services     1\ntools        12", "services     4\ntools        37"),
            ("{\"ok\":1,", "{\"ok\":4,"),
        ],
        apart: &[],
        world: desk,
    },
    Page {
        name: "docs/calling.md",
        names: &[
            ("http://127.0.0.1:8765", "[RUNTIME]"),
            ("https://helpdesk.example", "[SITE]"),
            ("\"polls\": 3", "\"polls\": 1"),
        ],
        apart: &[(
            "open-cli helpdesk tickets create --priority 2",
            Ends(2),
            "nobody is asked where no terminal is; src/cli/tests/input.rs has one",
        )],
        world: desk,
    },
    Page {
        name: "docs/login.md",
        names: &[],
        apart: &[
            ("open-cli auth status", Understood, "an issuer is needed; docs/auth.md runs it with one"),
            ("open-cli auth upstream login", Understood, "a person logs in"),
        ],
        world: desk,
    },
    Page { name: "docs/config-editing.md", names: &[], apart: &[], world: bare },
    Page {
        name: "docs/demo.md",
        names: &[("http://127.0.0.1:8765", "[RUNTIME]")],
        apart: &[("./bin/open-cli-eval", Serves, SERVER), ("DEMO_TOKEN", Serves, SERVER)],
        world: configured,
    },
    Page {
        name: "docs/deployment.md",
        names: PLACES,
        apart: &[("open-cli-toolbox", Serves, SERVER)],
        world: configured,
    },
    Page { name: "docs/evaluation.md", names: &[], apart: &[], world: ports },
    Page {
        name: "docs/init.md",
        names: &[
            ("/home/me/", "[DIR]/"),
            // A host's name gives the id, and this host has none.
            ("init https://petstore.example.com/openapi.json", "init [SITE]/openapi.json --service petstore"),
            ("openapi, https://petstore.example.com/openapi.json", "openapi, [SITE]/openapi.json"),
            ("19 tools", "4 tools"),
        ],
        apart: &[],
        world: bare,
    },
    Page { name: "docs/installing.md", names: PLACES, apart: &[], world: configured },
    Page {
        name: "docs/instances.md",
        names: PLACES,
        apart: &[("./bin/open-cli-toolbox", Serves, SERVER)],
        world: configured,
    },
    Page { name: "docs/output.md", names: &[], apart: &[], world: demo },
    Page { name: "docs/policy.md", names: &[("/srv/demo/", "[DIR]/project/")], apart: &[], world: policed },
    Page { name: "docs/toolbox.md", names: PLACES, apart: &[("open-cli-toolbox", Serves, SERVER)], world: configured },
    Page {
        name: "docs/tracing-and-instances.md",
        names: PLACES,
        apart: &[
            ("open-cli helpdesk tickets delete T-1", Ends(7), "the page shows below that it is refused"),
            ("open-cli-toolbox", Serves, SERVER),
        ],
        world: guarded,
    },
    Page {
        name: "docs/troubleshooting.md",
        names: &[],
        apart: &[("open-cli doctor", Understood, "a host of others, and a token that is over")],
        world: bare,
    },
    Page {
        name: "examples/local-authentik/README.md",
        names: &[("/authentik/", "/evaluation/")],
        apart: &[(
            "open-cli --config ./.open-cli-local/authentik/browser.cli.json auth login",
            Understood,
            "a person logs in at a browser",
        )],
        world: stack,
    },
    Page {
        name: "examples/replicas/README.md",
        names: PLACES,
        apart: &[("open-cli-toolbox", Serves, SERVER)],
        world: configured,
    },
];

/// A page's world, and the end of the stack that a line of it started.
struct Scene(World);

impl Drop for Scene {
    fn drop(&mut self) {
        if self.0.path(".open-cli-local/evaluation").exists() {
            self.0.command(env!("CARGO_BIN_EXE_open-cli-eval")).arg("down").output().ok();
        }
    }
}

fn text(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Runs a page, and says what is not as it says.
fn problems(page: &Page) -> Vec<String> {
    let scene = Scene((page.world)());
    let (mut problems, mut used) = (Vec::new(), BTreeSet::new());
    for line in lines(&text(page.name)) {
        if let Some(file) = line.text.strip_prefix("cat ") {
            scene.0.write(file, &line.shown);
        }
        if !line.ours() {
            continue;
        }
        let place = page.apart.iter().position(|(text, ..)| format!("{}\n{}", line.text, line.shown).starts_with(text));
        used.extend(place);
        let problem = ran(page, &scene.0, &line, place.map(|place| page.apart[place].1));
        problems.extend(problem.map(|problem| format!("{}:{}: {}\n{problem}", page.name, line.number, line.text)));
    }
    let idle = (0..page.apart.len()).filter(|place| !used.contains(place));
    problems.extend(idle.map(|place| format!("{}: no line begins with {}", page.name, page.apart[place].0)));
    problems
}

fn ran(page: &Page, world: &World, line: &Line, apart: Option<Apart>) -> Option<String> {
    let mut command = line.command(world, page.names);
    match apart {
        Some(Serves) => {
            Program::start(&mut line.server().command(world, page.names)).url();
            return None;
        }
        Some(Understood) => _ = command.env("OPEN_CLI_RUNTIME_URL", "http://127.0.0.1:1"),
        Some(After(before)) => before(world),
        Some(Ends(_)) | None => {}
    }
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(command.stdin(Stdio::null()).output().unwrap()).ok());
    let Ok(output) = told.recv_timeout(PATIENCE) else { return Some("it does not end; is it a server?".to_owned()) };
    let (found, status) = (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code());
    let mut shown = filled(world, &line.shown, page.names).trim_end().to_owned();
    let fails = shown.lines().any(|line| line.starts_with("error: "));
    let ends = match (apart, line.status) {
        (Some(Understood), _) => ![None, Some(2), Some(124), Some(126), Some(127)].contains(&status),
        (Some(Ends(code)), _) | (_, Some(code)) => status == Some(code),
        _ => (status != Some(0)) == fails,
    };
    if fails {
        // Hints and the like are left out of pages.
        shown.push_str("\n..");
    }
    let [expected, printed] = [shown.as_str(), found.trim_end()].map(|text| text.lines().collect::<Vec<_>>());
    let alike = matches!(apart, Some(Understood | Ends(_))) || expected.is_empty() || fits(&expected, &printed);
    (!ends || !alike).then(|| format!("--- shown\n{shown}\n--- found, status {status:?}\n{found}"))
}

#[track_caller]
fn check(is_meant: impl Fn(&str) -> bool) {
    let pages = PAGES.iter().filter(|page| is_meant(page.name));
    let found: Vec<String> = pages.flat_map(problems).collect();
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

/// The pages on the command line, run by themselves.
const COMMAND_LINE: [&str; 3] = ["docs/cli.md", "docs/calling.md", "docs/login.md"];

#[test]
fn the_pages_on_the_command_line_show_what_is() {
    check(|name| COMMAND_LINE.contains(&name));
}

#[test]
fn every_other_page_shows_what_is() {
    check(|name| !COMMAND_LINE.contains(&name));
}

#[test]
fn the_error_that_two_pages_show_is_the_one_that_is_printed() {
    let world = guarded();
    let told = |format: &str| {
        let line = ["helpdesk", "tickets", "delete", "T-1", "--format", format];
        let output = world.command(env!("CARGO_BIN_EXE_open-cli")).args(line).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    for name in ["docs/exit-codes.md", "docs/tracing-and-instances.md"] {
        let page = text(name);
        let shown = page.split("```\nerror: ").nth(1).unwrap().split("request: ").next().unwrap();
        let told = told("table");
        assert!(told.starts_with(&format!("error: {shown}request: ")), "{name}: {told}");
    }
    let page = text("docs/exit-codes.md");
    let shown = page.lines().find(|line| line.starts_with("{\"error\":")).unwrap();
    let [shown, told] = [shown, told("json").lines().last().unwrap()].map(|text| {
        let mut error: Value = serde_json::from_str(text).unwrap();
        error["error"]["requestId"].take();
        error
    });
    assert_eq!(shown, told);
}

#[test]
fn every_page_with_command_lines_is_run() {
    let named: BTreeSet<&str> = PAGES.iter().map(|page| page.name).collect();
    for name in pages() {
        let ours = lines(&text(&name)).iter().any(Line::ours);
        assert_eq!(ours, named.contains(name.as_str()), "{name}");
    }
}

/// The pages of `docs`, and those beside examples.
fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = |name: &str| fs::read_dir(root.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    let (docs, examples): (Vec<PathBuf>, Vec<PathBuf>) = (listed("docs"), listed("examples"));
    let beside = examples.iter().map(|path| path.join("README.md")).filter(|path| path.exists());
    let all = docs.into_iter().filter(|path| path.extension().is_some_and(|end| end == "md")).chain(beside);
    let all = all.map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
    all.filter(|name| name != "docs/tour.md").collect()
}
