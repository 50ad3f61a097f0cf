//! What the toolbox's process holds while it serves the GitHub description.
//!
//! A refresh is answered at most once in ten seconds, so ten of them take minutes. `after_reloads` rebuilds through SIGHUP
//! instead, which goes the same way (read, parse, build, swap), and changes the description each time, so that each build really
//! replaces the one before; `after_refreshes` waits, and uses the real endpoint on a description that stays the same.

use std::fs;
use std::time::Duration;

use crate::measure::{Row, Samples};
use crate::scene::{Scene, plain_server};
use crate::toolbox::Toolbox;

const REBUILDS: usize = 10;

/// Peak and idle after the start, and after ten reloads.
pub(crate) fn after_reloads(scene: &Scene) -> Vec<Row> {
    let toolbox = scene.toolbox(plain_server(b""));
    let original = fs::read_to_string(&scene.github).unwrap();
    let mut rows = after_start(&toolbox);
    for round in 0..REBUILDS {
        scene.describe(&original.replacen("\"title\": \"", &format!("\"title\": \"{round} "), 1));
        let before = built_at(&toolbox);
        toolbox.signal("HUP");
        toolbox.until("/v1/catalog/effective?detail=summary", |_, body| built_in(body).is_some_and(|at| at != before));
    }
    rows.push(resident("toolbox resident, after 10 reloads", &toolbox, 150.0));
    rows.push(peak("toolbox peak, after 10 reloads", &toolbox));
    rows
}

/// As above with ten refreshes; takes two minutes.
pub(crate) fn after_refreshes(scene: &Scene) -> Vec<Row> {
    let toolbox = scene.toolbox(plain_server(b""));
    let mut rows = after_start(&toolbox);
    for _ in 0..REBUILDS {
        std::thread::sleep(Duration::from_millis(10_200));
        let (head, _) = toolbox.ask("POST", "/v1/refresh");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }
    rows.push(resident("toolbox resident, after 10 refreshes", &toolbox, 150.0));
    rows.push(peak("toolbox peak, after 10 refreshes", &toolbox));
    rows
}

fn after_start(toolbox: &Toolbox) -> Vec<Row> {
    toolbox.until_ready();
    vec![peak("toolbox peak, catalog built", toolbox), resident("toolbox resident, idle", toolbox, 120.0)]
}

fn peak(name: &str, toolbox: &Toolbox) -> Row {
    let value = toolbox.memory("VmHWM");
    Row::new(name, "MiB", Samples::new([value])).at_most("peak", value, 200.0)
}

fn resident(name: &str, toolbox: &Toolbox, most: f64) -> Row {
    // What it keeps a second after it went quiet.
    std::thread::sleep(Duration::from_secs(1));
    let value = toolbox.memory("VmRSS");
    Row::new(name, "MiB", Samples::new([value])).at_most("resident", value, most)
}

fn built_at(toolbox: &Toolbox) -> String {
    built_in(&toolbox.ask("GET", "/v1/catalog/effective?detail=summary").1).expect("a catalog says when it was built")
}

/// `generatedAt` of a catalog's bytes.
fn built_in(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let rest = text.split_once("\"generatedAt\":\"")?.1;
    Some(rest.split('"').next()?.to_owned())
}
