//! No secret reaches an output: a whole life of a connection at TRACE, with everything that is printed searched for
//! everything that is secret.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

mod common;

use std::{collections::BTreeSet, time::Duration};

use common::{DOC, REDIRECT, World, log::Log};
use orgconnect::AuthorizationRequest;
use orgconnect_sandbox::{Fault, RefreshMode};
use serde_json::{Map, Value};
use tracing_subscriber::fmt::format::FmtSpan;

/// Every secret that crossed the wire: bearers, codes, states, tokens.
fn secrets(world: &World) -> BTreeSet<String> {
    let mut secrets = BTreeSet::from([world.application.client_secret.to_string()]);
    for request in world.control().requests() {
        secrets.extend(
            request.header("authorization").map(|value| value.trim_start_matches("Bearer ").to_owned()),
        );
        for (name, value) in url::form_urlencoded::parse(request.query.as_bytes()) {
            if ["code", "state"].contains(&&*name) {
                secrets.insert(value.into_owned());
            }
        }
        if let Ok(Value::Object(body)) = serde_json::from_str(&request.body) {
            for name in ["code", "token", "refresh_token", "client_secret"] {
                secrets.extend(body.get(name).and_then(Value::as_str).map(str::to_owned));
            }
        }
    }
    secrets
}

#[tokio::test]
async fn a_whole_life_at_trace_shows_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::open().await;
    world.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Grace);
    let client = world.client();
    let pending =
        client.authorize(AuthorizationRequest::organization(REDIRECT).connection_id("clinic")).unwrap();
    let session = client.serialize_pending(&pending);
    let pending = client.pending(&session).unwrap();
    log.note(&pending);
    let callback = world.approve(pending.url());
    log.note(&client.complete(&pending, "?code=CANARY-CODE&state=wrong").await);
    let connection = client.complete(&pending, callback.as_str()).await.unwrap();
    log.note(&client.complete(&pending, callback.as_str()).await);
    let organization = connection.organization();
    let doc = organization.impersonate_email(DOC).await.unwrap();
    log.note(&doc.send("userinfo.read", Map::new()).await);
    let calendar = Map::from_iter([("application_calendar_id".to_owned(), Value::from("rota"))]);
    let reply = client.send("application_calendars.create", calendar).await.unwrap();
    log.note(&reply);
    let held: Value = reply.decode().unwrap();
    world.advance(Duration::from_hours(2));
    world.control().add_fault(Fault::lost_reply().on("POST", "/oauth/token").times(1));
    world.control().add_fault(Fault::status(500).on("GET", "/v1/userinfo").times(1));
    log.note(&doc.send("userinfo.read", Map::new()).await);
    log.note(&client.connections(None, 10).await);
    for handle in [&client as &dyn std::fmt::Debug, &connection, &organization, &doc, &world.store] {
        log.note(handle);
    }
    let mut secrets = secrets(&world);
    secrets.insert(connection.access_token().await.unwrap().expose().to_owned());
    log.note(&connection.access_token().await);
    let sub = connection.summary().await.unwrap().sub.unwrap();
    world.control().revoke_connection(&sub);
    log.note(&doc.send("userinfo.read", Map::new()).await);
    log.note(&connection.revoke().await);
    log.note(&doc.send("userinfo.read", Map::new()).await);
    secrets.insert(pending.url().split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned());
    secrets.insert("CANARY-CODE".to_owned());
    secrets.extend(["access_token", "refresh_token"].map(|name| held[name].as_str().unwrap().to_owned()));
    let shown = log.text();
    assert!(
        ["orgconnect.request", "orgconnect.refresh", "orgconnect.store"]
            .iter()
            .all(|span| shown.contains(span)),
        "the spans are there"
    );
    assert!(secrets.len() >= 6, "secrets were found to search for: {}", secrets.len());
    for secret in secrets {
        assert!(!shown.contains(&secret), "a secret was shown:\n{}", shown.replace(&secret, "<<HERE>>"));
    }
}
