//! `undo` over random businesses: what a command changed on assets of any kind is as before, or is named.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::businesses::{Drawing, drawing, ladder};
use super::stage::{Stage, Trouble, command, on_record};
use super::watcher::Watcher;
use super::{BUSINESS, COLLEAGUE, LEAVER, SUCCESSOR, businesses, is_managed, node, staff};
use crate::contract::{Asset, Body, Kind, Person, Phase, Targets, Tasks};
use crate::graph_sim::World;

/// What is asked about some assets of a business.
#[derive(Debug, Clone)]
struct Asked {
    assets: Vec<Index>,
    what: What,
    user: &'static str,
    to: &'static str,
    level: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Assign,
    Unassign,
    Reassign,
    Unbind,
}

fn asked() -> impl Strategy<Value = Asked> {
    let people = prop_oneof![Just((LEAVER, SUCCESSOR)), Just((SUCCESSOR, COLLEAGUE)), Just((COLLEAGUE, LEAVER))];
    let what = select(vec![What::Assign, What::Unassign, What::Reassign, What::Reassign, What::Unbind]);
    let assets = prop::collection::vec(any::<Index>(), 1..4);
    (assets, what, people, prop::option::of(0usize..3)).prop_map(|(assets, what, (user, to), level)| Asked {
        assets,
        what,
        user,
        to,
        level,
    })
}

impl Asked {
    /// The assets that are meant: of one kind, for tasks differ.
    fn assets(&self, drawing: &Drawing) -> Vec<Asset> {
        let all = drawing.all();
        let kind = self.assets[0].get(&all).kind;
        let meant: BTreeSet<&Asset> = self.assets.iter().map(|index| index.get(&all)).collect();
        meant.into_iter().filter(|asset| asset.kind == kind).cloned().collect()
    }

    fn body(&self, assets: Vec<Asset>) -> Body {
        let kind = assets[0].kind;
        let targets = match <[Asset; 1]>::try_from(assets) {
            Ok([asset]) => Targets::One(asset),
            Err(several) => Targets::List(several),
        };
        let person = |id: &str| Person::Id(id.parse().expect("an id"));
        let user = person(self.user);
        match self.what {
            What::Assign => Body::Assign { targets, user, tasks: tasks(kind, self.level.unwrap_or(2)), adding: false },
            What::Unassign => {
                Body::Unassign { targets, user, tasks: self.level.map(|level| tasks(kind, level)), leaves: false }
            }
            What::Reassign => {
                let tasks = self.level.map(|level| tasks(kind, level));
                Body::Reassign { targets, from: user, to: person(self.to), tasks, leaves: false }
            }
            What::Unbind => Body::Unbind { targets, remove_people: true, unmanaged: true },
        }
    }
}

fn tasks(kind: Kind, level: usize) -> Tasks {
    ladder(kind)[level].iter().map(|task| task.parse().expect("a task")).collect()
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let turns = prop::collection::vec(any::<u8>(), 1..20);
    (select(vec![0u64, 100]), turns).prop_map(|(per_mille, turns)| Trouble { per_mille, turns, ..Trouble::default() })
}

/// Whether the business has the asset still.
fn is_held(world: &World, asset: &Asset) -> bool {
    let id = node(asset);
    world.holds(&id, BUSINESS)
        || world
            .assets
            .get(&id)
            .is_some_and(|found| found.owner.as_deref() == Some(BUSINESS) || found.agencies.contains_key(BUSINESS))
}

proptest! {
    #![proptest_config(businesses(1_500))]

    #[test]
    fn what_was_changed_on_assets_of_any_kind_is_as_before_or_is_named(
        drawing in drawing(5), trouble in trouble(), asked in asked(),
    ) {
        let assets = asked.assets(&drawing);
        let mut stage = Stage::of(&drawing, trouble, Watcher::of(drawing.all()));
        let before = stage.meta.world.clone();
        let target = stage.play(&command("t", asked.body(assets)));
        let between = stage.meta.world.clone();
        stage.on_record = on_record(target.deeds);
        let writes = stage.watcher.writes.len();
        let undone = stage.play(&command("u", Body::Undo { target: "t".parse().expect("an id") }));
        let named: BTreeSet<Asset> = undone.left.iter().map(|result| result.asset.clone()).collect();
        let after = &stage.meta.world;
        for asset in drawing.all() {
            let as_before = staff(&before, &asset) == staff(after, &asset)
                && is_held(&before, &asset) == is_held(after, &asset);
            prop_assert!(
                as_before || named.contains(&asset),
                "{asset}: {:?}, then {:?}, now {:?}; {:?} {:?}",
                staff(&before, &asset), staff(&between, &asset), staff(after, &asset), undone.outcome, undone.left
            );
            prop_assert!(!is_managed(&between, &asset) || is_managed(after, &asset), "{asset} is orphaned");
        }
        let told = undone.outcome.phase == Phase::Completed || undone.outcome.error.is_some() || !undone.left.is_empty();
        prop_assert!(told, "{:?}", undone.outcome);
        // What no call takes back is told before the first write, and so with none where nothing else is to be done.
        let hopeless = ["no_removal_call", "needs_claim", "irreversible"];
        for result in &undone.left {
            let code = result.error.as_ref().map(|error| error.code.as_str()).unwrap_or_default();
            let first = stage.said_left.contains(result);
            prop_assert!(!hopeless.contains(&code) || first, "{result:?} came after {writes} writes");
        }
    }
}
