//! What can go wrong with a call so that no procedure hears of it: the engine waits, stops or asks again.

use std::time::Duration;

use crate::meta::{Refusal, Scope};

/// Why there is no reply yet. After none of these has a write had an effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// An allowance is used up: park it.
    #[error("throttled by Meta ({code}), {}", told(*wait))]
    Throttled {
        /// Whose.
        scope: Scope,
        /// How long Meta says, where it does.
        wait: Option<Duration>,
        /// Meta's code.
        code: i64,
        /// Meta's finer code.
        subcode: Option<i64>,
    },
    /// The credential is dead: its own commands wait for a new one. Code 0: it cannot even be sent.
    #[error("the credential is dead ({code}): {message}")]
    CredentialDead {
        /// Meta's code.
        code: i64,
        /// Meta's finer code.
        subcode: Option<i64>,
        /// What Meta said, shortened.
        message: String,
        /// What a person does next.
        remedy: String,
    },
    /// Meta takes it for abuse: stop the claims of that business and tell an operator.
    #[error("taken for abuse by Meta ({}): {}", refusal.code, refusal.message)]
    Abuse {
        /// What Meta said.
        refusal: Refusal,
    },
    /// A read found no answer: ask again later. Never of a write.
    #[error("no answer: {why}")]
    Transient {
        /// What happened.
        why: String,
    },
    /// A write certainly had no effect (no connection, or refused for a Page token's sake): repeat it freely.
    #[error("not sent: {why}")]
    NotSent {
        /// What happened.
        why: String,
    },
}

/// Why Meta did not say who a credential is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhoamiError {
    /// No answer, or a dead credential.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// Meta's no.
    #[error("refused by Meta ({}): {}", .0.code, .0.message)]
    Refused(Refusal),
}

fn told(wait: Option<Duration>) -> String {
    wait.map_or_else(|| "for how long is not said".to_owned(), |wait| format!("for {} s", wait.as_secs()))
}
