//! One call to a simulator without sockets, understood as the client understands it.

use super::super::distil::{Gathered, written};
use super::super::json::Json;
use super::super::said::{Said, read};
use super::super::wire::Answered;
use crate::graph_sim::{GraphRequest, State, Verb};
use crate::meta::{Answer, Call, Method, Reply};

/// What Meta answers; a write is made.
pub(super) fn ask(sim: &mut State, token: &str, call: &Call) -> Reply {
    let request = call.request();
    let verb = match request.method {
        Method::Get => Verb::Get,
        Method::Post => Verb::Post,
        Method::Delete => Verb::Delete,
    };
    let path = format!("/v26.0{}", request.path());
    let mut params: Vec<(String, String)> = request.params.into_iter().collect();
    params.extend([("access_token".to_owned(), token.to_owned())]);
    params.extend((verb == Verb::Get).then(|| ("limit".to_owned(), "100".to_owned())));
    let answer = sim.receive(&GraphRequest::new(verb, &path, params)).answer;
    let (status, body) = (answer.status, answer.body.into_bytes());
    let answered = Answered { status, body, usage: Vec::new(), retry_after: None, trace: None, date: None, tier: None };
    match read(&answered, Vec::new) {
        Said::Good(body) if call.is_write() => written(call, body.json()).map_or(Reply::Unknown, Reply::Answer),
        Said::Good(body) => Reply::Answer(gathered(call, body.json())),
        Said::No(no) => no.settle(request.method).unwrap_or_else(|trouble| panic!("{call:?} met {trouble}")),
        Said::Lost(why) | Said::NotSent(why) => panic!("{call:?} was lost: {why}"),
    }
}

fn gathered(call: &Call, body: Json<'_>) -> Answer {
    let mut gathered = Gathered::default();
    for row in body.get("data").and_then(Json::items).into_iter().flatten() {
        gathered.take(call, row).unwrap();
    }
    gathered.answer(call)
}
