//! The stop switch in an operator's hand: what the journal holds from now on holds for the running steps at once.

use std::sync::Arc;

use tracing::{info, warn};

use super::breaker;
use super::shared::{Memory, Shared};
use crate::contract::CommandId;
use crate::governor::{Breakers, Holds};
use crate::journal::{Hold, HoldOn, Journal, JournalError, Operation, Release};

/// The switch of a running engine. Clones are the same switch.
#[derive(Clone)]
pub struct Switch {
    shared: Arc<Shared>,
}

impl Switch {
    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// Puts something on hold: when this is answered no write leaves for it but those that are out.
    ///
    /// # Errors
    /// Nothing is on hold by it then.
    pub async fn hold(&self, on: HoldOn, operation: Operation) -> Result<Hold, JournalError> {
        let _turn = self.shared.switching.lock().await;
        let hold = self.shared.journal.hold(on, operation).await?;
        self.take_in().await?;
        warn!("{} is on hold since {} by {}: {}", hold.on, hold.since, hold.actor, hold.reason);
        Ok(hold)
    }

    /// Takes a hold back, the claims' of a business (its breaker) too: what waited for it goes on. The hold that stood, if one did.
    ///
    /// # Errors
    /// It stands then.
    pub async fn resume(&self, on: HoldOn, operation: Operation) -> Result<Option<Hold>, JournalError> {
        let _turn = self.shared.switching.lock().await;
        let (what, who) = (on.to_string(), operation.actor.clone());
        let lifted = self.shared.journal.resume(on, operation).await?;
        self.take_in().await?;
        if lifted.is_some() {
            info!("{what} goes on, says {who}");
        }
        self.shared.wake_all(|memory| {
            let mut waiting = std::mem::take(&mut memory.held);
            waiting.append(&mut memory.tripped);
            waiting
        });
        Ok(lifted)
    }

    /// Lets a command and its children pass the blast radius.
    ///
    /// # Errors
    /// Nothing is released then.
    pub async fn release(&self, id: CommandId, operation: Operation) -> Result<Release, JournalError> {
        let met = self.shared.journal.release(id.clone(), operation).await?;
        self.shared.wake_all(|memory| waiting_for(memory, &id));
        Ok(met)
    }

    async fn take_in(&self) -> Result<(), JournalError> {
        let (holds, breakers) = holds(&self.shared.journal).await?;
        let mut memory = self.shared.memory();
        (memory.holds, memory.breakers) = (holds, breakers);
        Ok(())
    }
}

/// What is on hold by the journal, and which breakers are open.
pub(super) async fn holds(journal: &Journal) -> Result<(Holds, Breakers), JournalError> {
    let holds = journal.holds().await?;
    let stopped = holds.iter().filter(|hold| !hold.is_breaker());
    Ok((Holds::of(stopped.map(|hold| hold.on.business())), breaker::of(&holds)))
}

/// Takes out those that wait for the release of `id`.
fn waiting_for(memory: &mut Memory, id: &CommandId) -> std::collections::BTreeSet<i64> {
    let of = (id.clone(), i64::MIN)..=(id.clone(), i64::MAX);
    let found: Vec<_> = memory.unreleased.range(of).cloned().collect();
    found.iter().for_each(|waits| {
        memory.unreleased.remove(waits);
    });
    found.into_iter().map(|(_, seq)| seq).collect()
}
