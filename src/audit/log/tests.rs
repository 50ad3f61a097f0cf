//! The audit file, one property at a time.

use super::super::chain::{Break, Verifier};
use super::super::event::EventType;
use super::*;
use crate::base::host;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::time::SystemTime;

fn scratch() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("open-cli-audit-{}", host::random_id().unwrap()));
    disk::create_private_dir(&dir).unwrap();
    dir.join("audit.log")
}

fn open(path: &Path) -> (Arc<AuditLog>, Opened) {
    let (log, opened) = AuditLog::open(path, Rotation::default(), Clock::from_fn(|| std::time::UNIX_EPOCH)).unwrap();
    (Arc::new(log), opened)
}

fn set_trust(log: &mut Arc<AuditLog>, trust: Duration) {
    Arc::get_mut(log).unwrap().trust = trust;
}

#[test]
fn h37_a_file_that_was_removed_or_cut_keeps_nothing_more() {
    let path = scratch();
    let (mut log, _) = open(&path);
    log.record(&started()).unwrap();
    assert!(log.promise(&started()).is_ok());
    disk::remove(&path).unwrap();
    set_trust(&mut log, Duration::ZERO);
    assert!(log.promise(&started()).is_err(), "a read is not begun either");
    assert!(matches!(log.record(&started()), Err(AuditError::Gone { .. })));
    let cut = scratch();
    let (log, _) = open(&cut);
    log.record(&started()).unwrap();
    disk::open_append(&cut).unwrap().set_len(3).unwrap();
    assert!(matches!(log.record(&started()), Err(AuditError::Gone { .. })));
}

fn started() -> Event {
    Event::new(EventType::RuntimeStart)
}

fn verify(path: &Path) -> (u64, Option<Break>) {
    let text = disk::read(path, 1 << 24).unwrap();
    let mut verifier = Verifier::default();
    for line in text.strip_suffix(b"\n").unwrap_or(&text).split(|byte| *byte == b'\n') {
        verifier.take(line);
    }
    let (head, broken) = verifier.finish();
    (head.seq, broken)
}

#[test]
fn the_chain_goes_on_over_restarts() {
    let path = scratch();
    for _ in 0..3 {
        let (log, opened) = open(&path);
        assert_eq!((opened.torn, opened.skipped), (None, 0));
        log.record(&started()).unwrap();
        log.record(&started()).unwrap();
    }
    assert_eq!(verify(&path), (6, None));
}

#[test]
fn h38_h39_the_file_is_private_and_has_one_writer() {
    let path = scratch();
    disk::open_append(&path).unwrap().set_permissions(PermissionsExt::from_mode(0o666)).unwrap();
    let (log, _) = open(&path);
    assert_eq!(disk::open(&path).unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(AuditLog::open(&path, Rotation::default(), Clock::system()), Err(AuditError::Locked { .. })));
    drop(log);
    open(&path);
}

#[test]
fn h37_a_torn_end_is_set_aside_and_the_chain_goes_on() {
    let path = scratch();
    open(&path).0.record(&started()).unwrap();
    disk::open_append(&path).unwrap().write_all(b"{\"timestamp\":\"20").unwrap();
    let (log, opened) = open(&path);
    let aside = opened.torn.unwrap();
    assert_eq!(disk::read(&aside, 99).unwrap(), b"{\"timestamp\":\"20");
    log.record(&started()).unwrap();
    assert_eq!(verify(&path), (2, None));
}

#[test]
fn h37_what_somebody_else_appends_costs_no_record() {
    for foreign in ["note", "note\n", "one\ntwo"] {
        let path = scratch();
        let (log, _) = open(&path);
        log.record(&started()).unwrap();
        disk::open_append(&path).unwrap().write_all(foreign.as_bytes()).unwrap();
        assert!(log.promise(&started()).is_ok(), "{foreign:?}");
        log.record(&started()).unwrap();
        log.record(&started()).unwrap();
        let text = String::from_utf8(disk::read(&path, 1 << 24).unwrap()).unwrap();
        let links: Vec<u64> =
            text.lines().filter_map(|line| chain::read_link(line.as_bytes())).map(|link| link.head.seq).collect();
        assert_eq!(links, [1, 2, 3], "{foreign:?}");
    }
}

