//! Octets as lower-case hexadecimal digits: for names that are made of hashes.

use std::fmt::Write;

/// Two digits an octet.
pub(crate) fn of(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        // Writing into a String can't fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}
