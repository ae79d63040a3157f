//! Stores, disks, clocks and servers that fail for a while: it passes, and nothing is lost or made worse.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use orgconnect::{CallOptions, ConnectionState};
use orgconnect_faults::{Action, Order, StoreAt, Way, signal, worker::variable};
use orgconnect_sandbox::{
    ExpiresIn, Fault, FaultBody, RateLimit as ServerLimit, RefreshMode, SignedDuration,
};
use orgconnect_test_services::{Postgres, Redis};
use serde_json::{Map, Value, json};

use crate::{
    sheet::{Row, Sheet, row},
    stores::Apart,
    world::{HOUR, LIST, World, local_stores, store_of},
};

pub fn rows() -> Vec<Row> {
    vec![
        row!(
            "A6",
            "tokens that can't be saved are kept, and saved later",
            "a file size limit (EFBIG), ENOSPC, EIO and EROFS of every write between the token request and the save, 10 rounds",
            local_stores,
            unsaved
        ),
        row!(
            "A10",
            "a store that is stopped or stalls leads to no refresh without its lease",
            "PostgreSQL and Redis stopped, stalled and started again",
            store_down
        ),
        row!(
            "A12",
            "a clock that is wrong or jumps costs at most one refresh",
            "jumps of 10 minutes to 4 hours either way; machines 20 minutes apart on one store",
            clocks
        ),
        row!(
            "A13",
            "an odd lifetime never becomes a storm",
            "12 kinds of expires_in, a minute of calls each",
            odd_lifetimes
        ),
        row!(
            "A16",
            "weather never condemns a grant",
            "40 replies of the token endpoint that say nothing about the grant",
            verdicts
        ),
        row!(
            "A18",
            "a valid token is served while the token endpoint is down",
            "503 for the last minute of a token, 600 calls",
            endpoint_down
        ),
        row!(
            "A19",
            "a server in trouble sees little more than the calls that are made",
            "100 clients with 50 calls a second each, 60 s of 503",
            retry_storm
        ),
        row!(
            "A20",
            "a limiter keeps within the limit, and Retry-After is kept",
            "8 processes, each with an eighth of 50 requests a second and 500 a minute, 75 s against a server that counts",
            limiter
        ),
        row!(
            "A21",
            "a creating call that is cut is not sent again",
            "1,000 calls cut after the request has passed",
            creating_calls
        ),
        row!(
            "A22",
            "an endless, slow or exploding reply is given up",
            "a byte a second, a stall, and a gzip bomb of 1 GiB",
            endless
        ),
        row!(
            "A23",
            "a refresh does not bring a revoked connection back",
            "1,000 revocations that race a refresh",
            revoked
        ),
    ]
}

async fn unsaved(sheet: &mut Sheet) {
    let rounds = sheet.scale("rounds", 1, 10);
    let directory = tempfile::tempdir().unwrap();
    let store = store_of(sheet.part(), directory.path());
    let (mut longest, lease) = (Duration::ZERO, Duration::from_secs(7));
    for round in 0..rounds {
        for (what, errno) in [("EFBIG", None), ("ENOSPC", Some(28)), ("EIO", Some(5)), ("EROFS", Some(30))] {
            let world = World::on(store.open().unwrap()).await;
            world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Strict);
            let id = format!("{what}{round}");
            world.connect(&world.running().build().unwrap(), &id).await;
            let armed = directory.path().join("armed");
            // The lease is both timeouts and 5 seconds.
            let mut builder = world
                .worker(&store, &id)
                .set(variable::TOKEN_TIMEOUT_MS, 1_000)
                .set(variable::STORE_TIMEOUT_MS, 1_000);
            if let Some(errno) = errno {
                builder = builder.shimmed(directory.path(), &armed).set("ORGCONNECT_FAULT_ERRNO", errno);
            }
            let mut worker = builder.start(&[]).unwrap();
            worker.answer().await.unwrap();
            let slow = Fault { delay_before_ms: 60, ..Fault::default() };
            world.control().add_fault(slow.on("POST", "/oauth/token").times(1));
            worker.tell("refresh").await.unwrap();
            while world.refreshes() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if errno.is_some() {
                std::fs::write(&armed, "").unwrap();
            } else {
                signal::limit_file_size(worker.id().unwrap(), Some(0)).unwrap();
            }
            let refreshed = worker.answer().await.unwrap().unwrap_or(Value::Null);
            let served = worker.ask("token").await.unwrap();
            if errno.is_some() {
                std::fs::remove_file(&armed).unwrap();
            } else {
                signal::limit_file_size(worker.id().unwrap(), None).unwrap();
            }
            let settled = worker.ask("settle").await.unwrap();
            sheet.runs += 1;
            let whole =
                refreshed["error"].is_null() && served["error"].is_null() && settled["error"].is_null();
            // Strict rotation would punish the replaced token; another process goes on with the new one, at once.
            let other = world.running().shared_store(Apart::from(&world.store)).build().unwrap();
            let began = Instant::now();
            let next = other.connection(id.as_str()).unwrap().refresh().await;
            longest = longest.max(began.elapsed());
            worker.kill().await.unwrap();
            if !whole || next.is_err() || world.refreshes() != 2 {
                sheet.lost += 1;
                sheet.note(format!("{what}: {refreshed} {served} {settled} {next:?} {}", world.refreshes()));
            }
        }
    }
    sheet.note(format!(
        "every token was served from memory, saved when the disk was back, and never replayed; then another process had its refresh within {} ms",
        longest.as_millis()
    ));
    sheet.hold(format!("the lease was not given back: {longest:?}"), longest < lease / 2);
}

