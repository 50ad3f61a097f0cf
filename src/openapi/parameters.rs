//! Parameters: what is sent outside the body, with OpenAPI's defaults filled in.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::Version;
use super::refs::{Node, Object, Reading};
use super::schemas::Schemas;
use super::{Severity, examples, swagger2};
use crate::base::schema::Schema;

/// One parameter of an operation.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// As published.
    pub name: String,
    /// Where it goes.
    pub place: Place,
    /// Whether it must be given; path parameters always.
    pub required: bool,
    /// JSON Schema, standing alone.
    pub schema: Option<Schema>,
    /// Markdown.
    pub description: String,
    /// Never one that does not fit the place.
    pub style: Style,
    /// Filled by the style's default.
    pub explode: bool,
    /// Whether reserved characters stay as they are.
    pub allow_reserved: bool,
    /// The media type when the parameter is described by `content`.
    pub content_type: Option<String>,
    /// Whether its publisher advises against it.
    pub deprecated: bool,
    /// One that the publisher gives beside the schema.
    pub example: Option<Value>,
    /// `x-cli-name`.
    pub cli_name: Option<String>,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Into the template.
    Path,
    /// Behind the `?`.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
}

/// How arrays and objects are written (OpenAPI 3.1 section 4.8.12.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Style {
    /// Path, header.
    #[default]
    Simple,
    /// Query, cookie.
    Form,
    /// Path: `.a.b`
    Label,
    /// Path: `;a=b`
    Matrix,
    /// Query: `a%20b`
    SpaceDelimited,
    /// Query: `a|b`
    PipeDelimited,
    /// Query: `a%09b`; only Swagger 2.0 can say it (`collectionFormat: tsv`).
    TabDelimited,
    /// Query: `a[b]=c`
    DeepObject,
    /// Cookie (OpenAPI 3.2): as form, but `; ` between exploded pairs and no encoding.
    Cookie,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "path" => Self::Path,
            "query" => Self::Query,
            "header" => Self::Header,
            "cookie" => Self::Cookie,
            _ => return None,
        })
    }

    /// As in documents and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }

    pub(super) fn default_style(self) -> Style {
        match self {
            Self::Path | Self::Header => Style::Simple,
            Self::Query | Self::Cookie => Style::Form,
        }
    }
}

impl Style {
    /// The style of that name, where it may stand.
    pub(super) fn parse(text: &str, place: Place) -> Option<Self> {
        Some(match (text, place) {
            ("simple", Place::Path | Place::Header) => Self::Simple,
            ("label", Place::Path) => Self::Label,
            ("matrix", Place::Path) => Self::Matrix,
            ("form", Place::Query | Place::Cookie) => Self::Form,
            ("spaceDelimited", Place::Query) => Self::SpaceDelimited,
            ("pipeDelimited", Place::Query) => Self::PipeDelimited,
            ("deepObject", Place::Query) => Self::DeepObject,
            ("cookie", Place::Cookie) => Self::Cookie,
            _ => return None,
        })
    }

    pub(super) fn default_explode(self) -> bool {
        matches!(self, Self::Form | Self::Cookie)
    }
}

/// Parameters of one operation, or of one path.
const MAX_PARAMETERS_OF_ONE: usize = 1000;

/// Headers that OpenAPI says are not described as parameters.
const NOT_PARAMETERS: [&str; 3] = ["accept", "content-type", "authorization"];

/// What one path or operation lists.
#[derive(Clone, Default)]
pub(super) struct Listed<'r> {
    /// What is sent outside the body.
    pub(super) parameters: Vec<Arc<Parameter>>,
    /// The parameters of Swagger 2.0 that make the body.
    pub(super) body: Vec<Object<'r>>,
}

/// Reads parameters; each place once, since many operations refer to the same, and each text once, since many publishers write the same
/// again and again.
pub(super) struct Parameters<'r> {
    reading: &'r Reading<'r>,
    known: RefCell<HashMap<usize, Option<Arc<Parameter>>>>,
    /// By document and text: those that refer to nothing and have no problem.
    alike: RefCell<HashMap<(usize, &'r str), Arc<Parameter>>>,
}

impl<'r> Parameters<'r> {
    pub(super) fn new(reading: &'r Reading<'r>) -> Self {
        Self { reading, known: RefCell::default(), alike: RefCell::default() }
    }

