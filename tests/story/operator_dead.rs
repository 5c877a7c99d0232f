//! Dead letters: looking takes nothing away, replaying is a run of its own, and only a discard loses one.

use anyhow::{Context, Result, ensure};
use bindery::broker::Letters;
use lapin::BasicProperties;
use lapin::types::FieldTable;
use serde_json::{Value, json};

use crate::harness::{ANNA, BEN, Story, annas_page, ends, order, phase};

const PAGE: &str = "1001";
const DEAD: &str = "bindery.dead";
/// Publishers must say who they are, so that a message that does not is refused and becomes a dead letter.
const IDENTIFIED: (&str, &str) = ("PUBLISHERS", r#"[{user = "bindery", commands = ["*"], businesses = ["*"]}]"#);

fn reassign(id: &str) -> Value {
    order("reassign", id, PAGE, json!({"from": ANNA, "to": BEN}))
}

/// A worker with one letter, which was refused because its publisher is not known.
async fn with_a_letter(id: &str) -> Result<(Story, String)> {
    let story = Story::with(annas_page(PAGE), &[IDENTIFIED]).await?;
    let letter = dies(&story, id).await?;
    Ok((story, letter))
}

/// Sends a command that is refused; the name of the letter.
async fn dies(story: &Story, id: &str) -> Result<String> {
    let before = story.vhost.depth(DEAD).await?;
    story.send(&reassign(id)).await?;
    story.vhost.expect_depth(DEAD, before + 1).await?;
    let listed = story.cli(&["dead", "list", "--json"], &[]).await?.json()?;
    let found = listed.as_array().context("no list")?.iter().find(|letter| letter["code"] == "unauthorised");
    Ok(found.context("not listed")?["letter"].as_str().context("no name")?.to_owned())
}

async fn log(story: &Story) -> Result<Vec<Value>> {
    let journal = bindery::journal::Journal::open_read_only(&story.folder().join("bindery.db")).await?;
    let told = journal.operations(100).await?;
    journal.close().await;
    Ok(told.iter().map(|one| json!({"verb": one.verb, "actor": one.actor, "reason": one.reason, "nonce": one.nonce, "came": one.came})).collect())
}

#[tokio::test]
async fn a_message_that_is_no_command_is_listed_and_shown_and_stays() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    story.send_raw("claim", b"no command at all").await?;
    story.vhost.expect_depth(DEAD, 1).await?;
    for _ in 0..3 {
        let list = story.cli(&["dead", "list"], &[]).await?;
        list.ends(0, &["claim", "(no id)", "17 bytes"])?;
        let letter = list.out.split_whitespace().next().context("no name")?.to_owned();
        story.cli(&["dead", "show", &letter], &[]).await?.ends(0, &["no command at all"])?;
        story.vhost.expect_depth(DEAD, 1).await?;
    }
    let nobody = story.cli(&["dead", "show", "0123456789ab"], &[]).await?;
    nobody.ends(1, &["no letter 0123456789ab is ready"])
}

#[tokio::test]
async fn operators_who_look_at_the_same_time_lose_nothing() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    for n in 0..30 {
        story.send_raw("claim", format!("no command {n}").as_bytes()).await?;
    }
    story.vhost.expect_depth(DEAD, 30).await?;
    let look = || story.cli(&["dead", "list", "--limit", "20"], &[]);
    let (a, b, c) = tokio::join!(look(), look(), look());
    for told in [a?, b?, c?] {
        told.ends(0, &[])?;
    }
    story.vhost.expect_depth(DEAD, 30).await
}

#[tokio::test]
async fn an_operator_whose_terminal_dies_while_looking_loses_nothing() -> Result<()> {
    let (story, letter) = with_a_letter("r").await?;
    let mut first = Letters::open(story.vhost.config()).await?;
    ensure!(first.next().await?.is_some(), "it is there");
    let second = story.cli(&["dead", "discard", &letter, "--reason", "a story"], &[]).await?;
    second.ends(1, &["another operator looks at it now"])?;
    drop(first);
    story.vhost.expect_depth(DEAD, 1).await?;
    ensure!(log(&story).await?.is_empty(), "nothing was done, so nothing is in the log");
    Ok(())
}

