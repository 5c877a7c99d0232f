//! What can go wrong with the journal.

use std::path::PathBuf;

use crate::contract::CommandId;

/// Why the journal did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The address names a store that this version does not have.
    #[error("could not find a store for {scheme}: journal.url must be sqlite://FILE or postgres://USER@HOST/DATABASE")]
    NoSuchStore {
        /// How the address begins; what follows may hold a password.
        scheme: String,
    },
    /// An address that is none of its store.
    #[error("journal.url {reason}")]
    BadAddress {
        /// What is wrong with it; never the address, which may hold a password.
        reason: String,
    },
    /// Another worker holds the journal.
    #[error("journal {at} is held by another worker{}: stop it first, or give this one its own journal.url",
        holder(*pid, host.as_deref()))]
    Locked {
        /// Where it is.
        at: String,
        /// The holder's process id, where it could be read.
        pid: Option<u32>,
        /// The machine that the holder runs on, where it may be another one.
        host: Option<String>,
    },
    /// The database server cannot be reached, or lets nobody in.
    #[error("could not reach journal {at}: {reason}")]
    Unreachable {
        /// Where it is, without a password.
        at: String,
        /// What was said.
        reason: String,
    },
    /// The file or its folder cannot be opened, made or written.
    #[error("could not open journal {}: {reason}; it needs a folder that exists and that this user may write to", path.display())]
    CannotOpen {
        /// The database, or the lock beside it.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is something else, or damaged.
    #[error("journal {} is not a readable SQLite database ({reason}): restore it from a backup, or move it away", path.display())]
    NotADatabase {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// A newer bindery wrote it.
    #[error(
        "journal {at} was written by a newer bindery (its migration {version} is unknown here): run that version or a later one"
    )]
    Newer {
        /// Where it is.
        at: String,
        /// The migration that this version does not know.
        version: i64,
    },
    /// A migration did not run, or was not the one that we know.
    #[error("could not migrate journal {at}: {reason}")]
    Migration {
        /// Where it is.
        at: String,
        /// What went wrong.
        reason: String,
    },
    /// An export can only be read into a journal that holds nothing.
    #[error("journal {at} holds something already: an export is read into an empty one")]
    NotEmpty {
        /// Where it is.
        at: String,
    },
    /// What was to be read is no export of ours, or not all of it.
    #[error("that is no whole export of a journal: {reason}")]
    NotAnExport {
        /// What is wrong with it.
        reason: String,
    },
    /// An export could not be written.
    #[error("the export could not be written: {reason}")]
    NotWritten {
        /// What the system said.
        reason: String,
    },
    /// The disk has no room.
    #[error("the journal's disk is full: make room, nothing accepted is lost")]
    DiskFull,
    /// The group in which the change stood could not be committed: nothing of it stands.
    #[error("could not commit to the journal: {reason}")]
    CommitFailed {
        /// What the store said.
        reason: String,
    },
    /// A statement failed.
    #[error("the journal could not run a statement: {0}")]
    Sql(Box<dyn std::error::Error + Send + Sync>),
    /// The journal was closed, or is to be changed and was opened to read only.
    #[error("the journal is closed, or was opened to read only and takes no changes")]
    Closed,
    /// Nothing can be recorded for a command that has ended.
    #[error("command {id} has ended already")]
    AlreadyEnded {
        /// The command.
        id: CommandId,
    },
    /// Another change has moved the command since the step looked.
    #[error("command {id} no longer stands where the step knew it to be")]
    Moved {
        /// The command.
        id: CommandId,
    },
    /// No such command.
    #[error("command {id} is not in the journal")]
    UnknownCommand {
        /// The command.
        id: CommandId,
    },
    /// A command ends with its one terminal event, and only then; a child has none.
    #[error("command {id} must end together with exactly one terminal event, a child with none")]
    EndAndEventApart {
        /// The command.
        id: CommandId,
    },
    /// A child's id is taken.
    #[error("child {id} is in the journal already")]
    ChildExists {
        /// The child.
        id: CommandId,
    },
    /// A row holds what this version cannot read.
    #[error("could not read `{column}` of a journal row: {reason}")]
    Unreadable {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl JournalError {
    /// A stable label for metrics and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchStore { .. } => "no_such_store",
            Self::BadAddress { .. } => "bad_address",
            Self::Locked { .. } => "locked",
            Self::Unreachable { .. } => "unreachable",
            Self::CannotOpen { .. } => "cannot_open",
            Self::NotADatabase { .. } => "not_a_database",
            Self::Newer { .. } => "newer",
            Self::Migration { .. } => "migration",
            Self::NotEmpty { .. } => "not_empty",
            Self::NotAnExport { .. } => "not_an_export",
            Self::NotWritten { .. } => "not_written",
            Self::DiskFull => "disk_full",
            Self::CommitFailed { .. } => "commit_failed",
            Self::Sql(_) => "sql",
            Self::Closed => "closed",
            Self::AlreadyEnded { .. } => "already_ended",
            Self::Moved { .. } => "moved",
            Self::UnknownCommand { .. } => "unknown_command",
            Self::EndAndEventApart { .. } => "end_and_event_apart",
            Self::ChildExists { .. } => "child_exists",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}

/// Who holds it, in brackets; nothing where nobody knows.
fn holder(pid: Option<u32>, host: Option<&str>) -> String {
    match (pid, host) {
        (Some(pid), Some(host)) => format!(" (process {pid} on {host})"),
        (Some(pid), None) => format!(" (process {pid})"),
        (None, _) => String::new(),
    }
}
