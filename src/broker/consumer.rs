//! Taking commands in: one supervised connection, acknowledgements in order, a pause that leaves commands in the queue.
//!
//! # What must hold
//! Deliveries are handed on in the broker's order, each with a [`Tag`] of its channel. An acknowledgement covers
//! everything up to its tag, so what comes back after a loss is always the tail. An acknowledgement for a channel that
//! is gone does nothing: those messages come again, with new tags.
//!
//! # What lapin does in silence, and what we do about it
//! A closed channel gives one error and then nothing, a consumer cancelled by the broker ends once and then nothing, a
//! lost connection may give nothing at all: each of the three, seen in the stream or on a tick of one second, ends the
//! session, and everything is built anew. Every call has its deadline.
//!
//! # What we do not keep
//! An acknowledgement is not known to have arrived: AMQP does not answer it. It was written to a channel that lived, or
//! the message comes again.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions};
use lapin::types::FieldTable;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::error::plain;
use super::link::{Wire, call};
use super::publication::short;
use super::state::Board;
use super::upkeep::{End, Upkeep, keep_up};
use super::{BrokerConfig, BrokerError, Delivery, LOOK_EVERY, Link, LinkState, Tag, topology};

/// Orders wait only while one is carried out; a few suffice, since one acknowledgement covers a whole group.
const ORDERS_WAITING: usize = 32;

/// The handle by which intake steers the consumer. Clones steer the same one.
#[derive(Clone, Debug)]
pub struct Consumer {
    orders: mpsc::Sender<Order>,
    state: watch::Receiver<LinkState>,
}

#[derive(Debug)]
enum Order {
    AckUpTo(Tag),
    Reject(Tag),
    Pause,
    Resume,
    Finish,
}

impl Consumer {
    /// The handle, the deliveries, and the supervisor's task: somebody spawns it and awaits its end.
    ///
    /// The task ends after [`finish`](Self::finish), when every handle is dropped, or when the deliveries' receiver is;
    /// dropping the task shuts the connection at once. At most `prefetch` deliveries of a channel are unacknowledged,
    /// and the receiver buffers no more than that.
    pub fn new(config: BrokerConfig) -> (Self, mpsc::Receiver<Delivery>, impl Future<Output = ()> + Send + 'static) {
        let (orders, obeyed) = mpsc::channel(ORDERS_WAITING);
        let (deliveries, received) = mpsc::channel(usize::from(config.prefetch.max(1)));
        let board = Board::new("consuming");
        let consumer = Self { orders, state: board.watch() };
        let supervisor = Supervisor { config, orders: obeyed, deliveries, board, wanted: Wanted::Consume, channels: 0 };
        (consumer, received, keep_up(supervisor, None))
    }

    /// Acknowledges this delivery and every earlier one of its channel. Does nothing where that channel is gone.
    pub async fn ack_up_to(&self, tag: Tag) {
        self.order(Order::AckUpTo(tag)).await;
    }

    /// Hands this one delivery to the dead-letter exchange. To be called before an acknowledgement that covers it.
    pub async fn reject(&self, tag: Tag) {
        self.order(Order::Reject(tag)).await;
    }

    /// Stops taking in: what is under way still arrives and can be acknowledged, the rest stays in the queue.
    pub async fn pause(&self) {
        self.order(Order::Pause).await;
    }

    /// Takes in again.
    pub async fn resume(&self) {
        self.order(Order::Resume).await;
    }

    /// Ends the consumer after the orders given so far: what is not acknowledged by then goes back to the queue.
    pub async fn finish(&self) {
        self.order(Order::Finish).await;
    }

    /// How the connection stands.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// The supervisor takes orders in every phase, so this waits for no longer than one call to the broker.
    async fn order(&self, order: Order) {
        // An error means that the supervisor has ended: its channel is gone, and there the order means nothing.
        let _ = self.orders.send(order).await;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Consume,
    Pause,
}

struct Supervisor {
    config: BrokerConfig,
    orders: mpsc::Receiver<Order>,
    deliveries: mpsc::Sender<Delivery>,
    board: Board,
    wanted: Wanted,
    /// Channels opened so far; the number of the newest one.
    channels: u64,
}

impl Upkeep for Supervisor {
    type Session = (Wire, Channel);

    fn config(&self) -> &BrokerConfig {
        &self.config
    }

    fn board(&self) -> &Board {
        &self.board
    }

