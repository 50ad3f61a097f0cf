//! The API behind the toolboxes: it answers each job once, remembers it, and can hold its answers back.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

#[derive(Default)]
struct Jobs {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// Ids in the order they came.
    ran: Vec<String>,
    holding: bool,
    held: usize,
}

/// The API at work, until the process ends.
pub(crate) struct Api {
    addr: SocketAddr,
    jobs: Arc<Jobs>,
}

impl Api {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, jobs) = (listener.local_addr().unwrap(), Arc::new(Jobs::default()));
        let served = Arc::clone(&jobs);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let jobs = Arc::clone(&served);
                // A toolbox that is killed takes its connection with it.
                std::thread::spawn(move || jobs.serve(&stream));
            }
        });
        Self { addr, jobs }
    }

    /// Its description: one operation that changes something, so that nothing may repeat it.
    pub(crate) fn description(&self) -> Value {
        json!({
            "openapi": "3.1.0",
            "info": { "title": "Jobs", "version": "1" },
            "servers": [{ "url": format!("http://{}", self.addr) }],
            "paths": { "/jobs/{id}": { "post": {
                "operationId": "runJob",
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
                "responses": { "200": { "description": "done" } },
            } } },
        })
    }

    /// From now on no answer leaves.
    pub(crate) fn hold(&self) {
        self.jobs.state.lock().unwrap().holding = true;
    }

    /// How many answers are held back.
    pub(crate) fn held(&self) -> usize {
        self.jobs.state.lock().unwrap().held
    }

    pub(crate) fn let_go(&self) {
        self.jobs.state.lock().unwrap().holding = false;
        self.jobs.news.notify_all();
    }

    /// That it ran these, each once, and no others.
    #[track_caller]
    pub(crate) fn ran_each_once(&self, all: &BTreeSet<String>) {
        let state = self.jobs.state.lock().unwrap();
        let ran: BTreeSet<String> = state.ran.iter().cloned().collect();
        assert_eq!(state.ran.len(), ran.len(), "nothing ran twice");
        let missing: Vec<_> = all.difference(&ran).collect();
        let more: Vec<_> = ran.difference(all).collect();
        assert!(missing.is_empty() && more.is_empty(), "did not run: {missing:?}; ran unasked: {more:?}");
    }
}

impl Jobs {
    /// One request a connection is enough here.
    fn serve(&self, stream: &TcpStream) {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        // The rest of the head; there is no body.
        lines.find(String::is_empty);
        let id = first.split([' ', '/']).nth(3).unwrap_or_default().to_owned();
        let mut state = self.state.lock().unwrap();
        state.ran.push(id.clone());
        state.held += 1;
        let mut state = self.news.wait_while(state, |state| state.holding).unwrap();
        state.held -= 1;
        drop(state);
        let body = json!({ "ran": id }).to_string();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
        // Whoever asked may have been killed.
        write!(&mut &*stream, "{head} {}\r\n\r\n{body}", body.len()).ok();
    }
}
