//! Watches: pending claims, followed outside their lanes. One walk of a business's list answers all of them.
//!
//! The pending list is read before the held list, and the held list only when something has gone from pending. What
//! a walk proves is the pure verdict of `procedures::verdict`; the absences that it counts are journaled with the
//! walk, so that a restart does not count anew. A due time follows from a watch's age and its list's last walk.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::{Instrument, debug, warn};

use super::ask::usable;
use super::error::EngineError;
use super::follow::{age, gap};
use super::outage::Permit;
use super::pace::{Leave, Way};
use super::shared::Shared;
use crate::config::PollConfig;
use crate::contract::{BusinessId, CommandId, ObjectId, Tasks};
use crate::crash::crash_point;
use crate::graph::Sent;
use crate::journal::{EvidenceEntry, Overdue, Patience, Walk, WatchRow, Watched, WatchedList, evidence};
use crate::meta::{Answer, AssetList, Call, Claimable, Reply};
use crate::procedures::verdict::{Absences, Sight, Verdict};
use crate::procedures::{Shown, StopCause};
use crate::telemetry;

/// The longest time between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);

/// Verdicts that wait to be recorded, at which no more lists are walked.
const SETTLING_MAX: usize = 4_096;
/// Before a list is tried again that could not be walked: its bucket is parked, its credential suspended, Meta away.
const NOT_NOW: Duration = Duration::from_secs(1);
/// Of those whose time is over, so many are told at once.
const OVER: u32 = 256;

/// What the walks so far say of a watch; in the journal beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Followed {
    pub(crate) absences: Absences,
    pub(crate) polls: u32,
    pub(crate) last: Option<Timestamp>,
    /// Of a share: whether the list has shown it as open, so that it can be missed there.
    #[serde(default, skip_serializing_if = "Shown::is_not_yet")]
    pub(crate) shown: Shown,
}

/// A watch that the lists have decided.
pub(crate) struct Settlement {
    pub(crate) verdict: Verdict,
    pub(crate) polls: u32,
    /// The walks that decided it, as they stand in the chain of the business.
    pub(crate) walks: Vec<EvidenceEntry>,
}

/// A list that was walked.
struct Walked {
    began: Timestamp,
    ended: Timestamp,
    complete: bool,
    rows: HashMap<ObjectId, Tasks>,
    requests: Vec<Sent>,
}

/// Follows the pending claims until the worker stops.
pub(crate) async fn run(shared: &Shared) {
    let mut patience = [Over::new(Patience::Deadline), Over::new(Patience::Age)];
    while !shared.stop.is_cancelled() {
        if let Err(error) = sweep_all(shared, &mut patience).await {
            warn!("could not look at what is pending: {error}");
            shared.journal_commits().await;
        }
        let tick = TICK.min(shared.config.poll.first / 2).max(Duration::from_millis(10));
        let _ = shared.stop.run_until_cancelled(tokio::time::sleep(tick)).await;
    }
}

async fn sweep_all(shared: &Shared, patience: &mut [Over; 2]) -> Result<(), EngineError> {
    for over in patience {
        over.tell(shared).await?;
    }
    let began = shared.clock.now();
    while !shared.stop.is_cancelled() && shared.journal.next_look().await?.is_some_and(|next| next <= began) {
        // What the lists have decided lies in memory until it is recorded: no more of it than that.
        if shared.memory().settled.len() > SETTLING_MAX {
            break;
        }
        let Some(list) = shared.journal.take_list(began, taken_until(shared)).await? else { break };
        let next = look(shared, &list).await?;
        shared.journal.put_list_back(list, next).await?;
    }
    Ok(())
}

/// A list that was taken and not put back, because the worker was killed, is looked at again then.
fn taken_until(shared: &Shared) -> Timestamp {
    shared.clock.now() + shared.config.poll.first
}

