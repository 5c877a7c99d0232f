//! `unbind`: the business lets go of an asset: people first, then the asset.

use jiff::Timestamp;

use super::bring_about::{Brought, Look, Sent, bring_about};
use super::claim::listed;
use super::groups::{Covered, groups_to_leave, leave_groups};
use super::manager::{Remains, direct_admin_remains, people_on, would_orphan};
use super::observation::{Fact, Query, StopCause};
use super::people::{not_protected, take_off};
use super::script::{Run, Script};
use super::whatsapp;
use crate::contract::{Access, Asset, Body, Kind, ObjectId, Outcome, PersonId, Phase, Targets};
use crate::meta::kinds::Deed;
use crate::meta::{Answer, AssetList, Call, GroupId, Removable};

pub(super) const NEEDS_A_DIRECT_ADMIN: &str = "Give a person outside the business full control of the Page (Page settings, Page access), then send the command anew.";
pub(super) const CANNOT_SEE: &str = "Make sure that a person keeps full control of it, then send the `unbind` or `transfer` of it with \"unmanaged\": true.";

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
    script.allows(asset, Deed::unbind(access))?;
    not_protected(script, asset, None)?;
    if access == Access::Owner {
        somebody_stays(script, asset)?;
    }
    let people = if *remove_people { people_to_take_off(script, asset)? } else { Vec::new() };
    if script.dry_run() && !*remove_people {
        // They stay on the asset's own list and lose it all the same, with the business.
        people_on(script, asset)?.iter().for_each(|on| script.concerns(&on.id));
    }
    let going = Going { asset, access, people };
    match asset.kind {
        Kind::WhatsappAccount => whatsapp::run(script, &going),
        Kind::Page | Kind::AdAccount | Kind::Pixel | Kind::InstagramAccount | Kind::Catalog => {
            let what = removable(script, asset, access)?;
            script.safe_point()?;
            going.people_leave(script)?;
            let_go(script, asset, what, access)?;
            Ok(Outcome::of(Phase::Completed, script.changed()))
        }
    }
}

/// What the business lets go of.
pub(super) struct Going<'a> {
    pub(super) asset: &'a Asset,
    /// As what it has it.
    pub(super) access: Access,
    /// Whom it takes off before, with the groups through which they reach the asset.
    people: Vec<(PersonId, Vec<GroupId>)>,
}

impl Going<'_> {
    /// Takes the people off, one by one.
    pub(super) fn people_leave(&self, script: &mut Script<'_>) -> Run<()> {
        for (person, groups) in &self.people {
            leave_groups(script, groups, self.asset, person)?;
            take_off(script, self.asset, person)?;
        }
        Ok(())
    }
}

/// The asset as Meta's call for it takes it.
fn removable(script: &mut Script<'_>, asset: &Asset, access: Access) -> Run<Removable> {
    match asset.kind {
        Kind::Page => Ok(Removable::Page(asset.id.clone())),
        Kind::AdAccount => Ok(Removable::AdAccount(asset.id.clone())),
        Kind::InstagramAccount => instagram_user(script, asset, access).map(Removable::InstagramUser),
        Kind::Pixel | Kind::WhatsappAccount | Kind::Catalog => {
            Err(script.defect("the table of kinds allows an unbind that has no call"))
        }
    }
}

/// The asset's id and its Instagram user's differ, and the call takes the user's.
fn instagram_user(script: &mut Script<'_>, asset: &Asset, access: Access) -> Run<ObjectId> {
    let call = Call::InstagramUser { business: script.business().clone(), access, asset: asset.id.clone() };
    let user = |answer| if let Answer::Id(user) = answer { Some(user) } else { None };
    let (_, user) = script.fact(&call, user)?;
    user.ok_or_else(|| script.defect("Meta names no Instagram user for the asset"))
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

/// Whoever the business has on the asset, with the groups through which they reach it; refusals come before the
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

/// Lets go of the asset, and sees it; when that call left (in a dry run nothing leaves).
pub(super) fn let_go(
    script: &mut Script<'_>,
    asset: &Asset,
    what: Removable,
    access: Access,
) -> Run<Option<Timestamp>> {
    let business = script.business().clone();
    let list = AssetList::held(asset.kind, access);
    let write = Call::Remove { business: business.clone(), what };
    let gone = |script: &mut Script<'_>, sent: &Sent<'_>| {
        let (began, found) = listed(script, &business, list, &asset.id)?;
        Ok(if found.is_none() { Look::Seen(sent.left) } else { Look::NotYet(began) })
    };
    match bring_about(script, &write, "lets go of the asset", gone)? {
        Brought::Seen(left) => Ok(Some(left)),
        Brought::Planned => Ok(None),
        Brought::Refused(refusal) => Err(script.refused(&refusal)),
    }
}
