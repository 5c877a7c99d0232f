//! What the worker remembers: commands, what was observed, writes that may have left, watches, events to publish,
//! evidence. This room alone names SQL. It knows `contract` and no other room; texts that are JSON are opaque to it.
//!
//! [`Journal`] is the handle: cheap to clone, all its changes go through one writer that groups them (`writer.rs`),
//! its reads through connections of their own (`readers.rs`). A change is answered when it is on disk, never before.

mod accept;
mod condition;
mod decode;
mod entries;
mod error;
pub mod evidence;
mod lock;
mod open;
mod operations;
mod outbox;
mod prune;
mod read;
mod readers;
mod record;
mod rows;
mod sql;
mod standing;
mod surroundings;
#[cfg(test)]
mod tests;
mod watches;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

pub use condition::{Condition, examine};
pub use entries::{
    EvidenceEntry, EvidenceRow, Exchange, NewEvent, OutboxDepth, OutboxRow, Parked, Removal, Settled, Suspended,
    Verdict, Walk, WatchRow,
};
pub use error::JournalError;
pub use evidence::head_after;
pub use lock::held_by;
pub use operations::{Operation, Unrouted};
pub use prune::{Ending, Forgotten, Horizons};
pub use rows::{
    Accepted, Cancelled, ChildResult, Children, CommandRow, Ended, Filter, Intent, IntentChange, Loaded, New,
    ParentAfter, Place, Record, Recorded, State, StateName, WatchChange,
};
pub use surroundings::{Ahead, Published};
pub use writer::{GROUP_MAX, WriterStats};

use lock::FileLock;
use readers::Readers;
use writer::Writer;

/// The journal, open. Clones share it; `close` it to leave nothing to recover from.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    readers: Readers,
    writer: Option<Writer>,
    lock: Mutex<Option<FileLock>>,
}

impl Journal {
    /// Opens the journal at `path` to write, makes it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// `Locked` while another worker has it, `CannotOpen`, `NotADatabase`, `Newer` and `Migration` by their names.
    pub async fn open(path: &Path) -> Result<Self, JournalError> {
        let lock = FileLock::take(path).await?;
        let file = path.to_owned();
        let connection = blocking(move || open::to_write(&file)).await?;
        let writer = Writer::start(connection, path)?;
        Ok(Self::of(path, Readers::new(open::Reading::beside_a_worker(path)), Some(writer), Some(lock)))
    }

    /// Opens the journal at `path` to read, whether a worker has it or not.
    ///
    /// # Errors
    /// `CannotOpen` where there is none, `NotADatabase`, `Newer`, and `Migration` where an older bindery wrote it.
    pub async fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        let file = path.to_owned();
        let reading = blocking(move || open::to_read(&file)).await?;
        Ok(Self::of(path, Readers::new(reading), None, None))
    }

    /// Takes no more changes, waits until those queued are on disk, and lets go of the file.
    pub async fn close(&self) {
        // Readers first: only a connection that may write can fold the write-ahead log back as the last one.
        let journal = self.clone();
        let closed = blocking(move || {
            journal.shared.readers.close();
            if let Some(writer) = &journal.shared.writer {
                writer.close();
            }
            Ok(())
        });
        if let Err(error) = closed.await {
            tracing::warn!(%error, "the journal was not closed in order");
        }
        self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// What the writer has done since the journal was opened, for metrics.
    #[must_use]
    pub fn writer_stats(&self) -> WriterStats {
        self.shared.writer.as_ref().map(Writer::stats).unwrap_or_default()
    }

    fn of(path: &Path, readers: Readers, writer: Option<Writer>, lock: Option<FileLock>) -> Self {
        Self { shared: Arc::new(Shared { path: path.to_owned(), readers, writer, lock: Mutex::new(lock) }) }
    }

    /// Makes a change and returns when it is on disk. `work` may be run twice, the first time rolled back.
    async fn change<T, F>(&self, work: F) -> Result<T, JournalError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, JournalError> + Send + 'static,
    {
        let writer = self.shared.writer.as_ref().ok_or(JournalError::Closed)?;
        writer.queue(work).await?.await.map_err(|_| JournalError::Closed)?
    }

    /// Queues a change and returns when there was room for it; whether it was made is not told.
    async fn change_later<F>(&self, work: F) -> Result<(), JournalError>
    where
        F: Fn(&Connection) -> Result<(), JournalError> + Send + 'static,
    {
        let writer = self.shared.writer.as_ref().ok_or(JournalError::Closed)?;
        writer.queue(work).await.map(drop)
    }

    /// Reads a few rows on the spot.
    fn look<T>(&self, work: impl FnOnce(&Connection) -> Result<T, JournalError>) -> Result<T, JournalError> {
        self.shared.readers.look(work)
    }

    /// Reads what may be much, on a thread for such work.
    async fn survey<T, F>(&self, work: F) -> Result<T, JournalError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    {
        let _turn = self.shared.readers.turn().await?;
        let journal = self.clone();
        blocking(move || journal.shared.readers.look(work)).await
    }
}

/// Waits for work that blocks its thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(JournalError::Closed))
}
