//! A broker that dies, freezes or is short of memory. Each story has a node of its own.

use std::time::Duration;

use anyhow::Result;
use bindery::broker::{Link, Settled};

use crate::broker_links::{Intake, Outgoing, event, is_blocked, is_down, is_up, shows};
use crate::rabbit::{self, Node};

#[tokio::test]
async fn both_links_recover_from_a_killed_broker_and_nothing_confirmed_is_lost() -> Result<()> {
    let node = Node::boot("").await?;
    let vhost = node.vhost().await?;
    let mut intake = Intake::start(vhost.config());
    let outgoing = Outgoing::start(vhost.config());
    shows(intake.consumer.state(), is_up).await?;
    shows(outgoing.publisher.state(), is_up).await?;
    vhost.publish_command("claim", "1").await?;
    let first = intake.next().await?;

    node.kill().await?;
    let down = shows(intake.consumer.state(), is_down).await?;
    shows(outgoing.publisher.state(), is_down).await?;
    intake.consumer.ack_up_to(first.tag).await;
    let tried = outgoing.publisher.clone();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { tried.publish_batch(vec![event("e-1", "unheard")]).await });

    node.start_again().await?;
    let up = shows(intake.consumer.state(), is_up).await?;
    shows(outgoing.publisher.state(), is_up).await?;
    assert!(up.since > down.since);
    let again = intake.next().await?;
    assert_eq!((again.body.as_slice(), again.redelivered), (b"1".as_slice(), true), "it was never acknowledged");
    intake.consumer.ack_up_to(again.tag).await;
    // The batch that was begun without a broker is published as soon as there is one, or was given up in time.
    let settled = tasks.join_next().await.expect("one task")?;
    assert!(matches!(settled[0], Settled::Unrouted | Settled::NoAnswer { .. }), "{settled:?}");
    let mut events = vhost.events().await?;
    assert_eq!(outgoing.publish(vec![event("e-1", "k")]).await, [Settled::Confirmed]);
    events.next().await?;
    intake.finish().await?;
    vhost.expect_depth("bindery.commands", 0).await
}

#[tokio::test]
async fn a_frozen_broker_is_left_and_met_again_when_it_thaws() -> Result<()> {
    let node = Node::boot("").await?;
    let vhost = node.vhost().await?;
    let mut config = vhost.config();
    config.url = format!("{}?heartbeat=1", vhost.url).into();
    config.deadlines.connect_within = Duration::from_secs(1);
    config.deadlines.confirm_within = Duration::from_secs(1);
    let mut intake = Intake::start(config.clone());
    let outgoing = Outgoing::start(config);
    shows(intake.consumer.state(), is_up).await?;
    shows(outgoing.publisher.state(), is_up).await?;
    node.freeze()?;
    // A stop signal takes its time to reach every thread of a busy node: what slips through before is answered.
    rabbit::eventually("no answer", || async {
        Ok(matches!(outgoing.publish(vec![event("e-1", "k")]).await[0], Settled::NoAnswer { .. }))
    })
    .await?;
    shows(intake.consumer.state(), is_down).await?;
    let silent = |link: &Link| matches!(link, Link::Connecting { code: "silent", .. });
    shows(intake.consumer.state(), silent).await?;
    shows(outgoing.publisher.state(), silent).await?;
    node.thaw()?;
    shows(intake.consumer.state(), is_up).await?;
    shows(outgoing.publisher.state(), is_up).await?;
    vhost.publish_command("claim", "1").await?;
    assert_eq!(intake.bodies(1).await?, ["1"]);
    Ok(())
}

#[tokio::test]
async fn a_blocked_publisher_says_so_and_acknowledgements_flow_on() -> Result<()> {
    let node = Node::boot("").await?;
    let vhost = node.vhost().await?;
    let mut config = vhost.config();
    config.deadlines.confirm_within = Duration::from_secs(2);
    config.prefetch = 1;
    let mut intake = Intake::start(config.clone());
    let outgoing = Outgoing::start(config);
    shows(intake.consumer.state(), is_up).await?;
    shows(outgoing.publisher.state(), is_up).await?;
    for number in 1..=3 {
        vhost.publish_command("claim", number.to_string()).await?;
    }
    let mut events = vhost.events().await?;

    node.raise_alarm().await?;
    // The publication that meets the alarm is still taken, what comes after it is not read.
    rabbit::eventually("a publication gets no answer", || async {
        Ok(matches!(outgoing.publish(vec![event("e-0", "k")]).await[0], Settled::NoAnswer { .. }))
    })
    .await?;
    let blocked = shows(outgoing.publisher.state(), is_blocked).await?;
    assert!(matches!(&blocked.link, Link::Blocked { reason } if reason.contains("memory")), "{blocked:?}");
    let settled = outgoing.publish(vec![event("e-1", "k")]).await;
    assert!(matches!(&settled[0], Settled::NoAnswer { reason } if reason.contains("blocks")), "{settled:?}");
    // With a prefetch of one, the next delivery comes only when the acknowledgement went through.
    for number in ["1", "2", "3"] {
        let delivery = intake.next().await?;
        assert_eq!(delivery.body, number.as_bytes());
        intake.consumer.ack_up_to(delivery.tag).await;
    }
    assert!(is_up(&intake.consumer.state().borrow().link));

    node.end_alarm().await?;
    shows(outgoing.publisher.state(), is_up).await?;
    rabbit::eventually("it publishes again", || async {
        Ok(outgoing.publish(vec![event("e-1", "k")]).await == [Settled::Confirmed])
    })
    .await?;
    while events.next().await?.body != event("e-1", "k").body {}
    Ok(())
}