    /// All that must be there before the first delivery, but the consumer itself.
    async fn open(config: &BrokerConfig) -> Result<(Wire, Channel), BrokerError> {
        let within = config.deadlines.call_within;
        let wire = topology::declared_on(Wire::open(config, "consumer").await?, config).await?;
        let channel = wire.channel(within).await?;
        let limit = channel.basic_qos(config.prefetch.max(1), BasicQosOptions::default());
        call("limit the deliveries under way", within, limit).await?;
        Ok((wire, channel))
    }

    async fn serve(&mut self, (wire, channel): (Wire, Channel)) -> End {
        self.channels += 1;
        let mut session = Session::new(wire, channel, self.channels);
        let end = self.consume(&mut session).await;
        session.wire.close(self.config.deadlines.close_within).await;
        end
    }

    /// Orders are taken, so that nobody waits for them.
    async fn meanwhile<T: Send>(&mut self, awaited: impl Future<Output = T> + Send) -> Option<T> {
        tokio::pin!(awaited);
        loop {
            tokio::select! {
                done = &mut awaited => return Some(done),
                order = self.orders.recv() => match order {
                    Some(Order::Pause) => self.wanted = Wanted::Pause,
                    Some(Order::Resume) => self.wanted = Wanted::Consume,
                    Some(Order::AckUpTo(_) | Order::Reject(_)) => {} // their channel is gone
                    Some(Order::Finish) | None => return None,
                },
                () = self.deliveries.closed() => return None,
            }
        }
    }
}

impl Supervisor {
    /// One session, from consuming to whatever ends it.
    ///
    /// What `select!` drops is safe to drop: an order, a delivery and a tick are taken whole or not at all, and a
    /// delivery that waits for room in the buffer is `held` here.
    async fn consume(&mut self, session: &mut Session) -> End {
        let deliveries = self.deliveries.clone();
        let mut held: Option<Delivery> = None;
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Err(error) = self.follow_wish(session).await {
                return End::Broken(error);
            }
            tokio::select! {
                order = self.orders.recv() => match self.obey(session, order).await {
                    Ok(()) => {}
                    Err(end) => return end,
                },
                room = deliveries.reserve(), if held.is_some() => match (room, held.take()) {
                    (Ok(room), Some(delivery)) => room.send(delivery),
                    (Ok(_) | Err(_), _) => return End::Finished,
                },
                came = session.next(), if held.is_none() => match came {
                    Some(Ok(delivery)) => held = Some(delivery),
                    Some(Err(error)) => return End::Broken(error),
                    None if session.cancelled => session.stream = None,
                    None => return End::Broken(BrokerError::Cancelled { queue: self.config.names.commands.clone() }),
                },
                _ = look.tick() => if let Err(error) = session.look() {
                    return End::Broken(error);
                },
                () = deliveries.closed() => return End::Finished,
            }
        }
    }

    /// Brings the session to what is wanted. A cancelled stream is first emptied: what the broker sent before it heard
    /// of the cancel is ours.
    async fn follow_wish(&mut self, session: &mut Session) -> Result<(), BrokerError> {
        match (self.wanted, &session.stream, session.cancelled) {
            (Wanted::Consume, None, _) => {
                session.consume(&self.config).await?;
                self.board.set(Link::Up);
            }
            (Wanted::Pause, Some(_), false) => {
                session.cancel(&self.config).await?;
                self.board.set(Link::Paused);
            }
            (Wanted::Pause, None, _) => self.board.set(Link::Paused),
            (Wanted::Consume, Some(_), _) | (Wanted::Pause, Some(_), true) => {}
        }
        Ok(())
    }

    async fn obey(&mut self, session: &mut Session, order: Option<Order>) -> Result<(), End> {
        let within = self.config.deadlines.call_within;
        let done = match order {
            Some(Order::AckUpTo(tag)) => session.ack_up_to(tag, within).await,
            Some(Order::Reject(tag)) => session.reject(tag, within).await,
            Some(Order::Pause) => {
                self.wanted = Wanted::Pause;
                Ok(())
            }
            Some(Order::Resume) => {
                self.wanted = Wanted::Consume;
                Ok(())
            }
            Some(Order::Finish) | None => return Err(End::Finished),
        };
        done.map_err(End::Broken)
    }
}

