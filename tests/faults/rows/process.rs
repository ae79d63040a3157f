//! Processes that are killed, stopped and forked in the middle of their work.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all};
use orgconnect::{Client, ConnectionState, Error, ErrorKind, TokenStore};
use orgconnect_faults::{
    Action, Order, Proxy, StoreAt, Way, Worker, WorkerBuilder, signal::Signal, worker::variable,
};
use orgconnect_sandbox::RefreshMode;
use serde_json::Value;

use crate::{
    sheet::{Row, Sheet, row},
    stores::Apart,
    world::{World, in_every_mode, local_stores, mode_of, shared_stores, store_of},
};

pub fn rows() -> Vec<Row> {
    vec![
        row!(
            "A4",
            "a process that is killed at any time leaves the old record or the new one",
            "500 kills -9 at random times, on every shared store, in every rotation mode",
            || in_every_mode(shared_stores()),
            killed
        ),
        row!(
            "A5",
            "a crash at any step of a refresh is recovered from",
            "a kill before each system call that a refresh makes on the store's files, and before, within and after the token request, in every rotation mode",
            || in_every_mode(local_stores()),
            crashed_at_each_step
        ),
        row!(
            "A9",
            "a holder that stalls is taken over from, and cannot overwrite when it wakes",
            "200 holders stopped for 30 s during the token request, on every shared store, woken when the lease has passed on; and before each system call that a refresh makes on a store's files, so within its locks, too",
            || [shared_stores(), local_stores().into_iter().map(|store| format!("{store} locked")).collect()]
                .concat(),
            stalled_holder
        ),
        row!(
            "A11",
            "a forked child gets a clear error or a client that works",
            "200 forks of a process whose threads are using the client, on every shared store",
            shared_stores,
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
    let kills = sheet.scale("kills", 8, 500);
    let (directory, mode) = (tempfile::tempdir().unwrap(), mode_of(sheet.part()));
    let store = &store_of(sheet.part(), directory.path());
    let world = &World::on(store.open().unwrap()).await;
    world.control().update_settings(|settings| settings.refresh_mode = mode);
    // Most of the time is spent waiting for the leases of the dead to end.
    let lanes = kills.min(40);
    let tallies = join_all((0..lanes).map(|lane| {
        let share = kills / lanes + u64::from(lane < kills % lanes);
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
                sheet.note(format!("{other:?}"));
            }
        }
    }
    if mode == RefreshMode::Strict {
        sheet.note(format!("{named} of {kills} grants lost, each named at once"));
    } else {
        sheet.equal("grants that were lost", named, 0);
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
    let (directory, mode) = (tempfile::tempdir().unwrap(), mode_of(sheet.part()));
    let here = directory.path();
    let (kind, world) = (&store_of(sheet.part(), here), &World::in_mode(mode).await);
    let steps = Case::new(world, kind, &here.join("count")).await.steps().await;
    sheet.hold(format!("{} steps are fewer than 12", steps.len()), steps.len() >= 12);
    if mode == RefreshMode::Static {
        let kinds: BTreeSet<&str> = steps.iter().map(String::as_str).collect();
        let kinds = Vec::from_iter(kinds).join(", ");
        sheet.note(format!("{} system calls ({kinds}), 4 moments of the request", steps.len()));
    }
    let at_calls = (1..=steps.len()).step_by(stride).map(Crash::AtCall);
    let crashes = at_calls.chain(
        [Way::Request, Way::Reply]
            .into_iter()
            .flat_map(|way| [0, 100].map(|after| Crash::InRequest(way, after))),
    );
    let outcomes: Vec<_> = futures_util::stream::iter(crashes)
        .map(|crash| async move {
            let case = Case::new(world, kind, &here.join(format!("{crash:?}"))).await;
            (format!("{crash:?}"), case.crash(crash).await)
        })
        .buffer_unordered(12)
        .collect()
        .await;
    for (what, (found, requests)) in outcomes {
        sheet.runs += 1;
        sheet.hold(format!("{what}: {requests} token requests to recover"), requests <= 2);
        let expected = found == Found::Alive || found == Found::NamedLoss && mode == RefreshMode::Strict;
        if !expected {
            sheet.lost += 1;
            sheet.note(format!("{what}: {found:?}"));
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
    if sheet.part().ends_with("locked") {
        return stopped_at_each_step(sheet).await;
    }
    let holders = sheet.scale("holders", 1, 50);
    let stopped_for = Duration::from_secs(if sheet.is_full() { 30 } else { 0 });
    let directory = tempfile::tempdir().unwrap();
    let store = store_of(sheet.part(), directory.path());
    let world = World::on(store.open().unwrap()).await;
    world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Grace);
    let names: Vec<String> = (0..holders).map(|lane| format!("lane{lane}")).collect();
    let stalls = names.iter().enumerate().map(|(lane, name)| {
        let way = if lane % 2 == 0 { Way::Request } else { Way::Reply };
        stall(&world, &store, name, way, stopped_for)
    });
    let mut longest = Duration::ZERO;
    for outcome in join_all(stalls).await {
        sheet.runs += 1;
        match outcome {
            Ok(late) => longest = longest.max(late),
            Err(why) => {
                sheet.lost += 1;
                sheet.note(why);
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
async fn stall(
    world: &World,
    store: &StoreAt,
    connection: &str,
    way: Way,
    stopped_for: Duration,
) -> Result<Duration, String> {
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
    let wake_at = tokio::time::Instant::now() + stopped_for;
    let answer = waiter.ask("refresh").await.map_err(io)?;
    tokio::time::sleep_until(wake_at).await;
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

/// Stops a holder before each system call of its refresh. Others read all the while; they refresh when the lease has passed
/// on, or are told within seconds that the store is locked; and the holder overwrites nothing when it wakes.
async fn stopped_at_each_step(sheet: &mut Sheet) {
    let stride = if sheet.is_full() { 1 } else { 8 };
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let (kind, world) = (&store_of(sheet.part(), here), &World::in_mode(RefreshMode::Grace).await);
    let steps = Case::new(world, kind, &here.join("count")).await.steps().await;
    let outcomes: Vec<_> = futures_util::stream::iter((1..=steps.len()).step_by(stride))
        .map(|number| async move {
            let case = Case::new(world, kind, &here.join(format!("stop{number}"))).await;
            (number, case.stop(number).await)
        })
        .buffer_unordered(20)
        .collect()
        .await;
    let (mut locked, mut longest_read, mut longest) = (0, Duration::ZERO, Duration::ZERO);
    for (number, outcome) in outcomes {
        sheet.runs += 1;
        match outcome {
            Ok(seen) => {
                locked += u64::from(seen.locked);
                (longest_read, longest) = (longest_read.max(seen.read), longest.max(seen.refresh));
            }
            Err(why) => {
                sheet.lost += 1;
                sheet.note(format!("before {}: {why}", steps[number - 1]));
            }
        }
    }
    sheet.note(format!(
        "reads took at most {} ms, a refresh at most {} ms; {locked} of {} holders had stopped within a lock, and the others were told that the store can't be had now",
        longest_read.as_millis(),
        longest.as_millis(),
        sheet.runs
    ));
    sheet.hold(format!("a read waited {longest_read:?}"), longest_read < Duration::from_secs(2));
    sheet.hold(format!("a refresh waited {longest:?}"), longest < Duration::from_secs(25));
}

/// What others saw of a holder that had stopped.
struct Seen {
    locked: bool,
    read: Duration,
    refresh: Duration,
}

impl Case<'_> {
    async fn stop(self, number: usize) -> Result<Seen, String> {
        let armed = self.directory.join("armed");
        let mut holder = self.worker().set("ORGCONNECT_FAULT_STOP", number).start(&[]).unwrap();
        holder.answer().await.unwrap();
        std::fs::write(&armed, "").unwrap();
        holder.tell("refresh").await.unwrap();
        let status = format!("/proc/{}/stat", holder.id().unwrap());
        while !std::fs::read_to_string(&status).is_ok_and(|status| status.contains(") T ")) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Other objects on the same files, as another process would have.
        let store = self.at.open().unwrap();
        let builder = self.world.running().base_url(self.proxy.url());
        let other = builder.shared_store(store).build().unwrap().connection("clinic").unwrap();
        let began = Instant::now();
        other.summary().await.map_err(|error| format!("reading: {error}"))?;
        let read = began.elapsed();
        let began = Instant::now();
        let refreshed = other.refresh().await;
        let refresh = began.elapsed();
        let locked = match &refreshed {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::Store && error.is_transient() => true,
            Err(error) => return Err(format!("refreshing: {error}")),
        };
        let between = other.summary().await.map_err(|error| format!("reading again: {error}"))?;
        std::fs::remove_file(&armed).unwrap();
        holder.signal(Signal::Continue).unwrap();
        let woken = holder.answer().await.ok().flatten().unwrap_or(Value::Null);
        let after = other.summary().await.map_err(|error| format!("reading at last: {error}"))?;
        // It may go on with what it finds; it must not bring back what was before.
        if after.version < between.version || after.issued_at < between.issued_at {
            return Err(format!("the holder overwrote when it woke: {woken}"));
        }
        other.refresh().await.map_err(|error| format!("after the holder woke: {error}"))?;
        holder.kill().await.unwrap();
        Ok(Seen { locked, read, refresh })
    }
}

async fn forked(sheet: &mut Sheet) {
    let forks = sheet.scale("forks", 20, 200);
    let directory = tempfile::tempdir().unwrap();
    let store = store_of(sheet.part(), directory.path());
    let world = World::on(store.open().unwrap()).await;
    world.connect(&world.running().build().unwrap(), "clinic").await;
    let mut worker = world.worker(&store, "clinic").start(&["fork", &forks.to_string()]).unwrap();
    let answer = worker.answer().await.unwrap().unwrap_or(Value::Null);
    sheet.runs = forks;
    sheet.note(&answer["ends"]);
    // SQLite itself forbids to go on with a database that was opened before a fork: there it is a clear error.
    let wanted = if matches!(store, StoreAt::Sqlite(_)) { "refused" } else { "fine" };
    sheet.hold(&answer, answer["ends"][wanted] == forks);
}
