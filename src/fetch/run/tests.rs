//! Fetches through a transport that answers from a list.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::http::TransportError;

/// Answers in order and remembers what was asked.
#[derive(Default)]
struct Upstream {
    answers: Mutex<VecDeque<Result<Response, TransportErrorKind>>>,
    asked: Mutex<Vec<(String, Reach, Option<String>)>>,
}

impl Upstream {
    fn answer(&self, status: u16, headers: &[(&str, &str)], body: &str) {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.append(name, value).unwrap();
        }
        let response = Response { status, headers: all, body: body.into(), truncated: false };
        self.answers.lock().unwrap().push_back(Ok(response));
    }

    fn fail(&self, kind: TransportErrorKind) {
        self.answers.lock().unwrap().push_back(Err(kind));
    }

    fn asked(&self) -> Vec<(String, Reach, Option<String>)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Transport for Upstream {
    fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        let tag = request.headers.get("if-none-match").map(str::to_owned);
        self.asked.lock().unwrap().push((request.url.to_string(), limits.reach, tag));
        let next = self.answers.lock().unwrap().pop_front().expect("an answer was prepared");
        next.map_err(|kind| TransportError { kind, may_have_been_sent: false, message: "broken".into() })
    }
}

/// A fetcher over a fresh directory, and a clock that can be moved.
struct World {
    upstream: Arc<Upstream>,
    fetcher: Fetcher,
    seconds: Arc<Mutex<u64>>,
    dir: PathBuf,
}

impl World {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("open-cli-fetch-{}-{name}", std::process::id()));
        for file in disk::files(&dir).unwrap_or_default() {
            disk::remove(&file.path).unwrap();
        }
        let upstream = Arc::new(Upstream::default());
        let seconds = Arc::new(Mutex::new(1_000_000));
        let read = Arc::clone(&seconds);
        let clock = Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(*read.lock().unwrap()));
        let fetcher = Fetcher::new(Arc::clone(&upstream) as Arc<dyn Transport>, Some(dir.clone()), clock);
        Self { upstream, fetcher, seconds, dir }
    }

    fn pass(&self, seconds: u64) {
        *self.seconds.lock().unwrap() += seconds;
    }

    fn fetch(&self, url: &str, refresh: Refresh, force: bool) -> Result<Fetched, FetchError> {
        let location = Location::Remote(Url::parse(url).unwrap());
        self.fetcher.fetch(&Ask {
            location: &location,
            refresh,
            force,
            reach: Reach::Named,
            method: "explicit",
            head: false,
            deadline: Deadline::after(Duration::from_secs(60)),
        })
    }

    /// Fetches `https://h/d?key=k` and compares body and outcome.
    #[track_caller]
    fn check(&self, body: &str, outcome: &str) -> FetchRecord {
        let fetched = self.fetch("https://h/d?key=k", Refresh::default(), false).unwrap();
        assert_eq!(
            (String::from_utf8(fetched.bytes).unwrap().as_str(), fetched.record.cache_outcome.as_str()),
            (body, outcome)
        );
        fetched.record
    }

    #[track_caller]
    fn check_fails(&self, words: &str) -> FetchError {
        let error = self.fetch("https://h/d?key=k", Refresh::default(), false).unwrap_err();
        assert!(error.message.contains(words), "{error}");
        assert!(!error.message.contains("key="), "{error}");
        error
    }
}

#[test]
fn outcomes_follow_the_cache() {
    let world = World::new("outcomes");
    world.upstream.answer(200, &[("ETag", "\"1\""), ("Cache-Control", "max-age=60")], "one");
    let record = world.check("one", "miss");
    let expected = FetchRecord {
        url: "https://h/d".into(),
        fetched_at: "1970-01-12T13:46:40.000Z".into(),
        method: "explicit".into(),
        request_method: "GET".into(),
        status_code: Some(200),
        cache_outcome: "miss".into(),
        etag: "\"1\"".into(),
        last_modified: String::new(),
        cache_control: "max-age=60".into(),
        expires_at: "1970-01-12T13:47:40.000Z".into(),
        stale: false,
    };
    assert_eq!(record, expected);
    world.pass(59);
    world.check("one", "fresh_hit");
    world.pass(1);
    world.upstream.answer(304, &[], "");
    assert_eq!(world.check("one", "revalidated_hit").status_code, Some(304));
    world.check("one", "fresh_hit");
    world.pass(60);
    world.upstream.answer(200, &[], "two");
    world.check("two", "refreshed");
    world.upstream.answer(503, &[], "");
    let stale = world.check("two", "stale_hit");
    assert!(stale.stale);
    assert_eq!(stale.status_code, Some(503));
    let tags: Vec<_> = world.upstream.asked().into_iter().map(|(_, _, tag)| tag).collect();
    assert_eq!(tags, [None, Some("\"1\"".into()), Some("\"1\"".into()), None]);
}

