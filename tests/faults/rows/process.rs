//! Processes that are killed, stopped and forked in the middle of their work.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, future::join_all};
use orgconnect::{Client, ConnectionState, Error, TokenStore};
use orgconnect_faults::{
    Action, Order, Proxy, StoreAt, Way, Worker, WorkerBuilder, signal::Signal, worker::variable,
};
use orgconnect_sandbox::RefreshMode;
use serde_json::Value;

use crate::{
    sheet::{Row, Sheet, row},
    stores::Apart,
    world::{MODES, World, local_stores, shared_stores},
};

pub fn rows() -> Vec<Row> {
    vec![
        row!(
            "A4",
            "a process that is killed at any time leaves the old record or the new one",
            "500 kills -9 at random times, on every shared store, in every rotation mode",
            killed
        ),
        row!(
            "A5",
            "a crash at any step of a refresh is recovered from",
            "a kill before each system call that a refresh makes on the store's files, and before, within and after the token request, in every rotation mode",
            crashed_at_each_step
        ),
        row!(
            "A9",
            "a holder that stalls is taken over from, and cannot overwrite when it wakes",
            "200 holders stopped during the token request, woken after the lease has passed on",
            stalled_holder
        ),
        row!(
            "A11",
            "a forked child gets a clear error or a client that works",
            "200 forks of a process whose threads are using the client, on every shared store",
            forked
        ),
    ]
}

/// What a fresh client finds after something happened to another process.
#[derive(Debug, PartialEq)]
enum Found {
    Alive,
    /// The grant is lost, and the first call has said that a refresh was interrupted.
    NamedLoss,
    Torn(String),
    Lost(String),
}

/// Looks at the connection as the next process would: reads the record, and refreshes.
async fn look(client: &Client, connection: &str) -> Found {
    let connection = client.connection(connection).unwrap();
    match connection.summary().await {
        Ok(_) => {}
        Err(error) => return Found::Torn(name(&error)),
    }
    match connection.refresh().await {
        Ok(_) => Found::Alive,
        Err(error) if error.code() == Some("interrupted") && error.needs_reauthorization() => {
            Found::NamedLoss
        }
        Err(error) if error.code() == Some("store_unreadable") => Found::Torn(name(&error)),
        Err(error) => Found::Lost(name(&error)),
    }
}

fn name(error: &Error) -> String {
    error.to_string()
}

/// A client that shares nothing but the records with any other.
fn fresh(world: &World) -> Client {
    world.running().shared_store(Apart::from(&world.store)).build().unwrap()
}

async fn killed(sheet: &mut Sheet) {
    let kills = sheet.scale("kills for each store and mode", 8, 500);
    let directory = tempfile::tempdir().unwrap();
    for store in shared_stores(directory.path()) {
        for mode in MODES {
            let world = World::on(store.open().unwrap()).await;
            world.control().update_settings(|settings| settings.refresh_mode = mode);
            // Much of the time is spent waiting for the leases of the dead to end.
            let lanes = kills.min(12);
            let tallies = join_all((0..lanes).map(|lane| {
                let (world, store, share) = (&world, &store, kills / lanes + u64::from(lane < kills % lanes));
                async move { kill_again_and_again(world, store, &format!("lane{lane}"), share).await }
            }))
            .await;
            let mut named = 0;
            for found in tallies.into_iter().flatten() {
                sheet.runs += 1;
                match found {
                    Found::Alive => {}
                    Found::NamedLoss => named += 1,
                    other => {
                        sheet.lost += 1;
                        sheet.note(format!("{} {mode:?}: {other:?}", store.kind()));
                    }
                }
            }
            if mode == RefreshMode::Strict {
                sheet.note(format!(
                    "{} strict: {named} of {kills} grants lost, each named at once",
                    store.kind()
                ));
            } else {
                sheet.hold(format!("{} {mode:?}: {named} grants were lost", store.kind()), named == 0);
            }
        }
    }
}

