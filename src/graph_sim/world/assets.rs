//! Ad accounts, pixels, WhatsApp and Instagram accounts, catalogs: what Pages have not in common with them is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parts::long_ago;
use super::{Approval, Id, Reaction, Share, Tasks, Verdict, World, set_of};

/// The kinds of asset beside Pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    /// An ad account; its id is `act_` and digits.
    #[default]
    AdAccount,
    /// A pixel.
    Pixel,
    /// A WhatsApp business account.
    WhatsappAccount,
    /// An Instagram account, by the id of its asset.
    InstagramAccount,
    /// A product catalog.
    Catalog,
}

impl AssetKind {
    /// The tasks that its people may have, by Meta's published specification (v25.0).
    pub(crate) fn tasks(self) -> &'static [&'static str] {
        match self {
            Self::AdAccount => &["AA_ANALYZE", "ADVERTISE", "ANALYZE", "DRAFT", "MANAGE"],
            Self::Pixel => &["AA_ANALYZE", "ADVERTISE", "ANALYZE", "EDIT", "UPLOAD"],
            Self::WhatsappAccount => &[
                "DEVELOP",
                "MANAGE",
                "MANAGE_EXTENSIONS",
                "MANAGE_PHONE",
                "MANAGE_PHONE_ASSETS",
                "MANAGE_TEMPLATES",
                "MESSAGING",
                "VIEW_COST",
                "VIEW_PHONE_ASSETS",
                "VIEW_TEMPLATES",
            ],
            Self::InstagramAccount => &["ADVERTISE", "ANALYZE", "COMMUNITY_ACTIVITY", "CONTENT", "MESSAGES"],
            Self::Catalog => &["AA_ANALYZE", "ADVERTISE", "MANAGE", "MANAGE_AR"],
        }
    }
}

/// An asset that is no Page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Asset {
    /// Its kind.
    pub kind: AssetKind,
    /// The owning business; there may be none.
    pub owner: Option<Id>,
    /// Businesses that it is shared with.
    pub agencies: BTreeMap<Id, Share>,
    /// Tasks given to people by a business that holds it: business, then user.
    pub assigned: BTreeMap<Id, BTreeMap<Id, Tasks>>,
    /// Of an ad account: who is its admin outside every business; their claims are granted at once.
    pub admins: BTreeSet<Id>,
    /// How others answer a claim of it, or a share that waits for them, by themselves.
    pub reaction: Option<Reaction>,
    /// What sharing it with a partner waits for; nothing: it takes effect at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Claims as an agency are refused to this app (3).
    pub refuses_agency_claims: bool,
    /// Of an Instagram account: the id of its user, which is another than its own.
    pub instagram_user: Option<Id>,
    /// Of a WhatsApp account: its telephone numbers.
    pub numbers: BTreeMap<Id, Number>,
    /// Of a WhatsApp account: the apps that it tells of messages.
    pub apps: BTreeSet<Id>,
}

/// A telephone number of a WhatsApp account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Number {
    /// The phone's own app uses it too: it cannot be deregistered by a call.
    pub on_phone: bool,
    /// It is registered on the platform.
    pub registered: bool,
    /// After a deregistration Meta registers it again by itself, so many seconds later.
    pub reconnects_after: Option<u64>,
    /// When that will be.
    pub reconnects_at: Option<Timestamp>,
}

impl Number {
    /// Whether it is on the platform at `now`.
    pub(crate) fn is_registered(&self, now: Timestamp) -> bool {
        self.registered || self.reconnects_at.is_some_and(|at| at <= now)
    }
}

impl Asset {
    /// Whether `business` owns it or has it shared.
    pub(crate) fn is_held_by(&self, business: &str) -> bool {
        self.owner.as_deref() == Some(business) || self.agencies.contains_key(business)
    }

    /// What `business` may give its people on it.
    pub(crate) fn permitted(&self, business: &str) -> Tasks {
        if self.owner.as_deref() == Some(business) {
            return set_of(self.kind.tasks());
        }
        self.agencies.get(business).map(|share| share.tasks.clone()).unwrap_or_default()
    }
}

impl World {
    /// Adds the asset `id` of `kind`; without more it has neither owner nor people. An ad account's id begins with `act_`.
    #[must_use]
    pub fn asset(mut self, kind: AssetKind, id: &str, build: impl FnOnce(AssetBuilder) -> AssetBuilder) -> Self {
        let asset = Asset { kind, ..Asset::default() };
        self.assets.insert(id.to_owned(), Arc::new(build(AssetBuilder { asset }).asset));
        self
    }

    /// The asset `id`, to be changed.
    pub fn asset_mut(&mut self, id: &str) -> Option<&mut Asset> {
        self.assets.get_mut(id).map(Arc::make_mut)
    }

    /// What `user` of `business` may do on the asset `id`: assigned to them, or through groups.
    pub fn tasks_on(&self, id: &str, business: &str, user: &str) -> Tasks {
        let Some(asset) = self.assets.get(id) else { return Tasks::new() };
        let assigned = asset.assigned.get(business).and_then(|users| users.get(user)).cloned().unwrap_or_default();
        let groups = self.businesses.get(business).into_iter().flat_map(|place| place.groups.values());
        let through = groups.filter_map(|group| group.users_on(asset.kind, id)?.get(user));
        through.fold(assigned, |all, more| &all | more)
    }

