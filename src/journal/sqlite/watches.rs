//! What Meta decides later, the walks that look for it, and what became known of denials and removals.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::sql;
use crate::contract::{Access, Asset, BusinessId, CommandId, Digest, PersonId};
use crate::journal::decode::Columns;
use crate::journal::{InvitationRow, JournalError, Walk, WatchRow, evidence};

/// Every watch.
pub(super) fn all(connection: &Connection) -> Result<Vec<WatchRow>, JournalError> {
    let select = "SELECT * FROM watches ORDER BY business, sent_at, command";
    sql::all(connection, select, [], |row| Columns(row).watch())
}

/// The open claims and shares of an asset by a business, oldest first.
pub(super) fn open_claims(
    connection: &Connection,
    business: &BusinessId,
    asset: &Asset,
) -> Result<Vec<WatchRow>, JournalError> {
    let select = "SELECT w.* FROM watches w JOIN commands c ON c.id = w.command
         WHERE w.business = ?1 AND w.asset = ?2 AND c.state <> 'ended' ORDER BY c.seq";
    sql::all(connection, select, [business.as_str(), &asset.to_string()], |row| Columns(row).watch())
}

/// The last command that ended as denied for this claim.
pub(super) fn last_denial(
    connection: &Connection,
    business: &BusinessId,
    asset: &Asset,
    access: Access,
) -> Result<Option<(CommandId, Timestamp)>, JournalError> {
    let select = "SELECT command, at FROM denials WHERE business = ?1 AND asset = ?2 AND access = ?3";
    let claim = [business.as_str(), &asset.to_string(), access.word()];
    sql::first(connection, select, claim, |row| Ok((Columns(row).parsed("command")?, Columns(row).time("at")?)))
}

/// Whom we have taken off an asset.
pub(super) fn removed_since(
    connection: &Connection,
    asset: &Asset,
    since: Timestamp,
) -> Result<Vec<PersonId>, JournalError> {
    let select = "SELECT DISTINCT person FROM removals WHERE asset = ?1 AND at >= ?2 AND person IS NOT NULL
         ORDER BY person";
    let from = params![asset.to_string(), since.as_microsecond()];
    sql::all(connection, select, from, |row| Columns(row).parsed("person"))
}

/// Begins or replaces the watch of `id`.
pub(super) fn set(connection: &Connection, id: &CommandId, watch: &WatchRow) -> Result<(), JournalError> {
    let insert = "INSERT INTO watches (command, business, asset, access, tasks, sent_at, absences, partner)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (command) DO UPDATE SET business = excluded.business, asset = excluded.asset,
             access = excluded.access, tasks = excluded.tasks, sent_at = excluded.sent_at, absences = excluded.absences,
             partner = excluded.partner";
    let row = params![
        id.as_str(),
        watch.business.as_str(),
        watch.asset.to_string(),
        watch.access.word(),
        watch.tasks,
        watch.sent_at.as_microsecond(),
        watch.absences,
        watch.partner.as_ref().map(BusinessId::as_str),
    ];
    sql::run(connection, insert, row).map(drop)
}

/// Every open invitation that is followed.
pub(super) fn invitations(connection: &Connection) -> Result<Vec<InvitationRow>, JournalError> {
    let select = "SELECT * FROM invitations ORDER BY business, sent_at, command";
    sql::all(connection, select, [], |row| Columns(row).invitation())
}

/// Begins or replaces the watch of the invitation of `id`.
pub(super) fn set_invitation(
    connection: &Connection,
    id: &CommandId,
    invitation: &InvitationRow,
) -> Result<(), JournalError> {
    let insert = "INSERT INTO invitations (command, business, email, sent_at, absences) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (command) DO UPDATE SET business = excluded.business, email = excluded.email,
             sent_at = excluded.sent_at, absences = excluded.absences";
    let InvitationRow { business, email, sent_at, absences, .. } = invitation;
    let row = params![id.as_str(), business.as_str(), email.as_str(), sent_at.as_microsecond(), absences];
    sql::run(connection, insert, row).map(drop)
}

/// Ends the watch of `id`, where it has one.
pub(super) fn remove(connection: &Connection, id: &CommandId) -> Result<(), JournalError> {
    sql::run(connection, "DELETE FROM invitations WHERE command = ?1", [id.as_str()])?;
    sql::run(connection, "DELETE FROM watches WHERE command = ?1", [id.as_str()]).map(drop)
}

/// Remembers that what `id` claims was denied.
pub(super) fn remember_denial(connection: &Connection, id: &CommandId, at: Timestamp) -> Result<(), JournalError> {
    let insert = "INSERT INTO denials (business, asset, access, command, at)
         SELECT business, asset, access, command, ?2 FROM watches WHERE command = ?1 AND partner IS NULL
         ON CONFLICT (business, asset, access) DO UPDATE SET command = excluded.command, at = excluded.at";
    sql::run(connection, insert, params![id.as_str(), at.as_microsecond()]).map(drop)
}

/// Records a walk and what it changed for watches.
pub(super) fn record_walk(
    connection: &Connection,
    walk: &Walk,
    updates: &[(CommandId, String)],
) -> Result<Digest, JournalError> {
    let hash = evidence::follow_walk(&walk_head(connection, &walk.business)?, walk);
    insert_walk(connection, walk, &hash)?;
    for (command, absences) in updates {
        sql::run(connection, "UPDATE watches SET absences = ?2 WHERE command = ?1", [command.as_str(), absences])?;
        sql::run(connection, "UPDATE invitations SET absences = ?2 WHERE command = ?1", [command.as_str(), absences])?;
    }
    Ok(hash)
}

fn walk_head(connection: &Connection, business: &BusinessId) -> Result<Digest, JournalError> {
    let select = "SELECT hash FROM walks WHERE business = ?1 ORDER BY n DESC LIMIT 1";
    let last = sql::first(connection, select, [business.as_str()], |row| Columns(row).parsed("hash"))?;
    Ok(last.unwrap_or_else(|| evidence::genesis(business.as_str())))
}

fn insert_walk(connection: &Connection, walk: &Walk, hash: &Digest) -> Result<(), JournalError> {
    let insert = "INSERT INTO walks (business, list, began, ended, pages, rows, complete, traces, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let row = params![
        walk.business.as_str(),
        walk.list,
        walk.began.as_microsecond(),
        walk.ended.as_microsecond(),
        walk.pages,
        i64::try_from(walk.rows).unwrap_or(i64::MAX),
        walk.complete,
        walk.traces,
        hash.as_str(),
    ];
    sql::run(connection, insert, row).map(drop)
}
