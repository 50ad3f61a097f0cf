//! What kind of document this is, by its bytes and the media type it came with. Pure.
//!
//! Publishers give wrong media types often, so the bytes decide; the media type counts where they could be two things. Whether a
//! description is a good one is not judged here.

use crate::base::document::{self, DocumentError};
use crate::base::members::{Members, items};
use crate::http::media_type;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An OpenAPI description, of any version 3.
    OpenApi,
    /// A Swagger 2.0 description.
    Swagger,
    /// A linkset in JSON, in either shape (RFC 9264).
    Linkset,
    /// A linkset in the syntax of `Link` fields (RFC 9264 section 4.1).
    LinksetText,
    /// Workflows.
    Arazzo,
    /// Changes to a description.
    Overlay,
    /// Guidance for tools.
    SkillManifest,
    /// `mcpServers`, the file that MCP clients read.
    McpServers,
    /// Messages, not operations.
    AsyncApi,
    /// A collection of requests.
    Postman,
    /// A schema in introspection form.
    GraphQl,
    /// A JSON Schema by itself.
    JsonSchema,
    /// A page for people, or another text in angle brackets.
    Html,
    /// Nothing but white space.
    Empty,
    /// JSON or YAML of no kind that is known here.
    Structured,
    /// None of these; text for people, or something binary.
    Other,
}

impl Kind {
    /// As it reads in a sentence, with its article.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenApi => "an OpenAPI description",
            Self::Swagger => "a Swagger 2.0 description",
            Self::Linkset | Self::LinksetText => "a linkset",
            Self::Arazzo => "an Arazzo document",
            Self::Overlay => "an Overlay document",
            Self::SkillManifest => "a skill manifest",
            Self::McpServers => "a list of MCP servers",
            Self::AsyncApi => "an AsyncAPI description",
            Self::Postman => "a Postman collection",
            Self::GraphQl => "a GraphQL introspection result",
            Self::JsonSchema => "a JSON Schema",
            Self::Html => "an HTML or XML page",
            Self::Empty => "empty",
            Self::Structured => "a document of no kind that is known here",
            Self::Other => "neither JSON nor YAML",
        }
    }

    /// Whether it describes an HTTP API in a form that becomes tools.
    pub fn is_description(self) -> bool {
        matches!(self, Self::OpenApi | Self::Swagger)
    }

    /// Whether it is a linkset of either form.
    pub fn is_linkset(self) -> bool {
        matches!(self, Self::Linkset | Self::LinksetText)
    }
}

/// A document, read as far as its kind needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub kind: Kind,
    /// JSON text for what is JSON or YAML, the text itself for [`Kind::LinksetText`], why it cannot be read for [`Kind::Other`], else
    /// empty.
    pub text: String,
}

impl Seen {
    /// What it is, as it reads in a sentence, and for what cannot be read why.
    pub fn what(&self) -> String {
        match self.kind {
            Kind::Other => format!("{} ({})", self.kind.as_str(), self.text),
            kind => kind.as_str().to_owned(),
        }
    }
}

/// Finds out what these bytes are. `content_type` may be empty.
pub fn classify(bytes: Vec<u8>, content_type: &str) -> Seen {
    if let Some(text) = linkset_text(&bytes, content_type) {
        return Seen { kind: Kind::LinksetText, text };
    }
    match document::json_text(bytes) {
        Ok(text) => Seen { kind: structured(&text), text },
        Err(DocumentError::Html) => Seen { kind: Kind::Html, text: String::new() },
        Err(DocumentError::Empty) => Seen { kind: Kind::Empty, text: String::new() },
        Err(error) => Seen { kind: Kind::Other, text: error.to_string() },
    }
}

/// The text form begins like a page; its media type, or a parameter after the first target, tells it apart.
fn linkset_text(bytes: &[u8], content_type: &str) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let inside = text.trim_start_matches('\u{feff}').trim_start().strip_prefix('<')?;
    let declared = media_type(content_type) == "application/linkset";
    let (target, rest) = inside.split_once('>')?;
    let looks = !target.contains(char::is_whitespace) && rest.trim_start().starts_with(';') && rest.contains("rel");
    (declared || looks).then(|| text.to_owned())
}

