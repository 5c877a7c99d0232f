//! `undo` on a small world of Pages and people, thousands of times: what a command changed is as before, or is named.
//!
//! The whole way is played: the command (and its parts) by the procedures that run it, its deeds read off what it saw,
//! perhaps somebody's hand in between, then the undo with its children. Writes may be refused, or take effect without
//! an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::paper::{page, rules, tasks};
use crate::contract::{
    Access, Body, Category, Command, CommandId, ItemResult, ObjectId, Outcome, Person, PersonId, Phase, Targets, Tasks,
    parse_own,
};
use crate::meta::{Answer, AssetList, Call, Claimed, Holding, PersonOn, Refusal, Removable, Reply};
use crate::procedures::{Deed, Deeds, Fact, Move, Observation, Query, Say, Tally, deeds, next};

const BUSINESS: &str = "2001";
const PEOPLE: [&str; 3] = ["71", "72", "73"];
const PAGES: [&str; 2] = ["1009", "1010"];

/// A Page: who holds it, who may do what.
#[derive(Debug, Clone, PartialEq, Default)]
struct Held {
    as_owner: bool,
    as_agency: bool,
    people: BTreeMap<String, Tasks>,
    outside_admin: bool,
}

impl Held {
    fn is_managed(&self) -> bool {
        self.outside_admin || self.people.values().any(Tasks::manage) || !self.as_owner
    }
}

#[derive(Debug, Clone)]
struct World {
    pages: BTreeMap<String, Held>,
    /// What becomes of each write, over and over.
    luck: Vec<u8>,
    writes: usize,
    now: Timestamp,
    said: Vec<ItemResult>,
    /// How many results had been said when the first write left.
    said_first: Option<usize>,
}

impl World {
    fn answer(&mut self, call: &Call) -> Reply {
        if !call.is_write() {
            return Reply::Answer(self.read(call));
        }
        self.said_first.get_or_insert(self.said.len());
        let luck = self.luck[self.writes % self.luck.len()];
        self.writes += 1;
        match luck % 12 {
            0 => Reply::Refused(refusal()),
            1 => {
                self.write(call);
                Reply::Unknown
            }
            2 => Reply::Unknown,
            _ => Reply::Answer(self.write(call)),
        }
    }

    fn read(&self, call: &Call) -> Answer {
        if let Call::Find { list, id, .. } = call {
            let held = &self.pages[id.as_str()];
            let stands = match list {
                AssetList::Owned(_) => held.as_owner,
                AssetList::Client(_) => held.as_agency,
                AssetList::PendingOwned(_) | AssetList::PendingClient(_) => false,
            };
            return Answer::Listed(stands.then(|| Holding { id: id.clone(), tasks: tasks(&[]) }));
        }
        if let Call::PeopleOn { asset, .. } = call {
            let people = self.pages[asset.id.as_str()].people.iter();
            return Answer::People(people.map(|(id, tasks)| on(id, tasks.clone())).collect());
        }
        if let Call::RolesOn { page } = call {
            let admin = self.pages[page.as_str()].outside_admin.then(|| on("99", tasks(&["MANAGE"])));
            return Answer::People(admin.into_iter().collect());
        }
        assert!(matches!(call, Call::GroupsOf { .. } | Call::GroupsOfPerson { .. }), "nobody asks {call:?} here");
        Answer::Groups(Vec::new())
    }

    fn write(&mut self, call: &Call) -> Answer {
        if let Call::Assign { asset, person, tasks, .. } = call {
            self.on(&asset.id).people.insert(person.as_str().to_owned(), tasks.clone());
        } else if let Call::Unassign { asset, person } = call {
            self.on(&asset.id).people.remove(person.as_str());
        } else if let Call::Claim { id, access, .. } = call {
            let held = self.on(id);
            held.as_owner |= *access == Access::Owner;
            held.as_agency |= *access == Access::Agency;
            return Answer::Claimed(Claimed::Confirmed);
        } else if let Call::Remove { what: Removable::Page(id), .. } = call {
            let held = self.on(id);
            (held.as_owner, held.as_agency) = (false, false);
            held.people.clear();
        } else {
            panic!("nobody makes {call:?} here");
        }
        Answer::Done
    }

