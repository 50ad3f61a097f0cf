//! What a catalog says, as one hash (pure).
//!
//! Tools share schemas, and schemas share definitions, so each schema and each definition is read once, however often it is used:
//! the operations of one Kubernetes description use 10 MB of schemas that are made of 0.7 MB of definitions.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Catalog, Schema, Tool};
use crate::base::digest::hex;
use crate::base::json::{canonical, write_string};
use crate::base::members::Members;

/// `sha256:<hex>` over everything but times and fetches. The order of members, and of a body's media types, which are members too,
/// does not change it.
pub fn fingerprint(catalog: &Catalog) -> String {
    let (mut hash, mut digests) = (Sha256::new(), Digests::default());
    catalog.services.iter().for_each(|service| feed(&mut hash, "service", &tree(service)));
    for tool in &catalog.tools {
        // A tool's own members stand in the order of its type; what a publisher orders is in its schemas.
        let told = serde_json::to_string(&told(tool, &mut digests)).expect(SERIALIZES);
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

/// The tool with digests for its schemas and its body's media types sorted.
fn told<'a>(tool: &'a Tool, digests: &mut Digests<'a>) -> Tool {
    let mut told = tool.clone();
    let parameters = |tool: &'a Tool| tool.path_params.iter().chain(&tool.flags);
    for (to, from) in told.path_params.iter_mut().chain(&mut told.flags).zip(parameters(tool)) {
        to.schema = from.schema.as_ref().map(|schema| digests.schema(schema));
        to.example = from.example.as_ref().map(|example| canonical(example).into());
    }
    if let (Some(to), Some(from)) = (&mut told.request_body, &tool.request_body) {
        for (to, from) in to.content_types.iter_mut().zip(&from.content_types) {
            to.schema = from.schema.as_ref().map(|schema| digests.schema(schema));
            to.example = from.example.as_ref().map(|example| canonical(example).into());
        }
        to.content_types.sort_by(|a, b| a.media_type.cmp(&b.media_type));
    }
    told
}

/// Digests that are known.
#[derive(Default)]
struct Digests<'a> {
    /// Of schemas, by where they are.
    schemas: HashMap<usize, Schema>,
    /// Of parts of schemas.
    texts: HashMap<&'a str, String>,
}

impl<'a> Digests<'a> {
    /// The digest in the place of a schema.
    fn schema(&mut self, schema: &'a Schema) -> Schema {
        let text = schema.as_json();
        let address = text.as_ptr() as usize;
        if let Some(known) = self.schemas.get(&address) {
            return known.clone();
        }
        let digest = Schema::new(&Value::from(self.whole(text)));
        self.schemas.insert(address, digest.clone());
        digest
    }

    /// Of a schema with its definitions.
    fn whole(&mut self, text: &'a str) -> String {
        match Members::of(text).filter(|members| members.get("$defs").is_some()) {
            Some(members) => self.members(&members, |digests, name, text| match Members::of(text) {
                Some(definitions) if name == "$defs" => {
                    digests.members(&definitions, |digests, _, text| digests.part(text))
                }
                _ => digests.part(text),
            }),
            None => self.part(text),
        }
    }

    fn members(&mut self, members: &Members<'a>, of: impl Fn(&mut Self, &str, &'a str) -> String) -> String {
        let mut sorted: Vec<(&str, &'a str)> = members.iter().map(|(name, raw)| (name, raw.get())).collect();
        sorted.sort_unstable();
        let mut told = String::new();
        for (name, text) in sorted {
            write_string(name, &mut told);
            told.push_str(&of(self, name, text));
        }
        hex(&Sha256::digest(told))
    }

    fn part(&mut self, text: &'a str) -> String {
        let digest = || {
            // What nests too deeply for a tree is told by its text.
            let value = serde_json::from_str::<Value>(text);
            hex(&Sha256::digest(value.map_or_else(|_| text.to_owned(), |value| canonical(&value))))
        };
        self.texts.entry(text).or_insert_with(digest).clone()
    }
}
