//! What the worker remembers: commands, what was observed, writes that may have left, watches, events to publish,
//! evidence. This room alone names SQL. It knows `contract` and no other room; texts that are JSON are opaque to it.
//!
//! [`Journal`] is the handle: cheap to clone, all its changes go through one writer that groups them (`writer.rs`),
//! its reads through a small pool. A change is answered when it is on disk, never before.

mod accept;
mod decode;
mod entries;
mod error;
pub mod evidence;
mod lock;
mod open;
mod outbox;
mod read;
mod record;
mod rows;
mod standing;
#[cfg(test)]
mod tests;
mod watches;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;

pub use entries::{
    EvidenceEntry, EvidenceRow, Exchange, NewEvent, OutboxDepth, OutboxRow, Parked, Removal, Settled, Suspended,
    Verdict, Walk, WatchRow,
};
pub use error::JournalError;
pub use evidence::head_after;
pub use lock::held_by;
pub use rows::{
    Accepted, Cancelled, ChildResult, Children, CommandRow, Ended, Filter, Intent, IntentChange, Loaded, New,
    ParentAfter, Place, Record, Recorded, State, StateName, WatchChange,
};
pub use writer::{GROUP_MAX, WriterStats};

use lock::FileLock;
use writer::{Make, Writer};

/// Connections that read. Each is a thread; readers do not wait for the writer, nor it for them.
const READERS: u32 = 4;

/// The journal, open. Clones share it; `close` it to leave nothing to recover from.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    readers: SqlitePool,
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
        let connection = open::to_write(path).await?;
        let writer = Writer::start(connection, open::write_options(path));
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(open::read_options(path));
        Ok(Self::of(path, readers, Some(writer), Some(lock)))
    }

    /// Opens the journal at `path` to read, whether a worker has it or not.
    ///
    /// # Errors
    /// `CannotOpen` where there is none, `NotADatabase`, `Newer`, and `Migration` where an older bindery wrote it.
    pub async fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        let options = open::to_read(path).await?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(options);
        Ok(Self::of(path, readers, None, None))
    }

    /// Takes no more changes, waits until those queued are on disk, and lets go of the file.
    pub async fn close(&self) {
        // Readers first: only a connection that may write can fold the write-ahead log back as the last one.
        self.shared.readers.close().await;
        if let Some(writer) = &self.shared.writer {
            writer.close().await;
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

    fn of(path: &Path, readers: SqlitePool, writer: Option<Writer>, lock: Option<FileLock>) -> Self {
        Self { shared: Arc::new(Shared { path: path.to_owned(), readers, writer, lock: Mutex::new(lock) }) }
    }

    /// Makes a change and returns when it is on disk.
    async fn change<D, T>(&self, data: D, make: Make<D, T>) -> Result<T, JournalError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        let writer = self.shared.writer.as_ref().ok_or(JournalError::Closed)?;
        writer.queue(data, make).await?.await.map_err(|_| JournalError::Closed)?
    }

    /// Queues a change and returns when there was room for it; whether it was made is not told.
    async fn change_later<D>(&self, data: D, make: Make<D, ()>) -> Result<(), JournalError>
    where
        D: Send + Sync + 'static,
    {
        let writer = self.shared.writer.as_ref().ok_or(JournalError::Closed)?;
        writer.queue(data, make).await.map(drop)
    }
}
