//! `transfer`: a Page moves between two businesses of ours, and nobody loses it on the way.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::crash::CrashPoint;
use bindery::graph_sim::{Break, Call, How, Verb, World};
use serde_json::{Value, json};

use crate::harness::{ANNA, BUSINESS, MANAGER, NEIGHBOUR, OUTSIDER, Story, cancel, ends, fails, order, phase, world};
use crate::rabbit;

const PAGE: &str = "1001";
/// Who acts for the new business.
const CLAIMER: &str = "92002";
const TOKEN: &str = "neighbours-token-never-to-be-shown";
/// The new business has a credential of its own.
const SETTINGS: &[(&str, &str)] = &[
    ("CREDENTIALS__NEIGHBOUR__BUSINESSES", NEIGHBOUR),
    ("CREDENTIALS__NEIGHBOUR__ACCESS_TOKEN", TOKEN),
    ("COOL_DOWN", "1s"),
];

/// A Page of the old business, with Anna on it, an outsider and the claimer as its admins.
fn movable(world: World) -> World {
    let neighbour = world.business(NEIGHBOUR, |b| b.token(TOKEN).person("3101", "Cleo", "cleo@southwind.example"));
    neighbour.page(PAGE, |p| {
        p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).direct_admin(OUTSIDER).direct_admin(CLAIMER)
    })
}

fn transfer(id: &str, fields: Value) -> Value {
    let mut order = order("transfer", id, PAGE, json!({"to_business": NEIGHBOUR}));
    if let (Some(order), Value::Object(fields)) = (order.as_object_mut(), fields) {
        order.extend(fields);
    }
    order
}

fn edges(story: &Story) -> Vec<(Verb, String)> {
    story.writes().iter().map(|call| (call.method, call.path.clone())).collect()
}

fn moved() -> [(Verb, String); 3] {
    [
        (Verb::Delete, format!("/{PAGE}/assigned_users")),
        (Verb::Delete, format!("/{BUSINESS}/pages")),
        (Verb::Post, format!("/{NEIGHBOUR}/owned_pages")),
    ]
}

#[tokio::test]
async fn the_old_business_lets_go_and_the_new_one_claims_after_the_cool_down() -> Result<()> {
    let story = Story::with(movable(world()), SETTINGS).await?;
    let event = story.ask(&transfer("t", json!({}))).await?;
    ends(&event, "confirmed", json!(true))?;
    assert_eq!(edges(&story), moved());
    let writes = story.writes();
    ensure!(writes[2].at >= writes[1].at + Duration::from_secs(1), "no cool-down: {writes:#?}");
    assert!(story.meta.world().is_owned(PAGE, NEIGHBOUR));
    ends(&story.ask(&transfer("again", json!({}))).await?, "confirmed", json!(false))
}

#[tokio::test]
async fn what_forbids_it_is_told_before_anything_is_touched() -> Result<()> {
    let with = |page: &str, linked: bool, admins: &[&str]| {
        let (page, admins) = (page.to_owned(), admins.iter().map(ToString::to_string).collect::<Vec<_>>());
        move |world: World| {
            world.page(&page, |p| {
                let p = admins
                    .iter()
                    .fold(p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER), |p, id| p.direct_admin(id));
                if linked { p.instagram() } else { p }
            })
        }
    };
    let world = with("1002", true, &[OUTSIDER, CLAIMER])(movable(world()));
    let world = with("1004", false, &[OUTSIDER])(with("1003", false, &[])(world));
    let story = Story::with(world, SETTINGS).await?;
    for (page, category, code) in [
        ("1002", "needs_human", "instagram_linked"),
        ("1003", "needs_human", "would_orphan"),
        ("1004", "needs_human", "no_page_admin"),
        ("1999", "conflict", "not_owned"),
    ] {
        let asked = order("transfer", &format!("t-{page}"), page, json!({"to_business": NEIGHBOUR}));
        let event = story.ask(&asked).await?;
        fails(&event, category, code)?;
        ensure!(event["data"]["changed"] == false, "{event:#}");
    }
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn one_that_let_go_and_cannot_claim_says_where_the_page_is() -> Result<()> {
    let story = Story::with(movable(world()), SETTINGS).await?;
    story.meta.break_next(Break::next(Verb::Post, "/owned_pages", How::error(3977)).times(9));
    let event = story.ask(&transfer("t", json!({}))).await?;
    ensure!(phase(&event) == "failed" && event["data"]["changed"] == true, "{event:#}");
    let told = event["data"]["error"].to_string();
    ensure!(told.contains("page/1001 has left business 2001 and is not in business 2002"), "{told}");
    ensure!(told.contains("send a `claim` for business 2002"), "{told}");
    let world = story.meta.world();
    ensure!(world.pages[PAGE].roles.contains_key(OUTSIDER), "a person with full control still has it");
    Ok(())
}

