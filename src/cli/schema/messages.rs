//! The messages of the AsyncAPI document: payload, headers, AMQP properties, and examples that the code made.

use serde_json::{Map, Value, json};

use crate::contract::schema::{Sample, TRACEPARENT, command_title, sample_commands, sample_events};
use crate::contract::{CONTENT_TYPE, command_names, parse};
use crate::engine::{DEAD_HEADERS, DEAD_TYPE};

/// Every message: one for each command, the event, the dead letter.
pub(super) fn all() -> Map<String, Value> {
    let samples = sample_commands();
    let mut messages: Map<String, Value> =
        command_names().into_iter().map(|name| (name.to_owned(), command(name, &samples))).collect();
    messages.insert("event".to_owned(), event());
    messages.insert("dead".to_owned(), dead());
    messages
}

/// A reference to the message of each command.
pub(super) fn by_command() -> Map<String, Value> {
    let reference = |name: &str| json!({ "$ref": format!("#/components/messages/{name}") });
    command_names().into_iter().map(|name| (name.to_owned(), reference(name))).collect()
}

fn command(name: &str, samples: &[Sample]) -> Value {
    let of_it = samples.iter().filter(|sample| sample.message["command"] == name);
    let trace = json!({ "type": "object", "properties": {
        "traceparent": { "type": "string", "description": "A W3C trace context; its trace goes on in the events. One that is malformed is left out." },
        "tracestate": { "type": "string", "description": "Vendors' additions to it, at most 512 characters." }
    } });
    let properties = json!({
        "reply_to": { "type": "string", "description": "Where the terminal event shall go, too." },
        "correlation_id": { "type": "string", "description": "Comes back with the reply." },
        "user_id": { "type": "string", "description": "Checked by the broker; needed where `publishers` is set." }
    });
    json!({
        "name": name, "title": command_title(name), "contentType": "application/json",
        "payload": payload(&command_title(name)), "headers": trace,
        "correlationId": { "location": "$message.payload#/id" },
        "bindings": { "amqp": { "messageType": name, "x-properties": optional(&properties), "bindingVersion": "0.3.0" } },
        "examples": of_it.map(|sample| example(sample, &json!({}))).collect::<Vec<_>>()
    })
}

fn event() -> Value {
    let headers = json!({ "type": "object", "properties": {
        "traceparent": { "type": "string", "pattern": TRACEPARENT, "description": "The trace that the command came with." }
    } });
    let properties = json!({
        "message_id": { "type": "string", "description": "The event's `id`." },
        "correlation_id": { "type": "string", "description": "The command's id; in a reply the requester's own." },
        "type": { "type": "string", "description": "The event's `type`." },
        "content_type": { "const": CONTENT_TYPE },
        "app_id": { "const": "bindery" },
        "delivery_mode": { "const": 2 }
    });
    let needed = ["message_id", "type", "content_type", "app_id", "delivery_mode"];
    let properties = json!({ "type": "object", "properties": properties, "required": needed });
    let examples: Vec<Value> =
        sample_events().iter().map(|sample| example(sample, &trace_of(&sample.message))).collect();
    json!({
        "name": "event", "title": "Event", "contentType": CONTENT_TYPE,
        "summary": "CloudEvents 1.0 in structured mode.",
        "payload": payload("Event"), "headers": headers,
        "correlationId": { "location": "$message.payload#/data/command_id" },
        "bindings": { "amqp": { "messageType": "bindery.<command>.<phase>", "x-properties": properties, "bindingVersion": "0.3.0" } },
        "examples": examples
    })
}

fn trace_of(event: &Value) -> Value {
    match event.get("traceparent") {
        Some(parent) => json!({ "traceparent": parent }),
        None => json!({}),
    }
}

fn dead() -> Value {
    let [code, reason] = DEAD_HEADERS;
    let headers = json!({ "type": "object", "required": DEAD_HEADERS, "properties": {
        code: { "type": "string", "pattern": "^[a-z0-9_]+$", "description": "The kind of fault, as `error.code` of the rejected event has it." },
        reason: { "type": "string", "description": "What is wrong, where, and what would be right." }
    } });
    let properties = json!({ "type": "object", "required": ["message_id", "type", "app_id"], "properties": {
        "message_id": { "type": "string", "description": "The id of the rejected event." },
        "correlation_id": { "type": "string", "description": "As it came." },
        "content_type": { "type": "string", "description": "As it came." },
        "type": { "const": DEAD_TYPE },
        "app_id": { "const": "bindery" }
    } });
    json!({
        "name": "dead", "title": "Dead letter", "contentType": "application/octet-stream",
        "summary": "The bytes as they came. One larger than 1 MiB, and one that the broker sets aside, has the broker's `x-death` headers instead.",
        "headers": headers, "payload": {},
        "bindings": { "amqp": { "messageType": DEAD_TYPE, "x-properties": properties, "bindingVersion": "0.3.0" } },
        "examples": dead_example().into_iter().collect::<Vec<_>>()
    })
}

/// A message that is none, refused as the worker does.
fn dead_example() -> Option<Value> {
    let [code, reason] = DEAD_HEADERS;
    let body = r#"{"id": "onb-7733", "command": "clam", "business": "2001"}"#;
    let refused = parse(body.as_bytes(), body.len()).err()?;
    let headers = json!({ code: refused.code(), reason: refused.told() });
    Some(json!({ "name": "noSuchCommand", "summary": "no such command", "headers": headers, "payload": body }))
}

fn payload(part: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{part}") })
}

fn optional(properties: &Value) -> Value {
    json!({ "type": "object", "properties": properties })
}

/// Named for machines by its first letters in one word, with the words as they are beside it.
fn example(sample: &Sample, headers: &Value) -> Value {
    let mut words = sample.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_lowercase();
    let rest = words.map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]));
    let name = std::iter::once(first).chain(rest).collect::<String>();
    json!({ "name": name, "summary": sample.name, "headers": headers, "payload": sample.message })
}
