//! A great many claims that nobody approves, of two hundred businesses: what a sweep over all of them costs, and what they cost between.
//!
//! `poll.first` is ten seconds. When all are pending the worker is killed; once every list is due another one starts over the same
//! journal, and its first sweep is the one that is counted.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::ground::{Graph, Ground, Side};
use crate::loader::Loader;
use crate::million::first_call;
use crate::process::Memory;
use crate::settings::{BUSINESSES, Settings};
use crate::told::Told;

/// Rows of a page, as Meta gives at most.
const ROWS: usize = 100;
/// Longer than any list's gap is then.
const ALL_DUE_AFTER: Duration = Duration::from_secs(12);
/// A sweep is over when nothing was asked for so long.
const QUIET: Duration = Duration::from_millis(1_500);
const IDLE: Duration = Duration::from_secs(5);

/// What was measured.
pub(crate) struct Pending {
    /// Calls of one sweep.
    pub(crate) calls: u64,
    /// Pages that the lists have.
    pub(crate) pages: usize,
    /// How long the sweep took.
    pub(crate) took: Duration,
    /// The most at the sweep's end and after it.
    pub(crate) memory: Memory,
    /// From the start of the process to its first call.
    pub(crate) restart: Duration,
    /// CPU between two sweeps, of one core.
    pub(crate) idle: f64,
}

/// Claims that stay pending.
///
/// # Errors
/// When one ends, or nothing is walked.
pub(crate) async fn measure(ground: &Ground, settings: &Settings) -> Result<Pending> {
    let folder = ground.run_folder()?;
    let graph = Graph::undecided().await?;
    let loader = Loader::connect(&ground.broker).await?;
    loader.empty().await?;
    loader.fill(settings.pending).await?;
    let mut told = Told::listen(&ground.broker).await?;
    let worker = ground.start(Side::Worker, &graph.url, &folder).await?;
    for _ in 0..settings.pending {
        let (kind, id, _) = told.next().await?;
        ensure!(kind == "bindery.claim.pending", "{id} is {kind}");
    }
    worker.kill().await?;
    sleep(ALL_DUE_AFTER).await;
    let before = graph.asked().await?.calls;
    let began = Instant::now();
    let worker = ground.start_cold(Side::Worker, &graph.url, &folder)?.process;
    let restart = first_call(&graph, before, began).await?;
    let (calls, took) = until_quiet(&graph, before).await?;
    let (cpu, from) = (worker.cpu()?, Instant::now());
    let mut memory = worker.memory()?;
    sleep(IDLE).await;
    let idle = (worker.cpu()? - cpu).as_secs_f64() / from.elapsed().as_secs_f64();
    let later = worker.memory()?;
    if later.resident > memory.resident {
        memory = later;
    }
    memory.resident = memory.resident.max(memory.peak);
    worker.kill().await?;
    told.close().await?;
    loader.close().await?;
    graph.stop().await?;
    std::fs::remove_dir_all(&folder)?;
    let pages = BUSINESSES * (settings.pending / BUSINESSES).div_ceil(ROWS);
    Ok(Pending { calls, pages, took, memory, restart, idle })
}

/// The calls from `before` on until nothing more is asked, and how long they took.
async fn until_quiet(graph: &Graph, before: u64) -> Result<(u64, Duration)> {
    let (began, mut last, mut changed) = (Instant::now(), before, Instant::now());
    while changed.elapsed() < QUIET {
        sleep(Duration::from_millis(50)).await;
        let calls = graph.asked().await?.calls;
        if calls > last {
            (last, changed) = (calls, Instant::now());
        }
    }
    Ok((last - before, changed - began))
}
