//! `reassign`: one asset from one person to another. Grant, see it, take away, see it.

use super::claim::listed;
use super::manager::people_on;
use super::people::{groups_to_leave, leave_groups, may_lose_manage, not_protected, put_on, take_off, tasks_of};
use super::script::{Run, Script};
use crate::contract::{Asset, Body, Category, ErrorInfo, Outcome, PersonId, Phase, Targets, Tasks};
use crate::meta::{GroupId, PageList, PersonOn};

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let Body::Reassign { targets: Targets::One(asset), from, to, tasks } = &script.command().body else {
        unreachable!("run dispatches on the body, and lists fan out")
    };
    let leaver = script.person("from", from)?;
    let successor = script.person("to", to)?;
    if leaver == successor {
        return Err(script.fail(same_person(&leaver)));
    }
    let people = people_on(script, asset)?;
    let leavers = tasks_of(&people, &leaver);
    let has = tasks_of(&people, &successor);
    let asked = tasks.as_ref().unwrap_or(&leavers);
    let given = within_what_may_be_given(script, asset, asked)?;
    if given.is_empty() && !asked.is_empty() {
        return Err(script.fail(nothing_to_give(asset, asked)));
    }
    let wanted = given.union(&has);
    if leavers.is_empty() && wanted == has {
        return Ok(Outcome::of(Phase::Completed, false));
    }
    not_protected(script, asset, Some(&leaver))?;
    let groups = may_leave(script, asset, &people, &leaver, &wanted)?;
    script.safe_point()?;
    if wanted != has
        && let Some(people) = put_on(script, asset, &successor, &wanted)?
    {
        still_may_leave(script, asset, &people, &leaver, (&leavers, &wanted))?;
    }
    if !leavers.is_empty() {
        // The successor has been seen in place: from here on the leaver may go.
        leave_groups(script, &groups, asset, &leaver)?;
        take_off(script, asset, &leaver)?;
    }
    Ok(Outcome { granted_tasks: Some(wanted), ..Outcome::of(Phase::Completed, script.changed()) })
}

/// Whatever forbids taking the leaver off is found before the first write.
fn may_leave(
    script: &mut Script<'_>,
    asset: &Asset,
    people: &[PersonOn],
    leaver: &PersonId,
    wanted: &Tasks,
) -> Run<Vec<GroupId>> {
    let leavers = tasks_of(people, leaver);
    if leavers.is_empty() {
        return Ok(Vec::new());
    }
    if leavers.manage() && !wanted.manage() {
        may_lose_manage(script, asset, people, leaver)?;
    }
    groups_to_leave(script, asset, leaver)
}

/// Between the first look and the grant somebody may have changed the asset by hand: what is taken from the leaver
/// is what was seen with them, and the manager who remains is seen in the same list as the successor.
fn still_may_leave(
    script: &mut Script<'_>,
    asset: &Asset,
    people: &[PersonOn],
    leaver: &PersonId,
    (had, wanted): (&Tasks, &Tasks),
) -> Run<()> {
    let has = tasks_of(people, leaver);
    if !had.covers(&has) {
        return Err(script.fail(changed_meanwhile(asset, &has)));
    }
    if had.manage() && !wanted.manage() { may_lose_manage(script, asset, people, leaver) } else { Ok(()) }
}

fn changed_meanwhile(asset: &Asset, has: &Tasks) -> ErrorInfo {
    ErrorInfo {
        category: Category::Conflict,
        code: "changed_meanwhile".to_owned(),
        subcode: None,
        message: format!("somebody gave the leaver {has} on {asset} meanwhile; the successor is in place"),
        trace: None,
        remedy: "Find out who did, then send the command anew.".to_owned(),
    }
}

/// An agency can give no more than it was given; an owner's list names no bound.
fn within_what_may_be_given(script: &mut Script<'_>, asset: &Asset, tasks: &Tasks) -> Run<Tasks> {
    let business = script.business().clone();
    let (_, permitted) = listed(script, &business, PageList::Client, asset)?;
    Ok(permitted.filter(|given| !given.is_empty()).map_or_else(|| tasks.clone(), |given| tasks.both(&given)))
}

/// Parsing refuses the same text twice; an id and an address may still be one person.
fn same_person(person: &PersonId) -> ErrorInfo {
    ErrorInfo {
        category: Category::Invalid,
        code: "same_person".to_owned(),
        subcode: None,
        message: format!("from and to are both person {person}"),
        trace: None,
        remedy: "Name another successor in `to`.".to_owned(),
    }
}

fn nothing_to_give(asset: &Asset, asked: &Tasks) -> ErrorInfo {
    ErrorInfo {
        category: Category::Conflict,
        code: "tasks_not_permitted".to_owned(),
        subcode: None,
        message: format!("the business may give none of {asked} on {asset}"),
        trace: None,
        remedy: "Ask the asset's owner to permit these tasks, or name others in `tasks`.".to_owned(),
    }
}
