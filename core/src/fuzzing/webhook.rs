//! Notifications: nothing is believed that the application's secret has not signed, and nothing that was signed is a panic.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{check_error, line};
use crate::{
    ErrorKind, Secret,
    webhook::{Notification, Verifier},
};

const SECRETS: [&str; 2] = ["CRN_first-secret-of-the-application", "CRN_second-secret"];

/// The first line is the signature header, in which `{1}` and `{2}` stand for what the two secrets sign; the rest is the body.
pub fn webhook(data: &[u8]) {
    let (header, body) = line(data);
    let Ok(header) = std::str::from_utf8(header) else { return };
    let right = SECRETS.map(|secret| STANDARD.encode(hmac(secret.as_bytes(), body)));
    let header = header.replace("{1}", &right[0]).replace("{2}", &right[1]);
    let verifier = Verifier::new(SECRETS[0]).or_secret(SECRETS[1]).or_secret("");
    let believed = header
        .split(',')
        .map(str::trim)
        .filter(|candidate| !candidate.is_empty())
        .take(32)
        .any(|candidate| right.iter().any(|right| right == candidate));
    assert_eq!(verifier.verify(&header, body), believed, "{header:?}");
    let changed = [body, b" "].concat();
    let unsigned =
        right.iter().all(|right| !STANDARD.encode(hmac(SECRETS[0].as_bytes(), &changed)).contains(right));
    assert!(unsigned && !verifier.verify(&right.join(","), &changed), "a longer body was believed");
    let parsed = serde_json::from_slice::<Value>(body);
    match verifier.receive(&header, body) {
        Ok(notification) => {
            assert!(believed);
            read(&notification, &parsed.unwrap());
        }
        Err(error) => {
            let kind = if believed { ErrorKind::Decode } else { ErrorKind::Authorization };
            assert_eq!(error.kind(), kind);
            assert!(!believed || parsed.is_err(), "JSON that was signed was refused");
            check_error(&error, right.iter().map(String::as_str));
        }
    }
    let _ = Notification::read(body).map(|notification| format!("{notification:?}"));
}

fn read(notification: &Notification, body: &Value) {
    match notification {
        Notification::Unknown(value) => assert_eq!(value, body, "what is not known passes through"),
        Notification::Channel(channel) => {
            assert_eq!(Value::Object(channel.body.clone()), *body);
            assert_eq!(body["channel"]["channel_id"], channel.channel_id.as_str());
            assert_eq!(body["notification"]["type"].as_str().unwrap_or_default(), channel.kind.as_str());
            let since = channel.kind.changes_since();
            assert!(since.is_none() || since == body["notification"]["changes_since"].as_str());
        }
        Notification::DelegatedAuthorization(found) => {
            let given = &body["authorization"];
            let text = |name: &str| given[name].as_str();
            assert_eq!(found.code.as_ref().map(Secret::expose), text("code"));
            assert_eq!(found.state.as_ref().map(Secret::expose), text("state"));
            let shown = format!("{found:?}");
            let told = format!("{:?}{:?}", found.error, found.error_description);
            for secret in [text("code"), text("state")].into_iter().flatten().filter(|text| text.len() >= 32)
            {
                assert!(!shown.contains(secret) || told.contains(secret), "a code is shown");
            }
        }
        Notification::EventSubscription(found) => assert_eq!(Value::Object(found.body.clone()), *body),
        Notification::SmartInvite(found) => assert_eq!(Value::Object(found.body.clone()), *body),
        Notification::SchedulingCompleted(found) => assert_eq!(Value::Object(found.body.clone()), *body),
        Notification::SchedulingRequest(found) => {
            assert_eq!(Value::Object(found.scheduling_request.clone()), body["scheduling_request"]);
        }
    }
}

/// RFC 2104, written out, so that what verifies is not compared with itself.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|octet| octet ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|octet| octet ^ 0x5c)).chain_update(inner).finalize().into()
}
