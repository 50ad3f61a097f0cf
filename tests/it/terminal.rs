//! Commands on a real terminal: its width, its colours, and the line that tells what is waited for.
#![cfg(target_os = "linux")]

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;

use crate::heard::Heard;
use crate::program::PATIENCE;
use crate::world::World;

const CLI: &str = env!("CARGO_BIN_EXE_open-cli");

const ERASE: &str = "\r\u{1b}[K";

/// A command, and all three of its streams on one terminal.
struct Terminal {
    child: Child,
    pieces: Receiver<Vec<u8>>,
    seen: String,
    keys: File,
}

impl Terminal {
    fn start(world: &World, columns: u16, args: &[&str]) -> Self {
        Self::start_behind(world, columns, "", args)
    }

    /// With something typed already.
    fn start_behind(world: &World, columns: u16, typed: &str, args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let mut keys = File::from(master.try_clone().unwrap());
        let open = || OpenOptions::new().read(true).write(true).open(&name).unwrap();
        let mut command = world.command(CLI);
        let input = open();
        keys.write_all(typed.as_bytes()).unwrap();
        let child = command.args(args).stdin(input).stdout(open()).stderr(open()).spawn().unwrap();
        let (tell, pieces) = mpsc::channel();
        std::thread::spawn(move || {
            let mut master = File::from(master);
            let mut buffer = [0; 4096];
            // The terminal is gone (EIO) when its last program is.
            while let Ok(length @ 1..) = master.read(&mut buffer) {
                tell.send(buffer[..length].to_vec()).ok();
            }
        });
        Self { child, pieces, seen: String::new(), keys }
    }

    /// Reads until `text` is there.
    #[track_caller]
    fn shows(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let piece = self.pieces.recv_timeout(PATIENCE);
            let piece = piece.unwrap_or_else(|error| panic!("{text:?} is not shown ({error}): {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&piece));
        }
    }

    fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).unwrap();
    }

    /// All that was written, with line ends as programs write them.
    #[track_caller]
    fn end(self) -> String {
        self.end_with(0)
    }

    #[track_caller]
    fn end_with(mut self, code: i32) -> String {
        while let Ok(piece) = self.pieces.recv_timeout(PATIENCE) {
            self.seen.push_str(&String::from_utf8_lossy(&piece));
        }
        assert_eq!(self.child.wait().unwrap().code(), Some(code), "{:?}", self.seen);
        self.seen.replace("\r\n", "\n")
    }
}

/// An upstream that answers when it is let.
struct Upstream {
    world: World,
    release: Sender<()>,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (release, released) = mpsc::channel();
        let released = Arc::new(Mutex::new(released));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let released = Arc::clone(&released);
                std::thread::spawn(move || answer(stream, &released));
            }
        });
        let config = json!({
            "cli": "1.0.0",
            "mode": {"default": "discover"},
            "sources": {"up": {"type": "openapi", "uri": format!("{url}/openapi.json")}},
            "services": {"up": {"source": "up"}},
        });
        let mut world = World::new().file(".cli.json", &config.to_string());
        world.start_toolbox(&[]);
        Self { world, release }
    }
}

fn answer(mut stream: TcpStream, released: &Mutex<Receiver<()>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Some(heard) = Heard::read(&mut reader) else { return };
    let body = match heard.target() {
        "/openapi.json" => {
            let operation = |id: &str| json!({"get": {"tags": ["up"], "operationId": id}});
            let paths = json!({"/slow": operation("slow"), "/list": operation("list")});
            json!({"openapi": "3.0.0", "info": {"title": "up", "version": "1"}, "paths": paths}).to_string()
        }
        "/slow" => {
            released.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            r#"{"done":true}"#.to_owned()
        }
        _ => json!([{"note": "漢字".repeat(30), "size": 7, "name": "e\u{301}a", "id": 1}, {"id": 20, "name": "b"}])
            .to_string(),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok();
}

#[test]
fn what_takes_long_is_told_on_a_terminal_and_leaves_no_trace() {
    let upstream = Upstream::start();
    let mut piped = upstream.world.command(CLI);
    let piped = piped.args(["up", "slow"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut terminal = Terminal::start(&upstream.world, 80, &["up", "slow"]);
    terminal.shows("\rwaiting for up:slow .. 0 s\u{1b}[K");
    upstream.release.send(()).unwrap();
    upstream.release.send(()).unwrap();
    let all = terminal.end();
    let (_, behind) = all.rsplit_once(ERASE).unwrap();
    assert_eq!(behind, "\u{1b}[1mdone\u{1b}[0m  true\n", "{all:?}");
    let piped = piped.wait_with_output().unwrap();
    assert_eq!((piped.stdout.as_slice(), piped.stderr.as_slice()), (&br#"{"done":true}"#[..], &b""[..]));
}

#[test]
fn tables_are_as_wide_as_the_terminal() {
    let upstream = Upstream::start();
    for (columns, expected) in [
        (14, "\u{1b}[1mID  NAME\u{1b}[0m\n 1  e\u{301}a\n20  b\n"),
        (24, "\u{1b}[1mID  NAME  NOTE\u{1b}[0m\n 1  e\u{301}a    漢字漢字漢字…\n20  b\n"),
    ] {
        let all = Terminal::start(&upstream.world, columns, &["up", "list"]).end();
        assert_eq!(all, expected);
        let plain = all.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
        let widest = plain.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap();
        assert!(widest <= columns.into(), "{columns}: {plain}");
    }
    let plain = Terminal::start(&upstream.world, 24, &["up", "list", "--no-color", "--columns", "name,id"]).end();
    assert_eq!(plain, "NAME  ID\ne\u{301}a     1\nb     20\n");
}

#[test]
fn what_was_typed_before_approves_nothing() {
    let policy = json!({"policy": {"approvalRequired": ["demo:deleteItem"]}});
    let world = World::serving(&policy);
    let mut terminal = Terminal::start_behind(&world, 80, "y\n", &["demo", "items", "delete", "item-1"]);
    terminal.shows("Approve? [y/N] ");
    terminal.types("\n");
    assert!(terminal.end_with(7).contains("approval_required"));
    let mut terminal = Terminal::start(&world, 80, &["demo", "items", "delete", "item-1"]);
    terminal.shows("Approve? [y/N] ");
    terminal.types("y\n");
    terminal.end();
}
