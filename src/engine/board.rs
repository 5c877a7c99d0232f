//! Who may run now: lanes, due times and fairness, in memory. The journal remembers; this only orders.
//!
//! A lane is one asset or one person. In a lane commands run one at a time in order of arrival; lanes run side by
//! side. Who needs several lanes takes all of them together or none: it waits in each, and runs when it is the first
//! in every one. As the order of arrival is one for all lanes, no two can wait for each other. Among businesses the order is round robin; `priority` orders the commands of one business.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use compact_str::CompactString;
use jiff::Timestamp;

use crate::contract::{BusinessId, CommandId};

/// A command's place in the order of arrival.
pub(crate) type Seq = i64;

/// What the board knows of an open command.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: CommandId,
    pub(crate) business: Option<BusinessId>,
    /// The lanes that it waits in or holds; none: it runs beside all others.
    pub(crate) lanes: Vec<CompactString>,
    /// The lanes that it enters once it comes in from away.
    pub(crate) home: Vec<CompactString>,
    pub(crate) priority: u8,
}

/// How a command left its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has ended.
    Ended,
    /// It waits for others (Meta, children, another command) and holds no lane.
    Outside,
    /// It goes on then, and keeps its lane.
    Until(Timestamp),
    /// It goes on then, and holds no lane until it asks for it by [`Self::IntoLane`].
    Away(Timestamp),
    /// What it waited for away from its lane is over: it goes on when the lane is free.
    IntoLane,
}

#[derive(Debug, Default)]
struct Lane {
    /// Those that have entered, in order of arrival.
    queue: VecDeque<Seq>,
    /// The one that holds it: it has begun and has not left.
    holder: Option<Seq>,
}

impl Lane {
    /// Lets a command in, at its place; mostly that is the end.
    fn insert(&mut self, seq: Seq) {
        if let Err(place) = self.queue.binary_search(&seq) {
            self.queue.insert(place, seq);
        }
    }

