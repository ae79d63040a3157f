use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::{
    Error, ErrorKind,
    auth::callback::{Callback, read},
};

fn complete(callback: impl Into<Callback>) -> Result<String, Error> {
    complete_at(callback, now())
}

fn complete_at(callback: impl Into<Callback>, now: Timestamp) -> Result<String, Error> {
    let pending = pending_for(organization(), DataCenter::Uk);
    read(callback.into(), &pending, "CLIENT_ID", &Endpoints::of(DataCenter::Uk), now)
        .map(|code| code.expose().to_owned())
}

fn code_of(callback: &str) -> String {
    complete(callback).unwrap_err().code().unwrap().to_owned()
}

#[test]
fn the_code_is_taken_from_a_url_a_path_a_query_or_parameters() {
    for callback in [
        format!("https://app.example/callback?code=CODE&state={STATE}"),
        format!("https://app.example:443/callback?state={STATE}&code=CODE&utm=1#"),
        format!("/callback?code=CODE&state={STATE}"),
        format!("?code=CODE&state={STATE}"),
        format!("code=CODE&state={STATE}"),
    ] {
        assert_eq!(complete(callback.as_str()).unwrap(), "CODE", "{callback}");
    }
    let parameters = Callback::from_parameters([("code", "CODE"), ("state", STATE)]);
    assert_eq!(complete(parameters).unwrap(), "CODE");
}

#[test]
fn a_denial_is_told_only_to_the_session_that_asked() {
    let error = complete(format!("?error=access_denied&state={STATE}")).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Authorization, Some("access_denied")));
    assert!(error.needs_reauthorization() && error.message().contains("denied"));
    assert_eq!(code_of("?error=access_denied&state=somebody-elses-state-entirely"), "state_mismatch");
}

#[test]
fn a_state_that_is_missing_empty_wrong_or_expired_is_refused() {
    assert_eq!(code_of("?code=CODE"), "state_missing");
    assert_eq!(code_of("?code=CODE&state="), "state_missing");
    assert_eq!(code_of("?code=CODE&state=other"), "state_mismatch");
    assert_eq!(code_of(&format!("?code=CODE&state={STATE}x")), "state_mismatch");
    assert_eq!(code_of(&format!("?code=CODE&state={}", &STATE[1..])), "state_mismatch");
    let late = now().checked_add(SignedDuration::from_mins(10)).unwrap();
    let error = complete_at(format!("?code=CODE&state={STATE}"), late).unwrap_err();
    assert_eq!(error.code(), Some("state_expired"));
}

#[test]
fn doubled_parameters_are_refused() {
    for callback in [
        format!("?code=CODE&state={STATE}&state={STATE}"),
        format!("?code=CODE&state=x&state={STATE}"),
        format!("?code=CODE&code=OTHER&state={STATE}"),
        format!("?error=a&error=b&state={STATE}"),
    ] {
        assert_eq!(code_of(&callback), "callback_malformed", "{callback}");
    }
}

#[test]
fn what_is_no_callback_is_refused_with_what_to_pass() {
    for callback in [
        "",
        "https://app.example/callback",
        "not a callback",
        "::::",
        &format!("https://app.example/callback#code=CODE&state={STATE}"),
        &format!("?code=CODE&error=x&state={STATE}"),
        &format!("?state={STATE}"),
        &format!("?code=&state={STATE}"),
        &format!("?code=CO%0D%0ADE&state={STATE}"),
        &format!("?code={}&state={STATE}", "x".repeat(20_000)),
    ] {
        let error = complete(callback).unwrap_err();
        assert_eq!(error.code(), Some("callback_malformed"), "{callback}: {error}");
        assert!(error.fields().contains_key("callback"));
    }
}

#[test]
fn a_callback_for_another_data_center_client_or_redirect_uri_is_refused() {
    let pending = pending_for(organization(), DataCenter::De);
    let good = format!("https://app.example/callback?code=CODE&state={STATE}");
    let refused = |client_id: &str, data_center| {
        let endpoints = Endpoints::of(data_center);
        read(good.as_str().into(), &pending, client_id, &endpoints, now())
            .unwrap_err()
            .code()
            .map(str::to_owned)
    };
    assert_eq!(refused("CLIENT_ID", DataCenter::Us).as_deref(), Some("client_mismatch"));
    assert_eq!(refused("OTHER", DataCenter::De).as_deref(), Some("client_mismatch"));
    for elsewhere in ["http://app.example", "https://app.example.evil", "https://x@app.example"] {
        assert_eq!(code_of(&format!("{elsewhere}/callback?code=CODE&state={STATE}")), "redirect_mismatch");
    }
    assert_eq!(code_of(&format!("https://app.example/other?code=CODE&state={STATE}")), "redirect_mismatch");
}

#[test]
fn an_issuer_that_is_named_must_be_the_data_centers() {
    let with = |issuer: &str| complete(format!("?code=CODE&state={STATE}&iss={issuer}"));
    assert!(with("https://app-uk.cronofy.com").is_ok());
    for issuer in ["https://app-us.cronofy.com", "https://app.cronofy.com", "https://evil.example", ""] {
        assert_eq!(with(issuer).unwrap_err().code(), Some("issuer_mismatch"), "{issuer}");
    }
}

#[test]
fn messages_and_debug_output_hold_neither_code_nor_state() {
    let callback = Callback::from(format!("https://app.example/other?code=CANARY&state={STATE}"));
    assert!(!format!("{callback:?}").contains("CANARY"));
    let error = complete(callback).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("CANARY") && !shown.contains(STATE), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_panics_and_none_is_accepted_without_the_state(text in "\\PC{0,120}") {
        if complete(text.as_str()).is_ok() {
            prop_assert!(text.contains(STATE));
        }
    }

    #[test]
    fn a_mutated_state_is_never_accepted(position in 0..STATE.len(), letter in "[a-zA-Z0-9_-]") {
        let mut state = STATE.to_owned();
        state.replace_range(position..=position, &letter);
        prop_assume!(state != STATE);
        let refused = complete(format!("?code=CODE&state={state}")).is_err();
        prop_assert!(refused);
    }
}
