//! The drain: a loaded queue is worked off, by the bare loop and by the worker in turn.
//!
//! The clock runs from the first event to the last, so that nobody's start counts; CPU is the whole process's, from its
//! start to the last event.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::ground::{Graph, Ground, Side};
use crate::loader::Loader;
use crate::settings::{FAR, Settings};
use crate::slow_disk::SlowDisk;
use crate::told::Told;

/// One run of one side.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// Commands a second.
    pub(crate) rate: f64,
    /// CPU of the process, a command.
    pub(crate) cpu: Duration,
    /// CPU of RabbitMQ, a command.
    pub(crate) broker_cpu: Duration,
    /// CPU of the stub, a call, its sockets included.
    pub(crate) stub_cpu: Duration,
    /// Calls to Graph, a command.
    pub(crate) calls: f64,
    /// The most calls that the stub had in hand at once.
    pub(crate) in_flight: u64,
    /// How often the disk was synchronised, a command, where that is counted.
    pub(crate) syncs: Option<f64>,
}

/// All rounds at one latency of the stub.
pub(crate) struct Drain {
    /// The stub's latency.
    pub(crate) latency: Duration,
    /// The bare loop's runs.
    pub(crate) bare: Vec<Run>,
    /// The worker's.
    pub(crate) worker: Vec<Run>,
    /// The worker's on a slow disk; empty where there is no compiler.
    pub(crate) slow: Vec<Run>,
}

/// Drains near and far, in rounds: bare, worker, worker on a slow disk, and again.
///
/// # Errors
/// When a claim does not end as it must.
pub(crate) async fn measure(ground: &Ground, settings: &Settings, disk: Option<&SlowDisk>) -> Result<Vec<Drain>> {
    let mut drains = Vec::new();
    for latency in [Duration::ZERO, FAR] {
        let mut drain = Drain { latency, bare: Vec::new(), worker: Vec::new(), slow: Vec::new() };
        for round in 1..=settings.rounds {
            let run = |side, name: &'static str| async move {
                let run =
                    once(ground, side, latency, settings.claims).await.with_context(|| format!("drain, {name}"))?;
                let cpu = run.cpu.as_micros();
                println!(
                    "round {round}, stub at {latency:?}, {name}: {:.0} commands/s, {cpu} µs of CPU each",
                    run.rate
                );
                anyhow::Ok(run)
            };
            drain.bare.push(run(Side::Bare, "bare loop").await?);
            drain.worker.push(run(Side::Worker, "worker").await?);
            if let Some(disk) = disk {
                drain.slow.push(run(Side::Slow(disk), "worker, slow fsync").await?);
            }
        }
        drains.push(drain);
    }
    Ok(drains)
}

async fn once(ground: &Ground, side: Side<'_>, latency: Duration, claims: usize) -> Result<Run> {
    let folder = ground.run_folder()?;
    let graph = Graph::start(latency).await?;
    let loader = Loader::connect(&ground.broker).await?;
    loader.empty().await?;
    loader.fill(claims).await?;
    loader.close().await?;
    let mut told = Told::listen(&ground.broker).await?;
    let broker_before = ground.broker_cpu()?;
    let works = ground.start(side, &graph.url, &folder);
    let (process, times) = tokio::try_join!(works, told.all(claims))?;
    let (cpu, broker_cpu) = (process.cpu()?, ground.broker_cpu()? - broker_before);
    process.stop().await?;
    told.close().await?;
    let stub_cpu = graph.cpu()?;
    let asked = graph.stop().await?;
    let (first, last) = (times.iter().min().context("no events")?, times.iter().max().context("no events")?);
    let of_all = claims as f64;
    let syncs = if let Side::Slow(_) = side { Some(SlowDisk::syncs(&folder)? as f64 / of_all) } else { None };
    std::fs::remove_dir_all(&folder)?;
    Ok(Run {
        rate: (of_all - 1.0) / (*last - *first).as_secs_f64(),
        cpu: cpu.div_f64(of_all),
        broker_cpu: broker_cpu.div_f64(of_all),
        stub_cpu: stub_cpu.div_f64(asked.calls as f64),
        calls: asked.calls as f64 / of_all,
        in_flight: asked.in_flight_at_most,
        syncs,
    })
}
