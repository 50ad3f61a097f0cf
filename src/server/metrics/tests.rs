//! The format, read back by the rules of its description; the table against the names of others and against the documentation.

use std::collections::BTreeSet;

use super::table::{Kind, METRICS};
use super::text::{Family, seconds};
use super::*;
use crate::base::histogram::BOUNDS;

/// One sample as a monitor reads it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::server) struct Sample {
    /// With the suffix of a histogram's parts.
    pub(in crate::server) name: String,
    /// In order.
    pub(in crate::server) labels: Vec<(String, String)>,
    /// As written.
    pub(in crate::server) value: f64,
}

impl Sample {
    pub(in crate::server) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, text)| text.as_str())
    }
}

/// Reads a page, and fails on whatever the format does not allow: a sample before its head, a head twice, names and labels of other
/// characters, a series twice, a histogram that does not add up.
#[track_caller]
pub(in crate::server) fn read(page: &str) -> Vec<Sample> {
    assert!(page.ends_with('\n') && !page.contains('\r'), "every line ends");
    let mut families: Vec<(String, String)> = Vec::new();
    let mut samples: Vec<Sample> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && is_name(name), "{line}");
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE ")).expect("a type follows");
            let (of, kind) = kind.split_once(' ').unwrap();
            assert!(of == name && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(families.iter().all(|(known, _)| known != name), "{name} has two heads");
            families.push((name.to_owned(), kind.to_owned()));
            continue;
        }
        let sample = sample(line);
        let (family, kind) = families.last().expect("a head comes first");
        let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(suffixes.iter().any(|suffix| format!("{family}{suffix}") == sample.name), "{line} under {family}");
        let same = |other: &&Sample| other.name == sample.name && other.labels == sample.labels;
        assert_eq!(samples.iter().find(same), None, "a series stands twice");
        samples.push(sample);
    }
    families.iter().filter(|(_, kind)| kind == "histogram").for_each(|(name, _)| adds_up(name, &samples));
    samples
}

fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
    first && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[track_caller]
fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
    let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
    assert!(is_name(name), "{line}");
    let mut rest = rest.strip_suffix('}').unwrap_or_else(|| panic!("{line}"));
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (label, text) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        assert!(is_name(label), "{line}");
        let mut value = String::new();
        let mut chars = text.char_indices();
        let end = loop {
            match chars.next().unwrap_or_else(|| panic!("{line}")) {
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    other => panic!("{other} is escaped in {line}"),
                }),
                (at, '"') => break at,
                (_, other) => value.push(other),
            }
        };
        labels.push((label.to_owned(), value));
        rest = &text[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    Sample { name: name.to_owned(), labels, value }
}

#[track_caller]
fn adds_up(name: &str, samples: &[Sample]) {
    let of = |suffix: &str| {
        let part = format!("{name}{suffix}");
        samples.iter().filter(|sample| sample.name == part).collect::<Vec<_>>()
    };
    let (buckets, counts) = (of("_bucket"), of("_count"));
    assert_eq!((buckets.len(), of("_sum").len()), (counts.len() * (BOUNDS.len() + 1), counts.len()), "{name}");
    for (count, buckets) in counts.iter().zip(buckets.chunks(BOUNDS.len() + 1)) {
        let bounds: Vec<f64> =
            buckets.iter().map(|bucket| bucket.label("le").unwrap().replace("+Inf", "inf").parse().unwrap()).collect();
        assert!(bounds.is_sorted() && bounds.last() == Some(&f64::INFINITY), "{name}: {bounds:?}");
        assert!(buckets.is_sorted_by(|a, b| a.value <= b.value), "{name}: buckets are cumulative");
        assert_eq!(buckets.last().map(|bucket| bucket.value), Some(count.value), "{name}");
        for bucket in buckets {
            assert_eq!(bucket.labels[..bucket.labels.len() - 1], count.labels, "{name}");
        }
    }
}

