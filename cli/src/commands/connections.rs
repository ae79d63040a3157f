//! `orgconnect connections`: what the token store holds.

use orgconnect::{ConnectionState, ConnectionSummary};
use serde_json::{Value, json};

use crate::{
    context::{Context, all_connections},
    failure::Result,
    output::table,
};

pub(crate) async fn run(context: &Context) -> Result<()> {
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
        _ => "unknown",
    }
}
