//! A tool and arguments to a request, and its answer (contract 7).
//!
//! `request` builds the request (pure), `credentials` chooses an auth alternative, `retry` decides the next step (pure), `run`
//! performs.

pub mod credentials;
pub mod request;
pub mod retry;
pub mod run;