#[tokio::test]
async fn an_admin_of_fewer_than_seven_days_waits_for_an_approval_and_is_told_so() -> Result<()> {
    let young = an_hour_ago();
    let world =
        movable(world()).page(PAGE, |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER).direct_admin_since(CLAIMER, young));
    let story = Story::with(world, SETTINGS).await?;
    let planned = story.ask(&transfer("dry", json!({"dry_run": true}))).await?;
    ensure!(planned["data"]["plan"].to_string().contains("more than 7 days"), "{planned:#}");
    story.send(&transfer("t", json!({}))).await?;
    story.told("t", "pending").await?;
    story.meta.approve(NEIGHBOUR, PAGE, None)?;
    ends(&story.event_of("t").await?, "confirmed", json!(true))
}

#[tokio::test]
async fn a_cancel_after_it_let_go_leaves_the_claim_and_the_page_arrives() -> Result<()> {
    let young = an_hour_ago();
    let world =
        movable(world()).page(PAGE, |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER).direct_admin_since(CLAIMER, young));
    let story = Story::with(world, SETTINGS).await?;
    story.send(&transfer("t", json!({}))).await?;
    story.told("t", "pending").await?;
    story.send(&cancel("stop", "t")).await?;
    let told = || async { Ok(story.cli(&["explain", "t"], &[]).await?.out.contains("stop has told it to stop")) };
    rabbit::eventually("it is told to stop", told).await?;
    story.meta.approve(NEIGHBOUR, PAGE, None)?;
    ends(&story.event_of("t").await?, "confirmed", json!(true))?;
    story.event_of("stop").await?;
    assert_eq!(story.writes().len(), 2, "let go, and claimed; nothing was withdrawn");
    Ok(())
}

#[tokio::test]
async fn neither_a_cancel_nor_the_deadline_in_the_cool_down_keeps_the_new_business_from_claiming() -> Result<()> {
    let world = movable(world()).page("1002", |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER).direct_admin(CLAIMER));
    let mut story = Story::prepared(rabbit::vhost().await?, world, SETTINGS).await?;
    story.set("COOL_DOWN", "4s");
    story.restart().await?;
    story.send(&transfer("t", json!({}))).await?;
    let soon = (story.meta.now() + Duration::from_secs(3)).to_string();
    let mut late = order("transfer", "late", "1002", json!({"to_business": NEIGHBOUR, "cool_down": "6s"}));
    late["expires_at"] = json!(soon);
    story.send(&late).await?;
    let let_go = |call: &Call| call.is(Verb::Delete, "pages") && call.param("page_id") == Some(PAGE);
    story.call("the Page is let go of", let_go).await?;
    story.send(&cancel("stop", "t")).await?;
    for id in ["t", "late"] {
        ends(&story.event_of(id).await?, "confirmed", json!(true))?;
    }
    fails(&story.event_of("stop").await?, "conflict", "ended_otherwise")?;
    assert_eq!(story.posts("owned_pages"), 2);
    Ok(())
}

#[tokio::test]
async fn a_cancel_before_the_page_is_let_go_of_ends_it_with_what_was_done() -> Result<()> {
    let story = Story::with(movable(world()), SETTINGS).await?;
    story.meta.lag(Duration::from_millis(900));
    story.send(&transfer("t", json!({}))).await?;
    story.call("Anna is taken off", |call| call.is(Verb::Delete, "assigned_users")).await?;
    story.send(&cancel("stop", "t")).await?;
    ends(&story.event_of("t").await?, "cancelled", json!(true))?;
    assert_eq!(story.writes().len(), 1, "the Page stays where it is");
    assert!(story.meta.world().is_owned(PAGE, BUSINESS));
    Ok(())
}

