//! Where a journal is, and so in which store: the one place that tells stores apart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::{JournalError, sqlite};

/// Where a journal is. A path is a file of SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `sqlite://FILE`.
    Sqlite(PathBuf),
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
    /// What the store's own check found: `ok`, or the first thing that is wrong; `None` where it took too long.
    pub check: Option<String>,
}

impl Address {
    /// Whether there is a journal.
    #[must_use]
    pub fn presence(&self) -> Presence {
        let Self::Sqlite(path) = self;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if path.exists() {
            Presence::There
        } else if folder.is_dir() {
            Presence::NotYet
        } else {
            Presence::NoFolder(folder.to_owned())
        }
    }

    /// Whether a worker has the journal now, and which: its process id where it can be read.
    #[must_use]
    pub fn held_by(&self) -> Option<Option<u32>> {
        let Self::Sqlite(path) = self;
        sqlite::held_by(path)
    }

    /// Looks the journal over from outside, beside a worker or without one, without changing what it holds; each of the
    /// two questions takes at most `within`.
    ///
    /// # Errors
    /// `CannotOpen`, `NotADatabase`, `Newer` and `Migration`, as a reader has them.
    pub async fn examine(&self, within: Duration) -> Result<Condition, JournalError> {
        let Self::Sqlite(path) = self;
        sqlite::examine(path, within).await
    }
}

impl FromStr for Address {
    type Err = JournalError;

    /// Reads a URL. What is refused is named by its scheme alone: the rest may hold a password.
    fn from_str(url: &str) -> Result<Self, JournalError> {
        match url.split_once("://") {
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(file.into())),
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
        let Self::Sqlite(path) = self;
        path.display().fmt(f)
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
            ("postgres://worker:hunter2@db/bindery", "postgres://"),
            ("postgresql://worker:hunter2@db/bindery", "postgresql://"),
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
