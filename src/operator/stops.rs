//! The stop switch and the release from the blast radius, as they are ordered and told.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::Order;
use crate::contract::{BusinessId, CommandId};
use crate::engine::Switch;
use crate::journal::{Hold, HoldOn, Journal, JournalError, Release};

/// Put something on hold, or let it go on; of claims alone: reset a breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldOrder {
    /// Who and why.
    pub order: Order,
    /// What.
    pub on: HoldOn,
}

/// Let a command and its children pass the blast radius.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseOrder {
    /// Who and why.
    pub order: Order,
    /// The command.
    pub command: CommandId,
}

/// Where an order goes: the worker that runs, or the journal that none holds.
#[derive(Clone, Copy)]
pub enum Hand<'h> {
    /// Its running steps hear of it at once.
    Worker(&'h Switch),
    /// The next worker reads it at its start.
    Journal(&'h Journal),
}

impl Hand<'_> {
    /// Puts something on hold; the hold that stands from now on.
    ///
    /// # Errors
    /// Nothing is on hold by it then.
    pub async fn hold(self, order: HoldOrder, now: Timestamp) -> Result<Hold, JournalError> {
        let operation = order.order.operation("hold", target(&order.on), now);
        match self {
            Self::Worker(switch) => switch.hold(order.on, operation).await,
            Self::Journal(journal) => journal.hold(order.on, operation).await,
        }
    }

    /// Lets it go on; the hold that stood, if one did.
    ///
    /// # Errors
    /// It stands then.
    pub async fn resume(self, order: HoldOrder, now: Timestamp) -> Result<Option<Hold>, JournalError> {
        let verb = match &order.on {
            HoldOn::Everything | HoldOn::Business(_) => "resume",
            HoldOn::Claims(_) => "breaker reset",
        };
        let operation = order.order.operation(verb, target(&order.on), now);
        match self {
            Self::Worker(switch) => switch.resume(order.on, operation).await,
            Self::Journal(journal) => journal.resume(order.on, operation).await,
        }
    }

    /// Releases a command.
    ///
    /// # Errors
    /// Nothing is released then.
    pub async fn release(self, order: ReleaseOrder, now: Timestamp) -> Result<Release, JournalError> {
        let operation = order.order.operation("release", order.command.as_str(), now);
        match self {
            Self::Worker(switch) => switch.release(order.command, operation).await,
            Self::Journal(journal) => journal.release(order.command, operation).await,
        }
    }
}

/// What to hold, as two fields of an order say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// One business.
    pub business: Option<BusinessId>,
    /// Every business.
    pub all: bool,
}

impl Reach {
    /// What that is.
    ///
    /// # Errors
    /// Where none is said, or both.
    pub fn on(self) -> Result<HoldOn, &'static str> {
        match (self.business, self.all) {
            (Some(business), false) => Ok(HoldOn::Business(business)),
            (None, true) => Ok(HoldOn::Everything),
            (Some(_), true) => Err("name a business or say all, not both"),
            (None, false) => Err("name a business, or say all"),
        }
    }
}

/// The holds that the stop switch made, without the open breakers.
pub(crate) fn held_by_hand(holds: Vec<Hold>) -> Vec<Hold> {
    holds.into_iter().filter(|hold| !hold.is_breaker()).collect()
}

/// The open breakers.
pub(crate) fn open_breakers(holds: Vec<Hold>) -> Vec<Hold> {
    holds.into_iter().filter(Hold::is_breaker).collect()
}

/// An open breaker in JSON.
pub(crate) fn breaker(hold: &Hold) -> Json {
    let business = hold.on.business().map(BusinessId::as_str);
    json!({ "business": business, "since": hold.since, "reason": hold.reason })
}

/// A hold in JSON; of everything the business is null.
pub(crate) fn held(hold: &Hold) -> Json {
    json!({
        "business": hold.on.business().map(BusinessId::as_str), "all": hold.on == HoldOn::Everything,
        "since": hold.since, "actor": hold.actor, "reason": hold.reason,
    })
}

fn target(on: &HoldOn) -> &str {
    on.business().map_or("all", BusinessId::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_to_hold_names_one_business_or_all_and_nothing_else() {
        let business: BusinessId = "2001".parse().unwrap();
        let said = |business: Option<&BusinessId>, all| Reach { business: business.cloned(), all }.on();
        assert_eq!(said(Some(&business), false), Ok(HoldOn::Business(business.clone())));
        assert_eq!(said(None, true), Ok(HoldOn::Everything));
        assert!(said(Some(&business), true).is_err());
        assert!(said(None, false).is_err());
    }
}
