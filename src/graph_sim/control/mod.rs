//! The control API: how a person or a test plays the people at the other end, and brings trouble.
//!
//! ```text
#![doc = include_str!("help.md")]
//! ```

mod acts;
pub(crate) mod orders;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State as Shares};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodRouter, get, post};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use acts::ControlError;
use orders::{ClockOrder, Decide};

use super::sim::Shared;
use super::state::State;
use super::world::Verdict;

/// The control API in words: shown by `bindery graph-sim --help`, and fit for a README.
pub const CONTROL_HELP: &str = include_str!("help.md");

/// A world of a million Pages still fits into one order.
const ORDER_BYTES_MAX: usize = 512 * 1024 * 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct After {
    after: u64,
}

/// The routes under `/_sim`.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let world = get(world).merge(plain(State::merge_world)).put(put_world);
    Router::new()
        .route("/_sim/world", world)
        .route("/_sim/calls", get(calls))
        .route("/_sim/clock", get(clock).merge(order(|state, to: ClockOrder| state.advance(&to))))
        .route("/_sim/approve", order(|state, on| state.decide(Verdict::Approve, on)))
        .route("/_sim/deny", order(|state, on| state.decide(Verdict::Deny, on)))
        .route("/_sim/withdraw", order(|state, on: Decide| state.withdraw(&on)))
        .route("/_sim/person", order(State::change_person))
        .route("/_sim/page", order(State::change_page))
        .route("/_sim/break", plain(|state, rule| state.faults.add_break(rule)))
        .route("/_sim/listing", plain(|state, rule| state.faults.add_oddity(rule)))
        .route("/_sim/throttle", plain(State::throttle))
        .route("/_sim/quota", plain(State::set_quota))
        .route("/_sim/usage", plain(State::order_usage))
        .route("/_sim/lag", order(State::set_lag))
        .route("/_sim/awkward", plain(State::set_awkward))
        .route("/_sim/token", order(State::set_token))
        .route("/_sim/heal", plain(|state, _: Nothing| state.heal()))
        .route("/_sim/reset", plain(|state, _: Nothing| state.reset()))
        .route("/_sim", get(help))
        .route("/_sim/{*rest}", axum::routing::any(unknown))
        .layer(DefaultBodyLimit::max(ORDER_BYTES_MAX))
        .with_state(shared)
}

/// A POST whose JSON body is the order; the content type is not looked at, so that plain `curl -d` does.
fn order<O, R>(act: fn(&mut State, O) -> Result<R, ControlError>) -> MethodRouter<Arc<Shared>>
where
    O: DeserializeOwned + 'static,
    R: Serialize + 'static,
{
    post(move |Shares(shared): Shares<Arc<Shared>>, body: Bytes| async move { obey(&shared, &body, act) })
}

/// As [`order`], for what cannot fail.
fn plain<O: DeserializeOwned + 'static>(act: fn(&mut State, O)) -> MethodRouter<Arc<Shared>> {
    post(move |Shares(shared): Shares<Arc<Shared>>, body: Bytes| async move { obey(&shared, &body, surely(act)) })
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
