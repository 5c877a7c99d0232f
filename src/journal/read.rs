//! Looking up commands and their evidence.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;

use super::decode::Columns;
use super::entries::{EvidenceRow, Verdict};
use super::rows::{ChildResult, CommandRow, Filter, Intent, Loaded, StateName};
use super::{Journal, JournalError, evidence};
use crate::contract::CommandId;

impl Journal {
    /// A command with all that was observed for it, as of one moment.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn load(&self, id: &CommandId) -> Result<Option<Loaded>, JournalError> {
        // One statement: a moment of its own, and one round trip.
        let row = sqlx::query(
            "SELECT c.*, (SELECT json_group_array(observed ORDER BY n) FROM observations WHERE command = c.seq) AS seen
             FROM commands c WHERE id = $1",
        );
        let Some(row) = row.bind(id.as_str()).fetch_optional(&self.shared.readers).await? else { return Ok(None) };
        let columns = Columns(&row);
        let intent = match (columns.optional_text("intent_call")?, columns.optional_time("intent_at")?) {
            (Some(call), Some(at)) => Some(Intent { call, at }),
            _ => None,
        };
        Ok(Some(Loaded { row: columns.command()?, observations: columns.texts("seen")?, intent }))
    }

    /// Every command that has not ended, in order of arrival.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn open_commands(&self) -> Result<Vec<CommandRow>, JournalError> {
        let rows = sqlx::query("SELECT * FROM commands WHERE state <> 'ended' ORDER BY seq")
            .fetch_all(&self.shared.readers)
            .await?;
        rows.iter().map(|row| Columns(row).command()).collect()
    }

    /// One command.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn find(&self, id: &CommandId) -> Result<Option<CommandRow>, JournalError> {
        let row = sqlx::query("SELECT * FROM commands WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.shared.readers)
            .await?;
        row.map(|row| Columns(&row).command()).transpose()
    }

    /// Commands that match, the last arrived first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<CommandRow>, JournalError> {
        let rows = sqlx::query(
            "SELECT * FROM commands
             WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR business = $2) AND ($3 IS NULL OR seq < $3)
             ORDER BY seq DESC LIMIT $4",
        )
        .bind(filter.state.map(StateName::word))
        .bind(filter.business.as_ref().map(|id| id.as_str()))
        .bind(filter.before)
        .bind(i64::from(filter.limit))
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(|row| Columns(row).command()).collect()
    }

    /// The children of a command, in their order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn children(&self, parent: &CommandId) -> Result<Vec<CommandRow>, JournalError> {
        let rows = sqlx::query("SELECT * FROM commands WHERE parent = $1 ORDER BY ordinal")
            .bind(parent.as_str())
            .fetch_all(&self.shared.readers)
            .await?;
        rows.iter().map(|row| Columns(row).command()).collect()
    }

    /// How the children of a command ended, in the order in which they did, behind place `after` (0: from the first).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn children_results(
        &self,
        parent: &CommandId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<ChildResult>, JournalError> {
        let rows = sqlx::query(
            "SELECT settled, ordinal, id, body, phase, changed, outcome FROM commands
             WHERE parent = $1 AND settled > $2 ORDER BY settled LIMIT $3",
        )
        .bind(parent.as_str())
        .bind(i64::from(after))
        .bind(i64::from(limit))
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(|row| Columns(row).child_result()).collect()
    }

    /// The evidence of a command in order: all of it, or the `last` entries.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn evidence(&self, id: &CommandId, last: Option<usize>) -> Result<Vec<EvidenceRow>, JournalError> {
        chain(&mut *self.shared.readers.acquire().await?, id, last).await
    }

    /// Whether a command's chain is whole; where it is not, the first entry that does not follow.
    ///
    /// # Errors
    /// `UnknownCommand`, or when the file cannot be read.
    pub async fn verify(&self, id: &CommandId) -> Result<Verdict, JournalError> {
        let mut moment = self.shared.readers.begin().await?;
        let row = sqlx::query("SELECT evidence_head, evidence_total FROM commands WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut *moment)
            .await?
            .ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })?;
        let rows = chain(&mut moment, id, None).await?;
        let columns = Columns(&row);
        Ok(evidence::verify(id.as_str(), &rows, &columns.parsed("evidence_head")?, columns.number("evidence_total")?))
    }

    /// How many commands are in each state; a state without any is left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn counts(&self) -> Result<BTreeMap<StateName, u64>, JournalError> {
        let rows = sqlx::query("SELECT state, count(*) AS count FROM commands GROUP BY state")
            .fetch_all(&self.shared.readers)
            .await?;
        rows.iter().map(|row| Ok((Columns(row).parsed("state")?, Columns(row).number("count")?))).collect()
    }
}

async fn chain(
    connection: &mut SqliteConnection,
    id: &CommandId,
    last: Option<usize>,
) -> Result<Vec<EvidenceRow>, JournalError> {
    let limit = last.map_or(-1, |last| i64::try_from(last).unwrap_or(i64::MAX));
    let rows = sqlx::query(
        "SELECT * FROM (SELECT e.* FROM evidence e JOIN commands c ON c.seq = e.command
         WHERE c.id = $1 ORDER BY e.n DESC LIMIT $2) ORDER BY n",
    )
    .bind(id.as_str())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Columns(row).evidence()).collect()
}
