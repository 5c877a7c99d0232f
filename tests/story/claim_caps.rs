//! The spam guard: no business has more claims open, or sends more in an hour, than the configuration says.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, Verb, World};
use serde_json::{Value, json};

use crate::harness::{
    ANNA, BUSINESS, MANAGER, NEIGHBOUR, OWNER, Story, agency_claim, cancel, ends, order, orders, phase, world,
};

const FIRST: &str = "1001";
const SECOND: &str = "1002";
const THIRD: &str = "1003";
const OURS: &str = "1009";

fn pages() -> World {
    let ours = world().page(OURS, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    [FIRST, SECOND, THIRD]
        .into_iter()
        .fold(ours, |world, page| world.page(page, |p| p.owned_by(OWNER).assign(OWNER, "3901", MANAGER)))
}

async fn with_one(cap: &str) -> Result<Story> {
    Story::with(pages(), &[(cap, "1")]).await
}

async fn pending(story: &Story, id: &str, page: &str) -> Result<()> {
    story.send(&agency_claim(id, page)).await?;
    story.told(id, "pending").await?;
    Ok(())
}

/// It waits for its turn; until when it says.
async fn waits_for_its_turn(story: &Story, id: &str) -> Result<Value> {
    let event = story.told(id, "waiting").await?;
    ensure!(event["data"]["waiting"]["cause"] == "cap", "{event:#}");
    Ok(event["data"]["waiting"]["until"].clone())
}

fn told_to_wait(story: &Story, id: &str) -> usize {
    let waiting = story.events_of(id).into_iter().filter(|event| phase(event) == "waiting");
    waiting.map(|event| event["id"].to_string()).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn a_claim_too_many_waits_until_another_has_ended_and_holds_nobody_else_up() -> Result<()> {
    let story = with_one("CLAIMS__OPEN_PER_BUSINESS").await?;
    pending(&story, "first", FIRST).await?;
    story.send(&agency_claim("second", SECOND)).await?;
    ensure!(waits_for_its_turn(&story, "second").await?.is_null(), "nobody knows when a client answers");
    let manage = order("assign", "assign", OURS, json!({"user": ANNA, "tasks": ["ANALYZE", "MANAGE"]}));
    ensure!(phase(&story.ask(&manage).await?) == "completed", "what is no claim goes on");
    let mut others = agency_claim("others", THIRD);
    others["business"] = json!(NEIGHBOUR);
    story.send(&others).await?;
    story.told("others", "pending").await?;
    story.cli(&["explain", "second"], &[]).await?.ends(0, &["our own limit", "claims.open_per_business"])?;
    story.meta.approve(BUSINESS, FIRST, None)?;
    ends(&story.event_of("first").await?, "confirmed", json!(true))?;
    story.told("second", "pending").await?;
    assert_eq!(told_to_wait(&story, "second"), 1, "told once");
    Ok(())
}

#[tokio::test]
async fn what_is_open_counts_over_a_restart_and_a_cancelled_one_makes_room() -> Result<()> {
    let mut story = with_one("CLAIMS__OPEN_PER_BUSINESS").await?;
    pending(&story, "first", FIRST).await?;
    story.kill().await?;
    story.restart().await?;
    story.send(&agency_claim("second", SECOND)).await?;
    waits_for_its_turn(&story, "second").await?;
    story.send(&agency_claim("third", THIRD)).await?;
    waits_for_its_turn(&story, "third").await?;
    ends(&story.ask(&cancel("stop-second", "second")).await?, "completed", json!(true))?;
    ensure!(phase(&story.event_of("second").await?) == "cancelled", "who waits can be cancelled");
    assert_eq!(story.posts("client_pages"), 1);
    ends(&story.ask(&cancel("stop-first", "first")).await?, "completed", json!(true))?;
    story.told("third", "pending").await?;
    Ok(())
}

#[tokio::test]
async fn the_hours_claims_are_counted_over_a_restart_and_the_next_is_told_when_its_turn_is() -> Result<()> {
    let mut story = with_one("CLAIMS__NEW_PER_HOUR").await?;
    story.meta.break_next(Break::next(Verb::Post, "/client_pages", How::error(200)));
    ensure!(phase(&story.ask(&agency_claim("refused", THIRD)).await?) == "failed", "Meta refuses this one");
    pending(&story, "first", FIRST).await?;
    let sent: jiff::Timestamp = story.told("first", "pending").await?["time"].as_str().context("no time")?.parse()?;
    story.kill().await?;
    story.restart().await?;
    for (id, page, hours) in [("second", SECOND, 1), ("third", THIRD, 2)] {
        story.send(&agency_claim(id, page)).await?;
        let until: jiff::Timestamp =
            waits_for_its_turn(&story, id).await?.as_str().context("it says until when")?.parse()?;
        let off = until.duration_since(sent).as_secs() - hours * 3_600;
        ensure!((-30..=30).contains(&off), "{id} has its turn at {until}, {off} s off");
    }
    assert_eq!(story.posts("client_pages"), 2, "the refused one and the first");
    Ok(())
}

#[tokio::test]
async fn a_list_of_claims_says_once_that_it_is_held_back_and_ends_when_all_have_had_their_turn() -> Result<()> {
    let story = with_one("CLAIMS__OPEN_PER_BUSINESS").await?;
    let fields = json!({"access": "agency", "permitted_tasks": ["ADVERTISE"]});
    story.send(&orders("claim", "list", &[FIRST, SECOND], fields)).await?;
    waits_for_its_turn(&story, "list").await?;
    let first = story.call("the first claim", |call| call.method == Verb::Post).await?;
    let (first, second) =
        if first.params.get("page_id").is_some_and(|page| page == FIRST) { (FIRST, SECOND) } else { (SECOND, FIRST) };
    story.meta.approve(BUSINESS, first, None)?;
    let other = |call: &bindery::graph_sim::Call| {
        call.method == Verb::Post && call.params.get("page_id").is_some_and(|page| page == second)
    };
    story.call("the other claim, in its turn", other).await?;
    story.meta.approve(BUSINESS, second, None)?;
    ends(&story.event_of("list").await?, "confirmed", json!(true))?;
    assert_eq!(told_to_wait(&story, "list"), 1, "told once");
    Ok(())
}
