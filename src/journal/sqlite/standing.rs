//! What holds for many commands at once: parked buckets, suspended credentials, and whether the journal still writes.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::sql;
use crate::journal::decode::Columns;
use crate::journal::{JournalError, Parked, Suspended};

/// Leaves a bucket alone.
pub(super) fn park(connection: &Connection, bucket: &str, until: Timestamp, why: &str) -> Result<(), JournalError> {
    let insert = "INSERT INTO parked (bucket, until, why) VALUES (?1, ?2, ?3)
         ON CONFLICT (bucket) DO UPDATE SET until = excluded.until, why = excluded.why";
    sql::run(connection, insert, params![bucket, until.as_microsecond(), why]).map(drop)
}

/// Forgets parks that are over.
pub(super) fn forget_parked(connection: &Connection, now: Timestamp) -> Result<(), JournalError> {
    sql::run(connection, "DELETE FROM parked WHERE until < ?1", [now.as_microsecond()]).map(drop)
}

/// Every park on record.
pub(super) fn parked(connection: &Connection) -> Result<Vec<Parked>, JournalError> {
    sql::all(connection, "SELECT * FROM parked ORDER BY bucket", [], |row| Columns(row).parked())
}

/// Suspends a credential.
pub(super) fn suspend(connection: &Connection, suspended: &Suspended) -> Result<(), JournalError> {
    let insert = "INSERT INTO suspended (credential, fingerprint, since, why) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (credential) DO UPDATE SET why = excluded.why, fingerprint = excluded.fingerprint,
             since = iif(fingerprint = excluded.fingerprint, since, excluded.since)";
    let Suspended { credential, fingerprint, since, why } = suspended;
    sql::run(connection, insert, params![credential, fingerprint, since.as_microsecond(), why]).map(drop)
}

/// Every suspended credential.
pub(super) fn suspended(connection: &Connection) -> Result<Vec<Suspended>, JournalError> {
    sql::all(connection, "SELECT * FROM suspended ORDER BY credential", [], |row| Columns(row).suspended())
}

/// Changes something that nobody reads.
pub(super) fn beat(connection: &Connection) -> Result<(), JournalError> {
    sql::run(connection, "UPDATE pulse SET beats = beats + 1", []).map(drop)
}
