//! Spans: one for a message taken in, a step, a walk that polls, a request to Meta and a publication.
//!
//! Each message, step and walk is a trace of its own, linked to the publisher's context and to the trace in which its
//! command was first seen: a claim may live for weeks, and no trace should. Where no collector is named every function
//! here is a look at one flag, and makes nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, Value};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::{Level, Metadata, Span, Subscriber, span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::firsts;
use crate::contract::{Command, CommandId};

/// Only spans of this file leave: nothing that a library or a log line says does.
const TARGET: &str = "bindery::telemetry::spans";
/// Commands that the span of one walk is linked to, at most.
const LINKS_MAX: usize = 64;

static ON: AtomicBool = AtomicBool::new(false);

/// From now on spans are made: somebody takes them.
pub(super) fn begin() {
    ON.store(true, Ordering::Relaxed);
}

fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// The layer that hands our spans on.
pub(super) fn layer<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let ours = filter_fn(|of: &Metadata<'_>| of.is_span() && of.target() == TARGET);
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_filter(ours.with_max_level_hint(Level::INFO))
}

/// What the span of a message that came in tells.
#[derive(Debug)]
pub(crate) struct Opened<'m> {
    pub(crate) exchange: &'m str,
    pub(crate) queue: &'m str,
    pub(crate) message_id: Option<&'m str>,
    pub(crate) bytes: usize,
    /// The publisher's `traceparent`.
    pub(crate) parent: Option<&'m str>,
}

/// What the span of a publication tells.
#[derive(Debug)]
pub(crate) struct Published<'m> {
    /// Exchange and routing key, without what others have chosen.
    pub(crate) destination: String,
    pub(crate) event_id: &'m str,
    pub(crate) event_type: &'m str,
    pub(crate) source: &'m str,
    pub(crate) command: Option<&'m CommandId>,
    /// The `traceparent` that came with the command.
    pub(crate) parent: Option<&'m str>,
}

/// A message is taken in: judged and journaled.
pub(crate) fn process(message: &Opened<'_>) -> Span {
    if !is_on() {
        return Span::none();
    }
    let destination = if message.exchange == message.queue {
        message.queue.to_owned()
    } else {
        format!("{}:{}", message.exchange, message.queue)
    };
    let span = root(&format!("process {destination}"), "consumer");
    span.set_attribute("messaging.system", "rabbitmq");
    span.set_attribute("messaging.operation.name", "process");
    span.set_attribute("messaging.operation.type", "process");
    span.set_attribute("messaging.destination.name", destination);
    span.set_attribute("messaging.message.body.size", i64::try_from(message.bytes).unwrap_or(i64::MAX));
    if let Some(id) = message.message_id {
        span.set_attribute("messaging.message.id", id.to_owned());
    }
    link(&span, message.parent.and_then(context));
    span
}

/// The message in hand is this command: what is done for it later is linked to here.
pub(crate) fn accepted(command: &Command) {
    if !is_on() {
        return;
    }
    let span = Span::current();
    describe(&span, command);
    firsts::keep(&command.id, span.context().span().span_context().clone());
}

/// A command is taken from where its journal stands to where it must wait or has ended.
pub(crate) fn step(command: &Command, parent: Option<&str>) -> Span {
    if !is_on() {
        return Span::none();
    }
    let span = root(&format!("step {}", command.body.name()), "internal");
    describe(&span, command);
    link(&span, parent.and_then(context));
    match firsts::of(&command.id) {
        Some(first) => link(&span, Some(first)),
        // A child, or a command of an earlier run.
        None => firsts::keep(&command.id, span.context().span().span_context().clone()),
    }
    span
}

/// The lists of a business are walked for its pending claims.
pub(crate) fn poll<'c>(business: &str, commands: impl Iterator<Item = &'c CommandId>) -> Span {
    if !is_on() {
        return Span::none();
    }
    let span = root("poll claims", "internal");
    span.set_attribute("bindery.business", business.to_owned());
    commands.take(LINKS_MAX).for_each(|id| link(&span, firsts::of(id)));
    span
}

