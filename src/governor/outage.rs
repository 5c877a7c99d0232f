//! Whether Meta answers anybody: after failures in a row one probe at a time, and after an answer a ramp.
//!
//! One command whose calls fail backs off by itself. When calls of several fail with no answer to anybody in between, it
//! is Meta that is out of reach, and hundreds of commands that each try again at their own pace would only keep it
//! busy and use their tries up. So nobody calls but the probe, at growing gaps; once it is answered, one call may be out,
//! then two, then four. A failure on the way up begins it anew.

use std::time::Duration;

use jiff::Timestamp;

/// Calls in a row without an answer,
const FAILURES: u32 = 6;
/// of so many callers at least: what only one caller meets may be its own trouble.
const CALLERS: usize = 2;
/// So many calls out at once, all answered: Meta is back.
const RAMPED_UP: u32 = 64;

/// What a call came to, for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Meta has answered, whatever it said.
    Answer,
    /// Nothing, a server error, or Meta's word that it cannot just now.
    Nothing,
}

/// What has changed with what was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Meta is out of reach from now on.
    Out,
    /// It answers again: calls may leave, few at first.
    Back,
}

/// How far apart probes are.
#[derive(Debug, Clone, Copy)]
pub struct Gaps {
    /// Between the first two.
    pub first: Duration,
    /// At most.
    pub max: Duration,
}

/// A permission for one call. What it came to is told to [`Outage::heard`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It may leave.
    Go,
    /// Not before then.
    NotBefore(Timestamp),
}

#[derive(Debug)]
enum State {
    Fine { failures: u32, callers: Vec<String> },
    Out { since: Timestamp, probe_at: Timestamp, gap: Duration },
    Ramp { since: Timestamp, gap: Duration, may: u32, out: u32, answered: u32 },
}

impl Default for Gaps {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(10) }
    }
}

/// Whether Meta answers, by what all calls came to.
#[derive(Debug)]
pub struct Outage {
    gaps: Gaps,
    state: State,
}

impl Default for Outage {
    fn default() -> Self {
        Self::new(Gaps::default())
    }
}

impl Outage {
    /// Nothing is known against Meta.
    #[must_use]
    pub fn new(gaps: Gaps) -> Self {
        Self { gaps, state: FINE }
    }

    /// Whether a call may leave at `now`.
    pub fn leave(&mut self, now: Timestamp) -> Leave {
        match &mut self.state {
            State::Fine { .. } => Leave::Go,
            State::Out { probe_at, .. } => Leave::NotBefore((*probe_at).max(now + self.gaps.first)),
            State::Ramp { may, out, .. } if *out < *may => {
                *out += 1;
                Leave::Go
            }
            State::Ramp { .. } => Leave::NotBefore(now + self.gaps.first),
        }
    }

    /// A call that was let go has not left after all.
    pub fn unsent(&mut self) {
        if let State::Ramp { out, .. } = &mut self.state {
            *out = out.saturating_sub(1);
        }
    }

    /// What a call of `caller` came to that was let go.
    pub fn heard(&mut self, caller: &str, heard: Heard, now: Timestamp) -> Option<Turn> {
        let gaps = self.gaps;
        match (&mut self.state, heard) {
            (State::Fine { failures: 0, .. }, Heard::Answer) => None,
            (State::Fine { .. }, Heard::Answer) => {
                self.state = FINE;
                None
            }
            (State::Fine { failures, callers }, Heard::Nothing) => {
                *failures += 1;
                if callers.len() < CALLERS && !callers.iter().any(|known| known == caller) {
                    callers.push(caller.to_owned());
                }
                let out = *failures >= FAILURES && callers.len() >= CALLERS;
                out.then(|| self.goes_out(now, now, gaps.first))
            }
            // Calls that left before it was known.
            (State::Out { .. }, Heard::Answer | Heard::Nothing) => None,
            (State::Ramp { may, out, answered, .. }, Heard::Answer) => {
                *out = out.saturating_sub(1);
                *answered += 1;
                if answered >= may {
                    *may *= 2;
                    *answered = 0;
                }
                if *may > RAMPED_UP {
                    self.state = FINE;
                }
                None
            }
            (State::Ramp { since, gap, .. }, Heard::Nothing) => {
                let (since, gap) = (*since, *gap);
                Some(self.goes_out(since, now, (gap * 2).min(gaps.max)))
            }
        }
    }

    /// When the next probe is due, while Meta is out of reach.
    #[must_use]
    pub fn probe_at(&self) -> Option<Timestamp> {
        if let State::Out { probe_at, .. } = self.state { Some(probe_at) } else { None }
    }

