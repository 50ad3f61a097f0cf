//! What was done (contract 11): one JSON object a line, chained by hashes, durable before the answer leaves.
//!
//! `event` says what a record holds, `chain` seals and verifies lines (both pure), `log` takes records one after the other, `written` is
//! the file that they go into, `commit` puts together what comes at once, `journal` makes it durable, `room` keeps a place on the disk for
//! what is still to come, `segments` names the files of a trail and keeps their manifest, `read` gives pages of it without getting in the way, `verify` checks all of it.

pub mod chain;
mod commit;
mod ends;
mod error;
pub mod event;
pub(crate) mod journal;
mod lines;
pub mod log;
pub mod read;
mod room;
pub mod segments;
pub mod verify;
mod written;

pub use error::AuditError;
pub use event::{Event, EventType, Lineage, Verdict};
pub use log::{AuditLog, Rotation, Upkeep};
