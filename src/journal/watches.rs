//! What Meta decides later, the walks that look for it, and what became known of denials and removals.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::decode::Columns;
use super::entries::{Walk, WatchRow};
use super::{Journal, JournalError, evidence};
use crate::contract::{Access, Asset, BusinessId, CommandId, Digest, PersonId};

impl Journal {
    /// Every watch, those of ended commands too where one goes on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn watches(&self) -> Result<Vec<WatchRow>, JournalError> {
        let rows = sqlx::query("SELECT * FROM watches ORDER BY business, sent_at, command")
            .fetch_all(&self.shared.readers)
            .await?;
        rows.iter().map(|row| Columns(row).watch()).collect()
    }

    /// Ends a watch that went on after its command had ended.
    ///
    /// # Errors
    /// The watch goes on then.
    pub async fn end_watch(&self, command: CommandId) -> Result<(), JournalError> {
        self.change(command, |connection, command| Box::pin(remove(connection, command))).await
    }

    /// Records a walk in its business's chain, with what it changed for the watches it looked for: their absences as
    /// JSON. Returns the walk's hash, for the evidence of what it settled.
    ///
    /// # Errors
    /// The walk counts for nothing then.
    pub async fn record_walk(&self, walk: Walk, updates: Vec<(CommandId, String)>) -> Result<Digest, JournalError> {
        self.change((walk, updates), |connection, (walk, updates)| Box::pin(record_walk(connection, walk, updates)))
            .await
    }

    /// The last walk over each list of each business.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn last_walks(&self) -> Result<Vec<Walk>, JournalError> {
        let rows = sqlx::query(
            "SELECT * FROM walks WHERE n IN (SELECT max(n) FROM walks GROUP BY business, list) ORDER BY business, list",
        )
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(|row| Columns(row).walk()).collect()
    }

    /// The open claims of an asset by a business, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn open_claims(&self, business: &BusinessId, asset: &Asset) -> Result<Vec<WatchRow>, JournalError> {
        let rows = sqlx::query(
            "SELECT w.* FROM watches w JOIN commands c ON c.id = w.command
             WHERE w.business = $1 AND w.asset = $2 AND c.state <> 'ended' ORDER BY c.seq",
        )
        .bind(business.as_str())
        .bind(asset.to_string())
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(|row| Columns(row).watch()).collect()
    }

    /// The last command that ended as denied for this claim, and when.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn last_denial(
        &self,
        business: &BusinessId,
        asset: &Asset,
        access: Access,
    ) -> Result<Option<(CommandId, Timestamp)>, JournalError> {
        let row = sqlx::query("SELECT command, at FROM denials WHERE business = $1 AND asset = $2 AND access = $3")
            .bind(business.as_str())
            .bind(asset.to_string())
            .bind(access.word())
            .fetch_optional(&self.shared.readers)
            .await?;
        row.map(|row| Ok((Columns(&row).parsed("command")?, Columns(&row).time("at")?))).transpose()
    }

    /// Whom we have taken off an asset at `since` or later.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn removed_since(&self, asset: &Asset, since: Timestamp) -> Result<Vec<PersonId>, JournalError> {
        let rows = sqlx::query("SELECT DISTINCT person FROM removals WHERE asset = $1 AND at >= $2 ORDER BY person")
            .bind(asset.to_string())
            .bind(since.as_microsecond())
            .fetch_all(&self.shared.readers)
            .await?;
        rows.iter().map(|row| Columns(row).parsed("person")).collect()
    }

    /// How many removals the commands of a business made at `since` or later: the blast radius.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn removals_of(&self, business: &BusinessId, since: Timestamp) -> Result<u64, JournalError> {
        let row = sqlx::query("SELECT count(*) AS count FROM removals WHERE business = $1 AND at >= $2")
            .bind(business.as_str())
            .bind(since.as_microsecond())
            .fetch_one(&self.shared.readers)
            .await?;
        Columns(&row).number("count")
    }
}

/// Begins or replaces the watch of `id`.
pub(super) async fn set(
    connection: &mut SqliteConnection,
    id: &CommandId,
    watch: &WatchRow,
) -> Result<(), JournalError> {
    sqlx::query(
        "INSERT INTO watches (command, business, asset, access, tasks, sent_at, absences)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (command) DO UPDATE SET business = excluded.business, asset = excluded.asset,
             access = excluded.access, tasks = excluded.tasks, sent_at = excluded.sent_at, absences = excluded.absences",
    )
    .bind(id.as_str())
    .bind(watch.business.as_str())
    .bind(watch.asset.to_string())
    .bind(watch.access.word())
    .bind(&watch.tasks)
    .bind(watch.sent_at.as_microsecond())
    .bind(&watch.absences)
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the watch of `id`, where it has one.
pub(super) async fn remove(connection: &mut SqliteConnection, id: &CommandId) -> Result<(), JournalError> {
    sqlx::query("DELETE FROM watches WHERE command = $1").bind(id.as_str()).execute(connection).await?;
    Ok(())
}

/// Remembers that what `id` watches was denied.
pub(super) async fn remember_denial(
    connection: &mut SqliteConnection,
    id: &CommandId,
    at: Timestamp,
) -> Result<(), JournalError> {
    sqlx::query(
        "INSERT INTO denials (business, asset, access, command, at)
         SELECT business, asset, access, command, $2 FROM watches WHERE command = $1
         ON CONFLICT (business, asset, access) DO UPDATE SET command = excluded.command, at = excluded.at",
    )
    .bind(id.as_str())
    .bind(at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

async fn record_walk(
    connection: &mut SqliteConnection,
    walk: &Walk,
    updates: &[(CommandId, String)],
) -> Result<Digest, JournalError> {
    let hash = evidence::follow_walk(&walk_head(connection, &walk.business).await?, walk);
    insert_walk(connection, walk, &hash).await?;
    if !updates.is_empty() {
        update_absences(connection, updates).await?;
    }
    Ok(hash)
}

async fn walk_head(connection: &mut SqliteConnection, business: &BusinessId) -> Result<Digest, JournalError> {
    let row = sqlx::query("SELECT hash FROM walks WHERE business = $1 ORDER BY n DESC LIMIT 1")
        .bind(business.as_str())
        .fetch_optional(connection)
        .await?;
    row.map_or_else(|| Ok(evidence::genesis(business.as_str())), |row| Columns(&row).parsed("hash"))
}

async fn insert_walk(connection: &mut SqliteConnection, walk: &Walk, hash: &Digest) -> Result<(), JournalError> {
    sqlx::query(
        "INSERT INTO walks (business, list, began, ended, pages, rows, complete, traces, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(walk.business.as_str())
    .bind(&walk.list)
    .bind(walk.began.as_microsecond())
    .bind(walk.ended.as_microsecond())
    .bind(i64::from(walk.pages))
    .bind(i64::try_from(walk.rows).unwrap_or(i64::MAX))
    .bind(walk.complete)
    .bind(&walk.traces)
    .bind(hash.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// One statement for all watches of a business: the list goes in as one JSON text.
async fn update_absences(
    connection: &mut SqliteConnection,
    updates: &[(CommandId, String)],
) -> Result<(), JournalError> {
    let list = serde_json::to_string(updates).expect("texts always are JSON");
    sqlx::query(
        "UPDATE watches SET absences = s.absences
         FROM (SELECT json_extract(value, '$[0]') AS command, json_extract(value, '$[1]') AS absences
               FROM json_each($1)) s
         WHERE watches.command = s.command",
    )
    .bind(list)
    .execute(connection)
    .await?;
    Ok(())
}
