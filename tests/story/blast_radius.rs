//! The blast radius: so much may be taken from a business in an hour, and then a person has to say so.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, Verb, World};
use serde_json::{Value, json};

use crate::harness::{
    ANNA, BEN, BUSINESS, MANAGER, NEIGHBOUR, OUTSIDER, Story, cancel, ends, order, orders, phase, world,
};
use crate::rabbit::eventually;

const RADIUS: (&str, &str) = ("OFFBOARDING__BLAST_RADIUS", "3");

fn pages(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{}", 5_000 + n)).collect()
}

/// So many Pages of [`BUSINESS`] with Anna and Ben as managers.
fn staffed(count: usize) -> World {
    pages(count).iter().fold(world(), |world, page| {
        world.page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER))
    })
}

fn unassign(id: &str, n: usize, fields: Value) -> Value {
    let mut order = order("unassign", id, &format!("{}", 5_000 + n), json!({"user": ANNA}));
    if let (Some(order), Value::Object(fields)) = (order.as_object_mut(), fields) {
        order.extend(fields);
    }
    order
}

/// Takes Anna off the first Pages, up to the radius.
async fn used_up(story: &Story) -> Result<()> {
    for n in 0..3 {
        ends(&story.ask(&unassign(&format!("before-{n}"), n, json!({}))).await?, "completed", json!(true))?;
    }
    Ok(())
}

async fn release(story: &Story, id: &str) -> Result<()> {
    let told = story.cli(&["release", id, "--reason", "the client closes", "--actor", "kim"], &[]).await?;
    told.ends(0, &["may pass the blast radius"])
}

/// The events that tell that it waits, by their ids: a repeated delivery is no second word.
fn waits(story: &Story, id: &str) -> BTreeSet<String> {
    let waiting = story.events_of(id).into_iter().filter(|event| phase(event) == "waiting");
    waiting.map(|event| event["id"].to_string()).collect()
}

#[tokio::test]
async fn a_mass_command_stops_at_the_radius_and_is_released_with_all_its_children() -> Result<()> {
    let story = Story::with(staffed(8), &[RADIUS]).await?;
    let all = pages(8);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    story.send(&orders("unassign", "mass", &all, json!({"user": ANNA}))).await?;
    let waiting = story.told("mass", "waiting").await?;
    ensure!(
        waiting["data"]["waiting"]["cause"] == "release" && waiting["data"]["waiting"]["until"].is_null(),
        "{waiting:#}"
    );
    eventually("all the others wait", || async {
        let listed = story.cli(&["list", "--state", "waiting", "--json"], &[]).await?.json()?;
        Ok(listed.as_array().map_or(0, Vec::len) == 5)
    })
    .await?;
    assert_eq!(story.writes().len(), 3, "never one more");
    story.cli(&["explain", "mass"], &[]).await?.ends(0, &["5 of them wait", "bindery release mass"])?;
    let child = story.cli(&["list", "--state", "waiting", "--json"], &[]).await?.json()?[0]["id"].clone();
    let why = story.cli(&["explain", child.as_str().context("no child")?], &[]).await?;
    why.ends(0, &["offboarding.blast_radius", "bindery release mass"])?;
    release(&story, "mass").await?;
    ends(&story.event_of("mass").await?, "completed", json!(true))?;
    assert_eq!((story.writes().len(), waits(&story, "mass").len()), (8, 1), "each once, told once");
    story.cli(&["dead", "log"], &[]).await?.ends(0, &["kim  release  mass  released (because: the client closes)"])
}

#[tokio::test]
async fn one_that_waits_before_its_first_write_holds_no_lane_and_reads_anew_when_it_is_released() -> Result<()> {
    let story = Story::with(staffed(4), &[RADIUS]).await?;
    used_up(&story).await?;
    story.send(&unassign("u", 3, json!({}))).await?;
    story.told("u", "waiting").await?;
    let passes = order("assign", "a", "5003", json!({"user": "3000", "tasks": MANAGER}));
    ends(&story.ask(&passes).await?, "completed", json!(true))?;
    story.meta.edit(|world| {
        *world = world.clone().page("5003", |p| p.owned_by(BUSINESS).assign(BUSINESS, BEN, MANAGER));
    });
    let before = story.writes().len();
    release(&story, "u").await?;
    ends(&story.event_of("u").await?, "completed", json!(false))?;
    assert_eq!(story.writes().len(), before, "she is off already: nothing was left to take");
    Ok(())
}

#[tokio::test]
async fn what_was_taken_before_a_restart_counts_and_what_waited_waits_on() -> Result<()> {
    let mut story = Story::with(staffed(5), &[RADIUS]).await?;
    used_up(&story).await?;
    story.send(&unassign("first", 3, json!({}))).await?;
    story.told("first", "waiting").await?;
    story.kill().await?;
    story.restart().await?;
    story.send(&unassign("second", 4, json!({}))).await?;
    story.told("second", "waiting").await?;
    assert_eq!((story.writes().len(), waits(&story, "first").len()), (3, 1), "told once");
    story.stop().await?;
    let told = story.cli(&["release", "first", "--reason", "without a worker"], &[]).await?;
    told.ends(0, &["with the next worker"])?;
    story.restart().await?;
    ends(&story.event_of("first").await?, "completed", json!(true))?;
    ends(&story.ask(&cancel("stop", "second")).await?, "completed", json!(true))?;
    ends(&story.event_of("second").await?, "cancelled", json!(false))?;
    assert_eq!(story.writes().len(), 4, "the released one alone");
    Ok(())
}

