//! Operations that go on after their answer: where their state is, and whether they have come to an end. Pure; time comes as values.
//!
//! An answer of 202 names that place in `Location`, `Operation-Location`, `Azure-AsyncOperation` or a header of the tool's own
//! (`x-cli-retry.locationHeader`). What stands there says 202 again, or has a status member, or is the result.

use std::time::{Duration, SystemTime};

use super::paging::plain;
use super::retry::asked_for;
use crate::base::members::Members;
use crate::catalog::Tool;
use crate::http::Headers;

/// The longest time that a caller waits when it does not say how long.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// No place is asked again sooner, whatever it says.
const SHORTEST: Duration = Duration::from_millis(100);

/// The first wait when the upstream names none; each further one is half as long again.
const FIRST: Duration = Duration::from_secs(1);

/// Waits grow up to this.
const LONGEST: Duration = Duration::from_secs(30);

/// Headers that only operations under way have.
const MONITORS: [&str; 2] = ["operation-location", "azure-asyncoperation"];

/// Members that hold a state, by [`plain`] name; `properties` may have them too.
const MEMBERS: [&str; 3] = ["status", "state", "provisioningstate"];

const RUNNING: [&str; 24] = [
    "running",
    "inprogress",
    "pending",
    "queued",
    "inqueue",
    "enqueued",
    "notstarted",
    "accepted",
    "started",
    "starting",
    "processing",
    "working",
    "executing",
    "waiting",
    "scheduled",
    "submitted",
    "validating",
    "creating",
    "updating",
    "deleting",
    "provisioning",
    "building",
    "deploying",
    "initializing",
];

const FAILED: [&str; 10] = [
    "failed",
    "failure",
    "error",
    "errored",
    "canceled",
    "cancelled",
    "aborted",
    "rejected",
    "timedout",
    "partiallyfailed",
];

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Running,
    /// It is done, or this was no operation.
    Done,
    /// It ended badly; the answer says why.
    Failed,
}

/// What to do about one that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait, then ask again.
    Wait(Duration),
    /// The time would be over.
    GiveUp,
}

/// Where the state of what an answer began will be, as its headers say it: with 202 in any of them, with another success only where the
/// header has no other meaning.
pub fn place<'a>(tool: &Tool, status: u16, headers: &'a Headers) -> Option<&'a str> {
    if !(200..300).contains(&status) {
        return None;
    }
    let named = tool.retry.as_ref().map(|retry| retry.location_header.as_str()).filter(|name| !name.is_empty());
    let location = Some("location").filter(|_| status == 202);
    named.into_iter().chain(MONITORS).chain(location).find_map(|name| headers.get(name))
}

/// How far the operation is by an answer about its state.
pub fn progress(status: u16, body: Option<&str>) -> Progress {
    if !(200..300).contains(&status) {
        return Progress::Done;
    }
    match body.and_then(said) {
        Some(said) => said,
        None if status == 202 => Progress::Running,
        None => Progress::Done,
    }
}

/// What the body says, when it says something that is known.
fn said(body: &str) -> Option<Progress> {
    let members = Members::of(body)?;
    let of = |members: &Members<'_>| {
        let mut words = members.iter().filter(|(name, _)| MEMBERS.contains(&plain(name).as_str()));
        words.find_map(|(name, _)| word(&members.string(name)?))
    };
    let inner = || members.get("properties").and_then(|inner| Members::of(inner.get()));
    of(&members).or_else(|| inner().and_then(|inner| of(&inner))).or_else(|| match members.boolean("done")? {
        false => Some(Progress::Running),
        true if members.get("error").is_some_and(|error| error.get() != "null") => Some(Progress::Failed),
        true => Some(Progress::Done),
    })
}

/// A state in any spelling. An unknown word is an end: it is not waited for what may never come.
fn word(text: &str) -> Option<Progress> {
    let word = plain(text);
    let is = |words: &[&str]| words.contains(&word.as_str());
    Some(match () {
        () if word.is_empty() => return None,
        () if is(&RUNNING) => Progress::Running,
        () if is(&FAILED) => Progress::Failed,
        () => Progress::Done,
    })
}

