//! Events on their way to the broker. An event is stored once; the outbox holds what is still to be published, so
//! publishing again is a new outbox row for the same event, and a requester's reply is one too.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, params, storable};
use crate::contract::CommandId;
use crate::journal::decode::Columns;
use crate::journal::{JournalError, NewEvent, OutboxDepth, OutboxRow, Settled};

/// What waits for the broker behind place `after`.
pub(super) async fn due(client: &Client, after: i64, limit: u32) -> Result<Vec<OutboxRow>, JournalError> {
    let select =
        "SELECT o.n AS outbox_n, o.reply_to, o.correlation_id AS reply_correlation_id, o.queued_at, e.event_id,
             e.command, e.sequence, e.exchange, e.routing_key, e.body, e.headers, e.correlation_id, e.type,
             e.content_type, e.terminal, e.mandatory
         FROM bindery.outbox o JOIN bindery.events e ON e.n = o.event WHERE o.n > $1 ORDER BY o.n LIMIT $2";
    sql::all(client, select, params![after, i64::from(limit)], |row| Columns(row).outbox()).await
}

/// How much waits, counted up to `counted`, and since when.
pub(super) async fn depth(client: &Client, counted: u32) -> Result<OutboxDepth, JournalError> {
    let depth = "SELECT (SELECT count(*) FROM (SELECT 1 FROM bindery.outbox LIMIT $1) waiting) AS count,
             (SELECT queued_at FROM bindery.outbox ORDER BY n LIMIT 1) AS oldest";
    let wanted = params![i64::from(counted)];
    let found = sql::first(client, depth, wanted, |row| {
        let columns = Columns(row);
        Ok(OutboxDepth { count: columns.number("count")?, oldest: columns.optional_time("oldest")? })
    });
    found.await.map(Option::unwrap_or_default)
}

/// The events of a command, published or not.
pub(super) async fn events_of(client: &Client, id: &CommandId) -> Result<Vec<NewEvent>, JournalError> {
    let select = "SELECT * FROM bindery.events WHERE command = $1 AND exchange = 'events' ORDER BY n";
    sql::all(client, select, params![id.as_str()], |row| Columns(row).event()).await
}

/// Stores events and queues them, in their order.
pub(super) async fn enqueue(client: &Client, events: &[NewEvent], at: Timestamp) -> Result<(), JournalError> {
    if events.iter().all(|event| event.sequence.is_some()) {
        return store_all(client, events, at).await;
    }
    for event in events {
        match event.sequence {
            Some(_) => store_all(client, std::slice::from_ref(event), at).await?,
            None => store_once(client, event, at).await?,
        }
    }
    Ok(())
}

/// Of commands: each has its number there, and a second of the same number is refused.
const STORE: &str = "WITH stored AS (
         INSERT INTO bindery.events (event_id, command, sequence, exchange, routing_key, body, headers, correlation_id,
             type, content_type, terminal, mandatory, stored_at)
         SELECT u.event_id, u.command, u.sequence, u.exchange, u.routing_key, u.body, u.headers, u.correlation_id,
             u.type, u.content_type, u.terminal, u.mandatory, $13
         FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::text[],
                 $9::text[], $10::text[], $11::boolean[], $12::boolean[]) WITH ORDINALITY
             AS u (event_id, command, sequence, exchange, routing_key, body, headers, correlation_id, type,
                 content_type, terminal, mandatory, place)
         ORDER BY u.place RETURNING n)
     INSERT INTO bindery.outbox (event, queued_at) SELECT n, $13 FROM stored ORDER BY n";

async fn store_all(client: &Client, events: &[NewEvent], at: Timestamp) -> Result<(), JournalError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows = params![
        column(events, |event| event.event_id.as_str()),
        column(events, |event| event.command.as_ref().map(|id| id.as_str())),
        column(events, |event| event.sequence.map(i64::from)),
        column(events, |event| event.exchange.word()),
        column(events, |event| storable(&event.routing_key).into_owned()),
        column(events, |event| event.body.as_slice()),
        column(events, |event| event.headers.as_str()),
        column(events, |event| event.correlation_id.as_deref().map(|text| storable(text).into_owned())),
        column(events, |event| event.r#type.as_str()),
        column(events, |event| storable(&event.content_type).into_owned()),
        column(events, |event| event.terminal),
        column(events, |event| event.mandatory),
        at.as_microsecond(),
    ];
    sql::run(client, STORE, rows).await.map(drop)
}

fn column<'e, T>(events: &'e [NewEvent], of: impl Fn(&'e NewEvent) -> T) -> Vec<T> {
    events.iter().map(of).collect()
}

