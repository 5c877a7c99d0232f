//! All that the simulator holds behind its one lock, and what happens to one call.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::awkward::{Fault, Faults, How, Oddity};
use super::calls::{Call, CallLog};
use super::clock::SimClock;
use super::edges::{self, Change, Content, Listing, View};
use super::lag::Lag;
use super::rng::{draw, trace_id};
use super::usage::{Bucket, Spent, Usage};
use super::wire::answer::{Answer, Delivery, Reply};
use super::wire::fields::{self, Field};
use super::wire::paging;
use super::wire::request::{GraphRequest, Verb};
use super::world::{Caller, Id, Proof, Refusal, World};

/// The simulator without its sockets.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    /// What `reset` goes back to.
    pub(crate) first_world: World,
    pub(crate) clock: SimClock,
    pub(crate) faults: Faults,
    pub(crate) usage: Usage,
    pub(crate) lag: Lag,
    pub(crate) calls: CallLog,
    /// Scheme, host and port, for `next`.
    pub(crate) base: String,
    pub(crate) batches: u64,
}

/// What a call came to, before anything went wrong on its way back.
struct Done {
    status: u16,
    body: Value,
    headers: Vec<(String, String)>,
    refused: Option<(i64, Option<i64>)>,
    effect: Option<String>,
}

impl State {
    pub(crate) fn new(world: World, start: Option<Timestamp>, base: String) -> Self {
        Self {
            first_world: world.clone(),
            world,
            clock: SimClock::starting_at(start),
            faults: Faults::default(),
            usage: Usage::default(),
            lag: Lag::default(),
            calls: CallLog::default(),
            base,
            batches: 0,
        }
    }

    /// One call from request to reply, logged.
    pub(crate) fn exchange(&mut self, request: &GraphRequest) -> Reply {
        let now = self.clock.now();
        self.settle(now);
        let number = self.calls.next_number();
        let trace = trace_id(self.world.seed, number);
        let bucket = self.bucket_of(request);
        let fault = self.faults.pick(request, self.world.seed);
        let done = match &fault {
            Some(fault) if !fault.applied => Done::untouched(),
            Some(_) | None => self.perform(request, &bucket, &trace, now),
        };
        let mut call = Call::received(number, now, request, bucket.business());
        call.fault = fault.as_ref().map(|fault| fault.how.name());
        call.effect = done.effect.clone();
        call.code = done.refused.map(|(code, _)| code);
        call.subcode = done.refused.and_then(|(_, subcode)| subcode);
        let mut reply = done.reply(fault, &trace);
        reply.answer.headers.push(("x-fb-trace-id".to_owned(), trace));
        let version = request.version.clone().unwrap_or_default();
        reply.answer.headers.push(("facebook-api-version".to_owned(), version));
        call.status = reply.answer.status;
        self.log(call, &reply);
        reply
    }

    /// Changes the world from outside a call; lists lag behind this as behind any write.
    pub(crate) fn alter<R>(&mut self, change: impl FnOnce(&mut World, Timestamp) -> R) -> R {
        let now = self.clock.now();
        self.settle(now);
        self.remembering(now, |world| change(world, now))
    }

