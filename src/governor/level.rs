//! One bucket: how full it is, by Meta's word and by our own count since, and whether one more call fits.
//!
//! # What must hold
//! While headers tell the truth no call takes a bucket over its limit, whatever a call costs and however fast what was
//! used comes back; both are learned. While they lie, a call leaves now and then all the same.
//!
//! - *Calls side by side.* Each is counted from its leaving on, at the highest cost that the headers so far allow for, and
//!   at most half of what is left is out at a time: the other half covers what a cost that was too low takes.
//! - *A jump.* The last header is believed at once, also where it is one of an answer that was overtaken.
//! - *No header.* Little is used, as Meta says, but not nothing: few calls at first, twice as many with each round of
//!   answers.
//! - *A bucket at its stop.* Nothing is said of when it has room again: one call looks after `pace.look_again`, and as
//!   long as what it sees has not fallen, the next after twice as long.

use std::time::Duration;

use jiff::Timestamp;

use super::cost::Cost;
use super::pace::{Pace, Part, Rank};
use crate::meta::{Tier, Usage};

/// Meta counts over an hour: what a header said longer ago says nothing.
const VALID: Duration = Duration::from_secs(3_600);
/// The longest time between two looks.
const LOOK_MAX: Duration = Duration::from_secs(3_600);
/// The most calls that are out at a time where no header limits them: more than any worker makes.
const WINDOW_MAX: f64 = 4_096.0;
/// An answer's way, before one was seen.
const WAY: Duration = Duration::from_millis(50);
/// Of the time in which a bucket gives back what a call takes, the part by which those that wait come back: what a call
/// takes is known to be no more than so much, and whoever comes too early waits once more, but who comes too late leaves
/// room unused.
const CLOSER: f64 = 0.75;
/// The shortest gap that is worth being waited for.
const GAP_MIN: Duration = Duration::from_millis(5);

/// Why a call has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Meta said to wait.
    Parked,
    /// Its part of the bucket is used up.
    Stopped,
    /// Its part is nearly used up, and calls are spaced out.
    Slowed,
    /// As many calls are out as the bucket is known to bear, or others have waited for longer.
    Crowded,
}

/// The bucket.
#[derive(Debug)]
pub(super) struct Level {
    told: Option<Told>,
    cost: Cost,
    /// Requests that are out.
    out: f64,
    /// Requests that were answered since the last header.
    unsaid: f64,
    /// Requests that may be out where no header says more.
    window: f64,
    way: Duration,
    last_leave: Option<Timestamp>,
    last_answer: Option<Timestamp>,
    /// Looks in a row that saw no fall.
    looks: u32,
    is_looking: bool,
    /// The last place that was given away in the line of each rank.
    lines: [Option<Timestamp>; Rank::COUNT],
}

#[derive(Debug, Clone, Copy)]
struct Told {
    percent: f64,
    at: Timestamp,
}

impl Level {
    /// A bucket that nothing is known of; `window` requests may be out at first.
    pub(super) fn new(window: f64, cost: Cost) -> Self {
        Self {
            told: None,
            cost,
            out: 0.0,
            unsaid: 0.0,
            window,
            way: WAY,
            last_leave: None,
            last_answer: None,
            looks: 0,
            is_looking: false,
            lines: [None; Rank::COUNT],
        }
    }

    /// Whether a call of so many requests may leave now; else from when on it is worth asking again.
    pub(super) fn room(&self, requests: f64, part: Part, pace: &Pace, now: Timestamp) -> Result<(), (Held, Timestamp)> {
        let crowded = Err((Held::Crowded, now + self.spacing(Held::Crowded)));
        let Some(told) = self.valid(now) else {
            return if self.out == 0.0 || self.out + requests <= self.window { Ok(()) } else { crowded };
        };
        let each = self.cost.each();
        let here = self.forecast(told);
        if here + each * requests > part.stop {
            return match self.next_look(told, each, pace) {
                look if look > now => Err((Held::Stopped, look)),
                // Whoever is out now looks for all.
                _ if self.out > 0.0 => Err((Held::Stopped, now + self.spacing(Held::Crowded))),
                _ => Ok(()),
            };
        }
        let free = self.last_leave.map_or(now, |left| left + self.gap(here, part, pace));
        if free > now {
            return Err((Held::Slowed, free));
        }
        let at_once = ((part.stop - here) / (2.0 * each)).min(self.window);
        if self.out > 0.0 && self.out + requests > at_once { crowded } else { Ok(()) }
    }

    /// Whether somebody of this rank or above has waited for longer than one that comes only now.
    pub(super) fn has_line(&self, rank: Rank, now: Timestamp) -> bool {
        self.last_place(rank).is_some_and(|last| last > now)
    }

    /// A place in the line of `rank`, not before `earliest`: at it its owner asks again.
    pub(super) fn place(&mut self, rank: Rank, held: Held, earliest: Timestamp) -> Timestamp {
        let behind = self.last_place(rank).map(|last| last + self.spacing(held));
        let place = behind.map_or(earliest, |behind| behind.max(earliest));
        self.lines[rank.place()] = Some(place);
        place
    }

