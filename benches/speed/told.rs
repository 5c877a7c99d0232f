//! The downstream system: hears the events, notes when, and sees to it that every claim was confirmed exactly once.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, Consumer};
use tokio::time::{Instant, timeout};

use crate::claims::number;

/// The longest silence in a run; the queue of a hundred thousand commands is never waited for event by event.
const SILENT_AT_MOST: Duration = Duration::from_secs(60);

/// A queue of its own, bound to all events.
pub(crate) struct Told {
    connection: Connection,
    consumer: Consumer,
}

impl Told {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the exchange of events is not there.
    pub(crate) async fn listen(broker: &str) -> Result<Self> {
        let connection = Connection::connect(broker, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?.name().clone();
        let (events, all) = ("bindery.events".into(), "#".into());
        channel.queue_bind(queue.clone(), events, all, QueueBindOptions::default(), FieldTable::default()).await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consumer = channel.basic_consume(queue, "told".into(), options, FieldTable::default()).await?;
        Ok(Self { connection, consumer })
    }

    /// When each of the first `claims` claims was told to be confirmed.
    ///
    /// # Errors
    /// When one ends otherwise or twice, or nothing comes for a minute.
    pub(crate) async fn all(&mut self, claims: usize) -> Result<Vec<Instant>> {
        let mut times = vec![None; claims];
        for told in 0..claims {
            let next = timeout(SILENT_AT_MOST, self.consumer.next()).await;
            let delivery = next.with_context(|| format!("silence after {told} of {claims} events"))?;
            let delivery = delivery.context("the broker has ended the consumer")??;
            let n = confirmed(&delivery)?;
            let time = times.get_mut(n).with_context(|| format!("nobody has asked for claim {n}"))?;
            ensure!(time.replace(Instant::now()).is_none(), "claim {n} was told twice");
        }
        times.into_iter().collect::<Option<Vec<Instant>>>().context("a claim was told twice, another never")
    }

    /// The next event: its type, the command's id, and when it came.
    ///
    /// # Errors
    /// When nothing comes for a minute.
    pub(crate) async fn next(&mut self) -> Result<(String, String, Instant)> {
        let next = timeout(SILENT_AT_MOST, self.consumer.next()).await.context("silence")?;
        let delivery = next.context("the broker has ended the consumer")??;
        let text = |property: &Option<lapin::types::ShortString>| property.as_ref().map(ToString::to_string);
        let (kind, id) = (text(delivery.properties.kind()), text(delivery.properties.correlation_id()));
        Ok((kind.context("an event without a type")?, id.context("an event of nobody")?, Instant::now()))
    }

    /// Says goodbye; the queue goes with the connection.
    ///
    /// # Errors
    /// When the broker has gone.
    pub(crate) async fn close(self) -> Result<()> {
        Ok(self.connection.close(200, "OK".into()).await?)
    }
}

/// By the properties alone: reading bodies would cost us more than is measured.
fn confirmed(delivery: &Delivery) -> Result<usize> {
    let properties = &delivery.properties;
    if properties.kind().as_ref().is_none_or(|kind| kind.as_str() != "bindery.claim.confirmed") {
        bail!("not the end of a granted claim: {}", String::from_utf8_lossy(&delivery.data));
    }
    let id = properties.correlation_id().as_ref().context("an event without a correlation id")?;
    number(id.as_str()).with_context(|| format!("an event of a stranger, {id}"))
}
