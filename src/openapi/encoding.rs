//! `encoding` of a form's media type: how single properties are written (OpenAPI 3.1 section 4.8.15).
//!
//! Key type: [`Encoding`]. What says nothing, and what the specification says to ignore, is left out, so that most bodies have none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::Version;
use super::parameters::{Place, Style};
use super::refs::{Object, Reading};
use crate::http::{Headers, media_type};

/// Properties of one body that have an encoding.
const MAX_ENCODINGS: usize = 200;

/// Bytes of a media type, a header's name or its value.
const MAX_TEXT: usize = 1024;

/// How one property of a form is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Encoding {
    /// Media type of the part, several separated by commas, or a range; empty for the default of the property's type.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// Headers of the part that have one fixed value: their schema has a `const`, one `enum` value, or a `default`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// When it is there, the property is written like a query parameter and `content_type` does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// Filled when `style` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explode: Option<bool>,
    /// OpenAPI `allowReserved`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_reserved: bool,
}

/// The encodings of a media type object, by property.
pub(super) fn read<'r>(reading: &Reading<'r>, media: &str, content: &Object<'r>) -> BTreeMap<String, Encoding> {
    let media = media_type(media);
    let is_multipart = media.starts_with("multipart/");
    // In OpenAPI 3.0 styles belong to urlencoded forms alone.
    let styled =
        media == "application/x-www-form-urlencoded" || (is_multipart && reading.version(&content.node) > Version::V30);
    let mut found = BTreeMap::new();
    if !is_multipart && !styled {
        return found;
    }
    for (name, node) in content.object("encoding").iter().flat_map(Object::iter).take(MAX_ENCODINGS) {
        let Some(object) = node.object() else { continue };
        let mut encoding = Encoding {
            content_type: object.string("contentType").filter(|text| is_plain(text)).unwrap_or_default(),
            headers: if is_multipart { headers(reading, &object) } else { BTreeMap::new() },
            ..Encoding::default()
        };
        if styled {
            style(&object, &mut encoding);
        }
        if encoding != Encoding::default() {
            found.insert(name.to_owned(), encoding);
        }
    }
    found
}

/// Any of the three makes the property be written by style.
fn style(object: &Object<'_>, encoding: &mut Encoding) {
    let (written, explode) = (object.string("style"), object.boolean("explode"));
    let reserved = object.boolean("allowReserved");
    if written.is_none() && explode.is_none() && reserved.is_none() {
        return;
    }
    let style = written.and_then(|written| Style::parse(&written, Place::Query)).unwrap_or(Style::Form);
    encoding.style = Some(style);
    encoding.explode = Some(explode.unwrap_or(style.default_explode()));
    encoding.allow_reserved = reserved == Some(true);
}

/// Nobody gives values for them in a call, so only those that are fixed can be sent.
fn headers<'r>(reading: &Reading<'r>, encoding: &Object<'r>) -> BTreeMap<String, String> {
    let declared = encoding.object("headers");
    let fixed = declared.iter().flat_map(Object::iter).filter_map(|(name, node)| {
        let schema = reading.resolve(&node).ok()?.object("schema")?;
        let value = ["const", "enum", "default"].into_iter().find_map(|keyword| {
            match (keyword, schema.get(keyword)?.value()?) {
                ("enum", Value::Array(one)) if one.len() == 1 => one.into_iter().next(),
                ("enum", _) => None,
                (_, value) => Some(value),
            }
        })?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // The body itself says these two.
        let own = ["content-type", "content-disposition"].iter().any(|own| name.eq_ignore_ascii_case(own));
        let is_header = Headers::new().append(name, &text).is_ok();
        (!own && is_header && is_plain(name) && is_plain(&text)).then(|| (name.to_owned(), text))
    });
    fixed.take(MAX_ENCODINGS).collect()
}

fn is_plain(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.is_empty() && !text.chars().any(char::is_control)
}
