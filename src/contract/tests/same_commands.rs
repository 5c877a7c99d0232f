//! Schema and parser take the same commands: random ones, and random ones that were spoiled.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use serde_json::{Value, json};

use super::super::rows::{COMMON, ROWS};
use super::super::{PAGE_TASKS, parse};
use super::LIMIT;
use super::properties::{any_json, command};
use super::schema::COMMAND;

/// What was seen of the two, to know that the property is not idle.
#[derive(Default)]
struct Seen {
    taken: Cell<u32>,
    refused: Cell<u32>,
    beyond: Cell<u32>,
}

/// By which words of the parser each rule of [`UNSAID`](super::super::schema::UNSAID) on a value is known.
const BEYOND: [&str; 8] = [
    "is the same as",
    "is after \"expires_at\"",
    "stands twice in the list",
    "is too long: at most",
    "must be a duration with its unit",
    "must be a time by RFC 3339",
    "must be a whole number from 0 to 9",
    "must be an e-mail address",
];

/// Texts near what a field takes, right and wrong.
fn near_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9._:~ -]{0,8}",
        "[a-z]{127,130}",
        "(act_){0,2}[0-9]{0,3}",
        "[0-9]{31,34}",
        "[a-zé@. \u{a0}\u{3000}\u{85}-]{0,10}",
        "[a-zA-Z/]{1,3}@[a-z.]{1,6}",
        "(page|person|pixel|pages)/(act_)?[0-9]{0,3}",
        "person/[a-z]@[a-z]\\.[a-z]",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?([Zz]|[+-][0-3][0-9]:[0-6][0-9])?",
        "20[0-9]{2}-(0[1-9]|1[0-2])-[0-2][0-9]T(0[0-9]|2[0-5]):[0-5][0-9]:(0[0-9]|60|61)(Z|[+-]2[2-7]:[0-5][0-9])",
        "([0-9]{1,4}(\\.[0-9]{0,3})?(s|m|h|d|w|M|y|ms|us|µs|days|fortnight) ?){1,3}",
        "[0-9]{0,3} ?(s|m|h|d)?",
        "[0-9]{18,22}(ns|s|y)",
        select(vec!["all", "owner", "agency", "EMPLOYEE", "ADMIN", "admin", "page", "", "sha256:00", "claim", "cancel"])
            .prop_map(str::to_owned),
        "sha256:[0-9a-f]{63,65}",
    ]
}

fn near_asset() -> impl Strategy<Value = Value> {
    let kind = select(vec!["page", "page", "ad_account", "pixel", "pages"]);
    (kind, "(act_)?[0-9]{0,2}", 0..12_u8).prop_map(|(kind, id, how)| match how {
        0 => json!({"kind": kind}),
        1 => json!({"kind": kind, "id": id, "name": "x"}),
        2 => json!({"kind": kind, "id": 7}),
        _ => json!({"kind": kind, "id": id}),
    })
}

fn near_value() -> impl Strategy<Value = Value> {
    let words = || prop_oneof![select(PAGE_TASKS.to_vec()).prop_map(str::to_owned), "[A-Z_]{0,3}", near_text()];
    prop_oneof![
        4 => near_text().prop_map(Value::from),
        2 => near_asset(),
        2 => vec(near_asset(), 0..4).prop_map(Value::from),
        1 => vec(select(vec!["page", "pixel", "catalog", "pages"]), 0..4).prop_map(|kinds| json!(kinds)),
        2 => vec(words(), 0..4).prop_map(|words| json!(words)),
        1 => any::<bool>().prop_map(Value::from),
        1 => (-2..12_i64).prop_map(Value::from),
        1 => select(vec![4.0, 4.5, 9.0, 1e3, -0.0]).prop_map(Value::from),
        1 => any_json(),
    ]
}

/// A field set anew, or taken away.
fn spoiling() -> impl Strategy<Value = (String, Option<Value>)> {
    let mut names: Vec<&str> = ROWS.iter().flat_map(|row| row.own.iter().copied()).chain(COMMON).collect();
    names.extend(["x", "Asset", "id", "asset", "assets", "tasks"]);
    (select(names), prop::option::weighted(0.85, near_value())).prop_map(|(name, value)| (name.to_owned(), value))
}

fn spoiled() -> impl Strategy<Value = Value> {
    (command(), vec(spoiling(), 0..3)).prop_map(|(mut body, changes)| {
        let fields = body.as_object_mut().expect("a command is an object");
        for (name, value) in changes {
            match value {
                Some(value) => fields.insert(name, value),
                None => fields.remove(&name),
            };
        }
        body
    })
}

fn agree(body: &Value, seen: &Seen) -> TestCaseResult {
    let parsed = parse(body.to_string().as_bytes(), LIMIT);
    let fault = COMMAND.iter_errors(body).next();
    let count = |cell: &Cell<u32>| cell.set(cell.get() + 1);
    match (parsed, fault) {
        (Ok(_), None) => count(&seen.taken),
        (Err(_), Some(_)) => count(&seen.refused),
        (Ok(_), Some(fault)) => prop_assert!(false, "the schema alone refuses {body}: {fault}"),
        (Err(why), None) => {
            let known = BEYOND.iter().any(|words| why.message.contains(words)) || why.message.contains("or an e-mail");
            prop_assert!(known, "the parser alone refuses {body}: {why}");
            count(&seen.beyond);
        }
    }
    Ok(())
}

#[test]
fn the_schema_takes_a_command_where_the_parser_does_but_for_the_rules_that_it_cannot_say() {
    let seen = Seen::default();
    let usual = Config::default();
    let mut runner = TestRunner::new(Config { cases: usual.cases.max(3_000), failure_persistence: None, ..usual });
    runner.run(&spoiled(), |body| agree(&body, &seen)).unwrap_or_else(|why| panic!("{why}"));
    let told = (seen.taken.get(), seen.refused.get(), seen.beyond.get());
    println!("taken, refused, refused by the parser alone: {told:?}");
    assert!(told.0 > 500 && told.1 > 500 && told.2 > 0, "one-sided: taken, refused, beyond are {told:?}");
}
