//! Questions to a running stack, over HTTP on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::origin;
use super::plan::Plan;
use crate::base::host::Deadline;
use crate::http::client::{ClientOptions, HttpClient};
use crate::http::{Headers, Limits, Method, Reach, Request, Response, Transport};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_ANSWER: usize = 1 << 20;

/// Asks the broker with the control secret of its plan; `None` when nobody answers, or not as ours does.
pub(super) fn control(plan: &Plan, method: Method, path: &str) -> Option<Value> {
    let mut headers = Headers::new();
    headers.append("Authorization", &format!("Bearer {}", plan.secrets.control.expose())).ok()?;
    let response = send(method, plan.addrs.broker, path, headers)?;
    serde_json::from_slice(&response.body).ok().filter(|_| response.status == 200)
}

/// Whether a GET is answered with 200.
pub(super) fn answers(addr: SocketAddr, path: &str) -> bool {
    send(Method::Get, addr, path, Headers::new()).is_some_and(|response| response.status == 200)
}

fn send(method: Method, addr: SocketAddr, path: &str, headers: Headers) -> Option<Response> {
    let url = origin(addr).join(path).ok()?;
    let limits = Limits { deadline: Deadline::after(PATIENCE), max_body: MAX_ANSWER, reach: Reach::Named };
    let client = HttpClient::new(ClientOptions::default()).ok()?;
    client.send(&Request { method, url, headers, body: Vec::new() }, limits).ok()
}
