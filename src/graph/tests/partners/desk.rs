//! A worker on paper before a simulated Meta: one command at a time, its children in their order, and shares that wait
//! followed as the sweep follows them, on a clock that jumps.

use std::time::Duration;

use jiff::Timestamp;

use super::super::line;
use super::BUSINESS;
use crate::contract::{Body, Command, ItemResult, Outcome, Phase, Targets, parse_own};
use crate::graph_sim::{State, World};
use crate::meta::{Answer, Call, Reply};
use crate::procedures::verdict::{Absences, Verdict};
use crate::procedures::{
    Deed, Deeds, Fact, Move, Observation, Query, Rules, ShareWatch, StopCause, Tally, deeds, next, sight_of_share,
};

pub(super) const TOKEN: &str = "sim-token-of-the-desk";
/// Between two looks at what waits for others.
const GAP: Duration = Duration::from_secs(60);
/// Looks after which what waits is given up.
const LOOKS: usize = 60;
/// After a share, about: when it is looked at for the last time.
pub(super) const LAST_LOOK: Duration = Duration::from_secs(60 * 60);

/// How a command went.
pub(super) struct Played {
    pub(super) outcome: Outcome,
    /// Of its children.
    pub(super) results: Vec<ItemResult>,
    /// Its own and its children's.
    pub(super) deeds: Vec<Deed>,
    /// Writes that it made.
    pub(super) writes: usize,
    /// What a dry run would write, children first.
    pub(super) planned: Vec<(String, String)>,
}

impl Played {
    /// Phase, whether it changed something, and the code of the error.
    pub(super) fn ending(&self) -> (Phase, bool, Option<&str>) {
        (self.outcome.phase, self.outcome.changed, self.outcome.error.as_ref().map(|error| error.code.as_str()))
    }
}

/// The worker.
pub(super) struct Desk {
    pub(super) sim: State,
    pub(super) rules: Rules,
    /// What becomes of each write, over and over; nothing: all is well.
    luck: Vec<u8>,
    writes: usize,
    /// Why what waits is to stop when it has been looked at long enough.
    stop: StopCause,
}

impl Desk {
    pub(super) fn of(world: World) -> Self {
        let start: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let rules = Rules {
            settle: Duration::from_secs(300),
            deny_after_walks: 2,
            look_first: Duration::from_secs(1),
            writes_at_most: 4,
            cool_down: Duration::from_secs(120),
            protected: Vec::new(),
        };
        Self {
            sim: State::new(world, Some(start), "http://sim".to_owned()),
            rules,
            luck: Vec::new(),
            writes: 0,
            stop: StopCause::GivenUp,
        }
    }

    pub(super) fn with(mut self, luck: Vec<u8>, lag: u64) -> Self {
        self.luck = luck;
        self.sim.lag.set(None, Duration::from_secs(lag));
        self
    }

    pub(super) fn stopping(mut self, cause: StopCause) -> Self {
        self.stop = cause;
        self
    }

    pub(super) fn does(&mut self, body: Body) -> Played {
        self.play(&command("t", body), &Fact::NotKnown)
    }

    pub(super) fn rehearses(&mut self, body: Body) -> Played {
        self.play(&Command { dry_run: true, ..command("t", body) }, &Fact::NotKnown)
    }

    /// Takes back what a command did.
    pub(super) fn undoes(&mut self, target: Played) -> Played {
        let fact = Fact::Deeds(Deeds::Ended { business: BUSINESS.parse().unwrap(), deeds: target.deeds });
        let undo = command("u", Body::Undo { target: "t".parse().unwrap() });
        self.play(&Command { business: None, ..undo }, &fact)
    }

    fn play(&mut self, command: &Command, on_record: &Fact) -> Played {
        let before = self.writes;
        // As the journal has it: a child that cannot be read back would be stuck for ever.
        let command = &parse_own(command.to_json().to_string().as_bytes()).unwrap();
        let mut seen = vec![Observation::Started { at: self.now() }];
        let (mut parts, mut told): (Vec<Played>, Vec<ItemResult>) = (Vec::new(), Vec::new());
        for _ in 0..2_000 {
            let observation = match next(command, &self.rules, &seen, self.now()).then {
                Move::Finish(outcome) => {
                    crate::contract::tests::schema::ends_as_documented(command, &outcome);
                    told.extend(outcome.results.clone());
                    return self.ended(command, &seen, *outcome, before, (parts, told));
                }
                Move::Spawn(children) => {
                    for child in &children {
                        let part = self.play(child, on_record);
                        told.push(result_of(child, &part.outcome));
                        parts.push(part);
                    }
                    Observation::Spawned { assets: u32::try_from(children.len()).unwrap() }
                }
                Move::AwaitChildren => Observation::Children { tally: tally(&parts), concerned: Vec::new() },
                then @ (Move::Ask(_)
                | Move::Consult(_)
                | Move::Watch(_)
                | Move::WatchShare(_)
                | Move::WatchInvitation(_)
                | Move::WaitUntil(_)
                | Move::Announce(_)
                | Move::Rehearsed(_)
                | Move::Notice(_)
                | Move::AwaitEnd(_)) => self.brings(then, on_record),
            };
            seen.push(observation);
        }
        panic!("{} does not end", command.id);
    }

