//! What a step leaves behind, as one change: all of it stands or nothing.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::decode::Columns;
use super::entries::{EvidenceEntry, Exchange, NewEvent};
use super::rows::{Ended, New, ParentAfter, Record, Recorded, State, StateName, WatchChange};
use super::{Journal, JournalError, accept, evidence, outbox, watches};
use crate::contract::{CommandId, Digest, Phase};

impl Journal {
    /// Records what a step of `id` observed, did, said and decided. With `State::Ended` the terminal event must be
    /// among the events (a child has none): who asked for a reply gets it, the parent's counters and chain move on.
    ///
    /// # Errors
    /// `AlreadyEnded` where the command has ended, `UnknownCommand`, `EndAndEventApart`, `ChildExists`; nothing of the
    /// record stands then.
    pub async fn record(&self, id: CommandId, record: Record) -> Result<Recorded, JournalError> {
        self.change(move |connection| Box::pin(async move { store(connection, &id, &record).await })).await
    }

    /// Journals that a write is about to leave. After a crash `load` tells of it until a record clears it.
    ///
    /// # Errors
    /// The write must not leave then.
    pub async fn intend(&self, id: CommandId, call: String, at: Timestamp) -> Result<(), JournalError> {
        self.change(move |connection| Box::pin(async move { intend(connection, &id, &call, at).await })).await
    }
}

/// What a record needs to know of its command.
struct Standing {
    seq: i64,
    state: StateName,
    since: Timestamp,
    parent: Option<CommandId>,
    observed: i64,
    chain: Chain,
    /// Whether somebody wants a reply.
    asked: bool,
}

/// The end of a command's chain.
struct Chain {
    head: Digest,
    total: u64,
}

async fn store(connection: &mut SqliteConnection, id: &CommandId, record: &Record) -> Result<Recorded, JournalError> {
    let before = standing(connection, id).await?;
    if before.state == StateName::Ended {
        return Err(JournalError::AlreadyEnded { id: id.clone() });
    }
    end_and_event_together(id, &before, record)?;
    let chain = chain(connection, before.seq, before.chain, &record.evidence).await?;
    outbox::enqueue_all(connection, &record.events, record.at).await?;
    remove_people(connection, id, record).await?;
    let children = spawn(connection, id, &record.children).await?;
    change_watch(connection, id, record).await?;
    let parent = match (&record.state, &before.parent) {
        (State::Ended(ended), Some(parent)) => Some(settle_into(connection, parent, ended).await?),
        _ => None,
    };
    let settled = parent.as_ref().map(|after| i64::from(after.children.total - after.children.open));
    let since = since(record, before.state, before.since);
    let to = Moved { id, record, seq: before.seq, observed: before.observed, since, chain: &chain, settled };
    move_on(connection, &to).await?;
    if let State::Ended(ended) = &record.state {
        if before.asked {
            outbox::reply_all(connection, id, record.at).await?;
        }
        if let Some(parent) = &before.parent {
            let entry = evidence::of_child(id.as_str(), ended.phase.word(), &chain.head, record.at);
            chain_parent(connection, parent, entry).await?;
        }
    }
    Ok(Recorded { evidence_head: chain.head, evidence_total: chain.total, children, parent })
}

async fn standing(connection: &mut SqliteConnection, id: &CommandId) -> Result<Standing, JournalError> {
    let row = sqlx::query(
        "SELECT seq, state, since, parent, observed, evidence_head, evidence_total,
             EXISTS (SELECT 1 FROM replies WHERE command = id) AS asked
         FROM commands WHERE id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(connection)
    .await?
    .ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })?;
    let columns = Columns(&row);
    Ok(Standing {
        seq: columns.integer("seq")?,
        state: columns.parsed("state")?,
        since: columns.time("since")?,
        parent: columns.optional_parsed("parent")?,
        observed: columns.integer("observed")?,
        chain: Chain { head: columns.parsed("evidence_head")?, total: columns.number("evidence_total")? },
        asked: columns.flag("asked")?,
    })
}

