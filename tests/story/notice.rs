//! A command with a notice: told first, done later, and not at all if somebody objects.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Verb, World};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{ANNA, BEN, BUSINESS, MANAGER, OUTSIDER, Story, cancel, ends, fails, order, orders, phase, world};

const PAGE: &str = "1001";
const ANNAS_ADDRESS: &str = "anna@northwind.example";

/// Anna and Ben manage the Page.
fn both_on(world: World, page: &str) -> World {
    world.page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER))
}

fn unassign(id: &str, notice: &str) -> Value {
    order("unassign", id, PAGE, json!({"user": ANNA, "notice": notice}))
}

fn steps(event: &Value) -> Result<Vec<String>> {
    let steps = event["data"]["plan"]["steps"].as_array().with_context(|| format!("no plan: {event:#}"))?;
    Ok(steps
        .iter()
        .map(|step| format!("{} {}", step["method"].as_str().unwrap_or(""), step["path"].as_str().unwrap_or("")))
        .collect())
}

fn time_of(event: &Value) -> Result<Timestamp> {
    Ok(event["time"].as_str().context("no time")?.parse()?)
}

fn is_on(story: &Story, page: &str, person: &str) -> bool {
    story.meta.world().pages[page].assigned.get(BUSINESS).is_some_and(|people| people.contains_key(person))
}

#[tokio::test]
async fn what_will_happen_and_to_whom_is_told_and_done_when_the_notice_is_over() -> Result<()> {
    let story = Story::of(both_on(world(), PAGE)).await?;
    story.send(&unassign("u", "2s")).await?;
    let announced = story.told("u", "announced").await?;
    assert_eq!(steps(&announced)?, ["DELETE /1001/assigned_users"]);
    assert_eq!(announced["data"]["people"], json!([{"id": ANNA, "email": ANNAS_ADDRESS}]));
    ensure!(announced["data"]["terminal"] == false && announced["subject"] == "page/1001", "{announced:#}");
    ends(&story.event_of("u").await?, "completed", json!(true))?;
    let removal = story.writes().into_iter().next().context("no write")?;
    ensure!(removal.at >= time_of(&announced)? + Duration::from_secs(2), "too early: {removal:?}");
    assert_eq!((story.writes().len(), is_on(&story, PAGE, ANNA)), (1, false));
    ensure!(!story.log_text().contains(ANNAS_ADDRESS), "logs carry the id alone");
    Ok(())
}

