//! What holds for many commands at once: parked buckets, suspended credentials, and whether the journal still writes.

use jiff::Timestamp;

use super::decode::Columns;
use super::entries::{Parked, Suspended};
use super::{Journal, JournalError};

impl Journal {
    /// Leaves a bucket alone until `until`, over restarts too.
    ///
    /// # Errors
    /// Only this process knows of it then.
    pub async fn park(&self, bucket: String, until: Timestamp, why: String) -> Result<(), JournalError> {
        self.change((bucket, until, why), |connection, (bucket, until, why)| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO parked (bucket, until, why) VALUES ($1, $2, $3)
                     ON CONFLICT (bucket) DO UPDATE SET until = excluded.until, why = excluded.why",
                )
                .bind(bucket)
                .bind(until.as_microsecond())
                .bind(why)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Forgets parks that were over before `now`.
    ///
    /// # Errors
    /// They stay then, which hurts nobody.
    pub async fn forget_parked(&self, now: Timestamp) -> Result<(), JournalError> {
        self.change(now, |connection, now| {
            Box::pin(async move {
                let over = sqlx::query("DELETE FROM parked WHERE until < $1").bind(now.as_microsecond());
                over.execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    /// Every park on record, those that are over too.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn parked(&self) -> Result<Vec<Parked>, JournalError> {
        let rows = sqlx::query("SELECT * FROM parked ORDER BY bucket").fetch_all(&self.shared.readers).await?;
        let parked = |row| {
            let columns = Columns(row);
            Ok(Parked { bucket: columns.text("bucket")?, until: columns.time("until")?, why: columns.text("why")? })
        };
        rows.iter().map(parked).collect()
    }

    /// Suspends a credential; one that is suspended with the same content keeps its `since`.
    ///
    /// # Errors
    /// Only this process knows of it then.
    pub async fn suspend(&self, suspended: Suspended) -> Result<(), JournalError> {
        self.change(suspended, |connection, suspended| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO suspended (credential, fingerprint, since, why) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (credential) DO UPDATE SET why = excluded.why, fingerprint = excluded.fingerprint,
                         since = iif(fingerprint = excluded.fingerprint, since, excluded.since)",
                )
                .bind(&suspended.credential)
                .bind(&suspended.fingerprint)
                .bind(suspended.since.as_microsecond())
                .bind(&suspended.why)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Lifts a suspension; tells whether there was one.
    ///
    /// # Errors
    /// It stays then.
    pub async fn resume(&self, credential: String) -> Result<bool, JournalError> {
        self.change(credential, |connection, credential| {
            Box::pin(async move {
                let lifted = sqlx::query("DELETE FROM suspended WHERE credential = $1").bind(credential);
                Ok(lifted.execute(connection).await?.rows_affected() > 0)
            })
        })
        .await
    }

    /// Every suspended credential.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn suspended(&self) -> Result<Vec<Suspended>, JournalError> {
        let rows = sqlx::query("SELECT * FROM suspended ORDER BY credential").fetch_all(&self.shared.readers).await?;
        let suspended = |row| {
            let columns = Columns(row);
            Ok(Suspended {
                credential: columns.text("credential")?,
                fingerprint: columns.text("fingerprint")?,
                since: columns.time("since")?,
                why: columns.text("why")?,
            })
        };
        rows.iter().map(suspended).collect()
    }

    /// A change that commits: whether the journal still writes.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), JournalError> {
        self.change((), |connection, ()| {
            Box::pin(async move {
                sqlx::query("UPDATE pulse SET beats = beats + 1").execute(connection).await?;
                Ok(())
            })
        })
        .await
    }
}