/// Looks at one list, if it is due; when it is to be looked at next.
async fn look(shared: &Shared, list: &WatchedList) -> Result<Option<Timestamp>, EngineError> {
    let (kind, access) = match &list.what {
        Watched::Claims(kind, access) => (*kind, *access),
        Watched::Shares(asset) => return super::shares::look(shared, &list.business, asset).await,
        Watched::Invitations => return super::invitations::look(shared, &list.business).await,
    };
    let Some(claimable) = Claimable::of(kind) else {
        warn!("what is pending of kind {} is followed by no list", kind.word());
        return Ok(Some(shared.clock.now() + shared.config.poll.max));
    };
    let watches = shared.journal.watches_in(&list.business, kind, access).await?;
    let poll = &shared.config.poll;
    let Some(due) = watches.iter().map(|watch| next_look(poll, watch)).min() else { return Ok(None) };
    let now = shared.clock.now();
    if due > now {
        return Ok(Some(due));
    }
    let pair = [AssetList::pending(claimable, access), AssetList::held(kind, access)];
    let span = telemetry::poll(list.business.as_str(), watches.iter().map(|watch| &watch.command));
    let next = walk(shared, &list.business, pair, &watches).instrument(span).await?;
    Ok(Some(next.unwrap_or(now + not_now(poll))))
}

/// Before a list is tried again whose walk could not be made.
pub(super) fn not_now(poll: &PollConfig) -> Duration {
    NOT_NOW.min(poll.first)
}

/// Tells what is past its time, by one clock, to stop: it withdraws its request itself. Each once a run: a stop stays
/// until it is journaled.
struct Over {
    patience: Patience,
    told: Option<(Timestamp, CommandId)>,
    /// Too old, and told of its deadline only now: what has let go of something else claims on for a while.
    again: Vec<Overdue>,
}

impl Over {
    fn new(patience: Patience) -> Self {
        Self { patience, told: None, again: Vec::new() }
    }

    async fn tell(&mut self, shared: &Shared) -> Result<(), EngineError> {
        loop {
            let now = shared.clock.now();
            let upto = match self.patience {
                Patience::Deadline => now,
                Patience::Age => now.checked_sub(shared.config.poll.give_up_after).unwrap_or(Timestamp::MIN),
            };
            let found = shared.journal.overdue(self.patience, self.told.as_ref(), upto, OVER).await?;
            if let Some(last) = found.last() {
                self.told = self.patience.time_of(last).map(|time| (time, last.command.clone()));
            }
            let ended = found.is_empty();
            for overdue in std::mem::take(&mut self.again).into_iter().chain(found) {
                self.tell_one(shared, overdue, now);
            }
            if ended {
                return Ok(());
            }
        }
    }

    fn tell_one(&mut self, shared: &Shared, overdue: Overdue, now: Timestamp) {
        match (give_up(&shared.config.poll, &overdue, now), self.patience) {
            (Some(StopCause::Deadline), Patience::Age) => self.again.push(overdue),
            (Some(cause), Patience::Deadline | Patience::Age) => shared.tell_to_stop(&overdue.command, cause),
            (None, _) => {}
        }
    }
}

/// Why what is past its time is told to stop.
fn give_up(poll: &PollConfig, overdue: &Overdue, now: Timestamp) -> Option<StopCause> {
    let expires = overdue.expires_at;
    let too_old = age(overdue.sent_at, now) >= poll.give_up_after;
    // A transfer's claim outlives its deadline, and no claim its old age.
    let outlived = expires.is_some_and(|at| at + poll.max <= now);
    if expires.is_some_and(|at| at <= now) && !(too_old && outlived) {
        Some(StopCause::Deadline)
    } else {
        too_old.then_some(StopCause::GivenUp)
    }
}

pub(crate) fn followed(watch: &WatchRow) -> Followed {
    // What cannot be read counts for nothing: the walks are made anew.
    serde_json::from_str(&watch.absences).unwrap_or_default()
}

/// When the lists are read for a watch next, at the latest: another watch of the business may bring it forward.
pub(crate) fn next_look(poll: &PollConfig, watch: &WatchRow) -> Timestamp {
    due(poll, watch.sent_at, followed(watch))
}