/// A request to Meta, within the step or walk that makes it. `url` is shown: it holds no secret.
pub(crate) fn call(request: &super::Request<'_>, url: impl FnOnce() -> String) -> Span {
    if !is_on() {
        return Span::none();
    }
    let name = format!("{} {}", request.method, request.template);
    let span = span!(target: TARGET, Level::INFO, "call", otel.name = name, otel.kind = "client");
    span.set_attribute("http.request.method", request.method);
    span.set_attribute("url.template", request.template.to_owned());
    span.set_attribute("server.address", request.host.to_owned());
    span.set_attribute("server.port", i64::from(request.port));
    span.set_attribute("url.full", url());
    span
}

/// An event is published: the publisher's own trace goes on with it, and its command's traces are linked.
pub(crate) fn publish<'m>(event: impl FnOnce() -> Published<'m>) -> Span {
    if !is_on() {
        return Span::none();
    }
    let event = event();
    let span = root(&format!("publish {}", event.destination), "producer");
    if let Some(parent) = event.parent.and_then(context) {
        // It fails where the span is not made: then there is nothing to be a child.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    span.set_attribute("messaging.system", "rabbitmq");
    span.set_attribute("messaging.operation.name", "publish");
    span.set_attribute("messaging.operation.type", "send");
    span.set_attribute("messaging.destination.name", event.destination);
    span.set_attribute("messaging.message.id", event.event_id.to_owned());
    span.set_attribute("cloudevents.event_id", event.event_id.to_owned());
    span.set_attribute("cloudevents.event_source", event.source.to_owned());
    span.set_attribute("cloudevents.event_spec_version", "1.0");
    span.set_attribute("cloudevents.event_type", event.event_type.to_owned());
    if let Some(id) = event.command {
        span.set_attribute("messaging.message.conversation_id", id.to_string());
        span.set_attribute("bindery.command.id", id.to_string());
        link(&span, firsts::of(id));
    }
    span
}

/// The `traceparent` that a message carries on from `span`; `None` where the span goes nowhere.
pub(crate) fn traceparent(span: &Span) -> Option<String> {
    if !is_on() {
        return None;
    }
    let context = span.context();
    let of = context.span().span_context().clone();
    let flags = of.trace_flags().to_u8();
    (of.is_valid() && of.is_sampled()).then(|| format!("00-{}-{}-{flags:02x}", of.trace_id(), of.span_id()))
}

/// Says more of a span.
pub(crate) fn note<V: Into<Value>>(span: &Span, attribute: &'static str, value: impl FnOnce() -> V) {
    if is_on() {
        span.set_attribute(attribute, value());
    }
}

/// What a span is about went wrong: a word of ours, or a status.
pub(crate) fn fail(span: &Span, error: &str) {
    if is_on() {
        span.set_attribute("error.type", error.to_owned());
        span.set_status(Status::error(""));
    }
}

fn root(name: &str, kind: &'static str) -> Span {
    span!(target: TARGET, parent: None, Level::INFO, "root", otel.name = name, otel.kind = kind)
}

fn describe(span: &Span, command: &Command) {
    span.set_attribute("bindery.command.id", command.id.to_string());
    span.set_attribute("bindery.operation", command.body.name());
    if let Some(business) = &command.business {
        span.set_attribute("bindery.business", business.to_string());
    }
    if let Some(crate::contract::Targets::One(asset)) = command.body.targets() {
        span.set_attribute("bindery.asset", asset.to_string());
    }
}

fn link(span: &Span, to: Option<SpanContext>) {
    if let Some(to) = to {
        span.add_link(to);
    }
}

/// The context that a `traceparent` names.
pub(super) fn context(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-').skip(1);
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    // As the W3C has them: the parsers of numbers below would take shorter ones.
    if (trace.len(), span.len()) != (32, 16) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()? & TraceFlags::SAMPLED.to_u8());
    let context =
        SpanContext::new(TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_collector_is_named_a_span_is_nothing_and_nothing_is_made_for_it() {
        let request = super::super::Request { method: "GET", template: "/{version}/me", host: "h", port: 443 };
        let spans = [
            call(&request, || unreachable!("nobody asks for the address")),
            publish(|| unreachable!("nobody asks for the event")),
            poll("2001", std::iter::once_with(|| unreachable!("nobody asks for the commands"))),
            process(&Opened { exchange: "e", queue: "q", message_id: None, bytes: 0, parent: None }),
        ];
        for span in spans {
            assert!(span.is_none() && traceparent(&span).is_none());
            note(&span, "attribute", || -> String { unreachable!("nobody asks for the value") });
        }
    }
}
