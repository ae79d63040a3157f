//! A PostgreSQL and a Redis of a test's own, started from Debian's packages in a temporary directory, on a unix socket
//! and a loopback port that the operating system chooses.
//!
//! ```no_run
//! use orgconnect_test_services::{Postgres, Redis};
//!
//! let postgres = Postgres::start().unwrap();
//! println!("{}", postgres.url());
//! let redis = Redis::builder().durable(true).start().unwrap();
//! redis.pause().unwrap(); // SIGSTOP: it accepts connections and answers nothing
//! redis.resume().unwrap();
//! redis.kill().unwrap(); // SIGKILL
//! redis.start_again().unwrap(); // the same data, the same address
//! ```
//!
//! A service ends when it is dropped, and also when this process dies, however it does: a watchdog outside holds the
//! other end of a pipe, stops the service when that closes, and removes the directory. `tools/setup services` installs
//! the servers. When this runs as root the servers don't: they get an unprivileged user.
#![forbid(unsafe_code)]

mod postgres;
mod process;
mod redis;

pub use self::{
    postgres::{Postgres, PostgresBuilder},
    redis::{Redis, RedisBuilder},
};

/// A certificate and its key, in PEM form, for a server that speaks TLS.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate, or a chain of them.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}
