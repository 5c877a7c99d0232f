//! The world that stands there when nobody loads another.

use super::{AssetKind, World};

/// What a Page manager usually has.
const MANAGER: [&str; 5] = ["ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MANAGE", "MODERATE"];

impl World {
    /// Agency 2001 with its people, clients 2002 and 2003, and Pages 1001 to 1020.
    ///
    /// - Tokens: `sim-token-2001`, `sim-token-2002`, `sim-token-2003` of each admin system user (`92001` ...), `sim-token` for any business.
    /// - 2001 Northwind Agency: Anna 3001 (the leaver), Ben 3002 (the successor), Cleo 3003 (the only admin).
    /// - 1001 to 1008 owned by 2001; Anna is on 1001 to 1005, alone in control on 1004; 1005 is in asset group 5001.
    /// - 1006 is linked to Instagram, 1007 asks for two-factor authentication.
    /// - 1009 to 1014 owned by 2002; 1013 is shared with 2001 already, 1014 has 2001's request 7001 open.
    /// - 1015 has no business and 92001 as admin since long ago: an owner claim is confirmed at once. 1016: not an admin.
    /// - 1017 to 1020 owned by 2003.
    /// - Ad account `act_4001`, pixel 4101 and catalog 4201 owned by 2001, with Anna alone in control of each.
    pub fn demo() -> Self {
        Self::demo_with(1)
    }

    /// As [`Self::demo`], with another seed.
    pub fn demo_with(seed: u64) -> Self {
        let world = Self::new(seed).token_for_all("sim-token");
        agency_assets(client_pages(agency_pages(businesses(world))))
    }
}

fn businesses(world: World) -> World {
    world
        .business("2001", |b| {
            b.named("Northwind Agency")
                .token("sim-token-2001")
                .person("3001", "Anna Leaver", "anna@northwind.example")
                .person("3002", "Ben Successor", "ben@northwind.example")
                .admin("3003", "Cleo Admin", "cleo@northwind.example")
                .group("5001", &["1005"], &[("3001", &["ADVERTISE", "ANALYZE"])])
        })
        .business("2002", |b| {
            b.named("Harbour Coffee").token("sim-token-2002").admin("3101", "Dora Owner", "dora@harbour.example")
        })
        .business("2003", |b| {
            b.named("Pine Outdoor").token("sim-token-2003").admin("3201", "Emil Owner", "emil@pine.example")
        })
}

fn agency_pages(world: World) -> World {
    let ours = world
        .page("1001", |p| {
            p.named("Northwind News").owned_by("2001").assign("2001", "3001", &MANAGER).assign("2001", "3003", &MANAGER)
        })
        .page("1002", |p| {
            p.owned_by("2001").assign("2001", "3001", &["ADVERTISE", "ANALYZE"]).assign("2001", "3003", &MANAGER)
        })
        .page("1003", |p| p.owned_by("2001").assign("2001", "3001", &MANAGER).assign("2001", "3002", &["ANALYZE"]))
        .page("1004", |p| p.owned_by("2001").assign("2001", "3001", &MANAGER))
        .page("1005", |p| p.owned_by("2001").assign("2001", "3001", &["ANALYZE"]).assign("2001", "3003", &MANAGER))
        .page("1006", |p| p.owned_by("2001").assign("2001", "3003", &MANAGER).instagram())
        .page("1007", |p| p.owned_by("2001").assign("2001", "3003", &MANAGER).two_factor());
    ours.page("1008", |p| p.owned_by("2001").assign("2001", "3002", &["ADVERTISE"]).direct_admin("83003"))
}

fn agency_assets(world: World) -> World {
    world
        .asset(AssetKind::AdAccount, "act_4001", |a| {
            a.owned_by("2001").assign("2001", "3001", &["ADVERTISE", "ANALYZE", "MANAGE"])
        })
        .asset(AssetKind::Pixel, "4101", |a| a.owned_by("2001").assign("2001", "3001", &["ANALYZE", "EDIT"]))
        .asset(AssetKind::Catalog, "4201", |a| a.owned_by("2001").assign("2001", "3001", &["ADVERTISE", "MANAGE"]))
}

fn client_pages(world: World) -> World {
    let mut world = world;
    for id in ["1009", "1010", "1011", "1012"] {
        world = world.page(id, |p| p.owned_by("2002").assign("2002", "3101", &MANAGER));
    }
    for id in ["1017", "1018", "1019", "1020"] {
        world = world.page(id, |p| p.owned_by("2003").assign("2003", "3201", &MANAGER));
    }
    world
        .page("1013", |p| {
            p.owned_by("2002").assign("2002", "3101", &MANAGER).shared_with("2001", &["ADVERTISE", "ANALYZE"])
        })
        .page("1014", |p| p.owned_by("2002").assign("2002", "3101", &MANAGER))
        .pending("7001", super::Access::Agency, "2001", "1014", &["ADVERTISE"])
        .page("1015", |p| p.direct_admin("92001").direct_admin("83003"))
        .page("1016", |p| p.direct_admin("83101"))
}
