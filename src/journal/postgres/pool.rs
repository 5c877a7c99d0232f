//! Connections that read: a bounded number, opened when they are needed and kept.
//!
//! A read is repeated on another connection where the one that it had is gone: after a restart of the server all that
//! are kept are.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_postgres::Client;

use super::error::{Remedy, Silent, remedy};
use super::server::{Link, Server};
use crate::journal::JournalError;

/// Reads at a time, each on a connection of its own; with the writer's a worker has one more.
const CONNECTIONS: usize = 8;
/// How often a read is made, at most.
const TRIES: u32 = 3;
/// How long a read may take, by our clock; the server is told a little less.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// What every read begins with: it cannot change anything, sees one moment, and the server ends it in time.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 29000;
     SET LOCAL idle_in_transaction_session_timeout = 29000";

/// What is done on a connection, on its way.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, JournalError>> + Send + 'c>>;

/// The connections of one journal.
pub(super) struct Pool {
    server: Server,
    free: Mutex<Vec<Link>>,
    turns: Semaphore,
}

impl Pool {
    pub(super) fn new(server: Server) -> Self {
        Self { server, free: Mutex::default(), turns: Semaphore::new(CONNECTIONS) }
    }

    /// Runs `work` in a transaction that reads one moment.
    pub(super) async fn read<D, T, F>(&self, about: &D, work: F) -> Result<T, JournalError>
    where
        F: for<'c> Fn(&'c Client, &'c D) -> Work<'c, T>,
    {
        let _turn = self.turns.acquire().await.map_err(|_| JournalError::Closed)?;
        let mut tried = 1;
        loop {
            let link = self.link().await?;
            let read = timeout(READ_WITHIN, read(&link.client, about, &work)).await;
            match read.unwrap_or_else(|_| Err(Silent(READ_WITHIN).into())) {
                Err(error) if tried < TRIES && remedy(&error) != Remedy::None => tried += 1,
                // A connection that did not answer is not used again.
                Err(error) if remedy(&error) == Remedy::Reconnect => return Err(error),
                done => {
                    self.free.lock().unwrap_or_else(PoisonError::into_inner).push(link);
                    return done;
                }
            }
        }
    }

    async fn link(&self) -> Result<Link, JournalError> {
        loop {
            let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match kept {
                Some(link) if link.client.is_closed() => {}
                Some(link) => return Ok(link),
                None => return self.server.connect().await,
            }
        }
    }

    /// Reads no more. What is under way ends.
    pub(super) fn close(&self) {
        self.turns.close();
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

async fn read<D, T, F>(client: &Client, about: &D, work: &F) -> Result<T, JournalError>
where
    F: for<'c> Fn(&'c Client, &'c D) -> Work<'c, T>,
{
    // Both are on their way before the first is answered: one round trip.
    let begun = client.batch_execute(BEGIN);
    let (begun, done) = tokio::join!(biased; begun, work(client, about));
    let ended = client.batch_execute("COMMIT").await;
    begun?;
    let done = done?;
    ended?;
    Ok(done)
}
