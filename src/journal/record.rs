//! What a step leaves behind, as one change: all of it stands or nothing.
//!
//! A statement is a round trip to SQLite's thread, and that costs more than the statement itself. So what every record
//! has is one text of several statements. The first of them moves the command from the place where the step knows it to
//! be, and from no other: where it has moved on, nothing of the record stands.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::decode::Columns;
use super::entries::{EvidenceEntry, Exchange, NewEvent};
use super::rows::{Ended, IntentChange, New, ParentAfter, Place, Record, Recorded, State, StateName, WatchChange};
use super::{Journal, JournalError, accept, evidence, outbox, watches};
use crate::contract::{CommandId, Phase};

impl Journal {
    /// Records what a step of `id` observed, did, said and decided. With `State::Ended` the terminal event must be
    /// among the events (a child has none): who asked for a reply gets it, the parent's counters and chain move on.
    ///
    /// # Errors
    /// `AlreadyEnded` where the command has ended, `UnknownCommand`, `Moved` where it no longer stands where the record
    /// says, `EndAndEventApart`, `ChildExists`; nothing of the record stands then.
    pub async fn record(&self, id: CommandId, record: Record) -> Result<Recorded, JournalError> {
        self.change((id, record), |connection, (id, record)| Box::pin(store(connection, id, record))).await
    }

    /// Journals that a write is about to leave. After a crash `load` tells of it until a record clears it.
    ///
    /// # Errors
    /// The write must not leave then.
    pub async fn intend(&self, id: CommandId, call: String, at: Timestamp) -> Result<(), JournalError> {
        let data = (id, call, at);
        self.change(data, |connection, (id, call, at)| Box::pin(intend(connection, id, call, *at))).await
    }
}

/// An entry of evidence as its row: number, time, call, answer, trace, hash.
type Link<'r> = (u64, i64, &'r str, &'r str, Option<&'r str>, String);

async fn store(connection: &mut SqliteConnection, id: &CommandId, record: &Record) -> Result<Recorded, JournalError> {
    let before = match &record.from {
        Some(place) => place.clone(),
        None => place(connection, id).await?,
    };
    if before.state == StateName::Ended {
        return Err(JournalError::AlreadyEnded { id: id.clone() });
    }
    end_and_event_together(id, &before, record)?;
    let (after, links) = after(&before, record);
    let children = spawn(connection, id, &record.children).await?;
    change_watch(connection, id, record).await?;
    let parent = match (&record.state, &before.parent) {
        (State::Ended(ended), Some(parent)) => Some(settle_into(connection, parent, ended).await?),
        _ => None,
    };
    let settled = parent.as_ref().map(|after| i64::from(after.children.total - after.children.open));
    move_on(connection, &Moved { id, record, before: &before, after: &after, links: &links, settled }).await?;
    remove_people(connection, id, record).await?;
    if let (State::Ended(ended), Some(parent)) = (&record.state, &before.parent) {
        let entry = evidence::of_child(id.as_str(), ended.phase.word(), &after.evidence_head, record.at);
        chain_parent(connection, parent, entry).await?;
    }
    Ok(Recorded { place: after, children, parent })
}

/// Where a command stands by its row.
async fn place(connection: &mut SqliteConnection, id: &CommandId) -> Result<Place, JournalError> {
    let row = sqlx::query(
        "SELECT seq, state, since, parent, observed, evidence_head, evidence_total FROM commands WHERE id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(connection)
    .await?
    .ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })?;
    Columns(&row).place()
}

/// An end without its event, or an event without its end, would be a command that never ends for somebody.
fn end_and_event_together(id: &CommandId, before: &Place, record: &Record) -> Result<(), JournalError> {
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

/// Where the command stands after `record`, and what its chain grows by.
fn after<'r>(before: &Place, record: &'r Record) -> (Place, Vec<Link<'r>>) {
    let (mut head, mut total) = (before.evidence_head.clone(), before.evidence_total);
    let mut links = Vec::with_capacity(record.evidence.len());
    for entry in &record.evidence {
        (head, total) = (evidence::follow(&head, entry), total + 1);
        links.push(link(total, entry, head.to_string()));
    }
    let after = Place {
        seq: before.seq,
        state: record.state.name(),
        since: since(record, before),
        parent: before.parent.clone(),
        observed: before.observed + record.observations.len() as u64,
        evidence_head: head,
        evidence_total: total,
    };
    (after, links)
}

fn link(n: u64, entry: &EvidenceEntry, hash: String) -> Link<'_> {
    (n, entry.at.as_microsecond(), &entry.call, &entry.answer, entry.trace.as_deref(), hash)
}

/// A wait says itself since when; any other state keeps its beginning as long as it stays the same.
fn since(record: &Record, before: &Place) -> Timestamp {
    if let State::Waiting { since, .. } = &record.state {
        *since
    } else if record.state.name() == before.state {
        before.since
    } else {
        record.at
    }
}

/// A command on its way from one place to the next.
struct Moved<'m> {
    id: &'m CommandId,
    record: &'m Record,
    before: &'m Place,
    after: &'m Place,
    links: &'m [Link<'m>],
    settled: Option<i64>,
}

/// From the place where the command was known to be, and from no other: what follows it goes on from its `changes()`.
const MOVE: &str =
    "UPDATE commands SET state = $2, cause = $3, until = $4, target = $5, since = $6, why = $7, due = $8,
         attempts = $9, lane = coalesce($10, lane), observed = $11, evidence_head = $12, evidence_total = $13,
         last_sequence = max(last_sequence, $14), intent_call = iif($15, $16, intent_call),
         intent_at = iif($15, $17, intent_at), settled = $18, phase = $19, changed = $20, outcome = $21, ended_at = $22
     WHERE seq = $1 AND state = $23 AND observed = $24 AND evidence_total = $25 RETURNING seq;";
