//! What a request costs of a bucket, in percent, and how fast that comes back: learned from the headers.
//!
//! Headers tell whole percents as a rule, and what a bucket gives back falls between two of them. So of a stretch of
//! requests only a highest and a lowest cost are known, and what is reckoned with stays between the two: it rises at
//! once, and falls no further than the stretch proves.

use std::time::Duration;

use jiff::Timestamp;

use crate::meta::Tier;

/// What a request is taken to cost at first: a hundredth, as of a small allowance.
const FIRST: f64 = 1.0;
/// The most that a request takes of anything: of Meta's smallest allowance, 60 points, a write takes three. What rises
/// faster than that is used by somebody else.
const MOST: f64 = 5.0;
/// Nothing costs less, as far as the arithmetic goes.
const LEAST: f64 = 1e-6;
/// The whole comes back in an hour, as Meta documents for most; in percent a second.
const IN_AN_HOUR: f64 = 100.0 / 3_600.0;
/// In five minutes: an ad account's score.
const IN_FIVE_MINUTES: f64 = 100.0 / 300.0;
/// In a day, the slowest that is documented.
const IN_A_DAY: f64 = 100.0 / 86_400.0;
/// A stretch that lasts longer says more of what came back than of what was taken.
const STRETCH_MAX: Duration = Duration::from_secs(60);
/// Nor is a fall that took less time worth counting with: half a percent may be a rounding.
const FALL_MIN: Duration = Duration::from_secs(20);
/// Percents after which a stretch has said what it can.
const ENOUGH: f64 = 20.0;

/// What is known of it.
#[derive(Debug)]
pub(super) struct Cost {
    each: f64,
    /// Percent that come back in a second.
    back: f64,
    /// The most that may come back in a second, by what Meta documents for such a bucket.
    back_max: f64,
    stretch: Option<Stretch>,
}

/// Requests between two headers.
#[derive(Debug)]
struct Stretch {
    from: f64,
    at: Timestamp,
    /// Those that were out when it began: the header may have counted them already.
    out: f64,
    requests: f64,
}

impl Cost {
    /// Of a bucket of this use case.
    pub(super) fn of(use_case: &str) -> Self {
        let back_max = if use_case == "ad_account" { IN_FIVE_MINUTES } else { IN_AN_HOUR };
        Self { each: FIRST, back: back_max, back_max, stretch: None }
    }

    /// The small tier's allowance is the smallest that Meta documents.
    pub(super) fn of_tier(&mut self, tier: Tier) {
        if tier == Tier::Development && self.stretch.is_none() {
            self.each = self.each.max(MOST);
        }
    }

    /// What one request takes, in percent.
    pub(super) fn each(&self) -> f64 {
        self.each
    }

    /// How long the bucket takes to give back what one request took.
    pub(super) fn given_back_in(&self) -> Duration {
        Duration::from_secs_f64((self.each / self.back).clamp(0.0, 86_400.0))
    }

    /// So many requests were answered.
    pub(super) fn answered(&mut self, requests: f64) {
        if let Some(stretch) = &mut self.stretch {
            stretch.requests += requests;
        }
    }

    /// A header said so, while `out` requests were still out.
    pub(super) fn told(&mut self, percent: f64, out: f64, now: Timestamp) {
        let fresh = Stretch { from: percent, at: now, out, requests: 0.0 };
        let Some(stretch) = &self.stretch else {
            self.stretch = Some(fresh);
            return;
        };
        let passed = Duration::try_from(now.duration_since(stretch.at)).unwrap_or_default();
        let (rise, known) = (percent - stretch.from, stretch.requests - stretch.out);
        if rise < 0.0 {
            if passed >= FALL_MIN {
                let back = (self.each * stretch.requests - rise) / passed.as_secs_f64();
                self.back = f64::midpoint(self.back, back.clamp(IN_A_DAY, self.back_max));
            }
            self.stretch = Some(fresh);
            return;
        }
        if known >= 1.0 {
            let highest = (rise + 1.0 + self.back_max * passed.as_secs_f64()) / known;
            let lowest = (rise - 1.0) / (stretch.requests + out);
            self.each = self.each.min(highest).max(lowest).clamp(LEAST, MOST);
        }
        if passed > STRETCH_MAX || rise >= ENOUGH {
            self.stretch = Some(fresh);
        }
    }
}
