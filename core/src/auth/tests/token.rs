use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Error, ErrorKind,
    auth::token::{
        ConnectionKind, ConnectionState, Intent, SHORTEST_USE, TokenRecord, TokenReply, TokenVerdict, judge,
    },
};

fn reply(value: &Value) -> TokenReply {
    TokenReply::read(value.to_string().as_bytes()).unwrap()
}

fn refused(body: &[u8]) -> Error {
    let Err(error) = TokenReply::read(body) else { panic!("it was accepted") };
    assert_eq!(error.kind(), ErrorKind::Decode);
    error
}

#[test]
fn every_documented_shape_of_reply_is_read() {
    let organization = reply(&json!({
        "token_type": "bearer", "access_token": "A", "refresh_token": "R", "expires_in": 3600,
        "scope": "organizational_unit_scheduler", "sub": "opu_1",
    }));
    assert_eq!((organization.kind(), organization.subject()), (ConnectionKind::Organization, Some("opu_1")));
    let individual = reply(&json!({
        "token_type": "bearer", "access_token": "A", "refresh_token": "R", "expires_in": 3600, "scope": "read_events",
        "account_id": "acc_1", "sub": "acc_1", "linking_profile": {"provider_name": "google", "profile_id": "pro_1"},
    }));
    assert_eq!((individual.kind(), individual.subject()), (ConnectionKind::Account, Some("acc_1")));
    assert_eq!(individual.extra["linking_profile"]["provider_name"], "google");
    let service = reply(&json!({
        "token_type": "bearer", "access_token": "A", "refresh_token": "R", "expires_in": 1800,
        "scope": "service_account/accounts/manage", "service_account_id": "ser_1",
    }));
    assert_eq!((service.kind(), service.subject()), (ConnectionKind::ServiceAccount, Some("ser_1")));
    let calendar = reply(&json!({
        "token_type": "bearer", "access_token": "A", "refresh_token": "R", "expires_in": 3600, "scope": "read_write",
        "application_calendar_id": "mine", "sub": "apc_1", "linking_profile": {"provider_name": "cronofy"},
    }));
    assert_eq!((calendar.kind(), calendar.subject()), (ConnectionKind::Account, Some("apc_1")));
}

#[test]
fn a_reply_needs_nothing_but_an_access_token_and_keeps_what_it_does_not_know() {
    let bare = reply(&json!({"access_token": "A", "new_field": [1], "sub": null, "scope": 7}));
    assert!(bare.refresh_token.is_none() && bare.subject().is_none() && bare.scope.is_none());
    assert_eq!(bare.extra["new_field"], json!([1]));
    assert_eq!(bare.lifetime, Duration::from_hours(1));
}

#[test]
fn expires_in_of_any_kind_gives_a_lifetime_and_never_a_storm() {
    let cases = [
        (json!(3600), 3600),
        (json!("3600"), 3600),
        (json!(3599.6), 3599),
        (json!(0), 0),
        (json!(-1), 0),
        (json!(1e18), i32::MAX as u64),
        (json!("1e999"), i32::MAX as u64),
        (json!("NaN"), 3600),
        (json!("soon"), 3600),
        (json!(null), 3600),
        (json!([]), 3600),
        (json!({"seconds": 1}), 3600),
        (json!(true), 3600),
    ];
    for (expires_in, seconds) in cases {
        let record = TokenRecord::new(reply(&json!({"access_token": "A", "expires_in": expires_in})), now());
        assert_eq!(record.lifetime.as_secs(), seconds, "{expires_in}");
        for spread in [0.0, 0.5, 0.999] {
            let wait = record.refresh_at(spread).duration_since(now());
            assert!(wait.unsigned_abs() >= SHORTEST_USE && record.refresh_at(spread) <= record.expires_at());
        }
    }
}

