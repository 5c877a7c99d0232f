//! Where a journal is, and so in which store: the one place that tells stores apart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::postgres::{self, Server};
use super::{JournalError, Operation, sqlite};

/// Where a journal is. A path is a file of SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `sqlite://FILE`.
    Sqlite(PathBuf),
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    Postgres(Box<Server>),
}

/// Whether there is a journal at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// There is one.
    There,
    /// There is none yet: the first worker makes it.
    NotYet,
    /// There is none and none can be made: this folder is missing.
    NoFolder(PathBuf),
}

/// Whether a journal could be written to, how large it is, and whether it is sound.
#[derive(Debug)]
pub struct Condition {
    /// Bytes of the database.
    pub bytes: u64,
    /// The schema's version.
    pub schema: i64,
    /// `None` where a transaction could be begun (it was rolled back at once); else why not.
    pub unwritable: Option<String>,
    /// What the store's own check looks at, with its verb, such as `its pages are`.
    pub looked_at: &'static str,
    /// What the store's own check found: `ok`, or the first thing that is wrong; `None` where it took too long.
    pub check: Option<String>,
}

/// How far a journal's schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The last step that was taken; 0 where there is none.
    pub at: i64,
    /// The last step that this version knows.
    pub known: i64,
    /// The step that a bindery must know to work on it.
    pub needs: i64,
}

impl Address {
    /// The same, for a worker that shows life at least every `lease`, where that matters to the store.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        match self {
            Self::Sqlite(path) => Self::Sqlite(path),
            Self::Postgres(server) => Self::Postgres(Box::new(server.with_lease(lease))),
        }
    }

    /// Whether it may help to try again where the journal could not be opened: a server comes back, and the lease of a
    /// worker that is no more ends.
    #[must_use]
    pub fn may_come_about(&self, error: &JournalError) -> bool {
        let by_itself = matches!(error, JournalError::Unreachable { .. } | JournalError::Locked { .. });
        by_itself && matches!(self, Self::Postgres(_))
    }

    /// Whether there is a journal. A database that a server has is taken to be there: opening it says more.
    #[must_use]
    pub fn presence(&self) -> Presence {
        let path = match self {
            Self::Sqlite(path) => path,
            Self::Postgres(_) => return Presence::There,
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if path.exists() {
            Presence::There
        } else if folder.is_dir() {
            Presence::NotYet
        } else {
            Presence::NoFolder(folder.to_owned())
        }
    }

    /// How far the schema is, without changing it.
    ///
    /// # Errors
    /// When the store cannot be asked, or holds what is none of ours.
    pub async fn schema(&self) -> Result<Schema, JournalError> {
        match self {
            Self::Sqlite(path) => sqlite::schema(path).await,
            Self::Postgres(server) => postgres::schema(server).await,
        }
    }

    /// Takes the steps of the schema that have not been taken, in one transaction with the operator's word for it where
    /// the store can; how many.
    ///
    /// # Errors
    /// As a worker has them. In a file that is `Locked` while a worker has it: its next start takes them.
    pub async fn migrate(&self, operation: Operation) -> Result<u64, JournalError> {
        match self {
            Self::Sqlite(path) => sqlite::migrate(path, operation).await,
            Self::Postgres(server) => postgres::migrate_up(server, &operation).await,
        }
    }

    /// Whether a worker has the journal now, and which: its process id where it can be read.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn held_by(&self) -> Result<Option<Option<u32>>, JournalError> {
        match self {
            Self::Sqlite(path) => Ok(sqlite::held_by(path)),
            Self::Postgres(server) => postgres::held_by(server).await,
        }
    }

    /// Looks the journal over from outside, beside a worker or without one, without changing what it holds; each of the
    /// two questions takes at most `within`.
    ///
    /// # Errors
    /// `CannotOpen`, `NotADatabase`, `Unreachable`, `Newer` and `Migration`, as a reader has them.
    pub async fn examine(&self, within: Duration) -> Result<Condition, JournalError> {
        match self {
            Self::Sqlite(path) => sqlite::examine(path, within).await,
            Self::Postgres(server) => postgres::examine(server, within).await,
        }
    }
}

impl FromStr for Address {
    type Err = JournalError;

    /// Reads a URL. What is refused is named by its scheme alone: the rest may hold a password.
    fn from_str(url: &str) -> Result<Self, JournalError> {
        match url.split_once("://") {
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(file.into())),
            Some(("postgres" | "postgresql", _)) => match url.parse() {
                Ok(server) => Ok(Self::Postgres(Box::new(server))),
                Err(reason) => Err(JournalError::BadAddress { reason }),
            },
            Some((scheme, _)) => Err(JournalError::NoSuchStore { scheme: format!("{scheme}://") }),
            None => Err(JournalError::NoSuchStore { scheme: "a text without a scheme".to_owned() }),
        }
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl From<&PathBuf> for Address {
    fn from(path: &PathBuf) -> Self {
        Self::Sqlite(path.clone())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(server) => server.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_store() {
        let file = |url: &str| url.parse::<Address>().unwrap().to_string();
        assert_eq!(file("sqlite://bindery.db"), "bindery.db");
        assert_eq!(file("sqlite:///var/lib/bindery/bindery.db"), "/var/lib/bindery/bindery.db");
    }

    #[test]
    fn a_store_that_is_none_is_named_without_its_password() {
        for (url, named) in [
            ("mysql://worker:hunter2@db/bindery", "mysql://"),
            ("SQLITE://bindery.db", "SQLITE://"),
            ("sqlite://", "sqlite://"),
            ("bindery.db", "a text without a scheme"),
        ] {
            let error = url.parse::<Address>().unwrap_err();
            assert_eq!((error.code(), error.to_string().contains("hunter2")), ("no_such_store", false), "{url}");
            assert!(error.to_string().contains(named), "{url}: {error}");
        }
    }

    #[test]
    fn what_is_missing_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let presence = |path: &str| Address::from(&folder.path().join(path)).presence();
        std::fs::write(folder.path().join("there.db"), "").unwrap();
        assert_eq!(presence("there.db"), Presence::There);
        assert_eq!(presence("none.db"), Presence::NotYet);
        assert_eq!(presence("no/none.db"), Presence::NoFolder(folder.path().join("no")));
        assert_eq!("sqlite://none.db".parse::<Address>().unwrap().presence(), Presence::NotYet, "here is a folder");
    }
}
