//! How a connection stands, for readiness and for people: one line in the log a change, not one a try.

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::{info, warn};

use super::BrokerError;

/// How a connection to the broker stands, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// What it does now.
    pub link: Link,
    /// Since when it does so. For [`Link::Connecting`]: since when there is no connection, whatever was tried.
    pub since: Timestamp,
}

/// What a connection to the broker does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// There is none; we are trying.
    Connecting {
        /// Why the last try, or the connection before it, ended; `not tried yet` at start.
        why: String,
        /// The same as a stable label ([`BrokerError::code`]); `starting` at start.
        code: &'static str,
    },
    /// It works: the consumer consumes, the publisher may publish.
    Up,
    /// The consumer is connected and takes nothing in, because it was told so.
    Paused,
    /// The broker takes no publications for now (an alarm); acknowledgements still flow on the consumer's connection.
    Blocked {
        /// What the broker said.
        reason: String,
    },
}

/// Keeps the state of one connection and tells of its changes.
#[derive(Debug)]
pub(super) struct Board {
    name: &'static str,
    state: watch::Sender<LinkState>,
}

impl Board {
    pub(super) fn new(name: &'static str) -> Self {
        let link = Link::Connecting { why: "not tried yet".into(), code: "starting" };
        Self { name, state: watch::Sender::new(LinkState { link, since: Timestamp::now() }) }
    }

    pub(super) fn watch(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    pub(super) fn is_blocked(&self) -> bool {
        matches!(self.state.borrow().link, Link::Blocked { .. })
    }

    /// There is no connection, for this reason.
    pub(super) fn down(&self, error: &BrokerError) {
        self.set(Link::Connecting { why: error.to_string(), code: error.code() });
    }

    pub(super) fn set(&self, link: Link) {
        let before = self.state.borrow().clone();
        if before.link == link {
            return;
        }
        if !same_kind(&before.link, &link) {
            self.tell(&link);
        }
        let still_down = is_down(&before.link) && is_down(&link);
        let since = if still_down { before.since } else { Timestamp::now() };
        self.state.send_replace(LinkState { link, since });
    }

    fn tell(&self, link: &Link) {
        let name = self.name;
        match link {
            Link::Connecting { why, code } => {
                warn!(link = name, code, "{name} connection to the broker is down: {why}")
            }
            Link::Up => info!(link = name, "{name} connection to the broker is up"),
            Link::Paused => info!(link = name, "{name} connection to the broker is paused, commands stay in the queue"),
            Link::Blocked { reason } => warn!(link = name, "{name} connection is blocked by the broker: {reason}"),
        }
    }
}

fn is_down(link: &Link) -> bool {
    matches!(link, Link::Connecting { .. })
}

/// A new sentence with the same label is no news: the text may hold a port or a time that changes with each try.
fn same_kind(one: &Link, other: &Link) -> bool {
    match (one, other) {
        (Link::Connecting { code, .. }, Link::Connecting { code: now, .. }) => code == now,
        (Link::Up, Link::Up) | (Link::Paused, Link::Paused) | (Link::Blocked { .. }, Link::Blocked { .. }) => true,
        (Link::Connecting { .. } | Link::Up | Link::Paused | Link::Blocked { .. }, _) => false,
    }
}
