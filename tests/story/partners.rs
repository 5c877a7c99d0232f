//! `share`, `revoke` and `disconnect` by the worker itself: what others must approve is pending until they do, over a
//! restart too; what is taken counts; a disconnect tells asset by asset. Every cell of every kind is tried beside the
//! client, without a process.

use anyhow::{Context, Result, ensure};
use bindery::contract::Kind;
use bindery::graph_sim::{Approver, AssetBuilder, AssetKind, Verb, World};
use serde_json::{Value, json};

use crate::harness::{ANNA, BUSINESS, MANAGER, NEIGHBOUR, OWNER, Story, cancel, ends, phase, world};
use crate::kinds::on;

const ID: &str = "504";
const ACCOUNT: &str = "act_504";

fn share(id: &str, tasks: &[&str]) -> Value {
    on(Kind::AdAccount, "share", id, ID, json!({"partner": NEIGHBOUR, "permitted_tasks": tasks}))
}

fn revoke(id: &str) -> Value {
    on(Kind::AdAccount, "revoke", id, ID, json!({"partner": NEIGHBOUR}))
}

/// An ad account of [`BUSINESS`] whose shares another admin must approve.
fn approved(build: impl FnOnce(AssetBuilder) -> AssetBuilder) -> World {
    world().asset(AssetKind::AdAccount, ACCOUNT, |a| {
        build(a.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).shared_once_approved(Approver::Admin))
    })
}

fn is_shared(story: &Story) -> bool {
    story.meta.world().assets[ACCOUNT].agencies.contains_key(NEIGHBOUR)
}

#[tokio::test]
async fn a_share_is_pending_over_a_restart_until_an_admin_approves_it_and_then_revoked() -> Result<()> {
    let mut story = Story::of(approved(|a| a)).await?;
    story.send(&share("s", &["ANALYZE"])).await?;
    let pending = story.told("s", "pending").await?;
    ensure!(pending.to_string().contains("another admin of the business approves it"), "{pending:#}");
    story.cli(&["explain", "s"], &[]).await?.ends(0, &["was shared with business 2002", "others must approve it"])?;
    story.kill().await?;
    story.restart().await?;
    ensure!(!is_shared(&story));
    story.meta.approve(NEIGHBOUR, ACCOUNT, None)?;
    let event = story.event_of("s").await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(event["data"]["granted_tasks"], json!(["ANALYZE"]));
    assert_eq!(event["data"]["partner"], json!(NEIGHBOUR));
    assert_eq!(story.posts("agencies"), 1);
    story.cli(&["evidence", "s"], &[]).await?.ends(0, &["walk GET /2001/act_504/agencies"])?;
    ends(&story.ask(&revoke("r")).await?, "completed", json!(true))?;
    let before = story.last_call();
    ensure!(!is_shared(&story));
    // To give it back waits for the admin again.
    story.send(&json!({"id": "u", "command": "undo", "target": "r"})).await?;
    story.call("the share of the undo", |call| call.is_write() && call.n > before).await?;
    story.meta.approve(NEIGHBOUR, ACCOUNT, None)?;
    ends(&story.event_of("u").await?, "completed", json!(true))?;
    ensure!(is_shared(&story));
    Ok(())
}

#[tokio::test]
async fn a_denied_share_is_told_as_inferred_with_the_walks_that_missed_it() -> Result<()> {
    let story = Story::of(approved(|a| a)).await?;
    story.send(&share("s", &["ANALYZE"])).await?;
    story.told("s", "pending").await?;
    // Only what the list has shown can be missed there.
    let shown = |call: &bindery::graph_sim::Call| call.is(Verb::Get, "agencies");
    let before = story.last_call();
    story.call("a walk that shows it", |call| shown(call) && call.n > before).await?;
    story.meta.deny(NEIGHBOUR, ACCOUNT)?;
    let event = story.event_of("s").await?;
    ends(&event, "denied", json!(true))?;
    assert_eq!(event["data"]["inferred"], json!(true));
    let report = story.cli(&["evidence", "s", "--json"], &[]).await?.json()?;
    let walks = report["walks"].as_array().context("no walks")?;
    ensure!(walks.len() == 2 && walks.iter().all(|walk| walk["list"] == "act_504/agencies"), "{walks:#?}");
    Ok(())
}

