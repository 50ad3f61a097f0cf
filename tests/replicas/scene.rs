//! An API, three toolboxes, and nginx before them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use open_cli::http::client::{ClientOptions, HttpClient};
use serde_json::{Value, json};

use crate::api::Api;
use crate::load;
use crate::nginx::Nginx;
use crate::program::{PATIENCE, Program, eventually};
use crate::world::{World, free_address};

pub(crate) const REPLICAS: usize = 3;

/// As the example's README says it.
const STOP_DELAY: [&str; 2] = ["--stop-delay", "5"];
const README: &str = include_str!("../../examples/replicas/README.md");

/// The scene; dropping it ends all of it.
pub(crate) struct Scene {
    // Before the world: it ends before its files go.
    pub(crate) nginx: Nginx,
    replicas: Vec<Option<Program>>,
    addresses: Vec<String>,
    entrance: String,
    pub(crate) api: Api,
    pub(crate) world: World,
}

impl Scene {
    #[track_caller]
    pub(crate) fn start() -> Self {
        assert!(README.contains(&STOP_DELAY.join(" ")), "the example says how long a stop is delayed");
        let api = Api::start();
        let config = json!({
            "cli": "1.0.0",
            "mode": { "default": "discover" },
            "sources": { "jobs": { "type": "openapi", "uri": "jobs.json" } },
            "services": { "jobs": { "source": "jobs" } },
        });
        let world =
            World::new().file(".cli.json", &config.to_string()).file("jobs.json", &api.description().to_string());
        let addresses: Vec<String> = (0..REPLICAS).map(|_| free_address()).collect();
        let entrance = free_address();
        let nginx = Nginx::start(&world, &entrance, &addresses);
        let mut scene =
            Self { nginx, replicas: (0..REPLICAS).map(|_| None).collect(), addresses, entrance, api, world };
        (0..REPLICAS).for_each(|which| scene.start_replica(which));
        scene
    }

    /// Where a toolbox listens.
    pub(crate) fn address(&self, which: usize) -> &str {
        &self.addresses[which]
    }

    /// Where clients go.
    pub(crate) fn entrance(&self) -> String {
        format!("http://{}", self.entrance)
    }

    /// Starts it, and waits until it is ready.
    #[track_caller]
    pub(crate) fn start_replica(&mut self, which: usize) {
        let (id, address) = (format!("replica-{which}"), self.addresses[which].clone());
        let state = format!("state-{which}");
        let args = ["--addr", &address, "--instance-id", &id, "--state-dir", &state, STOP_DELAY[0], STOP_DELAY[1]];
        self.replicas[which] = Some(self.world.toolbox_with(&args));
        let ready = format!("http://{address}/readyz");
        // It prints its line once it serves.
        self.replicas[which].as_ref().unwrap().url();
        eventually("it is ready", || (self.world.http("GET", &ready, &[], "").status == 200).then_some(()));
    }

    /// Ends it as a service manager does.
    #[track_caller]
    pub(crate) fn stop(&mut self, which: usize) {
        let mut program = self.replicas[which].take().unwrap();
        program.signal("TERM");
        let status = program.wait();
        assert!(status.success(), "{status}: {}", program.printed());
    }

    /// Ends it with no time to do anything.
    #[track_caller]
    pub(crate) fn kill(&mut self, which: usize) {
        let mut program = self.replicas[which].take().unwrap();
        program.signal("KILL");
        program.wait();
    }

    /// Request ids of calls that began there and have no outcome.
    pub(crate) fn unfinished(&self, which: usize) -> BTreeSet<String> {
        let mut open = BTreeSet::new();
        for record in self.audit(which) {
            let id = record["requestId"].as_str().unwrap_or_default().to_owned();
            match record["eventType"].as_str() {
                Some("execution_started") => open.insert(id),
                _ => open.remove(&id),
            };
        }
        open
    }

    /// How many records of outcomes there are.
    pub(crate) fn records(&self, which: usize) -> usize {
        self.audit(which).iter().filter(|record| record["eventType"] == "tool_execution").count()
    }

    /// The trail of one; a line that is being written is left out.
    fn audit(&self, which: usize) -> Vec<Value> {
        let path: PathBuf = self.world.path(&format!("state-{which}/instances/replica-{which}/audit.log"));
        let text = fs::read_to_string(path).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// One call that goes well.
    #[track_caller]
    pub(crate) fn call(&self, id: &str) {
        let http = HttpClient::new(ClientOptions::default()).unwrap();
        let call = load::call(&http, &self.entrance(), id);
        assert!(call.is_right(), "{call:?}");
    }

    /// The events of one of them, through nginx; returns once they flow.
    #[track_caller]
    pub(crate) fn follow(&self) -> Events {
        let mut stream = TcpStream::connect(&self.entrance).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /v1/audit/events?follow=1 HTTP/1.1\r\nHost: {}\r\n\r\n", self.entrance).unwrap();
        let mut events = Events(BufReader::new(stream));
        events.until("text/event-stream");
        events
    }
}

/// A stream of events.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    /// The first line with this text.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream ended before {text}");
            if line.contains(text) {
                return line;
            }
        }
    }
}
