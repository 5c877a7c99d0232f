//! What the API works with.

use std::sync::Arc;

use jiff::Timestamp;

use crate::broker::BrokerConfig;
use crate::config::Config;
use crate::engine::Clock;
use crate::journal::Journal;

/// The journal that the worker holds, its configuration, and its broker. Clones share them.
#[derive(Clone)]
pub struct Desk {
    pub(super) journal: Journal,
    pub(super) config: Arc<Config>,
    pub(super) broker: BrokerConfig,
    clock: Clock,
}

impl Desk {
    /// The desk of a worker.
    #[must_use]
    pub fn new(journal: Journal, config: Arc<Config>, broker: BrokerConfig, clock: Clock) -> Self {
        Self { journal, config, broker, clock }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
