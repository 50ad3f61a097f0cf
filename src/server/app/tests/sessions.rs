//! Heartbeats and their end: who may attach, who may close, what is forgotten, and when the runtime stops (H10).

use std::sync::atomic::{AtomicU64, Ordering};

use super::tokens::remembering;
use super::*;
use crate::server::lease::{Share, Shutdown, Terms};
use crate::server::sessions;

/// Ten seconds a heartbeat, of which two may be missed; the clock is the caller's.
fn attach(world: &mut World, share: Share, shutdown: Shutdown) -> Arc<AtomicU64> {
    let clock = Arc::new(AtomicU64::new(0));
    let seconds = Arc::clone(&clock);
    let now = Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::SeqCst)));
    let terms = Terms { heartbeat_seconds: 10, missed_heartbeat_limit: 2, share, shutdown, ..Terms::default() };
    world.app_mut().sessions = Sessions::new(Some(terms), now);
    clock
}

fn open() -> World {
    let mut world = World::new();
    attach(&mut world, Share::Group, Shutdown::Manual);
    world
}

impl World {
    fn beat(&self, id: &str) -> Reply {
        self.ask("POST", path::HEARTBEAT, &[], &json!({ "sessionId": id }).to_string())
    }

    fn beat_as(&self, token: &str, id: &str) -> Reply {
        self.as_token(token, "POST", path::HEARTBEAT, &json!({ "sessionId": id }).to_string())
    }

    fn close_as(&self, token: &str, id: &str) -> Reply {
        self.as_token(token, "POST", path::SESSION_CLOSE, &json!({ "sessionId": id }).to_string())
    }

    fn stops(&self) -> bool {
        self.orders.try_recv() == Ok(Order::Stop)
    }
}

#[track_caller]
fn closed(reply: &Reply, closed: bool, active: usize) {
    assert_eq!(reply.json(), json!({"closed": closed, "activeSessions": active}));
}

