//! Lists that are walked for somebody, by when they are due, and what is watched in them.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::sql;
use crate::contract::{Access, Asset, BusinessId, CommandId, Kind};
use crate::journal::decode::Columns;
use crate::journal::{InvitationRow, JournalError, Overdue, Patience, WatchRow, Watched, WatchedList};

/// Somebody is watched in a list that is looked at by then.
pub(super) fn join(connection: &Connection, list: &WatchedList, look_at: Timestamp) -> Result<(), JournalError> {
    let insert = "INSERT INTO watched (business, what, which, look_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (business, what, which) DO UPDATE SET look_at = min(look_at, excluded.look_at),
             joined = min(coalesce(joined, excluded.look_at), excluded.look_at)";
    let (business, (what, which)) = (list.business.as_str(), list.what.words());
    sql::run(connection, insert, params![business, what, which.as_str(), look_at.as_microsecond()]).map(drop)
}

/// When the next list is due.
pub(super) fn next_look(connection: &Connection) -> Result<Option<Timestamp>, JournalError> {
    let select = "SELECT look_at FROM watched ORDER BY look_at LIMIT 1";
    sql::first(connection, select, [], |row| Columns(row).time("look_at"))
}

/// Takes the list that has been due the longest.
pub(super) fn take(
    connection: &Connection,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<WatchedList>, JournalError> {
    let update = "UPDATE watched SET look_at = ?2, joined = NULL
         WHERE (business, what, which) IN
             (SELECT business, what, which FROM watched WHERE look_at <= ?1 ORDER BY look_at LIMIT 1)
         RETURNING business, what, which";
    sql::first(connection, update, [now.as_microsecond(), until.as_microsecond()], |row| Columns(row).watched_list())
}

/// Puts a list back, or forgets it where nobody is watched in it.
pub(super) fn put_back(
    connection: &Connection,
    list: &WatchedList,
    look_at: Option<Timestamp>,
) -> Result<(), JournalError> {
    let (business, (what, which)) = (list.business.as_str(), list.what.words());
    if let Some(look_at) = look_at {
        let update = "UPDATE watched SET look_at = min(?4, coalesce(joined, ?4))
             WHERE business = ?1 AND what = ?2 AND which = ?3";
        return sql::run(connection, update, params![business, what, which.as_str(), look_at.as_microsecond()])
            .map(drop);
    }
    let is_empty = match &list.what {
        Watched::Claims(kind, access) => claims(connection, &list.business, *kind, *access)?.is_empty(),
        Watched::Shares(asset) => shares(connection, &list.business, asset)?.is_empty(),
        Watched::Invitations => invitations(connection, &list.business)?.is_empty(),
    };
    let delete = "DELETE FROM watched WHERE business = ?1 AND what = ?2 AND which = ?3";
    if is_empty { sql::run(connection, delete, params![business, what, which.as_str()]).map(drop) } else { Ok(()) }
}

/// What is watched in a business's lists of a kind.
pub(super) fn claims(
    connection: &Connection,
    business: &BusinessId,
    kind: Kind,
    access: Access,
) -> Result<Vec<WatchRow>, JournalError> {
    // An asset is its kind, a slash and its id; 0 is the sign after the slash.
    let select = "SELECT * FROM watches
         WHERE business = ?1 AND asset > ?2 || '/' AND asset < ?2 || '0' AND access = ?3 AND partner IS NULL
         ORDER BY sent_at, command";
    sql::all(connection, select, [business.as_str(), kind.word(), access.word()], |row| Columns(row).watch())
}

/// The shares of an asset that wait.
pub(super) fn shares(
    connection: &Connection,
    business: &BusinessId,
    asset: &Asset,
) -> Result<Vec<WatchRow>, JournalError> {
    let select = "SELECT * FROM watches
         WHERE business = ?1 AND asset = ?2 AND partner IS NOT NULL ORDER BY sent_at, command";
    sql::all(connection, select, [business.as_str(), &asset.to_string()], |row| Columns(row).watch())
}

/// What open commands watch.
pub(super) fn after(
    connection: &Connection,
    after: Option<&CommandId>,
    limit: u32,
) -> Result<Vec<WatchRow>, JournalError> {
    let select = "SELECT w.* FROM watches w JOIN commands c ON c.id = w.command
         WHERE w.command > ?1 AND c.state <> 'ended' ORDER BY w.command LIMIT ?2";
    let after = after.map_or("", CommandId::as_str);
    sql::all(connection, select, params![after, limit], |row| Columns(row).watch())
}

/// Who is invited into a business.
pub(super) fn invitations(connection: &Connection, business: &BusinessId) -> Result<Vec<InvitationRow>, JournalError> {
    let select = "SELECT * FROM invitations WHERE business = ?1 ORDER BY sent_at, command";
    sql::all(connection, select, [business.as_str()], |row| Columns(row).invitation())
}

/// Whose time is over by one clock.
pub(super) fn overdue(
    connection: &Connection,
    patience: Patience,
    after: Option<&(Timestamp, CommandId)>,
    upto: Timestamp,
    limit: u32,
) -> Result<Vec<Overdue>, JournalError> {
    let select = match patience {
        Patience::Deadline => {
            "SELECT * FROM (SELECT * FROM (SELECT command, sent_at, expires_at FROM watches
                 WHERE expires_at IS NOT NULL AND (expires_at, command) > (?1, ?2) AND expires_at <= ?3
                 ORDER BY expires_at, command LIMIT ?4)
             UNION ALL SELECT * FROM (SELECT command, sent_at, expires_at FROM invitations
                 WHERE expires_at IS NOT NULL AND (expires_at, command) > (?1, ?2) AND expires_at <= ?3
                 ORDER BY expires_at, command LIMIT ?4))
             ORDER BY expires_at, command LIMIT ?4"
        }
        Patience::Age => {
            "SELECT * FROM (SELECT * FROM (SELECT command, sent_at, expires_at FROM watches
                 WHERE (sent_at, command) > (?1, ?2) AND sent_at <= ?3 ORDER BY sent_at, command LIMIT ?4)
             UNION ALL SELECT * FROM (SELECT command, sent_at, expires_at FROM invitations
                 WHERE (sent_at, command) > (?1, ?2) AND sent_at <= ?3 ORDER BY sent_at, command LIMIT ?4))
             ORDER BY sent_at, command LIMIT ?4"
        }
    };
    let (time, command) = after.map_or((i64::MIN, ""), |(time, command)| (time.as_microsecond(), command.as_str()));
    sql::all(connection, select, params![time, command, upto.as_microsecond(), limit], |row| Columns(row).overdue())
}
