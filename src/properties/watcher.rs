//! Looks at Meta's world before and after every call, and at what the calls have shown so far.

use std::collections::{BTreeMap, BTreeSet};

use super::businesses::SPARE;
use super::{BUSINESS, LEAVER, PEOPLE, SUCCESSOR, is_managed, rights, staff};
use crate::contract::{Asset, Tasks};
use crate::graph_sim::World;
use crate::meta::{Answer, Call, Reply};

/// What is never to happen, and what has.
#[derive(Default)]
pub(super) struct Watcher {
    /// Everything there is.
    pub(super) assets: Vec<Asset>,
    /// What nobody may touch.
    pub(super) protected: BTreeSet<Asset>,
    /// Somebody takes over.
    pub(super) succeeded: bool,
    /// Nobody but the leaver may lose anything.
    pub(super) of_leaver_alone: bool,
    /// Writes that had an effect.
    pub(super) effects: usize,
    /// Every write that left: method, path, parameters.
    pub(super) writes: Vec<String>,
    /// How many results had been told when the first write left.
    pub(super) faults: Vec<String>,
    /// What the last list showed of the successor.
    pub(super) seen: BTreeMap<Asset, Tasks>,
}

impl Watcher {
    pub(super) fn of(assets: Vec<Asset>) -> Self {
        Self { assets, ..Self::default() }
    }

    /// A call, its answer, and the world before and after it.
    pub(super) fn saw(&mut self, call: &Call, reply: &Reply, (before, after): (&World, &World)) {
        if let (Call::PeopleOn { asset, .. }, Reply::Answer(Answer::People(people))) = (call, reply) {
            let on = people.iter().find(|on| on.id.as_str() == SUCCESSOR);
            self.seen.insert(asset.clone(), on.map(|on| on.tasks.clone()).unwrap_or_default());
        }
        if !call.is_write() {
            return;
        }
        let request = call.request();
        let params = &request.params;
        self.writes.push(format!("{} {} {params:?}", request.method.word(), request.path()));
        if before == after {
            return;
        }
        self.effects += 1;
        for asset in self.assets.clone() {
            let fault = self.fault(call, &asset, before, after);
            self.faults.extend(fault.map(|fault| format!("{fault}, by {call:?}")));
        }
    }

    fn fault(&self, call: &Call, asset: &Asset, before: &World, after: &World) -> Option<String> {
        if is_managed(before, asset) && !is_managed(after, asset) {
            return Some(format!("nobody manages {asset}"));
        }
        if self.protected.contains(asset) && staff(before, asset) != staff(after, asset) {
            return Some(format!("{asset} is protected"));
        }
        let had = rights(before, BUSINESS, asset, LEAVER);
        let has = rights(after, BUSINESS, asset, LEAVER);
        // Who is given something between the last look and the leaving takes it along.
        let by_hand = asset.id.as_str() == SPARE && matches!(call, Call::RemovePerson { .. });
        if self.succeeded && !by_hand && !has.covers(&had) {
            let successor = rights(after, BUSINESS, asset, SUCCESSOR);
            let seen = self.seen.get(asset).is_some_and(|seen| !seen.is_empty() && successor.covers(seen));
            if !seen || !successor.covers(&had.both(&may_be_given(after, asset))) {
                return Some(format!("the leaver lost {had} on {asset}, where the successor has {successor}"));
            }
        }
        let others = PEOPLE.iter().filter(|person| **person != LEAVER);
        let lost =
            |person: &&&str| !rights(after, BUSINESS, asset, person).covers(&rights(before, BUSINESS, asset, person));
        let mut losers = others.filter(lost);
        let loser = losers.next().filter(|_| self.of_leaver_alone)?;
        Some(format!("{loser} lost something on {asset}"))
    }
}

/// What the business may give on an asset; of its own everything.
fn may_be_given(world: &World, asset: &Asset) -> Tasks {
    let id = super::node(asset);
    let shared = match world.pages.get(&id) {
        Some(page) => page.agencies.get(BUSINESS),
        None => world.assets.get(&id).and_then(|found| found.agencies.get(BUSINESS)),
    };
    let all = |kind| super::businesses::ladder(kind)[2].iter().map(|task| (*task).to_owned()).collect();
    let tasks: BTreeSet<String> = shared.map_or_else(|| all(asset.kind), |share| share.tasks.clone());
    tasks.iter().map(|task| task.parse().expect("a task")).collect()
}
