//! `--file`: which file goes into which member of a multipart body. Pure; `call` reads them.

use crate::catalog::Tool;
use crate::catalog::files::{self, FileMember};

use super::args::UsageError;

/// One file of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSource {
    /// The body's member.
    pub name: String,
    /// Where it is; `None` for standard input.
    pub path: Option<String>,
    /// `;type=`
    pub media_type: Option<String>,
    /// `;filename=`, else the last word of the path.
    pub file_name: Option<String>,
}

/// Reads the values of all `--file` flags.
pub fn sources(tool: &Tool, texts: &[String]) -> Result<Vec<FileSource>, UsageError> {
    let Some(content) = files::multipart(tool).filter(|_| !texts.is_empty()) else {
        return match texts.is_empty() {
            true => Ok(Vec::new()),
            false => {
                Err(UsageError::new(format!("{} takes no files", tool.id))
                    .hint("a whole body is given as --body @FILE"))
            }
        };
    };
    let known = files::members(content);
    let found = texts.iter().map(|text| source(tool, &known, text)).collect::<Result<Vec<_>, _>>()?;
    for member in known.iter().filter(|member| !member.many) {
        if found.iter().filter(|file| file.name == member.name).count() > 1 {
            return Err(UsageError::new(format!("{} takes one file as `{}`", tool.id, member.name)));
        }
    }
    if found.iter().filter(|file| file.path.is_none()).count() > 1 {
        return Err(UsageError::new("only one --file can be read from standard input"));
    }
    Ok(found)
}

/// `NAME=PATH[;type=MEDIA][;filename=NAME]`, or without `NAME=` when the tool takes just one kind of file. A name that is known may
/// hold anything; of others the first `=` ends the name, so that a path with one in it is given with its name.
fn source(tool: &Tool, known: &[FileMember], text: &str) -> Result<FileSource, UsageError> {
    let named = known.iter().find_map(|member| {
        let path = text.strip_prefix(member.name.as_str())?.strip_prefix('=')?;
        Some((member.name.clone(), path))
    });
    let (name, rest) = match (named, text.split_once('=').filter(|(name, _)| !name.contains([';', '/'])), known) {
        (Some(named), ..) => named,
        (None, Some(("", _)), [_, ..]) => return Err(unnamed(tool, known, text)),
        (None, Some((name, path)), _) if !name.is_empty() => (name.to_owned(), path),
        (None, _, [only]) => (only.name.clone(), text),
        _ => return Err(unnamed(tool, known, text)),
    };
    let (path, mut media_type, mut file_name) = (rest.split(";type=").next().unwrap_or(rest), None, None);
    let path = path.split(";filename=").next().unwrap_or(path);
    for option in rest[path.len()..].split(';').filter(|option| !option.is_empty()) {
        match (option.split_once('='), &mut media_type) {
            (Some(("type" | "filename", "")), _) => {
                return Err(UsageError::new(format!("--file {name}: `{option}` says nothing")));
            }
            (Some(("type", value)), place) => *place = Some(value.to_owned()),
            (Some(("filename", value)), _) => file_name = Some(value.to_owned()),
            // What belongs to the media type, as in `text/plain;charset=utf-8`.
            (_, Some(media_type)) => media_type.push_str(&format!(";{option}")),
            (_, None) => {
                return Err(UsageError::new(format!("--file {name}: `{option}` is neither type= nor filename=")));
            }
        }
    }
    if path.is_empty() {
        return Err(UsageError::new(format!("--file {name}= names no file")));
    }
    let path = Some(path).filter(|path| *path != "-").map(str::to_owned);
    let last = |path: &String| path.rsplit('/').next().filter(|last| !last.is_empty()).map(str::to_owned);
    let file_name = file_name.or_else(|| path.as_ref().and_then(last));
    Ok(FileSource { name, path, media_type, file_name })
}

fn unnamed(tool: &Tool, known: &[FileMember], text: &str) -> UsageError {
    let error = UsageError::new(format!("{}: --file {text:?} does not say which member of the body it is", tool.id));
    match known {
        [] => error.hint("write --file NAME=PATH"),
        known => {
            let names: Vec<&str> = known.iter().map(|member| member.name.as_str()).collect();
            error.hint(format!("write --file NAME=PATH; its files: {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{BodyContent, RequestBody, Schema};
    use serde_json::json;

    fn tool(members: &[&str]) -> Tool {
        let file = json!({"type": "string", "format": "binary"});
        let mut properties = serde_json::Map::new();
        members.iter().for_each(|name| drop(properties.insert((*name).to_owned(), file.clone())));
        properties.insert("list".to_owned(), json!({"type": "string"}));
        let content = BodyContent {
            media_type: "multipart/form-data".to_owned(),
            schema: Some(Schema::new(&json!({"properties": properties}))),
            ..BodyContent::default()
        };
        let request_body = Some(RequestBody { required: true, content_types: vec![content] });
        Tool { id: "s:t".into(), request_body, ..Tool::default() }
    }

    #[track_caller]
    fn check(members: &[&str], text: &str, expected: (&str, Option<&str>, Option<&str>, Option<&str>)) {
        let found = sources(&tool(members), &[text.to_owned()]).unwrap().remove(0);
        let FileSource { name, path, media_type, file_name } = &found;
        assert_eq!((name.as_str(), path.as_deref(), media_type.as_deref(), file_name.as_deref()), expected, "{text}");
    }

    #[test]
    fn every_spelling_is_read() {
        check(&["f"], "f=a/b.png", ("f", Some("a/b.png"), None, Some("b.png")));
        check(&["f"], "a/b.png", ("f", Some("a/b.png"), None, Some("b.png")));
        check(&["f"], "./x=y.png", ("f", Some("./x=y.png"), None, Some("x=y.png")));
        check(&["f"], "-", ("f", None, None, None));
        check(&["f", "g"], "g=-;filename=c.txt", ("g", None, None, Some("c.txt")));
        check(&["f"], "f=a;b.png;type=image/png;filename=x", ("f", Some("a;b.png"), Some("image/png"), Some("x")));
        check(
            &["f"],
            "f=a;type=text/plain;charset=utf-8",
            ("f", Some("a"), Some("text/plain;charset=utf-8"), Some("a")),
        );
        check(&[], "other=a", ("other", Some("a"), None, Some("a")));
    }

    #[track_caller]
    fn wrong(members: &[&str], texts: &[&str], part: &str) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let error = sources(&tool(members), &texts).unwrap_err();
        let whole = format!("{error} ({})", error.hint.as_deref().unwrap_or(""));
        assert!(whole.contains(part), "{texts:?}: {whole}");
    }

    #[test]
    fn what_is_unclear_is_refused() {
        wrong(&["f", "g"], &["a.png"], "its files: f, g");
        wrong(&[], &["a.png"], "write --file NAME=PATH");
        wrong(&["f"], &["f="], "names no file");
        wrong(&["f"], &["f=a;type="], "says nothing");
        wrong(&["f"], &["f=a", "f=b"], "takes one file as `f`");
        wrong(&["f", "g"], &["f=-", "g=-"], "only one");
        let none = sources(&Tool { id: "s:t".into(), ..Tool::default() }, &["a".to_owned()]).unwrap_err();
        assert_eq!(none.message, "s:t takes no files");
    }
}
