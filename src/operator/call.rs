//! Calling the worker that holds the journal, over its own HTTP API.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, Method, Request, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use serde_json::Value as Json;
use tokio::net::TcpStream;

use crate::config::HttpConfig;

/// How long the worker may take; its own deadline is shorter.
const ANSWERED_WITHIN: Duration = Duration::from_secs(70);
/// How long a connection to it may take.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// Answers are far smaller.
const ANSWER_MAX: usize = 64 << 20;

/// The running worker.
pub struct Worker {
    http: HttpConfig,
}

/// Why the worker did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It cannot be reached, or gave no answer: whether it was done is not known.
    #[error("could not reach the worker at http://{address}: {why}; is `http.listen` the one that it runs with?")]
    OutOfReach {
        /// Where it should be.
        address: SocketAddr,
        /// Why.
        why: String,
    },
    /// It says no.
    #[error("the worker refused: {detail}")]
    Refused {
        /// Its HTTP status.
        status: u16,
        /// What it says, and what to do.
        detail: String,
    },
}

impl Worker {
    /// The worker that listens there.
    #[must_use]
    pub fn at(http: HttpConfig) -> Self {
        Self { http }
    }

    /// Orders something, and gives the answer.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn post(&self, path: &str, order: &Json) -> Result<Json, CallError> {
        let (status, told) = self.ask(path, Some(order)).await?;
        if status.is_success() {
            return Ok(told);
        }
        let detail = told["detail"].as_str().unwrap_or("it does not say why").to_owned();
        Err(CallError::Refused { status: status.as_u16(), detail })
    }

    /// Why the worker is not ready; nothing where it is.
    ///
    /// # Errors
    /// `OutOfReach`.
    pub async fn reasons(&self) -> Result<Vec<String>, CallError> {
        let (status, told) = self.ask("/readyz", None).await?;
        if status.is_success() {
            return Ok(Vec::new());
        }
        let reasons = told["reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
        let reasons: Vec<String> = reasons.iter().filter_map(|reason| reason.as_str().map(ToOwned::to_owned)).collect();
        Ok(if reasons.is_empty() { vec![format!("it answered {status}")] } else { reasons })
    }

    async fn ask(&self, path: &str, order: Option<&Json>) -> Result<(StatusCode, Json), CallError> {
        let answered = tokio::time::timeout(ANSWERED_WITHIN, self.exchange(path, order)).await;
        let answered = answered.unwrap_or_else(|_| Err(format!("no answer within {} s", ANSWERED_WITHIN.as_secs())));
        let unreached = |why| CallError::OutOfReach { address: self.address(), why };
        let (status, body) = answered.map_err(unreached)?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    async fn exchange(&self, path: &str, order: Option<&Json>) -> Result<(StatusCode, Vec<u8>), String> {
        let address = self.address();
        let connected = tokio::time::timeout(CONNECTED_WITHIN, TcpStream::connect(address)).await;
        let stream = connected.map_err(|_| "no connection in time".to_owned())?.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let request = self.request(path, order)?;
        let asked = async move {
            let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = answer.status();
            let body = to_bytes(Body::new(answer.into_body()), ANSWER_MAX).await.map_err(|error| error.to_string())?;
            Ok((status, body.to_vec()))
        };
        // The connection does the work; it ends by itself when the answer is whole, or with us.
        let (answered, _) = tokio::join!(asked, connection);
        answered
    }

    fn request(&self, path: &str, order: Option<&Json>) -> Result<Request<Body>, String> {
        let mut request = Request::new(order.map_or_else(Body::empty, |order| Body::from(order.to_string())));
        *request.method_mut() = if order.is_some() { Method::POST } else { Method::GET };
        *request.uri_mut() = path.parse().map_err(|_| format!("{path} is no path"))?;
        let host = HeaderValue::from_str(&self.address().to_string()).map_err(|error| error.to_string())?;
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-bindery", HeaderValue::from_static("1"));
        if let Some(token) = &self.http.token {
            let token = token.read().map_err(|error| error.to_string())?;
            let shown = format!("Bearer {}", token.expose_secret());
            let mut value =
                HeaderValue::from_str(&shown).map_err(|_| "http.token cannot stand in a header".to_owned())?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// One that listens everywhere is asked at home.
    fn address(&self) -> SocketAddr {
        let mut address = self.http.listen;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        address
    }
}
