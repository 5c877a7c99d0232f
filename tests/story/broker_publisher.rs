//! Sending events out.

use std::time::Duration;

use anyhow::{Context, Result};
use bindery::broker::{Exchange, Publication, Settled};
use lapin::options::{ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::broker_links::{Outgoing, event, is_up, shows};
use crate::rabbit::{self, Vhost};

async fn ready() -> Result<(Vhost, Outgoing)> {
    let vhost = rabbit::vhost().await?;
    let outgoing = Outgoing::start(vhost.config());
    shows(outgoing.publisher.state(), is_up).await?;
    Ok((vhost, outgoing))
}

#[tokio::test]
async fn a_confirmed_event_arrives_as_it_was_given() -> Result<()> {
    let (vhost, outgoing) = ready().await?;
    let mut events = vhost.events().await?;
    assert_eq!(outgoing.publish(vec![event("e-1", "claim.page.confirmed")]).await, [Settled::Confirmed]);
    let seen = events.next().await?;
    let properties = &seen.properties;
    assert_eq!(
        (seen.routing_key.as_str(), seen.body.as_slice()),
        ("claim.page.confirmed", b"{\"id\":\"e-1\"}".as_slice())
    );
    assert_eq!(properties.delivery_mode(), &Some(2));
    let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
    assert_eq!(text(properties.message_id()).as_deref(), Some("e-1"));
    assert_eq!(text(properties.correlation_id()).as_deref(), Some("command-1"));
    assert_eq!(text(properties.kind()).as_deref(), Some("bindery.claim.confirmed"));
    assert_eq!(text(properties.content_type()).as_deref(), Some("application/cloudevents+json"));
    assert_eq!(text(properties.app_id()).as_deref(), Some("bindery"));
    let headers = properties.headers().as_ref().context("no headers")?;
    assert!(headers.contains_key("traceparent"));
    Ok(())
}

#[tokio::test]
async fn a_long_batch_keeps_its_order() -> Result<()> {
    let (vhost, outgoing) = ready().await?;
    let mut events = vhost.events().await?;
    let batch: Vec<_> = (0..1000).map(|number| event(&format!("e-{number}"), "claim.page.confirmed")).collect();
    let settled = outgoing.publish(batch.clone()).await;
    assert!(settled.iter().all(|one| *one == Settled::Confirmed), "{settled:?}");
    for (seen, sent) in events.take(1000).await?.iter().zip(&batch) {
        assert_eq!(seen.body, sent.body);
    }
    Ok(())
}

/// With a quorum queue the acknowledgements of routed messages come after those of unroutable ones, and lapin pins a
/// returned message to whichever comes next.
#[tokio::test]
async fn only_the_event_that_nobody_is_bound_for_is_unrouted() -> Result<()> {
    let (vhost, outgoing) = ready().await?;
    let (_connection, channel) = vhost.channel().await?;
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare("heard".into(), QueueDeclareOptions::durable(), quorum).await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind("heard".into(), "bindery.events".into(), "heard.#".into(), bind, FieldTable::default()).await?;
    for round in 0..20 {
        let key = |number: usize| if number.is_multiple_of(7) { "unheard.of" } else { "heard.of" };
        let batch = (0..100).map(|number| event(&format!("{round}-{number}"), key(number))).collect();
        for (number, settled) in outgoing.publish(batch).await.into_iter().enumerate() {
            let expected = if number.is_multiple_of(7) { Settled::Unrouted } else { Settled::Confirmed };
            assert_eq!(settled, expected, "message {number} of round {round}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_reply_to_a_requester_that_is_gone_is_confirmed_and_lost() -> Result<()> {
    let (_vhost, outgoing) = ready().await?;
    let reply = Publication { exchange: Exchange::Default, mandatory: false, ..event("e-1", "amq.gen-gone") };
    assert_eq!(outgoing.publish(vec![reply]).await, [Settled::Confirmed]);
    Ok(())
}

#[tokio::test]
async fn a_full_queue_refuses_and_takes_again_when_it_is_emptied() -> Result<()> {
    let (vhost, outgoing) = ready().await?;
    let (_connection, channel) = vhost.channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    channel.queue_declare("small".into(), QueueDeclareOptions::default(), arguments).await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind("small".into(), "bindery.events".into(), "#".into(), bind, FieldTable::default()).await?;
    let batch: Vec<_> = (0..5).map(|number| event(&format!("e-{number}"), "k")).collect();
    let settled = outgoing.publish(batch).await;
    assert_eq!(settled[0], Settled::Confirmed);
    assert!(matches!(&settled[4], Settled::Refused { reason } if reason.contains("full")), "{settled:?}");
    vhost.drain("small").await?.next().await?;
    rabbit::eventually("it takes again", || async {
        Ok(outgoing.publish(vec![event("e-5", "k")]).await == [Settled::Confirmed])
    })
    .await
}

#[tokio::test]
async fn a_deleted_exchange_is_declared_anew_and_no_event_is_lost() -> Result<()> {
    let (vhost, outgoing) = ready().await?;
    let (_connection, channel) = vhost.channel().await?;
    channel.exchange_delete("bindery.events".into(), ExchangeDeleteOptions::default()).await?;
    let dead = Publication { exchange: Exchange::Dead, ..event("d-1", "") };
    let settled =
        outgoing.publish(vec![dead.clone(), event("e-1", "k"), Publication { message_id: "d-2".into(), ..dead }]).await;
    // Its bindings went with the exchange: nobody is bound for the event now.
    assert_eq!(settled, [Settled::Confirmed, Settled::Unrouted, Settled::Confirmed]);
    let mut events = vhost.events().await?;
    assert_eq!(outgoing.publish(vec![event("e-1", "k")]).await, [Settled::Confirmed]);
    events.next().await?;
    Ok(())
}

#[tokio::test]
async fn one_forbidden_message_is_refused_and_the_others_go_out() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    bindery::broker::reach(&vhost.config()).await?;
    vhost.permit("stranger", ["^$", "^bindery.events$", ".*"]).await?;
    let outgoing = Outgoing::start(bindery::broker::BrokerConfig::at(&vhost.url.replace("bindery:", "stranger:")));
    let mut events = vhost.events().await?;
    let forbidden = Publication { exchange: Exchange::Dead, ..event("d-1", "") };
    let settled = outgoing.publish(vec![event("e-1", "k"), forbidden, event("e-2", "k")]).await;
    assert_eq!((&settled[0], &settled[2]), (&Settled::Confirmed, &Settled::Confirmed), "{settled:?}");
    assert!(matches!(&settled[1], Settled::Refused { reason } if reason.contains("bindery.dead")), "{settled:?}");
    events.take(2).await?;
    Ok(())
}

#[tokio::test]
async fn a_message_that_the_wire_cannot_carry_is_refused_alone() -> Result<()> {
    let (vhost, outgoing) = ready().await?;
    let mut events = vhost.events().await?;
    let long = event("e-2", &"k".repeat(256));
    let heavy = Publication { headers: vec![("reason".into(), "x".repeat(100_000))], ..event("e-3", "k") };
    let settled = outgoing.publish(vec![event("e-1", "k"), long, heavy, event("e-4", "k")]).await;
    assert_eq!((&settled[0], &settled[3]), (&Settled::Confirmed, &Settled::Confirmed));
    assert!(settled[1..3].iter().all(|one| matches!(one, Settled::Refused { .. })), "{settled:?}");
    events.take(2).await?;
    Ok(())
}

#[tokio::test]
async fn a_large_body_and_full_headers_pass() -> Result<()> {
    let (vhost, outgoing) = ready().await?;
    let mut events = vhost.events().await?;
    let large = Publication {
        body: vec![b'x'; 1 << 20],
        headers: vec![("reason".into(), "y".repeat(60_000))],
        ..event("e-1", "k")
    };
    assert_eq!(outgoing.publish(vec![large]).await, [Settled::Confirmed]);
    assert_eq!(events.next().await?.body.len(), 1 << 20);
    Ok(())
}

#[tokio::test]
async fn without_a_broker_the_answer_comes_in_time_and_says_why() -> Result<()> {
    let mut config = bindery::broker::BrokerConfig::at("amqp://u:p@127.0.0.1:1");
    config.deadlines.confirm_within = Duration::from_millis(200);
    let outgoing = Outgoing::start(config);
    let settled = outgoing.publish((0..600).map(|number| event(&number.to_string(), "k")).collect()).await;
    assert_eq!(settled.len(), 600);
    assert!(settled.iter().all(|one| matches!(one, Settled::NoAnswer { .. })), "{settled:?}");
    let Settled::NoAnswer { reason } = &settled[0] else { unreachable!() };
    assert!(reason.contains("127.0.0.1:1"), "{reason}");
    Ok(())
}
