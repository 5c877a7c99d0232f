//! Lists that are walked for somebody, by when they are due, and what is watched in them.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, params};
use crate::contract::{Access, Asset, BusinessId, CommandId, Kind};
use crate::journal::decode::Columns;
use crate::journal::{InvitationRow, JournalError, Overdue, Patience, WatchRow, Watched, WatchedList};

/// Somebody is watched in a list that is looked at by then.
pub(super) async fn join(client: &Client, list: &WatchedList, look_at: Timestamp) -> Result<(), JournalError> {
    let insert = "INSERT INTO bindery.watched AS w (business, what, which, look_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (business, what, which) DO UPDATE SET look_at = least(w.look_at, excluded.look_at),
             joined = least(w.joined, excluded.look_at)";
    let (business, (what, which)) = (list.business.as_str(), list.what.words());
    sql::run(client, insert, params![business, what, which.as_str(), look_at.as_microsecond()]).await.map(drop)
}

/// When the next list is due.
pub(super) async fn next_look(client: &Client) -> Result<Option<Timestamp>, JournalError> {
    let select = "SELECT look_at FROM bindery.watched ORDER BY look_at LIMIT 1";
    sql::first(client, select, params![], |row| Columns(row).time("look_at")).await
}

/// Takes the list that has been due the longest.
pub(super) async fn take(
    client: &Client,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<WatchedList>, JournalError> {
    let update = "UPDATE bindery.watched SET look_at = $2, joined = NULL
         WHERE (business, what, which) IN
             (SELECT business, what, which FROM bindery.watched WHERE look_at <= $1 ORDER BY look_at LIMIT 1)
         RETURNING business, what, which";
    sql::first(client, update, params![now.as_microsecond(), until.as_microsecond()], |row| Columns(row).watched_list())
        .await
}

/// Puts a list back, or forgets it where nobody is watched in it.
pub(super) async fn put_back(
    client: &Client,
    list: &WatchedList,
    look_at: Option<Timestamp>,
) -> Result<(), JournalError> {
    let (business, (what, which)) = (list.business.as_str(), list.what.words());
    if let Some(look_at) = look_at {
        let update = "UPDATE bindery.watched SET look_at = least($4, joined)
             WHERE business = $1 AND what = $2 AND which = $3";
        return sql::run(client, update, params![business, what, which.as_str(), look_at.as_microsecond()])
            .await
            .map(drop);
    }
    let is_empty = match &list.what {
        Watched::Claims(kind, access) => claims(client, &list.business, *kind, *access).await?.is_empty(),
        Watched::Shares(asset) => shares(client, &list.business, asset).await?.is_empty(),
        Watched::Invitations => invitations(client, &list.business).await?.is_empty(),
    };
    let delete = "DELETE FROM bindery.watched WHERE business = $1 AND what = $2 AND which = $3";
    if is_empty { sql::run(client, delete, params![business, what, which.as_str()]).await.map(drop) } else { Ok(()) }
}

/// What is watched in a business's lists of a kind.
pub(super) async fn claims(
    client: &Client,
    business: &BusinessId,
    kind: Kind,
    access: Access,
) -> Result<Vec<WatchRow>, JournalError> {
    // An asset is its kind, a slash and its id; 0 is the sign after the slash.
    let select = "SELECT * FROM bindery.watches
         WHERE business = $1 AND asset > $2 || '/' AND asset < $2 || '0' AND access = $3 AND partner IS NULL
         ORDER BY sent_at, command";
    sql::all(client, select, params![business.as_str(), kind.word(), access.word()], |row| Columns(row).watch()).await
}

/// The shares of an asset that wait.
pub(super) async fn shares(
    client: &Client,
    business: &BusinessId,
    asset: &Asset,
) -> Result<Vec<WatchRow>, JournalError> {
    let select = "SELECT * FROM bindery.watches
         WHERE business = $1 AND asset = $2 AND partner IS NOT NULL ORDER BY sent_at, command";
    sql::all(client, select, params![business.as_str(), asset.to_string()], |row| Columns(row).watch()).await
}

/// What open commands watch.
pub(super) async fn after(
    client: &Client,
    after: Option<&CommandId>,
    limit: u32,
) -> Result<Vec<WatchRow>, JournalError> {
    let select = "SELECT w.* FROM bindery.watches w JOIN bindery.commands c ON c.id = w.command
         WHERE w.command > $1 AND c.state <> 'ended' ORDER BY w.command LIMIT $2";
    let after = after.map_or("", CommandId::as_str);
    sql::all(client, select, params![after, i64::from(limit)], |row| Columns(row).watch()).await
}

/// Who is invited into a business.
pub(super) async fn invitations(client: &Client, business: &BusinessId) -> Result<Vec<InvitationRow>, JournalError> {
    let select = "SELECT * FROM bindery.invitations WHERE business = $1 ORDER BY sent_at, command";
    sql::all(client, select, params![business.as_str()], |row| Columns(row).invitation()).await
}

/// Whose time is over by one clock.
pub(super) async fn overdue(
    client: &Client,
    patience: Patience,
    after: Option<&(Timestamp, CommandId)>,
    upto: Timestamp,
    limit: u32,
) -> Result<Vec<Overdue>, JournalError> {
    let select = match patience {
        Patience::Deadline => {
            "SELECT * FROM (SELECT * FROM (SELECT command, sent_at, expires_at FROM bindery.watches
                 WHERE expires_at IS NOT NULL AND (expires_at, command) > ($1, $2) AND expires_at <= $3
                 ORDER BY expires_at, command LIMIT $4) a
             UNION ALL SELECT * FROM (SELECT command, sent_at, expires_at FROM bindery.invitations
                 WHERE expires_at IS NOT NULL AND (expires_at, command) > ($1, $2) AND expires_at <= $3
                 ORDER BY expires_at, command LIMIT $4) b) c
             ORDER BY expires_at, command LIMIT $4"
        }
        Patience::Age => {
            "SELECT * FROM (SELECT * FROM (SELECT command, sent_at, expires_at FROM bindery.watches
                 WHERE (sent_at, command) > ($1, $2) AND sent_at <= $3 ORDER BY sent_at, command LIMIT $4) a
             UNION ALL SELECT * FROM (SELECT command, sent_at, expires_at FROM bindery.invitations
                 WHERE (sent_at, command) > ($1, $2) AND sent_at <= $3 ORDER BY sent_at, command LIMIT $4) b) c
             ORDER BY sent_at, command LIMIT $4"
        }
    };
    let (time, command) = after.map_or((i64::MIN, ""), |(time, command)| (time.as_microsecond(), command.as_str()));
    sql::all(client, select, params![time, command, upto.as_microsecond(), i64::from(limit)], |row| {
        Columns(row).overdue()
    })
    .await
}
