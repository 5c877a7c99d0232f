//! In what condition the database is, looked at from outside: by a doctor, beside a worker or without one.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

use super::sql::{self, params};
use super::{Server, lease, migrate, reached, steps, told};
use crate::journal::decode::Columns;
use crate::journal::{Condition, JournalError};

/// Looks over the journal without changing what it holds; each of the two questions takes at most `within`.
///
/// # Errors
/// `Unreachable`, `Newer` and `Migration`, as a reader has them.
pub(in crate::journal) async fn examine(server: &Server, within: Duration) -> Result<Condition, JournalError> {
    let link = reached(server).await?;
    let applied = steps(server, &link.client).await?;
    migrate::check_to_read(server, &applied)?;
    let client = &link.client;
    let bytes = size(client).await.map_err(|error| told(server, error))?;
    let unwritable = match timeout(within, begin(client)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no transaction could be begun within {}", humantime::format_duration(within))),
    };
    let check = timeout(within, checked(client)).await.ok().transpose().map_err(|error| told(server, error))?;
    let schema = applied.iter().map(|step| step.version).max().unwrap_or(0);
    Ok(Condition { bytes, schema, unwritable, looked_at: "its schema is", check })
}

/// Whether a worker has the journal now, and which: its process id where it can be read.
///
/// # Errors
/// When the database cannot be asked.
pub(in crate::journal) async fn held_by(server: &Server) -> Result<Option<Option<u32>>, JournalError> {
    let link = reached(server).await?;
    let holder = lease::holder(&link.client).await.map_err(|error| told(server, error))?;
    Ok(holder.filter(|one| !one.is_gone()).map(|one| one.pid()))
}

async fn size(client: &Client) -> Result<u64, JournalError> {
    let select = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes FROM pg_class c
         WHERE c.relnamespace = to_regnamespace('bindery') AND c.relkind IN ('r', 'p')";
    let bytes = sql::first(client, select, params![], |row| Columns(row).number("bytes")).await?;
    Ok(bytes.unwrap_or(0))
}

/// A transaction that may write; it is rolled back at once, so nothing is changed.
async fn begin(client: &Client) -> Result<(), JournalError> {
    let begun = client.batch_execute("BEGIN READ WRITE; SELECT pg_current_xact_id(); ROLLBACK").await;
    if begun.is_err() {
        client.batch_execute("ROLLBACK").await?;
    }
    Ok(begun?)
}

/// What the database itself knows to be wrong: an index that was never finished.
async fn checked(client: &Client) -> Result<String, JournalError> {
    let select = "SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE c.relnamespace = to_regnamespace('bindery') AND NOT i.indisvalid ORDER BY 1 LIMIT 1";
    let invalid = sql::first(client, select, params![], |row| Columns(row).text("name")).await?;
    Ok(invalid.map_or_else(|| "ok".to_owned(), |name| format!("index {name} is not valid: REINDEX it")))
}
