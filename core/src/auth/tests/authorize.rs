use std::{collections::HashSet, time::Duration};

use super::*;
use crate::{ErrorKind, secret::Secret};

#[test]
fn every_flow_makes_the_url_that_cronofy_documents() {
    let organization = organization().locale("cy");
    let individual = AuthorizationRequest::individual(
        "https://app.example/callback?tenant=7",
        ["read_events", "create_event", "delete_event"],
    )
    .state(STATE)
    .avoid_linking(true)
    .provider_name("google")
    .link_token("LINK_TOKEN");
    let enterprise = AuthorizationRequest::enterprise(
        "https://app.example/callback",
        ["service_account/accounts/manage", "service_account/resources/manage"],
        ["read_write"],
    )
    .state(STATE);
    let urls: Vec<String> =
        [(organization, DataCenter::Us), (individual, DataCenter::De), (enterprise, DataCenter::Sg)]
            .into_iter()
            .map(|(request, data_center)| pending_for(request, data_center).url().replace('&', "\n  &"))
            .collect();
    insta::assert_snapshot!(urls.join("\n"));
}

#[test]
fn each_state_made_by_us_is_new_and_holds_256_bits() {
    let request = || AuthorizationRequest::organization("https://app.example/callback");
    let states: HashSet<String> =
        (0..1000).map(|_| pending_for(request(), DataCenter::Us).fields.state).collect();
    assert_eq!(states.len(), 1000);
    assert!(states.iter().all(|state| state.len() == 43), "32 octets in base64");
}

#[test]
fn a_payload_rides_in_the_state_and_in_the_pending_authorization() {
    let request =
        AuthorizationRequest::organization("https://app.example/callback").payload("tenant 7 & more");
    let pending = pending_for(request, DataCenter::Us);
    assert_eq!(pending.payload(), Some("tenant 7 & more"));
    assert!(pending.fields.state.len() > 43 && pending.fields.state[43..].starts_with('.'));
}

#[test]
fn what_is_wrong_with_a_request_is_named_before_anything_is_sent() {
    let of = |request: AuthorizationRequest| {
        let error = authorize(request, "CLIENT_ID", &Endpoints::of(DataCenter::Us), now()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.fields().keys().next().unwrap().clone()
    };
    let organization = AuthorizationRequest::organization;
    assert_eq!(of(organization("not a url")), "redirect_uri");
    assert_eq!(of(organization("myapp://callback")), "redirect_uri");
    assert_eq!(of(organization("https://app.example/callback#fragment")), "redirect_uri");
    assert_eq!(of(organization("https://user:pass@app.example/callback")), "redirect_uri");
    assert_eq!(of(organization("https://app.example/call\r\nback")), "redirect_uri");
    assert_eq!(of(organization("https://app.example/callback").state("short")), "state");
    assert_eq!(of(organization("https://app.example/callback").payload("x".repeat(1025))), "payload");
    assert_eq!(of(organization("https://app.example/callback").connection_id("")), "connection_id");
    assert_eq!(of(organization("https://app.example/callback").lifetime(Duration::ZERO)), "lifetime");
    assert_eq!(of(AuthorizationRequest::individual("https://app.example/callback", [""; 0])), "scope");
    assert_eq!(of(AuthorizationRequest::individual("https://app.example/callback", ["a\"b"])), "scope");
    assert_eq!(
        of(AuthorizationRequest::enterprise("https://app.example/callback", ["a"], [""; 0])),
        "delegated_scope"
    );
}

#[test]
fn a_pending_authorization_survives_the_session_unchanged() {
    let secret = Secret::from("SECRET");
    let pending = pending_for(organization().connection_id("tenant-7").payload("p"), DataCenter::Uk);
    let text = pending.seal(&secret);
    assert!(text.bytes().all(|octet| octet.is_ascii_graphic()), "it fits into a cookie: {text}");
    let back = PendingAuthorization::unseal(&text, &secret).unwrap();
    assert_eq!(back.url(), pending.url());
    assert_eq!(back.fields.state, pending.fields.state);
    assert_eq!(back.fields.connection_id.as_deref(), Some("tenant-7"));
}

#[test]
fn a_pending_authorization_that_was_changed_anywhere_is_refused() {
    let secret = Secret::from("SECRET");
    let text = pending_for(organization(), DataCenter::Uk).seal(&secret);
    for position in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        // The last character of unpadded base64 may hold bits that don't count: those must not count as a change.
        if let Ok(read) = PendingAuthorization::unseal(&changed, &secret) {
            panic!("position {position} was changed unnoticed: {read:?}");
        }
    }
    assert_eq!(
        PendingAuthorization::unseal(&text, &Secret::from("OTHER")).unwrap_err().code(),
        Some("pending_invalid")
    );
    for garbage in ["", ".", "p1", "p1..", "p2.e30.e30", "ü.ü.ü"] {
        assert!(PendingAuthorization::unseal(garbage, &secret).is_err(), "{garbage}");
    }
}

#[test]
fn debug_output_shows_neither_the_state_nor_the_url() {
    let shown = format!("{:?}", pending_for(organization(), DataCenter::Us));
    assert!(!shown.contains(STATE), "{shown}");
}
