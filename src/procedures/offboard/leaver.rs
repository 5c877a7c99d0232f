//! Who leaves: a person of the business, or somebody whose invitation is still open.

use jiff::Timestamp;

use crate::contract::{Category, ErrorInfo, Person};
use crate::meta::{Answer, Call, Invitation, Member};
use crate::procedures::bring_about::{Brought, Look, bring_about};
use crate::procedures::script::{Run, Script};

/// The person whom a command means.
pub(super) enum Leaver {
    /// In the business.
    Member(Found),
    /// Invited into it.
    Invited(Vec<Invitation>),
}

/// A person of the business, as its list shows them.
pub(super) struct Found {
    pub(super) member: Member,
    /// Whether somebody else is an admin of the business.
    pub(super) other_admin: bool,
}

/// Exactly one person, or the end of the command; nobody only where a recheck looks.
pub(super) fn look_up(script: &mut Script<'_>, user: &Person) -> Run<Option<Leaver>> {
    let call = Call::Members { business: script.business().clone(), who: Some(user.clone()) };
    let (_, (mut found, other_admin)) = script.fact(&call, |answer| {
        if let Answer::Members { found, other_admin } = answer { Some((found, other_admin)) } else { None }
    })?;
    if found.len() == 1 {
        return Ok(found.pop().map(|member| Leaver::Member(Found { member, other_admin })));
    }
    let (_, invitations) = invitations(script, user)?;
    match (found.len(), invitations.len()) {
        (0, 1) => Ok(Some(Leaver::Invited(invitations))),
        (0, 0) if script.command().id.is_recheck() => Ok(None),
        (people, invited) => Err(script.fail(not_one(people, invited))),
    }
}

/// The people of the business who are `who`.
pub(in crate::procedures) fn members(script: &mut Script<'_>, who: &Person) -> Run<(Timestamp, Vec<Member>)> {
    let call = Call::Members { business: script.business().clone(), who: Some(who.clone()) };
    script.fact(&call, |answer| if let Answer::Members { found, .. } = answer { Some(found) } else { None })
}

pub(super) fn is_member(script: &mut Script<'_>, who: &Person) -> Run<bool> {
    members(script, who).map(|(_, found)| !found.is_empty())
}

/// Open invitations of somebody who is in the business already.
pub(super) fn invitations_of(script: &mut Script<'_>, member: &Member) -> Run<Vec<Invitation>> {
    let Some(email) = member.email.clone() else { return Ok(Vec::new()) };
    invitations(script, &Person::Email(email)).map(|(_, open)| open)
}

/// The open invitations of `who`.
pub(in crate::procedures) fn invitations(script: &mut Script<'_>, who: &Person) -> Run<(Timestamp, Vec<Invitation>)> {
    let call = Call::Invitations { business: script.business().clone(), who: Some(who.clone()) };
    script.fact(&call, |answer| if let Answer::Invitations(open) = answer { Some(open) } else { None })
}

/// Takes open invitations back, and sees it.
pub(in crate::procedures) fn withdraw(script: &mut Script<'_>, invitations: &[Invitation]) -> Run<()> {
    for invitation in invitations {
        let request = invitation.request.as_str();
        let who = request.parse().map(Person::Id).expect("a role request's id is digits, as a person's is");
        let write = Call::CallOff { request: invitation.request.clone() };
        let brought = bring_about(script, &write, "takes the open invitation back", |script, _| {
            let (began, open) = self::invitations(script, &who)?;
            Ok(if open.is_empty() { Look::Seen(()) } else { Look::NotYet(began) })
        })?;
        match brought {
            Brought::Seen(()) | Brought::Planned => {}
            Brought::Refused(refusal) => return Err(script.refused(&refusal)),
        }
    }
    Ok(())
}

/// An invitation may be accepted in the moment in which it is taken back.
pub(super) fn did_not_join(script: &mut Script<'_>, user: &Person) -> Run<()> {
    if script.dry_run() || !is_member(script, user)? {
        return Ok(());
    }
    Err(script.fail(ErrorInfo {
        category: Category::Conflict,
        code: "joined_meanwhile".to_owned(),
        subcode: None,
        message: "the person accepted the invitation before it was taken back, and is in the business now".to_owned(),
        trace: None,
        remedy: "Send the command anew: it finds the person in the business.".to_owned(),
    }))
}

fn not_one(people: usize, invited: usize) -> ErrorInfo {
    ErrorInfo {
        category: Category::Invalid,
        code: "person_not_found".to_owned(),
        subcode: None,
        message: format!("{people} people of the business and {invited} open invitations are \"user\", not one"),
        trace: None,
        remedy: "Give the business-scoped id in \"user\", as business_users lists it; who has left needs no command."
            .to_owned(),
    }
}
