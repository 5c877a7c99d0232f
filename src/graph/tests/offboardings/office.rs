//! A worker on paper before a simulated Meta: a command and its children, moved by turns, with a guard over each write.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::line;
use super::{BUSINESS, GROUPS, LEAVER, SUCCESSOR};
use crate::contract::{Asset, Body, Command, Kind, Outcome, PersonId, Phase, Plan};
use crate::graph_sim::{State, World};
use crate::meta::{Answer, Call, Reply};
use crate::procedures::{Fact, Move, Observation, Query, Rules, Tally, next};
use jiff::Timestamp;

pub(super) const TOKEN: &str = "sim-token-of-the-office";

/// Chance, from bytes; the same bytes bring the same luck.
pub(super) struct Lucks {
    bytes: Vec<u8>,
    at: usize,
}

impl Lucks {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    /// Nothing ever goes wrong, and everybody's turn comes in order.
    pub(super) fn none() -> Self {
        Self::of(Vec::new())
    }

    fn draw(&mut self) -> Option<usize> {
        if self.bytes.is_empty() {
            return None;
        }
        let turn = self.at / self.bytes.len();
        let byte = usize::from(self.bytes[self.at % self.bytes.len()]);
        self.at += 1;
        Some(byte.wrapping_mul(2 * turn + 1) + turn)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.draw().is_some_and(|luck| luck % n == n - 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.draw().map_or(0, |luck| luck % n)
    }
}

struct Order {
    command: Command,
    seen: Vec<Observation>,
    outcome: Option<Outcome>,
}

/// The worker.
pub(super) struct Office {
    sim: State,
    rules: Rules,
    orders: Vec<Order>,
    lucks: Lucks,
    removed: Vec<(String, PersonId, Timestamp)>,
    orphans_before: BTreeSet<String>,
    protected: BTreeSet<String>,
    by_hand: BTreeSet<String>,
}

impl Office {
    pub(super) fn of(world: World, body: Body, protected: Vec<String>, lucks: Lucks) -> Self {
        let start: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let orphans_before = world.orphans();
        let mut kept: BTreeSet<String> =
            protected.iter().map(|asset| asset.trim_start_matches("page/").to_owned()).collect();
        if let Body::Offboard { protected, .. } = &body {
            kept.extend(protected.iter().map(|asset| asset.to_string().trim_start_matches("page/").to_owned()));
        }
        let rules = Rules {
            settle: Duration::from_secs(300),
            deny_after_walks: 2,
            look_first: Duration::from_secs(1),
            writes_at_most: 4,
            cool_down: Duration::from_secs(120),
            protected,
        };
        let order = Order { command: command(body), seen: vec![Observation::Started { at: start }], outcome: None };
        Self {
            sim: State::new(world, Some(start), "http://sim".to_owned()),
            rules,
            orders: vec![order],
            lucks,
            removed: Vec::new(),
            orphans_before,
            protected: kept,
            by_hand: BTreeSet::new(),
        }
    }

    pub(super) fn rehearses(&mut self) {
        self.orders[0].command.dry_run = true;
    }

    pub(super) fn lag(&mut self, seconds: u64) {
        self.sim.lag.set(None, Duration::from_secs(seconds));
    }

    /// Somebody invites the address of a person once more, by hand: Meta lets no person of the business be invited, so
    /// the invitation is put there.
    pub(super) fn invite_again(&mut self, email: &str) {
        let now = self.sim.clock.now();
        let open = crate::graph_sim::Invitation {
            email: email.to_owned(),
            role: crate::graph_sim::BusinessRole::Employee,
            user: "3999".to_owned(),
            since: now,
            expires: now + Duration::from_secs(86_400 * 30),
        };
        self.sim
            .alter(|world, _| world.businesses.get_mut(BUSINESS).unwrap().invitations.insert("6001".to_owned(), open));
    }

    pub(super) fn command(&self) -> &Command {
        &self.orders[0].command
    }

    pub(super) fn world(&self) -> &World {
        &self.sim.world
    }

    pub(super) fn calls(&self) -> Vec<crate::graph_sim::Call> {
        self.sim.calls.after(0)
    }

    pub(super) fn granted_by_hand(&self) -> &BTreeSet<String> {
        &self.by_hand
    }

