//! The open commands by where they stand, for gauges: counted as they move, so that a scrape of a million costs what a
//! scrape of ten does.
//!
//! In memory alone, beside the board: a restart counts anew from the journal.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::board::Seq;
use crate::contract::{Command, Kind, Targets, WaitCause, command_names};
use crate::journal::{Alike, State, StateName};

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

    /// Of those that are held back for `cause`.
    pub(crate) fn held_back(cause: &str) -> Self {
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

/// The count: as many numbers as there are standings, however many commands they count.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Less than none for a moment, where a command has gone on before it was counted.
    counts: BTreeMap<(&'static str, Standing), i64>,
    open: i64,
    /// Those that the journal's state alone does not place, and when they were accepted: with a write under way.
    apart: HashMap<Seq, (Standing, Timestamp)>,
    approvals: BTreeMap<&'static str, Bands>,
}

impl Census {
    /// A new command.
    pub(crate) fn begins(&mut self, known: Known) {
        self.add(known, (Standing::Queued, known.accepted_at), 1);
    }

    /// Commands that an earlier run left open.
    pub(crate) fn found(&mut self, alike: &Alike) {
        let cause = alike.cause.clone().unwrap_or_default();
        let since = alike.since.unwrap_or_default();
        let standing = match alike.state {
            StateName::Ready => Standing::Queued,
            StateName::Running => Standing::Running,
            StateName::Waiting => Standing::held_back(&cause),
            StateName::Pending => Standing::WaitingApproval,
            StateName::AwaitingChildren | StateName::Awaiting => Standing::WaitingOthers,
            StateName::Ended => return,
        };
        let operation = command_names().into_iter().find(|name| *name == alike.command).unwrap_or("unknown");
        let kind = alike.kind.as_deref().and_then(|kind| kind.parse::<Kind>().ok()).map_or("none", Kind::word);
        let known = Known { operation, asset_kind: kind, accepted_at: since };
        self.add(known, (standing, since), i64::try_from(alike.count).unwrap_or(i64::MAX));
    }

    /// A command moves on. `before` is what the journal's state says of it, and since when; `after` how it stands now,
    /// `None` once it has ended.
    pub(crate) fn moves(
        &mut self,
        seq: Seq,
        known: Known,
        before: (Option<Standing>, Timestamp),
        after: (Option<Standing>, Timestamp),
    ) {
        let stood = self.apart.remove(&seq).map(|(standing, _)| standing).or(before.0);
        if let Some(stood) = stood {
            self.add(known, (stood, before.1), -1);
        }
        let Some(stands) = after.0 else { return };
        self.add(known, (stands, after.1), 1);
        if matches!(stands, Standing::Settling | Standing::Unknown) {
            self.apart.insert(seq, (stands, known.accepted_at));
        }
    }

    /// How many are open.
    pub(crate) fn open(&self) -> u64 {
        u64::try_from(self.open).unwrap_or(0)
    }

    /// How many of each operation stand how. What has been seen once stays, at zero.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, Standing, u64)> {
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        self.counts.iter().map(move |((operation, standing), n)| (*operation, *standing, count(*n)))
    }

    /// When the oldest of those with a write under way was accepted.
    pub(crate) fn oldest_apart(&self, standing: Standing) -> Option<Timestamp> {
        self.apart.values().filter(|(known, _)| *known == standing).map(|(_, accepted)| *accepted).min()
    }

    /// How many wait for an approval, by kind of asset and by how long.
    pub(crate) fn approvals(&self, now: Timestamp) -> Vec<(&'static str, &'static str, u64)> {
        let of = |(kind, bands): (&&'static str, &Bands)| {
            let kind = *kind;
            bands.at(now).into_iter().map(|(band, count)| (kind, band, count)).collect::<Vec<_>>()
        };
        self.approvals.iter().flat_map(of).collect()
    }

    fn add(&mut self, known: Known, (standing, since): (Standing, Timestamp), count: i64) {
        *self.counts.entry((known.operation, standing)).or_default() += count;
        self.open += count;
        if standing == Standing::WaitingApproval {
            self.approvals.entry(known.asset_kind).or_default().add(since, count);
        }
    }
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// Upper ends of the bands of age; the last has none.
const BANDS: [(&str, u64); 6] =
    [("1h", HOUR), ("1d", DAY), ("3d", 3 * DAY), ("7d", 7 * DAY), ("14d", 14 * DAY), ("30d", 30 * DAY)];
const OLDER: &str = "older";

/// Commands by the minute since which they wait: no more numbers than a month has minutes, however many wait.
#[derive(Debug, Default)]
struct Bands(BTreeMap<i64, i64>);

impl Bands {
    fn add(&mut self, since: Timestamp, count: i64) {
        let minute = since.as_second().div_euclid(60);
        let waiting = self.0.entry(minute).or_default();
        *waiting += count;
        if *waiting == 0 {
            self.0.remove(&minute);
        }
    }

    fn at(&self, now: Timestamp) -> Vec<(&'static str, u64)> {
        let names = BANDS.iter().map(|(name, _)| *name).chain([OLDER]);
        let mut bands: Vec<(&'static str, u64)> = names.map(|name| (name, 0)).collect();
        for (minute, count) in &self.0 {
            let waited = now.as_second().saturating_sub(minute.saturating_mul(60));
            let waited = u64::try_from(waited).unwrap_or(0);
            let place = BANDS.iter().position(|(_, end)| waited < *end).unwrap_or(BANDS.len());
            bands[place].1 += u64::try_from(*count).unwrap_or(0);
        }
        bands
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

    fn all(census: &Census) -> u64 {
        census.counts().map(|(_, _, count)| count).sum()
    }

    #[test]
    fn a_command_is_counted_once_wherever_it_moves_and_not_after_its_end() {
        let mut census = Census::default();
        census.begins(claim(0));
        let mut before = (Some(Standing::Queued), at(0));
        for standing in [Standing::Running, Standing::Running, Standing::WaitingApproval, Standing::WaitingQuota] {
            census.moves(1, claim(0), before, (Some(standing), at(5)));
            before = (Some(standing), at(5));
            assert_eq!((all(&census), census.open(), count(&census, standing)), (1, 1, 1), "{standing:?}");
        }
        census.moves(1, claim(0), before, (None, at(6)));
        assert_eq!((all(&census), census.open()), (0, 0));
        assert!(census.approvals(at(7)).iter().all(|(_, _, count)| *count == 0));
    }

    #[test]
    fn who_goes_on_before_it_is_counted_is_counted_once_all_the_same() {
        let mut census = Census::default();
        census.moves(1, claim(0), (Some(Standing::Queued), at(0)), (Some(Standing::Running), at(1)));
        assert_eq!(count(&census, Standing::Queued), 0);
        census.begins(claim(0));
        assert_eq!((all(&census), census.open()), (1, 1));
    }

    #[test]
    fn a_write_under_way_is_known_beside_what_the_journal_says() {
        let mut census = Census::default();
        census.begins(claim(0));
        let ready = (Some(Standing::Queued), at(1));
        census.moves(1, claim(40), ready, (Some(Standing::Settling), at(1)));
        census.moves(2, claim(90), ready, (Some(Standing::Settling), at(1)));
        assert_eq!(census.oldest_apart(Standing::Settling), Some(at(40)));
        census.moves(1, claim(40), ready, (Some(Standing::Unknown), at(1)));
        assert_eq!(
            (census.oldest_apart(Standing::Settling), census.oldest_apart(Standing::Unknown)),
            (Some(at(90)), Some(at(40)))
        );
        census.moves(1, claim(40), ready, (None, at(2)));
        assert_eq!((count(&census, Standing::Unknown), census.oldest_apart(Standing::Unknown)), (0, None));
    }

    #[test]
    fn what_an_earlier_run_left_is_counted_by_how_it_stands() {
        let mut census = Census::default();
        let alike = |state, cause: Option<&str>, count| Alike {
            command: "claim".to_owned(),
            kind: Some("page".to_owned()),
            state,
            cause: cause.map(str::to_owned),
            since: (state == StateName::Pending).then(|| at(0)),
            count,
        };
        census.found(&alike(StateName::Ready, None, 1_000_000));
        census.found(&alike(StateName::Waiting, Some("hold"), 7));
        census.found(&alike(StateName::Pending, None, 30));
        census.found(&Alike { command: "of a later version".to_owned(), ..alike(StateName::Running, None, 1) });
        assert_eq!(census.open(), 1_000_038);
        assert_eq!(count(&census, Standing::WaitingHuman), 7);
        assert!(census.approvals(at(60)).contains(&("page", "1h", 30)));
        census.moves(1, claim(0), (Some(Standing::WaitingApproval), at(59)), (None, at(60)));
        assert!(census.approvals(at(60)).contains(&("page", "1h", 29)), "known by the minute");
    }

    #[test]
    fn pending_claims_grow_older_while_nobody_touches_them() {
        let mut census = Census::default();
        let day = i64::try_from(DAY).unwrap();
        let running = (Some(Standing::Running), at(0));
        census.moves(1, claim(0), running, (Some(Standing::WaitingApproval), at(0)));
        census.moves(2, claim(0), running, (Some(Standing::WaitingApproval), at(day * 10)));
        let bands = |census: &Census, now| -> Vec<&'static str> {
            census.approvals(at(now)).into_iter().filter(|(_, _, count)| *count == 1).map(|(_, band, _)| band).collect()
        };
        assert_eq!(bands(&census, day * 10), ["1h", "14d"]);
        assert_eq!(bands(&census, day * 20), ["14d", "30d"]);
        assert_eq!(bands(&census, day * 35), ["30d", OLDER]);
        census.moves(2, claim(0), (Some(Standing::WaitingApproval), at(day * 10)), (None, at(day * 41)));
        assert_eq!(bands(&census, day * 41), [OLDER]);
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
