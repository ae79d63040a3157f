//! A connection's life against the sandbox: authorized, refreshed, interrupted, condemned, revoked.
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
    DOC, REDIRECT, World,
    stores::{Failing, OtherProcess},
};
use futures_util::future::join_all;
use orgconnect::{
    AuthorizationRequest, ConnectionKind, ConnectionState, Error, ErrorKind, FileStore, MemoryStore,
    TokenStore, store::ConnectionKey,
};
use orgconnect_sandbox::{ExpiresIn, Fault, RefreshMode};
use serde_json::{Map, json};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn an_organization_is_connected_and_its_member_acted_for() {
    let world = World::open().await;
    let (client, organization) = world.connected().await;
    let doc = organization.impersonate_email(DOC).await.unwrap();
    let reply = doc.send("userinfo.read", Map::new()).await.unwrap();
    let userinfo: serde_json::Value = reply.decode().unwrap();
    assert_eq!(userinfo["email"], DOC);
    let sub = doc.sub().unwrap().to_string();
    assert_eq!(userinfo["sub"], sub.as_str());
    let requests = world.control().requests();
    let userinfo = requests.iter().find(|request| request.path == "/v1/userinfo").unwrap();
    assert_eq!(userinfo.header("cronofy-impersonate"), Some(sub.as_str()));
    assert!(userinfo.header("user-agent").unwrap().starts_with("orgconnect/0.1.0 (rust)"));
    let summary = client.connection("clinic").unwrap().summary().await.unwrap();
    assert_eq!(
        (summary.state, summary.scope.as_deref()),
        (ConnectionState::Active, Some("organizational_unit_scheduler"))
    );
}

