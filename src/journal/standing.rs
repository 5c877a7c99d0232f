//! What holds for many commands at once: parked buckets, suspended credentials, and whether the journal still writes.

use jiff::Timestamp;
use rusqlite::params;

use super::decode::Columns;
use super::entries::{Parked, Suspended};
use super::{Journal, JournalError, sql};

impl Journal {
    /// Leaves a bucket alone until `until`, over restarts too.
    ///
    /// # Errors
    /// Only this process knows of it then.
    pub async fn park(&self, bucket: String, until: Timestamp, why: String) -> Result<(), JournalError> {
        let insert = "INSERT INTO parked (bucket, until, why) VALUES (?1, ?2, ?3)
             ON CONFLICT (bucket) DO UPDATE SET until = excluded.until, why = excluded.why";
        self.change(move |connection| {
            sql::run(connection, insert, params![bucket, until.as_microsecond(), why]).map(drop)
        })
        .await
    }

    /// Forgets parks that were over before `now`.
    ///
    /// # Errors
    /// They stay then, which hurts nobody.
    pub async fn forget_parked(&self, now: Timestamp) -> Result<(), JournalError> {
        self.change(move |connection| {
            sql::run(connection, "DELETE FROM parked WHERE until < ?1", [now.as_microsecond()]).map(drop)
        })
        .await
    }

    /// Every park on record, those that are over too.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn parked(&self) -> Result<Vec<Parked>, JournalError> {
        self.survey(|connection| {
            sql::all(connection, "SELECT * FROM parked ORDER BY bucket", [], |row| {
                let columns = Columns(row);
                Ok(Parked { bucket: columns.text("bucket")?, until: columns.time("until")?, why: columns.text("why")? })
            })
        })
        .await
    }

    /// Suspends a credential; one that is suspended with the same content keeps its `since`.
    ///
    /// # Errors
    /// Only this process knows of it then.
    pub async fn suspend(&self, suspended: Suspended) -> Result<(), JournalError> {
        let insert = "INSERT INTO suspended (credential, fingerprint, since, why) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (credential) DO UPDATE SET why = excluded.why, fingerprint = excluded.fingerprint,
                 since = iif(fingerprint = excluded.fingerprint, since, excluded.since)";
        self.change(move |connection| {
            let Suspended { credential, fingerprint, since, why } = &suspended;
            sql::run(connection, insert, params![credential, fingerprint, since.as_microsecond(), why]).map(drop)
        })
        .await
    }

    /// Lifts a suspension; tells whether there was one.
    ///
    /// # Errors
    /// It stays then.
    pub async fn resume(&self, credential: String) -> Result<bool, JournalError> {
        self.change(move |connection| {
            Ok(sql::run(connection, "DELETE FROM suspended WHERE credential = ?1", [&credential])? > 0)
        })
        .await
    }

    /// Every suspended credential.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn suspended(&self) -> Result<Vec<Suspended>, JournalError> {
        self.survey(|connection| {
            sql::all(connection, "SELECT * FROM suspended ORDER BY credential", [], |row| {
                let columns = Columns(row);
                Ok(Suspended {
                    credential: columns.text("credential")?,
                    fingerprint: columns.text("fingerprint")?,
                    since: columns.time("since")?,
                    why: columns.text("why")?,
                })
            })
        })
        .await
    }

    /// A change that commits: whether the journal still writes.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), JournalError> {
        self.change(|connection| sql::run(connection, "UPDATE pulse SET beats = beats + 1", []).map(drop)).await
    }
}
