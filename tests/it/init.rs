//! `init`: a configuration for what a URL, a file or a name leads to, which both programs take as it is.

use std::fs;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::heard::Heard;
use crate::world::World;

/// A publisher: what it answers at each path, and how often it was asked.
struct Site {
    origin: String,
    asked: Arc<AtomicUsize>,
}

/// Path, media type, further header fields, body; `[SITE]` is its origin.
type Page = (&'static str, &'static str, &'static str, String);

impl Site {
    fn of(pages: Vec<Page>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let site = Self { origin: origin.clone(), asked: Arc::clone(&asked) };
        let pages = Arc::new(pages);
        // It ends with the test's process; nobody waits for it.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (pages, origin, asked) = (Arc::clone(&pages), origin.clone(), Arc::clone(&asked));
                std::thread::spawn(move || answer(&connection, &pages, &origin, &asked));
            }
        });
        site
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

fn answer(connection: &TcpStream, pages: &[Page], origin: &str, asked: &AtomicUsize) {
    let mut reader = BufReader::new(connection);
    while let Some(heard) = Heard::read(&mut reader) {
        asked.fetch_add(1, Ordering::Relaxed);
        let found = pages.iter().find(|(path, ..)| *path == heard.target());
        let (status, media, fields, body) = match found {
            Some((_, media, fields, body)) => ("200 OK", *media, fields.replace("[SITE]", origin), body.as_str()),
            None => ("404 Not Found", "text/plain", String::new(), "none"),
        };
        let body = body.replace("[SITE]", origin);
        let sent = if heard.line().starts_with("HEAD ") { "" } else { &body };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {media}\r\n{fields}Content-Length: {}\r\n\r\n{sent}",
            body.len()
        );
        let mut connection = connection;
        if connection.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

const PETS: &str = r#"{
  "openapi": "3.1.0", "info": {"title": "Pets", "version": "1"}, "servers": [{"url": "https://pets.example"}],
  "paths": {"/pets": {"get": {"operationId": "list"}, "post": {"operationId": "create", "security": [{"token": []}]}}},
  "components": {"securitySchemes": {
    "api_key": {"type": "apiKey", "in": "header", "name": "X-Key"}, "token": {"type": "http", "scheme": "bearer"}
  }},
  "security": [{"api_key": []}]
}"#;

const SWAGGER: &str = "swagger: '2.0'\ninfo: {title: Old, version: '1'}\nhost: old.example\nschemes: [https]\npaths:\n  /things:\n    \
                       get: {operationId: list, responses: {'200': {description: ok}}}\n";

fn config(world: &World) -> Value {
    serde_json::from_slice(&fs::read(world.path(".cli.json")).unwrap()).unwrap()
}

/// What was written passes both checks, without being named: it is trusted.
#[track_caller]
fn accepted(world: &World) {
    world.run("open-cli config check --format table").stdout_has(&["no problems in 1 file"]);
    world.run("open-cli-toolbox --check").stdout_has(&["ok: "]).stderr_has(&["catalog built"]);
}

#[track_caller]
fn check(line: &str, world: &World, source: &Value, service: &str) {
    world.run(line).stdout_json(&[("/services/0/id", json!(service)), ("/scope", json!("project"))]);
    let config = config(world);
    assert_eq!(config["sources"][service], *source, "{config}");
    assert_eq!(config["services"], json!({ service: {"source": service} }));
    assert_eq!(config["runtime"], json!({"mode": "remote", "remote": {"url": "http://127.0.0.1:8765"}}));
    accepted(world);
}

#[test]
fn a_description_at_an_address_is_configured() {
    for (path, media, body, service) in [
        ("/openapi.json", "application/json", PETS.to_owned(), "pets"),
        ("/wrong-type", "text/html", PETS.to_owned(), "pets"),
        ("/old.yaml", "application/yaml", SWAGGER.to_owned(), "things"),
    ] {
        let site = Site::of(vec![(path, media, "", body)]);
        let url = site.url(path);
        let line = format!("open-cli init {url} --format json");
        check(&line, &World::new(), &json!({"type": "openapi", "uri": url}), service);
    }
}

