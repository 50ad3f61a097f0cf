//! What a crash of the machine may leave, and what the next start makes of it.

use super::super::AuditError;
use super::super::chain::{Verifier, read_link};
use super::super::event::{Event, EventType};
use super::super::log::{AuditLog, Opened, Rotation};
use super::super::verify::{Broken, verify};
use super::*;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, UNIX_EPOCH};

fn scratch() -> PathBuf {
    let directory = std::env::temp_dir().join(format!("open-cli-journal-{}", host::random_id().unwrap()));
    disk::create_private_dir(&directory).unwrap();
    directory.join("audit.log")
}

fn try_open(log: &Path, rotation: Rotation) -> Result<(AuditLog, Opened), AuditError> {
    AuditLog::open_on(log, rotation, Clock::from_fn(|| UNIX_EPOCH), |_| false)
}

/// As [`crashed`], of another time.
fn crashed_at(after: Duration, records: usize) -> PathBuf {
    let path = scratch();
    let clock = Clock::from_fn(move || UNIX_EPOCH + after);
    record(&AuditLog::open_on(&path, Rotation::default(), clock, |_| false).unwrap().0, records);
    path
}

fn open(log: &Path) -> (AuditLog, Opened) {
    try_open(log, Rotation::default()).unwrap()
}

fn record(log: &AuditLog, times: usize) {
    (0..times).for_each(|_| log.record(&Event::new(EventType::RuntimeStart)).unwrap());
}

/// A trail of so many records, as a crash leaves it.
fn crashed(records: usize) -> PathBuf {
    let path = scratch();
    record(&open(&path).0, records);
    path
}

fn text(path: &Path) -> Vec<u8> {
    disk::read(path, 1 << 24).unwrap()
}

/// Where the lines of the frames that count begin in the file.
fn begins(log: &Path) -> Vec<usize> {
    let (journal, text) = (text(&path(log)), text(log));
    let place = |lines: &[u8]| text.windows(lines.len()).position(|piece| piece == lines).unwrap();
    frames(&journal).into_iter().map(place).collect()
}

/// The numbers of the sound records, if each follows the one before.
#[track_caller]
fn whole(log: &Path) -> usize {
    let text = text(log);
    let mut verifier = Verifier::default();
    let records = text.split(|byte| *byte == b'\n').filter(|line| read_link(line).is_some());
    let count = records.inspect(|line| verifier.take(line)).count();
    assert_eq!(verifier.finish().1, None);
    count
}

/// The same trail with its file as `damage` leaves it.
fn damaged(log: &Path, damage: impl FnOnce(Vec<u8>) -> Vec<u8>) -> PathBuf {
    let copy = scratch();
    disk::write_private(&path(&copy), &text(&path(log))).unwrap();
    disk::write_private(&copy, &damage(text(log))).unwrap();
    copy
}

#[test]
fn h37_whatever_of_the_file_a_crash_takes_no_record_is_missing() {
    let log = crashed(6);
    let (all, head) = (text(&log), verify(&log, None).unwrap().head);
    for from in (0..all.len()).step_by(41) {
        let cut = |mut text: Vec<u8>| {
            text.truncate(from);
            text
        };
        let emptied = |mut text: Vec<u8>| {
            text[from..].fill(0);
            text
        };
        let holed = |mut text: Vec<u8>| {
            let end = (from + 300).min(text.len());
            text[from..end].fill(0);
            text
        };
        for (how, copy) in
            [("cut", damaged(&log, cut)), ("emptied", damaged(&log, emptied)), ("holed", damaged(&log, holed))]
        {
            let report = verify(&copy, Some(&head)).unwrap();
            assert!(report.journaled > 0, "{how} from {from}: {report:?}");
            let is_told = report.broken.is_some() || (report.records + report.journaled, &report.head) == (6, &head);
            assert!(is_told && (how == "holed" || report.broken.is_none()), "{how} from {from}: {report:?}");
            let (opened_log, opened) = open(&copy);
            assert!(opened.put_back > 0 && opened.unfit.is_none(), "{how} from {from}: {opened:?}");
            assert_eq!(text(&copy), all, "{how} from {from}");
            record(&opened_log, 1);
            assert_eq!(whole(&copy), 7, "{how} from {from}");
            disk::remove(&copy).unwrap();
        }
    }
}

