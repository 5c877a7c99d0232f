//! Lists that page strangely.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph_sim::wire::request::{GraphRequest, Verb};
use crate::graph_sim::world::Id;

/// In which way a list is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// After the first page comes one without rows that yet has a `next`.
    EmptyMiddlePage,
    /// From the second page on, `next` leads to the same page again.
    RepeatCursor,
    /// A cursor is no longer known when it is used (2642).
    ExpireCursor,
    /// `next` without `cursors`.
    NoCursors,
    /// No `paging` at all: what is not on the first page is not seen.
    NoPaging,
    /// `next` leads to another host.
    ForeignNext,
}

/// An order to make lists odd.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListingOddity {
    /// The edge: `client_pages`, `assigned_users` ...; any when absent.
    #[serde(default)]
    pub list: Option<String>,
    /// The business (or other node) in the path; any when absent.
    #[serde(default)]
    pub business: Option<Id>,
    /// In which way.
    pub how: Oddity,
    /// For how many answers; until healed when absent.
    #[serde(default)]
    pub times: Option<u32>,
}

impl ListingOddity {
    pub(super) fn strike(&mut self, request: &GraphRequest) -> Option<Oddity> {
        let list = self.list.as_deref().is_none_or(|edge| request.edge() == Some(edge));
        let node = self.business.as_deref().is_none_or(|id| request.node() == id);
        if !list || !node || request.verb != Verb::Get || self.times == Some(0) {
            return None;
        }
        self.times = self.times.map(|left| left - 1);
        Some(self.how)
    }
}
