//! Every cell of the table of kinds: what calls reach is done and seen, what they do not reach is refused with what a
//! person does instead, and nothing is written.

use anyhow::{Context, Result, bail, ensure};
use bindery::contract::Kind;
use bindery::graph_sim::{AssetBuilder, AssetKind, Break, How, Scripted, Verb, World};
use bindery::meta::Claimable;
use bindery::meta::kinds::{Cell, Deed, Way, cell};
use serde_json::{Value, json};

use crate::harness::{
    ANNA, BEN, BUSINESS, MANAGER, NEIGHBOUR, OUTSIDER, OWNER, Story, WORKER, ends, fails, phase, world,
};

const OWNED: &str = "501";
const SHARED: &str = "502";
const FREE: &str = "503";
const ASKED: &str = "504";

/// A command of [`BUSINESS`] on one asset.
pub fn on(kind: Kind, command: &str, id: &str, asset: &str, fields: Value) -> Value {
    let mut order = json!({
        "id": id, "command": command, "business": BUSINESS, "asset": {"kind": kind.word(), "id": asset},
    });
    let own = fields.as_object().cloned().unwrap_or_default();
    order.as_object_mut().expect("an order is an object").extend(own);
    order
}

/// The simulator's word for a kind, and its id there.
pub fn place(kind: Kind, id: &str) -> Option<(AssetKind, String)> {
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

/// What whoever manages an asset of `kind` has, and somebody who does not.
pub fn tasks(kind: Kind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        Kind::Page | Kind::AdAccount => (MANAGER, &["ANALYZE"]),
        Kind::Pixel => (&["ANALYZE", "EDIT"], &["ANALYZE"]),
        Kind::WhatsappAccount => (&["MANAGE"], &["MESSAGING"]),
        Kind::InstagramAccount => (&["ADVERTISE", "CONTENT"], &["ANALYZE"]),
        Kind::Catalog => (&["ADVERTISE", "MANAGE"], &["ADVERTISE"]),
    }
}

/// One owned, one shared, one to be owned and one to be asked for.
fn four_of(kind: Kind) -> World {
    let (all, some) = tasks(kind);
    let Some((sim, _)) = place(kind, OWNED) else {
        let pages = world()
            .page(OWNED, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, all).direct_admin(OUTSIDER))
            .page(SHARED, |p| p.owned_by(OWNER).shared_with(BUSINESS, all).assign(BUSINESS, ANNA, some));
        return pages.page(FREE, |p| p.direct_admin(WORKER)).page(ASKED, |p| p.owned_by(OWNER).approves_after(0));
    };
    let id = |id: &str| place(kind, id).expect("no Page").1;
    let user = |p: AssetBuilder, id: &str| if kind == Kind::InstagramAccount { p.instagram_user(id) } else { p };
    world()
        .asset(sim, &id(OWNED), |p| user(p, "17501").owned_by(BUSINESS).assign(BUSINESS, ANNA, all))
        .asset(sim, &id(SHARED), |p| {
            user(p, "17502").owned_by(OWNER).shared_with(BUSINESS, all).assign(BUSINESS, ANNA, some)
        })
        .asset(sim, &id(FREE), |p| p.admin(WORKER))
        .asset(sim, &id(ASKED), |p| p.owned_by(OWNER).approves_after(0))
}

/// The command that does a deed, where a command does it alone.
fn order_for(kind: Kind, deed: Deed) -> Option<Value> {
    let (_, some) = tasks(kind);
    let id = format!("{}-{}", kind.word(), deed.word());
    let on = |command, asset, fields| Some(on(kind, command, &id, asset, fields));
    match deed {
        Deed::ClaimOwner => on("claim", FREE, json!({"access": "owner", "irreversible": true})),
        Deed::ClaimAgency => on("claim", ASKED, json!({"access": "agency", "permitted_tasks": some})),
        Deed::UnbindOwned => on("unbind", OWNED, json!({"unmanaged": true})),
        Deed::UnbindShared => on("unbind", SHARED, json!({})),
        Deed::Assign => on("assign", OWNED, json!({"user": BEN, "tasks": some})),
        Deed::Unassign => on("unassign", SHARED, json!({"user": ANNA})),
        Deed::ListOwned | Deed::ListShared | Deed::ListPeople => {
            let inspect = json!({"id": id, "command": "inspect", "business": BUSINESS, "kinds": [kind.word()]});
            Some(if deed == Deed::ListPeople { with_people(inspect) } else { inspect })
        }
        // Claims that wait are stories below; partners, and the lists of open claims, are tried of every kind beside the
        // client.
        Deed::ListPending | Deed::Share | Deed::Revoke => None,
    }
}