    fn on(&mut self, id: &ObjectId) -> &mut Held {
        self.pages.get_mut(id.as_str()).unwrap()
    }
}

fn on(id: &str, tasks: Tasks) -> PersonOn {
    PersonOn { id: id.parse().unwrap(), email: None, tasks }
}

fn refusal() -> Refusal {
    Refusal {
        code: 100,
        subcode: None,
        category: Category::Invalid,
        state: false,
        message: "no".to_owned(),
        trace: None,
        remedy: "Ask otherwise.".to_owned(),
    }
}

/// How a command went: its outcome, with the results of its children, and all deeds.
struct Played {
    outcome: Outcome,
    deeds: Vec<Deed>,
}

/// Plays `command` to its end, children in their order; what an `undo` is told are `on_record`.
fn play(world: &mut World, command: &Command, on_record: &Fact) -> Played {
    // As the journal has it: a child that cannot be read back would be stuck for ever.
    let command = &parse_own(command.to_json().to_string().as_bytes()).unwrap();
    let mut seen = vec![Observation::Started { at: world.now }];
    let mut played = Played { outcome: Outcome::of(Phase::Failed, false), deeds: Vec::new() };
    let (mut results, mut tally) = (Vec::new(), Tally { total: 0, good: 0, changed: false });
    for _ in 0..2_000 {
        world.now += Duration::from_millis(10);
        let step = next(command, &rules(), &seen, world.now);
        for say in step.say {
            if let Say::Left(left) = say {
                world.said.extend(left);
            }
        }
        seen.push(match step.then {
            Move::Finish(outcome) => {
                played.deeds.extend(deeds(command, outcome.phase, &seen));
                results.extend(outcome.results.clone());
                played.outcome = Outcome { results, ..*outcome };
                return played;
            }
            Move::Ask(call) => {
                let reply = world.answer(&call);
                Observation::Asked { call, began: world.now, reply }
            }
            Move::Consult(query) => {
                let fact = match &query {
                    Query::Deeds { .. } => on_record.clone(),
                    Query::OpenClaims { .. } | Query::OpenShares { .. } => Fact::OpenClaims(Vec::new()),
                    Query::LastDenial { .. } => Fact::Denied(None),
                    Query::RemovedSince { .. } => Fact::Removed(Vec::new()),
                    Query::Leaving { .. } | Query::IsLeaving { .. } => Fact::Leaving(None),
                    Query::Stop { .. } => Fact::NotKnown,
                };
                Observation::Consulted { query, fact }
            }
            Move::WaitUntil(until) => {
                world.now = world.now.max(until);
                Observation::Passed { until }
            }
            Move::Spawn(children) => {
                for child in &children {
                    assert!(child.id.as_str() == format!("{}~{}", command.id, tally.total + 1), "{}", child.id);
                    let of_child = play(world, child, on_record);
                    tally.total += 1;
                    tally.good += u32::from(matches!(of_child.outcome.phase, Phase::Completed | Phase::Confirmed));
                    tally.changed |= of_child.outcome.changed;
                    results.push(result_of(child, &of_child.outcome));
                    played.deeds.extend(of_child.deeds);
                }
                Observation::Spawned { assets: u32::try_from(children.len()).unwrap() }
            }
            Move::AwaitChildren => Observation::Children { tally, concerned: Vec::new() },
            Move::Watch(_)
            | Move::WatchShare(_)
            | Move::WatchInvitation(_)
            | Move::Announce(_)
            | Move::Rehearsed(_)
            | Move::Notice(_)
            | Move::AwaitEnd(_) => {
                panic!("nobody waits for others here")
            }
        });
    }
    panic!("{} does not end", command.id);
}

fn result_of(child: &Command, outcome: &Outcome) -> ItemResult {
    let Some(Targets::One(asset)) = child.body.targets() else { panic!("a child is about one asset") };
    ItemResult { asset: asset.clone(), phase: outcome.phase, changed: outcome.changed, error: outcome.error.clone() }
}

fn some_tasks() -> impl Strategy<Value = Tasks> {
    prop_oneof![
        Just(tasks(&["MANAGE", "ADVERTISE", "ANALYZE"])),
        Just(tasks(&["ADVERTISE", "ANALYZE"])),
        Just(tasks(&["ANALYZE"])),
        Just(tasks(&["MODERATE"])),
    ]
}

