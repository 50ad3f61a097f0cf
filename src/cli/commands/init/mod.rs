//! `init`: looks at what a URL, a file or a name leads to, and writes a configuration for it. Needs no runtime.
//!
//! `asked` reads words and flags, `probe` finds out what is there, `secrets` what its tools need, `plan` says what is written, `told` what
//! a person reads. Nothing is asked of anybody, and nothing that exists is overwritten without `--force`.

mod asked;
mod plan;
mod probe;
mod secrets;
mod told;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::base::disk;
use crate::base::url::Url;
use crate::catalog::Catalog;
use crate::cli::args::{Options, UsageError};
use crate::cli::flags::{Flag, Takes, option, repeated};
use crate::cli::output::sanitize;
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::config::load::{self, MAX_BYTES};
use crate::config::scope::Scope;
use crate::config::trust;

use asked::Asked;
use plan::ApiKind;
use secrets::Secrets;

/// The flags of `init`.
pub const FLAGS: &[Flag] = &[
    option(
        "type",
        Takes::OneOf(&["openapi", "serviceRoot", "apiCatalog", "mcp"]),
        "What the source is, instead of finding it out",
    ),
    option("service", Takes::Value("ID"), "The service's id, instead of the one that its description suggests"),
    option("global", Takes::Nothing, "Write your own configuration, for all projects, instead of ./.cli.json"),
    option("force", Takes::Nothing, "Write over a configuration that is there"),
    option("print", Takes::Nothing, "Print the configuration, and write nothing"),
    option("command", Takes::Value("PROGRAM"), "An MCP server's program; what stands behind -- is taken too"),
    repeated(option("arg", Takes::Value("ARGUMENT"), "An argument of --command, as often as there are")),
    option("url", Takes::Value("URL"), "An MCP server's address"),
    option("transport", Takes::OneOf(&["streamable-http", "sse"]), "How an MCP server's address is spoken to"),
];

/// Where a toolbox listens when nothing is said.
const RUNTIME: &str = "http://127.0.0.1:8765";

/// The source that is written.
struct Chosen {
    /// Key of `sources`.
    id: String,
    kind: &'static str,
    /// Where it is, as written; the command or the address of an MCP server.
    uri: String,
    entry: Value,
    /// The service that is named in the configuration.
    service: Option<String>,
    /// What was seen; `None` for an MCP server, which is not started here.
    catalog: Option<Catalog>,
    secrets: Secrets,
    problems: Vec<String>,
}

/// What is about to be written, and what a person does next.
struct Outcome {
    path: PathBuf,
    scope: Scope,
    text: String,
    chosen: Chosen,
    next: Vec<String>,
}

/// Writes a configuration.
pub fn init(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let given = |name: &str| options.value(name) == Some("true");
    let (path, scope) = place(world, given("global"))?;
    let known = disk::read_if_there(&path, MAX_BYTES).map_err(|error| unusable(&path, &error.to_string()))?;
    if known.is_some() && !given("force") && !given("print") {
        let message = format!("{} exists, and is left as it is", path.display());
        let hint = "--force writes it anew, --print shows what would be written, --config FILE names another one";
        return Err(UsageError::new(message).hint(hint).into());
    }
    if let (Scope::Project, Some(directory)) = (scope, path.parent().filter(|directory| !directory.is_dir())) {
        let message = format!("there is no directory {}", directory.display());
        return Err(UsageError::new(message).hint("make it first, or name another file with --config").into());
    }
    let outcome = outcome(world, options, (path, scope), &known.unwrap_or_default())?;
    if given("print") {
        told::notes(world, &outcome);
        return world.console.answer(outcome.text.as_bytes());
    }
    write(world, &outcome)?;
    told::outcome(world, &outcome)
}

/// The file to write: the user's own, else the project's.
fn place(world: &World<'_>, global: bool) -> Result<(PathBuf, Scope), Failure> {
    let surroundings = world.surroundings();
    if !global {
        return Ok((surroundings.project_file(), Scope::Project));
    }
    if world.globals.config.is_some() {
        return Err(UsageError::new("--global and --config name two files").hint("give one of them").into());
    }
    let directory = surroundings.user_dir.ok_or_else(|| {
        Failure::new(report::CONFIG, "no_home", "there is no place for your own configuration: HOME is not set")
            .hint("set HOME or XDG_CONFIG_HOME")
    })?;
    Ok((directory.join(".cli.json"), Scope::User))
}

fn unusable(path: &Path, cause: &str) -> Failure {
    Failure::new(report::CONFIG, "config_unreadable", format!("{} cannot be used: {cause}", path.display()))
}

