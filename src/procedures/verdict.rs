//! What walks over Meta's lists prove about a pending claim.
//!
//! Meta gives no sign of a denial: a request is in the pending list, then it is not. What a list shows is believed
//! at once; what it does not show is believed only when it is old enough, because a list may lag behind a write by
//! up to `settle`, and an approval may fall between the reading of the pending list and that of the held list.
//!
//! Races, and what is decided:
//! - *The request is not listed yet.* The first walk that counts began `settle` or more after the claim was sent.
//! - *Approved in mid-walk*, so that neither list shows it. One absence proves nothing: the last must have begun
//!   `settle` or more after the first **ended**, by when the held list shows what the first walk missed.
//! - *A page of the walk broke.* It says nothing about what it did not show.
//!
//! Not kept: a list that lags by more than `settle`, and a row that paging misses in every one of the walks.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::contract::Tasks;

/// What one walk (pending list first, then held list) showed of one watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// When the walk began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Whether every page of both lists was read.
    pub complete: bool,
    /// Whether the request stood in the pending list.
    pub pending: bool,
    /// The tasks under which the asset stood in the held list.
    pub held: Option<Tasks>,
}

/// The walks so far in which a watch stood in neither list, without one in between that showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Absences {
    /// When the first of them ended.
    pub first_ended: Option<Timestamp>,
    /// How many.
    pub walks: u32,
}

/// How a watch stands after a walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is proved yet.
    Open(Absences),
    /// Seen in the held list, with these tasks.
    Granted(Tasks),
    /// In neither list for long enough: denied or withdrawn, which Meta does not tell apart.
    Gone,
}

/// What it takes to believe an absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// How long a list may lag behind a write.
    pub settle: Duration,
    /// How many complete walks it takes, at least.
    pub walks: u32,
}

impl Absences {
    /// How the watch, sent at `sent_at`, stands after one more walk.
    #[must_use]
    pub fn after(self, sent_at: Timestamp, sight: &Sight, proof: Proof) -> Verdict {
        if sight.began < sent_at {
            return Verdict::Open(self);
        }
        if let Some(tasks) = &sight.held {
            return Verdict::Granted(tasks.clone());
        }
        if sight.pending {
            return Verdict::Open(Self::default());
        }
        if !sight.complete || sight.began < sent_at + proof.settle {
            return Verdict::Open(self);
        }
        let walks = self.walks.saturating_add(1);
        let first_ended = self.first_ended.unwrap_or(sight.ended);
        let apart = self.first_ended.is_some_and(|ended| sight.began >= ended + proof.settle);
        if walks >= proof.walks && (apart || proof.walks <= 1) {
            Verdict::Gone
        } else {
            Verdict::Open(Self { first_ended: Some(first_ended), walks })
        }
    }
}

