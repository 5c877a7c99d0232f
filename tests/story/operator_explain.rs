//! `bindery explain`, as the real binary over journals that a real worker leaves.

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, Throttle, Verb};
use serde_json::json;

use crate::harness::{
    ANNA, BEN, BUSINESS, Story, TOKEN, WORKER, agency_claim, annas_page, cancel, clients_page, order, orders,
    owner_claim, world,
};
use crate::rabbit::eventually;

const PAGE: &str = "1001";

/// What is told of a command, times and traces struck out: every run has its own.
async fn explained(story: &Story, id: &str) -> Result<String> {
    let told = story.cli(&["explain", id], &[]).await?;
    told.ends(0, &[])?;
    Ok(told.out.lines().map(struck).collect::<Vec<_>>().join("\n"))
}

fn struck(line: &str) -> String {
    let words = line.split(' ').map(|word| match word {
        time if is_time(time) => {
            "<time>".to_owned() + time.trim_start_matches(|c: char| c.is_ascii_digit() || "-:TZ.".contains(c))
        }
        trace if trace.starts_with('A') && trace.ends_with(')') => "<trace>)".to_owned(),
        hash if hash.ends_with("…)") => "<hash>)".to_owned(),
        other => other.to_owned(),
    });
    let line = words.collect::<Vec<_>>().join(" ");
    // `(in 4 min 2 s)`: how long is each run's own too.
    match line.split_once(" (in ").and_then(|(head, rest)| Some((head, rest.split_once("): ")?.1))) {
        Some((head, rest)) => format!("{head} (in <while>): {rest}"),
        None => line,
    }
}

fn is_time(word: &str) -> bool {
    word.len() >= 20 && word.as_bytes()[4] == b'-' && word.as_bytes()[10] == b'T'
}

/// Waits until so much is told.
pub async fn tells(story: &Story, id: &str, words: &[&str]) -> Result<String> {
    let mut last = String::new();
    let told = eventually(&format!("{id} is explained by {words:?}"), || async {
        let told = story.cli(&["explain", id], &[]).await?;
        Ok(words.iter().all(|word| told.out.contains(word)))
    })
    .await;
    if let Ok(told) = story.cli(&["explain", id], &[]).await {
        last = told.out;
    }
    told.with_context(|| last.clone())?;
    Ok(last)
}

#[tokio::test]
async fn a_command_that_nobody_knows_is_exit_1_with_where_it_may_be() -> Result<()> {
    let story = Story::of(world()).await?;
    let told = story.cli(&["explain", "nobody"], &[]).await?;
    told.ends(1, &["the journal knows no command nobody", "bindery.commands", "bindery.dead"])?;
    story.cli(&["explain", "not an id"], &[]).await?.ends(2, &[])?;
    story
        .cli(&["explain", "c"], &[("JOURNAL__URL", "sqlite:///nowhere/at/all.db")])
        .await?
        .ends(3, &["/nowhere/at/all.db"])
}

#[tokio::test]
async fn a_pending_claim_tells_its_walks_and_what_is_needed_for_a_verdict() -> Result<()> {
    let mut story =
        Story::with(clients_page(PAGE), &[("POLL__SETTLE", "1h"), ("POLL__MAX", "1h"), ("POLL__FIRST", "1h")]).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    tells(&story, "c", &["the broker has it"]).await?;
    insta::assert_snapshot!("pending_beside_a_worker", explained(&story, "c").await?);
    story.kill().await?;
    insta::assert_snapshot!("pending_without_one", explained(&story, "c").await?);
    let told = story.cli(&["explain", "c", "--json"], &[]).await?.json()?;
    ensure!(
        told["command"]["state"] == "pending" && told["next"].as_array().is_some_and(|next| next.len() > 2),
        "{told:#}"
    );
    Ok(())
}

#[tokio::test]
async fn a_claim_that_has_left_the_list_tells_that_an_absence_counts() -> Result<()> {
    let story = Story::with(clients_page(PAGE), &[("POLL__SETTLE", "3s")]).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.deny(BUSINESS, PAGE)?;
    tells(&story, "c", &["it stood in neither list in", "prove"]).await?;
    let event = story.event_of("c").await?;
    ensure!(event["data"]["phase"] == "denied", "{event:#}");
    tells(&story, "c", &["has ended as denied", "Meta gave no sign of it"]).await.map(drop)
}

