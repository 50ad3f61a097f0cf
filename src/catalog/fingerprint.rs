//! What a catalog says, as one hash (pure).

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Catalog, Schema, Tool};
use crate::base::digest::hex;
use crate::base::json::canonical;

/// `sha256:<hex>` over everything but times and fetches. The order of members, and of a body's media types, which are members too,
/// does not change it.
pub fn fingerprint(catalog: &Catalog) -> String {
    let mut hash = Sha256::new();
    catalog.services.iter().for_each(|service| feed(&mut hash, "service", &tree(service)));
    for tool in &catalog.tools {
        // A tool's own members stand in the order of its type; what a publisher orders is in its schemas.
        let told = serde_json::to_string(&told(tool)).expect(SERIALIZES);
        feed(&mut hash, "tool", &told);
    }
    catalog.workflows.iter().for_each(|workflow| feed(&mut hash, "workflow", &tree(workflow)));
    catalog.effective_views.iter().for_each(|view| feed(&mut hash, "view", &tree(view)));
    format!("sha256:{}", hex(&hash.finalize()))
}

const SERIALIZES: &str = "the catalog's types serialize";

fn feed(hash: &mut Sha256, kind: &str, text: &str) {
    hash.update(kind);
    hash.update(text);
    hash.update("\n");
}

fn tree(value: &impl Serialize) -> String {
    canonical(&serde_json::to_value(value).expect(SERIALIZES))
}

/// The tool with sums in the place of its schemas and its body's media types sorted.
fn told(tool: &Tool) -> Tool {
    let mut told = tool.clone();
    for parameter in told.path_params.iter_mut().chain(&mut told.flags) {
        parameter.schema = parameter.schema.as_ref().map(summed);
        parameter.example = parameter.example.as_ref().map(|example| canonical(example).into());
    }
    if let Some(body) = &mut told.request_body {
        for content in &mut body.content_types {
            content.schema = content.schema.as_ref().map(summed);
            content.example = content.example.as_ref().map(|example| canonical(example).into());
        }
        body.content_types.sort_by(|a, b| a.media_type.cmp(&b.media_type));
    }
    told
}

fn summed(schema: &Schema) -> Schema {
    Schema::new(&Value::from(hex(&schema.sum())))
}