#[test]
fn a_description_in_a_file_is_configured_by_its_relative_path() {
    let pets = |uri: &str| json!({"type": "openapi", "uri": uri});
    for (file, word) in [
        ("api/pets.json", "api/pets.json"),
        ("pets.yaml", "pets"),
        ("openapi.yml", "."),
        ("a/../pets.json", "./a/../pets.json"),
    ] {
        let world = World::new().file("a/empty", "").file(file, PETS);
        let written = if file.starts_with("a/") { "pets.json" } else { file };
        check(&format!("open-cli init {word} --format json"), &world, &pets(written), "pets");
    }
    let world = World::new().file("x/pets.json", PETS).file("y/empty", "");
    world.run("open-cli init x/pets.json --config y/.cli.json --format json").stdout_has(&["../x/pets.json"]);
    world
        .run("open-cli-toolbox --check --config y/.cli.json")
        .stdout_has(&["ok: 2 tools"])
        .stderr_has(&["catalog built"]);
}

#[test]
fn a_page_leads_to_the_description_that_it_shows() {
    let ui = "<!doctype html><title>Swagger UI</title><div id=swagger-ui></div><script>SwaggerUIBundle({url: '/v1/openapi.json'})</script>";
    let site = Site::of(vec![
        ("/docs", "text/html", "", ui.to_owned()),
        ("/v1/openapi.json", "application/json", "", PETS.to_owned()),
    ]);
    let source = json!({"type": "openapi", "uri": site.url("/v1/openapi.json")});
    check(&format!("open-cli init {} --format json", site.url("/docs")), &World::new(), &source, "pets");
}

#[test]
fn an_api_that_tells_nothing_of_itself_is_looked_at_where_descriptions_mostly_are() {
    let site = Site::of(vec![("/v1/openapi.json", "application/json", "", PETS.to_owned())]);
    let source = json!({"type": "openapi", "uri": site.url("/v1/openapi.json")});
    check(&format!("open-cli init {} --format json", site.url("/v1/")), &World::new(), &source, "pets");
}

#[test]
fn secrets_are_written_and_told() {
    let world = World::new().file("pets.json", PETS).env("PETS_TOKEN", "s3cret-of-another");
    world.run("open-cli init pets.json --service shop --format table").stdout_has(&[
        "wrote and trusted [DIR]/project/.cli.json",
        "source shop: openapi, pets.json",
        "service shop: Pets, 2 tools, at https://pets.example",
        "SHOP_API_KEY: the API key, sent as header X-Key, to https://pets.example (shop.api_key)",
        "SHOP_TOKEN: the token, sent as a bearer token, to https://pets.example (shop.token)",
        "open-cli-toolbox --config .cli.json",
        "open-cli shop --help",
    ]);
    assert_eq!(config(&world)["secrets"]["shop.api_key"], json!({"type": "env", "value": "SHOP_API_KEY"}));
    accepted(&world);
    // What is set already is somebody's: a description does not get it by its own choice of names (H17).
    world
        .run("open-cli init pets.json --force --format json")
        .stdout_has(&["OPEN_CLI_SECRET_PETS_TOKEN", "PETS_API_KEY"]);
    // What the present file names for another source is not this one's either.
    let other = json!({"cli": "1.0.0", "sources": {"x": {"type": "openapi", "uri": "x.json"}},
        "secrets": {"x.token": {"type": "env", "value": "PETS_TOKEN"}}});
    fs::write(world.path(".cli.json"), other.to_string()).unwrap();
    world.run("open-cli init pets.json --force --format json").stdout_has(&["OPEN_CLI_SECRET_PETS_TOKEN"]);
    let mode = fs::metadata(world.path(".cli.json")).unwrap().permissions().mode();
    assert_ne!(mode & 0o044, 0, "a project's file is for all who work on it");
}

