//! Events that nobody was bound for are kept, told of, and published again when an operator says so.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::harness::{Story, ends, order, world};
use crate::rabbit::eventually;

const PAGE: &str = "1001";

async fn worker_with_a_page() -> Result<Story> {
    Story::of(world().page(PAGE, |p| p.direct_admin(crate::harness::WORKER))).await
}

/// A claim that ends while nobody is bound for events; the id under which its end was told.
async fn ended_unheard(story: &Story) -> Result<()> {
    story.deaf().await?;
    story.send(&order("claim", "c", PAGE, json!({"access": "owner"}))).await?;
    eventually("its end went to nobody", || async {
        let told = story.cli(&["explain", "c"], &[]).await?;
        Ok(told.out.contains("has ended as confirmed") && told.out.contains("nobody bound for it"))
    })
    .await
}

#[tokio::test]
async fn a_terminal_event_that_went_to_nobody_is_published_again_by_the_running_worker() -> Result<()> {
    let story = worker_with_a_page().await?;
    ended_unheard(&story).await?;
    story.cli(&["doctor"], &[]).await?.ends(0, &["1 of them terminal", "bindery events replay"])?;
    story.hear_again().await?;
    let told = story.cli(&["events", "replay", "--reason", "the queue is bound now", "--actor", "kim"], &[]).await?;
    told.ends(0, &["events are published again"])?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    assert_eq!(story.endings_of("c").len(), 1, "the very event, under its own id");
    let again = story.cli(&["events", "replay", "--reason", "once more"], &[]).await?;
    again.ends(0, &["no event is unrouted"])
}

#[tokio::test]
async fn without_a_worker_they_are_queued_for_the_next_one() -> Result<()> {
    let mut story = worker_with_a_page().await?;
    ended_unheard(&story).await?;
    story.stop().await?;
    story.hear_again().await?;
    let told = story.cli(&["events", "replay", "--command", "c", "--reason", "bound now", "--json"], &[]).await?;
    told.ends(0, &[])?;
    ensure!(told.json()?["queued"].as_u64().is_some_and(|queued| queued > 0), "{told:?}");
    story.restart().await?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))
}

#[tokio::test]
async fn only_those_of_the_named_command_are_replayed() -> Result<()> {
    let story = worker_with_a_page().await?;
    ended_unheard(&story).await?;
    let told = story.cli(&["events", "replay", "--command", "another", "--reason", "a story"], &[]).await?;
    told.ends(0, &["no event is unrouted"])?;
    story.cli(&["explain", "c"], &[]).await?.ends(0, &["nobody bound for it"])
}

#[tokio::test]
async fn nothing_is_replayed_without_a_reason_or_without_a_journal() -> Result<()> {
    let story = worker_with_a_page().await?;
    story.cli(&["events", "replay"], &[]).await?.ends(2, &["--reason"])?;
    story.cli(&["events", "replay", "--reason", " "], &[]).await?.ends(2, &["reason must be said"])?;
    let nowhere = [("JOURNAL__URL", "sqlite:///nowhere/at/all.db")];
    story.cli(&["events", "replay", "--reason", "x"], &nowhere).await?.ends(3, &["there is no journal at"])
}

#[tokio::test]
async fn a_worker_that_cannot_be_called_is_named() -> Result<()> {
    let story = worker_with_a_page().await?;
    let elsewhere = [("HTTP__LISTEN", "127.0.0.1:1")];
    let told = story.cli(&["events", "replay", "--reason", "a story"], &elsewhere).await?;
    told.ends(3, &["could not reach the worker at http://127.0.0.1:1", "http.listen"])
}
