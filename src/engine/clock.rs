//! Domain time: due times, gaps and deadlines of commands. Tests move it; deadlines of network awaits are tokio's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The one clock of a worker. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_micros: Arc<AtomicI64>,
}

impl Clock {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
            .saturating_add(SignedDuration::from_micros(self.ahead_micros.load(Ordering::Relaxed)))
            .expect("a saturated time is a time")
    }

    /// Moves the clock on, for tests and for demos.
    pub fn advance(&self, by: Duration) {
        self.ahead_micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

impl Clock {
    /// The clock as a function, for rooms that only read it.
    pub fn reader(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let clock = self.clone();
        move || clock.now()
    }
}
