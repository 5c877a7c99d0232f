//! What the engine's tasks share.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use compact_str::{CompactString, ToCompactString, format_compact};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::board::{Board, Seq, Whose};
use super::census::{Census, Known};
use super::clock::Clock;
use super::pace::Line;
use super::replies::Replies;
use super::sweep::Settlement;
use crate::config::Config;
use crate::contract::{Body, Command, CommandId, Targets, WaitCause};
use crate::governor::{Blast, Breakers, Budgets, Caps, Claims, Holds, Outage, Usages};
use crate::graph::{Graph, Schedule};
use crate::journal::{Journal, Turn};
use crate::procedures::{Rules, StopCause};

/// Gap between two looks at a journal that does not commit.
const JOURNAL_TRIED_AGAIN: Duration = Duration::from_secs(1);

/// Everything that more than one task needs. Nothing that matters lives only here: a restart reads the journal.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) journal: Journal,
    pub(crate) graph: Graph,
    pub(crate) clock: Clock,
    pub(crate) rules: Rules,
    pub(crate) memory: Mutex<Memory>,
    /// Something may run that could not before.
    pub(crate) work: Notify,
    /// Something waits to be published.
    pub(crate) outbox: Notify,
    /// Where results go too.
    pub(crate) replies: Replies,
    /// One change of the switch or of a breaker at a time, so that what is in memory is what the journal was told last.
    pub(crate) switching: tokio::sync::Mutex<()>,
    /// Begin nothing new.
    pub(crate) stop: CancellationToken,
}

/// What is remembered between steps and rebuilt at start.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) board: Board,
    pub(crate) budgets: Budgets,
    /// Who waits for which of them.
    pub(crate) line: Line,
    /// Whether Meta answers anybody.
    pub(crate) outage: Outage,
    /// For gauges alone: how the open commands stand, and what the usage headers said.
    pub(crate) census: Census,
    pub(crate) usages: Usages,
    /// Stops on their way to commands, until they are journaled there.
    pub(crate) stops: HashMap<CommandId, StopCause>,
    /// Verdicts on their way to their commands.
    pub(crate) settled: HashMap<CommandId, Settlement>,
    /// Who waits for whose end.
    pub(crate) waiters: HashMap<CommandId, Vec<CommandId>>,
    /// Waits of commands whose last call found no answer.
    pub(crate) schedules: HashMap<CommandId, Schedule>,
    /// Suspended credentials: name to the fingerprint of the content that Meta refused.
    pub(crate) suspended: HashMap<String, String>,
    /// What no write may leave for.
    pub(crate) holds: Holds,
    /// Those whose next write met a hold: a resume wakes them.
    pub(crate) held: BTreeSet<Seq>,
    /// Whose claims stop.
    pub(crate) breakers: Breakers,
    /// Those whose claim met an open breaker: its reset wakes them.
    pub(crate) tripped: BTreeSet<Seq>,
    /// Claims that are open, and those of the last hour.
    pub(crate) claims: Claims,
    /// The removals of the last hour.
    pub(crate) blast: Blast,
    /// Those that wait for the release of a command: their own, or that which fanned out into them.
    pub(crate) unreleased: BTreeSet<(CommandId, Seq)>,
    /// Offboardings that have made known who leaves, until they end.
    pub(crate) offboardings: BTreeSet<CommandId>,
    /// The journal may have to let somebody in before its time was to come.
    pub(crate) somebody_may_come: bool,
    /// Whoever has begun and is not on the board may have waited for that word.
    pub(crate) word_was_given: bool,
    /// What children wait for that their parents have not looked at yet, and since when.
    pub(crate) children_wait: HashMap<CommandId, Vec<(WaitCause, jiff::Timestamp)>>,
}

impl Memory {
    /// Whether `family` is an offboarding that has made known who leaves.
    pub(crate) fn offboards(&self, family: &CommandId) -> bool {
        self.offboardings.contains(family)
    }
}

