//! What a step leaves behind, as one change: all of it stands or nothing.
//!
//! A record moves the command from the place where the step knows it to be, and from no other: where it has moved on,
//! nothing of the record stands. Its statements are on their way together, so a record of a step costs one round trip.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, count, params};
use super::{accept, outbox, watches};
use crate::contract::{CommandId, Digest, PersonId, Phase};
use crate::journal::decode::Columns;
use crate::journal::{
    Ended, EvidenceEntry, Exchange, IntentChange, JournalError, New, NewEvent, ParentAfter, Place, Record, Recorded,
    State, StateName, WatchChange, evidence,
};

/// Records what a step of `id` left behind.
pub(super) async fn store(client: &Client, id: &CommandId, record: &Record) -> Result<Recorded, JournalError> {
    let before = match &record.from {
        Some(place) => place.clone(),
        None => place(client, id).await?,
    };
    if before.state == StateName::Ended {
        return Err(JournalError::AlreadyEnded { id: id.clone() });
    }
    end_and_event_together(id, &before, record)?;
    let parent = match (&record.state, &before.parent) {
        (State::Ended(ended), Some(parent)) => Some(settle_into(client, parent, ended).await?),
        _ => None,
    };
    let settled = parent.as_ref().map(|after| i64::from(after.children.total - after.children.open));
    let hashes = evidence::hashes(&before.evidence_head, &record.evidence);
    let after = after(&before, record, &hashes);
    let moved = Moved { id, record, before: &before, after: &after, settled };
    // Sent in this order and answered in it: the first that fails is the one that is told.
    let ((), (), (), ()) = tokio::try_join!(
        biased;
        move_on(client, &moved),
        observe(client, &before, &record.observations),
        chain(client, &before, &record.evidence, &hashes),
        outbox::enqueue(client, &record.events, record.at),
    )?;
    let children = spawn(client, id, &record.children).await?;
    let followers = follow(client, &record.followers).await?;
    change_watch(client, id, record).await?;
    take_away(client, id, record).await?;
    if let State::Ended(ended) = &record.state {
        outbox::reply_all(client, id, record.at).await?;
        if let Some(parent) = &before.parent {
            let entry = evidence::of_child(id.as_str(), ended.phase.word(), &after.evidence_head, record.at);
            chain_parent(client, parent, entry).await?;
        }
    }
    Ok(Recorded { place: after, children, followers, parent })
}

/// Where a command stands by its row.
async fn place(client: &Client, id: &CommandId) -> Result<Place, JournalError> {
    let select = "SELECT seq, state, since, parent, observed, evidence_head, evidence_total
         FROM bindery.commands WHERE id = $1";
    let found = sql::first(client, select, params![id.as_str()], |row| Columns(row).place()).await?;
    found.ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })
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

/// Where the command stands after `record`.
fn after(before: &Place, record: &Record, hashes: &[Digest]) -> Place {
    Place {
        seq: before.seq,
        state: record.state.name(),
        since: since(record, before),
        parent: before.parent.clone(),
        observed: before.observed + record.observations.len() as u64,
        evidence_head: hashes.last().unwrap_or(&before.evidence_head).clone(),
        evidence_total: before.evidence_total + record.evidence.len() as u64,
    }
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
    settled: Option<i64>,
}

/// From the place where the command was known to be, and from no other.
const MOVE: &str = "UPDATE bindery.commands SET state = $2, cause = $3, until = $4, target = $5, since = $6, why = $7,
         due = $8, attempts = $9, lane = coalesce($10, lane), observed = $11, evidence_head = $12, evidence_total = $13,
         last_sequence = greatest(last_sequence, $14), intent_call = CASE WHEN $15 THEN $16 ELSE intent_call END,
         intent_at = CASE WHEN $15 THEN $17 ELSE intent_at END, settled = $18, phase = $19, changed = $20,
         outcome = $21, ended_at = $22, in_lane = $26
     WHERE seq = $1 AND state = $23 AND observed = $24 AND evidence_total = $25";