#[tokio::test]
async fn during_the_notice_the_lane_is_free_and_a_cancel_leaves_everything_as_it_was() -> Result<()> {
    let story = Story::of(both_on(world(), PAGE)).await?;
    story.send(&unassign("u", "1h")).await?;
    story.told("u", "announced").await?;
    let other = order("assign", "a", PAGE, json!({"user": "3000", "tasks": ["ANALYZE"]}));
    ends(&story.ask(&other).await?, "completed", json!(true))?;
    ends(&story.ask(&cancel("stop", "u")).await?, "completed", json!(true))?;
    ends(&story.event_of("u").await?, "cancelled", json!(false))?;
    ensure!(is_on(&story, PAGE, ANNA), "Anna stays");
    assert_eq!(story.writes().len(), 1, "the other command's alone");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_killed_in_the_notice_tells_it_once_and_keeps_to_it() -> Result<()> {
    let mut story = Story::of(both_on(world(), PAGE)).await?;
    story.send(&unassign("u", "3s")).await?;
    let announced = story.told("u", "announced").await?;
    story.kill().await?;
    story.restart().await?;
    ends(&story.event_of("u").await?, "completed", json!(true))?;
    let removal = story.writes().into_iter().next().context("no write")?;
    ensure!(removal.at >= time_of(&announced)? + Duration::from_secs(3), "too early: {removal:?}");
    ensure!(story.events_of("u").iter().filter(|event| phase(event) == "announced").all(|event| *event == announced));
    Ok(())
}

#[tokio::test]
async fn a_cancel_after_a_kill_in_the_notice_does_not_wait_for_its_end() -> Result<()> {
    let mut story = Story::of(both_on(world(), PAGE)).await?;
    story.send(&unassign("u", "1h")).await?;
    story.told("u", "announced").await?;
    story.kill().await?;
    story.send(&cancel("stop", "u")).await?;
    story.restart().await?;
    ends(&story.event_of("u").await?, "cancelled", json!(false))?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn what_would_be_refused_is_refused_at_once_and_nobody_is_alarmed() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER))).await?;
    fails(&story.ask(&unassign("u", "1h")).await?, "needs_human", "would_orphan")?;
    assert_eq!(story.events_of("u").len(), 1);
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn after_the_notice_everything_is_read_anew() -> Result<()> {
    let story = Story::of(both_on(world(), PAGE)).await?;
    story.send(&unassign("u", "2s")).await?;
    story.told("u", "announced").await?;
    story.meta.edit(|world| {
        *world = world.clone().page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    });
    fails(&story.event_of("u").await?, "needs_human", "would_orphan")?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_command_that_expires_in_its_notice_has_not_begun() -> Result<()> {
    let story = Story::of(both_on(world(), PAGE)).await?;
    let mut command = unassign("u", "1h");
    command["expires_at"] = json!((Timestamp::now() + Duration::from_secs(2)).to_string());
    story.send(&command).await?;
    story.told("u", "announced").await?;
    let event = story.event_of("u").await?;
    ends(&event, "expired", json!(false))?;
    assert_eq!(event["data"]["expired_because"], json!("not_started"));
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_dry_run_has_no_notice() -> Result<()> {
    let story = Story::of(both_on(world(), PAGE)).await?;
    let mut command = unassign("u", "1h");
    command["dry_run"] = json!(true);
    let event = story.ask(&command).await?;
    ends(&event, "completed", json!(false))?;
    assert_eq!((steps(&event)?.len(), story.events_of("u").len()), (1, 1));
    Ok(())
}

fn list(id: &str, notice: &str) -> Value {
    orders("unassign", id, &["1001", "1002", "1003"], json!({"user": ANNA, "notice": notice}))
}

/// Anna is the last manager of 1003.
fn three_pages() -> World {
    both_on(both_on(world(), "1001"), "1002").page("1003", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER))
}

#[tokio::test]
async fn a_list_announces_what_can_be_done_and_reports_each_asset_once() -> Result<()> {
    let mut story = Story::of(three_pages()).await?;
    story.send(&list("u", "3s")).await?;
    let announced = story.told("u", "announced").await?;
    assert_eq!(steps(&announced)?, ["DELETE /1001/assigned_users", "DELETE /1002/assigned_users"]);
    assert_eq!(announced["data"]["people"], json!([{"id": ANNA, "email": ANNAS_ADDRESS}]));
    assert_eq!(story.writes(), []);
    story.kill().await?;
    story.restart().await?;
    let event = story.event_of("u").await?;
    ends(&event, "incomplete", json!(true))?;
    let results = event["data"]["results"].as_array().context("no results")?;
    let good = results.iter().filter(|result| result["phase"] == "completed" && result["changed"] == true).count();
    let held = results.iter().filter(|result| result["error"]["code"] == "would_orphan").count();
    assert_eq!((results.len(), good, held), (3, 2, 1), "{event:#}");
    assert_eq!((is_on(&story, "1001", ANNA), is_on(&story, "1003", ANNA)), (false, true));
    Ok(())
}

#[tokio::test]
async fn a_list_that_is_cancelled_in_its_notice_has_no_results_and_no_writes() -> Result<()> {
    let story = Story::of(three_pages()).await?;
    story.send(&list("u", "1h")).await?;
    story.told("u", "announced").await?;
    story.send(&cancel("stop", "u")).await?;
    let event = story.event_of("u").await?;
    ends(&event, "cancelled", json!(false))?;
    ensure!(event["data"].get("results").is_none(), "{event:#}");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_list_of_which_nothing_can_be_done_is_not_announced() -> Result<()> {
    let story = Story::of(three_pages()).await?;
    let event = story.ask(&orders("unassign", "u", &["1003", "1404"], json!({"user": ANNA, "notice": "1h"}))).await?;
    ends(&event, "incomplete", json!(false))?;
    assert_eq!(event["data"]["results"].as_array().map(Vec::len), Some(2));
    ensure!(story.events_of("u").iter().all(|event| phase(event) != "announced"));
    Ok(())
}

#[tokio::test]
async fn all_of_a_leaver_goes_to_the_successor_after_a_notice() -> Result<()> {
    let annas = ["1001", "1002"]
        .iter()
        .fold(world(), |world, page| world.page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER)));
    let story = Story::of(annas).await?;
    let all = json!({"id": "r", "command": "reassign", "business": BUSINESS, "assets": "all", "from": ANNA,
        "to": "ben@northwind.example", "notice": "2s"});
    story.send(&all).await?;
    let announced = story.told("r", "announced").await?;
    assert_eq!(steps(&announced)?.len(), 4);
    let people = announced["data"]["people"].as_array().context("no people")?;
    assert_eq!(people.len(), 2, "Anna and Ben: {people:?}");
    // Given meanwhile: seen when all is read anew.
    story.meta.edit(|world| {
        *world = world.clone().page("1003", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    });
    let event = story.event_of("r").await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(event["data"]["results"].as_array().map(Vec::len), Some(3));
    ensure!(!is_on(&story, "1003", ANNA) && is_on(&story, "1003", BEN));
    Ok(())
}

#[tokio::test]
async fn whoever_loses_a_page_with_its_business_is_told_even_if_nobody_is_taken_off() -> Result<()> {
    let page = both_on(world(), PAGE).page(PAGE, |p| {
        p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER).direct_admin(OUTSIDER)
    });
    let story = Story::of(page).await?;
    story.send(&order("unbind", "u", PAGE, json!({"remove_people": false, "notice": "1s"}))).await?;
    let announced = story.told("u", "announced").await?;
    assert_eq!(steps(&announced)?, ["DELETE /2001/pages"]);
    assert_eq!(announced["data"]["people"].as_array().map(Vec::len), Some(2), "{announced:#}");
    ends(&story.event_of("u").await?, "completed", json!(true))?;
    assert_eq!(story.meta.calls().iter().filter(|call| call.is(Verb::Delete, "assigned_users")).count(), 0);
    Ok(())
}
