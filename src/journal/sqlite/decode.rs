//! A row of SQLite, as any store's rows are read.

use rusqlite::Row;
use rusqlite::types::FromSql;

use crate::journal::JournalError;
use crate::journal::decode::Cells;

impl Cells for Row<'_> {
    fn text(&self, column: &'static str) -> Result<Option<String>, JournalError> {
        cell(self, column)
    }

    fn integer(&self, column: &'static str) -> Result<Option<i64>, JournalError> {
        cell(self, column)
    }

    fn flag(&self, column: &'static str) -> Result<Option<bool>, JournalError> {
        cell(self, column)
    }

    fn bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, JournalError> {
        cell(self, column)
    }
}

fn cell<T: FromSql>(row: &Row<'_>, column: &'static str) -> Result<Option<T>, JournalError> {
    Ok(row.get(column)?)
}
