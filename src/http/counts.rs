//! What a server counts: everything it does with connections and requests before and after the handler.
//!
//! Key type: [`Counts`], shared with whoever shows it. Values since the start but for the three that tell the present.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::base::count::Counter;

/// A present value.
#[derive(Debug, Default)]
pub struct Gauge(AtomicUsize);

impl Gauge {
    /// The present value.
    pub fn value(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces it.
    pub fn set(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }
}

macro_rules! counts {
    ($(#[$doc:meta] $name:ident : $kind:ident),* $(,)?) => {
        /// See the module.
        #[derive(Debug, Default)]
        pub struct Counts { $(#[$doc] pub $name: $kind),* }

        impl Counts {
            /// Every name and its value, in the order of their declaration.
            pub fn rows(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.value() as u64)),*]
            }
        }
    };
}

counts! {
    /// Connections accepted.
    accepted: Counter,
    /// Complete requests.
    requests: Counter,
    /// Bytes read from clients.
    bytes_in: Counter,
    /// Bytes written to clients.
    bytes_out: Counter,
    /// Answers of workers that reached their end.
    answered: Counter,
    /// Requests that could not be read: 400, 411, 414, 417, 431, 501, 505.
    malformed: Counter,
    /// Bodies beyond the limit: 413.
    too_large: Counter,
    /// Heads and bodies that did not come in time: 408.
    too_slow: Counter,
    /// Connections that were silent for too long.
    idle_closed: Counter,
    /// Clients that took their answer too slowly.
    slow_readers: Counter,
    /// Clients that were gone before they had their answer.
    gone: Counter,
    /// Connections closed to make room for new ones.
    evicted: Counter,
    /// Requests dropped because unfinished ones took too much memory: 503.
    out_of_memory: Counter,
    /// Requests refused because too many waited, or for too long: 503.
    overloaded: Counter,
    /// Requests that no worker answered in time: 504.
    unanswered: Counter,
    /// Handlers that failed: 500.
    failed: Counter,
    /// Streams refused because there were too many: 503.
    streams_refused: Counter,
    /// Private connections given up: their worker was late, or something came where nothing may.
    pairs_lost: Counter,
    /// Times a private connection could not be opened, or nobody listened at its other end any more.
    pair_failures: Counter,
    /// Answers that came for a request which had been given up.
    late_answers: Counter,
    /// Times a connection could not be accepted, most often for want of descriptors.
    accept_failures: Counter,
    /// Connections at present.
    connections: Gauge,
    /// Complete requests that wait for a worker at present.
    queued: Gauge,
    /// Requests at workers at present.
    at_work: Gauge,
    /// Streams at present.
    streaming: Gauge,
    /// Bytes of unfinished requests and untaken answers at present.
    held_bytes: Gauge,
}