impl Shared {
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic under the lock has been reported by its task; what the map holds is still rebuilt from the journal.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the journal commits, or the worker stops: Meta is asked nothing whose answer could not be recorded.
    pub(crate) async fn journal_commits(&self) {
        while let Some(Err(_)) = self.stop.run_until_cancelled(self.journal.ping()).await {
            let _ = self.stop.run_until_cancelled(tokio::time::sleep(JOURNAL_TRIED_AGAIN)).await;
        }
    }

    /// Tells a command to stop at its next safe point.
    pub(crate) fn tell_to_stop(&self, target: &CommandId, cause: StopCause) {
        let mut memory = self.memory();
        memory.stops.entry(target.clone()).or_insert(cause);
        memory.board.wake(target);
        memory.somebody_may_come = true;
        drop(memory);
        self.work.notify_one();
    }

    /// A command has ended: whoever waited for it goes on.
    pub(crate) fn ended(&self, id: &CommandId) {
        let mut memory = self.memory();
        memory.schedules.remove(id);
        memory.stops.remove(id);
        memory.settled.remove(id);
        memory.offboardings.remove(id);
        memory.children_wait.remove(id);
        let called = memory.claims.ended(id, self.caps());
        for waiter in memory.waiters.remove(id).unwrap_or_default().iter().chain(&called) {
            memory.board.wake(waiter);
        }
        drop(memory);
        self.work.notify_one();
    }

    /// The limits on claims.
    pub(crate) fn caps(&self) -> Caps {
        let size = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        let claims = &self.config.claims;
        Caps { open: size(claims.open_per_business), an_hour: size(claims.new_per_hour) }
    }

    /// Whoever waited for an operator looks again.
    pub(super) fn wake_all(&self, of: impl FnOnce(&mut Memory) -> BTreeSet<Seq>) {
        let mut memory = self.memory();
        let waiting = of(&mut memory);
        memory.board.wake_all(&waiting);
        (memory.somebody_may_come, memory.word_was_given) = (true, true);
        drop(memory);
        self.work.notify_one();
    }

    /// Of these businesses something may begin that could not before.
    pub(crate) fn moved_up(&self, businesses: &[Whose]) {
        if businesses.is_empty() {
            return;
        }
        let mut memory = self.memory();
        businesses.iter().for_each(|business| memory.board.moved_up(business));
        drop(memory);
        self.work.notify_one();
    }

    /// A command that was taken in; if its turn has come it goes on the board.
    pub(crate) fn arrive(&self, seq: Seq, command: &Command, turn: Turn) {
        let mut memory = self.memory();
        memory.census.begins(Known::of(command, self.clock.now()));
        if turn == Turn::Front {
            memory.board.arrive(seq, &command.id, &command.business, command.priority);
        }
        drop(memory);
        self.work.notify_one();
    }
}

/// The cause of a wait in the journal that no event tells: the command has been announced.
pub(super) const NOTICE: &str = "notice";

/// The cause of a wait for an operator's release.
pub(super) const RELEASE: &str = "release";

/// The lanes of a command: its asset, or the person whose everything it moves. `cancel` waits for no lane, and a
/// fan-out works through its children; a child with several assets takes them together.
pub(crate) fn lanes(command: &Command) -> Vec<CompactString> {
    match (command.body.targets(), &command.body) {
        (Some(Targets::One(asset)), _) => vec![asset.to_compact_string()],
        (Some(Targets::List(assets)), _) if command.id.is_child() => {
            assets.iter().map(ToCompactString::to_compact_string).collect()
        }
        (Some(Targets::All), Body::Reassign { from, .. }) => vec![format_compact!("person/{from}")],
        (Some(Targets::All | Targets::List(_)) | None, _) => Vec::new(),
    }
}

/// The lanes as the journal keeps them, for people to read.
pub(crate) fn lane(command: &Command) -> Option<String> {
    Some(lanes(command).join(" ")).filter(|lanes| !lanes.is_empty())
}
