//! Things that come at the same time, and neighbours that come and go.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Awkward, Break, How, ListingOddity, Oddity, Throttle, Verb};
use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use serde_json::json;

use crate::harness::{
    ANNA, BEN, BUSINESS, MANAGER, OWNER, Story, WORKER, agency_claim, annas_page, cancel, clients_page, ends, fails,
    order, orders, owner_claim, phase, world,
};
use crate::rabbit::eventually;

const PAGE: &str = "1001";

#[tokio::test]
async fn a_person_is_not_reassigned_to_themselves() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let fields = json!({"from": ANNA, "to": "anna@northwind.example"});
    let event = story.ask(&order("reassign", "r", PAGE, fields)).await?;
    let people = &story.meta.world().pages[PAGE].assigned[BUSINESS];
    ensure!(people.contains_key(ANNA), "Anna was the only manager, and is gone: {event:#}");
    assert_eq!(story.writes(), []);
    Ok(())
}

/// F46, of one worker.
#[tokio::test]
async fn two_managers_who_leave_at_once_do_not_leave_the_page_alone() -> Result<()> {
    let both =
        world().page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER));
    let story = Story::of(both).await?;
    story.meta.lag_of("assigned_users", Duration::from_millis(700));
    story.send(&order("unassign", "anna", PAGE, json!({"user": ANNA}))).await?;
    story.send(&order("unassign", "ben", PAGE, json!({"user": BEN}))).await?;
    ends(&story.event_of("anna").await?, "completed", json!(true))?;
    fails(&story.event_of("ben").await?, "needs_human", "would_orphan")
}

#[tokio::test]
async fn a_removal_that_is_repeated_because_its_list_lags_too_long_is_no_failure() -> Result<()> {
    let both =
        world().page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER));
    let story = Story::of(both).await?;
    // Longer than `poll.settle`: the look after the lost answer shows Anna, and the second removal finds nobody.
    story.meta.lag_of("assigned_users", Duration::from_millis(1_600));
    story.meta.break_next(Break::next(Verb::Delete, "/assigned_users", How::TimeoutAfter));
    let event = story.ask(&order("unassign", "anna", PAGE, json!({"user": ANNA}))).await?;
    ends(&event, "completed", json!(true))?;
    let refused = story.writes().into_iter().filter(|call| call.code.is_some()).count();
    assert_eq!((story.writes().len(), refused), (2, 1));
    Ok(())
}

#[tokio::test]
async fn the_same_claim_sent_twice_at_once_asks_meta_once() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("first", PAGE)).await?;
    story.send(&agency_claim("second", PAGE)).await?;
    let first = story.event_of("first").await?;
    ensure!(phase(&first) == "cancelled" && first["data"]["superseded_by"] == "second", "{first:#}");
    story.told("second", "pending").await?;
    assert_eq!(story.writes().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_claim_and_its_cancel_sent_at_once_leave_nothing_behind() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    for n in 0..5 {
        let id = format!("c-{n}");
        story.send(&agency_claim(&id, PAGE)).await?;
        story.send(&cancel(&format!("stop-{n}"), &id)).await?;
        ensure!(phase(&story.event_of(&id).await?) == "cancelled", "{:#?}", story.events_of(&id));
        story.event_of(&format!("stop-{n}")).await?;
        assert!(story.meta.world().requests.is_empty(), "{id}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cancel_in_mid_reassignment_stops_at_a_safe_point() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    story.meta.lag_of("assigned_users", Duration::from_millis(800));
    story.send(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN}))).await?;
    story.call("the grant", |call| call.is(Verb::Post, "assigned_users")).await?;
    story.send(&cancel("stop", "r")).await?;
    let (event, _) = (story.event_of("r").await?, story.event_of("stop").await?);
    ensure!(event["data"]["changed"] == true, "Ben is in place: {event:#}");
    let people = &story.meta.world().pages[PAGE].assigned[BUSINESS];
    ensure!(people.contains_key(BEN), "{event:#}");
    ensure!((phase(&event) == "completed") != people.contains_key(ANNA), "{event:#}\n{people:?}");
    Ok(())
}

#[tokio::test]
async fn what_was_decided_while_the_worker_was_down_is_found_when_it_is_back() -> Result<()> {
    let pages = clients_page(PAGE).page("1002", |p| p.owned_by(OWNER));
    let mut story = Story::of(pages).await?;
    for (id, page) in [("yes", PAGE), ("no", "1002")] {
        story.send(&agency_claim(id, page)).await?;
        story.told(id, "pending").await?;
    }
    story.kill().await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    story.meta.deny(BUSINESS, "1002")?;
    story.restart().await?;
    ends(&story.event_of("yes").await?, "confirmed", json!(true))?;
    ends(&story.event_of("no").await?, "denied", json!(true))
}

