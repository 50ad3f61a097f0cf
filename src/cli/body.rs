//! A body made of its members: which media type that is, which flags its members have, and what was said of them. Pure.
//!
//! Flags are for what a schema names at the top; a word says a value of any place ([`shorthand`]). Both stand over `--body`. Whether a
//! value is one of its type is checked here, everything else of a schema by the toolbox.

use serde_json::Value;

use crate::catalog::{BodyContent, Schema, Tool, files, naming};
use crate::http;

use super::args::{UsageError, Wants};
use super::assign::{Assigned, FileLeaf, Leaf, Step};
use super::value::{self, Member};
use super::{flags, shorthand};

/// Words that say a value, at most.
const MOST_WORDS: usize = 1_000;

/// How members become a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As JSON.
    Json,
    /// As a form, without files or with them.
    Form,
}

/// A flag for a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyFlag {
    /// As it is typed, without dashes.
    pub name: String,
    /// What it is for.
    pub member: Member,
}

/// A body that can be given by its members.
#[derive(Clone, Debug)]
pub struct Shape<'t> {
    /// The media type.
    pub content: &'t BodyContent,
    /// How it is written.
    pub kind: Kind,
    /// Its members, in the publisher's order; those that are files come by `--file`.
    pub flags: Vec<BodyFlag>,
    /// Members that are files.
    pub files: Vec<files::FileMember>,
    root: Value,
}

impl<'t> Shape<'t> {
    /// The body that members make: of the media type that is asked for, of a form with files when there are some, else of JSON, else of
    /// a form. `parameters` are the names of the tool's other flags.
    pub fn of(tool: &'t Tool, asked: Option<&str>, has_files: bool, parameters: &[&str]) -> Option<Self> {
        let contents = || tool.request_body.iter().flat_map(|body| &body.content_types);
        let content = match asked {
            Some(asked) => contents().find(|content| http::covers(&content.media_type, asked))?,
            None if has_files => files::multipart(tool)?,
            None => contents().find(|content| is_json(&content.media_type)).or_else(|| contents().find(is_form))?,
        };
        let kind = match (asked.unwrap_or(&content.media_type), content) {
            (media, _) if is_json(media) => Kind::Json,
            (media, content) if is_form(&content) && !media.contains("boundary=") => Kind::Form,
            _ => return None,
        };
        let of_form = if kind == Kind::Form { files::members(content) } else { Vec::new() };
        let mut members = content.schema.as_ref().map(value::members).unwrap_or_default();
        members.retain(|member| !of_form.iter().any(|file| file.name == member.name));
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        let names = naming::body_flags(&names, parameters);
        let flags = names.into_iter().zip(members).map(|(name, member)| BodyFlag { name, member }).collect();
        let root = content.schema.as_ref().map_or(Value::Bool(true), Schema::value);
        Some(Self { content, kind, flags, files: of_form, root })
    }

    /// A flag by the name typed, else by the member's own name when nothing else of the command line is called so.
    pub fn flag(&self, name: &str) -> Option<&BodyFlag> {
        let own = || self.flags.iter().find(|flag| flag.member.name == name && !flags::is_reserved(name));
        self.flags.iter().find(|flag| flag.name == name).or_else(own)
    }

    /// The media type to name where the runtime would not choose this one by itself.
    pub fn media_type(&self) -> Option<String> {
        match self.content.media_type.contains('*') {
            true => Some("application/json".to_owned()),
            false => (self.kind == Kind::Form).then(|| self.content.media_type.clone()),
        }
    }

    /// Whether a member's flag takes the word behind it.
    pub fn wants(&self, flag: &BodyFlag) -> Wants {
        value::wants_at(&self.root, &place(flag))
    }

    /// The values that a member's flag takes, where its schema names them.
    pub fn choices(&self, name: &str) -> Vec<String> {
        self.flag(name).map_or_else(Vec::new, |flag| value::choices_at(&self.root, &place(flag)))
    }

    /// How a person is asked for a member.
    pub fn asked(&self, flag: &BodyFlag) -> value::Asked {
        value::asked(&self.root, &place(flag))
    }

