//! The programs end to end: a scratch directory, a demo API, a toolbox, and commands as people type them.
//!
//! `world` builds the scene, `program` holds running processes, `ran` compares what a command printed. No test sleeps: they
//! wait for a printed line, or ask again within a deadline.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests that start processes and read their files")]

mod heard;
mod helpdesk;
mod page;
mod program;
mod publisher;
mod ran;
mod shell;
mod world;

mod answers;
mod audit;
mod auth;
mod batch;
mod bodies;
mod calls;
mod catalog;
mod checkup;
mod credentials;
mod demo_api;
mod dry_run;
mod edit;
mod evaluation;
mod examples;
mod failures;
mod front;
mod guides;
mod init;
mod input;
mod instances;
mod lock;
mod observed;
mod onward;
mod output;
mod policy;
mod publishers;
mod reload;
mod search;
mod sessions;
mod sources;
mod start;
mod terminal;
mod tour;
mod upstream_login;
mod wire;
