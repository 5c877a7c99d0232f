//! `/metrics`: all that is measured, as Prometheus reads it.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use tracing::warn;

use crate::telemetry;

/// The text format of Prometheus.
const TEXT: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];

/// Answers a scrape. Gauges may look at the journal: on a thread for such work.
pub(super) async fn metrics() -> (StatusCode, [(HeaderName, &'static str); 1], String) {
    match tokio::task::spawn_blocking(telemetry::text).await {
        Ok(Some(Ok(text))) => (StatusCode::OK, TEXT, text),
        Ok(Some(Err(error))) => {
            warn!("could not answer a scrape: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, TEXT, "# the metrics could not be written\n".to_owned())
        }
        Ok(None) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, "# nothing is measured here\n".to_owned()),
    }
}
