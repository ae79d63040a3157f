//! The services start, hold data through an end, stall and go on, and are gone with the process that started them.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use orgconnect_test_services::{Postgres, Redis};

#[test]
fn a_postgres_keeps_its_data_when_it_is_stopped_and_when_it_is_killed() {
    let postgres = Postgres::start().unwrap();
    postgres.sql("postgres", "CREATE TABLE t (n int); INSERT INTO t VALUES (1)").unwrap();
    postgres.stop().unwrap();
    assert!(!postgres.is_running());
    assert!(postgres.sql("postgres", "SELECT 1").is_err());
    postgres.start_again().unwrap();
    postgres.sql("postgres", "INSERT INTO t VALUES (2)").unwrap();
    postgres.kill().unwrap();
    postgres.start_again().unwrap();
    assert_eq!(postgres.sql("postgres", "SELECT sum(n) FROM t").unwrap(), "3");
}

#[test]
fn a_durable_redis_keeps_its_data_when_it_is_killed_and_another_forgets() {
    for durable in [true, false] {
        let redis = Redis::builder().durable(durable).start().unwrap();
        redis.command(&["SET", "k", "v"]).unwrap();
        redis.kill().unwrap();
        redis.start_again().unwrap();
        assert_eq!(redis.command(&["EXISTS", "k"]).unwrap(), if durable { ":1\r\n" } else { ":0\r\n" });
    }
}

#[test]
fn a_service_that_is_paused_says_nothing_and_goes_on_when_resumed() {
    let redis = Redis::start().unwrap();
    redis.pause().unwrap();
    let mut socket = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(socket.read(&mut [0]).is_err());
    redis.resume().unwrap();
    assert!(redis.command(&["PING"]).unwrap().starts_with("+PONG"));
    let postgres = Postgres::start().unwrap();
    postgres.pause().unwrap();
    postgres.resume().unwrap();
    assert_eq!(postgres.sql("postgres", "SELECT 1").unwrap(), "1");
}

/// Set in a second process of this binary, which starts services and waits to be killed.
const DOOMED: &str = "ORGCONNECT_TEST_DOOMED";

#[test]
fn services_are_gone_with_the_process_that_started_them() {
    if std::env::var_os(DOOMED).is_some() {
        let (postgres, redis) = (Postgres::start().unwrap(), Redis::start().unwrap());
        redis.pause().unwrap();
        postgres.pause().unwrap();
        println!("\nports {} {} {}", postgres.port(), redis.port(), redis.socket_url());
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let mut doomed = Command::new(std::env::current_exe().unwrap())
        .args(["services_are_gone_with_the_process_that_started_them", "--exact", "--nocapture"])
        .env(DOOMED, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(doomed.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.starts_with("ports ")).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    let directory = Path::new(words[3].trim_start_matches("redis+unix://")).parent().unwrap();
    let began = Instant::now();
    while directory.exists()
        || words[1..3].iter().any(|port| TcpStream::connect(("127.0.0.1", port.parse().unwrap())).is_ok())
    {
        assert!(began.elapsed() < Duration::from_secs(20), "a service outlived its process: {line}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
