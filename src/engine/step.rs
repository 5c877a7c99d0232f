//! A step: one command is taken from where its journal stands to where it must wait or has ended.
//!
//! Journal first: the intent of a write is durable before the write leaves, and what was seen is durable before the
//! next move is made. A crash at any point leaves a journal from which the same procedure goes on; a write whose
//! intent stands without an answer is one of unknown effect, and the procedure looks before it repeats.

use jiff::Timestamp;
use tracing::Instrument;

use super::ask::Gone;
use super::board::Left;
use super::error::EngineError;
use super::permit;
use super::progress::Progress;
use super::rights::may_touch;
use super::shared::Shared;
use crate::contract::{Asset, BusinessId, CommandId, Outcome, Phase, parse_own};
use crate::journal::{Cancelled, CommandRow, State};
use crate::meta::{Call, Reply};
use crate::procedures::{Fact, Move, Observation, OpenClaim, Query, StopCause};
use crate::telemetry;

/// How long a cancel is remembered for a command that has not come yet.
const CANCEL_REMEMBERED: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// Runs one step of `id`; how it left, and how often Meta was asked for it.
///
/// Safe to drop between any two of its awaits: what is journaled goes on, the rest is made anew.
pub(crate) async fn step(shared: &Shared, id: &CommandId) -> Result<(Left, u32), EngineError> {
    let Some(loaded) = shared.journal.load(id).await? else { return Ok((Left::Ended, 0)) };
    if matches!(loaded.row.state, State::Ended(_)) {
        return Ok((Left::Ended, 0));
    }
    let command = parse_own(loaded.row.body.as_bytes()).map_err(EngineError::Command)?;
    let span = telemetry::step(&command, loaded.row.traceparent.as_deref());
    let mut progress = Progress::of(shared, command, loaded)?;
    let left = go_on(shared, &mut progress).instrument(span.clone()).await;
    match &left {
        Ok(_) => telemetry::note(&span, "bindery.phase", || progress.standing().to_owned()),
        Err(_) => telemetry::fail(&span, "not_journaled"),
    }
    Ok((left?, progress.calls))
}

async fn go_on(shared: &Shared, progress: &mut Progress<'_>) -> Result<Left, EngineError> {
    progress.begin().await?;
    if let Some(left) = progress.left() {
        return Ok(left);
    }
    loop {
        if shared.stop.is_cancelled() {
            progress.flush().await?;
            return Ok(Left::Until(Timestamp::MAX));
        }
        take_up_what_came(shared, progress).await?;
        if let Some(left) = progress.left() {
            return Ok(left);
        }
        if let Some(left) = permit::away(shared, progress).await? {
            return Ok(no_later_than_it_expires(left, progress));
        }
        if let Some(left) = make(shared, progress).await? {
            return Ok(no_later_than_it_expires(left, progress));
        }
    }
}

/// Whatever a command waits for, its deadline wakes it.
fn no_later_than_it_expires(left: Left, progress: &Progress<'_>) -> Left {
    match (left, progress.command.expires_at) {
        (Left::Until(due), Some(expires)) if !progress.is_stopping() => Left::Until(due.min(expires)),
        // Who waits for a word alone keeps nobody else of its business from beginning.
        (Left::HeldBack(due), Some(expires)) if !progress.is_stopping() && due == Timestamp::MAX => {
            Left::Until(expires)
        }
        (Left::HeldBack(due), Some(expires)) if !progress.is_stopping() => Left::HeldBack(due.min(expires)),
        (Left::Away(due), Some(expires)) if !progress.is_stopping() => Left::Away(due.min(expires)),
        (
            Left::Until(_)
            | Left::HeldBack(_)
            | Left::Failed(_)
            | Left::Away(_)
            | Left::IntoLane
            | Left::Outside
            | Left::Ended,
            _,
        ) => left,
    }
}

/// Stops and verdicts that have arrived since the last look.
async fn take_up_what_came(shared: &Shared, progress: &mut Progress<'_>) -> Result<(), EngineError> {
    let id = progress.command.id.clone();
    let (stop, settled) = {
        let mut memory = shared.memory();
        // Whoever still has to wait is noted anew.
        memory.held.remove(&progress.row.seq);
        memory.unreleased.remove(&(id.clone(), progress.row.seq));
        memory.unreleased.remove(&(progress.family().clone(), progress.row.seq));
        (memory.stops.get(&id).cloned(), memory.settled.remove(&id))
    };
    // Whoever withdraws its request finds out by itself what became of it.
    if let Some(settled) = settled.filter(|_| !progress.is_stopping() || progress.keeps_its_claim()) {
        progress.settle(settled).await?;
    }
    let expired = progress.command.expires_at.is_some_and(|at| at <= shared.clock.now());
    let cancelled = progress.row.cancelled_by.as_ref().map(|_| StopCause::Cancelled);
    if let Some(cause) = stop.clone().or(cancelled).or(expired.then_some(StopCause::Deadline)) {
        progress.stop(cause).await?;
        // It is journaled now, and leaves room for another cause.
        let mut memory = shared.memory();
        if stop.is_some() && memory.stops.get(&id) == stop.as_ref() {
            memory.stops.remove(&id);
        }
    }
    Ok(())
}

