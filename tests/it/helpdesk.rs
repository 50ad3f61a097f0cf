//! The APIs that the pages of `docs` call, from their descriptions in `testdata/docs`: each answers something that fits.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};

use crate::heard::Heard;

const DESCRIPTIONS: [(&str, &str); 4] = [
    ("/helpdesk.json", include_str!("../../testdata/docs/helpdesk.json")),
    ("/files.json", include_str!("../../testdata/docs/files.json")),
    ("/github.json", include_str!("../../testdata/docs/github.json")),
    ("/openapi.json", include_str!("../../testdata/docs/petstore.json")),
];

const TICKET: &str = r#"{"id":"T-1","title":"Printer on fire","state":"open"}"#;

/// Starts them, and says where.
pub(crate) fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the test's process; nobody waits for it.
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || serve(&connection));
        }
    });
    origin
}

fn serve(mut connection: &TcpStream) {
    let mut reader = BufReader::new(connection);
    while let Some(heard) = Heard::read(&mut reader) {
        let (media, body) = answer(&heard);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n", body.len());
        if connection.write_all(&[head.as_bytes(), body.as_bytes()].concat()).is_err() {
            return;
        }
    }
}

fn answer(heard: &Heard) -> (&'static str, String) {
    let (path, query) = heard.target().split_once('?').unwrap_or((heard.target(), ""));
    if let Some((_, text)) = DESCRIPTIONS.iter().find(|(name, _)| *name == path) {
        return ("application/json", (*text).to_owned());
    }
    match path {
        // The second page is the last one.
        "/tickets" if heard.line().starts_with("GET") && query.contains("page=2") => {
            ("application/json", r#"{"items":[]}"#.to_owned())
        }
        "/tickets" if heard.line().starts_with("GET") => ("application/json", format!(r#"{{"items":[{TICKET}]}}"#)),
        "/events" | "/chat" => ("text/event-stream", "data: {\"n\":1}\n\n".to_owned()),
        _ if path.starts_with("/attachments/") => ("image/png", "\u{1}\u{2}".to_owned()),
        _ => ("application/json", TICKET.to_owned()),
    }
}
