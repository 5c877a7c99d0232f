//! What a command has seen, in words: before its first write, its writes, and after them.
//!
//! Facts are read as the JSON that they are, so that a report of an older journal still tells what this version has no
//! type for.

use serde_json::Value as Json;

use crate::meta::Call;

/// Items of a list that are told one by one.
const ITEMS_SHOWN: usize = 50;

/// Facts in three parts, in the order of seeing.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) before: Vec<String>,
    pub(super) done: Vec<String>,
    pub(super) after: Vec<String>,
}

/// The facts that `observed` holds.
pub(super) fn facts(observed: &[String]) -> Facts {
    let mut facts = Facts::default();
    let mut written = false;
    for seen in observed.iter().filter_map(|text| serde_json::from_str::<Json>(text).ok()) {
        match seen["seen"].as_str() {
            Some("asked") if is_write(&seen["call"]) => {
                written = true;
                facts.done.push(asked(&seen));
            }
            Some("asked") if written => facts.after.push(asked(&seen)),
            Some("asked") => facts.before.push(asked(&seen)),
            Some("settled") => facts.after.push(format!("Meta's lists, by whole walks: {}", words(&seen["verdict"]))),
            Some("stop") => facts.done.push(format!("told to stop: {}", words(&seen["cause"]))),
            Some("ended") => facts.done.push(format!("{} ended as {}", words(&seen["target"]), words(&seen["phase"]))),
            Some("announced") => facts.done.push(format!("{} announced, and the notice begun", words(&seen["at"]))),
            // A new beginning: what was seen until now was for the announcement alone.
            Some("notice_over") => facts.before.push(format!("{} the notice over, read anew", words(&seen["at"]))),
            Some(_) | None => {}
        }
    }
    facts
}

fn is_write(call: &Json) -> bool {
    serde_json::from_value::<Call>(call.clone()).is_ok_and(|call| call.is_write())
}

fn asked(seen: &Json) -> String {
    format!("{} {}: {}", words(&seen["began"]), question(&seen["call"]), reply(&seen["reply"]))
}

/// The call by its path and by what else it asks for.
fn question(call: &Json) -> String {
    let name = words(&call["call"]).replace('_', " ");
    let own = call.as_object().into_iter().flatten().filter(|(key, value)| *key != "call" && !value.is_null());
    let own: Vec<String> = own.map(|(key, value)| format!("{key} {}", words(value))).collect();
    match serde_json::from_value::<Call>(call.clone()) {
        Ok(known) => {
            let request = known.request();
            format!("{} {} ({name}: {})", request.method.word(), request.path(), own.join(", "))
        }
        Err(_) => format!("{name}: {}", own.join(", ")),
    }
}

fn reply(reply: &Json) -> String {
    if let Some(answer) = reply.get("answer") {
        return words(answer);
    }
    if let Some(error) = reply.get("refused").or_else(|| reply.get("gave_up")) {
        let how = if reply.get("refused").is_some() { "refused" } else { "given up" };
        return format!("{how}: {} ({})", words(&error["message"]), words(&error["code"]));
    }
    match reply.as_str() {
        Some("unknown") => "no clear answer: whether it took effect was not known".to_owned(),
        Some(_) | None => words(reply),
    }
}

/// Any JSON, so that a person can read it in a line.
pub(super) fn words(value: &Json) -> String {
    match value {
        Json::Null => "nothing".to_owned(),
        Json::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        Json::Array(items) => list(items),
        Json::Object(fields) => match (fields.get("kind"), fields.get("id"), fields.len()) {
            (Some(Json::String(kind)), Some(Json::String(id)), 2) => format!("{kind}/{id}"),
            _ => fields.iter().map(|(key, value)| format!("{key} {}", words(value))).collect::<Vec<_>>().join(", "),
        },
    }
}

fn list(items: &[Json]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    let plain = items.iter().all(|item| !item.is_object() && !item.is_array());
    let told: Vec<String> = items.iter().take(ITEMS_SHOWN).map(words).collect();
    let told = told.join(if plain { " " } else { "; " });
    match items.len().saturating_sub(ITEMS_SHOWN) {
        0 => told,
        more => format!("{told}; and {more} more (all of them: --json)"),
    }
}
