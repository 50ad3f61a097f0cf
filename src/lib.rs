//! open-cli: one governed runtime between callers and the APIs they call.
//!
//! Two programs share this library. The *toolbox* (`server`) reads API descriptions, turns them into one
//! catalog of tools, lets callers in, shows each what it may see, applies policy, holds the upstream
//! credentials, sends the request and keeps the audit trail. The *CLI* (`cli`) turns that catalog into
//! commands. They meet only through [`contract`], over HTTP.
//!
//! # The layers
//!
//! A module names only modules of lower layers; `tests/architecture.rs` holds it.
//!
//! | layer | modules |
//! | --- | --- |
//! | 0 | [`base`]: names, patterns, URLs, JSON and YAML documents, disk, host, log |
//! | 1 | [`http`]: requests out and in · [`config`]: files to one typed `Config` |
//! | 2 | [`secrets`]: a reference to its value · [`fetch`]: documents with a cache |
//! | 3 | [`instance`]: identity, directories, lock · [`oauth`]: keys, tokens, scopes · [`openapi`]: documents to operations · [`discovery`]: catalogs and roots to descriptions |
//! | 5 | [`catalog`]: operations to tools, views, the catalog's format |
//! | 6 | [`contract`]: the wire · [`audit`]: what was done · [`upstream`]: tokens for upstream calls |
//! | 7 | [`access`]: who may do what · [`execute`]: a tool and arguments to a request, and its answer |
//! | 8 | [`server`]: the toolbox · [`client`]: a runtime as seen from outside |
//! | 9 | [`cli`]: the command line · [`eval`]: programs to try all of it with |
//! | 10 | [`fuzz`]: promises of what reads foreign bytes |
//!
//! # The life of one command
//!
//! `open-cli helpdesk tickets get T-1`: [`cli`] splits the arguments once, [`config`] and [`client`] find
//! the runtime, the cached catalog summary resolves the words to a tool, its flags are bound and
//! checked, and one POST goes out. In the toolbox [`server`] finds the principal, its envelope and the
//! policy's decision ([`access`]), [`execute`] builds the request and sends it with the credentials that
//! belong there, [`audit`] makes the record durable, and only then the answer leaves.

pub mod base;

pub mod config;
pub mod http;

pub mod fetch;
pub mod secrets;

pub mod discovery;
pub mod instance;
pub mod oauth;
pub mod openapi;

pub mod catalog;

pub mod access;
pub mod audit;
pub mod contract;
pub mod upstream;

pub mod execute;

pub mod client;
pub mod server;

pub mod cli;
pub mod eval;

pub mod fuzz;

/// The version of all three programs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
