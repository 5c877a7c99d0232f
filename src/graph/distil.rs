//! From bodies to facts: the rows of a list and the answers of writes.

use std::borrow::Cow;
use std::collections::HashSet;

use secrecy::SecretString;

use super::client::Me;
use super::json::Json;
use crate::contract::{BusinessId, EmailAddress, ObjectId, Person, PersonId, Task, Tasks};
use crate::meta::{
    Answer, AssetList, Call, Claimed, GroupId, Holding, Invitation, Member, Number, PartnerOn, PersonOn,
};

/// Rows from which a part of a long list is full; the page that fills it is kept whole.
const PART_ROWS: usize = 901;

/// What a walk has brought so far. A list is no snapshot: a row seen twice counts once.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    holdings: Vec<Holding>,
    people: Vec<PersonOn>,
    persons: Vec<PersonId>,
    groups: Vec<GroupId>,
    directory: Vec<(PersonId, EmailAddress)>,
    instagram_user: Option<ObjectId>,
    numbers: Vec<Number>,
    apps: Vec<ObjectId>,
    members: Vec<Member>,
    /// Whether an admin stood in the list who is none of them.
    other_admin: bool,
    invitations: Vec<Invitation>,
    partners: Vec<PartnerOn>,
    found: Option<Holding>,
    /// Where the next part of a long list begins.
    pub(super) next_part: Option<String>,
    seen: HashSet<String>,
}

impl Gathered {
    /// Whether the one asset that was looked for is there.
    pub(super) fn is_found(&self) -> bool {
        self.found.is_some()
    }

    /// Whether a part of a long list is full.
    pub(super) fn is_part_full(&self, call: &Call) -> bool {
        let full = match call {
            Call::ListPart { .. } => PART_ROWS,
            Call::StaffedPart { .. } => 1,
            Call::Find { .. }
            | Call::ListAll { .. }
            | Call::PeopleOn { .. }
            | Call::RolesOn { .. }
            | Call::FindPerson { .. }
            | Call::AssetsOf { .. }
            | Call::GroupsOf { .. }
            | Call::GroupsOfPerson { .. }
            | Call::InGroup { .. }
            | Call::Directory { .. }
            | Call::LinksOf { .. }
            | Call::Myself { .. }
            | Call::Claim { .. }
            | Call::Remove { .. }
            | Call::Assign { .. }
            | Call::Unassign { .. }
            | Call::InstagramUser { .. }
            | Call::Numbers { .. }
            | Call::AppsOn { .. }
            | Call::Unsubscribe { .. }
            | Call::Deregister { .. }
            | Call::LeaveGroup { .. }
            | Call::RemovePerson { .. }
            | Call::Members { .. }
            | Call::Invitations { .. }
            | Call::MyPeople
            | Call::Invite { .. }
            | Call::PartnersOn { .. }
            | Call::Share { .. }
            | Call::Unshare { .. }
            | Call::CallOff { .. } => return false,
        };
        self.holdings.len() >= full
    }

