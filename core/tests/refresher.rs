//! A refresher keeps what is in use fresh ahead of demand, shares the work with others, and gives way to 429s, dead
//! grants and failing stores.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

mod common;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use common::{
    OWNER, REDIRECT, World,
    stores::{Failing, OtherProcess},
};
use orgconnect::{AuthorizationRequest, Client, ConnectionState, ErrorKind, MemoryStore, TokenStore};
use orgconnect_sandbox::Fault;

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Connects `count` times, under the ids `c0`, `c1`, …
async fn connect(world: &World, client: &Client, count: usize) {
    for number in 0..count {
        let request = AuthorizationRequest::organization(REDIRECT).connection_id(format!("c{number}"));
        let pending = client.authorize(request).unwrap();
        let callback = world.control().approve(pending.url(), OWNER).unwrap();
        client.complete(&pending, callback).await.unwrap();
    }
}

/// A client of another process on the same store.
fn elsewhere(world: &World) -> Client {
    world.builder().shared_store(OtherProcess::on(&world.store)).build().unwrap()
}

async fn version(client: &Client, id: &str) -> u64 {
    client.connection(id).unwrap().summary().await.unwrap().version
}

#[tokio::test]
async fn what_ends_soon_is_refreshed_before_anybody_wants_it_and_nothing_else() {
    let world = World::open().await;
    let client = world.client();
    connect(&world, &client, 3).await;
    world.advance(HOUR - MINUTE * 20);
    let idle = client.refresher().run_once().await.unwrap();
    assert_eq!((idle.claimed, idle.refreshed), (0, 0), "nothing ends within ten minutes");
    world.advance(MINUTE * 12);
    let done = client.refresher().run_once().await.unwrap();
    assert_eq!((done.claimed, done.refreshed, done.failed), (3, 3, 0));
    assert_eq!(world.refresh_requests(), 3);
    world.advance(MINUTE * 30);
    client.connection("c1").unwrap().access_token().await.unwrap();
    client.settle().await.unwrap();
    assert_eq!(world.refresh_requests(), 3, "the token was there before it was wanted");
    assert_eq!(
        client.refresher().run_once().await.unwrap().claimed,
        0,
        "the claims were given back, and nothing is due"
    );
}

#[tokio::test]
async fn refreshers_of_many_processes_share_the_work_and_refresh_each_connection_once() {
    let world = World::open().await;
    let client = world.client();
    connect(&world, &client, 40).await;
    world.advance(HOUR - MINUTE * 5);
    let others: Vec<Client> = (0..4).map(|_| elsewhere(&world)).collect();
    let rounds = others.iter().map(|client| {
        let refresher = client.refresher().concurrency(4);
        async move { refresher.run_once().await.unwrap() }
    });
    let rounds = futures_util::future::join_all(rounds).await;
    let refreshed: Vec<u64> = rounds.iter().map(|round| round.refreshed).collect();
    assert_eq!(refreshed.iter().sum::<u64>(), 40, "{rounds:?}");
    assert!(refreshed.iter().all(|count| *count > 0), "all had a part in it: {refreshed:?}");
    assert_eq!(world.refresh_requests(), 40);
}

#[tokio::test]
async fn what_nobody_uses_is_left_to_rest_and_kept_fresh_again_once_it_is_used() {
    let world = World::open().await;
    let client = world.client();
    connect(&world, &client, 2).await;
    let refresher = client.refresher().hot_for(HOUR * 24);
    // One of them is used now and then, by another process, for two days in which the refresher keeps both fresh.
    let user = elsewhere(&world);
    for _ in 0..60 {
        world.advance(MINUTE * 52);
        refresher.run_once().await.unwrap();
        user.connection("c0").unwrap().access_token().await.unwrap();
        user.settle().await.unwrap();
        tokio::task::yield_now().await;
    }
    let stored = version(&client, "c1").await;
    let before = world.refresh_requests();
    world.advance(MINUTE * 52);
    let done = refresher.run_once().await.unwrap();
    assert_eq!((done.claimed, done.refreshed), (1, 1), "the other one is not even looked at any more");
    assert_eq!(world.refresh_requests(), before + 1);
    assert_eq!(version(&client, "c1").await, stored);
    client.connection("c1").unwrap().access_token().await.unwrap();
    world.advance(MINUTE * 52);
    assert_eq!(refresher.run_once().await.unwrap().refreshed, 2, "both are in use again");
}

#[tokio::test]
async fn a_use_in_the_same_process_counts_although_it_never_has_to_refresh() {
    let world = World::open().await;
    let client = world.client();
    connect(&world, &client, 1).await;
    let refresher = client.refresher().hot_for(HOUR * 2);
    for _ in 0..6 {
        world.advance(MINUTE * 52);
        client.connection("c0").unwrap().access_token().await.unwrap();
        client.settle().await.unwrap();
        let done = refresher.run_once().await.unwrap();
        assert_eq!(done.resting, 0);
    }
    assert_eq!(client.connection("c0").unwrap().summary().await.unwrap().state, ConnectionState::Active);
}

#[tokio::test]
async fn tokens_of_a_short_life_are_not_refreshed_in_every_round() {
    let world = World::open().await;
    world.control().update_settings(|settings| settings.access_token_ttl_ms = Some(60_000));
    let client = world.client();
    connect(&world, &client, 2).await;
    for _ in 0..4 {
        let done = client.refresher().run_once().await.unwrap();
        assert_eq!(
            (done.claimed, done.fresh, done.refreshed),
            (2, 2, 0),
            "a minute is less than ten, but all there is"
        );
    }
    world.advance(Duration::from_secs(50));
    assert_eq!(client.refresher().run_once().await.unwrap().refreshed, 2);
}

