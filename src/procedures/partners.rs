//! What `share` and `revoke` have in common: how a partner stands to an asset, and open shares that give way.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bring_about::{Brought, Look, Sent, bring_about};
use super::claim::listed;
use super::observation::{Fact, OpenClaim, Query, StopCause};
use super::script::{Run, Script};
use super::verdict::Sight;
use crate::contract::{Asset, BusinessId, Category, ErrorInfo, Phase, Tasks};
use crate::meta::{Answer, AssetList, Call, PartnerOn};

/// A partner and an asset.
#[derive(Clone, Copy)]
pub(super) struct Partnership<'a> {
    pub(super) asset: &'a Asset,
    pub(super) partner: &'a BusinessId,
}

/// How a partner stands to an asset.
pub(super) enum Standing {
    /// The list of partners does not name them.
    Absent,
    /// Somebody still has to approve it.
    Open,
    /// They have it, with these tasks: none where the list names none.
    Held(Tasks),
}

impl Partnership<'_> {
    /// How the partner stands to the asset, by a complete walk that began then.
    pub(super) fn standing(self, script: &mut Script<'_>) -> Run<(Timestamp, Standing)> {
        let business = script.business().clone();
        self.standing_at(script, &business)
    }

    /// The same, where the command names no business and acts for that of another.
    pub(super) fn standing_at(self, script: &mut Script<'_>, business: &BusinessId) -> Run<(Timestamp, Standing)> {
        let call = Call::PartnersOn { business: business.clone(), asset: self.asset.clone() };
        let partners = |answer| if let Answer::Partners(partners) = answer { Some(partners) } else { None };
        let (began, partners) = script.fact(&call, partners)?;
        let found = partners.into_iter().find(|on| on.partner == *self.partner);
        let standing =
            found.map_or(Standing::Absent, |on| if on.open { Standing::Open } else { Standing::Held(on.tasks) });
        Ok((began, standing))
    }

    /// Ends the command where the business does not own the asset: an agency can neither share it on nor revoke.
    pub(super) fn is_owned(self, script: &mut Script<'_>) -> Run<()> {
        let business = script.business().clone();
        let (_, owned) = listed(script, &business, AssetList::Owned(self.asset.kind), &self.asset.id)?;
        if owned.is_some() { Ok(()) } else { Err(script.fail(not_owned(&business, self.asset))) }
    }

    /// Shares of ours with this partner that others must still approve.
    pub(super) fn open_shares(self, script: &mut Script<'_>) -> Run<Vec<OpenClaim>> {
        let (business, asset, partner) = (script.business().clone(), self.asset.clone(), self.partner.clone());
        let fact = script.consult(&Query::OpenShares { business, asset, partner })?;
        Ok(if let Fact::OpenClaims(open) = fact { open } else { Vec::new() })
    }

    /// An open share gives way: the command that made it takes its request back.
    pub(super) fn displace(self, script: &mut Script<'_>, open: &OpenClaim) -> Run<()> {
        if script.dry_run() {
            script.plan(&self.unshare(), "takes back what nobody has approved yet");
            return Ok(());
        }
        let cause = StopCause::Displaced(script.command().id.clone());
        script.consult(&Query::Stop { target: open.command.clone(), cause })?;
        if script.end_of(&open.command)?.0 == Phase::Cancelled {
            script.has_changed();
        }
        Ok(())
    }

    /// Ends the share, or takes an open one back, and sees it in the list.
    pub(super) fn end(self, script: &mut Script<'_>, why: &str) -> Run<Brought<()>> {
        bring_about(script, &self.unshare(), why, |script: &mut Script<'_>, _: &Sent<'_>| {
            let (began, standing) = self.standing(script)?;
            Ok(match standing {
                Standing::Absent => Look::Seen(()),
                Standing::Open | Standing::Held(_) => Look::NotYet(began),
            })
        })
    }

    fn unshare(self) -> Call {
        Call::Unshare { asset: self.asset.clone(), partner: self.partner.clone() }
    }
}

/// Whether the list of partners has shown an open share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// It has not, and perhaps never will.
    #[default]
    NotYet,
    /// It has.
    Once,
}

impl Shown {
    /// After one more walk.
    #[must_use]
    pub fn after(self, sight: &Sight) -> Self {
        if sight.pending { Self::Once } else { self }
    }

    /// Whether it has not.
    #[must_use]
    pub fn is_not_yet(&self) -> bool {
        *self == Self::NotYet
    }
}

/// What a walk over an asset's partners shows of an open share; no partners where the walk broke.
///
/// It is missed only where the list has `shown` it: what a list never shows is not gone when it does not stand there.
#[must_use]
pub fn sight_of_share(
    partner: &BusinessId,
    shown: Shown,
    partners: Option<&[PartnerOn]>,
    (began, ended): (Timestamp, Timestamp),
) -> Sight {
    let found = partners.into_iter().flatten().find(|on| on.partner == *partner);
    Sight {
        began,
        ended,
        complete: partners.is_some() && shown == Shown::Once,
        pending: found.is_some_and(|on| on.open),
        held: found.filter(|on| !on.open).map(|on| on.tasks.clone()),
    }
}

fn not_owned(business: &BusinessId, asset: &Asset) -> ErrorInfo {
    ErrorInfo {
        category: Category::Conflict,
        code: "not_owned".to_owned(),
        subcode: None,
        message: format!("business {business} does not own {asset}: only its owner decides who else has it"),
        trace: None,
        remedy: "Send the command for the business that owns it; to give up what is shared with your own business, \
                 send `unbind`."
            .to_owned(),
    }
}
