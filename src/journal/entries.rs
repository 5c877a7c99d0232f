//! What is kept beside the commands: events to publish, watches and walks, evidence, parks and suspensions.

use jiff::Timestamp;

use crate::contract::{Access, Asset, BusinessId, CommandId, Digest, EmailAddress, PersonId};

/// Something that Meta decides later.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchRow {
    /// The command that waits for it.
    pub command: CommandId,
    /// The business whose lists show it.
    pub business: BusinessId,
    /// The asset that was asked for.
    pub asset: Asset,
    /// As what.
    pub access: Access,
    /// With whom it is to be shared, where it is a share and no claim.
    pub partner: Option<BusinessId>,
    /// With which tasks, as JSON.
    pub tasks: String,
    /// When the request left.
    pub sent_at: Timestamp,
    /// The walks that did not show it, as JSON.
    pub absences: String,
}

/// An open invitation into a business.
#[derive(Debug, Clone, PartialEq)]
pub struct InvitationRow {
    /// The command that waits for it.
    pub command: CommandId,
    /// The business whose lists show it.
    pub business: BusinessId,
    /// Who is invited.
    pub email: EmailAddress,
    /// When it left, or was first seen.
    pub sent_at: Timestamp,
    /// The walks that did not show it, as JSON.
    pub absences: String,
}

/// What becomes of a command's watch.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum WatchChange {
    /// Nothing.
    #[default]
    Keep,
    /// It begins, or is replaced.
    Set(WatchRow),
    /// That of an invitation begins, or is replaced.
    Invite(InvitationRow),
    /// It is over.
    Remove,
}

/// Something taken away: a person from an asset, an asset from its business, or a person from theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The asset, where it is about one.
    pub asset: Option<Asset>,
    /// The person, where it is about one.
    pub person: Option<PersonId>,
    /// When.
    pub at: Timestamp,
}

/// One line of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceEntry {
    /// When the call was made; whole microseconds count.
    pub at: Timestamp,
    /// What was called, such as `POST /2001/client_pages`.
    pub call: String,
    /// What the answer said, distilled.
    pub answer: String,
    /// Meta's trace id.
    pub trace: Option<String>,
}

/// One line of evidence with its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceRow {
    /// Its place in the chain, from 1.
    pub n: u64,
    /// What it says.
    pub entry: EvidenceEntry,
    /// The chain's hash up to and with it.
    pub hash: Digest,
}

/// What a look over a chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All entries follow from each other and the head is the command's.
    Sound {
        /// How many there are.
        entries: u64,
    },
    /// An entry does not follow from the one before it, or is missing.
    Broken {
        /// The first such place, from 1.
        at: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// An event to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The same for every publishing of it.
    pub event_id: String,
    /// The command that it is about, where there is one.
    pub command: Option<CommandId>,
    /// Its place among the command's events, from 1; none for `rejected` and dead messages.
    pub sequence: Option<u32>,
    /// Where it goes.
    pub exchange: Exchange,
    /// The routing key; for a reply the queue.
    pub routing_key: String,
    /// The very bytes.
    pub body: Vec<u8>,
    /// Its headers as JSON.
    pub headers: String,
    /// The correlation id.
    pub correlation_id: Option<String>,
    /// The event type.
    pub r#type: String,
    /// The content type.
    pub content_type: String,
    /// Whether nothing follows it under its command.
    pub terminal: bool,
    /// Whether the broker must say when nobody is bound for it.
    pub mandatory: bool,
}

/// Where an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// The events exchange.
    Events,
    /// Messages that are no commands.
    Dead,
    /// The default exchange: a requester's queue.
    Reply,
}

impl Exchange {
    /// Its word in the journal.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Dead => "dead",
            Self::Reply => "reply",
        }
    }
}

/// An event that waits for the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxRow {
    /// Its place in the order of publishing; what `settle` wants.
    pub n: i64,
    /// Since when it waits.
    pub queued_at: Timestamp,
    /// What to publish; for a reply with the requester's queue and correlation id in place.
    pub event: NewEvent,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settled {
    /// The broker has it.
    Confirmed,
    /// The broker has confirmed it and nobody was bound for it.
    Unrouted,
    /// Given up: a reply whose requester is gone.
    Dropped,
}

impl Settled {
    /// Its word in the journal.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unrouted => "unrouted",
            Self::Dropped => "dropped",
        }
    }
}

/// How much waits for the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxDepth {
    /// How many.
    pub count: u64,
    /// Since when the oldest.
    pub oldest: Option<Timestamp>,
}

impl OutboxDepth {
    /// At a glance no more are counted: a scrape costs the same beside any backlog.
    pub const GLANCED: u32 = 100_000;
}

/// One walk over a list of a business.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// The business.
    pub business: BusinessId,
    /// The list, such as `pending_client_pages`.
    pub list: String,
    /// When its first page was asked for.
    pub began: Timestamp,
    /// When its last answer came.
    pub ended: Timestamp,
    /// Pages read.
    pub pages: u32,
    /// Rows read.
    pub rows: u64,
    /// Whether it reached the list's end.
    pub complete: bool,
    /// Meta's trace ids, as JSON.
    pub traces: String,
}

/// A walk in the chain of its business.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainedWalk {
    /// The walk.
    pub walk: Walk,
    /// The chain's hash before it.
    pub previous: Digest,
    /// The chain's hash with it.
    pub hash: Digest,
}

/// A business object's budget that must be left alone for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The bucket.
    pub bucket: String,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub why: String,
}

/// A credential that Meta has refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// Its name.
    pub credential: String,
    /// Of its content: another content lifts the suspension.
    pub fingerprint: String,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: String,
}
