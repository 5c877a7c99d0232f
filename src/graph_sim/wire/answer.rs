//! What goes back on the wire, and how much of it arrives.

use serde_json::Value;

/// A complete HTTP answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), content_type: "application/json; charset=UTF-8", body: body.to_string() }
    }

    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), content_type: "text/html; charset=UTF-8", body: body.to_owned() }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), content_type: "application/json; charset=UTF-8", body: String::new() }
    }
}

/// How much of an answer arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// All of it.
    Whole,
    /// All that was sent is half of the body; the connection ends well.
    Truncated,
    /// The connection breaks in the middle of the body.
    CutOff,
    /// All of it, after so many seconds.
    Late(u64),
    /// Nothing: the connection stays open until the client goes, or the bound is reached.
    Never,
}

/// An answer on its way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) delivery: Delivery,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, delivery: Delivery::Whole }
    }
}

#[cfg(test)]
impl Reply {
    /// The body, where all of it arrives in time; a late one does not.
    pub(crate) fn arrives(&self) -> Option<&str> {
        match self.delivery {
            Delivery::Whole => Some(&self.answer.body),
            Delivery::Truncated | Delivery::CutOff | Delivery::Late(_) | Delivery::Never => None,
        }
    }
}