async fn kill_again_and_again(world: &World, store: &StoreAt, connection: &str, kills: u64) -> Vec<Found> {
    let mut all = Vec::new();
    let client = fresh(world);
    world.connect(&client, connection).await;
    for number in 0..kills {
        let builder = world
            .worker(store, connection)
            .set(variable::TOKEN_TIMEOUT_MS, 500)
            .set(variable::STORE_TIMEOUT_MS, 1_000);
        let mut worker = builder.start(&["refresh-forever"]).unwrap();
        // Its first refresh is behind it, and it is anywhere in one of those that follow.
        let first = worker.answer().await;
        let moment = (number * 7_919 + u64::from(worker.id().unwrap_or(0)) * 131) % 40_000;
        tokio::time::sleep(Duration::from_micros(moment)).await;
        worker.kill().await.unwrap();
        let found = match first {
            // A transient failure is no loss: the machine is busy, and the token timeout short.
            Ok(Some(answer)) if answer["reauthorize"] != true => look(&fresh(world), connection).await,
            other => Found::Lost(format!("the worker could not refresh: {other:?}")),
        };
        if found != Found::Alive {
            world.connect(&client, connection).await;
        }
        all.push(found);
    }
    all
}

async fn crashed_at_each_step(sheet: &mut Sheet) {
    let stride = if sheet.is_full() { 1 } else { 5 };
    let directory = tempfile::tempdir().unwrap();
    for kind in local_stores(directory.path()) {
        for mode in MODES {
            let world = &World::in_mode(mode).await;
            let here = directory.path().join(format!("{}-{mode:?}", kind.kind()));
            let steps = Case::new(world, &kind, &here.join("count")).await.steps().await;
            sheet.hold(format!("{} steps are fewer than 12", steps.len()), steps.len() >= 12);
            if mode == RefreshMode::Static {
                let kinds: BTreeSet<&str> = steps.iter().map(String::as_str).collect();
                let kinds = Vec::from_iter(kinds).join(", ");
                sheet.note(format!(
                    "{}: {} system calls ({kinds}), 4 moments of the request",
                    kind.kind(),
                    steps.len()
                ));
            }
            let at_calls = (1..=steps.len()).step_by(stride).map(Crash::AtCall);
            let crashes = at_calls.chain(
                [Way::Request, Way::Reply]
                    .into_iter()
                    .flat_map(|way| [0, 100].map(|after| Crash::InRequest(way, after))),
            );
            let outcomes: Vec<_> = futures_util::stream::iter(crashes)
                .map(|crash| {
                    let (kind, here) = (&kind, here.join(format!("{crash:?}")));
                    async move {
                        (
                            format!("{} {mode:?} {crash:?}", kind.kind()),
                            Case::new(world, kind, &here).await.crash(crash).await,
                        )
                    }
                })
                .buffer_unordered(12)
                .collect()
                .await;
            for (what, (found, requests)) in outcomes {
                sheet.runs += 1;
                sheet.hold(format!("{what}: {requests} token requests to recover"), requests <= 2);
                let expected =
                    found == Found::Alive || found == Found::NamedLoss && mode == RefreshMode::Strict;
                if !expected {
                    sheet.lost += 1;
                    sheet.note(format!("{what}: {found:?}"));
                }
            }
        }
    }
}

/// When a worker is killed.
#[derive(Debug, Clone, Copy)]
enum Crash {
    /// Before the system call with this number.
    AtCall(usize),
    /// When so many bytes of the token request or its reply have passed.
    InRequest(Way, u64),
}

/// One connection in a store of its own, behind a proxy of its own.
struct Case<'a> {
    world: &'a World,
    at: StoreAt,
    store: Arc<dyn TokenStore>,
    directory: PathBuf,
    proxy: Proxy,
}

