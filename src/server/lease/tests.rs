//! The table of leases, by tables.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::*;
use crate::access::tests::token as scoped;
use crate::access::{Caller, PrincipalKind};
use crate::oauth::scope::Scopes;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn named(name: &str) -> Principal {
    Principal::Token(Arc::new(Caller {
        kind: PrincipalKind::Subject,
        issuer: "https://issuer.example".to_owned(),
        value: name.to_owned(),
        scopes: Scopes::default(),
        lineage: None,
    }))
}

fn beat<'a>(id: &'a str, principal: &'a Principal) -> Beat<'a> {
    Beat { id, fingerprint: None, principal, token: None, may_stop: *principal == Principal::Anonymous }
}

/// Ten seconds a heartbeat, two of which may be missed.
fn terms(share: Share, shutdown: Shutdown) -> Terms {
    Terms { heartbeat_seconds: 10, missed_heartbeat_limit: 2, share, shutdown, ..Terms::default() }
}

fn group() -> Leases {
    Leases::new(terms(Share::Group, Shutdown::Manual))
}

fn ids(ended: &[Ended]) -> Vec<&str> {
    ended.iter().map(|ended| ended.id.as_str()).collect()
}

#[track_caller]
fn check_text(given: &str, expected: Option<&str>) {
    assert_eq!(text(given), expected, "{given:?}");
}

#[test]
fn session_ids_are_short_and_printable() {
    check_text("terminal:pts-12", Some("terminal:pts-12"));
    check_text("  a b ", Some("a b"));
    let (longest, longer) = ("x".repeat(128), "x".repeat(129));
    check_text(&longest, Some(&longest));
    for wrong in ["", " ", "a\n", "\u{1b}[2J", "ü", "a\tb", &longer] {
        check_text(wrong, None);
    }
}

/// What a heartbeat of `id` by `who` gets from a runtime that `first` of ada holds.
#[track_caller]
fn check_attach(share: Share, id: &str, who: &str, expected: &Result<(), Refusal>) {
    let mut leases = Leases::new(terms(share, Shutdown::Manual));
    let (ada, other) = (named("ada"), named(who));
    leases.renew(&beat("first", &ada), at(0)).unwrap();
    assert_eq!(leases.renew(&beat(id, &other), at(1)).map(drop), *expected, "{share:?} {id} {who}");
}

#[test]
fn h10_a_lease_is_renewed_by_its_principal_alone() {
    check_attach(Share::Group, "first", "ada", &Ok(()));
    check_attach(Share::Group, "second", "ada", &Ok(()));
    check_attach(Share::Group, "second", "eve", &Ok(()));
    check_attach(Share::Group, "first", "eve", &Err(Refusal::Foreign));
    check_attach(Share::Exclusive, "first", "ada", &Ok(()));
    check_attach(Share::Exclusive, "second", "ada", &Err(Refusal::Held(Some("first".to_owned()))));
    check_attach(Share::Exclusive, "second", "eve", &Err(Refusal::Held(None)));
    check_attach(Share::Exclusive, "first", "eve", &Err(Refusal::Foreign));
}

#[test]
fn a_wrong_fingerprint_does_not_attach() {
    let with = |expected: &str, given: Option<&str>| {
        let terms = Terms { config_fingerprint: expected.to_owned(), ..Terms::default() };
        let beat = Beat { fingerprint: given, ..beat("s", &Principal::Anonymous) };
        Leases::new(terms).renew(&beat, at(0)).map(drop)
    };
    assert_eq!(with("f1", Some("f1")), Ok(()));
    assert_eq!(with("f1", None), Ok(()));
    assert_eq!(with("", Some("f2")), Ok(()));
    assert_eq!(with("f1", Some("f2")), Err(Refusal::Mismatch));
}

