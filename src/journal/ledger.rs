//! What people ask of a store, through the operator's side and the command line.

use std::pin::Pin;

use jiff::Timestamp;

use super::entries::{ChainedWalk, EvidenceRow, NewEvent, OutboxDepth, Verdict, Walk, WatchRow};
use super::forgetting::Ending;
use super::rows::{CommandRow, Filter, Loaded};
use super::stops::{Hold, HoldOn, Release};
use super::store::Answer;
use crate::contract::{BusinessId, CommandId, Digest};

/// A store that people can look into and act on.
///
/// Apart from [`Store`](super::Store), which the engine works on: that one is on the way of every command, has an index
/// for all that it reads, and grows only with the engine. What is here is asked now and then, by `status`, `explain`,
/// `doctor` or the API; it may take longer, and no write pays for it. Every store must have both, as nobody who holds a
/// [`Journal`](super::Journal) knows which it is.
pub trait Ledger: Send + Sync {
    /// Commands that match, the last arrived first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn list<'a>(&'a self, filter: &'a Filter) -> Answer<'a, Vec<CommandRow>>;

    /// What is still known of a command that is kept no longer.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn ending<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Ending>>;

    /// The events of a command in their order, published or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn events_of<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Vec<NewEvent>>;

    /// What became of the events of a command, in their order.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn published<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Vec<Published>>;

    /// Whether a command's chain is whole; where it is not, the first entry that does not follow. Kept by the store, and
    /// not put together from `find` and `evidence` by whoever asks, because it must be of one moment, and because only
    /// the store knows where the chain of a command that is kept no longer ends.
    ///
    /// # Errors
    /// `UnknownCommand`, or when the store cannot be read.
    fn verify<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Verdict>;

    /// All that is kept of a command, with its whole chain, of one moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn dossier<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Dossier>>;

    /// The walk of a business that left this hash in its chain.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn walk_of<'a>(&'a self, business: &'a BusinessId, hash: &'a Digest) -> Answer<'a, Option<ChainedWalk>>;

    /// Who is in the lane of `row` before it at `now`: those that have begun and have not left it, and those that
    /// arrived before and are due. `None` where nobody is.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn ahead_of<'a>(&'a self, row: &'a CommandRow, now: Timestamp) -> Answer<'a, Option<Ahead>>;

    /// The watch of a command, where it has one.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn watch_of<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<WatchRow>>;

    /// The last walks over a list of a business that began at `since` or later, the last first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn walks_since<'a>(
        &'a self,
        business: &'a BusinessId,
        list: &'a str,
        since: Timestamp,
        limit: u32,
    ) -> Answer<'a, Vec<Walk>>;

    /// How much waits for the broker, and since when.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn outbox_depth(&self) -> Answer<'_, OutboxDepth>;

    /// The same, but no more than [`OutboxDepth::GLANCED`] are counted: cheap enough for every scrape.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn outbox_glance(&self) -> Answer<'_, OutboxDepth>;

    /// How many events nobody was bound for, and were not published again since.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn unrouted(&self) -> Answer<'_, Unrouted>;

    /// Queues unrouted events again under their own ids, in their order, those of one command or all; how many. The
    /// operator's word for it stands in the same transaction.
    ///
    /// # Errors
    /// Nothing is queued then.
    fn replay_unrouted(&self, of: Option<CommandId>, operation: Operation) -> Answer<'_, u64>;

    /// Writes down what an operator is about to do, before it is done; its place in the log.
    ///
    /// # Errors
    /// It must not be done then.
    fn begin_operation(&self, operation: Operation) -> Answer<'_, i64>;

    /// Writes down what came of the operation at place `n`.
    ///
    /// # Errors
    /// The log does not say it then.
    fn end_operation(&self, n: i64, came: String) -> Answer<'_, ()>;

    /// What operators did, the last first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn operations(&self, limit: u32) -> Answer<'_, Vec<Operation>>;

    /// Puts something on hold: no write leaves for it. The hold that stands from now on, which is the earlier one where
    /// it was on hold already. The operator's word for it stands in the same transaction.
    ///
    /// # Errors
    /// Nothing is on hold by it then.
    fn hold(&self, on: HoldOn, operation: Operation) -> Answer<'_, Hold>;

    /// Takes a hold back, in one transaction with the operator's word for it; the hold that stood, if one did.
    ///
    /// # Errors
    /// It stands then.
    fn resume(&self, on: HoldOn, operation: Operation) -> Answer<'_, Option<Hold>>;

    /// Lets a command and its children pass the blast radius, in one transaction with the operator's word for it.
    ///
    /// # Errors
    /// Nothing is released then.
    fn release(&self, id: CommandId, operation: Operation) -> Answer<'_, Release>;

    /// What operators did to any of `targets`, or that came to one of them, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn operations_on<'a>(&'a self, targets: &'a [String]) -> Answer<'a, Vec<Operation>>;

    /// A change that commits: whether the journal still writes.
    ///
    /// # Errors
    /// Why it does not.
    fn ping(&self) -> Answer<'_, ()>;

    /// Whether a worker has the journal now, and which: its process id where it can be read.
    ///
    /// # Errors
    /// When the store cannot be asked.
    fn held_by(&self) -> Answer<'_, Option<Option<u32>>>;

    /// Ends when another worker has the journal for good, and nothing can be changed here any more; in a store that
    /// nobody can take from who has it, never.
    fn lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Takes no more changes, waits until those queued are durable, and lets go of the store. Whoever asks afterwards
    /// is answered with `Closed`.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// All that is kept of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Dossier {
    /// The command with its facts, or the ending that is left of it.
    pub kept: Kept,
    /// Its chain of evidence, from the beginning.
    pub chain: Vec<EvidenceRow>,
    /// The chain's last hash.
    pub head: Digest,
    /// How many entries it has.
    pub total: u64,
}

/// How much is kept of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// The command, with what it has seen.
    Whole(Box<Loaded>),
    /// Its ending alone: it ended longer ago than `retention.commands`.
    Ending(Ending),
}

/// One thing that an operator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// When.
    pub at: Timestamp,
    /// Who, as they say.
    pub actor: String,
    /// What, such as `dead replay`.
    pub verb: String,
    /// On what.
    pub target: String,
    /// Why.
    pub reason: String,
    /// Tells it from every other one, those of the same words too.
    pub nonce: String,
    /// What came of it; `None` where that was never learnt (the process ended in between).
    pub came: Option<String>,
}

/// Events that nobody was bound for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unrouted {
    /// How many.
    pub count: u64,
    /// How many of them are terminal.
    pub terminal: u64,
}

/// Who goes before a command in its lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Ahead {
    /// How many.
    pub count: u64,
    /// The one that holds the lane, or will be the first to.
    pub first: CommandRow,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its place among the command's events.
    pub sequence: Option<u32>,
    /// Its type.
    pub r#type: String,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// The broker's answer in the journal's word; `None` while it waits for the broker.
    pub settled: Option<String>,
}
