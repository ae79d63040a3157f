//! Keeps 100,000 connections in PostgreSQL fresh with two refreshers, and says how fast that went and what it cost.
//!
//! The refreshers are processes of their own, as on two machines. PostgreSQL and the token endpoint run on this machine,
//! too, and take their share of it: the CPU time of each is counted apart. The endpoint is a small server that answers at
//! once, so that what is measured is the refresher and the store. `CONNECTIONS`, `CONCURRENCY`, `POOL` and `PROCESSES` can
//! be set. `make bench-refresher` runs it.
#![allow(
    clippy::expect_used,
    clippy::pedantic,
    missing_docs,
    reason = "a benchmark stops where it can't go on"
)]

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cpu_time::ProcessTime;
use jiff::Timestamp;
use orgconnect::{Client, ConnectionId, ManualClock, PostgresStore};
use orgconnect_test_services::Postgres;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
};

/// Names the store, the endpoint and the time for a process that is one of the refreshers.
const STORE: &str = "ORGCONNECT_BENCH_STORE";
const ENDPOINT: &str = "ORGCONNECT_BENCH_ENDPOINT";
const NOW: &str = "ORGCONNECT_BENCH_NOW";
/// A lifetime of an hour less ten minutes and a bit: all of the tokens are due, and none has ended.
const LATER: Duration = Duration::from_mins(52);

fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |text| text.parse().expect("a number"))
}

#[tokio::main]
async fn main() {
    match std::env::var(NOW) {
        Ok(now) => refresh(now.parse().expect("a time")).await,
        Err(_) => measure().await,
    }
}

/// A client as on a machine of its own.
fn client(store: &str, endpoint: &str, pool: usize, now: Timestamp) -> Client {
    let store = PostgresStore::open(&format!("{store}?pool={pool}&timeout=30")).expect("a store");
    let clock = Arc::new(ManualClock::starting_at(now));
    let builder = Client::builder("CLIENT_ID", "CLIENT_SECRET").base_url(endpoint).store(store);
    builder.clock(clock as _).build().expect("a client")
}

/// What each of the refreshers does: one round, until nothing is due.
async fn refresh(now: Timestamp) {
    let from = |name| std::env::var(name).expect("it is set for this process");
    let concurrency = setting("CONCURRENCY", 32);
    let client = client(&from(STORE), &from(ENDPOINT), setting("POOL", concurrency.min(24)), now);
    let began = Instant::now();
    let done = client.refresher().concurrency(concurrency).run_once().await.expect("a round");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    println!(
        "{}",
        json!({
            "refreshed": done.refreshed, "failed": done.failed, "seconds": began.elapsed().as_secs_f64(),
            "cpu_ms": ProcessTime::now().as_duration().as_millis() as u64,
            "peak_kib": peak.and_then(|peak| peak.parse::<u64>().ok()),
        })
    );
}

