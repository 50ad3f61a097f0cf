//! A publisher of documents that answers as it is told, and knows what it was asked.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use open_cli::base::digest::of_bytes;

use crate::heard::Heard;

/// A publisher: for each path a status, more headers and a body; status 0 closes the connection.
#[derive(Clone)]
pub(crate) struct Publisher {
    pub(crate) origin: String,
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

type Page = (u16, String, String);

impl Publisher {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let publisher = Self { origin, pages: Arc::default(), heard: Arc::default() };
        let served = publisher.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let served = served.clone();
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(&stream);
                    while let Some(request) = Heard::read(&mut reader) {
                        let Some(answer) = served.answer(&request) else { break };
                        if (&stream).write_all(&answer).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        publisher
    }

    fn answer(&self, request: &Heard) -> Option<Vec<u8>> {
        let path = request.target().to_owned();
        let (status, headers, body) = self.pages.lock().unwrap().get(&path).cloned().unwrap_or_default();
        self.heard.lock().unwrap().push(path);
        if status == 0 {
            return None;
        }
        let tag = format!("\"{}\"", &of_bytes(body.as_bytes())[..16]);
        let known = status == 200 && request.header("if-none-match") == Some(&tag);
        let (status, body) = if known { (304, String::new()) } else { (status, body) };
        let length = if known { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        Some(format!("HTTP/1.1 {status} X\r\nETag: {tag}\r\n{headers}{length}\r\n{body}").into_bytes())
    }

    pub(crate) fn page(&self, path: &str, status: u16, headers: &str, body: &str) {
        self.pages.lock().unwrap().insert(path.to_owned(), (status, headers.to_owned(), body.to_owned()));
    }

    /// How often a path was asked for since the last time.
    pub(crate) fn asked(&self, path: &str) -> usize {
        std::mem::take(&mut *self.heard.lock().unwrap()).iter().filter(|heard| *heard == path).count()
    }
}
