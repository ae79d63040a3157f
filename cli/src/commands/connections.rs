//! `orgconnect connections list|show|import|revoke|rewrap|migrate`: what the token store holds, and what is done with it.

use std::io::{IsTerminal, Read};

use orgconnect::{ConnectionId, ConnectionState, ConnectionSummary, Error, store, store::StoreError};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    cli::{Connections, Named},
    context::{Context, all_connections, open},
    failure::{Failure, Result},
    output::table,
};

/// More than a refresh token ever has, so that a file that is no token is not read to its end.
const MOST_OF_A_TOKEN: u64 = 64 * 1024;

pub(crate) async fn run(command: Option<Connections>, context: &Context) -> Result<()> {
    match command.unwrap_or(Connections::List) {
        Connections::List => list(context).await,
        Connections::Show(Named { connection }) => {
            let client = context.client()?;
            let connection = context.connection(&client, connection.as_deref()).await?;
            context.output.body(&to_json(&connection.summary().await?));
            Ok(())
        }
        Connections::Import { connection } => import(&connection, context).await,
        Connections::Revoke(Named { connection }) => revoke(connection.as_deref(), context).await,
        Connections::Rewrap { clear_text } => rewrap(clear_text, context).await,
        Connections::Migrate { from, to, remove } => migrate(&from, &to, remove, context).await,
    }
}

pub(crate) async fn revoke(connection: Option<&str>, context: &Context) -> Result<()> {
    let client = context.client()?;
    let connection = context.connection(&client, connection).await?;
    context.output.wait("revoking", connection.revoke()).await?;
    let shown = json!({"connection": connection.id().as_str(), "state": "revoked"});
    context.output.value(&shown, |_| format!("{} is revoked and its tokens are erased.", connection.id()));
    Ok(())
}

async fn import(connection: &str, context: &Context) -> Result<()> {
    let client = context.client()?;
    if std::io::stdin().is_terminal() {
        context.output.note("Paste the refresh token, and end with Ctrl-D on a line of its own.");
    }
    let text = std::io::read_to_string(std::io::stdin().take(MOST_OF_A_TOKEN));
    let text = Zeroizing::new(text.map_err(|error| Failure::machine("standard input", error))?);
    let importing = client.import_connection(connection, text.trim());
    let summary = context.output.wait("refreshing", importing).await?.summary().await?;
    context.output.value(&to_json(&summary), |_| format!("{} is taken over and was refreshed.", summary.id));
    Ok(())
}

async fn rewrap(clear_text: bool, context: &Context) -> Result<()> {
    let Some(text) = &context.global.store else {
        return Err(Failure::usage(
            "name a store that has keys, like --store 'sqlite:tokens.db?key=file:token.key'",
        ));
    };
    let mut sealed = store::open_sealed(text, None).map_err(Error::from)?;
    if clear_text {
        sealed = sealed.allow_clear_text_reads();
    }
    // The client is asked for the namespace alone.
    let namespace = context.client()?.namespace();
    let done = context.output.wait("sealing", sealed.rewrap_all(&namespace)).await.map_err(Error::from)?;
    let counts = json!({"moved": done.moved, "unchanged": done.unchanged, "failed": failures(&done.failed)});
    context.output.value(&counts, |_| {
        format!(
            "{} moved to the current key, {} had it already, {} failed.",
            done.moved,
            done.unchanged,
            done.failed.len()
        )
    });
    report(done.failed, context)
}

async fn migrate(from: &str, to: &str, remove: bool, context: &Context) -> Result<()> {
    let (from, to) = (open(from)?, open(to)?);
    let namespace = context.client_on(std::sync::Arc::clone(&from))?.namespace();
    let copying = store::migrate(&*from, &*to, &namespace, remove);
    let done = context.output.wait("copying", copying).await.map_err(Error::from)?;
    let counts =
        json!({"copied": done.copied, "unchanged": done.unchanged, "failed": failures(&done.failed)});
    context.output.value(&counts, |_| {
        format!("{} copied, {} there already, {} failed.", done.copied, done.unchanged, done.failed.len())
    });
    report(done.failed, context)
}

fn failures(failed: &[(ConnectionId, StoreError)]) -> Value {
    failed
        .iter()
        .map(|(id, error)| json!({"connection": id.as_str(), "message": error.to_string()}))
        .collect()
}

/// Says what failed, and ends with the first of it.
fn report(failed: Vec<(ConnectionId, StoreError)>, context: &Context) -> Result<()> {
    for (id, error) in failed.iter().skip(1) {
        context.output.note(&format!("{id}: {error}"));
    }
    match failed.into_iter().next() {
        Some((_, error)) => Err(Error::from(error).into()),
        None => Ok(()),
    }
}

async fn list(context: &Context) -> Result<()> {
    let client = context.client()?;
    let mut rows = Vec::new();
    for summary in all_connections(&client).await? {
        if context.output.is_json() {
            context.output.body(&to_json(&summary));
        } else {
            rows.push(to_row(&summary));
        }
    }
    if rows.is_empty() {
        context.output.note("Nothing is connected yet. Run `orgconnect login`.");
    } else {
        context
            .output
            .note(table(&["CONNECTION", "KIND", "STATE", "SUB", "ACCESS TOKEN ENDS"], &rows).trim_end());
    }
    Ok(())
}

pub(crate) fn to_json(summary: &ConnectionSummary) -> Value {
    json!({
        "connection": summary.id.as_str(),
        "kind": summary.kind,
        "state": state(&summary.state),
        "reason": match &summary.state {
            ConnectionState::Unreadable { reason } => Some(reason),
            _ => None,
        },
        "sub": summary.sub,
        "scope": summary.scope,
        "issued_at": summary.issued_at.to_string(),
        "expires_at": summary.expires_at.to_string(),
        "version": summary.version,
    })
}

fn to_row(summary: &ConnectionSummary) -> Vec<String> {
    let kind = serde_json::to_value(summary.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
    vec![
        summary.id.to_string(),
        kind.unwrap_or_default().replace('_', " "),
        state(&summary.state).to_owned(),
        summary.sub.clone().unwrap_or_default(),
        summary.expires_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
    ]
}

pub(crate) fn state(state: &ConnectionState) -> &'static str {
    match state {
        ConnectionState::Active => "active",
        ConnectionState::Dead { .. } => "dead",
        ConnectionState::Revoking { .. } => "revoking",
        ConnectionState::Revoked { .. } => "revoked",
        ConnectionState::Unreadable { .. } => "unreadable",
        _ => "unknown",
    }
}
