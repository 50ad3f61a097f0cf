//! `sources.<id>` and `services.<id>`.

use super::reader::{Fields, Reader, header_error, name_error};
use crate::base::id::SourceId;
use crate::base::redacted::Redacted;
use crate::config::node::Node;
use crate::config::variant;
use crate::config::{Location, McpEndpoint, McpSource, McpTransport, Refresh, Service, Source, SourceKind};

/// Ten years.
const MAX_AGE: u64 = 315_360_000;

/// A day.
const MAX_TIMEOUT: u64 = 86_400;

/// Most documents, arguments or tools in one list.
const MAX_ITEMS: usize = 1000;

#[derive(Clone, Copy)]
enum SourceType {
    OpenApi,
    ServiceRoot,
    ApiCatalog,
    Mcp,
}

const SOURCE_TYPES: &[(&str, SourceType)] = &[
    ("openapi", SourceType::OpenApi),
    ("serviceRoot", SourceType::ServiceRoot),
    ("apiCatalog", SourceType::ApiCatalog),
    ("mcp", SourceType::Mcp),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum TransportType {
    Stdio,
    Sse,
    StreamableHttp,
}

const TRANSPORT_TYPES: &[(&str, TransportType)] =
    &[("stdio", TransportType::Stdio), ("sse", TransportType::Sse), ("streamable-http", TransportType::StreamableHttp)];

impl Reader<'_, '_> {
    pub(super) fn source(&mut self, node: &Node) -> Option<Source> {
        const KNOWN: &[&str] = &["type", "uri", "enabled", "refresh", "transport", "disabledTools", "oauth"];
        let fields = self.fields(node, KNOWN)?;
        variant::SOURCE.refuse_foreign(node, self.problems);
        let kind = self.required(fields, "type").and_then(|node| self.choice(node, SOURCE_TYPES));
        let enabled = fields.get("enabled").and_then(|node| self.boolean(node)).unwrap_or(true);
        let refresh = fields.get("refresh").and_then(|node| self.refresh(node)).unwrap_or_default();
        // Everything that is there is read, so that every problem shows, whatever the type.
        let location = fields.get("uri").and_then(|node| self.location(node));
        let mcp = self.mcp_source(fields);
        let (uri, kind) = match kind? {
            SourceType::Mcp => {
                self.required(fields, "transport")?;
                let mcp = mcp?;
                (mcp_uri(&mcp.transport), SourceKind::Mcp(Box::new(mcp)))
            }
            document => {
                let written = self.required(fields, "uri")?.text()?.to_owned();
                let location = location?;
                let uri = match &location {
                    Location::File(_) => written,
                    Location::Remote(url) => url.public().to_owned(),
                };
                (uri, document_kind(document, location))
            }
        };
        Some(Source { enabled, refresh, uri, kind })
    }

    fn refresh(&mut self, node: &Node) -> Option<Refresh> {
        let fields = self.fields(node, &["maxAgeSeconds", "manualOnly"])?;
        let max_age = fields.get("maxAgeSeconds").and_then(|node| self.seconds(node, 0, MAX_AGE));
        let manual_only = fields.get("manualOnly").and_then(|node| self.boolean(node)).unwrap_or(false);
        Some(Refresh { max_age, manual_only })
    }

    fn mcp_source(&mut self, fields: Fields<'_>) -> Option<McpSource> {
        let disabled_tools =
            fields.get("disabledTools").and_then(|node| self.list(node, MAX_ITEMS, Self::text)).unwrap_or_default();
        let oauth = fields.get("oauth").map(|node| (node, self.client_credentials(node)));
        let transport = fields.get("transport")?;
        let kind = transport.get("type").and_then(Node::text);
        if let (Some((node, _)), Some("stdio" | "sse")) = (&oauth, kind) {
            self.problems.error(&node.origin, "`oauth` goes with a `streamable-http` transport only");
        }
        let transport = self.transport(transport)?;
        Some(McpSource { transport, disabled_tools, oauth: oauth.and_then(|(_, oauth)| oauth) })
    }

    fn transport(&mut self, node: &Node) -> Option<McpTransport> {
        const KNOWN: &[&str] = &["type", "command", "args", "env", "url", "headers", "headerSecrets"];
        let fields = self.fields(node, KNOWN)?;
        variant::TRANSPORT.refuse_foreign(node, self.problems);
        let kind = self.required(fields, "type").and_then(|node| self.choice(node, TRANSPORT_TYPES));
        let command = fields.get("command").and_then(|node| self.text(node));
        let args = fields.get("args").and_then(|node| self.list(node, MAX_ITEMS, Self::any_text)).unwrap_or_default();
        let env = fields
            .get("env")
            .and_then(|node| self.map(node, name_error, |reader, _, node| reader.any_text(node).map(Redacted::new)));
        let url = fields.get("url").and_then(|node| self.url(node));
        let headers = fields.get("headers").and_then(|node| {
            self.map(node, header_error, |reader, _, node| reader.header_value(node).map(Redacted::new))
        });
        let header_secrets = fields
            .get("headerSecrets")
            .and_then(|node| self.map(node, header_error, |reader, _, node| reader.text(node)));
        if kind? == TransportType::Stdio {
            self.required(fields, "command")?;
            return Some(McpTransport::Stdio { command: command?, args, env: env.unwrap_or_default() });
        }
        self.required(fields, "url")?;
        let endpoint = McpEndpoint {
            url: url?,
            headers: headers.unwrap_or_default(),
            header_secrets: header_secrets.unwrap_or_default(),
        };
        Some(match kind? {
            TransportType::Sse => McpTransport::Sse(endpoint),
            _ => McpTransport::StreamableHttp(endpoint),
        })
    }

    fn header_value(&mut self, node: &Node) -> Option<String> {
        let text = self.any_text(node)?;
        if text.contains(['\r', '\n', '\0']) {
            self.problems.error(&node.origin, "a header value may not hold a line break or NUL");
            return None;
        }
        Some(text)
    }

    pub(super) fn service(&mut self, node: &Node) -> Option<Service> {
        const KNOWN: &[&str] = &["source", "alias", "overlays", "skills", "workflows", "server", "timeoutSeconds"];
        let fields = self.fields(node, KNOWN)?;
        let source = self.required(fields, "source").and_then(|node| self.id(node));
        let alias = fields.get("alias").and_then(|node| self.id(node));
        let overlays = self.locations(fields.get("overlays"));
        let skills = self.locations(fields.get("skills"));
        let workflows = self.locations(fields.get("workflows"));
        let server = fields.get("server").and_then(|node| self.url(node));
        let timeout = fields.get("timeoutSeconds").and_then(|node| self.seconds(node, 1, MAX_TIMEOUT));
        Some(Service { source: SourceId::new(source?), alias, overlays, skills, workflows, server, timeout })
    }

    fn locations(&mut self, node: Option<&Node>) -> Vec<Location> {
        node.and_then(|node| self.list(node, MAX_ITEMS, Self::location)).unwrap_or_default()
    }
}

fn document_kind(kind: SourceType, location: Location) -> SourceKind {
    match kind {
        SourceType::ServiceRoot => SourceKind::ServiceRoot(location),
        SourceType::ApiCatalog => SourceKind::ApiCatalog(location),
        _ => SourceKind::OpenApi(location),
    }
}

fn mcp_uri(transport: &McpTransport) -> String {
    match transport {
        McpTransport::Stdio { command, .. } => command.clone(),
        McpTransport::Sse(endpoint) | McpTransport::StreamableHttp(endpoint) => endpoint.url.public().to_owned(),
    }
}
