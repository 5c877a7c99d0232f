//! `claim`: one Page, as its owner or as an agency.

use jiff::Timestamp;

use super::bring_about::{Brought, Look, Sent, bring_about};
use super::observation::{Fact, Move, OpenClaim, Query, Say, StopCause, Watch};
use super::script::{Run, Script, Watched};
use super::verdict::Verdict;
use super::withdraw::{Withdrawn, withdraw};
use crate::contract::{Access, Asset, Body, BusinessId, Category, ErrorInfo, ObjectId, Outcome, Phase, Targets, Tasks};
use crate::meta::kinds::Deed;
use crate::meta::{Answer, AssetList, Call, Claimable, Claimed, Removable};

/// The claim in hand.
pub(super) struct Claim<'a> {
    pub(super) business: &'a BusinessId,
    pub(super) kind: Claimable,
    pub(super) asset: &'a Asset,
    pub(super) access: Access,
    pub(super) tasks: &'a Tasks,
    pub(super) again: bool,
}

/// Where a claim that Meta accepted stands.
pub(super) enum Standing {
    Held(Tasks),
    Waiting { since: Timestamp },
}

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let Body::Claim { targets: Targets::One(asset), access, permitted_tasks: tasks, again, .. } =
        &script.command().body
    else {
        unreachable!("run dispatches on the body, and lists fan out")
    };
    let kind = claimable(script, asset, *access)?;
    let claim = Claim { business: script.business(), kind, asset, access: *access, tasks, again: *again };
    if let Some(held) = claim.held(script)? {
        return Ok(claim.already(script, &held));
    }
    claim.denied_before(script)?;
    for open in claim.open_claims(script)? {
        if open.access == claim.access && open.tasks == *claim.tasks {
            return claim.take_over(script, &open);
        }
        claim.displace(script, &open)?;
    }
    script.safe_point()?;
    claim.ask_meta(script)
}

/// What the table of kinds refuses ends here, before anything is asked.
fn claimable(script: &Script<'_>, asset: &Asset, access: Access) -> Run<Claimable> {
    script.allows(asset, Deed::claim(access))?;
    Claimable::of(asset.kind).ok_or_else(|| script.defect("the table of kinds allows a claim that has no call"))
}

