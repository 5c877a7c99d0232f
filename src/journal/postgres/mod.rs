//! The journal in a database of PostgreSQL.
//!
//! Everything lies in the schema `bindery`, and every statement names it: nothing is asked of the session, so a pooler
//! that hands out connections a transaction at a time may stand between. All changes go through one writer that groups
//! them (`writer.rs`), reads through a bounded pool (`pool.rs`). A row says which worker has the journal (`lease.rs`).
//! `store.rs` and `ledger.rs` answer what any store is asked; the other files are the statements.

mod accept;
mod condition;
mod decode;
mod dossier;
mod error;
mod lease;
mod ledger;
mod migrate;
mod operations;
mod outbox;
mod pool;
#[cfg(test)]
mod pooled;
mod portable;
mod prune;
mod read;
mod record;
mod server;
mod sql;
mod standing;
mod stops;
mod store;
mod surroundings;
#[cfg(test)]
mod tests;
mod watches;
mod writer;

use std::pin::Pin;
use std::sync::Arc;

use tokio_postgres::Client;

pub(super) use condition::{examine, held_by};
pub(super) use portable::{take, tell};
pub use server::Server;

use super::{Answer, JournalError, Operation, Schema};
use error::{Remedy, remedy};
use lease::Lease;
use migrate::Applied;
use pool::{Pool, Work};
use writer::Writer;

/// A journal in a database, open. Clones share it.
#[derive(Clone)]
pub(super) struct Postgres {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Pool,
    writer: Option<Writer>,
}

impl Postgres {
    /// Opens the database of `server` to write; see [`Journal::open`](super::Journal::open).
    pub(super) async fn open(server: &Server) -> Result<Self, JournalError> {
        let link = reached(server).await?;
        migrate::up(&link.client, server).await.map_err(|error| told(server, error))?;
        let lease = Lease::take(&link.client, &server.to_string(), server.lease).await;
        let lease = lease.map_err(|error| told(server, error))?;
        let writer = Writer::start(server.clone(), link, lease);
        Ok(Self::of(server, Some(writer)))
    }

    /// Opens the database of `server` to read; see [`Journal::open_read_only`](super::Journal::open_read_only).
    pub(super) async fn open_read_only(server: &Server) -> Result<Self, JournalError> {
        let link = reached(server).await?;
        migrate::check_to_read(server, &steps(server, &link.client).await?)?;
        Ok(Self::of(server, None))
    }

    fn of(server: &Server, writer: Option<Writer>) -> Self {
        Self { shared: Arc::new(Shared { pool: Pool::new(server.clone()), writer }) }
    }

    async fn when_lost(&self) {
        match &self.shared.writer {
            Some(writer) => writer.lost().await,
            None => std::future::pending().await,
        }
    }

    fn close_in_order(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.shared.pool.close();
            if let Some(writer) = &self.shared.writer {
                writer.close().await;
            }
        })
    }

    /// Makes a change to `about` and answers when it is durable. `work` may be run several times, all but the last one
    /// rolled back.
    fn change<D, T, F>(&self, about: D, work: F) -> Answer<'_, T>
    where
        D: Send + Sync + 'static,
        T: Send + Sync + 'static,
        F: for<'c> Fn(&'c Client, &'c D) -> Work<'c, T> + Send + Sync + 'static,
    {
        Box::pin(async move {
            let writer = self.shared.writer.as_ref().ok_or(JournalError::Closed)?;
            writer.queue(about, work).await?.await.map_err(|_| JournalError::Closed)?
        })
    }

    /// Reads `about`, as of one moment.
    fn look<'a, D, T, F>(&'a self, about: D, work: F) -> Answer<'a, T>
    where
        D: Send + Sync + 'a,
        T: Send + 'a,
        F: for<'c> Fn(&'c Client, &'c D) -> Work<'c, T> + Send + Sync + 'a,
    {
        Box::pin(async move { self.shared.pool.read(&about, work).await })
    }
}

/// How far the schema is.
///
/// # Errors
/// `Unreachable`.
pub(super) async fn schema(server: &Server) -> Result<Schema, JournalError> {
    let link = reached(server).await?;
    let taken = match steps(server, &link.client).await {
        Ok(taken) => taken,
        Err(JournalError::Migration { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let highest = |of: fn(&Applied) -> i64| taken.iter().map(of).max().unwrap_or(0);
    Ok(Schema { at: highest(|step| step.version), known: migrate::known(), needs: highest(|step| step.needs) })
}

/// Takes the steps that have not been taken, beside a worker or without one, and writes down who wanted it; how many.
///
/// # Errors
/// `Unreachable`, `Newer` and `Migration` by their names.
pub(super) async fn migrate_up(server: &Server, operation: &Operation) -> Result<u64, JournalError> {
    let link = reached(server).await?;
    let taken = migrate::up(&link.client, server).await.map_err(|error| told(server, error))?;
    let came = Some(format!("{taken} steps taken"));
    operations::begin(&link.client, &Operation { came, ..operation.clone() }).await?;
    Ok(taken)
}

async fn steps(server: &Server, client: &Client) -> Result<Vec<Applied>, JournalError> {
    migrate::applied(client).await.map_err(|error| match remedy(&error) {
        Remedy::None => {
            let reason =
                format!("it has no schema of ours yet ({error}): start the worker once, or `bindery db migrate`");
            JournalError::Migration { at: server.to_string(), reason }
        }
        Remedy::Again | Remedy::Reconnect => told(server, error),
    })
}

async fn reached(server: &Server) -> Result<server::Link, JournalError> {
    server.connect().await.map_err(|error| told(server, error))
}

/// What went wrong before there was a journal, with the address that it has.
fn told(server: &Server, error: JournalError) -> JournalError {
    if let JournalError::Sql(inner) = &error { server.unreachable(inner.to_string()) } else { error }
}