fn with_people(mut inspect: Value) -> Value {
    inspect["people"] = json!(true);
    inspect
}

async fn holds(kind: Kind) -> Result<()> {
    let story = Story::with(four_of(kind), &[("COOL_DOWN", "100ms")]).await?;
    // What is shared is let go of last: until then people are taken off it.
    let mut deeds = Deed::ALL.to_vec();
    deeds.sort_by_key(|deed| matches!(deed, Deed::UnbindShared | Deed::UnbindOwned));
    for deed in deeds {
        let Some(order) = order_for(kind, deed) else { continue };
        let writes = story.writes().len();
        let event = story.ask(&order).await?;
        let place = format!("{} {}: {event:#}", kind.word(), deed.word());
        does(&event, deed, cell(kind, deed)).with_context(|| place.clone())?;
        let wrote = story.writes().len() > writes;
        match cell(kind, deed).way {
            Way::Call => ensure!(wrote != is_read(deed), "{place}"),
            Way::Human(_) | Way::Never(_) => ensure!(!wrote, "{place}"),
            Way::Partly(_) => {}
        }
    }
    Ok(())
}

fn is_read(deed: Deed) -> bool {
    matches!(deed, Deed::ListOwned | Deed::ListShared | Deed::ListPending | Deed::ListPeople)
}

/// The ending is what the cell says.
fn does(event: &Value, deed: Deed, cell: Cell) -> Result<()> {
    match cell.way {
        Way::Call if is_read(deed) => {
            let listed = event["data"]["totals"].as_object().context("totals")?.values().next().context("a kind")?;
            ensure!(listed.as_u64() >= Some(2), "the list is short");
            ends(event, "completed", json!(false))
        }
        Way::Call => {
            ensure!(matches!(phase(event), "confirmed" | "completed"));
            ensure!(event["data"]["changed"] == true);
            Ok(())
        }
        Way::Partly(refused) | Way::Human(refused) => fails(event, "needs_human", refused.code),
        Way::Never(refused) => fails(event, "unsupported", refused.code),
    }
}

#[tokio::test]
async fn every_cell_of_pages_holds() -> Result<()> {
    holds(Kind::Page).await
}

#[tokio::test]
async fn every_cell_of_ad_accounts_holds() -> Result<()> {
    holds(Kind::AdAccount).await
}

#[tokio::test]
async fn every_cell_of_pixels_holds() -> Result<()> {
    holds(Kind::Pixel).await
}

#[tokio::test]
async fn every_cell_of_whatsapp_accounts_holds() -> Result<()> {
    holds(Kind::WhatsappAccount).await
}

#[tokio::test]
async fn every_cell_of_instagram_accounts_holds() -> Result<()> {
    holds(Kind::InstagramAccount).await
}

#[tokio::test]
async fn every_cell_of_catalogs_holds() -> Result<()> {
    holds(Kind::Catalog).await
}

