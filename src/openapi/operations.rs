//! Operations of a description, in document order, with everything that a request needs resolved.
//!
//! Key types: [`Description`] and [`Operation`]. How they are called, and who may call them, is decided in `catalog`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::document::{NotOpenApi, Version};
use super::encoding::{self, Encoding};
use super::examples;
use super::parameters::{Listed, Parameter, Parameters, Place, Style, merged};
use super::refs::{Node, Object, Reading, Resolver, Want};
use super::schemas::Schemas;
use super::security::{AuthAlternative, Security};
use super::servers;
use super::swagger2;
use super::{Problem, Severity};
use crate::base::schema::Schema;
use crate::http::Method;

/// Operations of one description.
pub const MAX_OPERATIONS: usize = 20_000;

/// Parameters of all operations together, each counted as often as it is used.
pub const MAX_PARAMETERS: usize = 400_000;

/// Bytes of a path.
const MAX_PATH: usize = 4096;

/// Bytes of an operation id; a longer one names nothing that people could type.
const MAX_ID: usize = 512;

/// Bytes of descriptions of all operations and their parameters together, each counted as often as it is used.
pub const MAX_WORDS: usize = 64 << 20;

/// What a description says.
#[derive(Debug, Default)]
pub struct Description {
    /// `info.title`; empty when there is none.
    pub title: String,
    /// The document's servers, absolute.
    pub servers: Vec<String>,
    /// The smallest path as text, for deriving a service id; independent of the document's order.
    pub first_path: Option<String>,
    /// In document order.
    pub operations: Vec<Operation>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Documents to supply before another pass; while there are any, the rest is not final.
    pub wants: Vec<Want>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The template; begins with `/`.
    pub path: String,
    /// As published, never empty.
    pub operation_id: Option<String>,
    /// In order.
    pub tags: Vec<String>,
    /// One line, mostly.
    pub summary: String,
    /// Markdown.
    pub description: String,
    /// The path's parameters and its own. Every `{name}` of the template has exactly one; none else is a path parameter.
    pub parameters: Vec<Arc<Parameter>>,
    /// What body it takes.
    pub body: Option<Body>,
    /// The outer list is OR; an empty one means no auth.
    pub security: Vec<AuthAlternative>,
    /// Absolute base URLs.
    pub servers: Vec<String>,
    /// Whether its publisher advises against it.
    pub deprecated: bool,
    /// Members that begin with `x-cli-`.
    pub extensions: Map<String, Value>,
    /// JSON pointer of the operation, for problems.
    pub pointer: String,
}

/// What body an operation takes.
#[derive(Clone, Debug)]
pub struct Body {
    /// Whether it must be given.
    pub required: bool,
    /// In the publisher's order.
    pub contents: Vec<Content>,
}

/// One media type of a body.
#[derive(Clone, Debug)]
pub struct Content {
    /// As published.
    pub media_type: String,
    /// Standing alone.
    pub schema: Option<Schema>,
    /// How properties of a form are written, by name.
    pub encoding: BTreeMap<String, Encoding>,
    /// One that the publisher gives beside the schema.
    pub example: Option<Value>,
}

/// Reads a description as far as its documents are there. With `servers_matter` false the config names a server for every
/// service of this source, and the publisher's are not looked at.
pub fn read(resolver: &Resolver, servers_matter: bool) -> Result<Description, NotOpenApi> {
    let reading = Reading::new(resolver)?;
    let root = reading.root();
    let (operations, first_path, servers) = Reader::new(&reading, &root, servers_matter).paths();
    Ok(Description {
        title: title(&root),
        servers,
        first_path,
        operations,
        problems: reading.problems(),
        wants: reading.wants(),
    })
}

/// People write versions and numbers into the title without quotes.
fn title(root: &Object<'_>) -> String {
    match root.object("info").and_then(|info| info.get("title")?.value()) {
        Some(Value::String(title)) => title,
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

struct Reader<'r> {
    reading: &'r Reading<'r>,
    root: &'r Object<'r>,
    schemas: Schemas<'r>,
    parameters: Parameters<'r>,
    security: Security<'r>,
    document_security: Vec<AuthAlternative>,
    servers_matter: bool,
    document_servers: Vec<String>,
    operations: Vec<Operation>,
    spent_parameters: usize,
    spent_words: usize,
}

/// What a path says about all its operations.
struct PathItem<'r> {
    path: String,
    listed: Listed<'r>,
    servers: Option<Vec<String>>,
    object: Object<'r>,
}

impl<'r> Reader<'r> {
    fn new(reading: &'r Reading<'r>, root: &'r Object<'r>, servers_matter: bool) -> Self {
        let security = Security::new(reading, root);
        Self {
            document_security: security.alternatives(root).unwrap_or_default(),
            document_servers: if servers_matter { document_servers(reading, root) } else { Vec::new() },
            schemas: Schemas::new(reading),
            parameters: Parameters::new(reading),
            security,
            reading,
            root,
            servers_matter,
            operations: Vec::new(),
            spent_parameters: 0,
            spent_words: 0,
        }
    }

