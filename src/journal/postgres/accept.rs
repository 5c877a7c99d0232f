//! Taking commands in, and cancels of commands that may not have come yet.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, count, params, storable};
use super::{outbox, prune};
use crate::contract::CommandId;
use crate::journal::decode::Columns;
use crate::journal::{Accepted, Cancelled, CommandRow, JournalError, MayCancel, New, State, evidence};

/// A command that was taken in: its place, and a cancel that came before it.
pub(super) type Inserted = (i64, Option<CommandId>);

/// Takes a delivery in.
pub(super) async fn accept(client: &Client, new: &New) -> Result<Accepted, JournalError> {
    let Some((seq, cancelled_by)) = insert(client, &[new]).await?.pop().flatten() else {
        return accept_again(client, new).await;
    };
    if cancelled_by.is_some() {
        sql::run(client, "DELETE FROM bindery.cancels WHERE target = $1", params![new.id.as_str()]).await?;
    }
    if let Some(parent) = &new.parent {
        add_children(client, parent, 1).await?;
    }
    remember_reply(client, new).await?;
    outbox::enqueue(client, &new.events, new.accepted_at).await?;
    Ok(Accepted::New { seq, cancelled_by })
}

/// Marks `target` as cancelled by `by`, or remembers that it is to be.
pub(super) async fn remember_cancel(
    client: &Client,
    target: &CommandId,
    by: &CommandId,
    until: Timestamp,
    may: &MayCancel,
) -> Result<Cancelled, JournalError> {
    match find(client, target).await? {
        Some(row) => cancel(client, row, by, may).await,
        None => cancel_unknown(client, target, by, until).await,
    }
}

async fn accept_again(client: &Client, new: &New) -> Result<Accepted, JournalError> {
    let Some(row) = find(client, &new.id).await? else { return accept_over(client, new).await };
    if row.fingerprint != new.fingerprint {
        return Ok(Accepted::OtherContent);
    }
    match row.state {
        State::Ended(_) => {
            outbox::requeue_terminal(client, &new.id, new.accepted_at).await?;
            if let Some(queue) = &new.reply_to {
                outbox::reply_again(client, &new.id, queue, correlation_of(new), new.accepted_at).await?;
            }
        }
        State::Ready
        | State::Running
        | State::Waiting { .. }
        | State::Pending
        | State::AwaitingChildren
        | State::Awaiting { .. } => remember_reply(client, new).await?,
    }
    Ok(Accepted::Same(Box::new(row)))
}

/// A command of which only the ending is kept.
async fn accept_over(client: &Client, new: &New) -> Result<Accepted, JournalError> {
    let ending = prune::find_ending(client, &new.id).await?;
    let ending = ending.ok_or_else(|| JournalError::UnknownCommand { id: new.id.clone() })?;
    let same = ending.fingerprint.as_ref() == Some(&new.fingerprint);
    Ok(if same { Accepted::Over(Box::new(ending)) } else { Accepted::OtherContent })
}

/// `$18` is a JSON list a row: whose cancel counts, where that is not anybody's.
const INSERT: &str =
    "INSERT INTO bindery.commands (id, fingerprint, body, business, lane, priority, not_before, expires_at, parent,
         ordinal, correlation_id, traceparent, published_by, accepted_at, dry_run, state, since, evidence_head,
         last_sequence, cancelled_by)
     SELECT u.id, u.fingerprint, u.body, u.business, u.lane, u.priority, u.not_before, u.expires_at, u.parent,
         u.ordinal, u.correlation_id, u.traceparent, u.published_by, u.accepted_at, u.dry_run, 'ready', u.accepted_at,
         u.evidence_head, u.last_sequence,
         (SELECT c.by FROM bindery.cancels c WHERE c.target = u.id AND c.until > u.accepted_at
             AND (u.cancellers IS NULL
                 OR c.published_by IN (SELECT jsonb_array_elements_text(u.cancellers::jsonb))) LIMIT 1)
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
             $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::boolean[],
             $16::text[], $17::bigint[], $18::text[]) WITH ORDINALITY
         AS u (id, fingerprint, body, business, lane, priority, not_before, expires_at, parent, ordinal,
             correlation_id, traceparent, published_by, accepted_at, dry_run, evidence_head, last_sequence,
             cancellers, place)
     WHERE NOT EXISTS (SELECT 1 FROM bindery.endings e WHERE e.id = u.id AND e.fingerprint IS NOT NULL)
     ORDER BY u.place
     ON CONFLICT (id) DO NOTHING
     RETURNING id, seq, cancelled_by";

