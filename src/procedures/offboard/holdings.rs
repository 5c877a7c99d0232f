//! All that a person can touch in a business: every list that names it, read to its end.

use std::collections::BTreeMap;

use crate::contract::{Asset, Kind, PersonId, Tasks};
use crate::meta::{Answer, Call, Reply};
use crate::procedures::groups::assets_in;
use crate::procedures::script::{Run, Script};

/// Meta's code for an edge that a node does not have.
const NO_SUCH_EDGE: i64 = 100;

/// What a person has.
pub(super) struct Holdings {
    /// Every asset with the tasks that its list names, in an order of our own: a plan must not change with Meta's.
    pub(super) assets: BTreeMap<Asset, Tasks>,
    /// What each of the person's asset groups holds.
    pub(super) groups: Vec<Vec<Asset>>,
}

/// A list that cannot be read ends the command: what it would show might be lost with the person.
pub(super) fn holdings(script: &mut Script<'_>, person: &PersonId) -> Run<Holdings> {
    let mut assets = BTreeMap::new();
    for kind in Kind::ALL {
        assets.extend(assigned(script, person, kind)?);
    }
    // Whether the lists of assets show what comes through a group is nowhere documented.
    let (_, groups) = script.groups(&Call::GroupsOfPerson { person: person.clone() })?;
    let groups = groups.iter().map(|group| assets_in(script, group)).collect::<Run<Vec<_>>>()?;
    for asset in groups.iter().flatten() {
        assets.entry(asset.clone()).or_default();
    }
    Ok(Holdings { assets, groups })
}

/// What one list names.
pub(super) fn assigned(script: &mut Script<'_>, person: &PersonId, kind: Kind) -> Run<Vec<(Asset, Tasks)>> {
    let call = Call::AssetsOf { person: person.clone(), kind };
    let (_, reply) = script.ask(&call)?;
    match reply {
        // Meta's reference has these two lists, its specs do not: where Meta has dropped them nothing tells.
        Reply::Refused(refusal)
            if refusal.code == NO_SUCH_EDGE && matches!(kind, Kind::Pixel | Kind::InstagramAccount) =>
        {
            Ok(Vec::new())
        }
        Reply::Answer(Answer::Assets(held)) => {
            Ok(held.into_iter().map(|held| (Asset { kind, id: held.id }, held.tasks)).collect())
        }
        Reply::Refused(refusal) => Err(script.refused(&refusal)),
        Reply::GaveUp(error) => Err(script.fail(error)),
        Reply::Answer(_) | Reply::Unknown => Err(script.misanswered(&call)),
    }
}
