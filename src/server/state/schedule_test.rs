//! Sources over time: publishers that answer from a table, and a clock that is moved by hand.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::*;
use crate::base::disk;
use crate::base::log::Format;
use crate::catalog::gather::SourceState;
use crate::http::{Headers, Limits, Request, Response, TransportError, TransportErrorKind};

/// A description for each host, good for an hour; a host without one does not answer.
#[derive(Default)]
struct Web {
    operations: Mutex<BTreeMap<String, String>>,
    asked: Mutex<Vec<String>>,
    /// Whoever asks this host waits for a word.
    slow: Mutex<Option<(String, mpsc::Receiver<()>)>>,
}

impl Transport for Web {
    fn send(&self, request: &Request, _: Limits) -> Result<Response, TransportError> {
        let host = request.url.host().to_owned();
        self.asked.lock().unwrap().push(host.clone());
        let slow = self.slow.lock().unwrap().take_if(|(slow, _)| *slow == host);
        if let Some((_, word)) = slow {
            word.recv().unwrap();
        }
        let Some(operation) = self.operations.lock().unwrap().get(&host).cloned() else {
            let message = "nothing listens there".to_owned();
            return Err(TransportError { kind: TransportErrorKind::Connect, may_have_been_sent: false, message });
        };
        let body = json!({
            "openapi": "3.1.0", "info": {"title": host}, "servers": [{"url": "https://up.example"}],
            "paths": {"/x": {"get": {"operationId": operation}}},
        });
        let headers = Headers::new().with("Cache-Control", "max-age=3600");
        Ok(Response { status: 200, headers, body: body.to_string().into_bytes(), truncated: false })
    }
}

/// Hands on what the log says.
struct Told(mpsc::Sender<String>);

impl std::io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // Nobody listens once the test is over.
        self.0.send(String::from_utf8_lossy(bytes).into_owned()).ok();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct World {
    state: State,
    log: Mutex<mpsc::Receiver<String>>,
    web: Arc<Web>,
    seconds: Arc<Mutex<u64>>,
    dir: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        for file in disk::files(&self.dir).unwrap_or_default() {
            disk::remove(&file.path).ok();
        }
    }
}

impl World {
    /// Hosts `<id>.example`, each with the operation `one`.
    fn new(ids: &[&str]) -> Self {
        let dir = std::env::temp_dir().join(format!("open-cli-state-{}", host::random_id().unwrap()));
        disk::create_private_dir(&dir).unwrap();
        let entries = |value: fn(&str) -> Value| {
            ids.iter().map(|id| ((*id).to_owned(), value(id))).collect::<serde_json::Map<_, _>>()
        };
        let config = json!({
            "cli": "1.0.0", "mode": {"default": "discover"},
            "sources": entries(|id| json!({"type": "openapi", "uri": format!("https://{id}.example/api")})),
            "services": entries(|id| json!({"source": id})),
        });
        disk::write_private(&dir.join(".cli.json"), config.to_string().as_bytes()).unwrap();
        let web = Arc::new(Web::default());
        for id in ids {
            web.operations.lock().unwrap().insert(format!("{id}.example"), "one".to_owned());
        }
        let seconds = Arc::new(Mutex::new(1_800_000_000));
        let read = Arc::clone(&seconds);
        let clock = Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(*read.lock().unwrap()));
        let (told, said) = mpsc::channel();
        let log = Log::new(Box::new(Told(told)), Format::Text, clock.clone());
        let workshop = Workshop {
            surroundings: Surroundings {
                cwd: dir.clone(),
                managed_dir: dir.join("managed"),
                user_dir: None,
                trust_file: None,
                config: Some(dir.join(".cli.json")),
            },
            transport: Arc::clone(&web) as Arc<dyn Transport>,
            documents: dir.join("http"),
            env: Env::default(),
            clock,
            log,
        };
        let served = load_served(&workshop.surroundings, &workshop.tools(), None).unwrap();
        let state = State::new(workshop, served);
        state.rebuild();
        web.asked.lock().unwrap().clear();
        Self { state, log: Mutex::new(said), web, seconds, dir }
    }

    fn pass(&self, seconds: u64) {
        *self.seconds.lock().unwrap() += seconds;
    }

    fn describe(&self, id: &str, operation: Option<&str>) {
        let mut operations = self.web.operations.lock().unwrap();
        match operation {
            Some(operation) => operations.insert(format!("{id}.example"), operation.to_owned()),
            None => operations.remove(&format!("{id}.example")),
        };
    }

    /// Looks as the keeper does.
    fn look(&self) {
        match self.state.due() {
            Due::Renew(sources) => drop(self.state.renew(&sources)),
            Due::Nothing => {}
            Due::Reload => panic!("the configuration did not change"),
        }
    }

    /// Waits until a catalog is served that was not before.
    fn until_built(&self) {
        let log = self.log.lock().unwrap();
        while !log.recv_timeout(Duration::from_secs(30)).unwrap().contains("catalog built") {}
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.web.asked.lock().unwrap());
        asked.sort();
        asked
    }

    fn tools(&self) -> Vec<String> {
        let snapshot = self.state.snapshot().unwrap();
        snapshot.shelf.catalog.catalog().tools.iter().map(|tool| tool.id.to_string()).collect()
    }
}