#[tokio::test]
async fn an_open_share_gives_way_to_a_cancel_to_another_share_and_to_a_revoke() -> Result<()> {
    let story = Story::of(approved(|a| a)).await?;
    story.send(&share("s", &["ANALYZE"])).await?;
    story.told("s", "pending").await?;
    // The same once more takes it over, and Meta is not asked again.
    story.send(&share("t", &["ANALYZE"])).await?;
    let taken = story.event_of("s").await?;
    assert_eq!((phase(&taken), taken["data"]["superseded_by"].as_str()), ("cancelled", Some("t")));
    story.told("t", "pending").await?;
    assert_eq!(story.posts("agencies"), 1);
    // With other tasks it is taken back first.
    story.send(&share("v", &["ADVERTISE", "ANALYZE"])).await?;
    assert_eq!(phase(&story.event_of("t").await?), "cancelled");
    story.told("v", "pending").await?;
    ends(&story.ask(&revoke("r")).await?, "completed", json!(true))?;
    assert_eq!(phase(&story.event_of("v").await?), "cancelled");
    ensure!(story.meta.world().offers.is_empty() && !is_shared(&story));
    story.send(&share("w", &["ANALYZE"])).await?;
    story.told("w", "pending").await?;
    ends(&story.ask(&cancel("x", "w")).await?, "completed", json!(true))?;
    assert_eq!(phase(&story.event_of("w").await?), "cancelled");
    ensure!(story.meta.world().offers.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_partner_that_is_taken_off_counts_in_the_blast_radius() -> Result<()> {
    let two = ["505", "506"].into_iter().fold(world(), |world, page| {
        world.page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).shared_with(NEIGHBOUR, &["ANALYZE"]))
    });
    let story = Story::with(two, &[("OFFBOARDING__BLAST_RADIUS", "1")]).await?;
    let order = |id: &str, page: &str| on(Kind::Page, "revoke", id, page, json!({"partner": NEIGHBOUR}));
    ends(&story.ask(&order("r", "505")).await?, "completed", json!(true))?;
    story.send(&order("s", "506")).await?;
    let waiting = story.told("s", "waiting").await?;
    assert_eq!(waiting["data"]["waiting"]["cause"], json!("release"));
    assert_eq!(story.writes().len(), 1);
    story.cli(&["release", "s", "--reason", "it is wanted"], &[]).await?.ends(0, &["may pass the blast radius"])?;
    ends(&story.event_of("s").await?, "completed", json!(true))
}

#[tokio::test]
async fn a_disconnect_lets_go_of_what_calls_reach_and_names_the_rest() -> Result<()> {
    let held = ["505", "506"].into_iter().fold(world(), |world, page| {
        world.page(page, |p| p.owned_by(OWNER).shared_with(BUSINESS, MANAGER).assign(BUSINESS, ANNA, MANAGER))
    });
    let held = held
        .asset(AssetKind::AdAccount, "act_507", |a| a.owned_by(OWNER).shared_with(BUSINESS, MANAGER))
        .asset(AssetKind::Catalog, "508", |a| a.owned_by(OWNER).shared_with(BUSINESS, &["ADVERTISE"]))
        .page("509", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    let story = Story::of(held).await?;
    let order = |id: &str, more: Value| {
        let mut order = json!({"id": id, "command": "disconnect", "business": BUSINESS});
        order
            .as_object_mut()
            .context("an order")
            .map(|order| order.extend(more.as_object().cloned().unwrap_or_default()))?;
        anyhow::Ok(order)
    };
    let dry = story.ask(&order("dry", json!({"kinds": ["page", "ad_account"], "dry_run": true}))?).await?;
    ends(&dry, "completed", json!(false))?;
    let paths: Vec<&str> = dry["data"]["plan"]["steps"]
        .as_array()
        .context("no plan")?
        .iter()
        .filter_map(|step| step["path"].as_str())
        .collect();
    assert_eq!(paths, ["/2001/ad_accounts", "/2001/pages", "/2001/pages"]);
    assert_eq!(story.writes(), []);
    let event = story.ask(&order("d", json!({"notice": "10ms"}))?).await?;
    ensure!(story.events_of("d").iter().any(|event| phase(event) == "announced"));
    ends(&event, "incomplete", json!(true))?;
    let codes: Vec<(&str, Option<&str>)> = event["data"]["results"]
        .as_array()
        .context("no results")?
        .iter()
        .filter_map(|result| Some((result["asset"]["id"].as_str()?, result["error"]["code"].as_str())))
        .collect();
    ensure!(codes.len() == 4 && codes.contains(&("508", Some("owner_revokes"))), "{event:#}");
    ensure!(codes.iter().filter(|(_, code)| code.is_none()).count() == 3, "{event:#}");
    let world = story.meta.world();
    ensure!(world.pages["509"].owner.as_deref() == Some(BUSINESS), "what is owned stays");
    ensure!(["505", "506"].iter().all(|page| world.pages[*page].agencies.is_empty()));
    Ok(())
}
