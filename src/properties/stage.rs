//! The engine of the trials: plays a command and its children over the simulator, in an order drawn by chance, and lets
//! a watcher see every call.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::businesses::{Drawing, Keeps, Refuses, SPARE, TOKEN};
use super::watcher::Watcher;
use super::{BUSINESS, LEAVER, node};
use crate::contract::{Asset, Body, Command, ItemResult, Outcome, PersonId, Phase, Plan, PlanStep, Targets, parse_own};
use crate::graph::in_process::{self, ask};
use crate::graph_sim::{Awkward, Break, How, State, Verb, set_of};
use crate::meta::{Answer, Call, Reply};
use crate::procedures::{
    Deed, Deeds, Fact, Move, Observation, Query, Rules, Say, StopCause, Tally, counts_from, deeds, next,
};

/// What goes wrong at Meta and around it.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble {
    /// Calls in a thousand that meet a fault.
    pub(super) per_mille: u64,
    /// How far lists lag behind writes.
    pub(super) lag: Duration,
    /// Before which call somebody gives the leaver something by hand.
    pub(super) given_before: Option<usize>,
    /// Before which call the command is told to stop.
    pub(super) stopped_before: Option<usize>,
    /// In which order children take their turns.
    pub(super) turns: Vec<u8>,
}

/// Meta, the rules, and what has been seen of both.
pub(super) struct Stage {
    pub(super) meta: State,
    pub(super) watcher: Watcher,
    /// What `undo` reads of its target.
    pub(super) on_record: Fact,
    /// What will not be done, as it was told on the way.
    pub(super) said_left: Vec<ItemResult>,
    rules: Rules,
    trouble: Trouble,
    calls: usize,
    turn: usize,
    removed: Vec<(Asset, PersonId, Timestamp)>,
}

/// How a command went.
pub(super) struct Played {
    pub(super) outcome: Outcome,
    /// All that it did not do well, its own and its children's.
    pub(super) left: Vec<ItemResult>,
    /// Its plan with its children's.
    pub(super) plan: Vec<PlanStep>,
    pub(super) deeds: Vec<Deed>,
}

/// A command on its way.
struct Player {
    command: Command,
    seen: Vec<Observation>,
    children: Vec<Player>,
    outcome: Option<Outcome>,
}

impl Stage {
    pub(super) fn of(drawing: &Drawing, trouble: Trouble, watcher: Watcher) -> Self {
        let start = Timestamp::from_second(1_800_000_000).expect("a time");
        let mut meta = State::new(drawing.world(), Some(start), in_process::BASE.to_owned());
        meta.lag.set(None, trouble.lag);
        let awkward = Awkward { per_mille: trouble.per_mille, timeouts: true };
        meta.faults.set_awkward((trouble.per_mille > 0).then_some(awkward));
        for drawn in &drawing.assets {
            let verb = match drawn.refuses {
                Refuses::Nothing => continue,
                Refuses::Grants => Verb::Post,
                Refuses::Removals => Verb::Delete,
            };
            let edge = format!("/{}/assigned_users", node(&drawn.asset));
            meta.faults.add_break(Break::next(verb, &edge, How::error(200)).times(u32::MAX));
        }
        let protected = drawing.kept(Keeps::Configuration).iter().map(ToString::to_string).collect();
        let rules = Rules {
            settle: Duration::from_secs(300),
            deny_after_walks: 2,
            look_first: Duration::from_secs(1),
            writes_at_most: 3,
            cool_down: Duration::from_secs(120),
            protected,
        };
        let (said_left, removed, on_record) = (Vec::new(), Vec::new(), Fact::NotKnown);
        Self { meta, watcher, on_record, said_left, rules, trouble, calls: 0, turn: 0, removed }
    }

    /// Somebody gives the leaver a Page that others manage.
    pub(super) fn give_by_hand(&mut self) {
        self.meta.alter(|world, _| {
            let spare = world.page_mut(SPARE).expect("it is there");
            let ours = spare.assigned.entry(BUSINESS.to_owned()).or_default();
            ours.insert(LEAVER.to_owned(), set_of(&["ANALYZE"]));
        });
    }

