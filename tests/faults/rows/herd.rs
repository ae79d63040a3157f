//! Many at once: one refresh for each expiry, whoever asks and however many.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use orgconnect_sandbox::{Fault, RefreshMode};
use serde_json::{Map, Value};

use crate::{
    sheet::{Row, Sheet, row},
    stores::Apart,
    world::{HOUR, LIST, World, shared_stores, store_of},
};

pub fn rows() -> Vec<Row> {
    vec![
        row!(
            "A1",
            "a herd in one process shares one refresh per expiry",
            "1,000 tasks at once, token endpoint 200 ms slow, 20 expiries",
            one_process
        ),
        row!(
            "A2",
            "a herd of processes shares one refresh per expiry",
            "64 processes with 1,000 calls each in a minute or more, on every shared store, strict rotation, tokens of 6 s",
            shared_stores,
            processes
        ),
        row!(
            "A3",
            "workers of several languages share one store",
            "16 workers in Rust, 16 in Python and 16 in Node with 500 calls each, on every shared store, strict rotation, tokens of 6 s",
            shared_stores,
            languages
        ),
        row!(
            "A14",
            "many rejections at once cause one refresh and one repetition each",
            "1,000 concurrent 401s",
            rejections
        ),
        row!(
            "A15",
            "a rejected token that a sibling has replaced costs no refresh",
            "the old token ends with each of 200 refreshes by a sibling",
            replaced_by_sibling
        ),
        row!(
            "A17",
            "a dead grant is not hammered",
            "64 processes on every shared store, each calling once or twice a second for 10 minutes after the grant was revoked",
            dead_grant
        ),
    ]
}

async fn one_process(sheet: &mut Sheet) {
    let tasks = sheet.scale("tasks", 300, 1000);
    let expiries = sheet.scale("expiries", 5, 20);
    let world = World::in_mode(RefreshMode::Strict).await;
    let organization = world.connect(&world.client(), "clinic").await.organization();
    let slow = Fault { delay_before_ms: 200, ..Fault::default() };
    world.control().add_fault(slow.on("POST", "/oauth/token"));
    for _ in 0..expiries {
        world.advance(HOUR * 2);
        let calls = (0..tasks).map(|_| {
            let organization = organization.clone();
            tokio::spawn(async move { organization.send(LIST, Map::new()).await })
        });
        let failed = join_all(calls).await.into_iter().filter(|call| !matches!(call, Ok(Ok(_)))).count();
        sheet.runs += tasks;
        sheet.equal("failed calls", failed as u64, 0);
    }
    sheet.note(format!("{} refreshes in {expiries} expiries", world.refreshes()));
    sheet.equal("refreshes", world.refreshes(), expiries);
}

/// A token is used for 5 s at least, whatever its lifetime: this is the shortest that is refreshed ahead of its end.
const SHORT_LIFE_MS: u64 = 6_000;

/// Lets workers loose on one store, with a pause after each call, and counts what the sandbox saw.
async fn swarm(sheet: &mut Sheet, programs: &[Vec<String>], each: u64, calls: u64, pause_ms: u64) {
    let directory = tempfile::tempdir().unwrap();
    let store = store_of(sheet.part(), directory.path());
    let world = World::on(store.open().unwrap()).await;
    world.control().update_settings(|settings| {
        settings.refresh_mode = RefreshMode::Strict;
        settings.access_token_ttl_ms = Some(SHORT_LIFE_MS);
    });
    world.connect(&world.running().build().unwrap(), "clinic").await;
    let command = format!("calls {calls} 1 {pause_ms}");
    let mut workers = Vec::new();
    for program in programs {
        for _ in 0..each {
            workers.push(world.worker_of(program, &store, "clinic").start(&[&command]).unwrap());
        }
    }
    let (mut failed, mut bad_ends, mut errors) = (0, 0, Vec::new());
    for mut worker in workers {
        let answer = worker.answer().await.ok().flatten().unwrap_or(Value::Null);
        failed += answer["failed"].as_u64().unwrap_or(calls);
        if answer["failed"] != 0 {
            errors.push(answer["errors"].to_string());
        }
        bad_ends += u64::from(!worker.end(Duration::from_secs(30)).await.unwrap_or(false));
        sheet.runs += calls;
    }
    let (expiries, extra) = world.expiries();
    sheet.note(format!("{expiries} expiries, {extra} superfluous refreshes"));
    errors.dedup();
    sheet.hold(format!("{failed} failed calls {errors:?}"), failed == 0);
    sheet.equal("workers that ended badly", bad_ends, 0);
    sheet.equal("superfluous refreshes", extra, 0);
    sheet.equal("refused refreshes", world.refreshes() - expiries, 0);
}

fn rust_worker() -> Vec<String> {
    vec![env!("CARGO_BIN_EXE_orgconnect-fault-worker").to_owned()]
}

