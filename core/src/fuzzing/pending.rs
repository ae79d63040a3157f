//! The pending authorization that a session keeps: only what this application has signed is read, and it is read as it was
//! written.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{check_constant, check_error, choice, line, now};
use crate::{
    AuthorizationRequest, PendingAuthorization, Secret,
    auth::authorize::authorize,
    config::{DataCenter, Endpoints},
};

const KEY: &str = "CRN_key-of-the-fuzzed-application";

/// The first octet says what the rest is: the session's text; fields in JSON, to be signed; or the lines of a request.
pub fn pending(data: &[u8]) {
    let Some((choice, rest)) = choice(data) else { return };
    match choice % 3 {
        0 => foreign_text(rest),
        1 => signed_fields(rest),
        _ => request(rest),
    }
}

fn unseal(text: &str) -> crate::Result<PendingAuthorization> {
    PendingAuthorization::unseal(text, &Secret::from(KEY))
}

fn foreign_text(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Err(error) = unseal(text) {
        return check_constant(&error, unseal("").err());
    }
    // A seed of ours, or a copy of one: changed in any way it is refused.
    let (signed, tag) = text.rsplit_once('.').unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(tag).unwrap(), mac(signed.as_bytes()), "signed by somebody else");
}

fn signed_fields(fields: &[u8]) {
    let signed = format!("p1.{}", URL_SAFE_NO_PAD.encode(fields));
    let text = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac(signed.as_bytes())));
    match unseal(&text) {
        Ok(pending) => check_round_trip(&pending),
        Err(error) => check_constant(&error, unseal("").err()),
    }
}

fn request(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut rest = text.as_bytes();
    let mut next = || {
        let (first, after) = line(rest);
        rest = after;
        std::str::from_utf8(first).ok().filter(|text| !text.is_empty())
    };
    let mut request = AuthorizationRequest::organization(next().unwrap_or_default());
    if let Some(payload) = next() {
        request = request.payload(payload);
    }
    if let Some(locale) = next() {
        request = request.locale(locale);
    }
    if let Some(connection) = next() {
        request = request.connection_id(connection);
    }
    if let Some(state) = next() {
        request = request.state(state);
    }
    if let Some(token) = next() {
        request = request.link_token(token);
    }
    let endpoints = Endpoints::of(DataCenter::Uk);
    let pending = match authorize(request, "CLIENT_ID", &endpoints, now()) {
        Ok(pending) => pending,
        Err(error) => return check_error(&error, None),
    };
    assert!(pending.url().starts_with("https://app-uk.cronofy.com/oauth/authorize?"), "{}", pending.url());
    assert!(pending.url().bytes().all(|octet| octet.is_ascii_graphic()));
    let query: Vec<(String, String)> = pending.url.query_pairs().into_owned().collect();
    for (name, wanted) in [
        ("state", pending.fields.state.as_str()),
        ("client_id", "CLIENT_ID"),
        ("redirect_uri", pending.fields.redirect_uri.as_str()),
        ("scope", "organizational_unit_scheduler"),
    ] {
        let found: Vec<&str> =
            query.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect();
        assert_eq!(found, [wanted], "{name} is there once, as it was given");
    }
    assert!(pending.fields.state.len() >= 22);
    check_round_trip(&pending);
    let text = pending.seal(&Secret::from(KEY));
    assert!(PendingAuthorization::unseal(&text, &Secret::from("CRN_another-application")).is_err());
    // One octet is changed, at a place and in a way that the data say.
    let sum: usize = data.iter().map(|octet| usize::from(*octet)).sum();
    let mut changed = text.clone().into_bytes();
    let at = sum % changed.len();
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    assert!(
        unseal(std::str::from_utf8(&changed).unwrap()).is_err(),
        "a change at {at} went unnoticed: {text}"
    );
}

fn check_round_trip(pending: &PendingAuthorization) {
    let text = pending.seal(&Secret::from(KEY));
    let read = unseal(&text).unwrap();
    assert_eq!(read.url, pending.url);
    assert_eq!(serde_json::to_string(&read.fields).unwrap(), serde_json::to_string(&pending.fields).unwrap());
    assert_eq!(read.seal(&Secret::from(KEY)), text);
    assert_eq!((read.flow(), read.payload()), (pending.flow(), pending.payload()));
    let _ = (read.expires_at(), format!("{read:?}"));
}

fn mac(message: &[u8]) -> Vec<u8> {
    let new = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).unwrap();
    let key = new(KEY.as_bytes()).chain_update(b"orgconnect pending authorization 1").finalize().into_bytes();
    new(&key).chain_update(message).finalize().into_bytes().to_vec()
}
