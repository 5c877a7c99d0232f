//! The open commands by where they stand, for gauges: counted as they move, so that a scrape of a million costs what a
//! scrape of ten does.
//!
//! In memory alone, beside the board: a restart counts anew from the journal.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::board::Seq;
use super::follow::age;
use crate::contract::{Command, Targets, WaitCause};
use crate::journal::State;

/// How a command that is open stands, as operators ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Standing {
    /// It may run when its lane is free.
    Queued,
    /// A step is at it.
    Running,
    /// A write is out of which nobody knows whether Meta has made it.
    Unknown,
    /// Meta's lists are to show what a write has done.
    Settling,
    /// Meta, or our own limit on claims, wants less.
    WaitingQuota,
    /// An admin elsewhere has to approve it.
    WaitingApproval,
    /// An operator has to do something: a credential, a breaker, a release, the stop switch.
    WaitingHuman,
    /// Its notice runs.
    WaitingNotice,
    /// Its children, or another command.
    WaitingOthers,
    /// Meta is out of reach.
    WaitingOutage,
}

impl Standing {
    /// The label.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Unknown => "unknown",
            Self::Settling => "settling",
            Self::WaitingQuota => "waiting_quota",
            Self::WaitingApproval => "waiting_approval",
            Self::WaitingHuman => "waiting_human",
            Self::WaitingNotice => "waiting_notice",
            Self::WaitingOthers => "waiting_others",
            Self::WaitingOutage => "waiting_outage",
        }
    }

    /// As the journal has it; `None` once it has ended. What a step knows beside it is told by `write`.
    pub(crate) fn of(state: &State, write: Write) -> Option<Self> {
        match (state, write) {
            (State::Ended(_), _) => None,
            (State::Pending, _) => Some(Self::WaitingApproval),
            (State::AwaitingChildren | State::Awaiting { .. }, _) => Some(Self::WaitingOthers),
            (State::Waiting { cause, .. }, _) => Some(Self::held_back(cause)),
            (State::Ready | State::Running, Write::Unknown) => Some(Self::Unknown),
            (State::Ready, Write::Made) => Some(Self::Settling),
            (State::Ready, Write::None) => Some(Self::Queued),
            (State::Running, Write::None | Write::Made) => Some(Self::Running),
        }
    }

    fn held_back(cause: &str) -> Self {
        let known = WaitCause::ALL.into_iter().find(|known| known.word() == cause);
        match known {
            Some(WaitCause::Quota | WaitCause::Cap) => Self::WaitingQuota,
            Some(WaitCause::Credential | WaitCause::Breaker | WaitCause::Release | WaitCause::Hold) => {
                Self::WaitingHuman
            }
            Some(WaitCause::Outage) => Self::WaitingOutage,
            // The one wait that no event tells.
            None => Self::WaitingNotice,
        }
    }
}

/// What became of a command's last write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// It has not written.
    None,
    /// Meta has answered.
    Made,
    /// Nobody knows.
    Unknown,
}

/// What does not change about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) operation: &'static str,
    pub(crate) asset_kind: &'static str,
    pub(crate) accepted_at: Timestamp,
}

impl Known {
    pub(crate) fn of(command: &Command, accepted_at: Timestamp) -> Self {
        Self { operation: command.body.name(), asset_kind: asset_kind(command), accepted_at }
    }
}

/// The kind of what a command is about: one of the contract's, `mixed` or `none`.
pub(crate) fn asset_kind(command: &Command) -> &'static str {
    match command.body.targets() {
        Some(Targets::One(asset)) => asset.kind.word(),
        Some(Targets::List(assets)) => {
            let mut kinds = assets.iter().map(|asset| asset.kind.word());
            let first = kinds.next().unwrap_or("none");
            if kinds.all(|kind| kind == first) { first } else { "mixed" }
        }
        Some(Targets::All) => "mixed",
        None => "none",
    }
}

