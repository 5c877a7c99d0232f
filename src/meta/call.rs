//! The calls that bindery can make: a question to Meta or a write, each one line of Meta's documentation.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::contract::{Access, BusinessId, EmailAddress, IdError, Kind, ObjectId, Person, PersonId, Role, Tasks};

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

/// The lists of a business in which a Page can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageList {
    /// `owned_pages`: the business's property.
    Owned,
    /// `client_pages`: shared with the business.
    Client,
    /// `pending_owned_pages`: ownership asked for, not granted yet. Its nodes are requests.
    PendingOwned,
    /// `pending_client_pages`: access asked for, not granted yet. Its nodes are requests.
    PendingClient,
}

impl PageList {
    /// The edge's name.
    #[must_use]
    pub fn edge(self) -> &'static str {
        match self {
            Self::Owned => "owned_pages",
            Self::Client => "client_pages",
            Self::PendingOwned => "pending_owned_pages",
            Self::PendingClient => "pending_client_pages",
        }
    }

    /// Where a Page held with `access` stands.
    #[must_use]
    pub fn held(access: Access) -> Self {
        match access {
            Access::Owner => Self::Owned,
            Access::Agency => Self::Client,
        }
    }

    /// Where a Page asked for with `access` stands until somebody decides.
    #[must_use]
    pub fn pending(access: Access) -> Self {
        match access {
            Access::Owner => Self::PendingOwned,
            Access::Agency => Self::PendingClient,
        }
    }

    /// Whether its nodes are requests, which name the Page in `page{id}`, and not Pages.
    #[must_use]
    pub fn lists_requests(self) -> bool {
        match self {
            Self::PendingOwned | Self::PendingClient => true,
            Self::Owned | Self::Client => false,
        }
    }
}

/// One thing asked of Meta. Reads carry the question, so that an answer is only what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the calls' lines name")]
pub enum Call {
    /// Whether `page` stands in `list`; the walk may stop when it is found. Answer: [`super::Answer::Listed`].
    FindPage { business: BusinessId, list: PageList, page: ObjectId },
    /// About 1 000 rows of `list` from `after` on (a cursor; none: from the top). Answer: [`super::Answer::Part`].
    ListPart { business: BusinessId, list: PageList, after: Option<String> },
    /// The whole of `list`. Answer: [`super::Answer::Pages`].
    ListPages { business: BusinessId, list: PageList },
    /// The people of `business` on `page`. Answer: [`super::Answer::People`].
    PeopleOn { business: BusinessId, page: ObjectId },
    /// The people outside every business with a role on `page`. Answer: [`super::Answer::People`].
    RolesOn { page: ObjectId },
    /// The people of `business` with this address. Answer: [`super::Answer::Persons`].
    FindPerson { business: BusinessId, email: EmailAddress },
    /// Every Page that `person` is assigned to. Answer: [`super::Answer::Pages`].
    PagesOf { person: PersonId },
    /// The asset groups through which `person` reaches `page`. Answer: [`super::Answer::Groups`].
    GroupsOf { person: PersonId, page: ObjectId },
    /// Every asset group with `person` in it. Answer: [`super::Answer::Groups`].
    GroupsOfPerson { person: PersonId },
    /// What `group` holds of another kind. Answer: [`super::Answer::Contained`].
    ContainedIn { group: GroupId, what: Contained },
    /// Every person of `business` whose address its list names. Answer: [`super::Answer::Directory`].
    Directory { business: BusinessId },
    /// Some rows of `list` from `after` on, each with its people. Answer: [`super::Answer::StaffedPart`].
    StaffedPart { business: BusinessId, list: PageList, after: Option<String> },
    /// The Pages in `group`. Answer: [`super::Answer::Pages`].
    PagesInGroup { group: GroupId },
    /// Claims `page` for `business`. Answer: [`super::Answer::Claimed`].
    ClaimPage { business: BusinessId, page: ObjectId, access: Access, tasks: Tasks },
    /// Takes `page`, or an open request for it, from `business`. Answer: [`super::Answer::Done`].
    RemovePage { business: BusinessId, page: ObjectId },
    /// Sets what `person` may do on `page` to exactly `tasks`. Answer: [`super::Answer::Done`].
    Assign { business: BusinessId, page: ObjectId, person: PersonId, tasks: Tasks },
    /// Takes `person` off `page`. Answer: [`super::Answer::Done`].
    Unassign { page: ObjectId, person: PersonId },
    /// Takes `person` out of `group`. Answer: [`super::Answer::Done`].
    LeaveGroup { group: GroupId, person: PersonId },
    /// Takes `person` out of their business. Answer: [`super::Answer::Done`].
    RemovePerson { person: PersonId },
    /// The people of `business` with their roles: all of them, or those who are `who`. Answer: [`super::Answer::Members`].
    Members { business: BusinessId, who: Option<Person> },
    /// The open invitations of `business`: all of them, or those of `who`. Answer: [`super::Answer::Invitations`].
    Invitations { business: BusinessId, who: Option<Person> },
    /// The people who the credential itself is. Answer: [`super::Answer::Persons`].
    Myself,
    /// Invites `email` into `business`. Answer: [`super::Answer::Done`].
    Invite { business: BusinessId, email: EmailAddress, role: Role },
    /// Takes an open invitation back. Answer: [`super::Answer::Done`].
    CallOff { request: ObjectId },
}

/// What an asset group can give rights on beside Pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contained {
    /// Ad accounts.
    AdAccounts,
    /// Pixels.
    Pixels,
}

