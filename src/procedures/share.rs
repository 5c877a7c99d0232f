//! `share`: a partner gets an asset that the business owns.
//!
//! Meta may say `success` and mean that somebody has yet to approve it: another admin, or the partner. Then it is
//! followed as a claim is, in the asset's list of partners. Whether that list shows what is not approved yet is
//! documented for no kind but Pages: what it has never shown it cannot miss, and is followed until it is given up.

use jiff::Timestamp;

use super::bring_about::{Brought, Look, Sent, bring_about};
use super::observation::{OpenClaim, Query, Say, ShareWatch, StopCause};
use super::partners::{Partnership, Shown, Standing};
use super::script::{Run, Script, Watched};
use super::verdict::Verdict;
use crate::contract::{Asset, Body, Category, ErrorInfo, Outcome, Phase, Targets, Tasks};
use crate::meta::kinds::Deed;
use crate::meta::{Answer, Call, Claimed};

/// The share in hand.
struct Share<'a> {
    with: Partnership<'a>,
    tasks: &'a Tasks,
    /// Whether somebody's request stood in the list before the first write.
    open_before: Shown,
}

/// What Meta made of a share.
enum Shared {
    Held(Tasks),
    Waiting { since: Timestamp, shown: Shown },
}

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let Body::Share { targets: Targets::One(asset), partner, permitted_tasks: tasks } = &script.command().body else {
        unreachable!("run dispatches on the body, and lists fan out")
    };
    let with = Partnership { asset, partner };
    script.allows(asset, Deed::Share)?;
    with.is_owned(script)?;
    let (_, standing) = with.standing(script)?;
    let open_before = match standing {
        Standing::Held(held) => return Ok(already(script, asset, tasks, held)),
        Standing::Open => Shown::Once,
        Standing::Absent => Shown::NotYet,
    };
    let share = Share { with, tasks, open_before };
    for open in with.open_shares(script)? {
        if open.tasks == *tasks {
            return share.take_over(script, &open);
        }
        with.displace(script, &open)?;
        // It may have been approved before it could be taken back.
        if let Standing::Held(held) = with.standing(script)?.1 {
            return Ok(already(script, asset, tasks, held));
        }
    }
    script.safe_point()?;
    share.ask_meta(script)
}

/// What the partner has already; where the list names no tasks, that they have it is all that can be told.
fn already(script: &Script<'_>, asset: &Asset, asked: &Tasks, held: Tasks) -> Outcome {
    let changed = script.changed();
    if held.is_empty() {
        return Outcome::of(Phase::Completed, changed);
    }
    if held.covers(asked) {
        return completed(script, held);
    }
    let error = ErrorInfo {
        category: Category::Conflict,
        code: "held_with_fewer_tasks".to_owned(),
        subcode: None,
        message: format!("the partner has {asset} already, with {held} only"),
        trace: None,
        remedy: "Revoke it and share it anew with the tasks wanted: the partner's people lose it in between."
            .to_owned(),
    };
    Outcome::failed(changed, error)
}

fn completed(script: &Script<'_>, held: Tasks) -> Outcome {
    let granted_tasks = Some(held).filter(|held| !held.is_empty());
    Outcome { granted_tasks, ..Outcome::of(Phase::Completed, script.changed()) }
}

