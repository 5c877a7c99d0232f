//! What control can be asked for, as it stands in JSON.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph_sim::world::{BusinessRole, Id, Reaction, Tasks};

/// A decision on an open request, now or after a while.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    /// Whose request.
    pub(crate) business: Id,
    /// For which Page.
    pub(crate) page: Id,
    /// Fewer tasks than asked for; all of them when left out.
    #[serde(default)]
    pub(crate) tasks: Option<Tasks>,
    /// Later, as in `5s`; now when left out.
    #[serde(default)]
    pub(crate) after: Option<String>,
}

/// How far lists lag.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LagOrder {
    /// How far behind.
    pub(crate) seconds: f64,
    /// The list (an edge, such as `client_pages`); all when left out.
    #[serde(default)]
    pub(crate) list: Option<String>,
}

/// A jump of the clock.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockOrder {
    /// By how much, as in `2h`.
    pub(crate) advance: String,
}

/// A token's life and death.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenOrder {
    /// Its text.
    pub(crate) token: String,
    /// The subcode of 190 that it is answered with from now on, 0 for none; alive when null.
    #[serde(default)]
    pub(crate) dead: Option<i64>,
    /// When it ends.
    #[serde(default)]
    pub(crate) expires: Option<Timestamp>,
}

/// Someone comes, changes, accepts or leaves.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonOrder {
    /// Whose person.
    pub(crate) business: Id,
    /// Their id in the business.
    #[serde(default)]
    pub(crate) id: Option<Id>,
    /// Their name.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Their address; of the invitation with `accept`.
    #[serde(default)]
    pub(crate) email: Option<String>,
    /// Their role.
    #[serde(default)]
    pub(crate) role: Option<BusinessRole>,
    /// Accepts the open invitation of `email`.
    #[serde(default)]
    pub(crate) accept: bool,
    /// Leaves.
    #[serde(default)]
    pub(crate) remove: bool,
}

/// Something about a Page changes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PageOrder {
    /// Which Page.
    pub(crate) page: Id,
    /// The owning business; an empty text takes the owner away.
    pub(crate) owner: Option<Id>,
    /// Linked to an Instagram account.
    pub(crate) instagram: Option<bool>,
    /// Guarded by two-factor authentication.
    pub(crate) two_factor: Option<bool>,
    /// Its edges refuse anything but a Page token.
    pub(crate) page_token_required: Option<bool>,
    /// Its roles edge refuses.
    pub(crate) refuses_roles: Option<bool>,
    /// Stays in its business while no direct admin is left.
    pub(crate) needs_manager: Option<bool>,
    /// How the owner answers every later claim.
    pub(crate) reaction: Option<Reaction>,
    /// Deletes it.
    pub(crate) remove: bool,
}