#[tokio::test]
async fn a_broker_that_drops_its_connections_costs_nothing() -> Result<()> {
    let pages: Vec<String> = (0..30).map(|n| format!("12{n:02}")).collect();
    let ours = pages.iter().fold(world(), |world, page| world.page(page, |p| p.direct_admin(WORKER)));
    let mut story = Story::of(ours).await?;
    let names: Vec<&str> = pages.iter().map(String::as_str).collect();
    story.send(&orders("claim", "list", &names[..15], json!({"access": "owner"}))).await?;
    for page in &pages[15..] {
        story.send(&owner_claim(page, page)).await?;
    }
    story.call("a first claim", |call| call.is_write()).await?;
    story.drop_connections().await?;
    ends(&story.event_of("list").await?, "confirmed", json!(true))?;
    for page in &pages[15..] {
        ends(&story.event_of(page).await?, "confirmed", json!(true))?;
        assert_eq!(story.endings_of(page).len(), 1);
    }
    assert_eq!(story.posts("owned_pages"), pages.len());
    Ok(())
}

#[tokio::test]
async fn many_little_troubles_leave_each_command_with_one_good_end() -> Result<()> {
    let pages: Vec<String> = (0..40).map(|n| format!("13{n:02}")).collect();
    let mixed = pages.iter().enumerate().fold(world(), |world, (n, page)| {
        world.page(page, |p| match n % 2 {
            0 => p.direct_admin(WORKER),
            _ => p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER),
        })
    });
    let story = Story::of(mixed).await?;
    story.meta.awkward(Awkward { per_mille: 150, timeouts: true });
    story.meta.lag(Duration::from_millis(200));
    for (n, page) in pages.iter().enumerate() {
        let command = match n % 2 {
            0 => owner_claim(page, page),
            _ => order("reassign", page, page, json!({"from": ANNA, "to": BEN})),
        };
        story.send(&command).await?;
    }
    for (n, page) in pages.iter().enumerate() {
        let event = story.event_of(page).await?;
        ends(&event, if n % 2 == 0 { "confirmed" } else { "completed" }, json!(true))?;
        assert_eq!(story.endings_of(page).len(), 1);
    }
    for page in pages.iter().skip(1).step_by(2) {
        let people = &story.meta.world().pages[page].assigned[BUSINESS];
        ensure!(people.contains_key(BEN) && !people.contains_key(ANNA), "{page}: {people:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_claim_far_down_a_long_and_odd_list_is_found() -> Result<()> {
    for how in [Oddity::EmptyMiddlePage, Oddity::NoCursors] {
        let story = Story::of(long_list()).await?;
        story.meta.listing(ListingOddity { list: None, business: None, how, times: None });
        story.send(&agency_claim("c", "1999")).await?;
        story.told("c", "pending").await?;
        story.meta.approve(BUSINESS, "1999", None)?;
        ends(&story.event_of("c").await?, "confirmed", json!(true)).with_context(|| format!("{how:?}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn a_list_that_cannot_be_read_to_its_end_denies_nothing() -> Result<()> {
    for how in [Oddity::RepeatCursor, Oddity::ExpireCursor, Oddity::ForeignNext] {
        let story = Story::of(long_list()).await?;
        story.send(&agency_claim("c", "1999")).await?;
        story.told("c", "pending").await?;
        story.meta.listing(ListingOddity { list: None, business: None, how, times: None });
        let asked = story.meta.now();
        let late = |call: &bindery::graph_sim::Call| call.at > asked + Duration::from_secs(4);
        story.call("looks after the lists have settled twice", late).await?;
        assert_eq!(story.endings_of("c").len(), 0, "{how:?}: {:#?}", story.events_of("c"));
        story.meta.heal();
        story.meta.approve(BUSINESS, "1999", None)?;
        ends(&story.event_of("c").await?, "confirmed", json!(true)).with_context(|| format!("{how:?}"))?;
    }
    Ok(())
}

/// So many open requests and shares that a list has three pages; the Page 1999 is last.
fn long_list() -> bindery::graph_sim::World {
    let shared = (0..220).fold(world(), |world, n| {
        let page = format!("1{n:03}");
        if n % 2 == 0 {
            world.page(&page, |p| p.owned_by(OWNER).shared_with(BUSINESS, &["ANALYZE"]))
        } else {
            let open = world.page(&page, |p| p.owned_by(OWNER));
            open.pending(&format!("7{n:03}"), bindery::graph_sim::Access::Agency, BUSINESS, &page, &["ANALYZE"])
        }
    });
    shared.page("1999", |p| p.owned_by(OWNER))
}

#[tokio::test]
async fn a_requester_gets_its_reply() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    let (_connection, channel) = story.vhost.channel().await?;
    let queue = "answers-of-the-story";
    channel.queue_declare(queue.into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
    let mut replies = story.vhost.drain(queue).await?;
    let properties = BasicProperties::default().with_reply_to(queue.into()).with_correlation_id("mine".into());
    let body = owner_claim("c", PAGE).to_string();
    story.vhost.publish("bindery.commands", "claim", body.into_bytes(), properties).await?;
    let reply = replies.next().await?;
    assert_eq!(reply.properties.correlation_id().as_ref().map(ToString::to_string).as_deref(), Some("mine"));
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&reply.body)?, story.event_of("c").await?);
    Ok(())
}

#[tokio::test]
async fn a_command_starts_no_earlier_than_it_may() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    let not_before = Timestamp::now() + Duration::from_secs(2);
    let mut claim = owner_claim("c", PAGE);
    claim["not_before"] = json!(not_before.to_string());
    ends(&story.ask(&claim).await?, "confirmed", json!(true))?;
    assert!(story.calls().iter().all(|call| call.at >= not_before));
    Ok(())
}

#[tokio::test]
async fn a_throttled_command_expires_in_time_without_a_write() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    story.meta.throttle(Throttle::business(BUSINESS, 10));
    let mut claim = owner_claim("c", PAGE);
    claim["expires_at"] = json!((Timestamp::now() + Duration::from_secs(2)).to_string());
    let event = story.ask(&claim).await?;
    ensure!(phase(&event) == "expired" && event["data"]["expired_because"] == "not_started", "{event:#}");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_slow_answer_within_its_time_is_just_an_answer() -> Result<()> {
    let story = Story::with(world().page(PAGE, |p| p.direct_admin(WORKER)), &[("GRAPH__CALL_WITHIN", "5s")]).await?;
    story.meta.break_next(Break::next(Verb::Post, "/owned_pages", How::Slow(1)));
    ends(&story.ask(&owner_claim("c", PAGE)).await?, "confirmed", json!(true))?;
    assert_eq!(story.posts("owned_pages"), 1);
    Ok(())
}

#[tokio::test]
async fn two_claims_that_are_both_cancelled_at_once_leave_nothing_behind() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("a", PAGE)).await?;
    story.send(&agency_claim("b", PAGE)).await?;
    story.send(&cancel("xa", "a")).await?;
    story.send(&cancel("xb", "b")).await?;
    for id in ["a", "b", "xa", "xb"] {
        let event = story.event_of(id).await?;
        ensure!(["cancelled", "completed"].contains(&phase(&event)), "{event:#}");
    }
    assert!(story.meta.world().requests.is_empty(), "withdrawn at Meta");
    Ok(())
}

