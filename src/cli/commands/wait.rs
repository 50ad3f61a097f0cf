//! `--wait`: asks again and again what has become of an operation, until it has come to an end or the time is over.

use super::call::{self, Asked};
use crate::base::host::{self, Deadline};
use crate::catalog::Tool;
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::client::runtime::{Runtime, Timeouts};
use crate::client::session::Session;
use crate::contract::{CAPABILITY_CONTINUATIONS, ExecuteRequest, ExecuteResponse};
use crate::execute::polling::{self, Progress, Step};

/// Calls the tool, and waits for what that begins. The answer is the last one.
pub fn until_done(
    world: &World<'_>,
    session: &Session<'_>,
    tool: &Tool,
    request: ExecuteRequest,
) -> Result<Asked, Failure> {
    // Before the call: afterwards nobody could wait for it.
    if !session.contract_now()?.has(CAPABILITY_CONTINUATIONS) {
        let message =
            "this runtime cannot ask for the state of an operation, so --wait would not wait; nothing was sent";
        return Err(Failure::other("not_supported", message)
            .hint(format!("it lacks the capability `{CAPABILITY_CONTINUATIONS}`; without --wait the call is made")));
    }
    let limit = world.globals.timeout.unwrap_or(polling::PATIENCE);
    let deadline = Deadline::after(limit);
    let mut asked = Asked::once(call::first(session, tool, &request)?);
    if asked.response.operation.is_none() && asked.response.status_code == 202 {
        return Ok(Asked { failure: Some(nowhere(tool, &asked.response)), ..asked });
    }
    let mut request = about(request);
    let mut times = 0;
    while let Some(operation) = asked.response.operation.take() {
        let retry_after = asked.response.headers.get("retry-after").and_then(serde_json::Value::as_str);
        match polling::next(times, retry_after, deadline.left(), world.host.clock.now()) {
            Step::Wait(duration) => {
                let most = limit.as_secs();
                let told = format!("{}: it goes on at the upstream, asked {times} times; up to {most} s", tool.id);
                world.console.waits_for(&told);
                host::sleep(duration);
            }
            Step::GiveUp => return Ok(Asked { failure: Some(too_long(tool, limit.as_secs())), ..asked }),
        }
        request.continued = Some(operation);
        let runtime = Runtime { timeouts: Timeouts::all(deadline.left()), ..session.runtime.clone() };
        asked = match runtime.execute(&request) {
            Ok(answer) => Asked::once(answer),
            Err(error) => return Ok(Asked { failure: Some(lost(tool, error.into())), ..asked }),
        };
        times += 1;
    }
    let failed = times > 0 && progress(&asked.response) == Progress::Failed;
    let failure = failed.then(|| Failure { request_id: asked.request_id.clone(), ..failed_there(tool) });
    Ok(Asked { failure, ..asked })
}

/// The same call without what is of no use for asking.
fn about(request: ExecuteRequest) -> ExecuteRequest {
    ExecuteRequest {
        path_args: Vec::new(),
        body: None,
        body_text: None,
        body_json: None,
        files: Vec::new(),
        content_type: None,
        idempotency_key: None,
        ..request
    }
}

fn progress(response: &ExecuteResponse) -> Progress {
    polling::progress(response.status_code, response.body.as_ref().map(|body| body.get()))
}

fn nowhere(tool: &Tool, response: &ExecuteResponse) -> Failure {
    let why = match response.headers.contains_key("location") || response.headers.contains_key("operation-location") {
        true => "leads to another host, where the runtime does not ask",
        false => "says that it goes on, but not where to ask",
    };
    Failure::other("no_operation", format!("{}: the upstream's answer {why}, so it was not waited for", tool.id))
        .hint("x-cli-retry.locationHeader in the API's description, or in an overlay, names another header")
}

fn too_long(tool: &Tool, seconds: u64) -> Failure {
    let message = format!("{}: after {seconds} s the operation still goes on at the upstream", tool.id);
    Failure::new(report::UPSTREAM_SERVER, "operation_timeout", message).hint("--timeout waits longer")
}

fn failed_there(tool: &Tool) -> Failure {
    let message = format!("{}: the operation failed at the upstream", tool.id);
    Failure::new(report::UPSTREAM_SERVER, "operation_failed", message).hint("its answer on standard output says why")
}

/// The upstream goes on, whatever becomes of asking.
fn lost(tool: &Tool, failure: Failure) -> Failure {
    let message = format!("{}: what becomes of the operation is not known: {}", tool.id, failure.message);
    Failure { message, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::RequestFile;
    use serde_json::json;

    #[test]
    fn asking_sends_neither_bodies_nor_files_again() {
        let file = RequestFile { name: "f".to_owned(), content: "AA==".to_owned(), ..RequestFile::default() };
        let whole = ExecuteRequest {
            path_args: vec!["1".to_owned()],
            flags: json!({"X-Tenant": "t"}).as_object().unwrap().clone(),
            body_text: Some("b".to_owned()),
            content_type: Some("multipart/form-data".to_owned()),
            files: vec![file],
            approval: true,
            ..ExecuteRequest::default()
        };
        let asked = serde_json::to_value(about(whole)).unwrap();
        assert_eq!(asked, json!({"toolId": "", "pathArgs": [], "flags": {"X-Tenant": "t"}, "approval": true}));
    }
}
