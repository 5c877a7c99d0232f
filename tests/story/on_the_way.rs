//! What a fan-out tells while its assets settle: news once a second, each result once, and the whole at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, Verb};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{BUSINESS, OWNER, Story, WORKER, cancel, ends, orders, phase, world};

fn pages(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{}", 1_500 + n)).collect()
}

fn claim_of(id: &str, pages: &[String]) -> Value {
    let names: Vec<&str> = pages.iter().map(String::as_str).collect();
    orders("claim", id, &names, json!({"access": "owner"}))
}

fn ours(pages: &[String]) -> bindery::graph_sim::World {
    pages.iter().fold(world(), |world, page| world.page(page, |p| p.direct_admin(WORKER)))
}

fn results(event: &Value) -> Vec<String> {
    let rows = event["data"]["results"].as_array().into_iter().flatten();
    rows.filter_map(|row| row["asset"]["id"].as_str().map(ToOwned::to_owned)).collect()
}

/// The events of a command without repeated deliveries; a repetition must have the same bytes.
fn told(story: &Story, id: &str) -> Result<Vec<Value>> {
    let mut by_sequence: BTreeMap<u64, Value> = BTreeMap::new();
    for event in story.events_of(id) {
        let sequence = event["data"]["sequence"].as_u64().context("no sequence")?;
        let before = by_sequence.entry(sequence).or_insert_with(|| event.clone());
        ensure!(*before == event, "number {sequence} was told in two ways: {before:#}\n{event:#}");
    }
    let numbers: Vec<u64> = by_sequence.keys().copied().collect();
    ensure!(numbers.iter().copied().eq(1..=numbers.len() as u64), "a gap in {numbers:?}");
    Ok(by_sequence.into_values().collect())
}

/// Checks the news of a fan-out against its end: nothing twice, nothing that the end does not have, a second between.
fn news_are_sound(events: &[Value], total: usize) -> Result<usize> {
    let news: Vec<&Value> = events.iter().filter(|event| phase(event) == "progress").collect();
    let end = events.last().context("no event")?;
    let (mut seen, mut before) = (BTreeSet::new(), None::<Timestamp>);
    for event in &news {
        for page in results(event) {
            ensure!(seen.insert(page.clone()), "{page} was told twice");
        }
        ensure!(event["data"]["done"] == json!(seen.len()) && event["data"]["total"] == json!(total), "{event:#}");
        let time: Timestamp = event["time"].as_str().context("no time")?.parse()?;
        let gap = before.map(|before| time.duration_since(before).as_millis());
        ensure!(gap.is_none_or(|gap| gap >= 1_000), "only {gap:?} ms after the one before: {event:#}");
        before = Some(time);
    }
    let all: BTreeSet<String> = results(end).into_iter().collect();
    ensure!(all.len() == total && seen.is_subset(&all), "the end has {} results, not {total}", all.len());
    Ok(news.len())
}

#[tokio::test]
async fn what_has_settled_is_told_while_the_rest_is_awaited() -> Result<()> {
    let names = pages(4);
    let story = Story::with(ours(&names), &[("GRAPH__CALL_WITHIN", "9s")]).await?;
    story.meta.break_next(Break::next(Verb::Post, "page_id=1502", How::Slow(4)));
    story.send(&claim_of("f", &names)).await?;
    let news = story.told("f", "progress").await?;
    ensure!(news["data"]["done"] == 3 && news["data"]["total"] == 4, "{news:#}");
    ensure!(!results(&news).contains(&"1502".to_owned()), "{news:#}");
    ensure!(story.endings_of("f").is_empty(), "told before the end");
    ends(&story.event_of("f").await?, "confirmed", json!(true))?;
    assert_eq!(news_are_sound(&told(&story, "f")?, 4)?, 1);
    Ok(())
}

