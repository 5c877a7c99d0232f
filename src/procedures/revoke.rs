//! `revoke`: a partner loses an asset that the business owns, or what they were to get.

use super::bring_about::Brought;
use super::manager::{Remains, a_manager_remains, would_orphan};
use super::partners::{Partnership, Standing};
use super::people::{FIND_A_MANAGER, not_protected};
use super::script::{Run, Script};
use crate::contract::{Asset, Body, Category, ErrorInfo, Kind, Outcome, Phase, Targets, Tasks};
use crate::meta::Refusal;
use crate::meta::kinds::{Deed, manages};

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let Body::Revoke { targets: Targets::One(asset), partner, permitted_tasks: named } = &script.command().body else {
        unreachable!("run dispatches on the body, and lists fan out")
    };
    let with = Partnership { asset, partner };
    script.allows(asset, Deed::Revoke)?;
    with.is_owned(script)?;
    not_protected(script, asset, None)?;
    for open in with.open_shares(script)? {
        with.displace(script, &open)?;
    }
    let unchanged = |script: &Script<'_>| Ok(Outcome::of(Phase::Completed, script.changed()));
    match with.standing(script)?.1 {
        Standing::Absent => return unchanged(script),
        // Nobody has approved it, so nobody manages through it.
        Standing::Open => {}
        Standing::Held(held) => {
            if let Some(named) = named {
                if !held.is_empty() && held.without(named) == held {
                    return unchanged(script);
                }
                all_or_nothing(script, asset, &held, named)?;
            }
            somebody_stays(script, asset, &held)?;
        }
    }
    script.safe_point()?;
    match with.end(script, "ends the share with the partner")? {
        Brought::Seen(()) | Brought::Planned => unchanged(script),
        // Meta's no may be because the partner has left meanwhile: the list decides.
        Brought::Refused(refusal) => match with.standing(script)?.1 {
            Standing::Absent => unchanged(script),
            Standing::Held(_) => Err(script.refused(&refusal)),
            Standing::Open => Err(script.fail(request_open(asset, &refusal))),
        },
    }
}

/// Meta documents no call that leaves a partner some of their tasks: sharing a Page once more is refused as a duplicate.
fn all_or_nothing(script: &Script<'_>, asset: &Asset, held: &Tasks, named: &Tasks) -> Run<()> {
    if !held.is_empty() && held.without(named).is_empty() {
        return Ok(());
    }
    let has = if held.is_empty() { "tasks that Meta's list does not name".to_owned() } else { held.to_string() };
    Err(script.fail(ErrorInfo {
        category: Category::NeedsHuman,
        code: "partner_tasks".to_owned(),
        subcode: None,
        message: format!("the partner has {asset} with {has}, and no call takes only {named} of it"),
        trace: None,
        remedy: "Business settings > (the asset) > Partners > (the partner) > Manage; or send `revoke` without \
                 `permitted_tasks`, then `share` with what is to stay."
            .to_owned(),
    }))
}

/// The partner has no access, but somebody's request for it is open, and Meta does not take it back for us.
fn request_open(asset: &Asset, refusal: &Refusal) -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "request_open".to_owned(),
        subcode: None,
        message: format!("the partner has no access to {asset}, but a request for it is open: {}", refusal.message),
        trace: refusal.trace.clone(),
        remedy: "Business settings > Requests: decline it there.".to_owned(),
    }
}

/// A partner who may manage the asset may be the only one who does.
fn somebody_stays(script: &mut Script<'_>, asset: &Asset, held: &Tasks) -> Run<()> {
    let may_manage = match asset.kind {
        Kind::InstagramAccount => false,
        Kind::Page | Kind::AdAccount | Kind::Pixel | Kind::WhatsappAccount | Kind::Catalog => {
            held.is_empty() || manages(asset.kind, held)
        }
    };
    if !may_manage {
        return Ok(());
    }
    match a_manager_remains(script, asset)? {
        Remains::Yes => Ok(()),
        Remains::Nobody | Remains::CannotBeSeen => Err(script.fail(would_orphan(asset, FIND_A_MANAGER))),
    }
}
