//! The contract's topology: declared once, met again unchanged, and never bent.

use anyhow::{Context, Result};
use bindery::broker::{self, BrokerConfig, BrokerError};
use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::rabbit::{self, PASSWORD};

#[tokio::test]
async fn the_topology_is_declared_and_met_again_as_it_is() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    broker::reach(&vhost.config()).await?;
    broker::reach(&vhost.config()).await?;
    vhost.publish_command("claim", "{}").await?;
    vhost.expect_depth("bindery.commands", 1).await?;
    vhost.publish("bindery.dead", "", "{}", lapin::BasicProperties::default()).await?;
    vhost.expect_depth("bindery.dead", 1).await
}

#[tokio::test]
async fn names_are_free_to_choose() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let mut config = vhost.config();
    config.names.commands = "agency.in".into();
    config.names.dead = "agency.dead".into();
    broker::reach(&config).await?;
    assert_eq!((vhost.depth("agency.in").await?, vhost.depth("agency.dead").await?), (0, 0));
    config.names.events = "x".repeat(256);
    let error = broker::reach(&config).await.expect_err("too long a name");
    assert_eq!(error.code(), "bad_name");
    Ok(())
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_named_with_both_sides_and_left_alone() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let (_connection, channel) = vhost.channel().await?;
    let durable = QueueDeclareOptions::durable();
    channel.queue_declare("bindery.commands".into(), durable, FieldTable::default()).await?;
    let error = broker::reach(&vhost.config()).await.expect_err("a classic queue stands there");
    let told = error.to_string();
    assert_eq!(error.code(), "topology_drift");
    assert!(error.needs_a_person());
    assert!(told.starts_with("queue bindery.commands exists with "), "{told}");
    assert!(told.contains(" none, but bindery needs '") && told.contains("nothing was changed"), "{told}");
    let left = channel.queue_delete("bindery.commands".into(), QueueDeleteOptions::default()).await;
    left.context("it still stands")?;
    Ok(())
}

#[tokio::test]
async fn each_single_argument_that_differs_is_named() -> Result<()> {
    let right = [
        ("x-queue-type", AMQPValue::LongString("quorum".into())),
        ("x-single-active-consumer", AMQPValue::Boolean(true)),
        ("x-delivery-limit", AMQPValue::LongInt(100)),
        ("x-dead-letter-exchange", AMQPValue::LongString("bindery.dead".into())),
        ("x-dead-letter-strategy", AMQPValue::LongString("at-least-once".into())),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    for (argument, wrong) in [
        ("x-single-active-consumer", None),
        ("x-delivery-limit", Some(AMQPValue::LongInt(7))),
        ("x-dead-letter-exchange", Some(AMQPValue::LongString("elsewhere".into()))),
        ("x-overflow", Some(AMQPValue::LongString("drop-head".into()))),
    ] {
        let vhost = rabbit::vhost().await?;
        let (_connection, channel) = vhost.channel().await?;
        let mut arguments = FieldTable::default();
        for (name, value) in &right {
            let value = if *name == argument { wrong.clone() } else { Some(value.clone()) };
            if let Some(value) = value {
                arguments.insert((*name).into(), value);
            }
        }
        channel.queue_declare("bindery.commands".into(), QueueDeclareOptions::durable(), arguments).await?;
        let error = broker::reach(&vhost.config()).await.expect_err(argument);
        let BrokerError::Drift { thing, argument: named, .. } = &error else { panic!("{argument}: {error}") };
        assert_eq!((thing.as_str(), named.as_str()), ("queue bindery.commands", argument), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn an_exchange_of_another_kind_is_named() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let (_connection, channel) = vhost.channel().await?;
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare("bindery.events".into(), ExchangeKind::Direct, options, FieldTable::default()).await?;
    let told = broker::reach(&vhost.config()).await.expect_err("another kind").to_string();
    assert!(told.contains("exchange bindery.events exists with type 'direct', but bindery needs 'topic'"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_user_who_may_not_declare_takes_what_operators_declared() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let stranger = vhost.url.replace("bindery:", "stranger:");
    vhost.permit("stranger", ["^$", "^bindery", "^bindery"]).await?;
    let error = broker::reach(&BrokerConfig::at(&stranger)).await.expect_err("nothing stands there yet");
    let told = error.to_string();
    assert_eq!(error.code(), "forbidden");
    assert!(told.contains("declare the exchange bindery.dead") && told.contains("stranger"), "{told}");
    broker::reach(&vhost.config()).await?;
    broker::reach(&BrokerConfig::at(&stranger)).await?;
    assert!(!told.contains(PASSWORD));
    Ok(())
}