    /// Takes one row in; an error breaks the walk.
    pub(super) fn take(&mut self, call: &Call, row: Json<'_>) -> Result<(), &'static str> {
        match call {
            Call::Find { list, id, .. } => {
                // Every row must be readable, or nothing is proved; only the one that is looked for is read whole.
                if asset_id(row, Some(*list))? == *id {
                    self.found = Some(holding(row, Some(*list))?);
                }
            }
            Call::ListAll { list, .. } | Call::ListPart { list, .. } | Call::StaffedPart { list, .. } => {
                self.add_holding(holding(row, Some(*list))?);
            }
            Call::AssetsOf { .. } | Call::InGroup { .. } => self.add_holding(holding(row, None)?),
            Call::PeopleOn { .. } | Call::RolesOn { .. } => self.add_person(person(row)?),
            Call::InstagramUser { asset, .. } => {
                if asset_id(row, None)? == *asset {
                    self.instagram_user = Some(id_at(row, "ig_user_id")?);
                }
            }
            Call::Numbers { .. } => self.add_number(number(row)?),
            Call::AppsOn { .. } => self.apps.push(id_at(row.get("whatsapp_business_api_data").unwrap_or(row), "id")?),
            Call::FindPerson { email, .. } => self.add_match(email, row)?,
            Call::GroupsOf { .. } | Call::GroupsOfPerson { .. } => {
                self.add_group(id(row).and_then(|id| id.parse().ok()).ok_or(NO_ID)?);
            }
            Call::Directory { .. } => self.add_to_directory(row)?,
            Call::Members { who, .. } => self.add_member(who.as_ref(), row)?,
            Call::Invitations { who, .. } => self.add_invitation(who.as_ref(), row)?,
            Call::PartnersOn { .. } => self.add_partner(partner(row)?),
            Call::MyPeople => self.persons.push(id(row).and_then(|id| id.parse().ok()).ok_or(NO_ID)?),
            Call::LinksOf { .. }
            | Call::Myself { .. }
            | Call::Claim { .. }
            | Call::Remove { .. }
            | Call::Assign { .. }
            | Call::Unassign { .. }
            | Call::Unsubscribe { .. }
            | Call::Deregister { .. }
            | Call::LeaveGroup { .. }
            | Call::RemovePerson { .. }
            | Call::Invite { .. }
            | Call::Share { .. }
            | Call::Unshare { .. }
            | Call::CallOff { .. } => return Err("a node and a write have no rows"),
        }
        Ok(())
    }

    /// The answer of the walk. A write, which has none, is said to have found nothing.
    pub(super) fn answer(self, call: &Call) -> Answer {
        match call {
            Call::ListAll { .. } | Call::AssetsOf { .. } | Call::InGroup { .. } => Answer::Assets(self.holdings),
            Call::ListPart { .. } | Call::StaffedPart { .. } => Answer::Part {
                count: u32::try_from(self.holdings.len()).unwrap_or(u32::MAX),
                next: self.next_part,
                rows: self.holdings,
            },
            Call::PeopleOn { .. } | Call::RolesOn { .. } => Answer::People(self.people),
            Call::FindPerson { .. } | Call::MyPeople => Answer::Persons(self.persons),
            Call::Members { .. } => Answer::Members { found: self.members, other_admin: self.other_admin },
            Call::Invitations { .. } => Answer::Invitations(self.invitations),
            Call::GroupsOf { .. } | Call::GroupsOfPerson { .. } => Answer::Groups(self.groups),
            Call::InstagramUser { .. } => Answer::Id(self.instagram_user),
            Call::Numbers { .. } => Answer::Numbers(self.numbers),
            Call::AppsOn { .. } => Answer::Apps(self.apps),
            Call::Directory { .. } => Answer::Directory(self.directory),
            Call::PartnersOn { .. } => Answer::Partners(self.partners),
            Call::Find { .. }
            | Call::LinksOf { .. }
            | Call::Myself { .. }
            | Call::Claim { .. }
            | Call::Remove { .. }
            | Call::Assign { .. }
            | Call::Unassign { .. }
            | Call::Unsubscribe { .. }
            | Call::Deregister { .. }
            | Call::LeaveGroup { .. }
            | Call::RemovePerson { .. }
            | Call::Invite { .. }
            | Call::Share { .. }
            | Call::Unshare { .. }
            | Call::CallOff { .. } => Answer::Listed(self.found),
        }
    }

    fn add_holding(&mut self, holding: Holding) {
        if self.seen.insert(holding.id.to_string()) {
            self.holdings.push(holding);
        }
    }

    fn add_person(&mut self, person: PersonOn) {
        if self.seen.insert(person.id.to_string()) {
            self.people.push(person);
        }
    }

    fn add_number(&mut self, number: Number) {
        if self.seen.insert(number.id.to_string()) {
            self.numbers.push(number);
        }
    }

    /// A partner may stand in the list with their access and, beside it, with a request for more.
    fn add_partner(&mut self, partner: PartnerOn) {
        match self.partners.iter_mut().find(|known| known.partner == partner.partner) {
            Some(known) if known.open && !partner.open => *known = partner,
            Some(_) => {}
            None => self.partners.push(partner),
        }
    }

    fn add_group(&mut self, group: GroupId) {
        if self.seen.insert(group.to_string()) {
            self.groups.push(group);
        }
    }

    /// A person without an address that can be read is known by their id alone, and not in the directory.
    fn add_to_directory(&mut self, row: Json<'_>) -> Result<(), &'static str> {
        let id: PersonId = id(row).and_then(|id| id.parse().ok()).ok_or(NO_ID)?;
        if let Some(email) = email(row)
            && self.seen.insert(id.to_string())
        {
            self.directory.push((id, email));
        }
        Ok(())
    }

    fn add_member(&mut self, who: Option<&Person>, row: Json<'_>) -> Result<(), &'static str> {
        let id: PersonId = id(row).and_then(|id| id.parse().ok()).ok_or(NO_ID)?;
        let admin = row.get("role").and_then(Json::as_str) == Some("ADMIN");
        let member = Member { id, email: email(row), admin };
        if !is_meant(who, member.id.as_str(), member.email.as_ref()) {
            self.other_admin |= admin;
        } else if self.seen.insert(member.id.to_string()) {
            self.members.push(member);
        }
        Ok(())
    }

    /// What has been answered, has lapsed or was taken back may still be listed, and is open no more.
    fn add_invitation(&mut self, who: Option<&Person>, row: Json<'_>) -> Result<(), &'static str> {
        let request: ObjectId = id(row).and_then(|id| id.parse().ok()).ok_or(NO_ID)?;
        let is_over = row.get("status").and_then(Json::as_str).is_some_and(|status| OVER.contains(&status));
        let invitation = Invitation { request, email: email(row) };
        let meant = is_meant(who, invitation.request.as_str(), invitation.email.as_ref());
        if !is_over && meant && self.seen.insert(invitation.request.to_string()) {
            self.invitations.push(invitation);
        }
        Ok(())
    }

    fn add_match(&mut self, wanted: &EmailAddress, row: Json<'_>) -> Result<(), &'static str> {
        let id: PersonId = id(row).and_then(|id| id.parse().ok()).ok_or(NO_ID)?;
        if email(row).as_ref() == Some(wanted) && self.seen.insert(id.to_string()) {
            self.persons.push(id);
        }
        Ok(())
    }
}

/// Whether a row is of `who`; of everybody where nobody is named.
fn is_meant(who: Option<&Person>, id: &str, email: Option<&EmailAddress>) -> bool {
    match who {
        None => true,
        Some(Person::Id(wanted)) => wanted.as_str() == id,
        Some(Person::Email(wanted)) => email == Some(wanted),
    }
}

/// States of a role request, in Meta's specs, in which nobody can accept it any more.
const OVER: [&str; 4] = ["APPROVE", "CANCELED", "DECLINE", "EXPIRED"];

/// What a node says of itself; `None` where it does not say it.
pub(super) fn of_node(call: &Call, body: Json<'_>) -> Option<Answer> {
    if matches!(call, Call::Myself { .. }) {
        return id(body)?.parse().ok().map(Answer::Myself);
    }
    let links = ["instagram_business_account", "connected_instagram_account"];
    // A node that names itself has answered; a link that it does not name is none.
    id(body).map(|_| Answer::Linked(links.iter().any(|link| body.get(link).is_some_and(|link| !link.is_null()))))
}

const NO_ID: &str = "a row has no id that can be relied on";

/// What the answer to a write says, `None` where it says nothing of success.
pub(super) fn written(call: &Call, body: Json<'_>) -> Option<Answer> {
    let success = body.get("success").map(|value| value.as_bool().unwrap_or(false));
    if success == Some(false) {
        return None;
    }
    match call {
        Call::Claim { .. } | Call::Share { .. } => claimed(body, success).map(Answer::Claimed),
        Call::Remove { .. }
        | Call::Assign { .. }
        | Call::Unassign { .. }
        | Call::Unsubscribe { .. }
        | Call::Deregister { .. }
        | Call::LeaveGroup { .. }
        | Call::RemovePerson { .. }
        | Call::Unshare { .. }
        | Call::CallOff { .. } => success.map(|_| Answer::Done),
        // Answered with the node made, as a create is.
        Call::Invite { .. } => (success.is_some() || id(body).is_some()).then_some(Answer::Done),
        Call::Find { .. }
        | Call::ListAll { .. }
        | Call::ListPart { .. }
        | Call::PeopleOn { .. }
        | Call::RolesOn { .. }
        | Call::FindPerson { .. }
        | Call::AssetsOf { .. }
        | Call::GroupsOf { .. }
        | Call::GroupsOfPerson { .. }
        | Call::Directory { .. }
        | Call::LinksOf { .. }
        | Call::Myself { .. }
        | Call::StaffedPart { .. }
        | Call::InstagramUser { .. }
        | Call::Numbers { .. }
        | Call::AppsOn { .. }
        | Call::InGroup { .. }
        | Call::Members { .. }
        | Call::Invitations { .. }
        | Call::PartnersOn { .. }
        | Call::MyPeople => None,
    }
}

fn claimed(body: Json<'_>, success: Option<bool>) -> Option<Claimed> {
    let asked_first = body.get("requires_admin_approval").and_then(Json::as_bool).unwrap_or(false)
        || body.get("pending_request_id").is_some_and(|id| !id.is_null());
    match body.get("access_status").and_then(Json::as_str) {
        _ if asked_first => Some(Claimed::Pending),
        Some("CONFIRMED") => Some(Claimed::Confirmed),
        Some("PENDING" | "CLIENT_RESPONSE_PENDING") => Some(Claimed::Pending),
        Some(_) => Some(Claimed::Unclear),
        None => success.map(|_| Claimed::Unclear),
    }
}

/// Who a token belongs to.
pub(super) fn me(body: Json<'_>) -> Option<Me> {
    let name = body.get("name").and_then(Json::as_str)?.chars().take(120).collect();
    Some(Me { id: id(body)?.parse().ok()?, name })
}

/// A Page token that a header can carry.
pub(super) fn page_token(body: Json<'_>) -> Option<SecretString> {
    let token = body.get("access_token").and_then(Json::as_str)?;
    (!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())).then(|| token.into())
}

fn holding(row: Json<'_>, list: Option<AssetList>) -> Result<Holding, &'static str> {
    Ok(Holding { id: asset_id(row, list)?, tasks: tasks(row) })
}

/// In a pending list `id` is the request's; the asset stands inside.
fn asset_id(row: Json<'_>, list: Option<AssetList>) -> Result<ObjectId, &'static str> {
    let asset = match list.and_then(AssetList::requested) {
        Some(name) => row.get(name),
        None => Some(row),
    };
    asset.and_then(id).and_then(|id| id.parse().ok()).ok_or(NO_ID)
}

fn person(row: Json<'_>) -> Result<PersonOn, &'static str> {
    let id: PersonId = id(row).and_then(|id| id.parse().ok()).ok_or(NO_ID)?;
    Ok(PersonOn { id, email: email(row), tasks: tasks(row) })
}

/// A status that is not `CONFIRMED` is of something that somebody has yet to approve; a row without one is access.
fn partner(row: Json<'_>) -> Result<PartnerOn, &'static str> {
    let partner: BusinessId = id(row).and_then(|id| id.parse().ok()).ok_or(NO_ID)?;
    let open = row.get("access_status").and_then(Json::as_str).is_some_and(|status| status != "CONFIRMED");
    Ok(PartnerOn { partner, tasks: tasks(row), open })
}

/// A number that the phone's own app may use, for all that Meta says, is taken for one that it does not: Meta refuses
/// to take such a one off the platform.
fn number(row: Json<'_>) -> Result<Number, &'static str> {
    let on_phone = row.get("is_on_biz_app").and_then(Json::as_bool).unwrap_or(false);
    let registered = row.get("platform_type").and_then(Json::as_str) == Some("CLOUD_API");
    Ok(Number { id: id_at(row, "id")?, on_phone, registered })
}

fn id_at(row: Json<'_>, name: &str) -> Result<ObjectId, &'static str> {
    id_in(row, name).and_then(|id| id.parse().ok()).ok_or(NO_ID)
}

fn email(row: Json<'_>) -> Option<EmailAddress> {
    row.get("email").and_then(Json::as_str)?.parse().ok()
}

/// The tasks that a row names. What is no task's name is left out: fewer rights are believed, never more.
fn tasks(row: Json<'_>) -> Tasks {
    let named = row.get("permitted_tasks").or_else(|| row.get("tasks")).and_then(Json::items);
    named.into_iter().flatten().filter_map(Json::as_str).filter_map(|task| task.parse::<Task>().ok()).collect()
}

/// An id as text. A number passes only while every digit is sure: those that went through a float have lost some.
fn id(row: Json<'_>) -> Option<Cow<'_, str>> {
    id_in(row, "id")
}

fn id_in<'r>(row: Json<'r>, name: &str) -> Option<Cow<'r, str>> {
    let id = row.get(name)?;
    id.as_str().map(Cow::Borrowed).or_else(|| id.as_u64().map(|id| Cow::Owned(id.to_string())))
}
