//! F03, F12 to F18: the broker, and the wires to it, between the worker's two connections and a real node.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::broker;
use bindery::graph_sim::Verb;
use lapin::options::QueueDeleteOptions;
use tokio::task::JoinSet;

use super::trial::{Trial, scaled};
use crate::harness::{BUSINESS, OWNER, agency_claim, clients_page, world};
use crate::load;
use crate::proxy::{ANY, CONSUMER, Proxy, Way};
use crate::rabbit::{self, Node, PASSWORD, Vhost, eventually};

/// Deadlines short enough for a story.
const QUICK: (&str, &str) = ("AMQP__CONFIRM_WITHIN", "2s");

/// A trial whose worker reaches the broker by way of a proxy, with a heartbeat of a second.
pub async fn by_proxy(name: &'static str, vhost: Vhost, commands: usize) -> Result<(Trial, Proxy)> {
    let proxy = Proxy::to(vhost.address()).await?;
    let url = vhost.url_by(proxy.address(), "?heartbeat=1");
    let pages = (0..commands).fold(world(), load::with_page);
    let mut trial = Trial::prepared(name, vhost, pages, &[QUICK, ("AMQP__URL", &url)]).await?;
    trial.story.restart().await?;
    Ok((trial, proxy))
}

/// Sends the commands of the mixed load from one number to another.
pub async fn send_load(trial: &mut Trial, numbers: impl IntoIterator<Item = usize>) -> Result<()> {
    for n in numbers {
        trial.send(&load::command(n)).await?;
    }
    Ok(())
}

/// Every command of the mixed load has ended as it must.
pub async fn load_is_done(trial: &Trial, commands: usize) -> Result<()> {
    load_is_done_of(trial, 0..commands).await
}

