//! Gauges: what stands now, read when somebody scrapes. Each reads counts that are kept anyway, or a few rows by an
//! index: a scrape beside a million open commands costs what one beside ten does.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::census::Standing;
use super::follow::age;
use super::shared::{NOTICE, Shared};
use crate::contract::WaitCause;
use crate::journal::{JournalError, OutboxDepth, StateName};
use crate::telemetry::{self, Tell};

#[cfg(test)]
mod tests;

type Read = fn(&Shared, Timestamp, &mut Tell<'_>);

/// What a look at the journal may take, on the thread of whoever scrapes.
const GLANCE_WITHIN: Duration = Duration::from_secs(1);

/// Name, unit, what it is, and how it is read.
const GAUGES: [(&str, &str, &str, Read); 7] = [
    ("bindery.commands.open", "", "Commands that have not ended, by how they stand.", commands_open),
    ("bindery.claims.pending", "", "Claims that wait for an approval, by how long they have.", claims_pending),
    ("bindery.graph.usage", "1", "How far Meta's buckets are used up, as quantiles over them.", usage),
    ("bindery.graph.paused_buckets", "", "Buckets at Meta that are left alone.", paused_buckets),
    ("bindery.graph.pause_left", "s", "Until the last of the paused buckets may be used again.", pause_left),
    ("bindery.useful_concurrency", "", "Commands that run now or could run beside them.", useful),
    ("bindery.build_info", "", "Always 1: what is running.", build_info),
];

/// It needs a few looks at the journal, each by an index.
const OLDEST: (&str, &str, &str) =
    ("bindery.oldest_open", "s", "Since the oldest open command of each standing was accepted.");

type Glance = fn(&OutboxDepth, Timestamp, &mut Tell<'_>);

/// Those of the outbox: they need a look at the journal.
const OUTBOX: [(&str, &str, &str, Glance); 2] = [
    ("bindery.outbox.pending", "", "Events that the broker has not confirmed, counted up to 100 000.", outbox_pending),
    ("bindery.outbox.oldest", "s", "Since the oldest of them was stored.", outbox_oldest),
];

/// From now on the gauges tell of this engine, for as long as it is there.
///
/// To be called inside the runtime. Whoever reads them is none of its tasks: a thread for blocking work, or one of an
/// exporter's.
pub(super) fn begin(shared: &Arc<Shared>) {
    for (name, unit, what, read) in OUTBOX {
        let (shared, runtime) = (Arc::downgrade(shared), Handle::current());
        telemetry::gauge(name, unit, what, move |tell| {
            let Some(shared) = shared.upgrade() else { return };
            let look = async { timeout(GLANCE_WITHIN, shared.journal.outbox_glance()).await };
            // A journal that is slow or closed is told by readiness; here there is nothing to tell.
            if let Ok(Ok(depth)) = runtime.block_on(look) {
                read(&depth, shared.clock.now(), tell);
            }
        });
    }
    let (name, unit, what) = OLDEST;
    let (weak, runtime) = (Arc::downgrade(shared), Handle::current());
    telemetry::gauge(name, unit, what, move |tell| {
        let Some(shared) = weak.upgrade() else { return };
        let look = async { timeout(GLANCE_WITHIN, oldest_open(&shared)).await };
        if let Ok(Ok(oldest)) = runtime.block_on(look) {
            let now = shared.clock.now();
            oldest.iter().for_each(|(standing, at)| tell(age(*at, now).as_secs_f64(), &[("phase", standing.word())]));
        }
    });
    for (name, unit, what, read) in GAUGES {
        let shared: Weak<Shared> = Arc::downgrade(shared);
        telemetry::gauge(name, unit, what, move |tell| {
            if let Some(shared) = shared.upgrade() {
                read(&shared, shared.clock.now(), tell);
            }
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "no count of ours comes near 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}

fn size(count: usize) -> f64 {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}

fn commands_open(shared: &Shared, _: Timestamp, tell: &mut Tell<'_>) {
    for (operation, standing, count) in shared.memory().census.counts() {
        tell(number(count), &[("operation", operation), ("phase", standing.word())]);
    }
}

/// When the oldest of each standing was accepted; one that nobody has any more has no age: now.
async fn oldest_open(shared: &Shared) -> Result<BTreeMap<Standing, Timestamp>, JournalError> {
    let (now, mut oldest) = (shared.clock.now(), BTreeMap::new());
    {
        let memory = shared.memory();
        for (_, standing, _) in memory.census.counts() {
            oldest.insert(standing, memory.census.oldest_apart(standing).unwrap_or(now));
        }
    }
    let causes = WaitCause::ALL.map(WaitCause::word).into_iter().chain([NOTICE]);
    let waits = causes.map(|cause| (Standing::held_back(cause), StateName::Waiting, Some(cause)));
    let others = [
        (Standing::Queued, StateName::Ready, None),
        (Standing::Running, StateName::Running, None),
        (Standing::WaitingApproval, StateName::Pending, None),
        (Standing::WaitingOthers, StateName::AwaitingChildren, None),
        (Standing::WaitingOthers, StateName::Awaiting, None),
    ];
    for (standing, state, cause) in others.into_iter().chain(waits) {
        if let Some(accepted) = shared.journal.oldest_open(state, cause).await? {
            let known = oldest.entry(standing).or_insert(now);
            *known = accepted.min(*known);
        }
    }
    Ok(oldest)
}

fn claims_pending(shared: &Shared, now: Timestamp, tell: &mut Tell<'_>) {
    for (kind, band, count) in shared.memory().census.approvals(now) {
        tell(number(count), &[("asset_kind", kind), ("age_band", band)]);
    }
}

fn usage(shared: &Shared, now: Timestamp, tell: &mut Tell<'_>) {
    for (kind, quantile, ratio) in shared.memory().usages.quantiles(now) {
        tell(ratio, &[("bucket_kind", kind), ("quantile", quantile)]);
    }
}

fn paused_buckets(shared: &Shared, now: Timestamp, tell: &mut Tell<'_>) {
    for ((kind, cause), (count, _)) in paused(shared, now) {
        tell(size(count), &[("bucket_kind", kind), ("cause", cause)]);
    }
}

fn pause_left(shared: &Shared, now: Timestamp, tell: &mut Tell<'_>) {
    for ((kind, cause), (_, left)) in paused(shared, now) {
        tell(left.as_secs_f64(), &[("bucket_kind", kind), ("cause", cause)]);
    }
}

type Paused = std::collections::BTreeMap<(&'static str, &'static str), (usize, Duration)>;

fn paused(shared: &Shared, now: Timestamp) -> Paused {
    let mut all = Paused::new();
    for (kind, cause, until) in shared.memory().budgets.paused(now) {
        let (count, left) = all.entry((kind, cause.word())).or_default();
        *count += 1;
        *left = age(now, until).max(*left);
    }
    all
}

fn useful(shared: &Shared, _: Timestamp, tell: &mut Tell<'_>) {
    tell(size(shared.memory().board.useful()), &[]);
}

fn outbox_pending(depth: &OutboxDepth, _: Timestamp, tell: &mut Tell<'_>) {
    tell(number(depth.count), &[]);
}

fn outbox_oldest(depth: &OutboxDepth, now: Timestamp, tell: &mut Tell<'_>) {
    tell(depth.oldest.map_or(0.0, |oldest| age(oldest, now).as_secs_f64()), &[]);
}

fn build_info(shared: &Shared, _: Timestamp, tell: &mut Tell<'_>) {
    let commit = option_env!("BINDERY_COMMIT").unwrap_or("unknown");
    let graph = shared.config.graph.api_version.as_str();
    tell(1.0, &[("version", env!("CARGO_PKG_VERSION")), ("commit", commit), ("graph_version", graph)]);
}