#[tokio::test]
async fn a_replay_is_a_command_of_its_own_and_takes_the_letter_out() -> Result<()> {
    let (story, letter) = with_a_letter("r").await?;
    let replay = ["dead", "replay", &letter[..12], "--reason", "the publisher is known now", "--actor", "kim"];
    let told = story.cli(&replay, &[]).await?;
    told.ends(0, &["is published as r.replay-"])?;
    let id = told.out.split_whitespace().find(|word| word.starts_with("r.replay-")).context("no id")?;
    let id = id.trim_end_matches(':');
    let event = story.event_of(id).await?;
    ends(&event, "completed", json!(true))?;
    ensure!(event["data"]["actor"] == "kim" && event["data"]["reason"] == "the publisher is known now", "{event:#}");
    story.vhost.expect_depth(DEAD, 0).await?;
    let log = log(&story).await?;
    ensure!(log.len() == 1 && log[0]["verb"] == "dead replay" && log[0]["actor"] == "kim", "{log:#?}");
    ensure!(log[0]["came"].as_str().is_some_and(|came| came == format!("published as {id}")), "{log:#?}");
    let again = story.cli(&replay, &[]).await?;
    again.ends(1, &["it was taken out"])?;
    let done = story.cli(&["dead", "log"], &[]).await?;
    done.ends(0, &["kim", "dead replay", &letter[..12], "because: the publisher is known now"])
}

#[tokio::test]
async fn f62_two_deliberate_replays_are_two_runs_each_with_its_own_nonce_and_actor() -> Result<()> {
    let (story, letter) = with_a_letter("r").await?;
    let same = dies(&story, "r").await?;
    ensure!(same == letter, "the same bytes have the same name");
    for (actor, reason) in [("kim", "try once"), ("lee", "and once more")] {
        let told = story.cli(&["dead", "replay", &letter, "--reason", reason, "--actor", actor, "--json"], &[]).await?;
        told.ends(0, &[])?;
        let id = told.json()?["command"].as_str().context("no id")?.to_owned();
        let event = story.event_of(&id).await?;
        ensure!(event["data"]["actor"] == actor && event["data"]["terminal"] == true, "{event:#}");
    }
    let log = log(&story).await?;
    ensure!(log.len() == 2 && log[0]["nonce"] != log[1]["nonce"] && log[0]["actor"] != log[1]["actor"], "{log:#?}");
    story.vhost.expect_depth(DEAD, 0).await
}

#[tokio::test]
async fn f62_two_operators_who_replay_one_letter_at_the_same_moment_make_one_run() -> Result<()> {
    let (story, letter) = with_a_letter("r").await?;
    let replay = async |actor: &'static str| {
        story.cli(&["dead", "replay", &letter, "--reason", "a story", "--actor", actor], &[]).await
    };
    let (kim, lee) = tokio::join!(replay("kim"), replay("lee"));
    let (kim, lee) = (kim?, lee?);
    let (done, refused) = if kim.code == Some(0) { (kim, lee) } else { (lee, kim) };
    done.ends(0, &["is published as r.replay-"])?;
    refused.ends(1, &["it was taken out", "or another operator looks at it now"])?;
    ensure!(log(&story).await?.len() == 1, "{:#?}", log(&story).await?);
    story.vhost.expect_depth(DEAD, 0).await
}

/// F62.
#[tokio::test]
async fn an_unchanged_replay_keeps_its_id_and_twice_is_once() -> Result<()> {
    let (story, letter) = with_a_letter("r").await?;
    dies(&story, "r").await?;
    for _ in 0..2 {
        let told = story.cli(&["dead", "replay", &letter, "--unchanged", "--reason", "as it came"], &[]).await?;
        told.ends(0, &["is published as r:"])?;
    }
    ends(&story.told("r", "completed").await?, "completed", json!(true))?;
    ensure!(story.posts("assigned_users") == 1, "one run");
    story.vhost.expect_depth(DEAD, 0).await
}

