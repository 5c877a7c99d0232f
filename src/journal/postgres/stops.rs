//! The stop switch and the blast radius: what is on hold, what was released, how much was taken away lately.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, params, storable};
use super::{accept, operations};
use crate::contract::{BusinessId, CommandId};
use crate::journal::decode::Columns;
use crate::journal::{Hold, HoldOn, JournalError, Operation, Release, StateName};

/// Every hold that stands.
pub(super) async fn holds(client: &Client) -> Result<Vec<Hold>, JournalError> {
    sql::all(client, "SELECT * FROM bindery.holds ORDER BY business", params![], |row| Columns(row).hold()).await
}

/// Puts something on hold; one that is on hold already stays so since when it was.
pub(super) async fn hold(client: &Client, on: &HoldOn, operation: &Operation) -> Result<Hold, JournalError> {
    let before = standing(client, on).await?;
    let came = before.as_ref().map_or_else(|| "on hold".to_owned(), already);
    operations::begin(client, &Operation { came: Some(came), ..operation.clone() }).await?;
    if let Some(before) = before {
        return Ok(before);
    }
    let Operation { at, actor, reason, .. } = operation.clone();
    let insert = "INSERT INTO bindery.holds (business, since, actor, reason) VALUES ($1, $2, $3, $4)";
    let row = params![on.key(), at.as_microsecond(), storable(&actor), storable(&reason)];
    sql::run(client, insert, row).await?;
    Ok(Hold { on: on.clone(), since: at, actor, reason })
}

/// Takes a hold back; the one that stood.
pub(super) async fn resume(client: &Client, on: &HoldOn, operation: &Operation) -> Result<Option<Hold>, JournalError> {
    let before = standing(client, on).await?;
    sql::run(client, "DELETE FROM bindery.holds WHERE business = $1", params![on.key()]).await?;
    let came = if before.is_some() { "resumed" } else { "was not on hold" };
    operations::begin(client, &Operation { came: Some(came.to_owned()), ..operation.clone() }).await?;
    Ok(before)
}

/// Lets a command pass the blast radius.
pub(super) async fn release(client: &Client, id: &CommandId, operation: &Operation) -> Result<Release, JournalError> {
    let met = match accept::find(client, id).await? {
        None => Release::Unknown,
        Some(row) if row.state.name() == StateName::Ended => Release::Ended,
        Some(row) => {
            let update = "UPDATE bindery.commands SET released = coalesce(released, $2) WHERE seq = $1";
            sql::run(client, update, params![row.seq, operation.at.as_microsecond()]).await?;
            Release::Open(Box::new(row))
        }
    };
    let came = match &met {
        Release::Unknown => "no such command",
        Release::Ended => "it has ended already",
        Release::Open(_) => "released",
    };
    operations::begin(client, &Operation { came: Some(came.to_owned()), ..operation.clone() }).await?;
    Ok(met)
}

/// Whether a command, or the one that fanned out into it, is released.
pub(super) async fn is_released(client: &Client, id: &CommandId) -> Result<bool, JournalError> {
    let select = "SELECT c.released IS NOT NULL OR EXISTS
             (SELECT 1 FROM bindery.commands p WHERE p.id = c.parent AND p.released IS NOT NULL) AS released
         FROM bindery.commands c WHERE c.id = $1";
    let found = sql::first(client, select, params![id.as_str()], |row| Columns(row).flag("released")).await?;
    Ok(found.unwrap_or(false))
}

/// When the last removals of a business were, the last first.
pub(super) async fn removals_of(
    client: &Client,
    business: &BusinessId,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Timestamp>, JournalError> {
    let select = "SELECT at FROM bindery.removals WHERE business = $1 AND at >= $2 ORDER BY at DESC LIMIT $3";
    let wanted = params![business.as_str(), since.as_microsecond(), i64::from(limit)];
    sql::all(client, select, wanted, |row| Columns(row).time("at")).await
}

async fn standing(client: &Client, on: &HoldOn) -> Result<Option<Hold>, JournalError> {
    let select = "SELECT * FROM bindery.holds WHERE business = $1";
    sql::first(client, select, params![on.key()], |row| Columns(row).hold()).await
}

fn already(before: &Hold) -> String {
    format!("was on hold since {:.0}, by {}", before.since, before.actor)
}
