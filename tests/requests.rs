//! For each tool of real descriptions a request is made from its schemas, built, and read back by a small parser that shares nothing
//! with what wrote it: path, query, headers, cookies and body hold the values that were given.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use open_cli::base::url::Url;
use open_cli::catalog::{Parameter, Place, Style, Tool};
use open_cli::contract::{ExecuteRequest, RequestFile};
use open_cli::execute::check::Checks;
use open_cli::execute::request::build;
use open_cli::http::Request;
use serde_json::{Map, Value, json};

#[path = "described/mod.rs"]
mod described;
#[path = "requests/parse.rs"]
mod parse;
#[path = "sample/mod.rs"]
#[expect(dead_code, reason = "shared with others, which use all of it")]
mod sample;

use described::{corpus, gathered};
use sample::{Sampler, Size};

/// What one call gives.
#[derive(Default)]
struct Given {
    request: ExecuteRequest,
    path: Vec<Value>,
    flags: Vec<Value>,
    body: Option<Value>,
    /// Whether some value could not be made to fit its schema.
    unsure: bool,
}

fn given(tool: &Tool, size: Size, media: Option<usize>) -> Given {
    let mut all =
        Given { request: ExecuteRequest { tool_id: tool.id.clone(), ..ExecuteRequest::default() }, ..Given::default() };
    let value = |parameter: &Parameter, unsure: &mut bool| {
        let schema = parameter.schema.as_ref().map_or(json!({"type": "string"}), |schema| schema.value());
        let mut sampler = Sampler::new(&schema, size);
        let value = sampler.value();
        *unsure |= sampler.unsure;
        told(parameter, value)
    };
    for parameter in &tool.path_params {
        let value = value(parameter, &mut all.unsure);
        all.request.path_args.push(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        all.path.push(value);
    }
    for flag in &tool.flags {
        let wanted = flag.required || size == Size::Maximal;
        let value = if wanted { value(flag, &mut all.unsure) } else { Value::Null };
        if wanted {
            all.request.flags.insert(flag.name.clone(), value.clone());
        }
        all.flags.push(value);
    }
    if let (Some(body), Some(at)) = (&tool.request_body, media) {
        let content = &body.content_types[at];
        let schema = content.schema.as_ref().map_or(json!({}), |schema| schema.value());
        let mut sampler = Sampler::new(&schema, size);
        let value = sampler.value();
        all.unsure |= sampler.unsure;
        give_body(&mut all, &content.media_type, value);
    }
    all.request.no_validate = all.unsure;
    all
}

/// What cannot be told from nothing is not given: an empty text, `null`, empty lists; nor an item that holds its own delimiter.
fn told(parameter: &Parameter, value: Value) -> Value {
    let value = match value {
        Value::Null => json!("a b/c"),
        Value::Array(items) if items.is_empty() => json!(["a"]),
        Value::Object(members) if members.is_empty() => json!({"a": "b/c"}),
        Value::String(text) if text.is_empty() => json!("a b/c"),
        value => value,
    };
    let plain =
        |item: &Value| item.as_str().map_or_else(|| item.clone(), |text| text.replace([' ', '|', '\t'], "-").into());
    match (parameter.style, value) {
        (Style::SpaceDelimited | Style::TabDelimited | Style::PipeDelimited, Value::Array(items)) => {
            items.iter().map(plain).collect()
        }
        (Style::SpaceDelimited | Style::TabDelimited | Style::PipeDelimited, Value::Object(members)) => {
            members.iter().map(|(name, member)| (name.clone(), plain(member))).collect::<Map<_, _>>().into()
        }
        (_, value) => value,
    }
}

fn give_body(all: &mut Given, media: &str, value: Value) {
    let form = media.starts_with("multipart/") || media == "application/x-www-form-urlencoded";
    let is_json = media.contains("json");
    if !media.contains('*') {
        all.request.content_type = Some(media.to_owned());
    } else {
        all.request.content_type = Some(media.replace('*', "octet-stream"));
    }
    let value = match (form, is_json, value) {
        (true, _, Value::Object(members)) => Value::Object(members),
        (true, _, _) => json!({"member": "value"}),
        (false, true, value) => value,
        (false, false, _) => json!("<text> & more"),
    };
    if media.starts_with("multipart/") {
        all.request.files =
            vec![RequestFile { name: "a file".into(), content: "AAH/".into(), ..RequestFile::default() }];
        all.request.no_validate = true;
    }
    all.request.body_json = Some(value.clone());
    all.body = Some(value);
}

/// Reads the request back; the error says what differs.
fn check(tool: &Tool, given: &Given, sent: &Request) -> Result<(), String> {
    let text = sent.url.as_str();
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let path = address.strip_prefix("https://h/base").ok_or_else(|| format!("{address} is elsewhere"))?;
    let (template, fixed) = tool.path.split_once('?').unwrap_or((&tool.path, ""));
    let template = template.replace('#', "%23");
    let segments = parse::template(&template, path).ok_or_else(|| format!("{path} does not fit {}", tool.path))?;
    for (parameter, value) in tool.path_params.iter().zip(&given.path) {
        let written = segments.get(parameter.original_name.as_str());
        if !fixed.is_empty() && written.is_none() {
            continue;
        }
        let written = written.ok_or_else(|| format!("{} is not in the path", parameter.name))?;
        same(&parameter.name, parse::path(parameter, written, value), value)?;
    }
    let pairs = parse::pairs(query);
    let cookies = parse::cookies(sent.headers.get("cookie").unwrap_or(""));
    for (flag, value) in tool.flags.iter().zip(&given.flags).filter(|(_, value)| !value.is_null()) {
        let found = match flag.location {
            Place::Query => parse::query(flag, &pairs, value),
            Place::Cookie => parse::query(flag, &cookies, value),
            Place::Header => parse::header(flag, sent.headers.get(&flag.original_name).unwrap_or(""), value),
            Place::Path => continue,
        };
        same(&flag.name, found, value)?;
    }
    let Some(body) = &given.body else { return Ok(()) };
    let content_type = sent.headers.get("content-type").unwrap_or("").to_owned();
    parse::body(&content_type, &sent.body, body, &given.request.files, tool)
}

/// Values are compared as the texts they are sent as.
fn same(name: &str, found: Option<Value>, value: &Value) -> Result<(), String> {
    let expected = parse::texts(value);
    match found {
        Some(found) if found == expected => Ok(()),
        found => Err(format!("`{name}`: {expected} was given, {found:?} was read")),
    }
}

fn has_other_meaning(flag: &Parameter) -> bool {
    matches!(flag.original_name.to_ascii_lowercase().as_str(), "content-type" | "host" | "content-length")
}

#[test]
fn every_tool_of_the_corpus_is_sent_as_it_was_asked() {
    let (checks, base) = (Checks::new(), Url::parse("https://h/base").unwrap());
    let (mut calls, mut unsure, mut wrong) = (0_usize, 0_usize, Vec::new());
    let mut of: BTreeMap<String, usize> = BTreeMap::new();
    for path in corpus() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for tool in gathered(&path).catalog.tools {
            assert!(!tool.flags.iter().any(has_other_meaning), "{}: a header that is not the caller's", tool.id);
            *of.entry(name.clone()).or_default() += 1;
            let medias = tool.request_body.as_ref().map_or(0, |body| body.content_types.len());
            let bodies: Vec<Option<usize>> = if medias == 0 { vec![None] } else { (0..medias).map(Some).collect() };
            for (size, media) in
                [Size::Minimal, Size::Maximal].into_iter().flat_map(|size| bodies.iter().map(move |m| (size, *m)))
            {
                let mut given = given(&tool, size, media);
                calls += 1;
                let mut built = build(&tool, &given.request, &base, &checks);
                // A sample follows the first alternative, and may fit others as well.
                if built.as_ref().is_err_and(|error| error.to_string().ends_with("and fits several")) {
                    (given.unsure, given.request.no_validate) = (true, true);
                    built = build(&tool, &given.request, &base, &checks);
                }
                unsure += usize::from(given.unsure);
                let outcome = built.map_err(|error| error.to_string());
                if let Err(problem) = outcome.and_then(|(_, sent)| check(&tool, &given, &sent)) {
                    wrong.push(format!("{name}: {} ({size:?}, body {media:?}): {problem}", tool.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {calls} calls:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    println!("{calls} calls of {of:?}, {unsure} of them with a value that no sample could be made for");
    assert!(of.values().sum::<usize>() > 1_200, "too few tools were covered: {of:?}");
    assert!(unsure * 50 < calls, "for {unsure} of {calls} calls no fitting sample was made");
}

#[test]
fn the_parser_sees_what_it_should() {
    let parameter = |style, explode| Parameter {
        name: "c".into(),
        original_name: "c".into(),
        location: Place::Query,
        required: false,
        schema: None,
        description: String::new(),
        style,
        explode,
        allow_reserved: false,
        content_type: None,
        deprecated: false,
        example: None,
    };
    let pairs = parse::pairs("c=a%2Cb,c&d=1&c%5Bx%5D=2");
    assert_eq!(parse::query(&parameter(Style::Form, false), &pairs, &json!(["", ""])), Some(json!(["a,b", "c"])));
    assert_eq!(parse::query(&parameter(Style::DeepObject, true), &pairs, &json!({"x": 2})), Some(json!({"x": "2"})));
    assert_eq!(parse::template("/a/{x}.{y}/b", "/a/1.2/b").unwrap(), BTreeMap::from([("x", "1"), ("y", "2")]));
    assert_eq!(parse::template("/a/{x}", "/a/1/2"), None);
    let schema =
        json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 3}, "m": {}}});
    let sampled = |size| Sampler::new(&schema, size).value();
    assert_eq!(sampled(Size::Minimal), json!({"n": 3}));
    assert_eq!(sampled(Size::Maximal).as_object().map(Map::len), Some(2));
}