#[tokio::test]
async fn a_dead_grant_is_marked_and_the_others_are_refreshed() {
    let world = World::open().await;
    let client = world.client();
    connect(&world, &client, 1).await;
    let sub = client.connection("c0").unwrap().summary().await.unwrap().sub.unwrap();
    world.control().revoke_connection(&sub);
    connect_as(&world, &client, "alive").await;
    world.advance(HOUR - MINUTE * 5);
    let done = client.refresher().run_once().await.unwrap();
    assert_eq!((done.refreshed, done.ended, done.failed), (1, 1, 0));
    let state = client.connection("c0").unwrap().summary().await.unwrap().state;
    assert!(matches!(state, ConnectionState::Dead { .. }), "{state:?}");
    assert_eq!(client.refresher().run_once().await.unwrap().claimed, 0, "the dead want no attention");
}

async fn connect_as(world: &World, client: &Client, id: &str) {
    let pending = client.authorize(AuthorizationRequest::organization(REDIRECT).connection_id(id)).unwrap();
    let callback = world.approve(pending.url());
    client.complete(&pending, callback).await.unwrap();
}

#[tokio::test]
async fn a_429_stops_the_round_and_nothing_is_sent_before_the_pause_is_over() {
    let world = World::open().await;
    let client = world.client();
    connect(&world, &client, 30).await;
    world.advance(HOUR - MINUTE * 5);
    let limit = Fault { retry_after: Some("120".into()), ..Fault::status(429) };
    world.control().add_fault(limit.on("POST", "/oauth/token"));
    world.control().reset_counters();
    let refresher = client.refresher().concurrency(1);
    let done = refresher.run_once().await.unwrap();
    assert_eq!((done.refreshed, done.failed, done.paused), (0, 1, 1), "{done:?}");
    assert_eq!(world.refresh_requests(), 1);
    world.control().clear_faults();
    let held = refresher.run_once().await.unwrap();
    assert_eq!((held.refreshed, held.failed), (0, 1), "{held:?}");
    assert_eq!(world.refresh_requests(), 1, "the client keeps everybody back until the two minutes are over");
    let other = elsewhere(&world).refresher().run_once().await.unwrap();
    assert_eq!(other.refreshed, 28, "what failed stays claimed for a while, so that nobody hammers");
}

#[tokio::test]
async fn an_outage_ends_the_round_early_and_valid_tokens_are_served_on() {
    let world = World::open().await;
    let client = world.builder().token_timeout(Duration::from_millis(300)).build().unwrap();
    connect(&world, &client, 60).await;
    world.advance(HOUR - MINUTE * 5);
    world.control().add_fault(Fault::status(503).on("POST", "/oauth/token"));
    let done = client.refresher().concurrency(4).run_once().await.unwrap();
    assert!(done.failed >= 8 && done.failed < 20, "the rest is left for later: {done:?}");
    client.connection("c59").unwrap().access_token().await.unwrap();
}

#[tokio::test]
async fn a_store_that_fails_is_reported_and_tried_again() {
    let store = Failing::on(Arc::new(MemoryStore::new()));
    let world = World::with_store(Arc::clone(&store) as Arc<dyn TokenStore>).await;
    let client = world.client();
    connect(&world, &client, 2).await;
    world.advance(HOUR - MINUTE * 5);
    store.down.store(true, Ordering::SeqCst);
    assert_eq!(client.refresher().run_once().await.unwrap_err().kind(), ErrorKind::Store);
    let running = client.refresher().interval(Duration::from_millis(10)).start().unwrap();
    while running.stats().store_failures == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    store.down.store(false, Ordering::SeqCst);
    while running.stats().refreshed < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let done = running.stop().await;
    assert_eq!((done.refreshed, world.refresh_requests()), (2, 2));
}

#[tokio::test]
async fn stopping_waits_for_what_is_under_way_and_begins_nothing_more() {
    let world = World::open().await;
    let client = world.client();
    connect(&world, &client, 12).await;
    world.advance(HOUR - MINUTE * 5);
    world.control().add_fault(Fault { delay_before_ms: 300, ..Fault::default() }.on("POST", "/oauth/token"));
    let running = client.refresher().concurrency(3).interval(Duration::from_millis(10)).start().unwrap();
    while world.refresh_requests() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let done = running.stop().await;
    assert_eq!(done.refreshed, world.refresh_requests(), "every token that was asked for was taken in");
    assert!(done.refreshed <= 6, "{done:?}");
    let rest = elsewhere(&world).refresher().run_once().await.unwrap();
    assert_eq!(rest.refreshed, 12 - done.refreshed, "no claim was left behind");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_named() {
    let client = Client::builder("ID", "SECRET").build().unwrap();
    let cases = [
        (client.refresher().ahead(Duration::ZERO), "ahead"),
        (client.refresher().hot_for(Duration::from_secs(1)), "hot_for"),
        (client.refresher().interval(Duration::ZERO), "interval"),
        (client.refresher().concurrency(0), "concurrency"),
    ];
    for (refresher, field) in cases {
        let error = refresher.run_once().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.fields().contains_key(field), "{error}");
        assert!(refresher.start().is_err());
    }
}