#[test]
fn a_lease_lives_as_long_as_its_heartbeats_allow() {
    let (ada, mut leases) = (named("ada"), group());
    leases.renew(&beat("a", &ada), at(0)).unwrap();
    leases.renew(&beat("b", &ada), at(5)).unwrap();
    leases.renew(&beat("a", &ada), at(15)).unwrap();
    assert_eq!(ids(&leases.expire(at(24), None)), Vec::<&str>::new());
    assert_eq!(ids(&leases.expire(at(25), None)), ["b"]);
    assert_eq!(leases.count(), 1);
    let ended = leases.expire(at(35), None);
    assert_eq!((ids(&ended), ended[0].last), (vec!["a"], false));
    assert_eq!(ended[0].principal, ada);
}

#[test]
fn a_late_heartbeat_renews_what_nobody_has_ended_yet() {
    let (ada, eve, mut leases) = (named("ada"), named("eve"), group());
    leases.renew(&beat("a", &ada), at(0)).unwrap();
    leases.renew(&beat("b", &ada), at(0)).unwrap();
    assert_eq!(ids(&leases.expire(at(60), Some(&beat("a", &ada)))), ["b"]);
    leases.renew(&beat("a", &ada), at(60)).unwrap();
    // To anybody else the time is up.
    assert_eq!(ids(&leases.expire(at(120), Some(&beat("a", &eve)))), ["a"]);
    assert_eq!(leases.renew(&beat("a", &eve), at(120)), Ok(vec![]));
}

#[test]
fn there_is_a_bound_for_each_principal_and_for_all() {
    let mut leases = group();
    let open = |leases: &mut Leases, who: usize, n: usize| {
        let principal = named(&format!("p{who}"));
        leases.renew(&beat(&format!("{who}-{n}"), &principal), at(0)).map(drop)
    };
    for who in 0..MOST / MOST_OF_ONE {
        for n in 0..MOST_OF_ONE {
            assert_eq!(open(&mut leases, who, n), Ok(()));
        }
    }
    assert_eq!(open(&mut leases, 0, MOST_OF_ONE), Err(Refusal::TooMany));
    assert_eq!(open(&mut leases, 99, 0), Err(Refusal::Full));
    assert_eq!(open(&mut leases, 0, 0), Ok(()), "those that are there are renewed");
    leases.end("0-1", None).unwrap();
    assert_eq!(open(&mut leases, 99, 0), Ok(()));
}

#[track_caller]
fn check_close(id: Option<&str>, who: &str, may_stop: bool, expected: Result<Option<&str>, Refusal>) {
    let (ada, eve, mut leases) = (named("ada"), named("eve"), group());
    for (id, principal) in [("a1", &ada), ("a2", &ada), ("e1", &eve)] {
        leases.renew(&beat(id, principal), at(0)).unwrap();
    }
    let expected = expected.map(|id| id.map(str::to_owned));
    assert_eq!(leases.to_close(id, &named(who), may_stop), expected, "{id:?} {who} {may_stop}");
}

#[test]
fn h10_a_session_is_closed_by_its_principal_or_an_admin() {
    check_close(Some("a1"), "ada", false, Ok(Some("a1")));
    check_close(Some("a1"), "eve", false, Err(Refusal::Foreign));
    check_close(Some("a1"), "eve", true, Ok(Some("a1")));
    check_close(Some("none"), "eve", false, Ok(None));
    check_close(None, "eve", false, Ok(Some("e1")));
    check_close(None, "eve", true, Ok(Some("e1")));
    check_close(None, "ada", false, Err(Refusal::Several));
    check_close(None, "bob", true, Ok(None));
}

#[test]
fn h10_a_session_takes_its_own_tokens_along_and_no_others() {
    let (ada, eve, mut leases) = (named("ada"), named("eve"), group());
    let with = |id, principal, n: u8| Beat { token: Some([n; 32]), ..beat(id, principal) };
    for beat in [with("a1", &ada, 1), with("a1", &ada, 2), with("a2", &ada, 2), with("e", &eve, 3)] {
        assert_eq!(leases.renew(&beat, at(0)), Ok(vec![]));
    }
    // The token 2 is one of `a2`, too.
    assert_eq!(leases.end("a1", Some((&ada, [4; 32]))).unwrap().tokens, [[1; 32], [4; 32]]);
    // An admin's own token is none of the session's.
    assert_eq!(leases.end("a2", Some((&eve, [9; 32]))).unwrap().tokens, [[2; 32]]);
    assert_eq!(leases.expire(at(60), None)[0].tokens, [[3; 32]]);
    assert_eq!(leases.end("a1", None), None);
}

