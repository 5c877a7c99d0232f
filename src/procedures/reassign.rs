//! `reassign`: one asset from one person to another. Grant, see it, take away, see it.

use super::claim::listed;
use super::groups::{Covered, groups_to_leave, leave_groups};
use super::leaving::may_be_granted;
use super::manager::people_on;
use super::people::{ends_with_the_leaving, may_lose_manage, not_protected, put_on, take_off, tasks_of};
use super::script::{Run, Script, refusal_of};
use crate::contract::{Asset, Body, Category, ErrorInfo, ItemResult, Outcome, Person, PersonId, Phase, Targets, Tasks};
use crate::meta::kinds::{Deed, cell, manages};
use crate::meta::{AssetList, GroupId, PersonOn};

/// From whom to whom, and what.
pub(super) struct Between {
    pub(super) leaver: PersonId,
    pub(super) successor: PersonId,
    /// What the successor gets; what the leaver has unless named.
    pub(super) tasks: Option<Tasks>,
}

/// One asset that goes from one person to another.
pub(super) struct Handover {
    pub(super) asset: Asset,
    /// What the leaver has.
    pub(super) leavers: Tasks,
    /// What the successor has.
    has: Tasks,
    /// What the successor is to have.
    pub(super) wanted: Tasks,
    /// The groups that the leaver must leave.
    pub(super) groups: Vec<GroupId>,
}

impl Handover {
    /// Whether the wanted state stands already.
    pub(super) fn is_done(&self) -> bool {
        self.leavers.is_empty() && self.wanted == self.has
    }

    /// Whether the successor gets something.
    pub(super) fn grants(&self) -> bool {
        self.wanted != self.has
    }
}

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let Body::Reassign { targets: Targets::One(asset), from, to, tasks, .. } = &script.command().body else {
        unreachable!("run dispatches on the body, and lists fan out")
    };
    let between = Between::of(script, from, to, tasks.clone())?;
    let mut covered = Covered::by(std::slice::from_ref(asset));
    let handover = prepare(script, &mut covered, asset, &between)?;
    if handover.is_done() {
        return Ok(Outcome::of(Phase::Completed, false));
    }
    script.safe_point()?;
    grant(script, &handover, &between)?;
    if !handover.leavers.is_empty() {
        // The successor has been seen in place: from here on the leaver may go.
        leave_groups(script, &handover.groups, asset, &between.leaver)?;
        if let Err(error) = let_go_of(script, &handover, &between.leaver)? {
            return Ok(left_to_a_person(script, asset, error));
        }
    }
    Ok(Outcome { granted_tasks: Some(handover.wanted), ..Outcome::of(Phase::Completed, script.changed()) })
}

/// Takes the leaver off; of a kind that has no call for it, unless they are gone with their groups, the error says
/// what a person does.
fn let_go_of(script: &mut Script<'_>, handover: &Handover, leaver: &PersonId) -> Run<Result<(), ErrorInfo>> {
    let asset = &handover.asset;
    match cell(asset.kind, Deed::Unassign).refusal(asset) {
        None => take_off(script, asset, leaver).map(Ok),
        Some(_) if ends_with_the_leaving(script) => take_off(script, asset, leaver).map(Ok),
        Some(error) if handover.groups.is_empty() => {
            script.concerns(leaver);
            Ok(Err(error))
        }
        Some(_) => refusal_of(take_off(script, asset, leaver)),
    }
}

/// The successor is in place, and the leaver still there.
fn left_to_a_person(script: &mut Script<'_>, asset: &Asset, error: ErrorInfo) -> Outcome {
    script.goes_only_so_far();
    let changed = script.changed();
    let result = ItemResult { asset: asset.clone(), phase: Phase::Failed, changed, error: Some(error) };
    Outcome { results: vec![result], ..Outcome::of(Phase::Incomplete, changed) }
}

impl Between {
    /// The two people, looked up.
    pub(super) fn of(script: &mut Script<'_>, from: &Person, to: &Person, tasks: Option<Tasks>) -> Run<Self> {
        let leaver = script.person("from", from)?;
        let successor = script.person("to", to)?;
        if leaver == successor {
            return Err(script.fail(same_person(&leaver)));
        }
        may_be_granted(script, &successor)?;
        Ok(Self { leaver, successor, tasks })
    }
}

/// Whatever forbids the handover is found before the first write.
pub(super) fn prepare(
    script: &mut Script<'_>,
    covered: &mut Covered<'_>,
    asset: &Asset,
    between: &Between,
) -> Run<Handover> {
    let people = people_on(script, asset)?;
    let leavers = tasks_of(&people, &between.leaver);
    let has = tasks_of(&people, &between.successor);
    let asked = between.tasks.as_ref().unwrap_or(&leavers);
    let given = within_what_may_be_given(script, asset, asked)?;
    if given.is_empty() && !asked.is_empty() {
        return Err(script.fail(nothing_to_give(asset, asked)));
    }
    let wanted = given.union(&has);
    let mut handover = Handover { asset: asset.clone(), leavers, has, wanted, groups: Vec::new() };
    if !handover.is_done() {
        not_protected(script, asset, Some(&between.leaver))?;
        handover.groups = may_leave(script, covered, &people, &handover, &between.leaver)?;
    }
    Ok(handover)
}

/// Puts the successor in place, and sees it.
fn grant(script: &mut Script<'_>, handover: &Handover, between: &Between) -> Run<()> {
    match put_successor_on(script, handover, between)? {
        Some(people) => still_may_leave(script, handover, &people, &between.leaver),
        None => Ok(()),
    }
}

/// The people who were on the asset with the successor; none where the successor had it all, and in a dry run.
pub(super) fn put_successor_on(
    script: &mut Script<'_>,
    handover: &Handover,
    between: &Between,
) -> Run<Option<Vec<PersonOn>>> {
    if !handover.grants() {
        return Ok(None);
    }
    put_on(script, &handover.asset, &between.successor, &handover.wanted)
}

/// Whatever forbids taking the leaver off is found before the first write.
fn may_leave(
    script: &mut Script<'_>,
    covered: &mut Covered<'_>,
    people: &[PersonOn],
    handover: &Handover,
    leaver: &PersonId,
) -> Run<Vec<GroupId>> {
    if handover.leavers.is_empty() {
        return Ok(Vec::new());
    }
    let kind = handover.asset.kind;
    if manages(kind, &handover.leavers) && !manages(kind, &handover.wanted) {
        may_lose_manage(script, &handover.asset, people, leaver)?;
    }
    groups_to_leave(script, covered, &handover.asset, leaver)
}

/// Between the first look and the grant somebody may have changed the asset by hand: what is taken from the leaver
/// is what was seen with them, and the manager who remains is seen in the same list as the successor.
pub(super) fn still_may_leave(
    script: &mut Script<'_>,
    handover: &Handover,
    people: &[PersonOn],
    leaver: &PersonId,
) -> Run<()> {
    let Handover { asset, leavers: had, wanted, .. } = handover;
    let has = tasks_of(people, leaver);
    if !had.covers(&has) {
        return Err(script.fail(changed_meanwhile(asset, &has)));
    }
    let managed = manages(asset.kind, had) && !manages(asset.kind, wanted);
    if managed { may_lose_manage(script, asset, people, leaver) } else { Ok(()) }
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
    let (_, permitted) = listed(script, &business, AssetList::Client(asset.kind), &asset.id)?;
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
