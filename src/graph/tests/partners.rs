//! Partners over the simulator itself, every cell of the table of kinds: what calls reach is done and seen, what they
//! do not reach is refused before a write, and nobody and nothing else is touched.

mod courses;
mod desk;

use crate::contract::{Access, Asset, Body, ExpiredBecause, Kind, Phase, Targets, Tasks};
use crate::graph_sim::{self, Approver, AssetBuilder, AssetKind, Verb, World};
use crate::meta::kinds::{Deed, Way, cell};
use crate::meta::{Answer, AssetList, Call, Reply};
use crate::procedures::StopCause;
use desk::{Desk, Played, TOKEN};

const BUSINESS: &str = "2001";
const PARTNER: &str = "2002";
const NEIGHBOUR: &str = "2003";
const CLIENT: &str = "2009";
const ANNA: &str = "3001";
const OWNED: &str = "501";
const SHARED: &str = "502";

/// What whoever manages an asset of `kind` has, and somebody who does not.
fn words(kind: Kind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        Kind::Page | Kind::AdAccount => (&["ADVERTISE", "ANALYZE", "MANAGE"], &["ANALYZE"]),
        Kind::Pixel => (&["ANALYZE", "EDIT"], &["ANALYZE"]),
        Kind::WhatsappAccount => (&["MANAGE"], &["MESSAGING"]),
        Kind::InstagramAccount => (&["ADVERTISE", "CONTENT"], &["ANALYZE"]),
        Kind::Catalog => (&["ADVERTISE", "MANAGE"], &["ADVERTISE"]),
    }
}

/// The simulator's word for a kind, and its id there; Pages are another thing there.
fn place(kind: Kind, id: &str) -> Option<(AssetKind, String)> {
    let kind = match kind {
        Kind::Page => return None,
        Kind::AdAccount => return Some((AssetKind::AdAccount, format!("act_{id}"))),
        Kind::Pixel => AssetKind::Pixel,
        Kind::WhatsappAccount => AssetKind::WhatsappAccount,
        Kind::InstagramAccount => AssetKind::InstagramAccount,
        Kind::Catalog => AssetKind::Catalog,
    };
    Some((kind, id.to_owned()))
}

/// One that the business owns and Anna manages, with a neighbour as partner; one that a client shares with it.
fn world_of(kind: Kind, build: impl Fn(AssetBuilder) -> AssetBuilder) -> World {
    let (all, some) = words(kind);
    let world = World::new(7)
        .business(BUSINESS, |b| b.token(TOKEN).person(ANNA, "Anna", "anna@n.example"))
        .business(PARTNER, |b| b)
        .business(NEIGHBOUR, |b| b)
        .business(CLIENT, |b| b);
    let Some((sim, owned)) = place(kind, OWNED) else {
        return world
            .page(OWNED, |p| {
                p.owned_by(BUSINESS).assign(BUSINESS, ANNA, all).shared_with(NEIGHBOUR, some).direct_admin("8999")
            })
            .page(SHARED, |p| p.owned_by(CLIENT).shared_with(BUSINESS, all).assign(BUSINESS, ANNA, some));
    };
    let (_, shared) = place(kind, SHARED).unwrap();
    let user = |a: AssetBuilder, id: &str| if kind == Kind::InstagramAccount { a.instagram_user(id) } else { a };
    world
        .asset(sim, &owned, |a| {
            build(user(a, "17501").owned_by(BUSINESS).assign(BUSINESS, ANNA, all).shared_with(NEIGHBOUR, some))
        })
        .asset(sim, &shared, |a| {
            user(a, "17502").owned_by(CLIENT).shared_with(BUSINESS, all).assign(BUSINESS, ANNA, some)
        })
}

fn plain(kind: Kind) -> World {
    world_of(kind, |a| a)
}

fn one(kind: Kind, id: &str) -> Targets {
    Targets::One(Asset { kind, id: id.parse().unwrap() })
}

