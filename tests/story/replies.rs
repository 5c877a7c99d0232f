//! `reply_to`: the result goes to the requester too, and whatever becomes of that, to everybody else as ever.

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use lapin::BasicProperties;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{BUSINESS, Story, WORKER, agency_claim, clients_page, ends, owner_claim, world};
use crate::rabbit::{Listener, PATIENCE};

const PAGE: &str = "1001";

fn wants(queue: &str) -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2).with_reply_to(queue.into())
}

async fn ask(story: &Story, command: &Value, properties: BasicProperties) -> Result<()> {
    story.vhost.publish("bindery.commands", "claim", command.to_string(), properties).await
}

/// A requester's own queue.
async fn queue(story: &Story, name: &str, arguments: FieldTable) -> Result<Listener> {
    let (_connection, channel) = story.vhost.channel().await?;
    channel.queue_declare(name.into(), QueueDeclareOptions::default(), arguments).await?;
    story.vhost.drain(name).await
}

fn text(property: &Option<lapin::types::ShortString>) -> Option<String> {
    property.as_ref().map(ToString::to_string)
}

#[tokio::test]
async fn a_requester_that_is_gone_loses_the_reply_and_nobody_the_event() -> Result<()> {
    let mut story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    ask(&story, &owner_claim("c", PAGE), wants("amq.gen-gone-long-ago")).await?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    // What comes after it is told as ever, and nothing is told again, not even by the next worker.
    ends(&story.ask(&owner_claim("next", PAGE)).await?, "confirmed", json!(false))?;
    story.stop().await?;
    story.restart().await?;
    ends(&story.ask(&owner_claim("last", PAGE)).await?, "confirmed", json!(false))?;
    assert_eq!(story.events_of("c").len(), 1);
    ensure!(!story.log_text().contains("stays in the outbox"), "{}", story.log_text());
    Ok(())
}

#[tokio::test]
async fn a_reply_queue_that_takes_nothing_holds_up_nobody() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), AMQPValue::LongInt(0));
    full.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let (_connection, channel) = story.vhost.channel().await?;
    channel.queue_declare("full".into(), QueueDeclareOptions::default(), full).await?;
    ask(&story, &owner_claim("c", PAGE), wants("full")).await?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    ends(&story.ask(&owner_claim("next", PAGE)).await?, "confirmed", json!(false))?;
    let refused = story.log_text().matches("a reply was not taken").count();
    assert_eq!((story.events_of("c").len(), refused), (1, 1), "tried once, and dropped");
    Ok(())
}

#[tokio::test]
async fn a_direct_reply_comes_back_on_the_requesters_channel() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    let (_connection, channel) = story.vhost.channel().await?;
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let direct = "amq.rabbitmq.reply-to";
    let mut replies = channel.basic_consume(direct.into(), "".into(), options, FieldTable::default()).await?;
    let command = owner_claim("c", PAGE).to_string();
    let options = BasicPublishOptions::default();
    let sent =
        channel.basic_publish("bindery.commands".into(), "claim".into(), options, command.as_bytes(), wants(direct));
    sent.await?.await?;
    let reply = timeout(PATIENCE, replies.next()).await.context("no reply")?.context("no more replies")??;
    assert_eq!(serde_json::from_slice::<Value>(&reply.data)?, story.event_of("c").await?);
    assert_eq!(text(reply.properties.correlation_id()).as_deref(), Some("c"), "without one of the requester's");
    Ok(())
}

#[tokio::test]
async fn a_direct_reply_to_nowhere_costs_nobody_anything() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    for (n, garbage) in ["amq.rabbitmq.reply-to.", "amq.rabbitmq.reply-to.garbage", "amq.rabbitmq.reply-to.g1h.AA=="]
        .into_iter()
        .enumerate()
    {
        let id = format!("c-{n}");
        ask(&story, &owner_claim(&id, PAGE), wants(garbage)).await?;
        ends(&story.event_of(&id).await?, "confirmed", json!(n == 0)).context(garbage)?;
        assert_eq!(story.events_of(&id).len(), 1, "{garbage}");
    }
    Ok(())
}

#[tokio::test]
async fn a_queue_of_our_own_is_nobodys_reply_queue_and_is_counted() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    for (n, ours) in ["bindery.commands", "bindery.dead", "bindery.whatever"].into_iter().enumerate() {
        ask(&story, &owner_claim(&format!("c-{n}"), PAGE), wants(ours)).await?;
        story.event_of(&format!("c-{n}")).await?;
    }
    // A reply among the commands would have been rejected, one among the dead would be there.
    ends(&story.ask(&owner_claim("next", PAGE)).await?, "confirmed", json!(false))?;
    assert_eq!(story.vhost.depth("bindery.dead").await?, 0);
    ensure!(story.events().iter().all(|event| event["data"]["phase"] == "confirmed"), "{:#?}", story.events());
    ensure!(story.log_text().contains("3 so far"), "{}", story.log_text());
    Ok(())
}

#[tokio::test]
async fn whoever_asks_again_gets_the_result_too_before_the_end_and_after_it() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    let mut queues = Vec::new();
    for name in ["first", "second", "late"] {
        queues.push((name, queue(&story, name, FieldTable::default()).await?));
    }
    let claim = agency_claim("c", PAGE);
    ask(&story, &claim, wants("first").with_correlation_id("one".into())).await?;
    story.told("c", "pending").await?;
    ask(&story, &claim, wants("second").with_correlation_id("two".into())).await?;
    // The same requester twice is one.
    ask(&story, &claim, wants("second").with_correlation_id("two".into())).await?;
    // The journal takes in order: what was sent after those three has come after them.
    story.ask(&json!({"id": "x", "command": "cancel", "target": "nobody"})).await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    let event = story.event_of("c").await?;
    for (n, correlation) in [(0, "one"), (1, "two")] {
        let reply = queues[n].1.next().await?;
        assert_eq!(serde_json::from_slice::<Value>(&reply.body)?, event);
        assert_eq!(text(reply.properties.correlation_id()).as_deref(), Some(correlation));
    }
    ask(&story, &claim, wants("late")).await?;
    let reply = queues[2].1.next().await?;
    assert_eq!(serde_json::from_slice::<Value>(&reply.body)?, event, "the same event, to the byte");
    assert_eq!(text(reply.properties.correlation_id()).as_deref(), Some("c"));
    assert_eq!((story.vhost.depth("second").await?, story.posts("client_pages")), (0, 1));
    Ok(())
}
