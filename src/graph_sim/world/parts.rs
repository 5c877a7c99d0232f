//! What the world is made of. Each part is also its JSON shape in a world file.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tasks::Tasks;

/// An id as Meta gives them: digits, opaque, longer than a JSON number holds.
pub type Id = String;

/// A business (portfolio) with its people.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Business {
    /// Name shown in lists.
    pub name: String,
    /// People by business-scoped id.
    pub users: BTreeMap<Id, Person>,
    /// System users by id.
    pub system_users: BTreeMap<Id, SystemUser>,
    /// Business asset groups by id.
    pub groups: BTreeMap<Id, Group>,
    /// Open invitations by the id of the role request.
    pub invitations: BTreeMap<Id, Invitation>,
}

/// A person in a business.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// Full name.
    pub name: String,
    /// Address under which the person was invited.
    pub email: String,
    /// Role in the business.
    pub role: BusinessRole,
    /// The personal account behind: the id that direct Page roles use.
    pub account: Option<Id>,
}

/// A system user of a business.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SystemUser {
    /// Name shown in lists.
    pub name: String,
    /// Role in the business.
    pub role: BusinessRole,
}

/// A role in a business.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BusinessRole {
    /// Full control of the business.
    Admin,
    /// Only what is assigned.
    #[default]
    Employee,
}

impl BusinessRole {
    /// As Meta spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Employee => "EMPLOYEE",
        }
    }
}

/// A business asset group: its users have their tasks on all its Pages, and lose none of them one by one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Group {
    /// Name shown in lists.
    pub name: String,
    /// Pages in the group.
    pub pages: BTreeSet<Id>,
    /// Ad accounts in it, as `act_` and digits.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ad_accounts: BTreeSet<Id>,
    /// Pixels in it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub pixels: BTreeSet<Id>,
    /// Users with their tasks on each of these Pages.
    pub users: BTreeMap<Id, Tasks>,
    /// Users with their tasks on each of these ad accounts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ad_account_users: BTreeMap<Id, Tasks>,
    /// Users with their tasks on each of these pixels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pixel_users: BTreeMap<Id, Tasks>,
}

/// An invitation that nobody has accepted yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// Who was invited.
    pub email: String,
    /// The role offered.
    #[serde(default)]
    pub role: BusinessRole,
    /// The id that the person will have once in the business.
    pub user: Id,
    /// When it was sent.
    pub since: Timestamp,
    /// When it lapses.
    pub expires: Timestamp,
}

/// A Page. `instagram`, `two_factor` and the like are the human obstacles of the real thing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Page {
    /// Name shown in lists.
    pub name: String,
    /// The owning business; a Page may have none.
    pub owner: Option<Id>,
    /// Roles given on the Page itself, outside any business: by personal account or system user.
    pub roles: BTreeMap<Id, DirectRole>,
    /// Businesses with agency access.
    pub agencies: BTreeMap<Id, Share>,
    /// Tasks given to people by a business that holds the Page: business, then user.
    pub assigned: BTreeMap<Id, BTreeMap<Id, Tasks>>,
    /// Linked to an Instagram professional account: neither claimed as owner nor removed (42001).
    pub instagram: bool,
    /// Guarded by two-factor authentication: neither claimed as owner nor removed (415).
    pub two_factor: bool,
    /// Page edges refuse anything but a Page token (190/2069032).
    pub page_token_required: bool,
    /// The roles edge refuses, as a New-Pages-Experience Page may (200/2069030).
    pub refuses_roles: bool,
    /// Not removed from its business while no direct admin is left (3948, of older reference copies).
    pub needs_manager: bool,
    /// How the owner's side answers a claim by itself.
    pub reaction: Option<Reaction>,
}

/// A role on the Page itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectRole {
    /// Name shown in `roles`.
    #[serde(default)]
    pub name: String,
    /// Tasks; MANAGE makes an admin.
    pub tasks: Tasks,
    /// Since when; an admin of more than seven days may claim at once.
    #[serde(default = "long_ago")]
    pub since: Timestamp,
}

/// Agency access.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// What was granted: the upper bound for the agency's own people.
    pub tasks: Tasks,
    /// Since when.
    #[serde(default = "long_ago")]
    pub since: Timestamp,
}

/// A decision that falls by itself some time after the claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// Approve or deny.
    pub verdict: Verdict,
    /// How long after the claim.
    #[serde(default)]
    pub after_seconds: u64,
    /// Tasks granted; what was asked when absent.
    #[serde(default)]
    pub tasks: Option<Tasks>,
}

/// What the owner's side says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Access is granted.
    Approve,
    /// Access is refused: the request is gone, without a trace.
    Deny,
}

/// The kind of access a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Ownership: `pending_owned_pages`.
    Owner,
    /// Agency access: `pending_client_pages`.
    Agency,
}

/// An open request for a Page (Meta's BusinessPageRequest).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Ownership or agency.
    pub access: Access,
    /// Who asks.
    pub business: Id,
    /// For which Page.
    pub page: Id,
    /// Tasks asked for.
    #[serde(default)]
    pub tasks: Tasks,
    /// When it was sent.
    #[serde(default = "long_ago")]
    pub since: Timestamp,
}

/// A decision waiting for its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// When it falls.
    pub at: Timestamp,
    /// Whose request.
    pub business: Id,
    /// For which Page.
    pub page: Id,
    /// What it will be.
    pub verdict: Verdict,
    /// Tasks granted; what was asked when absent.
    #[serde(default)]
    pub tasks: Option<Tasks>,
}

/// The time of what has always been so.
pub(crate) fn long_ago() -> Timestamp {
    Timestamp::UNIX_EPOCH
}