#[test]
fn a_check_counts_only_what_the_journal_has_beyond_the_files() {
    let log = crashed(6);
    let whole = verify(&log, None).unwrap();
    assert_eq!((whole.records, whole.journaled, whole.head.seq, &whole.broken), (6, 0, 6, &None));
    let first = text(&log).iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let cut = damaged(&log, |text| text[..first].to_vec());
    let other = Head { seq: 6, hash: "0".repeat(64) };
    assert_eq!(verify(&cut, Some(&other)).unwrap().broken, Some(Broken::Other { seq: 6 }));
    let beyond = Head { seq: 7, ..whole.head };
    assert_eq!(verify(&cut, Some(&beyond)).unwrap().broken, Some(Broken::Cut { last: 6 }));
    // Another trail's journal adds nothing.
    disk::write_private(&path(&cut), &text(&path(&crashed_at(Duration::from_secs(1), 6)))).unwrap();
    let report = verify(&cut, None).unwrap();
    assert_eq!((report.records, report.journaled, report.head.seq, report.broken), (1, 0, 1, None));
}

#[test]
fn what_a_crash_left_whole_stays_as_it_is() {
    let log = crashed(3);
    let (opened_log, opened) = open(&log);
    assert_eq!((opened.put_back, opened.replaced, opened.unfit, opened.torn), (0, None, None, None));
    record(&opened_log, 1);
    assert_eq!((whole(&log), begins(&log).len()), (4, 1), "the journal began anew");
}

#[test]
fn a_full_journal_begins_at_the_front_once_the_file_is_durable() {
    let log = crashed(SIZE / BLOCK + 20);
    let began = begins(&log);
    assert!(began.len() == 19 && began[0] > 0, "{} frames from {} on", began.len(), began[0]);
    let first = began[0];
    let lost = damaged(&log, |text| text[..first].to_vec());
    assert_eq!(open(&lost).1.put_back, 19);
    assert_eq!(text(&lost), text(&log));
}

#[test]
fn a_journal_that_a_stop_left_is_not_written_at_a_start() {
    let log = crashed(1);
    open(&log).0.close().unwrap();
    // Behind the front nothing counts, so that a mark there is left alone.
    let mut journal = text(&path(&log));
    assert!(journal.iter().all(|byte| *byte == b'\n'), "nothing is left of its records");
    journal[SIZE - 1] = b'x';
    disk::write_private(&path(&log), &journal).unwrap();
    let (opened, _) = open(&log);
    assert!(text(&path(&log)) == journal);
    record(&opened, 1);
    assert_eq!(begins(&log).len(), 1);
}

#[test]
fn lines_that_find_no_room_change_nothing() {
    let log = crashed(1);
    let (mut journal, before) = (Journal::open(&disk::open(&log).unwrap(), &log).unwrap().unwrap(), text(&path(&log)));
    assert!(!journal.put(&"x".repeat(SIZE)).unwrap());
    assert!(text(&path(&log)) == before);
    assert!(journal.put(&"x".repeat(SIZE / 2)).unwrap() && !journal.put(&"x".repeat(SIZE / 2)).unwrap());
    journal.begin_anew();
    assert!(journal.put("x\n").unwrap());
    assert_eq!(frames(&text(&path(&log))), [b"x\n"]);
}

