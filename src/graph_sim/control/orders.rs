//! What control can be asked for, as it stands in JSON.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::graph_sim::world::{BusinessRole, Id, Reaction, Tasks};

/// A decision on an open request, now or after a while.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    pub(crate) business: Id,
    pub(crate) page: Id,
    #[serde(default)]
    pub(crate) tasks: Option<Tasks>,
    #[serde(default)]
    pub(crate) after: Option<String>,
}

/// How far lists lag.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LagOrder {
    pub(crate) seconds: f64,
    #[serde(default)]
    pub(crate) list: Option<String>,
}

/// A jump of the clock.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockOrder {
    pub(crate) advance: String,
}

/// A token's life and death.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenOrder {
    pub(crate) token: String,
    #[serde(default)]
    pub(crate) dead: Option<i64>,
    #[serde(default)]
    pub(crate) expires: Option<Timestamp>,
}

/// Someone comes, changes, accepts or leaves.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonOrder {
    pub(crate) business: Id,
    #[serde(default)]
    pub(crate) id: Option<Id>,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) email: Option<String>,
    #[serde(default)]
    pub(crate) role: Option<BusinessRole>,
    #[serde(default)]
    pub(crate) accept: bool,
    #[serde(default)]
    pub(crate) remove: bool,
}

/// Something about a Page changes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PageOrder {
    pub(crate) page: Id,
    pub(crate) owner: Option<Id>,
    pub(crate) instagram: Option<bool>,
    pub(crate) two_factor: Option<bool>,
    pub(crate) page_token_required: Option<bool>,
    pub(crate) refuses_roles: Option<bool>,
    pub(crate) needs_manager: Option<bool>,
    pub(crate) reaction: Option<Reaction>,
    pub(crate) remove: bool,
}
