//! Reading events as a consumer does, under a queue of one's own that goes with the connection.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use tokio::time::timeout;

use super::link::{Wire, call};
use super::publication::short;
use super::{BrokerConfig, BrokerError, topology};

/// All events from the moment it was opened.
pub struct Listener {
    wire: Wire,
    stream: lapin::Consumer,
    within: Duration,
}

impl Listener {
    /// Declares the topology and a queue of its own, bound for every event.
    ///
    /// # Errors
    /// Any [`BrokerError`].
    pub async fn open(config: &BrokerConfig) -> Result<Self, BrokerError> {
        let within = config.deadlines.call_within;
        let wire = topology::open_and_declare(config, "listening").await?;
        let channel = wire.channel(within).await?;
        let (own, none) = (QueueDeclareOptions { exclusive: true, ..Default::default() }, FieldTable::default);
        let queue = call("declare a queue", within, channel.queue_declare("".into(), own, none())).await?;
        let (name, events) = (queue.name().clone(), short(&config.names.events));
        let binding = channel.queue_bind(name.clone(), events, "#".into(), QueueBindOptions::default(), none());
        call("bind a queue", within, binding).await?;
        let consuming = channel.basic_consume(name, "".into(), BasicConsumeOptions::default(), none());
        let stream = call("consume events", within, consuming).await?;
        Ok(Self { wire, stream, within })
    }

    /// The body of the next event; none if it has not come `within`. Safe to drop: what came stays unacknowledged.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn next(&mut self, within: Duration) -> Result<Option<Vec<u8>>, BrokerError> {
        let Ok(came) = timeout(within, self.stream.next()).await else { return Ok(None) };
        let lost = || BrokerError::Lost { why: "the queue of the listener is gone".into() };
        let delivery = came.ok_or_else(lost)?.map_err(|error| BrokerError::of_call("read an event", &error))?;
        call("acknowledge an event", self.within, delivery.ack(BasicAckOptions::default())).await?;
        Ok(Some(delivery.data))
    }

    /// Says goodbye; its queue goes with it.
    pub async fn close(self) {
        self.wire.close(self.within).await;
    }
}

/// Deletes the exchanges and queues of `config.names`, with all that is in them: for a passing visitor of a broker, a
/// worker never does it.
///
/// # Errors
/// Any [`BrokerError`].
pub async fn take_down(config: &BrokerConfig) -> Result<(), BrokerError> {
    let within = config.deadlines.call_within;
    let wire = Wire::open(config, "leaving").await?;
    let channel = wire.channel(within).await?;
    let names = &config.names;
    for name in [&names.commands, &names.dead] {
        let deleting = channel.queue_delete(short(name), QueueDeleteOptions::default());
        call("delete a queue", within, deleting).await?;
    }
    for name in [&names.commands, &names.events, &names.dead] {
        let deleting = channel.exchange_delete(short(name), ExchangeDeleteOptions::default());
        call("delete an exchange", within, deleting).await?;
    }
    wire.close(config.deadlines.close_within).await;
    Ok(())
}
