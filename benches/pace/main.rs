//! Pace: many commands under tight quotas, beside the least time that these quotas allow.
//!
//! `make bench`, or `BENCH_ONLY=pace make bench`: the simulator with a quota for each business and the engine with its
//! journal, in one process, on clocks that are moved on whenever nothing is left to do: hours pass in a minute. Prints a
//! table, writes it to `target/bench/pace.md`, and exits with 1 where a bound is missed. docs/performance.md says how to
//! read it. `BENCH_QUICK=1` is a quick look.

mod course;
mod report;
mod time;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use course::{Course, Size};

fn main() -> Result<ExitCode> {
    if !is_wanted() {
        return Ok(ExitCode::SUCCESS);
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let _ = tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).try_init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(bench())
}

async fn bench() -> Result<ExitCode> {
    let began = Instant::now();
    let size = if is_set("BENCH_QUICK") { Size::QUICK } else { Size::WHOLE };
    let folder = folder()?;
    // What the work takes where nothing limits it: so many calls have to fit into the quota.
    let needed = Course::free(size).run(&folder).await.context("without a quota")?;
    let paced = Course::tight(size).run(&folder).await.context("with quotas")?;
    let page = report::page(size, &needed, &paced, began.elapsed());
    let file = folder.join("pace.md");
    std::fs::write(&file, &page.text)?;
    println!("\n{}\nwritten to {}", page.text, file.display());
    page.missed.iter().for_each(|missed| println!("MISSED: {missed}"));
    Ok(if page.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `BENCH_ONLY` names parts of all benches; where it names none, all are wanted.
fn is_wanted() -> bool {
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let mut names = only.split([' ', ',']).filter(|name| !name.is_empty()).peekable();
    names.peek().is_none() || names.any(|name| name == "pace")
}

fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !value.is_empty() && value != "0")
}

/// `target/bench`: on a disk, where a folder for temporary files may be memory.
fn folder() -> Result<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.parent().context("no target folder")?.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