    /// The whole plan, the children's part first.
    pub(super) fn plan(&self, own: &Outcome) -> Plan {
        let children = self.orders[1..].iter().filter_map(|order| order.outcome.as_ref()?.plan.clone());
        let steps: Vec<_> = children.chain(own.plan.clone()).flat_map(|plan| plan.steps).collect();
        Plan { digest: Plan::digest_of(&steps), steps }
    }

    /// Works until the first command has ended.
    pub(super) fn work(&mut self) -> Outcome {
        for _ in 0..30_000 {
            if let Some(outcome) = &self.orders[0].outcome {
                return outcome.clone();
            }
            let open: Vec<usize> = (0..self.orders.len()).filter(|n| self.may_move(*n)).collect();
            let turn = open[self.lucks.below(open.len())];
            self.step(turn);
        }
        panic!("the offboarding does not end");
    }

    /// A parent waits for its children.
    fn may_move(&self, n: usize) -> bool {
        let waits = n == 0 && self.orders[1..].iter().any(|child| child.outcome.is_none());
        self.orders[n].outcome.is_none() && !waits
    }

    fn step(&mut self, n: usize) {
        self.meddle();
        let now = self.sim.clock.now();
        let then = next(&self.orders[n].command, &self.rules, &self.orders[n].seen, now).then;
        let seen = match then {
            Move::Finish(outcome) => {
                self.orders[n].outcome = Some(*outcome);
                return;
            }
            Move::Ask(call) => {
                let reply = self.ask(n, &call);
                self.sim.clock.advance(Duration::from_millis(200));
                Observation::Asked { call, began: now, reply }
            }
            Move::Consult(query) => {
                let fact = self.fact(&query);
                Observation::Consulted { query, fact }
            }
            Move::WaitUntil(until) => {
                self.sim.clock.advance(Duration::try_from(until.duration_since(now)).unwrap_or_default());
                Observation::Passed { until }
            }
            Move::Spawn(children) => {
                let at = now;
                let order = |command| Order { command, seen: vec![Observation::Started { at }], outcome: None };
                self.orders.extend(children.into_iter().map(order));
                Observation::Spawned { assets: 0 }
            }
            Move::AwaitChildren => Observation::Children { tally: self.tally(), concerned: Vec::new() },
            Move::Rehearsed(plan) => Observation::Rehearsed { digest: plan.digest, at: now },
            Move::Watch(_)
            | Move::WatchShare(_)
            | Move::WatchInvitation(_)
            | Move::Announce(_)
            | Move::Notice(_)
            | Move::AwaitEnd(_) => {
                panic!("an offboarding does not wait for others")
            }
        };
        self.orders[n].seen.push(seen);
    }

    fn tally(&self) -> Tally {
        let outcomes: Vec<&Outcome> = self.orders[1..].iter().filter_map(|order| order.outcome.as_ref()).collect();
        let count =
            |of: &dyn Fn(&&&Outcome) -> bool| u32::try_from(outcomes.iter().filter(|one| of(one)).count()).unwrap();
        Tally {
            total: u32::try_from(outcomes.len()).unwrap(),
            good: count(&|outcome| outcome.phase == Phase::Completed),
            changed: count(&|outcome| outcome.changed) > 0,
        }
    }

    fn fact(&self, query: &Query) -> Fact {
        match query {
            Query::RemovedSince { asset, since } => {
                let of = |(page, _, at): &&(String, PersonId, Timestamp)| {
                    asset.to_string() == format!("page/{page}") && at >= since
                };
                Fact::Removed(self.removed.iter().filter(of).map(|(_, person, _)| person.clone()).collect())
            }
            Query::Leaving { .. } | Query::IsLeaving { .. } => Fact::Leaving(None),
            Query::OpenClaims { .. }
            | Query::OpenShares { .. }
            | Query::LastDenial { .. }
            | Query::Deeds { .. }
            | Query::Stop { .. } => {
                panic!("nobody asks {query:?}")
            }
        }
    }

