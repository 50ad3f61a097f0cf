//! What the words and flags of `init` ask for.
//!
//! Key type: [`Asked`]. A word is an address, else a file, else a name for which a file is looked for; only whether files are there is
//! looked up here.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::plan::ApiKind;
use crate::base::name::slug;
use crate::base::url::{Url, is_loopback_host};
use crate::cli::args::{Options, UsageError};
use crate::config::Location;
use crate::config::scope::clean;

/// Endings of descriptions, for names.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// What a description is called in a directory.
const USUAL: [&str; 3] = ["openapi", "swagger", "api"];

/// What is to be configured.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// An API, described at a location, whose kind is to be found out when it is not given.
    Api { location: Location, kind: Option<ApiKind> },
    /// An MCP server.
    Mcp { id: String, transport: Value },
}

/// Reads words and flags; `host` makes paths absolute.
pub(super) fn read(options: &Options, absolute: &dyn Fn(&Path) -> PathBuf) -> Result<Asked, UsageError> {
    let word = &options.words[0];
    let kind = options.value("type");
    if kind == Some("mcp") {
        return mcp(word, options);
    }
    for flag in ["command", "arg", "url", "transport"] {
        if options.value(flag).is_some() {
            return Err(UsageError::new(format!("--{flag} belongs to --type mcp")));
        }
    }
    if let Some(extra) = options.words.get(1) {
        let error = UsageError::new(format!("{} is one word too many", extra.escape_debug()));
        return Err(error.hint("one source at a time; a command after -- belongs to --type mcp"));
    }
    let kind = kind.and_then(|kind| ApiKind::ALL.into_iter().find(|known| known.as_str() == kind));
    Ok(Asked::Api { location: location(word, absolute)?, kind })
}

fn location(word: &str, absolute: &dyn Fn(&Path) -> PathBuf) -> Result<Location, UsageError> {
    let wrong = |cause: String| UsageError::new(format!("{}: {cause}", word.escape_debug()));
    if word.contains("://") {
        let url = Url::parse(word).map_err(|error| wrong(error.to_string()))?;
        return Ok(url.to_file_path().map_or(Location::Remote(url.document()), Location::File));
    }
    if word.is_empty() {
        return Err(wrong("is empty".to_owned()).hint("name a URL or a file"));
    }
    let path = clean(&absolute(Path::new(word)));
    if path.is_file() {
        return Ok(Location::File(path));
    }
    let stems: Vec<PathBuf> = match path.is_dir() {
        true => USUAL.iter().map(|name| path.join(name)).collect(),
        false => vec![path.clone()],
    };
    let named_file = ENDINGS.iter().any(|ending| word.ends_with(&format!(".{ending}")));
    let endings = if named_file && !path.is_dir() { &[][..] } else { &ENDINGS[..] };
    let candidates = stems.iter().flat_map(|stem| endings.iter().map(|ending| stem.with_added(ending)));
    if let Some(found) = candidates.clone().find(|candidate| candidate.is_file()) {
        return Ok(Location::File(found));
    }
    let looked: Vec<String> = candidates.map(|candidate| candidate.display().to_string()).collect();
    let error = UsageError::new(match path.is_dir() {
        true => format!("{} is a directory without a description; looked for {}", path.display(), looked.join(", ")),
        false if looked.is_empty() => format!("there is no file {}", path.display()),
        false => format!("there is no file {}, nor {}", path.display(), looked.join(", ")),
    });
    let (first, is_path) = (word.split('/').next().unwrap_or(word), word.contains('/'));
    let is_folder = is_path && absolute(Path::new(first)).is_dir();
    let is_host = first.contains(['.', ':']) && !is_folder && !first.starts_with('.') && (is_path || !named_file);
    Err(match is_host {
        true => {
            let host = word.split(['/', ':']).next().unwrap_or(word);
            let scheme = if is_loopback_host(host) { "http" } else { "https" };
            error.hint(format!("an address begins with its scheme: {scheme}://{}", word.escape_debug()))
        }
        false => error.hint("name a URL or a file; an MCP server needs --type mcp"),
    })
}

trait WithAdded {
    fn with_added(&self, ending: &str) -> PathBuf;
}

impl WithAdded for PathBuf {
    /// `a.b` -> `a.b.yaml`
    fn with_added(&self, ending: &str) -> PathBuf {
        let mut name = self.clone().into_os_string();
        name.push(format!(".{ending}"));
        Self::from(name)
    }
}