/// One channel and what is consumed on it.
struct Session {
    wire: Wire,
    channel: Channel,
    stream: Option<lapin::Consumer>,
    /// True between our cancel and the end of the stream, and after it.
    cancelled: bool,
    number: u64,
    open: Open,
}

impl Session {
    fn new(wire: Wire, channel: Channel, number: u64) -> Self {
        Self { wire, channel, stream: None, cancelled: false, number, open: Open::default() }
    }

    async fn consume(&mut self, config: &BrokerConfig) -> Result<(), BrokerError> {
        let queue = &config.names.commands;
        let options = BasicConsumeOptions::default();
        let asked = self.channel.basic_consume(short(queue), short(""), options, FieldTable::default());
        let what = format!("consume from queue {queue}");
        self.stream = Some(call(&what, config.deadlines.call_within, asked).await?);
        self.cancelled = false;
        Ok(())
    }

    async fn cancel(&mut self, config: &BrokerConfig) -> Result<(), BrokerError> {
        let Some(stream) = &self.stream else { return Ok(()) };
        self.cancelled = true;
        let asked = self.channel.basic_cancel(stream.tag(), BasicCancelOptions::default());
        call("cancel the consumer", config.deadlines.call_within, asked).await
    }

    /// The next delivery; never ready while nothing is consumed.
    async fn next(&mut self) -> Option<Result<Delivery, BrokerError>> {
        let Some(stream) = &mut self.stream else { return std::future::pending().await };
        let came = stream.next().await?;
        Some(match came {
            Ok(raw) => Ok(Delivery::decode(self.number, raw)),
            Err(error) => Err(BrokerError::Lost { why: plain(&error) }),
        })
    }

    fn look(&self) -> Result<(), BrokerError> {
        match (self.wire.alive(), self.channel.status().connected()) {
            (true, true) => Ok(()),
            (true, false) => Err(BrokerError::Lost { why: "the broker closed the channel".into() }),
            (false, _) => Err(BrokerError::Lost { why: "the connection is closed".into() }),
        }
    }

    async fn ack_up_to(&mut self, tag: Tag, within: Duration) -> Result<(), BrokerError> {
        if tag.channel != self.number {
            return Ok(());
        }
        let Some(number) = self.open.settle_up_to(tag.number) else { return Ok(()) };
        let ack = self.channel.basic_ack(number, BasicAckOptions { multiple: true });
        call("take an acknowledgement", within, ack).await
    }

    async fn reject(&mut self, tag: Tag, within: Duration) -> Result<(), BrokerError> {
        if tag.channel != self.number || !self.open.settle_one(tag.number) {
            return Ok(());
        }
        let reject = self.channel.basic_reject(tag.number, BasicRejectOptions { requeue: false });
        call("take a rejection", within, reject).await
    }
}

/// Which deliveries of a channel are still open. The broker closes the channel on an acknowledgement that names one
/// which is not, also as the end of a range.
#[derive(Debug, Default)]
struct Open {
    settled_up_to: u64,
    /// Rejected ones beyond that.
    settled: BTreeSet<u64>,
}

impl Open {
    /// The newest open one up to this number, whose acknowledgement settles them all; `None` where all are settled.
    fn settle_up_to(&mut self, number: u64) -> Option<u64> {
        let newest = (self.settled_up_to + 1..=number).rev().find(|open| !self.settled.contains(open));
        self.settled_up_to = self.settled_up_to.max(number);
        self.settled = self.settled.split_off(&(self.settled_up_to + 1));
        newest
    }

    /// Whether it was open.
    fn settle_one(&mut self, number: u64) -> bool {
        number > self.settled_up_to && self.settled.insert(number)
    }
}

#[cfg(test)]
mod tests {
    use super::Open;

    #[test]
    fn an_acknowledgement_names_only_what_is_open() {
        let mut open = Open::default();
        assert_eq!(open.settle_up_to(3), Some(3));
        assert_eq!(open.settle_up_to(3), None, "twice the same");
        assert_eq!(open.settle_up_to(1), None, "an older one");
        assert!(open.settle_one(5) && open.settle_one(6));
        assert!(!open.settle_one(6) && !open.settle_one(2));
        assert_eq!(open.settle_up_to(6), Some(4), "5 and 6 were rejected");
        assert_eq!(open.settle_up_to(7), Some(7));
        assert!(open.settle_one(8));
        assert_eq!(open.settle_up_to(8), None, "all rejected");
    }
}