#[test]
fn a_refresh_is_due_a_tenth_or_five_minutes_before_the_end_and_is_spread() {
    let due = |seconds: u64, spread: f64| {
        let record = TokenRecord::new(reply(&json!({"access_token": "A", "expires_in": seconds})), now());
        seconds - record.refresh_at(spread).duration_since(now()).unsigned_abs().as_secs()
    };
    assert_eq!((due(1800, 0.0), due(3600, 0.0), due(86_400, 0.0)), (180, 300, 300));
    assert!(due(3600, 0.999) > 440 && due(3600, 0.999) <= 450);
}

#[test]
fn a_reply_that_is_not_one_is_named_for_what_it_is() {
    let cases: [(&[u8], &str); 10] = [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"<!DOCTYPE html><html></html>", "is HTML"),
        (br#"{"access_token":"CANARY","expi"#, "is cut off"),
        (b"[]", "is not a JSON object"),
        (b"OK", "is not JSON"),
        (b"{}", "holds no access_token"),
        (br#"{"access_token":""}"#, "not 1 to 4096 visible ASCII"),
        (br#"{"access_token":"a\r\nb"}"#, "not 1 to 4096 visible ASCII"),
        (br#"{"access_token":"CANARY","token_type":"mac"}"#, "not a bearer token"),
    ];
    for (body, what) in cases {
        let error = refused(body);
        assert!(error.message().contains(what), "{error}");
        assert!(!format!("{error:?}").contains("CANARY"), "{error:?}");
    }
}

#[test]
fn only_a_400_or_401_with_invalid_grant_speaks_about_the_grant() {
    let verdict = |status: u16, body: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        match judge(status, &HeaderMap::new(), &Bytes::copy_from_slice(body.as_bytes())) {
            TokenVerdict::Granted(_) => "granted".to_owned(),
            TokenVerdict::InvalidGrant(_) => "dead".to_owned(),
            TokenVerdict::Failed(error) => format!("{} transient={}", error.kind(), error.is_transient()),
        }
    };
    let grant = r#"{"error":"invalid_grant"}"#;
    assert_eq!((verdict(400, grant).as_str(), verdict(401, grant).as_str()), ("dead", "dead"));
    let shown: Vec<String> = [200, 201, 302, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504]
        .into_iter()
        .map(|status| format!("{status} invalid_grant: {}", verdict(status, grant)))
        .chain(
            ["invalid_client", "invalid_request", "unsupported_grant_type", "INVALID_GRANT"]
                .into_iter()
                .flat_map(|code| {
                    [400, 401].map(|status| {
                        format!("{status} {code}: {}", verdict(status, &format!(r#"{{"error":"{code}"}}"#)))
                    })
                }),
        )
        .chain(
            ["", "<html>", "null", r#"{"error":{"a":1}}"#]
                .map(|body| format!("400 {body}: {}", verdict(400, body))),
        )
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn the_persisted_form_is_the_documented_one_and_reads_back() {
    let mut record = TokenRecord::new(
        reply(&json!({
            "access_token": "A", "refresh_token": "R", "expires_in": 3600, "sub": "opu_1", "account_id": "acc_1",
            "scope": "organizational_unit_scheduler",
        })),
        now(),
    );
    record.intent = Some(Intent { owner: "owner".into(), at: now(), refresh_token: "0123".into() });
    record.state = ConnectionState::Dead { at: now(), interrupted: true };
    let payload = record.to_record().unwrap().payload;
    insta::assert_snapshot!(payload.as_str());
    let back = TokenRecord::from_payload(&payload).unwrap();
    assert_eq!((back.state, back.intent, back.sub), (record.state, record.intent, record.sub));
    assert_eq!((back.used_at, back.resting), (now(), false));
    assert_eq!(back.access_token.expose(), "A");
}

#[test]
fn a_record_wants_attention_while_it_is_used_and_can_be_refreshed() {
    let record = TokenRecord::new(reply(&json!({"access_token": "A", "refresh_token": "R"})), now());
    assert_eq!(record.to_record().unwrap().expires_at, Some(record.expires_at()));
    let mut resting = record.clone();
    resting.resting = true;
    let back = TokenRecord::from_payload(&resting.to_record().unwrap().payload).unwrap();
    assert!(back.resting && !back.refreshed(reply(&json!({"access_token": "B"})), now()).resting);
    let mut dead = record.clone();
    dead.state = ConnectionState::Dead { at: now(), interrupted: false };
    let without = TokenRecord::new(reply(&json!({"access_token": "A"})), now());
    for record in [resting, dead, without] {
        assert_eq!(record.to_record().unwrap().expires_at, None, "{record:?}");
    }
}

#[test]
fn ahead_of_demand_is_never_in_the_first_three_quarters_of_a_life() {
    let ahead_at = |seconds: u64, minutes| {
        let record = TokenRecord::new(reply(&json!({"access_token": "A", "expires_in": seconds})), now());
        record.refresh_ahead_at(Duration::from_mins(minutes)).duration_since(now()).as_secs()
    };
    assert_eq!(ahead_at(3600, 10), 3000);
    assert_eq!(ahead_at(600, 10), 450);
    assert_eq!(ahead_at(0, 10), 5);
}

#[test]
fn a_record_of_a_newer_version_is_refused_and_a_damaged_one_is_not_guessed_at() {
    let newer = TokenRecord::from_payload(r#"{"v":2,"anything":"else"}"#).unwrap_err();
    assert!(newer.message().contains("newer version"), "{newer}");
    for damaged in ["", "{}", "null", r#"{"v":1}"#, "sealed:v1:abc"] {
        let error = TokenRecord::from_payload(damaged).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Store, Some("store_unreadable")));
    }
}

#[test]
fn a_refresh_keeps_the_refresh_token_that_the_reply_leaves_out() {
    let before = TokenRecord::new(
        reply(&json!({"access_token": "A", "refresh_token": "R", "sub": "acc_1", "scope": "s", "x": 1})),
        now(),
    );
    let after = before.refreshed(reply(&json!({"access_token": "B"})), now());
    assert_eq!(after.refresh_token.unwrap().expose(), "R");
    assert_eq!((after.sub.as_deref(), after.scope.as_deref()), (Some("acc_1"), Some("s")));
    assert_eq!(after.extra["x"], 1);
    let rotated = before.refreshed(reply(&json!({"access_token": "B", "refresh_token": "R2"})), now());
    assert_eq!(rotated.refresh_token.unwrap().expose(), "R2");
}

#[test]
fn however_much_comes_with_a_grant_its_record_stays_small() {
    let reply_with = |name: &str| {
        let long = "\u{1}".repeat(40 << 10);
        reply(&json!({"access_token": "a", "scope": long, "sub": long, name: long, "account_id": "acc_1"}))
    };
    let mut record = TokenRecord::new(reply_with("a"), now());
    for name in ["b", "c", "d", "e", "f", "g", "h"] {
        record = record.refreshed(reply_with(name), now());
    }
    let payload = record.to_record().unwrap().payload;
    assert!(payload.len() < 256 << 10, "{}", payload.len());
    assert_eq!(record.extra["account_id"], "acc_1");
}

#[test]
fn however_deeply_a_reply_nests_its_record_can_be_read_again() {
    for depth in [1, 32, 33, 126] {
        let body = format!(
            r#"{{"access_token":"A","near":{{"a":1}},"deep":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        );
        let record = TokenRecord::new(TokenReply::read(body.as_bytes()).unwrap(), now());
        let read = TokenRecord::from_payload(&record.to_record().unwrap().payload).unwrap();
        assert_eq!(read.extra["near"]["a"], 1);
        assert_eq!(read.extra.contains_key("deep"), depth <= 32, "{depth}");
    }
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = TokenReply::read(&body);
        let _ = TokenRecord::from_payload(&String::from_utf8_lossy(&body));
    }
}
