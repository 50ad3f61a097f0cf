//! Answers against the API's description: every answer that a test of this room gets is one that is described.

use super::*;
use crate::contract::Problem;
use crate::server::describe::{Content, Operation, failures};
use crate::server::router;

/// Panics when a route answers what its description does not say.
#[track_caller]
pub(super) fn check(method: &str, path: &str, reply: &Reply) {
    let Some(route) = router::find(path).map(|at| &ROUTES[at]) else { return };
    let Some((_, says)) = route.operations().into_iter().find(|(known, _)| *known == method) else {
        return assert_eq!(reply.status, 405, "{method} {path}");
    };
    let kind = reply.headers.get("Content-Type").unwrap_or("");
    match reply.status {
        200 => assert!(kind.starts_with(kind_of(says)), "{method} {path}: {kind}"),
        304 => assert!(says.validated, "{method} {path}"),
        status => {
            let code = match kind {
                "application/problem+json" => serde_json::from_str::<Problem>(&reply.text).unwrap().code,
                _ => reply.text.clone(),
            };
            let described = failures(route, says).remove(&status).unwrap_or_default();
            assert!(described.iter().any(|known| known.as_str() == code), "{method} {path}: {status} {code}");
        }
    }
    assert_eq!(reply.headers.get("ETag").is_some(), says.validated && reply.status < 400, "{method} {path}");
}

fn kind_of(says: &Operation) -> &'static str {
    match says.content {
        Content::Json(_) | Content::Records | Content::Execution => "application/json",
        Content::Metrics => "text/plain",
    }
}

#[test]
fn the_description_is_open_and_kept_by_its_validator() {
    let world = World::new();
    let first = world.get(path::DESCRIPTION);
    assert_eq!(first.json()["openapi"], "3.1.0");
    assert_eq!(first.headers.get("Cache-Control"), Some("public, no-cache"));
    let etag = first.headers.get("ETag").unwrap();
    let again = world.ask("GET", path::DESCRIPTION, &[("If-None-Match", etag)], "");
    assert_eq!((again.status, again.text.as_str(), again.headers.get("ETag")), (304, "", Some(etag)));
    assert_eq!(world.ask("GET", path::DESCRIPTION, &[("Authorization", "Bearer bad")], "").status, 200);
}
