//! The README and docs/tour.md, as a new user would try them. The tour's description is a real one, and its API answers here.

use std::fs;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::heard::Heard;
use crate::page::Reading;
use crate::world::World;

#[test]
fn the_tour_shows_what_happens() {
    let pets = pets();
    let mut world = World::new();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/oai-pet-coupons.openapi.yaml");
    fs::copy(corpus, world.path("pets.yaml")).expect("the corpus is beside the clone");
    Reading::new(&mut world, &[("http://127.0.0.1:9000", &pets)]).check("docs/tour.md");
}

#[test]
fn the_readme_shows_what_happens() {
    let mut world = World::with_demo();
    let demo = world.name("[DEMO]").to_owned();
    Reading::new(&mut world, &[("http://127.0.0.1:9000", &demo)]).check("README.md");
}

/// The API, on a free port until the process ends: 25 pets in pages, one more for who has added it.
fn pets() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_all(&stream));
        }
    });
    origin
}

fn answer_all(mut stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = Heard::read(&mut reader) {
        let (status, body) = answer(&request);
        let body = body.to_string();
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(request: &Heard) -> (u16, Value) {
    let target = request.target().to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let number = |name: &str| {
        let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.and_then(|value| value.parse::<usize>().ok())
    };
    match path {
        "/pet/findByStatus" => {
            let (page, size) = (number("page").unwrap_or(1), number("pageSize").unwrap_or(20));
            let found = all().filter(|pet| query.contains(pet["status"].as_str().unwrap()));
            (200, found.skip((page - 1) * size).take(size).collect())
        }
        "/pet" => {
            let mut pet: Value = serde_json::from_slice(&request.body).unwrap();
            pet["id"] = json!(26);
            (200, pet)
        }
        _ if request.line().starts_with("DELETE ") => (200, json!({ "deleted": true })),
        _ => match path.strip_prefix("/pet/").and_then(|id| id.parse().ok()) {
            Some(id @ 1..=25) => (200, pet(id)),
            _ => (404, json!({ "message": "Pet not found" })),
        },
    }
}

fn all() -> impl Iterator<Item = Value> {
    (1..=25).map(pet)
}

fn pet(id: usize) -> Value {
    const NAMES: [&str; 5] = ["Ada", "Bello", "Chili", "Dot", "Ella"];
    let (kind, status) =
        if id.is_multiple_of(2) { ("dog", "available") } else { ("cat", ["available", "pending", "sold"][id % 3]) };
    json!({ "id": id, "name": format!("{} {id}", NAMES[id % 5]), "category": { "id": id % 2 + 1, "name": kind },
        "price": 20 + id, "photoUrls": [], "status": status })
}