#[tokio::test]
async fn impersonation_and_tokens_never_reach_the_oauth_endpoints_or_a_url() {
    let world = World::open().await;
    let (client, organization) = world.connected().await;
    organization.impersonate_email(DOC).await.unwrap().send("userinfo.read", Map::new()).await.unwrap();
    world.advance(HOUR * 2);
    organization.impersonate_email(DOC).await.unwrap().send("userinfo.read", Map::new()).await.unwrap();
    client.connection("clinic").unwrap().revoke().await.unwrap();
    let requests = world.control().requests();
    for request in requests.iter().filter(|request| request.path.starts_with("/oauth/token")) {
        assert!(request.header("cronofy-impersonate").is_none() && request.header("authorization").is_none());
    }
    for request in &requests {
        let bearer =
            request.header("authorization").map_or("none", |value| value.trim_start_matches("Bearer "));
        assert!(!request.query.contains(bearer) && !request.path.contains(bearer));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_callers_share_one_refresh_per_expiry() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    let member = Arc::new(organization.impersonate_email(DOC).await.unwrap());
    world.control().add_fault(Fault { delay_before_ms: 50, ..Fault::default() }.on("POST", "/oauth/token"));
    for expiry in 1..=3 {
        world.advance(HOUR * 2);
        let calls = (0..1000).map(|_| {
            let member = Arc::clone(&member);
            tokio::spawn(async move { member.send("userinfo.read", Map::new()).await })
        });
        let failed = join_all(calls).await.into_iter().filter(|call| !matches!(call, Ok(Ok(_)))).count();
        assert_eq!((failed, world.refresh_requests()), (0, expiry));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_rejections_at_once_cause_one_refresh_and_one_repetition_each() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    let member = Arc::new(organization.impersonate_email(DOC).await.unwrap());
    world.control().expire_access_tokens(None);
    world.control().reset_counters();
    let calls = (0..300).map(|_| {
        let member = Arc::clone(&member);
        tokio::spawn(async move { member.send("userinfo.read", Map::new()).await })
    });
    assert!(join_all(calls).await.into_iter().all(|call| call.unwrap().is_ok()));
    let counters = world.control().counters();
    assert_eq!(counters.token_requests["refresh_token"], 1);
    assert!(counters.routes["GET /v1/userinfo"] <= 600);
}

#[tokio::test]
async fn a_token_is_refreshed_ahead_of_its_end_without_anyone_waiting() {
    let world = World::open().await;
    let (client, organization) = world.connected().await;
    let before = client.connection("clinic").unwrap().summary().await.unwrap();
    // Half a minute before the end it is due for certain.
    world.advance(HOUR - Duration::from_secs(30));
    world.control().add_fault(Fault { delay_before_ms: 200, ..Fault::default() }.on("POST", "/oauth/token"));
    organization.send("organization.list_members", Map::new()).await.unwrap();
    assert_eq!(world.control().counters().unauthorized, 0);
    let saved = async {
        loop {
            let now = client.connection("clinic").unwrap().summary().await.unwrap();
            if now.issued_at > before.issued_at {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), saved).await.unwrap();
    assert_eq!(world.refresh_requests(), 1);
}

#[tokio::test]
async fn a_valid_token_is_served_while_the_token_endpoint_is_down() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    world.control().add_fault(Fault::status(503).on("POST", "/oauth/token"));
    world.advance(HOUR - Duration::from_secs(30));
    for _ in 0..20 {
        organization.send("organization.list_members", Map::new()).await.unwrap();
    }
    world.advance(Duration::from_mins(1));
    let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert!(error.is_transient() && !error.needs_reauthorization());
    world.control().clear_faults();
    let healed = async {
        while organization.send("organization.list_members", Map::new()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), healed).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_token() {
    for mode in [RefreshMode::Static, RefreshMode::Grace] {
        let world = World::open().await;
        world.control().update_settings(|settings| settings.refresh_mode = mode);
        let (_client, organization) = world.connected().await;
        world.advance(HOUR * 2);
        world.control().add_fault(Fault::lost_reply().on("POST", "/oauth/token").times(1));
        organization.send("organization.list_members", Map::new()).await.unwrap();
        assert_eq!(world.refresh_requests(), 2, "{mode:?}");
        world.advance(HOUR * 2);
        organization.send("organization.list_members", Map::new()).await.unwrap();
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_is_stored_and_used_next_time() {
    let world = World::open().await;
    world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Strict);
    let (_client, organization) = world.connected().await;
    for expiry in 1..=5 {
        world.advance(HOUR * 2);
        organization.send("organization.list_members", Map::new()).await.unwrap();
        assert_eq!(world.refresh_requests(), expiry);
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_take_the_refresh_with_it() {
    let world = World::open().await;
    world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Strict);
    let (client, organization) = world.connected().await;
    world.control().add_fault(Fault { delay_after_ms: 100, ..Fault::default() }.on("POST", "/oauth/token"));
    for expiry in 1..=3 {
        world.advance(HOUR * 2);
        let call = organization.send("organization.list_members", Map::new());
        assert!(tokio::time::timeout(Duration::from_millis(30), call).await.is_err(), "the caller gave up");
        organization.send("organization.list_members", Map::new()).await.unwrap();
        assert_eq!(world.refresh_requests(), expiry);
    }
    assert_eq!(client.connection("clinic").unwrap().summary().await.unwrap().state, ConnectionState::Active);
}

#[tokio::test]
async fn two_processes_on_one_store_refresh_once() {
    let world = World::open().await;
    world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Strict);
    let (_client, organization) = world.connected().await;
    let others: Vec<_> = (0..5)
        .map(|_| {
            let client = world.builder().shared_store(OtherProcess::on(&world.store)).build().unwrap();
            client.organization("clinic").unwrap()
        })
        .chain([organization])
        .collect();
    for expiry in 1..=3 {
        world.advance(HOUR * 2);
        let calls = others.iter().flat_map(|organization| {
            (0..10).map(|_| organization.send("organization.list_members", Map::new()))
        });
        assert!(join_all(calls).await.into_iter().all(|call| call.is_ok()));
        assert_eq!(world.refresh_requests(), expiry);
    }
}

#[tokio::test]
async fn a_rejection_of_a_token_that_a_sibling_has_replaced_needs_no_refresh() {
    let world = World::open().await;
    world.control().update_settings(|settings| settings.refresh_invalidates_access_token = true);
    let (_client, ours) = world.connected().await;
    ours.send("organization.list_members", Map::new()).await.unwrap();
    let sibling = world.builder().shared_store(OtherProcess::on(&world.store)).build().unwrap();
    sibling.connection("clinic").unwrap().refresh().await.unwrap();
    assert_eq!(world.refresh_requests(), 1);
    ours.send("organization.list_members", Map::new()).await.unwrap();
    assert_eq!((world.refresh_requests(), world.control().counters().unauthorized), (1, 1));
}

#[tokio::test]
async fn a_second_rejection_is_an_error_and_not_a_loop() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    world.control().add_fault(Fault::status(401).on("GET", "/v1/"));
    for _ in 0..5 {
        let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Authorization, Some(401)));
        assert!(!error.needs_reauthorization());
    }
    assert!(world.refresh_requests() <= 2, "{}", world.refresh_requests());
}

#[tokio::test]
async fn a_grant_that_is_gone_is_reported_once_asked_and_never_erased() {
    let world = World::open().await;
    let (client, organization) = world.connected().await;
    let connection = client.connection("clinic").unwrap();
    let sub = connection.summary().await.unwrap().sub.unwrap();
    world.control().revoke_connection(&sub);
    for _ in 0..10 {
        let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Authorization, Some("invalid_grant")));
        assert!(error.needs_reauthorization() && error.message().contains("authorize again"), "{error}");
    }
    assert_eq!(world.refresh_requests(), 1, "a dead grant is not hammered");
    assert!(matches!(
        connection.summary().await.unwrap().state,
        ConnectionState::Dead { interrupted: false, .. }
    ));
    let key = ConnectionKey {
        namespace: format!("{}/{}", world.sandbox.url(), world.application.client_id),
        connection: "clinic".parse().unwrap(),
    };
    let stored = world.store.load(&key).await.unwrap().unwrap();
    let payload: serde_json::Value = serde_json::from_str(&stored.record.payload).unwrap();
    assert!(payload["refresh_token"].as_str().unwrap().len() > 10, "the dead token is kept");
    world.connect(&client).await;
    organization.send("organization.list_members", Map::new()).await.unwrap();
}

