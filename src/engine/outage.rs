//! Meta out of reach for everybody: who may call, who probes, and what an operator is told. The arithmetic is
//! `governor::outage`.

use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use super::shared::Shared;
use crate::config::RetryConfig;
use crate::governor::{Gaps, Heard, Leave, Turn};
use crate::graph::{Asked, Secrets, Trouble, WhoamiError};

/// Between two looks whether a probe is due.
const TICK: Duration = Duration::from_millis(200);
/// The longest gap between two probes: one call costs nothing, and this long after Meta is back everybody goes on.
const PROBE_GAP_MAX: Duration = Duration::from_secs(8);

/// How far apart probes are.
pub(super) fn gaps(retry: &RetryConfig) -> Gaps {
    Gaps { first: retry.first.min(PROBE_GAP_MAX), max: retry.max.min(PROBE_GAP_MAX) }
}

/// One call that may leave. Dropped without a word, the call has not left.
pub(super) struct Permit<'a> {
    shared: &'a Shared,
    has_left: bool,
}

impl<'a> Permit<'a> {
    /// A permission, or when to ask for one again.
    pub(super) fn ask(shared: &'a Shared) -> Result<Self, Timestamp> {
        let leave = shared.memory().outage.leave(shared.clock.now());
        match leave {
            Leave::Go => Ok(Self { shared, has_left: false }),
            Leave::NotBefore(until) => Err(until),
        }
    }

    /// What became of the call.
    pub(super) fn heard(mut self, caller: &str, asked: &Asked) {
        // A credential that cannot be sent has asked Meta nothing.
        if asked.requests.is_empty() {
            return;
        }
        self.has_left = true;
        let heard = if asked.answered { Heard::Answer } else { Heard::Nothing };
        let turn = self.shared.memory().outage.heard(caller, heard, self.shared.clock.now());
        tell(turn);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.has_left {
            self.shared.memory().outage.unsent();
        }
    }
}

/// Probes until the worker stops.
pub(crate) async fn run(shared: &Shared) {
    while !shared.stop.is_cancelled() {
        let due = shared.memory().outage.probe_at();
        if due.is_some_and(|due| due <= shared.clock.now()) {
            let heard = probe(shared).await;
            let turn = shared.memory().outage.probed(heard, shared.clock.now());
            tell(turn);
            shared.work.notify_one();
        }
        let _ = shared.stop.run_until_cancelled(tokio::time::sleep(TICK)).await;
    }
}

/// One read that costs next to nothing and changes nothing: whose token is it.
async fn probe(shared: &Shared) -> Heard {
    let Some(secrets) = any_credential(shared) else { return Heard::Nothing };
    match shared.graph.whoami(&secrets).await {
        Err(WhoamiError::Trouble(Trouble::Transient { .. } | Trouble::NotSent { .. })) => Heard::Nothing,
        Ok(_)
        | Err(
            WhoamiError::Refused(_)
            | WhoamiError::Trouble(Trouble::Throttled { .. } | Trouble::CredentialDead { .. } | Trouble::Abuse { .. }),
        ) => Heard::Answer,
    }
}

fn any_credential(shared: &Shared) -> Option<Secrets> {
    shared.config.credentials.iter().find_map(|(name, credential)| {
        let pair = credential.secrets.read().ok()?;
        Some(Secrets { name: name.clone(), access_token: pair.access_token, app_secret: pair.app_secret })
    })
}

fn tell(turn: Option<Turn>) {
    match turn {
        Some(Turn::Out) => warn!("Meta is out of reach for everybody: calls wait until a probe is answered"),
        Some(Turn::Back) => info!("Meta answers again: calls leave, few at first"),
        None => {}
    }
}
