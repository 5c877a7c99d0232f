//! Intake: a delivery is decoded, judged and journaled, and only then acknowledged, in delivery order.
//!
//! What is no command is journaled as a `rejected` event and a row for `bindery.dead`, and then acknowledged too.
//! While the journal cannot commit, or the backlog is full, the consumer is paused: the broker keeps the commands.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use tokio::sync::mpsc;
use tracing::{Instrument, info, warn};

use super::error::EngineError;
use super::poison;
use super::rights::{cancellers, may_give};
use super::shared::{Shared, lane};
use super::tell::outbox_row;
use crate::broker::{Consumer, Delivery};
use crate::contract::{self, Command, Detail, Ended, Event, EventContext, Refusal, fingerprint, parse};
use crate::crash::crash_point;
use crate::journal::{Accepted, Ending, Exchange, New, NewEvent};
use crate::procedures::StopCause;
use crate::telemetry::{self, Message, Opened};

/// Deliveries that wait for the journal's next commit: one group of its writer.
const UNDER_WAY: usize = 256;
/// The largest body that is kept for `bindery.dead`; a larger one goes there by way of the broker alone.
const DEAD_BODY_MAX: usize = 1 << 20;
/// Between two looks at how many commands are open.
const BACKLOG_LOOKED_AT: Duration = Duration::from_millis(200);
/// Gap between two tries to commit.
const JOURNAL_TRIED_AGAIN: Duration = Duration::from_secs(1);

/// The headers of a dead letter: the kind of fault, and what is wrong in a sentence.
pub(crate) const DEAD_HEADERS: [&str; 2] = ["x-bindery-code", "x-bindery-reason"];
/// The AMQP `type` of a dead letter.
pub(crate) const DEAD_TYPE: &str = "bindery.dead";

/// Takes in until the worker stops or the broker's side has ended.
pub(crate) async fn run(shared: &Shared, consumer: Consumer, mut deliveries: mpsc::Receiver<Delivery>) {
    let consumer = &consumer;
    let mut under_way = FuturesOrdered::new();
    let mut look = tokio::time::interval(BACKLOG_LOOKED_AT);
    let mut full = false;
    // A suspect waits until nothing else is under way, and then is so alone.
    let mut suspect: Option<Delivery> = None;
    let mut alone = false;
    loop {
        if let Some(delivery) = suspect.take_if(|_| under_way.is_empty()) {
            alone = true;
            under_way.push_back(journaled(shared, consumer, delivery));
        }
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            Some(tag) = under_way.next() => {
                consumer.ack_up_to(tag).await;
                if std::mem::take(&mut alone) {
                    tokio::time::sleep(poison::ACK_LEAVES_WITHIN).await;
                }
            }
            _ = look.tick() => full = mind_the_backlog(shared, consumer, Backlog { full }).await,
            delivery = deliveries.recv(), if suspect.is_none() && !alone && under_way.len() < UNDER_WAY => match delivery {
                Some(delivery) if poison::is_suspect(&delivery) => suspect = Some(delivery),
                Some(delivery) => under_way.push_back(journaled(shared, consumer, delivery)),
                None => break,
            },
        }
    }
    // What the journal already has is acknowledged; the rest is delivered again.
    while let Some(tag) = under_way.next().await {
        consumer.ack_up_to(tag).await;
    }
    consumer.finish().await;
}

/// Whether consuming is paused because too many commands are open.
struct Backlog {
    full: bool,
}

/// At `limits.backlog` open commands the broker keeps what comes; what it has under way to us is still taken in.
async fn mind_the_backlog(shared: &Shared, consumer: &Consumer, before: Backlog) -> bool {
    let open = shared.memory().census.open();
    let full = open >= u64::from(shared.config.limits.backlog);
    match (before.full, full) {
        (false, true) => {
            warn!("{open} commands are open, consuming is paused until some have ended");
            consumer.pause().await;
        }
        (true, false) => {
            info!("{open} commands are open, consuming goes on");
            consumer.resume().await;
        }
        (true, true) | (false, false) => {}
    }
    full
}

/// Journals one delivery, however long that takes; its tag may be acknowledged then.
async fn journaled(shared: &Shared, consumer: &Consumer, delivery: Delivery) -> crate::broker::Tag {
    let tag = delivery.tag;
    if delivery.body.len() > DEAD_BODY_MAX {
        warn!(
            bytes = delivery.body.len(),
            "a message of {} bytes goes to the dead-letter exchange",
            delivery.body.len()
        );
        consumer.reject(tag).await;
    }
    let mut paused = false;
    while let Err(error) = take_in(shared, &delivery).await {
        if !paused {
            warn!("could not journal a delivery, consuming is paused: {error}");
            consumer.pause().await;
            paused = true;
        }
        if shared.stop.run_until_cancelled(tokio::time::sleep(JOURNAL_TRIED_AGAIN)).await.is_none() {
            // Never acknowledged: the supervisor has been told to finish, and the broker delivers it again.
            std::future::pending::<()>().await;
        }
    }
    if paused {
        info!("the journal commits again, consuming goes on");
        consumer.resume().await;
    }
    tag
}

/// Judges and journals one delivery.
pub(crate) async fn take_in(shared: &Shared, delivery: &Delivery) -> Result<(), EngineError> {
    let began = Instant::now();
    let names = &shared.config.amqp.names;
    let span = telemetry::process(&Opened {
        exchange: &names.commands,
        queue: &names.commands,
        message_id: delivery.message_id.as_deref(),
        bytes: delivery.body.len(),
        parent: delivery.trace.parent.as_deref(),
    });
    if delivery.trace.ignored {
        telemetry::ignored("trace_context");
    }
    let taken = judge(shared, delivery).instrument(span.clone()).await;
    let error = match &taken {
        Ok(refused) => refused.as_deref(),
        Err(_) => Some("not_journaled"),
    };
    if let Some(error) = error {
        telemetry::fail(&span, error);
    }
    telemetry::processed(Message { destination: &names.commands, error }, began.elapsed());
    taken.map(drop)
}