#[tokio::test]
async fn bad_weather_never_condemns_a_grant() {
    let world = World::open().await;
    let (client, organization) = world.connected().await;
    let grant = json!({"error": "invalid_grant"});
    let text = |status: u16, body: &str| Fault {
        body: Some(orgconnect_sandbox::FaultBody::Text(body.into())),
        ..Fault::status(status)
    };
    let weather = [
        Fault::status(500),
        Fault::status(429),
        Fault::status(404),
        Fault::dropped(),
        Fault { body: Some(orgconnect_sandbox::FaultBody::Json(grant.clone())), ..Fault::status(500) },
        Fault { body: Some(orgconnect_sandbox::FaultBody::Json(grant)), ..Fault::status(403) },
        Fault {
            body: Some(orgconnect_sandbox::FaultBody::Json(json!({"error": "invalid_client"}))),
            ..Fault::status(400)
        },
        text(400, "<html>invalid_grant</html>"),
        text(400, ""),
        text(200, "<html>all is well</html>"),
        text(200, ""),
        text(200, "{\"access_token\":\"abc\",\"expi"),
        text(200, &format!("{{\"access_token\":\"{}\"}}", "x".repeat(2 << 20))),
    ];
    for fault in weather {
        world.advance(HOUR * 2);
        let id = world.control().add_fault(fault.clone().on("POST", "/oauth/token"));
        // A client of its own for each, so that none is held off because another has just failed.
        let other = world.builder().shared_store(OtherProcess::on(&world.store)).build().unwrap();
        let error = other
            .organization("clinic")
            .unwrap()
            .send("organization.list_members", Map::new())
            .await
            .unwrap_err();
        assert!(!error.needs_reauthorization(), "{fault:?}: {error}");
        world.control().remove_fault(id);
        assert_eq!(
            client.connection("clinic").unwrap().summary().await.unwrap().state,
            ConnectionState::Active
        );
    }
    organization.send("organization.list_members", Map::new()).await.unwrap();
}

#[tokio::test]
async fn an_interrupted_refresh_under_strict_rotation_is_named_as_what_it_is() {
    let world = World::open().await;
    world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Strict);
    let (client, _organization) = world.connected().await;
    world.advance(HOUR * 2);
    // The server commits, the answer is lost, and the client that asked is gone: as with a crash.
    world.control().add_fault(Fault::lost_reply().on("POST", "/oauth/token").times(1));
    let crashing = world
        .builder()
        .shared_store(OtherProcess::on(&world.store))
        .retry({
            let mut once = orgconnect::RetryPolicy::default();
            once.attempts = 1;
            once
        })
        .build()
        .unwrap();
    let organization = crashing.organization("clinic").unwrap();
    let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let next = world.builder().shared_store(OtherProcess::on(&world.store)).build().unwrap();
    let error =
        next.organization("clinic").unwrap().send("organization.list_members", Map::new()).await.unwrap_err();
    assert_eq!(error.code(), Some("interrupted"));
    assert!(error.needs_reauthorization());
    let state = client.connection("clinic").unwrap().summary().await.unwrap().state;
    assert!(matches!(state, ConnectionState::Dead { interrupted: true, .. }));
}

#[tokio::test]
async fn tokens_that_cannot_be_saved_are_kept_in_memory_and_saved_later() {
    let store = Failing::on(Arc::new(MemoryStore::new()));
    let world = World::with_store(Arc::clone(&store) as _).await;
    world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Strict);
    let (client, organization) = world.connected().await;
    world.advance(HOUR * 2);
    // The disk fills up between the note of the intent and the new tokens.
    world.control().add_fault(Fault { delay_before_ms: 100, ..Fault::default() }.on("POST", "/oauth/token"));
    let call = organization.send("organization.list_members", Map::new());
    let fill = async {
        while world.refresh_requests() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store.full.store(true, Ordering::SeqCst);
    };
    let (reply, ()) = tokio::join!(call, fill);
    reply.unwrap();
    organization.send("organization.list_members", Map::new()).await.unwrap();
    let before = client.connection("clinic").unwrap().summary().await.unwrap();
    store.full.store(false, Ordering::SeqCst);
    let saved = async {
        while client.connection("clinic").unwrap().summary().await.unwrap().issued_at == before.issued_at {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), saved).await.unwrap();
    world.control().clear_faults();
    world.advance(HOUR * 2);
    organization.send("organization.list_members", Map::new()).await.unwrap();
    assert_eq!(world.refresh_requests(), 2, "the replaced refresh token was never presented again");
}

