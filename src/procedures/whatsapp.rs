//! `unbind` of a WhatsApp account, as far as calls go: the app leaves, then the numbers, then the people. The account
//! itself stays with the business until a person takes it away; so a wait, and a look whether that has happened.

use jiff::Timestamp;

use super::bring_about::{Brought, Look, Sent, bring_about, comes_about};
use super::claim::listed;
use super::script::{Run, Script};
use super::unbind::Going;
use crate::contract::{Asset, Category, ErrorInfo, ObjectId, Outcome, Phase};
use crate::meta::kinds::{Deed, Way, cell};
use crate::meta::{Answer, AssetList, Call, Number};

/// How a number that the phone's own app uses too leaves: no call does it.
const ON_THE_PHONE: &str =
    "On the phone: WhatsApp Business app > Settings > Account > Business Platform > Disconnect, for number";

pub(super) fn run(script: &mut Script<'_>, going: &Going<'_>) -> Run<Outcome> {
    let asset = going.asset;
    let (_, numbers) = numbers(script, asset)?;
    let (_, apps) = apps(script, asset)?;
    script.safe_point()?;
    unsubscribe(script, asset, &apps)?;
    let (on_phone, others): (Vec<_>, Vec<_>) = numbers.into_iter().filter(|n| n.registered).partition(|n| n.on_phone);
    for number in &others {
        deregister(script, asset, number)?;
    }
    going.people_leave(script)?;
    if script.dry_run() {
        // The account stays until a person takes it away: a run would end with that, and so does its plan.
        script.goes_only_so_far();
        return Ok(Outcome::failed(false, left_to_a_person(going, &on_phone, &[])));
    }
    let left = has_left(script, going)?;
    if left {
        return Ok(Outcome::of(Phase::Completed, script.changed()));
    }
    let back = came_back(script, asset, &others)?;
    Ok(Outcome::failed(script.changed(), left_to_a_person(going, &on_phone, &back)))
}

/// Takes our app off. Which of the apps is ours the list does not say: one that is gone afterwards was. Where Meta
/// accepts the call and none goes, ours was not among them.
fn unsubscribe(script: &mut Script<'_>, asset: &Asset, before: &[ObjectId]) -> Run<()> {
    if before.is_empty() {
        return Ok(());
    }
    let write = Call::Unsubscribe { account: asset.id.clone() };
    let look = |script: &mut Script<'_>, sent: &Sent<'_>| {
        let (began, now) = apps(script, asset)?;
        let settled = sent.answer.is_some() && began >= sent.left + script.rules().settle;
        let gone = settled || before.iter().any(|app| !now.contains(app));
        Ok(if gone { Look::Seen(()) } else { Look::NotYet(began) })
    };
    accepted(script, &write, "takes the app off the account", look)
}

fn deregister(script: &mut Script<'_>, asset: &Asset, number: &Number) -> Run<()> {
    let write = Call::Deregister { number: number.id.clone() };
    let look = |script: &mut Script<'_>, _: &Sent<'_>| {
        let (began, now) = numbers(script, asset)?;
        let registered = now.iter().any(|other| other.id == number.id && other.registered);
        Ok(if registered { Look::NotYet(began) } else { Look::Seen(()) })
    };
    accepted(script, &write, "takes the number off the platform", look)
}

fn accepted(
    script: &mut Script<'_>,
    write: &Call,
    why: &str,
    look: impl FnMut(&mut Script<'_>, &Sent<'_>) -> Run<Look<()>>,
) -> Run<()> {
    match bring_about(script, write, why, look)? {
        Brought::Seen(()) | Brought::Planned => Ok(()),
        Brought::Refused(refusal) => Err(script.refused(&refusal)),
    }
}

/// Whether the account is in the business's list no more, `cool_down` after the last step where there was one.
fn has_left(script: &mut Script<'_>, going: &Going<'_>) -> Run<bool> {
    let business = script.business().clone();
    let list = AssetList::held(going.asset.kind, going.access);
    let (began, found) = listed(script, &business, list, &going.asset.id)?;
    if found.is_none() || !script.changed() {
        return Ok(found.is_none());
    }
    script.wait_until(began + script.rules().cool_down)?;
    let gone = comes_about(script, |script| {
        let (began, found) = listed(script, &business, list, &going.asset.id)?;
        Ok(if found.is_none() { Look::Seen(()) } else { Look::NotYet(began) })
    })?;
    Ok(gone.is_some())
}

/// The numbers that Meta has connected again by itself.
fn came_back(script: &mut Script<'_>, asset: &Asset, deregistered: &[Number]) -> Run<Vec<ObjectId>> {
    if deregistered.is_empty() {
        return Ok(Vec::new());
    }
    let (_, now) = numbers(script, asset)?;
    let again = now.into_iter().filter(|number| number.registered).map(|number| number.id);
    Ok(again.filter(|id| deregistered.iter().any(|number| number.id == *id)).collect())
}

fn numbers(script: &mut Script<'_>, asset: &Asset) -> Run<(Timestamp, Vec<Number>)> {
    let call = Call::Numbers { account: asset.id.clone() };
    script.fact(&call, |answer| if let Answer::Numbers(numbers) = answer { Some(numbers) } else { None })
}

fn apps(script: &mut Script<'_>, asset: &Asset) -> Run<(Timestamp, Vec<ObjectId>)> {
    let call = Call::AppsOn { account: asset.id.clone() };
    script.fact(&call, |answer| if let Answer::Apps(apps) = answer { Some(apps) } else { None })
}

/// What calls did not reach, with every click that is left.
fn left_to_a_person(going: &Going<'_>, on_phone: &[Number], back: &[ObjectId]) -> ErrorInfo {
    let asset = going.asset;
    let mut error = match cell(asset.kind, Deed::unbind(going.access)).way {
        Way::Partly(refused) | Way::Human(refused) | Way::Never(refused) => refused.on(asset, Category::NeedsHuman),
        Way::Call => not_gone(asset),
    };
    if !on_phone.is_empty() {
        let ids = on_phone.iter().map(|number| number.id.to_string()).collect::<Vec<_>>().join(", ");
        "coexistence_number".clone_into(&mut error.code);
        error.message = format!("{}; number {ids} is used by the phone's own app too", error.message);
        error.remedy = format!("{ON_THE_PHONE} {ids}. {}", error.remedy);
    }
    if !back.is_empty() {
        let ids = back.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        "reconnected".clone_into(&mut error.code);
        error.message = format!("{}; Meta has connected number {ids} again by itself", error.message);
        error.remedy = format!("End the partnership first, or Meta connects the number again. {}", error.remedy);
    }
    error
}

fn not_gone(asset: &Asset) -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "not_gone".to_owned(),
        subcode: None,
        message: format!("{asset} is still in the business's list"),
        trace: None,
        remedy: "Look at the account in the business settings; send the command anew once it has left.".to_owned(),
    }
}
