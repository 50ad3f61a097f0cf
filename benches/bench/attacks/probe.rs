//! A decent client during an attack: fresh connections with one question each, evenly spread.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::measure::as_millis;

/// How long an answer may take to count as one.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// Asks `count` times within `span` and says how long each answer took, in milliseconds, or why there was none. Each question
/// has a thread of its own, so that a slow answer does not put off the next question.
pub(crate) fn spread(server: SocketAddr, count: u32, span: Duration) -> Vec<Result<f64, String>> {
    let start = Instant::now();
    let asked: Vec<_> = (0..count)
        .map(|number| {
            let when = start + span * number / count;
            std::thread::sleep(when.saturating_duration_since(Instant::now()));
            std::thread::spawn(move || ask(server))
        })
        .collect();
    asked.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// One question on a fresh connection.
pub(crate) fn ask(server: SocketAddr) -> Result<f64, String> {
    let start = Instant::now();
    answer(server, start + LIMIT).map(|()| as_millis(start.elapsed()))
}

fn answer(server: SocketAddr, deadline: Instant) -> Result<(), String> {
    let failed = |what: &'static str| move |error: std::io::Error| format!("{what}: {}", error.kind());
    let mut stream = TcpStream::connect_timeout(&server, LIMIT).map_err(failed("connect"))?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(failed("send"))?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("too late".to_owned());
        }
        stream.set_read_timeout(Some(left)).map_err(failed("set a time-out"))?;
        let n = stream.read(&mut buffer).map_err(failed("receive"))?;
        answer.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&answer);
        if text.contains("\r\n\r\n") {
            let status = text.lines().next().unwrap_or_default();
            return if status.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(status.to_owned()) };
        }
        if n == 0 {
            return Err("closed without an answer".to_owned());
        }
    }
}