async fn move_on(client: &Client, to: &Moved<'_>) -> Result<(), JournalError> {
    let record = to.record;
    let waiting =
        if let State::Waiting { cause, until, .. } = &record.state { Some((cause.as_str(), *until)) } else { None };
    let (cause, until) = waiting.unzip();
    let target = if let State::Awaiting { target } = &record.state { Some(target.as_str()) } else { None };
    let ended = if let State::Ended(ended) = &record.state { Some(ended) } else { None };
    let own = |event: &&NewEvent| event.command.as_ref() == Some(to.id);
    let last = record.events.iter().filter(own).filter_map(|event| event.sequence).max();
    let intent = if let IntentChange::Intend(intent) = &record.intent { Some(intent) } else { None };
    let row = params![
        to.before.seq,
        record.state.name().word(),
        cause,
        until.flatten().map(Timestamp::as_microsecond),
        target,
        to.after.since.as_microsecond(),
        record.why,
        record.due.map(Timestamp::as_microsecond),
        i64::from(record.attempts),
        record.lane,
        count(to.after.observed),
        to.after.evidence_head.as_str(),
        count(to.after.evidence_total),
        last.map_or(0, i64::from),
        record.intent != IntentChange::Keep,
        intent.map(|intent| intent.call.as_str()),
        intent.map(|intent| intent.at.as_microsecond()),
        to.settled,
        ended.map(|ended| ended.phase.word()),
        ended.map(|ended| ended.changed),
        ended.map(|ended| ended.outcome.as_str()),
        ended.map(|_| record.at.as_microsecond()),
        to.before.state.word(),
        count(to.before.observed),
        count(to.before.evidence_total),
        record.in_lane.word(),
    ];
    match sql::run(client, MOVE, row).await? {
        1 => Ok(()),
        _ => Err(JournalError::Moved { id: to.id.clone() }),
    }
}

async fn observe(client: &Client, before: &Place, observations: &[String]) -> Result<(), JournalError> {
    if observations.is_empty() {
        return Ok(());
    }
    let insert = "INSERT INTO bindery.observations (command, n, observed)
         SELECT $1, $2 + u.place, u.observed FROM unnest($3::text[]) WITH ORDINALITY AS u (observed, place)";
    let observed: Vec<&str> = observations.iter().map(String::as_str).collect();
    sql::run(client, insert, params![before.seq, count(before.observed), observed]).await.map(drop)
}

async fn chain(
    client: &Client,
    before: &Place,
    entries: &[EvidenceEntry],
    hashes: &[Digest],
) -> Result<(), JournalError> {
    if entries.is_empty() {
        return Ok(());
    }
    let insert = "INSERT INTO bindery.evidence (command, n, at, call, answer, trace, hash)
         SELECT $1, $2 + u.place, u.at, u.call, u.answer, u.trace, u.hash
         FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY
             AS u (at, call, answer, trace, hash, place)";
    let rows = params![
        before.seq,
        count(before.evidence_total),
        entries.iter().map(|entry| entry.at.as_microsecond()).collect::<Vec<_>>(),
        entries.iter().map(|entry| entry.call.as_str()).collect::<Vec<_>>(),
        entries.iter().map(|entry| entry.answer.as_str()).collect::<Vec<_>>(),
        entries.iter().map(|entry| entry.trace.as_deref()).collect::<Vec<_>>(),
        hashes.iter().map(|hash| hash.as_str()).collect::<Vec<_>>(),
    ];
    sql::run(client, insert, rows).await.map(drop)
}

/// A settled child's last hash becomes an entry of its parent's chain, unless the parent has ended before it.
async fn chain_parent(client: &Client, parent: &CommandId, entry: EvidenceEntry) -> Result<(), JournalError> {
    let above = place(client, parent).await?;
    if above.state == StateName::Ended {
        return Ok(());
    }
    let head = evidence::follow(&above.evidence_head, &entry);
    let update = "UPDATE bindery.commands SET evidence_head = $2, evidence_total = $3 WHERE seq = $1";
    sql::run(client, update, params![above.seq, head.as_str(), count(above.evidence_total + 1)]).await?;
    chain(client, &above, &[entry], &[head]).await
}

