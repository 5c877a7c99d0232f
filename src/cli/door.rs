//! The way to change something: through the worker that holds the journal, else the journal itself.

use clap::Args;
use serde_json::{Value as Json, json};

use super::{CliError, run};
use crate::config::Config;
use crate::journal::{Journal, JournalError, Presence};
use crate::operator::{CallError, Order, Worker};

/// Who does it, and why; both are written down.
#[derive(Debug, Clone, Args)]
pub(super) struct Said {
    /// Why, for the operators' log in the journal.
    #[arg(long)]
    reason: String,
    /// Who, for the same log.
    #[arg(long, env = "USER", default_value = "unknown")]
    actor: String,
}

impl Said {
    pub(super) fn order(&self) -> Result<Order, CliError> {
        Order::new(&self.actor, &self.reason).map_err(|bad| CliError::Usage(bad.to_string()))
    }
}

/// Where a change goes.
pub(super) enum Door {
    /// A worker holds the journal.
    Worker(Worker),
    /// Nobody does: it is ours until it is closed.
    Journal(Journal),
}

impl Door {
    /// Opens no journal that is not there already.
    pub(super) async fn open(config: &Config) -> Result<Self, CliError> {
        let at = run::journal_address(config)?;
        if at.presence() != Presence::There {
            return Err(CliError::OutOfReach(format!("there is no journal at {at}: name the worker's in journal.url")));
        }
        match Journal::open(at).await {
            Ok(journal) => Ok(Self::Journal(journal)),
            Err(JournalError::Locked { .. }) => Ok(Self::Worker(Worker::at(config.http.clone()))),
            Err(error) => Err(CliError::OutOfReach(error.to_string())),
        }
    }
}

/// What the API wants to hear, with what belongs to one order.
pub(super) fn in_json(order: &Order, own: Json) -> Json {
    let mut told = json!({ "actor": order.actor(), "reason": order.reason() });
    if let (Some(told), Json::Object(own)) = (told.as_object_mut(), own) {
        told.extend(own);
    }
    told
}

pub(super) fn refused(error: CallError) -> CliError {
    match error {
        CallError::OutOfReach { .. } => CliError::OutOfReach(error.to_string()),
        CallError::Refused { status: 502..=504, detail } => CliError::OutOfReach(detail),
        CallError::Refused { detail, .. } => CliError::Failed(detail),
    }
}
