//! May this call go now, as far as Meta's quota is concerned, or when? Asked right before every call.
//!
//! The arithmetic is `governor::budgets`. Here a call that has left is counted until it is heard of, however its step
//! ends; what the answers say is taken to the budgets, and what they park to the journal; and whoever waits for a bucket
//! comes back at its place in line, or at once when the bucket has room again.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use tracing::{debug, warn};

use super::ask::Gone;
use super::board::Seq;
use super::error::EngineError;
use super::progress::Progress;
use super::shared::{Memory, Shared};
use crate::config::Config;
use crate::contract::{Body, BusinessId, CommandId, WaitCause, Waiting};
use crate::governor::{Answer, Bucket, Budgets, Held, Pace, Purpose, Rank, Spending, Told, Wait, Wish};
use crate::graph::{Asked, Trouble};
use crate::journal::{Parked, State};
use crate::meta::{Call, Request, Scope};
use crate::procedures::Observation;

/// A shorter wait is pacing, and nobody is told of it.
const TOLD_FROM: Duration = Duration::from_secs(2);
/// A place in line that has moved by less is not journaled anew.
const SAME_PLACE: Duration = Duration::from_secs(10);
/// Places of commands that ended meanwhile, at most, before they are looked through.
const STALE_MAX: usize = 1_024;

/// Where a call goes, and what for.
pub(super) struct Way<'a> {
    credential: &'a str,
    business: &'a BusinessId,
    request: Request,
    purpose: Purpose,
    rank: Rank,
    has_waited: bool,
}

impl<'a> Way<'a> {
    /// Of a call that the command in `progress` makes.
    pub(super) fn of(progress: &Progress<'_>, call: &Call, credential: &'a str, business: &'a BusinessId) -> Self {
        let shared = progress.shared;
        let has_begun = progress.seen.iter().any(|seen| matches!(seen, Observation::Asked { .. }));
        let rank = if has_begun { Rank::BEGUN } else { Rank::fresh(progress.command.priority) };
        let memory = shared.memory();
        let place = memory.line.places.get(&progress.row.seq).copied();
        let has_waited = place.is_some_and(|place| place <= shared.clock.now());
        let purpose = memory.purpose(&progress.command.body, progress.family());
        drop(memory);
        Self { credential, business, request: call.request(), purpose, rank, has_waited }
    }

    /// Of a walk that no command asked for: it settles many, and comes back by itself.
    pub(super) fn of_sweep(call: &Call, credential: &'a str, business: &'a BusinessId) -> Self {
        let (purpose, rank) = (Purpose::Other, Rank::BEGUN);
        Self { credential, business, request: call.request(), purpose, rank, has_waited: true }
    }

    fn wish(&self) -> Wish<'_> {
        Wish {
            credential: self.credential,
            business: self.business,
            class: self.request.class,
            edge: self.request.edge,
            node: &self.request.node,
            purpose: self.purpose,
            rank: self.rank,
            has_waited: self.has_waited,
        }
    }
}

impl Memory {
    /// What takes access away may use the reserve, and so may all that an offboarding has begun.
    fn purpose(&self, body: &Body, family: &CommandId) -> Purpose {
        match body {
            Body::Offboard { .. } | Body::Unassign { .. } | Body::Revoke { .. } | Body::Disconnect { .. } => {
                Purpose::Offboarding
            }
            Body::Claim { .. }
            | Body::Unbind { .. }
            | Body::Reassign { .. }
            | Body::Assign { .. }
            | Body::Invite { .. }
            | Body::Transfer { .. }
            | Body::Share { .. }
            | Body::Inspect { .. }
            | Body::Undo { .. }
            | Body::Cancel { .. } => {
                if self.offboards(family) {
                    Purpose::Offboarding
                } else {
                    Purpose::Other
                }
            }
        }
    }
}

/// Who waits for a bucket, and when each was told to come back. What is only here a restart makes anew: everybody asks.
#[derive(Debug, Default)]
pub(crate) struct Line {
    places: HashMap<Seq, Timestamp>,
    waiting: HashMap<Bucket, BTreeSet<Seq>>,
}

impl Line {
    fn wait(&mut self, seq: Seq, bucket: &Bucket, until: Timestamp) {
        self.places.insert(seq, until);
        let waiting = self.waiting.entry(bucket.clone()).or_default();
        waiting.insert(seq);
        if waiting.len() > STALE_MAX + self.places.len() {
            waiting.retain(|seq| self.places.contains_key(seq));
        }
    }

    fn has_left(&mut self, seq: Seq) {
        self.places.remove(&seq);
    }

    /// Those that wait for `bucket`: all of them come back.
    fn called(&mut self, bucket: &Bucket) -> BTreeSet<Seq> {
        let mut called = self.waiting.remove(bucket).unwrap_or_default();
        called.retain(|seq| self.places.remove(seq).is_some());
        called
    }
}

/// A call that may leave. Dropped without a word, it has not left.
pub(super) struct Leave<'a> {
    shared: &'a Shared,
    spending: Option<Spending>,
}

impl<'a> Leave<'a> {
    /// Permission, or the bucket that has no room.
    pub(super) fn ask(shared: &'a Shared, way: &Way<'_>) -> Result<Self, Box<Wait>> {
        let spending = shared.memory().budgets.leave(&way.wish(), shared.clock.now())?;
        Ok(Self { shared, spending: Some(spending) })
    }