    /// The parameters that `holder` (a path or an operation) lists. A reference that leads nowhere is an error: nobody can know
    /// whether that parameter is required.
    pub(super) fn listed(&self, holder: &Object<'r>, schemas: &Schemas<'r>) -> Result<Listed<'r>, String> {
        let mut found = Listed::default();
        let nodes = holder.get("parameters").map(|list| list.items()).unwrap_or_default();
        if nodes.len() > MAX_PARAMETERS_OF_ONE {
            return Err(format!("there are more than {MAX_PARAMETERS_OF_ONE} parameters"));
        }
        for node in nodes {
            if node.text == "null" {
                continue;
            }
            let alike = self.alike.borrow().get(&(node.scope.document, node.text)).cloned();
            let parameter = match alike {
                Some(parameter) => parameter,
                None => {
                    let object = self.reading.resolve(&node).map_err(|error| error.to_string())?;
                    if self.reading.version(&object.node) == Version::V20 && swagger2::is_of_body(&object) {
                        if found.body.iter().any(|other| swagger2::same(other, &object)) {
                            self.warn_twice(&node, &object.string("name").unwrap_or_default());
                        } else {
                            found.body.push(object);
                        }
                        continue;
                    }
                    let Some(parameter) = self.known(&object, schemas) else { continue };
                    parameter
                }
            };
            if found.parameters.iter().any(|other| same(other, &parameter)) {
                self.warn_twice(&node, &parameter.name);
            } else {
                found.parameters.push(parameter);
            }
        }
        Ok(found)
    }

    fn warn_twice(&self, node: &Node<'r>, name: &str) {
        self.warn(node, format!("the parameter `{}` is listed twice; the first counts", name.escape_debug()));
    }

    fn known(&self, object: &Object<'r>, schemas: &Schemas<'r>) -> Option<Arc<Parameter>> {
        if let Some(known) = self.known.borrow().get(&object.node.address()) {
            return known.clone();
        }
        let problems = self.reading.reported();
        let parameter = self.read(object, schemas).map(Arc::new);
        self.known.borrow_mut().insert(object.node.address(), parameter.clone());
        let text = object.node.text;
        if let Some(parameter) = parameter.as_ref().filter(|_| self.reading.reported() == problems && !refers(text)) {
            self.alike.borrow_mut().insert((object.node.scope.document, text), parameter.clone());
        }
        parameter
    }

    fn read(&self, object: &Object<'r>, schemas: &Schemas<'r>) -> Option<Parameter> {
        let written = object.string("in").unwrap_or_default();
        let (Some(name), Some(place)) = (object.string("name").filter(|name| !name.is_empty()), Place::parse(&written))
        else {
            let why = match written.as_str() {
                "querystring" => "describes the whole query string, which is not supported by this version",
                "" => "has no `name` or no `in`",
                _ => "has no `name`, or is in a place that the description's version does not know",
            };
            self.warn(&object.node, format!("the parameter {why}; it is left out"));
            return None;
        };
        if place == Place::Header && NOT_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) {
            return None;
        }
        let content = object.object("content");
        let content = content.as_ref().and_then(|content| content.iter().next());
        let (content_type, schema) = match (&content, object.get("schema")) {
            (Some((media_type, node)), None) => {
                (Some((*media_type).to_owned()), self.reading.resolve(node).ok().and_then(|media| media.get("schema")))
            }
            (_, schema) => (None, schema),
        };
        let is_old = self.reading.version(&object.node) == Version::V20;
        let (style, explode) =
            if is_old { swagger2::style(self.reading, object, place) } else { self.style(object, place) };
        let old_schema = || if is_old { swagger2::schema(schemas, object) } else { None };
        Some(Parameter {
            required: place == Place::Path || object.boolean("required") == Some(true),
            schema: schema.map(|schema| schemas.standalone(&schema)).or_else(old_schema),
            description: object.string("description").unwrap_or_default(),
            explode,
            allow_reserved: object.boolean("allowReserved") == Some(true),
            deprecated: object.boolean("deprecated") == Some(true),
            example: examples::of(self.reading, object),
            cli_name: object.string("x-cli-name").filter(|name| !name.is_empty()),
            name,
            place,
            style,
            content_type,
        })
    }

    /// The style, and whether it explodes.
    fn style(&self, object: &Object<'r>, place: Place) -> (Style, bool) {
        let written = object.string("style");
        let style = written.map_or(place.default_style(), |written| self.fitting(&written, place, object));
        (style, object.boolean("explode").unwrap_or(style.default_explode()))
    }

    fn fitting(&self, written: &str, place: Place, object: &Object<'r>) -> Style {
        Style::parse(written, place).unwrap_or_else(|| {
            let place_name = place.as_str();
            let message = format!(
                "the style `{}` does not fit a {place_name} parameter; the default is used",
                written.escape_debug()
            );
            self.warn(&object.node, message);
            place.default_style()
        })
    }

    fn warn(&self, node: &Node<'r>, message: String) {
        self.reading.report(Severity::Warning, node, message);
    }
}

/// The path's parameters with the operation's own, which win.
pub(super) fn merged<'r>(of_path: &Listed<'r>, own: Listed<'r>) -> Listed<'r> {
    let inherited = of_path.parameters.iter().filter(|one| !own.parameters.iter().any(|other| same(other, one)));
    let mut all = Listed {
        parameters: inherited.cloned().collect(),
        body: of_path
            .body
            .iter()
            .filter(|one| !own.body.iter().any(|other| swagger2::same(other, one)))
            .cloned()
            .collect(),
    };
    all.parameters.extend(own.parameters);
    all.body.extend(own.body);
    all
}

/// Whether what a text means may depend on where it stands.
fn refers(text: &str) -> bool {
    // As it is, or as the one escape that is read so.
    text.contains('$') || text.contains("\\u0024")
}

/// Header names compare without case.
fn same(a: &Parameter, b: &Parameter) -> bool {
    let equal = if a.place == Place::Header { a.name.eq_ignore_ascii_case(&b.name) } else { a.name == b.name };
    a.place == b.place && equal
}
