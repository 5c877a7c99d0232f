//! Never orphan: a manager who remains is seen, not assumed.

use super::observation::{Fact, Query};
use super::script::{Run, Script};
use crate::contract::{Asset, Category, ErrorInfo, PersonId};
use crate::meta::kinds::{has_roles, manages};
use crate::meta::{Answer, Call, PersonOn, Reply};

/// Whether somebody who can manage the asset would remain.
pub(super) enum Remains {
    /// Seen.
    Yes,
    /// Seen that there is nobody.
    Nobody,
    /// The edge that would tell refuses.
    CannotBeSeen,
}

/// The people of the business on the asset.
pub(super) fn people_on(script: &mut Script<'_>, asset: &Asset) -> Run<Vec<PersonOn>> {
    let call = Call::PeopleOn { business: script.business().clone(), asset: asset.clone() };
    script.people(&call).map(|(_, people)| people)
}

/// Whether a manager remains on `asset` when `leaver` is gone: another person of the business, or a direct admin.
pub(super) fn remains(script: &mut Script<'_>, asset: &Asset, people: &[PersonOn], leaver: &PersonId) -> Run<Remains> {
    someone(script, asset, people.iter().filter(|person| person.id != *leaver))
}

/// Whether the business that keeps `asset` has a manager on it, or one remains outside.
pub(super) fn a_manager_remains(script: &mut Script<'_>, asset: &Asset) -> Run<Remains> {
    let people = people_on(script, asset)?;
    someone(script, asset, people.iter())
}

fn someone<'p>(script: &mut Script<'_>, asset: &Asset, mut people: impl Iterator<Item = &'p PersonOn>) -> Run<Remains> {
    let removed = removed_lately(script, asset)?;
    let stays = |person: &PersonOn| manages(asset.kind, &person.tasks) && !removed.contains(&person.id);
    if people.any(stays) {
        return Ok(Remains::Yes);
    }
    direct_admin(script, asset, &removed)
}

/// Whether a person outside every business manages the asset: what is left when the business lets go of it.
pub(super) fn direct_admin_remains(script: &mut Script<'_>, asset: &Asset) -> Run<Remains> {
    let removed = removed_lately(script, asset)?;
    direct_admin(script, asset, &removed)
}

/// The end of a command whose next step would leave nobody in charge.
pub(super) fn would_orphan(asset: &Asset, remedy: &str) -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "would_orphan".to_owned(),
        subcode: None,
        message: format!("nobody who can manage {asset} would remain"),
        trace: None,
        remedy: remedy.to_owned(),
    }
}

fn direct_admin(script: &mut Script<'_>, asset: &Asset, removed: &[PersonId]) -> Run<Remains> {
    if !has_roles(asset.kind) {
        return Ok(Remains::CannotBeSeen);
    }
    let call = Call::RolesOn { page: asset.id.clone() };
    let (_, reply) = script.ask(&call)?;
    if let Reply::GaveUp(error) = reply {
        return Err(script.fail(error));
    }
    let Reply::Answer(Answer::People(people)) = reply else { return Ok(Remains::CannotBeSeen) };
    let stays = people.iter().any(|person| manages(asset.kind, &person.tasks) && !removed.contains(&person.id));
    Ok(if stays { Remains::Yes } else { Remains::Nobody })
}

/// A list may still show whom we removed a moment ago.
pub(super) fn removed_lately(script: &mut Script<'_>, asset: &Asset) -> Run<Vec<PersonId>> {
    let since = script.started_at() - script.rules().settle;
    match script.consult(&Query::RemovedSince { asset: asset.clone(), since })? {
        Fact::Removed(people) => Ok(people),
        Fact::OpenClaims(_)
        | Fact::Denied(_)
        | Fact::Told(_)
        | Fact::Leaving(_)
        | Fact::Deeds(_)
        | Fact::NotKnown
        | Fact::NotAllowed => Ok(Vec::new()),
    }
}
