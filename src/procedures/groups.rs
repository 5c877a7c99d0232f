//! Asset groups: rights that come through a group end on all of its assets at once, or not at all.
//!
//! Meta refuses to reduce such a right on one asset, and leaving the group takes it on every asset in it. So a person
//! leaves a group only where the command covers all that it holds: no asset loses a manager that nobody looked after.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::bring_about::{Look, bring_about};
use super::people::seen;
use super::script::{Run, Script};
use crate::contract::{Asset, Category, ErrorInfo, PersonId};
use crate::meta::kinds::is_grouped;
use crate::meta::{Answer, Call, GroupId, Grouped, Reply};

/// The assets that a command may take a person from, and what their groups hold beside them.
pub(super) struct Covered<'a> {
    assets: BTreeSet<&'a Asset>,
    /// What is foreign in the groups that have been looked at: each is read once.
    foreign: BTreeMap<GroupId, Vec<Asset>>,
}

impl<'a> Covered<'a> {
    pub(super) fn by(assets: &'a [Asset]) -> Self {
        Self { assets: assets.iter().collect(), foreign: BTreeMap::new() }
    }

    fn foreign_in(&mut self, script: &mut Script<'_>, group: &GroupId) -> Run<Vec<Asset>> {
        if let Some(known) = self.foreign.get(group) {
            return Ok(known.clone());
        }
        let mut foreign = assets_in(script, group)?;
        foreign.retain(|asset| !self.assets.contains(asset));
        self.foreign.insert(group.clone(), foreign.clone());
        Ok(foreign)
    }
}

/// The groups through which `person` reaches `asset`; the command ends where one holds what is not covered.
pub(super) fn groups_to_leave(
    script: &mut Script<'_>,
    covered: &mut Covered<'_>,
    asset: &Asset,
    person: &PersonId,
) -> Run<Vec<GroupId>> {
    if !is_grouped(asset.kind) {
        return Ok(Vec::new());
    }
    let call = Call::GroupsOf { person: person.clone(), asset: asset.clone() };
    let (_, groups) = script.groups(&call)?;
    for group in &groups {
        let foreign = covered.foreign_in(script, group)?;
        if !foreign.is_empty() {
            return Err(script.fail(in_group(group, asset, &foreign)));
        }
    }
    Ok(groups)
}

/// Takes a person out of a group, and sees it on one of its assets.
pub(super) fn leave(script: &mut Script<'_>, group: &GroupId, asset: &Asset, person: &PersonId) -> Run<()> {
    let write = Call::LeaveGroup { group: group.clone(), person: person.clone() };
    let call = Call::GroupsOf { person: person.clone(), asset: asset.clone() };
    script.concerns(person);
    let brought = bring_about(script, &write, "leaves the asset group", |script, _| {
        let (began, groups) = script.groups(&call)?;
        Ok(if groups.contains(group) { Look::NotYet(began) } else { Look::Seen(()) })
    })?;
    seen(script, brought).map(|_| ())
}

/// Takes a person out of asset groups, and sees it.
pub(super) fn leave_groups(script: &mut Script<'_>, groups: &[GroupId], asset: &Asset, person: &PersonId) -> Run<()> {
    groups.iter().try_for_each(|group| leave(script, group, asset, person))
}

/// The assets as they must be worked on: those that a group of `person` binds together, in one bundle.
///
/// A group that holds anything else binds nothing: it cannot be left, and each of its assets says so. Who has no
/// groups that can be read is found out asset by asset.
pub(super) fn bundles(script: &mut Script<'_>, person: &PersonId, assets: Vec<Asset>) -> Run<Vec<Vec<Asset>>> {
    let mut bundles = Bundles::of(assets);
    if bundles.members.len() < 2 {
        return Ok(bundles.members);
    }
    let (_, reply) = script.ask(&Call::GroupsOfPerson { person: person.clone() })?;
    let Reply::Answer(Answer::Groups(groups)) = reply else { return Ok(bundles.members) };
    for group in groups {
        bundles.tie(&assets_in(script, &group)?);
    }
    Ok(bundles.tied())
}

/// The same, where it is known what each of the person's groups holds.
pub(super) fn tied(assets: Vec<Asset>, groups: &[Vec<Asset>]) -> Vec<Vec<Asset>> {
    let mut bundles = Bundles::of(assets);
    groups.iter().for_each(|group| bundles.tie(group));
    bundles.tied()
}

