//! Parked buckets: where Meta said to wait, and until when.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::contract::BusinessId;

/// Longest wait for a throttle that names no time.
const UNSTATED_MAX: Duration = Duration::from_secs(3_600);

/// A budget at Meta, as far as it is known: which bucket an edge of a business belongs to is not documented, so a
/// throttle that names no app counts for the business whose call met it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Everything of one app, told by the credential's name.
    App(String),
    /// One business through one credential.
    Business(String, BusinessId),
}

impl Bucket {
    /// Whether calls of `business` through `credential` count in it.
    #[must_use]
    pub fn holds_back(&self, credential: &str, business: &BusinessId) -> bool {
        match self {
            Self::App(name) => name == credential,
            Self::Business(name, whose) => name == credential && whose == business,
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(credential) => write!(f, "app/{credential}"),
            Self::Business(credential, business) => write!(f, "business/{credential}/{business}"),
        }
    }
}

impl std::str::FromStr for Bucket {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, rest) = text.split_once('/').ok_or("a bucket is app/… or business/…")?;
        match (kind, rest.rsplit_once('/')) {
            ("app", _) => Ok(Self::App(rest.to_owned())),
            ("business", Some((credential, business))) => {
                let business = business.parse().map_err(|_| "a business is digits")?;
                Ok(Self::Business(credential.to_owned(), business))
            }
            (_, Some(_) | None) => Err("a bucket is app/… or business/…"),
        }
    }
}

/// What the configuration says about pace.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Percent of a usage header at which calls stop.
    pub stop_at: u8,
    /// Stopped without a stated time: how long until one call looks again.
    pub look_again: Duration,
    /// Throttled without a stated time: how long to wait at first; it doubles.
    pub unstated: Duration,
}

/// The buckets that must be left alone.
#[derive(Debug, Default)]
pub struct Parks {
    until: HashMap<Bucket, Timestamp>,
    unstated: HashMap<Bucket, u32>,
}

impl Parks {
    /// Until when a call of `business` through `credential` must wait, and for which bucket.
    #[must_use]
    pub fn parked(&self, credential: &str, business: &BusinessId, now: Timestamp) -> Option<(Bucket, Timestamp)> {
        let app = Bucket::App(credential.to_owned());
        let own = Bucket::Business(credential.to_owned(), business.clone());
        [app, own]
            .into_iter()
            .filter_map(|bucket| self.until.get(&bucket).map(|until| (bucket, *until)))
            .filter(|(_, until)| *until > now)
            .max_by_key(|(_, until)| *until)
    }

    /// A throttled answer: the stated time is kept, an unstated one doubles from `pace.unstated` up to an hour.
    pub fn throttled(&mut self, bucket: Bucket, stated: Option<Duration>, pace: &Pace, now: Timestamp) -> Timestamp {
        let wait = stated.filter(|wait| !wait.is_zero()).unwrap_or_else(|| self.next_unstated(&bucket, pace));
        self.park(bucket, now + wait)
    }

    /// What a usage header said: at `pace.stop_at` the bucket is left alone before Meta has to say so.
    pub fn used(
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
            self.unstated.remove(&bucket);
            return None;
        }
        Some(self.park(bucket, now + stated.unwrap_or(pace.look_again)))
    }

    /// Parks a bucket; a park that lasts longer already stays.
    pub fn park(&mut self, bucket: Bucket, until: Timestamp) -> Timestamp {
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

    const PACE: Pace = Pace { stop_at: 95, look_again: Duration::from_secs(60), unstated: Duration::from_secs(60) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn business(id: &str) -> BusinessId {
        id.parse().unwrap()
    }

    fn own(id: &str) -> Bucket {
        Bucket::Business("main".to_owned(), business(id))
    }

    #[test]
    fn a_throttled_business_waits_the_stated_time_and_its_neighbour_does_not() {
        let mut parks = Parks::default();
        parks.throttled(own("1"), Some(Duration::from_secs(300)), &PACE, at(0));
        assert_eq!(parks.parked("main", &business("1"), at(299)), Some((own("1"), at(300))));
        assert_eq!(parks.parked("main", &business("1"), at(300)), None);
        assert_eq!(parks.parked("main", &business("2"), at(1)), None);
    }

    #[test]
    fn a_throttled_app_stops_all_its_businesses_and_no_other_credential() {
        let mut parks = Parks::default();
        parks.throttled(Bucket::App("main".to_owned()), None, &PACE, at(0));
        assert!(parks.parked("main", &business("2"), at(59)).is_some());
        assert!(parks.parked("other", &business("2"), at(59)).is_none());
    }

    #[test]
    fn an_unstated_wait_doubles_up_to_an_hour_and_starts_anew_after_a_calm_answer() {
        let mut parks = Parks::default();
        let waits: Vec<i64> =
            (0..9).map(|n| parks.throttled(own("1"), None, &PACE, at(n * 10_000)).as_second() - n * 10_000).collect();
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
        parks.used(own("1"), 10.0, None, &PACE, at(100_000));
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
    fn a_bucket_reads_back_from_its_text() {
        for bucket in [own("17"), Bucket::App("a/b".to_owned())] {
            assert_eq!(bucket.to_string().parse(), Ok(bucket));
        }
    }
}
