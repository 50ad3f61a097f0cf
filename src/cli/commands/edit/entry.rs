//! What `config add-source`, `add-service` and `add-secret` write: an entry of the configuration, from words and flags.
//!
//! Pure. Only what the flags themselves promise is checked here; whether the configuration takes the entry is for its own check.

use serde_json::{Map, Value, json};

use crate::cli::args::{Options, UsageError};
use crate::cli::flags::{Flag, Takes, option, repeated};

use super::{DRY_RUN, REPLACE, SCOPE};

/// The flags of `config add-source`.
pub const SOURCE: &[Flag] = &[
    option(
        "type",
        Takes::OneOf(&["openapi", "serviceRoot", "apiCatalog", "mcp"]),
        "What the source is; without it, mcp with --command or --url, else openapi",
    ),
    option("uri", Takes::Value("URI"), "Where it is: a URL, or a path beside the file that is written"),
    option("service", Takes::Value("ID"), "Add a service of this id for it, too"),
    option("disabled", Takes::Nothing, "Keep it in the configuration without loading it"),
    option("max-age", Takes::Value("SECONDS"), "How long what was fetched is fresh, whatever its publisher says"),
    option("manual-only", Takes::Nothing, "Fetch it only when a refresh is asked for"),
    option("command", Takes::Value("PROGRAM"), "An MCP server's program"),
    repeated(option("arg", Takes::Value("ARGUMENT"), "An argument of --command, as often as there are")),
    repeated(option("env", Takes::Value("NAME=VALUE"), "A variable for --command, as often as there are")),
    option("url", Takes::Value("URL"), "An MCP server's address"),
    option("transport", Takes::OneOf(&["streamable-http", "sse"]), "How an MCP server's address is spoken to"),
    repeated(option("header", Takes::Value("NAME=VALUE"), "A header for --url, as often as there are")),
    repeated(option(
        "header-secret",
        Takes::Value("NAME=KEY"),
        "A header for --url whose value is this secret, as often as there are",
    )),
    repeated(option(
        "disabled-tool",
        Takes::Value("NAME"),
        "A tool of an MCP server that is left out, as often as there are",
    )),
    REPLACE,
    SCOPE,
    DRY_RUN,
];

/// The flags of `config add-service`.
pub const SERVICE: &[Flag] = &[
    option("source", Takes::Value("ID"), "The source that describes it"),
    option("alias", Takes::Value("NAME"), "What people type for it"),
    repeated(option("overlay", Takes::Value("PATH"), "An overlay for its description, as often as there are")),
    repeated(option("skill", Takes::Value("PATH"), "A skill manifest for its tools, as often as there are")),
    repeated(option("workflow", Takes::Value("PATH"), "A document of workflows, as often as there are")),
    option("server", Takes::Value("URL"), "Where it is, instead of where its description says"),
    option("timeout-seconds", Takes::Value("SECONDS"), "How long one call of it may take"),
    REPLACE,
    SCOPE,
    DRY_RUN,
];

/// The flags of `config add-secret`.
pub const SECRET: &[Flag] = &[
    option(
        "type",
        Takes::OneOf(&["env", "file", "osKeychain", "exec", "literal", "oauth2"]),
        "Where the secret is; without it, env",
    ),
    repeated(option("service", Takes::Value("ID"), "A service that it is for, as often as there are")),
    option("grant", Takes::OneOf(&["clientCredentials", "authorizationCode"]), "How an oauth2 secret gets a token"),
    option("issuer", Takes::Value("URL"), "An oauth2 secret's issuer"),
    option("token-url", Takes::Value("URL"), "An oauth2 secret's token endpoint"),
    option("authorization-url", Takes::Value("URL"), "An oauth2 secret's authorization endpoint"),
    option(
        "client-id",
        Takes::Value("REF"),
        "An oauth2 secret's client: env:NAME, file:PATH, osKeychain:ENTRY or literal:ID",
    ),
    option("client-secret", Takes::Value("REF"), "The client's secret, as env:NAME, file:PATH or osKeychain:ENTRY"),
    repeated(option("oauth-scope", Takes::Value("SCOPE"), "A scope that is asked for, as often as there are")),
    option("audience", Takes::Value("TEXT"), "The audience that is asked for"),
    REPLACE,
    SCOPE,
    DRY_RUN,
];

