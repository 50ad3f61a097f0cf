//! What Swagger 2.0 says in another way than OpenAPI 3, in OpenAPI 3's terms.
//!
//! A description of version 2.0 is read where it stands, like any other, and no document is rewritten first. So a problem has the
//! place that its publisher knows, and a parameter or a schema of another file is read as what it is, whatever that file
//! says of itself. Each function here answers one question of a reader: `servers` asks for `host` and its kin, `parameters` for
//! `collectionFormat`, `operations` for the body that `body` and `formData` parameters make, `security` for the name of a flow,
//! and `template` for the keywords of schemas. What 2.0 and 3 say alike is not here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Severity;
use super::document::Version;
use super::encoding::Encoding;
use super::operations::{Body, Content};
use super::parameters::{Place, Style};
use super::refs::{Object, Reading};
use super::schemas::Schemas;
use super::servers::absolute;
use super::template::Template;
use crate::base::schema::Schema;
use crate::http::media_type;

const FORM: &str = "application/x-www-form-urlencoded";

const MULTIPART: &str = "multipart/form-data";

/// Members of a parameter that are keywords of its schema (Swagger 2.0 "Parameter Object").
const KEYWORDS: [&str; 19] = [
    "type",
    "format",
    "items",
    "default",
    "example",
    "enum",
    "pattern",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "nullable",
    "x-nullable",
];

/// The servers of a description: every scheme with `host` and `basePath`, https first. What is missing is as it is in the
/// document's own address.
pub(super) fn servers<'r>(reading: &Reading<'r>, root: &Object<'r>) -> Vec<String> {
    servers_by(reading, root, root)
}

/// The servers of an operation that names schemes of its own.
pub(super) fn own_servers<'r>(reading: &Reading<'r>, root: &Object<'r>, holder: &Object<'r>) -> Option<Vec<String>> {
    let says = holder.get("schemes").is_some_and(|schemes| !schemes.items().is_empty());
    (says && reading.version(&root.node) == Version::V20).then(|| servers_by(reading, root, holder))
}

fn servers_by<'r>(reading: &Reading<'r>, root: &Object<'r>, holder: &Object<'r>) -> Vec<String> {
    let warn = |message: &str| reading.report(Severity::Warning, &holder.node, message.to_owned());
    let own = reading.base(&root.node);
    let path = root.string("basePath").unwrap_or_default();
    let path = format!("/{}", path.trim_start_matches('/'));
    // People write the whole address into `host`.
    let written = root.string("host").filter(|host| !host.is_empty());
    let (named, host) = match written.as_deref().map(|host| host.split_once("://").unwrap_or(("", host))) {
        Some((scheme, host)) => (scheme, host.trim_end_matches('/')),
        None => ("", own.authority()),
    };
    let listed = strings(holder, "schemes");
    let mut schemes: Vec<&str> = listed.iter().map(String::as_str).filter(|scheme| is_http(scheme)).collect();
    schemes.sort_by_key(|scheme| *scheme != "https");
    if schemes.is_empty() && !listed.is_empty() {
        warn(
            "`schemes` names neither http nor https, so there is nothing to send requests to; set `services.<id>.server`",
        );
        return Vec::new();
    }
    if host.is_empty() {
        // Relative to a file, which is reported there.
        return absolute(reading, &root.node, &path).into_iter().collect();
    }
    if schemes.is_empty() {
        schemes.push(match (is_http(named), own.is_http()) {
            (true, _) => named,
            (false, true) => own.scheme(),
            (false, false) => {
                warn("the description says a host but no scheme, and is a file; https is used");
                "https"
            }
        });
    }
    let urls = schemes.iter().filter_map(|scheme| absolute(reading, &holder.node, &format!("{scheme}://{host}{path}")));
    urls.collect()
}

fn is_http(scheme: &str) -> bool {
    matches!(scheme, "http" | "https")
}

/// Whether a parameter is the body, or a member of a form.
pub(super) fn is_of_body(parameter: &Object<'_>) -> bool {
    place(parameter).is_some()
}

/// Where a parameter of the body stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Member,
}

fn place(parameter: &Object<'_>) -> Option<Part> {
    match parameter.string("in")?.as_str() {
        "body" => Some(Part::Whole),
        "formData" => Some(Part::Member),
        _ => None,
    }
}

