//! Inputs for fuzz-like tests: bodies that are right, spoiled in every way that we could think of, and plain noise.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Inputs a test, in `make test`. `make nightly` sets a million.
const INPUTS: u32 = 20_000;

/// How many inputs a fuzz-like test tries: `BINDERY_FUZZ_INPUTS`, else 20 000.
pub(crate) fn inputs() -> ProptestConfig {
    let wanted = std::env::var("BINDERY_FUZZ_INPUTS").ok();
    let cases = wanted.map_or(INPUTS, |wanted| wanted.parse().expect("BINDERY_FUZZ_INPUTS is a number"));
    ProptestConfig { cases, ..ProptestConfig::default() }
}

/// Noise, text that looks like JSON, and (mostly) one of these right bodies, spoiled.
pub(crate) fn spoiled(right: Vec<Value>) -> impl Strategy<Value = Vec<u8>> {
    let swaps = vec((any::<u16>(), select(odd())), 0..4);
    let cuts = vec(cut(), 0..4);
    let from_right = (select(right), swaps, cuts).prop_map(|(mut body, swaps, cuts)| {
        for (place, by) in swaps {
            swap(&mut body, place, by);
        }
        cuts.into_iter().fold(body.to_string().into_bytes(), Cut::apply)
    });
    prop_oneof![
        1 => vec(any::<u8>(), 0..200),
        1 => vec(select(PIECES.to_vec()), 0..40).prop_map(|pieces| pieces.concat()),
        8 => from_right,
    ]
}

/// One change of the bytes; `at` counts from the beginning, around and around.
#[derive(Debug, Clone)]
enum Cut {
    Flip { at: u16, with: u8 },
    End { at: u16 },
    Out { at: u16, length: u8 },
    Twice { at: u16, length: u8 },
    In { at: u16, piece: &'static [u8] },
    Deep { at: u16, levels: u16 },
    Long { at: u16, digits: u16 },
}

impl Cut {
    fn apply(mut bytes: Vec<u8>, cut: Self) -> Vec<u8> {
        let place = |at: u16| usize::from(at) % (bytes.len() + 1);
        let until = |at: usize, length: u8| (at + usize::from(length)).min(bytes.len());
        match cut {
            Self::Flip { at, with } => {
                let at = place(at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= with;
                }
            }
            Self::End { at } => bytes.truncate(place(at)),
            Self::Out { at, length } => drop(bytes.drain(place(at)..until(place(at), length))),
            Self::Twice { at, length } => {
                let (from, to) = (place(at), until(place(at), length));
                let again = bytes[from..to].to_vec();
                drop(bytes.splice(to..to, again));
            }
            Self::In { at, piece } => insert(&mut bytes, at, piece),
            Self::Deep { at, levels } => insert(&mut bytes, at, &b"[".repeat(usize::from(levels))),
            Self::Long { at, digits } => insert(&mut bytes, at, &b"9".repeat(usize::from(digits))),
        }
        bytes
    }
}

fn insert(bytes: &mut Vec<u8>, at: u16, piece: &[u8]) {
    let at = usize::from(at) % (bytes.len() + 1);
    drop(bytes.splice(at..at, piece.iter().copied()));
}

fn cut() -> impl Strategy<Value = Cut> {
    prop_oneof![
        3 => (any::<u16>(), 1_u8..).prop_map(|(at, with)| Cut::Flip { at, with }),
        1 => any::<u16>().prop_map(|at| Cut::End { at }),
        2 => (any::<u16>(), 1_u8..40).prop_map(|(at, length)| Cut::Out { at, length }),
        2 => (any::<u16>(), 1_u8..80).prop_map(|(at, length)| Cut::Twice { at, length }),
        3 => (any::<u16>(), select(PIECES.to_vec())).prop_map(|(at, piece)| Cut::In { at, piece }),
        1 => (any::<u16>(), 1_u16..400).prop_map(|(at, levels)| Cut::Deep { at, levels }),
        1 => (any::<u16>(), 1_u16..700).prop_map(|(at, digits)| Cut::Long { at, digits }),
    ]
}

/// What JSON is made of, and what has broken readers of it.
const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b":",
    b" ",
    b"\\",
    b"\n",
    b"null",
    b"true",
    b"false",
    b"0",
    b"-0",
    b"1e999",
    b"1E-400",
    b"9007199254740993",
    b"18446744073709551616",
    b"\\ud800",
    b"\\u0000",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\"id\":",
    b"\"data\":[]",
    b"\"error\":{}",
    b"\"paging\":{\"next\":\"\"}",
    b"\"success\":false",
    b"//",
    b"NaN",
    b"'",
];

/// Values that stand where others should.
fn odd() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(9_007_199_254_740_993_u64),
        json!(""),
        json!(" "),
        json!("0"),
        json!("007"),
        json!("-1"),
        json!("1e3"),
        json!("\u{0}"),
        json!("~1/~0"),
        json!("é\u{202e}x"),
        json!("x".repeat(300)),
        json!("9".repeat(400)),
        json!("act_"),
        json!("a@b.c"),
        json!("30000000000000d"),
        json!("9999-12-31T23:59:59.999999999Z"),
        json!("-009999-01-01T00:00:00Z"),
        json!("https://other.example/v1.0/2001/client_pages?after=x"),
        json!([]),
        json!([[]]),
        json!([null, 1, "a"]),
        json!({}),
        json!({"": null}),
        json!({"a/b~c": {"id": "1"}}),
        json!({"id": 1}),
        (0..20).fold(json!(1), |inner, _| json!([inner])),
    ]
}

/// Puts `by` in the place of one value, counted through the whole body.
fn swap(body: &mut Value, place: u16, by: Value) {
    let all = count(body);
    let mut left = usize::from(place) % all;
    if let Some(found) = nth(body, &mut left) {
        *found = by;
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(map) => map.values().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(map) => map.values_mut().find_map(|item| nth(item, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[test]
fn every_value_of_a_body_can_be_swapped() {
    let body = json!({"a": [1, {"b": 2}], "c": 3});
    let swapped: std::collections::BTreeSet<String> = (0..6)
        .map(|place| {
            let mut body = body.clone();
            swap(&mut body, place, json!("x"));
            body.to_string()
        })
        .collect();
    assert_eq!(swapped.len(), count(&body), "{swapped:#?}");
}
