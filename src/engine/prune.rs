//! Forgetting what is kept no longer, as `retention.*` says: due by the domain's clock, in batches with rests between.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::error::EngineError;
use super::shared::Shared;
use crate::journal::{Forgotten, Horizons};

/// Between two looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// Between two passes, at most; and at least, where what is kept is kept for seconds.
const EVERY: Duration = Duration::from_secs(600);
const EVERY_AT_LEAST: Duration = Duration::from_millis(250);
/// After a batch the writer is left to others for at least this long,
const REST: Duration = Duration::from_millis(20);
/// and for this many times as long as the batch took.
const REST_TIMES: u32 = 4;
/// Denials count for 30 days, whatever is set.
const DENIALS_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// The blast radius looks back so far.
const REMOVALS_KEPT: Duration = Duration::from_secs(3_600);
/// Pages given back at once: 1 MiB.
const PAGES: u32 = 256;
/// Free pages that are kept for what comes: 4 MiB.
const PAGES_KEPT: u64 = 1_024;

/// Forgets until the worker stops.
pub(crate) async fn run(shared: &Shared) {
    let every = (shared.config.retention.commands / 20).clamp(EVERY_AT_LEAST, EVERY);
    let mut due = shared.clock.now();
    while !shared.stop.is_cancelled() {
        let now = shared.clock.now();
        if now >= due {
            if let Err(error) = pass(shared, &horizons(shared, now)).await {
                warn!("could not forget what is kept no longer, trying again later: {error}");
            }
            due = now + every;
        }
        let _ = shared.stop.run_until_cancelled(sleep(TICK.min(every))).await;
    }
}

async fn pass(shared: &Shared, horizons: &Horizons) -> Result<(), EngineError> {
    for what in Forgotten::ALL {
        let mut gone = 0;
        loop {
            let began = Instant::now();
            let batch = shared.journal.forget(what, *horizons).await?;
            if batch == 0 {
                break;
            }
            debug!(what = what.word(), batch, "forgot a batch of {batch} {}", what.word());
            gone += batch;
            if is_stopped_after_rest(shared, began.elapsed()).await {
                return Ok(());
            }
        }
        if gone > 0 {
            info!(what = what.word(), gone, "forgot {gone} {} that are kept no longer", what.word());
        }
    }
    shared.journal.forget_parked(horizons.now).await?;
    give_back(shared).await
}

/// The file shrinks once more than a quarter of it holds nothing.
async fn give_back(shared: &Shared) -> Result<(), EngineError> {
    let (mut free, all) = shared.journal.free_pages().await?;
    while free > PAGES_KEPT.max(all / 4) {
        let began = Instant::now();
        let left = shared.journal.give_back(PAGES).await?;
        // A file of an older version gives nothing back: its free pages are used again.
        if left >= free || is_stopped_after_rest(shared, began.elapsed()).await {
            break;
        }
        free = left;
    }
    Ok(())
}

async fn is_stopped_after_rest(shared: &Shared, took: Duration) -> bool {
    let rest = REST.max(took * REST_TIMES);
    shared.stop.run_until_cancelled(sleep(rest)).await.is_none()
}

fn horizons(shared: &Shared, now: Timestamp) -> Horizons {
    let kept = shared.config.retention;
    let removals = kept.commands.max(shared.config.poll.settle).max(REMOVALS_KEPT);
    Horizons {
        commands: before(now, kept.commands),
        evidence: before(now, kept.evidence),
        ids: before(now, kept.ids),
        denials: before(now, DENIALS_KEPT),
        removals: before(now, removals),
        now,
    }
}

/// A time that was never is as good as the first one.
fn before(now: Timestamp, kept: Duration) -> Timestamp {
    now.checked_sub(kept).unwrap_or(Timestamp::MIN)
}
