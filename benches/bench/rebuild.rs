//! Two hundred services of publishers that say whether anything changed: a rebuild with nothing changed beside the first build, for
//! services behind one API catalog and for as many sources, and what callers notice of rebuilds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use open_cli::base::host::Clock;
use open_cli::base::id::SourceId;
use open_cli::base::url::Url;
use open_cli::catalog::gather::{Previous, Round, Settled, Trails, settle};
use open_cli::config::{Config, Location, Mode, Refresh, Source, SourceKind};
use open_cli::fetch::freshness::Check;
use open_cli::fetch::run::Fetcher;
use open_cli::http::client::{ClientOptions, HttpClient};
use serde_json::{Value, json};

use crate::client::{Client, header};
use crate::discovery::{self, Publisher};
use crate::measure::{Row, Samples, as_millis};
use crate::scene::Scene;
use crate::toolbox::Toolbox;

const SERVICES: usize = 200;
const OPERATIONS: usize = 20;
const ROUNDS: usize = 5;
const CATALOG: &str = "/v1/catalog/effective";
/// How long answers are asked for, with and without rebuilds.
const SLICE: Duration = Duration::from_secs(2);
const SLICES: usize = 4;

/// All of them.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    let (publisher, publishers) = (Publisher::start(discovery::pages()), Publishers::start());
    let whole_of_one = || {
        let [asked, known] = publisher.asked.each_ref().map(|count| count.load(Ordering::SeqCst));
        asked - known
    };
    let behind_one = Unchanged { scene, config: discovery::config(publisher.addr), tools: discovery::TOOLS };
    let each = Unchanged { scene, config: config(publishers.addr), tools: SERVICES * OPERATIONS };
    let row = behind_one.measure("rebuild of 200 services behind one API catalog, nothing changed", &whole_of_one);
    let ratio = row.ratio();
    vec![
        row.at_most("ratio", ratio, 0.20),
        each.measure("rebuild of 200 sources, nothing changed", &|| publishers.whole.load(Ordering::SeqCst)),
        noticed(scene, &publishers),
    ]
}

/// A rebuild with nothing changed, in this process, each first build with an empty cache.
struct Unchanged<'a> {
    scene: &'a Scene,
    config: Config,
    tools: usize,
}

impl Unchanged<'_> {
    /// `whole` counts the answers with a document.
    fn measure(&self, name: &str, whole: &dyn Fn() -> usize) -> Row {
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let cache = self.scene.scratch.join(format!("rebuild-{}-{round}", self.config.sources.len()));
            let builder = Builder::new(cache, &self.config);
            let begun = Instant::now();
            let built = builder.build(None);
            let taken = as_millis(begun.elapsed());
            let catalog = built.catalog.as_ref().expect("the first build makes a catalog");
            assert_eq!(catalog.tools.len(), self.tools);
            let before = whole();
            let begun = Instant::now();
            let rebuilt = builder.build(Some(&built));
            let taken_again = as_millis(begun.elapsed());
            assert!(rebuilt.catalog.is_none(), "nothing changed");
            assert_eq!(whole(), before, "all were answered 304");
            // The first round warms the machine.
            if round > 0 {
                first.push(taken);
                again.push(taken_again);
            }
        }
        Row::new(name, "ms", Samples::new(again)).peer("their first build", Samples::new(first))
    }
}

/// Builds as the toolbox does.
struct Builder<'a> {
    config: &'a Config,
    fetcher: Fetcher,
    clock: Clock,
}

impl<'a> Builder<'a> {
    fn new(cache: PathBuf, config: &'a Config) -> Self {
        let clock = Clock::system();
        let transport = Arc::new(HttpClient::new(ClientOptions::default()).unwrap());
        Self { config, fetcher: Fetcher::new(transport, Some(cache), clock.clone()), clock }
    }

