//! The soak: mixed load while faults of the list strike by chance, one after another, and every command ends once.
//!
//! `make test` lets it run for a few seconds with one seed. `make soak` takes ten minutes and a new seed, which it prints;
//! `make soak SEED=…` brings the same load and the same faults in the same order for as long.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bindery::crash::CrashPoint;
use bindery::graph_sim::{Break, How, Throttle, Verb};
use tokio::time::{Instant, sleep};

use super::broker::load_is_done_of;
use super::shim::{Disk, Names, Shim};
use super::trial::{Trial, is_full};
use crate::harness::{BUSINESS, NEIGHBOUR, world};
use crate::load;
use crate::proxy::{ANY, CONSUMER, PUBLISHER, Proxy, Way};
use crate::rabbit::Node;

/// What can strike. Each is healed before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Crash,
    Stop,
    Freeze,
    BrokerCut,
    BrokerRefuses,
    BrokerSilent,
    BrokerSlow,
    ConfirmsSwallowed,
    AcksSwallowed,
    BrokerKilled,
    Alarm,
    GraphTimesOutAfter,
    GraphTimesOutBefore,
    GraphNonsense,
    GraphErrors,
    GraphThrottles,
    GraphRefuses,
    GraphSilent,
    GraphSlow,
    ListsLag,
    NamesFail,
    DiskFull,
    DiskReadOnly,
    DiskStuck,
    CutInCheckpoint,
    ClockJumps,
    SentTwice,
    NoCommand,
}

impl Fault {
    const ALL: [Self; 29] = [
        Self::Kill,
        Self::Crash,
        Self::Stop,
        Self::Freeze,
        Self::BrokerCut,
        Self::BrokerRefuses,
        Self::BrokerSilent,
        Self::BrokerSlow,
        Self::ConfirmsSwallowed,
        Self::AcksSwallowed,
        Self::BrokerKilled,
        Self::Alarm,
        Self::GraphTimesOutAfter,
        Self::GraphTimesOutBefore,
        Self::GraphNonsense,
        Self::GraphErrors,
        Self::GraphThrottles,
        Self::GraphRefuses,
        Self::GraphSilent,
        Self::GraphSlow,
        Self::ListsLag,
        Self::NamesFail,
        Self::DiskFull,
        Self::DiskReadOnly,
        Self::DiskStuck,
        Self::CutInCheckpoint,
        Self::ClockJumps,
        Self::SentTwice,
        Self::NoCommand,
    ];
}

/// What a slow wire adds to each way.
const SLOW: Duration = Duration::from_millis(150);

/// Chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % most.max(1)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn millis(&mut self, least: u64, most: usize) -> Duration {
        Duration::from_millis(least + self.below(most) as u64)
    }
}

/// A number from the environment.
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn soak_whatever_strikes_under_mixed_load_every_command_ends_once_and_well() -> Result<()> {
    let lasts = Duration::from_secs(asked("BINDERY_SOAK_SECONDS").unwrap_or(20));
    let by_chance = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
    let seed = asked("BINDERY_SOAK_SEED").unwrap_or_else(|| if is_full() { by_chance() } else { 20_261_125 });
    println!("soak: seed {seed}, {} s", lasts.as_secs());
    let again = format!("to see it again: make soak SEED={seed} SECONDS={}", lasts.as_secs());
    soak(seed, lasts).await.context(again)
}

async fn soak(seed: u64, lasts: Duration) -> Result<()> {
    let mut soak = Soak::begin(seed, lasts).await?;
    let until = Instant::now() + lasts;
    while Instant::now() < until {
        soak.send_some().await?;
        let fault = soak.chance.one_of(&Fault::ALL);
        let within = soak.chance.millis(200, 1_800);
        println!("soak: after {} commands {fault:?} for {within:?}", soak.sent.len());
        soak.trial.strikes();
        soak.strike(fault, within).await.with_context(|| format!("{fault:?}"))?;
        soak.heal().await.with_context(|| format!("after {fault:?}"))?;
    }
    load_is_done_of(&soak.trial, soak.sent.iter().copied()).await?;
    soak.trial.settles().await.map(drop)
}

struct Soak {
    trial: Trial,
    node: Node,
    broker: Proxy,
    graph: Proxy,
    shim: Shim,
    chance: Chance,
    sent: Vec<usize>,
    next: usize,
    most: usize,
}

impl Soak {
    async fn begin(seed: u64, lasts: Duration) -> Result<Self> {
        let node = Node::boot("").await?;
        let vhost = node.vhost().await?;
        let most = usize::try_from(lasts.as_secs())? * 4 + 60;
        let pages = (0..most).filter(|n| is_sent(*n)).fold(world(), load::with_page);
        let broker = Proxy::to(vhost.address()).await?;
        let url = vhost.url_by(broker.address(), "?heartbeat=1");
        let settings = [("AMQP__URL", &*url), ("AMQP__CONFIRM_WITHIN", "2s")];
        let mut trial = Trial::prepared("soak", vhost, pages, &settings).await?;
        let graph = Proxy::to(trial.story.meta.addr()).await?;
        trial.graph_at(graph.address().port());
        let shim = Shim::under(&mut trial).await?;
        // Whatever dies leaves reads that nobody recorded.
        trial.has_died();
        trial.story.restart().await?;
        Ok(Self { trial, node, broker, graph, shim, chance: Chance(seed), sent: Vec::new(), next: 0, most })
    }

