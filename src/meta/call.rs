//! The calls that bindery can make: a question to Meta or a write, each one line of Meta's documentation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::lists::{AssetList, Claimable, assigned_edge, class, node, node_of};
use super::request::{Method, Request};
use crate::contract::{
    Access, Asset, BusinessId, EmailAddress, IdError, Kind, ObjectId, Person, PersonId, Role, Tasks,
};

/// A business asset group: digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(ObjectId);

impl FromStr for GroupId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The kinds that an asset group gives rights on; on catalogs, Instagram accounts and WhatsApp accounts it gives none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouped {
    /// Pages.
    Pages,
    /// Ad accounts.
    AdAccounts,
    /// Pixels.
    Pixels,
}

impl Grouped {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pages, Self::AdAccounts, Self::Pixels];

    /// The kind of asset.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Pages => Kind::Page,
            Self::AdAccounts => Kind::AdAccount,
            Self::Pixels => Kind::Pixel,
        }
    }

    fn edge(self) -> &'static str {
        match self {
            Self::Pages => "contained_pages",
            Self::AdAccounts => "contained_adaccounts",
            Self::Pixels => "contained_pixels",
        }
    }
}

/// The kinds that a business can let go of, with the id that Meta's call for it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removable {
    /// A Page, or an open request for it.
    Page(ObjectId),
    /// An ad account shared with the business, or an open request for one.
    AdAccount(ObjectId),
    /// An Instagram account, by the id of its Instagram user: the asset's own id is another.
    InstagramUser(ObjectId),
}

impl Removable {
    /// What is asked for with a claim of `id`.
    #[must_use]
    pub fn claimed(kind: Claimable, id: ObjectId) -> Self {
        match kind {
            Claimable::Page => Self::Page(id),
            Claimable::AdAccount => Self::AdAccount(id),
        }
    }
}

/// One thing asked of Meta. Reads carry the question, so that an answer is only what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the calls' lines name")]
pub enum Call {
    /// Whether the asset `id` stands in `list`; the walk may stop when it is found. Answer: [`super::Answer::Listed`].
    Find { business: BusinessId, list: AssetList, id: ObjectId },
    /// About 1 000 rows of `list` from `after` on (a cursor; none: from the top). Answer: [`super::Answer::Part`].
    ListPart { business: BusinessId, list: AssetList, after: Option<String> },
    /// The whole of `list`. Answer: [`super::Answer::Assets`].
    ListAll { business: BusinessId, list: AssetList },
    /// The people of `business` on `asset`. Answer: [`super::Answer::People`].
    PeopleOn { business: BusinessId, asset: Asset },
    /// The people outside every business with a role on `page`; no other kind tells them. Answer:
    /// [`super::Answer::People`].
    RolesOn { page: ObjectId },
    /// The people of `business` with this address. Answer: [`super::Answer::Persons`].
    FindPerson { business: BusinessId, email: EmailAddress },
    /// Every asset of `kind` that `person` is assigned to. Answer: [`super::Answer::Assets`].
    AssetsOf { person: PersonId, kind: Kind },
    /// The asset groups through which `person` reaches `asset`. Answer: [`super::Answer::Groups`].
    GroupsOf { person: PersonId, asset: Asset },
    /// Every asset group with `person` in it. Answer: [`super::Answer::Groups`].
    GroupsOfPerson { person: PersonId },
    /// What `group` holds of a kind. Answer: [`super::Answer::Assets`].
    InGroup { group: GroupId, what: Grouped },
    /// Every person of `business` whose address its list names. Answer: [`super::Answer::Directory`].
    Directory { business: BusinessId },
    /// Some rows of `list` from `after` on, each with its people. Answer: [`super::Answer::StaffedPart`].
    StaffedPart { business: BusinessId, list: AssetList, after: Option<String> },
    /// Whether an Instagram account is linked to `page`. Answer: [`super::Answer::Linked`].
    LinksOf { page: ObjectId },
    /// Who acts for `business` through its credential. Answer: [`super::Answer::Myself`].
    Myself { business: BusinessId },
    /// Claims the asset `id` for `business`. Answer: [`super::Answer::Claimed`].
    Claim { business: BusinessId, kind: Claimable, id: ObjectId, access: Access, tasks: Tasks },
    /// Takes `what`, or an open request for it, from `business`. Answer: [`super::Answer::Done`].
    Remove { business: BusinessId, what: Removable },
    /// Sets what `person` may do on `asset` to exactly `tasks`. Answer: [`super::Answer::Done`].
    Assign { business: BusinessId, asset: Asset, person: PersonId, tasks: Tasks },
    /// Takes `person` off `asset`. Answer: [`super::Answer::Done`].
    Unassign { asset: Asset, person: PersonId },
    /// The Instagram user of the Instagram account `asset`, whose own id is another, as the business's list names it.
    /// Answer: [`super::Answer::Id`].
    InstagramUser { business: BusinessId, access: Access, asset: ObjectId },
    /// The telephone numbers of a WhatsApp account. Answer: [`super::Answer::Numbers`].
    Numbers { account: ObjectId },
    /// The apps that a WhatsApp account tells of its messages. Answer: [`super::Answer::Apps`].
    AppsOn { account: ObjectId },
    /// Takes the credential's own app off a WhatsApp account. Answer: [`super::Answer::Done`].
    Unsubscribe { account: ObjectId },
    /// Takes a telephone number off WhatsApp's platform. Answer: [`super::Answer::Done`].
    Deregister { number: ObjectId },
    /// Takes `person` out of `group`. Answer: [`super::Answer::Done`].
    LeaveGroup { group: GroupId, person: PersonId },
    /// Takes `person` out of their business. Answer: [`super::Answer::Done`].
    RemovePerson { person: PersonId },
    /// The people of `business` with their roles: all of them, or those who are `who`. Answer: [`super::Answer::Members`].
    Members { business: BusinessId, who: Option<Person> },
    /// The open invitations of `business`: all of them, or those of `who`. Answer: [`super::Answer::Invitations`].
    Invitations { business: BusinessId, who: Option<Person> },
    /// Whom of the businesses' people the credential itself is. Answer: [`super::Answer::Persons`].
    MyPeople,
    /// Invites `email` into `business`. Answer: [`super::Answer::Done`].
    Invite { business: BusinessId, email: EmailAddress, role: Role },
    /// Takes an open invitation back. Answer: [`super::Answer::Done`].
    CallOff { request: ObjectId },
    /// With whom `business` shares `asset`, and for whom somebody still has to approve that. Answer:
    /// [`super::Answer::Partners`].
    PartnersOn { business: BusinessId, asset: Asset },
    /// Shares `asset` with `partner`. Answer: [`super::Answer::Claimed`].
    Share { asset: Asset, partner: BusinessId, tasks: Tasks },
    /// Ends the share of `asset` with `partner`, or takes back what nobody has approved yet. Answer:
    /// [`super::Answer::Done`].
    Unshare { asset: Asset, partner: BusinessId },
}

