//! Opening the SQLite file: durable settings, migrations, and errors that say what to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::JournalError;
use super::error::primary_code;

/// How long a statement waits for a lock: another process may check or copy the file.
const BUSY_WITHIN: Duration = Duration::from_secs(5);

/// Every migration: its version, its name, its text. A released one is never changed.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "journal", include_str!("migrations/sqlite/0001_journal.sql"))];

const SQLITE_CORRUPT: i32 = 11;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;

/// The writer's connection, with the schema up to date.
pub(super) async fn to_write(path: &Path) -> Result<SqliteConnection, JournalError> {
    let mut connection = write_options(path).connect().await.map_err(|error| unopened(path, &error))?;
    migrator().run_direct(None, &mut connection, false).await.map_err(|error| unmigrated(path, &error))?;
    Ok(connection)
}

/// Options that read `path`, tried out.
pub(super) async fn to_read(path: &Path) -> Result<SqliteConnectOptions, JournalError> {
    let options = read_options(path);
    match look(path, &options).await {
        // SQLite reads a WAL database only where it can make its `-shm`. In a folder that we may not write to and
        // without a worker nobody changes the file, and it can be read as it lies.
        Err(JournalError::CannotOpen { .. }) if path.exists() && !beside(path, "-wal").exists() => {
            let options = options.immutable(true);
            look(path, &options).await.map(|()| options)
        }
        looked => looked.map(|()| options),
    }
}

/// How the writer opens the file.
pub(super) fn write_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        // What was forgotten is given back to the disk, a few pages at a time: `Journal::give_back`.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_WITHIN)
        .disable_statement_logging()
}

/// How readers open it.
pub(super) fn read_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .create_if_missing(false)
        .busy_timeout(BUSY_WITHIN)
        .disable_statement_logging()
}

/// Reads the schema's version and refuses another than ours.
async fn look(path: &Path, options: &SqliteConnectOptions) -> Result<(), JournalError> {
    let mut connection = options.connect().await.map_err(|error| unopened(path, &error))?;
    let version: Result<Option<i64>, sqlx::Error> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut connection).await;
    let found = match version {
        Ok(found) => found.unwrap_or(0),
        Err(error) if error.to_string().contains("no such table") => 0,
        Err(error) => return Err(unopened(path, &error)),
    };
    let _ = connection.close().await;
    let known = MIGRATIONS[MIGRATIONS.len() - 1].0;
    match found {
        _ if found > known => Err(JournalError::Newer { path: path.to_owned(), version: found }),
        _ if found < known => Err(JournalError::Migration {
            path: path.to_owned(),
            reason: format!("its schema is {found} and this version reads {known}: start the worker once"),
        }),
        _ => Ok(()),
    }
}

fn migrator() -> Migrator {
    let migration = |(version, name, text): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sqlx::SqlSafeStr::into_sql_str(text), false)
    };
    Migrator::with_migrations(MIGRATIONS.into_iter().map(migration).collect())
}

fn unopened(path: &Path, error: &sqlx::Error) -> JournalError {
    let (path, reason) = (path.to_owned(), error.to_string());
    match primary_code(error) {
        Some(SQLITE_NOTADB | SQLITE_CORRUPT) => JournalError::NotADatabase { path, reason },
        Some(SQLITE_CANTOPEN) => {
            JournalError::CannotOpen { path, reason: "unable to open the database file".to_owned() }
        }
        Some(_) | None => JournalError::CannotOpen { path, reason },
    }
}

fn unmigrated(path: &Path, error: &MigrateError) -> JournalError {
    let path = path.to_owned();
    if let MigrateError::VersionMissing(version) = error {
        return JournalError::Newer { path, version: *version };
    }
    if let MigrateError::Execute(cause) = error {
        return unopened(&path, cause);
    }
    JournalError::Migration { path, reason: error.to_string() }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
