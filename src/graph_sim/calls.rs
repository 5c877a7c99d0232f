//! The log of every call that arrived, refused and broken ones too.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::wire::request::{GraphRequest, Verb};
use super::world::Id;

/// Calls kept; older ones are dropped, their numbers are not used again.
const KEPT: usize = 200_000;

/// One call as it was received and answered. Tokens and proofs are left out.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Call {
    /// Counts from 1.
    pub n: u64,
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// GET, POST or DELETE.
    pub method: Verb,
    /// Without the version: `/2001/client_pages`.
    pub path: String,
    /// Query and form together.
    pub params: BTreeMap<String, String>,
    /// The business in whose bucket it was counted.
    pub business: Option<Id>,
    /// The number of the batch it came in.
    pub batch: Option<u64>,
    /// HTTP status; of a call without an answer the one it would have had.
    pub status: u16,
    /// Meta's code, when refused.
    pub code: Option<i64>,
    /// Meta's subcode, when refused.
    pub subcode: Option<i64>,
    /// What it changed in the world, in words; absent when nothing.
    pub effect: Option<String>,
    /// The fault it met, if any.
    pub fault: Option<String>,
}

impl Call {
    /// Whether it is a POST or DELETE.
    pub fn is_write(&self) -> bool {
        match self.method {
            Verb::Get => false,
            Verb::Post | Verb::Delete => true,
        }
    }

    /// Whether it is `method` on the edge `edge` (the last part of the path).
    pub fn is(&self, method: Verb, edge: &str) -> bool {
        self.method == method && self.path.rsplit('/').next() == Some(edge)
    }

    /// The parameter `name`.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    pub(crate) fn received(n: u64, at: Timestamp, request: &GraphRequest, business: Option<Id>) -> Self {
        Self {
            n,
            at,
            method: request.verb,
            path: request.plain_path(),
            params: request.params.iter().map(|(name, value)| (name.clone(), without_secret(name, value))).collect(),
            business,
            batch: request.batch,
            status: 0,
            code: None,
            subcode: None,
            effect: None,
            fault: None,
        }
    }
}

/// All calls, oldest first.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    calls: VecDeque<Call>,
    count: u64,
}

impl CallLog {
    pub(crate) fn next_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(crate) fn record(&mut self, call: Call) {
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// Calls with a number above `n`.
    pub(crate) fn after(&self, n: u64) -> Vec<Call> {
        let start = self.calls.partition_point(|call| call.n <= n);
        self.calls.range(start..).cloned().collect()
    }
}

// `debug_token` carries a token under another name, a whole batch may hold several.
fn without_secret(name: &str, value: &str) -> String {
    if matches!(name, "input_token" | "batch") { "(left out)".to_owned() } else { value.to_owned() }
}
