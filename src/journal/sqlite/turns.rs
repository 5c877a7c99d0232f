//! Who may begin or goes on, looked up by indexes that hold nobody else.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::sql;
use crate::contract::{BusinessId, CommandId, EmailAddress, Person, PersonId};
use crate::journal::decode::Columns;
use crate::journal::{Alike, JournalError, Placed, StateName};

/// Those of a business that may begin.
pub(super) fn in_front(
    connection: &Connection,
    business: Option<&BusinessId>,
    limit: u32,
) -> Result<Vec<Placed>, JournalError> {
    let select = "SELECT seq, id, business, priority, state, turn, due FROM commands
         WHERE turn = 'front' AND business IS ?1 ORDER BY priority DESC, seq LIMIT ?2";
    sql::all(connection, select, params![business.map(BusinessId::as_str), limit], |row| Columns(row).placed())
}

/// The businesses of which something may begin: from one to the next, over whatever lies between.
pub(super) fn businesses_in_front(connection: &Connection) -> Result<Vec<Option<BusinessId>>, JournalError> {
    let mut found: Vec<Option<BusinessId>> = Vec::new();
    if !in_front(connection, None, 1)?.is_empty() {
        found.push(None);
    }
    let select = "SELECT business FROM commands WHERE turn = 'front' AND business > ?1 ORDER BY business LIMIT 1";
    loop {
        let after = found.last().cloned().flatten().map(String::from).unwrap_or_default();
        match sql::first(connection, select, [after], |row| Columns(row).parsed("business"))? {
            Some(business) => found.push(Some(business)),
            None => return Ok(found),
        }
    }
}

/// What has begun and goes on by itself.
pub(super) fn begun(connection: &Connection, after: i64, limit: u32) -> Result<Vec<Placed>, JournalError> {
    let select = "SELECT seq, id, business, priority, state, turn, due FROM commands
         WHERE turn IN ('holds', 'outside') AND seq > ?1 ORDER BY seq LIMIT ?2";
    sql::all(connection, select, params![after, limit], |row| Columns(row).placed())
}

/// How an open command stands.
pub(super) fn placed(connection: &Connection, id: &CommandId) -> Result<Option<Placed>, JournalError> {
    let select = "SELECT seq, id, business, priority, state, turn, due FROM commands
         WHERE id = ?1 AND state <> 'ended'";
    sql::first(connection, select, [id.as_str()], |row| Columns(row).placed())
}

/// What has not ended, counted.
pub(super) fn count_open(connection: &Connection) -> Result<Vec<Alike>, JournalError> {
    let select = "SELECT body ->> '$.command' AS command, body ->> '$.asset.kind' AS kind, state, cause,
             iif(state = 'pending', since / 60000000, NULL) AS minute, count(*) AS count
         FROM commands WHERE state <> 'ended' GROUP BY 1, 2, 3, 4, 5";
    sql::all(connection, select, [], |row| Columns(row).alike())
}

/// When the first arrived of those that stand so was taken in.
pub(super) fn oldest(
    connection: &Connection,
    state: StateName,
    cause: Option<&str>,
) -> Result<Option<Timestamp>, JournalError> {
    let select = "SELECT accepted_at FROM commands
         WHERE state = ?1 AND state <> 'ended' AND cause IS ?2 ORDER BY seq LIMIT 1";
    sql::first(connection, select, params![state.word(), cause], |row| Columns(row).time("accepted_at"))
}

/// Makes known that `by` offboards a person; who does so already.
pub(super) fn leaves(
    connection: &Connection,
    by: &CommandId,
    business: &BusinessId,
    person: &PersonId,
    email: Option<&EmailAddress>,
) -> Result<Option<CommandId>, JournalError> {
    let select =
        "SELECT command FROM leaving WHERE business = ?1 AND person = ?2 AND command <> ?3 ORDER BY n DESC LIMIT 1";
    let before = sql::first(connection, select, [business.as_str(), person.as_str(), by.as_str()], |row| {
        Columns(row).parsed("command")
    })?;
    let insert =
        "INSERT INTO leaving (command, business, person, email) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    let email = email.map(EmailAddress::as_str);
    sql::run(connection, insert, params![by.as_str(), business.as_str(), person.as_str(), email])?;
    Ok(before)
}

/// Nobody leaves by this command any more.
pub(super) fn stays(connection: &Connection, by: &CommandId) -> Result<(), JournalError> {
    sql::run(connection, "DELETE FROM leaving WHERE command = ?1", [by.as_str()]).map(drop)
}

/// The first open command that offboards the person.
pub(super) fn is_leaving(
    connection: &Connection,
    business: &BusinessId,
    person: &Person,
) -> Result<Option<CommandId>, JournalError> {
    let (select, who) = match person {
        Person::Id(id) => {
            ("SELECT command FROM leaving WHERE business = ?1 AND person = ?2 ORDER BY n LIMIT 1", id.as_str())
        }
        Person::Email(email) => {
            ("SELECT command FROM leaving WHERE business = ?1 AND email = ?2 ORDER BY n LIMIT 1", email.as_str())
        }
    };
    sql::first(connection, select, [business.as_str(), who], |row| Columns(row).parsed("command"))
}

/// Every open command that offboards somebody.
pub(super) fn offboardings(connection: &Connection) -> Result<Vec<CommandId>, JournalError> {
    sql::all(connection, "SELECT command FROM leaving ORDER BY n", [], |row| Columns(row).parsed("command"))
}
