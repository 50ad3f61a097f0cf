//! `GET /openapi.json`.

use std::sync::LazyLock;

use super::super::describe;
use super::super::router::{Exchange, Outcome};
use super::super::snapshot::Ready;
use super::validated;

/// It is the same for every toolbox of a version, so it is made once.
static DESCRIPTION: LazyLock<Ready> = LazyLock::new(|| Ready::new(describe::document().to_string().into_bytes()));

/// What this API is; whoever asks may know, and keep it.
pub fn page(exchange: &Exchange<'_>) -> Outcome {
    let mut answer = validated(&DESCRIPTION, &exchange.request.headers);
    answer.headers.set("Cache-Control", "public, no-cache").expect("it is printable");
    Ok(answer)
}