#[tokio::test]
async fn what_would_be_refused_again_is_not_replayed_and_stays() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    story.send_raw("claim", br#"{"id": "c", "command": "claim", "business": 2001}"#).await?;
    story.vhost.expect_depth(DEAD, 1).await?;
    let listed = story.cli(&["dead", "list", "--json"], &[]).await?.json()?;
    let letter = listed[0]["letter"].as_str().context("no name")?.to_owned();
    for extra in [&[][..], &["--unchanged"]] {
        let replay = [&["dead", "replay", &letter, "--reason", "a story"][..], extra].concat();
        story.cli(&replay, &[]).await?.ends(1, &["it would be refused again", "business"])?;
    }
    story.vhost.expect_depth(DEAD, 1).await
}

#[tokio::test]
async fn a_discard_needs_a_reason_and_is_in_the_log() -> Result<()> {
    let (story, letter) = with_a_letter("r").await?;
    story.cli(&["dead", "discard", &letter], &[]).await?.ends(2, &["--reason"])?;
    story.cli(&["dead", "discard", &letter[..4], "--reason", "a story"], &[]).await?.ends(1, &["12 or more"])?;
    story.vhost.expect_depth(DEAD, 1).await?;
    let told = story.cli(&["dead", "discard", &letter, "--reason", "sent by mistake", "--actor", "kim"], &[]).await?;
    told.ends(0, &["is discarded"])?;
    story.vhost.expect_depth(DEAD, 0).await?;
    let log = log(&story).await?;
    ensure!(log.len() == 1 && log[0]["verb"] == "dead discard" && log[0]["reason"] == "sent by mistake", "{log:#?}");
    Ok(())
}

#[tokio::test]
async fn without_a_worker_a_replay_waits_in_the_queue_for_the_next_one() -> Result<()> {
    let (mut story, letter) = with_a_letter("r").await?;
    story.stop().await?;
    let told = story.cli(&["dead", "replay", &letter, "--reason", "a story", "--json"], &[]).await?;
    told.ends(0, &[])?;
    let id = told.json()?["command"].as_str().context("no id")?.to_owned();
    story.vhost.expect_depth(DEAD, 0).await?;
    story.restart().await?;
    ends(&story.event_of(&id).await?, "completed", json!(true))
}

#[tokio::test]
async fn a_letter_that_no_queue_would_take_as_a_command_stays() -> Result<()> {
    let (mut story, letter) = with_a_letter("r").await?;
    story.stop().await?;
    let (_connection, channel) = story.vhost.channel().await?;
    let none = FieldTable::default();
    channel.queue_unbind("bindery.commands".into(), "bindery.commands".into(), "#".into(), none).await?;
    let told = story.cli(&["dead", "replay", &letter, "--reason", "a story"], &[]).await?;
    told.ends(3, &["the letter is still there", "no queue is bound"])?;
    story.vhost.expect_depth(DEAD, 1).await?;
    let log = log(&story).await?;
    ensure!(log.len() == 1 && log[0]["came"].to_string().contains("not published"), "{log:#?}");
    Ok(())
}

#[tokio::test]
async fn a_letter_that_the_broker_set_aside_tells_its_reason() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let headers = [("x-first-death-reason", "delivery_limit")];
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert(name.into(), lapin::types::AMQPValue::LongString(value.into()));
    }
    let properties = BasicProperties::default().with_delivery_mode(2).with_headers(table);
    story.vhost.publish(DEAD, "reassign", reassign("r").to_string(), properties).await?;
    story.vhost.expect_depth(DEAD, 1).await?;
    let list = story.cli(&["dead", "list"], &[]).await?;
    list.ends(0, &["reassign", "r  ", "set aside by the broker: delivery_limit"])
}

#[tokio::test]
async fn a_broker_that_is_away_loses_nothing_and_is_named() -> Result<()> {
    let (story, letter) = with_a_letter("r").await?;
    let away = [("AMQP__URL", "amqp://bindery:never-to-be-shown@127.0.0.1:1/%2f")];
    story.cli(&["dead", "list"], &away).await?.ends(3, &["could not reach the broker"])?;
    story.cli(&["dead", "show", &letter], &away).await?.ends(3, &["could not reach the broker"])?;
    story.vhost.expect_depth(DEAD, 1).await?;
    let waiting = story.events().iter().filter(|event| phase(event) == "rejected").count();
    ensure!(waiting == 1, "the publisher was told once");
    Ok(())
}
