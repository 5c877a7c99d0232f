//! The client without sockets: a call goes straight into the simulator's state and its answer through the same reading
//! as from the wire. So a property can play thousands of businesses in seconds, and what it plays with is no second Meta.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::Url;

use super::super::distil;
use super::super::said::{self, Said};
use super::super::wire::{Answered, Outgoing};
use super::{Gathered, Onward, Walk};
use crate::contract::{Category, ErrorInfo};
use crate::graph_sim::{GraphRequest, State, Verb};
use crate::meta::{Call, Method, Reply};

/// Where the simulator says that it is: links to the next page lead there.
pub(crate) const BASE: &str = "http://graph.example";
/// How often a read is tried before it is given up.
const TRIES: u32 = 6;
/// Between two tries.
const GAP: Duration = Duration::from_secs(1);

/// How `call` ends, tries and all.
pub(crate) fn ask(meta: &mut State, token: &str, call: &Call) -> Reply {
    for _ in 0..TRIES {
        if let Some(reply) = once(meta, token, call) {
            return reply;
        }
        meta.clock.advance(GAP);
    }
    Reply::GaveUp(ErrorInfo {
        category: Category::Exhausted,
        code: "no_answer".to_owned(),
        subcode: None,
        message: "no answer".to_owned(),
        trace: None,
        remedy: "Send the command anew once Meta answers.".to_owned(),
    })
}

/// One try; none where it may be repeated.
fn once(meta: &mut State, token: &str, call: &Call) -> Option<Reply> {
    let request = call.request();
    let out = Outgoing { method: request.method, path: request.path(), params: request.params.into_iter().collect() };
    if !call.is_write() {
        return walked(meta, token, call, &out);
    }
    match said(meta, token, &out) {
        Said::Good(body) => Some(distil::written(call, body.json()).map_or(Reply::Unknown, Reply::Answer)),
        Said::No(no) => no.settle(out.method).ok(),
        Said::Lost(_) | Said::NotSent(_) => Some(Reply::Unknown),
    }
}

fn walked(meta: &mut State, token: &str, call: &Call, out: &Outgoing) -> Option<Reply> {
    let base = Url::parse(BASE).expect("an address");
    let (first, next, seen) = (out.clone(), out.clone(), HashSet::new());
    let mut walk = Walk { call, gathered: Gathered::default(), first, next, seen, limit: 100 };
    walk.ask_for(100);
    loop {
        match said(meta, token, &walk.next) {
            Said::Good(body) if matches!(call, Call::LinksOf { .. } | Call::Myself { .. }) => {
                return distil::of_node(call, body.json()).map(Reply::Answer);
            }
            Said::Good(body) => match walk.take(&base, body.json()) {
                Onward::More => {}
                Onward::End => return Some(Reply::Answer(walk.gathered.answer(call))),
                Onward::Broken(_) => return None,
            },
            Said::No(no) => return no.settle(Method::Get).ok(),
            Said::Lost(_) | Said::NotSent(_) => return None,
        }
    }
}

fn said(meta: &mut State, token: &str, out: &Outgoing) -> Said {
    let verb = match out.method {
        Method::Get => Verb::Get,
        Method::Post => Verb::Post,
        Method::Delete => Verb::Delete,
    };
    let mut params = out.params.clone();
    params.push(("access_token".to_owned(), token.to_owned()));
    let reply = meta.exchange(&GraphRequest::new(verb, &format!("/v26.0{}", out.path), params));
    let Some(body) = reply.arrives() else { return Said::Lost("no whole answer".to_owned()) };
    let (usage, status) = (Vec::new(), reply.answer.status);
    let body = body.as_bytes().to_vec();
    said::read(&Answered { status, body, usage, retry_after: None, trace: None, date: None, tier: None }, Vec::new)
}
