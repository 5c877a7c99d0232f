//! What must hold over the simulator, whatever the business: thousands of random ones, with assets of all kinds, in seconds.
//!
//! Nothing is made up between a procedure and the simulator: calls go through the requests that leave, and answers
//! through the same reading as from the wire (`graph::in_process`). Only sockets, broker and journal are left out.

mod businesses;
mod offboardings;
mod stage;
mod undos;
mod watcher;

use std::collections::BTreeMap;

use proptest::prelude::ProptestConfig;

use crate::contract::{Asset, Kind, Tasks};
use crate::graph_sim::World;
use crate::meta::kinds::manages;

/// The business that acts.
const BUSINESS: &str = "2001";
/// The business that owns what is shared with it.
const OWNER: &str = "2009";
/// Who runs it.
const ROOT: &str = "3000";
const LEAVER: &str = "3001";
const SUCCESSOR: &str = "3002";
const COLLEAGUE: &str = "3003";
/// Everybody whose rights are looked at.
const PEOPLE: [&str; 4] = [ROOT, LEAVER, SUCCESSOR, COLLEAGUE];

/// How many businesses a property tries: `BINDERY_BUSINESSES`, as `make nightly` sets it, else so many.
fn businesses(usual: u32) -> ProptestConfig {
    let wanted = std::env::var("BINDERY_BUSINESSES").ok();
    ProptestConfig::with_cases(wanted.map_or(usual, |wanted| wanted.parse().expect("BINDERY_BUSINESSES is a number")))
}

/// The node of an asset at Meta.
fn node(asset: &Asset) -> String {
    match asset.kind {
        Kind::AdAccount => format!("act_{}", asset.id),
        Kind::Page | Kind::Pixel | Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog => {
            asset.id.to_string()
        }
    }
}

/// What `person` of `business` may do on `asset`, through groups too.
fn rights(world: &World, business: &str, asset: &Asset, person: &str) -> Tasks {
    let tasks = match asset.kind {
        Kind::Page => world.tasks_of(&node(asset), business, person),
        Kind::AdAccount | Kind::Pixel | Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog => {
            world.tasks_on(&node(asset), business, person)
        }
    };
    tasks.iter().map(|task| task.parse().expect("a task")).collect()
}

/// Everybody's rights on an asset, of those who have any.
fn staff(world: &World, asset: &Asset) -> BTreeMap<&'static str, Tasks> {
    let all = PEOPLE.map(|person| (person, rights(world, BUSINESS, asset, person)));
    all.into_iter().filter(|(_, tasks)| !tasks.is_empty()).collect()
}

/// Whether somebody can manage it: of an Instagram account nobody has to.
fn is_managed(world: &World, asset: &Asset) -> bool {
    match asset.kind {
        Kind::Page => !world.managers_of(&node(asset)).is_empty(),
        Kind::InstagramAccount => true,
        Kind::AdAccount | Kind::Pixel | Kind::WhatsappAccount | Kind::Catalog => {
            let ours = PEOPLE.map(|person| (BUSINESS, person));
            let all = ours.into_iter().chain([(OWNER, businesses::OTTO)]);
            all.into_iter().any(|(business, person)| manages(asset.kind, &rights(world, business, asset, person)))
        }
    }
}
