//! Business asset groups: rights that come with the group cannot be taken away one asset at a time.

use std::collections::BTreeMap;

use super::refusal;
use super::{AssetKind, Caller, Group, Id, Refusal, Tasks, World, Written};

impl World {
    /// The group `id`, with its business.
    pub(crate) fn group(&self, id: &str) -> Option<(&Id, &Group)> {
        self.businesses.iter().find_map(|(home, business)| business.groups.get(id).map(|group| (home, group)))
    }

    /// Groups of `business` with `user` in them, those that hold `page` if one is given.
    pub(crate) fn groups_of<'a>(
        &'a self,
        business: &str,
        user: &'a str,
        page: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Id, &'a Group)> {
        let groups = self.businesses.get(business).into_iter().flat_map(|b| b.groups.iter());
        groups.filter(move |(_, group)| group.has(user) && page.is_none_or(|id| group.holds(id)))
    }

    /// `POST /{group}/assigned_users`.
    pub(crate) fn join_group(
        &mut self,
        caller: &Caller,
        group_id: &str,
        user: &str,
        tasks: Tasks,
    ) -> Result<Written, Refusal> {
        let home = self.admin_of_group(caller, group_id, "post")?;
        if !self.is_member(&home, user) {
            return Err(refusal::not_business_scoped());
        }
        let group = self.group_mut(&home, group_id)?;
        group.users.insert(user.to_owned(), tasks);
        Ok(Written::success(format!("group {group_id}: {user} added")))
    }

    /// `DELETE /{group}/assigned_users`: the user loses what the group gave, on all its assets at once.
    pub(crate) fn leave_group(&mut self, caller: &Caller, group_id: &str, user: &str) -> Result<Written, Refusal> {
        let home = self.admin_of_group(caller, group_id, "delete")?;
        let group = self.group_mut(&home, group_id)?;
        if !group.drop_user(user) {
            return Err(refusal::missing_object("delete", user));
        }
        let pages: Vec<Id> = group.pages.iter().cloned().collect();
        let notes: String = pages
            .iter()
            .filter(|id| self.managers_of(id).is_empty())
            .map(|id| format!("; nobody manages page {id} now"))
            .collect();
        Ok(Written::success(format!("group {group_id}: {user} removed{notes}")))
    }

    /// `POST /{group}/contained_pages`.
    pub(crate) fn put_into_group(&mut self, caller: &Caller, group_id: &str, page: &str) -> Result<Written, Refusal> {
        let home = self.admin_of_group(caller, group_id, "post")?;
        if !self.holds(page, &home) {
            return Err(refusal::not_allowed("the business has no access to this Page"));
        }
        self.group_mut(&home, group_id)?.pages.insert(page.to_owned());
        Ok(Written::success(format!("group {group_id}: page {page} added")))
    }

    /// `DELETE /{group}/contained_pages`.
    pub(crate) fn take_out_of_group(
        &mut self,
        caller: &Caller,
        group_id: &str,
        page: &str,
    ) -> Result<Written, Refusal> {
        let home = self.admin_of_group(caller, group_id, "delete")?;
        if !self.group_mut(&home, group_id)?.pages.remove(page) {
            return Err(refusal::missing_object("delete", page));
        }
        Ok(Written::success(format!("group {group_id}: page {page} removed{}", self.orphan_note(page))))
    }

    /// Takes `page` out of all groups of `business`.
    pub(super) fn leave_groups(&mut self, business: &str, page: &str) {
        if let Some(place) = self.businesses.get_mut(business) {
            place.groups.values_mut().for_each(|group| {
                group.pages.remove(page);
            });
        }
    }

    /// Fails if `user`, left with `tasks`, would lose something on `page` while a group of the business gives it.
    pub(super) fn refuse_reduction_in_group(
        &self,
        business: &str,
        page: &str,
        user: &str,
        tasks: &Tasks,
    ) -> Result<(), Refusal> {
        let Some((group, _)) = self.groups_of(business, user, Some(page)).next() else { return Ok(()) };
        let loses = !self.tasks_of(page, business, user).is_subset(tasks);
        if loses { Err(refusal::held_by_group(group)) } else { Ok(()) }
    }

    fn admin_of_group(&self, caller: &Caller, group_id: &str, verb: &str) -> Result<Id, Refusal> {
        let (home, _) = self.group(group_id).ok_or_else(|| refusal::missing_object(verb, group_id))?;
        caller.admin_of(self, home)?;
        Ok(home.clone())
    }

    fn group_mut(&mut self, home: &str, group_id: &str) -> Result<&mut Group, Refusal> {
        let found = self.businesses.get_mut(home).and_then(|business| business.groups.get_mut(group_id));
        found.ok_or_else(|| refusal::missing_object("post", group_id))
    }
}

impl Group {
    /// Whether it gives `user` anything.
    pub(crate) fn has(&self, user: &str) -> bool {
        [&self.users, &self.ad_account_users, &self.pixel_users].iter().any(|users| users.contains_key(user))
    }

    /// Whether it holds the Page, ad account or pixel `id`.
    pub(crate) fn holds(&self, id: &str) -> bool {
        [&self.pages, &self.ad_accounts, &self.pixels].iter().any(|assets| assets.contains(id))
    }

    /// Takes `user` out; whether they were in.
    pub(crate) fn drop_user(&mut self, user: &str) -> bool {
        let maps = [&mut self.users, &mut self.ad_account_users, &mut self.pixel_users];
        maps.into_iter().filter_map(|users| users.remove(user)).count() > 0
    }

    /// Its users with their tasks on the asset `id` of `kind`, where the group holds it.
    pub(crate) fn users_on(&self, kind: AssetKind, id: &str) -> Option<&BTreeMap<Id, Tasks>> {
        match kind {
            AssetKind::AdAccount => self.ad_accounts.contains(id).then_some(&self.ad_account_users),
            AssetKind::Pixel => self.pixels.contains(id).then_some(&self.pixel_users),
            AssetKind::WhatsappAccount | AssetKind::InstagramAccount | AssetKind::Catalog => None,
        }
    }
}
