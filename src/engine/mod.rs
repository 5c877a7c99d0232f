//! The engine acts: intake, dispatch, steps, sweeps and the relay, a file each.
//!
//! It carries out what procedures decide, and never decides itself what is asked of Meta. It names no neighbour's
//! crate: the broker, Graph and the journal are rooms of their own.

mod ask;
mod board;
mod breaker;
mod census;
mod clock;
mod deeds;
mod dispatch;
mod error;
mod fan_out;
mod follow;
mod gauges;
mod intake;
mod invitations;
mod notice;
mod offboarding;
mod outage;
mod pace;
mod permit;
mod pipe;
mod poison;
mod progress;
mod prune;
mod relay;
mod replies;
mod rights;
mod shared;
mod shares;
mod step;
mod supply;
mod sweep;
mod switch;
mod takes;
mod tell;
mod unknown;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

pub use clock::Clock;
pub use error::EngineError;
pub(crate) use intake::{DEAD_HEADERS, DEAD_TYPE};
pub use pipe::Piped;
pub(crate) use shares::list_of;
pub(crate) use sweep::{followed, next_look};
pub use switch::Switch;

use crate::broker::{BrokerConfig, Consumer, LinkState, Publisher};
use crate::config::{Config, Protected};
use crate::governor::Outage;
use crate::graph::Graph;
use crate::journal::Journal;
use crate::procedures::Rules;
use replies::Replies;
use shared::{Memory, Shared};

/// How often a write with unknown effect is sent, at most: each time a look over settled lists showed no effect.
const WRITES_AT_MOST: u32 = 5;

/// What the engine works with.
pub struct Engine {
    shared: Arc<Shared>,
}

/// How the engine's connections stand, for readiness.
#[derive(Clone)]
pub struct Links {
    /// The consumer's.
    pub consuming: watch::Receiver<LinkState>,
    /// The publisher's.
    pub publishing: watch::Receiver<LinkState>,
    /// How many messages named a `reply_to` that is no requester's queue.
    pub replies_ignored: Arc<AtomicU64>,
}

impl Engine {
    /// An engine over an open journal: whatever an earlier run left open is on the board.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn new(
        config: Config,
        journal: Journal,
        graph: Graph,
        clock: Clock,
        stop: CancellationToken,
    ) -> Result<Self, EngineError> {
        let rules = rules(&config);
        let memory = Mutex::new(remembered(&config, &journal).await?);
        let (work, outbox) = (Notify::new(), Notify::new());
        let (replies, switching) = (Replies::default(), tokio::sync::Mutex::default());
        let shared = Shared { config, journal, graph, clock, rules, memory, work, outbox, replies, switching, stop };
        let shared = Arc::new(shared);
        take_up(&shared).await?;
        gauges::begin(&shared);
        Ok(Self { shared })
    }

    /// The stop switch of this engine, for whoever operates it.
    #[must_use]
    pub fn switch(&self) -> Switch {
        Switch::of(&self.shared)
    }

    /// Works until the engine is told to stop; then lets running steps end and publishes what it can.
    ///
    /// `links` is called once with how the connections stand.
    pub async fn run(self, broker: BrokerConfig, links: impl FnOnce(Links)) {
        let shared = self.shared;
        let (consumer, deliveries, consuming) = Consumer::new(broker.clone());
        let (publisher, publishing) = Publisher::new(broker);
        let replies_ignored = shared.replies.ignored();
        links(Links { consuming: consumer.state(), publishing: publisher.state(), replies_ignored });
        let mut rooms = JoinSet::new();
        rooms.spawn(consuming);
        rooms.spawn(publishing);
        // A task each: joined in one, every wake of one would look after all.
        let mut work = JoinSet::new();
        work.spawn(with(&shared, |shared| async move {
            intake::run(&shared, consumer, deliveries).await;
            None
        }));
        work.spawn(with(&shared, |shared| async move {
            dispatch::run(&shared).await;
            None
        }));
        work.spawn(with(&shared, |shared| async move {
            sweep::run(&shared).await;
            None
        }));
        work.spawn(with(&shared, |shared| async move {
            outage::run(&shared).await;
            None
        }));
        work.spawn(with(&shared, |shared| async move {
            prune::run(&shared).await;
            None
        }));
        work.spawn(with(&shared, |shared| async move {
            relay::run(&shared, &publisher).await;
            Some(publisher)
        }));
        for publisher in joined(&mut work).await.into_iter().flatten() {
            relay::drain(&shared, &publisher).await;
        }
        // Either room's task ends when its last handle is dropped, which is when the work is done.
        joined(&mut rooms).await;
        info!("stopped, nothing accepted is lost");
    }
}

