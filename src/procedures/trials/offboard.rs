//! `offboard`: everything of the leaver goes to the successor through children; then the leaver goes, if all is well.

use super::paper::{command, dry_run, page, play, tasks};
use crate::contract::{Body, Command, Kind, Outcome, Person, PersonId, Phase, Targets};
use crate::meta::{Answer, Call, Holding, Reply};
use crate::procedures::Tally;
use crate::procedures::bring_about::{Brought, Look, Sent, bring_about};
use crate::procedures::script::{Run, Script};

fn offboard(script: &mut Script<'_>) -> Run<Outcome> {
    let leaver: PersonId = "71".parse().unwrap();
    let everything = Call::AssetsOf { person: leaver.clone(), kind: Kind::Page };
    let pages = script.assets(&everything)?;
    let children = (1..).zip(pages).map(|(n, held)| child(script.command(), n, &held)).collect();
    script.spawn(children)?;
    let tally = script.children()?;
    // Listed once more right before the leaving: whoever gave the person something meanwhile is seen.
    let left = pages_left(script, &everything)?;
    if !script.dry_run() && (tally.good < tally.total || left > 0) {
        return Ok(Outcome::of(Phase::Incomplete, script.changed()));
    }
    let leave = Call::RemovePerson { person: leaver };
    let gone = |script: &mut Script<'_>, _: &Sent<'_>| {
        let email = "anna@example.com".parse().unwrap();
        let find = Call::FindPerson { business: script.business().clone(), email };
        let persons = |answer| if let Answer::Persons(found) = answer { Some(found) } else { None };
        let (began, found) = script.fact(&find, persons)?;
        Ok(if found.is_empty() { Look::Seen(()) } else { Look::NotYet(began) })
    };
    match bring_about(script, &leave, "the person leaves the business", gone)? {
        Brought::Seen(()) | Brought::Planned => Ok(Outcome::of(Phase::Completed, script.changed())),
        Brought::Refused(refusal) => Err(script.refused(&refusal)),
    }
}

fn pages_left(script: &mut Script<'_>, call: &Call) -> Run<usize> {
    if script.dry_run() { Ok(0) } else { script.assets(call).map(|pages| pages.len()) }
}

fn child(parent: &Command, n: u32, held: &Holding) -> Command {
    let (from, to) = (Person::Id("71".parse().unwrap()), Person::Id("72".parse().unwrap()));
    let targets = Targets::One(page(held.id.as_str()));
    Command { id: parent.id.child(n), body: Body::Reassign { targets, from, to, tasks: None }, ..parent.clone() }
}

struct World {
    listings: Vec<usize>,
    removed: bool,
}

impl World {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a paper world answers what its trial asks and panics at all else"
    )]
    fn answer(&mut self, call: &Call) -> Reply {
        match call {
            Call::AssetsOf { .. } => {
                let pages = (0..self.listings.remove(0))
                    .map(|n| Holding { id: page(&(1_001 + n).to_string()).id, tasks: tasks(&["MANAGE"]) });
                Reply::Answer(Answer::Assets(pages.collect()))
            }
            Call::RemovePerson { .. } => {
                self.removed = true;
                Reply::Unknown
            }
            Call::FindPerson { .. } => {
                let there = (!self.removed).then(|| "71".parse().unwrap());
                Reply::Answer(Answer::Persons(there.into_iter().collect()))
            }
            other => panic!("an offboarding does not ask {other:?}"),
        }
    }
}

fn tally(total: u32, good: u32) -> Tally {
    Tally { total, good, changed: true }
}

#[test]
fn the_leaver_leaves_once_everything_has_a_successor_through_a_crash_at_every_step() {
    let mut world = World { listings: vec![3, 0], removed: false };
    let paper = play(&command(), offboard, |call| world.answer(call), tally(3, 3));
    assert_eq!((paper.outcome.phase, paper.spawned), (Phase::Completed, 3));
    assert!(world.removed);
}

#[test]
fn a_child_that_failed_keeps_the_leaver_in_the_business() {
    let mut world = World { listings: vec![3, 1], removed: false };
    let paper = play(&command(), offboard, |call| world.answer(call), tally(3, 2));
    assert_eq!(paper.outcome.phase, Phase::Incomplete);
    assert!(!world.removed);
}

#[test]
fn what_was_given_to_the_leaver_meanwhile_keeps_them_too() {
    let mut world = World { listings: vec![2, 1], removed: false };
    let paper = play(&command(), offboard, |call| world.answer(call), tally(2, 2));
    assert_eq!(paper.outcome.phase, Phase::Incomplete);
    assert!(!world.removed);
}

#[test]
fn a_dry_run_spawns_dry_children_and_plans_the_leaving() {
    let mut world = World { listings: vec![2], removed: false };
    let paper = play(&dry_run(), offboard, |call| world.answer(call), Tally { total: 2, good: 2, changed: false });
    assert_eq!(paper.outcome.plan.unwrap().steps.len(), 1);
    assert!(!world.removed);
}