    fn remove(&mut self, seq: Seq) {
        if let Ok(place) = self.queue.binary_search(&seq) {
            self.queue.remove(place);
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Board {
    open: HashMap<Seq, Entry>,
    seqs: HashMap<CommandId, Seq>,
    lanes: HashMap<CompactString, Lane>,
    ready: HashMap<Option<BusinessId>, BTreeSet<(Reverse<u8>, Seq)>>,
    ring: VecDeque<Option<BusinessId>>,
    later: BTreeSet<(Timestamp, Seq)>,
    /// Those whose next look at their children is among `later`.
    nudged: HashSet<Seq>,
    running: BTreeMap<Seq, bool>,
}

impl Board {
    /// A command that is open. It enters its lane when it is due.
    pub(crate) fn arrive(&mut self, seq: Seq, entry: Entry, due: Option<Timestamp>, now: Timestamp) {
        self.seqs.insert(entry.id.clone(), seq);
        self.open.insert(seq, entry);
        match due {
            Some(due) if due > now => {
                self.later.insert((due, seq));
            }
            Some(_) | None => self.enter(seq),
        }
    }

    /// A command that is open and has begun: it holds its lanes, however long it has to wait in them.
    pub(crate) fn arrive_in_lane(&mut self, seq: Seq, entry: Entry, due: Option<Timestamp>, now: Timestamp) {
        self.seqs.insert(entry.id.clone(), seq);
        self.open.insert(seq, entry);
        self.hold_lanes(seq);
        self.later_or_now(seq, due.unwrap_or(now), now);
    }

    /// A command that is open and waits for others: it runs only once woken.
    pub(crate) fn arrive_outside(&mut self, seq: Seq, entry: Entry) {
        self.seqs.insert(entry.id.clone(), seq);
        self.open.insert(seq, entry);
    }

    /// A command that is open and waits away from its lane, which it enters when it asks for it.
    pub(crate) fn arrive_away(&mut self, seq: Seq, entry: Entry, due: Option<Timestamp>, now: Timestamp) {
        let home = entry.lanes;
        self.arrive(seq, Entry { lanes: Vec::new(), home, ..entry }, due, now);
    }

    /// The next command that may run; it runs until [`Self::left`].
    pub(crate) fn pick(&mut self, now: Timestamp) -> Option<(Seq, CommandId)> {
        self.let_in_what_is_due(now);
        while let Some(business) = self.ring.pop_front() {
            let Some(queue) = self.ready.get_mut(&business) else { continue };
            let first = queue.pop_first();
            if queue.is_empty() {
                self.ready.remove(&business);
            } else {
                self.ring.push_back(business);
            }
            let Some((_, seq)) = first else { continue };
            // Two of a lane may be ready, when the earlier arrival became due last: the first picked holds it.
            if self.is_kept_out(seq) {
                continue;
            }
            self.hold_lanes(seq);
            self.running.insert(seq, false);
            return self.open.get(&seq).map(|entry| (seq, entry.id.clone()));
        }
        None
    }

    /// A command's step has ended.
    pub(crate) fn left(&mut self, seq: Seq, left: Left, now: Timestamp) {
        let woken = self.running.remove(&seq).unwrap_or(false);
        let at = |due| if woken { now } else { due };
        match left {
            Left::Ended => {
                self.leave_lanes(seq);
                if let Some(entry) = self.open.remove(&seq) {
                    self.seqs.remove(&entry.id);
                }
            }
            Left::Outside => {
                // What comes back from outside comes to end something, and waits for no lane.
                self.leave_lanes(seq);
                if woken {
                    self.enter(seq);
                }
            }
            Left::Until(due) => self.later_or_now(seq, at(due), now),
            Left::Away(due) => {
                let lanes = self.leave_lanes(seq);
                if let Some(entry) = self.open.get_mut(&seq).filter(|_| !lanes.is_empty()) {
                    entry.home = lanes;
                }
                self.later_or_now(seq, at(due), now);
            }
            Left::IntoLane => {
                if let Some(entry) = self.open.get_mut(&seq) {
                    entry.lanes.append(&mut entry.home);
                }
                self.enter(seq);
            }
        }
    }

    /// Something has happened for this command: it runs as soon as it may.
    pub(crate) fn wake(&mut self, id: &CommandId) {
        let Some(&seq) = self.seqs.get(id) else { return };
        if let Some(woken) = self.running.get_mut(&seq) {
            *woken = true;
            return;
        }
        self.later.retain(|(_, other)| *other != seq);
        self.nudged.remove(&seq);
        self.let_in(seq);
    }

    /// As [`Self::wake`], for many at once: what is due later is looked through once.
    pub(crate) fn wake_all(&mut self, seqs: &BTreeSet<Seq>) {
        self.later.retain(|(_, seq)| !seqs.contains(seq));
        for &seq in seqs {
            self.nudged.remove(&seq);
            match self.running.get_mut(&seq) {
                Some(woken) => *woken = true,
                None if self.open.contains_key(&seq) => self.let_in(seq),
                None => {}
            }
        }
    }

    /// Has this command look at its children at `due`; whoever is to look already looks when it was told first.
    pub(crate) fn nudge(&mut self, id: &CommandId, due: Timestamp) {
        let Some(&seq) = self.seqs.get(id) else { return };
        if self.nudged.insert(seq) {
            self.later.insert((due, seq));
        }
    }

    /// How many commands are open.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// How many commands run now or could run beside them.
    pub(crate) fn useful(&self) -> usize {
        self.running.len() + self.ready.values().map(BTreeSet::len).sum::<usize>()
    }

    /// When something will be due that is not yet.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.later.first().map(|(due, _)| *due)
    }

    fn let_in_what_is_due(&mut self, now: Timestamp) {
        while let Some(&(due, seq)) = self.later.first() {
            if due > now {
                return;
            }
            self.later.pop_first();
            self.nudged.remove(&seq);
            match self.running.get_mut(&seq) {
                Some(woken) => *woken = true,
                None => self.let_in(seq),
            }
        }
    }

    fn let_in(&mut self, seq: Seq) {
        if self.holds_its_lanes(seq) { self.make_ready(seq) } else { self.enter(seq) }
    }

    fn later_or_now(&mut self, seq: Seq, due: Timestamp, now: Timestamp) {
        if due <= now {
            return self.make_ready(seq);
        }
        self.later.insert((due, seq));
    }

    fn enter(&mut self, seq: Seq) {
        let lanes = self.lanes_of(seq);
        if lanes.is_empty() {
            return self.make_ready(seq);
        }
        for name in &lanes {
            self.lanes.entry(name.clone()).or_default().insert(seq);
        }
        lanes.iter().for_each(|name| self.promote(name));
    }

    /// Makes the first of the lane ready, if nobody holds the lane and it is the first in its other lanes too.
    fn promote(&mut self, name: &str) {
        let first = self.lanes.get(name).and_then(|lane| lane.queue.front().copied());
        if let Some(first) = first.filter(|first| self.is_next(*first)) {
            self.make_ready(first);
        }
    }

    fn make_ready(&mut self, seq: Seq) {
        let Some(entry) = self.open.get(&seq) else { return };
        let queue = self.ready.entry(entry.business.clone()).or_default();
        if queue.is_empty() {
            self.ring.push_back(entry.business.clone());
        }
        queue.insert((Reverse(entry.priority), seq));
    }

    fn hold_lanes(&mut self, seq: Seq) {
        for name in self.lanes_of(seq) {
            let lane = self.lanes.entry(name).or_default();
            lane.insert(seq);
            lane.holder = Some(seq);
        }
    }

    /// Leaves every lane; which they were.
    fn leave_lanes(&mut self, seq: Seq) -> Vec<CompactString> {
        let Some(entry) = self.open.get_mut(&seq) else { return Vec::new() };
        let names = std::mem::take(&mut entry.lanes);
        for name in &names {
            let Some(lane) = self.lanes.get_mut(name) else { continue };
            lane.remove(seq);
            lane.holder = lane.holder.filter(|holder| *holder != seq);
            if lane.queue.is_empty() {
                self.lanes.remove(name);
            }
        }
        names.iter().for_each(|name| self.promote(name));
        names
    }

    fn lanes_of(&self, seq: Seq) -> Vec<CompactString> {
        self.open.get(&seq).map(|entry| entry.lanes.clone()).unwrap_or_default()
    }

    /// How `seq` stands in each of its lanes.
    fn standings(&self, seq: Seq) -> impl Iterator<Item = Option<&Lane>> {
        self.open.get(&seq).into_iter().flat_map(|entry| &entry.lanes).map(|name| self.lanes.get(name))
    }

    fn holds_its_lanes(&self, seq: Seq) -> bool {
        self.standings(seq).all(|lane| lane.is_some_and(|lane| lane.holder == Some(seq)))
    }

    /// Whether somebody else holds one of its lanes.
    fn is_kept_out(&self, seq: Seq) -> bool {
        self.standings(seq).flatten().any(|lane| lane.holder.is_some_and(|holder| holder != seq))
    }

    /// Whether nobody holds any of its lanes and it is the first in all of them.
    fn is_next(&self, seq: Seq) -> bool {
        let next = |lane: &Lane| lane.holder.is_none() && lane.queue.front() == Some(&seq);
        self.standings(seq).all(|lane| lane.is_some_and(next))
    }
}

#[cfg(test)]
mod tests;
