//! The simulator's own time: it runs as fast as real time and can be moved forward.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A clock that starts where it is told and only ever goes forward.
#[derive(Debug, Clone)]
pub(crate) struct SimClock {
    start: Timestamp,
    began: Instant,
    moved: SignedDuration,
}

impl SimClock {
    /// Starts at `start`, or at the real time.
    pub(crate) fn starting_at(start: Option<Timestamp>) -> Self {
        Self { start: start.unwrap_or_else(Timestamp::now), began: Instant::now(), moved: SignedDuration::ZERO }
    }

    /// The simulator's now.
    pub(crate) fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.saturating_add(passed.saturating_add(self.moved)).unwrap_or(Timestamp::MAX)
    }

    /// Jumps forward by `by`; all that became due meanwhile happens at the next look.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.moved = self.moved.saturating_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX));
    }
}

/// Whole and broken seconds from `from` to `to`; never below zero.
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

/// `at` plus `by`, or the end of time.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_where_told_and_jumps_when_moved() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let mut clock = SimClock::starting_at(Some(start));
        assert!(seconds_between(start, clock.now()) < 60.0);
        clock.advance(Duration::from_secs(7200));
        assert!(seconds_between(start, clock.now()) >= 7200.0);
    }

    #[test]
    fn a_jump_beyond_the_end_of_time_stays_at_the_end() {
        let mut clock = SimClock::starting_at(None);
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
