//! Dispatch: whoever may run gets a task, at most `limits.in_flight` at a time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{JoinError, JoinSet};
use tracing::{error, warn};

use super::board::{Left, Seq};
use super::error::EngineError;
use super::follow::age;
use super::shared::Shared;
use super::step::step;
use super::supply::Supply;
use crate::contract::CommandId;

/// Between two looks at the board when nobody says that something may run; domain time may have been moved.
const TICK: Duration = Duration::from_millis(200);
/// Before a step that the journal would not record is tried again.
const TRIED_AGAIN: Duration = Duration::from_secs(1);

type Ended = (Seq, CommandId, Result<(Left, u32), EngineError>);

/// Runs steps until the worker stops, then awaits those that are out.
pub(crate) async fn run(shared: &Arc<Shared>) {
    let mut steps: JoinSet<Ended> = JoinSet::new();
    let at_most = usize::try_from(shared.config.limits.in_flight).unwrap_or(usize::MAX);
    let mut failed = false;
    let mut supply = Supply::new();
    while !shared.stop.is_cancelled() {
        if std::mem::take(&mut failed) {
            shared.journal_commits().await;
        }
        let more = supply.fetch(shared).await.unwrap_or_else(|error| {
            warn!("could not fetch what may run, trying again: {error}");
            failed = true;
            false
        });
        while steps.len() < at_most {
            let picked = shared.memory().board.pick(shared.clock.now());
            let Some((seq, id)) = picked else { break };
            let shared = Arc::clone(shared);
            steps.spawn(async move {
                let left = step(&shared, &id).await;
                (seq, id, left)
            });
        }
        tokio::select! {
            Some(ended) = steps.join_next() => failed |= note(shared, ended),
            () = shared.work.notified() => {}
            () = tokio::time::sleep(if more { Duration::ZERO } else { until_next(shared) }) => {}
            () = shared.clock.moved() => {}
            () = shared.stop.cancelled() => {}
        }
    }
    while let Some(ended) = steps.join_next().await {
        note(shared, ended);
    }
}

fn until_next(shared: &Shared) -> Duration {
    let next = shared.memory().board.next_due();
    next.map_or(TICK, |due| age(shared.clock.now(), due).clamp(Duration::from_millis(1), TICK))
}

/// Puts a step's command back on the board; whether the step failed over the journal.
fn note(shared: &Shared, ended: Result<Ended, JoinError>) -> bool {
    let now = shared.clock.now();
    match ended {
        Ok((seq, id, Ok((left, calls)))) => {
            let mut memory = shared.memory();
            memory.board.left(seq, left, calls, now);
            if matches!(left, Left::Away(_)) || left == Left::HeldBack(Timestamp::MAX) {
                // From now on the word that it waits for finds it in the journal.
                memory.unreleased.retain(|(_, other)| *other != seq);
                memory.held.remove(&seq);
                memory.tripped.remove(&seq);
            }
            drop(memory);
            if left == Left::Ended {
                shared.ended(&id);
            }
            false
        }
        Ok((seq, id, Err(failed))) => {
            warn!(command.id = %id, "could not go on with {id}, trying again: {failed}");
            shared.memory().board.left(seq, Left::Failed(later(now)), 0, now);
            true
        }
        // Its lane stays held: a restart reads the journal and goes on.
        Err(crashed) => {
            error!("a step has crashed: {crashed}");
            false
        }
    }
}

fn later(now: Timestamp) -> Timestamp {
    now + TRIED_AGAIN
}
