//! What Meta decides later, the walks that look for it, and what became known of denials and removals.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, count, params};
use crate::contract::{Access, Asset, BusinessId, CommandId, Digest, PersonId};
use crate::journal::decode::Columns;
use crate::journal::{InvitationRow, JournalError, Walk, WatchRow, evidence};

/// Every watch.
pub(super) async fn all(client: &Client) -> Result<Vec<WatchRow>, JournalError> {
    let select = "SELECT * FROM bindery.watches ORDER BY business, sent_at, command";
    sql::all(client, select, params![], |row| Columns(row).watch()).await
}

/// Every open invitation that is followed.
pub(super) async fn invitations(client: &Client) -> Result<Vec<InvitationRow>, JournalError> {
    let select = "SELECT * FROM bindery.invitations ORDER BY business, sent_at, command";
    sql::all(client, select, params![], |row| Columns(row).invitation()).await
}

/// The open claims and shares of an asset by a business, oldest first.
pub(super) async fn open_claims(
    client: &Client,
    business: &BusinessId,
    asset: &Asset,
) -> Result<Vec<WatchRow>, JournalError> {
    let select = "SELECT w.* FROM bindery.watches w JOIN bindery.commands c ON c.id = w.command
         WHERE w.business = $1 AND w.asset = $2 AND c.state <> 'ended' ORDER BY c.seq";
    let claim = params![business.as_str(), asset.to_string()];
    sql::all(client, select, claim, |row| Columns(row).watch()).await
}

/// The last command that ended as denied for this claim.
pub(super) async fn last_denial(
    client: &Client,
    business: &BusinessId,
    asset: &Asset,
    access: Access,
) -> Result<Option<(CommandId, Timestamp)>, JournalError> {
    let select = "SELECT command, at FROM bindery.denials WHERE business = $1 AND asset = $2 AND access = $3";
    let claim = params![business.as_str(), asset.to_string(), access.word()];
    sql::first(client, select, claim, |row| Ok((Columns(row).parsed("command")?, Columns(row).time("at")?))).await
}

/// Whom we have taken off an asset.
pub(super) async fn removed_since(
    client: &Client,
    asset: &Asset,
    since: Timestamp,
) -> Result<Vec<PersonId>, JournalError> {
    let select = "SELECT DISTINCT person FROM bindery.removals WHERE asset = $1 AND at >= $2 AND person IS NOT NULL
         ORDER BY person";
    let from = params![asset.to_string(), since.as_microsecond()];
    sql::all(client, select, from, |row| Columns(row).parsed("person")).await
}

/// Begins or replaces the watch of `id`.
pub(super) async fn set(client: &Client, id: &CommandId, watch: &WatchRow) -> Result<(), JournalError> {
    let insert = "INSERT INTO bindery.watches (command, business, asset, access, tasks, sent_at, absences, partner)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
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
    sql::run(client, insert, row).await.map(drop)
}

/// Begins or replaces the watch of the invitation of `id`.
pub(super) async fn set_invitation(
    client: &Client,
    id: &CommandId,
    invitation: &InvitationRow,
) -> Result<(), JournalError> {
    let insert = "INSERT INTO bindery.invitations (command, business, email, sent_at, absences)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (command) DO UPDATE SET business = excluded.business, email = excluded.email,
             sent_at = excluded.sent_at, absences = excluded.absences";
    let InvitationRow { business, email, sent_at, absences, .. } = invitation;
    let row = params![id.as_str(), business.as_str(), email.as_str(), sent_at.as_microsecond(), absences.as_str()];
    sql::run(client, insert, row).await.map(drop)
}

/// Ends the watch of `id`, where it has one.
pub(super) async fn remove(client: &Client, id: &CommandId) -> Result<(), JournalError> {
    sql::run(client, "DELETE FROM bindery.invitations WHERE command = $1", params![id.as_str()]).await?;
    sql::run(client, "DELETE FROM bindery.watches WHERE command = $1", params![id.as_str()]).await.map(drop)
}

/// Remembers that what `id` claims was denied.
pub(super) async fn remember_denial(client: &Client, id: &CommandId, at: Timestamp) -> Result<(), JournalError> {
    let insert = "INSERT INTO bindery.denials (business, asset, access, command, at)
         SELECT business, asset, access, command, $2 FROM bindery.watches WHERE command = $1 AND partner IS NULL
         ON CONFLICT (business, asset, access) DO UPDATE SET command = excluded.command, at = excluded.at";
    sql::run(client, insert, params![id.as_str(), at.as_microsecond()]).await.map(drop)
}

/// Records a walk and what it changed for watches.
pub(super) async fn record_walk(
    client: &Client,
    walk: &Walk,
    updates: &[(CommandId, String)],
) -> Result<Digest, JournalError> {
    let hash = evidence::follow_walk(&walk_head(client, &walk.business).await?, walk);
    insert_walk(client, walk, &hash).await?;
    if !updates.is_empty() {
        for update in [
            "UPDATE bindery.watches w SET absences = u.absences FROM unnest($1::text[], $2::text[]) AS u (command, absences)
             WHERE w.command = u.command",
            "UPDATE bindery.invitations w SET absences = u.absences
             FROM unnest($1::text[], $2::text[]) AS u (command, absences) WHERE w.command = u.command",
        ] {
            let commands: Vec<&str> = updates.iter().map(|(command, _)| command.as_str()).collect();
            let absences: Vec<&str> = updates.iter().map(|(_, absences)| absences.as_str()).collect();
            sql::run(client, update, params![commands, absences]).await?;
        }
    }
    Ok(hash)
}

async fn walk_head(client: &Client, business: &BusinessId) -> Result<Digest, JournalError> {
    let select = "SELECT hash FROM bindery.walks WHERE business = $1 ORDER BY n DESC LIMIT 1";
    let last = sql::first(client, select, params![business.as_str()], |row| Columns(row).parsed("hash")).await?;
    Ok(last.unwrap_or_else(|| evidence::genesis(business.as_str())))
}

async fn insert_walk(client: &Client, walk: &Walk, hash: &Digest) -> Result<(), JournalError> {
    let insert = "INSERT INTO bindery.walks (business, list, began, ended, pages, rows, complete, traces, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let row = params![
        walk.business.as_str(),
        walk.list,
        walk.began.as_microsecond(),
        walk.ended.as_microsecond(),
        i64::from(walk.pages),
        count(walk.rows),
        walk.complete,
        walk.traces,
        hash.as_str(),
    ];
    sql::run(client, insert, row).await.map(drop)
}
