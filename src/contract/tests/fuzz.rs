//! Whatever comes in by the queue of commands: a verdict, and never a panic.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::super::{Malformed, command_names, parse, parse_own};
use super::{LIMIT, sample, with};
use crate::fuzz::{inputs, spoiled};

/// Longest answer to a message that is no command: it goes into a header and an event.
const TOLD_MAX: usize = 1_500;

/// Each command, plain and with all that it may have.
fn right() -> Vec<Value> {
    let frame = json!({
        "actor": "hr", "reason": "leaves", "priority": 7, "dry_run": true,
        "not_before": "2026-01-02T03:04:05Z", "expires_at": "2027-01-02T03:04:05+02:00",
    });
    let more = json!({"asset": null, "assets": [{"kind": "page", "id": "1"}, {"kind": "ad_account", "id": "act_2"}]});
    let plain = command_names().map(sample);
    let framed = plain.clone().map(|body| with(body, frame.clone()));
    let listed = plain.clone().map(|body| if body.get("asset").is_some() { with(body, more.clone()) } else { body });
    let account = json!({"kind": "ad_account", "id": "act_2"});
    let forever = with(
        sample("claim"),
        json!({"asset": account, "access": "owner", "irreversible": true, "permitted_tasks": null}),
    );
    let noticed = with(sample("offboard"), json!({"notice": "2d", "protected": ["page/1", "person/2", "a@b.c"]}));
    plain.into_iter().chain(framed).chain(listed).chain(vec![forever; 4]).chain([noticed]).collect()
}

fn words() -> BTreeSet<&'static str> {
    BTreeSet::from([
        "too_large",
        "not_utf8",
        "not_json",
        "too_deep",
        "duplicate_field",
        "not_an_object",
        "unknown_command",
        "unknown_field",
        "missing_field",
        "wrong_type",
        "invalid_value",
        "irreversible",
    ])
}

/// A pointer by RFC 6901, to a place in the message or to one that is missing in it.
fn names_a_place(malformed: &Malformed, body: &[u8]) -> Result<(), TestCaseError> {
    let pointer = &malformed.pointer;
    prop_assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer:?}");
    let escaped = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    prop_assert!(escaped, "{pointer:?} is no pointer");
    // A step that was cut short ends with an ellipsis and is no longer in the message.
    if let (Ok(value), Some((parent, _)), false) =
        (serde_json::from_slice::<Value>(body), pointer.rsplit_once('/'), pointer.contains('…'))
    {
        prop_assert!(value.pointer(parent).is_some(), "{pointer:?} leads nowhere");
    }
    Ok(())
}

#[test]
fn what_is_spoiled_was_right_before() {
    for body in right() {
        parse(body.to_string().as_bytes(), LIMIT).unwrap_or_else(|why| panic!("{why}: {body}"));
    }
}

#[test]
fn the_inputs_reach_every_kind_of_verdict() {
    let mut runner = TestRunner::deterministic();
    let inputs = spoiled(right());
    let code = |_| match parse(&inputs.new_tree(&mut runner).unwrap().current(), 1_000) {
        Ok(_) => "right",
        Err(malformed) => malformed.code(),
    };
    let reached: BTreeSet<&str> = (0..20_000).map(code).collect();
    let missed: Vec<&str> = words().into_iter().chain(["right"]).filter(|word| !reached.contains(word)).collect();
    assert_eq!(missed, [] as [&str; 0]);
}

proptest! {
    #![proptest_config(inputs())]

    #[test]
    fn every_message_gets_a_verdict_that_names_its_place(body in spoiled(right())) {
        let verdict = parse(&body, LIMIT);
        prop_assert_eq!(&verdict, &parse(&body, LIMIT), "the same message, the same verdict");
        match verdict {
            Ok(command) => {
                let again = parse_own(command.to_json().to_string().as_bytes());
                prop_assert_eq!(Ok(command), again);
            }
            Err(malformed) => {
                names_a_place(&malformed, &body)?;
                prop_assert!(words().contains(malformed.code()), "{}", malformed.code());
                prop_assert!(!malformed.message.is_empty() && malformed.told().len() <= TOLD_MAX, "{malformed}");
            }
        }
    }
}