/// Whether two parameters of the body are one: there is one body, whatever it is called, and one member of a name.
pub(super) fn same(a: &Object<'_>, b: &Object<'_>) -> bool {
    place(a) == place(b) && (place(a) == Some(Part::Whole) || a.string("name") == b.string("name"))
}

/// How a list is written. Lists in paths and headers may have delimiters that OpenAPI 3 has no words for.
pub(super) fn style<'r>(reading: &Reading<'r>, parameter: &Object<'r>, place: Place) -> (Style, bool) {
    let by_default = place.default_style();
    if !is_list(parameter) {
        return (by_default, by_default.default_explode());
    }
    let warn = |message: String| reading.report(Severity::Warning, &parameter.node, message);
    let nested = parameter.object("items").is_some_and(|items| is_list(&items));
    if nested {
        warn("lists within a list are written as JSON, whatever `collectionFormat` says of them".to_owned());
    }
    let written = parameter.string("collectionFormat").unwrap_or_else(|| "csv".to_owned());
    match (written.as_str(), place) {
        ("csv", _) => (by_default, false),
        ("ssv", _) => (Style::SpaceDelimited, false),
        ("tsv", _) => (Style::TabDelimited, false),
        ("pipes", _) => (Style::PipeDelimited, false),
        ("multi", Place::Query) => (Style::Form, true),
        (other, place) => {
            let (other, place) = (other.escape_debug(), place.as_str());
            warn(format!("the collection format `{other}` does not fit a {place} parameter; `csv` is used"));
            (by_default, false)
        }
    }
}

fn is_list(parameter: &Object<'_>) -> bool {
    match parameter.string("type") {
        Some(kind) => kind == "array",
        None => parameter.get("items").is_some(),
    }
}

/// The schema whose keywords stand among the members of a parameter.
pub(super) fn schema<'r>(schemas: &Schemas<'r>, parameter: &Object<'r>) -> Option<Schema> {
    let keywords = keywords(parameter);
    if keywords.is_empty() {
        return None;
    }
    let node = &parameter.node;
    Some(schemas.of_template(node, &Template::of_keywords(schemas, node, &keywords)))
}

fn keywords(parameter: &Object<'_>) -> Map<String, Value> {
    let known = parameter.iter().filter(|(name, _)| KEYWORDS.contains(name));
    known.filter_map(|(name, node)| Some((name.to_owned(), node.value()?))).collect()
}

/// The body that the parameters of an operation make.
pub(super) fn body<'r>(
    reading: &Reading<'r>,
    schemas: &Schemas<'r>,
    root: &Object<'r>,
    operation: &Object<'r>,
    parameters: &[Object<'r>],
) -> Option<Body> {
    let consumes = consumes(root, operation);
    let of = |part: Part| parameters.iter().filter(move |parameter| place(parameter) == Some(part));
    let members: Vec<&Object<'r>> = of(Part::Member).collect();
    match of(Part::Whole).next() {
        Some(whole) => {
            if let Some(member) = members.first() {
                let message = "the operation has a body as well as members of a form; the body counts";
                reading.report(Severity::Warning, &member.node, message.to_owned());
            }
            Some(payload(schemas, consumes, whole))
        }
        None if members.is_empty() => None,
        None => Some(form(reading, schemas, &consumes, operation, &members)),
    }
}

fn payload<'r>(schemas: &Schemas<'r>, consumes: Vec<String>, whole: &Object<'r>) -> Body {
    let described = whole.object("schema");
    let default =
        if is_file(described.as_ref().unwrap_or(whole)) { "application/octet-stream" } else { "application/json" };
    let media_types = if consumes.is_empty() { vec![default.to_owned()] } else { consumes };
    let schema = match whole.get("schema") {
        Some(schema) => Some(schemas.standalone(&schema)),
        None => schema(schemas, whole),
    };
    let content = |media_type| Content { media_type, schema: schema.clone(), encoding: BTreeMap::new(), example: None };
    Body { required: is_required(whole), contents: media_types.into_iter().map(content).collect() }
}

