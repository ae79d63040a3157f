//! Records as stores hold them: a file or a sealed text that was damaged, changed or put in another's place is refused, and
//! one that is accepted is read as it was written.

use super::{check_constant, token_reply::round_trip};
use crate::{auth::token::TokenRecord, store::fuzzing as inside};

/// The data is the content of a record's file.
pub fn record(data: &[u8]) {
    if let Some(payload) = inside::file(data) {
        payload_of_a_record(&payload);
    }
    if let Ok(payload) = std::str::from_utf8(data) {
        payload_of_a_record(payload);
    }
}

fn payload_of_a_record(payload: &str) {
    match TokenRecord::from_payload(payload) {
        Ok(record) => {
            round_trip(&record);
            let _ = (
                record.expires_at(),
                record.refresh_at(0.5),
                record.refresh_ahead_at(std::time::Duration::MAX),
            );
        }
        Err(error) => {
            let other = if error.to_string().contains("newer") { r#"{"v":2}"# } else { "" };
            check_constant(&error, TokenRecord::from_payload(other).err());
        }
    }
}

/// The first octet says what the rest is: keys; a payload that somebody has written; a text to be sealed; or how to change
/// what is sealed.
#[cfg(feature = "sealed")]
pub fn sealed(data: &[u8]) {
    let Some((choice, rest)) = super::choice(data) else { return };
    match (choice % 4, std::str::from_utf8(rest)) {
        (0, Ok(text)) => inside::keys(text),
        (1, Ok(text)) => inside::foreign_payload(text),
        (2, Ok(text)) => inside::seal_and_open(text),
        (3, _) => inside::changed(rest),
        _ => {}
    }
}