impl Contained {
    /// The kind of asset.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::AdAccounts => Kind::AdAccount,
            Self::Pixels => Kind::Pixel,
        }
    }

    fn edge(self) -> &'static str {
        match self {
            Self::AdAccounts => "contained_adaccounts",
            Self::Pixels => "contained_pixels",
        }
    }
}

/// The HTTP methods that Graph knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// A read.
    Get,
    /// A write.
    Post,
    /// A write whose parameters stand in the query.
    Delete,
}

impl Method {
    /// As on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// One request, without token, proof, version and host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// The node class in Meta's specs, such as `Business`.
    pub class: &'static str,
    /// The node's id.
    pub node: String,
    /// The edge's name; empty for an operation on the node itself.
    pub edge: &'static str,
    /// Parameters by name; lists as JSON text.
    pub params: BTreeMap<String, String>,
}

impl Request {
    /// The path below the version, such as `/2001/client_pages`.
    #[must_use]
    pub fn path(&self) -> String {
        if self.edge.is_empty() { format!("/{}", self.node) } else { format!("/{}/{}", self.node, self.edge) }
    }

    fn new(method: Method, class: &'static str, node: impl fmt::Display, edge: &'static str) -> Self {
        Self { method, class, node: node.to_string(), edge, params: BTreeMap::new() }
    }

    fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }
}

impl Call {
    /// Whether it may change something at Meta.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.request().method != Method::Get
    }

    /// The request that it is; for a walk, that of its first page.
    ///
    /// Sources: Meta's specs v25.0 for every edge; `business` on `assigned_users` by the Page guide and by
    /// real integrations, which got error 100 without it.
    #[must_use]
    pub fn request(&self) -> Request {
        match self {
            Self::FindPage { business, list, .. }
            | Self::ListPages { business, list }
            | Self::ListPart { business, list, .. }
            | Self::StaffedPart { business, list, .. } => list_request(business, *list),
            Self::PeopleOn { business, page } => Request::new(Method::Get, "Page", page, "assigned_users")
                .with("business", business)
                .with("fields", "id,name,tasks"),
            Self::RolesOn { page } => Request::new(Method::Get, "Page", page, "roles").with("fields", "id,tasks"),
            Self::FindPerson { business, .. } | Self::Directory { business } => {
                Request::new(Method::Get, "Business", business, "business_users").with("fields", "id,email")
            }
            Self::PagesOf { person } => {
                Request::new(Method::Get, "BusinessUser", person, "assigned_pages").with("fields", "id,tasks")
            }
            Self::GroupsOf { person, page } => {
                Request::new(Method::Get, "BusinessUser", person, "assigned_business_asset_groups")
                    .with("contained_asset_id", page)
                    .with("fields", "id")
            }
            Self::GroupsOfPerson { person } => {
                Request::new(Method::Get, "BusinessUser", person, "assigned_business_asset_groups").with("fields", "id")
            }
            Self::ContainedIn { group, what } => {
                Request::new(Method::Get, "BusinessAssetGroup", group, what.edge()).with("fields", "id")
            }
            Self::PagesInGroup { group } => {
                Request::new(Method::Get, "BusinessAssetGroup", group, "contained_pages").with("fields", "id")
            }
            Self::ClaimPage { business, page, access, tasks } => claim_request(business, page, *access, tasks),
            Self::RemovePage { business, page } => {
                Request::new(Method::Delete, "Business", business, "pages").with("page_id", page)
            }
            Self::Assign { business, page, person, tasks } => {
                Request::new(Method::Post, "Page", page, "assigned_users")
                    .with("business", business)
                    .with("user", person)
                    .with("tasks", json_list(tasks))
            }
            Self::Unassign { page, person } => {
                Request::new(Method::Delete, "Page", page, "assigned_users").with("user", person)
            }
            Self::LeaveGroup { group, person } => {
                Request::new(Method::Delete, "BusinessAssetGroup", group, "assigned_users").with("user", person)
            }
            Self::RemovePerson { person } => Request::new(Method::Delete, "BusinessUser", person, ""),
            Self::Members { business, .. } => {
                Request::new(Method::Get, "Business", business, "business_users").with("fields", "id,email,role")
            }
            Self::Invitations { business, .. } => {
                Request::new(Method::Get, "Business", business, "pending_users").with("fields", "id,email,role,status")
            }
            Self::Myself => Request::new(Method::Get, "User", "me", "business_users").with("fields", "id"),
            Self::Invite { business, email, role } => {
                Request::new(Method::Post, "Business", business, "business_users")
                    .with("email", email)
                    .with("role", role.word())
            }
            Self::CallOff { request } => Request::new(Method::Delete, "BusinessRoleRequest", request, ""),
        }
    }
}

fn list_request(business: &BusinessId, list: PageList) -> Request {
    let fields = if list.lists_requests() { "id,page{id},permitted_tasks" } else { "id,permitted_tasks" };
    Request::new(Method::Get, "Business", business, list.edge()).with("fields", fields)
}

fn claim_request(business: &BusinessId, page: &ObjectId, access: Access, tasks: &Tasks) -> Request {
    let request = Request::new(Method::Post, "Business", business, PageList::held(access).edge()).with("page_id", page);
    match access {
        Access::Owner => request,
        Access::Agency => request.with("permitted_tasks", json_list(tasks)),
    }
}

fn json_list(tasks: &Tasks) -> String {
    serde_json::to_string(tasks).expect("a set of texts is JSON")
}