#[test]
fn nothing_is_overwritten_or_fetched_unasked() {
    let site = Site::of(vec![("/openapi.json", "application/json", "", PETS.to_owned())]);
    let world = World::new().file(".cli.json", "mine");
    let line = format!("open-cli init {}", site.url("/openapi.json"));
    world.run(&line).stderr_has(&[".cli.json exists, and is left as it is", "--force"]).status(2);
    assert_eq!(site.asked.load(Ordering::Relaxed), 0);
    world.run(&format!("{line} --print")).stdout_has(&["\"cli\": \"1.0.0\"", "/openapi.json"]);
    assert_eq!(fs::read_to_string(world.path(".cli.json")).unwrap(), "mine");
    world.run(&format!("{line} --force --format json")).stdout_has(&["pets"]);
    accepted(&world);
}

#[test]
fn a_configuration_for_all_projects_names_files_whole() {
    let world = World::new().file("pets.json", PETS);
    world.run("open-cli init pets.json --global --runtime https://t.example --format json").stdout_json(&[
        ("/scope", json!("user")),
        ("/file", json!("[DIR]/config/open-cli/.cli.json")),
        ("/source/uri", json!("[DIR]/project/pets.json")),
    ]);
    world.run("open-cli config check --format table").stdout_has(&["no problems in 1 file"]);
    world.run("open-cli-toolbox --check").stdout_has(&["ok: "]).stderr_has(&["catalog built"]);
}

#[test]
fn an_mcp_server_is_configured_without_being_started() {
    let world = World::new();
    world
        .run("open-cli init files --type mcp --format json -- npx -y server .")
        .stdout_json(&[("/source/id", json!("files")), ("/services", json!([]))])
        .stderr_has(&["not started here"]);
    assert_eq!(
        config(&world)["sources"]["files"],
        json!({"type": "mcp", "transport": {"type": "stdio", "command": "npx", "args": ["-y", "server", "."]}})
    );
    world.run("open-cli config check --format table").stdout_has(&["no problems in 1 file"]);
    world
        .run("open-cli init m --type mcp --url https://m.example/mcp --force --print")
        .stdout_has(&["\"type\": \"streamable-http\"", "\"url\": \"https://m.example/mcp\""])
        .stderr_has(&["not started here"]);
}

