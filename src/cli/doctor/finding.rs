//! One line of a doctor's report.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and somebody should know.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be reached, so nothing is known of it.
    OutOfReach,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// `broker`, `journal`, `worker` or `graph`.
    pub(super) area: &'static str,
    pub(super) verdict: Verdict,
    pub(super) found: String,
    /// What to do, where something is to be done.
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(area: &'static str, found: impl Into<String>) -> Self {
        Self { area, verdict: Verdict::Ok, found: found.into(), remedy: None }
    }

    pub(super) fn warning(area: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { area, verdict: Verdict::Warning, found: found.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn failed(area: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { area, verdict: Verdict::Failed, found: found.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn out_of_reach(area: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { area, verdict: Verdict::OutOfReach, found: found.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn in_words(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed | Verdict::OutOfReach => "failed",
        };
        let remedy = self.remedy.as_ref().map(|remedy| format!("\n{:19}to do: {remedy}", "")).unwrap_or_default();
        format!("{verdict:8} {:8}  {}{remedy}", self.area, self.found)
    }
}
