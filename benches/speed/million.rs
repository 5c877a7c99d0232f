//! A million commands in the journal: taken in, held in memory, and worked off as if they were few.
//!
//! Graph answers nothing while they are taken in, so that all of them lie there; then the worker is killed, and another one goes on over
//! the same journal with a Graph that answers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep, timeout};

use crate::ground::{Graph, Ground, Side};
use crate::loader::Loader;
use crate::process::{Memory, Process};
use crate::settings::Settings;
use crate::told::Told;

/// The stub's answer comes after the run.
const NEVER: Duration = Duration::from_secs(3_600);
const GAP: Duration = Duration::from_millis(20);
const TAKEN_IN_WITHIN: Duration = Duration::from_secs(900);
const FIRST_CALL_WITHIN: Duration = Duration::from_secs(60);
/// So many commands are few.
const FEW: usize = 10_000;

/// What was measured: with few commands, and with a million.
pub(crate) struct Million {
    /// Taken in, a second.
    pub(crate) taken_in: [f64; 2],
    /// Worked off, a second.
    pub(crate) begun: [f64; 2],
    /// While all lie there, and after a restart.
    pub(crate) memory: [Memory; 2],
    /// From the start of the process over such a journal to its first call.
    pub(crate) restart: Duration,
}

/// One run.
struct Run {
    first: f64,
    last: f64,
    begun: f64,
    memory: [Memory; 2],
    restart: Duration,
}

/// Few, and then very many.
///
/// # Errors
/// When the worker does not take them in, or a claim does not end as it must.
pub(crate) async fn measure(ground: &Ground, settings: &Settings) -> Result<Million> {
    let few = once(ground, FEW).await.context("few")?;
    println!("{FEW} queued: worked off at {:.0} commands/s", few.begun);
    let many = once(ground, settings.million).await.context("many")?;
    println!("{} queued: worked off at {:.0} commands/s", settings.million, many.begun);
    Ok(Million {
        // Side by side in one run: a disk is not the same from minute to minute.
        taken_in: [many.first, many.last],
        begun: [few.begun, many.begun],
        memory: many.memory,
        restart: many.restart,
    })
}

async fn once(ground: &Ground, commands: usize) -> Result<Run> {
    let folder = ground.run_folder()?;
    let loader = Loader::connect(&ground.broker).await?;
    loader.empty().await?;
    loader.fill(commands).await?;
    let silent = Graph::start(NEVER).await?;
    let worker = ground.start(Side::Worker, &silent.url, &folder).await?;
    let taking = take_in(&loader, commands);
    let [first, last] = timeout(TAKEN_IN_WITHIN, taking).await.context("they were not taken in")??;
    let full = highest(&worker).await?;
    worker.kill().await?;
    silent.stop().await?;
    let graph = Graph::start(Duration::ZERO).await?;
    let mut told = Told::listen(&ground.broker).await?;
    let began = Instant::now();
    let worker = ground.start_cold(Side::Worker, &graph.url, &folder)?.process;
    let restart = first_call(&graph, 0, began).await?;
    let begun = worked_off(&mut told, FEW.min(commands) / 2).await?;
    let again = worker.memory()?;
    worker.kill().await?;
    told.close().await?;
    loader.close().await?;
    graph.stop().await?;
    std::fs::remove_dir_all(&folder)?;
    Ok(Run { first, last, begun, memory: [full, again], restart })
}

/// Waits until all are taken in; the rates of a tenth of them at the beginning, and at the end.
async fn take_in(loader: &Loader, commands: usize) -> Result<[f64; 2]> {
    let (tenth, mut marks) = (commands / 10, Vec::new());
    // The first are taken in while everything is cold.
    for left in [commands - tenth / 10, commands - tenth, tenth, 0] {
        loop {
            let waiting = loader.waiting().await? as usize;
            if waiting <= left {
                marks.push((Instant::now(), waiting));
                break;
            }
            sleep(GAP).await;
        }
    }
    let rate = |from: (Instant, usize), to: (Instant, usize)| {
        (from.1 - to.1) as f64 / (to.0 - from.0).as_secs_f64().max(0.001)
    };
    Ok([rate(marks[0], marks[1]), rate(marks[2], marks[3])])
}

async fn highest(worker: &Process) -> Result<Memory> {
    let mut highest = Memory::default();
    for _ in 0..30 {
        let memory = worker.memory()?;
        if memory.resident >= highest.resident {
            highest = memory;
        }
        sleep(GAP * 5).await;
    }
    Ok(highest)
}

/// How long after `began` the stub had been asked more than `before` times.
///
/// # Errors
/// When it is asked nothing for a minute.
pub(crate) async fn first_call(graph: &Graph, before: u64, began: Instant) -> Result<Duration> {
    while graph.asked().await?.calls <= before {
        ensure!(began.elapsed() < FIRST_CALL_WITHIN, "no call within {FIRST_CALL_WITHIN:?}");
        sleep(Duration::from_millis(5)).await;
    }
    Ok(began.elapsed())
}

/// The rate of so many ends, the first ones not counted.
async fn worked_off(told: &mut Told, ends: usize) -> Result<f64> {
    let (mut from, cold) = (Instant::now(), ends / 10);
    for n in 0..cold + ends {
        let (kind, id, at) = told.next().await.with_context(|| format!("after {n} ends"))?;
        ensure!(kind == "bindery.claim.confirmed", "{id} ended as {kind}");
        if n < cold {
            from = at;
        }
    }
    Ok(ends as f64 / from.elapsed().as_secs_f64())
}
