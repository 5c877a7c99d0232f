//! Whatever goes wrong between us and Meta, or in what is sent to us: nothing twice, nothing lost.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, Holder, How, Throttle, Token, Verb};
use jiff::SignedDuration;
use lapin::types::AMQPValue;
use serde_json::{Value, json};

use crate::harness::{
    ANNA, BEN, BUSINESS, NEIGHBOUR, OUTSIDER, OWNER, Story, TOKEN, WORKER, agency_claim, annas_page, clients_page,
    ends, fails, order, owner_claim, phase, world,
};

const PAGE: &str = "1001";

/// A Page that is confirmed at once when claimed.
fn own_page() -> bindery::graph_sim::World {
    world().page(PAGE, |p| p.direct_admin(WORKER))
}

#[tokio::test]
async fn a_claim_that_took_effect_without_an_answer_is_looked_up_and_not_repeated() -> Result<()> {
    for how in [How::TimeoutAfter, How::Reset, How::Truncated, How::Empty200] {
        let story = Story::of(own_page()).await?;
        story.meta.break_next(Break::next(Verb::Post, "/owned_pages", how.clone()));
        let event = story.ask(&owner_claim("c", PAGE)).await.with_context(|| format!("{how:?}"))?;
        ends(&event, "confirmed", json!(true)).with_context(|| format!("{how:?}"))?;
        assert_eq!(story.posts("owned_pages"), 1, "{how:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_claim_that_took_no_effect_is_repeated_once_the_lists_have_settled() -> Result<()> {
    for how in [How::TimeoutBefore, How::Html502, How::Html200, How::EmptyError] {
        let story = Story::of(own_page()).await?;
        story.meta.break_next(Break::next(Verb::Post, "/owned_pages", how.clone()));
        let event = story.ask(&owner_claim("c", PAGE)).await.with_context(|| format!("{how:?}"))?;
        ends(&event, "confirmed", json!(true)).with_context(|| format!("{how:?}"))?;
        let calls = story.meta.calls();
        let posts: Vec<_> = calls.iter().filter(|call| call.is(Verb::Post, "owned_pages")).collect();
        assert_eq!(posts.len(), 2, "{how:?}");
        let looked =
            calls.iter().any(|call| call.is(Verb::Get, "owned_pages") && call.n > posts[0].n && call.n < posts[1].n);
        assert!(looked, "{how:?}: not repeated without a look");
        let gap = posts[1].at.duration_since(posts[0].at);
        assert!(gap >= SignedDuration::from_secs(1), "{how:?}: repeated before the lists had settled: {gap}");
    }
    Ok(())
}

#[tokio::test]
async fn a_pending_claim_without_an_answer_is_found_in_the_list() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.meta.break_next(Break::next(Verb::Post, "/client_pages", How::TimeoutAfter));
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    assert_eq!(story.posts("client_pages"), 1);
    Ok(())
}

#[tokio::test]
async fn reads_that_break_are_repeated() -> Result<()> {
    let story = Story::of(own_page()).await?;
    for how in [How::Html502, How::Truncated, How::Reset, How::EmptyError, How::error(2)] {
        story.meta.break_next(Break::next(Verb::Get, "/2001/", how));
    }
    ends(&story.ask(&owner_claim("c", PAGE)).await?, "confirmed", json!(true))?;
    assert_eq!(story.posts("owned_pages"), 1);
    Ok(())
}

#[tokio::test]
async fn a_removal_that_took_effect_without_an_answer_is_not_repeated() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER))).await?;
    story.meta.break_next(Break::next(Verb::Delete, "/pages", How::TimeoutAfter));
    ends(&story.ask(&order("unbind", "u", PAGE, json!({}))).await?, "completed", json!(true))?;
    assert_eq!(story.writes().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_success_that_was_none_is_not_believed() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    story.meta.break_next(Break::next(Verb::Post, "/assigned_users", How::SuccessFalse));
    let event = story.ask(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN}))).await?;
    let people = &story.meta.world().pages[PAGE].assigned[BUSINESS];
    let (moved, stayed) = (phase(&event) == "completed", phase(&event) == "failed");
    ensure!(moved != stayed, "{event:#}");
    ensure!(people.contains_key(if moved { BEN } else { ANNA }), "{event:#}\n{people:?}");
    Ok(())
}