const OBSERVE: &str = "INSERT INTO observations (command, n, observed) SELECT $1, $24 + 1 + key, value FROM json_each($26) WHERE changes() > 0;";
const CHAIN: &str = "INSERT INTO evidence (command, n, at, call, answer, trace, hash)
     SELECT $1, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
         json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]') FROM json_each($27) WHERE changes() > 0;";
/// Who asked for a reply gets one; nothing more is awaited from Meta.
const END: &str = "INSERT INTO outbox (event, reply_to, correlation_id, queued_at)
     SELECT e.n, r.reply_to, r.correlation_id, $22 FROM replies r JOIN events e ON e.command = r.command
     WHERE r.command = $28 AND e.terminal = 1 AND e.sequence IS NOT NULL AND e.exchange = 'events';";
const UNWATCH: &str = "DELETE FROM watches WHERE command = $28;";

/// All that every record has, in one round trip.
async fn move_on(connection: &mut SqliteConnection, to: &Moved<'_>) -> Result<(), JournalError> {
    let (record, ends) = (to.record, matches!(to.record.state, State::Ended(_)));
    let parts = [
        (MOVE, true),
        (OBSERVE, !record.observations.is_empty()),
        (CHAIN, !to.links.is_empty()),
        (outbox::STORE, record.events.len() == 1),
    ];
    if record.events.len() > 1 {
        outbox::enqueue_all(connection, &record.events, record.at).await?;
    }
    let ending = [(END, ends), (UNWATCH, record.watch == WatchChange::Remove)];
    let text: String = parts.iter().chain(&ending).filter(|(_, wanted)| *wanted).map(|(part, _)| *part).collect();
    let moved = query(&text, to).fetch_all(connection).await?;
    if moved.is_empty() {
        return Err(JournalError::Moved { id: to.id.clone() });
    }
    Ok(())
}

/// A statement that is being bound.
pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn query<'q>(text: &str, to: &Moved<'q>) -> Query<'q> {
    let record = to.record;
    let waiting = if let State::Waiting { cause, until, .. } = &record.state { Some((cause, *until)) } else { None };
    let (cause, until) = waiting.unzip();
    let target = if let State::Awaiting { target } = &record.state { Some(target.as_str()) } else { None };
    let ended = if let State::Ended(ended) = &record.state { Some(ended) } else { None };
    let own = |event: &&NewEvent| event.command.as_ref() == Some(to.id);
    let last = record.events.iter().filter(own).filter_map(|event| event.sequence).max();
    let query = sqlx::query(AssertSqlSafe(text.to_owned()))
        .bind(to.before.seq)
        .bind(record.state.name().word())
        .bind(cause)
        .bind(until.flatten().map(Timestamp::as_microsecond))
        .bind(target)
        .bind(to.after.since.as_microsecond())
        .bind(&record.why)
        .bind(record.due.map(Timestamp::as_microsecond))
        .bind(i64::from(record.attempts))
        .bind(&record.lane)
        .bind(count(to.after.observed))
        .bind(to.after.evidence_head.as_str())
        .bind(count(to.after.evidence_total))
        .bind(i64::from(last.unwrap_or(0)));
    let query = intent(query, &record.intent)
        .bind(to.settled)
        .bind(ended.map(|ended| ended.phase.word()))
        .bind(ended.map(|ended| ended.changed))
        .bind(ended.map(|ended| ended.outcome.as_str()))
        .bind(ended.map(|_| record.at.as_microsecond()))
        .bind(to.before.state.word())
        .bind(count(to.before.observed))
        .bind(count(to.before.evidence_total))
        .bind(json(&record.observations))
        .bind(json(&to.links))
        .bind(to.id.as_str());
    match record.events.first() {
        Some(event) => outbox::bind(query, event, record.at),
        None => query,
    }
}

fn intent<'q>(query: Query<'q>, change: &'q IntentChange) -> Query<'q> {
    match change {
        IntentChange::Keep => query.bind(false).bind(None::<&str>).bind(None::<i64>),
        IntentChange::Settle => query.bind(true).bind(None::<&str>).bind(None::<i64>),
        IntentChange::Intend(intent) => query.bind(true).bind(&intent.call).bind(intent.at.as_microsecond()),
    }
}

fn json(rows: &impl serde::Serialize) -> String {
    serde_json::to_string(rows).expect("texts and numbers always are JSON")
}

/// A settled child's last hash becomes an entry of its parent's chain, unless the parent has ended before it.
async fn chain_parent(
    connection: &mut SqliteConnection,
    parent: &CommandId,
    entry: EvidenceEntry,
) -> Result<(), JournalError> {
    let above = place(connection, parent).await?;
    if above.state == StateName::Ended {
        return Ok(());
    }
    let head = evidence::follow(&above.evidence_head, &entry);
    let links = [link(above.evidence_total + 1, &entry, head.to_string())];
    let text = ["UPDATE commands SET evidence_head = $2, evidence_total = $3 WHERE seq = $1;", CHAIN].concat();
    sqlx::query(AssertSqlSafe(text.replace("$27", "$4")))
        .bind(above.seq)
        .bind(head.as_str())
        .bind(count(above.evidence_total + 1))
        .bind(json(&links))
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
    place(connection, id).await?;
    Err(JournalError::AlreadyEnded { id: id.clone() })
}

/// A count as SQLite has it.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
