//! Retry arithmetic, and the only file that names the crate `backoff` (unmaintained, so kept to arithmetic; its
//! known faults, jitter above the cap and no checks at all, are mended here).

use std::time::{Duration, Instant};

use backoff::backoff::Backoff;
use backoff::exponential::ExponentialBackoff;

const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Time as tokio tells it, so that a paused test moves it.
#[derive(Debug, Clone, Copy)]
struct TokioClock;

impl backoff::Clock for TokioClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// Why a schedule cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It would repeat without a pause.
    #[error("the first wait must be at least 10 ms, not {0:?}")]
    TooHasty(Duration),
    /// The waits would shrink.
    #[error("the longest wait {max:?} must not be shorter than the first, {first:?}")]
    Shrinking {
        /// The first wait.
        first: Duration,
        /// The longest.
        max: Duration,
    },
    /// Nothing would ever be repeated.
    #[error("the time to give up after, {give_up_after:?}, must not be shorter than the first wait, {first:?}")]
    NoTime {
        /// The first wait.
        first: Duration,
        /// The time for all.
        give_up_after: Duration,
    },
    /// Longer than a year.
    #[error("no time of a schedule may be longer than a year, as {0:?} is")]
    TooLong(Duration),
}

/// Waits between attempts: doubling from `first` up to `max`, with jitter, until `give_up_after` has passed.
#[derive(Debug)]
pub struct Schedule {
    inner: ExponentialBackoff<TokioClock>,
    first: Duration,
    max: Duration,
    give_up_after: Duration,
}

impl Schedule {
    /// A schedule whose time starts now.
    ///
    /// # Errors
    /// [`ScheduleError`] where the three times make no sense together.
    pub fn new(first: Duration, max: Duration, give_up_after: Duration) -> Result<Self, ScheduleError> {
        check(first, max, give_up_after)?;
        let mut inner = ExponentialBackoff {
            current_interval: first,
            initial_interval: first,
            randomization_factor: 0.5,
            multiplier: 2.0,
            max_interval: max,
            start_time: Instant::now(),
            max_elapsed_time: None, // counted below, after the clamp
            clock: TokioClock,
        };
        inner.reset();
        Ok(Self { inner, first, max, give_up_after })
    }

    /// How long to wait before the next attempt; `None` when it would come after `give_up_after`.
    ///
    /// Without a hint it is between half of `first` and `max`. With one, what Meta says about waiting, it is
    /// never shorter than that, even beyond `max`.
    pub fn next(&mut self, hint: Option<Duration>) -> Option<Duration> {
        let own = self.inner.next_backoff()?.clamp(self.first / 2, self.max);
        let wait = hint.map_or(own, |asked| asked.max(own));
        let ends = self.inner.get_elapsed_time().checked_add(wait)?;
        (ends <= self.give_up_after).then_some(wait)
    }
}

fn check(first: Duration, max: Duration, give_up_after: Duration) -> Result<(), ScheduleError> {
    if first < SHORTEST {
        return Err(ScheduleError::TooHasty(first));
    }
    if max < first {
        return Err(ScheduleError::Shrinking { first, max });
    }
    if give_up_after < first {
        return Err(ScheduleError::NoTime { first, give_up_after });
    }
    [max, give_up_after]
        .into_iter()
        .find(|time| *time > LONGEST)
        .map_or(Ok(()), |time| Err(ScheduleError::TooLong(time)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Runs a schedule to its end on paused time; what it waited.
    fn waits(first: Duration, max: Duration, budget: Duration, hints: &[Option<Duration>]) -> Vec<Duration> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut schedule = Schedule::new(first, max, budget).unwrap();
            let mut waited = Vec::new();
            while let Some(wait) = schedule.next(hints.get(waited.len()).copied().flatten()) {
                waited.push(wait);
                tokio::time::advance(wait).await;
                assert!(waited.len() < 100_000, "it never ends");
            }
            waited
        })
    }

    #[test]
    fn times_that_make_no_sense_are_refused() {
        let rows = [
            (Duration::ZERO, SECOND, SECOND),
            (SHORTEST / 2, SECOND, SECOND),
            (SECOND, SECOND / 2, SECOND),
            (SECOND, SECOND, SECOND / 2),
            (SECOND, Duration::MAX, SECOND),
            (SECOND, SECOND, Duration::MAX),
        ];
        for (first, max, budget) in rows {
            assert!(Schedule::new(first, max, budget).is_err(), "{first:?} {max:?} {budget:?} passed");
        }
    }

    #[test]
    fn no_wait_is_longer_than_the_cap_although_jitter_comes_after_it() {
        let waited = waits(SECOND, 10 * SECOND, 100_000 * SECOND, &[]);
        assert!(waited.iter().all(|wait| *wait <= 10 * SECOND), "longest: {:?}", waited.iter().max());
        assert!(waited.contains(&(10 * SECOND)), "the cap is never reached");
    }

    #[test]
    fn what_meta_says_about_waiting_is_kept_even_beyond_the_cap() {
        let waited = waits(SECOND, 10 * SECOND, 1000 * SECOND, &[Some(60 * SECOND), None]);
        assert_eq!(waited.first(), Some(&(60 * SECOND)));
        assert!(waited[1] <= 10 * SECOND);
    }

    #[test]
    fn a_hint_beyond_the_end_ends_it() {
        assert_eq!(waits(SECOND, SECOND, 10 * SECOND, &[Some(Duration::MAX)]), Vec::<Duration>::new());
        assert_eq!(waits(SECOND, SECOND, 10 * SECOND, &[Some(11 * SECOND)]), Vec::<Duration>::new());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_wait_keeps_floor_cap_hint_and_budget(
            first in 10_u64..5_000, grow in 0_u64..60_000, spare in 0_u64..200_000,
            hints in prop::collection::vec(prop::option::of(0_u64..90_000), 0..8),
        ) {
            let millis = Duration::from_millis;
            let (max, budget) = (first + grow, first + spare);
            let hints: Vec<_> = hints.into_iter().map(|h| h.map(millis)).collect();
            let waited = waits(millis(first), millis(max), millis(budget), &hints);
            prop_assert!(waited.iter().sum::<Duration>() <= millis(budget));
            for (n, wait) in waited.iter().enumerate() {
                let hint = hints.get(n).copied().flatten().unwrap_or_default();
                prop_assert!(*wait >= millis(first) / 2 && *wait >= hint);
                prop_assert!(*wait <= millis(max).max(hint));
            }
        }
    }
}