impl Call {
    /// Whether it may change something at Meta.
    #[must_use]
    pub fn is_write(&self) -> bool {
        match self {
            Self::Find { .. }
            | Self::ListPart { .. }
            | Self::ListAll { .. }
            | Self::PeopleOn { .. }
            | Self::RolesOn { .. }
            | Self::FindPerson { .. }
            | Self::AssetsOf { .. }
            | Self::GroupsOf { .. }
            | Self::GroupsOfPerson { .. }
            | Self::InGroup { .. }
            | Self::Directory { .. }
            | Self::StaffedPart { .. }
            | Self::InstagramUser { .. }
            | Self::Numbers { .. }
            | Self::AppsOn { .. }
            | Self::LinksOf { .. }
            | Self::Myself { .. }
            | Self::Members { .. }
            | Self::Invitations { .. }
            | Self::PartnersOn { .. }
            | Self::MyPeople => false,
            Self::Claim { .. }
            | Self::Remove { .. }
            | Self::Assign { .. }
            | Self::Unassign { .. }
            | Self::Unsubscribe { .. }
            | Self::Deregister { .. }
            | Self::LeaveGroup { .. }
            | Self::RemovePerson { .. }
            | Self::Invite { .. }
            | Self::Share { .. }
            | Self::Unshare { .. }
            | Self::CallOff { .. } => true,
        }
    }

