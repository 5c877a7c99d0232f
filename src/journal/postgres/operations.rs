//! The operators' log: who did what on purpose, when and why; and events that are published again because one asked.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, params, storable};
use crate::contract::CommandId;
use crate::journal::decode::Columns;
use crate::journal::{JournalError, Operation, Unrouted};

/// What operators did, the last first.
pub(super) async fn last(client: &Client, limit: u32) -> Result<Vec<Operation>, JournalError> {
    let select = "SELECT * FROM bindery.operations ORDER BY n DESC LIMIT $1";
    sql::all(client, select, params![i64::from(limit)], |row| Columns(row).operation()).await
}

/// Writes down what came of an operation.
pub(super) async fn end(client: &Client, n: i64, came: &str) -> Result<(), JournalError> {
    let update = "UPDATE bindery.operations SET came = $2 WHERE n = $1";
    sql::run(client, update, params![n, storable(came)]).await.map(drop)
}

/// How many events nobody was bound for.
pub(super) async fn unrouted(client: &Client) -> Result<Unrouted, JournalError> {
    let select = "SELECT count(*) AS count, count(*) FILTER (WHERE terminal) AS terminal
         FROM bindery.events WHERE settled = 'unrouted'";
    let counted = sql::first(client, select, params![], |row| {
        let columns = Columns(row);
        Ok(Unrouted { count: columns.number("count")?, terminal: columns.number("terminal")? })
    });
    Ok(counted.await?.unwrap_or(Unrouted { count: 0, terminal: 0 }))
}

/// Queues unrouted events again; how many.
pub(super) async fn replay_unrouted(
    client: &Client,
    of: Option<&CommandId>,
    operation: &Operation,
) -> Result<u64, JournalError> {
    let queued = requeue(client, of, operation.at).await?;
    let came = Some(format!("{queued} events queued"));
    begin(client, &Operation { came, ..operation.clone() }).await?;
    Ok(queued)
}

async fn requeue(client: &Client, of: Option<&CommandId>, at: Timestamp) -> Result<u64, JournalError> {
    let of = of.map(CommandId::as_str);
    let insert = "INSERT INTO bindery.outbox (event, queued_at)
         SELECT e.n, $2 FROM bindery.events e WHERE e.settled = 'unrouted' AND ($1 IS NULL OR e.command = $1)
             AND NOT EXISTS (SELECT 1 FROM bindery.outbox o WHERE o.event = e.n AND o.reply_to IS NULL)
         ORDER BY e.n";
    let queued = sql::run(client, insert, params![of, at.as_microsecond()]).await?;
    let forget = "UPDATE bindery.events SET settled = NULL WHERE settled = 'unrouted' AND ($1 IS NULL OR command = $1)";
    sql::run(client, forget, params![of]).await?;
    Ok(queued)
}

/// Writes down what an operator is about to do; its place in the log.
pub(super) async fn begin(client: &Client, operation: &Operation) -> Result<i64, JournalError> {
    let insert = "INSERT INTO bindery.operations (at, actor, verb, target, reason, nonce, came)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING n";
    let Operation { at, actor, verb, target, reason, nonce, came } = operation;
    let row = params![
        at.as_microsecond(),
        storable(actor),
        verb.as_str(),
        storable(target),
        storable(reason),
        nonce.as_str(),
        came.as_deref().map(storable),
    ];
    let begun = sql::first(client, insert, row, |row| Columns(row).integer("n")).await?;
    begun.ok_or(JournalError::Unreadable { column: "n", reason: "the database gave it no place".to_owned() })
}