/// Makes the next move; `Some` when the command leaves its step.
async fn make(shared: &Shared, progress: &mut Progress<'_>) -> Result<Option<Left>, EngineError> {
    let now = shared.clock.now();
    match progress.next_move() {
        Move::Ask(call) => ask(shared, progress, &call).await,
        Move::Consult(query) => {
            let fact = consult(shared, progress, &query, now).await?;
            progress.note(Observation::Consulted { query, fact });
            Ok(None)
        }
        Move::WaitUntil(until) if until <= now => {
            progress.note(Observation::Passed { until });
            Ok(None)
        }
        Move::WaitUntil(until) => {
            progress.wait_until(until).await?;
            Ok(Some(Left::Until(until)))
        }
        Move::Rehearsed(own) => {
            let digest = progress.digest_of_plan(*own).await?;
            progress.note(Observation::Rehearsed { digest, at: now });
            Ok(None)
        }
        Move::Notice(until) if until <= now => progress.end_notice(now).await.map(Some),
        Move::Notice(until) => Ok(Some(Left::Away(until))),
        Move::AwaitChildren => await_children(shared, progress).await,
        Move::AwaitEnd(target) => await_end(shared, progress, &target).await,
        // Woken for nothing: Meta still decides.
        Move::Watch(_) | Move::WatchShare(_) | Move::WatchInvitation(_) if progress.row.state == State::Pending => {
            Ok(Some(Left::Outside))
        }
        // These are recorded with the observation that led to them, or, where nothing new was seen, now.
        Move::Watch(_)
        | Move::WatchShare(_)
        | Move::WatchInvitation(_)
        | Move::Spawn(_)
        | Move::Announce(_)
        | Move::Finish(_) => {
            progress.record_standing().await?;
            Ok(progress.left())
        }
    }
}

async fn ask(shared: &Shared, progress: &mut Progress<'_>, call: &Call) -> Result<Option<Left>, EngineError> {
    match super::ask::ask(shared, progress, call).await? {
        Ok(seen) => {
            progress.observe(seen).await?;
            Ok(None)
        }
        Err(Gone::Waits(until)) => Ok(Some(Left::HeldBack(until))),
        Err(Gone::Away) => Ok(Some(Left::Away(Timestamp::MAX))),
        Err(Gone::Anew) => Ok(None),
        Err(Gone::Failed(error, requests)) => {
            let began = shared.clock.now();
            let observation = Observation::Asked { call: call.clone(), began, reply: Reply::GaveUp(error) };
            progress.observe(super::ask::Seen { observation, requests }).await?;
            Ok(None)
        }
    }
}

/// What the journal knows.
async fn consult(shared: &Shared, progress: &Progress<'_>, query: &Query, now: Timestamp) -> Result<Fact, EngineError> {
    let (journal, command) = (&shared.journal, &progress.command);
    match query {
        Query::OpenClaims { business, asset } => open(shared, &command.id, business, asset, None).await,
        Query::OpenShares { business, asset, partner } => {
            open(shared, &command.id, business, asset, Some(partner)).await
        }
        Query::LastDenial { business, asset, access } => {
            let denial = journal.last_denial(business, asset, *access).await?;
            let recent = denial.map(|(_, at)| at).filter(|at| *at >= now - std::time::Duration::from_secs(30 * 86_400));
            Ok(Fact::Denied(recent))
        }
        Query::RemovedSince { asset, since } => Ok(Fact::Removed(journal.removed_since(asset, *since).await?)),
        Query::Leaving { business, person, email } => {
            let (by, business, person) = (command.id.clone(), business.clone(), person.clone());
            let before = journal.leaves(by, business, person, email.clone()).await?;
            shared.memory().offboardings.insert(command.id.clone());
            Ok(Fact::Leaving(before))
        }
        Query::IsLeaving { business, person } => {
            let by = journal.is_leaving(business, person).await?;
            Ok(Fact::Leaving(by.filter(|by| !is_part_of(&command.id, by))))
        }
        Query::Deeds { target } => super::deeds::of(shared, progress, target).await,
        Query::Stop { target, cause: StopCause::Cancelled } => cancel(shared, progress, target, now).await,
        Query::Stop { target, cause } => {
            let Some(row) = journal.find(target).await? else { return Ok(Fact::NotKnown) };
            if let State::Ended(ended) = row.state {
                return Ok(Fact::Told(Some(ended.phase)));
            }
            shared.tell_to_stop(target, cause.clone());
            Ok(Fact::Told(None))
        }
    }
}