fn held() -> impl Strategy<Value = Held> {
    let people = prop::collection::btree_map(prop::sample::select(PEOPLE.to_vec()), some_tasks(), 0..=3);
    (prop::sample::select(vec![(true, false), (false, true), (false, false)]), people, any::<bool>()).prop_map(
        |((as_owner, as_agency), people, outside_admin)| {
            let on_it = as_owner || as_agency;
            let people = people.into_iter().filter(|_| on_it).map(|(id, tasks)| (id.to_owned(), tasks)).collect();
            Held { as_owner, as_agency, people, outside_admin: outside_admin || !on_it }
        },
    )
}

fn person() -> impl Strategy<Value = Person> {
    prop::sample::select(PEOPLE.to_vec()).prop_map(|id| Person::Id(id.parse::<PersonId>().unwrap()))
}

fn bodies() -> impl Strategy<Value = Body> {
    let targets = || {
        prop_oneof![
            prop::sample::select(PAGES.to_vec()).prop_map(|id| Targets::One(page(id))),
            Just(Targets::List(PAGES.map(page).to_vec())),
        ]
    };
    prop_oneof![
        (targets(), person(), some_tasks()).prop_map(|(targets, user, tasks)| Body::Assign {
            targets,
            user,
            tasks,
            adding: false
        }),
        (targets(), person(), prop::option::of(some_tasks())).prop_map(|(targets, user, tasks)| Body::Unassign {
            targets,
            user,
            tasks,
            leaves: false
        }),
        (targets(), person(), person(), prop::option::of(some_tasks()))
            .prop_filter("two people", |(_, from, to, _)| from != to)
            .prop_map(|(targets, from, to, tasks)| Body::Reassign { targets, from, to, tasks, leaves: false }),
        (targets(), any::<bool>()).prop_map(|(targets, own)| Body::Claim {
            targets,
            access: if own { Access::Owner } else { Access::Agency },
            permitted_tasks: if own { tasks(&[]) } else { tasks(&["ANALYZE"]) },
            irreversible: false,
            again: false,
        }),
        targets().prop_map(|targets| Body::Unbind { targets, remove_people: true, unmanaged: false }),
    ]
}

fn command(id: &str, body: Body) -> Command {
    let business = if matches!(body, Body::Undo { .. }) { None } else { Some(BUSINESS.parse().unwrap()) };
    let id: CommandId = id.parse().unwrap();
    Command { id, business, body, ..super::paper::command() }
}

fn undo() -> Command {
    command("u", Body::Undo { target: "t".parse().unwrap() })
}

fn done(deeds: Vec<Deed>) -> Fact {
    Fact::Deeds(Deeds::Ended { business: BUSINESS.parse().unwrap(), deeds })
}

/// A world in which `luck` decides what becomes of writes.
fn world(pages: Vec<Held>, luck: Vec<u8>) -> World {
    let pages = PAGES.iter().map(|id| (*id).to_owned()).zip(pages).collect();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    World { pages, luck, writes: 0, now, said: Vec::new(), said_first: None }
}

