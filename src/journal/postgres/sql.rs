//! Statements and what is bound to them.
//!
//! Every statement goes out without a name, with its types beside it: parse, bind and run are one round trip, nothing is
//! left behind in the server's session, and a pooler may give the next transaction to another one.

use std::borrow::Cow;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::journal::JournalError;

/// A value that knows its type, as a statement wants it.
pub(super) trait Bound: Sync {
    /// The value with its type.
    fn bound(&self) -> (&(dyn ToSql + Sync), Type);
}

/// What can be bound.
pub(super) trait Param: ToSql + Sync {
    /// Its type in the database.
    fn kind() -> Type;
}

impl<P: Param> Bound for P {
    fn bound(&self) -> (&(dyn ToSql + Sync), Type) {
        (self, P::kind())
    }
}

/// What can be a member of a list that is bound as one.
pub(super) trait Member: ToSql + Sync {
    /// The type of the list.
    fn list() -> Type;
}

macro_rules! kinds {
    ($($rust:ty => $one:ident, $list:ident;)+) => {
        $(impl Param for $rust {
            fn kind() -> Type { Type::$one }
        }
        impl Member for $rust {
            fn list() -> Type { Type::$list }
        })+
    };
}

kinds! {
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    i64 => INT8, INT8_ARRAY;
    bool => BOOL, BOOL_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
    Vec<u8> => BYTEA, BYTEA_ARRAY;
}

impl Param for Cow<'_, str> {
    fn kind() -> Type {
        Type::TEXT
    }
}

impl<T: Param> Param for Option<T> {
    fn kind() -> Type {
        T::kind()
    }
}

impl<T: Member> Member for Option<T> {
    fn list() -> Type {
        T::list()
    }
}

impl<T: Member> Param for Vec<T> {
    fn kind() -> Type {
        T::list()
    }
}

/// What is bound to a statement, in the order of its numbers.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::journal::postgres::sql::Bound),*]
    };
}
pub(super) use params;

/// Runs a statement; how many rows it changed.
pub(super) async fn run(client: &Client, sql: &str, params: &[&dyn Bound]) -> Result<u64, JournalError> {
    Ok(client.execute_typed(sql, &typed(params)).await?)
}

/// The first row, if there is one.
pub(super) async fn first<T>(
    client: &Client,
    sql: &str,
    params: &[&dyn Bound],
    read: impl FnOnce(&Row) -> Result<T, JournalError>,
) -> Result<Option<T>, JournalError> {
    client.query_typed(sql, &typed(params)).await?.first().map(read).transpose()
}

/// All rows.
pub(super) async fn all<T>(
    client: &Client,
    sql: &str,
    params: &[&dyn Bound],
    read: impl FnMut(&Row) -> Result<T, JournalError>,
) -> Result<Vec<T>, JournalError> {
    client.query_typed(sql, &typed(params)).await?.iter().map(read).collect()
}

fn typed<'p>(params: &[&'p dyn Bound]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    params.iter().map(|param| param.bound()).collect()
}

/// A text of somebody else's as PostgreSQL can hold it: it has no NUL in a text, and AMQP has.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A count as the database has it.
pub(super) fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