/// What only a source of type `mcp` has.
const MCP: [&str; 7] = ["command", "arg", "env", "url", "transport", "header", "header-secret"];
/// What only an oauth2 secret has.
const OAUTH: [&str; 8] =
    ["grant", "issuer", "token-url", "authorization-url", "client-id", "client-secret", "oauth-scope", "audience"];

/// The entry of `sources`.
pub(super) fn source(options: &Options) -> Result<Value, UsageError> {
    let is_mcp = options.value("command").or(options.value("url")).is_some();
    let kind = options.value("type").unwrap_or(if is_mcp { "mcp" } else { "openapi" });
    let mut entry = Map::new();
    entry.insert("type".to_owned(), kind.into());
    if kind == "mcp" {
        refuse(options, &["uri"], "belongs to the types openapi, serviceRoot and apiCatalog")?;
        entry.insert("transport".to_owned(), transport(options)?);
    } else {
        refuse(options, &MCP, "belongs to --type mcp")?;
        refuse(options, &["disabled-tool"], "belongs to --type mcp")?;
        let uri =
            options.value("uri").ok_or_else(|| UsageError::new(format!("a source of type {kind} needs --uri")))?;
        entry.insert("uri".to_owned(), uri.into());
    }
    if options.value("disabled") == Some("true") {
        entry.insert("enabled".to_owned(), false.into());
    }
    let mut refresh = Map::new();
    put_number(&mut refresh, "maxAgeSeconds", options, "max-age")?;
    if options.value("manual-only") == Some("true") {
        refresh.insert("manualOnly".to_owned(), true.into());
    }
    if !refresh.is_empty() {
        entry.insert("refresh".to_owned(), refresh.into());
    }
    put_list(&mut entry, "disabledTools", options, "disabled-tool");
    Ok(entry.into())
}

fn transport(options: &Options) -> Result<Value, UsageError> {
    match (options.value("command"), options.value("url")) {
        (Some(command), None) => {
            refuse(options, &["transport", "header", "header-secret"], "belongs to --url")?;
            let mut stdio =
                Map::from_iter([("type".to_owned(), "stdio".into()), ("command".to_owned(), command.into())]);
            put_list(&mut stdio, "args", options, "arg");
            put_pairs(&mut stdio, "env", options, "env")?;
            Ok(stdio.into())
        }
        (None, Some(url)) => {
            refuse(options, &["arg", "env"], "belongs to --command")?;
            let kind = options.value("transport").unwrap_or("streamable-http");
            let mut http = Map::from_iter([("type".to_owned(), kind.into()), ("url".to_owned(), url.into())]);
            put_pairs(&mut http, "headers", options, "header")?;
            put_pairs(&mut http, "headerSecrets", options, "header-secret")?;
            Ok(http.into())
        }
        _ => Err(UsageError::new("a source of type mcp needs --command or --url, one of them")),
    }
}

/// The entry of `services`.
pub(super) fn service(options: &Options) -> Result<Value, UsageError> {
    let source =
        options.value("source").ok_or_else(|| UsageError::new("a service needs --source, the id of a source"))?;
    let mut entry = Map::from_iter([("source".to_owned(), source.into())]);
    put_text(&mut entry, "alias", options, "alias");
    put_list(&mut entry, "overlays", options, "overlay");
    put_list(&mut entry, "skills", options, "skill");
    put_list(&mut entry, "workflows", options, "workflow");
    put_text(&mut entry, "server", options, "server");
    put_number(&mut entry, "timeoutSeconds", options, "timeout-seconds")?;
    Ok(entry.into())
}

/// The entry of `secrets`, from the words behind its key. `read` reads a literal that is not among them.
pub(super) fn secret<E: From<UsageError>>(
    options: &Options,
    read: impl FnOnce() -> Result<String, E>,
) -> Result<Value, E> {
    let kind = options.value("type").unwrap_or("env");
    let words = &options.words[1..];
    let mut entry = Map::from_iter([("type".to_owned(), kind.into())]);
    if kind != "oauth2" {
        refuse(options, &OAUTH, "belongs to --type oauth2")?;
    }
    match (kind, words) {
        ("oauth2", []) => entry.append(&mut oauth(options)?),
        ("oauth2", _) => return Err(UsageError::new("a secret of type oauth2 takes no value, but flags").into()),
        ("exec", []) => return Err(UsageError::new("a secret of type exec needs a program, and its arguments").into()),
        ("exec", words) => {
            entry.insert("command".to_owned(), words.into());
        }
        ("literal", []) => {
            entry.insert("value".to_owned(), read()?.into());
        }
        ("literal", [word]) if word == "-" => {
            entry.insert("value".to_owned(), read()?.into());
        }
        (_, [word]) => {
            entry.insert("value".to_owned(), word.as_str().into());
        }
        (_, []) => {
            let what = match kind {
                "env" => "the name of a variable",
                "file" => "the path of a file",
                _ => "the name of a keychain entry",
            };
            return Err(UsageError::new(format!("a secret of type {kind} needs {what}")).into());
        }
        (_, [_, extra, ..]) => {
            return Err(UsageError::new(format!("{} is one word too many", extra.escape_debug())).into());
        }
    }
    put_list(&mut entry, "services", options, "service");
    Ok(entry.into())
}