impl Claim<'_> {
    fn held_list(&self) -> AssetList {
        AssetList::held(self.asset.kind, self.access)
    }

    pub(super) fn held(&self, script: &mut Script<'_>) -> Run<Option<Tasks>> {
        listed(script, self.business, self.held_list(), &self.asset.id).map(|(_, found)| found)
    }

    fn already(&self, script: &Script<'_>, held: &Tasks) -> Outcome {
        if self.access == Access::Owner || held.covers(self.tasks) {
            return Outcome { granted_tasks: Some(held.clone()), ..Outcome::of(Phase::Confirmed, script.changed()) };
        }
        Outcome::failed(
            script.changed(),
            ErrorInfo {
                category: Category::Conflict,
                code: "held_with_fewer_tasks".to_owned(),
                subcode: None,
                message: format!("the business holds {} already, with {held} only", self.asset),
                trace: None,
                remedy: "Unbind it and claim it anew with the tasks wanted, or ask its owner to add them.".to_owned(),
            },
        )
    }

    fn denied_before(&self, script: &mut Script<'_>) -> Run<()> {
        let Some(at) = self.last_denial(script)?.filter(|_| !self.again) else { return Ok(()) };
        Err(script.fail(ErrorInfo {
            category: Category::Conflict,
            code: "denied_before".to_owned(),
            subcode: None,
            message: format!("this claim of {} was denied at {at}", self.asset),
            trace: None,
            remedy: "Talk to the owner first; then send the claim with \"again\": true.".to_owned(),
        }))
    }

    /// When this claim was denied last, in the time for which denials are remembered.
    pub(super) fn last_denial(&self, script: &mut Script<'_>) -> Run<Option<Timestamp>> {
        let query =
            Query::LastDenial { business: self.business.clone(), asset: self.asset.clone(), access: self.access };
        match script.consult(&query)? {
            Fact::Denied(at) => Ok(at),
            Fact::OpenClaims(_)
            | Fact::Removed(_)
            | Fact::Deeds(_)
            | Fact::Told(_)
            | Fact::Leaving(_)
            | Fact::NotKnown
            | Fact::NotAllowed => Ok(None),
        }
    }

    fn open_claims(&self, script: &mut Script<'_>) -> Run<Vec<OpenClaim>> {
        let query = Query::OpenClaims { business: self.business.clone(), asset: self.asset.clone() };
        match script.consult(&query)? {
            Fact::OpenClaims(open) => Ok(open),
            Fact::Denied(_)
            | Fact::Removed(_)
            | Fact::Told(_)
            | Fact::Leaving(_)
            | Fact::Deeds(_)
            | Fact::NotKnown
            | Fact::NotAllowed => Ok(Vec::new()),
        }
    }

    /// The open request becomes ours: Meta is not asked again.
    fn take_over(&self, script: &mut Script<'_>, open: &OpenClaim) -> Run<Outcome> {
        if script.dry_run() {
            return Ok(Outcome::of(Phase::Completed, false));
        }
        let cause = StopCause::Superseded(script.command().id.clone());
        script.consult(&Query::Stop { target: open.command.clone(), cause })?;
        let (_, taken_by) = script.end_of(&open.command)?;
        if taken_by.as_ref() == Some(&script.command().id) {
            return self.wait_for_meta(script, open.sent_at);
        }
        // It was decided or taken back in the meantime: what is held now tells.
        match self.held(script)? {
            Some(held) => Ok(self.already(script, &held)),
            None => self.ask_meta(script),
        }
    }

    /// An open request for something else is withdrawn first.
    fn displace(&self, script: &mut Script<'_>, open: &OpenClaim) -> Run<()> {
        if script.dry_run() {
            let what = Removable::claimed(self.kind, self.asset.id.clone());
            let remove = Call::Remove { business: self.business.clone(), what };
            script.plan(&remove, "the open request asks for something else");
            return Ok(());
        }
        let cause = StopCause::Displaced(script.command().id.clone());
        script.consult(&Query::Stop { target: open.command.clone(), cause })?;
        script.end_of(&open.command)?;
        match self.held(script)? {
            Some(held) => Err(Box::new(Move::Finish(Box::new(self.already(script, &held))))),
            None => Ok(()),
        }
    }

    fn ask_meta(&self, script: &mut Script<'_>) -> Run<Outcome> {
        match self.ask_for_it(script, "asks for the asset")? {
            Brought::Seen(Standing::Held(held)) => Ok(confirmed(script, held)),
            Brought::Seen(Standing::Waiting { since }) => self.wait_for_meta(script, since),
            Brought::Planned => Ok(Outcome::of(Phase::Completed, false)),
            Brought::Refused(refusal) => Err(script.refused(&refusal)),
        }
    }

    /// Makes the claim, and sees where it stands.
    pub(super) fn ask_for_it(&self, script: &mut Script<'_>, why: &str) -> Run<Brought<Standing>> {
        let write = Call::Claim {
            business: self.business.clone(),
            kind: self.kind,
            id: self.asset.id.clone(),
            access: self.access,
            tasks: self.tasks.clone(),
        };
        bring_about(script, &write, why, |script, sent| self.look(script, sent))
    }

    /// Where Meta says that it is granted the held list is read first, and mostly tells. Else pending before held: an
    /// approval between the two reads is then seen in the second.
    fn look(&self, script: &mut Script<'_>, sent: &Sent<'_>) -> Run<Look<Standing>> {
        let waiting = Standing::Waiting { since: sent.left };
        let said = if let Some(Answer::Claimed(said)) = sent.answer { Some(said) } else { None };
        let held = match said {
            Some(Claimed::Pending) => return Ok(Look::Seen(waiting)),
            Some(Claimed::Confirmed) => Some(listed(script, self.business, self.held_list(), &self.asset.id)?),
            Some(Claimed::Unclear) | None => None,
        };
        if let Some((_, Some(tasks))) = held {
            return Ok(Look::Seen(Standing::Held(tasks)));
        }
        let (_, pending) = listed(script, self.business, AssetList::pending(self.kind, self.access), &self.asset.id)?;
        if pending.is_some() {
            return Ok(Look::Seen(waiting));
        }
        let (began, held) = match held {
            Some(held) => held,
            None => listed(script, self.business, self.held_list(), &self.asset.id)?,
        };
        Ok(held.map_or(Look::NotYet(began), |tasks| Look::Seen(Standing::Held(tasks))))
    }

    fn wait_for_meta(&self, script: &mut Script<'_>, sent_at: Timestamp) -> Run<Outcome> {
        script.say(Say::Pending);
        let watch = Watch { business: self.business.clone(), asset: self.asset.clone(), access: self.access, sent_at };
        match script.watch(watch)? {
            Watched::Settled(Verdict::Granted(held)) => Ok(confirmed(script, held)),
            Watched::Settled(Verdict::Gone | Verdict::Open(_)) => {
                Ok(Outcome { inferred: true, ..Outcome::of(Phase::Denied, script.changed()) })
            }
            Watched::Stopped(cause @ StopCause::Superseded(_)) => Ok(script.stopped(&cause)),
            Watched::Stopped(cause) => self.give_up(script, &cause),
        }
    }

    pub(super) fn give_up(&self, script: &mut Script<'_>, cause: &StopCause) -> Run<Outcome> {
        match withdraw(script, self.business, (self.kind, &self.asset.id), self.access)? {
            Withdrawn::Granted(held) => Ok(confirmed(script, held)),
            Withdrawn::Gone => Ok(script.stopped(cause)),
        }
    }
}

/// The tasks under which the asset stands in `list`, if it does, and when that walk began.
pub(super) fn listed(
    script: &mut Script<'_>,
    business: &BusinessId,
    list: AssetList,
    id: &ObjectId,
) -> Run<(Timestamp, Option<Tasks>)> {
    let call = Call::Find { business: business.clone(), list, id: id.clone() };
    let (began, found) =
        script.fact(&call, |answer| if let Answer::Listed(found) = answer { Some(found) } else { None })?;
    Ok((began, found.map(|holding| holding.tasks)))
}

pub(super) fn confirmed(script: &Script<'_>, held: Tasks) -> Outcome {
    Outcome { granted_tasks: Some(held), ..Outcome::of(Phase::Confirmed, script.changed()) }
}
