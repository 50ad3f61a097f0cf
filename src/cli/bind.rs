//! From what was typed after a tool's words to an [`ExecuteRequest`]: everything is checked before anything is sent.
//!
//! Pure: a body's source is named here and read elsewhere. A tool's flag whose name the command line itself uses gets the suffix
//! of [`flags::SUFFIX`] (H32). [`Draft`] is a call of which something may be missing, and can be asked for; [`Bound`] is whole.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::base::name::nearest;
use crate::catalog::files::multipart;
use crate::catalog::{Parameter, Tool};
use crate::contract::ExecuteRequest;
use crate::execute::idempotency;
use crate::http;

use super::args::{Token, UsageError, Wants};
use super::assign::Assigned;
use super::body::Shape;
use super::files::FileSource;
use super::{flags, prompt, value};

mod draft;

pub use draft::{Draft, Missing, Question, needs_whole};

/// Pages that `--all` fetches at most.
pub const MOST_PAGES: usize = 1000;

/// Where a body's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodySource {
    /// `--body TEXT`
    Text(String),
    /// `--body @FILE`
    File(String),
    /// `--body -`
    Stdin,
}

/// Where an answer goes besides the format, and what goes with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerOptions {
    /// `--output`: a file, or `-` for standard output.
    pub output: Option<String>,
    /// `--include`
    pub include: bool,
    /// `--stream`
    pub stream: bool,
}

/// A call, whole but for the body's bytes.
#[derive(Clone, Debug)]
pub struct Bound {
    /// What will be asked.
    pub request: ExecuteRequest,
    /// What becomes its body.
    pub body: Option<BodySource>,
    /// What flags and words say of its members.
    pub members: Assigned,
    /// What becomes its files.
    pub files: Vec<FileSource>,
    /// What becomes of the answer.
    pub answer: AnswerOptions,
    /// How many pages are to be fetched at most; `None` for the one that is asked for.
    pub pages: Option<usize>,
    /// Whether to wait for what the call begins.
    pub wait: bool,
    /// How the request is to be shown instead of sent.
    pub dry_run: Option<DryRun>,
}

/// How a request is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// As `--format` says.
    AsFormat,
    /// As a line for a shell.
    Curl,
    /// As the bytes on the wire.
    Http,
    /// As the runtime tells it.
    Json,
}

/// The flags of a tool with the names under which they are typed.
pub fn flags_of(tool: &Tool) -> Vec<(String, &Parameter)> {
    let taken = |name: &str| tool.flags.iter().any(|flag| flag.name == name);
    let named = tool.flags.iter().map(|flag| {
        let mut name = flag.name.clone();
        while flags::is_reserved(&name) || (name != flag.name && taken(&name)) {
            name.push_str(flags::SUFFIX);
        }
        (name, flag)
    });
    named.collect()
}

/// Binds the tokens after the tool's words.
pub fn bind(tool: &Tool, tokens: &[Token]) -> Result<Bound, UsageError> {
    Draft::read(tool, tokens)?.finish()
}

/// What is sent of values that are none of their schema, when the caller wants it so.
fn as_typed(values: &[String]) -> Value {
    match values {
        [one] => one.as_str().into(),
        several => several.into(),
    }
}

/// What [`flags::CALL`] says.
#[derive(Default)]
struct CallOptions {
    body: Option<BodySource>,
    content_type: Option<String>,
    files: Vec<String>,
    accept: Option<String>,
    no_validate: bool,
    dry_run: Option<DryRun>,
    answer: AnswerOptions,
    all: bool,
    max_pages: Option<String>,
    wait: bool,
    idempotency_key: Option<String>,
}

