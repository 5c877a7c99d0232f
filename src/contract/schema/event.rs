//! Events: derived from their types, then narrowed to the words that stand in them and to what each phase tells.

use serde_json::{Map, Value, json};

use super::{texts, tidy};
use crate::contract::asset::Kind;
use crate::contract::event::{DATA_SCHEMA, DATA_TYPE, Event, SPECVERSION};
use crate::contract::outcome::Phase;
use crate::contract::rows::ROWS;

/// The command of an event whose delivery named none.
const UNKNOWN: &str = "unknown";

/// Every part of the schema of events; `Event` is the whole, `EventData` its `data`.
pub(super) fn definitions() -> Map<String, Value> {
    let mut generator = tidy::generator();
    let _reference = generator.subschema_for::<Event>();
    let mut parts = tidy::parts(generator);
    parts.values_mut().for_each(never_null);
    narrow_envelope(&mut parts["Event"]);
    narrow_data(&mut parts["EventData"]);
    for name in ["Event", "EventData"] {
        parts[name]["title"] = name.into();
    }
    parts
}

fn narrow_envelope(event: &mut Value) {
    let commands = commands().join("|");
    let phases = Phase::ALL.map(Phase::word).join("|");
    let kinds = Kind::ALL.map(Kind::word).join("|");
    narrow(event, "specversion", json!({ "const": SPECVERSION }));
    narrow(event, "type", json!({ "pattern": format!(r"^bindery\.({commands})\.({phases})$") }));
    narrow(event, "subject", json!({ "pattern": format!("^({kinds}|user|business|command|assets)/.+$") }));
    narrow(event, "datacontenttype", json!({ "const": DATA_TYPE }));
    narrow(event, "dataschema", json!({ "const": DATA_SCHEMA }));
    narrow(event, "source", json!({ "minLength": 1, "format": "uri-reference" }));
    narrow(event, "traceparent", json!({ "pattern": texts::TRACEPARENT }));
}

fn narrow_data(data: &mut Value) {
    narrow(data, "command", json!({ "enum": commands() }));
    narrow(data, "sequence", json!({ "minimum": 1 }));
    narrow(data, "delivery", json!({ "pattern": "^[0-9a-f]{64}$" }));
    data["allOf"] = Value::from(rules());
}

/// What may be left out is left out, and never stands as null: a type alone cannot say so.
fn never_null(part: &mut Value) {
    let required = part["required"].clone();
    let Some(properties) = part.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let needed = |name: &str| required.as_array().is_some_and(|names| names.iter().any(|needed| needed == name));
    for (_, schema) in properties.iter_mut().filter(|(name, _)| !needed(name)) {
        without_null(schema);
    }
}

fn without_null(schema: &mut Value) {
    if let Some(types) = schema.get("type").and_then(Value::as_array) {
        schema["type"] = types.iter().find(|one| *one != "null").cloned().unwrap_or_default();
    }
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        let real: Vec<Value> = choices.iter().filter(|choice| choice["type"] != "null").cloned().collect();
        schema["allOf"] = real.into();
        schema.as_object_mut().map(|fields| fields.remove("anyOf"));
    }
}

/// Adds `limits` to a property that the type alone leaves wide.
fn narrow(of: &mut Value, property: &str, limits: Value) {
    if let (Some(schema), Value::Object(limits)) = (of["properties"][property].as_object_mut(), limits) {
        schema.extend(limits);
    }
}

/// The commands that events tell of.
fn commands() -> Vec<&'static str> {
    ROWS.iter().map(|row| row.name).chain([UNKNOWN]).collect()
}

/// What each phase tells.
fn rules() -> Vec<Value> {
    let of = |holds: &dyn Fn(Phase) -> bool| -> Vec<&'static str> {
        Phase::ALL.into_iter().filter(|phase| holds(*phase)).map(Phase::word).collect()
    };
    let phases = |words: &[&str]| json!({ "properties": { "phase": { "enum": words } } });
    let is = |terminal: bool| json!({ "properties": { "terminal": { "const": terminal } } });
    let tells = |fields: &[&str]| json!({ "required": fields });
    let because = |phase: Phase, fields: &[&str]| json!({ "if": phases(&[phase.word()]), "then": tells(fields) });
    let failure = json!({ "properties": { "error": { "type": "object" } } });
    vec![
        json!({ "if": is(true), "then": phases(&of(&Phase::is_terminal)), "else": phases(&of(&|phase| !phase.is_terminal())) }),
        json!({ "if": is(true), "then": tells(&["changed", "finished_at"]) }),
        because(Phase::Announced, &["plan", "people"]),
        because(Phase::Pending, &["pending"]),
        because(Phase::Waiting, &["waiting"]),
        because(Phase::Expired, &["expired_because"]),
        json!({ "if": phases(&[Phase::Failed.word(), Phase::Rejected.word()]), "then": failure }),
        json!({ "if": phases(&[Phase::Rejected.word()]), "then": tells(&["delivery"]), "else": tells(&["sequence", "accepted_at"]) }),
    ]
}
