//! `transfer`: the old business lets go of a Page, and the new one claims it after a cool-down.
//!
//! Meta has no call for it, so between the two the Page belongs to nobody. Whatever can be known to forbid the second
//! half is found before the first: what still can go wrong then is told with where the Page is. Once the old business
//! has let go the claim is made, cancelled or not, and a claim that is made is never withdrawn.

use super::bring_about::Brought;
use super::claim::{Claim, Standing, confirmed, listed};
use super::manager::{removed_lately, would_orphan};
use super::observation::{Fact, Move, Query, Say, StopCause, Watch};
use super::people::{not_protected, take_off};
use super::script::{Run, Script, Watched};
use super::unbind::{CANNOT_SEE, NEEDS_A_DIRECT_ADMIN, let_go, people_to_take_off};
use super::verdict::Verdict;
use super::{groups::leave_groups, not_in_this_version};
use crate::contract::{
    Access, Asset, Body, BusinessId, Category, ErrorInfo, ExpiredBecause, Outcome, Phase, Targets, Tasks,
};
use crate::meta::{Answer, AssetList, Call, Claimable, PersonOn, Reply};

/// What the plan says of the claim: Meta tells nobody since when somebody is an admin.
const SEVEN_DAYS: &str = "the new business asks for the Page after the cool-down; Meta grants it at once only to one who has been its admin for more than 7 days, else others must approve";

/// A transfer in hand.
struct Transfer<'a> {
    asset: &'a Asset,
    from: &'a BusinessId,
    to: &'a BusinessId,
    unmanaged: bool,
}

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let command = script.command();
    let Body::Transfer { targets: Targets::One(asset), to_business: to, cool_down, unmanaged } = &command.body else {
        unreachable!("run dispatches on the body, and lists fan out")
    };
    if asset.kind != crate::contract::Kind::Page {
        return Ok(not_in_this_version("this transfer"));
    }
    let transfer = Transfer { asset, from: script.business(), to, unmanaged: *unmanaged };
    let tasks = Tasks::default();
    let claim =
        Claim { business: to, kind: Claimable::Page, asset, access: Access::Owner, tasks: &tasks, again: false };
    if let Some(held) = claim.held(script)? {
        return Ok(confirmed(script, held));
    }
    transfer.can_be_made(script, &claim)?;
    let people = people_to_take_off(script, asset)?;
    for (person, groups) in &people {
        script.safe_point()?;
        leave_groups(script, groups, asset, person)?;
        take_off(script, asset, person)?;
    }
    script.safe_point()?;
    if let Some(left) = let_go(script, asset, Access::Owner)? {
        script.wait_until(left + cool_down.unwrap_or(script.rules().cool_down))?;
    }
    transfer.taken_up(script, &claim)
}