fn tasks(words: &[&str]) -> Tasks {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

fn share(kind: Kind, words: &[&str]) -> Body {
    Body::Share { targets: one(kind, OWNED), partner: PARTNER.parse().unwrap(), permitted_tasks: tasks(words) }
}

fn revoke(kind: Kind) -> Body {
    Body::Revoke { targets: one(kind, OWNED), partner: PARTNER.parse().unwrap(), permitted_tasks: None }
}

/// What `partner` has of the owned one.
fn has(world: &World, kind: Kind, partner: &str) -> Option<graph_sim::Tasks> {
    let agencies = match place(kind, OWNED) {
        None => &world.pages[OWNED].agencies,
        Some((_, id)) => &world.assets[&id].agencies,
    };
    agencies.get(partner).map(|share| share.tasks.clone())
}

/// All that stands in the world but what the business has as an agency, and its people's rights.
fn of_others(world: &World) -> World {
    let mut still = stands(world);
    for id in world.pages.keys() {
        let page = still.page_mut(id).unwrap();
        page.agencies.remove(BUSINESS);
        page.assigned.remove(BUSINESS);
    }
    for id in world.assets.keys() {
        let asset = still.asset_mut(id).unwrap();
        asset.agencies.remove(BUSINESS);
        asset.assigned.remove(BUSINESS);
    }
    still
}

/// All that stands in the world but for when a share began.
fn stands(world: &World) -> World {
    let mut still = World { scheduled: Vec::new(), ids_given: 0, ..world.clone() };
    for id in world.pages.keys() {
        still.page_mut(id).unwrap().agencies.values_mut().for_each(|share| share.since = jiff::Timestamp::UNIX_EPOCH);
    }
    for id in world.assets.keys() {
        still.asset_mut(id).unwrap().agencies.values_mut().for_each(|share| share.since = jiff::Timestamp::UNIX_EPOCH);
    }
    still
}

/// The ending is what the cell says of a write.
fn is_as_the_cell(kind: Kind, deed: Deed, played: &Played) {
    let place = format!("{kind:?} {deed:?}: {:?}", played.outcome);
    match cell(kind, deed).way {
        Way::Call => {
            assert_eq!((played.ending(), played.writes), ((Phase::Completed, true, None), 1), "{place}");
        }
        Way::Human(refused) | Way::Never(refused) | Way::Partly(refused) => {
            assert_eq!(played.ending(), (Phase::Failed, false, Some(refused.code)), "{place}");
            assert_eq!(played.writes, 0, "{place}");
        }
    }
}

#[test]
fn every_cell_of_share_and_revoke_holds_and_the_two_leave_everything_as_it_was() {
    for kind in Kind::ALL {
        let (_, some) = words(kind);
        let mut desk = Desk::of(plain(kind));
        let before = stands(&desk.sim.world);
        let shared = desk.does(share(kind, some));
        is_as_the_cell(kind, Deed::Share, &shared);
        if cell(kind, Deed::Share).way == Way::Call {
            assert_eq!(shared.outcome.granted_tasks, Some(tasks(some)), "{kind:?}");
            assert_eq!(has(&desk.sim.world, kind, PARTNER), Some(graph_sim::set_of(some)), "{kind:?}");
        }
        is_as_the_cell(kind, Deed::Revoke, &desk.does(revoke(kind)));
        assert_eq!(stands(&desk.sim.world), before, "{kind:?}");
    }
}

#[test]
fn a_second_share_and_a_second_revoke_find_it_done() {
    for kind in Kind::ALL.into_iter().filter(|kind| cell(*kind, Deed::Share).way == Way::Call) {
        let (_, some) = words(kind);
        let mut desk = Desk::of(plain(kind));
        desk.does(share(kind, some));
        let again = desk.does(share(kind, some));
        assert_eq!((again.ending(), again.writes), ((Phase::Completed, false, None), 0), "{kind:?}");
        desk.does(revoke(kind));
        let again = desk.does(revoke(kind));
        assert_eq!((again.ending(), again.writes), ((Phase::Completed, false, None), 0), "{kind:?}");
    }
}

#[test]
fn a_disconnect_does_of_each_asset_what_its_cell_says_and_takes_what_is_owned_only_when_told_to() {
    for kind in Kind::ALL {
        for include_owned in [false, true] {
            let mut desk = Desk::of(plain(kind));
            let before = stands(&desk.sim.world);
            let played = desk.does(Body::Disconnect { kinds: vec![kind], include_owned });
            assert_eq!(of_others(&desk.sim.world), of_others(&before), "{kind:?}: others are touched");
            let wanted: &[(&str, Deed)] = if include_owned {
                &[(SHARED, Deed::UnbindShared), (OWNED, Deed::UnbindOwned)]
            } else {
                &[(SHARED, Deed::UnbindShared)]
            };
            assert_eq!(played.results.len(), wanted.len(), "{kind:?}: {:?}", played.results);
            let mut all_well = true;
            for (result, (id, deed)) in played.results.iter().zip(wanted) {
                let place = format!("{kind:?} {deed:?}: {result:?}");
                assert_eq!(result.asset.id.as_str(), *id, "{place}");
                let code = result.error.as_ref().map(|error| error.code.as_str());
                // Of what the business owns nobody outside is seen (of a Page only by a Page's token), and a person decides.
                let unseen = *deed == Deed::UnbindOwned;
                let wanted = match cell(kind, *deed).way {
                    Way::Call | Way::Partly(_) if unseen => Some("would_orphan"),
                    Way::Call => None,
                    Way::Human(refused) | Way::Never(refused) | Way::Partly(refused) => Some(refused.code),
                };
                assert_eq!(code, wanted, "{place}");
                all_well &= code.is_none();
            }
            let phase = if all_well { Phase::Completed } else { Phase::Incomplete };
            assert_eq!(played.outcome.phase, phase, "{kind:?}");
        }
    }
}

#[test]
fn a_disconnect_of_everything_goes_kind_by_kind_and_its_plan_is_what_it_does() {
    let all = || {
        let shared = |a: AssetBuilder| a.owned_by(CLIENT).shared_with(BUSINESS, &["ANALYZE"]);
        plain(Kind::Page)
            .asset(AssetKind::InstagramAccount, "603", |a| shared(a).instagram_user("17603"))
            .asset(AssetKind::Catalog, "604", shared)
            .asset(AssetKind::AdAccount, "act_605", shared)
            .asset(AssetKind::WhatsappAccount, "606", |a| shared(a).number("7606"))
    };
    let body = || Body::Disconnect { kinds: Kind::ALL.to_vec(), include_owned: true };
    let mut dry = Desk::of(all());
    let told = dry.rehearses(body());
    assert_eq!(told.writes, 0);
    let mut desk = Desk::of(all());
    let done = desk.does(body());
    let writes = desk.sim.calls.after(0).into_iter().filter(graph_sim::Call::is_write);
    let verb = |verb: Verb| if verb == Verb::Post { "POST".to_owned() } else { "DELETE".to_owned() };
    let made: Vec<(String, String)> = writes.map(|call| (verb(call.method), call.path)).collect();
    // WhatsApp accounts end with a person, so their plan is no part of a good ending's; their calls are all the same made.
    assert!(!made.is_empty() && told.planned.iter().all(|step| made.contains(step)), "{:?} {made:?}", told.planned);
    assert_eq!((done.outcome.phase, told.outcome.phase), (Phase::Incomplete, Phase::Incomplete));
    let pages = made.iter().position(|(_, path)| path.ends_with("/pages")).unwrap();
    let instagram = made.iter().position(|(_, path)| path.ends_with("/instagram_accounts")).unwrap();
    assert!(instagram < pages, "{made:?}");
}

#[test]
fn a_business_that_holds_nothing_is_disconnected_at_once() {
    let mut desk = Desk::of(World::new(7).business(BUSINESS, |b| b.token(TOKEN)));
    let played = desk.does(Body::Disconnect { kinds: Kind::ALL.to_vec(), include_owned: true });
    assert_eq!((played.ending(), played.writes), ((Phase::Completed, false, None), 0));
}

#[test]
fn a_list_that_cannot_be_read_ends_the_disconnect_and_is_not_taken_for_empty() {
    let mut desk = Desk::of(plain(Kind::Page));
    // The token's person is an employee now: Meta shows the lists to admins alone.
    let place = desk.sim.world.businesses.get_mut(BUSINESS).unwrap();
    place.system_users.values_mut().for_each(|user| user.role = graph_sim::BusinessRole::Employee);
    let played = desk.does(Body::Disconnect { kinds: vec![Kind::Page], include_owned: false });
    assert_eq!((played.ending(), played.writes), ((Phase::Failed, false, Some("10")), 0));
}

#[test]
fn every_list_of_open_claims_is_walked_and_what_has_no_claims_has_none() {
    for kind in Kind::ALL {
        let deed = cell(kind, Deed::ListPending);
        for (access, sim_access) in
            [(Access::Owner, graph_sim::Access::Owner), (Access::Agency, graph_sim::Access::Agency)]
        {
            let list = AssetList::pending_of(kind, access);
            assert_eq!(list.is_some(), deed.way == Way::Call, "{kind:?}");
            let Some(list) = list else {
                let asset = Asset { kind, id: OWNED.parse().unwrap() };
                assert_eq!(deed.refusal(&asset).unwrap().code, "no_claims", "{kind:?}");
                continue;
            };
            let id = place(kind, OWNED).map_or(OWNED.to_owned(), |(_, id)| id);
            let world = plain(kind).pending("7001", sim_access, BUSINESS, &id, &[]);
            let mut desk = Desk::of(world);
            let call = Call::ListAll { business: BUSINESS.parse().unwrap(), list };
            let Reply::Answer(Answer::Assets(open)) = super::line::ask(&mut desk.sim, TOKEN, &call) else {
                panic!("{call:?}")
            };
            let ids: Vec<&str> = open.iter().map(|held| held.id.as_str()).collect();
            assert_eq!(ids, [OWNED], "{kind:?} {access:?}");
        }
    }
}

/// Kinds of which Meta's guides say that a share may wait, for whom, and what the answer says then.
const WAITING: [(Kind, Approver); 2] = [(Kind::AdAccount, Approver::Admin), (Kind::Pixel, Approver::Partner)];

#[test]
fn a_share_that_somebody_must_approve_is_no_success_before_they_do() {
    for (kind, by) in WAITING {
        let (_, some) = words(kind);
        let mut desk = Desk::of(world_of(kind, |a| a.shared_once_approved(by).approves_after(900)));
        let played = desk.does(share(kind, some));
        assert_eq!((played.ending(), played.writes), ((Phase::Completed, true, None), 1), "{kind:?}");
        assert_eq!(played.outcome.granted_tasks, Some(tasks(some)), "{kind:?}");
        assert_eq!(has(&desk.sim.world, kind, PARTNER), Some(graph_sim::set_of(some)), "{kind:?}");
    }
}

#[test]
fn a_share_that_is_denied_is_told_as_denied_once_the_list_that_showed_it_shows_it_no_more() {
    for (kind, by) in WAITING {
        let mut desk = Desk::of(world_of(kind, |a| a.shared_once_approved(by).denies_after(900)));
        let before = stands(&desk.sim.world);
        let played = desk.does(share(kind, words(kind).1));
        assert_eq!(played.ending(), (Phase::Denied, true, None), "{kind:?}");
        assert!(played.outcome.inferred, "{kind:?}");
        assert_eq!(stands(&desk.sim.world), before, "{kind:?}");
    }
}

#[test]
fn what_no_list_ever_showed_is_never_called_denied() {
    for (kind, by) in WAITING {
        let mut desk = Desk::of(world_of(kind, |a| a.shared_out_of_sight(by).denies_after(60)));
        let played = desk.does(share(kind, words(kind).1));
        assert_eq!(played.ending(), (Phase::Expired, true, Some("not_withdrawn")), "{kind:?}");
        let mut desk = Desk::of(world_of(kind, |a| a.shared_out_of_sight(by).approves_after(1_800)));
        assert_eq!(desk.does(share(kind, words(kind).1)).ending(), (Phase::Completed, true, None), "{kind:?}");
    }
}

#[test]
fn a_share_that_nobody_decides_is_taken_back() {
    for (kind, by) in WAITING {
        let mut desk = Desk::of(world_of(kind, |a| a.shared_once_approved(by)));
        let played = desk.does(share(kind, words(kind).1));
        assert_eq!((played.ending(), played.writes), ((Phase::Expired, true, None), 2), "{kind:?}");
        assert!(desk.sim.world.offers.is_empty(), "{kind:?}");
    }
}

#[test]
fn an_open_share_that_is_to_stop_is_taken_back_and_says_why() {
    for (cause, phase, because) in [
        (StopCause::GivenUp, Phase::Expired, Some(ExpiredBecause::GivenUp)),
        (StopCause::Deadline, Phase::Expired, Some(ExpiredBecause::Deadline)),
        (StopCause::Cancelled, Phase::Cancelled, None),
    ] {
        let world = world_of(Kind::AdAccount, |a| a.shared_once_approved(Approver::Admin));
        let before = stands(&world);
        let mut desk = Desk::of(world).stopping(cause);
        let played = desk.does(share(Kind::AdAccount, &["ANALYZE"]));
        assert_eq!((played.ending(), played.outcome.expired_because), ((phase, true, None), because));
        assert_eq!(stands(&desk.sim.world), before);
    }
}

#[test]
fn what_is_approved_before_it_can_be_taken_back_is_a_share_and_stays() {
    let after = desk::LAST_LOOK.as_secs() + 30;
    let world = world_of(Kind::Pixel, |a| a.shared_once_approved(Approver::Partner).approves_after(after));
    let mut desk = Desk::of(world).stopping(StopCause::Cancelled);
    let played = desk.does(share(Kind::Pixel, &["ANALYZE"]));
    assert_eq!((played.ending(), played.writes), ((Phase::Completed, true, None), 1));
    assert!(has(&desk.sim.world, Kind::Pixel, PARTNER).is_some());
}

#[test]
fn what_a_partner_has_asked_for_itself_is_granted_by_a_share_and_by_no_revoke_taken_back() {
    let asked = || plain(Kind::Page).pending("7001", graph_sim::Access::Agency, PARTNER, OWNED, &["ANALYZE"]);
    let mut desk = Desk::of(asked());
    let revoked = desk.does(revoke(Kind::Page));
    assert_eq!(revoked.ending(), (Phase::Failed, false, Some("request_open")));
    let shared = desk.does(share(Kind::Page, &["ANALYZE"]));
    assert_eq!((shared.ending(), shared.writes), ((Phase::Completed, true, None), 1));
    // An answer that was lost before the write took effect is not mistaken for that request.
    let mut desk = Desk::of(asked()).with(vec![0, 7], 0);
    let shared = desk.does(share(Kind::Page, &["ANALYZE"]));
    assert_eq!((shared.ending(), shared.writes), ((Phase::Completed, true, None), 2));
}

#[test]
fn a_dry_run_of_a_share_and_of_a_revoke_plans_the_one_write_and_makes_none() {
    for kind in Kind::ALL.into_iter().filter(|kind| cell(*kind, Deed::Share).way == Way::Call) {
        let edge = place(kind, OWNED).map_or(format!("/{OWNED}/agencies"), |(_, id)| format!("/{id}/agencies"));
        let mut desk = Desk::of(plain(kind));
        let told = desk.rehearses(share(kind, words(kind).1));
        assert_eq!((told.ending(), told.writes), ((Phase::Completed, false, None), 0), "{kind:?}");
        assert_eq!(told.planned, [("POST".to_owned(), edge.clone())], "{kind:?}");
        desk.does(share(kind, words(kind).1));
        let told = desk.rehearses(revoke(kind));
        assert_eq!((told.ending(), told.writes), ((Phase::Completed, false, None), 0), "{kind:?}");
        assert_eq!(told.planned, [("DELETE".to_owned(), edge)], "{kind:?}");
    }
}

#[test]
fn who_does_not_own_an_asset_neither_shares_nor_revokes_it() {
    for kind in Kind::ALL.into_iter().filter(|kind| cell(*kind, Deed::Share).way == Way::Call) {
        let (targets, partner) = (one(kind, SHARED), PARTNER.parse::<crate::contract::BusinessId>().unwrap());
        for body in [
            Body::Share { targets: targets.clone(), partner: partner.clone(), permitted_tasks: tasks(words(kind).1) },
            Body::Revoke { targets: targets.clone(), partner: partner.clone(), permitted_tasks: None },
        ] {
            let mut desk = Desk::of(plain(kind));
            let played = desk.does(body);
            assert_eq!((played.ending(), played.writes), ((Phase::Failed, false, Some("not_owned")), 0), "{kind:?}");
        }
    }
}

#[test]
fn the_last_who_manages_an_asset_is_not_revoked_be_it_a_partner() {
    for kind in Kind::ALL.into_iter().filter(|kind| cell(*kind, Deed::Revoke).way == Way::Call) {
        let (all, _) = words(kind);
        let mut desk = Desk::of(plain(kind));
        desk.does(share(kind, all));
        match place(kind, OWNED) {
            None => {
                let page = desk.sim.world.page_mut(OWNED).unwrap();
                page.assigned.clear();
                page.roles.clear();
            }
            Some((_, id)) => desk.sim.world.asset_mut(&id).unwrap().assigned.clear(),
        }
        let played = desk.does(revoke(kind));
        let wanted = if kind == Kind::InstagramAccount {
            ((Phase::Completed, true, None), 1)
        } else {
            ((Phase::Failed, false, Some("would_orphan")), 0)
        };
        assert_eq!((played.ending(), played.writes), wanted, "{kind:?}");
    }
}

#[test]
fn part_of_what_a_partner_may_do_is_taken_by_no_call_and_all_of_it_is() {
    let (all, some) = words(Kind::Page);
    let take = |words: &[&str]| Body::Revoke {
        targets: one(Kind::Page, OWNED),
        partner: PARTNER.parse().unwrap(),
        permitted_tasks: Some(tasks(words)),
    };
    let mut desk = Desk::of(plain(Kind::Page));
    desk.does(share(Kind::Page, all));
    let part = desk.does(take(some));
    assert_eq!((part.ending(), part.writes), ((Phase::Failed, false, Some("partner_tasks")), 0));
    let none = desk.does(take(&["MESSAGING"]));
    assert_eq!((none.ending(), none.writes), ((Phase::Completed, false, None), 0));
    assert_eq!(desk.does(take(all)).ending(), (Phase::Completed, true, None));
}

#[test]
fn a_partner_who_has_fewer_tasks_is_a_conflict_that_names_them() {
    let (all, some) = words(Kind::Catalog);
    let mut desk = Desk::of(plain(Kind::Catalog));
    desk.does(share(Kind::Catalog, some));
    let more = desk.does(share(Kind::Catalog, all));
    assert_eq!((more.ending(), more.writes), ((Phase::Failed, false, Some("held_with_fewer_tasks")), 0));
    assert!(more.outcome.error.unwrap().message.contains("ADVERTISE only"));
}

#[test]
fn what_is_protected_stays_shared() {
    let mut desk = Desk::of(plain(Kind::Page));
    desk.does(share(Kind::Page, words(Kind::Page).1));
    desk.rules.protected = vec!["page/501".to_owned()];
    let played = desk.does(revoke(Kind::Page));
    assert_eq!((played.ending(), played.writes), ((Phase::Failed, false, Some("protected")), 0));
}

#[test]
fn a_partner_that_meta_does_not_know_is_metas_to_refuse() {
    let mut desk = Desk::of(plain(Kind::Pixel));
    desk.sim.world.businesses.remove(PARTNER);
    assert_eq!(desk.does(share(Kind::Pixel, &["ANALYZE"])).ending(), (Phase::Failed, false, Some("100")));
}

#[test]
fn undoing_a_share_or_a_revoke_gives_the_state_before() {
    for kind in Kind::ALL.into_iter().filter(|kind| cell(*kind, Deed::Share).way == Way::Call) {
        let (_, some) = words(kind);
        let mut desk = Desk::of(plain(kind));
        let before = stands(&desk.sim.world);
        let done = desk.does(share(kind, some));
        assert_eq!(desk.undoes(done).ending(), (Phase::Completed, true, None), "{kind:?}");
        assert_eq!(stands(&desk.sim.world), before, "{kind:?}");
        desk.does(share(kind, some));
        let shared = stands(&desk.sim.world);
        let done = desk.does(revoke(kind));
        assert_eq!(desk.undoes(done).ending(), (Phase::Completed, true, None), "{kind:?}");
        assert_eq!(stands(&desk.sim.world), shared, "{kind:?}");
    }
}

#[test]
fn what_somebody_changed_since_is_left_by_the_undo_and_named() {
    let mut desk = Desk::of(plain(Kind::Catalog));
    let done = desk.does(share(Kind::Catalog, &["ADVERTISE"]));
    let partner = desk.sim.world.asset_mut(OWNED).unwrap().agencies.get_mut(PARTNER).unwrap();
    partner.tasks = graph_sim::set_of(&["MANAGE"]);
    let undone = desk.undoes(done);
    assert_eq!((undone.outcome.phase, undone.writes), (Phase::Incomplete, 0));
    assert_eq!(undone.results[0].error.as_ref().unwrap().code, "changed_since");
}