/// When what was sent at `sent_at` is looked at next.
pub(super) fn due(poll: &PollConfig, sent_at: Timestamp, so_far: Followed) -> Timestamp {
    let last = so_far.last.unwrap_or(sent_at);
    let regular = last + gap(age(sent_at, last), poll.first, poll.max);
    // Once missed, the second look comes as soon as it can prove something.
    let second = so_far.absences.first_ended.map(|ended| ended + poll.settle);
    second.map_or(regular, |second| second.min(regular).max(last + poll.first))
}

/// Walks the pending list and, where something has gone from it, the held list; when what is still open is looked at
/// next. `None`: it could not be walked now.
async fn walk(
    shared: &Shared,
    business: &BusinessId,
    lists: [AssetList; 2],
    watches: &[WatchRow],
) -> Result<Option<Timestamp>, EngineError> {
    let Some(pending) = list(shared, business, lists[0]).await? else { return Ok(None) };
    let gone = |watch: &&WatchRow| !pending.rows.contains_key(&watch.asset.id);
    let held = if watches.iter().any(|watch| gone(&watch)) { list(shared, business, lists[1]).await? } else { None };
    let (poll, mut updates, mut settled) = (&shared.config.poll, Vec::new(), Vec::new());
    let mut next_at = pending.began + poll.max;
    for watch in watches {
        let sight = sight(watch, &pending, held.as_ref());
        let so_far = followed(watch);
        let polls = so_far.polls.saturating_add(1);
        match so_far.absences.after(watch.sent_at, &sight, shared.rules.proof()) {
            Verdict::Open(absences) => {
                let next = Followed { absences, polls, last: Some(pending.began), ..so_far };
                next_at = next_at.min(due(poll, watch.sent_at, next));
                updates.push((watch.command.clone(), serde_json::to_string(&next).map_err(EngineError::Json)?));
            }
            verdict @ (Verdict::Granted(_) | Verdict::Gone) => {
                // Until its step has recorded that, it could be lost with the worker.
                next_at = next_at.min(pending.began + poll.first);
                let first = so_far.absences.first_ended.filter(|_| verdict == Verdict::Gone);
                settled.push((watch.command.clone(), verdict, polls, first));
            }
        }
    }
    let named = record(shared, business, lists, [Some(&pending), held.as_ref()], updates).await?;
    if let Some(watch) = watches.first() {
        telemetry::claims_settled(watch.asset.kind.word(), settled.len());
    }
    for (command, verdict, polls, first) in settled {
        let mut walks = first_absence(shared, business, lists.map(AssetList::edge), first).await?;
        walks.extend(named.iter().cloned());
        hand_over(shared, &command, Settlement { verdict, polls, walks });
    }
    Ok(Some(next_at))
}

/// The walk whose absence was the first to count, which ended then: a denial is proved by two.
pub(super) async fn first_absence(
    shared: &Shared,
    business: &BusinessId,
    lists: [&str; 2],
    ended: Option<Timestamp>,
) -> Result<Vec<EvidenceEntry>, EngineError> {
    let Some(ended) = ended else { return Ok(Vec::new()) };
    let [pending, held] = lists;
    let Some(held) = shared.journal.walk_by(business, held, ended).await? else { return Ok(Vec::new()) };
    let pending = shared.journal.walk_by(business, pending, held.walk.began).await?;
    let walks = pending.into_iter().chain([held]);
    Ok(walks.map(|chained| evidence::of_walk(&chained.walk, &chained.hash)).collect())
}

/// The same, where one list decides.
pub(super) async fn walk_that_missed_first(
    shared: &Shared,
    business: &BusinessId,
    list: &str,
    ended: Option<Timestamp>,
) -> Result<Vec<EvidenceEntry>, EngineError> {
    let Some(ended) = ended else { return Ok(Vec::new()) };
    let walk = shared.journal.walk_by(business, list, ended).await?;
    Ok(walk.map(|chained| evidence::of_walk(&chained.walk, &chained.hash)).into_iter().collect())
}

