//! F24 to F26, F28, F61: what is wrong with a message itself.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lapin::BasicProperties;
use lapin::options::{ExchangeDeleteOptions, QueueBindOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};

use super::broker::load_is_done;
use super::trial::Trial;
use crate::harness::{BUSINESS, WORKER, agency_claim, clients_page, owner_claim, world};
use crate::load;
use crate::rabbit::{Message, eventually};

const PAGE: &str = "1001";

/// The reason that a dead letter carries in its headers.
fn reason(message: &Message) -> String {
    let headers = message.properties.headers().clone().unwrap_or_default();
    let text = |name: &str| match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        Some(_) | None => String::new(),
    };
    format!("{} {}", text("x-bindery-code"), text("x-bindery-reason"))
}

#[tokio::test]
async fn f24_a_command_that_crashes_every_worker_is_quarantined_and_its_neighbours_are_done() -> Result<()> {
    let mut trial = Trial::of("F24", (0..7).fold(world(), load::with_page), &[]).await?;
    let mut dead = trial.story.vhost.drain("bindery.dead").await?;
    trial.story.surround("BINDERY_CRASH_AT", "delivered");
    trial.story.surround("BINDERY_CRASH_ABOUT", "poison");
    trial.story.stop().await?;
    for n in 0..3 {
        trial.send(&load::command(n)).await?;
    }
    let poison = owner_claim("poison", "404404").to_string();
    trial.expects_rejection("poison");
    trial.story.send_raw("claim", poison.as_bytes()).await?;
    for n in 3..6 {
        trial.send(&load::command(n)).await?;
    }
    let mut crashes = 0;
    trial.story.start()?;
    while trial.story.events_of("poison").is_empty() {
        eventually("it crashes, or has put the poison aside", || async {
            Ok(trial.story.has_ended() || !trial.story.events_of("poison").is_empty())
        })
        .await?;
        if trial.story.has_ended() {
            trial.dies().await?;
            crashes += 1;
            ensure!(crashes < 30, "crashed {crashes} times");
            trial.story.start()?;
        }
    }
    let kept = dead.next().await?;
    ensure!(kept.body == poison.as_bytes(), "kept as it came");
    ensure!(reason(&kept).contains("poison"), "{}", reason(&kept));
    trial.is_back().await?;
    load_is_done(&trial, 6).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f25_dead_letters_whose_queue_was_deleted_come_when_it_is_there_again() -> Result<()> {
    let trial = Trial::of("F25", world(), &[]).await?;
    let (_connection, channel) = trial.story.vhost.channel().await?;
    channel.queue_delete("bindery.dead".into(), QueueDeleteOptions::default()).await?;
    channel.exchange_delete("bindery.dead".into(), ExchangeDeleteOptions::default()).await?;
    trial.story.send_raw("claim", b"no command").await?;
    eventually("the queue is there again", || async { Ok(trial.story.vhost.depth("bindery.dead").await.is_ok()) })
        .await?;
    let kept = trial.story.vhost.drain("bindery.dead").await?.next().await?;
    ensure!(kept.body == b"no command" && !reason(&kept).is_empty(), "{kept:?}");
    if super::trial::is_full() {
        comes_by_the_brokers_own_way(&trial).await?;
    }
    trial.settles().await.map(drop)
}

/// One that is too large for the journal goes by the broker's own dead-lettering, which keeps it while its target is
/// missing and looks again about every three minutes.
async fn comes_by_the_brokers_own_way(trial: &Trial) -> Result<()> {
    let (_connection, channel) = trial.story.vhost.channel().await?;
    let none = FieldTable::default;
    channel.queue_unbind("bindery.dead".into(), "bindery.dead".into(), "".into(), none()).await?;
    let giant = vec![b'x'; 2 << 20];
    trial.story.send_raw("claim", &giant).await?;
    trial.is_told("goes to the dead-letter exchange").await?;
    channel
        .queue_bind("bindery.dead".into(), "bindery.dead".into(), "".into(), QueueBindOptions::default(), none())
        .await?;
    let came = async {
        while trial.story.vhost.depth("bindery.dead").await? == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(Duration::from_secs(400), came).await.context("it never came")??;
    ensure!(trial.story.vhost.drain("bindery.dead").await?.next().await?.body == giant, "kept as it came");
    Ok(())
}

#[tokio::test]
async fn f26_what_is_no_command_is_rejected_once_and_kept_as_it_came() -> Result<()> {
    let mut trial = Trial::of("F26", world().page(PAGE, |p| p.direct_admin(WORKER)), &[]).await?;
    let mut dead = trial.story.vhost.drain("bindery.dead").await?;
    let claim = |id: &str, with: Value| {
        let mut claim = owner_claim(id, PAGE);
        claim.as_object_mut().expect("an object").extend(with.as_object().expect("an object").clone());
        claim.to_string().into_bytes()
    };
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes();
    let large = claim("large", json!({"reason": "x".repeat(300 * 1024)}));
    let table: [(&str, Vec<u8>, &str); 11] = [
        ("", b"{\"id\": \"x\"".to_vec(), ""),
        ("", b"\xff\xfe\x00".to_vec(), ""),
        ("", Vec::new(), ""),
        ("", nested, ""),
        ("", b"[1, 2]".to_vec(), ""),
        ("", large, ""),
        ("number", claim("number", json!({"business": 2001})), "business"),
        ("unknown", claim("unknown", json!({"acess": 1})), "acess"),
        ("kind", claim("kind", json!({"asset": {"kind": "pge", "id": PAGE}})), "asset"),
        ("version", claim("version", json!({"specversion": "9.0"})), "specversion"),
        ("priority", claim("priority", json!({"priority": 10})), "priority"),
    ];
    for (id, body, pointer) in &table {
        if !id.is_empty() {
            trial.expects_rejection(id);
        }
        trial.story.send_raw("claim", body).await?;
        let kept = dead.next().await.with_context(|| format!("{id} is no dead letter"))?;
        ensure!(kept.body == *body, "{id}: kept as it came");
        ensure!(reason(&kept).contains(pointer) && reason(&kept).len() > 5, "{id}: {pointer}? {}", reason(&kept));
        if !id.is_empty() {
            let rejected = trial.story.told(id, "rejected").await?;
            ensure!(rejected["data"]["error"]["message"].to_string().contains(pointer), "{rejected:#}");
        }
    }
    for (id, body, _) in table.iter().filter(|(id, ..)| !id.is_empty()) {
        ensure!(trial.story.events_of(id).len() == 1, "one answer to {}", String::from_utf8_lossy(body));
    }
    // A content type is what the publisher says; the body is what counts.
    let wrong_type = BasicProperties::default().with_content_type("text/html".into());
    trial.send_with(&owner_claim("typed", PAGE), wrong_type).await?;
    trial.ends_in(&["typed"], "confirmed").await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f28_an_id_with_another_body_is_refused_at_any_time_and_the_first_command_is_untouched() -> Result<()> {
    let mut trial = Trial::of("F28", clients_page(PAGE), &[]).await?;
    trial.send(&agency_claim("c", PAGE)).await?;
    trial.story.told("c", "pending").await?;
    let mut other = agency_claim("c", PAGE);
    other["actor"] = json!("somebody else");
    trial.story.send(&other).await?;
    let while_open = trial.story.told("c", "rejected").await?;
    ensure!(while_open["data"]["error"]["code"] == "id_reused", "{while_open:#}");
    trial.story.meta.approve(BUSINESS, PAGE, None)?;
    trial.story.event("the first command's end", |event| event["type"] == "bindery.claim.confirmed").await?;
    other["actor"] = json!("a third");
    trial.story.send(&other).await?;
    let rejections = |event: &Value| event["data"]["command_id"] == "c" && event["data"]["phase"] == "rejected";
    let both = trial.story.events_told(2, rejections).await?;
    ensure!(both[0]["id"] != both[1]["id"], "each answers its own delivery: {both:#?}");
    ensure!(trial.story.posts("client_pages") == 1, "Meta was asked again");
    ensure!(trial.story.vhost.depth("bindery.dead").await? == 0, "a reused id is no dead letter");
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f61_a_trace_context_that_is_none_and_giant_baggage_are_left_out_and_hurt_nobody() -> Result<()> {
    let mut trial = Trial::of("F61", (0..6).fold(world(), load::with_page), &[]).await?;
    let not_utf8 = AMQPValue::LongString(vec![0xff, 0xfe].into());
    let parents = [
        AMQPValue::LongString("x".repeat(20_000).into()),
        AMQPValue::LongString("00-zz-zz-zz".into()),
        AMQPValue::Boolean(true),
        not_utf8,
        AMQPValue::FieldTable(FieldTable::default()),
        AMQPValue::LongString("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
    ];
    for (n, parent) in parents.into_iter().enumerate() {
        let mut headers = FieldTable::default();
        headers.insert("traceparent".into(), parent);
        headers.insert("tracestate".into(), AMQPValue::LongString("=,=".repeat(400).into()));
        headers.insert("baggage".into(), AMQPValue::LongString("b".repeat(100 * 1024).into()));
        trial.send_with(&load::command(n), BasicProperties::default().with_headers(headers)).await?;
    }
    load_is_done(&trial, 6).await?;
    for n in 0..6 {
        let carried = &trial.story.event_of(&load::id(n)).await?["traceparent"];
        ensure!(carried.is_string() == (n == 5), "only a trace context is carried on: {n}: {carried}");
    }
    trial.settles().await.map(drop)
}
