//! What an auditor asks for: all that is kept of a command, the walks that its chain names, what operators did to it.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{prune, read, sql};
use crate::contract::{BusinessId, CommandId, Digest};
use crate::journal::decode::Columns;
use crate::journal::{ChainedWalk, Dossier, JournalError, Kept, Operation};

/// All that is kept of a command, of one moment.
pub(super) fn dossier(connection: &Connection, id: &CommandId) -> Result<Option<Dossier>, JournalError> {
    let moment = connection.unchecked_transaction()?;
    let kept = match read::load(&moment, id)? {
        Some(loaded) => Kept::Whole(Box::new(loaded)),
        None => match prune::find_ending(&moment, id)? {
            Some(ending) => Kept::Ending(ending),
            None => return Ok(None),
        },
    };
    let chain = read::chain(&moment, id, None)?;
    let (head, total) = match &kept {
        Kept::Whole(loaded) => (loaded.row.evidence_head.clone(), loaded.row.evidence_total),
        Kept::Ending(_) => sql::first(&moment, ENDING, [id.as_str()], |row| {
            Ok((Columns(row).parsed("evidence_head")?, Columns(row).number("evidence_total")?))
        })?
        .ok_or_else(|| JournalError::UnknownCommand { id: id.clone() })?,
    };
    Ok(Some(Dossier { kept, chain, head, total }))
}

const ENDING: &str = "SELECT evidence_head, evidence_total FROM endings WHERE id = ?1 ORDER BY seq DESC LIMIT 1";

/// The hash before a walk is that of the one before it in its business.
macro_rules! chained {
    ($which:literal) => {
        concat!(
            "SELECT w.*, (SELECT p.hash FROM walks p WHERE p.business = w.business AND p.n < w.n
                 ORDER BY p.n DESC LIMIT 1) AS previous
             FROM walks w WHERE w.business = ?1 AND ",
            $which
        )
    };
}

/// The walk that left `hash` in the chain of `business`.
pub(super) fn walk_of(
    connection: &Connection,
    business: &BusinessId,
    hash: &Digest,
) -> Result<Option<ChainedWalk>, JournalError> {
    sql::first(connection, chained!("w.hash = ?2"), [business.as_str(), hash.as_str()], |row| {
        Columns(row).chained(business)
    })
}

/// The last whole walk over `list` that had ended by `at`.
pub(super) fn walk_by(
    connection: &Connection,
    business: &BusinessId,
    list: &str,
    at: Timestamp,
) -> Result<Option<ChainedWalk>, JournalError> {
    let select = chained!("w.list = ?2 AND w.ended <= ?3 AND w.complete = 1 ORDER BY w.n DESC LIMIT 1");
    sql::first(connection, select, params![business.as_str(), list, at.as_microsecond()], |row| {
        Columns(row).chained(business)
    })
}

/// What operators did to any of `targets`, or that came to one of them, in order.
pub(super) fn operations_on(connection: &Connection, targets: &[String]) -> Result<Vec<Operation>, JournalError> {
    let targets = serde_json::to_string(targets).expect("texts always are JSON");
    let select = "SELECT * FROM operations o
         WHERE target IN (SELECT value FROM json_each(?1))
            OR EXISTS (SELECT 1 FROM json_each(?1)
                WHERE o.came = 'published as ' || value OR instr(o.came, 'published as ' || value || ',') = 1)
         ORDER BY n";
    sql::all(connection, select, [targets], |row| Columns(row).operation())
}