    fn paths(mut self) -> (Vec<Operation>, Option<String>, Vec<String>) {
        let paths = self.root.object("paths");
        let mut first: Option<String> = None;
        for (path, node) in paths.iter().flat_map(Object::iter).filter(|(path, _)| !path.starts_with("x-")) {
            if first.as_deref().is_none_or(|first| path < first) {
                first = Some(path.to_owned());
            }
            if !self.path(path, &node) {
                break;
            }
        }
        if self.operations.is_empty() && self.reading.wants().is_empty() {
            self.reading.report(Severity::Warning, &self.root.node, "the description has no operations".to_owned());
        }
        (self.operations, first, self.document_servers)
    }

    /// Reads one path; `false` when the bounds are reached.
    fn path(&mut self, path: &str, node: &Node<'r>) -> bool {
        let Some(object) = node.object().filter(|_| path.len() <= MAX_PATH) else {
            self.error(node, "the path is no object, or longer than 4,096 bytes; it is left out".to_owned());
            return true;
        };
        let mut holders = vec![object.clone()];
        if object.string("$ref").is_some() {
            match self.reading.resolve(node) {
                Ok(target) => holders.push(target),
                Err(error) => self.error(node, format!("{error}; what it holds is left out")),
            }
        }
        let mut seen = Vec::new();
        for holder in holders {
            let item = match self.path_item(path, &object, holder) {
                Ok(item) => item,
                Err(error) => {
                    self.error(node, format!("{error}; the path is left out"));
                    continue;
                }
            };
            for (name, node) in item.object.iter() {
                let Some(method) = self.method(name, &node) else { continue };
                if !seen.contains(&method) {
                    seen.push(method);
                    self.operation(method, &item, &node);
                }
                if self.is_full(&node) {
                    return false;
                }
            }
        }
        true
    }

