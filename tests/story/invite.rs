//! `invite`: a person into the business by address, and onto assets once they are there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, Verb};
use serde_json::{Value, json};

use crate::harness::{ANNA, BEN, BUSINESS, MANAGER, Story, annas_page, cancel, ends, fails, phase, world};

const EVE: &str = "eve@northwind.example";

fn invite(id: &str, fields: Value) -> Value {
    let mut order = json!({"id": id, "command": "invite", "business": BUSINESS, "email": EVE, "role": "EMPLOYEE"});
    if let (Some(order), Value::Object(fields)) = (order.as_object_mut(), fields) {
        order.extend(fields);
    }
    order
}

fn onto(pages: &[&str]) -> Value {
    let assets: Vec<Value> = pages.iter().map(|page| json!({"kind": "page", "id": page})).collect();
    json!({"assets": assets, "tasks": ["ANALYZE"]})
}

fn invitations(story: &Story) -> usize {
    story.meta.world().businesses[BUSINESS].invitations.len()
}

fn tasks_on(story: &Story, page: &str, person: &str) -> Vec<String> {
    story.meta.world().tasks_of(page, BUSINESS, person).into_iter().collect()
}

#[tokio::test]
async fn the_person_is_invited_once_and_gets_the_assets_after_accepting() -> Result<()> {
    let mut story = Story::of(annas_page("1001")).await?;
    story.send(&invite("i", onto(&["1001"]))).await?;
    let pending = story.told("i", "pending").await?;
    let request = pending["data"]["pending"]["request"].as_str().context("no role request is told")?.to_owned();
    assert_eq!(pending["subject"], json!(format!("user/{request}")));
    story.kill().await?;
    story.restart().await?;
    let eve = story.meta.accept(BUSINESS, EVE)?;
    let event = story.event_of("i").await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(tasks_on(&story, "1001", &eve), ["ANALYZE"]);
    assert_eq!((event["subject"].clone(), story.posts("business_users")), (json!(format!("user/{request}")), 1));
    story.stop().await
}

#[tokio::test]
async fn a_person_who_is_there_already_goes_straight_to_the_assets_and_keeps_what_they_have() -> Result<()> {
    let story =
        Story::of(annas_page("1001").page("1002", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER))).await?;
    story.ask(&crate::harness::order("assign", "a", "1001", json!({"user": BEN, "tasks": ["MODERATE"]}))).await?;
    let mut ben = invite("i", onto(&["1001", "1002"]));
    ben["email"] = json!("ben@northwind.example");
    ends(&story.ask(&ben).await?, "completed", json!(true))?;
    assert_eq!(tasks_on(&story, "1001", BEN), ["ANALYZE", "MODERATE"]);
    assert_eq!(tasks_on(&story, "1002", BEN), ["ANALYZE"]);
    assert_eq!(story.posts("business_users"), 0);
    Ok(())
}

#[tokio::test]
async fn nothing_is_written_where_everything_stands_already() -> Result<()> {
    let story = Story::of(world()).await?;
    let mut ben = invite("i", json!({}));
    ben["email"] = json!("Ben@Northwind.example");
    ends(&story.ask(&ben).await?, "completed", json!(false))?;
    assert_eq!(story.writes().len(), 0);
    Ok(())
}

#[tokio::test]
async fn an_invitation_without_an_answer_is_looked_for_before_it_is_sent_again() -> Result<()> {
    for how in [How::TimeoutAfter, How::TimeoutBefore] {
        let story = Story::of(world()).await?;
        let posts = if how == How::TimeoutAfter { 1 } else { 2 };
        story.meta.break_next(Break::next(Verb::Post, "/business_users", how));
        story.send(&invite("i", json!({}))).await?;
        story.told("i", "pending").await?;
        story.meta.accept(BUSINESS, EVE)?;
        ends(&story.event_of("i").await?, "completed", json!(true))?;
        assert_eq!(story.posts("business_users"), posts);
    }
    Ok(())
}

#[tokio::test]
async fn a_deadline_takes_the_invitation_back() -> Result<()> {
    let story = Story::of(world()).await?;
    let soon = jiff::Timestamp::now() + Duration::from_secs(3);
    let event = story.ask(&invite("i", json!({"expires_at": soon.to_string()}))).await?;
    ends(&event, "expired", json!(true))?;
    assert_eq!((event["data"]["expired_because"].clone(), invitations(&story)), (json!("deadline"), 0));
    Ok(())
}

#[tokio::test]
async fn a_cancel_takes_the_invitation_back() -> Result<()> {
    let story = Story::of(world()).await?;
    story.send(&invite("i", json!({}))).await?;
    story.told("i", "pending").await?;
    ends(&story.ask(&cancel("stop", "i")).await?, "completed", json!(true))?;
    ensure!(phase(&story.event_of("i").await?) == "cancelled", "{:#?}", story.events_of("i"));
    assert_eq!(invitations(&story), 0);
    Ok(())
}

#[tokio::test]
async fn an_invitation_that_is_gone_and_has_brought_nobody_expires_and_says_that_it_is_inferred() -> Result<()> {
    let story = Story::of(world()).await?;
    story.send(&invite("i", json!({}))).await?;
    story.told("i", "pending").await?;
    story.meta.edit(|world| world.businesses.get_mut(BUSINESS).map(|place| place.invitations.clear()));
    let event = story.event_of("i").await?;
    ends(&event, "expired", json!(true))?;
    assert_eq!(event["data"]["inferred"], json!(true));
    assert_eq!(event["data"]["error"]["code"], json!("invitation_gone"));
    Ok(())
}

#[tokio::test]
async fn what_meta_refuses_fails_and_a_dry_run_invites_nobody() -> Result<()> {
    let story = Story::of(world()).await?;
    let event = story.ask(&invite("dry", json!({"dry_run": true}))).await?;
    ends(&event, "completed", json!(false))?;
    assert_eq!(event["data"]["plan"]["steps"].as_array().map(Vec::len), Some(1));
    assert_eq!(story.writes().len(), 0);
    let no = bindery::graph_sim::Scripted {
        code: 200,
        subcode: None,
        is_transient: Some(false),
        status: 400,
        message: None,
    };
    story.meta.break_next(Break::next(Verb::Post, "/business_users", How::Error(no)));
    fails(&story.ask(&invite("i", json!({}))).await?, "permission", "200")
}

#[tokio::test]
async fn one_asset_that_cannot_be_given_makes_it_incomplete() -> Result<()> {
    let story = Story::of(annas_page("1001")).await?;
    let mut ben = invite("i", onto(&["1001", "1777"]));
    ben["email"] = json!("ben@northwind.example");
    let event = story.ask(&ben).await?;
    ends(&event, "incomplete", json!(true))?;
    let rows = event["data"]["results"].as_array().context("no results")?;
    assert_eq!(rows.iter().filter(|row| row["phase"] == "completed").count(), 1, "{event:#}");
    Ok(())
}
