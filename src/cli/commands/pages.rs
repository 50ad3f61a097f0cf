//! `--all`: asks for one page after the other and joins them. How the next one is asked for is [`paging`]'s to decide.
//!
//! Whatever ends it early, the pages that came are printed, and the failure names the page that did not.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::call::{self, Asked};
use crate::base::digest;
use crate::base::members;
use crate::catalog::Tool;
use crate::cli::args::UsageError;
use crate::cli::merge::{MOST_BYTES, MergeError, Merged};
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::client::session::Session;
use crate::contract::{CAPABILITY_CONTINUATIONS, ExecuteRequest, ExecuteResponse};
use crate::execute::paging::{self, Before, Lead, Page};
use crate::execute::redact::REDACTED;

/// Every page from the one that is asked for on, at most `most`.
pub fn all(
    world: &World<'_>,
    session: &Session<'_>,
    tool: &Tool,
    mut request: ExecuteRequest,
    most: usize,
) -> Result<Asked, Failure> {
    if !tool.safety.read_only {
        let error = UsageError::new(format!("--all repeats the call, and {} may change something", tool.id));
        return Err(error.hint("without --all it is called once").into());
    }
    let first = Asked::once(call::first(session, tool, &request)?);
    let mut walk = Walk::new(tool);
    let mut last = match walk.begin(&mut request, first, most) {
        Begun::Whole(asked) => {
            walk.tell_if_stopped(world);
            return Ok(asked);
        }
        Begun::More(last) => last,
    };
    loop {
        let number = walk.before.pages + 1;
        world.console.waits_for(&format!("{}: page {number}, {} items so far", tool.id, walk.items));
        let asked = match session.runtime.execute(&request) {
            Ok(answer) => Asked::once(answer),
            Err(error) => return walk.end(last, Some(of_page(number, error.into()))),
        };
        match walk.take(&mut request, &asked, most) {
            Ok(true) => last = asked,
            Ok(false) => {
                walk.tell_if_stopped(world);
                return walk.end(asked, None);
            }
            Err(Stop { failure, keeps }) => {
                let failure = Failure { request_id: asked.request_id.clone(), ..failure };
                return walk.end(if keeps { asked } else { last }, Some(failure));
            }
        }
    }
}

/// What the first page comes to.
enum Begun {
    /// All there is, or all that can be had.
    Whole(Asked),
    /// There are more.
    More(Asked),
}

/// Why there are no more pages although there should be.
struct Stop {
    failure: Failure,
    /// Whether the page that led here is among those that are joined.
    keeps: bool,
}

/// The pages so far. Pure.
struct Walk<'a> {
    tool: &'a Tool,
    merged: Option<Merged>,
    before: Before,
    items: usize,
    /// Digests of how pages were asked for, so that none is asked for twice.
    asked: HashSet<String>,
    /// Of the last page's items.
    digest: String,
    /// Whether the bound was reached.
    stopped: bool,
}

impl<'a> Walk<'a> {
    fn new(tool: &'a Tool) -> Self {
        Self {
            tool,
            merged: None,
            before: Before::default(),
            items: 0,
            asked: HashSet::new(),
            digest: String::new(),
            stopped: false,
        }
    }

    fn tell_if_stopped(&self, world: &World<'_>) {
        if self.stopped {
            let pages = self.before.pages;
            world.console.note(&format!("stopped after page {pages}, and there may be more; --max-pages N fetches N"));
        }
    }

    /// A first page that is the only one stays as it came.
    fn begin(&mut self, request: &mut ExecuteRequest, asked: Asked, most: usize) -> Begun {
        let response = &asked.response;
        if response.status_code >= 400 || response.truncated {
            return Begun::Whole(asked);
        }
        let list = response.body.as_ref().and_then(|body| paging::items(self.tool, body.get()));
        self.count(list.map(|(_, raw)| raw));
        match self.lead(request, response, most) {
            Ok(false) => Begun::Whole(asked),
            Err(stop) => Begun::Whole(Asked { failure: Some(stop.failure), ..asked }),
            Ok(true) => {
                let first = response.body.as_ref().map(|body| body.get().to_owned());
                self.merged = first.and_then(|first| Merged::new(self.tool, first));
                match self.merged {
                    Some(_) => Begun::More(asked),
                    None => Begun::Whole(Asked { failure: Some(self.no_list()), ..asked }),
                }
            }
        }
    }

    /// Takes a further page, and says whether there is another one.
    fn take(&mut self, request: &mut ExecuteRequest, asked: &Asked, most: usize) -> Result<bool, Stop> {
        let (response, number) = (&asked.response, self.before.pages + 1);
        let lost = |failure: Failure| Stop { failure: of_page(number, failure), keeps: false };
        if let Some(failure) = Failure::upstream(response.status_code, self.tool.id.as_str(), "standard output") {
            // Its answer is not what is printed.
            return Err(lost(Failure { hint: None, ..failure }));
        }
        if response.truncated {
            let message = format!("{}: the answer was cut at the runtime's limit", self.tool.id);
            return Err(lost(Failure::other("truncated", message).hint("ask for smaller pages")));
        }
        let Some(body) = response.body.as_ref().map(|body| body.get()) else { return Err(lost(self.no_list())) };
        let was = self.digest.clone();
        let list = paging::items(self.tool, body);
        self.count(list.map(|(_, raw)| raw));
        if self.before.counting && self.before.last_items > 0 && self.digest == was {
            let message =
                format!("{}: it is the same as the page before it, so the upstream does not count", self.tool.id);
            return Err(lost(Failure::other("page_loop", message)));
        }
        let merged = self.merged.as_mut().expect("a first page was begun with");
        merged.add(body).map_err(|error| {
            lost(match error {
                MergeError::NoList => self.no_list(),
                MergeError::TooLong => Failure::other(
                    "too_many_items",
                    format!("{}: all pages together are longer than {} MiB", self.tool.id, MOST_BYTES >> 20),
                )
                .hint("--max-pages N stops before"),
            })
        })?;
        self.lead(request, response, most)
    }

