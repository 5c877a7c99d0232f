//! A command as programs read it: of `status --json`, `list --json` and the API alike.

use serde_json::{Value as Json, json};

use super::Done;
use crate::journal::{CommandRow, NewEvent, Operation, State};

/// A command in JSON; what was asked is the command itself.
pub(crate) fn command(row: &CommandRow) -> Json {
    let asked: Json = serde_json::from_str(&row.body).unwrap_or_default();
    let mut told = json!({
        "id": row.id.as_str(), "state": row.state.name().word(), "since": row.since, "why": row.why, "due": row.due,
        "accepted_at": row.accepted_at, "ended_at": row.ended_at, "published_by": row.published_by,
        "parent": row.parent.as_ref().map(|id| id.as_str()), "attempts": row.attempts,
        "cancelled_by": row.cancelled_by.as_ref().map(|id| id.as_str()), "asked": asked,
    });
    match &row.state {
        State::Waiting { cause, since, until } => {
            told["waiting"] = json!({ "cause": cause, "since": since, "until": until });
        }
        State::Awaiting { target } => told["awaiting"] = json!(target.as_str()),
        State::Ended(ended) => {
            told["phase"] = json!(ended.phase.word());
            told["changed"] = json!(ended.changed);
        }
        State::Ready | State::Running | State::Pending | State::AwaitingChildren => {}
    }
    told
}

/// A command in JSON with its children counted and all of its events.
pub(crate) fn status(row: &CommandRow, events: &[NewEvent]) -> Json {
    let events: Vec<Json> = events.iter().filter_map(|event| serde_json::from_slice(&event.body).ok()).collect();
    let mut told = command(row);
    told["children"] = json!({ "total": row.children.total, "open": row.children.open,
        "well": row.children.well, "changed": row.children.changed });
    told["evidence_total"] = json!(row.evidence_total);
    told["evidence_head"] = json!(row.evidence_head.as_str());
    told["events"] = json!(events);
    told
}

/// A line of the operators' log.
pub(crate) fn operation(operation: &Operation) -> Json {
    json!({
        "at": operation.at, "actor": operation.actor, "verb": operation.verb, "target": operation.target,
        "reason": operation.reason, "nonce": operation.nonce, "came": operation.came,
    })
}

/// What was done with a dead letter.
pub(crate) fn done(done: &Done) -> Json {
    json!({ "letter": done.letter, "command": done.command, "nonce": done.nonce, "taken_out": done.taken_out })
}