/// The lists have decided what a command waits for.
pub(super) fn hand_over(shared: &Shared, command: &CommandId, settlement: Settlement) {
    crash_point!(Settled, command.as_str());
    let mut memory = shared.memory();
    memory.settled.insert(command.clone(), settlement);
    memory.board.wake(command);
    drop(memory);
    shared.work.notify_one();
}

fn sight(watch: &WatchRow, pending: &Walked, held: Option<&Walked>) -> Sight {
    Sight {
        began: pending.began,
        ended: held.map_or(pending.ended, |walked| walked.ended),
        complete: pending.complete && held.is_some_and(|walked| walked.complete),
        pending: pending.rows.contains_key(&watch.asset.id),
        held: held.and_then(|walked| walked.rows.get(&watch.asset.id)).cloned(),
    }
}

/// Walks a whole list; `None` where the call may not go now. A walk that broke shows nothing.
async fn list(shared: &Shared, business: &BusinessId, list: AssetList) -> Result<Option<Walked>, EngineError> {
    let call = Call::ListAll { business: business.clone(), list };
    let Some(asked) = read(shared, business, &call).await? else { return Ok(None) };
    let (complete, rows) = match asked.answer {
        Some(Answer::Assets(rows)) => (true, rows),
        Some(_) | None => (false, Vec::new()),
    };
    let rows = rows.into_iter().map(|held| (held.id, held.tasks)).collect();
    Ok(Some(Walked { began: asked.began, ended: asked.ended, complete, rows, requests: asked.requests }))
}

/// A list as it was read.
pub(super) struct Asked {
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    /// What it says; nothing where the walk broke.
    pub(super) answer: Option<Answer>,
    pub(super) requests: Vec<Sent>,
}

/// Reads a list that no command asked for; `None` where the call may not go now.
pub(super) async fn read(shared: &Shared, business: &BusinessId, call: &Call) -> Result<Option<Asked>, EngineError> {
    let Ok(Some(ready)) = usable(shared, business) else { return Ok(None) };
    let way = Way::of_sweep(call, &ready.secrets.name, business);
    let Ok(leave) = Leave::ask(shared, &way) else { return Ok(None) };
    let Ok(permit) = Permit::ask(shared) else { return Ok(None) };
    let asked = shared.graph.ask(&ready.secrets, call).await;
    permit.heard(business.as_str(), &asked);
    leave.heard(&way, &asked).await?;
    let ended = shared.clock.now();
    let answer = match asked.result {
        Ok(Reply::Answer(answer)) => Some(answer),
        Ok(other) => {
            let path = call.request().path();
            debug!(%business, "the walk of {path} was answered with {other:?}");
            None
        }
        Err(trouble) => {
            super::ask::note_trouble(shared, &ready, business, &trouble).await?;
            None
        }
    };
    Ok(Some(Asked { began: asked.began, ended, answer, requests: asked.requests }))
}

/// Records the walks in the chain of the business; the entries by which a command's own chain names them.
async fn record(
    shared: &Shared,
    business: &BusinessId,
    lists: [AssetList; 2],
    walks: [Option<&Walked>; 2],
    mut updates: Vec<(CommandId, String)>,
) -> Result<Vec<EvidenceEntry>, EngineError> {
    let mut named = Vec::new();
    for (list, walked) in lists.into_iter().zip(walks).filter_map(|(list, walked)| Some((list, walked?))) {
        let traces: Vec<&String> = walked.requests.iter().filter_map(|sent| sent.trace.as_ref()).collect();
        let walk = Walk {
            business: business.clone(),
            list: list.edge().to_owned(),
            began: walked.began,
            ended: walked.ended,
            pages: u32::try_from(walked.requests.len()).unwrap_or(u32::MAX),
            rows: u64::try_from(walked.rows.len()).unwrap_or(u64::MAX),
            complete: walked.complete,
            traces: serde_json::to_string(&traces).map_err(EngineError::Json)?,
        };
        let hash = shared.journal.record_walk(walk.clone(), std::mem::take(&mut updates)).await?;
        named.push(evidence::of_walk(&walk, &hash));
    }
    Ok(named)
}