#[test]
fn lines_of_others_do_not_hinder_and_are_kept() {
    let log = scratch();
    let (opened, _) = open(&log);
    record(&opened, 1);
    disk::open_append(&log).unwrap().write_all(b"a note\n").unwrap();
    record(&opened, 2);
    drop(opened);
    assert_eq!(open(&log).1.put_back, 0);
    assert!(String::from_utf8(text(&log)).unwrap().contains("a note\n"));
    let (lost, note) = (crashed(1), b"a longer note");
    let (opened, _) = open(&lost);
    record(&opened, 1);
    disk::open_append(&lost).unwrap().write_all(&[note.as_slice(), b"\n"].concat()).unwrap();
    record(&opened, 1);
    drop(opened);
    let text = text(&lost);
    let at = text.windows(note.len()).position(|piece| piece == note).unwrap();
    let torn = damaged(&lost, |text| text[..at + 4].to_vec());
    assert_eq!(open(&torn).1.put_back, 1);
    assert_eq!(whole(&torn), 3);
}

#[test]
fn a_trail_that_is_another_one_is_left_alone() {
    // As if somebody had removed it, put another one there, or cut off what was durable long ago.
    let (log, other) = (crashed(SIZE / BLOCK + 20), scratch());
    open(&other).0.record(&Event::new(EventType::RuntimeStop)).unwrap();
    let other = text(&other);
    for there in [Vec::new(), other.clone(), text(&log)[..200].to_vec()] {
        let copy = damaged(&log, |_| there.clone());
        let (_, opened) = open(&copy);
        let unfit = opened.unfit.unwrap();
        assert_eq!((opened.put_back, frames(&text(&unfit)).len()), (0, 19));
        assert!(there.starts_with(&text(&copy)));
    }
    let young = damaged(&crashed(3), |_| other);
    assert!(open(&young).1.unfit.is_some(), "its first records are not those of the journal");
}

/// What the next start makes of the trail that `damage` leaves: how many records it puts back, and how many are there then.
#[track_caller]
fn after(log: &Path, damage: impl FnOnce(String) -> String) -> (u64, usize) {
    let copy = damaged(log, |text| damage(String::from_utf8(text).unwrap()).into_bytes());
    let (_, opened) = open(&copy);
    assert_eq!(opened.unfit, None);
    (opened.put_back, whole(&copy))
}

#[test]
fn what_is_there_is_known_by_its_place_in_the_chain_not_in_the_file() {
    let log = scratch();
    let (opened, _) = open(&log);
    let note = |text: &str| disk::open_append(&log).unwrap().write_all(text.as_bytes()).unwrap();
    record(&opened, 2);
    drop(opened);
    note("first note\n");
    let (opened, _) = open(&log);
    record(&opened, 2);
    note("second note\n");
    record(&opened, 1);
    // Written, but the process ended before it was durable.
    let mut head = opened.flush().unwrap();
    drop(opened);
    let mut more = String::new();
    chain::seal(&mut more, "1970-01-01T00:00:00.000Z", "{\"eventType\":\"runtime_start\"}", &mut head);
    let without = |name: &'static str| move |text: String| text.replace(name, "");
    assert_eq!(after(&log, without("second note\n")), (0, 5), "somebody has tidied up");
    assert_eq!(after(&log, without("first note\n")), (0, 5));
    let until = |name: &'static str| move |text: String| text[..text.find(name).unwrap()].to_owned();
    assert_eq!(after(&log, until("first note")), (3, 5), "a note before the first frame is lost");
    assert_eq!(after(&log, until("t note")), (3, 5), "it is torn");
    assert_eq!(after(&log, until("second note")), (1, 5));
    assert_eq!(after(&log, |text| text + &more), (0, 6));
    let holed = |text: String| {
        let at = text.find("first note\n").unwrap() + 20;
        format!("{}{}{}{more}", &text[..at], "\0".repeat(100), &text[at + 100..])
    };
    assert_eq!(after(&log, holed), (3, 5));
}