    /// Lets the decisions fall that are due.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        if self.world.scheduled.iter().any(|decision| decision.at <= now) {
            self.remembering(now, |world| world.settle_due(now));
        }
    }

    /// The bucket that a call is counted in: the business it names, else that of the token.
    pub(crate) fn bucket_of(&self, request: &GraphRequest) -> Bucket {
        let named = [Some(request.node()), request.param("business")];
        let named = named.into_iter().flatten().find(|id| self.world.businesses.contains_key(*id)).map(str::to_owned);
        let of_user = || self.world.home_of(request.node()).cloned();
        Bucket::of(named.or_else(of_user).or_else(|| self.home_of_token(request)))
    }

    pub(crate) fn authenticate(&self, request: &GraphRequest, now: Timestamp) -> Result<Caller, Refusal> {
        let proof = Proof { proof: request.proof.as_deref(), time: request.proof_time.as_deref() };
        self.world.authenticate(request.token.as_deref(), proof, now)
    }

    fn home_of_token(&self, request: &GraphRequest) -> Option<Id> {
        let caller = self.authenticate(request, self.clock.now()).ok()?;
        caller.home(&self.world)
    }

    fn perform(&mut self, request: &GraphRequest, bucket: &Bucket, trace: &str, now: Timestamp) -> Done {
        let result = self.try_perform(request, bucket, trace, now);
        let headers = self.usage.headers(bucket, now);
        match result {
            Ok((body, effect)) => Done { status: 200, body, headers, refused: None, effect },
            Err(refusal) => Done {
                status: refusal.status,
                body: refusal.body(trace),
                headers,
                refused: Some((refusal.code, refusal.subcode)),
                effect: None,
            },
        }
    }

    fn try_perform(
        &mut self,
        request: &GraphRequest,
        bucket: &Bucket,
        trace: &str,
        now: Timestamp,
    ) -> Result<(Value, Option<String>), Refusal> {
        request.check_shape()?;
        let caller = self.authenticate(request, now)?;
        let luck = draw(self.world.seed, trace, 0);
        self.usage.spend(bucket, Spent { is_write: request.verb != Verb::Get, luck }, now)?;
        match request.verb {
            Verb::Get => Ok((self.read(request, &caller, now)?, None)),
            Verb::Post | Verb::Delete => {
                let write = |world: &mut World| edges::write(Change { world, caller: &caller, request, now });
                self.remembering(now, write).map(|written| (written.body, written.effect))
            }
        }
    }

    fn read(&mut self, request: &GraphRequest, caller: &Caller, now: Timestamp) -> Result<Value, Refusal> {
        let wanted = request.param("fields").map(fields::parse).transpose()?;
        self.keep_page_token(request, caller);
        let oddity = self.faults.oddity(request, self.world.seed);
        let lists = self.lag.seen(request.edge(), &self.world, now);
        let content = edges::read(View { world: &self.world, lists, caller, request, now })?;
        match content {
            Content::Plain(body) => Ok(body),
            Content::Node(row, schema) => fields::project(&row, wanted.as_deref(), schema),
            Content::List(listing) => page_of(&listing, request, wanted.as_deref(), &self.base, &caller.token, oddity),
        }
    }

    /// A Page token that is about to be shown has to be known when it comes back.
    fn keep_page_token(&mut self, request: &GraphRequest, caller: &Caller) {
        let wanted = request.param("fields").is_some_and(|fields| fields.contains("access_token"));
        if !wanted || request.edge().is_some() {
            return;
        }
        if let Some((text, token)) = self.world.page_token(caller, request.node()) {
            self.world.tokens.entry(text).or_insert(token);
        }
    }

    fn remembering<R>(&mut self, now: Timestamp, change: impl FnOnce(&mut World) -> R) -> R {
        if !self.lag.remembers() {
            return change(&mut self.world);
        }
        let before = self.world.clone();
        let result = change(&mut self.world);
        if before != self.world {
            self.lag.remember(before, now);
        }
        result
    }

    fn log(&mut self, mut call: Call, reply: &Reply) {
        if call.code.is_none() && call.fault.is_some() {
            call.code = code_in(&reply.answer.body, "code");
            call.subcode = code_in(&reply.answer.body, "error_subcode");
        }
        if let Some(effect) = &call.effect {
            tracing::info!(sim.call = call.n, "{} {}: {effect}", call.method.as_str(), call.path);
        }
        self.calls.record(call);
    }
}

impl Bucket {
    fn business(&self) -> Option<Id> {
        match self {
            Self::App => None,
            Self::Business(id) => Some(id.clone()),
        }
    }
}

impl Done {
    fn untouched() -> Self {
        Self { status: 200, body: Value::Null, headers: Vec::new(), refused: None, effect: None }
    }

    fn reply(self, fault: Option<Fault>, trace: &str) -> Reply {
        let sound = Answer { headers: self.headers, ..Answer::json(self.status, &self.body) };
        let Some(fault) = fault else { return sound.into() };
        match fault.how {
            How::TimeoutAfter | How::TimeoutBefore | How::Null => Reply { answer: sound, delivery: Delivery::Never },
            How::Reset => Reply { answer: sound, delivery: Delivery::CutOff },
            How::Truncated => Reply { answer: sound, delivery: Delivery::Truncated },
            How::Slow(seconds) => Reply { answer: sound, delivery: Delivery::Late(seconds) },
            How::Html502 => Answer::html(502, SORRY).into(),
            How::Html200 => Answer::html(200, SORRY).into(),
            How::Empty200 => Answer::empty(200).into(),
            How::EmptyError => Answer::json(500, &json!({ "error": {} })).into(),
            How::SuccessFalse => Answer::json(200, &json!({ "success": false })).into(),
            How::Error(scripted) => {
                let refusal = scripted.refusal();
                Answer::json(refusal.status, &refusal.body(trace)).into()
            }
        }
    }
}

const SORRY: &str =
    "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1></body></html>";

fn page_of(
    listing: &Listing<'_>,
    request: &GraphRequest,
    wanted: Option<&[Field]>,
    base: &str,
    token: &str,
    oddity: Option<Oddity>,
) -> Result<Value, Refusal> {
    let slice = paging::slice(&listing.keys, request, base, token, oddity)?;
    let rows = slice.keys.iter().map(|key| fields::project(&(listing.row)(key), wanted, listing.schema));
    let mut body = json!({ "data": rows.collect::<Result<Vec<_>, _>>()? });
    if slice.keys.is_empty() {
        // Unknown fields are refused on an empty list as well.
        fields::project(&json!({}), wanted, listing.schema)?;
    }
    if let Some(paging) = slice.paging {
        body["paging"] = paging;
    }
    if request.param("summary").is_some_and(|asked| !matches!(asked, "" | "0" | "false")) {
        body["summary"] = match request.edge() {
            // Meta's reference documents this one's summary as empty.
            Some("pending_client_pages") => json!({}),
            Some(_) | None => json!({ "total_count": listing.keys.len() }),
        };
    }
    Ok(body)
}

fn code_in(body: &str, member: &str) -> Option<i64> {
    serde_json::from_str::<Value>(body).ok()?.get("error")?.get(member)?.as_i64()
}
