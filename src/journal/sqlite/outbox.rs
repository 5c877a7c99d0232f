//! Events on their way to the broker. An event is stored once; the outbox holds what is still to be published, so
//! publishing again is a new outbox row for the same event, and a requester's reply is one too.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::sql;
use crate::contract::CommandId;
use crate::journal::decode::Columns;
use crate::journal::{JournalError, NewEvent, OutboxDepth, OutboxRow, Settled};

/// What waits for the broker behind place `after`.
pub(super) fn due(connection: &Connection, after: i64, limit: u32) -> Result<Vec<OutboxRow>, JournalError> {
    let select =
        "SELECT o.n AS outbox_n, o.reply_to, o.correlation_id AS reply_correlation_id, o.queued_at, e.event_id,
             e.command, e.sequence, e.exchange, e.routing_key, e.body, e.headers, e.correlation_id, e.type,
             e.content_type, e.terminal, e.mandatory
         FROM outbox o JOIN events e ON e.n = o.event WHERE o.n > ?1 ORDER BY o.n LIMIT ?2";
    sql::all(connection, select, params![after, limit], |row| Columns(row).outbox())
}

/// How much waits, counted up to `counted`, and since when.
pub(super) fn depth(connection: &Connection, counted: u32) -> Result<OutboxDepth, JournalError> {
    let depth = "SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?1)) AS count,
             (SELECT queued_at FROM outbox ORDER BY n LIMIT 1) AS oldest";
    let found = sql::first(connection, depth, [counted], |row| {
        let columns = Columns(row);
        Ok(OutboxDepth { count: columns.number("count")?, oldest: columns.optional_time("oldest")? })
    });
    found.map(Option::unwrap_or_default)
}

/// The events of a command, published or not.
pub(super) fn events_of(connection: &Connection, id: &CommandId) -> Result<Vec<NewEvent>, JournalError> {
    let select = "SELECT * FROM events WHERE command = ?1 AND exchange = 'events' ORDER BY n";
    sql::all(connection, select, [id.as_str()], |row| Columns(row).event())
}

/// Stores events and queues them. One without a number that is stored already keeps its bytes and is queued again.
pub(super) fn enqueue_all(connection: &Connection, events: &[NewEvent], at: Timestamp) -> Result<(), JournalError> {
    events.iter().try_for_each(|event| enqueue(connection, event, at))
}

/// Queues the terminal event of a command again. One that waits already waits anew: it may be out at the broker this
/// moment, and whoever asked only now would not hear of it.
pub(super) fn requeue_terminal(connection: &Connection, id: &CommandId, at: Timestamp) -> Result<(), JournalError> {
    let Some(event) = terminal(connection, id)? else { return Ok(()) };
    sql::run(connection, "DELETE FROM outbox WHERE event = ?1 AND reply_to IS NULL", [event])?;
    queue(connection, event, at)
}

/// Sends the terminal event of a finished command to one more requester.
pub(super) fn reply_again(
    connection: &Connection,
    id: &CommandId,
    reply_to: &str,
    correlation_id: &str,
    at: Timestamp,
) -> Result<(), JournalError> {
    let Some(event) = terminal(connection, id)? else { return Ok(()) };
    let insert = "INSERT INTO outbox (event, reply_to, correlation_id, queued_at) VALUES (?1, ?2, ?3, ?4)";
    sql::run(connection, insert, params![event, reply_to, correlation_id, at.as_microsecond()]).map(drop)
}

/// Sends the terminal event of a command that ends now to all who asked for it.
pub(super) fn reply_all(connection: &Connection, id: &CommandId, at: Timestamp) -> Result<(), JournalError> {
    let insert = "INSERT INTO outbox (event, reply_to, correlation_id, queued_at)
         SELECT e.n, r.reply_to, r.correlation_id, ?2 FROM replies r JOIN events e ON e.command = r.command
         WHERE r.command = ?1 AND e.terminal = 1 AND e.sequence IS NOT NULL AND e.exchange = 'events'";
    sql::run(connection, insert, params![id.as_str(), at.as_microsecond()]).map(drop)
}

/// What has no number in a command is known by its id.
const STORE: &str = "INSERT INTO events (event_id, command, sequence, exchange, routing_key, body, headers,
         correlation_id, type, content_type, terminal, mandatory, stored_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
     ON CONFLICT (event_id, exchange) WHERE sequence IS NULL DO UPDATE SET settled = NULL RETURNING n";

fn enqueue(connection: &Connection, event: &NewEvent, at: Timestamp) -> Result<(), JournalError> {
    let row = params![
        event.event_id,
        event.command.as_ref().map(|id| id.as_str()),
        event.sequence,
        event.exchange.word(),
        event.routing_key,
        event.body,
        event.headers,
        event.correlation_id,
        event.r#type,
        event.content_type,
        event.terminal,
        event.mandatory,
        at.as_microsecond(),
    ];
    let stored = sql::first(connection, STORE, row, |row| Columns(row).integer("n"))?;
    stored.map_or(Ok(()), |stored| match event.sequence {
        Some(_) => queue(connection, stored, at),
        None => queue_once(connection, stored, at),
    })
}

fn queue(connection: &Connection, event: i64, at: Timestamp) -> Result<(), JournalError> {
    let insert = "INSERT INTO outbox (event, queued_at) VALUES (?1, ?2)";
    sql::run(connection, insert, [event, at.as_microsecond()]).map(drop)
}

fn queue_once(connection: &Connection, event: i64, at: Timestamp) -> Result<(), JournalError> {
    let insert = "INSERT INTO outbox (event, queued_at)
         SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE event = ?1 AND reply_to IS NULL)";
    sql::run(connection, insert, [event, at.as_microsecond()]).map(drop)
}

fn terminal(connection: &Connection, id: &CommandId) -> Result<Option<i64>, JournalError> {
    let select =
        "SELECT n FROM events WHERE command = ?1 AND terminal = 1 AND sequence IS NOT NULL AND exchange = 'events'";
    sql::first(connection, select, [id.as_str()], |row| Columns(row).integer("n"))
}

/// Takes what the broker has answered for out of the outbox.
///
/// An event that is in the outbox no more and has no mark was confirmed: a mark on each would write every event, body
/// and all, a second time.
pub(super) fn settle(connection: &Connection, settled: &[(i64, Settled)]) -> Result<(), JournalError> {
    let clear = "UPDATE events SET settled = NULL
         WHERE n = (SELECT event FROM outbox WHERE n = ?1 AND reply_to IS NULL) AND settled IS NOT NULL";
    let mark = "UPDATE events SET settled = ?2
         WHERE n = (SELECT event FROM outbox WHERE n = ?1 AND reply_to IS NULL)";
    for (n, how) in settled {
        match how {
            Settled::Confirmed => sql::run(connection, clear, [n])?,
            Settled::Unrouted | Settled::Dropped => sql::run(connection, mark, params![n, how.word()])?,
        };
        sql::run(connection, "DELETE FROM outbox WHERE n = ?1", [n])?;
    }
    Ok(())
}
