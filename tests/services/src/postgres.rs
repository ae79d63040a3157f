//! A PostgreSQL of a test's own.

use std::{
    fs,
    io::{self, Error},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    Certificate,
    process::{self, Server, Settings},
};

const PASSWORD: &str = "postgres-password-canary";

/// A PostgreSQL server with one superuser, `postgres`, who logs in with a password.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    binaries: PathBuf,
    port: u16,
    settings: Settings,
}

/// How a [`Postgres`] is to run.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct PostgresBuilder {
    settings: Settings,
}

impl PostgresBuilder {
    /// Whether what is committed survives the machine (`fsync`). Default: no, which is quicker;
    /// what is committed survives the server's own end all the same.
    pub fn durable(mut self, durable: bool) -> Self {
        self.settings.durable = durable;
        self
    }

    /// Speaks TLS as well, with this certificate.
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.settings.certificate = Some(certificate);
        self
    }

    /// One more setting of `postgresql.conf`.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.more.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it, and waits until it accepts connections.
    ///
    /// # Errors
    /// If it is not installed, or does not start: its log says why.
    pub fn start(self) -> io::Result<Postgres> {
        let binaries = binaries()?;
        let server = Server::prepare("postgres", "data/postmaster.pid", &self.settings)?;
        server.write("password", PASSWORD)?;
        let status = server
            .command(&binaries.join("initdb"))?
            .args(["--pgdata", "data", "--username", "postgres", "--pwfile", "password"])
            .args([
                "--auth",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--locale",
                "C",
                "--no-sync",
                "--no-instructions",
            ])
            .status()?;
        if !status.success() {
            return Err(Error::other(format!("initdb failed: {}", server.log())));
        }
        let postgres = Postgres { server, binaries, port: process::free_port()?, settings: self.settings };
        postgres.start_again()?;
        Ok(postgres)
    }
}

impl Postgres {
    /// Starts one with the default settings.
    ///
    /// # Errors
    /// As [`PostgresBuilder::start`].
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// Begins to set one up.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// The URL of its database `postgres`, over TCP.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The URL of a database, over TCP.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of its database `postgres`, over the unix socket.
    pub fn socket_url(&self) -> String {
        let directory = self.server.path("").display().to_string().trim_end_matches('/').replace('/', "%2F");
        format!("postgres://postgres:{PASSWORD}@{directory}:{}/postgres", self.port)
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's password, to be looked for where it must not be.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Makes another database and returns its URL: a place of its own for a test that shares the server.
    ///
    /// # Errors
    /// If the server does not run, or has it already.
    pub fn create_database(&self, name: &str) -> io::Result<String> {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""))?;
        Ok(self.url_of(name))
    }

    /// Runs statements in a database as the superuser, and returns what they print: columns separated by `|`.
    ///
    /// # Errors
    /// If the server refuses one of them.
    pub fn sql(&self, database: &str, statements: &str) -> io::Result<String> {
        let output = Command::new(self.binaries.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"])
            .args(["--dbname", &self.url_of(database), "--command", statements])
            .output()?;
        if !output.status.success() {
            return Err(Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// Ends it in order: sessions are cut, everything is written.
    ///
    /// # Errors
    /// If it does not run.
    pub fn stop(&self) -> io::Result<()> {
        self.server.end("INT")
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&self) -> io::Result<()> {
        self.server.end("QUIT")
    }

    /// Starts it after it was ended, with the same data at the same address.
    ///
    /// # Errors
    /// If it runs, or does not start: its log says why.
    pub fn start_again(&self) -> io::Result<()> {
        let own = [
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", self.port.to_string()),
            ("unix_socket_directories", self.server.named("")),
            ("max_connections", "200".to_owned()),
            ("shared_buffers", "64MB".to_owned()),
            ("dynamic_shared_memory_type", "mmap".to_owned()),
        ];
        let on = if self.settings.durable { "on" } else { "off" };
        let durable = ["fsync", "full_page_writes"].map(|name| (name, on.to_owned()));
        let tls = [
            ("ssl", "on".to_owned()),
            ("ssl_cert_file", self.server.named("server.crt")),
            ("ssl_key_file", self.server.named("server.key")),
        ];
        let mut command = self.server.command(&self.binaries.join("postgres"))?;
        for (name, value) in self.settings.told(own.into_iter().chain(durable), tls) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.args(["-D", "data"]);
        let pid_file = self.server.path("data/postmaster.pid");
        // The file of a server that was killed is still there: it holds a process id, but no longer the word.
        let _ = fs::remove_file(&pid_file);
        self.server.launch(command, || {
            fs::read_to_string(&pid_file).is_ok_and(|text| text.lines().any(|line| line.trim() == "ready"))
        })
    }

    /// Stops all its processes where they stand: connections are accepted by the system, and nothing answers.
    ///
    /// # Errors
    /// If it does not run.
    pub fn pause(&self) -> io::Result<()> {
        self.server.signal("STOP", true)
    }

    /// Lets it go on after a [`pause`](Self::pause).
    ///
    /// # Errors
    /// If it does not run.
    pub fn resume(&self) -> io::Result<()> {
        self.server.signal("CONT", true)
    }

    /// Whether it was started and not ended.
    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// The CPU time that all its processes have used.
    ///
    /// # Errors
    /// If it does not run.
    pub fn cpu(&self) -> io::Result<Duration> {
        self.server.cpu()
    }

    /// The memory that all its processes take, in MiB.
    ///
    /// # Errors
    /// If it does not run.
    pub fn memory(&self) -> io::Result<u64> {
        self.server.memory()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// Where the newest version that Debian installed has its programs.
fn binaries() -> io::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").map_err(|_| process::missing("PostgreSQL"))?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| {
            let path = entry.path().join("bin");
            let version = entry.file_name().to_str()?.parse().ok()?;
            ["initdb", "postgres", "psql"]
                .iter()
                .all(|name| Path::is_file(&path.join(name)))
                .then_some((version, path))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path).ok_or_else(|| process::missing("PostgreSQL"))
}
