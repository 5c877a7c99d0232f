//! What the API works with.

use std::sync::Arc;

use jiff::Timestamp;

use crate::broker::BrokerConfig;
use crate::config::Config;
use crate::engine::{Clock, Switch};
use crate::journal::Journal;

/// The journal that the worker holds, its configuration, its broker and its stop switch. Clones share them.
#[derive(Clone)]
pub struct Desk {
    pub(super) journal: Journal,
    pub(super) config: Arc<Config>,
    pub(super) broker: BrokerConfig,
    pub(super) switch: Switch,
    clock: Clock,
}

impl Desk {
    /// The desk of a worker.
    #[must_use]
    pub fn new(journal: Journal, config: Arc<Config>, broker: BrokerConfig, switch: Switch, clock: Clock) -> Self {
        Self { journal, config, broker, switch, clock }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