    /// Now and then somebody gives the leaver something by hand.
    fn meddle(&mut self) {
        let free: Vec<String> =
            self.sim.world.pages.keys().filter(|page| !self.protected.contains(*page)).cloned().collect();
        if free.is_empty() || !self.lucks.one_in(60) || !self.sim.world.is_member(BUSINESS, LEAVER) {
            return;
        }
        let page = free[self.lucks.below(free.len())].clone();
        if !self.sim.world.tasks_of(&page, BUSINESS, LEAVER).is_empty() {
            return;
        }
        self.by_hand.insert(page.clone());
        self.sim.alter(|world, _| {
            let place = world.page_mut(&page).unwrap().assigned.entry(BUSINESS.to_owned()).or_default();
            place.insert(LEAVER.to_owned(), ["ANALYZE".to_owned()].into());
        });
    }

    /// One call, as the client makes it; a write may be lost before or after it took effect.
    fn ask(&mut self, n: usize, call: &Call) -> Reply {
        if !call.is_write() {
            return self.send(call);
        }
        if self.lucks.one_in(12) {
            return Reply::Unknown;
        }
        self.guard(n, call);
        let reply = self.send(call);
        self.note_removal(call, &reply);
        self.nobody_is_orphaned(call);
        if self.lucks.one_in(12) { Reply::Unknown } else { reply }
    }

    fn send(&mut self, call: &Call) -> Reply {
        line::ask(&mut self.sim, TOKEN, call)
    }

    fn note_removal(&mut self, call: &Call, reply: &Reply) {
        if !matches!(reply, Reply::Answer(Answer::Done) | Reply::Unknown) {
            return;
        }
        let at = self.sim.clock.now();
        if let Call::Unassign { asset, person } = call {
            self.removed.push((asset.id.to_string(), person.clone(), at));
        }
    }

    /// What must be so before a write takes effect.
    fn guard(&self, n: usize, call: &Call) {
        let order = &self.orders[n];
        assert!(!order.command.dry_run, "a dry run writes {call:?}");
        let (leaver, world) = (LEAVER.parse::<PersonId>().unwrap(), &self.sim.world);
        let losing: Vec<String> = if let Call::Assign { asset, .. } = call {
            assert!(!self.protected.contains(asset.id.as_str()), "{asset} is protected and {call:?} touches it");
            return;
        } else if let Call::RemovePerson { .. } = call {
            return self.guard_the_leaving();
        } else if let Call::Unassign { asset, person } = call
            && *person == leaver
        {
            vec![asset.id.to_string()]
        } else if let Call::LeaveGroup { group, person } = call
            && *person == leaver
        {
            let group = group.to_string();
            assert!(GROUPS.contains(&group.as_str()));
            world.businesses[BUSINESS].groups[&group].pages.iter().cloned().collect()
        } else {
            return;
        };
        for page in losing {
            assert!(!self.protected.contains(&page), "{page} is protected and {call:?} takes it");
            let has = !world.tasks_of(&page, BUSINESS, LEAVER).is_empty();
            if has && matches!(order.command.body, Body::Reassign { .. }) {
                assert!(saw_successor(&order.seen, &page), "{call:?} comes before the successor was seen on {page}");
            }
        }
    }

    /// Nothing is left with the person but what came by hand since the last look.
    fn guard_the_leaving(&self) {
        let left = self.sim.world.pages_of(BUSINESS, LEAVER);
        let kept: Vec<&String> = left.iter().filter(|page| self.protected.contains(*page)).collect();
        assert!(kept.is_empty(), "the person goes with {kept:?}, which is protected");
        let strange: Vec<&String> = left.iter().filter(|page| !self.by_hand.contains(*page)).collect();
        assert!(strange.is_empty(), "the person goes while they have {strange:?}");
    }

    fn nobody_is_orphaned(&self, call: &Call) {
        let orphans: Vec<String> = self.sim.world.orphans().difference(&self.orphans_before).cloned().collect();
        assert!(orphans.is_empty(), "{call:?} leaves nobody in charge of {orphans:?}");
    }
}

fn saw_successor(seen: &[Observation], page: &str) -> bool {
    let wanted = Asset { kind: Kind::Page, id: page.parse().unwrap() };
    seen.iter().any(|seen| {
        let Observation::Asked {
            call: Call::PeopleOn { asset, .. }, reply: Reply::Answer(Answer::People(people)), ..
        } = seen
        else {
            return false;
        };
        *asset == wanted && people.iter().any(|on| on.id.as_str() == SUCCESSOR && !on.tasks.is_empty())
    })
}

fn command(body: Body) -> Command {
    Command {
        id: "hr-1".parse().unwrap(),
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
