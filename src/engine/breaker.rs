//! The breaker of a business: an abuse answer of Meta's opens it, and its claims stop until a person resets it.
//!
//! Everything else of that business goes on. It is journaled as a hold on the business's claims before the next call
//! is made, so that it stands over a restart; who is already out is not called back.

use jiff::Timestamp;
use tracing::error;

use super::error::EngineError;
use super::progress::Progress;
use super::shared::Shared;
use crate::contract::{Body, BusinessId};
use crate::governor::Breakers;
use crate::journal::{Hold, HoldOn, Operation};
use crate::meta::{Call, Refusal};

/// Who opens breakers.
const OURSELVES: &str = "bindery";

/// What the open breakers are by the journal.
pub(super) fn of(holds: &[Hold]) -> Breakers {
    Breakers::of(holds.iter().filter(|hold| hold.is_breaker()).filter_map(|hold| hold.on.business()))
}

/// Opens the breaker of `business`; one that is open keeps the reason that it has.
pub(super) async fn open(
    shared: &Shared,
    business: &BusinessId,
    refusal: &Refusal,
    met_by: &str,
    now: Timestamp,
) -> Result<(), EngineError> {
    let _turn = shared.switching.lock().await;
    let reason = format!("Meta answered {} to {met_by}: {}", refusal.code, one_line(&refusal.message));
    let operation = Operation {
        at: now,
        actor: OURSELVES.to_owned(),
        verb: "breaker open".to_owned(),
        target: business.to_string(),
        reason,
        nonce: String::new(),
        came: None,
    };
    let opened = shared.journal.hold(HoldOn::Claims(business.clone()), operation).await?;
    shared.memory().breakers = of(&shared.journal.holds().await?);
    error!(
        %business,
        code = refusal.code,
        "the breaker of business {business} is open since {}: its claims wait for `bindery breaker reset {business}`: {}",
        opened.since,
        opened.reason
    );
    Ok(())
}

/// Meta's text in an operator's log: no line ends, and no story.
fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect()
}

impl Shared {
    /// Whether `call` waits for a breaker; if so it is woken by the reset.
    pub(super) fn is_tripped(&self, progress: &Progress<'_>, call: &Call) -> bool {
        let Some(business) = progress.claims_for(call) else { return false };
        let mut memory = self.memory();
        let stopped = memory.breakers.stop(business);
        if stopped {
            memory.tripped.insert(progress.row.seq);
        }
        stopped
    }
}

impl Progress<'_> {
    /// For whom a write claims something: a transfer lets nothing go that it could not claim.
    pub(super) fn claims_for<'c>(&'c self, call: &'c Call) -> Option<&'c BusinessId> {
        match (call, &self.command.body) {
            (Call::Claim { business, .. }, _) => Some(business),
            (_, Body::Transfer { to_business, .. }) if call.is_write() => Some(to_business),
            (_, _) => None,
        }
    }
}
