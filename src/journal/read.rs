//! Looking up commands and their evidence.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::decode::Columns;
use super::entries::{EvidenceRow, Verdict};
use super::rows::{ChildResult, CommandRow, Filter, Loaded, StateName};
use super::{Journal, JournalError, accept, evidence, sql};
use crate::contract::CommandId;

impl Journal {
    /// A command with all that was observed for it, as of one moment.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn load(&self, id: &CommandId) -> Result<Option<Loaded>, JournalError> {
        // One statement: a moment of its own.
        let select =
            "SELECT c.*, (SELECT json_group_array(observed ORDER BY n) FROM observations WHERE command = c.seq) AS seen
             FROM commands c WHERE id = ?1";
        self.look(|connection| sql::first(connection, select, [id.as_str()], |row| Columns(row).loaded()))
    }

    /// Every command that has not ended, in order of arrival.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn open_commands(&self) -> Result<Vec<CommandRow>, JournalError> {
        let select = "SELECT * FROM commands WHERE state <> 'ended' ORDER BY seq";
        self.survey(move |connection| sql::all(connection, select, [], |row| Columns(row).command())).await
    }

    /// One command.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn find(&self, id: &CommandId) -> Result<Option<CommandRow>, JournalError> {
        self.look(|connection| accept::find(connection, id))
    }

    /// Commands that match, the last arrived first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<CommandRow>, JournalError> {
        let select = "SELECT * FROM commands
             WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR business = ?2) AND (?3 IS NULL OR seq < ?3)
             ORDER BY seq DESC LIMIT ?4";
        let filter = filter.clone();
        self.survey(move |connection| {
            let (state, business) = (filter.state.map(StateName::word), filter.business.as_ref().map(|id| id.as_str()));
            let wanted = params![state, business, filter.before, filter.limit];
            sql::all(connection, select, wanted, |row| Columns(row).command())
        })
        .await
    }

    /// The children of a command, in their order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn children(&self, parent: &CommandId) -> Result<Vec<CommandRow>, JournalError> {
        let (select, parent) = ("SELECT * FROM commands WHERE parent = ?1 ORDER BY ordinal", parent.clone());
        self.survey(move |connection| sql::all(connection, select, [parent.as_str()], |row| Columns(row).command()))
            .await
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
        let select = "SELECT settled, ordinal, id, body, phase, changed, outcome FROM commands
             WHERE parent = ?1 AND settled > ?2 ORDER BY settled LIMIT ?3";
        let parent = parent.clone();
        self.survey(move |connection| {
            sql::all(connection, select, params![parent.as_str(), after, limit], |row| Columns(row).child_result())
        })
        .await
    }

    /// The evidence of a command in order: all of it, or the `last` entries.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn evidence(&self, id: &CommandId, last: Option<usize>) -> Result<Vec<EvidenceRow>, JournalError> {
        let id = id.clone();
        self.survey(move |connection| chain(connection, &id, last)).await
    }

    /// Whether a command's chain is whole; where it is not, the first entry that does not follow.
    ///
    /// # Errors
    /// `UnknownCommand`, or when the file cannot be read.
    pub async fn verify(&self, id: &CommandId) -> Result<Verdict, JournalError> {
        let id = id.clone();
        self.survey(move |connection| {
            // One moment for both.
            let moment = connection.unchecked_transaction()?;
            let end = sql::first(&moment, CHAIN_END, [id.as_str()], |row| {
                Ok((Columns(row).parsed("evidence_head")?, Columns(row).number("evidence_total")?))
            });
            let (head, total) = end?.ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })?;
            let rows = chain(&moment, &id, None)?;
            Ok(evidence::verify(id.as_str(), &rows, &head, total))
        })
        .await
    }

    /// How many commands are in each state; a state without any is left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn counts(&self) -> Result<BTreeMap<StateName, u64>, JournalError> {
        let select = "SELECT state, count(*) AS count FROM commands GROUP BY state";
        let counts = self.survey(move |connection| {
            sql::all(connection, select, [], |row| Ok((Columns(row).parsed("state")?, Columns(row).number("count")?)))
        });
        Ok(counts.await?.into_iter().collect())
    }
}

/// A command's, or that of one that is kept no longer.
const CHAIN_END: &str = "SELECT evidence_head, evidence_total FROM commands WHERE id = ?1
    UNION ALL SELECT evidence_head, evidence_total FROM (SELECT * FROM endings
        WHERE id = ?1 AND evidence_total > 0 ORDER BY seq DESC LIMIT 1)
    LIMIT 1";

fn chain(connection: &Connection, id: &CommandId, last: Option<usize>) -> Result<Vec<EvidenceRow>, JournalError> {
    let select =
        "SELECT * FROM (SELECT * FROM evidence WHERE command = coalesce((SELECT seq FROM commands WHERE id = ?1),
             (SELECT max(seq) FROM endings WHERE id = ?1)) ORDER BY n DESC LIMIT ?2) ORDER BY n";
    let limit = last.map_or(-1, |last| i64::try_from(last).unwrap_or(i64::MAX));
    sql::all(connection, select, params![id.as_str(), limit], |row| Columns(row).evidence())
}