#[tokio::test]
async fn of_three_hundred_assets_the_one_that_fails_is_told_and_no_result_is_lost() -> Result<()> {
    let names = pages(300);
    let mixed = ours(&names).page("1577", |p| p.owned_by(OWNER));
    let story = Story::with(mixed, &[("LIMITS__IN_FLIGHT", "4")]).await?;
    story.send(&claim_of("f", &names)).await?;
    story.told("f", "progress").await?;
    let event = story.event_of("f").await?;
    ends(&event, "incomplete", json!(true))?;
    let failed: Vec<&Value> =
        event["data"]["results"].as_array().into_iter().flatten().filter(|row| row["phase"] != "confirmed").collect();
    ensure!(
        failed.len() == 1 && failed[0]["asset"]["id"] == "1577" && failed[0]["error"]["code"] == "3918",
        "{failed:#?}"
    );
    news_are_sound(&told(&story, "f")?, 300)?;
    Ok(())
}

#[tokio::test]
async fn a_killed_worker_repeats_its_news_byte_for_byte_and_goes_on_from_there() -> Result<()> {
    let names = pages(40);
    let slow = [("LIMITS__IN_FLIGHT", "2"), ("GRAPH__CALL_WITHIN", "9s")];
    let mut story = Story::with(ours(&names), &slow).await?;
    story.meta.break_next(Break::next(Verb::Post, "page_id=1501", How::Slow(3)));
    story.meta.break_next(Break::next(Verb::Post, "page_id=1539", How::Slow(3)));
    story.send(&claim_of("f", &names)).await?;
    story.told("f", "progress").await?;
    story.kill().await?;
    story.restart().await?;
    ends(&story.event_of("f").await?, "confirmed", json!(true))?;
    ensure!(news_are_sound(&told(&story, "f")?, 40)? >= 1, "no news");
    assert_eq!(story.endings_of("f").len(), 1);
    Ok(())
}

#[tokio::test]
async fn while_nothing_settles_nothing_is_told() -> Result<()> {
    let open = world().page("1500", |p| p.owned_by(OWNER)).page("1501", |p| p.owned_by(OWNER));
    let story = Story::of(open).await?;
    let fields = json!({"access": "agency", "permitted_tasks": ["ANALYZE"]});
    story.send(&orders("claim", "f", &["1500", "1501"], fields)).await?;
    let later = story.meta.now() + Duration::from_secs(3);
    story.call("looks at the open requests", |call| call.at > later).await?;
    ensure!(story.events_of("f").is_empty(), "{:#?}", story.events_of("f"));
    story.meta.approve(BUSINESS, "1501", None)?;
    let news = story.told("f", "progress").await?;
    ensure!(results(&news) == ["1501"] && news["data"]["done"] == 1 && news["data"]["total"] == 2, "{news:#}");
    story.meta.deny(BUSINESS, "1500")?;
    ends(&story.event_of("f").await?, "incomplete", json!(true))?;
    news_are_sound(&told(&story, "f")?, 2)?;
    Ok(())
}

#[tokio::test]
async fn a_cancelled_list_has_told_what_was_done_before() -> Result<()> {
    let open = world().page("1500", |p| p.direct_admin(WORKER)).page("1501", |p| p.owned_by(OWNER).approves_after(0));
    let story = Story::of(open.page("1502", |p| p.owned_by(OWNER))).await?;
    let fields = json!({"access": "agency", "permitted_tasks": ["ANALYZE"]});
    story.send(&orders("claim", "f", &["1501", "1502"], fields)).await?;
    let news = story.told("f", "progress").await?;
    ensure!(results(&news) == ["1501"], "{news:#}");
    story.send(&cancel("stop", "f")).await?;
    let event = story.event_of("f").await?;
    ensure!(phase(&event) == "cancelled" && event["data"]["changed"] == true, "{event:#}");
    news_are_sound(&told(&story, "f")?, 2)?;
    ensure!(story.meta.world().requests.is_empty(), "withdrawn at Meta");
    Ok(())
}
