//! `/api/v1`: what a program or the operator's page may read, and what may be changed with a reason.

mod stops;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

use super::dead::{Deed, handle};
use super::evidence::Report;
use super::explain::{Situation, explain};
use super::guard::{Caller, Listens, judge};
use super::metrics::metrics;
use super::orders::{LetterOrder, Order, ReplayOrder, replay_events};
use super::problem::Problem;
use super::{DeadError, Desk, shown};
use crate::config::TOKEN_LEAST;
use crate::contract::{BusinessId, CommandId};
use crate::journal::{Filter, JournalError, StateName};

/// The largest order: a name, a reason, an id.
const ORDER_MAX: usize = 64 * 1024;
/// How long a caller may take to send it.
const ORDER_WITHIN: Duration = Duration::from_secs(10);
/// Rows of a list unless asked otherwise, and at most.
const ROWS: u32 = 50;
const ROWS_MAX: u32 = 1_000;

type Answer = Result<axum::Json<Value>, Problem>;

pub(super) fn routes(desk: Desk) -> Router {
    let guarded = middleware::from_fn_with_state(desk.clone(), guard);
    let api = Router::new()
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/commands", get(list))
        .route("/api/v1/commands/{id}", get(status))
        .route("/api/v1/commands/{id}/explain", get(explained))
        .route("/api/v1/commands/{id}/evidence", get(evidence))
        .route("/api/v1/events/unrouted", get(unrouted))
        .route("/api/v1/operations", get(operations))
        .route("/api/v1/events/replay", changes(post(events_replay)))
        .route("/api/v1/dead/{letter}/replay", changes(post(dead_replay)))
        .route("/api/v1/dead/{letter}/discard", changes(post(dead_discard)))
        .merge(stops::routes())
        .route("/api/{*rest}", axum::routing::any(nowhere))
        // On loopback without a token, as all that only reads; for others with it.
        .route("/metrics", get(metrics));
    api.layer(guarded).with_state(desk)
}

/// What changes something is never a GET: a link, an image or a prefetch must not do it.
fn changes(by_post: MethodRouter<Desk>) -> MethodRouter<Desk> {
    by_post.fallback(async || {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "post_only", "this changes something: send it as POST")
    })
}

async fn nowhere() -> Problem {
    Problem::unknown("there is nothing here: see /api/v1/openapi.json")
}

async fn guard(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    match let_in(&desk, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn let_in(desk: &Desk, request: &Request) -> Result<(), Problem> {
    let http = &desk.config.http;
    // Read anew, so that a token that was changed in its file is the one that counts.
    let token = http.token.as_ref().map(crate::config::Origin::read).transpose();
    let token = token.ok().filter(|token| token.as_ref().is_none_or(is_long_enough));
    let Some(token) = token else {
        let detail =
            format!("http.token_file cannot be read, or holds fewer than {TOKEN_LEAST} characters: mend the file");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "token_unreadable", detail));
    };
    let caller = Caller { method: request.method(), uri: request.uri(), headers: request.headers() };
    let listens = if http.listen.ip().is_loopback() { Listens::AtHome } else { Listens::Abroad };
    judge(&caller, listens, token.as_ref())
}

fn is_long_enough(token: &secrecy::SecretString) -> bool {
    secrecy::ExposeSecret::expose_secret(token).chars().count() >= TOKEN_LEAST
}

