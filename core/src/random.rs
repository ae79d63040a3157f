//! Unguessable text and jitter, both from the operating system's generator.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// 32 random octets (256 bits) in URL-safe base64: 43 characters.
pub(crate) fn token() -> String {
    let mut octets = [0u8; 32];
    fill(&mut octets);
    URL_SAFE_NO_PAD.encode(octets)
}

/// A number in `0.0..1.0`.
pub(crate) fn fraction() -> f64 {
    let mut octets = [0u8; 4];
    fill(&mut octets);
    f64::from(u32::from_le_bytes(octets)) / (f64::from(u32::MAX) + 1.0)
}

#[expect(
    clippy::expect_used,
    reason = "without the system's generator no state or lease is safe: nothing may go on"
)]
fn fill(octets: &mut [u8]) {
    getrandom::fill(octets).expect("the operating system provides random numbers");
}
