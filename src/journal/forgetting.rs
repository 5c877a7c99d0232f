//! What is kept no longer: in which order things go, before which times, and what stays of a command.
//!
//! # What must hold in any store
//! A command goes as a whole: its row, observations, events, requesters, watch, and all of its children before it. What
//! stays of each is an *ending*: enough to know a duplicate, and to find its evidence. Killed between any two batches,
//! the next pass goes on where this one stood.
//!
//! Never forgotten: what is open, what has an event that the broker has not confirmed, what another command waits for.

use jiff::Timestamp;

use crate::contract::{CommandId, Phase};

/// The times before which things are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizons {
    /// Commands that ended before it, with their events, and answers to what was no command.
    pub commands: Timestamp,
    /// Evidence of commands that ended before it, and walks that did.
    pub evidence: Timestamp,
    /// Ids of commands that ended before it: they are new again.
    pub ids: Timestamp,
    /// Denials before it.
    pub denials: Timestamp,
    /// Removals before it.
    pub removals: Timestamp,
    /// Cancels of commands that have not come by then, and parks that were over.
    pub now: Timestamp,
}

/// What is forgotten, a table or a family of tables each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// Commands, the children of each before it.
    Commands,
    /// Events that belong to no command: `rejected` ones, and the dead messages.
    Answers,
    /// Ids of endings.
    Ids,
    /// Evidence, and the endings that led to it.
    Evidence,
    /// Walks, but the last of each list.
    Walks,
    /// Denials.
    Denials,
    /// Removals.
    Removals,
    /// Cancels that waited in vain.
    Cancels,
}

impl Forgotten {
    /// In the order in which they go: nothing is left pointing at what has gone.
    pub const ALL: [Self; 8] = [
        Self::Commands,
        Self::Answers,
        Self::Ids,
        Self::Evidence,
        Self::Walks,
        Self::Denials,
        Self::Removals,
        Self::Cancels,
    ];

    /// As logs name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Answers => "answers",
            Self::Ids => "ids",
            Self::Evidence => "evidence",
            Self::Walks => "walks",
            Self::Denials => "denials",
            Self::Removals => "removals",
            Self::Cancels => "cancels",
        }
    }
}

/// What is still known of a command that is kept no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Its id.
    pub id: CommandId,
    /// Of its content; none where the id counts as new again.
    pub fingerprint: Option<String>,
    /// How it ended.
    pub phase: Phase,
    /// The id of its terminal event; a child has none.
    pub event_id: Option<String>,
    /// When it ended.
    pub ended_at: Timestamp,
}
