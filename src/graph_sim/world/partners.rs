//! Sharing from the owner's side: `/{page}/agencies`.

use jiff::Timestamp;

use super::refusal;
use super::{Access, Caller, Holder, Page, Refusal, Request, Tasks, World, Written};

impl World {
    /// `POST /{page}/agencies`: a grant with the owner's token, a request with the partner's.
    pub(crate) fn share(
        &mut self,
        caller: &Caller,
        page_id: &str,
        partner: &str,
        tasks: Tasks,
        now: Timestamp,
    ) -> Result<Written, Refusal> {
        let page = self.pages.get(page_id).ok_or_else(|| refusal::missing_object("post", page_id))?;
        if page.owner.as_deref() == Some(partner) {
            return Err(refusal::already_belongs());
        }
        if page.agencies.contains_key(partner) {
            return Err(refusal::already_shared());
        }
        if !self.businesses.contains_key(partner) {
            return Err(refusal::bad_parameter("business", "must be a valid business id"));
        }
        if self.speaks_for_owner(caller, page_id) {
            self.share_with(partner, page_id, tasks, now);
            return Ok(Written::success(format!("page {page_id}: agency access for {partner}")));
        }
        caller.admin_of(self, partner)?;
        self.request_share(page_id, partner, tasks, now)
    }

    /// `DELETE /{page}/agencies`: by the owner, or by the partner itself.
    pub(crate) fn unshare(&mut self, caller: &Caller, page_id: &str, partner: &str) -> Result<Written, Refusal> {
        let page = self.pages.get(page_id).ok_or_else(|| refusal::missing_object("delete", page_id))?;
        let shared = page.agencies.contains_key(partner);
        if !self.speaks_for_owner(caller, page_id) {
            caller.admin_of(self, partner)?;
        }
        if !shared {
            return Err(refusal::bad_parameter("business", "has no access to this Page"));
        }
        self.end_share(partner, page_id);
        Ok(Written::success(format!("page {page_id}: agency access of {partner} ended")))
    }

    /// Whether the caller is an admin of the owning business, or has a Page token of someone on the owner's side.
    pub(crate) fn speaks_for_owner(&self, caller: &Caller, page_id: &str) -> bool {
        let owner = self.pages.get(page_id).and_then(|page| page.owner.as_deref());
        match &caller.holder {
            Holder::Page { page, business, .. } => {
                page == page_id && (business.is_none() || business.as_deref() == owner)
            }
            Holder::SystemUser { .. } | Holder::User { .. } | Holder::Anyone => {
                owner.is_some_and(|owner| caller.acting(self, owner).is_some_and(|acting| acting.admin))
            }
        }
    }

    fn request_share(
        &mut self,
        page_id: &str,
        partner: &str,
        tasks: Tasks,
        now: Timestamp,
    ) -> Result<Written, Refusal> {
        if self.request_of(partner, page_id).is_some() {
            return Ok(Written { effect: None, ..Written::success("") });
        }
        let id = self.new_id();
        self.react(partner, page_id, now);
        let effect = format!("page {page_id}: agency request {id} of {partner}");
        let (business, page) = (partner.to_owned(), page_id.to_owned());
        self.requests.insert(id, Request { access: Access::Agency, business, page, tasks, since: now });
        Ok(Written::success(effect))
    }
}

impl Page {
    /// Whether somebody outside every business has full control.
    pub(super) fn has_direct_manager(&self) -> bool {
        self.roles.values().any(|role| super::can_manage(&role.tasks))
    }
}
