//! Forgetting what is kept no longer, a bounded batch at a time, so that the writer is never held for long.
//!
//! # What must hold
//! A command goes as a whole: its row, observations, events, requesters, watch, and all of its children before it. What
//! stays of each is an *ending*: enough to know a duplicate, and to find its evidence. Killed between any two batches,
//! the next pass goes on where this one stood.
//!
//! Never forgotten: what is open, what has an event that the broker has not confirmed, what another command waits for.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::sql;
use crate::contract::CommandId;
use crate::journal::decode::Columns;
use crate::journal::{Ending, Forgotten, Horizons, JournalError};

/// Rows in one batch, about: a few milliseconds of the writer's time.
const ROWS_MAX: i64 = 1_000;
/// Commands in one batch, at most.
const COMMANDS_MAX: i64 = 64;

/// How many pages of the file hold nothing, and how many it has.
pub(super) fn free_pages(connection: &Connection) -> Result<(u64, u64), JournalError> {
    Ok((count(connection, "PRAGMA freelist_count")?, count(connection, "PRAGMA page_count")?))
}

/// The last ending under an id.
pub(super) fn find_ending(connection: &Connection, id: &CommandId) -> Result<Option<Ending>, JournalError> {
    let select = "SELECT * FROM endings WHERE id = ?1 ORDER BY seq DESC LIMIT 1";
    sql::first(connection, select, [id.as_str()], |row| Columns(row).ending())
}

/// Forgets one batch of `what`; how many went.
pub(super) fn forget(connection: &Connection, what: Forgotten, before: &Horizons) -> Result<u64, JournalError> {
    match what {
        Forgotten::Commands => commands(connection, before.commands),
        Forgotten::Answers => one(connection, ANSWERS, before.commands),
        Forgotten::Ids => one(connection, IDS, before.ids),
        Forgotten::Evidence => drop_batch(connection, &evidence_to_go(), before.evidence, &EVIDENCE_GOING),
        Forgotten::Walks => one(connection, WALKS, before.evidence),
        Forgotten::Denials => one(connection, DENIALS, before.denials),
        Forgotten::Removals => one(connection, REMOVALS, before.removals),
        Forgotten::Cancels => one(connection, CANCELS, before.now),
    }
}

/// The oldest roots that ended before `?1`, whose family has ended too, whose events are with the broker, and for whom
/// or whose children nobody waits.
const OVER: &str = "SELECT c.id, c.seq, c.observed AS rows FROM commands c
    WHERE c.parent IS NULL AND c.ended_at < ?1
        AND NOT EXISTS (SELECT 1 FROM commands k WHERE k.parent = c.id AND k.state <> 'ended')
        AND NOT EXISTS (SELECT 1 FROM events e JOIN outbox o ON o.event = e.n
            WHERE e.command = c.id AND e.sequence IS NOT NULL AND e.exchange = 'events')
        AND NOT EXISTS (SELECT 1 FROM commands w JOIN commands t ON t.id = w.target
            WHERE w.state = 'awaiting' AND (t.id = c.id OR t.parent = c.id))
    ORDER BY c.ended_at LIMIT ";

/// Children first: they point at their parent, and a thousand of them are not one batch.
fn commands(connection: &Connection, before: Timestamp) -> Result<u64, JournalError> {
    match drop_batch(connection, &children_to_go(), before, &COMMANDS_GOING)? {
        0 => drop_batch(connection, &commands_to_go(), before, &COMMANDS_GOING),
        children => Ok(children),
    }
}

fn children_to_go() -> String {
    format!(
        "SELECT k.seq, k.observed AS rows FROM commands k
         WHERE k.parent IN (SELECT id FROM ({OVER} {COMMANDS_MAX})) LIMIT {COMMANDS_MAX}"
    )
}

fn commands_to_go() -> String {
    format!("{OVER} {COMMANDS_MAX}")
}

/// Evidence goes with the ending that led to it, unless its id is still to be known.
fn evidence_to_go() -> String {
    format!(
        "SELECT seq, evidence_total AS rows FROM endings
         WHERE ended_at < ?1 AND (evidence_total > 0 OR fingerprint IS NULL) ORDER BY ended_at LIMIT {COMMANDS_MAX}"
    )
}

/// Finds a batch and runs each statement on it, as a JSON list of places in the order of arrival.
fn drop_batch(
    connection: &Connection,
    found: &str,
    before: Timestamp,
    statements: &[&str],
) -> Result<u64, JournalError> {
    let size = |row: &rusqlite::Row<'_>| Ok((Columns(row).integer("seq")?, Columns(row).integer("rows")?));
    let batch = a_batch(sql::all(connection, found, [before.as_microsecond()], size)?);
    if batch.is_empty() {
        return Ok(0);
    }
    let seqs = serde_json::to_string(&batch).expect("numbers always are JSON");
    for statement in statements {
        sql::run(connection, statement, [&seqs])?;
    }
    Ok(batch.len() as u64)
}