#[test]
fn a_flush_waits_for_what_another_one_has_begun() {
    let path = scratch();
    let (asked, asks) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let clock = Clock::from_fn(move || {
        // Only the first one waits; all the others find the channel closed.
        asked.send(()).ok();
        lock(&may_go).recv().ok();
        SystemTime::UNIX_EPOCH
    });
    let log = Arc::new(AuditLog::open(&path, Rotation::default(), clock).unwrap().0);
    log.count(started());
    let flush = |name| {
        let log = Arc::clone(&log);
        host::spawn(name, move || log.flush().unwrap().seq).unwrap()
    };
    let first = flush("first");
    asks.recv().unwrap();
    let second = flush("second");
    for _ in 0..10_000 {
        if second.is_finished() {
            break;
        }
        std::thread::yield_now();
    }
    drop(go);
    assert_eq!((first.join().unwrap(), second.join().unwrap()), (1, 1));
}

#[test]
fn h37_what_a_failed_write_is_cut_back_to_holds_all_records() {
    let path = scratch();
    let (log, _) = open(&path);
    log.record(&started()).unwrap();
    disk::open_append(&path).unwrap().write_all(b"foreign\n").unwrap();
    log.record(&started()).unwrap();
    assert_eq!(lock(&log.end).length, disk::read(&path, 1 << 24).unwrap().len() as u64);
}

#[test]
fn after_a_panic_in_the_middle_of_writing_nothing_is_promised() {
    let (log, _) = open(&scratch());
    let panics = || log.commit(["no object".to_owned()], false);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    assert!(log.promise(&started()).is_err());
    assert!(matches!(log.record(&started()), Err(AuditError::Uncertain)));
    assert!(matches!(log.flush(), Err(AuditError::Uncertain)));
}

#[test]
fn h37_corrupt_lines_at_the_end_do_not_stop_the_log() {
    let path = scratch();
    open(&path).0.record(&started()).unwrap();
    let mut file = disk::open_append(&path).unwrap();
    file.write_all(&vec![b'x'; 300_000]).unwrap();
    file.write_all(b"\n{\"seq\":7}\n").unwrap();
    let (log, opened) = open(&path);
    assert_eq!(opened.skipped, 2);
    log.record(&started()).unwrap();
    let (seq, broken) = verify(&path);
    assert_eq!((seq, broken.unwrap().line), (2, 2));
}

#[test]
fn frequent_events_are_counted() {
    let path = scratch();
    let (log, _) = open(&path);
    let failure = |n: usize| Event { client_addr: Some(format!("127.0.0.{n}")), ..Event::new(EventType::AuthnFailure) };
    for n in 0..MAX_COALESCED * 4 {
        log.count(failure(n));
        log.count(failure(n));
    }
    assert_eq!(log.flush().unwrap().seq as usize, MAX_COALESCED + 1);
    let text = String::from_utf8(disk::read(&path, 1 << 24).unwrap()).unwrap();
    assert!(text.lines().next().unwrap().contains(&format!("\"count\":{}", MAX_COALESCED * 6)), "{text}");
    assert_eq!(verify(&path).1, None);
}

#[test]
fn strangers_do_not_crowd_out_the_names_of_callers() {
    let path = scratch();
    let (log, _) = open(&path);
    for n in 0..MAX_COALESCED * 2 {
        log.count(Event { client_addr: Some(format!("127.0.0.{n}")), ..Event::new(EventType::AuthnFailure) });
    }
    log.count(Event { principal: Some("ada".to_owned()), ..Event::new(EventType::AuthenticatedConnect) });
    log.flush().unwrap();
    let text = String::from_utf8(disk::read(&path, 1 << 24).unwrap()).unwrap();
    assert!(text.contains("\"principal\":\"ada\""), "{text}");
}

#[test]
fn many_threads_keep_one_chain() {
    let path = scratch();
    let (log, _) = open(&path);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| log.record(&started()).unwrap()));
        }
    });
    assert_eq!(verify(&path), (160, None));
}

#[test]
fn h37_a_record_that_cannot_be_kept_is_an_error() {
    let path = scratch();
    let (log, _) = open(&path);
    log.record(&started()).unwrap();
    // A descriptor that only reads stands for a disk that takes nothing.
    lock(&log.end).file = Arc::new(disk::open(&path).unwrap());
    assert!(matches!(log.record(&started()), Err(AuditError::Write(_))));
    assert_eq!(verify(&path), (1, None));
    assert!(matches!(
        AuditLog::open(Path::new("/dev/null"), Rotation::default(), Clock::system()),
        Err(AuditError::Open { .. })
    ));
}

/// A clock that says what it is told to.
fn told(seconds: u64) -> (Clock, Arc<Mutex<SystemTime>>) {
    let now = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)));
    let tells = Arc::clone(&now);
    (Clock::from_fn(move || *lock(&tells)), now)
}

