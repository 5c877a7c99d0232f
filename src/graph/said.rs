//! What an answer says: a good body, Meta's no, or nothing that can be relied on.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::json::{Body, Json};
use super::trouble::Trouble;
use super::wire::{Answered, trace};
use crate::meta::{Bucket, Class, Method, Refusal, Reply, Row, Scope, classify, is_unknown};
use crate::telemetry;

/// Longer messages are cut: they go into events.
const MESSAGE_MAX: usize = 300;

/// What was said to one request.
pub(super) enum Said {
    /// A success with its body.
    Good(Body),
    /// Meta's error, classified.
    No(No),
    /// No answer, or none that can be relied on: what the request did is unknown.
    Lost(String),
    /// The request had no effect, and may be repeated.
    NotSent(String),
}

/// Meta's error.
#[derive(Debug, Clone)]
pub(super) struct No {
    pub(super) code: i64,
    pub(super) subcode: Option<i64>,
    pub(super) row: &'static Row,
    pub(super) message: String,
    pub(super) trace: Option<String>,
    pub(super) wait: Option<Duration>,
}

impl No {
    /// Whether less should be asked for at once.
    pub(super) fn wants_less(&self) -> bool {
        self.code == 1 && self.message.to_lowercase().contains("reduce the amount of data")
    }

    /// For metrics: the numbers where the table of errors tells them apart, so that nobody outside makes a label.
    pub(super) fn label(&self) -> telemetry::Error {
        let of_a_range = matches!(self.code, 200..=299 | 3_900..=3_999 | 80_000..=80_014);
        telemetry::Error {
            code: self.row.code.or(of_a_range.then_some(self.code)),
            subcode: self.row.subcode,
            class: if is_unknown(self.row) { "unknown" } else { self.row.class.word() },
        }
    }

    fn refusal(self) -> Refusal {
        Refusal {
            code: self.code,
            subcode: self.subcode,
            category: self.row.category,
            state: self.row.class == Class::State,
            message: self.message,
            trace: self.trace,
            remedy: self.row.remedy.to_owned(),
        }
    }

    /// What the caller of a request with `method` hears: after a write something may have been changed.
    pub(super) fn settle(self, method: Method) -> Result<Reply, Trouble> {
        match self.row.class {
            Class::Transient if method != Method::Get => Ok(Reply::Unknown),
            Class::Transient => Err(Trouble::Transient { why: format!("Meta said {}: {}", self.code, self.message) }),
            Class::Throttle(scope) => {
                Err(Trouble::Throttled { scope, wait: self.wait, code: self.code, subcode: self.subcode })
            }
            Class::Auth => Err(Trouble::CredentialDead {
                code: self.code,
                subcode: self.subcode,
                message: self.message,
                remedy: self.row.remedy.to_owned(),
            }),
            Class::Abuse => Err(Trouble::Abuse { refusal: self.refusal() }),
            Class::Permission | Class::State | Class::Permanent | Class::NeedsPageToken | Class::CursorExpired => {
                Ok(Reply::Refused(self.refusal()))
            }
        }
    }
}

/// Reads an answer. `secrets` are struck out of whatever text of Meta's is kept; most answers have none.
pub(super) fn read(answered: &Answered, secrets: impl FnOnce() -> Vec<SecretString>) -> Said {
    let status = answered.status;
    let Some(body) = Body::read(&answered.body) else {
        return Said::Lost(format!("answered {status} without JSON"));
    };
    match body.json().get("error") {
        Some(error) => refused(answered, error, &secrets()),
        None if (200..300).contains(&status) => Said::Good(body),
        None => Said::Lost(format!("answered {status} without an error of Meta's")),
    }
}

fn refused(answered: &Answered, error: Json<'_>, secrets: &[SecretString]) -> Said {
    let Some(code) = number(error.get("code")) else {
        return Said::Lost(format!("answered {} with an error that has no code", answered.status));
    };
    let subcode = number(error.get("error_subcode"));
    let row = classify(code, subcode, error.get("is_transient").and_then(Json::as_bool));
    if is_unknown(row) && answered.status >= 500 {
        return Said::Lost(format!("answered {} with the unknown code {code}", answered.status));
    }
    let text = |name: &str| error.get(name).and_then(Json::as_str);
    Said::No(No {
        code,
        subcode,
        row,
        message: clean(text("message").unwrap_or("no message"), secrets),
        trace: text("fbtrace_id").and_then(trace).or_else(|| answered.trace.clone()),
        wait: wait(row, answered),
    })
}

/// How long Meta says to wait, for a throttle: the longest time of the buckets that it can be about.
fn wait(row: &Row, answered: &Answered) -> Option<Duration> {
    let Class::Throttle(scope) = row.class else { return None };
    let concerns = |bucket: &Bucket| match bucket {
        Bucket::App => scope == Scope::App,
        Bucket::Object { .. } => scope == Scope::Business,
    };
    let told = answered.usage.iter().filter(|usage| concerns(&usage.bucket)).filter_map(|usage| usage.regain).max();
    told.max(answered.retry_after)
}

/// An integer, also one written as text.
fn number(value: Option<Json<'_>>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Meta's text without what it may repeat of ours ("Malformed access token EAA...") and of sensible length.
pub(super) fn clean(text: &str, secrets: &[SecretString]) -> String {
    let known = secrets.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty());
    let text = known.fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"));
    let words: Vec<&str> = text.split_whitespace().map(|word| if is_token(word) { "[secret]" } else { word }).collect();
    let text = words.join(" ");
    match text.char_indices().nth(MESSAGE_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Whether a word holds what looks like a token or a proof: long, and nothing but letters and digits.
fn is_token(word: &str) -> bool {
    word.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part.len() >= 32)
}
