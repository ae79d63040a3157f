//! The token endpoint's answer, and what becomes of it: nothing odd is taken for a token, and what was taken can be stored
//! and read again.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde_json::Value;

use super::{check_error, choice, now, same_json};
use crate::{
    Error, Secret,
    auth::token::{SHORTEST_USE, TokenRecord, TokenReply, TokenVerdict, judge},
    http::request,
};

/// The first octet selects the status, the rest is the body.
pub fn token_reply(data: &[u8]) {
    const STATUSES: [u16; 8] = [200, 400, 401, 500, 201, 302, 429, 503];
    let Some((choice, body)) = choice(data) else { return };
    let status = StatusCode::from_u16(STATUSES[choice % STATUSES.len()]).unwrap();
    let parsed = serde_json::from_slice::<Value>(body).ok();
    match judge(status, &HeaderMap::new(), &Bytes::copy_from_slice(body)) {
        TokenVerdict::Granted(reply) => {
            assert!(status.is_success());
            granted(*reply, &parsed.expect("what grants is JSON"));
        }
        TokenVerdict::InvalidGrant(error) => {
            assert!(matches!(status.as_u16(), 400 | 401), "weather condemned a connection");
            assert_eq!(parsed.as_ref().and_then(|body| body["error"].as_str()), Some("invalid_grant"));
            hides(&error, parsed.as_ref());
        }
        TokenVerdict::Failed(error) => hides(&error, parsed.as_ref()),
    }
}

fn granted(reply: TokenReply, body: &Value) {
    assert_eq!(body["access_token"].as_str(), Some(reply.access_token.expose()));
    assert_eq!(body["refresh_token"].as_str(), reply.refresh_token.as_ref().map(Secret::expose));
    request::bearer(&reply.access_token).expect("every token fits into a header");
    let refreshes = reply.refresh_token.is_some();
    let record = TokenRecord::new(reply.clone(), now());
    let soonest = now().checked_add(SignedDuration::try_from(SHORTEST_USE).unwrap()).unwrap();
    assert!(
        record.expires_at() >= soonest
            && record.refresh_at(0.0) >= soonest
            && record.refresh_at(0.99) >= soonest
    );
    assert!(record.refresh_ahead_at(std::time::Duration::from_mins(5)) >= soonest);
    assert_eq!(record.to_record().unwrap().expires_at.is_some(), refreshes, "it is kept fresh if it can be");
    let read = round_trip(&record);
    let again = read.refreshed(reply, now());
    assert_eq!(again.refresh_token.is_some(), refreshes, "a refresh does not lose the refresh token");
    round_trip(&again);
    let shown = format!("{record:?}");
    // A token may be equal to what is not secret, such as the `sub`, only if somebody made it so.
    let known = [record.sub.as_deref(), record.scope.as_deref()];
    for secret in [Some(&record.access_token), record.refresh_token.as_ref()].into_iter().flatten() {
        let known = known.iter().flatten().any(|text| text.contains(secret.expose()));
        assert!(known || secret.expose().len() < 24 || !shown.contains(secret.expose()));
    }
}

/// What is stored is read as it was.
pub(super) fn round_trip(record: &TokenRecord) -> TokenRecord {
    let stored = record.to_record().expect("every record can be written");
    let read = TokenRecord::from_payload(&stored.payload).expect("what was written can be read");
    let again = read.to_record().unwrap();
    assert!(
        same_json(again.payload.as_bytes(), stored.payload.as_bytes()),
        "and is the same: {}",
        *stored.payload
    );
    assert_eq!(again.expires_at.is_some(), stored.expires_at.is_some());
    read
}

/// No text of any token, code or secret is shown by the error.
fn hides(error: &Error, body: Option<&Value>) {
    let secrets = ["access_token", "refresh_token", "id_token", "code"];
    let secrets = secrets.iter().filter_map(|name| body?[*name].as_str()).filter(|secret| {
        let told = body.and_then(|body| body["error"].as_str()).unwrap_or_default();
        secret.len() >= 24 && secret.bytes().any(|octet| octet.is_ascii_digit()) && !told.contains(*secret)
    });
    check_error(error, secrets);
    assert!(error.body().is_none_or(<[u8]>::is_empty), "answers of the token endpoint are not kept");
}
