//! People: on a Page, in a business, invited and leaving.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::refusal;
use super::{Asset, BusinessRole, Caller, Id, Invitation, Page, Person, Refusal, Tasks, World, Written, all_tasks};
use crate::graph_sim::clock::later;

/// How long an invitation stays open.
const INVITATION: Duration = Duration::from_secs(30 * 24 * 3600);

impl World {
    /// `POST /{page}/assigned_users`: the user then has exactly `tasks` (and what groups give).
    pub(crate) fn assign(
        &mut self,
        caller: &Caller,
        page_id: &str,
        business: &str,
        user: &str,
        tasks: Tasks,
    ) -> Result<Written, Refusal> {
        self.may_staff(caller, page_id, business)?;
        if !self.is_member(business, user) {
            return Err(refusal::not_business_scoped());
        }
        if tasks.is_empty() {
            return Err(refusal::bad_parameter("tasks", "must name at least one task"));
        }
        let permitted = self.permitted_tasks(page_id, business);
        if let Some(beyond) = tasks.difference(&permitted).next() {
            return Err(refusal::bad_parameter(
                "tasks",
                &format!("has {beyond}, which the business may not give on this Page"),
            ));
        }
        self.refuse_reduction_in_group(business, page_id, user, &tasks)?;
        let listed = tasks.iter().cloned().collect::<Vec<_>>().join(",");
        let changed = self.direct_tasks(page_id, business, user) != Some(&tasks);
        if let Some(page) = self.page_mut(page_id) {
            page.assigned.entry(business.to_owned()).or_default().insert(user.to_owned(), tasks);
        }
        let note = self.orphan_note(page_id);
        let effect = changed.then(|| format!("page {page_id}: {user} of {business} has {listed}{note}"));
        Ok(Written { body: json!({ "success": true }), effect })
    }

    /// `DELETE /{page}/assigned_users`.
    pub(crate) fn unassign(&mut self, caller: &Caller, page_id: &str, user: &str) -> Result<Written, Refusal> {
        let business = self.home_of(user).cloned().ok_or_else(refusal::not_business_scoped)?;
        self.may_staff(caller, page_id, &business)?;
        self.refuse_reduction_in_group(&business, page_id, user, &Tasks::new())?;
        if self.direct_tasks(page_id, &business, user).is_none() {
            // Deleting twice is answered like an object that is gone.
            return Err(refusal::missing_object("delete", user));
        }
        if let Some(page) = self.page_mut(page_id) {
            page.drop_assignment(&business, user);
        }
        Ok(Written::success(format!("page {page_id}: {user} of {business} removed{}", self.orphan_note(page_id))))
    }

    /// `POST /{business}/business_users`: an open invitation. The answer names the future user, not the role request.
    pub(crate) fn invite(
        &mut self,
        caller: &Caller,
        business: &str,
        email: &str,
        role: BusinessRole,
        now: Timestamp,
    ) -> Result<Written, Refusal> {
        caller.admin_of(self, business)?;
        if !email.contains('@') {
            return Err(refusal::bad_parameter("email", "must be a valid email address"));
        }
        let place = self.businesses.get(business).ok_or_else(|| refusal::missing_object("post", business))?;
        let known = place.users.values().any(|person| person.email == email);
        let invited = place.invitations.values().any(|open| open.email == email && open.expires > now);
        if known || invited {
            return Err(refusal::bad_parameter("email", "is already in this business or invited to it"));
        }
        let (request, user) = (self.new_id(), self.new_id());
        let open = Invitation {
            email: email.to_owned(),
            role,
            user: user.clone(),
            since: now,
            expires: later(now, INVITATION),
        };
        if let Some(place) = self.businesses.get_mut(business) {
            place.invitations.insert(request.clone(), open);
        }
        Ok(Written {
            body: json!({ "id": user }),
            effect: Some(format!("business {business}: invitation {request} for {email}")),
        })
    }

    /// `DELETE /{role-request}`.
    pub(crate) fn call_off(&mut self, caller: &Caller, request: &str) -> Result<Written, Refusal> {
        let home = self.home_of(request).cloned().ok_or_else(|| refusal::missing_object("delete", request))?;
        caller.admin_of(self, &home)?;
        if let Some(place) = self.businesses.get_mut(&home) {
            place.invitations.remove(request);
        }
        Ok(Written::success(format!("business {home}: invitation {request} called off")))
    }

