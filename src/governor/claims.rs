//! The spam guard: how many claims of a business may be open, and how many may leave in an hour.
//!
//! Meta takes many claims in a short time for spam, and then everything of the app suffers. A claim counts as open from
//! before it leaves until its command has ended, and as sent for an hour. Whoever comes too early gets the time at which
//! an hour's claims have aged for it, and each of those who wait another; whoever meets too many open ones is called in
//! the order of coming. So nobody looks again for nothing, however many wait.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::contract::{BusinessId, CommandId};

/// How long a claim counts as new.
const WINDOW: Duration = Duration::from_secs(3_600);

/// The limits of every business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// `claims.open_per_business`.
    pub open: usize,
    /// `claims.new_per_hour`.
    pub an_hour: usize,
}

/// The claims of all businesses that have any.
#[derive(Debug, Default)]
pub struct Claims {
    businesses: HashMap<BusinessId, Ours>,
    /// Where a command is known, open or waiting.
    of: HashMap<CommandId, BusinessId>,
}

/// The claims of one business.
#[derive(Debug, Default)]
struct Ours {
    open: HashMap<CommandId, Timestamp>,
    /// When the last hour's claims left, in order.
    sent: VecDeque<Timestamp>,
    /// Who may go when, in order; and when, by who.
    booked: VecDeque<(Timestamp, CommandId)>,
    turns: HashMap<CommandId, Timestamp>,
    /// Who waits until another's claim has ended, in the order of coming.
    queue: BTreeMap<u64, CommandId>,
    places: HashMap<CommandId, u64>,
    next_place: u64,
}

/// Whether a claim may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimTurn {
    /// Now; it counts from now on.
    Now,
    /// Not before this: the hour's claims have to age.
    At(Timestamp),
    /// When another claim of the business has ended; it is called then.
    WhenCalled,
}

impl Claims {
    /// Asks for the turn of a claim that `command` is about to send.
    pub fn turn(&mut self, business: &BusinessId, command: &CommandId, caps: Caps, now: Timestamp) -> ClaimTurn {
        let ours = self.known(business, command);
        ours.age(now);
        let turn = ours.turn(command, caps, now);
        if turn == ClaimTurn::Now {
            ours.leaves(command, now);
        }
        turn
    }

    /// A claim that leaves whatever the limits, as one whose asset was let go of for it already.
    pub fn leaves(&mut self, business: &BusinessId, command: &CommandId, now: Timestamp) {
        let ours = self.known(business, command);
        ours.age(now);
        ours.leaves(command, now);
    }

    /// `command` follows a claim that was sent at `sent_at`, its own or one that it took over.
    pub fn follows(&mut self, business: &BusinessId, command: &CommandId, sent_at: Timestamp) {
        self.known(business, command).open.entry(command.clone()).or_insert(sent_at);
    }

    /// A claim that an earlier run sent.
    pub fn remember(&mut self, business: &BusinessId, command: &CommandId, sent_at: Timestamp) {
        let ours = self.known(business, command);
        ours.open.insert(command.clone(), sent_at);
        let place = ours.sent.partition_point(|sent| *sent <= sent_at);
        ours.sent.insert(place, sent_at);
    }

    /// The claim certainly had no effect: it counts no more. Who is called by that.
    pub fn give_back(&mut self, command: &CommandId, caps: Caps) -> Vec<CommandId> {
        let Some(ours) = self.of.get(command).and_then(|business| self.businesses.get_mut(business)) else {
            return Vec::new();
        };
        if let Some(sent_at) = ours.open.remove(command)
            && let Some(place) = ours.sent.iter().rposition(|sent| *sent == sent_at)
        {
            ours.sent.remove(place);
        }
        ours.called(caps)
    }

