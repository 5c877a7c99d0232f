//! One HTTP exchange with Meta: what leaves, and what of the answer came back in time.

use std::fmt::Write as _;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use tracing::{Instrument, Span};

use super::client::GraphConfig;
use crate::crash::crash_point;
use crate::meta::{Method, Usage, usage};
use crate::telemetry::{self, Out, Request};

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

impl Heard {
    /// The status, or what it died of.
    fn in_a_word(&self) -> Result<u16, &'static str> {
        match self {
            Self::NotSent(_) => Err("not_sent"),
            Self::Lost(_) => Err("no_answer"),
            Self::Answer(answered) => Ok(answered.status),
        }
    }

    fn tell(&self, span: &Span) {
        match self.in_a_word() {
            Err(error) => telemetry::fail(span, error),
            Ok(status) => {
                telemetry::note(span, "http.response.status_code", || i64::from(status));
                if status >= 400 {
                    telemetry::fail(span, &status.to_string());
                }
            }
        }
        if let Self::Answer(Answered { trace: Some(trace), .. }) = self {
            telemetry::note(span, "http.response.header.x-fb-trace-id", || trace.clone());
        }
    }
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
        let template = template(&out.path);
        let request = Request {
            method: out.method.word(),
            template: &template,
            host: url.host_str().unwrap_or_default(),
            port: url.port_or_known_default().unwrap_or_default(),
        };
        let span = telemetry::call(&request, || shown(&url, out, voice));
        let mut measured = Out::begin(&request);
        let round = self.round(url.clone(), out, voice).instrument(span.clone());
        let heard = match tokio::time::timeout(self.call_within, round).await {
            Ok(heard) => heard,
            Err(_) => Heard::Lost(format!("no answer within {:?}", self.call_within)),
        };
        measured.heard(heard.in_a_word());
        heard.tell(&span);
        heard
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

/// A path with a word in place of every id, below the version: bounded, as the edges are ours.
fn template(path: &str) -> String {
    let is_edge = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let parts = path.split('/').skip(1).map(|part| if is_edge(part) { part } else { "{id}" });
    parts.fold("/{version}".to_owned(), |template, part| template + "/" + part)
}

/// The address as a span may show it: of the parameters only what is always the same.
fn shown(url: &Url, out: &Outgoing, voice: &Voice<'_>) -> String {
    let mut shown = url.clone();
    if out.method == Method::Post {
        return shown.into();
    }
    let proof = voice.app_secret.map(|_| "appsecret_proof");
    for (name, value) in out.params.iter().map(|(name, value)| (name.as_str(), value.as_str())) {
        let value = if matches!(name, "fields" | "limit") { value } else { "REDACTED" };
        shown.query_pairs_mut().append_pair(name, value);
    }
    if let Some(proof) = proof {
        shown.query_pairs_mut().append_pair(proof, "REDACTED");
    }
    shown.into()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn out(method: Method, params: &[(&str, &str)]) -> Outgoing {
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Outgoing { method, path: "/2001/client_pages".to_owned(), params }
    }

    #[test]
    fn a_template_has_a_word_in_place_of_every_id() {
        for (path, wanted) in [
            ("/me", "/{version}/me"),
            ("/2001/client_pages", "/{version}/{id}/client_pages"),
            ("/act_17/assigned_users", "/{version}/{id}/assigned_users"),
            ("/1009", "/{version}/{id}"),
            ("/Ann@x.example/roles", "/{version}/{id}/roles"),
            ("", "/{version}"),
        ] {
            assert_eq!(template(path), wanted, "{path}");
        }
    }

    #[test]
    fn the_shown_address_holds_nothing_but_what_is_always_the_same() {
        let (token, secret) = (SecretString::from("token"), SecretString::from("secret"));
        let voice = Voice { token: &token, app_secret: Some(&secret) };
        let url = Url::parse("https://graph.facebook.com/v26.0/2001/client_pages").unwrap();
        let params = [("fields", "id"), ("limit", "100"), ("after", "cursor"), ("email", "ann@x.example")];
        let get = shown(&url, &out(Method::Get, &params), &voice);
        assert_eq!(
            get,
            "https://graph.facebook.com/v26.0/2001/client_pages?fields=id&limit=100&after=REDACTED&email=REDACTED\
             &appsecret_proof=REDACTED"
        );
        // What a POST says stands in its body.
        assert_eq!(shown(&url, &out(Method::Post, &params), &voice), url.as_str());
    }
}
