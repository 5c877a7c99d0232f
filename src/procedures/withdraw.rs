//! Taking an open request back.
//!
//! The lists are read first: what has been granted meanwhile is not a request any more. Between that read and the
//! DELETE lie seconds in which an approval may fall; the same DELETE then drops the access just granted. Meta offers
//! nothing that closes them.

use super::bring_about::{Brought, Look, Sent, bring_about};
use super::claim::listed;
use super::script::{Run, Script};
use crate::contract::{Access, BusinessId, ObjectId, Tasks};
use crate::meta::{AssetList, Call, Claimable, Removable};

/// What became of the request.
pub(super) enum Withdrawn {
    /// It had been granted, with these tasks; nothing was taken back.
    Granted(Tasks),
    /// It is open no more.
    Gone,
}

pub(super) fn withdraw(
    script: &mut Script<'_>,
    business: &BusinessId,
    (kind, id): (Claimable, &ObjectId),
    access: Access,
) -> Run<Withdrawn> {
    let (_, pending) = listed(script, business, AssetList::pending(kind, access), id)?;
    let (_, held) = listed(script, business, AssetList::held(kind.kind(), access), id)?;
    if let Some(tasks) = held {
        return Ok(Withdrawn::Granted(tasks));
    }
    if pending.is_none() {
        // An owner claim that neither list shows may have been granted: never taken back.
        return Ok(Withdrawn::Gone);
    }
    let remove = Call::Remove { business: business.clone(), what: Removable::claimed(kind, id.clone()) };
    let gone = |script: &mut Script<'_>, _: &Sent<'_>| {
        let (began, pending) = listed(script, business, AssetList::pending(kind, access), id)?;
        Ok(if pending.is_none() { Look::Seen(()) } else { Look::NotYet(began) })
    };
    match bring_about(script, &remove, "takes the open request back", gone)? {
        Brought::Seen(()) | Brought::Planned => Ok(Withdrawn::Gone),
        Brought::Refused(refusal) => Err(script.refused(&refusal)),
    }
}