#[tokio::test]
async fn another_process_waits_for_tokens_that_are_not_saved_yet_and_no_longer() {
    let records: Arc<dyn TokenStore> = Arc::new(MemoryStore::new());
    let store = Failing::on(Arc::clone(&records));
    let world = World::with_store(Arc::clone(&store) as _).await;
    world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Strict);
    let (client, organization) = world.connected().await;
    world.advance(HOUR * 2);
    world.control().add_fault(Fault { delay_before_ms: 100, ..Fault::default() }.on("POST", "/oauth/token"));
    let fill = async {
        while world.refresh_requests() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store.full.store(true, Ordering::SeqCst);
    };
    let (reply, ()) = tokio::join!(organization.send("organization.list_members", Map::new()), fill);
    reply.unwrap();
    // The other one can read and write: it must not present the refresh token that has been replaced.
    let other = world.builder().shared_store(OtherProcess::on(&records)).build().unwrap();
    let elsewhere = other.organization("clinic").unwrap();
    let call =
        tokio::spawn(async move { elsewhere.send("organization.list_members", Map::new()).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!call.is_finished());
    assert_eq!(world.refresh_requests(), 1);
    store.full.store(false, Ordering::SeqCst);
    client.settle().await.unwrap();
    call.await.unwrap().unwrap();
    assert_eq!(world.refresh_requests(), 1, "it goes on with what has been saved");
    // The lease was given back with that: who wants a refresh now has it at once.
    let key = ConnectionKey { namespace: client.namespace(), connection: "clinic".parse().unwrap() };
    assert!(records.acquire(&key, HOUR).await.unwrap().is_some());
}

#[tokio::test]
async fn an_owner_that_was_overtaken_overwrites_nothing() {
    let world = World::open().await;
    world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Grace);
    let (client, organization) = world.connected().await;
    let key = ConnectionKey { namespace: client.namespace(), connection: "clinic".parse().unwrap() };
    world.advance(HOUR * 2);
    let slow = Fault { delay_after_ms: 500, ..Fault::default() };
    world.control().add_fault(slow.on("POST", "/oauth/token").times(1));
    let call =
        tokio::spawn(
            async move { organization.send("organization.list_members", Map::new()).await.map(drop) },
        );
    while world.refresh_requests() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Another process takes over, as it would once the lease has passed, and is given the same refresh token.
    let intent = world.store.load(&key).await.unwrap().unwrap();
    let apart = Arc::new(MemoryStore::new());
    apart.save(&key, &intent.record, 0).await.unwrap();
    let other = world.builder().shared_store(Arc::clone(&apart) as _).build().unwrap();
    other.connection("clinic").unwrap().refresh().await.unwrap();
    let theirs = apart.load(&key).await.unwrap().unwrap().record;
    let version = world.store.save(&key, &theirs, intent.version).await.unwrap();
    call.await.unwrap().unwrap();
    let found = world.store.load(&key).await.unwrap().unwrap();
    assert_eq!((found.record.payload, found.version), (theirs.payload, version));
    assert_eq!(world.refresh_requests(), 2);
}

#[tokio::test]
async fn a_store_that_is_down_serves_valid_tokens_and_refreshes_nothing() {
    let store = Failing::on(Arc::new(MemoryStore::new()));
    let world = World::with_store(Arc::clone(&store) as _).await;
    let (_client, organization) = world.connected().await;
    store.down.store(true, Ordering::SeqCst);
    organization.send("organization.list_members", Map::new()).await.unwrap();
    world.advance(HOUR * 2);
    let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Store, Some("store_unavailable")));
    assert_eq!(world.refresh_requests(), 0, "no refresh without the lease");
    store.down.store(false, Ordering::SeqCst);
    let healed = async {
        while organization.send("organization.list_members", Map::new()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), healed).await.unwrap();
}

#[tokio::test]
async fn a_store_that_never_answers_is_given_up() {
    let store = Failing::on(Arc::new(MemoryStore::new()));
    let world = World::with_store(Arc::clone(&store) as _).await;
    let (client, organization) = world.connected().await;
    store.hangs.store(true, Ordering::SeqCst);
    organization.send("organization.list_members", Map::new()).await.unwrap();
    world.advance(HOUR * 2);
    // Nothing but the store is waited for from here on, so that time can be skipped.
    tokio::time::pause();
    let patient = orgconnect::CallOptions::new().timeout(HOUR);
    let organization = organization.with_options(patient);
    let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Store, Some("store_unavailable")));
    let connection = client.connection("clinic").unwrap();
    for outcome in [connection.summary().await.map(drop), connection.revoke().await] {
        let error = outcome.unwrap_err();
        assert!(error.is_transient() && error.message().contains("has not answered"), "{error}");
    }
    assert_eq!(client.connections(None, 1).await.unwrap_err().kind(), ErrorKind::Store);
    tokio::time::resume();
    assert_eq!(world.refresh_requests(), 0, "no refresh without the lease");
    store.hangs.store(false, Ordering::SeqCst);
    organization.send("organization.list_members", Map::new()).await.unwrap();
}

