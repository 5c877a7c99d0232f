//! What the other rooms count and measure. Before [`begin`], as in a process that only asks something, each of these
//! is a look at an empty cell.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use tracing::warn;

use super::instruments::{Error, Instruments, SCOPE};
use super::otlp::{SCHEMA, resource};

static METERS: OnceLock<Meters> = OnceLock::new();

/// The instruments of this process, and where `/metrics` reads them.
pub(super) struct Meters {
    meter: Meter,
    instruments: Instruments,
    registry: Registry,
}

/// How a command ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) operation: &'static str,
    pub(crate) asset_kind: &'static str,
    pub(crate) outcome: &'static str,
}

/// One request to Meta.
#[derive(Debug)]
pub(crate) struct Request<'r> {
    pub(crate) method: &'static str,
    /// The path with a word in place of every id.
    pub(crate) template: &'r str,
    pub(crate) host: &'r str,
    pub(crate) port: u16,
}

/// What happens to a message; each word is one of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'m> {
    pub(crate) destination: &'m str,
    /// Why it went wrong, if it did.
    pub(crate) error: Option<&'m str>,
}

/// Begins to measure; numbers also leave by `exporter` where there is one.
pub(super) fn begin(exporter: Option<MetricExporter>) -> Option<SdkMeterProvider> {
    let registry = Registry::new();
    match built(registry.clone(), exporter) {
        Ok(provider) => {
            // An error means that it has begun already: then those instruments stay.
            let _ = METERS.set(Meters::new(&provider, registry));
            Some(provider)
        }
        Err(error) => {
            warn!("could not begin to measure, the work goes on without metrics: {error}");
            None
        }
    }
}

/// Two readers of the same instruments.
pub(super) fn built(
    registry: Registry,
    exporter: Option<MetricExporter>,
) -> Result<SdkMeterProvider, opentelemetry_sdk::error::OTelSdkError> {
    let scrape = opentelemetry_prometheus::exporter().with_registry(registry).scope_info_enabled(false).build()?;
    let mut provider = SdkMeterProvider::builder().with_resource(resource()).with_reader(scrape);
    if let Some(exporter) = exporter {
        provider = provider.with_periodic_exporter(exporter);
    }
    Ok(provider.build())
}

impl Meters {
    pub(super) fn new(provider: &SdkMeterProvider, registry: Registry) -> Self {
        let scope =
            InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).with_schema_url(SCHEMA);
        let meter = provider.meter_with_scope(scope.build());
        Self { instruments: Instruments::of(&meter), meter, registry }
    }

    pub(super) fn text(&self) -> Result<String, String> {
        TextEncoder::new().encode_to_string(&self.registry.gather()).map_err(|error| error.to_string())
    }

    pub(super) fn gauge<F>(&self, name: &'static str, unit: &'static str, what: &'static str, read: F)
    where
        F: Fn(&mut Tell<'_>) + Send + Sync + 'static,
    {
        let gauge = self.meter.f64_observable_gauge(name).with_unit(unit).with_description(what);
        // Dropping the instrument does not end its callback.
        let _instrument = gauge
            .with_callback(move |observer| {
                read(&mut |value, labels| {
                    let labels: Vec<KeyValue> =
                        labels.iter().map(|(name, value)| KeyValue::new(*name, (*value).to_owned())).collect();
                    observer.observe(value, &labels);
                });
            })
            .build();
    }
}

/// Takes one value of a gauge, with its labels.
pub(crate) type Tell<'t> = dyn FnMut(f64, &[(&'static str, &str)]) + 't;