#[tokio::test]
async fn a_claim_that_meets_a_request_being_withdrawn_asks_anew() -> Result<()> {
    let story = Story::with(clients_page(PAGE), &[("GRAPH__CALL_WITHIN", "8s")]).await?;
    story.send(&agency_claim("a", PAGE)).await?;
    let first = story.call("the first claim", |call| call.is(Verb::Post, "client_pages")).await?;
    story.told("a", "pending").await?;
    // Long enough for the lists to show twice that the request is gone: that is no denial.
    story.meta.break_next(Break::next(Verb::Delete, "/pages", How::Slow(4)));
    story.send(&cancel("x", "a")).await?;
    story.call("the withdrawal", |call| call.is(Verb::Delete, "pages")).await?;
    story.send(&agency_claim("b", PAGE)).await?;
    ensure!(phase(&story.event_of("a").await?) == "cancelled", "{:#?}", story.events_of("a"));
    story.call("a claim anew", |call| call.is(Verb::Post, "client_pages") && call.n > first.n).await?;
    story.told("b", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("b").await?, "confirmed", json!(true))
}

#[tokio::test]
async fn a_claim_that_takes_over_and_is_unbound_at_once_leaves_nothing_behind() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("a", PAGE)).await?;
    story.send(&agency_claim("b", PAGE)).await?;
    story.send(&order("unbind", "x", PAGE, json!({}))).await?;
    for id in ["a", "b", "x"] {
        let event = story.event_of(id).await?;
        ensure!(["cancelled", "completed"].contains(&phase(&event)), "{event:#}");
    }
    assert!(story.meta.world().requests.is_empty(), "withdrawn at Meta");
    Ok(())
}

#[tokio::test]
async fn a_take_over_goes_on_after_a_kill() -> Result<()> {
    let mut story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("a", PAGE)).await?;
    story.told("a", "pending").await?;
    let asked = story.last_call();
    story.send(&agency_claim("b", PAGE)).await?;
    story.call("the look before", |call| call.n > asked && call.is(Verb::Get, "client_pages")).await?;
    story.kill().await?;
    story.restart().await?;
    ensure!(phase(&story.event_of("a").await?) == "cancelled", "{:#?}", story.events_of("a"));
    story.told("b", "pending").await?;
    Ok(())
}

#[tokio::test]
async fn a_worker_that_did_nothing_wrong_warns_of_nothing() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    story.event_of("c").await?;
    story.send(&agency_claim("d", PAGE)).await?;
    story.send(&cancel("x", "d")).await?;
    story.event_of("x").await?;
    ensure!(!story.log_text().contains("\"WARN\""), "{}", story.log_text());
    Ok(())
}

#[tokio::test]
async fn at_the_limit_of_open_commands_the_broker_keeps_the_rest_until_one_has_ended() -> Result<()> {
    let story = Story::with(clients_page(PAGE), &[("LIMITS__BACKLOG", "1")]).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    eventually("the worker pauses", || async { Ok(story.log_text().contains("consuming is paused")) }).await?;
    story.send(&owner_claim("kept", "404404")).await?;
    story.vhost.expect_depth("bindery.commands", 1).await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    ensure!(phase(&story.event_of("kept").await?) == "failed", "no such Page");
    Ok(())
}
