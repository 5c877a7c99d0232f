//! The published schemas are what the code says.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use jsonschema::Validator;
use serde_json::{Value, json};

use super::super::schema::{self, UNSAID, closed, command_title, definitions};
use super::super::{Command, Event, EventContext, Outcome, Phase, command_names, parse};
use super::{LIMIT, with};

pub(super) static COMMAND: LazyLock<Validator> = LazyLock::new(|| without_formats(&schema::command()));
static EVENT: LazyLock<Validator> = LazyLock::new(|| validator(&schema::event()));
static CLOSED_EVENT: LazyLock<Validator> = LazyLock::new(|| validator(&closed(schema::event())));

fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).expect("a schema")
}

/// As validators do that look at patterns alone: what a pattern lets pass, `format` may still refuse.
fn without_formats(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(false).build(schema).expect("a schema")
}

/// Whether an event has all that the published schema asks, and nothing that it does not name.
pub(crate) fn told_as_documented(event: &Value) -> Result<(), String> {
    match CLOSED_EVENT.iter_errors(event).next() {
        Some(error) => Err(format!("{} at {}: {event:#}", error, error.instance_path())),
        None => Ok(()),
    }
}

/// The same for the event with which `command` would end as `outcome`.
pub(crate) fn ends_as_documented(command: &Command, outcome: &Outcome) {
    let now = Timestamp::UNIX_EPOCH;
    let event = Event::of(command, 1, outcome.clone(), &EventContext::new("/bindery/default", now, now));
    told_as_documented(&serde_json::to_value(event).expect("an event is JSON"))
        .unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn every_sample_of_a_command_is_one_for_parser_and_schema() {
    let samples = schema::sample_commands();
    for sample in &samples {
        let text = sample.message.to_string();
        assert_eq!(parse(text.as_bytes(), LIMIT).err(), None, "{}: {text}", sample.name);
        assert!(COMMAND.is_valid(&sample.message), "{}: {text}", sample.name);
    }
    let shown: BTreeSet<&str> = samples.iter().filter_map(|sample| sample.message["command"].as_str()).collect();
    assert_eq!(shown, command_names().into_iter().collect());
}

#[test]
fn every_sample_of_an_event_is_one_and_every_phase_has_one() {
    let samples = schema::sample_events();
    for sample in &samples {
        told_as_documented(&sample.message).unwrap();
        assert!(serde_json::from_value::<Event>(sample.message.clone()).is_ok(), "{}", sample.name);
    }
    let shown: BTreeSet<&str> = samples.iter().filter_map(|sample| sample.message["data"]["phase"].as_str()).collect();
    assert_eq!(shown, Phase::ALL.map(Phase::word).into_iter().collect());
}

#[test]
fn each_rule_beyond_the_schema_has_an_example_that_only_the_parser_refuses() {
    for rule in UNSAID {
        let text = (rule.example)();
        let value: Value = serde_json::from_str(&text).expect(rule.name);
        assert!(COMMAND.is_valid(&value), "{}: the schema can say it after all", rule.name);
        assert!(parse(text.as_bytes(), LIMIT).is_err(), "{}: the parser does not ask it", rule.name);
    }
}

#[test]
fn the_documents_name_each_rule_beyond_the_schema() {
    let readme = include_str!("../../../docs/contract/README.md");
    for rule in UNSAID {
        assert!(readme.contains(&format!("**{}**", rule.name)), "docs/contract/README.md does not name {}", rule.name);
        assert!(schema::command()["$comment"].as_str().unwrap().contains(rule.rule), "{}", rule.name);
    }
}

#[test]
fn no_two_parts_have_one_name() {
    let all = definitions();
    let of = |whole: Value| whole["$defs"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let both: Vec<_> = of(schema::command()).intersection(&of(schema::event())).cloned().collect();
    assert_eq!(both, Vec::<String>::new());
    assert!(command_names().iter().all(|name| all.contains_key(&command_title(name))));
}

#[test]
fn an_event_that_lacks_what_its_phase_tells_is_none() {
    let spoiled = |name: &str, changes: Value| {
        let mut event = schema::sample_events().into_iter().find(|sample| sample.name == name).unwrap().message;
        event["data"] = with(event["data"].clone(), changes);
        EVENT.is_valid(&event)
    };
    assert!(spoiled("approved by the client", json!({})));
    assert!(spoiled("approved by the client", json!({"mood": "good"})), "a newer minor version may tell more");
    for (name, changes) in [
        ("approved by the client", json!({"terminal": false})),
        ("approved by the client", json!({"changed": null})),
        ("approved by the client", json!({"sequence": 0})),
        ("approved by the client", json!({"sequence": null})),
        ("approved by the client", json!({"business": 2001})),
        ("approved by the client", json!({"phase": "vanished"})),
        ("nobody answered", json!({"expired_because": null})),
        ("others must approve", json!({"pending": null})),
        ("others must approve", json!({"terminal": true})),
        ("held back by a rate limit", json!({"waiting": null})),
        ("what will be done after the notice", json!({"people": null})),
        ("a person is needed", json!({"error": null})),
        ("no command", json!({"delivery": null})),
    ] {
        assert!(!spoiled(name, changes.clone()), "{name} {changes}");
    }
}

#[test]
fn an_envelope_of_another_kind_is_none() {
    let event = schema::sample_events().remove(0).message;
    for (field, value) in [
        ("specversion", json!("0.3")),
        ("type", json!("bindery.claim.vanished")),
        ("type", json!("other.claim.accepted")),
        ("subject", json!("ben@example.com")),
        ("dataschema", json!("urn:bindery:schema:event:2")),
        ("datacontenttype", json!("text/plain")),
        ("traceparent", json!("00-1-2-3")),
        ("id", json!("7")),
        ("time", json!("yesterday")),
        ("data", json!({})),
    ] {
        let mut other = event.clone();
        other[field] = value.clone();
        assert!(EVENT.is_valid(&event) && !EVENT.is_valid(&other), "{field}: {value}");
    }
}

#[test]
fn the_schema_of_the_data_is_the_one_that_events_name() {
    let named = schema::event_data()["$id"].clone();
    for sample in schema::sample_events() {
        assert_eq!(sample.message["dataschema"], named);
        assert!(validator(&schema::event_data()).is_valid(&sample.message["data"]), "{}", sample.name);
    }
}
