//! The world behind the simulator: who owns what, who may do what, what is asked and not yet answered.
//!
//! Pure: no I/O and no clock of its own, the time is an argument. A [`World`] is also a JSON file.

mod asset_claims;
mod asset_people;
mod assets;
mod build;
mod claims;
mod demo;
mod groups;
mod offers;
mod partners;
mod people;
mod query;
pub(crate) mod refusal;
mod requests;
mod shared_pages;
mod tasks;
mod token;

mod parts;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use assets::{Asset, AssetBuilder, AssetKind, Number};
pub use build::{BusinessBuilder, PageBuilder};
pub use offers::{Approval, Approver, Offer};
pub use parts::{
    Access, Business, BusinessRole, DirectRole, Group, Id, Invitation, Page, Person, Reaction, Request, Scheduled,
    Share, SystemUser, Verdict,
};
pub(crate) use refusal::Refusal;
pub use tasks::{Tasks, can_manage, set_of};
pub(crate) use tasks::{all_tasks, parse as parse_tasks, parse_among};
pub(crate) use token::{Acting, Caller, Proof};
pub use token::{Holder, Token};

/// Everything the simulator knows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// What all chance and all new ids come from.
    pub seed: u64,
    /// Businesses by id.
    pub businesses: BTreeMap<Id, Business>,
    /// Pages by id; shared, so that a snapshot for lagging lists costs little.
    #[serde(with = "shared_pages")]
    #[schemars(with = "BTreeMap<Id, Page>")]
    pub pages: BTreeMap<Id, Arc<Page>>,
    /// Assets of other kinds by id; shared likewise.
    #[serde(with = "shared_pages")]
    #[schemars(with = "BTreeMap<Id, Asset>")]
    pub assets: BTreeMap<Id, Arc<Asset>>,
    /// Open requests by their own id.
    pub requests: BTreeMap<Id, Request>,
    /// Shares that nobody has approved yet, by the id of the request.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub offers: BTreeMap<Id, Offer>,
    /// Access tokens by their text.
    pub tokens: BTreeMap<String, Token>,
    /// Decisions that will fall by themselves.
    pub scheduled: Vec<Scheduled>,
    /// Ids given out so far.
    pub ids_given: u64,
}

/// What a write did: the body to answer, and in words what changed (nothing when absent).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    pub(crate) body: Value,
    pub(crate) effect: Option<String>,
}

impl Written {
    pub(crate) fn success(effect: impl Into<String>) -> Self {
        Self { body: json!({ "success": true }), effect: Some(effect.into()) }
    }

    pub(crate) fn access(status: &str, effect: Option<String>) -> Self {
        Self { body: json!({ "access_status": status }), effect }
    }
}

/// What kind of node an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Business,
    Page,
    Asset,
    Number,
    Person,
    SystemUser,
    Group,
    Invitation,
    Request,
}

impl World {
    /// The kind of node that `id` names, if there is such a node.
    pub(crate) fn kind_of(&self, id: &str) -> Option<NodeKind> {
        if self.businesses.contains_key(id) {
            return Some(NodeKind::Business);
        }
        if self.pages.contains_key(id) {
            return Some(NodeKind::Page);
        }
        if self.assets.contains_key(id) {
            return Some(NodeKind::Asset);
        }
        if self.account_of_number(id).is_some() {
            return Some(NodeKind::Number);
        }
        if self.requests.contains_key(id) {
            return Some(NodeKind::Request);
        }
        self.businesses.values().find_map(|business| kind_within(business, id))
    }

    /// The business that a person, system user, group or invitation belongs to.
    pub(crate) fn home_of(&self, id: &str) -> Option<&Id> {
        self.businesses.iter().find(|(_, business)| kind_within(business, id).is_some()).map(|(home, _)| home)
    }

    /// The Page `id`, to be changed.
    pub fn page_mut(&mut self, id: &str) -> Option<&mut Page> {
        self.pages.get_mut(id).map(Arc::make_mut)
    }

    /// Takes in what `other` has: its businesses, Pages, requests and tokens replace those of the same id.
    pub fn merge(&mut self, other: Self) {
        self.businesses.extend(other.businesses);
        self.pages.extend(other.pages);
        self.assets.extend(other.assets);
        self.requests.extend(other.requests);
        self.offers.extend(other.offers);
        self.tokens.extend(other.tokens);
        self.scheduled.extend(other.scheduled);
        self.ids_given = self.ids_given.max(other.ids_given);
    }

    /// A new id; longer than 2^53, so that whoever reads it as a number loses digits.
    fn new_id(&mut self) -> Id {
        self.ids_given += 1;
        format!("{}", 120_330_000_000_000_000 + (self.seed % 1_000) * 1_000_000_000 + self.ids_given)
    }
}

fn kind_within(business: &Business, id: &str) -> Option<NodeKind> {
    if business.users.contains_key(id) {
        Some(NodeKind::Person)
    } else if business.system_users.contains_key(id) {
        Some(NodeKind::SystemUser)
    } else if business.groups.contains_key(id) {
        Some(NodeKind::Group)
    } else if business.invitations.contains_key(id) {
        Some(NodeKind::Invitation)
    } else {
        None
    }
}
