//! Documents by location, with a cache per instance (contract 6).
//!
//! `freshness` decides purely (use, revalidate or fetch; what an answer means for the entry), `store` keeps entries on disk,
//! `run` performs. Discovery of further documents is not here.

use serde::{Deserialize, Serialize};

pub mod freshness;
pub mod run;
pub mod store;

/// One fetch as the catalog shows it (`sources[].provenance.fetches[]`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchRecord {
    /// Without query and fragment, which may carry keys.
    pub url: String,
    /// RFC 3339.
    pub fetched_at: String,
    /// `explicit`, `rfc9727` or `rfc8631`: why it was fetched.
    pub method: String,
    /// `GET` or `HEAD`; empty for files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_method: String,
    /// The answer's; absent for files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// `miss`, `fresh_hit`, `revalidated_hit`, `refreshed` or `stale_hit`; empty for files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cache_outcome: String,
    /// The answer's `ETag`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub etag: String,
    /// The answer's `Last-Modified`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_modified: String,
    /// The answer's `Cache-Control`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cache_control: String,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expires_at: String,
    /// Whether the entry was served though it was not fresh and could not be checked.
    #[serde(default)]
    pub stale: bool,
}