/// The media types that are forms count; files need one with parts.
fn form<'r>(
    reading: &Reading<'r>,
    schemas: &Schemas<'r>,
    consumes: &[String],
    operation: &Object<'r>,
    members: &[&Object<'r>],
) -> Body {
    let named =
        members.iter().filter_map(|member| Some((member.string("name").filter(|name| !name.is_empty())?, *member)));
    let members: Vec<(String, &Object<'r>)> = named.collect();
    let has_files = members.iter().any(|(_, member)| is_file(member) || items_are_files(member));
    let properties = members.iter().map(|(name, member)| (name.clone(), property(schemas, member))).collect();
    let required: Vec<String> =
        members.iter().filter(|(_, member)| is_required(member)).map(|(name, _)| name.clone()).collect();
    let schema = schemas.of_template(&operation.node, &Template::of_properties(properties, &required));
    let encoding: BTreeMap<String, Encoding> =
        members.iter().filter_map(|(name, member)| Some((name.clone(), encoding(reading, member)?))).collect();
    let content =
        |media_type| Content { media_type, schema: Some(schema.clone()), encoding: encoding.clone(), example: None };
    Body { required: !required.is_empty(), contents: forms(consumes, has_files).into_iter().map(content).collect() }
}

fn forms(consumes: &[String], has_files: bool) -> Vec<String> {
    let fits = |written: &&String| {
        let media = media_type(written);
        media.starts_with("multipart/") || (media == FORM && !has_files)
    };
    let found: Vec<String> = consumes.iter().filter(fits).cloned().collect();
    if found.is_empty() { vec![if has_files { MULTIPART } else { FORM }.to_owned()] } else { found }
}

fn property<'r>(schemas: &Schemas<'r>, member: &Object<'r>) -> Template {
    if let Some(schema) = member.get("schema") {
        return schemas.read(&schema);
    }
    let mut keywords = keywords(member);
    if let Some(description) = member.string("description").filter(|text| !text.is_empty()) {
        keywords.insert("description".to_owned(), description.into());
    }
    Template::of_keywords(schemas, &member.node, &keywords)
}

/// How a list in a form is written; `None` for one pair or part an item, which is what a form does by itself.
fn encoding<'r>(reading: &Reading<'r>, member: &Object<'r>) -> Option<Encoding> {
    if !is_list(member) || items_are_files(member) {
        return None;
    }
    let (style, explode) = style(reading, member, Place::Query);
    (!explode).then(|| Encoding { style: Some(style), explode: Some(false), ..Encoding::default() })
}

fn is_required(parameter: &Object<'_>) -> bool {
    parameter.boolean("required") == Some(true)
}

fn is_file(schema: &Object<'_>) -> bool {
    schema.string("type").is_some_and(|kind| kind == "file")
}

fn items_are_files(member: &Object<'_>) -> bool {
    member.object("items").is_some_and(|items| is_file(&items))
}

/// What the operation takes, else what the document says; an empty list takes that back.
fn consumes(root: &Object<'_>, operation: &Object<'_>) -> Vec<String> {
    let holder = if operation.get("consumes").is_some() { operation } else { root };
    let mut found: Vec<String> = Vec::new();
    for media_type in strings(holder, "consumes") {
        let media_type = media_type.trim();
        if !media_type.is_empty() && !found.iter().any(|known| known == media_type) {
            found.push(media_type.to_owned());
        }
    }
    found
}

/// A list of strings; one string is taken for a list of it.
fn strings(holder: &Object<'_>, name: &str) -> Vec<String> {
    match holder.get(name).and_then(|node| node.value()) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(one)) => vec![one],
        _ => Vec::new(),
    }
}

/// OpenAPI 3's name of an OAuth 2 flow.
pub(super) fn flow(name: &str) -> Option<&'static str> {
    Some(match name {
        "implicit" => "implicit",
        "password" => "password",
        "application" => "clientCredentials",
        "accessCode" => "authorizationCode",
        _ => return None,
    })
}

/// What a keyword of a schema is in OpenAPI 3; `None` when it is the same.
pub(super) fn modern(
    keywords: &Map<String, Value>,
    keyword: &str,
    value: &Value,
) -> Option<Vec<(&'static str, Value)>> {
    let is_file = keywords.get("type").is_some_and(|kind| kind == "file");
    match (keyword, value) {
        ("type", _) if is_file => Some(vec![("type", "string".into()), ("format", "binary".into())]),
        ("format", _) if is_file => Some(Vec::new()),
        ("discriminator", Value::String(name)) => {
            let named = Map::from_iter([("propertyName".to_owned(), Value::from(name.as_str()))]);
            Some(vec![("discriminator", Value::Object(named))])
        }
        _ => None,
    }
}
