//! The open loop: commands come at a steady rate, whatever becomes of those before, and each one's way is timed.
//!
//! From the moment a command is handed to the publisher's socket until its event is there, without the time that its
//! calls spent in the stub. That time is the stub's own account of it, a mean: where a timer is late, ours is the time.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use crate::figures::percentile;
use crate::ground::{Graph, Ground, Side};
use crate::loader::Loader;
use crate::settings::{FAR, Settings};
use crate::told::Told;

/// One side's way from command to event, above its calls.
pub(crate) struct Way {
    /// Half of the commands took at most this.
    pub(crate) p50: Duration,
    /// Ninety-nine of a hundred.
    pub(crate) p99: Duration,
    /// All of them.
    pub(crate) worst: Duration,
    /// Time in the stub, a command.
    pub(crate) in_calls: Duration,
    /// Calls, a command.
    pub(crate) calls: f64,
    /// How far the loader missed its schedule at most.
    pub(crate) late: Duration,
}

/// The bare loop's way and the worker's, with Graph far.
///
/// # Errors
/// When a claim does not end as it must.
pub(crate) async fn measure(ground: &Ground, settings: &Settings) -> Result<(Way, Way)> {
    Ok((once(ground, Side::Bare, settings).await?, once(ground, Side::Worker, settings).await?))
}

async fn once(ground: &Ground, side: Side<'_>, settings: &Settings) -> Result<Way> {
    let folder = ground.run_folder()?;
    let graph = Graph::start(FAR).await?;
    let loader = Loader::connect(&ground.broker).await?;
    loader.empty().await?;
    let mut told = Told::listen(&ground.broker).await?;
    let process = ground.start(side, &graph.url, &folder).await?;
    let ((sent, late), times) = tokio::try_join!(loader.pace(settings.open), told.all(settings.open))?;
    process.stop().await?;
    loader.close().await?;
    told.close().await?;
    let asked = graph.stop().await?;
    std::fs::remove_dir_all(&folder)?;
    let in_calls = Duration::from_secs_f64(asked.waited_seconds / settings.open as f64);
    let ways = above(&sent[settings.warm_up..], &times[settings.warm_up..], in_calls);
    Ok(Way {
        p50: percentile(&ways, 50.0),
        p99: percentile(&ways, 99.0),
        worst: percentile(&ways, 100.0),
        in_calls,
        calls: asked.calls as f64 / settings.open as f64,
        late,
    })
}

/// Sorted.
fn above(sent: &[Instant], told: &[Instant], in_calls: Duration) -> Vec<Duration> {
    let whole = sent.iter().zip(told).map(|(sent, told)| told.duration_since(*sent));
    let mut ways: Vec<Duration> = whole.map(|way| way.saturating_sub(in_calls)).collect();
    ways.sort_unstable();
    ways
}