async fn store_down(sheet: &mut Sheet) {
    let (postgres, redis) = (Postgres::start().unwrap(), Redis::builder().durable(true).start().unwrap());
    for (store, stalls) in [
        (StoreAt::Postgres(postgres.url()), false),
        (StoreAt::Postgres(postgres.url()), true),
        (StoreAt::Redis(redis.url()), false),
        (StoreAt::Redis(redis.url()), true),
    ] {
        let world = World::on(store.open().unwrap()).await;
        let client = world.builder().store_timeout(Duration::from_secs(2)).build().unwrap();
        let organization = world.connect(&client, "clinic").await.organization();
        let is_postgres = matches!(store, StoreAt::Postgres(_));
        match (is_postgres, stalls) {
            (true, false) => postgres.stop().unwrap(),
            (true, true) => postgres.pause().unwrap(),
            (false, false) => redis.stop().unwrap(),
            (false, true) => redis.pause().unwrap(),
        }
        let what = format!("{} {}", store.kind(), if stalls { "stalled" } else { "stopped" });
        sheet.hold(
            format!("{what}: a valid token is not served"),
            organization.send(LIST, Map::new()).await.is_ok(),
        );
        world.advance(HOUR * 2);
        for _ in 0..5 {
            let error = organization.send(LIST, Map::new()).await.unwrap_err();
            sheet.hold(
                format!("{what}: {error}"),
                error.kind() == orgconnect::ErrorKind::Store && error.is_transient(),
            );
            sheet.runs += 1;
        }
        sheet.leaked += world.refreshes();
        match (is_postgres, stalls) {
            (true, false) => postgres.start_again().unwrap(),
            (true, true) => postgres.resume().unwrap(),
            (false, false) => redis.start_again().unwrap(),
            (false, true) => redis.resume().unwrap(),
        }
        let healed = async {
            while organization.send(LIST, Map::new()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        sheet.hold(
            format!("{what}: it does not heal"),
            tokio::time::timeout(Duration::from_secs(20), healed).await.is_ok(),
        );
        sheet.equal("refreshes after it was back", world.refreshes(), 1);
    }
}

async fn clocks(sheet: &mut Sheet) {
    let world = World::open().await;
    let organization = world.connect(&world.client(), "clinic").await.organization();
    let mut most = 0;
    for jump in [10, -10, 60, -60, -60, 120, -240, 240, 1, -1] {
        let before = world.refreshes();
        world.clock.shift(SignedDuration::from_mins(jump));
        for _ in 0..10 {
            sheet.runs += 1;
            sheet.lost += u64::from(organization.send(LIST, Map::new()).await.is_err());
        }
        most = most.max(world.refreshes() - before);
    }
    sheet.note(format!("at most {most} refresh a jump"));
    sheet.hold(format!("{most} refreshes for one jump"), most <= 1);
}

async fn odd_lifetimes(sheet: &mut Sheet) {
    let mut most = 0;
    for odd in [
        json!(0),
        json!(-1),
        json!("3600"),
        json!("soon"),
        json!(1e18),
        json!(1e300),
        json!(null),
        json!([]),
        json!({}),
        json!(true),
        json!(0.5),
        json!("NaN"),
    ] {
        let world = World::open().await;
        world.control().update_settings(|settings| settings.expires_in = ExpiresIn::Value(odd.clone()));
        let organization = world.connect(&world.client(), "clinic").await.organization();
        for _ in 0..60 {
            world.advance(Duration::from_secs(1));
            sheet.runs += 1;
            sheet.lost += u64::from(organization.send(LIST, Map::new()).await.is_err());
        }
        most = most.max(world.refreshes());
    }
    sheet.note(format!("at most {most} token requests a minute"));
    sheet.hold(format!("{most} token requests a minute"), most <= 12);
}

async fn verdicts(sheet: &mut Sheet) {
    let grant = || FaultBody::Json(json!({"error": "invalid_grant"}));
    let text = |text: &str| FaultBody::Text(text.into());
    let mut replies: Vec<Fault> =
        [402, 403, 404, 405, 408, 409, 410, 413, 418, 421, 422, 423, 425, 429, 451, 500, 501, 502, 503, 504]
            .map(|status| Fault { body: Some(grant()), ..Fault::status(status) })
            .into();
    for status in [400, 401] {
        for body in [
            text("<html>invalid_grant</html>"),
            text(""),
            text("{\"error\":\"invalid_gr"),
            text("invalid_grant"),
            FaultBody::Json(json!({"error": "invalid_client"})),
            FaultBody::Json(json!({"error": ["invalid_grant"]})),
        ] {
            replies.push(Fault { body: Some(body), ..Fault::status(status) });
        }
    }
    for body in ["", "<html></html>", "[]", "{\"access_token\":7}", "{\"access_token\":\"abc\",\"expi"] {
        replies.push(Fault { body: Some(text(body)), ..Fault::status(200) });
    }
    replies.extend([
        Fault::dropped(),
        Fault { garble: true, commit: Some(false), ..Fault::status(400) },
        Fault::status(302),
    ]);
    sheet.equal("replies", replies.len() as u64, 40);
    let world = World::open().await;
    let client = world.client();
    world.connect(&client, "clinic").await;
    for fault in replies {
        world.advance(HOUR * 2);
        let id = world.control().add_fault(fault.clone().on("POST", "/oauth/token"));
        let other = world.builder().shared_store(Apart::from(&world.store)).build().unwrap();
        let quick = CallOptions::new().timeout(Duration::from_secs(5));
        let outcome = other.organization("clinic").unwrap().with_options(quick).send(LIST, Map::new()).await;
        world.control().remove_fault(id);
        let state = client.connection("clinic").unwrap().summary().await.unwrap().state;
        sheet.runs += 1;
        let wrong = state != ConnectionState::Active || outcome.is_ok_and(|_| true);
        if wrong {
            sheet.lost += 1;
            sheet.note(format!("{fault:?}: {state:?}"));
        }
    }
    let after = world.builder().shared_store(Apart::from(&world.store)).build().unwrap();
    sheet.hold(
        "the grant is usable after all",
        after.organization("clinic").unwrap().send(LIST, Map::new()).await.is_ok(),
    );
}

async fn endpoint_down(sheet: &mut Sheet) {
    let calls = sheet.scale("calls", 60, 600);
    let world = World::open().await;
    let organization = world.connect(&world.client(), "clinic").await.organization();
    organization.send(LIST, Map::new()).await.unwrap();
    world.control().add_fault(Fault::status(503).on("POST", "/oauth/token"));
    world.advance(HOUR - Duration::from_secs(61));
    for _ in 0..calls {
        world.advance(Duration::from_millis(60_000 / calls));
        sheet.runs += 1;
        sheet.lost += u64::from(organization.send(LIST, Map::new()).await.is_err());
    }
    sheet.note(format!("{} token requests meanwhile", world.refreshes()));
}

async fn retry_storm(sheet: &mut Sheet) {
    let (clients, seconds) = (sheet.scale("clients", 8, 100), sheet.scale("seconds", 5, 60));
    let pause = Duration::from_millis(if sheet.is_full() { 20 } else { 100 });
    // The budgets for repetitions are used up by then.
    let settled = Duration::from_secs(if sheet.is_full() { 10 } else { 3 });
    let world = World::open().await;
    world.connect(&world.client(), "clinic").await;
    let fault = world.control().add_fault(Fault::status(503).on("GET", "/v1/"));
    let callers: Vec<_> = (0..clients)
        .map(|_| {
            let client = world.builder().shared_store(Apart::from(&world.store)).build().unwrap();
            client.organization("clinic").unwrap()
        })
        .collect();
    if !sheet.is_full() {
        // Every client has more calls that fail than its budget has repetitions.
        join_all(callers.iter().flat_map(|caller| (0..40).map(|_| caller.send(LIST, Map::new())))).await;
    }
    let began = tokio::time::Instant::now();
    let loops: Vec<_> = callers
        .iter()
        .map(|caller| {
            let caller = caller.clone();
            tokio::spawn(async move {
                let (mut early, mut late, mut calls) = (0, 0, tokio::task::JoinSet::new());
                let mut tick = tokio::time::interval(pause);
                tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
                while began.elapsed() < Duration::from_secs(seconds) {
                    tick.tick().await;
                    // Whether one is slow or not, the next comes when it comes.
                    let caller = caller.clone();
                    calls.spawn(async move { caller.send(LIST, Map::new()).await.is_ok() });
                    *if began.elapsed() < settled { &mut early } else { &mut late } += 1_u64;
                    while calls.try_join_next().is_some() {}
                }
                while calls.join_next().await.is_some() {}
                (early, late)
            })
        })
        .collect();
    tokio::time::sleep_until(began + settled).await;
    let before = world.control().counters().requests;
    let (mut early, mut late) = (0, 0);
    for made in join_all(loops).await {
        let made = made.unwrap();
        (early, late) = (early + made.0, late + made.1);
    }
    sheet.runs = early + late;
    let amplification = (world.control().counters().requests - before) as f64 / late as f64;
    world.control().remove_fault(fault);
    let began = Instant::now();
    let recovered =
        callers.iter().map(|caller| async move { while caller.send(LIST, Map::new()).await.is_err() {} });
    join_all(recovered).await;
    sheet.note(format!(
        "{early} calls in the first {} s, {late} after it with {amplification:.3} requests each; all clients recovered in {} ms",
        settled.as_secs(),
        began.elapsed().as_millis()
    ));
    sheet.hold(format!("{amplification:.3} requests a call are more than 1.10"), amplification <= 1.10);
    sheet.hold("it recovers within 2 s", began.elapsed() < Duration::from_secs(2));
    let wanted = clients * seconds * 1000 / u64::try_from(pause.as_millis()).unwrap();
    if sheet.is_full() && sheet.runs < wanted * 9 / 10 {
        sheet.short_of(format!("{} of {wanted} calls: this machine makes no more", sheet.runs));
    }
}

async fn limiter(sheet: &mut Sheet) {
    let seconds = sheet.scale("seconds", 3, 75);
    let directory = tempfile::tempdir().unwrap();
    let store = StoreAt::Sqlite(directory.path().join("tokens.db"));
    let world = World::on(store.open().unwrap()).await;
    world.connect(&world.running().build().unwrap(), "clinic").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    world.control().update_settings(|settings| settings.rate_limit = ServerLimit::WithRetryAfter);
    world.control().clear_requests();
    // A limiter is a client's own: eight of them share what an application has.
    let mut workers = Vec::new();
    for _ in 0..8 {
        let builder = world.worker(&store, "clinic").set(variable::RATE_LIMIT, "6/60");
        workers.push(builder.start(&[&format!("calls-for {}", seconds * 1000)]).unwrap());
    }
    let mut shares = Vec::new();
    for mut worker in workers {
        let answer = worker.answer().await.unwrap().unwrap();
        shares.push(answer["calls"].as_u64().unwrap());
        sheet.equal("failed calls", answer["failed"].as_u64().unwrap(), 0);
    }
    sheet.runs = shares.iter().sum();
    let refused = world.control().requests().iter().filter(|request| request.status == Some(429)).count();
    sheet.note(format!("{} calls, by process {shares:?}, {refused} refused with 429", sheet.runs));
    sheet.equal("refusals", refused as u64, 0);
    // Without a limiter the server says when to come back, and nobody comes earlier.
    let eager = world
        .running()
        .shared_store(Apart::from(&world.store))
        .build()
        .unwrap()
        .organization("clinic")
        .unwrap();
    let fault = Fault { retry_after: Some("1".into()), ..Fault::status(429) };
    world.control().add_fault(fault.on("GET", "/v1/").times(1));
    world.control().clear_requests();
    let began = Instant::now();
    let _ = join_all((0..10).map(|_| eager.send(LIST, Map::new()))).await;
    let early = began.elapsed() < Duration::from_secs(1);
    sheet.hold("somebody came before Retry-After was over", !early);
}

async fn creating_calls(sheet: &mut Sheet) {
    let calls = sheet.scale("calls", 50, 1000);
    let world = World::open().await;
    let proxy = world.proxy().await;
    let client = world.builder().base_url(proxy.url()).build().unwrap();
    proxy.order(Order {
        on: "POST /v1/element_tokens".into(),
        way: Way::Reply,
        after: 0,
        action: Action::Cut,
        times: None,
    });
    let arguments = json!({"permissions": ["agenda"], "origin": "https://app.example", "subs": ["acc_1"]});
    let Value::Object(arguments) = arguments else { return };
    for _ in 0..calls {
        sheet.runs += 1;
        let outcome = client.send("element_tokens.create", arguments.clone()).await;
        sheet.hold("a call that was cut is an error", outcome.is_err());
    }
    let sent = proxy.exchanges()["POST /v1/element_tokens"];
    sheet.note(format!("{sent} requests for {calls} calls"));
    sheet.leaked = sent.saturating_sub(calls);
}

async fn endless(sheet: &mut Sheet) {
    let world = World::open().await;
    let proxy = world.proxy().await;
    let client = world.builder().base_url(proxy.url()).build().unwrap();
    let organization = world.connect(&client, "clinic").await.organization();
    for action in [Action::Trickle(1_000), Action::Stall] {
        proxy.clear();
        proxy.order(Order { on: "GET ".into(), way: Way::Reply, after: 20, action, times: None });
        let limited =
            organization.with_options(CallOptions::new().timeout(Duration::from_secs(2)).attempts(1));
        let began = Instant::now();
        let outcome = limited.send(LIST, Map::new()).await;
        let took = began.elapsed();
        sheet.runs += 1;
        sheet.note(format!("{action:?}: given up after {} ms of 2,000", took.as_millis()));
        sheet.hold(format!("{action:?}: {took:?}"), outcome.is_err() && took < Duration::from_millis(2_400));
    }
    let directory = tempfile::tempdir().unwrap();
    let store = StoreAt::File(directory.path().join("tokens"));
    let world = World::on(store.open().unwrap()).await;
    world.connect(&world.running().build().unwrap(), "clinic").await;
    let mut worker =
        world.worker(&store, "clinic").set(variable::TOKEN_TIMEOUT_MS, 20_000).start(&[]).unwrap();
    worker.answer().await.unwrap();
    worker.ask("calls 1").await.unwrap();
    let before = worker.ask("usage").await.unwrap();
    let mebibytes = if sheet.is_full() { 1024 } else { 256 };
    let bomb = Fault {
        body: Some(FaultBody::Bytes(bomb(mebibytes))),
        headers: vec![("content-encoding".into(), "gzip".into())],
        ..Fault::status(200)
    };
    world.control().add_fault(bomb.on("GET", "/v1/"));
    let answer = worker.ask("calls 1").await.unwrap();
    let after = worker.ask("usage").await.unwrap();
    let growth = (after["peak_kib"].as_u64().unwrap() - before["peak_kib"].as_u64().unwrap()) / 1024;
    sheet.runs += 1;
    sheet.note(format!("a bomb of {mebibytes} MiB: {}, {growth} MiB more memory", answer["errors"]));
    sheet.hold("a bomb is refused", answer["failed"] == 1);
    sheet.hold(format!("{growth} MiB more memory"), growth < 64);
}

/// So many mebibytes of zeros, compressed.
fn bomb(mebibytes: usize) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..mebibytes {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

async fn revoked(sheet: &mut Sheet) {
    let races = sheet.scale("races", 40, 1000);
    let world = World::in_mode(RefreshMode::Grace).await;
    let slow = Fault { delay_before_ms: 2, delay_after_ms: 2, ..Fault::default() };
    world.control().add_fault(slow.on("POST", "/oauth/token"));
    for number in 0..races {
        let id = format!("race{number}");
        let client = world.client();
        let connection = world.connect(&client, &id).await;
        let sibling = world.builder().shared_store(Apart::from(&world.store)).build().unwrap();
        let theirs = sibling.connection(id.as_str()).unwrap();
        let refresh = tokio::spawn(async move { theirs.refresh().await.map(drop) });
        tokio::time::sleep(Duration::from_micros(number * 797 % 9_000)).await;
        let revoked = connection.revoke().await;
        let _ = refresh.await;
        client.settle().await.unwrap();
        sheet.runs += 1;
        sheet.hold(format!("it was not revoked: {revoked:?}"), revoked.is_ok());
        let state = connection.summary().await.unwrap().state;
        if !matches!(state, ConnectionState::Revoked { .. }) {
            sheet.leaked += 1;
            sheet.note(format!("{state:?}"));
        }
    }
    let alive = world
        .control()
        .connections()
        .iter()
        .filter(|view| view.status == orgconnect_sandbox::ConnectionStatus::Active)
        .count();
    sheet.equal("connections that still live at the server", alive as u64, 0);
}