    /// Takes all values of one flag in; the error is a cause.
    pub fn set_flag(
        &self,
        into: &mut Assigned,
        flag: &BodyFlag,
        values: &[String],
        as_typed: bool,
    ) -> Result<(), String> {
        let path = place(flag);
        let by_member = value::is_by_member_at(&self.root, &path)
            && values.iter().all(|text| !text.starts_with('{') && shorthand::looks_like(text));
        if by_member {
            return values
                .iter()
                .try_for_each(|text| self.set(into, &path, text, as_typed).map_err(|error| error.message));
        }
        let json = match value::json_of_flag(&self.root, &path, values) {
            Err(_) if as_typed => as_texts(values),
            Err(cause) if value::is_by_member_at(&self.root, &path) => {
                return Err(format!("{cause}; its members are given as NAME=VALUE, each once"));
            }
            json => json?,
        };
        into.set(&path, Leaf::Json(json)).map_err(|clash| clash.to_string())
    }

    /// Takes words in that say values of places.
    pub fn set_words(&self, into: &mut Assigned, words: &[String], as_typed: bool) -> Result<(), UsageError> {
        if words.len() > MOST_WORDS {
            return Err(UsageError::new(format!("at most {MOST_WORDS} words say values of a body; give it by --body")));
        }
        words.iter().try_for_each(|word| self.set(into, &[], word, as_typed))
    }

    /// One word, for a place below `above`.
    fn set(&self, into: &mut Assigned, above: &[Step], word: &str, as_typed: bool) -> Result<(), UsageError> {
        let parsed = shorthand::parse(word)?;
        let path = [above, &parsed.path].concat();
        let shown = super::assign::place(&path);
        let leaf = match (parsed.is_file, parsed.is_json) {
            (true, is_json) => {
                let path = Some(parsed.value).filter(|path| path != "-");
                Leaf::File(FileLeaf { path, is_json })
            }
            (false, true) => Leaf::Json(parsed.value),
            (false, false) => match value::json_at(&self.root, &path, &parsed.value) {
                Err(_) if as_typed => Leaf::Json(super::assign::quoted(&parsed.value)),
                Err(cause) => return Err(mistyped(&shown, &cause)),
                Ok(json) => Leaf::Json(json),
            },
        };
        into.set(&path, leaf).map_err(|clash| {
            UsageError::new(format!("{shown} cannot be set: {clash}"))
                .hint("each place of a body is given once, and as one thing")
        })
    }

    /// Members that must be there and that nobody gave; the files that were given count.
    pub fn missing(&self, given: &Assigned, has_file: impl Fn(&str) -> bool) -> Vec<&BodyFlag> {
        let is_missing = |member: &Member| member.required && !given.has(&member.name) && !has_file(&member.name);
        self.flags.iter().filter(|flag| given.is_object() && is_missing(&flag.member)).collect()
    }
}

fn mistyped(shown: &str, cause: &str) -> UsageError {
    let error = UsageError::new(format!("{shown}: the value {cause}"));
    match cause.ends_with("a JSON array") {
        true => {
            error.hint(format!("an item is added by {}[]=VALUE, a whole list is given by :=", shown.trim_matches('`')))
        }
        false => error.hint("`:=` takes JSON, whatever the schema says"),
    }
}

fn place(flag: &BodyFlag) -> [Step; 1] {
    [Step::Member(flag.member.name.clone())]
}

/// What is sent of values that are none of their schema, when the caller wants it so.
fn as_texts(values: &[String]) -> String {
    match values {
        [one] => super::assign::quoted(one),
        several => Value::from(several).to_string(),
    }
}

fn is_json(media: &str) -> bool {
    http::is_json(media) || http::covers(media, "application/json")
}