    fn build(&self, before: Option<&Settled>) -> Settled {
        let Self { config, fetcher, clock } = self;
        let trails = before.map_or_else(Trails::default, |before| before.trails.clone());
        let catalog = before.and_then(|before| before.catalog.as_ref());
        let (previous, report) = (catalog, before.map_or(&[][..], |before| &before.report));
        let (check, only, patience) = (Check::Now, None, None);
        let round = Round { config, fetcher, trails, check, previous, report, only, patience, clock };
        let previous = before.map(|before| Previous {
            catalog: before.catalog.as_ref().expect("there was one"),
            report: &before.report,
            trails: &before.trails,
            same_config: true,
        });
        let mut settled = None;
        round.go(|visits| settled = Some(settle(config, previous.as_ref(), visits, 0, clock.now())));
        settled.expect("all is handed over at once")
    }
}

/// With the program: answers 304 while it rebuilds all the time, beside those while it does not.
fn noticed(scene: &Scene, publishers: &Publishers) -> Row {
    let toolbox = toolbox(scene, publishers.addr);
    toolbox.until_ready();
    let (head, _) = toolbox.ask("GET", CATALOG);
    let etag = header(&head, "etag").expect("the catalog has an ETag");
    let request = format!("GET {CATALOG} HTTP/1.1\r\nHost: {}\r\nIf-None-Match: {etag}\r\n\r\n", toolbox.addr);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..SLICES {
        alone.extend(latencies(&toolbox, &request, None));
        beside.extend(latencies(&toolbox, &request, Some(publishers)));
    }
    let (alone, beside) = (Samples::new(alone), Samples::new(beside));
    let more = beside.at(0.99) - alone.at(0.99);
    let row = Row::new("304 answers while all is rebuilt", "ms", beside).peer("while nothing is", alone);
    row.at_most("p99 moves by ms", more, 5.0)
}

/// How long each answer took in one slice, asked for one after the other; with publishers, while a rebuild follows the other.
fn latencies(toolbox: &Toolbox, request: &str, rebuilding: Option<&Publishers>) -> Vec<f64> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if let Some(publishers) = rebuilding {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let enough = publishers.asked.now() + SERVICES;
                    toolbox.signal("HUP");
                    publishers.asked.wait_for(enough, &over);
                }
            });
        }
        let mut client = Client::open(toolbox.addr).unwrap();
        let end = Instant::now() + SLICE;
        let mut taken = Vec::new();
        while Instant::now() < end {
            let begun = Instant::now();
            assert_eq!(client.ask(request.as_bytes()).unwrap(), 304);
            taken.push(as_millis(begun.elapsed()));
        }
        over.store(true, Ordering::SeqCst);
        rebuilding.inspect(|publishers| publishers.asked.wake());
        taken
    })
}

fn config(publishers: SocketAddr) -> Config {
    let source = |nth: usize| {
        let uri = format!("http://{publishers}/{nth}");
        let kind = SourceKind::OpenApi(Location::Remote(Url::parse(&uri).unwrap()));
        (SourceId::new(format!("s{nth}")), Source { enabled: true, refresh: Refresh::default(), uri, kind })
    };
    Config { mode: Some(Mode::Discover), sources: (0..SERVICES).map(source).collect(), ..Config::default() }
}

fn toolbox(scene: &Scene, publishers: SocketAddr) -> Toolbox {
    let sources: BTreeMap<String, Value> = (0..SERVICES)
        .map(|nth| (format!("s{nth}"), json!({ "type": "openapi", "uri": format!("http://{publishers}/{nth}") })))
        .collect();
    let config = json!({ "cli": "1.0.0", "mode": { "default": "discover" }, "sources": sources });
    let file = scene.scratch.join("rebuild.config.json");
    fs::write(&file, config.to_string()).unwrap();
    let mut command = scene.program("open-cli-toolbox");
    command.arg("--config").arg(file).args(["--addr", "127.0.0.1:0", "--instance-id", "rebuild"]);
    Toolbox::start(command)
}

/// Publishers on loopback: `/<n>` is a description, which never changes.
struct Publishers {
    addr: SocketAddr,
    /// Requests, and those of them that were answered whole.
    asked: Arc<Asked>,
    whole: Arc<AtomicUsize>,
}

