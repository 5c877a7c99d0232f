//! A person who is being offboarded is granted nothing: what one command takes, another must not give.

use super::observation::{Fact, Query};
use super::script::{Run, Script};
use crate::contract::{Category, CommandId, ErrorInfo, Person, PersonId};

/// Ends the command where `person` is being offboarded from its business.
pub(super) fn not_leaving(script: &mut Script<'_>, person: &Person) -> Run<()> {
    let query = Query::IsLeaving { business: script.business().clone(), person: person.clone() };
    match by_whom(script, &query)? {
        None => Ok(()),
        Some(other) => Err(script.fail(being_offboarded(&other))),
    }
}

/// The same for a person whose id is known.
pub(super) fn may_be_granted(script: &mut Script<'_>, person: &PersonId) -> Run<()> {
    not_leaving(script, &Person::Id(person.clone()))
}

/// The command that offboards the person whom `query` asks about.
pub(super) fn by_whom(script: &mut Script<'_>, query: &Query) -> Run<Option<CommandId>> {
    match script.consult(query)? {
        Fact::Leaving(other) => Ok(other),
        Fact::OpenClaims(_)
        | Fact::Denied(_)
        | Fact::Removed(_)
        | Fact::Deeds(_)
        | Fact::Told(_)
        | Fact::NotKnown
        | Fact::NotAllowed => Ok(None),
    }
}

fn being_offboarded(other: &CommandId) -> ErrorInfo {
    ErrorInfo {
        category: Category::Conflict,
        code: "being_offboarded".to_owned(),
        subcode: None,
        message: format!("the person is being offboarded by {other}"),
        trace: None,
        remedy: format!("Cancel {other} if the person stays; else grant this to somebody else."),
    }
}
