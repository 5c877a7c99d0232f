//! The contract as JSON Schema 2020-12: what `bindery schema` writes and `docs/contract/` holds.
//!
//! Events derive from their types. Commands are read by hand, so their schema is built here, from the tables that the
//! parser reads by (names of fields, kinds, tasks, limits); a property holds the two against each other. What the
//! parser asks and JSON Schema cannot say is listed in [`UNSAID`].

mod command;
mod event;
mod fields;
mod samples;
mod texts;
mod tidy;
mod unsaid;

use serde_json::{Map, Value, json};

pub use command::title as command_title;
pub use samples::{Sample, commands as sample_commands, events as sample_events};
pub use texts::TRACEPARENT;
pub use tidy::{closed, tidied, under};
pub use unsaid::{UNSAID, Unsaid};

use super::event::DATA_SCHEMA;

/// Names the schema of commands with its major version.
pub const COMMAND_SCHEMA: &str = "urn:bindery:schema:command:1";
/// Names the schema of a whole event, envelope and data.
pub const EVENT_SCHEMA: &str = "urn:bindery:schema:cloudevent:1";

/// The dialect of everything here.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The parts of both schemas by name, each reference as `#/$defs/…`: `Command`, `Event`, and what they are made of.
#[must_use]
pub fn definitions() -> Map<String, Value> {
    let mut all = command::definitions();
    all.extend(event::definitions());
    all
}

/// The schema of a command: of whatever [`super::parse()`] takes, but for what [`UNSAID`] lists.
#[must_use]
pub fn command() -> Value {
    let rules: Vec<String> = UNSAID.iter().map(|rule| format!("{}: {}", rule.name, rule.rule)).collect();
    let comment = format!("Beyond what this schema can say, bindery asks: {}", rules.join("; "));
    let mut whole = whole(COMMAND_SCHEMA, "Command", &command::definitions());
    whole["$comment"] = comment.into();
    whole
}

/// The schema of an event as it stands in a message: CloudEvents 1.0 in structured mode.
#[must_use]
pub fn event() -> Value {
    whole(EVENT_SCHEMA, "Event", &event::definitions())
}

/// The schema of an event's `data`, which its `dataschema` names.
#[must_use]
pub fn event_data() -> Value {
    whole(DATA_SCHEMA, "EventData", &event::definitions())
}

/// A document of its own: `top` of `parts`, with those parts that it needs.
fn whole(id: &str, top: &str, parts: &Map<String, Value>) -> Value {
    let mut schema = parts[top].clone();
    schema["$schema"] = DIALECT.into();
    schema["$id"] = id.into();
    let mut needed = Map::new();
    need(&schema, parts, &mut needed);
    schema["$defs"] = json!(needed);
    schema
}

/// Adds to `needed` every part that `schema` refers to, and what those refer to.
fn need(schema: &Value, parts: &Map<String, Value>, needed: &mut Map<String, Value>) {
    let mut names = Vec::new();
    tidy::each_reference(schema, &mut |name| names.push(name.to_owned()));
    for name in names {
        if !needed.contains_key(&name) {
            needed.insert(name.clone(), parts[&name].clone());
            need(&parts[&name], parts, needed);
        }
    }
}
