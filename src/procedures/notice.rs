//! Rehearsals: what a command with a `notice` or a `plan` would do is found out first.
//!
//! The procedure is rehearsed as a dry run, children too. A rehearsal that meets a refusal ends the command with it:
//! there is nothing to announce. After the notice, and once the plan is seen to be the one that was asked for, the
//! command begins anew, and nothing that the rehearsal saw counts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::observation::{Announcement, Move, Next, Observation};
use super::rules::Rules;
use super::script::{Run, Script};
use super::{play, run};
use crate::contract::{
    Body, Category, Command, Digest, EmailAddress, ErrorInfo, Outcome, PersonId, PersonSeen, Phase, Plan,
};
use crate::meta::{Answer, Call, Reply};

/// What a command does now.
enum Stage<'a> {
    /// It finds out what it has to announce.
    Announces(Duration),
    /// It finds out whether the plan is still the one that was asked for.
    Compares(&'a Digest),
    /// It acts.
    Acts,
}

/// The next move of `command`, whatever has to be rehearsed first.
pub(super) fn next(command: &Command, rules: &Rules, seen: &[Observation], now: Timestamp) -> Next {
    let (stage, from) = stage(command, seen);
    let (before, anew) = seen.split_at(from);
    let rehearsal = Command { dry_run: true, notice: None, ..command.clone() };
    let acting = Command { notice: command.notice.filter(|_| command.dry_run), ..command.clone() };
    let made = children_of(before);
    match stage {
        Stage::Announces(notice) => play(Script::new(&rehearsal, rules, anew, now), |script| announce(script, notice)),
        Stage::Compares(wanted) => {
            play(Script::new(&rehearsal, rules, anew, now).after_rehearsal(made), |script| compare(script, wanted))
        }
        Stage::Acts => play(Script::new(&acting, rules, anew, now).after_rehearsal(made), run),
    }
}

/// Where what counts begins among what `command` has seen: behind its last rehearsal.
#[must_use]
pub fn counts_from(command: &Command, seen: &[Observation]) -> usize {
    stage(command, seen).1
}

/// Whether nothing is done yet but to find out what would be.
#[must_use]
pub fn is_rehearsal(command: &Command, seen: &[Observation]) -> bool {
    !matches!(stage(command, seen).0, Stage::Acts)
}

fn stage<'a>(command: &'a Command, seen: &[Observation]) -> (Stage<'a>, usize) {
    if command.dry_run {
        return (Stage::Acts, 0);
    }
    let over = seen.iter().position(|seen| matches!(seen, Observation::NoticeOver { .. }));
    if let (Some(notice), None) = (command.notice, over) {
        return (Stage::Announces(notice), 0);
    }
    let from = over.unwrap_or(0);
    let Some(wanted) = plan_of(command) else { return (Stage::Acts, from) };
    let is_it = |seen: &Observation| matches!(seen, Observation::Rehearsed { digest, .. } if digest == wanted);
    match seen[from..].iter().position(is_it) {
        None => (Stage::Compares(wanted), from),
        Some(n) => (Stage::Acts, from + n),
    }
}

/// The plan that a command asks for.
fn plan_of(command: &Command) -> Option<&Digest> {
    if let Body::Offboard { plan, .. } = &command.body { plan.as_ref() } else { None }
}

/// How many children the rehearsals made.
fn children_of(rehearsals: &[Observation]) -> u32 {
    let of = |seen: &Observation| if let Observation::Children { tally, .. } = seen { tally.total } else { 0 };
    rehearsals.iter().map(of).sum()
}

fn announce(script: &mut Script<'_>, notice: Duration) -> Run<Outcome> {
    let plan = rehearse(script)?;
    if let Some(wanted) = plan_of(script.command())
        && script.rehearsed(&plan)? != *wanted
    {
        return Ok(plan_changed(plan));
    }
    let addresses = addresses(script)?;
    let people = script.concerned().iter().map(|person| seen(person, &addresses)).collect();
    let at = script.announced(|| Announcement { plan, people })?;
    script.safe_point()?;
    Err(Box::new(Move::Notice(at + notice)))
}

fn compare(script: &mut Script<'_>, wanted: &Digest) -> Run<Outcome> {
    let plan = rehearse(script)?;
    let digest = script.rehearsed(&plan)?;
    debug_assert_ne!(digest, *wanted, "the plan that is asked for begins the next stage");
    Ok(plan_changed(plan))
}

/// The plan of a rehearsal; the command ends with what the rehearsal met, or because it is to stop.
fn rehearse(script: &mut Script<'_>) -> Run<Plan> {
    let outcome = match run(script) {
        Ok(outcome) => script.with_plan(outcome),
        Err(needed) => needed.finished()?,
    };
    let ends = |outcome| Err(Box::new(Move::Finish(Box::new(outcome))));
    if let Some(cause) = script.stop_cause() {
        let stopped = script.stopped(&cause);
        return ends(stopped);
    }
    // Of several assets those that can be done are announced; what became of the others is told at the end.
    let some_work = script.good_children() > 0 || !script.concerned().is_empty();
    let some_go = outcome.phase == Phase::Incomplete && some_work;
    match outcome.plan {
        Some(plan) => Ok(plan),
        None if some_go => Ok(script.planned()),
        None => ends(outcome),
    }
}

/// The end of a command whose plan is another by now; it has the new one.
fn plan_changed(plan: Plan) -> Outcome {
    let error = ErrorInfo {
        category: Category::Conflict,
        code: "plan_changed".to_owned(),
        subcode: None,
        message: "what would be done is not what the plan says any more; nothing was done".to_owned(),
        trace: None,
        remedy: "Read the new plan in this event; if it is right, send a new command with its digest.".to_owned(),
    };
    Outcome { plan: Some(plan), ..Outcome::failed(false, error) }
}

/// The addresses of the business's people. Where the list cannot be read the ids must do.
fn addresses(script: &mut Script<'_>) -> Run<BTreeMap<PersonId, EmailAddress>> {
    if script.concerned().is_empty() {
        return Ok(BTreeMap::new());
    }
    let (_, reply) = script.ask(&Call::Directory { business: script.business().clone() })?;
    match reply {
        Reply::Answer(Answer::Directory(people)) => Ok(people.into_iter().collect()),
        Reply::Answer(_) | Reply::Refused(_) | Reply::Unknown | Reply::GaveUp(_) => Ok(BTreeMap::new()),
    }
}

fn seen(person: &PersonId, addresses: &BTreeMap<PersonId, EmailAddress>) -> PersonSeen {
    PersonSeen { id: Some(person.clone()), email: addresses.get(person).cloned() }
}
