//! What the simulator answers, asked as a client asks: every rule, and every kind of trouble.

mod batches;
mod businesses;
mod claims;
mod controls;
mod documented;
mod lists;
mod pages;
mod partners;
mod sockets;
mod tokens;
mod troubles;
mod usages;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::control::orders::ClockOrder;
use super::state::State;
use super::wire::answer::{Answer, Delivery, Reply};
use super::wire::form;
use super::wire::request::{GraphRequest, Verb};
use super::world::{World, set_of};

/// The token of business 2001 in most stories.
const TOKEN: &str = "sim-token-2001";

/// A client of the simulator without a socket between.
struct Client {
    state: State,
    token: String,
}

/// The clock of all stories starts here.
fn start() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().expect("a time")
}

fn of(world: World) -> Client {
    Client { state: State::new(world, Some(start()), "http://sim".to_owned()), token: TOKEN.to_owned() }
}

fn demo() -> Client {
    of(World::demo())
}

impl Client {
    fn with_token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    fn get(&mut self, path: &str) -> Seen {
        self.call(Verb::Get, path, "")
    }

    fn post(&mut self, path: &str, body: &str) -> Seen {
        self.call(Verb::Post, path, body)
    }

    fn delete(&mut self, path: &str) -> Seen {
        self.call(Verb::Delete, path, "")
    }

    fn call(&mut self, verb: Verb, path: &str, body: &str) -> Seen {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut params = form::decode(query);
        params.extend(form::decode(body));
        let mut request = GraphRequest::new(verb, &format!("/v26.0{path}"), params);
        request.token = request.token.or_else(|| Some(self.token.clone()).filter(|token| !token.is_empty()));
        Seen::from(self.state.receive(&request))
    }

    /// Follows `next` to the end and gives the ids; stops after ten pages, as one that repeats a cursor would not.
    fn walk(&mut self, path: &str) -> Vec<String> {
        let (mut ids, mut at) = (Vec::new(), path.to_owned());
        for _ in 0..10 {
            let seen = self.get(&at).good();
            ids.extend(rows(&seen, "id"));
            let Some(next) = seen["paging"]["next"].as_str() else { break };
            next.split_once("/v26.0").expect("a versioned link").1.clone_into(&mut at);
        }
        ids
    }

    fn advance(&mut self, by: &str) {
        self.state.advance(&ClockOrder { advance: by.to_owned() }).expect("a duration");
    }

    fn world(&self) -> &World {
        &self.state.world
    }

    /// Calls that changed the world.
    fn effects(&self) -> Vec<String> {
        self.state.calls.after(0).into_iter().filter_map(|call| call.effect).collect()
    }
}

/// What came back.
#[derive(Debug)]
struct Seen {
    answer: Answer,
    delivery: Delivery,
}

impl From<Reply> for Seen {
    fn from(reply: Reply) -> Self {
        Self { answer: reply.answer, delivery: reply.delivery }
    }
}

impl Seen {
    fn body(&self) -> Value {
        serde_json::from_str(&self.answer.body).unwrap_or(Value::Null)
    }

    /// The body of an answer that must be a good one.
    fn good(&self) -> Value {
        assert_eq!(self.answer.status, 200, "{}", self.answer.body);
        self.body()
    }

    /// Code and subcode (0 for none) of a refusal.
    fn refused(&self) -> (i64, i64) {
        let error = &self.body()["error"];
        (error["code"].as_i64().unwrap_or(0), error["error_subcode"].as_i64().unwrap_or(0))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.answer.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

fn rows(body: &Value, member: &str) -> Vec<String> {
    let data = body["data"].as_array().cloned().unwrap_or_default();
    data.iter().filter_map(|row| row[member].as_str().map(str::to_owned)).collect()
}

fn success() -> Value {
    json!({ "success": true })
}

fn hours_ago(hours: i64) -> Timestamp {
    start() - jiff::SignedDuration::from_hours(hours)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
