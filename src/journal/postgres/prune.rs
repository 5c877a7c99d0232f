//! Forgetting what is kept no longer, a bounded batch at a time; what must hold is said in
//! [`forgetting`](crate::journal::forgetting).

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, params};
use crate::contract::CommandId;
use crate::journal::decode::Columns;
use crate::journal::{Ending, Forgotten, Horizons, JournalError};

/// Rows in one batch, about: a few milliseconds of the writer's time.
const ROWS_MAX: i64 = 1_000;
/// Commands in one batch, at most.
const COMMANDS_MAX: i64 = 64;

/// The last ending under an id.
pub(super) async fn find_ending(client: &Client, id: &CommandId) -> Result<Option<Ending>, JournalError> {
    let select = "SELECT * FROM bindery.endings WHERE id = $1 ORDER BY seq DESC LIMIT 1";
    sql::first(client, select, params![id.as_str()], |row| Columns(row).ending()).await
}

/// Forgets one batch of `what`; how many went.
pub(super) async fn forget(client: &Client, what: Forgotten, before: &Horizons) -> Result<u64, JournalError> {
    match what {
        Forgotten::Commands => commands(client, before.commands).await,
        Forgotten::Answers => one(client, ANSWERS, before.commands).await,
        Forgotten::Ids => one(client, IDS, before.ids).await,
        Forgotten::Evidence => drop_batch(client, EVIDENCE_TO_GO, before.evidence, &EVIDENCE_GOING).await,
        Forgotten::Walks => one(client, WALKS, before.evidence).await,
        Forgotten::Denials => one(client, DENIALS, before.denials).await,
        Forgotten::Removals => one(client, REMOVALS, before.removals).await,
        Forgotten::Cancels => one(client, CANCELS, before.now).await,
    }
}

/// The oldest roots that ended before `$1`, whose family has ended too, whose events are with the broker, and for whom
/// or whose children nobody waits; `$2` of them.
macro_rules! over {
    () => {
        "SELECT c.id, c.seq, c.observed AS rows FROM bindery.commands c
            WHERE c.parent IS NULL AND c.ended_at < $1
                AND NOT EXISTS (SELECT 1 FROM bindery.commands k WHERE k.parent = c.id AND k.state <> 'ended')
                AND NOT EXISTS (SELECT 1 FROM bindery.events e JOIN bindery.outbox o ON o.event = e.n
                    WHERE e.command = c.id AND e.sequence IS NOT NULL AND e.exchange = 'events')
                AND NOT EXISTS (SELECT 1 FROM bindery.commands w JOIN bindery.commands t ON t.id = w.target
                    WHERE w.state = 'awaiting' AND (t.id = c.id OR t.parent = c.id))
            ORDER BY c.ended_at LIMIT $2"
    };
}

const COMMANDS_TO_GO: &str = over!();
const CHILDREN_TO_GO: &str = concat!(
    "SELECT k.seq, k.observed AS rows FROM bindery.commands k WHERE k.parent IN (SELECT id FROM (",
    over!(),
    ") parents) LIMIT $2"
);
/// Evidence goes with the ending that led to it, unless its id is still to be known.
const EVIDENCE_TO_GO: &str = "SELECT seq, evidence_total AS rows FROM bindery.endings
    WHERE ended_at < $1 AND (evidence_total > 0 OR fingerprint IS NULL) ORDER BY ended_at LIMIT $2";

/// Children first: they point at their parent, and a thousand of them are not one batch.
async fn commands(client: &Client, before: Timestamp) -> Result<u64, JournalError> {
    match drop_batch(client, CHILDREN_TO_GO, before, &COMMANDS_GOING).await? {
        0 => drop_batch(client, COMMANDS_TO_GO, before, &COMMANDS_GOING).await,
        children => Ok(children),
    }
}