impl Share<'_> {
    fn ask_meta(&self, script: &mut Script<'_>) -> Run<Outcome> {
        let Partnership { asset, partner } = self.with;
        let write = Call::Share { asset: asset.clone(), partner: partner.clone(), tasks: self.tasks.clone() };
        match bring_about(script, &write, "shares the asset with the partner", |script, sent| self.look(script, sent))?
        {
            Brought::Seen(Shared::Held(held)) => Ok(completed(script, held)),
            Brought::Seen(Shared::Waiting { since, shown }) => self.wait_for_others(script, since, shown),
            Brought::Planned => Ok(Outcome::of(Phase::Completed, false)),
            Brought::Refused(refusal) => Err(script.refused(&refusal)),
        }
    }

    /// A request that stood there before says nothing of a write whose answer was lost.
    fn look(&self, script: &mut Script<'_>, sent: &Sent<'_>) -> Run<Look<Shared>> {
        if sent.answer == Some(&Answer::Claimed(Claimed::Pending)) {
            return Ok(Look::Seen(Shared::Waiting { since: sent.left, shown: self.open_before }));
        }
        let (began, standing) = self.with.standing(script)?;
        Ok(match standing {
            Standing::Held(held) => Look::Seen(Shared::Held(held)),
            Standing::Open if sent.answer.is_some() || self.open_before.is_not_yet() => {
                Look::Seen(Shared::Waiting { since: sent.left, shown: Shown::Once })
            }
            Standing::Open | Standing::Absent => Look::NotYet(began),
        })
    }

    /// The open share becomes ours: Meta is not asked again.
    fn take_over(&self, script: &mut Script<'_>, open: &OpenClaim) -> Run<Outcome> {
        if script.dry_run() {
            return Ok(Outcome::of(Phase::Completed, false));
        }
        let cause = StopCause::Superseded(script.command().id.clone());
        script.consult(&Query::Stop { target: open.command.clone(), cause })?;
        let (_, taken_by) = script.end_of(&open.command)?;
        if taken_by.as_ref() == Some(&script.command().id) {
            return self.wait_for_others(script, open.sent_at, self.open_before);
        }
        // It was decided or taken back in the meantime: what stands now tells.
        match self.with.standing(script)?.1 {
            Standing::Held(held) => Ok(already(script, self.with.asset, self.tasks, held)),
            Standing::Open | Standing::Absent => self.ask_meta(script),
        }
    }

    fn wait_for_others(&self, script: &mut Script<'_>, sent_at: Timestamp, shown: Shown) -> Run<Outcome> {
        script.say(Say::Pending);
        let watch = ShareWatch {
            business: script.business().clone(),
            asset: self.with.asset.clone(),
            partner: self.with.partner.clone(),
            tasks: self.tasks.clone(),
            sent_at,
            shown,
        };
        match script.watch_share(watch)? {
            Watched::Settled(Verdict::Granted(held)) => Ok(completed(script, held)),
            Watched::Settled(Verdict::Gone | Verdict::Open(_)) => {
                Ok(Outcome { inferred: true, ..Outcome::of(Phase::Denied, script.changed()) })
            }
            Watched::Stopped(cause @ StopCause::Superseded(_)) => Ok(script.stopped(&cause)),
            Watched::Stopped(cause) => self.give_up(script, &cause),
        }
    }

    /// Takes the request back. What has been approved meanwhile is a share, and stays.
    fn give_up(&self, script: &mut Script<'_>, cause: &StopCause) -> Run<Outcome> {
        if let Standing::Held(held) = self.with.standing(script)?.1 {
            return Ok(completed(script, held));
        }
        let Brought::Refused(refusal) = self.with.end(script, "takes back what nobody has approved yet")? else {
            return Ok(script.stopped(cause));
        };
        Ok(match self.with.standing(script)?.1 {
            Standing::Held(held) => completed(script, held),
            Standing::Open | Standing::Absent => {
                Outcome { error: Some(self.may_be_open(&refusal.message)), ..script.stopped(cause) }
            }
        })
    }

    /// No call is documented that takes a request back, and the list need not show it.
    fn may_be_open(&self, why: &str) -> ErrorInfo {
        let Partnership { asset, partner } = self.with;
        ErrorInfo {
            category: Category::NeedsHuman,
            code: "not_withdrawn".to_owned(),
            subcode: None,
            message: format!("the request to share {asset} with business {partner} may still be open: {why}"),
            trace: None,
            remedy: "Business settings > Requests: cancel it there; should it be approved all the same, send `revoke`."
                .to_owned(),
        }
    }
}