fn oauth(options: &Options) -> Result<Map<String, Value>, UsageError> {
    let grant = options.value("grant").ok_or_else(|| UsageError::new("a secret of type oauth2 needs --grant"))?;
    let mut entry = Map::from_iter([("mode".to_owned(), grant.into())]);
    for (key, flag) in [("issuer", "issuer"), ("authorizationURL", "authorization-url"), ("tokenURL", "token-url")] {
        put_text(&mut entry, key, options, flag);
    }
    for (key, flag) in [("clientId", "client-id"), ("clientSecret", "client-secret")] {
        if let Some(text) = options.value(flag) {
            entry.insert(key.to_owned(), reference(flag, text)?);
        }
    }
    put_list(&mut entry, "scopes", options, "oauth-scope");
    put_text(&mut entry, "audience", options, "audience");
    Ok(entry)
}

/// `env:NAME` and its like. What is wrong is not repeated: it may be the secret itself.
fn reference(flag: &str, text: &str) -> Result<Value, UsageError> {
    let known = ["env", "file", "osKeychain", "literal"];
    match text.split_once(':').filter(|(kind, value)| known.contains(kind) && !value.is_empty()) {
        Some((kind, value)) => Ok(json!({"type": kind, "value": value})),
        None => Err(UsageError::new(format!("--{flag} is no reference to where the value is"))
            .hint("write env:NAME, file:PATH, osKeychain:ENTRY or literal:TEXT")),
    }
}

/// Every value of an option, in order.
fn values<'o>(options: &'o Options, flag: &str) -> Vec<&'o str> {
    options.options.iter().filter(|(name, _)| name == flag).map(|(_, value)| value.as_str()).collect()
}

fn refuse(options: &Options, flags: &[&str], why: &str) -> Result<(), UsageError> {
    match flags.iter().find(|flag| options.value(flag).is_some()) {
        Some(flag) => Err(UsageError::new(format!("--{flag} {why}"))),
        None => Ok(()),
    }
}

fn put_text(entry: &mut Map<String, Value>, key: &str, options: &Options, flag: &str) {
    if let Some(text) = options.value(flag) {
        entry.insert(key.to_owned(), text.into());
    }
}

fn put_list(entry: &mut Map<String, Value>, key: &str, options: &Options, flag: &str) {
    let values = values(options, flag);
    if !values.is_empty() {
        entry.insert(key.to_owned(), values.into());
    }
}

fn put_pairs(entry: &mut Map<String, Value>, key: &str, options: &Options, flag: &str) -> Result<(), UsageError> {
    let mut pairs = Map::new();
    for text in values(options, flag) {
        // Without its value, which may be a secret.
        let (name, value) = text
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| UsageError::new(format!("--{flag} is written NAME=VALUE")))?;
        pairs.insert(name.to_owned(), value.into());
    }
    if !pairs.is_empty() {
        entry.insert(key.to_owned(), pairs.into());
    }
    Ok(())
}

