//! What SQLite says, as the journal's errors.

use crate::journal::JournalError;

/// SQLite's primary result codes that we tell apart.
const SQLITE_FULL: i32 = 13;

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        if primary_code(&error) == Some(SQLITE_FULL) { Self::DiskFull } else { Self::Sql(Box::new(error)) }
    }
}

/// SQLite's primary result code of an error, where it has one.
pub(super) fn primary_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code & 0xff)
}
