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
}

impl Settings {
    /// From `BENCH_QUICK` (set: 2 000 claims) and `BENCH_ONLY` (some of `drain open memory`).
    ///
    /// # Errors
    /// When `BENCH_ONLY` names what is no part.
    pub(crate) fn read() -> Result<Self> {
        let quick = std::env::var("BENCH_QUICK").is_ok_and(|value| !value.is_empty() && value != "0");
        let parts = parts(&std::env::var("BENCH_ONLY").unwrap_or_default())?;
        let rate = RATE as usize;
        Ok(if quick {
            Self { quick, claims: 2_000, rounds: 1, open: 6 * rate, warm_up: rate, queued: 10_000, parts }
        } else {
            Self { quick, claims: 20_000, rounds: 3, open: 32 * rate, warm_up: 2 * rate, queued: 100_000, parts }
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
        parts.push(match name {
            "drain" => Part::Drain,
            "open" => Part::Open,
            "memory" => Part::Memory,
            // Of the other bench.
            "pace" => continue,
            other => bail!("BENCH_ONLY: {other:?} is none of drain, open, memory, pace"),
        });
    }
    Ok(if named.trim().is_empty() { vec![Part::Drain, Part::Open, Part::Memory] } else { parts })
}