/// `init name --type mcp -- program argument ..`, or with `--command` and `--arg`, or with `--url`; an address may stand in the
/// name's place.
fn mcp(word: &str, options: &Options) -> Result<Asked, UsageError> {
    let usage = "open-cli init NAME --type mcp -- PROGRAM ARGUMENT.., or --url URL";
    let (url, id) = match word.contains("://") {
        true => (Some(word), Url::parse(word).map(|url| slug(url.host())).unwrap_or_default()),
        false => (options.value("url"), slug(word)),
    };
    let id = options.value("service").map_or(id, str::to_owned);
    if id.is_empty() {
        return Err(
            UsageError::new(format!("no id can be made of {}", word.escape_debug())).hint("give one: --service ID")
        );
    }
    let all = |name: &str| -> Vec<&str> {
        options.options.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    };
    let mut command: Vec<&str> = options.value("command").into_iter().collect();
    command.extend(options.words[1..].iter().map(String::as_str));
    match (url, command.split_first()) {
        (Some(_), Some(_)) => {
            Err(UsageError::new("an MCP server is either a command or an address, not both").hint(usage))
        }
        (Some(url), None) => {
            let url = Url::parse(url).map_err(|error| UsageError::new(format!("--url: {error}")))?;
            if !url.is_http() {
                return Err(UsageError::new("--url: an MCP server is reached by http or https").hint(usage));
            }
            let kind = options.value("transport").unwrap_or("streamable-http");
            Ok(Asked::Mcp { id, transport: json!({"type": kind, "url": url.as_str()}) })
        }
        (None, Some((program, rest))) => {
            if options.value("transport").is_some() {
                return Err(UsageError::new("--transport is for --url").hint(usage));
            }
            let args: Vec<&str> = rest.iter().copied().chain(all("arg")).collect();
            let mut transport = json!({"type": "stdio", "command": program});
            if !args.is_empty() {
                transport["args"] = json!(args);
            }
            Ok(Asked::Mcp { id, transport })
        }
        (None, None) => Err(UsageError::new("--type mcp needs a command or an address").hint(usage)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        let mut options = Options::default();
        for word in text.split_whitespace() {
            match word.strip_prefix("--").and_then(|option| option.split_once('=')) {
                Some((name, value)) => options.options.push((name.to_owned(), value.to_owned())),
                None => options.words.push(word.to_owned()),
            }
        }
        options
    }

    fn found(text: &str) -> Result<Asked, UsageError> {
        read(&options(text), &|path| Path::new("/no/such/place").join(path))
    }

    #[track_caller]
    fn server(text: &str, id: &str, transport: Value) {
        assert_eq!(found(text).unwrap(), Asked::Mcp { id: id.to_owned(), transport }, "{text}");
    }

    #[test]
    fn mcp_servers_are_commands_or_addresses() {
        server(
            "Files --type=mcp npx -y server",
            "files",
            json!({"type": "stdio", "command": "npx", "args": ["-y", "server"]}),
        );
        server("f --type=mcp --command=srv --arg=-v", "f", json!({"type": "stdio", "command": "srv", "args": ["-v"]}));
        server("f --type=mcp --command=srv", "f", json!({"type": "stdio", "command": "srv"}));
        server(
            "f --type=mcp --url=https://m.example/mcp",
            "f",
            json!({"type": "streamable-http", "url": "https://m.example/mcp"}),
        );
        server(
            "https://m.example/x --type=mcp --transport=sse",
            "m-example",
            json!({"type": "sse", "url": "https://m.example/x"}),
        );
        server(
            "https://m.example/x --type=mcp --service=own",
            "own",
            json!({"type": "streamable-http", "url": "https://m.example/x"}),
        );
    }

    #[test]
    fn addresses_are_locations() {
        let url = Url::parse("https://a.example/openapi.json").unwrap();
        let api = |location, kind| Asked::Api { location, kind };
        assert_eq!(found("https://a.example/openapi.json#x").unwrap(), api(Location::Remote(url.clone()), None));
        assert_eq!(
            found("https://a.example/openapi.json --type=apiCatalog").unwrap(),
            api(Location::Remote(url), Some(ApiKind::ApiCatalog))
        );
        assert_eq!(found("file:///a/b.json").unwrap(), api(Location::File("/a/b.json".into()), None));
    }

    #[track_caller]
    fn wrong(text: &str, part: &str) {
        let error = found(text).unwrap_err();
        let whole = format!("{error} ({})", error.hint.as_deref().unwrap_or(""));
        assert!(whole.contains(part), "{text}: {whole}");
    }

    #[test]
    fn what_is_unclear_is_refused_with_the_next_step() {
        wrong(
            "petstore",
            "nor /no/such/place/petstore.yaml, /no/such/place/petstore.yml, /no/such/place/petstore.json",
        );
        wrong("petstore", "--type mcp");
        wrong("api.example.com", "https://api.example.com");
        wrong("localhost:8080", "http://localhost:8080");
        wrong("missing.yaml", "there is no file /no/such/place/missing.yaml (name a URL or a file");
        wrong("./missing.yaml", "name a URL or a file");
        wrong("api.example.com/openapi.json", "https://api.example.com/openapi.json");
        wrong("127.0.0.1:8080/openapi.json", "http://127.0.0.1:8080/openapi.json");
        wrong("ftp://a/b", "scheme `ftp`");
        wrong("https://u:p@a.example", "user name or password");
        wrong("a b", "one word too many");
        wrong("a --url=https://x", "--url belongs to --type mcp");
        wrong("a --type=mcp", "needs a command or an address");
        wrong("a --type=mcp --url=https://x prog", "not both");
        wrong("a --type=mcp --transport=sse prog", "--transport is for --url");
        wrong("日本 --type=mcp prog", "--service ID");
    }
}
