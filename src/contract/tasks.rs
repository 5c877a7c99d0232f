//! What a person or an agency may do with an asset, in Meta's words.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::IdError;

/// The tasks of a Page: all 27 that Meta's published specification lists.
pub const PAGE_TASKS: [&str; 27] = [
    "ADVERTISE",
    "ANALYZE",
    "CASHIER_ROLE",
    "CREATE_CONTENT",
    "GLOBAL_STRUCTURE_MANAGEMENT",
    "MANAGE",
    "MANAGE_JOBS",
    "MANAGE_LEADS",
    "MESSAGING",
    "MODERATE",
    "MODERATE_COMMUNITY",
    "PAGES_MESSAGING",
    "PAGES_MESSAGING_SUBSCRIPTIONS",
    "READ_PAGE_MAILBOXES",
    "VIEW_MONETIZATION_INSIGHTS",
    "PROFILE_PLUS_ADVERTISE",
    "PROFILE_PLUS_ANALYZE",
    "PROFILE_PLUS_CREATE_CONTENT",
    "PROFILE_PLUS_FACEBOOK_ACCESS",
    "PROFILE_PLUS_FULL_CONTROL",
    "PROFILE_PLUS_GLOBAL_STRUCTURE_MANAGEMENT",
    "PROFILE_PLUS_MANAGE",
    "PROFILE_PLUS_MANAGE_LEADS",
    "PROFILE_PLUS_MESSAGING",
    "PROFILE_PLUS_MODERATE",
    "PROFILE_PLUS_MODERATE_DELEGATE_COMMUNITY",
    "PROFILE_PLUS_REVENUE",
];

/// One task, such as `ADVERTISE`. Which tasks a kind knows is said by `meta`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Task(String);

impl Task {
    /// The right to manage the asset and the people on it.
    #[must_use]
    pub fn manage() -> Self {
        Self("MANAGE".to_owned())
    }

    /// The task as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether whoever has this task can manage the asset: `MANAGE`, or full control of a
    /// New-Pages-Experience Page (`PROFILE_PLUS_FULL_CONTROL`).
    #[must_use]
    pub fn manages(&self) -> bool {
        matches!(self.0.as_str(), "MANAGE" | "PROFILE_PLUS_FULL_CONTROL")
    }
}

impl FromStr for Task {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let right = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        if right { Ok(Self(text.to_owned())) } else { Err(IdError("must be a task in capitals, like \"ADVERTISE\"")) }
    }
}

impl TryFrom<String> for Task {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Task> for String {
    fn from(task: Task) -> String {
        task.0
    }
}

/// A set of tasks, in alphabetical order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Tasks(BTreeSet<Task>);

impl Tasks {
    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every task of `other` is in this set.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// Whether one of them manages the asset.
    #[must_use]
    pub fn manage(&self) -> bool {
        self.0.iter().any(Task::manages)
    }

    /// The tasks of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The tasks of both sets.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The tasks of this set that `other` lacks.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// The tasks in order.
    pub fn iter(&self) -> impl Iterator<Item = &Task> {
        self.0.iter()
    }
}

impl FromIterator<Task> for Tasks {
    fn from_iter<I: IntoIterator<Item = Task>>(tasks: I) -> Self {
        Self(tasks.into_iter().collect())
    }
}

impl fmt::Display for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(Task::as_str).collect();
        f.write_str(&words.join(", "))
    }
}
