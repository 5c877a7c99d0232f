//! Random businesses: assets of all kinds, owned and shared, groups that bind some, and what goes wrong at Meta.

use proptest::prelude::*;
use proptest::sample::select;

use super::{BUSINESS, COLLEAGUE, LEAVER, OWNER, ROOT, SUCCESSOR, node};
use crate::contract::{Asset, Kind};
use crate::graph_sim::{AssetKind, BusinessBuilder, World};

/// The credential's token.
pub(super) const TOKEN: &str = "token-of-the-trial";
/// Who manages what another business shares.
pub(super) const OTTO: &str = "3901";
/// A Page that somebody may give to the leaver in mid-work.
pub(super) const SPARE: &str = "1999";

/// How much somebody may do: a step of the kind's ladder, the highest manages.
type Level = usize;

/// An asset of the business.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) asset: Asset,
    owned: bool,
    /// Of a shared one: up to where the business may give rights.
    permitted: Level,
    people: Vec<(&'static str, Level)>,
    /// A person outside every business manages it; of a Page alone.
    direct_admin: bool,
    pub(super) keeps: Keeps,
    pub(super) refuses: Refuses,
}

/// Who protects an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    Nobody,
    Command,
    Configuration,
}

/// What Meta refuses on an asset, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refuses {
    Nothing,
    Grants,
    Removals,
}

/// An asset group: which of the assets it holds, and who is in it.
#[derive(Debug, Clone)]
pub(super) struct DrawnGroup {
    held: Vec<prop::sample::Index>,
    leaver: Option<Level>,
    colleague: Option<Level>,
}

/// A business with all that can be drawn.
#[derive(Debug, Clone)]
pub(super) struct Drawing {
    pub(super) assets: Vec<Drawn>,
    pub(super) groups: Vec<DrawnGroup>,
    pub(super) seed: u64,
    pub(super) leaver_is_admin: bool,
}

/// A business with up to `most` assets.
pub(super) fn drawing(most: usize) -> impl Strategy<Value = Drawing> {
    let assets = prop::collection::vec(drawn(), 1..=most);
    let groups = prop::collection::vec(group(), 0..3);
    (assets, groups, any::<u64>(), any::<bool>()).prop_map(|(mut assets, groups, seed, leaver_is_admin)| {
        for (n, drawn) in assets.iter_mut().enumerate() {
            drawn.asset.id = format!("{}", 1_001 + n).parse().expect("an id");
        }
        Drawing { assets, groups, seed, leaver_is_admin }
    })
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let level = || prop::option::of(0usize..3);
    let people = (prop::option::weighted(0.8, 0usize..3), level(), level(), prop::bool::weighted(0.4));
    let keeps = prop_oneof![
        8 => Just(Keeps::Nobody), 1 => Just(Keeps::Command), 1 => Just(Keeps::Configuration)
    ];
    let refuses = prop_oneof![
        10 => Just(Refuses::Nothing), 1 => Just(Refuses::Grants), 1 => Just(Refuses::Removals)
    ];
    (select(Kind::ALL.to_vec()), prop::bool::weighted(0.7), 0usize..3, people, any::<bool>(), keeps, refuses).prop_map(
        |(kind, owned, permitted, (leaver, successor, colleague, root), direct_admin, keeps, refuses)| {
            let people = [(LEAVER, leaver), (SUCCESSOR, successor), (COLLEAGUE, colleague), (ROOT, root.then_some(2))];
            let people = people.into_iter().filter_map(|(person, level)| level.map(|level| (person, level))).collect();
            let asset = Asset { kind, id: "1000".parse().expect("an id") };
            Drawn { asset, owned, permitted, people, direct_admin, keeps, refuses }
        },
    )
}

fn group() -> impl Strategy<Value = DrawnGroup> {
    let held = prop::collection::vec(any::<prop::sample::Index>(), 1..4);
    let leaver = prop::option::weighted(0.8, 0usize..3);
    (held, leaver, prop::option::of(0usize..3)).prop_map(|(held, leaver, colleague)| DrawnGroup {
        held,
        leaver,
        colleague,
    })
}

impl Drawing {
    /// A business that has just these.
    pub(super) fn holding(assets: Vec<Drawn>) -> Self {
        Self { assets, groups: Vec::new(), seed: 7, leaver_is_admin: false }
    }

    /// The same, with nothing in the way of anything.
    pub(super) fn unhindered(mut self) -> Self {
        for drawn in &mut self.assets {
            (drawn.keeps, drawn.refuses) = (Keeps::Nobody, Refuses::Nothing);
            drawn.permitted = 2;
        }
        self
    }

    /// Its assets.
    pub(super) fn all(&self) -> Vec<Asset> {
        self.assets.iter().map(|drawn| drawn.asset.clone()).collect()
    }

    /// Those that `by` protects.
    pub(super) fn kept(&self, by: Keeps) -> Vec<Asset> {
        self.assets.iter().filter(|drawn| drawn.keeps == by).map(|drawn| drawn.asset.clone()).collect()
    }

