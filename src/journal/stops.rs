//! What an operator stops and lets go on: holds, and releases from the blast radius.

use std::fmt;

use jiff::Timestamp;

use super::rows::CommandRow;
use crate::contract::{BusinessId, IdError};

/// What a hold is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldOn {
    /// Every business.
    Everything,
    /// One business.
    Business(BusinessId),
}

impl HoldOn {
    /// What stands in the journal for every business: no id can be it.
    pub(super) const ALL: &'static str = "*";

    /// Its word in the journal's table.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Everything => Self::ALL,
            Self::Business(id) => id.as_str(),
        }
    }

    /// What a key of the journal's table stands for.
    pub(super) fn of_key(key: &str) -> Result<Self, IdError> {
        if key == Self::ALL { Ok(Self::Everything) } else { key.parse().map(Self::Business) }
    }

    /// The business, where it is one.
    #[must_use]
    pub fn business(&self) -> Option<&BusinessId> {
        match self {
            Self::Everything => None,
            Self::Business(id) => Some(id),
        }
    }
}

/// As people read it: `everything`, `business 2001`.
impl fmt::Display for HoldOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Business(id) => write!(f, "business {id}"),
        }
    }
}

/// A hold that stands: no write leaves for what it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// On what.
    pub on: HoldOn,
    /// Since when.
    pub since: Timestamp,
    /// Who pulled the switch.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// What a release met.
#[derive(Debug, Clone, PartialEq)]
pub enum Release {
    /// An open command: it may pass the blast radius from now on, and its children with it.
    Open(Box<CommandRow>),
    /// One that has ended: nothing waits.
    Ended,
    /// No such command.
    Unknown,
}