fn is_form(content: &&BodyContent) -> bool {
    let media = http::media_type(&content.media_type);
    media == "application/x-www-form-urlencoded" || media.starts_with("multipart/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RequestBody;
    use serde_json::json;

    fn tool(contents: &[(&str, Value)]) -> Tool {
        let content_types = contents.iter().map(|(media, schema)| BodyContent {
            media_type: (*media).to_owned(),
            schema: (!schema.is_null()).then(|| Schema::new(schema)),
            ..BodyContent::default()
        });
        let request_body = Some(RequestBody { required: true, content_types: content_types.collect() });
        Tool { id: "s:t".into(), request_body, ..Tool::default() }
    }

    fn schema() -> Value {
        json!({
            "allOf": [{"$ref": "#/$defs/base"}], "required": ["title"],
            "properties": {
                "title": {"type": "string"}, "count": {"type": "integer", "minimum": 1}, "urgent": {"type": "boolean"},
                "labels": {"type": "array", "items": {"type": "string"}}, "sizes": {"type": "array", "items": {"type": "integer"}},
                "meta": {"type": "object", "properties": {"a": {"type": "object", "properties": {"n": {"type": "number"}}}}},
                "state": {"enum": ["open", "closed", 3]}, "port": {"type": ["integer", "string"]},
                "note": {"type": ["string", "null"]}, "left": {"type": ["integer", "null"]},
                "any": {}, "list": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
                "pair": {"prefixItems": [{"type": "string"}, {"type": "integer"}]},
                "tags": {"type": "object", "additionalProperties": {"type": "integer"}},
                "format": {"type": "string"}
            },
            "$defs": {"base": {"properties": {"id": {"type": "string", "readOnly": true}, "ownerId": {"type": "integer"}}}}
        })
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn made(flags: &[(&str, &[&str])], given: &[&str], as_typed: bool) -> Result<String, String> {
        let tool = tool(&[("application/json", schema())]);
        let shape = Shape::of(&tool, None, false, &[]).unwrap();
        let mut all = Assigned::default();
        for (name, values) in flags {
            let flag = shape.flag(name).unwrap_or_else(|| panic!("there is a flag {name}"));
            shape.set_flag(&mut all, flag, &words(values), as_typed)?;
        }
        shape.set_words(&mut all, &words(given), as_typed).map_err(|error| error.to_string())?;
        Ok(all.over(None).unwrap())
    }

    #[track_caller]
    fn by_flag(name: &str, values: &[&str], expected: &str) {
        let found = made(&[(name, values)], &[], false).unwrap_or_else(|error| panic!("--{name} {values:?}: {error}"));
        assert_eq!(found, expected, "--{name} {values:?}");
    }

    #[test]
    fn flags_are_typed_by_the_schema() {
        by_flag("title", &["5"], r#"{"title":"5"}"#);
        by_flag("count", &["5"], r#"{"count":5}"#);
        by_flag("owner-id", &["12345678901234567890"], r#"{"ownerId":12345678901234567890}"#);
        by_flag("ownerId", &["1"], r#"{"ownerId":1}"#);
        by_flag("urgent", &["true"], r#"{"urgent":true}"#);
        by_flag("labels", &["a", "1"], r#"{"labels":["a","1"]}"#);
        by_flag("labels", &["a"], r#"{"labels":["a"]}"#);
        by_flag("labels", &[r#"["a", "b"]"#], r#"{"labels":["a", "b"]}"#);
        by_flag("sizes", &["1", "2"], r#"{"sizes":[1,2]}"#);
        by_flag("list", &[r#"{"n":1}"#, "{}"], r#"{"list":[{"n":1},{}]}"#);
        by_flag("meta", &[r#"{"x": 1.0}"#], r#"{"meta":{"x": 1.0}}"#);
        by_flag("meta", &["a.n=1.50", "b=x"], r#"{"meta":{"a":{"n":1.50},"b":"x"}}"#);
        by_flag("state", &["3"], r#"{"state":3}"#);
        by_flag("state", &["open"], r#"{"state":"open"}"#);
        by_flag("port", &["80"], r#"{"port":80}"#);
        by_flag("port", &["http"], r#"{"port":"http"}"#);
        by_flag("note", &["null"], r#"{"note":"null"}"#);
        by_flag("left", &["null"], r#"{"left":null}"#);
        by_flag("any", &["5"], r#"{"any":"5"}"#);
        by_flag("format-body", &["x"], r#"{"format":"x"}"#);
    }

    #[track_caller]
    fn wrong(flags: &[(&str, &[&str])], given: &[&str], part: &str) {
        let error = made(flags, given, false).unwrap_err();
        assert!(error.contains(part), "{flags:?} {given:?}: {error}");
    }

    #[test]
    fn what_is_no_value_is_told() {
        wrong(&[("count", &["x"])], &[], "is not a whole number");
        wrong(&[("count", &["0"])], &[], "is less than 1");
        wrong(&[("count", &["1", "2"])], &[], "is given more than once");
        wrong(&[("state", &["opne"])], &[], "did you mean open?");
        wrong(&[("sizes", &["1", "x"])], &[], "is not a whole number");
        wrong(&[("meta", &["x"])], &[], "is not a JSON object; its members are given as NAME=VALUE");
        wrong(&[("meta", &["b=1", "b.n=2"])], &[], "`meta.b` is given already, as a value");
        wrong(&[("title", &["a"])], &["title=b"], "`title` cannot be set: `title` is given already, as a value");
        wrong(&[], &["count=x"], "`count`: the value is not a whole number");
        wrong(&[], &["meta.a.n=x"], "`meta.a.n`: the value is not a number");
        wrong(&[], &["labels=x"], "is not a JSON array");
        wrong(&[], &["title"], "there is no `=`");
        wrong(&[], &vec!["any[]=1"; 1_001], "at most 1000 words");
    }

    #[test]
    fn words_are_typed_by_the_schema_where_it_says_something() {
        for (word, expected) in [
            ("title=5", r#"{"title":"5"}"#),
            ("count=5", r#"{"count":5}"#),
            ("meta.a.n=1.50", r#"{"meta":{"a":{"n":1.50}}}"#),
            ("meta.b=5", r#"{"meta":{"b":"5"}}"#),
            ("sizes[]=5", r#"{"sizes":[5]}"#),
            ("list[0].n=5", r#"{"list":[{"n":5}]}"#),
            ("pair:=[]", r#"{"pair":[]}"#),
            ("tags.x=5", r#"{"tags":{"x":5}}"#),
            ("title:=5", r#"{"title":5}"#),
            ("ownerId=5", r#"{"ownerId":5}"#),
            ("unknown=5", r#"{"unknown":"5"}"#),
            ("labels=[\"a\"]", r#"{"labels":["a"]}"#),
        ] {
            assert_eq!(made(&[], &[word], false).as_deref(), Ok(expected), "{word}");
        }
        assert_eq!(made(&[], &["pair[0]=1", "pair[1]=1"], false).as_deref(), Ok(r#"{"pair":["1",1]}"#));
        let wild = made(&[("count", &["x"]), ("sizes", &["1", "x"])], &["urgent=maybe"], true);
        assert_eq!(wild.as_deref(), Ok(r#"{"count":"x","sizes":["1","x"],"urgent":"maybe"}"#));
    }

    #[track_caller]
    fn chosen(contents: &[(&str, Value)], asked: Option<&str>, has_files: bool, expected: Option<(&str, Kind)>) {
        let tool = tool(contents);
        let shape = Shape::of(&tool, asked, has_files, &[]);
        assert_eq!(
            shape.map(|shape| (shape.content.media_type.clone(), shape.kind)),
            expected.map(|(media, kind)| (media.to_owned(), kind))
        );
    }

    #[test]
    fn members_make_json_or_a_form() {
        let (json, form, parts, text) =
            ("application/vnd.x+json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain");
        let all = [(text, Value::Null), (form, Value::Null), (parts, Value::Null), (json, Value::Null)];
        chosen(&all, None, false, Some((json, Kind::Json)));
        chosen(&all, None, true, Some((parts, Kind::Form)));
        chosen(&all, Some(form), false, Some((form, Kind::Form)));
        chosen(&all, Some(text), false, None);
        chosen(&all, Some("multipart/form-data; boundary=x"), false, None);
        chosen(&all[..3], None, false, Some((form, Kind::Form)));
        chosen(&all[..1], None, false, None);
        chosen(&[("*/*", Value::Null)], None, false, Some(("*/*", Kind::Json)));
        chosen(&[("*/*", Value::Null)], Some(text), false, None);
        chosen(&[], None, false, None);
    }

    #[test]
    fn members_that_must_be_there_are_named() {
        let tool = tool(&[("application/json", schema())]);
        let shape = Shape::of(&tool, None, false, &["title"]).unwrap();
        let missing = |given: &Assigned| shape.missing(given, |_| false).len();
        assert_eq!((missing(&Assigned::default()), shape.flags[1].name.as_str()), (1, "title-body"));
        let mut given = Assigned::default();
        shape.set_words(&mut given, &words(&["title=x"]), false).unwrap();
        assert_eq!(missing(&given), 0);
        assert!(shape.flag("id").is_none(), "what only the API sets is not offered");
    }
}
