//! The control API: how a person or a test plays the people at the other end, and brings trouble.
//!
//! ```text
#![doc = include_str!("help.md")]
//! ```

mod acts;
mod openapi;
pub(crate) mod orders;
mod routes;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State as Shares};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use acts::ControlError;
pub use openapi::openapi;

use super::sim::Shared;
use super::state::State;

/// The control API in words: shown by `bindery graph-sim --help`, and fit for a README.
pub const CONTROL_HELP: &str = include_str!("help.md");

/// A world of a million Pages still fits into one order.
const ORDER_BYTES_MAX: usize = 512 * 1024 * 1024;

/// An order that has nothing to say.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct After {
    /// Calls with a number above this one; all when left out.
    after: u64,
}

/// The routes under `/_sim`.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    unbound().layer(DefaultBodyLimit::max(ORDER_BYTES_MAX)).with_state(shared)
}

/// The same, before it is known what they act on.
pub(super) fn unbound() -> Router<Arc<Shared>> {
    routes::table()
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.serve))
        .route("/_sim/{*rest}", axum::routing::any(unknown))
}

fn surely<O>(act: fn(&mut State, O)) -> impl FnOnce(&mut State, O) -> Result<bool, ControlError> {
    move |state, order| {
        act(state, order);
        Ok(true)
    }
}

fn obey<O: DeserializeOwned, R: Serialize>(
    shared: &Shared,
    body: &[u8],
    act: impl FnOnce(&mut State, O) -> Result<R, ControlError>,
) -> Response {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let asked = serde_json::from_slice(body).map_err(|why| ControlError::Invalid(why.to_string()));
    match asked.and_then(|order| act(&mut shared.state(), order)) {
        Ok(result) => Json(json!({ "ok": result })).into_response(),
        Err(why) => refuse(&why),
    }
}

fn refuse(why: &ControlError) -> Response {
    let status = match why {
        ControlError::Missing(_) => StatusCode::NOT_FOUND,
        ControlError::Invalid(_) => StatusCode::BAD_REQUEST,
    };
    (status, Json(json!({ "error": why.to_string() }))).into_response()
}

async fn put_world(Shares(shared): Shares<Arc<Shared>>, body: Bytes) -> Response {
    obey(&shared, &body, surely(State::replace_world))
}

async fn world(Shares(shared): Shares<Arc<Shared>>) -> Response {
    Json(&shared.state().world).into_response()
}

async fn calls(Shares(shared): Shares<Arc<Shared>>, Query(from): Query<After>) -> Response {
    Json(shared.state().calls.after(from.after)).into_response()
}

async fn clock(Shares(shared): Shares<Arc<Shared>>) -> Response {
    Json(json!({ "now": shared.state().clock.now() })).into_response()
}

async fn help() -> &'static str {
    CONTROL_HELP
}

async fn unknown() -> Response {
    refuse(&ControlError::Missing("such control; GET /_sim lists them".to_owned()))
}
