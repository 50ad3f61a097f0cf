//! Clients that call one tool after the other, each over a connection of its own, and remember what became of every call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use open_cli::base::host::Deadline;
use open_cli::base::url::Url;
use open_cli::http::client::{ClientOptions, HttpClient};
use open_cli::http::{Headers, Limits, Method, Reach, Request, Transport};
use serde_json::{Value, json};

use crate::program::{PATIENCE, eventually};

/// What became of a call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The job, which is also the request id.
    pub(crate) id: String,
    /// 0 when no answer came.
    pub(crate) status: u16,
    body: String,
}

impl Call {
    /// Whether this is the answer to this call and no other.
    pub(crate) fn is_right(&self) -> bool {
        let answer: Value = serde_json::from_str(&self.body).unwrap_or_default();
        self.status == 200 && answer["statusCode"] == 200 && answer["body"]["ran"] == *self.id
    }
}

/// The clients at work.
pub(crate) struct Load {
    calls: Arc<Mutex<Vec<Call>>>,
    enough: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn begin(clients: usize, entrance: &str) -> Self {
        let (calls, enough) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let client = |number| {
            let (calls, enough, entrance) = (Arc::clone(&calls), Arc::clone(&enough), entrance.to_owned());
            std::thread::spawn(move || {
                let http = HttpClient::new(ClientOptions::default()).unwrap();
                for round in 0.. {
                    if enough.load(Ordering::SeqCst) {
                        return;
                    }
                    let call = call(&http, &entrance, &format!("{number}-{round}"));
                    calls.lock().unwrap().push(call);
                }
            })
        };
        let clients = (0..clients).map(client).collect();
        Self { calls, enough, clients }
    }

    /// Waits until so many more calls are over.
    #[track_caller]
    pub(crate) fn until_more(&self, count: usize) {
        let before = self.calls.lock().unwrap().len();
        eventually("the load goes on", || (self.calls.lock().unwrap().len() >= before + count).then_some(()));
    }

    /// Waits until so many calls have failed.
    #[track_caller]
    pub(crate) fn until_failed(&self, count: usize) {
        let failed = || self.calls.lock().unwrap().iter().filter(|call| call.status != 200).count();
        eventually("calls have failed", || (failed() >= count).then_some(()));
    }

    /// Lets every client end its call.
    pub(crate) fn end(self) -> Vec<Call> {
        self.enough.store(true, Ordering::SeqCst);
        self.clients.into_iter().for_each(|client| client.join().unwrap());
        self.calls.lock().unwrap().clone()
    }
}

/// One call of the job's tool.
pub(crate) fn call(http: &HttpClient, entrance: &str, id: &str) -> Call {
    let request = Request {
        method: Method::Post,
        url: Url::parse(&format!("{entrance}/v1/tools/execute")).unwrap(),
        headers: Headers::new().with("Content-Type", "application/json").with("X-Request-ID", id),
        body: json!({ "toolId": "jobs:runJob", "pathArgs": [id] }).to_string().into_bytes(),
    };
    let limits = Limits { deadline: Deadline::after(PATIENCE), max_body: 1 << 20, reach: Reach::Named };
    let (status, body) = match http.send(&request, limits) {
        Ok(answer) => (answer.status, String::from_utf8_lossy(&answer.body).into_owned()),
        Err(error) => (0, error.to_string()),
    };
    Call { id: id.to_owned(), status, body }
}
