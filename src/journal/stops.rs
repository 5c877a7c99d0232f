//! What an operator stops and lets go on: holds, and releases from the blast radius.

use std::borrow::Cow;
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
    /// The claims of one business alone: its breaker is open.
    Claims(BusinessId),
}

impl HoldOn {
    /// What stands in the journal for every business: no id can be it.
    pub(super) const ALL: &'static str = "*";

    /// What stands before the business whose claims are on hold: no id begins so.
    const CLAIMS: &'static str = "claims/";

    /// Its word in the journal's table.
    pub(super) fn key(&self) -> Cow<'_, str> {
        match self {
            Self::Everything => Cow::Borrowed(Self::ALL),
            Self::Business(id) => Cow::Borrowed(id.as_str()),
            Self::Claims(id) => Cow::Owned(format!("{}{id}", Self::CLAIMS)),
        }
    }

    /// What a key of the journal's table stands for.
    pub(super) fn of_key(key: &str) -> Result<Self, IdError> {
        match key.strip_prefix(Self::CLAIMS) {
            Some(business) => business.parse().map(Self::Claims),
            None if key == Self::ALL => Ok(Self::Everything),
            None => key.parse().map(Self::Business),
        }
    }

    /// The business, where it is one.
    #[must_use]
    pub fn business(&self) -> Option<&BusinessId> {
        match self {
            Self::Everything => None,
            Self::Business(id) | Self::Claims(id) => Some(id),
        }
    }
}

/// As people read it: `everything`, `business 2001`.
impl fmt::Display for HoldOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Business(id) => write!(f, "business {id}"),
            Self::Claims(id) => write!(f, "claims of business {id}"),
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

impl Hold {
    /// Whether it is the open breaker of a business: claims alone are on hold, and `breaker reset` alone lifts it.
    #[must_use]
    pub fn is_breaker(&self) -> bool {
        matches!(self.on, HoldOn::Claims(_))
    }
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
