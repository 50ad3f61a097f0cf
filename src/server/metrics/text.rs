//! The text format of Prometheus, version 0.0.4.
//!
//! Key type: [`Family`], one metric on its way to the page.

use std::fmt::{Display, Write};
use std::time::Duration;

use super::table::Metric;
use crate::base::histogram::{BOUNDS, Histogram};

/// A metric's samples; its head is written with the first of them, so that what has none is not there.
pub(super) struct Family<'a> {
    page: &'a mut String,
    metric: &'a Metric,
    begun: bool,
}

impl<'a> Family<'a> {
    pub(super) fn new(page: &'a mut String, metric: &'a Metric) -> Self {
        Self { page, metric, begun: false }
    }

    /// One sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, value);
    }

    /// A truth, as 1 or 0.
    pub(super) fn truth(&mut self, holds: bool) {
        self.sample(&[], u8::from(holds));
    }

    /// A histogram's samples.
    pub(super) fn histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) {
        let read = histogram.read();
        for (bound, count) in BOUNDS.iter().zip(read.up_to) {
            let bound = seconds(*bound);
            self.line("_bucket", &[labels, &[("le", &bound)]].concat(), count);
        }
        self.line("_bucket", &[labels, &[("le", "+Inf")]].concat(), read.count);
        self.line("_sum", labels, seconds(read.sum));
        self.line("_count", labels, read.count);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let Metric { name, kind, help, .. } = self.metric;
        let page = &mut *self.page;
        if !self.begun {
            self.begun = true;
            let help = help.replace('\\', "\\\\").replace('\n', "\\n");
            put(page, format_args!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.as_str()));
        }
        put(page, format_args!("{name}{suffix}"));
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            put(page, format_args!("{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' }));
        }
        put(page, format_args!("{} {value}\n", if labels.is_empty() { "" } else { "}" }));
    }
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("writing to a String does not fail");
}

/// A decimal number without needless zeros: `0.0025`.
pub(super) fn seconds(time: Duration) -> String {
    let text = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
