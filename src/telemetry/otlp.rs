//! The way to a collector: what the standard `OTEL_*` variables ask for, and the providers that carry it out.
//!
//! A signal leaves only where an endpoint is named. Batches wait in a bounded queue of the SDK on threads of its own;
//! what does not fit is dropped there, and the work never waits.

use opentelemetry::KeyValue;
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{info, warn};
use uuid::Uuid;

/// The conventions whose names we use.
pub(super) const SCHEMA: &str = "https://opentelemetry.io/schemas/1.44.0";
/// Where gRPC is spoken, unless a variable says otherwise.
const GRPC_PORT: &str = ":4317";

/// A signal that may be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    /// As it stands in the names of the variables.
    fn word(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
        }
    }
}

/// What is exported, and what there is to say about it once logging has begun.
#[derive(Default)]
pub(super) struct Otlp {
    pub(super) tracing: Option<SdkTracerProvider>,
    pub(super) metrics: Option<MetricExporter>,
    told: Vec<String>,
    flaws: Vec<String>,
}

impl Otlp {
    /// As the variables say.
    pub(super) fn begin(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut otlp = Self::default();
        let traces = otlp.built(&variable, Signal::Traces, spans_to);
        otlp.tracing = traces.map(|exporter| {
            SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build()
        });
        otlp.metrics = otlp.built(&variable, Signal::Metrics, numbers_to);
        otlp
    }

    /// Says what leaves and what cannot.
    pub(super) fn tell(&self) {
        for told in &self.told {
            info!("{told}");
        }
        for flaw in &self.flaws {
            warn!("{flaw}: it stays at home, the work goes on");
        }
    }

    fn built<T>(
        &mut self,
        variable: &impl Fn(&str) -> Option<String>,
        signal: Signal,
        build: impl Fn(Protocol) -> Result<T, ExporterBuildError>,
    ) -> Option<T> {
        let word = signal.word().to_lowercase();
        let protocol = match wanted(variable, signal) {
            Ok(protocol) => protocol?,
            Err(flaw) => {
                self.flaws.push(format!("could not export {word}: {flaw}"));
                return None;
            }
        };
        match build(protocol) {
            Ok(built) => {
                self.told.push(format!("{word} are exported by OTLP over {}", spoken(protocol)));
                Some(built)
            }
            Err(error) => {
                self.flaws.push(format!("could not export {word}: {error}"));
                None
            }
        }
    }
}

/// The protocol of a signal that is to leave; `None` where none is asked for.
fn wanted(variable: &impl Fn(&str) -> Option<String>, signal: Signal) -> Result<Option<Protocol>, String> {
    // An empty variable counts as one that is not set.
    let read = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let of = |what: &str| {
        read(&format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.word()))
            .or_else(|| read(&format!("OTEL_EXPORTER_OTLP_{what}")))
    };
    let exporter = format!("OTEL_{}_EXPORTER", signal.word());
    if read("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    match read(&exporter).as_deref() {
        None | Some("otlp") => {}
        Some("none") => return Ok(None),
        Some(_) => return Err(format!("{exporter} must be \"otlp\" or \"none\"")),
    }
    let Some(endpoint) = of("ENDPOINT") else { return Ok(None) };
    match of("PROTOCOL").as_deref() {
        Some("grpc") => Ok(Some(Protocol::Grpc)),
        Some("http/protobuf") => Ok(Some(Protocol::HttpBinary)),
        Some(_) => Err("OTEL_EXPORTER_OTLP_PROTOCOL must be \"grpc\" or \"http/protobuf\"".to_owned()),
        None if endpoint.trim_end_matches('/').ends_with(GRPC_PORT) => Ok(Some(Protocol::Grpc)),
        None => Ok(Some(Protocol::HttpBinary)),
    }
}

fn spoken(protocol: Protocol) -> &'static str {
    if protocol == Protocol::Grpc { "gRPC" } else { "HTTP" }
}

fn spans_to(protocol: Protocol) -> Result<SpanExporter, ExporterBuildError> {
    if protocol == Protocol::Grpc {
        return SpanExporter::builder().with_tonic().build();
    }
    SpanExporter::builder().with_http().with_protocol(protocol).build()
}

fn numbers_to(protocol: Protocol) -> Result<MetricExporter, ExporterBuildError> {
    if protocol == Protocol::Grpc {
        return MetricExporter::builder().with_tonic().build();
    }
    MetricExporter::builder().with_http().with_protocol(protocol).build()
}

/// Who tells: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over what is known by itself.
pub(super) fn resource() -> Resource {
    let from_variables = Resource::builder().build();
    let missing = |name: &'static str, value: String| {
        let known = from_variables.get(&opentelemetry::Key::from_static_str(name));
        known.is_none().then(|| KeyValue::new(name, value))
    };
    let named = std::env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty());
    let own = from_variables.get(&opentelemetry::Key::from_static_str("service.name"));
    let own = named || own.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let name = (!own).then(|| KeyValue::new("service.name", "bindery"));
    let attributes = [
        name,
        missing("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        missing("service.instance.id", instance().to_string()),
    ];
    Resource::builder().with_schema_url(attributes.into_iter().flatten(), SCHEMA).build()
}

/// New with each start of the process, so that its counters are known to begin at zero.
fn instance() -> Uuid {
    static INSTANCE: std::sync::OnceLock<Uuid> = std::sync::OnceLock::new();
    *INSTANCE.get_or_init(|| {
        let began = jiff::Timestamp::now().as_nanosecond();
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}/{began}", std::process::id()).as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(variables: &[(&str, &str)]) -> Result<Option<Protocol>, String> {
        let read =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        wanted(&read, Signal::Traces)
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

    #[test]
    fn nothing_leaves_where_no_endpoint_is_named() {
        for variables in [
            &[][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
            &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://collector:4318")],
            &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            &[ENDPOINT, ("OTEL_SDK_DISABLED", "true")],
            &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert_eq!(traces(variables), Ok(None), "{variables:?}");
        }
    }

    #[test]
    fn the_protocol_is_as_the_variables_say_and_grpc_on_its_own_port() {
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4317/");
        for (variables, protocol) in [
            (&[ENDPOINT][..], Protocol::HttpBinary),
            (&[ENDPOINT, own], Protocol::Grpc),
            (&[ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], Protocol::Grpc),
            (&[own, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")], Protocol::HttpBinary),
            (
                &[
                    ENDPOINT,
                    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
                    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
                ],
                Protocol::Grpc,
            ),
        ] {
            assert_eq!(traces(variables), Ok(Some(protocol)), "{variables:?}");
        }
    }

    #[test]
    fn what_cannot_be_spoken_is_named_and_nothing_leaves() {
        for wrong in [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), ("OTEL_TRACES_EXPORTER", "zipkin")] {
            let flaw = traces(&[ENDPOINT, wrong]).unwrap_err();
            assert!(flaw.starts_with(wrong.0), "{flaw}");
        }
        let otlp = Otlp::begin(|name| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://collector:4318".to_owned()),
            "OTEL_EXPORTER_OTLP_PROTOCOL" => Some("carrier-pigeon".to_owned()),
            _ => None,
        });
        assert!(otlp.tracing.is_none() && otlp.metrics.is_none() && otlp.flaws.len() == 2);
    }
}
