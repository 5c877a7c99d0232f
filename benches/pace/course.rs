//! One run: a world, a backlog, and the engine on it.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bindery::config::Config;
use bindery::engine::{Clock, Engine};
use bindery::graph::{Graph, GraphConfig};
use bindery::graph_sim::{Quota, Sim, SimConfig, World};
use bindery::journal::Journal;
use futures_util::stream;
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::time::{Heard, listen, pass};

/// No run takes longer on the wall; one that does is stuck.
const PATIENCE: Duration = Duration::from_secs(600);

/// How much is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) businesses: usize,
    /// Claims of each.
    pub(crate) claims: usize,
    /// Calls that Meta allows each in an hour.
    pub(crate) per_hour: u32,
    /// Too little to be told to others.
    pub(crate) is_quick: bool,
}

impl Size {
    pub(crate) const WHOLE: Self = Self { businesses: 50, claims: 200, per_hour: 200, is_quick: false };
    pub(crate) const QUICK: Self = Self { businesses: 10, claims: 60, per_hour: 60, is_quick: true };

    pub(crate) fn commands(self) -> usize {
        self.businesses * self.claims
    }

    fn each(self) -> impl Iterator<Item = (String, String)> {
        // Side by side, as a backlog of many clients is.
        (0..self.claims).flat_map(move |claim| {
            (0..self.businesses).map(move |n| (business(n), format!("{}", 1_000_000 + n * self.claims + claim)))
        })
    }
}

/// A run that is set up.
pub(crate) struct Course {
    size: Size,
    has_quota: bool,
}

/// What it came to.
pub(crate) struct Ran {
    /// By the simulator's clock.
    pub(crate) took: Duration,
    /// By ours.
    pub(crate) on_the_wall: Duration,
    pub(crate) calls: u64,
    pub(crate) throttled: u64,
    /// Events that told of a wait.
    pub(crate) waits: u64,
}

impl Course {
    /// Without any quota: what the work takes.
    pub(crate) fn free(size: Size) -> Self {
        Self { size, has_quota: false }
    }

    /// Each business with its quota.
    pub(crate) fn tight(size: Size) -> Self {
        Self { size, has_quota: true }
    }

    /// Works until every claim is confirmed.
    pub(crate) async fn run(&self, within: &Path) -> Result<Ran> {
        let folder = tempfile::Builder::new().prefix("pace-").tempdir_in(within)?;
        let sim = Sim::start(SimConfig::of(self.world())).await?;
        if self.has_quota {
            (0..self.size.businesses).for_each(|n| sim.quota(Quota::business(&business(n), self.size.per_hour)));
        }
        let (began, wall) = (sim.now(), Instant::now());
        let (heard, waits, clock) = (Mutex::new(Heard::default()), AtomicU64::new(0), Clock::default());
        let (engine, journal) = engine(&sim, &clock, &folder).await?;
        let bodies = stream::iter(self.size.each().map(|(business, page)| claim(&business, &page)));
        let work = engine.pipe(bodies, |event| {
            waits.fetch_add(u64::from(tells_of_a_wait(event)), Ordering::Relaxed);
            Ok(())
        });
        let piped = tokio::select! {
            piped = tokio::time::timeout(PATIENCE, work) => piped.context("it does not come to an end")?,
            () = pass(&sim, &clock, &heard) => unreachable!("time passes until the work is done"),
        };
        listen(&sim, &heard);
        let took = Duration::try_from(sim.now().duration_since(began))?;
        journal.close().await;
        sim.stop().await;
        ensure!(piped.well == self.size.commands(), "not all were confirmed: {piped:?}");
        let heard = heard.into_inner().map_err(|_| anyhow::anyhow!("the count is broken"))?;
        let (calls, throttled) = (heard.calls, heard.throttled);
        Ok(Ran { took, on_the_wall: wall.elapsed(), calls, throttled, waits: waits.into_inner() })
    }

    /// Pages of nobody, with the business's own system user as an admin since long ago: a claim is granted at once.
    fn world(&self) -> World {
        let world = World::new(7).token_for_all("bench");
        let world = (0..self.size.businesses).fold(world, |world, n| world.business(&business(n), |b| b));
        self.size
            .each()
            .fold(world, |world, (business, page)| world.page(&page, |p| p.direct_admin(&format!("9{business}"))))
    }
}

fn business(n: usize) -> String {
    format!("{}", 20_000 + n)
}

fn claim(business: &str, page: &str) -> Vec<u8> {
    let asset = json!({"kind": "page", "id": page});
    json!({"id": format!("c-{page}"), "command": "claim", "business": business, "asset": asset, "access": "owner"})
        .to_string()
        .into_bytes()
}

fn tells_of_a_wait(event: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(event).is_ok_and(|event| event["data"]["phase"] == "waiting")
}

/// The engine with its defaults, but for the claim caps: they are not what is measured.
async fn engine(sim: &Sim, clock: &Clock, folder: &TempDir) -> Result<(Engine, Journal)> {
    let mut config = Config::from_toml(
        "[claims]\nopen_per_business = 1000000\nnew_per_hour = 1000000\n\
         [credentials.main]\naccess_token = \"bench\"\nbusinesses = [\"*\"]\n",
    )?;
    config.graph.base_url = sim.base_url().parse()?;
    let graph = Graph::new(&GraphConfig {
        base_url: config.graph.base_url.clone(),
        api_version: config.graph.api_version.clone(),
        call_within: config.graph.call_within,
        page_limit: 100,
    })?;
    let journal = Journal::open(&folder.path().join("pace.db")).await?;
    let stop = CancellationToken::new();
    let graph = graph.with_clock(clock.reader());
    let engine = Engine::new(config, journal.clone(), graph, clock.clone(), stop).await?;
    Ok((engine, journal))
}