#[test]
fn h10_tokens_of_a_session_are_bounded() {
    let (ada, mut leases) = (named("ada"), group());
    let mut forgotten = Vec::new();
    let most = u8::try_from(MOST_TOKENS).unwrap();
    for n in 0..most + 2 {
        // The first one is used all the time.
        for n in [n, 0] {
            forgotten.extend(leases.renew(&Beat { token: Some([n; 32]), ..beat("a", &ada) }, at(0)).unwrap());
        }
    }
    assert_eq!(forgotten, [[1; 32], [2; 32]]);
    assert_eq!(leases.end("a", None).unwrap().tokens.len(), MOST_TOKENS);
}

/// Heartbeats `+id`, ends `-id`, or lets the time of all run out `*`; `admin` may stop the runtime, others may not. Gives what was
/// last when the runtime ended.
#[track_caller]
fn check_shutdown(shutdown: Shutdown, steps: &[&str], expected: Option<&str>) {
    let mut leases = Leases::new(terms(Share::Group, shutdown));
    let mut last = None;
    for step in steps {
        let id = &step[1..];
        let principal = named(id);
        let ended: Vec<Ended> = match &step[..1] {
            "+" => {
                let beat = Beat { may_stop: id.starts_with("admin"), ..beat(id, &principal) };
                assert_eq!(leases.renew(&beat, at(0)).map(drop).err(), last.as_ref().map(|_| Refusal::Over));
                vec![]
            }
            "-" => leases.end(id, None).into_iter().collect(),
            _ => leases.expire(at(100), None),
        };
        last = last.or(ended.into_iter().find(|ended| ended.last).map(|ended| ended.id));
    }
    assert_eq!(last.as_deref(), expected, "{shutdown:?} {steps:?}");
}

#[test]
fn h10_the_runtime_ends_with_the_last_session_of_one_it_had_an_owner_in() {
    use Shutdown::{Manual, WhenOwnerExits};
    check_shutdown(WhenOwnerExits, &["*"], None);
    check_shutdown(WhenOwnerExits, &["+admin", "-admin"], Some("admin"));
    check_shutdown(WhenOwnerExits, &["+admin", "*"], Some("admin"));
    check_shutdown(WhenOwnerExits, &["+admin", "-admin", "+admin"], Some("admin"));
    check_shutdown(WhenOwnerExits, &["+admin", "+ada", "-admin"], None);
    check_shutdown(WhenOwnerExits, &["+admin", "+ada", "-admin", "-ada"], Some("ada"));
    check_shutdown(WhenOwnerExits, &["+admin1", "+admin2", "*"], Some("admin2"));
    // Who may not stop the runtime does not stop it by coming and going.
    check_shutdown(WhenOwnerExits, &["+ada", "-ada"], None);
    check_shutdown(WhenOwnerExits, &["+ada", "*", "+ada", "+admin", "-ada", "-admin"], Some("admin"));
    check_shutdown(Manual, &["+admin", "-admin"], None);
}

#[test]
fn without_runtime_auth_everybody_is_one_principal() {
    let mut leases = Leases::new(terms(Share::Exclusive, Shutdown::WhenOwnerExits));
    leases.renew(&beat("a", &Principal::Anonymous), at(0)).unwrap();
    assert_eq!(leases.renew(&beat("b", &scoped(&[])), at(0)), Err(Refusal::Held(None)));
    let held = Err(Refusal::Held(Some("a".to_owned())));
    assert_eq!(leases.renew(&beat("b", &Principal::Anonymous), at(0)), held);
    assert!(leases.end("a", None).unwrap().last);
}