#[tokio::test]
async fn an_asset_that_leaves_its_business_counts_as_a_person_that_leaves_an_asset_does() -> Result<()> {
    let world = world()
        .page("5000", |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER).assign(BUSINESS, ANNA, MANAGER))
        .page("5001", |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER));
    let story = Story::with(world, &[("OFFBOARDING__BLAST_RADIUS", "2")]).await?;
    ends(&story.ask(&order("unbind", "one", "5000", json!({}))).await?, "completed", json!(true))?;
    story.send(&order("unbind", "two", "5001", json!({}))).await?;
    story.told("two", "waiting").await?;
    assert_eq!(story.writes().len(), 2, "Anna, and the first Page");
    release(&story, "two").await?;
    ends(&story.event_of("two").await?, "completed", json!(true))
}

#[tokio::test]
async fn half_way_through_it_keeps_its_lane_while_it_waits() -> Result<()> {
    let world = world().page("5000", |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER).assign(BUSINESS, ANNA, MANAGER));
    let story = Story::with(world, &[("OFFBOARDING__BLAST_RADIUS", "1")]).await?;
    story.send(&order("unbind", "u", "5000", json!({}))).await?;
    story.told("u", "waiting").await?;
    assert_eq!(story.writes().len(), 1, "Anna is off, the Page is still held");
    story.send(&order("assign", "a", "5000", json!({"user": BEN, "tasks": ["ANALYZE"]}))).await?;
    eventually("the other stands behind it", || async {
        Ok(story.cli(&["explain", "a"], &[]).await?.out.contains("one command at a time works on page/5000"))
    })
    .await?;
    release(&story, "u").await?;
    ends(&story.event_of("u").await?, "completed", json!(true))
}

#[tokio::test]
async fn what_meta_refused_and_what_a_dry_run_plans_leave_the_room_to_others() -> Result<()> {
    let story = Story::with(staffed(4), &[("OFFBOARDING__BLAST_RADIUS", "1")]).await?;
    for n in 0..3 {
        let planned = unassign(&format!("dry-{n}"), n, json!({"dry_run": true}));
        ends(&story.ask(&planned).await?, "completed", json!(false))?;
    }
    story.meta.break_next(Break::next(Verb::Delete, "assigned_users", How::error(200)));
    ends(&story.ask(&unassign("refused", 0, json!({}))).await?, "failed", json!(false))?;
    ends(&story.ask(&unassign("made", 1, json!({}))).await?, "completed", json!(true))?;
    story.send(&unassign("over", 2, json!({}))).await?;
    story.told("over", "waiting").await?;
    Ok(())
}

#[tokio::test]
async fn a_release_of_what_nobody_knows_or_what_has_ended_says_so() -> Result<()> {
    let story = Story::with(staffed(1), &[RADIUS]).await?;
    ends(&story.ask(&unassign("u", 0, json!({}))).await?, "completed", json!(true))?;
    story.cli(&["release", "u", "--reason", "x"], &[]).await?.ends(1, &["u has ended already"])?;
    story.cli(&["release", "nobody", "--reason", "x"], &[]).await?.ends(1, &["knows no command nobody"])?;
    story.cli(&["release", "u"], &[]).await?.ends(2, &["--reason"])
}

/// F47: five mass commands at once, and a neighbour.
#[tokio::test]
async fn f47_five_thousand_removals_wait_for_a_release_and_the_neighbour_keeps_its_pace() -> Result<()> {
    let all = pages(5_000);
    let world = staffed(5_000).page("1002", |p| p.owned_by(NEIGHBOUR).direct_admin("92002"));
    let story = Story::with(world, &[("OFFBOARDING__BLAST_RADIUS", "50"), ("LIMITS__IN_FLIGHT", "16")]).await?;
    for (n, thousand) in all.chunks(1_000).enumerate() {
        let thousand: Vec<&str> = thousand.iter().map(String::as_str).collect();
        story.send(&orders("unassign", &format!("mass-{n}"), &thousand, json!({"user": ANNA}))).await?;
    }
    story
        .event("one of them waits", |event| phase(event) == "waiting" && event["data"]["waiting"]["cause"] == "release")
        .await?;
    for n in 0..5 {
        let mut other = order("assign", &format!("n-{n}"), "1002", json!({"user": "3101", "tasks": ["ANALYZE"]}));
        other["business"] = json!(NEIGHBOUR);
        let told = story.ask(&other).await?;
        ends(&told, "completed", json!(n == 0))?;
        let (accepted, ended) = (time(&told, "accepted_at")?, time(&told, "finished_at")?);
        ensure!(ended.duration_since(accepted).as_secs() < 5, "the neighbour waited: {told:#}");
    }
    let removals = story.writes().iter().filter(|call| call.method == Verb::Delete).count();
    assert_eq!(removals, 50, "to the last one, and never one more");
    Ok(())
}

fn time(event: &Value, field: &str) -> Result<jiff::Timestamp> {
    Ok(event["data"][field].as_str().context("no time")?.parse()?)
}
