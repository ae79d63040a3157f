//! Many at once: one refresh for each expiry, whoever asks and however many.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use orgconnect_faults::StoreAt;
use orgconnect_sandbox::{Fault, RefreshMode};
use serde_json::{Map, Value};

use crate::{
    sheet::{Row, Sheet, row},
    stores::Apart,
    world::{HOUR, LIST, World, shared_stores},
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
            "64 processes with 1,000 calls each on every shared store, strict rotation, tokens of 6 s",
            processes
        ),
        row!(
            "A3",
            "workers of several languages share one store",
            "16 workers of each language with 500 calls each, strict rotation, tokens of 6 s",
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
            "64 clients of one store, each calling every 100 ms for 60 s after the grant was revoked",
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

/// Lets workers loose on one store and counts what the sandbox saw.
async fn swarm(
    sheet: &mut Sheet,
    what: &str,
    programs: &[Vec<String>],
    each: u64,
    calls: u64,
    store: &StoreAt,
) {
    let world = World::on(store.open().unwrap()).await;
    world.control().update_settings(|settings| {
        settings.refresh_mode = RefreshMode::Strict;
        settings.access_token_ttl_ms = Some(6_000);
    });
    world.connect(&world.running().build().unwrap(), "clinic").await;
    let mut workers = Vec::new();
    for program in programs {
        for _ in 0..each {
            workers
                .push(world.worker_of(program, store, "clinic").start(&[&format!("calls {calls}")]).unwrap());
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
    sheet.note(format!("{what}: {expiries} expiries, {extra} superfluous refreshes"));
    errors.dedup();
    sheet.hold(format!("{what}: {failed} failed calls {errors:?}"), failed == 0);
    sheet.hold(format!("{what}: {bad_ends} workers ended badly"), bad_ends == 0);
    sheet.hold(format!("{what}: {extra} superfluous refreshes"), extra == 0);
    sheet.hold(
        format!("{what}: {} refused refreshes", world.refreshes() - expiries),
        world.refreshes() == expiries,
    );
}

fn rust_worker() -> Vec<String> {
    vec![env!("CARGO_BIN_EXE_orgconnect-fault-worker").to_owned()]
}

async fn processes(sheet: &mut Sheet) {
    let each = sheet.scale("processes", 8, 64);
    let calls = sheet.scale("calls of each process", 300, 1000);
    let directory = tempfile::tempdir().unwrap();
    for store in shared_stores(directory.path()) {
        swarm(sheet, store.kind(), &[rust_worker()], each, calls, &store).await;
    }
}

async fn languages(sheet: &mut Sheet) {
    let each = sheet.scale("workers of each language", 3, 16);
    let calls = sheet.scale("calls of each worker", 100, 500);
    // One command a line: the program and its first arguments, separated by blanks.
    let others = std::env::var("ORGCONNECT_FAULT_WORKERS").unwrap_or_default();
    let mut programs = vec![rust_worker()];
    programs
        .extend(others.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()));
    programs.retain(|program| !program.is_empty());
    if programs.len() < 2 {
        sheet.short_of("workers of one language only (ORGCONNECT_FAULT_WORKERS names no others)");
    }
    sheet.note(format!("{} languages", programs.len()));
    let directory = tempfile::tempdir().unwrap();
    for store in shared_stores(directory.path()) {
        swarm(sheet, store.kind(), &programs, each, calls, &store).await;
        let client =
            orgconnect::Client::builder("x", "x").shared_store(store.open().unwrap()).build().unwrap();
        drop(client);
    }
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
    let (clients, rounds) = (sheet.scale("clients", 16, 64), sheet.scale("calls of each", 20, 600));
    let world = Arc::new(World::open().await);
    let connection = world.connect(&world.client(), "clinic").await;
    let sub = connection.summary().await.unwrap().sub.unwrap();
    world.control().revoke_connection(&sub);
    let callers = (0..clients).map(|_| {
        let client = world.builder().shared_store(Apart::from(&world.store)).build().unwrap();
        let organization = client.organization("clinic").unwrap();
        tokio::spawn(async move {
            let mut served = 0;
            for _ in 0..rounds {
                served += u64::from(organization.send(LIST, Map::new()).await.is_ok());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            served
        })
    });
    for caller in join_all(callers).await {
        sheet.runs += rounds;
        sheet.equal("calls that were served", caller.unwrap(), 0);
    }
    sheet.note(format!("{} token requests by {clients} clients", world.refreshes()));
    sheet.hold(format!("{} token requests are more than 20", world.refreshes()), world.refreshes() <= 20);
}