    /// Plays `command` to its end.
    pub(super) fn play(&mut self, command: &Command) -> Played {
        let mut player = Player::of(command, self.meta.clock.now());
        for _ in 0..20_000 {
            self.step(&mut player);
            if let Some(outcome) = &player.outcome {
                crate::contract::tests::schema::ends_as_documented(&player.command, outcome);
                return player.played();
            }
        }
        panic!("{} does not end", command.id);
    }

    fn step(&mut self, player: &mut Player) {
        let open: Vec<usize> = (0..player.children.len()).filter(|n| player.children[*n].outcome.is_none()).collect();
        if !open.is_empty() {
            let turn = usize::from(*self.trouble.turns.get(self.turn % self.trouble.turns.len().max(1)).unwrap_or(&0));
            self.turn += 1;
            self.step(&mut player.children[open[turn % open.len()]]);
            return;
        }
        self.meta.clock.advance(Duration::from_millis(10));
        let now = self.meta.clock.now();
        let step = next(&player.command, &self.rules, &player.seen, now);
        for say in step.say {
            if let Say::Left(left) = say {
                self.said_left.extend(left);
            }
        }
        let seen = match step.then {
            Move::Finish(outcome) => {
                player.outcome = Some(*outcome);
                return;
            }
            Move::Ask(call) => {
                if self.is_to_stop(player) {
                    player.seen.push(Observation::Stop { cause: StopCause::Cancelled });
                    return;
                }
                self.ask(&player.command, call)
            }
            Move::Consult(query) => Observation::Consulted { fact: self.fact(&query), query },
            Move::WaitUntil(until) => {
                self.meta.clock.advance(Duration::try_from(until.duration_since(now)).unwrap_or_default());
                Observation::Passed { until }
            }
            Move::Spawn(children) => {
                let assets = u32::try_from(children.len()).expect("few");
                player.children.extend(children.iter().map(|child| Player::of(child, now)));
                Observation::Spawned { assets }
            }
            Move::AwaitChildren => Observation::Children { tally: player.tally(), concerned: player.concerned() },
            Move::Rehearsed(plan) => {
                let steps: Vec<PlanStep> = player.planned().into_iter().chain(plan.steps).collect();
                Observation::Rehearsed { digest: Plan::digest_of(&steps), at: now }
            }
            Move::Watch(_)
            | Move::WatchShare(_)
            | Move::WatchInvitation(_)
            | Move::Announce(_)
            | Move::Notice(_)
            | Move::AwaitEnd(_) => {
                panic!("nobody waits for others here")
            }
        };
        player.seen.push(seen);
    }

    /// A stop reaches every command that is still open.
    fn is_to_stop(&self, player: &Player) -> bool {
        let told = player.seen.iter().any(|seen| matches!(seen, Observation::Stop { .. }));
        !told && self.trouble.stopped_before.is_some_and(|n| self.calls >= n)
    }

    fn ask(&mut self, command: &Command, call: Call) -> Observation {
        if self.trouble.given_before == Some(self.calls) {
            self.give_by_hand();
        }
        self.calls += 1;
        assert!(!(command.dry_run && call.is_write()), "a dry run writes: {call:?}");
        let began = self.meta.clock.now();
        let before = self.meta.world.clone();
        let reply = ask(&mut self.meta, TOKEN, &call);
        self.watcher.saw(&call, &reply, (&before, &self.meta.world));
        if let (Call::Unassign { asset, person }, Reply::Answer(Answer::Done) | Reply::Unknown) = (&call, &reply) {
            self.removed.push((asset.clone(), person.clone(), began));
        }
        Observation::Asked { call, began, reply }
    }

    fn fact(&self, query: &Query) -> Fact {
        match query {
            Query::OpenClaims { .. } | Query::OpenShares { .. } => Fact::OpenClaims(Vec::new()),
            Query::LastDenial { .. } => Fact::Denied(None),
            Query::RemovedSince { asset, since } => {
                let lately = self.removed.iter().filter(|(from, _, at)| from == asset && at >= since);
                Fact::Removed(lately.map(|(_, person, _)| person.clone()).collect())
            }
            Query::Leaving { .. } | Query::IsLeaving { .. } => Fact::Leaving(None),
            Query::Deeds { .. } => self.on_record.clone(),
            Query::Stop { .. } => Fact::NotKnown,
        }
    }
}

