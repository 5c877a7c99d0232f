//! Ordered faults: the next calls that match are answered wrongly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Fault;
use crate::graph_sim::wire::form;
use crate::graph_sim::wire::request::{GraphRequest, Verb};
use crate::graph_sim::world::{Id, Refusal};

/// An order to break the next calls that match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Break {
    /// Which calls.
    #[serde(rename = "match", default)]
    pub matching: Match,
    /// In which way.
    pub how: How,
    /// How many calls.
    #[serde(default = "once")]
    pub times: u32,
    /// How many matching calls pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// Whether a broken call takes effect all the same; each way has its own default.
    #[serde(default)]
    pub applied: Option<bool>,
}

/// Which calls an order is about: those that all given members fit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// GET, POST or DELETE.
    pub method: Option<Verb>,
    /// Text within path and parameters, as in `/2001/pages?page_id=1001` (parameters by name, form-encoded).
    pub contains: Option<String>,
    /// The business in the path or in the parameter `business`.
    pub business: Option<Id>,
}

/// In which way a call is broken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Takes effect, then no answer comes: the connection stays open until the client goes.
    TimeoutAfter,
    /// No effect and no answer.
    TimeoutBefore,
    /// Takes effect; the connection breaks in mid-body.
    Reset,
    /// Takes effect; half of the JSON arrives.
    Truncated,
    /// A page of HTML with status 502; no effect.
    #[serde(rename = "html_502")]
    Html502,
    /// A page of HTML with status 200; no effect.
    #[serde(rename = "html_200")]
    Html200,
    /// `{"error":{}}` with status 500; no effect.
    EmptyError,
    /// `{"success":false}` with status 200; no effect.
    SuccessFalse,
    /// Takes effect; status 200 and no body.
    #[serde(rename = "empty_200")]
    Empty200,
    /// Takes effect; in a batch its entry is `null` (alone: as `timeout_after`).
    Null,
    /// Answered well, after this many seconds.
    Slow(u64),
    /// An error as given; no effect.
    Error(Scripted),
}

/// An error body to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scripted {
    /// Meta's code.
    pub code: i64,
    /// Meta's subcode.
    #[serde(default)]
    pub subcode: Option<i64>,
    /// The member `is_transient`; left out when absent.
    #[serde(default)]
    pub is_transient: Option<bool>,
    /// HTTP status.
    #[serde(default = "bad_request")]
    pub status: u16,
    /// The text; a plain one when absent.
    #[serde(default)]
    pub message: Option<String>,
}

impl Break {
    /// Breaks the next call with `method` whose path and parameters contain `contains`.
    pub fn next(method: Verb, contains: &str, how: How) -> Self {
        let matching = Match { method: Some(method), contains: Some(contains.to_owned()), business: None };
        Self { matching, how, times: 1, skip: 0, applied: None }
    }

    /// For the next `times` calls.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// After `skip` matching calls.
    #[must_use]
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// The broken call takes effect all the same.
    #[must_use]
    pub fn with_effect(self) -> Self {
        Self { applied: Some(true), ..self }
    }

    /// The broken call takes no effect.
    #[must_use]
    pub fn without_effect(self) -> Self {
        Self { applied: Some(false), ..self }
    }

    pub(super) fn strike(&mut self, request: &GraphRequest) -> Option<Fault> {
        if self.is_spent() || !self.matching.fits(request) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times -= 1;
        Some(Fault { how: self.how.clone(), applied: self.applied.unwrap_or(self.how.takes_effect()) })
    }

    pub(super) fn is_spent(&self) -> bool {
        self.times == 0
    }
}

impl Match {
    fn fits(&self, request: &GraphRequest) -> bool {
        let business = |wanted: &Id| request.node() == wanted || request.param("business") == Some(wanted);
        self.method.is_none_or(|verb| verb == request.verb)
            && self.contains.as_ref().is_none_or(|text| full_line(request).contains(text))
            && self.business.as_ref().is_none_or(business)
    }
}

impl How {
    /// An error with `code`, HTTP 400.
    pub fn error(code: i64) -> Self {
        Self::Error(Scripted { code, subcode: None, is_transient: None, status: 400, message: None })
    }

    /// An error with `code` and `subcode`, HTTP 400.
    pub fn error_with(code: i64, subcode: i64) -> Self {
        Self::Error(Scripted { code, subcode: Some(subcode), is_transient: None, status: 400, message: None })
    }

    pub(crate) fn takes_effect(&self) -> bool {
        match self {
            Self::TimeoutAfter | Self::Reset | Self::Truncated | Self::Empty200 | Self::Null | Self::Slow(_) => true,
            Self::TimeoutBefore
            | Self::Html502
            | Self::Html200
            | Self::EmptyError
            | Self::SuccessFalse
            | Self::Error(_) => false,
        }
    }

    /// As the log names it.
    pub(crate) fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(other) => other.to_string(),
            Err(_) => String::new(),
        }
    }
}

impl Scripted {
    pub(crate) fn refusal(&self) -> Refusal {
        let text = self.message.clone().unwrap_or_else(|| format!("(#{}) An error that was asked for.", self.code));
        let refusal = Refusal { subcode: self.subcode, transient: self.is_transient, ..Refusal::new(self.code, text) };
        refusal.status(self.status)
    }
}

fn full_line(request: &GraphRequest) -> String {
    let query = form::encode(request.params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    if query.is_empty() { request.plain_path() } else { format!("{}?{query}", request.plain_path()) }
}

fn once() -> u32 {
    1
}

fn bad_request() -> u16 {
    400
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str, body: &str) -> GraphRequest {
        GraphRequest::new(Verb::Post, path, form::decode(body))
    }

    #[test]
    fn an_order_strikes_only_what_it_matches_and_only_so_often() {
        let mut rule = Break::next(Verb::Post, "/client_pages?page_id=1009", How::Reset).times(2).after(1);
        let hit = post("/v26.0/2001/client_pages", "page_id=1009");
        assert_eq!(rule.strike(&post("/v26.0/2001/client_pages", "page_id=1010")), None);
        assert_eq!(rule.strike(&hit), None, "the first one passes");
        assert_eq!(rule.strike(&hit), Some(Fault { how: How::Reset, applied: true }));
        assert!(rule.strike(&hit).is_some() && rule.is_spent());
        assert_eq!(rule.strike(&hit), None);
    }

    #[test]
    fn a_business_is_found_in_the_path_and_in_the_parameters() {
        let matching = Match { business: Some("2001".into()), ..Match::default() };
        assert!(matching.fits(&post("/v26.0/2001/client_pages", "")));
        assert!(matching.fits(&post("/v26.0/1001/assigned_users", "business=2001")));
        assert!(!matching.fits(&post("/v26.0/1001/assigned_users", "business=2002")));
    }

    #[test]
    fn each_way_is_read_from_its_json() {
        for (text, how) in [
            (r#""html_502""#, How::Html502),
            (r#""empty_200""#, How::Empty200),
            (r#""timeout_after""#, How::TimeoutAfter),
            (r#"{"slow":3}"#, How::Slow(3)),
            (r#"{"error":{"code":190,"subcode":460}}"#, How::error_with(190, 460)),
        ] {
            assert_eq!(serde_json::from_str::<How>(text).expect(text), how);
        }
        assert!(serde_json::from_str::<Break>(r#"{"how":"reset","time":2}"#).is_err(), "a typo is refused");
    }
}
