//! `claim`: every way in which it ends.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, Verb};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness::{
    BUSINESS, NEIGHBOUR, OWNER, Story, WORKER, agency_claim, annas_page, cancel, clients_page, ends, fails, order,
    owner_claim, phase, world,
};

const PAGE: &str = "1001";

#[tokio::test]
async fn an_owner_claim_by_an_admin_is_confirmed_at_once() -> Result<()> {
    let mut story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    let event = story.ask(&owner_claim("c", PAGE)).await?;
    ends(&event, "confirmed", json!(true))?;
    assert_eq!((&event["type"], &event["subject"]), (&json!("bindery.claim.confirmed"), &json!("page/1001")));
    assert_eq!(story.events_of("c").len(), 1, "nothing on the way, one end");
    assert!(story.meta.world().is_owned(PAGE, BUSINESS));
    story.stop().await
}

#[tokio::test]
async fn an_agency_claim_is_pending_until_the_client_approves() -> Result<()> {
    let mut story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    let pending = story.told("c", "pending").await?;
    assert_eq!((&pending["data"]["sequence"], &pending["data"]["terminal"]), (&json!(1), &json!(false)));
    story.meta.approve(BUSINESS, PAGE, None)?;
    let event = story.event_of("c").await?;
    ends(&event, "confirmed", json!(true))?;
    assert_eq!(event["data"]["granted_tasks"], json!(["ADVERTISE", "ANALYZE"]));
    assert_eq!((event["data"]["sequence"].as_u64(), story.posts("client_pages")), (Some(2), 1));
    story.stop().await
}

#[tokio::test]
async fn an_approval_with_fewer_tasks_tells_those_that_were_granted() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, Some(&["ANALYZE"]))?;
    let event = story.event_of("c").await?;
    ends(&event, "confirmed", json!(true))?;
    assert_eq!(event["data"]["granted_tasks"], json!(["ANALYZE"]));
    Ok(())
}

#[tokio::test]
async fn a_denied_claim_is_reported_once_and_never_polled_again() -> Result<()> {
    let other = "1002";
    let story = Story::of(clients_page(PAGE).page(other, |p| p.owned_by(OWNER))).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.deny(BUSINESS, PAGE)?;
    let event = story.event_of("c").await?;
    ends(&event, "denied", json!(true))?;
    assert_eq!(event["data"]["inferred"], json!(true), "Meta gave no sign, we concluded");
    let denied = story.last_call();
    // The sweep is alive: it looks again and again at another business's claim.
    let mut neighbours = agency_claim("n", other);
    neighbours["business"] = json!(NEIGHBOUR);
    story.send(&neighbours).await?;
    let pending = format!("/{NEIGHBOUR}/pending_client_pages");
    let first = story.call("a first look", |call| call.n > denied && call.path == pending).await?;
    story.call("a second look", |call| call.n > first.n && call.path == pending).await?;
    let about_it = |call: &&bindery::graph_sim::Call| call.path.contains(BUSINESS);
    assert_eq!(story.meta.calls_after(denied).iter().filter(about_it).count(), 0);
    assert_eq!(story.events_of("c").len(), 2, "pending and denied");
    Ok(())
}

#[tokio::test]
async fn a_claim_denied_before_needs_to_be_asked_again_on_purpose() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.owned_by(OWNER).denies_after(0))).await?;
    ends(&story.ask(&agency_claim("first", PAGE)).await?, "denied", json!(true))?;
    let event = story.ask(&agency_claim("second", PAGE)).await?;
    fails(&event, "conflict", "denied_before")?;
    assert_eq!(story.posts("client_pages"), 1);
    let mut again = agency_claim("third", PAGE);
    again["again"] = json!(true);
    ends(&story.ask(&again).await?, "denied", json!(true))?;
    assert_eq!(story.posts("client_pages"), 2);
    Ok(())
}

#[tokio::test]
async fn an_owner_claim_by_one_who_is_no_admin_is_a_permission_failure() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p)).await?;
    fails(&story.ask(&owner_claim("c", PAGE)).await?, "permission", "3977")?;
    assert_eq!(story.posts("owned_pages"), 1, "a refusal is not repeated");
    Ok(())
}