/// Inserts commands in their order; `None` for each whose id is taken, by one before it in the list too.
pub(super) async fn insert(client: &Client, new: &[&New]) -> Result<Vec<Option<Inserted>>, JournalError> {
    let micros = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
    let genesis: Vec<_> = new.iter().map(|new| evidence::genesis(new.id.as_str())).collect();
    let last = |new: &&New| new.events.iter().filter_map(|event| event.sequence).max().map_or(0, i64::from);
    let rows = params![
        column(new, |new| new.id.as_str()),
        column(new, |new| new.fingerprint.as_str()),
        column(new, |new| new.body.as_str()),
        column(new, |new| new.business.as_ref().map(|id| id.as_str())),
        column(new, |new| new.lane.as_deref()),
        column(new, |new| i64::from(new.priority)),
        column(new, |new| micros(new.not_before)),
        column(new, |new| micros(new.expires_at)),
        column(new, |new| new.parent.as_ref().map(|id| id.as_str())),
        column(new, |new| new.ordinal.map(i64::from)),
        column(new, |new| new.correlation_id.as_deref().map(|text| storable(text).into_owned())),
        column(new, |new| new.traceparent.as_deref().map(|text| storable(text).into_owned())),
        column(new, |new| new.published_by.as_deref().map(|text| storable(text).into_owned())),
        column(new, |new| new.accepted_at.as_microsecond()),
        column(new, |new| new.dry_run),
        genesis.iter().map(|digest| digest.as_str()).collect::<Vec<_>>(),
        new.iter().map(last).collect::<Vec<_>>(),
        column(new, |new| new.cancellers.as_ref().map(|users| in_json(users))),
    ];
    let inserted = sql::all(client, INSERT, rows, |row| {
        let columns = Columns(row);
        Ok((columns.text("id")?, (columns.integer("seq")?, columns.optional_parsed("cancelled_by")?)))
    });
    let mut inserted: HashMap<String, Inserted> = inserted.await?.into_iter().collect();
    Ok(new.iter().map(|new| inserted.remove(new.id.as_str())).collect())
}

fn column<'n, T>(new: &[&'n New], of: impl Fn(&'n New) -> T) -> Vec<T> {
    new.iter().map(|new| of(new)).collect()
}

fn in_json(users: &[String]) -> String {
    let users: Vec<_> = users.iter().map(|user| storable(user)).collect();
    serde_json::to_string(&users).expect("texts always are JSON")
}

/// Counts `more` children on their parent.
pub(super) async fn add_children(client: &Client, parent: &CommandId, more: u64) -> Result<(), JournalError> {
    let update = "UPDATE bindery.commands SET children_total = children_total + $2, children_open = children_open + $2
         WHERE id = $1";
    sql::run(client, update, params![parent.as_str(), count(more)]).await.map(drop)
}

async fn remember_reply(client: &Client, new: &New) -> Result<(), JournalError> {
    let Some(queue) = &new.reply_to else { return Ok(()) };
    let insert = "INSERT INTO bindery.replies (command, reply_to, correlation_id) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING";
    let row = params![new.id.as_str(), storable(queue), storable(correlation_of(new))];
    sql::run(client, insert, row).await.map(drop)
}

/// A reply carries the requester's correlation id, else the command's id.
fn correlation_of(new: &New) -> &str {
    new.correlation_id.as_deref().unwrap_or(new.id.as_str())
}

async fn cancel(
    client: &Client,
    mut row: CommandRow,
    by: &CommandId,
    may: &MayCancel,
) -> Result<Cancelled, JournalError> {
    if !may(&row) {
        return Ok(Cancelled::NotAllowed);
    }
    if let State::Ended(_) = row.state {
        return Ok(Cancelled::Finished(Box::new(row)));
    }
    let by = row.cancelled_by.get_or_insert_with(|| by.clone()).clone();
    let update = "UPDATE bindery.commands SET cancelled_by = $2 WHERE seq = $1";
    sql::run(client, update, params![row.seq, by.as_str()]).await?;
    Ok(Cancelled::Open(Box::new(row)))
}

/// Of a target that ended long ago or has not come yet.
async fn cancel_unknown(
    client: &Client,
    target: &CommandId,
    by: &CommandId,
    until: Timestamp,
) -> Result<Cancelled, JournalError> {
    if let Some(ending) = prune::find_ending(client, target).await? {
        return Ok(Cancelled::Over(ending.phase));
    }
    let remember = "INSERT INTO bindery.cancels AS c (target, by, published_by, until)
         VALUES ($1, $2, (SELECT published_by FROM bindery.commands WHERE id = $2), $3)
         ON CONFLICT (target, by) DO UPDATE SET until = greatest(c.until, excluded.until)";
    sql::run(client, remember, params![target.as_str(), by.as_str(), until.as_microsecond()]).await?;
    Ok(Cancelled::Remembered)
}

/// One command.
pub(super) async fn find(client: &Client, id: &CommandId) -> Result<Option<CommandRow>, JournalError> {
    let select = "SELECT * FROM bindery.commands WHERE id = $1";
    sql::first(client, select, params![id.as_str()], |row| Columns(row).command()).await
}