/// Open claims of others, or their open shares with `partner`.
async fn open(
    shared: &Shared,
    own: &CommandId,
    business: &BusinessId,
    asset: &Asset,
    partner: Option<&BusinessId>,
) -> Result<Fact, EngineError> {
    let rows = shared.journal.open_claims(business, asset).await?;
    let wanted = rows.into_iter().filter(|row| row.command != *own && row.partner.as_ref() == partner);
    let open = wanted.map(|row| {
        let tasks = serde_json::from_str(&row.tasks).map_err(EngineError::Json)?;
        Ok(OpenClaim { command: row.command, access: row.access, tasks, sent_at: row.sent_at })
    });
    Ok(Fact::OpenClaims(open.collect::<Result<_, EngineError>>()?))
}

/// Whether `id` is `whole` or one of its children.
fn is_part_of(id: &CommandId, whole: &CommandId) -> bool {
    id == whole || id.as_str().strip_prefix(whole.as_str()).is_some_and(|rest| rest.starts_with('~'))
}

async fn cancel(
    shared: &Shared,
    progress: &Progress<'_>,
    target: &CommandId,
    now: Timestamp,
) -> Result<Fact, EngineError> {
    let (until, by) = (now + CANCEL_REMEMBERED, progress.command.id.clone());
    let (rules, user) = (shared.config.publishers.clone(), progress.row.published_by.clone());
    let may = Box::new(move |row: &CommandRow| may_touch(&rules, user.as_deref(), row));
    match shared.journal.remember_cancel(target.clone(), by, until, may).await? {
        Cancelled::Remembered => Ok(Fact::NotKnown),
        Cancelled::NotAllowed => Ok(Fact::NotAllowed),
        Cancelled::Over(phase) => Ok(Fact::Told(Some(phase))),
        Cancelled::Open(_) => {
            shared.tell_to_stop(target, StopCause::Cancelled);
            Ok(Fact::Told(None))
        }
        Cancelled::Finished(row) => match row.state {
            State::Ended(ended) => Ok(Fact::Told(Some(ended.phase))),
            State::Ready
            | State::Running
            | State::Waiting { .. }
            | State::Pending
            | State::AwaitingChildren
            | State::Awaiting { .. } => Ok(Fact::Told(None)),
        },
    }
}

async fn await_children(shared: &Shared, progress: &mut Progress<'_>) -> Result<Option<Left>, EngineError> {
    if progress.row.state != State::AwaitingChildren {
        progress.stand(State::AwaitingChildren).await?;
    }
    // Counted after the state is journaled: a child that ends from now on wakes us.
    progress.refresh().await?;
    if progress.row.children.open > 0 {
        if progress.is_stopping() {
            stop_children(shared, progress).await?;
        }
        progress.tell_what_children_wait_for().await?;
        progress.tell_on_the_way().await?;
        return Ok(Some(Left::Outside));
    }
    let (tally, concerned) = (progress.tally(), progress.concerned().await?);
    progress.observe_plainly(Observation::Children { tally, concerned }).await?;
    Ok(None)
}

/// Stopping a fan-out stops its children, each at its own safe point.
async fn stop_children(shared: &Shared, progress: &Progress<'_>) -> Result<(), EngineError> {
    for child in shared.journal.children(&progress.command.id).await? {
        if !matches!(child.state, State::Ended(_)) {
            shared.tell_to_stop(&child.id, StopCause::Cancelled);
        }
    }
    Ok(())
}

/// Keeps the lane: what the other command withdraws, it withdraws for us.
async fn await_end(
    shared: &Shared,
    progress: &mut Progress<'_>,
    target: &CommandId,
) -> Result<Option<Left>, EngineError> {
    shared.memory().waiters.entry(target.clone()).or_default().push(progress.command.id.clone());
    if let Some((phase, superseded_by)) = end_of(shared, target).await? {
        progress.note(Observation::Ended { target: target.clone(), phase, superseded_by });
        return Ok(None);
    }
    // A stop is on its way in memory alone until the target journals it: after a restart it is sent again.
    if let Some(cause) = progress.told_to_stop(target) {
        shared.tell_to_stop(target, cause);
    }
    progress.stand(State::Awaiting { target: target.clone() }).await?;
    Ok(Some(Left::Until(Timestamp::MAX)))
}

/// How a command ended, and by whom its request was taken over; one that is gone has been stopped long ago.
async fn end_of(shared: &Shared, target: &CommandId) -> Result<Option<(Phase, Option<CommandId>)>, EngineError> {
    let Some(row) = shared.journal.find(target).await? else { return Ok(Some((Phase::Cancelled, None))) };
    let State::Ended(ended) = row.state else { return Ok(None) };
    let outcome: Outcome = serde_json::from_str(&ended.outcome).map_err(EngineError::Json)?;
    Ok(Some((ended.phase, outcome.superseded_by)))
}