#[tokio::test]
async fn a_page_that_another_business_owns_is_not_ours() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.owned_by(OWNER).direct_admin(WORKER))).await?;
    let event = story.ask(&owner_claim("c", PAGE)).await?;
    ensure!(phase(&event) == "failed" && event["data"]["error"]["code"] == "3918", "{event:#}");
    assert_eq!((&event["data"]["changed"], story.posts("owned_pages")), (&json!(false), 1));
    Ok(())
}

#[tokio::test]
async fn an_admin_for_less_than_seven_days_waits_for_approval() -> Result<()> {
    let recently = Timestamp::now() - SignedDuration::from_hours(24);
    let story = Story::of(world().page(PAGE, |p| p.direct_admin_since(WORKER, recently))).await?;
    story.send(&owner_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))
}

#[tokio::test]
async fn a_page_that_is_held_already_is_confirmed_without_a_write() -> Result<()> {
    let shared = world().page("1002", |p| p.owned_by(OWNER).shared_with(BUSINESS, &["ADVERTISE", "ANALYZE"]));
    let story = Story::of(shared.page(PAGE, |p| p.owned_by(BUSINESS))).await?;
    for claim in [owner_claim("own", PAGE), agency_claim("agency", "1002")] {
        ends(&story.ask(&claim).await?, "confirmed", json!(false))?;
    }
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_page_that_is_held_with_fewer_tasks_is_a_conflict() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.owned_by(OWNER).shared_with(BUSINESS, &["ANALYZE"]))).await?;
    fails(&story.ask(&agency_claim("c", PAGE)).await?, "conflict", "held_with_fewer_tasks")?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_page_that_does_not_exist_fails() -> Result<()> {
    let story = Story::of(world()).await?;
    let event = story.ask(&agency_claim("c", "1999")).await?;
    ensure!(phase(&event) == "failed" && event["data"]["error"]["code"] == "100", "{event:#}");
    Ok(())
}

#[tokio::test]
async fn a_claim_that_is_pending_at_its_deadline_is_withdrawn_and_expires() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    let mut claim = agency_claim("c", PAGE);
    claim["expires_at"] = json!((Timestamp::now() + Duration::from_secs(3)).to_string());
    story.send(&claim).await?;
    story.told("c", "pending").await?;
    let event = story.event_of("c").await?;
    ensure!(phase(&event) == "expired" && event["data"]["expired_because"] == "deadline", "{event:#}");
    assert!(story.meta.world().requests.is_empty(), "withdrawn at Meta");
    Ok(())
}

#[tokio::test]
async fn a_claim_whose_deadline_has_passed_is_never_started() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    let mut claim = agency_claim("c", PAGE);
    claim["expires_at"] = json!("2026-01-01T00:00:00Z");
    let event = story.ask(&claim).await?;
    ensure!(phase(&event) == "expired" && event["data"]["expired_because"] == "not_started", "{event:#}");
    assert_eq!((&event["data"]["changed"], story.writes().len()), (&json!(false), 0));
    Ok(())
}

#[tokio::test]
async fn a_claim_that_nobody_answers_is_given_up_and_withdrawn() -> Result<()> {
    let story = Story::with(clients_page(PAGE), &[("POLL__GIVE_UP_AFTER", "2s")]).await?;
    let event = story.ask(&agency_claim("c", PAGE)).await?;
    ensure!(phase(&event) == "expired" && event["data"]["expired_because"] == "given_up", "{event:#}");
    assert!(story.meta.world().requests.is_empty(), "withdrawn at Meta");
    Ok(())
}

#[tokio::test]
async fn a_pending_claim_that_is_cancelled_is_withdrawn() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    ends(&story.ask(&cancel("stop", "c")).await?, "completed", json!(true))?;
    let event = story.event_of("c").await?;
    ensure!(phase(&event) == "cancelled", "{event:#}");
    assert!(story.meta.world().requests.is_empty(), "withdrawn at Meta");
    let deleted = story.writes().iter().filter(|call| call.is(Verb::Delete, "pages")).count();
    assert_eq!(deleted, 1);
    Ok(())
}