/// Finds out what is written; nothing is changed yet.
fn outcome(
    world: &World<'_>,
    options: &Options,
    (path, scope): (PathBuf, Scope),
    known: &[u8],
) -> Result<Outcome, Failure> {
    let runtime = runtime(world.globals.runtime.as_deref().unwrap_or(RUNTIME))?;
    let chosen = match asked::read(options, &|path| world.host.absolute(path))? {
        Asked::Mcp { id, transport } => mcp(id, &transport),
        Asked::Api { location, kind } => {
            let found = {
                let _waits = world.console.progress("looking for an API description");
                probe::probe(world, &location, kind, options.value("service"))?
            };
            let directory = path.parent().filter(|_| scope == Scope::Project);
            // A variable that this very file names already, for the same source, is set for it.
            let known = String::from_utf8_lossy(known);
            let names = |text: &str| known.contains(&Value::from(text).to_string());
            let same = names(&plan::uri(&found.location, directory));
            let taken = |name: &str| world.host.env.var(name).is_some() && !(same && names(name));
            api(found, options.value("service"), directory, &taken)?
        }
    };
    let service = chosen.service.as_deref();
    let source = (chosen.id.as_str(), chosen.entry.clone());
    let document = plan::document(source, service, &chosen.secrets.needed, runtime.as_str().trim_end_matches('/'));
    let text = serde_json::to_string_pretty(&document).expect("a map is JSON");
    // Names of a publisher stand in it: the same JSON, without a character that an editor could take for more than text.
    let text = format!("{}\n", sanitize::json(&text));
    let wrong = load::check_file(&path, text.as_bytes(), scope);
    if !wrong.is_empty() {
        return Err(Failure { hint: Some("nothing was written".to_owned()), ..Failure::config(&wrong) });
    }
    let named = world.globals.config.as_ref().map(|path| path.display().to_string());
    let file = if scope == Scope::User { Some(path.display().to_string()) } else { named };
    let mut services = chosen.catalog.iter().flat_map(|catalog| &catalog.services).filter(|_| scope == Scope::Project);
    // The file of one's own is no project's, which `config set` edits.
    let unplaced =
        services.find(|of| of.servers.is_empty() && service == Some(of.id.as_str())).map(|of| of.id.as_str());
    let next = plan::next(file.as_deref(), &runtime, service, unplaced);
    Ok(Outcome { path, scope, text, chosen, next })
}

fn runtime(text: &str) -> Result<Url, UsageError> {
    let wrong =
        |cause: String| UsageError::new(format!("--runtime: {cause}")).hint("write it like http://127.0.0.1:8765");
    match Url::parse(text) {
        Ok(url) if url.is_http() => Ok(url),
        Ok(_) => Err(wrong("a toolbox is reached by http or https".to_owned())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn api(
    found: probe::Found,
    asked: Option<&str>,
    directory: Option<&Path>,
    taken: &dyn Fn(&str) -> bool,
) -> Result<Chosen, UsageError> {
    let probe::Found { kind, location, catalog, problems } = found;
    if let Some(asked) = asked.filter(|asked| catalog.services.iter().all(|service| service.id.as_str() != *asked)) {
        let ids: Vec<String> = catalog.services.iter().map(|service| service.id.to_string()).collect();
        let several =
            format!("--service {asked}: the source leads to several APIs, and none has this id: {}", ids.join(", "));
        return Err(UsageError::new(several).hint("leave it out, or give one of these ids"));
    }
    // A catalog of APIs may have one more tomorrow: only what it is asked for gets a name that is written down.
    let only = match catalog.services.as_slice() {
        [one] if kind != ApiKind::ApiCatalog => Some(one.id.to_string()),
        _ => asked.map(str::to_owned),
    };
    let uri = plan::uri(&location, directory);
    let is_alone = catalog.services.len() == 1;
    Ok(Chosen {
        id: only.clone().filter(|_| is_alone).unwrap_or_else(|| plan::source_id(&location)),
        kind: kind.as_str(),
        entry: json!({"type": kind.as_str(), "uri": uri}),
        uri,
        service: only,
        secrets: secrets::of(&catalog, taken),
        catalog: Some(catalog),
        problems,
    })
}

fn mcp(id: String, transport: &Value) -> Chosen {
    let uri = transport.get("url").or(transport.get("command")).and_then(Value::as_str).unwrap_or_default().to_owned();
    Chosen {
        kind: "mcp",
        uri,
        entry: json!({"type": "mcp", "transport": transport}),
        service: Some(id.clone()),
        id,
        catalog: None,
        secrets: Secrets::default(),
        problems: Vec::new(),
    }
}

/// Writes the file, and trusts it: whoever asked for it knows what is in it.
fn write(world: &World<'_>, outcome: &Outcome) -> Result<(), Failure> {
    let Outcome { path, scope, text, .. } = outcome;
    if let (Scope::User, Some(directory)) = (scope, path.parent()) {
        disk::create_private_dir(directory).map_err(|error| unusable(directory, &error.to_string()))?;
    }
    disk::write_whole(path, text.as_bytes()).map_err(|error| unusable(path, &error.to_string()))?;
    if *scope == Scope::User {
        return Ok(());
    }
    match world.surroundings().trust_file {
        Some(list) => trust::record(&list, path, text.as_bytes()).map_err(|error| unusable(&list, &error.to_string())),
        None => {
            world
                .console
                .note("there is no place to remember trust, since HOME is not set: name the file with --config");
            Ok(())
        }
    }
}