#[test]
fn records_that_are_in_a_closed_file_are_not_put_back_once_more() {
    let log = crashed(3);
    disk::rename(&log, &segments::closed_path(&log, 1)).unwrap();
    let (opened_log, opened) = open(&log);
    assert_eq!((opened.put_back, opened.unfit, text(&log).len()), (0, None, 0));
    record(&opened_log, 1);
    assert_eq!(opened_log.flush().unwrap().seq, 4);
    // The first of them are in a closed file, as if its name alone had become durable.
    let log = crashed(5);
    let all = String::from_utf8(text(&log)).unwrap();
    let end = all.match_indices('\n').nth(2).unwrap().0 + 1;
    disk::write_private(&segments::closed_path(&log, 1), &all.as_bytes()[..end]).unwrap();
    disk::write_private(&log, b"").unwrap();
    assert_eq!((open(&log).1.put_back, text(&log)), (2, all.as_bytes()[end..].to_vec()));
}

#[test]
fn links_and_files_with_other_names_are_not_written_over() {
    let log = crashed(1);
    let elsewhere = log.with_file_name("elsewhere");
    disk::rename(&path(&log), &elsewhere).unwrap();
    let before = text(&elsewhere);
    std::os::unix::fs::symlink(&elsewhere, path(&log)).unwrap();
    record(&open(&log).0, 1);
    assert!(!disk::is_link(&path(&log)) && text(&elsewhere) == before);
    disk::rename(&path(&log), &elsewhere).unwrap();
    let before = text(&elsewhere);
    std::fs::hard_link(&elsewhere, path(&log)).unwrap();
    record(&open(&log).0, 1);
    assert!(text(&elsewhere) == before && begins(&log).len() == 1);
}

#[test]
fn a_removed_file_is_put_back_as_far_as_it_is_known() {
    let log = crashed(3);
    let all = text(&log);
    disk::remove(&log).unwrap();
    assert_eq!((open(&log).1.put_back, text(&log)), (3, all));
}

#[test]
fn nothing_counts_any_more_after_a_stop_or_in_another_file() {
    let log = scratch();
    let (opened, _) = open(&log);
    record(&opened, 2);
    opened.close().unwrap();
    assert_eq!(begins(&log), Vec::<usize>::new());
    drop(opened);
    let rotation = Rotation { file_bytes: 400, ..Rotation::default() };
    let (opened, _) = try_open(&log, rotation).unwrap();
    record(&opened, 3);
    drop(opened);
    assert_eq!(segments::closed(&log).unwrap().len(), 2);
    assert_eq!(begins(&log), [0], "of the file that is written");
    let (_, opened) = open(&log);
    assert_eq!((opened.put_back, opened.unfit), (0, None));
    // Renamed, and nothing written into the next one yet.
    let log = scratch();
    let (opened, _) = try_open(&log, Rotation { file_age: Some(Duration::ZERO), ..Rotation::default() }).unwrap();
    record(&opened, 1);
    opened.tend();
    drop(opened);
    let (_, opened) = open(&log);
    assert_eq!((opened.put_back, text(&log).len()), (0, 0));
}

/// A stop of a toolbox whose file somebody has changed meanwhile, and what the next start has put back.
#[track_caller]
fn stopped_after(change: impl FnOnce(&Path)) -> u64 {
    let log = scratch();
    let (opened, _) = open(&log);
    record(&opened, 6);
    let all = text(&log);
    change(&log);
    assert!(matches!(opened.close(), Err(AuditError::Gone { .. })), "it is told");
    drop(opened);
    let (_, opened) = open(&log);
    assert_eq!(text(&log), all);
    opened.put_back
}

#[test]
fn h37_a_stop_leaves_the_journal_alone_when_the_file_lacks_what_it_holds() {
    let cut = |by: u64| {
        move |log: &Path| disk::open_in_place(log).and_then(|file| file.set_len(file.metadata()?.len() - by)).unwrap()
    };
    assert_eq!((stopped_after(cut(1)), stopped_after(cut(300))), (1, 2));
    assert_eq!(stopped_after(|log| disk::rename(log, &log.with_extension("moved")).unwrap()), 6);
    let replaced = |log: &Path| {
        let text = text(log);
        disk::write_private(log, &text[..text.len() / 2]).unwrap();
    };
    assert_eq!(stopped_after(replaced), 3);
    let overwritten = |log: &Path| {
        let file = disk::open_in_place(log).unwrap();
        let length = file.metadata().unwrap().len();
        (&file).seek(SeekFrom::Start(length - 30)).unwrap();
        (&file).write_all(b"0").unwrap();
    };
    assert_eq!(stopped_after(overwritten), 1);
}

