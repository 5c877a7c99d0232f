//! Who runs next: a window on those who may, in memory. Whose turn it is in a lane the journal keeps (`journal/turns`);
//! this only orders, and holds no more than is about to run, runs, or goes on soon.
//!
//! # What must hold
//! However many commands wait, memory holds a window of each business's. Among businesses the order is a deficit round
//! robin: each has a turn, and a step that asked Meta for much is paid for with turns. `priority` orders the commands of
//! one business.
//!
//! - *Somebody comes while more of its business wait in the journal.* It stays there too, unless it goes before the last
//!   of the window, which then goes back.
//! - *Somebody is loaded twice*, as it was taken in while the journal was asked: known by its place, it is one.
//! - *Somebody is called who is not here* (a verdict, a stop, an operator's word): whoever dispatches looks it up.
//! - *A business whose commands are held back*, by a parked bucket or a dead credential, begins no other while many are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use jiff::Timestamp;

use crate::contract::{BusinessId, CommandId};
use crate::journal::{Placed, StateName, Turn};

/// A command's place in the order of arrival.
pub(crate) type Seq = i64;

/// Whose command it is; `cancel` and `undo` are nobody's.
pub(crate) type Whose = Option<BusinessId>;

/// Commands that could run now, over all businesses.
const WINDOW: usize = 16_384;
/// Of one business: enough to keep everybody busy until the journal has answered, and never so few that nobody is.
const OF_ONE: std::ops::RangeInclusive<usize> = 8..=1_024;
/// So many of a business may be held back before it begins no other.
const HELD_MAX: usize = 256;
/// Calls to Meta that a turn pays for.
const TURN: u32 = 4;
/// The most that a business owes.
const OWED_MAX: u32 = 256;

/// How a command left its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has ended.
    Ended,
    /// It waits for others (Meta, children, another command) and holds no lane.
    Outside,
    /// It goes on then, and keeps its lane.
    Until(Timestamp),
    /// As [`Self::Until`], because it may not go on: a bucket, a credential, Meta that does not answer. Who waits for an
    /// operator's word, for ever if need be, is not here meanwhile: the journal has it, and its lanes.
    HeldBack(Timestamp),
    /// Nothing could be recorded: it is tried again then.
    Failed(Timestamp),
    /// It waits outside its lanes, by the journal until then.
    Away(Timestamp),
    /// What it waited for outside its lanes is over: it takes its turn in them.
    IntoLane,
}

/// What the board knows of a command that is here.
#[derive(Debug, Clone)]
struct Entry {
    id: CommandId,
    business: Whose,
    priority: u8,
    turn: Turn,
    due: Option<Timestamp>,
    held: bool,
}

/// What is here of one business.
#[derive(Debug, Default)]
struct Share {
    ready: BTreeSet<(Reverse<u8>, Seq)>,
    /// Here and not begun.
    fresh: usize,
    held: usize,
    owes: u32,
    /// More of its commands may begin than are here.
    more: bool,
    hungry: bool,
}

impl Share {
    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.fresh == 0 && self.held == 0 && !self.more
    }
}

#[derive(Debug, Default)]
pub(crate) struct Board {
    here: HashMap<Seq, Entry>,
    seqs: HashMap<CommandId, Seq>,
    shares: HashMap<Whose, Share>,
    /// Those with something ready, in turn.
    ring: VecDeque<Whose>,
    ready: usize,
    /// Those of which the journal has more and this too few.
    hungry: VecDeque<Whose>,
    later: BTreeSet<(Timestamp, Seq)>,
    /// Commands that look at their children then.
    nudges: BTreeSet<(Timestamp, CommandId)>,
    nudged: HashMap<CommandId, Timestamp>,
    /// Who runs, and whether something has happened for it meanwhile.
    running: BTreeMap<Seq, bool>,
    /// Something has happened for them, and they are not here.
    called: BTreeSet<CommandId>,
}