    /// The command has ended. Who is called by that.
    pub fn ended(&mut self, command: &CommandId, caps: Caps) -> Vec<CommandId> {
        let Some(business) = self.of.remove(command) else { return Vec::new() };
        let Some(ours) = self.businesses.get_mut(&business) else { return Vec::new() };
        ours.open.remove(command);
        ours.waits_no_more(command);
        let called = ours.called(caps);
        if ours.is_empty() {
            self.businesses.remove(&business);
        }
        called
    }

    fn known(&mut self, business: &BusinessId, command: &CommandId) -> &mut Ours {
        if !self.of.contains_key(command) {
            self.of.insert(command.clone(), business.clone());
        }
        self.businesses.entry(business.clone()).or_default()
    }
}

impl Ours {
    /// What left an hour ago counts no more; a turn that nobody has taken for an hour is nobody's.
    fn age(&mut self, now: Timestamp) {
        while self.sent.front().is_some_and(|sent| *sent + WINDOW <= now) {
            self.sent.pop_front();
        }
        while let Some((_, command)) = self.booked.pop_front_if(|(at, _)| *at + WINDOW <= now) {
            self.turns.remove(&command);
        }
    }

    fn turn(&mut self, command: &CommandId, caps: Caps, now: Timestamp) -> ClaimTurn {
        if !self.open.contains_key(command) && !self.first_in_line(caps).any(|first| first == command) {
            let free = caps.open.saturating_sub(self.open.len());
            if self.places.contains_key(command) || self.queue.len() >= free {
                self.queue_up(command);
                return ClaimTurn::WhenCalled;
            }
        }
        let others_due = self.booked.iter().take_while(|(at, _)| *at <= now).filter(|(_, who)| who != command).count();
        if self.sent.len() + others_due < caps.an_hour {
            return ClaimTurn::Now;
        }
        ClaimTurn::At(self.book(command, caps, now))
    }

    /// Those who may go by what is open.
    fn first_in_line(&self, caps: Caps) -> impl Iterator<Item = &CommandId> {
        self.queue.values().take(caps.open.saturating_sub(self.open.len()))
    }

    fn queue_up(&mut self, command: &CommandId) {
        if !self.places.contains_key(command) {
            self.places.insert(command.clone(), self.next_place);
            self.queue.insert(self.next_place, command.clone());
            self.next_place += 1;
        }
    }

    /// The turn that it has, or the one behind all others: when the claim that makes room for it is an hour old.
    fn book(&mut self, command: &CommandId, caps: Caps, now: Timestamp) -> Timestamp {
        if let Some(at) = self.turns.get(command).filter(|at| **at > now) {
            return *at;
        }
        self.unbook(command);
        let before = (self.sent.len() + self.booked.len()).saturating_sub(caps.an_hour);
        let makes_room = match before.checked_sub(self.sent.len()) {
            None => self.sent[before],
            Some(behind) => self.booked.get(behind).map_or(now, |(at, _)| *at),
        };
        let last = self.booked.back().map_or(now, |(at, _)| *at);
        let at = (makes_room + WINDOW).max(last);
        self.booked.push_back((at, command.clone()));
        self.turns.insert(command.clone(), at);
        at
    }

    fn leaves(&mut self, command: &CommandId, now: Timestamp) {
        self.waits_no_more(command);
        self.open.insert(command.clone(), now);
        self.sent.push_back(now);
    }

    fn waits_no_more(&mut self, command: &CommandId) {
        if let Some(place) = self.places.remove(command) {
            self.queue.remove(&place);
        }
        self.unbook(command);
    }

    fn unbook(&mut self, command: &CommandId) {
        let Some(at) = self.turns.remove(command) else { return };
        let first = self.booked.partition_point(|(other, _)| *other < at);
        if let Some(behind) = self.booked.iter().skip(first).position(|(_, who)| who == command) {
            self.booked.remove(first + behind);
        }
    }

    fn called(&self, caps: Caps) -> Vec<CommandId> {
        self.first_in_line(caps).cloned().collect()
    }

    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.sent.is_empty() && self.booked.is_empty() && self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests;
