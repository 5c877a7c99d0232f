//! Offboardings of random businesses over the simulator itself, children and all, without sockets and broker.
//!
//! Whatever the business looks like, whichever answers are lost and however far the lists lag: no asset is left without
//! somebody in charge, nobody goes before the successor is seen, nothing protected is touched, and what a dry run plans
//! is what the run does.

mod office;

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::contract::{Body, Outcome, Person, Phase, Protected};
use crate::graph_sim::{Verb, World};
use office::{Lucks, Office};

pub(super) const BUSINESS: &str = "2001";
pub(super) const OWNER: &str = "2009";
pub(super) const LEAVER: &str = "3001";
pub(super) const SUCCESSOR: &str = "3002";
pub(super) const GROUPS: [&str; 2] = ["5001", "5002"];
const MANAGER: &[&str] = &["ADVERTISE", "ANALYZE", "MANAGE"];
const READER: &[&str] = &["ANALYZE"];

/// What one Page is like.
#[derive(Debug, Clone)]
struct PageIs {
    ours: bool,
    permitted_manage: bool,
    /// Of the leaver, the successor and a third person: nothing, reading, managing.
    has: [u8; 3],
    direct_admin: bool,
    hides_roles: bool,
    /// In which of the groups.
    grouped: [bool; 2],
    protected: u8,
}

/// What a business is like, and what is asked of it.
#[derive(Debug, Clone)]
struct Case {
    pages: Vec<PageIs>,
    /// What each group gives the leaver and a third person.
    groups: [(u8, u8); 2],
    admins: (bool, bool),
    invited: bool,
    successor: bool,
    remove: bool,
}

fn pages() -> impl Strategy<Value = PageIs> {
    (
        (prop::bool::weighted(0.7), any::<bool>(), prop::array::uniform3(0u8..3)),
        (
            prop::bool::weighted(0.3),
            prop::bool::weighted(0.2),
            prop::array::uniform2(prop::bool::weighted(0.25)),
            0u8..12,
        ),
    )
        .prop_map(|((ours, permitted_manage, has), (direct_admin, hides_roles, grouped, protected))| PageIs {
            ours,
            permitted_manage,
            has,
            direct_admin,
            hides_roles,
            grouped,
            protected,
        })
}

fn cases() -> impl Strategy<Value = Case> {
    (
        prop::collection::vec(pages(), 0..6),
        prop::array::uniform2((0u8..3, 0u8..3)),
        (prop::bool::weighted(0.3), prop::bool::weighted(0.8)),
        (prop::bool::weighted(0.2), prop::bool::weighted(0.7), prop::bool::weighted(0.8)),
    )
        .prop_map(|(pages, groups, admins, (invited, successor, remove))| Case {
            pages,
            groups,
            admins,
            invited,
            successor,
            remove,
        })
}

fn words(level: u8) -> &'static [&'static str] {
    if level == 2 { MANAGER } else { READER }
}

pub(super) fn page(n: usize) -> String {
    format!("{}", 1_001 + n)
}

impl Case {
    fn world(&self) -> World {
        let mut world = World::new(7)
            .business(BUSINESS, |mut b| {
                b = b.token(office::TOKEN);
                b = if self.admins.0 {
                    b.admin(LEAVER, "Anna", "anna@n.example")
                } else {
                    b.person(LEAVER, "Anna", "anna@n.example")
                };
                b = if self.admins.1 { b.admin("3000", "Root", "root@n.example") } else { b };
                b = b.person(SUCCESSOR, "Ben", "ben@n.example").person("3003", "Cleo", "cleo@n.example");
                for (group, (leaver, other)) in GROUPS.iter().zip(self.groups) {
                    let held: Vec<String> = self.in_group(group);
                    let held: Vec<&str> = held.iter().map(String::as_str).collect();
                    let mut users: Vec<(&str, &[&str])> = Vec::new();
                    users.extend((leaver > 0).then(|| (LEAVER, words(leaver))));
                    users.extend((other > 0).then(|| ("3003", words(other))));
                    b = b.group(group, &held, &users);
                }
                b
            })
            .business(OWNER, |b| b.person("3901", "Otto", "otto@o.example"));
        for (n, is) in self.pages.iter().enumerate() {
            world = world.page(&page(n), |p| is.build(p));
        }
        world
    }

    fn in_group(&self, group: &str) -> Vec<String> {
        let place = GROUPS.iter().position(|known| *known == group).unwrap();
        (0..self.pages.len()).filter(|n| self.pages[*n].grouped[place]).map(page).collect()
    }

    fn protected(&self, by: u8) -> Vec<String> {
        let of = |n: &usize| self.pages[*n].protected == by;
        (0..self.pages.len()).filter(of).map(|n| format!("page/{}", page(n))).collect()
    }

    fn body(&self) -> Body {
        let protected: Vec<Protected> = self.protected(1).iter().map(|text| text.parse().unwrap()).collect();
        Body::Offboard {
            user: Person::Id(LEAVER.parse().unwrap()),
            successor: self.successor.then(|| Person::Id(SUCCESSOR.parse().unwrap())),
            remove_from_business: self.remove,
            protected,
            plan: None,
        }
    }

