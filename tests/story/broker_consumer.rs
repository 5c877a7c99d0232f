//! Taking commands in.

use anyhow::Result;
use bindery::broker::{Link, Trace};
use lapin::BasicProperties;
use lapin::options::QueueDeleteOptions;
use lapin::types::{AMQPValue, FieldTable};

use crate::broker_links::{Intake, is_down, is_up, shows};
use crate::rabbit::{self, Vhost};

async fn with_commands(count: usize) -> Result<(Vhost, Intake)> {
    let vhost = rabbit::vhost().await?;
    let intake = Intake::start(vhost.config());
    shows(intake.consumer.state(), is_up).await?;
    for number in 1..=count {
        vhost.publish_command("claim", number.to_string()).await?;
    }
    Ok((vhost, intake))
}

#[tokio::test]
async fn a_delivery_carries_what_its_publisher_said() -> Result<()> {
    let (vhost, mut intake) = with_commands(0).await?;
    let mut headers = FieldTable::default();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    headers.insert("traceparent".into(), AMQPValue::LongString(parent.into()));
    headers.insert("tracestate".into(), AMQPValue::LongString("a=1".into()));
    let properties = BasicProperties::default()
        .with_message_id("m-1".into())
        .with_correlation_id("c-1".into())
        .with_reply_to("answers".into())
        .with_user_id("bindery".into())
        .with_content_type("application/json".into())
        .with_headers(headers);
    vhost.publish("bindery.commands", "claim", "{}", properties).await?;
    let delivery = intake.next().await?;
    assert_eq!((delivery.body.as_slice(), delivery.routing_key.as_deref()), (b"{}".as_slice(), Some("claim")));
    assert_eq!((delivery.redelivered, delivery.delivery_count), (false, 0));
    assert_eq!(delivery.message_id.as_deref(), Some("m-1"));
    assert_eq!(delivery.correlation_id.as_deref(), Some("c-1"));
    assert_eq!(delivery.reply_to.as_deref(), Some("answers"));
    assert_eq!(delivery.user_id.as_deref(), Some("bindery"));
    assert_eq!(delivery.content_type.as_deref(), Some("application/json"));
    assert_eq!(delivery.trace, Trace { parent: Some(parent.into()), state: Some("a=1".into()), ignored: false });
    Ok(())
}

#[tokio::test]
async fn a_giant_or_senseless_trace_context_hurts_nobody() -> Result<()> {
    let (vhost, mut intake) = with_commands(0).await?;
    for parent in [AMQPValue::LongString("x".repeat(100_000).into()), AMQPValue::Boolean(true), AMQPValue::Void] {
        let mut headers = FieldTable::default();
        headers.insert("traceparent".into(), parent);
        headers.insert("baggage".into(), AMQPValue::LongString(vec![0xff; 20_000].into()));
        vhost.publish("bindery.commands", "claim", "{}", BasicProperties::default().with_headers(headers)).await?;
        let delivery = intake.next().await?;
        assert_eq!(delivery.trace, Trace { parent: None, state: None, ignored: true });
        intake.consumer.ack_up_to(delivery.tag).await;
    }
    intake.finish().await?;
    vhost.expect_depth("bindery.commands", 0).await
}

#[tokio::test]
async fn what_was_acknowledged_is_gone_and_the_tail_comes_again_in_order() -> Result<()> {
    let (vhost, mut intake) = with_commands(5).await?;
    assert_eq!(intake.bodies(2).await?, ["1", "2"]);
    let third = intake.next().await?;
    intake.consumer.ack_up_to(third.tag).await;
    assert_eq!(intake.bodies(2).await?, ["4", "5"]);
    vhost.close_connections().await?;
    let again = intake.next().await?;
    assert_eq!((again.body.as_slice(), again.redelivered), (b"4".as_slice(), true));
    assert!(again.tag > third.tag);
    // The old channel's tag means nothing any more, however often it is acknowledged.
    intake.consumer.ack_up_to(third.tag).await;
    assert_eq!(intake.bodies(1).await?, ["5"]);
    intake.finish().await?;
    vhost.expect_depth("bindery.commands", 2).await
}

#[tokio::test]
async fn acknowledging_twice_or_backwards_breaks_nothing() -> Result<()> {
    let (vhost, mut intake) = with_commands(4).await?;
    let mut tags = Vec::new();
    for _ in 0..4 {
        tags.push(intake.next().await?.tag);
    }
    intake.consumer.ack_up_to(tags[2]).await;
    intake.consumer.ack_up_to(tags[2]).await;
    intake.consumer.ack_up_to(tags[0]).await;
    intake.consumer.reject(tags[1]).await;
    intake.consumer.ack_up_to(tags[3]).await;
    vhost.publish_command("claim", "5").await?;
    let next = intake.next().await?;
    assert!(next.tag > tags[3] && !next.redelivered, "on the same channel: {next:?}");
    Ok(())
}

