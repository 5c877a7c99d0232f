//! The breaker of a business: after an abuse answer its claims stop, and nothing else does, until a person resets it.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use bindery::graph_sim::{Break, How, Verb, World};
use serde_json::json;

use crate::harness::{
    ANNA, BUSINESS, MANAGER, NEIGHBOUR, OWNER, Story, WORKER, agency_claim, ends, order, phase, world,
};

const CLIENTS: [&str; 3] = ["1001", "1002", "1003"];
const OURS: &str = "1009";

fn pages() -> World {
    let ours = world().page(OURS, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).direct_admin(WORKER));
    CLIENTS.into_iter().fold(ours, |world, page| world.page(page, |p| p.owned_by(OWNER).assign(OWNER, "3901", MANAGER)))
}

/// A claim has met an abuse answer.
async fn tripped() -> Result<Story> {
    let story = Story::of(pages()).await?;
    story.meta.break_next(Break::next(Verb::Post, "/2001/client_pages", How::error(368)));
    let event = story.ask(&agency_claim("first", CLIENTS[0])).await?;
    ensure!(phase(&event) == "failed" && event["data"]["error"]["category"] == "abuse", "{event:#}");
    Ok(story)
}

fn waits(story: &Story, id: &str) -> usize {
    let waiting = story.events_of(id).into_iter().filter(|event| phase(event) == "waiting");
    waiting.map(|event| event["id"].to_string()).collect::<BTreeSet<_>>().len()
}

async fn reset(story: &Story, says: &str) -> Result<()> {
    let told = story.cli(&["breaker", "reset", BUSINESS, "--reason", "talked to Meta", "--actor", "kim"], &[]).await?;
    told.ends(0, &[says])
}

#[tokio::test]
async fn after_an_abuse_answer_the_claims_of_that_business_alone_wait_until_a_person_resets_its_breaker() -> Result<()>
{
    let mut story = tripped().await?;
    story.send(&agency_claim("second", CLIENTS[1])).await?;
    let waiting = story.told("second", "waiting").await?;
    ensure!(waiting["data"]["waiting"]["cause"] == "breaker", "{waiting:#}");
    let manage = order("assign", "assign", OURS, json!({"user": ANNA, "tasks": ["ANALYZE", "MANAGE"]}));
    ensure!(phase(&story.ask(&manage).await?) == "completed", "what is no claim goes on");
    let mut others = agency_claim("others", CLIENTS[2]);
    others["business"] = json!(NEIGHBOUR);
    story.send(&others).await?;
    story.told("others", "pending").await?;
    let why = story.cli(&["explain", "second"], &[]).await?;
    why.ends(0, &["for abuse", "Meta answered 368 to command first", "bindery breaker reset 2001"])?;
    story.cli(&["doctor"], &[]).await?.ends(0, &["bindery breaker reset 2001"])?;

    story.kill().await?;
    story.restart().await?;
    story.cli(&["breaker", "list"], &[]).await?.ends(0, &["claims of business 2001 are stopped since", "368"])?;
    story.cli(&["resume", "--all", "--reason", "no hold"], &[]).await?.ends(0, &["was not on hold"])?;
    story.send(&agency_claim("third", CLIENTS[2])).await?;
    story.told("third", "waiting").await?;
    assert_eq!(posts(&story), 1, "a restart forgets no breaker, and no resume closes it");
    reset(&story, "the claims of business 2001 go on").await?;
    story.told("second", "pending").await?;
    story.meta.approve(BUSINESS, CLIENTS[1], None)?;
    ends(&story.event_of("second").await?, "confirmed", json!(true))?;
    story.told("third", "pending").await?;
    assert_eq!((posts(&story), waits(&story, "second")), (3, 1), "claimed once, told once");
    Ok(())
}

#[tokio::test]
async fn a_breaker_is_reset_without_a_worker_too_and_only_with_a_reason() -> Result<()> {
    let mut story = tripped().await?;
    story.stop().await?;
    story.cli(&["breaker", "reset", BUSINESS], &[]).await?.ends(2, &["--reason"])?;
    let open = story.cli(&["breaker", "list", "--json"], &[]).await?.json()?;
    ensure!(open["breakers"][0]["business"] == BUSINESS, "{open}");
    reset(&story, "the claims of business 2001 go on").await?;
    reset(&story, "the breaker of business 2001 was not open").await?;
    story.cli(&["breaker", "list"], &[]).await?.ends(0, &["no breaker is open"])?;
    let log = story.cli(&["dead", "log"], &[]).await?;
    log.ends(0, &["breaker open", "breaker reset", "talked to Meta", "kim"])?;
    story.restart().await?;
    story.send(&agency_claim("second", CLIENTS[1])).await?;
    story.told("second", "pending").await?;
    Ok(())
}

/// Claims of the business that was tripped.
fn posts(story: &Story) -> usize {
    story.writes().iter().filter(|call| call.path.contains("/2001/client_pages")).count()
}