async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], include_str!("openapi.json"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    state: Option<String>,
    business: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

async fn list(
    State(desk): State<Desk>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let Query(wanted) = wanted.map_err(|error| Problem::bad(error.body_text()))?;
    let state = wanted.state.map(|word| word.parse::<StateName>()).transpose();
    let business = wanted.business.map(|id| id.parse::<BusinessId>()).transpose();
    let filter = Filter {
        state: state.map_err(|error| Problem::bad(format!("state {error}")))?,
        business: business.map_err(|error| Problem::bad(format!("business {error}")))?,
        before: wanted.before,
        limit: wanted.limit.unwrap_or(ROWS).clamp(1, ROWS_MAX),
    };
    let rows = desk.journal.list(&filter).await.map_err(|error| Problem::journal(&error))?;
    let before = rows.last().filter(|_| u32::try_from(rows.len()) == Ok(filter.limit)).map(|row| row.seq);
    let commands: Vec<Value> = rows.iter().map(shown::command).collect();
    Ok(axum::Json(json!({ "commands": commands, "before": before })))
}

async fn status(State(desk): State<Desk>, Path(id): Path<String>) -> Answer {
    let id = command_id(&id)?;
    let read = async {
        let Some(row) = desk.journal.find(&id).await? else { return Ok(None) };
        Ok(Some((row, desk.journal.events_of(&id).await?)))
    };
    let found = read.await.map_err(|error: JournalError| Problem::journal(&error))?;
    let (row, events) = found.ok_or_else(|| unknown_command(&id))?;
    Ok(axum::Json(shown::status(&row, &events)))
}

async fn explained(State(desk): State<Desk>, Path(id): Path<String>) -> Answer {
    let id = command_id(&id)?;
    let situation = Situation::of(&desk.journal, &desk.config, &id, desk.now()).await;
    let situation = situation.map_err(|error| Problem::journal(&error))?.ok_or_else(|| unknown_command(&id))?;
    Ok(axum::Json(explain(&situation).in_json(&situation)))
}

async fn evidence(State(desk): State<Desk>, Path(id): Path<String>) -> Answer {
    let id = command_id(&id)?;
    let report = Report::of(&desk.journal, &id, desk.now()).await.map_err(|error| Problem::journal(&error))?;
    let report = report.ok_or_else(|| {
        Problem::unknown(format!(
            "the journal holds no evidence of {id}: it has not come, or ended longer ago than `retention.evidence`"
        ))
    })?;
    Ok(axum::Json(json!(report)))
}

async fn unrouted(State(desk): State<Desk>) -> Answer {
    let unrouted = desk.journal.unrouted().await.map_err(|error| Problem::journal(&error))?;
    Ok(axum::Json(json!({ "count": unrouted.count, "terminal": unrouted.terminal })))
}

async fn operations(State(desk): State<Desk>) -> Answer {
    let done = desk.journal.operations(ROWS_MAX).await.map_err(|error| Problem::journal(&error))?;
    let told: Vec<Value> = done.iter().map(shown::operation).collect();
    Ok(axum::Json(json!({ "operations": told })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsReplay {
    actor: String,
    reason: String,
    command: Option<CommandId>,
}

async fn events_replay(State(desk): State<Desk>, request: Request) -> Answer {
    let EventsReplay { actor, reason, command } = order(request).await?;
    let order = Order::new(&actor, &reason).map_err(|bad| Problem::bad(bad.to_string()))?;
    let queued = replay_events(&desk.journal, ReplayOrder { order, command }, desk.now()).await;
    let queued = queued.map_err(|error| Problem::journal(&error))?;
    Ok(axum::Json(json!({ "queued": queued })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadReplay {
    actor: String,
    reason: String,
    #[serde(default)]
    unchanged: bool,
}

async fn dead_replay(State(desk): State<Desk>, Path(letter): Path<String>, request: Request) -> Answer {
    let DeadReplay { actor, reason, unchanged } = order(request).await?;
    let deed = if unchanged { Deed::ReplayUnchanged } else { Deed::Replay };
    dead(&desk, letter, &actor, &reason, deed).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadDiscard {
    actor: String,
    reason: String,
}

async fn dead_discard(State(desk): State<Desk>, Path(letter): Path<String>, request: Request) -> Answer {
    let DeadDiscard { actor, reason } = order(request).await?;
    dead(&desk, letter, &actor, &reason, Deed::Discard).await
}

async fn dead(desk: &Desk, letter: String, actor: &str, reason: &str, deed: Deed) -> Answer {
    let order = Order::new(actor, reason).map_err(|bad| Problem::bad(bad.to_string()))?;
    let order = LetterOrder { order, letter, deed };
    let limit = usize::try_from(desk.config.limits.command_bytes).unwrap_or(usize::MAX);
    let done = handle(&desk.broker, &desk.journal, &order, limit, desk.now()).await;
    done.map(|done| axum::Json(shown::done(&done))).map_err(|error| undone(&error))
}

fn undone(error: &DeadError) -> Problem {
    let (status, code) = match error {
        DeadError::BadName => (StatusCode::BAD_REQUEST, "bad_request"),
        DeadError::NotThere { .. } => (StatusCode::NOT_FOUND, "not_found"),
        DeadError::Unfit { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unfit"),
        DeadError::NotTaken { .. } => (StatusCode::BAD_GATEWAY, "not_published"),
        DeadError::Unknown { .. } => (StatusCode::BAD_GATEWAY, "not_known"),
        DeadError::Broker(_) => (StatusCode::BAD_GATEWAY, "broker"),
        DeadError::Journal(_) => (StatusCode::SERVICE_UNAVAILABLE, "journal"),
    };
    Problem::new(status, code, error.to_string())
}

/// The order in a request's body, of bounded size and in bounded time.
async fn order<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let headers = request.headers();
    if !is_json(headers) {
        let detail = "send the order as JSON, with content-type application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "json_only", detail));
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > ORDER_MAX) {
        return Err(too_large());
    }
    let read = tokio::time::timeout(ORDER_WITHIN, to_bytes(request.into_body(), ORDER_MAX)).await;
    let slow = || {
        let detail = format!("the order did not come whole within {} s: send it at once", ORDER_WITHIN.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow_order", detail)
    };
    let body = read.map_err(|_| slow())?.map_err(|_| too_large())?;
    serde_json::from_slice(&body).map_err(|error| Problem::bad(format!("the order cannot be read: {error}")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn too_large() -> Problem {
    let detail = format!("an order has at most {ORDER_MAX} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

fn command_id(text: &str) -> Result<CommandId, Problem> {
    text.parse().map_err(|error| Problem::bad(format!("the id {error}")))
}

fn unknown_command(id: &CommandId) -> Problem {
    Problem::unknown(format!(
        "the journal knows no command {id}: it has not come, or ended longer ago than `retention.commands`"
    ))
}