#[tokio::test]
async fn a_rejected_delivery_goes_to_the_dead_letters_alone() -> Result<()> {
    let (vhost, mut intake) = with_commands(3).await?;
    let mut tags = Vec::new();
    for _ in 0..3 {
        tags.push(intake.next().await?.tag);
    }
    intake.consumer.reject(tags[2]).await;
    intake.consumer.ack_up_to(tags[2]).await;
    let dead = vhost.drain("bindery.dead").await?.next().await?;
    assert_eq!(dead.body, b"3");
    intake.finish().await?;
    vhost.expect_depth("bindery.commands", 0).await
}

#[tokio::test]
async fn no_more_than_the_prefetch_is_under_way() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let mut config = vhost.config();
    config.prefetch = 2;
    let mut intake = Intake::start(config);
    shows(intake.consumer.state(), is_up).await?;
    for number in 1..=5 {
        vhost.publish_command("claim", number.to_string()).await?;
    }
    vhost.expect_depth("bindery.commands", 3).await?;
    intake.next().await?;
    let second = intake.next().await?;
    vhost.expect_depth("bindery.commands", 3).await?;
    intake.consumer.ack_up_to(second.tag).await;
    assert_eq!(intake.bodies(2).await?, ["3", "4"]);
    Ok(())
}

#[tokio::test]
async fn a_paused_consumer_leaves_commands_in_the_queue_and_can_still_acknowledge() -> Result<()> {
    let (vhost, mut intake) = with_commands(2).await?;
    intake.next().await?;
    let under_way = intake.next().await?;
    intake.consumer.pause().await;
    shows(intake.consumer.state(), |link| *link == Link::Paused).await?;
    vhost.publish_command("claim", "3").await?;
    vhost.expect_depth("bindery.commands", 1).await?;
    intake.consumer.ack_up_to(under_way.tag).await;
    intake.consumer.resume().await;
    let next = intake.next().await?;
    assert_eq!((next.body.as_slice(), next.redelivered), (b"3".as_slice(), false));
    assert!(next.tag > under_way.tag);
    intake.consumer.ack_up_to(next.tag).await;
    intake.finish().await?;
    vhost.expect_depth("bindery.commands", 0).await
}

#[tokio::test]
async fn a_pause_outlives_a_lost_connection() -> Result<()> {
    let (vhost, mut intake) = with_commands(0).await?;
    intake.consumer.pause().await;
    shows(intake.consumer.state(), |link| *link == Link::Paused).await?;
    vhost.close_connections().await?;
    shows(intake.consumer.state(), is_down).await?;
    shows(intake.consumer.state(), |link| *link == Link::Paused).await?;
    vhost.publish_command("claim", "1").await?;
    vhost.expect_depth("bindery.commands", 1).await?;
    intake.consumer.resume().await;
    assert_eq!(intake.bodies(1).await?, ["1"]);
    Ok(())
}

#[tokio::test]
async fn pausing_and_resuming_at_once_loses_nothing() -> Result<()> {
    let (_vhost, mut intake) = with_commands(20).await?;
    for _ in 0..10 {
        intake.consumer.pause().await;
        intake.consumer.resume().await;
    }
    let expected: Vec<String> = (1..=20).map(|number| number.to_string()).collect();
    assert_eq!(intake.bodies(20).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_deleted_queue_is_declared_anew_and_consumed_again() -> Result<()> {
    let (vhost, mut intake) = with_commands(1).await?;
    let first = intake.next().await?;
    intake.consumer.ack_up_to(first.tag).await;
    let (_connection, channel) = vhost.channel().await?;
    channel.queue_delete("bindery.commands".into(), QueueDeleteOptions::default()).await?;
    let down = shows(intake.consumer.state(), is_down).await?;
    assert!(matches!(down.link, Link::Connecting { code: "consumer_cancelled", .. }), "{down:?}");
    shows(intake.consumer.state(), is_up).await?;
    vhost.publish_command("claim", "2").await?;
    assert_eq!(intake.bodies(1).await?, ["2"]);
    Ok(())
}

#[tokio::test]
async fn a_finished_consumer_gives_back_what_it_did_not_acknowledge() -> Result<()> {
    let (vhost, mut intake) = with_commands(3).await?;
    let first = intake.next().await?;
    intake.next().await?;
    intake.consumer.ack_up_to(first.tag).await;
    intake.finish().await?;
    vhost.expect_depth("bindery.commands", 2).await
}

#[tokio::test]
async fn a_consumer_whose_receiver_is_gone_ends() -> Result<()> {
    let (_vhost, mut intake) = with_commands(0).await?;
    drop(intake.deliveries);
    tokio::time::timeout(rabbit::PATIENCE, intake.tasks.join_next()).await?;
    Ok(())
}
