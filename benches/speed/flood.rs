//! The flood: one business has given a great many commands, and another gives ten now and then.
//!
//! The flood is looks at what its business holds: two reads each, nothing written. It lies in the journal before the others come:
//! how long the one queue of RabbitMQ takes is the intake's rate, which is measured elsewhere. Graph is far.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::claims::command;
use crate::figures::percentile;
use crate::ground::{Graph, Ground, Side};
use crate::loader::Loader;
use crate::settings::{BUSINESSES, FAR, Settings};
use crate::told::Told;

/// How often the other business gives its ten.
const ROUNDS: usize = 6;
const TEN: usize = 10;
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(500);
const GAP: Duration = Duration::from_millis(50);
const TAKEN_IN_WITHIN: Duration = Duration::from_secs(180);

/// What the other business sees.
pub(crate) struct Flood {
    /// The p95 of its commands without the flood.
    pub(crate) alone: Duration,
    /// And with it.
    pub(crate) beside: Duration,
    /// Of the flood had not ended when the last of its commands had.
    pub(crate) left: usize,
}

/// The same commands without and with the flood.
///
/// # Errors
/// When a command does not end as it must, or the flood is over too soon.
pub(crate) async fn measure(ground: &Ground, settings: &Settings) -> Result<Flood> {
    let (alone, _) = once(ground, 0).await?;
    let (beside, left) = once(ground, settings.flood).await?;
    ensure!(left > 0, "the flood was over before the others were through: it measures nothing");
    Ok(Flood { alone, beside, left })
}

async fn once(ground: &Ground, flood: usize) -> Result<(Duration, usize)> {
    let folder = ground.run_folder()?;
    let graph = Graph::start(FAR).await?;
    let loader = Loader::connect(&ground.broker).await?;
    loader.empty().await?;
    let mut told = Told::listen(&ground.broker).await?;
    loader.put((0..flood).map(|n| ("inspect", look(n)))).await?;
    let worker = ground.start(Side::Worker, &graph.url, &folder).await?;
    let until = Instant::now() + TAKEN_IN_WITHIN;
    while loader.waiting().await? > 0 {
        ensure!(Instant::now() < until, "the worker did not take in the flood");
        sleep(GAP).await;
    }
    let mut ways = Vec::with_capacity(ROUNDS * TEN);
    let mut looked = 0;
    for round in 0..ROUNDS {
        sleep(PAUSE).await;
        // One business: its numbers are a round of businesses apart.
        let numbers = (0..TEN).map(|n| (round * TEN + n) * BUSINESSES);
        let mut sent = HashMap::new();
        for n in numbers {
            sent.insert(format!("bench-{n}"), Instant::now());
            loader.put(std::iter::once(("claim", command(n)))).await?;
        }
        while !sent.is_empty() {
            let (kind, id, at) = told.next().await?;
            if kind.starts_with("bindery.inspect.") {
                looked += 1;
                continue;
            }
            ensure!(kind == "bindery.claim.confirmed", "{id} ended as {kind}");
            ways.push(at - sent.remove(&id).with_context(|| format!("{id} was told twice"))?);
        }
    }
    ways.sort_unstable();
    worker.kill().await?;
    loader.close().await?;
    told.close().await?;
    graph.stop().await?;
    std::fs::remove_dir_all(&folder)?;
    Ok((percentile(&ways, 95.0), flood.saturating_sub(looked)))
}

/// The `n`th command of the flood.
fn look(n: usize) -> Vec<u8> {
    let command = json!({"id": format!("flood-{n}"), "command": "inspect", "business": "19999", "kinds": ["page"]});
    command.to_string().into_bytes()
}
