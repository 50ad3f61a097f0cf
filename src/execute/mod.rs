//! A tool and arguments to a request, and its answer (contract 7).
//!
//! `request` builds the request from the arguments (pure), with `path` (the template), `value` (what a schema wants), `check` (what
//! it allows), `style` (how OpenAPI writes it), `body`, `form` and `multipart`; `binding` says which hosts the config lets a service
//! reach and give credentials to (pure), `credentials` chooses an auth alternative, `logins` lists what a person has to log in for
//! (pure), `renewal` replaces a token that is refused, `retry` decides the next step (pure), `answer` turns what came back into the
//! wire's form (pure), `redact` and `echo` keep from it what is not to be shown (pure), `stream` passes on what comes piece by piece, `run`
//! performs. `paging` finds the next page and `polling` the end of an operation (pure), `continuation` seals where they lie, and
//! `idempotency` knows the key of a repeated call.

pub mod answer;
pub mod binding;
pub mod body;
pub mod check;
pub mod continuation;
pub mod credentials;
mod echo;
mod form;
pub mod idempotency;
pub mod logins;
mod multipart;
pub mod paging;
pub mod path;
pub mod polling;
pub mod redact;
mod renewal;
pub mod request;
pub mod retry;
pub mod run;
pub mod stream;
pub mod style;
pub mod value;