async fn take_away(client: &Client, id: &CommandId, record: &Record) -> Result<(), JournalError> {
    if record.removals.is_empty() {
        return Ok(());
    }
    let insert = "INSERT INTO bindery.removals (asset, person, at, business, command)
         SELECT u.asset, u.person, u.at, (SELECT business FROM bindery.commands WHERE id = $4), $4
         FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS u (asset, person, at, place)
         ORDER BY u.place";
    let removals = &record.removals;
    let rows = params![
        removals.iter().map(|one| one.asset.as_ref().map(ToString::to_string)).collect::<Vec<_>>(),
        removals.iter().map(|one| one.person.as_ref().map(PersonId::as_str)).collect::<Vec<_>>(),
        removals.iter().map(|one| one.at.as_microsecond()).collect::<Vec<_>>(),
        id.as_str(),
    ];
    sql::run(client, insert, rows).await.map(drop)
}

async fn spawn(client: &Client, parent: &CommandId, children: &[New]) -> Result<Vec<i64>, JournalError> {
    if children.is_empty() {
        return Ok(Vec::new());
    }
    let named = |(n, child): (u32, &New)| New {
        parent: Some(parent.clone()),
        ordinal: Some(child.ordinal.unwrap_or(n)),
        ..child.clone()
    };
    let children: Vec<New> = (1..).zip(children).map(named).collect();
    let inserted = accept::insert(client, &children.iter().collect::<Vec<_>>()).await?;
    let mut places = Vec::with_capacity(children.len());
    for (child, inserted) in children.iter().zip(inserted) {
        let (seq, _) = inserted.ok_or_else(|| JournalError::ChildExists { id: child.id.clone() })?;
        outbox::enqueue(client, &child.events, child.accepted_at).await?;
        places.push(seq);
    }
    accept::add_children(client, parent, places.len() as u64).await?;
    Ok(places)
}

async fn follow(client: &Client, followers: &[New]) -> Result<Vec<(i64, CommandId)>, JournalError> {
    if followers.is_empty() {
        return Ok(Vec::new());
    }
    let inserted = accept::insert(client, &followers.iter().collect::<Vec<_>>()).await?;
    let mut places = Vec::with_capacity(followers.len());
    for (follower, inserted) in followers.iter().zip(inserted) {
        if let Some((seq, _)) = inserted {
            outbox::enqueue(client, &follower.events, follower.accepted_at).await?;
            places.push((seq, follower.id.clone()));
        }
    }
    Ok(places)
}

/// The watch changes, and a denial is remembered from what was watched.
async fn change_watch(client: &Client, id: &CommandId, record: &Record) -> Result<(), JournalError> {
    if let WatchChange::Set(watch) = &record.watch {
        watches::set(client, id, watch).await?;
    }
    if let WatchChange::Invite(invitation) = &record.watch {
        watches::set_invitation(client, id, invitation).await?;
    }
    if let State::Ended(Ended { phase: Phase::Denied, .. }) = record.state {
        watches::remember_denial(client, id, record.at).await?;
    }
    if record.watch == WatchChange::Remove {
        watches::remove(client, id).await?;
    }
    Ok(())
}

async fn settle_into(client: &Client, parent: &CommandId, ended: &Ended) -> Result<ParentAfter, JournalError> {
    let well = matches!(ended.phase, Phase::Confirmed | Phase::Completed);
    let update = "UPDATE bindery.commands SET children_open = children_open - 1, children_well = children_well + $2,
             children_changed = children_changed + $3
         WHERE id = $1 RETURNING children_total, children_open, children_well, children_changed";
    let counted = params![parent.as_str(), i64::from(well), i64::from(ended.changed)];
    let children = sql::first(client, update, counted, |row| Columns(row).children()).await?;
    let children = children.ok_or_else(|| JournalError::UnknownCommand { id: parent.clone() })?;
    Ok(ParentAfter { id: parent.clone(), children })
}
