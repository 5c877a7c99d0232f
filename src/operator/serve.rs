//! The socket: bounded connections, and a deadline on whatever a caller may be slow with.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::problem::Problem;
use super::{Desk, Health, api, health};

/// Callers at the same time; probes, scrapes and a few operators are far below it. One more waits.
const CONNECTIONS_MAX: usize = 128;
/// How long a caller may take for the head of a request, also for the next one on a connection that is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long an answer may take, reading the order included. A search through dead letters is the slowest.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Between two tries to accept when the process has no descriptors left.
const ACCEPTED_AGAIN: Duration = Duration::from_millis(200);

/// Binds, and gives the task that answers; dropping it closes every connection.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(
    listen: SocketAddr,
    health: Health,
    desk: Desk,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let listener = TcpListener::bind(listen).await?;
    let router = health::routes(health).merge(api::routes(desk)).layer(middleware::from_fn(in_time));
    Ok(accept(listener, router))
}

async fn accept(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut callers = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                callers.spawn(async move {
                    answer(stream, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!("could not take a caller, trying again: {error}");
                tokio::time::sleep(ACCEPTED_AGAIN).await;
            }
        }
        while callers.try_join_next().is_some() {}
    }
}

async fn answer(stream: TcpStream, router: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await {
        debug!("a caller was lost: {error}");
    }
}

async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("not done within {} s; see `bindery status` or /readyz", ANSWER_WITHIN.as_secs());
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "too_slow", detail).into_response()
    })
}
