//! The callback: whoever brings it, a code is taken only out of one that carries this session's state.

use super::{REDIRECT, STATE, check_error, now};
use crate::{
    AuthorizationRequest, Callback, HandOff, PendingAuthorization,
    auth::{authorize::authorize, callback::read},
    config::{DataCenter, Endpoints},
};

struct Fixture {
    endpoints: Endpoints,
    pending: PendingAuthorization,
    other_state: PendingAuthorization,
    other_place: PendingAuthorization,
    hand_off: HandOff,
}

thread_local! {
    static FIXTURE: Fixture = {
        let endpoints = Endpoints::of(DataCenter::Uk);
        let begin = |redirect_uri: &str, state: &str| {
            let request = AuthorizationRequest::organization(redirect_uri).state(state);
            authorize(request, "CLIENT_ID", &endpoints, now()).unwrap()
        };
        let pending = begin(REDIRECT, STATE);
        Fixture {
            other_state: begin(REDIRECT, "another-state-that-nobody-can-guess"),
            other_place: begin("https://other.example/callback", STATE),
            hand_off: HandOff::new(pending.url(), &endpoints).unwrap(),
            pending,
            endpoints,
        }
    };
}

/// The data is the text of a callback.
pub fn callback(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    FIXTURE.with(|fixture| check(fixture, text));
}

fn check(fixture: &Fixture, text: &str) {
    let Fixture { endpoints, pending, .. } = fixture;
    let code_for = |text: &str, pending, client_id, endpoints: &Endpoints, at| {
        read(Callback::from(text), pending, client_id, endpoints, at).map(|code| code.expose().to_owned())
    };
    match code_for(text, pending, "CLIENT_ID", endpoints, now()) {
        Ok(code) => {
            assert!(carries(text, &code, endpoints), "accepted without this session's state: {text:?}");
            let late = now().checked_add(jiff::SignedDuration::from_mins(10)).unwrap();
            assert!(code_for(text, &fixture.other_state, "CLIENT_ID", endpoints, now()).is_err());
            assert!(code_for(text, pending, "ANOTHER_CLIENT", endpoints, now()).is_err());
            assert!(code_for(text, pending, "CLIENT_ID", &Endpoints::of(DataCenter::De), now()).is_err());
            assert!(code_for(text, pending, "CLIENT_ID", endpoints, late).is_err());
            if text.to_ascii_lowercase().starts_with("https:") {
                assert!(!text.split('?').next().unwrap().contains('@'), "an address with somebody's name");
                assert!(code_for(text, &fixture.other_place, "CLIENT_ID", endpoints, now()).is_err());
            }
        }
        Err(error) => check_error(&error, hidden(text).iter().map(String::as_str)),
    }
    match fixture.hand_off.accept(text) {
        Ok(query) => {
            assert!(readings(text).iter().any(|reading| values(reading, "state") == [STATE]), "{text:?}");
            assert!(text.contains(&query));
            if let Ok(code) = code_for(&query, pending, "CLIENT_ID", endpoints, now()) {
                assert!(
                    carries(text, &code, endpoints),
                    "an app takes another code than its backend: {text:?}"
                );
            }
        }
        Err(error) => check_error(&error, hidden(text).iter().map(String::as_str)),
    }
}

/// Whether the text, read by another parser, carries this code, the state, and nothing that speaks against them.
fn carries(text: &str, code: &str, endpoints: &Endpoints) -> bool {
    readings(text).iter().any(|reading| {
        values(reading, "state") == [STATE]
            && values(reading, "code") == [code]
            && values(reading, "error").is_empty()
            && values(reading, "iss")
                .iter()
                .all(|issuer| *issuer == endpoints.app || *issuer == endpoints.api)
    })
}

/// What must not be shown: codes and states that are nobody's ordinary word.
fn hidden(text: &str) -> Vec<String> {
    let said: Vec<String> = readings(text)
        .into_iter()
        .flatten()
        .filter(|(name, value)| (name == "code" || name == "state") && value.len() >= 12)
        .map(|(_, value)| value)
        .collect();
    // A server may repeat a code as its error, and the redirect URI is no secret.
    let told = |secret: &String| {
        let errors = readings(text).into_iter().flatten().filter(|(name, _)| name == "error");
        errors.map(|(_, value)| value).any(|error| error.contains(secret))
    };
    said.into_iter().filter(|secret| !told(secret) && is_unusual(secret)).collect()
}

/// Our own sentences hold words and names of fields; a secret has something else in it.
fn is_unusual(text: &str) -> bool {
    text.bytes().any(|octet| octet.is_ascii_digit()) && text.bytes().all(|octet| octet.is_ascii_graphic())
}

/// The parameters, as a reader finds them who looks at all of the text, or at what is behind the first question mark.
fn readings(text: &str) -> Vec<Vec<(String, String)>> {
    let queries = [Some(text), text.split_once('?').map(|(_, query)| query)];
    queries.into_iter().flatten().map(|query| decode(query.split('#').next().unwrap())).collect()
}

fn values<'a>(reading: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    reading.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
}

/// `application/x-www-form-urlencoded`, written once more so that two readers are compared.
fn decode(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let mut octets = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let digits = || {
                std::str::from_utf8(after.get(..2)?)
                    .ok()
                    .filter(|two| two.bytes().all(|d| d.is_ascii_hexdigit()))
            };
            match (first, digits()) {
                (b'%', Some(two)) => {
                    octets.push(u8::from_str_radix(two, 16).unwrap());
                    rest = &after[2..];
                    continue;
                }
                (b'+', _) => octets.push(b' '),
                (other, _) => octets.push(*other),
            }
            rest = after;
        }
        String::from_utf8_lossy(&octets).into_owned()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}
