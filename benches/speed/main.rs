//! Speed: the worker beside a bare loop of lapin and reqwest that makes the same calls and promises nothing.
//!
//! `make bench`: a real RabbitMQ node of its own, a stub of Graph and either side as processes, real clocks. Prints a
//! table, writes it to `target/bench/speed.md`, and exits with 1 where a bound is missed. docs/performance.md says how to
//! read it. `BENCH_QUICK=1` is a quick look; `BENCH_ONLY="drain flood"` names the parts that are wanted.
//!
//! ```text
//! loader ──▶ RabbitMQ ──▶ worker, or the bare loop ──▶ stub of Graph
//! told   ◀── RabbitMQ ◀──┘
//! ```

mod bare;
mod claims;
mod drain;
mod figures;
mod flood;
mod ground;
mod held;
mod http;
mod loader;
mod machine;
mod memory;
mod million;
mod open;
mod pending;
mod process;
mod report;
mod settings;
mod slow_disk;
mod stub;
mod told;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use tokio::signal::unix::{SignalKind, signal};

use ground::Ground;
use report::Report;
use settings::{Part, Settings};
use slow_disk::SlowDisk;
use stub::Claims;

fn main() -> Result<ExitCode> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["stub", latency, claims] => {
            let claims = if claims == "granted" { Claims::Granted } else { Claims::Waiting };
            stub::serve(Duration::from_millis(latency.parse()?), claims).map(|()| ExitCode::SUCCESS)
        }
        ["bare", broker, graph] => bare::work(broker, graph).map(|()| ExitCode::SUCCESS),
        _ => tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(bench()),
    }
}

async fn bench() -> Result<ExitCode> {
    let (began, settings) = (Instant::now(), Settings::read()?);
    if settings.has_nothing() {
        return Ok(ExitCode::SUCCESS);
    }
    let folder = folder()?;
    let mut facts = machine::facts(&folder)?;
    facts.push(report::what_was_run(&settings));
    facts.iter().for_each(|fact| println!("{fact}"));
    let ground = Ground::lay(&folder).await?;
    let report = tokio::select! {
        report = measure(&ground, &settings, &folder) => report,
        // Dropped half-way, the children are killed: nothing is left running.
        told = told_to_stop() => Err(told.err().unwrap_or_else(|| anyhow!("told to stop"))),
    };
    ground.clear().await?;
    let report = report?;
    facts.push(format!("the bench took {} s", began.elapsed().as_secs()));
    let (page, file) = (report.page(&facts), folder.join("speed.md"));
    std::fs::write(&file, &page)?;
    println!("\n{page}\nwritten to {}", file.display());
    report.missed.iter().for_each(|missed| println!("MISSED: {missed}"));
    Ok(if report.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(ground: &Ground, settings: &Settings, folder: &std::path::Path) -> Result<Report> {
    let mut report = Report::default();
    let idle = memory::idle(ground).await.context("memory, idle")?;
    if settings.has(Part::Drain) {
        let disk = SlowDisk::compile(folder).await?;
        let drains = drain::measure(ground, settings, disk.as_ref()).await?;
        drains.iter().for_each(|drain| report.drain(drain));
    }
    if settings.has(Part::Open) {
        let (bare, worker) = open::measure(ground, settings).await.context("open loop")?;
        report.open(&bare, &worker);
    }
    let has_memory = settings.has(Part::Memory);
    let queued =
        if has_memory { Some(memory::queued(ground, settings).await.context("memory, queued")?) } else { None };
    report.memory(idle, queued, settings);
    if settings.has(Part::Flood) {
        report.flood(&flood::measure(ground, settings).await.context("flood")?, settings);
    }
    if settings.has(Part::Million) {
        report.million(&million::measure(ground, settings).await.context("million")?, settings);
    }
    if settings.has(Part::Pending) {
        report.pending(&pending::measure(ground, settings).await.context("pending")?, settings);
    }
    Ok(report)
}

async fn told_to_stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    Ok(())
}

/// `target/bench`: on a disk, where a folder for temporary files may be memory.
fn folder() -> Result<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.parent().context("no target folder")?.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
