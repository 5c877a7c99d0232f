//! The commands: agency claims, a Page each, spread over the businesses in turn.

use serde_json::json;

use crate::settings::BUSINESSES;

/// The rights that every claim asks for.
pub(crate) const TASKS: [&str; 2] = ["ADVERTISE", "ANALYZE"];

const PREFIX: &str = "bench-";

/// The command with the number `n`.
pub(crate) fn command(n: usize) -> Vec<u8> {
    let business = (20_000 + n % BUSINESSES).to_string();
    let page = (500_000 + n).to_string();
    let command = json!({
        "id": format!("{PREFIX}{n}"), "command": "claim", "business": business,
        "asset": { "kind": "page", "id": page }, "access": "agency", "permitted_tasks": TASKS,
    });
    command.to_string().into_bytes()
}

/// The number of the command with this id.
pub(crate) fn number(id: &str) -> Option<usize> {
    id.strip_prefix(PREFIX)?.parse().ok()
}
