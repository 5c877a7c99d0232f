//! How a command stands or ended, as events tell it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::asset::Asset;
use super::detail::Inspection;
use super::ids::{CommandId, Digest, PersonId};
use super::tasks::Tasks;

/// The phase in an event's type and routing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the contract's word")]
pub enum Phase {
    Accepted,
    Announced,
    Pending,
    Waiting,
    Progress,
    Confirmed,
    Denied,
    Completed,
    Incomplete,
    Expired,
    Cancelled,
    Failed,
    Rejected,
}

impl Phase {
    /// Every phase, in the order in which the contract tells them.
    pub const ALL: [Self; 13] = [
        Self::Accepted,
        Self::Announced,
        Self::Pending,
        Self::Waiting,
        Self::Progress,
        Self::Confirmed,
        Self::Denied,
        Self::Completed,
        Self::Incomplete,
        Self::Expired,
        Self::Cancelled,
        Self::Failed,
        Self::Rejected,
    ];

    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Announced => "announced",
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Progress => "progress",
            Self::Confirmed => "confirmed",
            Self::Denied => "denied",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        }
    }

    /// Whether nothing follows it under the same command id.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Accepted | Self::Announced | Self::Pending | Self::Waiting | Self::Progress => false,
            Self::Confirmed
            | Self::Denied
            | Self::Completed
            | Self::Incomplete
            | Self::Expired
            | Self::Cancelled
            | Self::Failed
            | Self::Rejected => true,
        }
    }
}

/// What kind of trouble an error is, in the contract's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the contract's word")]
pub enum Category {
    Invalid,
    Unauthorised,
    Permission,
    Credential,
    Abuse,
    Unsupported,
    Conflict,
    NeedsHuman,
    Exhausted,
    Internal,
}

/// The error of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorInfo {
    /// Its category.
    pub category: Category,
    /// Meta's number as text, or our word in snake case.
    pub code: String,
    /// Meta's finer number, where it gave one.
    pub subcode: Option<String>,
    /// What happened, in a sentence; never a secret, never a body.
    pub message: String,
    /// Meta's trace id, where there is one.
    pub trace: Option<String>,
    /// What a person does next, in a sentence.
    pub remedy: String,
}

/// Why a command ended as `expired`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpiredBecause {
    /// `expires_at` came before the first write.
    NotStarted,
    /// `expires_at` came after it.
    Deadline,
    /// `poll.give_up_after` passed.
    GivenUp,
}

/// One call that a run would make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanStep {
    /// `POST` or `DELETE`.
    pub method: String,
    /// Path below the version, such as `/2001/client_pages`.
    pub path: String,
    /// Its parameters, by name.
    pub params: std::collections::BTreeMap<String, String>,
    /// Why it would be made.
    pub why: String,
}

/// The answer of a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Over all steps, in order.
    pub digest: Digest,
    /// At most 1 000 of them.
    pub steps: Vec<PlanStep>,
}

/// What became of one asset of a fan-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ItemResult {
    /// The asset.
    pub asset: Asset,
    /// How it ended.
    pub phase: Phase,
    /// Whether something was changed at Meta.
    pub changed: bool,
    /// Why not, where it did not end well.
    pub error: Option<ErrorInfo>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// A terminal phase.
    pub phase: Phase,
    /// Whether something was changed at Meta by this command.
    pub changed: bool,
    /// The tasks that the asset's holder really has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_tasks: Option<Tasks>,
    /// Concluded from complete walks, without a positive sign from Meta.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
    /// Why it expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired_because: Option<ExpiredBecause>,
    /// The command that took this one's open request over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<CommandId>,
    /// The plan of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What became of each asset of a fan-out, or what was done before it stopped half-way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ItemResult>,
    /// What an `inspect` saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspection: Option<Inspection>,
    /// Access that had been taken was there again, and was taken again; of a recheck alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resurfaced: bool,
    /// Whom the plan of a dry run concerns; told in `announced` alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concerned: Vec<PersonId>,
    /// What went wrong.
    pub error: Option<ErrorInfo>,
}

impl Outcome {
    /// An ending in `phase` with nothing else to tell.
    #[must_use]
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "`changed` is the contract's own yes or no, told on every ending"
    )]
    pub fn of(phase: Phase, changed: bool) -> Self {
        Self {
            phase,
            changed,
            granted_tasks: None,
            inferred: false,
            expired_because: None,
            superseded_by: None,
            plan: None,
            results: Vec::new(),
            inspection: None,
            resurfaced: false,
            concerned: Vec::new(),
            error: None,
        }
    }

    /// An ending as `failed`, for `error`.
    #[must_use]
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "`changed` is the contract's own yes or no, told on every ending"
    )]
    pub fn failed(changed: bool, error: ErrorInfo) -> Self {
        Self { error: Some(error), ..Self::of(Phase::Failed, changed) }
    }
}

impl Plan {
    /// The digest of `steps`: SHA-256 over their JSON, in order.
    #[must_use]
    pub fn digest_of(steps: &[PlanStep]) -> Digest {
        use sha2::Digest as _;
        let json = serde_json::to_vec(steps).expect("texts are JSON");
        format!("sha256:{}", hex::encode(sha2::Sha256::digest(json))).parse().expect("it has the form of a digest")
    }
}
