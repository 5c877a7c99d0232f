//! All rows out of a file, and into one that holds none.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row, ToSql, params_from_iter};
use tokio::sync::mpsc;

use super::lock::FileLock;
use super::{blocking, open, sql};
use crate::journal::JournalError;
use crate::journal::decode::unreadable;
use crate::journal::portable::{BATCH, Cell, Cells, Of, Part, Sums, Sums256, TABLES, Table, compared};

/// Tells every row of the file at `path`, as of one moment.
///
/// # Errors
/// As a reader has them. Where nobody listens any more it ends.
pub(in crate::journal) async fn tell(path: &Path, to: mpsc::Sender<Part>) -> Result<(), JournalError> {
    let path = path.to_owned();
    blocking(move || {
        let connection = open::to_read(&path)?.connect()?;
        let moment = connection.unchecked_transaction()?;
        // Whoever has gone hears no more.
        tell_all(&moment, |table, rows| to.blocking_send(Part::Rows(table, rows)).is_ok())
    })
    .await
}

/// Takes all that comes into the file at `path`, which must hold nothing, and reads it back before it stands.
///
/// # Errors
/// As a worker has them; `NotEmpty`, and `NotAnExport` where it is not what its sums say. Nothing stands then.
pub(in crate::journal) async fn take(path: &Path, mut from: mpsc::Receiver<Part>) -> Result<Sums, JournalError> {
    let _lock = FileLock::take(path).await?;
    let path = path.to_owned();
    blocking(move || {
        let connection = open::to_write(&path)?;
        let whole = connection.unchecked_transaction()?;
        if !is_empty(&whole)? {
            return Err(JournalError::NotEmpty { at: path.display().to_string() });
        }
        let mut expected = None;
        while let Some(part) = from.blocking_recv() {
            match part {
                Part::Rows(table, rows) => put(&whole, table, &rows)?,
                Part::End(sums) => expected = Some(sums),
            }
        }
        let mut found = Sums256::default();
        tell_all(&whole, |table, rows| found.add_all(table, &rows))?;
        let sums = compared(expected, found.end())?;
        whole.commit()?;
        Ok(sums)
    })
    .await
}

fn tell_all(
    connection: &Connection,
    mut to: impl FnMut(&'static Table, Vec<Cells>) -> bool,
) -> Result<(), JournalError> {
    for table in TABLES {
        if !tell_table(connection, table, &mut to)? {
            break;
        }
    }
    Ok(())
}

fn tell_table(
    connection: &Connection,
    table: &'static Table,
    to: &mut impl FnMut(&'static Table, Vec<Cells>) -> bool,
) -> Result<bool, JournalError> {
    let mut statement =
        connection.prepare(&format!("SELECT {} FROM {} ORDER BY {}", names(table), table.name, table.by))?;
    let mut rows = statement.query([])?;
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(row) = rows.next()? {
        batch.push(cells(table, row)?);
        if batch.len() == BATCH && !to(table, std::mem::take(&mut batch)) {
            return Ok(false);
        }
    }
    Ok(to(table, batch))
}

fn cells(table: &Table, row: &Row<'_>) -> Result<Cells, JournalError> {
    let cell = |(place, (column, of)): (usize, &(&'static str, Of))| match (row.get_ref(place)?, of) {
        (ValueRef::Null, _) => Ok(Cell::Null),
        (ValueRef::Integer(n), Of::Integer) => Ok(Cell::Integer(n)),
        (ValueRef::Integer(n), Of::Flag) => Ok(Cell::Flag(n != 0)),
        (ValueRef::Text(text), Of::Text) => Ok(Cell::Text(storable(&String::from_utf8_lossy(text)))),
        (ValueRef::Blob(bytes), Of::Bytes) => Ok(Cell::Bytes(bytes.to_vec())),
        (other, _) => Err(unreadable(column, &other.data_type())),
    };
    table.columns.iter().enumerate().map(cell).collect()
}

fn put(connection: &Connection, table: &Table, rows: &[Cells]) -> Result<(), JournalError> {
    let places: Vec<String> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
    let insert = format!("INSERT INTO {} ({}) VALUES ({})", table.name, names(table), places.join(", "));
    rows.iter().try_for_each(|row| sql::run(connection, &insert, params_from_iter(row)).map(drop))
}

/// Whether no table holds a row.
fn is_empty(connection: &Connection) -> Result<bool, JournalError> {
    for table in TABLES {
        let select = format!("SELECT 1 FROM {} LIMIT 1", table.name);
        if sql::first(connection, &select, [], |_| Ok(()))?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// As any store can hold it: PostgreSQL has no NUL in a text.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn names(table: &Table) -> String {
    table.columns.iter().map(|(column, _)| *column).collect::<Vec<_>>().join(", ")
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Integer(n) => ToSqlOutput::Owned(Value::Integer(*n)),
            Self::Flag(flag) => ToSqlOutput::Owned(Value::Integer((*flag).into())),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}
