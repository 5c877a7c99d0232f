//! What stands around one command: who is in its lane before it, its watch, the last walks over a list, what became of
//! its events.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, params};
use crate::contract::{BusinessId, CommandId};
use crate::journal::decode::Columns;
use crate::journal::{Ahead, CommandRow, JournalError, Published, Walk, WatchRow};

/// Who is in the lane of `row` before it at `now`.
pub(super) async fn ahead_of(client: &Client, row: &CommandRow, now: Timestamp) -> Result<Option<Ahead>, JournalError> {
    let Some(lane) = &row.lane else { return Ok(None) };
    let select = "SELECT *, count(*) OVER () AS ahead
         FROM (SELECT *, state <> 'ready' OR observed > 0 OR attempts > 0 AS begun FROM bindery.commands) c
         WHERE state IN ('ready', 'running', 'waiting', 'awaiting') AND lane = $1 AND seq <> $2
             AND NOT (state = 'waiting' AND in_lane = 'waits')
             AND (begun OR (seq < $2 AND greatest(coalesce(due, 0), coalesce(not_before, 0)) <= $3))
         ORDER BY begun DESC, seq LIMIT 1";
    sql::first(client, select, params![lane.as_str(), row.seq, now.as_microsecond()], |row| {
        Ok(Ahead { count: Columns(row).number("ahead")?, first: Columns(row).command()? })
    })
    .await
}

/// The watch of a command.
pub(super) async fn watch_of(client: &Client, id: &CommandId) -> Result<Option<WatchRow>, JournalError> {
    let select = "SELECT * FROM bindery.watches WHERE command = $1";
    sql::first(client, select, params![id.as_str()], |row| Columns(row).watch()).await
}

/// The last walks over a list of a business.
pub(super) async fn walks_since(
    client: &Client,
    business: &BusinessId,
    list: &str,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Walk>, JournalError> {
    let select =
        "SELECT * FROM bindery.walks WHERE business = $1 AND list = $2 AND began >= $3 ORDER BY n DESC LIMIT $4";
    let wanted = params![business.as_str(), list, since.as_microsecond(), i64::from(limit)];
    sql::all(client, select, wanted, |row| Columns(row).walk()).await
}

/// What became of the events of a command.
pub(super) async fn published(client: &Client, id: &CommandId) -> Result<Vec<Published>, JournalError> {
    let select = "SELECT sequence, type, stored_at,
             coalesce(settled, CASE WHEN EXISTS (SELECT 1 FROM bindery.outbox o
                 WHERE o.event = e.n AND o.reply_to IS NULL) THEN NULL ELSE 'confirmed' END) AS settled
         FROM bindery.events e
         WHERE command = $1 AND exchange = 'events' ORDER BY n";
    sql::all(client, select, params![id.as_str()], |row| Columns(row).published()).await
}
