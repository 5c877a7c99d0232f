//! What can go wrong in the engine itself. Meta's answers are not errors here.

use crate::contract::Malformed;
use crate::journal::JournalError;

/// Why a task of the engine could not go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal refused or could not commit: nothing of the step stands.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A row of the journal is no JSON of ours.
    #[error("the journal holds what this version cannot read: {0}")]
    Json(#[source] serde_json::Error),
    /// A journaled command is none.
    #[error("the journal holds a command that this version cannot read: {0}")]
    Command(Malformed),
}
