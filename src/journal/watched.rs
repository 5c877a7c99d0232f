//! The lists that are walked for somebody: which of them, when next, and whose patience has run out.

use jiff::Timestamp;

use crate::contract::{Access, Asset, BusinessId, CommandId, Kind};

/// What a business's lists are looked at for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// Claims of assets of a kind.
    Claims(Kind, Access),
    /// Shares of an asset: its list of partners.
    Shares(Asset),
    /// People who were invited.
    Invitations,
}

/// Lists of a business that are walked together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedList {
    /// The business.
    pub business: BusinessId,
    /// What for.
    pub what: Watched,
}

/// Something followed whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The command that waits.
    pub command: CommandId,
    /// When its request left.
    pub sent_at: Timestamp,
    /// The command's own deadline.
    pub expires_at: Option<Timestamp>,
}

/// By which clock patience runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Patience {
    /// The command's own deadline.
    Deadline,
    /// How long ago the request left.
    Age,
}

impl Patience {
    /// The time that counts for `overdue`: what comes next is behind it.
    #[must_use]
    pub fn time_of(self, overdue: &Overdue) -> Option<Timestamp> {
        match self {
            Self::Deadline => overdue.expires_at,
            Self::Age => Some(overdue.sent_at),
        }
    }
}