#[test]
fn sources_are_asked_before_they_grow_old_and_not_sooner() {
    let world = World::new(&["a", "b"]);
    let shelf = Arc::clone(&world.state.snapshot().unwrap().shelf);
    world.look();
    assert_eq!(world.asked(), [""; 0]);
    world.pass(2879);
    world.look();
    assert_eq!(world.asked(), [""; 0], "the last fifth of the hour has not begun");
    world.pass(541);
    world.look();
    assert_eq!(world.asked(), ["a.example", "b.example"], "and it has not ended");
    assert!(Arc::ptr_eq(&shelf, &world.state.snapshot().unwrap().shelf), "nothing changed");
    world.look();
    assert_eq!(world.asked(), [""; 0]);
}

#[test]
fn a_source_that_fails_is_asked_again_soon_and_by_itself() {
    let world = World::new(&["a", "b"]);
    world.pass(3420);
    world.describe("b", None);
    world.look();
    assert_eq!(world.asked(), ["a.example", "b.example"]);
    let snapshot = world.state.snapshot().unwrap();
    assert_eq!(snapshot.report[1].state, SourceState::Stale);
    world.pass(11);
    world.look();
    assert_eq!(world.asked(), [""; 0]);
    world.pass(4);
    world.look();
    assert_eq!(world.asked(), ["b.example"]);
    world.describe("b", Some("two"));
    world.pass(29);
    world.look();
    assert_eq!(
        (world.asked(), world.tools()),
        (vec!["b.example".to_owned()], vec!["a:one".to_owned(), "b:two".to_owned()])
    );
    assert_eq!(world.state.snapshot().unwrap().report[1].state, SourceState::Ok);
}

#[test]
fn h25_a_source_that_hangs_does_not_hold_up_the_others() {
    let mut world = World::new(&["a", "b", "c"]);
    world.state.patience = Duration::from_millis(1);
    let (word, slow) = mpsc::channel();
    *world.web.slow.lock().unwrap() = Some(("b.example".to_owned(), slow));
    ["a", "b", "c"].iter().for_each(|id| world.describe(id, Some("two")));
    std::thread::scope(|scope| {
        let refresh = scope.spawn(|| world.state.refresh());
        // The others are served while the slow one is still waited for: one by one, if this machine is that slow.
        while world.tools() != ["a:two", "b:one", "c:two"] {
            world.until_built();
        }
        assert!(!refresh.is_finished());
        assert_eq!(world.state.due(), Due::Nothing, "a build is under way");
        word.send(()).unwrap();
        refresh.join().unwrap();
    });
    assert_eq!(world.tools(), ["a:two", "b:two", "c:two"]);
    assert_eq!(world.asked().len(), 3);
}

#[test]
fn h25_a_build_that_panics_is_not_the_last_one() {
    let world = World::new(&["a"]);
    std::thread::scope(|scope| {
        let broken = scope.spawn(|| {
            let _building = world.state.hold_builds();
            panic!("a build breaks off");
        });
        assert!(broken.join().is_err());
    });
    world.pass(3420);
    world.describe("a", Some("two"));
    world.look();
    assert_eq!((world.asked(), world.tools()), (vec!["a.example".to_owned()], vec!["a:two".to_owned()]));
}
