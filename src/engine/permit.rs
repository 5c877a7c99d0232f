//! May this write go now? The stop switch, the breaker, the limits on claims and the blast radius, asked right before its intent is journaled.
//!
//! # What must hold
//! Once a hold is answered, no write leaves but those that are out. No hour of a business sees more removals than
//! `offboarding.blast_radius`, unless a person has released the command.
//!
//! - *A hold between the check and the request.* The intent's commit lies in between: it is looked at once more when
//!   that is durable, and `graph` looks before it repeats a refused write with another token.
//! - *A resume while the command is on its way to wait.* It is noted as waiting under the lock under which it looks at
//!   the switch, so the resume wakes it, and a step that is woken while it runs runs again.
//! - *Removals side by side.* Each is counted before its intent is journaled, under the lock; what had no effect is
//!   given back. After a restart the journal's own count stands, in which a write of unknown effect is one.
//! - *Claims side by side.* Each counts as open and as sent before its intent is journaled; what had no effect is given
//!   back. After a restart those that are pending count by the journal; of those that were decided within the hour nobody
//!   knows any more.
//! - *A long wait.* What was read before it is old: it is read anew, back to the last thing that was done or decided.
//!
//! Not kept: a command on hold keeps its lane, and another business's command for the same asset waits behind it.

use std::time::Duration;

use jiff::Timestamp;

use super::ask::Gone;
use super::board::Left;
use super::error::EngineError;
use super::progress::Progress;
use super::shared::{RELEASE, Shared};
use crate::contract::{Body, BusinessId, CommandId, WaitCause};
use crate::governor::{ClaimTurn, Taken, WINDOW};
use crate::journal::{InLane, State};
use crate::meta::Call;
use crate::procedures::Observation;
use crate::telemetry;

/// Whoever waits for an operator looks again when it is told to.
const UNTIL_TOLD: Timestamp = Timestamp::MAX;

impl Shared {
    /// Whether no write of this command may leave now; if so it is woken by the resume.
    pub(super) fn is_on_hold(&self, progress: &Progress<'_>, acting: &BusinessId) -> bool {
        let mut memory = self.memory();
        let stopped = memory.holds.stop(progress.needs(acting));
        if stopped {
            memory.held.insert(progress.row.seq);
        }
        stopped
    }
}

/// Holds the command back while the switch is pulled, a breaker is open, or while what it waited for at last is not over.
pub(super) async fn held_back(
    shared: &Shared,
    progress: &mut Progress<'_>,
    acting: &BusinessId,
    call: &Call,
) -> Result<Option<Gone>, EngineError> {
    // Whoever waits for its release goes on waiting for it: a hold in between does not let it pass in a later hour.
    if progress.waits_for() == Some(WaitCause::Release) && !is_released(shared, progress).await? {
        progress.tell_parent(WaitCause::Release);
        return Ok(Some(Gone::Waits(UNTIL_TOLD)));
    }
    if shared.is_on_hold(progress, acting) {
        progress.waits(WaitCause::Hold, None).await?;
        return Ok(Some(Gone::Waits(UNTIL_TOLD)));
    }
    if shared.is_tripped(progress, call) {
        progress.waits(WaitCause::Breaker, None).await?;
        return Ok(Some(Gone::Waits(UNTIL_TOLD)));
    }
    match progress.waits_for() {
        Some(WaitCause::Release | WaitCause::Hold | WaitCause::Breaker) => {
            progress.read_anew(State::Running).await?;
            Ok(Some(Gone::Anew))
        }
        // Whoever waited for its turn for longer than a list may lag looks again first.
        Some(WaitCause::Cap) if progress.has_waited(shared.rules.settle, shared.clock.now()) => {
            progress.read_anew(State::Running).await?;
            Ok(Some(Gone::Anew))
        }
        Some(WaitCause::Quota | WaitCause::Cap | WaitCause::Credential | WaitCause::Outage) | None => Ok(None),
    }
}

/// Counts what `call` claims, if it is its turn; else the command waits for that. A transfer has let go of the asset for
/// its claim already, and waits for nobody's turn.
pub(super) async fn within_caps(
    shared: &Shared,
    progress: &mut Progress<'_>,
    call: &Call,
) -> Result<Option<Gone>, EngineError> {
    let Call::Claim { business, .. } = call else { return Ok(None) };
    let (id, now) = (progress.command.id.clone(), shared.clock.now());
    let turn = if let Body::Transfer { .. } = progress.command.body {
        shared.memory().claims.leaves(business, &id, now);
        ClaimTurn::Now
    } else {
        shared.memory().claims.turn(business, &id, shared.caps(), now)
    };
    let until = match turn {
        ClaimTurn::Now => return Ok(None),
        ClaimTurn::At(until) => Some(until),
        ClaimTurn::WhenCalled => None,
    };
    progress.waits(WaitCause::Cap, until).await?;
    Ok(Some(Gone::Waits(until.unwrap_or(UNTIL_TOLD))))
}

/// A claim that certainly had no effect counts no more.
pub(super) fn gives_back(shared: &Shared, progress: &Progress<'_>, call: &Call) {
    let Call::Claim { .. } = call else { return };
    let mut memory = shared.memory();
    for called in memory.claims.give_back(&progress.command.id, shared.caps()) {
        memory.board.wake(&called);
    }
    drop(memory);
    shared.work.notify_one();
}

