//! What a record comes to, whichever store keeps it.

use jiff::Timestamp;

use super::{Exchange, JournalError, NewEvent, Place, Record, State};
use crate::contract::{CommandId, Digest};

/// An end without its event, or an event without its end, would be a command that never ends for somebody.
pub(super) fn end_and_event_together(id: &CommandId, before: &Place, record: &Record) -> Result<(), JournalError> {
    let ends = |event: &&NewEvent| {
        event.terminal
            && event.exchange == Exchange::Events
            && event.sequence.is_some()
            && event.command.as_ref() == Some(id)
    };
    let events = record.events.iter().filter(ends).count();
    let wanted = usize::from(matches!(record.state, State::Ended(_)) && before.parent.is_none());
    if events == wanted { Ok(()) } else { Err(JournalError::EndAndEventApart { id: id.clone() }) }
}

/// Where the command stands after `record`.
pub(super) fn after(before: &Place, record: &Record, hashes: &[Digest]) -> Place {
    Place {
        seq: before.seq,
        state: record.state.name(),
        since: since(record, before),
        parent: before.parent.clone(),
        observed: before.observed + record.observations.len() as u64,
        evidence_head: hashes.last().unwrap_or(&before.evidence_head).clone(),
        evidence_total: before.evidence_total + record.evidence.len() as u64,
    }
}

/// A wait says itself since when; any other state keeps its beginning as long as it stays the same.
fn since(record: &Record, before: &Place) -> Timestamp {
    if let State::Waiting { since, .. } = &record.state {
        *since
    } else if record.state.name() == before.state {
        before.since
    } else {
        record.at
    }
}
