//! What PostgreSQL says, as the journal's errors, and what may be done about it.

use std::error::Error;

use tokio_postgres::error::SqlState;

use crate::journal::JournalError;

impl From<tokio_postgres::Error> for JournalError {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.code() == Some(&SqlState::DISK_FULL) { Self::DiskFull } else { Self::Sql(Box::new(Said(error))) }
    }
}

/// An error in the server's words: the client's own are "db error".
#[derive(Debug, thiserror::Error)]
#[error("{}", in_words(.0))]
struct Said(#[source] tokio_postgres::Error);

/// What an error leaves to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The same transaction, from its beginning: another one was in its way.
    Again,
    /// The same on another connection: this one is gone, or the server is going.
    Reconnect,
    /// Nothing: it would fail again.
    None,
}

/// What to do about `error`.
pub(super) fn remedy(error: &JournalError) -> Remedy {
    let JournalError::Sql(inner) = error else { return Remedy::None };
    match inner.downcast_ref::<Said>() {
        Some(Said(error)) => remedy_of(error),
        None if inner.is::<Silent>() => Remedy::Reconnect,
        None => Remedy::None,
    }
}

fn remedy_of(error: &tokio_postgres::Error) -> Remedy {
    let Some(code) = error.code() else { return without_code(error) };
    let again = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
    let going = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ];
    // Class 08: the connection; a pooler says so too.
    if going.contains(code) || code.code().starts_with("08") {
        Remedy::Reconnect
    } else if again.contains(code) {
        Remedy::Again
    } else {
        Remedy::None
    }
}

/// Without an SQLSTATE it was not the server who spoke: the wire, or a value that could not be read or bound.
fn without_code(error: &tokio_postgres::Error) -> Remedy {
    let of_the_wire = error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>());
    if of_the_wire { Remedy::Reconnect } else { Remedy::None }
}

/// Nothing was said in time.
#[derive(Debug, thiserror::Error)]
#[error("PostgreSQL did not answer within {}", humantime::format_duration(*.0))]
pub(super) struct Silent(pub(super) std::time::Duration);

impl From<Silent> for JournalError {
    fn from(silent: Silent) -> Self {
        Self::Sql(Box::new(silent))
    }
}

/// What the server said, without the client's own words around it.
pub(super) fn in_words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => match said.detail() {
            Some(detail) => format!("{} ({detail})", said.message()),
            None => said.message().to_owned(),
        },
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}
