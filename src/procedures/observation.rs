//! What a procedure may ask for, and what it can have seen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::deeds::Deeds;
use super::partners::Shown;
use super::verdict::Verdict;
use crate::contract::{
    Access, Asset, AssetSeen, BusinessId, Command, CommandId, Digest, EmailAddress, ItemResult, Outcome, Person,
    PersonId, PersonSeen, Phase, Plan, Tasks, WaitCause,
};
use crate::meta::{Call, Reply};

/// The next move, and what is told with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Told on the way: stored with the observation that caused it, so that it is told once.
    pub say: Vec<Say>,
    /// What happens next.
    pub then: Move,
}

/// What a procedure wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// One call to Meta; how it ended becomes the next observation.
    Ask(Call),
    /// A look into the journal, or a word to another command in it.
    Consult(Query),
    /// Meta decides later: leave the lane, the sweep will wake us.
    Watch(Watch),
    /// Others must approve a share: leave the lane, the sweep will wake us.
    WatchShare(ShareWatch),
    /// The person decides later: leave the lane, the sweep will wake us.
    WatchInvitation(InvitationWatch),
    /// Nothing before this time: a settling list, a cool-down.
    WaitUntil(Timestamp),
    /// What a run would do goes out, and whom it concerns; then nothing happens for as long as the notice lasts.
    Announce(Box<Announcement>),
    /// A rehearsal has come to its end with this plan of its own; what its children plan is added.
    Rehearsed(Box<Plan>),
    /// The notice lasts until then, outside the lane; afterwards everything is read anew.
    Notice(Timestamp),
    /// Children, journaled in the transaction of the observation that caused them.
    Spawn(Vec<Command>),
    /// Until every child has ended.
    AwaitChildren,
    /// Until another command has ended.
    AwaitEnd(CommandId),
    /// The end.
    Finish(Box<Outcome>),
}

impl Move {
    /// The outcome of a move that ends the command; any other as it is.
    pub(super) fn finished(self) -> Result<Outcome, Box<Self>> {
        if let Self::Finish(outcome) = self { Ok(*outcome) } else { Err(Box::new(self)) }
    }
}

/// What a command with a notice tells before it acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// What a run would do now; of a fan-out the plans of its children are added.
    pub plan: Plan,
    /// Whom it concerns, with their addresses where the business's list tells them.
    pub people: Vec<PersonSeen>,
}

/// What is told on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Say {
    /// Others must approve; once a claim.
    Pending,
    /// A part of an inventory, counted from 1.
    Part {
        /// Its number.
        part: u32,
        /// Its rows, at most about 1 000.
        assets: Vec<AssetSeen>,
    },
    /// What will not be done, before anything is: at most about 1 000.
    Left(Vec<ItemResult>),
}

/// A pending claim, to be followed outside its lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The business whose lists tell.
    pub business: BusinessId,
    /// What was asked for.
    pub asset: Asset,
    /// As what.
    pub access: Access,
    /// When the request left; walks that began before it count for nothing.
    pub sent_at: Timestamp,
}

/// A share that others must approve, to be followed outside its lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareWatch {
    /// The business that shares.
    pub business: BusinessId,
    /// What, whose list of partners tells.
    pub asset: Asset,
    /// With whom.
    pub partner: BusinessId,
    /// With which tasks.
    pub tasks: Tasks,
    /// When the request left; walks that began before it count for nothing.
    pub sent_at: Timestamp,
    /// Whether the list has shown it as open: only then can it be missed there.
    pub shown: Shown,
}

/// An open invitation, to be followed until the person has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationWatch {
    /// The business whose lists tell.
    pub business: BusinessId,
    /// Who is invited.
    pub email: EmailAddress,
    /// When the invitation left, or was first seen; walks that began before it count for nothing.
    pub sent_at: Timestamp,
}

/// A question to the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// Claims of this asset by this business that are pending. Fact: [`Fact::OpenClaims`].
    OpenClaims {
        /// Whose claims.
        business: BusinessId,
        /// Of what.
        asset: Asset,
    },
    /// Shares of this asset with this partner that others must still approve. Fact: [`Fact::OpenClaims`].
    OpenShares {
        /// Who shares.
        business: BusinessId,
        /// What.
        asset: Asset,
        /// With whom.
        partner: BusinessId,
    },
    /// The last denial of this claim in 30 days. Fact: [`Fact::Denied`].
    LastDenial {
        /// Whose claim.
        business: BusinessId,
        /// Of what.
        asset: Asset,
        /// As what.
        access: Access,
    },
    /// Who has been removed from the asset since then. Fact: [`Fact::Removed`].
    RemovedSince {
        /// From what.
        asset: Asset,
        /// Since when.
        since: Timestamp,
    },
    /// Makes known that from now on the person is being offboarded. Fact: [`Fact::Leaving`], with the command that
    /// does so already.
    Leaving {
        /// From which business.
        business: BusinessId,
        /// Who.
        person: PersonId,
        /// Their address, where it is known.
        email: Option<EmailAddress>,
    },
    /// Whether the person is being offboarded. Fact: [`Fact::Leaving`].
    IsLeaving {
        /// From which business.
        business: BusinessId,
        /// Who.
        person: Person,
    },
    /// What a finished command has changed. Fact: [`Fact::Deeds`].
    Deeds {
        /// Which.
        target: CommandId,
    },
    /// Tells a command to stop. Fact: [`Fact::Told`].
    Stop {
        /// Which.
        target: CommandId,
        /// Why.
        cause: StopCause,
    },
}

