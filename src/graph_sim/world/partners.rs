//! Sharing from the owner's side: `/{page}/agencies`; and partnerships as a whole: `/{business}/agencies` and `clients`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::refusal;
use super::{Access, Caller, Holder, Id, Page, Refusal, Request, Share, Tasks, World, Written};

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

    /// Who can use what `business` owns.
    pub(crate) fn agencies_of(&self, business: &str) -> BTreeSet<Id> {
        let owned = |owner: &Option<Id>| owner.as_deref() == Some(business);
        let pages = self.pages.values().filter(|page| owned(&page.owner)).flat_map(|page| page.agencies.keys());
        let assets = self.assets.values().filter(|asset| owned(&asset.owner)).flat_map(|asset| asset.agencies.keys());
        pages.chain(assets).cloned().collect()
    }

    /// Whose assets `business` can use.
    pub(crate) fn clients_of(&self, business: &str) -> BTreeSet<Id> {
        let pages = self.pages.values().filter(|page| page.agencies.contains_key(business)).map(|page| &page.owner);
        let assets =
            self.assets.values().filter(|asset| asset.agencies.contains_key(business)).map(|asset| &asset.owner);
        pages.chain(assets).flatten().cloned().collect()
    }

    /// `DELETE /{business}/agencies` and `clients`: all that `owner` shares with `agency` at once. That it takes effect
    /// on every asset at once is our choice: Meta's help is silent on it.
    pub(crate) fn end_partnership(
        &mut self,
        caller: &Caller,
        business: &str,
        owner: &str,
        agency: &str,
    ) -> Result<Written, Refusal> {
        caller.admin_of(self, business)?;
        let of = |who: &Option<Id>, agencies: &BTreeMap<Id, Share>| {
            who.as_deref() == Some(owner) && agencies.contains_key(agency)
        };
        let pages = self.pages.iter().filter(|(_, page)| of(&page.owner, &page.agencies)).map(|(id, _)| id.clone());
        let pages: Vec<Id> = pages.collect();
        let assets = self.assets.iter().filter(|(_, one)| of(&one.owner, &one.agencies)).map(|(id, _)| id.clone());
        let assets: Vec<Id> = assets.collect();
        if pages.is_empty() && assets.is_empty() {
            return Err(refusal::bad_parameter("business", "is no partner of this business"));
        }
        pages.iter().for_each(|page| self.end_share(agency, page));
        assets.iter().for_each(|asset| self.end_asset_share(agency, asset));
        Ok(Written::success(format!("partnership of {owner} and {agency} ended")))
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