#[tokio::test]
async fn machines_whose_clocks_differ_agree_on_when_a_token_ends() {
    let world = World::open().await;
    let (_client, _) = world.connected().await;
    let wrong = |minutes: i64| {
        let now = orgconnect_sandbox::Timestamp::now();
        let by = orgconnect_sandbox::SignedDuration::from_mins(minutes);
        Arc::new(orgconnect::ManualClock::starting_at(now + by))
    };
    let clocks = [wrong(10), wrong(-10)];
    let machines = clocks.each_ref().map(|clock| {
        let builder = world.builder().shared_store(OtherProcess::on(&world.store));
        let client = builder.clock(Arc::clone(clock) as _).build().unwrap();
        client.organization("clinic").unwrap()
    });
    for minutes in [1, 45, 5] {
        let by = Duration::from_mins(minutes);
        world.advance(by);
        clocks.iter().for_each(|clock| clock.advance(by));
        for machine in &machines {
            machine.send("organization.list_members", Map::new()).await.unwrap();
        }
    }
    assert_eq!((world.control().counters().unauthorized, world.refresh_requests()), (0, 0));
    world.advance(Duration::from_mins(10));
    clocks.iter().for_each(|clock| clock.advance(Duration::from_mins(10)));
    for machine in &machines {
        machine.send("organization.list_members", Map::new()).await.unwrap();
    }
    assert_eq!((world.control().counters().unauthorized, world.refresh_requests()), (0, 1));
}

#[tokio::test]
async fn odd_lifetimes_never_become_a_storm_of_refreshes() {
    for expires_in in
        [json!(0), json!(-1), json!("0"), json!("soon"), json!(null), json!(1e18), json!("3600")]
    {
        let world = World::open().await;
        world
            .control()
            .update_settings(|settings| settings.expires_in = ExpiresIn::Value(expires_in.clone()));
        let (_client, organization) = world.connected().await;
        for _ in 0..60 {
            world.clock.advance(Duration::from_secs(1));
            organization.send("organization.list_members", Map::new()).await.unwrap();
        }
        assert!(world.refresh_requests() <= 12, "{expires_in}: {}", world.refresh_requests());
    }
}

#[tokio::test]
async fn a_clock_that_jumps_costs_at_most_one_refresh() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    for jump in [10, -10, 60, -120, 240] {
        let before = world.refresh_requests();
        world.clock.shift(orgconnect_sandbox::SignedDuration::from_mins(jump));
        for _ in 0..3 {
            organization.send("organization.list_members", Map::new()).await.unwrap();
        }
        assert!(world.refresh_requests() - before <= 1, "{jump} minutes");
    }
}

#[tokio::test]
async fn a_revoked_connection_is_refused_with_what_to_do_and_without_a_request() {
    let world = World::open().await;
    let (client, organization) = world.connected().await;
    let connection = client.connection("clinic").unwrap();
    connection.revoke().await.unwrap();
    let before = world.control().counters().requests;
    let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Authorization, Some("revoked")));
    assert!(error.needs_reauthorization() && error.message().contains("authorize again"));
    connection.revoke().await.unwrap();
    assert_eq!(world.control().counters().requests, before);
    let sub = connection.summary().await.unwrap();
    assert!(matches!(sub.state, ConnectionState::Revoked { .. }));
}

#[tokio::test]
async fn a_revocation_that_cronofy_did_not_hear_is_finished_by_the_next_try() {
    let world = World::open().await;
    let (client, organization) = world.connected().await;
    let connection = client.connection("clinic").unwrap();
    let id = world.control().add_fault(Fault::status(503).on("POST", "/oauth/token/revoke"));
    let error = connection.revoke().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(organization.send("organization.list_members", Map::new()).await.is_err(), "out of use at once");
    assert!(matches!(connection.summary().await.unwrap().state, ConnectionState::Revoking { .. }));
    world.control().remove_fault(id);
    connection.revoke().await.unwrap();
    assert!(matches!(connection.summary().await.unwrap().state, ConnectionState::Revoked { .. }));
}

#[tokio::test]
async fn a_refresh_under_way_does_not_bring_a_revoked_connection_back() {
    let world = World::open().await;
    world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Grace);
    let (client, organization) = world.connected().await;
    world
        .control()
        .add_fault(Fault { delay_after_ms: 150, ..Fault::default() }.on("POST", "/oauth/token").times(1));
    world.advance(HOUR * 2);
    let call = organization.send("organization.list_members", Map::new());
    let revoke = async {
        while world.refresh_requests() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        client.connection("clinic").unwrap().revoke().await
    };
    let (reply, revoked) = tokio::join!(call, revoke);
    revoked.unwrap();
    assert_eq!(reply.unwrap_err().code(), Some("revoked"));
    let state = client.connection("clinic").unwrap().summary().await.unwrap().state;
    assert!(matches!(state, ConnectionState::Revoked { .. }));
    assert!(organization.send("organization.list_members", Map::new()).await.is_err());
}

