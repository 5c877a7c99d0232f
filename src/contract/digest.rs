//! Fingerprints: of a command's content, and of a delivery's bytes.

use sha2::{Digest as _, Sha256};

use super::ids::Digest;
use super::json;

/// The digest of a command's content as received: equal for the same JSON value with its keys in any order.
///
/// What is not readable as JSON, or has a key twice, is taken by its bytes; no such message becomes a command.
#[must_use]
pub fn fingerprint(body: &[u8]) -> Digest {
    let reading = std::str::from_utf8(body).ok().and_then(|text| json::read(text).ok());
    match reading {
        Some(reading) if reading.fault.is_none() => Digest::of(json::canonical(&reading.value).as_bytes()),
        Some(_) | None => Digest::of(body),
    }
}

/// SHA-256 of a delivery's bytes in lower-case hex, by which a sender knows its own among `rejected` events.
#[must_use]
pub fn delivery_digest(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_counts_and_not_the_bytes() {
        let a = br#"{"id":"a","priority":4}"#;
        assert_eq!(fingerprint(a), fingerprint(br#" {"priority": 4, "id": "\u0061"}"#));
        assert_ne!(delivery_digest(a), delivery_digest(br#"{"id": "a","priority":4}"#));
        // Defaults are not filled in, and a number is what was written.
        assert_ne!(fingerprint(a), fingerprint(br#"{"id":"a"}"#));
        assert_ne!(fingerprint(a), fingerprint(br#"{"id":"a","priority":4.0}"#));
        assert_ne!(fingerprint(a), fingerprint(br#"{"id":"a","priority":"4"}"#));
    }

    #[test]
    fn what_is_no_json_still_has_a_fingerprint() {
        for body in [&b""[..], b"\xff", b"{", br#"{"a":1,"a":1}"#] {
            assert_eq!(fingerprint(body).as_str(), format!("sha256:{}", delivery_digest(body)));
        }
    }
}