#[tokio::test]
async fn a_list_that_lags_is_waited_for() -> Result<()> {
    let story = Story::of(own_page()).await?;
    story.meta.lag(Duration::from_millis(700));
    ends(&story.ask(&owner_claim("c", PAGE)).await?, "confirmed", json!(true))?;
    assert_eq!(story.posts("owned_pages"), 1);
    Ok(())
}

#[tokio::test]
async fn a_pending_list_that_lags_is_no_denial() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.meta.lag(Duration::from_millis(700));
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    let asked = story.last_call();
    story.call("a third look", |call| call.n > asked + 4 && call.is(Verb::Get, "pending_client_pages")).await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))
}

#[tokio::test]
async fn a_throttled_business_waits_while_its_neighbour_goes_on() -> Result<()> {
    let story = Story::of(own_page().page("1002", |p| p.direct_admin("92002"))).await?;
    story.meta.throttle(Throttle::business(BUSINESS, 10));
    story.send(&owner_claim("c", PAGE)).await?;
    let waiting = story.told("c", "waiting").await?;
    ensure!(waiting["data"]["waiting"]["cause"] == "quota" || waiting["data"]["cause"] == "quota", "{waiting:#}");
    let mut neighbours = owner_claim("n", "1002");
    neighbours["business"] = json!(NEIGHBOUR);
    ends(&story.ask(&neighbours).await?, "confirmed", json!(true))?;
    let refused = story.meta.calls().iter().filter(|call| call.code == Some(80_001)).count();
    assert_eq!(refused, 1, "a throttled bucket is not asked again in its time");
    assert_eq!(story.endings_of("c").len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_short_throttle_passes_and_the_command_ends_well() -> Result<()> {
    let story = Story::of(own_page()).await?;
    story.meta.throttle(Throttle::business(BUSINESS, 1).silent().times(1));
    ends(&story.ask(&owner_claim("c", PAGE)).await?, "confirmed", json!(true))?;
    let waiting = story.events_of("c").iter().filter(|event| phase(event) == "waiting").count();
    assert!(waiting <= 1, "once a cause");
    Ok(())
}

#[tokio::test]
async fn a_dead_token_makes_its_commands_wait_until_its_file_has_a_new_one() -> Result<()> {
    let two_tokens = own_page().token("fresh-token-never-to-be-shown", Token::of(Holder::Anyone));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN)?;
    let path = file.to_string_lossy();
    let story = Story::with(two_tokens, &[("CREDENTIALS__STORY__ACCESS_TOKEN_FILE", &*path)]).await?;
    story.meta.token(TOKEN, Some(460))?;
    story.send(&owner_claim("c", PAGE)).await?;
    let waiting = story.told("c", "waiting").await?;
    ensure!(waiting.to_string().contains("\"credential\""), "{waiting:#}");
    std::fs::write(&file, "fresh-token-never-to-be-shown")?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    let told = story.events_of("c").iter().filter(|event| phase(event) == "waiting").count();
    assert_eq!(told, 1, "once a cause");
    no_secret_was_told(&story)
}

#[tokio::test]
async fn a_dead_token_is_nobody_elses_trouble() -> Result<()> {
    let separate = world()
        .token("neighbours-token", Token::of(Holder::SystemUser { business: NEIGHBOUR.into(), user: "92002".into() }))
        .page(PAGE, |p| p.direct_admin(WORKER))
        .page("1002", |p| p.direct_admin("92002"));
    let own = [
        ("CREDENTIALS__NEIGHBOUR__ACCESS_TOKEN", "neighbours-token"),
        ("CREDENTIALS__NEIGHBOUR__BUSINESSES", NEIGHBOUR),
    ];
    let story = Story::with(separate, &own).await?;
    story.meta.token(TOKEN, Some(460))?;
    story.send(&owner_claim("c", PAGE)).await?;
    story.told("c", "waiting").await?;
    let mut neighbours = owner_claim("n", "1002");
    neighbours["business"] = json!(NEIGHBOUR);
    ends(&story.ask(&neighbours).await?, "confirmed", json!(true))?;
    assert_eq!(story.events_of("n").len(), 1, "it never waited");
    no_secret_was_told(&story)
}

#[tokio::test]
async fn a_command_that_comes_twice_is_done_once_and_answered_with_the_same_event() -> Result<()> {
    let story = Story::of(own_page()).await?;
    let claim = owner_claim("c", PAGE);
    let first = story.ask(&claim).await?;
    let done = story.last_call();
    let reordered = format!(
        r#"{{"access":"owner","asset":{{"id":"{PAGE}","kind":"page"}},"business":"{BUSINESS}","command":"claim","id":"c"}}"#
    );
    story.send(&claim).await?;
    story.events_told(2, |event| event["data"]["command_id"] == "c").await?;
    story.send_raw("claim", reordered.as_bytes()).await?;
    let ends = story.events_told(3, |event| event["data"]["command_id"] == "c").await?;
    assert!(ends.iter().all(|event| *event == first), "{ends:#?}");
    assert_eq!(story.last_call(), done, "Meta was asked nothing");
    Ok(())
}

#[tokio::test]
async fn a_command_that_comes_twice_while_it_is_open_is_done_once() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    for _ in 0..3 {
        story.send(&agency_claim("c", PAGE)).await?;
    }
    story.told("c", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    assert_eq!((story.posts("client_pages"), story.endings_of("c").len()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn an_id_with_other_content_is_rejected_and_the_first_command_goes_on() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    let mut other = agency_claim("c", PAGE);
    other["actor"] = json!("somebody else");
    story.send(&other).await?;
    let rejected = story.told("c", "rejected").await?;
    ensure!(rejected["data"]["error"]["code"] == "id_reused", "{rejected:#}");
    ensure!(rejected["data"]["delivery"].is_string() && rejected["data"]["sequence"].is_null(), "{rejected:#}");
    story.meta.approve(BUSINESS, PAGE, None)?;
    story
        .event("the first command's end", |event| event["data"]["command_id"] == "c" && phase(event) == "confirmed")
        .await?;
    assert_eq!(story.vhost.depth("bindery.dead").await?, 0, "a reused id is no dead letter");
    Ok(())
}

#[tokio::test]
async fn what_is_no_command_is_rejected_and_kept_with_the_reason() -> Result<()> {
    let story = Story::of(own_page()).await?;
    let mut dead = story.vhost.drain("bindery.dead").await?;
    let table: &[(&str, &[u8])] = &[
        ("no JSON", b"{\"id\": \"x\""),
        ("no text", b"\xff\xfe\x00"),
        ("nothing", b""),
        ("no object", b"[1, 2]"),
        ("a number for an id", br#"{"id":"n","command":"claim","business":2001,"asset":{"kind":"page","id":"1001"},"access":"owner"}"#),
        ("an unknown field", br#"{"id":"f","command":"claim","business":"2001","asset":{"kind":"page","id":"1001"},"access":"owner","acess":1}"#),
        ("an unknown command", br#"{"id":"u","command":"steal","business":"2001"}"#),
        ("a kind that is none", br#"{"id":"k","command":"claim","business":"2001","asset":{"kind":"pge","id":"1001"},"access":"owner"}"#),
        ("no business", br#"{"id":"b","command":"claim","asset":{"kind":"page","id":"1001"},"access":"owner"}"#),
    ];
    for (what, body) in table {
        story.send_raw("claim", body).await?;
        let message = dead.next().await.context(*what)?;
        assert_eq!(message.body, *body, "{what}: kept as it came");
        let headers = message.properties.headers().clone().unwrap_or_default();
        let reason = headers.inner().iter().find(|(name, _)| name.as_str() == "x-bindery-reason");
        let told = matches!(reason, Some((_, AMQPValue::LongString(text))) if text.as_bytes().len() > 5);
        ensure!(told, "{what}: no reason in {headers:?}");
    }
    for id in ["n", "f", "u", "k", "b"] {
        let rejected = story.told(id, "rejected").await?;
        ensure!(rejected["data"]["error"]["category"].is_string(), "{rejected:#}");
    }
    let unknown = story.told("u", "rejected").await?;
    assert_eq!(unknown["type"], json!("bindery.unknown.rejected"));
    // None of this stopped the worker, and an id of a rejected message is not used up.
    let mut corrected = owner_claim("f", PAGE);
    corrected["reason"] = json!("spelled well");
    story.send(&corrected).await?;
    story.event("the corrected command's end", |event| phase(event) == "confirmed").await?;
    Ok(())
}

#[tokio::test]
async fn a_giant_message_is_a_dead_letter_and_the_next_command_is_done() -> Result<()> {
    let story = Story::of(own_page()).await?;
    let mut dead = story.vhost.drain("bindery.dead").await?;
    for size in [300 * 1024, 2 * 1024 * 1024] {
        story.send_raw("claim", "x".repeat(size).as_bytes()).await?;
        assert_eq!(dead.next().await?.body.len(), size);
    }
    ends(&story.ask(&owner_claim("c", PAGE)).await?, "confirmed", json!(true))
}

#[tokio::test]
async fn an_abuse_answer_ends_the_claim_and_is_not_repeated() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    story.meta.break_next(Break::next(Verb::Post, "/client_pages", How::error(368)));
    let event = story.ask(&agency_claim("c", PAGE)).await?;
    ensure!(phase(&event) == "failed" && event["data"]["error"]["category"] == "abuse", "{event:#}");
    assert_eq!(story.posts("client_pages"), 1);
    Ok(())
}

#[tokio::test]
async fn a_write_that_never_gets_an_answer_is_given_up_after_looks() -> Result<()> {
    let story = Story::with(own_page(), &[("POLL__SETTLE", "300ms"), ("GRAPH__CALL_WITHIN", "300ms")]).await?;
    story.meta.break_next(Break::next(Verb::Post, "/owned_pages", How::TimeoutBefore).times(1_000));
    let event = story.ask(&owner_claim("c", PAGE)).await?;
    fails(&event, "exhausted", "unknown_outcome")?;
    assert!(story.posts("owned_pages") <= 5);
    Ok(())
}

#[tokio::test]
async fn a_page_token_is_fetched_where_meta_insists() -> Result<()> {
    let insists = world().page(PAGE, |p| {
        p.owned_by(BUSINESS)
            .assign(BUSINESS, ANNA, &["ANALYZE"])
            .assign(BUSINESS, WORKER, &["MANAGE"])
            .needs_page_token()
    });
    let story = Story::of(insists).await?;
    let event = story.ask(&order("assign", "a", PAGE, json!({"user": BEN, "tasks": ["ANALYZE"]}))).await?;
    ends(&event, "completed", json!(true))?;
    no_secret_was_told(&story)
}

#[tokio::test]
async fn a_stop_in_the_middle_loses_nothing() -> Result<()> {
    let pages: Vec<String> = (0..20).map(|n| format!("11{n:02}")).collect();
    let many = pages.iter().fold(world(), |world, page| world.page(page, |p| p.owned_by(OWNER).approves_after(0)));
    let mut story = Story::of(many).await?;
    for page in &pages {
        story.send(&agency_claim(&format!("c-{page}"), page)).await?;
    }
    story.call("a first claim", |call| call.is(Verb::Post, "client_pages")).await?;
    story.stop().await?;
    story.restart().await?;
    for page in &pages {
        ends(&story.event_of(&format!("c-{page}")).await?, "confirmed", json!(true))?;
        assert_eq!(story.endings_of(&format!("c-{page}")).len(), 1);
    }
    assert_eq!(story.posts("client_pages"), pages.len());
    Ok(())
}

/// No token in any log line or event.
fn no_secret_was_told(story: &Story) -> Result<()> {
    let told: Vec<String> = story.events().iter().map(Value::to_string).collect();
    ensure!(!told.join("\n").contains("never-to-be-shown"), "a secret in an event");
    ensure!(!story.log_text().contains("never-to-be-shown"), "a secret in the log");
    Ok(())
}
