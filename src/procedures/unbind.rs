//! `unbind`: the business lets go of a Page: people first, then the Page.

use jiff::Timestamp;

use super::bring_about::{Brought, Look, Sent, bring_about};
use super::claim::listed;
use super::groups::{Covered, groups_to_leave, leave_groups};
use super::manager::{Remains, direct_admin_remains, people_on, would_orphan};
use super::observation::{Fact, Query, StopCause};
use super::people::{not_protected, take_off};
use super::script::{Run, Script};
use crate::contract::{Access, Asset, Body, Outcome, PersonId, Phase, Targets};
use crate::meta::{AssetList, Call, GroupId, Removable};

pub(super) const NEEDS_A_DIRECT_ADMIN: &str = "Give a person outside the business full control of the Page (Page settings, Page access), then send the command anew.";
pub(super) const CANNOT_SEE: &str =
    "Make sure that a person keeps full control of the Page, then send the command with \"unmanaged\": true.";

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let Body::Unbind { targets: Targets::One(asset), remove_people, .. } = &script.command().body else {
        unreachable!("run dispatches on the body, and lists fan out")
    };
    withdraw_open_claims(script, asset)?;
    let business = script.business().clone();
    let (_, owned) = listed(script, &business, AssetList::Owned(asset.kind), &asset.id)?;
    let (_, client) = listed(script, &business, AssetList::Client(asset.kind), &asset.id)?;
    let access = match (owned, client) {
        (Some(_), _) => Access::Owner,
        (None, Some(_)) => Access::Agency,
        (None, None) => return Ok(Outcome::of(Phase::Completed, script.changed())),
    };
    not_protected(script, asset, None)?;
    if access == Access::Owner {
        somebody_stays(script, asset)?;
    }
    let people = if *remove_people { people_to_take_off(script, asset)? } else { Vec::new() };
    if script.dry_run() && !*remove_people {
        // They stay on the Page's own list and lose it all the same, with the business.
        people_on(script, asset)?.iter().for_each(|on| script.concerns(&on.id));
    }
    script.safe_point()?;
    for (person, groups) in &people {
        leave_groups(script, groups, asset, person)?;
        take_off(script, asset, person)?;
    }
    let_go(script, asset, access)?;
    Ok(Outcome::of(Phase::Completed, script.changed()))
}

/// Giving up agency access orphans nobody; letting go of what the business owns may.
fn somebody_stays(script: &mut Script<'_>, asset: &Asset) -> Run<()> {
    let unmanaged = matches!(script.command().body, Body::Unbind { unmanaged: true, .. });
    match direct_admin_remains(script, asset)? {
        Remains::Yes => Ok(()),
        Remains::Nobody => Err(script.fail(would_orphan(asset, NEEDS_A_DIRECT_ADMIN))),
        Remains::CannotBeSeen if unmanaged => Ok(()),
        Remains::CannotBeSeen => Err(script.fail(would_orphan(asset, CANNOT_SEE))),
    }
}

/// A request that is still open is taken back by the command that made it.
fn withdraw_open_claims(script: &mut Script<'_>, asset: &Asset) -> Run<()> {
    let query = Query::OpenClaims { business: script.business().clone(), asset: asset.clone() };
    let Fact::OpenClaims(open) = script.consult(&query)? else { return Ok(()) };
    if script.dry_run() {
        return Ok(());
    }
    for claim in open {
        let cause = StopCause::Displaced(script.command().id.clone());
        script.consult(&Query::Stop { target: claim.command.clone(), cause })?;
        if script.end_of(&claim.command)?.0 == Phase::Cancelled {
            script.has_changed();
        }
    }
    Ok(())
}

/// Whoever the business has on the Page, with the groups through which they reach it; refusals come before the
/// first write.
pub(super) fn people_to_take_off(script: &mut Script<'_>, asset: &Asset) -> Run<Vec<(PersonId, Vec<GroupId>)>> {
    let mut people = Vec::new();
    let mut covered = Covered::by(std::slice::from_ref(asset));
    for person in people_on(script, asset)? {
        not_protected(script, asset, Some(&person.id))?;
        let groups = groups_to_leave(script, &mut covered, asset, &person.id)?;
        people.push((person.id, groups));
    }
    Ok(people)
}

/// Lets go of the Page, and sees it; when that call left (in a dry run nothing leaves).
pub(super) fn let_go(script: &mut Script<'_>, asset: &Asset, access: Access) -> Run<Option<Timestamp>> {
    let business = script.business().clone();
    let list = AssetList::held(asset.kind, access);
    let write = Call::Remove { business: business.clone(), what: Removable::Page(asset.id.clone()) };
    let gone = |script: &mut Script<'_>, sent: &Sent<'_>| {
        let (began, found) = listed(script, &business, list, &asset.id)?;
        Ok(if found.is_none() { Look::Seen(sent.left) } else { Look::NotYet(began) })
    };
    match bring_about(script, &write, "lets go of the Page", gone)? {
        Brought::Seen(left) => Ok(Some(left)),
        Brought::Planned => Ok(None),
        Brought::Refused(refusal) => Err(script.refused(&refusal)),
    }
}
