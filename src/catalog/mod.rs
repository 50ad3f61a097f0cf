//! The normalized tool catalog (NTC, contract 6): its format, and how it is made from operations.
//!
//! Key types: [`Catalog`] and what it holds, exactly as on the wire. `files` tells which members of a
//! multipart body are files, `naming` decides groups, commands and flag names, `safety` what a call may do, `tool`
//! turns one operation into a [`Tool`], `derive` gives the descriptions of one source their service ids, `build` puts a catalog
//! together (pure), `workflows` binds steps to its tools, `view` filters and serializes it, `lock` makes it a file for review and finds
//! what changed since, `gather` brings the documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::base::id::{ServiceId, SourceId, ToolId};
pub use crate::base::schema::Schema;
use crate::config::Location;

pub mod build;
pub mod derive;
pub mod files;
pub mod fingerprint;
pub mod gather;
pub mod lock;
pub mod naming;
pub mod safety;
pub mod slim;
pub mod tool;
pub mod view;
pub mod workflows;

/// The value of `catalogVersion`.
pub const CATALOG_VERSION: &str = "1.0.0";

/// The whole catalog. No other root keys exist on the wire.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalog {
    /// [`CATALOG_VERSION`].
    pub catalog_version: String,
    /// RFC 3339.
    pub generated_at: String,
    /// Changes exactly when content does: `sha256:<hex>`.
    pub source_fingerprint: String,
    /// Sorted by id.
    pub sources: Vec<SourceRecord>,
    /// Sorted by id.
    pub services: Vec<ServiceRecord>,
    /// Sorted by id.
    pub tools: Vec<Tool>,
    /// Sorted by id.
    #[serde(default)]
    pub workflows: Vec<Workflow>,
    /// `discover` first, then one per profile, by name.
    pub effective_views: Vec<View>,
    /// What the workflows are bound from.
    #[serde(skip)]
    pub plans: Vec<Arc<workflows::Plan>>,
    /// The overlays that the config had for services.
    #[serde(skip)]
    pub overlays: BTreeMap<ServiceId, Vec<Location>>,
}

/// A source and how it was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Key of `sources`.
    pub id: SourceId,
    /// `openapi`, `serviceRoot`, `apiCatalog` or `mcp`.
    #[serde(rename = "type")]
    pub kind: String,
    /// As configured. On the wire without a query, which may hold a key (H24).
    #[serde(serialize_with = "without_query")]
    pub uri: String,
    /// What was fetched.
    pub provenance: Provenance,
}

fn without_query<S: Serializer>(uri: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(public_uri(uri))
}

/// Where a source is, as it may be shown: an address without what may be a key, a file as it is.
pub fn public_uri(uri: &str) -> &str {
    let begins = |scheme: &str| uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let is_address = begins("http://") || begins("https://");
    uri.split(['?', '#']).next().filter(|_| is_address).unwrap_or(uri)
}

/// How a source's documents were found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// `explicit`, `rfc9727` or `rfc8631`.
    pub method: String,
    /// RFC 3339.
    pub at: String,
    /// In order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetches: Vec<FetchRecord>,
    /// Which descriptions the services were read from; not on the wire.
    #[serde(skip)]
    pub descriptions: Vec<derive::Described>,
}

/// One fetch; the store's record of it.
pub use crate::fetch::FetchRecord;

/// OpenAPI's own terms, which the catalog takes over as they are.
pub use crate::openapi::{AuthAlternative, AuthRequirement, Encoding, OAuthFlow, Place, Style};

/// What skill manifests say of a tool.
pub use crate::skills::{Guidance, GuidanceExample};

/// Workflows whose steps are bound to tools.
pub use crate::arazzo::{Workflow, WorkflowStep};

/// A service: one API as people name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRecord {
    /// Key of `services`, or derived.
    pub id: ServiceId,
    /// What people type; the id when none is configured.
    pub alias: String,
    /// Where it comes from.
    pub source_id: SourceId,
    /// The description's title.
    pub title: String,
    /// Base URLs.
    #[serde(default)]
    pub servers: Vec<String>,
}

