//! Looking up commands and their evidence.

use tokio_postgres::Client;

use super::sql::{self, params};
use crate::contract::CommandId;
use crate::journal::decode::Columns;
use crate::journal::{
    ChildResult, CommandRow, EvidenceRow, Filter, JournalError, Loaded, StateName, Verdict, evidence,
};

/// A command with all that was observed for it.
pub(super) async fn load(client: &Client, id: &CommandId) -> Result<Option<Loaded>, JournalError> {
    let select = "SELECT c.*, (SELECT coalesce(json_agg(observed ORDER BY n), '[]')::text
             FROM bindery.observations WHERE command = c.seq) AS seen
         FROM bindery.commands c WHERE id = $1";
    sql::first(client, select, params![id.as_str()], |row| Columns(row).loaded()).await
}

/// What has not ended.
pub(super) async fn open_commands(client: &Client) -> Result<Vec<CommandRow>, JournalError> {
    let select = "SELECT * FROM bindery.commands WHERE state <> 'ended' ORDER BY seq";
    sql::all(client, select, params![], |row| Columns(row).command()).await
}

/// What matches `filter`.
pub(super) async fn list(client: &Client, filter: &Filter) -> Result<Vec<CommandRow>, JournalError> {
    let select = "SELECT * FROM bindery.commands
         WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR business = $2) AND ($3 IS NULL OR seq < $3)
         ORDER BY seq DESC LIMIT $4";
    let (state, business) = (filter.state.map(StateName::word), filter.business.as_ref().map(|id| id.as_str()));
    let wanted = params![state, business, filter.before, i64::from(filter.limit)];
    sql::all(client, select, wanted, |row| Columns(row).command()).await
}

/// The children of `parent`.
pub(super) async fn children(client: &Client, parent: &CommandId) -> Result<Vec<CommandRow>, JournalError> {
    let select = "SELECT * FROM bindery.commands WHERE parent = $1 ORDER BY ordinal";
    sql::all(client, select, params![parent.as_str()], |row| Columns(row).command()).await
}

/// How the children of `parent` ended.
pub(super) async fn children_results(
    client: &Client,
    parent: &CommandId,
    after: u32,
    limit: u32,
) -> Result<Vec<ChildResult>, JournalError> {
    let select = "SELECT settled, ordinal, id, body, phase, changed, outcome FROM bindery.commands
         WHERE parent = $1 AND settled > $2 ORDER BY settled LIMIT $3";
    let wanted = params![parent.as_str(), i64::from(after), i64::from(limit)];
    sql::all(client, select, wanted, |row| Columns(row).child_result()).await
}

/// Whether the chain of `id` is whole.
pub(super) async fn verify(client: &Client, id: &CommandId) -> Result<Verdict, JournalError> {
    let wanted = params![id.as_str()];
    let end = sql::first(client, CHAIN_END, wanted, |row| {
        Ok((Columns(row).parsed("evidence_head")?, Columns(row).number("evidence_total")?))
    });
    let (head, total) = end.await?.ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })?;
    let rows = chain(client, id, None).await?;
    Ok(evidence::verify(id.as_str(), &rows, &head, total))
}

/// A command's, or that of one that is kept no longer.
const CHAIN_END: &str = "SELECT evidence_head, evidence_total FROM (
         SELECT 0 AS kept, evidence_head, evidence_total FROM bindery.commands WHERE id = $1
         UNION ALL (SELECT 1, evidence_head, evidence_total FROM bindery.endings
             WHERE id = $1 AND evidence_total > 0 ORDER BY seq DESC LIMIT 1)) ends
     ORDER BY kept LIMIT 1";

/// The evidence of a command, all of it or the `last` entries.
pub(super) async fn chain(
    client: &Client,
    id: &CommandId,
    last: Option<usize>,
) -> Result<Vec<EvidenceRow>, JournalError> {
    let select = "SELECT * FROM (SELECT * FROM bindery.evidence
             WHERE command = coalesce((SELECT seq FROM bindery.commands WHERE id = $1),
                 (SELECT max(seq) FROM bindery.endings WHERE id = $1)) ORDER BY n DESC LIMIT $2) last ORDER BY n";
    let limit = last.map(|last| i64::try_from(last).unwrap_or(i64::MAX));
    sql::all(client, select, params![id.as_str(), limit], |row| Columns(row).evidence()).await
}
