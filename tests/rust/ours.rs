//! Makes calls with `orgconnect` on a sandbox that is already running, so that tests of other clients can compare what
//! they send with what we send. Reads one JSON object from the standard input: `url`, `client_id`, `client_secret`,
//! `connection` (as in a scenario), and `calls`, each with `operation`, `on_client` and `with`.

use std::{io::Read, process::ExitCode};

use orgconnect::{Account, AuthorizationRequest, Client, Connection, Error, Reply, ServiceAccount};
use orgconnect_tests::{Outcome, scenario::GivenConnection, world::REDIRECT_URI};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    url: String,
    client_id: String,
    client_secret: String,
    connection: GivenConnection,
    calls: Vec<Call>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    operation: String,
    /// Whether the application makes the call, and not what was connected.
    #[serde(default)]
    on_client: bool,
    #[serde(default)]
    with: Map<String, Value>,
}

enum Connected {
    Account(Account),
    ServiceAccount(ServiceAccount),
}

fn main() -> ExitCode {
    let mut text = String::new();
    let order = std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())
        .and_then(|_| serde_json::from_str::<Order>(&text).map_err(|error| error.to_string()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string());
    match order.and_then(|order| runtime?.block_on(carry_out(order))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(order: Order) -> Outcome {
    let said = |error: Error| error.to_string();
    let builder = Client::builder(&order.client_id, order.client_secret.as_str()).base_url(&order.url);
    let client = builder.build().map_err(said)?;
    let connected = connect(&order.url, &client, &order.connection).await?;
    for Call { operation, on_client, with } in order.calls {
        let reply: Result<Reply, Error> = match &connected {
            _ if on_client => client.send(&operation, with).await,
            Connected::Account(account) => account.send(&operation, with).await,
            Connected::ServiceAccount(account) => account.send(&operation, with).await,
        };
        reply.map_err(|error| format!("{operation}: {error}"))?;
    }
    Ok(())
}

async fn connect(url: &str, client: &Client, connection: &GivenConnection) -> Outcome<Connected> {
    match connection {
        GivenConnection::Account(account) => {
            let request = account.request(REDIRECT_URI);
            let connection = authorize(url, client, request, &account.by).await?;
            Ok(Connected::Account(connection.account()))
        }
        GivenConnection::ServiceAccount(account) => {
            let request = account.request(REDIRECT_URI);
            let connection = authorize(url, client, request, &account.by).await?;
            Ok(Connected::ServiceAccount(connection.service_account()))
        }
        _ => Err("connection: an account or a service account".to_owned()),
    }
}

async fn authorize(
    url: &str,
    client: &Client,
    request: AuthorizationRequest,
    approver: &str,
) -> Outcome<Connection> {
    let pending = client.authorize(request).map_err(|error| error.to_string())?;
    // The first to ask for a TLS provider in this process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let decision = json!({ "url": pending.url(), "approver": approver });
    let http = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
    let sent = http.post(format!("{url}/sandbox/authorize")).json(&decision).send().await;
    let reply: Value =
        sent.map_err(|error| error.to_string())?.json().await.map_err(|error| error.to_string())?;
    let callback = reply["redirect"].as_str().ok_or_else(|| format!("nobody was sent back: {reply}"))?;
    client.complete(&pending, callback).await.map_err(|error| error.to_string())
}
