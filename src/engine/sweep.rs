//! Watches: pending claims, followed outside their lanes. One walk of a business's list answers all of them.
//!
//! The pending list is read before the held list, and the held list only when something has gone from pending. What
//! a walk proves is the pure verdict of `procedures::verdict`; the absences that it counts are journaled with the
//! walk, so that a restart does not count anew. A due time follows from a watch's age and its list's last walk.

use std::collections::{BTreeMap, HashMap};
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
use crate::contract::{Access, BusinessId, CommandId, ObjectId, Tasks};
use crate::crash::crash_point;
use crate::graph::Sent;
use crate::journal::{EvidenceEntry, Walk, WatchRow, evidence};
use crate::meta::{Answer, AssetList, Call, Claimable, Reply};
use crate::procedures::verdict::{Absences, Sight, Verdict};
use crate::procedures::{Shown, StopCause};
use crate::telemetry;

/// The longest time between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);

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
    while !shared.stop.is_cancelled() {
        if let Err(error) = sweep_all(shared).await {
            warn!("could not look at what is pending: {error}");
            shared.journal_commits().await;
        }
        let tick = TICK.min(shared.config.poll.first / 2).max(Duration::from_millis(10));
        let _ = shared.stop.run_until_cancelled(tokio::time::sleep(tick)).await;
    }
}

async fn sweep_all(shared: &Shared) -> Result<(), EngineError> {
    let watches = shared.journal.watches().await?;
    let (shares, claims) = watches.into_iter().partition(|watch| watch.partner.is_some());
    sweep(shared, claims).await?;
    super::shares::sweep(shared, shares).await?;
    super::invitations::sweep(shared).await
}

async fn sweep(shared: &Shared, claims: Vec<WatchRow>) -> Result<(), EngineError> {
    let mut lists: BTreeMap<(BusinessId, Claimable, Access), Vec<WatchRow>> = BTreeMap::new();
    for watch in claims {
        let Some(kind) = Claimable::of(watch.asset.kind) else {
            warn!("a watch of {} is followed by no list", watch.asset);
            continue;
        };
        lists.entry((watch.business.clone(), kind, watch.access)).or_default().push(watch);
    }
    for ((business, kind, access), watches) in lists {
        let now = shared.clock.now();
        give_up_what_is_too_old(shared, watches.iter().map(|watch| (&watch.command, watch.sent_at)), now).await?;
        let due = watches.iter().any(|watch| now >= next_look(&shared.config.poll, watch));
        if due && !shared.stop.is_cancelled() {
            let span = telemetry::poll(business.as_str(), watches.iter().map(|watch| &watch.command));
            let pair = [AssetList::pending(kind, access), AssetList::held(kind.kind(), access)];
            walk(shared, &business, pair, &watches).instrument(span).await?;
        }
    }
    Ok(())
}

/// What is past its deadline, or ours, is told to stop: it withdraws its request itself.
pub(super) async fn give_up_what_is_too_old(
    shared: &Shared,
    watched: impl Iterator<Item = (&CommandId, Timestamp)>,
    now: Timestamp,
) -> Result<(), EngineError> {
    for (command, sent_at) in watched {
        let expires = shared.journal.find(command).await?.and_then(|row| row.expires_at);
        let too_old = age(sent_at, now) >= shared.config.poll.give_up_after;
        // A transfer's claim outlives its deadline, and no claim its old age.
        let outlived = expires.is_some_and(|at| at + shared.config.poll.max <= now);
        if expires.is_some_and(|at| at <= now) && !(too_old && outlived) {
            shared.tell_to_stop(command, StopCause::Deadline);
        } else if too_old {
            shared.tell_to_stop(command, StopCause::GivenUp);
        }
    }
    Ok(())
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

/// Walks the pending list and, where something has gone from it, the held list.
async fn walk(
    shared: &Shared,
    business: &BusinessId,
    lists: [AssetList; 2],
    watches: &[WatchRow],
) -> Result<(), EngineError> {
    let Some(pending) = list(shared, business, lists[0]).await? else { return Ok(()) };
    let gone = |watch: &&WatchRow| !pending.rows.contains_key(&watch.asset.id);
    let held = if watches.iter().any(|watch| gone(&watch)) { list(shared, business, lists[1]).await? } else { None };
    let mut updates = Vec::new();
    let mut settled = Vec::new();
    for watch in watches {
        let sight = sight(watch, &pending, held.as_ref());
        let so_far = followed(watch);
        let polls = so_far.polls.saturating_add(1);
        match so_far.absences.after(watch.sent_at, &sight, shared.rules.proof()) {
            Verdict::Open(absences) => {
                let next = Followed { absences, polls, last: Some(pending.began), ..so_far };
                updates.push((watch.command.clone(), serde_json::to_string(&next).map_err(EngineError::Json)?));
            }
            verdict @ (Verdict::Granted(_) | Verdict::Gone) => {
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
    Ok(())
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
