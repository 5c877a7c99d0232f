//! Taking commands in, and cancels of commands that may not have come yet.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::decode::Columns;
use super::entries::NewEvent;
use super::rows::{Accepted, Cancelled, CommandRow, New, State};
use super::{Journal, JournalError, evidence, outbox};
use crate::contract::CommandId;

impl Journal {
    /// Journals a delivery. A known command with the same content has its result published again (finished) or
    /// keeps the new requester in mind (open); a known one with other content is left alone.
    ///
    /// # Errors
    /// Nothing of it stands then: the delivery must not be acknowledged.
    pub async fn accept(&self, new: New) -> Result<Accepted, JournalError> {
        self.change(new, |connection, new| Box::pin(accept(connection, new))).await
    }

    /// Journals events that belong to no command: dead messages and `rejected` answers. One that is known by its id
    /// is published again.
    ///
    /// # Errors
    /// Nothing of it stands then.
    pub async fn enqueue(&self, events: Vec<NewEvent>, at: Timestamp) -> Result<(), JournalError> {
        self.change((events, at), |connection, (events, at)| Box::pin(outbox::enqueue_all(connection, events, *at)))
            .await
    }

    /// Marks `target` as cancelled by `by`; where it is not known yet this is remembered until `until`.
    ///
    /// # Errors
    /// Nothing of it stands then.
    pub async fn remember_cancel(
        &self,
        target: CommandId,
        by: CommandId,
        until: Timestamp,
    ) -> Result<Cancelled, JournalError> {
        let data = (target, by, until);
        self.change(data, |connection, (target, by, until)| Box::pin(cancel(connection, target, by, *until))).await
    }
}

async fn accept(connection: &mut SqliteConnection, new: &New) -> Result<Accepted, JournalError> {
    let Some((seq, cancelled_by)) = insert(connection, new).await? else {
        return accept_again(connection, new).await;
    };
    if cancelled_by.is_some() {
        sqlx::query("DELETE FROM cancels WHERE target = $1").bind(new.id.as_str()).execute(&mut *connection).await?;
    }
    if let Some(parent) = &new.parent {
        add_children(connection, parent, 1).await?;
    }
    remember_reply(connection, new).await?;
    outbox::enqueue_all(connection, &new.events, new.accepted_at).await?;
    Ok(Accepted::New { seq, cancelled_by })
}

async fn accept_again(connection: &mut SqliteConnection, new: &New) -> Result<Accepted, JournalError> {
    let row = find(connection, &new.id).await?.ok_or_else(|| JournalError::UnknownCommand { id: new.id.clone() })?;
    if row.fingerprint != new.fingerprint {
        return Ok(Accepted::OtherContent(Box::new(row)));
    }
    match row.state {
        State::Ended(_) => {
            outbox::requeue_terminal(connection, &new.id, new.accepted_at).await?;
            if let Some(queue) = &new.reply_to {
                let correlation = correlation_of(new);
                outbox::reply_again(connection, &new.id, queue, correlation, new.accepted_at).await?;
            }
        }
        State::Ready
        | State::Running
        | State::Waiting { .. }
        | State::Pending
        | State::AwaitingChildren
        | State::Awaiting { .. } => remember_reply(connection, new).await?,
    }
    Ok(Accepted::Same(Box::new(row)))
}

/// Inserts a command; `None` where its id is taken.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    new: &New,
) -> Result<Option<(i64, Option<CommandId>)>, JournalError> {
    let accepted_at = new.accepted_at.as_microsecond();
    let last_sequence = new.events.iter().filter_map(|event| event.sequence).max().unwrap_or(0);
    let row = sqlx::query(
        "INSERT INTO commands (id, fingerprint, body, business, lane, priority, not_before, expires_at, parent,
             ordinal, correlation_id, traceparent, published_by, accepted_at, dry_run, state, since, evidence_head,
             last_sequence, cancelled_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'ready', $14, $16, $17,
             (SELECT by FROM cancels WHERE target = $1 AND until > $14))
         ON CONFLICT (id) DO NOTHING
         RETURNING seq, cancelled_by",
    )
    .bind(new.id.as_str())
    .bind(&new.fingerprint)
    .bind(&new.body)
    .bind(new.business.as_ref().map(|id| id.as_str()))
    .bind(&new.lane)
    .bind(i64::from(new.priority))
    .bind(new.not_before.map(Timestamp::as_microsecond))
    .bind(new.expires_at.map(Timestamp::as_microsecond))
    .bind(new.parent.as_ref().map(|id| id.as_str()))
    .bind(new.ordinal.map(i64::from))
    .bind(&new.correlation_id)
    .bind(&new.traceparent)
    .bind(&new.published_by)
    .bind(accepted_at)
    .bind(new.dry_run)
    .bind(evidence::genesis(new.id.as_str()).as_str())
    .bind(i64::from(last_sequence))
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let columns = Columns(&row);
    Ok(Some((columns.integer("seq")?, columns.optional_parsed("cancelled_by")?)))
}

/// Counts `more` children on their parent.
pub(super) async fn add_children(
    connection: &mut SqliteConnection,
    parent: &CommandId,
    more: u32,
) -> Result<(), JournalError> {
    sqlx::query(
        "UPDATE commands SET children_total = children_total + $2, children_open = children_open + $2 WHERE id = $1",
    )
    .bind(parent.as_str())
    .bind(i64::from(more))
    .execute(connection)
    .await?;
    Ok(())
}

async fn remember_reply(connection: &mut SqliteConnection, new: &New) -> Result<(), JournalError> {
    let Some(queue) = &new.reply_to else { return Ok(()) };
    sqlx::query("INSERT INTO replies (command, reply_to, correlation_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(new.id.as_str())
        .bind(queue)
        .bind(correlation_of(new))
        .execute(connection)
        .await?;
    Ok(())
}

/// A reply carries the requester's correlation id, else the command's id.
fn correlation_of(new: &New) -> &str {
    new.correlation_id.as_deref().unwrap_or(new.id.as_str())
}

async fn cancel(
    connection: &mut SqliteConnection,
    target: &CommandId,
    by: &CommandId,
    until: Timestamp,
) -> Result<Cancelled, JournalError> {
    let marked = sqlx::query(
        "UPDATE commands SET cancelled_by = coalesce(cancelled_by, $2) WHERE id = $1 AND state <> 'ended' RETURNING *",
    )
    .bind(target.as_str())
    .bind(by.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(row) = marked {
        return Ok(Cancelled::Open(Box::new(Columns(&row).command()?)));
    }
    if let Some(row) = find(connection, target).await? {
        return Ok(Cancelled::Finished(Box::new(row)));
    }
    sqlx::query(
        "INSERT INTO cancels (target, by, until) VALUES ($1, $2, $3)
         ON CONFLICT (target) DO UPDATE SET until = max(until, excluded.until)",
    )
    .bind(target.as_str())
    .bind(by.as_str())
    .bind(until.as_microsecond())
    .execute(connection)
    .await?;
    Ok(Cancelled::Remembered)
}

async fn find(connection: &mut SqliteConnection, id: &CommandId) -> Result<Option<CommandRow>, JournalError> {
    let row = sqlx::query("SELECT * FROM commands WHERE id = $1").bind(id.as_str()).fetch_optional(connection).await?;
    row.map(|row| Columns(&row).command()).transpose()
}