fn files(path: &Path) -> Vec<u64> {
    segments::closed(path).unwrap().iter().map(|file| file.first).collect()
}

#[test]
fn a_file_that_is_large_enough_is_closed_and_the_chain_goes_on() {
    let path = scratch();
    let rotation = Rotation { file_bytes: 1, ..Rotation::default() };
    for round in 0..2 {
        let (log, opened) = AuditLog::open(&path, rotation, Clock::system()).unwrap();
        assert_eq!((opened.torn, opened.skipped), (None, 0));
        (0..3).for_each(|_| log.record(&started()).unwrap());
        assert_eq!(log.tend().len(), if round == 0 { 2 } else { 3 });
        assert!(log.tend().is_empty(), "each file is told of once");
    }
    assert_eq!(files(&path), [1, 2, 3, 4, 5]);
    let report = super::super::verify::verify(&path, None).unwrap();
    assert_eq!((report.files, report.records, report.broken), (6, 6, None));
}

#[test]
fn whoever_comes_while_another_file_takes_the_place_is_not_refused() {
    let path = scratch();
    let (log, _) = open(&path);
    log.record(&started()).unwrap();
    let before = *lock(&log.standing);
    log.try_close(&mut lock(&log.end)).unwrap();
    // As it is between the new name of the file and the note of it.
    *lock(&log.standing) = Standing { seen: None, ..before };
    assert!(log.promise(&started()).is_ok());
    disk::remove(&path).unwrap();
    assert!(matches!(log.promise(&started()), Err(AuditError::Gone { .. })));
}

#[test]
fn a_file_that_is_old_enough_is_closed_when_it_holds_something() {
    let path = scratch();
    let (clock, now) = told(1000);
    let rotation = Rotation { file_age: Some(Duration::from_secs(60)), ..Rotation::default() };
    let (log, _) = AuditLog::open(&path, rotation, clock).unwrap();
    let wait = |seconds| *lock(&now) += Duration::from_secs(seconds);
    wait(100);
    assert!(log.tend().is_empty(), "it is empty");
    log.record(&started()).unwrap();
    wait(59);
    assert!(log.tend().is_empty());
    wait(1);
    assert!(matches!(&log.tend()[..], [Upkeep::Closed(entry)] if entry.last_seq == 1));
    wait(100);
    assert!(log.tend().is_empty(), "the next one is empty again");
    assert_eq!(files(&path), [1]);
}

#[test]
fn closed_files_go_when_they_need_not_be_kept_and_the_chain_is_known_after_them() {
    let path = scratch();
    let (clock, now) = told(1000);
    let rotation = Rotation { file_bytes: 1, keep_for: Some(Duration::from_secs(60)), ..Rotation::default() };
    {
        let (log, _) = AuditLog::open(&path, rotation, clock.clone()).unwrap();
        for _ in 0..3 {
            log.record(&started()).unwrap();
            *lock(&now) += Duration::from_secs(40);
        }
        // The first record is 120 s old, the second 80, and the third one's file is not closed.
        assert_eq!(log.tend().len(), 4);
        assert_eq!(files(&path), [0; 0]);
        log.close().unwrap();
    }
    // Not even the file that is written is there any more.
    disk::remove(&path).unwrap();
    let (log, _) = AuditLog::open(&path, rotation, clock).unwrap();
    log.record(&started()).unwrap();
    assert_eq!(log.flush().unwrap().seq, 3, "it goes on from the manifest");
}

#[test]
fn a_crash_between_the_steps_of_closing_loses_nothing() {
    // The present file has its new name, and the next one is not in its place yet.
    let path = scratch();
    let (log, _) = open(&path);
    log.record(&started()).unwrap();
    // What comes before that when a file is closed, too.
    log.close().unwrap();
    drop(log);
    disk::rename(&path, &segments::closed_path(&path, 1)).unwrap();
    disk::write_private(&next_path(&path), b"").unwrap();
    let (log, _) = open(&path);
    log.record(&started()).unwrap();
    assert!(matches!(&log.tend()[..], [Upkeep::Closed(entry)] if (entry.first_seq, entry.last_seq) == (1, 1)));
    drop(log);
    // A file was to be removed, and its line says so already.
    let mut manifest = Manifest::read(&path).unwrap();
    let entry = Entry { event: Fate::Removed, ..manifest.entries[0].clone() };
    manifest.add(&path, SystemTime::UNIX_EPOCH, entry).unwrap();
    let (log, _) = open(&path);
    assert!(log.tend().is_empty());
    assert_eq!(files(&path), [0; 0]);
    let report = super::super::verify::verify(&path, None).unwrap();
    assert_eq!((report.first, report.records, report.broken), (2, 1, None));
}

