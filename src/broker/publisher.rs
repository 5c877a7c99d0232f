//! Sending messages out: one supervised connection in confirm mode, and for each message what the broker said.
//!
//! # What must hold
//! `Confirmed` is said only of a message that the broker acknowledged and did not give back. What is not known is
//! `NoAnswer`, and the caller publishes it again under the same id. No message can hold up or spoil the others.
//!
//! # The races, by name
//! - *Returned to the wrong one.* The broker says "unroutable" by giving the message back, then acknowledges it. lapin
//!   pins a returned message to whichever acknowledgement it handles next, and with several under way that is often
//!   another one's. So a batch is settled as a whole: all confirms first, then the returned ones are found by their ids.
//!   One batch is under way at a time, and a channel with unanswered confirms is never used again.
//! - *One bad message closes the channel* (a missing exchange, no permission) and takes the confirms of the good ones
//!   with it. The rest of such a batch goes out one by one on new channels: the bad one is `Refused` alone.
//! - *Blocked.* The broker stops reading from a connection that publishes during an alarm. Nothing errs then, confirms
//!   just stay away; the deadline answers, the connection stays, and what was under way is published again after.
//! - *Too late.* The caller stops waiting after its deadline. A batch not begun by then is never begun.
//!
//! # What we do not keep
//! A batch that was answered `NoAnswer` may be in the broker nonetheless.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use lapin::Event;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::batch::Outlet;
use super::link::Wire;
use super::state::Board;
use super::upkeep::{End, Upkeep, keep_up};
use super::{BrokerConfig, BrokerError, LOOK_EVERY, Link, LinkState, Publication, Settled, topology};

/// Messages under way at once. Measured on one node: 200 in flight are six times as fast as one by one, more bring
/// little.
const UNDER_WAY: usize = 256;

/// Batches waiting for the one under way. The relay sends one at a time; a second caller finds room.
const BATCHES_WAITING: usize = 4;

/// The supervisor answers by the deadline; this much later the caller stops believing in it.
const GRACE: Duration = Duration::from_secs(1);

/// The handle by which the relay publishes. Clones use the same connection.
#[derive(Clone, Debug)]
pub struct Publisher {
    batches: mpsc::Sender<Batch>,
    state: watch::Receiver<LinkState>,
    confirm_within: Duration,
}

#[derive(Debug)]
struct Batch {
    messages: Vec<Publication>,
    deadline: Instant,
    answer: oneshot::Sender<Vec<Settled>>,
}

impl Publisher {
    /// The handle, and the supervisor's task: somebody spawns it and awaits its end.
    ///
    /// The task ends when every handle is dropped; dropping the task shuts the connection at once.
    pub fn new(config: BrokerConfig) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (batches, taken) = mpsc::channel(BATCHES_WAITING);
        let board = Board::new("publishing");
        let publisher = Self { batches, state: board.watch(), confirm_within: config.deadlines.confirm_within };
        (publisher, keep_up(Supervisor { config, batches: taken, waiting: None, board }, None))
    }

    /// Publishes these in their order and says what became of each, in the same order.
    ///
    /// Up to 256 are under way at once; each such part is answered within `confirm_within`, connected or not. After a
    /// part with a [`Settled::NoAnswer`] the later parts are not tried, so that order holds over the next try.
    pub async fn publish_batch(&self, mut messages: Vec<Publication>) -> Vec<Settled> {
        let mut settled = Vec::with_capacity(messages.len());
        while !messages.is_empty() {
            let rest = messages.split_off(messages.len().min(UNDER_WAY));
            settled.extend(self.publish_part(messages).await);
            messages = rest;
            if settled.iter().any(|one| matches!(one, Settled::NoAnswer { .. })) {
                settled
                    .extend(messages.drain(..).map(|_| Settled::no_answer("not tried: an earlier one got no answer")));
            }
        }
        settled
    }

    /// How the connection stands.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    async fn publish_part(&self, messages: Vec<Publication>) -> Vec<Settled> {
        let count = messages.len();
        let deadline = Instant::now() + self.confirm_within;
        let (answer, answered) = oneshot::channel();
        let batch = Batch { messages, deadline, answer };
        let asked = async {
            self.batches.send(batch).await.ok()?;
            answered.await.ok()
        };
        match timeout_at(deadline + GRACE, asked).await {
            Ok(Some(settled)) => settled,
            Ok(None) => vec![Settled::no_answer("the publisher has ended"); count],
            Err(_) => vec![Settled::no_answer(self.state_in_words()); count],
        }
    }

    fn state_in_words(&self) -> String {
        match &self.state.borrow().link {
            Link::Connecting { why, .. } => format!("no connection: {why}"),
            Link::Blocked { reason } => format!("the broker blocks publishers: {reason}"),
            Link::Up | Link::Paused => "no confirm in time".into(),
        }
    }
}

