//! `--dry-run`: the request as the toolbox would send it, as a `curl` line, or as the bytes on the wire.
//!
//! The toolbox builds it, credentials replaced by placeholders. A runtime that does not advertise dry runs is not asked, since it
//! would send the request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::cli::bind::DryRun;
use crate::cli::output::Format;
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::client::session::Session;
use crate::contract::{CAPABILITY_DRY_RUN, DryRunResponse, ExecuteRequest};
use crate::http::wire;

/// A field of one call alone, which a line that is used again has no place for.
const OF_ONE_CALL: &str = "x-request-id";

/// Asks for the request and prints it.
pub fn show(world: &World<'_>, session: &Session<'_>, request: &ExecuteRequest, form: DryRun) -> Result<(), Failure> {
    // Not from memory: another program may listen there now.
    if !session.contract_now()?.has(CAPABILITY_DRY_RUN) {
        return Err(Failure::new(
            report::OTHER,
            "not_supported",
            "this runtime does not know dry runs; nothing was sent",
        )
        .hint("`open-cli runtime info` lists its capabilities"));
    }
    let (answer, bytes) = session.runtime.dry_run(request)?;
    if !answer.dry_run {
        return Err(Failure::new(report::UNREACHABLE, "runtime_answer", "the runtime's answer is no dry run"));
    }
    if let Some(why) = &answer.withheld {
        world.console.note(&format!("the request has a body that is not shown: {why}"));
    }
    let json = String::from_utf8_lossy(&bytes);
    let as_document = world.globals.query.is_some() || !world.globals.columns.is_empty();
    match (form, world.format()) {
        (DryRun::Curl, _) => world.console.text(&format!("{}\n", curl(&answer))),
        (DryRun::Http, _) => on_the_wire(world, &answer),
        (DryRun::Json | DryRun::AsFormat, _) if as_document => world.print_json(&json, &[]),
        (DryRun::Json, Format::Json | Format::Table) => world.console.text(&format!("{}\n", json.trim_end())),
        (DryRun::AsFormat, Format::Pretty | Format::Table) => world.console.text(&readable(&answer)),
        (DryRun::Json | DryRun::AsFormat, _) => world.print_json(&json, &[]),
    }
}

/// The very bytes; on a terminal as lines, without a body that is no text.
fn on_the_wire(world: &World<'_>, answer: &DryRunResponse) -> Result<(), Failure> {
    let wrong = |_| Failure::new(report::UNREACHABLE, "runtime_answer", "the runtime's dry run holds no base64");
    let body = match (&answer.body, &answer.body_base64) {
        (Some(text), _) => text.clone().into_bytes(),
        (None, Some(encoded)) => STANDARD.decode(encoded).map_err(wrong)?,
        (None, None) => Vec::new(),
    };
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let message = wire::request(&answer.method, &answer.url, headers, &body);
    if !world.console.terminal.stdout {
        return world.console.answer(&message);
    }
    let head = String::from_utf8_lossy(&message[..message.len() - body.len()]).replace("\r\n", "\n");
    let body = match String::from_utf8(body) {
        Ok(text) if text.is_empty() => text,
        Ok(text) => format!("{}\n", text.trim_end_matches('\n')),
        Err(error) => format!("({} bytes that are no text)\n", error.as_bytes().len()),
    };
    world.console.text(&format!("{head}{body}"))
}

fn readable(answer: &DryRunResponse) -> String {
    let mut out = format!("{} {}\n", answer.method, answer.url);
    for (name, value) in &answer.headers {
        if !name.eq_ignore_ascii_case(OF_ONE_CALL) {
            out.push_str(&format!("{name}: {value}\n"));
        }
    }
    match (&answer.body, &answer.body_base64) {
        (Some(body), _) => out.push_str(&format!("\n{}\n", body.trim_end_matches('\n'))),
        (None, Some(encoded)) => out.push_str(&format!("\n({} bytes that are no text)\n", encoded.len() / 4 * 3)),
        (None, None) => {}
    }
    out.push_str(&format!("\n{}\n", curl(answer)));
    out
}

/// The request as a line for a POSIX shell; placeholders like `<token>` are quoted with everything else.
fn curl(answer: &DryRunResponse) -> String {
    let mut line = String::new();
    let encoded = through_a_pipe(answer);
    if let Some(encoded) = &encoded {
        line.push_str(&format!("printf %s {} | base64 -d | ", quote(encoded)));
    }
    line.push_str("curl --globoff");
    match answer.method.as_str() {
        "GET" => {}
        "HEAD" => line.push_str(" --head"),
        method => line.push_str(&format!(" --request {}", quote(method))),
    }
    for (name, value) in answer.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(OF_ONE_CALL)) {
        // curl takes `name;` for a header without a value.
        let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        line.push_str(&format!(" \\\n  --header {}", quote(&header)));
    }
    match (&answer.body, &encoded) {
        (_, Some(_)) => line.push_str(" \\\n  --data-binary @-"),
        (Some(body), None) => line.push_str(&format!(" \\\n  --data-raw {}", quote(body))),
        (None, None) => {}
    }
    line.push_str(&format!(" \\\n  {}", quote(&answer.url)));
    line
}

/// The base64 of a body that a line of a shell cannot hold, or not once it was copied from a terminal: of bytes that
/// are no text, and of text with NUL, a carriage return or another control character.
fn through_a_pipe(answer: &DryRunResponse) -> Option<String> {
    let kept = |c: char| !c.is_control() || matches!(c, '\t' | '\n');
    match &answer.body {
        Some(body) if !body.chars().all(kept) => Some(STANDARD.encode(body)),
        Some(_) => None,
        None => answer.body_base64.clone(),
    }
}

/// One word for a POSIX shell.
pub fn quote(text: &str) -> String {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&b));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ToolId;

    #[test]
    fn the_curl_line_is_quoted_for_the_shell() {
        let answer = DryRunResponse {
            dry_run: true,
            tool_id: ToolId::from("s:t"),
            method: "POST".to_owned(),
            url: "https://h/a?q=it's&x=$(id)".to_owned(),
            headers: vec![
                ("Authorization".to_owned(), "Bearer <token>".to_owned()),
                ("X-Empty".to_owned(), String::new()),
            ],
            body: Some("{\"a\":\"`id`'\"}\n".to_owned()),
            body_base64: None,
            withheld: None,
        };
        assert_eq!(
            curl(&answer),
            "curl --globoff --request POST \\\n  --header 'Authorization: Bearer <token>' \\\n  --header 'X-Empty;' \\\n  \
             --data-raw '{\"a\":\"`id`'\\''\"}\n' \\\n  'https://h/a?q=it'\\''s&x=$(id)'"
        );
        assert_eq!(quote("plain-1.0/x"), "plain-1.0/x");
        assert_eq!(quote(""), "''");
        let binary = DryRunResponse { body: None, body_base64: Some("/wA=".to_owned()), ..answer };
        assert!(
            curl(&binary).starts_with("printf %s '/wA=' | base64 -d | curl")
                || curl(&binary).starts_with("printf %s /wA= | base64")
        );
        assert!(curl(&binary).contains("--data-binary @-"));
        for text in ["PDF\0bin", "a\r\nb", "\u{1b}[m"] {
            let line = curl(&DryRunResponse { body: Some(text.to_owned()), body_base64: None, ..binary.clone() });
            let piped = format!("printf %s {} | base64 -d | curl", quote(&STANDARD.encode(text)));
            assert!(line.starts_with(&piped) && line.contains("--data-binary @-"), "no shell keeps {text:?}: {line}");
        }
    }
}