#[test]
fn closed_files_are_not_read_through_again_and_again() {
    let path = scratch();
    let (clock, now) = told(1000);
    let (log, _) = AuditLog::open(&path, Rotation::default(), clock).unwrap();
    let strange = segments::closed_path(&path, 1);
    disk::write_private(&strange, b"no record\n").unwrap();
    // Once since it was opened, and once a minute.
    assert!(log.tend().is_empty() && log.tend().is_empty());
    let (mut line, mut head) = (String::new(), Head::default());
    chain::seal(&mut line, &rfc3339(SystemTime::UNIX_EPOCH), &started().to_json(), &mut head);
    disk::write_private(&strange, line.as_bytes()).unwrap();
    assert!(log.tend().is_empty(), "it was looked at a moment ago");
    *lock(&now) += Duration::from_secs(60);
    assert_eq!(log.tend().len(), 1);
}

#[test]
fn a_file_in_the_way_stops_no_record() {
    let path = scratch();
    let rotation = Rotation { file_bytes: 1, ..Rotation::default() };
    let (log, _) = AuditLog::open(&path, rotation, Clock::system()).unwrap();
    log.record(&started()).unwrap();
    disk::write_private(&segments::closed_path(&path, 1), b"").unwrap();
    log.record(&started()).unwrap();
    assert!(matches!(&log.tend()[..], [Upkeep::Failed(AuditError::Write(_)), ..]));
    assert_eq!(verify(&path), (2, None));
}

#[test]
fn what_others_write_at_the_same_moment_stands_on_its_own_line() {
    let path = scratch();
    let file = disk::open_append(&path).unwrap();
    (&file).write_all(b"x\n").unwrap();
    // The end was looked at before this came.
    (&file).write_all(b"foreign").unwrap();
    let end = put_behind(&file, 2, "one\ntwo\n").unwrap_or_else(|_| panic!("it was written"));
    let text = disk::read(&path, 99).unwrap();
    assert_eq!((String::from_utf8(text).unwrap().as_str(), end), ("x\nforeignone\ntwo\none\ntwo\n", 25));
}

#[test]
fn h37_a_file_that_is_cut_after_the_last_look_keeps_nothing_more() {
    let path = scratch();
    let (mut log, _) = open(&path);
    set_trust(&mut log, Duration::from_secs(3600));
    log.record(&started()).unwrap();
    let promise = log.promise(&started()).unwrap();
    disk::open_append(&path).unwrap().set_len(3).unwrap();
    assert!(matches!(promise.record(&started()), Err(AuditError::Write(_))), "no second look was taken");
    assert!(matches!(log.record(&started()), Err(AuditError::Uncertain)));
}

#[test]
fn h37_whoever_leaves_word_is_told_once_the_record_is_on_disk() {
    let path = scratch();
    let (log, _) = open(&path);
    let (told, tells) = mpsc::channel();
    let there = Arc::clone(&log);
    log.promise(&started()).unwrap().record_then(started(), move |event, kept| {
        told.send((event.event_type, kept.is_ok(), there.last())).unwrap();
    });
    assert_eq!(tells.recv().unwrap(), (EventType::RuntimeStart, true, 1));
    assert!(log.promise(&started()).is_ok(), "the room was given back");
    let promise = log.promise(&started()).unwrap();
    log.close().unwrap();
    let (told, tells) = mpsc::channel();
    promise.record_then(started(), move |_, kept| told.send(kept).unwrap());
    assert!(matches!(tells.recv().unwrap(), Err(AuditError::Closed)));
}

#[test]
fn nothing_is_kept_after_the_end() {
    let path = scratch();
    let (log, _) = open(&path);
    log.record(&started()).unwrap();
    assert_eq!(log.wait_beyond(0, Duration::ZERO), Some(true));
    assert_eq!(log.wait_beyond(1, Duration::ZERO), Some(false));
    log.end_following();
    assert_eq!(log.wait_beyond(0, Duration::from_secs(60)), None);
    assert_eq!(log.close().unwrap().seq, 1);
    assert!(matches!(log.record(&started()), Err(AuditError::Closed)));
    assert!(matches!(log.promise(&started()).err(), Some(AuditError::Closed)));
}
