//! SIGKILL at any moment: nothing is asked of Meta twice without a look, every command ends once.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use bindery::graph_sim::{Break, How, Verb};
use serde_json::{Value, json};

use crate::harness::{
    ANNA, BEN, BUSINESS, OWNER, Story, WORKER, agency_claim, annas_page, cancel, clients_page, ends, order, orders,
    owner_claim, phase, world,
};
use crate::load::{as_asked, blind_repeats, command, expected, id, page, with_page};
use crate::operator_explain::tells;

const PAGE: &str = "1001";

/// Between two looks there is time to be killed in.
const UNHURRIED: &[(&str, &str)] = &[("POLL__SETTLE", "4s"), ("RETRY__FIRST", "2s"), ("RETRY__MAX", "2s")];

#[tokio::test]
async fn a_worker_killed_while_a_claim_is_out_does_not_claim_again() -> Result<()> {
    let mut story = Story::of(clients_page(PAGE)).await?;
    story.meta.break_next(Break::next(Verb::Post, "/client_pages", How::TimeoutAfter));
    story.send(&agency_claim("c", PAGE)).await?;
    story.call("the claim", |call| call.is(Verb::Post, "client_pages")).await?;
    story.kill().await?;
    story.restart().await?;
    story.told("c", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    assert_eq!((story.posts("client_pages"), story.endings_of("c").len()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_worker_killed_before_a_claim_took_effect_claims_after_a_look() -> Result<()> {
    let mut story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    story.meta.break_next(Break::next(Verb::Post, "/owned_pages", How::TimeoutBefore));
    story.send(&owner_claim("c", PAGE)).await?;
    story.call("the claim", |call| call.is(Verb::Post, "owned_pages")).await?;
    story.kill().await?;
    story.restart().await?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    assert_eq!((story.posts("owned_pages"), blind_repeats(&story.meta.calls())), (2, Vec::new()));
    Ok(())
}

#[tokio::test]
async fn a_worker_killed_between_grant_and_removal_still_removes_only_after_a_look() -> Result<()> {
    let mut story = Story::of(annas_page(PAGE)).await?;
    story.meta.break_next(Break::next(Verb::Delete, "/assigned_users", How::TimeoutAfter));
    story.send(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN}))).await?;
    story.call("the removal", |call| call.is(Verb::Delete, "assigned_users")).await?;
    story.kill().await?;
    story.restart().await?;
    ends(&story.event_of("r").await?, "completed", json!(true))?;
    assert_eq!(story.writes().len(), 2);
    let people = &story.meta.world().pages[PAGE].assigned[BUSINESS];
    assert!(people.contains_key(BEN) && !people.contains_key(ANNA));
    Ok(())
}

#[tokio::test]
async fn a_claim_that_waits_for_its_look_keeps_its_page_over_a_kill() -> Result<()> {
    let mut story = Story::with(clients_page(PAGE), UNHURRIED).await?;
    story.meta.break_next(Break::next(Verb::Post, "/client_pages", How::TimeoutBefore));
    story.send(&agency_claim("first", PAGE)).await?;
    story.send(&agency_claim("second", PAGE)).await?;
    tells(&story, "first", &["waits in its lane for time to pass"]).await?;
    story.kill().await?;
    story.restart().await?;
    let first = story.event_of("first").await?;
    ensure!(phase(&first) == "cancelled" && first["data"]["superseded_by"] == "second", "{first:#}");
    story.told("second", "pending").await?;
    assert_eq!((story.posts("client_pages"), blind_repeats(&story.meta.calls())), (2, Vec::new()));
    Ok(())
}

#[tokio::test]
async fn a_withdrawal_that_waits_for_its_look_goes_on_after_a_kill_beside_the_one_that_waits_for_it() -> Result<()> {
    let mut story = Story::with(clients_page(PAGE), UNHURRIED).await?;
    story.send(&agency_claim("first", PAGE)).await?;
    story.told("first", "pending").await?;
    story.meta.break_next(Break::next(Verb::Delete, "/2001/pages", How::TimeoutBefore));
    let mut wider = agency_claim("wider", PAGE);
    wider["permitted_tasks"] = json!(["ADVERTISE", "ANALYZE", "MESSAGING"]);
    story.send(&wider).await?;
    tells(&story, "first", &["waits in its lane for time to pass"]).await?;
    story.kill().await?;
    story.restart().await?;
    ensure!(phase(&story.event_of("first").await?) == "cancelled", "{:#?}", story.events_of("first"));
    story.told("wider", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("wider").await?, "confirmed", json!(true))
}

#[tokio::test]
async fn a_denial_in_the_making_survives_a_kill() -> Result<()> {
    let mut story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.deny(BUSINESS, PAGE)?;
    let denied = story.last_call();
    story.call("a walk", |call| call.n > denied && call.is(Verb::Get, "client_pages")).await?;
    story.kill().await?;
    story.restart().await?;
    ensure!(phase(&story.event_of("c").await?) == "denied", "{:#?}", story.events_of("c"));
    assert_eq!((story.posts("client_pages"), story.endings_of("c").len()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn what_was_parked_by_a_throttle_stays_parked_over_a_kill() -> Result<()> {
    let mut story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    story.meta.throttle(bindery::graph_sim::Throttle::business(BUSINESS, 10));
    story.send(&owner_claim("c", PAGE)).await?;
    story.told("c", "waiting").await?;
    story.kill().await?;
    story.restart().await?;
    story.ask(&json!({"id": "x", "command": "cancel", "target": "c"})).await?;
    ends(&story.event_of("c").await?, "cancelled", json!(false))?;
    let refused = story.meta.calls().iter().filter(|call| call.code == Some(80_001)).count();
    assert_eq!(refused, 1, "not asked again in its time");
    Ok(())
}

/// How many of each command, and how often the worker is killed.
const COMMANDS: usize = 300;
const KILLS: usize = 8;

#[tokio::test]
async fn three_hundred_commands_end_once_each_however_often_the_worker_is_killed() -> Result<()> {
    let mut story = Story::of((0..COMMANDS).fold(world(), with_page)).await?;
    story.meta.break_next(Break::next(Verb::Post, "/client_pages", How::TimeoutAfter).after(11).times(3));
    story.meta.break_next(Break::next(Verb::Post, "/assigned_users", How::Reset).after(17).times(3));
    story.meta.break_next(Break::next(Verb::Post, "/owned_pages", How::Html502).after(5).times(3));
    let mut chance = 20_261_125_u64;
    let numbers: Vec<usize> = (0..COMMANDS).collect();
    // A slice before each kill, so that something is under way whenever it comes.
    for slice in numbers.chunks(COMMANDS.div_ceil(KILLS)) {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = story.last_call() + 5 + (chance >> 33) % 60;
        for n in slice {
            story.send(&command(*n)).await?;
        }
        story.call("work", |call| call.n >= at).await?;
        story.kill().await?;
        story.start()?;
    }
    let mut phases = BTreeMap::<String, usize>::new();
    for n in 0..COMMANDS {
        let event = story.event_of(&id(n)).await?;
        *phases.entry(phase(&event).to_owned()).or_default() += 1;
        ensure!(phase(&event) == expected(n), "{} should be {}: {event:#}", id(n), expected(n));
    }
    // What it still had to tell is told now.
    story.stop().await?;
    let twice: Vec<String> = (0..COMMANDS).map(id).filter(|id| story.endings_of(id).len() != 1).collect();
    let calls = story.meta.calls();
    let blind = blind_repeats(&calls);
    let world = story.meta.world();
    let wrong: Vec<String> = (0..COMMANDS).filter(|n| !as_asked(&world, *n)).map(id).collect();
    println!(
        "{COMMANDS} commands, {KILLS} SIGKILLs: {phases:?}; {} calls, {} writes; ended twice: {}; claims repeated blindly: {}; world not as asked: {}",
        calls.len(),
        calls.iter().filter(|call| call.is_write()).count(),
        twice.len(),
        blind.len(),
        wrong.len()
    );
    assert_eq!((twice, blind, wrong), (Vec::new(), Vec::new(), Vec::new()));
    (0..COMMANDS).try_for_each(|n| in_order_and_unchanged(&story.events_of(&id(n))))
}

const PAIRS: usize = 45;

/// Commands that act on one another: claims taken over, cancelled, unbound, and lists, with the worker killed again
/// and again.
#[tokio::test]
async fn commands_about_commands_end_once_each_however_often_the_worker_is_killed() -> Result<()> {
    let pages = (0..PAIRS + 20).fold(world(), |world, n| match n {
        n if n < PAIRS => world.page(&page(n), |p| p.owned_by(OWNER)),
        n => world.page(&page(n), |p| p.direct_admin(WORKER)),
    });
    let mut story = Story::of(pages).await?;
    let lists: Vec<String> = (PAIRS..PAIRS + 20).map(page).collect();
    let mut ids = Vec::new();
    let mut send = Vec::new();
    for n in 0..PAIRS {
        send.push(agency_claim(&format!("a-{n}"), &page(n)));
        send.push(agency_claim(&format!("b-{n}"), &page(n)));
        match n % 3 {
            0 => {
                send.push(cancel(&format!("x-{n}"), &format!("b-{n}")));
                send.push(cancel(&format!("y-{n}"), &format!("a-{n}")));
            }
            1 => send.push(order("unbind", &format!("x-{n}"), &page(n), json!({}))),
            _ => {}
        }
    }
    for (n, list) in lists.chunks(10).enumerate() {
        let names: Vec<&str> = list.iter().map(String::as_str).collect();
        send.push(orders("claim", &format!("list-{n}"), &names, json!({"access": "owner"})));
    }
    for command in &send {
        ids.push(command["id"].as_str().unwrap_or_default().to_owned());
        story.send(command).await?;
    }
    for step in [9, 31, 17, 43, 26, 38, 12] {
        let at = story.last_call() + step;
        story.call("work", |call| call.n >= at).await?;
        story.kill().await?;
        story.start()?;
    }
    for n in (0..PAIRS).filter(|n| n % 3 == 2) {
        story.told(&format!("b-{n}"), "pending").await?;
        story.meta.approve(BUSINESS, &page(n), None)?;
    }
    let mut wrong = Vec::new();
    for id in &ids {
        let (event, (what, n)) = (story.event_of(id).await?, id.split_once('-').unwrap_or_default());
        let expected = match (what, n.parse::<usize>()? % 3) {
            ("a", _) | ("b", 0 | 1) => "cancelled",
            ("x" | "y", _) => "completed",
            _ => "confirmed",
        };
        if phase(&event) != expected {
            wrong.push(format!("{id} should be {expected}: {:?} {}", phase(&event), event["data"]["error"]));
        }
    }
    story.stop().await?;
    let twice: Vec<&String> = ids.iter().filter(|id| story.endings_of(id).len() != 1).collect();
    let blind = blind_repeats(&story.meta.calls());
    println!(
        "{} commands about commands: {} calls; wrong ends: {}; ended twice: {}; claims repeated blindly: {}; open requests: {}",
        ids.len(),
        story.meta.calls().len(),
        wrong.len(),
        twice.len(),
        blind.len(),
        story.meta.world().requests.len()
    );
    assert_eq!((wrong, twice, blind), (Vec::new(), Vec::new(), Vec::new()));
    assert!(story.meta.world().requests.is_empty());
    Ok(())
}

/// A command's events count from 1 without a gap, and one that comes again is the same.
fn in_order_and_unchanged(events: &[Value]) -> Result<()> {
    let mut first = BTreeMap::new();
    for event in events {
        let sequence = event["data"]["sequence"].as_u64().unwrap_or(0);
        ensure!(first.entry(sequence).or_insert(event) == &event, "{sequence} is told in two ways: {events:#?}");
    }
    ensure!(first.keys().copied().eq(1..=first.len() as u64), "gaps: {events:#?}");
    Ok(())
}
