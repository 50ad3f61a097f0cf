//! Which records a reader asks for (pure).

use std::time::SystemTime;

use serde::Deserialize;

use crate::base::time::parse_rfc3339;

/// The most records one answer holds.
pub const MAX_LIMIT: usize = 10_000;

/// Filters of `GET /v1/audit/events`; what is absent does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Not before.
    pub since: Option<SystemTime>,
    /// Not after.
    pub until: Option<SystemTime>,
    /// `eventType`
    pub event_type: Option<String>,
    /// `principal`
    pub principal: Option<String>,
    /// `toolId`
    pub tool_id: Option<String>,
    /// `decision`
    pub decision: Option<String>,
    /// Only records with a higher `seq`.
    pub after: Option<u64>,
    /// At most so many: with `after` the first ones, else the last ones. 1,000 when absent.
    pub limit: Option<usize>,
}

/// The members of a record that filters look at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    timestamp: String,
    event_type: String,
    principal: Option<String>,
    tool_id: Option<String>,
    decision: Option<String>,
    #[serde(default)]
    seq: u64,
}

impl Query {
    /// How many records are wanted at most.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(1000).min(MAX_LIMIT)
    }

    /// Whether a line is a record that fits; lines that are no records never do.
    pub fn fits(&self, line: &[u8]) -> bool {
        let Ok(seen) = serde_json::from_slice::<Seen>(line) else {
            return false;
        };
        let same = |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|w| Some(w) == found);
        let at = parse_rfc3339(&seen.timestamp);
        self.since.is_none_or(|since| at.is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| at.is_some_and(|at| at <= until))
            && same(&self.event_type, Some(&seen.event_type))
            && same(&self.principal, seen.principal.as_deref())
            && same(&self.tool_id, seen.tool_id.as_deref())
            && same(&self.decision, seen.decision.as_deref())
            && self.after.is_none_or(|after| seen.seq > after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "{\"timestamp\":\"2026-01-02T00:00:00.000Z\",\"eventType\":\"tool_execution\",\"principal\":\"p\",\
        \"toolId\":\"a:b\",\"decision\":\"allowed\",\"seq\":7}";

    #[track_caller]
    fn check(query: &Query, expected: bool) {
        assert_eq!(query.fits(LINE.as_bytes()), expected, "{query:?}");
    }

    #[test]
    fn every_filter_filters() {
        let text = |text: &str| Some(text.to_owned());
        let none = Query::default;
        check(&none(), true);
        for (value, fits) in [("2026-01-01T00:00:00Z", true), ("2026-01-03T00:00:00Z", false)] {
            check(&Query { since: parse_rfc3339(value), ..none() }, fits);
            check(&Query { until: parse_rfc3339(value), ..none() }, !fits);
        }
        check(&Query { event_type: text("tool_execution"), ..none() }, true);
        check(&Query { event_type: text("authz_denial"), ..none() }, false);
        check(&Query { principal: text("p"), ..none() }, true);
        check(&Query { principal: text("q"), ..none() }, false);
        check(&Query { tool_id: text("a:b"), ..none() }, true);
        check(&Query { tool_id: text("a:c"), ..none() }, false);
        check(&Query { decision: text("denied"), ..none() }, false);
        check(&Query { after: Some(6), ..none() }, true);
        check(&Query { after: Some(7), ..none() }, false);
    }

    #[test]
    fn h37_lines_that_are_no_records_never_fit() {
        for line in ["", "{", "null", "[]", "{\"seq\":1}"] {
            assert!(!Query::default().fits(line.as_bytes()), "{line}");
        }
        assert_eq!(Query { limit: Some(usize::MAX), ..Query::default() }.limit(), MAX_LIMIT);
    }
}
