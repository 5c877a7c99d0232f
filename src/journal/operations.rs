//! The operators' log: who did what on purpose, when and why; and events that are published again because one asked.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::decode::Columns;
use super::{Journal, JournalError};
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
        self.change(operation, |connection, operation| Box::pin(insert(connection, operation))).await
    }

    /// Writes down what came of the operation at place `n`.
    ///
    /// # Errors
    /// The log does not say it then.
    pub async fn end_operation(&self, n: i64, came: String) -> Result<(), JournalError> {
        self.change((n, came), |connection, (n, came)| {
            Box::pin(async move {
                let told = sqlx::query("UPDATE operations SET came = $2 WHERE n = $1").bind(*n).bind(came);
                told.execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    /// What operators did, the last first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn operations(&self, limit: u32) -> Result<Vec<Operation>, JournalError> {
        let rows = sqlx::query("SELECT * FROM operations ORDER BY n DESC LIMIT $1").bind(i64::from(limit));
        rows.fetch_all(&self.shared.readers).await?.iter().map(|row| Columns(row).operation()).collect()
    }

    /// How many events nobody was bound for, and were not published again since.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn unrouted(&self) -> Result<Unrouted, JournalError> {
        let row = sqlx::query(
            "SELECT count(*) AS count, coalesce(sum(terminal), 0) AS terminal FROM events WHERE settled = 'unrouted'",
        )
        .fetch_one(&self.shared.readers)
        .await?;
        Ok(Unrouted { count: Columns(&row).number("count")?, terminal: Columns(&row).number("terminal")? })
    }

    /// Queues unrouted events again under their own ids, in their order, those of one command or all; how many. The
    /// operator's word for it stands in the same transaction.
    ///
    /// # Errors
    /// Nothing is queued then.
    pub async fn replay_unrouted(&self, of: Option<CommandId>, operation: Operation) -> Result<u64, JournalError> {
        self.change((of, operation), |connection, (of, operation)| {
            Box::pin(async move {
                let queued = requeue(connection, of.as_ref(), operation.at).await?;
                let came = Some(format!("{queued} events queued"));
                insert(connection, &Operation { came, ..operation.clone() }).await?;
                Ok(queued)
            })
        })
        .await
    }
}

async fn requeue(
    connection: &mut SqliteConnection,
    of: Option<&CommandId>,
    at: Timestamp,
) -> Result<u64, JournalError> {
    let of = of.map(CommandId::as_str);
    let queued = sqlx::query(
        "INSERT INTO outbox (event, queued_at)
         SELECT n, $2 FROM events WHERE settled = 'unrouted' AND ($1 IS NULL OR command = $1)
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE event = events.n AND reply_to IS NULL)
         ORDER BY n",
    )
    .bind(of)
    .bind(at.as_microsecond())
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE events SET settled = NULL WHERE settled = 'unrouted' AND ($1 IS NULL OR command = $1)")
        .bind(of)
        .execute(connection)
        .await?;
    Ok(queued.rows_affected())
}

async fn insert(connection: &mut SqliteConnection, operation: &Operation) -> Result<i64, JournalError> {
    let n = sqlx::query_scalar(
        "INSERT INTO operations (at, actor, verb, target, reason, nonce, came) VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING n",
    )
    .bind(operation.at.as_microsecond())
    .bind(&operation.actor)
    .bind(&operation.verb)
    .bind(&operation.target)
    .bind(&operation.reason)
    .bind(&operation.nonce)
    .bind(&operation.came)
    .fetch_one(connection)
    .await?;
    Ok(n)
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
