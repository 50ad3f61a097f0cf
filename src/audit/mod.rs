//! What was done (contract 11): one JSON object a line, chained by hashes, durable before the answer leaves.
//!
//! `event` says what a record holds, `chain` seals and verifies lines (both pure), `log` appends to the file, `commit` puts together
//! what comes at once, `read` reads it back without getting in the way. Rotation is not here: the file grows.

pub mod chain;
mod commit;
pub mod event;
pub mod log;
pub mod read;
mod tail;

pub use event::{Event, EventType, Lineage, Verdict};
pub use log::{AuditError, AuditLog};
