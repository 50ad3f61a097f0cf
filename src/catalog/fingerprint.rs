//! What a catalog says, as one hash (pure).

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};
use sha2::{Digest, Sha256};

use super::{Catalog, Schema, Tool};
use crate::base::digest::hex;
use crate::base::json::canonical;

/// `sha256:<hex>` over everything but times and fetches. The order of members, and of a body's media types, which are members too,
/// does not change it.
pub fn fingerprint(catalog: &Catalog) -> String {
    let (mut hash, mut text) = (Sha256::new(), Vec::new());
    catalog.services.iter().for_each(|service| feed(&mut hash, "service", tree(service).as_bytes()));
    for tool in &catalog.tools {
        told(tool, &mut text);
        feed(&mut hash, "tool", &text);
    }
    catalog.workflows.iter().for_each(|workflow| feed(&mut hash, "workflow", tree(workflow).as_bytes()));
    catalog.effective_views.iter().for_each(|view| feed(&mut hash, "view", tree(view).as_bytes()));
    format!("sha256:{}", hex(&hash.finalize()))
}

const SERIALIZES: &str = "the catalog's types serialize";

fn feed(hash: &mut Sha256, kind: &str, text: &[u8]) {
    hash.update(kind);
    hash.update(text);
    hash.update("\n");
}

fn tree(value: &impl Serialize) -> String {
    canonical(&serde_json::to_value(value).expect(SERIALIZES))
}

/// The tool as JSON, with the sum of each schema in its place. A tool's own members stand in the order of its type; those that a publisher
/// orders are put in order.
fn told(tool: &Tool, into: &mut Vec<u8>) {
    let tool = in_order(tool);
    into.clear();
    let bodies = tool.request_body.iter().flat_map(|body| &body.content_types);
    let parameters = tool.path_params.iter().chain(&tool.flags);
    let schemas = parameters.map(|parameter| &parameter.schema).chain(bodies.map(|content| &content.schema));
    let sums = schemas.flatten().map(|schema| (schema.as_json().as_ptr() as usize, schema)).collect();
    tool.serialize(&mut Serializer::with_formatter(into, Sums(sums))).expect(SERIALIZES);
}

/// Examples in their canonical form, and a body's media types sorted.
fn in_order(tool: &Tool) -> Cow<'_, Tool> {
    let bodies = || tool.request_body.iter().flat_map(|body| &body.content_types);
    let mut examples = tool.path_params.iter().chain(&tool.flags).filter_map(|parameter| parameter.example.as_ref());
    let has_order = |value: &Value| value.is_object() || value.is_array();
    let is_in_order = !examples.any(has_order)
        && !bodies().filter_map(|content| content.example.as_ref()).any(has_order)
        && bodies().is_sorted_by(|a, b| a.media_type <= b.media_type);
    if is_in_order {
        return Cow::Borrowed(tool);
    }
    let mut tool = tool.clone();
    for parameter in tool.path_params.iter_mut().chain(&mut tool.flags) {
        parameter.example = parameter.example.as_ref().map(|example| canonical(example).into());
    }
    if let Some(body) = &mut tool.request_body {
        for content in &mut body.content_types {
            content.example = content.example.as_ref().map(|example| canonical(example).into());
        }
        body.content_types.sort_by(|a, b| a.media_type.cmp(&b.media_type));
    }
    Cow::Owned(tool)
}

/// Writes JSON as ever, but instead of a schema its sum. Schemas by the place of their text.
struct Sums<'a>(HashMap<usize, &'a Schema>);

impl Formatter for Sums<'_> {
    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        match self.0.get(&(fragment.as_ptr() as usize)) {
            Some(schema) => write!(writer, "\"{}\"", hex(&schema.sum())),
            None => writer.write_all(fragment.as_bytes()),
        }
    }
}
