//! What stands around one command: who is in its lane before it, its watch, the last walks over a list, what became of
//! its events. Looked up by people, so none of it has an index of its own that every write would pay for.

use jiff::Timestamp;
use rusqlite::params;

use super::decode::Columns;
use super::entries::{Walk, WatchRow};
use super::rows::CommandRow;
use super::{Journal, JournalError, sql};
use crate::contract::{BusinessId, CommandId};

/// Who goes before a command in its lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Ahead {
    /// How many.
    pub count: u64,
    /// The one that holds the lane, or will be the first to.
    pub first: CommandRow,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its place among the command's events.
    pub sequence: Option<u32>,
    /// Its type.
    pub r#type: String,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// The broker's answer in the journal's word; `None` while it waits for the broker.
    pub settled: Option<String>,
}

impl Journal {
    /// Who is in the lane of `row` before it at `now`: those that have begun and have not left it, and those that
    /// arrived before and are due. `None` where nobody is.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn ahead_of(&self, row: &CommandRow, now: Timestamp) -> Result<Option<Ahead>, JournalError> {
        let Some(lane) = row.lane.clone() else { return Ok(None) };
        let select = "SELECT *, count(*) OVER () AS ahead
             FROM (SELECT *, state <> 'ready' OR observed > 0 OR attempts > 0 AS begun FROM commands)
             WHERE state IN ('ready', 'running', 'waiting', 'awaiting') AND lane = ?1 AND seq <> ?2
                 AND (begun OR (seq < ?2 AND max(coalesce(due, 0), coalesce(not_before, 0)) <= ?3))
             ORDER BY begun DESC, seq LIMIT 1";
        let seq = row.seq;
        self.survey(move |connection| {
            sql::first(connection, select, params![lane, seq, now.as_microsecond()], |row| {
                Ok(Ahead { count: Columns(row).number("ahead")?, first: Columns(row).command()? })
            })
        })
        .await
    }

    /// The watch of a command, where it has one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn watch_of(&self, id: &CommandId) -> Result<Option<WatchRow>, JournalError> {
        let select = "SELECT * FROM watches WHERE command = ?1";
        self.look(|connection| sql::first(connection, select, [id.as_str()], |row| Columns(row).watch()))
    }

    /// The last walks over a list of a business that began at `since` or later, the last first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn walks_since(
        &self,
        business: &BusinessId,
        list: &str,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Walk>, JournalError> {
        let select = "SELECT * FROM walks WHERE business = ?1 AND list = ?2 AND began >= ?3 ORDER BY n DESC LIMIT ?4";
        let wanted = params![business.as_str(), list, since.as_microsecond(), limit];
        self.look(|connection| sql::all(connection, select, wanted, |row| Columns(row).walk()))
    }

    /// What became of the events of a command, in their order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn published(&self, id: &CommandId) -> Result<Vec<Published>, JournalError> {
        let select = "SELECT sequence, type, stored_at, settled FROM events
             WHERE command = ?1 AND exchange = 'events' ORDER BY n";
        let id = id.clone();
        self.survey(move |connection| sql::all(connection, select, [id.as_str()], |row| Columns(row).published())).await
    }
}

impl Columns<'_> {
    fn published(&self) -> Result<Published, JournalError> {
        Ok(Published {
            sequence: self.optional_integer("sequence")?.and_then(|n| u32::try_from(n).ok()),
            r#type: self.text("type")?,
            stored_at: self.time("stored_at")?,
            settled: self.optional_text("settled")?,
        })
    }
}
