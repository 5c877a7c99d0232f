//! Parked buckets: where Meta said to wait, and until when.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Bucket, Pace};

/// Longest wait for a throttle that names no time.
const UNSTATED_MAX: Duration = Duration::from_secs(3_600);

/// Why a bucket is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Meta has refused a call.
    Throttled,
    /// A usage header was at the limit.
    Usage,
    /// An earlier run of the worker has parked it.
    Remembered,
}

impl Cause {
    /// A word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Usage => "usage",
            Self::Remembered => "remembered",
        }
    }
}

/// The buckets that must be left alone.
#[derive(Debug, Default)]
pub(super) struct Parks {
    until: HashMap<Bucket, Timestamp>,
    causes: HashMap<Bucket, Cause>,
    unstated: HashMap<Bucket, u32>,
}

impl Parks {
    /// Until when `bucket` is left alone, while it is.
    #[must_use]
    pub(super) fn parked(&self, bucket: &Bucket, now: Timestamp) -> Option<Timestamp> {
        self.until.get(bucket).copied().filter(|until| *until > now)
    }

    /// A throttled answer: the stated time is kept, an unstated one doubles from `pace.unstated` up to an hour.
    pub(super) fn throttled(
        &mut self,
        bucket: Bucket,
        stated: Option<Duration>,
        pace: &Pace,
        now: Timestamp,
    ) -> Timestamp {
        let wait = stated.filter(|wait| !wait.is_zero()).unwrap_or_else(|| self.next_unstated(&bucket, pace));
        self.causes.insert(bucket.clone(), Cause::Throttled);
        self.park(bucket, now + wait)
    }

    /// A call that counts in `bucket` was answered: Meta does not throttle it any more.
    pub(super) fn calmed(&mut self, bucket: &Bucket) {
        self.unstated.remove(bucket);
    }

    /// What a usage header said: at `pace.stop_at` the bucket is left alone before Meta has to say so.
    pub(super) fn used(
        &mut self,
        bucket: Bucket,
        percent: f64,
        regain: Option<Duration>,
        pace: &Pace,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let stated = regain.filter(|wait| !wait.is_zero());
        let reached = percent >= f64::from(pace.stop_at);
        if !reached && stated.is_none() {
            return None;
        }
        self.causes.insert(bucket.clone(), Cause::Usage);
        Some(self.park(bucket, now + stated.unwrap_or(pace.look_again)))
    }

    /// The buckets that are left alone now: the kind, why, and until when.
    pub(super) fn paused(&self, now: Timestamp) -> impl Iterator<Item = (&'static str, Cause, Timestamp)> {
        let parked = self.until.iter().filter(move |(_, until)| **until > now);
        parked.map(|(bucket, until)| {
            (bucket.kind(), self.causes.get(bucket).copied().unwrap_or(Cause::Remembered), *until)
        })
    }

    /// Parks a bucket; a park that lasts longer already stays.
    pub(super) fn park(&mut self, bucket: Bucket, until: Timestamp) -> Timestamp {
        let kept = self.until.entry(bucket).or_insert(until);
        *kept = until.max(*kept);
        *kept
    }

    fn next_unstated(&mut self, bucket: &Bucket, pace: &Pace) -> Duration {
        let before = self.unstated.entry(bucket.clone()).or_default();
        let wait = pace.unstated.saturating_mul(2u32.saturating_pow(*before)).min(UNSTATED_MAX);
        *before = before.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace::DEFAULT;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn own(id: &str) -> Bucket {
        Bucket::Business("main".to_owned(), id.parse().unwrap())
    }

    #[test]
    fn a_throttled_business_waits_the_stated_time_and_its_neighbour_does_not() {
        let mut parks = Parks::default();
        parks.throttled(own("1"), Some(Duration::from_secs(300)), &PACE, at(0));
        assert_eq!(parks.parked(&own("1"), at(299)), Some(at(300)));
        assert_eq!(parks.parked(&own("1"), at(300)), None);
        assert_eq!(parks.parked(&own("2"), at(1)), None);
    }

    #[test]
    fn an_unstated_wait_doubles_up_to_an_hour_and_starts_anew_after_a_calm_answer() {
        let mut parks = Parks::default();
        let waits: Vec<i64> =
            (0..9).map(|n| parks.throttled(own("1"), None, &PACE, at(n * 10_000)).as_second() - n * 10_000).collect();
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
        parks.calmed(&own("1"));
        assert_eq!(parks.throttled(own("1"), None, &PACE, at(200_000)), at(200_060));
    }

    #[test]
    fn a_shorter_park_does_not_end_a_longer_one() {
        let mut parks = Parks::default();
        parks.park(own("1"), at(500));
        assert_eq!(parks.park(own("1"), at(100)), at(500));
    }

    #[test]
    fn a_bucket_at_its_limit_is_left_alone_before_meta_says_so() {
        let mut parks = Parks::default();
        assert_eq!(parks.used(own("1"), 94.9, None, &PACE, at(0)), None);
        assert_eq!(parks.used(own("1"), 118.0, None, &PACE, at(0)), Some(at(60)));
        assert_eq!(parks.used(own("1"), f64::NAN, None, &PACE, at(0)), None);
    }

    #[test]
    fn what_is_left_alone_is_told_with_its_cause_and_no_longer_than_it_is() {
        let mut parks = Parks::default();
        parks.throttled(own("1"), Some(Duration::from_secs(300)), &PACE, at(0));
        parks.used(Bucket::App("main".to_owned()), 99.0, None, &PACE, at(0));
        parks.park(own("2"), at(400));
        let mut paused: Vec<_> = parks.paused(at(100)).collect();
        paused.sort_unstable();
        assert_eq!(paused, [("business", Cause::Throttled, at(300)), ("business", Cause::Remembered, at(400))]);
        assert_eq!(parks.paused(at(400)).count(), 0);
    }
}