impl CallOptions {
    fn take(&mut self, name: &str, text: String) -> Result<(), UsageError> {
        let twice = match name {
            "body" => self.body.replace(body_source(text)?).is_some(),
            "content-type" => self.content_type.replace(text).is_some(),
            "accept" => self.accept.replace(text).is_some(),
            "output" if text.is_empty() => return Err(UsageError::new("--output names no file")),
            "output" => self.answer.output.replace(text).is_some(),
            "file" => {
                self.files.push(text);
                false
            }
            "dry-run" => {
                self.dry_run = dry_run(&text)?;
                false
            }
            "include" => {
                self.answer.include = switch(name, &text)?;
                false
            }
            "stream" => {
                self.answer.stream = switch(name, &text)?;
                false
            }
            "max-pages" => self.max_pages.replace(text).is_some(),
            "idempotency-key" => self.idempotency_key.replace(text).is_some(),
            "all" => {
                self.all = switch(name, &text)?;
                false
            }
            "wait" => {
                self.wait = switch(name, &text)?;
                false
            }
            "no-validate" => {
                self.no_validate = switch(name, &text)?;
                false
            }
            // A row of the table that has no place here turns nothing on.
            other => return Err(UsageError::new(format!("--{other} has no meaning here"))),
        };
        if twice { Err(UsageError::new(format!("--{name} is given more than once"))) } else { Ok(()) }
    }

    /// What `--all` and `--max-pages` come to.
    fn pages(&self) -> Result<Option<usize>, UsageError> {
        let pages = match &self.max_pages {
            None => self.all.then_some(MOST_PAGES),
            Some(text) => match text.parse() {
                Ok(number) if number > 0 => Some(number),
                _ => {
                    return Err(UsageError::new(format!("--max-pages: {} is no number of pages", text.escape_debug())));
                }
            },
        };
        if self.answer.stream && (pages.is_some() || self.wait) {
            return Err(UsageError::new(
                "--stream goes with neither --all nor --wait: it writes one answer as it comes",
            ));
        }
        if pages.is_some() && self.wait {
            return Err(UsageError::new("--all and --wait do not go together: what is waited for has no pages"));
        }
        Ok(pages)
    }
}

/// The upstream's header gets the key, so that a runtime of any kind can do it.
pub fn give_key(tool: &Tool, flags: &mut Map<String, Value>, key: &str) -> Result<(), UsageError> {
    let Some(parameter) = idempotency::parameter(tool) else {
        let error = UsageError::new(format!("{} declares no header that takes an idempotency key", tool.id));
        return Err(error.hint("without one, only what the upstream has not seen is repeated"));
    };
    match flags.insert(parameter.name.clone(), Value::from(key)) {
        None => Ok(()),
        Some(_) => Err(UsageError::new("the idempotency key is given twice")),
    }
}

fn dry_run(text: &str) -> Result<Option<DryRun>, UsageError> {
    Ok(Some(match text {
        "true" => DryRun::AsFormat,
        "curl" => DryRun::Curl,
        "http" => DryRun::Http,
        "json" => DryRun::Json,
        "false" => return Ok(None),
        _ => {
            let error = UsageError::new(format!("--dry-run has no form {}", text.escape_debug()));
            let near = nearest(text, ["curl", "http", "json"]);
            let near = near.map_or_else(String::new, |near| format!("did you mean --dry-run={near}? "));
            return Err(error.hint(format!("{near}known: --dry-run, --dry-run=curl, --dry-run=http, --dry-run=json")));
        }
    }))
}

fn switch(name: &str, text: &str) -> Result<bool, UsageError> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(UsageError::new(format!("--{name} takes no value"))),
    }
}

fn body_source(text: String) -> Result<BodySource, UsageError> {
    match text.strip_prefix('@') {
        _ if text == "-" => Ok(BodySource::Stdin),
        Some("-") => Ok(BodySource::Stdin),
        Some("") => Err(UsageError::new("--body @ names no file").hint("write --body @FILE")),
        Some(path) => Ok(BodySource::File(path.to_owned())),
        None => Ok(BodySource::Text(text)),
    }
}

/// What an option of the tool does with the word after it.
pub fn wants(tool: &Tool, name: &str) -> Result<Wants, UsageError> {
    wants_of(tool, &flags_of(tool), body_of(tool).as_ref(), name)
}

/// The body that is given by its members when nothing else is said.
pub fn body_of(tool: &Tool) -> Option<Shape<'_>> {
    draft::shape_of(tool, &flags_of(tool), &[])
}

/// The parameter that a flag of the tool gives.
pub fn flag_of<'t>(tool: &'t Tool, name: &str) -> Option<&'t Parameter> {
    lookup(&flags_of(tool), name).map(|(_, flag)| flag)
}

