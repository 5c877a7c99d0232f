//! How fast the configuration lets buckets be used up, and who asks.

use std::time::Duration;

use crate::contract::BusinessId;

/// What the configuration says about pace.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Percent of a usage header from which calls are spaced out.
    pub slow_from: u8,
    /// Percent of a usage header at which calls stop.
    pub stop_at: u8,
    /// Stopped without a stated time: how long until one call looks again.
    pub look_again: Duration,
    /// Throttled without a stated time: how long to wait at first; it doubles.
    pub unstated: Duration,
    /// Percent of a bucket that is kept for what takes access away.
    pub reserve: u8,
}

impl Pace {
    /// As the configuration has it where nothing is said.
    pub(super) const DEFAULT: Self = Self {
        slow_from: 75,
        stop_at: 95,
        look_again: Duration::from_secs(60),
        unstated: Duration::from_secs(60),
        reserve: 20,
    };

    /// The part of a bucket that calls of `purpose` may use. The reserve takes its part of both marks, else the calls
    /// that may not touch it would come to their stop without having slowed down.
    pub(super) fn part(&self, purpose: Purpose) -> Part {
        let share = match purpose {
            Purpose::Offboarding => 1.0,
            Purpose::Other => 1.0 - f64::from(self.reserve) / 100.0,
        };
        Part { slow: f64::from(self.slow_from) * share, stop: f64::from(self.stop_at) * share }
    }
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Taking access away: it may use the reserve.
    Offboarding,
    /// Anything else.
    Other,
}

/// A part of a bucket, in percent of the whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// From here on calls are spaced out.
    pub(super) slow: f64,
    /// Here they stop.
    pub(super) stop: f64,
}

/// Whose turn comes first among those that wait for the same bucket: who has begun, then by priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u8);

impl Rank {
    /// How many there are.
    pub(super) const COUNT: usize = 12;

    /// Of whatever may use the reserve: it does not stand behind those that may not.
    pub(super) const RESERVED: Self = Self(11);

    /// Of a command that has begun, or of a walk that settles many: it goes before all that have not.
    pub const BEGUN: Self = Self(10);

    /// Of a command that has asked nothing yet.
    #[must_use]
    pub fn fresh(priority: u8) -> Self {
        Self(priority.min(9))
    }

    pub(super) fn place(self) -> usize {
        usize::from(self.0)
    }
}

/// A call that wants to leave.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Through which credential.
    pub credential: &'a str,
    /// For which business.
    pub business: &'a BusinessId,
    /// Meta's class of the node that is called, such as `Business`.
    pub class: &'static str,
    /// The edge; empty for the node itself.
    pub edge: &'static str,
    /// The node's id.
    pub node: &'a str,
    /// What for.
    pub purpose: Purpose,
    /// Whose turn.
    pub rank: Rank,
    /// Whether it was told to come now: then it need not stand behind those that wait.
    pub has_waited: bool,
}

impl Wish<'_> {
    pub(super) fn in_line(&self) -> Rank {
        match self.purpose {
            Purpose::Offboarding => Rank::RESERVED,
            Purpose::Other => self.rank,
        }
    }
}
