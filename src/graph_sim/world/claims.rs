//! Claiming a Page as owner or as agency, and letting go of it.

use jiff::{SignedDuration, Timestamp};

use super::refusal;
use super::{Access, Caller, Id, Page, Refusal, Request, Share, Tasks, World, Written};

/// An admin for longer than this may take a Page into the business at once.
const SEASONED: SignedDuration = SignedDuration::from_hours(7 * 24);

impl World {
    /// `POST /{business}/owned_pages`.
    pub(crate) fn claim_as_owner(
        &mut self,
        caller: &Caller,
        business: &str,
        page_id: &str,
        now: Timestamp,
    ) -> Result<Written, Refusal> {
        let acting = caller.admin_of(self, business)?;
        let page = self.claimable(page_id)?;
        match page.owner.as_deref() {
            Some(owner) if owner == business => return Err(refusal::already_has_access()),
            Some(_) => return Err(refusal::owned_by_another()),
            None => {}
        }
        refuse_obstacles(page)?;
        let since = acting.admin_of_page_since(page).ok_or_else(refusal::not_page_admin)?;
        if now.duration_since(since) > SEASONED {
            self.take_into(business, page_id);
            return Ok(Written::access("CONFIRMED", Some(format!("page {page_id}: owned by {business}"))));
        }
        Ok(self.ask(Access::Owner, business, page_id, Tasks::new(), now))
    }

    /// `POST /{business}/client_pages`.
    pub(crate) fn claim_as_agency(
        &mut self,
        caller: &Caller,
        business: &str,
        page_id: &str,
        tasks: Tasks,
        now: Timestamp,
    ) -> Result<Written, Refusal> {
        let acting = caller.admin_of(self, business)?;
        caller.needs("pages_manage_metadata")?;
        caller.needs("pages_show_list")?;
        let page = self.claimable(page_id)?;
        match page.owner.as_deref() {
            None => return Err(refusal::page_without_business()),
            Some(owner) if owner == business => return Err(refusal::already_belongs()),
            Some(_) => {}
        }
        if page.agencies.contains_key(business) {
            return Err(refusal::already_has_access());
        }
        if acting.admin_of_page_since(page).is_some() {
            let effect = format!("page {page_id}: agency access for {business}");
            self.share_with(business, page_id, tasks, now);
            return Ok(Written::access("CONFIRMED", Some(effect)));
        }
        Ok(self.ask(Access::Agency, business, page_id, tasks, now))
    }

    /// `DELETE /{business}/pages`: drops an open request, else agency access, else ownership.
    pub(crate) fn let_go(&mut self, caller: &Caller, business: &str, page_id: &str) -> Result<Written, Refusal> {
        caller.admin_of(self, business)?;
        if let Some(access) = self.drop_request(business, page_id) {
            return Ok(Written::success(format!(
                "page {page_id}: {} request of {business} withdrawn",
                access.as_str()
            )));
        }
        let page = self.claimable(page_id)?;
        if page.agencies.contains_key(business) {
            self.end_share(business, page_id);
            return Ok(Written::success(format!("page {page_id}: agency access of {business} ended")));
        }
        if page.owner.as_deref() != Some(business) {
            return Err(refusal::not_in_business());
        }
        refuse_obstacles(page)?;
        if page.needs_manager && !page.has_direct_manager() {
            return Err(refusal::manager_first());
        }
        self.give_up(business, page_id);
        Ok(Written::success(format!("page {page_id}: no longer owned by {business}{}", self.orphan_note(page_id))))
    }

    /// Makes `business` the owner; its request, and agency access it had before, are settled by that.
    pub(super) fn take_into(&mut self, business: &str, page_id: &str) {
        self.drop_request(business, page_id);
        if let Some(page) = self.page_mut(page_id) {
            page.agencies.remove(business);
            page.owner = Some(business.to_owned());
        }
    }

    /// Gives `business` agency access with `tasks`; its request is settled by that.
    pub(super) fn share_with(&mut self, business: &str, page_id: &str, tasks: Tasks, now: Timestamp) {
        self.drop_request(business, page_id);
        if let Some(page) = self.page_mut(page_id) {
            page.agencies.insert(business.to_owned(), Share { tasks, since: now });
        }
    }

    /// Ends the agency access of `business`, with the tasks of its people and its groups.
    pub(super) fn end_share(&mut self, business: &str, page_id: &str) {
        if let Some(page) = self.page_mut(page_id) {
            page.agencies.remove(business);
            page.assigned.remove(business);
        }
        self.leave_groups(business, page_id);
    }

    // The partner shares hang on the ownership: with the owner they all end.
    fn give_up(&mut self, business: &str, page_id: &str) {
        let partners: Vec<Id> =
            self.pages.get(page_id).map(|page| page.agencies.keys().cloned().collect()).unwrap_or_default();
        for partner in partners {
            self.end_share(&partner, page_id);
        }
        if let Some(page) = self.page_mut(page_id) {
            page.owner = None;
            page.assigned.remove(business);
        }
        self.leave_groups(business, page_id);
        self.requests.retain(|_, request| request.page != page_id);
    }

    fn ask(&mut self, access: Access, business: &str, page_id: &str, tasks: Tasks, now: Timestamp) -> Written {
        if self.request_of(business, page_id).is_some_and(|(_, open)| open.access == access) {
            // Repeating an open claim: no code is documented for Pages, the request stays as it is.
            return Written::access("PENDING", None);
        }
        let id = self.new_id();
        let (business, page) = (business.to_owned(), page_id.to_owned());
        self.react(&business, &page, now);
        let effect = format!("page {page}: {} request {id} of {business}", access.as_str());
        self.requests.insert(id, Request { access, business, page, tasks, since: now });
        Written::access("PENDING", Some(effect))
    }

    fn claimable(&self, page_id: &str) -> Result<&Page, Refusal> {
        self.pages.get(page_id).map(AsRef::as_ref).ok_or_else(|| refusal::missing_object("post", page_id))
    }
}

/// What only a person can clear away.
fn refuse_obstacles(page: &Page) -> Result<(), Refusal> {
    if page.instagram {
        return Err(refusal::instagram_linked());
    }
    if page.two_factor { Err(refusal::two_factor_required()) } else { Ok(()) }
}

impl Access {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Agency => "agency",
        }
    }
}
