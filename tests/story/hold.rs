//! The stop switch: no new write leaves, nothing is forgotten, and what was stopped goes on where it stood.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, Verb, World};
use serde_json::{Value, json};

use crate::harness::{
    ANNA, BEN, BUSINESS, MANAGER, NEIGHBOUR, Story, cancel, ends, fails, order, orders, phase, world,
};
use crate::rabbit::eventually;

const PAGE: &str = "1001";
/// A call at Meta is given up after it.
const CALL_WITHIN: Duration = Duration::from_secs(1);

/// Anna and Ben manage the Page.
fn both_on(world: World, page: &str) -> World {
    world.page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER))
}

fn unassign(id: &str) -> Value {
    order("unassign", id, PAGE, json!({"user": ANNA}))
}

async fn hold(story: &Story, what: &str) -> Result<()> {
    let told = story.cli(&["hold", what, "--reason", "a leaked token", "--actor", "kim"], &[]).await?;
    told.ends(0, &["is on hold since", "by kim", "a leaked token"])
}

async fn resume(story: &Story, what: &str) -> Result<()> {
    story.cli(&["resume", what, "--reason", "a new token", "--actor", "lee"], &[]).await?.ends(0, &["goes on"])
}

/// How often it was told that it waits; a repeated delivery is no second word.
fn waits(story: &Story, id: &str) -> usize {
    let waiting = story.events_of(id).into_iter().filter(|event| phase(event) == "waiting");
    waiting.map(|event| event["id"].to_string()).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn a_hold_keeps_writes_back_and_lets_reads_and_the_neighbour_go_on() -> Result<()> {
    let world = both_on(world(), PAGE).page("1002", |p| p.owned_by(NEIGHBOUR).direct_admin("92002"));
    let story = Story::of(world).await?;
    hold(&story, BUSINESS).await?;
    story.send(&unassign("u")).await?;
    let waiting = story.told("u", "waiting").await?;
    ensure!(
        waiting["data"]["waiting"]["cause"] == "hold" && waiting["data"]["waiting"]["until"].is_null(),
        "{waiting:#}"
    );
    let inspect = json!({"id": "i", "command": "inspect", "business": BUSINESS, "kinds": ["page"], "people": false});
    ends(&story.ask(&inspect).await?, "completed", json!(false))?;
    let mut others = order("assign", "n", "1002", json!({"user": "3101", "tasks": ["ANALYZE"]}));
    others["business"] = json!(NEIGHBOUR);
    ends(&story.ask(&others).await?, "completed", json!(true))?;
    assert_eq!(story.writes().len(), 1, "the neighbour's alone");
    resume(&story, BUSINESS).await?;
    ends(&story.event_of("u").await?, "completed", json!(true))?;
    assert_eq!((story.writes().len(), waits(&story, "u")), (2, 1), "done once, told once");
    Ok(())
}

#[tokio::test]
async fn what_is_on_hold_is_told_wherever_somebody_looks_and_who_did_it_is_in_the_log() -> Result<()> {
    let story = Story::of(both_on(world(), PAGE)).await?;
    story.cli(&["hold"], &[]).await?.ends(0, &["nothing is on hold"])?;
    hold(&story, BUSINESS).await?;
    story.send(&unassign("u")).await?;
    story.told("u", "waiting").await?;
    story.cli(&["hold"], &[]).await?.ends(0, &["business 2001 is on hold", "by kim", "a leaked token"])?;
    let why = story.cli(&["explain", "u"], &[]).await?;
    why.ends(0, &["met the stop switch", "by kim: a leaked token", "bindery resume 2001"])?;
    story.cli(&["list", "--state", "waiting"], &[]).await?.ends(0, &["waiting for hold"])?;
    story.cli(&["status", "u"], &[]).await?.ends(0, &["waiting for hold"])?;
    story.cli(&["doctor"], &[]).await?.ends(0, &["business 2001 is on hold", "bindery resume 2001"])?;
    ensure!(story.is_ready(), "on hold is ready: {}", story.readiness());
    hold(&story, BUSINESS).await?;
    resume(&story, BUSINESS).await?;
    let again = story.cli(&["resume", BUSINESS, "--reason", "twice"], &[]).await?;
    again.ends(0, &["business 2001 was not on hold"])?;
    let log = story.cli(&["dead", "log"], &[]).await?;
    log.ends(
        0,
        &["kim  hold  2001  on hold (because: a leaked token)", "lee  resume  2001  resumed (because: a new token)"],
    )
}

#[tokio::test]
async fn a_hold_of_everything_and_one_of_a_business_are_lifted_apart() -> Result<()> {
    let story = Story::of(both_on(world(), PAGE)).await?;
    hold(&story, BUSINESS).await?;
    hold(&story, "--all").await?;
    story.send(&unassign("u")).await?;
    story.told("u", "waiting").await?;
    let lifted = story.cli(&["resume", "--all", "--reason", "mended"], &[]).await?;
    lifted.ends(0, &["everything goes on", "still: business 2001 is on hold"])?;
    let last = story.last_call();
    let inspect = json!({"id": "i", "command": "inspect", "business": BUSINESS, "kinds": ["page"], "people": false});
    story.ask(&inspect).await?;
    ensure!(!story.meta.calls_after(last).iter().any(bindery::graph_sim::Call::is_write), "its own hold stands");
    resume(&story, BUSINESS).await?;
    ends(&story.event_of("u").await?, "completed", json!(true))
}

/// F63: pulled in the middle of a mass command.
#[tokio::test]
async fn f63_once_the_switch_is_pulled_no_new_write_leaves_and_resume_goes_on_where_it_stopped() -> Result<()> {
    let pages: Vec<String> = (0..60).map(|n| format!("{}", 5_000 + n)).collect();
    let world = pages.iter().fold(world(), |world, page| both_on(world, page));
    let story = Story::with(world, &[("LIMITS__IN_FLIGHT", "4")]).await?;
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    story.send(&orders("unassign", "mass", &pages, json!({"user": ANNA}))).await?;
    story.call("its tenth write", |call| call.n > 0 && call.is_write() && story.writes().len() >= 10).await?;
    hold(&story, "--all").await?;
    let pulled = story.meta.now();
    let waiting = story.told("mass", "waiting").await?;
    ensure!(waiting["data"]["waiting"]["cause"] == "hold", "{waiting:#}");
    eventually("all that is left waits", || async {
        let listed = story.cli(&["list", "--state", "waiting", "--limit", "100", "--json"], &[]).await?.json()?;
        let ended = story.cli(&["list", "--state", "ended", "--limit", "100", "--json"], &[]).await?.json()?;
        let count = |listed: &Value| listed.as_array().map_or(0, Vec::len);
        Ok(count(&listed) + count(&ended) == pages.len())
    })
    .await?;
    let made = story.writes();
    ensure!(made.len() < pages.len(), "it came too late to stop anything");
    let late: Vec<_> = made.iter().filter(|call| call.at > pulled + CALL_WITHIN).collect();
    ensure!(late.is_empty(), "left after the switch was pulled: {late:#?}");
    resume(&story, "--all").await?;
    ends(&story.event_of("mass").await?, "completed", json!(true))?;
    assert_eq!(story.writes().len(), pages.len(), "each once");
    assert_eq!(waits(&story, "mass"), 1);
    Ok(())
}

#[tokio::test]
async fn a_hold_outlives_the_worker_and_is_pulled_and_lifted_without_one() -> Result<()> {
    let mut story = Story::of(both_on(world(), PAGE)).await?;
    story.stop().await?;
    let told = story.cli(&["hold", BUSINESS, "--reason", "at night", "--actor", "kim"], &[]).await?;
    told.ends(0, &["is on hold", "the next one heeds it from its start"])?;
    story.send(&unassign("u")).await?;
    story.restart().await?;
    story.told("u", "waiting").await?;
    story.kill().await?;
    story.restart().await?;
    ends(
        &story.ask(&order("assign", "a", "1999", json!({"user": BEN, "tasks": ["ANALYZE"]}))).await?,
        "failed",
        json!(false),
    )?;
    assert_eq!((story.writes(), waits(&story, "u")), (vec![], 1), "it waits on, and is not told again");
    story.stop().await?;
    resume(&story, BUSINESS).await?;
    story.restart().await?;
    ends(&story.event_of("u").await?, "completed", json!(true))?;
    assert_eq!(story.writes().len(), 1);
    Ok(())
}

#[tokio::test]
async fn with_the_successor_in_place_and_the_removal_to_follow_it_stays_where_it_is() -> Result<()> {
    let world = world().page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    let story = Story::of(world).await?;
    story.meta.break_next(Break::next(Verb::Post, "assigned_users", How::Slow(0)));
    story.meta.lag(Duration::from_millis(800));
    story.send(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN}))).await?;
    story.call("the successor's grant", |call| call.is(Verb::Post, "assigned_users")).await?;
    hold(&story, BUSINESS).await?;
    story.told("r", "waiting").await?;
    story.send(&cancel("stop", "r")).await?;
    eventually("it is told to stop", || async {
        Ok(story.cli(&["explain", "r"], &[]).await?.out.contains("stop has told it to stop"))
    })
    .await?;
    assert_eq!((story.posts("assigned_users"), waits(&story, "r")), (1, 1));
    ensure!(story.writes().len() == 1, "nothing leaves, not even what ends in safety: {:#?}", story.writes());
    resume(&story, BUSINESS).await?;
    story.event_of("r").await?;
    let world = story.meta.world();
    let people = world.pages[PAGE].assigned.get(BUSINESS).context("nobody is on the Page")?;
    ensure!(people.contains_key(BEN), "the successor stays: {people:?}");
    Ok(())
}

