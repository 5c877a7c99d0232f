//! What was asked, by whom, and how it stands in one line.

use serde_json::{Map, Value as Json};

use super::{Situation, time};
use crate::journal::{CommandRow, State};

/// Fields of every command, told in words of their own.
const OF_ALL: [&str; 11] = [
    "id",
    "command",
    "business",
    "asset",
    "assets",
    "actor",
    "reason",
    "priority",
    "not_before",
    "expires_at",
    "dry_run",
];

pub(super) fn headline(situation: &Situation) -> String {
    let row = situation.row();
    let state = match &row.state {
        State::Ready => "is ready".to_owned(),
        State::Running => "is running".to_owned(),
        State::Waiting { cause, .. } => format!("is waiting for {cause}"),
        State::Pending => "is pending".to_owned(),
        State::AwaitingChildren => "awaits its children".to_owned(),
        State::Awaiting { target } => format!("awaits {target}"),
        State::Ended(ended) => format!("has ended as {}", ended.phase.word()),
    };
    format!("{} {state} since {}", row.id, time(row.since))
}

pub(super) fn asked(situation: &Situation) -> Vec<String> {
    let row = situation.row();
    let body: Map<String, Json> = serde_json::from_str(&row.body).unwrap_or_default();
    let mut lines = vec![what(&body)];
    // What was not asked for need not be told.
    let said = |(key, value): &(&String, &Json)| !OF_ALL.contains(&key.as_str()) && **value != Json::Bool(false);
    let own: Vec<String> = body.iter().filter(said).map(field).collect();
    if !own.is_empty() {
        lines.push(own.join(", "));
    }
    lines.extend(by(&body, row));
    lines.push(when(row));
    lines.extend(row.parent.as_ref().map(|parent| format!("part of {parent}: its result is told there")));
    lines.extend(row.dry_run.then(|| "a dry run: nothing is written to Meta".to_owned()));
    lines
}

fn what(body: &Map<String, Json>) -> String {
    let text = |key: &str| body.get(key).map(shown).unwrap_or_default();
    let about = match (body.get("asset"), body.get("assets")) {
        (Some(asset), _) => format!(" {}", shown(asset)),
        (None, Some(Json::Array(list))) => format!(" {} assets", list.len()),
        (None, Some(all)) => format!(" {} assets", shown(all)),
        (None, None) => String::new(),
    };
    let business = body.get("business").map(|id| format!(" for business {}", shown(id))).unwrap_or_default();
    format!("{}{about}{business}", text("command"))
}

fn by(body: &Map<String, Json>, row: &CommandRow) -> Option<String> {
    let text = |key: &str| body.get(key).and_then(Json::as_str);
    let actor = text("actor").map(|actor| format!("by {actor}"));
    let published = row.published_by.as_ref().map(|user| format!("published by {user}"));
    let reason = text("reason").map(|reason| format!("because: {reason}"));
    let told: Vec<String> = [actor, published, reason].into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn when(row: &CommandRow) -> String {
    let mut told = format!("accepted {}, priority {}", time(row.accepted_at), row.priority);
    if let Some(at) = row.not_before {
        told += &format!(", not before {}", time(at));
    }
    if let Some(at) = row.expires_at {
        told += &format!(", expires {}", time(at));
    }
    told
}

fn field((name, value): (&String, &Json)) -> String {
    format!("{name} {}", shown(value))
}

/// An asset as `page/123`, a list with commas, a text without quotes.
fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(" "),
        Json::Object(asset) => {
            let part = |key: &str| asset.get(key).and_then(Json::as_str).unwrap_or_default();
            format!("{}/{}", part("kind"), part("id"))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
    }
}