#[tokio::test]
async fn nothing_but_a_page_is_transferred_for_one_half_of_it_has_no_call() -> Result<()> {
    let story = Story::of(world()).await?;
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Page) {
        let event = story.ask(&on(kind, "transfer", kind.word(), OWNED, json!({"to_business": NEIGHBOUR}))).await?;
        let [let_go, claim] = [Deed::UnbindOwned, Deed::ClaimOwner].map(|deed| cell(kind, deed).way);
        match if matches!(let_go, Way::Call | Way::Partly(_)) { claim } else { let_go } {
            Way::Never(refused) => fails(&event, "unsupported", refused.code)?,
            Way::Human(refused) => fails(&event, "needs_human", refused.code)?,
            Way::Call | Way::Partly(_) => bail!("{kind:?} can be moved, and this story does not know: {event:#}"),
        }
    }
    assert_eq!(story.calls(), [], "nothing was asked of Meta");
    Ok(())
}

#[test]
fn what_can_be_claimed_has_a_list_of_open_claims_and_nothing_else_has() {
    for kind in Kind::ALL {
        let call = |deed| cell(kind, deed).way == Way::Call;
        let claimable = Claimable::of(kind).is_some();
        assert_eq!(claimable, call(Deed::ListPending), "{kind:?}");
        assert_eq!(claimable, call(Deed::ClaimOwner) && call(Deed::ClaimAgency), "{kind:?}");
    }
}

fn owner_claim(id: &str) -> Value {
    on(Kind::AdAccount, "claim", id, ASKED, json!({"access": "owner", "irreversible": true}))
}

fn agency_claim(id: &str) -> Value {
    on(Kind::AdAccount, "claim", id, ASKED, json!({"access": "agency", "permitted_tasks": ["ANALYZE"]}))
}

/// An ad account that nobody of ours has a right on.
fn strange(build: impl FnOnce(AssetBuilder) -> AssetBuilder) -> World {
    world().asset(AssetKind::AdAccount, "act_504", build)
}