impl Player {
    /// As the journal has it: a child that cannot be read back would be stuck for ever.
    fn of(command: &Command, at: Timestamp) -> Self {
        let command = parse_own(command.to_json().to_string().as_bytes()).expect("a command");
        Self { command, seen: vec![Observation::Started { at }], children: Vec::new(), outcome: None }
    }

    /// The children that count: those of a rehearsal do no more.
    fn counted(&self) -> &[Self] {
        let of = |seen: &Observation| {
            let Observation::Children { tally, .. } = seen else { return 0 };
            tally.total as usize
        };
        let rehearsed: usize = self.seen[..counts_from(&self.command, &self.seen)].iter().map(of).sum();
        &self.children[rehearsed..]
    }

    fn tally(&self) -> Tally {
        let all = self.counted();
        let ended: Vec<&Outcome> = all.iter().filter_map(|child| child.outcome.as_ref()).collect();
        let count = |n: usize| u32::try_from(n).expect("few");
        Tally {
            total: count(all.len()),
            good: count(ended.iter().filter(|outcome| is_well(outcome.phase)).count()),
            changed: ended.iter().any(|outcome| outcome.changed),
        }
    }

    /// Whom the plans of the children concern.
    fn concerned(&self) -> Vec<PersonId> {
        self.counted().iter().filter_map(|child| child.outcome.as_ref()).flat_map(|o| o.concerned.clone()).collect()
    }

    fn planned(&self) -> Vec<PlanStep> {
        let plans = self.counted().iter().filter_map(|child| child.outcome.as_ref()?.plan.clone());
        plans.flat_map(|plan| plan.steps).collect()
    }

    fn played(self) -> Played {
        let outcome = self.outcome.clone().expect("it has ended");
        let own = outcome.plan.iter().flat_map(|plan| plan.steps.clone());
        let plan = self.planned().into_iter().chain(own).collect();
        let mut left: Vec<ItemResult> =
            outcome.results.iter().filter(|result| result.error.is_some()).cloned().collect();
        let mut done = deeds(&self.command, outcome.phase, &self.seen);
        for child in self.counted() {
            let outcome = child.outcome.as_ref().expect("it has ended");
            left.extend(results_of(&child.command, outcome));
            done.extend(deeds(&child.command, outcome.phase, &child.seen));
        }
        Played { outcome, left, plan, deeds: done }
    }
}

fn is_well(phase: Phase) -> bool {
    matches!(phase, Phase::Completed | Phase::Confirmed)
}

/// What a child leaves, asset by asset.
fn results_of(command: &Command, outcome: &Outcome) -> Vec<ItemResult> {
    let told: BTreeMap<&Asset, &ItemResult> = outcome.results.iter().map(|result| (&result.asset, result)).collect();
    let well = is_well(outcome.phase);
    let assets = match command.body.targets() {
        Some(Targets::One(asset)) => vec![asset.clone()],
        Some(Targets::List(assets)) => assets.clone(),
        Some(Targets::All) | None => Vec::new(),
    };
    let of = |asset: Asset| match told.get(&asset) {
        Some(result) => (*result).clone(),
        None => ItemResult { asset, phase: outcome.phase, changed: outcome.changed, error: outcome.error.clone() },
    };
    assets.into_iter().map(of).filter(|result| !well && result.phase != Phase::Completed).collect()
}

/// What `target` is on record with.
pub(super) fn on_record(deeds: Vec<Deed>) -> Fact {
    Fact::Deeds(Deeds::Ended { business: BUSINESS.parse().expect("an id"), deeds })
}

/// A command of the business.
pub(super) fn command(id: &str, body: Body) -> Command {
    let business = if matches!(body, Body::Undo { .. }) { None } else { Some(BUSINESS.parse().expect("an id")) };
    Command {
        id: id.parse().expect("an id"),
        business,
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
