//! A worker: uses a connection of the SDK as its commands say. They are its arguments, or the lines of its standard
//! input; each is answered with one line of JSON. `tests/faults/README.md` lists them.

mod fork;
mod usage;

use std::{
    collections::BTreeMap,
    io::Write,
    process::ExitCode,
    time::{Duration, Instant},
};

use orgconnect::{CallOptions, Client, Connection, Error, RateLimit};
use orgconnect_faults::{StoreAt, worker::variable};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    usage::ignore_file_size_signal();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orgconnect-fault-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let commands: Vec<String> = std::env::args().skip(1).collect();
    if let [command, forks] = &commands[..]
        && command == "fork"
    {
        return fork::run(forks.parse()?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = client().await?;
        let connection = client.connection(setting(variable::CONNECTION)?)?;
        if !commands.is_empty() {
            for command in &commands {
                obey(&client, &connection, command).await?;
            }
            // A refresh in the background would be cut off with the process.
            client.settle().await?;
            return Ok(());
        }
        say(&json!({ "ready": true }))?;
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Some(line) = lines.next_line().await? {
            obey(&client, &connection, &line).await?;
        }
        Ok(())
    })
}

fn setting(name: &str) -> Outcome<String> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}

async fn client() -> Outcome<Client> {
    let store = setting(variable::STORE)?.parse::<StoreAt>()?.open()?;
    let mut builder = Client::builder(setting(variable::CLIENT_ID)?, setting(variable::CLIENT_SECRET)?)
        .base_url(setting(variable::BASE_URL)?)
        .shared_store(store);
    if let Ok(milliseconds) = setting(variable::TOKEN_TIMEOUT_MS) {
        builder = builder.token_timeout(Duration::from_millis(milliseconds.parse()?));
    }
    if let Ok(milliseconds) = setting(variable::STORE_TIMEOUT_MS) {
        builder = builder.store_timeout(Duration::from_millis(milliseconds.parse()?));
    }
    if let Ok(limit) = setting(variable::RATE_LIMIT) {
        let (per_second, per_minute) = limit.split_once('/').ok_or("a rate limit is like 6/60")?;
        let limit = RateLimit { per_second: per_second.parse()?, per_minute: per_minute.parse()? };
        builder = builder.rate_limit(limit);
    }
    Ok(builder.build()?)
}

async fn obey(client: &Client, connection: &Connection, command: &str) -> Outcome<()> {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words[..] {
        ["calls", count] => say(&calls(connection, count.parse()?, 1, 0).await),
        ["calls", count, at_once] => say(&calls(connection, count.parse()?, at_once.parse()?, 0).await),
        ["calls", count, at_once, pause] => {
            say(&calls(connection, count.parse()?, at_once.parse()?, pause.parse()?).await)
        }
        ["calls-for", milliseconds] => {
            say(&calls_for(connection, Duration::from_millis(milliseconds.parse()?)).await)
        }
        ["refresh"] => say(&refresh(connection).await),
        ["refresh-forever"] => loop {
            say(&refresh(connection).await)?;
        },
        ["token"] => say(&token(connection).await),
        ["settle"] => say(&settle(client).await),
        ["usage"] => say(&usage::now()?),
        _ => Err(format!("`{command}` is not a command").into()),
    }
}

/// Makes calls one after the other, in so many tasks at once; counts how they end.
async fn calls(connection: &Connection, count: u64, at_once: u64, pause: u64) -> Value {
    let tasks: Vec<_> = (0..at_once.max(1))
        .map(|task| {
            let organization = connection.organization();
            let share = count / at_once.max(1) + u64::from(task < count % at_once.max(1));
            tokio::spawn(async move {
                let mut errors = BTreeMap::<String, u64>::new();
                for _ in 0..share {
                    if let Err(error) = organization.send("organization.list_members", Map::new()).await {
                        *errors.entry(name(&error)).or_default() += 1;
                    }
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                errors
            })
        })
        .collect();
    let mut errors = BTreeMap::<String, u64>::new();
    for task in tasks {
        for (name, count) in task.await.unwrap_or_else(|_| BTreeMap::from([("panicked".to_owned(), count)])) {
            *errors.entry(name).or_default() += count;
        }
    }
    json!({ "calls": count, "failed": errors.values().sum::<u64>(), "errors": errors })
}

/// Makes calls one after the other for a while, without repeating any.
async fn calls_for(connection: &Connection, time: Duration) -> Value {
    let organization = connection.organization().with_options(CallOptions::new().attempts(1));
    let (began, mut calls, mut failed) = (Instant::now(), 0, 0);
    while began.elapsed() < time {
        failed += u64::from(organization.send("organization.list_members", Map::new()).await.is_err());
        calls += 1;
    }
    json!({ "calls": calls, "failed": failed })
}

async fn refresh(connection: &Connection) -> Value {
    let began = Instant::now();
    match connection.refresh().await {
        Ok(summary) => json!({ "version": summary.version, "ms": began.elapsed().as_millis() }),
        Err(error) => failed(&error, began),
    }
}

async fn token(connection: &Connection) -> Value {
    let began = Instant::now();
    match connection.access_token().await {
        Ok(token) => json!({ "length": token.expose().len(), "ms": began.elapsed().as_millis() }),
        Err(error) => failed(&error, began),
    }
}

async fn settle(client: &Client) -> Value {
    let began = Instant::now();
    match client.settle().await {
        Ok(()) => json!({ "ms": began.elapsed().as_millis() }),
        Err(error) => failed(&error, began),
    }
}

fn failed(error: &Error, began: Instant) -> Value {
    json!({
        "error": name(error),
        "reauthorize": error.needs_reauthorization(),
        "ms": began.elapsed().as_millis(),
    })
}

/// The most exact word for an error.
fn name(error: &Error) -> String {
    error.code().map_or_else(|| error.kind().to_string(), str::to_owned)
}

/// Makes one call within a second.
async fn call(client: &Client, connection: &str) -> Result<(), Error> {
    let quick = CallOptions::new().timeout(Duration::from_secs(1));
    client
        .organization(connection)?
        .with_options(quick)
        .send("organization.list_members", Map::new())
        .await
        .map(drop)
}

fn say(answer: &Value) -> Outcome<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{answer}")?;
    Ok(output.flush()?)
}