    /// As the simulator holds it.
    pub(super) fn world(&self) -> World {
        let empty = World::new(self.seed).token_for_all(TOKEN);
        let owner = empty.business(OWNER, |b| b.admin(OTTO, "Otto", "otto@owner.example"));
        let world = owner.business(BUSINESS, |b| self.with_groups(self.with_people(b)));
        let spare = world.page(SPARE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ROOT, ladder(Kind::Page)[2]));
        self.assets.iter().fold(spare, |world, drawn| drawn.put_into(world))
    }

    fn with_people(&self, b: BusinessBuilder) -> BusinessBuilder {
        let b = b.admin(ROOT, "Root", "root@northwind.example");
        let b = match self.leaver_is_admin {
            true => b.admin(LEAVER, "Anna", "anna@northwind.example"),
            false => b.person(LEAVER, "Anna", "anna@northwind.example"),
        };
        b.person(SUCCESSOR, "Ben", "ben@northwind.example").person(COLLEAGUE, "Cleo", "cleo@northwind.example")
    }

    fn with_groups(&self, b: BusinessBuilder) -> BusinessBuilder {
        self.groups.iter().enumerate().fold(b, |b, (n, group)| {
            let id = format!("{}", 5_001 + n);
            let held = group.held.iter().map(|index| &index.get(&self.assets).asset);
            let b = held.fold(b.group(&id, &[], &[]), |b, asset| put_in_group(b, &id, asset));
            let users = [(LEAVER, group.leaver), (COLLEAGUE, group.colleague)];
            users.into_iter().filter_map(|(user, level)| Some((user, level?))).fold(b, |b, (user, level)| {
                b.on_pages_in_group(&id, user, ladder(Kind::Page)[level])
                    .on_ad_accounts_in_group(&id, user, ladder(Kind::AdAccount)[level])
                    .on_pixels_in_group(&id, user, ladder(Kind::Pixel)[level])
            })
        })
    }
}

fn put_in_group(b: BusinessBuilder, group: &str, asset: &Asset) -> BusinessBuilder {
    match asset.kind {
        Kind::Page => b.page_in_group(group, &node(asset)),
        Kind::AdAccount => b.ad_account_in_group(group, &node(asset)),
        Kind::Pixel => b.pixel_in_group(group, &node(asset)),
        Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog => b,
    }
}

impl Drawn {
    /// An asset of the business, on which the leaver alone has so much.
    pub(super) fn of(kind: Kind, id: &str, level: usize) -> Self {
        Self {
            asset: Asset { kind, id: id.parse().expect("an id") },
            owned: true,
            permitted: 2,
            people: vec![(LEAVER, level)],
            direct_admin: false,
            keeps: Keeps::Nobody,
            refuses: Refuses::Nothing,
        }
    }

    fn put_into(&self, world: World) -> World {
        let ladder = ladder(self.asset.kind);
        let id = node(&self.asset);
        let Some(kind) = of_simulator(self.asset.kind) else {
            return world.page(&id, |p| {
                let p = match self.owned {
                    true => p.owned_by(BUSINESS),
                    false => {
                        p.owned_by(OWNER).assign(OWNER, OTTO, ladder[2]).shared_with(BUSINESS, ladder[self.permitted])
                    }
                };
                let p = if self.direct_admin { p.direct_admin("8999") } else { p };
                self.people.iter().fold(p, |p, (user, level)| p.assign(BUSINESS, user, ladder[*level]))
            });
        };
        world.asset(kind, &id, |a| {
            let a = match self.owned {
                true => a.owned_by(BUSINESS),
                false => a.owned_by(OWNER).assign(OWNER, OTTO, ladder[2]).shared_with(BUSINESS, ladder[self.permitted]),
            };
            let a = if self.asset.kind == Kind::InstagramAccount { a.instagram_user(&format!("7{id}")) } else { a };
            self.people.iter().fold(a, |a, (user, level)| a.assign(BUSINESS, user, ladder[*level]))
        })
    }
}

fn of_simulator(kind: Kind) -> Option<AssetKind> {
    match kind {
        Kind::Page => None,
        Kind::AdAccount => Some(AssetKind::AdAccount),
        Kind::Pixel => Some(AssetKind::Pixel),
        Kind::WhatsappAccount => Some(AssetKind::WhatsappAccount),
        Kind::InstagramAccount => Some(AssetKind::InstagramAccount),
        Kind::Catalog => Some(AssetKind::Catalog),
    }
}

/// Ever more rights on an asset of a kind, as Meta takes them; the last manages, where anybody does.
pub(super) fn ladder(kind: Kind) -> [&'static [&'static str]; 3] {
    match kind {
        Kind::Page | Kind::AdAccount => [&["ANALYZE"], &["ADVERTISE", "ANALYZE"], &["ADVERTISE", "ANALYZE", "MANAGE"]],
        Kind::Pixel => [&["ANALYZE"], &["ADVERTISE", "ANALYZE"], &["ADVERTISE", "ANALYZE", "EDIT"]],
        Kind::WhatsappAccount => [&["VIEW_COST"], &["MESSAGING", "VIEW_COST"], &["MANAGE", "MESSAGING", "VIEW_COST"]],
        Kind::InstagramAccount => [&["ANALYZE"], &["ADVERTISE", "ANALYZE"], &["ADVERTISE", "ANALYZE", "CONTENT"]],
        Kind::Catalog => [&["AA_ANALYZE"], &["AA_ANALYZE", "ADVERTISE"], &["AA_ANALYZE", "ADVERTISE", "MANAGE"]],
    }
}