    /// The request that it is; for a walk, that of its first page.
    ///
    /// Sources: Meta's specs v25.0 for every edge; `business` on `assigned_users` by the Page guide and by
    /// real integrations, which got error 100 without it.
    #[must_use]
    pub fn request(&self) -> Request {
        match self {
            Self::Find { business, list, .. }
            | Self::ListAll { business, list }
            | Self::ListPart { business, list, .. }
            | Self::StaffedPart { business, list, .. } => {
                Request::get("Business", business, list.edge()).with("fields", list.fields())
            }
            Self::PeopleOn { business, asset } => on_asset(Method::Get, asset, "assigned_users")
                .with("business", business)
                .with("fields", "id,name,tasks"),
            Self::RolesOn { page } => Request::get("Page", page, "roles").with("fields", "id,tasks"),
            Self::FindPerson { business, .. } | Self::Directory { business } => {
                Request::get("Business", business, "business_users").with("fields", "id,email")
            }
            Self::AssetsOf { person, kind } => {
                Request::get("BusinessUser", person, assigned_edge(*kind)).with("fields", "id,tasks")
            }
            Self::GroupsOf { person, asset } => {
                groups_of(person).with("contained_asset_id", node(asset)).with("fields", "id")
            }
            Self::GroupsOfPerson { person } => groups_of(person).with("fields", "id"),
            Self::InGroup { group, what } => {
                Request::get("BusinessAssetGroup", group, what.edge()).with("fields", "id")
            }
            Self::LinksOf { page } => {
                Request::get("Page", page, "").with("fields", "instagram_business_account,connected_instagram_account")
            }
            Self::Myself { .. } => Request::get("User", "me", "").with("fields", "id"),
            Self::Claim { business, kind, id, access, tasks } => claim(business, *kind, id, *access, tasks),
            Self::Remove { business, what } => removal(business, what),
            Self::Assign { business, asset, person, tasks } => on_asset(Method::Post, asset, "assigned_users")
                .with("business", business)
                .with("user", person)
                .with("tasks", json_list(tasks)),
            Self::Unassign { asset, person } => on_asset(Method::Delete, asset, "assigned_users").with("user", person),
            Self::InstagramUser { business, access, .. } => {
                let list = AssetList::held(Kind::InstagramAccount, *access);
                Request::get("Business", business, list.edge()).with("fields", "id,ig_user_id")
            }
            Self::Numbers { account } => Request::get(class(Kind::WhatsappAccount), account, "phone_numbers")
                .with("fields", "id,is_on_biz_app,platform_type"),
            Self::AppsOn { account } => Request::get(class(Kind::WhatsappAccount), account, "subscribed_apps"),
            Self::Unsubscribe { account } => Request::delete(class(Kind::WhatsappAccount), account, "subscribed_apps"),
            Self::Deregister { number } => Request::post("WhatsAppBusinessPhoneNumber", number, "deregister"),
            Self::LeaveGroup { group, person } => {
                Request::delete("BusinessAssetGroup", group, "assigned_users").with("user", person)
            }
            Self::RemovePerson { person } => Request::delete("BusinessUser", person, ""),
            Self::Members { business, .. } => {
                Request::get("Business", business, "business_users").with("fields", "id,email,role")
            }
            Self::Invitations { business, .. } => {
                Request::get("Business", business, "pending_users").with("fields", "id,email,role,status")
            }
            Self::MyPeople => Request::get("User", "me", "business_users").with("fields", "id"),
            Self::Invite { business, email, role } => {
                Request::post("Business", business, "business_users").with("email", email).with("role", role.word())
            }
            Self::CallOff { request } => Request::delete("BusinessRoleRequest", request, ""),
            Self::PartnersOn { asset, .. } => partners_on(asset),
            Self::Share { asset, partner, tasks } => on_asset(Method::Post, asset, "agencies")
                .with("business", partner)
                .with("permitted_tasks", json_list(tasks)),
            Self::Unshare { asset, partner } => on_asset(Method::Delete, asset, "agencies").with("business", partner),
        }
    }
}

fn on_asset(method: Method, asset: &Asset, edge: &'static str) -> Request {
    let (class, node) = (class(asset.kind), node(asset));
    match method {
        Method::Get => Request::get(class, node, edge),
        Method::Post => Request::post(class, node, edge),
        Method::Delete => Request::delete(class, node, edge),
    }
}

/// Meta's references of Pages and ad accounts have the two fields on this edge; of the other kinds it is not written
/// which there are, and a field that an edge does not know makes the whole of it an error: they tell what they tell.
fn partners_on(asset: &Asset) -> Request {
    let request = on_asset(Method::Get, asset, "agencies");
    match asset.kind {
        Kind::Page | Kind::AdAccount => request.with("fields", "id,access_status,permitted_tasks"),
        Kind::Pixel | Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog => request,
    }
}

fn groups_of(person: &PersonId) -> Request {
    Request::get("BusinessUser", person, "assigned_business_asset_groups")
}

fn claim(business: &BusinessId, kind: Claimable, id: &ObjectId, access: Access, tasks: &Tasks) -> Request {
    let request = Request::post("Business", business, AssetList::held(kind.kind(), access).edge())
        .with(claimed_by(kind), node_of(kind.kind(), id));
    match access {
        Access::Agency if tasks.is_empty() => request,
        Access::Owner => request,
        Access::Agency => request.with("permitted_tasks", json_list(tasks)),
    }
}

fn removal(business: &BusinessId, what: &Removable) -> Request {
    let (edge, name, id) = match what {
        Removable::Page(id) => ("pages", claimed_by(Claimable::Page), node_of(Kind::Page, id)),
        Removable::AdAccount(id) => ("ad_accounts", claimed_by(Claimable::AdAccount), node_of(Kind::AdAccount, id)),
        Removable::InstagramUser(id) => ("instagram_accounts", "instagram_account", id.to_string()),
    };
    Request::delete("Business", business, edge).with(name, id)
}

/// The parameter that names what is claimed.
fn claimed_by(kind: Claimable) -> &'static str {
    match kind {
        Claimable::Page => "page_id",
        Claimable::AdAccount => "adaccount_id",
    }
}

fn json_list(tasks: &Tasks) -> String {
    serde_json::to_string(tasks).expect("a set of texts is JSON")
}
