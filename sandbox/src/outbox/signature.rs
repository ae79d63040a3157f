//! The signature that callbacks carry in `Cronofy-HMAC-SHA256`.
//! <https://docs.cronofy.com/developers/push-notifications/authentication/>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// One signature of the body for each secret that is good at present, separated by commas.
pub(super) fn sign<'a>(body: &[u8], secrets: impl Iterator<Item = &'a str>) -> String {
    let signatures = secrets.filter_map(|secret| {
        // A key may be of any length, so there is always one.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
        mac.update(body);
        Some(STANDARD.encode(mac.finalize().into_bytes()))
    });
    signatures.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"example":"well-known"}"#;
    const PUBLISHED: &str = "CRN_NggYusqPGLxwjw5FHOJYOqSrTPNXy8WQf14OID";

    #[test]
    fn a_published_example_is_signed_as_published() {
        assert_eq!(sign(BODY, [PUBLISHED].into_iter()), "5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0=");
    }

    #[test]
    fn while_a_secret_is_rotated_there_is_a_signature_for_each() {
        let both = sign(BODY, [PUBLISHED, "pDY0Oi7TJSP2hfNmZNkm5"].into_iter());
        assert_eq!(
            both,
            "5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0=,6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c="
        );
    }
}