#[tokio::test]
async fn a_claim_is_told_as_pending_once_though_its_cancel_is_slow() -> Result<()> {
    let story = Story::with(clients_page(PAGE), &[("GRAPH__CALL_WITHIN", "5s")]).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.break_next(Break::next(Verb::Delete, "/pages", How::Slow(1)));
    story.ask(&cancel("stop", "c")).await?;
    let told: Vec<_> = story.events_of("c").iter().map(|event| phase(event).to_owned()).collect();
    assert_eq!(told, ["pending", "cancelled"]);
    Ok(())
}

#[tokio::test]
async fn a_cancel_that_meets_a_grant_takes_nothing_back() -> Result<()> {
    let story = Story::with(clients_page(PAGE), &[("POLL__FIRST", "10m"), ("POLL__MAX", "10m")]).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    let cancelled = story.ask(&cancel("stop", "c")).await?;
    fails(&cancelled, "conflict", "ended_otherwise")?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    assert!(story.meta.world().pages[PAGE].agencies.contains_key(BUSINESS));
    Ok(())
}

#[tokio::test]
async fn a_cancel_of_what_has_ended_changes_nothing() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    story.ask(&owner_claim("c", PAGE)).await?;
    ends(&story.ask(&cancel("stop", "c")).await?, "completed", json!(false))?;
    assert_eq!(story.endings_of("c").len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_cancel_that_comes_first_is_remembered() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    ends(&story.ask(&cancel("stop", "c")).await?, "completed", json!(false))?;
    let event = story.ask(&owner_claim("c", PAGE)).await?;
    ends(&event, "cancelled", json!(false))?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn the_same_claim_again_takes_the_open_request_over() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("first", PAGE)).await?;
    story.told("first", "pending").await?;
    story.send(&agency_claim("second", PAGE)).await?;
    let superseded = story.event_of("first").await?;
    ensure!(phase(&superseded) == "cancelled" && superseded["data"]["superseded_by"] == "second", "{superseded:#}");
    story.told("second", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ensure!(phase(&story.event_of("second").await?) == "confirmed", "{:#?}", story.events_of("second"));
    assert_eq!(story.posts("client_pages"), 1, "Meta was asked once");
    assert_eq!(story.writes().len(), 1, "and nothing was withdrawn");
    Ok(())
}

#[tokio::test]
async fn a_claim_with_other_tasks_withdraws_the_open_one_first() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("first", PAGE)).await?;
    story.told("first", "pending").await?;
    story.send(&order("claim", "second", PAGE, json!({"access": "agency", "permitted_tasks": ["ANALYZE"]}))).await?;
    ensure!(phase(&story.event_of("first").await?) == "cancelled", "{:#?}", story.events_of("first"));
    story.told("second", "pending").await?;
    let methods: Vec<Verb> = story.writes().iter().map(|call| call.method).collect();
    assert_eq!(methods, [Verb::Post, Verb::Delete, Verb::Post]);
    let open: Vec<_> = story.meta.world().requests.into_values().collect();
    assert_eq!(open.first().context("no request")?.tasks.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_dry_run_plans_one_step_and_writes_nothing() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    let mut claim = agency_claim("c", PAGE);
    claim["dry_run"] = json!(true);
    let event = story.ask(&claim).await?;
    ends(&event, "completed", json!(false))?;
    let steps = event["data"]["plan"]["steps"].as_array().context("no steps")?;
    ensure!(steps.len() == 1 && steps[0]["path"] == "/2001/client_pages", "{event:#}");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_request_withdrawn_by_hand_ends_as_denied_and_says_that_it_is_inferred() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.withdraw(BUSINESS, PAGE)?;
    let event = story.event_of("c").await?;
    ensure!(phase(&event) == "denied" && event["data"]["inferred"] == true, "{event:#}");
    Ok(())
}

#[tokio::test]
async fn a_page_linked_to_instagram_needs_a_person_before_it_can_be_claimed() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER).instagram())).await?;
    fails(&story.ask(&owner_claim("c", PAGE)).await?, "needs_human", "42001")
}

#[tokio::test]
async fn an_agency_claim_of_the_own_page_fails() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let event = story.ask(&agency_claim("c", PAGE)).await?;
    ensure!(["failed", "confirmed"].contains(&phase(&event)), "{event:#}");
    ensure!(event["data"]["changed"] == false && story.meta.world().is_owned(PAGE, BUSINESS), "{event:#}");
    Ok(())
}