#[tokio::test]
async fn what_changed_by_hand_during_the_hold_is_seen_before_anything_is_taken() -> Result<()> {
    let story = Story::of(both_on(world(), PAGE)).await?;
    hold(&story, BUSINESS).await?;
    story.send(&unassign("u")).await?;
    story.told("u", "waiting").await?;
    story.meta.edit(|world| {
        *world = world.clone().page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    });
    resume(&story, BUSINESS).await?;
    fails(&story.event_of("u").await?, "needs_human", "would_orphan")?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_cancel_and_a_deadline_end_what_waits_without_a_write() -> Result<()> {
    let story = Story::of(both_on(both_on(world(), PAGE), "1002")).await?;
    hold(&story, "--all").await?;
    story.send(&unassign("c")).await?;
    story.told("c", "waiting").await?;
    ends(&story.ask(&cancel("stop", "c")).await?, "completed", json!(true))?;
    ends(&story.event_of("c").await?, "cancelled", json!(false))?;
    let soon = (story.meta.now() + Duration::from_secs(2)).to_string();
    let expired = story.ask(&order("unassign", "e", "1002", json!({"user": ANNA, "expires_at": soon}))).await?;
    ends(&expired, "expired", json!(false))?;
    assert_eq!(expired["data"]["expired_because"], "not_started");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_to_be_withdrawn_stays_at_meta_while_its_business_is_held() -> Result<()> {
    let story = Story::of(crate::harness::clients_page(PAGE)).await?;
    story.send(&crate::harness::agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    hold(&story, BUSINESS).await?;
    story.send(&cancel("stop", "c")).await?;
    story.told("c", "waiting").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    resume(&story, BUSINESS).await?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    assert_eq!(story.writes().len(), 1, "what was granted meanwhile is not taken back");
    Ok(())
}

#[tokio::test]
async fn a_dry_run_is_held_back_by_nothing() -> Result<()> {
    let story = Story::of(both_on(world(), PAGE)).await?;
    hold(&story, "--all").await?;
    ends(
        &story.ask(&order("unassign", "d", PAGE, json!({"user": ANNA, "dry_run": true}))).await?,
        "completed",
        json!(false),
    )
}

#[tokio::test]
async fn nothing_is_stopped_without_a_reason_or_without_saying_what() -> Result<()> {
    let story = Story::of(world()).await?;
    story.cli(&["hold", BUSINESS], &[]).await?.ends(2, &["--reason"])?;
    story.cli(&["hold", BUSINESS, "--reason", " "], &[]).await?.ends(2, &["reason must be said"])?;
    story.cli(&["hold", BUSINESS, "--all", "--reason", "x"], &[]).await?.ends(2, &["cannot be used with"])?;
    story.cli(&["hold", "northwind", "--reason", "x"], &[]).await?.ends(2, &["northwind"])?;
    story.cli(&["resume", "--reason", "x"], &[]).await?.ends(2, &["BUSINESS"])?;
    story.cli(&["hold"], &[]).await?.ends(0, &["nothing is on hold"])
}
