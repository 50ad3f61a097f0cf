//! Pages that are numbered: by page, or by how many items are left out.

use serde_json::{Map, Value};

use super::{Before, Lead, hints, named, parameter, plain};
use crate::catalog::{Parameter, Tool};

const PAGES: &[&str] = &["page", "pagenumber", "pageno", "pagenum", "pageindex"];
const OFFSETS: &[&str] = &["offset", "skip", "startindex", "startat", "pageoffset", "start"];
const LIMITS: &[&str] =
    &["limit", "perpage", "pagesize", "size", "maxresults", "top", "count", "pagelimit", "itemsperpage", "rows"];

/// What is counted.
enum Counted<'a> {
    Pages(&'a Parameter),
    Items(&'a Parameter),
}

/// The page behind the last one, unless that was empty or short.
pub(super) fn next(tool: &Tool, flags: &Map<String, Value>, before: Before) -> Lead {
    let Some(counted) = counted(tool) else { return Lead::End };
    let limit = hints(tool).and_then(|hints| named(tool, &hints.limit_param)).or_else(|| parameter(tool, LIMITS));
    let full = limit.and_then(|limit| certain(limit, flags)).unwrap_or(before.first_items as u64);
    let items = before.last_items as u64;
    if items == 0 || items < full {
        return Lead::End;
    }
    let (parameter, step) = match counted {
        Counted::Pages(parameter) => (parameter, 1),
        Counted::Items(parameter) => (parameter, items),
    };
    let here = given(parameter, flags).unwrap_or_else(|| first(parameter));
    match here.checked_add(step) {
        Some(next) => Lead::Flag { name: parameter.name.clone(), value: next.to_string(), counted: true },
        None => Lead::End,
    }
}

/// By the publisher's word, else by a usual name whose schema is a number.
fn counted(tool: &Tool) -> Option<Counted<'_>> {
    let (style, hinted) = match hints(tool) {
        Some(hints) => {
            (plain(&hints.style), named(tool, &hints.page_param).or_else(|| named(tool, &hints.cursor_param)))
        }
        None => (String::new(), None),
    };
    let usual = |names| parameter(tool, names).filter(|parameter| is_number(parameter));
    match style.as_str() {
        "none" => None,
        "offset" => hinted.or_else(|| usual(OFFSETS)).map(Counted::Items),
        "page" | "pagenumber" | "number" => hinted.or_else(|| usual(PAGES)).map(Counted::Pages),
        // A cursor that is not in the answer is nowhere.
        "cursor" | "link" | "url" | "token" => None,
        _ => match hints(tool).and_then(|hints| named(tool, &hints.page_param)) {
            Some(parameter) if OFFSETS.contains(&plain(&parameter.original_name).as_str()) => {
                Some(Counted::Items(parameter))
            }
            Some(parameter) => Some(Counted::Pages(parameter)),
            None => usual(PAGES).map(Counted::Pages).or_else(|| usual(OFFSETS).map(Counted::Items)),
        },
    }
}

/// How many items a whole page has, when that is certain: a number that the caller asked for may be more than the upstream gives.
fn certain(limit: &Parameter, flags: &Map<String, Value>) -> Option<u64> {
    match given(limit, flags) {
        Some(given) => number(limit, "maximum").filter(|most| given <= *most).map(|_| given),
        None => number(limit, "default"),
    }
}

fn given(parameter: &Parameter, flags: &Map<String, Value>) -> Option<u64> {
    let value = flags.get(&parameter.name).or_else(|| flags.get(&parameter.original_name))?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// What an upstream takes when nothing is said.
fn first(parameter: &Parameter) -> u64 {
    let is_offset = OFFSETS.contains(&plain(&parameter.original_name).as_str());
    let from_one = plain(&parameter.original_name) == "startindex" || !is_offset;
    number(parameter, "default")
        .unwrap_or_else(|| if number(parameter, "minimum") == Some(0) { 0 } else { u64::from(from_one) })
}

fn number(parameter: &Parameter, keyword: &str) -> Option<u64> {
    parameter.schema.as_ref()?.value().get(keyword)?.as_u64()
}

fn is_number(parameter: &Parameter) -> bool {
    let Some(schema) = &parameter.schema else { return true };
    let is = |value: &Value| matches!(value.as_str(), Some("integer" | "number"));
    match schema.value().get("type") {
        Some(Value::Array(types)) => types.iter().any(is),
        Some(one) => is(one),
        None => true,
    }
}