/// The code of the refusal, where it is no command that we take.
async fn judge(shared: &Shared, delivery: &Delivery) -> Result<Option<String>, EngineError> {
    if let Some(refusal) = poison::quarantine(shared, delivery).await? {
        return reject(shared, delivery, refusal).await;
    }
    let limit = usize::try_from(shared.config.limits.command_bytes).unwrap_or(usize::MAX);
    let command = match judged(shared, delivery, limit) {
        Ok(command) => command,
        Err(refusal) => return reject(shared, delivery, *refusal).await,
    };
    telemetry::accepted(&command);
    let new = new(shared, delivery, &command)?;
    crash_point!(Delivered, command.id.as_str());
    match shared.journal.accept(new).await? {
        Accepted::New { seq, cancelled_by, turn } => {
            crash_point!(Stored, command.id.as_str());
            shared.arrive(seq, &command, turn);
            if cancelled_by.is_some() {
                shared.tell_to_stop(&command.id, StopCause::Cancelled);
            }
            info!(command.id = %command.id, "accepted {} {}", command.body.name(), command.id);
        }
        Accepted::Same(_) => {
            info!(command.id = %command.id, "{} came again, nothing is done twice", command.id);
        }
        Accepted::OtherContent => return reject(shared, delivery, Refusal::id_reused(&command)).await,
        Accepted::Over(ending) => {
            return reject(shared, delivery, Refusal::already_ended(&command, over(*ending, delivery))).await;
        }
    }
    shared.outbox.notify_one();
    Ok(None)
}

/// Schema first, then publisher: both before the id, so that the answer to a delivery stays the same.
fn judged(shared: &Shared, delivery: &Delivery, limit: usize) -> Result<Command, Box<Refusal>> {
    let command = parse(&delivery.body, limit).map_err(Refusal::from)?;
    // The broker grants by routing key: a key for one command must not carry another.
    if delivery.routing_key.as_ref().is_some_and(|key| key != command.body.name()) {
        return Err(Box::new(Refusal::misrouted(&command)));
    }
    may_give(&shared.config.publishers, delivery.user_id.as_deref(), &command)
        .map_err(|why| Refusal::unauthorised(&command, why))?;
    Ok(command)
}

/// What is still on record of a command that ended long ago, of the same content as this delivery's.
fn over(ending: Ending, delivery: &Delivery) -> Ended {
    let event_id = ending.event_id.unwrap_or_default();
    Ended { fingerprint: fingerprint(&delivery.body), phase: ending.phase, event_id }
}

fn new(shared: &Shared, delivery: &Delivery, command: &Command) -> Result<New, EngineError> {
    let now = shared.clock.now();
    let body = command.to_json().to_string();
    let mut new = New::command(command.id.clone(), fingerprint(&delivery.body).to_string(), body, now);
    new.business = command.business.clone();
    new.lane = lane(command);
    new.priority = command.priority;
    (new.not_before, new.expires_at) = (command.not_before, command.expires_at);
    new.reply_to = shared.replies.to(delivery, &shared.config.amqp);
    new.cancellers = cancellers(&shared.config.publishers, command);
    new.correlation_id = delivery.correlation_id.clone();
    new.traceparent = delivery.trace.parent.clone();
    new.published_by = delivery.user_id.clone();
    new.dry_run = command.dry_run;
    if shared.config.events.accepted {
        let mut context = EventContext::new(&*shared.config.events.source, now, now);
        context.traceparent = delivery.trace.parent.clone();
        context.published_by = delivery.user_id.clone();
        new.events = vec![super::tell::tell(command, 1, Detail::Accepted, &context)?];
    }
    Ok(new)
}

async fn reject(shared: &Shared, delivery: &Delivery, refusal: Refusal) -> Result<Option<String>, EngineError> {
    let now = shared.clock.now();
    let mut answered = contract::Delivery::of(&delivery.body, &*shared.config.events.source, now);
    answered.traceparent = delivery.trace.parent.clone();
    answered.published_by = delivery.user_id.clone();
    let (code, message) = (refusal.error().code.clone(), refusal.error().message.clone());
    let is_dead = refusal.is_dead_letter() && delivery.body.len() <= DEAD_BODY_MAX;
    let event = Event::rejected(refusal, &answered);
    let mut rows = vec![outbox_row(&event)?];
    if is_dead {
        rows.push(dead_letter(delivery, &event, &code, &message));
    }
    warn!(code, "rejected a delivery ({code}): {message}");
    shared.journal.enqueue(rows, now).await?;
    telemetry::rejected(&code);
    shared.outbox.notify_one();
    Ok(Some(code))
}

/// The message as it came, with the reason in its headers.
fn dead_letter(delivery: &Delivery, event: &Event, code: &str, message: &str) -> NewEvent {
    let [of_code, of_reason] = DEAD_HEADERS;
    let headers = serde_json::json!({ of_code: code, of_reason: message });
    NewEvent {
        event_id: event.id.to_string(),
        command: None,
        sequence: None,
        exchange: Exchange::Dead,
        routing_key: delivery.routing_key.clone().unwrap_or_default(),
        body: delivery.body.clone(),
        headers: headers.to_string(),
        correlation_id: delivery.correlation_id.clone(),
        r#type: DEAD_TYPE.to_owned(),
        content_type: delivery.content_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned()),
        terminal: false,
        mandatory: true,
    }
}
