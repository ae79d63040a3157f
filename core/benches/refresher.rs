//! Keeps 100,000 connections in PostgreSQL fresh with two refreshers, and says how fast that went and what it cost.
//!
//! PostgreSQL and the token endpoint run on this machine, too, and take their share of it. The endpoint is a small server
//! of its own that answers at once, so that what is measured is the refresher and the store. `CONNECTIONS`, `CONCURRENCY`
//! and `PROCESSES` (clients with a pool of their own) can be set. `make bench-refresher` runs it.
#![allow(
    clippy::expect_used,
    clippy::pedantic,
    missing_docs,
    reason = "a benchmark stops where it can't go on"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cpu_time::ProcessTime;
use orgconnect::{Client, ConnectionId, ManualClock, PostgresStore, RefresherStats};
use orgconnect_test_services::Postgres;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |text| text.parse().expect("a number"))
}

#[tokio::main]
async fn main() {
    let connections = setting("CONNECTIONS", 100_000);
    let concurrency = setting("CONCURRENCY", 32);
    let processes = setting("PROCESSES", 2);
    let postgres = Postgres::start().expect("PostgreSQL, which `tools/setup services` installs");
    let (url, served) = token_endpoint().await;
    let clock = Arc::new(ManualClock::starting_at(jiff::Timestamp::now()));
    let client = |pool: usize| {
        let store =
            PostgresStore::open(&format!("{}?pool={pool}&timeout=30", postgres.url())).expect("a store");
        Client::builder("CLIENT_ID", "CLIENT_SECRET")
            .base_url(&url)
            .store(store)
            .clock(Arc::clone(&clock) as _)
            .build()
            .expect("a client")
    };
    let began = Instant::now();
    // One is authorized, and the others are copies of it under ids of their own.
    let first = ConnectionId::new("c0000000").expect("an id");
    client(1).complete_delegated("code", "https://app.example/callback", Some(first)).await.expect("tokens");
    let copies = format!(
        "INSERT INTO orgconnect.records (namespace, connection, version, expires_at_ms, payload) \
         SELECT namespace, 'c' || lpad(number::text, 7, '0'), version, expires_at_ms, payload \
         FROM orgconnect.records, generate_series(1, {}) AS number",
        connections - 1
    );
    postgres.sql("postgres", &copies).expect("PostgreSQL answers");
    println!("{connections} connections were made in {:.1} s", began.elapsed().as_secs_f64());
    postgres.sql("postgres", "VACUUM ANALYZE").expect("PostgreSQL answers");
    let size = postgres.sql("postgres", "SELECT pg_total_relation_size('orgconnect.records') / 1024 / 1024");
    println!("they take {} MB in PostgreSQL, indexes included", size.expect("PostgreSQL answers"));

    // All of them end within ten minutes: the worst hour there is.
    clock.advance(Duration::from_mins(52));
    served.store(0, Ordering::Relaxed);
    let (began, cpu) = (Instant::now(), ProcessTime::now());
    let workers = (0..processes).map(|_| {
        let client = client(concurrency.min(24));
        tokio::spawn(
            async move { client.refresher().concurrency(concurrency).run_once().await.expect("a round") },
        )
    });
    let mut shares: Vec<RefresherStats> = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        shares.push(worker.await.expect("a worker"));
    }
    let (elapsed, cpu) = (began.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64());
    let refreshed: u64 = shares.iter().map(|share| share.refreshed).sum();
    let failed: u64 = shares.iter().map(|share| share.failed).sum();
    let parts: Vec<String> = shares.iter().map(|share| share.refreshed.to_string()).collect();
    println!(
        "{processes} refreshers with {concurrency} at once: {refreshed} refreshed ({}), {failed} failed",
        parts.join(" + ")
    );
    println!("the token endpoint was asked {} times", served.load(Ordering::Relaxed));
    println!(
        "{elapsed:.1} s, {:.0} a second; {:.2} ms of this process's CPU each, the endpoint's included",
        refreshed as f64 / elapsed,
        cpu * 1000.0 / refreshed as f64
    );
    let hour = connections as f64 / 3000.0;
    println!("an hour's work of {connections} connections is {hour:.0} a second");
    let began = Instant::now();
    let idle = client(4).refresher().run_once().await.expect("a round");
    println!("a round that finds nothing due took {:.1} ms", began.elapsed().as_secs_f64() * 1000.0);
    assert_eq!((refreshed, failed, idle.claimed), (connections as u64, 0, 0));
    assert_eq!(served.load(Ordering::Relaxed), connections as u64, "each connection was refreshed once");
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
