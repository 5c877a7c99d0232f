//! `offboard`: all that a person has goes to the successor, and the person goes.
//!
//! What must hold: nothing is written before it is known that the person may go at all; the person leaves the business
//! only once every asset that any list shows has its seen successor, or another manager, and a last look over the
//! lists shows nothing new. What is left is named, and the person stays with it.
//!
//! The work on the assets is that of `reassign` and `unassign`, in a child an asset; here is decided what they are
//! sent for, and when it is enough.

mod checks;
mod holdings;
mod lasting;
pub(super) mod leaver;
mod recheck;

pub use recheck::rechecks;

use std::collections::BTreeSet;

use super::bring_about::{Brought, Look, bring_about};
use super::groups::tied;
use super::leaving::by_whom;
use super::observation::{Query, StopCause};
use super::script::{Run, Script};
use crate::contract::{
    Asset, Body, Category, Command, ErrorInfo, ItemResult, Outcome, Person, PersonId, Phase, Targets,
};
use crate::meta::{Call, Member};
use checks::{Kept, kept, may_go};
use holdings::holdings;
use lasting::{still_there, until_the_leaving};
use leaver::{Found, Leaver, look_up, withdraw};

/// How often the lists are read, at most: somebody who goes on giving the person things is stronger than we are.
const ROUNDS: usize = 3;

/// What is asked.
struct Errand<'a> {
    user: &'a Person,
    successor: Option<&'a Person>,
    remove_from_business: bool,
}

/// How far the assets have come.
#[derive(Default)]
struct Handed {
    /// Every asset that a list has shown.
    known: BTreeSet<Asset>,
    /// Those that are left alone, each with the reason.
    left: Vec<ItemResult>,
    /// One of those is protected by the configuration, not by the command alone.
    left_for_good: bool,
    /// Those from which no call takes the person: it ends with the leaving.
    lasting: BTreeSet<Asset>,
    /// Children have been sent.
    begun: bool,
}

impl Handed {
    fn is_left(&self, asset: &Asset) -> bool {
        self.left.iter().any(|result| result.asset == *asset)
    }
}

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let Body::Offboard { user, successor, remove_from_business, .. } = &script.command().body else {
        unreachable!("run dispatches on the body")
    };
    let (successor, remove_from_business) = (successor.as_ref(), *remove_from_business);
    let errand = Errand { user, successor, remove_from_business };
    let Some(found) = look_up(script, user)? else { return Ok(nobody_there()) };
    match found {
        Leaver::Invited(invitations) => {
            checks::not_protected_as(script, user)?;
            withdraw(script, &invitations)?;
            leaver::did_not_join(script, user)?;
            let resurfaced = script.command().id.is_recheck();
            Ok(Outcome { resurfaced, ..Outcome::of(Phase::Completed, script.changed()) })
        }
        Leaver::Member(found) => of_member(script, &errand, &found),
    }
}

/// A recheck that finds nobody has nothing to take.
fn nobody_there() -> Outcome {
    Outcome::of(Phase::Completed, false)
}

fn of_member(script: &mut Script<'_>, errand: &Errand<'_>, found: &Found) -> Run<Outcome> {
    may_go(script, found)?;
    let member = &found.member;
    let successor = errand.successor.map(|person| checks::successor(script, person, &member.id)).transpose()?;
    if !is_still_there(script, errand, member)? {
        return Ok(nobody_there());
    }
    let mut handed = Handed::default();
    let ended = hand_over(script, errand, member, successor.as_ref(), &mut handed);
    let outcome = match ended {
        Err(needed) if handed.begun => the_rest(needed.finished()?),
        ended @ (Ok(_) | Err(_)) => ended?,
    };
    if errand.remove_from_business && outcome.phase == Phase::Incomplete {
        let stays = still_there(script, &member.id, &handed)?;
        handed.left.extend(stays);
    }
    let came_back = errand.remove_from_business || handed.begun;
    let resurfaced = script.command().id.is_recheck() && came_back;
    Ok(Outcome { resurfaced, results: handed.left, ..outcome })
}

/// Makes known that the person leaves; another command that is offboarding them already is waited for, and may leave
/// nobody to offboard.
fn is_still_there(script: &mut Script<'_>, errand: &Errand<'_>, member: &Member) -> Run<bool> {
    if script.dry_run() {
        return Ok(true);
    }
    let (business, person) = (script.business().clone(), member.id.clone());
    let query = Query::Leaving { business, person, email: member.email.clone() };
    let Some(other) = by_whom(script, &query)? else { return Ok(true) };
    script.safe_point()?;
    script.end_of(&other)?;
    leaver::is_member(script, errand.user)
}

