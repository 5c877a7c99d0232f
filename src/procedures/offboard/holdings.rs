//! All that a person can touch in a business: every list that names it, read to its end.

use std::collections::BTreeSet;

use crate::contract::{Asset, Kind, PersonId};
use crate::meta::Call;
use crate::procedures::groups::contents;
use crate::procedures::script::{Run, Script};

/// What a person has.
pub(super) struct Holdings {
    /// Every asset, in an order of our own: a plan must not change with Meta's.
    pub(super) assets: BTreeSet<Asset>,
    /// What each of the person's asset groups holds.
    pub(super) groups: Vec<Vec<Asset>>,
}

/// A list that cannot be read ends the command: what it would show might be lost with the person.
pub(super) fn holdings(script: &mut Script<'_>, person: &PersonId) -> Run<Holdings> {
    let pages = script.pages(&Call::PagesOf { person: person.clone() })?;
    let mut assets: BTreeSet<Asset> =
        pages.into_iter().map(|held| Asset { kind: Kind::Page, id: held.page }).collect();
    // Whether the lists of assets show what comes through a group is nowhere documented.
    let (_, groups) = script.groups(&Call::GroupsOfPerson { person: person.clone() })?;
    let groups = groups.iter().map(|group| contents(script, group)).collect::<Run<Vec<_>>>()?;
    assets.extend(groups.iter().flatten().cloned());
    Ok(Holdings { assets, groups })
}