/// Counts what `call` takes away; where that would pass the blast radius, the command waits for its release.
pub(super) async fn within_radius(
    shared: &Shared,
    progress: &mut Progress<'_>,
    call: &Call,
) -> Result<Result<Option<Taken>, Gone>, EngineError> {
    let count = u32::try_from(progress.takes(call).len()).unwrap_or(u32::MAX);
    let Some(business) = progress.command.business.clone().filter(|_| count > 0) else { return Ok(Ok(None)) };
    learn(shared, &business).await?;
    let radius = shared.config.offboarding.blast_radius;
    let fits = shared.memory().blast.take(&business, count, radius, shared.clock.now());
    if fits.is_some() {
        return Ok(Ok(fits));
    }
    if is_released(shared, progress).await? {
        return Ok(Ok(Some(shared.memory().blast.take_released(&business, count, radius, shared.clock.now()))));
    }
    wait_for_release(progress).await.map(Err)
}

/// What a command that waits for its release away from its lanes does when it is woken.
pub(super) async fn away(shared: &Shared, progress: &mut Progress<'_>) -> Result<Option<Left>, EngineError> {
    if progress.in_lane != InLane::Waits || progress.waits_for() != Some(WaitCause::Release) {
        return Ok(None);
    }
    if !is_released(shared, progress).await? {
        progress.tell_parent(WaitCause::Release);
        return Ok(Some(Left::Away(UNTIL_TOLD)));
    }
    progress.read_anew(State::Ready).await?;
    Ok(Some(Left::IntoLane))
}

/// What the journal knows of the last hour, once a run.
async fn learn(shared: &Shared, business: &BusinessId) -> Result<(), EngineError> {
    if shared.memory().blast.knows(business) {
        return Ok(());
    }
    let now = shared.clock.now();
    let radius = shared.config.offboarding.blast_radius;
    let lately = shared.journal.removals_of(business, now - WINDOW, radius).await?;
    shared.memory().blast.learn(business, lately, now);
    Ok(())
}

/// Noted as waiting before the journal is asked: a release after that look wakes it.
async fn is_released(shared: &Shared, progress: &Progress<'_>) -> Result<bool, EngineError> {
    let waits = (progress.family().clone(), progress.row.seq);
    let own = (progress.command.id.clone(), progress.row.seq);
    shared.memory().unreleased.extend([waits.clone(), own.clone()]);
    let released = shared.journal.is_released(&progress.command.id).await?;
    if released {
        let mut memory = shared.memory();
        memory.unreleased.remove(&waits);
        memory.unreleased.remove(&own);
    }
    Ok(released)
}

/// Before its first write it holds no lane and no place; later it stays where it is.
async fn wait_for_release(progress: &mut Progress<'_>) -> Result<Gone, EngineError> {
    let stays = progress.has_begun() || progress.in_lane == InLane::Left;
    if !stays {
        progress.in_lane = InLane::Waits;
    }
    telemetry::guard_refused("blast_radius");
    progress.waits(WaitCause::Release, None).await?;
    Ok(if stays { Gone::Waits(UNTIL_TOLD) } else { Gone::Away })
}

impl Progress<'_> {
    /// Every business that the command needs: nothing of it may leave while one of them is on hold, as what it lets go
    /// of could not be taken up by the other.
    fn needs<'b>(&'b self, acting: &'b BusinessId) -> impl Iterator<Item = &'b BusinessId> {
        let other = if let Body::Transfer { to_business, .. } = &self.command.body { Some(to_business) } else { None };
        [Some(acting), self.command.business.as_ref(), other].into_iter().flatten()
    }

    /// The command that fanned out into this one, or itself.
    pub(super) fn family(&self) -> &CommandId {
        self.row.parent.as_ref().unwrap_or(&self.command.id)
    }

    /// What it waits for by the journal.
    fn waits_for(&self) -> Option<WaitCause> {
        let State::Waiting { cause, .. } = &self.row.state else { return None };
        WaitCause::ALL.into_iter().find(|known| known.word() == cause)
    }

    /// Whether something is done that a later look would find.
    fn has_begun(&self) -> bool {
        self.seen.iter().any(|seen| match seen {
            Observation::Asked { call, .. } => call.is_write(),
            Observation::Spawned { .. } | Observation::Settled { .. } => !self.is_rehearsal(),
            Observation::Started { .. }
            | Observation::Consulted { .. }
            | Observation::Passed { .. }
            | Observation::Stop { .. }
            | Observation::Told { .. }
            | Observation::Children { .. }
            | Observation::Announced { .. }
            | Observation::NoticeOver { .. }
            | Observation::Rehearsed { .. }
            | Observation::ReadAnew { .. }
            | Observation::WaitTold { .. }
            | Observation::Ended { .. } => false,
        })
    }

    /// Whether its wait has lasted so long.
    fn has_waited(&self, long: Duration, now: Timestamp) -> bool {
        matches!(&self.row.state, State::Waiting { since, .. } if *since + long <= now)
    }

    /// The wait is over, and what was read before it is old.
    async fn read_anew(&mut self, state: State) -> Result<(), EngineError> {
        self.note(Observation::ReadAnew { at: self.shared.clock.now() });
        self.stand(state).await
    }
}

/// Whether a command waits for its release outside its lanes.
pub(super) fn waits_away(cause: &str, in_lane: InLane) -> bool {
    cause == RELEASE && in_lane == InLane::Waits
}