fn put_number(entry: &mut Map<String, Value>, key: &str, options: &Options, flag: &str) -> Result<(), UsageError> {
    let Some(text) = options.value(flag) else { return Ok(()) };
    let number: u64 = text
        .parse()
        .map_err(|_| UsageError::new(format!("--{flag}: {} is no number of seconds", text.escape_debug())))?;
    entry.insert(key.to_owned(), number.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        let mut options = Options::default();
        for word in text.split_whitespace() {
            match word.strip_prefix("--").map(|flag| flag.split_once('=').unwrap_or((flag, "true"))) {
                Some((name, value)) => options.options.push((name.to_owned(), value.to_owned())),
                None => options.words.push(word.to_owned()),
            }
        }
        options
    }

    #[track_caller]
    fn check(made: Result<Value, UsageError>, expected: Result<Value, &str>) {
        match (made, expected) {
            (Ok(made), Ok(expected)) => assert_eq!(made.to_string(), expected.to_string()),
            (Err(error), Err(part)) => assert!(error.message.contains(part), "{error}"),
            (made, expected) => panic!("{made:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_source_has_what_its_type_has() {
        let of = |text: &str| source(&options(text));
        check(of("a --uri=x.json"), Ok(json!({"type": "openapi", "uri": "x.json"})));
        check(
            of("a --type=apiCatalog --uri=https://h --disabled --max-age=60 --manual-only"),
            Ok(json!({
                "type": "apiCatalog", "uri": "https://h", "enabled": false,
                "refresh": {"maxAgeSeconds": 60, "manualOnly": true}
            })),
        );
        check(
            of("a --command=npx --arg=-y --arg=server --env=K=v=w --disabled-tool=t"),
            Ok(json!({
                "type": "mcp",
                "transport": {"type": "stdio", "command": "npx", "args": ["-y", "server"], "env": {"K": "v=w"}},
                "disabledTools": ["t"]
            })),
        );
        check(
            of("a --url=https://h/mcp --header-secret=Authorization=key --header=X=1"),
            Ok(json!({"type": "mcp", "transport": {
                "type": "streamable-http", "url": "https://h/mcp", "headers": {"X": "1"}, "headerSecrets": {"Authorization": "key"}
            }})),
        );
        check(of("a"), Err("needs --uri"));
        check(of("a --type=mcp"), Err("needs --command or --url"));
        check(of("a --type=mcp --command=a --url=b"), Err("needs --command or --url"));
        check(of("a --uri=x --arg=y"), Err("--arg belongs to --type mcp"));
        check(of("a --command=x --uri=y"), Err("--uri belongs to"));
        check(of("a --url=x --env=A=b"), Err("--env belongs to --command"));
        check(of("a --uri=x --max-age=soon"), Err("no number of seconds"));
        check(of("a --command=x --env=hunter2"), Err("--env is written NAME=VALUE"));
    }

    #[test]
    fn a_service_has_what_was_said() {
        let of = |text: &str| service(&options(text));
        check(
            of("a --source=s --alias=x --overlay=o1 --overlay=o2 --timeout-seconds=5 --server=https://h"),
            Ok(
                json!({"source": "s", "alias": "x", "overlays": ["o1", "o2"], "server": "https://h", "timeoutSeconds": 5}),
            ),
        );
        check(of("a"), Err("needs --source"));
    }

    #[test]
    fn h24_a_secret_says_where_it_is_and_what_is_wrong_is_not_repeated() {
        let of = |text: &str| secret(&options(text), || Ok::<_, UsageError>("from stdin".to_owned()));
        check(of("k NAME"), Ok(json!({"type": "env", "value": "NAME"})));
        check(
            of("k --type=file p --service=a --service=b"),
            Ok(json!({"type": "file", "value": "p", "services": ["a", "b"]})),
        );
        check(of("k --type=exec pass show x"), Ok(json!({"type": "exec", "command": ["pass", "show", "x"]})));
        check(of("k --type=literal"), Ok(json!({"type": "literal", "value": "from stdin"})));
        check(of("k --type=literal -"), Ok(json!({"type": "literal", "value": "from stdin"})));
        check(of("k --type=literal x"), Ok(json!({"type": "literal", "value": "x"})));
        check(
            of(
                "k --type=oauth2 --grant=clientCredentials --token-url=https://h/t --client-id=literal:me --client-secret=env:S --oauth-scope=a",
            ),
            Ok(json!({
                "type": "oauth2", "mode": "clientCredentials", "tokenURL": "https://h/t",
                "clientId": {"type": "literal", "value": "me"}, "clientSecret": {"type": "env", "value": "S"}, "scopes": ["a"]
            })),
        );
        check(of("k"), Err("needs the name of a variable"));
        check(of("k A B"), Err("one word too many"));
        check(of("k --type=exec"), Err("needs a program"));
        check(of("k A --issuer=x"), Err("--issuer belongs to --type oauth2"));
        let wrong = of("k --type=oauth2 --grant=clientCredentials --client-secret=hunter2").unwrap_err();
        assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
    }
}
