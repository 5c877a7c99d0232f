//! What stands around one command: who is in its lane before it, its watch, the last walks over a list, what became of
//! its events. Looked up by people, so none of it has an index of its own that every write would pay for.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::sql;
use crate::contract::{BusinessId, CommandId};
use crate::journal::decode::Columns;
use crate::journal::{Ahead, CommandRow, JournalError, Published, Walk, WatchRow};

/// Who is in the lane of `row` before it at `now`.
pub(super) fn ahead_of(
    connection: &Connection,
    row: &CommandRow,
    now: Timestamp,
) -> Result<Option<Ahead>, JournalError> {
    let Some(lane) = &row.lane else { return Ok(None) };
    let select = "SELECT *, count(*) OVER () AS ahead
         FROM (SELECT *, state <> 'ready' OR observed > 0 OR attempts > 0 AS begun FROM commands)
         WHERE state IN ('ready', 'running', 'waiting', 'awaiting') AND lane = ?1 AND seq <> ?2
             AND NOT (state = 'waiting' AND in_lane = 'waits')
             AND (begun OR (seq < ?2 AND max(coalesce(due, 0), coalesce(not_before, 0)) <= ?3))
         ORDER BY begun DESC, seq LIMIT 1";
    sql::first(connection, select, params![lane, row.seq, now.as_microsecond()], |row| {
        Ok(Ahead { count: Columns(row).number("ahead")?, first: Columns(row).command()? })
    })
}

/// The watch of a command.
pub(super) fn watch_of(connection: &Connection, id: &CommandId) -> Result<Option<WatchRow>, JournalError> {
    let select = "SELECT * FROM watches WHERE command = ?1";
    sql::first(connection, select, [id.as_str()], |row| Columns(row).watch())
}

/// The last walks over a list of a business.
pub(super) fn walks_since(
    connection: &Connection,
    business: &BusinessId,
    list: &str,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Walk>, JournalError> {
    let select = "SELECT * FROM walks WHERE business = ?1 AND list = ?2 AND began >= ?3 ORDER BY n DESC LIMIT ?4";
    let wanted = params![business.as_str(), list, since.as_microsecond(), limit];
    sql::all(connection, select, wanted, |row| Columns(row).walk())
}

/// What became of the events of a command.
pub(super) fn published(connection: &Connection, id: &CommandId) -> Result<Vec<Published>, JournalError> {
    let select = "SELECT sequence, type, stored_at,
             coalesce(settled, iif(EXISTS (SELECT 1 FROM outbox WHERE event = events.n AND reply_to IS NULL),
                 NULL, 'confirmed')) AS settled
         FROM events
         WHERE command = ?1 AND exchange = 'events' ORDER BY n";
    sql::all(connection, select, [id.as_str()], |row| Columns(row).published())
}
