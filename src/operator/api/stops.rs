//! `/api/v1/holds`, `/hold`, `/resume`, `/breakers`, `/breakers/reset` and `/commands/{id}/release`.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, changes, command_id, order, unknown_command};
use crate::contract::BusinessId;
use crate::journal::{HoldOn, Release};
use crate::operator::problem::Problem;
use crate::operator::stops::{Hand, HoldOrder, Reach, ReleaseOrder, breaker, held, held_by_hand, open_breakers};
use crate::operator::{Desk, Order};

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/api/v1/holds", get(holds))
        .route("/api/v1/hold", changes(post(hold)))
        .route("/api/v1/resume", changes(post(resume)))
        .route("/api/v1/breakers", get(breakers))
        .route("/api/v1/breakers/reset", changes(post(reset)))
        .route("/api/v1/commands/{id}/release", changes(post(release)))
}

async fn holds(State(desk): State<Desk>) -> Answer {
    let holds = desk.journal.holds().await.map_err(|error| Problem::journal(&error))?;
    let told: Vec<Value> = held_by_hand(holds).iter().map(held).collect();
    Ok(axum::Json(json!({ "holds": told })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    actor: String,
    reason: String,
    business: Option<BusinessId>,
    #[serde(default)]
    all: bool,
}

impl Scope {
    fn order(self) -> Result<HoldOrder, Problem> {
        let order = Order::new(&self.actor, &self.reason).map_err(|bad| Problem::bad(bad.to_string()))?;
        let on = Reach { business: self.business, all: self.all }.on().map_err(Problem::bad)?;
        Ok(HoldOrder { order, on })
    }
}

async fn hold(State(desk): State<Desk>, request: Request) -> Answer {
    let order = order::<Scope>(request).await?.order()?;
    let stands = Hand::Worker(&desk.switch).hold(order, desk.now()).await;
    Ok(axum::Json(json!({ "hold": held(&stands.map_err(|error| Problem::journal(&error))?) })))
}

async fn resume(State(desk): State<Desk>, request: Request) -> Answer {
    let order = order::<Scope>(request).await?.order()?;
    let lifted = Hand::Worker(&desk.switch).resume(order, desk.now()).await;
    let lifted = lifted.map_err(|error| Problem::journal(&error))?;
    let left = desk.journal.holds().await.map_err(|error| Problem::journal(&error))?;
    let left: Vec<Value> = held_by_hand(left).iter().map(held).collect();
    Ok(axum::Json(json!({ "lifted": lifted.as_ref().map(held), "holds": left })))
}

async fn breakers(State(desk): State<Desk>) -> Answer {
    let holds = desk.journal.holds().await.map_err(|error| Problem::journal(&error))?;
    let told: Vec<Value> = open_breakers(holds).iter().map(breaker).collect();
    Ok(axum::Json(json!({ "breakers": told })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    actor: String,
    reason: String,
    business: BusinessId,
}

async fn reset(State(desk): State<Desk>, request: Request) -> Answer {
    let Reset { actor, reason, business } = order(request).await?;
    let order = Order::new(&actor, &reason).map_err(|bad| Problem::bad(bad.to_string()))?;
    let order = HoldOrder { order, on: HoldOn::Claims(business) };
    let was = Hand::Worker(&desk.switch).resume(order, desk.now()).await.map_err(|error| Problem::journal(&error))?;
    Ok(axum::Json(json!({ "reset": was.as_ref().map(breaker) })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    actor: String,
    reason: String,
}

async fn release(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Answer {
    let command = command_id(&id)?;
    let Said { actor, reason } = order(request).await?;
    let order = Order::new(&actor, &reason).map_err(|bad| Problem::bad(bad.to_string()))?;
    let met = Hand::Worker(&desk.switch).release(ReleaseOrder { order, command: command.clone() }, desk.now()).await;
    match met.map_err(|error| Problem::journal(&error))? {
        Release::Open(_) => Ok(axum::Json(json!({ "released": command.as_str() }))),
        Release::Ended => Err(Problem::new(StatusCode::CONFLICT, "ended", format!("{command} has ended already"))),
        Release::Unknown => Err(unknown_command(&command)),
    }
}
