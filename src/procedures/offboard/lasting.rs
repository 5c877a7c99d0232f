//! Kinds that have no call which takes one person off: such a right ends when the person leaves the business.
//!
//! So the successor is put in place beside the leaver, or another manager is seen, and nothing is taken. Where the person
//! stays in the business the right stays too, and is named.

use super::holdings::Holdings;
use super::{Errand, Handed};
use crate::contract::{Asset, Category, ErrorInfo, ItemResult, Kind, PersonId, Phase};
use crate::meta::Member;
use crate::procedures::manager::people_on;
use crate::procedures::people::may_lose_manage;
use crate::procedures::script::{Run, Script, refusal_of};

/// Whether nothing but the leaving takes the person off: a group can be left, with all that came through it.
pub(super) fn ends_with_the_leaving(asset: &Asset, held: &Holdings) -> bool {
    let named = held.assets.get(asset).is_some_and(|tasks| !tasks.is_empty());
    asset.kind == Kind::Pixel && named && !held.groups.iter().any(|group| group.contains(asset))
}

/// What children are still needed for, of `to_do`; what must stay is named in `handed`.
pub(super) fn until_the_leaving(
    script: &mut Script<'_>,
    errand: &Errand<'_>,
    member: &Member,
    successor: Option<&PersonId>,
    (held, to_do): (&Holdings, Vec<Asset>),
    handed: &mut Handed,
) -> Run<Vec<Asset>> {
    let (lasting, mut rest): (Vec<Asset>, Vec<Asset>) =
        to_do.into_iter().partition(|asset| ends_with_the_leaving(asset, held));
    for asset in lasting {
        let error = if !errand.remove_from_business {
            Some(no_removal(&asset))
        } else if successor.is_some() {
            rest.push(asset);
            continue;
        } else {
            let people = people_on(script, &asset)?;
            refusal_of(may_lose_manage(script, &asset, &people, &member.id))?.err()
        };
        if let Some(error) = error {
            handed.left_for_good = true;
            handed.left.push(ItemResult { asset, phase: Phase::Failed, changed: false, error: Some(error) });
        }
    }
    Ok(rest)
}

fn no_removal(asset: &Asset) -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "no_removal".to_owned(),
        subcode: None,
        message: format!("Meta has no call that takes one person off {asset}: it ends when they leave the business"),
        trace: None,
        remedy: "Take the person off it in the business settings (Data sources), or let them leave the business."
            .to_owned(),
    }
}
