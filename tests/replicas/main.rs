//! Three toolboxes with one configuration behind nginx, as `examples/replicas` sets them up, under load.
//!
//! The tests read the example's `nginx.conf` and change nothing in it but addresses and TLS. `scripts/integration/replicas.sh` runs them.
//! They need nginx; where it is missing they fail and say so. No test sleeps: they ask again until something is so.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests that start processes and read their files")]

#[path = "../it/program.rs"]
#[expect(dead_code, reason = "shared with tests/it, which uses all of it")]
mod program;
#[path = "../it/ran.rs"]
#[expect(dead_code, reason = "shared with tests/it, which uses all of it")]
mod ran;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "shared with tests/it, which uses all of it")]
mod world;

mod api;
mod load;
mod nginx;
mod scene;

use std::collections::BTreeSet;

use crate::load::Load;
use crate::program::eventually;
use crate::scene::{REPLICAS, Scene};

const CLIENTS: usize = 12;

#[test]
fn h21_killing_one_loses_what_was_in_flight_there_and_repeats_nothing() {
    let mut scene = Scene::start();
    let load = Load::begin(CLIENTS, &scene.entrance());
    load.until_more(CLIENTS * 10);

    // Now every client has one call in flight, and the audit trails tell where.
    scene.api.hold();
    eventually("all calls are held", || (scene.api.held() == CLIENTS).then_some(()));
    let in_flight: Vec<BTreeSet<String>> = (0..REPLICAS).map(|which| scene.unfinished(which)).collect();
    assert_eq!(in_flight.iter().map(BTreeSet::len).sum::<usize>(), CLIENTS);
    let victim = (0..REPLICAS).max_by_key(|which| in_flight[*which].len()).unwrap();
    scene.kill(victim);
    load.until_failed(in_flight[victim].len());
    scene.api.let_go();

    // The other two serve on, and the third joins them again.
    load.until_more(CLIENTS * 20);
    scene.start_replica(victim);
    let before = scene.records(victim);
    eventually("the third is used again", || (scene.records(victim) > before).then_some(()));

    let calls = load.end();
    let wrong: Vec<_> = calls.iter().filter(|call| call.status != 502 && !call.is_right()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let lost: BTreeSet<String> = calls.iter().filter(|call| call.status == 502).map(|call| call.id.clone()).collect();
    // A client that lost its call sends the next one at once, and that may still meet the dying process.
    let late: BTreeSet<String> = lost.difference(&in_flight[victim]).cloned().collect();
    assert_eq!(lost.len(), in_flight[victim].len() + late.len(), "all that was in flight there is lost");
    assert_eq!(lost, scene.nginx.failed_at(scene.address(victim)), "nothing else is, and nothing went on to another");
    let ran = calls.iter().map(|call| call.id.clone()).filter(|id| !late.contains(id)).collect();
    scene.api.ran_each_once(&ran);
    println!("{} calls, {} lost, {} of them sent to the dying process", calls.len(), lost.len(), late.len());
}

#[test]
fn a_rolling_restart_loses_nothing() {
    let mut scene = Scene::start();
    let load = Load::begin(CLIENTS, &scene.entrance());
    load.until_more(CLIENTS * 10);
    for which in 0..REPLICAS {
        scene.stop(which);
        scene.start_replica(which);
        let before = scene.records(which);
        eventually("it is used again", || (scene.records(which) > before).then_some(()));
    }
    load.until_more(CLIENTS * 10);
    let calls = load.end();
    let wrong: Vec<_> = calls.iter().filter(|call| !call.is_right()).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:?}\n{}", wrong.len(), calls.len(), scene.nginx.errors());
    let all: BTreeSet<String> = calls.iter().map(|call| call.id.clone()).collect();
    scene.api.ran_each_once(&all);
    println!("{} calls, none lost", calls.len());
}

#[test]
fn a_client_keeps_its_catalog_and_hears_events_as_they_come() {
    let scene = Scene::start();
    let catalog = format!("{}/v1/catalog/effective", scene.entrance());
    let tag = scene.world.http("GET", &catalog, &[], "").headers.get("ETag").unwrap().to_owned();
    for _ in 0..2 * REPLICAS {
        assert_eq!(scene.world.http("GET", &catalog, &[("If-None-Match", &tag)], "").status, 304);
    }

    let mut events = scene.follow();
    for call in 0..REPLICAS {
        scene.call(&format!("told-{call}"));
    }
    // One of three calls in turn went where the events come from.
    let told = events.until("tool_execution");
    assert!(told.contains("\"requestId\":\"told-"), "{told}");

    for (method, path, status) in [("GET", "/metrics", 404), ("POST", "/v1/runtime/stop", 403)] {
        assert_eq!(scene.world.http(method, &format!("{}{path}", scene.entrance()), &[], "").status, status, "{path}");
    }
}
