//! What was done (contract 11): one JSON object a line, chained by hashes, durable before the answer leaves.

pub mod chain;
pub mod event;
pub mod log;