/// A task's future, with what it shares.
fn with<F: Future>(shared: &Arc<Shared>, task: impl FnOnce(Arc<Shared>) -> F) -> F {
    task(Arc::clone(shared))
}

/// Awaits all tasks. One that has crashed takes the engine with it: a restart goes on from the journal.
async fn joined<T: 'static>(tasks: &mut JoinSet<T>) -> Vec<T> {
    let mut done = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(value) => done.push(value),
            Err(crashed) if crashed.is_panic() => std::panic::resume_unwind(crashed.into_panic()),
            Err(_) => {}
        }
    }
    done
}

fn rules(config: &Config) -> Rules {
    let entry = |entry: &Protected| match entry {
        Protected::Asset(asset) => asset.to_string(),
        Protected::Person(crate::contract::Person::Id(id)) => format!("person/{id}"),
        Protected::Person(crate::contract::Person::Email(email)) => email.to_string(),
    };
    Rules {
        settle: config.poll.settle,
        deny_after_walks: config.poll.deny_after_walks,
        look_first: config.retry.first,
        writes_at_most: WRITES_AT_MOST,
        cool_down: config.cool_down,
        protected: config.protected.iter().map(entry).collect(),
    }
}

/// Parks and suspensions hold over a restart.
async fn remembered(config: &Config, journal: &Journal) -> Result<Memory, EngineError> {
    let budgets = pace::remembered(config, &journal.parked().await?);
    let outage = Outage::new(outage::gaps(&config.retry));
    let (holds, breakers) = switch::holds(journal).await?;
    let offboardings = journal.offboardings().await?.into_iter().collect();
    let mut memory = Memory { budgets, outage, holds, breakers, offboardings, ..Memory::default() };
    for suspended in journal.suspended().await? {
        memory.suspended.insert(suspended.credential, suspended.fingerprint);
    }
    Ok(memory)
}

/// Watches that are read at once.
const READ: u32 = 1_000;

/// The claims of open commands that Meta has not decided: they count against the limits of their businesses.
async fn remember_claims(shared: &Shared) -> Result<(), EngineError> {
    let mut after = None;
    loop {
        let found = shared.journal.watched_after(after.as_ref(), READ).await?;
        let Some(last) = found.last() else { return Ok(()) };
        after = Some(last.command.clone());
        let mut memory = shared.memory();
        found.iter().for_each(|watch| memory.claims.remember(&watch.business, &watch.command, watch.sent_at));
    }
}

/// Whatever is open goes on from where its journal stands: it is counted now, and fetched as there is room for it.
async fn take_up(shared: &Shared) -> Result<(), EngineError> {
    remember_claims(shared).await?;
    let open = shared.journal.count_open().await?;
    let in_front = shared.journal.businesses_in_front().await?;
    let mut memory = shared.memory();
    open.iter().for_each(|alike| memory.census.found(alike));
    in_front.iter().for_each(|business| memory.board.moved_up(business));
    if memory.census.open() > 0 {
        info!("the journal holds {} open commands, going on with them", memory.census.open());
    }
    Ok(())
}