async fn processes(sheet: &mut Sheet) {
    let each = sheet.scale("processes", 8, 64);
    let calls = sheet.scale("calls of each process", 300, 1000);
    let pause_ms = if sheet.is_full() { 60 } else { 20 };
    swarm(sheet, &[rust_worker()], each, calls, pause_ms).await;
}

async fn languages(sheet: &mut Sheet) {
    let each = sheet.scale("workers of each language", 3, 16);
    let calls = sheet.scale("calls of each worker", 100, 500);
    let pause_ms = if sheet.is_full() { 100 } else { 70 };
    // One command a line: the program and its first arguments, separated by blanks.
    let others = std::env::var("ORGCONNECT_FAULT_WORKERS").unwrap_or_default();
    let mut programs = vec![rust_worker()];
    programs
        .extend(others.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()));
    programs.retain(|program| !program.is_empty());
    if programs.len() < 3 {
        sheet.short_of("workers of all languages (ORGCONNECT_FAULT_WORKERS names the others)");
    }
    sheet.note(format!("{} languages", programs.len()));
    swarm(sheet, &programs, each, calls, pause_ms).await;
}

async fn rejections(sheet: &mut Sheet) {
    let at_once = sheet.scale("calls at once", 300, 1000);
    let world = World::open().await;
    let organization = world.connect(&world.client(), "clinic").await.organization();
    organization.send(LIST, Map::new()).await.unwrap();
    world.control().expire_access_tokens(None);
    world.control().reset_counters();
    let calls = (0..at_once).map(|_| {
        let organization = organization.clone();
        tokio::spawn(async move { organization.send(LIST, Map::new()).await })
    });
    let failed = join_all(calls).await.into_iter().filter(|call| !matches!(call, Ok(Ok(_)))).count();
    let calls = world.control().counters().routes["GET /v1/organizational_unit_members"];
    sheet.runs = at_once;
    sheet.note(format!("{} token request, {calls} API requests", world.refreshes()));
    sheet.equal("failed calls", failed as u64, 0);
    sheet.equal("token requests", world.refreshes(), 1);
    sheet.hold(format!("{calls} API requests are more than two a call"), calls <= 2 * at_once);
    world.control().add_fault(Fault::status(401).on("GET", "/v1/"));
    let error = organization.send(LIST, Map::new()).await.unwrap_err();
    sheet.hold("a second 401 is an error", error.status() == Some(401));
}

async fn replaced_by_sibling(sheet: &mut Sheet) {
    let rounds = sheet.scale("rounds", 20, 200);
    let world = World::open().await;
    world.control().update_settings(|settings| settings.refresh_invalidates_access_token = true);
    let ours = world.connect(&world.client(), "clinic").await.organization();
    let sibling = world.builder().shared_store(Apart::from(&world.store)).build().unwrap();
    let theirs = sibling.connection("clinic").unwrap();
    ours.send(LIST, Map::new()).await.unwrap();
    let mut failed = 0;
    for _ in 0..rounds {
        theirs.refresh().await.unwrap();
        failed += u64::from(ours.send(LIST, Map::new()).await.is_err());
        sheet.runs += 1;
    }
    let unauthorized = world.control().counters().unauthorized;
    sheet.note(format!("{unauthorized} rejected calls, {} refreshes, all asked for", world.refreshes()));
    sheet.equal("failed calls", failed, 0);
    sheet.equal("refreshes beside those that were asked for", world.refreshes() - rounds, 0);
    sheet.equal("rejected calls", unauthorized, rounds);
}

async fn dead_grant(sheet: &mut Sheet) {
    let (processes, calls) =
        (sheet.scale("processes for each store", 8, 64), sheet.scale("calls of each", 20, 1200));
    let (pause_ms, directory) = (if sheet.is_full() { 500 } else { 100 }, tempfile::tempdir().unwrap());
    let began = Instant::now();
    // They mostly wait, so all stores are tried at once.
    let tries = shared_stores().into_iter().map(|kind| {
        let store = store_of(&kind, directory.path());
        async move {
            let world = World::on(store.open().unwrap()).await;
            let connection = world.connect(&world.running().build().unwrap(), "clinic").await;
            let sub = connection.summary().await.unwrap().sub.unwrap();
            world.control().revoke_connection(&sub);
            let command = format!("calls {calls} 1 {pause_ms}");
            let workers: Vec<_> =
                (0..processes).map(|_| world.worker(&store, "clinic").start(&[&command]).unwrap()).collect();
            let mut served = 0;
            for mut worker in workers {
                let answer = worker.answer().await.ok().flatten().unwrap_or(Value::Null);
                served += calls - answer["failed"].as_u64().unwrap_or(0);
            }
            (kind, served, world.refreshes())
        }
    });
    for (kind, served, requests) in join_all(tries).await {
        sheet.runs += processes * calls;
        sheet.equal("calls that were served", served, 0);
        sheet.note(format!("{kind}: {requests} token requests by {processes} processes"));
        sheet.hold(format!("{kind}: {requests} token requests are more than 20"), requests <= 20);
    }
    sheet.note(format!("{} s of calls", began.elapsed().as_secs()));
}
