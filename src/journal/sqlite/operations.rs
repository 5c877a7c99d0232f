//! The operators' log: who did what on purpose, when and why; and events that are published again because one asked.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::sql;
use crate::contract::CommandId;
use crate::journal::decode::Columns;
use crate::journal::{JournalError, Operation, Unrouted};

/// What operators did, the last first.
pub(super) fn last(connection: &Connection, limit: u32) -> Result<Vec<Operation>, JournalError> {
    let select = "SELECT * FROM operations ORDER BY n DESC LIMIT ?1";
    sql::all(connection, select, [limit], |row| Columns(row).operation())
}

/// Writes down what came of an operation.
pub(super) fn end(connection: &Connection, n: i64, came: &str) -> Result<(), JournalError> {
    sql::run(connection, "UPDATE operations SET came = ?2 WHERE n = ?1", params![n, came]).map(drop)
}

/// How many events nobody was bound for.
pub(super) fn unrouted(connection: &Connection) -> Result<Unrouted, JournalError> {
    let select =
        "SELECT count(*) AS count, coalesce(sum(terminal), 0) AS terminal FROM events WHERE settled = 'unrouted'";
    let counted = sql::first(connection, select, [], |row| {
        let columns = Columns(row);
        Ok(Unrouted { count: columns.number("count")?, terminal: columns.number("terminal")? })
    });
    Ok(counted?.unwrap_or(Unrouted { count: 0, terminal: 0 }))
}

/// Queues unrouted events again; how many.
pub(super) fn replay_unrouted(
    connection: &Connection,
    of: Option<&CommandId>,
    operation: &Operation,
) -> Result<u64, JournalError> {
    let queued = requeue(connection, of, operation.at)?;
    let came = Some(format!("{queued} events queued"));
    begin(connection, &Operation { came, ..operation.clone() })?;
    Ok(queued)
}

fn requeue(connection: &Connection, of: Option<&CommandId>, at: Timestamp) -> Result<u64, JournalError> {
    let of = of.map(CommandId::as_str);
    let insert = "INSERT INTO outbox (event, queued_at)
         SELECT n, ?2 FROM events WHERE settled = 'unrouted' AND (?1 IS NULL OR command = ?1)
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE event = events.n AND reply_to IS NULL)
         ORDER BY n";
    let queued = sql::run(connection, insert, params![of, at.as_microsecond()])?;
    let forget = "UPDATE events SET settled = NULL WHERE settled = 'unrouted' AND (?1 IS NULL OR command = ?1)";
    sql::run(connection, forget, [of])?;
    Ok(u64::try_from(queued).unwrap_or(u64::MAX))
}

/// Writes down what an operator is about to do; its place in the log.
pub(super) fn begin(connection: &Connection, operation: &Operation) -> Result<i64, JournalError> {
    let insert = "INSERT INTO operations (at, actor, verb, target, reason, nonce, came)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let Operation { at, actor, verb, target, reason, nonce, came } = operation;
    sql::run(connection, insert, params![at.as_microsecond(), actor, verb, target, reason, nonce, came])?;
    Ok(connection.last_insert_rowid())
}