#[test]
fn h31_gone_documents_are_not_served() {
    for status in [401, 403, 404, 410] {
        let world = World::new(&format!("gone-{status}"));
        world.upstream.answer(200, &[], "one");
        world.check("one", "miss");
        world.upstream.answer(status, &[], "");
        let error = world.check_fails(&format!("it answered {status}"));
        assert_eq!(error.record.unwrap().status_code, Some(status));
        world.upstream.fail(TransportErrorKind::Connect);
        world.check_fails("broken");
    }
}

#[test]
fn h31_staleness_has_a_bound() {
    let world = World::new("bound");
    world.upstream.answer(200, &[], "one");
    world.check("one", "miss");
    world.pass(24 * 3600);
    world.upstream.fail(TransportErrorKind::Timeout);
    world.check("one", "stale_hit");
    world.pass(1);
    world.upstream.fail(TransportErrorKind::Timeout);
    world.check_fails("broken");
    let manual = Refresh { max_age: None, manual_only: true };
    assert_eq!(world.fetch("https://h/d?key=k", manual, false).unwrap().record.cache_outcome, "fresh_hit");
    world.upstream.fail(TransportErrorKind::Connect);
    assert_eq!(world.fetch("https://h/d?key=k", manual, true).unwrap().record.cache_outcome, "stale_hit");
}

#[test]
fn h31_no_store_is_not_stored() {
    let world = World::new("no-store");
    world.upstream.answer(200, &[("Cache-Control", "no-store, max-age=60")], "one");
    world.check("one", "miss");
    assert!(disk::files(&world.dir).unwrap_or_default().iter().all(|file| file.size == 0));
    world.upstream.answer(200, &[("Cache-Control", "max-age=60")], "two");
    world.check("two", "miss");
    world.pass(60);
    world.upstream.answer(200, &[("Vary", "Cookie")], "three");
    world.check("three", "refreshed");
    world.upstream.answer(500, &[], "");
    world.check_fails("it answered 500");
}

#[test]
fn h31_a_torn_entry_is_fetched_again() {
    let world = World::new("torn");
    world.upstream.answer(200, &[("Cache-Control", "max-age=60")], "one");
    world.check("one", "miss");
    for file in
        disk::files(&world.dir).unwrap().iter().filter(|file| file.path.extension().is_some_and(|e| e == "body"))
    {
        disk::write_private(&file.path, b"on").unwrap();
    }
    world.upstream.answer(200, &[("Cache-Control", "max-age=60")], "one");
    world.check("one", "miss");
    world.check("one", "fresh_hit");
}

#[test]
fn h27_redirects_are_judged_hop_by_hop() {
    let upstream = Arc::new(Upstream::default());
    let fetcher = Fetcher::new(Arc::clone(&upstream) as Arc<dyn Transport>, None, Clock::system())
        .naming(vec![HostPattern { host: "named.example".into(), port: None }]);
    upstream.answer(302, &[("Location", "/b")], "");
    upstream.answer(307, &[("Location", "https://other.example/c?x=1")], "");
    upstream.answer(308, &[("Location", "https://named.example/d")], "");
    upstream.answer(200, &[], "found");
    let location = Location::Remote(Url::parse("https://h/a").unwrap());
    let ask = Ask {
        location: &location,
        refresh: Refresh::default(),
        force: false,
        reach: Reach::Named,
        method: "explicit",
        head: false,
        deadline: Deadline::after(Duration::from_secs(60)),
    };
    let fetched = fetcher.fetch(&ask).unwrap();
    assert_eq!((fetched.url.as_str(), fetched.record.url.as_str()), ("https://named.example/d", "https://h/a"));
    let hops: Vec<_> = upstream.asked().into_iter().map(|(url, reach, _)| (url, reach)).collect();
    assert_eq!(
        hops,
        [
            ("https://h/a".to_owned(), Reach::Named),
            ("https://h/b".to_owned(), Reach::Named),
            ("https://other.example/c?x=1".to_owned(), Reach::PublicOnly),
            ("https://named.example/d".to_owned(), Reach::Named),
        ]
    );
}