impl Board {
    /// A new command whose turn it is.
    pub(crate) fn arrive(&mut self, seq: Seq, id: &CommandId, business: &Whose, priority: u8) {
        if self.here.contains_key(&seq) {
            return;
        }
        let room = self.room_of_one();
        let all = self.ready;
        let share = self.shares.entry(business.clone()).or_default();
        let least = share.ready.len() < *OF_ONE.start();
        if !share.more && (least || (all < WINDOW && share.ready.len() < room)) {
            return self.insert(seq, Entry::fresh(id, business, priority));
        }
        share.more = true;
        let last = share.ready.last().copied().filter(|(last, _)| last.0 < priority);
        match last.filter(|(_, last)| self.here.get(last).is_some_and(|entry| entry.turn == Turn::Front)) {
            Some((_, last)) => {
                self.forget(last);
                self.insert(seq, Entry::fresh(id, business, priority));
            }
            None => self.mind(business),
        }
    }

    /// Of this business something may begin that could not before.
    pub(crate) fn moved_up(&mut self, business: &Whose) {
        self.shares.entry(business.clone()).or_default().more = true;
        self.mind(business);
    }

    /// The next business of which more is wanted, with how many of those in front to ask the journal for.
    pub(crate) fn hungry(&mut self) -> Option<(Whose, u32)> {
        let room = self.room_of_one();
        for _ in 0..self.hungry.len() {
            let business = self.hungry.pop_front()?;
            let Some(share) = self.shares.get_mut(&business) else { continue };
            share.hungry = false;
            if !share.more || share.held >= HELD_MAX || share.ready.len() > room / 2 {
                continue;
            }
            if self.ready >= WINDOW && !share.ready.is_empty() {
                share.hungry = true;
                self.hungry.push_back(business);
                continue;
            }
            // What comes from now on is not lost between the question and its answer.
            share.more = false;
            let wanted = share.fresh + room - share.ready.len();
            return Some((business, u32::try_from(wanted).unwrap_or(u32::MAX)));
        }
        None
    }

    /// What the journal answered: `wanted` or more means that there may be others.
    pub(crate) fn feed(&mut self, business: &Whose, wanted: u32, found: Vec<Placed>) {
        let more = found.len() >= usize::try_from(wanted).unwrap_or(usize::MAX);
        for placed in found {
            if !self.here.contains_key(&placed.seq) {
                self.insert(placed.seq, Entry::of(placed));
            }
        }
        if more {
            self.moved_up(business);
        } else {
            self.tidy(business);
        }
    }

    /// A command that the journal has open goes on: at its time, or now.
    pub(crate) fn take_up(&mut self, placed: Placed, now: Timestamp) {
        let (seq, due) = (placed.seq, placed.due.unwrap_or(now));
        if self.here.contains_key(&seq) {
            return;
        }
        self.seqs.insert(placed.id.clone(), seq);
        self.count_fresh(&placed.business, placed.turn);
        self.here.insert(seq, Entry::of(placed));
        self.later_or_now(seq, due, now);
    }

    /// Somebody who was called was looked up; whoever waits for its turn in a lane goes on waiting.
    pub(crate) fn answer(&mut self, placed: Placed, now: Timestamp) {
        let waits = match placed.turn {
            Turn::Behind => true,
            Turn::Later => placed.state != StateName::Waiting,
            Turn::Front | Turn::Holds | Turn::Outside | Turn::Elsewhere => false,
        };
        if !waits {
            self.take_up(Placed { due: None, ..placed }, now);
        }
    }

    /// Whether more may be taken up.
    pub(crate) fn has_room(&self) -> bool {
        self.ready < WINDOW
    }

    /// Up to `most` of those who were called and are not here.
    pub(crate) fn called(&mut self, most: usize) -> Vec<CommandId> {
        std::iter::from_fn(|| self.called.pop_first()).take(most).collect()
    }

    /// They could not be looked up.
    pub(crate) fn call_again(&mut self, ids: impl IntoIterator<Item = CommandId>) {
        self.called.extend(ids);
    }

    /// The next command that may run; it runs until [`Self::left`].
    pub(crate) fn pick(&mut self, now: Timestamp) -> Option<(Seq, CommandId)> {
        self.let_in_what_is_due(now);
        let business = self.whose_turn()?;
        let share = self.shares.get_mut(&business)?;
        let (_, seq) = share.ready.pop_first()?;
        self.ready -= 1;
        if !share.ready.is_empty() {
            self.ring.push_back(business.clone());
        }
        self.mind(&business);
        self.running.insert(seq, false);
        self.here.get(&seq).map(|entry| (seq, entry.id.clone()))
    }