/// An end without its event, or an event without its end, would be a command that never ends for somebody.
fn end_and_event_together(id: &CommandId, before: &Standing, record: &Record) -> Result<(), JournalError> {
    let ends = |event: &&NewEvent| {
        event.terminal
            && event.exchange == Exchange::Events
            && event.sequence.is_some()
            && event.command.as_ref() == Some(id)
    };
    let events = record.events.iter().filter(ends).count();
    let wanted = usize::from(matches!(record.state, State::Ended(_)) && before.parent.is_none());
    if events == wanted { Ok(()) } else { Err(JournalError::EndAndEventApart { id: id.clone() }) }
}

async fn chain(
    connection: &mut SqliteConnection,
    seq: i64,
    mut end: Chain,
    entries: &[EvidenceEntry],
) -> Result<Chain, JournalError> {
    for entry in entries {
        end = Chain { head: evidence::follow(&end.head, entry), total: end.total + 1 };
        sqlx::query(
            "INSERT INTO evidence (command, n, at, call, answer, trace, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(seq)
        .bind(count(end.total))
        .bind(entry.at.as_microsecond())
        .bind(&entry.call)
        .bind(&entry.answer)
        .bind(&entry.trace)
        .bind(end.head.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(end)
}

/// A settled child's last hash becomes an entry of its parent's chain, unless the parent has ended before it.
async fn chain_parent(
    connection: &mut SqliteConnection,
    parent: &CommandId,
    entry: EvidenceEntry,
) -> Result<(), JournalError> {
    let above = standing(connection, parent).await?;
    if above.state == StateName::Ended {
        return Ok(());
    }
    let end = chain(connection, above.seq, above.chain, &[entry]).await?;
    sqlx::query("UPDATE commands SET evidence_head = $2, evidence_total = $3 WHERE seq = $1")
        .bind(above.seq)
        .bind(end.head.as_str())
        .bind(count(end.total))
        .execute(connection)
        .await?;
    Ok(())
}

async fn remove_people(connection: &mut SqliteConnection, id: &CommandId, record: &Record) -> Result<(), JournalError> {
    for removal in &record.removals {
        sqlx::query(
            "INSERT INTO removals (asset, person, at, business, command)
             VALUES ($1, $2, $3, (SELECT business FROM commands WHERE id = $4), $4)",
        )
        .bind(removal.asset.to_string())
        .bind(removal.person.as_str())
        .bind(removal.at.as_microsecond())
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn spawn(
    connection: &mut SqliteConnection,
    parent: &CommandId,
    children: &[New],
) -> Result<Vec<i64>, JournalError> {
    let mut places = Vec::with_capacity(children.len());
    for (n, child) in (1..).zip(children) {
        let child = New { parent: Some(parent.clone()), ordinal: Some(child.ordinal.unwrap_or(n)), ..child.clone() };
        let inserted = accept::insert(connection, &child).await?;
        let (seq, _) = inserted.ok_or_else(|| JournalError::ChildExists { id: child.id.clone() })?;
        outbox::enqueue_all(connection, &child.events, child.accepted_at).await?;
        places.push(seq);
    }
    let more = u32::try_from(places.len()).unwrap_or(u32::MAX);
    if more > 0 {
        accept::add_children(connection, parent, more).await?;
    }
    Ok(places)
}

/// The watch changes, and a denial is remembered from what was watched.
async fn change_watch(connection: &mut SqliteConnection, id: &CommandId, record: &Record) -> Result<(), JournalError> {
    if let WatchChange::Set(watch) = &record.watch {
        watches::set(connection, id, watch).await?;
    }
    if let State::Ended(Ended { phase: Phase::Denied, .. }) = record.state {
        watches::remember_denial(connection, id, record.at).await?;
    }
    if record.watch == WatchChange::Remove {
        watches::remove(connection, id).await?;
    }
    Ok(())
}

async fn settle_into(
    connection: &mut SqliteConnection,
    parent: &CommandId,
    ended: &Ended,
) -> Result<ParentAfter, JournalError> {
    let well = matches!(ended.phase, Phase::Confirmed | Phase::Completed);
    let row = sqlx::query(
        "UPDATE commands SET children_open = children_open - 1, children_well = children_well + $2,
             children_changed = children_changed + $3
         WHERE id = $1 RETURNING children_total, children_open, children_well, children_changed",
    )
    .bind(parent.as_str())
    .bind(well)
    .bind(ended.changed)
    .fetch_one(connection)
    .await?;
    Ok(ParentAfter { id: parent.clone(), children: Columns(&row).children()? })
}

/// A wait says itself since when; any other state keeps its beginning as long as it stays the same.
fn since(record: &Record, state: StateName, was_since: Timestamp) -> Timestamp {
    if let State::Waiting { since, .. } = &record.state {
        *since
    } else if record.state.name() == state {
        was_since
    } else {
        record.at
    }
}

/// How a command's row looks after a record.
struct Moved<'m> {
    id: &'m CommandId,
    record: &'m Record,
    seq: i64,
    observed: i64,
    since: Timestamp,
    chain: &'m Chain,
    settled: Option<i64>,
}

/// The observations and the command's row in one round trip.
async fn move_on(connection: &mut SqliteConnection, to: &Moved<'_>) -> Result<(), JournalError> {
    let record = to.record;
    let waiting = if let State::Waiting { cause, until, .. } = &record.state { Some((cause, *until)) } else { None };
    let (cause, until) = waiting.unzip();
    let target = if let State::Awaiting { target } = &record.state { Some(target.as_str()) } else { None };
    let ended = if let State::Ended(ended) = &record.state { Some(ended) } else { None };
    let last =
        record.events.iter().filter(|event| event.command.as_ref() == Some(to.id)).filter_map(|event| event.sequence);
    let observations = serde_json::to_string(&record.observations).expect("texts always are JSON");
    sqlx::query(
        "UPDATE commands SET state = $2, cause = $3, until = $4, target = $5, since = $6, why = $7, due = $8,
             attempts = $9, lane = coalesce($10, lane), observed = $11, evidence_head = $12, evidence_total = $13,
             last_sequence = max(last_sequence, $14), intent_call = iif($15, NULL, intent_call),
             intent_at = iif($15, NULL, intent_at), settled = $16, phase = $17, changed = $18, outcome = $19,
             ended_at = $20
         WHERE seq = $1;
         INSERT INTO observations (command, n, observed) SELECT $1, $21 + key, value FROM json_each($22)",
    )
    .bind(to.seq)
    .bind(record.state.name().word())
    .bind(cause)
    .bind(until.flatten().map(Timestamp::as_microsecond))
    .bind(target)
    .bind(to.since.as_microsecond())
    .bind(&record.why)
    .bind(record.due.map(Timestamp::as_microsecond))
    .bind(i64::from(record.attempts))
    .bind(&record.lane)
    .bind(to.observed + count(record.observations.len() as u64))
    .bind(to.chain.head.as_str())
    .bind(count(to.chain.total))
    .bind(i64::from(last.max().unwrap_or(0)))
    .bind(record.clear_intent)
    .bind(to.settled)
    .bind(ended.map(|ended| ended.phase.word()))
    .bind(ended.map(|ended| ended.changed))
    .bind(ended.map(|ended| ended.outcome.as_str()))
    .bind(ended.map(|_| record.at.as_microsecond()))
    .bind(to.observed + 1)
    .bind(observations)
    .execute(connection)
    .await?;
    Ok(())
}

async fn intend(
    connection: &mut SqliteConnection,
    id: &CommandId,
    call: &str,
    at: Timestamp,
) -> Result<(), JournalError> {
    let marked = sqlx::query("UPDATE commands SET intent_call = $2, intent_at = $3 WHERE id = $1 AND state <> 'ended'")
        .bind(id.as_str())
        .bind(call)
        .bind(at.as_microsecond())
        .execute(&mut *connection)
        .await?;
    if marked.rows_affected() == 1 {
        return Ok(());
    }
    standing(connection, id).await?;
    Err(JournalError::AlreadyEnded { id: id.clone() })
}

/// A count as SQLite has it.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
