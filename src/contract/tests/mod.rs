//! Tests of the room as a whole.

mod events;
mod fuzz;
mod malformed;
mod properties;
mod readme;
mod same_commands;
pub(crate) mod schema;
mod well_formed;

use serde_json::{Value, json};

use super::{Command, Malformed, parse};

const LIMIT: usize = 256 * 1024;

fn parse_json(value: &Value) -> Result<Command, Malformed> {
    parse(value.to_string().as_bytes(), LIMIT)
}

/// A well-formed command of each kind.
fn sample(command: &str) -> Value {
    let page = json!({"kind": "page", "id": "1009"});
    let own = match command {
        "claim" => json!({"asset": page, "access": "agency", "permitted_tasks": ["ADVERTISE"]}),
        "unbind" => json!({"asset": page}),
        "reassign" => json!({"asset": page, "from": "31", "to": "32"}),
        "assign" => json!({"asset": page, "user": "31", "tasks": ["ANALYZE"]}),
        "unassign" => json!({"asset": page, "user": "31"}),
        "invite" => json!({"email": "ben@example.com", "role": "EMPLOYEE"}),
        "offboard" => json!({"user": "ben@example.com"}),
        "transfer" => json!({"asset": page, "to_business": "2002"}),
        "share" => json!({"asset": page, "partner": "2002", "permitted_tasks": ["ADVERTISE"]}),
        "revoke" => json!({"asset": page, "partner": "2002"}),
        "undo" | "cancel" => json!({"target": "onb-1"}),
        _ => json!({}),
    };
    let mut whole = json!({"id": "onb-7731", "command": command});
    if !matches!(command, "undo" | "cancel") {
        whole["business"] = "2001".into();
    }
    with(whole, own)
}

/// `value` with the fields of `changes`; `null` takes one away.
fn with(mut value: Value, changes: Value) -> Value {
    for (key, change) in changes.as_object().unwrap() {
        let map = value.as_object_mut().unwrap();
        if change.is_null() {
            map.remove(key)
        } else {
            map.insert(key.clone(), change.clone())
        };
    }
    value
}