#[test]
fn h27_redirects_never_lead_to_files_or_down() {
    for (to, words) in [
        ("file:///etc/passwd", "not http"),
        ("ftp://h/x", "no usable address"),
        ("http://h/d", "down to http"),
        ("https://u:p@h/", "no usable address"),
    ] {
        let world = World::new("wrong-hop");
        world.upstream.answer(302, &[("Location", to)], "");
        world.check_fails(words);
    }
    let world = World::new("loop");
    for _ in 0..=MAX_REDIRECTS {
        world.upstream.answer(302, &[("Location", "/d?key=k")], "");
    }
    world.check_fails("more than 5 redirects");
    let world = World::new("nowhere");
    world.upstream.answer(302, &[], "");
    world.check_fails("without a Location");
}

#[test]
fn validators_stay_with_the_url_that_gave_them() {
    let world = World::new("validators");
    world.upstream.answer(302, &[("Location", "/v1")], "");
    world.upstream.answer(200, &[("ETag", "\"1\"")], "one");
    world.check("one", "miss");
    world.upstream.answer(302, &[("Location", "/v2")], "");
    world.upstream.answer(200, &[("ETag", "\"1\"")], "two");
    world.check("two", "refreshed");
    let tags: Vec<_> = world.upstream.asked().into_iter().map(|(_, _, tag)| tag).collect();
    assert_eq!(tags, [None, None, None, None]);
    world.upstream.answer(302, &[("Location", "/v2")], "");
    world.upstream.answer(304, &[], "");
    world.check("two", "revalidated_hit");
}

#[test]
fn h27_forbidden_is_not_papered_over() {
    let world = World::new("forbidden");
    world.upstream.answer(200, &[], "one");
    world.check("one", "miss");
    world.upstream.fail(TransportErrorKind::Forbidden);
    world.check_fails("broken");
}

#[test]
fn files_are_read_within_bounds() {
    let world = World::new("files");
    let path = world.dir.join("d.json");
    disk::create_private_dir(&world.dir).unwrap();
    disk::write_private(&path, b"{}").unwrap();
    let fetch = |path: &Path| {
        let location = Location::File(path.to_owned());
        world.fetcher.fetch(&Ask {
            location: &location,
            refresh: Refresh::default(),
            force: false,
            reach: Reach::Named,
            method: "explicit",
            head: false,
            deadline: Deadline::after(Duration::from_secs(60)),
        })
    };
    let fetched = fetch(&path).unwrap();
    assert_eq!(fetched.url.to_file_path().unwrap(), path);
    assert_eq!((fetched.record.status_code, fetched.record.request_method.as_str()), (None, ""));
    for (path, words) in [("none.json", "does not exist"), ("", "is a directory")] {
        let error = fetch(&world.dir.join(path)).unwrap_err();
        assert!(error.message.contains(words), "{error}");
    }
    assert!(fetch(Path::new("/dev/zero")).unwrap_err().message.contains("not a regular file"));
}

#[test]
fn head_is_asked_and_kept_by_itself_and_links_come_back_from_the_cache() {
    let world = World::new("head");
    let location = Location::Remote(Url::parse("https://h/root").unwrap());
    let ask = Ask {
        location: &location,
        refresh: Refresh::default(),
        force: false,
        reach: Reach::Named,
        method: "rfc8631",
        head: true,
        deadline: Deadline::after(Duration::from_secs(60)),
    };
    let headers = [("Cache-Control", "max-age=60"), ("Link", "<d>; rel=service-desc"), ("Content-Type", "text/html")];
    world.upstream.answer(200, &headers, "");
    for outcome in ["miss", "fresh_hit"] {
        let fetched = world.fetcher.fetch(&ask).unwrap();
        assert_eq!((fetched.link.as_str(), fetched.content_type.as_str()), ("<d>; rel=service-desc", "text/html"));
        assert_eq!((fetched.record.cache_outcome.as_str(), fetched.record.request_method.as_str()), (outcome, "HEAD"));
    }
    world.upstream.answer(200, &[], "body");
    let fetched = world.fetcher.fetch(&Ask { head: false, ..ask }).unwrap();
    assert_eq!((fetched.bytes.as_slice(), fetched.record.request_method.as_str()), (&b"body"[..], "GET"));
}
