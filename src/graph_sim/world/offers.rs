//! Sharing an asset that is no Page, from the owner's side: at once, or once somebody approves it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::parts::long_ago;
use super::refusal;
use super::{Asset, AssetBuilder, AssetKind, Caller, Id, Refusal, Tasks, Verdict, World, Written};

/// What a share of an asset waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who approves.
    pub by: Approver,
    /// Until then the list of partners does not show it: no reference of Meta's says that it does.
    #[serde(default)]
    pub hidden: bool,
    /// The call that ends a share does not take it back: no reference of Meta's says that it does.
    #[serde(default)]
    pub stays: bool,
}

/// Who approves a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// Another admin of the owner: the answer has `requires_admin_approval`.
    Admin,
    /// The partner: the answer has `pending_request_id`.
    Partner,
}

/// A share that nobody has approved yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Of what.
    pub asset: Id,
    /// With whom.
    pub partner: Id,
    /// With which tasks.
    #[serde(default)]
    pub tasks: Tasks,
    /// When it was made.
    #[serde(default = "long_ago")]
    pub since: Timestamp,
}

impl AssetKind {
    /// The tasks that a partner may get, by Meta's published specification (v25.0); of WhatsApp accounts there is no
    /// such call.
    pub(crate) fn partner_tasks(self) -> &'static [&'static str] {
        match self {
            Self::Pixel => &["ADVERTISE", "ANALYZE", "EDIT", "UPLOAD"],
            Self::AdAccount | Self::InstagramAccount | Self::Catalog => self.tasks(),
            Self::WhatsappAccount => &[],
        }
    }
}

impl AssetBuilder {
    /// Sharing it waits for `by`.
    #[must_use]
    pub fn shared_once_approved(mut self, by: Approver) -> Self {
        self.asset.approval = Some(Approval { by, hidden: false, stays: false });
        self
    }

    /// Likewise, and until then the list of partners does not show it, nor does the call that ends a share take it back.
    #[must_use]
    pub fn shared_out_of_sight(mut self, by: Approver) -> Self {
        self.asset.approval = Some(Approval { by, hidden: true, stays: true });
        self
    }
}

impl World {
    /// The open share of `asset` with `partner`, with its id.
    pub fn offer_of(&self, asset: &str, partner: &str) -> Option<(&Id, &Offer)> {
        self.offers.iter().find(|(_, offer)| offer.asset == asset && offer.partner == partner)
    }

    /// `POST /{asset}/agencies`, by the owner alone.
    pub(crate) fn offer(
        &mut self,
        caller: &Caller,
        id: &str,
        partner: &str,
        tasks: Tasks,
        now: Timestamp,
    ) -> Result<Written, Refusal> {
        let asset = self.owned_asset(caller, id, "post")?;
        if asset.owner.as_deref() == Some(partner) {
            return Err(refusal::already_belongs());
        }
        if asset.agencies.contains_key(partner) {
            return Err(refusal::already_shared());
        }
        if !self.businesses.contains_key(partner) {
            return Err(refusal::bad_parameter("business", "must be a valid business id"));
        }
        if tasks.is_empty() && matches!(asset.kind, AssetKind::Pixel | AssetKind::InstagramAccount) {
            return Err(refusal::parameter_required("permitted_tasks"));
        }
        match asset.approval.clone() {
            None => {
                self.share_asset(partner, id, tasks, now);
                Ok(Written::success(format!("asset {id}: shared with {partner}")))
            }
            Some(approval) => Ok(self.await_approval(approval.by, id, partner, tasks, now)),
        }
    }

    fn await_approval(&mut self, by: Approver, id: &str, partner: &str, tasks: Tasks, now: Timestamp) -> Written {
        let open = self.offer_of(id, partner).map(|(offer, _)| offer.clone());
        let is_new = open.is_none();
        let offer = open.unwrap_or_else(|| self.new_id());
        if is_new {
            let made = Offer { asset: id.to_owned(), partner: partner.to_owned(), tasks, since: now };
            self.offers.insert(offer.clone(), made);
            self.react(partner, id, now);
        }
        let body = match by {
            Approver::Admin => json!({ "success": true, "requires_admin_approval": true }),
            Approver::Partner => json!({ "success": true, "pending_request_id": offer }),
        };
        Written { body, effect: is_new.then(|| format!("asset {id}: offer {offer} to {partner}")) }
    }

    /// `DELETE /{asset}/agencies`: by the owner, or by the partner itself.
    pub(crate) fn end_offer(&mut self, caller: &Caller, id: &str, partner: &str) -> Result<Written, Refusal> {
        if self.owned_asset(caller, id, "delete").is_err() {
            caller.admin_of(self, partner)?;
        }
        let asset = self.known_asset(id, "delete")?;
        let (shared, stays) =
            (asset.agencies.contains_key(partner), asset.approval.as_ref().is_some_and(|approval| approval.stays));
        if shared {
            self.end_asset_share(partner, id);
            return Ok(Written::success(format!("asset {id}: access of {partner} ended")));
        }
        if !stays && self.drop_offer(id, partner) {
            return Ok(Written::success(format!("asset {id}: offer to {partner} taken back")));
        }
        Err(refusal::bad_parameter("business", "has no access to this asset"))
    }

    /// What is decided about the open share of `asset` with `partner`; nothing where there is none.
    pub(super) fn decide_offer(
        &mut self,
        verdict: Verdict,
        (asset, partner): (&str, &str),
        tasks: Option<Tasks>,
        now: Timestamp,
    ) -> Option<String> {
        let (id, offer) = self.offer_of(asset, partner)?;
        let (id, asked) = (id.clone(), offer.tasks.clone());
        self.offers.remove(&id);
        match verdict {
            Verdict::Deny => Some(format!("asset {asset}: offer {id} to {partner} denied")),
            Verdict::Approve => {
                self.share_asset(partner, asset, tasks.unwrap_or(asked), now);
                Some(format!("asset {asset}: offer {id} to {partner} approved"))
            }
        }
    }

    /// Drops the open share; whether there was one.
    pub(crate) fn drop_offer(&mut self, asset: &str, partner: &str) -> bool {
        let id = self.offer_of(asset, partner).map(|(id, _)| id.clone());
        id.is_some_and(|id| self.offers.remove(&id).is_some())
    }

    /// The asset, where the caller is an admin of the business that owns it.
    pub(crate) fn owned_asset(&self, caller: &Caller, id: &str, verb: &str) -> Result<&Asset, Refusal> {
        let asset = self.known_asset(id, verb)?;
        let owner = asset.owner.as_deref().ok_or_else(|| refusal::not_allowed("no business owns this asset"))?;
        caller.admin_of(self, owner).map_err(|_| refusal::not_allowed("only the owner decides who has access"))?;
        Ok(asset)
    }
}
