//! `assign` and `unassign`: one person on one asset.

use super::bring_about::{Brought, Look, bring_about, comes_about};
use super::groups::{Covered, groups_to_leave, leave_groups};
use super::leaving::may_be_granted;
use super::manager::{Remains, people_on, remains, would_orphan};
use super::script::{Run, Script};
use crate::contract::{Asset, Body, Category, ErrorInfo, Outcome, PersonId, Phase, Targets, Tasks};
use crate::meta::kinds::{Deed, cell, manages};
use crate::meta::{Call, GroupId, PersonOn};

pub(super) const FIND_A_MANAGER: &str =
    "Give another person full control of the asset first, then send the command anew.";

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let body = &script.command().body;
    if let Body::Assign { targets: Targets::One(asset), user, tasks, adding } = body {
        let person = script.person("user", user)?;
        may_be_granted(script, &person)?;
        return settle(script, asset, &person, |has| if *adding { has.union(tasks) } else { tasks.clone() });
    }
    let Body::Unassign { targets: Targets::One(asset), user, tasks, .. } = body else {
        unreachable!("run dispatches on the body, and lists fan out")
    };
    let person = script.person("user", user)?;
    settle(script, asset, &person, |has| tasks.as_ref().map_or(Tasks::default(), |some| has.without(some)))
}

/// What a person has on an asset, and what they are to have.
pub(super) struct Change {
    pub(super) asset: Asset,
    pub(super) person: PersonId,
    pub(super) has: Tasks,
    /// Nothing means off the asset.
    pub(super) wanted: Tasks,
    /// Everybody who was on the asset.
    people: Vec<PersonOn>,
    /// The groups to be left for it.
    pub(super) groups: Vec<GroupId>,
}

/// Makes `person` have on `asset` exactly what `wanted` makes of what they have; nothing means off the asset.
fn settle(script: &mut Script<'_>, asset: &Asset, person: &PersonId, wanted: impl Fn(&Tasks) -> Tasks) -> Run<Outcome> {
    let mut covered = Covered::by(std::slice::from_ref(asset));
    let change = prepare(script, &mut covered, asset, person, wanted)?;
    if change.has == change.wanted {
        return Ok(Outcome::of(Phase::Completed, false));
    }
    if !change.groups.is_empty() {
        may_be_without(script, &change)?;
    }
    script.safe_point()?;
    leave_groups(script, &change.groups, asset, person)?;
    apply(script, &change)?;
    Ok(Outcome { granted_tasks: Some(change.wanted), ..Outcome::of(Phase::Completed, script.changed()) })
}

/// Whatever forbids the change is found before the first write.
pub(super) fn prepare(
    script: &mut Script<'_>,
    covered: &mut Covered<'_>,
    asset: &Asset,
    person: &PersonId,
    wanted: impl Fn(&Tasks) -> Tasks,
) -> Run<Change> {
    let people = people_on(script, asset)?;
    let has = tasks_of(&people, person);
    let wanted = wanted(&has);
    let manages = |tasks: &Tasks| manages(asset.kind, tasks);
    if manages(&has) && !manages(&wanted) {
        may_lose_manage(script, asset, &people, person)?;
    }
    let mut groups = Vec::new();
    if !wanted.covers(&has) {
        not_protected(script, asset, Some(person))?;
        groups = groups_to_leave(script, covered, asset, person)?;
        if wanted.is_empty() && groups.is_empty() && !ends_with_the_leaving(script) {
            script.allows(asset, Deed::Unassign)?;
        }
    }
    Ok(Change { asset: asset.clone(), person: person.clone(), has, wanted, people, groups })
}

/// A group takes all that came through it: between leaving it and having what stays, somebody else must manage.
pub(super) fn may_be_without(script: &mut Script<'_>, change: &Change) -> Run<()> {
    let manages = |tasks: &Tasks| manages(change.asset.kind, tasks);
    if !manages(&change.has) || !manages(&change.wanted) {
        return Ok(());
    }
    may_lose_manage(script, &change.asset, &change.people, &change.person)
}

/// Makes the change on the asset itself.
pub(super) fn apply(script: &mut Script<'_>, change: &Change) -> Run<()> {
    if change.wanted.is_empty() {
        return take_off(script, &change.asset, &change.person);
    }
    put_on(script, &change.asset, &change.person, &change.wanted).map(|_| ())
}

/// What `person` may do now; nothing if they are not on the asset.
pub(super) fn tasks_of(people: &[PersonOn], person: &PersonId) -> Tasks {
    people.iter().find(|on| on.id == *person).map(|on| on.tasks.clone()).unwrap_or_default()
}

