//! Commands: a schema for each row of the parser's table, and what holds between its fields.

use serde_json::{Map, Value, json};

use super::fields::{self, field, part};
use crate::contract::asset::{Access, Kind};
use crate::contract::rows::{COMMON, ROWS, Row};
use crate::contract::tasks::PAGE_TASKS;

/// Every part of the schema of commands; `Command` is the whole.
pub(super) fn definitions() -> Map<String, Value> {
    let mut parts = fields::parts();
    let names: Vec<Value> = ROWS.iter().map(|row| part(&title(row.name))).collect();
    let about = "A command, as published to the exchange of commands with its name as routing key.";
    parts.insert("Command".to_owned(), json!({ "title": "Command", "description": about, "oneOf": names }));
    parts.extend(ROWS.iter().map(|row| (title(row.name), command(row))));
    parts
}

/// The name of a command's own schema: `ClaimCommand` for `claim`.
#[must_use]
pub fn title(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}Command", first.to_uppercase())
}

fn command(row: &Row) -> Value {
    let takes = || COMMON.iter().chain(row.own).copied();
    let properties: Map<String, Value> = takes().map(|name| (name.to_owned(), field(row.name, name))).collect();
    let frame = ["id", "command", "business"].into_iter().filter(|name| takes().any(|field| field == *name));
    let required: Vec<&str> = frame.chain(needs(row.name).iter().copied()).collect();
    let mut schema = json!({
        "title": title(row.name), "type": "object", "additionalProperties": false,
        "properties": properties, "required": required
    });
    let rules = rules(row);
    if !rules.is_empty() {
        schema["allOf"] = rules.into();
    }
    schema
}

/// The fields of its own that a command cannot do without.
fn needs(name: &str) -> &'static [&'static str] {
    match name {
        "claim" => &["access"],
        "reassign" => &["from", "to"],
        "assign" => &["user", "tasks"],
        "unassign" | "offboard" => &["user"],
        "invite" => &["email", "role"],
        "transfer" => &["to_business"],
        "share" => &["partner", "permitted_tasks"],
        "revoke" => &["partner"],
        "undo" | "cancel" => &["target"],
        // unbind, disconnect, inspect: the asset, or nothing.
        _ => &[],
    }
}

/// What must hold between the fields.
fn rules(row: &Row) -> Vec<Value> {
    let takes = |name: &str| row.own.contains(&name);
    let mut rules = Vec::new();
    if takes("asset") {
        rules.push(json!({ "oneOf": [{ "required": ["asset"] }, { "required": ["assets"] }] }));
    }
    for tasks in ["tasks", "permitted_tasks"].into_iter().filter(|name| takes(name)) {
        let known = json!({ "items": { "enum": PAGE_TASKS } });
        rules.push(json!({ "if": names(Kind::Page), "then": { "properties": { tasks: known } } }));
    }
    match row.name {
        "claim" => rules.extend(of_claims()),
        "invite" => rules.extend(together("assets", "tasks")),
        _ => {}
    }
    rules
}

/// An agency says what it may do with a Page; an owner may do everything, and owns an ad account for good.
fn of_claims() -> [Value; 3] {
    let asks =
        |access: Access| json!({ "properties": { "access": { "const": access.word() } }, "required": ["access"] });
    let sure = json!({ "properties": { "irreversible": { "const": true } }, "required": ["irreversible"] });
    [
        json!({ "if": { "allOf": [asks(Access::Agency), names(Kind::Page)] }, "then": { "required": ["permitted_tasks"] } }),
        json!({ "if": asks(Access::Owner), "then": { "properties": { "permitted_tasks": false } } }),
        json!({ "if": { "allOf": [asks(Access::Owner), names(Kind::AdAccount)] }, "then": sure }),
    ]
}

/// Both or neither.
fn together(one: &str, other: &str) -> [Value; 2] {
    let needs = |a: &str, b: &str| json!({ "if": { "required": [a] }, "then": { "required": [b] } });
    [needs(one, other), needs(other, one)]
}

/// That the command is about an asset of `kind`, alone or among others.
fn names(kind: Kind) -> Value {
    let of_kind = json!({ "type": "object", "properties": { "kind": { "const": kind.word() } }, "required": ["kind"] });
    let among = json!({ "type": "array", "contains": of_kind });
    json!({ "anyOf": [
        { "properties": { "asset": of_kind }, "required": ["asset"] },
        { "properties": { "assets": among }, "required": ["assets"] }
    ] })
}
