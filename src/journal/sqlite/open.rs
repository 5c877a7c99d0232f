//! Opening the SQLite file: durable settings, migrations, and errors that say what to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::error::primary_code;
use crate::journal::JournalError;

/// How long a statement waits for a lock: another process may check or copy the file.
const BUSY_WITHIN: Duration = Duration::from_secs(5);
/// More than the journal has statements: each is prepared once a connection.
const STATEMENTS: usize = 128;

/// Pages in the write-ahead log before it is folded back, 16 MiB: most of them are written again before that.
const CHECKPOINT_PAGES: i32 = 4_096;

/// Every migration's text; the schema's version is the number of those that were run. A released one is never changed.
const MIGRATIONS: [&str; 6] = [
    include_str!("../migrations/sqlite/0001_journal.sql"),
    include_str!("../migrations/sqlite/0002_in_lane.sql"),
    include_str!("../migrations/sqlite/0003_stops.sql"),
    include_str!("../migrations/sqlite/0004_invitations.sql"),
    include_str!("../migrations/sqlite/0005_appended.sql"),
    include_str!("../migrations/sqlite/0006_partner.sql"),
];
/// "bndr": what tells our file from another program's.
const APPLICATION: i32 = 0x626e_6472;

const SQLITE_CORRUPT: i32 = 11;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;

/// How a file is read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    path: PathBuf,
    /// Nobody changes it, and it is read as it lies.
    immutable: bool,
}

impl Reading {
    /// While a worker may have it.
    pub(super) fn beside_a_worker(path: &Path) -> Self {
        Self { path: path.to_owned(), immutable: false }
    }

    pub(super) fn connect(&self) -> Result<Connection, JournalError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(self.uri(), flags).map_err(|error| unopened(&self.path, &error))?;
        prepare(&connection)?;
        Ok(connection)
    }

    fn uri(&self) -> String {
        let immutable = if self.immutable { "?immutable=1" } else { "" };
        format!("file:{}{immutable}", escaped(&self.path))
    }
}

/// The writer's connection, with the schema up to date.
pub(super) fn to_write(path: &Path) -> Result<Connection, JournalError> {
    let connection = connect_to_write(path).map_err(|error| unopened(path, &error))?;
    let (version, application) = (version(&connection), application(&connection));
    let (version, application) =
        version.and_then(|version| Ok((version, application?))).map_err(|error| unopened(path, &error))?;
    if application != APPLICATION && has_tables(&connection).map_err(|error| unopened(path, &error))? {
        let reason = "it is a database of another program".to_owned();
        return Err(JournalError::NotADatabase { path: path.to_owned(), reason });
    }
    migrate(&connection, path, version)?;
    Ok(connection)
}

/// How `path` can be read, tried out.
pub(super) fn to_read(path: &Path) -> Result<Reading, JournalError> {
    let reading = Reading::beside_a_worker(path);
    match look(&reading) {
        // SQLite reads a WAL database only where it can make its `-shm`. In a folder that we may not write to and
        // without a worker nobody changes the file, and it can be read as it lies.
        Err(JournalError::CannotOpen { .. }) if path.exists() && !beside(path, "-wal").exists() => {
            let reading = Reading { immutable: true, ..reading };
            look(&reading).map(|()| reading)
        }
        looked => looked.map(|()| reading),
    }
}

/// The steps that were taken, and those that are known.
pub(super) fn steps(path: &Path) -> Result<(i64, i64), JournalError> {
    let at = version(&Reading::beside_a_worker(path).connect()?).map_err(|error| unopened(path, &error))?;
    let number = |steps| i64::try_from(steps).unwrap_or(i64::MAX);
    Ok((number(at), number(MIGRATIONS.len())))
}

/// A connection that writes: durable at every commit.
pub(super) fn connect_to_write(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    // What was forgotten is given back to the disk, a few pages at a time: `Store::give_back`. Before the first table.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WITHIN)?;
    // Else SQLite plans anew whenever another value is bound, which takes longer than the statement.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Reads the schema's version and refuses another than ours.
fn look(reading: &Reading) -> Result<(), JournalError> {
    let (path, known) = (reading.path.clone(), MIGRATIONS.len());
    let found = version(&reading.connect()?).map_err(|error| unopened(&path, &error))?;
    match found {
        _ if found > known => Err(newer(&path, found)),
        _ if found < known => Err(JournalError::Migration {
            at: path.display().to_string(),
            reason: format!("its schema is {found} and this version reads {known}: start the worker once"),
        }),
        _ => Ok(()),
    }
}

/// Runs what has not been run, each with its new version in one transaction.
fn migrate(connection: &Connection, path: &Path, version: usize) -> Result<(), JournalError> {
    if version > MIGRATIONS.len() {
        return Err(newer(path, version));
    }
    for (number, text) in (1..).zip(MIGRATIONS).skip(version) {
        let text = format!(
            "BEGIN IMMEDIATE; {text}; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {number}; COMMIT;"
        );
        connection.execute_batch(&text).map_err(|error| match primary_code(&error) {
            Some(SQLITE_NOTADB | SQLITE_CORRUPT | SQLITE_CANTOPEN) => unopened(path, &error),
            Some(_) | None => JournalError::Migration { at: path.display().to_string(), reason: error.to_string() },
        })?;
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).map(|version| version as usize)
}

fn application(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    let one = connection.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())).optional()?;
    Ok(one.is_some())
}

fn newer(path: &Path, version: usize) -> JournalError {
    JournalError::Newer { at: path.display().to_string(), version: i64::try_from(version).unwrap_or(i64::MAX) }
}

fn unopened(path: &Path, error: &rusqlite::Error) -> JournalError {
    let (path, reason) = (path.to_owned(), error.to_string());
    match primary_code(error) {
        Some(SQLITE_NOTADB | SQLITE_CORRUPT) => JournalError::NotADatabase { path, reason },
        Some(SQLITE_CANTOPEN) => {
            JournalError::CannotOpen { path, reason: "unable to open the database file".to_owned() }
        }
        Some(_) | None => JournalError::CannotOpen { path, reason },
    }
}

/// A path as it stands in a `file:` URI.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
