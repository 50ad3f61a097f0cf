//! `--stream`: an upstream's answer is written as it comes, each piece at once.
//!
//! The bytes are the upstream's in every format; for a terminal they are made safe, and bytes that are no text are refused there. A file
//! is written as it comes too, so that what has come stays when the stream is ended by hand or breaks off. Whoever reads standard output
//! and goes away ends the stream, quietly.

use std::fs::File;
use std::io::Write;

use super::answer::{self, Place};
use crate::base::disk;
use crate::catalog::Tool;
use crate::cli::bind::AnswerOptions;
use crate::cli::output::{self, Shape};
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::client::streaming::{Broken, Streaming, Told};
use crate::contract::{ErrorCode, StreamEnd};

/// How much is kept of what an upstream that failed has to say.
const MAX_KEPT: usize = 256 << 10;

/// Where pieces go.
enum Sink<'a> {
    /// With the beginning of a character whose end is to come.
    Shown(Vec<u8>),
    Bytes,
    File(&'a Place, File),
    /// Beside a file that is left alone, at the end.
    Kept(Vec<u8>),
}

/// Writes a stream to its end, and says how it went.
pub fn follow(
    world: &World<'_>,
    tool: &Tool,
    options: &AnswerOptions,
    place: &Place,
    mut stream: Streaming,
) -> Result<(), Failure> {
    let shape = Shape { query: None, columns: Vec::new(), ..world.shape(&[]) };
    if options.include {
        match place {
            Place::Bytes => world.console.text(&answer::head(&stream.head))?,
            _ => answer::show_head(world, &stream.head, &shape)?,
        }
    }
    let status = stream.head.status_code;
    let mut sink = Sink::of(place, status)?;
    let end = loop {
        match stream.told().map_err(|broken| interrupted(tool, &broken))? {
            Told::Piece(bytes) => sink.take(world, &bytes, &shape)?,
            Told::End(end) => break end,
        }
        if world.console.gone.get() {
            return Ok(());
        }
    };
    if end.withheld > 0 {
        world
            .console
            .note(&format!("not shown, since the tool's redactions cannot be applied to them: {}", end.withheld));
    }
    let aside = if let Sink::Kept(bytes) = &sink {
        answer::aside(world, bytes);
        "standard error"
    } else {
        "standard output"
    };
    match Failure::upstream(status, tool.id.as_str(), aside) {
        Some(failure) => Err(failure),
        None => ended(tool, end),
    }
}

/// Between the runtime and here.
fn interrupted(tool: &Tool, broken: &Broken) -> Failure {
    Failure::new(report::UNREACHABLE, "stream_broken", format!("{}: {broken}", tool.id))
        .hint("the runtime has stopped or the connection is gone; what had come is written")
}

fn ended(tool: &Tool, end: StreamEnd) -> Result<(), Failure> {
    match end.error {
        None if end.truncated => Err(answer::cut(tool)),
        None => Ok(()),
        Some(error) => {
            let exit = ErrorCode::parse(&error.code).map_or(report::UPSTREAM_SERVER, |code| code.row().exit);
            Err(Failure::new(exit, &error.code, format!("{}: the answer broke off: {}", tool.id, error.detail)))
        }
    }
}

impl<'a> Sink<'a> {
    fn of(place: &'a Place, status: u16) -> Result<Self, Failure> {
        match place {
            Place::Shown => Ok(Self::Shown(Vec::new())),
            Place::Bytes => Ok(Self::Bytes),
            Place::File(_) if status >= 400 => Ok(Self::Kept(Vec::new())),
            Place::File(path) => disk::create(path).map(|file| Self::File(place, file)).map_err(|error| {
                Failure::other("output_failed", format!("{} cannot be written: {error}", path.display()))
            }),
        }
    }

    fn take(&mut self, world: &World<'_>, bytes: &[u8], shape: &Shape) -> Result<(), Failure> {
        match self {
            Self::Bytes => world.console.answer(bytes),
            Self::Shown(_) if shape.terminal.is_none() => world.console.answer(bytes),
            Self::Shown(begun) => {
                begun.extend_from_slice(bytes);
                let whole = match std::str::from_utf8(begun) {
                    Ok(_) => begun.len(),
                    Err(error) if error.error_len().is_none() => error.valid_up_to(),
                    Err(_) => return Err(answer::binary(begun.len(), "")),
                };
                let text: Vec<u8> = begun.drain(..whole).collect();
                world.console.answer(&output::piece(&String::from_utf8_lossy(&text)))
            }
            Self::File(place, file) => file.write_all(bytes).map_err(|error| {
                Failure::other("output_failed", format!("{} cannot be written: {error}", place.name()))
            }),
            Self::Kept(kept) => {
                kept.extend_from_slice(&bytes[..bytes.len().min(MAX_KEPT.saturating_sub(kept.len()))]);
                Ok(())
            }
        }
    }
}
