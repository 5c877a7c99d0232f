//! Lanes, and whose turn it is in them. A lane's first row is whoever has its turn there, or else who comes next.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::sql::{self, params};
use crate::contract::BusinessId;
use crate::journal::decode::Columns;
use crate::journal::{JournalError, LetIn, Placed, StateName, Turn};

/// The lanes of a command, as its row has them.
pub(super) fn of(lane: Option<&str>) -> impl Iterator<Item = &str> + Clone {
    lane.into_iter().flat_map(|lanes| lanes.split(' '))
}

/// Puts a command into its lanes, where its turn is known.
pub(super) async fn join(client: &Client, seq: i64, lane: Option<&str>, turn: Turn) -> Result<(), JournalError> {
    for name in of(lane) {
        let insert = "INSERT INTO bindery.lanes (lane, behind, command) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        sql::run(client, insert, params![name, turn == Turn::Behind, seq]).await?;
    }
    Ok(())
}

/// Lets a command into its lanes; whether it has its turn at once.
pub(super) async fn enter(client: &Client, seq: i64, lane: Option<&str>) -> Result<Turn, JournalError> {
    let mut turn = Turn::Front;
    for name in of(lane) {
        let first = first_in(client, name).await?;
        if first.is_some_and(|first| first.command != seq && (!first.behind || first.command < seq)) {
            turn = Turn::Behind;
        }
    }
    join(client, seq, lane, turn).await?;
    Ok(turn)
}

/// Takes a command out of its lanes; the businesses of those whose turn comes by that.
pub(super) async fn leave(
    client: &Client,
    seq: i64,
    lane: Option<&str>,
) -> Result<Vec<Option<BusinessId>>, JournalError> {
    let mut left = 0;
    for name in of(lane) {
        let delete = "DELETE FROM bindery.lanes WHERE lane = $1 AND command = $2";
        left += sql::run(client, delete, params![name, seq]).await?;
    }
    let mut moved_up = Vec::new();
    if left > 0 {
        for name in of(lane) {
            moved_up.extend(move_up(client, name).await?);
        }
    }
    Ok(moved_up)
}

/// Lets in those whose time has come.
pub(super) async fn let_in(client: &Client, now: Timestamp, limit: u32) -> Result<LetIn, JournalError> {
    let select =
        "SELECT * FROM bindery.commands WHERE turn = 'later' AND comes_at <= $1 ORDER BY comes_at, seq LIMIT $2";
    let due = sql::all(client, select, params![now.as_microsecond(), i64::from(limit)], |row| {
        Ok((Columns(row).placed()?, Columns(row).optional_text("lane")?))
    })
    .await?;
    let mut came = LetIn { more: due.len() >= usize::try_from(limit).unwrap_or(usize::MAX), ..LetIn::default() };
    for (placed, lane) in due {
        if placed.state == StateName::Waiting {
            set_turn(client, placed.seq, Turn::Outside).await?;
            came.outside.push(Placed { turn: Turn::Outside, due: None, ..placed });
            continue;
        }
        let turn = enter(client, placed.seq, lane.as_deref()).await?;
        set_turn(client, placed.seq, turn).await?;
        if turn == Turn::Front {
            came.moved_up.push(placed.business);
        }
    }
    came.moved_up.sort();
    came.moved_up.dedup();
    Ok(came)
}

/// When the next comes in.
pub(super) async fn next_to_come(client: &Client) -> Result<Option<Timestamp>, JournalError> {
    let select =
        "SELECT comes_at FROM bindery.commands WHERE turn = 'later' AND comes_at IS NOT NULL ORDER BY comes_at LIMIT 1";
    sql::first(client, select, params![], |row| Columns(row).time("comes_at")).await
}

struct First {
    command: i64,
    behind: bool,
}

async fn first_in(client: &Client, lane: &str) -> Result<Option<First>, JournalError> {
    let select = "SELECT behind, command FROM bindery.lanes WHERE lane = $1 ORDER BY behind, command LIMIT 1";
    sql::first(client, select, params![lane], |row| {
        Ok(First { command: Columns(row).integer("command")?, behind: Columns(row).flag("behind")? })
    })
    .await
}

/// Whoever is the first behind in a lane that nobody has its turn in has it now, if it is so in all its lanes.
async fn move_up(client: &Client, lane: &str) -> Result<Option<Option<BusinessId>>, JournalError> {
    let Some(first) = first_in(client, lane).await?.filter(|first| first.behind) else { return Ok(None) };
    let select = "SELECT lane, business FROM bindery.commands WHERE seq = $1";
    let found = sql::first(client, select, params![first.command], |row| {
        Ok((Columns(row).optional_text("lane")?, Columns(row).optional_parsed("business")?))
    })
    .await?;
    let Some((lanes, business)) = found else { return Ok(None) };
    for name in of(lanes.as_deref()) {
        if first_in(client, name).await?.is_none_or(|other| !other.behind || other.command != first.command) {
            return Ok(None);
        }
    }
    for name in of(lanes.as_deref()) {
        let update = "UPDATE bindery.lanes SET behind = false WHERE lane = $1 AND behind AND command = $2";
        sql::run(client, update, params![name, first.command]).await?;
    }
    set_turn(client, first.command, Turn::Front).await?;
    Ok(Some(business))
}

/// From now on its turn is this; whatever it waited for is over.
pub(super) async fn set_turn(client: &Client, seq: i64, turn: Turn) -> Result<(), JournalError> {
    let update = "UPDATE bindery.commands SET turn = $2, comes_at = NULL WHERE seq = $1";
    sql::run(client, update, params![seq, turn.word()]).await.map(drop)
}
