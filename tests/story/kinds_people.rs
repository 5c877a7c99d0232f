//! People on assets that are no Pages: who manages what, what no call takes away, and what a group binds.

use anyhow::Result;
use bindery::contract::Kind;
use bindery::graph_sim::{AssetKind, Verb};
use serde_json::{Value, json};

use crate::harness::{ANNA, BEN, BUSINESS, MANAGER, OWNER, Story, ends, fails, world};
use crate::kinds::on;

const ID: &str = "504";
const EDITOR: &[&str] = &["ANALYZE", "EDIT"];

fn reassign(kind: Kind) -> Value {
    on(kind, "reassign", "r", ID, json!({"from": ANNA, "to": BEN}))
}

fn unassign(kind: Kind) -> Value {
    on(kind, "unassign", "u", ID, json!({"user": ANNA}))
}

#[tokio::test]
async fn the_successor_is_on_the_ad_account_before_the_leaver_goes() -> Result<()> {
    let ours = world().asset(AssetKind::AdAccount, "act_504", |a| a.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    let story = Story::of(ours).await?;
    ends(&story.ask(&reassign(Kind::AdAccount)).await?, "completed", json!(true))?;
    let writes: Vec<_> = story.writes().iter().map(|call| (call.method, call.path.clone())).collect();
    let edge = "/act_504/assigned_users".to_owned();
    assert_eq!(writes, [(Verb::Post, edge.clone()), (Verb::Delete, edge)]);
    assert_eq!(story.writes()[0].param("business"), Some(BUSINESS));
    assert_eq!(story.meta.world().staff_on("act_504", BUSINESS), [BEN.to_owned()].into());
    Ok(())
}

#[tokio::test]
async fn the_last_who_manages_an_ad_account_stays_for_nobody_outside_can_be_seen() -> Result<()> {
    let ours = world().asset(AssetKind::AdAccount, "act_504", |a| {
        a.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, &["ANALYZE"])
    });
    let story = Story::of(ours).await?;
    fails(&story.ask(&unassign(Kind::AdAccount)).await?, "needs_human", "would_orphan")?;
    assert_eq!(story.writes(), []);
    assert!(story.calls().iter().all(|call| !call.path.ends_with("/roles")), "only Pages have roles");
    Ok(())
}

#[tokio::test]
async fn a_set_of_tasks_that_an_ad_account_does_not_know_is_refused_by_meta_and_told() -> Result<()> {
    let ours = world().asset(AssetKind::AdAccount, "act_504", |a| a.owned_by(BUSINESS));
    let story = Story::of(ours).await?;
    let order = on(Kind::AdAccount, "assign", "a", ID, json!({"user": BEN, "tasks": ["ADVERTISE"]}));
    let event = story.ask(&order).await?;
    fails(&event, "invalid", "100")?;
    assert_eq!(event["data"]["error"]["subcode"], json!("1752129"));
    Ok(())
}

#[tokio::test]
async fn an_agency_gives_no_more_on_an_ad_account_than_it_was_given() -> Result<()> {
    let shared = world().asset(AssetKind::AdAccount, "act_504", |a| {
        a.owned_by(OWNER).shared_with(BUSINESS, &["ANALYZE"]).assign(BUSINESS, ANNA, &["ANALYZE"])
    });
    let story = Story::of(shared).await?;
    let order = on(Kind::AdAccount, "reassign", "r", ID, json!({"from": ANNA, "to": BEN, "tasks": MANAGER}));
    let event = story.ask(&order).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(event["data"]["granted_tasks"], json!(["ANALYZE"]));
    Ok(())
}

#[tokio::test]
async fn who_may_edit_a_pixel_manages_it() -> Result<()> {
    let ours = world().asset(AssetKind::Pixel, ID, |a| {
        a.owned_by(BUSINESS).assign(BUSINESS, ANNA, EDITOR).assign(BUSINESS, BEN, &["ANALYZE"])
    });
    let story = Story::of(ours).await?;
    let less = on(Kind::Pixel, "assign", "a", ID, json!({"user": ANNA, "tasks": ["ANALYZE"]}));
    fails(&story.ask(&less).await?, "needs_human", "would_orphan")?;
    let more = on(Kind::Pixel, "assign", "b", ID, json!({"user": BEN, "tasks": EDITOR}));
    ends(&story.ask(&more).await?, "completed", json!(true))?;
    let less = on(Kind::Pixel, "assign", "c", ID, json!({"user": ANNA, "tasks": ["ANALYZE"]}));
    ends(&story.ask(&less).await?, "completed", json!(true))
}

#[tokio::test]
async fn the_successor_gets_the_pixel_and_a_person_is_told_to_take_the_leaver_off() -> Result<()> {
    let ours = world().asset(AssetKind::Pixel, ID, |a| a.owned_by(BUSINESS).assign(BUSINESS, ANNA, EDITOR));
    let story = Story::of(ours).await?;
    let event = story.ask(&reassign(Kind::Pixel)).await?;
    ends(&event, "incomplete", json!(true))?;
    let left = &event["data"]["results"][0];
    assert_eq!(left["asset"], json!({"kind": "pixel", "id": ID}), "{event:#}");
    assert_eq!(left["error"]["code"], json!("no_removal_call"), "{event:#}");
    assert_eq!(story.meta.world().tasks_on(ID, BUSINESS, BEN).len(), EDITOR.len());
    assert!(
        story.writes().iter().all(|call| call.method == Verb::Post),
        "a call that Meta does not have is never made"
    );
    Ok(())
}

