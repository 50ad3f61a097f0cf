//! From a source to the descriptions behind it: asks for what a walk through catalogs and roots wants to see (`discovery`).
//!
//! What a walk wants at once is asked for by a few threads; the answers are taken in the order of the wants.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::bring::{Bringer, is_gone};
use super::work::in_parallel;
use crate::catalog::FetchRecord;
use crate::discovery::{Answer, Found, Missing, Walk, Want};

/// Documents of one source that are asked for at the same time. With eight sources at a time this bounds the threads of a build.
pub(super) const MAX_FETCHES: usize = 8;

/// Bytes of documents that wait for the walk at the same time.
const MAX_HELD: usize = 128 << 20;

/// Walks to the end, or to the source's deadline.
pub(super) fn find(bringer: &Bringer<'_>, mut walk: Walk, records: &mut Vec<FetchRecord>) -> Found {
    loop {
        let wants = walk.wants();
        if wants.is_empty() {
            return walk.finish();
        }
        let held = AtomicUsize::new(0);
        let answers = in_parallel(&wants, MAX_FETCHES, "find", |want| look(bringer, want, &held));
        for (want, answer) in wants.iter().zip(answers) {
            let (answer, record) = answer.unwrap_or_else(|| (Err(broken(want)), None));
            records.extend(record);
            walk.supply(want, answer);
        }
    }
}

fn look(bringer: &Bringer<'_>, want: &Want, held: &AtomicUsize) -> (Result<Answer, Missing>, Option<FetchRecord>) {
    match bringer.bytes(&want.url, want.from.as_ref(), want.head) {
        Ok(fetched) => {
            let bytes = if want.head { Vec::new() } else { fetched.bytes };
            let mut answer = Answer::new(fetched.url, &fetched.head.content_type, fetched.head.link, bytes);
            if held.fetch_add(answer.seen.text.len(), Ordering::Relaxed) + answer.seen.text.len() > MAX_HELD {
                answer.seen.text = String::new();
            }
            (Ok(answer), Some(fetched.record))
        }
        Err(error) => (Err(Missing { is_final: is_gone(&error), message: error.message }), error.record),
    }
}

fn broken(want: &Want) -> Missing {
    Missing { message: format!("reading {} broke off; please report this", want.url.public()), is_final: false }
}