#[tokio::test]
async fn a_throttled_command_tells_its_bucket_and_until_when() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    story.meta.throttle(Throttle::business(BUSINESS, 10));
    story.send(&owner_claim("c", PAGE)).await?;
    story.told("c", "waiting").await?;
    tells(&story, "c", &["the broker has it"]).await?;
    insta::assert_snapshot!(explained(&story, "c").await?);
    Ok(())
}

#[tokio::test]
async fn a_dead_credential_is_named_with_what_to_do() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    story.meta.token(TOKEN, Some(460))?;
    story.send(&owner_claim("c", PAGE)).await?;
    story.told("c", "waiting").await?;
    tells(&story, "c", &["the broker has it"]).await?;
    insta::assert_snapshot!(explained(&story, "c").await?);
    Ok(())
}

#[tokio::test]
async fn one_behind_another_names_who_holds_the_lane() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    story.meta.throttle(Throttle::business(BUSINESS, 10));
    let moves = json!({"from": ANNA, "to": BEN});
    story.send(&order("reassign", "first", PAGE, moves.clone())).await?;
    story.told("first", "waiting").await?;
    for id in ["second", "third"] {
        story.send(&order("reassign", id, PAGE, moves.clone())).await?;
    }
    tells(&story, "third", &["first (waiting) and 1 more go before it"]).await?;
    insta::assert_snapshot!(explained(&story, "third").await?);
    Ok(())
}

#[tokio::test]
async fn a_fan_out_counts_its_children_and_names_the_next() -> Result<()> {
    let world = world().page("1001", |p| p.owned_by(BUSINESS)).page("1002", |p| p.owned_by(BUSINESS));
    let mut story = Story::of(world).await?;
    story.meta.throttle(Throttle::business(BUSINESS, 10));
    story.send(&orders("unbind", "f", &["1001", "1002"], json!({}))).await?;
    tells(&story, "f", &["f~1 waits for quota", "f~2 waits for quota"]).await?;
    insta::assert_snapshot!("beside_a_worker", explained(&story, "f").await?);
    story.kill().await?;
    tells(&story, "f~2", &["part of f", "no worker has the journal"]).await.map(drop)
}

#[tokio::test]
async fn one_whose_write_is_out_says_which_and_after_a_kill_that_it_will_look() -> Result<()> {
    let mut story =
        Story::with(world().page(PAGE, |p| p.direct_admin(WORKER)), &[("GRAPH__CALL_WITHIN", "60s")]).await?;
    story.meta.break_next(Break::next(Verb::Post, "/owned_pages", How::TimeoutAfter));
    story.send(&owner_claim("c", PAGE)).await?;
    story.call("the write", |call| call.is(Verb::Post, "owned_pages")).await?;
    tells(&story, "c", &["a step of it is under way", "POST /2001/owned_pages"]).await?;
    story.kill().await?;
    insta::assert_snapshot!(explained(&story, "c").await?);
    story.restart().await?;
    story.event_of("c").await?;
    tells(&story, "c", &["has ended as confirmed"]).await.map(drop)
}

#[tokio::test]
async fn one_that_is_not_due_says_when_it_will_be() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let fields =
        json!({"from": ANNA, "to": BEN, "not_before": "2099-01-01T00:00:00Z", "expires_at": "2099-02-01T00:00:00Z"});
    story.send(&order("reassign", "r", PAGE, fields)).await?;
    tells(&story, "r", &["not to start yet", "2099-01-01T00:00:00Z (in ", "its deadline"]).await.map(drop)
}

#[tokio::test]
async fn one_that_failed_and_one_that_was_cancelled_tell_why() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    story.ask(&order("share", "n", "1999", json!({"partner": "2002", "permitted_tasks": ["ANALYZE"]}))).await?;
    tells(&story, "n", &["has ended as failed", "not_owned"]).await?;
    story
        .send(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN, "not_before": "2099-01-01T00:00:00Z"})))
        .await?;
    tells(&story, "r", &["not to start yet"]).await?;
    story.ask(&cancel("x", "r")).await?;
    story.event_of("r").await?;
    tells(&story, "r", &["has ended as cancelled", "nothing was changed at Meta"]).await.map(drop)
}
