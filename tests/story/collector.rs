//! A collector that speaks OTLP as real ones do, over gRPC and over HTTP, and keeps all that it was told.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::rabbit::PATIENCE;

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    Http,
}

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub name: String,
    pub kind: i32,
    pub trace: String,
    pub id: String,
    /// Empty for a root.
    pub parent: String,
    /// Trace and span.
    pub links: Vec<(String, String)>,
    pub attributes: BTreeMap<String, String>,
}

/// All that arrived.
#[derive(Default)]
struct Heard {
    spans: Vec<Seen>,
    metrics: Vec<String>,
    /// Everything, as it would be stored: nothing secret may be found in here.
    text: String,
}

pub struct Collector {
    pub endpoint: String,
    heard: watch::Receiver<Heard>,
    _server: JoinSet<()>,
}

impl Collector {
    /// Listens and keeps what comes.
    pub async fn start(protocol: Protocol) -> Result<Self> {
        let (told, heard) = watch::channel(Heard::default());
        let told = Ear(Arc::new(told));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let mut server = JoinSet::new();
        match protocol {
            Protocol::Grpc => server.spawn(async move {
                let services = tonic::transport::Server::builder()
                    .add_service(TraceServiceServer::new(told.clone()))
                    .add_service(MetricsServiceServer::new(told));
                services.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap_or_default();
            }),
            Protocol::Http => server.spawn(async move {
                let (traces, metrics) = (told.clone(), told);
                let router = Router::new()
                    .route("/v1/traces", post(async move |body: Bytes| taken(&body, |said| traces.spans(said))))
                    .route("/v1/metrics", post(async move |body: Bytes| taken(&body, |said| metrics.numbers(said))));
                axum::serve(listener, router).await.unwrap_or_default();
            }),
        };
        Ok(Self { endpoint, heard, _server: server })
    }

    /// The variables that name this collector, with short waits.
    pub fn settings(&self, protocol: Protocol) -> Vec<(&'static str, String)> {
        let spoken = match protocol {
            Protocol::Grpc => "grpc",
            Protocol::Http => "http/protobuf",
        };
        settings(&self.endpoint, spoken)
    }

    /// The first span, past or to come, that `wanted` is true of.
    pub async fn span(&self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Result<Seen> {
        let mut heard = self.heard.clone();
        let came = timeout(PATIENCE, heard.wait_for(|heard| heard.spans.iter().any(&wanted))).await;
        let found = came.ok().and_then(Result::ok).and_then(|all| all.spans.iter().find(|one| wanted(one)).cloned());
        found.with_context(|| {
            let names: Vec<String> = self.heard.borrow().spans.iter().map(|span| span.name.clone()).collect();
            format!("waited {PATIENCE:?} in vain for {what}, there were {names:?}")
        })
    }

    /// Waits until a metric of this name has come.
    pub async fn metric(&self, name: &str) -> Result<()> {
        let mut heard = self.heard.clone();
        let came = timeout(PATIENCE, heard.wait_for(|heard| heard.metrics.iter().any(|known| known == name))).await;
        came.ok().and_then(Result::ok).with_context(|| format!("waited {PATIENCE:?} in vain for {name}"))?;
        Ok(())
    }

    /// All that was heard so far.
    pub fn text(&self) -> String {
        self.heard.borrow().text.clone()
    }
}

/// The variables for a collector at `endpoint`, with short waits and small buffers.
pub fn settings(endpoint: &str, protocol: &str) -> Vec<(&'static str, String)> {
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100".to_owned()),
    ]
}

/// An address that nobody listens at.
pub fn nobody() -> Result<String> {
    Ok(format!("http://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?))
}

fn taken<M: Message + Default>(body: &[u8], keep: impl FnOnce(M)) -> StatusCode {
    match M::decode(body) {
        Ok(said) => {
            keep(said);
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

/// Where both protocols end.
#[derive(Clone)]
struct Ear(Arc<watch::Sender<Heard>>);

impl Ear {
    fn spans(&self, said: ExportTraceServiceRequest) {
        let text = format!("{said:?}\n");
        let scopes = said.resource_spans.into_iter().flat_map(|of| of.scope_spans);
        let spans: Vec<Seen> = scopes.flat_map(|scope| scope.spans).map(seen).collect();
        self.0.send_modify(|heard| {
            heard.spans.extend(spans);
            heard.text.push_str(&text);
        });
    }

    fn numbers(&self, said: ExportMetricsServiceRequest) {
        let text = format!("{said:?}\n");
        let scopes = said.resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
        let names: Vec<String> = scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name).collect();
        self.0.send_modify(|heard| {
            heard.metrics.extend(names);
            heard.text.push_str(&text);
        });
    }
}

#[tonic::async_trait]
impl TraceService for Ear {
    async fn export(
        &self,
        said: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.spans(said.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Ear {
    async fn export(
        &self,
        said: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.numbers(said.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn seen(span: Span) -> Seen {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Seen {
        name: span.name,
        kind: span.kind,
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        attributes: span.attributes.into_iter().filter_map(told).collect(),
    }
}

/// Texts and numbers alone: ours are nothing else.
fn told(attribute: KeyValue) -> Option<(String, String)> {
    let AnyValue { value } = attribute.value?;
    let value = value?;
    if let any_value::Value::StringValue(text) = value {
        return Some((attribute.key, text));
    }
    if let any_value::Value::IntValue(number) = value {
        return Some((attribute.key, number.to_string()));
    }
    None
}
