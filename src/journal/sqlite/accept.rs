//! Taking commands in, and cancels of commands that may not have come yet.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{outbox, prune, sql};
use crate::contract::CommandId;
use crate::journal::decode::Columns;
use crate::journal::{Accepted, Cancelled, CommandRow, JournalError, New, State, evidence};

/// Takes a delivery in.
pub(super) fn accept(connection: &Connection, new: &New) -> Result<Accepted, JournalError> {
    let Some((seq, cancelled_by)) = insert(connection, new)? else {
        return accept_again(connection, new);
    };
    if cancelled_by.is_some() {
        sql::run(connection, "DELETE FROM cancels WHERE target = ?1", [new.id.as_str()])?;
    }
    if let Some(parent) = &new.parent {
        add_children(connection, parent, 1)?;
    }
    remember_reply(connection, new)?;
    outbox::enqueue_all(connection, &new.events, new.accepted_at)?;
    Ok(Accepted::New { seq, cancelled_by })
}

/// Marks `target` as cancelled by `by`, or remembers that it is to be.
pub(super) fn remember_cancel(
    connection: &Connection,
    target: &CommandId,
    by: &CommandId,
    until: Timestamp,
    may: &dyn Fn(&CommandRow) -> bool,
) -> Result<Cancelled, JournalError> {
    match find(connection, target)? {
        Some(row) => cancel(connection, row, by, may),
        None => cancel_unknown(connection, target, by, until),
    }
}

fn accept_again(connection: &Connection, new: &New) -> Result<Accepted, JournalError> {
    let Some(row) = find(connection, &new.id)? else { return accept_over(connection, new) };
    if row.fingerprint != new.fingerprint {
        return Ok(Accepted::OtherContent);
    }
    match row.state {
        State::Ended(_) => {
            outbox::requeue_terminal(connection, &new.id, new.accepted_at)?;
            if let Some(queue) = &new.reply_to {
                outbox::reply_again(connection, &new.id, queue, correlation_of(new), new.accepted_at)?;
            }
        }
        State::Ready
        | State::Running
        | State::Waiting { .. }
        | State::Pending
        | State::AwaitingChildren
        | State::Awaiting { .. } => remember_reply(connection, new)?,
    }
    Ok(Accepted::Same(Box::new(row)))
}

/// A command of which only the ending is kept.
fn accept_over(connection: &Connection, new: &New) -> Result<Accepted, JournalError> {
    let ending = prune::find_ending(connection, &new.id)?;
    let ending = ending.ok_or_else(|| JournalError::UnknownCommand { id: new.id.clone() })?;
    let same = ending.fingerprint.as_ref() == Some(&new.fingerprint);
    Ok(if same { Accepted::Over(Box::new(ending)) } else { Accepted::OtherContent })
}

const INSERT: &str =
    "INSERT INTO commands (id, fingerprint, body, business, lane, priority, not_before, expires_at, parent,
         ordinal, correlation_id, traceparent, published_by, accepted_at, dry_run, state, since, evidence_head,
         last_sequence, cancelled_by)
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 'ready', ?14, ?16, ?17,
         (SELECT by FROM cancels WHERE target = ?1 AND until > ?14
             AND (?18 IS NULL OR cancels.published_by IN (SELECT value FROM json_each(?18))) LIMIT 1)
     WHERE NOT EXISTS (SELECT 1 FROM endings WHERE id = ?1 AND fingerprint IS NOT NULL)
     ON CONFLICT (id) DO NOTHING
     RETURNING seq, cancelled_by";

/// Inserts a command; `None` where its id is taken.
pub(super) fn insert(connection: &Connection, new: &New) -> Result<Option<(i64, Option<CommandId>)>, JournalError> {
    let last_sequence = new.events.iter().filter_map(|event| event.sequence).max().unwrap_or(0);
    let genesis = evidence::genesis(new.id.as_str());
    let row = params![
        new.id.as_str(),
        new.fingerprint,
        new.body,
        new.business.as_ref().map(|id| id.as_str()),
        new.lane,
        new.priority,
        new.not_before.map(Timestamp::as_microsecond),
        new.expires_at.map(Timestamp::as_microsecond),
        new.parent.as_ref().map(|id| id.as_str()),
        new.ordinal,
        new.correlation_id,
        new.traceparent,
        new.published_by,
        new.accepted_at.as_microsecond(),
        new.dry_run,
        genesis.as_str(),
        last_sequence,
        new.cancellers.as_ref().map(|users| serde_json::to_string(users).expect("texts always are JSON")),
    ];
    sql::first(connection, INSERT, row, |row| {
        Ok((Columns(row).integer("seq")?, Columns(row).optional_parsed("cancelled_by")?))
    })
}

/// Counts `more` children on their parent.
pub(super) fn add_children(connection: &Connection, parent: &CommandId, more: u32) -> Result<(), JournalError> {
    let update =
        "UPDATE commands SET children_total = children_total + ?2, children_open = children_open + ?2 WHERE id = ?1";
    sql::run(connection, update, params![parent.as_str(), more]).map(drop)
}

fn remember_reply(connection: &Connection, new: &New) -> Result<(), JournalError> {
    let Some(queue) = &new.reply_to else { return Ok(()) };
    let insert = "INSERT INTO replies (command, reply_to, correlation_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    sql::run(connection, insert, params![new.id.as_str(), queue, correlation_of(new)]).map(drop)
}

/// A reply carries the requester's correlation id, else the command's id.
fn correlation_of(new: &New) -> &str {
    new.correlation_id.as_deref().unwrap_or(new.id.as_str())
}

fn cancel(
    connection: &Connection,
    mut row: CommandRow,
    by: &CommandId,
    may: &dyn Fn(&CommandRow) -> bool,
) -> Result<Cancelled, JournalError> {
    if !may(&row) {
        return Ok(Cancelled::NotAllowed);
    }
    if let State::Ended(_) = row.state {
        return Ok(Cancelled::Finished(Box::new(row)));
    }
    let by = row.cancelled_by.get_or_insert_with(|| by.clone());
    sql::run(connection, "UPDATE commands SET cancelled_by = ?2 WHERE seq = ?1", params![row.seq, by.as_str()])?;
    Ok(Cancelled::Open(Box::new(row)))
}

/// Of a target that ended long ago or has not come yet.
fn cancel_unknown(
    connection: &Connection,
    target: &CommandId,
    by: &CommandId,
    until: Timestamp,
) -> Result<Cancelled, JournalError> {
    if let Some(ending) = prune::find_ending(connection, target)? {
        return Ok(Cancelled::Over(ending.phase));
    }
    let remember = "INSERT INTO cancels (target, by, published_by, until)
         VALUES (?1, ?2, (SELECT published_by FROM commands WHERE id = ?2), ?3)
         ON CONFLICT (target, by) DO UPDATE SET until = max(until, excluded.until)";
    sql::run(connection, remember, params![target.as_str(), by.as_str(), until.as_microsecond()])?;
    Ok(Cancelled::Remembered)
}

/// One command.
pub(super) fn find(connection: &Connection, id: &CommandId) -> Result<Option<CommandRow>, JournalError> {
    sql::first(connection, "SELECT * FROM commands WHERE id = ?1", [id.as_str()], |row| Columns(row).command())
}
