//! What the worker tells about itself while it works: log lines, spans, metrics. This room alone names OpenTelemetry.
//!
//! Every other room may call it, as it knows nobody but `contract`. Nothing in here can fail a caller, wait for a
//! collector or grow without bound: a span or a number that cannot be kept is dropped.
//!
//! - `logs`: lines on stderr;
//! - `spans`: what became of one message, step, call or publication, only where a collector is named;
//! - `meters`: counters and histograms, and the gauges that are read when somebody scrapes;
//! - `otlp`: the standard `OTEL_*` variables, and the way to a collector.
//!
//! One set of instruments feeds OTLP and `/metrics`: two readers on one provider. Labels are bounded: no id of an
//! asset, a business, a person or a command is one.

mod firsts;
mod instruments;
mod logs;
mod meters;
mod otlp;
mod spans;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::warn;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use instruments::Error;
pub(crate) use meters::{
    End, Message, Out, Request, Tell, claims_settled, committed, ended, gauge, graph_error, guard_refused, ignored,
    processed, published, rejected, text, unknown_outcome, unknown_resolved,
};
pub(crate) use spans::{Opened, Published, accepted, call, fail, note, poll, process, publish, step, traceparent};

/// How long the last spans and numbers may take on their way out when the process ends.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// Why telemetry could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `RUST_LOG` cannot be read.
    #[error("RUST_LOG: {0}: write it like \"info\" or \"info,bindery=debug\"")]
    Filter(String),
    /// Somebody else has installed a subscriber in this process.
    #[error("logging has begun already in this process")]
    Begun,
}

/// What a process does with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It carries out commands: it has spans and metrics beside its log.
    Worker,
    /// It asks, shows or sends something, and ends: its log is enough.
    Tool,
}

/// Telemetry of this process; [`Self::end`] sends the last of it.
#[derive(Debug, Default)]
#[must_use = "the last spans are sent by `end`"]
pub struct Telemetry {
    tracing: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

/// Begins logging, as `RUST_LOG` and `NO_COLOR` say, and for a worker spans and metrics, as `OTEL_*` says.
///
/// To be called inside the runtime, on whose threads gRPC to a collector lives. A variable that makes no sense is told
/// in the log and keeps its signal at home; the work goes on.
///
/// # Errors
/// `RUST_LOG` that is no filter; logging that has begun already.
pub fn init(role: Role) -> Result<Telemetry, TelemetryError> {
    let logs = logs::layer::<Registry>()?;
    let otlp = match role {
        Role::Worker => otlp::Otlp::begin(|name| std::env::var(name).ok()),
        Role::Tool => otlp::Otlp::default(),
    };
    let spans = otlp.tracing.as_ref().map(|provider| spans::layer(provider.tracer(instruments::SCOPE)));
    tracing_subscriber::registry().with(logs).with(spans).try_init().map_err(|_| TelemetryError::Begun)?;
    otlp.tell();
    if otlp.tracing.is_some() {
        spans::begin();
    }
    let metrics = (role == Role::Worker).then(|| meters::begin(otlp.metrics)).flatten();
    Ok(Telemetry { tracing: otlp.tracing, metrics })
}

impl Telemetry {
    /// Sends what is left, for a bounded time: a collector that does not answer does not keep the process.
    pub fn end(self) {
        let tracing = self.tracing.map(|provider| aside(move || drop(provider.shutdown_with_timeout(LAST_WITHIN))));
        let metrics = self.metrics.map(|provider| aside(move || drop(provider.shutdown_with_timeout(LAST_WITHIN))));
        let until = Instant::now() + LAST_WITHIN;
        for ended in [tracing, metrics].into_iter().flatten() {
            if ended.recv_timeout(until.saturating_duration_since(Instant::now())) == Err(RecvTimeoutError::Timeout) {
                warn!("the collector did not take the last of telemetry within {} s", LAST_WITHIN.as_secs());
            }
        }
    }
}

/// Runs `work` on a thread that ends with the process, if not before. The receiver hears when it is done.
fn aside(work: impl FnOnce() + Send + 'static) -> Receiver<()> {
    let (done, ended) = mpsc::channel();
    let run = move || {
        work();
        drop(done);
    };
    // Where there is no thread to be had `done` is dropped at once.
    let _ = std::thread::Builder::new().name("last-telemetry".to_owned()).spawn(run);
    ended
}