#[test]
fn where_nothing_is_found_it_is_told_what_was_looked_at() {
    let site = Site::of(vec![
        ("/page", "text/html", "", "<!doctype html><p>Welcome</p>".to_owned()),
        ("/flow", "application/json", "", r#"{"arazzo": "1.0.1"}"#.to_owned()),
        ("/servers", "application/json", "", r#"{"mcpServers": {}}"#.to_owned()),
    ]);
    let world = World::new().file("notes.txt", "just words").file("broken.json", r#"{"openapi": "3.1.0""#);
    for (word, parts) in [
        (site.url("/page"), &["what is there is an HTML or XML page", "as `serviceRoot`", "as `apiCatalog`"][..]),
        (site.url("/flow"), &["what is there is an Arazzo document"]),
        (site.url("/none"), &["/none cannot be fetched: it answered 404"]),
        (site.url("/servers"), &["a list of MCP servers", "`mcpServers`"]),
        ("notes.txt".to_owned(), &["project/notes.txt:", "neither JSON nor YAML", "--type"]),
        ("broken.json".to_owned(), &["project/broken.json", "not valid JSON", "line 1 column "]),
    ] {
        world.run(&format!("open-cli init {word}")).stderr_has(parts).status(1);
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world
        .run(&format!("open-cli init http://{closed}/"))
        .stderr_has(&["cannot be fetched", "check the address"])
        .status(1);
    world.run("open-cli init petstore").stderr_has(&["petstore.yaml", "name a URL or a file"]).status(2);
    world.run("open-cli init api.example.com").stderr_has(&["https://api.example.com"]).status(2);
    let line = format!("open-cli init {} --config no/such/a.cli.json", site.url("/page"));
    world.run(&line).stderr_has(&["there is no directory", "no/such", "make it first"]).status(2);
    world.run("open-cli init").stderr_has(&["init needs <URL, file or name>"]).status(2);
    assert!(!world.path(".cli.json").exists());
}

#[test]
fn what_is_taken_instead_of_the_address_that_was_named_is_told() {
    let pages = |own: &str| vec![("/openapi.json", "", "", PETS.to_owned()), ("/broken.json", "", "", own.to_owned())];
    let site = Site::of(pages("{\"openapi\": "));
    for (path, why) in [("/typo.json", "it answered 404"), ("/broken.json", "not valid JSON")] {
        let instead = format!("{} is taken instead", site.url("/openapi.json"));
        let line = format!("open-cli init {} --print", site.url(path));
        World::new().run(&line).stdout_has(&["\"cli\""]).stderr_has(&[&site.url(path), why, &instead]);
    }
    World::new().run(&format!("open-cli init {}/ --print", site.origin)).stdout_has(&["\"cli\""]);
}

#[test]
fn h27_a_page_never_leads_to_a_file() {
    let page = "<!doctype html><redoc spec-url='[DIR]/pets.json'></redoc>".replace("[DIR]", "file:///etc");
    let site = Site::of(vec![("/docs", "text/html", "", page)]);
    let world = World::new();
    world.run(&format!("open-cli init {}", site.url("/docs"))).stderr_has(&["an HTML or XML page"]).status(1);
}

#[test]
fn a_service_root_and_a_catalog_are_configured_as_what_they_are() {
    let links = "Link: </api/openapi.json>; rel=\"service-desc\"; type=\"application/json\"\r\n";
    let root = Site::of(vec![
        ("/", "text/html", links, "<!doctype html><p>Welcome</p>".to_owned()),
        ("/api/openapi.json", "application/json", "", PETS.to_owned()),
    ]);
    let source = json!({"type": "serviceRoot", "uri": root.url("/")});
    check(&format!("open-cli init {} --format json", root.url("/")), &World::new(), &source, "pets");

    let linkset =
        json!({"linkset": [{"anchor": "[SITE]/", "item": [{"href": "/pets.json"}, {"href": "/things.yaml"}]}]})
            .to_string();
    let pages = || {
        vec![
            ("/pets.json", "application/json", "", PETS.to_owned()),
            ("/things.yaml", "application/yaml", "", SWAGGER.to_owned()),
            ("/.well-known/api-catalog", "application/linkset+json", "", linkset.clone()),
        ]
    };
    for word in ["/.well-known/api-catalog", "/nothing-here"] {
        let site = Site::of(pages());
        let world = World::new();
        let note = if word == "/nothing-here" { "is taken instead" } else { "" };
        world.run(&format!("open-cli init {} --format json", site.url(word))).stderr_has(&[note]).stdout_json(&[
            ("/source/type", json!("apiCatalog")),
            ("/source/id", json!("127-0-0-1")),
            ("/source/uri", json!(site.url("/.well-known/api-catalog"))),
            ("/services/0/id", json!("pets")),
            ("/services/1/id", json!("things")),
            ("/secrets/0/secret", json!("pets.api_key")),
        ]);
        assert_eq!(config(&world).get("services"), None, "their ids are derived one by one");
        accepted(&world);
        let line = format!("open-cli init {} --force --service", site.url(word));
        world.run(&format!("{line} nobody")).stderr_has(&["none has this id: pets, things", "leave it out"]).status(2);
        world.run(&format!("{line} pets")).stderr_has(&[note]).stdout_has(&["127-0-0-1"]);
        assert_eq!(config(&world)["services"], json!({"pets": {"source": "127-0-0-1"}}));
        accepted(&world);
    }
}