/// Assets that belong together, each asset once, in the order in which they were named.
struct Bundles {
    members: Vec<Vec<Asset>>,
    /// In which bundle each asset is.
    place: BTreeMap<Asset, usize>,
}

impl Bundles {
    fn of(assets: Vec<Asset>) -> Self {
        let (mut members, mut place) = (Vec::new(), BTreeMap::new());
        for asset in assets {
            if let Entry::Vacant(free) = place.entry(asset.clone()) {
                free.insert(members.len());
                members.push(vec![asset]);
            }
        }
        Self { members, place }
    }

    /// Makes one bundle of all that touch `group`, if every asset in it is in one.
    fn tie(&mut self, group: &[Asset]) {
        let places = group.iter().map(|asset| self.place.get(asset).copied()).collect::<Option<BTreeSet<usize>>>();
        let mut places = places.unwrap_or_default().into_iter();
        let Some(first) = places.next() else { return };
        for other in places {
            let moved = std::mem::take(&mut self.members[other]);
            for asset in &moved {
                self.place.insert(asset.clone(), first);
            }
            self.members[first].extend(moved);
        }
    }

    fn tied(self) -> Vec<Vec<Asset>> {
        self.members.into_iter().filter(|bundle| !bundle.is_empty()).collect()
    }
}

/// All that a group gives rights on. By Meta's guide it gives none on applications, catalogs, Instagram accounts and
/// custom conversions.
pub(super) fn assets_in(script: &mut Script<'_>, group: &GroupId) -> Run<Vec<Asset>> {
    let mut found = Vec::new();
    for what in Grouped::ALL {
        let held = script.assets(&Call::InGroup { group: group.clone(), what })?;
        found.extend(held.into_iter().map(|held| Asset { kind: what.kind(), id: held.id }));
    }
    Ok(found)
}

/// Names at most so many of the assets that stand in the way.
const NAMED: usize = 20;

fn in_group(group: &GroupId, asset: &Asset, foreign: &[Asset]) -> ErrorInfo {
    let mut names: Vec<String> = foreign.iter().take(NAMED).map(ToString::to_string).collect();
    if foreign.len() > NAMED {
        names.push(format!("{} more", foreign.len() - NAMED));
    }
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "in_asset_group".to_owned(),
        subcode: None,
        message: format!(
            "the right on {asset} comes through asset group {group}, which also holds {}",
            names.join(", ")
        ),
        trace: None,
        remedy:
            "Take the person out of the asset group in the business settings, or name all its assets in one command."
                .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::Kind;

    fn page(n: u32) -> Asset {
        Asset { kind: Kind::Page, id: n.to_string().parse().unwrap() }
    }

    proptest! {
        /// No asset is lost or doubled, a group that is wholly covered is in one bundle, and one that is not ties nothing.
        #[test]
        fn bundles_hold_every_asset_once_and_every_covered_group_whole(
            assets in prop::collection::vec(0u32..12, 0..16),
            groups in prop::collection::vec(prop::collection::vec(0u32..14, 0..5), 0..6),
        ) {
            let mut bundles = Bundles::of(assets.iter().copied().map(page).collect());
            for group in &groups {
                bundles.tie(&group.iter().copied().map(page).collect::<Vec<_>>());
            }
            let bundles = bundles.tied();
            let mut all: Vec<String> = bundles.iter().flatten().map(ToString::to_string).collect();
            let mut wanted: Vec<String> = assets.iter().copied().map(|n| page(n).to_string()).collect();
            all.sort();
            wanted.sort();
            wanted.dedup();
            prop_assert_eq!(all, wanted);
            let covered = |group: &&Vec<u32>| group.iter().all(|n| assets.contains(n));
            for group in groups.iter().filter(covered) {
                let of = |n: &u32| bundles.iter().position(|bundle| bundle.contains(&page(*n)));
                let places: std::collections::BTreeSet<_> = group.iter().map(of).collect();
                prop_assert!(places.len() <= 1, "{:?} is torn apart", group);
            }
            if !groups.iter().any(|group| covered(&group) && group.len() > 1) {
                prop_assert!(bundles.iter().all(|bundle| bundle.len() == 1));
            }
        }
    }
}
