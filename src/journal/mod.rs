//! What the worker remembers: commands, what was observed, writes that may have left, watches, events to publish,
//! evidence. This room alone names SQL. It knows `contract` and no other room (but `telemetry`, as all do); texts that
//! are JSON are opaque to it.
//!
//! [`Journal`] is the handle that everybody holds: cheap to clone, and silent about which store is behind it.
//! [`Store`] is what the engine needs of a store, [`Ledger`] what people ask of one; [`Address`] tells stores apart.
//! `sqlite/` is a file for one worker, `postgres/` a database that is a server's. `tests/` is what any store must keep.

mod address;
mod decode;
mod entries;
mod error;
pub mod evidence;
mod forgetting;
mod ledger;
mod moves;
pub mod portable;
mod postgres;
mod rows;
mod sqlite;
mod stops;
mod store;
#[cfg(test)]
mod tests;
mod turns;
mod watched;

use std::ops::Deref;
use std::sync::Arc;

pub use address::{Address, Condition, Presence, Schema};
pub use entries::{
    ChainedWalk, EvidenceEntry, EvidenceRow, Exchange, InvitationRow, NewEvent, OutboxDepth, OutboxRow, Parked,
    Removal, Settled, Suspended, Verdict, Walk, WatchChange, WatchRow,
};
pub use error::JournalError;
pub use evidence::head_after;
pub use forgetting::{Ending, Forgotten, Horizons};
pub use ledger::{Ahead, Dossier, Filter, Kept, Ledger, Operation, Published, Unrouted};
pub use postgres::Server;
pub use rows::{
    Accepted, Cancelled, ChildResult, Children, CommandRow, Ended, InLane, Intent, IntentChange, Loaded, New,
    ParentAfter, Place, Record, Recorded, State, StateName,
};
pub use stops::{Hold, HoldOn, Release};
pub use store::{Answer, MayCancel, Store};
pub use turns::{Alike, LetIn, Placed, Turn};
pub use watched::{Overdue, Patience, Watched, WatchedList};

use postgres::Postgres;
use sqlite::Sqlite;

/// The journal, open, in whichever store. Clones share it; `close` it to leave nothing to recover from.
#[derive(Clone)]
pub struct Journal {
    store: Arc<dyn Store>,
}

impl Journal {
    /// Opens the journal at an address to write, makes it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// `Locked` while another worker has it, `CannotOpen`, `NotADatabase`, `Unreachable`, `Newer` and `Migration` by
    /// their names.
    pub async fn open(at: impl Into<Address>) -> Result<Self, JournalError> {
        match at.into() {
            Address::Sqlite(path) => Ok(Sqlite::open(&path).await?.into()),
            Address::Postgres(server) => Ok(Postgres::open(&server).await?.into()),
        }
    }

    /// Opens the journal at an address to read, whether a worker has it or not.
    ///
    /// # Errors
    /// `CannotOpen` where there is none, `NotADatabase`, `Unreachable`, `Newer`, and `Migration` where an older bindery
    /// wrote it.
    pub async fn open_read_only(at: impl Into<Address>) -> Result<Self, JournalError> {
        match at.into() {
            Address::Sqlite(path) => Ok(Sqlite::open_read_only(&path).await?.into()),
            Address::Postgres(server) => Ok(Postgres::open_read_only(&server).await?.into()),
        }
    }
}

impl<S: Store + 'static> From<S> for Journal {
    fn from(store: S) -> Self {
        Self { store: Arc::new(store) }
    }
}

impl Deref for Journal {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}
