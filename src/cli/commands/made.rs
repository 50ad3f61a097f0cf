//! A body's bytes: those of `--body`, with what flags and words say of its members laid over them.

use std::io::ErrorKind;

use crate::base::members::{self, Members};
use crate::cli::args::UsageError;
use crate::cli::assign::{Assigned, FileLeaf, quoted};
use crate::cli::bind::BodySource;
use crate::cli::commands::call::{self, MAX_BODY};
use crate::cli::report::Failure;
use crate::cli::world::World;

/// The body; `None` when nothing was said of one. Without members it is what `--body` says, byte for byte.
pub fn body(
    world: &mut World<'_>,
    source: Option<BodySource>,
    mut members: Assigned,
) -> Result<Option<Vec<u8>>, Failure> {
    let base = source.map(|source| call::read_body(world, source)).transpose()?;
    if members.is_empty() {
        return Ok(base);
    }
    let mut left = MAX_BODY;
    members.fill(|file| content(world, file, &mut left))?;
    let base = base.map(|bytes| document(bytes, members.is_object())).transpose()?;
    let body = members.over(base.as_deref()).map_err(|hole| {
        UsageError::new(hole.to_string()).hint("items are given without gaps; NAME[]=VALUE adds one behind all")
    })?;
    Ok(Some(body.into_bytes()))
}

/// What members can be laid over: an object, or a list where items were given.
fn document(bytes: Vec<u8>, is_object: bool) -> Result<String, UsageError> {
    let text = String::from_utf8(bytes).map_err(|_| UsageError::new("--body is not valid JSON: it is not UTF-8"))?;
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        return Err(UsageError::new(format!("--body is not valid JSON: {error}"))
            .hint("flags and words for members are laid over a JSON body; another body is given whole"));
    }
    let fits = if is_object { Members::of(&text).is_some() } else { members::items(&text).is_some() };
    let kind =
        if is_object { "object, so that it has no members to set" } else { "list, so that it has no items to set" };
    if fits { Ok(text) } else { Err(UsageError::new(format!("--body is no JSON {kind}"))) }
}

/// What a file says, as JSON text.
fn content(world: &mut World<'_>, file: &FileLeaf, left: &mut usize) -> Result<String, Failure> {
    let said = file.path.as_deref().unwrap_or("-");
    let wrong = |cause: String| Failure::from(UsageError::new(format!("@{said}: {cause}")));
    let bytes = world.bytes_of(file.path.as_deref(), *left).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => wrong(format!("the body is larger than {} MiB", MAX_BODY >> 20)),
        _ => wrong(format!("it cannot be read: {error}")),
    })?;
    *left -= bytes.len();
    let text = String::from_utf8(bytes)
        .map_err(|_| wrong("it is not UTF-8; a file of a multipart body is given by --file".to_owned()))?;
    if !file.is_json {
        return Ok(quoted(&text));
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(error) => Err(wrong(format!("it is not valid JSON: {error}"))),
    }
}