#[tokio::test]
async fn an_ad_account_of_others_is_owned_once_its_admin_agrees() -> Result<()> {
    let story = Story::of(strange(|a| a)).await?;
    story.send(&owner_claim("c")).await?;
    let pending = story.told("c", "pending").await?;
    assert!(pending.to_string().contains("admin of the ad account"), "{pending:#}");
    let asked = story.call("the claim", |call| call.is(Verb::Post, "owned_ad_accounts")).await?;
    assert_eq!(asked.param("adaccount_id"), Some("act_504"));
    story.meta.approve(BUSINESS, "act_504", None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    assert_eq!(story.meta.world().assets["act_504"].owner.as_deref(), Some(BUSINESS));
    assert_eq!(story.posts("owned_ad_accounts"), 1);
    Ok(())
}

#[tokio::test]
async fn a_denied_claim_of_an_ad_account_is_inferred_from_both_lists() -> Result<()> {
    let story = Story::of(strange(|a| a.owned_by(OWNER).denies_after(0))).await?;
    let event = story.ask(&agency_claim("c")).await?;
    ends(&event, "denied", json!(true))?;
    assert_eq!(event["data"]["inferred"], json!(true));
    let read = |edge| story.calls().iter().any(|call| call.is(Verb::Get, edge));
    assert!(read("pending_client_ad_accounts") && read("client_ad_accounts"));
    Ok(())
}

#[tokio::test]
async fn a_claim_that_meta_had_already_is_followed_and_not_made_again() -> Result<()> {
    let open = strange(|a| a).pending("7001", bindery::graph_sim::Access::Owner, BUSINESS, "act_504", &[]);
    let story = Story::of(open).await?;
    story.send(&owner_claim("c")).await?;
    story.told("c", "pending").await?;
    story.meta.approve(BUSINESS, "act_504", None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(false))?;
    assert_eq!(story.posts("owned_ad_accounts"), 1, "Meta's no is looked into, not repeated");
    Ok(())
}

#[tokio::test]
async fn a_cancelled_claim_of_an_ad_account_is_withdrawn_at_meta() -> Result<()> {
    let story = Story::of(strange(|a| a.owned_by(OWNER))).await?;
    story.send(&agency_claim("c")).await?;
    story.told("c", "pending").await?;
    ends(&story.ask(&crate::harness::cancel("x", "c")).await?, "completed", json!(true))?;
    assert_eq!(phase(&story.event_of("c").await?), "cancelled");
    assert!(story.meta.world().requests.is_empty());
    let withdrawn = story.call("the withdrawal", |call| call.is(Verb::Delete, "ad_accounts")).await?;
    assert_eq!(withdrawn.param("adaccount_id"), Some("act_504"));
    Ok(())
}

#[tokio::test]
async fn an_app_that_may_not_ask_for_ad_accounts_is_told_where_to_ask_for_the_right() -> Result<()> {
    let story = Story::of(strange(|a| a.owned_by(OWNER).refuses_agency_claims())).await?;
    let event = story.ask(&agency_claim("c")).await?;
    fails(&event, "permission", "3")?;
    assert_eq!(event["data"]["changed"], json!(false));
    Ok(())
}

#[tokio::test]
async fn an_ad_account_is_never_owned_without_saying_that_there_is_no_way_back() -> Result<()> {
    let story = Story::of(strange(|a| a.admin(WORKER))).await?;
    story.send(&on(Kind::AdAccount, "claim", "c", ASKED, json!({"access": "owner"}))).await?;
    let answer = story.event("the rejection", |event| event["data"]["command_id"] == "c").await?;
    assert_eq!(phase(&answer), "rejected");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn people_leave_a_shared_ad_account_before_the_business_does() -> Result<()> {
    let shared = strange(|a| a.owned_by(OWNER).shared_with(BUSINESS, MANAGER).assign(BUSINESS, ANNA, MANAGER));
    let story = Story::of(shared).await?;
    ends(&story.ask(&on(Kind::AdAccount, "unbind", "u", ASKED, json!({}))).await?, "completed", json!(true))?;
    let edges: Vec<_> = story.writes().iter().map(|call| call.path.clone()).collect();
    assert_eq!(edges, ["/act_504/assigned_users".to_owned(), format!("/{BUSINESS}/ad_accounts")]);
    ends(&story.ask(&on(Kind::AdAccount, "unbind", "v", ASKED, json!({}))).await?, "completed", json!(false))
}

#[tokio::test]
async fn an_inspection_of_everything_counts_each_kind() -> Result<()> {
    let all = Kind::ALL.into_iter().zip(600..).fold(world(), |all, (kind, n)| match place(kind, &n.to_string()) {
        None => all.page(&n.to_string(), |p| p.owned_by(BUSINESS)),
        Some((sim, id)) => all.asset(sim, &id, |p| p.owned_by(BUSINESS)),
    });
    let story = Story::of(all).await?;
    let event = story.ask(&json!({"id": "i", "command": "inspect", "business": BUSINESS})).await?;
    ends(&event, "completed", json!(false))?;
    for kind in Kind::ALL {
        assert_eq!(event["data"]["totals"][kind.word()], json!(1), "{event:#}");
    }
    Ok(())
}

#[tokio::test]
async fn a_list_that_meta_refuses_is_named_and_not_taken_for_empty() -> Result<()> {
    let story = Story::of(four_of(Kind::Catalog)).await?;
    let no = || How::Error(Scripted { code: 200, subcode: None, is_transient: None, status: 403, message: None });
    let inspect = |id: &str| json!({"id": id, "command": "inspect", "business": BUSINESS, "kinds": ["catalog"]});
    story.meta.break_next(Break::next(Verb::Get, "/owned_product_catalogs", no()));
    let event = story.ask(&inspect("one")).await?;
    ends(&event, "completed", json!(false))?;
    let unread = &event["data"]["unread"];
    ensure!(unread.as_array().is_some_and(|lists| lists.len() == 1), "{event:#}");
    assert_eq!(unread[0]["list"], "owned_product_catalogs");
    assert_eq!(unread[0]["error"]["category"], "permission");
    story.meta.break_next(Break::next(Verb::Get, "/owned_product_catalogs", no()));
    story.meta.break_next(Break::next(Verb::Get, "/client_product_catalogs", no()));
    fails(&story.ask(&inspect("both")).await?, "permission", "200")
}