    /// A command's step has ended, for which Meta was asked `calls` times.
    pub(crate) fn left(&mut self, seq: Seq, left: Left, calls: u32, now: Timestamp) {
        let woken = self.running.remove(&seq).unwrap_or(false);
        self.charge(seq, calls);
        match left {
            Left::Failed(due) => return self.later_or_now(seq, if woken { now } else { due }, now),
            Left::Ended => return self.forget(seq),
            Left::Outside | Left::Until(_) | Left::HeldBack(_) | Left::Away(_) | Left::IntoLane => self.has_begun(seq),
        }
        match left {
            Left::IntoLane => {
                let id = self.here.get(&seq).map(|entry| entry.id.clone());
                self.goes_into_lane(seq);
                self.called.extend(id.filter(|_| woken));
            }
            Left::Ended | Left::Failed(_) => {}
            Left::Outside | Left::Until(_) | Left::HeldBack(_) | Left::Away(_) if woken => self.make_ready(seq),
            Left::Until(due) => self.later_or_now(seq, due, now),
            Left::HeldBack(due) if due < Timestamp::MAX => self.hold_back(seq, due, now),
            // The journal let it in and has no time for it any more.
            Left::Away(due) if due < Timestamp::MAX && self.turn_of(seq) == Some(Turn::Outside) => {
                self.later_or_now(seq, due, now);
            }
            Left::Outside | Left::HeldBack(_) | Left::Away(_) => self.forget(seq),
        }
    }

    /// Something has happened for this command: it runs as soon as it may.
    pub(crate) fn wake(&mut self, id: &CommandId) {
        if let Some(due) = self.nudged.remove(id) {
            self.nudges.remove(&(due, id.clone()));
        }
        match self.seqs.get(id) {
            Some(&seq) => self.wake_here(seq),
            None => {
                self.called.insert(id.clone());
            }
        }
    }

    /// As [`Self::wake`], for those of many who are here.
    pub(crate) fn wake_all(&mut self, seqs: &BTreeSet<Seq>) {
        seqs.iter().for_each(|&seq| self.wake_here(seq));
    }

    /// Has this command look at its children at `due`; whoever is to look already looks when it was told first.
    pub(crate) fn nudge(&mut self, id: &CommandId, due: Timestamp) {
        if !self.nudged.contains_key(id) {
            self.nudged.insert(id.clone(), due);
            self.nudges.insert((due, id.clone()));
        }
    }

    /// How many commands run now or could run beside them.
    pub(crate) fn useful(&self) -> usize {
        self.running.len() + self.ready
    }

