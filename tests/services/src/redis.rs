//! A Redis (or Valkey) of a test's own.

use std::{
    io::{self, Error, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Certificate,
    process::{self, Server, Settings},
};

const PASSWORD: &str = "redis-password-canary";

/// A Redis server whose default user logs in with a password.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    program: PathBuf,
    port: u16,
    tls_port: u16,
    settings: Settings,
}

/// How a [`Redis`] is to run.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RedisBuilder {
    settings: Settings,
}

impl RedisBuilder {
    /// Whether what was written survives the server: an append-only file, flushed at every write. Default: no.
    pub fn durable(mut self, durable: bool) -> Self {
        self.settings.durable = durable;
        self
    }

    /// Speaks TLS as well, with this certificate, on a port of its own.
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.settings.certificate = Some(certificate);
        self
    }

    /// One more setting of `redis.conf`.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.more.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// If it is not installed, or does not start: its log says why.
    pub fn start(self) -> io::Result<Redis> {
        let program = ["/usr/bin/valkey-server", "/usr/bin/redis-server"]
            .iter()
            .map(Path::new)
            .find(|path| path.is_file())
            .ok_or_else(|| process::missing("Redis"))?
            .to_owned();
        let server = Server::prepare("redis", "pid", &self.settings)?;
        let (port, tls_port) = (process::free_port()?, process::free_port()?);
        let redis = Redis { server, program, port, tls_port, settings: self.settings };
        redis.start_again()?;
        Ok(redis)
    }
}

impl Redis {
    /// Starts one with the default settings.
    ///
    /// # Errors
    /// As [`RedisBuilder::start`].
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// Begins to set one up.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    /// The URL of its database 0, over TCP.
    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/0", self.port)
    }

    /// The URL of its database 0, over TLS, by the name `localhost`.
    pub fn tls_url(&self) -> String {
        format!("rediss://:{PASSWORD}@localhost:{}/0", self.tls_port)
    }

    /// The URL of its database 0, over the unix socket.
    pub fn socket_url(&self) -> String {
        format!("redis+unix://{}?password={PASSWORD}", self.server.path("redis.sock").display())
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password, to be looked for where it must not be.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Sends a command of plain words as an administrator would, and returns the raw reply.
    ///
    /// # Errors
    /// If the server can't be reached, or refuses it.
    pub fn command(&self, words: &[&str]) -> io::Result<String> {
        let encode = |words: &[&str]| {
            let parts = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
            format!("*{}\r\n{}", words.len(), parts.collect::<Vec<_>>().concat())
        };
        let mut socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        socket.write_all(encode(&["AUTH", PASSWORD]).as_bytes())?;
        socket.write_all(encode(words).as_bytes())?;
        socket.write_all(encode(&["QUIT"]).as_bytes())?;
        let mut reply = String::new();
        socket.read_to_string(&mut reply)?;
        let reply = reply.strip_prefix("+OK\r\n").unwrap_or(&reply);
        let reply = reply.strip_suffix("+OK\r\n").unwrap_or(reply);
        if reply.starts_with('-') { Err(Error::other(reply.to_owned())) } else { Ok(reply.to_owned()) }
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// If it does not run.
    pub fn stop(&self) -> io::Result<()> {
        self.server.end("TERM")
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&self) -> io::Result<()> {
        self.server.end("KILL")
    }

    /// Starts it after it was ended, at the same address; with the same data, if it is durable.
    ///
    /// # Errors
    /// If it runs, or does not start: its log says why.
    pub fn start_again(&self) -> io::Result<()> {
        let own = [
            ("bind", "127.0.0.1".to_owned()),
            ("port", self.port.to_string()),
            ("unixsocket", self.server.named("redis.sock")),
            ("unixsocketperm", "700".to_owned()),
            ("pidfile", self.server.named("pid")),
            ("dir", self.server.named("")),
            ("requirepass", PASSWORD.to_owned()),
            ("save", String::new()),
            ("appendonly", if self.settings.durable { "yes" } else { "no" }.to_owned()),
            ("appendfsync", "always".to_owned()),
        ];
        let tls = [
            ("tls-port", self.tls_port.to_string()),
            ("tls-cert-file", self.server.named("server.crt")),
            ("tls-key-file", self.server.named("server.key")),
            ("tls-auth-clients", "no".to_owned()),
        ];
        let mut command = self.server.command(&self.program)?;
        for (name, value) in self.settings.told(own, tls) {
            command.arg(format!("--{name}")).arg(value);
        }
        self.server.launch(command, || self.command(&["PING"]).is_ok_and(|reply| reply.starts_with("+PONG")))
    }

    /// Stops it where it stands: connections are accepted by the system, and nothing answers.
    ///
    /// # Errors
    /// If it does not run.
    pub fn pause(&self) -> io::Result<()> {
        self.server.signal("STOP", false)
    }

    /// Lets it go on after a [`pause`](Self::pause).
    ///
    /// # Errors
    /// If it does not run.
    pub fn resume(&self) -> io::Result<()> {
        self.server.signal("CONT", false)
    }

    /// Whether it was started and not ended.
    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.server.log()
    }
}