impl<'a> Case<'a> {
    async fn new(world: &'a World, kind: &StoreAt, directory: &Path) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        let at = match kind {
            StoreAt::File(_) => StoreAt::File(directory.join("tokens")),
            _ => StoreAt::Sqlite(directory.join("tokens.db")),
        };
        let (store, proxy) = (at.open().unwrap(), world.proxy().await);
        let case = Self { world, at, store, directory: directory.to_owned(), proxy };
        world.connect(&case.fresh(), "clinic").await;
        case
    }

    fn fresh(&self) -> Client {
        let builder = self.world.running().base_url(self.proxy.url());
        builder.shared_store(Apart::from(&self.store)).build().unwrap()
    }

    fn worker(&self) -> WorkerBuilder {
        self.world
            .worker(&self.at, "clinic")
            .set(variable::BASE_URL, self.proxy.url())
            .set(variable::TOKEN_TIMEOUT_MS, 1_000)
            .set(variable::STORE_TIMEOUT_MS, 1_000)
            .shimmed(&self.directory, &self.directory.join("armed"))
    }

    /// The system calls of a whole refresh.
    async fn steps(self) -> Vec<String> {
        let log = self.directory.join("steps");
        let mut worker = self.worker().set("ORGCONNECT_FAULT_LOG", log.display()).start(&[]).unwrap();
        worker.answer().await.unwrap();
        std::fs::write(self.directory.join("armed"), "").unwrap();
        let answer = worker.ask("refresh").await.unwrap();
        assert!(answer["error"].is_null(), "{answer}");
        worker.kill().await.unwrap();
        let log = std::fs::read_to_string(log).unwrap();
        log.lines().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect()
    }

    /// Kills a worker in mid-refresh; what the next process finds, and how many token requests that takes.
    async fn crash(self, crash: Crash) -> (Found, u64) {
        let armed = self.directory.join("armed");
        let mut builder = self.worker();
        if let Crash::AtCall(number) = crash {
            builder = builder.set("ORGCONNECT_FAULT_KILL", number);
        }
        let mut worker = builder.start(&[]).unwrap();
        worker.answer().await.unwrap();
        match crash {
            Crash::AtCall(_) => {
                std::fs::write(&armed, "").unwrap();
                let answer = worker.ask("refresh").await;
                std::fs::remove_file(&armed).unwrap();
                if let Ok(answer) = answer {
                    return (Found::Lost(format!("the step was not reached: {answer}")), 0);
                }
            }
            Crash::InRequest(way, after) => {
                let spoiled = self.proxy.spoiled();
                self.proxy.order(Order {
                    on: "POST /oauth/token".into(),
                    way,
                    after,
                    action: Action::Stall,
                    times: Some(1),
                });
                worker.tell("refresh").await.unwrap();
                while self.proxy.spoiled() == spoiled {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
        worker.kill().await.unwrap();
        let before = self.proxy.exchanges().get("POST /oauth/token").copied().unwrap_or(0);
        let client = self.fresh();
        let mut found = look(&client, "clinic").await;
        if found == Found::NamedLoss {
            // Named once, and the next call says the same without a request.
            let again = client.connection("clinic").unwrap().access_token().await;
            if again.is_ok_and(|token| !token.is_empty()) {
                found = Found::Lost("a lost grant was served".to_owned());
            }
        }
        (found, self.proxy.exchanges().get("POST /oauth/token").copied().unwrap_or(0) - before)
    }
}

async fn stalled_holder(sheet: &mut Sheet) {
    let holders = sheet.scale("holders", 4, 200);
    let directory = tempfile::tempdir().unwrap();
    let stores = shared_stores(directory.path());
    let (at_once, mut longest) = (25.min(holders), Duration::ZERO);
    for (number, store) in stores.iter().enumerate() {
        let share =
            holders / stores.len() as u64 + u64::from((number as u64) < holders % stores.len() as u64);
        let world = World::on(store.open().unwrap()).await;
        world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Grace);
        for batch in 0..share.div_ceil(at_once) {
            let here = at_once.min(share - batch * at_once);
            let names: Vec<String> = (0..here).map(|lane| format!("batch{batch}lane{lane}")).collect();
            let stalls = names.iter().enumerate().map(|(lane, name)| {
                let way = if lane % 2 == 0 { Way::Request } else { Way::Reply };
                stall(&world, store, name, way)
            });
            for outcome in join_all(stalls).await {
                sheet.runs += 1;
                match outcome {
                    Ok(late) => longest = longest.max(late),
                    Err(why) => {
                        sheet.lost += 1;
                        sheet.note(format!("{}: {why}", store.kind()));
                    }
                }
            }
        }
    }
    sheet.note(format!("the longest wait was the lease and {} ms", longest.as_millis()));
    sheet.hold(
        format!("a waiter waited {longest:?} longer than the lease"),
        longest <= Duration::from_secs(1),
    );
}

/// Stops a holder in mid-request, lets another process take over, and wakes the holder. How much longer than the lease
/// the other one waited.
async fn stall(world: &World, store: &StoreAt, connection: &str, way: Way) -> Result<Duration, String> {
    // The lease is both timeouts and 5 seconds.
    let [token_timeout, store_timeout, lease] = [2, 1, 8].map(Duration::from_secs);
    let client = fresh(world);
    world.connect(&client, connection).await;
    let proxy = world.proxy().await;
    let start = async |url: &str| -> io::Result<Worker> {
        let builder = world
            .worker(store, connection)
            .set(variable::TOKEN_TIMEOUT_MS, token_timeout.as_millis())
            .set(variable::STORE_TIMEOUT_MS, store_timeout.as_millis());
        let mut worker = builder.set(variable::BASE_URL, url).start(&[])?;
        worker.answer().await?;
        Ok(worker)
    };
    let io = |error: io::Error| error.to_string();
    // Records are kept by address: holder and waiter must have the same one.
    let (mut holder, mut waiter) =
        (start(&proxy.url()).await.map_err(io)?, start(&proxy.url()).await.map_err(io)?);
    let client =
        world.running().base_url(proxy.url()).shared_store(Apart::from(&world.store)).build().unwrap();
    world.connect(&client, connection).await;
    proxy.order(Order {
        on: "POST /oauth/token".into(),
        way,
        after: 0,
        action: Action::Delay(500),
        times: Some(1),
    });
    let spoiled = proxy.spoiled();
    holder.tell("refresh").await.map_err(io)?;
    while proxy.spoiled() == spoiled {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    holder.signal(Signal::Stop).map_err(io)?;
    let answer = waiter.ask("refresh").await.map_err(io)?;
    let connection = client.connection(connection).unwrap();
    let between = connection.summary().await.map_err(|error| error.to_string())?;
    holder.signal(Signal::Continue).map_err(io)?;
    let woken = holder.answer().await.map_err(io)?.unwrap_or(Value::Null);
    if !answer["error"].is_null() {
        return Err(format!("the waiter failed: {answer}"));
    }
    let after = connection.summary().await.map_err(|error| error.to_string())?;
    if (after.version, after.issued_at, &after.state)
        != (between.version, between.issued_at, &ConnectionState::Active)
    {
        return Err(format!("the holder wrote when it woke: {woken}"));
    }
    connection.refresh().await.map_err(|error| format!("after the holder woke: {error}"))?;
    let waited = Duration::from_millis(answer["ms"].as_u64().unwrap_or(u64::MAX));
    Ok(waited.saturating_sub(lease))
}

async fn forked(sheet: &mut Sheet) {
    let forks = sheet.scale("forks for each store", 20, 200);
    let directory = tempfile::tempdir().unwrap();
    for store in shared_stores(directory.path()) {
        let world = World::on(store.open().unwrap()).await;
        world.connect(&world.running().build().unwrap(), "clinic").await;
        let mut worker = world.worker(&store, "clinic").start(&["fork", &forks.to_string()]).unwrap();
        let answer = worker.answer().await.unwrap().unwrap_or(Value::Null);
        sheet.runs += forks;
        sheet.note(format!("{}: {}", store.kind(), answer["ends"]));
        // SQLite itself forbids to go on with a database that was opened before a fork: there it is a clear error.
        let wanted = if matches!(store, StoreAt::Sqlite(_)) { "refused" } else { "fine" };
        sheet.hold(format!("{}: {answer}", store.kind()), answer["ends"][wanted] == forks);
    }
}