    /// The people of `business` with any task on the asset `id`.
    pub fn staff_on(&self, id: &str, business: &str) -> BTreeSet<Id> {
        let Some(place) = self.businesses.get(business) else { return BTreeSet::new() };
        let members = place.users.keys().chain(place.system_users.keys());
        members.filter(|user| !self.tasks_on(id, business, user).is_empty()).cloned().collect()
    }

    /// The assets of `kind` that `business` owns.
    pub(crate) fn assets_owned<'a>(&'a self, kind: AssetKind, business: &'a str) -> impl Iterator<Item = &'a Id> {
        self.assets_where(kind, move |asset| asset.owner.as_deref() == Some(business))
    }

    /// The assets of `kind` that are shared with `business`.
    pub(crate) fn assets_shared<'a>(&'a self, kind: AssetKind, business: &'a str) -> impl Iterator<Item = &'a Id> {
        self.assets_where(kind, move |asset| asset.agencies.contains_key(business))
    }

    /// The assets of `kind` on which `user` has any task.
    pub(crate) fn assets_of<'a>(
        &'a self,
        kind: AssetKind,
        business: &'a str,
        user: &'a str,
    ) -> impl Iterator<Item = &'a Id> {
        self.assets_where(kind, |_| true).filter(move |id| !self.tasks_on(id, business, user).is_empty())
    }

    /// The WhatsApp account that has the number `id`.
    pub(crate) fn account_of_number(&self, id: &str) -> Option<&Id> {
        self.assets.iter().find(|(_, asset)| asset.numbers.contains_key(id)).map(|(account, _)| account)
    }

    fn assets_where<'a>(
        &'a self,
        kind: AssetKind,
        wanted: impl Fn(&Asset) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Id> {
        self.assets.iter().filter(move |(_, asset)| asset.kind == kind && wanted(asset)).map(|(id, _)| id)
    }
}

/// An asset in the making.
#[derive(Debug)]
pub struct AssetBuilder {
    pub(super) asset: Asset,
}

impl AssetBuilder {
    /// Owned by `business`.
    #[must_use]
    pub fn owned_by(mut self, business: &str) -> Self {
        self.asset.owner = Some(business.to_owned());
        self
    }

    /// Shared with `business`, with `tasks`.
    #[must_use]
    pub fn shared_with(mut self, business: &str, tasks: &[&str]) -> Self {
        self.asset.agencies.insert(business.to_owned(), Share { tasks: set_of(tasks), since: long_ago() });
        self
    }

    /// `business` has given its `user` these `tasks`.
    #[must_use]
    pub fn assign(mut self, business: &str, user: &str, tasks: &[&str]) -> Self {
        self.asset.assigned.entry(business.to_owned()).or_default().insert(user.to_owned(), set_of(tasks));
        self
    }

    /// `id` (a personal account or a system user) is its admin outside every business.
    #[must_use]
    pub fn admin(mut self, id: &str) -> Self {
        self.asset.admins.insert(id.to_owned());
        self
    }

    /// Its owner's side approves each claim after `seconds`, with the tasks asked for.
    #[must_use]
    pub fn approves_after(mut self, seconds: u64) -> Self {
        self.asset.reaction = Some(Reaction { verdict: Verdict::Approve, after_seconds: seconds, tasks: None });
        self
    }

    /// Its owner's side denies each claim after `seconds`.
    #[must_use]
    pub fn denies_after(mut self, seconds: u64) -> Self {
        self.asset.reaction = Some(Reaction { verdict: Verdict::Deny, after_seconds: seconds, tasks: None });
        self
    }

    /// Claims as an agency are refused to this app (3).
    #[must_use]
    pub fn refuses_agency_claims(mut self) -> Self {
        self.asset.refuses_agency_claims = true;
        self
    }

    /// The id of its Instagram user.
    #[must_use]
    pub fn instagram_user(mut self, id: &str) -> Self {
        self.asset.instagram_user = Some(id.to_owned());
        self
    }

    /// Tells the app `id` of its messages.
    #[must_use]
    pub fn app(mut self, id: &str) -> Self {
        self.asset.apps.insert(id.to_owned());
        self
    }

    /// Has the registered number `id`.
    #[must_use]
    pub fn number(mut self, id: &str) -> Self {
        self.asset.numbers.insert(id.to_owned(), Number { registered: true, ..Number::default() });
        self
    }

    /// Has the registered number `id`, which the phone's own app uses too.
    #[must_use]
    pub fn number_on_phone(mut self, id: &str) -> Self {
        self.asset.numbers.insert(id.to_owned(), Number { registered: true, on_phone: true, ..Number::default() });
        self
    }

    /// Has the registered number `id`, which Meta registers again by itself `seconds` after a deregistration.
    #[must_use]
    pub fn number_that_comes_back(mut self, id: &str, seconds: u64) -> Self {
        let number = Number { registered: true, reconnects_after: Some(seconds), ..Number::default() };
        self.asset.numbers.insert(id.to_owned(), number);
        self
    }
}