    fn ended(
        &self,
        command: &Command,
        seen: &[Observation],
        outcome: Outcome,
        before: usize,
        (parts, results): (Vec<Played>, Vec<ItemResult>),
    ) -> Played {
        let own = outcome.plan.iter().flat_map(|plan| &plan.steps);
        let own: Vec<_> = own.map(|step| (step.method.clone(), step.path.clone())).collect();
        let done = deeds(command, outcome.phase, seen);
        let planned = parts.iter().flat_map(|part| part.planned.clone()).chain(own).collect();
        let deeds = parts.into_iter().flat_map(|part| part.deeds).chain(done).collect();
        Played { outcome, results, deeds, planned, writes: self.writes - before }
    }

    fn brings(&mut self, then: Move, on_record: &Fact) -> Observation {
        let now = self.now();
        match then {
            Move::Ask(call) => {
                let reply = self.ask(&call);
                self.sim.clock.advance(Duration::from_millis(200));
                Observation::Asked { call, began: now, reply }
            }
            Move::WaitUntil(until) => {
                self.sim.clock.advance(Duration::try_from(until.duration_since(now)).unwrap_or_default());
                Observation::Passed { until }
            }
            Move::WatchShare(watch) => self.follow(&watch),
            Move::Consult(query) => {
                let fact = match &query {
                    Query::Deeds { .. } => on_record.clone(),
                    Query::OpenClaims { .. } | Query::OpenShares { .. } => Fact::OpenClaims(Vec::new()),
                    Query::RemovedSince { .. } => Fact::Removed(Vec::new()),
                    Query::LastDenial { .. } | Query::Leaving { .. } | Query::IsLeaving { .. } | Query::Stop { .. } => {
                        panic!("nobody asks {query:?}")
                    }
                };
                Observation::Consulted { query, fact }
            }
            Move::Watch(_)
            | Move::WatchInvitation(_)
            | Move::Announce(_)
            | Move::Rehearsed(_)
            | Move::Notice(_)
            | Move::Spawn(_)
            | Move::AwaitChildren
            | Move::AwaitEnd(_)
            | Move::Finish(_) => panic!("nobody makes this here"),
        }
    }

    /// One call; a write may be lost before or after it took effect.
    fn ask(&mut self, call: &Call) -> Reply {
        if !call.is_write() {
            return line::ask(&mut self.sim, TOKEN, call);
        }
        let luck = if self.luck.is_empty() { u8::MAX } else { self.luck[self.writes % self.luck.len()] };
        self.writes += 1;
        match luck % 8 {
            0 => Reply::Unknown,
            1 => {
                line::ask(&mut self.sim, TOKEN, call);
                Reply::Unknown
            }
            _ => line::ask(&mut self.sim, TOKEN, call),
        }
    }

    fn follow(&mut self, watch: &ShareWatch) -> Observation {
        let call = Call::PartnersOn { business: watch.business.clone(), asset: watch.asset.clone() };
        let (mut absences, mut shown) = (Absences::default(), watch.shown);
        for polls in 0..LOOKS {
            self.sim.clock.advance(GAP);
            let when = (self.now(), self.now());
            let reply = line::ask(&mut self.sim, TOKEN, &call);
            let Reply::Answer(Answer::Partners(partners)) = reply else { panic!("{call:?}: {reply:?}") };
            let sight = sight_of_share(&watch.partner, shown, Some(&partners), when);
            shown = shown.after(&sight);
            match absences.after(watch.sent_at, &sight, self.rules.proof()) {
                Verdict::Open(so_far) => absences = so_far,
                verdict @ (Verdict::Granted(_) | Verdict::Gone) => {
                    return Observation::Settled { verdict, polls: u32::try_from(polls).unwrap() };
                }
            }
        }
        self.sim.clock.advance(GAP);
        Observation::Stop { cause: self.stop.clone() }
    }

    fn now(&self) -> Timestamp {
        self.sim.clock.now()
    }
}

fn tally(parts: &[Played]) -> Tally {
    let good = |part: &&Played| matches!(part.outcome.phase, Phase::Completed | Phase::Confirmed);
    Tally {
        total: u32::try_from(parts.len()).unwrap(),
        good: u32::try_from(parts.iter().filter(good).count()).unwrap(),
        changed: parts.iter().any(|part| part.outcome.changed),
    }
}

fn result_of(child: &Command, outcome: &Outcome) -> ItemResult {
    let Some(Targets::One(asset)) = child.body.targets() else { panic!("a child is about one asset") };
    ItemResult { asset: asset.clone(), phase: outcome.phase, changed: outcome.changed, error: outcome.error.clone() }
}

fn command(id: &str, body: Body) -> Command {
    Command {
        id: id.parse().unwrap(),
        business: Some(BUSINESS.parse().unwrap()),
        actor: None,
        reason: None,
        priority: 4,
        not_before: None,
        expires_at: None,
        dry_run: false,
        notice: None,
        body,
    }
}
