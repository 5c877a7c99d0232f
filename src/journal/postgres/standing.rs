//! What holds for many commands at once: parked buckets, suspended credentials, and whether the journal still writes.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, params};
use crate::journal::decode::Columns;
use crate::journal::{JournalError, Parked, Suspended};

/// Leaves a bucket alone.
pub(super) async fn park(client: &Client, bucket: &str, until: Timestamp, why: &str) -> Result<(), JournalError> {
    let insert = "INSERT INTO bindery.parked (bucket, until, why) VALUES ($1, $2, $3)
         ON CONFLICT (bucket) DO UPDATE SET until = excluded.until, why = excluded.why";
    sql::run(client, insert, params![bucket, until.as_microsecond(), sql::storable(why)]).await.map(drop)
}

/// Forgets parks that are over.
pub(super) async fn forget_parked(client: &Client, now: Timestamp) -> Result<(), JournalError> {
    sql::run(client, "DELETE FROM bindery.parked WHERE until < $1", params![now.as_microsecond()]).await.map(drop)
}

/// Every park on record.
pub(super) async fn parked(client: &Client) -> Result<Vec<Parked>, JournalError> {
    let select = "SELECT * FROM bindery.parked ORDER BY bucket";
    sql::all(client, select, params![], |row| Columns(row).parked()).await
}

/// Suspends a credential.
pub(super) async fn suspend(client: &Client, suspended: &Suspended) -> Result<(), JournalError> {
    let insert = "INSERT INTO bindery.suspended AS s (credential, fingerprint, since, why) VALUES ($1, $2, $3, $4)
         ON CONFLICT (credential) DO UPDATE SET why = excluded.why, fingerprint = excluded.fingerprint,
             since = CASE WHEN s.fingerprint = excluded.fingerprint THEN s.since ELSE excluded.since END";
    let Suspended { credential, fingerprint, since, why } = suspended;
    let row = params![credential.as_str(), fingerprint.as_str(), since.as_microsecond(), sql::storable(why)];
    sql::run(client, insert, row).await.map(drop)
}

/// Every suspended credential.
pub(super) async fn suspended(client: &Client) -> Result<Vec<Suspended>, JournalError> {
    let select = "SELECT * FROM bindery.suspended ORDER BY credential";
    sql::all(client, select, params![], |row| Columns(row).suspended()).await
}

/// Changes something that nobody reads.
pub(super) async fn beat(client: &Client) -> Result<(), JournalError> {
    sql::run(client, "UPDATE bindery.pulse SET beats = beats + 1", params![]).await.map(drop)
}
