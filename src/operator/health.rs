//! `/livez` and `/readyz`, answered truthfully and with the reason.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::broker::{Link, LinkState};
use crate::engine::Links;
use crate::journal::Journal;

/// How long the journal may take to commit a pulse before it counts as stuck.
const PULSE_WITHIN: Duration = Duration::from_secs(2);

/// What readiness looks at.
#[derive(Clone)]
pub struct Health {
    journal: Journal,
    stop: CancellationToken,
    links: Arc<Mutex<Option<Links>>>,
}

impl Health {
    /// Not ready until [`Self::watch`] tells of the connections.
    #[must_use]
    pub fn new(journal: Journal, stop: CancellationToken) -> Self {
        Self { journal, stop, links: Arc::default() }
    }

    /// Looks at these connections from now on.
    pub fn watch(&self, links: Links) {
        *self.links.lock().unwrap_or_else(PoisonError::into_inner) = Some(links);
    }

    /// Why the worker is not ready; nothing where it is.
    async fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stop.is_cancelled() {
            reasons.push("stopping".to_owned());
        }
        match self.links.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(links) => {
                reasons.extend(down("consuming", &links.consuming.borrow()));
                reasons.extend(down("publishing", &links.publishing.borrow()));
            }
            None => reasons.push("starting".to_owned()),
        }
        match tokio::time::timeout(PULSE_WITHIN, self.journal.ping()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => reasons.push(format!("the journal does not commit: {error}")),
            Err(_) => reasons.push(format!("the journal has not committed within {} s", PULSE_WITHIN.as_secs())),
        }
        reasons
    }
}

fn down(name: &str, state: &LinkState) -> Option<String> {
    match &state.link {
        Link::Up => None,
        Link::Connecting { why, .. } => {
            Some(format!("{name}: no connection to the broker since {}: {why}", state.since))
        }
        Link::Paused => Some(format!(
            "{name}: paused since {}: the journal does not commit, or `limits.backlog` is reached",
            state.since
        )),
        Link::Blocked { reason } => Some(format!("{name}: blocked by the broker since {}: {reason}", state.since)),
    }
}

/// The two that need no token.
pub(super) fn routes(health: Health) -> Router {
    Router::new().route("/livez", get(live)).route("/readyz", get(ready)).with_state(health)
}

/// Answering at all is being alive: it depends on no neighbour.
async fn live() -> Json<Value> {
    Json(json!({ "live": true, "version": env!("CARGO_PKG_VERSION") }))
}

async fn ready(State(health): State<Health>) -> (StatusCode, Json<Value>) {
    let reasons = health.reasons().await;
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons })))
}
