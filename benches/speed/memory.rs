//! Resident memory: of a worker that has nothing to do, and of one whose journal holds a great many open commands.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep, timeout};

use crate::ground::{Graph, Ground, Side};
use crate::loader::Loader;
use crate::process::{Memory, Process};
use crate::settings::Settings;

/// After this the allocator has given back what the start needed.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// How long a worker is looked at once it has nothing more to take in; its highest moment counts.
const LOOKED_AT: Duration = Duration::from_secs(3);
const GAP: Duration = Duration::from_millis(100);
/// Longer than the run: no command ends while its worker's memory is read.
const NEVER: Duration = Duration::from_secs(600);
const TAKEN_IN_WITHIN: Duration = Duration::from_secs(180);

/// A worker over an empty journal. It also declares the topology that all other runs use.
///
/// # Errors
/// When the worker does not start or stop.
pub(crate) async fn idle(ground: &Ground) -> Result<Memory> {
    let folder = ground.run_folder()?;
    let graph = Graph::start(Duration::ZERO).await?;
    let worker = ground.start(Side::Worker, &graph.url, &folder).await?;
    sleep(SETTLED_AFTER).await;
    let memory = worker.memory()?;
    worker.stop().await?;
    graph.stop().await?;
    Ok(memory)
}

/// A worker that has taken in `settings.queued` commands, none of which can end.
///
/// # Errors
/// When it does not take them in.
pub(crate) async fn queued(ground: &Ground, settings: &Settings) -> Result<Memory> {
    let folder = ground.run_folder()?;
    let graph = Graph::start(NEVER).await?;
    let loader = Loader::connect(&ground.broker).await?;
    loader.empty().await?;
    loader.fill(settings.queued).await?;
    let worker = ground.start(Side::Worker, &graph.url, &folder).await?;
    timeout(TAKEN_IN_WITHIN, async {
        while loader.waiting().await? > 0 {
            sleep(GAP).await;
        }
        anyhow::Ok(())
    })
    .await
    .context("the worker did not take in all commands")??;
    let memory = highest(&worker).await?;
    loader.close().await?;
    // A stop in order would wait for the calls that are out.
    worker.kill().await?;
    graph.stop().await?;
    std::fs::remove_dir_all(&folder)?;
    Ok(memory)
}

async fn highest(worker: &Process) -> Result<Memory> {
    let (until, mut highest) = (Instant::now() + LOOKED_AT, Memory::default());
    while Instant::now() < until {
        let memory = worker.memory()?;
        if memory.resident >= highest.resident {
            highest = memory;
        }
        sleep(GAP).await;
    }
    Ok(highest)
}