impl Transfer<'_> {
    /// Whatever forbids it is found before anything is touched.
    fn can_be_made(&self, script: &mut Script<'_>, claim: &Claim<'_>) -> Run<()> {
        let (_, owned) = listed(script, self.from, AssetList::Owned(self.asset.kind), &self.asset.id)?;
        if owned.is_none() {
            return Err(script.fail(self.not_owned()));
        }
        not_protected(script, self.asset, None)?;
        self.nobody_asks_for_it(script)?;
        self.not_denied_lately(script, claim)?;
        self.not_linked(script)?;
        self.somebody_stays_and_may_claim(script)
    }

    /// A request that is open stands in the way, and may be somebody's wish: it is not ours to end.
    fn nobody_asks_for_it(&self, script: &mut Script<'_>) -> Run<()> {
        let query = Query::OpenClaims { business: self.to.clone(), asset: self.asset.clone() };
        let Fact::OpenClaims(open) = script.consult(&query)? else { return Ok(()) };
        let Some(open) = open.first() else { return Ok(()) };
        let message = format!("business {} asks for {} already, by command {}", self.to, self.asset, open.command);
        let remedy = "Cancel that command first, or wait for its end; then send this one anew.";
        Err(script.fail(error(Category::Conflict, "claim_open", message, remedy)))
    }

    fn not_denied_lately(&self, script: &mut Script<'_>, claim: &Claim<'_>) -> Run<()> {
        let Some(at) = claim.last_denial(script)? else { return Ok(()) };
        let message = format!("the same claim of {} by business {} was denied at {at}", self.asset, self.to);
        let remedy =
            "Settle it with whoever denied it; then let go by `unbind` and send the `claim` with \"again\": true.";
        Err(script.fail(error(Category::Conflict, "denied_before", message, remedy)))
    }

    /// Meta refuses to let go of a Page with an Instagram link, and only a person can end that.
    fn not_linked(&self, script: &mut Script<'_>) -> Run<()> {
        let call = Call::LinksOf { page: self.asset.id.clone() };
        let linked = |answer| if let Answer::Linked(linked) = answer { Some(linked) } else { None };
        if !script.fact(&call, linked)?.1 {
            return Ok(());
        }
        let message =
            format!("{} is linked to an Instagram account, and cannot leave its business with it", self.asset);
        let remedy = "Disconnect the Instagram account (Page settings, Linked accounts), then send the command anew.";
        Err(script.fail(error(Category::NeedsHuman, "instagram_linked", message, remedy)))
    }

    /// A person with full control remains, and whoever acts for the new business is one of those that have it.
    fn somebody_stays_and_may_claim(&self, script: &mut Script<'_>) -> Run<()> {
        let removed = removed_lately(script, self.asset)?;
        let (_, reply) = script.ask(&Call::RolesOn { page: self.asset.id.clone() })?;
        let managers: Vec<PersonOn> = match reply {
            Reply::Answer(Answer::People(people)) => people.into_iter().filter(|one| one.tasks.manage()).collect(),
            Reply::GaveUp(error) => return Err(script.fail(error)),
            Reply::Answer(_) | Reply::Refused(_) | Reply::Unknown if self.unmanaged => return Ok(()),
            Reply::Answer(_) | Reply::Refused(_) | Reply::Unknown => {
                return Err(script.fail(would_orphan(self.asset, CANNOT_SEE)));
            }
        };
        if managers.iter().all(|one| removed.contains(&one.id)) {
            return Err(script.fail(would_orphan(self.asset, NEEDS_A_DIRECT_ADMIN)));
        }
        let call = Call::Myself { business: self.to.clone() };
        let myself = |answer| if let Answer::Myself(id) = answer { Some(id) } else { None };
        let (_, claimer) = script.fact(&call, myself)?;
        if managers.iter().any(|one| one.id == claimer) {
            return Ok(());
        }
        let message = format!("person/{claimer}, who acts for business {}, is no admin of {}", self.to, self.asset);
        let remedy = "Give that person full control of the Page, wait until more than 7 days have passed, then send the command anew.";
        Err(script.fail(error(Category::NeedsHuman, "no_page_admin", message, remedy)))
    }

    /// The second half: from here on every end says where the Page is.
    fn taken_up(&self, script: &mut Script<'_>, claim: &Claim<'_>) -> Run<Outcome> {
        match self.or_where_it_is(claim.ask_for_it(script, SEVEN_DAYS))? {
            Brought::Seen(Standing::Held(held)) => Ok(confirmed(script, held)),
            Brought::Seen(Standing::Waiting { since }) => self.wait_for_meta(script, claim, since),
            Brought::Planned => Ok(Outcome::of(Phase::Completed, false)),
            Brought::Refused(refusal) => Ok(Outcome::failed(script.changed(), self.stranded(refusal.info()))),
        }
    }

    fn wait_for_meta(&self, script: &mut Script<'_>, claim: &Claim<'_>, sent_at: jiff::Timestamp) -> Run<Outcome> {
        script.say(Say::Pending);
        let (business, asset) = (self.to.clone(), self.asset.clone());
        let watched = script.watch_to_the_end(Watch { business, asset, access: Access::Owner, sent_at })?;
        let changed = script.changed();
        match watched {
            Watched::Settled(Verdict::Granted(held)) => Ok(confirmed(script, held)),
            Watched::Settled(Verdict::Gone | Verdict::Open(_)) => {
                let error = self.stranded(error(
                    Category::NeedsHuman,
                    "denied",
                    "its request was denied or withdrawn".to_owned(),
                    "",
                ));
                Ok(Outcome { inferred: true, error: Some(error), ..Outcome::of(Phase::Denied, changed) })
            }
            Watched::Stopped(StopCause::Displaced(by)) => claim.give_up(script, &StopCause::Displaced(by)),
            Watched::Stopped(cause @ StopCause::Superseded(_)) => Ok(script.stopped(&cause)),
            Watched::Stopped(StopCause::GivenUp | StopCause::Cancelled | StopCause::Deadline) => {
                let error = self.stranded(error(
                    Category::NeedsHuman,
                    "given_up",
                    "its request is open still, and nobody has decided it for `poll.give_up_after`".to_owned(),
                    "",
                ));
                let because = Some(ExpiredBecause::GivenUp);
                Ok(Outcome { expired_because: because, error: Some(error), ..Outcome::of(Phase::Expired, changed) })
            }
        }
    }

    /// A failure of the claim, told with where the Page is.
    fn or_where_it_is<T>(&self, run: Run<T>) -> Run<T> {
        let needed = match run {
            Ok(value) => return Ok(value),
            Err(needed) => needed,
        };
        let outcome = needed.finished()?;
        let error = outcome.error.clone().map(|error| self.stranded(error));
        Err(Box::new(Move::Finish(Box::new(Outcome { error, ..outcome }))))
    }

    fn stranded(&self, error: ErrorInfo) -> ErrorInfo {
        let Self { asset, from, to, .. } = self;
        let message = format!("{asset} has left business {from} and is not in business {to}: {}", error.message);
        let remedy = format!(
            "{} The people with full control still have it; when nothing is in the way any more, send a `claim` for business {to} with access owner.",
            error.remedy
        );
        ErrorInfo { message, remedy: remedy.trim_start().to_owned(), ..error }
    }

    fn not_owned(&self) -> ErrorInfo {
        let message = format!("business {} does not own {}", self.from, self.asset);
        let remedy =
            "Name the business that owns it; of a Page that belongs to none, send a `claim` with access owner.";
        error(Category::Conflict, "not_owned", message, remedy)
    }
}

fn error(category: Category, code: &str, message: String, remedy: &str) -> ErrorInfo {
    let (code, remedy) = (code.to_owned(), remedy.to_owned());
    ErrorInfo { category, code, subcode: None, message, trace: None, remedy }
}
