//! Connections that read, beside the writer: in WAL mode nobody waits for anybody.
//!
//! A *look* is by a key or at a few rows and is made on the spot: a few microseconds of pages that are in memory, less
//! than handing it to another thread would take. A *survey* may go over the whole file and is made on a thread for such
//! work, a few at a time.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::open::Reading;
use crate::journal::JournalError;

/// Surveys at a time: each holds a thread and a connection.
const SURVEYS: usize = 4;

/// The connections of one journal.
pub(super) struct Readers {
    /// Those that nobody uses now; `None` once closed.
    open: RwLock<Option<Mutex<Vec<Connection>>>>,
    reading: Reading,
    surveys: Semaphore,
}

impl Readers {
    pub(super) fn new(reading: Reading) -> Self {
        Self { open: RwLock::new(Some(Mutex::default())), reading, surveys: Semaphore::new(SURVEYS) }
    }

    /// Runs `work` on a connection, here and now.
    pub(super) fn look<T>(&self, work: impl FnOnce(&Connection) -> Result<T, JournalError>) -> Result<T, JournalError> {
        // Held until the connection is back: closing waits for it.
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some(free) = &*open else { return Err(JournalError::Closed) };
        let taken = lock(free).pop();
        let connection = match taken {
            Some(connection) => connection,
            None => self.reading.connect()?,
        };
        let done = work(&connection);
        lock(free).push(connection);
        done
    }

    /// A turn to make a survey; held while it is made.
    pub(super) async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, JournalError> {
        self.surveys.acquire().await.map_err(|_| JournalError::Closed)
    }

    /// Closes every connection, once nobody uses it.
    pub(super) fn close(&self) {
        self.surveys.close();
        self.open.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn lock(free: &Mutex<Vec<Connection>>) -> MutexGuard<'_, Vec<Connection>> {
    free.lock().unwrap_or_else(PoisonError::into_inner)
}