/// Reads the lists and hands over what they show, until they show nothing new; then the person goes.
fn hand_over(
    script: &mut Script<'_>,
    errand: &Errand<'_>,
    member: &Member,
    successor: Option<&PersonId>,
    handed: &mut Handed,
) -> Run<Outcome> {
    for _ in 0..ROUNDS {
        let held = holdings(script, &member.id)?;
        let fresh: Vec<Asset> = held.assets.keys().filter(|asset| !handed.known.contains(*asset)).cloned().collect();
        handed.known.extend(fresh.iter().cloned());
        let to_do = leave_what_is_kept(script, fresh, handed);
        let to_do = until_the_leaving(script, errand, member, (&held, to_do), handed)?;
        if to_do.is_empty() {
            return leave(script, errand, member, handed);
        }
        let bundles = tied(to_do, &held.groups);
        let parent = script.command().clone();
        let child = |(n, assets)| child(&parent, n, (&member.id, successor), assets);
        let children = (script.next_child()..).zip(bundles).map(child).collect();
        script.spawn(children)?;
        handed.begun = true;
        let tally = script.children()?;
        if let Some(cause) = script.stop_cause() {
            return Ok(stopped(script, &cause));
        }
        if tally.good < tally.total {
            return Ok(Outcome::of(Phase::Incomplete, script.changed()));
        }
        if script.dry_run() {
            return leave(script, errand, member, handed);
        }
    }
    Ok(Outcome { error: Some(granted_meanwhile()), ..Outcome::of(Phase::Incomplete, script.changed()) })
}

/// What may be handed over of `fresh`; the rest is named.
fn leave_what_is_kept(script: &Script<'_>, fresh: Vec<Asset>, handed: &mut Handed) -> Vec<Asset> {
    let mut to_do = Vec::new();
    for asset in fresh {
        match kept(script, &asset) {
            None => to_do.push(asset),
            Some(by) => {
                handed.left_for_good |= by == Kept::ByConfiguration;
                handed.left.push(checks::protected(asset, by));
            }
        }
    }
    to_do
}

/// A child an asset, or a bundle of those that asset groups tie.
fn child(parent: &Command, n: u32, (from, to): (&PersonId, Option<&PersonId>), assets: Vec<Asset>) -> Command {
    let targets = match <[Asset; 1]>::try_from(assets) {
        Ok([asset]) => Targets::One(asset),
        Err(several) => Targets::List(several),
    };
    let leaves = matches!(parent.body, Body::Offboard { remove_from_business: true, .. });
    let user = Person::Id(from.clone());
    let body = match to {
        Some(to) => Body::Reassign { targets, from: user, to: Person::Id(to.clone()), tasks: None, leaves },
        None => Body::Unassign { targets, user, tasks: None, leaves },
    };
    Command { id: parent.id.child(n), notice: None, body, ..parent.clone() }
}

/// All that any list shows is in other hands: the person goes, unless something is kept for them.
fn leave(script: &mut Script<'_>, errand: &Errand<'_>, member: &Member, handed: &Handed) -> Run<Outcome> {
    let keeps = !handed.left.is_empty() && (errand.remove_from_business || handed.left_for_good);
    if keeps {
        return Ok(Outcome::of(Phase::Incomplete, script.changed()));
    }
    if !errand.remove_from_business {
        return Ok(Outcome::of(Phase::Completed, script.changed()));
    }
    let invitations = leaver::invitations_of(script, member)?;
    withdraw(script, &invitations)?;
    script.concerns(&member.id);
    let write = Call::RemovePerson { person: member.id.clone() };
    let who = Person::Id(member.id.clone());
    let brought = bring_about(script, &write, "the person leaves the business", |script, _| {
        let (began, found) = leaver::members(script, &who)?;
        Ok(if found.is_empty() { Look::Seen(()) } else { Look::NotYet(began) })
    })?;
    match brought {
        Brought::Seen(()) | Brought::Planned => Ok(Outcome::of(Phase::Completed, script.changed())),
        Brought::Refused(refusal) => Err(script.refused(&refusal)),
    }
}

/// How an offboarding ends that is to stop after it has begun.
fn stopped(script: &Script<'_>, cause: &StopCause) -> Outcome {
    match cause {
        StopCause::Cancelled | StopCause::Superseded(_) | StopCause::Displaced(_) => script.stopped(cause),
        StopCause::Deadline | StopCause::GivenUp => the_rest(script.stopped(cause)),
    }
}

/// What ends an offboarding half-way leaves a rest: it is told as that, with the reason.
fn the_rest(outcome: Outcome) -> Outcome {
    match outcome.phase {
        Phase::Failed => Outcome { phase: Phase::Incomplete, ..outcome },
        Phase::Expired => {
            Outcome { phase: Phase::Incomplete, expired_because: None, error: Some(deadline()), ..outcome }
        }
        Phase::Accepted
        | Phase::Announced
        | Phase::Pending
        | Phase::Waiting
        | Phase::Progress
        | Phase::Confirmed
        | Phase::Denied
        | Phase::Completed
        | Phase::Incomplete
        | Phase::Cancelled
        | Phase::Rejected => outcome,
    }
}

fn granted_meanwhile() -> ErrorInfo {
    ErrorInfo {
        category: Category::Conflict,
        code: "granted_meanwhile".to_owned(),
        subcode: None,
        message: format!("each of {ROUNDS} readings of the person's lists showed something new"),
        trace: None,
        remedy: "Find out who goes on giving the person access, then send the command anew.".to_owned(),
    }
}

fn deadline() -> ErrorInfo {
    ErrorInfo {
        category: Category::Exhausted,
        code: "deadline".to_owned(),
        subcode: None,
        message: "`expires_at` came before the person was offboarded".to_owned(),
        trace: None,
        remedy: "Send the command anew for the rest, with a later `expires_at` or none.".to_owned(),
    }
}
