//! `--dry-run`: the request as the toolbox would send it, and the same as a `curl` line.
//!
//! The toolbox builds it, credentials replaced by placeholders. A runtime that does not advertise dry runs is not asked, since it
//! would send the request.

use crate::cli::output::Format;
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::client::session::Session;
use crate::contract::{CAPABILITY_DRY_RUN, DryRunResponse, ExecuteRequest};

/// Asks for the request and prints it.
pub fn show(world: &World<'_>, session: &Session<'_>, request: &ExecuteRequest) -> Result<(), Failure> {
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
    match world.format() {
        Format::Json | Format::Yaml => world.print_json(&String::from_utf8_lossy(&bytes), &[]),
        Format::Pretty | Format::Table => world.console.text(&readable(&answer)),
    }
}

fn readable(answer: &DryRunResponse) -> String {
    let mut out = format!("{} {}\n", answer.method, answer.url);
    for (name, value) in &answer.headers {
        out.push_str(&format!("{name}: {value}\n"));
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
    if let Some(encoded) = &answer.body_base64 {
        line.push_str(&format!("printf %s {} | base64 -d | ", quote(encoded)));
    }
    line.push_str("curl --globoff");
    match answer.method.as_str() {
        "GET" => {}
        "HEAD" => line.push_str(" --head"),
        method => line.push_str(&format!(" --request {}", quote(method))),
    }
    for (name, value) in &answer.headers {
        // curl takes `name;` for a header without a value.
        let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        line.push_str(&format!(" \\\n  --header {}", quote(&header)));
    }
    match (&answer.body, &answer.body_base64) {
        (Some(body), _) => line.push_str(&format!(" \\\n  --data-raw {}", quote(body))),
        (None, Some(_)) => line.push_str(" \\\n  --data-binary @-"),
        (None, None) => {}
    }
    line.push_str(&format!(" \\\n  {}", quote(&answer.url)));
    line
}

/// One word for a POSIX shell.
fn quote(text: &str) -> String {
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
    }
}