    /// So many requests leave.
    pub(super) fn leave(&mut self, requests: f64, part: Part, now: Timestamp) {
        let told = self.valid(now);
        self.is_looking = told.is_some_and(|told| self.forecast(told) + self.cost.each() * requests > part.stop);
        self.out += requests;
        self.last_leave = Some(now);
    }

    /// They have not left after all, or nobody will hear of them.
    pub(super) fn unsent(&mut self, requests: f64) {
        self.out = (self.out - requests).max(0.0);
    }

    /// An answer that took `actual` requests came back; `usage` is what its header said of this bucket. True where the
    /// bucket was near its stop and is no longer: whoever waits for it need not wait to its place.
    pub(super) fn answered(
        &mut self,
        (counted, actual): (f64, f64),
        began: Timestamp,
        usage: Option<&Usage>,
        part: Part,
        now: Timestamp,
    ) -> bool {
        self.unsent(counted);
        self.last_answer = Some(now);
        let way = Duration::try_from(now.duration_since(began)).unwrap_or_default();
        self.way = (self.way * 3 + way) / 4;
        self.cost.answered(actual);
        let was_calm = self.valid(now).is_none_or(|told| told.percent < part.slow);
        if was_calm {
            self.window = (self.window + actual).min(WINDOW_MAX);
        }
        let Some(usage) = usage else {
            self.unsaid += actual;
            return false;
        };
        self.hear(usage, now);
        if usage.percent >= part.stop {
            // What is known of a bucket that was used up is little, once that word is old.
            self.window = 1.0;
        }
        let eased = !was_calm && usage.percent < part.slow;
        if eased {
            self.lines = [None; Rank::COUNT];
        }
        eased
    }

    /// A throttle: what was known of how many calls may be out was wrong.
    pub(super) fn throttled(&mut self) {
        self.window = 1.0;
        self.lines = [None; Rank::COUNT];
    }

    /// How full it is as far as is known, in percent.
    pub(super) fn usage(&self, now: Timestamp) -> Option<f64> {
        self.valid(now).map(|told| self.forecast(told))
    }

    /// Whether forgetting it changes nothing.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.out == 0.0 && self.valid(now).is_none() && !self.has_line(Rank::fresh(0), now)
    }

    fn hear(&mut self, usage: &Usage, now: Timestamp) {
        if let Some(tier) = usage.tier {
            self.cost.of_tier(tier);
        }
        self.cost.told(usage.percent, self.out, now);
        if self.is_looking {
            let fell = self.told.is_some_and(|before| usage.percent < before.percent);
            self.looks = if fell { 0 } else { self.looks.saturating_add(1) };
            self.is_looking = false;
        }
        self.unsaid = 0.0;
        self.told = Some(Told { percent: usage.percent, at: now });
    }

    fn valid(&self, now: Timestamp) -> Option<Told> {
        self.told.filter(|told| now < told.at + VALID)
    }

    /// Meta's word and our own count since: what came back meanwhile is not counted on.
    fn forecast(&self, told: Told) -> f64 {
        told.percent + (self.out + self.unsaid) * self.cost.each()
    }

    fn next_look(&self, told: Told, each: f64, pace: &Pace) -> Timestamp {
        let over = told.percent < 100.0 && told.percent + each > 100.0;
        let wait = pace.look_again.saturating_mul(2u32.saturating_pow(self.looks)).min(LOOK_MAX);
        // A look that could itself go over the limit waits until the header says nothing any more.
        let wait = if over { VALID } else { wait };
        self.last_answer.map_or(told.at, |answer| answer.max(told.at)) + wait
    }

    /// From nothing where slowing begins to the pace at which a bucket gives back what it takes where it stops.
    fn gap(&self, here: f64, part: Part, pace: &Pace) -> Duration {
        let near = ((here - part.slow) / (part.stop - part.slow)).clamp(0.0, 1.0);
        let gap = self.cost.given_back_in().mul_f64(near).min(pace.look_again);
        if gap < GAP_MIN { Duration::ZERO } else { gap }
    }

    /// How far apart those that wait come back.
    fn spacing(&self, held: Held) -> Duration {
        match held {
            Held::Parked | Held::Stopped | Held::Slowed => self.cost.given_back_in().mul_f64(CLOSER),
            Held::Crowded => (self.way.div_f64(self.window.max(1.0))).max(GAP_MIN),
        }
    }

    fn last_place(&self, rank: Rank) -> Option<Timestamp> {
        self.lines[rank.place()..].iter().flatten().max().copied()
    }
}

/// What a throttle without a stated time is worth where the tier tells it: Meta documents the blocks of ad accounts.
pub(super) fn block_of(tier: Tier) -> Duration {
    match tier {
        Tier::Development => Duration::from_secs(300),
        Tier::Standard => Duration::from_secs(60),
    }
}