#[test]
fn what_is_written_is_read_back() {
    let metric = |kind| METRICS.iter().find(|metric| metric.kind == kind).unwrap();
    let mut page = String::new();
    let mut family = Family::new(&mut page, metric(Kind::Gauge));
    family.sample(&[("a", "x\"y\\z\n"), ("b", "")], "0.5");
    family.truth(true);
    let histogram = Histogram::default();
    histogram.observe(Duration::from_millis(2));
    histogram.observe(Duration::from_secs(100));
    Family::new(&mut page, metric(Kind::Histogram)).histogram(&[("route", "/x")], &histogram);
    // Without a sample there is no head either.
    let _nothing = Family::new(&mut page, metric(Kind::Counter));
    let samples = read(&page);
    assert_eq!(samples[0].labels, [("a".to_owned(), "x\"y\\z\n".to_owned()), ("b".to_owned(), String::new())]);
    assert_eq!((samples[0].value, samples[1].value), (0.5, 1.0));
    assert!(page.contains("_bucket{route=\"/x\",le=\"0.0025\"} 1\n"), "{page}");
    assert!(page.contains("_sum{route=\"/x\"} 100.002\n"), "{page}");
}

#[test]
fn seconds_have_no_needless_zeros() {
    let nanos = [(0, "0"), (1, "0.000000001"), (250_000, "0.00025"), (1_000_000_000, "1"), (90_500_000_000, "90.5")];
    for (nanos, text) in nanos {
        assert_eq!(seconds(Duration::from_nanos(nanos)), text);
    }
}

#[test]
fn names_follow_the_conventions() {
    let mut names = BTreeSet::new();
    for metric in METRICS {
        let name = metric.name;
        assert!(is_name(name) && names.insert(name), "{name}");
        assert!(name.starts_with("open_cli_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        assert!(metric.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
        assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
    }
}

#[test]
fn everything_that_the_front_counts_is_shown() {
    let rows: BTreeSet<&str> = Counts::default().rows().iter().map(|(name, _)| *name).collect();
    let shown: BTreeSet<&str> = METRICS.iter().filter_map(|metric| metric.front_row()).collect();
    assert_eq!(rows, shown);
}

#[test]
fn codes_stand_where_their_counters_are() {
    for (at, row) in CODES.iter().enumerate() {
        assert_eq!(row.code as usize, at, "{}", row.text);
        let by_code = ByCode::default();
        by_code.bump(row.code);
        assert_eq!(by_code.rows().collect::<Vec<_>>(), [(row.code, 1)]);
    }
    for (at, outcome) in Upstream::ALL.iter().enumerate() {
        assert_eq!(*outcome as usize, at);
    }
    for (at, check) in TokenCheck::ALL.iter().enumerate() {
        assert_eq!(*check as usize, at);
    }
}

#[test]
fn a_fetch_that_brought_nothing_is_no_miss() {
    use crate::catalog::FetchRecord;
    use crate::catalog::gather::SourceState;
    let fetch = |outcome: &str, method: &str, status| FetchRecord {
        cache_outcome: outcome.to_owned(),
        request_method: method.to_owned(),
        status_code: status,
        ..FetchRecord::default()
    };
    let fetches = vec![
        fetch("miss", "GET", Some(200)),
        fetch("miss", "GET", Some(404)),
        fetch("miss", "GET", None),
        fetch("stale_hit", "GET", Some(503)),
        fetch("", "", None),
    ];
    let report = SourceReport { id: "s".into(), state: SourceState::Ok, fetches, ..SourceReport::default() };
    let builds = Builds::default();
    builds.visited([&report].into_iter());
    let counted = |name: &str| builds.fetches[FETCHED.iter().position(|outcome| *outcome == name).unwrap()].value();
    assert_eq!(["miss", "failed", "stale_hit", "fresh_hit"].map(counted), [1, 2, 1, 0]);
}

/// Rows of the page's table: the name in backticks, the kind, and what it says.
#[test]
fn the_documentation_lists_every_metric_and_no_other() {
    let page = include_str!("../../../docs/operations.md");
    let (_, section) = page.split_once("\n## Metrics\n").expect("there is a section");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.strip_suffix('`')?;
        let kind = cells.next()?;
        ["counter", "gauge", "histogram"].contains(&kind).then(|| (name.to_owned(), kind.to_owned()))
    };
    let listed: Vec<(String, String)> = section.lines().filter_map(row).collect();
    let is: Vec<(String, String)> =
        METRICS.iter().map(|metric| (metric.name.to_owned(), metric.kind.as_str().to_owned())).collect();
    assert_eq!(listed, is);
}
