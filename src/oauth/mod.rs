//! OAuth 2 and OpenID Connect, as values: keys and tokens, scopes, requests to an issuer and its answers.
//!
//! `keys` is the one file that names the signature crate, `scope` holds the subset rule. Nothing here decides who may do what; that
//! is `access`.

pub mod claims;
pub mod client;
pub mod introspection;
pub mod jwks;
pub mod jwt;
pub mod keys;
pub mod metadata;
pub mod scope;