    /// The invited person says yes; gives the id of the new user.
    pub(crate) fn accept(&mut self, business: &str, email: &str, now: Timestamp) -> Option<Id> {
        let place = self.businesses.get_mut(business)?;
        let (request, open) = place.invitations.iter().find(|(_, open)| open.email == email && open.expires > now)?;
        let (request, open) = (request.clone(), open.clone());
        place.invitations.remove(&request);
        let name = email.split('@').next().unwrap_or(email).to_owned();
        place.users.insert(open.user.clone(), Person { name, email: open.email, role: open.role, account: None });
        Some(open.user)
    }

    /// `DELETE /{business-user}`: out of the business, its Pages and groups; direct Page roles stay.
    pub(crate) fn dismiss(&mut self, caller: &Caller, user: &str) -> Result<Written, Refusal> {
        let home = self.home_of(user).cloned().ok_or_else(|| refusal::missing_object("delete", user))?;
        caller.admin_of(self, &home)?;
        let place = self.businesses.get(&home).ok_or_else(|| refusal::missing_object("delete", user))?;
        let admin = |person: &Person| person.role == BusinessRole::Admin;
        let others = place.users.iter().any(|(id, person)| id != user && admin(person));
        if place.users.get(user).is_some_and(admin) && !others {
            return Err(refusal::last_admin());
        }
        let orphans = self.expel(&home, user).unwrap_or_default();
        Ok(Written::success(format!("business {home}: {user} removed{orphans}")))
    }

    /// Takes a person out of a business, its Pages and its groups; notes what is left without anybody in control.
    pub(crate) fn expel(&mut self, business: &str, user: &str) -> Option<String> {
        let place = self.businesses.get_mut(business)?;
        place.users.remove(user)?;
        place.groups.values_mut().for_each(|group| {
            group.drop_user(user);
        });
        self.take_off_all_assets(business, user);
        Some(self.take_off_all_pages(business, user))
    }

    fn take_off_all_assets(&mut self, business: &str, user: &str) {
        let has = |asset: &Asset| asset.assigned.get(business).is_some_and(|users| users.contains_key(user));
        let on: Vec<Id> = self.assets.iter().filter(|(_, asset)| has(asset)).map(|(id, _)| id.clone()).collect();
        for id in on {
            if let Some(users) = self.asset_mut(&id).and_then(|asset| asset.assigned.get_mut(business)) {
                users.remove(user);
            }
        }
    }

    fn take_off_all_pages(&mut self, business: &str, user: &str) -> String {
        let on: Vec<Id> = self
            .pages
            .iter()
            .filter(|(_, p)| p.assigned_to(business, user).is_some())
            .map(|(id, _)| id.clone())
            .collect();
        for page_id in &on {
            if let Some(page) = self.page_mut(page_id) {
                page.drop_assignment(business, user);
            }
        }
        on.iter()
            .filter(|id| self.managers_of(id).is_empty())
            .map(|id| format!("; nobody manages page {id} now"))
            .collect()
    }

    /// Whether the caller may say who of `business` does what on the Page.
    fn may_staff(&self, caller: &Caller, page_id: &str, business: &str) -> Result<(), Refusal> {
        if !self.pages.contains_key(page_id) {
            return Err(refusal::missing_object("post", page_id));
        }
        if !caller.is_page_token_of(page_id) {
            caller.admin_of(self, business)?;
        }
        if self.holds(page_id, business) {
            return Ok(());
        }
        Err(refusal::not_allowed("the business has no access to this Page"))
    }

    /// What `business` may give its people on the Page.
    pub(crate) fn permitted_tasks(&self, page_id: &str, business: &str) -> Tasks {
        match self.pages.get(page_id) {
            Some(page) if page.owner.as_deref() == Some(business) => all_tasks(),
            Some(page) => page.agencies.get(business).map(|share| share.tasks.clone()).unwrap_or_default(),
            None => Tasks::new(),
        }
    }
}

impl Page {
    pub(super) fn assigned_to(&self, business: &str, user: &str) -> Option<&Tasks> {
        self.assigned.get(business).and_then(|users| users.get(user))
    }

    pub(super) fn drop_assignment(&mut self, business: &str, user: &str) {
        if let Some(users) = self.assigned.get_mut(business) {
            users.remove(user);
        }
    }
}
