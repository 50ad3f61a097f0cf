//! What every layer stands on: names, patterns, addresses, documents, and the thin edge to the machine.
//!
//! Effect files are `disk`, `host`, `log` and `process`; everything else here is pure.

pub mod count;
pub mod digest;
pub mod disk;
pub mod document;
pub mod form;
pub mod histogram;
pub mod host;
pub mod id;
pub mod json;
pub mod keyboard;
pub mod log;
pub mod members;
pub mod name;
pub mod pace;
pub mod page;
pub mod pattern;
pub mod places;
pub mod process;
pub mod program;
pub mod redacted;
pub mod schema;
pub mod seal;
pub mod serial;
pub mod time;
pub mod trace;
pub mod url;
