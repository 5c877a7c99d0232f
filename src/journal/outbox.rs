//! Events on their way to the broker. An event is stored once; the outbox holds what is still to be published, so
//! publishing again is a new outbox row for the same event, and a requester's reply is one too.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::decode::Columns;
use super::entries::{NewEvent, OutboxDepth, OutboxRow, Settled};
use super::record::Query;
use super::{Journal, JournalError};
use crate::contract::CommandId;

impl Journal {
    /// What waits for the broker behind place `after` (0 for the beginning), in the order of publishing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn outbox_due(&self, after: i64, limit: u32) -> Result<Vec<OutboxRow>, JournalError> {
        let rows = sqlx::query(
            "SELECT o.n AS outbox_n, o.reply_to, o.correlation_id AS reply_correlation_id, o.queued_at, e.event_id,
                 e.command, e.sequence, e.exchange, e.routing_key, e.body, e.headers, e.correlation_id, e.type,
                 e.content_type, e.terminal, e.mandatory
             FROM outbox o JOIN events e ON e.n = o.event WHERE o.n > $1 ORDER BY o.n LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(|row| Columns(row).outbox()).collect()
    }

    /// Takes what the broker has answered for out of the outbox.
    ///
    /// # Errors
    /// It stays in the outbox then and is published again.
    pub async fn settle(&self, settled: Vec<(i64, Settled)>) -> Result<(), JournalError> {
        self.change(settled, |connection, settled| Box::pin(settle(connection, settled))).await
    }

    /// Like `settle`, but returns as soon as there was room in the writer's queue. What is lost with the process is
    /// published again under the same id.
    ///
    /// # Errors
    /// `Closed` alone; a change that fails later is logged.
    pub async fn settle_later(&self, settled: Vec<(i64, Settled)>) -> Result<(), JournalError> {
        self.change_later(settled, |connection, settled| Box::pin(settle(connection, settled))).await
    }

    /// How much waits, and since when.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn outbox_depth(&self) -> Result<OutboxDepth, JournalError> {
        let row = sqlx::query(
            "SELECT count(*) AS count, (SELECT queued_at FROM outbox ORDER BY n LIMIT 1) AS oldest FROM outbox",
        )
        .fetch_one(&self.shared.readers)
        .await?;
        let columns = Columns(&row);
        Ok(OutboxDepth { count: columns.number("count")?, oldest: columns.optional_time("oldest")? })
    }

    /// The events of a command in their order, published or not.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn events_of(&self, id: &CommandId) -> Result<Vec<NewEvent>, JournalError> {
        let rows = sqlx::query("SELECT * FROM events WHERE command = $1 AND exchange = 'events' ORDER BY n")
            .bind(id.as_str())
            .fetch_all(&self.shared.readers)
            .await?;
        rows.iter().map(|row| Columns(row).event()).collect()
    }
}

/// Stores events and queues them. One without a number that is stored already keeps its bytes and is queued again.
pub(super) async fn enqueue_all(
    connection: &mut SqliteConnection,
    events: &[NewEvent],
    at: Timestamp,
) -> Result<(), JournalError> {
    for event in events {
        enqueue(connection, event, at).await?;
    }
    Ok(())
}

/// Queues the terminal event of a command again, unless it waits already.
pub(super) async fn requeue_terminal(
    connection: &mut SqliteConnection,
    id: &CommandId,
    at: Timestamp,
) -> Result<(), JournalError> {
    match terminal(connection, id).await? {
        Some(event) => queue(connection, event, at).await,
        None => Ok(()),
    }
}