/// When to ask again after question number `asked` (0 for the call itself): as `Retry-After` says, else later and later. `left` is the time
/// that the caller still has.
pub fn next(asked: u32, retry_after: Option<&str>, left: Duration, now: SystemTime) -> Step {
    let wait = retry_after.and_then(|text| asked_for(text, now)).unwrap_or_else(|| backoff(asked)).max(SHORTEST);
    if wait < left { Step::Wait(wait) } else { Step::GiveUp }
}

fn backoff(asked: u32) -> Duration {
    // Twelve steps pass the longest wait.
    FIRST.mul_f64(1.5_f64.powi(i32::try_from(asked.min(12)).unwrap_or(12))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Retry;
    use std::time::UNIX_EPOCH;

    #[track_caller]
    fn check_place(hint: &str, status: u16, headers: &[(&str, &str)], expected: Option<&str>) {
        let retry = Retry { recommended: false, location_header: hint.to_owned() };
        let tool = Tool { retry: Some(retry), ..Tool::default() };
        let mut all = Headers::new();
        headers.iter().for_each(|(name, value)| all.append(name, value).unwrap());
        assert_eq!(place(&tool, status, &all), expected, "{status} {headers:?}");
    }

    #[test]
    fn an_answer_names_where_its_operation_is() {
        let location = ("Location", "/l");
        check_place("", 202, &[location], Some("/l"));
        check_place("", 201, &[location], None);
        check_place("", 302, &[location], None);
        check_place("", 202, &[location, ("Operation-Location", "/o")], Some("/o"));
        check_place("", 200, &[("Azure-AsyncOperation", "/a")], Some("/a"));
        check_place("X-Job", 202, &[location, ("X-Job", "/j")], Some("/j"));
        check_place("X-Job", 200, &[("x-job", "/j")], Some("/j"));
        check_place("X-Job", 202, &[location], Some("/l"));
        check_place("", 202, &[], None);
        check_place("", 500, &[("Operation-Location", "/o")], None);
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: Progress) {
        assert_eq!(progress(status, Some(body).filter(|body| !body.is_empty())), expected, "{status} {body}");
    }

    #[test]
    fn states_are_read_in_their_spellings() {
        check(202, "", Progress::Running);
        check(200, "", Progress::Done);
        check(200, "[1]", Progress::Done);
        check(404, r#"{"status":"running"}"#, Progress::Done);
        for running in ["Running", "in_progress", "IN PROGRESS", "NotStarted", "queued", "pending"] {
            check(200, &format!(r#"{{"status":"{running}"}}"#), Progress::Running);
        }
        for failed in ["Failed", "canceled", "CANCELLED", "error"] {
            check(200, &format!(r#"{{"state":"{failed}"}}"#), Progress::Failed);
            check(202, &format!(r#"{{"state":"{failed}"}}"#), Progress::Failed);
        }
        for done in ["Succeeded", "completed", "ready", "shipped"] {
            check(200, &format!(r#"{{"provisioningState":"{done}"}}"#), Progress::Done);
        }
        check(200, r#"{"properties":{"provisioningState":"Updating"}}"#, Progress::Running);
        check(200, r#"{"done":false}"#, Progress::Running);
        check(200, r#"{"done":true,"error":{"code":3}}"#, Progress::Failed);
        check(200, r#"{"done":true,"response":{}}"#, Progress::Done);
        check(202, r#"{"status":202}"#, Progress::Running);
        check(202, r#"{"status":""}"#, Progress::Running);
    }

    #[test]
    fn h22_waits_grow_and_end_before_the_time_is_over() {
        let left = Duration::from_secs(60);
        let at = |asked, after: Option<&str>| next(asked, after, left, UNIX_EPOCH);
        assert_eq!(at(0, None), Step::Wait(Duration::from_secs(1)));
        assert_eq!(at(2, None), Step::Wait(Duration::from_millis(2250)));
        assert_eq!(at(1_000_000, None), Step::Wait(LONGEST));
        assert_eq!(at(0, Some("7")), Step::Wait(Duration::from_secs(7)));
        assert_eq!(at(0, Some("0")), Step::Wait(SHORTEST));
        assert_eq!(at(0, Some("Thu, 01 Jan 1970 00:00:09 GMT")), Step::Wait(Duration::from_secs(9)));
        assert_eq!(at(0, Some("soon")), Step::Wait(Duration::from_secs(1)));
        assert_eq!(at(0, Some("60")), Step::GiveUp);
        assert_eq!(next(0, None, Duration::from_secs(1), UNIX_EPOCH), Step::GiveUp);
    }
}