#[tokio::test]
async fn tokens_survive_the_end_of_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    let world = World::with_store(Arc::new(FileStore::open(&path).unwrap())).await;
    let (client, organization) = world.connected().await;
    drop((client, organization));
    let client = world.builder().store(FileStore::open(&path).unwrap()).build().unwrap();
    world.advance(HOUR * 2);
    client.organization("clinic").unwrap().send("organization.list_members", Map::new()).await.unwrap();
    let listed = client.connections(None, 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].id.as_str(), listed[0].version), (1, "clinic", 3));
}

#[tokio::test]
async fn a_callback_completes_once_even_when_it_arrives_many_times_at_once() {
    let world = World::open().await;
    let client = world.client();
    let other = world.builder().shared_store(OtherProcess::on(&world.store)).build().unwrap();
    let pending = client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
    let callback = world.approve(pending.url());
    let tries = (0..20).map(|number| {
        let client = if number % 2 == 0 { &client } else { &other };
        client.complete(&pending, callback.as_str())
    });
    let outcomes = join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(error.code(), Some("state_replayed"));
    }
    assert_eq!(world.control().counters().token_requests["authorization_code"], 1);
}

#[tokio::test]
async fn a_callback_that_does_not_belong_is_refused_before_any_request() {
    let world = World::open().await;
    let client = world.client();
    let pending = client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
    let other = client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
    let callback = world.approve(other.url());
    let before = world.control().counters().requests;
    for bad in [callback.as_str(), "?code=x", "", "?code=x&state=", "https://app.example/?code=x&state=y"] {
        let error = client.complete(&pending, bad).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authorization);
    }
    world.clock.advance(Duration::from_mins(11));
    assert_eq!(client.complete(&other, callback).await.unwrap_err().code(), Some("state_expired"));
    assert_eq!(world.control().counters().requests, before);
    assert!(client.connections(None, 10).await.unwrap().is_empty(), "nothing was stored");
}

#[tokio::test]
async fn a_denial_comes_back_as_an_error_that_says_so() {
    let world = World::open().await;
    let client = world.client();
    let pending = client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
    let callback = world.control().deny(pending.url()).unwrap();
    let error = client.complete(&pending, callback).await.unwrap_err();
    assert_eq!(error.code(), Some("access_denied"));
    assert_eq!(world.requests_to("/oauth/token"), 0);
}

