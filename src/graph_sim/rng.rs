//! Chance that can be repeated: what falls out depends on the seed and on what it is drawn for, never on the order of arrival.

/// One draw for `what`: the same seed, text and number give the same value in every run.
pub(crate) fn draw(seed: u64, what: &str, number: u64) -> u64 {
    // Keyed by what it is for: with one shared stream, two connections that race would swap their luck.
    splitmix64(seed ^ fnv1a(what.as_bytes()).wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}

/// A support id as Meta's `fbtrace_id`: letters and digits that say nothing.
pub(crate) fn trace_id(seed: u64, call: u64) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut left = draw(seed, "trace", call);
    let mut id = String::from("A");
    for _ in 0..10 {
        id.push(char::from(ALPHABET[(left % 62) as usize]));
        left /= 62;
    }
    id
}

/// FNV-1a over `bytes`: a short fingerprint for cursors and draws, not for secrets.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3))
}

fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_first_values() {
        // Reference: the first output of splitmix64 from state 0 and from state 1234567.
        assert_eq!(splitmix64(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(splitmix64(1_234_567), 6_457_827_717_110_365_317);
    }

    #[test]
    fn a_draw_depends_on_seed_purpose_and_number_alone() {
        assert_eq!(draw(1, "a", 2), draw(1, "a", 2));
        assert_ne!(draw(1, "a", 2), draw(2, "a", 2));
        assert_ne!(draw(1, "a", 2), draw(1, "b", 2));
        assert_ne!(draw(1, "a", 2), draw(1, "a", 3));
    }

    #[test]
    fn trace_ids_of_neighbouring_calls_differ() {
        assert_ne!(trace_id(1, 1), trace_id(1, 2));
        assert_eq!(trace_id(1, 1).len(), 11);
    }
}
