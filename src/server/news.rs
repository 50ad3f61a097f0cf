//! Why a catalog is built, and what the log is told of it.
//!
//! Key types: [`Build`]; [`News`], which says what is new: a source that goes on failing is told of once.

use std::collections::BTreeSet;

use super::snapshot::Snapshot;
use crate::base::id::SourceId;
use crate::base::log::Log;
use crate::catalog::build::Problem;
use crate::catalog::gather::{Settled, SourceReport};
use crate::fetch::freshness::Check;

/// Why a catalog is built.
#[derive(Clone, Copy, Debug)]
pub(super) enum Build<'a> {
    /// Everything is looked at, as far as stored documents are not fresh.
    Whole,
    /// Everything is asked again.
    Forced,
    /// These sources are due.
    Due(&'a BTreeSet<SourceId>),
}

impl<'a> Build<'a> {
    /// When stored documents are checked.
    pub(super) fn check(self) -> Check {
        match self {
            Self::Whole => Check::WhenOld,
            Self::Forced => Check::Now,
            Self::Due(_) => Check::Ahead,
        }
    }

    /// Which sources are looked at; all without.
    pub(super) fn only(self) -> Option<&'a BTreeSet<SourceId>> {
        match self {
            Self::Due(ids) => Some(ids),
            Self::Whole | Self::Forced => None,
        }
    }

    /// Whether it looks at a source.
    pub(super) fn visits(self, id: &SourceId) -> bool {
        self.only().is_none_or(|only| only.contains(id))
    }
}

/// What the log is told of a build.
pub(super) struct News<'a> {
    pub(super) build: Build<'a>,
    pub(super) settled: &'a Settled,
    pub(super) before: Option<&'a Snapshot>,
}

impl News<'_> {
    /// Writes it.
    pub(super) fn tell(&self, log: &Log) {
        for problem in &self.settled.problems {
            if self.is_news(&problem.source) && !self.is_the_failure(problem) {
                log.warn("catalog", &[("problem", problem)]);
            }
        }
        for report in self.settled.report.iter().filter(|report| self.is_news(&report.id)) {
            match &report.error {
                Some(error) => log.error("source failed", &[("source", &report.id), ("error", error)]),
                None if self.earlier(&report.id).is_some_and(|earlier| earlier.error.is_some()) => {
                    log.info("source is well again", &[("source", &report.id)]);
                }
                None => {}
            }
        }
    }

    /// What a source failed by has a line of its own.
    fn is_the_failure(&self, problem: &Problem) -> bool {
        let report = self.settled.report.iter().find(|report| report.id == problem.source);
        report.and_then(|report| report.error.as_ref()) == Some(&problem.message)
    }

    fn earlier(&self, id: &SourceId) -> Option<&SourceReport> {
        self.before?.report.iter().find(|report| report.id == *id)
    }

    /// A source that goes on failing as it did is told of once, and again to whoever asks for a build.
    fn is_news(&self, id: &SourceId) -> bool {
        let present = self.settled.report.iter().find(|report| report.id == *id);
        let same = present.is_some_and(|present| {
            present.error.is_some() && self.earlier(id).is_some_and(|earlier| earlier.error == present.error)
        });
        self.settled.visited.contains(id) && (self.build.only().is_none() || !same)
    }
}