#[tokio::test]
async fn one_that_is_denied_says_where_the_page_is() -> Result<()> {
    let young = an_hour_ago();
    let world =
        movable(world()).page(PAGE, |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER).direct_admin_since(CLAIMER, young));
    let story = Story::with(world, SETTINGS).await?;
    story.send(&transfer("t", json!({}))).await?;
    story.told("t", "pending").await?;
    story.meta.deny(NEIGHBOUR, PAGE)?;
    let event = story.event_of("t").await?;
    ends(&event, "denied", json!(true))?;
    ensure!(event["data"]["error"]["message"].to_string().contains("has left business 2001"), "{event:#}");
    let again = story.ask(&order("claim", "c", PAGE, json!({"access": "owner", "business": NEIGHBOUR}))).await?;
    fails(&again, "conflict", "denied_before")
}

#[tokio::test]
async fn a_hold_of_the_new_business_keeps_the_old_one_from_letting_go() -> Result<()> {
    let story = Story::with(movable(world()), SETTINGS).await?;
    story.cli(&["hold", NEIGHBOUR, "--reason", "a story"], &[]).await?.ends(0, &["is on hold"])?;
    story.send(&transfer("t", json!({}))).await?;
    story.told("t", "waiting").await?;
    assert_eq!(story.writes(), []);
    story.cli(&["resume", NEIGHBOUR, "--reason", "a story"], &[]).await?.ends(0, &["goes on"])?;
    ends(&story.event_of("t").await?, "confirmed", json!(true))
}

#[tokio::test]
async fn a_notice_tells_whom_it_concerns_and_a_cancel_in_it_leaves_all_as_it_was() -> Result<()> {
    let story = Story::with(movable(world()), SETTINGS).await?;
    story.send(&transfer("t", json!({"notice": "1h"}))).await?;
    let announced = story.told("t", "announced").await?;
    ensure!(announced["data"]["people"].to_string().contains(ANNA), "{announced:#}");
    ends(&story.ask(&cancel("stop", "t")).await?, "completed", json!(true))?;
    ends(&story.event_of("t").await?, "cancelled", json!(false))?;
    assert_eq!(story.writes(), []);
    Ok(())
}

/// The worker dies once at every point of every write; each time the Page arrives, and nothing is written twice.
#[tokio::test]
async fn a_worker_that_dies_at_any_step_of_it_goes_on_and_the_page_arrives() -> Result<()> {
    for point in [CrashPoint::Intended, CrashPoint::Answered, CrashPoint::Recorded] {
        let vhost = rabbit::vhost().await?;
        let mut story = Story::prepared(vhost, movable(world()), SETTINGS).await?;
        story.set("COOL_DOWN", "100ms");
        story.surround("BINDERY_CRASH_AT", point.name());
        story.surround("BINDERY_CRASH_ABOUT", "t");
        story.restart().await?;
        story.send(&transfer("t", json!({}))).await?;
        // Each worker takes up what the one before left, and dies over its first write.
        for write in 0..2 {
            story.death().await.with_context(|| format!("{point:?}, {write}"))?;
            story.start()?;
        }
        story.death().await?;
        story.surround("BINDERY_CRASH_AT", "");
        story.restart().await?;
        ends(&story.event_of("t").await?, "confirmed", json!(true)).with_context(|| format!("{point:?}"))?;
        assert_eq!((edges(&story), story.endings_of("t").len()), (moved().to_vec(), 1), "{point:?}");
        ensure!(story.meta.world().is_owned(PAGE, NEIGHBOUR), "{point:?}");
    }
    Ok(())
}

/// An admin since then is none of seven days.
fn an_hour_ago() -> jiff::Timestamp {
    jiff::Timestamp::now() - Duration::from_secs(3_600)
}
