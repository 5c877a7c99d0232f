//! The journal in a file of SQLite, for one worker: a lock beside the file keeps a second one out.
//!
//! All changes go through one writer that groups them (`writer.rs`), reads through connections of their own
//! (`readers.rs`). `store.rs` and `ledger.rs` answer what any store is asked; the other files are the statements.

mod accept;
mod condition;
mod decode;
mod dossier;
mod error;
mod ledger;
mod lock;
mod open;
mod operations;
mod outbox;
mod portable;
mod prune;
mod read;
mod readers;
mod record;
mod sql;
mod standing;
mod stops;
mod store;
mod surroundings;
#[cfg(test)]
mod tests;
mod watches;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

pub(super) use condition::examine;
pub(super) use lock::held_by;
pub(super) use portable::{take, tell};

use super::{Answer, JournalError, Ledger, Operation, Schema};
use lock::FileLock;
use readers::Readers;
use writer::Writer;

/// A journal in a file, open. Clones share it.
#[derive(Clone)]
pub(super) struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    readers: Readers,
    writer: Option<Writer>,
    lock: Mutex<Option<FileLock>>,
}

impl Sqlite {
    /// Opens the file at `path` to write; see [`Journal::open`](super::Journal::open).
    pub(super) async fn open(path: &Path) -> Result<Self, JournalError> {
        let lock = FileLock::take(path).await?;
        let file = path.to_owned();
        let connection = blocking(move || open::to_write(&file)).await?;
        let writer = Writer::start(connection, path)?;
        Ok(Self::of(path, Readers::new(open::Reading::beside_a_worker(path)), Some(writer), Some(lock)))
    }

    /// Opens the file at `path` to read; see [`Journal::open_read_only`](super::Journal::open_read_only).
    pub(super) async fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        let file = path.to_owned();
        let reading = blocking(move || open::to_read(&file)).await?;
        Ok(Self::of(path, Readers::new(reading), None, None))
    }

    fn of(path: &Path, readers: Readers, writer: Option<Writer>, lock: Option<FileLock>) -> Self {
        Self { shared: Arc::new(Shared { path: path.to_owned(), readers, writer, lock: Mutex::new(lock) }) }
    }

    async fn close_in_order(&self) {
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

    /// Makes a change and answers when it is on disk. `work` may be run twice, the first time rolled back.
    fn change<T, F>(&self, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, JournalError> + Send + 'static,
    {
        Box::pin(async move {
            let writer = self.shared.writer.as_ref().ok_or(JournalError::Closed)?;
            writer.queue(work).await?.await.map_err(|_| JournalError::Closed)?
        })
    }

    /// Reads a few rows on the spot.
    fn look<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move { self.shared.readers.look(work) })
    }

    /// Reads what may be much, on a thread for such work.
    fn survey<T, F>(&self, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    {
        Box::pin(async move {
            let _turn = self.shared.readers.turn().await?;
            let journal = self.clone();
            blocking(move || journal.shared.readers.look(work)).await
        })
    }
}

/// How far the schema of the file at `path` is; it has every step that this version knows, or fewer.
pub(super) async fn schema(path: &Path) -> Result<Schema, JournalError> {
    let path = path.to_owned();
    let (at, known) = blocking(move || open::steps(&path)).await?;
    Ok(Schema { at, known, needs: at })
}

/// Takes the steps that have not been taken, and writes down who wanted it; how many.
pub(super) async fn migrate(path: &Path, operation: Operation) -> Result<u64, JournalError> {
    let before = if path.exists() { schema(path).await?.at } else { 0 };
    let journal = Sqlite::open(path).await?;
    let taken = u64::try_from(schema(path).await?.at - before).unwrap_or(0);
    let noted = journal.begin_operation(Operation { came: Some(format!("{taken} steps taken")), ..operation }).await;
    journal.close_in_order().await;
    noted.map(|_| taken)
}

/// Waits for work that blocks its thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(JournalError::Closed))
}