    async fn send_some(&mut self) -> Result<()> {
        for _ in 0..3 + self.chance.below(8) {
            let Some(n) = (self.next..self.most).find(|n| is_sent(*n)) else { return Ok(()) };
            self.next = n + 1;
            self.trial.send(&load::command(n)).await?;
            self.sent.push(n);
        }
        Ok(())
    }

    async fn strike(&mut self, fault: Fault, within: Duration) -> Result<()> {
        let meta = &self.trial.story.meta;
        match fault {
            Fault::Kill => return self.trial.kill().await,
            Fault::Crash => return self.crash().await,
            Fault::Stop => return self.trial.story.stop().await,
            Fault::Freeze => return self.freeze(within).await,
            Fault::BrokerKilled => return self.kill_broker(within).await,
            Fault::Alarm => return self.alarm(within).await,
            Fault::CutInCheckpoint => return self.cut_in_checkpoint().await,
            Fault::SentTwice => {
                let n = self.chance.one_of(&self.sent);
                return self.trial.send(&load::command(n)).await;
            }
            Fault::NoCommand => return self.trial.story.send_raw("claim", b"no command").await,
            Fault::BrokerCut => self.broker.cut(ANY),
            Fault::BrokerRefuses => self.broker.refuse().await?,
            Fault::BrokerSilent => self.broker.swallow(ANY, Way::Both),
            Fault::BrokerSlow => self.broker.delay(SLOW),
            Fault::ConfirmsSwallowed => self.broker.swallow(PUBLISHER, Way::Down),
            Fault::AcksSwallowed => self.broker.swallow(CONSUMER, Way::Up),
            Fault::GraphTimesOutAfter => meta.break_next(any_write(How::TimeoutAfter)),
            Fault::GraphTimesOutBefore => meta.break_next(any_write(How::TimeoutBefore)),
            Fault::GraphNonsense => {
                let how = self.chance.one_of(&[0, 1, 2, 3]);
                let how = [How::Reset, How::Truncated, How::Html200, How::EmptyError][how].clone();
                meta.break_next(any_write(how.clone()));
                meta.break_next(Break::next(Verb::Get, "/", how).times(3));
            }
            Fault::GraphErrors => {
                for verb in [Verb::Get, Verb::Post] {
                    meta.break_next(Break::next(verb, "/", How::error(2)).times(1_000));
                }
            }
            // Without a stated time: what is stated is stated in minutes.
            Fault::GraphThrottles => {
                let whose = self.chance.one_of(&[BUSINESS, NEIGHBOUR]);
                meta.throttle(Throttle::business(whose, 1).silent().times(1));
            }
            Fault::GraphRefuses => self.graph.refuse().await?,
            Fault::GraphSilent => self.graph.swallow(ANY, Way::Both),
            Fault::GraphSlow => self.graph.delay(SLOW),
            Fault::ListsLag => meta.lag(Duration::from_millis(800)),
            Fault::NamesFail => {
                self.shim.names(Names::Fail)?;
                self.graph.cut(ANY);
            }
            Fault::DiskFull => self.shim.disk(Disk::Full)?,
            Fault::DiskReadOnly => self.shim.disk(Disk::ReadOnly)?,
            Fault::DiskStuck => self.shim.disk(Disk::Stuck)?,
            Fault::ClockJumps => self.shim.clock(self.chance.one_of(&[-3_600, -60, 60, 3_600]))?,
        }
        sleep(within).await;
        Ok(())
    }

    /// The worker starts anew and dies at a point, if it comes there.
    async fn crash(&mut self) -> Result<()> {
        self.trial.story.stop().await?;
        let point = self.chance.one_of(&CrashPoint::ALL);
        println!("soak: at {point:?}");
        self.trial.story.surround("BINDERY_CRASH_AT", point.name());
        self.trial.story.start()?;
        self.send_some().await?;
        let patience = Instant::now() + Duration::from_secs(3);
        while !self.trial.story.has_ended() && Instant::now() < patience {
            sleep(Duration::from_millis(20)).await;
        }
        self.trial.story.surround("BINDERY_CRASH_AT", "");
        self.trial.kill().await
    }

    async fn freeze(&self, within: Duration) -> Result<()> {
        self.trial.story.signal("STOP").await?;
        sleep(within).await;
        self.trial.story.signal("CONT").await
    }

    async fn kill_broker(&mut self, within: Duration) -> Result<()> {
        self.node.kill().await?;
        sleep(within).await;
        self.node.start_again().await?;
        self.trial.story.connect_again().await
    }

    async fn alarm(&self, within: Duration) -> Result<()> {
        self.node.raise_alarm().await?;
        sleep(within).await;
        self.node.end_alarm().await
    }

    /// The worker is told to stop and dies while it folds its journal's log back.
    async fn cut_in_checkpoint(&mut self) -> Result<()> {
        self.shim.disk(Disk::CutInCheckpoint)?;
        self.trial.story.signal("TERM").await?;
        self.trial.dies().await.map(drop)
    }

    /// Nothing is wrong any more, a worker runs and is ready.
    async fn heal(&mut self) -> Result<()> {
        self.shim.disk(Disk::Healthy)?;
        self.shim.names(Names::Resolve)?;
        self.shim.clock(0)?;
        self.broker.pass();
        self.graph.pass();
        self.trial.story.meta.heal();
        if self.trial.story.pid().is_none() || self.trial.story.has_ended() {
            self.trial.story.start()?;
        }
        self.trial.is_back().await
    }
}

/// A claim that is denied while nobody looks leaves no sign that it was made, and is made again: no case for chance.
fn is_sent(n: usize) -> bool {
    n % 6 != 2
}

fn any_write(how: How) -> Break {
    Break::next(Verb::Post, "/", how).times(3)
}
