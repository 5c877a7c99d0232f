//! In what condition the file is, looked at from outside: by a doctor, beside a worker or without one.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::time::timeout;

use super::{blocking, open};
use crate::journal::{Condition, JournalError};

/// Looks over the journal at `path` without changing what it holds; each of the two questions takes at most `within`.
///
/// # Errors
/// `CannotOpen`, `NotADatabase`, `Newer` and `Migration`, as a reader has them.
pub(in crate::journal) async fn examine(path: &Path, within: Duration) -> Result<Condition, JournalError> {
    let file = path.to_owned();
    let (reader, bytes, schema) = blocking(move || sizes(open::to_read(&file)?.connect()?)).await?;
    let interrupt = reader.get_interrupt_handle();
    let check = timeout(within, blocking(move || checked(&reader))).await;
    if check.is_err() {
        interrupt.interrupt();
    }
    let check = check.ok().transpose()?;
    Ok(Condition { bytes, schema, unwritable: unwritable(path, within).await, looked_at: "its pages are", check })
}

fn sizes(reader: Connection) -> Result<(Connection, u64, i64), JournalError> {
    let number = |pragma| reader.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let bytes = number("page_count")?.saturating_mul(number("page_size")?);
    let schema = number("user_version")?;
    Ok((reader, u64::try_from(bytes).unwrap_or(0), schema))
}

fn checked(reader: &Connection) -> Result<String, JournalError> {
    Ok(reader.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?)
}

/// Why no transaction can be begun. The one that is begun is rolled back, so nothing is changed.
async fn unwritable(path: &Path, within: Duration) -> Option<String> {
    let file = path.to_owned();
    // Half of it: the answer that it is locked should come in time.
    let begun = timeout(within, blocking(move || begin(&file, within / 2))).await;
    match begun {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no transaction could be begun within {}", humantime::format_duration(within))),
    }
}

fn begin(path: &Path, within: Duration) -> Result<(), JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let writer = Connection::open_with_flags(path, flags)?;
    writer.busy_timeout(within)?;
    writer.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?;
    Ok(())
}