    fn office(&self, lucks: Lucks) -> Office {
        let mut office = Office::of(self.world(), self.body(), self.protected(2), lucks);
        if self.invited {
            office.invite_again("anna@n.example");
        }
        office
    }
}

impl PageIs {
    fn build(&self, mut p: crate::graph_sim::PageBuilder) -> crate::graph_sim::PageBuilder {
        let permitted = if self.permitted_manage { MANAGER } else { READER };
        p = if self.ours {
            p.owned_by(BUSINESS)
        } else {
            p.owned_by(OWNER).assign(OWNER, "3901", MANAGER).shared_with(BUSINESS, permitted)
        };
        for (who, level) in [LEAVER, SUCCESSOR, "3003"].into_iter().zip(self.has).filter(|(_, level)| *level > 0) {
            let may = if self.ours { words(level) } else { permitted };
            p = p.assign(BUSINESS, who, may);
        }
        p = if self.direct_admin { p.direct_admin("8999") } else { p };
        if self.hides_roles { p.refuses_roles() } else { p }
    }
}

fn gone(world: &World) -> bool {
    !world.businesses[BUSINESS].users.contains_key(LEAVER)
}

/// Method, path and parameters.
type Write = (Verb, String, Vec<(String, String)>);

fn writes(office: &Office) -> Vec<Write> {
    let calls = office.calls().into_iter().filter(|call| call.is_write());
    let mut writes: Vec<_> =
        calls.map(|call| (call.method, call.path, call.params.into_iter().collect::<Vec<_>>())).collect();
    writes.sort_by_key(|(verb, path, params)| format!("{verb:?} {path} {params:?}"));
    writes
}

fn planned(outcome: &Outcome, office: &Office) -> Vec<Write> {
    let steps = office.plan(outcome).steps.into_iter();
    let verb = |method: &str| if method == "POST" { Verb::Post } else { Verb::Delete };
    let mut steps: Vec<_> =
        steps.map(|step| (verb(&step.method), step.path, step.params.into_iter().collect::<Vec<_>>())).collect();
    steps.sort_by_key(|(verb, path, params)| format!("{verb:?} {path} {params:?}"));
    steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The watch over every single write is `office::Guard`'s; here stands what must be so in the end.
    #[test]
    fn nobody_is_orphaned_and_nobody_goes_too_early_whatever_is_lost_and_however_lists_lag(
        case in cases(),
        lucks in prop::collection::vec(any::<u8>(), 16..64),
        lag in prop_oneof![Just(0u64), 1u64..250],
    ) {
        let mut office = case.office(Lucks::of(lucks));
        office.lag(lag);
        let outcome = office.work();
        let world = office.world();
        crate::contract::tests::schema::ends_as_documented(office.command(), &outcome);
        let kept = !case.protected(2).is_empty() || !case.protected(1).is_empty();
        let on_kept = (0..case.pages.len())
            .filter(|n| case.pages[*n].protected == 1 || case.pages[*n].protected == 2)
            .any(|n| !case.world().tasks_of(&page(n), BUSINESS, LEAVER).is_empty());
        if gone(world) {
            prop_assert!(case.remove && !(kept && on_kept), "gone although something is kept: {outcome:?}");
            prop_assert!(case.admins.1 || !case.admins.0, "the last admin is gone");
        }
        if outcome.phase == Phase::Completed {
            prop_assert_eq!(gone(world), case.remove);
            let has: BTreeSet<String> = world.pages_of(BUSINESS, LEAVER).into_iter().collect();
            let kept: BTreeSet<String> =
                case.protected(1).iter().map(|asset| asset.trim_start_matches("page/").to_owned()).collect();
            let by_hand = office.granted_by_hand();
            prop_assert!(
                has.iter().all(|page| kept.contains(page) || by_hand.contains(page)),
                "{has:?} is left with the leaver"
            );
        }
    }

    #[test]
    fn a_dry_run_writes_nothing_and_its_plan_is_what_the_run_does(case in cases()) {
        let mut dry = case.office(Lucks::none());
        dry.rehearses();
        let before = writes(&dry);
        let told = dry.work();
        prop_assert_eq!(writes(&dry), before.clone(), "a dry run wrote");
        let mut real = case.office(Lucks::none());
        let done = real.work();
        if done.phase == Phase::Completed {
            prop_assert_eq!(told.phase, Phase::Completed);
            let mut expected = planned(&told, &dry);
            expected.extend(before);
            expected.sort_by_key(|(verb, path, params)| format!("{verb:?} {path} {params:?}"));
            // A right may have come through a group alone, which no list tells: such a removal is planned, and left out
            // where leaving the group has done it.
            let made = writes(&real);
            let grouped = |path: &str| GROUPS.iter().flat_map(|group| case.in_group(group)).any(|page| path.contains(&page));
            expected.retain(|step| made.contains(step) || step.0 != Verb::Delete || !grouped(&step.1));
            prop_assert_eq!(made, expected);
        } else {
            prop_assert_eq!(told.error.map(|error| error.code), done.error.map(|error| error.code));
        }
    }
}