/// The verdict over all walks of a watch, in the order in which they began.
#[must_use]
pub fn verdict(sent_at: Timestamp, walks: &[Sight], proof: Proof) -> Verdict {
    let mut absences = Absences::default();
    for sight in walks {
        match absences.after(sent_at, sight, proof) {
            Verdict::Open(so_far) => absences = so_far,
            settled @ (Verdict::Granted(_) | Verdict::Gone) => return settled,
        }
    }
    Verdict::Open(absences)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROOF: Proof = Proof { settle: Duration::from_secs(300), walks: 2 };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn absent(second: i64) -> Sight {
        Sight { began: at(second), ended: at(second + 5), complete: true, pending: false, held: None }
    }

    #[test]
    fn one_absence_however_old_denies_nothing() {
        assert!(matches!(verdict(at(0), &[absent(100_000)], PROOF), Verdict::Open(_)));
    }

    #[test]
    fn two_absences_that_are_close_together_deny_nothing() {
        assert!(matches!(verdict(at(0), &[absent(400), absent(460)], PROOF), Verdict::Open(_)));
    }

    #[test]
    fn two_absences_far_enough_apart_are_a_denial() {
        assert_eq!(verdict(at(0), &[absent(400), absent(705)], PROOF), Verdict::Gone);
    }

    #[test]
    fn absences_before_the_lists_can_have_settled_count_for_nothing() {
        assert!(matches!(verdict(at(0), &[absent(10), absent(299), absent(400)], PROOF), Verdict::Open(_)));
    }

    #[test]
    fn a_walk_that_began_before_the_claim_counts_for_nothing_even_if_it_shows_a_grant() {
        let early = Sight { held: Some(Tasks::default()), ..absent(-1) };
        assert_eq!(verdict(at(0), &[early], PROOF), Verdict::Open(Absences::default()));
    }

    #[test]
    fn a_broken_walk_neither_counts_nor_resets() {
        let broken = Sight { complete: false, ..absent(600) };
        assert!(matches!(verdict(at(0), &[absent(400), broken.clone()], PROOF), Verdict::Open(_)));
        assert_eq!(verdict(at(0), &[absent(400), broken, absent(800)], PROOF), Verdict::Gone);
    }

    #[test]
    fn a_request_seen_again_starts_the_count_anew() {
        let back = Sight { pending: true, ..absent(700) };
        assert!(matches!(verdict(at(0), &[absent(400), back, absent(1_000)], PROOF), Verdict::Open(_)));
    }

    #[test]
    fn a_grant_is_believed_at_once_even_from_a_broken_walk() {
        let seen = Sight { complete: false, held: Some(Tasks::default()), ..absent(2) };
        assert_eq!(verdict(at(0), &[seen], PROOF), Verdict::Granted(Tasks::default()));
    }

    /// What really happens to a request, and when.
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        Approved(i64),
        Denied(i64),
        Open,
    }

    /// A walk as it really goes: when it starts, how long until each list is read, how far each lags, whether it breaks.
    #[derive(Debug, Clone, Copy)]
    struct Real {
        after: i64,
        to_pending: i64,
        to_held: i64,
        lag_pending: i64,
        lag_held: i64,
        broken: bool,
    }

    fn fates() -> impl Strategy<Value = Fate> {
        prop_oneof![(0..5_000i64).prop_map(Fate::Approved), (0..5_000i64).prop_map(Fate::Denied), Just(Fate::Open)]
    }

    fn reals() -> impl Strategy<Value = Vec<Real>> {
        let lag = || 0..300i64;
        let real = (0..900i64, 0..120i64, 0..120i64, lag(), lag(), prop::bool::weighted(0.2)).prop_map(
            |(after, to_pending, to_held, lag_pending, lag_held, broken)| Real {
                after,
                to_pending,
                to_held,
                lag_pending,
                lag_held,
                broken,
            },
        );
        prop::collection::vec(real, 0..20)
    }

    fn is_pending(fate: Fate, t: i64) -> bool {
        let decided = match fate {
            Fate::Approved(when) | Fate::Denied(when) => t >= when,
            Fate::Open => false,
        };
        t >= 0 && !decided
    }

    fn is_held(fate: Fate, t: i64) -> bool {
        matches!(fate, Fate::Approved(when) if t >= when)
    }

    fn sights(fate: Fate, reals: &[Real]) -> Vec<Sight> {
        let mut clock = 0;
        let mut seen = Vec::new();
        for real in reals {
            let began = clock + real.after;
            let pending_read = began + real.to_pending;
            let held_read = pending_read + real.to_held;
            clock = held_read;
            let held = !real.broken && is_held(fate, held_read - real.lag_held);
            seen.push(Sight {
                began: at(began),
                ended: at(held_read),
                complete: !real.broken,
                pending: !real.broken && is_pending(fate, pending_read - real.lag_pending),
                held: held.then(Tasks::default),
            });
        }
        seen
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Whatever the lag (below `settle`), the moment of the decision and the pages that break: no claim that is
        /// open or approved is called gone, and none that was not approved is called granted.
        #[test]
        fn the_verdict_is_never_wrong(fate in fates(), reals in reals()) {
            match verdict(at(0), &sights(fate, &reals), PROOF) {
                Verdict::Gone => prop_assert!(matches!(fate, Fate::Denied(_)), "gone, but {fate:?}"),
                Verdict::Granted(_) => prop_assert!(matches!(fate, Fate::Approved(_)), "granted, but {fate:?}"),
                Verdict::Open(_) => {}
            }
        }

        /// A denied claim is found out once enough good walks have been made.
        #[test]
        fn a_denial_is_found_out_in_the_end(when in 0..5_000i64, reals in reals()) {
            let fate = Fate::Denied(when);
            let good = Real { after: 6_000, to_pending: 1, to_held: 1, lag_pending: 299, lag_held: 299, broken: false };
            let all: Vec<Real> = reals.into_iter().chain([good; 2]).collect();
            prop_assert_eq!(verdict(at(0), &sights(fate, &all), PROOF), Verdict::Gone);
        }
    }
}