#[test]
fn heartbeats_open_and_renew_sessions() {
    let world = open();
    let answer = |id: &str, active: usize| json!({"renewed": true, "sessionId": id, "activeSessions": active});
    for (id, active) in [("a", 1), ("a", 1), ("b", 2)] {
        assert_eq!(world.beat(id).json(), answer(id, active));
    }
    assert_eq!(world.beat(" terminal:pts 1 ").json(), answer("terminal:pts 1", 3));
    closed(&world.ask("POST", path::SESSION_CLOSE, &[], r#"{"sessionId":"a"}"#), true, 2);
    closed(&world.ask("POST", path::SESSION_CLOSE, &[], r#"{"sessionId":"a"}"#), false, 2);
    let closes = world.whole_records();
    let seen: Vec<_> = closes.iter().map(|record| (&record["eventType"], &record["sessionId"])).collect();
    assert_eq!(seen, [(&json!("session_close"), &json!("a"))]);
}

#[test]
fn what_is_no_heartbeat_is_refused() {
    let world = open();
    let long = format!(r#"{{"sessionId":"{}"}}"#, "x".repeat(129));
    for body in
        ["", "{}", "[]", r#"{"sessionId":""}"#, r#"{"sessionId":"\n"}"#, r#"{"sessionId":"a","x":1}"#, long.as_str()]
    {
        world.ask("POST", path::HEARTBEAT, &[], body).is(400, "bad_request");
    }
    world
        .ask("POST", path::HEARTBEAT, &[], r#"{"sessionId":"a","configPath":"/etc/passwd"}"#)
        .is(409, "runtime_attach_mismatch");
    assert_eq!(world.ask("GET", path::HEARTBEAT, &[], "").status, 405);
    assert_eq!(world.app.sessions.count(), 0);
    world.ask("POST", path::SESSION_CLOSE, &[], r#"{"sessionId":"\t"}"#).is(400, "bad_request");
}

#[test]
fn a_close_without_an_id_means_the_only_session() {
    let world = open();
    for body in ["", "{}", r#"{"sessionId":""}"#, r#"{"sessionId":null}"#] {
        closed(&world.ask("POST", path::SESSION_CLOSE, &[], body), false, 0);
        world.beat("a").json();
        closed(&world.ask("POST", path::SESSION_CLOSE, &[], body), true, 0);
    }
    world.beat("a").json();
    world.beat("b").json();
    world.ask("POST", path::SESSION_CLOSE, &[], "{}").is(400, "bad_request");
    assert_eq!(world.app.sessions.count(), 2);
}

#[test]
fn an_exclusive_runtime_has_one_session() {
    let mut world = World::new();
    let clock = attach(&mut world, Share::Exclusive, Shutdown::Manual);
    world.beat("a").json();
    world.beat("b").is(409, "runtime_attach_conflict");
    clock.store(20, Ordering::SeqCst);
    assert_eq!(world.beat("b").json()["activeSessions"], 1, "the lease of the other one has run out");
    let expired = world.whole_records().pop().unwrap();
    assert_eq!(
        (&expired["eventType"], &expired["sessionId"], &expired["reasonCode"]),
        (&json!("session_expiry"), &json!("a"), &json!("missed_heartbeats"))
    );
}

#[test]
fn a_wrong_config_fingerprint_is_a_mismatch() {
    let mut world = World::new();
    let terms = Terms { config_fingerprint: "sha256:1".to_owned(), ..Terms::default() };
    world.app_mut().sessions = Sessions::new(Some(terms), Clock::steady());
    let beat = |more: &str| world.ask("POST", path::HEARTBEAT, &[], &format!(r#"{{"sessionId":"a"{more}}}"#));
    beat(r#","configFingerprint":"sha256:2""#).is(409, "runtime_attach_mismatch");
    for good in ["", r#","configFingerprint":"""#, r#","configFingerprint":"sha256:1""#] {
        assert_eq!(beat(good).status, 200, "{good}");
    }
}

#[test]
fn the_handshake_tells_of_leases_when_there_are_lease_flags() {
    let world = World::new();
    world.beat("a").json();
    assert!(world.get(path::INFO).json().get("lifecycle").is_none());
    let mut world = World::new();
    attach(&mut world, Share::Exclusive, Shutdown::WhenOwnerExits);
    world.beat("a").json();
    let expected = json!({
        "capabilities": ["heartbeat", "session-close"], "heartbeatSeconds": 10, "missedHeartbeatLimit": 2,
        "shutdown": "when-owner-exits", "sessionScope": "", "shareMode": "exclusive", "shareKeyPresent": false,
        "configFingerprint": "", "activeSessions": 1,
    });
    assert_eq!(world.get(path::INFO).json()["lifecycle"], expected);
}

#[test]
fn h10_sessions_belong_to_their_principal() {
    let (mut world, _) = remembering(config(), Duration::ZERO);
    attach(&mut world, Share::Group, Shutdown::Manual);
    assert_eq!(world.beat_as("ada.openid", "s").status, 200);
    assert_eq!(world.beat_as("ada.bundle~api", "s").status, 200, "another token of the same principal");
    world.beat_as("eve.openid", "s").is(409, "runtime_attach_conflict");
    world.close_as("eve.openid", "s").is(403, "authz_denied");
    let last = |event: &str| world.whole_records().into_iter().rfind(|record| record["eventType"] == event).unwrap();
    let denial = last("authz_denial");
    assert_eq!((&denial["principal"], &denial["sessionId"]), (&json!("eve"), &json!("s")));
    closed(&world.as_token("eve.openid", "POST", path::SESSION_CLOSE, ""), false, 1);
    closed(&world.close_as("root.runtime~admin", "s"), true, 0);
    let close = last("session_close");
    assert_eq!((&close["principal"], &close["sessionId"]), (&json!("root"), &json!("s")));
}

/// How many questions to the issuer it takes to let these tokens in once more.
fn asked(world: &World, issuer: &tokens::Issuer, tokens: &[&str]) -> usize {
    let before = *issuer.0.lock().unwrap();
    for token in tokens {
        assert_eq!(world.as_token(token, "GET", path::INFO, "").status, 200);
    }
    *issuer.0.lock().unwrap() - before
}

#[test]
fn h10_a_close_forgets_the_tokens_of_that_session_alone() {
    let (mut world, issuer) = remembering(config(), Duration::from_secs(600));
    let clock = attach(&mut world, Share::Group, Shutdown::Manual);
    let (one, two, others) = ("ada.openid", "ada.bundle~api", ["ada.profile~readers", "eve.openid", "bob.openid"]);
    for (token, id) in [(one, "s"), (two, "s"), (others[0], "t"), (others[1], "u")] {
        world.beat_as(token, id).json();
    }
    assert_eq!(asked(&world, &issuer, &others), 1, "bob is new");
    closed(&world.close_as(two, "s"), true, 2);
    assert_eq!(asked(&world, &issuer, &others), 0, "nobody else's");
    assert_eq!(asked(&world, &issuer, &[one, two]), 2);
    closed(&world.close_as("root.runtime~admin", "u"), true, 1);
    assert_eq!(
        asked(&world, &issuer, &["root.runtime~admin", others[0]]),
        0,
        "the admin's own token is not the session's"
    );
    assert_eq!(asked(&world, &issuer, &[others[1]]), 1);
    clock.store(20, Ordering::SeqCst);
    sessions::tend(&world.app);
    assert_eq!(asked(&world, &issuer, &[others[0], others[1], others[2]]), 1, "a session that ran out forgets as much");
}

#[test]
fn when_the_owner_exits_the_runtime_stops() {
    let mut world = World::new();
    let clock = attach(&mut world, Share::Group, Shutdown::WhenOwnerExits);
    clock.store(1_000_000, Ordering::SeqCst);
    sessions::tend(&world.app);
    assert!(!world.stops(), "nobody has attached yet");
    world.beat("a").json();
    world.beat("b").json();
    closed(&world.ask("POST", path::SESSION_CLOSE, &[], r#"{"sessionId":"a"}"#), true, 1);
    assert!(!world.stops());
    clock.store(1_000_020, Ordering::SeqCst);
    sessions::tend(&world.app);
    assert!(world.stops());
    world.beat("a").is(409, "runtime_attach_conflict");
    let records = world.records();
    let end = &records[records.len() - 2..];
    assert_eq!(end[0], ("session_expiry".to_owned(), "missed_heartbeats".to_owned()));
    assert_eq!(end[1], ("runtime_stop".to_owned(), "owner_exited".to_owned()));
}

#[test]
fn h10_who_may_not_stop_the_runtime_does_not_stop_it_by_leaving() {
    let (mut world, _) = remembering(config(), Duration::ZERO);
    let clock = attach(&mut world, Share::Group, Shutdown::WhenOwnerExits);
    world.beat_as("eve.openid", "e").json();
    closed(&world.close_as("eve.openid", "e"), true, 0);
    world.beat_as("eve.openid", "e").json();
    clock.store(20, Ordering::SeqCst);
    sessions::tend(&world.app);
    assert!(!world.stops());
    world.beat_as("ada.runtime~admin", "a").json();
    closed(&world.close_as("ada.runtime~admin", "a"), true, 0);
    assert!(world.stops());
}
