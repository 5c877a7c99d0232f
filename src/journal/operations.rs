//! The operators' log: who did what on purpose, when and why; and events that are published again because one asked.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::decode::Columns;
use super::{Journal, JournalError, sql};
use crate::contract::CommandId;

/// One thing that an operator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// When.
    pub at: Timestamp,
    /// Who, as they say.
    pub actor: String,
    /// What, such as `dead replay`.
    pub verb: String,
    /// On what.
    pub target: String,
    /// Why.
    pub reason: String,
    /// Tells it from every other one, those of the same words too.
    pub nonce: String,
    /// What came of it; `None` where that was never learnt (the process ended in between).
    pub came: Option<String>,
}

/// Events that nobody was bound for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unrouted {
    /// How many.
    pub count: u64,
    /// How many of them are terminal.
    pub terminal: u64,
}

impl Journal {
    /// Writes down what an operator is about to do, before it is done; its place in the log.
    ///
    /// # Errors
    /// It must not be done then.
    pub async fn begin_operation(&self, operation: Operation) -> Result<i64, JournalError> {
        self.change(move |connection| insert(connection, &operation)).await
    }

    /// Writes down what came of the operation at place `n`.
    ///
    /// # Errors
    /// The log does not say it then.
    pub async fn end_operation(&self, n: i64, came: String) -> Result<(), JournalError> {
        self.change(move |connection| {
            sql::run(connection, "UPDATE operations SET came = ?2 WHERE n = ?1", params![n, came]).map(drop)
        })
        .await
    }

    /// What operators did, the last first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn operations(&self, limit: u32) -> Result<Vec<Operation>, JournalError> {
        let select = "SELECT * FROM operations ORDER BY n DESC LIMIT ?1";
        self.survey(move |connection| sql::all(connection, select, [limit], |row| Columns(row).operation())).await
    }

    /// How many events nobody was bound for, and were not published again since.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn unrouted(&self) -> Result<Unrouted, JournalError> {
        let select =
            "SELECT count(*) AS count, coalesce(sum(terminal), 0) AS terminal FROM events WHERE settled = 'unrouted'";
        let counted = self.survey(move |connection| {
            sql::first(connection, select, [], |row| {
                let columns = Columns(row);
                Ok(Unrouted { count: columns.number("count")?, terminal: columns.number("terminal")? })
            })
        });
        Ok(counted.await?.unwrap_or(Unrouted { count: 0, terminal: 0 }))
    }

    /// Queues unrouted events again under their own ids, in their order, those of one command or all; how many. The
    /// operator's word for it stands in the same transaction.
    ///
    /// # Errors
    /// Nothing is queued then.
    pub async fn replay_unrouted(&self, of: Option<CommandId>, operation: Operation) -> Result<u64, JournalError> {
        self.change(move |connection| {
            let queued = requeue(connection, of.as_ref(), operation.at)?;
            let came = Some(format!("{queued} events queued"));
            insert(connection, &Operation { came, ..operation.clone() })?;
            Ok(queued)
        })
        .await
    }
}

fn requeue(connection: &Connection, of: Option<&CommandId>, at: Timestamp) -> Result<u64, JournalError> {
    let of = of.map(CommandId::as_str);
    let insert = "INSERT INTO outbox (event, queued_at)
         SELECT n, ?2 FROM events WHERE settled = 'unrouted' AND (?1 IS NULL OR command = ?1)
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE event = events.n AND reply_to IS NULL)
         ORDER BY n";
    let queued = sql::run(connection, insert, params![of, at.as_microsecond()])?;
    let forget = "UPDATE events SET settled = NULL WHERE settled = 'unrouted' AND (?1 IS NULL OR command = ?1)";
    sql::run(connection, forget, [of])?;
    Ok(u64::try_from(queued).unwrap_or(u64::MAX))
}

fn insert(connection: &Connection, operation: &Operation) -> Result<i64, JournalError> {
    let insert = "INSERT INTO operations (at, actor, verb, target, reason, nonce, came)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let Operation { at, actor, verb, target, reason, nonce, came } = operation;
    sql::run(connection, insert, params![at.as_microsecond(), actor, verb, target, reason, nonce, came])?;
    Ok(connection.last_insert_rowid())
}

impl Columns<'_> {
    fn operation(&self) -> Result<Operation, JournalError> {
        Ok(Operation {
            at: self.time("at")?,
            actor: self.text("actor")?,
            verb: self.text("verb")?,
            target: self.text("target")?,
            reason: self.text("reason")?,
            nonce: self.text("nonce")?,
            came: self.optional_text("came")?,
        })
    }
}
