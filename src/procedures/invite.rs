//! `invite`: a person by address into the business, and then onto assets.
//!
//! Meta tells nobody when an invitation is accepted: the business's lists do, as they do for claims. What they do not
//! show any more is believed gone only when that is old enough, and never called a refusal: declined, lapsed and called
//! off by hand look the same.

use jiff::Timestamp;

use super::bring_about::{Brought, Look, bring_about};
use super::leaving::not_leaving;
use super::observation::{InvitationWatch, Say, StopCause};
use super::offboard::leaver::{invitations, members, withdraw};
use super::script::{Run, Script, Watched};
use super::verdict::Verdict;
use crate::contract::{
    Asset, Body, Category, Command, EmailAddress, ErrorInfo, ExpiredBecause, Outcome, Person, PersonId, Phase, Role,
    Targets, Tasks,
};
use crate::meta::Call;

/// Whether the person is in the business.
enum Joined {
    Yes,
    /// The command ends without them.
    No(Box<Outcome>),
}

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let Body::Invite { email, role, assets, tasks } = &script.command().body else {
        unreachable!("run dispatches on the body")
    };
    not_leaving(script, &Person::Email(email.clone()))?;
    if let Some(person) = member(script, email)? {
        return add_to(script, &person, assets, tasks);
    }
    if let Joined::No(outcome) = join(script, email, *role)? {
        return Ok(*outcome);
    }
    match member(script, email)? {
        Some(person) => add_to(script, &person, assets, tasks),
        None => Err(script.fail(left_again())),
    }
}

/// The person of the business with this address, if there is one.
fn member(script: &mut Script<'_>, email: &EmailAddress) -> Run<Option<PersonId>> {
    let (_, mut found) = members(script, &Person::Email(email.clone()))?;
    if found.len() > 1 {
        return Err(script.fail(several(found.len())));
    }
    Ok(found.pop().map(|member| member.id))
}

/// Invites the person, unless that is done already, and waits for the answer.
fn join(script: &mut Script<'_>, email: &EmailAddress, role: Role) -> Run<Joined> {
    let who = Person::Email(email.clone());
    let (began, open) = invitations(script, &who)?;
    let since = if open.is_empty() { send(script, &who, email, role)? } else { Some(began) };
    let Some(sent_at) = since.filter(|_| !script.dry_run()) else {
        return Ok(Joined::No(Box::new(Outcome::of(Phase::Completed, false))));
    };
    script.say(Say::Pending);
    let business = script.business().clone();
    match script.watch_invitation(InvitationWatch { business, email: email.clone(), sent_at })? {
        Watched::Settled(Verdict::Granted(_)) => Ok(Joined::Yes),
        Watched::Settled(Verdict::Gone | Verdict::Open(_)) => Ok(Joined::No(Box::new(gone(script)))),
        Watched::Stopped(cause) => give_up(script, &who, &cause).map(|outcome| Joined::No(Box::new(outcome))),
    }
}

/// When the invitation left; nothing in a dry run.
fn send(script: &mut Script<'_>, who: &Person, email: &EmailAddress, role: Role) -> Run<Option<Timestamp>> {
    let write = Call::Invite { business: script.business().clone(), email: email.clone(), role };
    let brought = bring_about(script, &write, "invites the person into the business", |script, sent| {
        let (began, open) = invitations(script, who)?;
        if !open.is_empty() {
            return Ok(Look::Seen(sent.left));
        }
        // Accepted before the first look.
        let (_, joined) = members(script, who)?;
        Ok(if joined.is_empty() { Look::NotYet(began) } else { Look::Seen(sent.left) })
    })?;
    match brought {
        Brought::Seen(left) => Ok(Some(left)),
        Brought::Planned => Ok(None),
        Brought::Refused(refusal) => Err(script.refused(&refusal)),
    }
}

/// Takes the invitation back. Who has joined meanwhile is in the business, and is given nothing more.
fn give_up(script: &mut Script<'_>, who: &Person, cause: &StopCause) -> Run<Outcome> {
    let (_, open) = invitations(script, who)?;
    if !open.is_empty() {
        withdraw(script, &open)?;
    }
    let (_, joined) = members(script, who)?;
    let nothing_more = matches!(&script.command().body, Body::Invite { assets, .. } if assets.is_empty());
    if !joined.is_empty() && nothing_more {
        return Ok(Outcome::of(Phase::Completed, script.changed()));
    }
    Ok(script.stopped(cause))
}

/// Adds the tasks to what the person has, on each asset in a child of its own.
fn add_to(script: &mut Script<'_>, person: &PersonId, assets: &[Asset], tasks: &Tasks) -> Run<Outcome> {
    if assets.is_empty() {
        return Ok(Outcome::of(Phase::Completed, script.changed()));
    }
    let parent = script.command().clone();
    let child = |(n, asset): (u32, &Asset)| Command {
        id: parent.id.child(n),
        notice: None,
        body: Body::Assign {
            targets: Targets::One(asset.clone()),
            user: Person::Id(person.clone()),
            tasks: tasks.clone(),
            adding: true,
        },
        ..parent.clone()
    };
    let children = (script.next_child()..).zip(assets).map(child).collect();
    script.spawn(children)?;
    let tally = script.children()?;
    let phase = match script.stop_cause() {
        Some(StopCause::Cancelled) => Phase::Cancelled,
        Some(_) | None if tally.good < tally.total => Phase::Incomplete,
        Some(_) | None => Phase::Completed,
    };
    Ok(Outcome::of(phase, script.changed()))
}

/// The invitation is open no more, and nobody has joined.
fn gone(script: &Script<'_>) -> Outcome {
    let error = ErrorInfo {
        category: Category::NeedsHuman,
        code: "invitation_gone".to_owned(),
        subcode: None,
        message: "the invitation is open no more and nobody has joined: declined, lapsed, or called off by hand"
            .to_owned(),
        trace: None,
        remedy: "Ask the person, then send the command anew.".to_owned(),
    };
    Outcome {
        expired_because: Some(ExpiredBecause::GivenUp),
        inferred: true,
        error: Some(error),
        ..Outcome::of(Phase::Expired, script.changed())
    }
}

fn several(people: usize) -> ErrorInfo {
    ErrorInfo {
        category: Category::Invalid,
        code: "person_not_found".to_owned(),
        subcode: None,
        message: format!("{people} people of the business have the address, not one"),
        trace: None,
        remedy: "Clear up in the business settings who they are; `assign` takes an id.".to_owned(),
    }
}

fn left_again() -> ErrorInfo {
    ErrorInfo {
        category: Category::Conflict,
        code: "left_again".to_owned(),
        subcode: None,
        message: "the person was seen in the business, and is there no more".to_owned(),
        trace: None,
        remedy: "Find out who took the person out, then send the command anew.".to_owned(),
    }
}
