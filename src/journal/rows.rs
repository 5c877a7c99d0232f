//! Commands as they go into the journal and come out. Texts that are JSON are opaque here.

use std::str::FromStr;

use jiff::Timestamp;

use super::entries::{EvidenceEntry, NewEvent, Removal, WatchChange};
use super::forgetting::Ending;
use super::turns::Turn;
use crate::contract::{BusinessId, CommandId, Digest, Phase};

/// A command to be accepted, or a child to be journaled with its parent's record.
#[derive(Debug, Clone, PartialEq)]
pub struct New {
    /// The idempotency key.
    pub id: CommandId,
    /// Of the content: the same text for the same content.
    pub fingerprint: String,
    /// The command as JSON.
    pub body: String,
    /// The business that acts.
    pub business: Option<BusinessId>,
    /// The lane that it will run in, where that is known already.
    pub lane: Option<String>,
    /// 0 to 9, higher first.
    pub priority: u8,
    /// Start no earlier.
    pub not_before: Option<Timestamp>,
    /// Begin nothing new after it.
    pub expires_at: Option<Timestamp>,
    /// The command that fanned out into this one; set by the journal for a record's children.
    pub parent: Option<CommandId>,
    /// Its place among its parent's children, from 1.
    pub ordinal: Option<u32>,
    /// A queue that gets the result too.
    pub reply_to: Option<String>,
    /// The requester's correlation id, for the reply.
    pub correlation_id: Option<String>,
    /// The trace that the delivery carried.
    pub traceparent: Option<String>,
    /// The user that the broker vouches for.
    pub published_by: Option<String>,
    /// When it was taken in.
    pub accepted_at: Timestamp,
    /// The users whose cancel counts, where one came before it; `None`: anybody's.
    pub cancellers: Option<Vec<String>>,
    /// Read only.
    pub dry_run: bool,
    /// Events of its beginning, such as `accepted`.
    pub events: Vec<NewEvent>,
}

impl New {
    /// A command of priority 4 with nothing optional.
    #[must_use]
    pub fn command(id: CommandId, fingerprint: String, body: String, accepted_at: Timestamp) -> Self {
        Self {
            id,
            fingerprint,
            body,
            business: None,
            lane: None,
            priority: 4,
            not_before: None,
            expires_at: None,
            parent: None,
            ordinal: None,
            reply_to: None,
            correlation_id: None,
            traceparent: None,
            published_by: None,
            accepted_at,
            cancellers: None,
            dry_run: false,
            events: Vec::new(),
        }
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// A new command.
    New {
        /// Its place in the order of arrival.
        seq: i64,
        /// A cancel that came before it.
        cancelled_by: Option<CommandId>,
        /// How it stands to those before it.
        turn: Turn,
    },
    /// Known, with the same content: its result will be published again, or goes to the new requester too.
    Same(Box<CommandRow>),
    /// Known, with other content: nothing was changed.
    OtherContent,
    /// Known, with the same content, and ended so long ago that only this is kept.
    Over(Box<Ending>),
}

/// What a cancel met.
#[derive(Debug, Clone, PartialEq)]
pub enum Cancelled {
    /// Nothing yet: remembered.
    Remembered,
    /// An open command: marked with who cancels it.
    Open(Box<CommandRow>),
    /// A finished command: untouched.
    Finished(Box<CommandRow>),
    /// A command that ended in this phase, so long ago that no more is kept of it.
    Over(Phase),
    /// A command that whoever cancels has no right to: untouched.
    NotAllowed,
}

/// How a command stands.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// May run as soon as it is due and its lane is free.
    Ready,
    /// A step of it is under way.
    Running,
    /// Held back.
    Waiting {
        /// The contract's word: `quota`, `credential`, `release` ...
        cause: String,
        /// Since when for this cause.
        since: Timestamp,
        /// Until when, where that is known.
        until: Option<Timestamp>,
    },
    /// Meta decides; it has a watch.
    Pending,
    /// Its children are at work.
    AwaitingChildren,
    /// Another command must end first.
    Awaiting {
        /// That command.
        target: CommandId,
    },
    /// It has ended.
    Ended(Ended),
}

