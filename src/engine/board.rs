//! Who may run now: lanes, due times and fairness, in memory. The journal remembers; this only orders.
//!
//! A lane is one asset or one person. In a lane commands run one at a time in order of arrival; lanes run side by
//! side. Among businesses the order is round robin; `priority` orders the commands of one business.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use jiff::Timestamp;

use crate::contract::{BusinessId, CommandId};

/// A command's place in the order of arrival.
pub(crate) type Seq = i64;

/// What the board knows of an open command.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: CommandId,
    pub(crate) business: Option<BusinessId>,
    pub(crate) lane: Option<String>,
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
}

#[derive(Debug, Default)]
struct Lane {
    /// Those that have entered, in order of arrival.
    queue: BTreeSet<Seq>,
    /// The one that holds it: it has begun and has not left.
    holder: Option<Seq>,
}

#[derive(Debug, Default)]
pub(crate) struct Board {
    open: HashMap<Seq, Entry>,
    seqs: HashMap<CommandId, Seq>,
    lanes: HashMap<String, Lane>,
    ready: HashMap<Option<BusinessId>, BTreeSet<(Reverse<u8>, Seq)>>,
    ring: VecDeque<Option<BusinessId>>,
    later: BTreeSet<(Timestamp, Seq)>,
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

    /// A command that is open and waits for others: it runs only once woken.
    pub(crate) fn arrive_outside(&mut self, seq: Seq, entry: Entry) {
        self.seqs.insert(entry.id.clone(), seq);
        self.open.insert(seq, entry);
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
            if self.lane_of(seq).is_some_and(|lane| lane.holder.is_some_and(|holder| holder != seq)) {
                continue;
            }
            self.hold_lane(seq);
            self.running.insert(seq, false);
            return self.open.get(&seq).map(|entry| (seq, entry.id.clone()));
        }
        None
    }

    /// A command's step has ended.
    pub(crate) fn left(&mut self, seq: Seq, left: Left, now: Timestamp) {
        let woken = self.running.remove(&seq).unwrap_or(false);
        match left {
            Left::Ended => {
                self.leave_lane(seq);
                if let Some(entry) = self.open.remove(&seq) {
                    self.seqs.remove(&entry.id);
                }
            }
            Left::Outside => {
                self.leave_lane(seq);
                if let Some(entry) = self.open.get_mut(&seq) {
                    // What comes back from outside comes to end something, and waits for no lane.
                    entry.lane = None;
                }
                if woken {
                    self.enter(seq);
                }
            }
            Left::Until(due) if woken || due <= now => self.make_ready(seq),
            Left::Until(due) => {
                self.later.insert((due, seq));
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
        let holds = self.lane_of(seq).is_none_or(|lane| lane.holder == Some(seq));
        if holds { self.make_ready(seq) } else { self.enter(seq) }
    }

    /// How many commands are open.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
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
            let holds = self.lane_of(seq).is_some_and(|lane| lane.holder == Some(seq));
            if holds { self.make_ready(seq) } else { self.enter(seq) }
        }
    }

    fn enter(&mut self, seq: Seq) {
        let Some(name) = self.open.get(&seq).and_then(|entry| entry.lane.clone()) else { return self.make_ready(seq) };
        let lane = self.lanes.entry(name).or_default();
        lane.queue.insert(seq);
        self.promote(seq);
    }

    /// Makes the first of `seq`'s lane ready, if nobody holds the lane.
    fn promote(&mut self, seq: Seq) {
        let Some(lane) = self.lane_of(seq) else { return };
        if let (None, Some(&first)) = (lane.holder, lane.queue.first()) {
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

    fn hold_lane(&mut self, seq: Seq) {
        let Some(name) = self.open.get(&seq).and_then(|entry| entry.lane.clone()) else { return };
        let lane = self.lanes.entry(name).or_default();
        lane.queue.insert(seq);
        lane.holder = Some(seq);
    }

    fn leave_lane(&mut self, seq: Seq) {
        let Some(name) = self.open.get(&seq).and_then(|entry| entry.lane.clone()) else { return };
        let Some(lane) = self.lanes.get_mut(&name) else { return };
        lane.queue.remove(&seq);
        if lane.holder == Some(seq) {
            lane.holder = None;
        }
        match lane.queue.first().copied() {
            None => {
                self.lanes.remove(&name);
            }
            Some(first) if lane.holder.is_none() => self.make_ready(first),
            Some(_) => {}
        }
    }

    fn lane_of(&self, seq: Seq) -> Option<&Lane> {
        self.lanes.get(self.open.get(&seq)?.lane.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn entry(id: &str, business: &str, lane: &str, priority: u8) -> Entry {
        Entry {
            id: id.parse().unwrap(),
            business: Some(business.parse().unwrap()),
            lane: Some(lane.to_owned()),
            priority,
        }
    }

    fn picked(board: &mut Board, now: i64) -> Vec<Seq> {
        std::iter::from_fn(|| board.pick(at(now)).map(|(seq, _)| seq)).collect()
    }

    #[test]
    fn one_command_a_lane_in_order_of_arrival() {
        let mut board = Board::default();
        for seq in 1..=3 {
            board.arrive(seq, entry(&format!("c{seq}"), "1", "page/9", 4), None, at(0));
        }
        assert_eq!(picked(&mut board, 0), [1]);
        board.left(1, Left::Ended, at(0));
        assert_eq!(picked(&mut board, 0), [2]);
        board.left(2, Left::Until(at(50)), at(0));
        assert_eq!(picked(&mut board, 10), [] as [Seq; 0], "2 waits and keeps the lane");
        assert_eq!(picked(&mut board, 50), [2]);
        board.left(2, Left::Outside, at(50));
        assert_eq!(picked(&mut board, 50), [3], "2 is pending and has left the lane");
    }

    #[test]
    fn businesses_take_turns_and_priority_orders_one_business_only() {
        let mut board = Board::default();
        for seq in 1..=3 {
            board.arrive(seq, entry(&format!("a{seq}"), "1", &format!("page/{seq}"), 4), None, at(0));
        }
        board.arrive(4, entry("a4", "1", "page/4", 9), None, at(0));
        board.arrive(5, entry("b5", "2", "page/5", 0), None, at(0));
        assert_eq!(picked(&mut board, 0), [4, 5, 1, 2, 3]);
    }

    #[test]
    fn a_command_that_is_not_due_holds_no_place_in_its_lane() {
        let mut board = Board::default();
        board.arrive(1, entry("later", "1", "page/9", 4), Some(at(100)), at(0));
        board.arrive(2, entry("now", "1", "page/9", 4), None, at(0));
        assert_eq!(picked(&mut board, 0), [2]);
        assert_eq!(picked(&mut board, 100), [] as [Seq; 0], "2 holds the lane");
        board.left(2, Left::Ended, at(100));
        assert_eq!(picked(&mut board, 100), [1]);
    }

    #[test]
    fn two_of_a_lane_never_run_together_even_if_the_earlier_becomes_due_last() {
        let mut board = Board::default();
        board.arrive(1, entry("earlier", "1", "page/9", 4), Some(at(10)), at(0));
        board.arrive(2, entry("later", "1", "page/9", 4), None, at(0));
        assert_eq!(picked(&mut board, 10).len(), 1);
    }

    #[test]
    fn who_is_woken_while_running_runs_again() {
        let mut board = Board::default();
        board.arrive(1, entry("c1", "1", "page/9", 4), None, at(0));
        assert_eq!(picked(&mut board, 0), [1]);
        board.wake(&"c1".parse().unwrap());
        board.left(1, Left::Outside, at(0));
        assert_eq!(picked(&mut board, 0), [1]);
    }

    #[test]
    fn who_comes_back_from_outside_waits_for_no_lane() {
        let mut board = Board::default();
        board.arrive(1, entry("pending", "1", "page/9", 4), None, at(0));
        assert_eq!(picked(&mut board, 0), [1]);
        board.left(1, Left::Outside, at(0));
        board.arrive(2, entry("displaces", "1", "page/9", 4), None, at(0));
        assert_eq!(picked(&mut board, 0), [2]);
        board.wake(&"pending".parse().unwrap());
        assert_eq!(picked(&mut board, 0), [1], "the holder of the lane waits for it");
    }

    #[test]
    fn a_word_to_nobody_is_no_trouble() {
        let mut board = Board::default();
        board.wake(&"gone".parse().unwrap());
        board.left(7, Left::Ended, at(0));
        assert_eq!(picked(&mut board, 0), [] as [Seq; 0]);
    }
}