#[tokio::test]
async fn a_token_reply_that_is_not_one_stores_nothing() {
    let bodies = ["", "<html></html>", "{\"access_token\":", "[]", "{\"access_token\":7}"];
    for body in bodies
        .map(str::to_owned)
        .into_iter()
        .chain([format!("{{\"access_token\":\"{}\"}}", "x".repeat(2 << 20))])
    {
        let world = World::open().await;
        let client = world.client();
        let pending = client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
        let callback = world.approve(pending.url());
        let fault = Fault { body: Some(orgconnect_sandbox::FaultBody::Text(body)), ..Fault::status(200) };
        world.control().add_fault(fault.on("POST", "/oauth/token"));
        let error = client.complete(&pending, callback).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert!(error.body().is_none() && error.message().contains("nothing was stored"));
        assert!(client.connections(None, 10).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn individual_and_enterprise_connections_have_their_own_handles() {
    let world = World::open().await;
    let client = world.client();
    let request = AuthorizationRequest::individual(REDIRECT, ["read_events"]).payload("from the invite");
    let pending = client.authorize(request).unwrap();
    let callback = world.control().approve(pending.url(), DOC).unwrap();
    let connection = client.complete(&pending, callback).await.unwrap();
    assert_eq!(connection.payload(), Some("from the invite"));
    connection.account().send("userinfo.read", Map::new()).await.unwrap();
    let error: Error =
        connection.organization().send("organization.list_members", Map::new()).await.unwrap_err();
    assert!(error.message().contains("client.account(id)"), "{error}");
}

#[tokio::test]
async fn an_application_calendar_is_opened_and_used() {
    let world = World::open().await;
    let client = world.client();
    let calendar = client.application_calendar("rota-of-the-week").await.unwrap();
    let reply: serde_json::Value =
        calendar.send("userinfo.read", Map::new()).await.unwrap().decode().unwrap();
    let again = client.connections(None, 10).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(reply["sub"].as_str(), again[0].sub.as_deref());
    client.revoke_sub(again[0].sub.as_deref().unwrap()).await.unwrap();
    assert!(calendar.send("userinfo.read", Map::new()).await.unwrap_err().needs_reauthorization());
}

/// A store that nobody can write to is found out before the code is spent.
#[tokio::test]
async fn a_full_store_is_found_out_before_the_code_is_spent() {
    let store = Failing::on(Arc::new(MemoryStore::new()));
    let world = World::with_store(Arc::clone(&store) as Arc<dyn TokenStore>).await;
    let client = world.client();
    let pending = client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
    let callback = world.approve(pending.url());
    store.full.store(true, Ordering::SeqCst);
    assert_eq!(client.complete(&pending, callback.as_str()).await.unwrap_err().kind(), ErrorKind::Store);
    assert_eq!(world.requests_to("/oauth/token"), 0);
    store.full.store(false, Ordering::SeqCst);
    client.complete(&pending, callback).await.unwrap();
}

#[tokio::test]
async fn a_delegated_code_that_can_be_none_is_refused_before_any_request() {
    let world = World::open().await;
    let client = world.client();
    for code in ["", "a b", "a\nb", &"x".repeat(513)] {
        let error = client.complete_delegated(code, REDIRECT, None).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.fields().contains_key("code"), "{error}");
    }
    assert!(world.control().requests().is_empty());
}

#[tokio::test]
async fn a_browser_that_goes_away_does_not_take_the_grant_with_it() {
    let world = World::open().await;
    let client = world.client();
    let request = AuthorizationRequest::organization(REDIRECT).connection_id("clinic");
    let pending = client.authorize(request).unwrap();
    let callback = world.approve(pending.url());
    world.control().add_fault(Fault { delay_after_ms: 100, ..Fault::default() }.on("POST", "/oauth/token"));
    let complete = client.complete(&pending, callback);
    assert!(tokio::time::timeout(Duration::from_millis(50), complete).await.is_err(), "the caller gave up");
    let stored = async {
        while client.connections(None, 10).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stored).await.unwrap();
}

#[tokio::test]
async fn a_new_authorization_that_cannot_be_saved_at_once_replaces_the_dead_one_later() {
    let store = Failing::on(Arc::new(MemoryStore::new()));
    let world = World::with_store(Arc::clone(&store) as _).await;
    let (client, organization) = world.connected().await;
    let connection = client.connection("clinic").unwrap();
    let sub = connection.summary().await.unwrap().sub.unwrap();
    world.control().revoke_connection(&sub);
    organization.send("organization.list_members", Map::new()).await.unwrap_err();
    let request = AuthorizationRequest::organization(REDIRECT).connection_id("clinic");
    let pending = client.authorize(request).unwrap();
    let callback = world.approve(pending.url());
    world
        .control()
        .add_fault(Fault { delay_before_ms: 100, ..Fault::default() }.on("POST", "/oauth/token").times(1));
    let before = world.requests_to("/oauth/token");
    let fill = async {
        while world.requests_to("/oauth/token") == before {
            tokio::task::yield_now().await;
        }
        store.full.store(true, Ordering::SeqCst);
    };
    let (outcome, ()) = tokio::join!(client.complete(&pending, callback), fill);
    assert!(outcome.unwrap_err().message().contains("kept in memory"));
    assert_eq!(client.settle().await.unwrap_err().kind(), ErrorKind::Store, "it still can't be saved");
    store.full.store(false, Ordering::SeqCst);
    client.settle().await.unwrap();
    assert_eq!(connection.summary().await.unwrap().state, ConnectionState::Active);
    organization.send("organization.list_members", Map::new()).await.unwrap();
}

#[tokio::test]
async fn settling_waits_for_a_refresh_in_the_background() {
    let world = World::open().await;
    let (client, organization) = world.connected().await;
    world.advance(HOUR - Duration::from_secs(30));
    world.control().add_fault(Fault { delay_after_ms: 100, ..Fault::default() }.on("POST", "/oauth/token"));
    organization.send("organization.list_members", Map::new()).await.unwrap();
    client.settle().await.unwrap();
    assert_eq!(client.connection("clinic").unwrap().summary().await.unwrap().version, 3, "noted, then saved");
}

#[tokio::test]
async fn a_refresh_that_is_asked_for_happens_even_if_a_sibling_has_just_done_one() {
    let world = World::open().await;
    let (client, ours) = world.connected().await;
    ours.send("organization.list_members", Map::new()).await.unwrap();
    let sibling = world.builder().shared_store(OtherProcess::on(&world.store)).build().unwrap();
    let theirs = sibling.connection("clinic").unwrap().refresh().await.unwrap();
    let mine = client.connection("clinic").unwrap().refresh().await.unwrap();
    assert!(mine.version > theirs.version && world.refresh_requests() == 2);
}

#[tokio::test]
async fn credentials_that_are_refused_are_not_presented_again_with_every_call() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    world.advance(HOUR * 2);
    let body = orgconnect_sandbox::FaultBody::Json(json!({"error": "invalid_client"}));
    let refused = Fault { body: Some(body), ..Fault::status(400) };
    world.control().add_fault(refused.on("POST", "/oauth/token"));
    for _ in 0..50 {
        let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
        assert_eq!(error.code(), Some("invalid_client"));
    }
    assert!(world.refresh_requests() <= 3, "{}", world.refresh_requests());
}

#[tokio::test]
async fn a_path_that_always_answers_401_does_not_cost_a_refresh_with_every_call() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    let member = organization.impersonate_email(DOC).await.unwrap();
    world.control().add_fault(Fault::status(401).on("GET", "/v1/userinfo"));
    for _ in 0..30 {
        organization.send("organization.list_members", Map::new()).await.unwrap();
        assert_eq!(member.send("userinfo.read", Map::new()).await.unwrap_err().status(), Some(401));
    }
    assert!(world.refresh_requests() <= 4, "{}", world.refresh_requests());
}

