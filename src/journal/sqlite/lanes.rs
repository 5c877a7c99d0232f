//! Lanes, and whose turn it is in them. A lane's first row is whoever has its turn there, or else who comes next.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::sql;
use crate::contract::BusinessId;
use crate::journal::decode::Columns;
use crate::journal::{JournalError, LetIn, Placed, StateName, Turn};

/// The lanes of a command, as its row has them.
pub(super) fn of(lane: Option<&str>) -> impl Iterator<Item = &str> + Clone {
    lane.into_iter().flat_map(|lanes| lanes.split(' '))
}

/// Whether a command that comes only now would be the first in all its lanes.
pub(super) fn are_free(connection: &Connection, lane: Option<&str>) -> Result<bool, JournalError> {
    for name in of(lane) {
        if first_in(connection, name)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts a command into its lanes, where its turn is known.
pub(super) fn join(connection: &Connection, seq: i64, lane: Option<&str>, turn: Turn) -> Result<(), JournalError> {
    for name in of(lane) {
        let insert = "INSERT INTO lanes (lane, behind, command) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        sql::run(connection, insert, params![name, turn == Turn::Behind, seq])?;
    }
    Ok(())
}

/// Lets a command into its lanes; whether it has its turn at once.
pub(super) fn enter(connection: &Connection, seq: i64, lane: Option<&str>) -> Result<Turn, JournalError> {
    let mut turn = Turn::Front;
    for name in of(lane) {
        let first = first_in(connection, name)?;
        if first.is_some_and(|first| first.command != seq && (!first.behind || first.command < seq)) {
            turn = Turn::Behind;
        }
    }
    join(connection, seq, lane, turn)?;
    Ok(turn)
}

/// Takes a command out of its lanes; the businesses of those whose turn comes by that.
pub(super) fn leave(
    connection: &Connection,
    seq: i64,
    lane: Option<&str>,
) -> Result<Vec<Option<BusinessId>>, JournalError> {
    let mut left = 0;
    for name in of(lane) {
        let delete = "DELETE FROM lanes WHERE lane = ?1 AND behind IN (0, 1) AND command = ?2";
        left += sql::run(connection, delete, params![name, seq])?;
    }
    let mut moved_up = Vec::new();
    if left > 0 {
        for name in of(lane) {
            moved_up.extend(move_up(connection, name)?);
        }
    }
    Ok(moved_up)
}

/// Lets in those whose time has come.
pub(super) fn let_in(connection: &Connection, now: Timestamp, limit: u32) -> Result<LetIn, JournalError> {
    let select = "SELECT * FROM commands WHERE turn = 'later' AND comes_at <= ?1 ORDER BY comes_at, seq LIMIT ?2";
    let due = sql::all(connection, select, params![now.as_microsecond(), limit], |row| {
        Ok((Columns(row).placed()?, Columns(row).optional_text("lane")?))
    })?;
    let mut came = LetIn { more: due.len() >= usize::try_from(limit).unwrap_or(usize::MAX), ..LetIn::default() };
    for (placed, lane) in due {
        if placed.state == StateName::Waiting {
            set_turn(connection, placed.seq, Turn::Outside)?;
            came.outside.push(Placed { turn: Turn::Outside, due: None, ..placed });
            continue;
        }
        let turn = enter(connection, placed.seq, lane.as_deref())?;
        set_turn(connection, placed.seq, turn)?;
        if turn == Turn::Front {
            came.moved_up.push(placed.business);
        }
    }
    came.moved_up.sort();
    came.moved_up.dedup();
    Ok(came)
}

/// When the next comes in.
pub(super) fn next_to_come(connection: &Connection) -> Result<Option<Timestamp>, JournalError> {
    let select =
        "SELECT comes_at FROM commands WHERE turn = 'later' AND comes_at IS NOT NULL ORDER BY comes_at LIMIT 1";
    sql::first(connection, select, [], |row| Columns(row).time("comes_at"))
}

struct First {
    command: i64,
    behind: bool,
}

fn first_in(connection: &Connection, lane: &str) -> Result<Option<First>, JournalError> {
    let select = "SELECT behind, command FROM lanes WHERE lane = ?1 ORDER BY behind, command LIMIT 1";
    sql::first(connection, select, [lane], |row| {
        Ok(First { command: Columns(row).integer("command")?, behind: Columns(row).flag("behind")? })
    })
}

/// Whoever is the first behind in a lane that nobody has its turn in has it now, if it is so in all its lanes.
fn move_up(connection: &Connection, lane: &str) -> Result<Option<Option<BusinessId>>, JournalError> {
    let Some(first) = first_in(connection, lane)?.filter(|first| first.behind) else { return Ok(None) };
    let select = "SELECT lane, business FROM commands WHERE seq = ?1";
    let found = sql::first(connection, select, [first.command], |row| {
        Ok((Columns(row).optional_text("lane")?, Columns(row).optional_parsed("business")?))
    })?;
    let Some((lanes, business)) = found else { return Ok(None) };
    for name in of(lanes.as_deref()) {
        if first_in(connection, name)?.is_none_or(|other| !other.behind || other.command != first.command) {
            return Ok(None);
        }
    }
    for name in of(lanes.as_deref()) {
        let update = "UPDATE lanes SET behind = 0 WHERE lane = ?1 AND behind = 1 AND command = ?2";
        sql::run(connection, update, params![name, first.command])?;
    }
    set_turn(connection, first.command, Turn::Front)?;
    Ok(Some(business))
}

/// From now on its turn is this; whatever it waited for is over.
pub(super) fn set_turn(connection: &Connection, seq: i64, turn: Turn) -> Result<(), JournalError> {
    let update = "UPDATE commands SET turn = ?2, comes_at = NULL WHERE seq = ?1";
    sql::run(connection, update, params![seq, turn.word()]).map(drop)
}
