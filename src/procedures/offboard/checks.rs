//! Who may go, and what must stay: found before the first write.

use super::leaver::Found;
use crate::contract::{Asset, Body, Category, ErrorInfo, ItemResult, Person, PersonId, Phase, Protected};
use crate::meta::{Answer, Call, Reply};
use crate::procedures::leaving::may_be_granted;
use crate::procedures::script::{Run, Script};

/// Meta's code for an edge that a node does not have.
const NO_SUCH_EDGE: i64 = 100;

/// Who says that an asset is not to be touched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    ByCommand,
    ByConfiguration,
}

/// Ends the command where the person is protected, the last admin of the business, or the credential's own.
pub(super) fn may_go(script: &mut Script<'_>, found: &Found) -> Run<()> {
    let Found { member, other_admin } = found;
    not_protected_as(script, &Person::Id(member.id.clone()))?;
    if let Some(email) = &member.email {
        not_protected_as(script, &Person::Email(email.clone()))?;
    }
    if member.admin && !*other_admin {
        return Err(script.fail(last_admin(&member.id)));
    }
    not_our_own_hand(script, &member.id)
}

/// Ends the command where a person is protected under this name.
pub(super) fn not_protected_as(script: &Script<'_>, person: &Person) -> Run<()> {
    let name = Protected::Person(person.clone());
    let in_command = protected_by_command(script).contains(&name);
    if !in_command && !script.rules().protected.contains(&name.to_string()) {
        return Ok(());
    }
    Err(script.fail(ErrorInfo {
        category: Category::Conflict,
        code: "protected".to_owned(),
        subcode: None,
        message: "the person is protected and taken from nothing".to_owned(),
        trace: None,
        remedy: "Take the person from `protected` (of the command, or of the configuration) if this is really wanted."
            .to_owned(),
    }))
}

/// The person who takes over: another one, who is not leaving as well.
pub(super) fn successor(script: &mut Script<'_>, person: &Person, leaver: &PersonId) -> Run<PersonId> {
    let successor = script.person("successor", person)?;
    if successor == *leaver {
        return Err(script.fail(same_person(leaver)));
    }
    may_be_granted(script, &successor)?;
    Ok(successor)
}

/// Who keeps `asset`, if anybody does.
pub(super) fn kept(script: &Script<'_>, asset: &Asset) -> Option<Kept> {
    if script.rules().protected.contains(&asset.to_string()) {
        return Some(Kept::ByConfiguration);
    }
    let named = |entry: &Protected| *entry == Protected::Asset(asset.clone());
    protected_by_command(script).iter().any(named).then_some(Kept::ByCommand)
}

/// What becomes of an asset that is kept.
pub(super) fn protected(asset: Asset, by: Kept) -> ItemResult {
    let whose = match by {
        Kept::ByCommand => "command",
        Kept::ByConfiguration => "configuration",
    };
    let error = ErrorInfo {
        category: Category::Conflict,
        code: "protected".to_owned(),
        subcode: None,
        message: format!("{asset} is protected by the {whose}"),
        trace: None,
        remedy: format!("Take it from `protected` of the {whose} if it is to be handed over too."),
    };
    ItemResult { asset, phase: Phase::Failed, changed: false, error: Some(error) }
}

fn protected_by_command<'a>(script: &Script<'a>) -> &'a [Protected] {
    if let Body::Offboard { protected, .. } = &script.command().body { protected } else { &[] }
}

/// A system user is no person of a business, and its node has no such edge (inferred: Meta's specs name it for users
/// alone). Any other refusal leaves open whose hand it is.
fn not_our_own_hand(script: &mut Script<'_>, leaver: &PersonId) -> Run<()> {
    let (_, reply) = script.ask(&Call::MyPeople)?;
    match reply {
        Reply::Answer(Answer::Persons(own)) if own.contains(leaver) => Err(script.fail(own_credential(leaver))),
        Reply::Refused(refusal) if refusal.code != NO_SUCH_EDGE => Err(script.refused(&refusal)),
        Reply::GaveUp(error) => Err(script.fail(error)),
        Reply::Answer(_) | Reply::Refused(_) | Reply::Unknown => Ok(()),
    }
}

fn last_admin(person: &PersonId) -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "last_admin".to_owned(),
        subcode: None,
        message: format!("person {person} is the last admin of the business"),
        trace: None,
        remedy: "Make another person an admin in the business settings (Users, People), then send the command anew."
            .to_owned(),
    }
}

fn own_credential(person: &PersonId) -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "own_credential".to_owned(),
        subcode: None,
        message: format!("the credential acts as person {person}: it would take its own rights"),
        trace: None,
        remedy: "Give the configuration the token of an admin system user, then send the command anew.".to_owned(),
    }
}

fn same_person(person: &PersonId) -> ErrorInfo {
    ErrorInfo {
        category: Category::Invalid,
        code: "same_person".to_owned(),
        subcode: None,
        message: format!("user and successor are both person {person}"),
        trace: None,
        remedy: "Name another person in `successor`.".to_owned(),
    }
}
