//! What has been seen at Meta, and what was told of it.

use super::{Situation, time};
use crate::journal::{EvidenceRow, Published, State};
use crate::meta::Call;

/// The last events that are shown.
const EVENTS_SHOWN: usize = 5;

pub(super) fn seen(situation: &Situation) -> Vec<String> {
    let row = situation.row();
    let mut lines = Vec::new();
    if row.evidence_total == 0 {
        lines.push("nothing yet: no call has been made for it".to_owned());
    } else {
        let shown = situation.evidence.len();
        lines.push(match usize::try_from(row.evidence_total) {
            Ok(total) if total > shown => format!("{total} entries of evidence, the last {shown}:"),
            Ok(_) | Err(_) => format!("{} of evidence:", super::count(row.evidence_total, "entry", "entries")),
        });
        lines.extend(situation.evidence.iter().map(entry));
    }
    if let Some(intent) = &situation.loaded.intent {
        let out = format!("a write may be out since {}, and its answer is not in the journal", time(intent.at));
        lines.push(format!("{out}: {}", call(&intent.call)));
    }
    lines
}

pub(super) fn told(situation: &Situation) -> Vec<String> {
    let published = &situation.published;
    let last = &published[published.len().saturating_sub(EVENTS_SHOWN)..];
    let mut lines: Vec<String> = last.iter().map(event).collect();
    if lines.is_empty() && situation.row().parent.is_none() && !matches!(situation.row().state, State::Ended(_)) {
        lines.push("nothing yet".to_owned());
    }
    lines
}

fn entry(row: &EvidenceRow) -> String {
    let entry = &row.entry;
    let trace = entry.trace.as_deref().map(trace).unwrap_or_default();
    format!("{} {}: {}{trace}", time(entry.at), entry.call, entry.answer)
}

/// Meta's trace id; of a child its chain's last hash, of which the beginning will do.
fn trace(text: &str) -> String {
    match text.strip_prefix("sha256:") {
        Some(hash) => format!(" (chain {}…)", hash.chars().take(12).collect::<String>()),
        None => format!(" (trace {text})"),
    }
}

/// A journaled call without its parameters, which may name people.
fn call(json: &str) -> String {
    serde_json::from_str::<Call>(json).map_or_else(
        |_| "a call that this version does not know".to_owned(),
        |call| {
            let request = call.request();
            format!("{} {}", request.method.word(), request.path())
        },
    )
}

fn event(event: &Published) -> String {
    let number = event.sequence.map(|n| format!("{n}. ")).unwrap_or_default();
    let became = match event.settled.as_deref() {
        None => "waits for the broker",
        Some("confirmed") => "the broker has it",
        Some("unrouted") => "the broker had nobody bound for it: bind a queue, then `bindery events replay`",
        Some(_) => "given up",
    };
    format!("{number}{} at {}: {became}", event.r#type, time(event.stored_at))
}