#[tokio::test]
async fn a_connection_whose_record_cannot_be_read_is_listed_as_unreadable_beside_the_others() {
    let world = World::open().await;
    let (client, _) = world.connected().await;
    let application = &world.application.client_id;
    let key = ConnectionKey {
        namespace: format!("{}/{application}", world.sandbox.url()),
        connection: orgconnect::ConnectionId::new("damaged").unwrap(),
    };
    let record = orgconnect::store::Record { payload: "{".to_owned().into(), expires_at: None };
    world.store.save(&key, &record, 0).await.unwrap();
    let listed = client.connections(None, 10).await.unwrap();
    let states: Vec<(&str, bool)> = listed
        .iter()
        .map(|summary| (summary.id.as_str(), matches!(summary.state, ConnectionState::Unreadable { .. })))
        .collect();
    assert_eq!(states, [("clinic", false), ("damaged", true)]);
    assert_eq!(
        client.connection("damaged").unwrap().summary().await.unwrap_err().code(),
        Some("store_unreadable")
    );
}

#[tokio::test]
async fn a_refresh_token_of_another_program_is_taken_over() {
    let world = World::open().await;
    let refresh_token = world.refresh_token_of_another_program().await;
    let client = world.client();
    let connection = client.import_connection("clinic", refresh_token.clone()).await.unwrap();
    let doc = connection.organization().impersonate_email(DOC).await.unwrap();
    doc.send("userinfo.read", Map::new()).await.unwrap();
    let summary = connection.summary().await.unwrap();
    assert_eq!(
        (summary.kind, summary.state, summary.scope.as_deref()),
        (ConnectionKind::Organization, ConnectionState::Active, Some("organizational_unit_scheduler"))
    );
    let taken = client.import_connection("clinic", refresh_token).await.unwrap_err();
    assert_eq!((taken.kind(), taken.code()), (ErrorKind::Invalid, Some("connection_exists")));
    assert_eq!(world.refresh_requests(), 1);
}

#[tokio::test]
async fn an_import_in_bad_weather_keeps_the_refresh_token_and_is_finished_later() {
    let world = World::open().await;
    let refresh_token = world.refresh_token_of_another_program().await;
    let client = world.client();
    world.control().add_fault(Fault { status: Some(503), ..Fault::default() }.on("POST", "/oauth/token"));
    let error = client.import_connection("clinic", refresh_token.clone()).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let waiting = client.connection("clinic").unwrap().summary().await.unwrap();
    assert_eq!((waiting.kind, waiting.state), (ConnectionKind::Unknown, ConnectionState::Active));
    world.control().clear_faults();
    // Another process finds the refresh token in the store, and needs no import.
    let elsewhere = world.builder().shared_store(OtherProcess::on(&world.store)).build().unwrap();
    elsewhere.organization("clinic").unwrap().send("organization.list_members", Map::new()).await.unwrap();
    let summary = client.connection("clinic").unwrap().summary().await.unwrap();
    assert_eq!(summary.kind, ConnectionKind::Organization);
}

#[tokio::test]
async fn a_refresh_token_that_cronofy_refuses_is_said_to_be_gone_and_may_be_replaced() {
    let world = World::open().await;
    let client = world.client();
    for bad in ["", "two words", "line\nbreak"] {
        let error = client.import_connection("clinic", bad).await.unwrap_err();
        assert!(error.fields().contains_key("refresh_token"), "{error}");
    }
    assert_eq!(world.refresh_requests(), 0);
    let error = client.import_connection("clinic", "never-issued").await.unwrap_err();
    assert_eq!((error.code(), error.needs_reauthorization()), (Some("invalid_grant"), true));
    assert!(!error.to_string().contains("never-issued"));
    let refresh_token = world.refresh_token_of_another_program().await;
    client.import_connection("clinic", refresh_token).await.unwrap();
    client.organization("clinic").unwrap().send("organization.list_members", Map::new()).await.unwrap();
}
