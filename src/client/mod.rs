//! A runtime as seen from outside: where it is, who asks, and one method per contract call.
//!
//! Key types: [`target::Target`] (where), [`auth::Plan`] and [`auth::Credential`] (as whom; [`tokens::Tokens`] leads from one to the
//! other), [`runtime::Runtime`] (the calls),
//! [`index::Index`] (a catalog summary in the form in which one command is found without parsing all of it),
//! [`search::Searchable`] (the whole catalog in the form in which tools are found by what they are about) and
//! [`session::Session`], which puts them together with the cache on disk. Nothing here prints, and nothing looks for a runtime:
//! there is only the one that was named.

pub mod auth;
pub mod cache;
pub mod delegation;
pub mod index;
pub mod login;
pub mod runtime;
pub mod search;
pub mod session;
pub mod streaming;
pub mod target;
pub mod tokens;
pub mod upstream;