struct Supervisor {
    config: BrokerConfig,
    batches: mpsc::Receiver<Batch>,
    /// A batch taken while there was no connection.
    waiting: Option<Batch>,
    board: Board,
}

impl Upkeep for Supervisor {
    type Session = Session;

    fn config(&self) -> &BrokerConfig {
        &self.config
    }

    fn board(&self) -> &Board {
        &self.board
    }

    async fn open(config: &BrokerConfig) -> Result<Session, BrokerError> {
        let wire = topology::declared_on(Wire::open_to_publish(config, "publisher").await?, config).await?;
        let events = wire.connection.events_listener().boxed();
        let outlet = Outlet::open(&wire, config).await?;
        Ok(Session { wire, outlet, events })
    }

    async fn serve(&mut self, mut session: Session) -> End {
        self.board.set(Link::Up);
        let ended = self.take_turns(&mut session).await;
        session.wire.close(self.config.deadlines.close_within).await;
        ended.map_or_else(End::Broken, |()| End::Finished)
    }

    /// One batch is taken, and waits for the connection.
    async fn meanwhile<T: Send>(&mut self, awaited: impl Future<Output = T> + Send) -> Option<T> {
        tokio::pin!(awaited);
        loop {
            tokio::select! {
                done = &mut awaited => return Some(done),
                batch = self.batches.recv(), if self.waiting.is_none() => match batch {
                    None => return None,
                    batch => self.waiting = batch,
                },
            }
        }
    }
}

impl Supervisor {
    /// Batch by batch, until every handle is gone.
    async fn take_turns(&mut self, session: &mut Session) -> Result<(), BrokerError> {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if let Some(batch) = self.waiting.take() {
            self.settle(session, batch).await?;
        }
        loop {
            tokio::select! {
                batch = self.batches.recv() => match batch {
                    None => return Ok(()),
                    Some(batch) => self.settle(session, batch).await?,
                },
                Some(event) = session.events.next() => note(&self.board, event),
                _ = look.tick() => if !session.wire.alive() {
                    return Err(BrokerError::Lost { why: "the connection is closed".into() });
                },
            }
        }
    }

    /// Publishes one batch, keeping an eye on the broker's alarms meanwhile.
    async fn settle(&self, session: &mut Session, batch: Batch) -> Result<(), BrokerError> {
        if batch.answer.is_closed() || Instant::now() >= batch.deadline {
            batch.give_up("not tried: its time was over"); // it may have been published again already
            return Ok(());
        }
        let Session { wire, outlet, events } = session;
        if !unblocked(&self.board, events, batch.deadline).await {
            batch.give_up("not tried: the broker blocks publishers");
            return Ok(());
        }
        let (settled, ended) = {
            let publishing = outlet.publish(wire, &self.config, &batch.messages, batch.deadline);
            tokio::pin!(publishing);
            loop {
                tokio::select! {
                    done = &mut publishing => break done,
                    Some(event) = events.next() => note(&self.board, event),
                }
            }
        };
        // An error means that the caller has left; it publishes again under the same ids.
        let _ = batch.answer.send(settled);
        match ended {
            // A blocked connection is not a broken one, and a new one would be blocked as well.
            Err(_) if self.board.is_blocked() && wire.alive() => Ok(()),
            ended => ended,
        }
    }
}

impl Batch {
    fn give_up(self, reason: &str) {
        let settled = self.messages.iter().map(|_| Settled::no_answer(reason)).collect();
        // An error means that the caller has left.
        let _ = self.answer.send(settled);
    }
}

/// A connection, its channel and what the broker says about the connection.
struct Session {
    wire: Wire,
    outlet: Outlet,
    events: BoxStream<'static, Event>,
}

/// Everything else is seen where it matters: in an answer, or in a connection that no longer lives.
fn note(board: &Board, event: Event) {
    if let Event::ConnectionBlocked(reason) = event {
        board.set(Link::Blocked { reason });
    } else if matches!(event, Event::ConnectionUnblocked) {
        board.set(Link::Up);
    }
}

/// Waits for the end of the broker's alarm, at most until `deadline`.
async fn unblocked(board: &Board, events: &mut BoxStream<'static, Event>, deadline: Instant) -> bool {
    while board.is_blocked() {
        match timeout_at(deadline, events.next()).await {
            Ok(Some(event)) => note(board, event),
            Ok(None) | Err(_) => return false,
        }
    }
    true
}
