//! HTTP in front of the state: reads a request, lets the state answer, delivers as much of the answer as is meant to arrive.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};

use super::answer::{Answer, Delivery, Reply};
use super::form;
use super::request::{GraphRequest, Verb, body_params};
use crate::graph_sim::sim::Shared;

/// Time that half a body gets to leave before the connection is cut.
const FLUSHED_WITHIN: Duration = Duration::from_millis(30);

/// Everything that is not control is Graph.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(graph).with_state(shared)
}

async fn graph(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(request) = read(&method, &uri, &headers, &body) else {
        return whole(Answer::html(405, "<html><body>Method not allowed</body></html>"));
    };
    let reply = shared.call(&request);
    deliver(reply, &shared).await
}

fn read(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<GraphRequest> {
    let verb = Verb::parse(method.as_str())?;
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let mut params = form::decode(uri.query().unwrap_or_default());
    params.extend(body_params(text(CONTENT_TYPE), &String::from_utf8_lossy(body)));
    let mut request = GraphRequest::new(verb, uri.path(), params);
    let bearer = text(AUTHORIZATION).split_once(' ').filter(|(scheme, _)| matches!(*scheme, "Bearer" | "OAuth"));
    request.token = request.token.or_else(|| bearer.map(|(_, token)| token.trim().to_owned()));
    Some(request)
}

async fn deliver(reply: Reply, shared: &Shared) -> Response {
    let mut response = delivered(reply, shared).await;
    // As every server does, and by the simulator's own clock.
    let now = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&shared.state().clock.now());
    if let Ok(now) = now.unwrap_or_default().parse() {
        response.headers_mut().insert(DATE, now);
    }
    response
}

async fn delivered(reply: Reply, shared: &Shared) -> Response {
    let Reply { answer, delivery } = reply;
    match delivery {
        Delivery::Whole => whole(answer),
        Delivery::Truncated => {
            let half = answer.body.len() / 2;
            whole(Answer { body: String::from_utf8_lossy(&answer.body.as_bytes()[..half]).into_owned(), ..answer })
        }
        Delivery::CutOff => cut_off(answer),
        Delivery::Late(seconds) => {
            pass(shared, Duration::from_secs(seconds)).await;
            whole(answer)
        }
        Delivery::Never => {
            pass(shared, shared.hold).await;
            cut_off(Answer::html(504, "<html><body>Gateway Timeout</body></html>"))
        }
    }
}

/// Waits, unless the simulator ends before. The client's going drops this future, and with it the connection.
async fn pass(shared: &Shared, time: Duration) {
    let _ended = shared.stop.run_until_cancelled(tokio::time::sleep(time)).await;
}

fn whole(answer: Answer) -> Response {
    let body = Body::from(answer.body.clone());
    respond(&answer, body)
}

/// Half the body, then the connection breaks: hyper closes it when the stream fails.
fn cut_off(answer: Answer) -> Response {
    let half = Bytes::copy_from_slice(&answer.body.as_bytes()[..answer.body.len() / 2]);
    let cut = async {
        // The half has to be on the wire before the stream fails, else hyper sends nothing at all.
        tokio::time::sleep(FLUSHED_WITHIN).await;
        Err(std::io::Error::other("the connection is cut on purpose"))
    };
    let body = Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(cut)));
    respond(&answer, body)
}

fn respond(answer: &Answer, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    for (name, value) in &answer.headers {
        // A usage header made up by control may hold what no header can; it is then left out.
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
