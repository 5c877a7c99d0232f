//! How much is measured: the whole, or the quick look that development asks for.

use std::time::Duration;

use anyhow::{Result, bail};

/// Businesses that the claims are spread over.
pub(crate) const BUSINESSES: usize = 200;
/// Calls in flight, of the worker (`limits.in_flight`) and of the bare loop alike.
pub(crate) const IN_FLIGHT: usize = 256;
/// Commands a second of the open loop.
pub(crate) const RATE: u32 = 200;
/// What a round trip to Meta is taken for where it is not nothing.
pub(crate) const FAR: Duration = Duration::from_millis(50);

/// What is measured in this run.
pub(crate) struct Settings {
    /// Whether the figures are of a quick look, which is too short to be told to others.
    pub(crate) quick: bool,
    /// Claims of one drain.
    pub(crate) claims: usize,
    /// Runs of each side of a drain, interleaved; their median counts.
    pub(crate) rounds: usize,
    /// Commands of the open loop.
    pub(crate) open: usize,
    /// The first commands of the open loop, which meet cold connections and do not count.
    pub(crate) warm_up: usize,
    /// Commands that wait in the journal while memory is read.
    pub(crate) queued: usize,
    /// Commands of the flood.
    pub(crate) flood: usize,
    /// Commands that lie in the journal where it holds very many.
    pub(crate) million: usize,
    /// Claims that wait for an approval.
    pub(crate) pending: usize,
    parts: Vec<Part>,
}

/// One of the measurements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Throughput and CPU, draining a loaded queue.
    Drain,
    /// Latency at a steady rate.
    Open,
    /// Resident memory.
    Memory,
    /// One business's flood beside another's few commands.
    Flood,
    /// A million commands in the journal.
    Million,
    /// A great many pending claims.
    Pending,
}

impl Part {
    /// Every part, by its word.
    const ALL: [(&str, Self); 6] = [
        ("drain", Self::Drain),
        ("open", Self::Open),
        ("memory", Self::Memory),
        ("flood", Self::Flood),
        ("million", Self::Million),
        ("pending", Self::Pending),
    ];
}

impl Settings {
    /// From `BENCH_QUICK` (set: 2 000 claims) and `BENCH_ONLY` (some of `drain open memory flood million pending`).
    ///
    /// # Errors
    /// When `BENCH_ONLY` names what is no part.
    pub(crate) fn read() -> Result<Self> {
        let quick = std::env::var("BENCH_QUICK").is_ok_and(|value| !value.is_empty() && value != "0");
        let parts = parts(&std::env::var("BENCH_ONLY").unwrap_or_default())?;
        let rate = RATE as usize;
        Ok(if quick {
            let (flood, million, pending) = (20_000, 50_000, 5_000);
            let (open, warm_up, queued) = (6 * rate, rate, 10_000);
            Self { quick, claims: 2_000, rounds: 1, open, warm_up, queued, flood, million, pending, parts }
        } else {
            let (flood, million, pending) = (100_000, 1_000_000, 100_000);
            let (open, warm_up, queued) = (32 * rate, 2 * rate, 100_000);
            Self { quick, claims: 20_000, rounds: 3, open, warm_up, queued, flood, million, pending, parts }
        })
    }

    /// Whether only other benches are wanted.
    pub(crate) fn has_nothing(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether `part` is measured.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

fn parts(named: &str) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for name in named.split([' ', ',']).filter(|name| !name.is_empty()) {
        match Part::ALL.into_iter().find(|(word, _)| *word == name) {
            Some((_, part)) => parts.push(part),
            // Of the other bench.
            None if name == "pace" => {}
            None => bail!("BENCH_ONLY: {name:?} is none of {}, pace", Part::ALL.map(|(word, _)| word).join(", ")),
        }
    }
    Ok(if named.trim().is_empty() { Part::ALL.map(|(_, part)| part).to_vec() } else { parts })
}