impl State {
    /// The state without what belongs to it.
    #[must_use]
    pub fn name(&self) -> StateName {
        match self {
            Self::Ready => StateName::Ready,
            Self::Running => StateName::Running,
            Self::Waiting { .. } => StateName::Waiting,
            Self::Pending => StateName::Pending,
            Self::AwaitingChildren => StateName::AwaitingChildren,
            Self::Awaiting { .. } => StateName::Awaiting,
            Self::Ended(_) => StateName::Ended,
        }
    }
}

/// The name of a state, for filters and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is a state of `State`")]
pub enum StateName {
    Ready,
    Running,
    Waiting,
    Pending,
    AwaitingChildren,
    Awaiting,
    Ended,
}

impl StateName {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Ready, Self::Running, Self::Waiting, Self::Pending, Self::AwaitingChildren, Self::Awaiting, Self::Ended];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::AwaitingChildren => "awaiting_children",
            Self::Awaiting => "awaiting",
            Self::Ended => "ended",
        }
    }
}

impl FromStr for StateName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|name| name.word() == text).ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|name| name.word()).collect();
            format!("must be one of {}", words.join(", "))
        })
    }
}

/// How a command stands to its lanes: what a restart must restore, or two commands would work on one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InLane {
    /// It has not begun, or is to begin anew: it takes its turn.
    Waits,
    /// It has begun, and nobody else runs in them until it has left.
    Holds,
    /// It has left them for good: what it still does, it does outside.
    Left,
}

impl InLane {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::Holds => "holds",
            Self::Left => "left",
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// A terminal phase.
    pub phase: Phase,
    /// Whether something was changed at Meta.
    pub changed: bool,
    /// The outcome as JSON.
    pub outcome: String,
}

/// One step's result, stored as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where the command stands by what the step knows; `None` where the journal is to look itself.
    pub from: Option<Place>,
    /// When it was recorded.
    pub at: Timestamp,
    /// The state that the command is in from now on.
    pub state: State,
    /// Why it stands there, for a person.
    pub why: Option<String>,
    /// Failed attempts so far.
    pub attempts: u32,
    /// When it is to run again.
    pub due: Option<Timestamp>,
    /// The lane, where it has only now become known.
    pub lane: Option<String>,
    /// How the command stands to its lanes from now on.
    pub in_lane: InLane,
    /// What was observed, as JSON, in order.
    pub observations: Vec<String>,
    /// What was done, for the hash chain.
    pub evidence: Vec<EvidenceEntry>,
    /// What is to be published.
    pub events: Vec<NewEvent>,
    /// What it fans out into.
    pub children: Vec<New>,
    /// Commands of our own that follow it and are nobody's children; one that is known already stays as it is.
    pub followers: Vec<New>,
    /// What becomes of its watch.
    pub watch: WatchChange,
    /// What becomes of the intent of a write.
    pub intent: IntentChange,
    /// What was taken away.
    pub removals: Vec<Removal>,
}

impl Record {
    /// A record that moves the command to `state` and says nothing else.
    #[must_use]
    pub fn new(at: Timestamp, state: State) -> Self {
        Self {
            from: None,
            at,
            state,
            why: None,
            attempts: 0,
            due: None,
            lane: None,
            in_lane: InLane::Holds,
            observations: Vec::new(),
            evidence: Vec::new(),
            events: Vec::new(),
            children: Vec::new(),
            followers: Vec::new(),
            watch: WatchChange::Keep,
            intent: IntentChange::Keep,
            removals: Vec::new(),
        }
    }
}

/// Where a command stands in the journal: whoever says it correctly has missed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its place in the order of arrival.
    pub seq: i64,
    /// Its state.
    pub state: StateName,
    /// Since when it is in it.
    pub since: Timestamp,
    /// The command that fanned out into it.
    pub parent: Option<CommandId>,
    /// How many observations it has.
    pub observed: u64,
    /// The evidence chain's last hash.
    pub evidence_head: Digest,
    /// How many entries it has.
    pub evidence_total: u64,
}

