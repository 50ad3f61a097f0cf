//! A tool and arguments to a request, and its answer (contract 7).
//!
//! `request` builds the request from the arguments (pure), with `path` (the template), `value` (what a schema wants), `style` (how
//! OpenAPI writes it) and `body`; `binding` says which hosts the config lets a service reach and give credentials to (pure), `credentials` chooses
//! an auth alternative, `retry` decides the next step (pure), `answer` turns what came back into the wire's form (pure), `run`
//! performs. `paging` finds the next page and `polling` the end of an operation (pure), `continuation` seals where they lie.

pub mod answer;
pub mod binding;
pub mod body;
pub mod continuation;
pub mod credentials;
mod echo;
pub mod idempotency;
pub mod paging;
pub mod path;
pub mod polling;
pub mod request;
pub mod retry;
pub mod run;
pub mod style;
pub mod value;
