//! Taking commands in, and cancels of commands that may not have come yet.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::decode::Columns;
use super::entries::NewEvent;
use super::rows::{Accepted, Cancelled, CommandRow, New, State};
use super::{Journal, JournalError, evidence, outbox, prune};
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

    /// Marks `target` as cancelled by `by`, where it `may` be; where it is not known yet this is remembered until
    /// `until`.
    ///
    /// # Errors
    /// Nothing of it stands then.
    pub async fn remember_cancel(
        &self,
        target: CommandId,
        by: CommandId,
        until: Timestamp,
        may: impl Fn(&CommandRow) -> bool + Send + Sync + 'static,
    ) -> Result<Cancelled, JournalError> {
        let data = Asked { target, by, until, may };
        self.change(data, |connection, asked| Box::pin(cancel(connection, asked))).await
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
    let Some(row) = find(connection, &new.id).await? else { return accept_over(connection, new).await };
    if row.fingerprint != new.fingerprint {
        return Ok(Accepted::OtherContent);
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

/// A command of which only the ending is kept.
async fn accept_over(connection: &mut SqliteConnection, new: &New) -> Result<Accepted, JournalError> {
    let ending = prune::find_ending(connection, &new.id).await?;
    let ending = ending.ok_or_else(|| JournalError::UnknownCommand { id: new.id.clone() })?;
    let same = ending.fingerprint.as_ref() == Some(&new.fingerprint);
    Ok(if same { Accepted::Over(Box::new(ending)) } else { Accepted::OtherContent })
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
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'ready', $14, $16, $17,
             (SELECT by FROM cancels WHERE target = $1 AND until > $14
                 AND ($18 IS NULL OR cancels.published_by IN (SELECT value FROM json_each($18))) LIMIT 1)
         WHERE NOT EXISTS (SELECT 1 FROM endings WHERE id = $1 AND fingerprint IS NOT NULL)
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
    .bind(new.cancellers.as_ref().map(|users| serde_json::to_string(users).expect("texts always are JSON")))
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

/// A cancel, and what it may cancel.
struct Asked<M> {
    target: CommandId,
    by: CommandId,
    until: Timestamp,
    may: M,
}

async fn cancel<M: Fn(&CommandRow) -> bool>(
    connection: &mut SqliteConnection,
    asked: &Asked<M>,
) -> Result<Cancelled, JournalError> {
    let Some(row) = find(connection, &asked.target).await? else {
        return match prune::find_ending(connection, &asked.target).await? {
            Some(ending) => Ok(Cancelled::Over(ending.phase)),
            None => remember(connection, &asked.target, &asked.by, asked.until).await,
        };
    };
    match row.state {
        _ if !(asked.may)(&row) => Ok(Cancelled::NotAllowed),
        State::Ended(_) => Ok(Cancelled::Finished(Box::new(row))),
        State::Ready
        | State::Running
        | State::Waiting { .. }
        | State::Pending
        | State::AwaitingChildren
        | State::Awaiting { .. } => mark(connection, row, &asked.by).await,
    }
}

async fn mark(
    connection: &mut SqliteConnection,
    mut row: CommandRow,
    by: &CommandId,
) -> Result<Cancelled, JournalError> {
    let cancelled_by = row.cancelled_by.get_or_insert_with(|| by.clone());
    sqlx::query("UPDATE commands SET cancelled_by = $2 WHERE seq = $1")
        .bind(row.seq)
        .bind(cancelled_by.as_str())
        .execute(connection)
        .await?;
    Ok(Cancelled::Open(Box::new(row)))
}

async fn remember(
    connection: &mut SqliteConnection,
    target: &CommandId,
    by: &CommandId,
    until: Timestamp,
) -> Result<Cancelled, JournalError> {
    sqlx::query(
        "INSERT INTO cancels (target, by, published_by, until)
         VALUES ($1, $2, (SELECT published_by FROM commands WHERE id = $2), $3)
         ON CONFLICT (target, by) DO UPDATE SET until = max(until, excluded.until)",
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