/// One operation of one service, as callers see it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// `<service>:<operationId>` or `<service>:<method>:<path>`.
    pub id: ToolId,
    /// Its service.
    pub service_id: ServiceId,
    /// As published, without suffix.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operation_id: String,
    /// Upper case.
    pub method: String,
    /// Template with `{name}`.
    pub path: String,
    /// Second command word.
    pub group: String,
    /// Third command word.
    pub command: String,
    /// Other words for the command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// One line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Left out of listings unless asked for.
    #[serde(default)]
    pub hidden: bool,
    /// Its publisher advises against it (ours).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// In the order of the template.
    #[serde(default)]
    pub path_params: Vec<Parameter>,
    /// Query, header and cookie parameters.
    #[serde(default)]
    pub flags: Vec<Parameter>,
    /// What body it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_body: Option<RequestBody>,
    /// The outer list is OR; an empty one means no auth. An alternative without requirements means auth is optional.
    #[serde(default)]
    pub auth_alternatives: Vec<AuthAlternative>,
    /// All requirements of all alternatives, each once.
    #[serde(default)]
    pub auth: Vec<AuthRequirement>,
    /// What calling it may do.
    pub safety: Safety,
    /// How its answer is shown.
    #[serde(default, skip_serializing_if = "Output::is_empty")]
    pub output: Output,
    /// How to ask for more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// Whether to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// When to use it, from skill manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance: Option<Guidance>,
    /// Base URLs in order; the first is used.
    #[serde(default)]
    pub servers: Vec<String>,
    /// For tools that are no plain HTTP operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
}

impl Tool {
    /// Media types of the body it takes, in the publisher's order; none without a body.
    pub fn body_types(&self) -> Vec<&str> {
        let contents = self.request_body.iter().flat_map(|body| &body.content_types);
        contents.map(|content| content.media_type.as_str()).collect()
    }
}

/// A path parameter or a flag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// What people type: unique among the tool's flags.
    pub name: String,
    /// As published.
    pub original_name: String,
    /// Where it goes.
    pub location: Place,
    /// Whether it must be given.
    #[serde(default)]
    pub required: bool,
    /// JSON Schema, standing alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
    /// Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// OpenAPI `style`, always filled.
    #[serde(default)]
    pub style: Style,
    /// OpenAPI `explode`, always filled.
    #[serde(default)]
    pub explode: bool,
    /// OpenAPI `allowReserved`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_reserved: bool,
    /// The media type when the parameter is described by `content` instead of `schema`: its value is sent as that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Its publisher advises against it (ours).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// One that the publisher gives beside the schema (ours); absent in summaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
}

/// The body an operation takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestBody {
    /// Whether it must be given.
    #[serde(default)]
    pub required: bool,
    /// In the publisher's order.
    #[serde(default)]
    pub content_types: Vec<BodyContent>,
}

/// One media type of a body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BodyContent {
    /// As published.
    pub media_type: String,
    /// JSON Schema, standing alone; absent in summaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
    /// How properties of a form are written, by name (ours); only those of which the description says something.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub encoding: BTreeMap<String, Encoding>,
    /// One that the publisher gives beside the schema (ours); absent in summaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
}

/// What calling a tool may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Safety {
    /// Changes nothing.
    pub read_only: bool,
    /// May destroy.
    pub destructive: bool,
    /// Needs `approval: true`.
    pub requires_approval: bool,
    /// Repeating it has no further effect.
    pub idempotent: bool,
}

/// How an answer is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Columns of a table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_fields: Vec<String>,
    /// Fields never shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redactions: Vec<String>,
}

impl Output {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.default_fields.is_empty() && self.redactions.is_empty()
    }
}

/// How to ask for more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// `cursor`, `page`, `offset`, `link`, ..
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub style: String,
    /// Parameter that takes the cursor.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cursor_param: String,
    /// Parameter that takes the page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub page_param: String,
    /// Parameter that takes the page's size.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub limit_param: String,
    /// Where the items stand in an answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub items_path: String,
    /// Where the next cursor or URL stands in an answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next_path: String,
}

/// Whether to try again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// The publisher says a retry is safe.
    pub recommended: bool,
    /// Header that names where the outcome will be.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub location_header: String,
}

/// What stands behind a tool that is no plain HTTP operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backend {
    /// `mcp`.
    pub kind: String,
    /// Its source.
    pub source_id: String,
    /// The server's own name of the tool.
    pub tool_name: String,
    /// `stdio`, `sse` or `streamable-http`.
    pub transport: String,
    /// Whether the tool's input is no object and was wrapped in one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub input_wrapped: bool,
}

/// What `discover` or a profile shows. In a full catalog `tools` holds whole tools; in a summary each is `{"id": ..}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct View {
    /// `discover`, or the profile's name.
    pub name: String,
    /// `discover` or `curated`.
    pub mode: String,
    /// Sorted by id.
    pub tools: Vec<ViewTool>,
}

/// A tool of a view, as far as this program reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewTool {
    /// Its id.
    pub id: ToolId,
}

#[cfg(test)]
mod tests;