/// The ending first, then all that points at a command, then the command. `?1` is the batch as a JSON list.
const COMMANDS_GOING: [&str; 8] = [
    "INSERT INTO endings (seq, id, fingerprint, phase, event_id, ended_at, evidence_head, evidence_total)
     SELECT c.seq, c.id, iif(c.parent IS NULL, c.fingerprint, NULL), c.phase,
         (SELECT e.event_id FROM events e
          WHERE e.command = c.id AND e.terminal = 1 AND e.sequence IS NOT NULL AND e.exchange = 'events'),
         c.ended_at, c.evidence_head, c.evidence_total
     FROM commands c WHERE c.seq IN (SELECT value FROM json_each(?1))",
    "DELETE FROM observations WHERE command IN (SELECT value FROM json_each(?1))",
    "DELETE FROM replies WHERE command IN
         (SELECT id FROM commands WHERE seq IN (SELECT value FROM json_each(?1)))",
    "DELETE FROM watches WHERE command IN
         (SELECT id FROM commands WHERE seq IN (SELECT value FROM json_each(?1)))",
    "DELETE FROM invitations WHERE command IN
         (SELECT id FROM commands WHERE seq IN (SELECT value FROM json_each(?1)))",
    "DELETE FROM cancels WHERE target IN
         (SELECT id FROM commands WHERE seq IN (SELECT value FROM json_each(?1)))",
    "DELETE FROM events WHERE sequence IS NOT NULL AND exchange = 'events' AND command IN
         (SELECT id FROM commands WHERE seq IN (SELECT value FROM json_each(?1)))",
    "DELETE FROM commands WHERE seq IN (SELECT value FROM json_each(?1))",
];

const EVIDENCE_GOING: [&str; 3] = [
    "DELETE FROM evidence WHERE command IN (SELECT value FROM json_each(?1))",
    "DELETE FROM endings WHERE fingerprint IS NULL AND seq IN (SELECT value FROM json_each(?1))",
    "UPDATE endings SET evidence_total = 0 WHERE seq IN (SELECT value FROM json_each(?1))",
];

/// As many of these as have no more rows than a batch should, and at least one.
fn a_batch(sizes: Vec<(i64, i64)>) -> Vec<i64> {
    let mut rows = 0;
    let fits = |(seq, size): (i64, i64)| {
        let first = rows == 0;
        rows += size.max(0) + 1;
        (first || rows <= ROWS_MAX).then_some(seq)
    };
    sizes.into_iter().map_while(fits).collect()
}

const ANSWERS: &str =
    "DELETE FROM events WHERE n IN (SELECT n FROM events e WHERE e.command IS NULL AND e.stored_at < ?1
    AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.event = e.n) LIMIT ?2)";
const IDS: &str = "UPDATE endings SET fingerprint = NULL
    WHERE seq IN (SELECT seq FROM endings WHERE fingerprint IS NOT NULL AND ended_at < ?1 LIMIT ?2)";
/// The last walk over a list says when the next is due, and the last of a business is the end of its chain.
const WALKS: &str = "DELETE FROM walks WHERE n IN (SELECT w.n FROM walks w WHERE w.ended < ?1
    AND EXISTS (SELECT 1 FROM walks l WHERE l.business = w.business AND l.list = w.list AND l.n > w.n) LIMIT ?2)";
const DENIALS: &str = "DELETE FROM denials WHERE (business, asset, access) IN
    (SELECT business, asset, access FROM denials WHERE at < ?1 LIMIT ?2)";
/// Removals are stored in the order of time, or nearly so: the oldest batch is looked at, no more.
const REMOVALS: &str = "DELETE FROM removals WHERE at < ?1
    AND rowid IN (SELECT rowid FROM removals ORDER BY rowid LIMIT ?2)";
const CANCELS: &str = "DELETE FROM cancels WHERE (target, by) IN
    (SELECT target, by FROM cancels WHERE until < ?1 LIMIT ?2)";

fn one(connection: &Connection, statement: &str, before: Timestamp) -> Result<u64, JournalError> {
    Ok(sql::run(connection, statement, params![before.as_microsecond(), ROWS_MAX])? as u64)
}

/// Gives pages that hold nothing back to the disk; how many there still are.
pub(super) fn give_back(connection: &Connection, pages: u32) -> Result<u64, JournalError> {
    let statement = format!("PRAGMA incremental_vacuum({})", pages.max(1));
    sql::all(connection, &statement, [], |_| Ok(()))?;
    count(connection, "PRAGMA freelist_count")
}

fn count(connection: &Connection, pragma: &str) -> Result<u64, JournalError> {
    let count = sql::first(connection, pragma, [], |row| Ok(row.get::<_, i64>(0)?))?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// Every statement, for a look at how it is carried out.
#[cfg(test)]
pub(super) fn statements() -> Vec<String> {
    let found = [children_to_go(), commands_to_go(), evidence_to_go()];
    let single = [ANSWERS, IDS, WALKS].into_iter().chain(COMMANDS_GOING).chain(EVIDENCE_GOING);
    found.into_iter().chain(single.map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_bounded_by_rows_and_never_empty() {
        assert_eq!(a_batch(vec![(1, 10), (2, 10)]), [1, 2]);
        assert_eq!(a_batch(vec![(1, 600), (2, 600), (3, 1)]), [1]);
        assert_eq!(a_batch(vec![(1, 1_000_000), (2, 1)]), [1], "one that is larger than a batch goes alone");
        assert_eq!(a_batch(vec![]), [] as [i64; 0]);
    }
}