/// As [`load_is_done`], of these numbers.
pub async fn load_is_done_of(trial: &Trial, numbers: impl IntoIterator<Item = usize>) -> Result<()> {
    for n in numbers {
        trial.ends_in(&[&load::id(n)], load::expected(n)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn f03_a_connection_cut_between_commit_and_ack_means_no_second_run() -> Result<()> {
    let (mut trial, proxy) = by_proxy("F03", rabbit::vhost().await?, 6).await?;
    proxy.swallow(CONSUMER, Way::Up);
    send_load(&mut trial, 0..6).await?;
    trial.story.told(&load::id(0), load::expected(0)).await?;
    trial.strikes();
    proxy.pass();
    proxy.cut(CONSUMER);
    eventually("a redelivery is recognised", || async {
        Ok(trial.story.log_text().contains("came again, nothing is done twice"))
    })
    .await?;
    trial.is_back().await?;
    load_is_done(&trial, 6).await?;
    let again = load::sent_again(&trial.story.meta.calls());
    ensure!(again.is_empty(), "{again:?}");
    trial.story.vhost.expect_depth("bindery.commands", 0).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f12_a_broker_that_restarts_under_load_loses_no_command_and_no_event() -> Result<()> {
    let node = Node::boot("").await?;
    let pages = (0..48).fold(world(), load::with_page);
    let mut trial = Trial::prepared("F12", node.vhost().await?, pages, &[QUICK]).await?;
    trial.story.restart().await?;
    send_load(&mut trial, 0..24).await?;
    trial.story.call("work", |call| call.n >= 30).await?;
    trial.strikes();
    node.kill().await?;
    ensure!(!trial.try_to_send(&load::command(24)).await, "a dead broker took a command");
    trial.is_not_ready("no connection to the broker").await?;
    node.start_again().await?;
    trial.is_back().await?;
    trial.story.connect_again().await?;
    send_load(&mut trial, 24..48).await?;
    load_is_done(&trial, 48).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f13_while_the_broker_is_down_claims_are_polled_on_and_the_outbox_keeps_what_they_came_to() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let proxy = Proxy::to(vhost.address()).await?;
    let url = vhost.url_by(proxy.address(), "");
    let pages = clients_page("1001").page("1002", |p| p.owned_by(OWNER));
    let mut trial = Trial::prepared("F13", vhost, pages, &[QUICK, ("AMQP__URL", &url)]).await?;
    trial.story.restart().await?;
    for (id, page) in [("c", "1001"), ("unanswered", "1002")] {
        trial.send(&agency_claim(id, page)).await?;
        trial.story.told(id, "pending").await?;
    }
    trial.may_wait("unanswered");
    trial.strikes();
    proxy.refuse().await?;
    trial.is_not_ready("no connection to the broker").await?;
    tokio::time::sleep(scaled(Duration::from_secs(2), Duration::from_secs(600))).await;
    let down = trial.story.last_call();
    trial
        .story
        .call("a poll without a broker", |call| call.n > down && call.is(Verb::Get, "pending_client_pages"))
        .await?;
    trial.story.meta.approve(BUSINESS, "1001", None)?;
    trial.waits_in_outbox(1).await?;
    ensure!(!trial.story.is_ready(), "ready without a broker");
    proxy.pass();
    trial.is_back().await?;
    trial.ends_in(&["c"], "confirmed").await?;
    let accounting = trial.settles().await?;
    ensure!((accounting.terminal, accounting.parked) == (1, 1), "{accounting}");
    Ok(())
}

#[tokio::test]
async fn f14_a_consumer_that_the_broker_cancelled_is_rebuilt_idle_and_busy() -> Result<()> {
    let pages = (0..12).fold(world(), load::with_page);
    let mut trial = Trial::of("F14", pages, &[]).await?;
    delete_commands_queue(&trial.story.vhost).await?;
    eventually("the queue is made anew", || async { Ok(trial.story.vhost.depth("bindery.commands").await.is_ok()) })
        .await?;
    trial.is_back().await?;
    send_load(&mut trial, 0..12).await?;
    trial.story.vhost.expect_depth("bindery.commands", 0).await?;
    trial.story.told(&load::id(0), load::expected(0)).await?;
    trial.strikes();
    delete_commands_queue(&trial.story.vhost).await?;
    load_is_done(&trial, 12).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f14_a_queue_that_is_gone_and_may_not_be_declared_is_why_the_worker_is_not_ready() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    broker::reach(&vhost.config()).await?;
    vhost.permit("stranger", ["^$", ".*", ".*"]).await?;
    let url = vhost.url.replace("//bindery:", "//stranger:");
    let mut trial =
        Trial::prepared("F14 without rights", vhost, (0..6).fold(world(), load::with_page), &[("AMQP__URL", &url)])
            .await?;
    trial.story.restart().await?;
    delete_commands_queue(&trial.story.vhost).await?;
    trial.is_not_ready("bindery.commands").await?;
    broker::reach(&trial.story.vhost.config()).await?;
    trial.is_back().await?;
    send_load(&mut trial, 0..6).await?;
    load_is_done(&trial, 6).await?;
    trial.settles().await.map(drop)
}

async fn delete_commands_queue(vhost: &Vhost) -> Result<()> {
    let (_connection, channel) = vhost.channel().await?;
    channel.queue_delete("bindery.commands".into(), QueueDeleteOptions::default()).await?;
    Ok(())
}

#[tokio::test]
async fn f15_a_delivery_that_is_held_too_long_costs_a_channel_and_nothing_else() -> Result<()> {
    let node = Node::boot("").await?;
    let (limit, tick) = (
        scaled(Duration::from_secs(1), Duration::from_secs(60)),
        scaled(Duration::from_millis(300), Duration::from_secs(60)),
    );
    for (name, value) in [("consumer_timeout", limit), ("channel_tick_interval", tick)] {
        node.ctl(&["eval", &format!("application:set_env(rabbit, {name}, {}).", value.as_millis())]).await?;
    }
    let pages = (0..12).fold(world(), load::with_page);
    let mut trial = Trial::prepared("F15", node.vhost().await?, pages, &[]).await?;
    trial.story.restart().await?;
    // Nothing is held in ordinary work: the journal has it, and it is acknowledged.
    send_load(&mut trial, 0..6).await?;
    load_is_done(&trial, 6).await?;
    ensure!(!trial.story.log_text().contains("\"WARN\""), "{}", trial.story.log_text());
    // While the journal's file is locked by another process, a delivery can be neither stored nor acknowledged.
    let locked = trial.lock_journal()?;
    trial.has_died();
    send_load(&mut trial, 6..12).await?;
    trial.strikes();
    let patience = (limit + tick) * 2;
    tokio::time::timeout(patience + rabbit::PATIENCE, async {
        while !trial.story.log_text().contains("consuming connection to the broker is down") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .with_context(|| trial.story.log_text())?;
    locked.release()?;
    trial.is_back().await?;
    load_is_done(&trial, 12).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f16_connections_that_went_silent_are_found_out_and_replaced() -> Result<()> {
    let (mut trial, proxy) = by_proxy("F16", rabbit::vhost().await?, 18).await?;
    send_load(&mut trial, 0..12).await?;
    trial.story.call("work", |call| call.n >= 12).await?;
    trial.strikes();
    proxy.swallow(ANY, Way::Both);
    send_load(&mut trial, 12..18).await?;
    trial.is_not_ready("no connection to the broker").await?;
    proxy.pass();
    trial.is_back().await?;
    load_is_done(&trial, 18).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f17_an_alarm_blocks_events_and_neither_acknowledgements_nor_work() -> Result<()> {
    let node = Node::boot("").await?;
    let vhost = node.vhost().await?;
    broker::reach(&vhost.config()).await?;
    let pages = (0..12).fold(world(), load::with_page);
    let mut trial = Trial::prepared("F17", vhost, pages, &[QUICK]).await?;
    send_load(&mut trial, 0..12).await?;
    trial.strikes();
    node.raise_alarm().await?;
    trial.story.start()?;
    trial.is_not_ready("blocked by the broker").await?;
    trial.expect_unacknowledged(0).await?;
    trial.waits_in_outbox(10).await?;
    node.end_alarm().await?;
    trial.is_back().await?;
    load_is_done(&trial, 12).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f18_a_broker_that_cannot_be_met_is_named_at_start_in_time() -> Result<()> {
    let mut runs = JoinSet::new();
    runs.spawn(fails_to_start("F18 silent handshake", "accepted the connection but did not answer", |vhost, proxy| {
        proxy.swallow(ANY, Way::Down);
        vhost.url_by(proxy.address(), "")
    }));
    runs.spawn(fails_to_start("F18 no vhost", "has no vhost", |vhost, _| format!("{}-of-nobody", vhost.url)));
    runs.spawn(fails_to_start("F18 wrong password", "refused", |vhost, _| {
        vhost.url.replace(PASSWORD, "never-to-be-shown-wrong")
    }));
    while let Some(run) = runs.join_next().await {
        run??;
    }
    Ok(())
}

async fn fails_to_start(
    name: &'static str,
    reason: &'static str,
    url: impl FnOnce(&Vhost, &Proxy) -> String,
) -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let proxy = Proxy::to(vhost.address()).await?;
    let url = url(&vhost, &proxy);
    let mut trial = Trial::prepared(name, vhost, world(), &[("AMQP__URL", &url), ("START_WITHIN", "2s")]).await?;
    let began = tokio::time::Instant::now();
    trial.story.start()?;
    let ended = trial.story.death().await?;
    ensure!(began.elapsed() <= Duration::from_secs(15), "{name}: it took {:?}", began.elapsed());
    let log = trial.story.log_text();
    ensure!(ended.code() == Some(3), "{name}: {ended}\n{log}");
    ensure!(
        log.contains("could not reach the broker") && log.contains(reason),
        "{name}: {reason:?} is not told:\n{log}"
    );
    trial.settles().await.map(drop)
}
