//! Events: from what a step tells to a row of the outbox.

use super::error::EngineError;
use crate::contract::{CONTENT_TYPE, Detail, Event, EventContext};
use crate::journal::{Exchange, NewEvent};

/// Headers that go with an event: the trace that the command came with.
fn headers(event: &Event) -> String {
    let trace = event.traceparent.as_ref().map(|parent| ("traceparent", parent));
    serde_json::to_string(&trace.into_iter().collect::<std::collections::BTreeMap<_, _>>()).expect("texts are JSON")
}

/// An event as the outbox keeps it: the very bytes that will be published.
pub(crate) fn outbox_row(event: &Event) -> Result<NewEvent, EngineError> {
    Ok(NewEvent {
        event_id: event.id.to_string(),
        command: event.data.command_id.clone().filter(|_| event.data.sequence.is_some()),
        sequence: event.data.sequence,
        exchange: Exchange::Events,
        routing_key: event.routing_key(),
        body: serde_json::to_vec(event).map_err(EngineError::Json)?,
        headers: headers(event),
        correlation_id: event.data.command_id.as_ref().map(ToString::to_string),
        r#type: event.type_.clone(),
        content_type: CONTENT_TYPE.to_owned(),
        terminal: event.is_terminal(),
        mandatory: true,
    })
}

/// The event number `sequence` of `command`.
pub(crate) fn tell(
    command: &crate::contract::Command,
    sequence: u32,
    detail: Detail,
    context: &EventContext,
) -> Result<NewEvent, EngineError> {
    outbox_row(&Event::of(command, sequence, detail, context))
}
