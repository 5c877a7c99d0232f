//! The lists that are walked for somebody: which of them, when next, and whose patience has run out.

use compact_str::{CompactString, ToCompactString};
use jiff::Timestamp;

use super::JournalError;
use super::decode::{Cells, Columns, unreadable};
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

const SHARE: &str = "share";
const INVITATION: &str = "invitation";

impl Watched {
    /// What and which, as stores have it.
    pub(super) fn words(&self) -> (&'static str, CompactString) {
        match self {
            Self::Claims(kind, access) => (kind.word(), access.word().into()),
            Self::Shares(asset) => (SHARE, asset.to_compact_string()),
            Self::Invitations => (INVITATION, CompactString::default()),
        }
    }
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

impl<R: Cells> Columns<'_, R> {
    pub(super) fn watched_list(&self) -> Result<WatchedList, JournalError> {
        let what = match self.text("what")?.as_str() {
            INVITATION => Watched::Invitations,
            SHARE => Watched::Shares(self.parsed("which")?),
            kind => {
                let kind = kind.parse::<Kind>().map_err(|error| unreadable("what", &error))?;
                Watched::Claims(kind, self.word("which")?)
            }
        };
        Ok(WatchedList { business: self.parsed("business")?, what })
    }

    pub(super) fn overdue(&self) -> Result<Overdue, JournalError> {
        Ok(Overdue {
            command: self.parsed("command")?,
            sent_at: self.time("sent_at")?,
            expires_at: self.optional_time("expires_at")?,
        })
    }
}
