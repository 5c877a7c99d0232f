//! The stop switch and the blast radius: what is on hold, what was released, how much was taken away lately.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{accept, operations, sql};
use crate::contract::{BusinessId, CommandId};
use crate::journal::decode::Columns;
use crate::journal::{Hold, HoldOn, JournalError, Operation, Release, StateName};

/// Every hold that stands.
pub(super) fn holds(connection: &Connection) -> Result<Vec<Hold>, JournalError> {
    sql::all(connection, "SELECT * FROM holds ORDER BY business", [], |row| Columns(row).hold())
}

/// Puts something on hold; one that is on hold already stays so since when it was.
pub(super) fn hold(connection: &Connection, on: &HoldOn, operation: &Operation) -> Result<Hold, JournalError> {
    let before = standing(connection, on)?;
    let came = before.as_ref().map_or_else(|| "on hold".to_owned(), already);
    operations::begin(connection, &Operation { came: Some(came), ..operation.clone() })?;
    if let Some(before) = before {
        return Ok(before);
    }
    let Operation { at, actor, reason, .. } = operation.clone();
    let insert = "INSERT INTO holds (business, since, actor, reason) VALUES (?1, ?2, ?3, ?4)";
    sql::run(connection, insert, params![on.key().as_ref(), at.as_microsecond(), actor, reason])?;
    Ok(Hold { on: on.clone(), since: at, actor, reason })
}

/// Takes a hold back; the one that stood.
pub(super) fn resume(
    connection: &Connection,
    on: &HoldOn,
    operation: &Operation,
) -> Result<Option<Hold>, JournalError> {
    let before = standing(connection, on)?;
    sql::run(connection, "DELETE FROM holds WHERE business = ?1", [on.key().as_ref()])?;
    let came = if before.is_some() { "resumed" } else { "was not on hold" };
    operations::begin(connection, &Operation { came: Some(came.to_owned()), ..operation.clone() })?;
    Ok(before)
}

/// Lets a command pass the blast radius.
pub(super) fn release(connection: &Connection, id: &CommandId, operation: &Operation) -> Result<Release, JournalError> {
    let found = accept::find(connection, id)?;
    let met = match found {
        None => Release::Unknown,
        Some(row) if row.state.name() == StateName::Ended => Release::Ended,
        Some(row) => {
            let update = "UPDATE commands SET released = coalesce(released, ?2) WHERE seq = ?1";
            sql::run(connection, update, params![row.seq, operation.at.as_microsecond()])?;
            Release::Open(Box::new(row))
        }
    };
    let came = match &met {
        Release::Unknown => "no such command",
        Release::Ended => "it has ended already",
        Release::Open(_) => "released",
    };
    operations::begin(connection, &Operation { came: Some(came.to_owned()), ..operation.clone() })?;
    Ok(met)
}

/// Whether a command, or the one that fanned out into it, is released.
pub(super) fn is_released(connection: &Connection, id: &CommandId) -> Result<bool, JournalError> {
    let select = "SELECT c.released IS NOT NULL OR EXISTS
             (SELECT 1 FROM commands p WHERE p.id = c.parent AND p.released IS NOT NULL) AS released
         FROM commands c WHERE c.id = ?1";
    let found = sql::first(connection, select, [id.as_str()], |row| Columns(row).flag("released"))?;
    Ok(found.unwrap_or(false))
}

/// When the last removals of a business were, the last first.
pub(super) fn removals_of(
    connection: &Connection,
    business: &BusinessId,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Timestamp>, JournalError> {
    let select = "SELECT at FROM removals WHERE business = ?1 AND at >= ?2 ORDER BY at DESC LIMIT ?3";
    let wanted = params![business.as_str(), since.as_microsecond(), limit];
    sql::all(connection, select, wanted, |row| Columns(row).time("at"))
}

fn standing(connection: &Connection, on: &HoldOn) -> Result<Option<Hold>, JournalError> {
    sql::first(connection, "SELECT * FROM holds WHERE business = ?1", [on.key().as_ref()], |row| Columns(row).hold())
}

fn already(before: &Hold) -> String {
    format!("was on hold since {:.0}, by {}", before.since, before.actor)
}
