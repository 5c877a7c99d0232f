//! The blast radius: how much may be taken away from a business in an hour before a person has to say so.
//!
//! A removal counts from before its intent is journaled, so that calls that are out side by side never pass the radius
//! together; one that certainly had no effect is given back.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::contract::BusinessId;

/// How long a removal counts.
pub const WINDOW: Duration = Duration::from_secs(3_600);
/// Released commands may go on for ever: of what is beyond the radius no more is remembered than may be given back.
const BEYOND: usize = 1_024;
/// Businesses whose windows are kept before those that have passed are dropped.
const WINDOWS: usize = 1_024;

/// The removals of the last hour, by business.
#[derive(Debug, Default)]
pub struct Blast {
    windows: HashMap<BusinessId, VecDeque<Timestamp>>,
}

/// Removals that count from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "what had no effect is given back"]
pub struct Taken {
    business: BusinessId,
    at: Timestamp,
    count: u32,
}

impl Blast {
    /// Whether the last hour of `business` is known; else it is to be learned first.
    #[must_use]
    pub fn knows(&self, business: &BusinessId) -> bool {
        self.windows.contains_key(business)
    }

    /// The last removals of `business` as the journal has them. What is known already knows better: it has those that
    /// are out, too.
    pub fn learn(&mut self, business: &BusinessId, mut times: Vec<Timestamp>, now: Timestamp) {
        if self.windows.len() >= WINDOWS {
            let counts = |times: &VecDeque<Timestamp>| times.back().is_some_and(|last| counts(*last, now));
            self.windows.retain(|_, times| counts(times));
        }
        times.sort_unstable();
        self.windows.entry(business.clone()).or_insert_with(|| times.into());
    }

    /// Counts `count` removals, if they stay within `radius`.
    pub fn take(&mut self, business: &BusinessId, count: u32, radius: u32, now: Timestamp) -> Option<Taken> {
        let times = self.current(business, now);
        let after = times.len().saturating_add(size(count));
        (after <= size(radius)).then(|| self.count(business, count, radius, now))
    }

    /// Counts `count` removals of a command that was released, whatever the radius.
    pub fn take_released(&mut self, business: &BusinessId, count: u32, radius: u32, now: Timestamp) -> Taken {
        self.current(business, now);
        self.count(business, count, radius, now)
    }

    /// Removals that had no effect count no more.
    pub fn give_back(&mut self, taken: &Taken) {
        let Some(times) = self.windows.get_mut(&taken.business) else { return };
        for _ in 0..taken.count {
            let Some(place) = times.iter().rposition(|at| *at == taken.at) else { return };
            times.remove(place);
        }
    }

    fn count(&mut self, business: &BusinessId, count: u32, radius: u32, now: Timestamp) -> Taken {
        let times = self.windows.entry(business.clone()).or_default();
        times.extend(std::iter::repeat_n(now, size(count)));
        let most = size(radius).saturating_add(BEYOND);
        times.drain(..times.len().saturating_sub(most));
        Taken { business: business.clone(), at: now, count }
    }

    /// The removals that still count.
    fn current(&mut self, business: &BusinessId, now: Timestamp) -> &VecDeque<Timestamp> {
        let times = self.windows.entry(business.clone()).or_default();
        while times.front().is_some_and(|first| !counts(*first, now)) {
            times.pop_front();
        }
        times
    }
}

fn counts(at: Timestamp, now: Timestamp) -> bool {
    at + WINDOW > now
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn business(id: &str) -> BusinessId {
        id.parse().unwrap()
    }

    #[test]
    fn the_removal_that_would_pass_the_radius_is_not_counted() {
        let (mut blast, ours) = (Blast::default(), business("1"));
        for _ in 0..3 {
            assert!(blast.take(&ours, 1, 3, at(0)).is_some());
        }
        assert_eq!(blast.take(&ours, 1, 3, at(0)), None);
        assert_eq!(blast.take(&ours, 1, 3, at(3_599)), None, "they still count");
        assert!(blast.take(&ours, 1, 3, at(3_600)).is_some(), "an hour is over");
    }

    #[test]
    fn what_goes_together_is_counted_together_or_not_at_all() {
        let (mut blast, ours) = (Blast::default(), business("1"));
        assert!(blast.take(&ours, 2, 3, at(0)).is_some());
        assert_eq!(blast.take(&ours, 2, 3, at(1)), None);
        assert!(blast.take(&ours, 1, 3, at(1)).is_some());
        assert_eq!(blast.take(&ours, 4, 3, at(9_000)), None, "more than the radius by itself");
    }

    #[test]
    fn what_had_no_effect_leaves_its_room_to_others() {
        let (mut blast, ours) = (Blast::default(), business("1"));
        let first = blast.take(&ours, 1, 1, at(0)).unwrap();
        assert_eq!(blast.take(&ours, 1, 1, at(1)), None);
        blast.give_back(&first);
        blast.give_back(&first);
        assert!(blast.take(&ours, 1, 1, at(1)).is_some());
    }

    #[test]
    fn businesses_do_not_count_for_each_other() {
        let mut blast = Blast::default();
        assert!(blast.take(&business("1"), 1, 1, at(0)).is_some());
        assert!(blast.take(&business("2"), 1, 1, at(0)).is_some());
    }

    #[test]
    fn what_a_released_command_takes_counts_for_the_others() {
        let (mut blast, ours) = (Blast::default(), business("1"));
        let _all: Vec<Taken> = (0..2_000).map(|second| blast.take_released(&ours, 1, 2, at(second))).collect();
        assert_eq!(blast.take(&ours, 1, 2, at(2_000)), None);
        assert_eq!(blast.windows[&ours].len(), 2 + BEYOND, "bounded");
    }

    #[test]
    fn what_the_journal_knows_counts_and_never_replaces_what_is_out() {
        let (mut blast, ours) = (Blast::default(), business("1"));
        blast.learn(&ours, vec![at(5), at(3)], at(6));
        assert!(blast.knows(&ours));
        assert!(blast.take(&ours, 1, 3, at(6)).is_some());
        blast.learn(&ours, vec![], at(6));
        assert_eq!(blast.take(&ours, 1, 3, at(6)), None);
    }

    #[test]
    fn windows_that_have_passed_are_dropped_when_there_are_many() {
        let mut blast = Blast::default();
        for id in 1..=1_100 {
            blast.learn(&business(&id.to_string()), vec![at(0)], at(id * 10));
        }
        assert!(blast.windows.len() < 1_100);
        assert!(blast.knows(&business("1100")));
    }

    proptest! {
        /// Whatever is taken and given back in whatever order, no hour ever holds more than the radius.
        #[test]
        fn no_hour_holds_more_than_the_radius(steps in prop::collection::vec((0_i64..600, 1_u32..4, any::<bool>()), 1..200)) {
            const RADIUS: u32 = 10;
            let (mut blast, ours, mut now) = (Blast::default(), business("1"), 0);
            let mut made: Vec<(i64, u32)> = Vec::new();
            for (gap, count, fails) in steps {
                now += gap;
                let Some(taken) = blast.take(&ours, count, RADIUS, at(now)) else { continue };
                if fails {
                    blast.give_back(&taken);
                } else {
                    made.push((now, count));
                }
                let lately: u32 = made.iter().filter(|(at, _)| at + 3_600 > now).map(|(_, count)| count).sum();
                prop_assert!(lately <= RADIUS, "{lately} at {now}");
            }
        }
    }
}
