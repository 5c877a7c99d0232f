//! The journal's file in other hands than the worker's: a backup that hangs, an operator's open transaction, a check.

use std::path::Path;

use anyhow::Result;
use rusqlite::Connection;

/// Holds the lock for writing until it is released, or dropped.
pub struct Locked(Connection);

impl Locked {
    pub fn take(file: &Path) -> Result<Self> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(crate::rabbit::PATIENCE)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Self(connection))
    }

    pub fn release(self) -> Result<()> {
        Ok(self.0.execute_batch("ROLLBACK")?)
    }
}

/// What SQLite itself says of the file; `ok` where it is whole.
pub fn integrity(file: &Path) -> Result<String> {
    Ok(Connection::open(file)?.query_row("PRAGMA integrity_check", [], |row| row.get(0))?)
}