/// Sends the terminal event of a finished command to one more requester.
pub(super) async fn reply_again(
    connection: &mut SqliteConnection,
    id: &CommandId,
    reply_to: &str,
    correlation_id: &str,
    at: Timestamp,
) -> Result<(), JournalError> {
    let Some(event) = terminal(connection, id).await? else { return Ok(()) };
    sqlx::query("INSERT INTO outbox (event, reply_to, correlation_id, queued_at) VALUES ($1, $2, $3, $4)")
        .bind(event)
        .bind(reply_to)
        .bind(correlation_id)
        .bind(at.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

/// Stores the one event of a record and queues it: parameters 29 to 41, see `bind`. An event of a command has its number
/// once, so nothing is looked for; `changes()` is that of the statement before it.
pub(super) const STORE: &str = "INSERT INTO events (event_id, command, sequence, exchange, routing_key, body, headers,
         correlation_id, type, content_type, terminal, mandatory, stored_at)
     SELECT $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41 WHERE changes() > 0;
     INSERT INTO outbox (event, queued_at) SELECT last_insert_rowid(), $41 WHERE changes() > 0;";

/// Binds what an event is stored with, behind what is bound already.
pub(super) fn bind<'q>(query: Query<'q>, event: &'q NewEvent, at: Timestamp) -> Query<'q> {
    query
        .bind(&event.event_id)
        .bind(event.command.as_ref().map(|id| id.as_str()))
        .bind(event.sequence.map(i64::from))
        .bind(event.exchange.word())
        .bind(&event.routing_key)
        .bind(&event.body)
        .bind(&event.headers)
        .bind(&event.correlation_id)
        .bind(&event.r#type)
        .bind(&event.content_type)
        .bind(event.terminal)
        .bind(event.mandatory)
        .bind(at.as_microsecond())
}

async fn store(connection: &mut SqliteConnection, event: &NewEvent, at: Timestamp) -> Result<(), JournalError> {
    let query = sqlx::query(
        "INSERT INTO events (event_id, command, sequence, exchange, routing_key, body, headers, correlation_id, type,
             content_type, terminal, mandatory, stored_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);
         INSERT INTO outbox (event, queued_at) VALUES (last_insert_rowid(), $13)",
    );
    bind(query, event, at).execute(connection).await?;
    Ok(())
}

/// Both statements in one round trip.
async fn enqueue(connection: &mut SqliteConnection, event: &NewEvent, at: Timestamp) -> Result<(), JournalError> {
    if event.sequence.is_some() {
        return store(connection, event, at).await;
    }
    let query = sqlx::query(
        "INSERT INTO events (event_id, command, sequence, exchange, routing_key, body, headers, correlation_id, type,
             content_type, terminal, mandatory, stored_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (event_id, exchange) WHERE sequence IS NULL DO UPDATE SET settled = NULL;
         INSERT INTO outbox (event, queued_at)
         SELECT n, $13 FROM events WHERE event_id = $1 AND exchange = $4 AND sequence IS NULL
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE event = events.n AND reply_to IS NULL)",
    );
    bind(query, event, at).execute(connection).await?;
    Ok(())
}

async fn queue(connection: &mut SqliteConnection, event: i64, at: Timestamp) -> Result<(), JournalError> {
    sqlx::query(
        "INSERT INTO outbox (event, queued_at)
         SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE event = $1 AND reply_to IS NULL)",
    )
    .bind(event)
    .bind(at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

async fn terminal(connection: &mut SqliteConnection, id: &CommandId) -> Result<Option<i64>, JournalError> {
    let event = sqlx::query_scalar(
        "SELECT n FROM events WHERE command = $1 AND terminal = 1 AND sequence IS NOT NULL AND exchange = 'events'",
    )
    .bind(id.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(event)
}

/// Two statements, however many rows: the list goes in as one JSON text.
async fn settle(connection: &mut SqliteConnection, settled: &[(i64, Settled)]) -> Result<(), JournalError> {
    let list: Vec<(i64, &str)> = settled.iter().map(|(n, how)| (*n, how.word())).collect();
    let list = serde_json::to_string(&list).expect("numbers and words always are JSON");
    sqlx::query(
        "UPDATE events SET settled = s.how
         FROM (SELECT o.event, json_extract(j.value, '$[1]') AS how
               FROM json_each($1) j JOIN outbox o ON o.n = json_extract(j.value, '$[0]')
               WHERE o.reply_to IS NULL) s
         WHERE events.n = s.event",
    )
    .bind(&list)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM outbox WHERE n IN (SELECT json_extract(value, '$[0]') FROM json_each($1))")
        .bind(&list)
        .execute(connection)
        .await?;
    Ok(())
}
