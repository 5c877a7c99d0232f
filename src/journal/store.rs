//! What the engine needs of a store, and no more.

use std::pin::Pin;

use jiff::Timestamp;

use super::entries::{
    ChainedWalk, EvidenceRow, InvitationRow, NewEvent, OutboxRow, Parked, Settled, Suspended, Walk, WatchRow,
};
use super::forgetting::{Forgotten, Horizons};
use super::rows::{Accepted, Cancelled, ChildResult, CommandRow, Loaded, New, Record, Recorded};
use super::stops::Hold;
use super::turns::{Alike, LetIn, Placed};
use super::watched::{Overdue, Patience, WatchedList};
use super::{JournalError, Ledger};
use crate::contract::{Access, Asset, BusinessId, CommandId, Digest, EmailAddress, Kind, Person, PersonId};

/// What a store was asked, on its way; boxed, so that whoever asks need not know which store it is.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, JournalError>> + Send + 'a>>;

/// Whether a command may be cancelled by whoever asks; a store may call it again for the same command.
pub type MayCancel = Box<dyn Fn(&CommandRow) -> bool + Send + Sync>;

/// A store that the engine can work on: exactly what it asks, in the order in which a command meets it.
///
/// A change is answered when it is durable, never before, and stands as a whole or not at all; one whose asker has gone
/// may stand all the same. A read sees every change that was answered before it was asked. Texts that are JSON are
/// opaque to a store. What else it must keep is told by the suite in `journal/tests`, which every store has to pass.
pub trait Store: Ledger {
    /// Journals a delivery. A known command with the same content has its result published again (finished) or
    /// keeps the new requester in mind (open); a known one with other content is left alone.
    ///
    /// # Errors
    /// Nothing of it stands then: the delivery must not be acknowledged.
    fn accept(&self, new: New) -> Answer<'_, Accepted>;

    /// Journals events that belong to no command: dead messages and `rejected` answers. One that is known by its id
    /// is published again.
    ///
    /// # Errors
    /// Nothing of it stands then.
    fn enqueue(&self, events: Vec<NewEvent>, at: Timestamp) -> Answer<'_, ()>;

    /// Marks `target` as cancelled by `by`, where it `may` be; where it is not known yet this is remembered until
    /// `until`.
    ///
    /// # Errors
    /// Nothing of it stands then.
    fn remember_cancel(
        &self,
        target: CommandId,
        by: CommandId,
        until: Timestamp,
        may: MayCancel,
    ) -> Answer<'_, Cancelled>;

    /// Those of a business that have not begun and may: the highest priority first, then in order of arrival.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn in_front<'a>(&'a self, business: Option<&'a BusinessId>, limit: u32) -> Answer<'a, Vec<Placed>>;

    /// The businesses of which something may begin.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn businesses_in_front(&self) -> Answer<'_, Vec<Option<BusinessId>>>;

    /// What has begun and goes on by itself, behind place `after` (0 for the beginning), in order of arrival: for a start.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn begun(&self, after: i64, limit: u32) -> Answer<'_, Vec<Placed>>;

    /// How an open command stands.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn placed<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Placed>>;

    /// When the next of those that are outside their lanes comes in.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn next_to_come(&self) -> Answer<'_, Option<Timestamp>>;

    /// Lets in those whose time has come, at most `limit`, the first due first.
    ///
    /// # Errors
    /// They stay where they are then.
    fn let_in(&self, now: Timestamp, limit: u32) -> Answer<'_, LetIn>;

    /// What has not ended, counted by what it is and how it stands.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn count_open(&self) -> Answer<'_, Vec<Alike>>;

    /// One command.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn find<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<CommandRow>>;

    /// A command with all that was observed for it, as of one moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn load<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Loaded>>;

    /// Records what a step of `id` observed, did, said and decided. With `State::Ended` the terminal event must be
    /// among the events (a child has none): who asked for a reply gets it, the parent's counters and chain move on.
    ///
    /// # Errors
    /// `AlreadyEnded` where the command has ended, `UnknownCommand`, `Moved` where it no longer stands where the record
    /// says, `EndAndEventApart`, `ChildExists`; nothing of the record stands then.
    fn record(&self, id: CommandId, record: Record) -> Answer<'_, Recorded>;

    /// The evidence of a command in order: all of it, or the `last` entries.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn evidence<'a>(&'a self, id: &'a CommandId, last: Option<usize>) -> Answer<'a, Vec<EvidenceRow>>;

    /// The children of a command, in their order.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn children<'a>(&'a self, parent: &'a CommandId) -> Answer<'a, Vec<CommandRow>>;

    /// How the children of a command ended, in the order in which they did, behind place `after` (0: from the first).
    ///
    /// # Errors
    /// When the store cannot be read.
    fn children_results<'a>(&'a self, parent: &'a CommandId, after: u32, limit: u32) -> Answer<'a, Vec<ChildResult>>;

    /// When the next list is to be looked at.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn next_look(&self) -> Answer<'_, Option<Timestamp>>;

    /// Takes the list that has been due the longest, if one is at `now`: nobody else gets it before `until`, unless it
    /// is put back.
    ///
    /// # Errors
    /// It stays due then.
    fn take_list(&self, now: Timestamp, until: Timestamp) -> Answer<'_, Option<WatchedList>>;

    /// Puts a list back: it is looked at by then, and earlier where somebody has joined it meanwhile. `None`: nobody is
    /// watched in it, and it is forgotten unless somebody has joined.
    ///
    /// # Errors
    /// It is looked at when it was taken until.
    fn put_list_back(&self, list: WatchedList, look_at: Option<Timestamp>) -> Answer<'_, ()>;

