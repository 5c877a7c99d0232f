//! Lists that lag behind writes: what a list shows is the world of some seconds ago.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::world::World;

/// Snapshots kept at most; beyond that the oldest goes, and the list is a little fresher than asked.
const KEPT: usize = 4096;

/// The lag of lists, and the past that they show.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    usual: Duration,
    by_list: BTreeMap<String, Duration>,
    /// Each world with the moment until which it was the present.
    past: VecDeque<(Timestamp, World)>,
}

impl Lag {
    /// Sets the lag of one list (an edge's name), or of all that have none of their own.
    pub(crate) fn set(&mut self, list: Option<String>, lag: Duration) {
        match list {
            Some(list) => {
                self.by_list.insert(list, lag);
            }
            None => self.usual = lag,
        }
    }

    /// No list lags any more.
    pub(crate) fn heal(&mut self) {
        *self = Self::default();
    }

    /// Whether the world has to be remembered before it changes.
    pub(crate) fn remembers(&self) -> bool {
        !self.longest().is_zero()
    }

    /// Takes in the world as it was until `now`.
    pub(crate) fn remember(&mut self, before: World, now: Timestamp) {
        let horizon = back(now, self.longest());
        while self.past.len() >= KEPT || self.past.front().is_some_and(|(until, _)| *until <= horizon) {
            self.past.pop_front();
        }
        self.past.push_back((now, before));
    }

    /// The world as `list` shows it at `now`.
    pub(crate) fn seen<'a>(&'a self, list: Option<&str>, world: &'a World, now: Timestamp) -> &'a World {
        let lag = list.and_then(|list| self.by_list.get(list).copied()).unwrap_or(self.usual);
        let then = back(now, lag);
        self.past.iter().find(|(until, _)| *until > then).map_or(world, |(_, past)| past)
    }

    fn longest(&self) -> Duration {
        self.by_list.values().copied().fold(self.usual, Duration::max)
    }
}

fn back(now: Timestamp, by: Duration) -> Timestamp {
    now.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_list_shows_the_world_of_its_own_lag_ago() {
        let mut lag = Lag::default();
        lag.set(None, Duration::from_secs(10));
        lag.set(Some("client_pages".into()), Duration::from_secs(60));
        lag.remember(World::new(1), at(100));
        lag.remember(World::new(2), at(105));
        let present = World::new(3);
        for (list, now, seed) in [
            ("owned_pages", 109, 1),
            ("owned_pages", 111, 2),
            ("owned_pages", 116, 3),
            ("client_pages", 159, 1),
            ("client_pages", 164, 2),
            ("client_pages", 166, 3),
        ] {
            assert_eq!(lag.seen(Some(list), &present, at(now)).seed, seed, "{list} at {now}");
        }
    }

    #[test]
    fn what_no_list_can_show_any_more_is_forgotten() {
        let mut lag = Lag::default();
        lag.set(None, Duration::from_secs(10));
        for second in 0..100 {
            lag.remember(World::new(0), at(second));
        }
        assert!(lag.past.len() <= 11, "{}", lag.past.len());
    }
}