/// The Pages that the undo names: what it left, and what it could not do.
fn named(outcome: &Outcome) -> BTreeSet<String> {
    let in_error = outcome.results.iter().filter(|result| result.error.is_some());
    in_error.map(|result| result.asset.id.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_a_command_changed_is_as_before_or_is_named(
        pages in prop::collection::vec(held(), PAGES.len()),
        body in bodies(),
        luck in prop::collection::vec(any::<u8>(), 1..20),
        by_hand in prop::option::weighted(0.3, (prop::sample::select(PAGES.to_vec()), prop::sample::select(PEOPLE.to_vec()), some_tasks())),
    ) {
        let mut world = world(pages, luck);
        let before = world.pages.clone();
        let target = play(&mut world, &command("t", body), &Fact::NotKnown);
        if let Some((page, person, tasks)) = by_hand {
            let held = world.pages.get_mut(page).unwrap();
            if held.as_owner || held.as_agency {
                held.people.insert(person.to_owned(), tasks);
            }
        }
        let between = world.pages.clone();
        (world.said, world.said_first) = (Vec::new(), None);
        let undone = play(&mut world, &undo(), &done(target.deeds));
        let named = named(&undone.outcome);
        for (id, after) in &world.pages {
            let as_before = *after == before[id];
            // Somebody's later wish is either named or none of the undo's affair.
            let by_hand = by_hand_alone(&before[id], &between[id], after);
            prop_assert!(as_before || by_hand || named.contains(id), "{id}: {:?} became {after:?}, and {:?}", before[id], undone.outcome);
            prop_assert!(!between[id].is_managed() || after.is_managed(), "{id} is left without a manager: {after:?}");
        }
        let well = undone.outcome.phase == Phase::Completed;
        prop_assert_eq!(well, named.is_empty(), "{:?}", undone.outcome);
        // What is left is told before the first write.
        prop_assert!(world.said_first.is_none_or(|said| said == world.said.len()), "told too late");
    }

    #[test]
    fn an_undo_that_comes_twice_finds_nothing_to_do(
        pages in prop::collection::vec(held(), PAGES.len()),
        body in bodies(),
    ) {
        let mut world = world(pages, vec![7]);
        let target = play(&mut world, &command("t", body), &Fact::NotKnown);
        let on_record = done(target.deeds);
        let first = play(&mut world, &undo(), &on_record);
        let (after_first, writes) = (world.pages.clone(), world.writes);
        let second = play(&mut world, &undo(), &on_record);
        prop_assert_eq!((world.pages, world.writes), (after_first, writes));
        prop_assert!(!second.outcome.changed, "{:?}", second.outcome);
        prop_assert!(second.outcome.results.len() >= first.outcome.results.iter().filter(|one| one.error.is_some()).count());
    }
}

/// Whether what differs from before is what somebody did in between, and nothing else.
fn by_hand_alone(before: &Held, between: &Held, after: &Held) -> bool {
    let differs = |id: &String| before.people.get(id) != after.people.get(id);
    let people: BTreeSet<&String> = before.people.keys().chain(after.people.keys()).collect();
    (before.as_owner, before.as_agency) == (after.as_owner, after.as_agency)
        && people.into_iter().filter(|id| differs(id)).all(|id| between.people.get(id) == after.people.get(id))
        && before.people != between.people
}

#[test]
fn who_got_an_asset_keeps_it_until_who_had_it_is_seen_to_have_it_again() {
    let manager = tasks(&["MANAGE", "ADVERTISE"]);
    let people = BTreeMap::from([("71".to_owned(), manager.clone())]);
    let held = Held { as_owner: true, people, ..Held::default() };
    let mut world = world(vec![held.clone(), held.clone()], vec![7]);
    let person = |id: &str| Person::Id(id.parse().unwrap());
    let body = Body::Reassign {
        targets: Targets::One(page("1009")),
        from: person("71"),
        to: person("72"),
        tasks: None,
        leaves: false,
    };
    let target = play(&mut world, &command("t", body), &Fact::NotKnown);
    assert!(world.pages["1009"].people.contains_key("72"), "{target:?}", target = target.outcome);
    // The one who had it cannot be put back: nothing is taken from the other.
    world.luck = vec![0];
    let undone = play(&mut world, &undo(), &done(target.deeds));
    assert_eq!(undone.outcome.phase, Phase::Incomplete);
    assert_eq!(world.pages["1009"].people, BTreeMap::from([("72".to_owned(), manager)]));
}

#[test]
fn what_cannot_be_undone_at_all_says_why_and_what_to_do() {
    for (fact, code) in [
        (Fact::NotKnown, "unknown_target"),
        (Fact::NotAllowed, "unauthorised"),
        (Fact::Deeds(Deeds::Open), "not_finished"),
        (Fact::Deeds(Deeds::Forgotten), "kept_no_longer"),
        (Fact::Deeds(Deeds::Unfit { command: "inspect".to_owned() }), "not_undoable"),
    ] {
        let mut world = world(vec![Held::default(), Held::default()], vec![7]);
        let undone = play(&mut world, &undo(), &fact).outcome;
        let error = undone.error.unwrap();
        assert_eq!((undone.phase, undone.changed, error.code.as_str()), (Phase::Failed, false, code));
        assert!(error.remedy.len() > 10 && world.writes == 0, "{code}");
    }
}