    /// Counts a page that came.
    fn count(&mut self, list: Option<&RawValue>) {
        let items = list.and_then(|list| members::items(list.get())).map_or(0, |items| items.len());
        self.digest = digest::of_bytes(list.map_or("", |list| list.get()).as_bytes());
        self.items += items;
        self.before.pages += 1;
        self.before.last_items = items;
        if self.before.pages == 1 {
            self.before.first_items = items;
        }
    }

    /// Turns the request into that for the next page; false when there is none, or the bound is reached.
    fn lead(&mut self, request: &mut ExecuteRequest, response: &ExecuteResponse, most: usize) -> Result<bool, Stop> {
        let page = Page {
            link: response.headers.get("link").and_then(serde_json::Value::as_str),
            body: response.body.as_ref().map(|body| body.get()),
        };
        let lead = paging::next(self.tool, &request.flags, page, self.before, response.next.is_some());
        // The runtime may know of an address where nothing is seen from here.
        let number = self.before.pages;
        let lead = match (&lead, &response.next) {
            (Lead::End, Some(next)) => Lead::Address(next.clone()),
            // A cursor that is hidden here is none.
            (Lead::Flag { value, .. }, Some(next)) if is_hidden(value) => Lead::Address(next.clone()),
            (Lead::Flag { value, .. }, None) if is_hidden(value) => {
                return Err(Stop { failure: self.not_followed(number), keeps: true });
            }
            _ => lead,
        };
        let key = match &lead {
            Lead::End => return Ok(false),
            Lead::Address(address) => format!("<{address}>"),
            Lead::Flag { name, value, .. } => format!("{name}={value}"),
        };
        if self.before.pages >= most {
            self.stopped = true;
            return Ok(false);
        }
        if !self.asked.insert(digest::of_bytes(key.as_bytes())) {
            let message = format!("{}: page {number} leads back to a page that was there before", self.tool.id);
            return Err(Stop { failure: Failure::other("page_loop", message), keeps: true });
        }
        request.continued = None;
        match lead {
            Lead::End => {}
            Lead::Address(_) => match &response.next {
                Some(next) => request.continued = Some(next.clone()),
                None => return Err(Stop { failure: self.not_followed(number), keeps: true }),
            },
            Lead::Flag { name, value, counted } => {
                self.before.counting = counted;
                let same = self.tool.flags.iter().find(|flag| flag.name == name);
                same.map(|flag| request.flags.remove(&flag.original_name));
                request.flags.insert(name, value.into());
            }
        }
        Ok(true)
    }

    /// What is printed: the pages that came, in the envelope of the last one.
    fn end(&self, last: Asked, failure: Option<Failure>) -> Result<Asked, Failure> {
        let text = last.response.body.as_ref().map_or("null", |body| body.get());
        let whole = self.merged.as_ref().map(|merged| merged.finish(text));
        let body = whole.map(RawValue::from_string).transpose().map_err(|error| {
            Failure::new(report::UNREACHABLE, "runtime_answer", format!("the pages cannot be joined: {error}"))
        })?;
        Ok(Asked { response: ExecuteResponse { body, ..last.response }, request_id: last.request_id, failure })
    }

    fn no_list(&self) -> Failure {
        Failure::other(
            "no_list",
            format!("{}: there are more pages, but no list is found that they could be joined to", self.tool.id),
        )
        .hint("x-cli-pagination.itemsPath in the API's description, or in an overlay, says where it is")
    }

    fn not_followed(&self, number: usize) -> Failure {
        let message =
            format!("{}: page {number} leads on to an address that the runtime does not follow", self.tool.id);
        Failure::other("page_not_followed", message).hint(format!(
            "it follows addresses at the tool's own host, if it has the capability `{CAPABILITY_CONTINUATIONS}`; \
             `open-cli runtime info` lists what it has"
        ))
    }
}

fn is_hidden(cursor: &str) -> bool {
    REDACTED.trim_matches('"') == cursor
}

fn of_page(number: usize, failure: Failure) -> Failure {
    let message = format!("page {number}: {}; the answer holds the pages before it", failure.message);
    Failure { message, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_hidden_cursor_is_not_sent() {
        let flag = json!({"name": "cursor", "originalName": "cursor", "location": "query"});
        let tool = Tool { flags: vec![serde_json::from_value(flag).unwrap()], ..Tool::default() };
        let body = json!({"items": [1], "next": "[redacted]"});
        for next in [None, Some("sealed".to_owned())] {
            let response = serde_json::from_value(json!({"statusCode": 200, "body": body, "next": next})).unwrap();
            let (mut walk, mut request) = (Walk::new(&tool), ExecuteRequest::default());
            let begun = walk.begin(&mut request, Asked::once((response, None)), 9);
            assert_eq!((request.continued, request.flags.len()), (next.clone(), 0));
            match begun {
                Begun::Whole(asked) => assert_eq!(asked.failure.unwrap().code, "page_not_followed"),
                Begun::More(_) => assert!(next.is_some(), "nobody can go on"),
            }
        }
    }
}