/// What a record says of the write that may be out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IntentChange {
    /// Nothing.
    #[default]
    Keep,
    /// It is settled.
    Settle,
    /// It is about to leave: after a crash `load` tells of it until a record settles it.
    Intend(Intent),
}

/// What a record left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Where the command stands now.
    pub place: Place,
    /// The arrival places of the children, in their order.
    pub children: Vec<i64>,
    /// The arrival places of the followers that are new, by their ids.
    pub followers: Vec<(i64, CommandId)>,
    /// The parent's counters, where the command was a child and has ended.
    pub parent: Option<ParentAfter>,
    /// The businesses of which something may begin that could not before.
    pub moved_up: Vec<Option<BusinessId>>,
}

/// A parent after one of its children has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentAfter {
    /// The parent.
    pub id: CommandId,
    /// Its counters.
    pub children: Children,
}

impl ParentAfter {
    /// Whether that was the last child.
    #[must_use]
    pub fn was_last(&self) -> bool {
        self.children.open == 0
    }
}

/// A command's children, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Children {
    /// All of them.
    pub total: u32,
    /// Not yet ended.
    pub open: u32,
    /// Ended as `confirmed` or `completed`.
    pub well: u32,
    /// Ended having changed something.
    pub changed: u32,
}

/// A command as the journal has it.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandRow {
    /// Its place in the order of arrival.
    pub seq: i64,
    /// The idempotency key.
    pub id: CommandId,
    /// Of its content.
    pub fingerprint: String,
    /// The command as JSON.
    pub body: String,
    /// The business that acts.
    pub business: Option<BusinessId>,
    /// Its lane, where known.
    pub lane: Option<String>,
    /// How it stands to its lanes.
    pub in_lane: InLane,
    /// 0 to 9.
    pub priority: u8,
    /// Start no earlier.
    pub not_before: Option<Timestamp>,
    /// Begin nothing new after it.
    pub expires_at: Option<Timestamp>,
    /// The command that fanned out into it.
    pub parent: Option<CommandId>,
    /// Its place among the parent's children.
    pub ordinal: Option<u32>,
    /// The first requester's correlation id.
    pub correlation_id: Option<String>,
    /// The trace that the first delivery carried.
    pub traceparent: Option<String>,
    /// The user that the broker vouched for.
    pub published_by: Option<String>,
    /// When it was taken in.
    pub accepted_at: Timestamp,
    /// Read only.
    pub dry_run: bool,
    /// How it stands.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Why, for a person.
    pub why: Option<String>,
    /// When it is to run again.
    pub due: Option<Timestamp>,
    /// Failed attempts so far.
    pub attempts: u32,
    /// The command that cancels it.
    pub cancelled_by: Option<CommandId>,
    /// Its children, counted.
    pub children: Children,
    /// The highest sequence of its events.
    pub last_sequence: u32,
    /// How many observations it has.
    pub observed: u64,
    /// The evidence chain's last hash.
    pub evidence_head: Digest,
    /// How many entries it has.
    pub evidence_total: u64,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl CommandRow {
    /// Where it stood when it was read.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            seq: self.seq,
            state: self.state.name(),
            since: self.since,
            parent: self.parent.clone(),
            observed: self.observed,
            evidence_head: self.evidence_head.clone(),
            evidence_total: self.evidence_total,
        }
    }
}

/// A command with what a step needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The command.
    pub row: CommandRow,
    /// What was observed, as JSON, in order.
    pub observations: Vec<String>,
    /// The write that may have left and is not settled.
    pub intent: Option<Intent>,
}

/// A write that was journaled before it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The call as JSON.
    pub call: String,
    /// When it was journaled.
    pub at: Timestamp,
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildResult {
    /// Its place in the order in which the children ended, from 1; what `after` wants.
    pub settled: u32,
    /// Its place among the children.
    pub ordinal: u32,
    /// The child.
    pub id: CommandId,
    /// Its command as JSON.
    pub body: String,
    /// How it ended.
    pub ended: Ended,
}
