//! A row of PostgreSQL, as any store's rows are read.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::journal::JournalError;
use crate::journal::decode::Cells;

impl Cells for Row {
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

fn cell<'r, T: FromSql<'r>>(row: &'r Row, column: &'static str) -> Result<Option<T>, JournalError> {
    Ok(row.try_get(column)?)
}
