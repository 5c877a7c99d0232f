//! Each field that a command may have: what it means and which values it takes.

use serde_json::{Map, Value, json};

use super::texts;
use crate::contract::asset::{Access, Kind};
use crate::contract::body::Role;
use crate::contract::rows::MOST;

/// One field, whichever commands take it.
struct Field {
    name: &'static str,
    about: &'static str,
    takes: fn() -> Value,
}

#[rustfmt::skip]
const FIELDS: [Field; 34] = [
    Field { name: "id", about: "The idempotency key.", takes: || part("PublishersId") },
    Field { name: "business", about: "The business that acts.", takes: || part("BusinessRef") },
    Field { name: "actor", about: "Who asked; kept in the journal and echoed in events.", takes: text },
    Field { name: "reason", about: "Why; kept in the journal and echoed in events.", takes: text },
    Field { name: "priority", about: "Higher first, among the commands of one business that may run.", takes: priority },
    Field { name: "not_before", about: "Start no earlier.", takes: || part("Moment") },
    Field { name: "expires_at", about: "Begin no write after it, but those that bring the asset in hand to its safe point.", takes: || part("Moment") },
    Field { name: "dry_run", about: "Read only: ends with the plan, or as the refusal that the run would meet.", takes: no },
    Field { name: "notice", about: "Announce first, start when it is over, unless cancelled.", takes: || part("Duration") },
    Field { name: "asset", about: "The asset; or `assets`.", takes: || part("AssetRef") },
    Field { name: "assets", about: "Several at once: the command fans out and reports once at the end.", takes: || part("AssetRefs") },
    Field { name: "access", about: "As what the business shall hold it.", takes: access },
    Field { name: "permitted_tasks", about: "What the other side may do with it.", takes: || part("TaskList") },
    Field { name: "tasks", about: "What the person may do with it.", takes: || part("TaskList") },
    Field { name: "irreversible", about: "Must be true to own an ad account: Meta has no way back.", takes: no },
    Field { name: "again", about: "Needed after a denial of the same claim in the last 30 days.", takes: no },
    Field { name: "remove_people", about: "Take the business's people off it first.", takes: yes },
    Field { name: "unmanaged", about: "Go on where nobody outside is seen to manage it.", takes: no },
    Field { name: "from", about: "The person who has the rights.", takes: || part("PersonRef") },
    Field { name: "to", about: "The person who gets them.", takes: || part("PersonRef") },
    Field { name: "user", about: "The person.", takes: || part("PersonRef") },
    Field { name: "successor", about: "The person who takes over.", takes: || part("PersonRef") },
    Field { name: "email", about: "Who is invited.", takes: || part("Email") },
    Field { name: "role", about: "What they become in the business.", takes: role },
    Field { name: "remove_from_business", about: "Take the person out of the business at the end.", takes: yes },
    Field { name: "protected", about: "Never to be touched.", takes: || list(&part("Protected"), MOST) },
    Field { name: "plan", about: "The digest that a dry run answered: runs only if the plan is still the same.", takes: || part("PlanDigest") },
    Field { name: "to_business", about: "The business that the asset goes to.", takes: || part("BusinessRef") },
    Field { name: "partner", about: "The business that it is shared with.", takes: || part("BusinessRef") },
    Field { name: "cool_down", about: "Between letting go of it and claiming it again.", takes: || part("Duration") },
    Field { name: "kinds", about: "Which kinds; all unless given.", takes: || list(&part("AssetKind"), MOST) },
    Field { name: "include_owned", about: "Those that the business owns too.", takes: no },
    Field { name: "people", about: "Who has which rights, too.", takes: no },
    Field { name: "target", about: "The command that is meant.", takes: || part("TargetId") },
];

/// The schema of the field `name` of `command`.
pub(super) fn field(command: &str, name: &str) -> Value {
    if name == "command" {
        return json!({ "type": "string", "const": command });
    }
    let line = FIELDS.iter().find(|field| field.name == name).expect("every field has its line: a test says so");
    let takes = match (command, name) {
        // Whatever the person has.
        ("reassign", "assets") => json!({ "anyOf": [{ "const": "all" }, (line.takes)()] }),
        (_, _) => (line.takes)(),
    };
    described(line.about, takes)
}

/// What fields are made of, by name.
pub(super) fn parts() -> Map<String, Value> {
    let parts = json!({
        "PublishersId": texts::publishers_id(),
        "TargetId": texts::any_id(),
        "BusinessRef": texts::business(),
        "Moment": texts::moment(),
        "Duration": texts::duration(),
        "Email": texts::email(),
        "PersonRef": texts::person(),
        "Protected": texts::protected(),
        "PlanDigest": texts::digest(),
        "AssetKind": { "type": "string", "description": "A kind of asset.", "enum": Kind::ALL.map(Kind::word) },
        "AssetRef": {
            "type": "object", "description": "One asset.", "additionalProperties": false, "required": ["kind", "id"],
            "properties": { "kind": part("AssetKind"), "id": texts::asset_id() }
        },
        "AssetRefs": list(&part("AssetRef"), MOST),
        "TaskList": list(&texts::task(), MOST),
    });
    let Value::Object(parts) = parts else { return Map::new() };
    parts
}

/// A reference to the part `name`.
pub(super) fn part(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A reference stands alone: some readers of schemas overlook what is beside it.
fn described(about: &str, takes: Value) -> Value {
    let mut described = if takes.get("$ref").is_some() { json!({ "allOf": [takes] }) } else { takes };
    described["description"] = about.into();
    described
}

fn list(of: &Value, most: usize) -> Value {
    json!({ "type": "array", "items": of, "minItems": 1, "maxItems": most, "uniqueItems": true })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn no() -> Value {
    json!({ "type": "boolean", "default": false })
}

fn yes() -> Value {
    json!({ "type": "boolean", "default": true })
}

fn priority() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 9, "default": 4 })
}

fn access() -> Value {
    json!({ "type": "string", "enum": [Access::Owner.word(), Access::Agency.word()] })
}

fn role() -> Value {
    json!({ "type": "string", "enum": Role::ALL.map(Role::word) })
}
