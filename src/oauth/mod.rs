//! OAuth 2 and OpenID Connect, as values: keys and tokens, scopes, requests to an issuer and its answers.
//!
//! `keys` is the one file that names the signature crate, `scope` holds the subset rule. The client's side: `grant` and `answer` are
//! the two halves of one exchange with a token endpoint, `endpoint` carries it out, `pkce`, `redirect` and `page` are a login at a browser as
//! values, `flow` waits for one, `store` keeps tokens, `peek` reads what a token says about itself. Nothing here decides who may do what; that is `access`.

pub mod answer;
pub mod browser;
pub mod claims;
pub mod client;
pub mod endpoint;
pub mod flow;
pub mod grant;
pub mod introspection;
pub mod jwks;
pub mod jwt;
pub mod keys;
pub mod metadata;
pub mod page;
pub mod peek;
pub mod pkce;
pub mod redirect;
pub mod scope;
pub mod store;
