//! Looking up commands and their evidence.

use rusqlite::{Connection, params};

use super::sql;
use crate::contract::CommandId;
use crate::journal::decode::Columns;
use crate::journal::{
    ChildResult, CommandRow, EvidenceRow, Filter, JournalError, Loaded, StateName, Verdict, evidence,
};

/// A command with all that was observed for it.
pub(super) fn load(connection: &Connection, id: &CommandId) -> Result<Option<Loaded>, JournalError> {
    // One statement: a moment of its own.
    let select =
        "SELECT c.*, (SELECT json_group_array(observed ORDER BY n) FROM observations WHERE command = c.seq) AS seen
         FROM commands c WHERE id = ?1";
    sql::first(connection, select, [id.as_str()], |row| Columns(row).loaded())
}

/// What has not ended.
pub(super) fn open_commands(connection: &Connection) -> Result<Vec<CommandRow>, JournalError> {
    let select = "SELECT * FROM commands WHERE state <> 'ended' ORDER BY seq";
    sql::all(connection, select, [], |row| Columns(row).command())
}

/// What matches `filter`.
pub(super) fn list(connection: &Connection, filter: &Filter) -> Result<Vec<CommandRow>, JournalError> {
    let select = "SELECT * FROM commands
         WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR business = ?2) AND (?3 IS NULL OR seq < ?3)
         ORDER BY seq DESC LIMIT ?4";
    let (state, business) = (filter.state.map(StateName::word), filter.business.as_ref().map(|id| id.as_str()));
    let wanted = params![state, business, filter.before, filter.limit];
    sql::all(connection, select, wanted, |row| Columns(row).command())
}

/// The children of `parent`.
pub(super) fn children(connection: &Connection, parent: &CommandId) -> Result<Vec<CommandRow>, JournalError> {
    let select = "SELECT * FROM commands WHERE parent = ?1 ORDER BY ordinal";
    sql::all(connection, select, [parent.as_str()], |row| Columns(row).command())
}

/// How the children of `parent` ended.
pub(super) fn children_results(
    connection: &Connection,
    parent: &CommandId,
    after: u32,
    limit: u32,
) -> Result<Vec<ChildResult>, JournalError> {
    let select = "SELECT settled, ordinal, id, body, phase, changed, outcome FROM commands
         WHERE parent = ?1 AND settled > ?2 ORDER BY settled LIMIT ?3";
    sql::all(connection, select, params![parent.as_str(), after, limit], |row| Columns(row).child_result())
}

/// Whether the chain of `id` is whole.
pub(super) fn verify(connection: &Connection, id: &CommandId) -> Result<Verdict, JournalError> {
    // One moment for both.
    let moment = connection.unchecked_transaction()?;
    let end = sql::first(&moment, CHAIN_END, [id.as_str()], |row| {
        Ok((Columns(row).parsed("evidence_head")?, Columns(row).number("evidence_total")?))
    });
    let (head, total) = end?.ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })?;
    let rows = chain(&moment, id, None)?;
    Ok(evidence::verify(id.as_str(), &rows, &head, total))
}

/// A command's, or that of one that is kept no longer.
const CHAIN_END: &str = "SELECT evidence_head, evidence_total FROM commands WHERE id = ?1
    UNION ALL SELECT evidence_head, evidence_total FROM (SELECT * FROM endings
        WHERE id = ?1 AND evidence_total > 0 ORDER BY seq DESC LIMIT 1)
    LIMIT 1";

/// The evidence of a command, all of it or the `last` entries.
pub(super) fn chain(
    connection: &Connection,
    id: &CommandId,
    last: Option<usize>,
) -> Result<Vec<EvidenceRow>, JournalError> {
    let select =
        "SELECT * FROM (SELECT * FROM evidence WHERE command = coalesce((SELECT seq FROM commands WHERE id = ?1),
             (SELECT max(seq) FROM endings WHERE id = ?1)) ORDER BY n DESC LIMIT ?2) ORDER BY n";
    let limit = last.map_or(-1, |last| i64::try_from(last).unwrap_or(i64::MAX));
    sql::all(connection, select, params![id.as_str(), limit], |row| Columns(row).evidence())
}
