//! Reading events as any consumer may, under a queue of one's own that goes with the connection.
//!
//! [`Reader`] reads over one connection and says when it is lost: whoever waits for one command's end, or tells a
//! story. [`watch`] reads over every loss, and says where it could not hear.
//!
//! Nothing is declared but that queue: an exchange that is not there means that no worker has ever been there, most
//! often a slip in the URL, and is told.

use futures_util::StreamExt;
use jiff::Timestamp;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::link::{Wire, call};
use super::publication::short;
use super::state::Board;
use super::upkeep::{End, Upkeep, keep_up};
use super::{BrokerConfig, BrokerError, LOOK_EVERY, Link};

/// Events under way to a reader: a slow one leaves the rest in its queue at the broker.
const UNDER_WAY: u16 = 256;

/// One message of the exchange of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The event.
    pub body: Vec<u8>,
    /// The command that it is about.
    pub correlation_id: Option<String>,
}

/// What a watch hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An event.
    Event(Told),
    /// The connection was lost and is there again: what was told in between was not heard.
    Gap {
        /// When it was lost.
        since: Timestamp,
    },
}

/// The events under some routing keys, from when it was opened on.
pub struct Reader {
    wire: Wire,
    stream: lapin::Consumer,
    config: BrokerConfig,
}

impl Reader {
    /// Connects and reads all events whose routing key matches `keys`.
    ///
    /// # Errors
    /// Any [`BrokerError`]; `Refused` where there is no exchange of events.
    pub async fn open(config: &BrokerConfig, keys: &str) -> Result<Self, BrokerError> {
        let wire = Wire::open(config, "reading events").await?;
        match consume(&wire, config, keys).await {
            Ok(stream) => Ok(Self { wire, stream, config: config.clone() }),
            Err(error) => {
                wire.close(config.deadlines.close_within).await;
                Err(error)
            }
        }
    }

    /// The next event; `None` where none came until `until`. Safe to drop: what had come is then not acknowledged, and
    /// goes with the queue.
    ///
    /// # Errors
    /// `Lost` where the connection ended.
    pub async fn next(&mut self, until: Instant) -> Result<Option<Told>, BrokerError> {
        let Ok(came) = timeout_at(until, self.stream.next()).await else { return Ok(None) };
        self.take(came).await.map(Some)
    }

    /// Says goodbye; its queue goes with it.
    pub async fn close(self) {
        self.wire.close(self.config.deadlines.close_within).await;
    }

    async fn take(&self, came: Option<lapin::Result<lapin::message::Delivery>>) -> Result<Told, BrokerError> {
        let lost = || BrokerError::Lost { why: "no more events come".into() };
        let delivery = came.ok_or_else(lost)?.map_err(|error| BrokerError::of_call("send events", &error))?;
        let ack = delivery.ack(BasicAckOptions::default());
        call("take an acknowledgement", self.config.deadlines.call_within, ack).await?;
        let correlation_id = delivery.properties.correlation_id().as_ref().map(ToString::to_string);
        Ok(Told { body: delivery.data, correlation_id })
    }
}

/// A queue of our own, bound and consumed.
async fn consume(wire: &Wire, config: &BrokerConfig, keys: &str) -> Result<lapin::Consumer, BrokerError> {
    let (within, events) = (config.deadlines.call_within, &config.names.events);
    let channel = wire.channel(within).await?;
    let limit = channel.basic_qos(UNDER_WAY, BasicQosOptions::default());
    call("limit the events under way", within, limit).await?;
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default());
    let queue = call("declare a queue of our own", within, queue).await?.name().clone();
    let bound = channel.queue_bind(
        queue.clone(),
        short(events),
        short(keys),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    call(&format!("bind to the exchange {events}, which a worker declares at its start"), within, bound).await?;
    let options = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
    let consumed = channel.basic_consume(queue, "".into(), options, FieldTable::default());
    call("consume events", within, consumed).await
}

/// Reads all events from now on, over every loss of the connection: what is heard, and the task that listens.
///
/// Somebody spawns the task and awaits its end, which comes when the receiver is dropped.
///
/// # Errors
/// Where the first connection cannot be made; any later one is tried until it can.
pub async fn watch(
    config: BrokerConfig,
) -> Result<(mpsc::Receiver<Heard>, impl Future<Output = ()> + Send + 'static), BrokerError> {
    let first = Reader::open(&config, EVERYTHING).await?;
    let (heard, receiver) = mpsc::channel(usize::from(UNDER_WAY));
    let board = Board::new("watching");
    Ok((receiver, keep_up(Watching { config, board, heard, lost: None }, Some(first))))
}

const EVERYTHING: &str = "#";

struct Watching {
    config: BrokerConfig,
    board: Board,
    heard: mpsc::Sender<Heard>,
    /// Since when there is no connection.
    lost: Option<Timestamp>,
}

impl Upkeep for Watching {
    type Session = Reader;

    fn config(&self) -> &BrokerConfig {
        &self.config
    }

    fn board(&self) -> &Board {
        &self.board
    }

    async fn open(config: &BrokerConfig) -> Result<Reader, BrokerError> {
        Reader::open(config, EVERYTHING).await
    }

    async fn serve(&mut self, mut reader: Reader) -> End {
        self.board.set(Link::Up);
        let end = self.pass_on(&mut reader).await;
        reader.close().await;
        self.lost = Some(Timestamp::now());
        end
    }

    async fn meanwhile<T: Send>(&mut self, awaited: impl Future<Output = T> + Send) -> Option<T> {
        tokio::select! {
            done = awaited => Some(done),
            () = self.heard.closed() => None,
        }
    }
}

impl Watching {
    /// What `select!` drops is safe to drop: the stream gives an event whole or not at all.
    async fn pass_on(&mut self, reader: &mut Reader) -> End {
        if let Some(since) = self.lost.take()
            && self.heard.send(Heard::Gap { since }).await.is_err()
        {
            return End::Finished;
        }
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let came = tokio::select! {
                came = reader.stream.next() => came,
                _ = look.tick() => if reader.wire.alive() { continue } else { None },
                () = self.heard.closed() => return End::Finished,
            };
            let told = match reader.take(came).await {
                Ok(told) => told,
                Err(error) => return End::Broken(error),
            };
            if self.heard.send(Heard::Event(told)).await.is_err() {
                return End::Finished;
            }
        }
    }
}
