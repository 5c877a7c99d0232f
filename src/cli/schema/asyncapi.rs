//! The AsyncAPI 3 document: what goes in and out through RabbitMQ, from the topology that the worker declares.

use serde_json::{Map, Value, json};

use super::messages;
use crate::broker::{BrokerError, Declared, TopologyNames, declared};
use crate::contract::schema::{definitions, under};
use crate::contract::{Kind, Phase, command_names};

/// The version of the AMQP bindings.
const BINDING: &str = "0.3.0";
/// What the first part of an event's subject may be, beside the kinds of asset.
const SUBJECTS: [&str; 4] = ["user", "business", "command", "assets"];

/// The document, for a topology under `names`.
pub(super) fn document(names: &TopologyNames) -> Result<Value, BrokerError> {
    let declared = declared(names)?;
    Ok(json!({
        "asyncapi": "3.0.0",
        "id": "urn:bindery:asyncapi:1",
        "info": info(),
        "defaultContentType": "application/json",
        "servers": { "rabbitmq": {
            "host": "127.0.0.1:5672", "protocol": "amqp", "protocolVersion": "0.9.1",
            "description": "The broker of `amqp.url`."
        } },
        "channels": channels(names, &declared),
        "operations": operations(names),
        "components": {
            "schemas": under("#/components/schemas/", definitions().into()),
            "messages": messages::all()
        }
    }))
}

fn info() -> Value {
    json!({
        "title": "bindery", "version": env!("CARGO_PKG_VERSION"),
        "description": "Commands about Meta business assets in, result events out. Exactly one event of a command has \
                        `terminal: true`. Delivery is at least once: a repeated event has the same `id` and the same \
                        bytes. Consumers of events overlook fields that they do not know.",
        "license": { "name": "MIT OR Apache-2.0" }
    })
}

fn channels(names: &TopologyNames, declared: &[Declared]) -> Value {
    let subjects: Vec<&str> = Kind::ALL.map(Kind::word).into_iter().chain(SUBJECTS).collect();
    let every_command: Vec<&str> = command_names().into_iter().chain(["unknown"]).collect();
    let events = json!({ "event": reference("messages", "event") });
    json!({
        &names.commands: {
            "address": "{command}",
            "description": "Publish commands here, persistent and with confirms; a nack says that the queue is full.",
            "parameters": { "command": { "description": "The command's name.", "enum": command_names() } },
            "messages": messages::by_command(),
            "bindings": { "amqp": { "is": "routingKey", "exchange": exchange(&names.commands, declared),
                "x-queue": queue(&names.commands, declared), "bindingVersion": BINDING } }
        },
        &names.events: {
            "address": "{command}.{subject}.{phase}",
            "description": "Bind a queue of your own: `claim.page.*`, or `#` for all.",
            "parameters": {
                "command": { "description": "The command's name.", "enum": every_command },
                "subject": { "description": "What it is about.", "enum": subjects },
                "phase": { "description": "Where it stands.", "enum": Phase::ALL.map(Phase::word) }
            },
            "messages": events,
            "bindings": { "amqp": { "is": "routingKey", "exchange": exchange(&names.events, declared),
                "bindingVersion": BINDING } }
        },
        &names.dead: {
            "address": names.dead,
            "description": "What is no command: unreadable, too large, or not from one who may.",
            "messages": { "dead": reference("messages", "dead") },
            "bindings": { "amqp": { "is": "queue", "queue": queue(&names.dead, declared),
                "x-exchange": exchange(&names.dead, declared), "bindingVersion": BINDING } }
        },
        "reply_to": {
            "address": null,
            "description": "The queue that a command's AMQP property `reply_to` names, through the default exchange: a \
                            direct reply, or a queue whose name does not begin with `bindery.`. It gets the terminal \
                            event, with the requester's `correlation_id`.",
            "messages": events,
            "bindings": { "amqp": { "is": "routingKey", "exchange": { "name": "", "type": "direct", "durable": true },
                "bindingVersion": BINDING } }
        }
    })
}

fn operations(names: &TopologyNames) -> Value {
    let sent =
        |mandatory: bool| json!({ "amqp": { "deliveryMode": 2, "mandatory": mandatory, "bindingVersion": BINDING } });
    json!({
        "receiveCommand": {
            "action": "receive", "channel": channel(&names.commands),
            "summary": "A command is journaled, and only then acknowledged.",
            "bindings": { "amqp": { "ack": true, "bindingVersion": BINDING } },
            "reply": {
                "address": { "location": "$message.header#/reply_to",
                    "description": "The AMQP property `reply_to`, which AsyncAPI has no other place for." },
                "channel": channel("reply_to"),
                "messages": [{ "$ref": "#/channels/reply_to/messages/event" }]
            }
        },
        "sendEvent": {
            "action": "send", "channel": channel(&names.events), "bindings": sent(true),
            "summary": "An event; where nobody is bound for it, it stays in the journal as `unrouted`."
        },
        "sendDead": {
            "action": "send", "channel": channel(&names.dead), "bindings": sent(true),
            "summary": "A message that is no command, as it came, with the reason in its headers."
        },
        "sendReply": {
            "action": "send", "channel": channel("reply_to"), "bindings": sent(false),
            "summary": "The terminal event, to whoever asked for it."
        }
    })
}

fn exchange(wanted: &str, declared: &[Declared]) -> Value {
    let kind = declared.iter().find_map(|thing| match thing {
        Declared::Exchange { name, kind } if name == wanted => Some(kind),
        Declared::Exchange { .. } | Declared::Queue { .. } | Declared::Binding { .. } => None,
    });
    json!({ "name": wanted, "type": kind, "durable": true, "autoDelete": false })
}

fn queue(wanted: &str, declared: &[Declared]) -> Value {
    let mut queue = Map::new();
    for thing in declared {
        match thing {
            Declared::Queue { name, arguments } if name == wanted => {
                queue.insert("x-arguments".to_owned(), json!(arguments));
            }
            Declared::Binding { name, key } if name == wanted => {
                queue.insert("x-binding".to_owned(), json!({ "exchange": name, "routingKey": key }));
            }
            Declared::Exchange { .. } | Declared::Queue { .. } | Declared::Binding { .. } => {}
        }
    }
    queue.extend([("name".to_owned(), json!(wanted)), ("durable".to_owned(), json!(true))]);
    queue.extend([("exclusive".to_owned(), json!(false)), ("autoDelete".to_owned(), json!(false))]);
    Value::Object(queue)
}

fn channel(name: &str) -> Value {
    json!({ "$ref": format!("#/channels/{name}") })
}

fn reference(of: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{of}/{name}") })
}