    /// What the probe came to.
    pub fn probed(&mut self, heard: Heard, now: Timestamp) -> Option<Turn> {
        let State::Out { since, gap, .. } = self.state else { return None };
        match heard {
            Heard::Answer => {
                self.state = State::Ramp { since, gap, may: 1, out: 0, answered: 0 };
                Some(Turn::Back)
            }
            Heard::Nothing => {
                self.goes_out(since, now, (gap * 2).min(self.gaps.max));
                None
            }
        }
    }

    /// Since when Meta is out of reach; on the ramp still, as a failure begins it anew.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        match self.state {
            State::Fine { .. } => None,
            State::Out { since, .. } | State::Ramp { since, .. } => Some(since),
        }
    }

    fn goes_out(&mut self, since: Timestamp, now: Timestamp, gap: Duration) -> Turn {
        self.state = State::Out { since, probe_at: now + gap, gap };
        Turn::Out
    }
}

const FINE: State = State::Fine { failures: 0, callers: Vec::new() };

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn outage() -> Outage {
        Outage::new(Gaps { first: Duration::from_secs(1), max: Duration::from_secs(60) })
    }

    /// Out of reach since second 0.
    fn out() -> Outage {
        let mut outage = outage();
        for n in 0..FAILURES {
            outage.heard(&format!("c{n}"), Heard::Nothing, at(0));
        }
        assert_eq!(outage.since(), Some(at(0)));
        outage
    }

    #[test]
    fn one_caller_alone_is_no_outage_however_often_it_fails() {
        let mut outage = outage();
        for _ in 0..1_000 {
            assert_eq!(outage.heard("c", Heard::Nothing, at(0)), None);
        }
        assert_eq!(outage.leave(at(0)), Leave::Go);
        assert_eq!(outage.heard("d", Heard::Nothing, at(0)), Some(Turn::Out), "now it is two");
    }

    #[test]
    fn an_answer_to_anybody_in_between_is_no_outage() {
        let mut outage = outage();
        for n in 0..1_000_u32 {
            let heard = if n.is_multiple_of(FAILURES) { Heard::Answer } else { Heard::Nothing };
            assert_eq!(outage.heard(&format!("c{}", n % 7), heard, at(0)), None);
        }
    }

    #[test]
    fn while_meta_is_out_of_reach_nobody_calls_and_probes_come_at_growing_gaps() {
        let mut outage = out();
        let mut probes = Vec::new();
        while let Some(due) = outage.probe_at().filter(|due| *due < at(300)) {
            assert!(matches!(outage.leave(due), Leave::NotBefore(until) if until > due));
            assert_eq!(outage.probed(Heard::Nothing, due), None);
            probes.push(due.as_second());
        }
        assert_eq!(probes, [1, 3, 7, 15, 31, 63, 123, 183, 243]);
    }

    #[test]
    fn what_was_out_already_changes_nothing() {
        let mut outage = out();
        let due = outage.probe_at();
        assert_eq!(outage.heard("late", Heard::Nothing, at(9)), None);
        assert_eq!(outage.heard("late", Heard::Answer, at(9)), None, "one answer is the probe's to get");
        assert_eq!(outage.probe_at(), due);
    }

    #[test]
    fn after_an_answer_calls_leave_in_doubling_numbers_until_meta_is_back() {
        let mut outage = out();
        assert_eq!(outage.probed(Heard::Answer, at(1)), Some(Turn::Back));
        let mut waves = Vec::new();
        while outage.since().is_some() {
            let mut gone = 0;
            while outage.leave(at(2)) == Leave::Go {
                gone += 1;
            }
            (0..gone).for_each(|n| assert_eq!(outage.heard(&format!("c{n}"), Heard::Answer, at(2)), None));
            waves.push(gone);
        }
        assert_eq!(waves, [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(outage.leave(at(2)), Leave::Go);
    }

    #[test]
    fn a_failure_on_the_way_up_begins_it_anew_with_a_longer_gap() {
        let mut outage = out();
        outage.probed(Heard::Answer, at(1));
        assert_eq!(outage.leave(at(1)), Leave::Go);
        assert_eq!(outage.leave(at(1)), Leave::NotBefore(at(2)));
        assert_eq!(outage.heard("c", Heard::Nothing, at(1)), Some(Turn::Out));
        assert_eq!((outage.since(), outage.probe_at()), (Some(at(0)), Some(at(3))));
    }
}
