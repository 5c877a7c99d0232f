//! What Meta decides later, the walks that look for it, and what became known of denials and removals.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::decode::Columns;
use super::entries::{Walk, WatchRow};
use super::{Journal, JournalError, evidence, sql};
use crate::contract::{Access, Asset, BusinessId, CommandId, Digest, PersonId};

impl Journal {
    /// Every watch, those of ended commands too where one goes on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn watches(&self) -> Result<Vec<WatchRow>, JournalError> {
        self.survey(|connection| {
            let select = "SELECT * FROM watches ORDER BY business, sent_at, command";
            sql::all(connection, select, [], |row| Columns(row).watch())
        })
        .await
    }

    /// Ends a watch that went on after its command had ended.
    ///
    /// # Errors
    /// The watch goes on then.
    pub async fn end_watch(&self, command: CommandId) -> Result<(), JournalError> {
        self.change(move |connection| remove(connection, &command)).await
    }

    /// Records a walk in its business's chain, with what it changed for the watches it looked for: their absences as
    /// JSON. Returns the walk's hash, for the evidence of what it settled.
    ///
    /// # Errors
    /// The walk counts for nothing then.
    pub async fn record_walk(&self, walk: Walk, updates: Vec<(CommandId, String)>) -> Result<Digest, JournalError> {
        self.change(move |connection| record_walk(connection, &walk, &updates)).await
    }

    /// The last walk over each list of each business.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn last_walks(&self) -> Result<Vec<Walk>, JournalError> {
        let select =
            "SELECT * FROM walks WHERE n IN (SELECT max(n) FROM walks GROUP BY business, list) ORDER BY business, list";
        self.survey(move |connection| sql::all(connection, select, [], |row| Columns(row).walk())).await
    }

    /// The open claims of an asset by a business, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn open_claims(&self, business: &BusinessId, asset: &Asset) -> Result<Vec<WatchRow>, JournalError> {
        let select = "SELECT w.* FROM watches w JOIN commands c ON c.id = w.command
             WHERE w.business = ?1 AND w.asset = ?2 AND c.state <> 'ended' ORDER BY c.seq";
        let claim = [business.as_str(), &asset.to_string()];
        self.look(|connection| sql::all(connection, select, claim, |row| Columns(row).watch()))
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
        let select = "SELECT command, at FROM denials WHERE business = ?1 AND asset = ?2 AND access = ?3";
        let claim = [business.as_str(), &asset.to_string(), access.word()];
        self.look(|connection| {
            sql::first(connection, select, claim, |row| Ok((Columns(row).parsed("command")?, Columns(row).time("at")?)))
        })
    }

    /// Whom we have taken off an asset at `since` or later.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn removed_since(&self, asset: &Asset, since: Timestamp) -> Result<Vec<PersonId>, JournalError> {
        let select = "SELECT DISTINCT person FROM removals WHERE asset = ?1 AND at >= ?2 ORDER BY person";
        let from = params![asset.to_string(), since.as_microsecond()];
        self.look(|connection| sql::all(connection, select, from, |row| Columns(row).parsed("person")))
    }

    /// How many removals the commands of a business made at `since` or later: the blast radius.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn removals_of(&self, business: &BusinessId, since: Timestamp) -> Result<u64, JournalError> {
        let select = "SELECT count(*) AS count FROM removals WHERE business = ?1 AND at >= ?2";
        let from = params![business.as_str(), since.as_microsecond()];
        let count = self.look(|connection| sql::first(connection, select, from, |row| Columns(row).number("count")))?;
        Ok(count.unwrap_or(0))
    }
}

/// Begins or replaces the watch of `id`.
pub(super) fn set(connection: &Connection, id: &CommandId, watch: &WatchRow) -> Result<(), JournalError> {
    let insert = "INSERT INTO watches (command, business, asset, access, tasks, sent_at, absences)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (command) DO UPDATE SET business = excluded.business, asset = excluded.asset,
             access = excluded.access, tasks = excluded.tasks, sent_at = excluded.sent_at, absences = excluded.absences";
    let row = params![
        id.as_str(),
        watch.business.as_str(),
        watch.asset.to_string(),
        watch.access.word(),
        watch.tasks,
        watch.sent_at.as_microsecond(),
        watch.absences,
    ];
    sql::run(connection, insert, row).map(drop)
}

/// Ends the watch of `id`, where it has one.
pub(super) fn remove(connection: &Connection, id: &CommandId) -> Result<(), JournalError> {
    sql::run(connection, "DELETE FROM watches WHERE command = ?1", [id.as_str()]).map(drop)
}

/// Remembers that what `id` watches was denied.
pub(super) fn remember_denial(connection: &Connection, id: &CommandId, at: Timestamp) -> Result<(), JournalError> {
    let insert = "INSERT INTO denials (business, asset, access, command, at)
         SELECT business, asset, access, command, ?2 FROM watches WHERE command = ?1
         ON CONFLICT (business, asset, access) DO UPDATE SET command = excluded.command, at = excluded.at";
    sql::run(connection, insert, params![id.as_str(), at.as_microsecond()]).map(drop)
}

fn record_walk(connection: &Connection, walk: &Walk, updates: &[(CommandId, String)]) -> Result<Digest, JournalError> {
    let hash = evidence::follow_walk(&walk_head(connection, &walk.business)?, walk);
    insert_walk(connection, walk, &hash)?;
    for (command, absences) in updates {
        sql::run(connection, "UPDATE watches SET absences = ?2 WHERE command = ?1", [command.as_str(), absences])?;
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
