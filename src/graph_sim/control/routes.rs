//! Every operation of the control API, once: the router serves this table, and the OpenAPI document tells it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Shares;
use axum::routing::{MethodRouter, get, post, put};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::orders::{ClockOrder, Decide};
use super::{After, ControlError, Nothing, calls, clock, help, obey, put_world, surely, world};
use crate::graph_sim::calls::Call;
use crate::graph_sim::sim::Shared;
use crate::graph_sim::state::State;
use crate::graph_sim::world::{Verdict, World};

/// The shape of a body.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// One operation.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) about: &'static str,
    pub(super) asks: Asks,
    pub(super) answers: Answers,
    pub(super) serve: MethodRouter<Arc<Shared>>,
}

/// The HTTP methods that control knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
}

/// What an operation is given.
pub(super) enum Asks {
    Nothing,
    /// In the query.
    Query(Shape),
    /// As JSON; the example works on the demo world.
    Order(Shape, &'static str),
}

/// What it answers when all is well.
pub(super) enum Answers {
    /// Text.
    Text,
    /// JSON as it is.
    Bare(Shape),
    /// `{"ok": …}`.
    Ok(Shape),
}

/// The table.
#[rustfmt::skip]
pub(super) fn table() -> Vec<Route> {
    vec![
        look("/_sim", "This control API in words", Asks::Nothing, Answers::Text, get(help)),
        look("/_sim/world", "The whole world", Asks::Nothing, Answers::Bare(shape::<World>), get(world)),
        look("/_sim/calls", "Every call that Graph got", Asks::Query(shape::<After>), Answers::Bare(shape::<Vec<Call>>), get(calls)),
        look("/_sim/clock", "The simulator's time", Asks::Nothing, Answers::Bare(now), get(clock)),
        Route { method: Method::Put, serve: put(put_world), ..plain("/_sim/world", "Replace the world", WORLD, State::replace_world) },
        plain("/_sim/world", "Merge: what has the same id is replaced, the rest stays", WORLD, State::merge_world),
        order("/_sim/clock", "Let the simulator's time jump", r#"{"advance": "2h"}"#, |state, to: ClockOrder| state.advance(&to)),
        order("/_sim/approve", "The client approves an open request, now or later", OPEN, |state, on| state.decide(Verdict::Approve, on)),
        order("/_sim/deny", "The client denies an open request, now or later", OPEN, |state, on| state.decide(Verdict::Deny, on)),
        order("/_sim/withdraw", "Someone on our own side cancels an open request by hand", OPEN, |state, on: Decide| state.withdraw(&on)),
        order("/_sim/person", "A person comes, changes, accepts an invitation or leaves", r#"{"business": "2001", "id": "3009", "name": "Eve", "email": "eve@b.example", "role": "ADMIN"}"#, State::change_person),
        order("/_sim/page", "Change or delete a Page; only what is named changes", r#"{"page": "1001", "owner": "2002", "reaction": {"verdict": "approve", "after_seconds": 5}}"#, State::change_page),
        plain("/_sim/break", "Break the next calls that match", r#"{"match": {"method": "POST", "contains": "/client_pages"}, "how": "timeout_after"}"#, |state, rule| state.faults.add_break(rule)),
        plain("/_sim/listing", "Let a list page strangely", r#"{"list": "client_pages", "how": "empty_middle_page"}"#, |state, rule| state.faults.add_oddity(rule)),
        plain("/_sim/throttle", "Refuse calls for a while, as Meta throttles", r#"{"business": "2001", "minutes": 5, "times": 3}"#, State::throttle),
        plain("/_sim/quota", "Give a bucket a quota; a call costs one point", r#"{"business": "2001", "per_hour": 200}"#, State::set_quota),
        plain("/_sim/usage", "Set what a usage header says", r#"{"business": "2001", "percent": 96}"#, State::order_usage),
        order("/_sim/lag", "Let lists lag behind writes", r#"{"seconds": 5, "list": "client_pages"}"#, State::set_lag),
        plain("/_sim/awkward", "Let things go wrong by chance; 0 ends it", r#"{"per_mille": 50}"#, State::set_awkward),
        order("/_sim/token", "A token dies, or lives again", r#"{"token": "sim-token-2001", "dead": 460}"#, State::set_token),
        plain("/_sim/heal", "Nothing goes wrong any more; world and quotas stay", "{}", |state, _: Nothing| state.heal()),
        plain("/_sim/reset", "The first world again; the clock goes on", "{}", |state, _: Nothing| state.reset()),
    ]
}

/// An open request of the demo world.
const OPEN: &str = r#"{"business": "2001", "page": "1014"}"#;
/// A small world.
const WORLD: &str =
    r#"{"businesses": {"2050": {"name": "Fifty"}}, "pages": {"1050": {"name": "Coffee", "owner": "2050"}}}"#;

fn look(
    path: &'static str,
    about: &'static str,
    asks: Asks,
    answers: Answers,
    serve: MethodRouter<Arc<Shared>>,
) -> Route {
    Route { method: Method::Get, path, about, asks, answers, serve }
}

/// A POST whose JSON body is the order; the content type is not looked at, so that plain `curl -d` does.
fn order<O, R>(
    path: &'static str,
    about: &'static str,
    example: &'static str,
    act: fn(&mut State, O) -> Result<R, ControlError>,
) -> Route
where
    O: DeserializeOwned + JsonSchema + 'static,
    R: Serialize + JsonSchema + 'static,
{
    let serve = post(move |Shares(shared): Shares<Arc<Shared>>, body: Bytes| async move { obey(&shared, &body, act) });
    let asks = Asks::Order(shape::<O>, example);
    Route { method: Method::Post, path, about, asks, answers: Answers::Ok(shape::<R>), serve }
}

/// As [`order`], for what cannot fail.
fn plain<O>(path: &'static str, about: &'static str, example: &'static str, act: fn(&mut State, O)) -> Route
where
    O: DeserializeOwned + JsonSchema + 'static,
{
    let serve =
        post(move |Shares(shared): Shares<Arc<Shared>>, body: Bytes| async move { obey(&shared, &body, surely(act)) });
    let asks = Asks::Order(shape::<O>, example);
    Route { method: Method::Post, path, about, asks, answers: Answers::Ok(shape::<bool>), serve }
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn now(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "required": ["now"], "properties": { "now": { "type": "string", "format": "date-time" } }
    })
}

impl Method {
    /// As OpenAPI spells it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
        }
    }
}
