//! `unbind`: people first, then the Page.

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::Verb;
use serde_json::json;

use crate::harness::{
    ANNA, BEN, BUSINESS, MANAGER, OUTSIDER, OWNER, Story, agency_claim, annas_page, clients_page, ends, fails, order,
    phase, world,
};

const PAGE: &str = "1001";

#[tokio::test]
async fn people_are_taken_off_before_the_page_goes() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| {
        let staffed = p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, &["ANALYZE"]);
        staffed.direct_admin(OUTSIDER)
    }))
    .await?;
    ends(&story.ask(&order("unbind", "u", PAGE, json!({}))).await?, "completed", json!(true))?;
    let edges: Vec<_> = story.writes().iter().map(|call| (call.method, call.path.clone())).collect();
    let people = (Verb::Delete, format!("/{PAGE}/assigned_users"));
    assert_eq!(edges, [people.clone(), people, (Verb::Delete, format!("/{BUSINESS}/pages"))]);
    assert!(!story.meta.world().is_owned(PAGE, BUSINESS));
    Ok(())
}

#[tokio::test]
async fn people_stay_where_the_command_says_so() -> Result<()> {
    let shared =
        world().page(PAGE, |p| p.owned_by(OWNER).shared_with(BUSINESS, MANAGER).assign(BUSINESS, ANNA, MANAGER));
    let story = Story::of(shared).await?;
    let event = story.ask(&order("unbind", "u", PAGE, json!({"remove_people": false}))).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(story.writes().len(), 1);
    Ok(())
}

#[tokio::test]
async fn agency_access_is_given_up_though_nobody_outside_manages() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.owned_by(OWNER).shared_with(BUSINESS, MANAGER))).await?;
    ends(&story.ask(&order("unbind", "u", PAGE, json!({}))).await?, "completed", json!(true))?;
    let world = story.meta.world();
    assert!(world.is_owned(PAGE, OWNER) && world.pages[PAGE].agencies.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_page_linked_to_instagram_needs_a_person() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER).instagram())).await?;
    fails(&story.ask(&order("unbind", "u", PAGE, json!({}))).await?, "needs_human", "42001")?;
    assert!(story.meta.world().is_owned(PAGE, BUSINESS));
    Ok(())
}

#[tokio::test]
async fn a_failure_after_the_people_have_gone_says_that_something_changed() -> Result<()> {
    let linked =
        world().page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).direct_admin(OUTSIDER).instagram());
    let story = Story::of(linked).await?;
    let event = story.ask(&order("unbind", "u", PAGE, json!({}))).await?;
    fails(&event, "needs_human", "42001")?;
    ensure!(event["data"]["changed"] == true, "Anna is off: {event:#}");
    Ok(())
}

#[tokio::test]
async fn two_factor_authentication_needs_a_person() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER).two_factor())).await?;
    fails(&story.ask(&order("unbind", "u", PAGE, json!({}))).await?, "needs_human", "415")
}

#[tokio::test]
async fn a_page_that_nobody_outside_manages_is_kept() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    for (id, fields) in [("a", json!({})), ("b", json!({"unmanaged": true})), ("c", json!({"dry_run": true}))] {
        fails(&story.ask(&order("unbind", id, PAGE, fields)).await?, "needs_human", "would_orphan").context(id)?;
    }
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_page_whose_managers_cannot_be_seen_goes_only_when_told_so() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER).refuses_roles())).await?;
    fails(&story.ask(&order("unbind", "a", PAGE, json!({}))).await?, "needs_human", "would_orphan")?;
    assert_eq!(story.writes(), []);
    let event = story.ask(&order("unbind", "b", PAGE, json!({"unmanaged": true}))).await?;
    ends(&event, "completed", json!(true))
}

#[tokio::test]
async fn a_page_that_is_not_held_is_left_alone() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    ends(&story.ask(&order("unbind", "u", PAGE, json!({}))).await?, "completed", json!(false))?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_protected_page_is_kept() -> Result<()> {
    let page = world().page(PAGE, |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER));
    let story = Story::with(page, &[("PROTECTED", "page/1001")]).await?;
    fails(&story.ask(&order("unbind", "u", PAGE, json!({}))).await?, "conflict", "protected")?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn an_open_claim_is_withdrawn_by_an_unbind() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    ends(&story.ask(&order("unbind", "u", PAGE, json!({}))).await?, "completed", json!(true))?;
    ensure!(phase(&story.event_of("c").await?) == "cancelled", "{:#?}", story.events_of("c"));
    assert!(story.meta.world().requests.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_claim_granted_meanwhile_is_confirmed_and_the_unbind_goes_on_from_there() -> Result<()> {
    let story = Story::with(clients_page(PAGE), &[("POLL__FIRST", "10m"), ("POLL__MAX", "10m")]).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.ask(&order("unbind", "u", PAGE, json!({}))).await?, "completed", json!(true))?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    assert!(story.meta.world().pages[PAGE].agencies.is_empty());
    Ok(())
}