/// Whether one of the flags of every tool does something for this one.
pub fn has_use(tool: &Tool, flag: &flags::Flag) -> bool {
    match flag.name {
        "body" => tool.request_body.is_some(),
        "content-type" => tool.body_types().len() > 1,
        "file" => multipart(tool).is_some(),
        "idempotency-key" => idempotency::parameter(tool).is_some(),
        _ => true,
    }
}

fn wants_of(
    tool: &Tool,
    known: &[(String, &Parameter)],
    shape: Option<&Shape<'_>>,
    name: &str,
) -> Result<Wants, UsageError> {
    if let Some(flag) = flags::find(flags::CALL, name) {
        let alone = matches!(flag.takes, flags::Takes::Nothing | flags::Takes::MaybeOneOf(_));
        return Ok(if alone { Wants::Nothing } else { Wants::Value });
    }
    match lookup(known, name) {
        Some((_, flag)) => Ok(value::wants(flag.schema.as_ref())),
        None => match shape.and_then(|shape| Some(shape.wants(shape.flag(name)?))) {
            Some(wants) => Ok(wants),
            None => Err(unknown(tool, known, shape, name)),
        },
    }
}

/// By the name typed, else by the publisher's own name when that means one flag and nothing of the command line.
fn lookup<'a, 'p>(known: &'a [(String, &'p Parameter)], name: &str) -> Option<(&'a str, &'p Parameter)> {
    if let Some((typed, flag)) = known.iter().find(|(typed, _)| typed == name) {
        return Some((typed, flag));
    }
    let mut same = known.iter().filter(|(_, flag)| flag.original_name == name && !flags::is_reserved(name));
    match (same.next(), same.next()) {
        (Some((typed, flag)), None) => Some((typed, flag)),
        _ => None,
    }
}

fn unknown(tool: &Tool, known: &[(String, &Parameter)], shape: Option<&Shape<'_>>, name: &str) -> UsageError {
    let shown: String = name.chars().take(100).collect::<String>().escape_debug().to_string();
    let error = UsageError::new(format!("{} has no flag --{shown}", tool.id));
    if let Some(file) = shape.and_then(|shape| shape.files.iter().find(|file| file.name == name)) {
        return error.hint(format!("it is a file: --file {}=PATH", file.name));
    }
    let of_body = shape.iter().flat_map(|shape| &shape.flags).map(|flag| flag.name.as_str());
    let names = known.iter().map(|(name, _)| name.as_str()).chain(of_body);
    let all = names.clone().chain(flags::GLOBAL.iter().chain(flags::CALL).map(|flag| flag.name));
    match (nearest(name, all), names.clone().next()) {
        (Some(near), _) => error.hint(format!("did you mean --{near}?")),
        (None, None) if tool.request_body.is_some() => error.hint("it takes no flags; what it takes goes into --body"),
        (None, None) => error.hint("it takes no flags"),
        (None, Some(_)) => {
            let names: Vec<String> = names.take(12).map(|name| format!("--{name}")).collect();
            error.hint(format!("known: {}; --help lists all", names.join(", ")))
        }
    }
}

/// Whether a call must give it: an idempotency key is made by whoever is asked for the call.
pub fn is_needed(tool: &Tool, flag: &Parameter) -> bool {
    flag.required && !idempotency::parameter(tool).is_some_and(|key| std::ptr::eq(key, flag))
}

/// What looks like a secret is not repeated: errors end up in the logs of scripts.
fn wrong(tool: &Tool, name: &str, text: Option<&String>, cause: &str) -> UsageError {
    let text = text.filter(|_| !prompt::names_a_secret(name));
    let shown: String =
        text.map_or_else(String::new, |text| format!("{:?} ", text.chars().take(60).collect::<String>()));
    UsageError::new(format!("{}: {name}: {shown}{cause}", tool.id))
}