/// A gauge that is read whenever somebody scrapes or exports: `read` must be quick, and bounded in what it tells.
pub(crate) fn gauge<F>(name: &'static str, unit: &'static str, what: &'static str, read: F)
where
    F: Fn(&mut Tell<'_>) + Send + Sync + 'static,
{
    if let Some(meters) = METERS.get() {
        meters.gauge(name, unit, what, read);
    }
}

/// All metrics in Prometheus text; `None` in a process that measures nothing.
pub(crate) fn text() -> Option<Result<String, String>> {
    METERS.get().map(Meters::text)
}

fn instruments() -> Option<&'static Instruments> {
    METERS.get().map(|meters| &meters.instruments)
}

/// A command has ended, so long after it was accepted.
pub(crate) fn ended(end: End, took: Duration) {
    let Some(to) = instruments() else { return };
    let labels = [
        KeyValue::new("operation", end.operation),
        KeyValue::new("asset_kind", end.asset_kind),
        KeyValue::new("outcome", end.outcome),
    ];
    to.commands.add(1, &labels);
    to.command_duration.record(took.as_secs_f64(), &labels);
}

/// Nobody knows whether Meta has made a write.
pub(crate) fn unknown_outcome(operation: &'static str) {
    let Some(to) = instruments() else { return };
    to.unknown.add(1, &[KeyValue::new("operation", operation)]);
}

/// That is known now, or will never be.
pub(crate) fn unknown_resolved(operation: &'static str, resolution: &'static str) {
    let Some(to) = instruments() else { return };
    let labels = [KeyValue::new("operation", operation), KeyValue::new("resolution", resolution)];
    to.unknown_resolved.add(1, &labels);
}

/// One walk of a business's lists has settled so many pending claims.
pub(crate) fn claims_settled(asset_kind: &'static str, settled: usize) {
    let Some(to) = instruments() else { return };
    to.settled_per_read.record(u64::try_from(settled).unwrap_or(u64::MAX), &[KeyValue::new("asset_kind", asset_kind)]);
}

/// Meta has answered with an error.
pub(crate) fn graph_error(error: Error) {
    let Some(to) = instruments() else { return };
    let number = |number: Option<i64>, none| number.map_or_else(|| String::from(none), |number| number.to_string());
    let labels = [
        KeyValue::new("code", number(error.code, "other")),
        KeyValue::new("subcode", number(error.subcode, "")),
        KeyValue::new("class", error.class),
    ];
    to.graph_errors.add(1, &labels);
}

/// A guard has kept a command from harm.
pub(crate) fn guard_refused(guard: &'static str) {
    let Some(to) = instruments() else { return };
    to.guard_refusals.add(1, &[KeyValue::new("guard", guard)]);
}

/// A delivery was no command, or not allowed.
pub(crate) fn rejected(code: &str) {
    let Some(to) = instruments() else { return };
    to.rejected.add(1, &[KeyValue::new("code", code.to_owned())]);
}

/// Something that a message carried beside its command was left out.
pub(crate) fn ignored(what: &'static str) {
    let Some(to) = instruments() else { return };
    to.ignored.add(1, &[KeyValue::new("what", what)]);
}

/// The journal has committed so many changes at once.
pub(crate) fn committed(changes: usize, took: Duration) {
    let Some(to) = instruments() else { return };
    to.commit_changes.record(u64::try_from(changes).unwrap_or(u64::MAX), &[]);
    to.commit_duration.record(took.as_secs_f64(), &[]);
}

/// A request to Meta that is out; when it is dropped it is back, or was given up.
#[derive(Debug)]
#[must_use = "what it measures ends with it"]
pub(crate) struct Out<'r> {
    request: &'r Request<'r>,
    began: Instant,
    heard: Result<u16, &'static str>,
}

impl<'r> Out<'r> {
    pub(crate) fn begin(request: &'r Request<'r>) -> Self {
        if let Some(to) = instruments() {
            to.http_active.add(1, &of_request(request));
        }
        Self { request, began: Instant::now(), heard: Err("given_up") }
    }

    /// A status, or what it died of.
    pub(crate) fn heard(&mut self, heard: Result<u16, &'static str>) {
        self.heard = heard;
    }
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        let Some(to) = instruments() else { return };
        let mut labels = of_request(self.request).to_vec();
        to.http_active.add(-1, &labels);
        match self.heard {
            Ok(status) => {
                labels.push(KeyValue::new("http.response.status_code", i64::from(status)));
                labels.extend((status >= 400).then(|| KeyValue::new("error.type", status.to_string())));
            }
            Err(error) => labels.push(KeyValue::new("error.type", error)),
        }
        to.http_duration.record(self.began.elapsed().as_secs_f64(), &labels);
    }
}

fn of_request(request: &Request<'_>) -> [KeyValue; 4] {
    [
        KeyValue::new("http.request.method", request.method),
        KeyValue::new("url.template", request.template.to_owned()),
        KeyValue::new("server.address", request.host.to_owned()),
        KeyValue::new("server.port", i64::from(request.port)),
    ]
}

/// A delivery was taken in.
pub(crate) fn processed(message: Message<'_>, took: Duration) {
    let Some(to) = instruments() else { return };
    let labels = of_message("process", message);
    to.consumed.add(1, &labels);
    to.process_duration.record(took.as_secs_f64(), &labels);
}

/// A message was published, or not; `how` says what became of the event.
pub(crate) fn published(message: Message<'_>, how: &'static str, took: Duration) {
    let Some(to) = instruments() else { return };
    let labels = of_message("publish", message);
    to.sent.add(1, &labels);
    to.operation_duration.record(took.as_secs_f64(), &labels);
    to.events.add(1, &[KeyValue::new("result", how)]);
}

fn of_message(operation: &'static str, message: Message<'_>) -> Vec<KeyValue> {
    let mut labels = vec![
        KeyValue::new("messaging.system", "rabbitmq"),
        KeyValue::new("messaging.operation.name", operation),
        KeyValue::new("messaging.destination.name", message.destination.to_owned()),
    ];
    labels.extend(message.error.map(|error| KeyValue::new("error.type", error.to_owned())));
    labels
}