    /// The claims that are watched in a business's lists of a kind, those of ended commands too where one goes on.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn watches_in<'a>(&'a self, business: &'a BusinessId, kind: Kind, access: Access) -> Answer<'a, Vec<WatchRow>>;

    /// The shares of an asset that are followed.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn shares_of<'a>(&'a self, business: &'a BusinessId, asset: &'a Asset) -> Answer<'a, Vec<WatchRow>>;

    /// What open commands watch but for invitations, by their ids, behind `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn watched_after<'a>(&'a self, after: Option<&'a CommandId>, limit: u32) -> Answer<'a, Vec<WatchRow>>;

    /// The open invitations into a business that are followed.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn invitations_into<'a>(&'a self, business: &'a BusinessId) -> Answer<'a, Vec<InvitationRow>>;

    /// Claims and invitations whose time by this clock is `upto` or earlier and behind `after`, the earliest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn overdue<'a>(
        &'a self,
        patience: Patience,
        after: Option<&'a (Timestamp, CommandId)>,
        upto: Timestamp,
        limit: u32,
    ) -> Answer<'a, Vec<Overdue>>;

    /// Makes known that `by` offboards a person; the last command before it that does, if one does.
    ///
    /// # Errors
    /// It is not known then.
    fn leaves(
        &self,
        by: CommandId,
        business: BusinessId,
        person: PersonId,
        email: Option<EmailAddress>,
    ) -> Answer<'_, Option<CommandId>>;

    /// The first open command that offboards the person, if one does.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn is_leaving<'a>(&'a self, business: &'a BusinessId, person: &'a Person) -> Answer<'a, Option<CommandId>>;

    /// Every open command that offboards somebody.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn offboardings(&self) -> Answer<'_, Vec<CommandId>>;

    /// Records a walk in its business's chain, with what it changed for the watches it looked for: their absences as
    /// JSON. Returns the walk's hash, for the evidence of what it settled.
    ///
    /// # Errors
    /// The walk counts for nothing then.
    fn record_walk(&self, walk: Walk, updates: Vec<(CommandId, String)>) -> Answer<'_, Digest>;

    /// The open claims of an asset by a business, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn open_claims<'a>(&'a self, business: &'a BusinessId, asset: &'a Asset) -> Answer<'a, Vec<WatchRow>>;

    /// The last whole walk over a list of a business that had ended by `at`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn walk_by<'a>(&'a self, business: &'a BusinessId, list: &'a str, at: Timestamp)
    -> Answer<'a, Option<ChainedWalk>>;

    /// The last command that ended as denied for this claim, and when.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn last_denial<'a>(
        &'a self,
        business: &'a BusinessId,
        asset: &'a Asset,
        access: Access,
    ) -> Answer<'a, Option<(CommandId, Timestamp)>>;

    /// Whom we have taken off an asset at `since` or later.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn removed_since<'a>(&'a self, asset: &'a Asset, since: Timestamp) -> Answer<'a, Vec<PersonId>>;

    /// When the last removals of a business at `since` or later were, the last first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn removals_of<'a>(&'a self, business: &'a BusinessId, since: Timestamp, limit: u32) -> Answer<'a, Vec<Timestamp>>;

    /// Whether a command may pass the blast radius: it is released, or the one that fanned out into it.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn is_released<'a>(&'a self, id: &'a CommandId) -> Answer<'a, bool>;

    /// What waits for the broker behind place `after` (0 for the beginning), in the order of publishing.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn outbox_due(&self, after: i64, limit: u32) -> Answer<'_, Vec<OutboxRow>>;

    /// Takes what the broker has answered for out of the outbox.
    ///
    /// # Errors
    /// It stays in the outbox then and is published again.
    fn settle(&self, settled: Vec<(i64, Settled)>) -> Answer<'_, ()>;

    /// Leaves a bucket alone until `until`, over restarts too.
    ///
    /// # Errors
    /// Only this process knows of it then.
    fn park(&self, bucket: String, until: Timestamp, why: String) -> Answer<'_, ()>;

    /// Every park on record, those that are over too.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn parked(&self) -> Answer<'_, Vec<Parked>>;

    /// Forgets parks that were over before `now`.
    ///
    /// # Errors
    /// They stay then, which hurts nobody.
    fn forget_parked(&self, now: Timestamp) -> Answer<'_, ()>;

    /// Suspends a credential; one that is suspended with the same content keeps its `since`.
    ///
    /// # Errors
    /// Only this process knows of it then.
    fn suspend(&self, suspended: Suspended) -> Answer<'_, ()>;

    /// Every suspended credential.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn suspended(&self) -> Answer<'_, Vec<Suspended>>;

    /// Every hold that stands.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn holds(&self) -> Answer<'_, Vec<Hold>>;

    /// Forgets one batch of `what`, small enough to hold no other change up for long; how many went. None: there is no
    /// more to forget.
    ///
    /// # Errors
    /// Nothing of the batch is forgotten then.
    fn forget(&self, what: Forgotten, before: Horizons) -> Answer<'_, u64>;

    /// How many pages hold nothing, and how many there are. A store that gives room back by itself has none that hold
    /// nothing.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn free_pages(&self) -> Answer<'_, (u64, u64)>;

    /// Gives up to `pages` pages (at least 1) that hold nothing back to the disk; how many there still are.
    ///
    /// # Errors
    /// They stay then, and are used again.
    fn give_back(&self, pages: u32) -> Answer<'_, u64>;
}