/// The media type to name in the request: what was asked for, or JSON when it is one of several.
fn content_type(tool: &Tool, call: &CallOptions) -> Result<Option<String>, UsageError> {
    let types = tool.body_types();
    match &call.content_type {
        None => Ok(None),
        Some(asked) => match types.iter().find(|known| http::covers(known, asked)) {
            // What is behind the media type (a charset, a boundary) is the caller's to say.
            Some(known) if known.contains('*') || asked.contains(';') => Ok(Some(asked.clone())),
            Some(known) => Ok(Some((*known).to_owned())),
            None if types.is_empty() => Err(UsageError::new(format!("{} takes no body", tool.id))),
            None => Err(UsageError::new(format!("{} does not take {asked:?}", tool.id))
                .hint(format!("it takes: {}", types.join(", ")))),
        },
    }
}

/// Puts the body's bytes in; JSON is checked when that is what the tool takes.
pub fn attach_body(tool: &Tool, request: &mut ExecuteRequest, bytes: &[u8]) -> Result<(), UsageError> {
    let types = tool.body_types();
    let is_multipart = |media: &str| http::media_type(media).starts_with("multipart/");
    let chosen = request
        .content_type
        .as_deref()
        .or_else(|| types.iter().find(|media| !request.files.is_empty() && is_multipart(media)).copied())
        .or_else(|| types.iter().find(|media| http::is_json(media)).or_else(|| types.first()).copied());
    let ready = chosen.is_some_and(|media| media.contains("boundary="));
    if chosen.is_some_and(|media| http::is_json(media) || (is_multipart(media) && !ready))
        && let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(bytes)
    {
        let error = UsageError::new(format!("--body is not valid JSON: {error}"));
        return Err(match types.iter().find(|media| !http::is_json(media)) {
            Some(other) => error.hint(format!("another media type is chosen by --content-type {other}")),
            None => error.hint("quote it for the shell: --body '{\"name\": \"value\"}'"),
        });
    }
    request.body = Some(STANDARD.encode(bytes));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args;
    use serde_json::json;
    use std::ffi::OsString;

    fn tool() -> Tool {
        let parameter = |name: &str, place: &str, required: bool, schema: Value| json!({"name": name, "originalName": name.replace('-', "_"), "location": place, "required": required, "schema": schema});
        serde_json::from_value(json!({
            "id": "s:t", "serviceId": "s", "method": "POST", "path": "/a/{owner}/{n}", "group": "g", "command": "c",
            "pathParams": [parameter("owner", "path", true, json!({"type": "string"})), parameter("n", "path", true, json!({"type": "integer"}))],
            "flags": [
                parameter("per-page", "query", true, json!({"type": "integer"})),
                parameter("archived", "query", false, json!({"type": "boolean"})),
                parameter("label", "query", false, json!({"type": "array", "items": {"type": "string"}})),
                parameter("format", "query", false, json!({"type": "string"})),
                parameter("body", "header", false, json!({"type": "string"})),
                parameter("help", "query", false, json!({"type": "string"})),
                parameter("version", "query", false, json!({})),
                parameter("version-param", "query", false, json!({}))
            ],
            "requestBody": {"required": false, "contentTypes": [{"mediaType": "application/json"}, {"mediaType": "text/plain"}]},
            "safety": {"readOnly": false, "destructive": false, "requiresApproval": false, "idempotent": false}
        }))
        .unwrap()
    }

    fn bound(args: &[&str]) -> Result<Bound, UsageError> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let mut line = args::Line::default();
        args::parse(&args, &mut line)?;
        bind(&tool(), &line.tokens)
    }

    #[track_caller]
    fn check(args: &[&str], flags: Value) {
        let bound = bound(args).unwrap_or_else(|error| panic!("{args:?}: {error}"));
        assert_eq!((Value::Object(bound.request.flags), bound.request.path_args.len()), (flags, 2), "{args:?}");
    }

    #[track_caller]
    fn wrong(args: &[&str], part: &str) {
        let error = bound(args).expect_err("it is wrong");
        let whole = format!("{error} ({})", error.hint.as_deref().unwrap_or(""));
        assert!(whole.contains(part), "{args:?}: {whole}");
    }

    #[test]
    fn every_spelling_binds() {
        check(&["o", "1", "--per-page", "5"], json!({"per-page": "5"}));
        check(&["--per-page=-5", "o", "1"], json!({"per-page": "-5"}));
        check(&["--per_page", "5", "o", "--", "1"], json!({"per-page": "5"}));
        check(&["--archived", "true", "o", "1", "--per-page", "5"], json!({"archived": "true", "per-page": "5"}));
        check(&["--archived", "o", "1", "--per-page", "5"], json!({"archived": "true", "per-page": "5"}));
        check(&["o", "1", "--per-page", "5", "--archived"], json!({"per-page": "5", "archived": "true"}));
        check(&["o", "1", "--per-page=5", "--archived=false"], json!({"per-page": "5", "archived": "false"}));
        check(
            &["o", "1", "--per-page=5", "--label", "a", "--label=-b"],
            json!({"per-page": "5", "label": ["a", "-b"]}),
        );
    }

    #[test]
    fn h32_names_of_the_command_line_get_a_suffix() {
        check(
            &[
                "o",
                "1",
                "--per-page=5",
                "--format-param",
                "x",
                "--body-param=y",
                "--help-param",
                "z",
                "--format",
                "json",
            ],
            json!({"per-page": "5", "format": "x", "body": "y", "help": "z"}),
        );
        let tool = tool();
        let names: Vec<String> = flags_of(&tool).into_iter().map(|(name, _)| name).collect();
        let different: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
        assert!(names.contains(&"version-param-param".to_owned()) && names.contains(&"version-param".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_sent() {
        wrong(&["o", "1"], "needs --per-page INTEGER");
        wrong(&["o", "--per-page=5"], "needs the argument n");
        wrong(&["o", "1", "2", "--per-page=5"], "no place for the argument \"2\"");
        wrong(&["o", "x", "--per-page=5"], "n: \"x\" is not a whole number");
        wrong(&["", "1", "--per-page=5"], "owner: \"\" is empty");
        wrong(&["o", "1", "--per-page=x"], "--per-page: \"x\" is not a whole number");
        wrong(&["o", "1", "--per-page=5", "--per-page=6"], "more than once");
        wrong(&["o", "1", "--per-pag=5"], "did you mean --per-page?");
        wrong(&["o", "1", "--quite-another-name=5"], "--help lists all");
        wrong(&["o", "1", "--archived=maybe", "--per-page=5"], "is not true or false");
        wrong(&["o", "1", "--per-page=5", "--body", "a", "--body", "b"], "more than once");
        wrong(&["o", "1", "--per-page=5", "--content-type", "text/html"], "it takes: application/json, text/plain");
    }

    #[test]
    fn every_flag_of_the_table_has_its_place() {
        for flag in flags::CALL {
            let value = match flag.takes {
                flags::Takes::Nothing => "true",
                flags::Takes::OneOf(values) | flags::Takes::MaybeOneOf(values) => values[0],
                flags::Takes::Value(_) => "1",
            };
            let taken = CallOptions::default().take(flag.name, value.to_owned());
            assert!(taken.is_ok(), "--{}: {:?}", flag.name, taken.err());
        }
        assert!(CallOptions::default().take("other", "true".to_owned()).is_err());
    }

    #[test]
    fn h24_what_looks_like_a_secret_is_not_repeated() {
        let text = Some("hunter2".to_owned());
        let said = |name: &str| super::wrong(&tool(), name, text.as_ref(), "is not a whole number").message;
        assert_eq!(said("--api-key"), "s:t: --api-key: is not a whole number");
        assert_eq!(said("--user.password"), "s:t: --user.password: is not a whole number");
        assert_eq!(said("--per-page"), "s:t: --per-page: \"hunter2\" is not a whole number");
    }

    #[test]
    fn h19_h20_only_schemas_are_not_checked_on_wish() {
        check(&["o", "x", "--per-page=many", "--no-validate"], json!({"per-page": "many"}));
        check(&["o", "x", "--no-validate", "--per-page=5", "--per-page=6"], json!({"per-page": ["5", "6"]}));
        wrong(&["", "1", "--per-page=5", "--no-validate"], "owner: \"\" is empty");
        wrong(&["o", "1", "--no-validate"], "needs --per-page INTEGER");
        wrong(&["o", "1", "--per-page=5", "--no-validate=maybe"], "--no-validate takes no value");
    }

    #[test]
    fn pages_and_waiting_are_bounded() {
        let of =
            |args: &[&str]| bound(&[&["o", "1", "--per-page=5"], args].concat()).map(|bound| (bound.pages, bound.wait));
        assert_eq!(of(&[]).unwrap(), (None, false));
        assert_eq!(of(&["--all"]).unwrap(), (Some(MOST_PAGES), false));
        assert_eq!(of(&["--max-pages", "3"]).unwrap(), (Some(3), false));
        assert_eq!(of(&["--all", "--max-pages=3"]).unwrap(), (Some(3), false));
        assert_eq!(of(&["--all=false", "--wait"]).unwrap(), (None, true));
        for (args, part) in [
            (vec!["--max-pages=0"], "is no number of pages"),
            (vec!["--max-pages=many"], "is no number of pages"),
            (vec!["--all", "--wait"], "do not go together"),
            (vec!["--idempotency-key=k"], "declares no header"),
        ] {
            wrong(&[vec!["o", "1", "--per-page=5"], args].concat(), part);
        }
    }

    #[test]
    fn an_idempotency_key_goes_into_the_tools_header_and_is_never_missing() {
        let mut tool = tool();
        let flag = json!({"name": "idempotency-key-param", "originalName": "Idempotency-Key", "location": "header", "required": true});
        tool.flags = vec![serde_json::from_value(flag).unwrap()];
        let option = |name: &str, value: &str| Token::Option { name: name.to_owned(), value: Some(value.to_owned()) };
        let words = || [Token::Word("o".to_owned()), Token::Word("1".to_owned())];
        let bind = |options: Vec<Token>| bind(&tool, &[words().to_vec(), options].concat());
        assert!(bind(vec![]).unwrap().request.flags.is_empty());
        let given = bind(vec![option("idempotency-key", "k")]).unwrap();
        assert_eq!(Value::Object(given.request.flags), json!({"idempotency-key-param": "k"}));
        let twice = vec![option("idempotency-key", "k"), option("Idempotency-Key", "k")];
        assert!(bind(twice).unwrap_err().message.contains("twice"));
        let shown = crate::cli::help::tool(&tool, "s g c", true).plain(200);
        assert!(shown.contains("made when neither is given") && shown.contains("--idempotency-key KEY"), "{shown}");
        assert!(!shown.contains("(required,"), "{shown}");
    }

    #[test]
    fn help_offers_an_idempotency_key_only_where_one_is_taken() {
        assert!(!crate::cli::help::tool(&tool(), "s g c", true).plain(200).contains("--idempotency-key"));
    }

    #[test]
    fn bodies_come_three_ways() {
        let body = |text: &str| bound(&["o", "1", "--per-page=5", &format!("--body={text}")]).unwrap().body;
        assert_eq!(body("{}"), Some(BodySource::Text("{}".to_owned())));
        assert_eq!(body("@a/b.json"), Some(BodySource::File("a/b.json".to_owned())));
        assert_eq!(body("-"), Some(BodySource::Stdin));
        wrong(&["o", "1", "--per-page=5", "--body=@"], "names no file");
        let dashed = bound(&["o", "1", "--per-page=5", "--body", "-"]).unwrap();
        assert_eq!(dashed.body, Some(BodySource::Stdin));
    }

    #[test]
    fn json_bodies_are_checked_and_others_are_not() {
        let mut request = ExecuteRequest::default();
        let error = attach_body(&tool(), &mut request, b"{\"a\": }").unwrap_err();
        assert!(error.message.contains("line 1 column 7") && request.body.is_none(), "{error}");
        attach_body(&tool(), &mut request, b" {\"a\":1} ").unwrap();
        assert_eq!(request.body.as_deref(), Some("IHsiYSI6MX0g"));
        request.content_type = Some("text/plain".to_owned());
        attach_body(&tool(), &mut request, b"\xff{").unwrap();
        let mut none = tool();
        none.request_body = None;
        let error = bind(&none, &[Token::Option { name: "body".to_owned(), value: Some("x".to_owned()) }]).unwrap_err();
        assert!(error.message.contains("needs"), "{error}");
    }
}
