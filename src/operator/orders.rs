//! What an operator orders: never without a name and a reason, and written down before it is done.

use std::hash::{BuildHasher, RandomState};

use jiff::Timestamp;
use serde::Deserialize;

use super::dead::Deed;
use crate::contract::CommandId;
use crate::journal::{Journal, JournalError, Operation};

/// Longer names and reasons are stories.
const WORDS_MOST: usize = 500;

/// Who orders something, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Said")]
pub struct Order {
    actor: String,
    reason: String,
}

#[derive(Deserialize)]
struct Said {
    actor: String,
    reason: String,
}

/// An order that says too little or too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} must be said, in 1 to {WORDS_MOST} characters without line ends")]
pub struct BadOrder(&'static str);

/// Publish unrouted events again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayOrder {
    /// Who and why.
    pub order: Order,
    /// Those of one command alone.
    pub command: Option<CommandId>,
}

/// Do something with a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterOrder {
    /// Who and why.
    pub order: Order,
    /// The letter: SHA-256 of its bytes in hex, or the first 12 or more of it.
    pub letter: String,
    /// What.
    pub deed: Deed,
}

impl Order {
    /// An order of `actor` for `reason`.
    ///
    /// # Errors
    /// Which of the two is missing, or no single line of sensible length.
    pub fn new(actor: &str, reason: &str) -> Result<Self, BadOrder> {
        let fits = |text: &str| (1..=WORDS_MOST).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        let (actor, reason) = (actor.trim(), reason.trim());
        if !fits(actor) {
            return Err(BadOrder("actor"));
        }
        if !fits(reason) {
            return Err(BadOrder("reason"));
        }
        Ok(Self { actor: actor.to_owned(), reason: reason.to_owned() })
    }

    /// Who.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The line of the log for it.
    pub(crate) fn operation(&self, verb: &str, target: &str, at: Timestamp) -> Operation {
        Operation {
            at,
            actor: self.actor.clone(),
            verb: verb.to_owned(),
            target: target.to_owned(),
            reason: self.reason.clone(),
            nonce: nonce(),
            came: None,
        }
    }
}

impl TryFrom<Said> for Order {
    type Error = BadOrder;

    fn try_from(said: Said) -> Result<Self, BadOrder> {
        Self::new(&said.actor, &said.reason)
    }
}

/// Queues unrouted events again under their own ids; how many. The relay of a worker publishes them.
///
/// # Errors
/// Nothing is queued then.
pub async fn replay_events(journal: &Journal, order: ReplayOrder, now: Timestamp) -> Result<u64, JournalError> {
    let target = order.command.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string);
    let operation = order.order.operation("events replay", &target, now);
    journal.replay_unrouted(order.command, operation).await
}

/// Sixteen hex digits. The standard library seeds each `RandomState` at random, which is all that telling apart needs.
fn nonce() -> String {
    hex::encode(RandomState::new().hash_one(0_u8).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_without_a_name_or_a_reason_is_none() {
        assert!(Order::new("ops", "the client asked").is_ok());
        let long = "x".repeat(501);
        for (actor, reason, missing) in [
            ("", "why", "actor"),
            ("  ", "why", "actor"),
            ("ops", "", "reason"),
            ("ops", &long, "reason"),
            ("ops", "a\nb", "reason"),
        ] {
            let error = Order::new(actor, reason).expect_err(reason);
            assert!(error.to_string().starts_with(missing), "{error}");
        }
    }

    #[test]
    fn no_two_nonces_are_the_same() {
        assert_ne!(nonce(), nonce());
        assert_eq!(nonce().len(), 16);
    }
}