/// The count.
#[derive(Debug, Default)]
pub(crate) struct Census {
    open: HashMap<Seq, (Known, Standing)>,
    counts: BTreeMap<(&'static str, Standing), u64>,
    ages: BTreeMap<Standing, BTreeSet<(Timestamp, Seq)>>,
    approvals: BTreeMap<&'static str, Bands>,
}

impl Census {
    /// A command stands so from `now` on; `None`: it has ended.
    pub(crate) fn stands(&mut self, seq: Seq, known: Known, standing: Option<Standing>, now: Timestamp) {
        let before = self.open.get(&seq).map(|(_, before)| *before);
        if before == standing {
            return;
        }
        if let Some((known, before)) = self.open.remove(&seq) {
            self.leave(seq, known, before);
        }
        if let Some(standing) = standing {
            self.enter(seq, known, standing, now);
        }
    }

    /// How many of each operation stand how. What has been seen once stays, at zero.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, Standing, u64)> {
        self.counts.iter().map(|((operation, standing), count)| (*operation, *standing, *count))
    }

    /// How long ago the oldest of each standing was accepted.
    pub(crate) fn oldest(&self, now: Timestamp) -> impl Iterator<Item = (Standing, Duration)> {
        self.ages.iter().map(move |(standing, ages)| {
            (*standing, ages.first().map_or(Duration::ZERO, |(accepted, _)| age(*accepted, now)))
        })
    }

    /// How many wait for an approval, by kind of asset and by how long.
    pub(crate) fn approvals(&mut self, now: Timestamp) -> Vec<(&'static str, &'static str, usize)> {
        let of = |(kind, bands): (&&'static str, &mut Bands)| {
            let kind = *kind;
            bands.at(now).map(|(band, count)| (kind, band, count)).collect::<Vec<_>>()
        };
        self.approvals.iter_mut().flat_map(of).collect()
    }

    fn enter(&mut self, seq: Seq, known: Known, standing: Standing, now: Timestamp) {
        self.open.insert(seq, (known, standing));
        *self.counts.entry((known.operation, standing)).or_default() += 1;
        self.ages.entry(standing).or_default().insert((known.accepted_at, seq));
        if standing == Standing::WaitingApproval {
            self.approvals.entry(known.asset_kind).or_default().insert(seq, now);
        }
    }

    fn leave(&mut self, seq: Seq, known: Known, before: Standing) {
        if let Some(count) = self.counts.get_mut(&(known.operation, before)) {
            *count = count.saturating_sub(1);
        }
        if let Some(ages) = self.ages.get_mut(&before) {
            ages.remove(&(known.accepted_at, seq));
        }
        if let Some(bands) = self.approvals.get_mut(known.asset_kind).filter(|_| before == Standing::WaitingApproval) {
            bands.remove(seq);
        }
    }
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// Upper ends of the bands of age; the last has none.
const BANDS: [(&str, u64); 6] =
    [("1h", HOUR), ("1d", DAY), ("3d", 3 * DAY), ("7d", 7 * DAY), ("14d", 14 * DAY), ("30d", 30 * DAY)];
const OLDER: &str = "older";

/// Commands by how long they have waited. Each moves on to the next band when somebody looks and it is due: six times
/// in its life, however often that is.
#[derive(Debug, Default)]
struct Bands {
    since: HashMap<Seq, Timestamp>,
    bands: [BTreeSet<(Timestamp, Seq)>; BANDS.len() + 1],
}

impl Bands {
    fn insert(&mut self, seq: Seq, since: Timestamp) {
        self.since.insert(seq, since);
        self.bands[0].insert((since, seq));
    }

    fn remove(&mut self, seq: Seq) {
        if let Some(since) = self.since.remove(&seq) {
            // It is in one of them.
            let _found = self.bands.iter_mut().any(|band| band.remove(&(since, seq)));
        }
    }

