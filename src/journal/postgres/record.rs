//! What a step leaves behind, as one change: all of it stands or nothing.
//!
//! A record moves the command from the place where the step knows it to be, and from no other: where it has moved on,
//! nothing of the record stands. Its statements are on their way together, so a record of a step costs one round trip.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::accept::Inserted;
use super::sql::{self, count, params};
use super::{accept, lanes, outbox, turns, watches};
use crate::contract::{BusinessId, CommandId, Digest, PersonId, Phase};
use crate::journal::decode::Columns;
use crate::journal::moves::{after, end_and_event_together};
use crate::journal::{
    Ended, EvidenceEntry, IntentChange, JournalError, New, NewEvent, ParentAfter, Place, Record, Recorded, State,
    StateName, Turn, WatchChange, evidence,
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
    let turn = Turn::after(&record.state, record.in_lane);
    let moved = Moved { id, record, before: &before, after: &after, settled, turn };
    // Sent in this order and answered in it: the first that fails is the one that is told.
    let (lane, (), (), ()) = tokio::try_join!(
        biased;
        move_on(client, &moved),
        observe(client, &before, &record.observations),
        chain(client, &before, &record.evidence, &hashes),
        outbox::enqueue(client, &record.events, record.at),
    )?;
    let mut moved_up = take_turns(client, before.seq, turn, &lane).await?;
    let children = spawn(client, id, &record.children, &mut moved_up).await?;
    let followers = follow(client, &record.followers, &mut moved_up).await?;
    change_watch(client, id, record).await?;
    take_away(client, id, record).await?;
    if let State::Ended(ended) = &record.state {
        outbox::reply_all(client, id, record.at).await?;
        turns::stays(client, id).await?;
        if let Some(parent) = &before.parent {
            let entry = evidence::of_child(id.as_str(), ended.phase.word(), &after.evidence_head, record.at);
            chain_parent(client, parent, entry).await?;
        }
    }
    moved_up.sort();
    moved_up.dedup();
    Ok(Recorded { place: after, children, followers, parent, moved_up })
}

/// The command takes its turn, or leaves its lanes to others; the businesses of which something may begin by that.
async fn take_turns(
    client: &Client,
    seq: i64,
    turn: Option<Turn>,
    of: &InLanes,
) -> Result<Vec<Option<BusinessId>>, JournalError> {
    match turn {
        None => {
            let turn = lanes::enter(client, seq, of.lane.as_deref()).await?;
            lanes::set_turn(client, seq, turn).await?;
            Ok(if turn == Turn::Front { vec![of.business.clone()] } else { Vec::new() })
        }
        Some(Turn::Later | Turn::Outside | Turn::Elsewhere) => lanes::leave(client, seq, of.lane.as_deref()).await,
        Some(Turn::Behind | Turn::Front | Turn::Holds) => Ok(Vec::new()),
    }
}

/// Where a command stands by its row.
async fn place(client: &Client, id: &CommandId) -> Result<Place, JournalError> {
    let select = "SELECT seq, state, since, parent, observed, evidence_head, evidence_total
         FROM bindery.commands WHERE id = $1";
    let found = sql::first(client, select, params![id.as_str()], |row| Columns(row).place()).await?;
    found.ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })
}

/// A command on its way from one place to the next.
struct Moved<'m> {
    id: &'m CommandId,
    record: &'m Record,
    before: &'m Place,
    after: &'m Place,
    settled: Option<i64>,
    turn: Option<Turn>,
}

/// What the order of turns needs of a command that has moved.
struct InLanes {
    lane: Option<String>,
    business: Option<BusinessId>,
}

/// From the place where the command was known to be, and from no other.
const MOVE: &str = "UPDATE bindery.commands SET state = $2, cause = $3, until = $4, target = $5, since = $6, why = $7,
         due = $8, attempts = $9, lane = coalesce($10, lane), observed = $11, evidence_head = $12, evidence_total = $13,
         last_sequence = greatest(last_sequence, $14), intent_call = CASE WHEN $15 THEN $16 ELSE intent_call END,
         intent_at = CASE WHEN $15 THEN $17 ELSE intent_at END, settled = $18, phase = $19, changed = $20,
         outcome = $21, ended_at = $22, in_lane = $26,
         turn = CASE WHEN $2 = 'pending' AND cancelled_by IS NOT NULL THEN 'outside' ELSE $27 END,
         comes_at = CASE WHEN $27 = 'later' THEN
             CASE WHEN cancelled_by IS NOT NULL OR ($3 = 'release' AND (released IS NOT NULL OR EXISTS
                     (SELECT 1 FROM bindery.commands p WHERE p.id = commands.parent AND p.released IS NOT NULL)))
                 THEN 0 ELSE least($8, expires_at) END END
     WHERE seq = $1 AND state = $23 AND observed = $24 AND evidence_total = $25
     RETURNING lane, business";

/// Where it waits for a time or a word outside its lanes it comes in by that time or by its deadline; at once where the
/// word was said in the moment before.
async fn move_on(client: &Client, to: &Moved<'_>) -> Result<InLanes, JournalError> {
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
        to.turn.and_then(Turn::word),
    ];
    let moved = sql::first(client, MOVE, row, |row| {
        Ok(InLanes { lane: Columns(row).optional_text("lane")?, business: Columns(row).optional_parsed("business")? })
    });
    moved.await?.ok_or_else(|| JournalError::Moved { id: to.id.clone() })
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

async fn spawn(
    client: &Client,
    parent: &CommandId,
    children: &[New],
    moved_up: &mut Vec<Option<BusinessId>>,
) -> Result<Vec<i64>, JournalError> {
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
        let Inserted { seq, turn, .. } = inserted.ok_or_else(|| JournalError::ChildExists { id: child.id.clone() })?;
        if turn == Turn::Front && moved_up.last() != Some(&child.business) {
            moved_up.push(child.business.clone());
        }
        outbox::enqueue(client, &child.events, child.accepted_at).await?;
        places.push(seq);
    }
    accept::add_children(client, parent, places.len() as u64).await?;
    Ok(places)
}

async fn follow(
    client: &Client,
    followers: &[New],
    moved_up: &mut Vec<Option<BusinessId>>,
) -> Result<Vec<(i64, CommandId)>, JournalError> {
    if followers.is_empty() {
        return Ok(Vec::new());
    }
    let inserted = accept::insert(client, &followers.iter().collect::<Vec<_>>()).await?;
    let mut places = Vec::with_capacity(followers.len());
    for (follower, inserted) in followers.iter().zip(inserted) {
        if let Some(Inserted { seq, turn, .. }) = inserted {
            if turn == Turn::Front {
                moved_up.push(follower.business.clone());
            }
            outbox::enqueue(client, &follower.events, follower.accepted_at).await?;
            places.push((seq, follower.id.clone()));
        }
    }
    Ok(places)
}

/// The watch changes, and a denial is remembered from what was watched.
async fn change_watch(client: &Client, id: &CommandId, record: &Record) -> Result<(), JournalError> {
    if let WatchChange::Set(watch, look_at) = &record.watch {
        watches::set(client, id, watch, *look_at).await?;
    }
    if let WatchChange::Invite(invitation, look_at) = &record.watch {
        watches::set_invitation(client, id, invitation, *look_at).await?;
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
