//! What the stories of the broker's room share: both links running, and waiting for what they show.

use anyhow::{Context, Result};
use bindery::broker::{BrokerConfig, Consumer, Delivery, Exchange, Link, LinkState, Publication, Publisher, Settled};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::rabbit::PATIENCE;

/// A consumer at work. Dropped, it ends at once, as a killed worker would.
pub struct Intake {
    pub consumer: Consumer,
    pub deliveries: mpsc::Receiver<Delivery>,
    pub tasks: JoinSet<()>,
}

impl Intake {
    pub fn start(config: BrokerConfig) -> Self {
        let (consumer, deliveries, run) = Consumer::new(config);
        let mut tasks = JoinSet::new();
        tasks.spawn(run);
        Self { consumer, deliveries, tasks }
    }

    /// The next delivery, which must come.
    pub async fn next(&mut self) -> Result<Delivery> {
        timeout(PATIENCE, self.deliveries.recv()).await.context("no delivery came")?.context("the consumer ended")
    }

    /// The bodies of the next so many deliveries, and the last one's tag.
    pub async fn bodies(&mut self, count: usize) -> Result<Vec<String>> {
        let mut bodies = Vec::new();
        for _ in 0..count {
            bodies.push(String::from_utf8(self.next().await?.body)?);
        }
        Ok(bodies)
    }

    /// Finishes in order.
    pub async fn finish(mut self) -> Result<()> {
        self.consumer.finish().await;
        timeout(PATIENCE, self.tasks.join_next()).await.context("it does not end")?.context("no task")??;
        Ok(())
    }
}

/// A publisher at work.
pub struct Outgoing {
    pub publisher: Publisher,
    _tasks: JoinSet<()>,
}

impl Outgoing {
    pub fn start(config: BrokerConfig) -> Self {
        let (publisher, run) = Publisher::new(config);
        let mut tasks = JoinSet::new();
        tasks.spawn(run);
        Self { publisher, _tasks: tasks }
    }

    pub async fn publish(&self, messages: Vec<Publication>) -> Vec<Settled> {
        self.publisher.publish_batch(messages).await
    }
}

/// An event to whoever is bound for this key.
pub fn event(id: &str, routing_key: &str) -> Publication {
    Publication {
        exchange: Exchange::Events,
        routing_key: routing_key.into(),
        body: format!("{{\"id\":\"{id}\"}}").into_bytes(),
        message_id: id.into(),
        correlation_id: Some("command-1".into()),
        kind: Some("bindery.claim.confirmed".into()),
        content_type: Some("application/cloudevents+json".into()),
        headers: vec![("traceparent".into(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into())],
        mandatory: true,
    }
}

/// Waits until a link shows what `wanted` looks for.
pub async fn shows(mut state: watch::Receiver<LinkState>, wanted: impl Fn(&Link) -> bool) -> Result<LinkState> {
    let seen = timeout(PATIENCE, state.wait_for(|state| wanted(&state.link))).await;
    Ok(seen.with_context(|| "the link never showed it")??.clone())
}

pub fn is_up(link: &Link) -> bool {
    *link == Link::Up
}

pub fn is_down(link: &Link) -> bool {
    matches!(link, Link::Connecting { code, .. } if *code != "starting")
}

pub fn is_blocked(link: &Link) -> bool {
    matches!(link, Link::Blocked { .. })
}