/// What the journal answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The pending claims or shares, oldest first.
    OpenClaims(Vec<OpenClaim>),
    /// When it was denied, if it was.
    Denied(Option<Timestamp>),
    /// Who was removed.
    Removed(Vec<PersonId>),
    /// The command that is offboarding the person, if one is.
    Leaving(Option<CommandId>),
    /// What a command has changed, as far as it is on record.
    Deeds(Deeds),
    /// The target's phase when it was told: `None` while it is open.
    Told(Option<Phase>),
    /// No such command yet: it will end as cancelled if it comes within 24 h.
    NotKnown,
    /// Who published this command has no right to that one: it was told nothing, and nothing is told of it.
    NotAllowed,
}

/// A pending claim or share of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenClaim {
    /// The command that made it.
    pub command: CommandId,
    /// As what.
    pub access: Access,
    /// With which tasks.
    pub tasks: Tasks,
    /// When its request left.
    pub sent_at: Timestamp,
}

/// Why a command is to stop at its next safe point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// A `cancel`.
    Cancelled,
    /// Its `expires_at`.
    Deadline,
    /// `poll.give_up_after` of a pending claim.
    GivenUp,
    /// A later claim takes the open request over: nothing is withdrawn.
    Superseded(CommandId),
    /// A later command wants something else: the request is withdrawn.
    Displaced(CommandId),
}

/// How the children ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All of them.
    pub total: u32,
    /// Those that ended in their good phase.
    pub good: u32,
    /// Whether one of them changed something.
    pub changed: bool,
}

/// One thing that a command has seen, journaled in the order of seeing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "snake_case")]
pub enum Observation {
    /// The command has its lane.
    Started {
        /// When.
        at: Timestamp,
    },
    /// A call has ended.
    Asked {
        /// Which.
        call: Call,
        /// When it left.
        began: Timestamp,
        /// How it ended.
        reply: Reply,
    },
    /// The journal has answered.
    Consulted {
        /// What.
        query: Query,
        /// With what.
        fact: Fact,
    },
    /// The lists have decided a watch.
    Settled {
        /// How.
        verdict: Verdict,
        /// After how many looks.
        polls: u32,
    },
    /// A wait is over.
    Passed {
        /// Until when it was to last.
        until: Timestamp,
    },
    /// The command is to stop.
    Stop {
        /// Why.
        cause: StopCause,
    },
    /// The children are journaled.
    Spawned {
        /// How many assets they are about.
        #[serde(default)]
        assets: u32,
    },
    /// What became of some children has been told on the way. No procedure asks for it.
    Told {
        /// Up to which place in the order in which they ended.
        upto: u32,
        /// How many assets that makes.
        done: u32,
        /// When.
        at: Timestamp,
    },
    /// All children have ended.
    Children {
        /// How.
        tally: Tally,
        /// Whom their plans concern; of a dry run alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        concerned: Vec<PersonId>,
    },
    /// What a run would do has been told.
    Announced {
        /// When: the notice counts from here.
        at: Timestamp,
    },
    /// The plan of a rehearsal is known. Where it is the one that the command asks for, what was seen before it counts
    /// no more.
    Rehearsed {
        /// Of the whole plan, the children's steps among it.
        digest: Digest,
        /// When.
        at: Timestamp,
    },
    /// The notice is over: what was seen before it counts no more.
    NoticeOver {
        /// When the command begins anew.
        at: Timestamp,
    },
    /// After a wait for an operator: what was read before it, back to the last thing that was done or decided, counts
    /// no more.
    ReadAnew {
        /// When the wait was over.
        at: Timestamp,
    },
    /// That the command, or one of its children, waits for an operator has been told. No procedure asks for it.
    WaitTold {
        /// For what.
        cause: WaitCause,
        /// Since when it waits.
        at: Timestamp,
    },
    /// Another command has ended.
    Ended {
        /// Which.
        target: CommandId,
        /// How.
        phase: Phase,
        /// The command that took its open request over, if one did.
        superseded_by: Option<CommandId>,
    },
}