/// Of nobody's command: known by its id, it keeps its bytes, and waits once.
const STORE_ONCE: &str =
    "INSERT INTO bindery.events (event_id, command, sequence, exchange, routing_key, body, headers,
         correlation_id, type, content_type, terminal, mandatory, stored_at)
     VALUES ($1, $2, NULL, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     ON CONFLICT (event_id, exchange) WHERE sequence IS NULL DO UPDATE SET settled = NULL RETURNING n";

async fn store_once(client: &Client, event: &NewEvent, at: Timestamp) -> Result<(), JournalError> {
    let row = params![
        event.event_id,
        event.command.as_ref().map(|id| id.as_str()),
        event.exchange.word(),
        storable(&event.routing_key),
        event.body.as_slice(),
        event.headers,
        event.correlation_id.as_deref().map(storable),
        event.r#type,
        storable(&event.content_type),
        event.terminal,
        event.mandatory,
        at.as_microsecond(),
    ];
    let stored = sql::first(client, STORE_ONCE, row, |row| Columns(row).integer("n")).await?;
    let queue = "INSERT INTO bindery.outbox (event, queued_at)
         SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM bindery.outbox WHERE event = $1 AND reply_to IS NULL)";
    match stored {
        Some(stored) => sql::run(client, queue, params![stored, at.as_microsecond()]).await.map(drop),
        None => Ok(()),
    }
}

/// Queues the terminal event of a command again. One that waits already waits anew: it may be out at the broker this
/// moment, and whoever asked only now would not hear of it.
pub(super) async fn requeue_terminal(client: &Client, id: &CommandId, at: Timestamp) -> Result<(), JournalError> {
    let Some(event) = terminal(client, id).await? else { return Ok(()) };
    let forget = "DELETE FROM bindery.outbox WHERE event = $1 AND reply_to IS NULL";
    sql::run(client, forget, params![event]).await?;
    let queue = "INSERT INTO bindery.outbox (event, queued_at) VALUES ($1, $2)";
    sql::run(client, queue, params![event, at.as_microsecond()]).await.map(drop)
}

/// Sends the terminal event of a finished command to one more requester.
pub(super) async fn reply_again(
    client: &Client,
    id: &CommandId,
    reply_to: &str,
    correlation_id: &str,
    at: Timestamp,
) -> Result<(), JournalError> {
    let Some(event) = terminal(client, id).await? else { return Ok(()) };
    let insert = "INSERT INTO bindery.outbox (event, reply_to, correlation_id, queued_at) VALUES ($1, $2, $3, $4)";
    let row = params![event, storable(reply_to), storable(correlation_id), at.as_microsecond()];
    sql::run(client, insert, row).await.map(drop)
}

/// Sends the terminal event of a command that ends now to all who asked for it.
pub(super) async fn reply_all(client: &Client, id: &CommandId, at: Timestamp) -> Result<(), JournalError> {
    let insert = "INSERT INTO bindery.outbox (event, reply_to, correlation_id, queued_at)
         SELECT e.n, r.reply_to, r.correlation_id, $2
         FROM bindery.replies r JOIN bindery.events e ON e.command = r.command
         WHERE r.command = $1 AND e.terminal AND e.sequence IS NOT NULL AND e.exchange = 'events'
         ORDER BY r.reply_to, r.correlation_id";
    sql::run(client, insert, params![id.as_str(), at.as_microsecond()]).await.map(drop)
}

async fn terminal(client: &Client, id: &CommandId) -> Result<Option<i64>, JournalError> {
    let select = "SELECT n FROM bindery.events
         WHERE command = $1 AND terminal AND sequence IS NOT NULL AND exchange = 'events'";
    sql::first(client, select, params![id.as_str()], |row| Columns(row).integer("n")).await
}

/// Takes what the broker has answered for out of the outbox.
///
/// An event that is in the outbox no more and has no mark was confirmed: a mark on each would write every event, body
/// and all, a second time.
const SETTLE: &str = "WITH gone AS (
         DELETE FROM bindery.outbox o USING unnest($1::bigint[], $2::text[]) AS u (n, mark) WHERE o.n = u.n
         RETURNING o.event, o.reply_to, u.mark)
     UPDATE bindery.events e SET settled = gone.mark FROM gone
     WHERE e.n = gone.event AND gone.reply_to IS NULL AND e.settled IS DISTINCT FROM gone.mark";

pub(super) async fn settle(client: &Client, settled: &[(i64, Settled)]) -> Result<(), JournalError> {
    if settled.is_empty() {
        return Ok(());
    }
    let mark = |how: Settled| match how {
        Settled::Confirmed => None,
        Settled::Unrouted | Settled::Dropped => Some(how.word()),
    };
    let places: Vec<i64> = settled.iter().map(|(n, _)| *n).collect();
    let marks: Vec<Option<&str>> = settled.iter().map(|(_, how)| mark(*how)).collect();
    sql::run(client, SETTLE, params![places, marks]).await.map(drop)
}
