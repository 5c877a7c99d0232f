//! The upstream system: fills the queue before a drain, or publishes at a steady rate whatever comes back.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions};

use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, PublisherConfirm};
use tokio::time::{Instant, sleep, sleep_until};

use crate::claims::command;
use crate::settings::RATE;

const QUEUE: &str = "bindery.commands";
/// Publications whose confirm is out.
const UNCONFIRMED: usize = 2_000;

/// From a consumer's leaving until what it had is in the queue again, generously.
const GIVEN_BACK_AFTER: Duration = Duration::from_millis(200);

/// A connection that publishes commands.
pub(crate) struct Loader {
    connection: Connection,
    channel: Channel,
}

impl Loader {
    /// Connects.
    ///
    /// # Errors
    /// When the broker is not there.
    pub(crate) async fn connect(broker: &str) -> Result<Self> {
        let connection = Connection::connect(broker, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { connection, channel })
    }

    /// Empties the queue. The broker gives back what it has not yet noted as acknowledged when its consumer leaves, and
    /// that a moment later: it is empty when two looks in a row find nothing.
    ///
    /// # Errors
    /// When the queue is not there.
    pub(crate) async fn empty(&self) -> Result<()> {
        let (mut left, mut looks) = (0, 0);
        while looks < 2 {
            sleep(GIVEN_BACK_AFTER).await;
            let found = self.channel.queue_purge(QUEUE.into(), QueuePurgeOptions::default()).await?;
            (left, looks) = (left + found, if found == 0 { looks + 1 } else { 0 });
        }
        if left > 0 {
            println!("(the broker gave back {left} deliveries of the run before; they are dropped)");
        }
        Ok(())
    }

    /// Puts the first `claims` commands into the queue and waits until the broker has them all.
    ///
    /// # Errors
    /// When the broker refuses one.
    pub(crate) async fn fill(&self, claims: usize) -> Result<()> {
        self.put((0..claims).map(|n| ("claim", command(n)))).await
    }

    /// Puts these commands into the queue, and waits until the broker has them all.
    ///
    /// # Errors
    /// When the broker refuses one.
    pub(crate) async fn put(&self, commands: impl Iterator<Item = (&'static str, Vec<u8>)>) -> Result<()> {
        let mut out = VecDeque::with_capacity(UNCONFIRMED);
        for (key, body) in commands {
            out.push_back(self.send(key, &body).await?);
            if out.len() == UNCONFIRMED {
                confirmed(out.pop_front()).await?;
            }
        }
        while !out.is_empty() {
            confirmed(out.pop_front()).await?;
        }
        Ok(())
    }

    /// Publishes `commands` commands at [`RATE`], without waiting for anything; when each was handed to the socket, and
    /// how far the schedule was missed at most.
    ///
    /// # Errors
    /// When the broker refuses one.
    pub(crate) async fn pace(&self, commands: usize) -> Result<(Vec<Instant>, Duration)> {
        let (mut sent, mut out) = (Vec::with_capacity(commands), VecDeque::with_capacity(commands));
        let (mut due, mut late) = (Instant::now(), Duration::ZERO);
        for n in 0..commands {
            sleep_until(due).await;
            let now = Instant::now();
            late = late.max(now - due);
            sent.push(now);
            out.push_back(self.publish(n).await?);
            due += Duration::from_secs(1) / RATE;
        }
        while !out.is_empty() {
            confirmed(out.pop_front()).await?;
        }
        Ok((sent, late))
    }

    /// How many commands wait in the queue, without those that are out to a consumer.
    ///
    /// # Errors
    /// When the queue is not there.
    pub(crate) async fn waiting(&self) -> Result<u32> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        Ok(self.channel.queue_declare(QUEUE.into(), options, FieldTable::default()).await?.message_count())
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// When the broker has gone.
    pub(crate) async fn close(self) -> Result<()> {
        Ok(self.connection.close(200, "OK".into()).await?)
    }

    async fn publish(&self, n: usize) -> Result<PublisherConfirm> {
        self.send("claim", &command(n)).await
    }

    async fn send(&self, key: &str, body: &[u8]) -> Result<PublisherConfirm> {
        let properties = BasicProperties::default().with_delivery_mode(2).with_content_type("application/json".into());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        Ok(self.channel.basic_publish(QUEUE.into(), key.into(), options, body, properties).await?)
    }
}

async fn confirmed(out: Option<PublisherConfirm>) -> Result<()> {
    let confirmation = out.context("nothing is out")?.await?;
    ensure!(confirmation.is_ack(), "the broker did not take a command");
    Ok(())
}
