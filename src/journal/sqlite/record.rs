//! What a step leaves behind, as one change: all of it stands or nothing.
//!
//! A record moves the command from the place where the step knows it to be, and from no other: where it has moved on,
//! nothing of the record stands.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::accept::Inserted;
use super::{accept, lanes, outbox, sql, turns, watches};
use crate::contract::{BusinessId, CommandId, Digest, PersonId, Phase};
use crate::journal::decode::Columns;
use crate::journal::moves::{after, end_and_event_together};
use crate::journal::{
    Ended, EvidenceEntry, IntentChange, JournalError, New, NewEvent, ParentAfter, Place, Record, Recorded, State,
    StateName, Turn, WatchChange, evidence,
};

/// Records what a step of `id` left behind.
pub(super) fn store(connection: &Connection, id: &CommandId, record: &Record) -> Result<Recorded, JournalError> {
    let before = match &record.from {
        Some(place) => place.clone(),
        None => place(connection, id)?,
    };
    if before.state == StateName::Ended {
        return Err(JournalError::AlreadyEnded { id: id.clone() });
    }
    end_and_event_together(id, &before, record)?;
    let parent = match (&record.state, &before.parent) {
        (State::Ended(ended), Some(parent)) => Some(settle_into(connection, parent, ended)?),
        _ => None,
    };
    let settled = parent.as_ref().map(|after| after.children.total - after.children.open);
    let hashes = evidence::hashes(&before.evidence_head, &record.evidence);
    let after = after(&before, record, &hashes);
    let turn = Turn::after(&record.state, record.in_lane);
    let lane = move_on(connection, &Moved { id, record, before: &before, after: &after, settled, turn })?;
    let mut moved_up = take_turns(connection, before.seq, turn, &lane)?;
    observe(connection, &before, &record.observations)?;
    chain(connection, &before, &record.evidence, &hashes)?;
    outbox::enqueue_all(connection, &record.events, record.at)?;
    let children = spawn(connection, id, &record.children, &mut moved_up)?;
    let followers = follow(connection, &record.followers, &mut moved_up)?;
    change_watch(connection, id, record)?;
    take_away(connection, id, record)?;
    if let State::Ended(ended) = &record.state {
        outbox::reply_all(connection, id, record.at)?;
        turns::stays(connection, id)?;
        if let Some(parent) = &before.parent {
            let entry = evidence::of_child(id.as_str(), ended.phase.word(), &after.evidence_head, record.at);
            chain_parent(connection, parent, entry)?;
        }
    }
    moved_up.sort();
    moved_up.dedup();
    Ok(Recorded { place: after, children, followers, parent, moved_up })
}

/// The command takes its turn, or leaves its lanes to others; the businesses of which something may begin by that.
fn take_turns(
    connection: &Connection,
    seq: i64,
    turn: Option<Turn>,
    of: &InLanes,
) -> Result<Vec<Option<BusinessId>>, JournalError> {
    match turn {
        None => {
            let turn = lanes::enter(connection, seq, of.lane.as_deref())?;
            lanes::set_turn(connection, seq, turn)?;
            Ok(if turn == Turn::Front { vec![of.business.clone()] } else { Vec::new() })
        }
        Some(Turn::Later | Turn::Outside | Turn::Elsewhere) => lanes::leave(connection, seq, of.lane.as_deref()),
        Some(Turn::Behind | Turn::Front | Turn::Holds) => Ok(Vec::new()),
    }
}

/// Where a command stands by its row.
fn place(connection: &Connection, id: &CommandId) -> Result<Place, JournalError> {
    let select =
        "SELECT seq, state, since, parent, observed, evidence_head, evidence_total FROM commands WHERE id = ?1";
    sql::first(connection, select, [id.as_str()], |row| Columns(row).place())?
        .ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })
}

