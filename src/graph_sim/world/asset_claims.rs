//! Claiming an ad account, letting go of one or of an Instagram account.

use jiff::Timestamp;

use super::refusal;
use super::{Access, Asset, Caller, Refusal, Request, Share, Tasks, World, Written};

impl World {
    /// `POST /{business}/owned_ad_accounts`: at once for an admin of the account, else a request to its admins.
    pub(crate) fn own_ad_account(
        &mut self,
        caller: &Caller,
        business: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<Written, Refusal> {
        let acting = caller.admin_of(self, business)?;
        let account = self.known_asset(id, "post")?;
        match account.owner.as_deref() {
            Some(owner) if owner == business => return Err(refusal::already_has_access()),
            Some(_) => return Err(refusal::ad_account_owned()),
            None => {}
        }
        if self.request_of(business, id).is_some_and(|(_, open)| open.access == Access::Owner) {
            return Err(refusal::already_claimed());
        }
        let own = |admin: &String| *admin == acting.user || Some(admin) == acting.account.as_ref();
        if account.admins.iter().any(own) {
            self.asset_into(business, id);
            return Ok(Written::access("CONFIRMED", Some(format!("ad account {id}: owned by {business}"))));
        }
        Ok(self.ask_for_asset(Access::Owner, business, id, Tasks::new(), now))
    }

    /// `POST /{business}/client_ad_accounts`.
    pub(crate) fn use_ad_account(
        &mut self,
        caller: &Caller,
        business: &str,
        id: &str,
        tasks: Tasks,
        now: Timestamp,
    ) -> Result<Written, Refusal> {
        caller.admin_of(self, business)?;
        let account = self.known_asset(id, "post")?;
        if account.refuses_agency_claims {
            return Err(refusal::no_capability());
        }
        if account.is_held_by(business) {
            return Err(refusal::already_has_access());
        }
        if self.request_of(business, id).is_some_and(|(_, open)| open.access == Access::Agency) {
            return Err(refusal::already_claimed());
        }
        Ok(self.ask_for_asset(Access::Agency, business, id, tasks, now))
    }

    /// `DELETE /{business}/ad_accounts`: an open request, else agency access; never what the business owns.
    pub(crate) fn leave_ad_account(&mut self, caller: &Caller, business: &str, id: &str) -> Result<Written, Refusal> {
        caller.admin_of(self, business)?;
        if let Some(access) = self.drop_request(business, id) {
            return Ok(Written::success(format!(
                "ad account {id}: {} request of {business} withdrawn",
                access.as_str()
            )));
        }
        if !self.known_asset(id, "delete")?.agencies.contains_key(business) {
            return Err(refusal::bad_parameter(
                "adaccount_id",
                "is neither asked for by the business nor shared with it",
            ));
        }
        self.end_asset_share(business, id);
        Ok(Written::success(format!("ad account {id}: agency access of {business} ended")))
    }

    /// `DELETE /{business}/instagram_accounts`, by the id of the Instagram user.
    pub(crate) fn leave_instagram(&mut self, caller: &Caller, business: &str, user: &str) -> Result<Written, Refusal> {
        caller.admin_of(self, business)?;
        let held = self
            .assets
            .iter()
            .find(|(_, asset)| asset.instagram_user.as_deref() == Some(user) && asset.is_held_by(business));
        let id = held.map(|(id, _)| id.clone());
        let id = id.ok_or_else(|| refusal::bad_parameter("instagram_account", "is no account of this business"))?;
        if let Some(asset) = self.asset_mut(&id) {
            asset.agencies.remove(business);
            asset.assigned.remove(business);
            if asset.owner.as_deref() == Some(business) {
                asset.owner = None;
            }
        }
        Ok(Written::success(format!("instagram account {id}: no longer with {business}")))
    }

    /// Makes `business` the owner; its request, and what was shared with it before, are settled by that.
    pub(super) fn asset_into(&mut self, business: &str, id: &str) {
        self.drop_request(business, id);
        if let Some(asset) = self.asset_mut(id) {
            asset.agencies.remove(business);
            asset.owner = Some(business.to_owned());
        }
    }

    /// Shares the asset with `business`; its request is settled by that.
    pub(super) fn share_asset(&mut self, business: &str, id: &str, tasks: Tasks, now: Timestamp) {
        self.drop_request(business, id);
        if let Some(asset) = self.asset_mut(id) {
            asset.agencies.insert(business.to_owned(), Share { tasks, since: now });
        }
    }

    pub(super) fn end_asset_share(&mut self, business: &str, id: &str) {
        if let Some(asset) = self.asset_mut(id) {
            asset.agencies.remove(business);
            asset.assigned.remove(business);
        }
        if let Some(place) = self.businesses.get_mut(business) {
            place.groups.values_mut().for_each(|group| {
                group.ad_accounts.remove(id);
                group.pixels.remove(id);
            });
        }
    }

    fn ask_for_asset(&mut self, access: Access, business: &str, id: &str, tasks: Tasks, now: Timestamp) -> Written {
        let request = self.new_id();
        let (business, page) = (business.to_owned(), id.to_owned());
        self.react(&business, &page, now);
        let effect = format!("ad account {id}: {} request {request} of {business}", access.as_str());
        self.requests.insert(request, Request { access, business, page, tasks, since: now });
        Written::access("PENDING", Some(effect))
    }

    pub(super) fn known_asset(&self, id: &str, verb: &str) -> Result<&Asset, Refusal> {
        self.assets.get(id).map(AsRef::as_ref).ok_or_else(|| refusal::missing_object(verb, id))
    }
}
