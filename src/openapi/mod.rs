//! OpenAPI documents to operations (pure).
//!
//! `document` checks what a document is, `refs` resolves `$ref`s without fetching anything (it says which documents it
//! wants), `servers` resolves base URLs, `operations` lists operations in document order with everything resolved.

pub mod document;
pub mod operations;
pub mod refs;
pub mod servers;