/// How many requests came, for whoever waits for more.
#[derive(Default)]
struct Asked(Mutex<usize>, Condvar);

impl Asked {
    fn now(&self) -> usize {
        *self.0.lock().unwrap()
    }

    fn one_more(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_all();
    }

    /// Until so many came, or it is over.
    fn wait_for(&self, enough: usize, over: &AtomicBool) {
        let waits = |asked: &mut usize| *asked < enough && !over.load(Ordering::SeqCst);
        drop(self.1.wait_while(self.0.lock().unwrap(), waits).unwrap());
    }

    /// Lets those look again who wait.
    fn wake(&self) {
        let _asked = self.0.lock().unwrap();
        self.1.notify_all();
    }
}

impl Publishers {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (asked, whole) = (Arc::new(Asked::default()), Arc::new(AtomicUsize::new(0)));
        let counts = (Arc::clone(&asked), Arc::clone(&whole));
        let bodies: Arc<Vec<String>> = Arc::new((0..SERVICES).map(description).collect());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (counts, bodies) = (counts.clone(), Arc::clone(&bodies));
                std::thread::spawn(move || answer_all(&stream, &bodies, &counts));
            }
        });
        Self { addr, asked, whole }
    }
}

fn answer_all(stream: &TcpStream, bodies: &[String], (asked, whole): &(Arc<Asked>, Arc<AtomicUsize>)) {
    stream.set_nodelay(true).ok();
    let mut reader = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while matches!(reader.read_line(&mut line), Ok(1..)) {
        head.push_str(&line);
        if line == "\r\n" {
            let nth = head.split(['/', ' ']).find_map(|part| part.parse::<usize>().ok()).unwrap_or(0);
            let tag = format!("ETag: \"{nth}\"\r\n");
            let known = head.to_ascii_lowercase().contains("if-none-match");
            let answer = match known {
                true => format!("HTTP/1.1 304 Not Modified\r\n{tag}\r\n"),
                false => {
                    format!("HTTP/1.1 200 OK\r\n{tag}Content-Length: {}\r\n\r\n{}", bodies[nth].len(), bodies[nth])
                }
            };
            if !known {
                whole.fetch_add(1, Ordering::SeqCst);
            }
            if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
            asked.one_more();
            head.clear();
        }
        line.clear();
    }
}

/// A service of usual size: operations with parameters, bodies and schemas.
fn description(nth: usize) -> String {
    let mut paths = String::new();
    for at in 0..OPERATIONS {
        let comma = if at == 0 { "" } else { "," };
        write!(
            paths,
            r##"{comma}"/service{nth}/items{at}/{{id}}":{{"put":{{"operationId":"put{at}","summary":"Replaces an item","tags":["items"],
            "parameters":[{{"name":"id","in":"path","required":true,"schema":{{"type":"string"}}}},
            {{"name":"expand","in":"query","schema":{{"type":"array","items":{{"type":"string"}}}}}}],
            "requestBody":{{"required":true,"content":{{"application/json":{{"schema":{{"$ref":"#/components/schemas/Item{at}"}}}}}}}},
            "responses":{{"200":{{"description":"ok"}}}}}}}}"##
        )
        .unwrap();
    }
    let schemas: serde_json::Map<String, Value> = (0..OPERATIONS)
        .map(|at| {
            let fields: serde_json::Map<String, Value> = (0..12)
                .map(|field| (format!("field{field}"), json!({ "type": "string", "description": "One of its fields" })))
                .collect();
            (format!("Item{at}"), json!({ "type": "object", "properties": fields, "required": ["field0"] }))
        })
        .collect();
    let schemas = Value::Object(schemas);
    format!(
        r#"{{"openapi":"3.1.0","info":{{"title":"Service {nth}","version":"1"}},"servers":[{{"url":"http://127.0.0.1:9"}}],
        "paths":{{{paths}}},"components":{{"schemas":{schemas}}}}}"#
    )
}