fn structured(text: &str) -> Kind {
    let Some(root) = Members::of(text) else { return Kind::Structured };
    let has = |name: &str| root.get(name).is_some();
    let first = [
        ("openapi", Kind::OpenApi),
        ("swagger", Kind::Swagger),
        ("arazzo", Kind::Arazzo),
        ("overlay", Kind::Overlay),
        ("asyncapi", Kind::AsyncApi),
        ("toolGuidance", Kind::SkillManifest),
        ("mcpServers", Kind::McpServers),
        ("linkset", Kind::Linkset),
        ("__schema", Kind::GraphQl),
    ];
    if let Some((_, kind)) = first.iter().find(|(name, _)| has(name)) {
        return *kind;
    }
    if is_postman(&root) {
        Kind::Postman
    } else if has_links(&root) {
        Kind::Linkset
    } else if root
        .get("data")
        .and_then(|data| Members::of(data.get()))
        .is_some_and(|data| data.get("__schema").is_some())
    {
        Kind::GraphQl
    } else if root.string("$schema").is_some_and(|schema| schema.contains("json-schema.org")) || has("$defs") {
        Kind::JsonSchema
    } else {
        Kind::Structured
    }
}

fn is_postman(root: &Members<'_>) -> bool {
    let info = root.get("info").and_then(|info| Members::of(info.get())).unwrap_or_default();
    info.get("_postman_id").is_some() || info.string("schema").is_some_and(|url| url.contains("getpostman.com"))
}

/// `links` is a common word: it counts when what it holds are links.
fn has_links(root: &Members<'_>) -> bool {
    let list = root.get("links").and_then(|links| items(links.get())).unwrap_or_default();
    let first = list.first().and_then(|entry| Members::of(entry.get()));
    first.is_some_and(|entry| entry.get("href").is_some() || entry.get("anchor").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, content_type: &str, expected: Kind) {
        assert_eq!(classify(text.as_bytes().to_vec(), content_type).kind, expected, "{text}");
    }

    #[test]
    fn documents_are_known_by_their_bytes() {
        for (text, expected) in [
            ("openapi: 3.1.0", Kind::OpenApi),
            ("\u{feff}{\"openapi\": \"3.0.0\"}", Kind::OpenApi),
            ("swagger: '2.0'", Kind::Swagger),
            (r#"{"linkset": []}"#, Kind::Linkset),
            (r#"{"links": [{"href": "a", "rel": "item"}]}"#, Kind::Linkset),
            (r#"{"links": {"self": "x"}}"#, Kind::Structured),
            ("<https://h/x>; rel=\"item\"", Kind::LinksetText),
            ("arazzo: 1.0.1", Kind::Arazzo),
            ("overlay: 1.0.0", Kind::Overlay),
            ("asyncapi: 3.0.0", Kind::AsyncApi),
            (r#"{"toolGuidance": {}}"#, Kind::SkillManifest),
            (r#"{"mcpServers": {}}"#, Kind::McpServers),
            (r#"{"info": {"_postman_id": "x"}}"#, Kind::Postman),
            (r#"{"data": {"__schema": {}}}"#, Kind::GraphQl),
            ("$schema: https://json-schema.org/draft/2020-12/schema", Kind::JsonSchema),
            ("<!doctype html><p>rel</p>", Kind::Html),
            ("<html >; rel", Kind::Html),
            ("  \n", Kind::Empty),
            ("a: 1", Kind::Structured),
            ("[1]", Kind::Structured),
            ("just words", Kind::Other),
        ] {
            check(text, "text/plain", expected);
            check(text, "", expected);
        }
        assert_eq!(classify(vec![0xff, 0xfe], "").kind, Kind::Other);
    }

    #[test]
    fn the_media_type_counts_where_bytes_could_be_two_things() {
        check("<https://h/x>", "application/linkset; charset=utf-8", Kind::LinksetText);
        check("<https://h/x>", "", Kind::Html);
        check("<!doctype html><p>x</p>", "application/json", Kind::Html);
        check(r#"{"openapi": "3.1.0"}"#, "text/html", Kind::OpenApi);
    }

    #[test]
    fn what_is_structured_comes_back_as_json() {
        assert_eq!(classify(b"openapi: 3.1.0".to_vec(), "").text, r#"{"openapi":"3.1.0"}"#);
        assert_eq!(classify(b"<a>; rel=item".to_vec(), "").text, "<a>; rel=item");
    }
}