#[tokio::test]
async fn whose_right_on_a_pixel_comes_through_a_group_leaves_it_with_the_group() -> Result<()> {
    let grouped = world().asset(AssetKind::Pixel, ID, |a| a.owned_by(BUSINESS).assign(BUSINESS, BEN, EDITOR)).business(
        BUSINESS,
        |b| {
            let people = b.person(ANNA, "Anna", "anna@northwind.example").person(BEN, "Ben", "ben@northwind.example");
            people.group("5001", &[], &[]).pixel_in_group("5001", ID).on_pixels_in_group("5001", ANNA, EDITOR)
        },
    );
    let story = Story::of(grouped).await?;
    ends(&story.ask(&unassign(Kind::Pixel)).await?, "completed", json!(true))?;
    let writes: Vec<_> = story.writes().iter().map(|call| (call.method, call.path.clone())).collect();
    assert_eq!(writes, [(Verb::Delete, "/5001/assigned_users".to_owned())]);
    assert_eq!(story.meta.world().staff_on(ID, BUSINESS), [BEN.to_owned()].into());
    Ok(())
}

#[tokio::test]
async fn a_group_that_holds_more_than_the_ad_account_is_named_and_not_left() -> Result<()> {
    let grouped = world()
        .asset(AssetKind::AdAccount, "act_504", |a| a.owned_by(BUSINESS).assign(BUSINESS, BEN, MANAGER))
        .asset(AssetKind::Pixel, "505", |a| a.owned_by(BUSINESS))
        .business(BUSINESS, |b| {
            let people = b.person(ANNA, "Anna", "anna@northwind.example").person(BEN, "Ben", "ben@northwind.example");
            let group = people.group("5001", &[], &[]).ad_account_in_group("5001", "act_504");
            group.pixel_in_group("5001", "505").on_ad_accounts_in_group("5001", ANNA, MANAGER)
        });
    let story = Story::of(grouped).await?;
    let event = story.ask(&unassign(Kind::AdAccount)).await?;
    fails(&event, "needs_human", "in_asset_group")?;
    assert!(event.to_string().contains("pixel/505"), "{event:#}");
    assert_eq!(story.writes(), []);
    let both = json!({"id": "r", "command": "reassign", "business": BUSINESS, "from": ANNA, "to": BEN,
        "assets": [{"kind": "ad_account", "id": ID}, {"kind": "pixel", "id": "505"}]});
    ends(&story.ask(&both).await?, "completed", json!(true))?;
    assert_eq!(story.meta.world().staff_on("act_504", BUSINESS), [BEN.to_owned()].into());
    Ok(())
}

#[tokio::test]
async fn nobody_manages_an_instagram_account_so_the_last_person_may_leave_it() -> Result<()> {
    let ours =
        world().asset(AssetKind::InstagramAccount, ID, |a| a.owned_by(BUSINESS).assign(BUSINESS, ANNA, &["CONTENT"]));
    let story = Story::of(ours).await?;
    ends(&story.ask(&unassign(Kind::InstagramAccount)).await?, "completed", json!(true))
}

#[tokio::test]
async fn an_owned_instagram_account_is_let_go_of_only_where_the_command_says_unmanaged() -> Result<()> {
    let ours = world().asset(AssetKind::InstagramAccount, ID, |a| a.owned_by(BUSINESS).instagram_user("17504"));
    let story = Story::of(ours).await?;
    let order = |id, fields| on(Kind::InstagramAccount, "unbind", id, ID, fields);
    fails(&story.ask(&order("u", json!({}))).await?, "needs_human", "would_orphan")?;
    ends(&story.ask(&order("v", json!({"unmanaged": true}))).await?, "completed", json!(true))?;
    let left = story.writes();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].param("instagram_account"), Some("17504"), "the call takes the Instagram user's id");
    Ok(())
}

#[tokio::test]
async fn everything_of_the_leaver_is_every_kind() -> Result<()> {
    let ours = world()
        .page("1001", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER))
        .asset(AssetKind::AdAccount, "act_601", |a| a.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER))
        .asset(AssetKind::Pixel, "602", |a| a.owned_by(BUSINESS).assign(BUSINESS, ANNA, EDITOR))
        .asset(AssetKind::WhatsappAccount, "603", |a| a.owned_by(BUSINESS).assign(BUSINESS, ANNA, &["MANAGE"]))
        .asset(AssetKind::InstagramAccount, "604", |a| a.owned_by(BUSINESS).assign(BUSINESS, ANNA, &["CONTENT"]))
        .asset(AssetKind::Catalog, "605", |a| a.owned_by(BUSINESS).assign(BUSINESS, ANNA, &["MANAGE"]));
    let story = Story::of(ours).await?;
    let order =
        json!({"id": "r", "command": "reassign", "business": BUSINESS, "assets": "all", "from": ANNA, "to": BEN});
    let event = story.ask(&order).await?;
    ends(&event, "incomplete", json!(true))?;
    let results = event["data"]["results"].as_array().cloned().unwrap_or_default();
    let left: Vec<_> = results.iter().filter(|result| result["phase"] != "completed").collect();
    assert_eq!(results.len(), 6, "{event:#}");
    assert!(left.len() == 1 && left[0]["asset"]["kind"] == "pixel", "{event:#}");
    let world = story.meta.world();
    for id in ["act_601", "603", "604", "605"] {
        assert_eq!(world.staff_on(id, BUSINESS), [BEN.to_owned()].into(), "{id}");
    }
    Ok(())
}