async fn measure() {
    let connections = setting("CONNECTIONS", 100_000);
    let processes = setting("PROCESSES", 2);
    let postgres = Postgres::start().expect("PostgreSQL, which `tools/setup services` installs");
    let sql = |text: &str| postgres.sql("postgres", text).expect("PostgreSQL answers");
    let (endpoint, served) = token_endpoint().await;
    let now = Timestamp::now();
    let began = Instant::now();
    // One is authorized, and the others are copies of it under ids of their own.
    let first = ConnectionId::new("c0000000").expect("an id");
    let connected = client(&postgres.url(), &endpoint, 1, now);
    connected.complete_delegated("code", "https://app.example/callback", Some(first)).await.expect("tokens");
    sql(&format!(
        "INSERT INTO orgconnect.records (namespace, connection, version, expires_at_ms, payload) \
         SELECT namespace, 'c' || lpad(number::text, 7, '0'), version, expires_at_ms, payload \
         FROM orgconnect.records, generate_series(1, {}) AS number",
        connections - 1
    ));
    sql("VACUUM ANALYZE");
    let size = sql("SELECT pg_total_relation_size('orgconnect.records') / 1024 / 1024");
    println!(
        "{connections} connections were made in {:.1} s; they take {size} MB in PostgreSQL, indexes included",
        began.elapsed().as_secs_f64()
    );

    served.store(0, Ordering::Relaxed);
    let later = now.saturating_add(jiff::SignedDuration::try_from(LATER).expect("a while")).expect("a time");
    let (began, own, theirs) = (Instant::now(), ProcessTime::now(), postgres.cpu().expect("it runs"));
    let program = std::env::current_exe().expect("a path");
    let refreshers = (0..processes).map(|_| {
        let mut command = Command::new(&program);
        command.env(STORE, postgres.url()).env(ENDPOINT, &endpoint).env(NOW, later.to_string());
        command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("a refresher")
    });
    let mut shares: Vec<Value> = Vec::new();
    for refresher in refreshers.collect::<Vec<_>>() {
        let output = refresher.wait_with_output().await.expect("a refresher");
        shares.push(serde_json::from_slice(&output.stdout).expect("what it has done"));
    }
    let elapsed = began.elapsed().as_secs_f64();
    let of =
        |name: &str| -> Vec<u64> { shares.iter().map(|share| share[name].as_u64().unwrap_or(0)).collect() };
    let sum = |name: &str| of(name).iter().sum::<u64>();
    let (refreshed, failed) = (sum("refreshed"), sum("failed"));
    let each = |milliseconds: u64| milliseconds as f64 / refreshed as f64;
    let parts: Vec<String> = of("refreshed").iter().map(u64::to_string).collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{processes} refreshers: {refreshed} refreshed ({}), {failed} failed", parts.join(" + "));
    println!("the token endpoint was asked {} times", served.load(Ordering::Relaxed));
    println!("{elapsed:.1} s, {:.0} a second (load average {})", refreshed as f64 / elapsed, &load[..4]);
    println!(
        "CPU of a refresh: refresher {:.3} ms, PostgreSQL {:.3} ms, token endpoint {:.3} ms",
        each(sum("cpu_ms")),
        each((postgres.cpu().expect("it runs") - theirs).as_millis() as u64),
        each(own.elapsed().as_millis() as u64),
    );
    println!(
        "memory: a refresher {} MiB at most, PostgreSQL {} MiB",
        of("peak_kib").iter().max().unwrap_or(&0) / 1024,
        postgres.memory().expect("it runs")
    );
    let size = sql("SELECT pg_total_relation_size('orgconnect.records') / 1024 / 1024");
    println!("the records take {size} MB now");
    println!("an hour's work of {connections} connections is {:.0} a second", connections as f64 / 3000.0);
    // Its intent, and its tokens.
    let others = sql("SELECT count(*) FROM orgconnect.records WHERE version <> 3");
    let began = Instant::now();
    let idle = client(&postgres.url(), &endpoint, 4, later).refresher().run_once().await.expect("a round");
    println!("a round that finds nothing due took {:.1} ms", began.elapsed().as_secs_f64() * 1000.0);
    assert_eq!((refreshed, failed, idle.claimed), (connections as u64, 0, 0));
    assert_eq!(served.load(Ordering::Relaxed), connections as u64, "each connection was refreshed once");
    assert_eq!(others, "0", "each record was written twice");
}

/// Answers every request with tokens, on connections that stay open.
async fn token_endpoint() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let served = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&served);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, Arc::clone(&counted)));
        }
    });
    (url, served)
}

async fn answer(mut socket: TcpStream, served: Arc<AtomicU64>) {
    let mut read = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        while let Some(length) = request_length(&read) {
            read.drain(..length);
            let number = served.fetch_add(1, Ordering::Relaxed);
            let body = format!(
                r#"{{"token_type":"bearer","access_token":"access-{number:026}","refresh_token":"refresh-{number:025}","expires_in":3600,"scope":"organizational_unit_scheduler","account_id":"acc_{number:024}","linking_profile":{{"provider_name":"google","profile_id":"pro_{number:012}","profile_name":"someone@example.com"}}}}"#
            );
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ";
            if socket.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).await.is_err() {
                return;
            }
        }
        match socket.read(&mut buffer).await {
            Ok(count) if count > 0 => read.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
}

/// How long the first request is, once all of it is there.
fn request_length(read: &[u8]) -> Option<usize> {
    let head = read.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&read[..head]).ok()?.to_ascii_lowercase();
    let body: usize =
        text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    (read.len() >= head + body).then_some(head + body)
}
