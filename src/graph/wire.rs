//! One HTTP exchange with Meta: what leaves, and what of the answer came back in time.

use std::fmt::Write as _;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::client::GraphConfig;
use crate::crash::crash_point;
use crate::meta::{Method, Usage, usage};

/// Walks ask for a hundred rows of a few fields: far below this.
const BODY_MAX: usize = 8 * 1024 * 1024;
/// A longer `Retry-After` is a broken one.
const RETRY_AFTER_MAX: u64 = 24 * 3600;
/// Usage headers that may name the app's access tier.
const TIERED: [&str; 3] = ["x-business-use-case-usage", "x-ad-account-usage", "x-fb-ads-insights-throttle"];

/// A request without token and proof.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    /// Below the version, such as `/2001/client_pages`.
    pub(super) path: String,
    pub(super) params: Vec<(String, String)>,
}

impl Outgoing {
    /// The called node's id.
    fn node(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default()
    }
}

/// Whose voice it is said in.
pub(super) struct Voice<'a> {
    pub(super) token: &'a SecretString,
    pub(super) app_secret: Option<&'a SecretString>,
}

/// What an exchange came to.
pub(super) enum Heard {
    /// It certainly never left: no connection, no TLS, or no request could be made.
    NotSent(String),
    /// It may have left, and no whole answer came.
    Lost(String),
    /// An answer.
    Answer(Answered),
}

/// An answer with a whole body.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) usage: Vec<Usage>,
    pub(super) retry_after: Option<Duration>,
    pub(super) trace: Option<String>,
    /// The time at Meta, to the second.
    pub(super) date: Option<Timestamp>,
    /// The app's access tier, as a usage header names it.
    pub(super) tier: Option<String>,
}

/// The connections to Meta.
#[derive(Debug)]
pub(super) struct Wire {
    http: Client,
    call_within: Duration,
}

impl Wire {
    pub(super) fn new(config: &GraphConfig, base: &Url) -> Result<Self, String> {
        let mut builder = Client::builder()
            .user_agent(concat!("bindery/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never()) // whether to repeat is decided where effects are known
            .referer(false)
            .connect_timeout(config.call_within / 2); // so that it tells a connection that failed from a lost answer
        if is_local(base) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| text(&error.without_url()))?;
        Ok(Self { http, call_within: config.call_within })
    }

    /// Sends `out` to `url` and reads the whole answer, all within `call_within`.
    ///
    /// Dropping it half-way leaves a write's effect unknown.
    pub(super) async fn exchange(&self, url: Url, out: &Outgoing, voice: &Voice<'_>) -> Heard {
        match tokio::time::timeout(self.call_within, self.round(url, out, voice)).await {
            Ok(heard) => heard,
            Err(_) => Heard::Lost(format!("no answer within {:?}", self.call_within)),
        }
    }

    async fn round(&self, url: Url, out: &Outgoing, voice: &Voice<'_>) -> Heard {
        let answer = match self.request(url, out, voice).send().await {
            Ok(answer) => answer,
            Err(error) => return failed(error.without_url()),
        };
        crash_point!(Sent, &format!("{} {}", out.method.word(), out.path));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = match body(answer).await {
            Ok(body) => body,
            Err(why) => return Heard::Lost(format!("answered {status}, but {why}")),
        };
        let lines = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Heard::Answer(Answered {
            status,
            body,
            usage: usage(lines, out.node()),
            retry_after: header("retry-after").and_then(retry_after),
            trace: header("x-fb-trace-id").and_then(trace),
            date: header("date").and_then(date),
            tier: TIERED.iter().find_map(|name| tier(header(name)?)),
        })
    }

    fn request(&self, url: Url, out: &Outgoing, voice: &Voice<'_>) -> RequestBuilder {
        let mut params: Vec<(&str, &str)> = out.params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let proof = voice.app_secret.map(|secret| proof(voice.token, secret));
        params.extend(proof.iter().map(|proof| ("appsecret_proof", proof.expose_secret())));
        let request = match out.method {
            Method::Get => self.http.get(url).query(&params),
            Method::Post => self.http.post(url).form(&params),
            Method::Delete => self.http.delete(url).query(&params),
        };
        request.bearer_auth(voice.token.expose_secret())
    }
}

/// `appsecret_proof`: HMAC-SHA256 of the token, keyed by the app secret, in lower-case hex.
pub(super) fn proof(token: &SecretString, app_secret: &SecretString) -> SecretString {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(app_secret.expose_secret().as_bytes()).expect("HMAC takes a key of any length");
    mac.update(token.expose_secret().as_bytes());
    hex::encode(mac.finalize().into_bytes()).into()
}

/// A trace id, where it looks like one.
pub(super) fn trace(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_+/=".contains(c);
    ((1..=64).contains(&text.len()) && text.chars().all(fits)).then(|| text.to_owned())
}

/// The simulator beside us is not asked by way of a proxy.
fn is_local(base: &Url) -> bool {
    base.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"))
}

/// The time of a `Date` header.
fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// `"ads_api_access_tier":"…"`, wherever it stands in a usage header, where it looks like a word.
fn tier(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("\"ads_api_access_tier\"")?;
    let word = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?.split('"').next()?;
    let fits = (1..=40).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    fits.then(|| word.to_owned())
}

fn retry_after(text: &str) -> Option<Duration> {
    let seconds: u64 = text.trim().parse().ok()?;
    (1..=RETRY_AFTER_MAX).contains(&seconds).then(|| Duration::from_secs(seconds))
}

async fn body(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > BODY_MAX => {
                return Err(format!("with more than {} MiB", BODY_MAX / 1024 / 1024));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(format!("its body broke off: {}", text(&error.without_url()))),
        }
    }
}

fn failed(error: reqwest::Error) -> Heard {
    if error.is_connect() || error.is_builder() { Heard::NotSent(text(&error)) } else { Heard::Lost(text(&error)) }
}

/// An error with its causes. Only for errors that went through `without_url`.
fn text(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}