    /// `holder` is the path's own object, or what its `$ref` leads to; the own object's parameters and servers come first.
    fn path_item(&self, path: &str, own: &Object<'r>, holder: Object<'r>) -> Result<PathItem<'r>, String> {
        let mut listed = self.parameters.listed(&holder, &self.schemas)?;
        if holder.node.address() != own.node.address() {
            listed = merged(&listed, self.parameters.listed(own, &self.schemas)?);
        }
        let servers = self.servers(own).or_else(|| self.servers(&holder));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(PathItem { path, listed, servers, object: holder })
    }

    /// The servers that a path or an operation names for itself.
    fn servers(&self, holder: &Object<'r>) -> Option<Vec<String>> {
        match self.reading.version(&holder.node) {
            _ if !self.servers_matter => None,
            Version::V20 => swagger2::own_servers(self.reading, self.root, holder),
            _ => servers::servers(self.reading, holder),
        }
    }

    fn method(&self, name: &str, node: &Node<'r>) -> Option<Method> {
        let known =
            matches!(name, "parameters" | "servers" | "summary" | "description" | "$ref") || name.starts_with("x-");
        if known {
            return None;
        }
        let method = Method::parse(&name.to_ascii_uppercase());
        if method.is_none() {
            let message = format!("`{}` operations are not supported by this version; left out", name.escape_debug());
            self.reading.report(Severity::Warning, node, message);
        }
        method
    }

    fn operation(&mut self, method: Method, item: &PathItem<'r>, node: &Node<'r>) {
        let Some(object) = node.object() else {
            self.error(node, "the operation is no object; it is left out".to_owned());
            return;
        };
        match self.resolved(method, item, &object) {
            Ok(operation) => {
                let words = operation.parameters.iter().map(|parameter| parameter.description.len()).sum::<usize>();
                self.spent_words += words + operation.description.len();
                self.spent_parameters += operation.parameters.len();
                self.operations.push(operation);
            }
            Err(message) => self.error(node, format!("{message}; the operation is left out")),
        }
    }

    fn resolved(&self, method: Method, item: &PathItem<'r>, object: &Object<'r>) -> Result<Operation, String> {
        let listed = merged(&item.listed, self.parameters.listed(object, &self.schemas)?);
        let servers = self.servers(object).or_else(|| item.servers.clone());
        let body = match self.reading.version(&object.node) {
            Version::V20 => swagger2::body(self.reading, &self.schemas, self.root, object, &listed.body),
            _ => self.body(object)?,
        };
        let mut operation = Operation {
            method,
            path: item.path.clone(),
            operation_id: object.string("operationId").filter(|id| !id.is_empty() && id.len() <= MAX_ID),
            tags: tags(object),
            summary: object.string("summary").unwrap_or_default(),
            description: object.string("description").unwrap_or_default(),
            parameters: listed.parameters,
            body,
            security: self.security.alternatives(object).unwrap_or_else(|| self.document_security.clone()),
            servers: servers.unwrap_or_else(|| self.document_servers.clone()),
            deprecated: object.boolean("deprecated") == Some(true),
            extensions: extensions(object),
            pointer: object.node.pointer.clone(),
        };
        self.fit_to_template(&mut operation, object)?;
        Ok(operation)
    }

    fn body(&self, operation: &Object<'r>) -> Result<Option<Body>, String> {
        let Some(node) = operation.get("requestBody") else { return Ok(None) };
        let body = self.reading.resolve(&node).map_err(|error| error.to_string())?;
        let Some(content) = body.object("content") else {
            self.warn(&node, "the body names no media type; it is ignored".to_owned());
            return Ok(None);
        };
        let contents = content.iter().map(|(media_type, node)| {
            // Since 3.2 it may be a reference.
            let media = self.reading.resolve(&node).ok();
            let schema = media.as_ref().and_then(|media| media.get("schema"));
            Content {
                media_type: media_type.trim().to_owned(),
                schema: schema.map(|schema| self.schemas.standalone(&schema)),
                example: media.as_ref().and_then(|media| examples::of(self.reading, media)),
                encoding: media.map(|media| encoding::read(self.reading, media_type, &media)).unwrap_or_default(),
            }
        });
        let contents: Vec<_> = contents.filter(|content| !content.media_type.is_empty()).collect();
        let required = body.boolean("required") == Some(true);
        Ok((!contents.is_empty()).then_some(Body { required, contents }))
    }

    /// Every `{name}` gets a parameter, so that none is ever sent as it stands (H19); path parameters that the template does not
    /// have are left out.
    fn fit_to_template(&self, operation: &mut Operation, object: &Object<'r>) -> Result<(), String> {
        let names = template_names(&operation.path).ok_or("the path has a brace without its partner")?;
        operation.parameters.retain(|parameter| {
            let fits = parameter.place != Place::Path || names.contains(&parameter.name.as_str());
            if !fits {
                let name = parameter.name.escape_debug();
                self.warn(&object.node, format!("the path has no `{{{name}}}`; that parameter is left out"));
            }
            fits
        });
        for name in names {
            let declared =
                operation.parameters.iter().any(|parameter| parameter.place == Place::Path && parameter.name == name);
            if !declared {
                let message = format!(
                    "the parameter `{}` of the path is not described; it is taken as text",
                    name.escape_debug()
                );
                self.warn(&object.node, message);
                operation.parameters.push(Arc::new(undescribed(name)));
            }
        }
        Ok(())
    }

    fn is_full(&self, node: &Node<'r>) -> bool {
        let what = if self.operations.len() >= MAX_OPERATIONS {
            format!("{MAX_OPERATIONS} operations")
        } else if self.spent_parameters >= MAX_PARAMETERS {
            format!("{MAX_PARAMETERS} parameters")
        } else if self.spent_words >= MAX_WORDS {
            "64 MiB of text".to_owned()
        } else {
            return false;
        };
        self.error(node, format!("the description comes to {what} here; the rest is left out"));
        true
    }

    fn warn(&self, node: &Node<'r>, message: String) {
        self.reading.report(Severity::Warning, node, message);
    }

    fn error(&self, node: &Node<'r>, message: String) {
        self.reading.report(Severity::Error, node, message);
    }
}

fn document_servers<'r>(reading: &Reading<'r>, root: &Object<'r>) -> Vec<String> {
    match reading.version(&root.node) {
        Version::V20 => swagger2::servers(reading, root),
        _ => servers::servers(reading, root).unwrap_or_else(|| servers::default_server(reading, &root.node)),
    }
}

fn tags(object: &Object<'_>) -> Vec<String> {
    match object.get("tags").and_then(|tags| tags.value()) {
        Some(Value::Array(tags)) => tags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(tag)) => vec![tag],
        _ => Vec::new(),
    }
}

fn extensions(object: &Object<'_>) -> Map<String, Value> {
    let ours = object.iter().filter(|(name, _)| name.starts_with("x-cli-"));
    ours.filter_map(|(name, node)| Some((name.to_owned(), node.value()?))).collect()
}

/// The names between braces, each once, in order; `None` for a brace without its partner.
pub fn template_names(path: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut rest = path;
    while let Some(at) = rest.find(['{', '}']) {
        let behind = rest[at..].strip_prefix('{')?;
        let (name, after) = behind.split_once('}')?;
        if name.is_empty() || name.contains('{') {
            return None;
        }
        if !names.contains(&name) {
            names.push(name);
        }
        rest = after;
    }
    Some(names)
}

fn undescribed(name: &str) -> Parameter {
    Parameter {
        name: name.to_owned(),
        place: Place::Path,
        required: true,
        schema: Some(Schema::new(&json!({ "type": "string" }))),
        description: String::new(),
        style: Style::Simple,
        explode: false,
        allow_reserved: false,
        content_type: None,
        deprecated: false,
        example: None,
        cli_name: None,
    }
}
