//! What an auditor asks for: all that is kept of a command, the walks that its chain names, what operators did to it.
//! Every read is of one moment, so these need no transaction of their own.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, params};
use super::{prune, read};
use crate::contract::{BusinessId, CommandId, Digest};
use crate::journal::decode::Columns;
use crate::journal::{ChainedWalk, Dossier, JournalError, Kept, Operation};

/// All that is kept of a command.
pub(super) async fn dossier(client: &Client, id: &CommandId) -> Result<Option<Dossier>, JournalError> {
    let kept = match read::load(client, id).await? {
        Some(loaded) => Kept::Whole(Box::new(loaded)),
        None => match prune::find_ending(client, id).await? {
            Some(ending) => Kept::Ending(ending),
            None => return Ok(None),
        },
    };
    let chain = read::chain(client, id, None).await?;
    let (head, total) = match &kept {
        Kept::Whole(loaded) => (loaded.row.evidence_head.clone(), loaded.row.evidence_total),
        Kept::Ending(_) => ending_of_chain(client, id).await?,
    };
    Ok(Some(Dossier { kept, chain, head, total }))
}

async fn ending_of_chain(client: &Client, id: &CommandId) -> Result<(Digest, u64), JournalError> {
    let select = "SELECT evidence_head, evidence_total FROM bindery.endings WHERE id = $1 ORDER BY seq DESC LIMIT 1";
    let wanted = params![id.as_str()];
    let found = sql::first(client, select, wanted, |row| {
        Ok((Columns(row).parsed("evidence_head")?, Columns(row).number("evidence_total")?))
    });
    found.await?.ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })
}

/// The hash before a walk is that of the one before it in its business.
macro_rules! chained {
    ($which:literal) => {
        concat!(
            "SELECT w.*, (SELECT p.hash FROM bindery.walks p WHERE p.business = w.business AND p.n < w.n
                 ORDER BY p.n DESC LIMIT 1) AS previous
             FROM bindery.walks w WHERE w.business = $1 AND ",
            $which
        )
    };
}

/// The walk that left `hash` in the chain of `business`.
pub(super) async fn walk_of(
    client: &Client,
    business: &BusinessId,
    hash: &Digest,
) -> Result<Option<ChainedWalk>, JournalError> {
    let wanted = params![business.as_str(), hash.as_str()];
    sql::first(client, chained!("w.hash = $2"), wanted, |row| Columns(row).chained(business)).await
}

/// The last whole walk over `list` that had ended by `at`.
pub(super) async fn walk_by(
    client: &Client,
    business: &BusinessId,
    list: &str,
    at: Timestamp,
) -> Result<Option<ChainedWalk>, JournalError> {
    let select = chained!("w.list = $2 AND w.ended <= $3 AND w.complete ORDER BY w.n DESC LIMIT 1");
    let wanted = params![business.as_str(), list, at.as_microsecond()];
    sql::first(client, select, wanted, |row| Columns(row).chained(business)).await
}

/// What operators did to any of `targets`, or that came to one of them, in order.
pub(super) async fn operations_on(client: &Client, targets: &[String]) -> Result<Vec<Operation>, JournalError> {
    let select = "SELECT * FROM bindery.operations o
         WHERE target = ANY($1)
            OR EXISTS (SELECT 1 FROM unnest($1::text[]) AS t (value)
                WHERE o.came = 'published as ' || value OR starts_with(o.came, 'published as ' || value || ','))
         ORDER BY n";
    sql::all(client, select, params![targets.to_vec()], |row| Columns(row).operation()).await
}