#[test]
fn a_check_of_a_broken_file_counts_what_a_start_would_put_back() {
    // Somebody else's line in the middle: nothing is missing.
    let log = scratch();
    let (opened, _) = open(&log);
    record(&opened, 2);
    (&disk::open_append(&log).unwrap()).write_all(b"foreign\n").unwrap();
    record(&opened, 2);
    let report = verify(&log, None).unwrap();
    assert!(report.broken.is_some() && report.journaled == 0, "{report:?}");
    // A record that was changed, of which the journal has a copy.
    drop(opened);
    let log = damaged(&crashed(6), |text| {
        String::from_utf8(text).unwrap().replacen("runtime_start", "runtime_stars", 1).into_bytes()
    });
    let report = verify(&log, None).unwrap();
    assert!(report.broken.is_some() && report.journaled == 1, "{report:?}");
    // All that is there is the journal.
    disk::remove(&log).unwrap();
    let report = verify(&log, None).unwrap();
    assert_eq!((report.records, report.journaled, report.head.seq, report.broken), (0, 6, 6, None));
}

#[test]
fn h37_without_a_journal_the_file_itself_is_durable() {
    let log = scratch();
    let (opened, _) = open(&log);
    record(&opened, 1);
    opened.break_journal_for_tests();
    record(&opened, 2);
    assert!(!disk::exists(&path(&log)), "what failed is gone");
    let told = opened.tend();
    assert!(matches!(&told[..], [super::super::Upkeep::Failed(_)]), "{told:?}");
    drop(opened);
    let (opened, _) = open(&log);
    record(&opened, 1);
    assert_eq!((whole(&log), begins(&log).len()), (4, 1), "the next start has one again");
    drop(opened);
    let (opened, _) = try_open(&log, Rotation { file_age: Some(Duration::ZERO), ..Rotation::default() }).unwrap();
    record(&opened, 1);
    opened.break_journal_for_tests();
    assert!(opened.tend().iter().all(|done| matches!(done, super::super::Upkeep::Closed(_))));
    record(&opened, 2);
    assert_eq!(begins(&log).len(), 2, "another file has one again");
}

#[test]
fn h38_it_is_private_and_one_that_is_no_file_stops_the_start() {
    let log = crashed(1);
    disk::open(&path(&log)).unwrap().set_permissions(PermissionsExt::from_mode(0o666)).unwrap();
    open(&log);
    assert_eq!(disk::open(&path(&log)).unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    disk::remove(&path(&log)).unwrap();
    disk::create_private_dir(&path(&log)).unwrap();
    let error = try_open(&log, Rotation::default()).unwrap_err();
    assert!(error.to_string().contains("audit.log.journal"), "{error}");
}

#[test]
fn frames_count_until_the_first_that_is_not_whole_or_of_another_round() {
    let (mut journal, mut frame) = (Vec::new(), Vec::new());
    for (round, lines) in [("a-0", "one\n"), ("a-0", "two\n"), ("b-0", "old\n")] {
        seal(round, lines, &mut frame);
        journal.extend_from_slice(&frame);
    }
    let expected = [b"one\n", b"two\n"];
    assert_eq!(frames(&journal), expected);
    let length = journal.windows(5).position(|piece| piece == b"\none\n").unwrap() + 5;
    for at in (0..length).chain(BLOCK..BLOCK + length) {
        let mut changed = journal.clone();
        changed[at] ^= 1;
        assert_eq!(frames(&changed), expected[..at / BLOCK], "byte {at}");
        assert_eq!(frames(&journal[..at]), expected[..at / BLOCK], "{at} bytes");
    }
    seal("a-0", &"x".repeat(3 * BLOCK), &mut frame);
    assert_eq!((frame.len(), frames(&frame).len()), (4 * BLOCK, 1));
}
