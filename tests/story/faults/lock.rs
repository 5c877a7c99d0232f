//! The journal's file, locked by another process than the worker: a backup that hangs, an operator's open transaction.

use std::path::Path;

use anyhow::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

/// Holds the lock for writing until it is released, or dropped.
pub struct Locked(SqliteConnection);

impl Locked {
    pub async fn take(file: &Path) -> Result<Self> {
        let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
        Ok(Self(connection))
    }

    pub async fn release(mut self) -> Result<()> {
        sqlx::query("ROLLBACK").execute(&mut self.0).await?;
        Ok(self.0.close().await?)
    }
}

/// What SQLite itself says of the file; `ok` where it is whole.
pub async fn integrity(file: &Path) -> Result<String> {
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
    let said = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(said)
}
