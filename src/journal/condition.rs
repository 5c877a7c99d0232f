//! In what condition the file is, looked at from outside: by a doctor, beside a worker or without one.

use std::path::Path;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use super::{JournalError, open};

/// Whether it could be written to, how large it is, and whether its pages are sound. No answer takes longer than
/// `within` each.
#[derive(Debug)]
pub struct Condition {
    /// Bytes of the database.
    pub bytes: u64,
    /// The schema's version.
    pub schema: i64,
    /// `None` where a transaction could be begun (it was rolled back at once); else why not.
    pub unwritable: Option<String>,
    /// What `quick_check` found: `ok`, or the first thing that is wrong; `None` where it took too long.
    pub check: Option<String>,
}

/// Looks over the journal at `path` without changing what it holds.
///
/// # Errors
/// `CannotOpen`, `NotADatabase`, `Newer` and `Migration`, as a reader has them.
pub async fn examine(path: &Path, within: Duration) -> Result<Condition, JournalError> {
    let options = open::to_read(path).await?;
    let mut reader = options.connect().await?;
    let bytes = sqlx::query_scalar("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        .fetch_one(&mut reader)
        .await
        .map(|bytes: i64| u64::try_from(bytes).unwrap_or(0))?;
    let schema = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut reader).await?;
    let check = timeout(within, sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut reader)).await;
    let check = check.ok().transpose()?;
    let closed = reader.close();
    // A check that was cut short still ends by itself on its thread; nobody waits for it.
    let _ = timeout(within, closed).await;
    Ok(Condition { bytes, schema, unwritable: unwritable(path, within).await, check })
}

/// Why no transaction can be begun. The one that is begun is rolled back, so nothing is changed.
async fn unwritable(path: &Path, within: Duration) -> Option<String> {
    let begun = async {
        let mut writer = open::write_options(path).create_if_missing(false).connect().await?;
        sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut writer).await?;
        writer.close().await
    };
    match timeout(within, begun).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no transaction could be begun within {}", humantime::format_duration(within))),
    }
}