    fn at(&mut self, now: Timestamp) -> impl Iterator<Item = (&'static str, usize)> {
        for (n, (_, end)) in BANDS.iter().enumerate() {
            while let Some((since, seq)) = self.bands[n].first().copied() {
                if age(since, now) < Duration::from_secs(*end) {
                    break;
                }
                self.bands[n].pop_first();
                self.bands[n + 1].insert((since, seq));
            }
        }
        let names = BANDS.iter().map(|(name, _)| *name).chain([OLDER]);
        names.zip(self.bands.iter().map(BTreeSet::len)).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn claim(accepted: i64) -> Known {
        Known { operation: "claim", asset_kind: "page", accepted_at: at(accepted) }
    }

    fn count(census: &Census, standing: Standing) -> u64 {
        census.counts().filter(|(_, found, _)| *found == standing).map(|(_, _, count)| count).sum()
    }

    #[test]
    fn a_command_is_counted_once_wherever_it_moves_and_not_after_its_end() {
        let mut census = Census::default();
        let path = [Standing::Queued, Standing::Running, Standing::Running, Standing::WaitingApproval];
        for standing in path {
            census.stands(1, claim(0), Some(standing), at(5));
            assert_eq!(census.counts().map(|(_, _, count)| count).sum::<u64>(), 1, "{standing:?}");
            assert_eq!(count(&census, standing), 1);
        }
        census.stands(1, claim(0), None, at(6));
        census.stands(1, claim(0), None, at(6));
        assert_eq!(census.counts().map(|(_, _, count)| count).sum::<u64>(), 0);
        assert!(census.open.is_empty() && census.approvals(at(7)).iter().all(|(_, _, count)| *count == 0));
    }

    #[test]
    fn the_oldest_is_the_one_accepted_first_and_none_is_zero_old() {
        let mut census = Census::default();
        census.stands(1, claim(100), Some(Standing::Queued), at(100));
        census.stands(2, claim(40), Some(Standing::Queued), at(100));
        let oldest = |census: &Census| census.oldest(at(200)).find(|(found, _)| *found == Standing::Queued).unwrap().1;
        assert_eq!(oldest(&census), Duration::from_secs(160));
        census.stands(2, claim(40), None, at(200));
        assert_eq!(oldest(&census), Duration::from_secs(100));
        census.stands(1, claim(100), None, at(200));
        assert_eq!(oldest(&census), Duration::ZERO);
    }

    #[test]
    fn pending_claims_grow_older_while_nobody_touches_them() {
        let mut census = Census::default();
        let day = i64::try_from(DAY).unwrap();
        census.stands(1, claim(0), Some(Standing::WaitingApproval), at(0));
        census.stands(2, claim(0), Some(Standing::WaitingApproval), at(day * 10));
        let bands = |census: &mut Census, now| -> Vec<&'static str> {
            census.approvals(at(now)).into_iter().filter(|(_, _, count)| *count == 1).map(|(_, band, _)| band).collect()
        };
        assert_eq!(bands(&mut census, day * 10), ["1h", "14d"]);
        assert_eq!(bands(&mut census, day * 20), ["14d", "30d"]);
        assert_eq!(bands(&mut census, day * 35), ["30d", OLDER]);
        census.stands(2, claim(0), None, at(day * 41));
        assert_eq!(bands(&mut census, day * 41), [OLDER]);
    }

    #[test]
    fn an_unknown_write_is_told_apart_from_a_command_that_merely_runs() {
        for (state, write, standing) in [
            (State::Ready, Write::None, Some(Standing::Queued)),
            (State::Ready, Write::Made, Some(Standing::Settling)),
            (State::Ready, Write::Unknown, Some(Standing::Unknown)),
            (State::Running, Write::Made, Some(Standing::Running)),
            (State::Running, Write::Unknown, Some(Standing::Unknown)),
            (State::Pending, Write::Unknown, Some(Standing::WaitingApproval)),
            (State::AwaitingChildren, Write::None, Some(Standing::WaitingOthers)),
        ] {
            assert_eq!(Standing::of(&state, write), standing, "{state:?} {write:?}");
        }
    }

    #[test]
    fn every_cause_of_a_wait_has_its_standing() {
        let since = at(0);
        for (cause, standing) in [
            ("quota", Standing::WaitingQuota),
            ("cap", Standing::WaitingQuota),
            ("credential", Standing::WaitingHuman),
            ("hold", Standing::WaitingHuman),
            ("outage", Standing::WaitingOutage),
            ("notice", Standing::WaitingNotice),
        ] {
            let state = State::Waiting { cause: cause.to_owned(), since, until: None };
            assert_eq!(Standing::of(&state, Write::None), Some(standing), "{cause}");
        }
    }
}
