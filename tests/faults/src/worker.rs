//! Workers: processes that use the SDK on a store of their own opening, driven by one line of text a command, answering
//! with one line of JSON. `README.md` describes the commands, so that workers can be written in any language.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    process::Stdio,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use orgconnect::{FileStore, PostgresStore, RedisStore, SqliteStore, TokenStore};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::signal::{self, Signal};

/// The names of the variables that a worker is told its settings by.
pub mod variable {
    /// The address of the API.
    pub const BASE_URL: &str = "ORGCONNECT_BASE_URL";
    /// The application's id.
    pub const CLIENT_ID: &str = "ORGCONNECT_CLIENT_ID";
    /// The application's secret.
    pub const CLIENT_SECRET: &str = "ORGCONNECT_CLIENT_SECRET";
    /// The store, as [`StoreAt`](super::StoreAt) writes it.
    pub const STORE: &str = "ORGCONNECT_STORE";
    /// The connection to use.
    pub const CONNECTION: &str = "ORGCONNECT_CONNECTION";
    /// The time for a token request, in milliseconds; may be missing.
    pub const TOKEN_TIMEOUT_MS: &str = "ORGCONNECT_TOKEN_TIMEOUT_MS";
    /// The time for a call to the store, in milliseconds; may be missing.
    pub const STORE_TIMEOUT_MS: &str = "ORGCONNECT_STORE_TIMEOUT_MS";
    /// Requests at most in a second and in a minute, as `6/60`; may be missing.
    pub const RATE_LIMIT: &str = "ORGCONNECT_RATE_LIMIT";
}

/// A store that several processes can open: `file:PATH`, `sqlite:PATH`, `postgres://…` or `redis://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAt {
    /// A directory.
    File(PathBuf),
    /// A SQLite database.
    Sqlite(PathBuf),
    /// A PostgreSQL database, by its URL.
    Postgres(String),
    /// A Redis server, by its URL.
    Redis(String),
}

impl StoreAt {
    /// Opens it.
    pub fn open(&self) -> Result<Arc<dyn TokenStore>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(match self {
            Self::File(path) => Arc::new(FileStore::open(path)?),
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
            Self::Postgres(url) => Arc::new(PostgresStore::open(url)?),
            Self::Redis(url) => Arc::new(RedisStore::open(url)?),
        })
    }

    /// What kind of store it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::Redis(_) => "redis",
        }
    }
}

impl fmt::Display for StoreAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Sqlite(path) => write!(f, "{}:{}", self.kind(), path.display()),
            Self::Postgres(url) | Self::Redis(url) => f.write_str(url),
        }
    }
}

impl FromStr for StoreAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            Some(("redis", _)) => Ok(Self::Redis(text.to_owned())),
            _ => Err(format!("`{text}` is not file:PATH, sqlite:PATH, postgres://… or redis://…")),
        }
    }
}

/// How a worker is to start.
#[derive(Debug, Clone)]
pub struct WorkerBuilder {
    program: Vec<String>,
    environment: Vec<(String, String)>,
    shell: Option<String>,
}

impl WorkerBuilder {
    /// A worker that is started by this program and its first arguments.
    pub fn new(program: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { program: program.into_iter().map(Into::into).collect(), environment: Vec::new(), shell: None }
    }

    /// Sets a variable.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// Lets a shell run this before it becomes the worker, for example `umask 000`.
    #[must_use]
    pub fn after(mut self, command: &str) -> Self {
        self.shell = Some(command.to_owned());
        self
    }

    /// Preloads the shim, which counts the calls that change files under a directory while `armed` exists.
    #[must_use]
    pub fn shimmed(self, under: &Path, armed: &Path) -> Self {
        self.set("LD_PRELOAD", env!("ORGCONNECT_FAULT_SHIM"))
            .set("ORGCONNECT_FAULT_UNDER", under.display())
            .set("ORGCONNECT_FAULT_ARMED", armed.display())
    }

    /// Starts it with commands, after which it ends; with none it takes them from [`Worker::ask`].
    pub fn start(&self, commands: &[&str]) -> io::Result<Worker> {
        let (first, rest) = self.program.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = match &self.shell {
            None => Command::new(first),
            Some(shell) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("{shell}; exec \"$0\" \"$@\""), first]);
                command
            }
        };
        let mut child = command
            .args(rest)
            .args(commands)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Worker { input: child.stdin.take(), output: BufReader::new(output).lines(), child })
    }
}

/// A worker that runs. It is killed with this value.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Gives a command and waits for its answer.
    pub async fn ask(&mut self, command: &str) -> io::Result<Value> {
        self.tell(command).await?;
        self.answer().await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Gives a command.
    pub async fn tell(&mut self, command: &str) -> io::Result<()> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(format!("{command}\n").as_bytes()).await?;
        input.flush().await
    }

    /// The next answer; `None` if the worker has ended.
    pub async fn answer(&mut self) -> io::Result<Option<Value>> {
        match self.output.next_line().await? {
            None => Ok(None),
            Some(line) => serde_json::from_str(&line).map(Some).map_err(|_| io::Error::other(line)),
        }
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        signal::send(self.id().ok_or(io::ErrorKind::NotFound)?, signal)
    }

    /// Kills it and waits until it is gone.
    pub async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Waits for its end; whether it was a good one. Its answers so far are dropped.
    pub async fn end(mut self, patience: Duration) -> io::Result<bool> {
        self.input.take();
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => Ok(status?.success()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
