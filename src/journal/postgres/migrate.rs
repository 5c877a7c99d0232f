//! The schema: made and moved on, in steps that the version before can live with.
//!
//! Each migration is recorded with its hash, and with the version that a bindery must know to live with it: `needs`. So an
//! older worker goes on beside a newer one as long as the steps between them add and take nothing away; where one
//! does, it refuses to start and says so. Forward only. The two that start at once take turns by an advisory lock of
//! the transaction, which no session outlives.

use tokio_postgres::Client;

use super::server::Server;
use super::sql::{self, params};
use crate::contract::Digest;
use crate::journal::JournalError;
use crate::journal::decode::Columns;

/// One step of the schema. A released one is never changed.
struct Step {
    text: &'static str,
    /// The version that a bindery must know to live with this step: less than its own number where it only adds.
    needs: i64,
}

const STEPS: [Step; 1] = [Step { text: include_str!("../migrations/postgres/0001_journal.sql"), needs: 1 }];

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Applied {
    /// Its number.
    pub(super) version: i64,
    /// The version that a bindery must know to live with it.
    pub(super) needs: i64,
    hash: String,
}

/// What this version knows.
pub(super) fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Takes every step that has not been taken, all or none; how many.
///
/// # Errors
/// `Newer` and `Migration` by their names.
pub(super) async fn up(client: &Client, server: &Server) -> Result<u64, JournalError> {
    if let Ok(applied) = applied(client).await
        && i64::try_from(applied.len()).is_ok_and(|taken| taken >= known())
    {
        return check(server, &applied).map(|()| 0);
    }
    client.batch_execute("BEGIN").await?;
    let taken = steps(client, server).await;
    client.batch_execute(if taken.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    taken
}

/// "bindery": no other program's lock is meant.
const TURN: &str = "SET LOCAL lock_timeout = 60000; SELECT pg_advisory_xact_lock(7091334107431842)";

const BOOK: &str = "CREATE TABLE IF NOT EXISTS bindery.migrations (
    version bigint PRIMARY KEY,
    needs   bigint NOT NULL, -- a bindery must know this version to live with the step
    hash    text   NOT NULL,
    at      timestamptz NOT NULL DEFAULT now()
)";

async fn steps(client: &Client, server: &Server) -> Result<u64, JournalError> {
    client.batch_execute(TURN).await?;
    encoding_is_utf8(client, server).await?;
    let there = sql::first(client, "SELECT to_regnamespace('bindery')::text AS name", params![], |row| {
        Columns(row).optional_text("name")
    });
    if there.await?.flatten().is_none() {
        client.batch_execute("CREATE SCHEMA bindery").await.map_err(|error| failed(server, &error))?;
    }
    client.batch_execute(BOOK).await.map_err(|error| failed(server, &error))?;
    let before = applied(client).await?;
    check(server, &before)?;
    let mut taken = 0;
    for (version, step) in (1_i64..).zip(&STEPS).skip(before.len()) {
        client.batch_execute(step.text).await.map_err(|error| failed(server, &error))?;
        let note = "INSERT INTO bindery.migrations (version, needs, hash) VALUES ($1, $2, $3)";
        sql::run(client, note, params![version, step.needs, hash(step)]).await?;
        taken += 1;
    }
    Ok(taken)
}

async fn encoding_is_utf8(client: &Client, server: &Server) -> Result<(), JournalError> {
    let select = "SELECT current_setting('server_encoding') AS encoding";
    let encoding = sql::first(client, select, params![], |row| Columns(row).text("encoding")).await?;
    match encoding.as_deref() {
        Some("UTF8") | None => Ok(()),
        Some(other) => Err(server.unreachable(format!("its encoding is {other}: make one with ENCODING 'UTF8'"))),
    }
}

/// Every step that was taken, in order.
///
/// # Errors
/// When they cannot be read: none was taken, most likely.
pub(super) async fn applied(client: &Client) -> Result<Vec<Applied>, JournalError> {
    let select = "SELECT version, needs, hash FROM bindery.migrations ORDER BY version";
    sql::all(client, select, params![], |row| {
        let columns = Columns(row);
        Ok(Applied {
            version: columns.integer("version")?,
            needs: columns.integer("needs")?,
            hash: columns.text("hash")?,
        })
    })
    .await
}

/// Whether this version can work on, or read, a schema on which these steps were taken.
///
/// # Errors
/// `Newer` where one needs more than we know, `Migration` where one is not what we know under its number.
pub(super) fn check(server: &Server, applied: &[Applied]) -> Result<(), JournalError> {
    if let Some(newer) = applied.iter().find(|step| step.needs > known()) {
        return Err(JournalError::Newer { at: server.to_string(), version: newer.version });
    }
    for (step, found) in STEPS.iter().zip(applied) {
        if hash(step) != found.hash {
            let reason = format!("its step {} is not the one that this version knows", found.version);
            return Err(JournalError::Migration { at: server.to_string(), reason });
        }
    }
    Ok(())
}

/// The same for who only reads: every step that we know must have been taken.
///
/// # Errors
/// As `check`, and `Migration` where a step is missing.
pub(super) fn check_to_read(server: &Server, applied: &[Applied]) -> Result<(), JournalError> {
    check(server, applied)?;
    let (found, known) = (applied.len(), STEPS.len());
    if found < known {
        let reason = format!("its schema is {found} and this version reads {known}: start the worker once");
        return Err(JournalError::Migration { at: server.to_string(), reason });
    }
    Ok(())
}

fn hash(step: &Step) -> String {
    Digest::of(step.text.as_bytes()).as_str().to_owned()
}

fn failed(server: &Server, error: &tokio_postgres::Error) -> JournalError {
    JournalError::Migration { at: server.to_string(), reason: super::error::in_words(error) }
}
