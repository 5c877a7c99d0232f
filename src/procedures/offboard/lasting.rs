//! Kinds that have no call which takes one person off: such a right ends when the person leaves the business.
//!
//! So the successor is put in place beside the leaver, or another manager is seen, and nothing is taken. Where the person
//! stays in the business the right stays too, and is named.

use super::holdings::{Holdings, assigned};
use super::{Errand, Handed};
use crate::contract::{Asset, Category, ErrorInfo, ItemResult, Kind, PersonId, Phase};
use crate::meta::Member;
use crate::meta::kinds::{Deed, cell};
use crate::procedures::manager::people_on;
use crate::procedures::people::may_lose_manage;
use crate::procedures::script::{Run, Script, refusal_of};

/// What children are needed for, of `to_do`; what must stay is named in `handed`.
///
/// Without a successor nothing is to be given, and nothing can be taken: of what no group binds there is no work.
pub(super) fn until_the_leaving(
    script: &mut Script<'_>,
    errand: &Errand<'_>,
    member: &Member,
    (held, to_do): (&Holdings, Vec<Asset>),
    handed: &mut Handed,
) -> Run<Vec<Asset>> {
    let (lasting, grouped): (Vec<Asset>, Vec<Asset>) = to_do.into_iter().partition(|asset| lasts(asset, held));
    handed.lasting.extend(grouped.iter().filter(|asset| has_no_removal(asset)).cloned());
    handed.lasting.extend(lasting.iter().cloned());
    if errand.successor.is_some() {
        return Ok(lasting.into_iter().chain(grouped).collect());
    }
    for asset in lasting {
        let error = if errand.remove_from_business {
            let people = people_on(script, &asset)?;
            refusal_of(may_lose_manage(script, &asset, &people, &member.id))?.err()
        } else {
            Some(no_removal(&asset))
        };
        if let Some(error) = error {
            handed.left_for_good = true;
            handed.left.push(failed(asset, error));
        }
    }
    Ok(grouped)
}

/// What the person keeps because they stay in the business after all.
pub(super) fn still_there(script: &mut Script<'_>, person: &PersonId, handed: &Handed) -> Run<Vec<ItemResult>> {
    let known: Vec<&Asset> = handed.lasting.iter().filter(|asset| !handed.is_left(asset)).collect();
    // Whoever is to stop reads nothing more, and what is known must do.
    let stopped = script.stop_cause().is_some();
    let mut there = Vec::new();
    for kind in Kind::ALL {
        let of_kind: Vec<&Asset> = known.iter().copied().filter(|asset| asset.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        // A list that cannot be read takes nothing off the rest.
        let listed = if stopped { None } else { refusal_of(assigned(script, person, kind))?.ok() };
        let is_there = |asset: &&Asset| listed.as_ref().is_none_or(|all| all.iter().any(|(held, _)| held == *asset));
        there.extend(of_kind.into_iter().filter(is_there).cloned());
    }
    Ok(there.into_iter().map(|asset| failed(asset.clone(), stays_with_the_person(&asset))).collect())
}

/// Whether nothing but the leaving takes the person off: a group can be left, with all that came through it.
fn lasts(asset: &Asset, held: &Holdings) -> bool {
    let named = held.assets.get(asset).is_some_and(|tasks| !tasks.is_empty());
    has_no_removal(asset) && named && !held.groups.iter().any(|group| group.contains(asset))
}

fn has_no_removal(asset: &Asset) -> bool {
    cell(asset.kind, Deed::Unassign).refusal(asset).is_some()
}

fn failed(asset: Asset, error: ErrorInfo) -> ItemResult {
    ItemResult { asset, phase: Phase::Failed, changed: false, error: Some(error) }
}

fn no_removal(asset: &Asset) -> ErrorInfo {
    error(
        format!("Meta has no call that takes one person off {asset}: it ends when they leave the business"),
        "Take the person off it in the business settings (Data sources), or let them leave the business.",
    )
}

fn stays_with_the_person(asset: &Asset) -> ErrorInfo {
    error(
        format!("the right on {asset} ends when the person leaves the business, and they have not left"),
        "Settle what keeps the person in the business (its own result says what), then send the command anew.",
    )
}

fn error(message: String, remedy: &str) -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "no_removal".to_owned(),
        subcode: None,
        message,
        trace: None,
        remedy: remedy.to_owned(),
    }
}
