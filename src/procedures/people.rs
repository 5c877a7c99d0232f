//! `assign` and `unassign`: one person on one asset.

use super::bring_about::{Brought, Look, bring_about};
use super::manager::{Remains, people_on, remains, would_orphan};
use super::script::{Run, Script};
use crate::contract::{Asset, Body, Category, ErrorInfo, Outcome, PersonId, Phase, Targets, Tasks};
use crate::meta::{Call, GroupId, PersonOn};

const FIND_A_MANAGER: &str = "Give another person full control of the asset first, then send the command anew.";

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let body = &script.command().body;
    if let Body::Assign { targets: Targets::One(asset), user, tasks } = body {
        let person = script.person("user", user)?;
        return settle(script, asset, &person, |_| tasks.clone());
    }
    let Body::Unassign { targets: Targets::One(asset), user, tasks } = body else {
        unreachable!("run dispatches on the body, and lists fan out")
    };
    let person = script.person("user", user)?;
    settle(script, asset, &person, |has| tasks.as_ref().map_or(Tasks::default(), |some| has.without(some)))
}

/// Makes `person` have on `asset` exactly what `wanted` makes of what they have; nothing means off the asset.
fn settle(script: &mut Script<'_>, asset: &Asset, person: &PersonId, wanted: impl Fn(&Tasks) -> Tasks) -> Run<Outcome> {
    let people = people_on(script, asset)?;
    let has = tasks_of(&people, person);
    let wanted = wanted(&has);
    if has == wanted {
        return Ok(Outcome::of(Phase::Completed, false));
    }
    if has.manage() && !wanted.manage() {
        may_lose_manage(script, asset, &people, person)?;
    }
    let mut groups = Vec::new();
    if !wanted.covers(&has) {
        not_protected(script, asset, Some(person))?;
        groups = groups_to_leave(script, asset, person)?;
    }
    script.safe_point()?;
    leave_groups(script, &groups, asset, person)?;
    if wanted.is_empty() {
        take_off(script, asset, person)?;
    } else {
        put_on(script, asset, person, &wanted)?;
    }
    Ok(Outcome { granted_tasks: Some(wanted), ..Outcome::of(Phase::Completed, script.changed()) })
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

/// The groups through which `person` reaches `asset`, where leaving them touches nothing else.
///
/// Meta refuses to reduce a right that comes through an asset group, and leaving the group takes it on every asset
/// in it at once: a command on one asset does not do that, and ends here.
pub(super) fn groups_to_leave(script: &mut Script<'_>, asset: &Asset, person: &PersonId) -> Run<Vec<GroupId>> {
    let call = Call::GroupsOf { person: person.clone(), page: asset.id.clone() };
    let (_, groups) = script.groups(&call)?;
    for group in &groups {
        let others = others_in(script, group, asset)?;
        if !others.is_empty() {
            return Err(script.fail(in_group(group, asset, &others)));
        }
    }
    Ok(groups)
}

/// Takes a person out of asset groups, and sees it.
pub(super) fn leave_groups(script: &mut Script<'_>, groups: &[GroupId], asset: &Asset, person: &PersonId) -> Run<()> {
    groups.iter().try_for_each(|group| leave(script, group, asset, person))
}

/// Takes a person off, and sees it.
pub(super) fn take_off(script: &mut Script<'_>, asset: &Asset, person: &PersonId) -> Run<()> {
    let write = Call::Unassign { page: asset.id.clone(), person: person.clone() };
    let brought = bring_about(script, &write, "takes the person off", |script, _| {
        see(script, asset, |people| people.iter().all(|on| on.id != *person))
    })?;
    seen(script, brought).map(|_| ())
}

/// Sets what a person may do, and sees it; the people who were on the asset then (none in a dry run).
pub(super) fn put_on(
    script: &mut Script<'_>,
    asset: &Asset,
    person: &PersonId,
    tasks: &Tasks,
) -> Run<Option<Vec<PersonOn>>> {
    let write = Call::Assign {
        business: script.business().clone(),
        page: asset.id.clone(),
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
    let call = Call::PeopleOn { business: script.business().clone(), page: asset.id.clone() };
    let (began, people) = script.people(&call)?;
    Ok(if wanted(&people) { Look::Seen(people) } else { Look::NotYet(began) })
}

fn seen<T>(script: &Script<'_>, brought: Brought<T>) -> Run<Option<T>> {
    match brought {
        Brought::Seen(seen) => Ok(Some(seen)),
        Brought::Planned => Ok(None),
        Brought::Refused(refusal) => Err(script.refused(&refusal)),
    }
}

fn others_in(script: &mut Script<'_>, group: &GroupId, asset: &Asset) -> Run<Vec<String>> {
    let call = Call::PagesInGroup { group: group.clone() };
    let pages = script.pages(&call)?;
    let others = pages.into_iter().filter(|held| held.page != asset.id);
    Ok(others.map(|held| format!("page/{}", held.page)).collect())
}

fn leave(script: &mut Script<'_>, group: &GroupId, asset: &Asset, person: &PersonId) -> Run<()> {
    let write = Call::LeaveGroup { group: group.clone(), person: person.clone() };
    let call = Call::GroupsOf { person: person.clone(), page: asset.id.clone() };
    let brought = bring_about(script, &write, "leaves the asset group", |script, _| {
        let (began, groups) = script.groups(&call)?;
        Ok(if groups.contains(group) { Look::NotYet(began) } else { Look::Seen(()) })
    })?;
    seen(script, brought).map(|_| ())
}

fn in_group(group: &GroupId, asset: &Asset, others: &[String]) -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "in_asset_group".to_owned(),
        subcode: None,
        message: format!(
            "the right on {asset} comes through asset group {group}, which also holds {}",
            others.join(", ")
        ),
        trace: None,
        remedy:
            "Take the person out of the asset group in the business settings, or name all its assets in one command."
                .to_owned(),
    }
}