/// Finds a batch and runs each statement on it.
async fn drop_batch(client: &Client, found: &str, before: Timestamp, statements: &[&str]) -> Result<u64, JournalError> {
    let bounds = params![before.as_microsecond(), COMMANDS_MAX];
    let sizes =
        sql::all(client, found, bounds, |row| Ok((Columns(row).integer("seq")?, Columns(row).integer("rows")?)));
    let batch = a_batch(sizes.await?);
    if batch.is_empty() {
        return Ok(0);
    }
    for statement in statements {
        sql::run(client, statement, params![batch]).await?;
    }
    Ok(batch.len() as u64)
}

/// The ending first, then all that points at a command, then the command.
const COMMANDS_GOING: [&str; 8] = [
    "INSERT INTO bindery.endings (seq, id, fingerprint, phase, event_id, ended_at, evidence_head, evidence_total)
     SELECT c.seq, c.id, CASE WHEN c.parent IS NULL THEN c.fingerprint END, c.phase,
         (SELECT e.event_id FROM bindery.events e
          WHERE e.command = c.id AND e.terminal AND e.sequence IS NOT NULL AND e.exchange = 'events'),
         c.ended_at, c.evidence_head, c.evidence_total
     FROM bindery.commands c WHERE c.seq = ANY($1)",
    "DELETE FROM bindery.observations WHERE command = ANY($1)",
    "DELETE FROM bindery.replies WHERE command IN (SELECT id FROM bindery.commands WHERE seq = ANY($1))",
    "DELETE FROM bindery.watches WHERE command IN (SELECT id FROM bindery.commands WHERE seq = ANY($1))",
    "DELETE FROM bindery.invitations WHERE command IN (SELECT id FROM bindery.commands WHERE seq = ANY($1))",
    "DELETE FROM bindery.cancels WHERE target IN (SELECT id FROM bindery.commands WHERE seq = ANY($1))",
    "DELETE FROM bindery.events WHERE sequence IS NOT NULL AND exchange = 'events'
         AND command IN (SELECT id FROM bindery.commands WHERE seq = ANY($1))",
    "DELETE FROM bindery.commands WHERE seq = ANY($1)",
];

const EVIDENCE_GOING: [&str; 3] = [
    "DELETE FROM bindery.evidence WHERE command = ANY($1)",
    "DELETE FROM bindery.endings WHERE fingerprint IS NULL AND seq = ANY($1)",
    "UPDATE bindery.endings SET evidence_total = 0 WHERE seq = ANY($1)",
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

const ANSWERS: &str = "DELETE FROM bindery.events WHERE n = ANY(ARRAY(SELECT n FROM bindery.events e
    WHERE e.command IS NULL AND e.stored_at < $1
        AND NOT EXISTS (SELECT 1 FROM bindery.outbox o WHERE o.event = e.n) LIMIT $2))";
const IDS: &str = "UPDATE bindery.endings SET fingerprint = NULL WHERE seq = ANY(ARRAY(SELECT seq FROM bindery.endings
    WHERE fingerprint IS NOT NULL AND ended_at < $1 LIMIT $2))";
/// The last walk over a list says when the next is due, and the last of a business is the end of its chain.
const WALKS: &str = "DELETE FROM bindery.walks WHERE n = ANY(ARRAY(SELECT w.n FROM bindery.walks w WHERE w.ended < $1
    AND EXISTS (SELECT 1 FROM bindery.walks l WHERE l.business = w.business AND l.list = w.list AND l.n > w.n) LIMIT $2))";
const DENIALS: &str = "DELETE FROM bindery.denials WHERE (business, asset, access) IN
    (SELECT business, asset, access FROM bindery.denials WHERE at < $1 LIMIT $2)";
/// Removals are stored in the order of time, or nearly so: the oldest batch is looked at, no more.
const REMOVALS: &str = "DELETE FROM bindery.removals WHERE at < $1
    AND n = ANY(ARRAY(SELECT n FROM bindery.removals ORDER BY n LIMIT $2))";
const CANCELS: &str = "DELETE FROM bindery.cancels WHERE (target, by) IN
    (SELECT target, by FROM bindery.cancels WHERE until < $1 LIMIT $2)";

async fn one(client: &Client, statement: &str, before: Timestamp) -> Result<u64, JournalError> {
    sql::run(client, statement, params![before.as_microsecond(), ROWS_MAX]).await
}