    /// What became of the call. A throttle's own wait: the latest time until which one of its buckets is left alone.
    pub(super) async fn heard(mut self, way: &Way<'_>, asked: &Asked) -> Result<Option<Wait>, EngineError> {
        let (shared, now) = (self.shared, self.shared.clock.now());
        let Some(spending) = self.spending.take() else { return Ok(None) };
        let requests = u32::try_from(asked.requests.len()).unwrap_or(u32::MAX);
        let is_throttled = matches!(asked.result, Err(Trouble::Throttled { .. }));
        let told = {
            let mut memory = shared.memory();
            asked.usage.iter().for_each(|usage| memory.usages.told(way.credential, usage, now));
            let answer = Answer { requests, usage: &asked.usage, is_throttled };
            memory.budgets.answered(&way.wish(), &spending, answer, now)
        };
        keep(shared, told).await?;
        match &asked.result {
            Err(Trouble::Throttled { scope, wait, code, .. }) => {
                throttled(shared, way, asked, *scope, *wait, *code).await
            }
            Ok(_) | Err(_) => Ok(None),
        }
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if let Some(spending) = &self.spending {
            self.shared.memory().budgets.unsent(spending);
        }
    }
}

/// Permission for the next call of the command in `progress`; else it waits for its bucket.
pub(super) async fn leave<'a>(
    shared: &'a Shared,
    progress: &mut Progress<'_>,
    way: &Way<'_>,
) -> Result<Result<Leave<'a>, Gone>, EngineError> {
    let seq = progress.row.seq;
    match Leave::ask(shared, way) {
        Ok(leave) => {
            shared.memory().line.has_left(seq);
            Ok(Ok(leave))
        }
        Err(wait) => waits(shared, progress, &wait).await.map(Err),
    }
}

/// The command waits for a bucket, and keeps its lane. What is only paced for a moment is not told, nor what is already.
pub(super) async fn waits(shared: &Shared, progress: &mut Progress<'_>, wait: &Wait) -> Result<Gone, EngineError> {
    shared.memory().line.wait(progress.row.seq, &wait.bucket, wait.until);
    let now = shared.clock.now();
    let known = match &progress.row.state {
        State::Waiting { cause, until, .. } if cause == WaitCause::Quota.word() => *until,
        State::Waiting { .. }
        | State::Ready
        | State::Running
        | State::Pending
        | State::AwaitingChildren
        | State::Awaiting { .. }
        | State::Ended(_) => None,
    };
    let is_told = known.is_some_and(|known| apart(known, wait.until) < SAME_PLACE);
    let is_pacing = wait.held != Held::Parked && apart(now, wait.until) < TOLD_FROM;
    if is_told || is_pacing {
        progress.flush().await?;
        return Ok(Gone::Waits(wait.until));
    }
    let waiting = Waiting {
        bucket: Some(wait.bucket.to_string()),
        usage_percent: wait.usage.map(percent),
        ..Waiting::of(WaitCause::Quota, now, Some(wait.until))
    };
    progress.waits_because(waiting, Some(in_words(wait))).await?;
    Ok(Gone::Waits(wait.until))
}

/// Why, as a person reads it.
fn in_words(wait: &Wait) -> String {
    let full = wait.usage.map_or_else(String::new, |usage| format!(", {} % used", percent(usage)));
    let held = match wait.held {
        Held::Parked => "is left alone",
        Held::Stopped => "is at its stop",
        Held::Slowed => "is near its stop and paced",
        Held::Crowded => "has others in line before it",
    };
    format!("bucket {}{full}: it {held}", wait.bucket)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a percentage may be")]
fn percent(usage: f64) -> u32 {
    usage.clamp(0.0, 10_000.0).round() as u32
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.duration_since(other).unsigned_abs()
}

/// What answers changed: parks go to the journal before the next call, and whoever may go on is woken.
async fn keep(shared: &Shared, told: Told) -> Result<(), EngineError> {
    if !told.eased.is_empty() {
        let mut memory = shared.memory();
        let called: BTreeSet<Seq> = told.eased.iter().flat_map(|bucket| memory.line.called(bucket)).collect();
        memory.board.wake_all(&called);
        drop(memory);
        debug!("{} commands go on: their bucket has room again", called.len());
        shared.work.notify_one();
    }
    for (bucket, until, percent) in told.parked {
        shared.journal.park(bucket.to_string(), until, format!("usage at {percent} %")).await?;
    }
    Ok(())
}

async fn throttled(
    shared: &Shared,
    way: &Way<'_>,
    asked: &Asked,
    scope: Scope,
    stated: Option<Duration>,
    code: i64,
) -> Result<Option<Wait>, EngineError> {
    let now = shared.clock.now();
    let parked = shared.memory().budgets.throttled(&way.wish(), scope, stated, &asked.usage, now);
    for Wait { bucket, until, .. } in &parked {
        warn!(%bucket, code, %until, "bucket {bucket} is throttled ({code}) and left alone until {until}");
        shared.journal.park(bucket.to_string(), *until, format!("throttled with code {code}")).await?;
    }
    Ok(parked.into_iter().max_by_key(|wait| wait.until))
}

/// The budgets as the journal remembers them: parks hold over a restart.
pub(super) fn remembered(config: &Config, parked: &[Parked]) -> Budgets {
    let percent = |percent: u32| u8::try_from(percent).unwrap_or(100);
    let mut budgets = Budgets::new(Pace {
        slow_from: percent(config.pace.slow_from),
        stop_at: percent(config.pace.stop_at),
        look_again: config.pace.look_again,
        unstated: config.pace.unstated,
        reserve: percent(config.offboarding.reserve),
    });
    for parked in parked {
        match parked.bucket.parse() {
            Ok(bucket) => budgets.remember(bucket, parked.until),
            Err(why) => warn!("the journal names a bucket that is none ({why}): {}", parked.bucket),
        }
    }
    budgets
}
