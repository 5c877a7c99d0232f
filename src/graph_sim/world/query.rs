//! Questions about the world, for the simulator itself and for the tests of others.

use std::collections::BTreeSet;

use super::{Access, BusinessRole, Id, Tasks, World, can_manage};

impl World {
    /// What `user` of `business` may do on `page`: assigned directly or through asset groups.
    pub fn tasks_of(&self, page: &str, business: &str, user: &str) -> Tasks {
        let direct = self.direct_tasks(page, business, user).cloned().unwrap_or_default();
        if !self.holds(page, business) {
            return direct;
        }
        self.groups_of(business, user, Some(page)).flat_map(|(_, group)| group.users.get(user)).fold(
            direct,
            |mut all, more| {
                all.extend(more.iter().cloned());
                all
            },
        )
    }

    /// People and system users of `business` with any task on `page`.
    pub fn staff_of(&self, page: &str, business: &str) -> BTreeSet<Id> {
        let direct = self.pages.get(page).and_then(|found| found.assigned.get(business));
        let mut staff: BTreeSet<Id> = direct.into_iter().flat_map(|users| users.keys().cloned()).collect();
        if self.holds(page, business) {
            let groups = self.businesses.get(business).into_iter().flat_map(|place| place.groups.values());
            staff.extend(
                groups.filter(|group| group.pages.contains(page)).flat_map(|group| group.users.keys().cloned()),
            );
        }
        staff
    }

    /// Whether `business` owns `page`.
    pub fn is_owned(&self, page: &str, business: &str) -> bool {
        self.pages.get(page).is_some_and(|found| found.owner.as_deref() == Some(business))
    }

    /// Whether `business` has agency access to `page`.
    pub fn is_client(&self, page: &str, business: &str) -> bool {
        self.pages.get(page).is_some_and(|found| found.agencies.contains_key(business))
    }

    /// Whether a request of `business` for `page` is open.
    pub fn is_pending(&self, page: &str, business: &str) -> bool {
        self.request_of(business, page).is_some()
    }

    /// Whether `business` owns `page` or has agency access to it.
    pub fn holds(&self, page: &str, business: &str) -> bool {
        self.is_owned(page, business) || self.is_client(page, business)
    }

    /// What was granted to `business` as an agency of `page`.
    pub fn granted_to(&self, page: &str, business: &str) -> Option<&Tasks> {
        self.pages.get(page).and_then(|found| found.agencies.get(business)).map(|share| &share.tasks)
    }

    /// Everyone with full control of `page`: direct admins, and people of the businesses that hold it.
    pub fn managers_of(&self, page: &str) -> BTreeSet<Id> {
        let Some(found) = self.pages.get(page) else { return BTreeSet::new() };
        let direct = found.roles.iter().filter(|(_, role)| can_manage(&role.tasks)).map(|(id, _)| id.clone());
        let holders = found.owner.iter().chain(found.agencies.keys());
        let staff =
            holders.flat_map(|business| self.staff_of(page, business).into_iter().map(move |user| (business, user)));
        let managing =
            staff.filter(|(business, user)| can_manage(&self.tasks_of(page, business, user))).map(|(_, user)| user);
        direct.chain(managing).collect()
    }

    /// Pages that nobody has full control of.
    pub fn orphans(&self) -> BTreeSet<Id> {
        self.pages.keys().filter(|page| self.managers_of(page).is_empty()).cloned().collect()
    }

    /// Pages owned by `business`.
    pub fn owned_by<'a>(&'a self, business: &'a str) -> impl Iterator<Item = &'a Id> {
        self.pages.iter().filter(move |(_, page)| page.owner.as_deref() == Some(business)).map(|(id, _)| id)
    }

    /// Pages shared with `business`.
    pub fn shared_with_business<'a>(&'a self, business: &'a str) -> impl Iterator<Item = &'a Id> {
        self.pages.iter().filter(move |(_, page)| page.agencies.contains_key(business)).map(|(id, _)| id)
    }

    /// Pages on which `user` of `business` has any task.
    pub fn pages_of(&self, business: &str, user: &str) -> Vec<Id> {
        self.pages.keys().filter(|page| !self.tasks_of(page, business, user).is_empty()).cloned().collect()
    }

    /// Ids of the open requests of `business` for `access`.
    pub fn requests_of(&self, business: &str, access: Access) -> Vec<Id> {
        let own = self.requests.iter().filter(|(_, request)| request.business == business && request.access == access);
        own.map(|(id, _)| id.clone()).collect()
    }

    /// Whether `user` is a person or system user of `business`.
    pub fn is_member(&self, business: &str, user: &str) -> bool {
        self.businesses.get(business).is_some_and(|b| b.users.contains_key(user) || b.system_users.contains_key(user))
    }

    /// Whether `user` is an admin of `business`.
    pub fn is_admin(&self, business: &str, user: &str) -> bool {
        let Some(place) = self.businesses.get(business) else { return false };
        let person = place.users.get(user).map(|person| person.role);
        let role = person.or_else(|| place.system_users.get(user).map(|system| system.role));
        role == Some(BusinessRole::Admin)
    }

    pub(super) fn direct_tasks(&self, page: &str, business: &str, user: &str) -> Option<&Tasks> {
        self.pages.get(page).and_then(|found| found.assigned_to(business, user))
    }

    /// A note for the log when a write left `page` without anybody in control.
    pub(super) fn orphan_note(&self, page: &str) -> &'static str {
        if self.managers_of(page).is_empty() { "; nobody manages it now" } else { "" }
    }
}