/// A command on its way from one place to the next.
struct Moved<'m> {
    id: &'m CommandId,
    record: &'m Record,
    before: &'m Place,
    after: &'m Place,
    settled: Option<u32>,
    turn: Option<Turn>,
}

/// What the order of turns needs of a command that has moved.
struct InLanes {
    lane: Option<String>,
    business: Option<BusinessId>,
}

/// From the place where the command was known to be, and from no other.
const MOVE: &str =
    "UPDATE commands SET state = ?2, cause = ?3, until = ?4, target = ?5, since = ?6, why = ?7, due = ?8,
         attempts = ?9, lane = coalesce(?10, lane), observed = ?11, evidence_head = ?12, evidence_total = ?13,
         last_sequence = max(last_sequence, ?14), intent_call = iif(?15, ?16, intent_call),
         intent_at = iif(?15, ?17, intent_at), settled = ?18, phase = ?19, changed = ?20, outcome = ?21, ended_at = ?22,
         in_lane = ?26,
         turn = iif(?2 = 'pending' AND cancelled_by IS NOT NULL, 'outside', ?27),
         comes_at = iif(?27 = 'later',
             iif(cancelled_by IS NOT NULL OR (?3 = 'release' AND (released IS NOT NULL OR EXISTS
                     (SELECT 1 FROM commands p WHERE p.id = commands.parent AND p.released IS NOT NULL))),
                 0, coalesce(min(?8, expires_at), ?8, expires_at)),
             NULL)
     WHERE seq = ?1 AND state = ?23 AND observed = ?24 AND evidence_total = ?25
     RETURNING lane, business";

/// Where it waits for a time or a word outside its lanes it comes in by that time or by its deadline; at once where the
/// word was said in the moment before.
fn move_on(connection: &Connection, to: &Moved<'_>) -> Result<InLanes, JournalError> {
    let record = to.record;
    let waiting = if let State::Waiting { cause, until, .. } = &record.state { Some((cause, *until)) } else { None };
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
        record.attempts,
        record.lane,
        count(to.after.observed),
        to.after.evidence_head.as_str(),
        count(to.after.evidence_total),
        last.unwrap_or(0),
        record.intent != IntentChange::Keep,
        intent.map(|intent| &intent.call),
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
    let moved = sql::first(connection, MOVE, row, |row| {
        Ok(InLanes { lane: Columns(row).optional_text("lane")?, business: Columns(row).optional_parsed("business")? })
    });
    moved?.ok_or_else(|| JournalError::Moved { id: to.id.clone() })
}

fn observe(connection: &Connection, before: &Place, observations: &[String]) -> Result<(), JournalError> {
    let insert = "INSERT INTO observations (command, n, observed) VALUES (?1, ?2, ?3)";
    for (n, observed) in (before.observed + 1..).zip(observations) {
        sql::run(connection, insert, params![before.seq, count(n), observed])?;
    }
    Ok(())
}

fn chain(
    connection: &Connection,
    before: &Place,
    entries: &[EvidenceEntry],
    hashes: &[Digest],
) -> Result<(), JournalError> {
    let insert = "INSERT INTO evidence (command, n, at, call, answer, trace, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    for (n, (entry, hash)) in (before.evidence_total + 1..).zip(entries.iter().zip(hashes)) {
        let at = entry.at.as_microsecond();
        let row = params![before.seq, count(n), at, entry.call, entry.answer, entry.trace, hash.as_str()];
        sql::run(connection, insert, row)?;
    }
    Ok(())
}

/// A settled child's last hash becomes an entry of its parent's chain, unless the parent has ended before it.
fn chain_parent(connection: &Connection, parent: &CommandId, entry: EvidenceEntry) -> Result<(), JournalError> {
    let above = place(connection, parent)?;
    if above.state == StateName::Ended {
        return Ok(());
    }
    let head = evidence::follow(&above.evidence_head, &entry);
    let update = "UPDATE commands SET evidence_head = ?2, evidence_total = ?3 WHERE seq = ?1";
    sql::run(connection, update, params![above.seq, head.as_str(), count(above.evidence_total + 1)])?;
    chain(connection, &above, &[entry], &[head])
}

