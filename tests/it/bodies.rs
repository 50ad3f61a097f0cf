//! Files, forms, validation and `Accept` from the command line to the upstream, which echoes what it got.

use serde_json::{Value, json};

use crate::world::World;

const DESCRIPTION: &str = r"
openapi: 3.1.0
info: {title: Forms, version: '1'}
servers: [{url: '[DEMO]'}]
paths:
  /echo:
    post:
      operationId: upload
      tags: [forms]
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              required: [photo, title]
              properties:
                photo: {type: string, format: binary}
                title: {type: string, maxLength: 10, default: none}
                count: {type: integer, minimum: 1}
            encoding:
              photo: {contentType: image/png}
          image/*: {}
";

fn serving() -> World {
    let mut world = World::with_demo().file("forms.yaml", DESCRIPTION).config(&json!({
        "sources": {"forms": {"type": "openapi", "uri": "forms.yaml"}},
        "services": {"forms": {"source": "forms"}},
    }));
    world.start_toolbox(&[]);
    world
}

fn header(seen: &Value, name: &str) -> String {
    let all = seen["headers"].as_array().unwrap();
    let found = all.iter().find(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name));
    found.map(|pair| pair[1].as_str().unwrap().to_owned()).unwrap_or_default()
}

#[test]
fn a_file_and_its_fields_become_one_body() {
    let world = serving().file("a.png", "<png>");
    let line = r#"open-cli forms upload --file photo=a.png --body '{"title":"x","count":2}' --accept text/plain"#;
    let seen = world.run(&format!("{line} --format json")).into_json();
    let boundary = header(&seen, "content-type").strip_prefix("multipart/form-data; boundary=").unwrap().to_owned();
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nx\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"count\"\r\n\r\n2\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\
         <png>\r\n--{boundary}--\r\n"
    );
    assert_eq!((seen["body"].as_str().unwrap(), header(&seen, "accept").as_str()), (expected.as_str(), "text/plain"));
    let shown = world.run(&format!("{line} --dry-run --format json")).into_json();
    assert_eq!(shown["body"].as_str().unwrap(), expected, "a dry run shows the bytes that are sent");
    let piped =
        r#"open-cli forms upload --file 'photo=-;filename=b.gif;type=image/gif' --body '{"title":"x"}' --format json"#;
    let seen = world.run_with_input(piped, b"gif").into_json();
    assert!(
        seen["body"].as_str().unwrap().contains("filename=\"b.gif\"\r\nContent-Type: image/gif\r\n\r\ngif\r\n"),
        "{seen}"
    );
}

#[test]
fn raw_bytes_go_through_under_a_type_of_the_range() {
    let world = serving().file("a.png", "<png>");
    let seen = world.run("open-cli forms upload --body @a.png --content-type image/png --format json").into_json();
    assert_eq!((seen["body"].as_str(), header(&seen, "content-type").as_str()), (Some("<png>"), "image/png"));
}

#[test]
fn what_the_schema_does_not_allow_is_sent_only_on_wish() {
    let world = serving().file("a.png", "<png>");
    let line = r#"open-cli forms upload --file photo=a.png --body '{"title":"much too long","count":0}'"#;
    world
        .run(line)
        .stderr_has(&["`/title` of the body must have at most 10 characters; `/count` of the body must be at least 1"])
        .status(2);
    let seen = world.run(&format!("{line} --no-validate --format json")).into_json();
    assert!(seen["body"].as_str().unwrap().contains("much too long"));
    world
        .run("open-cli forms upload --file photo=none.png")
        .stderr_has(&["--file photo=none.png cannot be read"])
        .status(2);
    world.run("open-cli demo items list --file a.png").stderr_has(&["takes no files"]).status(2);
    world.run("open-cli forms upload").stderr_has(&["needs a body", "its files as --file NAME=PATH"]).status(2);
}

#[test]
fn help_shows_files_and_defaults() {
    let world = serving();
    world.run("open-cli forms upload --help").stdout_has(&[
        "--file photo=PATH ",
        "(required, default none, at most 10 characters)",
        "--file [NAME=]PATH",
    ]);
    world
        .run("open-cli explain forms upload --format table")
        .stdout_has(&["\nCommand: open-cli forms upload --file photo=file.bin --body '{\"title\":\"none\"}'\n"]);
}
