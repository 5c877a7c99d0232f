//! F19 to F23: events that the broker refuses, gives back, or never confirms, and a wire that flaps.

use std::time::Duration;

use anyhow::{Result, ensure};
use lapin::ExchangeKind;
use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use tokio::time::{MissedTickBehavior, interval};

use super::broker::{by_proxy, load_is_done, load_is_done_of, send_load};
use super::trial::{Trial, scaled};
use crate::harness::world;
use crate::load;
use crate::proxy::{ANY, PUBLISHER, Way};
use crate::rabbit::{self, eventually};

/// Commands of the mixed load that tell nothing on the way, only their end.
const PLAIN: [usize; 6] = [0, 3, 4, 5, 6, 9];
/// The queue of the story's listener.
const LISTENER: &str = "events-of-the-story";

fn plain_pages() -> bindery::graph_sim::World {
    PLAIN.into_iter().fold(world(), load::with_page)
}

#[tokio::test]
async fn f19_events_that_a_full_queue_refuses_wait_are_tried_again_and_raise_an_alarm() -> Result<()> {
    let mut trial = Trial::of("F19", plain_pages(), &[]).await?;
    let (_connection, channel) = trial.story.vhost.channel().await?;
    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), AMQPValue::LongInt(1));
    full.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    channel.queue_declare("full".into(), QueueDeclareOptions::default(), full).await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind("full".into(), "bindery.events".into(), "#".into(), bind, FieldTable::default()).await?;
    for n in PLAIN {
        trial.send(&load::command(n)).await?;
    }
    trial.strikes();
    trial.waits_in_outbox(1).await?;
    eventually("the log says so once it has lasted", || async {
        Ok(trial.story.log_text().contains("events stay in the outbox"))
    })
    .await?;
    ensure!(trial.story.is_ready(), "the worker goes on: {}", trial.story.readiness());
    channel.queue_delete("full".into(), QueueDeleteOptions::default()).await?;
    trial.outbox_is_empty().await?;
    let said = trial.story.log_text().matches("events stay in the outbox").count();
    ensure!(said == 1, "said {said} times");
    load_is_done_of(&trial, PLAIN).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f20_events_that_nobody_is_bound_for_are_kept_and_come_when_they_are_asked_for_again() -> Result<()> {
    let mut trial = Trial::of("F20", plain_pages(), &[]).await?;
    let (_connection, channel) = trial.story.vhost.channel().await?;
    channel.queue_unbind(LISTENER.into(), "bindery.events".into(), "#".into(), FieldTable::default()).await?;
    come_only_when_asked_for_again(&mut trial).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f21_an_exchange_that_was_deleted_is_declared_anew_and_no_event_is_lost() -> Result<()> {
    let mut trial = Trial::of("F21", plain_pages(), &[]).await?;
    let (_connection, channel) = trial.story.vhost.channel().await?;
    channel.exchange_delete("bindery.events".into(), ExchangeDeleteOptions::default()).await?;
    come_only_when_asked_for_again(&mut trial).await?;
    trial.settles().await.map(drop)
}

/// Commands end, nobody hears of it; the same commands once more, and their ends are told, under the same ids.
async fn come_only_when_asked_for_again(trial: &mut Trial) -> Result<()> {
    for n in PLAIN {
        trial.send(&load::command(n)).await?;
    }
    trial.strikes();
    trial.journal_has_ended(PLAIN.len()).await?;
    trial.outbox_is_empty().await?;
    ensure!(trial.story.events().is_empty(), "nobody was bound: {:#?}", trial.story.events());
    let (_connection, channel) = trial.story.vhost.channel().await?;
    let passive = ExchangeDeclareOptions { passive: true, durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare("bindery.events".into(), ExchangeKind::Topic, passive, FieldTable::default()).await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind(LISTENER.into(), "bindery.events".into(), "#".into(), bind, FieldTable::default()).await?;
    let asked = trial.story.last_call();
    for n in PLAIN {
        trial.send(&load::command(n)).await?;
    }
    load_is_done_of(trial, PLAIN).await?;
    ensure!(trial.story.last_call() == asked, "Meta was asked again");
    Ok(())
}

#[tokio::test]
async fn f22_an_event_whose_confirm_never_comes_is_published_again_under_its_id() -> Result<()> {
    let (mut trial, proxy) = by_proxy("F22", rabbit::vhost().await?, 1).await?;
    proxy.swallow(PUBLISHER, Way::Down);
    trial.send(&load::command(0)).await?;
    trial.ends_in(&[&load::id(0)], load::expected(0)).await?;
    // Its reader has it, and its confirm is given up: only then may the wire carry again.
    trial.is_told("stays in the outbox").await?;
    proxy.pass();
    trial.outbox_is_empty().await?;
    let accounting = trial.settles().await?;
    ensure!(accounting.duplicated > 0, "{accounting}");
    Ok(())
}

#[tokio::test]
async fn f23_a_wire_that_flaps_every_second_costs_no_command_and_leaves_no_connection_behind() -> Result<()> {
    let cuts = usize::try_from(scaled(Duration::from_secs(8), Duration::from_secs(120)).as_secs())?;
    let commands = cuts * 3;
    let (mut trial, proxy) = by_proxy("F23", rabbit::vhost().await?, commands).await?;
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for cut in 0..cuts {
        seconds.tick().await;
        send_load(&mut trial, cut * 3..cut * 3 + 3).await?;
        trial.strikes();
        proxy.cut(ANY);
    }
    trial.is_back().await?;
    load_is_done(&trial, commands).await?;
    ensure!(proxy.open() <= 2, "{} connections are open", proxy.open());
    let warnings = trial.story.log_text().matches("\"WARN\"").count();
    ensure!(warnings <= cuts * 4, "{warnings} warnings about {cuts} cuts");
    trial.settles().await.map(drop)
}