fn take_away(connection: &Connection, id: &CommandId, record: &Record) -> Result<(), JournalError> {
    let insert = "INSERT INTO removals (asset, person, at, business, command)
         VALUES (?1, ?2, ?3, (SELECT business FROM commands WHERE id = ?4), ?4)";
    for removal in &record.removals {
        let (asset, at) = (removal.asset.as_ref().map(ToString::to_string), removal.at.as_microsecond());
        let person = removal.person.as_ref().map(PersonId::as_str);
        sql::run(connection, insert, params![asset, person, at, id.as_str()])?;
    }
    Ok(())
}

fn spawn(
    connection: &Connection,
    parent: &CommandId,
    children: &[New],
    moved_up: &mut Vec<Option<BusinessId>>,
) -> Result<Vec<i64>, JournalError> {
    let mut places = Vec::with_capacity(children.len());
    for (n, child) in (1..).zip(children) {
        let child = New { parent: Some(parent.clone()), ordinal: Some(child.ordinal.unwrap_or(n)), ..child.clone() };
        let inserted = accept::insert(connection, &child)?;
        let Inserted { seq, turn, .. } = inserted.ok_or_else(|| JournalError::ChildExists { id: child.id.clone() })?;
        if turn == Turn::Front && moved_up.last() != Some(&child.business) {
            moved_up.push(child.business.clone());
        }
        outbox::enqueue_all(connection, &child.events, child.accepted_at)?;
        places.push(seq);
    }
    let more = u32::try_from(places.len()).unwrap_or(u32::MAX);
    if more > 0 {
        accept::add_children(connection, parent, more)?;
    }
    Ok(places)
}

fn follow(
    connection: &Connection,
    followers: &[New],
    moved_up: &mut Vec<Option<BusinessId>>,
) -> Result<Vec<(i64, CommandId)>, JournalError> {
    let mut places = Vec::with_capacity(followers.len());
    for follower in followers {
        if let Some(Inserted { seq, turn, .. }) = accept::insert(connection, follower)? {
            if turn == Turn::Front {
                moved_up.push(follower.business.clone());
            }
            outbox::enqueue_all(connection, &follower.events, follower.accepted_at)?;
            places.push((seq, follower.id.clone()));
        }
    }
    Ok(places)
}

/// The watch changes, and a denial is remembered from what was watched.
fn change_watch(connection: &Connection, id: &CommandId, record: &Record) -> Result<(), JournalError> {
    if let WatchChange::Set(watch, look_at) = &record.watch {
        watches::set(connection, id, watch, *look_at)?;
    }
    if let WatchChange::Invite(invitation, look_at) = &record.watch {
        watches::set_invitation(connection, id, invitation, *look_at)?;
    }
    if let State::Ended(Ended { phase: Phase::Denied, .. }) = record.state {
        watches::remember_denial(connection, id, record.at)?;
    }
    if record.watch == WatchChange::Remove {
        watches::remove(connection, id)?;
    }
    Ok(())
}

fn settle_into(connection: &Connection, parent: &CommandId, ended: &Ended) -> Result<ParentAfter, JournalError> {
    let well = matches!(ended.phase, Phase::Confirmed | Phase::Completed);
    let update = "UPDATE commands SET children_open = children_open - 1, children_well = children_well + ?2,
             children_changed = children_changed + ?3
         WHERE id = ?1 RETURNING children_total, children_open, children_well, children_changed";
    let counted = params![parent.as_str(), well, ended.changed];
    let children = sql::first(connection, update, counted, |row| Columns(row).children())?
        .ok_or_else(|| JournalError::UnknownCommand { id: parent.clone() })?;
    Ok(ParentAfter { id: parent.clone(), children })
}

/// A count as SQLite has it.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