    /// When something will be due that is not yet.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let first = self.later.first().map(|(due, _)| *due);
        let nudge = self.nudges.first().map(|(due, _)| *due);
        first.into_iter().chain(nudge).min()
    }

    fn let_in_what_is_due(&mut self, now: Timestamp) {
        while let Some(&(_, seq)) = self.later.first().filter(|(due, _)| *due <= now) {
            self.make_ready(seq);
        }
        while let Some((_, id)) = self.nudges.first().filter(|(due, _)| *due <= now).cloned() {
            self.wake(&id);
        }
    }

    /// The first in turn that owes nothing. Where all owe, all are let off what the least of them does.
    fn whose_turn(&mut self) -> Option<Whose> {
        let owes = |board: &Self, business: &Whose| board.shares.get(business).map_or(0, |share| share.owes);
        let least = self.ring.iter().map(|business| owes(self, business)).min()?;
        if least > 0 {
            for business in &self.ring {
                if let Some(share) = self.shares.get_mut(business) {
                    share.owes -= least;
                }
            }
        }
        for _ in 0..self.ring.len() {
            let business = self.ring.pop_front()?;
            match self.shares.get_mut(&business) {
                Some(share) if share.owes > 0 => {
                    share.owes = share.owes.saturating_sub(TURN);
                    self.ring.push_back(business);
                }
                Some(_) => return Some(business),
                None => {}
            }
        }
        None
    }

    fn charge(&mut self, seq: Seq, calls: u32) {
        let Some(share) = self.here.get(&seq).and_then(|entry| self.shares.get_mut(&entry.business)) else { return };
        share.owes = share.owes.saturating_add(calls.saturating_sub(TURN)).min(OWED_MAX);
    }

    fn insert(&mut self, seq: Seq, entry: Entry) {
        self.seqs.insert(entry.id.clone(), seq);
        self.count_fresh(&entry.business, entry.turn);
        self.here.insert(seq, entry);
        self.make_ready(seq);
    }

    fn count_fresh(&mut self, business: &Whose, turn: Turn) {
        if turn == Turn::Front {
            self.shares.entry(business.clone()).or_default().fresh += 1;
        }
    }

    fn has_begun(&mut self, seq: Seq) {
        let Some(entry) = self.here.get_mut(&seq).filter(|entry| entry.turn == Turn::Front) else { return };
        entry.turn = Turn::Holds;
        if let Some(share) = self.shares.get_mut(&entry.business) {
            share.fresh -= 1;
        }
    }

    fn turn_of(&self, seq: Seq) -> Option<Turn> {
        self.here.get(&seq).map(|entry| entry.turn)
    }

    /// It is in the journal's order again.
    fn goes_into_lane(&mut self, seq: Seq) {
        let Some(Entry { business, .. }) = self.here.get(&seq).cloned() else { return };
        self.forget(seq);
        self.moved_up(&business);
    }

    fn hold_back(&mut self, seq: Seq, due: Timestamp, now: Timestamp) {
        if let Some(entry) = self.here.get_mut(&seq).filter(|entry| due > now && !entry.held) {
            entry.held = true;
            self.shares.entry(entry.business.clone()).or_default().held += 1;
        }
        self.later_or_now(seq, due, now);
    }

    fn wake_here(&mut self, seq: Seq) {
        match self.running.get_mut(&seq) {
            Some(woken) => *woken = true,
            None => self.make_ready(seq),
        }
    }

    fn later_or_now(&mut self, seq: Seq, due: Timestamp, now: Timestamp) {
        let Some(entry) = self.here.get_mut(&seq) else { return };
        if due <= now {
            return self.make_ready(seq);
        }
        entry.due = Some(due);
        self.later.insert((due, seq));
    }

    fn make_ready(&mut self, seq: Seq) {
        self.no_longer_waits(seq);
        let Some(entry) = self.here.get(&seq) else { return };
        let share = self.shares.entry(entry.business.clone()).or_default();
        if share.ready.is_empty() {
            self.ring.push_back(entry.business.clone());
        }
        self.ready += usize::from(share.ready.insert((Reverse(entry.priority), seq)));
    }

    fn no_longer_waits(&mut self, seq: Seq) {
        let Some(entry) = self.here.get_mut(&seq) else { return };
        if let Some(due) = entry.due.take() {
            self.later.remove(&(due, seq));
        }
        if std::mem::take(&mut entry.held) {
            let business = entry.business.clone();
            if let Some(share) = self.shares.get_mut(&business) {
                share.held -= 1;
            }
            self.mind(&business);
        }
    }

    /// It is here no longer: the journal has it.
    fn forget(&mut self, seq: Seq) {
        self.no_longer_waits(seq);
        self.has_begun(seq);
        let Some(entry) = self.here.remove(&seq) else { return };
        self.seqs.remove(&entry.id);
        if let Some(share) = self.shares.get_mut(&entry.business) {
            self.ready -= usize::from(share.ready.remove(&(Reverse(entry.priority), seq)));
        }
        self.mind(&entry.business);
        self.tidy(&entry.business);
    }

    /// Notes a business of which the journal has more and this too few.
    fn mind(&mut self, business: &Whose) {
        let room = self.room_of_one();
        let Some(share) = self.shares.get_mut(business) else { return };
        if share.more && !share.hungry && share.held < HELD_MAX && share.ready.len() <= room / 2 {
            share.hungry = true;
            self.hungry.push_back(business.clone());
        }
    }

    fn tidy(&mut self, business: &Whose) {
        if self.shares.get(business).is_some_and(Share::is_empty) {
            self.shares.remove(business);
        }
    }

    fn room_of_one(&self) -> usize {
        (WINDOW / self.shares.len().max(1)).clamp(*OF_ONE.start(), *OF_ONE.end())
    }
}

impl Entry {
    fn fresh(id: &CommandId, business: &Whose, priority: u8) -> Self {
        let (id, business) = (id.clone(), business.clone());
        Self { id, business, priority, turn: Turn::Front, due: None, held: false }
    }

    fn of(placed: Placed) -> Self {
        let Placed { id, business, priority, turn, .. } = placed;
        Self { id, business, priority, turn, due: None, held: false }
    }
}

#[cfg(test)]
mod tests;