/// Ends the command where nobody else would manage the asset, or where what is protected would be touched.
pub(super) fn may_lose_manage(
    script: &mut Script<'_>,
    asset: &Asset,
    people: &[PersonOn],
    person: &PersonId,
) -> Run<()> {
    match remains(script, asset, people, person)? {
        Remains::Yes => Ok(()),
        Remains::Nobody | Remains::CannotBeSeen => Err(script.fail(would_orphan(asset, FIND_A_MANAGER))),
    }
}

/// Takes a person off, and sees it. Where there is no call for it they may be gone with their groups.
pub(super) fn take_off(script: &mut Script<'_>, asset: &Asset, person: &PersonId) -> Run<()> {
    take_off_because(script, asset, person, "takes the person off")
}

/// The same, for a reason of its own in the plan.
pub(super) fn take_off_because(script: &mut Script<'_>, asset: &Asset, person: &PersonId, why: &str) -> Run<()> {
    script.concerns(person);
    match cell(asset.kind, Deed::Unassign).refusal(asset) {
        Some(_) if ends_with_the_leaving(script) => return Ok(()),
        Some(error) => return is_gone(script, asset, person, error),
        None => {}
    }
    let write = Call::Unassign { asset: asset.clone(), person: person.clone() };
    let brought = bring_about(script, &write, why, |script, _| {
        see(script, asset, |people| people.iter().all(|on| on.id != *person))
    })?;
    seen(script, brought).map(|_| ())
}

/// Whether the person leaves the business afterwards: what no call takes ends with that.
pub(super) fn ends_with_the_leaving(script: &Script<'_>) -> bool {
    matches!(script.command().body, Body::Reassign { leaves: true, .. } | Body::Unassign { leaves: true, .. })
}

fn is_gone(script: &mut Script<'_>, asset: &Asset, person: &PersonId, error: ErrorInfo) -> Run<()> {
    if script.dry_run() {
        return Ok(());
    }
    let gone = comes_about(script, |script| see(script, asset, |people| people.iter().all(|on| on.id != *person)))?;
    if gone.is_some() { Ok(()) } else { Err(script.fail(error)) }
}

/// Sets what a person may do, and sees it; the people who were on the asset then (none in a dry run).
pub(super) fn put_on(
    script: &mut Script<'_>,
    asset: &Asset,
    person: &PersonId,
    tasks: &Tasks,
) -> Run<Option<Vec<PersonOn>>> {
    script.concerns(person);
    let write = Call::Assign {
        business: script.business().clone(),
        asset: asset.clone(),
        person: person.clone(),
        tasks: tasks.clone(),
    };
    let brought = bring_about(script, &write, "sets what the person may do", |script, _| {
        see(script, asset, |people| tasks_of(people, person) == *tasks)
    })?;
    seen(script, brought)
}

/// Ends the command where the asset or the person is protected.
pub(super) fn not_protected(script: &Script<'_>, asset: &Asset, person: Option<&PersonId>) -> Run<()> {
    let asset = asset.to_string();
    let person = person.map(|id| format!("person/{id}"));
    let of = |entry: &&String| **entry == asset || Some(*entry) == person.as_ref();
    match script.rules().protected.iter().find(of) {
        None => Ok(()),
        Some(entry) => Err(script.fail(ErrorInfo {
            category: Category::Conflict,
            code: "protected".to_owned(),
            subcode: None,
            message: format!("{entry} is protected by the configuration"),
            trace: None,
            remedy: "Take it from `protected` in the configuration if this is really wanted.".to_owned(),
        })),
    }
}

fn see(script: &mut Script<'_>, asset: &Asset, wanted: impl Fn(&[PersonOn]) -> bool) -> Run<Look<Vec<PersonOn>>> {
    let call = Call::PeopleOn { business: script.business().clone(), asset: asset.clone() };
    let (began, people) = script.people(&call)?;
    Ok(if wanted(&people) { Look::Seen(people) } else { Look::NotYet(began) })
}

/// What was seen of a write, or the end because Meta refused it; nothing in a dry run.
pub(super) fn seen<T>(script: &Script<'_>, brought: Brought<T>) -> Run<Option<T>> {
    match brought {
        Brought::Seen(seen) => Ok(Some(seen)),
        Brought::Planned => Ok(None),
        Brought::Refused(refusal) => Err(script.refused(&refusal)),
    }
}
