//! What was done (contract 11): one JSON object a line, chained by hashes, durable before the answer leaves.
//!
//! Key types: [`event::Event`], what a record says; [`chain`], which seals records into a chain and verifies one (pure);
//! [`log::AuditLog`], the file. A record names the path's template, never the filled path, and holds no secret.

pub mod chain;
pub mod event;
pub mod log;
pub mod query;
